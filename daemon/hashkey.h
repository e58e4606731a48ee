/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_HASHKEY_H
#define IAGMETER_HASHKEY_H

#include "daemon/inferenceconfig.h"

#include <stdio.h>

/* `iagmeter hash-key`: what stands for the key of an API in the configuration. */

/* Reads one key, a line, from IN, which a terminal does not echo, and writes its hash to OUT. The
 * key is never an argument, where others could see it, and is wiped. Returns the exit status, after
 * one sentence on standard error when there is nothing to hash, or nothing to hash it with. */
int hashkey_run(const struct inference_config *config, FILE *in, FILE *out);

#endif
