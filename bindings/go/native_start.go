package edgecmp

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"time"
	"unsafe"
)

// verdictGrace is how long a call whose context's deadline has come waits for
// the library's own verdict, which is due at the same instant and knows more:
// what it waited for, and whether a write was sent at all.
const verdictGrace = 20 * time.Millisecond

var errClosed = newError(ErrClosed, "the cache was closed")

// ending is how a call that was started has ended.
type ending int

const (
	refused   ending = iota // it never began
	atOnce                  // it had its answer at once, and no event comes
	answered                // the library's event says how
	abandoned               // nobody waits any more; the library goes on with it
)

// start begins a call that the library may end later, and waits for its end.
// begin makes the call with a tag and returns its status. What the event of
// an answered call holds is the caller's.
func (n *native) start(
	ctx context.Context,
	begin func(tag C.uint64_t, failure **C.edgecmp_error) C.edgecmp_status,
) (C.edgecmp_event, ending, error) {
	w := n.events.begin()
	if w == nil {
		return C.edgecmp_event{}, refused, errClosed
	}
	var failure *C.edgecmp_error
	switch begin(C.uint64_t(w.tag), &failure) {
	case C.EDGECMP_OK:
		n.events.forget(w)
		return C.edgecmp_event{}, atOnce, nil
	case C.EDGECMP_PENDING:
	default:
		n.events.forget(w)
		return C.edgecmp_event{}, refused, takeError(failure)
	}
	event, ended := n.await(ctx, w)
	switch {
	case !ended:
		return event, abandoned, contextError(ctx, "the origin's answer")
	case event.kind != C.EDGECMP_EVENT_FAILED:
		return event, answered, nil
	case event.error == nil:
		return event, abandoned, errClosed
	}
	return event, answered, takeError(event.error)
}

// await waits for the event of a call. False: ctx ended first.
func (n *native) await(ctx context.Context, w *waiter) (C.edgecmp_event, bool) {
	select {
	case event := <-w.done:
		return event, true
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		grace := time.NewTimer(verdictGrace)
		defer grace.Stop()
		select {
		case event := <-w.done:
			return event, true
		case <-grace.C:
		}
	}
	// The library ends the call now and says how: a write that was sent has an
	// unknown outcome, and the event carries the key to retry it with.
	C.edgecmp_cancel(n.events.queue, C.uint64_t(w.tag), nil)
	event := <-w.done
	if event.error != nil && Code(C.edgecmp_error_code(event.error)) == ErrCancelled {
		C.edgecmp_error_free(event.error)
		return C.edgecmp_event{}, false
	}
	return event, true
}

// load reads a key and waits for the origin if need be.
func (n *native) load(ctx context.Context, key string, read *nativeRead, timeout setDuration) (*Entry, error) {
	options := read.options()
	var err error
	if options.timeout_ns, err = nanoseconds("timeout", timeout); err != nil {
		return nil, err
	}
	data, length := textBytes(key)
	var value *C.edgecmp_value
	event, end, err := n.start(ctx, func(tag C.uint64_t, failure **C.edgecmp_error) C.edgecmp_status {
		return C.edgecmp_get_start(n.cache, unsafe.Pointer(data), length, &options,
			n.events.queue, tag, &value, failure)
	})
	if err != nil {
		return nil, err
	}
	if end == answered {
		value = event.value
	}
	return takeValue(key, value)
}

// loadMany reads many keys and waits for the origin if need be.
func (n *native) loadMany(ctx context.Context, keys []string, read *nativeRead, timeout setDuration) ([]Result, error) {
	options := read.options()
	var err error
	if options.timeout_ns, err = nanoseconds("timeout", timeout); err != nil {
		return nil, err
	}
	slices := newSlices(keys)
	defer C.free(unsafe.Pointer(slices))
	var results *C.edgecmp_results
	event, end, err := n.start(ctx, func(tag C.uint64_t, failure **C.edgecmp_error) C.edgecmp_status {
		return C.edgecmp_get_many_start(n.cache, slices, C.size_t(len(keys)), &options,
			n.events.queue, tag, &results, failure)
	})
	if err != nil {
		return nil, err
	}
	if end == answered {
		results = event.results
	}
	return takeResults(keys, results)
}

// newSlices lays out keys in one block of C memory: an array whose elements
// point into it must not be Go's. It must be freed.
func newSlices(keys []string) *C.edgecmp_slice {
	head := len(keys) * int(unsafe.Sizeof(C.edgecmp_slice{}))
	size := head
	for _, key := range keys {
		size += len(key)
	}
	// C.malloc does not return nil: Go stops the program for want of memory.
	block := C.malloc(C.size_t(max(size, 1)))
	slices := unsafe.Slice((*C.edgecmp_slice)(block), len(keys))
	text := unsafe.Slice((*byte)(block), size)
	// A store of a pointer shows the garbage collector what was there before:
	// what is left in C memory may look like a pointer of Go's.
	clear(text[:head])
	for i, key := range keys {
		slices[i].data = (*C.uint8_t)(unsafe.Add(block, head))
		slices[i].len = C.size_t(len(key))
		head += copy(text[head:], key)
	}
	return (*C.edgecmp_slice)(block)
}
