package edgecmp

import (
	"context"
	"errors"
)

// Two answers that are no failures, and so have no code.
var (
	// ErrNotFound: the origin has no such key. The entry that comes with it has
	// no value but a receipt: absence is bounded in staleness as values are.
	ErrNotFound = errors.New("edgecmp: the origin has no such key")
	// ErrMiss: [Cache.Lookup] or [Cache.View] found nothing that may be served
	// without asking the origin.
	ErrMiss = errors.New("edgecmp: not in the cache within its bound")
)

// Error is what failed calls return. It is a value: safe to keep, and to use
// from any goroutine.
type Error struct {
	// Code is for programs; [errors.Is] compares with it.
	Code Code
	// Message is for people. It holds no secret and no cached value.
	Message string
	// Retriable: the same call may succeed later without a change to it.
	Retriable bool
	// IdempotencyKey is set after a write of unknown outcome: a retry with
	// [WithIdempotencyKey] does not write twice.
	IdempotencyKey string

	// cause is what ended the wait, such as the cause of the caller's context.
	cause error
}

func newError(code Code, message string) *Error {
	return &Error{Code: code, Message: message, Retriable: code.Retriable()}
}

// invalid is an INVALID_ARGUMENT in the words that core uses.
func invalid(field, got, allowed string) *Error {
	return newError(ErrInvalidArgument, field+": got "+got+"; allowed: "+allowed)
}

// Error implements error.
func (e *Error) Error() string {
	return "edgecmp: " + e.Code.Error() + ": " + e.Message
}

// Is reports whether e has the code target. Deadlines and cancellations are
// also those of package context: callers need not know who noticed first.
func (e *Error) Is(target error) bool {
	switch target {
	case e.Code:
		return true
	case context.DeadlineExceeded:
		return e.Code == ErrDeadlineExceeded
	case context.Canceled:
		return e.Code == ErrCancelled
	}
	return false
}

// Unwrap returns what ended the wait, such as the cause of the caller's
// context, if something did.
func (e *Error) Unwrap() error { return e.cause }

// contextError is the error of a call whose context ended before its answer.
func contextError(ctx context.Context, waitedFor string) *Error {
	code := ErrCancelled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = ErrDeadlineExceeded
	}
	e := newError(code, "the caller's context ended while waiting for "+waitedFor)
	e.cause = context.Cause(ctx)
	return e
}

// abandonedWrite is the error of a write that nobody waited for to its end. It
// may have been sent, so nobody here knows whether it happened.
func abandonedWrite(why error, idempotencyKey string) *Error {
	e := newError(ErrUnknownOutcome, "the wait ended before the origin's answer ("+why.Error()+
		"); a retry with the same idempotency key does not write twice")
	e.IdempotencyKey = idempotencyKey
	e.cause = why
	return e
}
