/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/statements.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/outfile.h"

#define APPLICATION_ID 0x49414753 /* "IAGS", in the header of the file */
#define FORMAT         2          /* of the tables; in user_version */
#define FORMAT_OF_USE  2          /* the first with what exchanges differ by */
#define FILE_MODE      0640       /* the group may read, as the ledger */
#define BUSY_WAIT_MS   10000

/* The columns, once, as in ledger.c: bindings and readings follow these lists in this order. */
#define QUANTITIES(X, what)                                                                        \
    X(what, energy_kwh)                                                                            \
    X(what, gwp_use_kgco2e) X(what, gwp_embodied_kgco2e) X(what, adpe_kgsb) X(what, water_l)
#define CAUSES(X)                                                                                  \
    X(configuration) X(models) X(method) X(data_centres) X(electricity) X(water) X(not_at_hand)
#define DEFINE_TRIPLE(what, name)                                                                  \
    ", " #what "_" #name "_low REAL NOT NULL, " #what "_" #name "_central REAL NOT NULL, " #what   \
    "_" #name "_high REAL NOT NULL"
#define NAME_TRIPLE(what, name)                                                                    \
    ", " #what "_" #name "_low, " #what "_" #name "_central, " #what "_" #name "_high"
#define DEFINE_SINGLE(what, name) ", " #what "_" #name " REAL NOT NULL"
#define NAME_SINGLE(what, name)   ", " #what "_" #name
#define DEFINE_CAUSE(cause)       QUANTITIES(DEFINE_SINGLE, cause)
#define NAME_CAUSE(cause)         QUANTITIES(NAME_SINGLE, cause)
#define MARK_TRIPLE(what, name)   ", ?, ?, ?"
#define MARK_SINGLE(what, name)   ", ?"
#define MARK_CAUSE(cause)         QUANTITIES(MARK_SINGLE, cause)
#define DEFINE_USE(name)          ", " #name " REAL"
#define ADD_USE(name)             "ALTER TABLE statement_row ADD COLUMN " #name " REAL;"
#define NAME_USE(name)            ", " #name
#define NO_USE(name)              ", NULL"
#define MARK_USE(name)            ", ?"

#define HEAD_COLUMNS                                                                               \
    "made_s, period, from_s, until_s, running, timezone, vintage, factors, configuration,"         \
    " threshold_percent, passes, program"
#define SET_COLUMNS "vintage, digest, at_hand"
#define ROW_COLUMNS                                                                                \
    "month, direction, service, devices" QUANTITIES(NAME_TRIPLE, recorded)                         \
        QUANTITIES(NAME_TRIPLE, restated) CAUSES(NAME_CAUSE)
#define ROW_MARKS                                                                                  \
    "?, ?, ?, ?" QUANTITIES(MARK_TRIPLE, recorded) QUANTITIES(MARK_TRIPLE, restated)               \
        CAUSES(MARK_CAUSE) STATEMENT_USE(MARK_USE)

#define NEVER(what, table)                                                                         \
    "; CREATE TRIGGER " table "_" what " BEFORE " what " ON " table                                \
    " BEGIN SELECT RAISE (ABORT, 'what was stated is never changed'); END"

static const char SCHEMA[] =
    "CREATE TABLE statement (number INTEGER PRIMARY KEY, made_s INTEGER NOT NULL,"
    " period TEXT NOT NULL, from_s INTEGER NOT NULL, until_s INTEGER NOT NULL,"
    " running INTEGER NOT NULL, timezone TEXT NOT NULL, vintage TEXT NOT NULL,"
    " factors INTEGER NOT NULL, configuration INTEGER NOT NULL, threshold_percent REAL NOT NULL,"
    " passes INTEGER NOT NULL, program TEXT NOT NULL) STRICT;"
    "CREATE TABLE statement_set (statement INTEGER NOT NULL REFERENCES statement,"
    " position INTEGER NOT NULL, vintage TEXT NOT NULL, digest INTEGER NOT NULL,"
    " at_hand INTEGER NOT NULL, PRIMARY KEY (statement, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE statement_row (statement INTEGER NOT NULL REFERENCES statement,"
    " position INTEGER NOT NULL, month INTEGER NOT NULL, direction TEXT NOT NULL,"
    " service TEXT NOT NULL, devices INTEGER NOT NULL" QUANTITIES(DEFINE_TRIPLE, recorded)
        QUANTITIES(DEFINE_TRIPLE, restated) CAUSES(DEFINE_CAUSE) STATEMENT_USE(
            DEFINE_USE) ", PRIMARY KEY (statement, month, position)) STRICT, WITHOUT "
                        "ROWID" NEVER("UPDATE", "statement") NEVER("DELETE", "statement")
                            NEVER("UPDATE", "statement_set") NEVER("DELETE", "statement_set")
                                NEVER("UPDATE", "statement_row") NEVER("DELETE", "statement_row");

const char *statement_cause_name(enum statement_cause cause)
{
    static const char *const names[STATEMENT_CAUSES] = {[STATEMENT_CONFIGURATION] = "configuration",
                                                        [STATEMENT_MODELS] = "models",
                                                        [STATEMENT_METHOD] = "method",
                                                        [STATEMENT_DATA_CENTRES] = "data-centres",
                                                        [STATEMENT_ELECTRICITY] = "electricity",
                                                        [STATEMENT_WATER] = "water",
                                                        [STATEMENT_NOT_AT_HAND] = "not-at-hand"};

    return names[cause];
}

void statement_free(struct statement *statement)
{
    if (!statement)
        return;
    free(statement->sets);
    free(statement->rows);
    free(statement);
}

/* ---- The file ---- */

struct file {
    sqlite3 *database;
    char path[PATH_MAX];
    int64_t format; /* 0 without tables */
    char *error;
    size_t error_size;
};

static bool refuse(struct file *file, const char *why)
{
    snprintf(file->error, file->error_size, "%s %s", file->path, why);
    return false;
}

static bool failed(struct file *file)
{
    snprintf(file->error, file->error_size, "%s: %s", file->path, sqlite3_errmsg(file->database));
    return false;
}

static bool execute(struct file *file, const char *sql)
{
    return sqlite3_exec(file->database, sql, NULL, NULL, NULL) == SQLITE_OK || failed(file);
}

static bool query_integer(struct file *file, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    bool found = sqlite3_prepare_v2(file->database, sql, -1, &statement, NULL) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW;

    if (found)
        *value = sqlite3_column_int64(statement, 0);
    else
        failed(file);
    sqlite3_finalize(statement);
    return found;
}

/* SQLite would create the file with the umask's mode, and root's could not be read by the daemon's
 * user, who writes the reports, which tell of restatements. SQLite gives its journal to whom the
 * file belongs. */
static bool create(struct file *file, const char *state_directory)
{
    int descriptor =
        open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    bool given;

    if (descriptor < 0 && errno != EEXIST) {
        snprintf(file->error, file->error_size, "%s: %s", file->path, strerror(errno));
        return false;
    }
    if (descriptor < 0)
        return true;
    fchmod(descriptor, FILE_MODE);
    given = outfile_give(descriptor, state_directory);
    if (!given)
        snprintf(file->error, file->error_size, "%s: %s", file->path, strerror(errno));
    close(descriptor);
    return given;
}

static bool connect_to(struct file *file, int flags)
{
    if (sqlite3_open_v2(file->path, &file->database, flags | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return failed(file);
    sqlite3_busy_timeout(file->database, BUSY_WAIT_MS);
    return execute(file, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                         " PRAGMA cell_size_check = ON");
}

/* Whether the file is ours; *EMPTY when it has no tables yet. */
static bool check_format(struct file *file, bool *empty)
{
    int64_t application_id, tables;

    if (!query_integer(file, "PRAGMA application_id", &application_id) ||
        !query_integer(file, "PRAGMA user_version", &file->format) ||
        !query_integer(file, "SELECT count(*) FROM sqlite_schema", &tables))
        return false;
    *empty = application_id == 0 && file->format == 0 && tables == 0;
    if (*empty)
        return true;
    if (application_id != APPLICATION_ID || file->format < 1)
        return refuse(file, "is no file of iagmeter's statements");
    return file->format <= FORMAT || refuse(file, "was written by a newer version of iagmeter");
}

/* In the transaction of the first statement; or of the first one after an older format, whose
 * statements stay what they are. */
static bool make_tables(struct file *file)
{
    char identity[80];

    if (file->format == FORMAT)
        return true;

    snprintf(identity, sizeof(identity), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, FORMAT);
    return execute(file, file->format == 0 ? SCHEMA : STATEMENT_USE(ADD_USE)) &&
           execute(file, identity);
}

static struct file file_at(const char *state_directory, char *error, size_t error_size)
{
    struct file file = {.error = error, .error_size = error_size};

    error[0] = '\0';
    if (snprintf(file.path, sizeof(file.path), "%s/statements.db", state_directory) >=
        (int)sizeof(file.path))
        file.path[0] = '\0'; /* which cannot be opened, and that is said */
    return file;
}

/* Returns false without an error when there is no file, or nothing in it. */
static bool open_to_read(struct file *file)
{
    bool empty = false;

    if (access(file->path, F_OK) != 0 && errno == ENOENT)
        return false;
    return connect_to(file, SQLITE_OPEN_READONLY) && check_format(file, &empty) && !empty;
}

/* ---- Writing ---- */

struct binder {
    sqlite3_stmt *statement;
    int next;
};

static void bind_integer(struct binder *binder, int64_t value)
{
    sqlite3_bind_int64(binder->statement, binder->next++, value);
}

static void bind_double(struct binder *binder, double value)
{
    sqlite3_bind_double(binder->statement, binder->next++, value);
}

static void bind_text(struct binder *binder, const char *text)
{
    sqlite3_bind_text(binder->statement, binder->next++, text, -1, SQLITE_STATIC);
}

static void bind_impact(struct binder *binder, const struct impact *impact)
{
#define BIND_TRIPLE(what, name)                                                                    \
    bind_double(binder, (what)->name.low);                                                         \
    bind_double(binder, (what)->name.central);                                                     \
    bind_double(binder, (what)->name.high);
    QUANTITIES(BIND_TRIPLE, impact)
#undef BIND_TRIPLE
}

static void bind_causes(struct binder *binder, const struct statement_row *row)
{
    for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
        for (int quantity = 0; quantity < RATES_QUANTITIES; quantity++)
            bind_double(binder, row->causes[cause][quantity]);
}

/* Unknown, it is NULL. */
static void bind_use(struct binder *binder, const struct statement_use *use)
{
#define BIND_USE(name)                                                                             \
    if (use->is_known)                                                                             \
        sqlite3_bind_double(binder->statement, binder->next, use->name);                           \
    else                                                                                           \
        sqlite3_bind_null(binder->statement, binder->next);                                        \
    binder->next++;
    STATEMENT_USE(BIND_USE)
#undef BIND_USE
}

static bool prepare(struct file *file, const char *sql, struct binder *binder)
{
    *binder = (struct binder){NULL, 1};
    return sqlite3_prepare_v2(file->database, sql, -1, &binder->statement, NULL) == SQLITE_OK ||
           failed(file);
}

/* Runs it, and makes it ready for the next row. */
static bool run(struct file *file, struct binder *binder)
{
    bool done = sqlite3_step(binder->statement) == SQLITE_DONE || failed(file);

    sqlite3_reset(binder->statement);
    binder->next = 1;
    return done;
}

static bool write_head(struct file *file, struct statement *statement)
{
    struct binder binder;
    bool written = prepare(file,
                           "INSERT INTO statement (" HEAD_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           &binder);

    if (!written)
        return false;
    bind_integer(&binder, statement->made_s);
    bind_text(&binder, statement->period);
    bind_integer(&binder, statement->from_s);
    bind_integer(&binder, statement->until_s);
    bind_integer(&binder, statement->running);
    bind_text(&binder, statement->timezone);
    bind_text(&binder, statement->vintage);
    bind_integer(&binder, (int64_t)statement->factors);
    bind_integer(&binder, (int64_t)statement->configuration);
    bind_double(&binder, statement->threshold_percent);
    bind_integer(&binder, statement->passes);
    bind_text(&binder, statement->program);
    written = run(file, &binder);
    statement->number = sqlite3_last_insert_rowid(file->database);
    sqlite3_finalize(binder.statement);
    return written;
}

static bool write_sets(struct file *file, const struct statement *statement)
{
    struct binder binder;
    bool written = prepare(file,
                           "INSERT INTO statement_set (statement, position, " SET_COLUMNS
                           ") VALUES (?, ?, ?, ?, ?)",
                           &binder);

    for (size_t i = 0; written && i < statement->set_count; i++) {
        const struct statement_set *set = &statement->sets[i];

        bind_integer(&binder, statement->number);
        bind_integer(&binder, (int64_t)i);
        bind_text(&binder, set->vintage);
        bind_integer(&binder, (int64_t)set->digest);
        bind_integer(&binder, set->at_hand);
        written = run(file, &binder);
    }
    sqlite3_finalize(binder.statement);
    return written;
}

static bool write_rows(struct file *file, const struct statement *statement)
{
    struct binder binder;
    bool written =
        prepare(file,
                "INSERT INTO statement_row (statement, position, " ROW_COLUMNS STATEMENT_USE(
                    NAME_USE) ") VALUES (?, ?, " ROW_MARKS ")",
                &binder);

    for (size_t i = 0; written && i < statement->row_count; i++) {
        const struct statement_row *row = &statement->rows[i];

        bind_integer(&binder, statement->number);
        bind_integer(&binder, (int64_t)i);
        bind_integer(&binder, row->month);
        bind_text(&binder, row->direction);
        bind_text(&binder, row->service);
        bind_integer(&binder, row->devices);
        bind_impact(&binder, &row->recorded);
        bind_impact(&binder, &row->restated);
        bind_causes(&binder, row);
        bind_use(&binder, &row->use);
        written = run(file, &binder);
    }
    sqlite3_finalize(binder.statement);
    return written;
}

/* What fails is rolled back when the database is closed. */
static bool append(struct file *file, const char *state_directory, struct statement *statement)
{
    bool empty = false;

    return create(file, state_directory) && connect_to(file, SQLITE_OPEN_READWRITE) &&
           execute(file, "BEGIN IMMEDIATE") && check_format(file, &empty) && make_tables(file) &&
           write_head(file, statement) && write_sets(file, statement) &&
           write_rows(file, statement) && execute(file, "COMMIT");
}

bool statements_append(const char *state_directory, struct statement *statement, char *error,
                       size_t error_size)
{
    struct file file = file_at(state_directory, error, error_size);
    bool appended = append(&file, state_directory, statement);

    if (!appended)
        statement->number = 0;
    sqlite3_close(file.database);
    return appended;
}

/* ---- Reading ---- */

struct reader {
    sqlite3_stmt *statement;
    int next;
};

static int64_t read_integer(struct reader *reader)
{
    return sqlite3_column_int64(reader->statement, reader->next++);
}

static double read_double(struct reader *reader)
{
    return sqlite3_column_double(reader->statement, reader->next++);
}

static void read_text(struct reader *reader, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(reader->statement, reader->next++);

    snprintf(out, size, "%s", text ? (const char *)text : "");
}

static void read_impact(struct reader *reader, struct impact *impact)
{
#define READ_TRIPLE(what, name)                                                                    \
    (what)->name.low = read_double(reader);                                                        \
    (what)->name.central = read_double(reader);                                                    \
    (what)->name.high = read_double(reader);
    QUANTITIES(READ_TRIPLE, impact)
#undef READ_TRIPLE
}

static void read_head(struct reader *reader, struct statement *out)
{
    *out = (struct statement){.number = read_integer(reader)};
    out->made_s = read_integer(reader);
    read_text(reader, out->period, sizeof(out->period));
    out->from_s = read_integer(reader);
    out->until_s = read_integer(reader);
    out->running = read_integer(reader) != 0;
    read_text(reader, out->timezone, sizeof(out->timezone));
    read_text(reader, out->vintage, sizeof(out->vintage));
    out->factors = (uint64_t)read_integer(reader);
    out->configuration = (uint64_t)read_integer(reader);
    out->threshold_percent = read_double(reader);
    out->passes = read_integer(reader) != 0;
    read_text(reader, out->program, sizeof(out->program));
}

static void read_row(struct reader *reader, struct statement_row *out)
{
    out->month = (int)read_integer(reader);
    read_text(reader, out->direction, sizeof(out->direction));
    read_text(reader, out->service, sizeof(out->service));
    out->devices = (uint32_t)read_integer(reader);
    read_impact(reader, &out->recorded);
    read_impact(reader, &out->restated);
    for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
        for (int quantity = 0; quantity < RATES_QUANTITIES; quantity++)
            out->causes[cause][quantity] = read_double(reader);
    out->use = (struct statement_use){
        .is_known = sqlite3_column_type(reader->statement, reader->next) != SQLITE_NULL};
#define READ_USE(name) out->use.name = read_double(reader);
    STATEMENT_USE(READ_USE)
#undef READ_USE
}

/* Calls READ for each row of SQL, whose two parameters are FIRST and SECOND, until it returns
 * false. */
typedef bool row_reader(struct reader *reader, void *context);
static bool visit(struct file *file, const char *sql, int64_t first, int64_t second,
                  row_reader *read, void *context)
{
    struct binder binder;
    bool done = prepare(file, sql, &binder);
    int code = SQLITE_DONE;

    if (!done)
        return false;
    bind_integer(&binder, first);
    bind_integer(&binder, second);
    while ((code = sqlite3_step(binder.statement)) == SQLITE_ROW) {
        struct reader reader = {binder.statement, 0};

        if (!read(&reader, context))
            break;
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        done = failed(file);
    sqlite3_finalize(binder.statement);
    return done;
}

/* Grown by doubling: a statement of ten years has tens of thousands of rows. */
static void *grow(void *items, size_t count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return items;
    return reallocarray(items, count > 0 ? 2 * count : 1, size);
}

struct loading {
    struct statement *statement;
    bool found;
    bool out_of_memory;
};

static bool load_head(struct reader *reader, void *context)
{
    struct loading *loading = context;

    read_head(reader, loading->statement);
    loading->found = true;
    return true;
}

static bool load_set(struct reader *reader, void *context)
{
    struct loading *loading = context;
    struct statement *statement = loading->statement;
    struct statement_set *sets = grow(statement->sets, statement->set_count, sizeof(*sets));

    loading->out_of_memory = !sets;
    if (!sets)
        return false;
    statement->sets = sets;
    sets = &sets[statement->set_count++];
    read_text(reader, sets->vintage, sizeof(sets->vintage));
    sets->digest = (uint64_t)read_integer(reader);
    sets->at_hand = read_integer(reader) != 0;
    return true;
}

static bool load_row(struct reader *reader, void *context)
{
    struct loading *loading = context;
    struct statement *statement = loading->statement;
    struct statement_row *rows = grow(statement->rows, statement->row_count, sizeof(*rows));

    loading->out_of_memory = !rows;
    if (!rows)
        return false;
    statement->rows = rows;
    read_row(reader, &rows[statement->row_count++]);
    return true;
}

static bool load_number(struct reader *reader, void *context)
{
    *(int64_t *)context = read_integer(reader);
    return true;
}

/* The newest one of all of MONTH, which ends at END: of one that was made before, the sums are of a
 * part of it, which nothing that is said of the month must be compared with. *NUMBER 0: none. */
static bool find_newest(struct file *file, int month, int64_t end_s, int64_t *number)
{
    *number = 0;
    return visit(file,
                 "SELECT number FROM statement s WHERE until_s >= ?1 AND EXISTS"
                 " (SELECT 1 FROM statement_row WHERE statement = s.number AND month = ?2)"
                 " ORDER BY number DESC LIMIT 1",
                 end_s, month, load_number, number);
}

static bool load(struct file *file, int64_t number, int month, struct loading *loading)
{
    static const char head[] = "SELECT number, " HEAD_COLUMNS " FROM statement WHERE number = ?1";
    static const char sets[] =
        "SELECT " SET_COLUMNS " FROM statement_set WHERE statement = ?1 ORDER BY position";
#define OF_STATEMENT                                                                               \
    " FROM statement_row WHERE statement = ?1 AND (?2 < 0 OR month = ?2) ORDER BY month, position"
    static const char rows[] = "SELECT " ROW_COLUMNS STATEMENT_USE(NAME_USE) OF_STATEMENT;
    static const char older_rows[] = "SELECT " ROW_COLUMNS STATEMENT_USE(NO_USE) OF_STATEMENT;
    struct statement *statement = loading->statement;

    if (!visit(file, head, number, 0, load_head, loading) || !loading->found)
        return false;
    if (visit(file, sets, statement->number, 0, load_set, loading) &&
        visit(file, file->format < FORMAT_OF_USE ? older_rows : rows, statement->number, month,
              load_row, loading) &&
        !loading->out_of_memory)
        return true;
    return loading->out_of_memory ? refuse(file, "does not fit into memory") : false;
}

/* NUMBER 0: the newest one of all of MONTH, which ends at END_S. */
static struct statement *load_one(const char *state_directory, int64_t number, int month,
                                  int64_t end_s, char *error, size_t error_size)
{
    struct file file = file_at(state_directory, error, error_size);
    struct loading loading = {.statement = calloc(1, sizeof(*loading.statement))};
    bool loaded = false;

    if (!loading.statement)
        refuse(&file, "does not fit into memory");
    else
        loaded = open_to_read(&file) && (number > 0 || find_newest(&file, month, end_s, &number)) &&
                 load(&file, number, month, &loading);
    sqlite3_close(file.database);
    if (loaded)
        return loading.statement;
    statement_free(loading.statement);
    return NULL;
}

struct statement *statements_load(const char *state_directory, int64_t number, int month,
                                  char *error, size_t error_size)
{
    return load_one(state_directory, number, month, 0, error, error_size);
}

struct statement *statements_load_newest(const char *state_directory, int month, int64_t end_s,
                                         char *error, size_t error_size)
{
    return load_one(state_directory, 0, month, end_s, error, error_size);
}

struct visiting {
    statements_visitor *visit;
    void *context;
};

static bool visit_head(struct reader *reader, void *context)
{
    const struct visiting *visiting = context;
    struct statement statement;

    read_head(reader, &statement);
    return visiting->visit(visiting->context, &statement);
}

bool statements_visit(const char *state_directory, statements_visitor *visitor, void *context,
                      char *error, size_t error_size)
{
    struct file file = file_at(state_directory, error, error_size);
    struct visiting visiting = {visitor, context};
    bool visited = open_to_read(&file) ? visit(&file,
                                               "SELECT number, " HEAD_COLUMNS " FROM statement"
                                               " ORDER BY number",
                                               0, 0, visit_head, &visiting)
                                       : error[0] == '\0';

    sqlite3_close(file.database);
    return visited;
}
