/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/counter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS INT64_C(1000000000)
#define FIXTURES  IAGMETER_SOURCE_ROOT "/tests/fixtures/"

static struct counter counter;
static struct power_channel channel;
static struct counter_piece piece;

static int setup(void **state)
{
    (void)state;
    counter = (struct counter){false, 0, 0};
    channel = (struct power_channel){.quantity = POWER_QUANTITY_ENERGY, .unit = 1};
    return 0;
}

static bool add(uint64_t value, double at_s)
{
    struct power_reading reading = {value, (int64_t)(at_s * 1e9)};

    piece = (struct counter_piece){0, 0, 0, -1, 0};
    return counter_add(&counter, &channel, &reading, 10 * SECOND_NS, &piece);
}

static void assert_joules(double expected)
{
    if (fabs(piece.energy_j - expected) > 1e-9 * fmax(1, fabs(expected)))
        fail_msg("%.12g J instead of %.12g J", piece.energy_j, expected);
}

/* ---- The worked case ---- */

static unsigned flags_of(const char *text)
{
    if (strncmp(text, "reset:lower-bound", 17) == 0)
        return ENERGY_LOWER_BOUND;
    if (strncmp(text, "gap:ambiguous-wrap", 18) == 0)
        return ENERGY_AMBIGUOUS;
    assert_true(strncmp(text, "ok", 2) == 0 || strncmp(text, "wrap", 4) == 0);
    return 0;
}

static void check_row(char *line)
{
    static char last_case[32];
    char *fields[7];
    char *rest = line;

    for (size_t i = 0; i < 7; i++) {
        fields[i] = strsep(&rest, "\t");
        assert_non_null(fields[i]);
    }
    if (strcmp(last_case, fields[0]) != 0)
        counter.started = false;
    snprintf(last_case, sizeof(last_case), "%s", fields[0]);
    channel.range = strtoull(fields[1], NULL, 10);
    channel.unit = strcmp(fields[4], "uJ") == 0 ? 1e-6 : 1e-3;
    channel.most_w = 1000;
    if (strncmp(fields[6], "first", 5) == 0) {
        assert_false(add(strtoull(fields[3], NULL, 10), strtod(fields[2], NULL)));
        return;
    }
    assert_true(add(strtoull(fields[3], NULL, 10), strtod(fields[2], NULL)));
    assert_joules(strtod(fields[5], NULL));
    assert_int_equal(piece.flags, flags_of(fields[6]));
}

static void the_worked_case_comes_out(void **state)
{
    FILE *stream = fopen(FIXTURES "golden/counters.tsv", "re");
    char line[256];
    unsigned rows = 0;

    (void)state;
    assert_non_null(stream);
    assert_non_null(fgets(line, sizeof(line), stream));
    while (fgets(line, sizeof(line), stream)) {
        check_row(line);
        rows++;
    }
    fclose(stream);
    assert_int_equal(rows, 12);
}

/* ---- One rule after the other ---- */

static void the_first_reading_is_none_to_count_from(void **state)
{
    (void)state;
    assert_false(add(1000000, 1));
    assert_true(add(1000350, 2));
    assert_joules(350);
    assert_int_equal(piece.from_ns, SECOND_NS);
    assert_int_equal(piece.until_ns, 2 * SECOND_NS);
    assert_int_equal(piece.covered_ns, SECOND_NS);
    assert_int_equal(piece.flags, 0);
}

static void time_that_does_not_pass_is_no_piece(void **state)
{
    (void)state;
    add(100, 5);
    assert_false(add(200, 5));
    assert_false(add(300, 4));
    assert_true(add(400, 6));
    assert_joules(300);
}

static void a_counter_of_32_bits_wraps(void **state)
{
    (void)state;
    channel.range = UINT32_MAX;
    channel.unit = 1e-3;
    add(UINT32_MAX - 1000, 0);
    assert_true(add(2000, 10));
    assert_joules(3);
    assert_int_equal(piece.covered_ns, 10 * SECOND_NS);
    assert_int_equal(piece.flags, 0);
}

static void a_fall_without_a_range_is_a_new_beginning(void **state)
{
    (void)state;
    add(UINT64_C(81235767890), 10);
    assert_true(add(12345, 20));
    assert_joules(12345);
    assert_int_equal(piece.flags, ENERGY_LOWER_BOUND);
    assert_int_equal(piece.covered_ns, 0);
    assert_true(add(12445, 21));
    assert_joules(100);
    assert_int_equal(piece.flags, 0);
}

static void a_reading_beyond_the_range_does_not_wrap(void **state)
{
    (void)state;
    channel.range = 1000;
    add(5000, 0);
    assert_true(add(10, 1));
    assert_joules(10);
    assert_int_equal(piece.flags, ENERGY_LOWER_BOUND);
}

/* A socket that would have drawn 62 kJ in a second: its counter began anew, as after a suspend. */
static void a_fall_that_no_wrap_explains_is_a_new_beginning(void **state)
{
    (void)state;
    channel.range = UINT64_C(262143328850);
    channel.unit = 1e-6;
    channel.most_w = 1000;
    add(UINT64_C(200000000000), 0);
    assert_true(add(90000000, 1));
    assert_joules(90);
    assert_int_equal(piece.flags, ENERGY_LOWER_BOUND);
    assert_int_equal(piece.covered_ns, 0);
    assert_true(add(190000000, 2));
    assert_joules(100);
    assert_int_equal(piece.flags, 0);

    add(UINT64_C(262143000000), 3);
    assert_true(add(9000000000, 4)); /* just under 10 kW */
    assert_joules(9000.32885);
    assert_int_equal(piece.flags, 0);
    add(UINT64_C(200000000000), 5);
    assert_true(add(90000000, 70)); /* in as much time as it takes */
    assert_joules(62233.32885);
    assert_int_equal(piece.flags, 0);
}

/* AMD's 65.5 kJ at 300 W: 218 s. */
static void a_gap_that_can_hide_a_wrap_is_flagged(void **state)
{
    (void)state;
    channel.range = UINT64_C(65532610987);
    channel.unit = 1e-6;
    channel.most_w = 300;
    add(1000000, 0);
    assert_true(add(9000000, 218));
    assert_int_equal(piece.flags, 0);
    assert_true(add(10000000, 218 + 219));
    assert_joules(1);
    assert_int_equal(piece.flags, ENERGY_AMBIGUOUS);
}

static void samples_of_power_are_joined_by_lines(void **state)
{
    (void)state;
    channel.quantity = POWER_QUANTITY_POWER;
    channel.unit = 1e-6;
    assert_false(add(100000000, 0));
    assert_true(add(300000000, 2));
    assert_joules(400);
    assert_int_equal(piece.flags, ENERGY_INTEGRATED);
    assert_int_equal(piece.covered_ns, 2 * SECOND_NS);
}

static void a_gap_between_samples_is_not_bridged(void **state)
{
    (void)state;
    channel.quantity = POWER_QUANTITY_POWER;
    add(100, 0);
    assert_true(add(100, 10));
    assert_joules(1000);
    assert_false(add(100, 20.5));
    assert_true(add(300, 21.5));
    assert_joules(200);
}

/* A counter of 6 MWh that shows something else for a moment: neither when it falls nor when it is
 * back was all that drawn which it ever counted. */
static void what_no_machine_draws_is_not_counted(void **state)
{
    static const uint64_t moments[] = {200, UINT64_C(21599999000), UINT64_C(999999999999999)};

    (void)state;
    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        double energy_j = 0;

        counter.started = false;
        add(UINT64_C(21600000000), 0);
        for (int s = 1; s <= 4; s++) {
            assert_true(add(s == 2 ? moments[i] : UINT64_C(21600000000) + 300 * (unsigned)s, s));
            energy_j += piece.energy_j;
            if (s == 1 || s == 4)
                assert_joules(300);
            if (piece.covered_ns == 0)
                assert_int_equal(piece.flags, ENERGY_LOWER_BOUND);
        }
        assert_true(energy_j <= 600 + 2000);
    }
    channel.quantity = POWER_QUANTITY_POWER;
    counter.started = false;
    add(300, 0);
    assert_false(add(UINT32_MAX, 5));
    assert_false(add(300, 10));
    assert_true(add(300, 15));
    assert_joules(1500);
}

/* A board's counter that goes on from what was saved, or is wrong for a moment: what it shows was
 * not drawn in that second. Of a machine's own it may have been. */
static void what_a_counter_begins_with_was_not_drawn(void **state)
{
    static const struct {
        enum power_part part;
        double energy_j;
    } cases[] = {{POWER_PART_GPU, 0},    {POWER_PART_PACKAGE, 0},    {POWER_PART_DRAM, 0},
                 {POWER_PART_MODULE, 0}, {POWER_PART_OTHER, 300000}, {POWER_PART_WALL, 300000}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        counter.started = false;
        channel.part = (uint8_t)cases[i].part;
        add(5000000, 0);
        assert_true(add(300000, 1));
        assert_joules(cases[i].energy_j);
        assert_int_equal(piece.flags, ENERGY_LOWER_BOUND);
        assert_int_equal(piece.covered_ns, 0);
        assert_true(add(300700, 2));
        assert_joules(700);
        assert_true(add(9000, 3));
        assert_joules(9000);
        assert_true(add(42000 + 9000, 4)); /* as one that is behind by a minute catches up */
        assert_joules(42000);
    }
}

/* ---- NVML: one with a counter, whose driver is loaded again, and one before Volta ---- */

static void check_nvml(const char *line, double expected_j, unsigned flags, bool is_power)
{
    unsigned at_s;
    char energy[32];
    char power[32];

    assert_int_equal(sscanf(line, "%u %*u %31s %31s", &at_s, energy, power), 3);
    channel.unit = 1e-3;
    channel.quantity = is_power ? POWER_QUANTITY_POWER : POWER_QUANTITY_ENERGY;
    if (!add(strtoull(is_power ? power : energy, NULL, 10), at_s)) {
        assert_int_equal(at_s, 0);
        return;
    }
    assert_joules(expected_j);
    assert_int_equal(piece.flags, flags);
}

static void nvml_readings_become_joules(void **state)
{
    static const struct {
        double energy_j;
        unsigned flags;
    } expected[] = {{0, 0},   {1200, 0}, {12.345, ENERGY_LOWER_BOUND},
                    {900, 0}, {0, 0},    {260, ENERGY_INTEGRATED}};
    FILE *stream = fopen(FIXTURES "counters/text/nvml_mock.tsv", "re");
    char line[256];
    size_t row = 0;

    (void)state;
    assert_non_null(stream);
    assert_non_null(fgets(line, sizeof(line), stream));
    for (; fgets(line, sizeof(line), stream); row++) {
        assert_true(row < sizeof(expected) / sizeof(expected[0]));
        if (row == 4)
            counter.started = false;
        check_nvml(line, expected[row].energy_j, expected[row].flags, row >= 4);
    }
    fclose(stream);
    assert_int_equal(row, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_worked_case_comes_out, setup),
        cmocka_unit_test_setup(the_first_reading_is_none_to_count_from, setup),
        cmocka_unit_test_setup(time_that_does_not_pass_is_no_piece, setup),
        cmocka_unit_test_setup(a_counter_of_32_bits_wraps, setup),
        cmocka_unit_test_setup(a_fall_without_a_range_is_a_new_beginning, setup),
        cmocka_unit_test_setup(a_reading_beyond_the_range_does_not_wrap, setup),
        cmocka_unit_test_setup(a_fall_that_no_wrap_explains_is_a_new_beginning, setup),
        cmocka_unit_test_setup(a_gap_that_can_hide_a_wrap_is_flagged, setup),
        cmocka_unit_test_setup(samples_of_power_are_joined_by_lines, setup),
        cmocka_unit_test_setup(a_gap_between_samples_is_not_bridged, setup),
        cmocka_unit_test_setup(what_no_machine_draws_is_not_counted, setup),
        cmocka_unit_test_setup(what_a_counter_begins_with_was_not_drawn, setup),
        cmocka_unit_test_setup(nvml_readings_become_joules, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
