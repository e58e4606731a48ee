/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/restate.h"

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

#include "reports/derived.h"
#include "reports/year.h"
#include "tests/daemon/scratchsql.h"
#include "tests/reports/csv.h"
#include "tests/reports/readable.h"
#include "tests/reports/world.h"

#define OCTOBER               INT64_C(1790805600)   /* 2026-10-01 00:00 Europe/Paris */
#define NOON                  (OCTOBER + 12 * 3600) /* of the same date in UTC */
#define NOVEMBER              INT64_C(1793487600)
#define DECEMBER              INT64_C(1796079600)
#define LATER                 (OCTOBER + 200 * (int64_t)DAY_S)
#define DIGEST                7
#define MANY                  20 /* devices */
#define TOLERANCE             1e-12
#define MONTH_OF(year, month) (12 * (year) + (month)-1)

enum { DRH = 1, DSN, CABINET, DIRECTIONS = CABINET };
enum { CHATGPT, MISTRAL, PICTURES, CLAUDE, SERVICES };

static const struct direction directions[] = {
    {.code = "DRH", .label = "Ressources humaines"},
    {.code = "DSN", .label = "Numérique"},
    {.code = "CAB", .label = "Cabinet\tdu maire"},
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

/* ChatGPT's own model until the end of October, then two. */
static const struct mix MIX = {
    .until_day = INT64_MAX,
    .count = 2,
    .parts = {{"openai/gpt-4o", 0.7}, {"openai/gpt-4o-mini", 0.3}},
    .source = "test",
    .grade = 'E',
};

/* A vintage in which each group of figures is another. */
static struct factors *newer;

/* The shipped vintage under another name, beside it, with EDITS (of sed -E) made to all files. */
static void make_vintage(const char *name, const char *edits)
{
    char command[3 * PATH_MAX];

    snprintf(
        command, sizeof(command),
        "mkdir -p '%s/factors' && cp -r '" SHIPPED_FACTORS "' '%s/factors/%s' &&"
        " cd '%s/factors/%s' && sed -i 's/vintage = \"2026\"/vintage = \"%s\"/' vintage.conf &&"
        " sed -i -E '%s' *.conf",
        scratch_directory, scratch_directory, name, scratch_directory, name, name, edits);
    assert_int_equal(system(command), 0);
}

static struct factors *vintage(const char *name, const char *edits)
{
    char path[PATH_MAX], relative[100];

    make_vintage(name, edits);
    snprintf(relative, sizeof(relative), "factors/%s", name);
    scratch_path(path, relative);
    return factors_without_complaint(path);
}

#define MODELS       "s/(active_parameters_b = )\\[44\\.0, 132\\.0\\]/\\1[55.0, 140.0]/"
#define METHOD       "s/(server_power_kw = )1\\.2/\\11.5/; s/(host_share = )0\\.4/\\10.5/"
#define DATA_CENTRES "s/(pue = 1\\.)([0-9])/\\13\\2/"
#define ELECTRICITY  "s/(gwp_kgco2e_per_kwh = 0\\.)/\\19/; s/(adpe_kgsb_per_kwh = )/\\11/"
#define WATER        "s/(ewif_l_per_kwh = )/\\11/"

static int set_up(void **state)
{
    static struct world world;

    world_open(&world, directions, DIRECTIONS, services, SERVICES);
    world.config->report.restatement_percent = 5;
    world.config->digest = DIGEST;
    scratch_path(world.config->factors_path, "factors/2026");
    world_record_with(&world, "2026", DIGEST);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    factors_free(newer);
    newer = NULL;
    world_close(*state);
    return 0;
}

/* ---- Use ---- */

static struct activity activity_of(double requests)
{
    return (struct activity){
        .grade = GRADE_C,
        .requests = {requests * 0.9, requests, requests * 1.1},
        .tokens_in = {requests * 20, requests * 100, requests * 300},
        .tokens_out = {requests * 100, requests * 300.7 + 11, requests * 600 + 23},
        .tokens_out_variance = requests * 20000 + 7,
    };
}

static struct impact impact_with(const struct world *world, const struct factors *factors,
                                 uint16_t service, int64_t time_s, const struct activity *activity)
{
    struct impact impact;

    world_impact(world, factors, service, time_s, activity, &impact);
    return impact;
}

/* REQUESTS of one pair in the minute that starts at TIME, by DEVICES that day, with the impact that
 * the meter computes, times FACTOR; 0: none. */
static void use_times(struct world *world, int64_t time_s, uint16_t direction, uint16_t service,
                      double requests, uint32_t devices, double factor)
{
    const struct activity activity = activity_of(requests);
    const struct world_pair pair = world_pair(world, time_s, direction, service, devices);
    struct impact impact;
    bool known = world_impact(world, world->config->factors, service, time_s, &activity, &impact);

    if (known)
        impact.energy_kwh = triple_scale(impact.energy_kwh, factor);
    world_record(world, &pair, &activity, known && factor != 0 ? &impact : NULL);
}

static void use(struct world *world, int64_t time_s, uint16_t direction, uint16_t service,
                double requests, uint32_t devices)
{
    use_times(world, time_s, direction, service, requests, devices, 1);
}

/* What use_all() asks for in a minute. */
static double requests_of(int minute, int direction, int service)
{
    return 1.0 / 3 + minute / 7.0 + 17 * direction + service;
}

#define MINUTES 7
static void use_all(struct world *world, int64_t time_s)
{
    for (uint16_t minute = 0; minute < MINUTES; minute++)
        for (uint16_t direction = 0; direction <= DIRECTIONS; direction++)
            for (uint16_t service = 0; service < SERVICES; service++)
                use(world, time_s + 60 * minute, direction, service,
                    requests_of(minute, direction, service), MANY);
}

/* ---- Restating ---- */

static enum restate_status try_at(struct world *world, const char *period,
                                  const struct factors *factors, int64_t now_s,
                                  struct statement **out, char error[400])
{
    const struct restate_query query = {period, factors, 99, now_s};

    error[0] = '\0';
    return restate_compute(world->ledger, world->config, &query, out, error, 400);
}

static struct statement *restate(struct world *world, const char *period,
                                 const struct factors *factors)
{
    struct statement *statement;
    char error[400];
    enum restate_status status = try_at(world, period, factors, LATER, &statement, error);

    assert_string_equal(error, "");
    assert_int_equal(status, RESTATE_OK);
    assert_non_null(statement);
    return statement;
}

static void refused(struct world *world, const char *period, const struct factors *factors,
                    int64_t now_s, enum restate_status expected, const char *words)
{
    struct statement *statement;
    char error[400];

    assert_int_equal(try_at(world, period, factors, now_s, &statement, error), expected);
    assert_null(statement);
    assert_null(strchr(error, '\n'));
    if (!strstr(error, words))
        fail_msg("\"%s\" does not say \"%s\"", error, words);
}

static const struct statement_row *row_of(const struct statement *statement, int month,
                                          const char *direction, const char *service)
{
    for (size_t i = 0; i < statement->row_count; i++)
        if (statement->rows[i].month == month &&
            strcmp(statement->rows[i].direction, direction) == 0 &&
            strcmp(statement->rows[i].service, service) == 0)
            return &statement->rows[i];
    fail_msg("no row of %s and %s", direction, service);
    return NULL;
}

static void assert_near(double a, double b, double scale)
{
    if (fabs(a - b) > TOLERANCE * fabs(scale))
        fail_msg("%.17g is not %.17g", a, b);
}

static void assert_same_triple(struct triple a, struct triple b)
{
    assert_near(a.low, b.low, b.low);
    assert_near(a.central, b.central, b.central);
    assert_near(a.high, b.high, b.high);
}

static void assert_same(const struct impact *a, const struct impact *b)
{
    assert_same_triple(a->energy_kwh, b->energy_kwh);
    assert_same_triple(a->gwp_use_kgco2e, b->gwp_use_kgco2e);
    assert_same_triple(a->gwp_embodied_kgco2e, b->gwp_embodied_kgco2e);
    assert_same_triple(a->adpe_kgsb, b->adpe_kgsb);
    assert_same_triple(a->water_l, b->water_l);
}

static void set_central(const struct impact *impact, double out[RATES_QUANTITIES])
{
    out[RATES_ENERGY_KWH] = impact->energy_kwh.central;
    out[RATES_GWP_USE_KGCO2E] = impact->gwp_use_kgco2e.central;
    out[RATES_GWP_EMBODIED_KGCO2E] = impact->gwp_embodied_kgco2e.central;
    out[RATES_ADPE_KGSB] = impact->adpe_kgsb.central;
    out[RATES_WATER_L] = impact->water_l.central;
}

/* The waterfall of every row leads from what was recorded to what is restated. */
static void assert_adds_up(const struct statement *statement)
{
    for (size_t i = 0; i < statement->row_count; i++) {
        const struct statement_row *row = &statement->rows[i];
        double level[RATES_QUANTITIES], restated[RATES_QUANTITIES];

        set_central(&row->recorded, level);
        set_central(&row->restated, restated);
        for (int quantity = 0; quantity < RATES_QUANTITIES; quantity++) {
            for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
                level[quantity] += row->causes[cause][quantity];
            assert_near(level[quantity], restated[quantity],
                        fmax(restated[quantity], row->recorded.energy_kwh.central));
        }
    }
}

static void assert_only(const struct statement_row *row, enum statement_cause cause)
{
    for (int i = 0; i < STATEMENT_CAUSES; i++)
        for (int quantity = 0; quantity < RATES_QUANTITIES; quantity++)
            if (i != (int)cause)
                assert_near(row->causes[i][quantity], 0,
                            fmax(row->recorded.energy_kwh.central, row->recorded.water_l.central));
}

/* ---- Tests ---- */

static void the_same_vintage_changes_nothing(void **state)
{
    struct world *world = *state;
    struct statement *statement;

    use_all(world, NOON);
    statement = restate(world, "2026-10", world->config->factors);
    assert_int_equal(statement->row_count, (DIRECTIONS + 1) * SERVICES);
    for (size_t i = 0; i < statement->row_count; i++) {
        const struct statement_row *row = &statement->rows[i];

        assert_memory_equal(&row->restated, &row->recorded, sizeof(row->restated));
        for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
            for (int quantity = 0; quantity < RATES_QUANTITIES; quantity++)
                assert_true(row->causes[cause][quantity] == 0);
        assert_int_equal(row->devices, MANY);
    }
    assert_true(
        row_of(statement, MONTH_OF(2026, 10), "DRH", "chatgpt-web")->recorded.energy_kwh.central >
        0);
    assert_false(statement->running);
    assert_int_equal(statement->from_s, OCTOBER);
    assert_int_equal(statement->until_s, NOVEMBER);
    assert_int_equal(statement->set_count, 1);
    assert_string_equal(statement->sets[0].vintage, "2026");
    assert_true(statement->sets[0].at_hand);
    statement_free(statement);
}

/* Each row as the meter would compute it, minute by minute. */
static void another_vintage_is_computed_row_by_row(void **state)
{
    struct world *world = *state;
    struct statement *statement;

    newer = vintage("2027", MODELS ";" METHOD ";" DATA_CENTRES ";" ELECTRICITY ";" WATER);
    use_all(world, NOON);
    statement = restate(world, "2026", newer);
    assert_string_equal(statement->vintage, "2027");
    for (uint16_t direction = 1; direction <= DIRECTIONS; direction++)
        for (uint16_t service = 0; service < SERVICES; service++) {
            struct impact recorded = {0}, restated = {0};
            const struct statement_row *row =
                row_of(statement, MONTH_OF(2026, 10), directions[direction - 1].code,
                       services[service].id);

            for (int minute = 0; minute < MINUTES; minute++) {
                struct activity activity = activity_of(requests_of(minute, direction, service));

                recorded = impact_add(
                    recorded, impact_with(world, world->config->factors, service, NOON, &activity));
                restated =
                    impact_add(restated, impact_with(world, newer, service, NOON, &activity));
            }
            assert_same(&row->recorded, &recorded);
            assert_same(&row->restated, &restated);
        }
    assert_adds_up(statement);
    statement_free(statement);
}

static double cause_of(const struct statement *statement, const char *service,
                       enum statement_cause cause, enum rates_quantity quantity)
{
    return row_of(statement, MONTH_OF(2026, 10), "DRH", service)->causes[cause][quantity];
}

/* One group of figures is another: the whole change has that cause, in the indicators that it can
 * move. */
static void each_group_is_a_cause(void **state)
{
    static const struct {
        const char *name;
        const char *edits;
        enum statement_cause cause;
        bool moves[RATES_QUANTITIES];
    } groups[] = {
        {"models", MODELS, STATEMENT_MODELS, {true, true, false, true, true}},
        {"method", METHOD, STATEMENT_METHOD, {true, true, false, true, true}},
        {"place", DATA_CENTRES, STATEMENT_DATA_CENTRES, {true, true, false, true, true}},
        {"grid", ELECTRICITY, STATEMENT_ELECTRICITY, {false, true, false, true, false}},
        {"water", WATER, STATEMENT_WATER, {false, false, false, false, true}},
    };
    struct world *world = *state;

    use_all(world, NOON);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        struct factors *factors = vintage(groups[i].name, groups[i].edits);
        struct statement *statement = restate(world, "2026-10", factors);

        assert_adds_up(statement);
        for (size_t row = 0; row < statement->row_count; row++)
            assert_only(&statement->rows[row], groups[i].cause);
        for (int quantity = 0; quantity < RATES_QUANTITIES; quantity++)
            if ((cause_of(statement, "chatgpt-web", groups[i].cause,
                          (enum rates_quantity)quantity) > 0) != groups[i].moves[quantity])
                fail_msg("%s: quantity %d", groups[i].name, quantity);
        statement_free(statement);
        factors_free(factors);
    }
}

/* All at once: each cause is what the exchange of its group changes after those before. */
static void causes_follow_their_order(void **state)
{
    struct world *world = *state;
    struct factors *models = vintage("models", MODELS);
    struct factors *method = vintage("method", MODELS ";" METHOD);
    struct statement *one, *two, *all;

    newer = vintage("2027", MODELS ";" METHOD ";" DATA_CENTRES ";" ELECTRICITY ";" WATER);
    use_all(world, NOON);
    one = restate(world, "2026-10", models);
    two = restate(world, "2026-10", method);
    all = restate(world, "2026-10", newer);
    for (int quantity = 0; quantity < RATES_QUANTITIES; quantity++) {
        double first[RATES_QUANTITIES], second[RATES_QUANTITIES];

        set_central(&row_of(one, MONTH_OF(2026, 10), "DRH", "chatgpt-web")->restated, first);
        set_central(&row_of(two, MONTH_OF(2026, 10), "DRH", "chatgpt-web")->restated, second);
        assert_near(cause_of(all, "chatgpt-web", STATEMENT_METHOD, (enum rates_quantity)quantity),
                    second[quantity] - first[quantity], second[quantity]);
    }
    assert_true(cause_of(all, "chatgpt-web", STATEMENT_ELECTRICITY, RATES_GWP_USE_KGCO2E) > 0);
    assert_true(cause_of(all, "mistral-web", STATEMENT_METHOD, RATES_ENERGY_KWH) > 0);
    statement_free(one);
    statement_free(two);
    statement_free(all);
    factors_free(models);
    factors_free(method);
}

/* The impact in the ledger is not what its vintage computes today. */
static void what_was_computed_otherwise_has_a_cause(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    const struct statement_row *row;

    use_times(world, NOON, DRH, CHATGPT, 10, MANY, 1.5);
    use_times(world, NOON, DRH, CLAUDE, 10, MANY, 0); /* without a model then */
    statement = restate(world, "2026-10", world->config->factors);
    row = row_of(statement, MONTH_OF(2026, 10), "DRH", "chatgpt-web");
    assert_near(row->causes[STATEMENT_CONFIGURATION][RATES_ENERGY_KWH],
                -row->restated.energy_kwh.central / 2, row->restated.energy_kwh.central);
    row = row_of(statement, MONTH_OF(2026, 10), "DRH", "claude-web");
    assert_true(row->recorded.energy_kwh.high == 0 && row->restated.energy_kwh.low > 0);
    assert_only(row, STATEMENT_CONFIGURATION);
    assert_adds_up(statement);
    statement_free(statement);
}

static void what_is_not_at_hand_is_one_cause(void **state)
{
    struct world *world = *state;
    struct statement *statement;

    world_record_with(world, "1999", 1);
    use_all(world, NOON);
    world_record_with(world, "2026", DIGEST);
    use_all(world, NOON + DAY_S); /* of the same month: not told apart */
    use_all(world, NOVEMBER + DAY_S);
    newer = vintage("2027", ELECTRICITY);
    statement = restate(world, "2026-10..2026-11", newer);
    assert_adds_up(statement);
    for (size_t i = 0; i < statement->row_count; i++)
        assert_only(&statement->rows[i], statement->rows[i].month == MONTH_OF(2026, 10)
                                             ? STATEMENT_NOT_AT_HAND
                                             : STATEMENT_ELECTRICITY);
    assert_true(cause_of(statement, "chatgpt-web", STATEMENT_NOT_AT_HAND, RATES_GWP_USE_KGCO2E) >
                0);
    assert_int_equal(statement->set_count, 2);
    for (size_t i = 0; i < statement->set_count; i++)
        assert_int_equal(statement->sets[i].at_hand,
                         strcmp(statement->sets[i].vintage, "2026") == 0);
    statement_free(statement);
}

/* Another vintage that is still beside the configured one is at hand. */
static void vintages_beside_are_at_hand(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct factors *shipped = world->config->factors;

    world->config->factors = vintage("2025", WATER);
    world_record_with(world, "2025", 3);
    use_all(world, NOON);
    factors_free(world->config->factors);
    world->config->factors = shipped;
    statement = restate(world, "2026-10", shipped);
    for (size_t i = 0; i < statement->row_count; i++)
        assert_only(&statement->rows[i], STATEMENT_WATER);
    assert_true(cause_of(statement, "chatgpt-web", STATEMENT_WATER, RATES_WATER_L) < 0);
    statement_free(statement);
}

static void a_service_without_a_model_keeps_its_figures(void **state)
{
    struct world *world = *state;
    struct service without = services[CLAUDE];
    struct statement *statement;
    const struct statement_row *row;

    use_all(world, NOON);
    without.model[0] = '\0';
    assert_true(catalogue_set_service(world->config->catalogue, CLAUDE, &without));
    newer = vintage("2027", MODELS ";" ELECTRICITY);
    statement = restate(world, "2026-10", newer);
    row = row_of(statement, MONTH_OF(2026, 10), "DRH", "claude-web");
    assert_true(row->recorded.energy_kwh.central > 0);
    assert_same(&row->restated, &row->recorded);
    assert_only(row, STATEMENT_CAUSES);
    statement_free(statement);
}

/* Mixes begin with a local month: a minute before and one after are of two. */
static void mixes_change_with_the_month(void **state)
{
    struct world *world = *state;
    struct mix mix = MIX;
    struct statement *statement;
    const struct activity activity = activity_of(5);
    struct impact before, after;

    assert_true(calendar_parse_day("2026-11-01", &mix.from_day));
    assert_true(catalogue_set_mixes(world->config->catalogue, CHATGPT, &mix, 1));
    use(world, NOVEMBER - 60, DRH, CHATGPT, 5, MANY);
    use(world, NOVEMBER, DRH, CHATGPT, 5, MANY);
    newer = vintage("2027", MODELS ";" METHOD ";" DATA_CENTRES ";" ELECTRICITY ";" WATER);
    statement = restate(world, "2026-10..2026-11", newer);
    before = impact_with(world, newer, CHATGPT, NOVEMBER - 60, &activity);
    after = impact_with(world, newer, CHATGPT, NOVEMBER, &activity);
    assert_true(before.energy_kwh.central > 1.1 * after.energy_kwh.central);
    assert_same(&row_of(statement, MONTH_OF(2026, 10), "DRH", "chatgpt-web")->restated, &before);
    assert_same(&row_of(statement, MONTH_OF(2026, 11), "DRH", "chatgpt-web")->restated, &after);
    assert_adds_up(statement);
    statement_free(statement);
}

/* ---- What is shown ---- */

static struct month_report *report_at(struct world *world, const char *text, int64_t now_s)
{
    struct calendar_month month;
    char error[200] = "";
    struct month_report *report;

    assert_true(calendar_parse_month(text, &month));
    report = month_build(world->ledger, world->config, month, now_s, error, sizeof(error));
    assert_string_equal(error, "");
    return report;
}

static struct month_report *report_of(struct world *world, const char *text)
{
    return report_at(world, text, LATER);
}

/* The same of single exchanges, as NaN is not near to anything. */
static void assert_same_random(const struct world *world, const struct restate_line *line,
                               const struct month_totals *totals)
{
    double sigma = restate_random_sigma(line, world->config->factors);

    assert_true(sigma >= 0);
    assert_near(sigma, month_random_sigma(totals, world->config->factors), 1);
}

static void assert_same_tables(const struct world *world, const struct month_table *reported,
                               const struct restate_table *restated)
{
    size_t matched = 0;

    for (size_t i = 0; i < reported->count; i++)
        for (size_t j = 0; j < restated->count; j++)
            if (strcmp(reported->rows[i].id, restated->lines[j].id) == 0) {
                assert_same(&restated->lines[j].recorded, &reported->rows[i].totals.impact);
                assert_same_random(world, &restated->lines[j], &reported->rows[i].totals);
                matched++;
            }
    for (size_t i = 0; i < reported->count; i++)
        if (reported->rows[i].totals.impact.energy_kwh.high > 0 || reported->rows[i].is_other)
            matched--;
    assert_int_equal(matched, 0);
}

/* Random numbers of devices, activity around the midnights of UTC and Paris and beyond the month:
 * what is folded is the same in both. */
static void a_view_shows_what_the_report_shows(void **state)
{
    struct world *world = *state;
    int merged = 0;

    srand48(2);
    for (int round = 0; round < 40; round++) {
        static const int64_t days[] = {OCTOBER - 3600,  OCTOBER,       OCTOBER + 7200, NOON,
                                       NOVEMBER - 3600, NOVEMBER - 60, NOVEMBER + 7200};
        struct statement *statement;
        struct restate_view *view;
        struct month_report *report;

        if (round > 0) {
            ledger_close(world->ledger);
            scratch_teardown(NULL);
            scratch_setup(NULL);
            snprintf(world->config->state_directory, PATH_MAX, "%s", scratch_directory);
            world->ledger = ledger_open(scratch_directory, true, (char[200]){0}, 200);
            world_record_with(world, "2026", DIGEST);
        }
        for (int i = 0; i < 12; i++)
            use(world, days[lrand48() % 7] + 60 * (lrand48() % 9),
                (uint16_t)(lrand48() % (DIRECTIONS + 1)), (uint16_t)(lrand48() % SERVICES),
                1 + 9 * drand48(), (uint32_t)(lrand48() % 9));
        use(world, NOON, DSN, CHATGPT, 3, MANY);
        if (round % 2 == 1) /* as if recorded before that was */
            scratch_sql("ledger.db",
                        "UPDATE activity SET tokens_out_variance = NULL WHERE service = 1");
        statement = restate(world, "2026-10", world->config->factors);
        view = restate_view_new(statement, world->config);
        report = report_of(world, "2026-10");
        assert_int_equal(view->withheld_months, report->withheld);
        assert_int_equal(view->has_folded, report->suppressed != SUPPRESS_NONE);
        assert_same(&view->total.recorded, &report->total.impact);
        if (!report->withheld)
            assert_same_random(world, &view->total, &report->total);
        if (report->suppressed != SUPPRESS_ALL) {
            assert_same_tables(world, &report->directions, &view->directions);
            assert_same_tables(world, &report->services, &view->services);
        }
        merged += report->suppressed == SUPPRESS_MERGED;
        month_free(report);
        restate_view_free(view);
        statement_free(statement);
    }
    assert_true(merged > 5);
}

/* Fewer devices than the threshold in all: the report has no total, and here it is in none. */
static void withheld_months_are_left_out(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct restate_view *view;

    use(world, NOON, DRH, CHATGPT, 5, WORLD_THRESHOLD - 1);
    use(world, NOVEMBER + DAY_S, DRH, CHATGPT, 5, MANY);
    statement = restate(world, "2026-10..2026-11", world->config->factors);
    view = restate_view_new(statement, world->config);
    assert_int_equal(view->months, 2);
    assert_int_equal(view->withheld_months, 1);
    assert_same(&view->total.recorded,
                &row_of(statement, MONTH_OF(2026, 11), "DRH", "chatgpt-web")->recorded);
    restate_view_free(view);
    statement_free(statement);
}

/* Nor do the same few under two codes, in two months of a statement, make a total or "other". */
static void renamed_directions_are_no_second_crowd(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct restate_view *view;

    use(world, NOON, DRH, CHATGPT, 5, WORLD_THRESHOLD - 1);
    use(world, NOON + DAY_S, CABINET, CHATGPT, 5, WORLD_THRESHOLD - 1);
    use(world, NOVEMBER + DAY_S, DRH, CHATGPT, 5, WORLD_THRESHOLD - 1);
    use(world, NOVEMBER + 2 * DAY_S, CABINET, CHATGPT, 5, WORLD_THRESHOLD - 1);
    use(world, NOVEMBER + DAY_S, DSN, CHATGPT, 5, MANY);
    use(world, NOVEMBER + DAY_S, DSN, CLAUDE, 5, MANY + 1);
    statement = restate(world, "2026-10..2026-11", world->config->factors);
    view = restate_view_new(statement, world->config);
    assert_int_equal(view->withheld_months, 1);
    assert_int_equal(view->shown_count, 1); /* the smaller of DSN's is folded with November's */
    restate_view_free(view);
    statement_free(statement);
}

static struct restate_line *line_of(const struct restate_table *table, const char *id)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->lines[i].id, id) == 0)
            return &table->lines[i];
    fail_msg("no line %s", id);
    return NULL;
}

/* "Other" is not computed with other factors, nor can it be by subtraction: the change of the total
 * is that of what is shown. */
static void what_is_folded_stays_as_recorded(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct restate_view *view;
    const struct restate_line *other;
    double shown = 0;

    use_all(world, NOON);
    use(world, NOON + 3600, DRH, CLAUDE, 50, 1);
    use(world, NOON + DAY_S, CABINET, MISTRAL, 50, 1);
    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
    world->config->report.threshold = MANY + 1;
    use(world, NOON, DSN, CHATGPT, 1, 2 * MANY); /* folded, for the others to hide behind */
    use(world, NOON, DRH, CHATGPT, 1, 3 * MANY);
    newer = vintage("2027", ELECTRICITY);
    statement = restate(world, "2026-10", newer);
    view = restate_view_new(statement, world->config);
    assert_true(view->has_folded);
    other = line_of(&view->directions, MONTH_OTHER);
    assert_true(other->recorded.gwp_use_kgco2e.central > 0);
    assert_true(memcmp(&other->recorded, &other->restated, sizeof(other->recorded)) == 0);
    for (int i = 0; i < STATEMENT_CAUSES; i++)
        assert_true(restate_cause(other, (enum statement_cause)i, RESTATE_GWP) == 0);
    for (size_t i = 0; i < view->directions.count; i++)
        shown += restate_cause(&view->directions.lines[i], STATEMENT_ELECTRICITY, RESTATE_GWP);
    assert_true(shown > 0);
    assert_near(restate_cause(&view->total, STATEMENT_ELECTRICITY, RESTATE_GWP), shown, shown);
    /* Of each pair, causes that are rounding are dropped: of a sum, some more than of one. */
    assert_near(restate_value(&view->total.restated, RESTATE_GWP).central,
                restate_value(&view->total.recorded, RESTATE_GWP).central + shown, 100);
    restate_view_free(view);
    statement_free(statement);
}

static void a_figure_passes_beyond_the_threshold(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct restate_view *view;

    use_all(world, NOON);
    newer = vintage("2027", "s/(id = \"USA\"; gwp_kgco2e_per_kwh = 0\\.)38/\\141/"); /* +7.8 % */
    statement = restate(world, "2026-10", newer);
    view = restate_view_new(statement, world->config);
    assert_true(restate_view_passes(view));
    assert_true(restate_passes(statement, line_of(&view->services, "chatgpt-web"), RESTATE_GWP));
    assert_false(
        restate_passes(statement, line_of(&view->services, "chatgpt-web"), RESTATE_ENERGY));
    assert_false(line_of(&view->services, "mistral-web")->passes); /* in Sweden */
    restate_view_free(view);
    statement->threshold_percent = 8;
    view = restate_view_new(statement, world->config);
    assert_false(restate_view_passes(view));
    restate_view_free(view);
    statement_free(statement);
}

/* ---- Kept ---- */

static void append(struct world *world, struct statement *statement)
{
    char error[400];

    if (!statements_append(world->config->state_directory, statement, error, sizeof(error)))
        fail_msg("%s", error);
}

static struct statement *load(struct world *world, int64_t number, int month)
{
    char error[400];
    struct statement *statement =
        statements_load(world->config->state_directory, number, month, error, sizeof(error));

    assert_string_equal(error, "");
    return statement;
}

/* Of all of a month, which ends at END. */
static struct statement *load_newest(struct world *world, int month, int64_t end_s)
{
    char error[400];
    struct statement *statement =
        statements_load_newest(world->config->state_directory, month, end_s, error, sizeof(error));

    assert_string_equal(error, "");
    return statement;
}

static bool count_statement(void *context, const struct statement *statement)
{
    int64_t *last = context;

    assert_int_equal(statement->number, ++*last);
    return true;
}

/* To the last bit. */
static void assert_same_row(const struct statement_row *a, const struct statement_row *b)
{
    assert_int_equal(a->month, b->month);
    assert_string_equal(a->direction, b->direction);
    assert_string_equal(a->service, b->service);
    assert_int_equal(a->devices, b->devices);
    assert_memory_equal(&a->recorded, &b->recorded, sizeof(a->recorded));
    assert_memory_equal(&a->restated, &b->restated, sizeof(a->restated));
    assert_memory_equal(a->causes, b->causes, sizeof(a->causes));
    assert_true(a->use.is_known && b->use.is_known);
    assert_memory_equal(&a->use.requests, &b->use.requests,
                        sizeof(a->use) - offsetof(struct statement_use, requests));
}

static void statements_come_back_exactly(void **state)
{
    struct world *world = *state;
    struct statement *first, *second, *loaded;
    int64_t last = 0;
    char error[400];

    assert_null(load_newest(world, MONTH_OF(2026, 10), NOVEMBER));
    assert_null(load(world, 1, -1));
    use_all(world, NOON);
    use_all(world, NOVEMBER + DAY_S);
    newer = vintage("2027", MODELS ";" ELECTRICITY);
    first = restate(world, "2026-10..2026-11", newer);
    second = restate(world, "2026-11", world->config->factors);
    first->passes = true;
    append(world, first);
    append(world, second);
    assert_int_equal(first->number, 1);
    assert_int_equal(second->number, 2);
    loaded = load(world, 1, -1);
    assert_int_equal(loaded->row_count, first->row_count);
    for (size_t i = 0; i < first->row_count; i++)
        assert_same_row(&loaded->rows[i], &first->rows[i]);
    assert_int_equal(loaded->set_count, first->set_count);
    assert_string_equal(loaded->sets[0].vintage, "2026");
    assert_true(loaded->sets[0].digest == DIGEST && loaded->sets[0].at_hand);
    assert_string_equal(loaded->vintage, "2027");
    assert_string_equal(loaded->period, "2026-10..2026-11");
    assert_true(loaded->factors == 99 && loaded->configuration == DIGEST && loaded->passes);
    assert_int_equal(loaded->made_s, LATER);
    statement_free(loaded);
    /* The newest of a month, and its rows alone. */
    loaded = load_newest(world, MONTH_OF(2026, 10), NOVEMBER);
    assert_int_equal(loaded->number, 1);
    assert_int_equal(loaded->row_count, (DIRECTIONS + 1) * SERVICES);
    statement_free(loaded);
    loaded = load_newest(world, MONTH_OF(2026, 11), DECEMBER);
    assert_int_equal(loaded->number, 2);
    statement_free(loaded);
    assert_null(load(world, 3, -1));
    assert_true(statements_visit(scratch_directory, count_statement, &last, error, sizeof(error)));
    assert_int_equal(last, 2);
    statement_free(first);
    statement_free(second);
}

static void assert_json(const struct restate_view *view);

/* What was stated before is kept as it was, and tells nothing of single exchanges. */
static void statements_of_an_older_format_stay(void **state)
{
    static const char to_format_1[] =
        "ALTER TABLE statement_row DROP COLUMN requests;"
        "ALTER TABLE statement_row DROP COLUMN tokens_out_low;"
        "ALTER TABLE statement_row DROP COLUMN tokens_out_central;"
        "ALTER TABLE statement_row DROP COLUMN tokens_out_high;"
        "ALTER TABLE statement_row DROP COLUMN tokens_out_variance;"
        "ALTER TABLE statement_row DROP COLUMN unscattered_requests;"
        "ALTER TABLE statement_row DROP COLUMN unscattered_tokens_out; PRAGMA user_version = 1";
    struct world *world = *state;
    struct statement *statement, *loaded;
    struct restate_view *view;

    use_all(world, NOON);
    statement = restate(world, "2026-10", world->config->factors);
    append(world, statement);
    assert_int_equal(scratch_sql("statements.db", to_format_1), SQLITE_OK);
    for (int i = 0; i < 2; i++) {
        loaded = load(world, 1, -1);
        assert_int_equal(loaded->row_count, statement->row_count);
        assert_false(loaded->rows[0].use.is_known);
        assert_same(&loaded->rows[0].restated, &statement->rows[0].restated);
        view = restate_view_new(loaded, world->config);
        assert_true(isnan(restate_random_sigma(&view->total, world->config->factors)));
        assert_json(view);
        restate_view_free(view);
        statement_free(loaded);
        if (i == 0)
            append(world, statement); /* the file has this format now */
    }
    loaded = load(world, 2, -1);
    for (size_t i = 0; i < statement->row_count; i++)
        assert_same_row(&loaded->rows[i], &statement->rows[i]);
    statement_free(loaded);
    statement_free(statement);
}

static void statements_are_never_changed(void **state)
{
    static const char *const changes[] = {
        "UPDATE statement SET vintage = '2030'", "DELETE FROM statement",
        "UPDATE statement_set SET digest = 0",   "DELETE FROM statement_set",
        "UPDATE statement_row SET devices = 0",  "DELETE FROM statement_row"};
    struct world *world = *state;
    struct statement *statement;
    struct stat status;
    char path[PATH_MAX];

    use_all(world, NOON);
    statement = restate(world, "2026-10", world->config->factors);
    append(world, statement);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        assert_int_equal(scratch_sql("statements.db", changes[i]), SQLITE_CONSTRAINT);
    scratch_path(path, "statements.db");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    statement_free(statement);
}

/* All of a statement or nothing of it. */
static void half_a_statement_is_none(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    int64_t last = 0;
    char error[400] = "";

    use_all(world, NOON);
    statement = restate(world, "2026-10", world->config->factors);
    append(world, statement);
    statement->rows[statement->row_count - 1].restated.water_l.high = NAN; /* NULL, refused */
    assert_false(statements_append(scratch_directory, statement, error, sizeof(error)));
    assert_non_null(strstr(error, "statements.db"));
    assert_int_equal(statement->number, 0);
    assert_true(statements_visit(scratch_directory, count_statement, &last, error, sizeof(error)));
    assert_int_equal(last, 1);
    statement->rows[statement->row_count - 1].restated.water_l.high = 1;
    append(world, statement);
    assert_int_equal(statement->number, 2);
    statement_free(statement);
}

static void foreign_files_are_refused(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    char error[400] = "";

    use_all(world, NOON);
    statement = restate(world, "2026-10", world->config->factors);
    append(world, statement);
    assert_int_equal(scratch_sql("statements.db", "PRAGMA user_version = 3"), SQLITE_OK);
    assert_false(statements_append(scratch_directory, statement, error, sizeof(error)));
    assert_non_null(strstr(error, "newer version"));
    assert_null(statements_load(scratch_directory, 1, -1, error, sizeof(error)));
    assert_non_null(strstr(error, "newer version"));
    scratch_write("statements.db", "no database, but long enough to be taken for one at first\n");
    assert_false(statements_append(scratch_directory, statement, error, sizeof(error)));
    assert_null(strchr(error, '\n'));
    assert_false(statements_append("/nowhere", statement, error, sizeof(error)));
    assert_non_null(strstr(error, "/nowhere/statements.db"));
    statement_free(statement);
}

/* Reading the ledger, and writing beside it, leaves every byte of it as it was. */
static void the_ledger_is_untouched(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    char path[PATH_MAX], error[200];
    char *before, *after;
    size_t size_before, size_after;

    use_all(world, NOON);
    ledger_close(world->ledger);
    scratch_path(path, "ledger.db");
    before = read_whole(path, &size_before);
    world->ledger = ledger_open(scratch_directory, false, error, sizeof(error));
    assert_non_null(world->ledger);
    newer = vintage("2027", MODELS ";" ELECTRICITY);
    statement = restate(world, "2026", newer);
    append(world, statement);
    statement_free(statement);
    ledger_close(world->ledger);
    world->ledger = NULL;
    after = read_whole(path, &size_after);
    assert_int_equal(size_before, size_after);
    assert_memory_equal(before, after, size_before);
    free(before);
    free(after);
}

/* ---- Refused ---- */

static void nothing_to_restate(void **state)
{
    struct world *world = *state;
    const struct factors *factors = world->config->factors;
    struct factors *poor;

    refused(world, "2026-13", factors, LATER, RESTATE_USAGE, "2026-13");
    refused(world, "2026-11..2026-10", factors, LATER, RESTATE_USAGE, "not a period");
    refused(world, "2026-10", factors, LATER, RESTATE_NOTHING, "no use is recorded in 2026-10");
    use_all(world, NOON);
    refused(world, "2026-09", factors, LATER, RESTATE_NOTHING, "2026-09");
    refused(world, "2026-10", factors, OCTOBER, RESTATE_NOTHING, "future");
    poor = vintage("2027", "s/id = \"openai\";/id = \"openbye\";/");
    refused(world, "2026-10", poor, LATER, RESTATE_USAGE, "vintage 2027: service chatgpt-web: ");
    factors_free(poor);
}

/* What is not over is restated as far as it goes. */
static void a_running_period_ends_now(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    char error[400];

    use(world, NOON, DRH, CHATGPT, 5, MANY);
    use(world, NOON + 600, DRH, CHATGPT, 5, MANY);
    assert_int_equal(try_at(world, "2026", world->config->factors, NOON + 630, &statement, error),
                     RESTATE_OK);
    assert_true(statement->running);
    assert_int_equal(statement->until_s, NOON + 600);
    assert_int_equal(statement->row_count, 1);
    assert_near(statement->rows[0].recorded.energy_kwh.central,
                impact_with(world, world->config->factors, CHATGPT, NOON,
                            &(struct activity){.requests = activity_of(5).requests,
                                               .tokens_in = activity_of(5).tokens_in,
                                               .tokens_out = activity_of(5).tokens_out})
                    .energy_kwh.central,
                statement->rows[0].recorded.energy_kwh.central);
    statement_free(statement);
}

/* ---- Written ---- */

enum format { TEXT_FR, TEXT_EN, TSV, JSON };

static char *written(const struct restate_view *view, enum format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (format == JSON)
        assert_true(restate_write_json(view, stream));
    else if (format == TSV)
        assert_true(restate_write_tsv(view, stream));
    else
        assert_true(
            restate_write_text(view, format == TEXT_FR ? LANGUAGE_FR : LANGUAGE_EN, stream));
    fclose(stream);
    readable_assert(text, format != TSV && format != JSON);
    return text;
}

static void assert_contains(const struct restate_view *view, enum format format, const char *words)
{
    char *text = written(view, format);

    if (!strstr(text, words))
        fail_msg("\"%s\" is not in:\n%s", words, text);
    free(text);
}

static unsigned count_fields(const char *line)
{
    unsigned count = 1;

    for (; *line && *line != '\n'; line++)
        count += *line == '\t';
    return count;
}

static void assert_table(const struct restate_view *view)
{
    char *text = written(view, TSV);
    unsigned fields = count_fields(text);
    size_t lines = 0;

    assert_int_equal(fields, 16 + STATEMENT_CAUSES + 3); /* three of names */
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++)
        assert_int_equal(count_fields(line), fields);
    assert_int_equal(lines,
                     1 + RESTATE_INDICATORS * (1 + view->directions.count + view->services.count));
    free(text);
}

static void assert_json(const struct restate_view *view)
{
    char *text = written(view, JSON);
    json_t *object = json_loads(text, 0, NULL);
    json_t *figure = json_object_get(json_object_get(object, "total"), "gwp_kgco2e");
    double sum = json_real_value(json_object_get(json_object_get(figure, "recorded"), "central"));
    double restated =
        json_real_value(json_object_get(json_object_get(figure, "restated"), "central"));
    const char *name;
    json_t *value;

    assert_non_null(object);
    json_object_foreach(json_object_get(figure, "causes"), name, value) sum +=
        json_real_value(value);
    assert_near(sum, restated, restated);
    assert_true(restated > 0);
    json_decref(object);
    free(text);
}

/* A row so small that its column shows nothing of it. */
static void what_rounds_to_nothing_is_not_nothing(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct restate_view *view;
    char *text, *row;
    size_t found = 0;

    use(world, NOON, DRH, CHATGPT, 1e6, MANY);
    use(world, NOON, DSN, CHATGPT, 0.0001, MANY);
    newer = vintage("2027", MODELS);
    statement = restate(world, "2026-10", newer);
    append(world, statement);
    view = restate_view_new(statement, world->config);
    text = written(view, TEXT_EN);
    row = strstr(text, "/DSN/");
    assert_non_null(row);
    *row = '\0';
    row = strrchr(text, '\n');
    for (; (row = strstr(row, "<\u00a0")); row++)
        found++;
    assert_int_equal(found, 6); /* recorded and restated, of three */
    free(text);
    restate_view_free(view);
    statement_free(statement);
}

/* In milligrams, of which there are a few. */
static void assert_antimony(const struct restate_view *view)
{
    const struct triple recorded = restate_value(&view->total.recorded, RESTATE_ADPE);
    char words[100];

    snprintf(words, sizeof(words), " (mgSbeq)     %.3f (%.3f–%.3f) ", 1e6 * recorded.central,
             1e6 * recorded.low, 1e6 * recorded.high);
    assert_contains(view, TEXT_EN, words);
    assert_contains(view, TEXT_EN, "  kgCO₂e  mgSbeq  ");
    assert_contains(view, TSV, "\tadpe_kgsb\tkgSbeq\t");
}

static void a_statement_is_written(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct restate_view *view;

    use_all(world, NOON);
    use(world, NOON, CABINET, CLAUDE, 1, 1);
    newer = vintage("2027", MODELS ";" ELECTRICITY ";" WATER);
    statement = restate(world, "2026-10", newer);
    append(world, statement);
    view = restate_view_new(statement, world->config);
    assert_contains(view, TEXT_FR,
                    "Révision n° 1\u00a0: 2026-10, avec les facteurs du millésime "
                    "2027");
    assert_contains(view, TEXT_EN,
                    "Statement 1: 2026-10, restated with the factors of vintage "
                    "2027");
    assert_contains(view, TEXT_EN, "size and speed of models");
    assert_contains(view, TEXT_EN, "electricity (gases, metals)");
    assert_contains(view, TEXT_EN, "change by more than 5 %");
    assert_contains(view, TEXT_FR, "les mêmes avant et après");
    assert_contains(view, TEXT_FR, "Causette");
    assert_contains(view, TEXT_EN, "ChatGPT");
    assert_contains(view, JSON, "\"tokens_out_random_sigma\": 0.0");
    assert_contains(view, TSV, "\tservice\tchatgpt-web\tChatGPT\tgwp_kgco2e\tkgCO2e\t");
    assert_antimony(view);
    assert_table(view);
    assert_json(view);
    restate_view_free(view);
    statement_free(statement);
    statement = restate(world, "2026-10", world->config->factors);
    view = restate_view_new(statement, world->config);
    assert_contains(view, TEXT_EN, "No change: ");
    restate_view_free(view);
    statement_free(statement);
}

/* ---- The month's report ---- */

static void the_report_tells_of_it(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    struct statement *statement;
    char error[400];
    char *text = NULL;
    size_t size = 0;
    FILE *stream;

    use_all(world, NOON);
    report = report_of(world, "2026-10");
    assert_true(restate_add_to_month(report, error, sizeof(error)));
    assert_int_equal(report->restatement.number, 0);
    newer = vintage("2027", ELECTRICITY);
    for (int i = 0; i < 2; i++) {
        statement = restate(world, "2026", i == 0 ? world->config->factors : newer);
        append(world, statement);
        statement_free(statement);
    }
    assert_true(restate_add_to_month(report, error, sizeof(error)));
    assert_int_equal(report->restatement.number, 2);
    assert_string_equal(report->restatement.vintage, "2027");
    assert_same(&report->restatement.recorded.impact, &report->total.impact);
    assert_true(report->restatement.restated.impact.gwp_use_kgco2e.central >
                1.05 * report->total.impact.gwp_use_kgco2e.central);
    stream = open_memstream(&text, &size);
    assert_true(month_write_html(report, "en", NULL, 0, stream));
    csv_month(report, stream);
    assert_true(month_write_json(report, stream));
    month_print(report, "en", stream);
    fclose(stream);
    assert_non_null(strstr(text, "This month was restated (statement 2 of "));
    assert_non_null(strstr(text, "\n2026-10,restated,2,2027,gwp_kgco2e,kgCO2e,"));
    assert_non_null(strstr(text, "\"restatement\": {"));
    assert_non_null(strstr(text, "\"id\": \"2026-10/@restated-from/2/water_l\""));
    assert_non_null(strstr(text, " [2026-10/@restated/2/energy_kwh] "));
    free(text);
    month_free(report);
}

/* The word before AT, which is moved to its begin. */
static size_t word_before(const char *text, const char **at)
{
    const char *end = *at;

    while (end > text && end[-1] == ' ')
        end--;
    *at = end;
    while (*at > text && (*at)[-1] != ' ' && (*at)[-1] != '\n')
        --*at;
    return (size_t)(end - *at);
}

/* Rows add up in either column, and yet one that did not change must not read as if it had. */
static void what_did_not_change_reads_the_same(void **state)
{
    struct world *world = *state;
    unsigned found = 0;

    newer = vintage("2027", ELECTRICITY);
    for (int i = 0; i < 12; i++) {
        struct statement *statement;
        struct restate_view *view;
        char *text;

        use(world, NOON + 60 * i, DRH, CHATGPT, 10.7 + i, MANY);
        use(world, NOON + 60 * i, DSN, MISTRAL, 7.3 * i, MANY);
        use(world, NOON + 60 * i, DSN, CLAUDE, 1.9 + i, MANY);
        use(world, NOON + 60 * i, CABINET, CLAUDE, 0.7 * i, MANY);
        statement = restate(world, "2026-10", newer);
        for (size_t j = 0; j < statement->row_count; j++) /* another model of one service */
            if (strcmp(statement->rows[j].service, "chatgpt-web") == 0)
                statement->rows[j].restated.energy_kwh =
                    triple_scale(statement->rows[j].restated.energy_kwh, 1.37);
        view = restate_view_new(statement, world->config);
        text = written(view, TEXT_EN);
        for (const char *at = text; (at = strstr(at, " 0.0 %")); at++) {
            const char *restated = at, *recorded;
            size_t length = word_before(text, &restated);

            recorded = restated;
            if (restated[length - 1] == ')') /* the total, with its band */
                continue;
            found++;
            assert_int_equal(word_before(text, &recorded), length);
            assert_memory_equal(recorded, restated, length);
        }
        free(text);
        restate_view_free(view);
        statement_free(statement);
    }
    assert_true(found > 12);
}

/* A statement that was made within the month is of a part of it: the report would compare that with
 * its total, and the rest of the month could be told by subtraction. */
static void the_report_tells_of_whole_months_only(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    struct statement *statement;
    char error[400];

    use_all(world, NOON);
    use_all(world, NOVEMBER + DAY_S);
    newer = vintage("2027", ELECTRICITY);
    assert_int_equal(try_at(world, "2026", newer, NOVEMBER + 2 * DAY_S, &statement, error),
                     RESTATE_OK);
    append(world, statement);
    statement_free(statement);
    use_all(world, NOVEMBER + 20 * DAY_S);
    report = report_of(world, "2026-11");
    assert_true(restate_add_to_month(report, error, sizeof(error)));
    assert_int_equal(report->restatement.number, 0);
    month_free(report);
    report = report_of(world, "2026-10");
    assert_true(restate_add_to_month(report, error, sizeof(error)));
    assert_int_equal(report->restatement.number, 1);
    assert_same(&report->restatement.recorded.impact, &report->total.impact);
    month_free(report);
    /* While it runs, of what it has, which is provisional as the report is. */
    report = report_at(world, "2026-11", NOVEMBER + 2 * DAY_S);
    assert_true(report->running);
    assert_true(restate_add_to_month(report, error, sizeof(error)));
    assert_int_equal(report->restatement.number, 1);
    assert_same(&report->restatement.recorded.impact, &report->total.impact);
    month_free(report);
}

/* How many the year's report tells of, at NOW_S. */
static int64_t told_of_the_year(struct world *world, int64_t now_s)
{
    char error[400] = "";
    struct year_report *year =
        year_build(world->ledger, world->config, 2026, now_s, error, sizeof(error));
    int64_t number;

    assert_non_null(year);
    if (!restate_add_to_year(&year->sums, error, sizeof(error)))
        fail_msg("%s", error);
    number = year->sums.restatement.number;
    if (number > 0)
        assert_same(&year->sums.restatement.recorded.impact, &year->sums.total.impact);
    year_free(year);
    return number;
}

/* A statement that was made within the year has days of a month that the year's report has not. It
 * says no word of it, and does not ask for another one, which would have such days, too. */
static void the_years_report_tells_of_whole_years_alone(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    char error[400];

    use_all(world, NOON);
    use_all(world, NOVEMBER + DAY_S);
    newer = vintage("2027", ELECTRICITY);
    assert_int_equal(try_at(world, "2026", newer, NOVEMBER + 2 * DAY_S, &statement, error),
                     RESTATE_OK);
    append(world, statement);
    statement_free(statement);
    assert_int_equal(told_of_the_year(world, NOVEMBER + 3 * DAY_S), 0);
    assert_int_equal(told_of_the_year(world, LATER), 0);
    statement = restate(world, "2026", newer);
    append(world, statement);
    statement_free(statement);
    assert_int_equal(told_of_the_year(world, LATER), 2);
}

/* What came after the statement, as of a capture that was replayed, is in the report's total alone.
 */
static void the_report_tells_of_no_older_records(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    struct statement *statement;
    char error[400];

    use_all(world, NOON);
    newer = vintage("2027", ELECTRICITY);
    statement = restate(world, "2026-10", newer);
    append(world, statement);
    statement_free(statement);
    use(world, NOON + DAY_S, DRH, CHATGPT, 5, MANY);
    report = report_of(world, "2026-10");
    assert_false(restate_add_to_month(report, error, sizeof(error)));
    assert_non_null(strstr(error, "no longer what statement 1 restated"));
    assert_int_equal(report->restatement.number, 0);
    statement = restate(world, "2026-10", newer);
    append(world, statement);
    statement_free(statement);
    assert_true(restate_add_to_month(report, error, sizeof(error)));
    assert_int_equal(report->restatement.number, 2);
    month_free(report);
}

static char derive_error[400]; /* of the last one */

static struct derived *derive(const struct month_report *report, const char *name)
{
    char text[MONTH_FIGURE_SIZE];
    char *argument = text;
    struct explain_query query;
    struct derived *derived;

    snprintf(text, sizeof(text), "%s", name);
    assert_true(explain_parse(&argument, 1, &query));
    derived_build(report, &query, &derived, derive_error, sizeof(derive_error));
    return derived;
}

/* What was recorded beside what it is now, pair by pair, and why; older statements, too. */
static void a_statement_is_explained(void **state)
{
    struct world *world = *state;
    struct month_report *report;
    struct statement *statement;
    struct derived *derived, *before;
    char error[400], name[MONTH_FIGURE_SIZE];

    use_all(world, NOON);
    report = report_of(world, "2026-10");
    newer = vintage("2027", ELECTRICITY);
    for (int i = 0; i < 2; i++) {
        statement = restate(world, "2026", i == 0 ? world->config->factors : newer);
        append(world, statement);
        statement_free(statement);
    }
    assert_true(restate_add_to_month(report, error, sizeof(error)));
    for (int i = 0; i < RESTATE_INDICATORS; i++) {
        enum restate_indicator indicator = (enum restate_indicator)i;
        const char *same = month_indicator_name(restate_month_indicator(indicator));
        struct triple value = restate_value(&report->restatement.restated.impact, indicator);
        struct triple old = restate_value(&report->restatement.recorded.impact, indicator);

        snprintf(name, sizeof(name), "2026-10/@restated/2/%s", same);
        derived = derive(report, name);
        assert_non_null(derived);
        assert_true(derived->agrees);
        assert_memory_equal(&derived->value, &value, sizeof(value));
        snprintf(name, sizeof(name), "2026-10/@restated-from/2/%s", same);
        before = derive(report, name);
        assert_non_null(before);
        assert_true(before->agrees);
        assert_memory_equal(&before->value, &old, sizeof(old));
        derived_free(before);
        derived_free(derived);
    }
    derived = derive(report, "2026-10/@restated/2/gwp_use_kgco2e");
    before = derive(report, derived->terms[0].source); /* the first pair */
    assert_non_null(before);
    assert_memory_equal(&before->value, &derived->terms[0].value, sizeof(before->value));
    assert_string_equal(before->terms[before->term_count - 1].name, "by_electricity");
    derived_free(before);
    snprintf(name, sizeof(name), "2026-10/@restated/2/%s/./energy_kwh",
             report->directions.rows[0].id);
    before = derive(report, name);
    assert_non_null(before);
    assert_true(before->agrees);
    assert_non_null(strstr(before->terms[0].source, "2026-10/@restated/2/"));
    derived_free(before);
    assert_string_equal(derived->terms[derived->term_count - 1].name, "by_electricity");
    assert_string_equal(derived->terms[derived->term_count - 2].source,
                        "2026-10/@restated-from/2/gwp_use_kgco2e");
    derived_free(derived);
    /* The same factors: nothing is the cause of anything. */
    derived = derive(report, "2026-10/@restated/1/gwp_use_kgco2e");
    assert_string_equal(derived->terms[derived->term_count - 1].name, "before");
    derived_free(derived);
    assert_null(derive(report, "2026-10/@restated/3/gwp_use_kgco2e"));
    assert_null(derive(report, "2026-10/@restated/./gwp_use_kgco2e"));
    assert_null(derive(report, "2026-10/@restated/2/nobody/./gwp_use_kgco2e"));
    assert_null(derive(report, "2026-10/@restated/2/other/./gwp_use_kgco2e"));
    assert_null(derive(report, "2026-10/@restated/2/more/gwp_use_kgco2e"));
    assert_null(derive(report, "2026-10/@restated/2/requests"));
    assert_non_null(strstr(derive_error, "has no figure"));
    scratch_write("statements.db", "no database, but long enough to be taken for one at first\n");
    assert_null(derive(report, "2026-10/@restated/2/gwp_use_kgco2e"));
    assert_non_null(strstr(derive_error, "statements.db"));
    month_free(report);
}

/* What explain has under NAME, of the period or of a month, is CENTRAL. */
static void assert_named(const struct world *world, const char *name, double central)
{
    const struct month_report period = {.config = world->config};
    struct derived *derived = derive(&period, name);

    if (!derived)
        fail_msg("%s: %s", name, derive_error);
    assert_true(derived->agrees);
    if (derived->value.central != central)
        fail_msg("%s is %.17g, not %.17g", name, derived->value.central, central);
    assert_string_equal(derived->name, name);
    derived_free(derived);
}

/* Each number of OBJECT carries a name. Returns how many there are. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as our own JSON */
static size_t assert_all_named(const struct world *world, json_t *object)
{
    json_t *ids = json_object_get(object, "ids"), *value;
    size_t count = 0, index;
    const char *key;

    if (json_is_array(object)) {
        json_array_foreach(object, index, value) count += assert_all_named(world, value);
        return count;
    }
    if (json_object_get(object, "low")) {
        assert_named(world, json_string_value(json_object_get(object, "id")),
                     json_real_value(json_object_get(object, "central")));
        return 1;
    }
    json_object_foreach(object, key, value)
    {
        if (json_is_real(value) && strcmp(key, "threshold_percent") != 0) {
            if (!json_object_get(ids, key))
                fail_msg("%s has no name", key);
            assert_named(world, json_string_value(json_object_get(ids, key)),
                         json_real_value(value));
            count++;
        } else if (value != ids) {
            count += assert_all_named(world, value);
        }
    }
    return count;
}

/* Of several months, one of which folds a direction: recorded, restated, changes and causes. */
static void each_figure_of_a_statement_has_a_name(void **state)
{
    struct world *world = *state;
    struct statement *statement;
    struct restate_view *view;
    struct derived *derived;
    const struct month_report period = {.config = world->config};
    json_t *object;
    char *text;

    use_all(world, NOON);
    use(world, NOVEMBER + 60, DRH, CHATGPT, 5, 2 * MANY);
    use(world, NOVEMBER + 60, DSN, MISTRAL, 5, 2 * MANY);
    use(world, NOVEMBER + 60, CABINET, CLAUDE, 5, MANY);
    use(world, NOVEMBER + 60, DSN, CLAUDE, 5, MANY);
    world->config->report.threshold = MANY;
    use(world, NOVEMBER + 60, CABINET, CHATGPT, 1, 1);
    use(world, NOVEMBER + 60, DSN, CHATGPT, 1, MANY - 1);
    newer = vintage("2027", MODELS ";" ELECTRICITY ";" WATER);
    statement = restate(world, "2026-10..2026-11", newer);
    append(world, statement);
    view = restate_view_new(statement, world->config);
    assert_true(view->has_folded);
    text = written(view, JSON);
    object = json_loads(text, 0, NULL);
    assert_non_null(object);
    /* Of each indicator two sides, the change and the causes; the random part */
    assert_int_equal(assert_all_named(world, object),
                     (RESTATE_INDICATORS * (3 + STATEMENT_CAUSES) + 1) *
                         (1 + view->directions.count + view->services.count));
    json_decref(object);
    free(text);
    derived = derive(&period, "2026-10..2026-11/@restated/1/DRH/chatgpt-web/water_l");
    assert_non_null(derived);
    assert_string_equal(derived->terms[0].source, "2026-10/@restated/1/DRH/chatgpt-web/water_l");
    assert_string_equal(derived->terms[1].source, "2026-11/@restated/1/DRH/chatgpt-web/water_l");
    derived_free(derived);
    assert_contains(view, TEXT_EN, " 2026-10..2026-11/@restated/1/energy_kwh\n");
    assert_contains(view, TEXT_EN, " 2026-10..2026-11/@restated/1/DRH/.\n");
    assert_contains(view, TEXT_FR, " 2026-10..2026-11/@restated/1/./claude-web\n");
    assert_contains(view, TEXT_FR, " 2026-10..2026-11/@restated-by/water/1\n");
    assert_contains(view, TSV, "\t2026-10..2026-11/@restated-change/1/DRH/./water_l\n");
    assert_null(derive(&period, "2026/@restated/1/water_l")); /* not its period */
    assert_null(derive(&period, "2026-10..2026-11/@restated-by/nothing/1/water_l"));
    assert_null(derive(&period, "2026-10..2026-11/@restated-by/water/water_l"));
    assert_null(derive(&period, "2026-10..2026-11/@restated/1/NONE/./water_l"));
    restate_view_free(view);
    statement_free(statement);
}

static void vintage_paths(void **state)
{
    struct world *world = *state;
    char path[PATH_MAX];

    snprintf(world->config->factors_path, PATH_MAX, "/etc/iagmeter/factors/2026");
    assert_true(restate_vintage_path(world->config, "2027", path));
    assert_string_equal(path, "/etc/iagmeter/factors/2027");
    assert_true(restate_vintage_path(world->config, "./2027", path));
    assert_string_equal(path, "./2027");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_vintage_changes_nothing),
        TEST(another_vintage_is_computed_row_by_row),
        TEST(each_group_is_a_cause),
        TEST(causes_follow_their_order),
        TEST(what_was_computed_otherwise_has_a_cause),
        TEST(what_is_not_at_hand_is_one_cause),
        TEST(vintages_beside_are_at_hand),
        TEST(a_service_without_a_model_keeps_its_figures),
        TEST(mixes_change_with_the_month),
        TEST(a_view_shows_what_the_report_shows),
        TEST(withheld_months_are_left_out),
        TEST(renamed_directions_are_no_second_crowd),
        TEST(what_is_folded_stays_as_recorded),
        TEST(a_figure_passes_beyond_the_threshold),
        TEST(statements_come_back_exactly),
        TEST(statements_are_never_changed),
        TEST(statements_of_an_older_format_stay),
        TEST(half_a_statement_is_none),
        TEST(foreign_files_are_refused),
        TEST(the_ledger_is_untouched),
        TEST(nothing_to_restate),
        TEST(a_running_period_ends_now),
        TEST(what_rounds_to_nothing_is_not_nothing),
        TEST(a_statement_is_written),
        TEST(the_report_tells_of_it),
        TEST(what_did_not_change_reads_the_same),
        TEST(the_report_tells_of_whole_months_only),
        TEST(the_years_report_tells_of_whole_years_alone),
        TEST(the_report_tells_of_no_older_records),
        TEST(a_statement_is_explained),
        TEST(each_figure_of_a_statement_has_a_name),
        TEST(vintage_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
