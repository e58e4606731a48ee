/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/objectives.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/confread.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct objectives {
    struct objective *items;
    size_t count;
    unsigned projection_months;
    unsigned covered_percent;
};

/* What is not given stays NAN, which no file can give: libconfig has no such number. */
static const struct objective objective_defaults = {
    .budgets = {NAN, NAN, NAN, NAN},
    .warning_percent = 100,
};

static const char *const budget_names[OBJECTIVE_INDICATORS] = {
    [OBJECTIVE_REQUESTS] = "requests",
    [OBJECTIVE_ENERGY] = "energy_kwh",
    [OBJECTIVE_WATER] = "water_l",
    [OBJECTIVE_GWP] = "gwp_kgco2e",
};

static const struct confread_key root_keys[] = {
    {"objectives", CONFREAD_LIST, false, 0, 0, 0, 0, NULL},
    {"projection_months", CONFREAD_UINT, false, 1, 12,
     offsetof(struct objectives, projection_months), 0, NULL},
    {"covered_percent", CONFREAD_UINT, false, 1, 100, offsetof(struct objectives, covered_percent),
     0, NULL},
};

#define OBJECTIVE(name) offsetof(struct objective, name)
#define BUDGET(which)   offsetof(struct objective, budgets) + (which) * sizeof(double)

static const struct confread_key objective_keys[] = {
    {"year", CONFREAD_UINT, true, 2020, 2100, OBJECTIVE(year), 0, NULL},
    {"direction", CONFREAD_STRING, false, 0, 0, OBJECTIVE(direction), DIRECTION_CODE_SIZE, NULL},
    {"requests", CONFREAD_DOUBLE, false, 0, 0, BUDGET(OBJECTIVE_REQUESTS), 0, NULL},
    {"energy_kwh", CONFREAD_DOUBLE, false, 0, 0, BUDGET(OBJECTIVE_ENERGY), 0, NULL},
    {"water_l", CONFREAD_DOUBLE, false, 0, 0, BUDGET(OBJECTIVE_WATER), 0, NULL},
    {"gwp_kgco2e", CONFREAD_DOUBLE, false, 0, 0, BUDGET(OBJECTIVE_GWP), 0, NULL},
    {"warning_percent", CONFREAD_UINT, false, 1, 1000, OBJECTIVE(warning_percent), 0, NULL},
    {"source", CONFREAD_STRING, true, 0, 0, OBJECTIVE(source), OBJECTIVE_SOURCE_SIZE, NULL},
};

/* The setting's own line where there is one. */
static const config_setting_t *place_of(const config_setting_t *group, const char *name)
{
    const config_setting_t *member = config_setting_get_member(group, name);

    return member ? member : group;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* "unassigned" is what remains: nobody answers for it. */
static bool is_direction(const struct directions *directions, const char *code)
{
    for (uint16_t i = 0; i < directions_count(directions); i++) {
        const struct direction *direction = directions_get(directions, i);

        if (i != DIRECTION_UNASSIGNED && direction && strcmp(direction->code, code) == 0)
            return true;
    }
    return false;
}

static void check_direction(const config_setting_t *group, const struct objective *objective,
                            const struct directions *directions, struct diagnostics *diagnostics)
{
    if (!config_setting_get_member(group, "direction"))
        return;
    /* Empty would silently mean the whole authority. */
    if (objective->direction[0] == '\0' ||
        (directions && !is_direction(directions, objective->direction)))
        confread_error(place_of(group, "direction"), diagnostics,
                       "direction \"%s\" is not in the list of directions", objective->direction);
}

/* Two bodies may decide of two indicators of the same direction, but not of the same one. */
static bool is_budgeted(const struct objectives *objectives, const struct objective *objective,
                        size_t indicator)
{
    for (size_t i = 0; i < objectives->count; i++) {
        const struct objective *item = &objectives->items[i];

        if (item->year == objective->year && item->budgets[indicator] > 0 &&
            strcmp(item->direction, objective->direction) == 0)
            return true;
    }
    return false;
}

static void check_budgets(const struct objectives *objectives, const config_setting_t *group,
                          struct objective *objective, struct diagnostics *diagnostics)
{
    bool any = false;

    for (size_t i = 0; i < OBJECTIVE_INDICATORS; i++) {
        const config_setting_t *place = place_of(group, budget_names[i]);
        double *budget = &objective->budgets[i];

        if (isnan(*budget)) {
            *budget = 0;
            continue;
        }
        any = true;
        if (*budget <= 0)
            confread_error(place, diagnostics, "%s is %.10g: a budget is above 0", budget_names[i],
                           *budget);
        else if (is_budgeted(objectives, objective, i))
            confread_error(place, diagnostics, "%s of %u has a budget already for %s",
                           budget_names[i], objective->year,
                           objective->direction[0] ? objective->direction : "the whole authority");
    }
    if (!any)
        confread_error(group, diagnostics,
                       "nothing is budgeted: requests, energy_kwh, water_l or gwp_kgco2e");
}

static void read_objective(struct objectives *objectives, const config_setting_t *group,
                           const struct directions *directions, struct diagnostics *diagnostics)
{
    struct objective objective = objective_defaults;
    struct objective *items;

    if (!confread_group(group, objective_keys, COUNT_OF(objective_keys), &objective, diagnostics))
        return;
    if (is_blank(objective.source))
        confread_error(place_of(group, "source"), diagnostics,
                       "source is empty: who decided this objective?");
    check_direction(group, &objective, directions, diagnostics);
    check_budgets(objectives, group, &objective, diagnostics);
    items = reallocarray(objectives->items, objectives->count + 1, sizeof(*items));
    if (!items) {
        confread_error(group, diagnostics, "out of memory");
        return;
    }
    objectives->items = items;
    items[objectives->count++] = objective;
}

static void read_root(struct objectives *objectives, const config_setting_t *root,
                      const struct directions *directions, struct diagnostics *diagnostics)
{
    const config_setting_t *list = config_setting_get_member(root, "objectives");

    if (!confread_group(root, root_keys, COUNT_OF(root_keys), objectives, diagnostics) || !list)
        return;
    for (int i = 0; i < config_setting_length(list); i++)
        read_objective(objectives, config_setting_get_elem(list, (unsigned)i), directions,
                       diagnostics);
}

struct objectives *objectives_load(const char *path, const struct directions *directions,
                                   struct diagnostics *diagnostics)
{
    size_t errors = diagnostics_errors(diagnostics);
    struct objectives *objectives = malloc(sizeof(*objectives));
    config_t file;

    if (!objectives) {
        diagnostics_error(diagnostics, path, 0, "out of memory");
        return NULL;
    }
    *objectives = (struct objectives){.projection_months = 3, .covered_percent = 50};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return objectives;
    if (confread_file(&file, path, diagnostics))
        read_root(objectives, config_root_setting(&file), directions, diagnostics);
    config_destroy(&file);
    if (diagnostics_errors(diagnostics) == errors)
        return objectives;
    objectives_free(objectives);
    return NULL;
}

void objectives_free(struct objectives *objectives)
{
    if (!objectives)
        return;
    free(objectives->items);
    free(objectives);
}

size_t objectives_count(const struct objectives *objectives)
{
    return objectives ? objectives->count : 0;
}

const struct objective *objectives_get(const struct objectives *objectives, size_t index)
{
    return &objectives->items[index];
}

bool objectives_has_year(const struct objectives *objectives, unsigned year)
{
    for (size_t i = 0; i < objectives_count(objectives); i++)
        if (objectives->items[i].year == year)
            return true;
    return false;
}

unsigned objectives_projection_months(const struct objectives *objectives)
{
    return objectives->projection_months;
}

unsigned objectives_covered_percent(const struct objectives *objectives)
{
    return objectives->covered_percent;
}
