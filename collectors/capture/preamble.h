/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PREAMBLE_H
#define IAGMETER_PREAMBLE_H

#include "daemon/directions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a TCP client may send before TLS, or instead of it: a proxy's CONNECT, SOCKS, the PROXY
 * protocol's header, a plain HTTP request. They may follow each other: what comes after a
 * preamble's LENGTH bytes is decoded anew, as a preamble or a ClientHello.
 *
 * Of all this only who is meant is kept: no other header, no user name, no password. */

/* No preamble is longer; it is also what an assembly holds. */
#define PREAMBLE_MAX 16384

enum preamble_kind {
    /* Nothing of these: another protocol, TLS, HTTP/0.9, HTTP/2 (whose preface, "PRI * HTTP/2.0",
     * tells no name: they are compressed), SOCKS for something else than a connection. */
    PREAMBLE_NONE,
    PREAMBLE_INCOMPLETE, /* right so far: call again with more bytes */
    PREAMBLE_CONNECT,    /* HTTP CONNECT; refused with 407, the client sends another one */
    PREAMBLE_SOCKS,      /* SOCKS 4, 4a or 5, from the greeting to the request */
    PREAMBLE_PROXY,      /* PROXY protocol, version 1 or 2 */
    PREAMBLE_HTTP,       /* HTTP/1 request line and headers, its body not included */
    PREAMBLE_MALFORMED   /* starts as one, then contradicts itself, or is too long */
};

struct preamble {
    /* The host as sent, "" when there is none or when two servers might not see the same. Letters
     * (of either case), digits, '-', '_' and dots; or a literal address, without brackets. From a
     * CONNECT, SOCKS or absolute request target, else from the Host header; in a PROXY header, the
     * server name of the client's TLS. */
    char name[256];
    uint8_t name_length;
    /* When an address was given, in binary or as text (which is then the name): that of the target,
     * but in a PROXY header that of the true client. ::ffff:a.b.c.d is the IPv4 address. */
    bool has_address;
    struct address address;
    uint16_t port;   /* of the target; in a PROXY header, of the true client; 0 when not said */
    uint32_t length; /* bytes it takes; more may follow in the same segment */
};

/* BYTES are a client's, in order, from the start of the connection or after an earlier preamble.
 * The servers' answers in between do not matter. A result other than PREAMBLE_INCOMPLETE stays the
 * same whatever follows. But for the four kinds of preamble, *PREAMBLE is all zero. Pure. */
enum preamble_kind preamble_parse(const uint8_t *bytes, size_t length, struct preamble *preamble);

/* The same when no more will come. Of an HTTP request whose head ends early, the lines that are
 * there count, if they tell a host: it is as long as what is there. */
enum preamble_kind preamble_parse_cut(const uint8_t *bytes, size_t length,
                                      struct preamble *preamble);

/* Cheap test of the first bytes of a segment: could a preamble start here? */
bool preamble_starts(const uint8_t *bytes, size_t length);

#endif
