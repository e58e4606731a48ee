/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/recognition.h"

#include "collectors/capture/copies.h"
#include "collectors/capture/dns.h"
#include "collectors/capture/hints.h"
#include "collectors/capture/keyedhash.h"
#include "collectors/capture/naming.h"
#include "collectors/capture/pending.h"
#include "collectors/capture/records.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND_NS 1000000000LL
/* A ClientHello may follow some plain text: STARTTLS, a refused CONNECT. */
#define MAX_PROBES 16
/* Of QUIC, datagrams. Of a hello that goes on for longer, as many more as it may come in: half full
 * ones, since those of a client that says its hello are full (RFC 9000, 14.1). */
#define BYTES_PER_PROBE 550
_Static_assert(MAX_PROBES + CLIENTHELLO_LONGEST / BYTES_PER_PROBE <= UINT8_MAX,
               "a byte counts them");
/* After a CONNECT one does, be it behind what is left of a head: Kerberos tickets in them are up to
 * 64 kB long (MaxTokenSize, in base64). */
#define MAX_PROXIED_PROBES 64
/* A server that sent so much has read the client's first bytes, be they captured or not: they are
 * fewer than this, and servers that speak first (SMTP, IMAP) say less. */
#define ANSWERED_BYTES 4096
/* A ClientHello seen again on another connection within this time is the same one, before and after
 * a proxy or an address translation: its random is 32 bytes that no two share. */
#define HELLO_COPY_NS     (10 * SECOND_NS)
#define HELLO_COPY_PLACES 4096
/* A client waits for an answer at most so long: resolv.conf(5) says 5 s, Windows up to 10. */
#define QUESTION_NS (10 * SECOND_NS)
/* Questions, of 16 bytes, for each hint: most are answered within 0.1 s, so far fewer wait at a
 * time than were answered within the life of a hint. */
#define HINTS_PER_QUESTION 4

enum { PORT_HTTPS = 443, PORT_DNS_OVER_TLS = 853 };

struct recognition {
    struct recognition_parts parts;
    const struct catalogue *catalogue;
    const struct directions *directions;
    struct naming *naming;   /* of TCP */
    struct naming *initials; /* of QUIC: a flood of one must not starve the other */
    struct quiccrypto *crypto;
    struct recognition_memory *memory;
    bool owns_memory;
    bool believes_unasked;
};

struct recognition_memory {
    struct hint_table *hints;
    struct copies *hellos;
    struct pending *questions; /* of DNS over UDP that may still be answered */
    struct hash_key question_key;
};

struct recognition_memory *recognition_memory_new(const struct limits *limits)
{
    struct recognition_memory *memory = calloc(1, sizeof(*memory));

    if (!memory)
        return NULL;
    memory->hints = hints_new(limits->max_hints);
    memory->hellos = copies_new(HELLO_COPY_PLACES, HELLO_COPY_NS);
    memory->questions = pending_new(limits->max_hints / HINTS_PER_QUESTION, QUESTION_NS);
    if (!memory->hints || !memory->hellos || !memory->questions ||
        !keyedhash_draw(&memory->question_key)) {
        recognition_memory_free(memory);
        return NULL;
    }
    return memory;
}

void recognition_memory_free(struct recognition_memory *memory)
{
    if (!memory)
        return;
    hints_free(memory->hints);
    copies_free(memory->hellos);
    pending_free(memory->questions);
    explicit_bzero(memory, sizeof(*memory));
    free(memory);
}

struct recognition *recognition_new(const struct limits *limits,
                                    const struct recognition_parts *parts,
                                    struct recognition_memory *memory)
{
    struct recognition *recognition = calloc(1, sizeof(*recognition));

    if (!recognition)
        return NULL;
    recognition->parts = *parts;
    recognition->naming = naming_new((limits->max_reassembly + 3) / 4);
    recognition->initials = naming_new((limits->max_reassembly + 3) / 4);
    recognition->crypto = quiccrypto_new();
    recognition->memory = memory ? memory : recognition_memory_new(limits);
    recognition->owns_memory = !memory;
    if (!recognition->naming || !recognition->initials || !recognition->crypto ||
        !recognition->memory) {
        recognition_free(recognition);
        return NULL;
    }
    return recognition;
}

void recognition_free(struct recognition *recognition)
{
    if (!recognition)
        return;
    naming_free(recognition->naming);
    naming_free(recognition->initials);
    quiccrypto_free(recognition->crypto);
    if (recognition->owns_memory)
        recognition_memory_free(recognition->memory);
    free(recognition);
}

void recognition_believe_unasked(struct recognition *recognition, bool believe)
{
    recognition->believes_unasked = believe;
}

void recognition_set_rules(struct recognition *recognition, const struct catalogue *catalogue,
                           const struct directions *directions)
{
    recognition->catalogue = catalogue;
    recognition->directions = directions;
}

static struct coverage *coverage_of(const struct recognition *recognition)
{
    return interval_coverage(recognition->parts.interval);
}

/* -- The two ends of a packet ------------------------------------------------------------------ */

static bool from_client(const struct segment *segment)
{
    return segment->side == flow_client_side(segment->flow);
}

static const struct address *client_of(const struct segment *segment)
{
    return from_client(segment) ? &segment->packet->source : &segment->packet->destination;
}

/* NULL when the packets are a proxy's, which said whose they are only once. */
static const struct address *device_of(const struct segment *segment)
{
    return segment->flow->flags & FLOW_FOR_OTHERS ? NULL : client_of(segment);
}

static const struct address *server_of(const struct segment *segment)
{
    return from_client(segment) ? &segment->packet->destination : &segment->packet->source;
}

static uint16_t client_port_of(const struct segment *segment)
{
    return from_client(segment) ? segment->packet->source_port : segment->packet->destination_port;
}

static uint16_t server_port_of(const struct segment *segment)
{
    return from_client(segment) ? segment->packet->destination_port : segment->packet->source_port;
}

/* -- Judging ----------------------------------------------------------------------------------- */

static void note(const struct recognition *recognition, const struct segment *segment,
                 const char *transport, const char *name, const char *ech)
{
    const struct flow_record record = {
        .transport = transport,
        .name = name,
        .ech = ech,
        .client = *client_of(segment),
        .server = *server_of(segment),
        .client_port = client_port_of(segment),
        .server_port = server_port_of(segment),
    };

    if (recognition->parts.notes)
        notes_put(recognition->parts.notes,
                  flowtable_index(recognition->parts.flows, segment->flow), &record);
}

static void ignore(struct flow *flow)
{
    if (flow_glimpses(flow))
        flow->glimpses = 0;
    flow->stage = FLOW_IGNORED;
    flow->state = FLOW_NO_STATE;
}

/* What the flow is: CLIENT is who asks, NULL when nobody knows. BYTES are those of the client that
 * said so, should the flow have carried something else before. */
static void settle(struct recognition *recognition, const struct segment *segment,
                   struct catalogue_match match, const struct address *client, uint32_t bytes)
{
    struct flow *flow = segment->flow;

    flow->service = match.service;
    flow->role = match.role;
    if (!(flow->flags & FLOW_FOR_OTHERS))
        flow->direction =
            directions_match(recognition->directions, client_of(segment), segment->packet->vlan);
    ignore(flow);
    if (match.service == SERVICE_NONE)
        return;
    if (flow->flags & FLOW_USED)
        usage_begin_anew(recognition->parts.usage, flow, client, segment->now_ns, bytes);
    else
        usage_begin(recognition->parts.usage, flow, client, segment->now_ns);
}

static const struct catalogue_match no_match = {SERVICE_NONE, ROLE_INFERENCE};

static struct catalogue_match hint_for(const struct recognition *recognition,
                                       const struct address *client, const struct address *server,
                                       int64_t now_ns)
{
    struct catalogue_match match = no_match;

    if (hints_find(recognition->memory->hints, client, server, (uint32_t)(now_ns / SECOND_NS),
                   &match.service, &match.role) != HINT_FOUND)
        return no_match;
    return match;
}

/* The flow has no readable name: what the client lately asked the DNS for may tell. Returns false
 * when it does not. */
static bool take_hint(struct recognition *recognition, const struct segment *segment,
                      struct catalogue_match *match)
{
    if (segment->flow->flags & FLOW_FOR_OTHERS)
        return false;
    *match = hint_for(recognition, client_of(segment), server_of(segment), segment->now_ns);
    if (match->service == SERVICE_NONE)
        return false;
    segment->flow->flags |= FLOW_HINTED;
    segment->flow->probes = 0;
    coverage_of(recognition)->names_hinted++;
    return true;
}

/* Most browsers send an ECH extension with random contents (GREASE, draft-ietf-tls-esni, 6.2): only
 * an outer name that is known to front for others says that the real one is hidden. */
static bool name_is_hidden(const struct recognition *recognition, const struct clienthello *hello)
{
    return hello->has_ech &&
           catalogue_is_ech_name(recognition->catalogue, hello->name, hello->name_length);
}

static const char *transport_of(const struct flow *flow)
{
    if (flow->flags & FLOW_DATAGRAMS)
        return "quic";
    return flow->flags & FLOW_PROXIED ? "connect" : "tls";
}

/* The same ClientHello on another connection: seen before and after a proxy, or a translation of
 * addresses. The hash has no secret key, so that the same packets always give the same: who could
 * make two of them collide would hide a connection of their own. */
static bool is_copy(struct recognition *recognition, const struct flow *flow,
                    const struct clienthello *hello, int64_t now_ns)
{
    static const uint8_t none[sizeof(hello->random)];
    static const struct hash_key no_key;
    struct {
        uint8_t random[sizeof(hello->random)];
        char name[sizeof(hello->name)];
    } shown;

    if (memcmp(hello->random, none, sizeof(none)) == 0)
        return false;
    memcpy(shown.random, hello->random, sizeof(shown.random));
    memcpy(shown.name, hello->name, sizeof(shown.name));
    /* Of a client that had to begin anew, and was not seen to be told so, it is the same one. */
    return copies_seen(recognition->memory->hellos, keyedhash(&no_key, &shown, sizeof(shown)),
                       now_ns) &&
           !flow->is_reopened;
}

static const char *ech_of(const struct clienthello *hello, bool hidden)
{
    if (hidden)
        return "yes";
    return hello->has_ech ? "grease" : "no";
}

/* By the port, the name, or else the address: that is no server name (RFC 6066, 3), so whoever is
 * told to ask https://1.1.1.1/dns-query shows none. NAME is of LENGTH 0 when none can be read. */
static bool asks_resolver(const struct recognition *recognition, const struct segment *segment,
                          const char *name, size_t length)
{
    if (server_port_of(segment) == PORT_DNS_OVER_TLS)
        return true;
    if (length > 0)
        return catalogue_is_resolver(recognition->catalogue, name, length);
    return server_port_of(segment) == PORT_HTTPS &&
           catalogue_is_resolver_address(recognition->catalogue, server_of(segment));
}

static struct catalogue_match match_name(const struct recognition *recognition,
                                         const struct segment *segment,
                                         const struct clienthello *hello)
{
    struct coverage *coverage = coverage_of(recognition);

    coverage->names_seen++;
    coverage->names_quic += segment->flow->flags & FLOW_DATAGRAMS ? 1 : 0;
    return catalogue_match(recognition->catalogue, hello->name, hello->name_length);
}

/* What a proxy was told of a tunnel of which the ClientHello tells no name. */
static struct catalogue_match match_proxied(const struct recognition *recognition,
                                            const struct flow *flow)
{
    coverage_of(recognition)->names_seen++;
    return (struct catalogue_match){flow->service, flow->role};
}

/* A name that cannot be read: a proxy was told it, or the DNS, or it stays unknown. */
static struct catalogue_match match_hidden(struct recognition *recognition,
                                           const struct segment *segment, bool hidden)
{
    struct coverage *coverage = coverage_of(recognition);
    struct catalogue_match match = no_match;

    if (segment->flow->flags & FLOW_PROXIED)
        return match_proxied(recognition, segment->flow);
    if (take_hint(recognition, segment, &match))
        return match;
    if (hidden)
        coverage->names_encrypted++;
    else
        coverage->names_missing++;
    return no_match;
}

/* What was found out of the requests before is not true of the next. */
static void begin_other(struct flow *flow)
{
    flow->flags |= FLOW_USED;
    flow->flags &= (uint16_t)~FLOW_PROVEN;
    flow->device_day = 0;
    flow->probes = 0;
}

/* What follows are no requests in clear any more. */
static void leave_clear(struct flow *flow)
{
    if (flow->flags & FLOW_PLAIN)
        begin_other(flow);
    flow->flags &= (uint16_t)~FLOW_PLAIN;
}

/* The ClientHello is complete: what is this flow? */
static void judge(struct recognition *recognition, const struct segment *segment,
                  const struct clienthello *hello, const struct address *client)
{
    struct flow *flow = segment->flow;
    bool hidden = name_is_hidden(recognition, hello);
    bool readable = hello->name_length > 0 && !hidden;

    if (readable || !(flow->flags & FLOW_PROXIED)) /* else what the proxy was told is noted */
        note(recognition, segment, transport_of(flow), hello->name, ech_of(hello, hidden));
    leave_clear(flow);
    if (is_copy(recognition, flow, hello, segment->now_ns)) {
        ignore(flow);
        return;
    }
    flow->flags |= FLOW_HELLO;
    flow->probes = 0;
    coverage_of(recognition)->flows_resolver +=
        asks_resolver(recognition, segment, hello->name, readable ? hello->name_length : 0);
    settle(recognition, segment,
           readable ? match_name(recognition, segment, hello)
                    : match_hidden(recognition, segment, hidden),
           client, segment->new_bytes);
}

/* -- States ------------------------------------------------------------------------------------ */

static struct naming *pool_of(const struct recognition *recognition, const struct flow *flow)
{
    return flow->flags & FLOW_DATAGRAMS ? recognition->initials : recognition->naming;
}

static void release(struct recognition *recognition, struct flow *flow)
{
    if (flow->state != FLOW_NO_STATE)
        naming_release(pool_of(recognition, flow), flow->state);
    flow->state = FLOW_NO_STATE;
}

/* Whether a ClientHello was on its way: every long header of QUIC says so, and what comes after one
 * in TLS. */
static bool hello_has_begun(const struct recognition *recognition, const struct flow *flow)
{
    const uint8_t *bytes;
    uint32_t length;

    if (flow->flags & FLOW_DATAGRAMS)
        return flow->stage == FLOW_NEW || flow->stage == FLOW_NAMING;
    if (flow_glimpses(flow))
        return true;
    if (flow->stage != FLOW_NAMING || flow->state == FLOW_NO_STATE)
        return false;
    bytes = naming_ahead(recognition->naming, flow->state, &length);
    return naming_has_hello(bytes, length);
}

/* A connection of TLS or QUIC stays without a name. */
static void lose(const struct recognition *recognition, const struct flow *flow)
{
    coverage_of(recognition)->names_missing++;
    recognition->parts.lost(recognition->parts.lost_context, flow);
}

void recognition_end(struct recognition *recognition, struct flow *flow)
{
    if (hello_has_begun(recognition, flow))
        lose(recognition, flow);
    release(recognition, flow);
    ignore(flow);
}

/* What began like a request in clear, of BYTES so far, is none, or names no host: it goes with the
 * one before. */
static void go_on(struct recognition *recognition, const struct segment *segment, uint32_t bytes)
{
    struct flow *flow = segment->flow;

    release(recognition, flow);
    if (flow->service != SERVICE_NONE)
        usage_resume(recognition->parts.usage, flow, segment->now_ns, bytes);
    else
        flow->stage = FLOW_NEW;
}

/* How many bytes were sent of what is gathered in the flow's state, SEGMENT the latest of them: its
 * end may lie beyond what there is room for. */
static uint32_t gathered_bytes(const struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    uint32_t state = segment->flow->state;
    const struct assembly *assembly;
    uint32_t held, sent;

    if (state == FLOW_NO_STATE)
        return 0;
    assembly = naming_bytes(recognition->naming, state);
    held = (uint32_t)assembly_end(assembly) - naming_stepped(recognition->naming, state);
    sent = packet->sequence + packet->payload_length - assembly->base -
           naming_stepped(recognition->naming, state);
    return from_client(segment) && sent - held <= packet->payload_length ? sent : held;
}

/* No name will come, MISSING if there ought to be one. */
static void give_up(struct recognition *recognition, const struct segment *segment, bool missing)
{
    struct flow *flow = segment->flow;
    struct catalogue_match match;

    if (flow->flags & FLOW_PLAIN) {
        go_on(recognition, segment, gathered_bytes(recognition, segment));
        return;
    }
    release(recognition, flow);
    if (missing && flow->flags & FLOW_PROXIED) {
        settle(recognition, segment, match_proxied(recognition, flow), device_of(segment),
               segment->new_bytes);
        return;
    }
    if (take_hint(recognition, segment, &match)) {
        note(recognition, segment, transport_of(flow), "", "no");
        settle(recognition, segment, match, client_of(segment), segment->new_bytes);
        return;
    }
    if (missing) {
        lose(recognition, flow);
        coverage_of(recognition)->flows_resolver += asks_resolver(recognition, segment, "", 0);
    }
    ignore(flow);
}

/* A state for FLOW, if need be that of another flow. */
static void take(struct recognition *recognition, struct flow *flow, enum flow_stage stage)
{
    struct naming *pool = pool_of(recognition, flow);
    struct flow_table *flows = recognition->parts.flows;
    uint32_t own = (uint32_t)flowtable_index(flows, flow);
    uint32_t holder;

    flow->state = naming_take(pool, own, &holder);
    if (flow->state == NAMING_NONE) {
        recognition_end(recognition, flowtable_at(flows, holder));
        flow->state = naming_take(pool, own, &holder);
    }
    flow->stage = stage & 0x1f;
}

/* -- TLS, proxies, plain requests -------------------------------------------------------------- */

static const struct address no_client;

/* What a look at the client's bytes brought. */
struct look {
    struct finding finding;
    uint32_t bytes;        /* that the client sent of it */
    uint32_t taken;        /* of these, by what was said to proxies */
    struct address client; /* who asks, as a proxy says; of family 0 when none does */
};

/* Whom a PROXY header names is believed from a host of one of our directions alone: anyone can send
 * one, and what it says decides whose use this is. */
static bool is_believed(const struct recognition *recognition, const struct segment *segment)
{
    return directions_match(recognition->directions, client_of(segment), segment->packet->vlan) !=
           DIRECTION_UNASSIGNED;
}

static void take_proxy(struct recognition *recognition, const struct segment *segment,
                       struct look *look)
{
    const struct preamble *said = &look->finding.as.preamble;
    struct flow *flow = segment->flow;
    struct catalogue_match match;

    if (look->finding.said == PREAMBLE_PROXY) {
        if (!said->has_address || !is_believed(recognition, segment))
            return;
        flow->flags |= FLOW_FOR_OTHERS;
        look->client = said->address;
        flow->direction =
            directions_match(recognition->directions, &said->address, segment->packet->vlan);
        return;
    }
    match = catalogue_match(recognition->catalogue, said->name, said->name_length);
    leave_clear(flow);
    flow->flags |= FLOW_PROXIED;
    flow->service = said->name_length ? match.service : SERVICE_NONE;
    flow->role = match.role;
    note(recognition, segment, "connect", said->name, "no");
}

/* Whether what was found leads to what the client itself says. */
static bool leads_on(const struct finding *finding)
{
    return finding->kind == FINDING_PROXY || finding->kind == FINDING_PRELUDE;
}

/* Looks at the client's bytes, and past what they say to proxies. LOOK knows what client was told
 * of before. */
static void look_at(struct recognition *recognition, const struct segment *segment,
                    const uint8_t *bytes, uint32_t length, struct look *look)
{
    look->taken = 0;
    naming_look(bytes, length, &look->finding);
    while (leads_on(&look->finding)) {
        flow_set_client(segment->flow, segment->side);
        if (look->finding.kind == FINDING_PROXY)
            take_proxy(recognition, segment, look);
        look->taken += look->finding.length;
        naming_look(bytes + look->taken, length - look->taken, &look->finding);
    }
}

static const struct address *asking(const struct segment *segment, const struct look *look)
{
    return look->client.family != 0 ? &look->client : device_of(segment);
}

/* The next bytes may again begin something. */
static void wait_for_more(struct recognition *recognition, const struct segment *segment,
                          const struct look *look)
{
    struct flow *flow = segment->flow;

    flow->state = FLOW_NO_STATE;
    flow->flags &= (uint16_t)~FLOW_BASE_KNOWN;
    if (flow->flags & FLOW_PLAIN) {
        go_on(recognition, segment, look->bytes);
        return;
    }
    flow->stage = FLOW_NEW;
    if (++flow->probes >= (flow->flags & FLOW_PROXIED ? MAX_PROXIED_PROBES : MAX_PROBES))
        recognition_end(recognition, flow);
}

/* How a request in clear is noted: in a tunnel, when it is for whom the proxy was told, as that. */
static const char *transport_of_request(const struct recognition *recognition,
                                        const struct flow *flow, const char *name)
{
    const struct flow_record *told =
        notes_get(recognition->parts.notes, flowtable_index(recognition->parts.flows, flow));
    bool is_tunnel = flow->flags & FLOW_PROXIED && told && strcasecmp(told->name, name) == 0;

    return is_tunnel ? "connect" : "http";
}

/* The name is of the request alone: the next one may be for another host, or be a CONNECT. */
static void take_request(struct recognition *recognition, const struct segment *segment,
                         const struct look *look)
{
    const struct preamble *said = &look->finding.as.preamble;
    struct flow *flow = segment->flow;
    struct catalogue_match match =
        catalogue_match(recognition->catalogue, said->name, said->name_length);
    bool again = flow->flags & FLOW_PLAIN;

    if (said->name_length == 0) {
        wait_for_more(recognition, segment, look);
        return;
    }
    flow->flags &= (uint16_t)~FLOW_BASE_KNOWN;
    if (again && match.service == flow->service && match.role == flow->role) {
        go_on(recognition, segment, look->bytes);
        return;
    }
    note(recognition, segment, transport_of_request(recognition, flow, said->name), said->name,
         "no");
    if (again)
        begin_other(flow);
    else
        flow->glimpses = 0;
    flow->flags |= FLOW_PLAIN;
    flow->probes = 0;
    settle(recognition, segment, match, asking(segment, look), look->bytes);
    if (match.service == SERVICE_NONE)
        flow->stage = FLOW_NEW;
}

/* Acts on what was found, unless more bytes are needed. */
static void act_on(struct recognition *recognition, const struct segment *segment,
                   const struct look *look)
{
    switch (look->finding.kind) {
    case FINDING_HELLO:
        judge(recognition, segment, &look->finding.as.hello, asking(segment, look));
        break;
    case FINDING_HTTP:
        take_request(recognition, segment, look);
        break;
    case FINDING_BROKEN:
        give_up(recognition, segment, true);
        break;
    default:
        wait_for_more(recognition, segment, look);
        break;
    }
}

/* Hands the client's bytes from SEQUENCE on to those who follow records. */
static void feed(struct recognition *recognition, const struct segment *segment, uint32_t sequence,
                 const uint8_t *bytes, uint32_t captured, uint32_t length)
{
    const struct usage_piece piece = {
        .end = END_CLIENT,
        .now_ns = segment->now_ns,
        .new_bytes = length,
        .sequence = sequence,
        .bytes = bytes,
        .captured = captured,
        .length = length,
    };

    usage_feed(recognition->parts.usage, segment->flow, &piece);
}

/* Hands on what waited in an assembly, but for what was said to proxies. */
static void feed_assembly(struct recognition *recognition, const struct segment *segment,
                          const struct assembly *assembly, uint32_t stepped)
{
    for (unsigned i = 0; i < assembly->range_count; i++) {
        uint32_t start = assembly->ranges[i].start;
        uint32_t end = assembly->ranges[i].end;

        if (start < stepped)
            start = stepped;
        if (start < end)
            feed(recognition, segment, assembly->base + start, assembly->bytes + start, end - start,
                 end - start);
    }
}

/* More bytes will tell. What a client says to a proxy may be refused, and be said again much later:
 * no state waits for that. */
static void await_rest(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    const struct assembly *assembly = naming_bytes(recognition->naming, flow->state);
    uint32_t stepped = naming_stepped(recognition->naming, flow->state);

    if (assembly_end(assembly) > stepped || naming_client(recognition->naming, flow->state)->family)
        return;
    flow->client_base = assembly->base + stepped;
    flow->flags |= FLOW_BASE_KNOWN;
    release(recognition, flow);
    flow->stage = FLOW_NEW;
}

/* Acts on what the bytes that were gathered tell. Records are followed from what comes next when
 * the hello is not WHOLE: they would wait for what is missing. */
static void act_on_gathered(struct recognition *recognition, const struct segment *segment,
                            const struct look *look, bool whole)
{
    struct flow *flow = segment->flow;
    uint32_t state = flow->state;

    flow->state = FLOW_NO_STATE; /* the bytes are still needed */
    act_on(recognition, segment, look);
    if (flow->stage == FLOW_SERVICE && (whole || flow->flags & FLOW_PLAIN))
        feed_assembly(recognition, segment, naming_bytes(recognition->naming, state),
                      naming_stepped(recognition->naming, state));
    naming_release(recognition->naming, state);
}

/* What is missing will not come: the snap length cut it, or it was lost, or there is no room for
 * it. The name may be in what is there. Returns false when it is not. */
static bool make_do(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    struct look look = {.client = no_client};
    uint32_t length;
    const uint8_t *bytes;

    if (flow->flags & (FLOW_PLAIN | FLOW_DATAGRAMS) || flow->stage != FLOW_NAMING ||
        flow->state == FLOW_NO_STATE)
        return false;
    look.client = *naming_client(recognition->naming, flow->state);
    bytes = naming_ahead(recognition->naming, flow->state, &length);
    naming_look_cut(bytes, length, &look.finding);
    if (look.finding.kind == FINDING_PROXY) {
        take_proxy(recognition, segment, &look);
        naming_step(recognition->naming, flow->state, length);
    } else if (look.finding.kind != FINDING_HELLO && look.finding.kind != FINDING_HTTP) {
        return false;
    }
    look.bytes = gathered_bytes(recognition, segment);
    act_on_gathered(recognition, segment, &look, false);
    return true;
}

static void give_up_naming(struct recognition *recognition, const struct segment *segment)
{
    if (!make_do(recognition, segment))
        give_up(recognition, segment, hello_has_begun(recognition, segment->flow));
}

/* Looks at what was gathered so far. Returns whether nothing begins like that. */
static bool look_at_gathered(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    struct address *client = naming_client(recognition->naming, flow->state);
    struct look look = {.client = *client};
    uint32_t length;
    const uint8_t *bytes = naming_ahead(recognition->naming, flow->state, &length);

    look_at(recognition, segment, bytes, length, &look);
    look.bytes = gathered_bytes(recognition, segment);
    naming_step(recognition->naming, flow->state, look.taken);
    *client = look.client;
    if (look.finding.kind != FINDING_INCOMPLETE)
        act_on_gathered(recognition, segment, &look, true);
    else if (segment->packet->captured_length < segment->packet->payload_length)
        give_up_naming(recognition, segment); /* what the snap length cut off never comes */
    else
        await_rest(recognition, segment);
    return look.finding.kind == FINDING_NONE;
}

/* The end of some plain text, in a segment of its own, may look like the beginning of something:
 * until what really begins, in this segment, tells. Returns whether that is to be probed. */
static bool gather(struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct assembly *assembly = naming_bytes(recognition->naming, segment->flow->state);
    uint32_t base = assembly->base;

    while (!assembly_add(assembly, packet->sequence, packet->payload, packet->captured_length))
        if (!naming_make_room(recognition->naming, segment->flow->state)) {
            give_up_naming(recognition, segment);
            return false;
        }
    return look_at_gathered(recognition, segment) && segment->flow->stage == FLOW_NEW &&
           packet->sequence != base &&
           clienthello_may_start(packet->payload, packet->captured_length);
}

/* Something begins at sequence number BASE, or would, had its first segment not been overtaken. */
static void begin_gathering(struct recognition *recognition, const struct segment *segment,
                            uint32_t base, const struct address *client)
{
    take(recognition, segment->flow, FLOW_NAMING);
    naming_start(recognition->naming, segment->flow->state, base);
    *naming_client(recognition->naming, segment->flow->state) = *client;
    gather(recognition, segment);
}

/* Of a connection that began before the capture, any bytes might be a request's: what has not all
 * come yet is taken for one, and for the client's first, when it is a ClientHello, be it the first
 * byte of one (a server's follows another one's, so there is no name to be missed), or names a host
 * already. */
static bool begins_unmistakably(const struct packet *packet)
{
    struct finding finding;

    if (clienthello_may_start(packet->payload, packet->captured_length))
        return true;
    naming_look_cut(packet->payload, packet->captured_length, &finding);
    return finding.kind == FINDING_PROXY || finding.kind == FINDING_HTTP;
}

/* A name may begin in this segment. */
static void probe(struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    uint32_t captured = packet->captured_length;
    struct look look = {.client = no_client};

    look_at(recognition, segment, packet->payload, captured, &look);
    look.bytes = segment->new_bytes;
    if (look.finding.kind == FINDING_INCOMPLETE) {
        if (captured == 0 || (!(flow->flags & FLOW_CLIENT_KNOWN) && !begins_unmistakably(packet)))
            return;
        flow_set_client(flow, segment->side);
        flow->client_base = packet->sequence + look.taken;
        flow->flags |= FLOW_BASE_KNOWN;
        if (look.taken < captured || look.client.family != 0)
            begin_gathering(recognition, segment, flow->client_base, &look.client);
        return;
    }
    if (look.finding.kind != FINDING_NONE)
        flow_set_client(flow, segment->side);
    act_on(recognition, segment, &look);
    if (flow->stage == FLOW_SERVICE)
        feed(recognition, segment, packet->sequence + look.taken, packet->payload + look.taken,
             captured - look.taken, packet->payload_length - look.taken);
}

/* The opening was not captured: a client that lately looked up the address of a service most likely
 * talks to it. Either end may be the client. */
static bool hint_midway(struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    const uint16_t flags = flow->flags;

    for (unsigned side = 0; side < 2; side++) {
        flow_set_client(flow, side);
        if (server_port_of(segment) == PORT_HTTPS &&
            hint_for(recognition, client_of(segment), server_of(segment), segment->now_ns)
                    .service != SERVICE_NONE) {
            give_up(recognition, segment, false);
            if (flow->stage == FLOW_SERVICE && from_client(segment))
                feed(recognition, segment, packet->sequence, packet->payload,
                     packet->captured_length, packet->payload_length);
            return true;
        }
    }
    flow->flags = flags;
    return false;
}

/* Of the client nothing was captured: the DNS may tell the name, or nothing will. */
static void consider_server_alone(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;

    if (flow->payload_bytes[segment->side] >= ANSWERED_BYTES &&
        server_port_of(segment) == PORT_HTTPS &&
        hint_for(recognition, client_of(segment), server_of(segment), segment->now_ns).service !=
            SERVICE_NONE)
        give_up(recognition, segment, false);
    else if (flow_glimpses(flow) && segment->new_bytes > 0 && ++flow->probes >= MAX_PROBES)
        give_up(recognition, segment, true);
}

/* A server that answers at length has read what we have not. */
static void consider_server(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;

    if (flow->stage == FLOW_NEW && flow->payload_bytes[!segment->side] == 0)
        consider_server_alone(recognition, segment);
    else if (flow->stage == FLOW_NAMING && flow->payload_bytes[segment->side] >= ANSWERED_BYTES &&
             !make_do(recognition, segment))
        give_up(recognition, segment, true);
}

static void consider_client(struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;

    if (flow->flags & FLOW_BASE_KNOWN && packet->sequence != flow->client_base) {
        /* The first segment was overtaken by this one, or this is a late copy. */
        if ((int32_t)(packet->sequence + packet->payload_length - flow->client_base) > 0)
            begin_gathering(recognition, segment, flow->client_base, &no_client);
        return;
    }
    probe(recognition, segment);
}

/* -- One request after another, in clear --------------------------------------------------------
 */

/* "HTTP/1.1 100 Continue" and the like alone, up to the empty line (RFC 9110, 15.2): after that the
 * client goes on with its request. */
static bool is_interim(const struct packet *packet)
{
    static const uint8_t version[] = {'H', 'T', 'T', 'P', '/', '1', '.'};
    const uint8_t *bytes = packet->payload;
    uint32_t length = packet->captured_length;
    const uint8_t *end;

    if (length < sizeof(version) + 3 || memcmp(bytes, version, sizeof(version)) != 0 ||
        bytes[sizeof(version) + 2] != '1')
        return false;
    end = memmem(bytes, length, "\r\n\r\n", 4);
    return !end || end + 4 == bytes + length;
}

/* Whether the client speaks again after the server answered. */
static bool speaks_again(const struct segment *segment)
{
    struct flow *flow = segment->flow;
    bool answered = flow->probes > 0;

    if (segment->new_bytes == 0)
        return false;
    if (from_client(segment))
        flow->probes = 0;
    else if (!is_interim(segment->packet))
        flow->probes = 1;
    return from_client(segment) && answered;
}

/* Whether the segment is no request for another host than the one before. */
static bool stays(const struct recognition *recognition, const struct segment *segment)
{
    const struct flow *flow = segment->flow;
    struct catalogue_match match;
    struct finding finding;

    if (segment->packet->captured_length == 0) /* nothing to look at, now or later */
        return true;
    naming_look(segment->packet->payload, segment->packet->captured_length, &finding);
    if (finding.kind != FINDING_HTTP)
        return finding.kind == FINDING_NONE;
    match = catalogue_match(recognition->catalogue, finding.as.preamble.name,
                            finding.as.preamble.name_length);
    return finding.as.preamble.name_length == 0 ||
           (match.service == flow->service && match.role == flow->role);
}

bool recognition_turn(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;
    bool again = speaks_again(segment);

    if (flow->stage == FLOW_NAMING) {
        if (flow->probes > 0) /* answered: what is missing of the request was not captured */
            give_up(recognition, segment, false);
        return flow->stage != FLOW_NEW;
    }
    if (!again)
        return flow->stage != FLOW_NEW;
    flow->flags &= (uint16_t)~FLOW_BASE_KNOWN;
    if (flow->stage == FLOW_SERVICE && !stays(recognition, segment)) {
        usage_end(recognition->parts.usage, flow);
        flow->stage = FLOW_NEW;
    } else if (flow->stage == FLOW_IGNORED) { /* another flow needed its state */
        flow->stage = FLOW_NEW;
    }
    return true;
}

/* -- DNS --------------------------------------------------------------------------------------- */

/* Of a question and of the answers that its client takes for those to it. */
static uint64_t question_hash(const struct recognition_memory *memory, const struct address *client,
                              uint16_t port, const struct address *resolver,
                              const struct dns_identity *identity)
{
    struct {
        uint64_t identity;
        struct address ends[2];
        uint16_t port;
        uint8_t padding[4];
    } asked = {identity->hash, {*client, *resolver}, port, {0}};

    _Static_assert(sizeof(asked) == 8 + 2 * sizeof(struct address) + 2 + 4, "no hidden padding");
    return keyedhash(&memory->question_key, &asked, sizeof(asked));
}

void recognition_question(struct recognition *recognition, const struct packet *packet,
                          int64_t now_ns)
{
    struct recognition_memory *memory = recognition->memory;
    struct dns_identity identity;

    if (dns_identify(packet->payload, packet->captured_length, &identity) && !identity.is_answer)
        pending_ask(memory->questions,
                    question_hash(memory, &packet->source, packet->source_port,
                                  &packet->destination, &identity),
                    now_ns);
}

/* Whether the datagram's destination asked for what it is told. */
static bool was_asked(const struct recognition *recognition, const struct packet *packet,
                      int64_t now_ns)
{
    const struct recognition_memory *memory = recognition->memory;
    struct dns_identity identity;

    return dns_identify(packet->payload, packet->captured_length, &identity) &&
           pending_is_asked(memory->questions,
                            question_hash(memory, &packet->destination, packet->destination_port,
                                          &packet->source, &identity),
                            now_ns);
}

static void take_answer(struct recognition *recognition, const struct address *client,
                        const struct dns_answer *answer, int64_t now_ns)
{
    uint32_t now_s = (uint32_t)(now_ns / SECOND_NS);
    struct catalogue_match match =
        catalogue_match(recognition->catalogue, answer->name, answer->name_length);

    for (unsigned i = 0; i < answer->address_count; i++) {
        if (match.service == SERVICE_NONE)
            hints_forget(recognition->memory->hints, client, &answer->addresses[i], now_s);
        else
            hints_add(recognition->memory->hints, client, &answer->addresses[i], match.service,
                      match.role, now_s, answer->ttl_s);
    }
    coverage_of(recognition)->hints_displaced += hints_take_displaced(recognition->memory->hints);
}

/* Counts an answer. Returns whether it is believed: whoever can send a client a datagram can send
 * it an answer, but only who sees the questions knows port, id and name of one. */
static bool believes(const struct recognition *recognition, bool asked)
{
    coverage_of(recognition)->dns_answers++;
    coverage_of(recognition)->dns_unasked += !asked;
    return asked || recognition->believes_unasked;
}

void recognition_answer(struct recognition *recognition, const struct packet *packet,
                        int64_t now_ns)
{
    struct dns_answer answer;

    if (dns_parse(packet->payload, packet->captured_length, &answer) == DNS_ANSWER &&
        believes(recognition, was_asked(recognition, packet, now_ns)))
        take_answer(recognition, &packet->destination, &answer, now_ns);
}

/* Reads the messages that are whole. Returns how many bytes they take. Who can forge a segment of a
 * connection sees it, or sends both its ends: that its client sent something is enough. */
static uint32_t read_answers(struct recognition *recognition, const struct segment *segment,
                             const uint8_t *bytes, uint32_t length)
{
    bool asked = segment->flow->payload_bytes[!segment->side] > 0;
    uint32_t taken = 0;
    struct dns_answer answer;
    size_t next;

    while ((next = dns_stream_next(bytes + taken, length - taken)) > 0 && next <= length - taken) {
        if (dns_parse(bytes + taken + DNS_STREAM_HEADER, next - DNS_STREAM_HEADER, &answer) ==
                DNS_ANSWER &&
            believes(recognition, asked))
            take_answer(recognition, &segment->packet->destination, &answer, segment->now_ns);
        taken += (uint32_t)next;
    }
    return taken;
}

/* DNS over TCP: a message that does not end in its segment, or was overtaken by the next, waits for
 * the rest. */
static void gather_answers(struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    const uint8_t *bytes;
    uint32_t length;

    if (flow->state == FLOW_NO_STATE) {
        take(recognition, flow, FLOW_ANSWERS);
        naming_start(recognition->naming, flow->state,
                     packet->sequence + packet->payload_length - segment->new_bytes);
    }
    if (!assembly_add(naming_bytes(recognition->naming, flow->state), packet->sequence,
                      packet->payload, packet->captured_length)) {
        release(recognition, flow);
        ignore(flow);
        return;
    }
    bytes = naming_ahead(recognition->naming, flow->state, &length);
    naming_step(recognition->naming, flow->state,
                read_answers(recognition, segment, bytes, length));
    if (assembly_end(naming_bytes(recognition->naming, flow->state)) ==
        naming_stepped(recognition->naming, flow->state))
        release(recognition, flow);
}

static bool is_dns(const struct segment *segment)
{
    if (segment->flow->flags & FLOW_CLIENT_KNOWN)
        return server_port_of(segment) == PORT_DNS;
    return segment->packet->source_port == PORT_DNS;
}

/* Whether the segment may be the first that is seen of its end, though not the first that was sent.
 * What a client says first tells by itself what it is. */
static bool is_amid(const struct segment *segment)
{
    const struct flow *flow = segment->flow;

    if (!(flow->flags & FLOW_CLIENT_KNOWN))
        return true;
    if (!from_client(segment))
        return flow->payload_bytes[!segment->side] == 0;
    return flow->flags & FLOW_BASE_KNOWN && segment->packet->sequence != flow->client_base;
}

/* TLS may be known by what comes after the ClientHello, where that was not captured. */
static void glimpse(const struct segment *segment)
{
    struct flow *flow = segment->flow;

    if (!(flow->flags & FLOW_PLAIN) && flow->glimpses == 0 && is_amid(segment) &&
        records_go_on(segment->packet->payload, segment->packet->captured_length))
        flow->glimpses = GLIMPSE_RECORDS;
}

/* -- Entrances --------------------------------------------------------------------------------- */

void recognition_segment(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;

    if (flow->stage == FLOW_ANSWERS || is_dns(segment)) {
        if (segment->packet->source_port == PORT_DNS)
            gather_answers(recognition, segment);
        return;
    }
    glimpse(segment);
    if (!(flow->flags & FLOW_CLIENT_KNOWN)) {
        probe(recognition, segment);
        if (flow->stage == FLOW_NEW)
            hint_midway(recognition, segment);
    } else if (!from_client(segment)) {
        consider_server(recognition, segment);
    } else if (flow->stage == FLOW_NAMING) {
        if (gather(recognition, segment))
            probe(recognition, segment);
    } else {
        consider_client(recognition, segment);
    }
}

bool recognition_begins(const struct recognition *recognition, const struct packet *packet,
                        int64_t now_ns)
{
    if (quic_starts(packet->payload, packet->captured_length, packet->payload_length))
        return true;
    /* A QUIC connection that began before the capture shows nothing of itself. */
    if (packet->destination_port == PORT_HTTPS)
        return hint_for(recognition, &packet->source, &packet->destination, now_ns).service !=
               SERVICE_NONE;
    if (packet->source_port == PORT_HTTPS)
        return hint_for(recognition, &packet->destination, &packet->source, now_ns).service !=
               SERVICE_NONE;
    return false;
}

bool recognition_may_hint(const struct packet *packet)
{
    return packet->destination_port == PORT_HTTPS || packet->source_port == PORT_HTTPS;
}

bool recognition_opens(const struct packet *packet)
{
    return quic_opens(packet->payload, packet->captured_length, packet->payload_length);
}

uint32_t recognition_opening(const struct packet *packet)
{
    size_t length;
    const uint8_t *id =
        quic_opening_id(packet->payload, packet->captured_length, packet->payload_length, &length);

    return id ? quic_hash(id, length) : 0;
}

void recognition_open(struct flow *flow, const struct packet *packet)
{
    struct quic_header header;

    flow->client_base = recognition_opening(packet);
    flow->opened.next = 0;
    flow->opened.source = quic_read_header(packet->payload, packet->captured_length, &header)
                              ? quic_hash(header.source, header.source_length)
                              : 0;
}

/* The hello of a flow that is being named. */
struct gathering {
    struct naming *naming;
    uint32_t state;
};

/* What lies past what there is room for, behind a hole, is lost, as over TCP. */
static void gather_crypto(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    const struct gathering *gathering = context;
    struct assembly *assembly = naming_bytes(gathering->naming, gathering->state);

    if (!bytes) {
        assembly_wipe(assembly);
        assembly_start(assembly, 0);
        return;
    }
    while (!assembly_add(assembly, offset, bytes, (uint32_t)length))
        if (!naming_make_room(gathering->naming, gathering->state))
            break;
}

/* CUT: what is missing of it will not come. */
static enum clienthello_result read_hello(const uint8_t *bytes, size_t length, bool cut,
                                          struct clienthello *hello)
{
    enum clienthello_result result = quic_parse_hello(bytes, length, hello);

    if (result == CLIENTHELLO_INCOMPLETE && cut &&
        clienthello_parse_cut_message(bytes, length, hello) == CLIENTHELLO_COMPLETE)
        return CLIENTHELLO_COMPLETE;
    return result;
}

/* Judges by what was gathered, if it is enough. */
static void look_at_crypto(struct recognition *recognition, const struct segment *segment, bool cut)
{
    struct flow *flow = segment->flow;
    struct clienthello hello;
    uint32_t length;
    const uint8_t *bytes = naming_ahead(recognition->initials, flow->state, &length);

    switch (read_hello(bytes, length, cut, &hello)) {
    case CLIENTHELLO_COMPLETE:
        release(recognition, flow);
        judge(recognition, segment, &hello, client_of(segment));
        return;
    case CLIENTHELLO_INCOMPLETE:
        return;
    default:
        give_up(recognition, segment, true);
    }
}

static void read_initial(struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;
    struct gathering gathering = {recognition->initials, 0};

    if (flow->stage == FLOW_NEW) {
        take(recognition, flow, FLOW_NAMING);
        naming_start(recognition->initials, flow->state, 0);
    }
    gathering.state = flow->state;
    if (quic_read_client(recognition->crypto, naming_quic(recognition->initials, flow->state),
                         packet->payload, packet->captured_length, packet->payload_length,
                         gather_crypto, &gathering) == QUIC_CRYPTO) {
        if (!(flow->flags & FLOW_CLIENT_KNOWN))
            recognition_open(flow, packet);
        flow_set_client(flow, segment->side);
        look_at_crypto(recognition, segment, packet->captured_length < packet->payload_length);
    } else if (naming_bytes(recognition->initials, flow->state)->range_count == 0) {
        release(recognition, flow); /* nothing worth keeping a state for */
        flow->stage = FLOW_NEW;
    }
}

/* How many datagrams are looked at. */
static unsigned probes_allowed(const struct recognition *recognition, const struct flow *flow)
{
    const struct assembly *assembly;

    if (flow->stage != FLOW_NAMING)
        return MAX_PROBES;
    assembly = naming_bytes(recognition->initials, flow->state);
    return MAX_PROBES + (assembly->base + (uint32_t)assembly_prefix(assembly)) / BYTES_PER_PROBE;
}

/* What is missing of a hello will not come: a name that is there counts. */
static void give_up_crypto(struct recognition *recognition, const struct segment *segment)
{
    struct flow *flow = segment->flow;

    if (flow->stage == FLOW_NAMING)
        look_at_crypto(recognition, segment, true);
    if (flow->stage == FLOW_NEW || flow->stage == FLOW_NAMING)
        give_up(recognition, segment, true);
}

void recognition_datagram(struct recognition *recognition, const struct segment *segment)
{
    const struct packet *packet = segment->packet;
    struct flow *flow = segment->flow;

    if (flow->flags & FLOW_CLIENT_KNOWN && !from_client(segment))
        return;
    if (quic_starts(packet->payload, packet->captured_length, packet->payload_length))
        read_initial(recognition, segment);
    else if (!(flow->flags & FLOW_CLIENT_KNOWN))
        hint_midway(recognition, segment);
    if ((flow->stage == FLOW_NEW || flow->stage == FLOW_NAMING) &&
        ++flow->probes >= probes_allowed(recognition, flow))
        give_up_crypto(recognition, segment);
}
