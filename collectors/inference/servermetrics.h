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
    SERVER_TENSORRT,
    SERVER_LMDEPLOY,
    SERVER_DIALECTS
};

/* "auto", "llama.cpp", "vllm", "sglang", "tgi", "litellm", "tensorrt-llm", "lmdeploy"; ended by
 * NULL. */
extern const char *const server_dialect_names[SERVER_DIALECTS + 1];

/* What a counter counts. */
enum server_quantity {
    SERVER_REQUESTS,
    SERVER_TOKENS_IN,       /* those from the cache included, */
    SERVER_TOKENS_COMPUTED, /* or without them */
    SERVER_TOKENS_CACHED,
    SERVER_TOKENS_OUT,
    SERVER_QUANTITIES
};

struct server_counter {
    const char *name;
    enum server_dialect dialect;
    enum server_quantity quantity;
    unsigned rank;     /* of several that count the same, those of the lowest are read */
    const char *label; /* NULL: whatever its labels are; else where this one is */
    const char *value; /* this, or with "!" first, anything else */
};

/* Which counter SAMPLE is of; NULL: of none that matters. *DIALECT AUTO becomes that of the
 * counter. */
const struct server_counter *servermetrics_find(const struct prometheus_sample *sample,
                                                enum server_dialect *dialect);
/* The names of the model, and of the team, in its labels; "": it has none. */
const char *servermetrics_model(const struct prometheus_sample *sample);
const char *servermetrics_team(const struct prometheus_sample *sample);

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
    SERVERMETRICS_COUNTED,
    SERVERMETRICS_FIRST,      /* what it counted before is not of our time: all is from here on */
    SERVERMETRICS_BEGAN_ANEW, /* it was started again since: what it counts now is all new, and what
                                 it counted between its last answer and its end is missing */
    SERVERMETRICS_OTHER,      /* another server answers, which ran before: as the first */
    SERVERMETRICS_NOTHING,    /* no counter that we know; nothing changes, */
    SERVERMETRICS_CUT,        /* nor by an answer that is not complete, */
    SERVERMETRICS_ABSURD,     /* nor by one in which a counter is no count */
    SERVERMETRICS_FULL        /* or that has more counters than there is room for */
};

/* Whether a counter can say so. Otherwise nothing of the answer is taken. */
bool servermetrics_is_possible(double counted);

/* One sentence about what is wrong; NULL: nothing is. */
const char *servermetrics_problem(enum servermetrics_result result);

struct servermetrics;

/* What SETUP points to must outlive it. NULL when memory or randomness is missing. */
struct servermetrics *servermetrics_new(const struct servermetrics_setup *setup);
void servermetrics_free(struct servermetrics *metrics);

/* An answer: its bytes, then whether it is complete, and the time (Unix seconds). MUST_END: it is
 * OpenMetrics, which says itself where it ends. */
void servermetrics_begin(struct servermetrics *metrics);
void servermetrics_bytes(struct servermetrics *metrics, const uint8_t *bytes, size_t length);
void servermetrics_drop(struct servermetrics *metrics); /* instead: it did not come to its end */
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
