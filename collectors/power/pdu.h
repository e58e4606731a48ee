/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_PDU_H
#define IAGMETER_PDU_H

#include "collectors/power/fetcher.h"
#include "collectors/power/power.h"

#include <stdbool.h>

/* Where the power distribution units of each maker say over SNMP what one of their points draws,
 * and in which unit. Knows no network. */

enum pdu_model {
    PDU_APC,           /* the whole unit; index: unit */
    PDU_APC_OUTLET,    /* outlet */
    PDU_RARITAN_INLET, /* unit.inlet */
    PDU_RARITAN,       /* unit.outlet */
    PDU_EATON,         /* strapping.outlet */
    PDU_SERVERTECH,    /* unit.cord.outlet */
    PDU_MODEL_COUNT
};

/* As the configuration has them, then NULL. */
extern const char *const pdu_model_names[PDU_MODEL_COUNT + 1];

#define PDU_MAX_INDEX   3
#define PDU_MAX_OBJECTS 3
#define PDU_OID_SIZE    24

struct pdu_point {
    int model;    /* enum pdu_model */
    int quantity; /* enum power_quantity */
    unsigned index[PDU_MAX_INDEX];
};

/* Reads "7", "1.7" or "1.1.7", as many numbers as POINT's model has. */
bool pdu_parse_index(struct pdu_point *point, const char *text);

/* One that has as many numbers. */
const char *pdu_index_example(int model);

/* Writes "NAME/1.7". */
void pdu_name_point(const struct pdu_point *point, const char *name, char *out, size_t size);

/* Whether the unit's counter of energy is fine enough to tell one interval from the next. */
bool pdu_has_fine_energy(int model);

/* What to ask for POINT: the value first, then what tells its scale and whether it is one. */
struct pdu_query {
    unsigned long oid[PDU_MAX_OBJECTS][PDU_OID_SIZE];
    size_t length[PDU_MAX_OBJECTS];
    size_t count;
};

void pdu_ask(const struct pdu_point *point, struct pdu_query *query);

/* What was answered: a whole number of any type of SNMP's, or none. */
struct pdu_answer {
    bool present;
    int64_t number;
};

/* In units of PDU_POWER_UNIT_W or PDU_ENERGY_UNIT_J. */
#define PDU_POWER_UNIT_W  0.001
#define PDU_ENERGY_UNIT_J 1.0

struct fetched pdu_decode(const struct pdu_point *point,
                          const struct pdu_answer answers[PDU_MAX_OBJECTS]);

#endif
