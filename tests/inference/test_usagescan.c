/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/usagescan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct usage_scan scan;

static void feed(const char *body, size_t piece)
{
    size_t length = strlen(body);

    if (piece == 0)
        piece = length;
    for (size_t at = 0; at < length; at += piece) {
        size_t next = length - at < piece ? length - at : piece;
        uint8_t *copy = malloc(next); /* so that a read past it is found */

        assert_non_null(copy);
        memcpy(copy, body + at, next);
        usagescan_bytes(&scan, copy, next);
        free(copy);
    }
}

/* The same however it is cut. */
static struct usage_counts counts_of(enum usage_framing framing, const char *body)
{
    struct usage_counts counts;
    struct usage_counts again;

    usagescan_start(&scan, framing);
    feed(body, 0);
    usagescan_end(&scan);
    counts = usagescan_counts(&scan);
    for (size_t piece = 1; piece < 50 && piece < strlen(body); piece++) {
        usagescan_start(&scan, framing);
        feed(body, piece);
        usagescan_end(&scan);
        again = usagescan_counts(&scan);
        assert_memory_equal(&again, &counts, sizeof(counts));
    }
    return counts;
}

static void check(enum usage_framing framing, const char *body, enum usage_basis basis, uint64_t in,
                  uint64_t cached, uint64_t out)
{
    struct usage_counts counts = counts_of(framing, body);

    if (counts.basis != basis || counts.tokens_in != in || counts.tokens_cached != cached ||
        counts.tokens_out != out)
        fail_msg("%s: basis %d, %lu in (%lu cached), %lu out", body, (int)counts.basis,
                 (unsigned long)counts.tokens_in, (unsigned long)counts.tokens_cached,
                 (unsigned long)counts.tokens_out);
}

/* -- Dialects -----------------------------------------------------------------------------------
 */

static void openai_in_one_piece(void **state)
{
    (void)state;
    check(USAGE_JSON,
          "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"hi\"}}],\"usage\":{"
          "\"prompt_tokens\":1200,\"completion_tokens\":64,\"total_tokens\":1264,"
          "\"prompt_tokens_details\":{\"cached_tokens\":1024,\"audio_tokens\":0},"
          "\"completion_tokens_details\":{\"reasoning_tokens\":40}}}",
          USAGE_OBJECT, 1200, 1024, 64);
    check(USAGE_JSON,
          " { \"usage\" : { \"prompt_tokens\" : 7 , \"prompt_tokens_details\" : null , "
          "\"completion_tokens\" : 3 } }\r\n",
          USAGE_OBJECT, 7, 0, 3);
    /* Several choices: the server says the sum. */
    check(USAGE_JSON,
          "{\"choices\":[{\"index\":0},{\"index\":1}],\"usage\":{\"prompt_tokens\":7,"
          "\"completion_tokens\":30}}",
          USAGE_OBJECT, 7, 0, 30);
    /* Embeddings: nothing is said of an output. */
    check(USAGE_JSON,
          "{\"data\":[{\"embedding\":[0.1,-2e-3],\"index\":0}],"
          "\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
          USAGE_NOTHING, 8, 0, 0);
    assert_true(usagescan_counts(&scan).input_known);
    /* LiteLLM adds Anthropic's names to a sum that holds them. */
    check(USAGE_JSON,
          "{\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":5,"
          "\"cache_read_input_tokens\":60,\"cache_creation_input_tokens\":10}}",
          USAGE_OBJECT, 100, 60, 5);
}

static void openai_streams(void **state)
{
    (void)state;
    check(USAGE_EVENTS,
          "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],"
          "\"usage\":null}\n\n"
          "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n"
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":44}}\n\n"
          "data: [DONE]\n\n",
          USAGE_OBJECT, 9, 0, 44);
    /* Without: what carries text counts, whatever kind of text. */
    check(USAGE_EVENTS,
          "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\"}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"content\":\"\\n\"}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"content\":\"a\",\"refusal\":\"b\"}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
          "{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
          "{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
          "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
          "data: [DONE]\n\n",
          USAGE_COUNTED, 0, 0, 5);
    assert_false(usagescan_counts(&scan).input_known);
    check(USAGE_EVENTS,
          "data: {\"choices\":[{\"text\":\"a\",\"index\":0}]}\n\n"
          "data: {\"choices\":[{\"text\":\"\",\"index\":0}]}\n\n",
          USAGE_COUNTED, 0, 0, 1);
}

/* vLLM sends a usage with each chunk (continuous_usage_stats): that of its choice so far. */
static void continuous_usage_of_several_choices_adds_up(void **state)
{
    static const char chunks[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],"
                                 "\"usage\":{\"prompt_tokens\":41,\"completion_tokens\":1}}\n\n"
                                 "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"a\"}}],"
                                 "\"usage\":{\"completion_tokens\":1,\"prompt_tokens\":41}}\n\n"
                                 "data: {\"usage\":{\"prompt_tokens\":41,\"completion_tokens\":7},"
                                 "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
                                 "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"index\":1}],"
                                 "\"usage\":{\"prompt_tokens\":41,\"completion_tokens\":5}}\n\n";
    char whole[2000];

    (void)state;
    check(USAGE_EVENTS, chunks, USAGE_OBJECT, 41, 0, 12);
    snprintf(
        whole, sizeof(whole),
        "%sdata: {\"choices\":[],\"usage\":{\"prompt_tokens\":41,\"completion_tokens\":13}}\n\n",
        chunks);
    check(USAGE_EVENTS, whole, USAGE_OBJECT, 41, 0, 13);
    /* More choices than are told apart: what is known is less than there is, and said to be. */
    check(USAGE_EVENTS,
          "data: {\"choices\":[{\"index\":16}],\"usage\":{\"completion_tokens\":5}}\n\n",
          USAGE_OBJECT, 0, 0, 0);
    assert_true(usagescan_counts(&scan).damaged);
}

static void several_choices_without_usage_are_counted(void **state)
{
    (void)state;
    check(USAGE_EVENTS,
          "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},"
          "{\"index\":1,\"delta\":{\"content\":\"b\"}},{\"index\":2,\"delta\":{}}]}\n\n"
          "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n",
          USAGE_COUNTED, 0, 0, 3);
}

static void openai_responses(void **state)
{
    (void)state;
    check(USAGE_JSON,
          "{\"output\":[{\"content\":[{\"text\":\"x\"}]}],\"usage\":{\"input_tokens\":31,"
          "\"output_tokens\":12,\"input_tokens_details\":{\"cached_tokens\":1},"
          "\"output_tokens_details\":{\"reasoning_tokens\":9}}}",
          USAGE_OBJECT, 31, 1, 12);
    check(USAGE_EVENTS,
          "event: response.created\ndata: {\"response\":{\"usage\":null}}\n\n"
          "event: response.output_text.delta\ndata: {\"type\":\"x\",\"delta\":\"a\"}\n\n"
          "event: response.completed\ndata: {\"response\":{\"output\":[{\"content\":[{\"text\":"
          "\"a\"}]}],\"usage\":{\"input_tokens\":31,\"output_tokens\":12}}}\n",
          USAGE_OBJECT, 31, 0, 12); /* the last event lacks its empty line, as llama.cpp's does */
    check(USAGE_EVENTS,
          "data: {\"type\":\"response.reasoning_text.delta\",\"delta\":\"a\"}\n\n"
          "data: {\"type\":\"response.output_text.delta\",\"delta\":\"b\"}\n\n"
          "data: {\"type\":\"response.output_text.done\",\"text\":\"b\"}\n\n",
          USAGE_COUNTED, 0, 0, 2);
}

static void anthropic_leaves_cached_input_out_of_input(void **state)
{
    (void)state;
    check(USAGE_JSON,
          "{\"content\":[{\"text\":\"x\"}],\"usage\":{\"input_tokens\":30,"
          "\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":7,"
          "\"cache_creation\":{\"ephemeral_5m_input_tokens\":7},\"output_tokens\":11}}",
          USAGE_OBJECT, 137, 100, 11);
    check(USAGE_EVENTS,
          "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[],"
          "\"usage\":{\"input_tokens\":30,\"cache_read_input_tokens\":1,\"output_tokens\":1}}}\n\n"
          "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,"
          "\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"
          "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
          "\"end_turn\"},\"usage\":{\"output_tokens\":12}}\n\n",
          USAGE_OBJECT, 31, 1, 12);
    /* Cut off before message_delta: what message_start says of the output is no count. */
    check(USAGE_EVENTS,
          "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":30,"
          "\"output_tokens\":1}}}\n\n"
          "data: {\"type\":\"content_block_delta\",\"delta\":{\"thinking\":\"a\"}}\n\n"
          "data: {\"type\":\"content_block_delta\",\"delta\":{\"partial_json\":\"a\"}}\n\n"
          "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"a\"}}\n\n"
          "data: {\"type\":\"content_block_delta\",\"delta\":{\"signature\":\"a\"}}\n\n",
          USAGE_COUNTED, 30, 0, 3);
    assert_true(usagescan_counts(&scan).input_known);
}

static void llama_cpp_natively(void **state)
{
    (void)state;
    check(USAGE_JSON,
          "{\"content\":\"x\",\"tokens_predicted\":12,\"tokens_evaluated\":28,"
          "\"generation_settings\":{\"n_predict\":99,\"tokens_predicted\":5},\"tokens_cached\":39,"
          "\"timings\":{\"cache_n\":1,\"prompt_n\":27,\"predicted_n\":12,\"prompt_ms\":1.5}}",
          USAGE_NATIVE, 28, 1, 12);
    check(
        USAGE_EVENTS,
        "data: {\"index\":0,\"content\":\"a\",\"tokens\":[1],\"stop\":false,"
        "\"tokens_predicted\":1,\"tokens_evaluated\":28}\n\n"
        "data: {\"index\":0,\"content\":\"a\",\"tokens_predicted\":2,\"tokens_evaluated\":28}\n\n",
        USAGE_NATIVE, 28, 0, 2); /* as far as it came */
    /* Several prompts. */
    check(USAGE_JSON,
          "[{\"index\":0,\"tokens_predicted\":3,\"tokens_evaluated\":10},"
          "{\"index\":1,\"tokens_predicted\":4,\"tokens_evaluated\":20}]",
          USAGE_NATIVE, 30, 0, 7);
}

static void timings_stand_in_for_usage(void **state)
{
    static const char chunk[] =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{}}],\"timings\":{\"cache_n\":22,"
        "\"prompt_n\":43,\"prompt_per_second\":5046.1,\"predicted_n\":48}}\n\n";
    char whole[1000];

    (void)state;
    check(USAGE_EVENTS, chunk, USAGE_TIMINGS, 65, 22, 48);
    snprintf(
        whole, sizeof(whole),
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":66,\"completion_tokens\":49}}\n\n%s",
        chunk);
    check(USAGE_EVENTS, whole, USAGE_OBJECT, 66, 22, 49);
}

static void ollama(void **state)
{
    (void)state;
    check(USAGE_LINES,
          "{\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"done\":false}\n"
          "{\"message\":{\"content\":\"\",\"thinking\":\"b\"},\"done\":false}\n"
          "{\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":27,"
          "\"prompt_eval_duration\":236000000,\"eval_count\":20,\"eval_duration\":269000000}\n",
          USAGE_NATIVE, 27, 0, 20);
    check(USAGE_JSON, "{\"response\":\"x\",\"prompt_eval_count\":25,\"eval_count\":15}",
          USAGE_NATIVE, 25, 0, 15);
    check(USAGE_LINES,
          "{\"response\":\"a\",\"done\":false}\n{\"response\":\"\",\"thinking\":\"b\"}\r\n"
          "{\"response\":\"c\",\"do",
          USAGE_COUNTED, 0, 0, 3);
    /* All of the prompt was in the cache: Ollama says nothing about it. */
    check(USAGE_JSON, "{\"response\":\"x\",\"eval_count\":15}", USAGE_NATIVE, 0, 0, 15);
    assert_false(usagescan_counts(&scan).input_known);
    check(USAGE_JSON, "{\"embeddings\":[[0.1]],\"prompt_eval_count\":4}", USAGE_NOTHING, 4, 0, 0);
}

/* -- What must not count ----------------------------------------------------------------------- */

static void text_that_quotes_a_usage_never_counts(void **state)
{
    static const char *const bodies[] = {
        "{\"choices\":[{\"text\":\"{\\\"usage\\\":{\\\"completion_tokens\\\":9}}\"}]}",
        "{\"content\":\"\\\"},\\\"usage\\\":{\\\"completion_tokens\\\":9}}\"}",
        "{\"choices\":[{\"message\":{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}}]}",
        "{\"choices\":[{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}]}",
        "{\"x\":{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}}",
        "{\"x\":[{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}]}",
        "{\"usage\":[{\"prompt_tokens\":9,\"completion_tokens\":9}]}",
        "{\"usage\":\"{\\\"prompt_tokens\\\":9}\",\"prompt_tokens\":9,\"completion_tokens\":9}",
        "{\"Usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}",
        "{\"usage \":{\"prompt_tokens\":9,\"completion_tokens\":9}}",
        "{\"usagee\":{\"prompt_tokens\":9},\"usag\":{\"completion_tokens\":9}}",
        "{\"\":{\"usage\":{\"completion_tokens\":9}}}",
        "{\"usage\":{\"prompt_tokens\":\"9\",\"completion_tokens\":\"9\"}}",
        "{\"usage\":{\"prompt_tokens\":-9,\"completion_tokens\":9.0}}",
        "{\"usage\":{\"prompt_tokens\":9e1,\"completion_tokens\":99999999999}}",
        "{\"usage\":{\"x\":{\"prompt_tokens\":9,\"completion_tokens\":9}}}",
        "{\"usage\":{\"x\":[{\"prompt_tokens\":9}],\"completion_tokens\":null}}",
        "{\"timings\":[{\"predicted_n\":9,\"prompt_n\":9}]}",
        "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}",
        "x{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}",
        "{\"a\":1]{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}",
        "{\"a\":\"\\\\\\\"},\\\"usage\\\":{\\\"completion_tokens\\\":9}\"}",
        "{\"usage\\n\":{\"completion_tokens\":9}}",
        "{\"\\u0055sage\":{\"completion_tokens\":9}}",
        "{\"message\":{\"eval_count\":9}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        check(USAGE_JSON, bodies[i], USAGE_NOTHING, 0, 0, 0);
}

static void a_name_may_be_written_with_escapes(void **state)
{
    (void)state;
    check(USAGE_JSON, "{\"us\\u0061ge\":{\"prompt_tokens\":1,\"\\u0063ompletion\\u005Ftokens\":2}}",
          USAGE_OBJECT, 1, 0, 2);
}

static void a_name_may_hold_any_byte(void **state)
{
    /* The second name is as long as another word of its letter, and its own word ends early. */
    static const char body[] = "{\"usage\0\":{\"completion_tokens\":9},"
                               "\"choices\0aaaaaaaaa\":1,\"\xff\x80\":1}";

    (void)state;
    usagescan_start(&scan, USAGE_JSON);
    usagescan_bytes(&scan, (const uint8_t *)body, sizeof(body) - 1);
    usagescan_end(&scan);
    assert_int_equal(usagescan_counts(&scan).basis, USAGE_NOTHING);
}

static void nesting_costs_nothing(void **state)
{
    enum { DEPTH = 200000 };
    char *body = malloc(2 * DEPTH + 200);
    size_t length = 0;

    (void)state;
    assert_non_null(body);
    length += (size_t)sprintf(body, "{\"x\":");
    memset(body + length, '[', DEPTH);
    memset(body + length + DEPTH, ']', DEPTH);
    length += 2 * DEPTH;
    sprintf(body + length, ",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}");
    usagescan_start(&scan, USAGE_JSON);
    feed(body, 1000);
    usagescan_end(&scan);
    assert_int_equal(usagescan_counts(&scan).tokens_out, 2);
    /* The same, of what is looked into. */
    memset(body, '[', DEPTH);
    strcpy(body + DEPTH, "{\"usage\":{\"completion_tokens\":2}}");
    check(USAGE_JSON, body + DEPTH - 3, USAGE_NOTHING, 0, 0, 0);
    usagescan_start(&scan, USAGE_JSON);
    feed(body, 0);
    assert_int_equal(usagescan_counts(&scan).basis, USAGE_NOTHING);
    free(body);
}

/* -- Framing ------------------------------------------------------------------------------------
 */

#define EVENT "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"
#define LAST  "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":44}}"

static void events_end_their_lines_in_every_way(void **state)
{
    static const char *const bodies[] = {
        "data: " EVENT "\n\ndata: " LAST "\n\n",
        "data: " EVENT "\r\n\r\ndata: " LAST "\r\n\r\n",
        "data: " EVENT "\r\rdata: " LAST "\r\r",
        "data:" EVENT "\n\ndata:" LAST "\n\n",
        "\xef\xbb\xbf"
        "data: " EVENT "\n\ndata: " LAST "\n\n",
        ": a comment\n\nid: 7\nevent: x\nretry: 5\ndata: " EVENT "\n\n:\n\ndata: " LAST "\n\n",
        "data: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":9,\ndata:\ndata\n"
        "data:   \"completion_tokens\":44}}\n\n",
        "data: [DONE]\n\ndata: " LAST "\n\n",
        "data: not json\n\ndata: " LAST "\n\n",
        "data: {\"choices\":[\n\ndata: " LAST "\n\n",
        "data: " LAST,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        check(USAGE_EVENTS, bodies[i], USAGE_OBJECT, 9, 0, 44);
    check(USAGE_EVENTS,
          "dat: " LAST "\n\ndatas: " LAST "\n\n data: " LAST "\n\nx: data: " LAST "\n\n" LAST
          "\n\n",
          USAGE_NOTHING, 0, 0, 0);
}

static void a_damaged_line_ends_with_itself(void **state)
{
    (void)state;
    check(USAGE_LINES, "{\"response\":\"a\n{\"eval_count\":3,\"prompt_eval_count\":4}\n",
          USAGE_NATIVE, 4, 0, 3);
    check(USAGE_LINES, "}}}\n\n{\"eval_count\":3,\"prompt_eval_count\":4}", USAGE_NATIVE, 4, 0, 3);
}

static void behind_a_gap_the_next_event_is_read_again(void **state)
{
    struct usage_counts counts;

    (void)state;
    usagescan_start(&scan, USAGE_EVENTS);
    feed("data: " EVENT "\n\ndata: {\"choices\":[{\"del", 0);
    usagescan_gap(&scan);
    /* The end of a text that quotes, in one that is not. */
    feed("a\"}}],\"usage\":{\"completion_tokens\":5}}\n\ndata: " EVENT "\n\n", 0);
    usagescan_end(&scan);
    counts = usagescan_counts(&scan);
    assert_int_equal(counts.basis, USAGE_COUNTED);
    assert_int_equal(counts.tokens_out, 2);
    assert_true(counts.damaged);

    usagescan_start(&scan, USAGE_LINES);
    feed("{\"response\":\"a\"}\n{\"respo", 0);
    usagescan_gap(&scan);
    feed("\"eval_count\":7}\n{\"eval_count\":3}\n", 0);
    usagescan_end(&scan);
    assert_int_equal(usagescan_counts(&scan).tokens_out, 3);

    usagescan_start(&scan, USAGE_JSON);
    feed("{\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":7", 0);
    usagescan_gap(&scan); /* the number may go on */
    feed("1}}{\"usage\":{\"completion_tokens\":9}}", 0);
    usagescan_end(&scan);
    counts = usagescan_counts(&scan);
    assert_int_equal(counts.basis, USAGE_NOTHING);
    assert_int_equal(counts.tokens_in, 4);
    assert_true(counts.damaged);
}

/* -- Requests -----------------------------------------------------------------------------------
 */

static void check_request(const char *body, bool streams, uint32_t choices)
{
    for (size_t piece = 0; piece < 20; piece++) {
        usagescan_start_request(&scan);
        feed(body, piece);
        usagescan_end(&scan);
        assert_int_equal(scan.streams, streams);
        assert_int_equal(scan.choices_wanted, choices);
    }
}

static void a_request_says_whether_it_streams(void **state)
{
    (void)state;
    check_request("{\"messages\":[{\"content\":\"\\\"stream\\\":true\",\"stream\":true,\"n\":7}],"
                  "\"n\":3,\"stream\": true}",
                  true, 3);
    check_request("{\"options\":{\"stream\":true},\"stream\":false}", false, 0);
    check_request("{\"stream\":\"true\"}", false, 0);
    check_request("[{\"stream\":true}]", false, 0);
    check_request("--boundary\r\n", false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_in_one_piece),
        cmocka_unit_test(openai_streams),
        cmocka_unit_test(continuous_usage_of_several_choices_adds_up),
        cmocka_unit_test(several_choices_without_usage_are_counted),
        cmocka_unit_test(openai_responses),
        cmocka_unit_test(anthropic_leaves_cached_input_out_of_input),
        cmocka_unit_test(llama_cpp_natively),
        cmocka_unit_test(timings_stand_in_for_usage),
        cmocka_unit_test(ollama),
        cmocka_unit_test(text_that_quotes_a_usage_never_counts),
        cmocka_unit_test(a_name_may_be_written_with_escapes),
        cmocka_unit_test(a_name_may_hold_any_byte),
        cmocka_unit_test(nesting_costs_nothing),
        cmocka_unit_test(events_end_their_lines_in_every_way),
        cmocka_unit_test(a_damaged_line_ends_with_itself),
        cmocka_unit_test(behind_a_gap_the_next_event_is_read_again),
        cmocka_unit_test(a_request_says_whether_it_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
