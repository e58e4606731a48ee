/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/supervisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/capture.h"
#include "daemon/ledger.h"
#include "daemon/log.h"
#include "daemon/message.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The supervisor looks for iagmeter-meter beside its own program. Beside this test lies whichever
 * one the test puts there: the real one, or a script that misbehaves. Live traffic, signals and
 * restarts are the system tests' (test_processes.sh). */

/* The sanitizers' leak checker takes ptrace, which a sandbox rightly forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static char beside[PATH_MAX];
static char real[PATH_MAX];
static struct config *config;

static int setup(void **state)
{
    char self[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length <= 0 || scratch_setup(state) != 0)
        return -1;
    dirname(self);
    snprintf(beside, sizeof(beside), "%.*s/iagmeter-meter", PATH_MAX - 32, self);
    /* BUILD/tests/daemon/test_supervisor and BUILD/iagmeter-meter */
    dirname(self);
    dirname(self);
    snprintf(real, sizeof(real), "%.*s/iagmeter-meter", PATH_MAX - 32, self);
    unlink(beside);
    log_open("test");
    config = shipped_config(SHIPPED_FACTORS, NULL);
    return 0;
}

static int teardown(void **state)
{
    unlink(beside);
    config_free(config);
    return scratch_teardown(state);
}

static void use_real_meter(void)
{
    if (access(real, X_OK) != 0) {
        fprintf(stderr, "skipped: %s is not built\n", real);
        skip();
    }
    assert_int_equal(symlink(real, beside), 0);
}

static void use_script(const char *commands)
{
    FILE *stream = fopen(beside, "we");

    assert_non_null(stream);
    fprintf(stream, "#!/bin/sh\n%s\n", commands);
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(chmod(beside, 0755), 0);
}

static const char *logged;

/* In a child, as it blocks signals and takes over the configuration. Returns the exit status. */
static int supervise_workers(const char *file, unsigned workers)
{
    int status;
    pid_t child;

    overhear_start();
    child = fork();
    if (child == 0)
        _exit(supervisor_run(config, &file, file ? 1 : 0, workers));
    assert_int_equal(waitpid(child, &status, 0), child);
    logged = overhear_stop();
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d:\n%s", WTERMSIG(status), logged);
    return WEXITSTATUS(status);
}

static int supervise(const char *file)
{
    return supervise_workers(file, 1);
}

static struct ledger *open_ledger(bool writable)
{
    char error[2 * PATH_MAX];
    struct ledger *ledger = ledger_open(config->state_directory, writable, error, sizeof(error));

    if (!ledger)
        fail_msg("%s", error);
    return ledger;
}

static bool add_flows(void *context, const struct ledger_row *row)
{
    *(unsigned *)context += row->activity.flows;
    return true;
}

static unsigned recorded_flows(void)
{
    struct ledger *ledger = open_ledger(false);
    unsigned flows = 0;

    ledger_visit(ledger, INT64_MIN, INT64_MAX, NULL, NULL, add_flows, &flows);
    ledger_close(ledger);
    return flows;
}

static void a_file_goes_through_all_processes_into_the_ledger(void **state)
{
    (void)state;
    use_real_meter();
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_SUCCESS);
    assert_string_equal(logged, "");
    assert_int_equal(recorded_flows(), (unsigned)demo_truth(2));
}

static void a_file_that_cannot_be_read_is_trouble(void **state)
{
    char path[PATH_MAX];

    (void)state;
    use_real_meter();
    scratch_path(path, "missing.pcap");
    assert_int_equal(supervise(path), EXIT_TROUBLE);
    assert_one_line(logged, path, "No such file");
    assert_int_equal(recorded_flows(), 0);
}

static void workers_share_a_file(void **state)
{
    (void)state;
    use_real_meter();
    assert_int_equal(supervise_workers(DEMO_CAPTURE, 3), EXIT_SUCCESS);
    assert_string_equal(logged, "");
    assert_int_equal(recorded_flows(), (unsigned)demo_truth(2));
}

static void what_is_wrong_with_a_shared_file_is_said_once(void **state)
{
    char path[PATH_MAX];

    (void)state;
    use_real_meter();
    scratch_path(path, "missing.pcap");
    assert_int_equal(supervise_workers(path, 2), EXIT_TROUBLE);
    assert_one_line(logged, path, "No such file");
    scratch_write("empty.pcap", "");
    scratch_path(path, "empty.pcap");
    assert_int_equal(supervise_workers(path, 2), EXIT_TROUBLE);
    assert_one_line(logged, path, "the file is empty");
    assert_int_equal(recorded_flows(), 0);
}

static void a_ledger_in_use_is_trouble(void **state)
{
    struct ledger *ledger;

    (void)state;
    use_real_meter();
    scratch_mkdir("state");
    ledger = open_ledger(true);
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
    ledger_close(ledger);
    assert_one_line(logged, "ledger.lock", "another iagmeterd");
    assert_int_equal(recorded_flows(), 0);
}

static void a_state_directory_that_cannot_be_made_is_trouble(void **state)
{
    (void)state;
    use_real_meter();
    snprintf(config->state_directory, sizeof(config->state_directory), "%s/not/there",
             scratch_directory);
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
    assert_one_line(logged, "not/there", "No such file");
}

static void without_a_meter_nothing_starts(void **state)
{
    (void)state;
    if (access(IAGMETER_LIBEXECDIR "/iagmeter-meter", X_OK) == 0) {
        fprintf(stderr, "skipped: a meter is installed\n");
        skip();
    }
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
    assert_one_line(logged, "iagmeter-meter", "cannot run");
}

static void a_meter_that_fails_to_start_gives_its_status(void **state)
{
    (void)state;
    use_script("exit 1");
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_CONFIGURATION);
    use_script("exit 0");
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_TROUBLE); /* it should have stayed */
    use_script("kill -9 $$");
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
}

static void a_meter_that_breaks_the_rules_is_killed(void **state)
{
    (void)state;
    use_script("echo something else >&3; exec sleep 1000");
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
    assert_one_line(logged, "meter", "impossible message");
}

/* It has the tables that workers share, made of packets, and the secret for keys. */
static void no_core_file_is_made_of_the_start_up_process(void **state)
{
    (void)state;
    use_script("awk '/^Max core file size/ { print $5, $6 }' /proc/$PPID/limits >&2; exit 1");
    assert_int_equal(supervise(DEMO_CAPTURE), EXIT_CONFIGURATION);
    assert_string_equal(logged, "0 0\n");
}

/* The real meter with CONTROL as its descriptor 3, as for a replay by one process. */
static pid_t start_meter(int control)
{
    pid_t meter = fork();

    if (meter == 0) {
        dup2(fcntl(control, F_DUPFD, 10), 3); /* which it may be already, to be closed */
        execl(real, "iagmeter-meter", "-c", config->path, "-r", "1", (char *)NULL);
        _exit(127);
    }
    assert_true(meter > 0);
    close(control);
    return meter;
}

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

/* Plays the start-up process and a capture process that sends CLOSED, and has ended before the
 * meter listens. Returns the meter's exit status. */
static int meter_one(const struct message *closed)
{
    struct message message;
    int control[2];
    int data[2];
    int status;
    pid_t meter;

    overhear_start();
    make_pair(control);
    make_pair(data);
    meter = start_meter(control[1]);
    assert_true(message_send(data[0], closed));
    close(data[0]);
    message_start(&message, MESSAGE_WORKER);
    assert_true(message_send_descriptor(control[0], &message, data[1]));
    close(data[1]);
    message_start(&message, MESSAGE_STOP);
    assert_true(message_send(control[0], &message));
    assert_int_equal(waitpid(meter, &status, 0), meter);
    close(control[0]);
    logged = overhear_stop();
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_replay_whose_sums_were_refused_is_trouble(void **state)
{
    struct message closed;

    (void)state;
    use_real_meter();
    scratch_mkdir("state");
    message_start(&closed, MESSAGE_CLOSED);
    assert_int_equal(meter_one(&closed), EXIT_SUCCESS);
    assert_string_equal(logged, "");
    closed.body.coverage.packets_filtered = 1; /* of none */
    assert_int_equal(meter_one(&closed), EXIT_TROUBLE);
    assert_non_null(strstr(logged, "not metered to its end"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_goes_through_all_processes_into_the_ledger),
        TEST(a_file_that_cannot_be_read_is_trouble),
        TEST(workers_share_a_file),
        TEST(what_is_wrong_with_a_shared_file_is_said_once),
        TEST(a_ledger_in_use_is_trouble),
        TEST(a_state_directory_that_cannot_be_made_is_trouble),
        TEST(without_a_meter_nothing_starts),
        TEST(a_meter_that_fails_to_start_gives_its_status),
        TEST(a_meter_that_breaks_the_rules_is_killed),
        TEST(no_core_file_is_made_of_the_start_up_process),
        TEST(a_replay_whose_sums_were_refused_is_trouble),
    };

    alarm(120); /* a process that does not end must not hang the suite */
    setenv("LSAN_OPTIONS", "detect_leaks=0", 1); /* for the meter, which is another program */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
