/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/hostview.h"
#include "reports/progress.h"

#define ENDS 3

void derived_name(char out[MONTH_FIGURE_SIZE], struct calendar_month month, const char *scope,
                  const char *key, const char *indicator)
{
    snprintf(out, MONTH_FIGURE_SIZE, "%04d-%02d/%c%s/%s/%s", month.year, month.month, DERIVED_MARK,
             scope, key && key[0] ? key : MONTH_ALL, indicator);
}

bool derived_is_asked(const struct explain_query *query)
{
    return query->direction[0] == DERIVED_MARK;
}

bool derived_needs_progress(const struct explain_query *query)
{
    static const char scope[] = "@objective-";

    return strncmp(query->direction, scope, sizeof(scope) - 1) == 0;
}

/* ---- Evaluating ---- */

struct evaluation {
    const struct derived *derived;
    const char *at;
    int end;
};

static double sum(struct evaluation *evaluation);

static double end_of(struct triple value, int end)
{
    const double ends[ENDS] = {value.low, value.central, value.high};

    return ends[end];
}

static bool take(struct evaluation *evaluation, const char *sign)
{
    evaluation->at += strspn(evaluation->at, " ");
    if (strncmp(evaluation->at, sign, strlen(sign)) != 0)
        return false;
    evaluation->at += strlen(sign);
    return true;
}

static double term_value(struct evaluation *evaluation)
{
    const struct derived *derived = evaluation->derived;
    size_t length = strcspn(evaluation->at, "}");
    const char *name = evaluation->at;

    evaluation->at += length;
    if (!take(evaluation, "}"))
        return NAN;
    for (size_t i = 0; i < derived->term_count; i++)
        if (strlen(derived->terms[i].name) == length &&
            strncmp(derived->terms[i].name, name, length) == 0)
            return end_of(derived->terms[i].value, evaluation->end);
    return NAN;
}

/* The two arguments of a function, up to its bracket. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the brackets of our own formulas */
static bool take_pair(struct evaluation *evaluation, double *a, double *b)
{
    *a = sum(evaluation);
    if (!take(evaluation, ","))
        return false;
    *b = sum(evaluation);
    return take(evaluation, ")");
}

static double further(double a, double b, int end)
{
    return end == 0 ? fmin(a, b) : end == ENDS - 1 ? fmax(a, b) : a;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the brackets of our own formulas */
static double operand(struct evaluation *evaluation)
{
    double a, b;
    char *end;

    if (take(evaluation, "{"))
        return term_value(evaluation);
    if (take(evaluation, "less("))
        return take_pair(evaluation, &a, &b) ? fmax(a - b, 0) : NAN;
    if (take(evaluation, "further("))
        return take_pair(evaluation, &a, &b) ? further(a, b, evaluation->end) : NAN;
    if (take(evaluation, "(")) {
        a = sum(evaluation);
        return take(evaluation, ")") ? a : NAN;
    }
    a = strtod(evaluation->at, &end);
    if (end == evaluation->at)
        return NAN;
    evaluation->at = end;
    return a;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the brackets of our own formulas */
static double product(struct evaluation *evaluation)
{
    double value = operand(evaluation);

    for (;;) {
        if (take(evaluation, "·"))
            value *= operand(evaluation);
        else if (take(evaluation, "/"))
            value /= operand(evaluation);
        else
            return value;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static double sum(struct evaluation *evaluation)
{
    double value = product(evaluation);

    for (;;) {
        if (take(evaluation, "+"))
            value += product(evaluation);
        else if (take(evaluation, "-"))
            value -= product(evaluation);
        else
            return value;
    }
}

double derived_evaluate(const struct derived *derived, int end)
{
    struct evaluation evaluation = {derived, derived->formula, end};
    double value = sum(&evaluation);

    return *evaluation.at ? NAN : value;
}

/* ---- Building ---- */

struct builder {
    const struct month_report *report;
    const char *key;
    const char *indicator;
    struct derived *out;
    FILE *formula;
    bool failed; /* memory */
};

static void set_value(struct builder *builder, const char *unit, struct triple value)
{
    builder->out->unit = unit;
    builder->out->value = value;
}

/* NULL when memory is exhausted. */
static struct derived_term *add_term(struct builder *builder, const char *name, const char *unit,
                                     struct triple value)
{
    struct derived *out = builder->out;
    struct derived_term *terms = reallocarray(out->terms, out->term_count + 1, sizeof(*terms));

    builder->failed |= !terms;
    if (!terms)
        return NULL;
    out->terms = terms;
    terms += out->term_count++;
    *terms = (struct derived_term){.unit = unit, .value = value, .origin = TEXT_DERIVED_LEDGER};
    snprintf(terms->name, sizeof(terms->name), "%s", name);
    return terms;
}

/* A number that is no figure of the report. */
static void add_given(struct builder *builder, const char *name, const char *unit,
                      struct triple value, enum text_id origin)
{
    struct derived_term *term = add_term(builder, name, unit, value);

    if (term)
        term->origin = origin;
}

static void add_figure(struct builder *builder, const char *name, const char *unit,
                       struct triple value, const char *source)
{
    struct derived_term *term = add_term(builder, name, unit, value);

    if (term)
        snprintf(term->source, sizeof(term->source), "%s", source);
}

static void add_derived(struct builder *builder, const char *name, const char *unit,
                        struct triple value, const char *scope, const char *indicator)
{
    char source[MONTH_FIGURE_SIZE];

    derived_name(source, builder->report->month, scope, builder->key, indicator);
    add_figure(builder, name, unit, value, source);
}

/* One more summand, named by its number in the list of PREFIX. */
static void add_summand(struct builder *builder, const char *prefix, size_t number,
                        const char *unit, struct triple value, const char *source)
{
    char name[32];

    snprintf(name, sizeof(name), "%s%zu", prefix, number);
    add_figure(builder, name, unit, value, source);
    fprintf(builder->formula, "%s{%s}", number > 1 ? " + " : "", name);
}

static bool is(const struct builder *builder, const char *indicator)
{
    return strcmp(builder->indicator, indicator) == 0;
}

static bool find_indicator(const struct builder *builder, enum month_indicator *indicator)
{
    for (int i = 0; i < MONTH_INDICATORS; i++)
        if (is(builder, month_indicator_name((enum month_indicator)i))) {
            *indicator = (enum month_indicator)i;
            return true;
        }
    return false;
}

/* ---- Per functional unit: central values ---- */

static void add_total(struct builder *builder, enum month_indicator indicator)
{
    char source[MONTH_FIGURE_SIZE];

    month_figure(source, builder->report, MONTH_ALL, MONTH_ALL, indicator);
    add_figure(builder, month_indicator_name(indicator), month_indicator_unit(indicator),
               triple_exact(month_value(&builder->report->total, indicator).central), source);
}

static bool find_per_unit(struct builder *builder, const struct month_unit *unit)
{
    const struct {
        const char *name;
        const char *unit;
        double value;
        enum month_indicator of;
    } figures[] = {{"energy_wh", "Wh", unit->energy_wh, MONTH_ENERGY},
                   {"water_ml", "mL", unit->water_ml, MONTH_WATER},
                   {"gwp_gco2e", "gCO2e", unit->gwp_g, MONTH_GWP}};

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        if (!is(builder, figures[i].name) || builder->report->withheld || !(unit->energy_wh > 0))
            continue;
        set_value(builder, figures[i].unit, triple_exact(figures[i].value));
        add_total(builder, figures[i].of);
        fprintf(builder->formula, "{%s} · 1000 / ", month_indicator_name(figures[i].of));
        return true;
    }
    return false;
}

static bool find_per_request(struct builder *builder)
{
    if (!find_per_unit(builder, &builder->report->per_request))
        return false;
    add_total(builder, MONTH_REQUESTS);
    add_total(builder, MONTH_REQUESTS_WITHOUT_IMPACT);
    fputs("({requests} - {requests_without_impact})", builder->formula);
    return true;
}

static bool find_per_tokens(struct builder *builder)
{
    if (!find_per_unit(builder, &builder->report->per_1000_tokens))
        return false;
    add_given(builder, "tokens_out_with_impact", "1",
              triple_exact(builder->report->tokens_with_impact), TEXT_DERIVED_TOKENS);
    fputs("({tokens_out_with_impact} / 1000)", builder->formula);
    return true;
}

/* ---- By other methods and conventions: sums over the pairs that are shown ---- */

static bool find_variant_number(const struct builder *builder, int *variant)
{
    for (int i = 0; i < VARIANTS; i++)
        if (strcmp(variants_name((enum month_variant)i), builder->key) == 0) {
            *variant = i;
            return variants_is_shown(&builder->report->variants, (enum month_variant)i);
        }
    return false;
}

/* Greenhouse gases are added up as two sums. */
static void add_gases(struct builder *builder, const struct month_totals *totals)
{
    static const enum month_indicator parts[] = {MONTH_GWP_USE, MONTH_GWP_EMBODIED};

    for (size_t i = 0; i < 2; i++)
        add_derived(builder, month_indicator_name(parts[i]), month_indicator_unit(parts[i]),
                    month_value(totals, parts[i]), "variant", month_indicator_name(parts[i]));
    fprintf(builder->formula, "{%s} + {%s}", month_indicator_name(MONTH_GWP_USE),
            month_indicator_name(MONTH_GWP_EMBODIED));
}

static bool find_variant(struct builder *builder)
{
    const struct month_report *report = builder->report;
    enum month_indicator indicator;
    struct month_totals totals;
    char source[MONTH_FIGURE_SIZE];
    size_t count = 0;
    int variant;

    if (!find_variant_number(builder, &variant) || !find_indicator(builder, &indicator) ||
        indicator < MONTH_ENERGY || indicator > MONTH_ADPE)
        return false;
    totals = (struct month_totals){.impact = report->variants.impacts[variant]};
    set_value(builder, month_indicator_unit(indicator), month_value(&totals, indicator));
    if (indicator == MONTH_GWP) {
        add_gases(builder, &totals);
        return true;
    }
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];
        struct variants part = {0};

        variants_of_cell(report, cell, &part);
        if (!part.is_there)
            continue;
        totals = (struct month_totals){.impact = part.impacts[variant]};
        month_figure(source, report, cell->direction, cell->service, indicator);
        add_summand(builder, "pair_", ++count, month_indicator_unit(indicator),
                    month_value(&totals, indicator), source);
    }
    return count > 0;
}

/* ---- Electricity used in France, hour by hour ---- */

static bool find_hours_sum(struct builder *builder, size_t member, const char *unit)
{
    const struct month_report *report = builder->report;
    char source[MONTH_FIGURE_SIZE];
    struct triple value;

    memcpy(&value, (const char *)&report->hourly.sum + member, sizeof(value));
    set_value(builder, unit, value);
    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];

        memcpy(&value, (const char *)&cell->hourly + member, sizeof(value));
        month_figure(source, report, cell->direction, cell->service, MONTH_ENERGY);
        add_summand(builder, "pair_", i + 1, unit, value, source);
    }
    return report->cell_count > 0;
}

static bool find_hours(struct builder *builder)
{
    const struct hourly_result *hourly = &builder->report->hourly;

    if (!hourly->is_there || strcmp(builder->key, MONTH_ALL) != 0)
        return false;
    if (is(builder, "energy_kwh"))
        return find_hours_sum(builder, offsetof(struct hourly_sum, energy_kwh), "kWh");
    if (is(builder, "known_energy_kwh"))
        return find_hours_sum(builder, offsetof(struct hourly_sum, known_kwh), "kWh");
    if (is(builder, "direct_kgco2"))
        return find_hours_sum(builder, offsetof(struct hourly_sum, direct_kgco2), "kgCO2");
    if (!is(builder, "timing") || !(hourly->coverage.mean_kgco2_per_kwh > 0))
        return false;
    set_value(builder, "1", triple_exact(hourly->timing));
    add_derived(builder, "direct_kgco2", "kgCO2", triple_exact(hourly->sum.direct_kgco2.central),
                "french-hours", "direct_kgco2");
    add_derived(builder, "known_energy_kwh", "kWh", triple_exact(hourly->sum.known_kwh.central),
                "french-hours", "known_energy_kwh");
    add_given(builder, "mean_kgco2_per_kwh", "kgCO2/kWh",
              triple_exact(hourly->coverage.mean_kgco2_per_kwh), TEXT_DERIVED_GRID);
    fputs("{direct_kgco2} / {known_energy_kwh} / {mean_kgco2_per_kwh}", builder->formula);
    return true;
}

/* ---- Objectives ---- */

static const struct progress_line *find_line(const struct builder *builder)
{
    const struct progress *progress = builder->report->progress;

    for (size_t i = 0; progress && i < progress->count; i++)
        if (strcmp(progress_scope(&progress->lines[i]), builder->key) == 0 &&
            is(builder, month_indicator_name(progress->lines[i].indicator)))
            return &progress->lines[i];
    return NULL;
}

static bool find_budget(struct builder *builder)
{
    const struct progress_line *line = find_line(builder);
    const char *unit = line ? month_indicator_unit(line->indicator) : NULL;

    if (!line)
        return false;
    set_value(builder, unit, triple_exact(line->budget));
    add_given(builder, "budget", unit, triple_exact(line->budget), TEXT_DERIVED_OBJECTIVES);
    fputs("{budget}", builder->formula);
    return true;
}

static bool find_path(struct builder *builder)
{
    const struct progress *progress = builder->report->progress;
    const struct progress_line *line = find_line(builder);
    const char *unit = line ? month_indicator_unit(line->indicator) : NULL;

    if (!line)
        return false;
    set_value(builder, unit, triple_exact(line->path));
    add_derived(builder, "budget", unit, triple_exact(line->budget), "objective-budget",
                builder->indicator);
    add_given(builder, "passed_s", "s", triple_exact((double)(progress->until - progress->from)),
              TEXT_DERIVED_CALENDAR);
    add_given(builder, "year_s", "s", triple_exact((double)(progress->end - progress->from)),
              TEXT_DERIVED_CALENDAR);
    fputs("{budget} · ({passed_s} / {year_s})", builder->formula);
    return true;
}

/* Of one indicator, of a month's report. */
static void add_months(struct builder *builder, const struct progress_line *line,
                       const char *prefix, enum month_indicator indicator)
{
    char source[MONTH_FIGURE_SIZE];

    for (size_t i = 0; i < line->month_count; i++) {
        struct month_report of = {
            .month = {.year = builder->report->month.year, .month = line->months[i].month}};

        month_figure(source, &of, progress_scope(line), MONTH_ALL, indicator);
        add_summand(builder, prefix, i + 1, month_indicator_unit(indicator),
                    month_value(&line->months[i].totals, indicator), source);
    }
}

static bool find_spent(struct builder *builder)
{
    const struct progress_line *line = find_line(builder);

    if (!line || line->month_count == 0 || line->state <= PROGRESS_NOT_SHOWN)
        return false;
    set_value(builder, month_indicator_unit(line->indicator), line->spent);
    if (line->indicator != MONTH_GWP) {
        add_months(builder, line, "month_", line->indicator);
        return true;
    }
    fputc('(', builder->formula);
    add_months(builder, line, "use_", MONTH_GWP_USE);
    fputs(") + (", builder->formula);
    add_months(builder, line, "embodied_", MONTH_GWP_EMBODIED);
    fputc(')', builder->formula);
    return true;
}

/* Use per second that was covered: latest month first. */
static void add_rate(struct builder *builder, const struct progress_line *line,
                     const struct progress_rate *rate, const char *prefix)
{
    char name[32], source[MONTH_FIGURE_SIZE];

    fputc('(', builder->formula);
    for (unsigned i = 0; i < rate->months; i++) {
        const struct progress_month *month = &line->months[rate->numbers[i]];
        struct month_report of = {
            .month = {.year = builder->report->month.year, .month = month->month}};

        month_figure(source, &of, progress_scope(line), MONTH_ALL, line->indicator);
        add_summand(builder, prefix, i + 1, month_indicator_unit(line->indicator),
                    month_value(&month->totals, line->indicator), source);
    }
    snprintf(name, sizeof(name), "%scovered_s", prefix);
    add_given(builder, name, "s", triple_exact(rate->covered_s), TEXT_DERIVED_COVERAGE);
    fprintf(builder->formula, ") · (1 / {%s})", name);
}

static bool find_projected(struct builder *builder)
{
    const struct progress *progress = builder->report->progress;
    const struct progress_line *line = find_line(builder);
    const char *unit = line ? month_indicator_unit(line->indicator) : NULL;

    if (!line || !line->has_projection)
        return false;
    set_value(builder, unit, line->projected);
    add_derived(builder, "spent", unit, line->spent, "objective-spent", builder->indicator);
    fputs("{spent}", builder->formula);
    if (line->recent.months == 0 || progress->end == progress->until)
        return true;
    fputs(" + further(", builder->formula);
    add_rate(builder, line, &line->recent, "recent_");
    fputs(", ", builder->formula);
    add_rate(builder, line, &line->all, "all_");
    add_given(builder, "left_s", "s", triple_exact((double)(progress->end - progress->until)),
              TEXT_DERIVED_CALENDAR);
    fputs(") · {left_s}", builder->formula);
    return true;
}

/* ---- A host of our own ---- */

static bool find_host(struct builder *builder)
{
    const struct localhost *host = builder->report->host;
    bool is_j = is(builder, "energy_j") || is(builder, "idle_j");

    if (!host || !builder->report->host_shown || strcmp(builder->key, MONTH_ALL) != 0 ||
        !(is_j || is(builder, "measured_s")))
        return false;
    set_value(builder, is_j ? "J" : "s",
              triple_exact(is(builder, "energy_j") ? host->energy_j
                           : is_j                  ? host->idle_j
                                                   : host->measured_s));
    add_given(builder, builder->indicator, builder->out->unit, builder->out->value,
              TEXT_DERIVED_METERS);
    fprintf(builder->formula, "{%s}", builder->indicator);
    return true;
}

static bool is_column(const struct builder *builder, int key)
{
    char name[sizeof("kwh_by_entitlement")];

    snprintf(name, sizeof(name), "kwh_by_%s", sharing_key_name((enum sharing_key_kind)key));
    return is(builder, name);
}

/* What the line has under the figure's name. Returns false when it is not told. */
static bool host_value(const struct builder *builder, const struct host_view *view,
                       const struct host_line *line, struct triple *value)
{
    if (is(builder, "common_kwh")) {
        *value = line->common_kwh;
        return true;
    }
    *value = line->active_kwh;
    if (is(builder, "active_kwh"))
        return line->has_use;
    for (int key = 0; key < LOCALHOST_KEYS; key++)
        if (view->host->has_key[key] && is_column(builder, key)) {
            *value = line->by_key_kwh[key];
            return line->has_use;
        }
    return false;
}

/* A line is the sum of its pairs. */
static bool add_host_pairs(struct builder *builder, const struct host_line *line)
{
    const struct month_report *report = builder->report;
    bool common = is(builder, "common_kwh");
    char source[MONTH_FIGURE_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];

        if (strcmp(cell->direction, line->row->id) != 0 ||
            !localhost_is_local(report->config, cell->service) ||
            localhost_is_common(report->config, cell->service) != common)
            continue;
        month_figure(source, report, cell->direction, cell->service, MONTH_ENERGY);
        add_summand(builder, "pair_", ++count, "kWh", cell->totals.impact.energy_kwh, source);
    }
    if (count == 0) {
        add_given(builder, "none", "kWh", triple_exact(0), TEXT_DERIVED_LEDGER);
        fputs("{none}", builder->formula);
    }
    return true;
}

/* With another key: its own use, and that key's share of what is common. */
static bool add_host_key(struct builder *builder, const struct host_view *view,
                         const struct host_line *line)
{
    const struct localhost_direction *direction = localhost_direction(view->host, line->row->id);
    char source[MONTH_FIGURE_SIZE];

    for (int key = 0; direction && key < LOCALHOST_KEYS; key++) {
        if (!is_column(builder, key))
            continue;
        add_derived(builder, "active_kwh", "kWh", line->active_kwh, "host-direction", "active_kwh");
        derived_name(source, builder->report->month, "host-direction", MONTH_ALL, "common_kwh");
        add_figure(builder, "common_kwh", "kWh", view->total.common_kwh, source);
        add_given(builder, "share", "1", triple_exact(direction->shares[key]), TEXT_DERIVED_KEY);
        fputs("{active_kwh} + {common_kwh} · {share}", builder->formula);
        return true;
    }
    return false;
}

/* What no line has: the total less each of them. */
static bool add_host_rest(struct builder *builder, const struct host_view *view)
{
    char source[MONTH_FIGURE_SIZE], name[32];
    struct triple value;

    for (size_t i = 0; i + 1 < view->count; i++)
        fputs("less(", builder->formula);
    fputs("{total}", builder->formula);
    derived_name(source, builder->report->month, "host-direction", MONTH_ALL, builder->indicator);
    host_value(builder, view, &view->total, &value);
    add_figure(builder, "total", "kWh", value, source);
    for (size_t i = 0; i + 1 < view->count; i++) {
        host_value(builder, view, &view->lines[i], &value);
        snprintf(name, sizeof(name), "line_%zu", i + 1);
        derived_name(source, builder->report->month, "host-direction", view->lines[i].row->id,
                     builder->indicator);
        add_figure(builder, name, "kWh", value, source);
        fprintf(builder->formula, ", {%s})", name);
    }
    return true;
}

static bool add_host_total(struct builder *builder, const struct host_view *view)
{
    const struct host_line *total = &view->total;

    if (is(builder, "active_kwh") || is(builder, "common_kwh")) {
        add_given(builder, builder->indicator, "kWh", builder->out->value, TEXT_DERIVED_HOST_ROWS);
        fprintf(builder->formula, "{%s}", builder->indicator);
        return true;
    }
    add_derived(builder, "active_kwh", "kWh", total->active_kwh, "host-direction", "active_kwh");
    add_derived(builder, "common_kwh", "kWh", total->common_kwh, "host-direction", "common_kwh");
    fputs("{active_kwh} + {common_kwh}", builder->formula);
    return true;
}

static bool find_in_view(struct builder *builder, const struct host_view *view)
{
    const struct host_line *line = NULL;
    struct triple value;
    bool is_total = strcmp(builder->key, MONTH_ALL) == 0;

    for (size_t i = 0; i < view->count; i++)
        if (strcmp(view->lines[i].row ? view->lines[i].row->id : MONTH_OTHER, builder->key) == 0)
            line = &view->lines[i];
    if (is_total)
        line = &view->total;
    if (!line || !host_value(builder, view, line, &value))
        return false;
    set_value(builder, "kWh", value);
    if (is_total)
        return add_host_total(builder, view);
    if (!line->row || line->row->is_other)
        return add_host_rest(builder, view);
    return is(builder, "active_kwh") || is(builder, "common_kwh")
               ? add_host_pairs(builder, line)
               : add_host_key(builder, view, line);
}

static bool find_host_line(struct builder *builder)
{
    struct host_view *view = hostview_new(builder->report);
    bool found = view && find_in_view(builder, view);

    hostview_free(view);
    return found;
}

/* ---- All of them ---- */

static const struct {
    const char *name;
    bool (*find)(struct builder *builder);
} scopes[] = {
    {"per-request", find_per_request},
    {"per-1000-tokens-out", find_per_tokens},
    {"variant", find_variant},
    {"french-hours", find_hours},
    {"objective-budget", find_budget},
    {"objective-path", find_path},
    {"objective-spent", find_spent},
    {"objective-projected", find_projected},
    {"host", find_host},
    {"host-direction", find_host_line},
};

static bool find(struct builder *builder, const char *scope)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
        if (strcmp(scopes[i].name, scope) == 0)
            return scopes[i].find(builder);
    return false;
}

static void finish(struct derived *out)
{
    double ends[ENDS];

    out->agrees = true;
    for (int end = 0; end < ENDS; end++) {
        ends[end] = derived_evaluate(out, end);
        out->agrees &= ends[end] == end_of(out->value, end);
    }
    out->recomputed = (struct triple){ends[0], ends[1], ends[2]};
}

enum explain_status derived_build(const struct month_report *report,
                                  const struct explain_query *query, struct derived **out,
                                  char *error, size_t error_size)
{
    struct builder builder = {.report = report,
                              .key = query->service,
                              .indicator = query->indicator ? query->indicator : "",
                              .out = calloc(1, sizeof(*builder.out))};
    size_t size = 0;
    bool found = false;

    *out = NULL;
    builder.failed = !builder.out;
    if (builder.out)
        builder.formula = open_memstream(&builder.out->formula, &size);
    if (builder.formula) {
        builder.out->report = report;
        derived_name(builder.out->name, report->month, query->direction + 1, builder.key,
                     builder.indicator);
        snprintf(builder.out->indicator, MONTH_ID_SIZE, "%s", builder.indicator);
        found = find(&builder, query->direction + 1);
        builder.failed |= fclose(builder.formula) != 0;
    }
    if (builder.failed || !builder.formula)
        snprintf(error, error_size, "out of memory");
    else if (!found)
        snprintf(error, error_size, "the report of %04d-%02d has no figure \"%.60s/%.60s/%.60s\"",
                 report->month.year, report->month.month, query->direction, builder.key,
                 builder.indicator);
    if (found && !builder.failed) {
        finish(builder.out);
        *out = builder.out;
        return EXPLAIN_OK;
    }
    derived_free(builder.out);
    return EXPLAIN_NOTHING;
}

void derived_free(struct derived *derived)
{
    if (!derived)
        return;
    free(derived->formula);
    free(derived->terms);
    free(derived);
}
