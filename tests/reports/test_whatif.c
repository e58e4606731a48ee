/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/reports/readable.h"
#include "tests/reports/world.h"

#define OCTOBER   1790805600            /* 2026-10-01 00:00 Europe/Paris */
#define NOON      (OCTOBER + 12 * 3600) /* of the same date in UTC */
#define LATER     (OCTOBER + 90 * (int64_t)DAY_S)
#define MANY      20 /* devices */
#define FEW       2
#define TOLERANCE 1e-12
#define CHANGES   8

enum { DRH = 1, DSN, DIRECTIONS = DSN };
enum { CHATGPT, MISTRAL, PICTURES, CLAUDE, SERVICES };

static const struct direction directions[] = {
    {.code = "DRH", .label = "Ressources humaines"},
    {.code = "DSN", .label = "Numérique"},
};

static const struct service services[SERVICES] = {
    [CHATGPT] = {.id = "chatgpt-web",
                 .label = "ChatGPT",
                 .label_fr = "Causette",
                 .provider = "openai",
                 .model = "openai/gpt-4o"},
    [MISTRAL] = {.id = "mistral-web",
                 .label = "Le Chat",
                 .provider = "mistral",
                 .model = "mistralai/mistral-large-latest",
                 .method = SERVICE_METHOD_B},
    [PICTURES] = {.id = "pictures", .label = "Images"}, /* no impact estimate */
    [CLAUDE] = {.id = "claude-web",
                .label = "Claude",
                .provider = "anthropic",
                .model = "anthropic/claude-opus-4-5"},
};

#define SMALL "huggingface_hub/meta-llama/Meta-Llama-3.1-8B-Instruct"

static int set_up(void **state)
{
    static struct world world;

    world_open(&world, directions, DIRECTIONS, services, SERVICES);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    world_close(*state);
    return 0;
}

/* REQUESTS of one pair in the first minute after noon, by DEVICES that day, as the meter would
 * record them. EXCHANGE_SIGMA is of the tokens of one of them. */
static void use_scattered(struct world *world, uint16_t direction, uint16_t service,
                          double requests, uint32_t devices, double exchange_sigma)
{
    const struct activity activity = {
        .grade = GRADE_C,
        .requests = {requests * 0.9, requests, requests * 1.1},
        .tokens_in = {requests * 20, requests * 100, requests * 300},
        .tokens_out = {requests * 100, requests * 300, requests * 600},
        .tokens_out_variance = requests * (300 * exchange_sigma) * (300 * exchange_sigma),
        .images = {0, requests, 2 * requests},
    };
    const struct world_pair pair = world_pair(world, NOON, direction, service, devices);
    struct impact impact;
    bool known = world_impact(world, world->config->factors, service, NOON, &activity, &impact);

    world_record(world, &pair, &activity, known ? &impact : NULL);
}

static void use(struct world *world, uint16_t direction, uint16_t service, double requests,
                uint32_t devices)
{
    use_scattered(world, direction, service, requests, devices, 0);
}

static void make_report(struct world *world)
{
    world_report(world, "2026-10", LATER);
}

/* All pairs but those with Claude, which is not used. */
static void use_most(struct world *world)
{
    for (uint16_t direction = DRH; direction <= DSN; direction++)
        for (uint16_t service = 0; service < CLAUDE; service++)
            use(world, direction, service, 100.0 * direction + 10 * service + 1, MANY);
    make_report(world);
}

/* Of all pairs of DRH, of Mistral in DSN, where too few devices use the others. */
static void use_some(struct world *world)
{
    use(world, DRH, CHATGPT, 100, MANY);
    use(world, DRH, MISTRAL, 50, MANY);
    use(world, DSN, MISTRAL, 60, MANY);
    use(world, DSN, CHATGPT, 7, FEW);
    use(world, DSN, CLAUDE, 9, FEW);
    use(world, DRH, CLAUDE, 11, FEW);
    use(world, 0, CHATGPT, 13, WORLD_THRESHOLD);
    make_report(world);
}

/* "--move X=Y:50% --model Z", as on a command line, of one direction or all. */
static enum whatif_status ask_of(struct world *world, const char *direction, const char *words,
                                 struct whatif **out, char error[400])
{
    static const char *const kinds[WHATIF_KINDS] = {"--move",   "--model",  "--provider", "--zone",
                                                    "--method", "--reduce", "--shorter"};
    struct whatif_change changes[CHANGES];
    struct whatif_query query = {direction, changes, 0};
    char *copy = strdup(words);
    char *rest = NULL;
    enum whatif_status status;

    error[0] = '\0';
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        int kind = 0;

        assert_true(query.change_count < CHANGES);
        while (strcmp(word, kinds[kind]) != 0)
            assert_true(++kind < WHATIF_KINDS);
        changes[query.change_count++] =
            (struct whatif_change){(enum whatif_kind)kind, strtok_r(NULL, " ", &rest)};
    }
    status = whatif_build(world->ledger, world->report, &query, out, error, 400);
    free(copy); /* the answer does not need the words */
    return status;
}

static struct whatif *answer_of(struct world *world, const char *direction, const char *words)
{
    struct whatif *whatif;
    char error[400];
    enum whatif_status status = ask_of(world, direction, words, &whatif, error);

    assert_string_equal(error[0] && status == WHATIF_OK ? "" : error, "");
    assert_int_equal(status, WHATIF_OK);
    return whatif;
}

static struct whatif *answer(struct world *world, const char *words)
{
    return answer_of(world, NULL, words);
}

static void assert_same_triple(struct triple actual, struct triple expected)
{
    assert_close(actual.low, expected.low);
    assert_close(actual.central, expected.central);
    assert_close(actual.high, expected.high);
}

static const struct whatif_row *row_of(const struct whatif *whatif, const char *service)
{
    for (size_t i = 0; i < whatif->service_count; i++)
        if (strcmp(whatif->services[i].id, service) == 0)
            return &whatif->services[i];
    fail_msg("no row %s", service);
    return NULL;
}

/* ---- Differences ---- */

static void assert_no_difference(struct world *world, const char *words)
{
    struct whatif *whatif = answer(world, words);

    for (int i = MONTH_ENERGY; i <= MONTH_ADPE; i++) {
        struct triple difference = whatif_change_of(&whatif->total, (enum month_indicator)i);

        assert_true(difference.low == 0 && difference.central == 0 && difference.high == 0);
        assert_int_equal(whatif_verdict_of(difference), WHATIF_SAME);
        assert_same_triple(month_value(&whatif->total.after, (enum month_indicator)i),
                           month_value(&whatif->total.before, (enum month_indicator)i));
    }
    whatif_free(whatif);
}

static void what_is_the_same_makes_no_difference(void **state)
{
    struct world *world = *state;

    use_most(world);
    assert_no_difference(world, "--reduce all:0%");
    assert_no_difference(world, "--move chatgpt-web=local:0% --model " SMALL);
    assert_no_difference(world, "--move chatgpt-web=chatgpt-web:100%");
    assert_no_difference(world, "--move chatgpt-web=chatgpt-web:33.3% --move "
                                "chatgpt-web=chatgpt-web:66,7%");
    assert_no_difference(world, "--model chatgpt-web=openai/gpt-4o");
    assert_no_difference(world, "--zone chatgpt-web=USA --method chatgpt-web=A");
    assert_no_difference(world, "--provider mistral-web=mistral");
}

static void half_moves_half(void **state)
{
    struct world *world = *state;
    struct whatif *all, *half;

    use_most(world);
    all = answer(world, "--move chatgpt-web=local:100% --model " SMALL);
    half = answer(world, "--move chatgpt-web=local:50% --model " SMALL);
    for (int i = MONTH_ENERGY; i <= MONTH_ADPE; i++) {
        enum month_indicator indicator = (enum month_indicator)i;

        assert_same_triple(triple_scale(whatif_change_of(&half->total, indicator), 2),
                           whatif_change_of(&all->total, indicator));
        assert_close(2 * whatif_relative(&half->total, indicator),
                     whatif_relative(&all->total, indicator));
        assert_true(whatif_change_of(&all->total, indicator).central != 0);
    }
    whatif_free(all);
    whatif_free(half);
}

/* After - before, of the central values, is the difference; by service, direction and in all. */
static void differences_are_those_of_the_sums(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;

    use_most(world);
    whatif =
        answer(world, "--move chatgpt-web=mistral-web:40% --move mistral-web=local:10% --model "
                      "local=" SMALL " --reduce all:10% --shorter chatgpt-web:5%");
    for (int i = MONTH_ENERGY; i <= MONTH_ADPE; i++) {
        enum month_indicator indicator = (enum month_indicator)i;
        const struct whatif_sum *total = &whatif->total;
        double before = month_value(&total->before, indicator).central;
        double services_sum = 0, directions_sum = 0;

        assert_true(fabs(whatif_change_of(total, indicator).central -
                         (month_value(&total->after, indicator).central - before)) <
                    TOLERANCE * before);
        assert_close(whatif_relative(total, indicator),
                     whatif_change_of(total, indicator).central / before);
        for (size_t j = 0; j < whatif->service_count; j++)
            services_sum += whatif_change_of(&whatif->services[j].sum, indicator).low;
        for (size_t j = 0; j < whatif->direction_count; j++)
            directions_sum += whatif_change_of(&whatif->directions[j].sum, indicator).low;
        assert_close(services_sum, whatif_change_of(total, indicator).low);
        assert_close(directions_sum, whatif_change_of(total, indicator).low);
    }
    whatif_free(whatif);
}

/* A fifth less is a fifth of the band, and a ratio without any doubt. */
static void fewer_requests_are_a_part_of_the_band(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;

    use_most(world);
    whatif = answer(world, "--reduce mistral-web:20%");
    for (int i = MONTH_ENERGY; i <= MONTH_ADPE; i++) {
        enum month_indicator indicator = (enum month_indicator)i;
        const struct whatif_sum *sum = &row_of(whatif, "mistral-web")->sum;
        struct triple band = month_value(&sum->before, indicator);
        struct triple less = whatif_change_of(sum, indicator);

        assert_close(less.central, -0.2 * band.central);
        assert_close(whatif_relative(sum, indicator), -0.2);
        /* The others are sums of two bands, or have a part that the fit does not move. */
        if (indicator == MONTH_GWP || indicator == MONTH_ADPE)
            continue;
        assert_same_triple(less, (struct triple){-0.2 * band.high, less.central, -0.2 * band.low});
    }
    assert_int_equal(whatif_verdict_of(whatif_change_of(&whatif->total, MONTH_ENERGY)),
                     WHATIF_LESS);
    whatif_free(whatif);
}

static void shorter_answers_cost_less_where_output_does(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    const struct whatif_sum *sum;

    use_most(world);
    whatif = answer(world, "--shorter chatgpt-web:30%");
    sum = &row_of(whatif, "chatgpt-web")->sum;
    assert_same_triple(sum->after.activity.requests, sum->before.activity.requests);
    assert_same_triple(sum->after.activity.tokens_in, sum->before.activity.tokens_in);
    assert_same_triple(sum->after.activity.tokens_out,
                       triple_scale(sum->before.activity.tokens_out, 0.7));
    /* Method A: the output alone counts, but for the wait for the first token. */
    assert_in_range(-1000 * whatif_relative(sum, MONTH_ENERGY), 250, 300);
    whatif_free(whatif);
}

/* Of the same machines and the same activity: only what the zone is known for. */
static void another_zone_is_a_ratio_of_two_factors(void **state)
{
    struct world *world = *state;
    const struct factors *factors = world->config->factors;
    double ratio = factors_zone(factors, "FRA")->gwp_kgco2e_per_kwh /
                   factors_zone(factors, "USA")->gwp_kgco2e_per_kwh;
    struct whatif *whatif;
    const struct whatif_sum *sum;

    use_most(world);
    whatif = answer(world, "--zone chatgpt-web=FRA");
    sum = &row_of(whatif, "chatgpt-web")->sum;
    assert_close(whatif_relative(sum, MONTH_GWP_USE), ratio - 1);
    assert_same_triple(whatif_change_of(sum, MONTH_ENERGY), triple_exact(0));
    assert_same_triple(whatif_change_of(sum, MONTH_GWP_EMBODIED), triple_exact(0));
    assert_int_equal(whatif_verdict_of(whatif_change_of(sum, MONTH_GWP)), WHATIF_LESS);
    assert_same_triple(whatif_change_of(&row_of(whatif, "mistral-web")->sum, MONTH_GWP),
                       triple_exact(0));
    whatif_free(whatif);
}

/* Two models of one size are not told apart; one that is much smaller is. */
static void what_cannot_be_told_is_undecided(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    struct triple difference;

    use_most(world);
    whatif = answer(world, "--model mistral-web=mistralai/mistral-large-2411");
    difference = whatif_change_of(&whatif->total, MONTH_ENERGY);
    assert_int_equal(whatif_verdict_of(difference), WHATIF_UNSURE);
    whatif_free(whatif);
    whatif = answer(world, "--model mistral-web=" SMALL);
    assert_int_equal(whatif_verdict_of(whatif_change_of(&whatif->total, MONTH_ENERGY)),
                     WHATIF_LESS);
    assert_false(whatif->methods_differ);
    whatif_free(whatif);
}

/* By hand: method B's energy of 100 requests on our own host, for the central values. */
static void a_host_of_our_own_is_computed_by_method_b(void **state)
{
    struct world *world = *state;
    const struct factors *factors = world->config->factors;
    const struct method_b *b = factors_method_b(factors);
    const struct model_factors *model = factors_model_named(factors, SMALL);
    const struct provider_factors *local = factors_provider(factors, "local");
    double size = model->total_parameters_b.min;
    double joules, it_kwh;
    struct whatif *whatif;
    const struct whatif_row *row;

    assert_true(size == model->total_parameters_b.max && size == model->active_parameters_b.max);
    use_some(world);
    whatif = answer_of(world, "DRH", "--move chatgpt-web=local:50% --model " SMALL);
    row = row_of(whatif, "chatgpt-web");
    joules = exp(b->intercept + (b->active_exponent + b->total_exponent) * log(size) +
                 b->batch_exponent * log(b->batch_size.central) +
                 b->batch_curvature * pow(log(b->batch_size.central), 2));
    it_kwh = 50 * (300 + b->input_weight.central * 100) * joules / 3.6e6 *
             (1 + b->host_share + b->idle_share);
    assert_int_equal(row->use_count, 3);
    assert_true(row->uses[1].is_after && row->uses[1].is_moved);
    assert_string_equal(row->uses[1].machine->id, "local");
    assert_close(row->uses[1].totals.impact.energy_kwh.central,
                 it_kwh * sqrt(local->pue.min * local->pue.max));
    assert_close(row->uses[1].totals.impact.gwp_use_kgco2e.central,
                 row->uses[1].totals.impact.energy_kwh.central *
                     factors_zone(factors, "FRA")->gwp_kgco2e_per_kwh);
    assert_true(whatif->methods_differ);
    assert_string_equal(row->uses[2].machine->id, "chatgpt-web");
    assert_close(2 * row->uses[2].totals.impact.energy_kwh.central,
                 row->uses[0].totals.impact.energy_kwh.central);
    whatif_free(whatif);
}

/* What differs by the method alone is nothing with one method on both sides. */
static void one_method_on_both_sides_is_told_beside(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;

    use_most(world);
    whatif = answer(world, "--method chatgpt-web=B");
    assert_true(whatif->methods_differ);
    assert_true(whatif_change_of(&whatif->total, MONTH_ENERGY).central != 0);
    for (int i = 0; i < 2; i++)
        assert_same_triple(whatif_change_of(&whatif->variants[i], MONTH_ENERGY), triple_exact(0));
    whatif_free(whatif);
}

/* On site WUE, off site EWIF of either count: to France, the water of the energy alone differs. */
static void french_water_is_told_by_both_counts(void **state)
{
    struct world *world = *state;
    const struct factors *factors = world->config->factors;
    double more = factors_zone(factors, "FRA")->ewif_l_per_kwh -
                  factors_zone(factors, "FRA-EDF")->ewif_l_per_kwh;
    struct whatif *whatif;

    use_most(world);
    whatif = answer(world, "--method chatgpt-web=B --shorter chatgpt-web:50%");
    assert_null(whatif->other_water);
    whatif_free(whatif);
    whatif = answer(world, "--method chatgpt-web=B --zone chatgpt-web=FRA");
    assert_string_equal(whatif->other_water->id, "FRA-EDF");
    assert_close(whatif_change_of(&whatif->total, MONTH_WATER).central -
                     whatif_change_of(&whatif->variants[WHATIF_OTHER_WATER], MONTH_WATER).central,
                 more * row_of(whatif, "chatgpt-web")->sum.after.impact.energy_kwh.central);
    assert_same_triple(whatif_change_of(&whatif->variants[WHATIF_OTHER_WATER], MONTH_ENERGY),
                       whatif_change_of(&whatif->total, MONTH_ENERGY));
    whatif_free(whatif);
}

/* ---- Activity ---- */

static void requests_and_tokens_are_conserved(void **state)
{
    static const enum month_indicator kept[] = {MONTH_REQUESTS, MONTH_TOKENS_IN, MONTH_TOKENS_OUT};
    struct world *world = *state;
    struct whatif *whatif;

    use_most(world);
    whatif = answer(world,
                    "--move chatgpt-web=mistral-web:30% --move chatgpt-web=local:20% --model " SMALL
                    " --move mistral-web=chatgpt-web:70%");
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const struct whatif_row *row = row_of(whatif, "chatgpt-web");
        struct triple sum = triple_exact(0);

        assert_same_triple(month_value(&whatif->total.before, kept[i]),
                           month_value(&world->report->total, kept[i]));
        assert_same_triple(month_value(&whatif->total.after, kept[i]),
                           month_value(&whatif->total.before, kept[i]));
        for (size_t j = 0; j < row->use_count; j++)
            if (row->uses[j].is_after)
                sum = triple_add(sum, month_value(&row->uses[j].totals, kept[i]));
        assert_same_triple(sum, month_value(&row->sum.before, kept[i]));
        assert_close(month_value(&row->uses[1].totals, kept[i]).central,
                     0.3 * month_value(&row->sum.before, kept[i]).central);
    }
    whatif_free(whatif);
}

static void the_order_of_changes_does_not_matter(void **state)
{
    struct world *world = *state;
    struct whatif *one, *other;

    use_most(world);
    one = answer(world, "--move chatgpt-web=local:30% --model " SMALL " --reduce chatgpt-web:20% "
                        "--shorter all:10% --move mistral-web=chatgpt-web:50% --zone "
                        "chatgpt-web=FRA");
    other = answer(world, "--zone chatgpt-web=FRA --move mistral-web=chatgpt-web:50% --shorter "
                          "all:10% --reduce chatgpt-web:20% --model local=" SMALL
                          " --move chatgpt-web=local:30%");
    for (int i = 0; i <= MONTH_ADPE; i++)
        assert_same_triple(month_value(&one->total.after, (enum month_indicator)i),
                           month_value(&other->total.after, (enum month_indicator)i));
    for (int i = MONTH_ENERGY; i <= MONTH_ADPE; i++)
        assert_same_triple(whatif_change_of(&one->total, (enum month_indicator)i),
                           whatif_change_of(&other->total, (enum month_indicator)i));
    /* Shares are of what was asked at first: 0.8 * 0.3 of ChatGPT's, and of it alone. */
    assert_close(row_of(one, "chatgpt-web")->uses[1].totals.activity.requests.central,
                 0.8 * 0.3 * row_of(one, "chatgpt-web")->sum.before.activity.requests.central);
    /* What is no text goes with the requests. */
    assert_close(one->total.after.activity.images.central,
                 one->total.after.activity.requests.central);
    whatif_free(one);
    whatif_free(other);
}

static void what_has_no_estimate_is_reduced_but_not_moved(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    const struct whatif_sum *sum;

    use_most(world);
    whatif = answer(world, "--reduce all:25%");
    sum = &row_of(whatif, "pictures")->sum;
    assert_same_triple(sum->after.requests_without_impact,
                       triple_scale(sum->before.requests_without_impact, 0.75));
    assert_true(sum->before.requests_without_impact.central > 0);
    assert_true(sum->after.impact.energy_kwh.high == 0);
    assert_close(whatif_relative(&whatif->total, MONTH_ENERGY), -0.25);
    assert_true(isnan(whatif_relative(sum, MONTH_ENERGY)));
    whatif_free(whatif);
}

/* Also where others are moved to it, and it has a model for them. */
static void what_has_no_estimate_gets_none(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    const struct whatif_sum *sum;

    use_most(world);
    whatif = answer(world, "--move chatgpt-web=pictures:50% --model " SMALL
                           " --provider pictures=france-hosting");
    sum = &row_of(whatif, "pictures")->sum;
    assert_true(sum->before.requests_without_impact.central > 0);
    assert_same_triple(sum->after.requests_without_impact, sum->before.requests_without_impact);
    assert_true(sum->after.impact.energy_kwh.high == 0);
    assert_true(whatif_change_of(&row_of(whatif, "chatgpt-web")->sum, MONTH_ENERGY).central < 0);
    whatif_free(whatif);
}

/* The mix of the month, not of another one, and every model of it. */
static void a_mix_by_date_is_that_of_the_month(void **state)
{
    const struct mix mixes[] = {{.from_day = INT64_MIN,
                                 .until_day = OCTOBER / DAY_S + 1,
                                 .count = 1,
                                 .parts = {{"openai/gpt-4", 1}}},
                                {.from_day = OCTOBER / DAY_S + 1,
                                 .until_day = INT64_MAX,
                                 .count = 2,
                                 .parts = {{"openai/gpt-4o", 0.75}, {"openai/gpt-4o-mini", 0.25}}}};
    struct world *world = *state;
    struct whatif *whatif;
    const struct whatif_row *row;
    double to_small, to_large;

    assert_true(catalogue_set_mixes(world->config->catalogue, CHATGPT, mixes, 2));
    use_most(world);
    whatif = answer(world, "--model chatgpt-web=openai/gpt-4o-mini");
    row = row_of(whatif, "chatgpt-web");
    assert_int_equal(row->uses[0].mix->count, 2);
    assert_int_equal(row->uses[1].mix->count, 1);
    /* As recorded with the mix. */
    assert_same_triple(whatif->total.before.impact.energy_kwh,
                       world->report->total.impact.energy_kwh);
    to_small = whatif_change_of(&row->sum, MONTH_ENERGY).central;
    assert_true(to_small < 0);
    whatif_free(whatif);
    /* Three quarters change to the small one, or one quarter to the large one. */
    whatif = answer(world, "--model chatgpt-web=openai/gpt-4o");
    to_large = whatif_change_of(&row_of(whatif, "chatgpt-web")->sum, MONTH_ENERGY).central;
    assert_true(fabs(to_small + 3 * to_large) < TOLERANCE);
    whatif_free(whatif);
    whatif = answer(world, "--zone chatgpt-web=FRA");
    assert_int_equal(row_of(whatif, "chatgpt-web")->uses[1].mix->count, 2);
    whatif_free(whatif);
}

/* ---- What single exchanges differ by ---- */

/* At the end of a range, in logarithms, of a SHARE of exchanges: log-normal. */
static double reach_of(const struct world *world, double sigma, double share)
{
    return sqrt(log(1 + (exp(sigma * sigma) - 1) / share)) *
           factors_uncertainty(world->config->factors)->range_sigmas / 2;
}

/* END of a band that is a factor exp(REACH) wider, both combined in logarithms. */
static double widened(double central, double end, double reach)
{
    double both = hypot(log(end / central), reach);

    return end > central ? central * exp(both) : central * exp(-both);
}

/* Of 100 exchanges of 0.5, a twentieth; of a fifth of them, more. */
static void single_exchanges_count(void **state)
{
    struct world *world = *state;
    const struct whatif_sum *sum;
    struct triple band, less;
    struct whatif *whatif;
    double reach;

    use_scattered(world, DRH, MISTRAL, 100, MANY, 0.5);
    make_report(world);
    assert_close(month_random_sigma(&world->report->total, world->config->factors), 0.05);
    whatif = answer(world, "--reduce mistral-web:20%");
    sum = &whatif->total;
    band = month_value(&sum->before, MONTH_ENERGY);
    less = whatif_change_of(sum, MONTH_ENERGY);
    reach = reach_of(world, 0.05, 0.2);
    assert_close(less.low, -0.2 * widened(band.central, band.high, reach));
    assert_close(less.central, -0.2 * band.central);
    assert_close(less.high, -0.2 * widened(band.central, band.low, reach));
    assert_close(month_random_sigma(&sum->before, world->config->factors), 0.05);
    assert_close(month_random_sigma(&sum->after, world->config->factors), 0.05 / sqrt(0.8));
    whatif_free(whatif);
}

/* One exchange of 100, and less than one: the share may be as small as it likes, its band stays
 * that of one exchange in proportion. */
static void small_shares_stay_sane(void **state)
{
    static const struct {
        const char *move;
        const char *reduce;
        double share;
    } asked[] = {{"--move mistral-web=chatgpt-web:1%", "--reduce mistral-web:1%", 0.01},
                 {"--move mistral-web=chatgpt-web:0.01%", "--reduce mistral-web:0.01%", 0.0001}};
    struct world *world = *state;
    double reach;

    use_scattered(world, DRH, MISTRAL, 100, MANY, 3);
    make_report(world);
    reach = reach_of(world, 0.3, 0.01);
    for (size_t i = 0; i < 2; i++) {
        struct whatif *whatif = answer(world, asked[i].reduce);
        struct triple band = month_value(&whatif->total.before, MONTH_ENERGY);
        struct triple change = whatif_change_of(&whatif->total, MONTH_ENERGY);

        assert_close(change.low, -asked[i].share * widened(band.central, band.high, reach));
        assert_close(change.high, -asked[i].share * widened(band.central, band.low, reach));
        whatif_free(whatif);
        whatif = answer(world, asked[i].move);
        change = whatif_change_of(&whatif->total, MONTH_ENERGY);
        assert_true(-change.low < 100 * asked[i].share * band.high);
        whatif_free(whatif);
    }
}

/* What is folded, too: of five exchanges, less than one. */
static void small_shares_of_what_is_folded_stay_sane(void **state)
{
    struct world *world = *state;
    const struct month_row *other;
    struct whatif *whatif;
    struct triple energy;
    double reach;

    use(world, DRH, MISTRAL, 60, MANY);
    use(world, DRH, CHATGPT, 2, FEW);
    use(world, DSN, CHATGPT, 3, WORLD_THRESHOLD);
    make_report(world);
    assert_int_equal(world->report->suppressed, SUPPRESS_MERGED);
    other = &world->report->directions.rows[world->report->directions.count - 1];
    energy = month_value(&other->totals, MONTH_ENERGY);
    reach = reach_of(world, month_random_sigma(&other->totals, world->config->factors), 0.2);
    assert_true(reach > 0);
    whatif = answer(world, "--reduce all:0.01%");
    assert_close(whatif_change_of(&whatif->folded, MONTH_ENERGY).low,
                 -0.0001 * widened(energy.central, energy.high, reach));
    whatif_free(whatif);
}

/* Half as many exchanges scatter by the square root of two more, folded or not. */
static void fewer_of_what_is_folded_scatter_more(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;

    use_some(world);
    whatif = answer(world, "--reduce all:50%");
    assert_true(whatif->has_folded);
    assert_close(month_random_sigma(&whatif->folded.after, world->config->factors),
                 M_SQRT2 * month_random_sigma(&whatif->folded.before, world->config->factors));
    assert_close(month_random_sigma(&whatif->total.after, world->config->factors),
                 M_SQRT2 * month_random_sigma(&whatif->total.before, world->config->factors));
    whatif_free(whatif);
}

/* The band end to end, what exchanges add by squares: of four alike, twice that of one. */
static void exchanges_of_pairs_are_independent(void **state)
{
    struct world *world = *state;
    struct whatif *one, *four;
    const struct whatif_difference *sum;

    use_scattered(world, DRH, MISTRAL, 100, MANY, 0.5);
    use_scattered(world, DRH, CHATGPT, 100, MANY, 0.5);
    make_report(world);
    one = answer(world, "--reduce all:20%");
    sum = &one->total.difference;
    assert_true(sum->random_below[0] > 0 && sum->random_above[0] > 0);
    assert_close(sum->random_below[0], one->services[0].sum.difference.random_below[0] +
                                           one->services[1].sum.difference.random_below[0]);
    assert_close(whatif_change_of(&one->total, MONTH_ENERGY).low,
                 sum->difference[0].central -
                     sqrt((sum->difference[0].central - sum->difference[0].low) *
                              (sum->difference[0].central - sum->difference[0].low) +
                          sum->random_below[0]));
    use_scattered(world, DSN, MISTRAL, 100, MANY, 0.5);
    use_scattered(world, DSN, CHATGPT, 100, MANY, 0.5);
    make_report(world);
    four = answer(world, "--reduce all:20%");
    assert_close(four->total.difference.difference[0].low, 2 * sum->difference[0].low);
    assert_close(four->total.difference.random_below[0], 2 * sum->random_below[0]);
    whatif_free(one);
    whatif_free(four);
}

/* The same exchanges are on both sides: a move to another place of the same model is as sure as
 * without them, in proportion; and where tokens were counted, there are none. */
static void the_same_exchanges_are_on_both_sides(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    struct triple ratio;

    use_scattered(world, DRH, MISTRAL, 100, MANY, 0.5);
    make_report(world);
    whatif = answer(world, "--zone mistral-web=FRA");
    ratio = whatif->total.difference.proportional[MONTH_GWP_USE - MONTH_ENERGY];
    assert_close(ratio.low, ratio.high);
    assert_true(whatif->total.difference.random_below[MONTH_GWP_USE - MONTH_ENERGY] > 0);
    assert_true(whatif->total.difference.random_below[MONTH_ENERGY - MONTH_ENERGY] == 0);
    whatif_free(whatif);
}

/* ---- Small cells ---- */

static void what_is_folded_stays_as_it_was(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    const struct month_row *other;
    struct triple gwp;
    double reach;

    use_some(world);
    assert_int_equal(world->report->suppressed, SUPPRESS_MERGED);
    other = &world->report->directions.rows[world->report->directions.count - 1];
    whatif = answer(world, "--move chatgpt-web=local:100% --model " SMALL);
    assert_true(whatif->has_folded);
    assert_memory_equal(&whatif->folded.after.impact, &other->totals.impact, sizeof(struct impact));
    assert_same_triple(whatif_change_of(&whatif->folded, MONTH_ENERGY), triple_exact(0));
    /* Of the shown pairs alone. */
    assert_close(row_of(whatif, "chatgpt-web")->sum.before.activity.requests.central, 100);
    assert_same_triple(month_value(&whatif->total.before, MONTH_REQUESTS),
                       month_value(&world->report->total, MONTH_REQUESTS));
    assert_same_triple(whatif->recorded.impact.energy_kwh, world->report->total.impact.energy_kwh);
    whatif_free(whatif);
    whatif = answer(world, "--reduce all:20%");
    /* What is recorded of single exchanges is not told of it: the rule stands for that. */
    gwp = month_value(&other->totals, MONTH_GWP);
    reach = reach_of(world, month_random_sigma(&other->totals, world->config->factors), 0.2);
    assert_true(reach > 0);
    assert_same_triple(whatif_change_of(&whatif->folded, MONTH_GWP),
                       (struct triple){-0.2 * widened(gwp.central, gwp.high, reach),
                                       -0.2 * gwp.central,
                                       -0.2 * widened(gwp.central, gwp.low, reach)});
    assert_same_triple(whatif->folded.difference.difference[MONTH_GWP - MONTH_ENERGY],
                       (struct triple){-0.2 * gwp.high, -0.2 * gwp.central, -0.2 * gwp.low});
    assert_close(whatif_relative(&whatif->total, MONTH_WATER), -0.2);
    assert_same_triple(whatif->total.after.activity.requests,
                       triple_scale(world->report->total.activity.requests, 0.8));
    whatif_free(whatif);
}

static void one_direction_is_its_row_of_all(void **state)
{
    struct world *world = *state;
    struct whatif *all, *one;

    use_some(world);
    all = answer(world, "--reduce mistral-web:50%");
    one = answer_of(world, "DSN", "--reduce mistral-web:50%");
    for (size_t i = 0; i < all->direction_count; i++)
        if (strcmp(all->directions[i].id, "DSN") == 0)
            assert_memory_equal(&all->directions[i].sum, &one->total, sizeof(one->total));
    assert_false(one->has_folded);
    assert_close(one->recorded.activity.requests.central, 60);
    assert_close(one->total.after.activity.requests.central, 30);
    whatif_free(all);
    whatif_free(one);
}

/* ---- What is refused ---- */

static void assert_refused_of(struct world *world, const char *direction, const char *words,
                              enum whatif_status expected, const char *fragment)
{
    struct whatif *whatif;
    char error[400];
    enum whatif_status status = ask_of(world, direction, words, &whatif, error);

    if (status != expected || !strstr(error, fragment) || strchr(error, '\n'))
        fail_msg("%s: %d, \"%s\" without \"%s\"", words, status, error, fragment);
    assert_null(whatif);
}

static void bad_changes_are_told(void **state)
{
    static const struct {
        const char *words;
        const char *fragment;
    } bad[] = {
        {"", "needs a change"},
        {"--move chatgpt-web", "SERVICE=TARGET:SHARE%"},
        {"--move chatgpt-web=local", "SERVICE=TARGET:SHARE%"},
        {"--move =local:5%", "SERVICE=TARGET:SHARE%"},
        {"--move chatgpt-web=:5%", "SERVICE=TARGET:SHARE%"},
        {"--move chatgpt-web=local:", "share"},
        {"--move chatgpt-web=local:50", "share"},
        {"--move chatgpt-web=local:%", "share"},
        {"--move chatgpt-web=local:101%", "share"},
        {"--move chatgpt-web=local:-1%", "share"},
        {"--move chatgpt-web=local:nan%", "share"},
        {"--move chatgpt-web=local:inf%", "share"},
        {"--move chatgpt-web=local:1e1%", "share"},
        {"--move chatgpt-web=local:0x10%", "share"},
        {"--move chatgpt-web=local:1.2.3%", "share"},
        {"--move chatgpt-web=local:.%", "share"},
        {"--move chatgpt-web=local:50%%", "share"},
        {"--move nobody=local:50%", "no service \"nobody\""},
        {"--move chatgpt-web=nobody:50%", "no service \"nobody\""},
        {"--move chatgpt-web=local:60% --move chatgpt-web=mistral-web:41%", "more than 100%"},
        {"--move chatgpt-web=local:50%", "which model?"},
        {"--move chatgpt-web=local:50% --model local=nobody/knows", "models.conf"},
        {"--move chatgpt-web=local:50% --model gpt-4o", "models.conf"},
        {"--move chatgpt-web=pictures:50%", "--model pictures=PROVIDER/NAME"},
        {"--move chatgpt-web=pictures:50% --model " SMALL, "providers.conf"},
        {"--model " SMALL, "no --move stands before it"},
        {"--model local=" SMALL, "nothing is moved to local"},
        {"--model chatgpt-web=" SMALL " --model chatgpt-web=openai/gpt-4o", "twice"},
        {"--zone chatgpt-web=ATL", "zones.conf"},
        {"--zone FRA", "names no service"},
        {"--provider chatgpt-web=nobody", "providers.conf"},
        {"--method chatgpt-web=C", "neither A nor B"},
        {"--reduce chatgpt-web", "SERVICE:SHARE%"},
        {"--reduce chatgpt-web:200%", "share"},
        {"--reduce nobody:20%", "no service \"nobody\""},
        {"--shorter nobody:20%", "no service \"nobody\""},
    };
    struct world *world = *state;

    use_most(world);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused_of(world, NULL, bad[i].words, WHATIF_USAGE, bad[i].fragment);
    assert_refused_of(world, "NOBODY", "--reduce all:1%", WHATIF_USAGE, "no direction \"NOBODY\"");
}

static void what_has_nothing_to_compare_is_told(void **state)
{
    struct world *world = *state;

    use_most(world);
    assert_refused_of(world, NULL, "--move pictures=chatgpt-web:50%", WHATIF_NOTHING,
                      "pictures has no impact estimate");
    assert_refused_of(world, NULL, "--reduce pictures:50%", WHATIF_NOTHING,
                      "pictures has no impact estimate");
    assert_refused_of(world, NULL, "--move claude-web=chatgpt-web:50%", WHATIF_NOTHING,
                      "no figure of its own for claude-web");
    assert_refused_of(world, NULL, "--zone claude-web=FRA", WHATIF_NOTHING,
                      "no figure of its own for claude-web");
    /* But it may be where something goes to, elsewhere than it is. */
    whatif_free(answer(world, "--move chatgpt-web=claude-web:50% --zone claude-web=FRA"));
}

/* The same words of what is folded and of what was never used. */
static void what_is_folded_is_not_told_from_no_use(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    char folded[400], unused[400];

    use_some(world);
    assert_int_equal(ask_of(world, NULL, "--reduce claude-web:20%", &whatif, folded),
                     WHATIF_NOTHING);
    assert_int_equal(ask_of(world, NULL, "--reduce pictures:20%", &whatif, unused), WHATIF_NOTHING);
    assert_int_equal(strlen(folded) - strlen("claude-web"), strlen(unused) - strlen("pictures"));
    assert_refused_of(world, "DSN", "--reduce chatgpt-web:20%", WHATIF_NOTHING,
                      "no figure of its own for chatgpt-web in DSN");
    assert_refused_of(world, "unassigned", "--reduce all:20%", WHATIF_NOTHING, "unassigned");
    assert_refused_of(world, "other", "--reduce all:20%", WHATIF_USAGE, "no direction");
}

static void of_too_few_devices_nothing_is_told(void **state)
{
    struct world *world = *state;

    use(world, DRH, CHATGPT, 7, FEW);
    make_report(world);
    assert_true(world->report->withheld);
    assert_refused_of(world, NULL, "--reduce all:20%", WHATIF_NOTHING, "with 5 devices on one day");
}

/* Enough in all, but nothing that may be shown by itself. */
static void a_total_alone_takes_fewer_requests_alone(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;

    use(world, DRH, CHATGPT, 7, WORLD_THRESHOLD);
    use(world, DSN, MISTRAL, 9, 4);
    make_report(world);
    assert_int_equal(world->report->suppressed, SUPPRESS_ALL);
    assert_refused_of(world, NULL, "--shorter all:20%", WHATIF_NOTHING, "no figure of its own");
    assert_refused_of(world, NULL, "--reduce chatgpt-web:20%", WHATIF_NOTHING,
                      "no figure of its own");
    whatif = answer(world, "--reduce all:20%");
    assert_close(whatif_relative(&whatif->total, MONTH_ENERGY), -0.2);
    assert_close(whatif->total.before.activity.requests.central, 16);
    whatif_free(whatif);
}

/* ---- Writing ---- */

enum format { TEXT_FR, TEXT_EN, JSON, TSV, FORMATS };

static char *written(const struct whatif *whatif, enum format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (format == JSON)
        assert_true(whatif_write_json(whatif, stream));
    else if (format == TSV)
        assert_true(whatif_write_tsv(whatif, stream));
    else
        assert_true(
            whatif_write_text(whatif, format == TEXT_FR ? LANGUAGE_FR : LANGUAGE_EN, stream));
    fclose(stream);
    readable_assert(text, format != TSV && format != JSON);
    return text;
}

static void assert_written(const struct whatif *whatif, enum format format, const char *words)
{
    char *text = written(whatif, format);

    if (!strstr(text, words))
        fail_msg("\"%s\" is not in format %d:\n%s", words, format, text);
    free(text);
}

/* In micrograms, of which there are some hundreds. */
static void assert_antimony(const struct whatif *whatif)
{
    const struct triple before = month_value(&whatif->total.before, MONTH_ADPE);
    char words[200];

    snprintf(words, sizeof(words),
             " (µgSbeq)\n  recorded    %.1f (%.1f to %.1f)\n  recomputed  %.1f (%.1f to %.1f)\n",
             1e9 * before.central, 1e9 * before.low, 1e9 * before.high, 1e9 * before.central,
             1e9 * before.low, 1e9 * before.high);
    assert_written(whatif, TEXT_EN, words);
    snprintf(words, sizeof(words), "\n  difference  %.1f (",
             1e9 * whatif_change_of(&whatif->total, MONTH_ADPE).central);
    assert_written(whatif, TEXT_EN, words);
}

static void texts_say_what_matters(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;

    use_some(world);
    whatif = answer(world, "--move chatgpt-web=local:50% --model " SMALL);
    assert_antimony(whatif);
    assert_written(whatif, TEXT_EN, "What if? October 2026");
    assert_written(whatif, TEXT_EN, "--move chatgpt-web=local:50%");
    assert_written(whatif, TEXT_EN, "a server of our own, 50.0 % of requests (50.0)");
    assert_written(whatif, TEXT_EN, "model " SMALL ", provider local, electricity FRA, method B");
    assert_written(whatif, TEXT_EN, "per 1,000 requests:");
    assert_written(whatif, TEXT_EN, "rebound");
    assert_written(whatif, TEXT_EN, "not computed by the same method");
    assert_written(whatif, TEXT_EN, "the error of method A");
    assert_written(whatif, TEXT_EN, "with the other one (FRA-EDF)");
    assert_written(whatif, TEXT_EN, "ADEME Base Empreinte");
    assert_written(whatif, TEXT_EN, "Other” stays as recorded");
    assert_written(whatif, TEXT_FR, "effet rebond");
    assert_written(whatif, TEXT_FR, "Chaque nombre est arrondi à part");
    assert_written(whatif, TEXT_FR, "Causette");
    assert_written(whatif, TEXT_EN, "ChatGPT");
    assert_written(whatif, TSV, "\tChatGPT\t");
    assert_written(whatif, TEXT_FR, "octobre 2026");
    whatif_free(whatif);
    whatif = answer(world, "--reduce all:20%");
    assert_written(whatif, TEXT_EN, "in %: -20.0  → less");
    whatif_free(whatif);
}

/* Of the report's rows and of nothing else: neither Claude, nor use without a direction. */
static void nothing_folded_is_written(void **state)
{
    static const char *const hidden[] = {"claude", "Claude", "unassigned", "Unassigned"};
    struct world *world = *state;
    struct whatif *whatif;

    use_some(world);
    whatif = answer(world, "--reduce all:20% --shorter all:10%");
    for (int format = 0; format < FORMATS; format++) {
        char *text = written(whatif, (enum format)format);

        for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
            assert_null(strstr(text, hidden[i]));
        free(text);
    }
    whatif_free(whatif);
}

static double number_at(json_t *object, const char *a, const char *b, const char *c)
{
    json_t *found = json_object_get(json_object_get(json_object_get(object, a), b), c);

    return json_real_value(json_object_get(found, "central"));
}

static void json_holds_all_digits(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    char *text;
    json_t *json;

    use_most(world);
    whatif = answer(world, "--move chatgpt-web=mistral-web:50%");
    text = written(whatif, JSON);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_true(number_at(json, "total", "difference", "energy_kwh") ==
                whatif_change_of(&whatif->total, MONTH_ENERGY).central);
    assert_true(number_at(json, "total", "scenario", "water_l") ==
                whatif->total.after.impact.water_l.central);
    assert_int_equal(json_array_size(json_object_get(json, "services")), CLAUDE);
    assert_int_equal(json_array_size(json_object_get(json, "directions")), DIRECTIONS);
    json_decref(json);
    free(text);
    whatif_free(whatif);
}

#define TSV_COLUMNS 19

/* Splits LINE in place; every line has all columns. */
static void split(char *line, char *fields[TSV_COLUMNS])
{
    size_t count = 0;

    for (char *field; (field = strsep(&line, "\t"));) {
        assert_true(count < TSV_COLUMNS);
        fields[count++] = field;
    }
    assert_int_equal(count, TSV_COLUMNS);
}

static void tsv_holds_all_digits(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    char *text, *rest, *fields[TSV_COLUMNS];
    size_t lines = 0, totals = 0;

    use_most(world);
    whatif = answer(world, "--move chatgpt-web=mistral-web:50%");
    rest = text = written(whatif, TSV);
    for (char *line; (line = strsep(&rest, "\n")) && rest; lines++) {
        split(line, fields);
        if (strcmp(fields[3], "total") != 0 || strcmp(fields[6], "water_l") != 0)
            continue;
        totals++;
        assert_true(strtod(fields[9], NULL) == whatif->total.before.impact.water_l.central);
        assert_true(strtod(fields[13], NULL) == whatif->total.after.impact.water_l.high);
        assert_true(strtod(fields[14], NULL) == whatif_change_of(&whatif->total, MONTH_WATER).low);
        assert_true(strtod(fields[17], NULL) == whatif_relative(&whatif->total, MONTH_WATER));
        assert_string_equal(fields[18], whatif_verdict_name(whatif_verdict_of(
                                            whatif_change_of(&whatif->total, MONTH_WATER))));
    }
    assert_int_equal(totals, 1);
    /* A heading, the total, and the services and directions that are shown. */
    assert_true(lines >= 1 + (1 + (size_t)CLAUDE + DIRECTIONS) * MONTH_INDICATORS);
    free(text);
    whatif_free(whatif);
}

static void a_full_disk_is_told(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    FILE *full = fopen("/dev/full", "w");

    if (!full)
        skip();
    use_most(world);
    whatif = answer(world, "--reduce all:20%");
    assert_false(whatif_write_text(whatif, LANGUAGE_FR, full));
    clearerr(full);
    assert_false(whatif_write_json(whatif, full));
    clearerr(full);
    assert_false(whatif_write_tsv(whatif, full));
    fclose(full);
    whatif_free(whatif);
}

static void single_exchanges_are_told(void **state)
{
    struct world *world = *state;
    struct whatif *whatif;
    char *text;

    use_scattered(world, DRH, MISTRAL, 100, MANY, 0.5);
    make_report(world);
    whatif = answer(world, "--reduce mistral-web:75%");
    text = written(whatif, TEXT_FR);
    assert_non_null(strstr(text, "il en reste 5,0"));
    free(text);
    text = written(whatif, JSON);
    assert_non_null(strstr(text, "\"recomputed\": 0.05"));
    assert_non_null(strstr(text, "\"scenario\": 0.1"));
    free(text);
    whatif_free(whatif);
}

/* Nor is it more, or less, by nothing. */
static void differences_that_round_to_nothing_are_not_nothing(void **state)
{
    static const char row[] = "kWh)";
    struct world *world = *state;
    struct whatif *whatif;
    char *text, *sum;

    use(world, DRH, CHATGPT, 1e6, MANY);
    use(world, DRH, MISTRAL, 0.0001, MANY);
    make_report(world);
    whatif = answer(world, "--reduce mistral-web:50% --move chatgpt-web=mistral-web:0%");
    text = written(whatif, TEXT_EN);
    sum = strstr(text, row);
    assert_non_null(sum);
    assert_non_null(strstr(sum, ">\u00a0-0.0"));
    assert_null(strstr(sum, " -0.0%"));
    assert_null(strstr(text, "+0.0 "));
    free(text);
    whatif_free(whatif);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_the_same_makes_no_difference),
        TEST(half_moves_half),
        TEST(differences_are_those_of_the_sums),
        TEST(fewer_requests_are_a_part_of_the_band),
        TEST(shorter_answers_cost_less_where_output_does),
        TEST(another_zone_is_a_ratio_of_two_factors),
        TEST(what_cannot_be_told_is_undecided),
        TEST(a_host_of_our_own_is_computed_by_method_b),
        TEST(one_method_on_both_sides_is_told_beside),
        TEST(french_water_is_told_by_both_counts),
        TEST(requests_and_tokens_are_conserved),
        TEST(the_order_of_changes_does_not_matter),
        TEST(what_has_no_estimate_is_reduced_but_not_moved),
        TEST(what_has_no_estimate_gets_none),
        TEST(a_mix_by_date_is_that_of_the_month),
        TEST(single_exchanges_count),
        TEST(single_exchanges_are_told),
        TEST(differences_that_round_to_nothing_are_not_nothing),
        TEST(exchanges_of_pairs_are_independent),
        TEST(small_shares_stay_sane),
        TEST(small_shares_of_what_is_folded_stay_sane),
        TEST(fewer_of_what_is_folded_scatter_more),
        TEST(the_same_exchanges_are_on_both_sides),
        TEST(what_is_folded_stays_as_it_was),
        TEST(one_direction_is_its_row_of_all),
        TEST(bad_changes_are_told),
        TEST(what_has_nothing_to_compare_is_told),
        TEST(what_is_folded_is_not_told_from_no_use),
        TEST(of_too_few_devices_nothing_is_told),
        TEST(a_total_alone_takes_fewer_requests_alone),
        TEST(texts_say_what_matters),
        TEST(nothing_folded_is_written),
        TEST(json_holds_all_digits),
        TEST(tsv_holds_all_digits),
        TEST(a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
