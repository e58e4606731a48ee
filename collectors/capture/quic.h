/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_QUIC_H
#define IAGMETER_QUIC_H

#include "collectors/capture/clienthello.h"
#include "collectors/capture/quiccrypto.h"
#include "collectors/capture/quicframes.h"

/* Reads the first datagrams of a QUIC client far enough to hand over the hello that names the
 * server: versions 1 (RFC 9000, RFC 9001) and 2 (RFC 9369), drafts 22 to 34, mvfst's, and Google's
 * own from Q024 on (gquic.h). */

/* What is remembered of a connection while it is being named; all zero at first. */
struct quic_connection {
    uint32_t version; /* of the last packet that was read; 0: none yet */
    uint8_t original_length;
    uint8_t original[QUICCRYPTO_MAX_ID]; /* the destination id that the keys come from */
};

/* In the order in which they prevail when a datagram holds several packets. */
enum quic_result {
    QUIC_NONE,       /* not QUIC, as far as can be told */
    QUIC_OTHER,      /* QUIC, but nothing of the hello: short header, Handshake, Retry, ... */
    QUIC_UNREADABLE, /* an Initial that cannot be opened: another key, a server's, or damaged */
    QUIC_CRYPTO      /* pieces were handed over */
};

/* Cheap test of a first datagram: could a client or a server of QUIC have sent it? LENGTH is what
 * was sent, CAPTURED what is there of it, both in bytes, without the UDP header. Of a version that
 * is not known it asks the size that a client's first datagram must have. */
bool quic_starts(const uint8_t *datagram, size_t captured, size_t length);

/* Does it look like the first datagram of a client's connection, and like none amid a connection?
 */
bool quic_opens(const uint8_t *datagram, size_t captured, size_t length);

/* The destination id of what opens a connection, of ID_LENGTH bytes: whoever opens another from the
 * same ports draws another one. NULL of all else, and of Google's versions of before the standard.
 */
const uint8_t *quic_opening_id(const uint8_t *datagram, size_t captured, size_t length,
                               size_t *id_length);

/* An id, as far as a connection has room for it: of one that is not listed, never 0. */
uint32_t quic_hash(const uint8_t *id, size_t length);

/* The part of a datagram's first packet, with a long header, that all versions have (RFC 8999), and
 * what it is. */
struct quic_header {
    uint32_t version; /* 0: version negotiation */
    bool is_retry;
    size_t destination_length; /* of ids, bytes */
    size_t source_length;
    const uint8_t *destination; /* in the datagram */
    const uint8_t *source;
};

/* Returns false when there is none. */
bool quic_read_header(const uint8_t *datagram, size_t captured, struct quic_header *header);

/* Whether a server's datagram begins with an Initial for whoever opened with ID: their keys come
 * from that (RFC 9001, 5.2). */
bool quic_answers(struct quiccrypto *crypto, const uint8_t *id, size_t id_length,
                  const uint8_t *datagram, size_t captured, size_t length);

/* Whether the keys of what opens a connection come from its own id: so it is the client's first, or
 * the first after Retry, and none that answers the server. */
bool quic_is_first(struct quiccrypto *crypto, const uint8_t *datagram, size_t captured,
                   size_t length);

/* How many bytes of a datagram, of either end of a connection that was named, follow the packets of
 * the handshake: they are application data, but for a short header and a tag. */
size_t quic_data_length(const uint8_t *datagram, size_t captured, size_t length);

/* Of a datagram that begins with a packet of the handshake: how long an identifier its receiver has
 * chosen, which then stands in each datagram that it is sent. Else, and when it has none, 0. */
size_t quic_identifier_length(const uint8_t *datagram, size_t captured);

/* Reads a datagram of the client, in whatever order they come, and hands the pieces of its hello to
 * HANDLER, with their offset (see quicframes_handler); a piece of no bytes (BYTES is NULL) says
 * that the client begins anew, as after Retry or version negotiation: forget what came before.
 * Those of the connection put in order, quic_parse_hello() reads. A datagram of the server
 * does no harm: it is QUIC_UNREADABLE or QUIC_OTHER, and changes nothing.
 *
 * What the snap length cut has no tag that tells whether the key was right. It is read
 * nevertheless: its frames must make sense from the first byte to the last, and a hello must follow
 * from them. */
enum quic_result quic_read_client(struct quiccrypto *crypto, struct quic_connection *connection,
                                  const uint8_t *datagram, size_t captured, size_t length,
                                  quicframes_handler *handler, void *context);

/* Reads the hello from the first LENGTH bytes of the stream: a TLS ClientHello without records
 * (RFC 9001, 4.1.3), or Google's CHLO. */
enum clienthello_result quic_parse_hello(const uint8_t *bytes, size_t length,
                                         struct clienthello *hello);

#endif
