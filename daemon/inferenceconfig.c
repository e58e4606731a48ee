/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/inferenceconfig.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/confread.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const struct inference_config inference_defaults = {
    .max_connections = 1024,
    .header = "x-direction",
    .order = {DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS},
    .order_count = SOURCE_COUNT,
};

#define CONFIG(name) offsetof(struct inference_config, name)
#define TEXT(name)   CONFIG(name), sizeof(((struct inference_config *)0)->name)

static const struct confread_key group_keys[] = {
    {"ports", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"max_connections", CONFREAD_UINT, false, 16, 65536, CONFIG(max_connections), 0, NULL},
    {"direction_by", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"header", CONFREAD_STRING, false, 0, 0, TEXT(header), NULL},
    {"secret", CONFREAD_STRING, false, 0, 0, TEXT(secret_path), NULL},
    {"keys", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

struct key_entry {
    char direction[DIRECTION_CODE_SIZE];
    char hash[2 * APIKEY_DIGEST_SIZE + 1];
};

#define ENTRY(name) offsetof(struct key_entry, name), sizeof(((struct key_entry *)0)->name)

static const struct confread_key entry_keys[] = {
    {"direction", CONFREAD_STRING, true, 0, 0, ENTRY(direction), NULL},
    {"hash", CONFREAD_STRING, true, 0, 0, ENTRY(hash), NULL},
};

static int length_of(const config_setting_t *list)
{
    return list && config_setting_is_aggregate(list) ? config_setting_length(list) : 0;
}

static void read_ports(struct inference_config *config, const config_setting_t *list,
                       struct diagnostics *diagnostics)
{
    for (int i = 0; i < length_of(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        int port =
            config_setting_type(element) == CONFIG_TYPE_INT ? config_setting_get_int(element) : 0;

        if (port < 1 || port > UINT16_MAX)
            confread_error(element, diagnostics, "ports: a port is a number from 1 to 65535");
        else if (config->port_count == INFERENCE_MAX_PORTS)
            confread_error(element, diagnostics, "ports: more than %d", INFERENCE_MAX_PORTS);
        else
            config->ports[config->port_count++] = (uint16_t)port;
        for (unsigned j = 0; j + 1 < config->port_count; j++)
            if (config->ports[j] == port)
                confread_error(element, diagnostics, "ports: %d is listed twice", port);
    }
}

static unsigned source_of(const config_setting_t *element)
{
    const char *name = config_setting_get_string(element);
    unsigned source = 0;

    while (source < SOURCE_COUNT &&
           (!name || strcmp(name, direction_source_name((enum direction_source)source)) != 0))
        source++;
    return source;
}

static void read_order(struct inference_config *config, const config_setting_t *list,
                       struct diagnostics *diagnostics)
{
    if (!list)
        return;
    config->order_count = 0;
    for (int i = 0; i < length_of(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
        unsigned source = source_of(element);
        bool again = memchr(config->order, (int)source, config->order_count) != NULL;

        if (source == SOURCE_COUNT || again) {
            confread_error(element, diagnostics,
                           "direction_by lists \"header\", \"key\" and \"address\", each once at "
                           "most");
            return;
        }
        config->order[config->order_count++] = (uint8_t)source;
    }
}

/* RFC 9110, 5.6.2. Names of headers are the same in capitals. */
static void check_header(struct inference_config *config, const config_setting_t *place,
                         struct diagnostics *diagnostics)
{
    for (const char *at = config->header; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("!#$%&'*+-.^_`|~", *at)) {
            confread_error(place, diagnostics, "header: \"%s\" is not the name of a header",
                           config->header);
            return;
        }
    for (char *at = config->header; *at; at++)
        *at = (char)tolower((unsigned char)*at);
}

static void read_key(struct inference_config *config, const config_setting_t *group,
                     struct diagnostics *diagnostics)
{
    struct inference_key *key = &config->keys[config->key_count];
    struct key_entry entry = {"", ""};

    if (config->key_count == MAX_INFERENCE_KEYS) {
        confread_error(group, diagnostics, "keys: more than %d", MAX_INFERENCE_KEYS);
        return;
    }
    if (!confread_group(group, entry_keys, COUNT_OF(entry_keys), &entry, diagnostics))
        return;
    if (!apikey_parse_hex(entry.hash, key->digest, sizeof(key->digest))) {
        confread_error(group, diagnostics,
                       "keys: hash is not the 64 digits that `iagmeter hash-key` prints");
        return;
    }
    for (size_t i = 0; i < config->key_count; i++)
        if (memcmp(config->keys[i].digest, key->digest, sizeof(key->digest)) == 0)
            confread_error(group, diagnostics, "keys: this hash is listed twice");
    memcpy(config->places[config->key_count].code, entry.direction, sizeof(entry.direction));
    config->places[config->key_count].line = config_setting_source_line(group);
    config->key_count++;
}

void inferenceconfig_read(struct inference_config *config, const config_setting_t *group,
                          struct diagnostics *diagnostics)
{
    const config_setting_t *keys = group ? config_setting_get_member(group, "keys") : NULL;
    const config_setting_t *header = group ? config_setting_get_member(group, "header") : NULL;

    if (!group || !confread_group(group, group_keys, COUNT_OF(group_keys), config, diagnostics))
        return;
    read_ports(config, config_setting_get_member(group, "ports"), diagnostics);
    read_order(config, config_setting_get_member(group, "direction_by"), diagnostics);
    check_header(config, header ? header : group, diagnostics);
    for (int i = 0; i < length_of(keys); i++)
        read_key(config, config_setting_get_elem(keys, (unsigned)i), diagnostics);
    if (config->key_count > 0 && config->secret_path[0] == '\0')
        confread_error(keys, diagnostics, "keys: their hashes need a secret");
}

static bool parse_secret(FILE *stream, struct apikey_secret *secret)
{
    char text[2 * APIKEY_SECRET_SIZE + 3] = "";
    size_t length = fread(text, 1, sizeof(text) - 1, stream);
    bool valid;

    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    valid = apikey_parse_hex(text, secret->bytes, sizeof(secret->bytes));
    explicit_bzero(text, sizeof(text));
    return valid;
}

void inferenceconfig_read_secret(struct inference_config *config, struct diagnostics *diagnostics)
{
    const char *path = config->secret_path;
    struct stat status;
    FILE *stream;

    if (path[0] == '\0')
        return;
    stream = fopen(path, "re");
    if (!stream) {
        diagnostics_error(diagnostics, path, 0, "cannot read: %s", strerror(errno));
        return;
    }
    setvbuf(stream, NULL, _IONBF, 0);
    config->has_secret = parse_secret(stream, &config->secret);
    if (!config->has_secret)
        diagnostics_error(diagnostics, path, 1,
                          "not a secret: 64 hexadecimal digits, as `openssl "
                          "rand -hex 32` prints them");
    if (fstat(fileno(stream), &status) == 0 && status.st_mode & S_IRWXO)
        diagnostics_warning(diagnostics, path, 0,
                            "every user can read this secret: chmod 640, owned by root and the "
                            "daemon's group");
    fclose(stream);
}

void inferenceconfig_resolve(struct inference_config *config, const struct directions *directions,
                             const char *path, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < config->key_count; i++) {
        uint16_t number = 1;

        while (number < directions_count(directions) &&
               strcmp(directions_get(directions, number)->code, config->places[i].code) != 0)
            number++;
        if (number < directions_count(directions))
            config->keys[i].direction = number;
        else
            diagnostics_error(diagnostics, path, config->places[i].line,
                              "keys: there is no direction \"%s\" in directions.conf",
                              config->places[i].code);
    }
}

struct inference_rules inferenceconfig_rules(const struct inference_config *config,
                                             const struct directions *directions)
{
    struct inference_rules rules = {
        .directions = directions,
        .secret = config->has_secret && config->key_count > 0 ? &config->secret : NULL,
        .keys = config->keys,
        .key_count = config->key_count,
        .order_count = config->order_count,
    };

    memcpy(rules.header, config->header, sizeof(rules.header));
    memcpy(rules.order, config->order, sizeof(rules.order));
    return rules;
}
