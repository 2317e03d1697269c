/*
 * The binary log of reads, as tests/oracle/src/log.rs describes it: a 16-byte
 * header, then records of 80 bytes, little-endian.
 */
#ifndef RECEIPT_LOG_H
#define RECEIPT_LOG_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum record_kind { KIND_READ = 0, KIND_SET = 1, KIND_UNKNOWN_WRITE = 3 };
enum record_outcome { OUTCOME_OK = 0, OUTCOME_DEGRADED = 1, OUTCOME_NOT_FOUND = 2, OUTCOME_ERROR = 3 };
enum { FLAG_ABSENT = 1 };

/* Laid out as in the file: the compiler adds no padding to it. */
typedef struct {
    uint64_t start_ns, end_ns, staleness_ns, version, bound_ns, outage_bound_ns, min_version;
    uint32_t key, crc;
    uint8_t kind, outcome, source, flags;
    uint32_t error_code, reader, reserved;
} log_record;

_Static_assert(sizeof(log_record) == 80, "the record of the log format");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the log is little-endian: this reader would have to swap bytes"
#endif

typedef struct {
    FILE *file;
    pthread_mutex_t lock;
} receipt_log;

static inline void log_open(receipt_log *log, const char *path) {
    char header[16] = "EDGECMPLOG1";
    const uint32_t record_bytes = sizeof(log_record);
    memcpy(header + 12, &record_bytes, sizeof record_bytes);
    log->file = fopen(path, "wb");
    if (log->file == NULL || fwrite(header, sizeof header, 1, log->file) != 1) {
        perror(path);
        exit(1);
    }
    pthread_mutex_init(&log->lock, NULL);
}

static inline void log_append(receipt_log *log, const log_record *records, size_t count) {
    pthread_mutex_lock(&log->lock);
    if (fwrite(records, sizeof *records, count, log->file) != count) {
        perror("writing the log");
        exit(1);
    }
    pthread_mutex_unlock(&log->lock);
}

/* So that whoever follows the log sees it grow. */
static inline void log_flush(receipt_log *log) {
    pthread_mutex_lock(&log->lock);
    fflush(log->file);
    pthread_mutex_unlock(&log->lock);
}

/* The clock of the origin's history. */
static inline uint64_t boottime_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void sleep_ns(uint64_t nanoseconds) {
    struct timespec pause = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
    nanosleep(&pause, NULL);
}

static uint32_t crc32_table[256];

/* Once, before any thread starts. */
static inline void crc32_init(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
        crc32_table[byte] = crc;
    }
}

static inline uint32_t crc32_ieee(const uint8_t *bytes, size_t count) {
    uint32_t crc = 0xffffffffu;
    for (size_t at = 0; at < count; at++)
        crc = crc32_table[(crc ^ bytes[at]) & 0xff] ^ (crc >> 8);
    return ~crc;
}

#endif
