/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/graph.h"
#include "tests/scratchbase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OCTOBER 1790805600 /* 2026-10-01 00:00 Europe/Paris */
#define DAY_S   86400
#define NOON_S  (12 * 3600)
#define LATER   (OCTOBER + 90 * (int64_t)DAY_S)

struct world {
    char directory[64];
    struct config *config;
    struct ledger *ledger;
    struct roundrobin *roundrobin;
    struct month_report *report;
};

/* What librrd's drawing libraries cache for ever is not our leak. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:libpango\nleak:librrd\n";
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    char error[200];

    assert_non_null(world);
    /* A colon, which librrd's arguments give a meaning to. */
    snprintf(world->directory, sizeof(world->directory), "%s/iagmeter:graph-XXXXXX",
             scratch_base());
    assert_non_null(mkdtemp(world->directory));
    assert_true(calendar_set_zone("Europe/Paris"));
    world->config = calloc(1, sizeof(*world->config));
    assert_non_null(world->config);
    world->config->report.threshold = 5;
    snprintf(world->config->state_directory, sizeof(world->config->state_directory), "%s",
             world->directory);
    world->ledger = ledger_open(world->directory, true, error, sizeof(error));
    assert_non_null(world->ledger);
    world->roundrobin = roundrobin_new(world->directory, 1);
    assert_non_null(world->roundrobin);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    char command[100];

    month_free(world->report);
    roundrobin_free(world->roundrobin);
    ledger_close(world->ledger);
    free(world->config);
    snprintf(command, sizeof(command), "rm -r '%s'", world->directory);
    assert_int_equal(system(command), 0);
    free(world);
    return 0;
}

static void use(struct world *world, const char *code, const char *service, int64_t time_s,
                double energy_kwh, uint32_t devices)
{
    struct direction direction = {0};
    const struct activity activity = {.requests = triple_exact(1)};
    const struct impact impact = {.energy_kwh = triple_exact(energy_kwh)};
    int64_t direction_id, service_id, set_id;

    snprintf(direction.code, sizeof(direction.code), "%s", code);
    assert_int_equal(ledger_begin(world->ledger), LEDGER_OK);
    assert_int_equal(ledger_direction(world->ledger, &direction, &direction_id), LEDGER_OK);
    assert_int_equal(ledger_service(world->ledger, service, service, &service_id), LEDGER_OK);
    assert_int_equal(ledger_factor_set(world->ledger, "2026", 1, &set_id), LEDGER_OK);
    assert_int_equal(ledger_add_activity(world->ledger, time_s, direction_id, service_id, set_id,
                                         &activity, &impact),
                     LEDGER_OK);
    assert_int_equal(ledger_add_devices(world->ledger, direction_id, service_id,
                                        (int32_t)(time_s / DAY_S), devices),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(world->ledger), LEDGER_OK);
}

static void build(struct world *world)
{
    struct calendar_month month;
    char error[200] = "";

    assert_true(calendar_parse_month("2026-10", &month));
    world->report = month_build(world->ledger, world->config, month, LATER, error, sizeof(error));
    assert_string_equal(error, "");
}

static void catch_up(struct world *world)
{
    assert_int_equal(roundrobin_catch_up(world->roundrobin, world->ledger, LATER), 0);
}

static char *graph(struct world *world, char error[200])
{
    size_t size = 0;
    char *svg = graph_month(world->report, world->ledger, world->roundrobin, &size, error, 200);

    if (svg)
        assert_int_equal(strlen(svg), size);
    return svg;
}

/* The fill of the bars, as cairo writes #33557a: it names every area drawn in that colour. */
static size_t count_bars(const char *svg)
{
    const char *fill = "fill:rgb(20%,33.333333%,47.843137%)";
    size_t count = 0;

    for (const char *at = svg; (at = strstr(at, fill)); at += strlen(fill))
        count++;
    return count;
}

static void draws_the_days(void **state)
{
    struct world *world = *state;
    char error[200] = "";
    char *svg;

    use(world, "DSN", "chatgpt-web", OCTOBER + NOON_S, 0.5, 20);
    use(world, "DRH", "mistral-web", OCTOBER + DAY_S + NOON_S, 0.7, 20);
    use(world, "DRH", "mistral-web", OCTOBER + 30 * DAY_S + NOON_S, 0.9, 20);
    build(world);
    catch_up(world);
    svg = graph(world, error);
    assert_string_equal(error, "");
    assert_non_null(svg);
    assert_non_null(strstr(svg, "<svg"));
    assert_non_null(strstr(svg, "</svg>"));
    assert_int_equal(count_bars(svg), 3);
    free(svg);
}

/* Of each group that begins with a letter, as librrd writes the axis: the numbers of its glyphs.
 * Two groups that show the same have the same. */
static size_t read_labels(const char *svg, char labels[][64], size_t most)
{
    size_t count = 0;

    for (const char *at = svg; count < most && (at = strstr(at, "<g style=")); at++) {
        const char *end = strstr(at, "</g>");
        size_t used = 0;

        for (const char *glyph = at;
             (glyph = strstr(glyph, "#glyph")) && glyph < end && used + 8 < sizeof(labels[0]);)
            for (glyph += strlen("#glyph"); *glyph != '"'; glyph++)
                labels[count][used++] = *glyph;
        labels[count][used] = '\0';
        count += used > 0;
    }
    return count;
}

/* The axis of a day of little use has numbers that differ, as that of a day of much use does. */
static void names_each_height(void **state)
{
    static const double energies_kwh[] = {0.0153, 1.2, 4000};
    struct world *world = *state;
    char error[200] = "";

    for (size_t i = 0; i < sizeof(energies_kwh) / sizeof(energies_kwh[0]); i++) {
        char labels[80][64];
        char *svg;
        size_t count;

        use(world, "DSN", "chatgpt-web", OCTOBER + ((int64_t)i * 3 + 1) * DAY_S + NOON_S,
            energies_kwh[i], 20);
        month_free(world->report);
        build(world);
        /* Anew: databases that were caught up take nothing that is older. */
        assert_int_equal(
            roundrobin_rebuild(world->roundrobin, world->ledger, LATER, &(unsigned){0}), 0);
        svg = graph(world, error);
        assert_non_null(svg);
        assert_int_equal(count_bars(svg), i + 1);
        count = read_labels(svg, labels, sizeof(labels) / sizeof(labels[0]));
        assert_true(count > 31 + 5); /* days, and an axis */
        for (size_t a = 31; a < count; a++)
            for (size_t b = 31; b < a; b++)
                assert_string_not_equal(labels[a], labels[b]);
        free(svg);
    }
}

/* cairo numbers its surfaces through the life of the process. */
static void erase_surface_numbers(char *svg)
{
    while ((svg = strstr(svg, "\"surface"))) {
        svg += strlen("\"surface");
        memmove(svg, svg + strspn(svg, "0123456789"), strlen(svg + strspn(svg, "0123456789")) + 1);
    }
}

/* The same image whatever a hidden day holds. */
static void leaves_hidden_days_out(void **state)
{
    struct world *world = *state;
    char error[200] = "";
    char *before, *after;

    for (int day = 0; day < 4; day++)
        use(world, "DSN", "chatgpt-web", OCTOBER + day * DAY_S + NOON_S, 1 + day,
            day ? 20 + (uint32_t)day : 1);
    build(world);
    assert_true(world->report->days[0].hidden && world->report->days[1].hidden);
    catch_up(world);
    before = graph(world, error);
    assert_non_null(before);
    assert_int_equal(count_bars(before), 2);
    use(world, "DSN", "chatgpt-web", OCTOBER + NOON_S, 1000, 1);
    assert_int_equal(roundrobin_rebuild(world->roundrobin, world->ledger, LATER, &(unsigned){0}),
                     0);
    after = graph(world, error);
    assert_non_null(after);
    erase_surface_numbers(before);
    erase_surface_numbers(after);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void draws_nothing_without_every_database(void **state)
{
    struct world *world = *state;
    char error[200] = "";
    char path[200];

    use(world, "DSN", "chatgpt-web", OCTOBER + NOON_S, 0.5, 20);
    use(world, "DRH", "mistral-web", OCTOBER + NOON_S, 0.7, 20);
    build(world);
    assert_null(graph(world, error));
    assert_true(error[0] != '\0');
    catch_up(world);
    snprintf(path, sizeof(path), "%s/rrd/DRH/mistral-web.rrd", world->directory);
    assert_int_equal(remove(path), 0);
    error[0] = '\0';
    assert_null(graph(world, error));
    assert_non_null(strstr(error, "rrd/*/*.rrd"));
    assert_null(strstr(error, "mistral-web"));
}

static void draws_nothing_that_is_withheld(void **state)
{
    struct world *world = *state;
    char error[200] = "";

    use(world, "DSN", "chatgpt-web", OCTOBER + NOON_S, 0.5, 1);
    build(world);
    catch_up(world);
    assert_true(world->report->withheld);
    assert_null(graph(world, error));
    assert_string_equal(error, "no day that may be drawn");
}

static void draws_hundreds_of_databases(void **state)
{
    struct world *world = *state;
    char error[200] = "", direction[24], service[24];
    char *svg;

    for (int i = 0; i < 450; i++) {
        snprintf(direction, sizeof(direction), "D%d", i / 15);
        snprintf(service, sizeof(service), "s%d", i % 15);
        use(world, direction, service, OCTOBER + (i % 31) * DAY_S + NOON_S, 0.01, 20);
    }
    build(world);
    catch_up(world);
    svg = graph(world, error);
    assert_string_equal(error, "");
    assert_non_null(svg);
    assert_int_equal(count_bars(svg), 31);
    free(svg);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(draws_the_days),
        TEST(names_each_height),
        TEST(leaves_hidden_days_out),
        TEST(draws_nothing_without_every_database),
        TEST(draws_nothing_that_is_withheld),
        TEST(draws_hundreds_of_databases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
