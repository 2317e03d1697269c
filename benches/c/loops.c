/* What src/main.rs calls: a library of its own, linked to the shared edgecmp
 * as any C program is. */
#include "loops.h"

/* The origin: makes every value up, as src/keys.rs does, and keeps none. */
static void fetch(void *user_data, const edgecmp_origin_request *request, edgecmp_responder *responder)
{
	static const edgecmp_u128 first = { 0, 1 };
	unsigned char value[100];
	uint32_t id;
	uint64_t word;

	(void)user_data;
	memcpy(&id, request->key.data + request->key.len - 4, sizeof id);
	word = (uint64_t)id + 1;
	memset(value, 'v', sizeof value);
	memcpy(value, &word, sizeof word);
	edgecmp_responder_value(responder, value, sizeof value, first, NULL);
}

edgecmp_cache *bench_open(const char *const *options)
{
	edgecmp_options *made = edgecmp_options_new();
	edgecmp_cache *cache = NULL;

	for (; options[0] != NULL; options += 2)
		if (edgecmp_options_set(made, options[0], options[1], NULL) != EDGECMP_OK)
			return NULL;
	edgecmp_origin_callback(made, fetch, NULL, NULL, NULL, NULL);
	edgecmp_open(made, &cache, NULL);
	edgecmp_options_free(made);
	return cache;
}

/* Fetches keys; how many came. */
size_t bench_fill(const edgecmp_cache *cache, const edgecmp_slice *keys, size_t count)
{
	edgecmp_results *results;
	size_t i, found = 0;

	if (edgecmp_get_many(cache, keys, count, NULL, &results, NULL) != EDGECMP_OK)
		return 0;
	for (i = 0; i < count; i++)
		found += edgecmp_value_found(edgecmp_results_value(results, i));
	edgecmp_results_free(results);
	return found;
}

void bench_free(edgecmp_cache *cache)
{
	edgecmp_cache_free(cache);
}

uint64_t bench_run(const bench_load *load, const char *loop, size_t start, size_t ops)
{
	edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;

	if (strcmp(loop, "into") == 0)
		return bench_into(load, start, ops, 0, NULL);
	if (strcmp(loop, "into_receipt") == 0)
		return bench_into(load, start, ops, 0, &receipt);
	if (strcmp(loop, "into_chained") == 0)
		return bench_into(load, start, ops, 1, NULL);
	if (strcmp(loop, "value") == 0)
		return bench_handle(load, start, ops, NULL);
	if (strcmp(loop, "value_receipt") == 0)
		return bench_handle(load, start, ops, &receipt);
	if (strcmp(loop, "get_many") == 0)
		return bench_many(load, start, ops);
	return 0;
}
