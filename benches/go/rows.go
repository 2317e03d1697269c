package main

import (
	"context"
	"sync"

	"github.com/dgraph-io/ristretto/v2"
	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
	"github.com/maypok86/otter/v2"
)

// kept keeps an entry on the heap.
var kept *edgecmp.Entry

func rowsOf(cache *edgecmp.Cache, keys []byte) []row {
	ctx := context.Background()
	inC := func(loop int) func(start, ops int) uint64 {
		return func(start, ops int) uint64 { return cache.BenchLoop(loop, keys, keyLen, start, ops) }
	}
	return []row{
		{name: "empty cgo call", blind: true, run: func(_, ops int) uint64 { edgecmp.BenchEmpty(ops); return 0 }},
		{name: "C", what: "edgecmp_lookup_into in a C loop, value copied out", run: inC(edgecmp.BenchInto)},
		{name: "C receipt", what: "the same, with the receipt", run: inC(edgecmp.BenchIntoReceipt)},
		{name: "C chained", what: "and each key known after the last value: reads overlap no more than crossings do", run: inC(edgecmp.BenchChained)},
		{name: "C get_many", what: "edgecmp_get_many of 32 in a C loop, a key", run: inC(edgecmp.BenchMany)},
		{
			name: "LookupInto", what: "the same work: into an Entry of the caller's, receipt", beside: "C chained", crossings: 1, judged: true,
			run: func(start, ops int) (sum uint64) {
				var entry edgecmp.Entry
				for i := start; i < start+ops; i++ {
					if cache.LookupInto(keyAt(keys, i), &entry) == nil {
						sum += word(entry.Value)
					}
				}
				return sum
			},
		},
		{
			name: "Entry", what: "an Entry of Go's memory made and a value copied, no read: what Go's memory costs", blind: true,
			run: func(start, ops int) uint64 {
				value := valueOf(keyAt(keys, start))
				for i := start; i < start+ops; i++ {
					entry := new(struct {
						edgecmp.Entry
						room [128]byte
					})
					entry.Key = keyAt(keys, i)
					entry.Value = entry.room[:copy(entry.room[:], value)]
					kept = &entry.Entry
				}
				return 0
			},
		},
		{
			name: "Lookup", what: "an Entry: value of its own, receipt", beside: "C chained", crossings: 1,
			run: func(start, ops int) (sum uint64) {
				for i := start; i < start+ops; i++ {
					if entry, err := cache.Lookup(keyAt(keys, i)); err == nil {
						sum += word(entry.Value)
					}
				}
				return sum
			},
		},
		{
			name: "Get", what: "the same by Get", beside: "C chained", crossings: 1,
			run: func(start, ops int) (sum uint64) {
				for i := start; i < start+ops; i++ {
					if entry, err := cache.Get(ctx, keyAt(keys, i)); err == nil {
						sum += word(entry.Value)
					}
				}
				return sum
			},
		},
		{
			name: "View", what: "bytes borrowed for a callback, receipt", beside: "C chained", crossings: 1,
			run: func(start, ops int) (sum uint64) {
				look := func(value []byte, _ edgecmp.Receipt) error { sum += word(value); return nil }
				for i := start; i < start+ops; i++ {
					_ = cache.View(keyAt(keys, i), look)
				}
				return sum
			},
		},
		{
			name: "GetMany", what: "32 keys a call, a key", beside: "C get_many", crossings: 1.0 / 32,
			run: func(start, ops int) (sum uint64) {
				batch := make([]string, 32)
				for i := start; i < start+ops; i += len(batch) {
					for k := range batch {
						batch[k] = keyAt(keys, i+k)
					}
					results, _ := cache.GetMany(ctx, batch)
					for _, result := range results {
						sum += word(result.Entry.Value)
					}
				}
				return sum
			},
		},
	}
}

// peers are what is in Go's own memory: they hand out what they hold, check no
// bound and give no receipt.
func peers(n int, keys []byte) []row {
	var mu sync.RWMutex
	plain := map[string][]byte{}
	rist, err := ristretto.NewCache(&ristretto.Config[string, []byte]{
		NumCounters: int64(n) * 10, MaxCost: int64(n) * 10, BufferItems: 64, IgnoreInternalCost: true,
	})
	must(err)
	ott := otter.Must(&otter.Options[string, []byte]{MaximumSize: n * 10})
	for id := range n {
		key := keyOf(uint32(id))
		plain[key] = valueOf(key)
		ott.Set(key, valueOf(key))
		for !rist.Set(key, valueOf(key), 1) {
			rist.Wait()
		}
		rist.Wait()
	}
	loop := func(get func(string) ([]byte, bool)) func(start, ops int) uint64 {
		return func(start, ops int) (sum uint64) {
			for i := start; i < start+ops; i++ {
				if value, ok := get(keyAt(keys, i)); ok {
					sum += word(value)
				}
			}
			return sum
		}
	}
	return []row{
		{name: "map+RWMutex", what: "a plain map", run: loop(func(key string) ([]byte, bool) {
			mu.RLock()
			value, ok := plain[key]
			mu.RUnlock()
			return value, ok
		})},
		{name: "ristretto", what: "no copy, no receipt", run: loop(rist.Get)},
		{name: "otter", what: "no copy, no receipt", run: loop(ott.GetIfPresent)},
	}
}
