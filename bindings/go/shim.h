/*
 * What makes Go's calls cheap: one crossing for each thing that Go asks, and
 * no pointers to what may hold some in what Go passes, so that the runtime has
 * nothing to check and the structs can stay on the goroutine's stack. `cache`
 * is the address of an edgecmp_cache.
 */
#ifndef EDGECMP_GO_SHIM_H
#define EDGECMP_GO_SHIM_H

#include <edgecmp.h>

/* How to read: edgecmp_read_options without its pointer. */
typedef struct edgecmp_go_read {
	uint64_t staleness_bound_ns;
	uint64_t outage_bound_ns;
	uint64_t timeout_ns;
	uint64_t min_version_high;
	uint64_t min_version_low;
	uint64_t flags;
	uintptr_t traceparent; /* of char *, allocated in C; 0: none */
} edgecmp_go_read;

/* The answer to a lookup whose bytes were copied to Go's buffer. */
typedef struct edgecmp_go_hit {
	edgecmp_receipt receipt;
	size_t value_len;
	uintptr_t error; /* of edgecmp_error *, owned; 0: none */
} edgecmp_go_hit;

/* One answer: a value or an error, both borrowed from what was asked. The bytes
 * of an empty value have an address that is none: Go stops a program in whose
 * pointers it finds one. */
typedef struct edgecmp_go_row {
	edgecmp_receipt receipt;
	uintptr_t data;
	size_t len;
	uintptr_t error; /* of edgecmp_error *; 0: none */
	uintptr_t owner; /* of edgecmp_value *, by edgecmp_go_borrow only */
} edgecmp_go_row;

/* edgecmp_lookup_into; `read` may be NULL. */
int edgecmp_go_lookup(uintptr_t cache, const char *key, size_t key_len,
                      const edgecmp_go_read *read, uint8_t *buffer, size_t buffer_len,
                      edgecmp_go_hit *hit);

/* edgecmp_lookup with what the value holds; `read` may be NULL. The value is
 * owned, and lies in `row->owner`; on an error so does row->error. */
int edgecmp_go_borrow(uintptr_t cache, const char *key, size_t key_len,
                      const edgecmp_go_read *read, edgecmp_go_row *row);

/* What a value holds. */
void edgecmp_go_value_row(const edgecmp_value *value, edgecmp_go_row *row);

/* What `count` rows of the edgecmp_results at an address hold, from the first-th on. */
void edgecmp_go_results_rows(uintptr_t results, size_t first, edgecmp_go_row *rows, size_t count);

#endif
