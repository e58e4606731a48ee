/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/estimator_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/servicesfile.h"

/* Without SHIPPED_EXCHANGES, which load() adds. */
static struct catalogue *load_as_it_is(const char *text, const struct catalogue *previous,
                                       struct diagnostics *diagnostics)
{
    char path[PATH_MAX];

    scratch_write("services.conf", text);
    scratch_path(path, "services.conf");
    return catalogue_load(path, previous, diagnostics);
}

/* Reads the two groups of the file that was written. */
static bool read_written(struct estimator_set *set)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];
    config_t config;
    bool is_read;

    scratch_path(path, "services.conf");
    is_read = confread_file(&config, path, diagnostics) &&
              estimator_config_read(config_lookup(&config, "estimators"),
                                    config_lookup(&config, "exchanges"), set, diagnostics);
    assert_int_equal(diagnostics_errors(diagnostics) == 0, is_read);
    config_destroy(&config);
    diagnostics_free(diagnostics);
    return is_read;
}

static void an_estimator_is_read(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *catalogue = load(
        "estimators = { " E0
        "full = { method = \"M1\"; grade = \"C\"; source = \"paper\"; request_bytes_min = 1.0;\n"
        "request_record_min = 2; burst_gap_s = 3; answer_record_min = 10; answer_bytes_min = 4;\n"
        "answer_gap_s = 5; answer_s_min = 6; answer_slots_min = 7; count_error = 0.25;\n"
        "exchange_sigma = 0.125; upload_bytes_min = 20000; input_prior_tokens = 3;\n"
        "overhead_new_bytes = [ 10, 20, 30 ]; overhead_reused_bytes = [ 1, 2, 3 ];\n"
        "whole_records_max = 6; whole_overhead_bytes = [ 4, 5, 6 ];\n"
        "whole_bytes_per_token = [ 1.5, 4.5, 5.5 ];\n"
        "bytes_per_token = [ 300, 310, 320 ]; input = \"body\";\n"
        "input_bytes_per_token = [ 2.5, 4.5, 10.5 ]; input_overhead_bytes = 100; }; };\n"
        "services = ( { id = \"a\"; " PLAIN "estimator = \"full\"; " HOST("a.com") "} );",
        NULL, diagnostics);
    const struct estimator *estimator;

    (void)state;
    assert_no_complaint(diagnostics);
    estimator = &catalogue_service(catalogue, 0)->estimator;
    assert_string_equal(estimator->name, "full");
    assert_int_equal(estimator->method, METHOD_M1);
    assert_int_equal(estimator->grade, GRADE_C);
    assert_true(estimator->request_bytes_min == 1);
    assert_true(estimator->request_record_min == 2);
    assert_true(estimator->burst_gap_s == 3);
    assert_true(estimator->answer_record_min == 10);
    assert_true(estimator->answer_bytes_min == 4);
    assert_true(estimator->answer_gap_s == 5);
    assert_true(estimator->answer_s_min == 6);
    assert_true(estimator->answer_slots_min == 7);
    assert_true(estimator->count_error == 0.25);
    assert_true(estimator->exchange_sigma == 0.125);
    assert_true(estimator->upload_bytes_min == 20000);
    assert_true(estimator->overhead_new_bytes.central == 20);
    assert_true(estimator->overhead_reused_bytes.high == 3);
    assert_true(estimator->whole_records_max == 6);
    assert_true(estimator->whole_overhead_bytes.high == 6);
    assert_true(estimator->whole_bytes_per_token.central == 4.5);
    assert_true(estimator->bytes_per_token.low == 300);
    assert_int_equal(estimator->input_method, INPUT_BODY);
    assert_true(estimator->input_bytes_per_token.high == 10.5);
    assert_true(estimator->input_overhead_bytes.low == 100);
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
}

#define AFTER_2_S                                                                                  \
    "request_bytes_min = 200.0; request_record_min = 100.0; burst_gap_s = 2.0; "                   \
    "answer_record_min = 35.0; answer_bytes_min = 200.0; answer_gap_s = 6.0; "                     \
    "answer_s_min = 2.0; answer_slots_min = 6.0; count_error = 0.1; "
#define ESTIMATOR(body)                                                                            \
    "services = ();\nestimators = {\nx = { method = \"M1\"; grade = \"B\"; source = \"s\"; " SHAPE \
    "\n" body "\n}; };\n"
#define WHOLE     "whole_records_max = 1; whole_overhead_bytes = 1; whole_bytes_per_token = 1; "
#define OVERHEAD  "overhead_new_bytes = 1; overhead_reused_bytes = 1; " WHOLE
#define M1        OVERHEAD "bytes_per_token = 2; "
#define BAD(body) "services = ();\nestimators = {\nx = {\n" body "\n}; };\n"
#define M3                                                                                         \
    "method = \"M3\"; grade = \"B\"; source = \"s\"; exchange_sigma = 0.5; " GAPS PRIOR            \
    "tokens_per_record = 1; "
#define M3_WITH(body) "services = ();\nestimators = {\nx = { " M3 "\n" body "\n}; };\n"
#define PAGE                                                                                       \
    "reply_s = 0.3; step_bytes_max = 4096; answer_steps_min = 3; rest_s = 1; sign_of_life_s = "    \
    "0.2;"
#define M2_ONLY                                                                                    \
    "exchange_sigma = 0.5; " GAPS PRIOR M1 "record_base_bytes = 9; event_text_bytes = 9; "         \
    "record_max_bytes = 99; "
#define M2 "method = \"M2\"; grade = \"B\"; source = \"s\"; " M2_ONLY
#define Y4                                                                                         \
    "y = { method = \"M4\"; grade = \"B\"; source = \"s\"; exchange_sigma = 0.5; " GAPS PRIOR      \
    "bytes_per_token = 2; }; "
#define DATA      "data_bytes_min = 5000; data_tokens_per_second_min = 600; "
#define SOUND     "audio_bytes_per_s = 16000; audio_record_min = 2000; audio_bytes_per_s_max = 1e5; "
#define FILE_WAIT "file_wait_s = 60; "
#define M5_OF(before, name)                                                                        \
    "services = ();\nestimators = { " before                                                       \
    "x = { method = \"M5\"; grade = \"B\"; source = \"s\"; exchange_sigma = 0.5; " GAPS PRIOR      \
    "tokens_per_second = 2; regimes_are_all = true;\nregimes = (\n{ estimator = \"" name           \
    "\"; records_per_s = 3; } ); }; };\n"
#define FITS "{ estimator = \"y\"; records_per_s = 3; }"
#define AFTER_M4(body)                                                                             \
    "services = ();\nestimators = { " Y4 "\nx = { " M3 "\nregimes = (\n" body " ); }; };\n"

static void an_estimator_of_web_applications_is_read(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *catalogue =
        load("services = ( { id = \"a\"; " PLAIN "estimator = \"x\"; " HOST(
                 "a.com") " } );\nestimators = { x = { " M3 PAGE
                          "overlap_bytes_min = 9000; overlap_quic_bytes_min = 12000; "
                          "overlap_step_bytes_min = 250; "
                          "stream_records_min = 12; stream_record_max = 600; "
                          "image_bytes = [ 1e5, 1e6, 6e6 ]; image_fetch_s = 10; "
                          "image_fetch_share = 0.3; image_calls_max = 5; end_record_max = 90; "
                          "replies_end = true; end_record_is_last = true; "
                          "begin_record_bytes = [ 600, 1200 ]; begin_s = 0.5; "
                          "file_bytes_min = 5000; file_reply_bytes_min = 90; "
                          "file_pause_s = 0.1; file_wait_s = 60; "
                          "packed_record_min = 24; packed_request_record_min = 8000; "
                          "full_datagram_pause_s = 0.04; "
                          "event_gap_s = 0.005; overhead_records = [ 0, 3, 5 ]; }; };\n",
             NULL, diagnostics);
    const struct estimator *estimator;

    (void)state;
    assert_no_complaint(diagnostics);
    estimator = &catalogue_service(catalogue, 0)->estimator;
    assert_true(estimator->reply_s == 0.3 && estimator->rest_s == 1);
    assert_true(estimator->step_bytes_max == 4096 && estimator->answer_steps_min == 3);
    assert_true(estimator->overlap_bytes_min == 9000 && estimator->overlap_quic_bytes_min == 12000);
    assert_true(estimator->overlap_step_bytes_min == 250);
    assert_true(estimator->stream_records_min == 12 && estimator->stream_record_max == 600);
    assert_true(estimator->image_bytes.low == 1e5 && estimator->image_fetch_s == 10);
    assert_true(estimator->image_fetch_share == 0.3 && estimator->sign_of_life_s == 0.2);
    assert_true(estimator->image_calls_max == 5);
    assert_true(estimator->file_bytes_min == 5000 && estimator->file_wait_s == 60);
    assert_true(estimator->file_reply_bytes_min == 90 && estimator->file_pause_s == 0.1);
    assert_true(estimator->end_record_max == 90 && estimator->replies_end);
    assert_true(estimator->end_record_is_last);
    assert_true(estimator->begin_record_min == 600 && estimator->begin_record_max == 1200);
    assert_true(estimator->begin_s == 0.5);
    assert_true(estimator->packed_record_min == 24);
    assert_true(estimator->packed_request_record_min == 8000);
    assert_true(estimator->full_datagram_pause_s == 0.04);
    assert_true(estimator->event_gap_s == 0.005 && estimator->overhead_records.high == 5);
    assert_false(estimator->one_at_a_time);
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
}

static void files_of_the_page_may_wait_alone(void **state)
{
    static struct estimator_set set;

    (void)state;
    write_with_exchanges(M3_WITH(PAGE "upload_bytes_min = 1e5; " FILE_WAIT));
    assert_true(read_written(&set));
    assert_true(estimator_config_find(&set, "x")->file_wait_s == 60);
}

static void regimes_are_read(void **state)
{
    static struct estimator_set set;
    const struct estimator *estimator;
    const struct estimator_regime *regime;

    (void)state;
    write_with_exchanges(AFTER_M4("{ estimator = \"y\"; record_bytes = [ 30, 40 ]; "
                                  "record_share_min = 0.6; records_per_s = [ 3, 9 ]; }, "
                                  "{ estimator = \"y\"; record_bytes = 50; "
                                  "record_share_min = 0.7; }"));
    assert_true(read_written(&set));
    estimator = estimator_config_find(&set, "x");
    assert_int_equal(estimator->method, METHOD_M3);
    assert_int_equal(estimator->regime_count, 2);
    regime = &estimator->regimes[0];
    assert_string_equal(regime->name, "y");
    assert_true(regime->record_bytes_min == 30 && regime->record_bytes_max == 40);
    assert_true(regime->record_share_min == 0.6);
    assert_true(regime->records_per_s_min == 3 && regime->records_per_s_max == 9);
    assert_int_equal(regime->rule.method, METHOD_M4);
    assert_true(regime->rule.bytes_per_token.central == 2);
    regime = &estimator->regimes[1];
    assert_true(regime->record_bytes_min == 50 && regime->record_bytes_max == 50);
    assert_true(regime->record_share_min == 0.7);
    assert_true(regime->records_per_s_min == 0 && regime->records_per_s_max >= 1e6);
    assert_false(estimator->regimes_are_all);
    assert_null(estimator_config_find(&set, "z"));
    write_with_exchanges(M5_OF("y = { " M3 " };", "y"));
    assert_true(read_written(&set));
    assert_true(estimator_config_find(&set, "x")->regimes_are_all);
}

#define EDGES "event_record_max = 620; overhead_between_bytes = 1; "
#define REPEATED                                                                                   \
    " repeats_overhead_bytes = 800; repeats_event_bytes_min = 10; repeats_bytes_per_token = 4;"

static void numbers_of_edges_are_read(void **state)
{
    static struct estimator_set set;
    const struct estimator *estimator;

    (void)state;
    write_with_exchanges(ESTIMATOR(M1 PRIOR EDGES
                                   "unseen_tokens = 2; call_event_bytes = [ 240, 255 ]; "
                                   "call_tokens = 12; event_bytes = [ 250, 400 ]; "
                                   "call_begin_bytes = [ 64, 200 ]; calls_tokens = 18; "
                                   "repeats_text = 3;" REPEATED));
    assert_true(read_written(&set));
    estimator = estimator_config_find(&set, "x");
    assert_true(estimator->event_record_max == 620);
    assert_true(estimator->overhead_between_bytes.central == 1);
    assert_true(estimator->unseen_tokens.central == 2 && estimator->call_tokens.central == 12);
    assert_true(estimator->call_event_bytes_min == 240 && estimator->call_event_bytes_max == 255);
    assert_true(estimator->event_bytes_min == 250 && estimator->event_bytes_max == 400);
    assert_true(estimator->call_begin_min == 64 && estimator->call_begin_max == 200);
    assert_true(estimator->calls_tokens.central == 18);
    assert_true(estimator->repeats_text == 3 && estimator->repeats_overhead_bytes == 800);
    assert_true(estimator->repeats_event_bytes_min == 10);
    assert_true(estimator->repeats_bytes_per_token.central == 4);
}

/* Those that nobody states are as the sample configuration says. */
static void numbers_of_rules_are_read(void **state)
{
    static const char *const texts[] = {
        ESTIMATOR(M1 PRIOR DATA SOUND "refusal_record_max = 300; bulk_record_min = 8000;"),
        ESTIMATOR(M1 PRIOR DATA SOUND "refusal_record_max = 300; bulk_record_min = 8000;"
                                      "refusal_head_bytes_max = 2000; segment_record_min = 1200; "
                                      "joined_record_max = 1900; bulk_share_min = 0.5; "
                                      "audio_slots_min = 4;")};
    static struct estimator_set set;
    const struct estimator *estimator;

    (void)state;
    write_with_exchanges(texts[0]);
    assert_true(read_written(&set));
    estimator = estimator_config_find(&set, "x");
    assert_true(estimator->refusal_head_bytes_max == 2900 && estimator->segment_record_min == 1300);
    assert_true(estimator->joined_record_max == 2000 && estimator->bulk_share_min == 0.25);
    assert_true(estimator->audio_slots_min == 3);
    write_with_exchanges(texts[1]);
    assert_true(read_written(&set));
    estimator = estimator_config_find(&set, "x");
    assert_true(estimator->refusal_head_bytes_max == 2000 && estimator->segment_record_min == 1200);
    assert_true(estimator->joined_record_max == 1900 && estimator->bulk_share_min == 0.5);
    assert_true(estimator->audio_slots_min == 4);
}

#define FILE_BYTES  "file_bytes_min = 2e4; "
#define FILE_REPLY  "file_reply_bytes_min = 200; "
#define FILE_PAUSE  "file_pause_s = 0.05; "
#define END_REPORTS "\nend_report_bytes_min = 4e4; end_report_quic_bytes_min = 5e4;"

static const struct broken broken[] = {
    {"services = ();\nestimators = {\nx = 3; };\n", 3, "x must be a group"},
    {"services = ();\nestimators = {\nx234567890123456789012345678901234567890 = { }; };\n", 3,
     "name of estimator is longer than 39 characters"},
    {BAD("grade = \"B\"; source = \"s\"; " SHAPE M1 PRIOR), 3, "missing key \"method\""},
    {BAD("method = \"M1\"; source = \"s\"; " SHAPE M1 PRIOR), 3, "missing key \"grade\""},
    {BAD("method = \"M1\"; grade = \"B\"; " SHAPE M1 PRIOR), 3, "missing key \"source\""},
    {BAD("method = \"M1\"; grade = \"B\";\nsource = \" \"; " SHAPE M1 PRIOR), 5,
     "source must say where"},
    {BAD("method = \"M9\"; grade = \"B\"; source = \"s\"; " SHAPE M1 PRIOR), 4,
     "method must be one of: none, M1, M2, M3, M4, M5"},
    {BAD("method = \"M1\";\ngrade = \"F\"; source = \"s\"; " SHAPE M1 PRIOR), 5,
     "grade must be one of"},
    {BAD("method = \"M1\";\ngrade = \"-\"; source = \"s\"; " SHAPE M1 PRIOR), 5,
     "grade must be A to E"},
    {BAD("method = \"none\";\ngrade = \"A\"; source = \"s\"; " GAPS PRIOR), 5,
     "grade must be \"-\" for method none"},
    {M3_WITH("\nrest_s = 1.5;"), 5, "rest_s is used with reply_s"},
    {M3_WITH("\nstep_bytes_max = 4096;"), 5, "step_bytes_max is used with reply_s"},
    {M3_WITH("\nanswer_steps_min = 3;"), 5, "answer_steps_min is used with reply_s"},
    {M3_WITH("\nevent_gap_s = 0.005;"), 5, "event_gap_s is used with reply_s"},
    {M3_WITH("\none_at_a_time = true;"), 5, "one_at_a_time is used with reply_s"},
    {M3_WITH(PAGE "\none_at_a_time = true; overlap_bytes_min = 9; overlap_quic_bytes_min = 9;"), 5,
     "one_at_a_time is not used with overlap_bytes_min"},
    {M3_WITH(PAGE "\none_at_a_time = true; begin_record_bytes = [ 600, 900 ]; begin_s = 1;"), 5,
     "one_at_a_time is not used with begin_record_bytes"},
    {M3_WITH("\noverlap_bytes_min = 9000;"), 5, "overlap_bytes_min is used with reply_s"},
    {M3_WITH("\noverlap_quic_bytes_min = 9;"), 5, "overlap_quic_bytes_min is used with reply_s"},
    {M3_WITH("\noverlap_step_bytes_min = 9;"), 5, "overlap_step_bytes_min is used with reply_s"},
    {M3_WITH(PAGE "\noverlap_step_bytes_min = 9;"), 5,
     "overlap_step_bytes_min is used with overlap_bytes_min"},
    {M3_WITH("\nstream_records_min = 12;"), 5, "stream_records_min is used with reply_s"},
    {M3_WITH("\nstream_record_max = 600;"), 5, "stream_record_max is used with reply_s"},
    {M3_WITH(PAGE "\nstream_records_min = 12;"), 5,
     "stream_records_min is used with stream_record_max"},
    {M3_WITH(PAGE "\nstream_record_max = 600;"), 5,
     "stream_record_max is used with stream_records_min"},
    {M3_WITH(PAGE "stream_record_max = 600;\nstream_records_min = 101;"), 5,
     "stream_records_min is 101"},
    {M3_WITH(PAGE "stream_records_min = 12;\nstream_record_max = 651;"), 5,
     "stream_record_max is 651"},
    {BAD(M3 "reply_s = 0.3; rest_s = 1; answer_steps_min = 3; sign_of_life_s = 0;"), 3,
     "missing key \"step_bytes_max\", which reply_s uses"},
    {BAD(M3 "reply_s = 0.3; step_bytes_max = 4096; answer_steps_min = 3; sign_of_life_s = 0;"), 3,
     "missing key \"rest_s\", which reply_s uses"},
    {BAD(M3 "reply_s = 0.3; step_bytes_max = 4096; rest_s = 1; sign_of_life_s = 0;"), 3,
     "missing key \"answer_steps_min\", which reply_s uses"},
    {BAD(M3 "reply_s = 0.3; step_bytes_max = 4096; rest_s = 1; answer_steps_min = 3;"), 3,
     "missing key \"sign_of_life_s\", which reply_s uses"},
    {M3_WITH("\nsign_of_life_s = 0.2;"), 5, "sign_of_life_s is used with reply_s"},
    {M3_WITH("reply_s = 0.3; step_bytes_max = 4096; answer_steps_min = 3; rest_s = 1;\n"
             "sign_of_life_s = 61;"),
     5, "sign_of_life_s is 61"},
    {M3_WITH("\nend_record_max = 100;"), 5, "end_record_max is used with reply_s"},
    {M3_WITH(PAGE "\nend_record_max = 25;"), 5, "end_record_max is 25"},
    {M3_WITH("\nend_record_is_last = true;"), 5, "end_record_is_last is used with reply_s"},
    {M3_WITH(PAGE "\nend_record_is_last = true;"), 5,
     "end_record_is_last is used with end_record_max"},
    {M3_WITH("\nreplies_end = true;"), 5, "replies_end is used with reply_s"},
    {M3_WITH(PAGE "\nreplies_end = true;"), 5, "replies_end is used with end_record_max"},
    {M3_WITH("\nbegin_record_bytes = 600;"), 5, "begin_record_bytes is used with reply_s"},
    {M3_WITH(PAGE "\nbegin_record_bytes = [ 34, 600 ];"), 5, "begin_record_bytes is 34"},
    {M3_WITH(PAGE "\nbegin_record_bytes = [ 600, 16385 ];"), 5, "begin_record_bytes is 16385"},
    {M3_WITH(PAGE "\nbegin_record_bytes = [ 600, 599 ];"), 5,
     "begin_record_bytes must be in ascending order"},
    {M3_WITH("\nbegin_s = 0.5;"), 5, "begin_s is used with reply_s"},
    {M3_WITH(PAGE "\nbegin_s = 0.5;"), 5, "begin_s is used with begin_record_bytes"},
    {M3_WITH(PAGE "\nbegin_record_bytes = 600;"), 5, "begin_record_bytes is used with begin_s"},
    {M3_WITH(PAGE "begin_record_bytes = 600;\nbegin_s = 61;"), 5, "begin_s is 61"},
    {M3_WITH("\npacked_record_min = 24;"), 5, "packed_record_min is used with reply_s"},
    {M3_WITH("\npacked_request_record_min = 8000;"), 5,
     "packed_request_record_min is used with reply_s"},
    {M3_WITH(PAGE "\npacked_record_min = 24;"), 5,
     "packed_record_min is used with packed_request_record_min"},
    {M3_WITH(PAGE "\npacked_request_record_min = 8000;"), 5,
     "packed_request_record_min is used with packed_record_min"},
    {M3_WITH(PAGE "packed_request_record_min = 8000;\npacked_record_min = 19;"), 5,
     "packed_record_min is 19"},
    {M3_WITH(PAGE "packed_record_min = 24;\npacked_request_record_min = 15001;"), 5,
     "packed_request_record_min is 15001"},
    {M3_WITH("\nfull_datagram_pause_s = 0.04;"), 5, "full_datagram_pause_s is used with reply_s"},
    {M3_WITH(PAGE "\nfull_datagram_pause_s = 61;"), 5, "full_datagram_pause_s is 61"},
    {M3_WITH("image_bytes = 1e5; image_fetch_s = 10; image_fetch_share = 0.2; " PAGE
             "\nbulk_record_min = 8000;"),
     5, "bulk_record_min is not used with reply_s"},
    {M3_WITH(PAGE "\nimage_bytes = 1e5;"), 5,
     "missing key \"image_fetch_s\", which image_bytes uses with M3"},
    {M3_WITH(PAGE "image_fetch_share = 0.2;\nimage_fetch_s = 10;"), 5,
     "image_fetch_s is used with image_bytes"},
    {M3_WITH(PAGE "image_bytes = 1e5;\nimage_fetch_s = 10;"), 5,
     "image_fetch_s and image_fetch_share are used together"},
    {M3_WITH(PAGE "\nimage_fetch_share = 0.2;"), 5,
     "image_fetch_s and image_fetch_share are used together"},
    {M3_WITH(PAGE "image_bytes = 1e5; image_fetch_s = 10; \nimage_fetch_share = 2;"), 5,
     "image_fetch_share is 2"},
    {M3_WITH(PAGE "\nimage_calls_max = 8;"), 5, "image_calls_max is used with image_fetch_s"},
    {M3_WITH("image_bytes = 1e5; bulk_record_min = 8000; \nimage_calls_max = 8;"), 5,
     "image_calls_max is used with reply_s"},
    {M3_WITH(PAGE "image_bytes = 1e5; image_fetch_s = 10; image_fetch_share = 0.2;\n"
                  "image_calls_max = 0;"),
     5, "image_calls_max is 0"},
    {M3_WITH(PAGE "\nfile_bytes_min = 2e4;"), 5,
     "file_bytes_min and file_reply_bytes_min are used together"},
    {M3_WITH(PAGE FILE_REPLY FILE_WAIT "\nfile_bytes_min = 2e4;"), 5,
     "file_bytes_min and file_pause_s are used together"},
    {M3_WITH(PAGE FILE_REPLY FILE_PAUSE "\nfile_bytes_min = 2e4;"), 5,
     "file_bytes_min and file_wait_s are used together"},
    {M3_WITH(PAGE "\n" FILE_REPLY), 5, "file_bytes_min and file_reply_bytes_min are used together"},
    {M3_WITH(PAGE "\n" FILE_PAUSE), 5, "file_bytes_min and file_pause_s are used together"},
    {M3_WITH(PAGE "\n" FILE_WAIT), 5,
     "file_wait_s is used with file_bytes_min or upload_bytes_min"},
    {M3_WITH(PAGE FILE_REPLY FILE_PAUSE FILE_WAIT "\nfile_bytes_min = 999;"), 5,
     "file_bytes_min is 999"},
    {M3_WITH(PAGE FILE_BYTES FILE_PAUSE FILE_WAIT "\nfile_reply_bytes_min = 49;"), 5,
     "file_reply_bytes_min is 49"},
    {M3_WITH(PAGE FILE_BYTES FILE_REPLY FILE_WAIT "\nfile_pause_s = 2.1;"), 5,
     "file_pause_s is 2.1"},
    {M3_WITH(PAGE FILE_BYTES FILE_REPLY FILE_PAUSE "\nfile_wait_s = 0.5;"), 5,
     "file_wait_s is 0.5"},
    {M3_WITH("\n" FILE_BYTES), 5, "file_bytes_min is used with reply_s"},
    {M3_WITH("\n" FILE_REPLY), 5, "file_reply_bytes_min is used with reply_s"},
    {M3_WITH("\n" FILE_PAUSE), 5, "file_pause_s is used with reply_s"},
    {M3_WITH(PAGE "overlap_bytes_min = 9000;\nend_report_bytes_min = 4e4;"), 5,
     "end_report_bytes_min and end_report_quic_bytes_min are used together"},
    {M3_WITH(PAGE END_REPORTS), 5, "end_report_bytes_min is used with overlap_bytes_min"},
    {M3_WITH(PAGE "overlap_bytes_min = 9000; end_record_max = 90;" END_REPORTS), 5,
     "end_report_bytes_min is not used with end_record_max"},
    {M3_WITH(PAGE "overlap_bytes_min = 9000; end_report_bytes_min = 4e4;\n"
                  "end_report_quic_bytes_min = 0;"),
     5, "end_report_quic_bytes_min is 0"},
    {M3_WITH("\nend_report_bytes_min = 4e4;"), 5, "end_report_bytes_min is used with reply_s"},
    {M3_WITH("image_bytes = 1e5; bulk_record_min = 8000; \nimage_fetch_s = 10;"), 5,
     "image_fetch_s is used with reply_s"},
    {M3_WITH(PAGE "image_bytes = 1e5; \nimage_fetch_s = 61;"), 5, "image_fetch_s is 61"},
    {M3_WITH(PAGE "\noverlap_bytes_min = 0;"), 5, "overlap_bytes_min is 0, outside "},
    {M3_WITH("\nreply_s = 0;"), 5, "reply_s is 0, outside "},
    {M3_WITH("\noverhead_records = [ 3, 2, 1 ];"), 5,
     "overhead_records must be in ascending order"},
    {M3_WITH("\noverhead_bytes = 3;"), 5, "overhead_bytes is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\noverhead_records = 3;"), 5, "overhead_records is not used by M1"},
    {ESTIMATOR(M1 PRIOR PAGE "\nevent_gap_s = 0.005;"), 5, "event_gap_s is not used by M1"},
    {BAD(M2 "\n" PAGE), 5, "reply_s is not used by M2"},
    {M3_WITH("\nbytes_per_request = 1e5;"), 5,
     "bytes_per_request and output_prior_tokens are used together"},
    {M3_WITH("\noutput_prior_tokens = 300;"), 5,
     "bytes_per_request and output_prior_tokens are used together"},
    {BAD("method = \"none\"; grade = \"-\"; source = \"s\"; " GAPS PRIOR
         "\nbytes_per_request = 1e5; output_prior_tokens = 300;"),
     5, "bytes_per_request is not used by none"},
    {M3_WITH("\nrefusal_record_max = 300;"), 5, "refusal_record_max is not used by M3"},
    {M3_WITH("\nrefusal_s_max = 0.1;"), 5, "refusal_s_max is not used by M3"},
    {M3_WITH("\nrefusal_head_bytes_max = 2900;"), 5, "refusal_head_bytes_max is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\nrefusal_head_bytes_max = 2900;"), 5,
     "refusal_head_bytes_max is used with refusal_record_max"},
    {ESTIMATOR(M1 PRIOR "refusal_record_max = 300;\nrefusal_head_bytes_max = 65001;"), 5,
     "refusal_head_bytes_max is 65001, outside "},
    {M3_WITH("\nsegment_record_min = 1300;"), 5, "segment_record_min is not used by M3"},
    {BAD(M2 "\nsegment_record_min = 1300;"), 5, "segment_record_min is not used by M2"},
    {ESTIMATOR(M1 PRIOR "\nsegment_record_min = 1300;"), 5,
     "segment_record_min is used with data_bytes_min"},
    {ESTIMATOR(M1 PRIOR DATA "\nsegment_record_min = 99;"), 5,
     "segment_record_min is 99, outside "},
    {M3_WITH("\njoined_record_max = 2000;"), 5, "joined_record_max is not used by M3"},
    {BAD(M2 "\njoined_record_max = 2000;"), 5, "joined_record_max is not used by M2"},
    {ESTIMATOR(M1 PRIOR "\njoined_record_max = 2000;"), 5,
     "joined_record_max is used with data_bytes_min"},
    {ESTIMATOR(M1 PRIOR DATA "\njoined_record_max = 16385;"), 5,
     "joined_record_max is 16385, outside "},
    {M3_WITH("\nbulk_share_min = 0.25;"), 5, "bulk_share_min is not used by M3"},
    {BAD(M2 DATA "\nbulk_share_min = 0.25;"), 5, "bulk_share_min is used with bulk_record_min"},
    {ESTIMATOR(M1 PRIOR "image_bytes = 1e5; bulk_record_min = 8000;\nbulk_share_min = 0.25;"), 5,
     "bulk_share_min is used with data_bytes_min"},
    {ESTIMATOR(M1 PRIOR DATA "bulk_record_min = 8000;\nbulk_share_min = 1.5;"), 5,
     "bulk_share_min is 1.5, outside "},
    {M3_WITH("\nevent_record_max = 620;"), 5, "event_record_max is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\nevent_record_max = 49;"), 5, "event_record_max is 49, outside "},
    {ESTIMATOR(M1 PRIOR PAGE "\nevent_record_max = 620;"), 5,
     "event_record_max is not used with reply_s"},
    {M3_WITH("\noverhead_between_bytes = 1;"), 5, "overhead_between_bytes is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\noverhead_between_bytes = 1;"), 5,
     "overhead_between_bytes is used with event_record_max"},
    {ESTIMATOR(M1 PRIOR EDGES "\nunseen_tokens = 1001;"), 5, "unseen_tokens"},
    {ESTIMATOR(M1 PRIOR "\nunseen_tokens = 1;"), 5,
     "unseen_tokens is used with overhead_between_bytes"},
    {M3_WITH("\nunseen_tokens = 1;"), 5, "unseen_tokens is not used by M3"},
    {M3_WITH("\ncall_tokens = 1;"), 5, "call_tokens is not used by M3"},
    {M3_WITH("\ncall_event_bytes = [ 240, 255 ];"), 5, "call_event_bytes is not used by M3"},
    {ESTIMATOR(M1 PRIOR EDGES "\ncall_event_bytes = [ 240, 255 ];"), 5,
     "call_event_bytes is used with call_tokens"},
    {ESTIMATOR(M1 PRIOR "\ncall_tokens = 1;"), 5,
     "call_tokens is used with overhead_between_bytes"},
    {M3_WITH("\ncalls_tokens = 1;"), 5, "calls_tokens is not used by M3"},
    {ESTIMATOR(M1 PRIOR EDGES "\ncalls_tokens = 1;"), 5, "calls_tokens is used with call_tokens"},
    {ESTIMATOR(M1 PRIOR EDGES "call_tokens = 1;\ncalls_tokens = 1001;"), 5, "calls_tokens"},
    {M3_WITH("\nevent_bytes = [ 250, 400 ];"), 5, "event_bytes is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\nevent_bytes = [ 19, 400 ];"), 5, "event_bytes"},
    {M3_WITH("\ncall_begin_bytes = [ 64, 200 ];"), 5, "call_begin_bytes is not used by M3"},
    {ESTIMATOR(M1 PRIOR "event_bytes = [ 250, 400 ];\ncall_begin_bytes = [ 64, 200 ];"), 5,
     "call_begin_bytes is used with event_record_max"},
    {ESTIMATOR(M1 PRIOR EDGES "\ncall_begin_bytes = [ 64, 200 ];"), 5,
     "call_begin_bytes is used with event_bytes"},
    {ESTIMATOR(M1 PRIOR EDGES "event_bytes = [ 250, 400 ];\ncall_begin_bytes = [ 64, 1001 ];"), 5,
     "call_begin_bytes"},
    {ESTIMATOR(M1 PRIOR "\ncall_event_bytes = [ 240, 255 ]; call_tokens = 1;"), 5,
     "call_tokens is used with overhead_between_bytes"},
    {ESTIMATOR(M1 PRIOR EDGES "\ncall_event_bytes = [ 19, 255 ]; call_tokens = 1;"), 5,
     "call_event_bytes"},
    {M3_WITH("\nrepeats_text = 4;"), 5, "repeats_text is not used by M3"},
    {M3_WITH("\nrepeats_overhead_bytes = 4;"), 5, "repeats_overhead_bytes is not used by M3"},
    {M3_WITH("\nrepeats_event_bytes_min = 4;"), 5, "repeats_event_bytes_min is not used by M3"},
    {M3_WITH("\nrepeats_bytes_per_token = 4;"), 5, "repeats_bytes_per_token is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\nrepeats_text = 4;" REPEATED), 5,
     "repeats_text is used with overhead_between_bytes"},
    {ESTIMATOR(M1 PRIOR EDGES "\nrepeats_text = 4; repeats_event_bytes_min = 10; "
                              "repeats_bytes_per_token = 4;"),
     5, "repeats_text is used with repeats_overhead_bytes"},
    {ESTIMATOR(M1 PRIOR EDGES "\nrepeats_overhead_bytes = 800;"), 5,
     "repeats_overhead_bytes is used with repeats_text"},
    {ESTIMATOR(M1 PRIOR EDGES "\nrepeats_text = 11;" REPEATED), 5, "repeats_text is 11, outside "},
    {M3_WITH("\naudio_slots_min = 3;"), 5, "audio_slots_min is not used by M3"},
    {ESTIMATOR(M1 PRIOR DATA "\naudio_slots_min = 3;"), 5,
     "audio_slots_min is used with audio_record_min"},
    {ESTIMATOR(M1 PRIOR DATA SOUND "\naudio_slots_min = 121;"), 5,
     "audio_slots_min is 121, outside "},
    {M3_WITH("\nwhole_tokens_per_second_max = 1000;"), 5,
     "whole_tokens_per_second_max is not used by M3"},
    {M3_WITH("\nwhole_record_min = 1000;"), 5, "whole_record_min is not used by M3"},
    {M3_WITH("\nwhole_record_overhead_bytes = 700;"), 5,
     "whole_record_overhead_bytes is not used by M3"},
    {ESTIMATOR(M1 PRIOR "at_once_gap_s = 1;\nwhole_record_min = 1000;"), 5,
     "whole_record_min is used with whole_record_overhead_bytes"},
    {ESTIMATOR(M1 PRIOR "at_once_gap_s = 1;\nwhole_record_overhead_bytes = 700;"), 5,
     "whole_record_overhead_bytes is used with whole_record_min"},
    {ESTIMATOR(M1 PRIOR "whole_alone_more = 3;\nwhole_alone_factor = 1.5;"), 5,
     "whole_alone_factor is used with whole_record_min"},
    {ESTIMATOR(M1 PRIOR "\nwhole_alone_more = 3;"), 5,
     "whole_alone_more is used with whole_alone_factor"},
    {ESTIMATOR(M1 PRIOR "at_once_gap_s = 1; whole_record_overhead_bytes = 700; whole_record_min = "
                        "1000;\nwhole_alone_factor = 1.5;"),
     5, "whole_alone_factor is used with whole_alone_more by M1"},
    {ESTIMATOR(M1 PRIOR "\nwhole_alone_factor = 0.5;"), 5, "whole_alone_factor is 0.5, outside "},
    {ESTIMATOR(M1 PRIOR "\nwhole_alone_more = 101;"), 5, "whole_alone_more is 101, outside "},
    {M3_WITH("\nwhole_alone_factor = 1.5;"), 5, "whole_alone_factor is not used by M3"},
    {M3_WITH("\nwhole_alone_more = 3;"), 5, "whole_alone_more is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\nstep_tokens_max = 0.5;"), 5, "step_tokens_max is 0.5, outside "},
    {M3_WITH("\nstep_tokens_max = 12;"), 5, "step_tokens_max is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\nwhole_pause_s = 61;"), 5, "whole_pause_s is 61, outside "},
    {M3_WITH("\nwhole_pause_s = 0.25;"), 5, "whole_pause_s is not used by M3"},
    {ESTIMATOR(M1 PRIOR PAGE "\nwhole_pause_s = 0.25;"), 5,
     "whole_pause_s is not used with reply_s"},
    {BAD(M2 "\nwhole_pause_s = 0.25;"), 5,
     "whole_pause_s is used with whole_record_overhead_bytes by M2"},
    {BAD(M2 "at_once_gap_s = 1; whole_record_overhead_bytes = 0; whole_record_min = 1000;"
            "\nwhole_pause_s = 0.25;"),
     5, "whole_pause_s is used with whole_record_overhead_bytes by M2"},
    {ESTIMATOR(M1 PRIOR "\nsmallest_records_min = 16;"), 5,
     "smallest_records_min is not used by M1"},
    {ESTIMATOR(M1 PRIOR "\nsmallest_event_bytes = 9;"), 5,
     "smallest_event_bytes is not used by M1"},
    {BAD(M2 "\nsmallest_records_min = 16;"), 5,
     "smallest_records_min is used with smallest_event_bytes"},
    {BAD(M2 "smallest_records_min = 16;\nsmallest_event_bytes = -1;"), 5,
     "smallest_event_bytes is -1, outside "},
    {ESTIMATOR(M1 PRIOR "\nsignature_bytes_min = 300;"), 5,
     "signature_bytes_min is not used by M1"},
    {ESTIMATOR(M1 PRIOR "\nsignature_call_bytes = 100;"), 5,
     "signature_call_bytes is not used by M1"},
    {BAD(M2 "\nsignature_bytes_min = 300;"), 5,
     "signature_bytes_min is used with signature_call_bytes"},
    {BAD(M2 "\nsignature_call_bytes = 100;"), 5,
     "signature_call_bytes is used with signature_bytes_min"},
    {BAD(M2 "signature_call_bytes = 100;\nsignature_bytes_min = 20;"), 5,
     "signature_bytes_min is 20, outside "},
    {ESTIMATOR(M1 PRIOR "whole_record_overhead_bytes = 700;\nwhole_record_min = 1000;"), 5,
     "whole_record_min is used with at_once_gap_s"},
    {BAD(M2 "at_once_gap_s = 1; image_bytes = 1e5; bulk_record_min = 8000; "
            "whole_record_overhead_bytes = 700;\nwhole_record_min = 1000;"),
     5, "whole_record_min is not used with bulk_record_min by M2"},
    {ESTIMATOR(M1 PRIOR PAGE "\nrefusal_s_max = 0.1;"), 5,
     "refusal_s_max is not used with reply_s"},
    {M3_WITH("\nhttp1_less_bytes = 7;"), 5, "http1_less_bytes is not used by M3"},
    {M3_WITH("\nquic_more_bytes = 2;"), 5, "quic_more_bytes is not used by M3"},
    {M3_WITH(PAGE "\nat_once_gap_s = 1;"), 5, "at_once_gap_s is not used with reply_s"},
    {ESTIMATOR(M1 PRIOR PAGE "\nrefusal_record_max = 300;"), 5,
     "refusal_record_max is not used with reply_s"},
    {M3_WITH("\nat_once_gap_s = 0;"), 5, "at_once_gap_s is 0, outside "},
    {BAD("method = \"M3\"; grade = \"B\"; source = \"s\"; exchange_sigma = 0.5; tokens_per_record "
         "= 1; " AFTER_2_S PRIOR "\nat_once_gap_s = 1;"),
     5, "at_once_gap_s is used where answer_s_min is 0"},
    {BAD(M2 "\nregimes = ();"), 5, "regimes is not used by M2"},
    {M3_WITH("\nregimes = 3;"), 5, "regimes must be a list"},
    {M3_WITH("regimes = (\n3 );"), 5, "a regime must be a group"},
    {M3_WITH("regimes = (\n{ records_per_s = 3; } );"), 5, "missing key \"estimator\""},
    {M3_WITH("regimes = (\n{ estimator = \"x\"; records_per_s = 3; } );"), 5,
     "regime \"x\": there is no such estimator before this one"},
    {AFTER_M4("{ estimator = \"y\"; }"), 5, "a regime is told by record_bytes or records_per_s"},
    {AFTER_M4("{ estimator = \"y\"; record_bytes = 3; }"), 5, "are used together"},
    {AFTER_M4("{ estimator = \"y\"; records_per_s = 3; record_share_min = 0.6; }"), 5,
     "are used together"},
    {AFTER_M4("{ estimator = \"y\"; records_per_s = [ 3, 2 ]; }"), 5,
     "records_per_s must be in ascending order"},
    {AFTER_M4("{ estimator = \"y\"; record_bytes = 3; record_share_min = 0.4; }"), 5,
     "record_share_min is 0.4, outside "},
    {AFTER_M4("{ estimator = \"y\"; record_bytes = 3; record_share_min = 0.6; "
              "closing_bytes_min = 9; }"),
     5, "closing_bytes_min is used with record_bytes and "},
    {M5_OF(Y4, "y"), 4, "regime \"y\": a regime is of M3 where regimes_are_all"},
    {M3_WITH("\nregimes_are_all = true;"), 5, "regimes_are_all is not used by M3"},
    {BAD("method = \"M5\"; grade = \"B\"; source = \"s\"; exchange_sigma = 0.5; tokens_per_second "
         "= 1; " GAPS PRIOR "\nregimes_are_all = true;"),
     5, "regimes_are_all is used with regimes"},
    {AFTER_M4(FITS ", " FITS ", " FITS ", " FITS ", " FITS), 4, "more than 4 regimes"},
    {"services = ();\nestimators = { " Y4
     "z = { method = \"M2\"; grade = \"B\"; source = \"s\"; " M2_ONLY " };\nx = { " M3
     "regimes = (\n{ estimator = \"z\"; records_per_s = 3; } ); }; };\n",
     4, "the estimator of a regime is of M1, M3, M4 or M5"},
    {"services = ();\nestimators = { " Y4 "z = { " M3 "regimes = ( " FITS " ); };\nx = { " M3
     "regimes = (\n{ estimator = \"z\"; records_per_s = 3; } ); }; };\n",
     4, "the estimator of a regime has no regimes itself"},
    {ESTIMATOR(M1), 3, "missing key \"input\""},
    {ESTIMATOR(OVERHEAD PRIOR), 3, "missing key \"bytes_per_token\", which M1 uses"},
    {ESTIMATOR(WHOLE "overhead_new_bytes = 1; bytes_per_token = 1; " PRIOR), 3,
     "missing key \"overhead_reused_bytes\", which M1 uses"},
    {BAD("method = \"M4\"; grade = \"B\"; source = \"s\"; " GAPS "bytes_per_token = 2; " PRIOR), 3,
     "missing key \"exchange_sigma\", which M4 uses"},
    {BAD("method = \"none\"; grade = \"-\"; source = \"s\"; " GAPS PRIOR "\nexchange_sigma = 0.5;"),
     5, "exchange_sigma is not used by none"},
    {ESTIMATOR(M1 PRIOR "\nimage_bytes = 100000;"), 5,
     "missing key \"bulk_record_min\", which image_bytes uses with M1"},
    {BAD("method = \"events\"; grade = \"B\"; source = \"s\"; " SHAPE PRIOR
         "tokens_per_record = 1; whole_overhead_bytes = 1; whole_bytes_per_token = 1; "
         "bulk_record_min = 8000;\nimage_bytes = 1e5;"),
     5, "image_bytes is not used by events"},
    {ESTIMATOR(M1 PRIOR "\nbulk_record_min = 8000;"), 5,
     "bulk_record_min is used with image_bytes"},
    {ESTIMATOR(M1 PRIOR "image_bytes = 100000;\nbulk_record_min = 20000;"), 5,
     "bulk_record_min is 20000, outside "},
    {ESTIMATOR(M1 PRIOR "\nimages_per_request = 1;"), 5, "images_per_request is not used by M1"},
    {ESTIMATOR(M1 PRIOR "\naudio_bytes_per_s = 16000;"), 5,
     "audio_bytes_per_s and audio_record_min are used together"},
    {M3_WITH("\naudio_bytes_per_s = 16000;"), 5, "audio_bytes_per_s is not used by M3"},
    {ESTIMATOR(M1 PRIOR "\naudio_record_min = 2000;"), 5,
     "audio_record_min and audio_bytes_per_s_max are used together"},
    {ESTIMATOR(M1 PRIOR "audio_bytes_per_s = 16000; audio_bytes_per_s_max = 1e5;\n"
                        "audio_record_min = 2000;"),
     5, "audio_record_min is used with data_bytes_min"},
    {ESTIMATOR(M1 PRIOR "data_bytes_min = 5000; data_tokens_per_second_min = 600; "
                        "audio_bytes_per_s = 16000; audio_record_min = 2000;\n"
                        "audio_bytes_per_s_max = 15000;"),
     5, "audio_bytes_per_s_max is less than audio_bytes_per_s"},
    {ESTIMATOR(M1 PRIOR "\ndata_bytes_min = 5000;"), 5,
     "data_bytes_min and data_tokens_per_second_min are used together"},
    {ESTIMATOR(M1 PRIOR "data_tokens_per_second_min = 600;\ndata_bytes_min = 999;"), 5,
     "data_bytes_min is 999, outside "},
    {ESTIMATOR(M1 PRIOR PAGE "data_tokens_per_second_min = 600;\ndata_bytes_min = 5000;"), 5,
     "data_bytes_min is not used with reply_s"},
    {ESTIMATOR(M1 PRIOR "\nimage_s_min = 3;"), 5,
     "image_s_min is used with image_bytes and bulk_record_min"},
    {ESTIMATOR(M1 PRIOR "\nupload_or_text_bytes_min = 1e5;"), 5,
     "upload_or_text_bytes_min is used by body, with a larger upload_bytes_min"},
    {ESTIMATOR(M1 "input = \"body\"; input_overhead_bytes = 1; input_bytes_per_token = 4; "
                  "input_prior_tokens = 3; upload_bytes_min = 1e5;\n"
                  "upload_or_text_bytes_min = 1e5;"),
     5, "upload_or_text_bytes_min is used by body, with a larger upload_bytes_min"},
    {ESTIMATOR(M1 PRIOR "\nupload_bytes_min = 100;"), 5, "upload_bytes_min is 100, outside "},
    {ESTIMATOR(M1 "input = \"body\"; input_overhead_bytes = 1; input_bytes_per_token = 4; "
                  "upload_bytes_min = 1e6;"),
     3, "missing key \"input_prior_tokens\", which upload_bytes_min uses"},
    {ESTIMATOR(M1 "input = \"body\"; input_overhead_bytes = 1; input_bytes_per_token = 4;\n"
                  "input_prior_tokens = 3;"),
     5, "input_prior_tokens is not used by body without upload_bytes_min"},
    {BAD("method = \"none\"; grade = \"-\"; source = \"s\"; " GAPS PRIOR "\nimage_bytes = 12;"), 5,
     "image_bytes is 12, outside "},
    {ESTIMATOR(M1 PRIOR "\nexchange_sigma = 3;"), 5, "duplicate setting name"},
    {ESTIMATOR(M1 PRIOR "\ntokens_per_second = 3;"), 5, "tokens_per_second is not used by M1"},
    {ESTIMATOR(M1 "input = \"prior\";"), 3, "missing key \"input_prior_tokens\", which prior uses"},
    {ESTIMATOR(M1 "input = \"body\"; input_overhead_bytes = 1;"), 3,
     "missing key \"input_bytes_per_token\", which body uses"},
    {ESTIMATOR(M1 PRIOR "\ninput_overhead_bytes = 3;"), 5,
     "input_overhead_bytes is not used by prior"},
    {ESTIMATOR(OVERHEAD "\nbytes_per_token = [ 0, 1, 2 ]; " PRIOR), 5,
     "bytes_per_token is 0, outside 0.1"},
    {ESTIMATOR(M1 "input = \"body\"; input_overhead_bytes = 1;\n"
                  "input_bytes_per_token = [ 0, 1, 2 ];"),
     5, "input_bytes_per_token is 0, outside"},
    {ESTIMATOR(WHOLE "overhead_new_bytes = [ -1, 0, 1 ]; overhead_reused_bytes = 1; "
                     "bytes_per_token = 1; " PRIOR),
     4, "overhead_new_bytes is -1, outside"},
    {ESTIMATOR(M1 PRIOR "\ncount_error = 0.5;"), 5, "duplicate setting name"},
    {ESTIMATOR("overhead_new_bytes = 1; overhead_reused_bytes = 1; bytes_per_token = 1; "
               "whole_records_max = 1; whole_overhead_bytes = 1; " PRIOR),
     3, "missing key \"whole_bytes_per_token\", which M1 uses"},
    {BAD("method = \"M3\"; grade = \"B\"; source = \"s\"; " SHAPE PRIOR), 3,
     "missing key \"tokens_per_record\", which M3 uses"},
    {BAD("method = \"M2\"; grade = \"B\"; source = \"s\"; " SHAPE PRIOR OVERHEAD
         "bytes_per_token = 3; event_text_bytes = 1; record_max_bytes = 1;"),
     3, "missing key \"record_base_bytes\", which M2 uses"},
    {BAD("method = \"M2\"; grade = \"B\"; source = \"s\"; " SHAPE PRIOR OVERHEAD
         "bytes_per_token = 3; record_base_bytes = 1; event_text_bytes = 1;"),
     3, "missing key \"record_max_bytes\", which M2 uses"},
    {BAD("method = \"M4\"; grade = \"B\"; source = \"s\"; " SHAPE PRIOR), 3,
     "missing key \"bytes_per_token\", which M4 uses"},
    {BAD("method = \"M5\"; grade = \"B\"; source = \"s\"; " SHAPE PRIOR), 3,
     "missing key \"tokens_per_second\", which M5 uses"},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    assert_broken(broken, sizeof(broken) / sizeof(broken[0]));
}

static void what_is_wrong_is_returned_too(void **state)
{
    static struct estimator_set set;

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        write_with_exchanges(broken[i].text);
        if (read_written(&set))
            fail_msg("row %zu is read", i);
    }
    scratch_write("services.conf", ESTIMATORS "exchanges = { };\n");
    assert_false(read_written(&set));
    write_with_exchanges(ESTIMATORS);
    assert_true(read_written(&set));
}

static void write_estimators(unsigned count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    fputs("services = (); " SHIPPED_EXCHANGES "estimators = {\n", stream);
    for (unsigned i = 0; i < count; i++)
        fprintf(stream, "e%u%s\n", i, &E0[2]);
    fputs("};\n", stream);
    fclose(stream);
    scratch_write("services.conf", text);
    free(text);
}

static void estimators_are_bounded(void **state)
{
    static struct estimator_set set;
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];

    (void)state;
    write_estimators(MAX_ESTIMATORS);
    assert_true(read_written(&set));
    assert_int_equal(set.count, MAX_ESTIMATORS);
    write_estimators(MAX_ESTIMATORS + 1);
    assert_false(read_written(&set));
    scratch_path(path, "services.conf");
    assert_null(catalogue_load(path, NULL, diagnostics));
    assert_complaint(diagnostics, "services.conf", MAX_ESTIMATORS + 2, "more than 64 estimators");
    diagnostics_free(diagnostics);
}

/* Every number of an estimator has a range: each is set to a value outside it. */
static void every_estimator_parameter_has_a_range(void **state)
{
    static const char *const names[] = {
        "request_bytes_min", "request_record_min", "burst_gap_s",  "answer_record_min",
        "answer_bytes_min",  "answer_gap_s",       "answer_s_min", "answer_slots_min",
        "count_error",       "exchange_sigma",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        char text[2048] = "services = ();\nestimators = { " E1 " };\n";
        char fragment[64];
        char *value = strstr(strstr(text, names[i]), "= ");

        memcpy(value, "=-", 2); /* "= 2.0" becomes "=-2.0"; 0.0 needs another digit */
        if (value[2] == '0' && value[4] == '0')
            value[2] = '9';
        snprintf(fragment, sizeof(fragment), "%s is -", names[i]);
        assert_null(load(text, NULL, diagnostics));
        assert_complaint(diagnostics, "services.conf", 2, fragment);
        diagnostics_free(diagnostics);
    }
}

static void what_cuts_exchanges_is_read(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *catalogue = load_as_it_is(
        ESTIMATORS "services = ( { id = \"a\"; " PLAIN "estimator = \"e1\"; " HOST(
            "a.com") "} );\n"
                     "exchanges = { request_pause_s = 0.02; body_pause_s = 2; "
                     "answer_wait_s = 300; allowed_pause_s = 0.2; step_bytes_max = 5000;\n"
                     "step_pause_s = 0.015; opening_bytes_max = 1500; };\n",
        NULL, diagnostics);
    const struct exchange_cut *cut;

    (void)state;
    assert_no_complaint(diagnostics);
    cut = &catalogue_service(catalogue, 0)->estimator.cut;
    assert_true(cut->request_pause_s == 0.02 && cut->body_pause_s == 2);
    assert_true(cut->answer_wait_s == 300 && cut->step_pause_s == 0.015);
    assert_true(cut->opening_bytes_max == 1500 && cut->allowed_pause_s == 0.2);
    assert_true(cut->step_bytes_max == 5000);
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
}

/* It must be stated, all of it, and within what it can be. */
static void what_cuts_exchanges_is_checked(void **state)
{
    static const char *const names[] = {"request_pause_s",  "body_pause_s",   "answer_wait_s",
                                        "allowed_pause_s",  "step_bytes_max", "step_pause_s",
                                        "opening_bytes_max"};
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(load_as_it_is("services = ();\nestimators = {};\n", NULL, diagnostics));
    assert_complaint(diagnostics, "services.conf", 1, "missing key \"exchanges\"");
    diagnostics_free(diagnostics);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[] = "services = ();\nestimators = {};\n" SHIPPED_EXCHANGES;
        char fragment[64];
        char *name = strstr(text, names[i]);

        diagnostics = diagnostics_new();
        memcpy(strchr(name, '='), "=-9", 3); /* "= 2.0" becomes "=-9.0" */
        snprintf(fragment, sizeof(fragment), "%s is -", names[i]);
        assert_null(load_as_it_is(text, NULL, diagnostics));
        assert_complaint(diagnostics, "services.conf", 3, fragment);
        diagnostics_free(diagnostics);
        diagnostics = diagnostics_new();
        *name = 'x';
        assert_null(load_as_it_is(text, NULL, diagnostics));
        snprintf(fragment, sizeof(fragment), "missing key \"%s\"", names[i]);
        assert_complaint(diagnostics, "services.conf", 3, fragment);
        diagnostics_free(diagnostics);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_estimator_is_read),
        cmocka_unit_test(an_estimator_of_web_applications_is_read),
        cmocka_unit_test(files_of_the_page_may_wait_alone),
        cmocka_unit_test(regimes_are_read),
        cmocka_unit_test(numbers_of_edges_are_read),
        cmocka_unit_test(numbers_of_rules_are_read),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(what_is_wrong_is_returned_too),
        cmocka_unit_test(estimators_are_bounded),
        cmocka_unit_test(every_estimator_parameter_has_a_range),
        cmocka_unit_test(what_cuts_exchanges_is_read),
        cmocka_unit_test(what_cuts_exchanges_is_checked),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
