/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_NAMING_H
#define IAGMETER_NAMING_H

#include "collectors/capture/assembly.h"
#include "collectors/capture/clienthello.h"
#include "collectors/capture/preamble.h"
#include "collectors/capture/quic.h"

#include <stdbool.h>
#include <stdint.h>

/* What the first bytes of a connection say of its name: a ClientHello, a request to a proxy, a
 * request in clear. And a fixed pool of states for those whose bytes come in several packets. */

enum finding_kind {
    FINDING_NONE,       /* no name begins here; one may in a later packet */
    FINDING_INCOMPLETE, /* right so far: more bytes will tell */
    FINDING_HELLO,      /* TLS or QUIC */
    FINDING_PROXY,   /* CONNECT, SOCKS, PROXY: what follows its LENGTH bytes is the client's own */
    FINDING_HTTP,    /* a request in clear */
    FINDING_PRELUDE, /* what its LENGTH bytes say names nobody, but what follows them may */
    FINDING_BROKEN   /* began as a ClientHello, then contradicted itself */
};

struct finding {
    enum finding_kind kind;
    enum preamble_kind said; /* with FINDING_PROXY: by which protocol */
    uint32_t length;
    union {
        struct clienthello hello;
        struct preamble preamble;
    } as;
};

/* What stands at BYTES, sent by a TCP client. FINDING_INCOMPLETE when there are none. Pure. */
void naming_look(const uint8_t *bytes, size_t length, struct finding *finding);
/* Whether a ClientHello stands there, or the beginning of one, and nothing else can. Pure. */
bool naming_has_hello(const uint8_t *bytes, size_t length);
/* The same when no more will come: a name that is there counts, though what it stands in ends
 * early. */
void naming_look_cut(const uint8_t *bytes, size_t length, struct finding *finding);

struct naming;
#define NAMING_NONE UINT32_MAX

/* NULL when memory is exhausted. */
struct naming *naming_new(uint32_t count);
void naming_free(struct naming *naming);

/* A state for FLOW (an index). When all are taken, NAMING_NONE, and *holder is the flow whose turn
 * it is to give its state up: a name is complete within milliseconds, and only one that never will
 * be waits for its turn. */
uint32_t naming_take(struct naming *naming, uint32_t flow, uint32_t *holder);
void naming_release(struct naming *naming, uint32_t index);

/* The bytes gathered so far, the first of which has sequence number BASE: TCP, or CRYPTO frames. */
void naming_start(struct naming *naming, uint32_t index, uint32_t base);
struct assembly *naming_bytes(struct naming *naming, uint32_t index);
/* What follows what was looked at: moved on by COUNT bytes. */
void naming_step(struct naming *naming, uint32_t index, uint32_t count);
/* What is there of it without a hole. */
const uint8_t *naming_ahead(struct naming *naming, uint32_t index, uint32_t *length);
/* Makes room for more of a ClientHello that is longer than what can be put together: one in
 * records, or that of naming_quic(), once its version is known. Returns false when there is nothing
 * to leave out. */
bool naming_make_room(struct naming *naming, uint32_t index);
uint32_t naming_stepped(const struct naming *naming, uint32_t index);

/* Who asks, as a proxy said; of family 0 at first. */
struct address *naming_client(struct naming *naming, uint32_t index);

struct quic_connection *naming_quic(struct naming *naming, uint32_t index);

#endif
