/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/coefficients.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct description {
    const char *name;
    const char *unit;
    size_t offset;
    bool is_band;
    size_t provenance_offset;
};

#define DESCRIPTION(structure, field, unit, is_band, provenance)                                   \
    {                                                                                              \
#field, unit, offsetof(structure, field), is_band, offsetof(structure, provenance)         \
    }
#define NUMBER(structure, field, unit, provenance)                                                 \
    DESCRIPTION(structure, field, unit, false, provenance)
#define BAND(structure, field, unit, provenance)                                                   \
    DESCRIPTION(structure, field, unit, true, provenance)

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

static struct coefficient read_member(const struct description *description, const void *structure)
{
    const char *bytes = structure;
    struct coefficient coefficient = {.name = description->name,
                                      .unit = description->unit,
                                      .is_band = description->is_band,
                                      .provenance =
                                          (const void *)(bytes + description->provenance_offset)};
    double value;

    if (description->is_band) {
        memcpy(&coefficient.value, bytes + description->offset, sizeof(coefficient.value));
    } else {
        memcpy(&value, bytes + description->offset, sizeof(value));
        coefficient.value = triple_exact(value);
    }
    return coefficient;
}

bool coefficients_get(const struct factors *factors, enum coefficient_group group, size_t index,
                      struct coefficient *out)
{
    const struct {
        const struct description *descriptions;
        size_t count;
        const void *structure;
    } groups[] = {
        [COEFFICIENTS_A] = {method_a, COUNT_OF(method_a), factors_method_a(factors)},
        [COEFFICIENTS_B] = {method_b, COUNT_OF(method_b), factors_method_b(factors)},
        [COEFFICIENTS_UNCERTAINTY] = {uncertainty, COUNT_OF(uncertainty),
                                      factors_uncertainty(factors)},
    };

    if (index >= groups[group].count)
        return false;
    *out = read_member(&groups[group].descriptions[index], groups[group].structure);
    return true;
}
