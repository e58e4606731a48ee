/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/copies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

#define WINDOW_NS 1000

static struct copies *make(size_t places)
{
    struct copies *copies = copies_new(places, WINDOW_NS);

    assert_non_null(copies);
    return copies;
}

static void a_copy_is_recognised_within_the_window(void **state)
{
    struct copies *copies = make(64);

    (void)state;
    assert_false(copies_seen(copies, 5, 10000));
    assert_true(copies_seen(copies, 5, 10000));
    assert_true(copies_seen(copies, 5, 10000 + WINDOW_NS));
    assert_false(copies_seen(copies, 5, 10001 + WINDOW_NS)); /* a repetition, and a new first */
    assert_true(copies_seen(copies, 5, 10001 + 2 * WINDOW_NS));
    copies_free(copies);
    copies_free(NULL);
}

/* A copy does not prolong the time: else what is repeated steadily would never count. */
static void steady_repetitions_count(void **state)
{
    struct copies *copies = make(64);
    unsigned fresh = 0;

    (void)state;
    for (int64_t now_ns = 0; now_ns < 100 * WINDOW_NS; now_ns += WINDOW_NS / 2)
        fresh += !copies_seen(copies, 5, now_ns);
    assert_int_equal(fresh, 67); /* of 200: each third one */
    copies_free(copies);
}

/* Two queues or interfaces are read one after the other. */
static void time_may_go_back_a_little(void **state)
{
    struct copies *copies = make(64);

    (void)state;
    assert_false(copies_seen(copies, 5, 10000));
    assert_true(copies_seen(copies, 5, 10000 - WINDOW_NS));
    assert_false(copies_seen(copies, 5, 9999 - WINDOW_NS));
    copies_free(copies);
}

static void different_fingerprints_are_no_copies(void **state)
{
    struct copies *copies = make(64);
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        uint64_t fingerprint = random_next(&seed);

        assert_false(copies_seen(copies, fingerprint, 0));
        assert_true(copies_seen(copies, fingerprint, 0));
    }
    assert_false(copies_seen(copies, 1ULL << 63, 0)); /* the place of 0, whatever is left in it */
    copies_free(copies);
}

/* Zero marks a free place: it must be no fingerprint's that was never seen. */
static void zero_is_a_fingerprint_like_others(void **state)
{
    struct copies *copies = make(64);

    (void)state;
    assert_false(copies_seen(copies, 0, 0));
    assert_true(copies_seen(copies, 0, 0));
    copies_free(copies);
}

/* As many as there are places are remembered when they are spread evenly, and then the oldest goes.
 */
static void the_latest_wins_a_place(void **state)
{
    struct copies *copies = make(100); /* 128 */

    (void)state;
    for (uint64_t i = 1; i <= 128; i++)
        assert_false(copies_seen(copies, i, 0));
    for (uint64_t i = 1; i <= 128; i++)
        assert_true(copies_seen(copies, i, 0));
    assert_false(copies_seen(copies, 129, 0));
    assert_false(copies_seen(copies, 1, 0));
    assert_true(copies_seen(copies, 2, 0));
    copies_free(copies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_recognised_within_the_window),
        cmocka_unit_test(steady_repetitions_count),
        cmocka_unit_test(time_may_go_back_a_little),
        cmocka_unit_test(different_fingerprints_are_no_copies),
        cmocka_unit_test(zero_is_a_fingerprint_like_others),
        cmocka_unit_test(the_latest_wins_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
