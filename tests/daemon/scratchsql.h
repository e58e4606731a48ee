/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SCRATCHSQL_H
#define IAGMETER_TESTS_SCRATCHSQL_H

#include "tests/daemon/scratch.h"

#include <sqlite3.h>

/* Does SQL to a database in the scratch directory, behind the back of who keeps it. Returns
 * SQLite's code. */
static inline int scratch_sql(const char *name, const char *sql)
{
    char path[PATH_MAX];
    sqlite3 *database;
    int code;

    scratch_path(path, name);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    code = sqlite3_exec(database, sql, NULL, NULL, NULL);
    sqlite3_close(database);
    return code;
}

#endif
