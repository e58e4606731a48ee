/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/servermetrics.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/capture/keyedhash.h"
#include "daemon/directions.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Up to here a double holds every count; no server gets there. */
#define MOST_COUNTED 9007199254740992.0 /* 2^53 */
/* So that sums of sums are no more than an integer holds. */
#define MOST_PENDING 1152921504606846976.0 /* 2^60 */

/* Entries of the table: users, keys and models of a large LiteLLM multiply. */
#define FEWEST_SERIES 256
#define MOST_SERIES   (1U << 18)

/* Seconds by which the clock of a server's machine may be behind ours. */
#define CLOCK_SLACK_S 60

/* A server that does not say when it began, and fell, may be another one behind the same address:
 * for so many answers nothing is counted, in which the first one may be back. */
#define DOUBT 3

const char *const server_dialect_names[SERVER_DIALECTS + 1] = {
    "auto", "llama.cpp", "vllm", "sglang", "tgi", "litellm", "tensorrt-llm", "lmdeploy", NULL,
};

/* docs/inference-servers.md says where each is from. Names that end in _created are times, those in
 * _bucket and _count are parts of a distribution: none of them is here. */
static const struct server_counter counters[] = {
    /* Without those from the cache, which older ones do not tell. No number of requests. */
    {"llamacpp:prompt_tokens_total", SERVER_LLAMACPP, SERVER_TOKENS_COMPUTED, 0, NULL, NULL},
    {"llamacpp:prompt_tokens_cached_total", SERVER_LLAMACPP, SERVER_TOKENS_CACHED, 0, NULL, NULL},
    {"llamacpp:tokens_predicted_total", SERVER_LLAMACPP, SERVER_TOKENS_OUT, 0, NULL, NULL},

    {"vllm:prompt_tokens_total", SERVER_VLLM, SERVER_TOKENS_IN, 0, NULL, NULL},
    {"vllm:prompt_tokens_cached_total", SERVER_VLLM, SERVER_TOKENS_CACHED, 0, NULL, NULL},
    {"vllm:prompt_tokens_by_source_total", SERVER_VLLM, SERVER_TOKENS_CACHED, 1, "source",
     "!local_compute"},
    {"vllm:prefix_cache_hits_total", SERVER_VLLM, SERVER_TOKENS_CACHED, 2, NULL, NULL},
    {"vllm:generation_tokens_total", SERVER_VLLM, SERVER_TOKENS_OUT, 0, NULL, NULL},
    /* Whatever the reason for which they ended, "abort" among them. */
    {"vllm:request_success_total", SERVER_VLLM, SERVER_REQUESTS, 0, NULL, NULL},

    {"sglang:prompt_tokens_total", SERVER_SGLANG, SERVER_TOKENS_IN, 0, NULL, NULL},
    /* Of each request under the places where they were, or under "total": never both. */
    {"sglang:cached_tokens_total", SERVER_SGLANG, SERVER_TOKENS_CACHED, 0, NULL, NULL},
    {"sglang:generation_tokens_total", SERVER_SGLANG, SERVER_TOKENS_OUT, 0, NULL, NULL},
    /* Those that were aborted while they were computed are among them, with their tokens. So
     * sglang:num_aborted_requests_total, which counts these and those that still waited, is not
     * added: it would count the former twice. */
    {"sglang:num_requests_total", SERVER_SGLANG, SERVER_REQUESTS, 0, NULL, NULL},

    {"tgi_request_input_length_sum", SERVER_TGI, SERVER_TOKENS_IN, 0, NULL, NULL},
    {"tgi_request_generated_tokens_sum", SERVER_TGI, SERVER_TOKENS_OUT, 0, NULL, NULL},
    {"tgi_request_success", SERVER_TGI, SERVER_REQUESTS, 0, NULL, NULL},

    {"litellm_input_tokens_metric_total", SERVER_LITELLM, SERVER_TOKENS_IN, 0, NULL, NULL},
    {"litellm_input_tokens_total", SERVER_LITELLM, SERVER_TOKENS_IN, 1, NULL, NULL},
    {"litellm_input_cached_tokens_metric_total", SERVER_LITELLM, SERVER_TOKENS_CACHED, 0, NULL,
     NULL},
    {"litellm_output_tokens_metric_total", SERVER_LITELLM, SERVER_TOKENS_OUT, 0, NULL, NULL},
    {"litellm_output_tokens_total", SERVER_LITELLM, SERVER_TOKENS_OUT, 1, NULL, NULL},
    {"litellm_proxy_total_requests_metric_total", SERVER_LITELLM, SERVER_REQUESTS, 0, "status_code",
     "200"},
    {"litellm_requests_metric_total", SERVER_LITELLM, SERVER_REQUESTS, 1, NULL, NULL},

    /* Of a request, all when it ends. */
    {"trtllm_prompt_tokens_total", SERVER_TENSORRT, SERVER_TOKENS_IN, 0, NULL, NULL},
    {"trtllm_prompt_cached_tokens_total", SERVER_TENSORRT, SERVER_TOKENS_CACHED, 0, NULL, NULL},
    {"trtllm_generation_tokens_total", SERVER_TENSORRT, SERVER_TOKENS_OUT, 0, NULL, NULL},
    {"trtllm_request_success_total", SERVER_TENSORRT, SERVER_REQUESTS, 0, NULL, NULL},

    {"lmdeploy:prompt_tokens_total", SERVER_LMDEPLOY, SERVER_TOKENS_IN, 0, NULL, NULL},
    {"lmdeploy:generation_tokens_total", SERVER_LMDEPLOY, SERVER_TOKENS_OUT, 0, NULL, NULL},
    {"lmdeploy:request_success_total", SERVER_LMDEPLOY, SERVER_REQUESTS, 0, NULL, NULL},
};

#define COUNTERS COUNT_OF(counters)
#define NO_RANK  UINT_MAX

/* A counter with certain labels. One that is gone keeps its place: it may come back. */
struct series {
    uint64_t hash; /* 0: the entry is free */
    double last;   /* in the last answer that had it; 0: in none yet */
    double base;   /* up to there it was counted */
    double before; /* it fell from there */
    double now;
    uint32_t place; /* of its team and model */
    uint8_t counter;
    bool seen; /* in this answer */
};

struct servermetrics {
    struct servermetrics_setup setup;
    enum server_dialect dialect;
    struct prometheus parser;
    struct hash_key key;
    struct series *series; /* by hash, open addressing */
    size_t capacity;       /* a power of two */
    size_t count;
    bool has_base;
    int64_t answered_s; /* when the last answer was read */
    double started_s;   /* of the process that gave it; NaN: it does not say */
    double starts_s;    /* of the one that gives this one */
    unsigned doubt;     /* answers for which nothing is counted yet */
    bool several;       /* one was back: falls are another server's */
    bool absurd;
    bool full;
    uint64_t unknown_teams;
    unsigned ranks[SERVER_QUANTITIES]; /* of the counters that were read last */
    size_t place_count;                /* of teams and models: */
    double *pending;                   /* SERVER_QUANTITIES of each */
};

/* -- Names ------------------------------------------------------------------------------------ */

static bool has_label(const struct prometheus_sample *sample, const struct server_counter *counter)
{
    const char *value;
    bool other;

    if (!counter->label)
        return true;
    value = prometheus_label(sample, counter->label);
    other = counter->value[0] == '!';
    return (strcmp(value, counter->value + other) == 0) != other;
}

/* Python's client of Prometheus writes "_" for ":" in samples where OpenMetrics was asked for, by
 * whatever stands between (https://github.com/prometheus/client_python/issues/1177). */
static bool is_named(const char *name, const char *counter)
{
    while (*counter && (*name == *counter || (*counter == ':' && *name == '_'))) {
        name++;
        counter++;
    }
    return *name == *counter;
}

const struct server_counter *servermetrics_find(const struct prometheus_sample *sample,
                                                enum server_dialect *dialect)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        if (!is_named(sample->name, counters[i].name))
            continue;
        if (*dialect == SERVER_AUTO)
            *dialect = counters[i].dialect;
        return *dialect == counters[i].dialect && has_label(sample, &counters[i]) ? &counters[i]
                                                                                  : NULL;
    }
    return NULL;
}

const char *servermetrics_model(const struct prometheus_sample *sample)
{
    static const char *const labels[] = {"model_name", "model", "requested_model"};
    const char *name = "";

    for (size_t i = 0; i < COUNT_OF(labels) && !*name; i++)
        name = prometheus_label(sample, labels[i]);
    return name;
}

const char *servermetrics_team(const struct prometheus_sample *sample)
{
    const char *name = prometheus_label(sample, "team_alias");

    return strcmp(name, "None") == 0 ? "" : name; /* as Python prints that there is none */
}

/* Index of the team in the configuration; one more than the last: it is none of them. */
static size_t find_team(struct servermetrics *metrics, const struct prometheus_sample *sample)
{
    const struct servermetrics_setup *setup = &metrics->setup;
    const char *name = metrics->dialect == SERVER_LITELLM ? servermetrics_team(sample) : "";
    size_t team = 0;

    while (team < setup->team_count && strcmp(setup->teams[team].label, name) != 0)
        team++;
    metrics->unknown_teams += team == setup->team_count && *name;
    return team;
}

static size_t find_model(const struct servermetrics *metrics,
                         const struct prometheus_sample *sample)
{
    const struct servermetrics_setup *setup = &metrics->setup;
    const char *name = servermetrics_model(sample);
    size_t model = 0;

    while (model < setup->model_count && strcmp(setup->models[model].name, name) != 0)
        model++;
    return model;
}

/* -- One answer ------------------------------------------------------------------------------- */

/* The entry of HASH, or the free one where it goes. */
static struct series *find_entry(const struct servermetrics *metrics, uint64_t hash)
{
    size_t at = hash >> 1 & (metrics->capacity - 1); /* the lowest bit is always set */

    while (metrics->series[at].hash != 0 && metrics->series[at].hash != hash)
        at = (at + 1) & (metrics->capacity - 1);
    return &metrics->series[at];
}

static bool make_room(struct servermetrics *metrics)
{
    struct series *old = metrics->series;
    size_t old_capacity = metrics->capacity;
    struct series *series;

    if (2 * metrics->count < old_capacity)
        return true;
    series = old_capacity < MOST_SERIES ? calloc(2 * old_capacity, sizeof(*series)) : NULL;
    if (!series)
        return false;
    metrics->series = series;
    metrics->capacity = 2 * old_capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].hash != 0)
            *find_entry(metrics, old[i].hash) = old[i];
    free(old);
    return true;
}

/* NULL when there is no room for it. */
static struct series *find_series(struct servermetrics *metrics,
                                  const struct prometheus_sample *sample)
{
    uint64_t hash = keyedhash(&metrics->key, sample->name, sample->size) | 1;
    struct series *series = find_entry(metrics, hash);

    if (series->hash != 0)
        return series;
    if (!make_room(metrics))
        return NULL;
    series = find_entry(metrics, hash);
    series->hash = hash;
    metrics->count++;
    return series;
}

static void take_sample(void *context, const struct prometheus_sample *sample)
{
    struct servermetrics *metrics = context;
    const struct server_counter *counter = servermetrics_find(sample, &metrics->dialect);
    struct series *series;

    if (strcmp(sample->name, "process_start_time_seconds") == 0)
        metrics->starts_s = sample->value;
    if (!counter)
        return;
    metrics->absurd = metrics->absurd || !servermetrics_is_possible(sample->value);
    series = find_series(metrics, sample);
    metrics->full = metrics->full || !series;
    if (!series)
        return;
    series->counter = (uint8_t)(counter - counters);
    series->place = (uint32_t)(find_team(metrics, sample) * (metrics->setup.model_count + 1) +
                               find_model(metrics, sample));
    series->now = sample->value;
    series->seen = true;
}

void servermetrics_begin(struct servermetrics *metrics)
{
    for (size_t i = 0; i < metrics->capacity; i++)
        metrics->series[i].seen = false;
    metrics->absurd = false;
    metrics->full = false;
    metrics->unknown_teams = 0;
    metrics->starts_s = NAN;
    prometheus_start(&metrics->parser, take_sample, metrics);
}

void servermetrics_bytes(struct servermetrics *metrics, const uint8_t *bytes, size_t length)
{
    prometheus_bytes(&metrics->parser, bytes, length);
}

void servermetrics_drop(struct servermetrics *metrics)
{
    prometheus_end(&metrics->parser);
}

/* The lowest rank of each quantity's counters in this answer. Returns whether there is any. */
static bool find_ranks(const struct servermetrics *metrics, unsigned ranks[SERVER_QUANTITIES])
{
    bool found = false;

    for (size_t i = 0; i < SERVER_QUANTITIES; i++)
        ranks[i] = NO_RANK;
    for (size_t i = 0; i < metrics->capacity; i++) {
        const struct server_counter *counter = &counters[metrics->series[i].counter];

        if (!metrics->series[i].seen)
            continue;
        found = true;
        if (counter->rank < ranks[counter->quantity])
            ranks[counter->quantity] = counter->rank;
    }
    return found;
}

/* More than half of those that had counted anything fell. That alone tells of a new start where
 * the server does not: one or the other may fall because it was removed and made anew. */
static bool most_fell(const struct servermetrics *metrics)
{
    size_t known = 0;
    size_t fell = 0;

    for (size_t i = 0; i < metrics->capacity; i++) {
        const struct series *series = &metrics->series[i];

        known += series->seen && series->last > 0;
        fell += series->seen && series->now < series->last;
    }
    return 2 * fell > known;
}

/* More than half of those that fell are back where they were. */
static bool most_are_back(const struct servermetrics *metrics)
{
    size_t known = 0;
    size_t back = 0;

    for (size_t i = 0; i < metrics->capacity; i++) {
        const struct series *series = &metrics->series[i];

        known += series->seen && series->before > 0;
        back += series->seen && series->last < series->before && series->now >= series->before;
    }
    return 2 * back > known;
}

/* Of a server that does not say when it began. */
static enum servermetrics_result guess_result(const struct servermetrics *metrics)
{
    if ((metrics->several || metrics->doubt > 0) && most_are_back(metrics))
        return SERVERMETRICS_OTHER;
    if (!most_fell(metrics))
        return SERVERMETRICS_COUNTED;
    return metrics->several ? SERVERMETRICS_OTHER : SERVERMETRICS_BEGAN_ANEW;
}

static enum servermetrics_result find_result(const struct servermetrics *metrics)
{
    if (!metrics->has_base)
        return SERVERMETRICS_FIRST;
    if (isnan(metrics->starts_s) || isnan(metrics->started_s))
        return guess_result(metrics);
    if (metrics->starts_s == metrics->started_s)
        return SERVERMETRICS_COUNTED;
    return metrics->starts_s + CLOCK_SLACK_S > (double)metrics->answered_s
               ? SERVERMETRICS_BEGAN_ANEW
               : SERVERMETRICS_OTHER;
}

/* A series that is lower than it was began from 0. */
static double growth(const struct series *series)
{
    return series->now >= series->base ? series->now - series->base : series->now;
}

static void add_growth(struct servermetrics *metrics, const struct series *series,
                       const unsigned ranks[SERVER_QUANTITIES], bool anew)
{
    const struct server_counter *counter = &counters[series->counter];
    unsigned before = metrics->ranks[counter->quantity];
    double *pending =
        &metrics->pending[series->place * SERVER_QUANTITIES + (size_t)counter->quantity];

    /* That another counter counts the same now is no use. */
    if (counter->rank == ranks[counter->quantity] &&
        (anew || before == NO_RANK || before == counter->rank))
        *pending = fmin(*pending + growth(series), MOST_PENDING);
}

static void note_doubt(struct servermetrics *metrics, enum servermetrics_result result)
{
    if (!isnan(metrics->starts_s))
        metrics->doubt = 0;
    else if (result == SERVERMETRICS_BEGAN_ANEW)
        metrics->doubt = DOUBT;
    else if (metrics->doubt > 0)
        metrics->doubt--;
    if (result != SERVERMETRICS_OTHER)
        return;
    metrics->doubt = 0;
    metrics->several = isnan(metrics->starts_s);
}

static void count(struct servermetrics *metrics, const unsigned ranks[SERVER_QUANTITIES],
                  enum servermetrics_result result)
{
    /* All of them began from 0, also those that are above what they were by now. */
    bool anew = result == SERVERMETRICS_BEGAN_ANEW;
    bool counts = result != SERVERMETRICS_FIRST && result != SERVERMETRICS_OTHER;

    for (size_t i = 0; i < metrics->capacity; i++) {
        struct series *series = &metrics->series[i];

        if (anew && !isnan(metrics->starts_s))
            series->last = series->base = 0;
        if (!series->seen)
            continue;
        if (series->now < series->last)
            series->before = series->last;
        if (metrics->doubt > 0) {
            series->base = anew && series->now < series->last ? 0 : series->base;
        } else {
            if (counts)
                add_growth(metrics, series, ranks, anew);
            series->base = series->now;
        }
        series->last = series->now;
    }
}

enum servermetrics_result servermetrics_end(struct servermetrics *metrics, bool must_end,
                                            int64_t now_s)
{
    enum servermetrics_result result;
    unsigned ranks[SERVER_QUANTITIES];
    bool found = find_ranks(metrics, ranks);

    if (!prometheus_end(&metrics->parser) || (must_end && !metrics->parser.ended))
        return SERVERMETRICS_CUT;
    if (metrics->absurd)
        return SERVERMETRICS_ABSURD;
    if (metrics->full)
        return SERVERMETRICS_FULL;
    /* A server that says when it began, and has counted nothing yet, will count from 0. */
    if (!found && isnan(metrics->starts_s))
        return SERVERMETRICS_NOTHING;
    result = find_result(metrics);
    note_doubt(metrics, result);
    count(metrics, ranks, result);
    for (size_t i = 0; i < SERVER_QUANTITIES; i++)
        if (ranks[i] != NO_RANK)
            metrics->ranks[i] = ranks[i];
    metrics->has_base = true;
    metrics->answered_s = now_s;
    metrics->started_s = metrics->starts_s;
    return found ? result : SERVERMETRICS_NOTHING;
}

bool servermetrics_is_possible(double counted)
{
    return counted >= 0 && counted <= MOST_COUNTED;
}

const char *servermetrics_problem(enum servermetrics_result result)
{
    switch (result) {
    case SERVERMETRICS_OTHER:
        return "another server answers than before: nothing that it counted until now is taken";
    case SERVERMETRICS_NOTHING:
        return "has no counter of the configured dialect (some have none before the first request)";
    case SERVERMETRICS_CUT:
        return "its answer is not complete";
    case SERVERMETRICS_ABSURD:
        return "a counter is negative, too large, or no number";
    case SERVERMETRICS_FULL:
        return "it has too many counters; let it have fewer labels";
    default:
        return NULL;
    }
}

/* -- What comes of it ------------------------------------------------------------------------- */

static uint64_t whole(double pending)
{
    return (uint64_t)pending;
}

/* Of one team and model; what is not whole, and what cache there is without input, waits. */
static struct server_use take_pending(double pending[SERVER_QUANTITIES])
{
    struct server_use use = {
        .requests = whole(pending[SERVER_REQUESTS]),
        .tokens_in = whole(pending[SERVER_TOKENS_IN]),
        .tokens_cached = whole(pending[SERVER_TOKENS_CACHED]),
        .tokens_out = whole(pending[SERVER_TOKENS_OUT]),
    };
    uint64_t computed = whole(pending[SERVER_TOKENS_COMPUTED]);

    pending[SERVER_REQUESTS] -= (double)use.requests;
    pending[SERVER_TOKENS_IN] -= (double)use.tokens_in;
    pending[SERVER_TOKENS_COMPUTED] -= (double)computed;
    pending[SERVER_TOKENS_OUT] -= (double)use.tokens_out;
    if (computed > 0)
        use.tokens_in += computed + use.tokens_cached;
    if (use.tokens_cached > use.tokens_in)
        use.tokens_cached = use.tokens_in;
    pending[SERVER_TOKENS_CACHED] -= (double)use.tokens_cached;
    return use;
}

size_t servermetrics_take(struct servermetrics *metrics, struct server_use *out, size_t size)
{
    const struct servermetrics_setup *setup = &metrics->setup;
    size_t count = 0;

    for (size_t place = 0; place < metrics->place_count && count < size; place++) {
        size_t team = place / (setup->model_count + 1);
        size_t model = place % (setup->model_count + 1);
        struct server_use use = take_pending(&metrics->pending[place * SERVER_QUANTITIES]);

        if (use.requests == 0 && use.tokens_in == 0 && use.tokens_out == 0)
            continue;
        use.direction_id = team < setup->team_count ? setup->teams[team].direction
                                                    : (uint16_t)DIRECTION_UNASSIGNED;
        use.service_id = model < setup->model_count ? setup->models[model].service : setup->service;
        out[count++] = use;
    }
    return count;
}

struct servermetrics *servermetrics_new(const struct servermetrics_setup *setup)
{
    struct servermetrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return NULL;
    metrics->setup = *setup;
    metrics->dialect = setup->dialect;
    metrics->started_s = NAN;
    metrics->place_count = (setup->team_count + 1) * (setup->model_count + 1);
    for (size_t i = 0; i < SERVER_QUANTITIES; i++)
        metrics->ranks[i] = NO_RANK;
    metrics->pending = calloc(metrics->place_count * SERVER_QUANTITIES, sizeof(*metrics->pending));
    metrics->capacity = FEWEST_SERIES;
    metrics->series = calloc(metrics->capacity, sizeof(*metrics->series));
    if (metrics->series && metrics->pending && keyedhash_draw(&metrics->key))
        return metrics;
    servermetrics_free(metrics);
    return NULL;
}

void servermetrics_free(struct servermetrics *metrics)
{
    if (!metrics)
        return;
    free(metrics->series);
    free(metrics->pending);
    explicit_bzero(&metrics->key, sizeof(metrics->key));
    free(metrics);
}

enum server_dialect servermetrics_dialect(const struct servermetrics *metrics)
{
    return metrics->dialect;
}

uint64_t servermetrics_unknown_teams(const struct servermetrics *metrics)
{
    return metrics->unknown_teams;
}

struct prometheus_counts servermetrics_counts(const struct servermetrics *metrics)
{
    return metrics->parser.counts;
}
