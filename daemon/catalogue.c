/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/catalogue.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/capture/estimator_config.h"
#include "daemon/confread.h"
#include "daemon/directions.h"

#define MAX_NAME      253 /* RFC 1035, 2.3.4, without the trailing dot */
#define MAX_LABEL     63
#define MAX_WILDCARDS 256 /* tried one after the other: a bound on the cost of a hostile name */

/* Hosts of services, then the lists of names that belong to none. */
enum pattern_kind {
    KIND_EXACT,
    KIND_SUFFIX,
    KIND_WILDCARD,
    KIND_ECH,
    KIND_RESOLVER,
    KIND_RESOLVER_SUFFIX,
    KIND_RESOLVER_ADDRESS
};
enum list { LIST_HOSTS, LIST_ECH, LIST_RESOLVERS, LIST_RESOLVER_ADDRESSES };

struct pattern {
    char *text; /* lower case, with the leading dot of a suffix; or an address */
    uint64_t hash;
    uint16_t length;
    uint16_t number;
    uint8_t kind;
    uint8_t role;
};

/* The mixes of one service; none for most. */
struct mix_list {
    struct mix *items;
    size_t count;
};

/* By transport; NULL for most. */
struct calibrated_list {
    struct service_calibrated *by_transport[TRANSPORT_COUNT];
};

struct catalogue {
    struct service *services;
    struct mix_list *mixes; /* by number, like the services */
    struct calibrated_list *calibrated;
    uint16_t count;
    size_t capacity;
    struct pattern *patterns; /* in the order they were added */
    uint32_t pattern_count;
    uint32_t pattern_capacity;
    uint32_t *slots; /* open addressing; index of a pattern plus one, 0 when free */
    uint32_t slot_count;
    uint32_t wildcards[MAX_WILDCARDS]; /* indices of patterns, the longest first */
    unsigned wildcard_count;
};

/* FNV-1a, fed from the last character to the first, so that one pass over a name yields the hash
 * of every suffix on the way. Collisions cannot be provoked from outside: the table holds what the
 * configuration says, and a name only reads it. */
#define HASH_START 0xcbf29ce484222325ULL

static uint64_t hash_step(uint64_t hash, char character)
{
    return (hash ^ (unsigned char)character) * 0x100000001b3ULL;
}

static uint64_t hash_name(const char *name, size_t length)
{
    uint64_t hash = HASH_START;

    while (length > 0)
        hash = hash_step(hash, name[--length]);
    return hash;
}

struct catalogue *catalogue_new(void)
{
    return calloc(1, sizeof(struct catalogue));
}

void catalogue_free(struct catalogue *catalogue)
{
    if (!catalogue)
        return;
    for (uint32_t i = 0; i < catalogue->pattern_count; i++)
        free(catalogue->patterns[i].text);
    free(catalogue->patterns);
    free(catalogue->slots);
    for (uint16_t i = 0; i < catalogue->count; i++) {
        free(catalogue->mixes[i].items);
        for (int j = 0; j < TRANSPORT_COUNT; j++)
            free(catalogue->calibrated[i].by_transport[j]);
    }
    free(catalogue->mixes);
    free(catalogue->calibrated);
    free(catalogue->services);
    free(catalogue);
}

static bool enlarge(struct catalogue *catalogue, size_t capacity)
{
    struct service *services = realloc(catalogue->services, capacity * sizeof(*services));
    struct mix_list *mixes = realloc(catalogue->mixes, capacity * sizeof(*mixes));
    struct calibrated_list *calibrated =
        realloc(catalogue->calibrated, capacity * sizeof(*calibrated));

    if (services)
        catalogue->services = services;
    if (mixes)
        catalogue->mixes = mixes;
    if (calibrated)
        catalogue->calibrated = calibrated;
    if (!services || !mixes || !calibrated)
        return false;
    catalogue->capacity = capacity;
    return true;
}

static bool make_room(struct catalogue *catalogue, size_t count)
{
    size_t added = count - catalogue->count;

    /* By doubling: each time the pages move, whoever reads them pays. */
    if (count > catalogue->capacity && !enlarge(catalogue, 2 * count))
        return false;
    memset(catalogue->calibrated + catalogue->count, 0, added * sizeof(*catalogue->calibrated));
    memset(catalogue->services + catalogue->count, 0, added * sizeof(*catalogue->services));
    memset(catalogue->mixes + catalogue->count, 0, added * sizeof(*catalogue->mixes));
    catalogue->count = (uint16_t)count;
    return true;
}

bool catalogue_set_service(struct catalogue *catalogue, uint16_t number,
                           const struct service *service)
{
    if (number >= MAX_SERVICES ||
        (number >= catalogue->count && !make_room(catalogue, (size_t)number + 1)))
        return false;
    catalogue->services[number] = *service;
    return true;
}

bool catalogue_set_mixes(struct catalogue *catalogue, uint16_t number, const struct mix *mixes,
                         size_t count)
{
    struct mix *copy = count > 0 ? calloc(count, sizeof(*copy)) : NULL;

    if (number >= catalogue->count || (count > 0 && !copy)) {
        free(copy);
        return false;
    }
    if (copy)
        memcpy(copy, mixes, count * sizeof(*copy));
    free(catalogue->mixes[number].items);
    catalogue->mixes[number] = (struct mix_list){copy, count};
    return true;
}

bool catalogue_set_calibrated(struct catalogue *catalogue, uint16_t number,
                              const struct service_calibrated *calibrated)
{
    struct service_calibrated *copy;

    if (number >= catalogue->count || calibrated->transport >= TRANSPORT_COUNT)
        return false;
    copy = malloc(sizeof(*copy));
    if (!copy)
        return false;
    *copy = *calibrated;
    free(catalogue->calibrated[number].by_transport[copy->transport]);
    catalogue->calibrated[number].by_transport[copy->transport] = copy;
    return true;
}

const struct service_calibrated *catalogue_calibrated(const struct catalogue *catalogue,
                                                      uint16_t number,
                                                      enum service_transport transport)
{
    return catalogue->calibrated[number].by_transport[transport];
}

const struct estimator *catalogue_estimator(const struct catalogue *catalogue, uint16_t number,
                                            enum service_transport transport)
{
    const struct service_calibrated *calibrated =
        catalogue_calibrated(catalogue, number, transport);

    return calibrated ? &calibrated->estimator : &catalogue->services[number].estimator;
}

const char *service_transport_name(enum service_transport transport)
{
    return transport == TRANSPORT_QUIC ? "quic" : "tcp";
}

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Writes NAME in lower case, without a trailing dot, to OUT[MAX_NAME + 1]. Returns NULL, or why it
 * is no host name. */
static const char *normalise(const char *name, size_t length, bool stars, char *out,
                             size_t *out_length)
{
    size_t label = 0;

    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length == 0)
        return "empty host";
    if (length > MAX_NAME)
        return "host longer than 253 characters";
    for (size_t i = 0; i < length; i++) {
        char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];

        if (c == '.' && label == 0)
            return "empty label in host";
        if (c != '.' && !is_host_character(c) && !(stars && c == '*'))
            return "invalid character in host";
        label = c == '.' ? 0 : label + 1;
        if (label > MAX_LABEL)
            return "label longer than 63 characters in host";
        out[i] = c;
    }
    if (label == 0) /* two dots at the end: one is left */
        return "empty label in host";
    out[length] = '\0';
    *out_length = length;
    return NULL;
}

static bool is_suffix(enum pattern_kind kind)
{
    return kind == KIND_SUFFIX || kind == KIND_RESOLVER_SUFFIX;
}

/* The name that a pattern is hashed by. */
static const char *pattern_name(const struct pattern *pattern)
{
    return pattern->text + is_suffix(pattern->kind);
}

static size_t pattern_name_length(const struct pattern *pattern)
{
    return (size_t)pattern->length - is_suffix(pattern->kind);
}

static const struct pattern *find_pattern(const struct catalogue *catalogue, enum pattern_kind kind,
                                          const char *name, size_t length, uint64_t hash)
{
    uint32_t mask = catalogue->slot_count - 1;

    if (catalogue->slot_count == 0)
        return NULL;
    for (uint32_t i = (uint32_t)hash & mask; catalogue->slots[i] != 0; i = (i + 1) & mask) {
        const struct pattern *pattern = &catalogue->patterns[catalogue->slots[i] - 1];

        if (pattern->hash == hash && pattern->kind == kind &&
            pattern_name_length(pattern) == length &&
            memcmp(pattern_name(pattern), name, length) == 0)
            return pattern;
    }
    return NULL;
}

static void fill_slot(uint32_t *slots, uint32_t slot_count, uint64_t hash, uint32_t index)
{
    uint32_t i = (uint32_t)hash & (slot_count - 1);

    while (slots[i] != 0)
        i = (i + 1) & (slot_count - 1);
    slots[i] = index + 1;
}

/* Room for one more pattern; the table stays at most half full, so that probing ends soon. */
static bool reserve(struct catalogue *catalogue)
{
    if (catalogue->pattern_count == catalogue->pattern_capacity) {
        uint32_t capacity = catalogue->pattern_capacity ? catalogue->pattern_capacity * 2 : 64;
        struct pattern *grown =
            realloc(catalogue->patterns, capacity * sizeof(*catalogue->patterns));

        if (!grown)
            return false;
        catalogue->patterns = grown;
        catalogue->pattern_capacity = capacity;
    }
    if ((catalogue->pattern_count + 1) * 2 > catalogue->slot_count) {
        uint32_t slot_count = catalogue->slot_count ? catalogue->slot_count * 2 : 128;
        uint32_t *slots = calloc(slot_count, sizeof(*slots));

        if (!slots)
            return false;
        for (uint32_t i = 0; i < catalogue->pattern_count; i++)
            fill_slot(slots, slot_count, catalogue->patterns[i].hash, i);
        free(catalogue->slots);
        catalogue->slots = slots;
        catalogue->slot_count = slot_count;
    }
    return true;
}

static const char *add_wildcard(struct catalogue *catalogue, uint32_t index, size_t length)
{
    unsigned i = catalogue->wildcard_count;

    if (i == MAX_WILDCARDS)
        return "too many hosts with '*'";
    for (; i > 0 && catalogue->patterns[catalogue->wildcards[i - 1]].length < length; i--)
        catalogue->wildcards[i] = catalogue->wildcards[i - 1];
    catalogue->wildcards[i] = index;
    catalogue->wildcard_count++;
    return NULL;
}

/* Splits what the user wrote into a kind and the name to look up. */
static const char *parse_pattern(const char *text, enum pattern_kind *kind, char *name,
                                 size_t *length)
{
    bool suffix = text[0] == '.';
    const char *problem = normalise(text + suffix, strlen(text + suffix), true, name, length);
    const char *star = problem ? NULL : strrchr(name, '*');
    const char *dot = problem ? NULL : strchr(star ? star : name, '.');

    *kind = star ? KIND_WILDCARD : suffix ? KIND_SUFFIX : KIND_EXACT;
    if (problem)
        return problem;
    if (star && suffix)
        return "host with both a leading dot and '*'";
    /* ".com" or "*.fr" would take a good part of the Internet for one service. */
    if (suffix && !dot)
        return "host covers a whole top-level domain";
    if (star && (!dot || !strchr(dot + 1, '.')))
        return "host must end in two labels without '*'";
    return NULL;
}

/* Writes ADDRESS, as it is written in one way only, to OUT[MAX_NAME + 1]. Returns false when it is
 * of no family. */
static bool write_address(const struct address *address, char *out, size_t *length)
{
    if ((address->family != 4 && address->family != 6) ||
        !inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, out, MAX_NAME + 1))
        return false;
    *length = strlen(out);
    return true;
}

static const char *parse_address(const char *text, char *out, size_t *length)
{
    struct address address;
    unsigned bits;

    if (strchr(text, '/'))
        return "address of a whole network";
    if (directions_parse_prefix(text, &address, &bits) || !write_address(&address, out, length))
        return "not an address";
    return NULL;
}

/* The same for an entry of LIST. */
static const char *parse_entry(enum list list, const char *text, enum pattern_kind *kind,
                               char *name, size_t *length)
{
    const char *problem;

    if (list == LIST_ECH) {
        *kind = KIND_ECH;
        return normalise(text, strlen(text), false, name, length);
    }
    if (list == LIST_RESOLVER_ADDRESSES) {
        *kind = KIND_RESOLVER_ADDRESS;
        return parse_address(text, name, length);
    }
    problem = parse_pattern(text, kind, name, length);
    if (problem || list == LIST_HOSTS)
        return problem;
    if (*kind == KIND_WILDCARD)
        return "resolver with '*'";
    *kind = *kind == KIND_SUFFIX ? KIND_RESOLVER_SUFFIX : KIND_RESOLVER;
    return NULL;
}

static const char *add_pattern(struct catalogue *catalogue, enum pattern_kind kind,
                               const char *name, size_t length, uint16_t number,
                               enum service_role role)
{
    uint64_t hash = hash_name(name, length);
    uint32_t index = catalogue->pattern_count;
    const char *problem = NULL;
    char *text;

    if (find_pattern(catalogue, kind, name, length, hash))
        return kind == KIND_RESOLVER_ADDRESS ? "duplicate address" : "duplicate host";
    if (index == CATALOGUE_MOST_PATTERNS)
        return "too many hosts";
    if (!reserve(catalogue) || asprintf(&text, "%s%s", is_suffix(kind) ? "." : "", name) < 0)
        return "out of memory";
    if (kind == KIND_WILDCARD)
        problem = add_wildcard(catalogue, index, length);
    if (problem) {
        free(text);
        return problem;
    }
    catalogue->patterns[index] = (struct pattern){
        .text = text,
        .hash = hash,
        .length = (uint16_t)strlen(text),
        .number = number,
        .kind = (uint8_t)kind,
        .role = (uint8_t)role,
    };
    catalogue->pattern_count++;
    fill_slot(catalogue->slots, catalogue->slot_count, hash, index);
    return NULL;
}

static const char *add_entry(struct catalogue *catalogue, enum list list, const char *text,
                             uint16_t number, enum service_role role)
{
    char name[MAX_NAME + 1];
    enum pattern_kind kind;
    size_t length;
    const char *problem = parse_entry(list, text, &kind, name, &length);

    return problem ? problem : add_pattern(catalogue, kind, name, length, number, role);
}

const char *catalogue_add_host(struct catalogue *catalogue, const char *pattern, uint16_t number,
                               enum service_role role)
{
    if (number >= catalogue->count)
        return "no such service";
    if ((unsigned)role >= ROLE_COUNT)
        return "no such role";
    return add_entry(catalogue, LIST_HOSTS, pattern, number, role);
}

const char *catalogue_add_ech_name(struct catalogue *catalogue, const char *name)
{
    return add_entry(catalogue, LIST_ECH, name, SERVICE_NONE, ROLE_INFERENCE);
}

const char *catalogue_add_resolver(struct catalogue *catalogue, const char *pattern)
{
    return add_entry(catalogue, LIST_RESOLVERS, pattern, SERVICE_NONE, ROLE_INFERENCE);
}

const char *catalogue_add_resolver_address(struct catalogue *catalogue, const char *text)
{
    return add_entry(catalogue, LIST_RESOLVER_ADDRESSES, text, SERVICE_NONE, ROLE_INFERENCE);
}

bool catalogue_is_ech_name(const struct catalogue *catalogue, const char *name, size_t length)
{
    char lower[MAX_NAME + 1];

    return !normalise(name, length, false, lower, &length) &&
           find_pattern(catalogue, KIND_ECH, lower, length, hash_name(lower, length));
}

bool catalogue_is_resolver(const struct catalogue *catalogue, const char *name, size_t length)
{
    char lower[MAX_NAME + 1];
    uint64_t hash = HASH_START;

    if (normalise(name, length, false, lower, &length))
        return false;
    for (size_t i = length; i-- > 0;) {
        hash = hash_step(hash, lower[i]);
        if ((i == 0 || lower[i - 1] == '.') &&
            find_pattern(catalogue, KIND_RESOLVER_SUFFIX, lower + i, length - i, hash))
            return true;
    }
    return find_pattern(catalogue, KIND_RESOLVER, lower, length, hash) != NULL;
}

bool catalogue_is_resolver_address(const struct catalogue *catalogue, const struct address *address)
{
    char text[MAX_NAME + 1];
    size_t length;

    return write_address(address, text, &length) &&
           find_pattern(catalogue, KIND_RESOLVER_ADDRESS, text, length, hash_name(text, length));
}

/* Falling back to the last '*' only is enough: what a '*' may hold ends at the next dot, so its
 * earliest continuation leaves most room to those that follow. */
static bool wildcard_matches(const char *pattern, const char *name)
{
    const char *after_star = NULL;
    const char *taken = NULL; /* first character that the last '*' has not taken */

    for (;;) {
        if (*pattern == '*' && *name && *name != '.') {
            after_star = ++pattern;
            taken = ++name;
        } else if (*pattern == *name && *pattern != '*') {
            if (!*pattern)
                return true;
            pattern++;
            name++;
        } else if (taken && *taken && *taken != '.') {
            pattern = after_star;
            name = ++taken;
        } else {
            return false;
        }
    }
}

/* Whether A comes before B, where both match; B may be NULL. */
static bool outranks(const struct catalogue *catalogue, const struct pattern *a,
                     const struct pattern *b)
{
    int review_a = catalogue->services[a->number].review;

    if (!b)
        return true;
    if (review_a != catalogue->services[b->number].review)
        return review_a == REVIEWED;
    if ((a->kind == KIND_EXACT) != (b->kind == KIND_EXACT))
        return a->kind == KIND_EXACT;
    return a->length > b->length;
}

/* The first wildcard that matches NAME and comes before BEST, else BEST. */
static const struct pattern *match_wildcards(const struct catalogue *catalogue, const char *name,
                                             const struct pattern *best)
{
    for (unsigned i = 0; i < catalogue->wildcard_count; i++) {
        const struct pattern *pattern = &catalogue->patterns[catalogue->wildcards[i]];

        if (outranks(catalogue, pattern, best) && wildcard_matches(pattern->text, name))
            best = pattern;
    }
    return best;
}

static const struct pattern *match_pattern(const struct catalogue *catalogue, const char *name,
                                           size_t length)
{
    const struct pattern *best = NULL;
    const struct pattern *pattern;
    uint64_t hash = HASH_START;

    for (size_t i = length; i-- > 0;) {
        hash = hash_step(hash, name[i]);
        if (i > 0 && name[i - 1] != '.')
            continue;
        pattern = find_pattern(catalogue, KIND_SUFFIX, name + i, length - i, hash);
        if (pattern && outranks(catalogue, pattern, best))
            best = pattern;
    }
    pattern = find_pattern(catalogue, KIND_EXACT, name, length, hash);
    if (pattern && outranks(catalogue, pattern, best))
        best = pattern;
    return match_wildcards(catalogue, name, best);
}

struct catalogue_match catalogue_match(const struct catalogue *catalogue, const char *name,
                                       size_t length)
{
    char lower[MAX_NAME + 1];
    const struct pattern *pattern = NULL;

    if (!normalise(name, length, false, lower, &length))
        pattern = match_pattern(catalogue, lower, length);
    if (!pattern)
        return (struct catalogue_match){SERVICE_NONE, 0};
    return (struct catalogue_match){pattern->number, pattern->role};
}

uint16_t catalogue_count(const struct catalogue *catalogue)
{
    return catalogue->count;
}

uint32_t catalogue_pattern_count(const struct catalogue *catalogue)
{
    return catalogue->pattern_count;
}

const struct service *catalogue_service(const struct catalogue *catalogue, uint16_t number)
{
    return number < catalogue->count ? &catalogue->services[number] : NULL;
}

const struct mix *catalogue_mixes(const struct catalogue *catalogue, uint16_t number, size_t *count)
{
    *count = number < catalogue->count ? catalogue->mixes[number].count : 0;
    return *count > 0 ? catalogue->mixes[number].items : NULL;
}

uint16_t catalogue_find(const struct catalogue *catalogue, const char *id)
{
    for (uint16_t i = 0; i < catalogue->count; i++)
        if (id[0] != '\0' && strcmp(catalogue->services[i].id, id) == 0)
            return i;
    return SERVICE_NONE;
}

static void visit_kinds(const struct catalogue *catalogue, enum pattern_kind first,
                        enum pattern_kind last, catalogue_visitor *visit, void *context)
{
    for (uint32_t i = 0; i < catalogue->pattern_count; i++) {
        const struct pattern *pattern = &catalogue->patterns[i];

        if (pattern->kind >= first && pattern->kind <= last)
            visit(context, pattern->text, pattern->number, (enum service_role)pattern->role);
    }
}

void catalogue_visit_hosts(const struct catalogue *catalogue, catalogue_visitor *visit,
                           void *context)
{
    visit_kinds(catalogue, KIND_EXACT, KIND_WILDCARD, visit, context);
    visit_kinds(catalogue, KIND_ECH, KIND_ECH, visit, context);
}

void catalogue_visit_resolvers(const struct catalogue *catalogue, catalogue_visitor *visit,
                               void *context)
{
    visit_kinds(catalogue, KIND_RESOLVER, KIND_RESOLVER_SUFFIX, visit, context);
}

void catalogue_visit_resolver_addresses(const struct catalogue *catalogue, catalogue_visitor *visit,
                                        void *context)
{
    visit_kinds(catalogue, KIND_RESOLVER_ADDRESS, KIND_RESOLVER_ADDRESS, visit, context);
}

static const char *const role_names[] = {"inference", "assets", "telemetry",
                                         "login",     "shared", "images"};

const char *service_role_name(enum service_role role)
{
    return (unsigned)role < ROLE_COUNT ? role_names[role] : "unknown";
}

/* ---- services.conf and the files of services.d ---- */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct loader {
    struct catalogue *catalogue;
    struct diagnostics *diagnostics;
    catalogue_check *check;
    void *context;
    struct estimator_set estimators;
    const config_setting_t *estimators_setting; /* NULL when services.conf has none to offer */
    /* Where each number and each pattern was given, by these files. */
    const config_setting_t *services[MAX_SERVICES];
    const config_setting_t *patterns[CATALOGUE_MOST_PATTERNS];
};

struct service_draft {
    struct service service;
    struct mixes mixes;
    char estimator[ESTIMATOR_NAME_SIZE];
    bool approved;
    bool reviewed;
    bool local;
};

static const char *const hosting_names[] = {"sovereign", "eu", "outside-eu", NULL};
static const char *const method_names[] = {"A", "B", NULL};

#define DRAFT(name)   offsetof(struct service_draft, name)
#define SERVICE(name) DRAFT(service.name), sizeof(((struct service *)0)->name)

static const struct confread_key service_keys[] = {
    {"id", CONFREAD_STRING, true, 0, 0, SERVICE(id), NULL},
    {"label", CONFREAD_STRING, true, 0, 0, SERVICE(label), NULL},
    {"label_fr", CONFREAD_STRING, false, 0, 0, SERVICE(label_fr), NULL},
    {"operator", CONFREAD_STRING, true, 0, 0, SERVICE(operator_name), NULL},
    {"country", CONFREAD_STRING, true, 0, 0, SERVICE(country), NULL},
    {"hosting", CONFREAD_ENUM, true, 0, 0, SERVICE(hosting), hosting_names},
    {"approved", CONFREAD_BOOL, false, 0, 0, DRAFT(approved), 0, NULL},
    {"reviewed", CONFREAD_BOOL, false, 0, 0, DRAFT(reviewed), 0, NULL},
    {"modality", CONFREAD_LIST, true, 0, 0, 0, 0, NULL},
    {"provider", CONFREAD_STRING, false, 0, 0, SERVICE(provider), NULL},
    {"model", CONFREAD_STRING, false, 0, 0, SERVICE(model), NULL},
    {"image_model", CONFREAD_STRING, false, 0, 0, SERVICE(image_model), NULL},
    {"mix", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"method", CONFREAD_ENUM, false, 0, 0, SERVICE(method), method_names},
    {"estimator", CONFREAD_STRING, true, 0, 0, DRAFT(estimator), ESTIMATOR_NAME_SIZE, NULL},
    {"local", CONFREAD_BOOL, false, 0, 0, DRAFT(local), 0, NULL},
    {"hosts", CONFREAD_GROUP, false, 0, 0, 0, 0, NULL},
    {"regions", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

/* A region is the service under other names and elsewhere: what it leaves out is the service's. */
static const struct confread_key region_keys[] = {
    {"id", CONFREAD_STRING, true, 0, 0, SERVICE(id), NULL},
    {"label", CONFREAD_STRING, true, 0, 0, SERVICE(label), NULL},
    {"label_fr", CONFREAD_STRING, false, 0, 0, SERVICE(label_fr), NULL},
    {"hosting", CONFREAD_ENUM, false, 0, 0, SERVICE(hosting), hosting_names},
    {"provider", CONFREAD_STRING, false, 0, 0, SERVICE(provider), NULL},
    {"hosts", CONFREAD_GROUP, true, 0, 0, 0, 0, NULL},
};

/* In the order of enum service_role. */
static const struct confread_key host_keys[] = {
    {"inference", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"assets", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"telemetry", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"login", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"shared", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"images", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static const struct confread_key main_keys[] = {
    {"services", CONFREAD_LIST, true, 0, 0, 0, 0, NULL},
    {"estimators", CONFREAD_GROUP, true, 0, 0, 0, 0, NULL},
    {"exchanges", CONFREAD_GROUP, true, 0, 0, 0, 0, NULL},
    {"ech_public_names", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"resolvers", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"resolver_addresses", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static const struct confread_key further_keys[] = {
    {"services", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"ech_public_names", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"resolvers", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"resolver_addresses", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
};

static const struct {
    const char *name;
    unsigned bit;
} modalities[] = {
    {"text", MODALITY_TEXT},   {"code", MODALITY_CODE},   {"image", MODALITY_IMAGE},
    {"audio", MODALITY_AUDIO}, {"video", MODALITY_VIDEO},
};

static unsigned modality_bit(const char *name)
{
    for (size_t i = 0; name && i < COUNT_OF(modalities); i++)
        if (strcmp(name, modalities[i].name) == 0)
            return modalities[i].bit;
    return 0;
}

static void read_modalities(const config_setting_t *list, unsigned *out,
                            struct diagnostics *diagnostics)
{
    for (int i = 0; i < config_setting_length(list); i++) {
        const config_setting_t *setting = config_setting_get_elem(list, (unsigned)i);
        unsigned bit = modality_bit(config_setting_get_string(setting));

        if (!bit)
            confread_error(setting, diagnostics,
                           "modality must be one of: text, code, image, audio, video");
        *out |= bit;
    }
    if (config_setting_length(list) == 0)
        confread_error(list, diagnostics, "modality is empty");
}

/* Service ids name files and metrics. */
static bool is_service_id(const char *id)
{
    return id[0] != '\0' && id[0] != '-' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(id);
}

static bool is_country(const char *country)
{
    return strlen(country) == 2 && strspn(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2;
}

/* PLACE of the model, in the GROUP of its service. */
static void check_model(const config_setting_t *group, const config_setting_t *place,
                        const char *model, const struct service *service,
                        struct diagnostics *diagnostics)
{
    if (service->review == UNREVIEWED)
        confread_error(place, diagnostics, "service %s has a model, but is not reviewed",
                       service->id);
    if (service->local)
        confread_error(place, diagnostics,
                       "service %s is local: its energy is measured, not estimated by a model",
                       service->id);
    if (!strchr(model, '/'))
        confread_error(place, diagnostics, "model must be \"provider/name\"");
    if (service->provider[0] == '\0')
        confread_error(group, diagnostics, "service %s has a model but no provider", service->id);
    /* Else reports would show an impact of zero instead of none. */
    if (service->estimator.name[0] != '\0' && service->estimator.method == METHOD_NONE)
        confread_error(place, diagnostics,
                       "service %s has a model, but estimator \"%s\" counts no tokens", service->id,
                       service->estimator.name);
}

static void check_models(const config_setting_t *group, const struct service_draft *draft,
                         struct diagnostics *diagnostics)
{
    const config_setting_t *list = config_setting_get_member(group, "mix");

    if (draft->service.model[0] != '\0')
        check_model(group, config_setting_get_member(group, "model"), draft->service.model,
                    &draft->service, diagnostics);
    for (size_t i = 0; i < draft->mixes.count; i++)
        for (size_t j = 0; j < draft->mixes.items[i].count; j++)
            check_model(group, config_setting_get_elem(list, (unsigned)i),
                        draft->mixes.items[i].parts[j].model, &draft->service, diagnostics);
}

static void check_service(const config_setting_t *group, const struct service_draft *draft,
                          struct diagnostics *diagnostics)
{
    const struct service *service = &draft->service;

    if (!is_service_id(service->id))
        confread_error(config_setting_get_member(group, "id"), diagnostics,
                       "id must be made of a-z, 0-9 and '-'");
    else if (strcmp(service->id, "other") == 0) /* the row of small cells */
        confread_error(config_setting_get_member(group, "id"), diagnostics, "this id is reserved");
    if (!is_country(service->country))
        confread_error(config_setting_get_member(group, "country"), diagnostics,
                       "country must be two capital letters (ISO 3166-1)");
    check_models(group, draft, diagnostics);
}

static void find_estimator(const struct loader *loader, const config_setting_t *group,
                           const char *name, struct estimator *out)
{
    const struct estimator *estimator = estimator_config_find(&loader->estimators, name);

    if (estimator)
        *out = *estimator;
    else if (loader->estimators_setting &&
             !config_setting_get_member(loader->estimators_setting, name))
        confread_error(config_setting_get_member(group, "estimator"), loader->diagnostics,
                       "unknown estimator \"%s\"", name);
    /* Else it is there, and what is wrong with it has been said. */
}

/* ", first at FILE:LINE", or "" when nothing was there first. */
static const char *first_place(const config_setting_t *setting, char *out, size_t size)
{
    char path[PATH_MAX];

    out[0] = '\0';
    if (setting)
        snprintf(out, size, ", first at %s:%u", confread_source_file(setting, path, sizeof(path)),
                 config_setting_source_line(setting));
    return out;
}

/* Where TEXT, an entry of LIST, already stands; NULL when it does not. */
static const config_setting_t *find_place(const struct loader *loader, enum list list,
                                          const char *text)
{
    char name[MAX_NAME + 1];
    enum pattern_kind kind;
    const struct pattern *pattern = NULL;
    size_t length;

    if (!parse_entry(list, text, &kind, name, &length))
        pattern = find_pattern(loader->catalogue, kind, name, length, hash_name(name, length));
    return pattern ? loader->patterns[pattern - loader->catalogue->patterns] : NULL;
}

/* Adds what one list holds; OWNER is the service or the list, for complaints. */
static void add_entries(struct loader *loader, const config_setting_t *entries, enum list list,
                        const char *owner, uint16_t number, enum service_role role)
{
    for (int i = 0; entries && i < config_setting_length(entries); i++) {
        const config_setting_t *setting = config_setting_get_elem(entries, (unsigned)i);
        const char *text = config_setting_get_string(setting);
        const config_setting_t *first = text ? find_place(loader, list, text) : NULL;
        uint32_t index = loader->catalogue->pattern_count;
        const char *problem =
            list == LIST_RESOLVER_ADDRESSES ? "address must be a string" : "host must be a string";
        char place[PATH_MAX];

        if (text)
            problem = add_entry(loader->catalogue, list, text, number, role);
        if (problem)
            confread_error(setting, loader->diagnostics, "%s: %s \"%s\"%s", owner, problem,
                           text ? text : "", first_place(first, place, sizeof(place)));
        else
            loader->patterns[index] = setting;
    }
}

static void read_hosts(struct loader *loader, const config_setting_t *group, bool local,
                       uint16_t number)
{
    const config_setting_t *hosts = config_setting_get_member(group, "hosts");
    const char *id = catalogue_service(loader->catalogue, number)->id;
    char owner[SERVICE_ID_SIZE + 10];
    char unused;
    int total = 0;

    if (hosts &&
        !confread_group(hosts, host_keys, COUNT_OF(host_keys), &unused, loader->diagnostics))
        return;
    snprintf(owner, sizeof(owner), "service %s", id);
    for (int role = 0; hosts && role < ROLE_COUNT; role++) {
        const config_setting_t *list = config_setting_get_member(hosts, host_keys[role].name);

        add_entries(loader, list, LIST_HOSTS, owner, number, (enum service_role)role);
        total += list ? config_setting_length(list) : 0;
    }
    if (local && total > 0)
        confread_error(hosts, loader->diagnostics, "service %s is local and cannot have hosts", id);
    if (!local && total == 0)
        confread_error(group, loader->diagnostics, "service %s has no hosts", id);
}

static uint16_t number_for(struct loader *loader, const config_setting_t *group,
                           const struct service *service)
{
    uint16_t number = catalogue_find(loader->catalogue, service->id);
    char place[PATH_MAX];

    if (number == SERVICE_NONE)
        number = catalogue_count(loader->catalogue);
    if (number < MAX_SERVICES && loader->services[number]) {
        confread_error(group, loader->diagnostics, "service %s is defined twice%s", service->id,
                       first_place(loader->services[number], place, sizeof(place)));
        return SERVICE_NONE;
    }
    if (!catalogue_set_service(loader->catalogue, number, service)) {
        confread_error(group, loader->diagnostics,
                       "more than %d services (removed ones count until a restart)", MAX_SERVICES);
        return SERVICE_NONE;
    }
    loader->services[number] = group;
    return number;
}

static void add_service(struct loader *loader, const config_setting_t *group,
                        const struct service_draft *draft)
{
    uint16_t number = number_for(loader, group, &draft->service);

    if (number == SERVICE_NONE)
        return;
    if (!catalogue_set_mixes(loader->catalogue, number, draft->mixes.items, draft->mixes.count))
        confread_error(group, loader->diagnostics, "out of memory");
    read_hosts(loader, group, draft->local, number);
    if (loader->check)
        loader->check(loader->context, group, loader->catalogue, number, loader->diagnostics);
}

/* In French, where either of them has a word of its own. */
static const char *french(const struct service *service)
{
    return service->label_fr[0] ? service->label_fr : service->label;
}

/* "ID-REGION" and "Label (region)". */
static void read_region(struct loader *loader, const config_setting_t *group,
                        const struct service_draft *service)
{
    struct service_draft draft = *service;
    char id[2 * SERVICE_ID_SIZE];
    char label[2 * SERVICE_LABEL_SIZE + 4], label_fr[2 * SERVICE_LABEL_SIZE + 4] = "";

    draft.service.label_fr[0] = '\0';
    if (!confread_group(group, region_keys, COUNT_OF(region_keys), &draft, loader->diagnostics))
        return;
    snprintf(id, sizeof(id), "%s-%s", service->service.id, draft.service.id);
    snprintf(label, sizeof(label), "%s (%s)", service->service.label, draft.service.label);
    if (service->service.label_fr[0] || draft.service.label_fr[0])
        snprintf(label_fr, sizeof(label_fr), "%s (%s)", french(&service->service),
                 french(&draft.service));
    if (!is_service_id(draft.service.id) || strlen(id) >= SERVICE_ID_SIZE ||
        strlen(label) >= SERVICE_LABEL_SIZE || strlen(label_fr) >= SERVICE_LABEL_SIZE) {
        confread_error(group, loader->diagnostics,
                       "region \"%s\" of service %s: id must be made of a-z, 0-9 and '-'; with the "
                       "service's, id may have %d characters and label %d",
                       draft.service.id, service->service.id, SERVICE_ID_SIZE - 1,
                       SERVICE_LABEL_SIZE - 1);
        return;
    }
    memcpy(draft.service.id, id, strlen(id) + 1);
    memcpy(draft.service.label, label, strlen(label) + 1);
    memcpy(draft.service.label_fr, label_fr, strlen(label_fr) + 1);
    add_service(loader, group, &draft);
}

static void read_service(struct loader *loader, const config_setting_t *group)
{
    struct service_draft draft = {.reviewed = true};
    const config_setting_t *regions;
    const config_setting_t *mix;

    if (!confread_group(group, service_keys, COUNT_OF(service_keys), &draft, loader->diagnostics))
        return;
    if (config_setting_get_member(group, "approved"))
        draft.service.approval = draft.approved ? APPROVAL_YES : APPROVAL_NO;
    draft.service.review = draft.reviewed ? REVIEWED : UNREVIEWED;
    draft.service.local = draft.local;
    read_modalities(config_setting_get_member(group, "modality"), &draft.service.modalities,
                    loader->diagnostics);
    find_estimator(loader, group, draft.estimator, &draft.service.estimator);
    mix = config_setting_get_member(group, "mix");
    /* What is wrong with a mix was said: nothing is computed from it. */
    if (mix && !mix_read(mix, draft.service.model, &draft.mixes, loader->diagnostics))
        draft.mixes.count = 0;
    check_service(group, &draft, loader->diagnostics);
    add_service(loader, group, &draft);
    regions = config_setting_get_member(group, "regions");
    for (int i = 0; regions && i < config_setting_length(regions); i++)
        read_region(loader, config_setting_get_elem(regions, (unsigned)i), &draft);
}

static void read_lists(struct loader *loader, const config_setting_t *root)
{
    const config_setting_t *services = config_setting_get_member(root, "services");

    for (int i = 0; services && i < config_setting_length(services); i++)
        read_service(loader, config_setting_get_elem(services, (unsigned)i));
    add_entries(loader, config_setting_get_member(root, "ech_public_names"), LIST_ECH,
                "ech_public_names", SERVICE_NONE, ROLE_INFERENCE);
    add_entries(loader, config_setting_get_member(root, "resolvers"), LIST_RESOLVERS, "resolvers",
                SERVICE_NONE, ROLE_INFERENCE);
    add_entries(loader, config_setting_get_member(root, "resolver_addresses"),
                LIST_RESOLVER_ADDRESSES, "resolver_addresses", SERVICE_NONE, ROLE_INFERENCE);
}

static void read_main(struct loader *loader, const config_setting_t *root)
{
    char unused;

    if (!confread_group(root, main_keys, COUNT_OF(main_keys), &unused, loader->diagnostics))
        return;
    loader->estimators_setting = config_setting_get_member(root, "estimators");
    estimator_config_read(loader->estimators_setting, config_setting_get_member(root, "exchanges"),
                          &loader->estimators, loader->diagnostics);
    read_lists(loader, root);
}

static void read_further(struct loader *loader, const config_setting_t *root)
{
    char unused;

    if (confread_group(root, further_keys, COUNT_OF(further_keys), &unused, loader->diagnostics))
        read_lists(loader, root);
}

/* Gives the services of PREVIOUS their old numbers, without hosts. */
static bool inherit(struct catalogue *catalogue, const struct catalogue *previous)
{
    for (uint16_t i = 0; previous && i < previous->count; i++)
        if (!catalogue_set_service(catalogue, i, &previous->services[i]) ||
            !catalogue_set_mixes(catalogue, i, previous->mixes[i].items, previous->mixes[i].count))
            return false;
    return true;
}

/* All files stay parsed until the last is read: their settings say where things stand. */
static void read_files(struct loader *loader, char *const paths[], config_t *configs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!confread_file(&configs[i], paths[i], loader->diagnostics))
            continue;
        if (i == 0)
            read_main(loader, config_root_setting(&configs[i]));
        else
            read_further(loader, config_root_setting(&configs[i]));
    }
    for (size_t i = 0; i < count; i++)
        config_destroy(&configs[i]);
}

struct catalogue *catalogue_load_files(char *const paths[], size_t count,
                                       const struct catalogue *previous, catalogue_check *check,
                                       void *context, struct diagnostics *diagnostics)
{
    size_t errors = diagnostics_errors(diagnostics);
    struct loader *loader = calloc(1, sizeof(*loader));
    struct catalogue *catalogue = catalogue_new();
    config_t *configs = calloc(count, sizeof(*configs));

    if (!loader || !catalogue || !configs || !inherit(catalogue, previous)) {
        diagnostics_error(diagnostics, paths[0], 0, "out of memory");
        goto out;
    }
    loader->catalogue = catalogue;
    loader->diagnostics = diagnostics;
    loader->check = check;
    loader->context = context;
    read_files(loader, paths, configs, count);
out:
    free(configs);
    free(loader);
    if (diagnostics_errors(diagnostics) == errors)
        return catalogue;
    catalogue_free(catalogue);
    return NULL;
}

struct catalogue *catalogue_load(const char *path, const struct catalogue *previous,
                                 struct diagnostics *diagnostics)
{
    char *paths[] = {(char *)(uintptr_t)path};

    return catalogue_load_files(paths, 1, previous, NULL, NULL, diagnostics);
}
