/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HTTPSTREAM_H
#define IAGMETER_HTTPSTREAM_H

#include "collectors/inference/apikey.h"
#include "collectors/inference/inflater.h"
#include "collectors/inference/keyword.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Follows HTTP/1.x (RFC 9112) on one connection: the bytes of both ways as they pass, in order, in
 * pieces of any size. Bodies are handed over decoded (chunks undone, gzip and deflate inflated) and
 * never kept; of headers only what framing needs, for as long as a line lasts.
 *
 * What two readers could understand differently (both lengths, several lengths, folded lines, and
 * the like: RFC 9112, 11.2) is refused: nothing of that connection is believed from there on.
 *
 * Life cycle: httpstream_start(), any number of httpstream_bytes(), _gap() and _close(), then
 * httpstream_finish(). All memory is in the structure, but that of the pool of inflaters. */

enum http_side { HTTP_CLIENT, HTTP_SERVER };

/* Requests sent before their answers. More at a time are refused. */
#define HTTP_PIPELINE 16
/* Of the end of a path that tells what is asked for; of a value that is looked at. */
#define HTTP_PATH_SIZE  40
#define HTTP_VALUE_SIZE 128

enum http_content {
    HTTP_CONTENT_OTHER,
    HTTP_CONTENT_JSON,
    HTTP_CONTENT_LINES,
    HTTP_CONTENT_EVENTS
};

enum http_end {
    HTTP_COMPLETE,
    HTTP_CUT,     /* the connection ended first */
    HTTP_LOST,    /* bytes that tell where it ends were not captured */
    HTTP_REFUSED, /* two readers could understand differently where it ends, or what it is */
};

/* Each is called with the context that the stream was started with. */
struct http_handler {
    /* A request line was read: whether its method is POST, and the last bytes of its path, without
     * the query. */
    void (*request)(void *context, bool post, const char *path_end, size_t length);
    /* The configured header, trimmed; then the digest of a key. Between request() and headers(). */
    void (*direction)(void *context, const char *value, size_t length);
    void (*api_key)(void *context, const uint8_t digest[APIKEY_DIGEST_SIZE]);
    /* The header that tells clients apart, trimmed; LENGTH 0 for one that is too long. */
    void (*client)(void *context, const char *value, size_t length);
    /* The headers of a request are complete: a body in JSON may follow. */
    void (*headers)(void *context);
    /* A final status, for the oldest request without one. */
    void (*answer)(void *context, unsigned status, enum http_content content);
    /* Whether anybody reads the body, before it is expanded; NULL: every one. Of what nobody reads
     * neither body() nor unread() tells. */
    bool (*wants)(void *context, enum http_side side);
    /* Expanded, if it is compressed. */
    void (*body)(void *context, enum http_side side, const uint8_t *bytes, size_t length);
    /* What follows of the body cannot be expanded: its coding is unknown, or one on top of another,
     * or it is damaged, or asks for more memory than there is. */
    void (*unread)(void *context, enum http_side side);
    /* Of the body; what follows is in step with what framed it. */
    void (*gap)(void *context, enum http_side side);
    void (*request_end)(void *context, enum http_end end);
    /* Also of a request whose answer never began. Afterwards the next request is the oldest. */
    void (*answer_end)(void *context, enum http_end end);
};

struct http_message {
    uint64_t left;             /* of a body or chunk */
    struct inflater *inflater; /* NULL: nothing is expanded, or not yet */
    uint16_t status;
    uint8_t state;
    uint8_t framing;
    uint8_t coding;  /* enum inflater_coding */
    uint8_t content; /* enum http_content */
    uint8_t flags;
    uint8_t header;        /* whose line is being read */
    bool cr;               /* was the last byte */
    uint8_t digits;        /* of a number, or of the version, so far */
    uint8_t value_length;  /* of what is in `value` */
    uint8_t name_length;   /* of the configured header's name, so far; UINT8_MAX: it is another */
    uint8_t client_length; /* the same of the one that tells clients apart */
    struct keyword name;
    char value[HTTP_VALUE_SIZE]; /* wiped when its line ends */
};

struct http_stream {
    const struct http_handler *handler;
    void *context;
    struct inflater_pool *inflaters;
    const struct apikey_secret *secret; /* NULL: keys are not looked at */
    const char *direction_header;       /* lower case; "": none */
    const char *client_header;          /* the same; to be set after the start, "" until then */
    struct apikey_hasher key;
    struct http_message sides[2];
    uint32_t heads;    /* a bit for each request that waits: its method is HEAD */
    uint8_t waiting;   /* requests whose answer has not ended */
    uint8_t key_state; /* of the key that is being read */
    bool answering;    /* the oldest of them is being answered */
    bool sending;      /* the newest of them is not complete */
    bool expecting;    /* it waits for 100 (Continue) before its body */
    bool lost;         /* out of step, until a client's turn begins */
    bool trying;       /* in step again, if what comes makes sense */
    bool server_spoke;
    bool refused; /* for good */
};

/* SECRET, DIRECTION_HEADER, HANDLER and the pool must outlive the stream. */
void httpstream_start(struct http_stream *stream, const struct http_handler *handler, void *context,
                      struct inflater_pool *inflaters, const struct apikey_secret *secret,
                      const char *direction_header);

/* Another one, or none, from here on; a key that is half read is none. SECRET must outlive it. */
void httpstream_set_secret(struct http_stream *stream, const struct apikey_secret *secret);

void httpstream_bytes(struct http_stream *stream, enum http_side side, const uint8_t *bytes,
                      size_t length);
/* LENGTH bytes that were sent but not captured. Within a body or chunk of known length the stream
 * stays in step; otherwise it regains it when the client next begins after the server spoke. */
void httpstream_gap(struct http_stream *stream, enum http_side side, uint64_t length);
/* SIDE sends no more. */
void httpstream_close(struct http_stream *stream, enum http_side side);
/* The connection is over: ends what is open, gives inflaters back, wipes all. */
void httpstream_finish(struct http_stream *stream);

/* Whether this is HTTP that can be followed: not once something was refused. */
static inline bool httpstream_refused(const struct http_stream *stream)
{
    return stream->refused;
}

#endif
