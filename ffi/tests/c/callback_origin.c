/* Origins as C callbacks: reads, writes, late answers, failures, ownership. */
#include "store.h"

static edgecmp_error *error = NULL;

static void test_reads_and_writes(void) {
    struct store store = STORE_INIT;
    edgecmp_value *value = NULL;
    edgecmp_u128 version = { 0, 0 };
    edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "30s"));
    read.staleness_bound_ns = 200 * MS;
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(is_text(value, "v1") && receipt_of(value).version.low == 1);
    edgecmp_value_release(value);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "absent", 6, NULL, &value, &error));
    CHECK(!edgecmp_value_found(value));
    edgecmp_value_release(value);
    sleep_ms(250); /* past the bound of the next read: the versions are compared */
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, &read, &value, &error));
    CHECK(is_text(value, "v1") && store.unchanged >= 1);
    edgecmp_value_release(value);
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "new", 3, NULL, &version, &error));
    CHECK(version.low == 2 && store.writes == 1);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(is_text(value, "new"));
    edgecmp_value_release(value);
    write.if_version.low = 77;
    EXPECT_MESSAGE(EDGECMP_CONFLICT, "another version", edgecmp_set(cache, "k", 1, "x", 1, &write, NULL, &error));
    CHECK(store.writes == 1);
    close_and_free(cache);
    CHECK(store_let_go(&store));
}

static void test_read_only(void) {
    struct store store = STORE_INIT;
    edgecmp_options *options = edgecmp_options_new();
    EXPECT(EDGECMP_OK, edgecmp_origin_callback(options, store_fetch, NULL, &store, store_dropped, &error));
    edgecmp_cache *cache = open_with(options);
    EXPECT(EDGECMP_UNSUPPORTED, edgecmp_set(cache, "k", 1, "v", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_UNSUPPORTED, edgecmp_delete(cache, "k", 1, NULL, NULL, &error));
    close_and_free(cache);
    CHECK(store_let_go(&store));
}

/* Answers from a thread of its own, after the callback has returned. */
static void *answer_later(void *responder) {
    sleep_ms(50);
    edgecmp_responder_value(responder, "late", 4, (edgecmp_u128){ 0, 9 }, NULL);
    return NULL;
}

static void fetch_later(void *user_data, const edgecmp_origin_request *request, edgecmp_responder *responder) {
    (void)request;
    CHECK(pthread_create(user_data, NULL, answer_later, responder) == 0);
}

static void test_answer_from_another_thread(void) {
    pthread_t thread;
    edgecmp_value *value = NULL;
    edgecmp_options *options = edgecmp_options_new();
    EXPECT(EDGECMP_OK, edgecmp_origin_callback(options, fetch_later, NULL, &thread, NULL, &error));
    edgecmp_cache *cache = open_with(options);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(is_text(value, "late"));
    edgecmp_value_release(value);
    pthread_join(thread, NULL);
    close_and_free(cache);
}

/* What the origin does wrong is chosen by the key. */
static void fetch_badly(void *user_data, const edgecmp_origin_request *request, edgecmp_responder *responder) {
    edgecmp_error *error = NULL;
    (void)user_data;
    switch (request->key.data[0]) {
    case 'f': edgecmp_responder_free(responder); break;
    case 'r': edgecmp_responder_fail(responder, EDGECMP_ORIGIN_REJECTED, "not for you", NULL); break;
    case 'u': edgecmp_responder_fail(responder, EDGECMP_ORIGIN_UNAVAILABLE, NULL, NULL); break;
    case 'x': edgecmp_responder_fail(responder, 12345, "no such status", NULL); break;
    case 'n': edgecmp_responder_unchanged(responder, NULL); break; /* nothing was known */
    case 'w':
        EXPECT(EDGECMP_INVALID_ARGUMENT, edgecmp_responder_written(responder, (edgecmp_u128){ 0, 1 }, &error));
        break;
    case 'v':
        EXPECT(EDGECMP_INVALID_ARGUMENT, edgecmp_responder_value(responder, NULL, 5, (edgecmp_u128){ 0, 1 }, &error));
        break;
    default: CHECK(!"an unexpected key");
    }
}

static void test_failures(void) {
    edgecmp_value *value = NULL;
    edgecmp_options *options = OPTIONS("retry_limit", "0", "breaker_failures", "0");
    EXPECT(EDGECMP_OK, edgecmp_origin_callback(options, fetch_badly, NULL, NULL, NULL, &error));
    edgecmp_cache *cache = open_with(options);
    EXPECT_MESSAGE(EDGECMP_ORIGIN_UNAVAILABLE, "without an answer", edgecmp_get(cache, "f", 1, NULL, &value, &error));
    EXPECT_MESSAGE(EDGECMP_ORIGIN_REJECTED, "not for you", edgecmp_get(cache, "r", 1, NULL, &value, &error));
    EXPECT(EDGECMP_ORIGIN_UNAVAILABLE, edgecmp_get(cache, "u", 1, NULL, &value, &error));
    EXPECT_MESSAGE(EDGECMP_ORIGIN_UNAVAILABLE, "no such status", edgecmp_get(cache, "x", 1, NULL, &value, &error));
    EXPECT(EDGECMP_ORIGIN_PROTOCOL, edgecmp_get(cache, "n", 1, NULL, &value, &error));
    EXPECT(EDGECMP_ORIGIN_PROTOCOL, edgecmp_get(cache, "w", 1, NULL, &value, &error));
    EXPECT(EDGECMP_ORIGIN_UNAVAILABLE, edgecmp_get(cache, "v", 1, NULL, &value, &error));
    CHECK(value == NULL);
    close_and_free(cache);
}

static void test_slow_callback_meets_the_deadline(void) {
    struct store store = STORE_INIT;
    edgecmp_value *value = NULL;
    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    store.delay_ms = 400;
    edgecmp_cache *cache = open_store(&store, OPTIONS("read_timeout", "50ms", "retry_limit", "0"));
    double before = seconds_now();
    EXPECT(EDGECMP_DEADLINE_EXCEEDED, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(seconds_now() - before < 0.35);
    write.timeout_ns = 50 * MS;
    CHECK(edgecmp_set(cache, "k", 1, "v", 1, &write, NULL, &error) == EDGECMP_UNKNOWN_OUTCOME);
    CHECK(edgecmp_error_idempotency_key(error) != NULL && edgecmp_error_retriable(error));
    edgecmp_error_free(error);
    error = NULL;
    close_and_free(cache);
    CHECK(store_let_go(&store));
}

/* The user data is dropped once: when options and caches are gone, or at once
 * if it was never taken. */
static void test_user_data(void) {
    struct store store = STORE_INIT, refused = STORE_INIT;
    edgecmp_cache *caches[2] = { NULL, NULL };
    edgecmp_options *options = edgecmp_options_new();
    EXPECT(EDGECMP_INVALID_ARGUMENT,
           edgecmp_origin_callback(options, NULL, NULL, &refused, store_dropped, &error));
    CHECK(refused.dropped == 1);
    EXPECT(EDGECMP_OK, edgecmp_origin_callback(options, store_fetch, NULL, &store, store_dropped, &error));
    for (int i = 0; i < 2; i++) EXPECT(EDGECMP_OK, edgecmp_open(options, &caches[i], &error));
    edgecmp_options_free(options);
    close_and_free(caches[0]);
    CHECK(store.dropped == 0);
    close_and_free(caches[1]);
    CHECK(store_let_go(&store));
}

int main(void) {
    check_begin("callback origin", 60);
    test_reads_and_writes();
    test_read_only();
    test_answer_from_another_thread();
    test_failures();
    test_slow_callback_meets_the_deadline();
    test_user_data();
    return 0;
}
