/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/metering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/capture/flood.h"
#include "tests/capture/same.h"

#define PACKETS 50000U
/* What the sink's log and the C library may take while a flood goes on. */
#define SLACK 65536

static struct diagnostics *diagnostics;
static struct config *config;
static struct limits limits;
static struct film film;
static size_t opening;
static struct flood_run calm;

static int setup(void **state)
{
    (void)state;
    diagnostics = diagnostics_new();
    config = config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    if (!config)
        return -1;
    limits = config->limits;
    limits.max_flows = 4096;
    limits.max_tracked_flows = 512;
    limits.max_reassembly = 64;
    limits.max_devices = 1024;
    opening = flood_film(&film);
    return flood_run(&calm, &limits, config, &film, opening, FLOOD_NONE, 0) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    film_clear(&film);
    sink_clear(&calm.log);
    config_free(config);
    diagnostics_free(diagnostics);
    return 0;
}

/* What the floods are compared with is what the connections did. */
static void without_a_flood_all_is_counted(void **state)
{
    uint16_t service = catalogue_find(config->catalogue, "mistral-api");
    struct activity sum = sink_sum(&calm.log, -1, DIRECTION_UNASSIGNED, service);
    struct coverage coverage = sink_coverage(&calm.log);

    (void)state;
    assert_int_equal(sum.flows, FLOOD_TALKS);
    assert_true(sum.requests.central == FLOOD_TALKS * FLOOD_TURNS);
    assert_int_equal(sum.bytes_down, FLOOD_TALKS * FLOOD_TURNS * 3 * 1005);
    assert_int_equal(coverage.packets, film.count);
    assert_int_equal(coverage.flows, FLOOD_TALKS);
    assert_int_equal(coverage.flows_evicted + coverage.packets_undecodable, 0);
}

static void play(enum flood_kind kind, struct coverage *coverage)
{
    struct flood_run run = {0};

    assert_true(flood_run(&run, &limits, config, &film, opening, kind, PACKETS));
    *coverage = sink_coverage(&run.log);
    assert_true(same_sums(&calm.log, &run.log));
    assert_true(run.left <= SLACK);
    sink_clear(&run.log);
    assert_int_equal(coverage->packets, film.count + PACKETS);
    assert_in_range(coverage->packets_undecodable + coverage->packets_other, 0, PACKETS);
    assert_in_range(flood_accounted(coverage), PACKETS, 3 * PACKETS + FLOOD_TALKS);
}

static void openings_cost_no_memory_and_no_known_flow(void **state)
{
    struct coverage coverage;

    (void)state;
    play(FLOOD_OPENINGS, &coverage);
    assert_in_range(coverage.flows, PACKETS - 100, PACKETS + FLOOD_TALKS);
    assert_in_range(coverage.flows_evicted, PACKETS - limits.max_flows, PACKETS);
}

static void hellos_without_an_end_cost_no_memory_and_no_known_flow(void **state)
{
    struct coverage coverage;

    (void)state;
    play(FLOOD_HELLOS, &coverage);
    assert_int_equal(coverage.names_seen, FLOOD_TALKS);
    assert_in_range(coverage.names_missing, PACKETS - 100, PACKETS);
    assert_in_range(coverage.flows_evicted, PACKETS - limits.max_flows, PACKETS);
}

static void initials_cost_no_memory_and_no_known_flow(void **state)
{
    struct coverage coverage;

    (void)state;
    play(FLOOD_INITIALS, &coverage);
    assert_int_equal(coverage.names_seen, FLOOD_TALKS);
    assert_int_equal(coverage.names_quic, 0);
}

static void answers_cost_no_memory_and_no_known_flow(void **state)
{
    struct coverage coverage;

    (void)state;
    play(FLOOD_ANSWERS, &coverage);
    assert_int_equal(coverage.names_hinted, 0);
    assert_in_range(coverage.hints_displaced, 1, 32 * PACKETS);
    assert_in_range(coverage.dns_answers + coverage.packets_other, PACKETS, PACKETS);
}

static void fragments_cost_no_memory_and_no_known_flow(void **state)
{
    struct coverage coverage;

    (void)state;
    play(FLOOD_FRAGMENTS, &coverage);
    assert_int_equal(coverage.names_seen, FLOOD_TALKS);
    assert_in_range(coverage.packets_fragmented, PACKETS - limits.max_reassembly, PACKETS);
}

/* Each holds a place of its own, until another needs it. */
static void what_never_ends_costs_no_memory_and_no_known_flow(void **state)
{
    static const enum flood_kind kinds[] = {FLOOD_SCATTERED, FLOOD_RECORDS, FLOOD_HEADS,
                                            FLOOD_BLOCKS, FLOOD_MESSAGES};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct coverage coverage;

        play(kinds[i], &coverage);
        assert_int_equal(coverage.names_seen, FLOOD_TALKS);
        assert_in_range(coverage.flows, PACKETS - 100, PACKETS + FLOOD_TALKS);
        assert_in_range(coverage.flows_evicted, PACKETS - limits.max_flows, PACKETS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_flood_all_is_counted),
        cmocka_unit_test(openings_cost_no_memory_and_no_known_flow),
        cmocka_unit_test(hellos_without_an_end_cost_no_memory_and_no_known_flow),
        cmocka_unit_test(initials_cost_no_memory_and_no_known_flow),
        cmocka_unit_test(answers_cost_no_memory_and_no_known_flow),
        cmocka_unit_test(fragments_cost_no_memory_and_no_known_flow),
        cmocka_unit_test(what_never_ends_costs_no_memory_and_no_known_flow),
    };

    return cmocka_run_group_tests_name("floods", tests, setup, teardown);
}
