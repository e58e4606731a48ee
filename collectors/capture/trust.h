/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TRUST_H
#define IAGMETER_TRUST_H

#include "daemon/directions.h"

#include <stdbool.h>

/* Whose packets are believed where any host could have sent them: those of tunnels, which choose
 * the addresses of what they carry, and answers of the DNS. docs/architecture.md, "What can be
 * forged", weighs it. */

#define TRUST_MAX_TUNNELS 32
#define TRUST_MAX_PORTS   16

struct trust_prefix {
    struct address network;
    unsigned length;
};

/* Which answers of the DNS are believed: those whose question was seen, or all. */
enum trust_answers { TRUST_ASKED_ANSWERS, TRUST_ANY_ANSWERS };

/* A UDP port on which a tunnel is looked for, beside that which is its own. */
struct trust_port {
    uint16_t port;
    uint16_t tunnel; /* tunnels.c numbers them */
};

/* All zero: every tunnel is opened, on its own port alone, and answers are believed when their
 * question was seen. */
struct trust_policy {
    bool tunnels_listed; /* only tunnels from or to the prefixes below are opened */
    int answers;         /* enum trust_answers */
    unsigned tunnel_count;
    struct trust_prefix tunnels[TRUST_MAX_TUNNELS];
    unsigned port_count;
    struct trust_port ports[TRUST_MAX_PORTS];
};

/* What all zero says. */
extern const struct trust_policy trust_by_default;

/* TEXT is an address or a prefix, as in directions.conf. Returns NULL, or why it was refused (a
 * static string). */
const char *trust_add_tunnel(struct trust_policy *policy, const char *text);

/* Whether the two were written the same. */
bool trust_is_same(const struct trust_policy *a, const struct trust_policy *b);

/* Whether a tunnel between A and B is opened; at least one of them has to be listed. */
bool trust_tunnel(const struct trust_policy *policy, const struct address *a,
                  const struct address *b);

#endif
