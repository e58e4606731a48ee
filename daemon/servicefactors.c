/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/servicefactors.h"

#include <stdlib.h>

#include "daemon/calendar.h"

/* What is being looked up. */
struct lookup {
    const struct factors *factors;
    const struct service *service;
    struct service_factors *out;
    const char *problem;
};

static int64_t start_of(int64_t day)
{
    return day == INT64_MIN || day == INT64_MAX ? day : calendar_day_start(day);
}

static void add_part(struct lookup *lookup, struct mix_factors *item, const char *model,
                     double share)
{
    const char *problem =
        impact_resolve_model(lookup->factors, lookup->service, model, &item->parts[item->count]);

    if (problem)
        lookup->problem = problem;
    item->models[item->count] = model;
    item->shares[item->count] = share;
    item->count++;
}

static void add_mix(struct lookup *lookup, const struct mix *mix)
{
    struct mix_factors *item = &lookup->out->items[lookup->out->count++];

    *item = (struct mix_factors){
        .from_s = start_of(mix->from_day), .until_s = start_of(mix->until_day), .mix = mix};
    for (size_t i = 0; i < mix->count; i++)
        add_part(lookup, item, mix->parts[i].model, mix->parts[i].share);
}

/* The service's own model fills what no mix covers. */
static void fill_gap(struct lookup *lookup, int64_t from_s, int64_t until_s)
{
    struct mix_factors *item = &lookup->out->items[lookup->out->count];

    if (lookup->service->model[0] == '\0' || from_s >= until_s)
        return;
    *item = (struct mix_factors){.from_s = from_s, .until_s = until_s};
    add_part(lookup, item, lookup->service->model, 1);
    lookup->out->count++;
}

const char *service_factors_resolve(const struct factors *factors,
                                    const struct catalogue *catalogue, uint16_t number,
                                    struct service_factors *out)
{
    size_t count;
    const struct mix *mixes = catalogue_mixes(catalogue, number, &count);
    struct lookup lookup = {factors, catalogue_service(catalogue, number), out, NULL};
    int64_t covered_until_s = INT64_MIN;

    *out = (struct service_factors){0};
    if (!lookup.service)
        return "there is no such service";
    out->items = calloc(2 * count + 1, sizeof(*out->items));
    if (!out->items)
        return "out of memory";
    for (size_t i = 0; i < count; i++) {
        fill_gap(&lookup, covered_until_s, start_of(mixes[i].from_day));
        add_mix(&lookup, &mixes[i]);
        covered_until_s = start_of(mixes[i].until_day);
    }
    fill_gap(&lookup, covered_until_s, INT64_MAX);
    if (lookup.problem)
        service_factors_free(out);
    return lookup.problem;
}

void service_factors_free(struct service_factors *factors)
{
    free(factors->items);
    *factors = (struct service_factors){0};
}

/* From the end: most questions are about the present. */
const struct mix_factors *service_factors_at(const struct service_factors *factors, int64_t time_s)
{
    for (size_t i = factors->count; i-- > 0;)
        if (time_s >= factors->items[i].from_s)
            return time_s < factors->items[i].until_s ? &factors->items[i] : NULL;
    return NULL;
}

struct impact mix_impact(const struct mix_factors *mix, struct triple requests,
                         struct triple tokens_in, struct triple tokens_out)
{
    struct impact sum = {0};

    for (size_t i = 0; mix && i < mix->count; i++) {
        double share = mix->shares[i];
        struct impact part =
            impact_compute(&mix->parts[i], triple_scale(requests, share),
                           triple_scale(tokens_in, share), triple_scale(tokens_out, share));

        sum = i == 0 ? part : impact_add(sum, part);
    }
    return sum;
}
