/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_GQUIC_H
#define IAGMETER_GQUIC_H

#include "collectors/capture/clienthello.h"
#include "collectors/capture/quicframes.h"

/* Google's QUIC of before the standard: versions Q024 to Q046 send their hello (CHLO) in clear, in
 * stream 1; Q050, T050 and T051 have the packets of the standard with frames of their own, and T05x
 * a TLS hello. After "QUIC Wire Layout Specification" and "QUIC Crypto", both by Google, 2016. */

/* The number of VERSION, such as 43 for "Q043" and 51 for "T051"; 0 when it is none of these. */
unsigned gquic_version_number(uint32_t version);

/* Finds the version in a client's packet of Q024 to Q046: 0 when it is no such packet, or says no
 * version, as all but the first ones. */
uint32_t gquic_client_version(const uint8_t *datagram, size_t length);

/* Finds the start of a hello in a client's packet for which gquic_client_version() is not 0: a
 * piece of stream 1 that begins with a hello's tag (the client says another when the server
 * rejected its first). NULL when there is none, as in packets that are encrypted: nothing else
 * tells these apart. Its end may be missing. Pure. */
const uint8_t *gquic_find_hello(const uint8_t *datagram, size_t length, size_t *size);

/* As quicframes_read(), for the frames of Q050, T050 and T051. */
enum quicframes_result gquic_read_frames(const uint8_t *bytes, size_t length, bool cut,
                                         quicframes_handler *handler, void *context);

/* Could BYTES start a CHLO? */
bool gquic_chlo_starts(const uint8_t *bytes, size_t length);

/* Reads a CHLO, of which BYTES may be a part: its index comes first, so a name that is there is
 * there whole. Pure. */
enum clienthello_result gquic_parse_chlo(const uint8_t *bytes, size_t length,
                                         struct clienthello *hello);

/* The packet that a hello carries for a server of a newer version (tag QLVE), NULL when there is
 * none. */
const uint8_t *gquic_enclosed_packet(const uint8_t *bytes, size_t length, size_t *size);

#endif
