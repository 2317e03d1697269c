package edgecmp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

// slow is far longer than any test waits, and far shorter than forever.
const slow = 30 * time.Second

func TestCancellationEndsTheWaitAtOnce(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), ReadTimeout: slow, OriginTimeout: slow})
	for name, read := range map[string]func(ctx context.Context) error{
		"get":      func(ctx context.Context) error { _, err := cache.Get(ctx, "k"); return err },
		"get many": func(ctx context.Context) error { _, err := cache.GetMany(ctx, []string{"k", "l"}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			why := errors.New("the user left")
			ctx, cancel := context.WithCancelCause(background)
			time.AfterFunc(30*time.Millisecond, func() { cancel(why) })
			start := time.Now()
			err := read(ctx)
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
			for _, target := range []error{edgecmp.ErrCancelled, context.Canceled, why} {
				if !errors.Is(err, target) {
					t.Errorf("%v is not %v", err, target)
				}
			}
		})
	}
	// The flight went on without its reader.
	origin.release()
	if entry, err := cache.Get(background, "k"); err != nil || string(entry.Value) != "value of k" {
		t.Errorf("%+v, %v", entry, err)
	}
}

func TestDeadlines(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), ReadTimeout: slow, OriginTimeout: slow})
	short, cancel := context.WithTimeout(background, 60*time.Millisecond)
	defer cancel()
	long, cancel := context.WithTimeout(background, slow)
	defer cancel()
	for name, read := range map[string]func() error{
		"of the context": func() error { _, err := cache.Get(short, "k"); return err },
		"of the call": func() error {
			_, err := cache.Get(background, "k", edgecmp.WithTimeout(60*time.Millisecond))
			return err
		},
		"of the call within the context": func() error {
			_, err := cache.Get(long, "k", edgecmp.WithTimeout(60*time.Millisecond))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			err := read()
			if took := time.Since(start); took > time.Second {
				t.Errorf("it took %v", took)
			}
			if !errors.Is(err, edgecmp.ErrDeadlineExceeded) || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			var failed *edgecmp.Error
			if !errors.As(err, &failed) || !failed.Retriable || failed.Message == "" {
				t.Errorf("%+v", failed)
			}
		})
	}
}

// The deadline of the context does not stretch the read timeout.
func TestLongContextKeepsTheReadTimeout(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), ReadTimeout: 60 * time.Millisecond, OriginTimeout: slow})
	ctx, cancel := context.WithTimeout(background, slow)
	defer cancel()
	start := time.Now()
	if _, err := cache.Get(ctx, "k"); !errors.Is(err, edgecmp.ErrDeadlineExceeded) || time.Since(start) > time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestEndedContextAsksNobody(t *testing.T) {
	origin := newCountingOrigin(t)
	origin.release()
	cache := open(t, edgecmp.Options{Origin: origin.template()})
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := cache.Get(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v", err)
	}
	if _, err := cache.GetMany(ctx, []string{"k"}); !errors.Is(err, context.Canceled) {
		t.Errorf("get many: %v", err)
	}
	// Not ErrUnknownOutcome: nothing was sent.
	if _, err := cache.Set(ctx, "k", nil); !errors.Is(err, context.Canceled) || errors.Is(err, edgecmp.ErrUnknownOutcome) {
		t.Errorf("set: %v", err)
	}
	if _, err := edgecmp.Open(ctx, edgecmp.Options{Origin: "memory:"}); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	if n := origin.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// G5: a write that is given up has an unknown outcome, and its error the key
// with which the retry is safe.
func TestCancelledWriteHasAnUnknownOutcome(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), WriteTimeout: slow, OriginTimeout: slow})
	for _, key := range []string{"order-1", ""} {
		var options []edgecmp.WriteOption
		if key != "" {
			options = append(options, edgecmp.WithIdempotencyKey(key))
		}
		ctx, cancel := context.WithCancel(background)
		time.AfterFunc(30*time.Millisecond, cancel)
		_, err := cache.Set(ctx, "k", []byte("v"), options...)
		var failed *edgecmp.Error
		if !errors.As(err, &failed) || failed.Code != edgecmp.ErrUnknownOutcome || !errors.Is(err, context.Canceled) {
			t.Fatalf("%+v", err)
		}
		if failed.IdempotencyKey == "" || key != "" && failed.IdempotencyKey != key {
			t.Errorf("retry with %q", failed.IdempotencyKey)
		}
	}
}

// G5: the origin commits and its answer is lost. The error says so, and the
// retry with its key does not write twice.
func TestLostAnswerOfAWriteAndItsRetry(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template()})
	before, err := cache.Set(background, "k", []byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	origin.fault(t, `{"drop_answer": true, "method": "PUT", "count": 1}`)
	_, err = cache.Set(background, "k", []byte("after"))
	var failed *edgecmp.Error
	if !errors.As(err, &failed) || failed.Code != edgecmp.ErrUnknownOutcome || failed.IdempotencyKey == "" || !failed.Retriable {
		t.Fatalf("%+v", err)
	}
	// The cached entry is no proof any more: the next read asks.
	if entry, err := cache.Get(background, "k"); err != nil || string(entry.Value) != "after" {
		t.Errorf("read between: %+v, %v", entry, err)
	}
	version, err := cache.Set(background, "k", []byte("after"), edgecmp.WithIdempotencyKey(failed.IdempotencyKey))
	if err != nil {
		t.Fatal(err)
	}
	// The version next to the first: one write came between, not two.
	if want := edgecmp.NewVersion(before.Low + 1); version != want {
		t.Errorf("versions %v, then %v: written twice", before, version)
	}
	if after, err := cache.Set(background, "k", []byte("third")); err != nil || after != edgecmp.NewVersion(before.Low+2) {
		t.Errorf("third write: %v, %v", after, err)
	}
}

func TestDegradedAnswersAreAskedForAndMarked(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), StalenessBound: 20 * time.Millisecond})
	if _, err := cache.Set(background, "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Get(background, "k"); err != nil {
		t.Fatal(err)
	}
	origin.fault(t, `{"status": 503, "count": 1000000, "match": "/items"}`)
	time.Sleep(40 * time.Millisecond)
	_, err := cache.Get(background, "k")
	if err == nil || strings.Contains(err.Error(), "CLOSED") {
		t.Errorf("without an outage bound it fails closed: %v", err)
	}
	entry, err := cache.Get(background, "k", edgecmp.WithOutageBound(time.Minute))
	if err != nil || !entry.Degraded || string(entry.Value) != "v" || entry.Staleness < 20*time.Millisecond {
		t.Errorf("%+v, %v", entry, err)
	}
}
