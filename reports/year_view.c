/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year.h"

#include <math.h>
#include <string.h>

#define WH_PER_KWH      1e3
#define ML_PER_L        1e3
#define G_PER_KG        1e3
#define TOKENS_PER_UNIT 1e3
#define PERCENT         100

/* What the writers of a year share with those who explain it. */

/* ---- Rows ---- */

/* Of what is folded: a month without rows has all in its total. */
static const struct month_totals *folded_of(const struct monthsums *month,
                                            const struct year_row *row, struct year_row *there)
{
    if (month->suppressed == SUPPRESS_NONE)
        return NULL;
    *there = month->suppressed == SUPPRESS_MERGED ? *row
                                                  : (struct year_row){MONTH_ALL, MONTH_ALL, false};
    return month->suppressed == SUPPRESS_MERGED ? &month->other : &month->total;
}

const struct month_totals *year_row_of(const struct monthsums *month, const struct year_row *row,
                                       struct year_row *there)
{
    *there = *row;
    if (month->withheld || month->unused)
        return NULL;
    if (row->is_other)
        return folded_of(month, row, there);
    if (strcmp(row->direction, MONTH_ALL) != 0)
        return monthsums_shown(month, row->direction);
    return strcmp(row->service, MONTH_ALL) == 0 ? &month->total
                                                : monthsums_service(month, row->service);
}

/* ---- How many months ---- */

bool year_count(const struct year_report *year, size_t index, struct year_count *count)
{
    const struct year_count counts[] = {
        {"months_over", year->over, TEXT_DERIVED_CALENDAR},
        {"months_told", year->told, TEXT_YEAR_ORIGIN_SHOWN},
        {"months_withheld", year->held - year->told, TEXT_YEAR_ORIGIN_SHOWN},
        {"months_without_data", year->over - year->held, TEXT_DERIVED_LEDGER},
        {"months_compared", year->compared, TEXT_YEAR_ORIGIN_SHOWN}};
    bool any = index < sizeof(counts) / sizeof(counts[0]);

    if (any)
        *count = counts[index];
    return any;
}

/* ---- Per unit ---- */

double year_unit_value(const struct monthsums *month, enum month_indicator indicator,
                       const struct month_totals **folded)
{
    double total = month_value(&month->total, indicator).central;

    *folded = NULL;
    if (!month->units_of_shown)
        return total;
    if (month->suppressed != SUPPRESS_MERGED)
        return 0;
    *folded = &month->other;
    return total - month_value(&month->other, indicator).central;
}

struct year_units year_units_of(const struct monthsums *month)
{
    const struct month_totals *folded;

    return (struct year_units){
        .energy_kwh = year_unit_value(month, MONTH_ENERGY, &folded),
        .water_l = year_unit_value(month, MONTH_WATER, &folded),
        .gwp_kgco2e = year_unit_value(month, MONTH_GWP, &folded),
        .requests = year_unit_value(month, MONTH_REQUESTS, &folded) -
                    year_unit_value(month, MONTH_REQUESTS_WITHOUT_IMPACT, &folded),
        .tokens_with_impact = month->tokens_with_impact,
    };
}

static struct month_unit per_unit(const struct year_units *units, double count)
{
    if (!(count > 0))
        return (struct month_unit){0};
    return (struct month_unit){
        .energy_wh = units->energy_kwh * WH_PER_KWH / count,
        .water_ml = units->water_l * ML_PER_L / count,
        .gwp_g = units->gwp_kgco2e * G_PER_KG / count,
    };
}

struct month_unit year_per_request(const struct year_units *units)
{
    return per_unit(units, units->requests);
}

struct month_unit year_per_1000_tokens(const struct year_units *units)
{
    return per_unit(units, units->tokens_with_impact / TOKENS_PER_UNIT);
}

/* ---- By what services.conf says ---- */

static const struct {
    const char *name;
    struct {
        const char *name;
        enum text_id text;
    } classes[YEAR_CLASSES_MOST]; /* in the order of its values; the last is what is not told */
    int count;
} dimensions[YEAR_DIMENSIONS] = {
    [YEAR_HOSTING] = {"hosting",
                      {{"sovereign", TEXT_HOSTING_SOVEREIGN},
                       {"eu", TEXT_HOSTING_EU},
                       {"outside-eu", TEXT_HOSTING_OUTSIDE_EU},
                       {"not-told", TEXT_YEAR_NOT_TOLD}},
                      4},
    [YEAR_APPROVAL] = {"approval",
                       {{"unset", TEXT_APPROVAL_UNSET},
                        {"yes", TEXT_APPROVAL_YES},
                        {"no", TEXT_APPROVAL_NO},
                        {"not-told", TEXT_YEAR_NOT_TOLD}},
                       4},
    [YEAR_PLACE] = {"place",
                    {{"elsewhere", TEXT_YEAR_ELSEWHERE},
                     {"own-hosts", TEXT_YEAR_OWN_HOSTS},
                     {"not-told", TEXT_YEAR_NOT_TOLD}},
                    3},
};

const char *year_dimension_name(enum year_dimension dimension)
{
    return dimensions[dimension].name;
}

const char *year_class_name(enum year_dimension dimension, int class_number)
{
    return class_number < dimensions[dimension].count
               ? dimensions[dimension].classes[class_number].name
               : NULL;
}

enum text_id year_class_text(enum year_dimension dimension, int class_number)
{
    return dimensions[dimension].classes[class_number].text;
}

/* Of a service that is in the catalogue; else it is not told. */
static int class_of(const struct year_report *year, enum year_dimension dimension, const char *id)
{
    const struct catalogue *catalogue = year->sums.config->catalogue;
    uint16_t number = catalogue ? catalogue_find(catalogue, id) : SERVICE_NONE;
    const struct service *service =
        number == SERVICE_NONE ? NULL : catalogue_service(catalogue, number);

    if (!service)
        return dimensions[dimension].count - 1;
    return dimension == YEAR_HOSTING    ? service->hosting
           : dimension == YEAR_APPROVAL ? service->approval
                                        : service->local != 0;
}

/* Row INDEX of the services, with what is folded behind; false after the last. */
static bool service_row(const struct year_report *year, const struct monthsums *month, size_t index,
                        struct year_part *part)
{
    const struct month_table *table = &year->sums.services;
    const struct year_row folded = {MONTH_ALL, MONTH_OTHER, true};
    bool is_whole = year->sums.suppressed == SUPPRESS_ALL; /* without rows, all is folded */

    part->row = (struct year_row){MONTH_ALL, MONTH_ALL, false};
    if (!month) {
        if (index >= (is_whole ? 1 : table->count))
            return false;
        part->totals = is_whole ? &year->sums.total : &table->rows[index].totals;
        part->row.service = is_whole ? MONTH_ALL : table->rows[index].id;
        part->row.is_other = is_whole || table->rows[index].is_other;
        return true;
    }
    if (index < month->service_count) {
        part->row.service = month->services[index].id;
        part->totals = &month->services[index].totals;
        return true;
    }
    part->totals = year_row_of(month, &folded, &part->row);
    part->row.is_other = true;
    return index == month->service_count && part->totals;
}

bool year_class_part(const struct year_report *year, const struct monthsums *month,
                     enum year_dimension dimension, int class_number, size_t index,
                     struct year_part *part)
{
    for (size_t i = 0; service_row(year, month, i, part); i++) {
        int own = part->row.is_other ? dimensions[dimension].count - 1
                                     : class_of(year, dimension, part->row.service);

        if (own == class_number && index-- == 0)
            return true;
    }
    return false;
}

struct month_totals year_class_sum(const struct year_report *year, const struct monthsums *month,
                                   enum year_dimension dimension, int class_number)
{
    struct month_totals sum = {0};
    struct year_part part;

    for (size_t i = 0; year_class_part(year, month, dimension, class_number, i, &part); i++)
        month_add(&sum, part.totals);
    return sum;
}

const struct month_totals *year_whole(const struct year_report *year, const struct monthsums *month)
{
    return month ? &month->total : &year->sums.total;
}

double year_class_share(const struct year_report *year, const struct monthsums *month,
                        enum year_dimension dimension, int class_number,
                        enum month_indicator indicator)
{
    struct month_totals sum = year_class_sum(year, month, dimension, class_number);
    double whole = month_value(year_whole(year, month), indicator).central;

    return whole > 0 ? month_value(&sum, indicator).central / whole : NAN;
}

/* ---- Beside the year before ---- */

static const struct {
    enum month_indicator indicator;
    enum text_id text;
} compared[] = {{MONTH_REQUESTS, TEXT_REQUESTS},
                {MONTH_ENERGY, TEXT_ENERGY},
                {MONTH_WATER, TEXT_WATER},
                {MONTH_GWP, TEXT_GWP}};
#define COMPARED ((int)(sizeof(compared) / sizeof(compared[0])))

static const struct {
    const char *name;
    const char *unit;
    enum text_id text;
} compared_units[] = {{"energy_wh", "Wh", TEXT_YEAR_ENERGY_PER_REQUEST},
                      {"water_ml", "mL", TEXT_YEAR_WATER_PER_REQUEST},
                      {"gwp_gco2e", "gCO2e", TEXT_YEAR_GWP_PER_REQUEST}};

static double unit_number(const struct year_sums *sums, int index)
{
    struct month_unit unit = year_per_request(&sums->units);
    const double values[] = {unit.energy_wh, unit.water_ml, unit.gwp_g};

    return values[index];
}

struct year_comparison year_comparison(const struct year_report *year, int index)
{
    int unit = index - COMPARED;
    struct year_comparison out = {.change_percent = NAN};

    if (unit < 0) {
        out.indicator = month_indicator_name(compared[index].indicator);
        out.unit = month_indicator_unit(compared[index].indicator);
        out.text = compared[index].text;
        out.value = month_value(&year->after.totals, compared[index].indicator);
        out.before = month_value(&year->earlier.totals, compared[index].indicator);
    } else {
        out.indicator = compared_units[unit].name;
        out.unit = compared_units[unit].unit;
        out.text = compared_units[unit].text;
        out.value = triple_exact(unit_number(&year->after, unit));
        out.before = triple_exact(unit_number(&year->earlier, unit));
    }
    /* Per unit, 0 is no figure. */
    if (out.before.central > 0 && (unit < 0 || out.value.central > 0))
        out.change_percent =
            PERCENT * (out.value.central - out.before.central) / out.before.central;
    return out;
}

/* ---- Names ---- */

void year_month_name(char out[MONTH_ID_SIZE], const struct monthsums *month)
{
    month_period(out, (struct calendar_month){.year = month->year, .month = month->month});
}

void year_month_figure(char out[MONTH_FIGURE_SIZE], const struct monthsums *month,
                       const struct year_row *row, enum month_indicator indicator)
{
    const struct month_report report = {.month = {.year = month->year, .month = month->month}};

    month_figure(out, &report, row->direction, row->service, indicator);
}

void year_class_key(char scope[MONTH_ID_SIZE], char key[MONTH_ID_SIZE],
                    const struct monthsums *month, enum year_dimension dimension, int class_number)
{
    char period[MONTH_ID_SIZE] = "";

    if (month)
        year_month_name(period, month);
    snprintf(scope, MONTH_ID_SIZE, "%s%s", month ? "month-" : "", dimensions[dimension].name);
    snprintf(key, MONTH_ID_SIZE, "%.20s%s%s", period, month ? "/" : "",
             dimensions[dimension].classes[class_number].name);
}
