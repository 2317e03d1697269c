package edgecmp

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Cache is an open cache. Its methods may be called from any number of
// goroutines at once, also during and after Close: then they are [ErrClosed].
type Cache struct {
	native  *native
	loaders *loaders // nil unless the origin is a Loader

	closing sync.Once
	closed  chan struct{} // closed when everything has ended
}

// Open opens a cache. It neither blocks nor asks the origin; ctx bounds
// nothing but this call, and gives a Loader's calls their values. The cache
// must be closed.
//
// An option outside its range is [ErrInvalidArgument], and a name in
// Options.ByName that the library does not know [ErrUnknownOption].
func Open(ctx context.Context, options Options) (*Cache, error) {
	if ctx.Err() != nil {
		return nil, contextError(ctx, "the cache to open")
	}
	settings, err := options.settings()
	if err != nil {
		return nil, err
	}
	c := &Cache{closed: make(chan struct{})}
	var serve func(*C.edgecmp_event)
	var writable bool
	if options.Loader != nil {
		if options.Origin != "" {
			return nil, invalid("origin", "a URL", "empty, if there is a Loader")
		}
		c.loaders = newLoaders(ctx, options.Loader)
		serve = c.loaders.serve
		_, writable = options.Loader.(Writer)
	}
	if c.native, err = openNative(settings, serve, writable); err != nil {
		return nil, err
	}
	return c, nil
}

// closePatience bounds a Close whose context has no deadline.
const closePatience = 10 * time.Second

// Close ends the cache: calls in progress and all later ones are [ErrClosed],
// the contexts of loaders end, and so do the cache's goroutine and its thread.
// It waits for them until ctx ends, at most 10 s if ctx has no deadline, and
// then returns an error that says so; they go on ending by themselves.
//
// Entries stay valid. Close may be called again, to wait longer. A Cache that
// Open did not make has nothing to end: a deferred Close may come before the
// error of Open is looked at.
func (c *Cache) Close(ctx context.Context) error {
	if c == nil || c.native == nil {
		return nil
	}
	c.closing.Do(func() { go c.end() })
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, closePatience)
		defer cancel()
	}
	select {
	case <-c.closed:
		return nil
	case <-ctx.Done():
		return contextError(ctx, "loaders and the library's thread to end")
	}
}

// end ends everything, in the order in which one part needs the other.
func (c *Cache) end() {
	defer runtime.KeepAlive(c)
	// Every call in progress gets its event by this, without waiting.
	running := !c.native.close(0)
	if c.loaders != nil {
		c.loaders.cancel()
	}
	// Slices, so that the wait does not hold a thread for long.
	for deadline := time.Now().Add(closePatience); running && time.Now().Before(deadline); {
		running = !c.native.close(20 * time.Millisecond)
	}
	c.native.events.stop()
	if c.loaders != nil {
		c.loaders.wait()
	}
	c.native.end()
	close(c.closed)
}

// Invalidate makes what is cached of a key count no longer: the next read
// asks the origin.
func (c *Cache) Invalidate(key string) error {
	defer runtime.KeepAlive(c)
	return c.native.invalidate(key)
}

// Stats returns the statistics; it also works after Close.
func (c *Cache) Stats() (Stats, error) {
	defer runtime.KeepAlive(c)
	return c.native.stats()
}

// MetricsText returns the statistics in the Prometheus text exposition format
// 0.0.4.
func (c *Cache) MetricsText() (string, error) {
	defer runtime.KeepAlive(c)
	return c.native.metricsText()
}
