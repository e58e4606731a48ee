/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/textline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 8

static FILE *text;
static char line[SIZE];

static void begin(const char *bytes, size_t length)
{
    text = tmpfile();
    assert_non_null(text);
    assert_int_equal(fwrite(bytes, 1, length, text), length);
    rewind(text);
}

static void assert_read(const char *expected)
{
    assert_int_equal(textline_read(text, line, SIZE), TEXTLINE_READ);
    assert_string_equal(line, expected);
}

static void assert_end(void)
{
    assert_int_equal(textline_read(text, line, SIZE), TEXTLINE_END);
    assert_string_equal(line, "");
    fclose(text);
}

static void lines_are_read(void **state)
{
    (void)state;
    begin("one\n\ntwo", 8);
    assert_read("one");
    assert_read("");
    assert_read("two");
    assert_end();
}

static void both_ends_of_a_line_are_known(void **state)
{
    (void)state;
    begin("a\r\nb\rc\r\n\r", 9);
    assert_read("a");
    assert_read("b\rc");
    assert_read("");
    assert_end();
}

static void a_line_of_any_length_is_one(void **state)
{
    (void)state;
    begin("1234567\n12345678\nnext\n123456789012345678901", 43);
    assert_read("1234567");
    assert_int_equal(textline_read(text, line, SIZE), TEXTLINE_UNSOUND);
    assert_read("next");
    assert_int_equal(textline_read(text, line, SIZE), TEXTLINE_UNSOUND);
    assert_end();
}

static void a_nul_is_not_the_end_of_a_line(void **state)
{
    (void)state;
    begin("a\0b\nc\n\0", 7);
    assert_int_equal(textline_read(text, line, SIZE), TEXTLINE_UNSOUND);
    assert_read("c");
    assert_int_equal(textline_read(text, line, SIZE), TEXTLINE_UNSOUND);
    assert_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(both_ends_of_a_line_are_known),
        cmocka_unit_test(a_line_of_any_length_is_one),
        cmocka_unit_test(a_nul_is_not_the_end_of_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
