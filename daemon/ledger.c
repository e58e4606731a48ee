/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/ledger.h"

#include "daemon/calendar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x4941474d /* "IAGM", in the header of the file, for file(1) and for us */
/* Of the tables; in user_version. 2, 3, 7: more of coverage; 8: more of what was measured. */
#define FORMAT              8
#define FORMAT_OF_DAYS      4    /* the first with impact_day */
#define FORMAT_OF_HOST      5    /* the first with measured energy */
#define FORMAT_OF_GAPS      6    /* the first with what the wire did not show, and sources missed */
#define FORMAT_OF_REVISIONS 7    /* the first that tells which days were written to */
#define FILE_MODE           0640 /* the group may read */
#define BUSY_WAIT_MS        2000
#define DAY_S               86400
#define ERROR_SIZE          (2 * PATH_MAX + 400)

/* Of column restatement: impact computed when the activity was recorded. No row has another value:
 * what is computed later, with other factors, is kept apart from the ledger (reports/statements.h).
 */
#define RECORDED "0"

/* The columns, once: the tables, the statements and their bindings are all made from these lists,
 * so that they cannot disagree. Counters are INTEGER, estimates REAL (_low, _central, _high). */
#define ACTIVITY_COUNTERS(X) X(flows) X(bytes_up) X(bytes_down) X(bytes_other)
#define ACTIVITY_TRIPLES(X)  X(requests) X(tokens_in) X(tokens_out)
#define ACTIVITY_REALS(X)    X(energy_j) X(host_s)
/* The random part of visible tokens: NULL where it was not recorded, which is not 0. What is added
 * to such a row leaves it unknown. */
#define ACTIVITY_UNKNOWABLE(X) X(tokens_out_variance)
#define USE_REALS(X)           X(requests) X(tokens_in) X(tokens_cached) X(tokens_out)
#define SERVER_COUNTERS(X)     X(requests) X(tokens_in) X(tokens_cached) X(tokens_out)
#define IMPACT_TRIPLES(X)                                                                          \
    X(energy_kwh) X(gwp_use_kgco2e) X(gwp_embodied_kgco2e) X(adpe_kgsb) X(water_l)
#define DEFINE_COUNTER(name)    #name " INTEGER NOT NULL, "
#define DEFINE_REAL(name)       #name " REAL NOT NULL, "
#define DEFINE_UNKNOWABLE(name) #name " REAL, "
#define DEFINE_TRIPLE(name)                                                                        \
#name "_low REAL NOT NULL, " #name "_central REAL NOT NULL, " #name "_high REAL NOT NULL, "
#define NAME_COUNTER(name) ", " #name
#define NAME_REAL(name)    ", " #name
#define NAME_TRIPLE(name)  ", " #name "_low, " #name "_central, " #name "_high"
#define MARK_COUNTER(name) ", ?"
#define MARK_REAL(name)    ", ?"
#define MARK_TRIPLE(name)  ", ?, ?, ?"
/* A sum of integers that overflows is REAL, which the column refuses: it stays at the largest. */
#define LARGEST                 "9223372036854775807"
#define ADD_COUNTER(name)       ", " #name " = min(" #name " + excluded." #name ", " LARGEST ")"
#define ADD_REAL(name)          ", " #name " = " #name " + excluded." #name
#define ADD_TRIPLE(name)        ADD_REAL(name##_low) ADD_REAL(name##_central) ADD_REAL(name##_high)
#define QUALIFIED_COUNTER(name) ", a." #name
#define QUALIFIED_REAL(name)    ", a." #name
#define QUALIFIED_TRIPLE(name)  ", a." #name "_low, a." #name "_central, a." #name "_high"
#define SUM_TRIPLE(name)        ", sum(" #name "_low), sum(" #name "_central), sum(" #name "_high)"

#define DEFINE_ACTIVITY                                                                            \
    ACTIVITY_COUNTERS(DEFINE_COUNTER)                                                              \
    ACTIVITY_TRIPLES(DEFINE_TRIPLE)                                                                \
    ACTIVITY_REALS(DEFINE_REAL) ACTIVITY_UNITS(DEFINE_TRIPLE) ACTIVITY_UNKNOWABLE(DEFINE_UNKNOWABLE)
#define NAME_ACTIVITY                                                                              \
    ACTIVITY_COUNTERS(NAME_COUNTER)                                                                \
    ACTIVITY_TRIPLES(NAME_TRIPLE)                                                                  \
    ACTIVITY_REALS(NAME_REAL) ACTIVITY_UNITS(NAME_TRIPLE) ACTIVITY_UNKNOWABLE(NAME_REAL)
#define MARK_ACTIVITY                                                                              \
    ACTIVITY_COUNTERS(MARK_COUNTER)                                                                \
    ACTIVITY_TRIPLES(MARK_TRIPLE)                                                                  \
    ACTIVITY_REALS(MARK_REAL) ACTIVITY_UNITS(MARK_TRIPLE) ACTIVITY_UNKNOWABLE(MARK_REAL)
#define SUM_UP_ACTIVITY                                                                            \
    ACTIVITY_COUNTERS(ADD_COUNTER)                                                                 \
    ACTIVITY_TRIPLES(ADD_TRIPLE)                                                                   \
    ACTIVITY_REALS(ADD_REAL) ACTIVITY_UNITS(ADD_TRIPLE) ACTIVITY_UNKNOWABLE(ADD_REAL)
#define QUALIFIED_ACTIVITY                                                                         \
    ACTIVITY_COUNTERS(QUALIFIED_COUNTER)                                                           \
    ACTIVITY_TRIPLES(QUALIFIED_TRIPLE)                                                             \
    ACTIVITY_REALS(QUALIFIED_REAL)                                                                 \
    ACTIVITY_UNITS(QUALIFIED_TRIPLE) ACTIVITY_UNKNOWABLE(QUALIFIED_REAL)
#define DEFINE_IMPACT   IMPACT_TRIPLES(DEFINE_TRIPLE)
#define NAME_IMPACT     IMPACT_TRIPLES(NAME_TRIPLE)
#define MARK_IMPACT     IMPACT_TRIPLES(MARK_TRIPLE)
#define SUM_UP_IMPACT   IMPACT_TRIPLES(ADD_TRIPLE)
#define SUM_OF_IMPACT   IMPACT_TRIPLES(SUM_TRIPLE)
#define DEFINE_COVERAGE COVERAGE_COUNTERS(DEFINE_COUNTER)
#define NAME_COVERAGE   COVERAGE_COUNTERS(NAME_COUNTER)
#define MARK_COVERAGE   COVERAGE_COUNTERS(MARK_COUNTER)
#define SUM_UP_COVERAGE COVERAGE_COUNTERS(ADD_COUNTER)
#define DEFINE_USE      USE_REALS(DEFINE_REAL)
#define DEFINE_SERVER   SERVER_COUNTERS(DEFINE_COUNTER)
#define NAME_USE        USE_REALS(NAME_REAL)
#define MARK_USE        USE_REALS(MARK_REAL)
#define SUM_UP_USE      USE_REALS(ADD_REAL)
#define NAME_SERVER     SERVER_COUNTERS(NAME_COUNTER)
#define MARK_SERVER     SERVER_COUNTERS(MARK_COUNTER)
#define SUM_UP_SERVER   SERVER_COUNTERS(ADD_COUNTER)
#define SUM_UP_ENERGY                                                                              \
    ADD_REAL(energy_j) ADD_REAL(idle_j) ADD_COUNTER(covered_ns) ADD_REAL(carried_j)
#define NAME_SCANNED                                                                               \
    ACTIVITY_TRIPLES(NAME_TRIPLE) ACTIVITY_REALS(NAME_REAL) ACTIVITY_UNKNOWABLE(NAME_REAL)

/* Columns that came after their table's first format. A file that lacks one is given it, whatever
 * its format: what one version adds more needs no line here. */
#define LATER_COUNTER(name)    {"coverage", #name, "INTEGER", false},
#define LATER_REAL(name)       {"activity", #name, "REAL", false},
#define LATER_UNKNOWABLE(name) {"activity", #name, "REAL", true},
#define LATER_TRIPLE(name)     LATER_REAL(name##_low) LATER_REAL(name##_central) LATER_REAL(name##_high)
static const struct later_column {
    const char *table;
    const char *name;
    const char *type;
    bool is_unknown; /* of what was recorded without it, NULL; else it is 0 */
} LATER_COLUMNS[] = {
    COVERAGE_COUNTERS(LATER_COUNTER) ACTIVITY_REALS(LATER_REAL) ACTIVITY_UNITS(LATER_TRIPLE)
        ACTIVITY_UNKNOWABLE(LATER_UNKNOWABLE){"device_energy", "carried_j", "REAL", true}};
#define LATER_COLUMN_COUNT (sizeof(LATER_COLUMNS) / sizeof(LATER_COLUMNS[0]))

#define INTERVAL_COLUMN "interval_start INTEGER NOT NULL CHECK (interval_start % 60 = 0), "

/* Sums of impact, so that years can be added up without reading every minute. */
#define DAY_TABLE                                                                                  \
    "CREATE TABLE impact_day (day INTEGER NOT NULL,"                                               \
    " direction INTEGER NOT NULL REFERENCES direction,"                                            \
    " service INTEGER NOT NULL REFERENCES service,"                                                \
    " factor_set INTEGER NOT NULL REFERENCES factor_set, " DEFINE_IMPACT                           \
    "PRIMARY KEY (day, direction, service, factor_set)) STRICT, WITHOUT ROWID;"

#define KEY_COLUMNS                                                                                \
    INTERVAL_COLUMN "direction INTEGER NOT NULL REFERENCES direction,"                             \
                    " service INTEGER NOT NULL REFERENCES service, "
#define END_OF_KEYED "PRIMARY KEY (interval_start, direction, service)) STRICT, WITHOUT ROWID;"

/* What was measured at a host of our own: without the words that create a table, for a reader makes
 * tables of its own where an older file has none. */
#define POWER_DEVICE                                                                               \
    "power_device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind INTEGER NOT NULL) "     \
    "STRICT;"
#define DEVICE_ENERGY                                                                              \
    "device_energy (" INTERVAL_COLUMN "device INTEGER NOT NULL REFERENCES power_device,"           \
    " energy_j REAL NOT NULL, idle_j REAL NOT NULL, covered_ns INTEGER NOT NULL,"                  \
    " flags INTEGER NOT NULL, carried_j REAL, PRIMARY KEY (interval_start, device))"               \
    " STRICT, WITHOUT ROWID;"
#define LOCAL_USE  "local_use (" KEY_COLUMNS DEFINE_USE "weight REAL NOT NULL, " END_OF_KEYED
#define SERVER_USE "server_use (" KEY_COLUMNS DEFINE_SERVER END_OF_KEYED
#define HOST_TABLES(create)                                                                        \
    create POWER_DEVICE create DEVICE_ENERGY create LOCAL_USE create SERVER_USE
#define NEW_HOST_TABLES   HOST_TABLES("CREATE TABLE ")
#define EMPTY_HOST_TABLES HOST_TABLES("CREATE TEMP TABLE ")

/* What of local_use only a server counted; and how long sources were missed, by UTC days. */
#define UNSEEN_USE "unseen_use (" KEY_COLUMNS DEFINE_USE END_OF_KEYED
#define SOURCE_DAY                                                                                 \
    "source_day (day INTEGER NOT NULL, source TEXT NOT NULL, missed_s INTEGER NOT NULL,"           \
    " restarts INTEGER NOT NULL, PRIMARY KEY (day, source)) STRICT, WITHOUT ROWID;"
#define NEW_GAP_TABLES                                                                             \
    "CREATE TABLE IF NOT EXISTS " UNSEEN_USE "CREATE TABLE IF NOT EXISTS " SOURCE_DAY
#define EMPTY_GAP_TABLES                                                                           \
    "CREATE TEMP TABLE IF NOT EXISTS " UNSEEN_USE "CREATE TEMP TABLE IF NOT EXISTS " SOURCE_DAY

/* A number for each UTC day, another one after whatever is written to it: so what was made of a day
 * (reports/monthsums.h) can be told from what must be made anew. They are drawn at random, so that
 * a ledger that was restored, and then written to as often, has others; that of day -1 is of the
 * file, and stands for the days of an older format. Triggers see to it, so that nothing escapes. */
#define REVISION_TABLE                                                                             \
    "day_revision (day INTEGER NOT NULL PRIMARY KEY, revision INTEGER NOT NULL) STRICT;"
#define REVISE(day)                                                                                \
    "INSERT INTO day_revision (day, revision) VALUES (" day ", random())"                          \
    " ON CONFLICT DO UPDATE SET revision = excluded.revision;"
#define REVISE_AFTER(event, table, days)                                                           \
    "CREATE TRIGGER IF NOT EXISTS revise_" table "_" event " AFTER " event " ON " table            \
    " BEGIN " days " END;"
#define REVISE_TABLE(table, time)                                                                  \
    REVISE_AFTER("INSERT", table, REVISE("NEW." time))                                             \
    REVISE_AFTER("UPDATE", table, REVISE("OLD." time) REVISE("NEW." time))                         \
    REVISE_AFTER("DELETE", table, REVISE("OLD." time))
#define REVISE_INTERVALS(table) REVISE_TABLE(table, "interval_start / 86400")
#define NEW_REVISIONS                                                                              \
    "CREATE TABLE IF NOT EXISTS " REVISION_TABLE REVISE("-1") REVISE_INTERVALS("activity")         \
        REVISE_INTERVALS("impact") REVISE_INTERVALS("coverage") REVISE_INTERVALS("device_energy")  \
            REVISE_INTERVALS("local_use") REVISE_INTERVALS("server_use")                           \
                REVISE_INTERVALS("unseen_use") REVISE_TABLE("device_day", "day")
#define EMPTY_REVISIONS "CREATE TEMP TABLE " REVISION_TABLE

static const char SCHEMA[] =
    "CREATE TABLE direction (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE,"
    " label TEXT NOT NULL, legal_entity TEXT NOT NULL, headcount INTEGER NOT NULL) STRICT;"
    "CREATE TABLE service (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " label TEXT NOT NULL) STRICT;"
    "CREATE TABLE factor_set (id INTEGER PRIMARY KEY, vintage TEXT NOT NULL,"
    " digest INTEGER NOT NULL, UNIQUE (vintage, digest)) STRICT;"
    "CREATE TABLE activity (" KEY_COLUMNS "grade INTEGER NOT NULL, " DEFINE_ACTIVITY END_OF_KEYED
    /* A file of graphs is one pair over all time. */
    "CREATE INDEX activity_of_pair ON activity (direction, service, interval_start);"
    "CREATE TABLE impact (interval_start INTEGER NOT NULL, direction INTEGER NOT NULL,"
    " service INTEGER NOT NULL, restatement INTEGER NOT NULL,"
    " factor_set INTEGER NOT NULL REFERENCES factor_set, " DEFINE_IMPACT
    "PRIMARY KEY (interval_start, direction, service, restatement, factor_set),"
    " FOREIGN KEY (interval_start, direction, service) REFERENCES activity) STRICT, WITHOUT "
    "ROWID;" DAY_TABLE "CREATE TABLE coverage (" INTERVAL_COLUMN DEFINE_COVERAGE
    "PRIMARY KEY (interval_start)) STRICT, WITHOUT ROWID;" NEW_HOST_TABLES NEW_GAP_TABLES
    "CREATE TABLE device_day (day INTEGER NOT NULL,"
    " direction INTEGER NOT NULL REFERENCES direction,"
    " service INTEGER NOT NULL REFERENCES service, devices INTEGER NOT NULL,"
    " PRIMARY KEY (day, direction, service)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE fact (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT "
    "ROWID;" NEW_REVISIONS;

/* An interval in which the factors were changed has a row of impact for each set of them. */
#define SELECT_ROWS                                                                                \
    "SELECT a.interval_start, d.code, s.name, a.grade" QUALIFIED_ACTIVITY                          \
    ", count(i.factor_set)" SUM_OF_IMPACT                                                          \
    " FROM activity a CROSS JOIN direction d ON d.id = a.direction"                                \
    " CROSS JOIN service s ON s.id = a.service"                                                    \
    " LEFT JOIN impact i ON i.interval_start = a.interval_start AND i.direction = a.direction"     \
    " AND i.service = a.service AND i.restatement = " RECORDED                                     \
    " WHERE a.interval_start >= ?1 AND a.interval_start < ?2"
#define EACH_ROW                                                                                   \
    " GROUP BY a.interval_start, a.direction, a.service"                                           \
    " ORDER BY a.interval_start, a.direction, a.service"

/* Of a direction and a service, with their names. */
#define SELECT_KEY "SELECT interval_start, direction, service, code, name"
#define EACH_KEY                                                                                   \
    " CROSS JOIN direction d ON d.id = direction CROSS JOIN service s ON s.id = service"           \
    " WHERE interval_start >= ?1 AND interval_start < ?2"                                          \
    " ORDER BY interval_start, direction, service"

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    SET_DIRECTION,
    GET_DIRECTION,
    SET_SERVICE,
    GET_SERVICE,
    SET_FACTOR_SET,
    GET_FACTOR_SET,
    ADD_ACTIVITY,
    ADD_IMPACT,
    ADD_IMPACT_DAY,
    ADD_COVERAGE,
    ADD_DEVICES,
    SET_POWER_DEVICE,
    ADD_DEVICE_ENERGY,
    ADD_LOCAL_USE,
    WEIGH_LOCAL_USE,
    ADD_SERVER_USE,
    ADD_UNSEEN_USE,
    ADD_SOURCE_DAY,
    GET_POWER_DEVICE,
    GET_HOST_INTERVAL,
    GET_DEVICES,
    GET_SPAN,
    GET_LAST,
    SET_FACT,
    GET_FACT,
    KEPT_STATEMENTS,
    FIRST_ADDITION = ADD_ACTIVITY,
    LAST_ADDITION = ADD_SOURCE_DAY,
    /* A visitor may ask for another visit: each visit has a statement of its own. */
    VISIT_ROWS = KEPT_STATEMENTS,
    VISIT_PAIR_ROWS,
    VISIT_COVERAGE,
    VISIT_DEVICE_ENERGY,
    VISIT_LAST_ENERGY,
    VISIT_LOCAL_USE,
    VISIT_SERVER_USE,
    VISIT_UNSEEN_USE,
    VISIT_SOURCE_DAYS,
    VISIT_PAIRS,
    VISIT_FACTOR_SETS,
    VISIT_FACTS,
    VISIT_REVISIONS,
    SCAN_DIRECTIONS,
    SCAN_SERVICES,
    SCAN_FACTOR_SETS,
    SCAN_MIXED_DAYS,
    SCAN_IMPACT,
    SCAN_IMPACT_DAYS,
    SCAN_ACTIVITY,
    SCAN_DEVICES,
    STATEMENTS
};

static const char *const SQL[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SET_DIRECTION] =
        "INSERT INTO direction (code, label, legal_entity, headcount) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (code) DO UPDATE SET label = excluded.label,"
        " legal_entity = excluded.legal_entity, headcount = excluded.headcount"
        " WHERE label <> excluded.label OR legal_entity <> excluded.legal_entity"
        " OR headcount <> excluded.headcount",
    [GET_DIRECTION] = "SELECT id FROM direction WHERE code = ?",
    [SET_SERVICE] = "INSERT INTO service (name, label) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET label = excluded.label"
                    " WHERE label <> excluded.label",
    [GET_SERVICE] = "SELECT id FROM service WHERE name = ?",
    [SET_FACTOR_SET] = "INSERT INTO factor_set (vintage, digest) VALUES (?, ?)"
                       " ON CONFLICT DO NOTHING",
    [GET_FACTOR_SET] = "SELECT id FROM factor_set WHERE vintage = ? AND digest = ?",
    [ADD_ACTIVITY] =
        "INSERT INTO activity (interval_start, direction, service, grade" NAME_ACTIVITY
        ") VALUES (?, ?, ?, ?" MARK_ACTIVITY
        ") ON CONFLICT DO UPDATE SET grade = max(grade, excluded.grade)" SUM_UP_ACTIVITY,
    [ADD_IMPACT] = "INSERT INTO impact"
                   " (interval_start, direction, service, factor_set, restatement" NAME_IMPACT
                   ") VALUES (?, ?, ?, ?, " RECORDED MARK_IMPACT
                   ") ON CONFLICT DO UPDATE SET restatement = restatement" SUM_UP_IMPACT,
    [ADD_IMPACT_DAY] =
        "INSERT INTO impact_day (day, direction, service, factor_set" NAME_IMPACT
        ") VALUES (?, ?, ?, ?" MARK_IMPACT ") ON CONFLICT DO UPDATE SET day = day" SUM_UP_IMPACT,
    [ADD_COVERAGE] =
        "INSERT INTO coverage (interval_start" NAME_COVERAGE ") VALUES (?" MARK_COVERAGE
        ") ON CONFLICT DO UPDATE SET interval_start = interval_start" SUM_UP_COVERAGE,
    [ADD_DEVICES] = "INSERT INTO device_day (day, direction, service, devices) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET devices = max(devices, excluded.devices)",
    [SET_POWER_DEVICE] = "INSERT INTO power_device (name, kind) VALUES (?, ?)"
                         " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind"
                         " WHERE kind <> excluded.kind",
    [GET_POWER_DEVICE] = "SELECT id FROM power_device WHERE name = ?",
    [ADD_DEVICE_ENERGY] =
        "INSERT INTO device_energy (interval_start, device, energy_j, idle_j, covered_ns, flags,"
        " carried_j) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET flags = flags | excluded.flags" SUM_UP_ENERGY,
    [ADD_LOCAL_USE] =
        "INSERT INTO local_use (interval_start, direction, service, weight" NAME_USE
        ") VALUES (?, ?, ?, 0" MARK_USE ") ON CONFLICT DO UPDATE SET weight = weight" SUM_UP_USE,
    [WEIGH_LOCAL_USE] = "UPDATE local_use SET weight = ?4"
                        " WHERE interval_start = ?1 AND direction = ?2 AND service = ?3",
    [ADD_SERVER_USE] = "INSERT INTO server_use (interval_start, direction, service" NAME_SERVER
                       ") VALUES (?, ?, ?" MARK_SERVER
                       ") ON CONFLICT DO UPDATE SET service = service" SUM_UP_SERVER,
    [ADD_UNSEEN_USE] =
        "INSERT INTO unseen_use (interval_start, direction, service" NAME_USE
        ") VALUES (?, ?, ?" MARK_USE ") ON CONFLICT DO UPDATE SET service = service" SUM_UP_USE,
    [ADD_SOURCE_DAY] =
        "INSERT INTO source_day (day, source, missed_s, restarts)"
        " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET source = source" ADD_COUNTER(missed_s)
            ADD_COUNTER(restarts),
    [GET_HOST_INTERVAL] = "SELECT min(next) FROM"
                          " (SELECT (SELECT min(interval_start) FROM device_energy"
                          " WHERE interval_start >= ?1) AS next"
                          " UNION ALL SELECT (SELECT min(interval_start) FROM local_use"
                          " WHERE interval_start >= ?1)"
                          " UNION ALL SELECT (SELECT min(interval_start) FROM server_use"
                          " WHERE interval_start >= ?1))",
    [GET_DEVICES] = "SELECT max(devices) FROM device_day WHERE day >= ?1 AND day < ?2"
                    " AND (?3 IS NULL OR direction = (SELECT id FROM direction WHERE code = ?3))"
                    " AND (?4 IS NULL OR service = (SELECT id FROM service WHERE name = ?4))",
    [GET_SPAN] = "SELECT min(first), max(last) FROM"
                 " (SELECT (SELECT min(interval_start) FROM activity) AS first,"
                 " (SELECT max(interval_start) FROM activity) AS last"
                 " UNION ALL SELECT (SELECT min(interval_start) FROM coverage),"
                 " (SELECT max(interval_start) FROM coverage)"
                 " UNION ALL SELECT (SELECT min(interval_start) FROM device_energy),"
                 " (SELECT max(interval_start) FROM device_energy))",
    [GET_LAST] =
        "SELECT max(last) FROM"
        " (SELECT (SELECT max(interval_start) FROM activity WHERE interval_start < ?1) AS last"
        " UNION ALL SELECT (SELECT max(interval_start) FROM coverage WHERE interval_start < ?1)"
        " UNION ALL SELECT (SELECT max(interval_start) FROM device_energy"
        " WHERE interval_start < ?1))",
    [SET_FACT] = "INSERT INTO fact (name, value) VALUES (?, ?)"
                 " ON CONFLICT DO UPDATE SET value = excluded.value",
    [GET_FACT] = "SELECT value FROM fact WHERE name = ?",
    [VISIT_ROWS] = SELECT_ROWS " AND (?3 IS NULL OR d.code = ?3)"
                               " AND (?4 IS NULL OR s.name = ?4)" EACH_ROW,
    [VISIT_PAIR_ROWS] =
        SELECT_ROWS " AND a.direction = (SELECT id FROM direction WHERE code = ?3)"
                    " AND a.service = (SELECT id FROM service WHERE name = ?4)" EACH_ROW,
    [VISIT_COVERAGE] = "SELECT interval_start" NAME_COVERAGE " FROM coverage WHERE"
                       " interval_start >= ?1 AND interval_start < ?2 ORDER BY interval_start",
    [VISIT_DEVICE_ENERGY] =
        "SELECT interval_start, name, kind, energy_j, idle_j, covered_ns, flags, carried_j"
        " FROM device_energy e CROSS JOIN power_device d ON d.id = e.device"
        " WHERE interval_start >= ?1 AND interval_start < ?2 ORDER BY interval_start, device",
    [VISIT_LAST_ENERGY] =
        "SELECT max(interval_start), name, kind, sum(energy_j), sum(idle_j), sum(covered_ns), 0,"
        " total(carried_j)"
        " FROM device_energy e CROSS JOIN power_device d ON d.id = e.device"
        " WHERE interval_start >= ?1 AND interval_start < ?2 GROUP BY device ORDER BY device",
    [VISIT_LOCAL_USE] = SELECT_KEY NAME_USE ", weight FROM local_use" EACH_KEY,
    [VISIT_SERVER_USE] = SELECT_KEY NAME_SERVER " FROM server_use" EACH_KEY,
    [VISIT_UNSEEN_USE] = SELECT_KEY NAME_USE ", 0 FROM unseen_use" EACH_KEY,
    [VISIT_SOURCE_DAYS] = "SELECT day, source, missed_s, restarts FROM source_day"
                          " WHERE day >= ?1 AND day < ?2 ORDER BY day, source",
    [VISIT_PAIRS] = "SELECT d.code, s.name FROM direction d CROSS JOIN service s WHERE EXISTS"
                    " (SELECT 1 FROM activity a WHERE a.direction = d.id AND a.service = s.id)"
                    " ORDER BY d.id, s.id",
    [VISIT_FACTOR_SETS] =
        "SELECT vintage, digest FROM factor_set f WHERE EXISTS (SELECT 1 FROM impact"
        " WHERE interval_start >= ?1 AND interval_start < ?2 AND restatement = " RECORDED
        " AND factor_set = f.id) ORDER BY id",
    [VISIT_FACTS] = "SELECT name, value FROM fact ORDER BY name",
    [VISIT_REVISIONS] = "SELECT day, revision FROM day_revision"
                        " WHERE day = -1 OR (day >= ?1 AND day < ?2) ORDER BY day",
    [SCAN_DIRECTIONS] = "SELECT id, code FROM direction ORDER BY id",
    [SCAN_SERVICES] = "SELECT id, name FROM service ORDER BY id",
    [SCAN_FACTOR_SETS] = "SELECT id, vintage, digest FROM factor_set ORDER BY id",
    /* Functions of ours, that see each row in the order of the key, which is that of the table. */
    [SCAN_IMPACT] = "SELECT scan_impact(interval_start, direction, service, factor_set" NAME_IMPACT
                    ") FROM impact WHERE interval_start >= ?1 AND interval_start < ?2"
                    " AND restatement = " RECORDED,
    [SCAN_IMPACT_DAYS] =
        "SELECT scan_impact(day * 86400, direction, service, factor_set" NAME_IMPACT
        ") FROM impact_day WHERE day >= ?1 AND day < ?2",
    [SCAN_MIXED_DAYS] = "SELECT day FROM impact_day WHERE day >= ?1 AND day < ?2 GROUP BY day"
                        " HAVING min(factor_set) < max(factor_set)",
    [SCAN_ACTIVITY] = "SELECT scan_activity(interval_start, direction, service" NAME_SCANNED
                      ") FROM activity WHERE interval_start >= ?1 AND interval_start < ?2",
    [SCAN_DEVICES] = "SELECT day, direction, service, devices FROM device_day"
                     " WHERE day >= ?1 AND day < ?2 ORDER BY day, direction, service",
};

struct ledger {
    sqlite3 *database;
    sqlite3_stmt *statements[KEPT_STATEMENTS];
    char path[PATH_MAX];
    char error[ERROR_SIZE];
    int lock;       /* of ledger.lock, -1 for a reader */
    int64_t format; /* of the file when it was opened, 0 without tables */
    bool immutable; /* opened without any lock or log: nobody may write meanwhile */
    bool failed;    /* something in the open transaction: it must not be committed */
    bool lasts;     /* what failed last, until somebody mends it */
};

const char *ledger_error(const struct ledger *ledger)
{
    return ledger->error;
}

/* ---- Failures ---- */

static enum ledger_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return LEDGER_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_INTERRUPT:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return LEDGER_RETRY;
    default:
        return LEDGER_FATAL;
    }
}

static const char *words_for(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "is in use by another process";
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "cannot be written: read-only file system or no permission";
    case SQLITE_IOERR:
        return "cannot be read or written";
    case SQLITE_FULL:
        return "cannot grow: the disk is full";
    case SQLITE_CANTOPEN:
        return "cannot be opened";
    case SQLITE_CORRUPT:
        return "is damaged";
    case SQLITE_NOTADB:
        return "is not an iagmeter ledger";
    default:
        return "failed";
    }
}

static enum ledger_status fail(struct ledger *ledger)
{
    int code = sqlite3_extended_errcode(ledger->database);
    int system_error = sqlite3_system_errno(ledger->database);
    bool has_reason = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;

    ledger->lasts = status_of(code) == LEDGER_FATAL || (code & 0xff) == SQLITE_PERM ||
                    (code & 0xff) == SQLITE_READONLY;
    snprintf(ledger->error, sizeof(ledger->error), "%s %s (%s%s%s)", ledger->path, words_for(code),
             sqlite3_errmsg(ledger->database), has_reason && system_error ? ": " : "",
             has_reason && system_error ? strerror(system_error) : "");
    ledger->failed = true;
    return status_of(code);
}

static enum ledger_status refuse(struct ledger *ledger, enum ledger_status status, const char *why)
{
    snprintf(ledger->error, sizeof(ledger->error), "%s %s", ledger->path, why);
    ledger->failed = true;
    ledger->lasts = status == LEDGER_FATAL;
    return status;
}

/* ---- Statements ---- */

/* Binds in the order of the columns: nothing is ever written into the text of a statement. */
struct binder {
    sqlite3_stmt *statement;
    int next;
};

static struct binder binder_for(struct ledger *ledger, enum statement which)
{
    return (struct binder){ledger->statements[which], 1};
}

static void bind_integer(struct binder *binder, int64_t value)
{
    sqlite3_bind_int64(binder->statement, binder->next++, value);
}

/* SQLite's integers are signed; no counter of ours reaches half of that in one interval. */
static void bind_counter(struct binder *binder, uint64_t value)
{
    bind_integer(binder, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void bind_real(struct binder *binder, double value)
{
    sqlite3_bind_double(binder->statement, binder->next++, value);
}

static void bind_triple(struct binder *binder, struct triple value)
{
    bind_real(binder, value.low);
    bind_real(binder, value.central);
    bind_real(binder, value.high);
}

/* TEXT must live until the statement is reset. */
static void bind_text(struct binder *binder, const char *text)
{
    sqlite3_bind_text(binder->statement, binder->next++, text, -1, SQLITE_STATIC);
}

struct reader {
    sqlite3_stmt *statement;
    int next;
};

static int64_t read_integer(struct reader *reader)
{
    return sqlite3_column_int64(reader->statement, reader->next++);
}

static double read_real(struct reader *reader)
{
    return sqlite3_column_double(reader->statement, reader->next++);
}

static bool next_is_null(const struct reader *reader)
{
    return sqlite3_column_type(reader->statement, reader->next) == SQLITE_NULL;
}

static struct triple read_triple(struct reader *reader)
{
    struct triple value;

    value.low = read_real(reader);
    value.central = read_real(reader);
    value.high = read_real(reader);
    return value;
}

static const char *read_text(struct reader *reader)
{
    const unsigned char *text = sqlite3_column_text(reader->statement, reader->next++);

    return text ? (const char *)text : "";
}

/* Runs a statement without a result, and makes it ready for the next time. */
static enum ledger_status run(struct ledger *ledger, sqlite3_stmt *statement)
{
    enum ledger_status status = LEDGER_OK;

    if (sqlite3_step(statement) != SQLITE_DONE)
        status = fail(ledger);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

/* Steps to the only row of a query; when LEDGER_OK, the caller reads it and then resets. */
static enum ledger_status query(struct ledger *ledger, sqlite3_stmt *statement)
{
    enum ledger_status status;

    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return LEDGER_OK;
    case SQLITE_DONE:
        status = LEDGER_EMPTY;
        break;
    default:
        status = fail(ledger);
    }
    sqlite3_reset(statement);
    return status;
}

static enum ledger_status query_id(struct ledger *ledger, sqlite3_stmt *statement, int64_t *id)
{
    enum ledger_status status = query(ledger, statement);

    if (status == LEDGER_OK)
        *id = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

static bool query_pragma(struct ledger *ledger, const char *pragma, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    bool found = false;

    if (sqlite3_prepare_v2(ledger->database, pragma, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
        found = true;
    } else {
        fail(ledger);
    }
    sqlite3_finalize(statement);
    return found;
}

static bool execute(struct ledger *ledger, const char *sql)
{
    if (sqlite3_exec(ledger->database, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    fail(ledger);
    return false;
}

/* ---- Opening ---- */

static bool exists(const struct ledger *ledger, const char *suffix, off_t *size)
{
    char path[PATH_MAX + 8];
    struct stat status;

    snprintf(path, sizeof(path), "%s%s", ledger->path, suffix);
    if (stat(path, &status) != 0)
        return false;
    *size = status.st_size;
    return true;
}

static bool open_failed(struct ledger *ledger, const char *path)
{
    bool refused = errno == EACCES;

    ledger->lasts = errno == EACCES || errno == EPERM || errno == EROFS || errno == ELOOP;
    snprintf(ledger->error, sizeof(ledger->error), "cannot open %s: %s", path, strerror(errno));
    if (refused) { /* root becomes another one first: say who was refused */
        size_t length = strlen(ledger->error);

        snprintf(ledger->error + length, sizeof(ledger->error) - length, " to user %u",
                 (unsigned)geteuid());
    }
    return false;
}

/* Locks of the open file, not of the process (fcntl(2), "Open file description locks"): unlike
 * flock(2) they can be asked for without being taken, and a daemon that starts at that instant is
 * not refused. */
bool ledger_is_locked(const char *state_directory)
{
    struct flock asked = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_MAX];
    int lock;
    bool locked;

    snprintf(path, sizeof(path), "%s/ledger.lock", state_directory);
    lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (lock < 0)
        return false;
    locked = fcntl(lock, F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
    close(lock);
    return locked;
}

static void lock_path(const struct ledger *ledger, char *out, size_t size)
{
    int directory = (int)(strrchr(ledger->path, '/') - ledger->path);

    snprintf(out, size, "%.*s/ledger.lock", directory, ledger->path);
}

static bool take_lock(struct ledger *ledger)
{
    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_MAX + 16];

    lock_path(ledger, path, sizeof(path));
    ledger->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (ledger->lock < 0)
        return open_failed(ledger, path);
    fchmod(ledger->lock, FILE_MODE); /* whatever the umask; refused when it is not ours */
    if (fcntl(ledger->lock, F_OFD_SETLK, &wanted) == 0)
        return true;
    snprintf(ledger->error, sizeof(ledger->error), "%s is locked: another iagmeterd writes to %s",
             path, ledger->path);
    return false;
}

/* That the file is not there: where it must not be made anew. */
static bool refuse_missing(struct ledger *ledger, bool writable)
{
    off_t size = 0;

    if (exists(ledger, "-wal", &size) && size > 0)
        /* SQLite would throw the log away together with what only it still holds. */
        refuse(ledger, LEDGER_FATAL,
               "is missing, but its log ledger.db-wal is there: restore both, or remove both");
    else if (!writable)
        refuse(ledger, LEDGER_FATAL,
               "is not there yet: iagmeterd makes it when it starts, in its state_directory");
    else
        return false;
    return true;
}

/* SQLite would create the file with the umask's mode, and say nothing but "unable to open". The log
 * takes the mode of the database. */
static bool check_file(struct ledger *ledger, bool writable)
{
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC;
    int file = open(ledger->path, flags);

    if (file < 0 && errno == ENOENT) {
        if (refuse_missing(ledger, writable))
            return false;
        file = open(ledger->path, flags | O_CREAT | O_EXCL, FILE_MODE);
        if (file >= 0)
            fchmod(file, FILE_MODE);
    }
    if (file < 0)
        return open_failed(ledger, ledger->path);
    close(file);
    return true;
}

static bool check_tables(struct ledger *ledger)
{
    int64_t application_id, tables;

    if (!query_pragma(ledger, "PRAGMA application_id", &application_id) ||
        !query_pragma(ledger, "PRAGMA user_version", &ledger->format) ||
        !query_pragma(ledger, "SELECT count(*) FROM sqlite_schema", &tables))
        return false;
    if (application_id == 0 && ledger->format == 0 && tables == 0)
        return true;
    if (application_id != APPLICATION_ID || ledger->format < 1) {
        refuse(ledger, LEDGER_FATAL, "is not an iagmeter ledger");
        return false;
    }
    if (ledger->format > FORMAT) {
        snprintf(ledger->error, sizeof(ledger->error),
                 "%s was written by a newer version of iagmeter (format %lld, this one knows %d)",
                 ledger->path, (long long)ledger->format, FORMAT);
        ledger->lasts = true;
        return false;
    }
    return true;
}

/* Runs SQL and sets the format, in one transaction, which the caller's ledger_close() rolls back
 * when any of it fails. */
static bool make_tables(struct ledger *ledger, const char *sql)
{
    char identity[80];

    snprintf(identity, sizeof(identity), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, FORMAT);
    return execute(ledger, "BEGIN IMMEDIATE") && execute(ledger, sql) &&
           execute(ledger, identity) && execute(ledger, "COMMIT");
}

/* Whether the file has a column; *FOUND is set. */
static bool ask_for(struct ledger *ledger, const struct later_column *column, int64_t *found)
{
    char question[160];

    snprintf(question, sizeof(question),
             "SELECT count(*) FROM pragma_table_info('%s') WHERE name = '%s'", column->table,
             column->name);
    return query_pragma(ledger, question, found);
}

/* Whether the tables that are made anew, with all columns, hold it. */
static bool is_of_new_table(const struct ledger *ledger, const struct later_column *column)
{
    return ledger->format < FORMAT_OF_HOST && strcmp(column->table, "device_energy") == 0;
}

/* Of what was recorded before a column was there, nothing is known: 0, and reports say how much of
 * a total has no reason recorded; or NULL, where 0 would be a claim. */
static bool append_columns(struct ledger *ledger, FILE *sql)
{
    int64_t found;

    for (size_t i = 0; i < LATER_COLUMN_COUNT; i++) {
        const struct later_column *column = &LATER_COLUMNS[i];

        if (is_of_new_table(ledger, column))
            continue;
        if (!ask_for(ledger, column, &found))
            return false;
        if (!found)
            fprintf(sql, "ALTER TABLE %s ADD COLUMN %s %s%s;", column->table, column->name,
                    column->type, column->is_unknown ? "" : " NOT NULL DEFAULT 0");
    }
    return true;
}

/* Of what was recorded before, all of local_use is taken for seen. */
static void append_gaps(const struct ledger *ledger, const char *tables, FILE *sql)
{
    if (ledger->format < FORMAT_OF_GAPS)
        fputs(tables, sql);
}

static bool append_migration(struct ledger *ledger, FILE *sql)
{
    /* Row by row: a GROUP BY would sort all of the ledger in memory. */
    static const char days[] =
        DAY_TABLE "INSERT INTO impact_day (day, direction, service, factor_set" NAME_IMPACT
                  ") SELECT interval_start / 86400, direction, service, factor_set" NAME_IMPACT
                  " FROM impact WHERE restatement = " RECORDED
                  " ON CONFLICT DO UPDATE SET day = day" SUM_UP_IMPACT ";";

    if (ledger->format < FORMAT_OF_DAYS)
        fputs(days, sql);
    if (ledger->format < FORMAT_OF_HOST)
        fputs(NEW_HOST_TABLES, sql);
    append_gaps(ledger, NEW_GAP_TABLES, sql);
    fputs(NEW_REVISIONS, sql);
    return append_columns(ledger, sql);
}

/* Who may only read sees an older file through views (in memory: no one else's) that hide the
 * table behind its name, and add what it lacks. */
static bool append_view(struct ledger *ledger, const char *table, FILE *sql)
{
    int64_t found;

    fprintf(sql, "CREATE TEMP VIEW %s AS SELECT *", table);
    for (size_t i = 0; i < LATER_COLUMN_COUNT; i++) {
        const struct later_column *column = &LATER_COLUMNS[i];

        if (strcmp(column->table, table) != 0)
            continue;
        if (!ask_for(ledger, column, &found))
            return false;
        if (!found)
            fprintf(sql, ", CAST(%s AS %s) AS %s", column->is_unknown ? "NULL" : "0", column->type,
                    column->name);
    }
    fprintf(sql, " FROM main.%s;", table);
    return true;
}

static bool append_views(struct ledger *ledger, FILE *sql)
{
    if (ledger->format < FORMAT_OF_HOST)
        fputs(EMPTY_HOST_TABLES, sql);
    append_gaps(ledger, EMPTY_GAP_TABLES, sql);
    if (ledger->format < FORMAT_OF_REVISIONS)
        fputs(EMPTY_REVISIONS, sql);
    return append_view(ledger, "coverage", sql) && append_view(ledger, "activity", sql) &&
           (ledger->format < FORMAT_OF_HOST || append_view(ledger, "device_energy", sql));
}

/* Brings an older file to this format (WRITABLE), or makes it look so. */
static bool adapt_tables(struct ledger *ledger, bool writable)
{
    char *text = NULL;
    size_t size;
    FILE *sql = open_memstream(&text, &size);
    bool done = false;

    if (!sql) {
        refuse(ledger, LEDGER_RETRY, "does not fit into memory");
        return false;
    }
    done = writable ? append_migration(ledger, sql) : append_views(ledger, sql);
    if (fclose(sql) != 0)
        done = false;
    done = done && (writable ? make_tables(ledger, text) : execute(ledger, text));
    free(text);
    return done;
}

static bool prepare_statements(struct ledger *ledger)
{
    for (int i = 0; i < KEPT_STATEMENTS; i++) {
        /* A reader's may be a view, which takes no additions, or not be there; and it begins no
         * transaction. */
        if (i >= FIRST_ADDITION && i <= LAST_ADDITION && ledger->lock < 0)
            continue;
        if (sqlite3_prepare_v3(ledger->database, SQL[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &ledger->statements[i], NULL) != SQLITE_OK) {
            fail(ledger);
            return false;
        }
    }
    return true;
}

static bool connect_to(struct ledger *ledger, const char *name, int flags)
{
    if (sqlite3_open_v2(name, &ledger->database, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        fail(ledger);
        return false;
    }
    sqlite3_extended_result_codes(ledger->database, 1);
    sqlite3_busy_timeout(ledger->database, BUSY_WAIT_MS);
    /* Pragmas that read nothing from the file. */
    return execute(ledger, "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                           " PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
}

static bool open_writer(struct ledger *ledger)
{
    if (!take_lock(ledger) || !check_file(ledger, true) ||
        !connect_to(ledger, ledger->path, SQLITE_OPEN_READWRITE) || !check_tables(ledger))
        return false;
    /* Of the database in WAL mode, "full" means: synchronised at each commit, not at checkpoints
     * only. The limit gives the room back that a long reader made the log take. */
    if (!execute(ledger, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                         " PRAGMA journal_size_limit = 16777216"))
        return false;
    if (ledger->format == 0 ? !make_tables(ledger, SCHEMA)
                            : ledger->format < FORMAT && !adapt_tables(ledger, true))
        return false;
    return prepare_statements(ledger);
}

/* "file:/var/lib/iagmeter/ledger.db?mode=ro&immutable=1", with the path's odd bytes escaped. */
static void immutable_name(const char *path, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "file:");

    for (; *path && used + 32 < size; path++) {
        bool plain = *path != '%' && *path != '?' && *path != '#';

        used += (size_t)snprintf(out + used, size - used, plain ? "%c" : "%%%02X",
                                 (unsigned char)*path);
    }
    snprintf(out + used, size - used, "?mode=ro&immutable=1");
}

/* Reading in WAL mode takes part in the locking, in a shared memory file: who cannot write the
 * directory can do so only while the files of a writer are there. When the last writer has closed
 * the database they are gone, and it can be read as it is. */
static bool reopen_immutable(struct ledger *ledger)
{
    int code = sqlite3_extended_errcode(ledger->database) & 0xff;
    char name[3 * PATH_MAX + 64];
    off_t log_size = 0;

    if ((code != SQLITE_CANTOPEN && code != SQLITE_READONLY) ||
        (exists(ledger, "-wal", &log_size) && log_size > 0))
        return false;
    sqlite3_close(ledger->database);
    ledger->database = NULL;
    ledger->immutable = true;
    immutable_name(ledger->path, name, sizeof(name));
    return connect_to(ledger, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI) && check_tables(ledger);
}

static bool open_reader(struct ledger *ledger)
{
    if (!check_file(ledger, false) || !connect_to(ledger, ledger->path, SQLITE_OPEN_READONLY))
        return false;
    if (!check_tables(ledger) && !reopen_immutable(ledger))
        return false;
    if (ledger->format == 0) {
        refuse(ledger, LEDGER_FATAL, "is empty: iagmeterd has recorded nothing yet");
        return false;
    }
    return (ledger->format == FORMAT || adapt_tables(ledger, false)) && prepare_statements(ledger);
}

struct ledger *ledger_open(const char *state_directory, bool writable, char *error,
                           size_t error_size)
{
    bool lasts;

    return ledger_open_why(state_directory, writable, &lasts, error, error_size);
}

struct ledger *ledger_open_why(const char *state_directory, bool writable, bool *lasts, char *error,
                               size_t error_size)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    int length;

    *lasts = false;
    if (!ledger) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    ledger->lock = -1;
    length = snprintf(ledger->path, sizeof(ledger->path), "%s/ledger.db", state_directory);
    if (length < 0 || (size_t)length >= sizeof(ledger->path))
        refuse(ledger, LEDGER_FATAL, "is too long a path");
    else if (writable ? open_writer(ledger) : open_reader(ledger)) {
        ledger->failed = false;
        return ledger;
    }
    snprintf(error, error_size, "%s", ledger->error);
    *lasts = ledger->lasts;
    ledger_close(ledger);
    return NULL;
}

/* Whether the file that is open is not, or no more, the one at its path. */
static bool has_moved(const struct ledger *ledger)
{
    int moved = 0;

    return sqlite3_file_control(ledger->database, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) ==
               SQLITE_OK &&
           moved;
}

static bool lock_has_moved(const struct ledger *ledger)
{
    struct stat held, found;
    char path[PATH_MAX + 16];

    lock_path(ledger, path, sizeof(path));
    return fstat(ledger->lock, &held) == 0 &&
           (stat(path, &found) != 0 || found.st_dev != held.st_dev || found.st_ino != held.st_ino);
}

bool ledger_is_in_place(struct ledger *ledger)
{
    char lock[PATH_MAX + 16];
    bool moved = has_moved(ledger);

    if (!moved && !lock_has_moved(ledger))
        return true;
    lock_path(ledger, lock, sizeof(lock));
    snprintf(ledger->error, sizeof(ledger->error), "%s was moved, deleted or replaced while in use",
             moved ? ledger->path : lock);
    return false;
}

/* Of a file that was moved SQLite leaves the log where it is: of what it holds the file would lack
 * the latest, and what took its place would be read with a log that is not its own. */
static void empty_log(struct ledger *ledger)
{
    if (ledger->database && ledger->lock >= 0 && has_moved(ledger))
        execute(ledger, "PRAGMA wal_checkpoint(TRUNCATE)");
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (int i = 0; i < KEPT_STATEMENTS; i++)
        sqlite3_finalize(ledger->statements[i]);
    empty_log(ledger);
    sqlite3_close(ledger->database);
    if (ledger->lock >= 0)
        close(ledger->lock);
    free(ledger);
}

/* ---- Writing ---- */

enum ledger_status ledger_direction(struct ledger *ledger, const struct direction *direction,
                                    int64_t *id)
{
    struct binder set = binder_for(ledger, SET_DIRECTION);
    struct binder get = binder_for(ledger, GET_DIRECTION);
    enum ledger_status status;

    bind_text(&set, direction->code);
    bind_text(&set, direction->label);
    bind_text(&set, direction->legal_entity);
    bind_integer(&set, direction->headcount);
    status = run(ledger, set.statement);
    if (status != LEDGER_OK)
        return status;
    bind_text(&get, direction->code);
    return query_id(ledger, get.statement, id);
}

enum ledger_status ledger_service(struct ledger *ledger, const char *service, const char *label,
                                  int64_t *id)
{
    struct binder set = binder_for(ledger, SET_SERVICE);
    struct binder get = binder_for(ledger, GET_SERVICE);
    enum ledger_status status;

    bind_text(&set, service);
    bind_text(&set, label);
    status = run(ledger, set.statement);
    if (status != LEDGER_OK)
        return status;
    bind_text(&get, service);
    return query_id(ledger, get.statement, id);
}

/* SQLite knows signed integers only: a digest keeps its bits. */
enum ledger_status ledger_factor_set(struct ledger *ledger, const char *vintage, uint64_t digest,
                                     int64_t *id)
{
    struct binder set = binder_for(ledger, SET_FACTOR_SET);
    struct binder get = binder_for(ledger, GET_FACTOR_SET);
    enum ledger_status status;

    bind_text(&set, vintage);
    bind_integer(&set, (int64_t)digest);
    status = run(ledger, set.statement);
    if (status != LEDGER_OK)
        return status;
    bind_text(&get, vintage);
    bind_integer(&get, (int64_t)digest);
    return query_id(ledger, get.statement, id);
}

enum ledger_status ledger_begin(struct ledger *ledger)
{
    if (ledger->lock < 0)
        return refuse(ledger, LEDGER_RETRY, "cannot be written: it was opened for reading only");
    ledger->failed = false;
    return run(ledger, ledger->statements[BEGIN]);
}

/* Outside of a transaction an addition would be committed alone, and again at the next attempt.
 * After a failure (SQLite may then have rolled back by itself) its reason is kept. */
static bool in_transaction(struct ledger *ledger)
{
    if (ledger->failed)
        return false;
    if (!sqlite3_get_autocommit(ledger->database))
        return true;
    refuse(ledger, LEDGER_RETRY, "takes additions between begin and commit only");
    return false;
}

enum ledger_status ledger_commit(struct ledger *ledger)
{
    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    return run(ledger, ledger->statements[COMMIT]);
}

void ledger_rollback(struct ledger *ledger)
{
    /* Full disks and I/O errors make SQLite roll back by itself. */
    if (!sqlite3_get_autocommit(ledger->database)) {
        sqlite3_step(ledger->statements[ROLLBACK]);
        sqlite3_reset(ledger->statements[ROLLBACK]);
    }
    ledger->failed = false;
}

static void bind_key(struct binder *binder, int64_t interval_start, int64_t direction,
                     int64_t service)
{
    bind_integer(binder, interval_start);
    bind_integer(binder, direction);
    bind_integer(binder, service);
}

/* WHEN: start of the interval, or number of the day. */
static enum ledger_status add_impact(struct ledger *ledger, struct binder *row, int64_t when,
                                     int64_t direction, int64_t service, int64_t factor_set,
                                     const struct impact *impact)
{
    bind_key(row, when, direction, service);
    bind_integer(row, factor_set);
#define BIND_TRIPLE(name) bind_triple(row, impact->name);
    IMPACT_TRIPLES(BIND_TRIPLE)
#undef BIND_TRIPLE
    return run(ledger, row->statement);
}

enum ledger_status ledger_add_activity(struct ledger *ledger, int64_t interval_start,
                                       int64_t direction, int64_t service, int64_t factor_set,
                                       const struct activity *activity, const struct impact *impact)
{
    struct binder row = binder_for(ledger, ADD_ACTIVITY);
    enum ledger_status status;

    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    bind_key(&row, interval_start, direction, service);
    bind_integer(&row, activity->grade);
#define BIND_COUNTER(name) bind_counter(&row, activity->name);
#define BIND_TRIPLE(name)  bind_triple(&row, activity->name);
#define BIND_REAL(name)    bind_real(&row, activity->name);
    ACTIVITY_COUNTERS(BIND_COUNTER)
    ACTIVITY_TRIPLES(BIND_TRIPLE)
    ACTIVITY_REALS(BIND_REAL)
    ACTIVITY_UNITS(BIND_TRIPLE)
    ACTIVITY_UNKNOWABLE(BIND_REAL)
#undef BIND_COUNTER
#undef BIND_TRIPLE
#undef BIND_REAL
    status = run(ledger, row.statement);
    if (status != LEDGER_OK || !impact)
        return status;
    row = binder_for(ledger, ADD_IMPACT);
    status = add_impact(ledger, &row, interval_start, direction, service, factor_set, impact);
    if (status != LEDGER_OK)
        return status;
    row = binder_for(ledger, ADD_IMPACT_DAY);
    return add_impact(ledger, &row, interval_start / DAY_S, direction, service, factor_set, impact);
}

enum ledger_status ledger_add_coverage(struct ledger *ledger, int64_t interval_start,
                                       const struct coverage *coverage)
{
    struct binder row = binder_for(ledger, ADD_COVERAGE);

    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    bind_integer(&row, interval_start);
#define BIND_COUNTER(name) bind_counter(&row, coverage->name);
    COVERAGE_COUNTERS(BIND_COUNTER)
#undef BIND_COUNTER
    return run(ledger, row.statement);
}

enum ledger_status ledger_add_devices(struct ledger *ledger, int64_t direction, int64_t service,
                                      int32_t day, uint32_t devices)
{
    struct binder row = binder_for(ledger, ADD_DEVICES);

    bind_key(&row, day, direction, service);
    bind_integer(&row, devices);
    return run(ledger, row.statement);
}

enum ledger_status ledger_power_device(struct ledger *ledger, const struct power_device *device,
                                       int64_t *id)
{
    struct binder set = binder_for(ledger, SET_POWER_DEVICE);
    struct binder get = binder_for(ledger, GET_POWER_DEVICE);
    enum ledger_status status;

    bind_text(&set, device->name);
    bind_integer(&set, device->kind);
    status = run(ledger, set.statement);
    if (status != LEDGER_OK)
        return status;
    bind_text(&get, device->name);
    return query_id(ledger, get.statement, id);
}

enum ledger_status ledger_add_device_energy(struct ledger *ledger, int64_t interval_start,
                                            int64_t device, const struct device_energy *energy,
                                            double idle_j)
{
    struct binder row = binder_for(ledger, ADD_DEVICE_ENERGY);

    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    bind_integer(&row, interval_start);
    bind_integer(&row, device);
    bind_real(&row, energy->energy_j);
    bind_real(&row, idle_j);
    bind_counter(&row, energy->covered_ns);
    bind_integer(&row, energy->flags);
    bind_real(&row, energy->carried_j);
    return run(ledger, row.statement);
}

static enum ledger_status add_use(struct ledger *ledger, enum statement which,
                                  int64_t interval_start, int64_t direction, int64_t service,
                                  const struct local_use *use)
{
    struct binder row = binder_for(ledger, which);

    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    bind_key(&row, interval_start, direction, service);
#define BIND_REAL(name) bind_real(&row, use->name);
    USE_REALS(BIND_REAL)
#undef BIND_REAL
    return run(ledger, row.statement);
}

enum ledger_status ledger_add_local_use(struct ledger *ledger, int64_t interval_start,
                                        int64_t direction, int64_t service,
                                        const struct local_use *use)
{
    return add_use(ledger, ADD_LOCAL_USE, interval_start, direction, service, use);
}

enum ledger_status ledger_weigh_local_use(struct ledger *ledger, int64_t interval_start,
                                          int64_t direction, int64_t service, double weight)
{
    struct binder row = binder_for(ledger, WEIGH_LOCAL_USE);

    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    bind_key(&row, interval_start, direction, service);
    bind_real(&row, weight);
    return run(ledger, row.statement);
}

enum ledger_status ledger_add_server_use(struct ledger *ledger, int64_t interval_start,
                                         int64_t direction, int64_t service,
                                         const struct server_use *use)
{
    struct binder row = binder_for(ledger, ADD_SERVER_USE);

    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    bind_key(&row, interval_start, direction, service);
#define BIND_COUNTER(name) bind_counter(&row, use->name);
    SERVER_COUNTERS(BIND_COUNTER)
#undef BIND_COUNTER
    return run(ledger, row.statement);
}

enum ledger_status ledger_add_unseen_use(struct ledger *ledger, int64_t interval_start,
                                         int64_t direction, int64_t service,
                                         const struct local_use *use)
{
    return add_use(ledger, ADD_UNSEEN_USE, interval_start, direction, service, use);
}

enum ledger_status ledger_add_source_day(struct ledger *ledger,
                                         const struct ledger_source_day *source_day)
{
    struct binder row = binder_for(ledger, ADD_SOURCE_DAY);

    if (!in_transaction(ledger))
        return LEDGER_RETRY;
    bind_integer(&row, source_day->day);
    bind_text(&row, source_day->source);
    bind_counter(&row, source_day->missed_s);
    bind_counter(&row, source_day->restarts);
    return run(ledger, row.statement);
}

enum ledger_status ledger_set_fact(struct ledger *ledger, const char *name, const char *value)
{
    struct binder row = binder_for(ledger, SET_FACT);

    bind_text(&row, name);
    bind_text(&row, value);
    return run(ledger, row.statement);
}

/* ---- Reading ---- */

enum ledger_status ledger_fact(struct ledger *ledger, const char *name, char *value, size_t size)
{
    struct binder row = binder_for(ledger, GET_FACT);
    enum ledger_status status;

    bind_text(&row, name);
    status = query(ledger, row.statement);
    if (status == LEDGER_OK)
        snprintf(value, size, "%s", (const char *)sqlite3_column_text(row.statement, 0));
    sqlite3_reset(row.statement);
    sqlite3_clear_bindings(row.statement);
    return status;
}

enum ledger_status ledger_span(struct ledger *ledger, int64_t *first, int64_t *last)
{
    sqlite3_stmt *statement = ledger->statements[GET_SPAN];
    enum ledger_status status = query(ledger, statement);

    if (status == LEDGER_OK && sqlite3_column_type(statement, 0) == SQLITE_NULL)
        status = LEDGER_EMPTY;
    if (status == LEDGER_OK) {
        *first = sqlite3_column_int64(statement, 0);
        *last = sqlite3_column_int64(statement, 1);
    }
    sqlite3_reset(statement);
    return status;
}

/* Devices of several pairs may be the same ones: of a direction or a service, the largest pair is
 * what is surely distinct. Too low a number only folds a cell that could have been shown. */
enum ledger_status ledger_devices(struct ledger *ledger, int32_t from_day, int32_t until_day,
                                  const char *direction, const char *service, uint32_t *devices)
{
    struct binder row = binder_for(ledger, GET_DEVICES);
    int64_t largest = 0;
    enum ledger_status status;

    bind_integer(&row, from_day);
    bind_integer(&row, until_day);
    bind_text(&row, direction);
    bind_text(&row, service);
    status = query_id(ledger, row.statement, &largest);
    *devices = (uint32_t)largest;
    return status;
}

/* Of a statement that has a time as its parameter. */
static enum ledger_status find_interval(struct ledger *ledger, unsigned number, int64_t time_s,
                                        int64_t *interval_start)
{
    struct binder row = binder_for(ledger, number);
    enum ledger_status status;

    bind_integer(&row, time_s);
    status = query(ledger, row.statement);
    if (status == LEDGER_OK && sqlite3_column_type(row.statement, 0) == SQLITE_NULL)
        status = LEDGER_EMPTY;
    if (status == LEDGER_OK)
        *interval_start = sqlite3_column_int64(row.statement, 0);
    sqlite3_reset(row.statement);
    sqlite3_clear_bindings(row.statement);
    return status;
}

enum ledger_status ledger_last_before(struct ledger *ledger, int64_t until, int64_t *last)
{
    return find_interval(ledger, GET_LAST, until, last);
}

enum ledger_status ledger_next_host_interval(struct ledger *ledger, int64_t from,
                                             int64_t *interval_start)
{
    return find_interval(ledger, GET_HOST_INTERVAL, from, interval_start);
}

/* Calls READ for each row of a query until it returns false. */
typedef bool row_reader(struct reader *reader, void *closure);

/* The parameters of all visits; those that a query does not have are left out. */
struct bounds {
    int64_t from;
    int64_t until;
    const char *direction;
    const char *service;
};

static enum ledger_status visit(struct ledger *ledger, enum statement which,
                                const struct bounds *bounds, row_reader *read, void *closure)
{
    enum ledger_status status = LEDGER_OK;
    struct binder binder = {NULL, 1};
    off_t log_size;
    int code;

    if (sqlite3_prepare_v2(ledger->database, SQL[which], -1, &binder.statement, NULL) != SQLITE_OK)
        return fail(ledger);
    if (bounds) {
        bind_integer(&binder, bounds->from);
        bind_integer(&binder, bounds->until);
        bind_text(&binder, bounds->direction);
        bind_text(&binder, bounds->service);
    }
    while ((code = sqlite3_step(binder.statement)) == SQLITE_ROW) {
        struct reader reader = {binder.statement, 0};

        if (!read(&reader, closure))
            break;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = fail(ledger);
    sqlite3_finalize(binder.statement);
    if (ledger->immutable && exists(ledger, "-wal", &log_size))
        return refuse(ledger, LEDGER_RETRY, "changed while it was read: iagmeterd was started");
    return status;
}

struct row_closure {
    ledger_visitor *visit;
    void *context;
};

static uint32_t clamp32(int64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static bool read_row(struct reader *reader, void *closure)
{
    const struct row_closure *target = closure;
    struct ledger_row row = {.interval_start = read_integer(reader)};

    row.direction = read_text(reader);
    row.service = read_text(reader);
    row.activity.grade = (uint8_t)read_integer(reader);
    row.activity.flows = clamp32(read_integer(reader));
    row.activity.bytes_up = (uint64_t)read_integer(reader);
    row.activity.bytes_down = (uint64_t)read_integer(reader);
    row.activity.bytes_other = (uint64_t)read_integer(reader);
#define READ_TRIPLE(name) row.activity.name = read_triple(reader);
#define READ_REAL(name)   row.activity.name = read_real(reader);
    ACTIVITY_TRIPLES(READ_TRIPLE)
    ACTIVITY_REALS(READ_REAL)
    ACTIVITY_UNITS(READ_TRIPLE)
    row.has_variance = !next_is_null(reader);
    ACTIVITY_UNKNOWABLE(READ_REAL)
#undef READ_TRIPLE
#undef READ_REAL
    row.has_impact = read_integer(reader) > 0;
#define READ_TRIPLE(name) row.impact.name = read_triple(reader);
    IMPACT_TRIPLES(READ_TRIPLE)
#undef READ_TRIPLE
    return target->visit(target->context, &row);
}

enum ledger_status ledger_visit(struct ledger *ledger, int64_t from, int64_t until,
                                const char *direction, const char *service, ledger_visitor *visitor,
                                void *context)
{
    struct bounds bounds = {from, until, direction, service};
    struct row_closure closure = {visitor, context};

    return visit(ledger, direction && service ? VISIT_PAIR_ROWS : VISIT_ROWS, &bounds, read_row,
                 &closure);
}

struct coverage_closure {
    ledger_coverage_visitor *visit;
    void *context;
};

static bool read_coverage(struct reader *reader, void *closure)
{
    const struct coverage_closure *target = closure;
    struct ledger_coverage_row row = {.interval_start = read_integer(reader)};

#define READ_COUNTER(name) row.coverage.name = (uint64_t)read_integer(reader);
    COVERAGE_COUNTERS(READ_COUNTER)
#undef READ_COUNTER
    return target->visit(target->context, &row);
}

enum ledger_status ledger_visit_coverage(struct ledger *ledger, int64_t from, int64_t until,
                                         ledger_coverage_visitor *visitor, void *context)
{
    struct bounds bounds = {from, until, NULL, NULL};
    struct coverage_closure closure = {visitor, context};

    return visit(ledger, VISIT_COVERAGE, &bounds, read_coverage, &closure);
}

bool ledger_sum_coverage(void *context, const struct ledger_coverage_row *row)
{
    static const uint64_t interval_ns = INTERVAL_S * UINT64_C(1000000000);
    struct coverage coverage = row->coverage;

    if (coverage.covered_ns > interval_ns)
        coverage.covered_ns = interval_ns;
    coverage_add(context, &coverage);
    return true;
}

struct device_closure {
    ledger_device_visitor *visit;
    void *context;
};

static bool read_device(struct reader *reader, void *closure)
{
    const struct device_closure *target = closure;
    struct ledger_device_row row = {.interval_start = read_integer(reader)};

    row.name = read_text(reader);
    row.kind = (uint8_t)read_integer(reader);
    row.energy_j = read_real(reader);
    row.idle_j = read_real(reader);
    row.covered_ns = (uint64_t)read_integer(reader);
    row.flags = (uint8_t)read_integer(reader);
    row.carried_j = read_real(reader);
    return target->visit(target->context, &row);
}

enum ledger_status ledger_visit_device_energy(struct ledger *ledger, int64_t from, int64_t until,
                                              ledger_device_visitor *visitor, void *context)
{
    struct bounds bounds = {from, until, NULL, NULL};
    struct device_closure closure = {visitor, context};

    return visit(ledger, VISIT_DEVICE_ENERGY, &bounds, read_device, &closure);
}

enum ledger_status ledger_visit_last_energy(struct ledger *ledger, int64_t from, int64_t until,
                                            ledger_device_visitor *visitor, void *context)
{
    struct bounds bounds = {from, until, NULL, NULL};
    struct device_closure closure = {visitor, context};

    return visit(ledger, VISIT_LAST_ENERGY, &bounds, read_device, &closure);
}

struct use_closure {
    ledger_use_visitor *visit;
    void *context;
};

static bool read_use(struct reader *reader, void *closure)
{
    const struct use_closure *target = closure;
    struct ledger_use_row row = {.interval_start = read_integer(reader)};

    row.direction_id = read_integer(reader);
    row.service_id = read_integer(reader);
    row.direction = read_text(reader);
    row.service = read_text(reader);
#define READ_REAL(name) row.name = read_real(reader);
    USE_REALS(READ_REAL)
#undef READ_REAL
    row.weight = read_real(reader);
    return target->visit(target->context, &row);
}

enum ledger_status ledger_visit_local_use(struct ledger *ledger, int64_t from, int64_t until,
                                          ledger_use_visitor *visitor, void *context)
{
    struct bounds bounds = {from, until, NULL, NULL};
    struct use_closure closure = {visitor, context};

    return visit(ledger, VISIT_LOCAL_USE, &bounds, read_use, &closure);
}

enum ledger_status ledger_visit_unseen_use(struct ledger *ledger, int64_t from, int64_t until,
                                           ledger_use_visitor *visitor, void *context)
{
    struct bounds bounds = {from, until, NULL, NULL};
    struct use_closure closure = {visitor, context};

    return visit(ledger, VISIT_UNSEEN_USE, &bounds, read_use, &closure);
}

struct source_closure {
    ledger_source_visitor *visit;
    void *context;
};

static bool read_source(struct reader *reader, void *closure)
{
    const struct source_closure *target = closure;
    struct ledger_source_day row = {.day = (int32_t)read_integer(reader)};

    row.source = read_text(reader);
    row.missed_s = (uint64_t)read_integer(reader);
    row.restarts = (uint64_t)read_integer(reader);
    return target->visit(target->context, &row);
}

enum ledger_status ledger_visit_source_days(struct ledger *ledger, int32_t from_day,
                                            int32_t until_day, ledger_source_visitor *visitor,
                                            void *context)
{
    struct bounds bounds = {from_day, until_day, NULL, NULL};
    struct source_closure closure = {visitor, context};

    return visit(ledger, VISIT_SOURCE_DAYS, &bounds, read_source, &closure);
}

struct server_closure {
    ledger_server_visitor *visit;
    void *context;
};

static bool read_server(struct reader *reader, void *closure)
{
    const struct server_closure *target = closure;
    struct ledger_server_row row = {.interval_start = read_integer(reader)};

    row.direction_id = read_integer(reader);
    row.service_id = read_integer(reader);
    row.direction = read_text(reader);
    row.service = read_text(reader);
#define READ_COUNTER(name) row.name = (uint64_t)read_integer(reader);
    SERVER_COUNTERS(READ_COUNTER)
#undef READ_COUNTER
    return target->visit(target->context, &row);
}

enum ledger_status ledger_visit_server_use(struct ledger *ledger, int64_t from, int64_t until,
                                           ledger_server_visitor *visitor, void *context)
{
    struct bounds bounds = {from, until, NULL, NULL};
    struct server_closure closure = {visitor, context};

    return visit(ledger, VISIT_SERVER_USE, &bounds, read_server, &closure);
}

struct pair_closure {
    ledger_pair_visitor *visit;
    void *context;
};

static bool read_pair(struct reader *reader, void *closure)
{
    const struct pair_closure *target = closure;
    const char *first = read_text(reader);
    const char *second = read_text(reader);

    return target->visit(target->context, first, second);
}

enum ledger_status ledger_visit_pairs(struct ledger *ledger, ledger_pair_visitor *visitor,
                                      void *context)
{
    struct pair_closure closure = {visitor, context};

    return visit(ledger, VISIT_PAIRS, NULL, read_pair, &closure);
}

enum ledger_status ledger_visit_facts(struct ledger *ledger, ledger_fact_visitor *visitor,
                                      void *context)
{
    struct pair_closure closure = {visitor, context};

    return visit(ledger, VISIT_FACTS, NULL, read_pair, &closure);
}

struct revision_closure {
    ledger_revision_visitor *visit;
    void *context;
};

static bool read_revision(struct reader *reader, void *closure)
{
    const struct revision_closure *target = closure;
    int32_t day = (int32_t)read_integer(reader);

    return target->visit(target->context, day, read_integer(reader));
}

enum ledger_status ledger_visit_revisions(struct ledger *ledger, int32_t from_day,
                                          int32_t until_day, ledger_revision_visitor *visitor,
                                          void *context)
{
    struct bounds bounds = {from_day, until_day, NULL, NULL};
    struct revision_closure closure = {visitor, context};

    return visit(ledger, VISIT_REVISIONS, &bounds, read_revision, &closure);
}

struct factor_set_closure {
    ledger_factor_set_visitor *visit;
    void *context;
};

static bool read_factor_set(struct reader *reader, void *closure)
{
    const struct factor_set_closure *target = closure;
    const char *vintage = read_text(reader);

    return target->visit(target->context, vintage, (uint64_t)read_integer(reader));
}

enum ledger_status ledger_visit_factor_sets(struct ledger *ledger, int64_t from, int64_t until,
                                            ledger_factor_set_visitor *visitor, void *context)
{
    struct bounds bounds = {from, until, NULL, NULL};
    struct factor_set_closure closure = {visitor, context};

    return visit(ledger, VISIT_FACTOR_SETS, &bounds, read_factor_set, &closure);
}

/* ---- Reading it all ---- */

struct scan {
    const struct ledger_scanner *scanner;
    void *context;
    bool stopped;
    int64_t first_day;
    int64_t end_day;
    bool *mixed; /* of each day: recorded with several sets */
};

/* The arguments of an aggregate function, in the order of the statement. */
struct arguments {
    sqlite3_value **values;
};

static int64_t take_integer(struct arguments *arguments)
{
    return sqlite3_value_int64(*arguments->values++);
}

static struct triple take_triple(struct arguments *arguments)
{
    struct triple value = {sqlite3_value_double(arguments->values[0]),
                           sqlite3_value_double(arguments->values[1]),
                           sqlite3_value_double(arguments->values[2])};

    arguments->values += 3;
    return value;
}

/* An error is the only way to end an aggregate early. */
static void go_on(sqlite3_context *context, struct scan *scan, bool wanted)
{
    if (wanted)
        return;
    scan->stopped = true;
    sqlite3_result_error(context, "stopped", -1);
}

static void step_impact(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct scan *scan = sqlite3_user_data(context);
    struct arguments arguments = {values};
    struct ledger_scan_impact row = {.interval_start = take_integer(&arguments)};

    (void)count;
    row.direction = take_integer(&arguments);
    row.service = take_integer(&arguments);
    row.factor_set = take_integer(&arguments);
#define TAKE_TRIPLE(name) row.impact.name = take_triple(&arguments);
    IMPACT_TRIPLES(TAKE_TRIPLE)
#undef TAKE_TRIPLE
    go_on(context, scan, scan->scanner->impact(scan->context, &row));
}

static void step_activity(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct scan *scan = sqlite3_user_data(context);
    struct arguments arguments = {values};
    struct ledger_scan_activity row = {.interval_start = take_integer(&arguments)};

    (void)count;
    row.direction = take_integer(&arguments);
    row.service = take_integer(&arguments);
#define TAKE_TRIPLE(name) row.name = take_triple(&arguments);
#define TAKE_REAL(name)   row.name = sqlite3_value_double(*arguments.values++);
    ACTIVITY_TRIPLES(TAKE_TRIPLE)
    ACTIVITY_REALS(TAKE_REAL)
    row.has_variance = sqlite3_value_type(*arguments.values) != SQLITE_NULL;
    ACTIVITY_UNKNOWABLE(TAKE_REAL)
#undef TAKE_TRIPLE
#undef TAKE_REAL
    go_on(context, scan, scan->scanner->activity(scan->context, &row));
}

static void finish_scan(sqlite3_context *context)
{
    sqlite3_result_null(context);
}

static bool read_nothing(struct reader *reader, void *closure)
{
    (void)reader;
    (void)closure;
    return true;
}

static bool scanned(struct scan *scan, bool wanted)
{
    scan->stopped = !wanted;
    return wanted;
}

static bool scan_direction(struct reader *reader, void *closure)
{
    struct scan *scan = closure;
    int64_t id = read_integer(reader);

    return scanned(scan, scan->scanner->direction(scan->context, id, read_text(reader)));
}

static bool scan_service(struct reader *reader, void *closure)
{
    struct scan *scan = closure;
    int64_t id = read_integer(reader);

    return scanned(scan, scan->scanner->service(scan->context, id, read_text(reader)));
}

static bool scan_factor_set(struct reader *reader, void *closure)
{
    struct scan *scan = closure;
    int64_t id = read_integer(reader);
    const char *vintage = read_text(reader);

    return scanned(scan, scan->scanner->factor_set(scan->context, id, vintage,
                                                   (uint64_t)read_integer(reader)));
}

static bool scan_devices(struct reader *reader, void *closure)
{
    struct scan *scan = closure;
    struct ledger_scan_devices row = {.day = (int32_t)read_integer(reader)};

    row.direction = read_integer(reader);
    row.service = read_integer(reader);
    row.devices = clamp32(read_integer(reader));
    return scanned(scan, scan->scanner->devices(scan->context, &row));
}

static enum ledger_status scan_part(struct ledger *ledger, enum statement which, int64_t from,
                                    int64_t until, row_reader *read, struct scan *scan)
{
    const struct bounds bounds = {from, until, NULL, NULL};
    enum ledger_status status = visit(ledger, which, &bounds, read, scan);

    return scan->stopped ? LEDGER_EMPTY : status;
}

static bool note_mixed_day(struct reader *reader, void *closure)
{
    struct scan *scan = closure;

    scan->mixed[read_integer(reader) - scan->first_day] = true;
    return true;
}

static bool is_whole(const struct ledger *ledger, const struct scan *scan, int64_t from,
                     int64_t until, int64_t day)
{
    return ledger->format >= FORMAT_OF_DAYS && scan->scanner->whole_day &&
           !scan->mixed[day - scan->first_day] && day * DAY_S >= from &&
           (day + 1) * DAY_S <= until &&
           scan->scanner->whole_day(scan->context, day * DAY_S, (day + 1) * DAY_S);
}

/* Days that may come as sums, and what is between them row by row, in the order of time. */
static enum ledger_status scan_impact(struct ledger *ledger, int64_t from, int64_t until,
                                      struct scan *scan)
{
    enum ledger_status status = LEDGER_OK;

    if (ledger->format >= FORMAT_OF_DAYS)
        status = scan_part(ledger, SCAN_MIXED_DAYS, scan->first_day, scan->end_day, note_mixed_day,
                           scan);
    for (int64_t day = scan->first_day, next; status == LEDGER_OK && day < scan->end_day;
         day = next) {
        bool whole = is_whole(ledger, scan, from, until, day);

        for (next = day + 1;
             next < scan->end_day && is_whole(ledger, scan, from, until, next) == whole;)
            next++;
        if (whole)
            status = scan_part(ledger, SCAN_IMPACT_DAYS, day, next, read_nothing, scan);
        else
            status = scan_part(ledger, SCAN_IMPACT, day == scan->first_day ? from : day * DAY_S,
                               next == scan->end_day ? until : next * DAY_S, read_nothing, scan);
    }
    return status;
}

static enum ledger_status scan_tables(struct ledger *ledger, int64_t from, int64_t until,
                                      struct scan *scan)
{
    enum ledger_status status = scan_part(ledger, SCAN_DIRECTIONS, 0, 0, scan_direction, scan);

    if (status == LEDGER_OK)
        status = scan_part(ledger, SCAN_SERVICES, 0, 0, scan_service, scan);
    if (status == LEDGER_OK)
        status = scan_part(ledger, SCAN_FACTOR_SETS, 0, 0, scan_factor_set, scan);
    if (status == LEDGER_OK)
        status = scan_impact(ledger, from, until, scan);
    if (status == LEDGER_OK)
        status = scan_part(ledger, SCAN_ACTIVITY, from, until, read_nothing, scan);
    if (status == LEDGER_OK)
        status =
            scan_part(ledger, SCAN_DEVICES, scan->first_day, scan->end_day, scan_devices, scan);
    return status;
}

/* STEP NULL: forgotten again. */
static bool define(struct ledger *ledger, const char *name, struct scan *scan,
                   void (*step)(sqlite3_context *, int, sqlite3_value **))
{
    if (sqlite3_create_function_v2(ledger->database, name, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                   scan, NULL, step, step ? finish_scan : NULL, NULL) == SQLITE_OK)
        return true;
    fail(ledger);
    return false;
}

enum ledger_status ledger_scan(struct ledger *ledger, int64_t from, int64_t until,
                               const struct ledger_scanner *scanner, void *context)
{
    struct scan scan = {.scanner = scanner,
                        .context = context,
                        .first_day = from / DAY_S,
                        .end_day = (until + DAY_S - 1) / DAY_S};
    enum ledger_status status = LEDGER_RETRY;

    scan.mixed = calloc((size_t)(scan.end_day - scan.first_day) + 1, sizeof(*scan.mixed));
    if (!scan.mixed)
        return refuse(ledger, LEDGER_RETRY, "does not fit into memory");
    if (define(ledger, "scan_impact", &scan, step_impact) &&
        define(ledger, "scan_activity", &scan, step_activity) && execute(ledger, "BEGIN")) {
        status = scan_tables(ledger, from, until, &scan);
        if (!execute(ledger, "COMMIT") && status == LEDGER_OK)
            status = LEDGER_RETRY;
    }
    define(ledger, "scan_impact", NULL, NULL);
    define(ledger, "scan_activity", NULL, NULL);
    free(scan.mixed);
    return status;
}
