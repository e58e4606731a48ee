/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CLIENTHELLO_H
#define IAGMETER_CLIENTHELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The TLS ClientHello, as far as it tells the service: server name, ALPN, Encrypted Client Hello.
 */

/* Today's are up to 2.3 kB (post-quantum key shares); with a pre-shared key and padding a few more.
 */
#define CLIENTHELLO_MAX 16384
/* Servers take none that is longer (OpenSSL's limit, from what a ClientHello can hold). Of one
 * longer than CLIENTHELLO_MAX the first bytes are looked at; see clienthello_shorten(). */
#define CLIENTHELLO_LONGEST 131396

#define CLIENTHELLO_RANDOM_SIZE 32

enum clienthello_result {
    CLIENTHELLO_COMPLETE,
    CLIENTHELLO_INCOMPLETE, /* right so far: call again with more bytes */
    CLIENTHELLO_NONE,       /* not a TLS ClientHello */
    CLIENTHELLO_MALFORMED   /* starts as one, then contradicts itself, or is too long */
};

struct clienthello {
    char name[256]; /* server name as sent, "" when absent; may hold any byte but NUL */
    uint8_t name_length;
    char alpn[16];                           /* first protocol offered, "" when absent */
    uint8_t random[CLIENTHELLO_RANDOM_SIZE]; /* drawn for this hello; zero for Google's QUIC */
    bool has_ech; /* an encrypted_client_hello extension, real or GREASE */
};

/* BYTES are the client's first, from the start of the record. The hello may be spread over several
 * records (RFC 8446, 5.1). Pure. */
enum clienthello_result clienthello_parse(const uint8_t *bytes, size_t length,
                                          struct clienthello *hello);

/* The same of a bare handshake message (RFC 8446, 4), as QUIC carries it without records (RFC 9001,
 * 4.1.3); what follows the message is ignored. CLIENTHELLO_NONE when another message stands there.
 */
enum clienthello_result clienthello_parse_message(const uint8_t *bytes, size_t length,
                                                  struct clienthello *hello);

/* Takes NAME as the server name, unless it is empty, too long, or has a NUL inside: that is an
 * attempt to be read differently by different readers. */
void clienthello_set_name(struct clienthello *hello, const uint8_t *name, size_t length);

/* The same two, of a hello whose rest will never come: CLIENTHELLO_COMPLETE when its name is there,
 * which may be all that is; else CLIENTHELLO_INCOMPLETE, or what it is. */
enum clienthello_result clienthello_parse_cut(const uint8_t *bytes, size_t length,
                                              struct clienthello *hello);
enum clienthello_result clienthello_parse_cut_message(const uint8_t *bytes, size_t length,
                                                      struct clienthello *hello);

/* Takes out of a hello in records, of which the first LENGTH bytes are there, what tells nothing:
 * the bytes that follow may follow still, and it tells the same. One that was longer than
 * CLIENTHELLO_MAX may no longer be, and then is read when all of it is there. Returns how many
 * bytes it has now, LENGTH when nothing can be taken out. */
size_t clienthello_shorten(uint8_t *bytes, size_t length);
/* The same of a bare handshake message. */
size_t clienthello_shorten_message(uint8_t *bytes, size_t length);

/* Cheap test of the first bytes of a segment: could a ClientHello start here? */
bool clienthello_starts(const uint8_t *bytes, size_t length);
/* The same of a segment that may be too short to tell. */
bool clienthello_may_start(const uint8_t *bytes, size_t length);
/* Whether all that is there, of more, may be records that say nothing before a hello, the last one
 * cut anywhere, or the beginning of the hello. */
bool clienthello_may_follow(const uint8_t *bytes, size_t length);

#endif
