/* A small system of record, as a C callback origin, that counts its calls. */
#ifndef STORE_H
#define STORE_H

#include "check.h"

#include <pthread.h>

struct store {
    pthread_mutex_t lock;
    char value[64]; /* the same for every key but "absent" */
    size_t len;
    uint64_t version;
    int fetches, writes, unchanged, dropped;
    long delay_ms;
};

#define STORE_INIT { PTHREAD_MUTEX_INITIALIZER, "v1", 2, 1, 0, 0, 0, 0, 0 }

static inline void store_fetch(void *user_data, const edgecmp_origin_request *request, edgecmp_responder *responder) {
    struct store *store = user_data;
    CHECK(request->struct_size >= sizeof *request && request->operation == EDGECMP_OPERATION_FETCH);
    CHECK(request->idempotency_key == NULL && request->timeout_ns > 0);
    sleep_ms(store->delay_ms);
    pthread_mutex_lock(&store->lock);
    edgecmp_u128 version = { 0, store->version };
    store->fetches++;
    if (request->key.len == 6 && memcmp(request->key.data, "absent", 6) == 0) {
        edgecmp_responder_absent(responder, (edgecmp_u128){ 0, 0 }, NULL);
    } else if (request->known_version.low == version.low) {
        store->unchanged++;
        edgecmp_responder_unchanged(responder, NULL);
    } else {
        edgecmp_responder_value(responder, store->value, store->len, version, NULL);
    }
    pthread_mutex_unlock(&store->lock);
}

static inline void store_write(void *user_data, const edgecmp_origin_request *request, edgecmp_responder *responder) {
    struct store *store = user_data;
    CHECK(request->idempotency_key != NULL && request->idempotency_key[0] != '\0');
    sleep_ms(store->delay_ms);
    pthread_mutex_lock(&store->lock);
    if (request->if_version.low != 0 && request->if_version.low != store->version) {
        edgecmp_responder_fail(responder, EDGECMP_CONFLICT, "another version is current", NULL);
    } else {
        store->writes++;
        store->version++;
        store->len = request->value.len < sizeof store->value ? request->value.len : sizeof store->value;
        if (store->len > 0) memcpy(store->value, request->value.data, store->len);
        edgecmp_responder_written(responder, (edgecmp_u128){ 0, store->version }, NULL);
    }
    pthread_mutex_unlock(&store->lock);
}

static inline void store_dropped(void *user_data) {
    struct store *store = user_data;
    pthread_mutex_lock(&store->lock);
    store->dropped++;
    pthread_mutex_unlock(&store->lock);
}

/* Waits until the library has let go of the store; whether it did so once. */
static inline bool store_let_go(struct store *store) {
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&store->lock);
        int dropped = store->dropped;
        pthread_mutex_unlock(&store->lock);
        if (dropped > 0) return dropped == 1;
        sleep_ms(10);
    }
    return false;
}

/* A cache over the store, with these options besides. */
static inline edgecmp_cache *open_store(struct store *store, edgecmp_options *options) {
    edgecmp_error *error = NULL;
    EXPECT(EDGECMP_OK, edgecmp_origin_callback(options, store_fetch, store_write, store, store_dropped, &error));
    return open_with(options);
}

#endif
