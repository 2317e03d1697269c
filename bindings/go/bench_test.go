package edgecmp_test

import (
	"strconv"
	"testing"
	"time"

	edgecmp "github.com/edgecmp/edgecmp/bindings/go"
)

func benchmarkCache(b *testing.B, size int) *edgecmp.Cache {
	cache, err := edgecmp.Open(background, edgecmp.Options{Origin: "memory:", StalenessBound: time.Hour, RefreshAfter: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cache.Close(background) })
	if _, err := cache.Set(background, "key", make([]byte, size)); err != nil {
		b.Fatal(err)
	}
	if _, err := cache.Get(background, "key"); err != nil {
		b.Fatal(err)
	}
	return cache
}

func BenchmarkHit(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			cache := benchmarkCache(b, size)
			for b.Loop() {
				if _, err := cache.Get(background, "key"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHitParallel(b *testing.B) {
	cache := benchmarkCache(b, 100)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := cache.Get(background, "key"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkView(b *testing.B) {
	cache := benchmarkCache(b, 10_000)
	for b.Loop() {
		_ = cache.View("key", func([]byte, edgecmp.Receipt) error { return nil })
	}
}

func BenchmarkMissToLoader(b *testing.B) {
	cache, err := edgecmp.Open(background, edgecmp.Options{Loader: newStore()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cache.Close(background) })
	for i := 0; b.Loop(); i++ {
		_, _ = cache.Get(background, strconv.Itoa(i))
	}
}
