package edgecmp

// #include "shim.h"
import "C"

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"
)

// loaders runs the calls of a Go origin, each in a goroutine of its own.
type loaders struct {
	origin  Loader
	ctx     context.Context // ends with the cache
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newLoaders(ctx context.Context, origin Loader) *loaders {
	l := &loaders{origin: origin}
	// The values of the opener's context, but not its end.
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return l
}

// wait waits for every loader that still runs. No call may arrive any more.
func (l *loaders) wait() { l.running.Wait() }

// serve takes an origin call over from the goroutine that delivers events.
func (l *loaders) serve(event *C.edgecmp_event) {
	call := &originCall{request: event.request, responder: event.responder}
	l.running.Add(1)
	go func() {
		defer l.running.Done()
		ctx, cancel := context.WithTimeout(l.ctx, goDuration(call.request.timeout_ns))
		defer cancel()
		call.serve(ctx, l.origin)
	}()
}

// originCall is one request to the origin, and the right to answer it once.
type originCall struct {
	request   *C.edgecmp_origin_request // lives as long as responder
	responder *C.edgecmp_responder      // nil once answered
}

func (c *originCall) serve(ctx context.Context, origin Loader) {
	// Whatever the loader does, a panic and runtime.Goexit included, somebody
	// waits for an answer.
	defer func() {
		if thrown := recover(); thrown != nil {
			c.fail(fmt.Errorf("the loader panicked: %v", thrown))
		} else if c.responder != nil {
			c.fail(errors.New("the loader ended its goroutine without an answer"))
		}
	}()
	if c.request.operation == C.EDGECMP_OPERATION_FETCH {
		c.load(ctx, origin)
	} else {
		c.write(ctx, origin)
	}
}

func (c *originCall) load(ctx context.Context, origin Loader) {
	result, err := origin.Load(ctx, LoadRequest{
		Key:          string(viewSlice(&c.request.key)),
		KnownVersion: goVersion(c.request.known_version),
		Traceparent:  C.GoString(c.request.traceparent),
	})
	version := cVersion(result.Version)
	switch {
	case errors.Is(err, ErrNotFound):
		C.edgecmp_responder_absent(c.take(), version, nil)
	case err != nil:
		c.fail(err)
	case result.Unchanged:
		C.edgecmp_responder_unchanged(c.take(), nil)
	default:
		C.edgecmp_responder_value(c.take(), unsafe.Pointer(unsafe.SliceData(result.Value)),
			C.size_t(len(result.Value)), version, nil)
	}
}

func (c *originCall) write(ctx context.Context, origin Loader) {
	writer, ok := origin.(Writer)
	if !ok {
		c.fail(newError(ErrUnsupported, "the loader takes no writes"))
		return
	}
	request := WriteRequest{
		Key:            string(viewSlice(&c.request.key)),
		Delete:         c.request.operation == C.EDGECMP_OPERATION_DELETE,
		IdempotencyKey: C.GoString(c.request.idempotency_key),
		Traceparent:    C.GoString(c.request.traceparent),
	}
	if !request.Delete {
		request.Value = bytes.Clone(viewSlice(&c.request.value))
	}
	if version := goVersion(c.request.if_version); !version.IsZero() {
		request.IfVersion = &version
	}
	version, err := writer.Write(ctx, request)
	if err != nil {
		c.fail(err)
		return
	}
	C.edgecmp_responder_written(c.take(), cVersion(version), nil)
}

// take gives the responder away, which the next call of the library consumes.
func (c *originCall) take() *C.edgecmp_responder {
	responder := c.responder
	c.request, c.responder = nil, nil
	return responder
}

// fail answers with an error: its code if it has one, and its text.
func (c *originCall) fail(err error) {
	if c.responder == nil {
		return
	}
	code := ErrOriginUnavailable
	var coded *Error
	if errors.As(err, &coded) {
		code = coded.Code
	} else {
		errors.As(err, &code)
	}
	// Not refused as other texts are: better an odd message than none.
	message := C.CString(strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD"))
	defer freeText(message)
	C.edgecmp_responder_fail(c.take(), C.int32_t(code), message, nil)
}
