/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/servicefactors.h"
#include "reports/derived.h"

/* ---- What is asked for ---- */

#define PARTS 4

/* What is taken apart, and in which argument its last two parts are. */
struct name_parts {
    const char *parts[PARTS];
    size_t used;
    char *last;
    int arguments[PARTS];
};

/* The id of a figure that is computed from others may hold a "/": what was taken for the indicator
 * is a part of it, when PART follows. */
static bool lengthen_id(struct name_parts *name, int argument, char *part)
{
    if (name->parts[1][0] != DERIVED_MARK || name->arguments[2] != name->arguments[3])
        return false;
    name->last[-1] = '/';
    name->parts[3] = name->last = part;
    name->arguments[3] = argument;
    return true;
}

static bool add_name_part(struct name_parts *name, int argument, char *part)
{
    if (name->used == PARTS)
        return lengthen_id(name, argument, part);
    name->arguments[name->used] = argument;
    name->last = part;
    name->parts[name->used++] = part;
    return true;
}

bool explain_parse(char *const arguments[], int count, struct explain_query *query)
{
    struct name_parts name = {.parts = {NULL, MONTH_ALL, MONTH_ALL, NULL}};

    for (int i = 0; i < count; i++) {
        char *rest = arguments[i];

        for (char *part; (part = strsep(&rest, "/"));)
            if (!add_name_part(&name, i, part))
                return false;
    }
    *query = (struct explain_query){name.parts[0], name.parts[1], name.parts[2], name.parts[3]};
    return name.used > 0;
}

static bool is_all(const char *name)
{
    return strcmp(name, MONTH_ALL) == 0;
}

static const struct month_row *find_row(const struct month_table *table, const char *id)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].id, id) == 0)
            return &table->rows[i];
    return NULL;
}

static const struct month_cell *find_cell(const struct month_report *report, const char *direction,
                                          const char *service)
{
    for (size_t i = 0; i < report->cell_count; i++)
        if (strcmp(report->cells[i].direction, direction) == 0 &&
            strcmp(report->cells[i].service, service) == 0)
            return &report->cells[i];
    return NULL;
}

/* Of the configuration, or shown anyway: an answer must not tell what else the ledger holds. */
static bool is_direction(const struct month_report *report, const char *code)
{
    const struct directions *directions = report->config->directions;

    for (uint16_t i = 0; directions && i < directions_count(directions); i++)
        if (directions_get(directions, i) && strcmp(directions_get(directions, i)->code, code) == 0)
            return true;
    return find_row(&report->directions, code) != NULL;
}

static bool is_service(const struct month_report *report, const char *id)
{
    return (report->config->catalogue &&
            catalogue_find(report->config->catalogue, id) != SERVICE_NONE) ||
           find_row(&report->services, id) != NULL;
}

/* Answers ask the same of names that exist and of pairs that are folded. */
struct request {
    const struct month_report *report;
    const char *direction;
    const char *service;
    char *error;
    size_t error_size;
};

static enum explain_status not_shown(const struct request *request)
{
    const struct month_report *report = request->report;
    bool has_direction = !is_all(request->direction);
    bool has_service = !is_all(request->service);

    snprintf(request->error, request->error_size,
             "the report of %04d-%02d has no figure of its own for %s%s%s: no use, or folded into "
             "\"%s\" because of fewer than %u devices",
             report->month.year, report->month.month, has_direction ? request->direction : "",
             has_direction && has_service ? " and " : "", has_service ? request->service : "",
             MONTH_OTHER, report->config->report.threshold);
    return EXPLAIN_NOTHING;
}

static enum explain_status unknown(const struct request *request, const char *what,
                                   const char *name)
{
    snprintf(request->error, request->error_size, "no %s \"%.60s\"", what, name);
    return EXPLAIN_USAGE;
}

static enum explain_status check_names(const struct request *request)
{
    const struct month_report *report = request->report;

    if (!is_all(request->direction) && strcmp(request->direction, MONTH_OTHER) != 0 &&
        !is_direction(report, request->direction))
        return unknown(request, "direction", request->direction);
    if (!is_all(request->service) && strcmp(request->service, MONTH_OTHER) != 0 &&
        !is_service(report, request->service))
        return unknown(request, "service", request->service);
    return EXPLAIN_OK;
}

static void set_figure(struct explanation *out, enum explain_scope scope,
                       const struct request *request, const struct month_totals *totals)
{
    out->scope = scope;
    out->figure.totals = *totals;
    snprintf(out->figure.direction, MONTH_ID_SIZE, "%s", request->direction);
    snprintf(out->figure.service, MONTH_ID_SIZE, "%s", request->service);
}

static enum explain_status find_figure(const struct request *request, struct explanation *out)
{
    const struct month_report *report = request->report;
    bool all_services = is_all(request->service);
    enum explain_status status = check_names(request);

    if (status != EXPLAIN_OK)
        return status;
    if (report->withheld) {
        snprintf(
            request->error, request->error_size,
            "no direction and service with %u devices on one day of %04d-%02d: the report shows "
            "coverage only",
            report->config->report.threshold, report->month.year, report->month.month);
        return EXPLAIN_NOTHING;
    }
    if (is_all(request->direction) && all_services) {
        set_figure(out, EXPLAIN_TOTAL, request, &report->total);
    } else if (is_all(request->direction) || all_services) {
        const struct month_row *row = all_services
                                          ? find_row(&report->directions, request->direction)
                                          : find_row(&report->services, request->service);

        if (!row)
            return not_shown(request);
        set_figure(out,
                   row->is_other  ? EXPLAIN_OTHER
                   : all_services ? EXPLAIN_DIRECTION
                                  : EXPLAIN_SERVICE,
                   request, &row->totals);
    } else {
        const struct month_cell *cell = find_cell(report, request->direction, request->service);

        if (!cell)
            return not_shown(request);
        set_figure(out, EXPLAIN_CELL, request, &cell->totals);
    }
    return EXPLAIN_OK;
}

static enum explain_status find_indicator(const struct request *request, const char *name,
                                          struct explanation *out)
{
    out->indicator = -1;
    for (int i = 0; name && i < MONTH_INDICATORS; i++)
        if (strcmp(month_indicator_name((enum month_indicator)i), name) == 0)
            out->indicator = i;
    return name && out->indicator < 0 ? unknown(request, "indicator", name) : EXPLAIN_OK;
}

/* ---- What it is the sum of ---- */

bool explain_includes(const struct explanation *explanation, const struct month_cell *cell)
{
    const struct explain_part *figure = &explanation->figure;

    return explanation->scope != EXPLAIN_OTHER &&
           (is_all(figure->direction) || strcmp(figure->direction, cell->direction) == 0) &&
           (is_all(figure->service) || strcmp(figure->service, cell->service) == 0);
}

static void add_part(struct explanation *explanation, const char *direction, const char *service,
                     const struct month_totals *totals)
{
    struct explain_part *part = &explanation->parts[explanation->part_count++];

    part->totals = *totals;
    snprintf(part->direction, sizeof(part->direction), "%s", direction);
    snprintf(part->service, sizeof(part->service), "%s", service);
}

/* The total is made of rows, a row of cells. */
static bool fill_parts(struct explanation *explanation)
{
    const struct month_report *report = explanation->report;
    const struct month_table *rows = &report->directions;

    explanation->parts = calloc(rows->count + report->cell_count + 1, sizeof(*explanation->parts));
    if (!explanation->parts)
        return false;
    if (explanation->scope == EXPLAIN_TOTAL)
        for (size_t i = 0; i < rows->count; i++)
            add_part(explanation, rows->rows[i].id, MONTH_ALL, &rows->rows[i].totals);
    if (explanation->scope == EXPLAIN_DIRECTION || explanation->scope == EXPLAIN_SERVICE)
        for (size_t i = 0; i < report->cell_count; i++)
            if (explain_includes(explanation, &report->cells[i]))
                add_part(explanation, report->cells[i].direction, report->cells[i].service,
                         &report->cells[i].totals);
    return true;
}

/* What SERVICE runs in the report's month: mixes change between months only. What is missing leaves
 * a count of 0: the chain then says that there is no estimate. */
static struct mix_factors mix_of(const struct month_report *report, const char *service)
{
    const struct config *config = report->config;
    uint16_t number = config->catalogue ? catalogue_find(config->catalogue, service) : SERVICE_NONE;
    struct service_factors all = {0};
    const struct mix_factors *found = NULL;
    struct mix_factors mix = {0};

    if (number != SERVICE_NONE && config->factors &&
        !service_factors_resolve(config->factors, config->catalogue, number, &all))
        found = service_factors_at(&all, report->month.start);
    if (found)
        mix = *found;
    service_factors_free(&all);
    return mix;
}

/* Host NULL: it is not of our own, or its zone is not in today's factors. */
static struct local_factors local_factors_of(const struct month_report *report, const char *service)
{
    const struct config *config = report->config;
    struct local_factors factors = {0};

    if (!localhost_is_local(config, service) || !config->factors ||
        local_factors_resolve(config->host, config->factors, &factors))
        return (struct local_factors){0};
    return factors;
}

static void add_chains(struct explanation *explanation, const char *service,
                       const struct mix_factors *mix)
{
    const struct config *config = explanation->report->config;
    uint16_t number = config->catalogue ? catalogue_find(config->catalogue, service) : SERVICE_NONE;

    for (size_t i = 0; i == 0 || i < mix->count; i++) {
        struct explain_chain *chain = &explanation->chains[explanation->chain_count++];

        *chain = (struct explain_chain){.mix = mix->mix, .share = 1};
        snprintf(chain->id, sizeof(chain->id), "%s", service);
        chain->local = local_factors_of(explanation->report, service);
        if (number != SERVICE_NONE)
            chain->service = catalogue_service(config->catalogue, number);
        if (i == mix->count)
            return;
        chain->model = mix->models[i];
        chain->share = mix->shares[i];
        chain->factors = mix->parts[i];
    }
}

static bool has_chain(const struct explanation *explanation, const char *service)
{
    for (size_t i = 0; i < explanation->chain_count; i++)
        if (strcmp(explanation->chains[i].id, service) == 0)
            return true;
    return false;
}

/* A part of what is common at a host of our own: it is recorded as one, and shared by the report.
 */
static bool is_share(const struct month_report *report, const struct month_cell *cell)
{
    return report->host && localhost_is_common(report->config, cell->service);
}

/* Adds a cell to all chains of its service. */
static void add_to_chains(struct explanation *explanation, const struct month_cell *cell)
{
    if (!has_chain(explanation, cell->service)) {
        struct mix_factors mix = mix_of(explanation->report, cell->service);

        variants_change_mix(explanation->report, explanation->variant, &mix);
        add_chains(explanation, cell->service, &mix);
    }
    for (size_t i = 0; i < explanation->chain_count; i++) {
        struct explain_chain *chain = &explanation->chains[i];

        if (strcmp(chain->id, cell->service) != 0)
            continue;
        month_add(&chain->totals, &cell->totals);
        if (is_share(explanation->report, cell))
            explain_local_add_key(explanation->report, cell->direction, &chain->key);
    }
}

static bool fill_chains(struct explanation *explanation)
{
    const struct month_report *report = explanation->report;
    size_t services = report->services.count + 1; /* never nothing */

    explanation->chains = calloc(services * MIX_PARTS, sizeof(*explanation->chains));
    if (!explanation->chains)
        return false;
    for (size_t i = 0; i < report->cell_count; i++)
        if (explain_includes(explanation, &report->cells[i]))
            add_to_chains(explanation, &report->cells[i]);
    return true;
}

/* What is common is known once it was read. */
static void compute_chains(struct explanation *explanation, const struct activity *common)
{
    for (size_t i = 0; i < explanation->chain_count; i++) {
        struct explain_chain *chain = &explanation->chains[i];

        chain->key.common_energy_j = common->energy_j;
        chain->key.common_host_s = common->host_s;
        explain_chain_compute(explanation->report->config->factors, chain);
    }
}

/* ---- By another method or convention ---- */

/* Host NULL, or the electricity's other count of water. */
static void change_local(const struct factors *factors, enum month_variant variant,
                         struct local_factors *local)
{
    const struct zone_factors *zone =
        local->host ? month_zone_variant(factors, local->zone->id) : NULL;

    if (variant == VARIANT_WATER && zone)
        local->zone = zone;
}

bool explain_variant_chains(const struct month_report *report, enum month_variant variant,
                            const char *direction, const char *service,
                            struct explain_chain **chains, size_t *count)
{
    struct explanation all = {.report = report, .scope = EXPLAIN_CELL, .variant = variant};
    const struct factors *factors = report->config->factors;

    snprintf(all.figure.direction, MONTH_ID_SIZE, "%s", direction);
    snprintf(all.figure.service, MONTH_ID_SIZE, "%s", service);
    if (!fill_chains(&all))
        return false;
    for (size_t i = 0; i < all.chain_count; i++) {
        struct explain_chain *chain = &all.chains[i];

        change_local(factors, variant, &chain->local);
        if (chain->key.directions > 0 && chain->key.share > 0) {
            chain->key.common_energy_j = chain->totals.activity.energy_j / chain->key.share;
            chain->key.common_host_s = chain->totals.activity.host_s / chain->key.share;
        }
        explain_chain_compute(factors, chain);
    }
    *chains = all.chains;
    *count = all.chain_count;
    return true;
}

/* ---- From the ledger, minute by minute ---- */

/* Sums of the minutes of one cell. */
struct tally {
    struct month_totals totals;
    struct impact recomputed;
    struct mix_factors mix;     /* count 0: no impact is estimated */
    struct local_factors local; /* host NULL: not measured */
};

struct folded_mix {
    char service[MONTH_ID_SIZE];
    struct mix_factors mix;
    struct local_factors local;
};

struct recomputation {
    struct ledger *ledger;
    struct explanation *explanation;
    struct tally *tallies; /* one for each cell of the report */
    size_t next;
    struct tally common; /* at a host of our own, before it is shared */
    bool common_agrees;
    struct folded_mix *folded_mixes; /* of services of pairs that are folded */
    size_t folded_mix_count;
    struct impact folded; /* recomputed */
    bool folded_agrees;
    int64_t asked_at; /* interval of the last question about sets of factors */
    unsigned set_reasons;
};

static void take_difference(double *largest, struct triple a, struct triple b)
{
    const double as[] = {a.low, a.central, a.high};
    const double bs[] = {b.low, b.central, b.high};

    for (size_t i = 0; i < sizeof(as) / sizeof(as[0]); i++)
        if (as[i] != bs[i])
            *largest = fmax(*largest, fabs(as[i] - bs[i]) / fmax(fabs(as[i]), fabs(bs[i])));
}

/* The largest relative difference of any value. */
static double difference_of(const struct impact *a, const struct impact *b)
{
    double largest = 0;

    take_difference(&largest, a->energy_kwh, b->energy_kwh);
    take_difference(&largest, a->gwp_use_kgco2e, b->gwp_use_kgco2e);
    take_difference(&largest, a->gwp_embodied_kgco2e, b->gwp_embodied_kgco2e);
    take_difference(&largest, a->adpe_kgsb, b->adpe_kgsb);
    take_difference(&largest, a->water_l, b->water_l);
    return largest;
}

static bool visit_set_of_minute(void *context, const char *vintage, uint64_t digest)
{
    struct recomputation *all = context;
    const struct config *config = all->explanation->report->config;

    if (!config->factors || strcmp(vintage, factors_vintage(config->factors)) != 0)
        all->set_reasons |= EXPLAIN_OTHER_VINTAGE;
    else if (digest != config->digest)
        all->set_reasons |= EXPLAIN_OTHER_FILES;
    return true;
}

/* Rows come by interval: each is asked about once. */
static unsigned reasons_of_minute(struct recomputation *all, int64_t interval_start)
{
    if (all->asked_at != interval_start) {
        all->asked_at = interval_start;
        all->set_reasons = 0;
        if (ledger_visit_factor_sets(all->ledger, interval_start, interval_start + INTERVAL_S,
                                     visit_set_of_minute, all) != LEDGER_OK)
            all->set_reasons = EXPLAIN_OTHER_FILES;
    }
    return all->set_reasons ? all->set_reasons : EXPLAIN_SEVERAL_COUNTS;
}

static void note_difference(struct recomputation *all, const struct tally *tally,
                            const struct ledger_row *row, double difference)
{
    struct explanation *explanation = all->explanation;

    explanation->difference = fmax(explanation->difference, difference);
    if (difference <= EXPLAIN_TOLERANCE)
        return;
    explanation->agrees = false;
    if (tally->mix.count == 0 && !tally->local.host)
        explanation->reasons |= EXPLAIN_NO_FACTORS;
    else if (!row->has_impact)
        explanation->reasons |= EXPLAIN_RECORDED_WITHOUT;
    else
        explanation->reasons |= reasons_of_minute(all, row->interval_start);
}

static struct impact recompute(const struct mix_factors *mix, const struct local_factors *local,
                               const struct ledger_row *row)
{
    if (local->host && row->has_impact)
        return local_impact(local, row->activity.energy_j, row->activity.host_s);
    return mix_impact(mix, row->activity.requests, row->activity.tokens_in,
                      row->activity.tokens_out);
}

static void take_cell(struct recomputation *all, struct tally *tally, const struct ledger_row *row)
{
    struct month_totals totals = month_of_row(row);
    struct impact impact = recompute(&tally->mix, &tally->local, row);

    all->explanation->minutes++;
    month_add(&tally->totals, &totals);
    tally->recomputed = impact_add(tally->recomputed, impact);
    note_difference(all, tally, row, difference_of(&impact, &totals.impact));
}

/* Each is looked up once. Without memory, one that has no estimate: what is folded then differs. */
static const struct folded_mix *folded_mix_of(struct recomputation *all, const char *service)
{
    static const struct folded_mix none;
    struct folded_mix *grown;

    for (size_t i = 0; i < all->folded_mix_count; i++)
        if (strcmp(all->folded_mixes[i].service, service) == 0)
            return &all->folded_mixes[i];
    grown = reallocarray(all->folded_mixes, all->folded_mix_count + 1, sizeof(*grown));
    if (!grown)
        return &none;
    all->folded_mixes = grown;
    grown += all->folded_mix_count++;
    snprintf(grown->service, sizeof(grown->service), "%s", service);
    grown->mix = mix_of(all->explanation->report, service);
    grown->local = local_factors_of(all->explanation->report, service);
    return grown;
}

/* Nothing of it is told but the sum, and whether all of it agrees. */
static void take_folded(struct recomputation *all, const struct ledger_row *row)
{
    struct month_totals totals = month_of_row(row);
    const struct folded_mix *folded = folded_mix_of(all, row->service);
    struct impact impact = recompute(&folded->mix, &folded->local, row);

    all->folded = impact_add(all->folded, impact);
    if (difference_of(&impact, &totals.impact) > EXPLAIN_TOLERANCE)
        all->folded_agrees = false;
}

/* The number of the row's cell, or the count of cells when it is folded. The search starts where
 * the last one ended: rows come in the same order in every interval. */
static size_t cell_of(struct recomputation *all, const struct ledger_row *row)
{
    const struct month_report *report = all->explanation->report;

    for (size_t i = 0; i < report->cell_count; i++) {
        size_t index = (all->next + i) % report->cell_count;
        const struct month_cell *cell = &report->cells[index];

        if (strcmp(cell->direction, row->direction) == 0 &&
            strcmp(cell->service, row->service) == 0) {
            all->next = index + 1;
            return index;
        }
    }
    return report->cell_count;
}

/* Read by itself. */
static bool is_common(const struct recomputation *all, const struct ledger_row *row)
{
    const struct month_report *report = all->explanation->report;

    return report->host && localhost_is_common(report->config, row->service);
}

static bool visit_row(void *context, const struct ledger_row *row)
{
    struct recomputation *all = context;
    const struct explanation *explanation = all->explanation;
    size_t cell;

    if (is_common(all, row))
        return true;
    cell = cell_of(all, row);
    if (cell == explanation->report->cell_count) {
        if (explanation->has_folded)
            take_folded(all, row);
    } else if (explain_includes(explanation, &explanation->report->cells[cell])) {
        take_cell(all, &all->tallies[cell], row);
    }
    return true;
}

/* ---- What is common at a host of our own ---- */

static bool has_share_explained(const struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->chain_count; i++)
        if (explanation->chains[i].key.directions > 0)
            return true;
    return false;
}

static bool visit_common(void *context, const struct ledger_row *row)
{
    struct recomputation *all = context;
    struct month_totals totals = month_of_row(row);
    struct impact impact = recompute(&all->common.mix, &all->common.local, row);
    double difference = difference_of(&impact, &totals.impact);

    month_add(&all->common.totals, &totals);
    all->common.recomputed = impact_add(all->common.recomputed, impact);
    all->common_agrees &= difference <= EXPLAIN_TOLERANCE;
    if (has_share_explained(all->explanation)) {
        all->explanation->minutes++;
        note_difference(all, &all->common, row, difference);
    }
    return true;
}

static struct impact share_of(const struct impact *impact, double share)
{
    const struct month_totals totals = {.impact = *impact};

    return month_share(&totals, share).impact;
}

/* To the cells that have a part of it; the rest is folded. */
static void share_common(struct recomputation *all)
{
    const struct explanation *explanation = all->explanation;
    const struct month_report *report = explanation->report;
    double folded = 1;

    for (size_t i = 0; i < report->cell_count; i++) {
        double share;

        if (!is_share(report, &report->cells[i]))
            continue;
        share = explain_common_share(report, report->cells[i].direction);
        folded -= share;
        if (!explain_includes(explanation, &report->cells[i]))
            continue;
        all->tallies[i].totals = month_share(&all->common.totals, share);
        all->tallies[i].recomputed = share_of(&all->common.recomputed, share);
    }
    if (!explanation->has_folded || folded <= EXPLAIN_TOLERANCE)
        return;
    all->folded = impact_add(all->folded, share_of(&all->common.recomputed, folded));
    all->folded_agrees &= all->common_agrees;
}

static enum ledger_status visit_common_rows(struct recomputation *all)
{
    const struct month_report *report = all->explanation->report;
    enum ledger_status status;

    if (!report->host || !(has_share_explained(all->explanation) || all->explanation->has_folded))
        return LEDGER_OK;
    all->common.local = local_factors_of(report, report->config->host->common);
    status = ledger_visit(all->ledger, report->month.start, report->until, MONTH_UNASSIGNED,
                          report->config->host->common, visit_common, all);
    share_common(all);
    return status;
}

static bool same_totals(const struct month_totals *a, const struct month_totals *b)
{
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        struct triple left = month_value(a, (enum month_indicator)i);
        struct triple right = month_value(b, (enum month_indicator)i);

        if (left.low != right.low || left.central != right.central || left.high != right.high)
            return false;
    }
    return true;
}

/* The minutes add up to the cells, and the parts to the figure, to the last bit: else the daemon
 * added something since the report was built. */
static bool adds_up(const struct recomputation *all)
{
    const struct explanation *explanation = all->explanation;
    const struct month_report *report = explanation->report;
    struct month_totals sum = {0};

    for (size_t i = 0; i < report->cell_count; i++)
        if (explain_includes(explanation, &report->cells[i]) &&
            !same_totals(&all->tallies[i].totals, &report->cells[i].totals))
            return false;
    for (size_t i = 0; i < explanation->part_count; i++)
        month_add(&sum, &explanation->parts[i].totals);
    return explanation->part_count == 0 || same_totals(&sum, &explanation->figure.totals);
}

/* With other factors than those recorded, the sum of what is folded would be one more equation
 * about few devices, and whether it differs would tell which services they used. */
static bool folded_may_be_told(const struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->set_count; i++)
        if (!explanation->sets[i].installed)
            return false;
    return true;
}

static void add_recomputed(const struct recomputation *all)
{
    struct explanation *explanation = all->explanation;

    for (size_t i = 0; i < explanation->report->cell_count; i++)
        explanation->recomputed = impact_add(explanation->recomputed, all->tallies[i].recomputed);
    if (!explanation->has_folded)
        return;
    explanation->recomputed_is_shown = folded_may_be_told(explanation);
    if (!explanation->recomputed_is_shown)
        return;
    explanation->recomputed = impact_add(explanation->recomputed, all->folded);
    if (!all->folded_agrees) {
        explanation->agrees = false;
        explanation->reasons |= EXPLAIN_SEVERAL_COUNTS;
    }
}

static enum ledger_status visit_minutes(struct recomputation *all)
{
    const struct explanation *explanation = all->explanation;
    const struct explain_part *figure = &explanation->figure;
    const struct month_report *report = explanation->report;
    bool whole = explanation->has_folded;

    return ledger_visit(all->ledger, report->month.start, report->until,
                        whole || is_all(figure->direction) ? NULL : figure->direction,
                        whole || is_all(figure->service) ? NULL : figure->service, visit_row, all);
}

static bool set_mixes_of_cells(struct recomputation *all)
{
    const struct month_report *report = all->explanation->report;

    all->tallies = calloc(report->cell_count + 1, sizeof(*all->tallies));
    for (size_t i = 0; all->tallies && i < report->cell_count; i++)
        if (explain_includes(all->explanation, &report->cells[i])) {
            all->tallies[i].mix = mix_of(report, report->cells[i].service);
            all->tallies[i].local = local_factors_of(report, report->cells[i].service);
        }
    return all->tallies != NULL;
}

static enum explain_status recompute_all(struct ledger *ledger, struct explanation *explanation,
                                         char *error, size_t error_size)
{
    struct recomputation all = {.ledger = ledger,
                                .explanation = explanation,
                                .common_agrees = true,
                                .folded_agrees = true,
                                .asked_at = INT64_MIN};
    enum explain_status status = EXPLAIN_NOTHING;
    enum ledger_status read;

    if (!set_mixes_of_cells(&all)) {
        snprintf(error, error_size, "out of memory");
        return EXPLAIN_NOTHING;
    }
    read = visit_minutes(&all);
    if (read == LEDGER_OK || read == LEDGER_EMPTY)
        read = visit_common_rows(&all);
    if (read != LEDGER_OK && read != LEDGER_EMPTY) {
        snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(ledger));
    } else if (!adds_up(&all)) {
        snprintf(error, error_size, "the ledger changed while it was read: try again");
    } else {
        add_recomputed(&all);
        compute_chains(explanation, &all.common.totals.activity);
        status = EXPLAIN_OK;
    }
    free(all.folded_mixes);
    free(all.tallies);
    return status;
}

struct set_list {
    struct explanation *explanation;
    bool out_of_memory;
};

static bool visit_set(void *context, const char *vintage, uint64_t digest)
{
    struct set_list *list = context;
    struct explanation *explanation = list->explanation;
    const struct config *config = explanation->report->config;
    struct explain_set *sets =
        reallocarray(explanation->sets, explanation->set_count + 1, sizeof(*sets));
    struct explain_set *set;

    list->out_of_memory = !sets;
    if (!sets)
        return false;
    explanation->sets = sets;
    set = &sets[explanation->set_count++];
    *set = (struct explain_set){.digest = digest};
    snprintf(set->vintage, sizeof(set->vintage), "%s", vintage);
    set->installed = config->factors && digest == config->digest &&
                     strcmp(vintage, factors_vintage(config->factors)) == 0;
    return true;
}

/* ---- All of it ---- */

static enum explain_status fill(struct ledger *ledger, struct explanation *explanation, char *error,
                                size_t error_size)
{
    const struct month_report *report = explanation->report;
    struct set_list list = {.explanation = explanation};
    enum explain_status status;
    enum ledger_status read;

    explanation->has_folded =
        explanation->scope == EXPLAIN_OTHER ||
        (explanation->scope == EXPLAIN_TOTAL && report->suppressed != SUPPRESS_NONE);
    explanation->agrees = true;
    explanation->recomputed_is_shown = true;
    /* Of the whole month: which of them a pair met would tell when it was used. */
    read = ledger_visit_factor_sets(ledger, report->month.start, report->until, visit_set, &list);
    if (read != LEDGER_OK && read != LEDGER_EMPTY) {
        snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(ledger));
        return EXPLAIN_NOTHING;
    }
    if (list.out_of_memory || !fill_parts(explanation) || !fill_chains(explanation)) {
        snprintf(error, error_size, "out of memory");
        return EXPLAIN_NOTHING;
    }
    status = recompute_all(ledger, explanation, error, error_size);
    if (status == EXPLAIN_OK && !explain_local_devices(ledger, explanation)) {
        snprintf(error, error_size, "cannot read the ledger: %s", ledger_error(ledger));
        return EXPLAIN_NOTHING;
    }
    return status;
}

enum explain_status explain_build(struct ledger *ledger, const struct month_report *report,
                                  const struct explain_query *query, struct explanation **out,
                                  char *error, size_t error_size)
{
    struct request request = {report, query->direction, query->service, error, error_size};
    struct explanation *explanation = calloc(1, sizeof(*explanation));
    enum explain_status status;

    *out = NULL;
    if (!explanation) {
        snprintf(error, error_size, "out of memory");
        return EXPLAIN_NOTHING;
    }
    /* One name alone may be a service's. */
    if (is_all(request.service) && !is_all(request.direction) &&
        !is_direction(report, request.direction) && is_service(report, request.direction)) {
        request.service = request.direction;
        request.direction = MONTH_ALL;
    }
    explanation->report = report;
    status = find_indicator(&request, query->indicator, explanation);
    if (status == EXPLAIN_OK)
        status = find_figure(&request, explanation);
    if (status == EXPLAIN_OK)
        status = fill(ledger, explanation, error, error_size);
    if (status == EXPLAIN_OK)
        *out = explanation;
    else
        explain_free(explanation);
    return status;
}

void explain_free(struct explanation *explanation)
{
    if (!explanation)
        return;
    free(explanation->parts);
    free(explanation->chains);
    free(explanation->devices);
    free(explanation->sets);
    free(explanation);
}

/* ---- Names ---- */

static void append_label(const struct month_table *table, const char *id,
                         enum text_language language, char *out, size_t size)
{
    const struct month_row *row = find_row(table, id);
    size_t used = strlen(out);

    if (row && !is_all(id))
        snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", month_label(row, language));
}

void explain_label(const struct explanation *explanation, const struct explain_part *part,
                   enum text_language language, char *out, size_t size)
{
    out[0] = '\0';
    append_label(&explanation->report->directions, part->direction, language, out, size);
    append_label(&explanation->report->services, part->service, language, out, size);
    if (!out[0])
        snprintf(out, size, "%s", text_get(language, TEXT_TOTAL));
}

enum text_id explain_reason_text(unsigned index)
{
    return (enum text_id)(TEXT_EXPLAIN_OTHER_VINTAGE + index);
}

const char *explain_reason_name(unsigned index)
{
    static const char *const names[EXPLAIN_REASONS] = {
        "other-vintage", "other-configuration", "several-counts", "no-factors", "recorded-without"};

    return names[index];
}
