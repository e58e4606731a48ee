/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_INFERENCECONFIG_H
#define IAGMETER_INFERENCECONFIG_H

#include "collectors/inference/exchanges.h"
#include "collectors/inference/wire.h"
#include "daemon/diagnostics.h"
#include "daemon/scrapeconfig.h"

#include <libconfig.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* The group `inference` of iagmeter.conf: which ports a local inference server is on, which service
 * it is, by what the direction of a request is known, and by what users are told apart. */

#define MAX_INFERENCE_KEYS 256

/* Where a name stands that is in another file. */
struct inference_place {
    union {
        char direction[DIRECTION_CODE_SIZE];
        char service[SERVICE_ID_SIZE];
    } name; /* "": none */
    struct diagnostics_place at;
};

struct inference_config {
    /* To look at: those that are listed, and those of the servers. */
    uint16_t ports[INFERENCE_MAX_PORTS];
    unsigned port_count; /* 0: there is no server here */
    unsigned max_connections;
    struct inference_server servers[INFERENCE_MAX_PORTS]; /* that are metered */
    unsigned server_count;
    struct scrape_config
        scrapes[INFERENCE_MAX_PORTS]; /* how each of them is asked what it counted */
    struct inference_model models[MAX_INFERENCE_MODELS]; /* by name */
    unsigned model_count;
    char header[INFERENCE_HEADER_SIZE]; /* lower case; "": none */
    uint8_t order[SOURCE_COUNT];
    uint8_t order_count;
    char client_header[INFERENCE_HEADER_SIZE]; /* lower case; "": none */
    uint8_t users_order[SOURCE_COUNT];
    uint8_t users_count;
    char secret_path[PATH_MAX]; /* "": none */
    bool has_secret;
    struct apikey_secret secret;
    struct inference_key keys[MAX_INFERENCE_KEYS];
    size_t key_count;
    /* Of the file, until inferenceconfig_resolve(). */
    struct inference_place key_places[MAX_INFERENCE_KEYS];
    struct inference_place server_places[INFERENCE_MAX_PORTS];
    struct inference_place remote_places[INFERENCE_MAX_PORTS];
    struct inference_place model_places[MAX_INFERENCE_MODELS];
};

extern const struct inference_config inference_defaults;

/* GROUP may be NULL: what is there stays as it is. */
void inferenceconfig_read(struct inference_config *config, const config_setting_t *group,
                          struct diagnostics *diagnostics);
/* Reads the file of the secret, whose path is absolute by now. */
void inferenceconfig_read_secret(struct inference_config *config, struct diagnostics *diagnostics);
/* Finds the directions of the keys, and the services of servers and models. */
void inferenceconfig_resolve(struct inference_config *config, const struct catalogue *catalogue,
                             const struct directions *directions, struct diagnostics *diagnostics);

/* Adds a model, in its place. Returns false when there are too many. */
bool inferenceconfig_add_model(struct inference_config *config,
                               const struct inference_model *model);

/* Whether any server is asked what it counted. */
bool inferenceconfig_scrapes(const struct inference_config *config);

/* Whether what a server counts is the use of SERVICE (an id of CATALOGUE), and the wire is not
 * looked at. */
bool inferenceconfig_server_is_use(const struct inference_config *config,
                                   const struct catalogue *catalogue, const char *service);

/* For the collector: points into CONFIG and DIRECTIONS. */
struct inference_rules inferenceconfig_rules(const struct inference_config *config,
                                             const struct directions *directions);

#endif
