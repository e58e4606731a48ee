/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HTTPHEADER_H
#define IAGMETER_HTTPHEADER_H

#include "collectors/inference/keyword.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The header fields that are read for themselves: no configured one can be one of them. Apart from
 * the stream, so that who only reads the configuration loads nothing that expands bodies. */

/* Those that are read sorted, as in the table of httpstream.c. */
enum header {
    HEADER_API_KEY,
    HEADER_AUTHORIZATION,
    HEADER_CONNECTION,
    HEADER_CONTENT_ENCODING,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_EXPECT,
    HEADER_TRANSFER_ENCODING,
    HEADER_X_API_KEY,
    HEADER_DIRECTION, /* the configured ones */
    HEADER_CLIENT,
    HEADER_OTHER
};

/* NAME is in lower case. KEYWORD_NONE: it is none of them. No two are of the same length. */
static inline uint8_t httpheader_find(const char *name, size_t length)
{
#define HTTPHEADER_NAMED(text, header)                                                             \
    case sizeof(text) - 1:                                                                         \
        return memcmp(name, text, sizeof(text) - 1) == 0 ? (header) : KEYWORD_NONE

    switch (length) {
        HTTPHEADER_NAMED("api-key", HEADER_API_KEY);
        HTTPHEADER_NAMED("authorization", HEADER_AUTHORIZATION);
        HTTPHEADER_NAMED("connection", HEADER_CONNECTION);
        HTTPHEADER_NAMED("content-encoding", HEADER_CONTENT_ENCODING);
        HTTPHEADER_NAMED("content-length", HEADER_CONTENT_LENGTH);
        HTTPHEADER_NAMED("content-type", HEADER_CONTENT_TYPE);
        HTTPHEADER_NAMED("expect", HEADER_EXPECT);
        HTTPHEADER_NAMED("transfer-encoding", HEADER_TRANSFER_ENCODING);
        HTTPHEADER_NAMED("x-api-key", HEADER_X_API_KEY);
    default:
        return KEYWORD_NONE;
    }
}

#endif
