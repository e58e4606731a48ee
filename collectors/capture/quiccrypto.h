/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_QUICCRYPTO_H
#define IAGMETER_QUICCRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Removes the protection of Initial packets. It is no secret: its keys come from a
 * constant of the version and the destination connection id that stands in the packet (RFC
 * 9001, 5.2). */

#define QUICCRYPTO_MAX_ID 20

struct quiccrypto;

/* A version, or several alike: how their Initials are protected, and what is in them. */
struct quiccrypto_scheme {
    uint32_t first; /* versions */
    uint32_t last;
    const char *salt;   /* 20 bytes */
    bool is_v2;         /* labels and packet types of RFC 9369 */
    bool google_frames; /* see gquic.h */
    bool is_greased;    /* the version is reserved (RFC 9000, 15): one of several guesses */
};

/* The scheme of VERSION, or after PREVIOUS the next one worth trying; NULL when there is none. For
 * a version that is not in the table, version 1's. Never fails at a first call. */
const struct quiccrypto_scheme *quiccrypto_scheme(uint32_t version,
                                                  const struct quiccrypto_scheme *previous);

/* Is VERSION in the table, reserved ones included? */
bool quiccrypto_known(uint32_t version);

/* A packet, from its first byte. */
struct quiccrypto_packet {
    const uint8_t *bytes;
    size_t length;    /* of the whole packet, bytes */
    size_t captured;  /* of these, how many are there: at most LENGTH */
    size_t number_at; /* where the packet number stands */
    bool is_server;   /* it is one of the server's */
};

struct quiccrypto_plain {
    const uint8_t *bytes; /* until the next call */
    size_t length;
    bool verified; /* the tag was there, and is right */
};

/* Fetches from libcrypto all that is needed, and tries it, so that nothing is loaded later. NULL
 * when memory or an algorithm is lacking. */
struct quiccrypto *quiccrypto_new(void);
void quiccrypto_free(struct quiccrypto *crypto);

/* Opens PACKET with its end's keys of the connection id ID. Returns false when they are not the
 * packet's. When the packet is cut, that can hardly be told: then anything may be in PLAIN. */
bool quiccrypto_open(struct quiccrypto *crypto, const struct quiccrypto_scheme *scheme,
                     const uint8_t *id, size_t id_length, const struct quiccrypto_packet *packet,
                     struct quiccrypto_plain *plain);

#endif
