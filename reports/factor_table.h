/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FACTOR_TABLE_H
#define IAGMETER_FACTOR_TABLE_H

#include "daemon/config.h"

#include <stdbool.h>
#include <stdio.h>

/* Writes the factors in use as tables of Markdown, in French, the end of docs/methode.md: the
 * coefficients of the methods; models, providers and zones (with their variants) that the services
 * of CONFIG name, in the order of the catalogue; media. Returns false when memory is exhausted or
 * the stream cannot be written. */
bool factor_table_write(const struct config *config, FILE *stream);

#endif
