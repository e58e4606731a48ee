/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_INFERENCECONFIG_H
#define IAGMETER_INFERENCECONFIG_H

#include "collectors/inference/exchanges.h"
#include "collectors/inference/wire.h"
#include "daemon/diagnostics.h"

#include <libconfig.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* The group `inference` of iagmeter.conf: which ports a local inference server is on, and by what
 * the direction of a request is known. */

#define MAX_INFERENCE_KEYS 256

struct inference_key_place {
    char code[DIRECTION_CODE_SIZE];
    unsigned line;
};

struct inference_config {
    uint16_t ports[INFERENCE_MAX_PORTS];
    unsigned port_count; /* 0: there is no server here */
    unsigned max_connections;
    char header[INFERENCE_HEADER_SIZE]; /* lower case; "": none */
    uint8_t order[SOURCE_COUNT];
    uint8_t order_count;
    char secret_path[PATH_MAX]; /* "": none */
    bool has_secret;
    struct apikey_secret secret;
    struct inference_key keys[MAX_INFERENCE_KEYS];
    struct inference_key_place places[MAX_INFERENCE_KEYS];
    size_t key_count;
};

extern const struct inference_config inference_defaults;

/* GROUP may be NULL: what is there stays as it is. */
void inferenceconfig_read(struct inference_config *config, const config_setting_t *group,
                          struct diagnostics *diagnostics);
/* Reads the file of the secret, whose path is absolute by now. */
void inferenceconfig_read_secret(struct inference_config *config, struct diagnostics *diagnostics);
/* Finds the directions of the keys. PATH is that of iagmeter.conf, for what is wrong with them. */
void inferenceconfig_resolve(struct inference_config *config, const struct directions *directions,
                             const char *path, struct diagnostics *diagnostics);

/* For the collector: points into CONFIG and DIRECTIONS. */
struct inference_rules inferenceconfig_rules(const struct inference_config *config,
                                             const struct directions *directions);

#endif
