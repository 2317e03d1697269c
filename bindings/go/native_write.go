package edgecmp

// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"unsafe"
)

// write starts a set or a delete and waits for its end.
func (n *native) write(ctx context.Context, key string, value []byte, remove bool, o *writeOptions) (Version, error) {
	timeout, err := nanoseconds("timeout", o.timeout)
	if err != nil {
		return Version{}, err
	}
	idempotencyKey, err := optionalText("idempotency_key", o.idempotencyKey)
	if err != nil {
		return Version{}, err
	}
	defer freeText(idempotencyKey)
	traceparent, err := optionalText("traceparent", o.traceparent)
	if err != nil {
		return Version{}, err
	}
	defer freeText(traceparent)
	options := C.edgecmp_write_options{
		struct_size:     C.size_t(unsafe.Sizeof(C.edgecmp_write_options{})),
		idempotency_key: idempotencyKey,
		if_version:      cVersion(o.ifVersion.value),
		timeout_ns:      timeout,
		traceparent:     traceparent,
	}
	data, length := textBytes(key)
	event, end, err := n.start(ctx, func(tag C.uint64_t, failure **C.edgecmp_error) C.edgecmp_status {
		if remove {
			return C.edgecmp_delete_start(n.cache, unsafe.Pointer(data), length, &options,
				n.events.queue, tag, failure)
		}
		return C.edgecmp_set_start(n.cache, unsafe.Pointer(data), length,
			unsafe.Pointer(unsafe.SliceData(value)), C.size_t(len(value)), &options,
			n.events.queue, tag, failure)
	})
	if end == abandoned {
		return Version{}, abandonedWrite(err, o.idempotencyKey)
	}
	var failure *Error
	if ctx.Err() != nil && errors.As(err, &failure) && failure.Code == ErrUnknownOutcome {
		failure.cause = contextError(ctx, "the origin's answer")
	}
	if err != nil {
		return Version{}, err
	}
	return goVersion(event.version), nil
}

// invalidate makes what is cached of a key count no longer.
func (n *native) invalidate(key string) error {
	data, length := textBytes(key)
	var failure *C.edgecmp_error
	if C.edgecmp_invalidate(n.cache, unsafe.Pointer(data), length, &failure) != C.EDGECMP_OK {
		return takeError(failure)
	}
	return nil
}
