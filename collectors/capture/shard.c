/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/shard.h"

#include "collectors/capture/cursor.h"
#include "collectors/capture/tunnels.h"

#include <pcap/dlt.h>
#include <string.h>

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_8021Q = 0x8100, ETHERTYPE_IPV6 = 0x86dd };

static inline uint64_t mix(uint64_t value)
{
    value *= 0x9e3779b97f4a7c15ULL; /* Knuth, TAOCP 3, 6.4 */
    return value ^ value >> 32;
}

static inline uint64_t hash4(const uint8_t *address)
{
    uint32_t word;

    memcpy(&word, address, sizeof(word));
    return mix(word);
}

static inline uint64_t hash6(const uint8_t *address)
{
    uint64_t words[2];

    memcpy(words, address, sizeof(words));
    return mix(mix(words[0]) ^ words[1]);
}

static inline unsigned shard_of(uint64_t hash, unsigned count)
{
    return (unsigned)((mix(hash) >> 32) * count >> 32);
}

static inline unsigned shard4(const uint8_t *source, const uint8_t *destination,
                              unsigned source_port, unsigned destination_port, unsigned count)
{
    if (source_port == destination_port)
        return shard_of(hash4(source) + hash4(destination), count);
    return shard_of(hash4(source_port > destination_port ? source : destination), count);
}

static inline unsigned shard6(const uint8_t *source, const uint8_t *destination,
                              unsigned source_port, unsigned destination_port, unsigned count)
{
    if (source_port == destination_port)
        return shard_of(hash6(source) + hash6(destination), count);
    return shard_of(hash6(source_port > destination_port ? source : destination), count);
}

unsigned shard_of_packet(const struct packet *packet, unsigned count)
{
    return (packet->source.family == 4 ? shard4 : shard6)(
        packet->source.bytes, packet->destination.bytes, packet->source_port,
        packet->destination_port, count);
}

/* Whether what stands behind an IP header is TCP or UDP, and no tunnel: at PORTS are the first four
 * bytes. */
static inline bool has_ports(const struct trust_policy *policy, uint8_t protocol,
                             const uint8_t *ports)
{
    return protocol == PROTOCOL_TCP ||
           (protocol == PROTOCOL_UDP &&
            !tunnels_may_be_on(policy, cursor_load_u16(ports), cursor_load_u16(ports + 2)));
}

static unsigned shard_of_decoded(const struct trust_policy *policy,
                                 const struct captured_frame *frame, unsigned count)
{
    struct packet packet;

    switch (decode_trusted(policy, frame->link_type, frame->bytes, frame->captured, frame->length,
                           &packet)) {
    case DECODE_TCP:
    case DECODE_UDP:
        return shard_of_packet(&packet, count);
    case DECODE_FRAGMENT:
    case DECODE_AGGREGATE:
        return SHARD_UNKNOWN;
    default:
        return 0;
    }
}

/* The usual ways down: Ethernet, one tag or none, IP without options or extensions, TCP or UDP. */
unsigned shard_of_frame(const struct trust_policy *policy, const struct captured_frame *frame,
                        unsigned count)
{
    struct cursor cursor = cursor_over(frame->bytes, frame->captured);
    const uint8_t *header = cursor_bytes(&cursor, 14);
    uint16_t type;

    if (!header || frame->link_type != DLT_EN10MB)
        return shard_of_decoded(policy, frame, count);
    type = cursor_load_u16(header + 12);
    if (type == ETHERTYPE_8021Q && (header = cursor_bytes(&cursor, 4)))
        type = cursor_load_u16(header + 2);
    if (type == ETHERTYPE_IPV4) {
        header = cursor_bytes(&cursor, 20 + 8);
        if (header && header[0] == 0x45 && !(cursor_load_u16(header + 6) & 0x3fff) &&
            has_ports(policy, header[9], header + 20))
            return shard4(header + 12, header + 16, cursor_load_u16(header + 20),
                          cursor_load_u16(header + 22), count);
    } else if (type == ETHERTYPE_IPV6) {
        header = cursor_bytes(&cursor, 40 + 8);
        if (header && header[0] >> 4 == 6 && has_ports(policy, header[6], header + 40))
            return shard6(header + 8, header + 24, cursor_load_u16(header + 40),
                          cursor_load_u16(header + 42), count);
    }
    return shard_of_decoded(policy, frame, count);
}
