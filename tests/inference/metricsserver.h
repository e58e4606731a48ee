/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_METRICSSERVER_H
#define IAGMETER_TESTS_METRICSSERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLAIN                                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n"

/* A server on loopback that the test turns by hand: it answers each request with what it is told.
 * Include after cmocka.h. */
static struct {
    int listening;
    int connection;
    char request[4096];
    size_t length;
    const char *answer; /* NULL: none at all */
    bool endless;       /* it goes on with its last line */
    unsigned requests;
} server = {.listening = -1, .connection = -1};

static inline void serve_nobody(void)
{
    if (server.connection >= 0)
        close(server.connection);
    server.connection = -1;
    server.length = 0;
}

static inline void stop_serving(void)
{
    serve_nobody();
    if (server.listening >= 0)
        close(server.listening);
    server.listening = -1;
}

static inline void listen_on(struct sockaddr *address, socklen_t length)
{
    server.listening = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(server.listening >= 0);
    assert_int_equal(bind(server.listening, address, length), 0);
    assert_int_equal(listen(server.listening, 4), 0);
}

static inline unsigned serve_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);

    listen_on((struct sockaddr *)&address, length);
    assert_int_equal(getsockname(server.listening, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static inline void say(const char *text)
{
    if (send(server.connection, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        fail_msg("the answer does not fit into the socket");
}

/* As much as the other end takes. */
static inline void go_on(void)
{
    static const char line[] = "some_metric_that_nobody_has_asked_for 1\n";
    ssize_t sent;

    do
        sent = send(server.connection, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent > 0);
    if (errno != EAGAIN)
        serve_nobody();
}

static inline void answer(void)
{
    server.requests++;
    say(server.answer);
    if (!server.endless)
        serve_nobody();
}

static inline void serve(void)
{
    ssize_t length;

    if (server.connection < 0 && server.listening >= 0)
        server.connection = accept(server.listening, NULL, NULL);
    if (server.connection < 0)
        return;
    if (server.endless && server.length > 0) {
        go_on();
        return;
    }
    length = recv(server.connection, server.request + server.length,
                  sizeof(server.request) - 1 - server.length, MSG_DONTWAIT);
    if (length == 0)
        serve_nobody();
    if (length <= 0)
        return;
    server.length += (size_t)length;
    server.request[server.length] = '\0';
    if (!server.answer || !strstr(server.request, "\r\n\r\n"))
        return;
    answer();
}

static inline void begin_serving(void)
{
    memset(&server, 0, sizeof(server));
    server.listening = server.connection = -1;
}

#endif
