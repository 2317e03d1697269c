//go:build edgecmp_bench

package edgecmp

// For `make bench-go` alone: the crossing by itself, and reads that loop in C.

// #cgo CFLAGS: -I${SRCDIR}/../../benches/c
// #cgo noescape bench_empty
// #cgo noescape bench_loop
// #cgo nocallback bench_loop
// #include "shim.h"
// #include "loops.h"
// static void bench_empty(void) {}
// static uint64_t bench_loop(const edgecmp_cache *cache, const char *keys, size_t key_len,
//                            size_t mask, size_t start, size_t ops, int loop, size_t nothing)
// {
//	bench_load load = { cache, keys, key_len, mask, nothing };
//	edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
//	return loop == 2 ? bench_many(&load, start, ops)
//	                 : bench_into(&load, start, ops, loop == 3, loop == 0 ? NULL : &receipt);
// }
import "C"

import (
	"runtime"
	"unsafe"
)

// BenchEmpty crosses to C and back, n times.
func BenchEmpty(n int) {
	for range n {
		C.bench_empty()
	}
}

// The loops of [Cache.BenchLoop].
const (
	BenchInto        = 0 // lookup_into
	BenchIntoReceipt = 1 // lookup_into with the receipt
	BenchMany        = 2 // get_many of 32
	BenchChained     = 3 // BenchIntoReceipt, each key known after the last value
)

// BenchLoop crosses once and reads ops keys in C. It returns the sum of the
// values' first words.
func (c *Cache) BenchLoop(loop int, keys []byte, keyLen, start, ops int) uint64 {
	defer runtime.KeepAlive(c)
	return uint64(C.bench_loop(c.native.cache, (*C.char)(unsafe.Pointer(unsafe.SliceData(keys))),
		C.size_t(keyLen), C.size_t(len(keys)/keyLen-1), C.size_t(start), C.size_t(ops), C.int(loop), 0))
}
