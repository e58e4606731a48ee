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

/* What RULES and PORTS point to is copied, but for directions, keys, servers and models of the
 * rules, which must outlive it, or be replaced. */
struct wire_setup {
    const struct inference_rules *rules;
    const uint16_t *ports; /* of the servers; */
    unsigned port_count;   /* 0: any port, wherever HTTP is spoken */
    uint32_t max_connections;
    bool keep_addresses; /* for inspection: not to be had otherwise */
};

struct wire_exchange {
    struct inference_exchange exchange;
    bool first;        /* that was served on this connection */
    uint64_t bytes_up; /* of the connection, since its last exchange ended */
    uint64_t bytes_down;
    uint16_t server_port;
    struct address client; /* with keep_addresses; else of family 0 */
    struct address server;
    uint16_t client_port;
};

/* What was not followed, and what the configuration does not know. All add up. */
struct wire_counts {
    uint64_t exchanges;          /* inference that was served */
    uint64_t unknown_directions; /* of those: a header or key that the configuration lacks */
    uint64_t unread;             /* of those: compressed in a way that is not read */
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

/* Other rules from here on, with the same numbers for what both know; and other ports, of which
 * none now means none. What is under way goes on under the new ones, but for a name of a model that
 * is half read. */
void wire_set_rules(struct wire *wire, const struct inference_rules *rules, const uint16_t *ports,
                    unsigned port_count);

/* Whether a packet concerns a server: not one that opens a connection from such a port. */
bool wire_wants(const struct wire *wire, const struct packet *packet);
/* A TCP packet, in the order of the capture. */
void wire_packet(struct wire *wire, int64_t time_ns, const struct packet *packet);
/* The observation ends: so do all connections. */
void wire_finish(struct wire *wire);

const struct wire_counts *wire_counts(const struct wire *wire);

/* When the oldest request began that waits for its answer, on a connection that was not silent
 * since SILENT_NS; INT64_MAX when there is none. */
int64_t wire_open_since(const struct wire *wire, int64_t silent_ns);

#endif
