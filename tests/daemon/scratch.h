/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SCRATCH_H
#define IAGMETER_TESTS_SCRATCH_H

#include "daemon/diagnostics.h"
#include "tests/scratchbase.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory for the configuration files that a test writes, and the questions it asks about the
 * complaints they cause. Include after cmocka.h. */

static char scratch_directory[64];

static inline int scratch_setup(void **state)
{
    (void)state;
    snprintf(scratch_directory, sizeof(scratch_directory), "%s/iagmeter-test-XXXXXX",
             scratch_base());
    return mkdtemp(scratch_directory) ? 0 : -1;
}

static inline void scratch_path(char *out, const char *name)
{
    snprintf(out, PATH_MAX, "%s/%s", scratch_directory, name);
}

static inline void scratch_write(const char *name, const char *text)
{
    char path[PATH_MAX];
    FILE *stream;

    scratch_path(path, name);
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, strlen(text), stream), strlen(text));
    assert_int_equal(fclose(stream), 0);
}

static inline void scratch_mkdir(const char *name)
{
    char path[PATH_MAX];

    scratch_path(path, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static inline int scratch_remove(const char *path, const struct stat *status, int type,
                                 struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline int scratch_teardown(void **state)
{
    (void)state;
    return nftw(scratch_directory, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Fails unless "<directory>/NAME:LINE: " begins a complaint that contains FRAGMENT. */
static inline void assert_complaint(const struct diagnostics *diagnostics, const char *name,
                                    unsigned line, const char *fragment)
{
    char prefix[PATH_MAX + 32];

    snprintf(prefix, sizeof(prefix), "%s/%s:%u: ", scratch_directory, name, line);
    for (size_t i = 0; diagnostics_text(diagnostics, i); i++) {
        const char *text = diagnostics_text(diagnostics, i);

        if (strncmp(text, prefix, strlen(prefix)) == 0 && strstr(text, fragment))
            return;
    }
    diagnostics_print(diagnostics, stderr);
    fail_msg("no complaint at %s about \"%s\"", prefix, fragment);
}

static inline void assert_no_complaint(const struct diagnostics *diagnostics)
{
    if (diagnostics_text(diagnostics, 0))
        fail_msg("unexpected: %s", diagnostics_text(diagnostics, 0));
}

#endif
