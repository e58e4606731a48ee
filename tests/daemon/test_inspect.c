/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "daemon/capture.h"
#include "tests/daemon/overhear.h"
#include "tests/daemon/shipped.h"

#define HEADER                                                                                     \
    "#time\ttransport\tname\tech\tservice\tdirection\tup_bytes\tdown_bytes\trequests\ttokens_in"   \
    "\ttokens_out"
#define GROUNDS   "\tcached\tbasis\tdirection_by\tunits\tscatter"
#define ADDRESSES "\tclient\tclient_port\tserver\tserver_port"
#define LOCAL     IAGMETER_SOURCE_ROOT "/tests/fixtures/inference/"
#define MAX_LINES 200

static struct config *config;
static char *output;
static char *lines[MAX_LINES];
static unsigned line_count;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    config = shipped_config(SHIPPED_FACTORS, NULL);
    return 0;
}

static int teardown(void **state)
{
    free(output);
    output = NULL;
    config_free(config);
    return scratch_teardown(state);
}

static bool by_exchange;

static int inspect(const char *capture, bool all, bool addresses)
{
    struct inspect_options options = {all, addresses, by_exchange, .keep_rights = true};
    size_t size;
    FILE *stream;
    int status;

    free(output);
    stream = open_memstream(&output, &size);
    assert_non_null(stream);
    status = inspect_run(config, &capture, 1, &options, stream);
    assert_int_equal(fclose(stream), 0);
    line_count = 0;
    for (char *at = output; *at; line_count++) {
        assert_true(line_count < MAX_LINES);
        lines[line_count] = at;
        at = strchr(at, '\n');
        assert_non_null(at);
        *at++ = '\0';
    }
    return status;
}

/* Field NUMBER (from 0) of a line, in a static buffer. */
static const char *field(const char *line, unsigned number)
{
    static char text[512];

    for (; number > 0; number--) {
        line = strchr(line, '\t');
        assert_non_null(line);
        line++;
    }
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(line, "\t"), line);
    return text;
}

static unsigned count_lines(unsigned number, const char *value)
{
    unsigned count = 0;

    for (unsigned i = 1; i < line_count; i++)
        count += strcmp(field(lines[i], number), value) == 0;
    return count;
}

static double sum_field(unsigned number)
{
    double sum = 0;

    for (unsigned i = 1; i < line_count; i++)
        sum += strtod(field(lines[i], number), NULL);
    return sum;
}

static void the_columns_are_those_that_are_documented(void **state)
{
    (void)state;
    assert_int_equal(inspect(DEMO_CAPTURE, false, false), EXIT_SUCCESS);
    assert_string_equal(lines[0], HEADER GROUNDS);
    for (unsigned i = 0; i < line_count; i++)
        assert_int_equal(count_of(lines[i], "\t"), 15);
    assert_int_equal(inspect(DEMO_CAPTURE, false, true), EXIT_SUCCESS);
    assert_string_equal(lines[0], HEADER ADDRESSES GROUNDS);
    for (unsigned i = 0; i < line_count; i++)
        assert_int_equal(count_of(lines[i], "\t"), 19);
}

static void exchanges_are_listed_by_the_time_of_their_answers(void **state)
{
    double tokens, last = 0;

    (void)state;
    assert_int_equal(inspect(DEMO_CAPTURE, false, false), EXIT_SUCCESS);
    tokens = sum_field(10); /* of the low ends: strtod() stops at the '/' */
    by_exchange = true;
    assert_int_equal(inspect(DEMO_CAPTURE, false, false), EXIT_SUCCESS);
    by_exchange = false;
    assert_int_equal(line_count - 1, (unsigned)demo_truth(3));
    for (unsigned i = 1; i < line_count; i++) {
        assert_string_equal(field(lines[i], 8), "1");
        assert_true(strtod(lines[i], NULL) >= last);
        last = strtod(lines[i], NULL);
        assert_true(strtod(field(lines[i], 6), NULL) > 0);
        assert_true(strtod(field(lines[i], 7), NULL) > 0);
    }
    /* Each line is rounded by itself. */
    assert_true(fabs(sum_field(10) - tokens) <= line_count);
}

/* What its servers wrote, as of few answers it can be known: those of text are not taken for calls
 * of tools, which have more around it. */
static void batched_events_are_read_as_they_were_written(void **state)
{
    double tokens = 0, truth = 1470; /* of anthropic-api in truth.tsv */

    (void)state;
    assert_int_equal(inspect(DEMO_CAPTURE, false, false), EXIT_SUCCESS);
    for (unsigned i = 1; i < line_count; i++)
        if (strcmp(field(lines[i], 4), "anthropic-api") == 0)
            tokens += strtod(strchr(field(lines[i], 10), '/') + 1, NULL);
    assert_true(fabs(tokens - truth) < truth / 10);
}

/* Half of its tokens for an exchange of that service; several on a connection by their squares. */
static void what_is_random_about_the_tokens_has_a_column(void **state)
{
    double variance = 0, of_connections = 0;
    unsigned exchanges = 0;

    (void)state;
    by_exchange = true;
    assert_int_equal(inspect(DEMO_CAPTURE, false, false), EXIT_SUCCESS);
    by_exchange = false;
    for (unsigned i = 1; i < line_count; i++) {
        double scatter = strtod(field(lines[i], 15), NULL);
        double tokens = strtod(strchr(field(lines[i], 10), '/') + 1, NULL);

        if (strcmp(field(lines[i], 4), "anthropic-api") != 0)
            continue;
        assert_true(fabs(scatter - tokens / 2) <= 1); /* both are rounded */
        variance += scatter * scatter;
        exchanges++;
    }
    assert_true(exchanges > 1);
    assert_int_equal(inspect(DEMO_CAPTURE, false, false), EXIT_SUCCESS);
    for (unsigned i = 1; i < line_count; i++)
        if (strcmp(field(lines[i], 4), "anthropic-api") == 0)
            of_connections += pow(strtod(field(lines[i], 15), NULL), 2);
    assert_true(fabs(sqrt(of_connections / variance) - 1) < 0.02);
}

static void known_services_are_listed_by_time_and_all_flows_on_demand(void **state)
{
    double last = 0;
    unsigned known;

    (void)state;
    assert_int_equal(inspect(DEMO_CAPTURE, false, false), EXIT_SUCCESS);
    known = line_count;
    assert_int_equal(count_lines(4, "-"), 0);
    assert_int_equal(count_lines(2, "www.rennes.example"), 0);
    assert_true(count_lines(4, "chatgpt-web/telemetry") > 0);
    /* One line for each connection of the truth, and those that only serve the page. */
    assert_int_equal(line_count - 1 - count_lines(4, "chatgpt-web/telemetry"),
                     (unsigned)demo_truth(2));
    assert_int_equal(sum_field(8), (unsigned)demo_truth(3));
    for (unsigned i = 1; i < line_count; i++) {
        double time = strtod(lines[i], NULL);

        assert_true(time >= last);
        last = time;
        assert_string_equal(field(lines[i], 1), "tls");
        assert_string_equal(field(lines[i], 3), "no");
        assert_int_equal(count_of(field(lines[i], 9), "/"), 2);
        assert_int_equal(count_of(field(lines[i], 10), "/"), 2);
    }
    assert_int_equal(inspect(DEMO_CAPTURE, true, false), EXIT_SUCCESS);
    assert_true(count_lines(2, "www.rennes.example") > 0);
    assert_int_equal(count_lines(4, "-"), count_lines(2, "www.rennes.example"));
    assert_int_equal(line_count, known + count_lines(4, "-"));
}

static void addresses_are_shown_on_demand_only(void **state)
{
    unsigned ipv4 = 0;
    unsigned ipv6 = 0;

    (void)state;
    assert_int_equal(inspect(DEMO_CAPTURE, true, false), EXIT_SUCCESS);
    for (unsigned i = 1; i < line_count; i++)
        assert_true(!strstr(lines[i], "198.51.100.") && !strstr(lines[i], "203.0.113.") &&
                    !strstr(lines[i], "2001:db8:"));
    assert_int_equal(inspect(DEMO_CAPTURE, true, true), EXIT_SUCCESS);
    for (unsigned i = 1; i < line_count; i++) {
        ipv4 += strncmp(field(lines[i], 11), "198.51.100.", 11) == 0;
        ipv6 += strncmp(field(lines[i], 11), "2001:db8:", 9) == 0;
        assert_string_equal(field(lines[i], 14), "443");
    }
    assert_true(ipv4 > 0 && ipv6 > 0);
    assert_int_equal(ipv4 + ipv6, line_count - 1);
}

static void exchanges_with_a_local_server_have_a_line_each(void **state)
{
    (void)state;
    assert_int_equal(inspect(LOCAL "20_slow_interleaved_3_departments.pcap", false, false),
                     EXIT_SUCCESS);
    assert_int_equal(count_lines(1, "http"), line_count - 1);
    assert_int_equal(count_lines(2, "/v1/chat/completions"), line_count - 1);
    assert_int_equal(count_lines(4, "local"), line_count - 1);
    assert_int_equal(count_lines(5, "DRH"), 3);
    assert_int_equal(count_lines(5, "DSN"), 3);
    assert_int_equal(count_lines(5, "unassigned"), 2); /* DCE is not in what we ship */
    assert_int_equal(count_lines(13, "header"), line_count - 1);
    assert_int_equal(sum_field(8), 6);
    assert_int_equal(sum_field(9), 47 * 3 + 58 * 3);
    assert_int_equal(count_lines(10, "24/24/24"), 1);
    assert_int_equal(count_lines(11, "21"), 2);
    assert_int_equal(count_lines(12, "usage"), 4);
    assert_int_equal(count_lines(12, "timings"), 2);
    assert_int_equal(count_lines(12, "none/unanswered"), 2);
}

static void what_the_configuration_lacks_is_said(void **state)
{
    (void)state;
    overhear_start();
    inspect(LOCAL "20_slow_interleaved_3_departments.pcap", false, false);
    assert_one_line(overhear_stop(), "2 of 6 exchanges", "not in the configuration");
    overhear_start();
    inspect(LOCAL "28_snaplen_128.pcap", false, false);
    assert_one_line(overhear_stop(), "2 exchanges", "the capture lacks a part");
    overhear_start();
    inspect(LOCAL "07_dialects.pcap", false, false);
    assert_string_equal(overhear_stop(), "");
}

/* A copy of a capture, with the first FROM in it replaced by TO of the same length. */
static void copy_with(const char *capture, char copy[PATH_MAX], const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *file = fopen(capture, "rb");
    size_t length;
    char *at;

    assert_non_null(file);
    length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    at = memmem(bytes, length, from, strlen(from));
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    scratch_path(copy, "changed.pcap");
    file = fopen(copy, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* It is all in the capture: that is not said to lack anything. */
static void what_can_be_read_in_two_ways_is_said_to_be(void **state)
{
    char capture[PATH_MAX];

    (void)state;
    copy_with(LOCAL "01_nonstream_close.pcap", capture, "Content-Type: application/json",
              "Content-Length: 00000000000257");
    overhear_start();
    assert_int_equal(inspect(capture, false, false), EXIT_SUCCESS);
    assert_one_line(overhear_stop(), "of 1 connections", "two lengths");
    assert_int_equal(count_lines(12, "unknown/refused"), 1);
    assert_int_equal(count_lines(9, "-"), 1);
}

/* What is not known is shown as such, not as 0. */
static void what_the_wire_does_not_tell_is_a_dash(void **state)
{
    (void)state;
    assert_int_equal(inspect(LOCAL "21_client_abort_midstream.pcap", false, true), EXIT_SUCCESS);
    assert_int_equal(line_count, 2);
    assert_string_equal(field(lines[1], 9), "-");
    assert_string_equal(field(lines[1], 10), "12/12/12");
    assert_string_equal(field(lines[1], 11), "127.0.1.11");
    assert_string_equal(field(lines[1], 14), "8081");
    assert_string_equal(field(lines[1], 15), "-");
    assert_string_equal(field(lines[1], 16), "events/aborted");
    assert_string_equal(field(lines[1], 17), "address");
    assert_int_equal(inspect(LOCAL "28_snaplen_128.pcap", false, false), EXIT_SUCCESS);
    assert_int_equal(count_lines(10, "-"), 2);
    assert_int_equal(count_lines(12, "unknown/lost"), 2);
    assert_int_equal(inspect(LOCAL "08_errors.pcap", false, false), EXIT_SUCCESS);
    assert_int_equal(count_lines(8, "0"), 3);
    assert_int_equal(count_lines(10, "0/0/0"), 3);
    assert_int_equal(count_lines(12, "none/error"), 3);
}

/* As the daemon counts it: by the model, or else by the port; and what it counts is no flow. */
static void local_exchanges_have_the_service_that_is_configured(void **state)
{
    struct inference_config *inference = &config->inference;
    uint16_t vllm = catalogue_find(config->catalogue, "local-vllm");
    uint16_t llama = catalogue_find(config->catalogue, "local-llama");
    struct inference_model model = {"slow-random", 8081, llama};

    (void)state;
    inference->servers[0] = (struct inference_server){8081, vllm, SERVICE_NONE, false};
    inference->server_count = inference->port_count = 1;
    inference->ports[0] = 8081;
    assert_int_equal(inspect(LOCAL "24_tls_h1_reverse_proxy_both_sides.pcap", false, false),
                     EXIT_SUCCESS);
    assert_int_equal(count_lines(4, "local-vllm"), 4);
    assert_int_equal(sum_field(8), 3);
    inspect(LOCAL "20_slow_interleaved_3_departments.pcap", true, false);
    assert_int_equal(count_lines(4, "local-vllm"), line_count - 1);
    assert_true(inferenceconfig_add_model(inference, &model));
    inspect(LOCAL "20_slow_interleaved_3_departments.pcap", false, false);
    assert_int_equal(count_lines(4, "local-llama"), line_count - 1);
    inference->ports[0] = 8080; /* looked at, but no server's */
    inspect(LOCAL "07_dialects.pcap", false, false);
    assert_int_equal(count_lines(4, "local"), line_count - 1);
    assert_int_equal(sum_field(8), 9);
}

/* Prompts, answers, keys and headers are in the captures in clear. */
static void nothing_of_what_was_said_is_shown(void **state)
{
    static const char *const captures[] = {
        "07_dialects.pcap", "20_slow_interleaved_3_departments.pcap",
        "24_tls_h1_reverse_proxy_both_sides.pcap", "40_SYNTH_ollama_ndjson.pcap"};
    static const char *const words[] = {"sk-dir",   "Bearer", "agent",  "Agent",   "OpenWebUI",
                                        "la dir",   "ville",  "random", "mistral", "example.fr",
                                        "chatcmpl", "DCE",    "rennes", "llama"};

    (void)state;
    for (size_t i = 0; i < sizeof(captures) / sizeof(*captures); i++) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), LOCAL "%s", captures[i]);
        assert_int_equal(inspect(path, false, true), EXIT_SUCCESS);
        assert_true(line_count > 3);
        for (unsigned j = 0; j < line_count; j++)
            for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
                assert_null(strstr(lines[j], words[k]));
    }
}

/* The demonstration, with NAME in the place of the first server name of as many letters. */
static void write_patched(const char *file, const char *old, const char *name)
{
    size_t size;
    char *bytes = read_whole(DEMO_CAPTURE, &size);
    unsigned places = 0;

    assert_int_equal(strlen(old), strlen(name));
    for (char *at = memmem(bytes, size, old, strlen(old)); at;
         at = memmem(at, size - (size_t)(at - bytes), old, strlen(old))) {
        memcpy(at, name, strlen(name));
        places++;
    }
    assert_true(places > 0);
    scratch_write_bytes(file, bytes, size);
    free(bytes);
}

static void a_name_cannot_break_the_table_or_a_terminal(void **state)
{
    char path[PATH_MAX];

    (void)state;
    write_patched("odd.pcap", "www.rennes.example", "\x1b[2J\t\n\\ \x7f\xff.example");
    scratch_path(path, "odd.pcap");
    assert_int_equal(inspect(path, true, false), EXIT_SUCCESS);
    assert_true(count_lines(2, "\\x1b[2J\\x09\\x0a\\x5c\\x20\\x7f\\xff.example") > 0);
    for (unsigned i = 0; i < line_count; i++) {
        assert_int_equal(count_of(lines[i], "\t"), 15);
        for (const unsigned char *at = (const unsigned char *)lines[i]; *at; at++)
            assert_true(*at == '\t' || (*at >= ' ' && *at < 0x7f));
    }
}

/* -- Bad captures ----------------------------------------------------------------------------- */

static void assert_trouble(const char *path, const char *reason)
{
    const char *text;
    int status;

    overhear_start();
    status = inspect(path, true, false);
    text = overhear_stop();
    assert_int_equal(status, EXIT_TROUBLE);
    assert_one_line(text, path, reason);
}

static void a_damaged_capture_is_shown_as_far_as_it_goes(void **state)
{
    size_t size;
    char *bytes = read_whole(DEMO_CAPTURE, &size);
    char path[PATH_MAX];

    (void)state;
    scratch_write_bytes("cut.pcap", bytes, size / 2 + 7);
    scratch_path(path, "cut.pcap");
    assert_trouble(path, "damaged after packet");
    assert_true(line_count > 10);

    memset(bytes + size / 2, 0xee, 4000);
    scratch_write_bytes("garbage.pcap", bytes, size);
    scratch_path(path, "garbage.pcap");
    assert_trouble(path, "damaged after packet");
    assert_true(line_count > 10);

    scratch_write_bytes("none.pcap", bytes, 24);
    scratch_path(path, "none.pcap");
    assert_trouble(path, "holds no packet");

    bytes[20] = 114; /* LINKTYPE_LTALK */
    scratch_write_bytes("link.pcap", bytes, size);
    scratch_path(path, "link.pcap");
    assert_trouble(path, "link type LTALK");

    memset(bytes, 'x', 24);
    scratch_write_bytes("text.pcap", bytes, size);
    scratch_path(path, "text.pcap");
    assert_trouble(path, "not a capture");

    scratch_write("empty.pcap", "");
    scratch_path(path, "empty.pcap");
    assert_trouble(path, "empty");

    scratch_path(path, "missing.pcap");
    assert_trouble(path, "No such file");
    assert_trouble(scratch_directory, "directory");
    free(bytes);
}

static void output_that_cannot_be_written_is_said(void **state)
{
    struct inspect_options options = {true, true, false, .keep_rights = true};
    const char *const demo = DEMO_CAPTURE;
    FILE *full = fopen("/dev/full", "we");
    const char *text;
    int status;

    (void)state;
    assert_non_null(full);
    overhear_start();
    status = inspect_run(config, &demo, 1, &options, full);
    text = overhear_stop();
    fclose(full);
    assert_int_equal(status, EXIT_TROUBLE);
    assert_one_line(text, "output", "written");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_columns_are_those_that_are_documented),
        TEST(exchanges_are_listed_by_the_time_of_their_answers),
        TEST(batched_events_are_read_as_they_were_written),
        TEST(what_is_random_about_the_tokens_has_a_column),
        TEST(known_services_are_listed_by_time_and_all_flows_on_demand),
        TEST(addresses_are_shown_on_demand_only),
        TEST(exchanges_with_a_local_server_have_a_line_each),
        TEST(what_the_configuration_lacks_is_said),
        TEST(what_can_be_read_in_two_ways_is_said_to_be),
        TEST(what_the_wire_does_not_tell_is_a_dash),
        TEST(local_exchanges_have_the_service_that_is_configured),
        TEST(nothing_of_what_was_said_is_shown),
        TEST(a_name_cannot_break_the_table_or_a_terminal),
        TEST(a_damaged_capture_is_shown_as_far_as_it_goes),
        TEST(output_that_cannot_be_written_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
