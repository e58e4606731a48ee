/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/eventshape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 11
#define BEFORE    "data: {\"choices\":[{\"delta\":{\"content\":\""
#define BEHIND    "\"}}],\"created\":1795414291,\"model\":\"m\"}\n\n"

static const struct hash_key key = {{0x0123456789abcdef, 0xfedcba9876543210}};
static struct event_shape shape;
static bool has_text;

static int setup(void **state)
{
    (void)state;
    memset(&shape, 0, sizeof(shape));
    return 0;
}

/* PARTS, ended by NULL, are the event; every second is a string, and text from the FIRST_TEXT-th
 * on. */
static bool learn(const char *const parts[], unsigned first_text)
{
    struct event_strings strings = {.count = 0};
    char event[2000];
    size_t at = 0;

    for (unsigned i = 0; parts[i]; i++) {
        size_t length = strlen(parts[i]);

        memcpy(event + at, parts[i], length);
        if (i % 2 == 1)
            eventshape_note(&strings, (uint8_t *)event + at, (uint8_t *)event + at + length,
                            i / 2 >= first_text);
        at += length;
    }
    return eventshape_learn(&shape, &key, (uint8_t *)event, (uint8_t *)event + at, &strings);
}

static bool learn_chat(void)
{
    return learn((const char *const[]){BEFORE, " la", BEHIND, NULL}, 0);
}

/* Where the event at the beginning of TEXT ends; -1: it is of another shape. A read past TEXT is
 * found by the sanitizer. */
static int match(const char *text)
{
    size_t length = strlen(text);
    uint8_t *copy = malloc(length);
    const uint8_t *end;
    int at;

    assert_non_null(copy);
    memcpy(copy, text, length);
    end = eventshape_match(&shape, &key, copy, copy + length, &has_text);
    at = end ? (int)(end - copy) : -1;
    free(copy);
    return at;
}

#define assert_whole(text) assert_int_equal(match(text), (int)strlen(text))

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    assert_int_equal(match(BEFORE " la" BEHIND), -1);
}

static void another_text_is_the_same_shape(void **state)
{
    (void)state;
    assert_true(learn_chat());
    assert_whole(BEFORE " la" BEHIND);
    assert_true(has_text);
    assert_whole(BEFORE "" BEHIND);
    assert_false(has_text);
    assert_whole(BEFORE "\\\"" BEHIND);
    assert_whole(BEFORE "\\\\" BEHIND);
    assert_whole(BEFORE "a longer text of more than sixteen bytes, with \\n and \\u00e9" BEHIND);
    assert_true(has_text);
    /* What follows is none of it. */
    assert_int_equal(match(BEFORE "x" BEHIND "data: [DONE]\n\n"), (int)strlen(BEFORE "x" BEHIND));
}

static void any_other_byte_is_another_shape(void **state)
{
    static const char event[] = BEFORE " la" BEHIND;
    const size_t text = strlen(BEFORE);

    (void)state;
    for (size_t i = 0; i < strlen(event); i++) {
        char other[sizeof(event)];

        assert_true(learn_chat());
        if (i >= text && i < text + 3)
            continue;
        memcpy(other, event, sizeof(event));
        other[i] ^= 1;
        assert_int_equal(match(other), -1);
        other[i] ^= 0x41;
        assert_int_equal(match(other), -1);
    }
}

static void an_event_that_is_not_here_whole_is_not_judged(void **state)
{
    char event[] = BEFORE " la\\\\\\\"" BEHIND;

    (void)state;
    for (size_t length = strlen(event); length-- > 0;) {
        assert_true(learn_chat());
        event[length] = '\0';
        assert_int_equal(match(event), -1);
    }
}

/* A line that ends within the string is read as what it is. */
static void a_control_character_is_not_passed_over(void **state)
{
    (void)state;
    assert_true(learn_chat());
    assert_int_equal(match(BEFORE "a\nb" BEHIND), -1);
    assert_int_equal(match(BEFORE "a\rb" BEHIND), -1);
    assert_int_equal(match(BEFORE "a\\\nb" BEHIND), -1);
    assert_int_equal(match(BEFORE "a text of more than sixteen bytes\nb" BEHIND), -1);
}

static void what_varies_is_no_text(void **state)
{
    static const char *const line[] = {"{\"created_at\":\"",
                                       "2026-11-23T06:30:00.1Z",
                                       "\",\"message\":{\"content\":\"",
                                       "a",
                                       "\"}}\n",
                                       NULL};

    (void)state;
    assert_true(learn(line, 1));
    assert_whole("{\"created_at\":\"2026-11-23T06:30:01Z\",\"message\":{\"content\":\"\"}}\n");
    assert_false(has_text);
    assert_whole("{\"created_at\":\"\",\"message\":{\"content\":\"b\"}}\n");
    assert_true(has_text);
    assert_true(learn(line, 2));
    assert_whole("{\"created_at\":\"\",\"message\":{\"content\":\"b\"}}\n");
    assert_false(has_text);
}

static void lengths_of_all_kinds_are_told_apart(void **state)
{
    char before[200];
    char text[300];

    (void)state;
    for (size_t length = 0; length < 150; length++) {
        memset(before, 'x', length);
        before[length] = '\0';
        assert_true(learn((const char *const[]){before, "a", "\"", NULL}, 0));
        snprintf(text, sizeof(text), "%sbb\"", before);
        assert_whole(text);
        if (length > 0)
            assert_int_equal(match(before + 1), -1); /* of one less */
        for (size_t at = 0; at < length; at++) {
            snprintf(text, sizeof(text), "%sbb\"", before);
            text[at] = 'y';
            assert_int_equal(match(text), -1);
            assert_true(learn((const char *const[]){before, "a", "\"", NULL}, 0));
        }
    }
}

static void what_is_no_shape_leaves_the_one_that_is_known(void **state)
{
    struct event_strings unsuitable = {.count = 1, .unsuitable = true};
    static uint8_t large[1 << 17];

    (void)state;
    assert_true(learn_chat());
    assert_false(learn((const char *const[]){"no string", NULL}, 0));
    assert_false(learn((const char *const[]){"two \"", "a", "\" texts \"", "b", "\"", NULL}, 0));
    assert_false(
        learn((const char *const[]){"a", "b", "c", "d", "e", "f", "g", "h", "i", NULL}, 4));
    assert_false(eventshape_learn(&shape, &key, large, large + 10, &unsuitable));
    unsuitable = (struct event_strings){.count = 0};
    eventshape_note(&unsuitable, large + 1, large + 2, true);
    assert_false(eventshape_learn(&shape, &key, large, large + sizeof(large), &unsuitable));
    assert_whole(BEFORE "b" BEHIND);
}

/* What is hashed in vain is bounded so. */
static void a_shape_that_does_not_return_is_forgotten(void **state)
{
    (void)state;
    assert_true(learn_chat());
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 7; i++)
            assert_int_equal(match(BEHIND BEFORE "a" BEHIND), -1);
        assert_whole(BEFORE "a" BEHIND);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(match(BEHIND BEFORE "a" BEHIND), -1);
    assert_int_equal(match(BEFORE "a" BEHIND), -1);
}

static void nothing_but_hashes_under_the_key_is_kept(void **state)
{
    const struct hash_key other = {{1, 2}};
    struct event_shape under_key;

    (void)state;
    assert_true(learn_chat());
    under_key = shape;
    assert_true(learn((const char *const[]){BEFORE, "a text that is longer", BEHIND, NULL}, 0));
    assert_memory_equal(&shape, &under_key, sizeof(shape));
    assert_null(eventshape_match(&shape, &other, (const uint8_t *)BEFORE BEHIND,
                                 (const uint8_t *)BEFORE BEHIND + strlen(BEFORE BEHIND),
                                 &has_text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_known_at_first, setup),
        cmocka_unit_test_setup(another_text_is_the_same_shape, setup),
        cmocka_unit_test_setup(any_other_byte_is_another_shape, setup),
        cmocka_unit_test_setup(an_event_that_is_not_here_whole_is_not_judged, setup),
        cmocka_unit_test_setup(a_control_character_is_not_passed_over, setup),
        cmocka_unit_test_setup(what_varies_is_no_text, setup),
        cmocka_unit_test_setup(lengths_of_all_kinds_are_told_apart, setup),
        cmocka_unit_test_setup(what_is_no_shape_leaves_the_one_that_is_known, setup),
        cmocka_unit_test_setup(a_shape_that_does_not_return_is_forgotten, setup),
        cmocka_unit_test_setup(nothing_but_hashes_under_the_key_is_kept, setup),
    };

    return cmocka_run_group_tests_name("eventshape", tests, NULL, NULL);
}
