/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/flowkey.h"

#include <string.h>

static uint64_t word_of(const uint8_t *bytes, size_t size)
{
    uint64_t word = 0;

    memcpy(&word, bytes, size);
    return word;
}

static bool is_second(const struct packet *packet)
{
    uint64_t source = word_of(packet->source.bytes, 4) << 16 | packet->source_port;
    uint64_t destination = word_of(packet->destination.bytes, 4) << 16 | packet->destination_port;
    int order = 0;

    if (packet->source.family != 4)
        order = memcmp(packet->source.bytes, packet->destination.bytes, 16);
    return order != 0 ? order > 0 : source > destination;
}

uint64_t flowkey_of(const struct hash_key *key, const struct packet *packet, uint8_t *side)
{
    bool second_sent = is_second(packet);
    const struct address *first = second_sent ? &packet->destination : &packet->source;
    const struct address *second = second_sent ? &packet->source : &packet->destination;
    uint64_t ports = second_sent ? (uint64_t)packet->destination_port << 16 | packet->source_port
                                 : (uint64_t)packet->source_port << 16 | packet->destination_port;
    uint64_t tuple[5] = {ports | (uint64_t)packet->protocol << 32};

    *side = second_sent;
    if (packet->source.family == 4)
        return keyedhash_pair(key, tuple[0],
                              word_of(first->bytes, 4) | word_of(second->bytes, 4) << 32);
    memcpy(&tuple[1], first->bytes, 16);
    memcpy(&tuple[3], second->bytes, 16);
    return keyedhash(key, tuple, sizeof(tuple));
}
