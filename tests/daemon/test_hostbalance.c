/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hostbalance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calendar.h"
#include "daemon/settlement.h"

#include <inttypes.h>
#include <string.h>

#include "tests/capture/near.h"
#include "tests/daemon/hosted.h"

#define DAY     INT64_C(1789862400) /* 2026-09-20, UTC */
#define DAY_S   86400
#define MISTRAL "mistral-small-24b"
#define QWEN    "qwen3-8b"

enum { REQUESTS, TOKENS_IN, TOKENS_CACHED, TOKENS_OUT };

static struct config *config;
static struct ledger *ledger;
static struct hostbalance balance;
static int64_t direction_id, services[2]; /* of MISTRAL and QWEN */
static char *output;

static int setup(void **state)
{
    char error[2 * PATH_MAX];

    if (scratch_setup(state) != 0)
        return -1;
    scratch_mkdir("state");
    calendar_set_zone("Europe/Paris");
    config = hosted_config(hosted_host, NULL);
    ledger = ledger_open(config->state_directory, true, error, sizeof(error));
    assert_non_null(ledger);
    assert_int_equal(ledger_direction(ledger, directions_get(config->directions, 1), &direction_id),
                     LEDGER_OK);
    assert_int_equal(ledger_service(ledger, MISTRAL, "Mistral", &services[0]), LEDGER_OK);
    assert_int_equal(ledger_service(ledger, QWEN, "Qwen", &services[1]), LEDGER_OK);
    return 0;
}

static int teardown(void **state)
{
    hostbalance_clear(&balance);
    free(output);
    output = NULL;
    ledger_close(ledger);
    config_free(config);
    return scratch_teardown(state);
}

/* What the wire showed of a service on a day, and what its server counted. */
static void use(int64_t interval, size_t service, double wire, uint64_t server)
{
    const struct local_use seen = {.requests = 1, .tokens_out = wire};
    const struct server_use counted = {.requests = 1, .tokens_out = server};

    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_local_use(ledger, interval, direction_id, services[service], &seen),
                     LEDGER_OK);
    if (server > 0)
        assert_int_equal(
            ledger_add_server_use(ledger, interval, direction_id, services[service], &counted),
            LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

static void seen_by(size_t service, uint32_t devices)
{
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_add_devices(ledger, direction_id, services[service],
                                        (int32_t)(DAY / DAY_S), devices),
                     LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

static void share_until(int64_t until_s)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, until_s);
    assert_int_equal(ledger_begin(ledger), LEDGER_OK);
    assert_int_equal(ledger_set_fact(ledger, SETTLEMENT_FACT, text), LEDGER_OK);
    assert_int_equal(ledger_commit(ledger), LEDGER_OK);
}

static void collect(int64_t now_s)
{
    hostbalance_clear(&balance);
    assert_true(hostbalance_collect(&balance, ledger, config, now_s));
}

static unsigned count_lines(void)
{
    struct hostbalance_line line;
    unsigned count = 0;

    while (hostbalance_line(&balance, count, &line))
        count++;
    return count;
}

static struct hostbalance_line line_of(size_t number)
{
    struct hostbalance_line line;

    assert_true(hostbalance_line(&balance, number, &line));
    return line;
}

static const char *printed(void)
{
    size_t size;
    FILE *stream;

    free(output);
    stream = open_memstream(&output, &size);
    assert_non_null(stream);
    hostbalance_print(&balance, stream);
    assert_int_equal(fclose(stream), 0);
    return output;
}

static void assert_nothing(void)
{
    json_t *object = hostbalance_json(&balance);

    assert_int_equal(count_lines(), 0);
    assert_string_equal(printed(), "");
    assert_true(json_is_null(object));
    json_decref(object);
}

static void there_is_nothing_before_a_day_is_over(void **state)
{
    (void)state;
    collect(DAY + DAY_S);
    assert_nothing();
    use(DAY, 0, 100, 100);
    collect(DAY + DAY_S); /* none of it is shared yet */
    assert_nothing();
    share_until(DAY + DAY_S - 60);
    collect(DAY + DAY_S);
    assert_nothing();
    share_until(60); /* the first day of all */
    collect(DAY + DAY_S);
    assert_nothing();
}

/* That which was shared whole, and is over: not one that is ahead of the clock. */
static void it_is_the_last_whole_day(void **state)
{
    (void)state;
    seen_by(0, config->report.threshold);
    use(DAY - 60, 0, 1, 1);
    use(DAY, 0, 100, 120);
    use(DAY + DAY_S - 60, 0, 100, 120);
    use(DAY + DAY_S, 0, 1000, 1000);
    share_until(DAY + 2 * DAY_S);
    collect(DAY + DAY_S + 3600);
    assert_int_equal(balance.day_s, DAY);
    assert_near(line_of(0).counts[TOKENS_OUT].wire, 200);
    assert_near(line_of(0).counts[TOKENS_OUT].server, 240);
    collect(DAY + DAY_S - 1);
    assert_int_equal(balance.day_s, DAY - DAY_S);
    share_until(DAY + DAY_S);
    collect(DAY + 9 * DAY_S);
    assert_int_equal(balance.day_s, DAY);
}

static void services_of_enough_devices_stand_alone(void **state)
{
    json_t *object, *lines;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        seen_by(i, config->report.threshold);
    use(DAY, 0, 100, 120);
    use(DAY, 1, 50, 50);
    share_until(DAY + DAY_S);
    collect(DAY + DAY_S);
    assert_true(balance.by_service);
    assert_int_equal(count_lines(), 2);
    assert_string_equal(line_of(0).service, MISTRAL);
    assert_int_equal(line_of(0).counts[TOKENS_OUT].verdict, BALANCE_SERVER_AHEAD);
    assert_int_equal(line_of(1).counts[TOKENS_OUT].verdict, BALANCE_AGREES);
    assert_int_equal(line_of(1).counts[TOKENS_IN].verdict, BALANCE_NOTHING);
    assert_non_null(strstr(printed(), "wire and servers on 2026-09-20 (UTC)\n  " MISTRAL "\n"));
    assert_non_null(strstr(output, "100 by the wire, 120 by the server, -20 (-16.7 %)"));
    object = hostbalance_json(&balance);
    assert_int_equal(json_integer_value(json_object_get(object, "day_s")), DAY);
    lines = json_object_get(object, "services");
    assert_int_equal(json_array_size(lines), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 1), "service")),
                        QWEN);
    json_decref(object);
}

/* With one alone, the other would be the difference. */
static void one_of_few_devices_hides_in_the_sum(void **state)
{
    json_t *object;

    (void)state;
    seen_by(0, config->report.threshold);
    seen_by(1, config->report.threshold - 1);
    use(DAY, 0, 100, 120);
    use(DAY, 1, 50, 50);
    share_until(DAY + DAY_S);
    collect(DAY + DAY_S);
    assert_false(balance.by_service);
    assert_int_equal(count_lines(), 1);
    assert_null(line_of(0).service);
    assert_near(line_of(0).counts[TOKENS_OUT].wire, 150);
    assert_near(line_of(0).counts[TOKENS_OUT].server, 170);
    assert_near(line_of(0).counts[REQUESTS].wire, 2);
    assert_non_null(strstr(printed(), "\n  all services\n"));
    assert_null(strstr(output, QWEN));
    object = hostbalance_json(&balance);
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(object, "services"), 0), "service")));
    json_decref(object);
}

static void the_sum_of_few_devices_is_told_of_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        seen_by(i, config->report.threshold - 1);
        use(DAY, i, 100, 120);
    }
    share_until(DAY + DAY_S);
    collect(DAY + DAY_S);
    assert_nothing();
}

/* Nobody was seen: then that the server counted something is what there is to find. */
static void what_the_wire_does_not_see_at_all_is_told(void **state)
{
    (void)state;
    use(DAY, 0, 0, 120);
    share_until(DAY + DAY_S);
    collect(DAY + DAY_S);
    assert_int_equal(count_lines(), 1);
    assert_null(line_of(0).service);
    assert_true(line_of(0).has_server);
    assert_int_equal(line_of(0).counts[TOKENS_OUT].verdict, BALANCE_SERVER_AHEAD);
}

/* A sum is compared only where each part is. */
static void a_service_without_counts_of_its_own_is_not_compared(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        seen_by(i, config->report.threshold);
    use(DAY, 0, 100, 100);
    use(DAY, 1, 100, 0);
    share_until(DAY + DAY_S);
    collect(DAY + DAY_S);
    assert_true(line_of(0).has_server);
    assert_false(line_of(1).has_server);
    assert_non_null(strstr(printed(), "100 by the wire: nothing to compare"));
    balance.by_service = false;
    assert_int_equal(line_of(0).counts[TOKENS_OUT].verdict, BALANCE_NOTHING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_is_nothing_before_a_day_is_over),
        TEST(it_is_the_last_whole_day),
        TEST(services_of_enough_devices_stand_alone),
        TEST(one_of_few_devices_hides_in_the_sum),
        TEST(the_sum_of_few_devices_is_told_of_nobody),
        TEST(what_the_wire_does_not_see_at_all_is_told),
        TEST(a_service_without_counts_of_its_own_is_not_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
