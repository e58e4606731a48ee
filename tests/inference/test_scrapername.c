/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/scrapername.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void assert_name(const char *url, const char *expected)
{
    char name[SCRAPERNAME_SIZE];

    scrapername_of(url, name);
    assert_string_equal(name, expected);
}

/* A query, or a fragment, may hold a key. */
static void nothing_secret_is_in_a_name(void **state)
{
    (void)state;
    assert_name("http://llm:8000/metrics", "http://llm:8000/metrics");
    assert_name("http://llm:8000/metrics?key=secret", "http://llm:8000/metrics");
    assert_name("http://llm:8000/metrics#secret?key", "http://llm:8000/metrics");
    assert_name("", "");
}

static void a_long_name_is_cut(void **state)
{
    char url[2 * SCRAPERNAME_SIZE], name[SCRAPERNAME_SIZE];

    (void)state;
    memset(url, 'a', sizeof(url));
    url[sizeof(url) - 1] = '\0';
    scrapername_of(url, name);
    assert_int_equal(strlen(name), SCRAPERNAME_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_secret_is_in_a_name),
        cmocka_unit_test(a_long_name_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
