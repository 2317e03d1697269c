/* Every synchronous call, against the memory origin. */
#include "check.h"

static edgecmp_error *error = NULL;

static edgecmp_cache *open_memory(void) {
    return open_with(OPTIONS("origin", "memory:", "staleness_bound", "10s"));
}

static void test_set_get_delete(void) {
    edgecmp_cache *cache = open_memory();
    edgecmp_value *value = NULL;
    edgecmp_u128 first = { 0, 0 }, second = { 0, 0 };

    EXPECT(EDGECMP_MISS, edgecmp_lookup(cache, "k", 1, NULL, &value, &error));
    CHECK(value == NULL);
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "one", 3, NULL, &first, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(is_text(value, "one") && edgecmp_value_found(value));
    edgecmp_receipt receipt = receipt_of(value);
    CHECK(receipt.struct_size == sizeof receipt && receipt.found && !receipt.degraded);
    CHECK(receipt.version.low == first.low && receipt.version.high == first.high && first.low > 0);
    CHECK(receipt.bound_ns == 10000 * MS && receipt.staleness_ns <= receipt.bound_ns);
    CHECK(receipt.proof == EDGECMP_PROOF_PULL);
    edgecmp_value_release(value);

    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "two", 3, NULL, &second, &error));
    CHECK(second.low > first.low);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(is_text(value, "two"));
    edgecmp_value_release(value);

    EXPECT(EDGECMP_OK, edgecmp_delete(cache, "k", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(!edgecmp_value_found(value) && edgecmp_value_bytes(value).data == NULL);
    CHECK(!receipt_of(value).found);
    edgecmp_value_release(value);
    close_and_free(cache);
}

static void test_conditional_write(void) {
    edgecmp_cache *cache = open_memory();
    edgecmp_u128 version = { 0, 0 };
    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "one", 3, &write, &version, &error));
    write.if_version.low = version.low + 100;
    EXPECT(EDGECMP_CONFLICT, edgecmp_set(cache, "k", 1, "two", 3, &write, NULL, &error));
    write.if_version = version;
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "two", 3, &write, NULL, &error));
    close_and_free(cache);
}

static void test_lookup_into(void) {
    edgecmp_cache *cache = open_memory();
    char buffer[8] = "-------";
    size_t len = 99;
    edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
    edgecmp_value *value = NULL;

    EXPECT(EDGECMP_MISS, edgecmp_lookup_into(cache, "k", 1, NULL, buffer, sizeof buffer, &len, &receipt, &error));
    CHECK(len == 0 && buffer[0] == '-');
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "1234", 4, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "empty", 5, NULL, 0, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    edgecmp_value_release(value);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "empty", 5, NULL, &value, &error));
    CHECK(edgecmp_value_found(value) && edgecmp_value_bytes(value).data != NULL);
    edgecmp_value_release(value);

    EXPECT(EDGECMP_OK, edgecmp_lookup_into(cache, "k", 1, NULL, buffer, sizeof buffer, &len, &receipt, &error));
    CHECK(len == 4 && memcmp(buffer, "1234---", 8) == 0);
    CHECK(receipt.found && receipt.source == EDGECMP_SOURCE_CACHE && receipt.version.low > 0);
    memset(buffer, '-', sizeof buffer);
    EXPECT(EDGECMP_OK, edgecmp_lookup_into(cache, "k", 1, NULL, buffer, 3, &len, NULL, &error));
    CHECK(len == 4 && buffer[0] == '-'); /* too small: the length, and nothing copied */
    EXPECT(EDGECMP_OK, edgecmp_lookup_into(cache, "k", 1, NULL, NULL, 0, &len, NULL, &error));
    CHECK(len == 4);
    EXPECT(EDGECMP_OK, edgecmp_lookup_into(cache, "empty", 5, NULL, buffer, sizeof buffer, &len, &receipt, &error));
    CHECK(len == 0 && receipt.found);
    close_and_free(cache);
}

static void test_get_many(void) {
    edgecmp_cache *cache = open_memory();
    edgecmp_results *results = NULL;
    const edgecmp_slice keys[] = {
        { (const uint8_t *)"b", 1 }, { (const uint8_t *)"none", 4 }, { (const uint8_t *)"a", 1 }
    };
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "a", 1, "A", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "b", 1, "B", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, keys, 3, NULL, &results, &error));
    CHECK(edgecmp_results_count(results) == 3);
    CHECK(is_text(edgecmp_results_value(results, 0), "B"));
    CHECK(!edgecmp_value_found(edgecmp_results_value(results, 1)));
    CHECK(is_text(edgecmp_results_value(results, 2), "A"));
    CHECK(edgecmp_results_error(results, 0) == NULL);
    CHECK(edgecmp_results_value(results, 3) == NULL && edgecmp_results_error(results, 3) == NULL);
    edgecmp_value *kept = edgecmp_value_retain(edgecmp_results_value(results, 2));
    edgecmp_results_free(results);
    CHECK(is_text(kept, "A"));
    edgecmp_value_release(kept);
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, NULL, 0, NULL, &results, &error));
    CHECK(edgecmp_results_count(results) == 0);
    edgecmp_results_free(results);
    close_and_free(cache);
}

/* A batch is one read, though it looks first and asks for the rest then. */
static void test_get_many_counts_once(void) {
    edgecmp_cache *cache = open_memory();
    edgecmp_results *results = NULL;
    edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
    const edgecmp_slice keys[] = { { (const uint8_t *)"a", 1 }, { (const uint8_t *)"new", 3 } };
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, keys, 1, NULL, &results, &error));
    edgecmp_results_free(results);
    CHECK(statistic(cache, "misses") == 1);
    sleep_ms(60);
    read.staleness_bound_ns = 50 * MS;
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, keys, 2, &read, &results, &error));
    CHECK(receipt_of(edgecmp_results_value(results, 0)).source == EDGECMP_SOURCE_ORIGIN);
    edgecmp_results_free(results);
    CHECK(statistic(cache, "bound_violations_averted") == 1);
    CHECK(statistic(cache, "hits") == 0 && statistic(cache, "misses") == 3);
    close_and_free(cache);
}

static void test_invalidate(void) {
    edgecmp_cache *cache = open_memory();
    edgecmp_value *value = NULL;
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    edgecmp_value_release(value);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(receipt_of(value).source == EDGECMP_SOURCE_CACHE);
    edgecmp_value_release(value);
    EXPECT(EDGECMP_OK, edgecmp_invalidate(cache, "k", 1, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(receipt_of(value).source == EDGECMP_SOURCE_ORIGIN);
    edgecmp_value_release(value);
    close_and_free(cache);
}

static void test_read_options(void) {
    edgecmp_cache *cache = open_memory();
    edgecmp_value *value = NULL;
    edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, &read, &value, &error));
    CHECK(receipt_of(value).bound_ns == 10000 * MS); /* the initializer changes nothing */
    edgecmp_value_release(value);
    read.staleness_bound_ns = 50 * MS;
    read.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, &read, &value, &error));
    CHECK(receipt_of(value).bound_ns == 50 * MS);
    edgecmp_value_release(value);
    sleep_ms(60);
    EXPECT(EDGECMP_MISS, edgecmp_lookup(cache, "k", 1, &read, &value, &error));
    read.staleness_bound_ns = 20000 * MS;
    read.flags = EDGECMP_READ_WIDEN;
    EXPECT(EDGECMP_OK, edgecmp_lookup(cache, "k", 1, &read, &value, &error));
    CHECK(receipt_of(value).bound_ns == 20000 * MS);
    edgecmp_value_release(value);
    close_and_free(cache);
}

static void test_statistics(void) {
    edgecmp_cache *cache = open_memory();
    edgecmp_value *value = NULL;
    char *text = NULL;
    for (int i = 0; i < 3; i++) {
        EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
        edgecmp_value_release(value);
    }
    CHECK(statistic(cache, "hits") == 2 && statistic(cache, "misses") == 1);
    size_t count = edgecmp_stats_count();
    uint64_t *values = calloc(count, sizeof *values);
    EXPECT(EDGECMP_OK, edgecmp_stats(cache, values, count, &error));
    for (size_t i = 0; i < count; i++) {
        edgecmp_stat_info info = EDGECMP_STAT_INFO_INIT;
        EXPECT(EDGECMP_OK, edgecmp_stats_at(i, &info, &error));
        CHECK(info.name[0] != '\0' && info.unit[0] != '\0' && info.doc[0] != '\0');
        if (strcmp(info.name, "hits") == 0) CHECK(values[i] == 2 && info.kind == EDGECMP_STAT_COUNTER);
        if (strcmp(info.name, "entries") == 0) CHECK(values[i] == 1 && info.kind == EDGECMP_STAT_GAUGE);
    }
    free(values);
    EXPECT(EDGECMP_OK, edgecmp_metrics_text(cache, &text, &error));
    CHECK(strstr(text, "\nedgecmp_hits_total 2\n") != NULL);
    edgecmp_string_free(text);
    close_and_free(cache);
}

static void test_tables(void) {
    edgecmp_options *options = edgecmp_options_new();
    bool seen = false;
    for (size_t i = 0; i < edgecmp_options_count(); i++) {
        edgecmp_option_info info = EDGECMP_OPTION_INFO_INIT;
        char *text = NULL;
        EXPECT(EDGECMP_OK, edgecmp_options_at(i, &info, &error));
        EXPECT(EDGECMP_OK, edgecmp_options_set(options, info.name, info.default_value, &error));
        EXPECT(EDGECMP_OK, edgecmp_options_get(options, info.name, &text, &error));
        edgecmp_string_free(text);
        seen = seen || strcmp(info.name, "staleness_bound") == 0;
    }
    CHECK(seen);
    EXPECT(EDGECMP_OK, edgecmp_options_set(options, "origin_bearer_token", "hunter2", &error));
    char *text = NULL;
    EXPECT(EDGECMP_OK, edgecmp_options_get(options, "origin_bearer_token", &text, &error));
    CHECK(strstr(text, "hunter2") == NULL);
    edgecmp_string_free(text);
    edgecmp_options_free(options);

    for (size_t i = 0; i < edgecmp_status_count(); i++)
        CHECK(strcmp(edgecmp_status_name(edgecmp_status_at(i)), "UNKNOWN") != 0);
    CHECK(strcmp(edgecmp_status_name(12345), "UNKNOWN") == 0);
    CHECK(strcmp(edgecmp_status_name(EDGECMP_UNKNOWN_OUTCOME), "UNKNOWN_OUTCOME") == 0);
    CHECK(edgecmp_status_retriable(EDGECMP_OVERLOADED) && !edgecmp_status_retriable(EDGECMP_CONFLICT));
    CHECK(edgecmp_version()[0] >= '0' && edgecmp_version()[0] <= '9');
}

static void test_versions_as_text(void) {
    const char *texts[] = { "0", "42", "018f2f9e-7c1a-7000-8000-000000000001" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        edgecmp_u128 version;
        char shown[EDGECMP_VERSION_TEXT_SIZE];
        EXPECT(EDGECMP_OK, edgecmp_version_parse(texts[i], &version, &error));
        EXPECT(EDGECMP_OK, edgecmp_version_format(version, shown, sizeof shown, &error));
        CHECK(strcmp(shown, texts[i]) == 0);
    }
}

int main(void) {
    check_begin("reads", 60);
    test_set_get_delete();
    test_conditional_write();
    test_lookup_into();
    test_get_many();
    test_get_many_counts_once();
    test_invalidate();
    test_read_options();
    test_statistics();
    test_tables();
    test_versions_as_text();
    return 0;
}
