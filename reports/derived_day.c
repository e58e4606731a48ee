/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived_build.h"

#include <string.h>

#include "reports/days.h"

/* ---- A local day: energy of all directions and services together ---- */

/* "05"; the number of days where KEY is none of the report's. */
static size_t find_day(const struct derived_builder *builder)
{
    const struct month_report *report = builder->report;
    char id[DAYS_ID_SIZE];
    size_t i = 0;

    for (; i < report->day_count; i++) {
        days_id(id, i);
        if (strcmp(id, builder->key) == 0)
            break;
    }
    return i;
}

static void refuse(struct derived_builder *builder, const char *why)
{
    snprintf(builder->error, sizeof(builder->error), "%s-%.8s: %s", builder->period, builder->key,
             why);
}

/* The total less each day that is told. */
static bool set_hidden(struct derived_builder *builder)
{
    const struct month_report *report = builder->report;
    char source[MONTH_FIGURE_SIZE], id[DAYS_ID_SIZE];
    size_t count = 0;

    if (!days_any_hidden(report))
        return false;
    derived_set_value(builder, "kWh", triple_exact(days_hidden_kwh(report)));
    month_figure(source, report, MONTH_ALL, MONTH_ALL, MONTH_ENERGY);
    derived_add_figure(builder, "energy_kwh", "kWh",
                       triple_exact(report->total.impact.energy_kwh.central), source);
    fputs(days_any_told(report) ? "less({energy_kwh}, " : "{energy_kwh}", builder->formula);
    for (size_t i = 0; i < report->day_count; i++) {
        if (!days_is_told(&report->days[i]))
            continue;
        days_id(id, i);
        derived_name(source, report->month, DAYS_SCOPE, id, builder->indicator);
        derived_add_summand(builder, "day_", ++count, "kWh",
                            triple_exact(report->days[i].energy_kwh), source);
    }
    fputs(count > 0 ? ")" : "", builder->formula);
    return true;
}

bool derived_find_day(struct derived_builder *builder)
{
    const struct month_report *report = builder->report;
    size_t index = find_day(builder);

    if (!derived_is(builder, month_indicator_name(MONTH_ENERGY)))
        return false;
    if (strcmp(builder->key, DAYS_HIDDEN) == 0)
        return set_hidden(builder);
    if (index == report->day_count)
        refuse(builder, "the report has no such day");
    else if (!report->days[index].active)
        refuse(builder, "no use was metered on that day");
    else if (report->days[index].hidden)
        refuse(builder, "the day is not shown: too few devices, or it hides such a day");
    else
        return derived_as_given(builder, "kWh", triple_exact(report->days[index].energy_kwh),
                                TEXT_DERIVED_DAY);
    return false;
}
