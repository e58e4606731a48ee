/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sharing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/localimpact.h"
#include "tests/close.h"
#include "tests/daemon/attribution.h"

#define J_PER_KWH 3.6e6
#define STEP_NS   UINT64_C(60000000000)

/* ---- The worked case ---- */

struct outcome {
    double weight[ATTRIBUTION_DEPTS][ATTRIBUTION_MODELS];
    double active_j[ATTRIBUTION_DEPTS][ATTRIBUTION_MODELS];
    struct sharing_totals totals;
};

static void add_totals(struct sharing_totals *sum, const struct sharing_totals *part)
{
    sum->energy_j += part->energy_j;
    sum->active_j += part->active_j;
    sum->idle_j += part->idle_j;
    sum->pool_j += part->pool_j;
}

static struct sharing_device measured(double energy_j, const char *idle, bool follows)
{
    double idle_w = attribution_value("config.tsv", idle);

    return (struct sharing_device){energy_j, sharing_idle_j(energy_j, idle_w, STEP_NS), follows};
}

static void share_interval(const struct attribution_case *given, size_t interval,
                           const struct sharing_service *services, struct outcome *out)
{
    const struct sharing_device devices[] = {
        measured(given->gpu_j[interval][0], "p_idle_gpu0_w", false),
        measured(given->gpu_j[interval][1], "p_idle_gpu1_w", false),
        measured(given->host_j[interval], "p_idle_host_w", true),
    };
    struct sharing_use uses[ATTRIBUTION_DEPTS * ATTRIBUTION_MODELS];
    struct sharing_totals totals;

    for (size_t i = 0; i < ATTRIBUTION_DEPTS * ATTRIBUTION_MODELS; i++) {
        const struct attribution_use *use =
            &given->uses[interval][i / ATTRIBUTION_MODELS][i % ATTRIBUTION_MODELS];

        uses[i] = (struct sharing_use){.service = i % ATTRIBUTION_MODELS,
                                       .tokens_in = use->tokens_in,
                                       .tokens_cached = use->tokens_cached,
                                       .tokens_out = use->tokens_out};
    }
    totals = sharing_interval(devices, 3, services, uses, ATTRIBUTION_DEPTS * ATTRIBUTION_MODELS);
    add_totals(&out->totals, &totals);
    for (size_t i = 0; i < ATTRIBUTION_DEPTS * ATTRIBUTION_MODELS; i++) {
        out->weight[i / ATTRIBUTION_MODELS][i % ATTRIBUTION_MODELS] += uses[i].weight;
        out->active_j[i / ATTRIBUTION_MODELS][i % ATTRIBUTION_MODELS] += uses[i].active_j;
    }
}

static struct outcome share_case(void)
{
    static struct attribution_case given;
    struct sharing_service services[ATTRIBUTION_MODELS];
    struct outcome outcome = {0};

    attribution_read(&given);
    for (size_t i = 0; i < ATTRIBUTION_MODELS; i++)
        services[i] = (struct sharing_service){
            .weights = {attribution_of_model(i, "w_in"), attribution_of_model(i, "w_cache"),
                        attribution_of_model(i, "w_out")},
            .devices = UINT64_C(1) << (unsigned)attribution_of_model(i, "gpu")};
    for (size_t i = 0; i < ATTRIBUTION_INTERVALS; i++)
        share_interval(&given, i, services, &outcome);
    return outcome;
}

static void the_worked_case_comes_out_by_model(void **state)
{
    struct outcome outcome = share_case();
    struct attribution_table table = attribution_open("expected_by_model.tsv", true);
    size_t rows = 0;

    (void)state;
    for (; attribution_next(&table); rows++) {
        size_t dept = attribution_find(attribution_depts, ATTRIBUTION_DEPTS, table.fields[0]);
        size_t model = attribution_find(attribution_models, ATTRIBUTION_MODELS, table.fields[1]);

        assert_close(outcome.weight[dept][model], attribution_number(&table, 2));
        assert_close(outcome.active_j[dept][model] / J_PER_KWH, attribution_number(&table, 3));
    }
    assert_int_equal(rows, ATTRIBUTION_DEPTS * ATTRIBUTION_MODELS);
}

static void the_worked_case_has_its_totals(void **state)
{
    struct sharing_totals totals = share_case().totals;

    (void)state;
#define EXPECTED(name) attribution_value("expected_totals.tsv", name)
    assert_close(totals.energy_j / J_PER_KWH, EXPECTED("e_it_total_kwh"));
    assert_close(totals.idle_j / J_PER_KWH, EXPECTED("e_idle_kwh"));
    assert_close(totals.active_j / J_PER_KWH, EXPECTED("e_active_attributed_kwh"));
    assert_close(totals.pool_j / J_PER_KWH, EXPECTED("e_active_unattributed_kwh"));
    assert_close((totals.idle_j + totals.pool_j) / totals.energy_j, EXPECTED("idle_share"));
#undef EXPECTED
    assert_close(totals.active_j + totals.idle_j + totals.pool_j, totals.energy_j);
}

/* The host of the case, as host.conf would give it. */
static void describe_host(struct host_config *host, struct zone_factors *zone)
{
#define GIVEN(name) attribution_value("config.tsv", name)
    *host = (struct host_config){
        .pue = {.value = GIVEN("pue")},
        .wue_l_per_kwh = {.value = GIVEN("wue_l_per_kwh")},
        .embodied = {.server_gwp_kgco2e = GIVEN("te_server_kg"),
                     .gpu_gwp_kgco2e = GIVEN("te_gpu_kg"),
                     .gpus = (unsigned)GIVEN("gpu_count"),
                     .lifetime_years = GIVEN("lifetime_s") / (365.0 * 86400)},
    };
    *zone = (struct zone_factors){.gwp_kgco2e_per_kwh = GIVEN("gwp_kg_per_kwh"),
                                  .ewif_l_per_kwh = GIVEN("ewif_l_per_kwh")};
#undef GIVEN
}

struct policies {
    struct outcome outcome;
    struct local_factors factors;
    double weights[ATTRIBUTION_DEPTS];
    double entitlements[ATTRIBUTION_DEPTS];
    size_t rows;
};

static double usage_share_of(const char *policy)
{
    return strcmp(policy, "usage") == 0 ? 1 : strcmp(policy, "hybrid50") == 0 ? 0.5 : 0;
}

/* Share i of what is common under POLICY; of "TOTAL", all. */
static double share_of(const struct policies *policies, const char *policy, const char *dept,
                       double *active_j)
{
    double shares[ATTRIBUTION_DEPTS];
    size_t i;

    *active_j = policies->outcome.totals.active_j;
    assert_true(sharing_key(usage_share_of(policy), policies->weights, policies->entitlements,
                            ATTRIBUTION_DEPTS, shares) == 0);
    assert_close(shares[0] + shares[1] + shares[2] + shares[3], 1);
    if (strcmp(dept, "TOTAL") == 0)
        return 1;
    i = attribution_find(attribution_depts, ATTRIBUTION_DEPTS, dept);
    *active_j = policies->outcome.active_j[i][0] + policies->outcome.active_j[i][1];
    return shares[i];
}

static void check_policy(void *context, const char *policy, const char *dept,
                         const double values[ATTRIBUTION_COLUMNS])
{
    struct policies *policies = context;
    const struct sharing_totals *totals = &policies->outcome.totals;
    double active_j;
    double share = share_of(policies, policy, dept, &active_j);
    double common_j = share * (totals->idle_j + totals->pool_j);
    double period_s = ATTRIBUTION_INTERVALS * ATTRIBUTION_STEP_S;
    struct impact impact = local_impact(&policies->factors, active_j + common_j, share * period_s);

    assert_close(active_j / J_PER_KWH, values[1]);
    assert_close(common_j / J_PER_KWH, values[2]);
    assert_close((active_j + common_j) / J_PER_KWH, values[3]);
    assert_close(impact.energy_kwh.central, values[4]);
    assert_close(impact.gwp_use_kgco2e.central, values[5]);
    assert_close(impact.gwp_embodied_kgco2e.central, values[6]);
    assert_close(impact.water_l.central, values[9]);
    assert_close(values[7] + values[8], values[9]);
    policies->rows++;
}

static void the_worked_case_comes_out_under_each_key(void **state)
{
    static struct host_config host;
    struct zone_factors zone;
    struct policies policies = {.outcome = share_case()};

    (void)state;
    describe_host(&host, &zone);
    policies.factors = (struct local_factors){&host, &zone};
    for (size_t i = 0; i < ATTRIBUTION_DEPTS; i++) {
        policies.weights[i] = policies.outcome.weight[i][0] + policies.outcome.weight[i][1];
        policies.entitlements[i] = attribution_entitlement(i);
    }
    attribution_expected(check_policy, &policies);
    assert_int_equal(policies.rows, 3 * (ATTRIBUTION_DEPTS + 1));
}

/* ---- What must hold whatever comes in ---- */

static uint64_t seed = 1;

/* From 0 to 1, and exactly 0 now and then (xorshift64*). */
static double draw(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    if (seed % 8 == 0)
        return 0;
    return (double)(seed * UINT64_C(2685821657736338717) >> 11) / 9007199254740992.0;
}

#define MOST_DEVICES  6
#define MOST_SERVICES 5
#define MOST_USES     40

struct scene {
    struct sharing_device devices[MOST_DEVICES];
    struct sharing_service services[MOST_SERVICES];
    struct sharing_use uses[MOST_USES];
    size_t device_count, use_count;
};

static void draw_scene(struct scene *scene)
{
    double scale = pow(10, 12 * draw() - 4);

    scene->device_count = (size_t)(draw() * (MOST_DEVICES + 1));
    scene->use_count = (size_t)(draw() * (MOST_USES + 1));
    for (size_t i = 0; i < MOST_DEVICES; i++) {
        double energy_j = scale * draw();

        scene->devices[i] = (struct sharing_device){
            energy_j, sharing_idle_j(energy_j, scale * draw() / 60, STEP_NS), draw() < 0.3};
    }
    for (size_t i = 0; i < MOST_SERVICES; i++)
        scene->services[i] = (struct sharing_service){{draw(), draw() / 10, 1},
                                                      (uint64_t)(draw() * (1 << MOST_DEVICES))};
    for (size_t i = 0; i < MOST_USES; i++) {
        double tokens_in = 1e6 * draw();

        scene->uses[i] = (struct sharing_use){.service = (size_t)(draw() * (MOST_SERVICES - 1)),
                                              .tokens_in = tokens_in,
                                              .tokens_cached = tokens_in * draw(),
                                              .tokens_out = 1e5 * draw(),
                                              .active_j = 77}; /* left from before */
    }
}

static void nothing_is_lost_made_or_negative(void **state)
{
    size_t shared = 0;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct scene scene;
        struct sharing_totals totals;
        double active_j = 0, energy_j = 0;

        draw_scene(&scene);
        totals = sharing_interval(scene.devices, scene.device_count, scene.services, scene.uses,
                                  scene.use_count);
        for (size_t i = 0; i < scene.use_count; i++) {
            assert_true(scene.uses[i].active_j >= 0 && scene.uses[i].weight >= 0);
            active_j += scene.uses[i].active_j;
        }
        for (size_t i = 0; i < scene.device_count; i++)
            energy_j += scene.devices[i].energy_j;
        assert_true(totals.idle_j >= 0 && totals.pool_j >= 0 && totals.active_j >= 0);
        assert_close(totals.energy_j, energy_j);
        assert_close(totals.active_j, active_j);
        assert_close(totals.idle_j + totals.pool_j + active_j, energy_j);
        shared += active_j > 0;
    }
    assert_true(shared > 1000);
}

/* Both cards of one server work at each of its requests. */
static void a_service_on_two_devices_gets_the_active_energy_of_both(void **state)
{
    const struct sharing_device devices[] = {{100, 40, false}, {90, 40, false}, {50, 30, true}};
    const struct sharing_service services[] = {{{0.2, 0.02, 1}, 3}, {{0.2, 0.02, 1}, 2}};
    struct sharing_use uses[] = {{.service = 0, .tokens_out = 10},
                                 {.service = 1, .tokens_in = 50, .tokens_out = 0},
                                 {.service = 1, .tokens_in = 0}};
    struct sharing_totals totals = sharing_interval(devices, 3, services, uses, 3);

    (void)state;
    assert_close(uses[0].active_j, (60 + 25) + 20.0 * 85 / 110);
    assert_close(uses[1].active_j, 25 + 20.0 * 25 / 110);
    assert_true(uses[2].active_j == 0);
    assert_true(totals.pool_j == 0);
    assert_close(totals.idle_j, 110);
}

/* A request on one card does not pay for what another one drew without any; nor does the host's own
 * work follow a card on which nobody asked for anything. */
static void what_nobody_asked_for_goes_to_the_pool(void **state)
{
    const struct sharing_device devices[] = {{100, 40, false}, {90, 40, false}, {50, 30, true}};
    const struct sharing_service services[] = {{{0.2, 0.02, 1}, 1}};
    struct sharing_use use = {.service = 0, .tokens_out = 10};
    struct sharing_totals totals = sharing_interval(devices, 3, services, &use, 1);

    (void)state;
    assert_close(use.active_j, 60 + 20.0);
    assert_close(totals.pool_j, 50);
    totals = sharing_interval(devices, 3, services, &use, 0);
    assert_close(totals.pool_j, 60 + 50 + 20);
    assert_true(totals.active_j == 0);
    use = (struct sharing_use){.service = 0};
    totals = sharing_interval(devices, 3, services, &use, 1);
    assert_close(totals.pool_j, 130);
    assert_true(use.active_j == 0);
}

/* Some short requests do not lift a card above its idle power, but the host. */
static void a_host_follows_the_weights_where_no_card_left_idle(void **state)
{
    const struct sharing_device devices[] = {{40, 40, false}, {90, 40, false}, {50, 30, true}};
    const struct sharing_service services[] = {{{0.2, 0.02, 1}, 1}};
    struct sharing_use uses[] = {{.service = 0, .tokens_out = 10},
                                 {.service = 0, .tokens_out = 30}};
    struct sharing_totals totals = sharing_interval(devices, 3, services, uses, 2);

    (void)state;
    assert_close(uses[0].active_j, 5);
    assert_close(uses[1].active_j, 15);
    assert_close(totals.pool_j, 50);
}

static void a_host_without_a_gpu_is_shared_by_weight(void **state)
{
    const struct sharing_device device = {500, 300, false};
    const struct sharing_service services[] = {{{0.2, 0.02, 1}, 1}};
    struct sharing_use uses[] = {{.service = 0, .tokens_out = 30},
                                 {.service = 0, .tokens_in = 60, .tokens_cached = 10}};

    (void)state;
    sharing_interval(&device, 1, services, uses, 2);
    assert_close(uses[0].active_j, 200 * 30 / (30 + 10.2));
    assert_close(uses[1].active_j, 200 * 10.2 / (30 + 10.2));
}

static void idle_is_at_most_all(void **state)
{
    (void)state;
    assert_true(sharing_idle_j(10, 95, STEP_NS) == 10);
    assert_close(sharing_idle_j(6000, 95, STEP_NS), 5700);
    assert_close(sharing_idle_j(6000, 95, STEP_NS / 2), 2850);
    assert_true(sharing_idle_j(6000, 0, STEP_NS) == 0);
}

/* ---- Keys ---- */

static void shares_of_a_key_add_up(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        double weights[50], entitlements[50], shares[50];
        size_t count = 1 + (size_t)(draw() * 49);
        double left, sum = 0, entitled = 0;

        for (size_t i = 0; i < count; i++) {
            weights[i] = round % 4 ? 1e9 * draw() : 0;
            entitled += entitlements[i] = draw() + (i == 0);
        }
        /* As written with a few decimals. */
        for (size_t i = 0; i < count; i++)
            entitlements[i] /= entitled * (1 + 1e-10 * draw());
        left = sharing_key(round % 3 / 2.0, weights, entitlements, count, shares);
        for (size_t i = 0; i < count; i++) {
            assert_true(shares[i] >= 0);
            sum += shares[i];
        }
        assert_close(sum + left, 1);
        assert_true(left == 0 || left == round % 3 / 2.0);
    }
}

static void without_use_only_what_goes_by_it_is_left(void **state)
{
    const double none[2] = {0, 0}, entitlements[2] = {0.25, 0.75};
    double shares[2];

    (void)state;
    assert_true(sharing_key(1, none, NULL, 2, shares) == 1);
    assert_true(shares[0] == 0 && shares[1] == 0);
    assert_true(sharing_key(0.5, none, entitlements, 2, shares) == 0.5);
    assert_close(shares[1], 0.375);
    assert_true(sharing_key(0, none, entitlements, 2, shares) == 0);
    assert_close(shares[0], 0.25);
    assert_true(sharing_key(1, none, NULL, 0, NULL) == 1);
}

static void keys_have_names(void **state)
{
    (void)state;
    assert_string_equal(sharing_key_name(SHARING_USAGE), "usage");
    assert_string_equal(sharing_key_name(SHARING_ENTITLEMENT), "entitlement");
    assert_string_equal(sharing_key_name(SHARING_HYBRID), "hybrid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_case_comes_out_by_model),
        cmocka_unit_test(the_worked_case_has_its_totals),
        cmocka_unit_test(the_worked_case_comes_out_under_each_key),
        cmocka_unit_test(nothing_is_lost_made_or_negative),
        cmocka_unit_test(a_service_on_two_devices_gets_the_active_energy_of_both),
        cmocka_unit_test(what_nobody_asked_for_goes_to_the_pool),
        cmocka_unit_test(a_host_follows_the_weights_where_no_card_left_idle),
        cmocka_unit_test(a_host_without_a_gpu_is_shared_by_weight),
        cmocka_unit_test(idle_is_at_most_all),
        cmocka_unit_test(shares_of_a_key_add_up),
        cmocka_unit_test(without_use_only_what_goes_by_it_is_left),
        cmocka_unit_test(keys_have_names),
    };

    return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
