/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/hostview_json.h"

#include <math.h>
#include <string.h>

#include "reports/derived.h"
#include "reports/hostview.h"
#include "reports/impact_json.h"
#include "reports/jsonvalues.h"

static json_t *json_real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *json_flags(uint8_t flags)
{
    json_t *array = json_array();
    int failed = !array;

    for (unsigned i = 0; i < HOSTVIEW_FLAGS; i++)
        if (hostview_has_flag(flags, i))
            failed |= json_array_append_new(array, json_string(hostview_flag_name(i)));
    return jsonvalues_finished(array, failed);
}

static json_t *json_device(const struct host_view *view, const struct localhost_device *device)
{
    static const char *const kinds[] = {"gpu", "host", "source"};
    json_t *object = json_pack("{s:s, s:s}", "name", device->name, "kind", kinds[device->kind]);
    int failed = !object;

    for (int i = HOSTVIEW_ENERGY_J; i <= HOSTVIEW_CARRIED_J; i++)
        failed |= json_object_set_new(
            object, hostview_quantity_name((enum hostview_quantity)i),
            json_real(hostview_device_value(device, (enum hostview_quantity)i)));
    failed |= json_object_set_new(object, "flags", json_flags(device->flags));
    failed |= impact_json_name(object, "ids", view->report->month, "host-device", device->name, "");
    return jsonvalues_finished(object, failed);
}

static json_t *json_devices(const struct host_view *view)
{
    json_t *array;
    int failed;

    if (!view->report->host_parts_shown)
        return json_null();
    array = json_array();
    failed = !array;
    for (size_t i = 0; i < view->host->device_count; i++)
        failed |= json_array_append_new(array, json_device(view, &view->host->devices[i]));
    return jsonvalues_finished(array, failed);
}

/* The figures of which it is the sum, for `iagmeter explain`. */
static json_t *json_ids(const struct host_view *view, const struct host_line *line)
{
    const struct month_report *report = view->report;
    json_t *array = json_array();
    int failed = !array;
    char name[MONTH_FIGURE_SIZE];

    for (size_t i = 0; line->row && i < report->cell_count; i++) {
        const struct month_cell *cell = &report->cells[i];

        if (strcmp(cell->direction, line->row->id) != 0 ||
            !localhost_is_local(report->config, cell->service))
            continue;
        month_figure(name, report, cell->direction, cell->service, MONTH_ENERGY);
        failed |= json_array_append_new(array, json_string(name));
    }
    return jsonvalues_finished(array, failed);
}

static const char *key_of(const struct host_view *view, const struct host_line *line)
{
    return line == &view->total ? MONTH_ALL : line->row ? line->row->id : MONTH_OTHER;
}

static json_t *json_keys(const struct host_view *view, const struct host_line *line)
{
    json_t *object = json_object();
    int failed = !object;

    for (int key = 0; line->has_use && key < LOCALHOST_KEYS; key++)
        if (view->host->has_key[key])
            failed |= json_object_set_new(object, sharing_key_name((enum sharing_key_kind)key),
                                          jsonvalues_triple(line->by_key_kwh[key]));
    failed |= impact_json_name(object, "ids", view->report->month, "host-direction",
                               key_of(view, line), "kwh_by_");
    return jsonvalues_finished(object, failed);
}

/* What it is the sum of is in "ids", the names of the line's own figures in "figures". */
static json_t *json_line(const struct host_view *view, const struct host_line *line)
{
    json_t *active = line->has_use ? jsonvalues_triple(line->active_kwh) : json_null();
    json_t *object = json_pack(
        "{s:s, s:o, s:o, s:o, s:f, s:o, s:o}", "direction", line->row ? line->row->id : MONTH_OTHER,
        "weighted_tokens", json_real_or_null(line->has_use ? line->weight : NAN), "active_kwh",
        active, "common_kwh", jsonvalues_triple(line->common_kwh), "energy_j", line->energy_j,
        "energy_kwh_by_key", json_keys(view, line), "ids", json_ids(view, line));

    return jsonvalues_finished(object, impact_json_name(object, "figures", view->report->month,
                                                        "host-direction", key_of(view, line), ""));
}

static json_t *json_lines(const struct host_view *view)
{
    json_t *array = json_array();
    int failed = !array;

    for (size_t i = 0; i < view->count; i++)
        failed |= json_array_append_new(array, json_line(view, &view->lines[i]));
    return jsonvalues_finished(array, failed);
}

static double wire_of(const struct localhost_count *count)
{
    return count->wire;
}

static double server_of(const struct localhost_count *count)
{
    return count->server;
}

static double unseen_of(const struct localhost_count *count)
{
    return count->unseen;
}

static json_t *json_counts(const struct host_view *view, const struct host_balance *balance,
                           double (*value)(const struct localhost_count *count), const char *prefix)
{
    json_t *object = json_object();
    int failed = !object;

    for (size_t i = 0; i < LOCALHOST_COUNTS; i++)
        failed |= json_object_set_new(object, localhost_count_name(i),
                                      json_real_or_null(value(&balance->counts[i])));
    failed |= impact_json_name(object, "ids", view->report->month, "host-tokens", balance->service,
                               prefix);
    return jsonvalues_finished(object, failed);
}

static json_t *json_verdicts(const struct host_balance *balance)
{
    json_t *object = json_object();
    int failed = !object;

    for (size_t i = 0; i < LOCALHOST_COUNTS; i++)
        failed |=
            json_object_set_new(object, localhost_count_name(i),
                                json_string(balance_verdict_name(balance->counts[i].verdict)));
    return jsonvalues_finished(object, failed);
}

static json_t *json_service(const struct host_view *view, const struct host_balance *balance)
{
    json_t *object = json_pack(
        "{s:s?, s:o, s:o, s:o, s:o, s:o, s:I}", "service", balance->service, "captured",
        json_counts(view, balance, wire_of, "captured_"), "server",
        balance->has_server ? json_counts(view, balance, server_of, "server_") : json_null(),
        "difference_percent",
        json_counts(view, balance, localhost_count_percent, "difference_percent_"), "verdict",
        json_verdicts(balance), "unseen", json_counts(view, balance, unseen_of, "unseen_"),
        "restarts", (json_int_t)balance->restarts);

    return jsonvalues_finished(object, impact_json_name(object, "ids", view->report->month,
                                                        "host-tokens", balance->service, ""));
}

static json_t *json_balance(const struct host_view *view)
{
    json_t *array = json_array();
    int failed = !array;
    struct host_balance balance;

    for (size_t i = 0; hostview_balance(view, i, &balance); i++)
        failed |= json_array_append_new(array, json_service(view, &balance));
    return jsonvalues_finished(array, failed);
}

static json_t *json_factors(const struct month_report *report)
{
    json_t *array = json_array();
    int failed = !array;
    struct host_factor factor;

    for (size_t i = 0; hostview_factor(report, i, &factor); i++)
        failed |= json_array_append_new(
            array, json_pack("{s:s, s:s, s:f, s:s, s:s, s:s, s:s, s:o}", "name", factor.name,
                             "unit", factor.unit, "value", factor.value, "year",
                             factor.provenance->year, "scope", factor.provenance->scope, "source",
                             factor.provenance->source, "licence", factor.provenance->licence,
                             "grade", json_stringn(&factor.provenance->grade, 1)));
    return jsonvalues_finished(array, failed);
}

json_t *hostview_json(const struct month_report *report)
{
    struct host_view *view = hostview_new(report);
    json_t *object;

    if (!report->host)
        return json_null();
    if (!view)
        return json_pack("{s:b}", "shown", false);
    object = json_pack(
        "{s:b, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "shown",
        true, "name", view->host->config->name, "zone", view->host->config->zone, "energy_j",
        view->host->energy_j, "idle_j", view->host->idle_j, "pool_kwh_it", view->pool_kwh,
        "pending_j", view->host->pending_j, "measured_s", view->host->measured_s, "unmeasured_s",
        view->unmeasured_s, "idle_share", json_real_or_null(view->idle_share), "key",
        sharing_key_name((enum sharing_key_kind)view->host->period->key), "total",
        json_line(view, &view->total), "directions", json_lines(view), "devices",
        json_devices(view), "tokens", json_balance(view), "factors", json_factors(report));
    object = jsonvalues_finished(
        object, impact_json_name(object, "ids", report->month, "host", MONTH_ALL, ""));
    hostview_free(view);
    return object;
}
