/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_TREE_H
#define IAGMETER_TESTS_TREE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/daemon/scratch.h"

/* Copies of the trees in tests/fixtures/counters, to be changed, and a clock to be set. Include
 * after cmocka.h. */

static int64_t tree_clock_ns = INT64_C(1000000000000);

static inline int64_t tree_now(void *context)
{
    (void)context;
    return tree_clock_ns;
}

/* Copies fixture NAME over what is in the scratch directory: files stay the same ones, as those of
 * /sys do. */
static inline void tree_copy(const char *name)
{
    char command[2 * PATH_MAX];

    snprintf(command, sizeof(command), "cp -r '%s/tests/fixtures/counters/%s/sys' '%s'",
             IAGMETER_SOURCE_ROOT, name, scratch_directory);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static inline void tree_write(const char *name, const char *text)
{
    char path[PATH_MAX];

    scratch_path(path, name);
    for (char *slash = strchr(path + strlen(scratch_directory) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    scratch_write(name, text);
}

static inline void tree_remove(const char *name)
{
    char path[PATH_MAX];

    scratch_path(path, name);
    assert_int_equal(nftw(path, scratch_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Runs WHAT as a user who may not read files of mode 0. */
static inline void tree_as_nobody(void (*what)(void))
{
    bool is_root = geteuid() == 0;

    chmod(scratch_directory, 0755);
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    what();
    if (is_root)
        assert_int_equal(seteuid(0), 0);
}

#endif
