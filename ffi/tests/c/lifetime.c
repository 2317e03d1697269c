/* Ends of life: values outlive the cache, closed handles say so, close is bounded. */
#include "store.h"

#include <dirent.h>

static edgecmp_error *error = NULL;

static void *read_value(void *value) {
    CHECK(is_text(value, "v1"));
    edgecmp_value_release(value);
    return NULL;
}

static void test_values_outlive_the_cache(void) {
    struct store store = STORE_INIT;
    edgecmp_value *value = NULL;
    edgecmp_results *results = NULL;
    const edgecmp_slice key = { (const uint8_t *)"k", 1 };
    pthread_t thread;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, &key, 1, NULL, &results, &error));
    close_and_free(cache);
    CHECK(store_let_go(&store));
    CHECK(is_text(value, "v1") && receipt_of(value).version.low == 1);
    CHECK(is_text(edgecmp_results_value(results, 0), "v1"));
    edgecmp_results_free(results);
    CHECK(pthread_create(&thread, NULL, read_value, edgecmp_value_retain(value)) == 0);
    edgecmp_value_release(value);
    pthread_join(thread, NULL);
}

/* Rows share memory; each row that is retained keeps its value, on any thread. */
static void test_rows_outlive_the_results(void) {
    struct store store = STORE_INIT;
    edgecmp_results *results = NULL;
    edgecmp_value *kept[2];
    const edgecmp_slice keys[] = { { (const uint8_t *)"k", 1 }, { NULL, 0 }, { (const uint8_t *)"absent", 6 },
                                   { (const uint8_t *)"k", 1 } };
    pthread_t thread;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_INVALID_ARGUMENT, edgecmp_get_many(cache, keys, 4, NULL, &results, &error));
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, keys, 1, NULL, &results, &error));
    edgecmp_results_free(results); /* none is kept */
    EXPECT(EDGECMP_OK, edgecmp_get_many(cache, keys + 2, 2, NULL, &results, &error));
    kept[0] = edgecmp_value_retain(edgecmp_results_value(results, 1));
    kept[1] = edgecmp_value_retain(edgecmp_results_value(results, 1));
    CHECK(kept[0] == edgecmp_results_value(results, 1));
    CHECK(!edgecmp_value_found(edgecmp_results_value(results, 0)));
    CHECK(edgecmp_results_bytes(results, 1).data == edgecmp_value_bytes(kept[0]).data);
    CHECK(edgecmp_results_bytes(results, 1).len == 2);
    CHECK(edgecmp_results_bytes(results, 0).data == NULL && edgecmp_results_bytes(results, 2).data == NULL);
    CHECK(edgecmp_results_bytes(NULL, 0).data == NULL);
    edgecmp_value_release(edgecmp_value_retain(edgecmp_results_value(results, 0)));
    close_and_free(cache);
    edgecmp_results_free(results);
    CHECK(pthread_create(&thread, NULL, read_value, kept[0]) == 0);
    CHECK(is_text(kept[1], "v1") && receipt_of(kept[1]).version.low == 1);
    edgecmp_value_release(kept[1]);
    pthread_join(thread, NULL);
    CHECK(store_let_go(&store));
}

static void test_use_after_close(void) {
    edgecmp_cache *cache = open_with(OPTIONS("origin", "memory:"));
    edgecmp_value *value = NULL;
    edgecmp_results *results = NULL;
    edgecmp_queue *queue = NULL;
    char *text = NULL;
    size_t len = 0;
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "v", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_close(cache, 1000 * MS, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_lookup(cache, "k", 1, NULL, &value, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_lookup_into(cache, "k", 1, NULL, NULL, 0, &len, NULL, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_get_many(cache, NULL, 0, NULL, &results, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_set(cache, "k", 1, "v", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_delete(cache, "k", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_invalidate(cache, "k", 1, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_get_start(cache, "k", 1, NULL, queue, 1, &value, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_get_many_start(cache, NULL, 0, NULL, queue, 1, &results, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_set_start(cache, "k", 1, "v", 1, NULL, queue, 1, &error));
    EXPECT(EDGECMP_CLOSED, edgecmp_set_start(cache, "k", 1, "v", 1, NULL, queue, 1, &error)); /* the tag is free */
    EXPECT(EDGECMP_CLOSED, edgecmp_delete_start(cache, "k", 1, NULL, queue, 1, &error));
    EXPECT(EDGECMP_OK, edgecmp_close(cache, 0, &error)); /* again is fine */
    EXPECT(EDGECMP_OK, edgecmp_metrics_text(cache, &text, &error)); /* what happened can still be read */
    edgecmp_string_free(text);
    edgecmp_cache_free(cache);
    edgecmp_queue_free(queue);
}

static edgecmp_cache *shared;

static void *blocked_reader(void *unused) {
    edgecmp_error *error = NULL;
    edgecmp_value *value = NULL;
    (void)unused;
    EXPECT(EDGECMP_CLOSED, edgecmp_get(shared, "k", 1, NULL, &value, &error));
    return NULL;
}

static void *blocked_reader_of_many(void *unused) {
    edgecmp_error *error = NULL;
    edgecmp_results *results = NULL;
    const edgecmp_slice keys[] = { { (const uint8_t *)"k", 1 }, { (const uint8_t *)"other", 5 }, { (const uint8_t *)"k", 1 } };
    (void)unused;
    EXPECT(EDGECMP_CLOSED, edgecmp_get_many(shared, keys, 3, NULL, &results, &error));
    CHECK(results == NULL);
    return NULL;
}

static char large[64 << 10];

/* One key at once, with a value so large that its memory is its own; others take their time. */
static void fetch_large(void *user_data, const edgecmp_origin_request *request, edgecmp_responder *responder) {
    if (request->key.len == 1)
        edgecmp_responder_value(responder, large, sizeof large, (edgecmp_u128){ 0, 1 }, NULL);
    else
        store_fetch(user_data, request, responder);
}

/* The hits of a batch whose rest failed are let go: valgrind would find them. */
static void test_close_while_a_batch_waits(void) {
    struct store store = STORE_INIT;
    edgecmp_value *value = NULL;
    pthread_t thread;
    edgecmp_options *options = OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s");
    EXPECT(EDGECMP_OK, edgecmp_origin_callback(options, fetch_large, store_write, &store, store_dropped, &error));
    shared = open_with(options);
    EXPECT(EDGECMP_OK, edgecmp_get(shared, "k", 1, NULL, &value, &error));
    edgecmp_value_release(value);
    store.delay_ms = (long)(800 * slowness());
    CHECK(pthread_create(&thread, NULL, blocked_reader_of_many, NULL) == 0);
    sleep_ms((long)(200 * slowness()));
    EXPECT(EDGECMP_PENDING, edgecmp_close(shared, 50 * MS, &error));
    pthread_join(thread, NULL);
    close_and_free(shared);
    CHECK(store_let_go(&store));
}

static void test_close_is_bounded_while_a_callback_runs(void) {
    struct store store = STORE_INIT;
    pthread_t thread;
    store.delay_ms = 800;
    shared = open_store(&store, OPTIONS("read_timeout", "10s", "origin_timeout", "10s"));
    CHECK(pthread_create(&thread, NULL, blocked_reader, NULL) == 0);
    sleep_ms(100);
    double before = seconds_now();
    EXPECT(EDGECMP_PENDING, edgecmp_close(shared, 50 * MS, &error));
    CHECK(seconds_now() - before < 0.5);
    pthread_join(thread, NULL); /* the reader does not wait for the callback either */
    CHECK(seconds_now() - before < 0.6);
    CHECK(store.dropped == 0); /* it still runs, with its user data */
    EXPECT(EDGECMP_OK, edgecmp_close(shared, 5000 * MS, &error)); /* wait longer: it has ended */
    edgecmp_cache_free(shared);
    CHECK(store_let_go(&store));
}

static void test_free_without_close(void) {
    struct store store = STORE_INIT;
    edgecmp_value *value = NULL;
    store.delay_ms = 300;
    edgecmp_cache *cache = open_store(&store, OPTIONS("read_timeout", "20ms"));
    EXPECT(EDGECMP_DEADLINE_EXCEEDED, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    double before = seconds_now();
    edgecmp_cache_free(cache); /* the callback still sleeps */
    CHECK(seconds_now() - before < 0.2);
    CHECK(store_let_go(&store));
}

/* No thread outlives the caches, nor does a descriptor. */
static int entries_of(const char *path) {
    int count = 0;
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}

static void test_nothing_is_left_behind(int threads, int descriptors) {
    for (int i = 0; i < 200 && entries_of("/proc/self/task") > threads; i++) sleep_ms(10);
    CHECK(entries_of("/proc/self/task") == threads);
    CHECK(entries_of("/proc/self/fd") == descriptors);
}

int main(void) {
    check_begin("lifetime", 60);
    int threads = entries_of("/proc/self/task"), descriptors = entries_of("/proc/self/fd");
    test_values_outlive_the_cache();
    test_rows_outlive_the_results();
    test_use_after_close();
    test_close_while_a_batch_waits();
    test_close_is_bounded_while_a_callback_runs();
    test_free_without_close();
    test_nothing_is_left_behind(threads, descriptors);
    return 0;
}
