/* Asynchronous calls: a queue, its descriptor, one event per pending call. */
#include "store.h"

#include <poll.h>

static edgecmp_error *error = NULL;

/* The next event, waited for as an event loop does: on the descriptor. */
static edgecmp_event next_event(edgecmp_queue *queue) {
    edgecmp_event event;
    size_t count = 0;
    struct pollfd pollfd = { edgecmp_queue_fd(queue), POLLIN, 0 };
    while (count == 0) {
        CHECK(poll(&pollfd, 1, 10000) == 1);
        EXPECT(EDGECMP_OK, edgecmp_queue_poll(queue, &event, sizeof event, 1, &count, &error));
    }
    return event;
}

static void check_empty(edgecmp_queue *queue) {
    edgecmp_event event;
    size_t count = 99;
    EXPECT(EDGECMP_PENDING, edgecmp_queue_wait(queue, 1 * MS, &error));
    EXPECT(EDGECMP_OK, edgecmp_queue_poll(queue, &event, sizeof event, 1, &count, &error));
    CHECK(count == 0);
}

static void test_each_call(void) {
    struct store store = STORE_INIT;
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    edgecmp_results *results = NULL;
    const edgecmp_slice keys[] = { { (const uint8_t *)"k", 1 }, { (const uint8_t *)"absent", 6 } };
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "30s", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));

    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "k", 1, NULL, queue, 7, &value, &error));
    CHECK(value == NULL);
    edgecmp_event event = next_event(queue);
    CHECK(event.tag == 7 && event.kind == EDGECMP_EVENT_VALUE && event.status == EDGECMP_OK);
    CHECK(is_text(event.value, "v1") && event.error == NULL && event.responder == NULL);
    edgecmp_event_clear(&event);
    CHECK(event.value == NULL);

    EXPECT(EDGECMP_OK, edgecmp_get_start(cache, "k", 1, NULL, queue, 7, &value, &error));
    CHECK(is_text(value, "v1"));
    edgecmp_value_release(value);
    check_empty(queue); /* a hit has no event */

    EXPECT(EDGECMP_PENDING, edgecmp_get_many_start(cache, keys, 2, NULL, queue, 8, &results, &error));
    event = next_event(queue);
    CHECK(event.tag == 8 && event.kind == EDGECMP_EVENT_RESULTS && edgecmp_results_count(event.results) == 2);
    CHECK(is_text(edgecmp_results_value(event.results, 0), "v1"));
    CHECK(!edgecmp_value_found(edgecmp_results_value(event.results, 1)));
    edgecmp_event_clear(&event);
    EXPECT(EDGECMP_OK, edgecmp_get_many_start(cache, keys, 2, NULL, queue, 8, &results, &error));
    edgecmp_results_free(results);

    EXPECT(EDGECMP_PENDING, edgecmp_set_start(cache, "k", 1, "new", 3, NULL, queue, 9, &error));
    event = next_event(queue);
    CHECK(event.tag == 9 && event.kind == EDGECMP_EVENT_WRITTEN && event.version.low == 2);
    edgecmp_event_clear(&event);
    EXPECT(EDGECMP_PENDING, edgecmp_delete_start(cache, "k", 1, NULL, queue, 10, &error));
    event = next_event(queue);
    CHECK(event.tag == 10 && event.kind == EDGECMP_EVENT_WRITTEN && event.version.low == 3);
    edgecmp_event_clear(&event);

    close_and_free(cache);
    edgecmp_queue_free(queue);
    CHECK(store_let_go(&store));
}

static void test_failure_is_an_event(void) {
    struct store store = STORE_INIT;
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
    read.timeout_ns = 30 * MS;
    store.delay_ms = 200;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "k", 1, &read, queue, 1, &value, &error));
    edgecmp_event event = next_event(queue);
    CHECK(event.kind == EDGECMP_EVENT_FAILED && event.status == EDGECMP_DEADLINE_EXCEEDED);
    CHECK(edgecmp_error_code(event.error) == EDGECMP_DEADLINE_EXCEEDED && event.value == NULL);
    edgecmp_event_clear(&event);
    close_and_free(cache);
    edgecmp_queue_free(queue);
    CHECK(store_let_go(&store));
}

static void test_cancel_and_tags(void) {
    struct store store = STORE_INIT;
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    store.delay_ms = 200;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));

    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "a", 1, NULL, queue, 1, &value, &error));
    EXPECT_MESSAGE(EDGECMP_INVALID_ARGUMENT, "tag: got 1",
                   edgecmp_get_start(cache, "b", 1, NULL, queue, 1, &value, &error));
    EXPECT(EDGECMP_INVALID_ARGUMENT, edgecmp_set_start(cache, "b", 1, "v", 1, NULL, queue, 1, &error));
    double before = seconds_now();
    EXPECT(EDGECMP_OK, edgecmp_cancel(queue, 1, &error));
    edgecmp_event event = next_event(queue);
    CHECK(event.tag == 1 && event.status == EDGECMP_CANCELLED);
    CHECK(seconds_now() - before < 0.15); /* at once, not when the origin answers */
    edgecmp_event_clear(&event);

    /* A cancelled write may still happen, and says so. */
    write.idempotency_key = "my-key";
    EXPECT(EDGECMP_PENDING, edgecmp_set_start(cache, "c", 1, "v", 1, &write, queue, 2, &error));
    EXPECT(EDGECMP_OK, edgecmp_cancel(queue, 2, &error));
    event = next_event(queue);
    CHECK(event.tag == 2 && event.status == EDGECMP_UNKNOWN_OUTCOME);
    CHECK(strcmp(edgecmp_error_idempotency_key(event.error), "my-key") == 0);
    edgecmp_event_clear(&event);
    EXPECT(EDGECMP_PENDING, edgecmp_set_start(cache, "d", 1, "v", 1, NULL, queue, 2, &error));
    EXPECT(EDGECMP_OK, edgecmp_cancel(queue, 2, &error));
    event = next_event(queue);
    CHECK(edgecmp_error_idempotency_key(event.error) != NULL); /* the library's own */
    edgecmp_event_clear(&event);
    EXPECT(EDGECMP_OK, edgecmp_cancel(queue, 99, &error)); /* unknown, or already ended */

    /* Its tag is free again as soon as a call has ended. */
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "e", 1, NULL, queue, 1, &value, &error));
    event = next_event(queue);
    CHECK(event.tag == 1 && event.kind == EDGECMP_EVENT_VALUE);
    edgecmp_event_clear(&event);
    sleep_ms(300);
    check_empty(queue); /* the cancelled calls have no second event */
    close_and_free(cache);
    edgecmp_queue_free(queue);
    CHECK(store_let_go(&store));
}

/* A thousand misses in flight, one descriptor, no thread per call. */
static void test_many_at_once(void) {
    enum { CALLS = 1000 };
    static edgecmp_event events[64];
    static bool seen[CALLS];
    struct store store = STORE_INIT;
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    int ended = 0;
    edgecmp_cache *cache = open_store(&store, OPTIONS("read_timeout", "30s", "origin_queue", "2000"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    for (int i = 0; i < CALLS; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "key-%d", i);
        EXPECT(EDGECMP_PENDING,
               edgecmp_get_start(cache, key, (size_t)len, NULL, queue, (uint64_t)i, &value, &error));
    }
    while (ended < CALLS) {
        size_t count = 0;
        EXPECT(EDGECMP_OK, edgecmp_queue_wait(queue, 20000 * MS, &error));
        EXPECT(EDGECMP_OK, edgecmp_queue_poll(queue, events, sizeof *events, 64, &count, &error));
        for (size_t i = 0; i < count; i++) {
            CHECK(events[i].tag < CALLS && !seen[events[i].tag] && is_text(events[i].value, "v1"));
            seen[events[i].tag] = true;
            edgecmp_event_clear(&events[i]);
            ended++;
        }
    }
    close_and_free(cache);
    edgecmp_queue_free(queue);
    CHECK(store_let_go(&store));
}

static void test_close_ends_pending_calls(void) {
    struct store store = STORE_INIT;
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    store.delay_ms = 300;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "k", 1, NULL, queue, 5, &value, &error));
    CHECK(edgecmp_close(cache, 10 * MS, NULL) < 10);
    edgecmp_event event = next_event(queue);
    CHECK(event.tag == 5 && event.status == EDGECMP_CLOSED);
    edgecmp_event_clear(&event);
    edgecmp_cache_free(cache);
    edgecmp_queue_free(queue);
    CHECK(store_let_go(&store));
}

static void test_queue_freed_first(void) {
    struct store store = STORE_INIT;
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    store.delay_ms = 50;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "k", 1, NULL, queue, 5, &value, &error));
    edgecmp_queue_free(queue);
    sleep_ms(150); /* its event is dropped, not lost into freed memory */
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    edgecmp_value_release(value);
    close_and_free(cache);
    CHECK(store_let_go(&store));
}

int main(void) {
    check_begin("async", 90);
    test_each_call();
    test_failure_is_an_event();
    test_cancel_and_tags();
    test_many_at_once();
    test_close_ends_pending_calls();
    test_queue_freed_first();
    return 0;
}
