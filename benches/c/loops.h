/*
 * The measured loops, as a C program would write them. `make bench-c` and
 * `make bench-go` compile this file; the same loops in Rust are src/rust.rs.
 *
 * Keys lie one after another in memory. `nothing` is 0, which the compiler
 * does not know: in a chained loop the address of the next key depends on the
 * value read before (latency); else reads may overlap.
 */
#ifndef EDGECMP_BENCH_LOOPS_H
#define EDGECMP_BENCH_LOOPS_H

#include <edgecmp.h>
#include <string.h>

enum { BENCH_BATCH = 32, BENCH_ROOM = 128 };

typedef struct bench_load {
	const edgecmp_cache *cache;
	const char *keys;
	size_t key_len;
	size_t mask; /* keys, less one: a power of two */
	size_t nothing;
} bench_load;

static inline const char *bench_key(const bench_load *load, size_t i, size_t last)
{
	return load->keys + (i & load->mask) * load->key_len + (last & load->nothing);
}

/* Each loop returns the sum of the values' first words; a miss adds nothing. */
static inline uint64_t bench_word(const unsigned char *value)
{
	uint64_t word;
	memcpy(&word, value, sizeof word);
	return word;
}

static inline uint64_t bench_into(const bench_load *load, size_t start, size_t ops, int chained,
                                  edgecmp_receipt *receipt)
{
	unsigned char buffer[BENCH_ROOM];
	uint64_t sum = 0, last = 0;
	size_t i, len;

	for (i = start; i < start + ops; i++) {
		const char *key = bench_key(load, i, chained ? last : 0);
		if (edgecmp_lookup_into(load->cache, key, load->key_len, NULL, buffer, sizeof buffer, &len,
		                        receipt, NULL) != EDGECMP_OK)
			continue;
		last = bench_word(buffer);
		sum += last;
	}
	return sum;
}

/* A value handle: its bytes are copied, then it is given back. */
static inline uint64_t bench_handle(const bench_load *load, size_t start, size_t ops,
                                    edgecmp_receipt *receipt)
{
	unsigned char buffer[BENCH_ROOM];
	uint64_t sum = 0;
	size_t i;

	for (i = start; i < start + ops; i++) {
		edgecmp_value *value;
		edgecmp_slice bytes;
		if (edgecmp_get(load->cache, bench_key(load, i, 0), load->key_len, NULL, &value, NULL) !=
		    EDGECMP_OK)
			continue;
		bytes = edgecmp_value_bytes(value);
		if (bytes.len <= sizeof buffer) {
			memcpy(buffer, bytes.data, bytes.len);
			sum += bench_word(buffer);
		}
		if (receipt != NULL)
			edgecmp_value_receipt(value, receipt, NULL);
		edgecmp_value_release(value);
	}
	return sum;
}

static inline uint64_t bench_many(const bench_load *load, size_t start, size_t ops)
{
	unsigned char buffer[BENCH_ROOM];
	edgecmp_slice keys[BENCH_BATCH];
	uint64_t sum = 0;
	size_t i, k;

	for (i = start; i < start + ops; i += BENCH_BATCH) {
		edgecmp_results *results;
		for (k = 0; k < BENCH_BATCH; k++) {
			keys[k].data = (const unsigned char *)bench_key(load, i + k, 0);
			keys[k].len = load->key_len;
		}
		if (edgecmp_get_many(load->cache, keys, BENCH_BATCH, NULL, &results, NULL) != EDGECMP_OK)
			continue;
		for (k = 0; k < BENCH_BATCH; k++) {
			edgecmp_slice bytes = edgecmp_results_bytes(results, k);
			if (bytes.len >= 8 && bytes.len <= sizeof buffer) {
				memcpy(buffer, bytes.data, bytes.len);
				sum += bench_word(buffer);
			}
		}
		edgecmp_results_free(results);
	}
	return sum;
}

#endif
