package edgecmp

import (
	"context"
	"runtime"
)

// Set writes a value through to the origin and returns its version (zero if
// the origin names none) after the commit. Later reads of this cache return
// this version or a later one; [WithMinVersion] carries that to other caches.
//
// If the outcome is unknown, also because ctx ended, the error is
// [ErrUnknownOutcome] and carries the idempotency key with which a retry does
// not write twice:
//
//	var failed *edgecmp.Error
//	if errors.As(err, &failed) && failed.Code == edgecmp.ErrUnknownOutcome {
//		version, err = cache.Set(ctx, key, value, edgecmp.WithIdempotencyKey(failed.IdempotencyKey))
//	}
//
// The value is copied; it may be nil or empty.
func (c *Cache) Set(ctx context.Context, key string, value []byte, opts ...WriteOption) (Version, error) {
	return c.write(ctx, key, value, false, opts)
}

// Delete removes a key at the origin and returns the version of the delete;
// otherwise it is as Set.
func (c *Cache) Delete(ctx context.Context, key string, opts ...WriteOption) (Version, error) {
	return c.write(ctx, key, nil, true, opts)
}

func (c *Cache) write(ctx context.Context, key string, value []byte, remove bool, opts []WriteOption) (Version, error) {
	defer runtime.KeepAlive(c)
	if ctx.Err() != nil {
		return Version{}, contextError(ctx, "nothing yet: it had ended before")
	}
	o := collectWrite(opts)
	if o.ifVersion.given && o.ifVersion.value.IsZero() {
		return Version{}, invalid("if_version", "none", "the version of an entry that was read")
	}
	var err error
	if o.timeout, err = timeLeft(ctx, o.timeout, c.native.writeTimeout); err != nil {
		return Version{}, err
	}
	return c.native.write(ctx, key, value, remove, &o)
}
