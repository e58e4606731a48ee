/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/clienthello.h"

#include "collectors/capture/cursor.h"

#include <string.h>

/* IANA, TLS ContentType. */
enum { RECORD_CHANGE = 20, RECORD_ALERT, RECORD_HANDSHAKE, RECORD_DATA, RECORD_HEARTBEAT };
enum { RECORD_HEADER = 5, MAX_RECORD = 16384 };
enum { HANDSHAKE_CLIENT_HELLO = 1, HANDSHAKE_HEADER = 4 };
/* IANA, TLS ExtensionType Values. */
enum { EXTENSION_SERVER_NAME = 0, EXTENSION_ALPN = 16, EXTENSION_ECH = 0xfe0d };

/* Records that may come before a hello and say nothing: empty ones, which OpenSSL takes up to 32
 * of, and the change_cipher_spec between two hellos (RFC 8446, D.4), where the capture began behind
 * the first; an alert (6) of a session that ended, and a heartbeat (RFC 6520, 4: with its padding
 * no shorter). */
static bool is_silent(uint8_t type, uint16_t size)
{
    switch (type) {
    case RECORD_HANDSHAKE:
        return size == 0;
    case RECORD_CHANGE:
        return size == 1;
    case RECORD_ALERT:
        return size == 2;
    case RECORD_HEARTBEAT:
        return size >= 1 + 2 + 16 && size <= MAX_RECORD;
    default:
        return false;
    }
}

/* Steps over such records. What stands after them is there at least in part. */
static void skip_silent_records(struct cursor *cursor)
{
    struct cursor rest = *cursor;

    while (cursor_left(&rest) > RECORD_HEADER) {
        uint8_t type = cursor_u8(&rest);
        uint8_t major = cursor_u8(&rest);
        uint16_t size;

        cursor_skip(&rest, 1);
        size = cursor_u16(&rest);
        if (major != 3 || !is_silent(type, size))
            return;
        cursor_skip(&rest, size);
        if (cursor_left(&rest) > 0)
            *cursor = rest;
    }
}

bool clienthello_starts(const uint8_t *bytes, size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);
    uint8_t type;
    uint8_t major;
    uint8_t minor;
    uint16_t size;

    skip_silent_records(&cursor);
    type = cursor_u8(&cursor);
    major = cursor_u8(&cursor);
    minor = cursor_u8(&cursor);
    size = cursor_u16(&cursor);
    /* RFC 8446, 5.1: legacy_record_version is 0x0301 or 0x0303, older clients say 0x0300. */
    if (cursor.failed || type != RECORD_HANDSHAKE || major != 3 || minor > 4 || size == 0 ||
        size > MAX_RECORD)
        return false;
    return cursor_left(&cursor) == 0 || cursor_u8(&cursor) == HANDSHAKE_CLIENT_HELLO;
}

bool clienthello_may_start(const uint8_t *bytes, size_t length)
{
    if (length < RECORD_HEADER)
        return length > 0 && bytes[0] == RECORD_HANDSHAKE;
    return clienthello_starts(bytes, length);
}

static bool is_before_hello(uint8_t type)
{
    return type == RECORD_HANDSHAKE || type == RECORD_CHANGE || type == RECORD_ALERT ||
           type == RECORD_HEARTBEAT;
}

bool clienthello_may_follow(const uint8_t *bytes, size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);

    while (cursor_left(&cursor) >= RECORD_HEADER) {
        uint8_t type;
        uint8_t major;
        uint16_t size;

        if (clienthello_starts(cursor.at, cursor_left(&cursor)))
            return true;
        type = cursor_u8(&cursor);
        major = cursor_u8(&cursor);
        cursor_skip(&cursor, 1);
        size = cursor_u16(&cursor);
        if (major != 3 || !is_silent(type, size))
            return false;
        cursor_skip(&cursor, size);
        if (cursor.failed)
            return true;
    }
    return cursor_left(&cursor) == 0 || is_before_hello(cursor.at[0]);
}

void clienthello_set_name(struct clienthello *hello, const uint8_t *name, size_t length)
{
    if (length == 0 || length >= sizeof(hello->name) || memchr(name, 0, length))
        return;
    memcpy(hello->name, name, length);
    hello->name[length] = '\0';
    hello->name_length = (uint8_t)length;
}

/* RFC 6066, 3: a list of names, of which only host_name (0) is defined. */
static void parse_server_name(struct cursor extension, struct clienthello *hello)
{
    struct cursor list = cursor_take(&extension, cursor_u16(&extension));

    while (!list.failed && cursor_left(&list) > 0) {
        uint8_t type = cursor_u8(&list);
        uint16_t length = cursor_u16(&list);
        const uint8_t *name = cursor_bytes(&list, length);

        if (!name || type != 0)
            continue;
        clienthello_set_name(hello, name, length);
        return;
    }
}

/* RFC 7301, 3.1. */
static void parse_alpn(struct cursor extension, struct clienthello *hello)
{
    struct cursor list = cursor_take(&extension, cursor_u16(&extension));
    uint8_t length = cursor_u8(&list);
    const uint8_t *name = cursor_bytes(&list, length);

    if (!name || length >= sizeof(hello->alpn))
        return;
    memcpy(hello->alpn, name, length);
    hello->alpn[length] = '\0';
}

static enum clienthello_result parse_extensions(struct cursor extensions, struct clienthello *hello)
{
    bool named = false;

    while (cursor_left(&extensions) > 0) {
        uint16_t type = cursor_u16(&extensions);
        struct cursor extension = cursor_take(&extensions, cursor_u16(&extensions));

        if (extension.failed) /* what stood before it was on the wire all the same */
            return hello->name_length > 0 ? CLIENTHELLO_COMPLETE : CLIENTHELLO_MALFORMED;
        if (type == EXTENSION_SERVER_NAME && !named) /* RFC 8446, 4.2, forbids a second one */
            parse_server_name(extension, hello);
        else if (type == EXTENSION_ALPN)
            parse_alpn(extension, hello);
        else if (type == EXTENSION_ECH)
            hello->has_ech = true;
        named |= type == EXTENSION_SERVER_NAME;
    }
    return CLIENTHELLO_COMPLETE;
}

/* RFC 8446, 4.1.2; the body after the handshake header, CUT when its end is missing. */
static enum clienthello_result parse_body(struct cursor body, bool cut, struct clienthello *hello)
{
    const uint8_t *random;
    uint16_t length;

    cursor_skip(&body, 2); /* version */
    random = cursor_bytes(&body, sizeof(hello->random));
    if (random)
        memcpy(hello->random, random, sizeof(hello->random));
    cursor_skip(&body, cursor_u8(&body));  /* session id */
    cursor_skip(&body, cursor_u16(&body)); /* cipher suites */
    cursor_skip(&body, cursor_u8(&body));  /* compression methods */
    if (body.failed)
        return CLIENTHELLO_MALFORMED;
    if (cursor_left(&body) == 0) /* before TLS 1.2 there need be no extensions */
        return CLIENTHELLO_COMPLETE;
    length = cursor_u16(&body);
    if (cut && length > cursor_left(&body))
        length = (uint16_t)cursor_left(&body);
    body = cursor_take(&body, length);
    return body.failed ? CLIENTHELLO_MALFORMED : parse_extensions(body, hello);
}

/* Appends the payload of the next handshake record, or as much of it as is there. Returns false
 * when what stands there is no such record. */
static bool gather_record(struct cursor *cursor, uint8_t *message, size_t *gathered)
{
    uint8_t type = cursor_u8(cursor);
    uint8_t major = cursor_u8(cursor);
    size_t size;

    cursor_skip(cursor, 1);
    size = cursor_u16(cursor);
    if (cursor->failed)
        return true;
    if (type != RECORD_HANDSHAKE || major != 3 || size > MAX_RECORD)
        return false;
    if (size > cursor_left(cursor))
        size = cursor_left(cursor);
    if (size > CLIENTHELLO_MAX - *gathered)
        size = CLIENTHELLO_MAX - *gathered;
    memcpy(message + *gathered, cursor_bytes(cursor, size), size);
    *gathered += size;
    return true;
}

/* The length of the whole handshake message, header included, once its header is there. */
static size_t message_length(const uint8_t *message, size_t gathered)
{
    struct cursor cursor = cursor_over(message, gathered);

    cursor_skip(&cursor, 1);
    return cursor_u24(&cursor) + HANDSHAKE_HEADER;
}

/* What the first GATHERED bytes of a message tell when no more will come. */
static enum clienthello_result parse_part(const uint8_t *message, size_t gathered,
                                          struct clienthello *hello)
{
    if (gathered > HANDSHAKE_HEADER)
        parse_body(cursor_over(message + HANDSHAKE_HEADER, gathered - HANDSHAKE_HEADER), true,
                   hello);
    if (hello->name_length > 0)
        return CLIENTHELLO_COMPLETE;
    memset(hello, 0, sizeof(*hello));
    return CLIENTHELLO_INCOMPLETE;
}

/* Of a message of WANTED bytes, header included, the first GATHERED are there. */
static enum clienthello_result parse_gathered(const uint8_t *message, size_t gathered,
                                              size_t wanted, bool cut, struct clienthello *hello)
{
    if (wanted > CLIENTHELLO_LONGEST)
        return CLIENTHELLO_MALFORMED;
    if (gathered >= wanted)
        return parse_body(cursor_over(message + HANDSHAKE_HEADER, wanted - HANDSHAKE_HEADER), false,
                          hello);
    return cut || wanted > CLIENTHELLO_MAX ? parse_part(message, gathered, hello)
                                           : CLIENTHELLO_INCOMPLETE;
}

static enum clienthello_result parse_message(const uint8_t *bytes, size_t length, bool cut,
                                             struct clienthello *hello)
{
    size_t wanted = HANDSHAKE_HEADER;

    memset(hello, 0, sizeof(*hello));
    if (length > 0 && bytes[0] != HANDSHAKE_CLIENT_HELLO)
        return CLIENTHELLO_NONE;
    if (length < HANDSHAKE_HEADER)
        return CLIENTHELLO_INCOMPLETE;
    wanted = message_length(bytes, length);
    return parse_gathered(bytes, length, wanted, cut, hello);
}

static enum clienthello_result parse_records(const uint8_t *bytes, size_t length, bool cut,
                                             struct clienthello *hello)
{
    uint8_t message[CLIENTHELLO_MAX];
    size_t gathered = 0;
    size_t wanted = HANDSHAKE_HEADER;
    struct cursor cursor = cursor_over(bytes, length);

    memset(hello, 0, sizeof(*hello));
    if (length == 0)
        return CLIENTHELLO_INCOMPLETE;
    if (!clienthello_may_start(bytes, length))
        return CLIENTHELLO_NONE;
    if (length < RECORD_HEADER)
        return CLIENTHELLO_INCOMPLETE;
    skip_silent_records(&cursor);
    while (gathered < wanted && gathered < CLIENTHELLO_MAX &&
           cursor_left(&cursor) >= RECORD_HEADER) {
        if (!gather_record(&cursor, message, &gathered))
            return CLIENTHELLO_MALFORMED;
        if (gathered >= HANDSHAKE_HEADER)
            wanted = message_length(message, gathered);
    }
    return gathered < HANDSHAKE_HEADER ? CLIENTHELLO_INCOMPLETE
                                       : parse_gathered(message, gathered, wanted, cut, hello);
}

/* -- Shortening -------------------------------------------------------------------------------- */

/* What is kept of a message: what is fixed in it, the extensions that tell something, and the
 * beginning of one that goes on. */
enum { FIXED_SIZE = HANDSHAKE_HEADER + 2 + CLIENTHELLO_RANDOM_SIZE, LENGTHS_SIZE = 1 + 2 + 1 + 2 };
enum { EXTENSION_HEADER = 4, LARGEST_KEPT = 512 };

struct kept {
    uint8_t bytes[FIXED_SIZE + LENGTHS_SIZE + LARGEST_KEPT + EXTENSION_HEADER];
    size_t length;
};

static void store_u16(uint8_t *bytes, size_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void put_record_header(uint8_t *bytes, size_t size)
{
    bytes[0] = RECORD_HANDSHAKE;
    bytes[1] = 3;
    bytes[2] = 1;
    store_u16(bytes + 3, size);
}

/* Returns false when there is no room. */
static bool keep(struct kept *kept, const uint8_t *bytes, size_t length)
{
    if (length > sizeof(kept->bytes) - kept->length)
        return false;
    memcpy(kept->bytes + kept->length, bytes, length);
    kept->length += length;
    return true;
}

static bool keep_header(struct kept *kept, uint16_t type, size_t length)
{
    uint8_t header[EXTENSION_HEADER];

    store_u16(header, type);
    store_u16(header + 2, length);
    return keep(kept, header, sizeof(header));
}

/* Extensions that tell something by more than that they are there. */
static bool tells(uint16_t type)
{
    return type == EXTENSION_SERVER_NAME || type == EXTENSION_ALPN;
}

/* Of an extension that goes on, what is here is left out of it. */
static bool keep_extensions(struct cursor *rest, struct kept *kept)
{
    while (cursor_left(rest) >= EXTENSION_HEADER) {
        const uint8_t *header = cursor_bytes(rest, EXTENSION_HEADER);
        uint16_t type = cursor_load_u16(header);
        size_t length = cursor_load_u16(header + 2);
        size_t here = length < cursor_left(rest) ? length : cursor_left(rest);

        cursor_skip(rest, here);
        if (tells(type) ? !keep(kept, header, EXTENSION_HEADER + here)
                        : (type == EXTENSION_ECH || here < length) &&
                              !keep_header(kept, type, length - here))
            return false;
    }
    return keep(kept, rest->at, cursor_left(rest));
}

/* An empty session id, and of the cipher suites those that are still to come. */
static bool keep_suites(struct cursor *rest, struct kept *kept)
{
    uint8_t lengths[1 + 2] = {0};
    size_t size;
    size_t here;

    cursor_skip(rest, cursor_u8(rest)); /* session id */
    size = cursor_u16(rest);
    here = size < cursor_left(rest) ? size : cursor_left(rest);
    cursor_skip(rest, here);
    store_u16(lengths + 1, size - here);
    return !rest->failed && keep(kept, lengths, sizeof(lengths));
}

/* Compression methods, of which none is kept, and extensions, unless they have not begun. */
static bool keep_rest(struct cursor rest, struct kept *kept)
{
    struct cursor whole = rest;
    size_t size_at = kept->length + 1;
    size_t size;
    size_t left_out;

    cursor_skip(&rest, cursor_u8(&rest)); /* compression methods */
    size = cursor_u16(&rest);
    if (rest.failed)
        return keep(kept, whole.at, cursor_left(&whole));
    left_out = cursor_left(&rest);
    if (left_out > size || !keep(kept, (const uint8_t[1 + 2]){0}, 1 + 2) ||
        !keep_extensions(&rest, kept))
        return false;
    left_out -= kept->length - size_at - 2;
    store_u16(kept->bytes + size_at, size - left_out);
    return true;
}

/* Of a message of WANTED bytes, of which the first GATHERED are there. Returns false when it has to
 * stay. */
static bool shorten_message(const uint8_t *message, size_t gathered, size_t wanted,
                            struct kept *kept)
{
    struct cursor rest = cursor_over(message, gathered);

    cursor_skip(&rest, FIXED_SIZE);
    if (rest.failed || !keep(kept, message, FIXED_SIZE) || !keep_suites(&rest, kept) ||
        !keep_rest(rest, kept))
        return false;
    wanted -= gathered - kept->length + HANDSHAKE_HEADER;
    kept->bytes[1] = (uint8_t)(wanted >> 16);
    store_u16(kept->bytes + 2, wanted);
    return true;
}

size_t clienthello_shorten_message(uint8_t *bytes, size_t length)
{
    struct kept kept = {.length = 0};
    size_t wanted;

    if (length < HANDSHAKE_HEADER || length > CLIENTHELLO_MAX || bytes[0] != HANDSHAKE_CLIENT_HELLO)
        return length;
    wanted = message_length(bytes, length);
    if (length >= wanted || !shorten_message(bytes, length, wanted, &kept) || kept.length >= length)
        return length;
    memcpy(bytes, kept.bytes, kept.length);
    return kept.length;
}

size_t clienthello_shorten(uint8_t *bytes, size_t length)
{
    uint8_t message[CLIENTHELLO_MAX];
    struct cursor cursor = cursor_over(bytes, length);
    size_t gathered = 0;
    size_t open = 0; /* what is missing of the last record */
    struct kept kept = {.length = 0};
    size_t wanted;
    size_t shorter;

    if (length > CLIENTHELLO_MAX || !clienthello_starts(bytes, length))
        return length;
    skip_silent_records(&cursor);
    while (open == 0 && cursor_left(&cursor) >= RECORD_HEADER) {
        open = gathered + cursor_load_u16(cursor.at + 3);
        if (!gather_record(&cursor, message, &gathered))
            return length;
        open -= gathered;
    }
    wanted = gathered < HANDSHAKE_HEADER ? 0 : message_length(message, gathered);
    if (gathered >= wanted || !shorten_message(message, gathered, wanted, &kept))
        return length;
    shorter = RECORD_HEADER + kept.length + (open ? RECORD_HEADER : cursor_left(&cursor));
    if (shorter >= length)
        return length;
    put_record_header(bytes, kept.length);
    memcpy(bytes + RECORD_HEADER, kept.bytes, kept.length);
    if (open)
        put_record_header(bytes + RECORD_HEADER + kept.length, open);
    else
        memmove(bytes + RECORD_HEADER + kept.length, cursor.at, cursor_left(&cursor));
    return shorter;
}

/* -- Reading ----------------------------------------------------------------------------------- */

enum clienthello_result clienthello_parse_message(const uint8_t *bytes, size_t length,
                                                  struct clienthello *hello)
{
    return parse_message(bytes, length, false, hello);
}

enum clienthello_result clienthello_parse_cut_message(const uint8_t *bytes, size_t length,
                                                      struct clienthello *hello)
{
    return parse_message(bytes, length, true, hello);
}

enum clienthello_result clienthello_parse(const uint8_t *bytes, size_t length,
                                          struct clienthello *hello)
{
    return parse_records(bytes, length, false, hello);
}

enum clienthello_result clienthello_parse_cut(const uint8_t *bytes, size_t length,
                                              struct clienthello *hello)
{
    return parse_records(bytes, length, true, hello);
}
