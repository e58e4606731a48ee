/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/flowtable.h"
#include "daemon/log.h"
#include "daemon/message.h"
#include "daemon/rules.h"
#include "tests/capture/filmfile.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/processstatus.h"
#include "tests/daemon/shipped.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The capture process runs in a child, as it does in the daemon; the test is both the start-up
 * process and the meter. */

static struct config *config;
static pid_t child;
static int control, data;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    log_open("test");
    config = shipped_config(SHIPPED_FACTORS, NULL);
    return 0;
}

static int teardown(void **state)
{
    config_free(config);
    return scratch_teardown(state);
}

/* Between hold() and let_go() a child that was started waits, so that what is sent meanwhile is
 * there before it looks for the first time. */
static int gate[2] = {-1, -1};

static void hold(void)
{
    assert_int_equal(pipe(gate), 0);
}

static void let_go(void)
{
    close(gate[0]);
    close(gate[1]);
    gate[0] = gate[1] = -1;
}

static void wait_at_gate(void)
{
    char byte;

    if (gate[0] < 0)
        return;
    close(gate[1]);
    if (read(gate[0], &byte, 1) != 0)
        _exit(EXIT_FAILURE);
    close(gate[0]);
}

static void start(const char *file, const struct interface_config *interface, bool again)
{
    int control_pair[2];
    int data_pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control_pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, data_pair), 0);
    child = fork();
    if (child == 0) {
        struct capture_setup capture = {.config = config,
                                        .interface = interface,
                                        .file = file,
                                        .files = &file,
                                        .file_count = 1,
                                        .again = again,
                                        .again_absent = again && geteuid() == 0,
                                        .control = control_pair[1],
                                        .data = data_pair[1]};

        signal(SIGSEGV, SIG_DFL); /* cmocka's handler is for tests */
        close(control_pair[0]);
        close(data_pair[0]);
        wait_at_gate();
        _exit(capture_run(&capture));
    }
    close(control_pair[1]);
    close(data_pair[1]);
    control = control_pair[0];
    data = data_pair[0];
}

static int end(void)
{
    int status;

    if (control >= 0)
        close(control);
    if (data >= 0)
        close(data);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static enum message_status await_control(struct message *message)
{
    return message_receive(control, SENDER_CAPTURE, true, message, NULL);
}

static void await_ready(void)
{
    struct message message;

    assert_int_equal(await_control(&message), MESSAGE_RECEIVED);
    assert_int_equal(message.type, MESSAGE_READY);
}

struct sums {
    struct activity activity;
    struct coverage coverage;
    unsigned devices;
    unsigned drifts; /* windows that were complete */
    unsigned intervals;
    uint32_t last_type;
};

/* Everything that comes until the capture process closes its end. */
static struct sums receive_all(void)
{
    struct sums sums = {0};
    struct message message;
    enum message_status status;

    while ((status = message_receive(data, SENDER_CAPTURE, true, &message, NULL)) ==
           MESSAGE_RECEIVED) {
        const struct activity *activity = &message.body.activity;

        sums.last_type = message.type;
        if (message.type == MESSAGE_ACTIVITY) {
            sums.activity.flows += activity->flows;
            sums.activity.bytes_up += activity->bytes_up;
            sums.activity.bytes_down += activity->bytes_down;
            sums.activity.requests = triple_add(sums.activity.requests, activity->requests);
            sums.activity.tokens_out = triple_add(sums.activity.tokens_out, activity->tokens_out);
        } else if (message.type == MESSAGE_DEVICES) {
            sums.devices++;
        } else if (message.type == MESSAGE_DRIFT) {
            sums.drifts++;
        } else {
            assert_int_equal(message.type, MESSAGE_CLOSED);
            assert_int_equal(message.interval_start % 60, 0);
            sums.coverage.packets += message.body.coverage.packets;
            sums.coverage.covered_ns += message.body.coverage.covered_ns;
            sums.intervals++;
        }
    }
    assert_int_equal(status, MESSAGE_PEER_GONE);
    return sums;
}

static void a_file_becomes_sums_and_nothing_else(void **state)
{
    struct sums sums;

    (void)state;
    start(DEMO_CAPTURE, NULL, false);
    await_ready();
    sums = receive_all();
    assert_int_equal(sums.last_type, MESSAGE_CLOSED);
    assert_int_equal(sums.activity.flows, (unsigned)demo_truth(2));
    assert_int_equal(sums.activity.requests.central, (unsigned)demo_truth(3));
    assert_int_equal(sums.activity.bytes_up, (unsigned)demo_truth(6));
    assert_int_equal(sums.activity.bytes_down, (unsigned)demo_truth(7));
    assert_true(sums.devices >= 13);
    assert_true(sums.coverage.packets > 9000);
    assert_true(sums.coverage.covered_ns > UINT64_C(20000000000));
    assert_int_equal(end(), EXIT_SUCCESS);
}

/* Bytes could hide in what a message does not use. */
static void no_byte_of_a_packet_hides_in_a_message(void **state)
{
    struct message message, copy;

    (void)state;
    start(DEMO_CAPTURE, NULL, false);
    await_ready();
    while (message_receive(data, SENDER_CAPTURE, true, &message, NULL) == MESSAGE_RECEIVED) {
        message_start(&copy, (enum message_type)message.type);
        copy.interval_start = message.interval_start;
        if (message.type == MESSAGE_ACTIVITY) {
            copy.body.activity.direction_id = message.body.activity.direction_id;
            copy.body.activity.service_id = message.body.activity.service_id;
            copy.body.activity.grade = message.body.activity.grade;
            copy.body.activity.flows = message.body.activity.flows;
            copy.body.activity.bytes_up = message.body.activity.bytes_up;
            copy.body.activity.bytes_down = message.body.activity.bytes_down;
            copy.body.activity.bytes_other = message.body.activity.bytes_other;
            copy.body.activity.requests = message.body.activity.requests;
            copy.body.activity.tokens_in = message.body.activity.tokens_in;
            copy.body.activity.tokens_out = message.body.activity.tokens_out;
            copy.body.activity.tokens_out_variance = message.body.activity.tokens_out_variance;
            copy.body.activity.images = message.body.activity.images;
            copy.body.activity.audio_s = message.body.activity.audio_s;
            copy.body.activity.uploads = message.body.activity.uploads;
        } else if (message.type == MESSAGE_DEVICES) {
            copy.body.devices = message.body.devices;
        } else {
            copy.body.coverage = message.body.coverage;
        }
        assert_memory_equal(&message, &copy, sizeof(message));
    }
    assert_int_equal(end(), EXIT_SUCCESS);
}

static void it_stops_when_asked_and_hands_over_what_it_has(void **state)
{
    struct message stop;
    struct sums sums;

    (void)state;
    hold();
    start(DEMO_CAPTURE, NULL, false);
    message_start(&stop, MESSAGE_STOP);
    assert_true(message_send(control, &stop));
    let_go();
    await_ready();
    sums = receive_all();
    assert_int_equal(sums.intervals, 1);
    assert_true(sums.coverage.packets > 0 && sums.coverage.packets < 9000);
    assert_int_equal(end(), EXIT_SUCCESS);
}

static void it_ends_when_the_start_up_process_is_gone(void **state)
{
    struct sums sums;

    (void)state;
    start(DEMO_CAPTURE, NULL, false);
    await_ready();
    close(control);
    control = -1;
    sums = receive_all();
    assert_int_equal(sums.last_type, MESSAGE_CLOSED);
    end();
}

static void it_ends_when_the_meter_is_gone(void **state)
{
    (void)state;
    hold();
    start(DEMO_CAPTURE, NULL, false);
    close(data);
    data = -1;
    let_go();
    await_ready();
    assert_int_equal(end(), EXIT_TROUBLE);
}

/* Starts a child that waits with room for all of the rules in its socket, since nobody reads them
 * yet. */
static bool hold_with_room(const char *file)
{
    const int space = 8 << 20;

    hold();
    start(file, NULL, false);
    if (setsockopt(control, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space)) == 0)
        return true;
    let_go();
    end();
    print_message("SKIPPED: only root may make a socket that large\n");
    return false;
}

static struct sums let_go_and_receive_all(void)
{
    struct sums sums;

    let_go();
    await_ready();
    sums = receive_all();
    assert_int_equal(end(), EXIT_SUCCESS);
    return sums;
}

/* Rules that know no host come while the file is read: what was judged keeps its judgement, the
 * rest is of no known service. */
static void new_rules_are_used_from_then_on(void **state)
{
    struct catalogue *nothing = catalogue_new();
    struct sums sums;

    (void)state;
    for (uint16_t i = 0; i < catalogue_count(config->catalogue); i++)
        assert_true(catalogue_set_service(nothing, i, catalogue_service(config->catalogue, i)));
    if (!hold_with_room(DEMO_CAPTURE)) {
        catalogue_free(nothing);
        skip();
    }
    assert_true(rules_send(control, nothing, config->directions, &config->inference));
    sums = let_go_and_receive_all();
    assert_true(sums.activity.flows > 0);
    assert_true(sums.activity.flows < (unsigned)demo_truth(2));
    catalogue_free(nothing);
}

/* By which nothing is worth a token, nearly. */
static struct service_calibrated worthless(const struct estimator *estimator)
{
    struct service_calibrated calibrated = {.transport = TRANSPORT_TCP, .estimator = *estimator};

    calibrated.estimator.bytes_per_token = triple_exact(1e5);
    calibrated.estimator.whole_bytes_per_token = triple_exact(1e5);
    calibrated.estimator.tokens_per_record = triple_exact(0.001);
    calibrated.estimator.tokens_per_second = triple_exact(0.001);
    calibrated.estimator.regime_count = 0;
    return calibrated;
}

/* CALIBRATE: sends calibrations of every service while the file is read. */
static struct sums read_demo(bool calibrate)
{
    struct config *fresh = shipped_config(SHIPPED_FACTORS, NULL);
    struct sums sums;

    for (uint16_t i = 0; i < catalogue_count(fresh->catalogue); i++) {
        struct service_calibrated calibrated =
            worthless(&catalogue_service(fresh->catalogue, i)->estimator);

        assert_true(catalogue_set_calibrated(fresh->catalogue, i, &calibrated));
    }
    if (!hold_with_room(DEMO_CAPTURE)) {
        config_free(fresh);
        skip();
    }
    if (calibrate)
        assert_true(rules_send(control, fresh->catalogue, fresh->directions, &fresh->inference));
    sums = let_go_and_receive_all();
    config_free(fresh);
    return sums;
}

/* What ended before they came keeps its estimate; what ends later has theirs, and all is found. */
static void new_calibrations_are_used_from_then_on(void **state)
{
    struct sums shipped, mixed;

    (void)state;
    shipped = read_demo(false);
    mixed = read_demo(true);
    print_message("tokens: %.0f as shipped, %.0f with calibrations that came meanwhile\n",
                  shipped.activity.tokens_out.central, mixed.activity.tokens_out.central);
    assert_true(mixed.activity.tokens_out.central > 0.1 * shipped.activity.tokens_out.central);
    assert_true(mixed.activity.tokens_out.central < 0.9 * shipped.activity.tokens_out.central);
    assert_int_equal(mixed.activity.requests.central, shipped.activity.requests.central);
    assert_int_equal(mixed.activity.flows, shipped.activity.flows);
    assert_int_equal(mixed.activity.bytes_down, shipped.activity.bytes_down);
}

/* Exchanges, each of so many packets that about half are in the first batch, after which new rules
 * are looked for. */
static void write_exchanges(const char *path, unsigned count)
{
    struct film film;
    struct talk talk = talk_of(1, 50000);

    film_start(&film);
    talk_open(&film, &talk);
    talk_hello(&film, &talk, "api.mistral.ai", 0);
    for (unsigned i = 0; i < count; i++) {
        talk_exchange(&film, &talk, 1000, 8192 / count, 400, 20 * MILLI);
        film.clock_ns += 10 * SECOND;
    }
    talk_close(&film, &talk);
    film_write(&film, path, 0, film.count);
    film_clear(&film);
}

/* A window takes 50 exchanges: of 60 there is one, unless new rules come meanwhile, with which all
 * begin anew. */
static void windows_of_drift_begin_anew_with_new_rules(void **state)
{
    uint16_t number = catalogue_find(config->catalogue, "mistral-api");
    struct service_calibrated calibrated =
        worthless(&catalogue_service(config->catalogue, number)->estimator);
    char path[PATH_MAX];

    (void)state;
    calibrated.ways[ESTIMATOR_NO_WAY] = (struct calibrated_way){400, 50};
    assert_true(catalogue_set_calibrated(config->catalogue, number, &calibrated));
    scratch_path(path, "exchanges.pcap");
    write_exchanges(path, 60);
    for (int again = 0; again < 2; again++) {
        struct sums sums;

        if (!hold_with_room(path))
            skip();
        if (again)
            assert_true(
                rules_send(control, config->catalogue, config->directions, &config->inference));
        sums = let_go_and_receive_all();
        assert_int_equal(sums.activity.requests.central, 60);
        assert_int_equal(sums.drifts, again ? 0 : 1);
    }
}

static void half_of_new_rules_change_nothing(void **state)
{
    struct message message;
    struct sums sums;
    const char *text;

    (void)state;
    overhear_start();
    hold();
    start(DEMO_CAPTURE, NULL, false);
    message_start(&message, MESSAGE_HOST); /* of a service that did not come */
    snprintf(message.body.host.pattern, sizeof(message.body.host.pattern), "api.openai.com");
    assert_true(message_send(control, &message));
    message_start(&message, MESSAGE_RULES_END);
    assert_true(message_send(control, &message));
    let_go();
    await_ready();
    sums = receive_all();
    end();
    text = overhear_stop();
    assert_one_line(text, "new rules", "the old ones stay");
    assert_int_equal(sums.activity.flows, (unsigned)demo_truth(2));
}

/* -- Sources that fail ------------------------------------------------------------------------ */

static void assert_fails(const char *file, const struct interface_config *interface, int expected,
                         const char *first, const char *second)
{
    struct message message;
    const char *text;
    int status;

    overhear_start();
    start(file, interface, false);
    assert_int_equal(await_control(&message), MESSAGE_PEER_GONE); /* never ready */
    status = end();
    text = overhear_stop();
    assert_int_equal(status, expected);
    assert_one_line(text, first, second);
}

/* Of a process that began, and is overheard. */
static void assert_ends_without_sums(const char *first, const char *second)
{
    const char *text;
    int status;

    assert_int_equal(receive_all().activity.bytes_up, 0);
    status = end();
    text = overhear_stop();
    assert_int_equal(status, EXIT_TROUBLE);
    assert_one_line(text, first, second);
}

static void a_source_that_cannot_be_opened_is_said(void **state)
{
    static const struct interface_config interface = {
        .name = "no-such0", .snap_length = 65535, .buffer_mib = 1};
    const int status = geteuid() == 0 ? EXIT_ABSENT : EXIT_TROUBLE; /* others may not even look */
    char path[PATH_MAX];
    struct message message;

    (void)state;
    scratch_path(path, "missing.pcap");
    assert_fails(path, NULL, EXIT_TROUBLE, path, "No such file");
    assert_fails(NULL, &interface, status, "no-such0",
                 geteuid() == 0 ? "no such interface" : "interface");

    /* The same again is not said again. */
    overhear_start();
    start(NULL, &interface, true);
    assert_int_equal(await_control(&message), MESSAGE_PEER_GONE);
    assert_int_equal(end(), status);
    assert_string_equal(overhear_stop(), "");
}

/* That is known once it is looked at. */
static void what_is_no_capture_is_said(void **state)
{
    char path[PATH_MAX];

    (void)state;
    scratch_write("text.pcap", "this is no capture, but a text of some length");
    scratch_path(path, "text.pcap");
    overhear_start();
    start(path, NULL, false);
    await_ready();
    assert_ends_without_sums(path, "not a capture");
}

static void a_damaged_file_gives_what_came_before_and_trouble(void **state)
{
    size_t size;
    char *bytes = read_whole(DEMO_CAPTURE, &size);
    char path[PATH_MAX];
    struct sums sums;
    const char *text;
    int status;

    (void)state;
    scratch_write_bytes("cut.pcap", bytes, size / 2 + 7);
    free(bytes);
    scratch_path(path, "cut.pcap");
    overhear_start();
    start(path, NULL, false);
    await_ready();
    sums = receive_all();
    status = end();
    text = overhear_stop();
    assert_int_equal(status, EXIT_TROUBLE);
    assert_one_line(text, path, "what came before was read");
    assert_true(sums.activity.flows > 0 && sums.coverage.packets > 1000);
    assert_int_equal(sums.last_type, MESSAGE_CLOSED);
}

static void watch_loopback(int mode)
{
    struct interface_config loopback = {
        .name = "lo", .mode = mode, .snap_length = 65535, .buffer_mib = 1, .filter = "tcp port 1"};
    struct message message;
    struct sums sums;

    overhear_start();
    start(NULL, &loopback, false);
    if (await_control(&message) != MESSAGE_RECEIVED) {
        end();
        fprintf(stderr, "%sskipped: no right to capture on lo\n", overhear_stop());
        skip();
    }
    overhear_stop();
    assert_int_equal(message.type, MESSAGE_READY);
    message_start(&message, MESSAGE_STOP);
    assert_true(message_send(control, &message));
    sums = receive_all();
    assert_true(sums.intervals >= 1); /* also when nothing came: it was observed */
    assert_int_equal(end(), EXIT_SUCCESS);
}

static void an_interface_is_watched_until_the_end(void **state)
{
    (void)state;
    watch_loopback(CAPTURE_IMMEDIATE);
    watch_loopback(CAPTURE_RING);
}

/* A pipe tells when its first byte is asked for. */
static void a_file_is_looked_at_in_the_sandbox_only(void **state)
{
    char path[PATH_MAX];
    int writer;

    (void)state;
    scratch_path(path, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    overhear_start();
    start(path, NULL, false);
    writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    await_ready();
    assert_confined(child);
    close(writer);
    assert_ends_without_sums(path, "the file is empty");
}

/* -- Memory ----------------------------------------------------------------------------------- */

static void what_the_tables_take_follows_the_limits(void **state)
{
    const unsigned more = (1 << 19) - (1 << 12); /* the table has powers of two */
    const uint64_t flow_bytes = 8 + sizeof(struct flow);
    const uint64_t rounded = 1 << 18, headers = 1 << 10; /* of malloc(), of blocks and of pieces */
    struct capture_needs few, many;

    (void)state;
    capture_needs(config); /* what libraries take once is in the first one */
    few = capture_needs(config);
    assert_int_equal(config->limits.max_flows, 1 << 12);
    assert_true(few.one > 0);
    assert_int_equal(few.all, few.one);
    config->limits.max_flows += more;
    many = capture_needs(config);
    assert_true(many.one + headers >= few.one + more * flow_bytes);
    assert_true(many.one <= few.one + more * flow_bytes + rounded);
    config->limits.max_flows -= more;
    many = capture_needs(config); /* what was taken to find out was given back */
    assert_true(many.one >= few.one - rounded && many.one <= few.one + rounded);
}

/* Tables that find room in what was freed before are not smaller. */
static void what_was_freed_before_is_counted_all_the_same(void **state)
{
    const uint64_t rounded = 1 << 18;
    uint64_t needed;
    void *blocks[400];
    void *last;

    (void)state;
    capture_needs(config);
    needed = capture_needs(config).one;
    for (unsigned i = 0; i < 400; i++)
        assert_non_null(blocks[i] = malloc(100000));
    last = malloc(100000); /* keeps what is below it from the system */
    for (unsigned i = 0; i < 400; i++)
        free(blocks[i]);
    assert_true(capture_needs(config).one >= needed - rounded);
    free(last);
}

/* Of an interface's workers, each has tables of its own, but for what the DNS told them. */
static void what_all_processes_take_is_told_too(void **state)
{
    const uint64_t hint_bytes = 20;
    uint64_t one;

    (void)state;
    config->limits.max_hints = 1 << 20;
    one = capture_needs(config).one;
    config->interface_count = 2;
    config->interfaces[0].workers = config->interfaces[1].workers = 1;
    assert_true(capture_needs(config).all >= 2 * one - one / 100);
    assert_true(capture_needs(config).all <= 2 * one + one / 100);
    config->interfaces[1].workers = 3;
    assert_true(capture_needs(config).all > 2 * one);
    assert_true(capture_needs(config).all < 4 * one - 2 * hint_bytes * config->limits.max_hints);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_becomes_sums_and_nothing_else),
        TEST(no_byte_of_a_packet_hides_in_a_message),
        TEST(it_stops_when_asked_and_hands_over_what_it_has),
        TEST(it_ends_when_the_start_up_process_is_gone),
        TEST(it_ends_when_the_meter_is_gone),
        TEST(new_rules_are_used_from_then_on),
        TEST(new_calibrations_are_used_from_then_on),
        TEST(windows_of_drift_begin_anew_with_new_rules),
        TEST(half_of_new_rules_change_nothing),
        TEST(a_source_that_cannot_be_opened_is_said),
        TEST(what_is_no_capture_is_said),
        TEST(a_damaged_file_gives_what_came_before_and_trouble),
        TEST(an_interface_is_watched_until_the_end),
        TEST(a_file_is_looked_at_in_the_sandbox_only),
        TEST(what_the_tables_take_follows_the_limits),
        TEST(what_was_freed_before_is_counted_all_the_same),
        TEST(what_all_processes_take_is_told_too),
    };

    alarm(600); /* a process that does not end must not hang the suite; disks may be slow */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
