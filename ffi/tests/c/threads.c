/* All calls at once from many threads, and a close in the middle of it. */
#include "store.h"

enum { THREADS = 8, ROUNDS = 300 };

static edgecmp_cache *cache;
static edgecmp_queue *queue;

/* After the close each call says so; before it each succeeds. */
static bool ended(edgecmp_status status, edgecmp_error **error) {
    if (status != EDGECMP_OK && status != EDGECMP_MISS && status != EDGECMP_PENDING && status != EDGECMP_CLOSED &&
        status != EDGECMP_UNKNOWN_OUTCOME) {
        fprintf(stderr, "%s: %s\n", edgecmp_status_name((int32_t)status), edgecmp_error_message(*error));
        exit(1);
    }
    CHECK((status >= 10) == (*error != NULL));
    edgecmp_error_free(*error);
    *error = NULL;
    return status >= 10;
}

static void *caller(void *argument) {
    const uint64_t thread = (uint64_t)(uintptr_t)argument;
    edgecmp_error *error = NULL;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        edgecmp_value *value = NULL;
        edgecmp_results *results = NULL;
        char key[16], buffer[64];
        size_t len = (size_t)snprintf(key, sizeof key, "k%d", (int)(round % 20)), value_len = 0;
        const edgecmp_slice keys[] = { { (const uint8_t *)key, len }, { (const uint8_t *)"absent", 6 } };
        edgecmp_status status = EDGECMP_OK;
        switch ((thread + round) % 8) {
        case 0: status = edgecmp_get(cache, key, len, NULL, &value, &error); break;
        case 1: status = edgecmp_lookup(cache, key, len, NULL, &value, &error); break;
        case 2: status = edgecmp_lookup_into(cache, key, len, NULL, buffer, sizeof buffer, &value_len, NULL, &error); break;
        case 3: status = edgecmp_get_many(cache, keys, 2, NULL, &results, &error); break;
        case 4: status = edgecmp_set(cache, key, len, "new", 3, NULL, NULL, &error); break;
        case 5: status = edgecmp_invalidate(cache, key, len, &error); break;
        case 6: status = edgecmp_get_start(cache, key, len, NULL, queue, thread << 32 | round, &value, &error); break;
        case 7: status = edgecmp_set_start(cache, key, len, "new", 3, NULL, queue, thread << 32 | round, &error); break;
        }
        CHECK((value != NULL) <= (status == EDGECMP_OK));
        edgecmp_value_release(value);
        edgecmp_results_free(results);
        if (ended(status, &error)) break;
    }
    return NULL;
}

/* Takes the events out until told to stop. */
static volatile bool stop;

static void *drainer(void *unused) {
    edgecmp_error *error = NULL;
    edgecmp_event events[16];
    (void)unused;
    while (!stop) {
        size_t count = 0;
        edgecmp_queue_wait(queue, 10 * MS, NULL);
        EXPECT(EDGECMP_OK, edgecmp_queue_poll(queue, events, sizeof *events, 16, &count, &error));
        for (size_t i = 0; i < count; i++) edgecmp_event_clear(&events[i]);
    }
    return NULL;
}

static void run(bool close_early) {
    struct store store = STORE_INIT;
    pthread_t threads[THREADS], drain;
    edgecmp_error *error = NULL;
    stop = false;
    cache = open_store(&store, OPTIONS("staleness_bound", "20s", "read_timeout", "20s", "write_timeout", "20s",
                                       "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    CHECK(pthread_create(&drain, NULL, drainer, NULL) == 0);
    for (uintptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, caller, (void *)i) == 0);
    if (close_early) {
        sleep_ms(30);
        CHECK(edgecmp_close(cache, 5000 * MS, NULL) == EDGECMP_OK);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(edgecmp_close(cache, 5000 * MS, NULL) == EDGECMP_OK);
    stop = true;
    pthread_join(drain, NULL);
    edgecmp_cache_free(cache);
    edgecmp_queue_free(queue);
    CHECK(store_let_go(&store));
}

int main(void) {
    check_begin("threads", 120);
    run(false);
    run(true);
    return 0;
}
