/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LOCALMETER_H
#define IAGMETER_LOCALMETER_H

#include "collectors/capture/interval.h"
#include "collectors/inference/wire.h"

/* From what is asked of servers of our own, in clear, to sums: activity of the interval in which an
 * exchange ended, its use spread over the intervals in which it ran, the users, and what was not
 * seen. */

struct localmeter;

/* Rules and ports are copied; what rules point to, and the catalogue, outlive the meter, or are
 * replaced. */
struct localmeter_setup {
    const struct inference_rules *rules;
    const struct catalogue *catalogue;
    const uint16_t *ports; /* to look at, those of the rules' servers among them; */
    unsigned port_count;   /* 0: any */
    uint32_t max_connections;
};

/* NULL when memory or randomness is missing. SINK is copied. */
struct localmeter *localmeter_new(const struct localmeter_setup *setup, struct interval *interval,
                                  const struct metering_sink *sink);
void localmeter_free(struct localmeter *meter);

/* As wire_set_rules(); max_connections stays. */
void localmeter_set_rules(struct localmeter *meter, const struct localmeter_setup *setup);

bool localmeter_wants(const struct localmeter *meter, const struct packet *packet);
/* Whether the server on PORT is metered: what is said to it is of no other interest. */
bool localmeter_serves(const struct localmeter *meter, uint16_t port);
/* A TCP packet, once the interval's time has reached it. */
void localmeter_packet(struct localmeter *meter, const struct packet *packet);

/* Just before the interval is handed over. */
void localmeter_hand_over(struct localmeter *meter);
/* The observation ends: so do all exchanges. Then comes the last localmeter_hand_over(). */
void localmeter_finish(struct localmeter *meter);

#endif
