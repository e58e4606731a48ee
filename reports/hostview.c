/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/hostview.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"

#define J_PER_KWH        3.6e6
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

static struct triple less(struct triple a, struct triple b)
{
    return (struct triple){fmax(a.low - b.low, 0), fmax(a.central - b.central, 0),
                           fmax(a.high - b.high, 0)};
}

/* What no line has. */
static void fill_rest(struct host_view *view, const struct month_row *other)
{
    struct host_line *rest = &view->lines[view->count];

    *rest = view->total;
    rest->row = other;
    for (size_t i = 0; i < view->count; i++) {
        const struct host_line *line = &view->lines[i];

        rest->weight = fmax(rest->weight - line->weight, 0);
        rest->active_kwh = less(rest->active_kwh, line->active_kwh);
        rest->common_kwh = less(rest->common_kwh, line->common_kwh);
        rest->energy_j = fmax(rest->energy_j - line->energy_j, 0);
        for (int j = 0; j < LOCALHOST_KEYS; j++)
            rest->by_key_kwh[j] = less(rest->by_key_kwh[j], line->by_key_kwh[j]);
    }
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
    view->pool_kwh = fmax(host->energy_j - host->idle_j - active_j, 0) / J_PER_KWH;
    view->unmeasured_s = fmax(view->report->month_s - host->measured_s, 0);
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
        return report->host && energy_kwh > 0;
    }
    /* A mixture never reads 0 % or 100 %. */
    text_number(argument, TEXT_NUMBER_SIZE, language,
                fmin(fmax(PERCENT * measured, measured > 0 ? 1 : 0), measured < 1 ? 99 : 100),
                PERCENT_DECIMALS);
    return measured > 0;
}

enum text_id hostview_flag_text(unsigned bit)
{
    return (enum text_id)(TEXT_HOST_WALL + (int)bit);
}

const char *hostview_flag_name(unsigned bit)
{
    static const char *const names[HOSTVIEW_FLAGS] = {"wall",        "rest",      "integrated",
                                                      "lower-bound", "ambiguous", "exceeded"};

    return names[bit];
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

static void say(FILE *stream, enum text_language language, enum text_id id,
                const char *const *arguments)
{
    text_say(stream, language, id, arguments, false);
    fputc('\n', stream);
}

static void put_energy(char out[TEXT_NUMBER_SIZE], enum text_language language, double kwh)
{
    text_number(out, TEXT_NUMBER_SIZE, language, kwh, text_decimals(kwh));
}

static void print_line(const struct host_view *view, const struct host_line *line,
                       enum text_language language, FILE *stream)
{
    char figure[MONTH_FIGURE_SIZE];
    char active[TEXT_NUMBER_SIZE] = "–", common[TEXT_NUMBER_SIZE];

    if (line->has_use)
        put_energy(active, language, line->active_kwh.central);
    put_energy(common, language, line->common_kwh.central);
    text_say(stream, language, TEXT_HOST_LINE,
             TEXT_ARGUMENTS(line->row ? month_label(line->row, language)
                                      : text_get(language, TEXT_OTHER),
                            active, common),
             false);
    derived_name(figure, view->report->month, "host-direction",
                 line->row ? line->row->id : MONTH_OTHER, "common_kwh");
    fprintf(stream, " [%s]\n", figure);
}

void hostview_print(const struct month_report *report, enum text_language language, FILE *stream)
{
    struct host_view *view = hostview_new(report);
    char percent[TEXT_NUMBER_SIZE], energy[TEXT_NUMBER_SIZE], argument[TEXT_NUMBER_SIZE];
    enum text_id id;

    for (size_t i = 0; i <= report->directions.count; i++) {
        const struct month_row *row =
            i < report->directions.count ? &report->directions.rows[i] : NULL;

        if (!hostview_measured_words(report, row, language, &id, argument))
            continue;
        fprintf(stream, "%s – ", row ? month_label(row, language) : text_get(language, TEXT_TOTAL));
        say(stream, language, id, TEXT_ARGUMENTS(argument));
    }
    if (hostview_idle_words(report, language, percent, energy))
        say(stream, language, TEXT_HOST_IDLE, TEXT_ARGUMENTS(percent, energy));
    for (size_t i = 0; view && i < view->count; i++)
        print_line(view, &view->lines[i], language, stream);
    hostview_free(view);
}
