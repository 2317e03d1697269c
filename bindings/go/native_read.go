package edgecmp

// #cgo noescape edgecmp_go_lookup
// #cgo nocallback edgecmp_go_lookup
// #cgo noescape edgecmp_go_borrow
// #cgo nocallback edgecmp_go_borrow
// #include "shim.h"
import "C"

import (
	"bytes"
	"sync"
	"unsafe"
)

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

// The crossing of a read. Values of up to stackBytes come by way of the
// goroutine's stack, until the cache is seen to have larger ones: then, up to
// scratchBytes, by way of a buffer that is used again and needs no clearing.
// Larger ones still take a second crossing.
const (
	stackBytes   = 256
	scratchBytes = 4096
)

var scratches = sync.Pool{New: func() any { return new([scratchBytes]byte) }}

// read reads a key from the cache alone. The value is in room if it has room
// enough: size is that of the whole. [ErrMiss] and [ErrNotFound] are as for
// lookup; receipt is written unless it is an error other than ErrNotFound.
func (n *native) read(key string, options *C.edgecmp_go_read, room []byte, receipt *Receipt) (size int, err error) {
	var hit C.edgecmp_go_hit
	data, length := textBytes(key)
	status := C.edgecmp_go_lookup(n.address, data, length, options,
		(*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(room))), C.size_t(len(room)), &hit)
	if status != C.EDGECMP_OK {
		return 0, notRead(status, hit.error)
	}
	setReceipt(receipt, &hit.receipt)
	if !bool(hit.receipt.found) {
		return 0, ErrNotFound
	}
	return int(hit.value_len), nil
}

func notRead(status C.int, failure C.uintptr_t) error {
	if status == C.EDGECMP_MISS {
		return ErrMiss
	}
	return takeError(asError(failure))
}

// lookup reads a key from the cache alone; [ErrMiss] if it may not answer.
func (n *native) lookup(key string, options *C.edgecmp_go_read) (*Entry, error) {
	if n.large.Load() {
		return n.lookupLarge(key, options)
	}
	var stack [stackBytes]byte
	var receipt Receipt
	size, err := n.read(key, options, stack[:], &receipt)
	switch {
	case err == nil && size <= stackBytes:
		entry := newEntry(stack[:size])
		entry.Key, entry.Receipt = key, receipt
		return entry, nil
	case err == nil:
		n.large.Store(true)
		return n.lookupLarge(key, options)
	case err == ErrNotFound:
		return &Entry{Key: key, Receipt: receipt}, err
	}
	return nil, err
}

func (n *native) lookupLarge(key string, options *C.edgecmp_go_read) (*Entry, error) {
	scratch := scratches.Get().(*[scratchBytes]byte)
	defer scratches.Put(scratch)
	var receipt Receipt
	room, owned := scratch[:], false
	for {
		size, err := n.read(key, options, room, &receipt)
		switch {
		case err == ErrNotFound:
			return &Entry{Key: key, Receipt: receipt}, err
		case err != nil:
			return nil, err
		case size > len(room):
			// Whoever replaces the value meanwhile may make it larger still.
			room, owned = make([]byte, size), true
			continue
		case owned:
			return &Entry{Key: key, Value: room[:size:size], Receipt: receipt}, nil
		}
		entry := newEntry(room[:size])
		entry.Key, entry.Receipt = key, receipt
		return entry, nil
	}
}

// newEntry copies a value into an entry; small ones into one and the same
// piece of memory.
func newEntry(value []byte) *Entry {
	switch size := len(value); {
	case size <= 64:
		e := new(struct {
			Entry
			room [64]byte
		})
		e.Value = e.room[:copy(e.room[:], value):size]
		return &e.Entry
	case size <= 128:
		e := new(struct {
			Entry
			room [128]byte
		})
		e.Value = e.room[:copy(e.room[:], value):size]
		return &e.Entry
	}
	return &Entry{Value: bytes.Clone(value)}
}

// lookupInto is lookup into an entry of the caller's, whose Value has room for
// what is read, or gets more.
func (n *native) lookupInto(key string, options *C.edgecmp_go_read, entry *Entry) error {
	room := entry.Value[:cap(entry.Value)]
	for {
		size, err := n.read(key, options, room, &entry.Receipt)
		switch {
		case err == nil && size <= len(room) && room != nil:
			entry.Key, entry.Value = key, room[:size]
			return nil
		case err == nil:
			room = make([]byte, size)
		case err == ErrNotFound:
			entry.Key, entry.Value = key, nil
			return err
		default:
			return err
		}
	}
}

// view hands the bytes of a hit to fn: small ones in a buffer of its own, which
// costs less than a second crossing to give back the cache's own.
func (n *native) view(key string, options *C.edgecmp_go_read, fn func([]byte, Receipt) error) error {
	if n.huge.Load() {
		return n.borrow(key, options, fn)
	}
	scratch := scratches.Get().(*[scratchBytes]byte)
	var receipt Receipt
	size, err := n.read(key, options, scratch[:], &receipt)
	switch {
	case err != nil:
	case size > scratchBytes:
		n.huge.Store(true)
		err = n.borrow(key, options, fn)
	default:
		// If it panics, the buffer is the collector's.
		err = fn(scratch[:size:size], receipt)
	}
	scratches.Put(scratch)
	return err
}

// borrow hands the cache's own bytes to fn.
func (n *native) borrow(key string, options *C.edgecmp_go_read, fn func([]byte, Receipt) error) error {
	data, length := textBytes(key)
	var row C.edgecmp_go_row
	if status := C.edgecmp_go_borrow(n.address, data, length, options, &row); status != C.EDGECMP_OK {
		return notRead(status, row.error)
	}
	// Also when fn panics.
	defer C.edgecmp_value_release(asValue(row.owner))
	if !bool(row.receipt.found) {
		return ErrNotFound
	}
	var receipt Receipt
	setReceipt(&receipt, &row.receipt)
	return fn(view(row.data, row.len), receipt)
}
