/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/hourly.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "reports/localhost.h"

#define COUNTRY "FRA" /* the table is of */

struct hourly {
    struct grid *grid;
    int64_t hour_s; /* of what follows */
    bool is_held;
    double kgco2_per_kwh;
};

struct hourly *hourly_open(const struct config *config)
{
    char path[PATH_MAX + 16];
    struct hourly *hourly = calloc(1, sizeof(*hourly));

    if (!hourly)
        return NULL;
    grid_path(config->state_directory, path, sizeof(path));
    hourly->grid = grid_load(path, stderr);
    hourly->hour_s = INT64_MIN;
    if (hourly->grid)
        return hourly;
    free(hourly);
    return NULL;
}

void hourly_close(struct hourly *hourly)
{
    if (!hourly)
        return;
    grid_free(hourly->grid);
    free(hourly);
}

/* "FRA", or a part or convention of it, "FRA-EDF". */
static bool is_of_country(const char *zone)
{
    return strcspn(zone, "-") == strlen(COUNTRY) && strncmp(zone, COUNTRY, strlen(COUNTRY)) == 0;
}

bool hourly_is_french(const struct config *config, const char *service)
{
    uint16_t number = config->catalogue ? catalogue_find(config->catalogue, service) : SERVICE_NONE;
    const struct provider_factors *provider = NULL;

    if (localhost_is_local(config, service))
        return is_of_country(config->host->zone);
    if (number != SERVICE_NONE && config->factors)
        provider = factors_provider(config->factors,
                                    catalogue_service(config->catalogue, number)->provider);
    return provider && is_of_country(provider->zone);
}

/* Rows of a ledger come in order of time: each hour is looked up once. */
static bool find_hour(struct hourly *hourly, int64_t time_s)
{
    int64_t hour_s = time_s - time_s % HOUR_S;
    enum grid_nature nature;

    if (hour_s != hourly->hour_s) {
        hourly->hour_s = hour_s;
        hourly->is_held = grid_intensity(hourly->grid, time_s, &hourly->kgco2_per_kwh, &nature);
    }
    return hourly->is_held;
}

void hourly_add(struct hourly *hourly, struct hourly_sum *sum, int64_t time_s,
                struct triple energy_kwh)
{
    sum->energy_kwh = triple_add(sum->energy_kwh, energy_kwh);
    if (!find_hour(hourly, time_s))
        return;
    sum->known_kwh = triple_add(sum->known_kwh, energy_kwh);
    sum->direct_kgco2 =
        triple_add(sum->direct_kgco2, triple_scale(energy_kwh, hourly->kgco2_per_kwh));
}

struct hourly_sum hourly_together(struct hourly_sum a, struct hourly_sum b)
{
    return (struct hourly_sum){triple_add(a.energy_kwh, b.energy_kwh),
                               triple_add(a.known_kwh, b.known_kwh),
                               triple_add(a.direct_kgco2, b.direct_kgco2)};
}

struct hourly_sum hourly_share(struct hourly_sum sum, double share)
{
    return (struct hourly_sum){triple_scale(sum.energy_kwh, share),
                               triple_scale(sum.known_kwh, share),
                               triple_scale(sum.direct_kgco2, share)};
}

struct hourly_result hourly_finish(const struct hourly *hourly, struct hourly_sum sum,
                                   int64_t from_s, int64_t until_s)
{
    struct hourly_result result = {.sum = sum};

    if (!hourly || !(sum.known_kwh.central > 0))
        return result;
    result.coverage = grid_cover(hourly->grid, from_s, until_s);
    result.known_share = sum.known_kwh.central / sum.energy_kwh.central;
    result.is_there = result.coverage.hours > 0;
    /* A month in which all plants stood still has no mean to compare with. */
    if (result.coverage.mean_kgco2_per_kwh > 0)
        result.timing =
            sum.direct_kgco2.central / sum.known_kwh.central / result.coverage.mean_kgco2_per_kwh;
    return result;
}
