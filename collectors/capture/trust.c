/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/trust.h"

#include <string.h>

const struct trust_policy trust_by_default;

/* Whether the first LENGTH bits of the two are the same. */
static bool agree(const struct address *a, const struct address *b, unsigned length)
{
    unsigned whole = length / 8;
    unsigned rest = length % 8;

    if (a->family != b->family || memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

/* A host bit that is set is a slip: of the address, or of the length. */
static bool has_host_bits(const struct address *network, unsigned length)
{
    const unsigned bits = network->family == 6 ? 128 : 32;

    for (unsigned i = length; i < bits; i++)
        if (network->bytes[i / 8] & 0x80 >> i % 8)
            return true;
    return false;
}

const char *trust_add_tunnel(struct trust_policy *policy, const char *text)
{
    struct trust_prefix prefix;
    const char *problem = directions_parse_prefix(text, &prefix.network, &prefix.length);

    if (problem)
        return problem;
    if (has_host_bits(&prefix.network, prefix.length))
        return "host bits are set in prefix";
    if (policy->tunnel_count == TRUST_MAX_TUNNELS)
        return "more than 32 prefixes at";
    policy->tunnels[policy->tunnel_count++] = prefix;
    return NULL;
}

bool trust_is_same(const struct trust_policy *a, const struct trust_policy *b)
{
    if (a->tunnels_listed != b->tunnels_listed || a->answers != b->answers ||
        a->tunnel_count != b->tunnel_count || a->port_count != b->port_count)
        return false;
    for (unsigned i = 0; i < a->port_count; i++)
        if (a->ports[i].port != b->ports[i].port || a->ports[i].tunnel != b->ports[i].tunnel)
            return false;
    for (unsigned i = 0; i < a->tunnel_count; i++)
        if (a->tunnels[i].length != b->tunnels[i].length ||
            memcmp(&a->tunnels[i].network, &b->tunnels[i].network, sizeof(struct address)) != 0)
            return false;
    return true;
}

bool trust_tunnel(const struct trust_policy *policy, const struct address *a,
                  const struct address *b)
{
    for (unsigned i = 0; i < policy->tunnel_count; i++) {
        const struct trust_prefix *prefix = &policy->tunnels[i];

        if (agree(&prefix->network, a, prefix->length) ||
            agree(&prefix->network, b, prefix->length))
            return true;
    }
    return !policy->tunnels_listed;
}
