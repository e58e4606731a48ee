/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif_difference.h"

#include <math.h>
#include <stdbool.h>

#define DIRECTIONS     512  /* in which extremes are sought; even, so that the middle is one */
#define LOG_OF_NOTHING -700 /* exp() of it is 0 beside anything */

/* In the order of enum month_indicator. */
struct quantities {
    double values[WHATIF_INDICATORS];
};
#define AT(indicator) [(indicator)-MONTH_ENERGY]

/* What a part's impact depends on, and is not known exactly. */
enum unknown { MODEL, MACHINES, BATCH, INPUT_WEIGHT, FIT, UNKNOWNS };

/* Causes of error: each is moved alone, and all that belongs to it together. Activity is that of
 * both sides, and so are exchanges. A factor is common when a part of either side depends on it. */
enum cause {
    ACTIVITY,
    COMMON_FACTORS,
    BEFORE_FACTORS,
    AFTER_FACTORS,
    COMMON_FIT,
    BEFORE_FIT,
    AFTER_FIT,
    SYSTEMATIC,
    EXCHANGES = SYSTEMATIC, /* some of them, and so on: what one differs from another by */
    CAUSES = EXCHANGES + WHATIF_EXCHANGES
};

enum side { BEFORE, AFTER };

struct comparison {
    struct whatif_parts sides[2];
};

/* A cause at one of its ends; all others are at their centre. */
struct move {
    enum cause cause;
    enum impact_end end;
};

/* ---- Which unknowns are the same ---- */

static bool same_unknown(const struct impact_factors *a, const struct impact_factors *b,
                         enum unknown unknown)
{
    switch (unknown) {
    case MODEL:
        return a->model == b->model;
    case MACHINES:
        return a->provider == b->provider;
    case BATCH:
        return a->method_b == b->method_b && a->provider == b->provider;
    case INPUT_WEIGHT:
        return a->method_b == b->method_b;
    case FIT: /* its error is told model by model */
        return a->method_b == b->method_b && a->model == b->model;
    case UNKNOWNS:
        break;
    }
    return false;
}

static bool is_common(const struct comparison *comparison, enum side side,
                      const struct whatif_part *part, enum unknown unknown)
{
    const struct whatif_parts *others = &comparison->sides[side == BEFORE ? AFTER : BEFORE];

    for (size_t i = 0; i < others->count; i++)
        if (same_unknown(&part->factors, &others->items[i].factors, unknown))
            return true;
    return false;
}

static enum cause cause_of(const struct comparison *comparison, enum side side,
                           const struct whatif_part *part, enum unknown unknown)
{
    bool common = is_common(comparison, side, part, unknown);

    if (unknown == FIT)
        return common ? COMMON_FIT : side == BEFORE ? BEFORE_FIT : AFTER_FIT;
    return common ? COMMON_FACTORS : side == BEFORE ? BEFORE_FACTORS : AFTER_FACTORS;
}

/* ---- The impact with one cause moved ---- */

/* Where each unknown of a part is. */
struct ends {
    enum impact_end activity;
    enum impact_end unknowns[UNKNOWNS];
};

static struct ends ends_of(const struct comparison *comparison, enum side side,
                           const struct whatif_part *part, const struct move *move)
{
    struct ends ends = {.activity = move->cause == ACTIVITY ? move->end : IMPACT_CENTRAL};

    for (int i = 0; i < UNKNOWNS; i++)
        ends.unknowns[i] = cause_of(comparison, side, part, (enum unknown)i) == move->cause
                               ? move->end
                               : IMPACT_CENTRAL;
    return ends;
}

static double end_of(struct triple triple, enum impact_end end)
{
    return end == IMPACT_LOW ? triple.low : end == IMPACT_HIGH ? triple.high : triple.central;
}

/* Method A's own error is not in its band, which is that of EcoLogits. But two models are told
 * apart by it: it counts where there is something to compare with, and no common error. */
static bool has_fit(const struct comparison *comparison, const struct impact_factors *factors)
{
    return factors->uncertainty && (factors->method_b || (comparison->sides[BEFORE].count > 0 &&
                                                          comparison->sides[AFTER].count > 0));
}

static double fit_factor(const struct comparison *comparison, const struct impact_factors *factors,
                         enum impact_end end)
{
    const struct uncertainty_factors *uncertainty = factors->uncertainty;
    double sigmas;

    if (end == IMPACT_CENTRAL || !has_fit(comparison, factors))
        return 1;
    sigmas = (end == IMPACT_HIGH ? 1 : -1) * uncertainty->range_sigmas / 2;
    return pow(factors->method_b ? uncertainty->method_b_gsd : uncertainty->method_a_gsd, sigmas);
}

static bool has_fit_of_a(const struct comparison *comparison, enum side side)
{
    for (size_t i = 0; i < comparison->sides[side].count; i++) {
        const struct whatif_part *part = &comparison->sides[side].items[i];

        if (!part->factors.method_b && has_fit(comparison, &part->factors) &&
            !is_common(comparison, side, part, FIT))
            return true;
    }
    return false;
}

/* As sensitivity.c moves them: requests are counted, tokens are not. */
static double tokens_factor(const struct whatif_part *part, const struct move *move)
{
    const struct uncertainty_factors *uncertainty = part->factors.uncertainty;
    double sigmas;

    if (!uncertainty || (unsigned)move->cause != EXCHANGES + part->exchanges)
        return 1;
    sigmas = (move->end == IMPACT_HIGH ? 1 : -1) * uncertainty->range_sigmas / 2;
    return exp(sigmas * part->random_sigma);
}

/* What is multiplied. */
struct factor_pair {
    double gpu_energy;
    double tokens;
};

/* As daemon/impact.c makes a point of one end, here of several. */
static struct impact_point point_of(const struct whatif_part *part, const struct ends *ends,
                                    const struct factor_pair *by)
{
    const struct impact_work work = {end_of(part->requests, ends->activity),
                                     by->tokens * end_of(part->tokens_in, ends->activity),
                                     by->tokens * end_of(part->tokens_out, ends->activity),
                                     INFINITY};
    const struct impact_factors *factors = &part->factors;
    struct impact_point point = impact_point(factors, &work, ends->unknowns[MODEL]);
    struct impact_point machines = impact_point(factors, &work, ends->unknowns[MACHINES]);

    point.pue = machines.pue;
    point.wue_l_per_kwh = machines.wue_l_per_kwh;
    point.batch_size = impact_point(factors, &work, ends->unknowns[BATCH]).batch_size;
    point.input_weight = impact_point(factors, &work, ends->unknowns[INPUT_WEIGHT]).input_weight;
    point.gpu_energy_factor = by->gpu_energy;
    return point;
}

static struct quantities quantities_at(const struct whatif_part *part, const struct ends *ends,
                                       const struct factor_pair *by)
{
    const struct impact_point point = point_of(part, ends, by);
    const struct impact_result result = impact_at(&part->factors, &point);

    return (struct quantities){{
        AT(MONTH_ENERGY) = result.energy_kwh,
        AT(MONTH_WATER) = result.water_l,
        AT(MONTH_GWP) = result.gwp_use_kgco2e + result.gwp_embodied_kgco2e,
        AT(MONTH_GWP_USE) = result.gwp_use_kgco2e,
        AT(MONTH_GWP_EMBODIED) = result.gwp_embodied_kgco2e,
        AT(MONTH_ADPE) = result.adpe_use_kgsb + result.adpe_embodied_kgsb,
    }};
}

/* Method A states no centre: what is not moved is at both of its ends, and the geometric mean is
 * taken, as impact_compute() does. */
static struct quantities quantities_of(const struct comparison *comparison, enum side side,
                                       const struct whatif_part *part, const struct move *move)
{
    struct ends ends = ends_of(comparison, side, part, move);
    const struct factor_pair by = {fit_factor(comparison, &part->factors,
                                              cause_of(comparison, side, part, FIT) == move->cause
                                                  ? move->end
                                                  : IMPACT_CENTRAL),
                                   tokens_factor(part, move)};
    struct ends low = ends;
    struct ends high = ends;
    struct quantities minimum, maximum;

    if (part->factors.method_b)
        return quantities_at(part, &ends, &by);
    for (int i = 0; i < UNKNOWNS; i++)
        if (ends.unknowns[i] == IMPACT_CENTRAL) {
            low.unknowns[i] = IMPACT_LOW;
            high.unknowns[i] = IMPACT_HIGH;
        }
    minimum = quantities_at(part, &low, &by);
    maximum = quantities_at(part, &high, &by);
    for (int i = 0; i < WHATIF_INDICATORS; i++)
        minimum.values[i] = impact_centre(minimum.values[i], maximum.values[i]);
    /* A sum of two centres in reports: so it is here. */
    minimum.values AT(MONTH_GWP) =
        minimum.values AT(MONTH_GWP_USE) + minimum.values AT(MONTH_GWP_EMBODIED);
    return minimum;
}

static struct quantities sum_of(const struct comparison *comparison, enum side side,
                                const struct move *move)
{
    struct quantities sum = {{0}};

    for (size_t i = 0; i < comparison->sides[side].count; i++) {
        struct quantities part =
            quantities_of(comparison, side, &comparison->sides[side].items[i], move);

        for (int j = 0; j < WHATIF_INDICATORS; j++)
            sum.values[j] += part.values[j];
    }
    return sum;
}

/* ---- Intervals of one quantity ---- */

struct pair {
    double before;
    double after;
};

/* At the centre, and with each cause at its low and its high end. */
struct pairs {
    struct pair centre;
    struct pair moved[CAUSES][2];
    struct pair shifts[CAUSES][2]; /* of the logarithms of both sides, by each */
    int causes;                    /* that count: the first so many */
};

static double difference_of(struct pair pair)
{
    return pair.after - pair.before;
}

/* Where both sides have no activity at their centre, there are no logarithms. */
static struct triple difference_from_nothing(const struct pairs *pairs)
{
    struct triple out = triple_exact(0);

    for (int i = 0; i < pairs->causes; i++)
        for (int end = 0; end < 2; end++) {
            out.low = fmin(out.low, difference_of(pairs->moved[i][end]));
            out.high = fmax(out.high, difference_of(pairs->moved[i][end]));
        }
    return out;
}

/* By how much a cause at one end moves the logarithms of both sides. */
static double log_shift(double moved, double centre)
{
    return centre > 0 ? fmax(log(moved / centre), LOG_OF_NOTHING) : 0;
}

static struct pair shift_of(const struct pairs *pairs, int cause, int end)
{
    const struct pair *moved = &pairs->moved[cause][end];

    return (struct pair){log_shift(moved->before, pairs->centre.before),
                         log_shift(moved->after, pairs->centre.after)};
}

/* The shift of both logarithms that goes farthest along DIRECTION, of all errors z with
 * sum z^2 <= 1, where 1 is a cause's end: each cause by its better end, in proportion to what it
 * does in that direction (Cauchy and Schwarz). Along one axis, this is the quadrature of
 * logarithms. */
static struct pair farthest(const struct pairs *pairs, struct pair direction)
{
    struct pair sum = {0, 0};
    double squares = 0;

    for (int i = 0; i < pairs->causes; i++) {
        struct pair best = {0, 0};
        double most = 0;

        for (int end = 0; end < 2; end++) {
            const struct pair *shift = &pairs->shifts[i][end];
            double reach = direction.before * shift->before + direction.after * shift->after;

            if (reach > most) {
                most = reach;
                best = *shift;
            }
        }
        sum.before += most * best.before;
        sum.after += most * best.after;
        squares += most * most;
    }
    if (squares > 0) {
        sum.before /= sqrt(squares);
        sum.after /= sqrt(squares);
    }
    return sum;
}

static double shifted_difference(const struct pairs *pairs, struct pair shift)
{
    return pairs->centre.after * exp(shift.after) - pairs->centre.before * exp(shift.before);
}

/* The largest difference (SIGN 1) or the smallest (-1) that such errors make. It grows with the
 * logarithm after and falls with that before, so it lies on this quarter of the outline; its
 * middle is where the ratio has its extreme. (First-order reliability: Hasofer and Lind, 1974,
 * "Exact and invariant second-moment code format".) */
static double extreme_difference(const struct pairs *pairs, int sign)
{
    double best = difference_of(pairs->centre);

    for (int step = 0; step <= DIRECTIONS; step++) {
        double angle = M_PI_2 * step / DIRECTIONS;
        const struct pair direction = {-sign * sin(angle), sign * cos(angle)};
        double difference = shifted_difference(pairs, farthest(pairs, direction));

        if (sign * (difference - best) > 0)
            best = difference;
    }
    return best;
}

static struct triple ratio_of(const struct pairs *pairs)
{
    double ratio = pairs->centre.after / pairs->centre.before;
    const struct pair up = farthest(pairs, (struct pair){-1, 1});
    const struct pair down = farthest(pairs, (struct pair){1, -1});
    double most = exp(up.after - up.before);
    double least = exp(down.after - down.before);

    return (struct triple){ratio * least, ratio, ratio * most};
}

static struct triple difference_by(const struct pairs *pairs)
{
    if (!(pairs->centre.before > 0))
        return difference_from_nothing(pairs);
    return (struct triple){extreme_difference(pairs, -1), difference_of(pairs->centre),
                           extreme_difference(pairs, 1)};
}

static struct triple proportional_by(const struct pairs *pairs)
{
    double before = pairs->centre.before;
    struct triple ratio;

    if (!(before > 0))
        return triple_exact(0);
    ratio = pairs->centre.after > 0 ? ratio_of(pairs) : triple_exact(0);
    return (struct triple){before * (ratio.low - 1), before * (ratio.central - 1),
                           before * (ratio.high - 1)};
}

static double square(double value)
{
    return value * value;
}

/* First what is systematic, then all: what exchanges add is the rest, so that both together make
 * what all do. */
static void compare(struct pairs *pairs, int indicator, struct whatif_difference *out)
{
    struct triple all;
    struct triple *band = &out->difference[indicator];

    for (int i = 0; i < CAUSES; i++)
        for (int end = 0; end < 2; end++)
            pairs->shifts[i][end] = shift_of(pairs, i, end);
    pairs->causes = SYSTEMATIC;
    *band = difference_by(pairs);
    pairs->causes = CAUSES;
    all = difference_by(pairs);
    out->proportional[indicator] = proportional_by(pairs);
    out->random_below[indicator] =
        fmax(square(all.central - all.low) - square(band->central - band->low), 0);
    out->random_above[indicator] =
        fmax(square(all.high - all.central) - square(band->high - band->central), 0);
}

/* ---- All of it ---- */

struct whatif_difference whatif_difference_compute(struct whatif_parts before,
                                                   struct whatif_parts after)
{
    const struct comparison comparison = {{before, after}};
    const struct move none = {CAUSES, IMPACT_CENTRAL};
    const struct quantities centre[2] = {sum_of(&comparison, BEFORE, &none),
                                         sum_of(&comparison, AFTER, &none)};
    struct quantities moved[CAUSES][2][2];
    struct whatif_difference out = {.has_fit_of_a = has_fit_of_a(&comparison, BEFORE) ||
                                                    has_fit_of_a(&comparison, AFTER)};

    for (int i = 0; i < CAUSES; i++)
        for (int end = 0; end < 2; end++) {
            const struct move move = {(enum cause)i, end == 0 ? IMPACT_LOW : IMPACT_HIGH};

            moved[i][end][BEFORE] = sum_of(&comparison, BEFORE, &move);
            moved[i][end][AFTER] = sum_of(&comparison, AFTER, &move);
        }
    for (int i = 0; i < WHATIF_INDICATORS; i++) {
        struct pairs pairs = {.centre = {centre[BEFORE].values[i], centre[AFTER].values[i]}};

        for (int j = 0; j < CAUSES; j++)
            for (int end = 0; end < 2; end++)
                pairs.moved[j][end] =
                    (struct pair){moved[j][end][BEFORE].values[i], moved[j][end][AFTER].values[i]};
        compare(&pairs, i, &out);
    }
    return out;
}

struct triple whatif_difference_of(const struct whatif_difference *difference, int indicator)
{
    const struct triple *band = &difference->difference[indicator];
    double below = difference->random_below[indicator];
    double above = difference->random_above[indicator];
    struct triple out = *band;

    if (below > 0)
        out.low = band->central - sqrt(square(band->central - band->low) + below);
    if (above > 0)
        out.high = band->central + sqrt(square(band->high - band->central) + above);
    return out;
}

void whatif_difference_add(struct whatif_difference *sum, const struct whatif_difference *other)
{
    for (int i = 0; i < WHATIF_INDICATORS; i++) {
        sum->difference[i] = triple_add(sum->difference[i], other->difference[i]);
        sum->proportional[i] = triple_add(sum->proportional[i], other->proportional[i]);
        sum->random_below[i] += other->random_below[i];
        sum->random_above[i] += other->random_above[i];
    }
    sum->has_fit_of_a |= other->has_fit_of_a;
}
