/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/localimpact.h"

#define J_PER_KWH  3.6e6
#define S_PER_YEAR (365.0 * 24 * 3600) /* as in method A */

const char *local_factors_resolve(const struct host_config *host, const struct factors *factors,
                                  struct local_factors *out)
{
    *out = (struct local_factors){host, factors_zone(factors, host->zone)};
    return out->zone ? NULL : "the zone of host.conf is not in zones.conf";
}

/* Of one value of the energy, and what is embodied besides. */
static struct impact_result impact_of_joules(const struct local_factors *factors, double energy_j)
{
    const struct impact_point point = {
        .pue = factors->host->pue.value,
        .wue_l_per_kwh = factors->host->wue_l_per_kwh.value,
        .ewif_l_per_kwh = factors->zone->ewif_l_per_kwh,
        .gwp_kgco2e_per_kwh = factors->zone->gwp_kgco2e_per_kwh,
        .adpe_kgsb_per_kwh = factors->zone->adpe_kgsb_per_kwh,
    };

    return impact_of_energy(energy_j / J_PER_KWH, &point);
}

struct impact local_impact(const struct local_factors *factors, double energy_j, double host_s)
{
    const struct host_embodied *embodied = &factors->host->embodied;
    double lifetimes = host_s / (embodied->lifetime_years * S_PER_YEAR);
    double gwp_kgco2e =
        lifetimes * (embodied->server_gwp_kgco2e + embodied->gpus * embodied->gpu_gwp_kgco2e);
    double adpe_kgsb =
        lifetimes * (embodied->server_adpe_kgsb + embodied->gpus * embodied->gpu_adpe_kgsb);
    double accuracy = factors->host->energy_accuracy.value;
    struct impact_result low = impact_of_joules(factors, energy_j * (1 - accuracy));
    struct impact_result central = impact_of_joules(factors, energy_j);
    struct impact_result high = impact_of_joules(factors, energy_j * (1 + accuracy));

#define BAND(name) ((struct triple){low.name, central.name, high.name})
    return (struct impact){
        .energy_kwh = BAND(energy_kwh),
        .gwp_use_kgco2e = BAND(gwp_use_kgco2e),
        .gwp_embodied_kgco2e = triple_exact(gwp_kgco2e),
        .adpe_kgsb = triple_add(BAND(adpe_use_kgsb), triple_exact(adpe_kgsb)),
        .water_l = BAND(water_l),
    };
#undef BAND
}
