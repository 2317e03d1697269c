package edgecmp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

// store is an origin in Go, with versions and idempotent writes.
type store struct {
	mu      sync.Mutex
	last    uint64
	rows    map[string]edgecmp.LoadResult
	applied map[string]edgecmp.Version
	loads   atomic.Int64
}

func newStore() *store {
	return &store{rows: map[string]edgecmp.LoadResult{}, applied: map[string]edgecmp.Version{}}
}

func (s *store) Load(_ context.Context, request edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
	s.loads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[request.Key]
	switch {
	case !ok || row.Value == nil:
		return edgecmp.LoadResult{Version: row.Version}, fmt.Errorf("%s: %w", request.Key, edgecmp.ErrNotFound)
	case row.Version == request.KnownVersion:
		return edgecmp.LoadResult{Unchanged: true}, nil
	}
	return row, nil
}

func (s *store) Write(_ context.Context, request edgecmp.WriteRequest) (edgecmp.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version, ok := s.applied[request.IdempotencyKey]; ok {
		return version, nil
	}
	if request.IfVersion != nil && *request.IfVersion != s.rows[request.Key].Version {
		return edgecmp.Version{}, edgecmp.ErrConflict
	}
	s.last++
	version := edgecmp.NewVersion(s.last)
	value := request.Value
	if request.Delete {
		value = nil
	}
	s.rows[request.Key] = edgecmp.LoadResult{Value: value, Version: version}
	s.applied[request.IdempotencyKey] = version
	return version, nil
}

func TestLoaderReadsAndWrites(t *testing.T) {
	origin := newStore()
	cache := open(t, edgecmp.Options{Loader: origin, StalenessBound: 20 * time.Millisecond})
	value := bytes.Repeat([]byte("v"), 5000)
	version, err := cache.Set(background, "k", value)
	if err != nil || version != edgecmp.NewVersion(1) {
		t.Fatalf("set: %v, %v", version, err)
	}
	clear(value) // it was copied
	entry, err := cache.Get(background, "k")
	if err != nil || !bytes.Equal(entry.Value, bytes.Repeat([]byte("v"), 5000)) {
		t.Fatalf("get: %v", err)
	}
	// Past the bound the loader says "unchanged", and the value is proved anew.
	eventually(t, "an unchanged answer", func() bool {
		if entry, err := cache.Get(background, "k"); err != nil || entry.Version != version {
			t.Fatalf("%+v, %v", entry, err)
		}
		stats, _ := cache.Stats()
		return stats.OriginUnchanged > 0
	})
	if _, err := cache.Set(background, "k", nil, edgecmp.WithIfVersion(edgecmp.NewVersion(99))); !errors.Is(err, edgecmp.ErrConflict) {
		t.Errorf("conflict: %v", err)
	}
	deleted, err := cache.Delete(background, "k")
	if err != nil {
		t.Fatal(err)
	}
	if entry, err := cache.Get(background, "k"); !errors.Is(err, edgecmp.ErrNotFound) || entry.Version != deleted {
		t.Errorf("get after delete: %+v, %v", entry, err)
	}
}

func TestManyMissesAreOneLoad(t *testing.T) {
	gate := make(chan struct{})
	var loads atomic.Int64
	cache := open(t, edgecmp.Options{Loader: edgecmp.LoaderFunc(
		func(ctx context.Context, request edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			loads.Add(1)
			<-gate
			return edgecmp.LoadResult{Value: []byte("v"), Version: edgecmp.NewVersion(1)}, nil
		})})
	var done sync.WaitGroup
	for range 64 {
		done.Add(1)
		go func() {
			defer done.Done()
			if _, err := cache.Get(background, "k"); err != nil {
				t.Error(err)
			}
		}()
	}
	eventually(t, "all readers wait", func() bool {
		stats, _ := cache.Stats()
		return stats.Misses == 64
	})
	close(gate)
	done.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("%d loads", n)
	}
}

// Whatever a loader does, its readers get an error in time that says it.
func TestLoadersThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		load    edgecmp.LoaderFunc
		code    edgecmp.Code
		message string
	}{
		"panics": {func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			panic("boom 42")
		}, edgecmp.ErrOriginUnavailable, "boom 42"},
		"ends its goroutine": {func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			runtime.Goexit()
			return edgecmp.LoadResult{}, nil
		}, edgecmp.ErrOriginUnavailable, "without an answer"},
		"returns an error": {func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{}, errors.New("table is locked")
		}, edgecmp.ErrOriginUnavailable, "table is locked"},
		"returns a code": {func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{}, fmt.Errorf("no rights: %w", edgecmp.ErrOriginRejected)
		}, edgecmp.ErrOriginRejected, "no rights"},
		"has a NUL in its error": {func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{}, errors.New("before\x00after")
		}, edgecmp.ErrOriginUnavailable, "before\uFFFDafter"},
		"is not UTF-8 in its error": {func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{}, errors.New("bad \xff byte")
		}, edgecmp.ErrOriginUnavailable, "bad \uFFFD byte"},
		"knows a version that nobody has": {func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{Unchanged: true}, nil
		}, edgecmp.ErrOriginProtocol, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cache := open(t, edgecmp.Options{Loader: test.load, RetryLimit: edgecmp.Disabled})
			_, err := cache.Get(background, "k")
			if !errors.Is(err, test.code) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("want %v with %q, got %v", test.code, test.message, err)
			}
		})
	}
}

func TestSlowLoaderHoldsUpNobody(t *testing.T) {
	ended := make(chan error, 1)
	cache := open(t, edgecmp.Options{
		OriginTimeout: 50 * time.Millisecond, RetryLimit: edgecmp.Disabled,
		Loader: edgecmp.LoaderFunc(func(ctx context.Context, request edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			if request.Key == "quick" {
				return edgecmp.LoadResult{Value: []byte("v"), Version: edgecmp.NewVersion(1)}, nil
			}
			<-ctx.Done()
			ended <- ctx.Err()
			return edgecmp.LoadResult{}, ctx.Err()
		})})
	start := time.Now()
	_, err := cache.Get(background, "slow", edgecmp.WithTimeout(300*time.Millisecond))
	if took := time.Since(start); err == nil || took > 2*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the loader's context ended with %v", err)
	}
	if _, err := cache.Get(background, "quick"); err != nil {
		t.Errorf("another key: %v", err)
	}
}

func TestLoaderWithoutWriterIsReadOnly(t *testing.T) {
	cache := open(t, edgecmp.Options{Loader: edgecmp.LoaderFunc(
		func(context.Context, edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			return edgecmp.LoadResult{}, edgecmp.ErrNotFound
		})})
	if _, err := cache.Set(background, "k", nil); !errors.Is(err, edgecmp.ErrUnsupported) {
		t.Errorf("set: %v", err)
	}
}

// A loader may use the cache it serves.
func TestLoaderMayReadItsCache(t *testing.T) {
	var cache *edgecmp.Cache
	cache = open(t, edgecmp.Options{Loader: edgecmp.LoaderFunc(
		func(ctx context.Context, request edgecmp.LoadRequest) (edgecmp.LoadResult, error) {
			if request.Key == "part" {
				return edgecmp.LoadResult{Value: []byte("part"), Version: edgecmp.NewVersion(1)}, nil
			}
			part, err := cache.Get(ctx, "part")
			if err != nil {
				return edgecmp.LoadResult{}, err
			}
			return edgecmp.LoadResult{Value: append([]byte("whole of "), part.Value...), Version: part.Version}, nil
		})})
	if entry, err := cache.Get(background, "whole"); err != nil || string(entry.Value) != "whole of part" {
		t.Errorf("%+v, %v", entry, err)
	}
}
