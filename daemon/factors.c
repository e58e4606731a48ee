/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/factors.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/calendar.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Bounds against slips of the keyboard, not knowledge. */
#define ANY_MODEL    "*" /* any other one of its provider */
#define LARGEST      1e12
#define LARGEST_PUE  10
#define LARGEST_GSD  100
#define LARGEST_GWP  20   /* kgCO2e/kWh: below what any mix has in grams */
#define LARGEST_ADPE 1e-5 /* kgSbeq/kWh: the same */
#define LARGEST_EWIF 500  /* L/kWh: below what most have by MWh */
#define LARGEST_WUE  100  /* L/kWh */
#define FIRST_YEAR   1900
#define LAST_YEAR    2999

struct vintage {
    char vintage[20];
    char description[200];
    char date[20]; /* of the newest source read: no figure can be of a later year */
};

/* Entries are kept in search trees (tsearch), by the key that their comparison reads. */
struct factors {
    struct vintage vintage;
    struct method_a method_a;
    struct method_b method_b;
    struct uncertainty_factors uncertainty;
    char published_suffix[ZONE_ID_SIZE];
    void *models;
    void *providers;
    void *zones;
    void *media;
    char date_file[PATH_MAX]; /* where the vintage's date stands */
    unsigned date_line;
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

static int compare_media(const void *a, const void *b)
{
    return strcmp(((const struct medium_factors *)a)->id, ((const struct medium_factors *)b)->id);
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

/* What a file of a vintage is read with. */
struct reading {
    struct factors *factors;
    struct diagnostics *diagnostics;
};

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

struct provenance_draft {
    struct provenance provenance;
    int grade;
};

#define PROVENANCE_KEY(field)                                                                      \
    {                                                                                              \
        .name = #field, .type = CONFREAD_STRING,                                                   \
        .offset = offsetof(struct provenance_draft, provenance.field),                             \
        .size = sizeof(((struct provenance *)NULL)->field)                                         \
    }

static const struct confread_key provenance_keys[] = {
    PROVENANCE_KEY(unit),
    PROVENANCE_KEY(year),
    PROVENANCE_KEY(scope),
    PROVENANCE_KEY(scope_fr),
    PROVENANCE_KEY(source),
    PROVENANCE_KEY(licence),
    {.name = "grade",
     .type = CONFREAD_ENUM,
     .offset = offsetof(struct provenance_draft, grade),
     .names = grade_names},
};

#define PROVENANCE_KEY_COUNT COUNT_OF(provenance_keys)

/* The next number of four digits in *TEXT that can be a year, or 0; *TEXT goes behind it. */
static int next_year(const char **text)
{
    while (**text) {
        size_t digits = strspn(*text, "0123456789");
        int year = digits == 4 ? (int)strtol(*text, NULL, 10) : 0;

        *text += digits ? digits : 1;
        if (year >= FIRST_YEAR && year <= LAST_YEAR)
            return year;
    }
    return 0;
}

/* "2025 (2022-2025)" names three years, all of which must be past. */
static bool check_year(const config_setting_t *group, const char *text,
                       const struct reading *reading)
{
    const config_setting_t *setting = config_setting_get_member(group, "year");
    const char *date = reading->factors->vintage.date;
    const int latest = next_year(&date);
    int count = 0;

    if (!setting)
        return true; /* the file's own */
    for (int year; (year = next_year(&text)); count++) {
        if (latest && year > latest) {
            confread_error(setting, reading->diagnostics,
                           "year %d is in the future of this vintage, of %s", year,
                           reading->factors->vintage.date);
            return false;
        }
    }
    if (count == 0)
        confread_error(setting, reading->diagnostics, "year names no year");
    return count > 0;
}

/* What the unit of a group of figures must name, in each of a list: the figures are read in these,
 * whatever is written beside them. Spellings are separated by '|', the first is ours. */
typedef const char *const units[4];

static units gwp_units = {"kgCO2e/kWh|kgCO2eq/kWh|kg CO2e/kWh|kg CO2 eq./kWh", NULL};
static units adpe_units = {"kgSbeq/kWh|kgSb eq./kWh|kg Sb eq./kWh|kgSbe/kWh|kgSb/kWh", NULL};
static units ewif_units = {"L/kWh|l/kWh", NULL};
static units method_units = {"Wh", "s", "kW", NULL};
static units embodied_units = {"kgCO2e|kgCO2eq|kg CO2e", "kgSb|kgSbeq|kgSbe|kg Sb", NULL};
static units fit_units = {"J/token", "1e9", NULL};
static units batch_units = {"requests", NULL};
static units ratio_units = {"ratio|1|dimensionless", NULL};
static units model_units = {"1e9", "token/s|tokens/s", "s", NULL};
static units size_units = {"1e9", NULL};
static units medium_units = {"Wh", NULL};

static bool continues_unit(char byte)
{
    return isalnum((unsigned char)byte) || (byte && strchr("/*^%", byte)) || (byte & 0x80);
}

/* Whether TEXT has the LENGTH bytes of UNIT, and only as a word: "mL/kWh" has no "L/kWh", and "kWh
 * per image, Wh per clip" is not in Wh. A letter alone is in other words, too. */
static bool has_word(const char *text, const char *unit, size_t length)
{
    bool found = false;

    for (const char *at = text; *at; at++) {
        if (strncmp(at, unit, length) != 0)
            continue;
        if (!(at > text && continues_unit(at[-1])) && !continues_unit(at[length]))
            found = true;
        else if (length > 1)
            return false;
    }
    return found;
}

static bool has_spelling(const char *text, const char *spellings)
{
    for (size_t length; *spellings; spellings += length + (spellings[length] == '|')) {
        length = strcspn(spellings, "|");
        if (has_word(text, spellings, length))
            return true;
    }
    return false;
}

/* A factor in grams, or by MWh, is a factor of a thousand off, and looks like any other. */
static bool check_unit(const config_setting_t *group, const char *text, units needed,
                       const struct reading *reading)
{
    const config_setting_t *setting = config_setting_get_member(group, "unit");

    for (size_t i = 0; setting && needed[i]; i++) {
        if (has_spelling(text, needed[i]))
            continue;
        confread_error(setting, reading->diagnostics,
                       "unit \"%s\" does not name %.*s, in which the figure is read", text,
                       (int)strcspn(needed[i], "|"), needed[i]);
        return false;
    }
    return true;
}

/* Reads PARENT's group NAME into *out. The unit must name NEEDED. COMPLETE: every field but the
 * French scope must be there (a file's default); otherwise the group may be absent, or replace some
 * fields only (an entry's own). */
static bool read_provenance(const config_setting_t *parent, const char *name, units needed,
                            bool complete, struct provenance *out, const struct reading *reading)
{
    const config_setting_t *group = config_setting_get_member(parent, name);
    struct confread_key keys[PROVENANCE_KEY_COUNT];
    struct provenance_draft draft = {.provenance = *out, .grade = -1};

    if (!group || !config_setting_is_group(group))
        return !complete; /* the parent's table said so */
    memcpy(keys, provenance_keys, sizeof(keys));
    for (size_t i = 0; i < PROVENANCE_KEY_COUNT; i++)
        keys[i].required = complete && strcmp(keys[i].name, "scope_fr") != 0;
    if (config_setting_get_member(group, "scope")) /* the French one of another does not fit */
        draft.provenance.scope_fr[0] = '\0';
    if (!read_keys(group, keys, PROVENANCE_KEY_COUNT, &draft, reading->diagnostics))
        return false;
    *out = draft.provenance;
    if (draft.grade >= 0)
        out->grade = grade_names[draft.grade][0];
    return check_unit(group, draft.provenance.unit, needed, reading) &&
           check_year(group, draft.provenance.year, reading);
}

/* ---- Files ---- */

#define TEXT(structure, field)                                                                     \
    {                                                                                              \
        .name = #field, .type = CONFREAD_STRING, .required = true,                                 \
        .offset = offsetof(structure, field), .size = sizeof(((structure *)NULL)->field)           \
    }
#define OPTIONAL_TEXT(structure, field)                                                            \
    {                                                                                              \
        .name = #field, .type = CONFREAD_STRING, .offset = offsetof(structure, field),             \
        .size = sizeof(((structure *)NULL)->field)                                                 \
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
#define TRIPLE(structure, field, min, max) FIGURE(structure, field, CONFREAD_TRIPLE, true, min, max)
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

/* YYYY-MM-DD. */
static bool is_date(const char *text)
{
    int64_t day;

    return calendar_parse_day(text, &day);
}

static bool read_vintage(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct vintage, vintage),
        TEXT(struct vintage, description),
        TEXT(struct vintage, date),
    };

    struct factors *factors = reading->factors;
    const config_setting_t *date;
    char buffer[PATH_MAX];

    if (!read_keys(root, keys, COUNT_OF(keys), &factors->vintage, reading->diagnostics))
        return false;
    date = config_setting_get_member(root, "date");
    factors->date_line = config_setting_source_line(date);
    snprintf(factors->date_file, sizeof(factors->date_file), "%s",
             confread_source_file(date, buffer, sizeof(buffer)));
    if (is_date(factors->vintage.date))
        return true;
    confread_error(date, reading->diagnostics, "date must be YYYY-MM-DD");
    return false;
}

static bool read_method_a(const config_setting_t *group, struct reading *reading)
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
    struct method_a *method = &reading->factors->method_a;
    bool valid = confread_group(group, keys, COUNT_OF(keys), method, reading->diagnostics);

    valid &= read_provenance(group, "provenance", method_units, true, &method->provenance, reading);
    valid &= read_provenance(group, "embodied_provenance", embodied_units, true,
                             &method->embodied_provenance, reading);
    return valid;
}

static bool read_method_b(const config_setting_t *group, struct reading *reading)
{
    /* With more parameters and a smaller batch a token costs more: that is what makes the upper end
     * of each range the upper end of the result. The curvature of the shipped fit keeps to that up
     * to batches of thousands. */
    static const struct confread_key keys[] = {
        NUMBER(struct method_b, intercept, -LARGEST, LARGEST),
        NUMBER(struct method_b, active_exponent, 0, 10),
        NUMBER(struct method_b, total_exponent, 0, 10),
        NUMBER(struct method_b, batch_exponent, -10, 0),
        NUMBER(struct method_b, batch_curvature, -10, 10),
        TRIPLE(struct method_b, batch_size, 1, LARGEST),
        TRIPLE(struct method_b, input_weight, 0, LARGEST),
        NUMBER(struct method_b, host_share, 0, LARGEST),
        NUMBER(struct method_b, idle_share, 0, LARGEST),
        GROUP("provenance"),
        GROUP("batch_provenance"),
        GROUP("input_provenance"),
        GROUP("overhead_provenance"),
    };
    struct method_b *method = &reading->factors->method_b;
    bool valid = confread_group(group, keys, COUNT_OF(keys), method, reading->diagnostics);

    valid &= read_provenance(group, "provenance", fit_units, true, &method->provenance, reading);
    valid &= read_provenance(group, "batch_provenance", batch_units, true,
                             &method->batch_provenance, reading);
    valid &= read_provenance(group, "input_provenance", ratio_units, true,
                             &method->input_provenance, reading);
    valid &= read_provenance(group, "overhead_provenance", ratio_units, true,
                             &method->overhead_provenance, reading);
    return valid;
}

static bool read_uncertainty(const config_setting_t *group, struct reading *reading)
{
    static const struct confread_key keys[] = {
        NUMBER(struct uncertainty_factors, method_a_gsd, 1, LARGEST_GSD),
        NUMBER(struct uncertainty_factors, method_b_gsd, 1, LARGEST_GSD),
        NUMBER(struct uncertainty_factors, range_sigmas, 1, LARGEST_GSD),
        NUMBER(struct uncertainty_factors, exchange_sigma, 0, LARGEST_GSD),
        GROUP("provenance"),
    };
    struct uncertainty_factors *uncertainty = &reading->factors->uncertainty;
    bool valid = confread_group(group, keys, COUNT_OF(keys), uncertainty, reading->diagnostics);

    return read_provenance(group, "provenance", ratio_units, true, &uncertainty->provenance,
                           reading) &&
           valid;
}

static bool read_method(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {
        GROUP("method_a"),
        GROUP("method_b"),
        GROUP("uncertainty"),
        {.name = "published_zones",
         .type = CONFREAD_STRING,
         .offset = offsetof(struct factors, published_suffix),
         .size = sizeof(((struct factors *)NULL)->published_suffix)},
    };
    bool valid = read_keys(root, keys, COUNT_OF(keys), reading->factors, reading->diagnostics);

    if (!valid)
        return false;
    valid = read_method_a(config_setting_get_member(root, "method_a"), reading);
    valid &= read_method_b(config_setting_get_member(root, "method_b"), reading);
    valid &= read_uncertainty(config_setting_get_member(root, "uncertainty"), reading);
    return valid;
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
        NUMBER(struct zone_factors, gwp_kgco2e_per_kwh, 0, LARGEST_GWP),
        NUMBER(struct zone_factors, adpe_kgsb_per_kwh, 0, LARGEST_ADPE),
        NUMBER(struct zone_factors, ewif_l_per_kwh, 0, LARGEST_EWIF),
        OPTIONAL_GROUP("provenance"),
        OPTIONAL_GROUP("adpe_provenance"),
        OPTIONAL_GROUP("ewif_provenance"),
    };
    struct diagnostics *diagnostics = reading->diagnostics;
    struct zone_factors zone = *(const struct zone_factors *)defaults;
    bool valid = read_keys(entry, keys, COUNT_OF(keys), &zone, diagnostics);
    const char *refusal = NULL;

    valid &= read_provenance(entry, "provenance", gwp_units, false, &zone.provenance, reading);
    valid &= read_provenance(entry, "adpe_provenance", adpe_units, false, &zone.adpe_provenance,
                             reading);
    valid &= read_provenance(entry, "ewif_provenance", ewif_units, false, &zone.ewif_provenance,
                             reading);
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
    valid = read_provenance(root, "provenance", gwp_units, true, &defaults.provenance, reading);
    valid &= read_provenance(root, "adpe_provenance", adpe_units, true, &defaults.adpe_provenance,
                             reading);
    valid &= read_provenance(root, "ewif_provenance", ewif_units, true, &defaults.ewif_provenance,
                             reading);
    return read_entries(config_setting_get_member(root, "zones"), &defaults, read_zone, reading) &&
           valid;
}

/* A model has figures of its own, or a fallback to another that has. */
static bool check_sizes(const config_setting_t *entry, const struct model_factors *model,
                        struct diagnostics *diagnostics)
{
    static const char *const figures[] = {"total_parameters_b", "active_parameters_b",
                                          "tokens_per_second", "time_to_first_token_s"};

    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        const config_setting_t *figure = config_setting_get_member(entry, figures[i]);

        if (figure && model->fallback[0]) {
            confread_error(figure, diagnostics, "model \"%s/%s\" has a fallback, and %s besides",
                           model->provider, model->name, figures[i]);
            return false;
        }
        if (!figure && !model->fallback[0] && i < 2) {
            confread_error(entry, diagnostics, "missing key \"%s\"", figures[i]);
            return false;
        }
    }
    return true;
}

static bool read_model(const config_setting_t *entry, const void *defaults, struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct model_factors, provider),
        TEXT(struct model_factors, name),
        OPTIONAL_TEXT(struct model_factors, fallback),
        OPTIONAL_RANGE(struct model_factors, total_parameters_b, DBL_MIN, LARGEST),
        OPTIONAL_RANGE(struct model_factors, active_parameters_b, DBL_MIN, LARGEST),
        OPTIONAL_NUMBER(struct model_factors, tokens_per_second, 0, LARGEST),
        OPTIONAL_NUMBER(struct model_factors, time_to_first_token_s, 0, LARGEST),
        OPTIONAL_GROUP("provenance"),
    };
    struct diagnostics *diagnostics = reading->diagnostics;
    struct model_factors model = *(const struct model_factors *)defaults;
    bool valid = read_keys(entry, keys, COUNT_OF(keys), &model, diagnostics);
    bool has_speed = model.tokens_per_second > 0 || model.time_to_first_token_s > 0;
    const char *refusal = NULL;

    valid &= check_sizes(entry, &model, diagnostics);
    valid &= read_provenance(entry, "provenance", has_speed ? model_units : size_units, false,
                             &model.provenance, reading);
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

/* The entry that "provider/name" names, split at the first '/': names hold others
 * ("huggingface_hub/org/model"). NULL when there is none. */
static struct model_factors *find_named(const struct factors *factors, const char *text)
{
    struct model_factors key;
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : 0;

    if (!slash || length >= sizeof(key.provider) || strlen(slash + 1) >= sizeof(key.name))
        return NULL;
    memcpy(key.provider, text, length);
    key.provider[length] = '\0';
    snprintf(key.name, sizeof(key.name), "%s", slash + 1);
    return (struct model_factors *)find(&factors->models, &key, compare_models);
}

/* Whether MODEL is the first, by name, of a circle of at most STEPS: that is said of
 * this one alone, not of each that is in the circle or leads there. */
static bool begins_circle(const struct model_factors *model, size_t steps,
                          const struct factors *factors)
{
    const struct model_factors *next = model;

    for (; steps > 0; steps--) {
        next = find_named(factors, next->fallback);
        if (!next || compare_models(next, model) <= 0)
            return next == model;
    }
    return false;
}

/* The model that has the figures of MODEL, whose fallback may fall back further. NULL after
 * diagnostics. Who falls back more than COUNT times, as there are models, walks in a circle. */
static const struct model_factors *follow(const struct model_factors *model, size_t count,
                                          const config_setting_t *place,
                                          const struct reading *reading)
{
    const struct model_factors *target = model;

    for (size_t steps = count; target->fallback[0]; steps--) {
        const struct model_factors *next = find_named(reading->factors, target->fallback);

        if (!next && target == model) /* else said where it stands */
            confread_error(place, reading->diagnostics, "model \"%s/%s\": unknown fallback \"%s\"",
                           model->provider, model->name, model->fallback);
        if (next && steps == 0 && begins_circle(model, count, reading->factors))
            confread_error(place, reading->diagnostics,
                           "model \"%s/%s\": circular fallback through \"%s\"", model->provider,
                           model->name, model->fallback);
        if (!next || steps == 0)
            return NULL;
        target = next;
    }
    return target;
}

static bool copy_fallback(const config_setting_t *entry, size_t count, struct reading *reading)
{
    const config_setting_t *place = config_setting_get_member(entry, "fallback");
    const char *provider, *name;
    const struct model_factors *target;
    struct model_factors *model;
    struct model_factors key;

    if (!place || !config_setting_lookup_string(entry, "provider", &provider) ||
        !config_setting_lookup_string(entry, "name", &name))
        return true;
    snprintf(key.provider, sizeof(key.provider), "%s", provider);
    snprintf(key.name, sizeof(key.name), "%s", name);
    model = (struct model_factors *)find(&reading->factors->models, &key, compare_models);
    target = model ? follow(model, count, place, reading) : NULL;
    if (!target)
        return false;
    model->total_parameters_b = target->total_parameters_b;
    model->active_parameters_b = target->active_parameters_b;
    model->tokens_per_second = target->tokens_per_second;
    model->time_to_first_token_s = target->time_to_first_token_s;
    return true;
}

static bool copy_fallbacks(const config_setting_t *list, struct reading *reading)
{
    const int count = config_setting_length(list);
    bool valid = true;

    for (int i = 0; i < count; i++)
        valid &= copy_fallback(config_setting_get_elem(list, (unsigned)i), (size_t)count, reading);
    return valid;
}

static bool read_models(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("provenance"), LIST("models")};
    struct model_factors defaults = {.provider = ""};
    const config_setting_t *list;
    bool valid;

    if (!confread_group(root, keys, COUNT_OF(keys), reading, reading->diagnostics))
        return false;
    valid = read_provenance(root, "provenance", model_units, true, &defaults.provenance, reading);
    list = config_setting_get_member(root, "models");
    valid &= read_entries(list, &defaults, read_model, reading);
    return copy_fallbacks(list, reading) && valid;
}

static bool read_medium(const config_setting_t *entry, const void *defaults,
                        struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct medium_factors, id),
        TRIPLE(struct medium_factors, energy_wh, 0, LARGEST),
        {.name = "gpu_only",
         .type = CONFREAD_BOOL,
         .required = true,
         .offset = offsetof(struct medium_factors, gpu_only)},
        OPTIONAL_GROUP("provenance"),
    };
    struct medium_factors medium = *(const struct medium_factors *)defaults;
    bool valid = read_keys(entry, keys, COUNT_OF(keys), &medium, reading->diagnostics);
    const char *refusal = NULL;

    valid &= read_provenance(entry, "provenance", medium_units, false, &medium.provenance, reading);
    if (medium.id[0])
        refusal = insert(&reading->factors->media, &medium, sizeof(medium), compare_media);
    if (refusal)
        confread_error(entry, reading->diagnostics, "medium \"%s\": %s", medium.id, refusal);
    return valid && !refusal;
}

static bool read_media(const config_setting_t *root, struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("provenance"), LIST("media")};
    struct medium_factors defaults = {.id = ""};
    bool valid;

    if (!confread_group(root, keys, COUNT_OF(keys), reading, reading->diagnostics))
        return false;
    valid = read_provenance(root, "provenance", medium_units, true, &defaults.provenance, reading);
    return read_entries(config_setting_get_member(root, "media"), &defaults, read_medium,
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
        OPTIONAL_TEXT(struct provider_factors, maker),
        TEXT(struct provider_factors, zone),
        /* Asked for by check_provider(), which says why there is none to fall back on. */
        OPTIONAL_RANGE(struct provider_factors, pue, 1, LARGEST_PUE),
        RANGE(struct provider_factors, wue_l_per_kwh, 0, LARGEST_WUE),
        OPTIONAL_GROUP("provenance"),
    };
    struct diagnostics *diagnostics = reading->diagnostics;
    struct provider_factors provider = *(const struct provider_factors *)defaults;
    bool valid = read_keys(entry, keys, COUNT_OF(keys), &provider, diagnostics);
    const char *refusal = NULL;

    valid &= read_provenance(entry, "provenance", ewif_units, false, &provider.provenance, reading);
    valid &= check_provider(entry, &provider, reading);
    if (provider.maker[0] && factors_maker(reading->factors, provider.maker))
        refusal = "another provider has that maker";
    else if (provider.id[0])
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
    valid = read_provenance(root, "provenance", ewif_units, true, &defaults.provenance, reading);
    return read_entries(config_setting_get_member(root, "providers"), &defaults, read_provider,
                        reading) &&
           valid;
}

/* ---- Public functions ---- */

struct factors *factors_load(const char *directory, struct diagnostics *diagnostics)
{
    struct factors *factors = calloc(1, sizeof(*factors));
    struct reading reading = {factors, diagnostics};
    struct stat status;
    bool valid;

    if (!factors) {
        diagnostics_error(diagnostics, directory, 0, "out of memory");
        return NULL;
    }
    if (stat(directory, &status) != 0) { /* one line, not one for each file in it */
        diagnostics_error(diagnostics, directory, 0, "cannot read: %s", strerror(errno));
        factors_free(factors);
        return NULL;
    }
    valid = read_file(directory, "vintage.conf", read_vintage, &reading);
    valid &= read_file(directory, "method.conf", read_method, &reading);
    valid &= read_file(directory, "models.conf", read_models, &reading);
    valid &= read_file(directory, "zones.conf", read_zones, &reading);
    /* After the zones: providers refer to them. */
    valid &= read_file(directory, "providers.conf", read_providers, &reading);
    valid &= read_file(directory, "media.conf", read_media, &reading);
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
    tdestroy(factors->media, free);
    free(factors);
}

bool factors_check_date(const struct factors *factors, int64_t now, struct diagnostics *diagnostics)
{
    time_t seconds = (time_t)now;
    struct tm today;
    char text[sizeof(factors->vintage.date)];

    /* A day later than in Greenwich is no slip anywhere. */
    seconds += 24 * 60 * 60;
    gmtime_r(&seconds, &today);
    strftime(text, sizeof(text), "%Y-%m-%d", &today);
    if (strcmp(factors->vintage.date, text) <= 0)
        return true;
    diagnostics_error(diagnostics, factors->date_file, factors->date_line,
                      "date %s is in the future", factors->vintage.date);
    return false;
}

const char *factors_vintage(const struct factors *factors)
{
    return factors->vintage.vintage;
}

const struct method_a *factors_method_a(const struct factors *factors)
{
    return &factors->method_a;
}

const struct method_b *factors_method_b(const struct factors *factors)
{
    return &factors->method_b;
}

const struct uncertainty_factors *factors_uncertainty(const struct factors *factors)
{
    return &factors->uncertainty;
}

const char *factors_published_suffix(const struct factors *factors)
{
    return factors->published_suffix;
}

static void count_node(const void *node, VISIT visit, void *count)
{
    (void)node;
    if (visit == postorder || visit == leaf)
        ++*(size_t *)count;
}

static size_t count_nodes(const void *tree)
{
    size_t count = 0;

    twalk_r(tree, count_node, &count);
    return count;
}

struct factors_counts factors_counts(const struct factors *factors)
{
    return (struct factors_counts){count_nodes(factors->models), count_nodes(factors->providers),
                                   count_nodes(factors->zones), count_nodes(factors->media)};
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

const struct medium_factors *factors_medium(const struct factors *factors, const char *id)
{
    struct medium_factors key;

    return copy_key(key.id, sizeof(key.id), id) ? find(&factors->media, &key, compare_media) : NULL;
}

struct maker_search {
    const char *name;
    const struct provider_factors *found;
};

static void compare_maker(const void *node, VISIT visit, void *context)
{
    const struct provider_factors *provider = *(struct provider_factors *const *)node;
    struct maker_search *search = context;

    if ((visit == postorder || visit == leaf) && strcmp(provider->maker, search->name) == 0)
        search->found = provider;
}

const struct provider_factors *factors_maker(const struct factors *factors, const char *name)
{
    struct maker_search search = {name, factors_provider(factors, name)};

    if (!search.found && name[0])
        twalk_r(factors->providers, compare_maker, &search);
    return search.found;
}

struct variant_visit {
    const char *id;
    size_t length; /* of the country, before a suffix */
    factors_zone_visitor *visit;
    void *context;
};

static void visit_variant(const void *node, VISIT visit, void *context)
{
    const struct zone_factors *zone = *(struct zone_factors *const *)node;
    const struct variant_visit *variant = context;

    if ((visit == postorder || visit == leaf) && strcspn(zone->id, "-") == variant->length &&
        strncmp(zone->id, variant->id, variant->length) == 0)
        variant->visit(variant->context, zone);
}

void factors_visit_variants(const struct factors *factors, const char *id,
                            factors_zone_visitor *visit, void *context)
{
    struct variant_visit variant = {id, strcspn(id, "-"), visit, context};

    twalk_r(factors->zones, visit_variant, &variant);
}

const struct model_factors *factors_model_named(const struct factors *factors, const char *text)
{
    return find_named(factors, text);
}

void factors_model_entry(const struct model_factors *model, char out[MODEL_ENTRY_SIZE])
{
    if (strcmp(model->name, ANY_MODEL) == 0 && model->fallback[0])
        snprintf(out, MODEL_ENTRY_SIZE, "%s", model->fallback);
    else
        snprintf(out, MODEL_ENTRY_SIZE, "%s/%s", model->provider, model->name);
}

const struct model_factors *factors_model_unlisted(const struct factors *factors, const char *text)
{
    char other[sizeof(((struct model_factors *)NULL)->provider) + sizeof(ANY_MODEL)];
    int length = (int)strcspn(text, "/");

    if (snprintf(other, sizeof(other), "%.*s/" ANY_MODEL, length, text) >= (int)sizeof(other))
        return NULL;
    return find_named(factors, other);
}

struct medium_visit {
    factors_medium_visitor *visit;
    void *context;
};

static void visit_medium(const void *node, VISIT visit, void *context)
{
    const struct medium_visit *medium = context;

    if (visit == postorder || visit == leaf)
        medium->visit(medium->context, *(struct medium_factors *const *)node);
}

void factors_visit_media(const struct factors *factors, factors_medium_visitor *visit,
                         void *context)
{
    struct medium_visit medium = {visit, context};

    twalk_r(factors->media, visit_medium, &medium);
}
