package edgecmp

import "context"

// Loader is an origin written in Go. Each call runs in a goroutine of its own,
// Options.OriginConcurrency of them at once, and at most one per key.
//
// G1 rests on it: what Load returns must have been current at some instant
// after the call began, and once a write is visible every later call sees it.
//
// The context ends with Options.OriginTimeout and when the cache is closed; an
// answer after that is dropped. A panic is recovered and fails the call.
type Loader interface {
	// Load returns the present value of a key. [ErrNotFound], also wrapped, says
	// that there is none, and LoadResult.Version then is the version of the
	// delete. An error that is one of ErrOriginUnavailable, ErrOriginRejected,
	// ErrOriginProtocol, ErrOverloaded or ErrUnsupported keeps its code, any
	// other is ErrOriginUnavailable and may be retried.
	Load(ctx context.Context, request LoadRequest) (LoadResult, error)
}

// LoaderFunc is a function as a [Loader].
type LoaderFunc func(ctx context.Context, request LoadRequest) (LoadResult, error)

// Load calls f.
func (f LoaderFunc) Load(ctx context.Context, request LoadRequest) (LoadResult, error) {
	return f(ctx, request)
}

// LoadRequest asks a [Loader] for one key.
type LoadRequest struct {
	// Key is what to load.
	Key string
	// KnownVersion is the version in the cache, zero if there is none. If it is
	// still current, LoadResult.Unchanged spares the value.
	KnownVersion Version
	// Traceparent is the W3C trace context of the read, if it has one.
	Traceparent string
}

// LoadResult answers a [LoadRequest].
type LoadResult struct {
	// Value is copied; the loader may use it again.
	Value []byte
	// Version of the value. If it is zero, values are compared byte by byte.
	Version Version
	// Unchanged: KnownVersion is still current. Value is then ignored.
	Unchanged bool
}

// Writer is what a [Loader] also implements to take writes. Without it, Set
// and Delete are [ErrUnsupported].
type Writer interface {
	// Write returns after the commit, with the version of the write (zero if it
	// has none). Errors keep their code as those of Load do, and ErrConflict
	// says that IfVersion is not current. Any error but ErrConflict,
	// ErrOriginRejected and ErrUnsupported leaves the outcome unknown: the
	// caller retries with the same IdempotencyKey.
	Write(ctx context.Context, request WriteRequest) (Version, error)
}

// WriteRequest asks a [Writer] for a write or a delete.
type WriteRequest struct {
	// Key is what to write.
	Key string
	// Value to write; it is the writer's to keep. Nil if Delete.
	Value []byte
	// Delete asks to remove the key.
	Delete bool
	// IdempotencyKey: a second request with the same one must not write twice.
	IdempotencyKey string
	// IfVersion: write only if this version is current. Nil: write anyway.
	IfVersion *Version
	// Traceparent is the W3C trace context of the caller, if it has one.
	Traceparent string
}
