/* 64 threads miss one key at once: one origin request. */
#include "store.h"

enum { THREADS = 64 };

static edgecmp_cache *cache;
static pthread_barrier_t start;

static void *reader(void *unused) {
    edgecmp_error *error = NULL;
    edgecmp_value *value = NULL;
    (void)unused;
    pthread_barrier_wait(&start);
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "hot", 3, NULL, &value, &error));
    CHECK(is_text(value, "v1"));
    edgecmp_value_release(value);
    return NULL;
}

int main(void) {
    check_begin("stampede", 60);
    struct store store = STORE_INIT;
    pthread_t threads[THREADS];
    store.delay_ms = 300;
    cache = open_store(&store, OPTIONS("staleness_bound", "30s", "read_timeout", "20s", "origin_timeout", "20s"));
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, reader, NULL) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(store.fetches == 1);
    CHECK(statistic(cache, "origin_requests") == 1);
    pthread_barrier_destroy(&start);
    close_and_free(cache);
    CHECK(store_let_go(&store));
    return 0;
}
