/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SYSFS_H
#define IAGMETER_SYSFS_H

#include "collectors/power/power.h"

#include <limits.h>

/* Small files of /sys: what is read once while looking around, and what is read again and again. */

#define SYSFS_TEXT_SIZE 128

/* Pure. A whole number, decimal, alone but for a line feed at the end. */
bool sysfs_parse_number(const char *text, uint64_t *number);
/* Pure. Removes PREFIX from the front of TEXT, and reads the number that must follow, to the end.
 */
bool sysfs_parse_suffix(const char *text, const char *prefix, unsigned *number);
/* Pure. "NUMBER UNIT TIME us", as Cray's counters have it. */
bool sysfs_parse_cray(const char *text, const char *unit, uint64_t *number, uint64_t *time_us);

/* DIRECTORY, "/" and NAME; "", which is no file, where that is too long. */
void sysfs_path(char out[PATH_MAX], const char *directory, const char *name);

/* A file that is kept open. */
struct sysfs_file {
    char path[PATH_MAX];
    int descriptor; /* -1: not open */
};

/* Opens nothing yet. */
void sysfs_file(struct sysfs_file *file, const char *directory, const char *name);
void sysfs_close(struct sysfs_file *file);

/* Reads it from its beginning; opens it first where it is not. OUT ends with a NUL, without the
 * line feed. Errors: no permission is POWER_DENIED; no such file or device, POWER_GONE. */
enum power_status sysfs_read(struct sysfs_file *file, char out[SYSFS_TEXT_SIZE]);
enum power_status sysfs_read_number(struct sysfs_file *file, uint64_t *number);

/* Once: opens, reads, closes. */
enum power_status sysfs_text(const char *directory, const char *name, char out[SYSFS_TEXT_SIZE]);

/* Names of DIRECTORY's entries, sorted by version (hwmon2 before hwmon10); "." ones left out. Freed
 * with sysfs_free(). NULL with errno set, and COUNT 0. */
char **sysfs_list(const char *directory, size_t *count);
void sysfs_free(char **names, size_t count);

#endif
