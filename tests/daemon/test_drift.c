/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/drift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct service_calibrated calibrated = {.ways = {[ESTIMATOR_NO_WAY] = {300, 40}}};

/* Of a window, OFF exchanges have records of SIZE bytes, at RATE a second. */
static struct drift_window window_of(unsigned off, uint64_t size, uint64_t rate)
{
    const struct exchange_shape good = {
        .answer_bytes = 30000, .answer_records = 100, .answer_ns = 2500000000};
    const struct exchange_shape bad = {.answer_bytes = 100 * size,
                                       .answer_records = 100,
                                       .answer_ns = UINT64_C(100000000000) / rate};
    struct drift_window window = {0, 0, 0, false};

    for (unsigned i = 0; i < DRIFT_WINDOW; i++)
        assert_int_equal(drift_add(&window, &calibrated, ESTIMATOR_NO_WAY, i < off ? &bad : &good),
                         i == DRIFT_WINDOW - 1);
    return window;
}

static void most_exchanges_of_a_window_tell(void **state)
{
    (void)state;
    assert_false(window_of(DRIFT_WINDOW / 2, 600, 40).drifted);
    assert_true(window_of(DRIFT_WINDOW / 2 + 1, 600, 40).drifted);
    assert_true(window_of(DRIFT_WINDOW, 100, 40).drifted);
    assert_true(window_of(DRIFT_WINDOW, 300, 5).drifted);
    assert_true(window_of(DRIFT_WINDOW, 300, 400).drifted);
    assert_false(window_of(DRIFT_WINDOW, 400, 80).drifted);
    assert_int_equal(window_of(DRIFT_WINDOW, 600, 40).exchanges, 0);
}

/* Large first and last records do not matter to the size that most have. */
static void the_modal_size_is_compared_where_it_is_known(void **state)
{
    const struct exchange_shape shape = {.answer_bytes = 90000,
                                         .answer_records = 100,
                                         .answer_ns = 2500000000,
                                         .modal_bytes = 310,
                                         .modal_lead = 90};
    struct drift_window window = {0, 0, 0, false};

    (void)state;
    assert_true(drift_record_bytes(&shape) == 310);
    for (unsigned i = 0; i < DRIFT_WINDOW; i++)
        drift_add(&window, &calibrated, ESTIMATOR_NO_WAY, &shape);
    assert_false(window.drifted);
}

/* Several at once have the records of each, at the rate of all. */
static void answers_at_once_do_not_tell(void **state)
{
    const struct exchange_shape shape = {
        .requests = 2, .answer_bytes = 900000, .answer_records = 100, .answer_ns = 2500000000};
    struct drift_window window = {0, 0, 0, false};

    (void)state;
    assert_false(drift_add(&window, &calibrated, ESTIMATOR_NO_WAY, &shape));
    assert_int_equal(window.exchanges, 0);
}

/* Plain JSON beside streams: it has no records to compare. */
static void answers_sent_whole_do_not_tell(void **state)
{
    const struct exchange_shape whole = {
        .answer_bytes = 3000, .answer_records = 2, .answer_ns = 20000000};
    struct service_calibrated of_events = calibrated;
    struct drift_window window = {0, 0, 0, false};

    (void)state;
    of_events.estimator.method = METHOD_M1;
    of_events.estimator.whole_records_max = 6;
    assert_false(drift_add(&window, &of_events, ESTIMATOR_NO_WAY, &whole));
    assert_int_equal(window.exchanges, 0);
    of_events.estimator.method = METHOD_M5;
    drift_add(&window, &of_events, ESTIMATOR_NO_WAY, &whole);
    assert_int_equal(window.exchanges, 1);
}

static void what_has_no_records_is_not_counted(void **state)
{
    const struct exchange_shape empty = {.answer_bytes = 0};
    struct drift_window window = {0, 0, 0, false};

    (void)state;
    assert_false(drift_add(&window, &calibrated, ESTIMATOR_NO_WAY, &empty));
    assert_int_equal(window.exchanges, 0);
}

/* -- Ways of streaming ------------------------------------------------------------------------ */

/* Two ways, of which the first was calibrated; 20 records a second are of it, 4 of the other. */
static const struct service_calibrated of_ways = {
    .ways = {{300, 20}},
    .estimator = {.regime_count = 2,
                  .regimes = {{.name = "fast", .records_per_s_min = 10, .records_per_s_max = 1000},
                              {.name = "slow", .records_per_s_min = 1, .records_per_s_max = 10}}}};

static struct exchange_shape answer_of(uint64_t bytes, uint64_t per_s)
{
    return (struct exchange_shape){.answer_bytes = 100 * bytes,
                                   .answer_records = 100,
                                   .answer_ns = UINT64_C(100000000000) / per_s};
}

/* What has 32 records may be of any way. */
static void short_answers_are_of_no_other_way(void **state)
{
    struct exchange_shape brief = answer_of(300, 20);
    struct drift_window window = {0, 0, 0, false};

    (void)state;
    brief.answer_records = 32;
    for (unsigned i = 0; i < 2 * DRIFT_UNSEEN; i++) {
        assert_false(drift_add(&window, &of_ways, 0, &brief));
        assert_int_equal(window.others, 0);
    }
    brief.answer_records = 33;
    brief.answer_ns = 33 * UINT64_C(1000000000); /* one a second: of no way, or of the other */
    drift_add(&window, &of_ways, 0, &brief);
    assert_int_equal(window.others, 1);
}

/* COUNT of them. Returns whether a window was complete. */
static bool add_all(struct drift_window *window, unsigned count, uint64_t bytes, uint64_t per_s)
{
    const struct exchange_shape shape = answer_of(bytes, per_s);
    bool complete = false;

    for (; count > 0; count--)
        complete |= drift_add(window, &of_ways, 0, &shape);
    return complete;
}

static void only_answers_of_the_way_are_compared(void **state)
{
    struct drift_window window = {0, 0, 0, false};

    (void)state;
    for (unsigned i = 0; i < DRIFT_WINDOW - 1; i++) {
        assert_false(add_all(&window, 10, 2000, 4));
        assert_false(add_all(&window, 1, 300, 20));
    }
    assert_true(add_all(&window, 1, 300, 20));
    assert_false(window.drifted);
    add_all(&window, DRIFT_WINDOW / 2, 300, 20);
    add_all(&window, 100, 2000, 4);
    assert_true(add_all(&window, DRIFT_WINDOW - DRIFT_WINDOW / 2, 2000, 20));
    assert_false(window.drifted);
    assert_true(add_all(&window, DRIFT_WINDOW, 2000, 20));
    assert_true(window.drifted);
}

/* Their records may have changed so much that they pass for another way, or for none. */
static void a_way_that_is_not_seen_any_more_tells(void **state)
{
    struct drift_window window = {0, 0, 0, false};

    (void)state;
    assert_false(add_all(&window, DRIFT_UNSEEN - 1, 300, 4));
    assert_false(add_all(&window, 1, 300, 20));
    assert_false(add_all(&window, DRIFT_UNSEEN - 1, 300, 4));
    assert_false(window.drifted);
    assert_true(add_all(&window, 1, 300, 4));
    assert_true(window.drifted);
    assert_true(add_all(&window, DRIFT_WINDOW, 300, 20));
    assert_false(window.drifted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_exchanges_of_a_window_tell),
        cmocka_unit_test(the_modal_size_is_compared_where_it_is_known),
        cmocka_unit_test(answers_at_once_do_not_tell),
        cmocka_unit_test(answers_sent_whole_do_not_tell),
        cmocka_unit_test(what_has_no_records_is_not_counted),
        cmocka_unit_test(only_answers_of_the_way_are_compared),
        cmocka_unit_test(a_way_that_is_not_seen_any_more_tells),
        cmocka_unit_test(short_answers_are_of_no_other_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
