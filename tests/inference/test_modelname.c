/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/modelname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"

#include <string.h>

#define NONE UINT16_MAX

/* In the order of strcmp(). */
static const struct inference_model models[] = {
    {"a", 8000, 1},
    {"a/b\"c\\d", 8000, 2},
    {"gpt-oss:120b-cloud", 11434, 3},
    {"qwen3", 8000, 4},
    {"qwen3", 8001, 5},
    {"qwen3-8b", 8000, 6},
    {"\xc3\xa9t\xe2\x82\xac", 8000, 7}, /* ét€ */
};
static const struct model_table table = {models, sizeof(models) / sizeof(*models)};

/* The same when the LENGTH bytes of a name are there whole, and nothing around them. */
static void assert_same_at_once(const struct model_table *in, uint16_t port, const char *text,
                                size_t length, const struct model_found *single)
{
    uint8_t *copy = exact_copy(text, length);
    struct model_found found = {.known = true, .elsewhere = true};

    modelname_whole(in, port, copy, length, &found);
    free(copy);
    if (found.known != single->known || found.elsewhere != single->elsewhere ||
        found.service != single->service)
        fail_msg("%s on port %u", text, port);
}

/* What the JSON string TEXT (without its first quote) names on the server of PORT. */
static struct model_found find(const struct model_table *in, const char *text, uint16_t port)
{
    struct model_name name;
    struct model_found found = {.known = true, .elsewhere = true};
    size_t i = 0;

    modelname_start(&name, in);
    while (!modelname_add(&name, in, (uint8_t)text[i]))
        i++;
    assert_int_equal(i, strlen(text) - 1);
    modelname_end(&name, in, port, &found);
    if (!strchr(text, '\\'))
        assert_same_at_once(in, port, text, i, &found);
    return found;
}

static void assert_service(const char *text, uint16_t port, uint16_t service)
{
    struct model_found found = find(&table, text, port);

    if (found.known != (service != NONE) || (found.known && found.service != service))
        fail_msg("%s on port %u: service %u, known %d", text, port, found.service, found.known);
}

static void a_name_is_known_when_it_is_the_same(void **state)
{
    (void)state;
    assert_service("a\"", 8000, 1);
    assert_service("qwen3\"", 8000, 4);
    assert_service("qwen3\"", 8001, 5);
    assert_service("qwen3-8b\"", 8000, 6);
    assert_service("qwen3\"", 8002, NONE);
    assert_service("qwen3-8b\"", 8001, NONE);
    assert_service("\"", 8000, NONE);
    assert_service("qwen\"", 8000, NONE);
    assert_service("qwen3-8\"", 8000, NONE);
    assert_service("qwen3-8bb\"", 8000, NONE);
    assert_service("Qwen3\"", 8000, NONE);
    assert_service("zz\"", 8000, NONE);
    assert_int_equal(find(&(struct model_table){NULL, 0}, "qwen3\"", 8000).known, false);
}

/* Some programs write "/" as "\/", and what is not ASCII as "\u00e9". */
static void escapes_are_what_they_stand_for(void **state)
{
    (void)state;
    assert_service("a/b\\\"c\\\\d\"", 8000, 2);
    assert_service("a\\/b\\\"c\\\\d\"", 8000, 2);
    assert_service("\\u0071wen\\u0033\"", 8000, 4);
    assert_service("\xc3\xa9t\xe2\x82\xac\"", 8000, 7);
    assert_service("\\u00e9t\\u20AC\"", 8000, 7);
    assert_service("\\u00e9t\\u20ad\"", 8000, NONE);
    assert_service("qwen3\\n\"", 8000, NONE);
    assert_service("qwen3\\u0000\"", 8000, NONE);
    assert_service("\\ud83d\\ude00qwen3\"", 8000, NONE);
    assert_service("\\u00zzqwen3\"", 8000, NONE);
}

static void what_ends_in_cloud_is_computed_elsewhere(void **state)
{
    static const char *const there[] = {"x-cloud\"",     "x:cloud\"",       ":cloud\"",
                                        "x--cloud\"",    "x-cloud:cloud\"", "x-clo-cloud\"",
                                        "\\u002dcloud\""};
    static const char *const here[] = {"cloud\"",    "xcloud\"",  "x-cloud1\"",       "x-clou\"",
                                       "x-cloudd\"", "x-Cloud\"", "x-\\u0000cloud\"", "\""};

    (void)state;
    for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++)
        if (!find(&table, there[i], 8000).elsewhere)
            fail_msg("%s is here", there[i]);
    for (size_t i = 0; i < sizeof(here) / sizeof(*here); i++)
        if (find(&table, here[i], 8000).elsewhere)
            fail_msg("%s is elsewhere", here[i]);
}

/* The configuration says what such a model is. */
static void a_known_model_is_where_its_service_is(void **state)
{
    (void)state;
    assert_service("gpt-oss:120b-cloud\"", 11434, 3);
    assert_false(find(&table, "gpt-oss:120b-cloud\"", 11434).elsewhere);
    assert_true(find(&table, "gpt-oss:120b-cloud\"", 8000).elsewhere);
}

static void names_of_any_length_are_followed(void **state)
{
    static struct inference_model longest = {.port = 1, .service = 9};
    const struct model_table one = {&longest, 1};
    char text[MODEL_NAME_SIZE + 300];

    (void)state;
    memset(longest.name, 'x', MODEL_NAME_SIZE - 1);
    for (size_t length = MODEL_NAME_SIZE - 3; length < sizeof(text) - 2; length++) {
        memset(text, 'x', length);
        strcpy(text + length, "\"");
        assert_int_equal(find(&one, text, 1).known, length == MODEL_NAME_SIZE - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_known_when_it_is_the_same),
        cmocka_unit_test(escapes_are_what_they_stand_for),
        cmocka_unit_test(what_ends_in_cloud_is_computed_elsewhere),
        cmocka_unit_test(a_known_model_is_where_its_service_is),
        cmocka_unit_test(names_of_any_length_are_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
