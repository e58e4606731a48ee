/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/coefficients.h"

#include <string.h>

#include "daemon/impact.h"
#include "reports/derived.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum form { FORM_NUMBER, FORM_BAND, FORM_RANGE };

struct description {
    const char *name;
    const char *unit;
    size_t offset;
    enum form form;
    size_t provenance_offset;
};

#define DESCRIPTION(structure, field, unit, form, provenance)                                      \
    {                                                                                              \
#field, unit, offsetof(structure, field), form, offsetof(structure, provenance)            \
    }
#define NUMBER(structure, field, unit, provenance)                                                 \
    DESCRIPTION(structure, field, unit, FORM_NUMBER, provenance)
#define BAND(structure, field, unit, provenance)                                                   \
    DESCRIPTION(structure, field, unit, FORM_BAND, provenance)
#define RANGE(structure, field, unit, provenance)                                                  \
    DESCRIPTION(structure, field, unit, FORM_RANGE, provenance)

static const struct description method_a[] = {
    NUMBER(struct method_a, energy_alpha_wh, "Wh", provenance),
    NUMBER(struct method_a, energy_beta, "1", provenance),
    NUMBER(struct method_a, energy_gamma_wh, "Wh", provenance),
    NUMBER(struct method_a, latency_alpha_s, "s", provenance),
    NUMBER(struct method_a, latency_beta_s, "s", provenance),
    NUMBER(struct method_a, latency_gamma_s, "s", provenance),
    NUMBER(struct method_a, batch_size, "1", provenance),
    NUMBER(struct method_a, quantization_bits, "bit", provenance),
    NUMBER(struct method_a, memory_overhead, "1", provenance),
    NUMBER(struct method_a, gpu_memory_gb, "GB", provenance),
    NUMBER(struct method_a, server_gpus, "1", provenance),
    NUMBER(struct method_a, server_power_kw, "kW", provenance),
    NUMBER(struct method_a, hardware_lifetime_s, "s", embodied_provenance),
    NUMBER(struct method_a, server_gwp_kgco2e, "kgCO2e", embodied_provenance),
    NUMBER(struct method_a, server_adpe_kgsb, "kgSbeq", embodied_provenance),
    NUMBER(struct method_a, gpu_gwp_kgco2e, "kgCO2e", embodied_provenance),
    NUMBER(struct method_a, gpu_adpe_kgsb, "kgSbeq", embodied_provenance),
};

static const struct description method_b[] = {
    NUMBER(struct method_b, intercept, "1", provenance),
    NUMBER(struct method_b, active_exponent, "1", provenance),
    NUMBER(struct method_b, total_exponent, "1", provenance),
    NUMBER(struct method_b, batch_exponent, "1", provenance),
    NUMBER(struct method_b, batch_curvature, "1", provenance),
    BAND(struct method_b, batch_size, "1", batch_provenance),
    BAND(struct method_b, input_weight, "1", input_provenance),
    NUMBER(struct method_b, host_share, "1", overhead_provenance),
    NUMBER(struct method_b, idle_share, "1", overhead_provenance),
};

static const struct description uncertainty[] = {
    NUMBER(struct uncertainty_factors, method_a_gsd, "1", provenance),
    NUMBER(struct uncertainty_factors, method_b_gsd, "1", provenance),
    NUMBER(struct uncertainty_factors, range_sigmas, "1", provenance),
    NUMBER(struct uncertainty_factors, exchange_sigma, "1", provenance),
};

static const struct description model[] = {
    RANGE(struct model_factors, total_parameters_b, "1e9", provenance),
    RANGE(struct model_factors, active_parameters_b, "1e9", provenance),
    NUMBER(struct model_factors, tokens_per_second, "1/s", provenance),
    NUMBER(struct model_factors, time_to_first_token_s, "s", provenance),
};

static const struct description provider[] = {
    RANGE(struct provider_factors, pue, "1", provenance),
    RANGE(struct provider_factors, wue_l_per_kwh, "L/kWh", provenance),
};

static const struct description zone[] = {
    NUMBER(struct zone_factors, gwp_kgco2e_per_kwh, "kgCO2e/kWh", provenance),
    NUMBER(struct zone_factors, adpe_kgsb_per_kwh, "kgSbeq/kWh", adpe_provenance),
    NUMBER(struct zone_factors, ewif_l_per_kwh, "L/kWh", ewif_provenance),
};

static const struct description medium[] = {
    BAND(struct medium_factors, energy_wh, "Wh", provenance),
};

static const struct {
    const char *name;
    const struct description *descriptions;
    size_t count;
} groups[COEFFICIENT_GROUPS] = {
    [COEFFICIENTS_A] = {"method-a", method_a, COUNT_OF(method_a)},
    [COEFFICIENTS_B] = {"method-b", method_b, COUNT_OF(method_b)},
    [COEFFICIENTS_UNCERTAINTY] = {"uncertainty", uncertainty, COUNT_OF(uncertainty)},
    [COEFFICIENTS_MODEL] = {"model", model, COUNT_OF(model)},
    [COEFFICIENTS_PROVIDER] = {"provider", provider, COUNT_OF(provider)},
    [COEFFICIENTS_ZONE] = {"zone", zone, COUNT_OF(zone)},
    [COEFFICIENTS_MEDIUM] = {"medium", medium, COUNT_OF(medium)},
};

static struct triple read_value(const char *member, enum form form)
{
    struct triple band;
    struct range range;
    double value;

    switch (form) {
    case FORM_BAND:
        memcpy(&band, member, sizeof(band));
        return band;
    case FORM_RANGE:
        memcpy(&range, member, sizeof(range));
        return (struct triple){range.min, impact_centre(range.min, range.max), range.max};
    case FORM_NUMBER:
        break;
    }
    memcpy(&value, member, sizeof(value));
    return triple_exact(value);
}

bool coefficients_of(enum coefficient_group group, const void *entry, size_t index,
                     struct coefficient *out)
{
    const struct description *description = &groups[group].descriptions[index];
    const char *bytes = entry;

    if (index >= groups[group].count)
        return false;
    *out =
        (struct coefficient){.name = description->name,
                             .unit = description->unit,
                             .is_band = description->form == FORM_BAND,
                             .is_range = description->form == FORM_RANGE,
                             .value = read_value(bytes + description->offset, description->form),
                             .provenance = (const void *)(bytes + description->provenance_offset)};
    return true;
}

/* The methods' own; NULL for groups of entries. */
static const void *structure_of(const struct factors *factors, enum coefficient_group group)
{
    return group == COEFFICIENTS_A             ? (const void *)factors_method_a(factors)
           : group == COEFFICIENTS_B           ? (const void *)factors_method_b(factors)
           : group == COEFFICIENTS_UNCERTAINTY ? (const void *)factors_uncertainty(factors)
                                               : NULL;
}

bool coefficients_get(const struct factors *factors, enum coefficient_group group, size_t index,
                      struct coefficient *out)
{
    return coefficients_of(group, structure_of(factors, group), index, out);
}

/* ---- Names ---- */

static const void *entry_of(const struct factors *factors, enum coefficient_group group,
                            const char *id)
{
    switch (group) {
    case COEFFICIENTS_MODEL:
        return factors_model_named(factors, id);
    case COEFFICIENTS_PROVIDER:
        return factors_provider(factors, id);
    case COEFFICIENTS_ZONE:
        return factors_zone(factors, id);
    case COEFFICIENTS_MEDIUM:
        return factors_medium(factors, id);
    default:
        return id[0] ? NULL : structure_of(factors, group);
    }
}

bool coefficients_find(const struct factors *factors, const char *key, const char *name,
                       struct coefficient *out)
{
    size_t length = strcspn(key, "/");

    for (int i = 0; i < COEFFICIENT_GROUPS; i++) {
        enum coefficient_group group = (enum coefficient_group)i;
        const char *id = key + length + (key[length] == '/');
        const void *entry;

        if (strlen(groups[i].name) != length || strncmp(key, groups[i].name, length) != 0)
            continue;
        entry = entry_of(factors, group, id);
        for (size_t j = 0; entry && coefficients_of(group, entry, j, out); j++)
            if (strcmp(out->name, name) == 0)
                return true;
    }
    return false;
}

void coefficients_name(char out[MONTH_FIGURE_SIZE], const struct factors *factors,
                       enum coefficient_group group, const void *entry, const char *name)
{
    const struct model_factors *of_model = entry;
    char key[MONTH_FIGURE_SIZE];

    /* The others begin with their id. */
    if (group == COEFFICIENTS_MODEL)
        snprintf(key, sizeof(key), "model/%s/%s", of_model->provider, of_model->name);
    else
        snprintf(key, sizeof(key), "%s%s%s", groups[group].name, entry ? "/" : "",
                 entry ? (const char *)entry : "");
    derived_name_of(out, factors_vintage(factors), "factor", key, name);
}
