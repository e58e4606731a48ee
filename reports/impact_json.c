/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/impact_json.h"

#include "reports/derived.h"
#include "reports/jsonvalues.h"
#include "reports/units.h"

json_t *impact_json(const struct impact *impact)
{
    const struct month_totals totals = {.impact = *impact};
    json_t *object = json_object();
    int failed = !object;

    for (int i = MONTH_ENERGY; i <= MONTH_ADPE; i++)
        failed |=
            json_object_set_new(object, month_indicator_name((enum month_indicator)i),
                                jsonvalues_triple(month_value(&totals, (enum month_indicator)i)));
    return jsonvalues_finished(object, failed);
}

json_t *impact_json_provenance(const struct provenance *provenance)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "unit", provenance->unit, "year",
                     provenance->year, "scope", provenance->scope, "source", provenance->source,
                     "licence", provenance->licence, "grade", json_stringn(&provenance->grade, 1));
}

json_t *impact_json_images(const struct config *config, const struct service *service,
                           const struct month_totals *totals)
{
    struct units_impact images;

    units_compute(config, service, totals, &images);
    if (!images.medium)
        return json_null();
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "image_model", images.medium->id, "provider",
                     images.factors.provider->id, "zone", images.factors.zone->id, "it_kwh_of_one",
                     jsonvalues_triple(images.it_kwh), "provenance",
                     impact_json_provenance(&images.medium->provenance), "impact",
                     impact_json(&images.impact));
}

int impact_json_name(json_t *object, const char *map, struct calendar_month month,
                     const char *scope, const char *key, const char *prefix)
{
    json_t *names =
        json_object_get(object, map) ? json_incref(json_object_get(object, map)) : json_object();
    int failed = !names;
    char indicator[MONTH_ID_SIZE], name[MONTH_FIGURE_SIZE];
    const char *member;
    json_t *value;

    json_object_foreach(object, member, value)
    {
        bool is_band = json_object_get(value, "low") != NULL;

        if (json_object_get(names, member) || json_object_get(value, "id") ||
            !(is_band || json_is_number(value)))
            continue;
        snprintf(indicator, sizeof(indicator), "%s%s", prefix, member);
        derived_name(name, month, scope, key, indicator);
        failed |= json_object_set_new(is_band ? value : names, is_band ? "id" : member,
                                      json_string(name));
    }
    if (json_object_size(names) > 0)
        failed |= json_object_set(object, map, names);
    json_decref(names);
    return failed;
}
