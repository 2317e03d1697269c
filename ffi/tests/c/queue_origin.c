/* An origin that is served from a queue, by an event loop of one thread. */
#include "check.h"

#include <pthread.h>

static edgecmp_error *error = NULL;

static edgecmp_event next_event(edgecmp_queue *queue) {
    edgecmp_event event;
    size_t count = 0;
    EXPECT(EDGECMP_OK, edgecmp_queue_wait(queue, 10000 * MS, &error));
    EXPECT(EDGECMP_OK, edgecmp_queue_poll(queue, &event, sizeof event, 1, &count, &error));
    CHECK(count == 1);
    return event;
}

static edgecmp_cache *open_on(edgecmp_queue *queue, bool writable) {
    edgecmp_options *options = OPTIONS("staleness_bound", "30s", "retry_limit", "0", "read_timeout", "20s",
                                         "origin_timeout", "20s");
    EXPECT(EDGECMP_OK, edgecmp_origin_queue(options, queue, writable, &error));
    return open_with(options);
}

/* One thread asks and answers: the origin's calls and the call's own event
 * come over the same queue. */
static void test_one_thread(void) {
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    edgecmp_cache *cache = open_on(queue, true);

    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "key", 3, NULL, queue, 1, &value, &error));
    edgecmp_event event = next_event(queue);
    CHECK(event.kind == EDGECMP_EVENT_ORIGIN_CALL && event.request->operation == EDGECMP_OPERATION_FETCH);
    CHECK(event.request->key.len == 3 && memcmp(event.request->key.data, "key", 3) == 0);
    EXPECT(EDGECMP_OK, edgecmp_responder_value(event.responder, "value", 5, (edgecmp_u128){ 0, 4 }, &error));
    event = next_event(queue);
    CHECK(event.tag == 1 && is_text(event.value, "value"));
    edgecmp_event_clear(&event);

    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    write.idempotency_key = "once";
    write.if_version.low = 4;
    EXPECT(EDGECMP_PENDING, edgecmp_set_start(cache, "key", 3, "new", 3, &write, queue, 2, &error));
    event = next_event(queue);
    CHECK(event.request->operation == EDGECMP_OPERATION_SET && event.request->if_version.low == 4);
    CHECK(event.request->value.len == 3 && strcmp(event.request->idempotency_key, "once") == 0);
    EXPECT(EDGECMP_OK, edgecmp_responder_written(event.responder, (edgecmp_u128){ 0, 5 }, &error));
    event = next_event(queue);
    CHECK(event.tag == 2 && event.version.low == 5);
    edgecmp_event_clear(&event);

    /* Clearing an unanswered call fails it. */
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "other", 5, NULL, queue, 3, &value, &error));
    event = next_event(queue);
    edgecmp_event_clear(&event);
    event = next_event(queue);
    CHECK(event.tag == 3 && event.status == EDGECMP_ORIGIN_UNAVAILABLE);
    edgecmp_event_clear(&event);
    close_and_free(cache);
    edgecmp_queue_free(queue);
}

static void test_read_only_and_gone(void) {
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    edgecmp_cache *cache = open_on(queue, false);
    EXPECT(EDGECMP_UNSUPPORTED, edgecmp_set(cache, "k", 1, "v", 1, NULL, NULL, &error));
    edgecmp_queue_free(queue);
    double before = seconds_now();
    EXPECT(EDGECMP_ORIGIN_UNAVAILABLE, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    CHECK(seconds_now() - before < 0.5); /* fails at once; nobody will ever answer */
    close_and_free(cache);
}

/* An answer after its cache is gone is ignored. */
static void test_answer_too_late(void) {
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    edgecmp_cache *cache = open_on(queue, false);
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "k", 1, NULL, queue, 1, &value, &error));
    edgecmp_event call = next_event(queue);
    close_and_free(cache);
    CHECK(call.request->key.len == 1); /* lives as long as the responder */
    EXPECT(EDGECMP_OK, edgecmp_responder_value(call.responder, "v", 1, (edgecmp_u128){ 0, 1 }, &error));
    edgecmp_event event = next_event(queue);
    CHECK(event.status == EDGECMP_CLOSED);
    edgecmp_event_clear(&event);
    edgecmp_queue_free(queue);
}

int main(void) {
    check_begin("queue origin", 60);
    test_one_thread();
    test_read_only_and_gone();
    test_answer_too_late();
    return 0;
}
