package edgecmp

// #include "shim.h"
import "C"

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// native is an open cache of the library. It is freed when nothing refers to
// it any more, and not by Close: a read that another goroutine has just begun
// then needs no lock and no count to be safe from Close.
type native struct {
	cache   *C.edgecmp_cache
	address C.uintptr_t // the same: of a pointer the runtime looks where it points, at each call
	events  *completions
	ended   *atomic.Bool

	// Whether values were seen that are larger than stackBytes, or scratchBytes.
	large, huge atomic.Bool

	// As the library has them, defaults included.
	readTimeout, writeTimeout time.Duration
}

// openNative opens a cache with these settings. If serve is not nil, the
// origin is Go's: its calls arrive as events.
func openNative(settings []setting, serve func(*C.edgecmp_event), writable bool) (*native, error) {
	options, err := newOptions(settings)
	if err != nil {
		return nil, err
	}
	defer C.edgecmp_options_free(options)
	events, err := newCompletions(serve)
	if err != nil {
		return nil, err
	}
	n := &native{
		events:       events,
		ended:        new(atomic.Bool),
		readTimeout:  durationOption(options, "read_timeout"),
		writeTimeout: durationOption(options, "write_timeout"),
	}
	var failure *C.edgecmp_error
	if serve != nil {
		C.edgecmp_origin_queue(options, events.queue, C.bool(writable), &failure)
	}
	if failure == nil {
		C.edgecmp_open(options, &n.cache, &failure)
	}
	if failure != nil {
		events.wake.Close()
		C.edgecmp_queue_free(events.queue)
		return nil, takeError(failure)
	}
	n.address = C.uintptr_t(uintptr(unsafe.Pointer(n.cache)))
	runtime.AddCleanup(n, freeNative, handles{n.cache, events.queue, n.ended})
	go func() {
		events.run()
		// Until here the goroutine polls the queue that goes with n.
		runtime.KeepAlive(n)
	}()
	return n, nil
}

type handles struct {
	cache *C.edgecmp_cache
	queue *C.edgecmp_queue
	ended *atomic.Bool
}

// The queue goes last: origin calls are delivered to it as long as there is a
// cache.
func freeNative(h handles) {
	C.edgecmp_cache_free(h.cache)
	C.edgecmp_queue_free(h.queue)
	if h.ended.Load() {
		unfreed.Add(-1)
	}
}

// unfreed counts the handles that ended and wait for the collector. They hold
// descriptors and memory that it knows nothing of.
var unfreed atomic.Int64

// manyUnfreed of them are a reason to collect.
const manyUnfreed = 32

// end says that the cache was closed: all that is left is to free the handles.
func (n *native) end() {
	n.ended.Store(true)
	if unfreed.Add(1) >= manyUnfreed {
		runtime.GC()
	}
}

// close closes the cache, waiting as long for its thread; false: it still runs.
// It can be called again, and from any goroutine.
func (n *native) close(timeout time.Duration) bool {
	return C.edgecmp_close(n.cache, C.uint64_t(timeout), nil) != C.EDGECMP_PENDING
}

// newOptions must be freed.
func newOptions(settings []setting) (*C.edgecmp_options, error) {
	options := C.edgecmp_options_new()
	for _, s := range settings {
		if err := setOption(options, s); err != nil {
			C.edgecmp_options_free(options)
			return nil, err
		}
	}
	return options, nil
}

func setOption(options *C.edgecmp_options, s setting) error {
	name, err := newText("option name", s.name)
	if err != nil {
		return err
	}
	defer freeText(name)
	value, err := newText(s.name, s.text)
	if err != nil {
		return err
	}
	defer freeText(value)
	var failure *C.edgecmp_error
	if C.edgecmp_options_set(options, name, value, &failure) != C.EDGECMP_OK {
		return takeError(failure)
	}
	return nil
}

// durationOption reads a duration that the library writes, at most of hours.
func durationOption(options *C.edgecmp_options, name string) time.Duration {
	cname := C.CString(name)
	defer freeText(cname)
	var text *C.char
	C.edgecmp_options_get(options, cname, &text, nil)
	defer C.edgecmp_string_free(text)
	// A test holds that it can be read.
	d, _ := time.ParseDuration(C.GoString(text))
	return d
}
