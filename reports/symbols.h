/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SYMBOLS_H
#define IAGMETER_SYMBOLS_H

#include "reports/text.h"

/* What a symbol of the formulas stands for, in words: "gpu_count" is "nombre de GPU". NULL when
 * there are none. */
const char *symbol_meaning(const char *name, enum text_language language);

#endif
