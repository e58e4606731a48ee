/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TDS_H
#define IAGMETER_TDS_H

#include "collectors/capture/clienthello.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a client of a Microsoft SQL Server says before it logs in ([MS-TDS], 2.2.6.5): a PRELOGIN
 * message with its options, and, when both ends want encryption, its side of the TLS handshake,
 * wrapped in the packets of more such messages. (With TDS 8.0, TLS comes first, and bare.) */

/* IANA knows no such type of a TLS record, and no request begins with it. */
#define TDS_PRELOGIN 0x12

enum tds_kind {
    TDS_NONE,
    TDS_INCOMPLETE, /* right so far: more bytes will tell */
    TDS_OPTIONS,    /* a whole message of options: what follows it is to be looked at anew */
    TDS_TLS         /* the beginning of TLS: tds_parse_hello() reads it */
};

/* What stands at BYTES, sent by a client. *SIZE is how many bytes TDS_OPTIONS take, else 0. Pure.
 */
enum tds_kind tds_look(const uint8_t *bytes, size_t length, uint32_t *size);

/* As clienthello_parse(), or, when CUT, clienthello_parse_cut(), of a hello in records that are
 * wrapped. CLIENTHELLO_MALFORMED when something else stands between its packets. Pure. */
enum clienthello_result tds_parse_hello(const uint8_t *bytes, size_t length, bool cut,
                                        struct clienthello *hello);

#endif
