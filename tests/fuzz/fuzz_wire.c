/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/cursor.h"
#include "collectors/inference/wire.h"

#include <stdlib.h>
#include <string.h>

/* The input is a series of packets between a few ends: a byte of ports and side, one of flags, two
 * of how far the sequence number is from what that end said last, one of how far the
 * acknowledgement is, one of what the snap length cut, two of length, then what was captured. With
 * a bit of the ports, the rules change first. */

#define PORTS 8

static uint32_t said[PORTS][2];
static unsigned exchanges;

static void keep(void *context, const struct wire_exchange *found)
{
    const struct inference_exchange *exchange = &found->exchange;

    (void)context;
    if ((exchange->service > 6 && exchange->service != SERVICE_NONE) || exchange->service == 0)
        abort();
    if (exchange->endpoint >= ENDPOINT_COUNT || exchange->outcome > OUTCOME_IDLE ||
        exchange->source >= SOURCE_COUNT || found->client.family != 0 || found->client_port != 0)
        abort();
    exchanges++;
}

static void read_packet(struct cursor *cursor, struct packet *packet)
{
    uint8_t which = cursor_u8(cursor);
    uint8_t flags = cursor_u8(cursor);
    int16_t place = (int16_t)cursor_u16(cursor);
    int8_t acknowledged = (int8_t)cursor_u8(cursor);
    uint8_t cut = cursor_u8(cursor);
    uint32_t length = cursor_u16(cursor) % 4096;
    unsigned port = which % PORTS;
    unsigned side = which >> 7;

    if (length > cursor_left(cursor))
        length = (uint32_t)cursor_left(cursor);
    memset(packet, 0, sizeof(*packet));
    packet->source = (struct address){4, {127, 0, 0, 1}};
    packet->destination = packet->source;
    packet->source_port = (uint16_t)(side ? 8080 : 1000 + port);
    packet->destination_port = (uint16_t)(side ? 1000 + port : 8080);
    packet->vlan = VLAN_NONE;
    packet->protocol = PROTOCOL_TCP;
    packet->tcp_flags = flags;
    packet->sequence = said[port][side] + (uint32_t)place;
    packet->acknowledgement = said[port][!side] + (uint32_t)acknowledged;
    packet->payload = cursor_bytes(cursor, length);
    packet->captured_length = length;
    packet->payload_length = length + cut;
    said[port][side] = packet->sequence + packet->payload_length + (flags & TCP_SYN ? 1 : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_over(data, size);
    static const struct inference_model models[] = {
        {"a", 8080, 1}, {"a/b", 8080, 2}, {"qwen3", 8080, 3}, {"qwen3-8b", 8080, 4}};
    static const struct inference_server servers[] = {{8080, 5, 6, false}};
    static const struct apikey_secret secret = {{1}};
    struct directions *directions = directions_new();
    struct inference_rules rules = {
        .directions = directions,
        .header = "x-direction",
        .order = {DIRECTION_BY_HEADER, DIRECTION_BY_ADDRESS},
        .order_count = 2,
        .client_header = "x-user",
        .users_order = {DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS},
        .users_count = 3,
        .servers = servers,
        .server_count = 1,
        .models = {models, 4},
    };
    static const uint16_t ports[] = {8080};
    const struct wire_setup setup = {
        .rules = &rules,
        .ports = ports,
        .port_count = size > 0 ? data[0] & 1 : 0,
        .max_connections = 4,
    };
    struct wire *wire = wire_new(&setup, keep, NULL);
    const struct wire_counts *counts;

    memset(said, 0xff, sizeof(said));
    exchanges = 0;
    while (cursor_left(&cursor) > 8) {
        struct packet packet;

        if (*cursor.at & 0x40) {
            rules.models.count = *cursor.at % 5;
            rules.secret = *cursor.at & 8 ? &secret : NULL;
            wire_set_rules(wire, &rules, ports, *cursor.at & 4 ? 1 : 0);
        }
        read_packet(&cursor, &packet);
        if (wire_wants(wire, &packet))
            wire_packet(wire, 1, &packet);
    }
    wire_finish(wire);
    counts = wire_counts(wire);
    if (counts->exchanges > exchanges || counts->lost > exchanges)
        abort();
    wire_free(wire);
    directions_free(directions);
    return 0;
}
