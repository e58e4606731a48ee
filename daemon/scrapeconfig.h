/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SCRAPECONFIG_H
#define IAGMETER_SCRAPECONFIG_H

#include "collectors/inference/scraper.h"
#include "daemon/confread.h"
#include "daemon/diagnostics.h"
#include "daemon/directions.h"

#include <libconfig.h>
#include <limits.h>
#include <stddef.h>

/* The keys of a `servers` entry of the group `inference` that say how the server is asked what it
 * counted itself. */

#define SCRAPE_URL_SIZE    512
#define SCRAPE_SOCKET_SIZE 108 /* of sun_path */
#define SCRAPE_TEAM_SIZE   128
#define MAX_SCRAPE_TEAMS   128

/* Whose tokens are the activity: those that the wire shows, or the server's own. */
enum scrape_tokens { TOKENS_FROM_WIRE, TOKENS_FROM_SERVER };

struct scrape_team {
    char label[SCRAPE_TEAM_SIZE];
    char code[DIRECTION_CODE_SIZE];
    struct diagnostics_place at;
};

struct scrape_config {
    char url[SCRAPE_URL_SIZE]; /* "": it is not asked */
    char socket_path[SCRAPE_SOCKET_SIZE];
    char bearer_path[PATH_MAX]; /* as in the file: the caller makes it absolute */
    int dialect;                /* enum server_dialect */
    int tokens;                 /* enum scrape_tokens */
    unsigned interval_s;
    struct scrape_team teams[MAX_SCRAPE_TEAMS];
    size_t team_count;
    struct server_team directions[MAX_SCRAPE_TEAMS]; /* of the teams, once resolved */
};

extern const struct scrape_config scrape_defaults;
extern const char *const scrape_tokens_names[];

/* Rows of the entry's table (confread.h), which is read into TYPE, whose MEMBER is a struct
 * scrape_config that was set to scrape_defaults. */
#define SCRAPE_KEY(type, member, name) offsetof(type, member.name), sizeof(((type *)0)->member.name)
/* clang-format off */
#define SCRAPE_KEYS(type, member) \
    {"metrics", CONFREAD_STRING, false, 0, 0, SCRAPE_KEY(type, member, url), NULL}, \
    {"metrics_socket", CONFREAD_STRING, false, 0, 0, SCRAPE_KEY(type, member, socket_path), NULL}, \
    {"bearer_file", CONFREAD_STRING, false, 0, 0, SCRAPE_KEY(type, member, bearer_path), NULL}, \
    {"dialect", CONFREAD_ENUM, false, 0, 0, offsetof(type, member.dialect), 0, \
     server_dialect_names}, \
    {"tokens", CONFREAD_ENUM, false, 0, 0, offsetof(type, member.tokens), 0, \
     scrape_tokens_names}, \
    {"interval", CONFREAD_UINT, false, 1, 60, offsetof(type, member.interval_s), 0, NULL}, \
    {"teams", CONFREAD_LIST, false, 0, 0, 0, 0, NULL}
/* clang-format on */

/* After confread_group(): reads the list of teams, and checks what was read. */
void scrapeconfig_read(struct scrape_config *config, const config_setting_t *entry,
                       struct diagnostics *diagnostics);
/* Finds the directions of the teams. From then on CONFIG must stay where it is. */
void scrapeconfig_resolve(struct scrape_config *config, const struct directions *directions,
                          struct diagnostics *diagnostics);
/* Reads the token once, to complain while somebody looks on. */
void scrapeconfig_check_bearer(const struct scrape_config *config, struct diagnostics *diagnostics);

/* For the scraper: points into CONFIG and MODELS. */
struct scraper_target scrapeconfig_target(const struct scrape_config *config, uint16_t service,
                                          const struct server_model *models, size_t model_count);

#endif
