/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/decode.h"

#include "collectors/capture/cursor.h"

#include <pcap/dlt.h>
#include <string.h>

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_8021Q = 0x8100,
    ETHERTYPE_8021AD = 0x88a8,
    ETHERTYPE_QINQ = 0x9100 /* before IEEE 802.1ad, still sent by old switches */
};
enum { PROTOCOL_TCP = 6 };

/* IPv6 extension headers that can stand before TCP (RFC 8200, 4). */
enum {
    EXTENSION_HOP_BY_HOP = 0,
    EXTENSION_ROUTING = 43,
    EXTENSION_FRAGMENT = 44,
    EXTENSION_AUTHENTICATION = 51,
    EXTENSION_DESTINATION = 60
};
#define MAX_EXTENSIONS 16

/* What is left of the frame, and how much the snap length cut from its end. */
struct frame {
    struct cursor cursor;
    uint32_t cut;
};

static enum decode_result decode_tcp(struct frame *frame, uint32_t segment_length,
                                     struct packet *packet)
{
    struct cursor *cursor = &frame->cursor;
    uint32_t header_length;

    if (segment_length < 20)
        return DECODE_CORRUPT;
    packet->source_port = cursor_u16(cursor);
    packet->destination_port = cursor_u16(cursor);
    packet->sequence = cursor_u32(cursor);
    cursor_skip(cursor, 4);
    header_length = (uint32_t)(cursor_u8(cursor) >> 4) * 4;
    packet->tcp_flags = cursor_u8(cursor);
    if (cursor->failed)
        return DECODE_TRUNCATED;
    if (header_length < 20 || header_length > segment_length)
        return DECODE_CORRUPT;
    cursor_skip(cursor, header_length - 14);
    if (cursor->failed)
        return DECODE_TRUNCATED;
    packet->payload_length = segment_length - header_length;
    packet->payload = cursor->at;
    packet->captured_length = (uint32_t)cursor_left(cursor);
    /* Ethernet pads short frames: the IP length is the one to believe. */
    if (packet->captured_length > packet->payload_length)
        packet->captured_length = packet->payload_length;
    return DECODE_TCP;
}

/* The length of what follows a header, HEADER bytes of which FIELD counts too. Segmentation offload
 * leaves the field zero on frames of more than 64 kB: then the frame's own length counts. Returns
 * false when the field says more than the frame had. */
static bool length_after(const struct frame *frame, uint32_t field, uint32_t header,
                         uint32_t *length)
{
    uint32_t present = (uint32_t)cursor_left(&frame->cursor) + frame->cut;

    *length = field ? field - header : present;
    return *length <= present;
}

static void set_address(struct address *address, uint8_t family, const uint8_t *bytes)
{
    memset(address, 0, sizeof(*address));
    address->family = family;
    memcpy(address->bytes, bytes, family == 4 ? 4 : 16);
}

static enum decode_result decode_ipv4(struct frame *frame, struct packet *packet)
{
    struct cursor *cursor = &frame->cursor;
    uint8_t version_and_length = cursor_u8(cursor);
    uint32_t header_length = (uint32_t)(version_and_length & 15) * 4;
    uint32_t total_length;
    uint32_t length;
    uint16_t fragment;
    uint8_t protocol;
    const uint8_t *source;
    const uint8_t *destination;

    cursor_skip(cursor, 1);
    total_length = cursor_u16(cursor);
    cursor_skip(cursor, 2);
    fragment = cursor_u16(cursor);
    cursor_skip(cursor, 1);
    protocol = cursor_u8(cursor);
    cursor_skip(cursor, 2);
    source = cursor_bytes(cursor, 4);
    destination = cursor_bytes(cursor, 4);
    if (cursor->failed)
        return DECODE_TRUNCATED;
    if (version_and_length >> 4 != 4 || header_length < 20 ||
        (total_length != 0 && total_length < header_length))
        return DECODE_CORRUPT;
    cursor_skip(cursor, header_length - 20);
    if (cursor->failed)
        return DECODE_TRUNCATED;
    if (!length_after(frame, total_length, header_length, &length))
        return DECODE_CORRUPT;
    set_address(&packet->source, 4, source);
    set_address(&packet->destination, 4, destination);
    if (protocol != PROTOCOL_TCP)
        return DECODE_OTHER;
    if (fragment & 0x3fff) /* more fragments, or an offset (RFC 791, 3.1) */
        return DECODE_FRAGMENT;
    return decode_tcp(frame, length, packet);
}

/* Steps over one extension header. Returns its own length, 0 when it is none, and sets *next. */
static uint32_t skip_extension(struct cursor *cursor, uint8_t type, uint8_t *next)
{
    uint32_t length;

    if (type != EXTENSION_HOP_BY_HOP && type != EXTENSION_ROUTING &&
        type != EXTENSION_DESTINATION && type != EXTENSION_AUTHENTICATION)
        return 0;
    *next = cursor_u8(cursor);
    length = cursor_u8(cursor);
    /* In units of 8 bytes less one; the authentication header in units of 4 less two (RFC 4302). */
    length = type == EXTENSION_AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
    cursor_skip(cursor, length - 2);
    return length;
}

static enum decode_result decode_ipv6_payload(struct frame *frame, uint8_t next, uint32_t length,
                                              struct packet *packet)
{
    for (int i = 0; i < MAX_EXTENSIONS; i++) {
        uint32_t skipped;

        if (next == PROTOCOL_TCP)
            return decode_tcp(frame, length, packet);
        if (next == EXTENSION_FRAGMENT)
            return DECODE_FRAGMENT;
        skipped = skip_extension(&frame->cursor, next, &next);
        if (skipped == 0)
            return DECODE_OTHER;
        if (frame->cursor.failed)
            return DECODE_TRUNCATED;
        if (skipped > length)
            return DECODE_CORRUPT;
        length -= skipped;
    }
    return DECODE_CORRUPT;
}

static enum decode_result decode_ipv6(struct frame *frame, struct packet *packet)
{
    struct cursor *cursor = &frame->cursor;
    uint8_t version = cursor_u8(cursor) >> 4;
    uint32_t length;
    uint8_t next;
    const uint8_t *source;
    const uint8_t *destination;

    cursor_skip(cursor, 3);
    length = cursor_u16(cursor);
    next = cursor_u8(cursor);
    cursor_skip(cursor, 1);
    source = cursor_bytes(cursor, 16);
    destination = cursor_bytes(cursor, 16);
    if (cursor->failed)
        return DECODE_TRUNCATED;
    if (version != 6 || !length_after(frame, length, 0, &length))
        return DECODE_CORRUPT;
    set_address(&packet->source, 6, source);
    set_address(&packet->destination, 6, destination);
    return decode_ipv6_payload(frame, next, length, packet);
}

static enum decode_result decode_ethertype(struct frame *frame, uint16_t type,
                                           struct packet *packet)
{
    while (type == ETHERTYPE_8021Q || type == ETHERTYPE_8021AD || type == ETHERTYPE_QINQ) {
        uint16_t tag = cursor_u16(&frame->cursor);

        type = cursor_u16(&frame->cursor);
        if (frame->cursor.failed)
            return DECODE_TRUNCATED;
        /* Id 0 is a tag of priority only (IEEE 802.1Q, 9.6). */
        if (packet->vlan == VLAN_NONE && (tag & 0x0fff) != 0)
            packet->vlan = tag & 0x0fff;
    }
    if (type == ETHERTYPE_IPV4)
        return decode_ipv4(frame, packet);
    if (type == ETHERTYPE_IPV6)
        return decode_ipv6(frame, packet);
    return DECODE_OTHER;
}

static enum decode_result decode_ethernet(struct frame *frame, struct packet *packet)
{
    uint16_t type;

    cursor_skip(&frame->cursor, 12);
    type = cursor_u16(&frame->cursor);
    return frame->cursor.failed ? DECODE_TRUNCATED : decode_ethertype(frame, type, packet);
}

static enum decode_result decode_raw(struct frame *frame, struct packet *packet)
{
    if (cursor_left(&frame->cursor) == 0)
        return DECODE_TRUNCATED;
    switch (*frame->cursor.at >> 4) {
    case 4:
        return decode_ipv4(frame, packet);
    case 6:
        return decode_ipv6(frame, packet);
    default:
        return DECODE_CORRUPT;
    }
}

/* The address family that BSD loopback frames start with differs between systems: let the IP
 * version tell. */
static enum decode_result decode_loopback(struct frame *frame, struct packet *packet)
{
    cursor_skip(&frame->cursor, 4);
    return frame->cursor.failed ? DECODE_TRUNCATED : decode_raw(frame, packet);
}

/* What `any` interfaces give (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 of tcpdump.org). */
static enum decode_result decode_cooked(struct frame *frame, struct packet *packet)
{
    uint16_t type;

    cursor_skip(&frame->cursor, 14);
    type = cursor_u16(&frame->cursor);
    return frame->cursor.failed ? DECODE_TRUNCATED : decode_ethertype(frame, type, packet);
}

static enum decode_result decode_cooked2(struct frame *frame, struct packet *packet)
{
    uint16_t type = cursor_u16(&frame->cursor);

    cursor_skip(&frame->cursor, 18);
    return frame->cursor.failed ? DECODE_TRUNCATED : decode_ethertype(frame, type, packet);
}

static const struct link_decoder {
    int link_type;
    enum decode_result (*decode)(struct frame *frame, struct packet *packet);
} link_decoders[] = {
    {DLT_EN10MB, decode_ethernet},  {DLT_RAW, decode_raw},
    {DLT_IPV4, decode_raw},         {DLT_IPV6, decode_raw},
    {DLT_NULL, decode_loopback},    {DLT_LOOP, decode_loopback},
    {DLT_LINUX_SLL, decode_cooked}, {DLT_LINUX_SLL2, decode_cooked2},
};

static const struct link_decoder *find_decoder(int link_type)
{
    for (size_t i = 0; i < sizeof(link_decoders) / sizeof(link_decoders[0]); i++)
        if (link_decoders[i].link_type == link_type)
            return &link_decoders[i];
    return NULL;
}

bool decode_supports(int link_type)
{
    return find_decoder(link_type) != NULL;
}

enum decode_result decode_frame(int link_type, const uint8_t *bytes, uint32_t captured,
                                uint32_t length, struct packet *packet)
{
    const struct link_decoder *decoder = find_decoder(link_type);
    struct frame frame = {cursor_over(bytes, captured), length > captured ? length - captured : 0};

    if (!decoder)
        return DECODE_OTHER;
    packet->vlan = VLAN_NONE;
    return decoder->decode(&frame, packet);
}
