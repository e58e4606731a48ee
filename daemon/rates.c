/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/rates.h"

#include <math.h>

static void set_quantities(const struct impact_result *result, double out[RATES_QUANTITIES])
{
    out[RATES_ENERGY_KWH] = result->energy_kwh;
    out[RATES_GWP_USE_KGCO2E] = 0;
    out[RATES_GWP_EMBODIED_KGCO2E] = result->gwp_embodied_kgco2e;
    out[RATES_ADPE_KGSB] = result->adpe_use_kgsb + result->adpe_embodied_kgsb;
    out[RATES_WATER_L] = result->water_l;
}

static void quantities_at(const struct impact_factors *factors, struct impact_work work,
                          enum impact_end end, double out[RATES_QUANTITIES])
{
    struct impact_point point;
    struct impact_result result;

    work.request_latency_s = INFINITY;
    point = impact_point(factors, &work, end);
    result = impact_at(factors, &point);
    set_quantities(&result, out);
}

static void set_rates(const struct impact_factors *factors, enum impact_end end,
                      struct rate out[RATES_QUANTITIES])
{
    double request[RATES_QUANTITIES], token_in[RATES_QUANTITIES], token_out[RATES_QUANTITIES];

    quantities_at(factors, (struct impact_work){.requests = 1}, end, request);
    quantities_at(factors, (struct impact_work){.tokens_in = 1}, end, token_in);
    quantities_at(factors, (struct impact_work){.tokens_out = 1}, end, token_out);
    for (int i = 0; i < RATES_QUANTITIES; i++)
        out[i] = (struct rate){request[i], token_in[i], token_out[i]};
}

struct rates rates_of(const struct impact_factors *factors)
{
    struct rates rates = {.factors = *factors};
    double log_fit;

    if (!factors->model)
        return rates;
    log_fit = impact_log_of_fit(factors);
    rates.log_fit_squared = log_fit * log_fit;
    rates.gwp_kgco2e_per_kwh = factors->zone->gwp_kgco2e_per_kwh;
    set_rates(factors, IMPACT_LOW, rates.minimum);
    set_rates(factors, IMPACT_CENTRAL, rates.central);
    set_rates(factors, IMPACT_HIGH, rates.maximum);
    return rates;
}

/* One level of the activity. */
struct level {
    double requests;
    double tokens_in;
    double tokens_out;
};

static double times(struct rate rate, const struct level *level)
{
    return rate.per_request * level->requests + rate.per_token_in * level->tokens_in +
           rate.per_token_out * level->tokens_out;
}

static double central_of(const struct rates *rates, int quantity, const struct level *level)
{
    double minimum, maximum;

    if (rates->factors.method_b)
        return times(rates->central[quantity], level);
    minimum = times(rates->minimum[quantity], level);
    maximum = times(rates->maximum[quantity], level);
    return minimum > 0 ? sqrt(minimum * maximum) : maximum / 2;
}

/* The band of impact_compute(), with logarithms of quotients instead of differences of logarithms,
 * and the square root of method A's centre taken behind them. Returns false where an end is 0 and
 * has no logarithm. */
static bool band_a(const struct rates *rates, int quantity, const struct level levels[3],
                   struct triple *out)
{
    double minimum = times(rates->minimum[quantity], &levels[1]);
    double maximum = times(rates->maximum[quantity], &levels[1]);
    double square = minimum * maximum;
    double low =
        times(rates->minimum[quantity], &levels[0]) * times(rates->maximum[quantity], &levels[0]);
    double high =
        times(rates->minimum[quantity], &levels[2]) * times(rates->maximum[quantity], &levels[2]);
    double fall, rise, range;

    if (!(minimum > 0 && low > 0))
        return false;
    out->central = sqrt(square);
    fall = log(square / low);
    rise = log(high / square);
    range = log(maximum / minimum);
    out->low = out->central * exp(-sqrt(fall * fall + range * range) / 2);
    out->high = out->central * exp(sqrt(rise * rise + range * range) / 2);
    return true;
}

static bool band_b(const struct rates *rates, int quantity, const struct level levels[3],
                   struct triple *out)
{
    double central = times(rates->central[quantity], &levels[1]);
    double low = times(rates->central[quantity], &levels[0]);
    double minimum = times(rates->minimum[quantity], &levels[1]);
    double fit = quantity == RATES_GWP_EMBODIED_KGCO2E ? 0 : rates->log_fit_squared;
    double fall, rise, below, above;

    if (!(minimum > 0 && low > 0))
        return false;
    fall = log(central / low);
    rise = log(times(rates->central[quantity], &levels[2]) / central);
    below = log(central / minimum);
    above = log(times(rates->maximum[quantity], &levels[1]) / central);
    out->low = central * exp(-sqrt(fall * fall + below * below + fit));
    out->central = central;
    out->high = central * exp(sqrt(rise * rise + above * above + fit));
    return true;
}

struct impact rates_impact(const struct rates *rates, struct triple requests,
                           struct triple tokens_in, struct triple tokens_out)
{
    const struct level levels[] = {{requests.low, tokens_in.low, tokens_out.low},
                                   {requests.central, tokens_in.central, tokens_out.central},
                                   {requests.high, tokens_in.high, tokens_out.high}};
    struct triple bands[RATES_QUANTITIES];

    if (!rates->factors.model)
        return (struct impact){0};
    for (int i = 0; i < RATES_QUANTITIES; i++)
        if (i != RATES_GWP_USE_KGCO2E &&
            !(rates->factors.method_b ? band_b : band_a)(rates, i, levels, &bands[i]))
            return impact_compute(&rates->factors, requests, tokens_in, tokens_out);
    return (struct impact){.energy_kwh = bands[RATES_ENERGY_KWH],
                           .gwp_use_kgco2e =
                               triple_scale(bands[RATES_ENERGY_KWH], rates->gwp_kgco2e_per_kwh),
                           .gwp_embodied_kgco2e = bands[RATES_GWP_EMBODIED_KGCO2E],
                           .adpe_kgsb = bands[RATES_ADPE_KGSB],
                           .water_l = bands[RATES_WATER_L]};
}

void rates_central(const struct rates *rates, double requests, double tokens_in, double tokens_out,
                   double out[RATES_QUANTITIES])
{
    const struct level level = {requests, tokens_in, tokens_out};

    for (int i = 0; i < RATES_QUANTITIES; i++)
        out[i] = i != RATES_GWP_USE_KGCO2E ? central_of(rates, i, &level) : 0;
    out[RATES_GWP_USE_KGCO2E] = out[RATES_ENERGY_KWH] * rates->gwp_kgco2e_per_kwh;
}

static bool same_rates(const struct rate a[RATES_QUANTITIES], const struct rate b[RATES_QUANTITIES])
{
    for (int i = 0; i < RATES_QUANTITIES; i++)
        if (a[i].per_request != b[i].per_request || a[i].per_token_in != b[i].per_token_in ||
            a[i].per_token_out != b[i].per_token_out)
            return false;
    return true;
}

bool rates_same_central(const struct rates *a, const struct rates *b)
{
    return !a->factors.method_b == !b->factors.method_b &&
           a->gwp_kgco2e_per_kwh == b->gwp_kgco2e_per_kwh && same_rates(a->minimum, b->minimum) &&
           same_rates(a->central, b->central) && same_rates(a->maximum, b->maximum);
}
