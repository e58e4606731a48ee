/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/confread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

struct sample {
    char name[8];
    bool wanted;
    unsigned count;
    double ratio;
    struct triple estimate;
    struct range span;
    int colour;
};

static const char *const colours[] = {"red", "green", NULL};

static const struct confread_key keys[] = {
    {"name", CONFREAD_STRING, true, 0, 0, offsetof(struct sample, name), 8, NULL},
    {"wanted", CONFREAD_BOOL, false, 0, 0, offsetof(struct sample, wanted), 0, NULL},
    {"count", CONFREAD_UINT, false, 2, 10, offsetof(struct sample, count), 0, NULL},
    {"ratio", CONFREAD_DOUBLE, false, 0, 0, offsetof(struct sample, ratio), 0, NULL},
    {"estimate", CONFREAD_TRIPLE, false, 0, 100, offsetof(struct sample, estimate), 0, NULL},
    {"span", CONFREAD_RANGE, false, 1, 100, offsetof(struct sample, span), 0, NULL},
    {"colour", CONFREAD_ENUM, false, 0, 0, offsetof(struct sample, colour), 0, colours},
    {"group", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"list", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static bool read_sample(const char *text, struct sample *sample, struct diagnostics *diagnostics)
{
    char path[PATH_MAX];
    config_t config;
    bool valid;

    scratch_write("a.conf", text);
    scratch_path(path, "a.conf");
    valid = confread_file(&config, path, diagnostics) &&
            confread_group(config_root_setting(&config), keys, sizeof(keys) / sizeof(keys[0]),
                           sample, diagnostics);
    config_destroy(&config);
    return valid;
}

static void values_go_where_the_table_says(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct sample sample = {.count = 5};

    (void)state;
    assert_true(read_sample("name = \"abcdefg\"; wanted = true; ratio = 3; span = 4;\n"
                            "estimate = ( 1, 2.5, 3 ); colour = \"green\"; group = {}; list = ();",
                            &sample, diagnostics));
    assert_no_complaint(diagnostics);
    assert_string_equal(sample.name, "abcdefg");
    assert_true(sample.wanted);
    assert_int_equal(sample.count, 5); /* no key: the default stays */
    assert_true(sample.ratio == 3.0);
    assert_true(sample.estimate.low == 1 && sample.estimate.central == 2.5 &&
                sample.estimate.high == 3);
    assert_true(sample.span.min == 4 && sample.span.max == 4);
    assert_int_equal(sample.colour, 1);
    diagnostics_free(diagnostics);
}

static void names_may_hold_any_character(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct sample sample = {0};

    (void)state;
    assert_true(read_sample("name = \"\xc3\xa9\xe2\x82\xac\";", &sample, diagnostics)); /* é€ */
    assert_string_equal(sample.name, "\xc3\xa9\xe2\x82\xac");
    assert_true(read_sample("name = \"\xf0\x9f\x8c\xb3\";", &sample, diagnostics));
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
}

static void both_ends_of_a_range_are_allowed(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct sample sample = {0};

    (void)state;
    assert_true(
        read_sample("name = \"\"; count = 2; estimate = [ 0, 0, 100 ];", &sample, diagnostics));
    assert_int_equal(sample.count, 2);
    assert_true(read_sample("name = \"\"; count = 10; estimate = 7;", &sample, diagnostics));
    assert_int_equal(sample.count, 10);
    assert_true(sample.estimate.low == 7 && sample.estimate.high == 7);
    assert_no_complaint(diagnostics);
    diagnostics_free(diagnostics);
}

static const struct {
    const char *text;
    unsigned line;
    const char *fragment;
} broken[] = {
    {"wanted = true;\n", 1, "missing key \"name\""},
    {"\n\nname = \"a\";\nnmae = 1;\n", 4, "unknown key \"nmae\""},
    {"name = 1;\n", 1, "name must be a string"},
    {"name =\n\"abcdefgh\";\n", 1, "name is longer than 7 characters"},
    {"name = \"\xe9t\xe9\";\n", 1, "name is not valid UTF-8"},       /* Latin-1 */
    {"name = \"a\xc3\";\n", 1, "name is not valid UTF-8"},           /* cut short */
    {"name = \"a\\x1b[31m\";\n", 1, "name has a control character"}, /* drives a terminal */
    {"name = \"a\x7f\";\n", 1, "name has a control character"},
    {"name = \"a\xc2\x9b\";\n", 1, "name has a control character"},   /* U+009B, the same */
    {"name = \"\xc0\xaf\";\n", 1, "name is not valid UTF-8"},         /* overlong */
    {"name = \"\xed\xa0\x80\";\n", 1, "name is not valid UTF-8"},     /* surrogate */
    {"name = \"\xf4\x90\x80\x80\";\n", 1, "name is not valid UTF-8"}, /* past U+10FFFF */
    {"name = \"a\";\nwanted = 1;\n", 2, "wanted must be true or false"},
    {"name = \"a\";\ncount = 1;\n", 2, "count is 1, outside 2 to 10"},
    {"name = \"a\";\ncount = 11;\n", 2, "count is 11, outside 2 to 10"},
    {"name = \"a\";\ncount = -3;\n", 2, "count must not be negative"},
    {"name = \"a\";\ncount = 4294967300L;\n", 2, "above 4294967295"},
    {"name = \"a\";\ncount = 3.0;\n", 2, "count must be a whole number"},
    {"name = \"a\";\nratio = \"3\";\n", 2, "ratio must be a number"},
    {"name = \"a\";\nratio = 1.0e999;\n", 2, "ratio must be finite"},
    {"name = \"a\";\nestimate = [ 1, 2 ];\n", 2, "estimate must hold 3 numbers"},
    {"name = \"a\";\nestimate = [ 1, 2, 3, 4 ];\n", 2, "estimate must hold 3 numbers"},
    {"name = \"a\";\nestimate = [ 1, 3, 2 ];\n", 2, "estimate must be in ascending order"},
    {"name = \"a\";\nestimate = { a = 1; b = 2; c = 3; };\n", 2, "must hold 3 numbers"},
    {"name = \"a\";\nestimate = ( 1,\n \"2\", 3 );\n", 3, "must be a number"},
    {"name = \"a\";\nestimate = [ -1, 2, 3 ];\n", 2, "estimate is -1, outside 0 to 100"},
    {"name = \"a\";\nestimate = [ 1, 2, 101 ];\n", 2, "estimate is 101, outside 0 to 100"},
    {"name = \"a\";\nspan = [ 0, 2 ];\n", 2, "span is 0, outside 1 to 100"},
    {"name = \"a\";\nspan = [ 1, 200 ];\n", 2, "span is 200, outside 1 to 100"},
    {"name = \"a\";\nspan = [ 2, 1 ];\n", 2, "span must be in ascending order"},
    {"name = \"a\";\ncolour = \"blue\";\n", 2, "colour must be one of: red, green"},
    {"name = \"a\";\ncolour = 1;\n", 2, "colour must be one of: red, green"},
    {"name = \"a\";\ngroup = ();\n", 2, "group must be a group"},
    {"name = \"a\";\nlist = {};\n", 2, "list must be a list"},
    {"name = \"a\";\nname = \"b\";\n", 2, "duplicate setting name"},
    {"name = \"a\";\n\nratio = ;\n", 3, "syntax error"},
    {"list = ( 1, );\n", 1, "no comma stands behind the last item"},
    {"name = \"a\";\nspan = [ 1, 2.5 ];\n", 2, "mismatched element type"},
    {"name = \"a\";\n@include \"none.conf\"\n", 2, "cannot open include file"},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        struct sample sample = {0};

        assert_false(read_sample(broken[i].text, &sample, diagnostics));
        assert_complaint(diagnostics, "a.conf", broken[i].line, broken[i].fragment);
        assert_int_equal(diagnostics_errors(diagnostics), 1);
        diagnostics_free(diagnostics);
    }
}

static void every_error_of_a_file_is_said_at_once(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct sample sample = {0};

    (void)state;
    assert_false(read_sample("wanted = 2;\ncount = 99;\nodd = 1;\n", &sample, diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 4);
    assert_complaint(diagnostics, "a.conf", 1, "wanted");
    assert_complaint(diagnostics, "a.conf", 2, "count");
    assert_complaint(diagnostics, "a.conf", 3, "odd");
    assert_complaint(diagnostics, "a.conf", 1, "missing key \"name\"");
    diagnostics_free(diagnostics);
}

static void errors_in_an_included_file_name_that_file(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct sample sample = {0};

    (void)state;
    scratch_write("b.conf", "\n\ncount = 77;\n");
    assert_false(
        read_sample("name = \"a\";\n@include \"b.conf\"\nwanted = 0;\n", &sample, diagnostics));
    assert_complaint(diagnostics, "b.conf", 3, "count is 77");
    assert_complaint(diagnostics, "a.conf", 3, "wanted");
    scratch_write("b.conf", "\ncount = = 7;\n");
    assert_false(read_sample("name = \"a\";\n@include \"b.conf\"\n", &sample, diagnostics));
    assert_complaint(diagnostics, "b.conf", 2, "syntax error");
    diagnostics_free(diagnostics);
}

/* As editors on Windows save it. */
static void an_encoding_that_is_not_utf8_is_named(void **state)
{
    static const char *const texts[][2] = {
        {"\xef\xbb\xbfname = \"a\";\n", "a byte order mark: save it as UTF-8 without one"},
        {"\xff\xfen", "it is UTF-16: save it as UTF-8"},
        {"\xfe\xff", "it is UTF-16: save it as UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        char path[PATH_MAX];
        config_t config;

        scratch_write("odd.conf", texts[i][0]);
        scratch_path(path, "odd.conf");
        assert_false(confread_file(&config, path, diagnostics));
        assert_complaint(diagnostics, "odd.conf", 1, texts[i][1]);
        config_destroy(&config);
        diagnostics_free(diagnostics);
    }
}

static void what_cannot_be_read_says_why(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];
    config_t config;

    (void)state;
    scratch_path(path, "none.conf");
    assert_false(confread_file(&config, path, diagnostics));
    config_destroy(&config);
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "none.conf: cannot read: No such"));
    assert_false(confread_file(&config, scratch_directory, diagnostics));
    config_destroy(&config);
    assert_non_null(strstr(diagnostics_text(diagnostics, 1), ": cannot read: it is a directory"));
    /* Whoever opens it as a file waits for ever. */
    scratch_path(path, "pipe.conf");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(confread_file(&config, path, diagnostics));
    config_destroy(&config);
    assert_non_null(strstr(diagnostics_text(diagnostics, 2), "pipe.conf: cannot read: it is no"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(diagnostics_errors(diagnostics), 3);
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_where_the_table_says),
        cmocka_unit_test(names_may_hold_any_character),
        cmocka_unit_test(both_ends_of_a_range_are_allowed),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(every_error_of_a_file_is_said_at_once),
        cmocka_unit_test(errors_in_an_included_file_name_that_file),
        cmocka_unit_test(an_encoding_that_is_not_utf8_is_named),
        cmocka_unit_test(what_cannot_be_read_says_why),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
