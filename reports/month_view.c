/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"

/* What all the writers share: names, units, and the same rounding. */

#define HOUR_S         3600
#define EXTRA_DECIMALS 1

struct indicator {
    const char *name;
    const char *unit;
};

static const struct indicator indicators[MONTH_INDICATORS] = {
    [MONTH_REQUESTS] = {"requests", "1"},
    [MONTH_TOKENS_IN] = {"tokens_in", "1"},
    [MONTH_TOKENS_OUT] = {"tokens_out", "1"},
    [MONTH_ENERGY] = {"energy_kwh", "kWh"},
    [MONTH_WATER] = {"water_l", "L"},
    [MONTH_GWP] = {"gwp_kgco2e", "kgCO2e"},
    [MONTH_GWP_USE] = {"gwp_use_kgco2e", "kgCO2e"},
    [MONTH_GWP_EMBODIED] = {"gwp_embodied_kgco2e", "kgCO2e"},
    [MONTH_ADPE] = {"adpe_kgsb", "kgSbeq"},
    [MONTH_REQUESTS_WITHOUT_IMPACT] = {"requests_without_impact", "1"},
    [MONTH_IMAGES] = {"images", "1"},
    [MONTH_AUDIO_S] = {"audio_seconds", "s"},
    [MONTH_UPLOADS] = {"uploads", "1"},
};

const char *month_indicator_name(enum month_indicator indicator)
{
    return indicators[indicator].name;
}

const char *month_indicator_unit(enum month_indicator indicator)
{
    return indicators[indicator].unit;
}

struct triple month_value(const struct month_totals *totals, enum month_indicator indicator)
{
    switch (indicator) {
    case MONTH_REQUESTS:
        return totals->activity.requests;
    case MONTH_TOKENS_IN:
        return totals->activity.tokens_in;
    case MONTH_TOKENS_OUT:
        return totals->activity.tokens_out;
    case MONTH_ENERGY:
        return totals->impact.energy_kwh;
    case MONTH_WATER:
        return totals->impact.water_l;
    case MONTH_GWP:
        return triple_add(totals->impact.gwp_use_kgco2e, totals->impact.gwp_embodied_kgco2e);
    case MONTH_GWP_USE:
        return totals->impact.gwp_use_kgco2e;
    case MONTH_GWP_EMBODIED:
        return totals->impact.gwp_embodied_kgco2e;
    case MONTH_ADPE:
        return totals->impact.adpe_kgsb;
    case MONTH_REQUESTS_WITHOUT_IMPACT:
        return totals->requests_without_impact;
    case MONTH_IMAGES:
        return totals->activity.images;
    case MONTH_AUDIO_S:
        return totals->activity.audio_s;
    case MONTH_UPLOADS:
        return totals->activity.uploads;
    case MONTH_INDICATORS:
        break;
    }
    return triple_exact(0);
}

void month_period(char out[MONTH_ID_SIZE], struct calendar_month month)
{
    if (month.month == 0)
        snprintf(out, MONTH_ID_SIZE, "%04d", month.year);
    else
        snprintf(out, MONTH_ID_SIZE, "%04d-%02d", month.year, month.month);
}

void month_figure(char out[MONTH_FIGURE_SIZE], const struct month_report *report,
                  const char *direction, const char *service, enum month_indicator indicator)
{
    char period[MONTH_ID_SIZE];

    month_period(period, report->month);
    snprintf(out, MONTH_FIGURE_SIZE, "%s/%s/%s/%s", period, direction, service,
             month_indicator_name(indicator));
}

bool month_is_service(const struct month_report *report, const struct month_row *row)
{
    for (size_t i = 0; i < report->services.count; i++)
        if (row == &report->services.rows[i])
            return true;
    return false;
}

const char *month_service_label(const struct service *service, enum text_language language)
{
    return text_either(language, service->label_fr, service->label);
}

const char *month_label(const struct month_row *row, enum text_language language)
{
    if (row->is_other)
        return text_get(language, TEXT_OTHER);
    if (row->is_unassigned)
        return text_get(language, TEXT_UNASSIGNED);
    return row->service ? month_service_label(row->service, language) : row->label;
}

bool month_has_host(const struct month_report *report)
{
    return report->host || report->host_folded || report->total.measured_kwh > 0;
}

double month_measured(const struct month_report *report, const struct month_row *row)
{
    const struct month_totals *totals = row ? &row->totals : &report->total;
    bool is_folded = row ? row->is_other : report->suppressed != SUPPRESS_NONE;

    if (!(totals->impact.energy_kwh.central > 0) || (is_folded && report->host_folded))
        return NAN;
    return totals->measured_kwh / totals->impact.energy_kwh.central;
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : -1;
}

#define LOCAL_LINES 8

static bool has_local_lines(const struct month_report *report)
{
    const struct coverage *c = &report->coverage;

    return report->local_counts_shown &&
           (report->config->inference.server_count > 0 ||
            c->local_exchanges + c->local_refused + c->local_evicted > 0);
}

size_t month_coverage_lines(const struct month_report *report,
                            struct month_coverage_line lines[MONTH_COVERAGE_LINES])
{
    const struct coverage *c = &report->coverage;
    uint64_t encrypted = c->names_seen + c->names_hinted + c->names_encrypted + c->names_missing;
    /* An older version did not record the reasons. */
    uint64_t explained = c->packets_truncated + c->packets_corrupt + c->packets_fragmented;
    uint64_t unspecified =
        c->packets_undecodable > explained ? c->packets_undecodable - explained : 0;
    const struct month_coverage_line filled[MONTH_COVERAGE_LINES] = {
        {"covered_s", TEXT_COVERED_TIME, "s", report->covered_s,
         report->month_s > 0 ? report->covered_s / report->month_s : -1, "{month_s}", NULL},
        {"packets", TEXT_PACKETS, "1", (double)c->packets, -1, NULL, NULL},
        {"packets_dropped", TEXT_PACKETS_DROPPED, "1", (double)c->packets_dropped,
         ratio(c->packets_dropped, c->packets + c->packets_dropped),
         "({packets} + {packets_dropped})", NULL},
        {"packets_filtered", TEXT_PACKETS_FILTERED, "1", (double)c->packets_filtered,
         ratio(c->packets_filtered, c->packets), "{packets}", NULL},
        {"packets_duplicate", TEXT_PACKETS_DUPLICATE, "1", (double)c->packets_duplicate,
         ratio(c->packets_duplicate, c->packets - c->packets_filtered),
         "({packets} - {packets_filtered})", NULL},
        {"packets_undecodable", TEXT_PACKETS_UNDECODABLE, "1", (double)c->packets_undecodable,
         ratio(c->packets_undecodable, c->packets), "{packets}", NULL},
        {"packets_truncated", TEXT_PACKETS_TRUNCATED, "1", (double)c->packets_truncated,
         ratio(c->packets_truncated, c->packets), "{packets}", NULL},
        {"packets_corrupt", TEXT_PACKETS_CORRUPT, "1", (double)c->packets_corrupt,
         ratio(c->packets_corrupt, c->packets), "{packets}", NULL},
        {"packets_fragmented", TEXT_PACKETS_FRAGMENTED, "1", (double)c->packets_fragmented,
         ratio(c->packets_fragmented, c->packets), "{packets}", NULL},
        {"packets_unspecified", TEXT_PACKETS_UNSPECIFIED, "1", (double)unspecified,
         ratio(unspecified, c->packets), "{packets}",
         "less({packets_undecodable}, {packets_truncated} + {packets_corrupt} + "
         "{packets_fragmented})"},
        {"packets_other", TEXT_PACKETS_OTHER, "1", (double)c->packets_other,
         ratio(c->packets_other, c->packets), "{packets}", NULL},
        {"flows", TEXT_FLOWS, "1", (double)c->flows, -1, NULL, NULL},
        {"flows_evicted", TEXT_FLOWS_EVICTED, "1", (double)c->flows_evicted,
         ratio(c->flows_evicted, c->flows), "{flows}", NULL},
        {"flows_untracked", TEXT_FLOWS_UNTRACKED, "1", (double)c->flows_untracked,
         ratio(c->flows_untracked, c->flows), "{flows}", NULL},
        {"flows_encrypted", TEXT_FLOWS_ENCRYPTED, "1", (double)encrypted, -1, NULL,
         "{names_seen} + {names_hinted} + {names_encrypted} + {names_missing}"},
        {"names_seen", TEXT_NAMES_SEEN, "1", (double)c->names_seen, ratio(c->names_seen, encrypted),
         "{flows_encrypted}", NULL},
        {"names_quic", TEXT_NAMES_QUIC, "1", (double)c->names_quic, ratio(c->names_quic, encrypted),
         "{flows_encrypted}", NULL},
        {"names_hinted", TEXT_NAMES_HINTED, "1", (double)c->names_hinted,
         ratio(c->names_hinted, encrypted), "{flows_encrypted}", NULL},
        {"names_encrypted", TEXT_NAMES_ENCRYPTED, "1", (double)c->names_encrypted,
         ratio(c->names_encrypted, encrypted), "{flows_encrypted}", NULL},
        {"names_missing", TEXT_NAMES_MISSING, "1", (double)c->names_missing,
         ratio(c->names_missing, encrypted), "{flows_encrypted}", NULL},
        {"flows_one_way", TEXT_FLOWS_ONE_WAY, "1", (double)c->flows_one_way,
         ratio(c->flows_one_way, encrypted), "{flows_encrypted}", NULL},
        {"flows_resolver", TEXT_FLOWS_RESOLVER, "1", (double)c->flows_resolver,
         ratio(c->flows_resolver, encrypted), "{flows_encrypted}", NULL},
        {"dns_answers", TEXT_DNS_ANSWERS, "1", (double)c->dns_answers, -1, NULL, NULL},
        {"dns_unasked", TEXT_DNS_UNASKED, "1", (double)c->dns_unasked,
         ratio(c->dns_unasked, c->dns_answers), "{dns_answers}", NULL},
        {"hints_displaced", TEXT_HINTS_DISPLACED, "1", (double)c->hints_displaced, -1, NULL, NULL},
        {"bytes_lost", TEXT_BYTES_LOST, "B", (double)c->bytes_lost, -1, NULL, NULL},
        {"clock_steps", TEXT_CLOCK_STEPS, "1", (double)c->clock_steps, -1, NULL, NULL},
        {"local_exchanges", TEXT_LOCAL_EXCHANGES, "1", (double)c->local_exchanges, -1, NULL, NULL},
        {"local_unassigned", TEXT_LOCAL_UNASSIGNED, "1", (double)c->local_unassigned,
         ratio(c->local_unassigned, c->local_exchanges), "{local_exchanges}", NULL},
        {"local_unstated", TEXT_LOCAL_UNSTATED, "1", (double)c->local_unstated,
         ratio(c->local_unstated, c->local_exchanges), "{local_exchanges}", NULL},
        {"local_unread", TEXT_LOCAL_UNREAD, "1", (double)c->local_unread,
         ratio(c->local_unread, c->local_exchanges), "{local_exchanges}", NULL},
        {"local_elsewhere", TEXT_LOCAL_ELSEWHERE, "1", (double)c->local_elsewhere,
         ratio(c->local_elsewhere, c->local_exchanges), "{local_exchanges}", NULL},
        {"local_lost", TEXT_LOCAL_LOST, "1", (double)c->local_lost,
         ratio(c->local_lost, c->local_exchanges), "{local_exchanges}", NULL},
        {"local_refused", TEXT_LOCAL_REFUSED, "1", (double)c->local_refused, -1, NULL, NULL},
        {"local_evicted", TEXT_LOCAL_EVICTED, "1", (double)c->local_evicted, -1, NULL, NULL},
    };

    memcpy(lines, filled, sizeof(filled));
    return has_local_lines(report) ? MONTH_COVERAGE_LINES : MONTH_COVERAGE_LINES - LOCAL_LINES;
}

int64_t month_covered_units(double value)
{
    return (int64_t)floor(value * pow(10, MONTH_COVERED_DECIMALS));
}

static void covered_number(char number[TEXT_NUMBER_SIZE], enum text_language language, double value)
{
    text_units(number, TEXT_NUMBER_SIZE, language, month_covered_units(value), value,
               MONTH_COVERED_DECIMALS);
}

void month_coverage_words(const struct month_report *report, enum text_language language,
                          char covered[TEXT_NUMBER_SIZE], char length[TEXT_NUMBER_SIZE],
                          char percent[TEXT_NUMBER_SIZE])
{
    double share = report->month_s > 0 ? report->covered_s / report->month_s : 0;

    covered_number(covered, language, report->covered_s / HOUR_S);
    text_number(length, TEXT_NUMBER_SIZE, language, report->month_s / HOUR_S, 1);
    covered_number(percent, language, 100 * share);
}

static void point(const char **figures, month_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        figures[i] = names[i];
    figures[count] = NULL;
}

void month_coverage_names(const struct month_report *report,
                          month_name names[MONTH_COVERAGE_ARGUMENTS],
                          const char *figures[MONTH_COVERAGE_ARGUMENTS + 1])
{
    derived_name(names[0], report->month, "coverage", MONTH_ALL, "covered_h");
    derived_name(names[1], report->month, "coverage", MONTH_ALL, "month_h");
    derived_name(names[2], report->month, "coverage-proportion", MONTH_ALL, "covered_s");
    point(figures, names, MONTH_COVERAGE_ARGUMENTS);
}

/* What the sentence on a restatement tells. */
static const enum month_indicator restated_told[] = {MONTH_ENERGY, MONTH_WATER, MONTH_GWP};
#define RESTATED_TOLD   (sizeof(restated_told) / sizeof(restated_told[0]))
#define RESTATED_BEFORE 3 /* number, date and vintage */

void month_restated_names(const struct month_report *report,
                          month_name names[MONTH_RESTATED_ARGUMENTS],
                          const char *figures[MONTH_RESTATED_ARGUMENTS + 1])
{
    char number[TEXT_NUMBER_SIZE];

    snprintf(number, sizeof(number), "%lld", (long long)report->restatement.number);
    for (size_t i = 0; i < RESTATED_BEFORE; i++)
        names[i][0] = '\0';
    for (size_t i = 0; i < RESTATED_TOLD; i++) {
        const char *indicator = month_indicator_name(restated_told[i]);

        derived_name(names[RESTATED_BEFORE + 2 * i], report->month, "restated", number, indicator);
        derived_name(names[RESTATED_BEFORE + 2 * i + 1], report->month, "restated-from", number,
                     indicator);
    }
    point(figures, names, MONTH_RESTATED_ARGUMENTS);
}

void month_print_names(FILE *stream, const char *const *figures)
{
    for (; *figures; figures++)
        if ((*figures)[0])
            fprintf(stream, " [%s]", *figures);
    fputc('\n', stream);
}

bool month_restated_words(const struct month_report *report, enum text_language language,
                          char words[MONTH_RESTATED_ARGUMENTS][TEXT_DATE_SIZE],
                          const char *arguments[MONTH_RESTATED_ARGUMENTS + 1])
{
    const struct month_restatement *restatement = &report->restatement;
    size_t used = RESTATED_BEFORE;

    snprintf(words[0], TEXT_DATE_SIZE, "%lld", (long long)restatement->number);
    text_date(words[1], TEXT_DATE_SIZE, language, restatement->made_s, false);
    snprintf(words[2], TEXT_DATE_SIZE, "%.63s", restatement->vintage);
    for (size_t i = 0; i < RESTATED_TOLD; i++) {
        unsigned decimals = month_decimals(report, restated_told[i]);

        text_number(words[used++], TEXT_DATE_SIZE, language,
                    month_value(&restatement->restated, restated_told[i]).central, decimals);
        text_number(words[used++], TEXT_DATE_SIZE, language,
                    month_value(&restatement->recorded, restated_told[i]).central, decimals);
    }
    for (size_t i = 0; i < MONTH_RESTATED_ARGUMENTS; i++)
        arguments[i] = words[i];
    arguments[MONTH_RESTATED_ARGUMENTS] = NULL;
    return restatement->number > 0;
}

static bool is_count(enum month_indicator indicator)
{
    return indicator <= MONTH_TOKENS_OUT || indicator >= MONTH_REQUESTS_WITHOUT_IMPACT;
}

bool month_is_unknown(const struct month_totals *totals, enum month_indicator indicator)
{
    return !is_count(indicator) && totals->activity.requests.high > 0 &&
           !(totals->impact.energy_kwh.high > 0);
}

/* Enough for two digits of every row of a table, up to EXTRA_DECIMALS more than the total needs. */
static unsigned decimals_for_rows(const struct month_table *table, enum month_indicator indicator,
                                  unsigned decimals)
{
    unsigned most = decimals + EXTRA_DECIMALS;

    for (size_t i = 0; i < table->count; i++) {
        unsigned needed = text_decimals(month_value(&table->rows[i].totals, indicator).central);

        if (needed > decimals + 1)
            decimals = needed - 1;
    }
    return decimals < most ? decimals : most;
}

struct text_scale month_scale(const struct month_report *report, enum month_indicator indicator)
{
    return text_scale(month_indicator_unit(indicator),
                      month_value(&report->total, indicator).central);
}

unsigned month_decimals(const struct month_report *report, enum month_indicator indicator)
{
    unsigned decimals;

    if (is_count(indicator))
        return 0;
    if (indicator == MONTH_GWP_USE || indicator == MONTH_GWP_EMBODIED)
        indicator = MONTH_GWP;   /* which they are parts of, and must add up to */
    if (indicator == MONTH_ADPE) /* in no table of rows, which have one unit for all */
        return text_decimals(month_scale(report, indicator).per_unit *
                             month_value(&report->total, indicator).central);
    decimals = text_decimals(month_value(&report->total, indicator).central);
    decimals = decimals_for_rows(&report->directions, indicator, decimals);
    return decimals_for_rows(&report->services, indicator, decimals);
}

struct text_band month_headline(const struct month_report *report, enum month_indicator indicator)
{
    const struct triple parts[] = {month_value(&report->total, MONTH_GWP_USE),
                                   month_value(&report->total, MONTH_GWP_EMBODIED)};
    struct text_band bands[2];
    struct text_band band;

    if (indicator != MONTH_GWP_USE && indicator != MONTH_GWP_EMBODIED)
        return text_round(NULL, 0,
                          triple_scale(month_value(&report->total, indicator),
                                       month_scale(report, indicator).per_unit),
                          month_decimals(report, indicator), &band);
    text_round(parts, 2, month_value(&report->total, MONTH_GWP), month_decimals(report, MONTH_GWP),
               bands);
    return bands[indicator == MONTH_GWP_USE ? 0 : 1];
}

/* It is in both tables, and must not read differently there. */
static bool has_other(const struct month_table *table)
{
    return table->count > 0 && table->rows[table->count - 1].is_other;
}

struct text_band month_round(const struct month_report *report, const struct month_table *table,
                             enum month_indicator indicator, struct text_band *out)
{
    struct triple *values = calloc(table->count + 1, sizeof(*values));
    struct text_band total;

    for (size_t i = 0; values && i < table->count; i++)
        values[i] = month_value(&table->rows[i].totals, indicator);
    /* Without memory the total stands, and the rows read zero rather than anything wrong. */
    memset(out, 0, table->count * sizeof(*out));
    total = (values && has_other(table) ? text_round_other : text_round)(
        values, values ? table->count : 0, month_value(&report->total, indicator),
        month_decimals(report, indicator), out);
    free(values);
    return total;
}
