/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/pdu.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Objects are BASE.INDEX, or BASE.INDEX.SENSOR where a table has one row a sensor. */
struct measure {
    const char *value;
    unsigned per_count;    /* mW, or J, in one count of the value */
    const char *digits;    /* by how many decimals the value is to be shifted; NULL: none */
    const char *available; /* 1: the value is one (TruthValue, RFC 2579); NULL: it always is */
    unsigned sensor;       /* 0: there is one row for all */
};

struct model {
    size_t index_count;
    struct measure power;
    struct measure energy;
};

enum { MW_PER_W = 1000, MW_PER_HUNDREDTH_KW = 10000, J_PER_WH = 3600, J_PER_TENTH_KWH = 360000 };

/* In mW, or J: what is more is no reading. */
#define MOST 1e15

enum { RARITAN_ACTIVE_POWER = 5, RARITAN_ACTIVE_ENERGY = 8 }; /* SensorTypeEnumeration */

#define RARITAN_DATA   "1.3.6.1.4.1.13742.6.5."
#define RARITAN_CONFIG "1.3.6.1.4.1.13742.6.3."

const char *const pdu_model_names[PDU_MODEL_COUNT + 1] = {
    [PDU_APC] = "apc",
    [PDU_APC_OUTLET] = "apc-outlet",
    [PDU_RARITAN_INLET] = "raritan-inlet",
    [PDU_RARITAN] = "raritan",
    [PDU_EATON] = "eaton",
    [PDU_SERVERTECH] = "servertech",
};

/* clang-format off */
static const struct model models[PDU_MODEL_COUNT] = {
    /* PowerNet-MIB: rPDU2DeviceStatusPower in hundredths of kW, rPDU2DeviceStatusEnergy in tenths of
     * kWh, which a user can reset. */
    [PDU_APC] = {1, {"1.3.6.1.4.1.318.1.1.26.4.3.1.5", MW_PER_HUNDREDTH_KW, NULL, NULL, 0},
                    {"1.3.6.1.4.1.318.1.1.26.4.3.1.9", J_PER_TENTH_KWH, NULL, NULL, 0}},
    /* rPDU2OutletMeteredStatusPower in W, rPDU2OutletMeteredStatusEnergy in tenths of kWh. */
    [PDU_APC_OUTLET] = {1, {"1.3.6.1.4.1.318.1.1.26.9.4.3.1.7", MW_PER_W, NULL, NULL, 0},
                           {"1.3.6.1.4.1.318.1.1.26.9.4.3.1.11", J_PER_TENTH_KWH, NULL, NULL, 0}},
    /* PDU2-MIB: measurementsInletSensorValue, inletSensorDecimalDigits (by which it is divided),
     * measurementsInletSensorIsAvailable; the same of outlets. In W, and Wh. */
    [PDU_RARITAN_INLET] = {2,
        {RARITAN_DATA "2.3.1.4", MW_PER_W, RARITAN_CONFIG "3.4.1.7", RARITAN_DATA "2.3.1.2",
         RARITAN_ACTIVE_POWER},
        {RARITAN_DATA "2.3.1.4", J_PER_WH, RARITAN_CONFIG "3.4.1.7", RARITAN_DATA "2.3.1.2",
         RARITAN_ACTIVE_ENERGY}},
    [PDU_RARITAN] = {2,
        {RARITAN_DATA "4.3.1.4", MW_PER_W, RARITAN_CONFIG "5.4.1.7", RARITAN_DATA "4.3.1.2",
         RARITAN_ACTIVE_POWER},
        {RARITAN_DATA "4.3.1.4", J_PER_WH, RARITAN_CONFIG "5.4.1.7", RARITAN_DATA "4.3.1.2",
         RARITAN_ACTIVE_ENERGY}},
    /* EATON-EPDU-MIB: outletWatts, outletWh. */
    [PDU_EATON] = {2, {"1.3.6.1.4.1.534.6.6.7.6.5.1.3", MW_PER_W, NULL, NULL, 0},
                      {"1.3.6.1.4.1.534.6.6.7.6.5.1.4", J_PER_WH, NULL, NULL, 0}},
    /* Sentry4-MIB: st4OutletActivePower in W, st4OutletEnergy in Wh. */
    [PDU_SERVERTECH] = {3, {"1.3.6.1.4.1.1718.4.1.8.3.1.7", MW_PER_W, NULL, NULL, 0},
                           {"1.3.6.1.4.1.1718.4.1.8.3.1.14", J_PER_WH, NULL, NULL, 0}},
};
/* clang-format on */

static const struct measure *measure_of(const struct pdu_point *point)
{
    const struct model *model = &models[point->model];

    return point->quantity == POWER_QUANTITY_ENERGY ? &model->energy : &model->power;
}

/* Reads one number at *TEXT, and moves it on; -1 when there is none. */
static long long read_number(const char **text)
{
    char *end;
    unsigned long value;

    if (**text < '0' || **text > '9')
        return -1;
    errno = 0;
    value = strtoul(*text, &end, 10);
    *text = end;
    return errno || value > INT32_MAX ? -1 : (long long)value;
}

bool pdu_parse_index(struct pdu_point *point, const char *text)
{
    size_t count = models[point->model].index_count;

    for (size_t i = 0; i < count; i++) {
        long long number = read_number(&text);

        if (number < 0 || *text != (i + 1 < count ? '.' : '\0'))
            return false;
        point->index[i] = (unsigned)number;
        text++;
    }
    return true;
}

const char *pdu_index_example(int model)
{
    static const char *const examples[PDU_MAX_INDEX] = {"7", "1.7", "1.1.7"};

    return examples[models[model].index_count - 1];
}

void pdu_name_point(const struct pdu_point *point, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s", name);
    for (size_t i = 0; i < models[point->model].index_count; i++) {
        size_t used = strlen(out);

        snprintf(out + used, size - used, "%c%u", i == 0 ? '/' : '.', point->index[i]);
    }
}

/* A server draws the 3.6 kJ of 1 Wh in seconds, and the 360 kJ of 0.1 kWh in half an hour. */
bool pdu_has_fine_energy(int model)
{
    return models[model].energy.per_count <= J_PER_WH;
}

static void add_object(const char *base, const struct pdu_point *point, struct pdu_query *query)
{
    unsigned long *oid = query->oid[query->count];
    size_t length = 0;

    for (const char *at = base; at && *at; at += *at == '.')
        oid[length++] = (unsigned long)read_number(&at);
    for (size_t i = 0; i < models[point->model].index_count; i++)
        oid[length++] = point->index[i];
    if (measure_of(point)->sensor)
        oid[length++] = measure_of(point)->sensor;
    query->length[query->count] = length;
    query->count += base != NULL;
}

void pdu_ask(const struct pdu_point *point, struct pdu_query *query)
{
    const struct measure *measure = measure_of(point);

    query->count = 0;
    add_object(measure->value, point, query);
    add_object(measure->digits, point, query);
    add_object(measure->available, point, query);
}

struct fetched pdu_decode(const struct pdu_point *point,
                          const struct pdu_answer answers[PDU_MAX_OBJECTS])
{
    enum { VALUE, DIGITS, AVAILABLE, YES = 1, MOST_DIGITS = 9 };
    const struct fetched unsupported = {POWER_UNSUPPORTED, 0};
    const struct measure *measure = measure_of(point);
    int64_t digits = 0;
    double value;

    /* A PDU that does not meter this point has no such object, or says -1. */
    if (!answers[VALUE].present || answers[VALUE].number < 0)
        return unsupported;
    if (measure->available && answers[AVAILABLE].present && answers[AVAILABLE].number != YES)
        return unsupported;
    if (measure->digits) {
        digits = answers[DIGITS].number;
        if (!answers[DIGITS].present || digits < -MOST_DIGITS || digits > MOST_DIGITS)
            return unsupported;
    }
    value = (double)answers[VALUE].number * measure->per_count * pow(10, -(double)digits);
    if (value > MOST)
        return (struct fetched){POWER_FAILED, 0};
    return (struct fetched){POWER_OK, (uint64_t)llround(value)};
}
