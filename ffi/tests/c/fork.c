/* Prefork: in a child each call answers or says FORKED, and none hangs. */
#include "store.h"

#include <sys/wait.h>

static edgecmp_error *error = NULL;

/* Runs `body` in a child that SIGALRM ends if it hangs; it must exit with 0. */
static void in_child(void (*body)(edgecmp_cache *, edgecmp_queue *), edgecmp_cache *cache, edgecmp_queue *queue) {
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(60);
        body(cache, queue);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status)) fprintf(stderr, "the child was ended by signal %d\n", WTERMSIG(status));
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A call that asks the origin: both answers are allowed, but it must be one. */
static void check_answer(edgecmp_status status) {
    if (status != EDGECMP_OK && status != EDGECMP_FORKED) {
        fprintf(stderr, "in the child: %s: %s\n", edgecmp_status_name(status), edgecmp_error_message(error));
        _exit(1);
    }
    edgecmp_error_free(error);
    error = NULL;
}

static void use_cache(edgecmp_cache *cache, edgecmp_queue *queue) {
    edgecmp_value *value = NULL;
    (void)queue;
    check_answer(edgecmp_get(cache, "k", 1, NULL, &value, &error));
    edgecmp_value_release(value);
    check_answer(edgecmp_get(cache, "other", 5, NULL, &value, &error));
    edgecmp_value_release(value);
    check_answer(edgecmp_set(cache, "k", 1, "child", 5, NULL, NULL, &error));
    check_answer(edgecmp_close(cache, 1000 * MS, &error));
    edgecmp_cache_free(cache);
}

static void free_only(edgecmp_cache *cache, edgecmp_queue *queue) {
    edgecmp_cache_free(cache);
    edgecmp_queue_free(queue);
}

/* The descriptor is shared with the parent: a child must not take its wake-ups. */
static void use_queue(edgecmp_cache *cache, edgecmp_queue *queue) {
    edgecmp_event event;
    edgecmp_value *value = NULL;
    size_t count = 0;
    EXPECT(EDGECMP_FORKED, edgecmp_queue_wait(queue, 5000 * MS, &error));
    EXPECT(EDGECMP_FORKED, edgecmp_queue_poll(queue, &event, sizeof event, 1, &count, &error));
    EXPECT(EDGECMP_FORKED, edgecmp_get_start(cache, "x", 1, NULL, queue, 1, &value, &error));
    EXPECT(EDGECMP_FORKED, edgecmp_cancel(queue, 1, &error));
    CHECK(edgecmp_queue_fd(queue) == -1);
    edgecmp_queue_free(queue);
}

/* What a prefork server does: open afresh in the child. */
static void open_afresh(edgecmp_cache *cache, edgecmp_queue *queue) {
    edgecmp_value *value = NULL;
    (void)cache, (void)queue;
    edgecmp_cache *fresh = open_with(OPTIONS("origin", "memory:"));
    EXPECT(EDGECMP_OK, edgecmp_set(fresh, "k", 1, "v", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(fresh, "k", 1, NULL, &value, &error));
    edgecmp_value_release(value);
    close_and_free(fresh);
}

static edgecmp_event asked; /* the origin is asked; the parent will answer */

static void answer_in_child(edgecmp_cache *cache, edgecmp_queue *queue) {
    (void)cache, (void)queue;
    CHECK(asked.request->key.len == 1);
    EXPECT(EDGECMP_FORKED, edgecmp_responder_value(asked.responder, "v", 1, (edgecmp_u128){ 0, 1 }, &error));
}

static void drop_in_child(edgecmp_cache *cache, edgecmp_queue *queue) {
    edgecmp_event_clear(&asked);
    free_only(cache, queue);
}

static edgecmp_value *kept;

static void use_kept_value(edgecmp_cache *cache, edgecmp_queue *queue) {
    (void)cache, (void)queue;
    CHECK(is_text(kept, "v1") || is_text(kept, "v"));
    edgecmp_value_release(kept);
}

static void *reader(void *cache) {
    edgecmp_error *error = NULL;
    edgecmp_value *value = NULL;
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "slow", 4, NULL, &value, &error));
    edgecmp_value_release(value);
    return NULL;
}

static void test_opened_but_unused(void) {
    edgecmp_cache *cache = open_with(OPTIONS("origin", "memory:"));
    in_child(use_cache, cache, NULL);
    in_child(free_only, cache, NULL);
    close_and_free(cache);
}

static void test_memory_after_use(void) {
    edgecmp_cache *cache = open_with(OPTIONS("origin", "memory:"));
    EXPECT(EDGECMP_OK, edgecmp_set(cache, "k", 1, "v", 1, NULL, NULL, &error));
    EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &kept, &error));
    in_child(use_cache, cache, NULL);
    in_child(free_only, cache, NULL);
    in_child(use_kept_value, cache, NULL);
    in_child(open_afresh, cache, NULL);
    edgecmp_value_release(kept);
    close_and_free(cache);
}

/* The parent's threads are at work, with whatever locks, while it forks. */
static void test_callback_in_the_middle_of_a_call(void) {
    struct store store = STORE_INIT;
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    pthread_t thread;
    store.delay_ms = 300;
    edgecmp_cache *cache = open_store(&store, OPTIONS("staleness_bound", "1m", "read_timeout", "20s", "origin_timeout", "20s"));
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "x", 1, NULL, queue, 1, &value, &error));
    CHECK(pthread_create(&thread, NULL, reader, cache) == 0);
    sleep_ms(100);
    in_child(use_cache, cache, queue);
    in_child(use_queue, cache, queue);
    in_child(free_only, cache, queue);
    in_child(open_afresh, cache, queue);
    pthread_join(thread, NULL);
    EXPECT(EDGECMP_OK, edgecmp_queue_wait(queue, 10000 * MS, &error)); /* the parent has lost nothing */
    close_and_free(cache);
    edgecmp_queue_free(queue);
    CHECK(store_let_go(&store));
}

/* An origin call that waits for its answer while the process forks. */
static void test_origin_queue(void) {
    edgecmp_queue *queue = NULL;
    edgecmp_value *value = NULL;
    edgecmp_event event;
    size_t count = 0;
    edgecmp_options *options = OPTIONS("read_timeout", "30s", "origin_timeout", "30s");
    EXPECT(EDGECMP_OK, edgecmp_queue_new(&queue, &error));
    EXPECT(EDGECMP_OK, edgecmp_origin_queue(options, queue, true, &error));
    edgecmp_cache *cache = open_with(options);
    EXPECT(EDGECMP_PENDING, edgecmp_get_start(cache, "k", 1, NULL, queue, 1, &value, &error));
    EXPECT(EDGECMP_OK, edgecmp_queue_wait(queue, 10000 * MS, &error));
    EXPECT(EDGECMP_OK, edgecmp_queue_poll(queue, &asked, sizeof asked, 1, &count, &error));
    CHECK(count == 1 && asked.kind == EDGECMP_EVENT_ORIGIN_CALL);
    in_child(answer_in_child, cache, queue);
    in_child(drop_in_child, cache, queue);
    in_child(use_cache, cache, queue);
    EXPECT(EDGECMP_OK, edgecmp_responder_value(asked.responder, "v", 1, (edgecmp_u128){ 0, 1 }, &error));
    EXPECT(EDGECMP_OK, edgecmp_queue_wait(queue, 10000 * MS, &error));
    EXPECT(EDGECMP_OK, edgecmp_queue_poll(queue, &event, sizeof event, 1, &count, &error));
    CHECK(count == 1 && is_text(event.value, "v"));
    edgecmp_event_clear(&event);
    close_and_free(cache);
    edgecmp_queue_free(queue);
}

int main(int argc, char **argv) {
    check_begin("fork", 240);
    test_origin_queue();
    test_opened_but_unused();
    test_memory_after_use();
    test_callback_in_the_middle_of_a_call();
    if (argc > 1) { /* the reference origin, over HTTP */
        edgecmp_value *value = NULL;
        edgecmp_cache *cache = open_with(OPTIONS("origin", argv[1], "staleness_bound", "1m", "read_timeout", "20s",
                                                 "origin_timeout", "20s", "connect_timeout", "10s"));
        in_child(use_cache, cache, NULL);
        EXPECT(EDGECMP_OK, edgecmp_get(cache, "k", 1, NULL, &value, &error));
        edgecmp_value_release(value);
        in_child(use_cache, cache, NULL);
        in_child(free_only, cache, NULL);
        EXPECT(EDGECMP_OK, edgecmp_get(cache, "another", 7, NULL, &value, &error));
        edgecmp_value_release(value);
        close_and_free(cache);
    }
    return 0;
}
