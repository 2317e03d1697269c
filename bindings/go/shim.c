#include "shim.h"

/* In the form that the library takes. */
static edgecmp_read_options read_options(const edgecmp_go_read *read)
{
	edgecmp_read_options options = EDGECMP_READ_OPTIONS_INIT;
	options.staleness_bound_ns = read->staleness_bound_ns;
	options.outage_bound_ns = read->outage_bound_ns;
	options.timeout_ns = read->timeout_ns;
	options.min_version.high = read->min_version_high;
	options.min_version.low = read->min_version_low;
	options.flags = read->flags;
	options.traceparent = (const char *)read->traceparent;
	return options;
}

int edgecmp_go_lookup(uintptr_t cache, const char *key, size_t key_len,
                      const edgecmp_go_read *read, uint8_t *buffer, size_t buffer_len,
                      edgecmp_go_hit *hit)
{
	edgecmp_read_options options;
	edgecmp_error *error = NULL;
	int status;

	if (read != NULL)
		options = read_options(read);
	hit->receipt.struct_size = sizeof(hit->receipt);
	status = edgecmp_lookup_into((const edgecmp_cache *)cache, key, key_len, read != NULL ? &options : NULL, buffer,
	                             buffer_len, &hit->value_len, &hit->receipt, &error);
	hit->error = (uintptr_t)error;
	return status;
}

int edgecmp_go_borrow(uintptr_t cache, const char *key, size_t key_len,
                      const edgecmp_go_read *read, edgecmp_go_row *row)
{
	edgecmp_read_options options;
	edgecmp_value *value = NULL;
	edgecmp_error *error = NULL;
	int status;

	if (read != NULL)
		options = read_options(read);
	status = edgecmp_lookup((const edgecmp_cache *)cache, key, key_len, read != NULL ? &options : NULL, &value, &error);
	if (status == EDGECMP_OK)
		edgecmp_go_value_row(value, row);
	row->error = (uintptr_t)error;
	row->owner = (uintptr_t)value;
	return status;
}

void edgecmp_go_value_row(const edgecmp_value *value, edgecmp_go_row *row)
{
	edgecmp_slice bytes = edgecmp_value_bytes(value);

	row->receipt.struct_size = sizeof(row->receipt);
	row->data = (uintptr_t)bytes.data;
	row->len = bytes.len;
	row->error = 0;
	/* Fails for a NULL value or a wrong size only: neither can be here. */
	edgecmp_value_receipt(value, &row->receipt, NULL);
}

void edgecmp_go_results_rows(uintptr_t address, size_t first, edgecmp_go_row *rows, size_t count)
{
	const edgecmp_results *results = (const edgecmp_results *)address;
	size_t i;

	for (i = 0; i < count; i++) {
		const edgecmp_value *value = edgecmp_results_value(results, first + i);
		if (value != NULL)
			edgecmp_go_value_row(value, &rows[i]);
		else
			rows[i].error = (uintptr_t)edgecmp_results_error(results, first + i);
	}
}
