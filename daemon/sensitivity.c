/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sensitivity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Moving one unknown ---- */

/* -1, 0 or 1 half of a range. */
static double halves(enum impact_end end)
{
    return end == IMPACT_LOW ? -1 : end == IMPACT_HIGH ? 1 : 0;
}

/* Moves one unknown of POINT, which is at the centre, to END. */
typedef void mover(const struct sensitivity_case *subject, enum impact_end end,
                   struct impact_point *point);

static void move_tokens(const struct sensitivity_case *subject, enum impact_end end,
                        struct impact_point *point)
{
    point->work = subject->work[end];
}

static void move_exchange(const struct sensitivity_case *subject, enum impact_end end,
                          struct impact_point *point)
{
    const struct uncertainty_factors *uncertainty = subject->used.uncertainty;
    double factor = exp(halves(end) * subject->random_sigma * uncertainty->range_sigmas / 2);

    point->work.tokens_in *= factor;
    point->work.tokens_out *= factor;
}

static void move_model(const struct sensitivity_case *subject, enum impact_end end,
                       struct impact_point *point)
{
    struct impact_point other = impact_point(&subject->used, &point->work, end);

    point->total_b = other.total_b;
    point->active_b = other.active_b;
}

/* Method A states one batch; what a service runs is as unknown there. */
static void move_batch(const struct sensitivity_case *subject, enum impact_end end,
                       struct impact_point *point)
{
    struct triple batch = factors_method_b(subject->factors)->batch_size;

    if (end == IMPACT_LOW)
        point->batch_size = fmax(point->batch_size, batch.high);
    if (end == IMPACT_HIGH)
        point->batch_size = fmin(point->batch_size, batch.low);
}

static void move_fit(const struct sensitivity_case *subject, enum impact_end end,
                     struct impact_point *point)
{
    const struct uncertainty_factors *uncertainty = subject->used.uncertainty;
    double gsd = subject->used.method_b ? uncertainty->method_b_gsd : uncertainty->method_a_gsd;

    point->gpu_energy_factor = pow(gsd, halves(end) * uncertainty->range_sigmas / 2);
}

static void move_input(const struct sensitivity_case *subject, enum impact_end end,
                       struct impact_point *point)
{
    point->input_weight = impact_point(&subject->used, &point->work, end).input_weight;
}

static void move_pue(const struct sensitivity_case *subject, enum impact_end end,
                     struct impact_point *point)
{
    point->pue = impact_point(&subject->used, &point->work, end).pue;
}

static void move_wue(const struct sensitivity_case *subject, enum impact_end end,
                     struct impact_point *point)
{
    point->wue_l_per_kwh = impact_point(&subject->used, &point->work, end).wue_l_per_kwh;
}

/* The least and the most of all conventions for a country. */
struct conventions {
    enum impact_end end;
    struct impact_point *point;
};

static double further(enum impact_end end, double a, double b)
{
    return end == IMPACT_LOW ? fmin(a, b) : fmax(a, b);
}

static void take_ewif(void *context, const struct zone_factors *zone)
{
    const struct conventions *conventions = context;
    double *ewif = &conventions->point->ewif_l_per_kwh;

    *ewif = further(conventions->end, *ewif, zone->ewif_l_per_kwh);
}

static void take_mix(void *context, const struct zone_factors *zone)
{
    const struct conventions *conventions = context;
    struct impact_point *point = conventions->point;

    point->gwp_kgco2e_per_kwh =
        further(conventions->end, point->gwp_kgco2e_per_kwh, zone->gwp_kgco2e_per_kwh);
    point->adpe_kgsb_per_kwh =
        further(conventions->end, point->adpe_kgsb_per_kwh, zone->adpe_kgsb_per_kwh);
}

static void move_ewif(const struct sensitivity_case *subject, enum impact_end end,
                      struct impact_point *point)
{
    factors_visit_variants(subject->factors, subject->used.zone->id, take_ewif,
                           &(struct conventions){end, point});
}

static void move_mix(const struct sensitivity_case *subject, enum impact_end end,
                     struct impact_point *point)
{
    factors_visit_variants(subject->factors, subject->used.zone->id, take_mix,
                           &(struct conventions){end, point});
}

/* ---- All of them ---- */

static const struct {
    const char *name;
    mover *move; /* NULL: by hand */
    bool is_choice;
} unknowns[SENSITIVITY_UNKNOWNS] = {
    [SENSITIVITY_TOKENS] = {"estimate of tokens", move_tokens, false},
    [SENSITIVITY_EXCHANGE] = {"single exchanges", move_exchange, false},
    [SENSITIVITY_ENERGY] = {"energy of the machines", NULL, false},
    [SENSITIVITY_MODEL] = {"size of the model", move_model, false},
    [SENSITIVITY_BATCH] = {"batch", move_batch, false},
    [SENSITIVITY_FIT] = {"error of the method", move_fit, false},
    [SENSITIVITY_INPUT] = {"weight of input tokens", move_input, false},
    [SENSITIVITY_PUE] = {"PUE", move_pue, false},
    [SENSITIVITY_WUE] = {"WUE", move_wue, false},
    [SENSITIVITY_EWIF] = {"count of off-site water (EWIF)", move_ewif, true},
    [SENSITIVITY_MIX] = {"electricity mix", move_mix, true},
    [SENSITIVITY_METHOD] = {"other method", NULL, true},
    [SENSITIVITY_KEY] = {"key that shares idle energy", NULL, true},
};

const char *sensitivity_name(enum sensitivity_unknown unknown)
{
    return unknowns[unknown].name;
}

bool sensitivity_is_choice(enum sensitivity_unknown unknown)
{
    return unknowns[unknown].is_choice;
}

/* SHARE: of what is measured. */
static struct impact_result at_share(const struct sensitivity_case *subject,
                                     const struct impact_point *point, enum impact_end energy,
                                     double share)
{
    struct impact_result result = impact_of_energy(share * subject->it_kwh[energy], point);

    result.gwp_embodied_kgco2e = share * subject->embodied_gwp_kgco2e;
    result.adpe_embodied_kgsb = share * subject->embodied_adpe_kgsb;
    return result;
}

static struct impact_result evaluate(const struct sensitivity_case *subject,
                                     const struct impact_factors *used,
                                     const struct impact_point *point, enum impact_end energy)
{
    return used->model ? impact_at(used, point) : at_share(subject, point, energy, 1);
}

static struct impact_result at_end(const struct sensitivity_case *subject,
                                   enum sensitivity_unknown unknown, enum impact_end end)
{
    struct impact_point point =
        impact_point(&subject->used, &subject->work[IMPACT_CENTRAL], IMPACT_CENTRAL);

    if (unknown == SENSITIVITY_KEY && subject->has_key && end != IMPACT_CENTRAL)
        return at_share(subject, &point, IMPACT_CENTRAL, subject->by_key[end == IMPACT_HIGH]);
    if (unknowns[unknown].move)
        unknowns[unknown].move(subject, end, &point);
    return evaluate(subject, &subject->used, &point,
                    unknown == SENSITIVITY_ENERGY ? end : IMPACT_CENTRAL);
}

/* ---- The centre of method A ---- */

/* What a result is made of, one by one. */
#define FIELDS (sizeof(struct impact_result) / sizeof(double))
typedef double fields[FIELDS];

static bool is_method_a(const struct impact_factors *used)
{
    return used->model && !used->method_b;
}

/* The geometric mean of each field. */
static struct impact_result between(const struct impact_result *low,
                                    const struct impact_result *high)
{
    struct impact_result result;
    fields ends[2];

    memcpy(ends[0], low, sizeof(ends[0]));
    memcpy(ends[1], high, sizeof(ends[1]));
    for (size_t i = 0; i < FIELDS; i++)
        ends[0][i] = impact_centre(ends[0][i], ends[1][i]);
    memcpy(&result, ends[0], sizeof(result));
    return result;
}

/* With all at its centre, as it is printed: method A has none of its own, so that of a result is
 * the geometric mean of its ends (impact.c). With the number of GPUs going up by steps, it may be
 * twice what the mean size of a model gives. */
static struct impact_result centre_of(const struct sensitivity_case *subject,
                                      const struct impact_factors *used)
{
    const struct impact_work *work = &subject->work[IMPACT_CENTRAL];
    struct impact_point point = impact_point(used, work, IMPACT_CENTRAL);
    struct impact_result low, high;

    if (!is_method_a(used))
        return evaluate(subject, used, &point, IMPACT_CENTRAL);
    point = impact_point(used, work, IMPACT_LOW);
    low = impact_at(used, &point);
    point = impact_point(used, work, IMPACT_HIGH);
    high = impact_at(used, &point);
    return between(&low, &high);
}

/* What moves END from FROM moves it from BASE, in proportion; what does not is BASE to the last
 * bit. */
static void move_to(const struct impact_result *base, const struct impact_result *from,
                    struct impact_result *end)
{
    fields bases, froms, ends;

    memcpy(bases, base, sizeof(bases));
    memcpy(froms, from, sizeof(froms));
    memcpy(ends, end, sizeof(ends));
    for (size_t i = 0; i < FIELDS; i++)
        if (froms[i] > 0 && ends[i] != froms[i])
            bases[i] *= ends[i] / froms[i];
    memcpy(end, bases, sizeof(bases));
}

/* All that was moved from the centre of every range goes around the centre of the result; the size
 * of the model moves it by half of its own range either way. */
static void centre_ends(const struct sensitivity_case *subject, struct sensitivity *sensitivity)
{
    const struct impact_result centres = at_end(subject, SENSITIVITY_ENERGY, IMPACT_CENTRAL);

    for (int i = 0; i < SENSITIVITY_UNKNOWNS; i++) {
        struct impact_result *low = &sensitivity->ends[i].low;
        struct impact_result *high = &sensitivity->ends[i].high;
        struct impact_result from = i == SENSITIVITY_MODEL ? between(low, high) : centres;

        move_to(&sensitivity->base, &from, low);
        move_to(&sensitivity->base, &from, high);
    }
}

static struct impact_result by_other_method(const struct sensitivity_case *subject)
{
    struct impact_factors other = subject->used;

    other.method_b = other.method_b ? NULL : factors_method_b(subject->factors);
    return centre_of(subject, &other);
}

void sensitivity_compute(const struct sensitivity_case *subject, struct sensitivity *out)
{
    out->base = centre_of(subject, &subject->used);
    for (int i = 0; i < SENSITIVITY_UNKNOWNS; i++) {
        out->ends[i].low = at_end(subject, (enum sensitivity_unknown)i, IMPACT_LOW);
        out->ends[i].high = at_end(subject, (enum sensitivity_unknown)i, IMPACT_HIGH);
    }
    if (is_method_a(&subject->used))
        centre_ends(subject, out);
    out->ends[SENSITIVITY_METHOD].low = by_other_method(subject);
    out->ends[SENSITIVITY_METHOD].high = out->ends[SENSITIVITY_METHOD].low;
}

/* ---- Bars and intervals ---- */

/* How far an indicator moves, in logarithms; from 0, infinitely. */
static double width(const struct sensitivity_bar *bar)
{
    return bar->high > bar->low ? log(bar->high / bar->low) : 0;
}

static int wider_first(const void *a, const void *b)
{
    const struct sensitivity_bar *first = a, *second = b;
    double left = width(first), right = width(second);

    return left != right ? (left < right) - (left > right)
                         : (int)first->unknown - (int)second->unknown;
}

size_t sensitivity_tornado(const struct sensitivity *sensitivity, sensitivity_indicator *indicator,
                           const void *context, struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS])
{
    double base = indicator(context, &sensitivity->base);
    size_t count = 0;

    for (int i = 0; i < SENSITIVITY_UNKNOWNS; i++) {
        double low = indicator(context, &sensitivity->ends[i].low);
        double high = indicator(context, &sensitivity->ends[i].high);

        if (low != base || high != base)
            bars[count++] = (struct sensitivity_bar){.unknown = (enum sensitivity_unknown)i,
                                                     .low = fmin(base, fmin(low, high)),
                                                     .high = fmax(base, fmax(low, high))};
    }
    qsort(bars, count, sizeof(*bars), wider_first);
    return count;
}

struct uncertainty_interval sensitivity_interval(const struct sensitivity *sensitivity,
                                                 sensitivity_indicator *indicator,
                                                 const void *context, double central, double sigmas)
{
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS] = {{.low = 0}};
    size_t count = sensitivity_tornado(sensitivity, indicator, context, bars);

    return sensitivity_interval_of(bars, count, indicator(context, &sensitivity->base), central,
                                   sigmas);
}

struct uncertainty_interval sensitivity_interval_of(const struct sensitivity_bar *bars,
                                                    size_t count, double base, double central,
                                                    double sigmas)
{
    struct uncertainty_part parts[SENSITIVITY_UNKNOWNS];
    size_t used = 0;

    for (size_t i = 0; base > 0 && i < count; i++)
        if (!sensitivity_is_choice(bars[i].unknown))
            parts[used++] = uncertainty_of_range(bars[i].low, base, bars[i].high, sigmas);
    return uncertainty_combine(central, parts, used);
}

/* ---- Of a sum ---- */

/* What an unknown belongs to: parts of one owner move as one. NULL: all parts. */
static const void *owner(const struct sensitivity_part *part, enum sensitivity_unknown unknown)
{
    switch (unknown) {
    case SENSITIVITY_EXCHANGE:
        return part;
    case SENSITIVITY_MODEL:
    case SENSITIVITY_FIT:
        return part->subject.used.model;
    case SENSITIVITY_ENERGY: /* of machines of one place: the same meters */
    case SENSITIVITY_PUE:
    case SENSITIVITY_WUE:
        return part->subject.used.provider;
    default:
        return NULL;
    }
}

struct sum {
    const struct sensitivity_part *parts;
    size_t count;
    sensitivity_indicator *indicator;
    const void *context;
};

static bool is_first_of_owner(const struct sum *sum, enum sensitivity_unknown unknown, size_t part)
{
    for (size_t i = 0; i < part; i++)
        if (owner(&sum->parts[i], unknown) == owner(&sum->parts[part], unknown))
            return false;
    return true;
}

/* By how much all parts of the owner of part FIRST move the sum: *DOWN at most 0, *UP at least. */
static void move_owner(const struct sum *sum, enum sensitivity_unknown unknown, size_t first,
                       double *down, double *up)
{
    double low = 0, high = 0;

    for (size_t i = first; i < sum->count; i++) {
        const struct sensitivity *part = &sum->parts[i].sensitivity;
        double base = sum->indicator(sum->context, &part->base);

        if (owner(&sum->parts[i], unknown) != owner(&sum->parts[first], unknown))
            continue;
        low += sum->indicator(sum->context, &part->ends[unknown].low) - base;
        high += sum->indicator(sum->context, &part->ends[unknown].high) - base;
    }
    *down = fmin(0, fmin(low, high));
    *up = fmax(0, fmax(low, high));
}

size_t sensitivity_sum_tornado(const struct sensitivity_part *parts, size_t count,
                               sensitivity_indicator *indicator, const void *context,
                               struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS], double *base)
{
    const struct sum sum = {parts, count, indicator, context};
    size_t used = 0;

    *base = 0;
    for (size_t i = 0; i < count; i++)
        *base += indicator(context, &parts[i].sensitivity.base);
    for (int unknown = 0; unknown < SENSITIVITY_UNKNOWNS; unknown++) {
        double below = 0, above = 0;

        for (size_t i = 0; i < count; i++) {
            double down, up;

            if (!is_first_of_owner(&sum, (enum sensitivity_unknown)unknown, i))
                continue;
            move_owner(&sum, (enum sensitivity_unknown)unknown, i, &down, &up);
            below += down * down;
            above += up * up;
        }
        if (below > 0 || above > 0)
            bars[used++] = (struct sensitivity_bar){.unknown = (enum sensitivity_unknown)unknown,
                                                    .low = fmax(0, *base - sqrt(below)),
                                                    .high = *base + sqrt(above)};
    }
    qsort(bars, used, sizeof(*bars), wider_first);
    return used;
}
