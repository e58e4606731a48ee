/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char logged[4096];

/* Logs one line and puts the first write to standard error into LOGGED: lines of several processes
 * cannot mix when each is one write. */
static void say(enum log_priority priority, const char *text)
{
    int pair[2];
    int saved = dup(STDERR_FILENO);
    ssize_t length;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    dup2(pair[1], STDERR_FILENO);
    log_line(priority, "%s", text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pair[1]);
    length = read(pair[0], logged, sizeof(logged) - 1);
    close(pair[0]);
    assert_true(length > 0);
    logged[length] = '\0';
}

static void a_line_says_which_program_it_is_of(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_open("iagmeterd");
    say(LOG_PRIORITY_INFO, "metering 1 interface(s)");
    assert_string_equal(logged, "iagmeterd: metering 1 interface(s)\n");
    say(LOG_PRIORITY_ERROR, "disk full");
    assert_string_equal(logged, "iagmeterd: disk full\n");
    say(LOG_PRIORITY_WARNING, "nearly full");
    assert_string_equal(logged, "iagmeterd: warning: nearly full\n");
}

static void what_would_drive_a_terminal_is_not_logged(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_open("iagmeterd");
    say(LOG_PRIORITY_ERROR, "a\x1b[31mb\n<0>c\x7f\xc2\x9b 1 \xc3\xa9t\xc3\xa9 \xc2\xb0");
    assert_string_equal(logged, "iagmeterd: a?[31mb?<0>c??? 1 \xc3\xa9t\xc3\xa9 \xc2\xb0\n");
}

static void the_journal_gets_the_priority_instead(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "8:12345", 1);
    log_open("iagmeterd");
    say(LOG_PRIORITY_ERROR, "disk full");
    assert_string_equal(logged, "<3>disk full\n");
    say(LOG_PRIORITY_WARNING, "nearly full");
    assert_string_equal(logged, "<4>nearly full\n");
    say(LOG_PRIORITY_INFO, "100 % of it");
    assert_string_equal(logged, "<6>100 % of it\n");
    unsetenv("JOURNAL_STREAM");
}

static void a_line_that_is_too_long_is_cut_and_still_ends(void **state)
{
    char text[3000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_open("p");
    say(LOG_PRIORITY_ERROR, text);
    assert_true(strlen(logged) > 1000 && strlen(logged) < 1100);
    assert_ptr_equal(strchr(logged, '\n'), logged + strlen(logged) - 1);
}

static void a_complaint_is_said_once_an_hour_with_the_number_of_silent_ones(void **state)
{
    struct log_damper damper = {0, 0};
    uint64_t silenced = 99;

    (void)state;
    assert_true(log_due(&damper, 1000, &silenced));
    assert_int_equal(silenced, 0);
    for (int64_t now_s = 1000; now_s < 1000 + 3600; now_s += 100)
        assert_false(log_due(&damper, now_s, &silenced));
    assert_true(log_due(&damper, 1000 + 3600, &silenced));
    assert_int_equal(silenced, 36);
    assert_false(log_due(&damper, 1000 + 3601, &silenced));
    assert_true(log_due(&damper, 100000, &silenced));
    assert_int_equal(silenced, 1);
}

static void what_ends_again_and_again_is_told_ever_more_rarely(void **state)
{
    struct log_ends ends = {0, false};
    unsigned told = 0, count;

    (void)state;
    for (unsigned i = 1; i <= 200; i++) {
        bool due = log_end_due(&ends, 0);

        assert_int_equal(due, i <= 2 || i == 4 || i == 8 || i == 16 || i == 32 || i % 64 == 0);
        assert_int_equal(ends.silenced, !due);
        assert_int_equal(ends.count, i);
        told += due;
        assert_false(log_holds_again(&ends, 599, &count)); /* not for long enough */
    }
    assert_int_equal(told, 9);
    assert_true(log_holds_again(&ends, 600, &count));
    assert_int_equal(count, 200);
    assert_false(log_holds_again(&ends, 601, &count)); /* once */
    assert_true(log_end_due(&ends, 601));
    assert_int_equal(ends.count, 1);
}

static void that_it_holds_is_not_told_of_what_was_told_in_full(void **state)
{
    struct log_ends ends = {0, false};
    unsigned count;

    (void)state;
    assert_true(log_end_due(&ends, 5));
    assert_true(log_end_due(&ends, 5));
    assert_false(log_holds_again(&ends, 600, &count));
    for (int i = 0; i < 3; i++) {
        log_end_due(&ends, 5);
        assert_true(log_end_due(&ends, 600)); /* it had held: this one is the first again */
        assert_int_equal(ends.count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_which_program_it_is_of),
        cmocka_unit_test(what_would_drive_a_terminal_is_not_logged),
        cmocka_unit_test(the_journal_gets_the_priority_instead),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_still_ends),
        cmocka_unit_test(a_complaint_is_said_once_an_hour_with_the_number_of_silent_ones),
        cmocka_unit_test(what_ends_again_and_again_is_told_ever_more_rarely),
        cmocka_unit_test(that_it_holds_is_not_told_of_what_was_told_in_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
