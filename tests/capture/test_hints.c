/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/hints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

#include <sys/wait.h>
#include <unistd.h>

#define NOW 1700000000U
/* So large that a few hundred hints displace none: the key is another at every run. */
#define LARGE 65536
#define SMALL 4096

static struct hint_table *hints;
static uint16_t service;
static uint8_t role;

static int setup(void **state)
{
    (void)state;
    hints = hints_new(LARGE);
    return hints ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hints_free(hints);
    return 0;
}

static struct address client(unsigned number)
{
    return address4(10, number >> 16 & 0xff, number >> 8 & 0xff, number & 0xff);
}

static void add(unsigned from, struct address to, uint16_t number, uint32_t now_s, uint32_t ttl_s)
{
    struct address address = client(from);

    hints_add(hints, &address, &to, number, (uint8_t)(number % 4), now_s, ttl_s);
}

static void forget(unsigned from, struct address to, uint32_t now_s)
{
    struct address address = client(from);

    hints_forget(hints, &address, &to, now_s);
}

static enum hint_result find(unsigned from, struct address to, uint32_t now_s)
{
    struct address address = client(from);

    service = 0xdead;
    role = 0xee;
    return hints_find(hints, &address, &to, now_s, &service, &role);
}

static void assert_found(unsigned from, struct address to, uint32_t now_s, uint16_t number)
{
    assert_int_equal(find(from, to, now_s), HINT_FOUND);
    assert_int_equal(service, number);
    assert_int_equal(role, number % 4);
}

static void what_was_asked_for_is_found(void **state)
{
    (void)state;
    assert_int_equal(find(1, address6(1), NOW), HINT_NONE);
    for (uint16_t i = 0; i < 500; i++)
        add(i % 7, i % 2 ? address6(i) : client(i), i, NOW, 300);
    for (uint16_t i = 0; i < 500; i++)
        assert_found(i % 7, i % 2 ? address6(i) : client(i), NOW + 10, i);
    assert_int_equal(hints_take_displaced(hints), 0);
}

static void client_and_server_both_count(void **state)
{
    struct address six = client(9);

    (void)state;
    six.family = 6;
    add(1, client(9), 65535, NOW, 300);
    assert_found(1, client(9), NOW, 65535);
    assert_int_equal(find(2, client(9), NOW), HINT_NONE);
    assert_int_equal(find(1, client(8), NOW), HINT_NONE);
    assert_int_equal(find(9, client(1), NOW), HINT_NONE); /* the other way round */
    assert_int_equal(find(1, six, NOW), HINT_NONE);
    assert_int_equal(service, 0xdead);
    assert_int_equal(role, 0xee);
}

static void check_life(uint32_t ttl_s, uint32_t life_s)
{
    add(1, client(9), 5, NOW, ttl_s);
    assert_found(1, client(9), NOW + life_s - 1, 5);
    assert_int_equal(find(1, client(9), NOW + life_s), HINT_NONE);
}

static void a_hint_lives_from_a_minute_to_an_hour(void **state)
{
    (void)state;
    check_life(0, 60);
    check_life(59, 60);
    check_life(61, 61);
    check_life(300, 300);
    check_life(3599, 3599);
    check_life(3601, 3600);
    check_life(UINT32_MAX, 3600);
}

/* Another process's packets may be a little ahead; but after a clock was set back, hints from the
 * future must not stay for ever. */
static void a_little_ahead_is_alive_and_far_ahead_is_not(void **state)
{
    (void)state;
    add(1, client(9), 5, NOW, 300);
    assert_found(1, client(9), NOW - 2, 5);
    assert_int_equal(find(1, client(9), NOW - 300), HINT_NONE);
    assert_int_equal(find(1, client(9), 0), HINT_NONE);
    add(1, client(8), 6, UINT32_MAX, 300);
    assert_found(1, client(8), UINT32_MAX, 6);
    assert_int_equal(find(1, client(8), 5), HINT_NONE);
}

static void the_last_service_counts(void **state)
{
    (void)state;
    add(1, client(9), 5, NOW, 300);
    add(1, client(9), 6, NOW + 1, 60);
    assert_found(1, client(9), NOW + 1, 6);
    assert_int_equal(find(1, client(9), NOW + 61), HINT_NONE);
    add(1, client(9), 7, NOW + 100, 60);
    assert_found(1, client(9), NOW + 100, 7);
}

static void another_name_makes_a_hint_ambiguous_until_the_next(void **state)
{
    (void)state;
    forget(1, client(9), NOW); /* nothing to forget */
    assert_int_equal(find(1, client(9), NOW), HINT_NONE);
    add(1, client(9), 5, NOW, 300);
    add(2, client(9), 5, NOW, 300);
    forget(1, client(9), NOW + 10);
    assert_int_equal(find(1, client(9), NOW + 10), HINT_AMBIGUOUS);
    assert_int_equal(service, 0xdead);
    assert_found(2, client(9), NOW + 10, 5);
    forget(1, client(9), NOW + 20);
    assert_int_equal(find(1, client(9), NOW + 299), HINT_AMBIGUOUS);
    assert_int_equal(find(1, client(9), NOW + 300), HINT_NONE);
    add(1, client(9), 5, NOW + 30, 60);
    assert_found(1, client(9), NOW + 30, 5);
    forget(1, client(9), NOW + 90);
    assert_int_equal(find(1, client(9), NOW + 90), HINT_NONE);
}

/* All in the one bucket of the smallest table. */
static void the_dead_go_first_then_the_oldest(void **state)
{
    (void)state;
    hints_free(hints);
    hints = hints_new(1);
    add(0, client(9), 0, NOW, 3600);
    add(1, client(9), 1, NOW + 1, 3600);
    add(2, client(9), 2, NOW + 2, 60);
    add(3, client(9), 3, NOW + 3, 3600);
    assert_int_equal(hints_take_displaced(hints), 0);
    add(4, client(9), 4, NOW + 61, 3600); /* takes the place of 0 */
    assert_int_equal(hints_take_displaced(hints), 1);
    assert_int_equal(hints_take_displaced(hints), 0);
    assert_int_equal(find(0, client(9), NOW + 61), HINT_NONE);
    add(5, client(9), 5, NOW + 62, 3600); /* of 2, which is dead */
    assert_int_equal(hints_take_displaced(hints), 0);
    add(1, client(9), 11, NOW + 63, 3600); /* its own */
    assert_int_equal(hints_take_displaced(hints), 0);
    assert_found(1, client(9), NOW + 63, 11);
    add(6, client(9), 6, NOW + 64, 3600); /* of 3: the oldest by now */
    assert_int_equal(hints_take_displaced(hints), 1);
    assert_int_equal(find(3, client(9), NOW + 64), HINT_NONE);
    assert_found(1, client(9), NOW + 64, 11);
    assert_found(4, client(9), NOW + 64, 4);
    assert_found(5, client(9), NOW + 64, 5);
    assert_found(6, client(9), NOW + 64, 6);
}

static void it_never_grows_and_says_what_it_lost(void **state)
{
    unsigned found = 0;

    (void)state;
    hints_free(hints);
    hints = hints_new(SMALL);
    for (unsigned i = 0; i < 20000; i++) {
        add(i, client(9), (uint16_t)i, NOW, 300);
        assert_found(i, client(9), NOW, (uint16_t)i);
    }
    for (unsigned i = 0; i < 20000; i++) {
        if (find(i, client(9), NOW) == HINT_FOUND) {
            assert_int_equal(service, (uint16_t)i);
            found++;
        }
    }
    assert_true(found <= SMALL);
    assert_int_equal(found + hints_take_displaced(hints), 20000);
}

static void at_half_load_little_is_displaced(void **state)
{
    uint64_t displaced;

    (void)state;
    hints_free(hints);
    hints = hints_new(SMALL);
    for (unsigned i = 0; i < SMALL / 2; i++)
        add(i, client(9), 1, NOW, 300);
    displaced = hints_take_displaced(hints);
    print_message("%llu of %d displaced in a table of %d\n", (unsigned long long)displaced,
                  SMALL / 2, SMALL);
    assert_true(displaced < SMALL / 2 / 10);
}

/* -- Several processes ------------------------------------------------------------------------- */

/* What a hint says follows from its addresses, so that a wrong one is known. */
static uint16_t service_of(unsigned number)
{
    return (uint16_t)(number * 40503U >> 3);
}

/* Writes and reads as a capture process does. Returns how many wrong hints it saw. */
static unsigned disturb(uint64_t seed, unsigned rounds, unsigned clients, unsigned *found)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < rounds; i++) {
        unsigned number = random_below(&seed, clients);

        if (i % 2)
            add(number, client(9), service_of(number), NOW + i % 64, 300);
        number = random_below(&seed, clients);
        if (i % 16 == 0)
            forget(number, client(9), NOW + i % 64);
        if (find(number, client(9), NOW + i % 64) != HINT_FOUND)
            continue;
        ++*found;
        wrong += service != service_of(number) || role != service % 4;
    }
    return wrong;
}

static void processes_share_a_table_and_see_no_wrong_hint(void **state)
{
    unsigned found = 0;
    unsigned wrong;
    int status;
    pid_t child;

    (void)state;
    hints_free(hints);
    hints = hints_new(4);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(disturb(2, 4000000, 6, &found) > 0);
    wrong = disturb(1, 4000000, 6, &found);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(wrong, 0);
    assert_true(found > 100000);
}

static void what_one_process_enters_the_other_finds(void **state)
{
    int status;
    pid_t child;

    (void)state;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (unsigned i = 0; i < 100; i++)
            add(i, client(9), (uint16_t)i, NOW, 300);
        hints_free(hints); /* of its own copy only */
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (unsigned i = 0; i < 100; i++)
        assert_found(i, client(9), NOW, (uint16_t)i);
    assert_int_equal(hints_take_displaced(hints), 0);
}

/* Which hints are displaced depends on the key: with one for all tables it would be the same ones.
 */
static void each_table_has_a_key_of_its_own(void **state)
{
    uint64_t kept[2] = {0, 0};

    (void)state;
    for (unsigned table = 0; table < 2; table++) {
        hints_free(hints);
        hints = hints_new(32);
        for (unsigned i = 0; i < 64; i++)
            add(i, client(9), 1, NOW, 300);
        for (unsigned i = 0; i < 64; i++)
            kept[table] |= (uint64_t)(find(i, client(9), NOW) == HINT_FOUND) << i;
    }
    assert_true(kept[0] != kept[1]);
    hints_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_asked_for_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(client_and_server_both_count, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hint_lives_from_a_minute_to_an_hour, setup, teardown),
        cmocka_unit_test_setup_teardown(a_little_ahead_is_alive_and_far_ahead_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_last_service_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(another_name_makes_a_hint_ambiguous_until_the_next, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_dead_go_first_then_the_oldest, setup, teardown),
        cmocka_unit_test_setup_teardown(it_never_grows_and_says_what_it_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(at_half_load_little_is_displaced, setup, teardown),
        cmocka_unit_test_setup_teardown(processes_share_a_table_and_see_no_wrong_hint, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_one_process_enters_the_other_finds, setup, teardown),
        cmocka_unit_test_setup_teardown(each_table_has_a_key_of_its_own, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
