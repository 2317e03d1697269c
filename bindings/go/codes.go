package edgecmp

import "strconv"

// Code says why a call failed. It is itself an error, so that a code is also
// what errors are compared with:
//
//	if errors.Is(err, edgecmp.ErrOverloaded) { ... }
//
// Numbers are part of the ABI and never change.
type Code int32

// The error codes. They mirror the library's table; a test compares the two.
const (
	// ErrInvalidArgument: an argument or an option is outside what is allowed;
	// the message names the field, the value and the range.
	ErrInvalidArgument Code = 10
	// ErrUnknownOption: no option has this name.
	ErrUnknownOption Code = 11
	// ErrClosed: the cache was closed.
	ErrClosed Code = 12
	// ErrForked: the process forked since the cache was opened.
	ErrForked Code = 13
	// ErrUnsupported: the origin, or this build, does not do what was asked, such
	// as a write to a [Loader] that is no [Writer].
	ErrUnsupported Code = 14
	// ErrDeadlineExceeded: the deadline of the call ended first. It is also
	// [context.DeadlineExceeded].
	ErrDeadlineExceeded Code = 20
	// ErrCancelled: the caller gave up. It is also [context.Canceled].
	ErrCancelled Code = 21
	// ErrOverloaded: too many calls already wait for the origin or for one key.
	ErrOverloaded Code = 22
	// ErrOriginUnavailable: the origin could not be reached, broke the
	// connection, or answered 429 or 5xx.
	ErrOriginUnavailable Code = 30
	// ErrBreakerOpen: the circuit breaker is open; the origin was not asked.
	ErrBreakerOpen Code = 31
	// ErrOriginProtocol: the origin answered what the origin protocol does not
	// allow, or more than MaxResponseBytes.
	ErrOriginProtocol Code = 32
	// ErrOriginRejected: the origin refused the request (most of 4xx).
	ErrOriginRejected Code = 33
	// ErrTooStale: the origin answered too late for the staleness bound.
	ErrTooStale Code = 34
	// ErrVersionNotReached: the origin is still below the read's minimum version.
	ErrVersionNotReached Code = 35
	// ErrUnknownOutcome: the write may or may not have happened. Retry it with
	// the [Error]'s IdempotencyKey and [WithIdempotencyKey].
	ErrUnknownOutcome Code = 40
	// ErrConflict: the write's [WithIfVersion] is not the present version;
	// nothing was written.
	ErrConflict Code = 41
	// ErrInternal: a defect of edgecmp. Please report it.
	ErrInternal Code = 90
)

// Error implements error with the code's name, such as "ORIGIN_UNAVAILABLE".
// A code that the library does not know is shown as its number.
func (c Code) Error() string {
	if row, ok := codeTable()[c]; ok {
		return row.name
	}
	return "CODE_" + strconv.Itoa(int(c))
}

// Retriable says whether the same call may succeed later without a change.
func (c Code) Retriable() bool { return codeTable()[c].retriable }
