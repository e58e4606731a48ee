/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_LEDGER_H
#define IAGMETER_LEDGER_H

#include "collectors/collector.h"
#include "daemon/directions.h"
#include "daemon/impact.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ledger: the one place where the truth is kept (SQLite, WAL, full synchronisation). Everything
 * else, RRD files and reports, is a view that can be rebuilt from it. Additions to an interval that
 * is already there are summed into it, so a restart within an interval loses nothing. */

struct ledger;

enum ledger_status {
    LEDGER_OK,
    LEDGER_RETRY, /* busy, disk full, I/O error: nothing was recorded, try again later */
    LEDGER_FATAL, /* not a ledger, corrupt, or of a newer version */
    LEDGER_EMPTY  /* a query found nothing */
};

/* Opens, creating when WRITABLE, STATE_DIRECTORY/ledger.db. On failure returns NULL and fills ERROR
 * with one sentence. A writable ledger takes an exclusive lock on STATE_DIRECTORY/ledger.lock, so
 * that two daemons cannot write the same one, and brings a ledger of an older format to this one's,
 * all of it or nothing; a reader sees what that would add as 0. A ledger must not be used on both
 * sides of a fork(). */
struct ledger *ledger_open(const char *state_directory, bool writable, char *error,
                           size_t error_size);
/* The same; after a failure *LASTS is set: it stays until somebody mends it (a permission, a file
 * that is damaged, no ledger, or of a newer version), so that trying again is of no use. */
struct ledger *ledger_open_why(const char *state_directory, bool writable, bool *lasts, char *error,
                               size_t error_size);
void ledger_close(struct ledger *ledger);

/* Whether ledger.db and ledger.lock of a ledger that is open for writing are still at their paths;
 * if not, ledger_error() says which. What is written to the one is then found by nobody, and
 * without the other a second daemon may write, too. */
bool ledger_is_in_place(struct ledger *ledger);

/* Whether a process, the daemon most likely, holds STATE_DIRECTORY's ledger open for writing. Takes
 * nothing, so it is in nobody's way. */
bool ledger_is_locked(const char *state_directory);

/* The last failure in one sentence, with SQLite's own words. */
const char *ledger_error(const struct ledger *ledger);

/* Names are recorded once and keep their number for ever; labels follow the configuration. A number
 * learned in a transaction that was rolled back must be asked for again. */
enum ledger_status ledger_direction(struct ledger *ledger, const struct direction *direction,
                                    int64_t *id);
enum ledger_status ledger_service(struct ledger *ledger, const char *service, const char *label,
                                  int64_t *id);
/* A vintage and the digest of the configuration that it was read with. */
enum ledger_status ledger_factor_set(struct ledger *ledger, const char *vintage, uint64_t digest,
                                     int64_t *id);

/* What one interval adds. One transaction: ledger_begin(), any number of additions,
 * ledger_commit(). After a failure call ledger_rollback(), keep the data, and try all of it again
 * later. */
enum ledger_status ledger_begin(struct ledger *ledger);
enum ledger_status ledger_commit(struct ledger *ledger);
void ledger_rollback(struct ledger *ledger);

/* interval_start: seconds since 1970 UTC, a multiple of the interval's length. IMPACT NULL when the
 * service has no impact estimate, or has it later, when energy is shared; then nothing is written
 * to the impact table. */
enum ledger_status ledger_add_activity(struct ledger *ledger, int64_t interval_start,
                                       int64_t direction, int64_t service, int64_t factor_set,
                                       const struct activity *activity,
                                       const struct impact *impact);
enum ledger_status ledger_add_coverage(struct ledger *ledger, int64_t interval_start,
                                       const struct coverage *coverage);
/* Keeps the largest count of the day: a collector that restarts counts again from zero, and too low
 * a count only folds a cell that could have been shown. */
enum ledger_status ledger_add_devices(struct ledger *ledger, int64_t direction, int64_t service,
                                      int32_t day, uint32_t devices);

/* What was measured at a host of our own, and who used it: facts, which are shared later
 * (settlement.h). All but flags, which are joined, add up with what is there of the interval. */
enum ledger_status ledger_power_device(struct ledger *ledger, const struct power_device *device,
                                       int64_t *id);
/* IDLE_J: of the energy, what the device would have drawn anyway. The device number of ENERGY is
 * not used. */
enum ledger_status ledger_add_device_energy(struct ledger *ledger, int64_t interval_start,
                                            int64_t device, const struct device_energy *energy,
                                            double idle_j);
/* The weight stays what it was, 0 at first. The numbers in USE are not used. */
enum ledger_status ledger_add_local_use(struct ledger *ledger, int64_t interval_start,
                                        int64_t direction, int64_t service,
                                        const struct local_use *use);
/* Weighted tokens of what is there, which must be. */
enum ledger_status ledger_weigh_local_use(struct ledger *ledger, int64_t interval_start,
                                          int64_t direction, int64_t service, double weight);
enum ledger_status ledger_add_server_use(struct ledger *ledger, int64_t interval_start,
                                         int64_t direction, int64_t service,
                                         const struct server_use *use);

/* Of local_use, what the wire did not show: only the server counted it. Not of ledgers before
 * format 6. */
enum ledger_status ledger_add_unseen_use(struct ledger *ledger, int64_t interval_start,
                                         int64_t direction, int64_t service,
                                         const struct local_use *use);

/* A power source or an inference server that was away, or began to count anew, on a UTC day. */
struct ledger_source_day {
    int32_t day;
    const char *source;
    uint64_t missed_s;
    uint64_t restarts;
};
enum ledger_status ledger_add_source_day(struct ledger *ledger,
                                         const struct ledger_source_day *source_day);

/* Reading. Times are half-open: from <= interval_start < until. Rows come in ascending order of
 * interval, direction, service (the order in which the names were first recorded). VISIT returns
 * false to stop, and may call any of the functions that read. Nothing to visit is LEDGER_OK. */
struct ledger_row {
    int64_t interval_start;
    const char *direction;    /* code */
    const char *service;      /* id */
    struct activity activity; /* its ids are not set */
    bool has_variance;        /* of visible tokens; false: recorded before format 6, and 0 */
    bool has_impact;
    struct impact impact;
};
typedef bool ledger_visitor(void *context, const struct ledger_row *row);
enum ledger_status ledger_visit(struct ledger *ledger, int64_t from, int64_t until,
                                const char *direction, const char *service, ledger_visitor *visit,
                                void *context);

struct ledger_coverage_row {
    int64_t interval_start;
    struct coverage coverage;
};
typedef bool ledger_coverage_visitor(void *context, const struct ledger_coverage_row *row);
enum ledger_status ledger_visit_coverage(struct ledger *ledger, int64_t from, int64_t until,
                                         ledger_coverage_visitor *visit, void *context);
/* A visitor: adds ROW to CONTEXT, a struct coverage. Several captures may cover the same minute: it
 * is one minute. */
bool ledger_sum_coverage(void *context, const struct ledger_coverage_row *row);

/* By ascending interval, then device. */
struct ledger_device_row {
    int64_t interval_start;
    const char *name;
    uint8_t kind; /* enum power_device_kind */
    double energy_j;
    double idle_j;
    uint64_t covered_ns;
    uint8_t flags;    /* enum energy_flag */
    double carried_j; /* 0 also where it is unknown: recorded before format 8 */
};
typedef bool ledger_device_visitor(void *context, const struct ledger_device_row *row);
enum ledger_status ledger_visit_device_energy(struct ledger *ledger, int64_t from, int64_t until,
                                              ledger_device_visitor *visit, void *context);

/* One row for each device that was measured then: its last interval there, and sums; no flags. */
enum ledger_status ledger_visit_last_energy(struct ledger *ledger, int64_t from, int64_t until,
                                            ledger_device_visitor *visit, void *context);

/* By ascending interval, direction, service. */
struct ledger_use_row {
    int64_t interval_start;
    int64_t direction_id; /* the ledger's numbers */
    int64_t service_id;
    const char *direction; /* code */
    const char *service;   /* id */
    double requests;
    double tokens_in; /* those from the cache included */
    double tokens_cached;
    double tokens_out;
    double weight; /* weighted tokens; 0 until the interval is shared */
};
typedef bool ledger_use_visitor(void *context, const struct ledger_use_row *row);
enum ledger_status ledger_visit_local_use(struct ledger *ledger, int64_t from, int64_t until,
                                          ledger_use_visitor *visit, void *context);

/* What ledger_add_unseen_use() was given, in the same order; without weight. */
enum ledger_status ledger_visit_unseen_use(struct ledger *ledger, int64_t from, int64_t until,
                                           ledger_use_visitor *visit, void *context);

/* By ascending UTC day, from FROM_DAY to before UNTIL_DAY, then source. */
typedef bool ledger_source_visitor(void *context, const struct ledger_source_day *row);
enum ledger_status ledger_visit_source_days(struct ledger *ledger, int32_t from_day,
                                            int32_t until_day, ledger_source_visitor *visit,
                                            void *context);

struct ledger_server_row {
    int64_t interval_start;
    int64_t direction_id; /* the ledger's numbers */
    int64_t service_id;
    const char *direction; /* code; "unassigned": of no team, or no known one */
    const char *service;   /* id */
    uint64_t requests;
    uint64_t tokens_in; /* those from the cache included */
    uint64_t tokens_cached;
    uint64_t tokens_out;
};
typedef bool ledger_server_visitor(void *context, const struct ledger_server_row *row);
enum ledger_status ledger_visit_server_use(struct ledger *ledger, int64_t from, int64_t until,
                                           ledger_server_visitor *visit, void *context);

/* The first interval from FROM on in which something of the three was recorded. LEDGER_EMPTY
 * without any. */
enum ledger_status ledger_next_host_interval(struct ledger *ledger, int64_t from,
                                             int64_t *interval_start);

/* Largest number of devices on one day of the range [from_day, until_day), per direction (service
 * NULL), per service (direction NULL), or per pair. Of several pairs, the largest is taken: their
 * devices may be the same ones, and too low a number only folds a cell that could have been shown.
 * 0 when nothing is known. */
enum ledger_status ledger_devices(struct ledger *ledger, int32_t from_day, int32_t until_day,
                                  const char *direction, const char *service, uint32_t *devices);

/* First and last interval recorded. LEDGER_EMPTY without any. */
enum ledger_status ledger_span(struct ledger *ledger, int64_t *first, int64_t *last);
/* Start of the last one before UNTIL: a clock that was wrong for a while leaves later ones behind.
 * LEDGER_EMPTY without any. */
enum ledger_status ledger_last_before(struct ledger *ledger, int64_t until, int64_t *last);

/* Every (direction code, service id) pair that has activity. */
typedef bool ledger_pair_visitor(void *context, const char *direction, const char *service);
enum ledger_status ledger_visit_pairs(struct ledger *ledger, ledger_pair_visitor *visit,
                                      void *context);

/* The factor sets used in the range, as "vintage" and digest. */
typedef bool ledger_factor_set_visitor(void *context, const char *vintage, uint64_t digest);
enum ledger_status ledger_visit_factor_sets(struct ledger *ledger, int64_t from, int64_t until,
                                            ledger_factor_set_visitor *visit, void *context);

/* Tells whether anything that interval_start or day places on the UTC days from FROM_DAY to before
 * UNTIL_DAY was written since the last time: then a revision is another. By ascending day; first
 * comes that of the file, with day -1, which stands for every day that has none. A ledger of an
 * older format, opened to read, has none at all, and so cannot tell. Who keeps what was made of the
 * rows asks for revisions before reading them. */
typedef bool ledger_revision_visitor(void *context, int32_t day, int64_t revision);
enum ledger_status ledger_visit_revisions(struct ledger *ledger, int32_t from_day,
                                          int32_t until_day, ledger_revision_visitor *visit,
                                          void *context);

/* All of a range, for sums over many years. Rows come with the ledger's own numbers instead of
 * names, and SQLite hands them over from inside its loop: that takes a third of the time of
 * ledger_visit(). Impact and activity come apart; an interval in which factors were changed has
 * several rows of impact. Every visitor returns false to stop. FROM and UNTIL are not negative. */
struct ledger_scan_impact {
    int64_t interval_start;
    int64_t direction;
    int64_t service;
    int64_t factor_set;
    struct impact impact;
};
struct ledger_scan_activity {
    int64_t interval_start;
    int64_t direction;
    int64_t service;
    struct triple requests;
    struct triple tokens_in;
    struct triple tokens_out;
    double energy_j; /* of services on a host of our own */
    double host_s;
    double tokens_out_variance;
    bool has_variance; /* as in struct ledger_row */
};
struct ledger_scan_devices {
    int32_t day;
    int64_t direction;
    int64_t service;
    uint32_t devices; /* largest number of that UTC day */
};
struct ledger_scanner {
    bool (*direction)(void *context, int64_t id, const char *code);
    bool (*service)(void *context, int64_t id, const char *name);
    bool (*factor_set)(void *context, int64_t id, const char *vintage, uint64_t digest);
    bool (*impact)(void *context, const struct ledger_scan_impact *row);
    bool (*activity)(void *context, const struct ledger_scan_activity *row);
    bool (*devices)(void *context, const struct ledger_scan_devices *row);
    /* Whether impact from FROM to UNTIL, a UTC day, may come as sums of the whole day, which the
     * ledger keeps: one for each pair, with the day's start as its interval. A day with several
     * sets of factors comes by intervals anyway. NULL: all does. */
    bool (*whole_day)(void *context, int64_t from, int64_t until);
};
/* Calls the visitors in the order in which they stand above; names and sets are all that the ledger
 * has, the rows are those of the range, impact and activity by ascending interval, direction and
 * service. What they see is one state of the ledger, also while the daemon writes. LEDGER_EMPTY
 * when a visitor stopped it. */
enum ledger_status ledger_scan(struct ledger *ledger, int64_t from, int64_t until,
                               const struct ledger_scanner *scanner, void *context);

/* Small facts about the daemon, for `iagmeter status`. */
enum ledger_status ledger_set_fact(struct ledger *ledger, const char *name, const char *value);
enum ledger_status ledger_fact(struct ledger *ledger, const char *name, char *value, size_t size);
typedef bool ledger_fact_visitor(void *context, const char *name, const char *value);
enum ledger_status ledger_visit_facts(struct ledger *ledger, ledger_fact_visitor *visit,
                                      void *context);

#endif
