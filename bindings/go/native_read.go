package edgecmp

// #cgo noescape edgecmp_go_lookup
// #cgo nocallback edgecmp_go_lookup
// #cgo noescape edgecmp_go_borrow
// #cgo nocallback edgecmp_go_borrow
// #include "shim.h"
import "C"

import "unsafe"

// nativeRead is the options of one read as the shim takes them; it must be
// freed if it was made from options.
type nativeRead struct {
	c     C.edgecmp_go_read
	asked setDuration // the timeout, for what also heeds a context
}

// newRead translates the options of a read; nil if there are none, so that
// the common read has nothing to translate.
func newRead(opts []ReadOption) (*nativeRead, error) {
	if len(opts) == 0 {
		return nil, nil
	}
	o := collectRead(opts)
	read := nativeRead{asked: o.timeout}
	var err error
	set := func(target *C.uint64_t, field string, d setDuration) {
		if err == nil {
			*target, err = nanoseconds(field, d)
		}
	}
	set(&read.c.staleness_bound_ns, "staleness_bound", o.bound)
	set(&read.c.outage_bound_ns, "outage_bound", o.outage)
	set(&read.c.timeout_ns, "timeout", o.timeout)
	if err != nil {
		return nil, err
	}
	read.c.min_version_high = C.uint64_t(o.minVersion.High)
	read.c.min_version_low = C.uint64_t(o.minVersion.Low)
	if o.widen {
		read.c.flags = C.EDGECMP_READ_WIDEN
	}
	traceparent, err := optionalText("traceparent", o.traceparent)
	read.c.traceparent = C.uintptr_t(uintptr(unsafe.Pointer(traceparent)))
	return &read, err
}

func (r *nativeRead) free() {
	if r != nil && r.c.traceparent != 0 {
		freeText(r.text())
	}
}

// text is C memory: its address may rest in an integer.
func (r *nativeRead) text() *C.char {
	return *(**C.char)(unsafe.Pointer(&r.c.traceparent))
}

func (r *nativeRead) timeout() setDuration {
	if r == nil {
		return setDuration{}
	}
	return r.asked
}

// shim is the form that the shim takes; nil for a read without options.
func (r *nativeRead) shim() *C.edgecmp_go_read {
	if r == nil {
		return nil
	}
	return &r.c
}

// options is the form that the library's own calls take.
func (r *nativeRead) options() C.edgecmp_read_options {
	options := C.edgecmp_read_options{
		struct_size:        C.size_t(unsafe.Sizeof(C.edgecmp_read_options{})),
		staleness_bound_ns: C.EDGECMP_DEFAULT,
		outage_bound_ns:    C.EDGECMP_DEFAULT,
		timeout_ns:         C.EDGECMP_DEFAULT,
	}
	if r != nil {
		options.staleness_bound_ns = r.c.staleness_bound_ns
		options.outage_bound_ns = r.c.outage_bound_ns
		options.timeout_ns = r.c.timeout_ns
		options.min_version = C.edgecmp_u128{high: r.c.min_version_high, low: r.c.min_version_low}
		options.flags = r.c.flags
		options.traceparent = r.text()
	}
	return options
}

// inlineBytes is how large a value may be to be read in one crossing: it goes
// by way of the goroutine's stack. Larger ones take a second.
const inlineBytes = 1024

// lookup reads a key from the cache alone; [ErrMiss] if it may not answer.
func (n *native) lookup(key string, read *nativeRead) (*Entry, error) {
	var inline [inlineBytes]byte
	var large []byte // not one variable for both: inline would move to the heap
	options := read.shim()
	data, length := textBytes(key)
	for {
		var hit C.edgecmp_go_hit
		var status C.int
		room := inlineBytes
		if large == nil {
			status = C.edgecmp_go_lookup(n.cache, data, length, options,
				(*C.uint8_t)(unsafe.Pointer(&inline)), inlineBytes, &hit)
		} else {
			room = len(large)
			status = C.edgecmp_go_lookup(n.cache, data, length, options,
				(*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(large))), C.size_t(room), &hit)
		}
		switch status {
		case C.EDGECMP_OK:
		case C.EDGECMP_MISS:
			return nil, ErrMiss
		default:
			return nil, takeError(asError(hit.error))
		}
		size := int(hit.value_len)
		if size > room {
			// Whoever replaces the value meanwhile may make it larger still.
			large = make([]byte, size)
			continue
		}
		entry := &Entry{Key: key, Receipt: goReceipt(&hit.receipt)}
		switch {
		case !bool(hit.receipt.found):
			return entry, ErrNotFound
		case large != nil:
			entry.Value = large[:size:size]
		default:
			entry.Value = append(make([]byte, 0, size), inline[:size]...)
		}
		return entry, nil
	}
}

// view hands the bytes of a hit to fn without copying them.
func (n *native) view(key string, read *nativeRead, fn func([]byte, Receipt) error) error {
	data, length := textBytes(key)
	var row C.edgecmp_go_row
	switch C.edgecmp_go_borrow(n.cache, data, length, read.shim(), &row) {
	case C.EDGECMP_OK:
	case C.EDGECMP_MISS:
		return ErrMiss
	default:
		return takeError(asError(row.error))
	}
	// Also when fn panics.
	defer C.edgecmp_value_release(asValue(row.owner))
	if !bool(row.receipt.found) {
		return ErrNotFound
	}
	return fn(view(row.data, row.len), goReceipt(&row.receipt))
}
