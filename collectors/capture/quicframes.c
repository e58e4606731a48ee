/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/quicframes.h"

#include "collectors/capture/clienthello.h"
#include "collectors/capture/cursor.h"

/* RFC 9000, 12.4: those allowed in an Initial. */
enum {
    FRAME_PADDING = 0x00,
    FRAME_PING = 0x01,
    FRAME_ACK = 0x02,
    FRAME_ACK_ECN = 0x03,
    FRAME_CRYPTO = 0x06,
    FRAME_CONNECTION_CLOSE = 0x1c
};

/* RFC 9000, 19.3. */
static void skip_ack(struct cursor *cursor, bool ecn)
{
    uint64_t ranges;

    cursor_varint(cursor); /* largest acknowledged */
    cursor_varint(cursor); /* delay */
    ranges = cursor_varint(cursor);
    cursor_varint(cursor); /* first range */
    for (uint64_t i = 0; i < ranges && !cursor->failed; i++) {
        cursor_varint(cursor);
        cursor_varint(cursor);
    }
    for (int i = 0; ecn && i < 3; i++)
        cursor_varint(cursor);
}

/* RFC 9000, 19.19. */
static void skip_close(struct cursor *cursor)
{
    uint64_t reason;

    cursor_varint(cursor); /* error */
    cursor_varint(cursor); /* type of the frame that caused it */
    reason = cursor_varint(cursor);
    if (reason > cursor_left(cursor))
        cursor->failed = true;
    else
        cursor_skip(cursor, (size_t)reason);
}

/* RFC 9000, 19.6. */
static enum quicframes_result read_crypto(struct cursor *cursor, bool cut,
                                          quicframes_handler *handler, void *context)
{
    uint64_t offset = cursor_varint(cursor);
    uint64_t size = cursor_varint(cursor);
    const uint8_t *bytes;

    if (cursor->failed)
        return QUICFRAMES_NONE;
    if (offset > CLIENTHELLO_LONGEST || size > CLIENTHELLO_LONGEST - offset)
        return QUICFRAMES_WRONG;
    if (size > cursor_left(cursor)) {
        if (!cut)
            return QUICFRAMES_WRONG;
        size = cursor_left(cursor);
    }
    bytes = cursor_bytes(cursor, (size_t)size);
    if (!bytes || size == 0)
        return QUICFRAMES_NONE;
    handler(context, (uint32_t)offset, bytes, (size_t)size);
    return QUICFRAMES_CRYPTO;
}

static enum quicframes_result read_frame(struct cursor *cursor, bool cut,
                                         quicframes_handler *handler, void *context)
{
    switch (cursor_u8(cursor)) {
    case FRAME_PADDING:
    case FRAME_PING:
        return QUICFRAMES_NONE;
    case FRAME_ACK:
        skip_ack(cursor, false);
        return QUICFRAMES_NONE;
    case FRAME_ACK_ECN:
        skip_ack(cursor, true);
        return QUICFRAMES_NONE;
    case FRAME_CRYPTO:
        return read_crypto(cursor, cut, handler, context);
    case FRAME_CONNECTION_CLOSE:
        skip_close(cursor);
        return QUICFRAMES_NONE;
    default:
        return QUICFRAMES_WRONG;
    }
}

enum quicframes_result quicframes_read(const uint8_t *bytes, size_t length, bool cut,
                                       quicframes_handler *handler, void *context)
{
    struct cursor cursor = cursor_over(bytes, length);
    enum quicframes_result result = QUICFRAMES_NONE;

    while (cursor_left(&cursor) > 0) {
        enum quicframes_result frame = read_frame(&cursor, cut, handler, context);

        if (frame == QUICFRAMES_WRONG)
            return cut ? QUICFRAMES_WRONG : result;
        if (frame == QUICFRAMES_CRYPTO)
            result = QUICFRAMES_CRYPTO;
        if (cursor.failed)
            break;
    }
    return result;
}
