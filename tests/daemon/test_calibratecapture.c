/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibratecapture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/filmfile.h"
#include "tests/capture/scene.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/processstatus.h"
#include "tests/daemon/shipped.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

/* Two clients, of which the first (10.1.0.1) is the one that is known. */

#define HOST "api.openai.com"

static struct config *config;
static char path[PATH_MAX];
static struct calibratecapture_setup session;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    config = shipped_config(SHIPPED_FACTORS, NULL);
    scratch_path(path, "session.pcap");
    film_start(&film);
    session =
        (struct calibratecapture_setup){.config = config, .capture = path, .client = "10.1.0.1"};
    return 0;
}

static int teardown(void **state)
{
    film_clear(&film);
    config_free(config);
    return scratch_teardown(state);
}

static void prompt(unsigned device, unsigned events)
{
    static uint16_t port = 40000;
    struct talk talk = talk_of(device, port++);

    talk_open(&film, &talk);
    talk_hello(&film, &talk, HOST, 0);
    talk_record(&film, &talk, FROM_CLIENT, 900);
    film.clock_ns += SECOND;
    for (unsigned i = 0; i < events; i++) {
        film.clock_ns += 20 * MILLI;
        talk_record(&film, &talk, FROM_SERVER, 250);
    }
    talk_close(&film, &talk);
    film.clock_ns += 5 * SECOND;
}

static struct calibratecapture *start_film(void)
{
    struct calibratecapture *capture;

    film_write(&film, path, 0, film.count);
    capture = calibratecapture_start(&session);
    assert_non_null(capture);
    return capture;
}

/* How many exchanges come before the end. */
static unsigned receive_all(struct calibratecapture *capture)
{
    enum message_status status;
    struct message message;
    unsigned count = 0;

    while ((status = calibratecapture_next(capture, true, &message)) == MESSAGE_RECEIVED) {
        assert_int_equal(message.type, MESSAGE_EXCHANGE);
        assert_int_equal(message.number, catalogue_find(config->catalogue, "openai-api"));
        assert_int_equal(message.body.exchange.transport, TRANSPORT_TCP);
        assert_int_equal(message.body.exchange.shape.answer_records, 50 + 10 * count);
        assert_int_equal(message.body.exchange.shape.request_bytes, 900);
        count++;
    }
    assert_int_equal(status, MESSAGE_PEER_GONE);
    return count;
}

static void exchanges_of_the_client_come_as_they_were(void **state)
{
    struct calibratecapture *capture;

    (void)state;
    prompt(1, 50);
    prompt(2, 80);
    prompt(1, 60);
    capture = start_film();
    assert_true(calibratecapture_descriptor(capture) > STDERR_FILENO);
    assert_int_equal(receive_all(capture), 2);
    assert_true(calibratecapture_end(capture));
}

static void without_a_client_all_of_a_file_is_taken(void **state)
{
    struct calibratecapture *capture;

    (void)state;
    prompt(1, 50);
    prompt(2, 60);
    session.client = NULL;
    capture = start_film();
    assert_int_equal(receive_all(capture), 2);
    assert_true(calibratecapture_end(capture));
}

/* After all that came before it. */
static void damage_is_said_at_the_end(void **state)
{
    struct calibratecapture *capture;
    int said_before = -1;
    const char *said;

    (void)state;
    prompt(1, 50);
    prompt(1, 60);
    film_write(&film, path, 0, film.count);
    assert_int_equal(truncate(path, 24 + 16), 0);
    overhear_start();
    capture = calibratecapture_start(&session);
    assert_non_null(capture);
    assert_int_equal(receive_all(capture), 0);
    usleep(50000);
    assert_int_equal(ioctl(overhear_pipe[0], FIONREAD, &said_before), 0);
    assert_int_equal(said_before, 0); /* while the command may still tell of exchanges */
    assert_false(calibratecapture_end(capture));
    said = overhear_stop();
    assert_one_line(said, path, "damaged after packet 0");
}

static void what_cannot_be_opened_is_said_at_once(void **state)
{
    (void)state;
    session.capture = "/nowhere/session.pcap";
    overhear_start();
    assert_null(calibratecapture_start(&session));
    assert_one_line(overhear_stop(), "/nowhere/session.pcap", "No such file");
    session.capture = NULL;
    session.interface = "no-such-interface";
    overhear_start();
    assert_null(calibratecapture_start(&session));
    assert_one_line(overhear_stop(), "no-such-interface", "");
}

static long child_process(void)
{
    FILE *stream = fopen("/proc/thread-self/children", "re");
    long process = 0;

    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%ld", &process), 1);
    fclose(stream);
    return process;
}

static int saved_input;
static int input; /* of the process, from here */

/* It waits for the first byte of standard input. */
static struct calibratecapture *start_waiting(void)
{
    struct calibratecapture *capture;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    saved_input = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    input = ends[1];
    session.capture = "-";
    overhear_start();
    capture = calibratecapture_start(&session);
    assert_non_null(capture);
    return capture;
}

/* What is said of an end without any exchange. */
static const char *end_waiting(struct calibratecapture *capture)
{
    const char *said;

    close(input);
    assert_int_equal(receive_all(capture), 0);
    assert_false(calibratecapture_end(capture));
    said = overhear_stop();
    dup2(saved_input, STDIN_FILENO);
    close(saved_input);
    return said;
}

static void all_is_given_up_before_the_first_byte_is_read(void **state)
{
    struct calibratecapture *capture = start_waiting();
    long process = child_process();

    (void)state;
    assert_confined(process);
    if (geteuid() == 0)
        assert_string_equal(process_status(process, "Uid:"), "\t65534\t65534\t65534\t65534");
    assert_one_line(end_waiting(capture), "-: ", "the file is empty");
}

static void a_process_that_is_killed_is_said(void **state)
{
    struct calibratecapture *capture = start_waiting();

    (void)state;
    assert_int_equal(kill((pid_t)child_process(), SIGKILL), 0);
    assert_one_line(end_waiting(capture), "was ended by signal 9", "Killed");
}

static void an_interface_is_watched_until_told_to_stop(void **state)
{
    struct calibratecapture *capture;
    struct message message;

    (void)state;
    session.capture = NULL;
    session.interface = "lo";
    session.client = "127.0.0.77";
    if (geteuid() != 0) {
        fprintf(stderr, "skipped: needs root\n");
        skip();
    }
    capture = calibratecapture_start(&session);
    assert_non_null(capture);
    assert_int_equal(calibratecapture_next(capture, false, &message), MESSAGE_NONE_YET);
    calibratecapture_stop(capture);
    assert_int_equal(receive_all(capture), 0);
    assert_true(calibratecapture_end(capture));
}

#undef TEST /* the scene's */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exchanges_of_the_client_come_as_they_were),
        TEST(without_a_client_all_of_a_file_is_taken),
        TEST(damage_is_said_at_the_end),
        TEST(what_cannot_be_opened_is_said_at_once),
        TEST(all_is_given_up_before_the_first_byte_is_read),
        TEST(a_process_that_is_killed_is_said),
        TEST(an_interface_is_watched_until_told_to_stop),
    };

    alarm(600); /* a process that does not end must not hang the suite; disks may be slow */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
