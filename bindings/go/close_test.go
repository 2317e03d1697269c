package edgecmp_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

func TestUseAfterClose(t *testing.T) {
	cache := open(t, edgecmp.Options{Origin: "memory:"})
	if _, err := cache.Set(background, "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	entry, err := cache.Get(background, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Close(background); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"get":        func() error { _, err := cache.Get(background, "k"); return err },
		"get a miss": func() error { _, err := cache.Get(background, "other"); return err },
		"get many":   func() error { _, err := cache.GetMany(background, []string{"k"}); return err },
		"lookup":     func() error { _, err := cache.Lookup("k"); return err },
		"view":       func() error { return cache.View("k", func([]byte, edgecmp.Receipt) error { return nil }) },
		"set":        func() error { _, err := cache.Set(background, "k", nil); return err },
		"delete":     func() error { _, err := cache.Delete(background, "k"); return err },
		"invalidate": func() error { return cache.Invalidate("k") },
	} {
		if err := call(); !errors.Is(err, edgecmp.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := cache.Close(background); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	// The entry outlives the cache, and its memory too.
	cache = nil
	runtime.GC()
	if string(entry.Value) != "v" {
		t.Errorf("entry: %+v", entry)
	}
}

// Nobody waits for ever on a cache that is closed.
func TestCloseEndsCallsInProgress(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), ReadTimeout: slow, OriginTimeout: slow})
	ended := make(chan error, 2)
	go func() { _, err := cache.Get(background, "k"); ended <- err }()
	go func() { _, err := cache.GetMany(background, []string{"k", "l"}); ended <- err }()
	written := make(chan error, 1)
	go func() { _, err := cache.Set(background, "m", nil, edgecmp.WithTimeout(slow)); written <- err }()
	eventually(t, "all wait", func() bool {
		stats, _ := cache.Stats()
		return stats.Misses >= 3 && origin.writes.Load() == 1
	})
	if err := cache.Close(background); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case err := <-ended:
			if !errors.Is(err, edgecmp.ErrClosed) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("a call outlived the cache by 5 s")
		}
	}
	// G5: a write under way is not simply "closed".
	var failed *edgecmp.Error
	if err := <-written; !errors.As(err, &failed) || failed.Code != edgecmp.ErrUnknownOutcome || failed.IdempotencyKey == "" {
		t.Errorf("the write: %v", err)
	}
}

// An open cache has one goroutine; a closed one has none.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	for range 20 {
		cache, err := edgecmp.Open(background, edgecmp.Options{Loader: newStore()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Set(background, "k", []byte("v")); err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Get(background, "l"); !errors.Is(err, edgecmp.ErrNotFound) {
			t.Fatal(err)
		}
		if err := cache.Close(background); err != nil {
			t.Fatal(err)
		}
	}
	// By name: other tests' servers come and go meanwhile.
	eventually(t, "no goroutine of the package", func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !strings.Contains(string(stacks), "edgecmp.(*completions).run") &&
			!strings.Contains(string(stacks), "edgecmp.(*loaders)")
	})
}

// A loader that heeds no context cannot hold Close up; Close says that it runs.
func TestCloseIsBounded(t *testing.T) {
	gate := make(chan struct{})
	cache, err := edgecmp.Open(background, edgecmp.Options{Loader: edgecmp.LoaderFunc(
		func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			<-gate
			return edgecmp.LoadResult{}, edgecmp.ErrNotFound
		})})
	if err != nil {
		t.Fatal(err)
	}
	go cache.Get(background, "k")
	eventually(t, "the loader runs", func() bool { stats, _ := cache.Stats(); return stats.OriginRequests == 1 })
	ctx, cancel := context.WithTimeout(background, 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := cache.Close(ctx); !errors.Is(err, edgecmp.ErrDeadlineExceeded) || time.Since(start) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	close(gate)
	if err := cache.Close(background); err != nil {
		t.Errorf("once the loader has ended: %v", err)
	}
}

func TestCloseOfNoCache(t *testing.T) {
	none, err := edgecmp.Open(background, edgecmp.Options{Origin: "no url"})
	if err == nil {
		t.Fatal("opened")
	}
	if err := none.Close(background); err != nil {
		t.Error(err)
	}
	if err := new(edgecmp.Cache).Close(background); err != nil {
		t.Error(err)
	}
}

// Closed caches hold descriptors until they are collected, and the collector
// does not know how few there are.
func TestClosedCachesLeaveNoDescriptors(t *testing.T) {
	most := 0
	for range 200 {
		cache, err := edgecmp.Open(background, edgecmp.Options{Origin: "memory:"})
		if err != nil {
			t.Fatal(err)
		}
		if err := cache.Close(background); err != nil {
			t.Fatal(err)
		}
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(open))
	}
	if most > 150 {
		t.Errorf("%d descriptors", most)
	}
}
