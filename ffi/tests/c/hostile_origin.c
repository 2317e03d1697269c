/* Origins that answer garbage, too much, too slowly or not at all: an error
 * before the deadline, and a cache that still works. */
#include "http.h"

#include <pthread.h>

static edgecmp_error *error = NULL;

/* What a hostile server sends to each connection. */
struct script {
    const char *text;  /* at once */
    const char *drip;  /* then this, a byte every 20 ms, over and over; NULL: nothing */
    bool hang_up;      /* then close, else keep the connection open */
};

struct server {
    int fd;
    const struct script *script;
};

struct connection {
    int fd;
    const struct script *script;
};

static void *serve_connection(void *argument) {
    struct connection connection = *(struct connection *)argument;
    const struct script *script = connection.script;
    int fd = connection.fd;
    char request[4096];
    free(argument);
    if (read(fd, request, sizeof request) > 0) {
        bool open = send(fd, script->text, strlen(script->text), MSG_NOSIGNAL) >= 0;
        for (int i = 0; open && !script->hang_up && i < 1000; i++) {
            if (script->drip != NULL)
                open = send(fd, script->drip + (size_t)i % strlen(script->drip), 1, MSG_NOSIGNAL) == 1;
            else
                open = recv(fd, request, sizeof request, MSG_DONTWAIT) != 0; /* until the client hangs up */
            sleep_ms(20);
        }
    }
    close(fd);
    return NULL;
}

static void *serve(void *argument) {
    struct server *server = argument;
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        if (fd < 0) return NULL; /* shut down: the test is over */
        struct connection *connection = malloc(sizeof *connection);
        pthread_t thread;
        connection->fd = fd;
        connection->script = server->script;
        CHECK(pthread_create(&thread, NULL, serve_connection, connection) == 0);
        pthread_detach(thread);
    }
}

/* One get against such a server; how it ends. */
static edgecmp_status get_from(const struct script *script, const char *name, double deadline) {
    struct server server = { socket(AF_INET, SOCK_STREAM, 0), script };
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    pthread_t thread;
    char origin[64], timeout[16];
    edgecmp_value *value = NULL;
    CHECK(bind(server.fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(server.fd, 16) == 0);
    CHECK(getsockname(server.fd, (struct sockaddr *)&address, &len) == 0);
    CHECK(pthread_create(&thread, NULL, serve, &server) == 0);
    snprintf(origin, sizeof origin, "http://127.0.0.1:%d/{key}", ntohs(address.sin_port));
    snprintf(timeout, sizeof timeout, "%.0fms", deadline * 1e3);
    edgecmp_cache *cache = open_with(OPTIONS("origin", origin, "read_timeout", timeout, "origin_timeout", "1m",
                                             "connect_timeout", "5s", "retry_limit", "0"));
    double before = seconds_now();
    edgecmp_status status = edgecmp_get(cache, "k", 1, NULL, &value, &error);
    double took = seconds_now() - before;
    printf("%-28s %-20s %4.0f ms: %s\n", name, edgecmp_status_name((int32_t)status), took * 1e3,
           edgecmp_error_message(error));
    CHECK(took < deadline + 0.5 * slowness() && value == NULL && status >= 10);
    edgecmp_error_free(error);
    error = NULL;
    close_and_free(cache);
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(server.fd);
    return status;
}

int main(void) {
    check_begin("hostile origin", 200);
    /* Who answers at once must not be waited for; who does not, no longer than asked. */
    const double ample = 20, brief = 0.4 * slowness();
    const struct script garbage = { "\x01\x02 this is not HTTP\r\n\r\n", NULL, true };
    const struct script huge = { "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\nx", NULL, false };
    const struct script loris = { "HTTP/1.1 200 OK\r\nX-Slow: ", "a", false };
    const struct script drip = { "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "a", false };
    const struct script silent = { "", NULL, false };
    const struct script gone = { "", NULL, true };
    const struct script half = { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", NULL, true };
    const struct script version = { "HTTP/1.1 200 OK\r\nEdge-Version: new\r\nContent-Length: 1\r\n\r\nx", NULL, false };
    const struct script refused = { "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", NULL, false };
    CHECK(get_from(&garbage, "garbage", ample) == EDGECMP_ORIGIN_PROTOCOL);
    CHECK(get_from(&huge, "10 GB", ample) == EDGECMP_ORIGIN_PROTOCOL);
    CHECK(get_from(&loris, "slow-loris headers", brief) == EDGECMP_DEADLINE_EXCEEDED);
    CHECK(get_from(&drip, "slow-loris body", brief) == EDGECMP_DEADLINE_EXCEEDED);
    CHECK(get_from(&silent, "silence", brief) == EDGECMP_DEADLINE_EXCEEDED);
    CHECK(get_from(&gone, "hangs up", ample) == EDGECMP_ORIGIN_UNAVAILABLE);
    edgecmp_status status = get_from(&half, "half a body", ample);
    CHECK(status == EDGECMP_ORIGIN_UNAVAILABLE || status == EDGECMP_ORIGIN_PROTOCOL);
    CHECK(get_from(&version, "a version that is none", ample) == EDGECMP_ORIGIN_PROTOCOL);
    CHECK(get_from(&refused, "refusal", ample) == EDGECMP_ORIGIN_REJECTED);

    /* Nobody listens at all. */
    edgecmp_value *value = NULL;
    edgecmp_cache *cache = open_with(OPTIONS("origin", "http://127.0.0.1:1/{key}", "retry_limit", "0"));
    EXPECT(EDGECMP_ORIGIN_UNAVAILABLE, edgecmp_get(cache, "k", 1, NULL, &value, &error));
    close_and_free(cache);
    return 0;
}
