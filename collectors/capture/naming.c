/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/naming.h"

#include "collectors/capture/tds.h"

#include <stdlib.h>
#include <string.h>

/* IANA, TLS ContentType. */
enum { RECORD_CHANGE = 20, RECORD_ALERT, RECORD_HANDSHAKE, RECORD_DATA, RECORD_HEARTBEAT };

struct state {
    struct quic_connection quic;
    struct address client;
    uint32_t flow;
    uint32_t stepped; /* bytes at the start of the assembly that were looked at, and done with */
};

struct naming {
    struct assembly_pool *assemblies;
    struct state *states;
    uint32_t count;
    uint32_t next_holder;
};

struct naming *naming_new(uint32_t count)
{
    struct naming *naming = calloc(1, sizeof(*naming));

    if (!naming)
        return NULL;
    naming->count = count;
    naming->assemblies = assembly_pool_new(count);
    naming->states = calloc(count, sizeof(*naming->states));
    if (!naming->assemblies || !naming->states) {
        naming_free(naming);
        return NULL;
    }
    return naming;
}

void naming_free(struct naming *naming)
{
    if (!naming)
        return;
    assembly_pool_free(naming->assemblies);
    free(naming->states);
    free(naming);
}

uint32_t naming_take(struct naming *naming, uint32_t flow, uint32_t *holder)
{
    uint32_t index = assembly_pool_take(naming->assemblies);

    if (index == ASSEMBLY_NONE) {
        *holder = naming->states[naming->next_holder].flow;
        naming->next_holder = (naming->next_holder + 1) % naming->count;
        return NAMING_NONE;
    }
    memset(&naming->states[index], 0, sizeof(naming->states[index]));
    naming->states[index].flow = flow;
    return index;
}

void naming_release(struct naming *naming, uint32_t index)
{
    memset(&naming->states[index].client, 0, sizeof(naming->states[index].client));
    assembly_pool_release(naming->assemblies, index);
}

void naming_start(struct naming *naming, uint32_t index, uint32_t base)
{
    assembly_start(naming_bytes(naming, index), base);
    naming->states[index].stepped = 0;
}

struct assembly *naming_bytes(struct naming *naming, uint32_t index)
{
    return assembly_pool_get(naming->assemblies, index);
}

void naming_step(struct naming *naming, uint32_t index, uint32_t count)
{
    naming->states[index].stepped += count;
}

uint32_t naming_stepped(const struct naming *naming, uint32_t index)
{
    return naming->states[index].stepped;
}

const uint8_t *naming_ahead(struct naming *naming, uint32_t index, uint32_t *length)
{
    const struct assembly *assembly = naming_bytes(naming, index);
    uint32_t stepped = naming->states[index].stepped;

    *length = (uint32_t)assembly_prefix(assembly) - stepped;
    return assembly->bytes + stepped;
}

bool naming_make_room(struct naming *naming, uint32_t index)
{
    struct assembly *assembly = naming_bytes(naming, index);
    uint32_t stepped = naming->states[index].stepped;
    size_t length = assembly_prefix(assembly) - stepped;
    bool has_records = naming->states[index].quic.version == 0;
    size_t shorter = (has_records ? clienthello_shorten
                                  : clienthello_shorten_message)(assembly->bytes + stepped, length);

    if (shorter == length)
        return false;
    assembly_take_out(assembly, stepped + shorter);
    return true;
}

struct address *naming_client(struct naming *naming, uint32_t index)
{
    return &naming->states[index].client;
}

struct quic_connection *naming_quic(struct naming *naming, uint32_t index)
{
    return &naming->states[index].quic;
}

/* -- Looking ---------------------------------------------------------------------------------- */

static enum finding_kind finding_of(enum clienthello_result result)
{
    switch (result) {
    case CLIENTHELLO_COMPLETE:
        return FINDING_HELLO;
    case CLIENTHELLO_INCOMPLETE:
        return FINDING_INCOMPLETE;
    case CLIENTHELLO_MALFORMED:
        return FINDING_BROKEN;
    default:
        return FINDING_NONE;
    }
}

static enum finding_kind look_for_preamble(const uint8_t *bytes, size_t length, bool cut,
                                           struct finding *finding)
{
    if (!preamble_starts(bytes, length))
        return FINDING_NONE;
    finding->said =
        (cut ? preamble_parse_cut : preamble_parse)(bytes, length, &finding->as.preamble);
    switch (finding->said) {
    case PREAMBLE_INCOMPLETE:
        return FINDING_INCOMPLETE;
    case PREAMBLE_CONNECT:
    case PREAMBLE_SOCKS:
    case PREAMBLE_PROXY:
        finding->length = finding->as.preamble.length;
        return FINDING_PROXY;
    case PREAMBLE_HTTP:
        return FINDING_HTTP;
    default:
        return FINDING_NONE;
    }
}

static enum finding_kind look_for_tds(const uint8_t *bytes, size_t length, bool cut,
                                      struct finding *finding)
{
    switch (tds_look(bytes, length, &finding->length)) {
    case TDS_INCOMPLETE:
        return FINDING_INCOMPLETE;
    case TDS_OPTIONS:
        return FINDING_PRELUDE;
    case TDS_TLS:
        return finding_of(tds_parse_hello(bytes, length, cut, &finding->as.hello));
    default:
        return FINDING_NONE;
    }
}

/* Whether a hello may stand in the record or behind it. */
static bool may_lead_to_hello(uint8_t type)
{
    return type >= RECORD_CHANGE && type <= RECORD_HEARTBEAT && type != RECORD_DATA;
}

static void look(const uint8_t *bytes, size_t length, bool cut, struct finding *finding)
{
    finding->length = 0;
    if (length == 0) {
        finding->kind = FINDING_INCOMPLETE;
        return;
    }
    finding->kind = FINDING_NONE;
    if (may_lead_to_hello(bytes[0]))
        finding->kind = finding_of(
            (cut ? clienthello_parse_cut : clienthello_parse)(bytes, length, &finding->as.hello));
    else if (bytes[0] == TDS_PRELOGIN)
        finding->kind = look_for_tds(bytes, length, cut, finding);
    if (finding->kind == FINDING_NONE)
        finding->kind = look_for_preamble(bytes, length, cut, finding);
}

bool naming_has_hello(const uint8_t *bytes, size_t length)
{
    uint32_t size;

    return clienthello_starts(bytes, length) || tds_look(bytes, length, &size) == TDS_TLS;
}

void naming_look(const uint8_t *bytes, size_t length, struct finding *finding)
{
    look(bytes, length, false, finding);
}

void naming_look_cut(const uint8_t *bytes, size_t length, struct finding *finding)
{
    look(bytes, length, true, finding);
}
