/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tds.h"

#include "collectors/capture/cursor.h"

#include <string.h>

/* [MS-TDS], 2.2.3.1: type, status, length of the packet, process, number, window. */
enum { PACKET_HEADER = 8, STATUS_LAST = 1, LARGEST_PACKET = 32767 };
/* Five options and a nonce are some hundred bytes; until the login a packet has 4 kB at most. */
enum { LARGEST_OPTIONS = 4096 };
/* 2.2.6.5: the version must come first, and takes so many bytes. */
enum { OPTION_VERSION = 0, OPTION_END = 0xff, OPTION_HEADER = 5, VERSION_SIZE = 6 };

/* Takes the header of a PRELOGIN packet. *SIZE is what follows it. */
static bool take_header(struct cursor *cursor, bool *is_last, size_t *size)
{
    uint8_t type = cursor_u8(cursor);
    uint8_t status = cursor_u8(cursor);
    uint16_t length = cursor_u16(cursor);
    uint8_t window;

    cursor_skip(cursor, 3);
    window = cursor_u8(cursor);
    if (cursor->failed || type != TDS_PRELOGIN || status > STATUS_LAST || window != 0 ||
        length <= PACKET_HEADER || length > LARGEST_PACKET)
        return false;
    *is_last = status == STATUS_LAST;
    *size = length - (size_t)PACKET_HEADER;
    return true;
}

/* What is there of a packet that a hello may be in, as long as SIZE. */
static enum tds_kind look_for_hello(const struct cursor *cursor, size_t size)
{
    size_t left = cursor_left(cursor) < size ? cursor_left(cursor) : size;

    if (clienthello_may_start(cursor->at, left))
        return TDS_TLS;
    return left < size && clienthello_may_follow(cursor->at, left) ? TDS_INCOMPLETE : TDS_NONE;
}

/* Where each option is, and how long, must lie within the message. */
static bool are_options(struct cursor message)
{
    const size_t size = cursor_left(&message);
    bool is_first = true;

    for (;;) {
        uint8_t option = cursor_u8(&message);
        size_t offset;
        size_t length;

        if (option == OPTION_END)
            return !message.failed && !is_first;
        offset = cursor_u16(&message);
        length = cursor_u16(&message);
        if (message.failed || offset + length > size || is_first != (option == OPTION_VERSION) ||
            (is_first && length != VERSION_SIZE))
            return false;
        is_first = false;
    }
}

enum tds_kind tds_look(const uint8_t *bytes, size_t length, uint32_t *size)
{
    struct cursor cursor = cursor_over(bytes, length);
    bool is_last;
    size_t whole;

    *size = 0;
    if (length <= PACKET_HEADER)
        return length == 0 || bytes[0] == TDS_PRELOGIN ? TDS_INCOMPLETE : TDS_NONE;
    if (!take_header(&cursor, &is_last, &whole))
        return TDS_NONE;
    if (cursor.at[0] != OPTION_VERSION)
        return look_for_hello(&cursor, whole);
    if (!is_last || whole > LARGEST_OPTIONS)
        return TDS_NONE;
    if (cursor_left(&cursor) < whole)
        return TDS_INCOMPLETE;
    if (!are_options(cursor_take(&cursor, whole)))
        return TDS_NONE;
    *size = (uint32_t)(PACKET_HEADER + whole);
    return TDS_OPTIONS;
}

enum clienthello_result tds_parse_hello(const uint8_t *bytes, size_t length, bool cut,
                                        struct clienthello *hello)
{
    uint8_t records[CLIENTHELLO_MAX];
    size_t gathered = 0;
    struct cursor cursor = cursor_over(bytes, length);

    memset(hello, 0, sizeof(*hello));
    while (cursor_left(&cursor) > PACKET_HEADER && gathered < sizeof(records)) {
        bool is_last;
        size_t size;

        if (!take_header(&cursor, &is_last, &size))
            return CLIENTHELLO_MALFORMED;
        if (size > cursor_left(&cursor))
            size = cursor_left(&cursor);
        if (size > sizeof(records) - gathered)
            size = sizeof(records) - gathered;
        memcpy(records + gathered, cursor_bytes(&cursor, size), size);
        gathered += size;
    }
    return (cut ? clienthello_parse_cut : clienthello_parse)(records, gathered, hello);
}
