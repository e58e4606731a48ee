/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived.h"

#include "reports/derived_build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ENDS 3

void derived_name_of(char out[MONTH_FIGURE_SIZE], const char *period, const char *scope,
                     const char *key, const char *indicator)
{
    snprintf(out, MONTH_FIGURE_SIZE, "%s/%c%s/%s/%s", period, DERIVED_MARK, scope,
             key && key[0] ? key : MONTH_ALL, indicator);
}

void derived_name(char out[MONTH_FIGURE_SIZE], struct calendar_month month, const char *scope,
                  const char *key, const char *indicator)
{
    char period[MONTH_ID_SIZE];

    month_period(period, month);
    derived_name_of(out, period, scope, key, indicator);
}

bool derived_is_asked(const struct explain_query *query)
{
    return query->direction[0] == DERIVED_MARK;
}

static bool has_scope(const struct explain_query *query, const char *prefix)
{
    return strncmp(query->direction, prefix, strlen(prefix)) == 0;
}

bool derived_needs_progress(const struct explain_query *query)
{
    return has_scope(query, "@objective");
}

bool derived_is_factor(const struct explain_query *query)
{
    return strcmp(query->direction, "@factor") == 0;
}

bool derived_is_restated(const struct explain_query *query)
{
    return has_scope(query, "@restated");
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

/* ln(above / below), squared; of 0, infinite. */
static double squared_log(double above, double below)
{
    double ratio = below > 0 ? log(above / below) : INFINITY;

    return ratio * ratio;
}

/* Two independent errors around CENTRAL, of which A and B are the ends, as impact.c has them. */
static double around(double central, double a, double b, int end)
{
    if (end == 0)
        return central / exp(sqrt(squared_log(central, a) + squared_log(central, b)));
    if (end == ENDS - 1)
        return central * exp(sqrt(squared_log(a, central) + squared_log(b, central)));
    return central;
}

/* Of two arguments. */
enum function { FUNCTION_LESS, FUNCTION_FURTHER, FUNCTION_AROUND };

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the brackets of our own formulas */
static double call(struct evaluation *evaluation, enum function function)
{
    struct evaluation centre = *evaluation;
    double a, b, central, unused;

    centre.end = 1;
    if (!take_pair(evaluation, &a, &b))
        return NAN;
    if (function == FUNCTION_LESS)
        return a - b > a * DERIVED_ROUNDING ? a - b : 0;
    if (function == FUNCTION_FURTHER)
        return further(a, b, evaluation->end);
    return take_pair(&centre, &central, &unused) ? around(central, a, b, evaluation->end) : NAN;
}

/* Up to its bracket, at END. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the brackets of our own formulas */
static double bracketed(struct evaluation *evaluation, int end)
{
    int outside = evaluation->end;
    double value;

    evaluation->end = end;
    value = sum(evaluation);
    evaluation->end = outside;
    return take(evaluation, ")") ? value : NAN;
}

static double number(struct evaluation *evaluation)
{
    char *end;
    double value = strtod(evaluation->at, &end);

    if (end == evaluation->at)
        return NAN;
    evaluation->at = end;
    return value;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the brackets of our own formulas */
static double operand(struct evaluation *evaluation)
{
    if (take(evaluation, "{"))
        return term_value(evaluation);
    if (take(evaluation, "less("))
        return call(evaluation, FUNCTION_LESS);
    if (take(evaluation, "further("))
        return call(evaluation, FUNCTION_FURTHER);
    if (take(evaluation, "around("))
        return call(evaluation, FUNCTION_AROUND);
    if (take(evaluation, "central("))
        return bracketed(evaluation, 1);
    if (take(evaluation, "sqrt("))
        return sqrt(bracketed(evaluation, evaluation->end));
    if (take(evaluation, "("))
        return bracketed(evaluation, evaluation->end);
    return number(evaluation);
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

void derived_set_value(struct derived_builder *builder, const char *unit, struct triple value)
{
    builder->out->unit = unit;
    builder->out->value = value;
}

/* NULL when memory is exhausted. */
static struct derived_term *add_term(struct derived_builder *builder, const char *name,
                                     const char *unit, struct triple value)
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

void derived_add_given(struct derived_builder *builder, const char *name, const char *unit,
                       struct triple value, enum text_id origin)
{
    struct derived_term *term = add_term(builder, name, unit, value);

    if (term)
        term->origin = origin;
}

void derived_add_figure(struct derived_builder *builder, const char *name, const char *unit,
                        struct triple value, const char *source)
{
    struct derived_term *term = add_term(builder, name, unit, value);

    if (term)
        snprintf(term->source, sizeof(term->source), "%s", source);
}

void derived_add_derived(struct derived_builder *builder, const char *name, const char *unit,
                         struct triple value, const char *scope, const char *indicator)
{
    char source[MONTH_FIGURE_SIZE];

    derived_name_of(source, builder->period, scope, builder->key, indicator);
    derived_add_figure(builder, name, unit, value, source);
}

void derived_add_factor(struct derived_builder *builder, const char *name, const char *unit,
                        struct triple value, const struct provenance *provenance)
{
    struct derived_term *term = add_term(builder, name, unit, value);

    if (term)
        term->provenance = provenance;
}

void derived_add_summand(struct derived_builder *builder, const char *prefix, size_t number,
                         const char *unit, struct triple value, const char *source)
{
    char name[32];

    snprintf(name, sizeof(name), "%s%zu", prefix, number);
    derived_add_figure(builder, name, unit, value, source);
    fprintf(builder->formula, "%s{%s}", number > 1 ? " + " : "", name);
}

bool derived_is(const struct derived_builder *builder, const char *indicator)
{
    return strcmp(builder->indicator, indicator) == 0;
}

bool derived_find_indicator(const struct derived_builder *builder, enum month_indicator *indicator)
{
    for (int i = 0; i < MONTH_INDICATORS; i++)
        if (derived_is(builder, month_indicator_name((enum month_indicator)i))) {
            *indicator = (enum month_indicator)i;
            return true;
        }
    return false;
}

bool derived_as_given(struct derived_builder *builder, const char *unit, struct triple value,
                      enum text_id origin)
{
    derived_set_value(builder, unit, value);
    derived_add_given(builder, builder->indicator, unit, value, origin);
    fprintf(builder->formula, "{%s}", builder->indicator);
    return true;
}

static bool has_term(const struct derived *out, const char *name)
{
    for (size_t i = 0; i < out->term_count; i++)
        if (strcmp(out->terms[i].name, name) == 0)
            return true;
    return false;
}

bool derived_compose(struct derived_builder *builder, const char *formula, derived_lookup *lookup)
{
    fputs(formula, builder->formula);
    for (const char *at = strchr(formula, '{'); at; at = strchr(at, '{')) {
        char name[sizeof(builder->out->terms->name)];
        size_t length = strcspn(++at, "}");

        snprintf(name, sizeof(name), "%.*s", (int)length, at);
        if (!has_term(builder->out, name) && !lookup(builder, name))
            return false;
    }
    return true;
}

static bool copy_part(char out[MONTH_ID_SIZE], const char *text, size_t length)
{
    if (length == 0 || length >= MONTH_ID_SIZE)
        return false;
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

/* No code of a direction, and no id of a service, holds a "/". */
bool derived_split_pair(const char *key, struct derived_pair *pair)
{
    size_t length;

    *pair = (struct derived_pair){MONTH_ALL, MONTH_ALL};
    if (!*key)
        return true;
    key += *key == '/';
    length = strcspn(key, "/");
    return key[length] == '/' && copy_part(pair->direction, key, length) &&
           copy_part(pair->service, key + length + 1, strlen(key + length + 1));
}

bool derived_is_pair(const struct derived_pair *asked, const char *direction, const char *service)
{
    return (strcmp(asked->direction, MONTH_ALL) == 0 || strcmp(asked->direction, direction) == 0) &&
           (strcmp(asked->service, MONTH_ALL) == 0 || strcmp(asked->service, service) == 0);
}

/* ---- All of them ---- */

static const struct {
    const char *name;
    bool (*find)(struct derived_builder *builder);
} scopes[] = {
    {"total", derived_find_total},
    {"direction", derived_find_direction},
    {"service", derived_find_service},
    {"shares", derived_find_shares},
    {"images", derived_find_images},
    {"per-request", derived_find_per_request},
    {"per-1000-tokens-out", derived_find_per_tokens},
    {"coverage", derived_find_coverage},
    {"coverage-proportion", derived_find_proportion},
    {"variant", derived_find_variant},
    {"french-hours", derived_find_hours},
    {"day", derived_find_day},
    {"objectives", derived_find_objectives},
    {"objective-budget", derived_find_budget},
    {"objective-warning", derived_find_warning},
    {"objective-hidden-months", derived_find_hidden_months},
    {"objective-path", derived_find_path},
    {"objective-spent", derived_find_spent},
    {"objective-projected", derived_find_projected},
    {"host", derived_find_host},
    {"host-direction", derived_find_host_line},
    {"host-device", derived_find_host_device},
    {"host-tokens", derived_find_host_tokens},
    {"factor", derived_find_factor},
    {"restated", derived_find_restated},
    {"restated-from", derived_find_restated_from},
    {"restated-change", derived_find_restated_change},
    {"restated-by", derived_find_restated_by},
};

static bool find(struct derived_builder *builder, const struct explain_query *query)
{
    const char *scope = query->direction + 1;

    if (!derived_is_asked(query))
        return derived_find_of_year(builder);
    if (builder->report->year)
        return derived_find_year(builder, scope);
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
    struct derived_builder builder = {.report = report,
                                      .direction = query->direction,
                                      .key = query->service,
                                      .indicator = query->indicator ? query->indicator : "",
                                      .out = calloc(1, sizeof(*builder.out))};
    size_t size = 0;
    bool found = false;

    *out = NULL;
    if (report->year || report->month.year > 0)
        month_period(builder.period, report->month);
    else
        snprintf(builder.period, sizeof(builder.period), "%s", query->month);
    builder.failed = !builder.out;
    if (builder.out)
        builder.formula = open_memstream(&builder.out->formula, &size);
    if (builder.out && builder.formula) {
        builder.out->report = report;
        snprintf(builder.out->name, sizeof(builder.out->name), "%s/%s/%s/%s", builder.period,
                 query->direction, builder.key[0] ? builder.key : MONTH_ALL, builder.indicator);
        snprintf(builder.out->indicator, MONTH_ID_SIZE, "%s", builder.indicator);
        found = find(&builder, query);
        builder.failed |= fclose(builder.formula) != 0;
    }
    if (builder.failed || !builder.formula)
        snprintf(error, error_size, "out of memory");
    else if (!found && builder.error[0])
        snprintf(error, error_size, "%s", builder.error);
    else if (!found)
        snprintf(error, error_size, "the report of %s has no figure \"%.60s/%.60s/%.60s\"",
                 builder.period, query->direction, builder.key, builder.indicator);
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
    free(derived->chains);
    free(derived);
}
