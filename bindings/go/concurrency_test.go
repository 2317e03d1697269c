package edgecmp_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

// G4: 64 goroutines miss one key at the same time; the origin is asked once.
func TestOneRequestForManyMisses(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), StalenessBound: time.Minute,
		ReadTimeout: slow, OriginTimeout: slow})
	const readers = 64
	var done sync.WaitGroup
	for range readers {
		done.Add(1)
		go func() {
			defer done.Done()
			if entry, err := cache.Get(background, "k"); err != nil || string(entry.Value) != "value of k" {
				t.Errorf("%+v, %v", entry, err)
			}
		}()
	}
	eventually(t, "all readers wait", func() bool {
		stats, err := cache.Stats()
		return err == nil && stats.Misses == readers
	})
	origin.release()
	done.Wait()
	if n := origin.requests.Load(); n != 1 {
		t.Errorf("%d requests for %d readers", n, readers)
	}
}

// A waiting goroutine is parked; it pins no thread.
func TestWaitingReadersHoldNoThreads(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), StalenessBound: time.Minute,
		ReadTimeout: slow, OriginTimeout: slow})
	const readers = 10_000
	before := threads(t)
	var done sync.WaitGroup
	for range readers {
		done.Add(1)
		go func() {
			defer done.Done()
			if _, err := cache.Get(background, "slow"); err != nil {
				t.Error(err)
			}
		}()
	}
	eventually(t, "all readers wait", func() bool {
		stats, err := cache.Stats()
		return err == nil && stats.Misses == readers
	})
	// Starting a read may hold a thread for microseconds, and a busy machine may
	// suspend a few there at once; waiting holds none.
	if during := threads(t); during > before+readers/50 {
		t.Errorf("%d threads before, %d while %d readers wait", before, during, readers)
	}
	origin.release()
	done.Wait()
	if n := origin.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func threads(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "Threads:")
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Readers, writers and a close at the same time: nothing is lost and nothing
// hangs. Run with -race it also shows that nothing is shared unguarded.
func TestCallsOfAllKindsAtOnce(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), StalenessBound: 5 * time.Millisecond})
	stop := time.Now().Add(500 * time.Millisecond)
	var done sync.WaitGroup
	for worker := range 16 {
		done.Add(1)
		go func() {
			defer done.Done()
			var seen edgecmp.Version
			for i := 0; time.Now().Before(stop); i++ {
				key := "k" + strconv.Itoa(i%8)
				switch {
				case worker == 0:
					version, err := cache.Set(background, key, []byte(strconv.Itoa(i)))
					if err != nil {
						t.Error(err)
						return
					}
					// G3: what was written is read.
					entry, err := cache.Get(background, key)
					if !errors.Is(err, edgecmp.ErrTooStale) && (err != nil || entry.Version.Compare(version) < 0) {
						t.Errorf("wrote %v, then read %+v, %v", version, entry, err)
						return
					}
				case worker == 1:
					_, _ = cache.GetMany(background, []string{"k0", "k1", "k2", key})
				default:
					// G2: within a key, versions do not go back.
					entry, err := cache.Get(background, "k1")
					if errors.Is(err, edgecmp.ErrTooStale) {
						continue // G8: a busy machine is no reason to break the bound
					}
					if entry == nil {
						t.Error(err)
						return
					}
					if entry.Version.Compare(seen) < 0 {
						t.Errorf("%v after %v", entry.Version, seen)
						return
					}
					seen = entry.Version
				}
			}
		}()
	}
	done.Wait()
}
