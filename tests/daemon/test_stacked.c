/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/stacked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/log.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/scratch.h"

#include <sched.h>
#include <sys/wait.h>

/* As /sys has it (there, links to the other interface): a VLAN on a bond of two cards, of which one
 * is alone, and a bridge. */
static int setup(void **state)
{
    static const char *const directories[] = {
        "class",
        "class/net",
        "class/net/eth0",
        "class/net/eth0/upper_bond0",
        "class/net/bond0",
        "class/net/bond0/lower_eth0",
        "class/net/bond0/lower_eth1",
        "class/net/bond0/upper_bond0.110",
        "class/net/bond0.110",
        "class/net/bond0.110/lower_bond0",
        "class/net/br0",
        "class/net/br0/lower_eth2",
        /* No kernel makes these. */
        "class/net/ring0",
        "class/net/ring0/lower_ring1",
        "class/net/ring1",
        "class/net/ring1/lower_ring0",
    };

    if (scratch_setup(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
        scratch_mkdir(directories[i]);
    return 0;
}

static bool rests(const char *upper, const char *lower)
{
    return stacked_on(scratch_directory, upper, lower);
}

static void an_interface_rests_on_what_it_is_made_of(void **state)
{
    (void)state;
    assert_true(rests("bond0", "eth0"));
    assert_true(rests("bond0", "eth1"));
    assert_true(rests("bond0.110", "bond0"));
    assert_true(rests("bond0.110", "eth1"));
    assert_true(rests("br0", "eth2"));
    assert_true(rests("any", "eth2"));
    assert_false(rests("any", "any"));
    assert_false(rests("eth0", "bond0"));
    assert_false(rests("bond0", "bond0.110"));
    assert_false(rests("bond0", "eth2"));
    assert_false(rests("br0", "eth"));
    assert_false(rests("eth7", "eth0"));
    assert_false(rests("ring0", "eth0"));
}

static const char *warnings(const struct config *config)
{
    log_open("iagmeterd");
    overhear_start();
    stacked_warn(scratch_directory, config);
    return overhear_stop();
}

static void each_pair_that_is_captured_whole_is_told(void **state)
{
    static const char *const names[] = {"eth0", "bond0.110", "eth2", "bond0", NULL};
    struct config *config = calloc(1, sizeof(*config));
    const char *told;

    (void)state;
    for (const char *const *name = names; *name; name++)
        snprintf(config->interfaces[config->interface_count++].name, INTERFACE_NAME_SIZE, "%s",
                 *name);
    told = warnings(config);
    assert_int_equal(count_of(told, "\n"), 3);
    assert_non_null(strstr(told,
                           "iagmeterd: warning: interface bond0.110 carries what passes eth0, "
                           "too: it counts twice; leave one out, or give one a filter\n"));
    assert_int_equal(count_of(told, "interface bond0.110 carries what passes bond0, too"), 1);
    assert_int_equal(count_of(told, "interface bond0 carries what passes eth0, too"), 1);
    config->interfaces[0].filter[0] = 'x'; /* whatever it is */
    config->interfaces[1].filter[0] = 'x';
    assert_string_equal(warnings(config), "");
    free(config);
}

/* In a network of our own, whose loopback has another name: 3, where none can be made. */
static int look_at_names(void)
{
    struct config *config = calloc(1, sizeof(*config));
    static const char *const names[] = {"loop0", "lo", "eth0"};

    if (!config || unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0 ||
        system("ip link property add dev lo altname loop0 2>/dev/null") != 0)
        return 3;
    for (const char *const *name = names; name < names + 3; name++)
        snprintf(config->interfaces[config->interface_count++].name, INTERFACE_NAME_SIZE, "%s",
                 *name);
    if (!stacked_is_one("lo", "loop0") || stacked_is_one("lo", "eth0") ||
        stacked_is_one("eth0", "eth0") || stacked_captured_as(config, 0) != 0 ||
        stacked_captured_as(config, 1) != 0 || stacked_captured_as(config, 2) != 2)
        return 1;
    if (strcmp(warnings(config), "iagmeterd: warning: interface lo is loop0 under another name, "
                                 "and is captured once: leave one out\n") != 0)
        return 1;
    config->interfaces[0].filter[0] = 'x'; /* the one without has all of it */
    if (stacked_captured_as(config, 0) != 1 || stacked_captured_as(config, 1) != 1)
        return 1;
    config->interfaces[1].filter[0] = 'y'; /* both may be meant */
    return stacked_captured_as(config, 0) == 0 && stacked_captured_as(config, 1) == 1 ? 0 : 2;
}

static void two_names_of_one_interface_are_one(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(look_at_names());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 3) {
        print_message("SKIPPED: no network of our own can be made, or ip is missing\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_interface_rests_on_what_it_is_made_of, setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(each_pair_that_is_captured_whole_is_told, setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(two_names_of_one_interface_are_one, setup,
                                        scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
