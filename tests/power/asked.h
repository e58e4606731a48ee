/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_ASKED_H
#define IAGMETER_TESTS_ASKED_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/daemon/overhear.h"
#include "tests/daemon/scratch.h"
#include "tests/power/helper.h"
#include "tests/power/source.h"

/* A source that asks a program which the test started. Include after cmocka.h. */

/* Whole or not at all: the program may be reading. */
static inline void replace_file(const char *name, const char *text)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    scratch_write("next", text);
    scratch_path(from, "next");
    scratch_path(to, name);
    assert_int_equal(rename(from, to), 0);
}

/* A secret in a file of its own, which no test's secret may be logged from: each has "secret" in
 * it. */
static inline void write_secret(char out[PATH_MAX], const char *name, const char *secret)
{
    scratch_write(name, secret);
    scratch_path(out, name);
    assert_int_equal(chmod(out, 0600), 0);
}

/* After overhear_start(). */
static inline int teardown_asked(void **state, struct helper *program)
{
    const char *said;

    close_source();
    said = overhear_stop();
    helper_stop(program);
    if (strstr(said, "secret"))
        fail_msg("a secret was logged: %s", said);
    return scratch_teardown(state);
}

#endif
