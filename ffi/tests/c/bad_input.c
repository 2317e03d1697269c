/* Bad input of each kind: a clear error, outputs empty, nothing lost. */
#include "check.h"

static edgecmp_error *error = NULL;

#define BAD(text, call) EXPECT_MESSAGE(EDGECMP_INVALID_ARGUMENT, text, call)

static void test_options(void) {
    edgecmp_options *options = edgecmp_options_new();
    edgecmp_option_info info = EDGECMP_OPTION_INFO_INIT;
    char *text = (char *)"not touched";
    EXPECT_MESSAGE(EDGECMP_UNKNOWN_OPTION, "did you mean \"staleness_bound\"",
                   edgecmp_options_set(options, "stalenes_bound", "1s", &error));
    BAD("staleness_bound: got \"soon\"; allowed: a number with a unit",
        edgecmp_options_set(options, "staleness_bound", "soon", &error));
    BAD("staleness_bound: got 0s; allowed: 1ms to 365d",
        edgecmp_options_set(options, "staleness_bound", "0s", &error));
    BAD("value: got bytes that are not UTF-8", edgecmp_options_set(options, "origin", "\xff\xfe", &error));
    BAD("capacity", edgecmp_options_set(options, "capacity", "1", &error));
    EXPECT(EDGECMP_UNKNOWN_OPTION, edgecmp_options_get(options, "nothing", &text, &error));
    CHECK(text == NULL);
    BAD("index", edgecmp_options_at(edgecmp_options_count(), &info, &error));
    CHECK(edgecmp_options_set(options, "nothing", "1", NULL) == EDGECMP_UNKNOWN_OPTION);
    edgecmp_options_free(options);
}

static void test_open(void) {
    /* What only shows when the options are looked at together. */
    const char *const bad[][2] = {
        { "origin", "" }, { "origin", "nonsense" }, { "origin", "http://no-key/" },
        { "origin", "ftp://host/{key}" }, { "origin", "http:///{key}" }, { "refresh_after", "2s" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        edgecmp_options *options = OPTIONS("origin", "memory:", bad[i][0], bad[i][1]);
        edgecmp_cache *cache = (edgecmp_cache *)(void *)options;
        BAD(bad[i][0], edgecmp_open(options, &cache, &error));
        CHECK(cache == NULL);
        edgecmp_options_free(options);
    }
}

static void test_keys_and_values(edgecmp_cache *cache) {
    static char big[2 << 20];
    edgecmp_value *value = (edgecmp_value *)(void *)big;
    edgecmp_results *results = NULL;
    size_t len = 0;
    const edgecmp_slice keys[] = { { (const uint8_t *)"a", 1 }, { NULL, 0 } };
    BAD("key", edgecmp_get(cache, "", 0, NULL, &value, &error));
    CHECK(value == NULL);
    BAD("key", edgecmp_get(cache, big, 1025, NULL, &value, &error));
    BAD("key", edgecmp_lookup(cache, "", 0, NULL, &value, &error));
    BAD("key", edgecmp_lookup_into(cache, "", 0, NULL, big, sizeof big, &len, NULL, &error));
    BAD("key", edgecmp_invalidate(cache, "", 0, &error));
    BAD("key", edgecmp_set(cache, "", 0, "v", 1, NULL, NULL, &error));
    BAD("key", edgecmp_delete(cache, "", 0, NULL, NULL, &error));
    BAD("value", edgecmp_set(cache, "k", 1, big, sizeof big, NULL, NULL, &error));
    BAD("key_len", edgecmp_get(cache, "k", SIZE_MAX, NULL, &value, &error));
    BAD("keys_count", edgecmp_get_many(cache, keys, SIZE_MAX, NULL, &results, &error));
    /* One bad key of many spoils its own row only, or the call; never the process. */
    edgecmp_status status = edgecmp_get_many(cache, keys, 2, NULL, &results, &error);
    if (status == EDGECMP_OK) {
        CHECK(edgecmp_error_code(edgecmp_results_error(results, 1)) == EDGECMP_INVALID_ARGUMENT);
        edgecmp_results_free(results);
    } else {
        expect(EDGECMP_INVALID_ARGUMENT, status, &error, "key", "get_many", __FILE__, __LINE__);
    }
}

static void test_call_options(edgecmp_cache *cache) {
    edgecmp_value *value = NULL;
    edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    read.staleness_bound_ns = 0;
    BAD("staleness_bound", edgecmp_get(cache, "k", 1, &read, &value, &error));
    read.staleness_bound_ns = EDGECMP_DEFAULT;
    read.timeout_ns = 0;
    BAD("timeout", edgecmp_get(cache, "k", 1, &read, &value, &error));
    read.timeout_ns = EDGECMP_DEFAULT;
    read.flags = 2;
    BAD("read.flags", edgecmp_get(cache, "k", 1, &read, &value, &error));
    read.flags = 0;
    read.traceparent = "nonsense";
    BAD("traceparent", edgecmp_get(cache, "k", 1, &read, &value, &error));
    write.timeout_ns = 0;
    BAD("timeout", edgecmp_set(cache, "k", 1, "v", 1, &write, NULL, &error));
    write.timeout_ns = EDGECMP_DEFAULT;
    write.flags = 1;
    BAD("write.flags", edgecmp_set(cache, "k", 1, "v", 1, &write, NULL, &error));
    write.flags = 0;
    write.idempotency_key = "\xff";
    BAD("write.idempotency_key", edgecmp_set(cache, "k", 1, "v", 1, &write, NULL, &error));
    write.idempotency_key = "";
    BAD("idempotency_key", edgecmp_set(cache, "k", 1, "v", 1, &write, NULL, &error));
}

/* A struct of another size: too small is a forgotten initializer, too large a
 * program newer than the library. */
static void test_struct_sizes(edgecmp_cache *cache) {
    edgecmp_value *value = NULL;
    edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
    edgecmp_event event;
    edgecmp_queue *queue = NULL;
    size_t count = 0;
    read.struct_size = 0;
    BAD("read.struct_size", edgecmp_get(cache, "k", 1, &read, &value, &error));
    read.struct_size = sizeof read + 8;
    BAD("read.struct_size", edgecmp_get(cache, "k", 1, &read, &value, &error));
    write.struct_size = 1;
    BAD("write.struct_size", edgecmp_set(cache, "k", 1, "v", 1, &write, NULL, &error));
    receipt.struct_size = 8;
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    BAD("receipt.struct_size", edgecmp_value_receipt(value, &receipt, &error));
    edgecmp_value_release(value);
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    BAD("event_size", edgecmp_queue_poll(queue, &event, 8, 1, &count, &error));
    edgecmp_queue_free(queue);
}

static void test_null(void) {
    edgecmp_cache *opened = NULL;
    edgecmp_value *value = NULL;
    edgecmp_results *results = NULL;
    edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
    edgecmp_options *options = edgecmp_options_new();
    edgecmp_queue *queue = NULL;
    edgecmp_u128 version = { 0, 0 };
    uint64_t number = 0;
    size_t len = 0;
    char *text = NULL;
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));

    BAD("options", edgecmp_open(NULL, &opened, &error));
    CHECK(opened == NULL);
    BAD("cache", edgecmp_open(options, NULL, &error));
    BAD("options", edgecmp_options_set(NULL, "origin", "memory:", &error));
    BAD("name", edgecmp_options_set(options, NULL, "memory:", &error));
    BAD("value", edgecmp_options_set(options, "origin", NULL, &error));
    BAD("value", edgecmp_options_get(options, "origin", NULL, &error));
    BAD("info", edgecmp_options_at(0, NULL, &error));

    BAD("cache", edgecmp_get(NULL, "k", 1, NULL, &value, &error));
    BAD("cache", edgecmp_lookup(NULL, "k", 1, NULL, &value, &error));
    BAD("cache", edgecmp_lookup_into(NULL, "k", 1, NULL, NULL, 0, &len, NULL, &error));
    BAD("cache", edgecmp_get_many(NULL, NULL, 0, NULL, &results, &error));
    BAD("cache", edgecmp_set(NULL, "k", 1, "v", 1, NULL, NULL, &error));
    BAD("cache", edgecmp_delete(NULL, "k", 1, NULL, NULL, &error));
    BAD("cache", edgecmp_invalidate(NULL, "k", 1, &error));
    BAD("cache", edgecmp_close(NULL, 0, &error));
    BAD("cache", edgecmp_get_start(NULL, "k", 1, NULL, queue, 1, &value, &error));
    BAD("cache", edgecmp_set_start(NULL, "k", 1, "v", 1, NULL, queue, 1, &error));
    BAD("cache", edgecmp_delete_start(NULL, "k", 1, NULL, queue, 1, &error));
    BAD("cache", edgecmp_stats(NULL, &number, 1, &error));
    BAD("cache", edgecmp_stats_get(NULL, "hits", &number, &error));
    BAD("cache", edgecmp_metrics_text(NULL, &text, &error));

    BAD("value", edgecmp_value_receipt(NULL, &receipt, &error));
    BAD("queue", edgecmp_queue_wait(NULL, 0, &error));
    BAD("queue", edgecmp_queue_new(NULL, &error));
    BAD("queue", edgecmp_cancel(NULL, 1, &error));
    BAD("queue", edgecmp_origin_queue(options, NULL, true, &error));
    BAD("events", edgecmp_queue_poll(queue, NULL, sizeof(edgecmp_event), 1, &len, &error));
    BAD("fetch", edgecmp_origin_callback(options, NULL, NULL, NULL, NULL, &error));
    BAD("responder", edgecmp_responder_value(NULL, "v", 1, version, &error));
    BAD("responder", edgecmp_responder_fail(NULL, EDGECMP_CONFLICT, NULL, &error));
    BAD("version_text", edgecmp_version_parse(NULL, &version, &error));
    BAD("buffer", edgecmp_version_format(version, NULL, 40, &error));

    /* What only frees or asks takes NULL for nothing. */
    edgecmp_options_free(NULL);
    edgecmp_cache_free(NULL);
    edgecmp_value_release(NULL);
    edgecmp_results_free(NULL);
    edgecmp_queue_free(NULL);
    edgecmp_responder_free(NULL);
    edgecmp_event_clear(NULL);
    edgecmp_error_free(NULL);
    edgecmp_string_free(NULL);
    CHECK(edgecmp_value_retain(NULL) == NULL && edgecmp_value_bytes(NULL).data == NULL);
    CHECK(!edgecmp_value_found(NULL) && edgecmp_results_count(NULL) == 0 && edgecmp_queue_fd(NULL) == -1);
    CHECK(edgecmp_error_code(NULL) == EDGECMP_OK && edgecmp_error_message(NULL)[0] == '\0');
    CHECK(edgecmp_error_idempotency_key(NULL) == NULL && !edgecmp_error_retriable(NULL));
    edgecmp_queue_free(queue);
    edgecmp_options_free(options);
}

static void test_null_with_a_cache(edgecmp_cache *cache) {
    edgecmp_value *value = NULL;
    edgecmp_queue *queue = NULL;
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    BAD("key", edgecmp_get(cache, NULL, 1, NULL, &value, &error));
    BAD("value", edgecmp_get(cache, "k", 1, NULL, NULL, &error));
    BAD("value", edgecmp_lookup(cache, "k", 1, NULL, NULL, &error));
    BAD("value", edgecmp_set(cache, "k", 1, NULL, 1, NULL, NULL, &error));
    BAD("results", edgecmp_get_many(cache, NULL, 0, NULL, NULL, &error));
    BAD("keys", edgecmp_get_many(cache, NULL, 1, NULL, (edgecmp_results **)(void *)&value, &error));
    BAD("buffer", edgecmp_lookup_into(cache, "k", 1, NULL, NULL, 1, &(size_t){ 0 }, NULL, &error));
    BAD("value_len", edgecmp_lookup_into(cache, "k", 1, NULL, NULL, 0, NULL, NULL, &error));
    size_t len = 77;
    BAD("cache", edgecmp_lookup_into(NULL, "k", 1, NULL, NULL, 0, &len, NULL, &error));
    CHECK(len == 0);
    BAD("key_len: got 18446744073709551615; allowed: 0 to",
        edgecmp_lookup_into(cache, "k", (size_t)-1, NULL, NULL, 0, &len, NULL, &error));
    const edgecmp_slice no_length[] = { { (const uint8_t *)"a", 1 }, { (const uint8_t *)"b", (size_t)-1 } };
    BAD("keys[1].len: got 18446744073709551615; allowed: 0 to",
        edgecmp_get_many(cache, no_length, 2, NULL, (edgecmp_results **)(void *)&value, &error));
    const edgecmp_slice no_data[] = { { (const uint8_t *)"a", 1 }, { NULL, 1 } };
    BAD("keys[1].data: got NULL", edgecmp_get_many(cache, no_data, 2, NULL, (edgecmp_results **)(void *)&value, &error));
    BAD("queue", edgecmp_get_start(cache, "new", 3, NULL, NULL, 1, &value, &error));
    BAD("value", edgecmp_get_start(cache, "new", 3, NULL, queue, 1, NULL, &error));
    BAD("queue", edgecmp_set_start(cache, "k", 1, "v", 1, NULL, NULL, 1, &error));
    BAD("values", edgecmp_stats(cache, NULL, 1000, &error));
    BAD("capacity", edgecmp_stats(cache, &(uint64_t){ 0 }, 1, &error));
    BAD("name", edgecmp_stats_get(cache, NULL, &(uint64_t){ 0 }, &error));
    EXPECT(EDGECMP_UNKNOWN_OPTION, edgecmp_stats_get(cache, "hit", &(uint64_t){ 0 }, &error));
    edgecmp_queue_free(queue);
}

int main(void) {
    check_begin("bad input", 60);
    test_options();
    test_open();
    edgecmp_cache *cache = open_with(OPTIONS("origin", "memory:"));
    test_keys_and_values(cache);
    test_call_options(cache);
    test_struct_sizes(cache);
    test_null();
    test_null_with_a_cache(cache);
    /* After all that the cache still works. */
    edgecmp_value *value = NULL;
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "v", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(is_text(value, "v"));
    edgecmp_value_release(value);
    close_and_free(cache);
    return 0;
}
