/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/hostview.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"

#define J_PER_KWH        3.6e6
#define HOUR_S           3600
#define PERCENT          100
#define PERCENT_DECIMALS 0

/* ---- Lines ---- */

static void add_cell(const struct month_report *report, const struct month_cell *cell,
                     struct host_line *line)
{
    const struct triple energy_kwh = cell->totals.impact.energy_kwh;

    if (localhost_is_common(report->config, cell->service)) {
        line->common_kwh = triple_add(line->common_kwh, energy_kwh);
    } else {
        line->active_kwh = triple_add(line->active_kwh, energy_kwh);
        line->has_use = true;
    }
    line->energy_j += cell->totals.activity.energy_j;
}

/* With other keys, of a direction whose use may be told. */
static void add_keys(const struct host_view *view, struct host_line *line)
{
    const struct localhost_direction *direction = localhost_direction(view->host, line->row->id);

    if (!direction || !line->has_use)
        return;
    line->weight = direction->weight;
    for (int i = 0; i < LOCALHOST_KEYS; i++)
        line->by_key_kwh[i] = triple_add(
            line->active_kwh, triple_scale(view->total.common_kwh, direction->shares[i]));
}

static bool fill_line(const struct host_view *view, const struct month_row *row,
                      struct host_line *line)
{
    const struct month_report *report = view->report;
    bool found = false;

    *line = (struct host_line){.row = row};
    for (size_t i = 0; i < report->cell_count; i++) {
        if (strcmp(report->cells[i].direction, row->id) != 0 ||
            !localhost_is_local(report->config, report->cells[i].service))
            continue;
        found = true;
        add_cell(report, &report->cells[i], line);
    }
    if (found)
        add_keys(view, line);
    return found;
}

static void fill_total(struct host_view *view)
{
    const struct month_report *report = view->report;
    struct host_line *total = &view->total;

    *total = (struct host_line){.has_use = true,
                                .weight = view->host->weight,
                                .active_kwh = report->host_active.impact.energy_kwh,
                                .common_kwh = report->host_common.impact.energy_kwh,
                                .energy_j = report->host_active.activity.energy_j +
                                            report->host_common.activity.energy_j};
    for (int i = 0; i < LOCALHOST_KEYS; i++)
        total->by_key_kwh[i] = triple_add(total->active_kwh, total->common_kwh);
}

/* A - B, but neither below 0 nor what rounding alone leaves of A: that is no use, and its low end
 * may be above its centre. */
static double less(double a, double b)
{
    double rest = a - b;

    return rest > a * DERIVED_ROUNDING ? rest : 0;
}

static struct triple triple_less(struct triple a, struct triple b)
{
    return (struct triple){less(a.low, b.low), less(a.central, b.central), less(a.high, b.high)};
}

static void add_line(struct host_line *sum, const struct host_line *line)
{
    sum->weight += line->weight;
    sum->active_kwh = triple_add(sum->active_kwh, line->active_kwh);
    sum->common_kwh = triple_add(sum->common_kwh, line->common_kwh);
    sum->energy_j += line->energy_j;
    for (int i = 0; i < LOCALHOST_KEYS; i++)
        sum->by_key_kwh[i] = triple_add(sum->by_key_kwh[i], line->by_key_kwh[i]);
}

/* What no line has. */
static void fill_rest(struct host_view *view, const struct month_row *other)
{
    struct host_line *rest = &view->lines[view->count];
    struct host_line sum = {.row = NULL};

    for (size_t i = 0; i < view->count; i++)
        add_line(&sum, &view->lines[i]);
    *rest = view->total;
    rest->row = other;
    rest->weight = less(rest->weight, sum.weight);
    rest->active_kwh = triple_less(rest->active_kwh, sum.active_kwh);
    rest->common_kwh = triple_less(rest->common_kwh, sum.common_kwh);
    rest->energy_j = less(rest->energy_j, sum.energy_j);
    for (int i = 0; i < LOCALHOST_KEYS; i++)
        rest->by_key_kwh[i] = triple_less(rest->by_key_kwh[i], sum.by_key_kwh[i]);
    view->count++;
}

static void fill_lines(struct host_view *view)
{
    const struct month_table *table = &view->report->directions;
    const struct month_row *other = NULL;
    bool uses_shown = true;

    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].is_other)
            other = &table->rows[i];
        else if (fill_line(view, &table->rows[i], &view->lines[view->count]))
            uses_shown &= view->lines[view->count++].has_use;
    }
    /* Lines without use leave something of the other keys over, even where nothing is hidden. */
    if (other || (!uses_shown && view->count > 1))
        fill_rest(view, other);
}

static void fill_sums(struct host_view *view)
{
    const struct localhost *host = view->host;
    double active_j = view->report->host_active.activity.energy_j;

    view->it_kwh = host->energy_j / J_PER_KWH;
    view->idle_share = host->energy_j > 0 ? host->idle_j / host->energy_j : NAN;
    view->pool_kwh = less(host->energy_j - host->idle_j, active_j) / J_PER_KWH;
    view->unmeasured_s = less(view->report->month_s, host->measured_s);
}

struct host_view *hostview_new(const struct month_report *report)
{
    struct host_view *view;

    if (!report->host || !report->host_shown)
        return NULL;
    view = calloc(1, sizeof(*view));
    if (!view)
        return NULL;
    view->report = report;
    view->host = report->host;
    view->lines = calloc(report->directions.count + 1, sizeof(*view->lines));
    if (!view->lines) {
        free(view);
        return NULL;
    }
    fill_total(view);
    if (report->suppressed != SUPPRESS_ALL)
        fill_lines(view);
    fill_sums(view);
    return view;
}

void hostview_free(struct host_view *view)
{
    if (!view)
        return;
    free(view->lines);
    free(view);
}

/* ---- Words ---- */

bool hostview_idle_words(const struct month_report *report, enum text_language language,
                         char percent[TEXT_NUMBER_SIZE], char energy[TEXT_NUMBER_SIZE])
{
    const struct localhost *host = report->host;
    double energy_kwh = report->host_active.impact.energy_kwh.central +
                        report->host_common.impact.energy_kwh.central;

    if (!host || !report->host_shown || !(host->energy_j > 0))
        return false;
    text_number(percent, TEXT_NUMBER_SIZE, language, PERCENT * host->idle_j / host->energy_j,
                PERCENT_DECIMALS);
    text_number(energy, TEXT_NUMBER_SIZE, language, energy_kwh, text_decimals(energy_kwh));
    return true;
}

void hostview_idle_names(const struct month_report *report, month_name names[2])
{
    derived_name(names[0], report->month, "host", MONTH_ALL, "idle_share");
    derived_name(names[1], report->month, "host-direction", MONTH_ALL, "total_kwh");
}

/* Where it may not be told, the argument is no figure. */
void hostview_measured_name(const struct month_report *report, const struct month_row *row,
                            month_name name)
{
    name[0] = '\0';
    if (!isnan(month_measured(report, row)))
        derived_name(name, report->month,
                     !row                            ? "total"
                     : month_is_service(report, row) ? "service"
                                                     : "direction",
                     row ? row->id : MONTH_ALL, "measured_share");
}

bool hostview_measured_words(const struct month_report *report, const struct month_row *row,
                             enum text_language language, enum text_id *id,
                             char argument[TEXT_NUMBER_SIZE])
{
    double energy_kwh = (row ? &row->totals : &report->total)->impact.energy_kwh.central;
    double measured = month_measured(report, row);

    *id = TEXT_MEASURED_PART;
    if (isnan(measured)) {
        *id = TEXT_MEASURED_NOT_TOLD;
        snprintf(argument, TEXT_NUMBER_SIZE, "%u", report->config->report.threshold);
        return month_has_host(report) && energy_kwh > 0;
    }
    /* A mixture never reads 0 % or 100 %. */
    text_number(argument, TEXT_NUMBER_SIZE, language,
                fmin(fmax(PERCENT * measured, measured > 0 ? 1 : 0), measured < 1 ? 99 : 100),
                PERCENT_DECIMALS);
    return measured > 0;
}

static const struct {
    enum energy_flag flag;
    enum text_id text;
    const char *name;
} flag_names[HOSTVIEW_FLAGS] = {
    {ENERGY_WALL, TEXT_HOST_WALL, "wall"},
    {ENERGY_REST, TEXT_HOST_REST, "rest"},
    {ENERGY_INTEGRATED, TEXT_HOST_INTEGRATED, "integrated"},
    {ENERGY_LOWER_BOUND, TEXT_HOST_LOWER_BOUND, "lower-bound"},
    {ENERGY_AMBIGUOUS, TEXT_HOST_AMBIGUOUS, "ambiguous"},
    {ENERGY_EXCEEDED, TEXT_HOST_EXCEEDED, "exceeded"},
    {ENERGY_CARRIED, TEXT_HOST_CARRIED, "carried"},
};

bool hostview_has_flag(uint8_t flags, unsigned number)
{
    return (flags & flag_names[number].flag) != 0;
}

enum text_id hostview_flag_text(unsigned number)
{
    return flag_names[number].text;
}

const char *hostview_flag_name(unsigned number)
{
    return flag_names[number].name;
}

/* ---- Quantities ---- */

static const struct {
    const char *name;
    const char *unit;
    const char *formula;
} quantities[HOSTVIEW_QUANTITIES] = {
    [HOSTVIEW_ENERGY_J] = {"energy_j", "J", NULL},
    [HOSTVIEW_IDLE_J] = {"idle_j", "J", NULL},
    [HOSTVIEW_MEASURED_S] = {"measured_s", "s", NULL},
    [HOSTVIEW_LOWER_BOUND_S] = {"lower_bound_s", "s", NULL},
    [HOSTVIEW_AMBIGUOUS_S] = {"ambiguous_s", "s", NULL},
    [HOSTVIEW_EXCEEDED_S] = {"exceeded_s", "s", NULL},
    [HOSTVIEW_CARRIED_J] = {"carried_j", "J", NULL},
    [HOSTVIEW_ENERGY_KWH] = {"energy_kwh", "kWh", "{energy_j} / 3600000"},
    [HOSTVIEW_IDLE_KWH] = {"idle_kwh", "kWh", "{idle_j} / 3600000"},
    [HOSTVIEW_ABOVE_IDLE_KWH] = {"above_idle_kwh", "kWh", "({energy_j} - {idle_j}) / 3600000"},
    [HOSTVIEW_MEASURED_H] = {"measured_h", "h", "{measured_s} / 3600"},
    [HOSTVIEW_MEAN_W] = {"mean_w", "W", "{energy_j} / {measured_s}"},
    [HOSTVIEW_LOWER_BOUND_H] = {"lower_bound_h", "h", "{lower_bound_s} / 3600"},
    [HOSTVIEW_AMBIGUOUS_H] = {"ambiguous_h", "h", "{ambiguous_s} / 3600"},
    [HOSTVIEW_EXCEEDED_H] = {"exceeded_h", "h", "{exceeded_s} / 3600"},
    [HOSTVIEW_CARRIED_KWH] = {"carried_kwh", "kWh", "{carried_j} / 3600000"},
};

const char *hostview_quantity_name(enum hostview_quantity quantity)
{
    return quantities[quantity].name;
}

const char *hostview_quantity_unit(enum hostview_quantity quantity)
{
    return quantities[quantity].unit;
}

const char *hostview_quantity_formula(enum hostview_quantity quantity)
{
    return quantities[quantity].formula;
}

double hostview_device_value(const struct localhost_device *device, enum hostview_quantity quantity)
{
    bool is_source = device->kind == POWER_DEVICE_SOURCE;
    const double values[HOSTVIEW_QUANTITIES] = {
        [HOSTVIEW_ENERGY_J] = device->energy_j,
        [HOSTVIEW_IDLE_J] = device->idle_j,
        [HOSTVIEW_MEASURED_S] = device->covered_s,
        [HOSTVIEW_LOWER_BOUND_S] = device->lower_bound_s,
        [HOSTVIEW_AMBIGUOUS_S] = device->ambiguous_s,
        [HOSTVIEW_EXCEEDED_S] = device->exceeded_s,
        [HOSTVIEW_CARRIED_J] = device->carried_j,
        [HOSTVIEW_ENERGY_KWH] = device->energy_j / J_PER_KWH,
        [HOSTVIEW_IDLE_KWH] = is_source ? NAN : device->idle_j / J_PER_KWH,
        [HOSTVIEW_ABOVE_IDLE_KWH] =
            is_source ? NAN : (device->energy_j - device->idle_j) / J_PER_KWH,
        [HOSTVIEW_MEASURED_H] = device->covered_s / HOUR_S,
        [HOSTVIEW_MEAN_W] = device->covered_s > 0 ? device->energy_j / device->covered_s : NAN,
        [HOSTVIEW_LOWER_BOUND_H] = device->lower_bound_s / HOUR_S,
        [HOSTVIEW_AMBIGUOUS_H] = device->ambiguous_s / HOUR_S,
        [HOSTVIEW_EXCEEDED_H] = device->exceeded_s / HOUR_S,
        [HOSTVIEW_CARRIED_KWH] = device->carried_j / J_PER_KWH,
    };

    return values[quantity];
}

bool hostview_sum(const struct host_view *view, size_t number, struct hostview_sum *out)
{
    const struct localhost *host = view->host;
    const struct hostview_sum sums[] = {
        {"energy_j", "J", host->energy_j, NULL},
        {"idle_j", "J", host->idle_j, NULL},
        {"measured_s", "s", host->measured_s, NULL},
        {"pending_j", "J", host->pending_j, NULL},
        {"unmeasured_s", "s", view->unmeasured_s, "less({month_s}, {measured_s})"},
        {"idle_share", "1", view->idle_share, "{idle_j} / {energy_j}"},
        {"pool_kwh_it", "kWh", view->pool_kwh, "less({energy_j} - {idle_j}, {active_j}) / 3600000"},
        {"energy_kwh", "kWh", view->it_kwh, "{energy_j} / 3600000"},
        {"idle_kwh", "kWh", host->idle_j / J_PER_KWH, "{idle_j} / 3600000"},
        {"above_idle_kwh", "kWh", (host->energy_j - host->idle_j) / J_PER_KWH,
         "({energy_j} - {idle_j}) / 3600000"},
        {"pending_kwh", "kWh", host->pending_j / J_PER_KWH, "{pending_j} / 3600000"},
        {"measured_h", "h", host->measured_s / HOUR_S, "{measured_s} / 3600"},
        {"unmeasured_h", "h", view->unmeasured_s / HOUR_S, "{unmeasured_s} / 3600"},
    };

    if (number >= sizeof(sums) / sizeof(sums[0]))
        return false;
    *out = sums[number];
    return true;
}

/* ---- What was captured, and what the server counted ---- */

bool hostview_balance(const struct host_view *view, size_t number, struct host_balance *out)
{
    const struct localhost *host = view->host;
    bool by_service = view->report->host_parts_shown;
    const struct localhost_service *services = host->services + (by_service ? number : 0);
    size_t count = by_service ? 1 : host->service_count;

    *out = (struct host_balance){0};
    if (number >= (by_service ? host->service_count : host->service_count > 0))
        return false;
    if (by_service)
        out->service = services->id;
    for (size_t i = 0; i < count; i++)
        out->has_server |= services[i].has_server;
    out->restarts = localhost_restarts(host, services, count);
    for (size_t i = 0; i < LOCALHOST_COUNTS; i++)
        out->counts[i] = localhost_count(host, services, count, i);
    return true;
}

enum text_id hostview_verdict_text(enum balance_verdict verdict)
{
    return (enum text_id)(TEXT_HOST_NOT_COMPARED + (int)verdict);
}

/* ---- Factors ---- */

bool hostview_factor(const struct month_report *report, size_t number, struct host_factor *out)
{
    const struct host_config *host = report->host->config;
    const struct host_embodied *embodied = &host->embodied;
    const struct zone_factors *zone = factors_zone(report->config->factors, host->zone);
    const struct host_factor factors[] = {
        {"pue", "1", host->pue.value, &host->pue.provenance},
        {"wue_l_per_kwh", "L/kWh", host->wue_l_per_kwh.value, &host->wue_l_per_kwh.provenance},
        {"energy_accuracy", "1", host->energy_accuracy.value, &host->energy_accuracy.provenance},
        {"server_gwp_kgco2e", "kgCO2e", embodied->server_gwp_kgco2e, &embodied->provenance},
        {"gpu_gwp_kgco2e", "kgCO2e", embodied->gpu_gwp_kgco2e, &embodied->provenance},
        {"server_adpe_kgsb", "kgSbeq", embodied->server_adpe_kgsb, &embodied->provenance},
        {"gpu_adpe_kgsb", "kgSbeq", embodied->gpu_adpe_kgsb, &embodied->provenance},
        {"host_gpus", "1", embodied->gpus, &embodied->provenance},
        {"lifetime_years", "a", embodied->lifetime_years, &embodied->provenance},
        {"gwp_kgco2e_per_kwh", "kgCO2e/kWh", zone ? zone->gwp_kgco2e_per_kwh : NAN,
         zone ? &zone->provenance : NULL},
        {"adpe_kgsb_per_kwh", "kgSbeq/kWh", zone ? zone->adpe_kgsb_per_kwh : NAN,
         zone ? &zone->adpe_provenance : NULL},
        {"ewif_l_per_kwh", "L/kWh", zone ? zone->ewif_l_per_kwh : NAN,
         zone ? &zone->ewif_provenance : NULL},
    };
    size_t count = sizeof(factors) / sizeof(factors[0]) - (zone ? 0 : 3);
    size_t device = number - count;

    if (number < count) {
        *out = factors[number];
        return true;
    }
    if (device < host->device_count) {
        *out = (struct host_factor){host->devices[device].name, "W", host->devices[device].idle_w,
                                    &host->devices[device].idle_provenance};
        return true;
    }
    return false;
}

/* ---- For a terminal ---- */

static void put_energy(char out[TEXT_NUMBER_SIZE], enum text_language language, double kwh)
{
    text_number(out, TEXT_NUMBER_SIZE, language, kwh, text_decimals(kwh));
}

static void print_line(const struct host_view *view, const struct host_line *line,
                       enum text_language language, FILE *stream)
{
    const char *key = line->row ? line->row->id : MONTH_OTHER;
    month_name names[2] = {""};
    char active[TEXT_NUMBER_SIZE] = "–", common[TEXT_NUMBER_SIZE];

    if (line->has_use)
        put_energy(active, language, line->active_kwh.central);
    put_energy(common, language, line->common_kwh.central);
    text_say(stream, language, TEXT_HOST_LINE,
             TEXT_ARGUMENTS(line->row ? month_label(line->row, language)
                                      : text_get(language, TEXT_OTHER),
                            active, common),
             false);
    if (line->has_use)
        derived_name(names[0], view->report->month, "host-direction", key, "active_kwh");
    derived_name(names[1], view->report->month, "host-direction", key, "common_kwh");
    month_print_names(stream, TEXT_ARGUMENTS(names[0], names[1]));
}

void hostview_print(const struct month_report *report, enum text_language language, FILE *stream)
{
    struct host_view *view = hostview_new(report);
    char percent[TEXT_NUMBER_SIZE], energy[TEXT_NUMBER_SIZE], argument[TEXT_NUMBER_SIZE];
    month_name names[2];
    enum text_id id;

    for (size_t i = 0; i <= report->directions.count; i++) {
        const struct month_row *row =
            i < report->directions.count ? &report->directions.rows[i] : NULL;

        if (!hostview_measured_words(report, row, language, &id, argument))
            continue;
        fprintf(stream, "%s – ", row ? month_label(row, language) : text_get(language, TEXT_TOTAL));
        text_say(stream, language, id, TEXT_ARGUMENTS(argument), false);
        hostview_measured_name(report, row, names[0]);
        month_print_names(stream, TEXT_ARGUMENTS(names[0]));
    }
    if (hostview_idle_words(report, language, percent, energy)) {
        text_say(stream, language, TEXT_HOST_IDLE, TEXT_ARGUMENTS(percent, energy), false);
        hostview_idle_names(report, names);
        month_print_names(stream, TEXT_ARGUMENTS(names[0], names[1]));
    }
    for (size_t i = 0; view && i < view->count; i++)
        print_line(view, &view->lines[i], language, stream);
    hostview_free(view);
}
