/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/fragments.h"

#include "collectors/capture/keyedhash.h"

#include <stdlib.h>
#include <string.h>

/* A packet's place is one of the WAYS that its hash chooses. */
#define WAYS 16
/* Offsets count units of eight bytes (RFC 791, 3.1). */
#define UNIT      8
#define LARGEST   65535 /* no packet is longer */
#define UNITS     ((LARGEST + UNIT) / UNIT)
#define NOT_KNOWN UINT32_MAX
/* A packet that was put together stays known that long, to absorb copies of its fragments: one that
 * began a packet anew would spoil the next with the same identification. */
#define ABSORB_NS INT64_C(1000000000)

/* What a look-up reads of WAYS places, apart from the bulk. */
struct place {
    uint64_t key; /* 0: free */
    int64_t started_ns;
    bool whole; /* was handed over */
};

struct assembled {
    uint32_t end;      /* of the furthest fragment */
    uint32_t length;   /* of the packet, once the last fragment came; else NOT_KNOWN */
    uint32_t captured; /* the first byte that the snap length cut from a fragment */
    uint32_t units;    /* that were seen */
    uint8_t protocol;  /* from the first fragment: RFC 8200, 4.5 */
    uint64_t seen[UNITS / 64];
    uint8_t window[FRAGMENTS_WINDOW];
};

struct fragments {
    struct hash_key hash_key;
    struct fragments_counts counts;
    size_t sets;
    size_t handed_over; /* the place whose window the caller may still be reading */
    size_t held;        /* and one of an earlier packet */
    struct place *places;
    struct assembled *assembled;
};

struct fragments *fragments_new(size_t count)
{
    struct fragments *fragments = calloc(1, sizeof(*fragments));

    if (!fragments)
        return NULL;
    fragments->sets = 1;
    while (fragments->sets * WAYS < count)
        fragments->sets *= 2;
    fragments->handed_over = SIZE_MAX;
    fragments->held = SIZE_MAX;
    fragments->places = calloc(fragments->sets * WAYS, sizeof(*fragments->places));
    fragments->assembled = calloc(fragments->sets * WAYS, sizeof(*fragments->assembled));
    if (!fragments->places || !fragments->assembled || !keyedhash_draw(&fragments->hash_key)) {
        fragments_free(fragments);
        return NULL;
    }
    return fragments;
}

void fragments_free(struct fragments *fragments)
{
    if (!fragments)
        return;
    free(fragments->places);
    free(fragments->assembled);
    free(fragments);
}

const struct fragments_counts *fragments_counts(const struct fragments *fragments)
{
    return &fragments->counts;
}

/* RFC 791, 3.2 and RFC 8200, 4.5: the fragments of an IPv6 packet may name different protocols.
 * Those of CAPWAP are numbered for each access point and direction (RFC 5415, 4.3); behind one
 * address, if it is translated, ports tell them apart; and from those of IP, which have none. */
static uint64_t key_of(const struct fragments *fragments, const struct packet *fragment)
{
    struct {
        uint8_t addresses[2][16];
        uint32_t identification;
        uint16_t ports[2];
        uint8_t family;
        uint8_t protocol;
        uint8_t zero[2];
    } identity = {0};
    uint64_t key;

    memcpy(identity.addresses[0], fragment->source.bytes, 16);
    memcpy(identity.addresses[1], fragment->destination.bytes, 16);
    identity.identification = fragment->fragment.identification;
    identity.family = fragment->source.family;
    if (fragment->fragment.capwap) {
        identity.ports[0] = fragment->source_port;
        identity.ports[1] = fragment->destination_port;
    } else if (fragment->source.family == 4) {
        identity.protocol = fragment->protocol;
    }
    key = keyedhash(&fragments->hash_key, &identity, sizeof(identity));
    return key ? key : 1;
}

static int64_t age_ns(const struct place *place, int64_t now_ns)
{
    return now_ns > place->started_ns ? now_ns - place->started_ns : 0;
}

static bool is_over(const struct place *place, int64_t now_ns)
{
    return age_ns(place, now_ns) >= (place->whole ? ABSORB_NS : FRAGMENTS_TIMEOUT_NS);
}

void fragments_hold(struct fragments *fragments, bool hold)
{
    fragments->held = hold ? fragments->handed_over : SIZE_MAX;
}

/* How little is lost by using a place anew: higher goes first. */
static uint64_t dispensability(const struct place *place, int64_t now_ns)
{
    if (place->key == 0)
        return UINT64_MAX;
    return (uint64_t)age_ns(place, now_ns) | (uint64_t)place->whole << 63;
}

/* The place of KEY, or the one to use for it. Never the one that was handed over last: what is
 * added may be a fragment in that packet. */
static size_t choose(const struct fragments *fragments, uint64_t key, int64_t now_ns)
{
    size_t first = (size_t)(key & (fragments->sets - 1)) * WAYS;
    size_t best = first;
    uint64_t highest = 0;

    for (size_t i = first; i < first + WAYS; i++) {
        uint64_t value = dispensability(&fragments->places[i], now_ns);

        if (fragments->places[i].key == key)
            return i;
        if (i != fragments->handed_over && i != fragments->held && value >= highest) {
            best = i;
            highest = value;
        }
    }
    return best;
}

/* Begins KEY anew at the place. */
static void start(struct fragments *fragments, size_t index, uint64_t key, int64_t now_ns)
{
    struct place *place = &fragments->places[index];
    struct assembled *packet = &fragments->assembled[index];

    if (place->key != 0 && !place->whole) {
        if (is_over(place, now_ns))
            fragments->counts.expired++;
        else
            fragments->counts.displaced++;
    }
    *place = (struct place){key, now_ns, false};
    packet->end = 0;
    packet->length = NOT_KNOWN;
    packet->captured = FRAGMENTS_WINDOW;
    packet->units = 0;
    packet->protocol = 0;
    memset(packet->seen, 0, sizeof(packet->seen));
}

/* Every fragment but the last is of whole units; none goes beyond what a packet may have. */
static bool is_possible(const struct packet *fragment)
{
    uint32_t length = fragment->payload_length;

    return length > 0 && length <= LARGEST && fragment->fragment.offset + length <= LARGEST &&
           (!fragment->fragment.more || length % UNIT == 0);
}

/* None goes beyond the last. */
static bool fits(const struct assembled *packet, const struct packet *fragment)
{
    uint32_t end = fragment->fragment.offset + fragment->payload_length;

    if (fragment->fragment.more)
        return end < packet->length;
    return end >= packet->end && (packet->length == NOT_KNOWN || packet->length == end);
}

/* Keeps those units of the fragment that were not seen. */
static void keep(struct assembled *packet, const struct packet *fragment)
{
    for (uint32_t at = 0; at < fragment->payload_length; at += UNIT) {
        uint32_t place = fragment->fragment.offset + at;
        uint64_t *seen = &packet->seen[place / UNIT / 64];
        uint64_t bit = UINT64_C(1) << place / UNIT % 64;
        uint32_t size = fragment->captured_length > at ? fragment->captured_length - at : 0;

        if (*seen & bit)
            continue;
        *seen |= bit;
        packet->units++;
        if (place < FRAGMENTS_WINDOW && size > 0)
            memcpy(packet->window + place, fragment->payload + at, size < UNIT ? size : UNIT);
    }
}

static void note(struct assembled *packet, const struct packet *fragment)
{
    uint32_t offset = fragment->fragment.offset;
    uint32_t end = offset + fragment->payload_length;

    if (offset == 0 && packet->protocol == 0)
        packet->protocol = fragment->protocol;
    if (end > packet->end)
        packet->end = end;
    if (!fragment->fragment.more)
        packet->length = end;
    if (fragment->captured_length < fragment->payload_length &&
        offset + fragment->captured_length < packet->captured)
        packet->captured = offset + fragment->captured_length;
}

bool fragments_add(struct fragments *fragments, int64_t now_ns, const struct packet *fragment,
                   struct fragments_whole *whole)
{
    uint64_t key = key_of(fragments, fragment);
    size_t index = choose(fragments, key, now_ns);
    struct place *place = &fragments->places[index];
    struct assembled *packet = &fragments->assembled[index];
    bool possible = is_possible(fragment);

    if (possible && (place->key != key || is_over(place, now_ns)))
        start(fragments, index, key, now_ns);
    else if (place->key == key && place->whole)
        return false;
    if (!possible || !fits(packet, fragment)) {
        fragments->counts.refused++;
        return false;
    }
    keep(packet, fragment);
    note(packet, fragment);
    if (packet->length == NOT_KNOWN || packet->units < (packet->length + UNIT - 1) / UNIT)
        return false;
    *place = (struct place){key, now_ns, true};
    fragments->handed_over = index;
    fragments->counts.whole++;
    *whole = (struct fragments_whole){
        packet->window, packet->captured < packet->length ? packet->captured : packet->length,
        packet->length, packet->protocol};
    return true;
}
