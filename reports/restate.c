/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/restate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/localimpact.h"
#include "daemon/servicefactors.h"
#include "daemon/version.h"
#include "reports/localhost.h"

#define DAY_S           86400
#define MONTHS_PER_YEAR 12
#define LARGEST_ID      (1 << 16) /* of directions or services in a ledger */
#define TOLERANCE       1e-12     /* relative; of the same figure, computed another way */
#define NO_PAIR         UINT32_MAX

/* ---- Factors by steps ---- */

/* From the factors of the recording to the new ones, one group after the other: in the order of
 * enum statement_cause, each step being where that cause leads. The last leads to the new factors.
 */
enum step { STEP_OLD, STEP_MODELS, STEP_METHOD, STEP_DATA_CENTRES, STEP_ELECTRICITY, STEPS };

/* One model of a mix, exchanged step by step. */
struct ladder {
    struct rates rates[STEPS];
    bool same[STEPS]; /* as the step before */
    struct zone_factors zone;
};

struct mix_rates {
    struct rates parts[MIX_PARTS];
};

struct mix_ladder {
    struct ladder parts[MIX_PARTS];
};

/* One service of the ledger: what it runs by today's catalogue, with the new factors, and with
 * those of each vintage that something was recorded with. */
struct series {
    bool known;
    bool is_local;                    /* of a host of our own: its energy was measured */
    struct local_factors local;       /* new */
    struct zone_factors *local_steps; /* of each vintage, the host's zone; of each step */
    bool *local_at_hand;              /* of each vintage */
    struct service_factors factors;   /* items by date; no items: no estimate today */
    struct mix_rates *rates;          /* of each item, new */
    struct mix_ladder **ladders;      /* of each vintage, of each item; NULL: not at hand */
};

struct vintage {
    char name[sizeof(((struct statement_set *)0)->vintage)];
    const struct factors *factors; /* NULL: not at hand */
    struct factors *owned;
};

struct set {
    int64_t id; /* in the ledger */
    size_t vintage;
    uint64_t digest;
    bool used;
};

/* From an interval on, rows were recorded with this set. */
struct run {
    int64_t from_s;
    size_t set;
};

/* ---- Sums ---- */

/* A pair of direction and service in one month. */
struct cell {
    double energy_j; /* measured at a host of our own */
    double host_s;
    bool seen; /* also when only in the margin of the month's first or last UTC day */
    bool active;
    uint32_t position; /* among those seen */
    uint32_t devices;
    uint64_t inside; /* UTC days, bit 0 the month's first: active within the month */
    uint64_t outside;
    struct statement_use use;
    struct impact recorded;
    struct impact restated;
    /* Central values, of what was recorded with factors that are at hand. */
    double recorded_at_hand[RATES_QUANTITIES];
    double steps[STEPS][RATES_QUANTITIES];
    double restated_at_hand[RATES_QUANTITIES];
    /* And of the rest. */
    double recorded_other[RATES_QUANTITIES];
    double restated_other[RATES_QUANTITIES];
};

struct span {
    struct calendar_month month;
    int64_t until_s;        /* end of what is restated of it */
    int64_t window_from_s;  /* of its first UTC day */
    int64_t window_until_s; /* of its last one */
    struct cell *cells;     /* by pair */
    size_t cell_count;
    uint32_t seen;
    bool incomplete; /* some of it was recorded with a vintage that is not at hand */
};

struct pair {
    int64_t direction;
    int64_t service;
};

struct names {
    char (*items)[MONTH_ID_SIZE]; /* by number in the ledger; "" is none */
    size_t count;
};

struct restatement {
    struct ledger *ledger;
    const struct config *config;
    const struct restate_query *query;
    struct statement *statement;
    struct span *spans;
    size_t span_count;
    size_t impact_span; /* of the last row of impact, of activity */
    size_t activity_span;
    size_t day_span;
    size_t devices_span;
    size_t activity_run;
    struct names directions;
    struct names services;
    struct series *series; /* by number of service */
    struct pair *pairs;
    size_t pair_count;
    uint32_t *pair_of; /* [direction * services.count + service] */
    struct vintage *vintages;
    size_t vintage_count;
    struct set *sets;
    size_t set_count;
    struct run *runs;
    size_t run_count;
    bool has_activity;
    enum restate_status status;
    char *error;
    size_t error_size;
};

static bool fail(struct restatement *all, enum restate_status status, const char *why)
{
    all->status = status;
    snprintf(all->error, all->error_size, "%s", why);
    return false;
}

static bool out_of_memory(struct restatement *all)
{
    return fail(all, RESTATE_NOTHING, "out of memory");
}

/* Room for one more, doubling; the old items are untouched when it fails. */
static void *grow(void *items, size_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return items;
    return reallocarray(items, count > 0 ? 2 * count : 1, size);
}

/* ---- The period ---- */

static struct span span_of(struct calendar_month month, int64_t until_s)
{
    struct span span = {.month = month, .until_s = month.end < until_s ? month.end : until_s};

    span.window_from_s = month.start / DAY_S * DAY_S;
    span.window_until_s = (span.until_s + DAY_S - 1) / DAY_S * DAY_S;
    return span;
}

static bool set_period(struct restatement *all)
{
    const struct restate_query *query = all->query;
    struct statement *statement = all->statement;
    int64_t now_s = calendar_interval(query->now_s);
    struct calendar_month first, last, month;

    if (!calendar_parse_period(query->period, &first, &last) ||
        strlen(query->period) >= sizeof(statement->period)) {
        snprintf(all->error, all->error_size,
                 "\"%.40s\" is not a period: 2026, 2026-10 or 2026-01..2026-06", query->period);
        all->status = RESTATE_USAGE;
        return false;
    }
    if (first.start >= now_s) {
        snprintf(all->error, all->error_size, "%s lies in the future", query->period);
        all->status = RESTATE_NOTHING;
        return false;
    }
    snprintf(statement->period, sizeof(statement->period), "%s", query->period);
    statement->running = now_s < last.end;
    statement->from_s = first.start;
    statement->until_s = statement->running ? now_s : last.end;
    month = first;
    do {
        struct span *spans = grow(all->spans, all->span_count, sizeof(*spans));

        if (!spans)
            return out_of_memory(all);
        all->spans = spans;
        spans[all->span_count++] = span_of(month, statement->until_s);
        month = calendar_shift(month, 1);
    } while (month.start <= last.start && month.start < statement->until_s);
    return true;
}

/* The span that holds TIME, or the count of spans. *CURSOR is where the last question ended: rows
 * come by time. */
static size_t span_at(const struct restatement *all, size_t *cursor, int64_t time_s)
{
    while (*cursor < all->span_count && time_s >= all->spans[*cursor].until_s)
        ++*cursor;
    return *cursor < all->span_count && time_s >= all->spans[*cursor].month.start ? *cursor
                                                                                  : all->span_count;
}

/* ---- Names ---- */

static bool take_name(struct restatement *all, struct names *names, int64_t id, const char *name)
{
    if (id < 0 || id > LARGEST_ID)
        return fail(all, RESTATE_NOTHING, "the ledger has too many directions or services");
    if ((size_t)id >= names->count) {
        char(*items)[MONTH_ID_SIZE] =
            reallocarray(names->items, (size_t)id + 1, sizeof(*names->items));

        if (!items)
            return out_of_memory(all);
        memset(items[names->count], 0, ((size_t)id + 1 - names->count) * sizeof(*items));
        names->items = items;
        names->count = (size_t)id + 1;
    }
    snprintf(names->items[id], sizeof(*names->items), "%s", name);
    return true;
}

static bool take_direction(void *context, int64_t id, const char *code)
{
    struct restatement *all = context;

    return take_name(all, &all->directions, id, code);
}

static bool take_service(void *context, int64_t id, const char *name)
{
    struct restatement *all = context;

    return take_name(all, &all->services, id, name);
}

/* ---- Factors ---- */

bool restate_vintage_path(const struct config *config, const char *name, char out[PATH_MAX])
{
    const char *slash = strrchr(config->factors_path, '/');
    int directory = slash ? (int)(slash - config->factors_path) : 0;

    if (strchr(name, '/'))
        return snprintf(out, PATH_MAX, "%s", name) < PATH_MAX;
    return snprintf(out, PATH_MAX, "%.*s/%s", directory, config->factors_path, name) < PATH_MAX;
}

/* The configured vintage, or what is beside it under the name of this one. What is wrong with that
 * is not told: then its factors are not at hand. */
static void open_vintage(struct restatement *all, struct vintage *vintage)
{
    struct diagnostics *diagnostics;
    char path[PATH_MAX];

    if (strcmp(factors_vintage(all->config->factors), vintage->name) == 0) {
        vintage->factors = all->config->factors;
        return;
    }
    diagnostics = diagnostics_new();
    if (diagnostics && !strchr(vintage->name, '/') &&
        restate_vintage_path(all->config, vintage->name, path))
        vintage->owned = factors_load(path, diagnostics);
    diagnostics_free(diagnostics);
    if (vintage->owned && strcmp(factors_vintage(vintage->owned), vintage->name) == 0)
        vintage->factors = vintage->owned;
}

static bool take_factor_set(void *context, int64_t id, const char *name, uint64_t digest)
{
    struct restatement *all = context;
    struct set *sets = grow(all->sets, all->set_count, sizeof(*sets));
    struct vintage *vintages;
    size_t index = 0;

    if (!sets)
        return out_of_memory(all);
    all->sets = sets;
    while (index < all->vintage_count && strcmp(all->vintages[index].name, name) != 0)
        index++;
    sets[all->set_count++] = (struct set){.id = id, .vintage = index, .digest = digest};
    if (index < all->vintage_count)
        return true;
    vintages = grow(all->vintages, all->vintage_count, sizeof(*vintages));
    if (!vintages)
        return out_of_memory(all);
    all->vintages = vintages;
    vintages = &vintages[all->vintage_count++];
    *vintages = (struct vintage){.name = ""};
    snprintf(vintages->name, sizeof(vintages->name), "%s", name);
    open_vintage(all, vintages);
    return true;
}

/* OLD, exchanged for NEW group by group. Where the old vintage does not know the new place, its
 * electricity is the new one's from there on. */
static void climb(const struct factors *old_factors, const struct impact_factors *old,
                  const struct impact_factors *new, struct ladder *ladder)
{
    struct impact_factors factors[STEPS];
    const struct zone_factors *place = factors_zone(old_factors, new->zone->id);

    factors[STEP_OLD] = *old;
    factors[STEP_MODELS] = factors[STEP_OLD];
    factors[STEP_MODELS].model = new->model;
    factors[STEP_METHOD] = factors[STEP_MODELS];
    factors[STEP_METHOD].method = new->method;
    factors[STEP_METHOD].method_b = new->method_b;
    factors[STEP_METHOD].uncertainty = new->uncertainty;
    factors[STEP_DATA_CENTRES] = factors[STEP_METHOD];
    factors[STEP_DATA_CENTRES].provider = new->provider;
    factors[STEP_DATA_CENTRES].zone = place ? place : new->zone;
    factors[STEP_ELECTRICITY] = factors[STEP_DATA_CENTRES];
    ladder->zone = *new->zone;
    ladder->zone.ewif_l_per_kwh = factors[STEP_DATA_CENTRES].zone->ewif_l_per_kwh;
    factors[STEP_ELECTRICITY].zone = &ladder->zone;
    for (int step = 0; step < STEPS; step++) {
        ladder->rates[step] = rates_of(&factors[step]);
        ladder->same[step] =
            step > 0 && rates_same_central(&ladder->rates[step], &ladder->rates[step - 1]);
    }
}

/* One for each item of SERIES. NULL when this vintage lacks what the catalogue names today. */
static struct mix_ladder *new_ladders(const struct restatement *all, const struct factors *factors,
                                      uint16_t number, const struct series *series)
{
    struct mix_ladder *ladders;
    struct service_factors old;

    if (!factors || service_factors_resolve(factors, all->config->catalogue, number, &old))
        return NULL;
    ladders = calloc(series->factors.count + 1, sizeof(*ladders));
    for (size_t i = 0; ladders && i < series->factors.count; i++)
        for (size_t part = 0; part < series->factors.items[i].count; part++)
            climb(factors, &old.items[i].parts[part], &series->factors.items[i].parts[part],
                  &ladders[i].parts[part]);
    service_factors_free(&old);
    return ladders;
}

/* The zone of OLD, exchanged for NEW group by group; what a host has of its own is as it is in
 * today's host.conf from the first step on. */
static void climb_zone(const struct zone_factors *old, const struct zone_factors *new,
                       struct zone_factors steps[STEPS])
{
    for (int step = 0; step < STEP_ELECTRICITY; step++)
        steps[step] = *old;
    steps[STEP_ELECTRICITY] = *new;
    steps[STEP_ELECTRICITY].ewif_l_per_kwh = old->ewif_l_per_kwh;
}

static bool open_local(struct restatement *all, struct series *series)
{
    const char *problem =
        local_factors_resolve(all->config->host, all->query->factors, &series->local);

    if (problem) {
        snprintf(all->error, all->error_size, "vintage %s: %s",
                 factors_vintage(all->query->factors), problem);
        all->status = RESTATE_USAGE;
        return false;
    }
    series->is_local = true;
    series->local_steps = calloc(STEPS * all->vintage_count + 1, sizeof(*series->local_steps));
    series->local_at_hand = calloc(all->vintage_count + 1, sizeof(*series->local_at_hand));
    if (!series->local_steps || !series->local_at_hand)
        return out_of_memory(all);
    for (size_t i = 0; i < all->vintage_count; i++) {
        struct local_factors old;

        if (!all->vintages[i].factors ||
            local_factors_resolve(all->config->host, all->vintages[i].factors, &old))
            continue;
        series->local_at_hand[i] = true;
        climb_zone(old.zone, series->local.zone, &series->local_steps[STEPS * i]);
    }
    return true;
}

static bool open_series(struct restatement *all, const char *id, struct series *series)
{
    const struct catalogue *catalogue = all->config->catalogue;
    uint16_t number = catalogue_find(catalogue, id);
    const char *problem;

    series->known = true;
    if (number == SERVICE_NONE)
        return true;
    if (localhost_is_local(all->config, id))
        return open_local(all, series);
    problem = service_factors_resolve(all->query->factors, catalogue, number, &series->factors);
    if (problem) {
        snprintf(all->error, all->error_size, "vintage %s: service %s: %s",
                 factors_vintage(all->query->factors), id, problem);
        all->status = RESTATE_USAGE;
        return false;
    }
    series->rates = calloc(series->factors.count + 1, sizeof(*series->rates));
    series->ladders = calloc(all->vintage_count + 1, sizeof(*series->ladders));
    if (!series->rates || !series->ladders)
        return out_of_memory(all);
    for (size_t i = 0; i < series->factors.count; i++)
        for (size_t part = 0; part < series->factors.items[i].count; part++)
            series->rates[i].parts[part] = rates_of(&series->factors.items[i].parts[part]);
    for (size_t i = 0; i < all->vintage_count; i++)
        series->ladders[i] = new_ladders(all, all->vintages[i].factors, number, series);
    return true;
}

/* The series of service ID; NULL after a failure. */
static struct series *series_of(struct restatement *all, int64_t id)
{
    struct series *series;

    if (!all->series)
        all->series = calloc(all->services.count + 1, sizeof(*all->series));
    if (!all->series) {
        out_of_memory(all);
        return NULL;
    }
    series = &all->series[id];
    return series->known || open_series(all, all->services.items[id], series) ? series : NULL;
}

/* What the service runs at TIME by today's catalogue; the count of items when nothing is
 * estimated. */
static size_t item_at(const struct series *series, int64_t time_s)
{
    const struct mix_factors *item = service_factors_at(&series->factors, time_s);

    return item ? (size_t)(item - series->factors.items) : series->factors.count;
}

/* ---- Cells ---- */

/* The number of a pair, new ones being added; NO_PAIR after a failure. */
static uint32_t number_of(struct restatement *all, int64_t direction, int64_t service)
{
    struct pair *pairs;
    uint32_t *number;

    if (direction < 0 || (size_t)direction >= all->directions.count || service < 0 ||
        (size_t)service >= all->services.count) {
        fail(all, RESTATE_NOTHING, "the ledger is damaged: a row has no direction or service");
        return NO_PAIR;
    }
    if (!all->pair_of) {
        size_t size = all->directions.count * all->services.count * sizeof(*all->pair_of);

        all->pair_of = malloc(size);
        if (all->pair_of)
            memset(all->pair_of, 0xff, size); /* NO_PAIR */
    }
    pairs = all->pair_of ? grow(all->pairs, all->pair_count, sizeof(*pairs)) : NULL;
    if (!pairs) {
        out_of_memory(all);
        return NO_PAIR;
    }
    all->pairs = pairs;
    number = &all->pair_of[(size_t)direction * all->services.count + (size_t)service];
    if (*number == NO_PAIR) {
        pairs[all->pair_count] = (struct pair){direction, service};
        *number = (uint32_t)all->pair_count++;
    }
    return *number;
}

/* NULL when memory is exhausted. */
static struct cell *cell_of(struct restatement *all, size_t span_index, uint32_t pair)
{
    struct span *span = &all->spans[span_index];
    struct cell *cells;
    size_t count = pair + 64; /* and some more, which will follow */

    if (pair < span->cell_count)
        return &span->cells[pair];
    cells = reallocarray(span->cells, count, sizeof(*cells));
    if (!cells) {
        out_of_memory(all);
        return NULL;
    }
    memset(&cells[span->cell_count], 0, (count - span->cell_count) * sizeof(*cells));
    span->cells = cells;
    span->cell_count = count;
    return &cells[pair];
}

static void add_central(double sum[RATES_QUANTITIES], const struct impact *impact)
{
    sum[RATES_ENERGY_KWH] += impact->energy_kwh.central;
    sum[RATES_GWP_USE_KGCO2E] += impact->gwp_use_kgco2e.central;
    sum[RATES_GWP_EMBODIED_KGCO2E] += impact->gwp_embodied_kgco2e.central;
    sum[RATES_ADPE_KGSB] += impact->adpe_kgsb.central;
    sum[RATES_WATER_L] += impact->water_l.central;
}

/* ---- What was recorded ---- */

/* Within an interval in which the factors were changed, the later set counts: the impacts of its
 * parts were added up, and a row of activity does not say what part was which. */
static bool note_run(struct restatement *all, int64_t from_s, size_t set)
{
    struct run *runs = all->runs;

    if (all->run_count > 0 && runs[all->run_count - 1].set == set)
        return true;
    if (all->run_count > 0 && runs[all->run_count - 1].from_s == from_s) {
        if (set > runs[all->run_count - 1].set)
            runs[all->run_count - 1].set = set;
        return true;
    }
    runs = grow(runs, all->run_count, sizeof(*runs));
    if (!runs)
        return out_of_memory(all);
    all->runs = runs;
    runs[all->run_count++] = (struct run){from_s, set};
    return true;
}

static size_t set_of_id(const struct restatement *all, int64_t id)
{
    size_t last = all->run_count > 0 ? all->runs[all->run_count - 1].set : 0;

    if (last < all->set_count && all->sets[last].id == id)
        return last;
    for (size_t i = 0; i < all->set_count; i++)
        if (all->sets[i].id == id)
            return i;
    return all->set_count;
}

static bool take_impact(void *context, const struct ledger_scan_impact *row)
{
    struct restatement *all = context;
    size_t span = span_at(all, &all->impact_span, row->interval_start);
    uint32_t pair;
    struct cell *cell;
    struct series *series;
    size_t set, item;

    if (span == all->span_count)
        return true;
    pair = number_of(all, row->direction, row->service);
    cell = pair != NO_PAIR ? cell_of(all, span, pair) : NULL;
    series = cell ? series_of(all, row->service) : NULL;
    set = set_of_id(all, row->factor_set);
    if (!series || (set < all->set_count && !note_run(all, row->interval_start, set)))
        return false;
    if (set == all->set_count)
        return fail(all, RESTATE_NOTHING, "the ledger is damaged: a row has no set of factors");
    all->sets[set].used = true;
    all->spans[span].incomplete |= !all->vintages[all->sets[set].vintage].factors;
    item = item_at(series, row->interval_start);
    cell->active |= row->impact.energy_kwh.high > 0;
    cell->recorded = impact_add(cell->recorded, row->impact);
    if (series->is_local)
        add_central(series->local_at_hand[all->sets[set].vintage] ? cell->recorded_at_hand
                                                                  : cell->recorded_other,
                    &row->impact);
    else if (item == series->factors.count) /* no estimate today: it stays as it was */
        cell->restated = impact_add(cell->restated, row->impact);
    else
        add_central(series->ladders[all->sets[set].vintage] ? cell->recorded_at_hand
                                                            : cell->recorded_other,
                    &row->impact);
    return true;
}

/* ---- What is restated ---- */

/* The vintage that was in force at TIME; their count where nothing was recorded with any. Times
 * must not fall from call to call. */
static size_t vintage_at(struct restatement *all, int64_t time_s)
{
    size_t *run = &all->activity_run;

    if (all->run_count == 0)
        return all->vintage_count;
    while (*run + 1 < all->run_count && all->runs[*run + 1].from_s <= time_s)
        ++*run;
    return all->sets[all->runs[*run].set].vintage;
}

/* NULL: recorded with factors that are not at hand, or with none. */
static const struct mix_ladder *ladder_at(struct restatement *all, const struct series *series,
                                          size_t item, int64_t time_s)
{
    size_t vintage = vintage_at(all, time_s);
    const struct mix_ladder *ladders =
        vintage < all->vintage_count ? series->ladders[vintage] : NULL;

    return ladders ? &ladders[item] : NULL;
}

/* Of measured energy: what is measured stays, what it is multiplied with changes. */
static void restate_local(struct restatement *all, struct cell *cell, const struct series *series,
                          const struct ledger_scan_activity *row)
{
    size_t vintage = vintage_at(all, row->interval_start);
    bool at_hand = vintage < all->vintage_count && series->local_at_hand[vintage];
    struct impact impact = local_impact(&series->local, row->energy_j, row->host_s);

    cell->energy_j += row->energy_j;
    cell->host_s += row->host_s;
    cell->restated = impact_add(cell->restated, impact);
    add_central(at_hand ? cell->restated_at_hand : cell->restated_other, &impact);
    for (int step = 0; at_hand && step < STEPS; step++) {
        const struct local_factors factors = {series->local.host,
                                              &series->local_steps[STEPS * vintage + (size_t)step]};

        impact = local_impact(&factors, row->energy_j, row->host_s);
        add_central(cell->steps[step], &impact);
    }
}

static void add_steps(struct cell *cell, const struct ladder *ladder, double share,
                      const struct ledger_scan_activity *row)
{
    double values[RATES_QUANTITIES] = {0};

    for (int step = 0; step < STEPS; step++) {
        if (!ladder->same[step])
            rates_central(&ladder->rates[step], row->requests.central, row->tokens_in.central,
                          row->tokens_out.central, values);
        for (int i = 0; i < RATES_QUANTITIES; i++)
            cell->steps[step][i] += share * values[i];
    }
}

static struct impact scaled(struct impact impact, double factor)
{
    return (struct impact){.energy_kwh = triple_scale(impact.energy_kwh, factor),
                           .gwp_use_kgco2e = triple_scale(impact.gwp_use_kgco2e, factor),
                           .gwp_embodied_kgco2e = triple_scale(impact.gwp_embodied_kgco2e, factor),
                           .adpe_kgsb = triple_scale(impact.adpe_kgsb, factor),
                           .water_l = triple_scale(impact.water_l, factor)};
}

/* An impact grows with the activity in proportion, its band too, so a share of the activity has
 * that share of the impact. */
static void restate_row(struct cell *cell, const struct series *series, size_t item,
                        const struct mix_ladder *ladder, const struct ledger_scan_activity *row)
{
    const struct mix_factors *mix = &series->factors.items[item];
    double *central = ladder ? cell->restated_at_hand : cell->restated_other;

    for (size_t part = 0; part < mix->count; part++) {
        struct impact impact = rates_impact(&series->rates[item].parts[part], row->requests,
                                            row->tokens_in, row->tokens_out);

        if (mix->shares[part] != 1)
            impact = scaled(impact, mix->shares[part]);
        cell->restated = impact_add(cell->restated, impact);
        add_central(central, &impact);
        if (ladder)
            add_steps(cell, &ladder->parts[part], mix->shares[part], row);
    }
}

/* A UTC day may be the last one of a month and the first one of the next: the months before and
 * behind the one that a time is in are asked, too. */
static size_t first_window(size_t span)
{
    return span > 0 ? span - 1 : 0;
}

/* Marks the UTC day in each month whose days it touches, as the month's report does: devices of a
 * day count only where all of the pair's activity of that day lies within the month. */
static bool mark_day(struct restatement *all, uint32_t pair, size_t inside, int64_t time_s)
{
    for (size_t i = first_window(all->activity_span);
         i < all->span_count && i <= all->activity_span + 1; i++) {
        const struct span *span = &all->spans[i];
        struct cell *cell;
        uint64_t bit;

        if (time_s < span->window_from_s || time_s >= span->window_until_s)
            continue;
        cell = cell_of(all, i, pair);
        if (!cell)
            return false;
        bit = (uint64_t)1 << (time_s - span->window_from_s) / DAY_S;
        *(i == inside ? &cell->inside : &cell->outside) |= bit;
        if (!cell->seen) {
            cell->seen = true;
            cell->position = all->spans[i].seen++;
        }
    }
    return true;
}

static void add_use(struct statement_use *use, const struct ledger_scan_activity *row)
{
    use->requests += row->requests.central;
    use->tokens_out_low += row->tokens_out.low;
    use->tokens_out_central += row->tokens_out.central;
    use->tokens_out_high += row->tokens_out.high;
    use->tokens_out_variance += row->tokens_out_variance;
    if (row->has_variance)
        return;
    use->unscattered_requests += row->requests.central;
    use->unscattered_tokens_out += row->tokens_out.central;
}

static bool take_activity(void *context, const struct ledger_scan_activity *row)
{
    struct restatement *all = context;
    size_t span = span_at(all, &all->activity_span, row->interval_start);
    uint32_t pair = number_of(all, row->direction, row->service);
    struct series *series;
    struct cell *cell;
    size_t item;

    if (pair == NO_PAIR || !mark_day(all, pair, span, row->interval_start))
        return false;
    if (span == all->span_count)
        return true;
    cell = cell_of(all, span, pair);
    series = cell ? series_of(all, row->service) : NULL;
    if (!series)
        return false;
    all->has_activity = true;
    add_use(&cell->use, row);
    cell->active |= row->requests.high > 0 || row->tokens_in.high > 0 || row->tokens_out.high > 0;
    if (series->is_local) {
        restate_local(all, cell, series, row);
        return true;
    }
    item = item_at(series, row->interval_start);
    if (item < series->factors.count)
        restate_row(cell, series, item, ladder_at(all, series, item, row->interval_start), row);
    return true;
}

static bool take_devices(void *context, const struct ledger_scan_devices *row)
{
    struct restatement *all = context;
    int64_t time_s = (int64_t)row->day * DAY_S;
    uint32_t pair = number_of(all, row->direction, row->service);

    if (pair == NO_PAIR)
        return false;
    span_at(all, &all->devices_span, time_s);
    for (size_t i = first_window(all->devices_span);
         i < all->span_count && i <= all->devices_span + 1; i++) {
        struct span *span = &all->spans[i];
        struct cell *cell = pair < span->cell_count ? &span->cells[pair] : NULL;

        if (!cell || time_s < span->window_from_s || time_s >= span->window_until_s)
            continue;
        if ((cell->inside & ~cell->outside) >> (time_s - span->window_from_s) / DAY_S & 1 &&
            row->devices > cell->devices)
            cell->devices = row->devices;
    }
    return true;
}

/* Mixes change with local months, as sums do: within one of them a day is all of the same. */
static bool is_whole_day(void *context, int64_t from_s, int64_t until_s)
{
    struct restatement *all = context;
    size_t span = span_at(all, &all->day_span, from_s);

    return span < all->span_count && until_s <= all->spans[span].until_s;
}

/* ---- Into a statement ---- */

/* Where a vintage is not at hand for a part of the month, none of it is told apart: that would tell
 * the use of that part, which may be of few devices. */
static void set_causes(const struct span *span, const struct cell *cell, struct statement_row *row)
{
    for (int i = 0; i < RATES_QUANTITIES; i++) {
        double level = cell->recorded_at_hand[i];

        row->causes[STATEMENT_NOT_AT_HAND][i] = cell->restated_other[i] - cell->recorded_other[i];
        if (span->incomplete) {
            row->causes[STATEMENT_NOT_AT_HAND][i] += cell->restated_at_hand[i] - level;
            continue;
        }
        for (int step = 0; step < STEPS; step++) {
            row->causes[STATEMENT_CONFIGURATION + step][i] = cell->steps[step][i] - level;
            level = cell->steps[step][i];
        }
        row->causes[STATEMENT_WATER][i] = cell->restated_at_hand[i] - level;
    }
}

static struct triple *triple_at(struct impact *impact, int quantity)
{
    struct triple *const triples[RATES_QUANTITIES] = {
        [RATES_ENERGY_KWH] = &impact->energy_kwh,
        [RATES_GWP_USE_KGCO2E] = &impact->gwp_use_kgco2e,
        [RATES_GWP_EMBODIED_KGCO2E] = &impact->gwp_embodied_kgco2e,
        [RATES_ADPE_KGSB] = &impact->adpe_kgsb,
        [RATES_WATER_L] = &impact->water_l};

    return triples[quantity];
}

static bool is_noise(double difference, double value)
{
    return fabs(difference) <= TOLERANCE * fabs(value);
}

/* What differs by the rounding of additions alone is the same. */
static void drop_noise(struct statement_row *row)
{
    for (int i = 0; i < RATES_QUANTITIES; i++) {
        const struct triple *old = triple_at(&row->recorded, i);
        struct triple *new = triple_at(&row->restated, i);

        if (is_noise(new->low - old->low, old->low) &&
            is_noise(new->central - old->central, old->central) &&
            is_noise(new->high - old->high, old->high))
            *new = *old;
        for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
            if (is_noise(row->causes[cause][i], old->central))
                row->causes[cause][i] = 0;
    }
}

static bool add_row(struct restatement *all, const struct span *span, const struct cell *cell,
                    const char *direction, const char *service)
{
    struct statement *statement = all->statement;
    struct statement_row *rows = grow(statement->rows, statement->row_count, sizeof(*rows));

    if (!rows)
        return out_of_memory(all);
    statement->rows = rows;
    rows = &rows[statement->row_count++];
    *rows =
        (struct statement_row){.month = MONTHS_PER_YEAR * span->month.year + span->month.month - 1,
                               .devices = cell->devices,
                               .recorded = cell->recorded,
                               .restated = cell->restated,
                               .use = cell->use};
    rows->use.is_known = true;
    snprintf(rows->direction, sizeof(rows->direction), "%s", direction);
    snprintf(rows->service, sizeof(rows->service), "%s", service);
    set_causes(span, cell, rows);
    drop_noise(rows);
    return true;
}

static const char *service_of(const struct restatement *all, uint32_t pair)
{
    return all->services.items[all->pairs[pair].service];
}

static bool add_pair(struct restatement *all, const struct span *span, uint32_t pair)
{
    return add_row(all, span, &span->cells[pair], all->directions.items[all->pairs[pair].direction],
                   service_of(all, pair));
}

/* ---- What is common at a host of our own ---- */

static void scale(double values[RATES_QUANTITIES], double factor)
{
    for (int i = 0; i < RATES_QUANTITIES; i++)
        values[i] *= factor;
}

static bool add_share(struct restatement *all, const struct span *span, const struct cell *common,
                      const char *direction, double share)
{
    struct cell part = *common;

    if (!(share > 0))
        return true;
    part.use = (struct statement_use){0}; /* nobody asked for it */
    part.recorded = scaled(common->recorded, share);
    part.restated = scaled(common->restated, share);
    scale(part.recorded_at_hand, share);
    scale(part.restated_at_hand, share);
    scale(part.recorded_other, share);
    scale(part.restated_other, share);
    for (int step = 0; step < STEPS; step++)
        scale(part.steps[step], share);
    return add_row(all, span, &part, direction, all->config->host->common);
}

/* As the month's report does, by the key of the month. */
static bool distribute(struct restatement *all, const struct span *span, uint32_t pair)
{
    const struct cell *common = &span->cells[pair];
    struct localhost *host;
    int key;
    bool added = true;

    if (!localhost_read_shares(all->ledger, all->config, span->month.start, span->until_s, &host)) {
        snprintf(all->error, all->error_size, "cannot read the ledger: %s",
                 ledger_error(all->ledger));
        all->status = RESTATE_NOTHING;
        return false;
    }
    key = host->period->key;
    for (size_t i = 0; added && i < host->direction_count; i++)
        added =
            add_share(all, span, common, host->directions[i].id, host->directions[i].shares[key]);
    added = added && add_share(all, span, common, MONTH_UNASSIGNED, host->rest[key]);
    localhost_free(host);
    return added;
}

/* A local service of which nothing was measured: it stays as it was, whatever that was. */
static void keep_unmeasured(struct restatement *all, const struct span *span, uint32_t pair)
{
    struct cell *cell = &span->cells[pair];
    const struct series *series = &all->series[all->pairs[pair].service];

    if (!series->is_local || cell->energy_j > 0 || cell->host_s > 0)
        return;
    cell->restated = cell->recorded;
    memset(cell->recorded_at_hand, 0, sizeof(cell->recorded_at_hand));
    memset(cell->recorded_other, 0, sizeof(cell->recorded_other));
}

/* In the order in which the month's report meets them: of equal cells, it is the last that is
 * folded. */
static bool add_rows(struct restatement *all, const struct span *span)
{
    uint32_t *pairs = calloc(span->seen + 1, sizeof(*pairs));
    uint32_t common = NO_PAIR;
    bool added = pairs != NULL || out_of_memory(all);

    for (uint32_t i = 0; added && i < span->cell_count; i++)
        if (span->cells[i].seen)
            pairs[span->cells[i].position] = i;
    for (uint32_t i = 0; added && i < span->seen; i++) {
        if (!span->cells[pairs[i]].active)
            continue;
        keep_unmeasured(all, span, pairs[i]);
        if (localhost_is_common(all->config, service_of(all, pairs[i])))
            common = pairs[i];
        else
            added = add_pair(all, span, pairs[i]);
    }
    free(pairs);
    return added && (common == NO_PAIR || distribute(all, span, common));
}

static bool add_sets(struct restatement *all)
{
    struct statement *statement = all->statement;

    statement->sets = calloc(all->set_count + 1, sizeof(*statement->sets));
    if (!statement->sets)
        return out_of_memory(all);
    for (size_t i = 0; i < all->set_count; i++) {
        const struct vintage *vintage = &all->vintages[all->sets[i].vintage];
        struct statement_set *set = &statement->sets[statement->set_count];

        if (!all->sets[i].used)
            continue;
        snprintf(set->vintage, sizeof(set->vintage), "%s", vintage->name);
        set->digest = all->sets[i].digest;
        set->at_hand = vintage->factors != NULL;
        statement->set_count++;
    }
    return true;
}

static bool fill_statement(struct restatement *all)
{
    struct statement *statement = all->statement;
    bool filled = add_sets(all);

    if (!all->has_activity) {
        snprintf(all->error, all->error_size, "no use is recorded in %s: nothing to restate",
                 statement->period);
        all->status = RESTATE_NOTHING;
        return false;
    }
    statement->made_s = all->query->now_s;
    snprintf(statement->timezone, sizeof(statement->timezone), "%s", all->config->timezone);
    snprintf(statement->vintage, sizeof(statement->vintage), "%s",
             factors_vintage(all->query->factors));
    statement->factors = all->query->factors_digest;
    statement->configuration = all->config->digest;
    statement->threshold_percent = all->config->report.restatement_percent;
    snprintf(statement->program, sizeof(statement->program), "%s", IAGMETER_VERSION);
    for (size_t i = 0; filled && i < all->span_count; i++)
        filled = add_rows(all, &all->spans[i]);
    return filled;
}

static bool scan(struct restatement *all)
{
    static const struct ledger_scanner scanner = {take_direction, take_service,  take_factor_set,
                                                  take_impact,    take_activity, take_devices,
                                                  is_whole_day};
    enum ledger_status status =
        ledger_scan(all->ledger, all->spans[0].window_from_s,
                    all->spans[all->span_count - 1].window_until_s, &scanner, all);

    if (status != LEDGER_OK && status != LEDGER_EMPTY) {
        snprintf(all->error, all->error_size, "cannot read the ledger: %s",
                 ledger_error(all->ledger));
        all->status = RESTATE_NOTHING;
    }
    return status == LEDGER_OK;
}

static void free_series(const struct restatement *all)
{
    for (size_t i = 0; all->series && i < all->services.count; i++) {
        struct series *series = &all->series[i];

        for (size_t j = 0; series->ladders && j < all->vintage_count; j++)
            free(series->ladders[j]);
        free(series->ladders);
        free(series->local_steps);
        free(series->local_at_hand);
        free(series->rates);
        service_factors_free(&series->factors);
    }
    free(all->series);
}

static void free_all(const struct restatement *all)
{
    free_series(all);
    for (size_t i = 0; i < all->span_count; i++)
        free(all->spans[i].cells);
    for (size_t i = 0; i < all->vintage_count; i++)
        factors_free(all->vintages[i].owned);
    free(all->spans);
    free(all->directions.items);
    free(all->services.items);
    free(all->pairs);
    free(all->pair_of);
    free(all->vintages);
    free(all->sets);
    free(all->runs);
}

enum restate_status restate_compute(struct ledger *ledger, const struct config *config,
                                    const struct restate_query *query, struct statement **out,
                                    char *error, size_t error_size)
{
    struct restatement all = {.ledger = ledger,
                              .config = config,
                              .query = query,
                              .statement = calloc(1, sizeof(*all.statement)),
                              .status = RESTATE_OK,
                              .error = error,
                              .error_size = error_size};
    bool computed;

    error[0] = '\0';
    computed = (all.statement != NULL || out_of_memory(&all)) && set_period(&all) && scan(&all) &&
               fill_statement(&all);

    free_all(&all);
    *out = computed ? all.statement : NULL;
    if (!computed)
        statement_free(all.statement);
    return all.status;
}
