/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sharing.h"

#include <math.h>

#define NS_PER_S 1e9

double sharing_weight(const struct sharing_weights *weights, double tokens_in, double tokens_cached,
                      double tokens_out)
{
    return weights->input * fmax(tokens_in - tokens_cached, 0) + weights->cached * tokens_cached +
           weights->output * tokens_out;
}

double sharing_idle_j(double energy_j, double idle_w, uint64_t covered_ns)
{
    return fmin(energy_j, idle_w * ((double)covered_ns / NS_PER_S));
}

static bool is_on(const struct sharing_service *services, const struct sharing_use *use,
                  size_t device)
{
    return services[use->service].devices >> device & 1;
}

static long double above_idle_j(const struct sharing_device *device)
{
    return fmaxl((long double)device->energy_j - (long double)device->idle_j, 0);
}

/* What a device drew above idle goes by weight to the uses of the services on it. Returns how much
 * found one. */
static long double share_device(const struct sharing_device *devices, size_t device,
                                const struct sharing_service *services, struct sharing_use *uses,
                                size_t use_count)
{
    long double above_j = above_idle_j(&devices[device]);
    long double weight = 0;

    for (size_t i = 0; i < use_count; i++)
        if (is_on(services, &uses[i], device))
            weight += (long double)uses[i].weight;
    if (weight <= 0)
        return 0;
    for (size_t i = 0; i < use_count; i++)
        if (is_on(services, &uses[i], device))
            uses[i].active_j += (double)(above_j * (long double)uses[i].weight / weight);
    return above_j;
}

/* FOLLOWER_J goes as FOUND_J did, what the other devices drew above idle for somebody; where that
 * is nothing, though something was asked for, by weight. Returns how much found a use. */
static long double follow(struct sharing_use *uses, size_t use_count, long double found_j,
                          long double follower_j)
{
    long double weight = 0;

    for (size_t i = 0; i < use_count; i++)
        weight += (long double)uses[i].weight;
    if (found_j <= 0 && weight <= 0)
        return 0;
    for (size_t i = 0; i < use_count; i++) {
        long double share = found_j > 0 ? (long double)uses[i].active_j / found_j
                                        : (long double)uses[i].weight / weight;

        uses[i].active_j += (double)(share * follower_j);
    }
    return follower_j;
}

static void weigh(const struct sharing_service *services, struct sharing_use *uses,
                  size_t use_count)
{
    for (size_t i = 0; i < use_count; i++) {
        uses[i].weight = sharing_weight(&services[uses[i].service].weights, uses[i].tokens_in,
                                        uses[i].tokens_cached, uses[i].tokens_out);
        uses[i].active_j = 0;
    }
}

struct sharing_totals sharing_interval(const struct sharing_device *devices, size_t device_count,
                                       const struct sharing_service *services,
                                       struct sharing_use *uses, size_t use_count)
{
    long double energy_j = 0, idle_j = 0, above_j = 0, follower_j = 0, found_j = 0, active_j = 0;

    weigh(services, uses, use_count);
    for (size_t i = 0; i < device_count; i++) {
        energy_j += (long double)devices[i].energy_j;
        idle_j += (long double)devices[i].idle_j;
        above_j += above_idle_j(&devices[i]);
        if (devices[i].follows)
            follower_j += above_idle_j(&devices[i]);
        else
            found_j += share_device(devices, i, services, uses, use_count);
    }
    found_j += follow(uses, use_count, found_j, follower_j);
    for (size_t i = 0; i < use_count; i++)
        active_j += (long double)uses[i].active_j;
    return (struct sharing_totals){.energy_j = (double)energy_j,
                                   .active_j = (double)active_j,
                                   .idle_j = (double)idle_j,
                                   .pool_j = (double)fmaxl(above_j - found_j, 0)};
}

static long double sum_of(const double *values, size_t count)
{
    long double sum = 0;

    for (size_t i = 0; values && i < count; i++)
        sum += (long double)values[i];
    return sum;
}

double sharing_key(double usage_share, const double *weights, const double *entitlements,
                   size_t count, double *shares)
{
    long double by_use = (long double)usage_share;
    long double weight = sum_of(weights, count);
    /* Shares written in decimals may miss 1 by a little. */
    long double entitled = sum_of(entitlements, count);
    long double left = (weight > 0 ? 0 : by_use) + (entitled > 0 ? 0 : 1 - by_use);

    for (size_t i = 0; i < count; i++) {
        long double share = 0;

        if (weight > 0)
            share += by_use * (long double)weights[i] / weight;
        if (entitled > 0)
            share += (1 - by_use) * (long double)entitlements[i] / entitled;
        shares[i] = (double)share;
    }
    return (double)left;
}

const char *sharing_key_name(enum sharing_key_kind key)
{
    static const char *const names[] = {"usage", "entitlement", "hybrid"};

    return names[key];
}
