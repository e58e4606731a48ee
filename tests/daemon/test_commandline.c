/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/commandline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/capture.h"
#include "tests/daemon/overhear.h"

#include <getopt.h>

/* Not any of the program's. */
#define ITS_STATUS 7

static struct command_options seen;
static unsigned runs;

static int note(const struct command_options *options)
{
    seen = *options;
    runs++;
    return ITS_STATUS;
}

static const struct commandline_runner runners[] = {{"report", note}, {NULL, NULL}};

static int run(int argc, char **argv)
{
    runs = 0;
    optind = 0; /* getopt_long() begins anew */
    return commandline_main(argc, argv, runners);
}

/* What another program is handed over is all that was typed, wherever options stand. */
static void a_command_is_given_all_that_was_typed(void **state)
{
    char *argv[] = {"iagmeter", "report", "--lang", "en", "month", "", "-o", "there", NULL};
    static const char *const typed[] = {"iagmeter", "report", "--lang", "en",
                                        "-o",       "there",  "month",  ""};

    (void)state;
    assert_int_equal(run(8, argv), ITS_STATUS);
    assert_int_equal(runs, 1);
    assert_string_equal(seen.language, "en");
    assert_string_equal(seen.output, "there");
    assert_int_equal(seen.argument_count, 2);
    assert_string_equal(seen.arguments[0], "month");
    assert_string_equal(seen.arguments[1], "");
    for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
        assert_string_equal(seen.command_line[i], typed[i]);
    assert_null(seen.command_line[8]);
}

/* And means the same to it. */
static void what_is_handed_over_is_read_alike(void **state)
{
    char *argv[] = {"iagmeter", "report", "month", "-o", "there", "--", "-2026", NULL};
    char *again[8];

    (void)state;
    assert_int_equal(run(7, argv), ITS_STATUS);
    memcpy(again, seen.command_line, sizeof(again));
    assert_int_equal(run(7, again), ITS_STATUS);
    assert_string_equal(seen.output, "there");
    assert_int_equal(seen.argument_count, 2);
    assert_string_equal(seen.arguments[0], "month");
    assert_string_equal(seen.arguments[1], "-2026");
}

static void what_is_wrong_runs_nothing(void **state)
{
    static const struct {
        int argc;
        char *argv[6];
        const char *said;
    } wrong[] = {
        {1, {"iagmeter"}, "usage: iagmeter COMMAND"},
        {2, {"iagmeter", "frobnicate"}, "usage: iagmeter COMMAND"},
        /* which this program does not do */
        {2, {"iagmeter", "status"}, "usage: iagmeter COMMAND"},
        {3, {"iagmeter", "report", "month"}, "usage: iagmeter report month"},
        {5, {"iagmeter", "report", "month", "2026-10", "--batch"}, "usage: iagmeter report month"},
        {5, {"iagmeter", "report", "month", "2026-10", "--list"}, "report has no option --list"},
        {5, {"iagmeter", "report", "month", "2026-10", "--lang=de"}, "language \"de\": fr or en"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char *argv[7] = {NULL};
        const char *text;

        memcpy(argv, wrong[i].argv, sizeof(wrong[i].argv));
        overhear_start();
        assert_int_equal(run(wrong[i].argc, argv), EXIT_CONFIGURATION);
        text = overhear_stop();
        if (!strstr(text, wrong[i].said))
            fail_msg("\"%s\" is not in: %s", wrong[i].said, text);
        assert_int_equal(runs, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_given_all_that_was_typed),
        cmocka_unit_test(what_is_handed_over_is_read_alike),
        cmocka_unit_test(what_is_wrong_runs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
