/* Open a cache, write a document, read it, and see how old the answer can be.
 *
 *   cc quickstart.c $(pkg-config --cflags --libs edgecmp) && ./a.out [ORIGIN]
 */
#include <edgecmp.h>
#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv) {
    edgecmp_error *error = NULL;
    edgecmp_cache *cache = NULL;
    edgecmp_value *value = NULL;
    edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
    edgecmp_options *options = edgecmp_options_new();
    const char *origin = argc > 1 ? argv[1] : "memory:"; /* or "https://api.example.com/items/{key}" */

    if (edgecmp_options_set(options, "origin", origin, &error) == EDGECMP_OK &&
        edgecmp_options_set(options, "staleness_bound", "200ms", &error) == EDGECMP_OK &&
        edgecmp_open(options, &cache, &error) == EDGECMP_OK &&
        edgecmp_set(cache, "carrier/UA", 10, "{\"delayed\":17}", 14, NULL, NULL, &error) == EDGECMP_OK &&
        edgecmp_get(cache, "carrier/UA", 10, NULL, &value, &error) == EDGECMP_OK &&
        edgecmp_value_receipt(value, &receipt, &error) == EDGECMP_OK) {
        edgecmp_slice bytes = edgecmp_value_bytes(value);
        printf("%.*s, version %" PRIu64 ", at most %.3f ms behind the origin\n", (int)bytes.len,
               (const char *)bytes.data, receipt.version.low, (double)receipt.staleness_ns / 1e6);
    }

    edgecmp_status status = edgecmp_error_code(error); /* EDGECMP_OK if there is none */
    if (status != EDGECMP_OK)
        fprintf(stderr, "%s: %s\n", edgecmp_status_name(status), edgecmp_error_message(error));
    edgecmp_error_free(error);
    edgecmp_value_release(value);
    edgecmp_cache_free(cache);
    edgecmp_options_free(options);
    return status == EDGECMP_OK ? 0 : 1;
}
