/* Just enough HTTP to tell the reference origin what to do wrong. */
#ifndef HTTP_H
#define HTTP_H

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static inline struct sockaddr_in loopback(int port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* POSTs JSON and checks that the answer is a success. */
static inline void http_post(int port, const char *path, const char *json) {
    char text[1024];
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    int len = snprintf(text, sizeof text,
                       "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       path, strlen(json), json);
    CHECK(write(fd, text, (size_t)len) == len);
    ssize_t got = read(fd, text, sizeof text - 1);
    CHECK(got > 12);
    text[got] = '\0';
    if (strncmp(text, "HTTP/1.1 2", 10) != 0) fprintf(stderr, "POST %s: %s\n", path, text);
    CHECK(strncmp(text, "HTTP/1.1 2", 10) == 0);
    close(fd);
}

/* The port in "http://127.0.0.1:PORT/...". */
static inline int port_of(const char *origin) {
    const char *colon = strrchr(origin, ':');
    CHECK(colon != NULL);
    return atoi(colon + 1);
}

#endif
