/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/usagescan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct usage_scan scan;
static const struct hash_key shape_key = {{5, 6}};

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

static bool same_counts(const struct usage_counts *a, const struct usage_counts *b)
{
    return a->tokens_in == b->tokens_in && a->tokens_cached == b->tokens_cached &&
           a->tokens_out == b->tokens_out && a->basis == b->basis &&
           a->input_known == b->input_known && a->damaged == b->damaged;
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
    for (size_t piece = 0; piece < 50 && piece < strlen(body); piece++) {
        usagescan_start(&scan, framing);
        usagescan_remember_shapes(&scan, &shape_key);
        feed(body, piece);
        usagescan_end(&scan);
        again = usagescan_counts(&scan);
        assert_true(same_counts(&again, &counts));
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

/* https://github.com/ollama/ollama/blob/main/docs/api.md, "Load a model" */
static void ollama_says_when_it_computes_nothing(void **state)
{
    static const struct {
        const char *answer;
        bool idle;
    } answers[] = {
        {"{\"model\":\"m\",\"response\":\"\",\"done\":true,\"done_reason\":\"load\"}", true},
        {"{\"message\":{\"content\":\"\"},\"done_reason\": \"unload\",\"done\":true}", true},
        {"{\"done_reason\":\"stop\",\"eval_count\":15}", false},
        {"{\"done_reason\":\"length\"}", false},
        {"{\"done_reason\":\"loa\"}", false},
        {"{\"done_reason\":\"loads\"}", false},
        {"{\"done_reason\":\"\"}", false},
        {"{\"done_reason\":\"l\\\"oad\"}", false},
        {"{\"done_reason\":\"load", false},
        {"{\"message\":{\"done_reason\":\"load\"}}", false},
        {"{\"response\":\"load\"}", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
        for (size_t piece = 0; piece < 3; piece++) {
            usagescan_start(&scan, USAGE_JSON);
            feed(answers[i].answer, piece);
            assert_int_equal(scan.idle, answers[i].idle);
        }
    check(USAGE_JSON, "{\"done_reason\":\"l\\\"oad\",\"eval_count\":3}", USAGE_NATIVE, 0, 0, 3);
    usagescan_start(&scan, USAGE_LINES);
    usagescan_remember_shapes(&scan, &(struct hash_key){{3, 4}});
    for (unsigned i = 0; i < 5; i++) { /* also after it was known */
        feed("{\"response\":\"a\",\"done_reason\":\"stop\"}\n", 0);
        assert_false(scan.idle);
        feed("{\"done_reason\":\"load\"}\n", 0);
        assert_true(scan.idle);
    }
}

/* vLLM, entrypoints/openai/protocol.py, RerankUsage: a total, and nothing else. */
static void of_what_generates_nothing_the_total_is_the_input(void **state)
{
    (void)state;
    check(USAGE_JSON, "{\"usage\":{\"total_tokens\":56},\"results\":[]}", USAGE_NOTHING, 56, 0, 0);
    check(USAGE_JSON, "{\"usage\":{\"prompt_tokens\":50,\"total_tokens\":56}}", USAGE_NOTHING, 50,
          0, 0);
    check(USAGE_JSON, "{\"usage\":{\"completion_tokens\":6,\"total_tokens\":56}}", USAGE_OBJECT, 0,
          0, 6);
    assert_false(usagescan_counts(&scan).input_known);
    check(
        USAGE_JSON,
        "{\"usage\":{\"total_tokens\":56},\"results\":[{\"index\":0,\"document\":{\"text\":\"a\"},"
        "\"relevance_score\":0.9}]}",
        USAGE_NOTHING, 56, 0, 0);
    check(USAGE_EVENTS,
          "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
          "data: {\"choices\":[],\"usage\":{\"total_tokens\":56}}\n\n",
          USAGE_COUNTED, 0, 0, 1);
    assert_false(usagescan_counts(&scan).input_known);
}

/* https://huggingface.github.io/text-generation-inference/#/Text%20Generation%20Inference/generate
 */
static void tgi(void **state)
{
    (void)state;
    /* Asked for details, and for those of the prompt (decoder_input_details). */
    check(USAGE_JSON,
          "{\"generated_text\":\"test\",\"details\":{\"finish_reason\":\"length\",\"generated_"
          "tokens\":2,"
          "\"seed\":42,\"prefill\":[{\"id\":0,\"text\":\"a\",\"logprob\":null},{\"id\":1,\"text\":"
          "\"b\",\"logprob\":-0.34},{\"id\":2,\"text\":\"c\",\"logprob\":-0.1}],\"tokens\":[{"
          "\"id\":0,"
          "\"text\":\"te\",\"logprob\":-0.34,\"special\":false},{\"id\":1,\"text\":\"st\"}]}}",
          USAGE_NATIVE, 3, 0, 2);
    check(USAGE_JSON,
          "{\"generated_text\":\"test\",\"details\":{\"generated_tokens\":2,\"prefill\":[]}}",
          USAGE_NATIVE, 0, 0, 2);
    assert_false(usagescan_counts(&scan).input_known);
    /* Without details, as by default. */
    check(USAGE_JSON, "{\"generated_text\":\"test\"}", USAGE_NOTHING, 0, 0, 0);
    check(
        USAGE_EVENTS,
        "data:{\"index\":1,\"token\":{\"id\":5,\"text\":\"te\",\"logprob\":-0.3,\"special\":false},"
        "\"generated_text\":null,\"details\":null}\n\n"
        "data:{\"index\":2,\"token\":{\"id\":6,\"text\":\"st\"},\"generated_text\":\"test\","
        "\"details\":{\"finish_reason\":\"length\",\"generated_tokens\":2,\"input_length\":7,"
        "\"seed\":null}}\n\n",
        USAGE_NATIVE, 7, 0, 2);
    check(USAGE_EVENTS,
          "data:{\"index\":1,\"token\":{\"id\":5,\"text\":\"te\"},\"details\":null}\n\n"
          "data:{\"index\":2,\"token\":{\"id\":6,\"text\":\"\"},\"details\":null}\n\n",
          USAGE_COUNTED, 0, 0, 1);
}

/* https://docs.sglang.ai/basic_usage/native_api.html and sampling_params.html beside it. */
static void sglang_natively(void **state)
{
    (void)state;
    check(USAGE_JSON,
          "{\"text\":\" Paris\",\"meta_info\":{\"id\":\"f\",\"finish_reason\":{\"type\":\"stop\","
          "\"matched\":9},\"prompt_tokens\":15,\"completion_tokens\":4,\"cached_tokens\":3,"
          "\"e2e_latency\":0.05}}",
          USAGE_NATIVE, 15, 3, 4);
    /* The text and the counts of a stream are those so far. */
    check(USAGE_EVENTS,
          "data: {\"text\":\" The\",\"meta_info\":{\"finish_reason\":null,\"prompt_tokens\":5,"
          "\"completion_tokens\":1,\"cached_tokens\":2}}\n\n"
          "data: {\"text\":\" The city\",\"meta_info\":{\"finish_reason\":{\"type\":\"length\"},"
          "\"prompt_tokens\":5,\"completion_tokens\":2,\"cached_tokens\":2}}\n\ndata: [DONE]\n\n",
          USAGE_NATIVE, 5, 2, 2);
    /* Several prompts: in an array, or each in events of its index. */
    check(USAGE_JSON,
          "[{\"text\":\"a\",\"meta_info\":{\"prompt_tokens\":5,\"completion_tokens\":8,"
          "\"cached_tokens\":1}},{\"text\":\"b\",\"meta_info\":{\"prompt_tokens\":6,"
          "\"completion_tokens\":9,\"cached_tokens\":2}}]",
          USAGE_NATIVE, 11, 3, 17);
    check(USAGE_EVENTS,
          "data: {\"text\":\"a\",\"meta_info\":{\"prompt_tokens\":5,\"completion_tokens\":8},"
          "\"index\":0}\n\n"
          "data: {\"text\":\"b\",\"meta_info\":{\"prompt_tokens\":5,\"completion_tokens\":9},"
          "\"index\":1}\n\ndata: [DONE]\n\n",
          USAGE_NATIVE, 5, 0, 17);
    check(USAGE_JSON, "{\"meta_info\":{\"meta_info\":{\"completion_tokens\":8}}}", USAGE_NOTHING, 0,
          0, 0);
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

/* -- However it is cut --------------------------------------------------------------------------
 */

#define MAX_MADE   4096
#define MADE       6000
#define MADE_DEPTH 12

static const struct inference_model known_models[] = {
    {.name = "m", .port = 1, .service = 1},
    {.name = "mistral", .port = 1, .service = 2},
    {.name = "mistral", .port = 2, .service = 3},
};
static const struct model_table known = {known_models, 3};

struct made {
    uint64_t seed;
    size_t length;
    uint8_t bytes[MAX_MADE];
};

static bool once_in(struct made *made, uint32_t times)
{
    return random_below(&made->seed, times) == 0;
}

static void put(struct made *made, const void *bytes, size_t length)
{
    if (length > MAX_MADE - made->length)
        length = MAX_MADE - made->length;
    memcpy(made->bytes + made->length, bytes, length);
    made->length += length;
}

static void put_text(struct made *made, const char *text)
{
    put(made, text, strlen(text));
}

#define put_one_of(made, texts)                                                                    \
    put_text(made, (texts)[random_below(&(made)->seed, sizeof(texts) / sizeof(*(texts)))])

/* Blanks where they are allowed, now and then. */
static void put_blank(struct made *made)
{
    static const char *const blanks[] = {" ", " ", "  ", "\t", " \r", "\r\n", "\n", "\n\n", "\v"};

    if (once_in(made, 8))
        put_one_of(made, blanks);
}

static void put_string(struct made *made)
{
    static const char *const parts[] = {
        "a",
        " mot",
        "\\n",
        "\\\"",
        "\\\\",
        "\\u00e9",
        "\xc3\xa9",
        "usage",
        "\\u0061",
        "\\u00zz",
        "mistral",
        "deepseek:cloud",
        "gpt-oss-cloud",
        "-cloud",
        "{}[],:",
        "m",
        "\x80\xff",
        "\r",
        "0123456789abcdef",
        "\x0b",
        "\\",
    };

    put_text(made, "\"");
    while (!once_in(made, 3))
        if (once_in(made, 40))
            put(made, "\0", 1);
        else
            put_one_of(made, parts);
    if (!once_in(made, 60))
        put_text(made, "\"");
}

static void put_name(struct made *made)
{
    static const char *const names[] = {
        "choices",
        "index",
        "delta",
        "content",
        "message",
        "usage",
        "prompt_tokens",
        "input_tokens",
        "completion_tokens",
        "details",
        "generated_tokens",
        "input_length",
        "meta_info",
        "prefill",
        "token",
        "output_tokens",
        "timings",
        "response",
        "thinking",
        "text",
        "function",
        "arguments",
        "tool_calls",
        "model",
        "n",
        "stream",
        "prompt_tokens_details",
        "cached_tokens",
        "predicted_n",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "tokens_evaluated",
        "tokens_predicted",
        "eval_count",
        "prompt_eval_count",
        "reasoning_content",
        "remote_host",
        "id",
        "object",
        "finish_reason",
        "us\\u0061ge",
        "ind\\u0065x",
        "inde\\x",
        "a name that is longer than any that is known",
        "",
        "usag",
        "usagee",
        "Usage",
        "\xf5sage",
        "contenu",
    };

    put_text(made, "\"");
    put_one_of(made, names);
    if (once_in(made, 50))
        put(made, "\0x", random_below(&made->seed, 3));
    put_text(made, "\"");
    put_blank(made);
    if (!once_in(made, 100))
        put_text(made, ":");
    put_blank(made);
}

static void put_scalar(struct made *made)
{
    static const char *const scalars[] = {
        "0",    "1",   "17",  "4294967295", "4294967296", "99999999999999999999999999",
        "-3",   "1.5", "2e3", "01",         "true",       "false",
        "null", "nul", "tru", "x",          "+1",         "1 2",
        "",     "t\0",
    };

    put_one_of(made, scalars);
}

static void put_value(struct made *made, unsigned depth);

static void put_members(struct made *made, unsigned depth, bool named)
{
    while (!once_in(made, 4)) {
        put_blank(made);
        if (named)
            put_name(made);
        put_value(made, depth + 1);
        put_blank(made);
        if (!once_in(made, 100))
            put_text(made, ",");
    }
    if (made->length > 0 && made->bytes[made->length - 1] == ',' && !once_in(made, 30))
        made->length--;
}

static void put_value(struct made *made, unsigned depth)
{
    uint32_t kind = random_below(&made->seed, depth < MADE_DEPTH ? 8 : 4);

    if (kind < 2) {
        put_string(made);
    } else if (kind < 4) {
        put_scalar(made);
    } else {
        bool named = kind < 7;

        put_text(made, named ? "{" : "[");
        put_members(made, depth, named);
        if (!once_in(made, 100))
            put_text(made, named ? "}" : "]");
    }
}

/* As servers send them, so that the values that are looked for stand where they are. */
static void put_usual(struct made *made)
{
    static const char *const usual[] = {
        "{\"id\":\"x\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"a\"}}],\"model\":\"m\"}",
        "{\"choices\": [{\"delta\": {\"content\": \"\"}, \"index\": 0}], \"usage\": null}",
        "{\"choices\":[],\"model\":\"mistral\",\"usage\":{\"prompt_tokens\":9,\"completion_"
        "tokens\":44,"
        "\"prompt_tokens_details\":{\"cached_tokens\":4}}}",
        "{\"model\":\"a:cloud\",\"message\":{\"role\":\"assistant\",\"content\":\"\\\"\"},\"done\":"
        "false}",
        "{\"eval_count\":20,\"prompt_eval_count\":7,\"remote_host\":\"h\"}",
        "{\"tokens_predicted\":3,\"tokens_evaluated\":8,\"timings\":{\"predicted_n\":3,\"cache_n\":"
        "1}}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"\\u00e9\\n\"}],\"n\":2,\"stream\":true}",
        "{\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":3}}}",
        "{\"choices\":[{\"delta\":{},\"index\":0}],\"timings\":{\"predicted_n\":3,\"prompt_n\":1}}",
        "[{\"text\":\"a\",\"meta_info\":{\"prompt_tokens\":5,\"completion_tokens\":8}},{\"meta_"
        "info\":{"
        "\"completion_tokens\":2}}]",
        "{\"details\":{\"generated_tokens\":2,\"prefill\":[{\"id\":0},{\"id\": 1}, {}]}}",
        "{\"index\":1,\"token\":{\"id\":5,\"text\":\"a\"},\"details\":null}",
        "[DONE]",
    };

    put_one_of(made, usual);
}

static void put_document(struct made *made)
{
    if (once_in(made, 2)) {
        put_usual(made);
    } else if (once_in(made, 8)) {
        put_value(made, 0);
    } else {
        put_text(made, "{");
        put_members(made, 0, true);
        put_text(made, "}");
    }
}

static void put_line_end(struct made *made)
{
    static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\r", "\n\r"};

    put_one_of(made, ends);
}

/* As most of a stream is. */
static void put_repeatable(struct made *made)
{
    static const char *const begins[] = {
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
        "{\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"x\",\"content\":\"",
        "{\"model\":\"mistral\",\"created_at\":\"2026\",\"message\":{\"content\":\"",
        "{\"choices\":[{\"delta\":{\"reasoning\":\"\"},\"text\":\"",
    };
    static const char *const ends[] = {"\"}}]}", "\"}}]}", "\"}}", "\"}]}"};
    static const char *const texts[] = {"", "a", "\\\"", "\\\\", "\303\251\\n, and so on"};

    put_one_of(made, begins);
    put_one_of(made, texts);
    put_one_of(made, ends);
}

/* What begins at START again, as a stream says it, or nearly so. */
static void repeat(struct made *made, size_t start)
{
    size_t length = made->length - start;

    while (once_in(made, 2) && made->length + length < MAX_MADE) {
        uint8_t *copy = made->bytes + made->length;

        memcpy(copy, made->bytes + start, length);
        made->length += length;
        if (once_in(made, 2) && length > 0)
            copy[random_below(&made->seed, (uint32_t)length)] =
                (uint8_t) "a\"\\\n{}:,1"[random_below(&made->seed, 9)];
    }
}

static void put_events(struct made *made)
{
    static const char *const fields[] = {"data: ",
                                         "data: ",
                                         "data: ",
                                         "data: ",
                                         "data:",
                                         "data:  ",
                                         "data",
                                         "dat: ",
                                         ": ",
                                         "event: ",
                                         "\357\273\277data: ",
                                         " data: "};

    if (once_in(made, 10))
        put(made, "\xef\xbb\xbf", 3 - random_below(&made->seed, 2));
    while (!once_in(made, 6)) {
        size_t start = made->length;

        put_one_of(made, fields);
        if (once_in(made, 2))
            put_repeatable(made);
        else
            put_document(made);
        put_line_end(made);
        if (!once_in(made, 6))
            put_line_end(made);
        repeat(made, start);
    }
}

static void make(struct made *made, unsigned framing)
{
    made->length = 0;
    if (framing == USAGE_EVENTS) {
        put_events(made);
    } else {
        do {
            size_t start = made->length;

            if (framing == USAGE_LINES && once_in(made, 2))
                put_repeatable(made);
            else
                put_document(made);
            put_line_end(made);
            repeat(made, start);
        } while (!once_in(made, 3));
    }
    while (made->length > 0 && once_in(made, 3)) /* damaged */
        made->bytes[random_below(&made->seed, (uint32_t)made->length)] =
            once_in(made, 2) ? (uint8_t)random_next(&made->seed)
                             : (uint8_t) "\"\\{}[],:\n\r"[random_below(&made->seed, 10)];
}

/* In pieces of PIECE bytes; of 1 to 40, or to 300, when it is 0. With a gap of 0 bytes at GAP. */
static void scan_made(struct usage_scan *into, const struct made *made, unsigned framing,
                      size_t piece, size_t gap)
{
    uint64_t seed = made->seed;
    size_t at = 0;

    if (framing > USAGE_EVENTS)
        usagescan_start_request(into);
    else
        usagescan_start(into, (enum usage_framing)framing);
    usagescan_ask_model(into, &known, 1);
    if (piece != 1 &&
        framing <= USAGE_EVENTS) /* single bytes are never a whole event: all is read */
        usagescan_remember_shapes(into, &shape_key);
    while (at < made->length) {
        size_t limit = at < gap && gap < made->length ? gap : made->length;
        size_t next = piece > 0 ? piece : 1 + random_below(&seed, made->length % 2 ? 40 : 300);
        uint8_t *copy;

        next = limit - at < next ? limit - at : next;
        copy = exact_copy(made->bytes + at, next); /* so that a read past it is found */
        usagescan_bytes(into, copy, next);
        free(copy);
        at += next;
        if (at == gap)
            usagescan_gap(into);
    }
    usagescan_end(into);
}

static bool same_scans(const struct usage_scan *a, const struct usage_scan *b)
{
    struct usage_counts left = usagescan_counts(a);
    struct usage_counts right = usagescan_counts(b);

    return same_counts(&left, &right) && a->streams == b->streams &&
           a->choices_wanted == b->choices_wanted && a->events == b->events &&
           a->has_remote_host == b->has_remote_host && a->model.known == b->model.known &&
           a->model.elsewhere == b->model.elsewhere && a->model.service == b->model.service;
}

/* An event that says the same of the same is not read again, but means all that it says. */
static void events_of_a_known_shape_say_what_they_say(void **state)
{
    static const char stream[] =
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n"
        "data: {\"model\":\"x\",\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":"
        "{\"completion_tokens\":9}}\n\n"
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n";

    (void)state;
    usagescan_start(&scan, USAGE_EVENTS);
    usagescan_ask_model(&scan, &known, 1);
    usagescan_remember_shapes(&scan, &shape_key);
    feed(stream, 0);
    assert_int_equal(scan.shape.strings, 1);
    assert_int_equal(scan.events, 3);
    assert_int_equal(scan.total_output + scan.outputs[0], 9);
    assert_true(scan.model.known); /* the last one names it again */
    /* Other models: the shape says nothing of them. */
    usagescan_forget_models(&scan);
    assert_int_equal(scan.shape.strings, 0);
    feed(stream, 0);
    assert_int_equal(scan.events, 6);
}

/* Byte by byte, each goes through the states on its own; in larger pieces, most is passed over at
 * once. */
static void byte_by_byte_is_the_same_as_at_once(void **state)
{
    static struct made made;
    static struct usage_scan single;
    static struct usage_scan other;
    unsigned counted[USAGE_OBJECT + 1] = {0};
    unsigned models = 0;
    unsigned shapes = 0;

    (void)state;
    made.seed = 1;
    for (unsigned i = 0; i < MADE; i++) {
        unsigned framing = i % 4;
        uint64_t before = made.seed;
        size_t gap;

        make(&made, framing);
        gap = once_in(&made, 4) ? random_below(&made.seed, (uint32_t)made.length + 1) : SIZE_MAX;
        scan_made(&single, &made, framing, 1, gap);
        for (unsigned cut = 0; cut < 4; cut++) {
            scan_made(&other, &made, framing, cut == 0 ? MAX_MADE : 0, gap);
            made.seed += cut;
            shapes += other.shape.strings > 0;
            if (!same_scans(&single, &other))
                fail_msg("seed %llu, framing %u: %.*s", (unsigned long long)before, framing,
                         (int)made.length, (const char *)made.bytes);
        }
        counted[usagescan_counts(&single).basis]++;
        models += single.model.known + 2U * single.model.elsewhere;
    }
    for (unsigned i = 0; i <= USAGE_OBJECT; i++)
        assert_true(counted[i] > 100); /* not all of it was refused at once */
    assert_true(models > 1000);
    assert_true(shapes > 500);
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
        cmocka_unit_test(ollama_says_when_it_computes_nothing),
        cmocka_unit_test(of_what_generates_nothing_the_total_is_the_input),
        cmocka_unit_test(tgi),
        cmocka_unit_test(sglang_natively),
        cmocka_unit_test(text_that_quotes_a_usage_never_counts),
        cmocka_unit_test(a_name_may_be_written_with_escapes),
        cmocka_unit_test(a_name_may_hold_any_byte),
        cmocka_unit_test(nesting_costs_nothing),
        cmocka_unit_test(events_end_their_lines_in_every_way),
        cmocka_unit_test(a_damaged_line_ends_with_itself),
        cmocka_unit_test(behind_a_gap_the_next_event_is_read_again),
        cmocka_unit_test(a_request_says_whether_it_streams),
        cmocka_unit_test(events_of_a_known_shape_say_what_they_say),
        cmocka_unit_test(byte_by_byte_is_the_same_as_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
