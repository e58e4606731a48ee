/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibrationuse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USED      "calibration_used "
#define DRIFT     "calibration_drift "
#define TEXT_SIZE 200
/* Those in force at a time, twice: more cannot be open unless the clock went back between; they
 * wait for the next change. */
#define MOST_OPEN ((size_t)2 * SERVICE_CALIBRATIONS)

struct open_uses {
    struct calibrationuse items[MOST_OPEN];
    size_t count;
};

/* -- Facts ------------------------------------------------------------------------------------ */

/* "calibration_used SERVICE TRANSPORT DATE SINCE", and the way of streaming where one was told. */
static void write_name(const struct calibrationuse *use, char out[TEXT_SIZE])
{
    snprintf(out, TEXT_SIZE, USED "%s %s %s %" PRId64 "%s%s", use->service, use->transport,
             use->date, use->since_s, use->regime[0] ? " " : "", use->regime);
}

/* "UNTIL SOURCE"; while it is in use, "- SOURCE". */
static void write_value(const struct calibrationuse *use, char out[TEXT_SIZE])
{
    if (use->until_s == CALIBRATIONUSE_OPEN)
        snprintf(out, TEXT_SIZE, "- %s", use->source);
    else
        snprintf(out, TEXT_SIZE, "%" PRId64 " %s", use->until_s, use->source);
}

static bool parse_number(const char *text, int64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

bool calibrationuse_is_fact(const char *name)
{
    return strncmp(name, USED, strlen(USED)) == 0 || strncmp(name, DRIFT, strlen(DRIFT)) == 0;
}

bool calibrationuse_parse(const char *name, const char *value, struct calibrationuse *out)
{
    char since[24], until[24];
    int source = 0;

    out->regime[0] = '\0';
    if (strncmp(name, USED, strlen(USED)) != 0 ||
        sscanf(name + strlen(USED), "%39s %7s %10s %23s %39s", out->service, out->transport,
               out->date, since, out->regime) < 4 ||
        !parse_number(since, &out->since_s) || sscanf(value, "%23s%n", until, &source) != 1 ||
        value[source] != ' ' || value[source + 1] == '\0')
        return false;
    out->until_s = CALIBRATIONUSE_OPEN;
    if (strcmp(until, "-") != 0 && !parse_number(until, &out->until_s))
        return false;
    snprintf(out->source, sizeof(out->source), "%s", value + source + 1);
    return true;
}

static enum ledger_status write_use(struct ledger *ledger, const struct calibrationuse *use)
{
    char name[TEXT_SIZE], value[TEXT_SIZE];

    write_name(use, name);
    write_value(use, value);
    return ledger_set_fact(ledger, name, value);
}

/* -- Changes ---------------------------------------------------------------------------------- */

static bool collect_open(void *context, const char *name, const char *value)
{
    struct open_uses *open = context;
    struct calibrationuse *use = &open->items[open->count];

    if (calibrationuse_parse(name, value, use) && use->until_s == CALIBRATIONUSE_OPEN)
        open->count++;
    return open->count < MOST_OPEN;
}

/* Facts of before 2026-11-28 tell no way: the source does. */
static bool is_of(const struct calibrationuse *use, const struct service_calibration *calibration)
{
    return strcmp(use->service, calibration->service) == 0 &&
           (use->regime[0] == '\0' || strcmp(use->regime, calibration->regime) == 0) &&
           strcmp(use->transport,
                  service_transport_name((enum service_transport)calibration->transport)) == 0 &&
           strcmp(use->date, calibration->date) == 0 &&
           strcmp(use->source, calibration->source) == 0;
}

static bool is_in_force(const struct service_calibrations *calibrations,
                        const struct calibrationuse *use)
{
    for (size_t i = 0; i < calibrations->count; i++)
        if (calibrations->items[i].in_force && is_of(use, &calibrations->items[i]))
            return true;
    return false;
}

/* One that began later, as when the clock went back, says nothing of what is before it. */
static bool is_open(const struct open_uses *open, const struct service_calibration *calibration,
                    int64_t since_s)
{
    for (size_t i = 0; i < open->count; i++)
        if (open->items[i].since_s <= since_s && is_of(&open->items[i], calibration))
            return true;
    return false;
}

static struct calibrationuse use_of(const struct service_calibration *calibration, int64_t since_s,
                                    int64_t until_s)
{
    struct calibrationuse use = {.since_s = since_s, .until_s = until_s};

    snprintf(use.service, sizeof(use.service), "%s", calibration->service);
    snprintf(use.transport, sizeof(use.transport), "%s",
             service_transport_name((enum service_transport)calibration->transport));
    snprintf(use.regime, sizeof(use.regime), "%s", calibration->regime);
    snprintf(use.date, sizeof(use.date), "%s", calibration->date);
    snprintf(use.source, sizeof(use.source), "%s", calibration->source);
    return use;
}

static enum ledger_status begin_use(struct ledger *ledger,
                                    const struct service_calibration *calibration, int64_t since_s)
{
    const struct calibrationuse use = use_of(calibration, since_s, CALIBRATIONUSE_OPEN);

    return write_use(ledger, &use);
}

/* Periods of one calibration that begin together are one fact, which only grows. */
static enum ledger_status write_longer(struct ledger *ledger, const struct calibrationuse *use)
{
    char name[TEXT_SIZE], value[TEXT_SIZE];
    struct calibrationuse known;
    enum ledger_status status;

    write_name(use, name);
    status = ledger_fact(ledger, name, value, sizeof(value));
    if (status != LEDGER_OK && status != LEDGER_EMPTY)
        return status;
    if (status == LEDGER_OK && calibrationuse_parse(name, value, &known) &&
        (known.until_s >= use->until_s || strcmp(known.source, use->source) != 0))
        return LEDGER_OK;
    return write_use(ledger, use);
}

enum ledger_status calibrationuse_note(struct ledger *ledger,
                                       const struct service_calibrations *calibrations,
                                       int64_t since_s)
{
    struct open_uses *open = calloc(1, sizeof(*open));
    enum ledger_status status =
        open ? ledger_visit_facts(ledger, collect_open, open) : LEDGER_RETRY;

    for (size_t i = 0; status == LEDGER_OK && i < open->count; i++) {
        struct calibrationuse *use = &open->items[i];

        if (use->since_s > since_s || is_in_force(calibrations, use))
            continue;
        use->until_s = since_s;
        status = write_use(ledger, use);
    }
    for (size_t i = 0; status == LEDGER_OK && i < calibrations->count; i++)
        if (calibrations->items[i].in_force && !is_open(open, &calibrations->items[i], since_s))
            status = begin_use(ledger, &calibrations->items[i], since_s);
    free(open);
    return status;
}

enum ledger_status calibrationuse_note_replay(struct ledger *ledger,
                                              const struct service_calibrations *calibrations,
                                              int64_t since_s, int64_t until_s)
{
    enum ledger_status status = LEDGER_OK;

    for (size_t i = 0; status == LEDGER_OK && i < calibrations->count; i++) {
        const struct calibrationuse use = use_of(&calibrations->items[i], since_s, until_s);

        if (calibrations->items[i].in_force)
            status = write_longer(ledger, &use);
    }
    return status;
}

/* -- Drift ------------------------------------------------------------------------------------ */

static void write_drift_name(const struct service_calibration *calibration, char out[TEXT_SIZE])
{
    snprintf(out, TEXT_SIZE, DRIFT "%s %s %s%s%s", calibration->service,
             service_transport_name((enum service_transport)calibration->transport),
             calibration->date, calibration->regime[0] ? " " : "", calibration->regime);
}

enum ledger_status calibrationuse_note_drift(struct ledger *ledger,
                                             const struct service_calibration *calibration,
                                             bool drifted)
{
    char name[TEXT_SIZE];

    write_drift_name(calibration, name);
    return ledger_set_fact(ledger, name, drifted ? "yes" : "no");
}

bool calibrationuse_has_drifted(struct ledger *ledger,
                                const struct service_calibration *calibration)
{
    char name[TEXT_SIZE];
    char value[8];

    write_drift_name(calibration, name);
    return ledger_fact(ledger, name, value, sizeof(value)) == LEDGER_OK &&
           strcmp(value, "yes") == 0;
}
