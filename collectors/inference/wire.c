/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/wire.h"

#include "collectors/capture/cursor.h"
#include "collectors/capture/keyedhash.h"
#include "collectors/capture/openings.h"
#include "collectors/inference/segments.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
/* A close or reset counts only near what its end last said, or whoever guesses the ports could end
 * what we follow (RFC 5961, 3). */
#define MAX_CLOSE_DISTANCE (1 << 20)
/* Of connections that may have a segment that waits at once. */
#define CONNECTIONS_PER_WINDOW 8
/* For bodies that are compressed: a thousand at a time in gzip, or seven in zstd with the largest
 * window that there may be. */
#define INFLATER_MEMORY ((size_t)64 << 20)

struct end {
    struct segment_stream segments;
    uint64_t bytes;
    uint32_t first; /* sequence number of its first byte */
    uint32_t fin;   /* sequence number of the first byte that will not be sent */
    bool started;
    bool fin_seen;
    bool closed;
    bool reopening; /* a SYN of it is not believed yet (openings.h) */
};

struct connection {
    struct wire *wire;
    uint64_t key;
    uint32_t next; /* in its bucket, or of the free ones */
    uint32_t older;
    uint32_t newer;
    uint8_t client; /* which of both ends, in an order of our own; valid once known */
    bool client_known;
    bool spoke_http;    /* at least one request was read */
    bool served;        /* at least one request was */
    bool ignored;       /* refused, or no HTTP */
    bool has_new_rules; /* since its client spoke last */
    int64_t now_ns;
    struct end ends[2];
    struct address addresses[2];
    uint16_t ports[2];
    uint16_t server_port;
    struct exchanges exchanges; /* last */
};

struct wire {
    struct inference_rules rules; /* their pointers to what is read at any time lead to here: */
    struct apikey_secret secret;
    uint16_t ports[INFERENCE_MAX_PORTS];
    unsigned port_count;
    uint32_t max_connections;
    bool any_port;
    bool keep_addresses;
    struct hash_key key;
    struct assembly_pool *windows;
    struct inflater_pool *inflaters;
    struct openings *openings;
    struct connection *connections;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t free_list;
    uint32_t oldest;
    uint32_t newest;
    struct wire_counts counts;
    wire_handler *handler;
    void *context;
};

/* -- Memory -------------------------------------------------------------------------------------
 */

static uint32_t pool_size(uint32_t connections, uint32_t share)
{
    return connections / share > 4 ? connections / share : 4;
}

static bool take_memory(struct wire *wire)
{
    uint32_t count = wire->max_connections;
    uint32_t buckets = 1;

    while (buckets < 2 * count)
        buckets *= 2;
    wire->bucket_mask = buckets - 1;
    wire->windows = assembly_pool_new(pool_size(count, CONNECTIONS_PER_WINDOW));
    wire->inflaters = inflater_pool_new(INFLATER_MEMORY);
    wire->openings = openings_new();
    wire->connections = calloc(count, sizeof(*wire->connections));
    wire->buckets = malloc(buckets * sizeof(*wire->buckets));
    if (!wire->windows || !wire->inflaters || !wire->openings || !wire->connections ||
        !wire->buckets)
        return false;
    memset(wire->buckets, 0xff, buckets * sizeof(*wire->buckets)); /* NONE */
    for (uint32_t i = 0; i < count; i++)
        wire->connections[i].next = i + 1 < count ? i + 1 : NONE;
    wire->free_list = 0;
    wire->oldest = NONE;
    wire->newest = NONE;
    return true;
}

static void take_rules(struct wire *wire, const struct inference_rules *rules,
                       const uint16_t *ports, unsigned port_count)
{
    wire->rules = *rules;
    wire->port_count = port_count < INFERENCE_MAX_PORTS ? port_count : INFERENCE_MAX_PORTS;
    if (wire->port_count > 0)
        memcpy(wire->ports, ports, wire->port_count * sizeof(*ports));
    if (!rules->secret)
        return;
    wire->secret = *rules->secret;
    wire->rules.secret = &wire->secret;
}

struct wire *wire_new(const struct wire_setup *setup, wire_handler *handler, void *context)
{
    struct wire *wire = calloc(1, sizeof(*wire));

    if (!wire)
        return NULL;
    wire->max_connections = setup->max_connections;
    wire->keep_addresses = setup->keep_addresses;
    wire->any_port = setup->port_count == 0;
    take_rules(wire, setup->rules, setup->ports, setup->port_count);
    wire->handler = handler;
    wire->context = context;
    if (!take_memory(wire) || !keyedhash_draw(&wire->key)) {
        wire_free(wire);
        return NULL;
    }
    return wire;
}

void wire_free(struct wire *wire)
{
    if (!wire)
        return;
    assembly_pool_free(wire->windows);
    inflater_pool_free(wire->inflaters);
    openings_free(wire->openings);
    free(wire->connections);
    free(wire->buckets);
    explicit_bzero(&wire->secret, sizeof(wire->secret));
    free(wire);
}

const struct wire_counts *wire_counts(const struct wire *wire)
{
    return &wire->counts;
}

/* -- The order of silence ---------------------------------------------------------------------- */

static void unlink_age(struct wire *wire, const struct connection *connection)
{
    if (connection->older == NONE)
        wire->oldest = connection->newer;
    else
        wire->connections[connection->older].newer = connection->newer;
    if (connection->newer == NONE)
        wire->newest = connection->older;
    else
        wire->connections[connection->newer].older = connection->older;
}

static void link_newest(struct wire *wire, struct connection *connection)
{
    uint32_t index = (uint32_t)(connection - wire->connections);

    connection->older = wire->newest;
    connection->newer = NONE;
    if (wire->newest == NONE)
        wire->oldest = index;
    else
        wire->connections[wire->newest].newer = index;
    wire->newest = index;
}

/* What is not followed goes first when room is needed. */
static void link_oldest(struct wire *wire, struct connection *connection)
{
    uint32_t index = (uint32_t)(connection - wire->connections);

    connection->newer = wire->oldest;
    connection->older = NONE;
    if (wire->oldest == NONE)
        wire->newest = index;
    else
        wire->connections[wire->oldest].older = index;
    wire->oldest = index;
}

static bool is_port(const struct wire *wire, uint16_t port)
{
    for (unsigned i = 0; i < wire->port_count; i++)
        if (wire->ports[i] == port)
            return true;
    return false;
}

/* -- Connections ----------------------------------------------------------------------------------
 */

static void emit(void *context, const struct inference_exchange *exchange)
{
    struct connection *connection = context;
    struct wire *wire = connection->wire;
    unsigned client = connection->client;
    const struct wire_exchange found = {
        .exchange = *exchange,
        .first = inference_exchange_counts(exchange) && !connection->served,
        .bytes_up = connection->ends[client].bytes,
        .bytes_down = connection->ends[!client].bytes,
        .client = connection->addresses[client],
        .server = connection->addresses[!client],
        .client_port = connection->ports[client],
        .server_port = connection->server_port,
    };

    connection->spoke_http = true;
    connection->served |= inference_exchange_counts(exchange);
    connection->ends[0].bytes = 0;
    connection->ends[1].bytes = 0;
    if (exchange->endpoint != ENDPOINT_NONE) {
        bool served = inference_exchange_counts(exchange);

        wire->counts.exchanges += served;
        wire->counts.unknown_directions += served && exchange->unknown_direction;
        wire->counts.unread += served && exchange->unread;
        wire->counts.lost += exchange->outcome == OUTCOME_LOST;
    }
    wire->handler(wire->context, &found);
}

static void receive(struct connection *connection, unsigned side, const uint8_t *bytes,
                    uint32_t length)
{
    struct wire *wire = connection->wire;

    connection->ends[side].bytes += length; /* also what was lost: it was sent */
    if (!bytes)
        wire->counts.bytes_lost += length;
    exchanges_bytes(&connection->exchanges, connection->now_ns,
                    side == connection->client ? HTTP_CLIENT : HTTP_SERVER, bytes, length);
    if (connection->ignored || !httpstream_refused(&connection->exchanges.http))
        return;
    /* Where any port is looked at, most speak something else. */
    wire->counts.refused += connection->spoke_http || is_port(wire, connection->server_port);
    connection->ignored = true;
    unlink_age(wire, connection);
    link_oldest(wire, connection);
}

static void receive_first(void *context, const uint8_t *bytes, uint32_t length)
{
    receive(context, 0, bytes, length);
}

static void receive_second(void *context, const uint8_t *bytes, uint32_t length)
{
    receive(context, 1, bytes, length);
}

static segments_handler *receiver(unsigned side)
{
    return side ? receive_second : receive_first;
}

static void forget(struct wire *wire, struct connection *connection)
{
    uint32_t index = (uint32_t)(connection - wire->connections);
    uint32_t *place = &wire->buckets[connection->key & wire->bucket_mask];

    if (connection->client_known) {
        for (unsigned side = 0; side < 2; side++)
            if (connection->ends[side].started)
                segments_finish(&connection->ends[side].segments, wire->windows, receiver(side),
                                connection);
        exchanges_finish(&connection->exchanges);
    }
    while (*place != index)
        place = &wire->connections[*place].next;
    *place = connection->next;
    unlink_age(wire, connection);
    /* Exchanges wipe themselves, and those that were not begun are zero. */
    explicit_bzero(connection, offsetof(struct connection, exchanges));
    connection->next = wire->free_list;
    wire->free_list = index;
}

static struct connection *find(struct wire *wire, uint64_t key)
{
    uint32_t index = wire->buckets[key & wire->bucket_mask];

    while (index != NONE && wire->connections[index].key != key)
        index = wire->connections[index].next;
    return index == NONE ? NULL : &wire->connections[index];
}

static struct connection *begin(struct wire *wire, uint64_t key)
{
    struct connection *connection;
    uint32_t *bucket = &wire->buckets[key & wire->bucket_mask];

    if (wire->free_list == NONE) {
        const struct connection *oldest = &wire->connections[wire->oldest];

        wire->counts.evicted += oldest->client_known && !oldest->ignored;
        forget(wire, &wire->connections[wire->oldest]);
    }
    connection = &wire->connections[wire->free_list];
    wire->free_list = connection->next;
    connection->wire = wire; /* the rest is zero: those that are free were wiped */
    connection->key = key;
    connection->next = *bucket;
    *bucket = (uint32_t)(connection - wire->connections);
    link_newest(wire, connection);
    return connection;
}

/* -- Which end is which ------------------------------------------------------------------------ */

static unsigned side_of(const struct packet *packet)
{
    uint32_t source;
    uint32_t destination;
    int order;

    memcpy(&source, packet->source.bytes, sizeof(source));
    memcpy(&destination, packet->destination.bytes, sizeof(destination));
    if (source != destination)
        return source > destination;
    order = packet->source.family == 4
                ? 0
                : memcmp(packet->source.bytes, packet->destination.bytes, 16);
    return order != 0 ? order > 0 : packet->source_port > packet->destination_port;
}

/* 16 bytes of IPv4, 40 of IPv6: their hashes have nothing in common. */
static uint64_t key_of(const struct wire *wire, const struct packet *packet, unsigned side)
{
    const struct address *first = side ? &packet->destination : &packet->source;
    const struct address *second = side ? &packet->source : &packet->destination;
    uint8_t tuple[40];
    uint64_t addresses;
    uint64_t ports = (uint64_t)(side ? packet->destination_port : packet->source_port) << 16 |
                     (side ? packet->source_port : packet->destination_port);

    if (packet->source.family == 4) {
        memcpy(&addresses, first->bytes, 4);
        memcpy((uint8_t *)&addresses + 4, second->bytes, 4);
        return keyedhash_pair(&wire->key, addresses, ports);
    }
    memcpy(tuple, first->bytes, 16);
    memcpy(tuple + 16, second->bytes, 16);
    memcpy(tuple + 32, &ports, sizeof(ports));
    return keyedhash(&wire->key, tuple, sizeof(tuple));
}

bool wire_wants(const struct wire *wire, const struct packet *packet)
{
    bool opens = (packet->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

    return wire->any_port || is_port(wire, packet->destination_port) ||
           (!opens && is_port(wire, packet->source_port));
}

/* Of a connection whose opening was not seen. */
static bool tells_client(const struct wire *wire, const struct packet *packet, bool *from_client)
{
    static const char answer[] = "HTTP/1.";
    struct cursor cursor = cursor_over(packet->payload, packet->captured_length);
    const uint8_t *start = cursor_bytes(&cursor, sizeof(answer) - 1);

    if (is_port(wire, packet->source_port) != is_port(wire, packet->destination_port)) {
        *from_client = is_port(wire, packet->destination_port);
        return true;
    }
    if (!start)
        return false;
    *from_client = memcmp(start, answer, sizeof(answer) - 1) != 0;
    return !*from_client || (start[0] >= 'A' && start[0] <= 'Z');
}

/* The client as a user: nothing of its address but a hash is kept. */
static uint64_t hash_of_address(const struct wire *wire, const struct address *client)
{
    uint8_t bytes[1 + sizeof(client->bytes)] = {SOURCE_COUNT};

    memcpy(bytes + 1, client->bytes, sizeof(client->bytes));
    return keyedhash(&wire->key, bytes, sizeof(bytes));
}

static void learn_client(struct wire *wire, struct connection *connection,
                         const struct packet *packet, unsigned side, bool from_client)
{
    const struct address *client = from_client ? &packet->source : &packet->destination;

    connection->client = (uint8_t)(from_client ? side : !side);
    connection->client_known = true;
    connection->server_port = from_client ? packet->destination_port : packet->source_port;
    if (wire->keep_addresses) {
        connection->addresses[side] = packet->source;
        connection->addresses[!side] = packet->destination;
        connection->ports[side] = packet->source_port;
        connection->ports[!side] = packet->destination_port;
    }
    exchanges_start(&connection->exchanges, &wire->rules, wire->inflaters,
                    directions_match(wire->rules.directions, client, packet->vlan), emit,
                    connection);
    exchanges_identify(&connection->exchanges, connection->server_port, &wire->key,
                       hash_of_address(wire, client));
}

/* -- Packets ------------------------------------------------------------------------------------
 */

static void start_end(struct connection *connection, unsigned side, uint32_t sequence)
{
    connection->ends[side].started = true;
    connection->ends[side].first = sequence;
    segments_start(&connection->ends[side].segments, sequence);
}

static bool is_opening(const struct packet *packet)
{
    return (packet->tcp_flags & TCP_SYN) != 0;
}

/* Whether a SYN is the opening of this very connection, of either end: the first, late, or a copy.
 * A client's that its answer overtook is another's until it goes on. */
static bool opens(const struct connection *connection, const struct packet *packet, unsigned side)
{
    const struct end *end = &connection->ends[side];
    const struct end *other = &connection->ends[!side];

    if (end->started)
        return packet->sequence + 1 == end->first;
    return packet->tcp_flags & TCP_ACK &&
           packet->acknowledgement - other->first <= other->segments.expected - other->first;
}

static void take_opening(struct wire *wire, struct connection *connection,
                         const struct packet *packet, unsigned side)
{
    if (!connection->client_known)
        learn_client(wire, connection, packet, side, !(packet->tcp_flags & TCP_ACK));
    if (!connection->ends[side].started)
        start_end(connection, side, packet->sequence + 1);
}

/* The beginning was not seen: nothing is in step, unless what comes makes sense. */
static bool join(struct wire *wire, struct connection *connection, const struct packet *packet,
                 unsigned side)
{
    bool from_client;

    if (!connection->client_known) {
        if (!tells_client(wire, packet, &from_client))
            return false;
        learn_client(wire, connection, packet, side, from_client);
    }
    if (!connection->ends[0].started && !connection->ends[1].started)
        exchanges_bytes(&connection->exchanges, connection->now_ns, HTTP_SERVER, NULL, 1);
    if (!connection->ends[side].started)
        start_end(connection, side, packet->sequence);
    return true;
}

/* Returns false when the segment is not where its end is: it says nothing to anybody. */
static bool take_payload(struct wire *wire, struct connection *connection,
                         const struct packet *packet, unsigned side)
{
    struct end *end = &connection->ends[side];
    struct end *other = &connection->ends[!side];
    uint32_t sequence = packet->sequence + is_opening(packet); /* RFC 7413 */

    if (!join(wire, connection, packet, side))
        return true;
    if (!segments_believe(&end->segments, sequence, packet->payload_length))
        return false;
    /* Who answers has heard what came before. A forged segment that says so is not where its end
     * is, or it says nothing new. */
    if (other->started && packet->tcp_flags & TCP_ACK &&
        segments_are_new(&end->segments, sequence, packet->payload_length))
        segments_acknowledge(&other->segments, wire->windows,
                             other->fin_seen && packet->acknowledgement == other->fin + 1
                                 ? other->fin
                                 : packet->acknowledgement,
                             receiver(!side), connection);
    segments_add(&end->segments, wire->windows, sequence, packet->payload, packet->captured_length,
                 packet->payload_length, receiver(side), connection);
    return true;
}

static void close_end(struct connection *connection, unsigned side)
{
    connection->ends[side].closed = true;
    exchanges_close(&connection->exchanges, connection->now_ns,
                    side == connection->client ? HTTP_CLIENT : HTTP_SERVER);
}

static bool is_near(const struct end *end, const struct packet *packet)
{
    int32_t ahead = (int32_t)(packet->sequence - end->segments.expected);

    return !end->started || (ahead >= -MAX_CLOSE_DISTANCE && ahead <= MAX_CLOSE_DISTANCE);
}

/* What ends a connection, once all that was said before it was heard. */
static void take_closing(struct wire *wire, struct connection *connection,
                         const struct packet *packet, unsigned side)
{
    struct end *ends = connection->ends;

    if (packet->tcp_flags & TCP_FIN && !ends[side].fin_seen && ends[side].started &&
        is_near(&ends[side], packet)) {
        ends[side].fin_seen = true;
        ends[side].fin = packet->sequence + packet->payload_length + is_opening(packet);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (ends[0].fin_seen && ends[1].fin_seen && ends[i].started)
            segments_finish(&ends[i].segments, wire->windows, receiver(i), connection);
        if (ends[i].fin_seen && !ends[i].closed &&
            (int32_t)(ends[i].segments.expected - ends[i].fin) >= 0)
            close_end(connection, i);
    }
}

static bool is_over(const struct connection *connection)
{
    return connection->ends[0].fin_seen && connection->ends[1].fin_seen;
}

/* Of the client's address nothing was kept. */
static void find_direction_again(struct wire *wire, struct connection *connection,
                                 const struct packet *packet)
{
    connection->has_new_rules = false;
    exchanges_set_direction(
        &connection->exchanges,
        directions_match(wire->rules.directions, &packet->source, packet->vlan));
}

static void take_packet(struct wire *wire, struct connection *connection,
                        const struct packet *packet, unsigned side)
{
    const struct end *end = &connection->ends[side];
    bool resets;

    if (connection->has_new_rules && side == connection->client)
        find_direction_again(wire, connection, packet);
    if (is_opening(packet))
        take_opening(wire, connection, packet, side);
    if (packet->payload_length > 0 && !take_payload(wire, connection, packet, side))
        return;
    if (!connection->client_known) {
        unlink_age(wire, connection);
        link_oldest(wire, connection);
        return;
    }
    take_closing(wire, connection, packet, side);
    resets = packet->tcp_flags & TCP_RST && is_near(end, packet);
    if (resets && side == connection->client && !end->closed)
        close_end(connection, side);
    if (resets || is_over(connection))
        forget(wire, connection);
}

/* Whether the packet shows that an opening was meant: then that is taken now, in place of the
 * connection. */
static bool reopen(struct wire *wire, int64_t time_ns, struct connection **connection,
                   const struct packet *packet, unsigned side)
{
    uint64_t key = (*connection)->key;
    struct packet syn;
    struct opening *opening = openings_confirm(wire->openings, key, side, packet, &syn);

    if (!opening)
        return false;
    forget(wire, *connection);
    *connection = begin(wire, key);
    (*connection)->now_ns = time_ns;
    take_packet(wire, *connection, &syn, is_opening(packet) ? !side : side);
    openings_forget(opening);
    return true;
}

/* Returns false when the packet is a SYN that says nothing yet, or nothing at all. */
static bool take_claims(struct wire *wire, int64_t time_ns, struct connection **connection,
                        const struct packet *packet, unsigned side)
{
    struct end *end = &(*connection)->ends[side];

    if (!is_opening(packet)) {
        if (end->reopening)
            reopen(wire, time_ns, connection, packet, side);
        return true;
    }
    if (opens(*connection, packet, side))
        return true;
    if (packet->tcp_flags & TCP_ACK)
        return reopen(wire, time_ns, connection, packet, side);
    openings_claim(wire->openings, (*connection)->key, side, packet);
    end->reopening = true;
    return false;
}

void wire_packet(struct wire *wire, int64_t time_ns, const struct packet *packet)
{
    struct connection *connection;
    unsigned side;
    uint64_t key;

    /* What is only an acknowledgement says nothing that the next bytes do not say again, and every
     * second packet is one: who sends no more than that is silent. */
    if (packet->payload_length == 0 && !(packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)))
        return;
    side = side_of(packet);
    key = key_of(wire, packet, side);
    connection = find(wire, key);
    if (connection && !take_claims(wire, time_ns, &connection, packet, side))
        return;
    if (!connection) {
        if (packet->payload_length == 0 && !is_opening(packet))
            return; /* the last acknowledgements of something that is over */
        connection = begin(wire, key);
    }
    connection->now_ns = time_ns;
    if (!connection->ignored) {
        unlink_age(wire, connection);
        link_newest(wire, connection);
        take_packet(wire, connection, packet, side);
    } else if (packet->tcp_flags & (TCP_FIN | TCP_RST)) {
        forget(wire, connection);
    }
}

void wire_set_rules(struct wire *wire, const struct inference_rules *rules, const uint16_t *ports,
                    unsigned port_count)
{
    take_rules(wire, rules, ports, port_count);
    for (uint32_t i = wire->oldest; i != NONE; i = wire->connections[i].newer)
        if (wire->connections[i].client_known) {
            wire->connections[i].has_new_rules = true;
            exchanges_rules_changed(&wire->connections[i].exchanges);
        }
}

int64_t wire_open_since(const struct wire *wire, int64_t silent_ns)
{
    int64_t since_ns = INT64_MAX;

    for (uint32_t i = wire->oldest; i != NONE; i = wire->connections[i].newer) {
        const struct connection *connection = &wire->connections[i];
        int64_t own_ns;

        if (!connection->client_known || connection->now_ns < silent_ns)
            continue;
        own_ns = exchanges_open_since(&connection->exchanges);
        since_ns = own_ns < since_ns ? own_ns : since_ns;
    }
    return since_ns;
}

void wire_finish(struct wire *wire)
{
    while (wire->oldest != NONE)
        forget(wire, &wire->connections[wire->oldest]);
}
