/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/sourcestates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

#include <string.h>

static struct ledger *ledger;
static struct source_states states;

static int open_ledger(void **state)
{
    char error[256];

    assert_int_equal(scratch_setup(state), 0);
    ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    states = (struct source_states){.count = 0};
    return ledger ? 0 : -1;
}

static int close_ledger(void **state)
{
    ledger_close(ledger);
    return scratch_teardown(state);
}

static void take(const char *name, bool counted, const char *problem)
{
    struct power_source_state state = {.counted = counted};

    snprintf(state.name, sizeof(state.name), "%s", name);
    snprintf(state.covers, sizeof(state.covers), "what %s covers", name);
    snprintf(state.problem, sizeof(state.problem), "%s", problem);
    sourcestates_take(&states, &state);
}

static void record(int64_t now_s)
{
    assert_int_equal(sourcestates_record(&states, ledger, now_s), LEDGER_OK);
    assert_false(states.changed);
}

/* Freed by the caller. */
static char *printed(bool running)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_true(sourcestates_print(ledger, running, stream));
    fclose(stream);
    return text;
}

static void expect(const char *text, const char *fragment)
{
    if (!strstr(text, fragment))
        fail_msg("\"%s\" is not in \"%s\"", fragment, text);
}

static void nothing_recorded_is_nothing_shown(void **state)
{
    char *text = printed(true);
    json_t *json;

    (void)state;
    assert_string_equal(text, "");
    free(text);
    assert_true(sourcestates_json(ledger, true, &json));
    assert_true(json_is_null(json));
    json_decref(json);
}

static void each_is_shown_with_what_is_wrong(void **state)
{
    char *text;

    (void)state;
    sourcestates_begin(&states);
    take("rapl", false, "");
    take("rapl/package-0", true, "no permission");
    take("cray/node", false, "");
    record(1800000000);
    text = printed(true);
    expect(text, "as of 2027-01-15");
    expect(text, "\nrapl                     what rapl covers\n");
    expect(text, "rapl/package-0           what rapl/package-0 covers: no permission\n");
    expect(text, "cray/node                what cray/node covers (for comparison)\n");
    assert_null(strstr(text, "does not run"));
    free(text);
    take("rapl/package-0", true, "");
    assert_true(states.changed);
    record(1800000060);
    text = printed(true);
    expect(text, "what rapl/package-0 covers\n");
    assert_null(strstr(text, "no permission"));
    free(text);
}

static void a_process_that_is_gone_is_told(void **state)
{
    char *text;

    (void)state;
    sourcestates_begin(&states);
    take("rapl", false, "");
    record(1);
    text = printed(false); /* the daemon was killed */
    expect(text, "does not run");
    free(text);
    sourcestates_end(&states);
    record(2);
    text = printed(true);
    expect(text, "does not run");
    expect(text, "what rapl covers");
    free(text);
    /* What the next one does not find is not shown any more. */
    sourcestates_begin(&states);
    take("hwmon", false, "");
    record(3);
    text = printed(true);
    assert_null(strstr(text, "rapl"));
    assert_null(strstr(text, "does not run"));
    free(text);
}

static void programs_get_the_same(void **state)
{
    json_t *json, *first;

    (void)state;
    sourcestates_begin(&states);
    take("rapl/package-0", true, "no permission");
    record(1800000000);
    assert_true(sourcestates_json(ledger, true, &json));
    assert_int_equal(json_integer_value(json_object_get(json, "at_s")), 1800000000);
    assert_true(json_is_true(json_object_get(json, "running")));
    first = json_array_get(json_object_get(json, "sources"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "rapl/package-0");
    assert_true(json_is_true(json_object_get(first, "counted")));
    assert_string_equal(json_string_value(json_object_get(first, "problem")), "no permission");
    json_decref(json);
}

static void miss(const char *name, uint32_t missed_s, uint32_t restarts)
{
    struct power_source_state state = {.counted = 1, .missed_s = missed_s, .restarts = restarts};

    snprintf(state.name, sizeof(state.name), "%s", name);
    sourcestates_take(&states, &state);
}

/* By days, each time once; what a process told that is gone since is not lost. */
static void what_servers_missed_adds_up_by_days(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    json_t *json;

    (void)state;
    sourcestates_begin(&states);
    miss("http://a/metrics", 40, 0);
    sourcestates_begin(&states);
    miss("http://a/metrics", 2, 1);
    miss("http://b/metrics", 0, 0);
    record(1800000000);
    record(1800000000);
    miss("http://a/metrics", 0, 1);
    record(1800000060);
    miss("http://a/metrics", 7, 0);
    record(1800000000 + 86400);
    assert_true(sourcestates_print_days(ledger, 20833, 20834, stream));
    fclose(stream);
    assert_string_equal(text, "\nservers that were away, or began to count anew, by days (UTC)\n"
                              "http://a/metrics         2027-01-15: 42 s missed, 2 new starts\n");
    free(text);
    assert_true(sourcestates_json_days(ledger, 20833, 20835, &json));
    assert_int_equal(json_array_size(json), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 1), "missed_s")), 7);
    json_decref(json);
}

/* As long as the ledger takes nothing, it waits. */
static void what_could_not_be_recorded_waits(void **state)
{
    json_t *json;

    (void)state;
    miss("http://a/metrics", 40, 0);
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_not_equal(sourcestates_record(&states, ledger, 1800000000), LEDGER_OK);
    assert_true(states.changed);
    record(1800000000);
    assert_true(sourcestates_json_days(ledger, 20833, 20834, &json));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 0), "missed_s")), 40);
    json_decref(json);
}

static void there_is_room_for_the_longest(void **state)
{
    json_t *json;

    (void)state;
    sourcestates_begin(&states);
    for (int i = 0; i < SOURCESTATES_MOST + 5; i++) {
        struct power_source_state longest = {.counted = 1};

        memset(longest.name, 'n', sizeof(longest.name) - 1);
        memset(longest.covers, 'c', sizeof(longest.covers) - 1);
        memset(longest.problem, 'p', sizeof(longest.problem) - 1);
        longest.name[0] = (char)('A' + i % 26);
        longest.name[1] = (char)('A' + i / 26);
        sourcestates_take(&states, &longest);
    }
    record(INT64_MAX);
    assert_true(sourcestates_json(ledger, true, &json));
    assert_int_equal(json_array_size(json_object_get(json, "sources")), SOURCESTATES_MOST);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_recorded_is_nothing_shown, open_ledger,
                                        close_ledger),
        cmocka_unit_test_setup_teardown(each_is_shown_with_what_is_wrong, open_ledger,
                                        close_ledger),
        cmocka_unit_test_setup_teardown(a_process_that_is_gone_is_told, open_ledger, close_ledger),
        cmocka_unit_test_setup_teardown(programs_get_the_same, open_ledger, close_ledger),
        cmocka_unit_test_setup_teardown(what_servers_missed_adds_up_by_days, open_ledger,
                                        close_ledger),
        cmocka_unit_test_setup_teardown(what_could_not_be_recorded_waits, open_ledger,
                                        close_ledger),
        cmocka_unit_test_setup_teardown(there_is_room_for_the_longest, open_ledger, close_ledger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
