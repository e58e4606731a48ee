/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_WIRE_H
#define IAGMETER_WIRE_H

#include "collectors/capture/decode.h"
#include "collectors/inference/exchanges.h"

#include <stdbool.h>
#include <stdint.h>

/* Follows the connections to local inference servers: TCP packets in, exchanges out. All memory is
 * taken at the start; a connection is known by a keyed hash of its addresses and ports. When all
 * places are taken, the one that was silent for longest goes. */

#define INFERENCE_MAX_PORTS 16

struct wire_setup {
    const struct inference_rules *rules;
    const uint16_t *ports; /* of the servers; */
    unsigned port_count;   /* 0: any port, wherever HTTP is spoken */
    uint32_t max_connections;
    bool keep_addresses; /* for inspection: not to be had otherwise */
};

struct wire_exchange {
    struct inference_exchange exchange;
    uint64_t bytes_up; /* of the connection, since its last exchange ended */
    uint64_t bytes_down;
    struct address client; /* with keep_addresses; else of family 0 */
    struct address server;
    uint16_t client_port;
    uint16_t server_port;
};

/* What was not followed, and what the configuration does not know. All add up. */
struct wire_counts {
    uint64_t exchanges;          /* inference that was served */
    uint64_t unknown_directions; /* of those: a header or key that the configuration lacks */
    uint64_t lost;               /* exchanges whose end the capture does not tell */
    uint64_t refused;    /* connections that were not followed to their end: what two programs
                          * could read differently, or another protocol */
    uint64_t evicted;    /* connections that had to make room */
    uint64_t bytes_lost; /* sent, but not captured */
};

typedef void wire_handler(void *context, const struct wire_exchange *exchange);

struct wire;

/* NULL when memory or randomness is missing. */
struct wire *wire_new(const struct wire_setup *setup, wire_handler *handler, void *context);
void wire_free(struct wire *wire);

/* Whether a packet concerns a server. */
bool wire_wants(const struct wire *wire, const struct packet *packet);
/* A TCP packet, in the order of the capture. */
void wire_packet(struct wire *wire, int64_t time_ns, const struct packet *packet);
/* The observation ends: so do all connections. */
void wire_finish(struct wire *wire);

const struct wire_counts *wire_counts(const struct wire *wire);

#endif
