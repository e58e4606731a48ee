/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/scrapeconfig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define INTERVAL_S 15
#define TIMEOUT_S  10

const struct scrape_config scrape_defaults = {.interval_s = INTERVAL_S};

const char *const scrape_tokens_names[] = {"wire", "server", NULL};

struct team_entry {
    char label[SCRAPE_TEAM_SIZE];
    char direction[DIRECTION_CODE_SIZE];
};

#define ENTRY(name) offsetof(struct team_entry, name), sizeof(((struct team_entry *)0)->name)

static const struct confread_key team_keys[] = {
    {"label", CONFREAD_STRING, true, 0, 0, ENTRY(label), NULL},
    {"direction", CONFREAD_STRING, true, 0, 0, ENTRY(direction), NULL},
};

static void read_team(struct scrape_config *config, const config_setting_t *group,
                      struct diagnostics *diagnostics)
{
    struct scrape_team *team = &config->teams[config->team_count];
    struct team_entry entry = {"", ""};

    if (config->team_count == MAX_SCRAPE_TEAMS) {
        confread_error(group, diagnostics, "teams: more than %d", MAX_SCRAPE_TEAMS);
        return;
    }
    if (!confread_group(group, team_keys, COUNT_OF(team_keys), &entry, diagnostics))
        return;
    for (size_t i = 0; i < config->team_count; i++)
        if (strcmp(config->teams[i].label, entry.label) == 0)
            confread_error(group, diagnostics, "teams: \"%s\" is listed twice", entry.label);
    if (entry.label[0] == '\0')
        confread_error(group, diagnostics, "teams: the label is empty");
    memcpy(team->label, entry.label, sizeof(team->label));
    memcpy(team->code, entry.direction, sizeof(team->code));
    team->at = confread_place(group);
    config->team_count++;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The host of a URL ends before its port and path. */
static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = strstr(url, "://");

    for (size_t i = 0; host && i < COUNT_OF(hosts); i++)
        if (starts_with(host + 3, hosts[i]) && strchr(":/", host[3 + strlen(hosts[i])]))
            return true;
    return false;
}

static void check_url(const struct scrape_config *config, const config_setting_t *place,
                      struct diagnostics *diagnostics)
{
    const char *url = config->url;
    const char *host = strstr(url, "://");
    char path[PATH_MAX];

    if (!starts_with(url, "http://") && !starts_with(url, "https://"))
        confread_error(place, diagnostics, "metrics: not a URL of http or https");
    else if (strpbrk(url, " \t\r\n") || strcspn(host + 3, "/?#") == 0)
        confread_error(place, diagnostics, "metrics: not a URL");
    else if (memchr(host + 3, '@', strcspn(host + 3, "/?#")))
        confread_error(place, diagnostics,
                       "metrics: no user and password in the URL; a token goes into bearer_file");
    else if (config->bearer_path[0] && starts_with(url, "http://") && !is_loopback(url) &&
             !config->socket_path[0])
        diagnostics_warning(diagnostics, confread_source_file(place, path, sizeof(path)),
                            config_setting_source_line(place),
                            "metrics: the token of bearer_file goes over the network in clear");
}

/* Without a URL, the others mean nothing. */
static void check_unused(const config_setting_t *entry, struct diagnostics *diagnostics)
{
    static const char *const keys[] = {"metrics_socket", "bearer_file", "dialect",
                                       "tokens",         "interval",    "teams"};

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const config_setting_t *place = config_setting_get_member(entry, keys[i]);

        if (place)
            confread_error(place, diagnostics, "%s: without metrics, the server is not asked",
                           keys[i]);
    }
}

void scrapeconfig_read(struct scrape_config *config, const config_setting_t *entry,
                       struct diagnostics *diagnostics)
{
    const config_setting_t *teams = config_setting_get_member(entry, "teams");

    if (config->url[0] == '\0') {
        check_unused(entry, diagnostics);
        return;
    }
    check_url(config, config_setting_get_member(entry, "metrics"), diagnostics);
    for (int i = 0; teams && i < config_setting_length(teams); i++)
        read_team(config, config_setting_get_elem(teams, (unsigned)i), diagnostics);
    if (teams && config->dialect != SERVER_AUTO && config->dialect != SERVER_LITELLM)
        confread_error(teams, diagnostics, "teams: only litellm tells them");
}

void scrapeconfig_resolve(struct scrape_config *config, const struct directions *directions,
                          struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < config->team_count; i++) {
        const struct scrape_team *team = &config->teams[i];
        uint16_t number = 1;

        while (number < directions_count(directions) &&
               strcmp(directions_get(directions, number)->code, team->code) != 0)
            number++;
        config->directions[i] = (struct server_team){team->label, number};
        if (number == directions_count(directions))
            diagnostics_error(diagnostics, team->at.file, team->at.line,
                              "teams: there is no direction \"%s\" in directions.conf", team->code);
    }
}

void scrapeconfig_check_bearer(const struct scrape_config *config, struct diagnostics *diagnostics)
{
    const char *path = config->bearer_path;
    struct stat status;
    FILE *stream;

    if (path[0] == '\0')
        return;
    stream = fopen(path, "re");
    if (!stream) {
        diagnostics_error(diagnostics, path, 0, "cannot read: %s", strerror(errno));
        return;
    }
    if (fstat(fileno(stream), &status) == 0 && status.st_mode & S_IRWXO)
        diagnostics_warning(diagnostics, path, 0,
                            "every user can read this token: chmod 640, owned by root and the "
                            "daemon's group");
    fclose(stream);
}

struct scraper_target scrapeconfig_target(const struct scrape_config *config, uint16_t service,
                                          const struct server_model *models, size_t model_count)
{
    return (struct scraper_target){
        .url = config->url,
        .socket_path = config->socket_path,
        .bearer_path = config->bearer_path,
        .interval_s = config->interval_s,
        .timeout_s = TIMEOUT_S,
        .metrics = {.dialect = (enum server_dialect)config->dialect,
                    .service = service,
                    .models = models,
                    .model_count = model_count,
                    .teams = config->directions,
                    .team_count = config->team_count},
    };
}
