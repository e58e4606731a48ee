/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_IMPORT_H
#define IAGMETER_IMPORT_H

#include "daemon/catalogue.h"

#include <stdbool.h>
#include <stdio.h>

/* Lists of names that others keep, turned into a file of services.d. What comes out is marked as
 * not reviewed. The order of the lines that went in does not matter to it. */

struct import;

/* Reads the categories "ai" and "doh" of the UT1 blacklists (Université Toulouse Capitole): plain
 * files "domains" and "urls", one name or URL a line, a domain standing for all below it. DIRECTORY
 * holds the categories' directories, or is one of them. Names that KNOWN has are left out,
 * repeated lines and addresses too, but for those of resolvers; lines that hold no name are
 * complained about with file and line, and skipped. Returns NULL after a complaint when there is
 * nothing to read, not all of it can be, or a category that is there has no name at all. Freed with
 * import_free(). */
struct import *import_ut1(const char *directory, const struct catalogue *known, FILE *complaints);
void import_free(struct import *import);

/* Writes the file. Returns false with errno set. */
bool import_write(const struct import *import, FILE *stream);

/* One line for each category: how many names, and what became of them, or that there is none. */
void import_print(const struct import *import, FILE *stream);

#endif
