/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month_csv.h"

#include "reports/derived.h"
#include "reports/hostview.h"
#include "reports/progress.h"
#include "reports/units.h"

#include <math.h>
#include <string.h>

/* Long form, RFC 4180 with plain line feeds: one record per month, scope, id and indicator. The
 * first line names the columns; the last one is what `iagmeter explain` takes. */

void month_csv_record(FILE *stream, const struct month_report *report, const char *scope,
                      const char *id, const char *label, const char *indicator, const char *unit,
                      struct triple value, char grade, const char *figure)
{
    char name[MONTH_FIGURE_SIZE], period[MONTH_ID_SIZE];
    const double ends[] = {value.low, value.central, value.high};
    char number[TEXT_NUMBER_SIZE];

    month_period(period, report->month);
    fprintf(stream, "%s,%s,", period, scope);
    text_csv(stream, id);
    fputc(',', stream);
    text_csv(stream, label);
    fprintf(stream, ",%s,%s", indicator, unit);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        text_exact(number, sizeof(number), ends[i]);
        fprintf(stream, ",%s", number);
    }
    derived_name(name, report->month, scope, id, indicator);
    fprintf(stream, ",%c,", grade);
    text_csv(stream, figure ? figure : name);
    fputc('\n', stream);
}

static void write_record(FILE *stream, const struct month_report *report, const char *scope,
                         const char *id, const char *label, const char *indicator, const char *unit,
                         struct triple value, char grade)
{
    month_csv_record(stream, report, scope, id, label, indicator, unit, value, grade, NULL);
}

/* ROW NULL: the total. */
static void write_totals(FILE *stream, const struct month_report *report, const char *scope,
                         const char *id, const char *label, const struct month_row *row)
{
    const struct month_totals *totals = row ? &row->totals : &report->total;
    double measured = month_measured(report, row);
    bool is_direction = strcmp(scope, "direction") == 0;
    char figure[MONTH_FIGURE_SIZE];
    char grade = grade_letter((enum evidence_grade)totals->activity.grade);

    for (int i = 0; i < MONTH_INDICATORS; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        month_figure(figure, report, is_direction ? id : MONTH_ALL,
                     row && !is_direction ? id : MONTH_ALL, indicator);
        month_csv_record(stream, report, scope, id, label, month_indicator_name(indicator),
                         month_indicator_unit(indicator), month_value(totals, indicator), grade,
                         figure);
    }
    write_record(stream, report, scope, id, label, "tokens_out_random_sigma", "1",
                 triple_exact(month_random_sigma(totals, report->config->factors)), grade);
    if (month_has_host(report) && !isnan(measured))
        write_record(stream, report, scope, id, label, "measured_share", "1",
                     triple_exact(measured), grade);
}

/* A host of our own: its sums, then each direction's part. */
static void write_host(FILE *stream, const struct month_report *report)
{
    struct host_view *view = hostview_new(report);
    char none = grade_letter(GRADE_NONE);

    if (!view)
        return;
    write_record(stream, report, "host", "", "", "energy_j", "J",
                 triple_exact(view->host->energy_j), none);
    write_record(stream, report, "host", "", "", "idle_j", "J", triple_exact(view->host->idle_j),
                 none);
    write_record(stream, report, "host", "", "", "measured_s", "s",
                 triple_exact(view->host->measured_s), none);
    for (size_t i = 0; i < view->count; i++) {
        const struct host_line *line = &view->lines[i];
        const char *id = line->row ? line->row->id : MONTH_OTHER;
        const char *label = line->row ? line->row->label : MONTH_OTHER;

        if (line->has_use)
            write_record(stream, report, "host-direction", id, label, "active_kwh", "kWh",
                         line->active_kwh, none);
        write_record(stream, report, "host-direction", id, label, "common_kwh", "kWh",
                     line->common_kwh, none);
        for (int key = 0; line->has_use && key < LOCALHOST_KEYS; key++)
            if (view->host->has_key[key]) {
                char name[sizeof("kwh_by_entitlement")];

                snprintf(name, sizeof(name), "kwh_by_%s",
                         sharing_key_name((enum sharing_key_kind)key));
                write_record(stream, report, "host-direction", id, label, name, "kWh",
                             line->by_key_kwh[key], none);
            }
    }
    hostview_free(view);
}

void month_csv_table(FILE *stream, const struct month_report *report, const char *scope,
                     const struct month_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        write_totals(stream, report, scope, table->rows[i].id, table->rows[i].label,
                     &table->rows[i]);
}

/* Of images, besides the totals: the id is the service's. */
void month_csv_images(FILE *stream, const struct month_report *report)
{
    for (size_t i = 0; i < report->services.count; i++) {
        const struct month_row *row = &report->services.rows[i];
        struct month_totals totals = {.measured_kwh = 0};
        struct units_impact images;

        units_compute(report->config, row->service, &row->totals, &images);
        totals.impact = images.impact;
        for (int j = MONTH_ENERGY; images.medium && j <= MONTH_ADPE; j++) {
            enum month_indicator indicator = (enum month_indicator)j;

            if (indicator != MONTH_GWP_EMBODIED)
                write_record(stream, report, "images", row->id, row->label,
                             month_indicator_name(indicator), month_indicator_unit(indicator),
                             month_value(&totals, indicator), images.medium->provenance.grade);
        }
    }
}

static void write_variants(FILE *stream, const struct month_report *report)
{
    const struct variants *variants = &report->variants;

    for (int i = 0; i < VARIANTS; i++) {
        const struct month_totals totals = {.impact = variants->impacts[i]};

        if (!variants_is_shown(variants, (enum month_variant)i))
            continue;
        for (int j = MONTH_ENERGY; j <= MONTH_ADPE; j++) {
            enum month_indicator indicator = (enum month_indicator)j;

            write_record(stream, report, "variant", variants_name((enum month_variant)i), "",
                         month_indicator_name(indicator), month_indicator_unit(indicator),
                         month_value(&totals, indicator),
                         grade_letter((enum evidence_grade)report->total.activity.grade));
        }
    }
}

void month_csv_unit(FILE *stream, const struct month_report *report, const char *scope,
                    struct month_unit unit)
{
    char grade = grade_letter((enum evidence_grade)report->total.activity.grade);

    if (report->withheld || !(unit.energy_wh > 0))
        return;
    write_record(stream, report, scope, "", "", "energy_wh", "Wh", triple_exact(unit.energy_wh),
                 grade);
    write_record(stream, report, scope, "", "", "water_ml", "mL", triple_exact(unit.water_ml),
                 grade);
    write_record(stream, report, scope, "", "", "gwp_gco2e", "gCO2e", triple_exact(unit.gwp_g),
                 grade);
}

static void write_hourly(FILE *stream, const struct month_report *report)
{
    const struct hourly_sum *sum = &report->hourly.sum;
    char grade = grade_letter((enum evidence_grade)report->total.activity.grade);

    if (!report->hourly.is_there)
        return;
    write_record(stream, report, "french-hours", "", "", "energy_kwh", "kWh", sum->energy_kwh,
                 grade);
    write_record(stream, report, "french-hours", "", "", "known_energy_kwh", "kWh", sum->known_kwh,
                 grade);
    write_record(stream, report, "french-hours", "", "", "direct_kgco2", "kgCO2", sum->direct_kgco2,
                 grade);
    write_record(stream, report, "french-hours", "", "", "timing", "1",
                 triple_exact(report->hourly.timing), grade);
}

/* Figures of the year so far: the id is a direction's, or none for the whole authority. */
static void write_objective(FILE *stream, const struct month_report *report,
                            const struct progress_line *line)
{
    const char *id = line->objective->direction;
    const char *label = id[0] ? progress_label(report->progress, line, LANGUAGE_EN) : "";
    const char *name = month_indicator_name(line->indicator);
    const char *unit = month_indicator_unit(line->indicator);
    char none = grade_letter(GRADE_NONE);

    write_record(stream, report, "objective-budget", id, label, name, unit,
                 triple_exact(line->budget), none);
    write_record(stream, report, "objective-path", id, label, name, unit, triple_exact(line->path),
                 none);
    if (line->state > PROGRESS_NOT_SHOWN)
        write_record(stream, report, "objective-spent", id, label, name, unit, line->spent,
                     grade_letter((enum evidence_grade)line->grade));
    if (line->has_projection)
        write_record(stream, report, "objective-projected", id, label, name, unit, line->projected,
                     grade_letter((enum evidence_grade)line->grade));
}

/* Beside the recorded figures, which stay what they are: the id is the statement's number, the
 * label the vintage. */
void month_csv_restatement(FILE *stream, const struct month_report *report)
{
    const struct month_restatement *restatement = &report->restatement;
    char number[TEXT_NUMBER_SIZE];

    snprintf(number, sizeof(number), "%lld", (long long)restatement->number);
    for (int i = MONTH_ENERGY; restatement->number > 0 && i <= MONTH_ADPE; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        write_record(stream, report, "restated", number, restatement->vintage,
                     month_indicator_name(indicator), month_indicator_unit(indicator),
                     month_value(&restatement->restated, indicator),
                     grade_letter((enum evidence_grade)report->total.activity.grade));
    }
}

/* Times are seconds since 1970 UTC, which are no figures to explain. */
void month_csv_calibrations(FILE *stream, const struct month_report *report)
{
    for (size_t i = 0; i < report->calibrations.count; i++) {
        const struct calibrationuse *use = &report->calibrations.items[i];
        const struct calibrationuse within = calibrations_within(report, use);
        char label[sizeof(use->transport) + sizeof(use->source) + 2], id[CALIBRATION_ID_SIZE];
        char none = grade_letter(GRADE_NONE);

        snprintf(label, sizeof(label), "%s: %s", use->transport, use->source);
        calibrations_id(use, id);
        month_csv_record(stream, report, "calibration", id, label, "from_s", "s",
                         triple_exact((double)within.since_s), none, "");
        month_csv_record(stream, report, "calibration", id, label, "until_s", "s",
                         triple_exact((double)within.until_s), none, "");
    }
}

void month_csv_objectives(FILE *stream, const struct month_report *report)
{
    for (size_t i = 0; report->progress && i < report->progress->count; i++)
        write_objective(stream, report, &report->progress->lines[i]);
}

void month_csv_total(FILE *stream, const struct month_report *report)
{
    if (!report->withheld)
        write_totals(stream, report, "total", "", "", NULL);
}

void month_csv_coverage(FILE *stream, const struct month_report *report)
{
    struct month_coverage_line lines[MONTH_COVERAGE_LINES];
    size_t count = month_coverage_lines(report, lines);
    char none = grade_letter(GRADE_NONE);

    write_record(stream, report, "coverage", "", "", "month_s", "s", triple_exact(report->month_s),
                 none);
    for (size_t i = 0; i < count; i++)
        write_record(stream, report, "coverage", "", "", lines[i].name, lines[i].unit,
                     triple_exact(lines[i].value), none);
}

bool month_write_csv(const struct month_report *report, FILE *stream)
{
    fputs("month," MONTH_CSV_COLUMNS, stream);
    month_csv_total(stream, report);
    month_csv_unit(stream, report, "per-request", report->per_request);
    month_csv_unit(stream, report, "per-1000-tokens-out", report->per_1000_tokens);
    month_csv_table(stream, report, "direction", &report->directions);
    month_csv_table(stream, report, "service", &report->services);
    write_host(stream, report);
    month_csv_images(stream, report);
    write_variants(stream, report);
    write_hourly(stream, report);
    month_csv_objectives(stream, report);
    month_csv_restatement(stream, report);
    month_csv_calibrations(stream, report);
    month_csv_coverage(stream, report);
    return fflush(stream) == 0 && !ferror(stream);
}
