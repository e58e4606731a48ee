/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DIAGNOSTICS_H
#define IAGMETER_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Collects every complaint about a configuration, so that one run of `iagmeterd -t` shows them all
 * instead of the first only. Nothing is printed until diagnostics_print(). */
struct diagnostics;

/* Where something stands that is checked later (confread_place()). */
struct diagnostics_place {
    const char *file; /* stays as long as the process */
    unsigned line;
};

/* Returns NULL only when memory is exhausted. Freed with diagnostics_free(). */
struct diagnostics *diagnostics_new(void);
void diagnostics_free(struct diagnostics *diagnostics);

/* Records one complaint as "file:line: message". line 0 leaves the line out; file NULL leaves out
 * both. The strings are copied. */
void diagnostics_error(struct diagnostics *diagnostics, const char *file, unsigned line,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void diagnostics_warning(struct diagnostics *diagnostics, const char *file, unsigned line,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Number of errors recorded (warnings do not count). */
size_t diagnostics_errors(const struct diagnostics *diagnostics);
size_t diagnostics_warnings(const struct diagnostics *diagnostics);

/* The text of the I-th complaint, errors and warnings in the order they were recorded, or NULL. */
const char *diagnostics_text(const struct diagnostics *diagnostics, size_t index);

void diagnostics_print(const struct diagnostics *diagnostics, FILE *stream);

#endif
