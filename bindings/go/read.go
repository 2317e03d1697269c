package edgecmp

import (
	"context"
	"runtime"
	"time"
)

// Get reads a key: from the cache if it can prove its value within the
// staleness bound, else from the origin, as long as ctx and the read timeout
// allow. If the origin has no such key it returns an entry without a value,
// for its receipt, and [ErrNotFound]. With any other error the entry is nil.
//
// The end of ctx ends the wait at once; the request to the origin goes on for
// the other readers of the key.
func (c *Cache) Get(ctx context.Context, key string, opts ...ReadOption) (*Entry, error) {
	if len(opts) > 0 {
		return c.getAsked(ctx, key, opts)
	}
	// The common read: nothing to translate, nothing to free.
	if ctx.Err() != nil {
		return nil, contextError(ctx, "nothing yet: it had ended before")
	}
	entry, err := c.native.lookup(key, nil)
	if err == ErrMiss {
		entry, err = c.load(ctx, key, nil)
	}
	runtime.KeepAlive(c)
	return entry, err
}

func (c *Cache) getAsked(ctx context.Context, key string, opts []ReadOption) (*Entry, error) {
	defer runtime.KeepAlive(c)
	if ctx.Err() != nil {
		return nil, contextError(ctx, "nothing yet: it had ended before")
	}
	read, err := newRead(opts)
	if err != nil {
		return nil, err
	}
	defer read.free()
	entry, err := c.native.lookup(key, read.shim())
	if err != ErrMiss {
		return entry, err
	}
	return c.load(ctx, key, read)
}

// load waits for the origin.
func (c *Cache) load(ctx context.Context, key string, read *nativeRead) (*Entry, error) {
	timeout, err := timeLeft(ctx, read.timeout(), c.native.readTimeout)
	if err != nil {
		return nil, err
	}
	return c.native.load(ctx, key, read, timeout)
}

// GetMany reads many keys, with at most one batch of requests to the origin
// for all that the cache cannot answer. Results come in the order of keys;
// each has an entry or an error of its own. The error of the call is for bad
// options, a closed cache and the end of ctx.
func (c *Cache) GetMany(ctx context.Context, keys []string, opts ...ReadOption) ([]Result, error) {
	defer runtime.KeepAlive(c)
	if ctx.Err() != nil {
		return nil, contextError(ctx, "nothing yet: it had ended before")
	}
	read, err := newRead(opts)
	if err != nil {
		return nil, err
	}
	defer read.free()
	timeout, err := timeLeft(ctx, read.timeout(), c.native.readTimeout)
	if err != nil {
		return nil, err
	}
	return c.native.loadMany(ctx, keys, read, timeout)
}

// Lookup reads a key from the cache alone and never blocks: an entry as Get
// returns it, or [ErrMiss] if only the origin could answer. A miss asks nobody.
func (c *Cache) Lookup(key string, opts ...ReadOption) (entry *Entry, err error) {
	if len(opts) == 0 {
		entry, err = c.native.lookup(key, nil)
	} else {
		err = reading(opts, func(read *nativeRead) error {
			entry, err = c.native.lookup(key, read.shim())
			return err
		})
	}
	runtime.KeepAlive(c)
	return entry, err
}

// LookupInto is Lookup into an entry of the caller's: the cheapest read, which
// allocates nothing if entry.Value has the capacity. Whatever it returns, what
// the entry held before is gone, the bytes of its Value included; after an
// error other than [ErrNotFound] what it holds means nothing.
func (c *Cache) LookupInto(key string, entry *Entry, opts ...ReadOption) (err error) {
	if len(opts) == 0 {
		err = c.native.lookupInto(key, nil, entry)
	} else {
		err = reading(opts, func(read *nativeRead) error {
			return c.native.lookupInto(key, read.shim(), entry)
		})
	}
	runtime.KeepAlive(c)
	return err
}

// View is Lookup without an allocation: fn sees bytes that are borrowed, the
// cache's own if they are many. It must not change them, nor keep them after it
// returns. View returns what fn does, or [ErrMiss], or [ErrNotFound], without a
// call of fn.
func (c *Cache) View(key string, fn func(value []byte, receipt Receipt) error, opts ...ReadOption) (err error) {
	if len(opts) == 0 {
		err = c.native.view(key, nil, fn)
	} else {
		err = reading(opts, func(read *nativeRead) error { return c.native.view(key, read.shim(), fn) })
	}
	runtime.KeepAlive(c)
	return err
}

// reading makes a read with options.
func reading(opts []ReadOption, call func(*nativeRead) error) error {
	read, err := newRead(opts)
	if err != nil {
		return err
	}
	defer read.free()
	return call(read)
}

// timeLeft is how long a call may wait: what it asked for, or the cache's
// default, and no longer than its context.
func timeLeft(ctx context.Context, asked setDuration, otherwise time.Duration) (setDuration, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return asked, nil
	}
	left := time.Until(deadline)
	if left <= 0 {
		// The deadline is past, and the context's own timer has not run yet.
		e := newError(ErrDeadlineExceeded, "the caller's context had ended before the origin was asked")
		e.cause = context.DeadlineExceeded
		return asked, e
	}
	limit := otherwise
	if asked.given {
		limit = asked.value
	}
	if left < limit {
		return setDuration{left, true}, nil
	}
	return asked, nil
}
