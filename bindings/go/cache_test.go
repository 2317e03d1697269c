package edgecmp_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

func TestReadsAndWritesAgainstTheReferenceOrigin(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), StalenessBound: 10 * time.Second})

	version, err := cache.Set(background, "carrier/UA", []byte("one"))
	if err != nil || version.IsZero() {
		t.Fatalf("set: %v, %v", version, err)
	}
	entry, err := cache.Get(background, "carrier/UA")
	if err != nil || string(entry.Value) != "one" || entry.Version != version || !entry.Found() {
		t.Fatalf("get after set: %+v, %v", entry, err)
	}
	if entry.Bound != 10*time.Second || entry.Staleness > entry.Bound || entry.Degraded || entry.Proof != edgecmp.ProofPull {
		t.Errorf("receipt: %+v", entry.Receipt)
	}
	if entry, err = cache.Lookup("carrier/UA"); err != nil || entry.Source != edgecmp.FromCache {
		t.Errorf("lookup after get: %+v, %v", entry, err)
	}

	deleted, err := cache.Delete(background, "carrier/UA")
	if err != nil || deleted.Compare(version) <= 0 {
		t.Fatalf("delete: %v, %v", deleted, err)
	}
	entry, err = cache.Get(background, "carrier/UA")
	if !errors.Is(err, edgecmp.ErrNotFound) || entry == nil || entry.Value != nil || entry.Version != deleted {
		t.Errorf("get after delete: %+v, %v", entry, err)
	}
}

func TestInvalidateAsksTheOriginAgain(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), StalenessBound: time.Minute})
	origin.put(t, "k", "old")
	if entry, err := cache.Get(background, "k"); err != nil || string(entry.Value) != "old" {
		t.Fatalf("%+v, %v", entry, err)
	}
	origin.put(t, "k", "new")
	if entry, err := cache.Get(background, "k"); err != nil || string(entry.Value) != "old" {
		t.Fatalf("within the bound the cached value counts: %+v, %v", entry, err)
	}
	if err := cache.Invalidate("k"); err != nil {
		t.Fatal(err)
	}
	if entry, err := cache.Get(background, "k"); err != nil || string(entry.Value) != "new" || entry.Source != edgecmp.FromOrigin {
		t.Fatalf("%+v, %v", entry, err)
	}
}

func TestGetManyKeepsOrderAndTellsRowsApart(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template()})
	var keys []string
	for i := range 40 {
		key := "k" + strconv.Itoa(i)
		keys = append(keys, key)
		if i%4 != 3 {
			origin.put(t, key, strings.Repeat(key, 100*i))
		}
	}
	for round := range 2 { // from the origin, then from the cache
		results, err := cache.GetMany(background, keys)
		if err != nil || len(results) != len(keys) {
			t.Fatalf("round %d: %d results, %v", round, len(results), err)
		}
		for i, result := range results {
			if i%4 == 3 {
				if result.Err != edgecmp.ErrNotFound || result.Entry.Found() {
					t.Errorf("%s: %+v", keys[i], result)
				}
			} else if result.Err != nil || string(result.Entry.Value) != strings.Repeat(keys[i], 100*i) {
				t.Errorf("%s: %v", keys[i], result.Err)
			}
		}
	}
	if results, err := cache.GetMany(background, nil); err != nil || len(results) != 0 {
		t.Errorf("no keys: %v, %v", results, err)
	}
	results, err := cache.GetMany(background, []string{"k0", ""})
	if err == nil && results[1].Err != nil {
		err = results[1].Err
	}
	if !errors.Is(err, edgecmp.ErrInvalidArgument) {
		t.Errorf("an empty key among others: %+v, %v", results, err)
	}
}

// Values on both sides of the buffer that a hit goes through, and empty ones.
func TestValuesOfAllSizesComeBackWhole(t *testing.T) {
	cache := open(t, edgecmp.Options{Origin: "memory:", Capacity: 64 << 20})
	var reused edgecmp.Entry
	// Small ones again at the end: once larger ones were seen they go another way.
	for _, size := range []int{0, 1, 64, 65, 128, 129, 256, 257, 4096, 4097, 100_000, 4096, 256, 128, 0} {
		key, value := "size/"+strconv.Itoa(size), strings.Repeat("x", size)
		if _, err := cache.Set(background, key, []byte(value)); err != nil {
			t.Fatal(err)
		}
		for _, read := range []func() (*edgecmp.Entry, error){
			func() (*edgecmp.Entry, error) { return cache.Get(background, key) },
			func() (*edgecmp.Entry, error) { return cache.Lookup(key) },
			func() (*edgecmp.Entry, error) { return &reused, cache.LookupInto(key, &reused) },
		} {
			entry, err := read()
			if err != nil || string(entry.Value) != value || !entry.Found() || entry.Key != key || entry.Version.IsZero() {
				t.Errorf("%d bytes: %v", size, err)
			}
			// The value is the caller's own, and ends where it ends.
			_ = append(entry.Value, "more"...)
			clear(entry.Value)
		}
		err := cache.View(key, func(seen []byte, receipt edgecmp.Receipt) error {
			if string(seen) != value || receipt.Version.IsZero() {
				t.Errorf("%d bytes viewed as %d, %+v", size, len(seen), receipt)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestLookupIntoReusesItsEntry(t *testing.T) {
	cache := open(t, edgecmp.Options{Loader: newStore(), StalenessBound: time.Minute})
	entry := edgecmp.Entry{Key: "before", Value: make([]byte, 3, 1000)}
	room := &entry.Value[0]
	if err := cache.LookupInto("k", &entry); err != edgecmp.ErrMiss {
		t.Errorf("a miss: %v", err)
	}
	if _, err := cache.Set(background, "k", []byte("value")); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Get(background, "k"); err != nil {
		t.Fatal(err)
	}
	bound := edgecmp.WithStalenessBound(time.Second)
	for _, opts := range [][]edgecmp.ReadOption{nil, {bound}} {
		if err := cache.LookupInto("k", &entry, opts...); err != nil || string(entry.Value) != "value" || entry.Key != "k" {
			t.Errorf("%v: %+v, %v", opts, entry, err)
		}
	}
	if &entry.Value[0] != room {
		t.Error("the value's memory was not used again")
	}
	if entry.Bound != time.Second {
		t.Errorf("receipt: %+v", entry.Receipt)
	}
	if allocs := testing.AllocsPerRun(100, func() { _ = cache.LookupInto("k", &entry) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	if err := cache.LookupInto("", &entry); !errors.Is(err, edgecmp.ErrInvalidArgument) {
		t.Errorf("no key: %v", err)
	}
	_, _ = cache.Get(background, "absent")
	if err := cache.LookupInto("absent", &entry); err != edgecmp.ErrNotFound || entry.Found() || entry.Key != "absent" {
		t.Errorf("absent: %+v, %v", entry, err)
	}
}

// Neighbours of a batch share memory, but not their values.
func TestValuesOfABatchAreApart(t *testing.T) {
	cache := open(t, edgecmp.Options{Origin: "memory:"})
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = "k" + strconv.Itoa(i)
		if i%7 == 0 {
			continue // not there
		}
		if _, err := cache.Set(background, keys[i], []byte(strings.Repeat("x", i*5))); err != nil {
			t.Fatal(err)
		}
	}
	results, err := cache.GetMany(background, keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		_ = append(result.Entry.Value, "yyyyyy"...)
	}
	for i, result := range results {
		switch entry := result.Entry; {
		case entry.Key != keys[i]:
			t.Errorf("%d: %q", i, entry.Key)
		case i%7 == 0:
			if result.Err != edgecmp.ErrNotFound || entry.Value != nil {
				t.Errorf("%d: %+v", i, result)
			}
		case result.Err != nil || string(entry.Value) != strings.Repeat("x", i*5):
			t.Errorf("%d: %+v", i, result)
		}
	}
}

// Borrowed bytes are nobody else's while they are looked at.
func TestViewsNest(t *testing.T) {
	cache := open(t, edgecmp.Options{Origin: "memory:"})
	for _, key := range []string{"a", "b"} {
		if _, err := cache.Set(background, key, []byte(strings.Repeat(key, 100))); err != nil {
			t.Fatal(err)
		}
	}
	seen := ""
	err := cache.View("a", func(a []byte, _ edgecmp.Receipt) error {
		return cache.View("b", func(b []byte, _ edgecmp.Receipt) error {
			seen = string(a[:2]) + string(b[:2])
			return nil
		})
	})
	if err != nil || seen != "aabb" {
		t.Errorf("%q, %v", seen, err)
	}
}

func TestLookupAndViewAskNobody(t *testing.T) {
	origin := newCountingOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template()})
	if entry, err := cache.Lookup("k"); err != edgecmp.ErrMiss || entry != nil {
		t.Errorf("lookup: %+v, %v", entry, err)
	}
	unseen := func([]byte, edgecmp.Receipt) error { t.Error("called on a miss"); return nil }
	if err := cache.View("k", unseen); err != edgecmp.ErrMiss {
		t.Errorf("view: %v", err)
	}
	if n := origin.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
	origin.release()
	if _, err := cache.Get(background, "k"); err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	if err := cache.View("k", func([]byte, edgecmp.Receipt) error { return mine }); err != mine {
		t.Errorf("view returns %v", err)
	}
}

func TestOptionsOfARead(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template(), StalenessBound: time.Second})
	version, err := cache.Set(background, "k", []byte("v"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		option edgecmp.ReadOption
		bound  time.Duration
	}{
		{edgecmp.WithStalenessBound(time.Minute), time.Second}, // the tightest wins
		{edgecmp.WithWiderStalenessBound(time.Minute), time.Minute},
		{edgecmp.WithStalenessBound(50 * time.Millisecond), 50 * time.Millisecond},
		{edgecmp.WithMinVersion(version), time.Second},
		{edgecmp.WithOutageBound(0), time.Second},
		{edgecmp.WithTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), time.Second},
	} {
		if entry, err := cache.Get(background, "k", test.option); err != nil || entry.Bound != test.bound {
			t.Errorf("want bound %v: %+v, %v", test.bound, entry, err)
		}
	}
	next := edgecmp.NewVersion(version.Low + 1)
	if _, err := cache.Get(background, "k", edgecmp.WithMinVersion(next)); !errors.Is(err, edgecmp.ErrVersionNotReached) {
		t.Errorf("min version above the origin's: %v", err)
	}
}

func TestWritesWithAVersionConflict(t *testing.T) {
	origin := newReferenceOrigin(t)
	cache := open(t, edgecmp.Options{Origin: origin.template()})
	first, err := cache.Set(background, "k", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Set(background, "k", []byte("2"), edgecmp.WithIfVersion(first)); err != nil {
		t.Fatalf("the present version: %v", err)
	}
	if _, err := cache.Set(background, "k", []byte("3"), edgecmp.WithIfVersion(first)); !errors.Is(err, edgecmp.ErrConflict) {
		t.Errorf("a version of the past: %v", err)
	}
	if _, err := cache.Set(background, "k", []byte("3"), edgecmp.WithIfVersion(edgecmp.Version{})); !errors.Is(err, edgecmp.ErrInvalidArgument) {
		t.Errorf("no version: %v", err)
	}
}

func TestStatsAndMetrics(t *testing.T) {
	cache := open(t, edgecmp.Options{Origin: "memory:"})
	if _, err := cache.Set(background, "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	for range 4 { // what was written is a hit
		if _, err := cache.Get(background, "k"); err != nil {
			t.Fatal(err)
		}
	}
	stats, err := cache.Stats()
	if err != nil || stats.Hits != 4 || stats.Misses != 0 || stats.Writes != 1 || stats.Entries != 1 || stats.Bytes == 0 || stats.HitRatio() != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	text, err := cache.MetricsText()
	if err != nil || !strings.Contains(text, "\nedgecmp_hits_total 4\n") {
		t.Errorf("%s, %v", text, err)
	}
}

// What the read knows goes to the origin, and what the origin says comes back.
func TestHeadersPassThrough(t *testing.T) {
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	changed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("traceparent")
		w.Header().Set("Edge-Version", "018f2f9e-7c1a-7000-8000-000000000001")
		w.Header().Set("Last-Modified", changed.Format(http.TimeFormat))
	}))
	defer server.Close()
	cache := open(t, edgecmp.Options{Origin: server.URL + "/items/{key}"})
	entry, err := cache.Get(background, "k", edgecmp.WithTraceparent(traceparent))
	if err != nil || !entry.Found() || len(entry.Value) != 0 {
		t.Fatalf("an empty value: %+v, %v", entry, err)
	}
	if got := <-seen; got != traceparent {
		t.Errorf("the origin saw %q", got)
	}
	if !entry.LastModified.Equal(changed) || entry.Version.String() != "018f2f9e-7c1a-7000-8000-000000000001" {
		t.Errorf("%+v", entry.Receipt)
	}
}
