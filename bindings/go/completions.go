package edgecmp

// #include "shim.h"
import "C"

import (
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// completions is where asynchronous calls end. One goroutine waits for the
// queue's descriptor in Go's own poller, so that 10,000 waiting reads cost
// 10,000 parked goroutines, and no thread.
type completions struct {
	queue *C.edgecmp_queue
	wake  *os.File
	serve func(*C.edgecmp_event) // takes an origin call
	ended chan struct{}          // closed when the goroutine has ended
	batch []C.edgecmp_event      // of the goroutine alone

	mu      sync.Mutex
	lastTag uint64
	waiting map[uint64]*waiter // nil: stopped
}

// waiter is a call in progress. Its one event comes through done, which holds
// it without blocking the goroutine that delivers.
type waiter struct {
	tag  uint64
	done chan C.edgecmp_event
}

func newCompletions(serve func(*C.edgecmp_event)) (*completions, error) {
	var queue *C.edgecmp_queue
	var failure *C.edgecmp_error
	if C.edgecmp_queue_new(&queue, &failure) != C.EDGECMP_OK {
		return nil, takeError(failure)
	}
	wake, err := pollable(int(C.edgecmp_queue_fd(queue)))
	if err != nil {
		C.edgecmp_queue_free(queue)
		return nil, err
	}
	return &completions{
		queue:   queue,
		wake:    wake,
		serve:   serve,
		ended:   make(chan struct{}),
		batch:   make([]C.edgecmp_event, 64),
		waiting: map[uint64]*waiter{},
	}, nil
}

// pollable duplicates a descriptor for Go's poller: the one of the queue is
// the library's to close, the duplicate is ours.
func pollable(fd int) (*os.File, error) {
	syscall.ForkLock.RLock()
	dup, err := syscall.Dup(fd)
	if err == nil {
		syscall.CloseOnExec(dup)
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		// Without it the file would be read on a thread of its own.
		err = syscall.SetNonblock(dup, true)
	}
	if err != nil {
		return nil, newError(ErrInternal, "queue descriptor: "+err.Error())
	}
	return os.NewFile(uintptr(dup), "edgecmp completions"), nil
}

// run delivers events until stop. The poller is edge-triggered: the queue is
// drained until it is empty before each wait.
func (c *completions) run() {
	defer close(c.ended)
	conn, err := c.wake.SyscallConn()
	if err == nil {
		// It ends with an error, when stop closes the file.
		_ = conn.Read(func(uintptr) bool {
			c.drain()
			return false
		})
	}
	// The events of a close, which the poller may not have announced any more:
	// among them the idempotency keys of writes that were under way.
	c.drain()
	c.abandon()
}

func (c *completions) drain() {
	for {
		var count C.size_t
		if C.edgecmp_queue_poll(c.queue, &c.batch[0], C.size_t(unsafe.Sizeof(c.batch[0])),
			C.size_t(len(c.batch)), &count, nil) != C.EDGECMP_OK {
			return
		}
		c.deliver(c.batch[:count])
		if int(count) < len(c.batch) {
			return
		}
	}
}

// deliver hands each event to who waits for it; an event that nobody wants
// any more is freed.
func (c *completions) deliver(events []C.edgecmp_event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range events {
		event := &events[i]
		if event.kind == C.EDGECMP_EVENT_ORIGIN_CALL {
			c.serve(event)
		} else if w := c.waiting[uint64(event.tag)]; w != nil {
			delete(c.waiting, w.tag)
			w.done <- *event
		} else {
			C.edgecmp_event_clear(event)
		}
	}
}

// begin notes a call before it can end; nil once the cache is closed.
func (c *completions) begin() *waiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		return nil
	}
	// 0 is the tag of origin calls.
	c.lastTag++
	w := &waiter{tag: c.lastTag, done: make(chan C.edgecmp_event, 1)}
	c.waiting[w.tag] = w
	return w
}

// forget gives a call up. False: its event is already in w.done.
func (c *completions) forget(w *waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, waiting := c.waiting[w.tag]
	delete(c.waiting, w.tag)
	return waiting
}

// abandon ends whatever still waits. After a close each call has had its
// event; this is for what was begun at the very same time.
func (c *completions) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.waiting {
		close(w.done)
	}
	c.waiting = nil
}

// stop ends the goroutine and waits for it.
func (c *completions) stop() {
	c.wake.Close()
	<-c.ended
}
