/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct prometheus parser;
static char said[65536]; /* samples as text, one a line */

static void note(void *context, const struct prometheus_sample *sample)
{
    size_t length = strlen(said);

    (void)context;
    length += (size_t)snprintf(said + length, sizeof(said) - length, "%s", sample->name);
    for (size_t i = 0; i < sample->label_count; i++)
        length += (size_t)snprintf(said + length, sizeof(said) - length, "|%s=%s",
                                   sample->labels[i].name, sample->labels[i].value);
    snprintf(said + length, sizeof(said) - length, " %.17g\n", sample->value);
}

/* In pieces that end where their memory does, so that a read past them is found. */
static bool read_in_pieces(const char *text, size_t size, size_t piece)
{
    said[0] = '\0';
    prometheus_start(&parser, note, NULL);
    for (size_t at = 0; at < size; at += piece) {
        size_t next = size - at < piece ? size - at : piece;
        uint8_t *copy = malloc(next);

        assert_non_null(copy);
        memcpy(copy, text + at, next);
        prometheus_bytes(&parser, copy, next);
        free(copy);
    }
    return prometheus_end(&parser);
}

/* The same however it is cut. */
static void check(const char *text, const char *samples, uint64_t malformed)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        assert_true(read_in_pieces(text, strlen(text), piece));
        assert_string_equal(said, samples);
        assert_int_equal(parser.counts.malformed, malformed);
        assert_int_equal(parser.counts.overlong, 0);
    }
}

static void samples_have_a_name_and_a_value(void **state)
{
    (void)state;
    check("# HELP a What it is\n# TYPE a counter\na 1\n\nb:c_9 2.5e+06\n  d\t 3 \n",
          "a 1\nb:c_9 2500000\nd 3\n", 0);
}

static void labels_may_be_spaced_and_end_in_a_comma(void **state)
{
    (void)state;
    check("a{} 1\na{b=\"c\"} 2\na { b = \"c\" , d=\"\", } 3\n", "a 1\na|b=c 2\na|b=c|d= 3\n", 0);
}

static void values_of_labels_are_unescaped(void **state)
{
    (void)state;
    check("a{b=\"x\\\\y\\\"z\\nw\"} 1\na{b=\"{},= #\"} 2\na{b=\"\\d\\\\\"} 3\n",
          "a|b=x\\y\"z\nw 1\na|b={},= # 2\na|b=\\d\\ 3\n", 0);
    check("a{b=\"d\xc3\xa9l\xc3\xa9gation\"} 1\n", "a|b=d\xc3\xa9l\xc3\xa9gation 1\n", 0);
}

static void infinities_and_no_numbers_are_values(void **state)
{
    (void)state;
    check("a +Inf\na -Inf\na inf\na Inf\na -5\n", "a inf\na -inf\na inf\na inf\na -5\n", 0);
    assert_true(read_in_pieces("a NaN\n", 6, 6));
    assert_memory_equal(said, "a ", 2);
    assert_true(isnan(strtod(said + 2, NULL)));
}

static void timestamps_and_examples_are_read_over(void **state)
{
    (void)state;
    check("a 1 1395066363000\na 2 1520879607.789\n"
          "a_bucket{le=\"0.1\"} 8 # {trace_id=\"KOO # 5\"} 0.67\n"
          "a_total 17.0 1520879607.789 # {} 9.8 1520879607.7\n# EOF\n",
          "a 1\na 2\na_bucket|le=0.1 8\na_total 17\n", 0);
    assert_true(parser.ended);
}

static void what_is_no_sample_is_counted(void **state)
{
    static const char *const lines[] = {
        "<html>\n",
        "a\n",
        "a x\n",
        "a 1 x\n",
        "a 1 2 3\n",
        "9a 1\n",
        "a{ 1\n",
        "a{b} 1\n",
        "a{b=c} 1\n",
        "a{b=\"c} 1\n",
        "a{b=\"c\"d=\"\"} 1\n",
        "a{,} 1\n",
        "a{b=\"c\",,} 1\n",
        "a{b=\"c\"}\n",
        "a 1x\n",
        "HTTP/1.1 200 OK\r\n",
        "a-b 1\n",
        "a 1#\n",
        "a{b=\"c\\\"} 1\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        check(lines[i], "", 1);
    check("a 111111111111111111111111111111111111111111111111111111111111111111\n", "", 1);
    assert_true(read_in_pieces("a{b=\"\0\"} 1\nc 2\n", 15, 3));
    assert_string_equal(said, "c 2\n");
    assert_int_equal(parser.counts.malformed, 1);
}

static void after_the_end_nothing_counts(void **state)
{
    (void)state;
    check("a 1\n# EOF\nb 2\n\n", "a 1\n", 1);
    check("a 1\n# EOF!\nb 2\n", "a 1\nb 2\n", 0);
    assert_false(parser.ended);
}

static void a_last_line_without_an_end_is_not_read(void **state)
{
    (void)state;
    assert_false(read_in_pieces("a 1\nb 12", 8, 3));
    assert_string_equal(said, "a 1\n");
    assert_true(read_in_pieces("", 0, 1));
}

static void long_lines_are_skipped_and_those_that_fit_are_not(void **state)
{
    static char text[3 * PROMETHEUS_LINE_SIZE];
    const size_t room = PROMETHEUS_LINE_SIZE;

    (void)state;
    /* A sample of just that size, then one of a byte more, then a short one. */
    memset(text, 'x', sizeof(text));
    memcpy(text + room - 2, " 1\n", 3);
    memcpy(text + room + 1 + room - 1, " 2\nb 3\n", 7);
    for (size_t piece = 1; piece < sizeof(text); piece = 2 * piece + 1) {
        assert_true(read_in_pieces(text, 2 * room + 7, piece));
        assert_int_equal(parser.counts.samples, 2);
        assert_int_equal(parser.counts.overlong, 1);
        assert_int_equal(parser.counts.malformed, 0);
        assert_memory_equal(said, text, room - 2);
        assert_string_equal(said + room - 2, " 1\nb 3\n");
    }
    /* A name that fills the line has no value. */
    memset(text, 'x', sizeof(text));
    text[room] = '\n';
    assert_true(read_in_pieces(text, room + 1, room));
    assert_int_equal(parser.counts.malformed, 1);
}

static void more_labels_than_there_is_room_for_are_refused(void **state)
{
    char text[16 * (PROMETHEUS_LABELS + 2)];

    (void)state;
    for (size_t count = PROMETHEUS_LABELS; count <= PROMETHEUS_LABELS + 1; count++) {
        size_t length = (size_t)snprintf(text, sizeof(text), "a{");

        for (size_t i = 0; i < count; i++)
            length += (size_t)snprintf(text + length, sizeof(text) - length, "l%zu=\"v\",", i);
        snprintf(text + length, sizeof(text) - length, "} 1\n");
        assert_true(read_in_pieces(text, strlen(text), 100));
        assert_int_equal(parser.counts.samples, count == PROMETHEUS_LABELS);
        assert_int_equal(parser.counts.malformed, count > PROMETHEUS_LABELS);
    }
}

static void find_label(void *context, const struct prometheus_sample *sample)
{
    (void)context;
    assert_string_equal(prometheus_label(sample, "b"), "1");
    assert_string_equal(prometheus_label(sample, "c"), "2");
    assert_string_equal(prometheus_label(sample, "d"), "");
}

static void labels_are_found_by_name(void **state)
{
    (void)state;
    prometheus_start(&parser, find_label, NULL);
    prometheus_bytes(&parser, (const uint8_t *)"a{b=\"1\",c=\"2\"} 1\n", 18);
    assert_int_equal(parser.counts.samples, 1);
}

static void nothing_of_it_stays_in_memory(void **state)
{
    static const char secret[] = "jeanne.martin";
    const char *text = "a{user=\"jeanne.martin\"} 1\nb{user=\"jeanne.martin\"";

    (void)state;
    assert_false(read_in_pieces(text, strlen(text), 5));
    assert_null(memmem(&parser, sizeof(parser), secret, sizeof(secret) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_have_a_name_and_a_value),
        cmocka_unit_test(labels_may_be_spaced_and_end_in_a_comma),
        cmocka_unit_test(values_of_labels_are_unescaped),
        cmocka_unit_test(infinities_and_no_numbers_are_values),
        cmocka_unit_test(timestamps_and_examples_are_read_over),
        cmocka_unit_test(what_is_no_sample_is_counted),
        cmocka_unit_test(after_the_end_nothing_counts),
        cmocka_unit_test(a_last_line_without_an_end_is_not_read),
        cmocka_unit_test(long_lines_are_skipped_and_those_that_fit_are_not),
        cmocka_unit_test(more_labels_than_there_is_room_for_are_refused),
        cmocka_unit_test(labels_are_found_by_name),
        cmocka_unit_test(nothing_of_it_stays_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
