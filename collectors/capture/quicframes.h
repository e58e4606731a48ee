/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_QUICFRAMES_H
#define IAGMETER_QUICFRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The frames of an Initial packet whose protection is removed (RFC 9000, 12.4 and 19). */

/* A piece of the client's CRYPTO stream, at OFFSET; BYTES are the callee's until it returns. */
typedef void quicframes_handler(void *context, uint32_t offset, const uint8_t *bytes,
                                size_t length);

enum quicframes_result {
    QUICFRAMES_NONE,   /* no piece of the stream */
    QUICFRAMES_CRYPTO, /* at least one, handed over */
    QUICFRAMES_WRONG   /* only when cut: no frames of such a packet, so the key was wrong */
};

/* Hands the pieces over in the order of the packet, until the end or the first frame that is wrong;
 * never one that reaches past CLIENTHELLO_LONGEST. CUT says that more followed which was not
 * captured: the last frame may end early. Pure. */
enum quicframes_result quicframes_read(const uint8_t *bytes, size_t length, bool cut,
                                       quicframes_handler *handler, void *context);

#endif
