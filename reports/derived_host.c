/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <math.h>
#include <string.h>

#include "reports/hostview.h"

/* ---- A host of our own ---- */

static bool find_sum(struct derived_builder *builder, const char *name, struct hostview_sum *sum)
{
    struct host_view *view = hostview_new(builder->report);
    bool found = false;

    for (size_t i = 0; view && !found && hostview_sum(view, i, sum); i++)
        found = strcmp(sum->name, name) == 0 && !isnan(sum->value);
    hostview_free(view);
    return found;
}

static bool look_up_sum(struct derived_builder *builder, const char *name)
{
    const struct month_report *report = builder->report;
    struct hostview_sum sum;

    if (strcmp(name, "month_s") == 0)
        derived_add_derived(builder, name, "s", triple_exact(report->month_s), "coverage", name);
    else if (strcmp(name, "active_j") == 0)
        derived_add_given(builder, name, "J", triple_exact(report->host_active.activity.energy_j),
                          TEXT_DERIVED_HOST_ROWS);
    else if (find_sum(builder, name, &sum))
        derived_add_derived(builder, name, sum.unit, triple_exact(sum.value), "host", name);
    else
        return false;
    return true;
}

/* Of host.conf and its zone. */
static bool find_factor(struct derived_builder *builder)
{
    const struct month_report *report = builder->report;
    struct host_factor factor;

    for (size_t i = 0; report->host_shown && hostview_factor(report, i, &factor); i++)
        if (derived_is(builder, factor.name)) {
            derived_set_value(builder, factor.unit, triple_exact(factor.value));
            derived_add_factor(builder, factor.name, factor.unit, triple_exact(factor.value),
                               factor.provenance);
            fprintf(builder->formula, "{%s}", builder->indicator);
            return true;
        }
    return false;
}

bool derived_find_host(struct derived_builder *builder)
{
    struct hostview_sum sum;

    if (strcmp(builder->key, MONTH_ALL) != 0)
        return false;
    if (!find_sum(builder, builder->indicator, &sum))
        return find_factor(builder);
    if (!sum.formula)
        return derived_as_given(builder, sum.unit, triple_exact(sum.value), TEXT_DERIVED_METERS);
    derived_set_value(builder, sum.unit, triple_exact(sum.value));
    return derived_compose(builder, sum.formula, look_up_sum);
}

/* ---- Its devices ---- */

static const struct localhost_device *device_of(const struct derived_builder *builder)
{
    const struct month_report *report = builder->report;

    for (size_t i = 0; report->host_parts_shown && i < report->host->device_count; i++)
        if (strcmp(report->host->devices[i].name, builder->key) == 0)
            return &report->host->devices[i];
    return NULL;
}

static bool find_quantity(const struct derived_builder *builder, const char *name,
                          enum hostview_quantity *quantity)
{
    const struct localhost_device *device = device_of(builder);

    for (int i = 0; device && i < HOSTVIEW_QUANTITIES; i++)
        if (strcmp(hostview_quantity_name((enum hostview_quantity)i), name) == 0) {
            *quantity = (enum hostview_quantity)i;
            return !isnan(hostview_device_value(device, *quantity));
        }
    return false;
}

static bool look_up_quantity(struct derived_builder *builder, const char *name)
{
    enum hostview_quantity quantity;

    if (!find_quantity(builder, name, &quantity))
        return false;
    derived_add_derived(builder, name, hostview_quantity_unit(quantity),
                        triple_exact(hostview_device_value(device_of(builder), quantity)),
                        "host-device", name);
    return true;
}

bool derived_find_host_device(struct derived_builder *builder)
{
    enum hostview_quantity quantity;
    const char *unit, *formula;
    double value;

    if (!find_quantity(builder, builder->indicator, &quantity))
        return false;
    unit = hostview_quantity_unit(quantity);
    formula = hostview_quantity_formula(quantity);
    value = hostview_device_value(device_of(builder), quantity);
    if (!formula)
        return derived_as_given(builder, unit, triple_exact(value), TEXT_DERIVED_METERS);
    derived_set_value(builder, unit, triple_exact(value));
    return derived_compose(builder, formula, look_up_quantity);
}

/* ---- Its tokens, captured and counted by the server ---- */

struct tokens_figure {
    double value; /* NAN: none */
    bool is_computed;
    enum text_id origin; /* of what is not */
};

static struct tokens_figure recorded(double value, enum text_id origin)
{
    return (struct tokens_figure){.value = value, .origin = origin};
}

static struct tokens_figure computed(double value)
{
    return (struct tokens_figure){.value = value, .is_computed = true};
}

/* The part of the name after PREFIX and "_", or NULL. */
static const char *after(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(name, prefix, length) == 0 && name[length] == '_' ? name + length + 1 : NULL;
}

/* Before "_" and the quantity. */
static bool is_of(const char *name, const char *prefix, size_t quantity)
{
    const char *rest = after(name, prefix);

    return rest && strcmp(rest, localhost_count_name(quantity)) == 0;
}

static struct tokens_figure count_of(const struct host_balance *balance, size_t quantity,
                                     const char *name)
{
    const struct localhost_count *count = &balance->counts[quantity];

    if (is_of(name, "captured", quantity))
        return recorded(count->wire, TEXT_DERIVED_WIRE);
    if (is_of(name, "server", quantity))
        return recorded(balance->has_server ? count->server : NAN, TEXT_DERIVED_SERVER);
    if (is_of(name, "unseen", quantity))
        return recorded(count->unseen, TEXT_DERIVED_SERVER);
    if (is_of(name, "difference", quantity))
        return computed(count->is_compared ? count->wire - count->server : NAN);
    if (is_of(name, "difference_percent", quantity))
        return computed(localhost_count_percent(count));
    return recorded(NAN, TEXT_DERIVED_SERVER);
}

static struct tokens_figure figure_of(const struct host_balance *balance, const char *name)
{
    struct tokens_figure figure = recorded(NAN, TEXT_DERIVED_SERVER);

    if (strcmp(name, "restarts") == 0)
        return recorded((double)balance->restarts, TEXT_DERIVED_SERVER);
    for (size_t i = 0; i < LOCALHOST_COUNTS && isnan(figure.value); i++)
        figure = count_of(balance, i, name);
    return figure;
}

static bool find_tokens(const struct derived_builder *builder, const char *name,
                        struct tokens_figure *out)
{
    struct host_view *view = hostview_new(builder->report);
    struct host_balance balance;

    *out = recorded(NAN, TEXT_DERIVED_SERVER);
    for (size_t i = 0; view && hostview_balance(view, i, &balance); i++)
        if (strcmp(balance.service ? balance.service : MONTH_ALL, builder->key) == 0)
            *out = figure_of(&balance, name);
    hostview_free(view);
    return !isnan(out->value);
}

static bool look_up_tokens(struct derived_builder *builder, const char *name)
{
    struct tokens_figure figure;

    if (!find_tokens(builder, name, &figure))
        return false;
    derived_add_derived(builder, name, "1", triple_exact(figure.value), "host-tokens", name);
    return true;
}

bool derived_find_host_tokens(struct derived_builder *builder)
{
    const char *percent = after(builder->indicator, "difference_percent");
    const char *difference = after(builder->indicator, "difference");
    struct tokens_figure figure;
    char formula[200];

    if (!find_tokens(builder, builder->indicator, &figure))
        return false;
    if (!figure.is_computed)
        return derived_as_given(builder, "1", triple_exact(figure.value), figure.origin);
    derived_set_value(builder, percent ? "%" : "1", triple_exact(figure.value));
    if (percent)
        snprintf(formula, sizeof(formula), "100 · ({captured_%s} - {server_%s}) / {server_%s}",
                 percent, percent, percent);
    else
        snprintf(formula, sizeof(formula), "{captured_%s} - {server_%s}", difference, difference);
    return derived_compose(builder, formula, look_up_tokens);
}

/* ---- Who has what of it ---- */

static bool is_column(const struct derived_builder *builder, int key)
{
    char name[sizeof("kwh_by_entitlement")];

    snprintf(name, sizeof(name), "kwh_by_%s", sharing_key_name((enum sharing_key_kind)key));
    return derived_is(builder, name);
}

/* Whether it is told of LINE, and what it has under the figure's name. */
static bool host_value(const struct derived_builder *builder, const struct host_view *view,
                       const struct host_line *line, struct triple *value)
{
    const struct {
        const char *name;
        bool is_told;
        struct triple value;
    } columns[] = {
        {"common_kwh", true, line->common_kwh},
        {"energy_j", true, triple_exact(line->energy_j)},
        {"active_kwh", line->has_use, line->active_kwh},
        {"total_kwh", line->has_use, triple_add(line->active_kwh, line->common_kwh)},
        {"weighted_tokens", line->has_use, triple_exact(line->weight)},
    };

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        if (derived_is(builder, columns[i].name)) {
            *value = columns[i].value;
            return columns[i].is_told;
        }
    for (int key = 0; key < LOCALHOST_KEYS; key++)
        if (view->host->has_key[key] && is_column(builder, key)) {
            *value = line->by_key_kwh[key];
            return line->has_use;
        }
    return false;
}

static const char *unit_of(const struct derived_builder *builder)
{
    return derived_is(builder, "energy_j")          ? "J"
           : derived_is(builder, "weighted_tokens") ? "1"
                                                    : "kWh";
}

/* What it used and its part of what is common, of any line. */
static bool add_both(struct derived_builder *builder, const struct host_line *line)
{
    derived_add_derived(builder, "active_kwh", "kWh", line->active_kwh, "host-direction",
                        "active_kwh");
    derived_add_derived(builder, "common_kwh", "kWh", line->common_kwh, "host-direction",
                        "common_kwh");
    fputs("{active_kwh} + {common_kwh}", builder->formula);
    return true;
}

/* A line is the sum of its pairs. */
static bool add_host_pairs(struct derived_builder *builder, const struct host_line *line)
{
    const struct month_report *report = builder->report;
    bool common = derived_is(builder, "common_kwh");
    char source[MONTH_FIGURE_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];

        if (strcmp(cell->direction, line->row->id) != 0 ||
            !localhost_is_local(report->config, cell->service) ||
            localhost_is_common(report->config, cell->service) != common)
            continue;
        month_figure(source, report, cell->direction, cell->service, MONTH_ENERGY);
        derived_add_summand(builder, "pair_", ++count, "kWh", cell->totals.impact.energy_kwh,
                            source);
    }
    if (count == 0) {
        derived_add_given(builder, "none", "kWh", triple_exact(0), TEXT_DERIVED_LEDGER);
        fputs("{none}", builder->formula);
    }
    return true;
}

/* With another key: its own use, and that key's share of what is common. */
static bool add_host_key(struct derived_builder *builder, const struct host_view *view,
                         const struct host_line *line)
{
    const struct localhost_direction *direction = localhost_direction(view->host, line->row->id);
    char source[MONTH_FIGURE_SIZE];

    for (int key = 0; direction && key < LOCALHOST_KEYS; key++) {
        if (!is_column(builder, key))
            continue;
        derived_add_derived(builder, "active_kwh", "kWh", line->active_kwh, "host-direction",
                            "active_kwh");
        derived_name(source, builder->report->month, "host-direction", MONTH_ALL, "common_kwh");
        derived_add_figure(builder, "common_kwh", "kWh", view->total.common_kwh, source);
        derived_add_given(builder, "share", "1", triple_exact(direction->shares[key]),
                          TEXT_DERIVED_KEY);
        fputs("{active_kwh} + {common_kwh} · {share}", builder->formula);
        return true;
    }
    return false;
}

/* What no line has: the total less each of them. */
static bool add_host_rest(struct derived_builder *builder, const struct host_view *view)
{
    char source[MONTH_FIGURE_SIZE], name[32];
    struct triple value;

    fputs(view->count > 1 ? "less({total}, " : "{total}", builder->formula);
    derived_name(source, builder->report->month, "host-direction", MONTH_ALL, builder->indicator);
    host_value(builder, view, &view->total, &value);
    derived_add_figure(builder, "total", unit_of(builder), value, source);
    for (size_t i = 0; i + 1 < view->count; i++) {
        bool is_told = host_value(builder, view, &view->lines[i], &value);

        snprintf(name, sizeof(name), "line_%zu", i + 1);
        derived_name(source, builder->report->month, "host-direction", view->lines[i].row->id,
                     builder->indicator);
        if (is_told)
            derived_add_figure(builder, name, unit_of(builder), value, source);
        else
            derived_add_given(builder, name, unit_of(builder), value, TEXT_DERIVED_NOT_TOLD);
        fprintf(builder->formula, "%s{%s}", i > 0 ? " + " : "", name);
    }
    fputs(view->count > 1 ? ")" : "", builder->formula);
    return true;
}

/* Of the machines, pair by pair. */
static bool add_host_joules(struct derived_builder *builder, const struct host_line *line)
{
    const struct month_report *report = builder->report;
    size_t count = 0;
    char name[32];

    for (size_t i = 0; i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];

        if (strcmp(cell->direction, line->row->id) != 0 ||
            !localhost_is_local(report->config, cell->service))
            continue;
        snprintf(name, sizeof(name), "pair_%zu", ++count);
        derived_add_given(builder, name, "J", triple_exact(cell->totals.activity.energy_j),
                          TEXT_DERIVED_LEDGER);
        fprintf(builder->formula, "%s{%s}", count > 1 ? " + " : "", name);
    }
    return count > 0;
}

static bool is_rest(const struct host_line *line)
{
    return !line->row || line->row->is_other;
}

static bool add_host_total(struct derived_builder *builder, const struct host_view *view)
{
    const struct month_report *report = view->report;

    if (derived_is(builder, "energy_j")) {
        derived_add_given(builder, "active_j", "J",
                          triple_exact(report->host_active.activity.energy_j),
                          TEXT_DERIVED_HOST_ROWS);
        derived_add_given(builder, "common_j", "J",
                          triple_exact(report->host_common.activity.energy_j),
                          TEXT_DERIVED_HOST_ROWS);
        fputs("{active_j} + {common_j}", builder->formula);
        return true;
    }
    if (derived_is(builder, "active_kwh") || derived_is(builder, "common_kwh"))
        return derived_as_given(builder, "kWh", builder->out->value, TEXT_DERIVED_HOST_ROWS);
    return add_both(builder, &view->total);
}

static bool find_in_view(struct derived_builder *builder, const struct host_view *view)
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
    derived_set_value(builder, unit_of(builder), value);
    if (derived_is(builder, "total_kwh"))
        return add_both(builder, line);
    if (derived_is(builder, "weighted_tokens") && (is_total || !is_rest(line)))
        return derived_as_given(builder, "1", value, TEXT_DERIVED_WEIGHTS);
    if (is_total)
        return add_host_total(builder, view);
    if (is_rest(line))
        return add_host_rest(builder, view);
    if (derived_is(builder, "energy_j"))
        return add_host_joules(builder, line);
    return derived_is(builder, "active_kwh") || derived_is(builder, "common_kwh")
               ? add_host_pairs(builder, line)
               : add_host_key(builder, view, line);
}

bool derived_find_host_line(struct derived_builder *builder)
{
    struct host_view *view = hostview_new(builder->report);
    bool found = view && find_in_view(builder, view);

    hostview_free(view);
    return found;
}
