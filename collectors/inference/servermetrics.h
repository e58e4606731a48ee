/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SERVERMETRICS_H
#define IAGMETER_SERVERMETRICS_H

#include "collectors/collector.h"
#include "collectors/inference/prometheus.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an inference server says of itself (its /metrics), as sums by direction and service. Each
 * server has names and meanings of its own; docs/inference-servers.md has them with their sources.
 * Of the labels only a sum's service and direction are kept: never a name of a user, key or team.
 */

enum server_dialect {
    SERVER_AUTO, /* that whose counter comes first */
    SERVER_LLAMACPP,
    SERVER_VLLM,
    SERVER_SGLANG,
    SERVER_TGI,
    SERVER_LITELLM,
    SERVER_DIALECTS
};

/* "auto", "llama.cpp", "vllm", "sglang", "tgi", "litellm"; ended by NULL. */
extern const char *const server_dialect_names[SERVER_DIALECTS + 1];

/* What a counter counts. */
enum server_quantity {
    SERVER_REQUESTS,
    SERVER_TOKENS_IN,       /* those from the cache included, */
    SERVER_TOKENS_COMPUTED, /* or not */
    SERVER_TOKENS_CACHED,
    SERVER_TOKENS_OUT,
    SERVER_QUANTITIES
};

/* Which counter SAMPLE is; NULL: none that matters. *DIALECT AUTO becomes that of the counter. */
struct server_counter {
    const char *name;
    uint8_t dialect;         /* enum server_dialect */
    uint8_t quantity;        /* enum server_quantity */
    uint8_t rank;            /* of several that a server may have, that of the lowest is read */
    const char *label;       /* with this label, */
    const char *value;       /* of this value; with "!" first, of any other; NULL: of any */
    const char *model_label; /* where the model's name stands; NULL: the server has one model */
};
const struct server_counter *servermetrics_find(const struct prometheus_sample *sample,
                                                enum server_dialect *dialect);
/* The name of the team that SAMPLE is of; "": of none. */
const char *servermetrics_team(const struct prometheus_sample *sample,
                               const struct server_counter *counter);

struct server_model {
    const char *name;
    uint16_t service;
};

struct server_team {
    const char *label;
    uint16_t direction;
};

struct servermetrics_setup {
    enum server_dialect dialect;
    uint16_t service; /* of models that are not listed */
    const struct server_model *models;
    size_t model_count;
    const struct server_team *teams;
    size_t team_count;
};

enum servermetrics_result {
    SERVERMETRICS_FIRST, /* what it counted before is not of our time: from here on, all is */
    SERVERMETRICS_COUNTED,
    SERVERMETRICS_BEGAN_ANEW, /* it was started again: what it counted since its last answer and
                                 before is missing, the rest counts */
    SERVERMETRICS_FELL,       /* a counter fell though the server runs on: it counts from there */
    SERVERMETRICS_OTHER,      /* another server answers, which ran before: as the first */
    SERVERMETRICS_NOTHING,    /* no answer of a server that we know; nothing changes, */
    SERVERMETRICS_CUT,        /* nor with one that is not complete, */
    SERVERMETRICS_ABSURD,     /* or in which a counter is no count */
    SERVERMETRICS_FULL        /* or that has more models and teams than there is room for */
};

/* One sentence about what went wrong; NULL: nothing did. */
const char *servermetrics_problem(enum servermetrics_result result);

struct servermetrics;

/* What SETUP points to must outlive it. NULL when memory is exhausted. */
struct servermetrics *servermetrics_new(const struct servermetrics_setup *setup);
void servermetrics_free(struct servermetrics *metrics);

/* An answer: its bytes, then whether it is complete, and the time (Unix seconds). MUST_END: it is
 * OpenMetrics, which says itself where it ends. */
void servermetrics_begin(struct servermetrics *metrics);
void servermetrics_bytes(struct servermetrics *metrics, const uint8_t *bytes, size_t length);
enum servermetrics_result servermetrics_end(struct servermetrics *metrics, bool must_end,
                                            int64_t now_s);

/* What was counted since this was called last, up to SIZE entries; to be called again when it fills
 * all of them. A server that says no number of requests has 0. */
size_t servermetrics_take(struct servermetrics *metrics, struct server_use *out, size_t size);

/* That the answers were in so far; AUTO: not known yet. */
enum server_dialect servermetrics_dialect(const struct servermetrics *metrics);
/* Of the last answer: samples of teams that are not configured, which counted as unassigned, */
uint64_t servermetrics_unknown_teams(const struct servermetrics *metrics);
/* and lines that could not be read. */
struct prometheus_counts servermetrics_counts(const struct servermetrics *metrics);

#endif
