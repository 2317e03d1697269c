/* Against the reference origin, over HTTP, with faults on demand. */
#include "http.h"

static edgecmp_error *error = NULL;
static const char *origin;

static edgecmp_cache *open_http(void) {
    return open_with(OPTIONS("origin", origin, "staleness_bound", "1m", "read_timeout", "20s", "write_timeout", "20s",
                             "origin_timeout", "20s"));
}

static void test_round_trip(void) {
    edgecmp_cache *cache = open_http();
    edgecmp_value *value = NULL;
    edgecmp_u128 version = { 0, 0 };
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "c/trip", 6, "one", 3, NULL, &version, &error));
    CHECK(version.low > 0);
    EXPECT(EDGECMP_OK, edgecmp_invalidate(cache, "c/trip", 6, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "c/trip", 6, NULL, &value, &error));
    edgecmp_receipt receipt = receipt_of(value);
    CHECK(is_text(value, "one") && receipt.version.low == version.low && receipt.source == EDGECMP_SOURCE_ORIGIN);
    CHECK(receipt.last_modified_at_ms > 0);
    edgecmp_value_release(value);
    EXPECT(EDGECMP_OK, edgecmp_delete(cache, "c/trip", 6, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "c/trip", 6, NULL, &value, &error));
    CHECK(!edgecmp_value_found(value));
    edgecmp_value_release(value);
    close_and_free(cache);
}

static void test_batch(void) {
    enum { KEYS = 50 };
    edgecmp_cache *cache = open_http();
    edgecmp_results *results = NULL;
    char names[KEYS][16];
    edgecmp_slice keys[KEYS];
    for (int i = 0; i < KEYS; i++) {
        keys[i].len = (size_t)snprintf(names[i], sizeof names[i], "c/batch/%d", i);
        keys[i].data = (const uint8_t *)names[i];
        if (i % 2 == 0) EXPECT(EDGECMP_OK, edgecmp_set(cache, names[i], keys[i].len, names[i], keys[i].len, NULL, NULL, &error));
    }
    close_and_free(cache);
    cache = open_http(); /* cold */
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, keys, KEYS, NULL, &results, &error));
    for (size_t i = 0; i < KEYS; i++) {
        const edgecmp_value *value = edgecmp_results_value(results, i);
        CHECK(i % 2 == 0 ? is_text(value, names[i]) : !edgecmp_value_found(value));
    }
    CHECK(statistic(cache, "origin_requests") == 1); /* one compare for all of them */
    edgecmp_results_free(results);
    close_and_free(cache);
}

/* The origin commits and its answer is lost: UNKNOWN_OUTCOME with a key, and
 * the retry with that key does not write twice. The origin counts all writes in
 * one sequence of versions, so a second write would show in the next version. */
static void test_lost_answer(void) {
    edgecmp_cache *cache = open_http();
    edgecmp_u128 before = { 0, 0 }, retried = { 0, 0 }, after = { 0, 0 };
    edgecmp_value *value = NULL;
    char key[256];
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "c/before", 8, "x", 1, NULL, &before, &error));
    http_post(port_of(origin), "/faults", "{\"drop_answer\":true,\"count\":1,\"method\":\"PUT\"}");
    edgecmp_status status = edgecmp_set(cache, "c/lost", 6, "once", 4, NULL, &retried, &error);
    CHECK(status == EDGECMP_UNKNOWN_OUTCOME && retried.low == 0);
    CHECK(edgecmp_error_retriable(error) && edgecmp_error_idempotency_key(error) != NULL);
    snprintf(key, sizeof key, "%s", edgecmp_error_idempotency_key(error));
    edgecmp_error_free(error);
    error = NULL;

    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    write.idempotency_key = key;
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "c/lost", 6, "once", 4, &write, &retried, &error));
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "c/after", 7, "x", 1, NULL, &after, &error));
    CHECK(retried.low == before.low + 1 && after.low == before.low + 2);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "c/lost", 6, NULL, &value, &error));
    CHECK(is_text(value, "once") && receipt_of(value).version.low == retried.low);
    edgecmp_value_release(value);
    CHECK(statistic(cache, "unknown_outcomes") == 1);
    close_and_free(cache);
}

static void test_outage(void) {
    edgecmp_options *options = OPTIONS("origin", origin, "staleness_bound", "50ms", "outage_bound", "60s",
                                       "retry_limit", "0", "read_timeout", "2s", "breaker_failures", "3");
    edgecmp_cache *cache = open_with(options);
    edgecmp_value *value = NULL;
    edgecmp_read_options strict = EDGECMP_READ_OPTIONS_INIT;
    strict.outage_bound_ns = 0;
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "c/out", 5, "v", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "c/out", 5, NULL, &value, &error));
    edgecmp_value_release(value);
    http_post(port_of(origin), "/faults", "{\"status\":503,\"count\":1000,\"match\":\"/items\"}");
    sleep_ms(100);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "c/out", 5, NULL, &value, &error));
    edgecmp_receipt receipt = receipt_of(value);
    CHECK(receipt.degraded && receipt.proof == EDGECMP_PROOF_NONE && receipt.staleness_ns > 50 * MS);
    edgecmp_value_release(value);
    for (int i = 0; i < 6; i++) {
        edgecmp_status status = edgecmp_get(cache, "c/out", 5, &strict, &value, &error);
        CHECK(status == EDGECMP_ORIGIN_UNAVAILABLE || status == EDGECMP_BREAKER_OPEN);
        CHECK(value == NULL && edgecmp_status_retriable((int32_t)status));
        edgecmp_error_free(error);
        error = NULL;
    }
    CHECK(statistic(cache, "breaker_opened") >= 1);
    http_post(port_of(origin), "/faults", "{}");
    close_and_free(cache);
}

static void test_broken_answer(void) {
    edgecmp_cache *cache = open_with(OPTIONS("origin", origin, "retry_limit", "0"));
    edgecmp_value *value = NULL;
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "c/half", 6, "0123456789", 10, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_invalidate(cache, "c/half", 6, &error));
    http_post(port_of(origin), "/faults", "{\"half_body\":true,\"count\":10,\"match\":\"/items\"}");
    edgecmp_status status = edgecmp_get(cache, "c/half", 6, NULL, &value, &error);
    CHECK(status == EDGECMP_ORIGIN_PROTOCOL || status == EDGECMP_ORIGIN_UNAVAILABLE);
    edgecmp_error_free(error);
    error = NULL;
    http_post(port_of(origin), "/faults", "{}");
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "c/half", 6, NULL, &value, &error));
    CHECK(is_text(value, "0123456789"));
    edgecmp_value_release(value);
    close_and_free(cache);
}

int main(int argc, char **argv) {
    check_begin("http origin", 90);
    CHECK(argc > 1 && "the origin's URL");
    origin = argv[1];
    test_round_trip();
    test_batch();
    test_lost_answer();
    test_outage();
    test_broken_answer();
    return 0;
}
