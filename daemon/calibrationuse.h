/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CALIBRATIONUSE_H
#define IAGMETER_CALIBRATIONUSE_H

#include "daemon/ledger.h"
#include "daemon/servicecalibration.h"

#include <stdbool.h>
#include <stdint.h>

/* Which calibration of a service was in use from when until when, as facts in the ledger, so that
 * reports of any month can cite theirs; and whether answers still had the shape that it saw
 * (drift.h). A period that is over stays as it is. */

#define CALIBRATIONUSE_OPEN INT64_MAX

struct calibrationuse {
    char service[SERVICE_ID_SIZE];
    char transport[8];
    char regime[ESTIMATOR_NAME_SIZE]; /* the way of streaming, as in servicecalibration.h */
    char date[sizeof("2026-12-31")];
    int64_t since_s; /* of the first interval in which it was in use; */
    int64_t until_s; /* of the first one in which it no longer was; CALIBRATIONUSE_OPEN: it is */
    char source[120];
};

/* Whether the fact is one of these; they are for reports, and not for reading as they are. */
bool calibrationuse_is_fact(const char *name);

/* False for another fact. */
bool calibrationuse_parse(const char *name, const char *value, struct calibrationuse *out);

/* From the interval of SINCE_S on, those of CALIBRATIONS that are in force are in use, and no
 * others. Live use; within a transaction. */
enum ledger_status calibrationuse_note(struct ledger *ledger,
                                       const struct service_calibrations *calibrations,
                                       int64_t since_s);

/* Those of CALIBRATIONS that are in force were in use from the interval of SINCE_S until that of
 * UNTIL_S, which a capture was replayed into: a period that is over, and that ends no other one.
 * May be told again with a later UNTIL_S. Within a transaction. */
enum ledger_status calibrationuse_note_replay(struct ledger *ledger,
                                              const struct service_calibrations *calibrations,
                                              int64_t since_s, int64_t until_s);

/* Whether the answers had another shape than CALIBRATION saw, when last told: of each by its
 * service, transport, way of streaming and date. DRIFTED is false too when nothing was told, or it
 * cannot be read. */
enum ledger_status calibrationuse_note_drift(struct ledger *ledger,
                                             const struct service_calibration *calibration,
                                             bool drifted);
bool calibrationuse_has_drifted(struct ledger *ledger,
                                const struct service_calibration *calibration);

#endif
