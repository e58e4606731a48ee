/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/factors.h"

#include <float.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Bounds against slips of the keyboard, not knowledge. */
#define LARGEST     1e12
#define LARGEST_PUE 10

struct vintage {
    char vintage[20];
    char description[200];
    char date[20];
};

/* Entries are kept in search trees (tsearch), by the key that their comparison reads. */
struct factors {
    struct vintage vintage;
    struct method_a method_a;
    void *models;
    void *providers;
    void *zones;
};

/* ---- Search trees ---- */

static int compare_models(const void *a, const void *b)
{
    const struct model_factors *left = a, *right = b;
    int order = strcmp(left->provider, right->provider);

    return order ? order : strcmp(left->name, right->name);
}

static int compare_providers(const void *a, const void *b)
{
    return strcmp(((const struct provider_factors *)a)->id,
                  ((const struct provider_factors *)b)->id);
}

static int compare_zones(const void *a, const void *b)
{
    return strcmp(((const struct zone_factors *)a)->id, ((const struct zone_factors *)b)->id);
}

/* Adds a copy of the entry. Returns NULL, or why it was refused. */
static const char *insert(void **tree, const void *entry, size_t size,
                          int (*compare)(const void *, const void *))
{
    void *copy = malloc(size);
    void *node;

    if (!copy)
        return "out of memory";
    memcpy(copy, entry, size);
    node = tsearch(copy, tree, compare);
    if (node && *(void **)node == copy)
        return NULL;
    free(copy);
    return node ? "duplicate" : "out of memory";
}

static const void *find(void *const *tree, const void *key,
                        int (*compare)(const void *, const void *))
{
    void *node = tfind(key, tree, compare);

    return node ? *(void **)node : NULL;
}

/* A text that is there but empty says as little as one that is missing. */
static bool refuse_empty_texts(const config_setting_t *group, struct diagnostics *diagnostics)
{
    bool valid = true;

    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *text = config_setting_get_string(setting);

        if (text && !text[0]) {
            confread_error(setting, diagnostics, "%s is empty", config_setting_name(setting));
            valid = false;
        }
    }
    return valid;
}

static bool read_keys(const config_setting_t *group, const struct confread_key *keys, size_t count,
                      void *out, struct diagnostics *diagnostics)
{
    bool valid = confread_group(group, keys, count, out, diagnostics);

    return refuse_empty_texts(group, diagnostics) && valid;
}

/* ---- Provenance ---- */

static const char *const grade_names[] = {"A", "B", "C", "D", "E", NULL};

struct provenance_reading {
    struct provenance provenance;
    int grade;
};

#define PROVENANCE_KEY(field)                                                                      \
    {                                                                                              \
        .name = #field, .type = CONFREAD_STRING,                                                   \
        .offset = offsetof(struct provenance_reading, provenance.field),                           \
        .size = sizeof(((struct provenance *)NULL)->field)                                         \
    }

static const struct confread_key provenance_keys[] = {
    PROVENANCE_KEY(unit),
    PROVENANCE_KEY(year),
    PROVENANCE_KEY(scope),
    PROVENANCE_KEY(source),
    PROVENANCE_KEY(licence),
    {.name = "grade",
     .type = CONFREAD_ENUM,
     .offset = offsetof(struct provenance_reading, grade),
     .names = grade_names},
};

#define PROVENANCE_KEY_COUNT COUNT_OF(provenance_keys)

/* Reads PARENT's group NAME into *out. COMPLETE: every field must be there (a file's default);
 * otherwise the group may be absent, or replace some fields only (an entry's own). */
static bool read_provenance(const config_setting_t *parent, const char *name, bool complete,
                            struct provenance *out, struct diagnostics *diagnostics)
{
    const config_setting_t *group = config_setting_get_member(parent, name);
    struct confread_key keys[PROVENANCE_KEY_COUNT];
    struct provenance_reading reading = {.provenance = *out, .grade = -1};

    if (!group || !config_setting_is_group(group))
        return !complete; /* the parent's table said so */
    memcpy(keys, provenance_keys, sizeof(keys));
    for (size_t i = 0; i < PROVENANCE_KEY_COUNT; i++)
        keys[i].required = complete;
    if (!read_keys(group, keys, PROVENANCE_KEY_COUNT, &reading, diagnostics))
        return false;
    *out = reading.provenance;
    if (reading.grade >= 0)
        out->grade = grade_names[reading.grade][0];
    return true;
}

/* ---- Files ---- */

#define TEXT(structure, field)                                                                     \
    {                                                                                              \
        .name = #field, .type = CONFREAD_STRING, .required = true,                                 \
        .offset = offsetof(structure, field), .size = sizeof(((structure *)NULL)->field)           \
    }
#define FIGURE(structure, field, kind, is_required, least, most)                                   \
    {                                                                                              \
        .name = #field, .type = kind, .required = is_required, .min = least, .max = most,          \
        .offset = offsetof(structure, field)                                                       \
    }
#define NUMBER(structure, field, min, max) FIGURE(structure, field, CONFREAD_DOUBLE, true, min, max)
#define OPTIONAL_NUMBER(structure, field, min, max)                                                \
    FIGURE(structure, field, CONFREAD_DOUBLE, false, min, max)
#define RANGE(structure, field, min, max) FIGURE(structure, field, CONFREAD_RANGE, true, min, max)
#define OPTIONAL_RANGE(structure, field, min, max)                                                 \
    FIGURE(structure, field, CONFREAD_RANGE, false, min, max)
#define GROUP(key)                                                                                 \
    {                                                                                              \
        .name = key, .type = CONFREAD_GROUP, .required = true                                      \
    }
#define OPTIONAL_GROUP(key)                                                                        \
    {                                                                                              \
        .name = key, .type = CONFREAD_GROUP                                                        \
    }
#define LIST(key)                                                                                  \
    {                                                                                              \
        .name = key, .type = CONFREAD_LIST, .required = true                                       \
    }

/* What a file of a vintage is read with. */
struct reading {
    struct factors *factors;
    struct diagnostics *diagnostics;
};

/* Reads a file's root. Where a table only names groups and lists, confread_group() writes nothing;
 * it is handed the reading itself because an offset must not be added to NULL. */
typedef bool root_reader(const config_setting_t *root, struct reading *reading);

static bool read_file(const char *directory, const char *name, root_reader *read_root,
                      struct reading *reading)
{
    char path[PATH_MAX];
    config_t config;
    bool valid;

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path)) {
        diagnostics_error(reading->diagnostics, directory, 0, "the path is too long");
        return false;
    }
    valid = confread_file(&config, path, reading->diagnostics) &&
            read_root(config_root_setting(&config), reading);
    config_destroy(&config);
    return valid;
}

static bool read_vintage(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct vintage, vintage),
        TEXT(struct vintage, description),
        TEXT(struct vintage, date),
    };

    return read_keys(root, keys, COUNT_OF(keys), &reading->factors->vintage, reading->diagnostics);
}

static bool read_method_a(const config_setting_t *group, struct method_a *method,
                          struct diagnostics *diagnostics)
{
    /* Only the exponent may be negative: with the others at or above 0, the lower end of every
     * range gives the lower result. */
    static const struct confread_key keys[] = {
        NUMBER(struct method_a, energy_alpha_wh, 0, LARGEST),
        NUMBER(struct method_a, energy_beta, -1, 1),
        NUMBER(struct method_a, energy_gamma_wh, 0, LARGEST),
        NUMBER(struct method_a, latency_alpha_s, 0, LARGEST),
        NUMBER(struct method_a, latency_beta_s, 0, LARGEST),
        NUMBER(struct method_a, latency_gamma_s, 0, LARGEST),
        NUMBER(struct method_a, batch_size, 1, LARGEST),
        NUMBER(struct method_a, quantization_bits, 1, LARGEST),
        NUMBER(struct method_a, memory_overhead, 1, LARGEST),
        NUMBER(struct method_a, gpu_memory_gb, 1, LARGEST),
        NUMBER(struct method_a, server_gpus, 1, LARGEST),
        NUMBER(struct method_a, server_power_kw, 0, LARGEST),
        NUMBER(struct method_a, hardware_lifetime_s, 1, LARGEST),
        NUMBER(struct method_a, server_gwp_kgco2e, 0, LARGEST),
        NUMBER(struct method_a, server_adpe_kgsb, 0, LARGEST),
        NUMBER(struct method_a, gpu_gwp_kgco2e, 0, LARGEST),
        NUMBER(struct method_a, gpu_adpe_kgsb, 0, LARGEST),
        GROUP("provenance"),
        GROUP("embodied_provenance"),
    };
    bool valid = confread_group(group, keys, COUNT_OF(keys), method, diagnostics);

    valid &= read_provenance(group, "provenance", true, &method->provenance, diagnostics);
    valid &= read_provenance(group, "embodied_provenance", true, &method->embodied_provenance,
                             diagnostics);
    return valid;
}

static bool read_method(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("method_a")};

    return confread_group(root, keys, COUNT_OF(keys), reading, reading->diagnostics) &&
           read_method_a(config_setting_get_member(root, "method_a"), &reading->factors->method_a,
                         reading->diagnostics);
}

/* Reads one entry over *defaults, an entry that holds the file's provenance. */
typedef bool entry_reader(const config_setting_t *entry, const void *defaults,
                          struct reading *reading);

static bool read_entries(const config_setting_t *list, const void *defaults,
                         entry_reader *read_entry, struct reading *reading)
{
    bool valid = true;

    for (int i = 0; i < config_setting_length(list); i++) {
        const config_setting_t *entry = config_setting_get_elem(list, (unsigned)i);

        if (config_setting_is_group(entry)) {
            valid &= read_entry(entry, defaults, reading);
        } else {
            confread_error(entry, reading->diagnostics, "an entry must be a group { ... }");
            valid = false;
        }
    }
    return valid;
}

static bool read_zone(const config_setting_t *entry, const void *defaults, struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct zone_factors, id),
        NUMBER(struct zone_factors, gwp_kgco2e_per_kwh, 0, LARGEST),
        NUMBER(struct zone_factors, adpe_kgsb_per_kwh, 0, LARGEST),
        NUMBER(struct zone_factors, ewif_l_per_kwh, 0, LARGEST),
        OPTIONAL_GROUP("provenance"),
        OPTIONAL_GROUP("adpe_provenance"),
        OPTIONAL_GROUP("ewif_provenance"),
    };
    struct diagnostics *diagnostics = reading->diagnostics;
    struct zone_factors zone = *(const struct zone_factors *)defaults;
    bool valid = read_keys(entry, keys, COUNT_OF(keys), &zone, diagnostics);
    const char *refusal = NULL;

    valid &= read_provenance(entry, "provenance", false, &zone.provenance, diagnostics);
    valid &= read_provenance(entry, "adpe_provenance", false, &zone.adpe_provenance, diagnostics);
    valid &= read_provenance(entry, "ewif_provenance", false, &zone.ewif_provenance, diagnostics);
    if (zone.id[0])
        refusal = insert(&reading->factors->zones, &zone, sizeof(zone), compare_zones);
    if (refusal)
        confread_error(entry, diagnostics, "zone \"%s\": %s", zone.id, refusal);
    return valid && !refusal;
}

static bool read_zones(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("provenance"), GROUP("adpe_provenance"),
                                               GROUP("ewif_provenance"), LIST("zones")};
    struct diagnostics *diagnostics = reading->diagnostics;
    struct zone_factors defaults = {.id = ""};
    bool valid;

    if (!confread_group(root, keys, COUNT_OF(keys), reading, diagnostics))
        return false;
    valid = read_provenance(root, "provenance", true, &defaults.provenance, diagnostics);
    valid &= read_provenance(root, "adpe_provenance", true, &defaults.adpe_provenance, diagnostics);
    valid &= read_provenance(root, "ewif_provenance", true, &defaults.ewif_provenance, diagnostics);
    return read_entries(config_setting_get_member(root, "zones"), &defaults, read_zone, reading) &&
           valid;
}

static bool read_model(const config_setting_t *entry, const void *defaults, struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct model_factors, provider),
        TEXT(struct model_factors, name),
        RANGE(struct model_factors, total_parameters_b, DBL_MIN, LARGEST),
        RANGE(struct model_factors, active_parameters_b, DBL_MIN, LARGEST),
        OPTIONAL_NUMBER(struct model_factors, tokens_per_second, 0, LARGEST),
        OPTIONAL_NUMBER(struct model_factors, time_to_first_token_s, 0, LARGEST),
        OPTIONAL_GROUP("provenance"),
    };
    struct diagnostics *diagnostics = reading->diagnostics;
    struct model_factors model = *(const struct model_factors *)defaults;
    bool valid = read_keys(entry, keys, COUNT_OF(keys), &model, diagnostics);
    const char *refusal = NULL;

    valid &= read_provenance(entry, "provenance", false, &model.provenance, diagnostics);
    if (strchr(model.provider, '/')) /* "provider/name" is split at the first */
        refusal = "the provider must not hold a '/'";
    else if (valid && (model.active_parameters_b.min > model.total_parameters_b.min ||
                       model.active_parameters_b.max > model.total_parameters_b.max))
        refusal = "more active parameters than it has in total";
    else if (model.provider[0] && model.name[0])
        refusal = insert(&reading->factors->models, &model, sizeof(model), compare_models);
    if (refusal)
        confread_error(entry, diagnostics, "model \"%s/%s\": %s", model.provider, model.name,
                       refusal);
    return valid && !refusal;
}

static bool read_models(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("provenance"), LIST("models")};
    struct model_factors defaults = {.provider = ""};
    bool valid;

    if (!confread_group(root, keys, COUNT_OF(keys), reading, reading->diagnostics))
        return false;
    valid = read_provenance(root, "provenance", true, &defaults.provenance, reading->diagnostics);
    return read_entries(config_setting_get_member(root, "models"), &defaults, read_model,
                        reading) &&
           valid;
}

static bool check_provider(const config_setting_t *entry, const struct provider_factors *provider,
                           struct reading *reading)
{
    if (!config_setting_get_member(entry, "pue")) {
        confread_error(entry, reading->diagnostics,
                       "provider \"%s\": missing key \"pue\": the data centre's PUE has no default",
                       provider->id);
        return false;
    }
    /* Without any zone, zones.conf was refused as a whole, and that was said once. */
    if (provider->zone[0] && reading->factors->zones &&
        !factors_zone(reading->factors, provider->zone)) {
        confread_error(config_setting_get_member(entry, "zone"), reading->diagnostics,
                       "provider \"%s\": unknown zone \"%s\"", provider->id, provider->zone);
        return false;
    }
    return true;
}

static bool read_provider(const config_setting_t *entry, const void *defaults,
                          struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct provider_factors, id),
        TEXT(struct provider_factors, zone),
        /* Asked for by check_provider(), which says why there is none to fall back on. */
        OPTIONAL_RANGE(struct provider_factors, pue, 1, LARGEST_PUE),
        RANGE(struct provider_factors, wue_l_per_kwh, 0, LARGEST),
        OPTIONAL_GROUP("provenance"),
    };
    struct diagnostics *diagnostics = reading->diagnostics;
    struct provider_factors provider = *(const struct provider_factors *)defaults;
    bool valid = read_keys(entry, keys, COUNT_OF(keys), &provider, diagnostics);
    const char *refusal = NULL;

    valid &= read_provenance(entry, "provenance", false, &provider.provenance, diagnostics);
    valid &= check_provider(entry, &provider, reading);
    if (provider.id[0])
        refusal =
            insert(&reading->factors->providers, &provider, sizeof(provider), compare_providers);
    if (refusal)
        confread_error(entry, diagnostics, "provider \"%s\": %s", provider.id, refusal);
    return valid && !refusal;
}

static bool read_providers(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("provenance"), LIST("providers")};
    struct provider_factors defaults = {.id = ""};
    bool valid;

    if (!confread_group(root, keys, COUNT_OF(keys), reading, reading->diagnostics))
        return false;
    valid = read_provenance(root, "provenance", true, &defaults.provenance, reading->diagnostics);
    return read_entries(config_setting_get_member(root, "providers"), &defaults, read_provider,
                        reading) &&
           valid;
}

/* ---- Public functions ---- */

struct factors *factors_load(const char *directory, struct diagnostics *diagnostics)
{
    struct factors *factors = calloc(1, sizeof(*factors));
    struct reading reading = {factors, diagnostics};
    bool valid;

    if (!factors) {
        diagnostics_error(diagnostics, directory, 0, "out of memory");
        return NULL;
    }
    valid = read_file(directory, "vintage.conf", read_vintage, &reading);
    valid &= read_file(directory, "method.conf", read_method, &reading);
    valid &= read_file(directory, "models.conf", read_models, &reading);
    valid &= read_file(directory, "zones.conf", read_zones, &reading);
    /* After the zones: providers refer to them. */
    valid &= read_file(directory, "providers.conf", read_providers, &reading);
    if (valid)
        return factors;
    factors_free(factors);
    return NULL;
}

void factors_free(struct factors *factors)
{
    if (!factors)
        return;
    tdestroy(factors->models, free);
    tdestroy(factors->providers, free);
    tdestroy(factors->zones, free);
    free(factors);
}

const char *factors_vintage(const struct factors *factors)
{
    return factors->vintage.vintage;
}

const struct method_a *factors_method_a(const struct factors *factors)
{
    return &factors->method_a;
}

/* Whether TEXT could be copied whole: what was cut must not match another entry. */
static bool copy_key(char *out, size_t size, const char *text)
{
    return (size_t)snprintf(out, size, "%s", text) < size;
}

const struct model_factors *factors_model(const struct factors *factors, const char *provider,
                                          const char *name)
{
    struct model_factors key;

    if (!copy_key(key.provider, sizeof(key.provider), provider) ||
        !copy_key(key.name, sizeof(key.name), name))
        return NULL;
    return find(&factors->models, &key, compare_models);
}

const struct provider_factors *factors_provider(const struct factors *factors, const char *id)
{
    struct provider_factors key;

    return copy_key(key.id, sizeof(key.id), id) ? find(&factors->providers, &key, compare_providers)
                                                : NULL;
}

const struct zone_factors *factors_zone(const struct factors *factors, const char *id)
{
    struct zone_factors key;

    return copy_key(key.id, sizeof(key.id), id) ? find(&factors->zones, &key, compare_zones) : NULL;
}
