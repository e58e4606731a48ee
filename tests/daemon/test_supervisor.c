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
#include <poll.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The supervisor looks for iagmeter-meter beside its own program. Beside this test lies whichever
 * one the test puts there: the real one, or a script that misbehaves. Live traffic, signals and
 * restarts are the system tests' (test_processes.sh). */

/* The sanitizers' leak checker takes ptrace, which a sandbox rightly forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

#define NOBODY 65534 /* a user without rights */

static char beside[PATH_MAX];
static char counters_beside[PATH_MAX];
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
    snprintf(counters_beside, sizeof(counters_beside), "%.*s/iagmeter-counters", PATH_MAX - 32,
             self);
    /* BUILD/tests/daemon/test_supervisor and BUILD/iagmeter-meter */
    dirname(self);
    dirname(self);
    snprintf(real, sizeof(real), "%.*s/iagmeter-meter", PATH_MAX - 32, self);
    unlink(beside);
    unlink(counters_beside);
    log_open("test");
    config = shipped_config(SHIPPED_FACTORS, NULL);
    return 0;
}

static int teardown(void **state)
{
    unlink(beside);
    unlink(counters_beside);
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

static void assert_status(int status, int expected)
{
    if (status != expected)
        fail_msg("ended with status %d, not %d:\n%s", status, expected, logged);
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
    assert_status(supervise(DEMO_CAPTURE), EXIT_SUCCESS);
    assert_string_equal(logged, "");
    assert_int_equal(recorded_flows(), (unsigned)demo_truth(2));
}

static void a_file_that_cannot_be_read_is_trouble(void **state)
{
    char path[PATH_MAX];

    (void)state;
    use_real_meter();
    scratch_path(path, "missing.pcap");
    assert_status(supervise(path), EXIT_TROUBLE);
    assert_one_line(logged, path, "No such file");
    assert_int_equal(recorded_flows(), 0);
}

static void workers_share_a_file(void **state)
{
    (void)state;
    use_real_meter();
    assert_status(supervise_workers(DEMO_CAPTURE, 3), EXIT_SUCCESS);
    assert_string_equal(logged, "");
    assert_int_equal(recorded_flows(), (unsigned)demo_truth(2));
}

static void what_is_wrong_with_a_shared_file_is_said_once(void **state)
{
    char path[PATH_MAX];

    (void)state;
    use_real_meter();
    scratch_path(path, "missing.pcap");
    assert_status(supervise_workers(path, 2), EXIT_TROUBLE);
    assert_one_line(logged, path, "No such file");
    scratch_write("empty.pcap", "");
    scratch_path(path, "empty.pcap");
    assert_status(supervise_workers(path, 2), EXIT_TROUBLE);
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
    assert_status(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
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
    assert_status(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
    assert_one_line(logged, "not/there", "No such file");
}

static void without_a_meter_nothing_starts(void **state)
{
    (void)state;
    if (access(IAGMETER_LIBEXECDIR "/iagmeter-meter", X_OK) == 0) {
        fprintf(stderr, "skipped: a meter is installed\n");
        skip();
    }
    assert_status(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
    assert_one_line(logged, "iagmeter-meter", "cannot run");
}

static void a_meter_that_fails_to_start_gives_its_status(void **state)
{
    (void)state;
    use_script("exit 1");
    assert_status(supervise(DEMO_CAPTURE), EXIT_CONFIGURATION);
    use_script("exit 0");
    assert_status(supervise(DEMO_CAPTURE), EXIT_TROUBLE); /* it should have stayed */
    use_script("kill -9 $$");
    assert_status(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
}

static void a_meter_that_breaks_the_rules_is_killed(void **state)
{
    (void)state;
    use_script("echo something else >&3; exec sleep 1000");
    assert_status(supervise(DEMO_CAPTURE), EXIT_TROUBLE);
    assert_one_line(logged, "meter", "impossible message");
}

/* In a child that may start none, unless it is root. */
static int supervise_alone(void)
{
    const struct rlimit none = {0, 0};
    const char *const file = DEMO_CAPTURE;
    int status;
    pid_t child;

    overhear_start();
    child = fork();
    if (child == 0)
        _exit((geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) ||
                      setrlimit(RLIMIT_NPROC, &none) != 0
                  ? EXIT_SUCCESS
                  : supervisor_run(config, &file, 1, 1));
    assert_int_equal(waitpid(child, &status, 0), child);
    logged = overhear_stop();
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SUCCESS;
}

static void that_no_process_can_be_started_is_said(void **state)
{
    (void)state;
    scratch_mkdir("state");
    assert_int_equal(chmod(scratch_directory, 0755), 0);
    assert_status(supervise_alone(), EXIT_TROUBLE);
    assert_one_line(logged, "no process can be started for the meter", "unavailable");
}

/* It has the tables that workers share, made of packets, and the secret for keys. */
static void no_core_file_is_made_of_the_start_up_process(void **state)
{
    (void)state;
    use_script("awk '/^Max core file size/ { print $5, $6 }' /proc/$PPID/limits >&2; exit 1");
    assert_status(supervise(DEMO_CAPTURE), EXIT_CONFIGURATION);
    assert_string_equal(logged, "0 0\n");
}

/* -- Capture processes that break the rules ---------------------------------------------------- */

/* The exit status of a meter of a replay to which a capture process sends MESSAGE. */
static int status_of_meter(const struct message *message)
{
    char *const arguments[] = {"iagmeter-meter", "-c", config->path, "-r", "1", NULL};
    struct message control;
    int to_meter[2], data[2];
    int status;
    pid_t meter;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, to_meter), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, data), 0);
    overhear_start();
    meter = fork();
    if (meter == 0) {
        int descriptor = fcntl(to_meter[1], F_DUPFD, 10);

        dup2(descriptor, 3);
        close_range(4, ~0U, 0);
        execv(real, arguments);
        _exit(EXIT_CONFIGURATION);
    }
    close(to_meter[1]);
    message_start(&control, MESSAGE_WORKER);
    assert_true(message_send_descriptor(to_meter[0], &control, data[1]));
    close(data[1]);
    assert_true(message_send(data[0], message));
    close(data[0]);
    message_start(&control, MESSAGE_STOP);
    assert_true(message_send(to_meter[0], &control));
    assert_int_equal(waitpid(meter, &status, 0), meter);
    close(to_meter[0]);
    logged = overhear_stop();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_replay_of_which_sums_are_refused_is_trouble(void **state)
{
    struct message message;

    (void)state;
    use_real_meter();
    scratch_mkdir("state");
    message_start(&message, MESSAGE_CLOSED);
    message.interval_start = 1800000000;
    message.body.coverage.packets = 1;
    assert_status(status_of_meter(&message), EXIT_SUCCESS);
    assert_string_equal(logged, "");
    message.body.coverage.packets_filtered = 2;
    assert_status(status_of_meter(&message), EXIT_TROUBLE);
    assert_one_line(logged, "capture process", "impossible message");
}

/* -- A meter that is busy ---------------------------------------------------------------------- */

#define KIND    "IAGMETER_TEST_METER"
#define CONTROL 3
/* Longer than the supervisor waits for a child to take one message. */
#define BUSY_MS 6000
/* Of silence: nothing more comes. */
#define SILENCE_MS 10000

static void say(enum message_type type)
{
    struct message message;

    message_start(&message, type);
    message.number = type == MESSAGE_RELOADED;
    message_send(CONTROL, &message);
}

/* Returns whether all of the names came. */
static bool hear_names(void)
{
    struct pollfd control = {.fd = CONTROL, .events = POLLIN};
    struct message message;

    while (poll(&control, 1, SILENCE_MS) > 0) {
        if (message_receive(CONTROL, SENDER_SUPERVISOR, true, &message, NULL) != MESSAGE_RECEIVED)
            return false;
        if (message.type == MESSAGE_RULES_END)
            return true;
    }
    return false;
}

/* Returns whether it came. */
static bool hear_question(void)
{
    struct pollfd control = {.fd = CONTROL, .events = POLLIN};
    struct message message = {.type = 0};

    while (message.type != MESSAGE_RELOAD)
        if (poll(&control, 1, SILENCE_MS) <= 0 ||
            message_receive(CONTROL, SENDER_SUPERVISOR, true, &message, NULL) != MESSAGE_RECEIVED)
            return false;
    return true;
}

/* Asks for new rules, and does not listen for some time once it has agreed to them. */
static int be_a_busy_meter(void)
{
    bool told;

    say(MESSAGE_READY);
    told = hear_names();
    kill(getppid(), SIGHUP);
    told = told && hear_question();
    say(MESSAGE_RELOADED);
    poll(NULL, 0, BUSY_MS);
    told = told && hear_names();
    kill(getppid(), SIGTERM);
    return told ? EXIT_SUCCESS : EXIT_TROUBLE;
}

/* Does not listen for some time once it is ready. */
static int be_a_meter_that_begins_busy(void)
{
    bool told;

    say(MESSAGE_READY);
    poll(NULL, 0, BUSY_MS);
    told = hear_names();
    kill(getppid(), SIGTERM);
    return told ? EXIT_SUCCESS : EXIT_TROUBLE;
}

/* Says that it has read new files when nobody waits for that any more. */
static int be_a_late_meter(void)
{
    bool told;

    say(MESSAGE_READY);
    told = hear_names();
    say(MESSAGE_RELOADED);
    told = told && hear_question();
    say(MESSAGE_RELOADED);
    told = told && hear_names();
    kill(getppid(), SIGTERM);
    return told ? EXIT_SUCCESS : EXIT_TROUBLE;
}

/* -- Counters that open their meters slowly -----------------------------------------------------
 */

/* Longer than two of those that are slow take, with the pause between. */
#define PATIENT_MS 20000

/* Ends with the supervisor, which the counters end once they have the names. */
static int be_a_patient_meter(void)
{
    struct pollfd control = {.fd = CONTROL, .events = POLLIN};
    struct message message = {.type = 0};

    say(MESSAGE_READY);
    while (message.type != MESSAGE_STOP) {
        if (poll(&control, 1, PATIENT_MS) <= 0) {
            kill(getppid(), SIGTERM);
            return EXIT_TROUBLE;
        }
        if (message_receive(CONTROL, SENDER_SUPERVISOR, true, &message, NULL) == MESSAGE_PEER_GONE)
            return EXIT_TROUBLE;
    }
    return EXIT_SUCCESS;
}

static int be_slow_counters(void)
{
    poll(NULL, 0, BUSY_MS);
    say(MESSAGE_READY);
    if (hear_names())
        kill(getppid(), SIGTERM);
    return EXIT_SUCCESS;
}

#define ABSENT       "iagmeter-none"
#define ABSENT_STATE ABSENT " never opened: no such interface"

/* Where systemd would listen. */
static int listen_as_systemd(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = SILENCE_MS / 1000};
    int notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t length = strlen(getenv("NOTIFY_SOCKET"));

    memcpy(address.sun_path, getenv("NOTIFY_SOCKET"), length);
    address.sun_path[0] = '\0'; /* for '@' */
    setsockopt(notified, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return bind(notified, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0
               ? notified
               : -1;
}

/* But for signs of life, which may come between any two: a meter that has not read its names yet is
 * told of the interfaces later. */
static bool next_is(int notified, const char *expected)
{
    char text[256];

    do {
        memset(text, 0, sizeof(text));
        if (recv(notified, text, sizeof(text) - 1, 0) <= 0)
            return false;
    } while (strcmp(text, "WATCHDOG=1") == 0);
    return strcmp(text, expected) == 0;
}

static bool hear_interfaces(void)
{
    struct pollfd control = {.fd = CONTROL, .events = POLLIN};
    struct message message = {.type = 0};

    while (message.type != MESSAGE_INTERFACES)
        if (message.type == MESSAGE_STOP || poll(&control, 1, SILENCE_MS) <= 0 ||
            message_receive(CONTROL, SENDER_SUPERVISOR, true, &message, NULL) != MESSAGE_RECEIVED)
            return false;
    return strcmp(message.body.interfaces, ABSENT_STATE) == 0;
}

/* Both systemd and it are told of the interfaces. */
static int be_a_told_meter(void)
{
    int notified = listen_as_systemd();
    bool told;

    say(MESSAGE_READY);
    told = hear_interfaces() && next_is(notified, "READY=1") &&
           next_is(notified, "STATUS=interfaces: " ABSENT_STATE);
    kill(getppid(), SIGTERM);
    return told ? EXIT_SUCCESS : EXIT_TROUBLE;
}

/* The other child of our parent; 0: there is none. */
static pid_t sibling(void)
{
    long first = 0, second = 0;
    char path[64];
    FILE *stream;

    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)getppid(), (long)getppid());
    stream = fopen(path, "re");
    if (stream && fscanf(stream, "%ld %ld", &first, &second) < 2)
        second = 0;
    if (stream)
        fclose(stream);
    return (pid_t)(first == getpid() ? second : second ? first : 0);
}

static int be_a_killing_meter(void)
{
    struct pollfd control = {.fd = CONTROL, .events = POLLIN};
    struct message message = {.type = 0};
    pid_t capture;

    while ((capture = sibling()) == 0)
        poll(NULL, 0, 10);
    kill(capture, SIGKILL);
    say(MESSAGE_READY);
    while (message.type != MESSAGE_STOP && poll(&control, 1, SILENCE_MS) > 0 &&
           message_receive(CONTROL, SENDER_SUPERVISOR, true, &message, NULL) == MESSAGE_RECEIVED)
        continue;
    return EXIT_SUCCESS;
}

static int be_a_meter(const char *kind)
{
    if (strcmp(kind, "killing") == 0)
        return be_a_killing_meter();
    if (strcmp(kind, "told") == 0)
        return be_a_told_meter();
    if (strcmp(kind, "begins busy") == 0)
        return be_a_meter_that_begins_busy();
    if (strcmp(kind, "late") == 0)
        return be_a_late_meter();
    return strcmp(kind, "patient") == 0 ? be_a_patient_meter() : be_a_busy_meter();
}

/* One to meter after the next start, or the files are refused when they are read again. */
static void name_an_interface(void)
{
    FILE *stream = fopen(config->path, "ae");

    assert_non_null(stream);
    assert_true(fputs("interfaces = ( { name = \"eth0\"; } );\n", stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static void be_the_meter(const char *kind)
{
    name_an_interface();
    setenv(KIND, kind, 1);
    assert_int_equal(symlink("/proc/self/exe", beside), 0);
    /* No interface: it is there to count. */
    config->inference.server_count = 1;
    snprintf(config->inference.scrapes[0].url, sizeof(config->inference.scrapes[0].url), "%s",
             "http://127.0.0.1:1/metrics");
}

static void names_come_to_a_meter_that_begins_busy(void **state)
{
    (void)state;
    be_the_meter("begins busy");
    assert_status(supervise(NULL), EXIT_SUCCESS);
}

static void new_names_come_to_a_meter_that_is_busy(void **state)
{
    (void)state;
    be_the_meter("busy");
    assert_status(supervise(NULL), EXIT_SUCCESS);
}

static void a_meter_that_is_late_is_not_alone_with_new_files(void **state)
{
    (void)state;
    be_the_meter("late");
    assert_status(supervise(NULL), EXIT_SUCCESS);
}

static void counters_may_take_their_time(void **state)
{
    (void)state;
    be_the_meter("patient");
    assert_int_equal(symlink("/proc/self/exe", counters_beside), 0);
    assert_status(supervise(NULL), EXIT_SUCCESS);
}

static void an_interface_that_is_not_there_yet_is_waited_for(void **state)
{
    char socket_name[64];
    int status;

    (void)state;
    if (geteuid() != 0) {
        fprintf(stderr, "skipped: to look for an interface takes CAP_NET_RAW\n");
        skip();
    }
    be_the_meter("told");
    config->inference.server_count = 0;
    config->interface_count = 1;
    config->interfaces[0] = (struct interface_config){
        .name = ABSENT, .workers = 2, .snap_length = 2048, .buffer_mib = 1};
    snprintf(socket_name, sizeof(socket_name), "@iagmeter-test-%ld", (long)getpid());
    setenv("NOTIFY_SOCKET", socket_name, 1);
    status = supervise(NULL);
    unsetenv("NOTIFY_SOCKET");
    assert_status(status, EXIT_SUCCESS);
    if (count_of(logged, "\n") != 2 ||
        count_of(logged, "interface " ABSENT ": there is no such interface") != 1 ||
        count_of(logged, "no interface can be metered yet: trying again") != 1)
        fail_msg("not what is to be said of an interface that is not there:\n%s", logged);
}

/* Of a file that nobody writes to, so that it never begins. */
static void that_a_capture_dies_at_the_start_is_said(void **state)
{
    char path[PATH_MAX];

    (void)state;
    if (access("/proc/thread-self/children", R_OK) != 0) {
        fprintf(stderr, "skipped: this kernel does not list a process's children\n");
        skip();
    }
    scratch_path(path, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    be_the_meter("killing");
    config->inference.server_count = 0;
    assert_status(supervise(path), EXIT_TROUBLE);
    assert_one_line(logged, "capture of ", "/fifo was ended by signal 9 (Killed)");
}

/* Of this process; who has it not, has nothing to give up. */
static bool give_up(cap_value_t capability)
{
    cap_t capabilities = cap_get_proc();
    bool given_up = capabilities &&
                    cap_set_flag(capabilities, CAP_EFFECTIVE, 1, &capability, CAP_CLEAR) == 0 &&
                    cap_set_flag(capabilities, CAP_PERMITTED, 1, &capability, CAP_CLEAR) == 0 &&
                    cap_set_proc(capabilities) == 0;

    cap_free(capabilities);
    return given_up;
}

static int supervise_without_rights(void)
{
    int status;
    pid_t child;

    overhear_start();
    child = fork();
    if (child == 0)
        _exit(give_up(CAP_NET_RAW) ? supervisor_run(config, NULL, 0, 1) : EXIT_SUCCESS);
    assert_int_equal(waitpid(child, &status, 0), child);
    logged = overhear_stop();
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SUCCESS;
}

static void that_rights_are_missing_is_said_once(void **state)
{
    (void)state;
    use_real_meter();
    config->interface_count = 1;
    config->kernel_filter = false;
    config->interfaces[0] =
        (struct interface_config){.name = "lo", .workers = 3, .snap_length = 2048, .buffer_mib = 1};
    assert_status(supervise_without_rights(), EXIT_TROUBLE);
    assert_one_line(logged, "interface lo: no permission to capture", "CAP_NET_RAW");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
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
        TEST(that_no_process_can_be_started_is_said),
        TEST(no_core_file_is_made_of_the_start_up_process),
        TEST(a_replay_of_which_sums_are_refused_is_trouble),
        TEST(names_come_to_a_meter_that_begins_busy),
        TEST(new_names_come_to_a_meter_that_is_busy),
        TEST(a_meter_that_is_late_is_not_alone_with_new_files),
        TEST(counters_may_take_their_time),
        TEST(an_interface_that_is_not_there_yet_is_waited_for),
        TEST(that_a_capture_dies_at_the_start_is_said),
        TEST(that_rights_are_missing_is_said_once),
    };

    if (argc > 0 && strcmp(argv[0], "iagmeter-meter") == 0)
        return be_a_meter(getenv(KIND));
    if (argc > 0 && strcmp(argv[0], "iagmeter-counters") == 0)
        return be_slow_counters();
    alarm(600); /* a process that does not end must not hang the suite; disks may be slow */
    setenv("LSAN_OPTIONS", "detect_leaks=0", 1); /* for the meter, which is another program */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
