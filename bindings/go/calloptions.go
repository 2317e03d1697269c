package edgecmp

import "time"

// ReadOption changes one read.
type ReadOption interface{ applyRead(*readOptions) }

// WriteOption changes one write or delete.
type WriteOption interface{ applyWrite(*writeOptions) }

// CallOption changes one read, write or delete.
type CallOption interface {
	ReadOption
	WriteOption
}

// setDuration parts "not given" from a zero that was asked for, which must
// reach core to be refused there.
type setDuration struct {
	value time.Duration
	given bool
}

type setVersion struct {
	value Version
	given bool
}

type callOptions struct {
	timeout     setDuration
	traceparent string
}

type readOptions struct {
	callOptions
	bound, outage setDuration
	widen         bool
	minVersion    Version
}

type writeOptions struct {
	callOptions
	ifVersion      setVersion
	idempotencyKey string
}

// A separate function, so that only reads with options pay for memory on the
// heap: what is passed to an interface method escapes there.
func collectRead(opts []ReadOption) readOptions {
	var o readOptions
	for _, opt := range opts {
		opt.applyRead(&o)
	}
	return o
}

func collectWrite(opts []WriteOption) writeOptions {
	var o writeOptions
	for _, opt := range opts {
		opt.applyWrite(&o)
	}
	return o
}

type (
	readOption  func(*readOptions)
	writeOption func(*writeOptions)
	callOption  func(*callOptions)
)

func (f readOption) applyRead(o *readOptions)    { f(o) }
func (f writeOption) applyWrite(o *writeOptions) { f(o) }
func (f callOption) applyRead(o *readOptions)    { f(&o.callOptions) }
func (f callOption) applyWrite(o *writeOptions)  { f(&o.callOptions) }

// WithTimeout replaces Options.ReadTimeout or WriteTimeout for this call. The
// context's deadline still ends the wait if it comes first.
func WithTimeout(timeout time.Duration) CallOption {
	return callOption(func(o *callOptions) { o.timeout = setDuration{timeout, true} })
}

// WithTraceparent passes a W3C trace context on to the origin, in the form of
// the traceparent header.
func WithTraceparent(traceparent string) CallOption {
	return callOption(func(o *callOptions) { o.traceparent = traceparent })
}

// WithStalenessBound tightens the staleness bound for this read, at least to
// 1 ms; a bound wider than the cache's has no effect.
func WithStalenessBound(bound time.Duration) ReadOption {
	return readOption(func(o *readOptions) { o.bound, o.widen = setDuration{bound, true}, false })
}

// WithWiderStalenessBound sets the staleness bound for this read even beyond
// the cache's: the caller says expressly that older is good enough.
func WithWiderStalenessBound(bound time.Duration) ReadOption {
	return readOption(func(o *readOptions) { o.bound, o.widen = setDuration{bound, true}, true })
}

// WithOutageBound sets how old a degraded answer of this read may be while the
// origin is away; 0 refuses degraded answers.
func WithOutageBound(bound time.Duration) ReadOption {
	return readOption(func(o *readOptions) { o.outage = setDuration{bound, true} })
}

// WithMinVersion demands this version or a later one: read your writes across
// caches. [ErrVersionNotReached] if the origin itself is still below it.
func WithMinVersion(version Version) ReadOption {
	return readOption(func(o *readOptions) { o.minVersion = version })
}

// WithIdempotencyKey names the write, so that repeating it with the same key
// does not write twice. Unless given, each write gets a random one.
func WithIdempotencyKey(key string) WriteOption {
	return writeOption(func(o *writeOptions) { o.idempotencyKey = key })
}

// WithIfVersion writes only if this version is the present one, else
// [ErrConflict].
func WithIfVersion(version Version) WriteOption {
	return writeOption(func(o *writeOptions) { o.ifVersion = setVersion{version, true} })
}
