/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/diagnostics.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void places_are_said_as_far_as_they_are_known(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    diagnostics_error(diagnostics, "a.conf", 7, "%s is %d", "x", 3);
    diagnostics_warning(diagnostics, "a.conf", 0, "odd");
    diagnostics_error(diagnostics, NULL, 9, "lost");
    diagnostics_error(diagnostics, "a.conf", 8, "host \"%s\"", "a\x1b[31m\n"); /* of the file */
    assert_string_equal(diagnostics_text(diagnostics, 0), "a.conf:7: x is 3");
    assert_string_equal(diagnostics_text(diagnostics, 1), "a.conf: warning: odd");
    assert_string_equal(diagnostics_text(diagnostics, 2), "lost");
    assert_string_equal(diagnostics_text(diagnostics, 3), "a.conf:8: host \"a?[31m?\"");
    assert_null(diagnostics_text(diagnostics, 4));
    assert_int_equal(diagnostics_errors(diagnostics), 3);
    assert_int_equal(diagnostics_warnings(diagnostics), 1);
    diagnostics_free(diagnostics);
}

static void the_longest_path_does_not_hide_the_line(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char path[PATH_MAX];

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    diagnostics_error(diagnostics, path, 123, "broken");
    assert_non_null(strstr(diagnostics_text(diagnostics, 0), "p:123: broken"));
    diagnostics_free(diagnostics);
}

static void a_flood_of_complaints_is_counted_but_not_kept(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char *printed = NULL;
    size_t size = 0;
    size_t kept = 0;
    FILE *stream;

    (void)state;
    for (unsigned i = 1; i <= 1000; i++)
        diagnostics_error(diagnostics, "a.conf", i, "again");
    assert_int_equal(diagnostics_errors(diagnostics), 1000);
    while (diagnostics_text(diagnostics, kept))
        kept++;
    assert_in_range(kept, 1, 999);
    stream = open_memstream(&printed, &size);
    diagnostics_print(diagnostics, stream);
    fclose(stream);
    assert_non_null(strstr(printed, "a.conf:1: again\na.conf:2: again\n"));
    assert_non_null(strstr(printed, "more not shown)\n"));
    free(printed);
    diagnostics_free(diagnostics);
}

static void nothing_to_say_prints_nothing(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char *printed = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&printed, &size);

    (void)state;
    diagnostics_print(diagnostics, stream);
    fclose(stream);
    assert_int_equal(size, 0);
    free(printed);
    diagnostics_free(diagnostics);
    diagnostics_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_said_as_far_as_they_are_known),
        cmocka_unit_test(the_longest_path_does_not_hide_the_line),
        cmocka_unit_test(a_flood_of_complaints_is_counted_but_not_kept),
        cmocka_unit_test(nothing_to_say_prints_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
