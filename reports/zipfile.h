/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_ZIPFILE_H
#define IAGMETER_ZIPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The parts of an archive as libxlsxwriter writes it: small, deflated or stored, one after the
 * other (PKWARE's APPNOTE.TXT, 4.3). It is for files of our own, that were just written. */

/* TEXT is of SIZE bytes, and a NUL behind them. Returns false to end it. */
typedef bool zipfile_visitor(void *context, const char *name, const char *text, size_t size);

/* Returns false when a visitor did, or the archive is none or is damaged. */
bool zipfile_each(FILE *stream, zipfile_visitor *visit, void *context);

#endif
