/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_FRAMES_H
#define IAGMETER_TESTS_FRAMES_H

#include "daemon/directions.h"

#include <pcap/dlt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/random.h"

/* Builds what the wire carries: frames, TLS records, ClientHellos. */

/* -- Bytes ------------------------------------------------------------------------------------- */

struct bytes {
    size_t length;
    uint8_t at[70000];
};

static inline void put_bytes(struct bytes *bytes, const void *from, size_t length)
{
    if (length > sizeof(bytes->at) - bytes->length)
        abort();
    if (length > 0)
        memcpy(bytes->at + bytes->length, from, length);
    bytes->length += length;
}

static inline void put_fill(struct bytes *bytes, uint8_t value, size_t count)
{
    if (count > sizeof(bytes->at) - bytes->length)
        abort();
    memset(bytes->at + bytes->length, value, count);
    bytes->length += count;
}

static inline void put_u8(struct bytes *bytes, unsigned value)
{
    put_fill(bytes, (uint8_t)value, 1);
}

static inline void put_u16(struct bytes *bytes, unsigned value)
{
    put_u8(bytes, value >> 8 & 0xff);
    put_u8(bytes, value & 0xff);
}

static inline void put_u32(struct bytes *bytes, uint32_t value)
{
    put_u16(bytes, value >> 16);
    put_u16(bytes, value & 0xffff);
}

static inline void set_u16(struct bytes *bytes, size_t place, size_t value)
{
    bytes->at[place] = (uint8_t)(value >> 8);
    bytes->at[place + 1] = (uint8_t)value;
}

/* A block of its own of exactly LENGTH bytes, so that the address sanitizer sees one read past it.
 */
static inline uint8_t *exact_copy(const void *from, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);

    if (!copy)
        abort();
    if (length > 0)
        memcpy(copy, from, length);
    return copy;
}

/* -- Frames ------------------------------------------------------------------------------------ */

static inline struct address address4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct address){4, {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}};
}

/* 2001:db8::LAST (RFC 3849). */
static inline struct address address6(unsigned last)
{
    return (struct address){6,
                            {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                             (uint8_t)(last >> 8), (uint8_t)last}};
}

struct tcp_frame {
    int link_type;       /* 0 is BSD loopback's: say DLT_EN10MB */
    uint16_t outer_vlan; /* 0: none */
    uint16_t vlan;
    struct address source;
    struct address destination;
    uint16_t source_port;
    uint16_t destination_port;
    uint32_t sequence;
    uint32_t acknowledgement;
    uint8_t flags;
    uint16_t fragment;    /* IPv4: flags and offset */
    unsigned ip_options;  /* IPv4: words of four bytes */
    unsigned tcp_options; /* words of four bytes */
    unsigned extensions;  /* IPv6: number of destination option headers of eight bytes */
    bool zero_length;     /* as segmentation offload leaves it */
    const uint8_t *payload;
    uint32_t payload_length;
};

static inline void put_link(struct bytes *bytes, const struct tcp_frame *frame)
{
    unsigned type = frame->source.family == 4 ? 0x0800 : 0x86dd;

    switch (frame->link_type) {
    case DLT_EN10MB:
        put_fill(bytes, 2, 12);
        break;
    case DLT_NULL:
    case DLT_LOOP:
        put_u32(bytes, frame->source.family == 4 ? 2 : 30);
        return;
    case DLT_LINUX_SLL:
        put_fill(bytes, 0, 14);
        break;
    case DLT_LINUX_SLL2:
        put_u16(bytes, type);
        put_fill(bytes, 0, 18);
        return;
    default:
        return;
    }
    if (frame->outer_vlan) {
        put_u16(bytes, 0x88a8);
        put_u16(bytes, frame->outer_vlan);
    }
    if (frame->vlan) {
        put_u16(bytes, 0x8100);
        put_u16(bytes, 0x6000U | frame->vlan); /* with a priority */
    }
    put_u16(bytes, type);
}

static inline void put_ip(struct bytes *bytes, const struct tcp_frame *frame)
{
    unsigned segment = 20 + 4 * frame->tcp_options + frame->payload_length;

    if (frame->source.family == 4) {
        unsigned header = 20 + 4 * frame->ip_options;

        put_u8(bytes, 0x40 | header / 4);
        put_u8(bytes, 0);
        put_u16(bytes, frame->zero_length ? 0 : header + segment);
        put_u16(bytes, 0);
        put_u16(bytes, frame->fragment);
        put_u8(bytes, 64);
        put_u8(bytes, 6);
        put_u16(bytes, 0);
        put_bytes(bytes, frame->source.bytes, 4);
        put_bytes(bytes, frame->destination.bytes, 4);
        put_fill(bytes, 1, 4 * (size_t)frame->ip_options);
        return;
    }
    put_u32(bytes, 0x60000000);
    put_u16(bytes, frame->zero_length ? 0 : 8 * frame->extensions + segment);
    put_u8(bytes, frame->extensions ? 60 : 6);
    put_u8(bytes, 64);
    put_bytes(bytes, frame->source.bytes, 16);
    put_bytes(bytes, frame->destination.bytes, 16);
    for (unsigned i = 0; i < frame->extensions; i++) {
        put_u8(bytes, i + 1 < frame->extensions ? 60 : 6);
        put_fill(bytes, 0, 7);
    }
}

/* Builds the frame into BYTES, which is emptied first. */
static inline void build_frame(struct bytes *bytes, const struct tcp_frame *frame)
{
    bytes->length = 0;
    put_link(bytes, frame);
    put_ip(bytes, frame);
    put_u16(bytes, frame->source_port);
    put_u16(bytes, frame->destination_port);
    put_u32(bytes, frame->sequence);
    put_u32(bytes, frame->acknowledgement);
    put_u8(bytes, (5 + frame->tcp_options) << 4);
    put_u8(bytes, frame->flags);
    put_u16(bytes, 65535);
    put_u32(bytes, 0);
    put_fill(bytes, 1, 4 * (size_t)frame->tcp_options);
    put_bytes(bytes, frame->payload, frame->payload_length);
}

/* -- TLS --------------------------------------------------------------------------------------- */

static inline void put_record_header(struct bytes *bytes, unsigned type, size_t size)
{
    put_u8(bytes, type);
    put_u16(bytes, 0x0303);
    put_u16(bytes, (unsigned)size);
}

/* A record of application data of SIZE bytes, header apart. */
static inline void put_record(struct bytes *bytes, size_t size)
{
    put_record_header(bytes, 23, size);
    put_fill(bytes, 0xa5, size);
}

struct hello_parts {
    const char *name; /* NULL: no server name */
    const char *alpn; /* NULL: none */
    bool ech;
    size_t padding;       /* bytes of an extension before the name, such as a key share */
    size_t record_size;   /* largest record; 0: one holds it all */
    bool name_comes_last; /* after the padding */
    size_t more_suites;   /* bytes of cipher suites, beside the usual ones */
};

static inline void put_name_extension(struct bytes *bytes, const char *name, size_t length)
{
    put_u16(bytes, 0);
    put_u16(bytes, (unsigned)length + 5);
    put_u16(bytes, (unsigned)length + 3);
    put_u8(bytes, 0);
    put_u16(bytes, (unsigned)length);
    put_bytes(bytes, name, length);
}

static inline void put_extensions(struct bytes *bytes, const struct hello_parts *parts)
{
    put_u16(bytes, 0x0a0a); /* GREASE, RFC 8701 */
    put_u16(bytes, 0);
    if (parts->name && !parts->name_comes_last)
        put_name_extension(bytes, parts->name, strlen(parts->name));
    if (parts->padding) {
        put_u16(bytes, 51);
        put_u16(bytes, (unsigned)parts->padding);
        put_fill(bytes, 0x5a, parts->padding);
    }
    if (parts->alpn) {
        put_u16(bytes, 16);
        put_u16(bytes, (unsigned)strlen(parts->alpn) + 3);
        put_u16(bytes, (unsigned)strlen(parts->alpn) + 1);
        put_u8(bytes, (unsigned)strlen(parts->alpn));
        put_bytes(bytes, parts->alpn, strlen(parts->alpn));
    }
    if (parts->ech) {
        put_u16(bytes, 0xfe0d);
        put_u16(bytes, 64);
        put_fill(bytes, 0x77, 64);
    }
    if (parts->name && parts->name_comes_last)
        put_name_extension(bytes, parts->name, strlen(parts->name));
}

/* Wraps a handshake body as a ClientHello in records of at most RECORD_SIZE bytes. */
static inline void put_client_hello(struct bytes *bytes, const uint8_t *body, size_t length,
                                    size_t record_size)
{
    static struct bytes message;
    size_t step = record_size ? record_size : length + 4;

    message.length = 0;
    put_u8(&message, 1);
    put_u8(&message, (unsigned)(length >> 16) & 0xff);
    put_u16(&message, (unsigned)length & 0xffff);
    put_bytes(&message, body, length);
    for (size_t at = 0; at < message.length; at += step) {
        size_t size = message.length - at < step ? message.length - at : step;

        put_record_header(bytes, 22, size);
        put_bytes(bytes, message.at + at, size);
    }
}

/* Version, random, session id, three cipher suites, no compression: what stands before the
 * extensions. No two hellos have the same random, and every run the same ones. */
static inline void put_hello_start(struct bytes *bytes)
{
    static uint64_t seed = 0x33;

    put_u16(bytes, 0x0303);
    for (int i = 0; i < 8; i++)
        put_u32(bytes, (uint32_t)random_next(&seed));
    put_u8(bytes, 32);
    put_fill(bytes, 0x44, 32);
    put_u16(bytes, 6);
    put_u16(bytes, 0x1301);
    put_u16(bytes, 0x1302);
    put_u16(bytes, 0x1a1a);
    put_u8(bytes, 1);
    put_u8(bytes, 0);
}

static inline void put_hello(struct bytes *bytes, const struct hello_parts *parts)
{
    static struct bytes body;
    size_t start;

    body.length = 0;
    put_hello_start(&body);
    body.length -= 2; /* compression methods */
    set_u16(&body, body.length - 6 - 2, 6 + parts->more_suites);
    put_fill(&body, 0x13, parts->more_suites);
    put_u16(&body, 0x0100);
    start = body.length;
    put_u16(&body, 0);
    put_extensions(&body, parts);
    set_u16(&body, start, body.length - start - 2);
    put_client_hello(bytes, body.at, body.length, parts->record_size);
}

/* -- TDS 7 ([MS-TDS]) -------------------------------------------------------------------------- */

/* PRELOGIN packets (2.2.3.1) of at most PACKET_SIZE bytes, which carry the bytes FROM. */
static inline void put_tds(struct bytes *bytes, const void *from, size_t length, size_t packet_size)
{
    for (size_t at = 0, number = 1; at < length; number++) {
        size_t size = length - at < packet_size - 8 ? length - at : packet_size - 8;

        put_u8(bytes, 0x12);
        put_u8(bytes, at + size == length);
        put_u16(bytes, (unsigned)size + 8);
        put_u16(bytes, 0); /* process */
        put_u8(bytes, number & 0xff);
        put_u8(bytes, 0); /* window */
        put_bytes(bytes, (const uint8_t *)from + at, size);
        at += size;
    }
}

/* The client's options (2.2.6.5): version, encryption, instance, thread, MARS. */
static inline void put_tds_options(struct bytes *bytes)
{
    static const uint8_t options[] = {0,  0, 26, 0, 6,  1, 0, 32, 0, 1,  2, 0, 33,
                                      0,  1, 3,  0, 34, 0, 4, 4,  0, 38, 0, 1, 0xff,
                                      17, 0, 0,  0, 0,  0, 1, 0,  0, 0,  9, 9, 0};

    put_tds(bytes, options, sizeof(options), 4096);
}

#endif
