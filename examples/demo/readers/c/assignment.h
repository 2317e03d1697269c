/* What the demo tells a reader: arguments, key list, mix of keys. */
#ifndef ASSIGNMENT_H
#define ASSIGNMENT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *origin, *keys_path, *mix_path, *log_path;
    uint64_t bound_ms, seconds, rate, seed, id;
    char **keys; /* NUL-terminated, by line number */
    size_t keys_count;
    uint32_t *mix;
    size_t mix_count;
} assignment;

static inline void die(const char *what, const char *why) {
    fprintf(stderr, "reader: %s: %s\n", what, why);
    exit(1);
}

static inline char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) die(path, "cannot be read");
    const long end = ftell(file);
    char *bytes = end < 0 ? NULL : malloc((size_t)end + 1);
    rewind(file);
    if (bytes == NULL || fread(bytes, 1, (size_t)end, file) != (size_t)end) die(path, "cannot be read");
    fclose(file);
    bytes[end] = '\0';
    *size = (size_t)end;
    return bytes;
}

static inline void read_keys(assignment *given) {
    size_t size;
    char *text = read_file(given->keys_path, &size); /* kept: the keys point into it */
    size_t capacity = 0;
    for (char *key = strtok(text, "\n"); key != NULL; key = strtok(NULL, "\n")) {
        if (given->keys_count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            given->keys = realloc(given->keys, capacity * sizeof *given->keys);
            if (given->keys == NULL) die("keys", "out of memory");
        }
        given->keys[given->keys_count++] = key;
    }
}

static inline void read_mix(assignment *given) {
    size_t size;
    given->mix = (uint32_t *)(void *)read_file(given->mix_path, &size);
    given->mix_count = size / sizeof(uint32_t);
    for (size_t at = 0; at < given->mix_count; at++)
        if (given->mix[at] >= given->keys_count) die(given->mix_path, "names a key that is not listed");
    if (given->mix_count == 0) die(given->mix_path, "is empty");
}

static inline assignment parse_arguments(int count, char **arguments) {
    assignment given = {0};
    for (int at = 1; at + 1 < count; at += 2) {
        const char *name = arguments[at], *value = arguments[at + 1];
        const uint64_t number = strtoull(value, NULL, 10);
        if (!strcmp(name, "--origin")) given.origin = value;
        else if (!strcmp(name, "--keys")) given.keys_path = value;
        else if (!strcmp(name, "--mix")) given.mix_path = value;
        else if (!strcmp(name, "--log")) given.log_path = value;
        else if (!strcmp(name, "--bound-ms")) given.bound_ms = number;
        else if (!strcmp(name, "--seconds")) given.seconds = number;
        else if (!strcmp(name, "--rate")) given.rate = number;
        else if (!strcmp(name, "--seed")) given.seed = number;
        else if (!strcmp(name, "--id")) given.id = number;
        else if (strcmp(name, "--clock-offset-ns")) die(name, "unknown argument");
    }
    if (!given.origin || !given.keys_path || !given.mix_path || !given.log_path || !given.bound_ms ||
        !given.seconds || !given.rate)
        die("usage", "--origin URL --keys F --mix F --log F --bound-ms N --seconds N --rate N --seed N --id N");
    read_keys(&given);
    read_mix(&given);
    return given;
}

/* Far from where the other readers begin. */
static inline size_t first_draw(const assignment *given, uint64_t worker) {
    const uint64_t place = given->seed + (given->id + 1) * 64 + worker;
    return (size_t)(place * 0x9e3779b97f4a7c15u % given->mix_count);
}

#endif
