/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/capture.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

/* The commands that read a ledger. */
static const struct {
    int (*run)(const struct command_options *options);
    char *arguments[2];
    int count;
} readers[] = {
    {command_status, {NULL}, 0},
    {command_metrics, {NULL}, 0},
    {command_report, {"month", "2026-10"}, 2},
    {command_explain, {"2026-10"}, 1},
    {command_what_if, {"2026-10"}, 1},
};

/* With and without the directory: what is told is the same, and nothing is made. */
static void before_the_first_start_one_sentence_says_so(void **state)
{
    struct config *config = shipped_config(SHIPPED_FACTORS, NULL);

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
            struct command_options options = {.language = "fr", .format = "text"};

            snprintf(options.config_path, sizeof(options.config_path), "%s", config->path);
            options.arguments = (char **)readers[i].arguments;
            options.argument_count = readers[i].count;
            overhear_start();
            assert_int_equal(readers[i].run(&options), EXIT_TROUBLE);
            assert_one_line(overhear_stop(), "state/ledger.db is not there yet",
                            "iagmeterd makes it when it starts");
        }
        if (round == 0)
            scratch_mkdir("state"); /* which none of them made */
    }
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(before_the_first_start_one_sentence_says_so, scratch_setup,
                                        scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
