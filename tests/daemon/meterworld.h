/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_METERWORLD_H
#define IAGMETER_TESTS_METERWORLD_H

#include "daemon/calendar.h"
#include "daemon/ledger.h"
#include "daemon/log.h"
#include "daemon/message.h"
#include "daemon/meter.h"
#include "daemon/roundrobin.h"
#include "tests/daemon/shipped.h"

/* A meter with its ledger and round-robin databases in the scratch directory, and what is sent to
 * it. Include after cmocka.h. */

#define T0 INT64_C(1790000040) /* a multiple of 60 */

static struct config *config;
static struct ledger *ledger;
static struct roundrobin *roundrobin;
static struct meter *meter;
static int64_t clock_s; /* monotonic */

/* Of CONFIG, which world_teardown() frees. */
static inline void open_stores(void)
{
    char error[2 * PATH_MAX];

    ledger = ledger_open(config->state_directory, true, error, sizeof(error));
    if (!ledger)
        fail_msg("%s", error);
    roundrobin = roundrobin_new(config->state_directory, config->rrd_years);
    assert_non_null(roundrobin);
    meter = meter_new(config, ledger, roundrobin);
    assert_non_null(meter);
}

static inline void close_stores(void)
{
    meter_free(meter);
    roundrobin_free(roundrobin);
    ledger_close(ledger);
    meter = NULL;
    roundrobin = NULL;
    ledger = NULL;
}

/* All but CONFIG and what is opened with it. */
static inline int world_setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    log_open("test");
    calendar_set_zone("Europe/Paris");
    scratch_mkdir("state");
    clock_s = 1000;
    return 0;
}

static inline int world_teardown(void **state)
{
    close_stores();
    config_free(config);
    return scratch_teardown(state);
}

static inline uint16_t service_number(const char *id)
{
    uint16_t number = catalogue_find(config->catalogue, id);

    assert_int_not_equal(number, SERVICE_NONE);
    return number;
}

/* MESSAGE is one that may come from WORKER, and is taken. */
static inline void take(unsigned worker, struct message message)
{
    assert_true(
        message_check(&message, worker == METER_COUNTERS ? SENDER_COUNTERS : SENDER_CAPTURE));
    assert_true(meter_take(meter, worker, &message));
}

/* Of the services and directions of CONFIG. */
static inline void give_names(void)
{
    struct message message;

    for (uint16_t i = 0; i < catalogue_count(config->catalogue); i++) {
        message_start(&message, MESSAGE_SERVICE);
        message.number = i;
        message.body.service = *catalogue_service(config->catalogue, i);
        assert_true(meter_take(meter, 0, &message));
    }
    for (uint16_t i = 0; i < directions_count(config->directions); i++) {
        message_start(&message, MESSAGE_DIRECTION);
        message.number = i;
        message.body.direction = *directions_get(config->directions, i);
        assert_true(meter_take(meter, 0, &message));
    }
    message_start(&message, MESSAGE_RULES_END);
    assert_true(meter_take(meter, 0, &message));
}

static inline void commit_at(int64_t now_s)
{
    if (meter_commit(meter, now_s, clock_s) != LEDGER_OK)
        fail_msg("%s", ledger_error(ledger));
}

#endif
