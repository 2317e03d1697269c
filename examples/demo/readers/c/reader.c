/*
 * The C reader of the demo: a service with a few threads that share one cache.
 * Most reads are hits that copy nothing; a panel is read with one call.
 */
#define _GNU_SOURCE
#include "assignment.h"
#include "edgecmp.h"
#include "receipt_log.h"

#define MILLISECOND 1000000u
#define SECOND 1000000000u

enum { THREADS = 4, PANEL = 12, SINGLES = 12, JOB_KEYS = 8 };
static const uint64_t OUTAGE_BOUND_NS = 30ull * SECOND; /* asked for by one round in four */
static const uint64_t SET_EVERY_NS = 300 * MILLISECOND;
static const uint64_t FLUSH_EVERY_NS = 200 * MILLISECOND;

typedef struct {
    const assignment *given;
    const edgecmp_cache *cache;
    receipt_log *log;
    uint64_t number, started_ns;
    size_t draw;
} worker;

/* How a write went; one whose outcome is unknown is tried again with its key. */
typedef struct {
    uint64_t next_ns, count;
    char *idempotency_key;
    char value[96];
    uint32_t key;
} job;

/* A pointer to the error: arguments are evaluated in no order, the error is written by one of them. */
static void check(edgecmp_status status, edgecmp_error *const *error, const char *what) {
    if (status != EDGECMP_OK) die(what, edgecmp_error_message(*error));
}

static edgecmp_cache *open_cache(const assignment *given) {
    char bound[32];
    snprintf(bound, sizeof bound, "%llums", (unsigned long long)given->bound_ms);
    edgecmp_options *options = edgecmp_options_new();
    edgecmp_error *error = NULL;
    check(edgecmp_options_set(options, "origin", given->origin, &error), &error, "origin");
    check(edgecmp_options_set(options, "staleness_bound", bound, &error), &error, "staleness_bound");
    edgecmp_cache *cache = NULL;
    check(edgecmp_open(options, &cache, &error), &error, "open");
    edgecmp_options_free(options);
    return cache;
}

static log_record new_record(const worker *self, uint32_t key, const edgecmp_read_options *read) {
    const uint64_t outage_ns = read->outage_bound_ns;
    return (log_record){
        .bound_ns = self->given->bound_ms * MILLISECOND,
        .outage_bound_ns = outage_ns == EDGECMP_DEFAULT ? 0 : outage_ns,
        .min_version = read->min_version.low,
        .key = key,
        .reader = (uint32_t)self->number,
    };
}

/* Exactly one of value and error is there. */
static void fill(log_record *record, const edgecmp_value *value, const edgecmp_error *error) {
    if (value == NULL) {
        record->outcome = OUTCOME_ERROR;
        record->error_code = (uint32_t)edgecmp_error_code(error);
        return;
    }
    edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;
    edgecmp_value_receipt(value, &receipt, NULL);
    const edgecmp_slice bytes = edgecmp_value_bytes(value);
    record->staleness_ns = receipt.staleness_ns;
    record->version = receipt.version.low;
    record->source = (uint8_t)receipt.source;
    if (receipt.found) record->crc = crc32_ieee(bytes.data, bytes.len);
    if (receipt.degraded) record->outcome = OUTCOME_DEGRADED;
    else if (!receipt.found) record->outcome = OUTCOME_NOT_FOUND;
    record->flags = receipt.degraded && !receipt.found ? FLAG_ABSENT : 0;
}

static void read_one(worker *self, uint32_t key, const edgecmp_read_options *read) {
    const char *name = self->given->keys[key];
    edgecmp_value *value = NULL;
    edgecmp_error *error = NULL;
    log_record record = new_record(self, key, read);
    record.start_ns = boottime_ns();
    edgecmp_get(self->cache, name, strlen(name), read, &value, &error);
    record.end_ns = boottime_ns();
    fill(&record, value, error);
    edgecmp_value_release(value);
    edgecmp_error_free(error);
    log_append(self->log, &record, 1);
}

static uint32_t next_key(worker *self) {
    const uint32_t key = self->given->mix[self->draw];
    self->draw = (self->draw + 1) % self->given->mix_count;
    return key;
}

static void read_panel(worker *self, const edgecmp_read_options *read) {
    edgecmp_slice keys[PANEL];
    log_record records[PANEL];
    for (size_t at = 0; at < PANEL; at++) {
        const uint32_t key = next_key(self);
        const char *name = self->given->keys[key];
        keys[at] = (edgecmp_slice){(const uint8_t *)name, strlen(name)};
        records[at] = new_record(self, key, read);
    }
    edgecmp_results *results = NULL;
    edgecmp_error *error = NULL;
    const uint64_t start_ns = boottime_ns();
    const edgecmp_status status = edgecmp_get_many(self->cache, keys, PANEL, read, &results, &error);
    const uint64_t end_ns = boottime_ns();
    check(status, &error, "get_many"); /* rows can fail, the call as a whole cannot */
    for (size_t at = 0; at < PANEL; at++) {
        records[at].start_ns = start_ns;
        records[at].end_ns = end_ns;
        fill(&records[at], edgecmp_results_value(results, at), edgecmp_results_error(results, at));
    }
    edgecmp_results_free(results);
    log_append(self->log, records, PANEL);
}

static uint32_t job_key(const assignment *given, uint64_t count) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "job/c/%llu", (unsigned long long)(count % JOB_KEYS));
    for (size_t key = 0; key < given->keys_count; key++)
        if (!strcmp(given->keys[key], wanted)) return (uint32_t)key;
    die(wanted, "is not in the key list");
    return 0;
}

/* Writes a result of its own and reads it back: G3. */
static void write_job(worker *self, job *state) {
    if (state->idempotency_key == NULL) {
        state->key = job_key(self->given, state->count++);
        snprintf(state->value, sizeof state->value, "{\"reader\":\"c\",\"results\":%llu}",
                 (unsigned long long)state->count);
    }
    const char *name = self->given->keys[state->key];
    const size_t value_len = strlen(state->value);
    edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;
    write.idempotency_key = state->idempotency_key;
    edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
    edgecmp_error *error = NULL;
    log_record record = new_record(self, state->key, &read);
    record.start_ns = boottime_ns();
    edgecmp_set(self->cache, name, strlen(name), state->value, value_len, &write, &read.min_version, &error);
    record.end_ns = boottime_ns();
    record.kind = error == NULL ? KIND_SET : KIND_UNKNOWN_WRITE;
    record.version = read.min_version.low;
    record.crc = crc32_ieee((const uint8_t *)state->value, value_len);
    record.error_code = (uint32_t)edgecmp_error_code(error);
    log_append(self->log, &record, 1);
    const char *retry_with = edgecmp_error_idempotency_key(error);
    char *kept = retry_with ? strdup(retry_with) : NULL;
    free(state->idempotency_key);
    state->idempotency_key = kept;
    if (error == NULL) read_one(self, state->key, &read);
    edgecmp_error_free(error);
}

static void *work(void *argument) {
    worker *self = argument;
    job state = {.next_ns = self->started_ns};
    const uint64_t round_ns = (uint64_t)(PANEL + SINGLES) * THREADS * SECOND / self->given->rate;
    const uint64_t end_ns = self->started_ns + self->given->seconds * SECOND;
    uint64_t flushed_ns = self->started_ns;
    uint64_t due_ns = self->started_ns + self->number * round_ns / THREADS;
    for (uint64_t round = 0;; round++, due_ns += round_ns) {
        uint64_t now_ns = boottime_ns();
        if (now_ns < due_ns) {
            sleep_ns(due_ns - now_ns);
            now_ns = boottime_ns();
        } else if (now_ns - due_ns > SECOND / 4) {
            due_ns = now_ns; /* after a stall the pace goes on, without a burst */
        }
        if (now_ns >= end_ns) break;
        if (self->number == 0 && now_ns - flushed_ns >= FLUSH_EVERY_NS) {
            flushed_ns = now_ns;
            log_flush(self->log);
        }
        edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;
        if (round % 4 == 0) read.outage_bound_ns = OUTAGE_BOUND_NS;
        for (size_t at = 0; at < SINGLES; at++) read_one(self, next_key(self), &read);
        read_panel(self, &read);
        if (self->number == 0 && now_ns >= state.next_ns) {
            state.next_ns = now_ns + SET_EVERY_NS;
            write_job(self, &state);
        }
    }
    free(state.idempotency_key);
    return NULL;
}

int main(int count, char **arguments) {
    const assignment given = parse_arguments(count, arguments);
    crc32_init();
    receipt_log log;
    log_open(&log, given.log_path);
    edgecmp_cache *cache = open_cache(&given);
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (uint64_t number = 0; number < THREADS; number++) {
        workers[number] = (worker){&given, cache, &log, number, boottime_ns(), first_draw(&given, number)};
        if (pthread_create(&threads[number], NULL, work, &workers[number]) != 0) die("thread", "not started");
    }
    for (size_t number = 0; number < THREADS; number++) pthread_join(threads[number], NULL);
    edgecmp_close(cache, 5 * (uint64_t)SECOND, NULL);
    edgecmp_cache_free(cache);
    fclose(log.file);
    return 0;
}
