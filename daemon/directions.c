/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/directions.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/confread.h"

#define MAX_VLAN     4094 /* IEEE 802.1Q: 0 is "no VLAN", 4095 is reserved */
#define MAX_PREFIXES 65536

struct prefix {
    struct address network; /* bytes past the prefix are zero */
    uint8_t length;
    uint16_t number;
};

struct directions {
    struct direction *items;
    uint16_t count;
    struct prefix *prefixes; /* sorted by compare_prefixes() */
    size_t prefix_count;
    size_t prefix_capacity;
    bool used_lengths[2][129];    /* IPv4 and IPv6: which lengths are worth a search */
    uint16_t vlans[MAX_VLAN + 1]; /* DIRECTION_UNASSIGNED when not configured */
};

static const struct direction unassigned = {.code = "unassigned", .label = "Unassigned"};

struct directions *directions_new(void)
{
    struct directions *directions = calloc(1, sizeof(*directions));

    if (directions && !directions_set(directions, DIRECTION_UNASSIGNED, &unassigned)) {
        free(directions);
        return NULL;
    }
    return directions;
}

void directions_free(struct directions *directions)
{
    if (!directions)
        return;
    free(directions->prefixes);
    free(directions->items);
    free(directions);
}

bool directions_set(struct directions *directions, uint16_t number,
                    const struct direction *direction)
{
    if (number >= MAX_DIRECTIONS)
        return false;
    if (number == DIRECTION_UNASSIGNED && strcmp(direction->code, unassigned.code) != 0)
        return false;
    if (number >= directions->count) {
        size_t count = (size_t)number + 1;
        struct direction *grown = realloc(directions->items, count * sizeof(*grown));

        if (!grown)
            return false;
        memset(grown + directions->count, 0, (count - directions->count) * sizeof(*grown));
        directions->items = grown;
        directions->count = (uint16_t)count;
    }
    directions->items[number] = *direction;
    return true;
}

static unsigned address_bits(const struct address *address)
{
    return address->family == 4 ? 32 : 128;
}

/* Clears what lies past the first LENGTH bits, and past the family's size. */
static struct address mask(const struct address *address, unsigned length)
{
    struct address masked = {.family = address->family};

    memcpy(masked.bytes, address->bytes, length / 8);
    if (length % 8)
        masked.bytes[length / 8] =
            (uint8_t)(address->bytes[length / 8] & (0xff00U >> (length % 8)));
    return masked;
}

static int compare_prefixes(const struct prefix *a, const struct prefix *b)
{
    if (a->network.family != b->network.family)
        return a->network.family < b->network.family ? -1 : 1;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return memcmp(a->network.bytes, b->network.bytes, sizeof(a->network.bytes));
}

/* Index of the first prefix that is not before WANTED. */
static size_t lower_bound(const struct directions *directions, const struct prefix *wanted)
{
    size_t low = 0;
    size_t high = directions->prefix_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_prefixes(&directions->prefixes[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct prefix *find_prefix(const struct directions *directions,
                                        const struct address *network, unsigned length)
{
    struct prefix wanted = {.network = *network, .length = (uint8_t)length};
    size_t i = lower_bound(directions, &wanted);

    if (i < directions->prefix_count && compare_prefixes(&directions->prefixes[i], &wanted) == 0)
        return &directions->prefixes[i];
    return NULL;
}

static bool reserve_prefix(struct directions *directions)
{
    size_t capacity = directions->prefix_capacity ? directions->prefix_capacity * 2 : 64;
    struct prefix *grown;

    if (directions->prefix_count < directions->prefix_capacity)
        return true;
    grown = realloc(directions->prefixes, capacity * sizeof(*grown));
    if (!grown)
        return false;
    directions->prefixes = grown;
    directions->prefix_capacity = capacity;
    return true;
}

static const char *check_number(const struct directions *directions, uint16_t number)
{
    if (number >= directions->count)
        return "no such direction";
    /* It is what remains; giving it a prefix would hide a hole in the others. */
    return number == DIRECTION_UNASSIGNED ? "\"unassigned\" cannot be configured" : NULL;
}

static const char *check_prefix(const struct address *network, unsigned length)
{
    struct address masked;

    if (network->family != 4 && network->family != 6)
        return "not an address";
    if (length == 0)
        return "prefix length 0 covers every address";
    if (length > address_bits(network))
        return "prefix length is too large";
    masked = mask(network, length);
    return memcmp(masked.bytes, network->bytes, address_bits(network) / 8) != 0
               ? "host bits are set in prefix"
               : NULL;
}

const char *directions_add_prefix(struct directions *directions, const struct address *network,
                                  unsigned prefix_length, uint16_t number)
{
    const char *problem = check_number(directions, number);
    struct prefix added = {.length = (uint8_t)prefix_length, .number = number};
    size_t i;

    if (!problem)
        problem = check_prefix(network, prefix_length);
    if (problem)
        return problem;
    added.network = mask(network, prefix_length);
    if (find_prefix(directions, &added.network, prefix_length))
        return "duplicate prefix";
    if (directions->prefix_count == MAX_PREFIXES)
        return "too many prefixes";
    if (!reserve_prefix(directions))
        return "out of memory";
    i = lower_bound(directions, &added);
    memmove(&directions->prefixes[i + 1], &directions->prefixes[i],
            (directions->prefix_count - i) * sizeof(added));
    directions->prefixes[i] = added;
    directions->prefix_count++;
    directions->used_lengths[network->family == 6][prefix_length] = true;
    return NULL;
}

const char *directions_add_vlan(struct directions *directions, uint16_t vlan, uint16_t number)
{
    const char *problem = check_number(directions, number);

    if (problem)
        return problem;
    if (vlan == 0 || vlan > MAX_VLAN)
        return "VLAN is not 1 to 4094";
    if (directions->vlans[vlan] != DIRECTION_UNASSIGNED)
        return "duplicate VLAN";
    directions->vlans[vlan] = number;
    return NULL;
}

/* Digits only: strtoul() would take signs and spaces. */
static bool parse_length(const char *text, unsigned *length)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 3 || text[digits] != '\0')
        return false;
    *length = (unsigned)strtoul(text, NULL, 10);
    return true;
}

/* RFC 4291, 2.5.5.2: how a program that serves both families writes an address of IPv4. No packet
 * has one, so what is meant is that address. */
static void unmap(struct address *network, unsigned *prefix_length)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct address meant = {.family = 4};

    if (network->family != 6 || *prefix_length < 96 ||
        memcmp(network->bytes, mapped, sizeof(mapped)) != 0)
        return;
    memcpy(meant.bytes, network->bytes + sizeof(mapped), 4);
    *network = meant;
    *prefix_length -= 96;
}

const char *directions_parse_prefix(const char *text, struct address *network,
                                    unsigned *prefix_length)
{
    char host[INET6_ADDRSTRLEN];
    size_t host_length = strcspn(text, "/");

    if (host_length >= sizeof(host))
        return "not an address";
    memcpy(host, text, host_length);
    host[host_length] = '\0';
    *network = (struct address){.family = strchr(host, ':') ? 6 : 4};
    if (inet_pton(network->family == 6 ? AF_INET6 : AF_INET, host, network->bytes) != 1)
        return "not an address";
    *prefix_length = address_bits(network);
    if (text[host_length] == '/' && !parse_length(text + host_length + 1, prefix_length))
        return "prefix length is not a number";
    if (*prefix_length > address_bits(network))
        return "prefix length is too large";
    unmap(network, prefix_length);
    return NULL;
}

static const struct prefix *longest_prefix(const struct directions *directions,
                                           const struct address *address)
{
    if (address->family != 4 && address->family != 6)
        return NULL;
    for (unsigned length = address_bits(address); length > 0; length--) {
        if (directions->used_lengths[address->family == 6][length]) {
            struct address network = mask(address, length);
            const struct prefix *prefix = find_prefix(directions, &network, length);

            if (prefix)
                return prefix;
        }
    }
    return NULL;
}

uint16_t directions_match(const struct directions *directions, const struct address *address,
                          uint16_t vlan)
{
    const struct prefix *prefix = longest_prefix(directions, address);

    if (prefix)
        return prefix->number;
    return vlan <= MAX_VLAN ? directions->vlans[vlan] : DIRECTION_UNASSIGNED;
}

uint16_t directions_count(const struct directions *directions)
{
    return directions->count;
}

const struct direction *directions_get(const struct directions *directions, uint16_t number)
{
    return number < directions->count ? &directions->items[number] : NULL;
}

void directions_visit(const struct directions *directions, directions_visitor *visit, void *context)
{
    for (size_t i = 0; i < directions->prefix_count; i++) {
        const struct prefix *prefix = &directions->prefixes[i];

        visit(context, &prefix->network, prefix->length, prefix->number);
    }
    for (unsigned vlan = 1; vlan <= MAX_VLAN; vlan++)
        if (directions->vlans[vlan] != DIRECTION_UNASSIGNED)
            visit(context, NULL, vlan, directions->vlans[vlan]);
}

/* ---- directions.conf ---- */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct loader {
    struct directions *directions;
    struct diagnostics *diagnostics;
    bool seen[MAX_DIRECTIONS]; /* numbers that this file has given */
};

#define DIRECTION(name) offsetof(struct direction, name), sizeof(((struct direction *)0)->name)

static const struct confread_key direction_keys[] = {
    {"code", CONFREAD_STRING, true, 0, 0, DIRECTION(code), NULL},
    {"label", CONFREAD_STRING, true, 0, 0, DIRECTION(label), NULL},
    {"legal_entity", CONFREAD_STRING, false, 0, 0, DIRECTION(legal_entity), NULL},
    {"headcount", CONFREAD_UINT, false, 0, 1e6, DIRECTION(headcount), NULL},
    {"prefixes", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"vlans", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static const struct confread_key root_keys[] = {
    {"directions", CONFREAD_LIST, true, 0, 0, 0, 0, NULL},
};

/* Codes name files. */
static bool is_code(const char *code)
{
    return code[0] != '\0' && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789_-") == strlen(code);
}

static void read_prefix(const struct loader *loader, const config_setting_t *setting,
                        uint16_t number)
{
    const struct directions *directions = loader->directions;
    const char *text = config_setting_get_string(setting);
    const char *code = directions->items[number].code;
    const struct prefix *other = NULL;
    const char *problem = "prefix must be a string";
    struct address network;
    unsigned length;

    if (text)
        problem = directions_parse_prefix(text, &network, &length);
    if (text && !problem) {
        other = find_prefix(directions, &network, length);
        problem = directions_add_prefix(loader->directions, &network, length, number);
    }
    if (problem && other)
        confread_error(setting, loader->diagnostics,
                       "duplicate prefix %s: listed by direction %s and by direction %s", text,
                       directions->items[other->number].code, code);
    else if (problem)
        confread_error(setting, loader->diagnostics, "direction %s: %s \"%s\"", code, problem,
                       text ? text : "");
}

static void read_vlan(const struct loader *loader, const config_setting_t *setting, uint16_t number)
{
    const struct directions *directions = loader->directions;
    const char *code = directions->items[number].code;
    const char *problem;
    long long vlan = config_setting_get_int64(setting);

    if (config_setting_type(setting) != CONFIG_TYPE_INT || vlan < 1 || vlan > MAX_VLAN) {
        confread_error(setting, loader->diagnostics,
                       "direction %s: VLAN must be a whole number, 1 to %d", code, MAX_VLAN);
        return;
    }
    problem = directions_add_vlan(loader->directions, (uint16_t)vlan, number);
    if (problem)
        confread_error(setting, loader->diagnostics,
                       "%s %lld: listed by direction %s and by direction %s", problem, vlan,
                       directions->items[directions->vlans[vlan]].code, code);
}

typedef void element_reader(const struct loader *loader, const config_setting_t *setting,
                            uint16_t number);

static void read_elements(const struct loader *loader, const config_setting_t *list,
                          uint16_t number, element_reader *read)
{
    for (int i = 0; list && i < config_setting_length(list); i++)
        read(loader, config_setting_get_elem(list, (unsigned)i), number);
}

static uint16_t find_code(const struct directions *directions, const char *code)
{
    for (uint16_t i = 0; i < directions->count; i++)
        if (strcmp(directions->items[i].code, code) == 0)
            return i;
    return directions->count;
}

/* Returns DIRECTION_UNASSIGNED after a diagnostic. */
static uint16_t number_for(struct loader *loader, const config_setting_t *group,
                           const struct direction *direction)
{
    uint16_t number = find_code(loader->directions, direction->code);
    const char *problem = NULL;

    if (!is_code(direction->code))
        problem = "code must be made of letters, digits, '-' and '_'";
    else if (strcasecmp(direction->code, unassigned.code) == 0 ||
             strcasecmp(direction->code, "other") == 0) /* the row of small cells */
        problem = "this code is reserved";
    else if (number < MAX_DIRECTIONS && loader->seen[number])
        problem = "duplicate code";
    else if (!directions_set(loader->directions, number, direction))
        problem = "too many directions (removed ones count until a restart)";
    if (problem) {
        confread_error(config_setting_get_member(group, "code"), loader->diagnostics,
                       "direction %s: %s", direction->code, problem);
        return DIRECTION_UNASSIGNED;
    }
    loader->seen[number] = true;
    return number;
}

static void read_direction(struct loader *loader, const config_setting_t *group)
{
    struct direction direction = {0};
    uint16_t number;

    if (!confread_group(group, direction_keys, COUNT_OF(direction_keys), &direction,
                        loader->diagnostics))
        return;
    number = number_for(loader, group, &direction);
    if (number == DIRECTION_UNASSIGNED)
        return;
    read_elements(loader, config_setting_get_member(group, "prefixes"), number, read_prefix);
    read_elements(loader, config_setting_get_member(group, "vlans"), number, read_vlan);
}

static void read_root(struct loader *loader, const config_setting_t *root)
{
    const config_setting_t *list = config_setting_get_member(root, "directions");
    char unused;

    if (!confread_group(root, root_keys, COUNT_OF(root_keys), &unused, loader->diagnostics))
        return;
    for (int i = 0; i < config_setting_length(list); i++)
        read_direction(loader, config_setting_get_elem(list, (unsigned)i));
}

/* Gives the directions of PREVIOUS their old numbers, without prefixes. */
static bool inherit(struct directions *directions, const struct directions *previous)
{
    for (uint16_t i = 0; previous && i < previous->count; i++)
        if (!directions_set(directions, i, &previous->items[i]))
            return false;
    return true;
}

struct directions *directions_load(const char *path, const struct directions *previous,
                                   struct diagnostics *diagnostics)
{
    size_t errors = diagnostics_errors(diagnostics);
    struct loader loader = {.directions = directions_new(), .diagnostics = diagnostics};
    config_t config;

    if (!loader.directions || !inherit(loader.directions, previous)) {
        diagnostics_error(diagnostics, path, 0, "out of memory");
        goto out;
    }
    if (confread_file(&config, path, diagnostics))
        read_root(&loader, config_root_setting(&config));
    config_destroy(&config);
out:
    if (diagnostics_errors(diagnostics) == errors)
        return loader.directions;
    directions_free(loader.directions);
    return NULL;
}
