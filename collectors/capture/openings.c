/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/openings.h"

#include <stdlib.h>
#include <string.h>

#define SETS 64
#define WAYS 8
/* The largest segment of TCP over IPv4 in Ethernet. */
#define MAX_EARLY_BYTES 1460

struct opening {
    uint64_t key;
    uint32_t first;  /* sequence number of the first byte that is said */
    uint32_t length; /* of what was said with the SYN; of that, are here: */
    uint16_t captured;
    uint8_t side;
    bool is_claimed;
    bool is_old; /* of an interval before */
    uint8_t bytes[MAX_EARLY_BYTES];
};

struct openings {
    struct opening sets[SETS][WAYS];
    uint8_t turns[SETS]; /* place that the last claim took, from 1; 0: there was none */
};

struct openings *openings_new(void)
{
    return calloc(1, sizeof(struct openings));
}

void openings_free(struct openings *openings)
{
    for (unsigned i = 0; openings && i < SETS; i++)
        if (openings->turns[i] > 0) /* else its memory was not taken */
            explicit_bzero(openings->sets[i], sizeof(openings->sets[i]));
    free(openings);
}

/* Whether the opening goes on at NUMBER: of what was said with it, the other end took all, or
 * nothing (RFC 7413). */
static bool goes_on(const struct opening *opening, uint64_t key, unsigned side, uint32_t number)
{
    return opening->is_claimed && opening->key == key && opening->side == side &&
           (number == opening->first || number == opening->first + opening->length);
}

static struct opening *find(struct openings *openings, uint64_t key, unsigned side, uint32_t number)
{
    struct opening *set = openings->sets[key % SETS];

    for (unsigned i = 0; i < WAYS; i++)
        if (goes_on(&set[i], key, side, number))
            return &set[i];
    return NULL;
}

static struct opening *oldest(struct openings *openings, uint64_t key)
{
    unsigned place = openings->turns[key % SETS] % WAYS;

    openings->turns[key % SETS] = (uint8_t)(place + 1);
    return &openings->sets[key % SETS][place];
}

void openings_claim(struct openings *openings, uint64_t key, unsigned side,
                    const struct packet *syn)
{
    struct opening *opening = find(openings, key, side, syn->sequence + 1);
    uint32_t captured =
        syn->captured_length < MAX_EARLY_BYTES ? syn->captured_length : MAX_EARLY_BYTES;

    /* When nothing is answered, it is repeated with nothing in it (RFC 7413). */
    if (opening && opening->length >= syn->payload_length)
        return;
    if (!opening)
        opening = oldest(openings, key);
    opening->key = key;
    opening->first = syn->sequence + 1;
    opening->length = syn->payload_length;
    opening->captured = (uint16_t)captured;
    opening->side = (uint8_t)side;
    opening->is_claimed = true;
    opening->is_old = false;
    if (captured > 0)
        memcpy(opening->bytes, syn->payload, captured);
}

struct opening *openings_confirm(struct openings *openings, uint64_t key, unsigned side,
                                 const struct packet *packet, struct packet *syn)
{
    bool is_answer = packet->tcp_flags & TCP_SYN;
    struct opening *opening = is_answer ? find(openings, key, !side, packet->acknowledgement)
                                        : find(openings, key, side, packet->sequence);

    if (!opening)
        return NULL;
    *syn = *packet;
    if (is_answer)
        packet_turn_round(syn);
    syn->tcp_flags = TCP_SYN;
    syn->sequence = opening->first - 1;
    syn->acknowledgement = 0;
    syn->payload = opening->bytes;
    syn->captured_length = opening->captured;
    syn->payload_length = opening->length;
    return opening;
}

void openings_forget(struct opening *opening)
{
    explicit_bzero(opening, sizeof(*opening));
}

void openings_wipe(struct openings *openings)
{
    for (unsigned i = 0; i < SETS * WAYS; i++) {
        struct opening *opening = &openings->sets[i / WAYS][i % WAYS];

        if (openings->turns[i / WAYS] == 0) /* its memory was not taken */
            continue;
        if (opening->is_old) {
            explicit_bzero(opening->bytes, sizeof(opening->bytes));
            opening->captured = 0;
        }
        opening->is_old = true;
    }
}
