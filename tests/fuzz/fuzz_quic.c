/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/assembly.h"
#include "collectors/capture/cursor.h"
#include "collectors/capture/gquic.h"
#include "collectors/capture/quic.h"
#include "tests/capture/quicpackets.h"

#include <stdlib.h>
#include <string.h>

/* The first byte says what the rest is: datagrams of one connection as they come, each after three
 * bytes (length, how much was cut); or what is behind the protection, which fuzzing does not get
 * through: frames, of the standard or Google's, or the hello itself; or frames that are protected
 * first, each packet after two bytes of length. */

static void take(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    if (!bytes && (offset != 0 || length != 0))
        abort();
    if (bytes && (length == 0 || offset + length > CLIENTHELLO_LONGEST))
        abort();
    if (bytes)
        assembly_add(context, offset, bytes, (uint32_t)length);
    else
        assembly_start(context, 0);
}

static void parse(const uint8_t *bytes, size_t length)
{
    struct clienthello hello;

    quic_parse_hello(bytes, length, &hello);
    if (strlen(hello.name) != hello.name_length || strlen(hello.alpn) >= sizeof(hello.alpn))
        abort();
}

static void feed(struct quiccrypto *crypto, struct quic_connection *connection,
                 struct assembly *assembly, const uint8_t *bytes, size_t captured, size_t length)
{
    struct quic_connection before = *connection;
    uint8_t *copy = exact_copy(bytes, captured);

    quic_starts(copy, captured, length);
    if (quic_read_client(crypto, connection, copy, captured, length, take, assembly) == QUIC_NONE &&
        memcmp(&before, connection, sizeof(before)) != 0)
        abort();
    free(copy);
    parse(assembly->bytes, assembly_prefix(assembly));
}

static void feed_datagrams(struct quiccrypto *crypto, struct cursor *cursor,
                           struct assembly *assembly)
{
    struct quic_connection connection = {0};

    while (!cursor->failed && cursor_left(cursor) > 3) {
        size_t captured = cursor_u16(cursor);
        size_t cut = cursor_u8(cursor);
        const uint8_t *bytes;

        if (captured > cursor_left(cursor))
            captured = cursor_left(cursor);
        bytes = cursor_bytes(cursor, captured);
        feed(crypto, &connection, assembly, bytes, captured, captured + cut);
    }
}

static void feed_protected(struct quiccrypto *crypto, struct cursor *cursor,
                           struct assembly *assembly)
{
    static struct bytes plain;
    static struct bytes wire;
    struct quic_connection connection = {0};
    bool google = cursor_u8(cursor) & 1;
    struct packet_parts parts = {.version = google ? 0x51303530 : 1,
                                 .salt = google ? PACKET_SALT_Q050 : PACKET_SALT_V1,
                                 .id = (const uint8_t *)"8 bytes.",
                                 .id_length = 8};

    for (int packets = 0; packets < 4 && cursor_left(cursor) > 2; packets++) {
        size_t length = cursor_u16(cursor) % 2000;

        if (length > cursor_left(cursor))
            length = cursor_left(cursor);
        plain.length = wire.length = 0;
        put_bytes(&plain, cursor_bytes(cursor, length), length);
        put_fill(&plain, 0, 4);
        put_packet(&wire, &parts, &plain);
        feed(crypto, &connection, assembly, wire.at, wire.length, wire.length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct quiccrypto *crypto;
    static struct assembly assembly;
    struct cursor cursor = cursor_over(data, size);
    uint8_t what = cursor_u8(&cursor);
    bool cut = what & 8;

    if (!crypto)
        crypto = quiccrypto_new();
    if (!crypto)
        abort();
    assembly_start(&assembly, 0);
    switch (what % 5) {
    case 0:
        feed_datagrams(crypto, &cursor, &assembly);
        break;
    case 1:
        quicframes_read(cursor.at, cursor_left(&cursor), cut, take, &assembly);
        break;
    case 2:
        gquic_read_frames(cursor.at, cursor_left(&cursor), cut, take, &assembly);
        break;
    case 3:
        parse(cursor.at, cursor_left(&cursor));
        break;
    default:
        feed_protected(crypto, &cursor, &assembly);
        break;
    }
    parse(assembly.bytes, assembly_prefix(&assembly));
    return 0;
}
