/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/pending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LIFE_NS 1000
#define GROUPS  16

static struct pending *make(void)
{
    struct pending *pending = pending_new((size_t)GROUPS * PENDING_WAYS, LIFE_NS);

    assert_non_null(pending);
    return pending;
}

static void what_was_asked_is_known_for_its_life(void **state)
{
    struct pending *pending = make();

    (void)state;
    assert_false(pending_is_asked(pending, 0, 0)); /* what an empty place might pass for */
    assert_false(pending_is_asked(pending, 5, 10000));
    pending_ask(pending, 5, 10000);
    assert_true(pending_is_asked(pending, 5, 10000));
    assert_true(pending_is_asked(pending, 5, 10000)); /* copies of an answer */
    assert_true(pending_is_asked(pending, 5, 10000 + LIFE_NS));
    assert_false(pending_is_asked(pending, 5, 10001 + LIFE_NS));
    assert_false(pending_is_asked(pending, 5 + GROUPS, 10000));
    pending_ask(pending, 0, 10000);
    assert_true(pending_is_asked(pending, 0, 10000));
    pending_free(pending);
    pending_free(NULL);
}

static void asking_again_prolongs_it(void **state)
{
    struct pending *pending = make();

    (void)state;
    pending_ask(pending, 5, 10000);
    pending_ask(pending, 5, 10000 + LIFE_NS);
    assert_true(pending_is_asked(pending, 5, 10000 + 2 * LIFE_NS));
    pending_free(pending);
}

/* Of questions that fall on the same places, the latest are known, whatever the order in a group.
 */
static void the_oldest_makes_room(void **state)
{
    struct pending *pending = make();

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        pending_ask(pending, 7 + i * GROUPS, 10000 + (int64_t)i);
        for (uint64_t j = 0; j <= i; j++)
            assert_int_equal(pending_is_asked(pending, 7 + j * GROUPS, 10000 + (int64_t)i),
                             i - j < PENDING_WAYS);
    }
    pending_free(pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_is_known_for_its_life),
        cmocka_unit_test(asking_again_prolongs_it),
        cmocka_unit_test(the_oldest_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
