/*
 * edgecmp: an in-process cache with bounded staleness. The C interface.
 *
 *     edgecmp_options *options = edgecmp_options_new();
 *     edgecmp_options_set(options, "origin", "https://api.example.com/items/{key}", NULL);
 *     edgecmp_cache *cache = NULL;
 *     edgecmp_value *value = NULL;
 *     edgecmp_error *error = NULL;
 *     if (edgecmp_open(options, &cache, &error) == EDGECMP_OK &&
 *         edgecmp_get(cache, "k", 1, NULL, &value, &error) == EDGECMP_OK) { ... }
 *
 * THE CONTRACT
 *
 * Results. A call that can fail returns an edgecmp_status. 0 to 9 (OK, MISS,
 * PENDING) are no errors. Why a call failed is left in its last parameter,
 * `edgecmp_error **error`, unless that is NULL; the caller frees it. There is
 * no per-thread "last error".
 *
 * Parameters. In this order: the object, inputs, queue and tag, outputs,
 * error. Bytes are a pointer and a length; NULL is allowed with length 0. Text
 * is UTF-8 and NUL-terminated. Durations are nanoseconds. Inputs are copied:
 * they need to live only as long as the call.
 *
 * Outputs. Written only on success; when a call fails, or has no result,
 * pointers are set to NULL and numbers to 0, and structs are left alone. What
 * an output held before is overwritten, not freed.
 *
 * NULL. Where there must be an object or an output, NULL gives
 * EDGECMP_INVALID_ARGUMENT, with the name of the parameter. Freeing NULL does
 * nothing. Anything else that is no valid pointer is undefined behaviour.
 *
 * Ownership. What comes out through an `edgecmp_x **` is the caller's and is
 * freed by `edgecmp_x_free` (values: edgecmp_value_release; `char **`:
 * edgecmp_string_free). What a call returns as a pointer to const, or as an
 * edgecmp_slice, belongs to the object that was asked and lives as long as it.
 *
 * Structs. One with a first field `struct_size` can grow: set that to its
 * sizeof (the ..._INIT macros do). An older program works with a newer library.
 * Input structs may be NULL: the defaults.
 *
 * Threads. A parameter that is a pointer to const may be used by any number of
 * threads at once; one that is not, by one thread at a time. Objects are bound
 * to no thread. Nothing may be freed while another call uses it.
 *
 * Blocking. Only edgecmp_get, edgecmp_get_many, edgecmp_set, edgecmp_delete
 * (until their deadline), edgecmp_queue_wait and edgecmp_close (until their
 * timeout) block. Nothing is safe in a signal handler. The library installs no
 * signal handler and masks all signals on its own threads.
 *
 * Callbacks. Only origin callbacks (edgecmp_origin_callback) and the drop of
 * their user data are ever called, on threads of the library. They may call
 * the library; a read that needs the origin then takes up a second loader
 * thread, and ends at its deadline if there is none. Do not free, in a
 * callback, the cache it serves.
 *
 * Fork. The child of a fork gets a cache whose origin is HTTP or a callback
 * started again, empty; a cache with the memory origin or an origin queue gives
 * EDGECMP_FORKED there, and so do queues and responders. No call hangs. Values,
 * errors and results stay valid; closing and freeing are allowed. Threads start
 * when they are first needed, so that opening before a fork costs nothing. User
 * data of callbacks is not dropped in a child for what the parent had open.
 *
 * Unloading. The shared library stays loaded once it is: dlclose does nothing.
 */


#ifndef EDGECMP_H
#define EDGECMP_H

/* Printed from the signatures of the crate edgecmp-ffi: do not edit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Initializers of the structs that the caller fills in: they change nothing. */
#define EDGECMP_READ_OPTIONS_INIT                                                                  \
    { sizeof(edgecmp_read_options), EDGECMP_DEFAULT, EDGECMP_DEFAULT, EDGECMP_DEFAULT, { 0, 0 },   \
      NULL, 0 }
#define EDGECMP_WRITE_OPTIONS_INIT                                                                 \
    { sizeof(edgecmp_write_options), NULL, { 0, 0 }, EDGECMP_DEFAULT, NULL, 0 }

/* Initializers of the structs that the library fills in. */
#define EDGECMP_RECEIPT_INIT                                                                       \
    { sizeof(edgecmp_receipt), { 0, 0 }, 0, 0, -1, EDGECMP_SOURCE_CACHE, EDGECMP_PROOF_NONE,       \
      false, false, { 0, 0, 0, 0, 0, 0 } }
#define EDGECMP_OPTION_INFO_INIT                                                                   \
    { sizeof(edgecmp_option_info), NULL, NULL, NULL, NULL, NULL, NULL }
#define EDGECMP_STAT_INFO_INIT                                                                     \
    { sizeof(edgecmp_stat_info), NULL, NULL, NULL, EDGECMP_STAT_COUNTER, 0 }


// Room for the text of any version, its NUL included.
#define EDGECMP_VERSION_TEXT_SIZE 40

// Stands for "as the cache's options say" in read and write options.
#define EDGECMP_DEFAULT UINT64_MAX

// Flag of a read: its `staleness_bound_ns` may be wider than the cache's.
// Without it a wider bound has no effect: the tightest wins.
#define EDGECMP_READ_WIDEN 1

// What a call returns. 0 to 9 are no errors; an error's number never changes
// and is never used again. New errors may be added: handle the ones you do
// not know by `edgecmp_status_retriable`.
typedef enum {
    // Done.
    EDGECMP_OK = 0,
    // `edgecmp_lookup`: nothing in the cache may be returned. Not an error.
    EDGECMP_MISS = 1,
    // Not yet: an event will come, or something is still running. Not an error.
    EDGECMP_PENDING = 2,
    // An argument or an option's value is outside what is allowed; the message names it, the value and the range.
    EDGECMP_INVALID_ARGUMENT = 10,
    // No option, or no statistic, has this name.
    EDGECMP_UNKNOWN_OPTION = 11,
    // The cache was closed.
    EDGECMP_CLOSED = 12,
    // The process forked since, and the object cannot be used in the child: make a new one there.
    EDGECMP_FORKED = 13,
    // The origin, or this build, does not do what was asked (a write to a read-only origin, for instance).
    EDGECMP_UNSUPPORTED = 14,
    // The deadline of the call ended first; the message says what it was waiting for. Retriable.
    EDGECMP_DEADLINE_EXCEEDED = 20,
    // The caller gave up the call. Retriable.
    EDGECMP_CANCELLED = 21,
    // Too many calls are already waiting for the origin or for one key. Retriable.
    EDGECMP_OVERLOADED = 22,
    // The origin could not be reached, broke the connection, or answered 429 or 5xx. Retriable.
    EDGECMP_ORIGIN_UNAVAILABLE = 30,
    // The circuit breaker is open: the origin failed often enough not to be asked now. Retriable.
    EDGECMP_BREAKER_OPEN = 31,
    // The origin answered what the origin protocol does not allow, or too much.
    EDGECMP_ORIGIN_PROTOCOL = 32,
    // The origin refused the request.
    EDGECMP_ORIGIN_REJECTED = 33,
    // The origin answered, but with what is too old: past the staleness bound, or from before a write. Retriable.
    EDGECMP_TOO_STALE = 34,
    // The origin's present version is lower than the read's `min_version`. Retriable.
    EDGECMP_VERSION_NOT_REACHED = 35,
    // The write may or may not have happened: retry it with the idempotency key that the error carries. Retriable.
    EDGECMP_UNKNOWN_OUTCOME = 40,
    // The write's `if_version` is not the present version; nothing was written.
    EDGECMP_CONFLICT = 41,
    // A defect of edgecmp: a panic was caught at the boundary. Please report it.
    EDGECMP_INTERNAL = 90,
} edgecmp_status;

// Where an answer came from.
typedef enum {
    // The cache had it: the read did not wait.
    EDGECMP_SOURCE_CACHE = 0,
    // The read waited for the origin.
    EDGECMP_SOURCE_ORIGIN = 1,
} edgecmp_source;

// What shows that a value was current.
typedef enum {
    // Nothing within the bound: the answer is degraded.
    EDGECMP_PROOF_NONE = 0,
    // An answer of the origin.
    EDGECMP_PROOF_PULL = 1,
    // The watermark of the change stream.
    EDGECMP_PROOF_STREAM = 2,
} edgecmp_proof;

// What an event is about.
typedef enum {
    // A call has failed: `status` and `error`.
    EDGECMP_EVENT_FAILED = 0,
    // `edgecmp_get_start` has ended: `value`.
    EDGECMP_EVENT_VALUE = 1,
    // `edgecmp_get_many_start` has ended: `results`.
    EDGECMP_EVENT_RESULTS = 2,
    // `edgecmp_set_start` or `edgecmp_delete_start` has ended: `version`.
    EDGECMP_EVENT_WRITTEN = 3,
    // The cache asks the origin (`edgecmp_origin_queue`): `request`, to be
    // answered through `responder`.
    EDGECMP_EVENT_ORIGIN_CALL = 4,
} edgecmp_event_kind;

// What an origin is asked to do.
typedef enum {
    // Read the key. Answer with value, unchanged or absent.
    EDGECMP_OPERATION_FETCH = 0,
    // Write the value. Answer with written, after the commit.
    EDGECMP_OPERATION_SET = 1,
    // Delete the key. Answer with written, after the commit.
    EDGECMP_OPERATION_DELETE = 2,
} edgecmp_operation;

// How a statistic moves.
typedef enum {
    // Only grows.
    EDGECMP_STAT_COUNTER = 0,
    // Goes up and down.
    EDGECMP_STAT_GAUGE = 1,
} edgecmp_stat_kind;

// A cache. Every call on it may be made from any number of threads at once,
// except `edgecmp_cache_free`.
typedef struct edgecmp_cache edgecmp_cache;

// Why a call failed: a code, a message for people and, after a write of
// unknown outcome, its idempotency key. Immutable.
typedef struct edgecmp_error edgecmp_error;

// What a cache is opened with. Set by one thread at a time; opening copies
// it, so it may be changed and used again afterwards.
typedef struct edgecmp_options edgecmp_options;

// A queue of events. Calls may be started on it from any number of threads;
// one thread at a time polls it.
typedef struct edgecmp_queue edgecmp_queue;

// The right to answer one request, once. Each `edgecmp_responder_*` call but
// none other consumes it, whatever status it returns. Answers that come too
// late are ignored. May be used on any thread, also after its cache is gone.
typedef struct edgecmp_responder edgecmp_responder;

// The answers of `edgecmp_get_many`, in the order of the keys. Each row is a
// value or an error. Immutable; may be read from any thread.
typedef struct edgecmp_results edgecmp_results;

// The answer to a read: the bytes, or that the origin has no such key, and a
// receipt. Immutable, counted by reference, usable and releasable from any
// thread, valid after its cache is gone. It holds its memory until released.
typedef struct edgecmp_value edgecmp_value;

// A version of a key, or none (`{0, 0}`), which is lower than every version.
// Greater `high`, then greater `low`, is newer.
typedef struct {
    // Upper 64 bits.
    uint64_t high;
    // Lower 64 bits.
    uint64_t low;
} edgecmp_u128;

// One row of the table of options. All texts are static and NUL-terminated.
typedef struct {
    // Set it to `sizeof(edgecmp_option_info)`.
    size_t struct_size;
    // Name, snake_case.
    const char *name;
    // Type: duration, size, integer, text, secret or prefix bounds.
    const char *kind;
    // Default, as text.
    const char *default_value;
    // Least value, as text; empty where any text goes.
    const char *min;
    // Greatest value, as text; empty where any text goes.
    const char *max;
    // What it does.
    const char *doc;
} edgecmp_option_info;

// Bytes that belong to somebody else: to the caller when passed in, to the
// object that was asked when returned.
typedef struct {
    // The first byte. NULL: there is no value (which is not an empty value).
    const uint8_t *data;
    // Number of bytes.
    size_t len;
} edgecmp_slice;

// What a read returns beside the value.
typedef struct {
    // Set it to `sizeof(edgecmp_receipt)`.
    size_t struct_size;
    // Version of the value; `{0, 0}` if the origin never had the key.
    edgecmp_u128 version;
    // Upper bound on how far behind the origin the value can be, taken within
    // the call, in nanoseconds.
    uint64_t staleness_ns;
    // The staleness bound that the read was held to, in nanoseconds.
    uint64_t bound_ns;
    // When the origin last changed the value, in Unix milliseconds; -1 if it
    // did not say.
    int64_t last_modified_at_ms;
    // Where the answer came from.
    edgecmp_source source;
    // What shows that the value was current.
    edgecmp_proof proof;
    // Whether the origin has the key.
    bool found;
    // Served past its bound, within `outage_bound`, because the origin is away.
    bool degraded;
    // Zero. Keeps the struct without hidden padding.
    uint8_t reserved[6];
} edgecmp_receipt;

// How to read. Begin with `EDGECMP_READ_OPTIONS_INIT`, which changes nothing;
// a bound or a timeout of 0 is an error, not a default.
typedef struct {
    // `sizeof(edgecmp_read_options)`.
    size_t struct_size;
    // The hard bound of this read, in nanoseconds; at least 1 ms.
    uint64_t staleness_bound_ns;
    // How old a degraded answer may be while the origin is away, in
    // nanoseconds; 0: never.
    uint64_t outage_bound_ns;
    // Longest wait, in nanoseconds.
    uint64_t timeout_ns;
    // Return no version lower than this; `{0, 0}`: any.
    edgecmp_u128 min_version;
    // W3C `traceparent` header to hand on to the origin, or NULL.
    const char *traceparent;
    // `EDGECMP_READ_WIDEN` or 0.
    uint64_t flags;
} edgecmp_read_options;

// How to write. Begin with `EDGECMP_WRITE_OPTIONS_INIT`, which changes
// nothing; a timeout of 0 is an error, not a default.
typedef struct {
    // `sizeof(edgecmp_write_options)`.
    size_t struct_size;
    // The key that makes a retry safe: that of the error of the first try. NULL:
    // the library makes one.
    const char *idempotency_key;
    // Write only if this version is current; `{0, 0}`: always.
    edgecmp_u128 if_version;
    // Longest wait, in nanoseconds.
    uint64_t timeout_ns;
    // W3C `traceparent` header to hand on to the origin, or NULL.
    const char *traceparent;
    // 0.
    uint64_t flags;
} edgecmp_write_options;

// One request to the origin. The library makes it, with `struct_size` set;
// it and what it points to live as long as its responder.
typedef struct {
    // Size of the struct in the library.
    size_t struct_size;
    // What is asked.
    edgecmp_operation operation;
    // 0. Keeps the struct without hidden padding.
    uint32_t reserved;
    // The key.
    edgecmp_slice key;
    // Fetch: the version that the cache holds; if it is still current, answer
    // unchanged. `{0, 0}`: none.
    edgecmp_u128 known_version;
    // Set: the value.
    edgecmp_slice value;
    // Set, delete: a request with a key that was already seen must not write
    // again, and gets the first answer. NULL for a fetch.
    const char *idempotency_key;
    // Set, delete: write only if this version is current, else fail with
    // `EDGECMP_CONFLICT`. `{0, 0}`: always.
    edgecmp_u128 if_version;
    // How long the cache waits for the answer, in nanoseconds.
    uint64_t timeout_ns;
    // W3C `traceparent` header, or NULL.
    const char *traceparent;
} edgecmp_origin_request;

// One event. Fields that its kind does not name are NULL or 0.
typedef struct {
    // The tag of the call; 0 for an origin call.
    uint64_t tag;
    // What the event is about.
    edgecmp_event_kind kind;
    // `EDGECMP_OK`, or why the call failed.
    edgecmp_status status;
    // The value. Owned: release it.
    edgecmp_value *value;
    // The values. Owned: free them.
    edgecmp_results *results;
    // The version that the origin gave the write.
    edgecmp_u128 version;
    // Why the call failed. Owned: free it.
    edgecmp_error *error;
    // What the origin is asked. Lives as long as `responder`.
    const edgecmp_origin_request *request;
    // Answer through it, once. Owned.
    edgecmp_responder *responder;
} edgecmp_event;

// Called for one request to the origin, on a thread of the library, several
// at a time (option `loader_threads`). It may block, and it may answer later
// and from another thread. It must answer once, through `responder`; if it
// frees the responder instead, the request fails. It must not let a C++
// exception out, nor `longjmp`. `request` lives as long as `responder`.
typedef void (*edgecmp_origin_fn)(void *user_data,
                                  const edgecmp_origin_request *request,
                                  edgecmp_responder *responder);

// Called once, when the library no longer uses the user data; on any thread.
typedef void (*edgecmp_drop_fn)(void *user_data);

// One row of the table of statistics. All texts are static and NUL-terminated.
typedef struct {
    // Set it to `sizeof(edgecmp_stat_info)`.
    size_t struct_size;
    // Name, snake_case, the same in every language.
    const char *name;
    // Unit (UCUM): `1` is a count, `By` bytes.
    const char *unit;
    // What it counts.
    const char *doc;
    // Counter or gauge.
    edgecmp_stat_kind kind;
    // 0. Keeps the struct without hidden padding.
    uint32_t reserved;
} edgecmp_stat_info;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The name of a status, such as `ORIGIN_UNAVAILABLE`; `UNKNOWN` for a number
// that is none. Static.
const char *edgecmp_status_name(int32_t status);

// Whether the same call may succeed later without a change to it.
bool edgecmp_status_retriable(int32_t status);

// How many statuses there are, for programs that list them.
size_t edgecmp_status_count(void);

// The status at an index below `edgecmp_status_count`; above it `EDGECMP_INTERNAL`.
edgecmp_status edgecmp_status_at(size_t index);

// The code. `EDGECMP_OK` for NULL.
edgecmp_status edgecmp_error_code(const edgecmp_error *error);

// What happened, for people: UTF-8, NUL-terminated, never a secret or a
// value. Lives as long as the error. Empty for NULL.
const char *edgecmp_error_message(const edgecmp_error *error);

// Whether the same call may succeed later without a change to it.
bool edgecmp_error_retriable(const edgecmp_error *error);

// After `EDGECMP_UNKNOWN_OUTCOME`: the key with which a retry does not write
// twice (`edgecmp_write_options.idempotency_key`). Otherwise NULL. Lives as
// long as the error.
const char *edgecmp_error_idempotency_key(const edgecmp_error *error);

// Frees an error. NULL is allowed.
void edgecmp_error_free(edgecmp_error *error);

// Prints a version: decimal below 2^64, else as a UUID. `buffer` has `size`
// bytes, at least `EDGECMP_VERSION_TEXT_SIZE`.
edgecmp_status edgecmp_version_format(edgecmp_u128 version,
                                      char *buffer,
                                      size_t size,
                                      edgecmp_error **error);

// Reads a version as `edgecmp_version_format` prints it.
edgecmp_status edgecmp_version_parse(const char *version_text,
                                     edgecmp_u128 *version,
                                     edgecmp_error **error);

// Frees text that the library allocated. NULL is allowed.
void edgecmp_string_free(char *text);

// Version of the library, such as `0.1.0`. Static.
const char *edgecmp_version(void);

// Options with their defaults; NULL only after an internal error.
edgecmp_options *edgecmp_options_new(void);

// Sets an option by name. Durations and sizes carry their unit ("200ms",
// "64MiB"). `EDGECMP_UNKNOWN_OPTION` names the nearest option;
// `EDGECMP_INVALID_ARGUMENT` names the range.
edgecmp_status edgecmp_options_set(edgecmp_options *options,
                                   const char *name,
                                   const char *value,
                                   edgecmp_error **error);

// An option's value as text, secrets as `***`. Free it with
// `edgecmp_string_free`.
edgecmp_status edgecmp_options_get(const edgecmp_options *options,
                                   const char *name,
                                   char **value,
                                   edgecmp_error **error);

// Frees options. Caches opened with them are not touched. NULL is allowed.
void edgecmp_options_free(edgecmp_options *options);

// How many options there are.
size_t edgecmp_options_count(void);

// The row of the table at an index below `edgecmp_options_count`.
edgecmp_status edgecmp_options_at(size_t index,
                                  edgecmp_option_info *info,
                                  edgecmp_error **error);

// Opens a cache. The options stay the caller's. Does not ask the origin, and
// does not block.
edgecmp_status edgecmp_open(const edgecmp_options *options,
                            edgecmp_cache **cache,
                            edgecmp_error **error);

// Closes a cache: reads that wait end with `EDGECMP_CLOSED`, and so do all
// later calls; writes under way are given `timeout_ns` to end, and say
// `EDGECMP_UNKNOWN_OUTCOME` if they do not. The handle stays valid; values
// stay valid. `EDGECMP_OK` when all that the cache does has ended,
// `EDGECMP_PENDING` when something (an origin callback that has not returned)
// still runs after `timeout_ns`. May be called again, to wait longer.
edgecmp_status edgecmp_close(const edgecmp_cache *cache,
                             uint64_t timeout_ns,
                             edgecmp_error **error);

// Frees a cache, closing it first if need be, without waiting for what still
// runs. No other call may use the handle during it or afterwards. NULL is
// allowed.
void edgecmp_cache_free(edgecmp_cache *cache);

// What is cached of a key counts no longer: the next read asks the origin.
// Does not block.
edgecmp_status edgecmp_invalidate(const edgecmp_cache *cache,
                                  const void *key,
                                  size_t key_len,
                                  edgecmp_error **error);

// The bytes, valid until the value is released; `data` is NULL if the origin
// has no such key (and for NULL), and not NULL for an empty value.
edgecmp_slice edgecmp_value_bytes(const edgecmp_value *value);

// Whether the origin has the key. False for NULL.
bool edgecmp_value_found(const edgecmp_value *value);

// The receipt of the read that returned the value.
edgecmp_status edgecmp_value_receipt(const edgecmp_value *value,
                                     edgecmp_receipt *receipt,
                                     edgecmp_error **error);

// Another reference to the same value, to be released on its own. NULL for
// NULL.
edgecmp_value *edgecmp_value_retain(const edgecmp_value *value);

// Gives a reference back; the last one frees the value. NULL is allowed.
void edgecmp_value_release(edgecmp_value *value);

// Number of rows: that of the keys asked. 0 for NULL.
size_t edgecmp_results_count(const edgecmp_results *results);

// The value of a row, or NULL if the row is an error. It lives as long as the
// results; `edgecmp_value_retain` keeps it longer (and 48 bytes for each of
// the results' rows, but none of their values).
const edgecmp_value *edgecmp_results_value(const edgecmp_results *results,
                                           size_t index);

// The bytes of a row: `edgecmp_value_bytes` of `edgecmp_results_value`, in one
// call. No value if the row is an error.
edgecmp_slice edgecmp_results_bytes(const edgecmp_results *results,
                                    size_t index);

// The error of a row, or NULL if the row is a value. It lives as long as the
// results, and is not freed on its own.
const edgecmp_error *edgecmp_results_error(const edgecmp_results *results,
                                           size_t index);

// Frees results and their references. NULL is allowed.
void edgecmp_results_free(edgecmp_results *results);

// Reads a key; waits for the origin if the cache has no answer within the
// bound, at most until the deadline. That the origin has no such key is an
// answer (`edgecmp_value_found`), not an error.
edgecmp_status edgecmp_get(const edgecmp_cache *cache,
                           const void *key,
                           size_t key_len,
                           const edgecmp_read_options *read,
                           edgecmp_value **value,
                           edgecmp_error **error);

// Reads a key from the cache alone, and never blocks: `EDGECMP_OK` with the
// value, or `EDGECMP_MISS`. A miss asks nobody.
edgecmp_status edgecmp_lookup(const edgecmp_cache *cache,
                              const void *key,
                              size_t key_len,
                              const edgecmp_read_options *read,
                              edgecmp_value **value,
                              edgecmp_error **error);

// `edgecmp_lookup` that copies the value into the caller's buffer: the
// cheapest read, without an allocation or a counted reference. `*value_len`
// is the length of the whole value; if it is greater than `buffer_len`,
// nothing was copied: read again with more room. `receipt` may be NULL; its
// `found` tells an absent key from an empty value.
edgecmp_status edgecmp_lookup_into(const edgecmp_cache *cache,
                                   const void *key,
                                   size_t key_len,
                                   const edgecmp_read_options *read,
                                   void *buffer,
                                   size_t buffer_len,
                                   size_t *value_len,
                                   edgecmp_receipt *receipt,
                                   edgecmp_error **error);

// Reads many keys, with at most one batch of requests for all that the cache
// cannot answer. A key that fails is a row with an error; the call itself
// fails only for bad arguments and a closed cache.
edgecmp_status edgecmp_get_many(const edgecmp_cache *cache,
                                const edgecmp_slice *keys,
                                size_t keys_count,
                                const edgecmp_read_options *read,
                                edgecmp_results **results,
                                edgecmp_error **error);

// Writes a value through to the origin and returns when the origin has
// committed it; later reads of this cache return it or a newer one.
// `version` may be NULL. After `EDGECMP_UNKNOWN_OUTCOME` retry with the
// error's idempotency key.
edgecmp_status edgecmp_set(const edgecmp_cache *cache,
                           const void *key,
                           size_t key_len,
                           const void *value,
                           size_t value_len,
                           const edgecmp_write_options *write,
                           edgecmp_u128 *version,
                           edgecmp_error **error);

// Deletes a key at the origin; otherwise as `edgecmp_set`.
edgecmp_status edgecmp_delete(const edgecmp_cache *cache,
                              const void *key,
                              size_t key_len,
                              const edgecmp_write_options *write,
                              edgecmp_u128 *version,
                              edgecmp_error **error);

// Makes a queue.
edgecmp_status edgecmp_queue_new(edgecmp_queue **queue,
                                 edgecmp_error **error);

// A descriptor that is readable while events wait; for poll, epoll and the
// like. Never read, write or close it. -1 for NULL and in a forked child.
int32_t edgecmp_queue_fd(const edgecmp_queue *queue);

// Takes at most `capacity` events out, without blocking; `*count` says how
// many. `event_size` is `sizeof(edgecmp_event)`. What the events hold is the
// caller's: free it with `edgecmp_event_clear`, or take it out and set the
// field to NULL. Poll until fewer than `capacity` come before waiting again.
edgecmp_status edgecmp_queue_poll(const edgecmp_queue *queue,
                                  edgecmp_event *events,
                                  size_t event_size,
                                  size_t capacity,
                                  size_t *count,
                                  edgecmp_error **error);

// Blocks until events wait or `timeout_ns` has passed: `EDGECMP_OK` when
// events wait, `EDGECMP_PENDING` when none came.
edgecmp_status edgecmp_queue_wait(const edgecmp_queue *queue,
                                  uint64_t timeout_ns,
                                  edgecmp_error **error);

// Gives up the call in progress with this tag: its event comes now, with
// `EDGECMP_CANCELLED` for a read and `EDGECMP_UNKNOWN_OUTCOME` for a write,
// which may still happen. A call has one event in any case; if it is already
// waiting in the queue, this does nothing.
edgecmp_status edgecmp_cancel(const edgecmp_queue *queue,
                              uint64_t tag,
                              edgecmp_error **error);

// Frees a queue and the events in it. Calls in progress end unseen; origin
// calls that would be delivered to it fail. No other call may use the handle
// during it or afterwards. NULL is allowed.
void edgecmp_queue_free(edgecmp_queue *queue);

// Frees what an event still holds, and sets its pointers to NULL; an origin
// call that was not answered fails. NULL is allowed.
void edgecmp_event_clear(edgecmp_event *event);

// Starts `edgecmp_get`. `EDGECMP_OK`: a hit, `*value` is the value, and no
// event comes. `EDGECMP_PENDING`: one event with this tag will come, at the
// deadline at the latest. The tag must differ from those of all calls in
// progress on the queue. Does not block.
edgecmp_status edgecmp_get_start(const edgecmp_cache *cache,
                                 const void *key,
                                 size_t key_len,
                                 const edgecmp_read_options *read,
                                 const edgecmp_queue *queue,
                                 uint64_t tag,
                                 edgecmp_value **value,
                                 edgecmp_error **error);

// Starts `edgecmp_get_many`; as `edgecmp_get_start`, with results.
edgecmp_status edgecmp_get_many_start(const edgecmp_cache *cache,
                                      const edgecmp_slice *keys,
                                      size_t keys_count,
                                      const edgecmp_read_options *read,
                                      const edgecmp_queue *queue,
                                      uint64_t tag,
                                      edgecmp_results **results,
                                      edgecmp_error **error);

// Starts `edgecmp_set`: `EDGECMP_PENDING`, and one event with this tag will
// come. Key and value are copied. Does not block.
edgecmp_status edgecmp_set_start(const edgecmp_cache *cache,
                                 const void *key,
                                 size_t key_len,
                                 const void *value,
                                 size_t value_len,
                                 const edgecmp_write_options *write,
                                 const edgecmp_queue *queue,
                                 uint64_t tag,
                                 edgecmp_error **error);

// Starts `edgecmp_delete`; as `edgecmp_set_start`.
edgecmp_status edgecmp_delete_start(const edgecmp_cache *cache,
                                    const void *key,
                                    size_t key_len,
                                    const edgecmp_write_options *write,
                                    const edgecmp_queue *queue,
                                    uint64_t tag,
                                    edgecmp_error **error);

// Answers a fetch with the value, which is copied. Version `{0, 0}`: the
// origin has none, and values are compared byte by byte.
edgecmp_status edgecmp_responder_value(edgecmp_responder *responder,
                                       const void *value,
                                       size_t value_len,
                                       edgecmp_u128 version,
                                       edgecmp_error **error);

// Answers a fetch: `known_version` is still current.
edgecmp_status edgecmp_responder_unchanged(edgecmp_responder *responder,
                                           edgecmp_error **error);

// Answers a fetch: the origin has no such key. The version is that of the
// delete, `{0, 0}` if there is none.
edgecmp_status edgecmp_responder_absent(edgecmp_responder *responder,
                                        edgecmp_u128 version,
                                        edgecmp_error **error);

// Answers a set or delete: committed, with this version; `{0, 0}`: it has
// none.
edgecmp_status edgecmp_responder_written(edgecmp_responder *responder,
                                         edgecmp_u128 version,
                                         edgecmp_error **error);

// Fails a request. `status` is `EDGECMP_ORIGIN_UNAVAILABLE` (retriable; a
// write's outcome is unknown), `EDGECMP_ORIGIN_REJECTED`, `EDGECMP_CONFLICT`
// or `EDGECMP_UNSUPPORTED` (a write surely did not happen); any other stands
// for the first. `message` may be NULL.
edgecmp_status edgecmp_responder_fail(edgecmp_responder *responder,
                                      int32_t status,
                                      const char *message,
                                      edgecmp_error **error);

// Gives a responder back without an answer: the request fails with
// `EDGECMP_ORIGIN_UNAVAILABLE`. NULL is allowed.
void edgecmp_responder_free(edgecmp_responder *responder);

// Makes two C functions the origin of the caches that will be opened with
// these options. `write` NULL: a read-only origin. `drop_user_data` (may be
// NULL) is called when the options are freed (or get another origin) and all
// those caches are; also if this call fails.
edgecmp_status edgecmp_origin_callback(edgecmp_options *options,
                                       edgecmp_origin_fn fetch,
                                       edgecmp_origin_fn write,
                                       void *user_data,
                                       edgecmp_drop_fn drop_user_data,
                                       edgecmp_error **error);

// Makes a queue the origin of the caches that will be opened with these
// options: each request to the origin is an `EDGECMP_EVENT_ORIGIN_CALL`. The
// queue must be polled while those caches are open; free it after them.
edgecmp_status edgecmp_origin_queue(edgecmp_options *options,
                                    const edgecmp_queue *queue,
                                    bool writable,
                                    edgecmp_error **error);

// How many statistics there are.
size_t edgecmp_stats_count(void);

// The row of the table at an index below `edgecmp_stats_count`. Indices hold
// for one run of the program; names for ever.
edgecmp_status edgecmp_stats_at(size_t index,
                                edgecmp_stat_info *info,
                                edgecmp_error **error);

// All statistics, in the order of the table: `values` has room for
// `capacity`, at least `edgecmp_stats_count`. Works on a closed cache too.
edgecmp_status edgecmp_stats(const edgecmp_cache *cache,
                             uint64_t *values,
                             size_t capacity,
                             edgecmp_error **error);

// One statistic by name; `EDGECMP_UNKNOWN_OPTION` if there is none.
edgecmp_status edgecmp_stats_get(const edgecmp_cache *cache,
                                 const char *name,
                                 uint64_t *value,
                                 edgecmp_error **error);

// All statistics in the Prometheus text exposition format 0.0.4. Free it with
// `edgecmp_string_free`.
edgecmp_status edgecmp_metrics_text(const edgecmp_cache *cache,
                                    char **metrics,
                                    edgecmp_error **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EDGECMP_H */
