/* What the C tests share: checks that end the program, and a way to open caches. */
#ifndef CHECK_H
#define CHECK_H

#include <edgecmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000) /* nanoseconds */

/* A test that hangs is killed by SIGALRM, and so fails. */
static inline void check_begin(const char *name, unsigned seconds) {
    printf("-- %s\n", name);
    fflush(stdout);
    alarm(seconds);
}

static inline void check_failed(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: FAILED: %s\n", file, line, what);
    exit(1);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition);                            \
    } while (0)

/* Checks a status and what belongs to it: an error with the same code and a
 * message that holds `text`, or none. Frees the error. */
static inline void expect(edgecmp_status want, edgecmp_status got, edgecmp_error **error,
                          const char *text, const char *call, const char *file, int line) {
    const char *message = edgecmp_error_message(*error);
    if (got != want || strstr(message, text) == NULL) {
        fprintf(stderr, "%s:%d: %s\n  want %s \"%s\"\n  got  %s \"%s\"\n", file, line, call,
                edgecmp_status_name(want), text, edgecmp_status_name(got), message);
        exit(1);
    }
    if (got >= 10) {
        if (edgecmp_error_code(*error) != got || message[0] == '\0')
            check_failed(file, line, "the error belongs to the status");
    } else if (*error != NULL) {
        check_failed(file, line, "no error after a success");
    }
    edgecmp_error_free(*error);
    *error = NULL;
}

/* `call` leaves its error in a variable of the name `error`. */
#define EXPECT(want, call) expect(want, (call), &error, "", #call, __FILE__, __LINE__)
#define EXPECT_MESSAGE(want, text, call) expect(want, (call), &error, text, #call, __FILE__, __LINE__)

static inline double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void sleep_ms(long ms) {
    struct timespec pause = { ms / 1000, (ms % 1000) * 1000000 };
    nanosleep(&pause, NULL);
}

/* How many times slower than usual the test runs: valgrind takes its time. */
static inline double slowness(void) {
    const char *factor = getenv("CHECK_SLOWNESS");
    return factor == NULL ? 1.0 : atof(factor);
}

/* Options from name, value, name, value, ..., NULL. */
static inline edgecmp_options *options_of(const char *const *settings) {
    edgecmp_error *error = NULL;
    edgecmp_options *options = edgecmp_options_new();
    CHECK(options != NULL);
    for (; *settings != NULL; settings += 2)
        EXPECT(EDGECMP_OK, edgecmp_options_set(options, settings[0], settings[1], &error));
    return options;
}

#define OPTIONS(...) options_of((const char *const[]){ __VA_ARGS__, NULL })

/* Opens a cache and frees the options: a cache does not need them any more. */
static inline edgecmp_cache *open_with(edgecmp_options *options) {
    edgecmp_error *error = NULL;
    edgecmp_cache *cache = NULL;
    EXPECT(EDGECMP_OK, edgecmp_open(options, &cache, &error));
    CHECK(cache != NULL);
    edgecmp_options_free(options);
    return cache;
}

/* Whether a value is this text. */
static inline bool is_text(const edgecmp_value *value, const char *text) {
    edgecmp_slice bytes = edgecmp_value_bytes(value);
    return bytes.data != NULL && bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static inline edgecmp_receipt receipt_of(const edgecmp_value *value) {
    edgecmp_error *error = NULL;
    edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
    EXPECT(EDGECMP_OK, edgecmp_value_receipt(value, &receipt, &error));
    return receipt;
}

static inline uint64_t statistic(const edgecmp_cache *cache, const char *name) {
    edgecmp_error *error = NULL;
    uint64_t value = 0;
    EXPECT(EDGECMP_OK, edgecmp_stats_get(cache, name, &value, &error));
    return value;
}

/* Closes and frees a cache; everything must end. */
static inline void close_and_free(edgecmp_cache *cache) {
    edgecmp_error *error = NULL;
    EXPECT(EDGECMP_OK, edgecmp_close(cache, 5000 * MS, &error));
    edgecmp_cache_free(cache);
}

#endif
