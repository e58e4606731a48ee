/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_STARTCHECK_H
#define IAGMETER_STARTCHECK_H

#include "daemon/config.h"

/* What the daemon needs of a configuration beside what config_load() asks of it, for commands, too:
 * asked when it starts, by `iagmeterd -t`, and at a reload, so that none is taken with which the
 * next start would fail. */

enum start {
    START_CHECK,  /* none: `iagmeterd -t` */
    START_LIVE,   /* interfaces and meters are to be read, where there are any */
    START_REPLAY, /* captures: what their storage lacks, that says itself */
};

/* Adds what keeps CONFIG from START to DIAGNOSTICS: wrong filters, a user who does not exist (a
 * warning, but for root, who would have to become it), a state directory that is none, or may not
 * be written (a warning), and that there is nothing to meter. */
void startcheck(const struct config *config, enum start start, struct diagnostics *diagnostics);

#endif
