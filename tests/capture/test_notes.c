/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/capture/near.h"

static const struct exchange_estimate estimate = {
    .requests = {1, 2, 3}, .tokens_in = {4, 5, 6}, .tokens_out = {7, 8, 9}, .uploads = {0, 1, 2}};

static void a_note_is_kept_until_it_is_dropped(void **state)
{
    struct notes *notes = notes_new(4);
    char name[] = "api.example";
    struct flow_record record = {.transport = "tls", .name = name, .ech = "no", .client_port = 5};

    (void)state;
    assert_null(notes_get(notes, 3));
    notes_put(notes, 3, &record);
    memset(name, 'x', sizeof(name) - 1); /* the name was copied */
    assert_string_equal(notes_get(notes, 3)->name, "api.example");
    assert_string_equal(notes_get(notes, 3)->transport, "tls");
    assert_int_equal(notes_get(notes, 3)->client_port, 5);
    assert_null(notes_get(notes, 2));
    notes_drop(notes, 3);
    assert_null(notes_get(notes, 3));
    notes_drop(notes, 3);
    notes_free(notes);
}

/* The hello of a tunnel says more than what the proxy was told. */
static void a_note_may_be_replaced(void **state)
{
    struct notes *notes = notes_new(1);
    struct flow_record record = {
        .transport = "connect", .name = "a.long.name.example", .ech = "no"};

    (void)state;
    notes_put(notes, 0, &record);
    record.name = "short";
    record.ech = "yes";
    notes_put(notes, 0, &record);
    assert_string_equal(notes_get(notes, 0)->name, "short");
    assert_string_equal(notes_get(notes, 0)->ech, "yes");
    notes_free(notes); /* with what was not dropped */
}

static void the_longest_name_is_kept_whole(void **state)
{
    struct notes *notes = notes_new(1);
    char name[256];
    struct flow_record record = {.transport = "tls", .name = name, .ech = "no"};

    (void)state;
    memset(name, 'a', 255);
    name[255] = '\0';
    notes_put(notes, 0, &record);
    assert_string_equal(notes_get(notes, 0)->name, name);
    notes_free(notes);
}

static void exchanges_add_up(void **state)
{
    struct notes *notes = notes_new(2);
    struct flow_record record = {.transport = "tls", .name = "x", .ech = "no"};

    (void)state;
    notes_add(notes, 1, &estimate); /* of a flow without a note: nothing */
    assert_null(notes_get(notes, 1));
    notes_put(notes, 1, &record);
    notes_add(notes, 1, &estimate);
    notes_add(notes, 1, &estimate);
    assert_triple(notes_get(notes, 1)->requests, 2, 4, 6);
    assert_triple(notes_get(notes, 1)->tokens_in, 8, 10, 12);
    assert_triple(notes_get(notes, 1)->tokens_out, 14, 16, 18);
    assert_triple(notes_get(notes, 1)->uploads, 0, 2, 4);
    notes_drop(notes, 1);
    notes_put(notes, 1, &record); /* the next flow in the same place has none of them */
    assert_triple(notes_get(notes, 1)->requests, 0, 0, 0);
    notes_free(notes);
}

static void the_daemon_keeps_none(void **state)
{
    const struct flow_record record = {.transport = "tls", .name = "x", .ech = "no"};

    (void)state;
    notes_put(NULL, 0, &record);
    notes_add(NULL, 0, &estimate);
    assert_null(notes_get(NULL, 0));
    notes_drop(NULL, 0);
    notes_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_is_kept_until_it_is_dropped),
        cmocka_unit_test(a_note_may_be_replaced),
        cmocka_unit_test(the_longest_name_is_kept_whole),
        cmocka_unit_test(exchanges_add_up),
        cmocka_unit_test(the_daemon_keeps_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
