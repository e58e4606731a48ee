/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_HOSTWORLD_H
#define IAGMETER_TESTS_HOSTWORLD_H

#include "daemon/localimpact.h"
#include "daemon/servicefactors.h"
#include "daemon/settlement.h"
#include "reports/month.h"
#include "tests/close.h"
#include "tests/daemon/hosted.h"

/* A host with two GPUs and its ledger, for tests of what reports tell of it: three minutes that are
 * computed by hand. Idle power is 95, 70 and 180 W: 5700, 4200 and 10800 J in a minute. Include
 * after cmocka.h. */

#define HOST_OCTOBER INT64_C(1790805600) /* 2026-10-01 00:00 Europe/Paris */
#define HOST_NOON    (HOST_OCTOBER + 12 * 3600)
#define HOST_LATER   (HOST_OCTOBER + 90 * INT64_C(86400))
#define HOST_MANY    20
#define HOST_FEW     2
#define MISTRAL      "mistral-small-24b" /* on gpu0 */
#define QWEN         "qwen3-8b"          /* on gpu1 */
#define COMMON       "local-host"
#define REMOTE       "chatgpt-web"

/* By hand, in joules. Minute 1: gpu0 4000 above idle, host 2000; DSN has 300 weighted tokens there,
 * RH 100. Minute 2: gpu1 4000, host 1000, all VOIRIE's, who has 400. Minute 3: gpu0 1000, of no
 * request. */
#define HOST_ENERGY_J  74100.0
#define HOST_IDLE_J    62100.0
#define HOST_ACTIVE_J  11000.0
#define HOST_POOL_J    1000.0
#define HOST_COMMON_J  63100.0
#define HOST_DSN_J     4500.0
#define HOST_RH_J      1500.0
#define HOST_VOIRIE_J  5000.0
#define HOST_MINUTES_S 180.0
#define HOST_PUE       1.35
#define HOST_J_PER_KWH 3.6e6

static struct config *host_config;
static struct ledger *host_ledger;
static int64_t host_factor_set;

#define assert_ok(call) assert_int_equal((call), LEDGER_OK)

/* SHARING: the list of host.conf; "" for none. */
static inline void host_configure(const char *sharing)
{
    char text[sizeof(hosted_host) + 1000];
    size_t length = strlen(hosted_host) - strlen("};\n");

    snprintf(text, sizeof(text), "%.*s%s};\n", (int)length, hosted_host, sharing);
    config_free(host_config);
    host_config = hosted_config(text, NULL);
}

static inline int host_setup(void **state)
{
    char error[2 * PATH_MAX] = "";

    if (scratch_setup(state) != 0)
        return -1;
    assert_true(calendar_set_zone("Europe/Paris"));
    scratch_mkdir("state");
    host_config = NULL;
    host_configure("");
    host_ledger = ledger_open(host_config->state_directory, true, error, sizeof(error));
    assert_string_equal(error, "");
    return 0;
}

static inline int host_teardown(void **state)
{
    ledger_close(host_ledger);
    config_free(host_config);
    return scratch_teardown(state);
}

static inline void host_measure_carried(int64_t time_s, const char *name, uint8_t kind,
                                        double energy_j, double idle_w, uint8_t flags,
                                        double carried_j)
{
    struct power_device device = {.kind = kind};
    const struct device_energy energy = {.flags = flags,
                                         .covered_ns = UINT64_C(60000000000),
                                         .energy_j = energy_j,
                                         .carried_j = carried_j};
    int64_t id;

    snprintf(device.name, sizeof(device.name), "%s", name);
    assert_ok(ledger_begin(host_ledger));
    assert_ok(ledger_power_device(host_ledger, &device, &id));
    assert_ok(ledger_add_device_energy(host_ledger, time_s, id, &energy,
                                       sharing_idle_j(energy_j, idle_w, energy.covered_ns)));
    assert_ok(ledger_commit(host_ledger));
}

static inline void host_measure_device(int64_t time_s, const char *name, uint8_t kind,
                                       double energy_j, double idle_w, uint8_t flags)
{
    host_measure_carried(time_s, name, kind, energy_j, idle_w, flags, 0);
}

static inline void host_measure(int64_t time_s, double gpu0_j, double gpu1_j, double rest_j)
{
    host_measure_device(time_s, "gpu0", POWER_DEVICE_GPU, gpu0_j, 95, 0);
    host_measure_device(time_s, "gpu1", POWER_DEVICE_GPU, gpu1_j, 70, 0);
    host_measure_device(time_s, "host", POWER_DEVICE_HOST, rest_j, 180, ENERGY_WALL);
    host_measure_device(time_s, "rapl/package-0", POWER_DEVICE_SOURCE, 5000, 0, 0);
}

static inline void host_ids(const char *direction, const char *service, int64_t *direction_id,
                            int64_t *service_id)
{
    const struct direction *found = NULL;
    uint16_t number = catalogue_find(host_config->catalogue, service);

    for (uint16_t i = 0; i < directions_count(host_config->directions); i++)
        if (strcmp(directions_get(host_config->directions, i)->code, direction) == 0)
            found = directions_get(host_config->directions, i);
    assert_non_null(found);
    assert_int_not_equal(number, SERVICE_NONE);
    assert_ok(ledger_direction(host_ledger, found, direction_id));
    assert_ok(ledger_service(host_ledger, service,
                             catalogue_service(host_config->catalogue, number)->label, service_id));
    assert_ok(ledger_factor_set(host_ledger, factors_vintage(host_config->factors),
                                host_config->digest, &host_factor_set));
}

/* One exchange that began and ended in the minute, by DEVICES that day; only output tokens, which
 * weigh 1. */
static inline void host_use(int64_t time_s, const char *direction, const char *service,
                            double tokens_out, uint32_t devices)
{
    const struct activity activity = {
        .grade = GRADE_A, .requests = triple_exact(1), .tokens_out = triple_exact(tokens_out)};
    const struct local_use use = {.requests = 1, .tokens_out = tokens_out};
    int64_t direction_id, service_id;

    assert_ok(ledger_begin(host_ledger));
    host_ids(direction, service, &direction_id, &service_id);
    assert_ok(ledger_add_activity(host_ledger, time_s, direction_id, service_id, host_factor_set,
                                  &activity, NULL));
    assert_ok(ledger_add_local_use(host_ledger, time_s, direction_id, service_id, &use));
    assert_ok(ledger_add_devices(host_ledger, direction_id, service_id, (int32_t)(time_s / 86400),
                                 devices));
    assert_ok(ledger_commit(host_ledger));
}

static inline void host_use_remote(int64_t time_s, const char *direction, const char *service,
                                   uint32_t devices)
{
    const struct activity activity = {.grade = GRADE_C,
                                      .requests = {9, 10, 11},
                                      .tokens_in = {500, 1000, 2000},
                                      .tokens_out = {1000, 3000, 6000}};
    struct service_factors factors;
    struct impact impact;
    int64_t direction_id, service_id;

    assert_ok(ledger_begin(host_ledger));
    host_ids(direction, service, &direction_id, &service_id);
    assert_null(service_factors_resolve(host_config->factors, host_config->catalogue,
                                        catalogue_find(host_config->catalogue, service), &factors));
    impact = mix_impact(service_factors_at(&factors, time_s), activity.requests, activity.tokens_in,
                        activity.tokens_out);
    service_factors_free(&factors);
    assert_ok(ledger_add_activity(host_ledger, time_s, direction_id, service_id, host_factor_set,
                                  &activity, &impact));
    assert_ok(ledger_add_devices(host_ledger, direction_id, service_id, (int32_t)(time_s / 86400),
                                 devices));
    assert_ok(ledger_commit(host_ledger));
}

/* The three minutes, not shared yet. */
static inline void host_facts(uint32_t dsn, uint32_t rh, uint32_t voirie)
{
    host_measure(HOST_NOON, 9700, 4200, 12800);
    host_measure(HOST_NOON + 60, 5700, 8200, 11800);
    host_measure(HOST_NOON + 120, 6700, 4200, 10800);
    host_use(HOST_NOON, "DSN", MISTRAL, 300, dsn);
    host_use(HOST_NOON, "RH", MISTRAL, 100, rh);
    host_use(HOST_NOON + 60, "VOIRIE", QWEN, 400, voirie);
}

static inline void host_share(int64_t until)
{
    assert_ok(settlement_run(host_ledger, host_config, until));
}

/* The three minutes, shared. */
static inline void host_month(void)
{
    host_facts(HOST_MANY, HOST_MANY, HOST_MANY);
    host_share(HOST_NOON + 180);
}

static inline struct month_report *host_report(void)
{
    struct calendar_month month;
    char error[300] = "";
    struct month_report *report;

    assert_true(calendar_parse_month("2026-10", &month));
    report = month_build(host_ledger, host_config, month, HOST_LATER, error, sizeof(error));
    assert_string_equal(error, "");
    assert_non_null(report);
    return report;
}

static inline const struct month_cell *host_cell(const struct month_report *report,
                                                 const char *direction, const char *service)
{
    for (size_t i = 0; i < report->cell_count; i++)
        if (strcmp(report->cells[i].direction, direction) == 0 &&
            strcmp(report->cells[i].service, service) == 0)
            return &report->cells[i];
    return NULL;
}

static inline const struct month_row *host_row(const struct month_table *table, const char *id)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].id, id) == 0)
            return &table->rows[i];
    return NULL;
}

#endif
