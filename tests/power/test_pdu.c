/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/pdu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALK IAGMETER_SOURCE_ROOT "/tests/fixtures/counters/text/snmp_pdu_walk.txt"

static struct pdu_point point_of(enum pdu_model model, enum power_quantity quantity,
                                 const char *index)
{
    struct pdu_point point = {.model = (int)model, .quantity = (int)quantity};

    assert_true(pdu_parse_index(&point, index));
    return point;
}

static void oid_text(const struct pdu_query *query, size_t object, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < query->length[object]; i++) {
        size_t used = strlen(out);

        snprintf(out + used, size - used, ".%lu", query->oid[object][i]);
    }
}

/* What the recorded walk says of an object. */
static struct pdu_answer look_up(const char *oid)
{
    FILE *stream = fopen(WALK, "re");
    struct pdu_answer answer = {false, 0};
    char line[200];

    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream)) {
        size_t length = strcspn(line, " ");

        if (strlen(oid) != length || strncmp(line, oid, length) != 0)
            continue;
        answer = (struct pdu_answer){true, strtoll(strrchr(line, ':') + 1, NULL, 10)};
    }
    fclose(stream);
    return answer;
}

/* Asks the walk, which has no digits of Raritan's: DIGITS stands in. */
static struct fetched ask_walk(const struct pdu_point *point, int64_t digits)
{
    struct pdu_answer answers[PDU_MAX_OBJECTS] = {{false, 0}};
    struct pdu_query query;
    char oid[200];

    pdu_ask(point, &query);
    for (size_t i = 0; i < query.count; i++) {
        oid_text(&query, i, oid, sizeof(oid));
        answers[i] = look_up(oid);
    }
    if (query.count > 1)
        answers[1] = (struct pdu_answer){true, digits};
    return pdu_decode(point, answers);
}

static void assert_walk(enum pdu_model model, const char *index, int64_t digits, double watts,
                        double joules)
{
    struct pdu_point power = point_of(model, POWER_QUANTITY_POWER, index);
    struct pdu_point energy = point_of(model, POWER_QUANTITY_ENERGY, index);
    struct fetched result = ask_walk(&power, digits);

    assert_int_equal(result.status, POWER_OK);
    assert_true((double)result.value * PDU_POWER_UNIT_W == watts);
    result = ask_walk(&energy, model == PDU_RARITAN_INLET ? 0 : digits);
    assert_int_equal(result.status, POWER_OK);
    assert_true((double)result.value * PDU_ENERGY_UNIT_J == joules);
}

static void the_walk_is_read_in_each_makers_units(void **state)
{
    (void)state;
    /* 1.82 kW, 17098.2 kWh. */
    assert_walk(PDU_APC, "1", 0, 1820, 17098.2 * 3.6e6);
    /* 183.0 W with one decimal, 17098211 Wh. */
    assert_walk(PDU_RARITAN_INLET, "1.1", 1, 183, 17098211 * 3600.0);
    assert_walk(PDU_EATON, "0.3", 0, 412, 812345 * 3600.0);
}

/* What the agent of each maker is asked, from its MIB. */
static void objects_are_those_of_the_mibs(void **state)
{
    static const struct {
        enum pdu_model model;
        enum power_quantity quantity;
        const char *index;
        const char *value;
        const char *digits;
        const char *available;
    } cases[] = {
        {PDU_APC, POWER_QUANTITY_POWER, "2", ".1.3.6.1.4.1.318.1.1.26.4.3.1.5.2", NULL, NULL},
        {PDU_APC_OUTLET, POWER_QUANTITY_POWER, "24", ".1.3.6.1.4.1.318.1.1.26.9.4.3.1.7.24", NULL,
         NULL},
        {PDU_APC_OUTLET, POWER_QUANTITY_ENERGY, "24", ".1.3.6.1.4.1.318.1.1.26.9.4.3.1.11.24", NULL,
         NULL},
        {PDU_RARITAN, POWER_QUANTITY_POWER, "1.7", ".1.3.6.1.4.1.13742.6.5.4.3.1.4.1.7.5",
         ".1.3.6.1.4.1.13742.6.3.5.4.1.7.1.7.5", ".1.3.6.1.4.1.13742.6.5.4.3.1.2.1.7.5"},
        {PDU_RARITAN_INLET, POWER_QUANTITY_ENERGY, "1.1", ".1.3.6.1.4.1.13742.6.5.2.3.1.4.1.1.8",
         ".1.3.6.1.4.1.13742.6.3.3.4.1.7.1.1.8", ".1.3.6.1.4.1.13742.6.5.2.3.1.2.1.1.8"},
        {PDU_SERVERTECH, POWER_QUANTITY_POWER, "1.2.16", ".1.3.6.1.4.1.1718.4.1.8.3.1.7.1.2.16",
         NULL, NULL},
        {PDU_SERVERTECH, POWER_QUANTITY_ENERGY, "1.2.16", ".1.3.6.1.4.1.1718.4.1.8.3.1.14.1.2.16",
         NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *const wanted[] = {cases[i].value, cases[i].digits, cases[i].available};
        struct pdu_point point = point_of(cases[i].model, cases[i].quantity, cases[i].index);
        struct pdu_query query;
        char oid[200];

        pdu_ask(&point, &query);
        assert_int_equal(query.count, cases[i].digits ? 3 : 1);
        for (size_t j = 0; j < query.count; j++) {
            oid_text(&query, j, oid, sizeof(oid));
            assert_string_equal(oid, wanted[j]);
        }
    }
}

static void digits_may_have_either_sign(void **state)
{
    struct pdu_point point = point_of(PDU_RARITAN, POWER_QUANTITY_POWER, "1.7");
    struct pdu_answer answers[PDU_MAX_OBJECTS] = {{true, 183}, {true, -1}, {true, 1}};

    (void)state;
    assert_int_equal(pdu_decode(&point, answers).value, 1830000);
    answers[1].number = 3;
    assert_int_equal(pdu_decode(&point, answers).value, 183);
    answers[1].number = 10;
    assert_int_equal(pdu_decode(&point, answers).status, POWER_UNSUPPORTED);
    answers[1].present = false;
    assert_int_equal(pdu_decode(&point, answers).status, POWER_UNSUPPORTED);
}

static void what_is_not_metered_is_unsupported_and_zero_is_zero(void **state)
{
    struct pdu_point raritan = point_of(PDU_RARITAN, POWER_QUANTITY_POWER, "1.7");
    struct pdu_point eaton = point_of(PDU_EATON, POWER_QUANTITY_POWER, "0.3");
    struct pdu_answer answers[PDU_MAX_OBJECTS] = {{true, 0}, {true, 0}, {true, 1}};

    (void)state;
    /* The second supply of two may rest. */
    assert_int_equal(pdu_decode(&eaton, answers).status, POWER_OK);
    assert_int_equal(pdu_decode(&raritan, answers).status, POWER_OK);
    answers[2].number = 2; /* TruthValue: false */
    assert_int_equal(pdu_decode(&raritan, answers).status, POWER_UNSUPPORTED);
    answers[0].number = -1;
    assert_int_equal(pdu_decode(&eaton, answers).status, POWER_UNSUPPORTED);
    answers[0].present = false;
    assert_int_equal(pdu_decode(&eaton, answers).status, POWER_UNSUPPORTED);
}

static void absurd_values_are_refused(void **state)
{
    struct pdu_point point = point_of(PDU_APC, POWER_QUANTITY_ENERGY, "1");
    struct pdu_answer answers[PDU_MAX_OBJECTS] = {{true, INT64_MAX}};

    (void)state;
    assert_int_equal(pdu_decode(&point, answers).status, POWER_FAILED);
}

static void an_index_has_as_many_numbers_as_the_model(void **state)
{
    static const char *const wrong[] = {"",    "1",    "1.",   ".7",           "1.7.2",
                                        "1 7", "1.-7", "+1.7", "1.4294967296", "1.7 "};
    struct pdu_point point = {.model = PDU_RARITAN};
    char name[40];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (pdu_parse_index(&point, wrong[i]))
            fail_msg("\"%s\" was taken", wrong[i]);
    for (int model = 0; model < PDU_MODEL_COUNT; model++) {
        point.model = model;
        assert_true(pdu_parse_index(&point, pdu_index_example(model)));
    }
    point.model = PDU_SERVERTECH;
    assert_true(pdu_parse_index(&point, "1.2.16"));
    pdu_name_point(&point, "pdu-a", name, sizeof(name));
    assert_string_equal(name, "pdu-a/1.2.16");
}

static void tenths_of_a_kilowatt_hour_are_coarse(void **state)
{
    (void)state;
    assert_false(pdu_has_fine_energy(PDU_APC));
    assert_false(pdu_has_fine_energy(PDU_APC_OUTLET));
    assert_true(pdu_has_fine_energy(PDU_RARITAN));
    assert_true(pdu_has_fine_energy(PDU_EATON));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_walk_is_read_in_each_makers_units),
        cmocka_unit_test(objects_are_those_of_the_mibs),
        cmocka_unit_test(digits_may_have_either_sign),
        cmocka_unit_test(what_is_not_metered_is_unsupported_and_zero_is_zero),
        cmocka_unit_test(absurd_values_are_refused),
        cmocka_unit_test(an_index_has_as_many_numbers_as_the_model),
        cmocka_unit_test(tenths_of_a_kilowatt_hour_are_coarse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
