/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/inspectmetrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/daemon/overhear.h"
#include "tests/daemon/scratch.h"

#define FIXTURES IAGMETER_SOURCE_ROOT "/tests/fixtures/metrics/"

static struct inspectmetrics_options options;
static char *shown;
static int status;

static int setup(void **state)
{
    memset(&options, 0, sizeof(options));
    return scratch_setup(state);
}

static int teardown(void **state)
{
    free(shown);
    shown = NULL;
    return scratch_teardown(state);
}

/* Returns what it says on standard error. */
static const char *run(const char *path)
{
    size_t size;
    FILE *stream;
    const char *said;

    free(shown);
    stream = open_memstream(&shown, &size);
    assert_non_null(stream);
    overhear_start();
    status = inspectmetrics_run(path, &options, stream);
    said = overhear_stop();
    fclose(stream);
    return said;
}

static const char *run_text(const char *text)
{
    char path[PATH_MAX];

    scratch_write("metrics", text);
    scratch_path(path, "metrics");
    return run(path);
}

static const char *code(const void *context, uint16_t direction)
{
    (void)context;
    return direction == 1 ? "DSN" : "DRH";
}

static void each_model_is_a_line(void **state)
{
    (void)state;
    assert_string_equal(run(FIXTURES "vllm_FROM_SOURCE.txt"), "");
    assert_int_equal(status, 0);
    assert_string_equal(shown, "#vllm: since it was started\n"
                               "#model\tteam\trequests\ttokens_in\tcached\ttokens_out\n"
                               "qwen3.8-27b\t-\t1253\t98313546\t92941632\t496231\n");
}

static void what_is_not_told_is_not_0(void **state)
{
    (void)state;
    /* Recorded with the head of the answer. */
    assert_string_equal(run(FIXTURES "llamacpp_2025-02_REAL.txt"),
                        "iagmeter: 8 lines could not be read\n");
    assert_non_null(strstr(shown, "\n-\t-\t-\t179\t-\t14\n"));
    run(FIXTURES "llamacpp_2026-08_REAL.txt");
    assert_non_null(strstr(shown, "\n-\t-\t-\t17471\t1517\t1800\n"));
}

static void teams_are_shown_and_users_are_not(void **state)
{
    static const struct server_team teams[] = {{"DSN", 1}, {"RH", 2}};

    (void)state;
    assert_string_equal(run(FIXTURES "litellm_FROM_SOURCE.txt"), "");
    assert_string_equal(shown, "#litellm: since it was started\n"
                               "#model\tteam\trequests\ttokens_in\tcached\ttokens_out\n"
                               "mistral-small\tDRH\t-\t771\t0\t0\n"
                               "mistral-small\tDSN\t-\t10321\t100\t2210\n");
    assert_null(strstr(shown, "default_user_id"));
    options.teams = teams;
    options.team_count = 2;
    options.direction_code = code;
    run(FIXTURES "litellm_FROM_SOURCE.txt");
    assert_non_null(strstr(shown, "\nmistral-small\tDRH\tunassigned\t-\t771\t0\t0\n"));
    assert_non_null(strstr(shown, "\nmistral-small\tDSN\tDSN\t-\t10321\t100\t2210\n"));
}

static void names_do_not_drive_a_terminal(void **state)
{
    (void)state;
    run_text("vllm:prompt_tokens_total{model_name=\"a\tb\x1b[2J\\n\xc3\xa9\"} 5\n");
    assert_non_null(strstr(shown, "\na\\x09b\\x1b[2J\\x0a\\xc3\\xa9\t-\t-\t5\t-\t-\n"));
}

/* As the daemon would judge it. */
static void what_cannot_be_is_not_shown_as_if_it_were(void **state)
{
    static const char *const values[] = {"-5", "NaN", "+Inf", "1e300"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(text, sizeof(text),
                 "vllm:prompt_tokens_total{model_name=\"m\"} %s\n"
                 "vllm:generation_tokens_total{model_name=\"m\"} 1\n",
                 values[i]);
        assert_string_equal(run_text(text),
                            "iagmeter: a counter is negative, too large, or no number: the daemon "
                            "takes nothing of such an answer\n");
        assert_int_equal(status, 2);
        assert_string_equal(shown, "");
    }
}

static void what_holds_no_counter_is_told(void **state)
{
    (void)state;
    assert_string_equal(run_text("a 1\nb 2\n"),
                        "iagmeter: among 2 samples, no counter of an inference server that is "
                        "known here\n");
    assert_int_equal(status, 2);
    options.dialect = SERVER_TGI;
    assert_string_equal(run(FIXTURES "vllm_FROM_SOURCE.txt"),
                        "iagmeter: among 15 samples, no counter of tgi\n");
    assert_non_null(strstr(run("/nonexistent"), "No such file"));
    assert_int_equal(status, 2);
    assert_string_equal(shown, "");
}

static void a_cut_line_is_left_out(void **state)
{
    (void)state;
    assert_string_equal(run_text("vllm:prompt_tokens_total 5\nvllm:prompt_tokens_total 77"),
                        "iagmeter: the last line has no end, and is left out\n");
    assert_non_null(strstr(shown, "\n-\t-\t-\t5\t-\t-\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_model_is_a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_told_is_not_0, setup, teardown),
        cmocka_unit_test_setup_teardown(teams_are_shown_and_users_are_not, setup, teardown),
        cmocka_unit_test_setup_teardown(names_do_not_drive_a_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_not_shown_as_if_it_were, setup, teardown),
        cmocka_unit_test_setup_teardown(what_holds_no_counter_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_line_is_left_out, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
