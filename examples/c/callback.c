/* An origin in C: the cache calls `fetch` for what it does not hold, once for
 * each key however many readers wait, and compares versions before it asks for
 * a value again.
 *
 *   cc callback.c $(pkg-config --cflags --libs edgecmp) && ./a.out
 */
#include <edgecmp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The system of record: one gauge per key, in a table that a real program
 * would keep in a database. */
struct gauge {
    const char *name;
    const char *reading;
    uint64_t version; /* grows with every change of this gauge */
};

static struct gauge gauges[] = { { "temperature", "21.5", 7 }, { "humidity", "40", 3 } };

/* Runs on a thread of the library, and may block. Each request is answered
 * once; here at once, but the responder could be kept for later. */
static void fetch(void *user_data, const edgecmp_origin_request *request, edgecmp_responder *responder) {
    edgecmp_u128 none = { 0, 0 };
    (void)user_data;
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++) {
        edgecmp_u128 version = { 0, gauges[i].version };
        if (request->key.len != strlen(gauges[i].name) ||
            memcmp(request->key.data, gauges[i].name, request->key.len) != 0)
            continue;
        if (request->known_version.low == version.low)
            edgecmp_responder_unchanged(responder, NULL); /* no need to send it again */
        else
            edgecmp_responder_value(responder, gauges[i].reading, strlen(gauges[i].reading), version, NULL);
        return;
    }
    edgecmp_responder_absent(responder, none, NULL);
}

static edgecmp_status show(const edgecmp_cache *cache, const char *key, edgecmp_error **error) {
    edgecmp_value *value = NULL;
    edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
    edgecmp_status status = edgecmp_get(cache, key, strlen(key), NULL, &value, error);
    if (status == EDGECMP_OK) status = edgecmp_value_receipt(value, &receipt, error);
    if (status == EDGECMP_OK) {
        edgecmp_slice bytes = edgecmp_value_bytes(value);
        printf("%s = %.*s, version %" PRIu64 ", from the %s\n", key, receipt.found ? (int)bytes.len : 6,
               receipt.found ? (const char *)bytes.data : "absent", receipt.version.low,
               receipt.source == EDGECMP_SOURCE_CACHE ? "cache" : "origin");
    }
    edgecmp_value_release(value);
    return status;
}

int main(void) {
    edgecmp_error *error = NULL;
    edgecmp_cache *cache = NULL;
    edgecmp_options *options = edgecmp_options_new();

    if (edgecmp_options_set(options, "staleness_bound", "5s", &error) == EDGECMP_OK &&
        edgecmp_origin_callback(options, fetch, NULL, NULL, NULL, &error) == EDGECMP_OK &&
        edgecmp_open(options, &cache, &error) == EDGECMP_OK &&
        show(cache, "temperature", &error) == EDGECMP_OK && /* from the origin */
        show(cache, "temperature", &error) == EDGECMP_OK && /* from the cache */
        show(cache, "pressure", &error) == EDGECMP_OK)      /* absent */
        edgecmp_close(cache, UINT64_C(1000000000), &error); /* waits for callbacks that still run */

    edgecmp_status status = edgecmp_error_code(error);
    if (status != EDGECMP_OK)
        fprintf(stderr, "%s: %s\n", edgecmp_status_name(status), edgecmp_error_message(error));
    edgecmp_error_free(error);
    edgecmp_cache_free(cache);
    edgecmp_options_free(options);
    return status == EDGECMP_OK ? 0 : 1;
}
