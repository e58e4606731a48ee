/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One part of a mix for each share that is moved, for what is not, and for what is left undone. */
#define SHARES_MAX (WHATIF_MOVES + 1)
#define PARTS_MAX  ((SHARES_MAX + 1) * MIX_PARTS)
#define ROUNDING   1e-12 /* of sums of shares */

/* ---- What is asked ---- */

struct builder {
    struct whatif *whatif;
    struct ledger *ledger;
    char *error;
    size_t error_size;
};

static const struct month_row *find_direction(const struct month_report *report, const char *code)
{
    for (size_t i = 0; i < report->directions.count; i++)
        if (!report->directions.rows[i].is_other &&
            strcmp(report->directions.rows[i].id, code) == 0)
            return &report->directions.rows[i];
    return NULL;
}

/* Of the configuration: an answer must not tell what else the ledger holds. */
static bool is_direction(const struct config *config, const char *code)
{
    for (uint16_t i = 0; config->directions && i < directions_count(config->directions); i++)
        if (directions_get(config->directions, i) &&
            strcmp(directions_get(config->directions, i)->code, code) == 0)
            return true;
    return false;
}

static bool in_scope(const struct whatif *whatif, const struct month_cell *cell)
{
    return !whatif->direction || strcmp(whatif->direction->id, cell->direction) == 0;
}

static bool is_shown(const struct whatif *whatif, const char *service)
{
    const struct month_report *report = whatif->report;

    for (size_t i = 0; i < report->cell_count; i++)
        if (in_scope(whatif, &report->cells[i]) && strcmp(report->cells[i].service, service) == 0)
            return true;
    return false;
}

/* The same words whether it is folded or was not used. */
static enum whatif_status not_shown(const struct builder *builder, const char *name)
{
    const struct month_report *report = builder->whatif->report;

    snprintf(builder->error, builder->error_size,
             "the report of %04d-%02d has no figure of its own for %.60s%s%s: no use, or folded "
             "into \"%s\" because of fewer than %u devices",
             report->month.year, report->month.month, name,
             builder->whatif->direction ? " in " : "",
             builder->whatif->direction ? builder->whatif->direction->id : "", MONTH_OTHER,
             report->config->report.threshold);
    return WHATIF_NOTHING;
}

static enum whatif_status find_scope(struct builder *builder, const char *direction)
{
    struct whatif *whatif = builder->whatif;
    const struct month_report *report = whatif->report;

    if (report->withheld) {
        snprintf(
            builder->error, builder->error_size,
            "no direction and service with %u devices on one day of %04d-%02d: the report shows "
            "coverage only",
            report->config->report.threshold, report->month.year, report->month.month);
        return WHATIF_NOTHING;
    }
    whatif->recorded = report->total;
    if (!direction || strcmp(direction, MONTH_ALL) == 0)
        return WHATIF_OK;
    whatif->direction = find_direction(report, direction);
    if (!whatif->direction && !is_direction(report->config, direction)) {
        snprintf(builder->error, builder->error_size, "no direction \"%.60s\"", direction);
        return WHATIF_USAGE;
    }
    if (!whatif->direction)
        return not_shown(builder, direction);
    whatif->recorded = whatif->direction->totals;
    return WHATIF_OK;
}

static bool is_target(const struct whatif_plan *plan, size_t machine)
{
    for (size_t i = 0; i + 1 < plan->machine_count; i++)
        for (size_t j = 0; j < plan->origins[i].move_count; j++)
            if (plan->origins[i].moves[j].machine == machine)
                return true;
    return false;
}

/* What is changed by name must be in use; only factors may be changed of what is but moved to. */
static enum whatif_status check_origin(struct builder *builder, size_t number)
{
    struct whatif_plan *plan = builder->whatif->plan;
    const struct whatif_origin *origin = &plan->origins[number];
    const struct whatif_machine *machine = &plan->machines[number];
    bool factors_only = origin->move_count == 0 && origin->requests >= 1 && origin->tokens_out >= 1;

    if (!origin->is_named || (factors_only && is_target(plan, number)))
        return WHATIF_OK;
    if (!is_shown(builder->whatif, machine->id))
        return not_shown(builder, machine->id);
    if (!whatif_plan_resolve(plan, number, builder->error, builder->error_size))
        return WHATIF_USAGE;
    if (machine->usual)
        return WHATIF_OK;
    snprintf(builder->error, builder->error_size,
             "%s has no impact estimate: there is nothing to compare with", machine->id);
    return WHATIF_NOTHING;
}

static enum whatif_status check_target(struct builder *builder, size_t number)
{
    struct whatif_plan *plan = builder->whatif->plan;
    const struct whatif_machine *machine = &plan->machines[number];

    if (!is_target(plan, number)) {
        if (machine->number != SERVICE_NONE || !machine->is_changed)
            return WHATIF_OK;
        snprintf(builder->error, builder->error_size, "nothing is moved to %s", machine->id);
        return WHATIF_USAGE;
    }
    if (!whatif_plan_resolve(plan, number, builder->error, builder->error_size))
        return WHATIF_USAGE;
    if (machine->chosen)
        return WHATIF_OK;
    snprintf(builder->error, builder->error_size,
             "%s has no impact estimate: give it a model with --model "
             "%s=PROVIDER/NAME",
             machine->id, machine->id);
    return WHATIF_USAGE;
}

static enum whatif_status check_plan(struct builder *builder)
{
    const struct whatif_plan *plan = builder->whatif->plan;
    enum whatif_status status = WHATIF_OK;

    if (builder->whatif->report->cell_count == 0 && plan->requests_of_all >= 1)
        return not_shown(builder, "any service");
    for (size_t i = 0; status == WHATIF_OK && i + 1 < plan->machine_count; i++)
        status = check_origin(builder, i);
    for (size_t i = 0; status == WHATIF_OK && i < plan->machine_count; i++)
        status = check_target(builder, i);
    return status;
}

/* ---- Before and after ---- */

static struct activity scaled(const struct activity *activity, double requests, double tokens_out)
{
    struct activity out = *activity;

    out.requests = triple_scale(activity->requests, requests);
    out.tokens_in = triple_scale(activity->tokens_in, requests);
    out.tokens_out = triple_scale(activity->tokens_out, requests * tokens_out);
    out.tokens_out_variance *= requests * tokens_out * tokens_out;
#define SCALE_UNIT(name) out.name = triple_scale(activity->name, requests);
    ACTIVITY_UNITS(SCALE_UNIT)
#undef SCALE_UNIT
    return out;
}

/* What is left of what was RECORDED, computed with MIX. */
static struct month_totals totals_of(const struct mix_factors *mix,
                                     const struct month_totals *recorded, double requests,
                                     double tokens_out)
{
    struct month_totals totals = {.activity = scaled(&recorded->activity, requests, tokens_out),
                                  .unscattered_requests = requests * recorded->unscattered_requests,
                                  .unscattered_tokens_out =
                                      requests * tokens_out * recorded->unscattered_tokens_out};
    const struct activity *activity = &totals.activity;

    if (mix)
        totals.impact =
            mix_impact(mix, activity->requests, activity->tokens_in, activity->tokens_out);
    else
        totals.requests_without_impact = activity->requests;
    return totals;
}

/* A share of what the requests of a pair were, in the scenario. */
struct share {
    const struct whatif_machine *machine;
    bool is_moved;
    double share;
};

/* Fills SHARES and returns their number; the last one is what is not moved. */
static size_t shares_of(const struct whatif_plan *plan, uint16_t number,
                        struct share shares[SHARES_MAX])
{
    const struct whatif_origin *origin = &plan->origins[number];
    size_t count = 0;

    for (size_t i = 0; i < origin->move_count; i++)
        if (origin->moves[i].share > 0)
            shares[count++] = (struct share){&plan->machines[origin->moves[i].machine], true,
                                             origin->requests * origin->moves[i].share};
    shares[count] = (struct share){&plan->machines[number], false, origin->requests * origin->kept};
    return shares[count].share > 0 ? count + 1 : count;
}

/* Parts of one side, as they are made. */
struct parts {
    struct whatif_part items[PARTS_MAX];
    size_t count;
};

/* The scatter of a SHARE of all REQUESTS, whose own is RANDOM_SIGMA: variances are of the sum, and
 * so is the logarithm's taken from it, as a log-normal's. Dividing RANDOM_SIGMA itself by
 * sqrt(SHARE) holds only while that is small: beyond, its exponential has no bounds. Less than one
 * exchange scatters like one. */
static double sigma_of_share(double random_sigma, double requests, double share)
{
    double least = requests > 1 ? 1 / requests : 1;

    return sqrt(log1p(expm1(random_sigma * random_sigma) / fmax(share, least)));
}

/* SHARE of the activity: these EXCHANGES, which scatter more than all of them. */
static void add_parts(struct parts *parts, const struct mix_factors *mix,
                      const struct activity *activity, double share, double random_sigma,
                      size_t exchanges)
{
    double sigma = sigma_of_share(random_sigma, activity->requests.central, share);

    for (size_t i = 0; i < mix->count; i++) {
        double part = share * mix->shares[i];

        parts->items[parts->count++] =
            (struct whatif_part){triple_scale(activity->requests, part),
                                 triple_scale(activity->tokens_in, part),
                                 triple_scale(activity->tokens_out, part),
                                 sigma,
                                 (unsigned)exchanges,
                                 mix->parts[i]};
    }
}

/* What is the same on both sides is left out of both: it cancels. RANDOM_SIGMA is that of all. */
static void split_sides(const struct whatif_plan *plan, uint16_t number,
                        const struct activity *activity, double random_sigma, struct parts sides[2])
{
    const struct mix_factors *usual = plan->machines[number].usual;
    double tokens_out = plan->origins[number].tokens_out;
    const struct activity shorter = scaled(activity, 1, tokens_out);
    struct share shares[SHARES_MAX];
    size_t count = shares_of(plan, number, shares);
    double undone = 1;

    _Static_assert(SHARES_MAX + 1 <= WHATIF_EXCHANGES, "each share has a number");
    sides[0].count = sides[1].count = 0;
    for (size_t i = 0; usual && i < count; i++) {
        undone -= shares[i].share;
        if (shares[i].machine->chosen == usual && tokens_out >= 1)
            continue;
        add_parts(&sides[0], usual, activity, shares[i].share, random_sigma, i);
        add_parts(&sides[1], shares[i].machine->chosen, &shorter, shares[i].share, random_sigma, i);
    }
    if (usual && undone > ROUNDING)
        add_parts(&sides[0], usual, activity, undone, random_sigma, count);
}

static bool same_use(const struct whatif_use *a, const struct whatif_use *b)
{
    return a->machine == b->machine && a->is_after == b->is_after && a->is_moved == b->is_moved;
}

/* Adds a use to the row of its service, and to one side of SUM. Returns false when memory is
 * exhausted. */
static bool add_use(struct whatif_row *row, const struct whatif_use *use, struct whatif_sum *sum)
{
    struct whatif_use *uses;
    size_t i = 0;

    month_add(use->is_after ? &sum->after : &sum->before, &use->totals);
    while (i < row->use_count && !same_use(&row->uses[i], use))
        i++;
    if (i < row->use_count) {
        month_add(&row->uses[i].totals, &use->totals);
        return true;
    }
    uses = reallocarray(row->uses, row->use_count + 1, sizeof(*uses));
    if (!uses)
        return false;
    row->uses = uses;
    uses[row->use_count++] = *use;
    return true;
}

/* Of one pair. What has no estimate has none in the scenario: there is nothing to compare with. */
static bool add_uses(const struct whatif_plan *plan, uint16_t number,
                     const struct month_totals *recorded, struct whatif_row *row,
                     struct whatif_sum *sum)
{
    const struct whatif_machine *machine = &plan->machines[number];
    struct whatif_use use = {.machine = machine,
                             .mix = machine->usual,
                             .totals = totals_of(machine->usual, recorded, 1, 1)};
    struct share shares[SHARES_MAX];
    size_t count = shares_of(plan, number, shares);
    bool added = add_use(row, &use, sum);

    for (size_t i = 0; added && i < count; i++) {
        const struct mix_factors *mix = machine->usual ? shares[i].machine->chosen : NULL;

        use = (struct whatif_use){
            shares[i].machine, mix, true, shares[i].is_moved,
            totals_of(mix, recorded, shares[i].share, plan->origins[number].tokens_out)};
        added = add_use(row, &use, sum);
    }
    return added;
}

/* ---- Differences ---- */

/* What is measured is by no method. */
static bool has_method(const struct parts *parts, bool b)
{
    for (size_t i = 0; i < parts->count; i++)
        if (!whatif_is_measured(&parts->items[i].factors) &&
            (parts->items[i].factors.method_b != NULL) == b)
            return true;
    return false;
}

static struct whatif_difference difference_of(const struct parts sides[2])
{
    return whatif_difference_compute((struct whatif_parts){sides[0].items, sides[0].count},
                                     (struct whatif_parts){sides[1].items, sides[1].count});
}

static void assume(struct whatif *whatif, enum whatif_variant variant,
                   struct impact_factors *factors)
{
    const struct factors *all = whatif->report->config->factors;
    const struct zone_factors *zone;

    if (variant != WHATIF_OTHER_WATER && whatif_is_measured(factors))
        return;
    switch (variant) {
    case WHATIF_METHOD_A:
        factors->method_b = NULL;
        break;
    case WHATIF_METHOD_B:
        factors->method_b = factors_method_b(all);
        break;
    case WHATIF_OTHER_WATER:
        zone = month_zone_variant(all, factors->zone->id);
        if (zone)
            whatif->other_water = factors->zone = zone;
        break;
    case WHATIF_VARIANTS:
        break;
    }
}

static void add_variant(struct whatif *whatif, enum whatif_variant variant,
                        const struct parts sides[2])
{
    struct parts assumed[2] = {sides[0], sides[1]};
    struct whatif_difference difference;

    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < assumed[side].count; i++)
            assume(whatif, variant, &assumed[side].items[i].factors);
    difference = difference_of(assumed);
    whatif_difference_add(&whatif->variants[variant].difference, &difference);
}

static void take_difference(struct whatif *whatif, const struct parts sides[2],
                            struct whatif_sum *sum)
{
    sum->difference = difference_of(sides);
    if ((has_method(&sides[0], false) && has_method(&sides[1], true)) ||
        (has_method(&sides[0], true) && has_method(&sides[1], false)))
        whatif->methods_differ = true;
    for (int i = 0; i < WHATIF_VARIANTS; i++)
        add_variant(whatif, (enum whatif_variant)i, sides);
}

static void add_sum(struct whatif_sum *sum, const struct whatif_sum *other)
{
    month_add(&sum->before, &other->before);
    month_add(&sum->after, &other->after);
    whatif_difference_add(&sum->difference, &other->difference);
}

/* Rows in the order of a report's table, but for what is folded. */
static struct whatif_row *rows_of(const struct month_table *table, size_t *count)
{
    struct whatif_row *rows = calloc(table->count + 1, sizeof(*rows));

    for (size_t i = 0; rows && i < table->count; i++) {
        if (table->rows[i].is_other)
            continue;
        snprintf(rows[*count].id, sizeof(rows->id), "%s", table->rows[i].id);
        snprintf(rows[*count].label, sizeof(rows->label), "%s", table->rows[i].label);
        rows[*count].service = table->rows[i].service;
        ++*count;
    }
    return rows;
}

static struct whatif_row *find_row(struct whatif_row *rows, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].id, id) == 0)
            return &rows[i];
    return NULL;
}

/* What is common at a host of our own does not follow requests, and what is measured is better than
 * what is computed again. */
static bool stays(const struct whatif *whatif, const struct month_cell *cell, uint16_t number)
{
    const struct config *config = whatif->report->config;

    return number == SERVICE_NONE || localhost_is_common(config, cell->service) ||
           (localhost_is_local(config, cell->service) &&
            !whatif_plan_changes(whatif->plan, number));
}

/* A service that is no longer in the catalogue is as it was recorded. */
static bool sum_of_cell(struct builder *builder, const struct month_cell *cell,
                        struct whatif_row *row, struct whatif_sum *sum)
{
    struct whatif *whatif = builder->whatif;
    uint16_t number = catalogue_find(whatif->report->config->catalogue, cell->service);
    struct parts sides[2];

    if (stays(whatif, cell, number)) {
        sum->before = sum->after = cell->totals;
        return true;
    }
    row->is_changed = whatif_plan_changes(whatif->plan, number);
    if (!whatif_plan_resolve(whatif->plan, number, builder->error, builder->error_size) ||
        !add_uses(whatif->plan, number, &cell->totals, row, sum))
        return false;
    split_sides(whatif->plan, number, &cell->totals.activity,
                month_random_sigma(&cell->totals, whatif->report->config->factors), sides);
    take_difference(whatif, sides, sum);
    return true;
}

static bool add_cell(struct builder *builder, const struct month_cell *cell)
{
    struct whatif *whatif = builder->whatif;
    struct whatif_row *service = find_row(whatif->services, whatif->service_count, cell->service);
    struct whatif_row *direction =
        find_row(whatif->directions, whatif->direction_count, cell->direction);
    struct whatif_sum sum = {0};

    if (!service || !direction || !sum_of_cell(builder, cell, service, &sum))
        return false;
    service->is_in_scope = true;
    direction->is_in_scope = true;
    direction->is_changed |= service->is_changed;
    add_sum(&service->sum, &sum);
    add_sum(&direction->sum, &sum);
    return true;
}

/* ---- What is folded ---- */

static struct impact scaled_impact(const struct impact *impact, double factor)
{
    return (struct impact){.energy_kwh = triple_scale(impact->energy_kwh, factor),
                           .gwp_use_kgco2e = triple_scale(impact->gwp_use_kgco2e, factor),
                           .gwp_embodied_kgco2e = triple_scale(impact->gwp_embodied_kgco2e, factor),
                           .adpe_kgsb = triple_scale(impact->adpe_kgsb, factor),
                           .water_l = triple_scale(impact->water_l, factor)};
}

/* What of it does not follow requests: known where the sums of a host of our own may be told. */
static struct month_totals folded_common(const struct month_report *report)
{
    struct month_totals common = report->host_common;

    for (size_t i = 0; report->host_shown && i < report->cell_count; i++)
        if (localhost_is_common(report->config, report->cells[i].service)) {
            struct month_totals shown = month_share(&report->cells[i].totals, -1);

            month_add(&common, &shown);
        }
    return common;
}

/* How far single exchanges take a SHARE of TOTALS, at the end of a range, in logarithms. */
static double reach_of_exchanges(const struct month_totals *totals, const struct factors *factors,
                                 double share)
{
    return factors ? sigma_of_share(month_random_sigma(totals, factors),
                                    totals->activity.requests.central, share) *
                         factors_uncertainty(factors)->range_sigmas / 2
                   : 0;
}

/* What that adds to the END of a band, in quadrature of logarithms, as the rest of a square. */
static double random_square(double central, double end, double reach)
{
    double systematic = central > 0 && end > 0 ? log(end / central) : 0;
    double both = central * expm1(copysign(hypot(systematic, reach), reach));

    return reach != 0 ? fmax(both * both - (end - central) * (end - central), 0) : 0;
}

/* One sum, as it was recorded: more than fewer requests of all would tell what it is made of. */
static void sum_folded(struct whatif *whatif)
{
    const struct month_totals common = folded_common(whatif->report);
    const struct impact less = scaled_impact(&common.impact, -1);
    const struct month_report *report = whatif->report;
    const struct month_totals *folded =
        report->suppressed == SUPPRESS_ALL
            ? &report->total
            : &report->directions.rows[report->directions.count - 1].totals;
    double left = whatif->plan->requests_of_all;
    double undone = (1 - left) * (1 - left); /* squared */
    double reach = left < 1 ? reach_of_exchanges(folded, report->config->factors, 1 - left) : 0;
    struct month_totals following = *folded;
    struct whatif_sum *sum = &whatif->folded;

    *sum = (struct whatif_sum){.before = *folded, .after = *folded};
    sum->after.activity = scaled(&folded->activity, left, 1);
    sum->after.unscattered_requests *= left;
    sum->after.unscattered_tokens_out *= left;
    sum->after.requests_without_impact = triple_scale(folded->requests_without_impact, left);
    following.impact = impact_add(folded->impact, less);
    sum->after.impact = impact_add(scaled_impact(&following.impact, left), common.impact);
    for (int i = 0; i < WHATIF_INDICATORS; i++) {
        struct triple value = month_value(&following, (enum month_indicator)(MONTH_ENERGY + i));

        sum->difference.difference[i] = (struct triple){
            (left - 1) * value.high, (left - 1) * value.central, (left - 1) * value.low};
        sum->difference.proportional[i] = triple_exact((left - 1) * value.central);
        sum->difference.random_below[i] = random_square(value.central, value.high, reach) * undone;
        sum->difference.random_above[i] = random_square(value.central, value.low, -reach) * undone;
    }
}

/* ---- All of it ---- */

static bool add_up(struct builder *builder)
{
    struct whatif *whatif = builder->whatif;
    const struct month_report *report = whatif->report;

    whatif->directions = rows_of(&report->directions, &whatif->direction_count);
    whatif->services = rows_of(&report->services, &whatif->service_count);
    if (!whatif->directions || !whatif->services)
        return false;
    for (size_t i = 0; i < report->cell_count; i++)
        if (in_scope(whatif, &report->cells[i]) && !add_cell(builder, &report->cells[i]))
            return false;
    for (size_t i = 0; i < whatif->direction_count; i++)
        add_sum(&whatif->total, &whatif->directions[i].sum);
    whatif->has_folded = !whatif->direction && report->suppressed != SUPPRESS_NONE;
    if (whatif->has_folded) {
        sum_folded(whatif);
        add_sum(&whatif->total, &whatif->folded);
    }
    return true;
}

static bool keep_words(struct whatif *whatif, const struct whatif_query *query)
{
    whatif->changes = calloc(query->change_count + 1, sizeof(*whatif->changes));
    for (size_t i = 0; whatif->changes && i < query->change_count; i++) {
        if (asprintf(&whatif->changes[i], "--%s %s", whatif_kind_name(query->changes[i].kind),
                     query->changes[i].text) < 0) {
            whatif->changes[i] = NULL;
            return false;
        }
        whatif->change_count++;
    }
    return whatif->changes != NULL;
}

static enum whatif_status build(struct builder *builder, const struct whatif_query *query)
{
    struct whatif *whatif = builder->whatif;
    enum whatif_status status = find_scope(builder, query->direction);

    if (status != WHATIF_OK)
        return status;
    whatif->plan =
        whatif_plan_new(whatif->report->config, whatif->report->month.start, query->changes,
                        query->change_count, builder->error, builder->error_size);
    if (!whatif->plan)
        return WHATIF_USAGE;
    whatif_plan_measure(whatif->plan, builder->ledger, whatif->report);
    status = check_plan(builder);
    if (status != WHATIF_OK)
        return status;
    snprintf(builder->error, builder->error_size,
             "out of memory"); /* unless it is something else */
    return keep_words(whatif, query) && add_up(builder) ? WHATIF_OK : WHATIF_NOTHING;
}

enum whatif_status whatif_build(struct ledger *ledger, const struct month_report *report,
                                const struct whatif_query *query, struct whatif **out, char *error,
                                size_t error_size)
{
    struct builder builder = {.whatif = calloc(1, sizeof(*builder.whatif)),
                              .ledger = ledger,
                              .error = error,
                              .error_size = error_size};
    enum whatif_status status;

    *out = NULL;
    if (!builder.whatif) {
        snprintf(error, error_size, "out of memory");
        return WHATIF_NOTHING;
    }
    builder.whatif->report = report;
    status = build(&builder, query);
    if (status == WHATIF_OK)
        *out = builder.whatif;
    else
        whatif_free(builder.whatif);
    return status;
}

void whatif_free(struct whatif *whatif)
{
    if (!whatif)
        return;
    for (size_t i = 0; i < whatif->change_count; i++)
        free(whatif->changes[i]);
    for (size_t i = 0; i < whatif->service_count; i++)
        free(whatif->services[i].uses);
    free(whatif->changes);
    free(whatif->directions);
    free(whatif->services);
    whatif_plan_free(whatif->plan);
    free(whatif);
}

/* ---- What it says ---- */

struct triple whatif_change_of(const struct whatif_sum *sum, enum month_indicator indicator)
{
    return whatif_difference_of(&sum->difference, (int)(indicator - MONTH_ENERGY));
}

double whatif_relative(const struct whatif_sum *sum, enum month_indicator indicator)
{
    double before = month_value(&sum->before, indicator).central;

    return before > 0 ? sum->difference.proportional[indicator - MONTH_ENERGY].central / before
                      : NAN;
}

enum whatif_verdict whatif_verdict_of(struct triple difference)
{
    if (difference.low < 0 && difference.high > 0)
        return WHATIF_UNSURE;
    if (difference.low < 0)
        return WHATIF_LESS;
    return difference.high > 0 ? WHATIF_MORE : WHATIF_SAME;
}

const char *whatif_verdict_name(enum whatif_verdict verdict)
{
    static const char *const names[] = {"same", "less", "more", "undecided"};

    return names[verdict];
}
