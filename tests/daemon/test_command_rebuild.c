/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/ledger.h"
#include "tests/daemon/shipped.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static const char *const made[] = {"state/ledger.lock", "state/rrd", "state/rrd/.new",
                                   "state/rrd/coverage.rrd"};

static void record_something(const char *state_directory)
{
    char error[2 * PATH_MAX] = "";
    struct ledger *ledger = ledger_open(state_directory, true, error, sizeof(error));
    const struct coverage coverage = {.covered_ns = 60000000000, .packets = 1};

    assert_string_equal(error, "");
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(ledger, 1800000000, &coverage), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
    ledger_close(ledger);
}

/* In a child, as it does not come back from being another user. */
static int rebuild(const char *config_path)
{
    struct command_options options = {.format = ""};
    int status;
    pid_t child;

    snprintf(options.config_path, sizeof(options.config_path), "%s", config_path);
    child = fork();
    if (child == 0) {
        assert_non_null(freopen("/dev/null", "w", stdout));
        _exit(command_rebuild(&options));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* As after a restore: the daemon, which is another user, has not been there yet. */
static void what_root_rebuilds_is_the_daemons(void **state)
{
    struct config *config;
    char path[PATH_MAX];
    struct stat status;

    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED: only root becomes another user\n");
        skip();
    }
    config = shipped_config(SHIPPED_FACTORS, NULL);
    scratch_mkdir("state");
    record_something(config->state_directory);
    scratch_path(path, "state/ledger.lock");
    assert_int_equal(unlink(path), 0);
    scratch_path(path, "state/ledger.db");
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    assert_int_equal(chown(config->state_directory, NOBODY, NOBODY), 0);
    assert_int_equal(chmod(scratch_directory, 0755), 0);
    assert_int_equal(rebuild(config->path), EXIT_SUCCESS);
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        scratch_path(path, made[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_uid, NOBODY);
        assert_int_equal(status.st_gid, NOBODY);
    }
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_root_rebuilds_is_the_daemons, scratch_setup,
                                        scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
