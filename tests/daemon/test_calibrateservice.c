/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibrateservice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/capture.h"
#include "tests/capture/scene.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

#include <stdlib.h>

/* The session is a film of one client (10.1.0.1) and of others, made into a capture. */

#define SERVICE "openai-api"
#define HOST    "api.openai.com"
#define CLIENT  "10.1.0.1"

static struct config *config;
static char capture[PATH_MAX], truth[PATH_MAX], output[PATH_MAX];
static char table[4096]; /* of true tokens */
static uint16_t port;
static unsigned event_bytes;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    config = shipped_config(SHIPPED_FACTORS, NULL);
    scratch_path(capture, "session.pcap");
    scratch_path(truth, "truth.tsv");
    scratch_path(output, "calibration.conf");
    film_start(&film);
    table[0] = '\0';
    port = 40000;
    event_bytes = 250;
    return 0;
}

static int teardown(void **state)
{
    film_clear(&film);
    config_free(config);
    return scratch_teardown(state);
}

/* -- Sessions --------------------------------------------------------------------------------- */

static void add_truth(unsigned number, unsigned tokens_out, unsigned tokens_in)
{
    size_t used = strlen(table);

    snprintf(table + used, sizeof(table) - used, "%u\t%u\t%u\n", number, tokens_out, tokens_in);
}

/* One prompt, on a connection of its own: event_bytes for each token of the answer, 5 B of the
 * prompt. */
static void prompt_tcp(unsigned device, const char *host, unsigned tokens_out, unsigned tokens_in)
{
    struct talk talk = talk_of(device, port++);

    talk_open(&film, &talk);
    talk_hello(&film, &talk, host, 0);
    talk_record(&film, &talk, FROM_CLIENT, 800 + 5 * tokens_in);
    film.clock_ns += SECOND;
    talk_record(&film, &talk, FROM_SERVER, 1500);
    for (unsigned i = 0; i < tokens_out; i++) {
        film.clock_ns += 20 * MILLI;
        talk_record(&film, &talk, FROM_SERVER, event_bytes);
    }
    talk_close(&film, &talk);
    film.clock_ns += 5 * SECOND;
}

/* Two on a connection of HTTP/2, the second before the first is answered. */
static void prompts_together(const char *host)
{
    struct talk talk = talk_of(1, port++);

    talk_open(&film, &talk);
    talk_hello(&film, &talk, host, 0);
    talk_record(&film, &talk, FROM_CLIENT, 26); /* an empty frame: SETTINGS are acknowledged */
    talk_record(&film, &talk, FROM_CLIENT, 1400);
    film.clock_ns += 300 * MILLI;
    talk_record(&film, &talk, FROM_CLIENT, 1400);
    film.clock_ns += SECOND;
    for (unsigned i = 0; i < 100; i++) {
        film.clock_ns += 20 * MILLI;
        talk_record(&film, &talk, FROM_SERVER, 250);
    }
    talk_close(&film, &talk);
    film.clock_ns += 5 * SECOND;
}

static void prompt_quic(unsigned device, const char *host, unsigned tokens_out)
{
    struct talk talk = talk_of(device, port++);

    quic_hello(&talk, host);
    quic_short(&talk, FROM_CLIENT, 1000);
    film.clock_ns += SECOND;
    for (unsigned i = 0; i < tokens_out; i++) {
        quic_short(&talk, FROM_SERVER, 300);
        film.clock_ns += 20 * MILLI;
    }
    film.clock_ns += 70 * SECOND; /* longer than answer_gap_s */
}

/* COUNT of them, of 40, 80, 120... tokens. */
static void session_tcp(unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        prompt_tcp(1, HOST, 40 * i, 20 * i);
        add_truth(i, 40 * i, 20 * i);
    }
}

static void session_quic(unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        prompt_quic(1, HOST, 40 * i);
        add_truth(i, 40 * i, 0);
    }
}

static void write_capture(void)
{
    static const uint32_t header[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, DLT_EN10MB};
    FILE *stream = fopen(capture, "we");

    assert_non_null(stream);
    assert_int_equal(fwrite(header, sizeof(header), 1, stream), 1);
    for (size_t i = 0; i < film.count; i++) {
        const struct shot *shot = &film.shots[i];
        const uint32_t record[] = {(uint32_t)(shot->time_ns / SECOND),
                                   (uint32_t)(shot->time_ns % SECOND), shot->captured,
                                   shot->length};

        assert_int_equal(fwrite(record, sizeof(record), 1, stream), 1);
        assert_int_equal(fwrite(shot->bytes, 1, shot->captured, stream), shot->captured);
    }
    assert_int_equal(fclose(stream), 0);
}

static struct calibrateservice_options options_of(const char *service)
{
    write_capture();
    scratch_write("truth.tsv", table);
    return (struct calibrateservice_options){
        .service = service,
        .client = CLIENT,
        .capture = capture,
        .truth = truth,
        .output = output,
        .seconds = 60,
        .now_s = NOON,
    };
}

/* STATUS, and one sentence with FRAGMENT at the end of what is said. Nothing said is an address. */
static const char *assert_run(const struct calibrateservice_options *options, int status,
                              const char *fragment)
{
    const char *text, *last;
    int got;

    overhear_start();
    got = calibrateservice_run(options, config);
    text = overhear_stop();
    if (got != status)
        fail_msg("exit status %d, not %d:\n%s", got, status, text);
    assert_null(strstr(text, "10.1."));
    last = strstr(text, "iagmeter: ");
    if (fragment && (!last || !strstr(last, fragment) || count_of(last, "\n") != 1))
        fail_msg("\"%s\" is not what is said last:\n%s", fragment, text);
    if (!fragment && last)
        fail_msg("said: %s", last);
    return text;
}

static void assert_written(const char *fragment)
{
    size_t size;
    char *text = read_whole(output, &size);

    if (!strstr(text, fragment))
        fail_msg("\"%s\" is not in:\n%s", fragment, text);
    assert_null(strstr(text, "10.1."));
    free(text);
}

static void assert_refused(const char *service, const char *fragment)
{
    struct calibrateservice_options options = options_of(service);

    assert_run(&options, EXIT_TROUBLE, fragment);
    assert_int_equal(access(output, F_OK), -1);
}

/* -- What is written -------------------------------------------------------------------------- */

static void a_session_over_tcp_becomes_a_file(void **state)
{
    struct calibrateservice_options options;
    const char *text;

    (void)state;
    session_tcp(12);
    prompt_tcp(2, HOST, 70, 10);             /* of another client */
    prompt_tcp(1, "api.mistral.ai", 70, 10); /* of another service */
    options = options_of(SERVICE);
    text = assert_run(&options, EXIT_SUCCESS, NULL);
    assert_int_equal(count_of(text, " (tcp): "), 12);
    assert_int_equal(count_of(text, "left out one by one"), 10); /* from the third on */
    assert_int_equal(count_of(text, "input, n = "), 3);          /* once there are enough */
    assert_written("transport = \"tcp\";");
    assert_written("bytes_per_token = [ 250.000000, 250.000000, 250.000000 ];");
    assert_written("input_bytes_per_token = [ 5.000000, 5.000000, 5.000000 ];");
    assert_written("input_overhead_bytes = [ 800.000000, 800.000000, 800.000000 ];");
    assert_written("date = \"2026-11-23\";");
    assert_written("grade = \"B\";");
    assert_written("# no way of streaming (regime) was told");
    assert_run(&options, EXIT_TROUBLE, "calibration.conf: "); /* it is never overwritten */
}

/* One answer of another interface is not fitted, and the operator hears of it. */
static void the_way_of_streaming_is_said(void **state)
{
    struct calibrateservice_options options;
    const char *text;

    (void)state;
    event_bytes = 330;
    session_tcp(12);
    event_bytes = 285;
    prompt_tcp(1, HOST, 300, 10);
    add_truth(13, 600, 10);
    options = options_of(SERVICE);
    text = assert_run(&options, EXIT_SUCCESS, NULL);
    assert_int_equal(count_of(text, ", streamed as openai-chat;"), 10); /* from the third on */
    assert_int_equal(
        count_of(text, ", streamed as openai-chat (1 streamed in another way: left out);"), 1);
    assert_written("version = 2;");
    assert_written("regime = \"openai-chat\";");
    assert_written("# answers of other ways, left out: 1\n");
    assert_written("source = \"calibration of 2026-11-23, openai-chat, n = 12\";");
    assert_written("bytes_per_token = [ 330.000000, 330.000000, 330.000000 ];");
}

static void a_session_over_quic_is_of_quic(void **state)
{
    struct calibrateservice_options options;
    const char *text;

    (void)state;
    session_quic(12);
    options = options_of(SERVICE);
    text = assert_run(&options, EXIT_SUCCESS, NULL);
    assert_int_equal(count_of(text, " (quic): "), 12);
    assert_written("transport = \"quic\";");
    assert_written("input tokens were not fitted: their true numbers were not given");
}

/* Not averaged into something that is true of neither; the operator hears of it at once. */
static void both_transports_together_are_refused(void **state)
{
    struct calibrateservice_options options;
    const char *text;

    (void)state;
    session_tcp(12);
    prompt_quic(1, HOST, 520);
    add_truth(13, 520, 0);
    prompt_tcp(1, HOST, 560, 0);
    add_truth(14, 560, 0);
    options = options_of(SERVICE);
    text = assert_run(&options, EXIT_TROUBLE, "13 exchanges over TCP and 1 over QUIC are mixed");
    assert_non_null(strstr(text, "13 (quic): "));
    assert_int_equal(count_of(text, "not over the same transport as others"), 2);
    assert_int_equal(access(output, F_OK), -1);
}

/* They have no number, and no line in the table. */
static void prompts_that_are_answered_together_are_left_out(void **state)
{
    struct calibrateservice_options options;
    const char *text;

    (void)state;
    prompts_together(HOST);
    add_truth(1, 100, 0);
    assert_refused(SERVICE,
                   "no exchange of openai-api can be used: several prompts were answered together");
    table[0] = '\0';
    session_tcp(12);
    prompts_together(HOST);
    options = options_of(SERVICE);
    text = assert_run(&options, EXIT_SUCCESS, NULL);
    assert_int_equal(count_of(text, "left out (tcp): 2 prompts were answered together"), 2);
    assert_int_equal(count_of(text, " records, "), 12);
    assert_written("\n    n = 12;");
    assert_written("bytes_per_token = [ 250.000000, 250.000000, 250.000000 ];");
    assert_int_equal(unlink(output), 0);
    add_truth(13, 100, 0);
    assert_refused(SERVICE, "the tokens of 13 exchanges, but 12 were seen");
}

/* -- What is refused -------------------------------------------------------------------------- */

static void what_the_wire_does_not_show_is_refused(void **state)
{
    (void)state;
    session_tcp(12);
    assert_refused("mistral-api", "no exchange of mistral-api was seen, but 12 of other services");
    table[0] = '\0';
    add_truth(1, 40, 0);
    assert_refused(SERVICE, "truth.tsv states the tokens of 1 exchanges, but 12 were seen");
    film_rewind(&film);
    prompt_tcp(2, HOST, 40, 0);
    assert_refused(SERVICE, "no traffic of openai-api was seen");
    film_rewind(&film);
    prompt_tcp(1, "www.example.org", 40, 0);
    assert_refused(SERVICE, "no traffic of openai-api was seen");
}

static void what_cannot_be_fitted_is_refused(void **state)
{
    struct calibrateservice_options options;

    (void)state;
    session_tcp(9);
    assert_refused(SERVICE, "too few prompts: 9 exchanges of known tokens can be fitted, and it "
                            "takes 10");
    options = options_of(SERVICE);
    options.least = 9;
    assert_run(&options, EXIT_SUCCESS, NULL);
    assert_written("grade = \"C\";");
    assert_int_equal(unlink(output), 0);
    session_tcp(1);
    table[0] = '\0';
    for (unsigned i = 1; i <= 10; i++) /* of other answers: the longest are at both ends */
        add_truth(i, i % 2 ? 400 - 40 * i : 40 * i, 0);
    assert_refused(SERVICE, "a flat line: what is seen on the wire hardly follows the tokens");
    table[0] = '\0';
    for (unsigned i = 1; i <= 10; i++)
        add_truth(i, 100 + i, 0);
    assert_refused(SERVICE, "a flat line: all answers have about the same size, 101 to 110 tokens");
}

static void wrong_options_are_refused(void **state)
{
    struct calibrateservice_options good, options;

    (void)state;
    session_tcp(1);
    options = good = options_of(SERVICE);
    options.service = "nothing";
    assert_run(&options, EXIT_CONFIGURATION, "there is no service \"nothing\"");
    options = good;
    options.interface = "lo";
    assert_run(&options, EXIT_CONFIGURATION, "takes --interface NAME or --read FILE");
    options.interface = options.capture = NULL;
    assert_run(&options, EXIT_CONFIGURATION, "takes --interface NAME or --read FILE");
    options.interface = "lo";
    options.client = NULL;
    assert_run(&options, EXIT_CONFIGURATION, "--interface needs --client ADDRESS");
    options = good;
    options.client = "api.openai.com or host 192.0.2.1";
    assert_run(&options, EXIT_CONFIGURATION, "--client takes an IP address");
    options = good;
    options.least = 2;
    assert_run(&options, EXIT_CONFIGURATION, "--least takes 3 or more");
    options = good;
    options.truth = "/nowhere/truth.tsv";
    assert_run(&options, EXIT_CONFIGURATION, "/nowhere/truth.tsv: No such file");
    options = good;
    options.capture = "/nowhere/session.pcap";
    assert_run(&options, EXIT_TROUBLE, "/nowhere/session.pcap");
    options = good;
    options.output = "/nowhere/calibration.conf";
    options.least = 3;
    session_tcp(4);
    scratch_write("truth.tsv", "1 40\n2 40\n3 80\n4 120\n5 160\n");
    write_capture();
    assert_run(&options, EXIT_TROUBLE, "/nowhere/calibration.conf: No such file");
}

/* -- Typed counts ----------------------------------------------------------------------------- */

static const char *type(const struct calibrateservice_options *options, const char *lines,
                        int status, const char *fragment)
{
    FILE *saved = stdin;
    const char *text;

    stdin = fmemopen((void *)(uintptr_t)lines, strlen(lines), "r");
    assert_non_null(stdin);
    text = assert_run(options, status, fragment);
    fclose(stdin);
    stdin = saved;
    return text;
}

static void the_operator_is_asked_until_it_is_a_number(void **state)
{
    struct calibrateservice_options options;
    const char *text;

    (void)state;
    session_tcp(5);
    options = options_of(SERVICE);
    options.truth = NULL;
    options.least = 3;
    text = type(&options, "forty\n0\n40 many\n40 20\n\n120 60\n160\nend\n", EXIT_SUCCESS, NULL);
    /* The second was none of ours; after the fourth there were no more. */
    assert_int_equal(count_of(text, "not a whole number of at least 1"), 2);
    assert_int_equal(count_of(text, "the input tokens are not a whole number"), 1);
    assert_int_equal(count_of(text, "its output tokens"), 8);
    assert_written("\n    n = 3;");
    assert_written("bytes_per_token = [ 250.000000, 250.000000, 250.000000 ];");
    assert_int_equal(unlink(output), 0);
    type(&options, "40\n80\n", EXIT_TROUBLE, "too few prompts: 2"); /* and the end of the input */
}

/* -- Tables of true tokens -------------------------------------------------------------------- */

static size_t read_table(const char *text, struct calibrateservice_truth *rows, size_t most,
                         char error[200])
{
    FILE *stream = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    size_t count;

    assert_non_null(stream);
    error[0] = '\0';
    count = calibrateservice_read_truth(stream, "truth.tsv", rows, most, error, 200);
    fclose(stream);
    return count;
}

static void tables_are_read(void **state)
{
    struct calibrateservice_truth rows[3];
    char error[200];

    (void)state;
    assert_int_equal(read_table("# a comment\n\n1\t40 20\r\n  2 80 # no input\n", rows, 3, error),
                     2);
    assert_string_equal(error, "");
    assert_true(rows[0].tokens_out == 40 && rows[0].tokens_in == 20);
    assert_true(rows[1].tokens_out == 80 && rows[1].tokens_in == 0);
    assert_int_equal(read_table("1 10000000", rows, 3, error), 1); /* no line feed */
}

static void tables_that_make_no_sense_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } wrong[] = {
        {"\n", "truth.tsv: it states no tokens"},
        {"# nothing\n", "truth.tsv: it states no tokens"},
        {"exchange\ttokens\n1\t40\n", "truth.tsv:1: the exchange is not a number"},
        {"1 40\n\n3 80\n", "truth.tsv:3: exchanges must be numbered 1, 2, 3... without holes"},
        {"1 40\n1 80\n", "truth.tsv:2: exchanges must be numbered"},
        {"1 40\n2\n", "truth.tsv:2: the output tokens are not a whole number of at least 1"},
        {"1 0\n", "truth.tsv:1: the output tokens"},
        {"1 -40\n", "truth.tsv:1: the output tokens"},
        {"1 40.5\n", "truth.tsv:1: the output tokens"},
        {"1 nan\n", "truth.tsv:1: the output tokens"},
        {"1 1e300\n", "truth.tsv:1: the output tokens"},
        {"1 40 many\n", "truth.tsv:1: the input tokens are not a whole number"},
        {"1 40 20 7\n", "truth.tsv:1: the input tokens are not a whole number"},
        {"1 40\n2 40\n3 40\n4 40\n", "truth.tsv:4: too many exchanges"},
    };
    struct calibrateservice_truth rows[3];
    char line[400], error[200];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(read_table(wrong[i].text, rows, 3, error), 0);
        if (strncmp(error, wrong[i].error, strlen(wrong[i].error)) != 0)
            fail_msg("\"%s\" is not \"%s\"", error, wrong[i].error);
    }
    snprintf(line, sizeof(line), "1 40 %300s\n", "20");
    assert_int_equal(read_table(line, rows, 3, error), 0);
    assert_string_equal(error, "truth.tsv:1: the line is too long");
}

#undef TEST /* the scene's */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_over_tcp_becomes_a_file),
        TEST(the_way_of_streaming_is_said),
        TEST(a_session_over_quic_is_of_quic),
        TEST(both_transports_together_are_refused),
        TEST(prompts_that_are_answered_together_are_left_out),
        TEST(what_the_wire_does_not_show_is_refused),
        TEST(what_cannot_be_fitted_is_refused),
        TEST(wrong_options_are_refused),
        TEST(the_operator_is_asked_until_it_is_a_number),
        cmocka_unit_test(tables_are_read),
        cmocka_unit_test(tables_that_make_no_sense_are_refused_with_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
