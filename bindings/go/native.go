package edgecmp

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"strings"
	"time"
	"unsafe"
)

// What passes between Go and C: texts, versions, receipts, errors.

// takeError turns an error of the library into one of Go, and frees it.
func takeError(failure *C.edgecmp_error) error {
	defer C.edgecmp_error_free(failure)
	return copyError(failure)
}

func copyError(failure *C.edgecmp_error) error {
	return &Error{
		Code:           Code(C.edgecmp_error_code(failure)),
		Message:        C.GoString(C.edgecmp_error_message(failure)),
		Retriable:      bool(C.edgecmp_error_retriable(failure)),
		IdempotencyKey: C.GoString(C.edgecmp_error_idempotency_key(failure)),
	}
}

// newText copies a text to C. It must be freed. A NUL would cut the text short
// in silence, and is refused; the text is not shown, as it may be a password.
func newText(field, text string) (*C.char, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, invalid(field, "text with a NUL", "text without NUL")
	}
	return C.CString(text), nil
}

// optionalText is newText, with NULL for none.
func optionalText(field, text string) (*C.char, error) {
	if text == "" {
		return nil, nil
	}
	return newText(field, text)
}

func freeText(text *C.char) { C.free(unsafe.Pointer(text)) }

// nanoseconds writes a duration as C has it. Core refuses zero where it is not
// allowed; below zero there is no number to hand over.
func nanoseconds(field string, d setDuration) (C.uint64_t, error) {
	switch {
	case !d.given:
		return C.EDGECMP_DEFAULT, nil
	case d.value < 0:
		return 0, invalid(field, d.value.String(), "a duration that is not negative")
	}
	return C.uint64_t(d.value), nil
}

func goDuration(nanos C.uint64_t) time.Duration {
	return time.Duration(min(nanos, 1<<63-1))
}

func goVersion(v C.edgecmp_u128) Version {
	return Version{High: uint64(v.high), Low: uint64(v.low)}
}

func cVersion(v Version) C.edgecmp_u128 {
	return C.edgecmp_u128{high: C.uint64_t(v.High), low: C.uint64_t(v.Low)}
}

// setReceipt writes all of a receipt, in place.
func setReceipt(receipt *Receipt, r *C.edgecmp_receipt) {
	receipt.Version = goVersion(r.version)
	receipt.Staleness = goDuration(r.staleness_ns)
	receipt.Bound = goDuration(r.bound_ns)
	receipt.Source = Source(r.source)
	receipt.Proof = Proof(r.proof)
	receipt.Degraded = bool(r.degraded)
	if r.last_modified_at_ms >= 0 {
		receipt.LastModified = time.UnixMilli(int64(r.last_modified_at_ms))
	} else if receipt.LastModified != (time.Time{}) {
		// Not for every read: it has a pointer, which the collector wants to hear of.
		receipt.LastModified = time.Time{}
	}
}

// The bytes of a string, which the library reads during the call only.
func textBytes(s string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(s))), C.size_t(len(s))
}

// view is memory of the library as a slice: valid as long as its owner. The
// address may be none if there are no bytes, and then must not become a pointer.
func view(data C.uintptr_t, length C.size_t) []byte {
	if length == 0 {
		return []byte{}
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&data)), int(length))
}

// viewSlice is view for what the library points to itself.
func viewSlice(s *C.edgecmp_slice) []byte {
	if s.len == 0 {
		return []byte{} // without a look at the address
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(s.data)), int(s.len))
}

// asError and asValue are what integers in the shim's structs are addresses of:
// memory of the library, which does not move.
func asError(address C.uintptr_t) *C.edgecmp_error {
	return *(**C.edgecmp_error)(unsafe.Pointer(&address))
}

func asValue(address C.uintptr_t) *C.edgecmp_value {
	return *(**C.edgecmp_value)(unsafe.Pointer(&address))
}
