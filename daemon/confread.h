/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CONFREAD_H
#define IAGMETER_CONFREAD_H

#include "daemon/diagnostics.h"
#include "daemon/triple.h"

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

/* Reads libconfig groups by descriptor table: one table says which keys a group may hold, of which
 * type, in which range, and where each value goes. Unknown keys, wrong types, values out of range
 * and missing keys become diagnostics with file and line. */

enum confread_type {
    CONFREAD_STRING, /* char[size], NUL-terminated */
    CONFREAD_BOOL,   /* bool */
    CONFREAD_UINT,   /* unsigned; libconfig integers, never negative */
    CONFREAD_DOUBLE, /* double; integers are accepted */
    CONFREAD_TRIPLE, /* struct triple: [low, central, high], ordered; a scalar means exact */
    CONFREAD_RANGE,  /* struct range: [min, max], ordered; a scalar means both */
    CONFREAD_ENUM,   /* int, one of .names by index */
    CONFREAD_GROUP,  /* left to the caller: only known, and of type group */
    CONFREAD_LIST,   /* left to the caller: only known, and of type list or array */
};

/* A published value given as an interval without a central value. min <= max. */
struct range {
    double min;
    double max;
};

struct confread_key {
    const char *name;
    enum confread_type type;
    bool required;
    double min; /* for numbers, inclusive; min == max == 0 means any finite value */
    double max;
    size_t offset;            /* of the member in the structure given to confread_group() */
    size_t size;              /* of the member, for strings */
    const char *const *names; /* for CONFREAD_ENUM, NULL-terminated */
};

/* Sets the members of *out that the group has keys for, and leaves the others alone, so the caller
 * stores defaults first. Returns true when the group had no error. */
bool confread_group(const config_setting_t *group, const struct confread_key *keys, size_t count,
                    void *out, struct diagnostics *diagnostics);

/* Reads one number, [min, max] or [low, central, high] outside any table. Return false and record
 * a diagnostic when it is not one. */
bool confread_double(const config_setting_t *setting, double *out, struct diagnostics *diagnostics);
bool confread_range(const config_setting_t *setting, struct range *out,
                    struct diagnostics *diagnostics);
bool confread_triple(const config_setting_t *setting, struct triple *out,
                     struct diagnostics *diagnostics);

/* Records an error at the place where the setting stands. */
void confread_error(const config_setting_t *setting, struct diagnostics *diagnostics,
                    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Where SETTING stands, to complain once it is gone. */
struct diagnostics_place confread_place(const config_setting_t *setting);

/* The file that SETTING was read from, as a path that can be opened; OUT[SIZE] may be used to hold
 * it.
 */
const char *confread_source_file(const config_setting_t *setting, char *out, size_t size);

/* Parses FILE into *config (initialised here; the caller calls config_destroy() in every case).
 * Relative @include directives resolve beside FILE. Returns false after a diagnostic with the line
 * of the syntax error, or the reason why the file cannot be read. */
bool confread_file(config_t *config, const char *path, struct diagnostics *diagnostics);

#endif
