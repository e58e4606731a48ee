/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hostconfig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/calendar.h"
#include "daemon/confread.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DAY_S           86400
#define SUM_TOLERANCE   1e-9 /* of shares written in decimals: three times 0.333333333333 is 1 */
#define FIRST_YEAR      1990
#define LAST_YEAR       2100

#define CALIBRATION_VERSION 1 /* of the files that `iagmeter calibrate` writes */

struct reading {
    struct host_config *host;
    const struct catalogue *catalogue; /* NULL, as the two that follow: could not be read */
    const struct directions *directions;
    const struct factors *factors;
    int64_t today; /* UTC, days since 1970-01-01 */
    int year;
    struct diagnostics *diagnostics;
};

static const char *const grade_names[] = {"A", "B", "C", "D", "E", NULL};

/* ---- Figures and where they come from ---- */

/* Year, source and grade, as they are written. Absent: 0, "", -1. */
struct origin {
    unsigned year;
    char source[sizeof(((struct provenance *)NULL)->source)];
    int grade;
};

static const struct origin no_origin = {.grade = -1};

#define TEXT(structure, member, is_required)                                                       \
    {                                                                                              \
#member, CONFREAD_STRING, is_required, 0, 0, offsetof(structure, member),                  \
            sizeof(((structure *)NULL)->member), NULL                                              \
    }
#define NUMBER(structure, member, is_required, least, most)                                        \
    {                                                                                              \
#member, CONFREAD_DOUBLE, is_required, least, most, offsetof(structure, member), 0, NULL   \
    }
#define WHOLE(structure, member, is_required, least, most)                                         \
    {                                                                                              \
#member, CONFREAD_UINT, is_required, least, most, offsetof(structure, member), 0, NULL     \
    }
#define ONE_OF(structure, member, names)                                                           \
    {                                                                                              \
#member, CONFREAD_ENUM, true, 0, 0, offsetof(structure, member), 0, names                  \
    }
#define GROUP(key, is_required)                                                                    \
    {                                                                                              \
        key, CONFREAD_GROUP, is_required, 0, 0, 0, 0, NULL                                         \
    }
#define LIST(key, is_required)                                                                     \
    {                                                                                              \
        key, CONFREAD_LIST, is_required, 0, 0, 0, 0, NULL                                          \
    }
#define ORIGIN(structure, is_required)                                                             \
    {"year", CONFREAD_UINT, is_required, FIRST_YEAR, LAST_YEAR, offsetof(structure, origin.year),  \
     0,      NULL},                                                                                \
        {"source",                                                                                 \
         CONFREAD_STRING,                                                                          \
         is_required,                                                                              \
         0,                                                                                        \
         0,                                                                                        \
         offsetof(structure, origin.source),                                                       \
         sizeof(((structure *)NULL)->origin.source),                                               \
         NULL},                                                                                    \
    {                                                                                              \
        "grade", CONFREAD_ENUM, is_required, 0, 0, offsetof(structure, origin.grade), 0,           \
            grade_names                                                                            \
    }

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

/* What is wrong with it was said, or is not there. */
static void take_origin(const config_setting_t *group, const struct origin *origin,
                        const char *unit, struct provenance *out, const struct reading *reading)
{
    if (is_blank(origin->source))
        confread_error(place_of(group, "source"), reading->diagnostics,
                       "source is empty: who says so?");
    if ((int)origin->year > reading->year)
        confread_error(place_of(group, "year"), reading->diagnostics, "year %u is in the future",
                       origin->year);
    *out = (struct provenance){.grade = grade_names[origin->grade][0]};
    snprintf(out->unit, sizeof(out->unit), "%s", unit);
    snprintf(out->year, sizeof(out->year), "%u", origin->year);
    memcpy(out->source, origin->source, sizeof(out->source));
}

struct quantity_draft {
    double value;
    struct origin origin;
};

static void read_quantity(const config_setting_t *host, const char *name, const char *unit,
                          double least, double most, struct host_quantity *out,
                          const struct reading *reading)
{
    const struct confread_key keys[] = {
        NUMBER(struct quantity_draft, value, true, least, most),
        ORIGIN(struct quantity_draft, true),
    };
    const config_setting_t *group = config_setting_get_member(host, name);
    struct quantity_draft draft = {.origin = no_origin};

    if (!group || !confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    out->value = draft.value;
    take_origin(group, &draft.origin, unit, &out->provenance, reading);
}

static void read_quantities(const config_setting_t *group, const struct reading *reading)
{
    struct host_config *host = reading->host;

    if (!config_setting_get_member(group, "pue"))
        confread_error(group, reading->diagnostics,
                       "missing key \"pue\": what the data centre draws for each kWh of its "
                       "machines differs too much from one to the next (1.1 to 2) for any default "
                       "to be true. Ask who runs it for the mean of a year (ISO/IEC 30134-2)");
    if (!config_setting_get_member(group, "wue_l_per_kwh"))
        confread_error(group, reading->diagnostics,
                       "missing key \"wue_l_per_kwh\": how much water the data centre evaporates "
                       "depends on how it is cooled, so that there is no default. Ask who runs it "
                       "(ISO/IEC 30134-9); 0 where it is cooled without water");
    read_quantity(group, "pue", "kWh/kWh", 1, 10, &host->pue, reading);
    read_quantity(group, "wue_l_per_kwh", "L/kWh", 0, 100, &host->wue_l_per_kwh, reading);
    read_quantity(group, "energy_accuracy", "1", 0, 0.5, &host->energy_accuracy, reading);
}

struct embodied_draft {
    struct host_embodied embodied;
    struct origin origin;
};

#define EMBODIED(name, kind, least, most)                                                          \
    {                                                                                              \
#name, kind, true, least, most, offsetof(struct embodied_draft, embodied.name), 0, NULL    \
    }

static void read_embodied(const config_setting_t *group, const struct reading *reading)
{
    static const struct confread_key keys[] = {
        EMBODIED(server_gwp_kgco2e, CONFREAD_DOUBLE, 0, 1e6),
        EMBODIED(server_adpe_kgsb, CONFREAD_DOUBLE, 0, 1e3),
        EMBODIED(gpu_gwp_kgco2e, CONFREAD_DOUBLE, 0, 1e6),
        EMBODIED(gpu_adpe_kgsb, CONFREAD_DOUBLE, 0, 1e3),
        EMBODIED(gpus, CONFREAD_UINT, 0, MAX_POWER_DEVICES),
        EMBODIED(lifetime_years, CONFREAD_DOUBLE, 0.5, 50),
        ORIGIN(struct embodied_draft, true),
    };
    struct embodied_draft draft = {.origin = no_origin};

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    reading->host->embodied = draft.embodied;
    take_origin(group, &draft.origin, "kgCO2e, kgSb", &reading->host->embodied.provenance, reading);
}

/* ---- Services ---- */

static bool check_service(const config_setting_t *place, const char *id,
                          const struct reading *reading)
{
    uint16_t number;

    if (!reading->catalogue)
        return true;
    number = catalogue_find(reading->catalogue, id);
    if (number == SERVICE_NONE)
        confread_error(place, reading->diagnostics, "service \"%s\" is in no file of services", id);
    else if (!catalogue_service(reading->catalogue, number)->local)
        confread_error(place, reading->diagnostics,
                       "service %s is none of our own servers: it has not \"local = true\"", id);
    else
        return true;
    return false;
}

static bool has_service(const struct host_device *device, const char *id)
{
    for (size_t i = 0; i < device->service_count; i++)
        if (strcmp(device->services[i], id) == 0)
            return true;
    return false;
}

static void read_device_service(const config_setting_t *element, struct host_device *device,
                                const struct reading *reading)
{
    const char *id = config_setting_get_string(element);

    if (!id)
        confread_error(element, reading->diagnostics, "services must be strings");
    else if (has_service(device, id))
        confread_error(element, reading->diagnostics, "service %s stands twice on %s", id,
                       device->name);
    else if (device->service_count == HOST_DEVICE_SERVICES)
        confread_error(element, reading->diagnostics, "more than %d services on one device",
                       HOST_DEVICE_SERVICES);
    else if (strcmp(id, reading->host->common) == 0)
        confread_error(element, reading->diagnostics,
                       "service %s is what is common to all: nobody asks it for anything", id);
    else if (check_service(element, id, reading))
        snprintf(device->services[device->service_count++], SERVICE_ID_SIZE, "%s", id);
}

/* ---- Devices ---- */

static struct host_device *find_device(struct host_config *host, const char *name)
{
    for (size_t i = 0; i < host->device_count; i++)
        if (strcmp(host->devices[i].name, name) == 0)
            return &host->devices[i];
    return NULL;
}

struct device_draft {
    char name[POWER_NAME_SIZE];
    double idle_w;
    struct origin origin;
};

/* Where its idle power is given, all must be; a calibration may measure it instead. */
static bool read_idle(const config_setting_t *group, const struct device_draft *draft,
                      struct host_device *device, const struct reading *reading)
{
    static const char *const names[] = {"year", "source", "grade"};
    bool valid = true;

    device->idle_w = draft->idle_w;
    if (!config_setting_get_member(group, "idle_w"))
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (config_setting_get_member(group, names[i]))
            continue;
        confread_error(group, reading->diagnostics, "missing key \"%s\" of idle_w", names[i]);
        valid = false;
    }
    if (valid)
        take_origin(group, &draft->origin, "W", &device->idle_provenance, reading);
    return valid;
}

static void read_device(const config_setting_t *group, const struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct device_draft, name, true),
        NUMBER(struct device_draft, idle_w, false, 0, 1e5),
        ORIGIN(struct device_draft, false),
        LIST("services", false),
    };
    struct host_config *host = reading->host;
    struct device_draft draft = {.idle_w = NAN, .origin = no_origin};
    struct host_device *device = &host->devices[host->device_count];
    const config_setting_t *services;

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    if (draft.name[0] == '\0' || find_device(host, draft.name)) {
        confread_error(place_of(group, "name"), reading->diagnostics, "device \"%s\" %s",
                       draft.name, draft.name[0] ? "is listed twice" : "has no name");
        return;
    }
    if (host->device_count == MAX_POWER_DEVICES) {
        confread_error(group, reading->diagnostics, "more than %d devices", MAX_POWER_DEVICES);
        return;
    }
    *device = (struct host_device){.calibration = HOST_NOT_CALIBRATED};
    memcpy(device->name, draft.name, sizeof(device->name));
    read_idle(group, &draft, device, reading);
    services = config_setting_get_member(group, "services");
    for (int i = 0; services && i < config_setting_length(services); i++)
        read_device_service(config_setting_get_elem(services, (unsigned)i), device, reading);
    host->device_count++;
}

/* ---- Weights ---- */

struct weights_draft {
    char service[SERVICE_ID_SIZE];
    double input;
    double cached;
    double output;
    struct origin origin;
    unsigned n; /* of a calibration, as what follows */
    double error;
};

static struct host_weights *find_weights(struct host_config *host, const char *service)
{
    size_t i = 0;

    while (i < host->weight_count && strcmp(host->weights[i].service, service) != 0)
        i++;
    return i < HOST_SERVICES ? &host->weights[i] : NULL;
}

/* The place for the weights of a service; NULL after a diagnostic. */
static struct host_weights *place_weights(const config_setting_t *group,
                                          const struct weights_draft *draft,
                                          const struct reading *reading)
{
    struct host_config *host = reading->host;
    struct host_weights *weights = find_weights(host, draft->service);

    if (draft->input + draft->cached + draft->output <= 0)
        confread_error(group, reading->diagnostics, "all weights of %s are 0", draft->service);
    else if (!weights)
        confread_error(group, reading->diagnostics, "weights of more than %d services",
                       HOST_SERVICES);
    else if (check_service(place_of(group, "service"), draft->service, reading))
        return weights;
    return NULL;
}

static void set_weights(struct host_config *host, struct host_weights *weights,
                        const struct weights_draft *draft)
{
    host->weight_count += weights == &host->weights[host->weight_count];
    *weights = (struct host_weights){.weights = {draft->input, draft->cached, draft->output},
                                     .calibration = HOST_NOT_CALIBRATED,
                                     .n = draft->n,
                                     .error = draft->error};
    memcpy(weights->service, draft->service, sizeof(weights->service));
}

static void read_weights(const config_setting_t *group, const struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct weights_draft, service, true),
        NUMBER(struct weights_draft, input, true, 0, 1e6),
        NUMBER(struct weights_draft, cached, true, 0, 1e6),
        NUMBER(struct weights_draft, output, true, 0, 1e6),
        ORIGIN(struct weights_draft, true),
    };
    struct weights_draft draft = {.origin = no_origin};
    struct host_weights *weights;

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    if (hostconfig_weights(reading->host, draft.service)) {
        confread_error(group, reading->diagnostics, "weights of %s stand twice", draft.service);
        return;
    }
    weights = place_weights(group, &draft, reading);
    if (!weights)
        return;
    set_weights(reading->host, weights, &draft);
    take_origin(group, &draft.origin, "token/token", &weights->provenance, reading);
}

/* ---- Calibrations ---- */

struct calibration_draft {
    unsigned version;
    int kind;
    char date[sizeof("2026-12-31")];
    struct origin origin;
};

struct idle_draft {
    char name[POWER_NAME_SIZE];
    double idle_w;
    unsigned n;
    double error_w;
};

/* The figures of the calibration that is being read. */
struct calibrating {
    const struct reading *reading;
    int number;
    struct provenance provenance;
};

/* A device or service that was taken away since is no error: the rest still holds. */
static void warn_of_unused(const config_setting_t *place, const char *what, const char *name,
                           struct diagnostics *diagnostics)
{
    char path[PATH_MAX];

    diagnostics_warning(diagnostics, confread_source_file(place, path, sizeof(path)),
                        config_setting_source_line(place), "%s \"%s\" is not in host.conf", what,
                        name);
}

static void calibrate_device(const config_setting_t *group, struct calibrating *calibrating)
{
    static const struct confread_key keys[] = {
        TEXT(struct idle_draft, name, true),
        NUMBER(struct idle_draft, idle_w, true, 0, 1e5),
        WHOLE(struct idle_draft, n, true, 1, UINT32_MAX),
        NUMBER(struct idle_draft, error_w, true, 0, 1e5),
    };
    const struct reading *reading = calibrating->reading;
    struct idle_draft draft = {.name = ""};
    struct host_device *device;

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    device = find_device(reading->host, draft.name);
    if (!device) {
        warn_of_unused(group, "device", draft.name, reading->diagnostics);
        return;
    }
    device->idle_w = draft.idle_w;
    device->idle_provenance = calibrating->provenance;
    device->calibration = calibrating->number;
    device->n = draft.n;
    device->error_w = draft.error_w;
}

static void calibrate_weights(const config_setting_t *group, struct calibrating *calibrating)
{
    static const struct confread_key keys[] = {
        TEXT(struct weights_draft, service, true),
        NUMBER(struct weights_draft, input, true, 0, 1e6),
        NUMBER(struct weights_draft, cached, true, 0, 1e6),
        NUMBER(struct weights_draft, output, true, 0, 1e6),
        WHOLE(struct weights_draft, n, true, 1, UINT32_MAX),
        NUMBER(struct weights_draft, error, true, 0, 1e6),
    };
    const struct reading *reading = calibrating->reading;
    struct weights_draft draft = {.origin = no_origin};
    struct host_weights *weights;

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    weights = place_weights(group, &draft, reading);
    if (!weights)
        return;
    set_weights(reading->host, weights, &draft);
    weights->provenance = calibrating->provenance;
    weights->calibration = calibrating->number;
}

static const char *const kind_names[] = {"idle", "weights", NULL};
static const char *const figure_lists[] = {"devices", "weights"};

static void read_figures(const config_setting_t *group, const struct calibration_draft *draft,
                         struct calibrating *calibrating)
{
    const char *name = figure_lists[draft->kind];
    const config_setting_t *list = config_setting_get_member(group, name);

    if (!list || config_setting_get_member(group, figure_lists[!draft->kind]))
        confread_error(group, calibrating->reading->diagnostics,
                       "a calibration of kind \"%s\" has a list \"%s\", and no other",
                       kind_names[draft->kind], name);
    for (int i = 0; list && i < config_setting_length(list); i++) {
        const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);

        if (draft->kind == HOST_CALIBRATION_IDLE)
            calibrate_device(element, calibrating);
        else
            calibrate_weights(element, calibrating);
    }
}

static bool check_calibration(const config_setting_t *group, struct calibration_draft *draft,
                              const struct reading *reading)
{
    int64_t day;

    if (draft->version != CALIBRATION_VERSION)
        confread_error(place_of(group, "version"), reading->diagnostics,
                       "version %u of a calibration is not known, only %d", draft->version,
                       CALIBRATION_VERSION);
    else if (!calendar_parse_day(draft->date, &day))
        confread_error(place_of(group, "date"), reading->diagnostics, "date must be YYYY-MM-DD");
    else if (day > reading->today)
        confread_error(place_of(group, "date"), reading->diagnostics, "date %s is in the future",
                       draft->date);
    else
        return true;
    return false;
}

static void read_calibration_group(const config_setting_t *group, const char *path,
                                   const struct reading *reading)
{
    static const struct confread_key keys[] = {
        WHOLE(struct calibration_draft, version, true, 0, UINT32_MAX),
        ONE_OF(struct calibration_draft, kind, kind_names),
        TEXT(struct calibration_draft, date, true),
        {"source", CONFREAD_STRING, true, 0, 0, offsetof(struct calibration_draft, origin.source),
         sizeof(((struct origin *)NULL)->source), NULL},
        {"grade", CONFREAD_ENUM, true, 0, 0, offsetof(struct calibration_draft, origin.grade), 0,
         grade_names},
        LIST("devices", false),
        LIST("weights", false),
    };
    struct host_config *host = reading->host;
    struct host_calibration *calibration = &host->calibrations[host->calibration_count];
    struct calibrating calibrating = {.reading = reading, .number = (int)host->calibration_count};
    struct calibration_draft draft = {.origin = no_origin};

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics) ||
        !check_calibration(group, &draft, reading))
        return;
    snprintf(calibration->path, sizeof(calibration->path), "%s", path);
    calibration->kind = draft.kind;
    memcpy(calibration->date, draft.date, sizeof(calibration->date));
    memcpy(calibration->source, draft.origin.source, sizeof(calibration->source));
    draft.origin.year = (unsigned)strtoul(draft.date, NULL, 10);
    take_origin(group, &draft.origin, draft.kind == HOST_CALIBRATION_IDLE ? "W" : "token/token",
                &calibrating.provenance, reading);
    read_figures(group, &draft, &calibrating);
    host->calibration_count++;
}

static void read_calibration_file(const char *path, const struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("calibration", true)};
    config_t file;
    char unused;

    if (confread_file(&file, path, reading->diagnostics) &&
        confread_group(config_root_setting(&file), keys, COUNT_OF(keys), &unused,
                       reading->diagnostics))
        read_calibration_group(config_setting_get_member(config_root_setting(&file), "calibration"),
                               path, reading);
    config_destroy(&file);
}

/* Relative to host.conf. */
static bool resolve(const char *host_path, const char *name, char path[PATH_MAX])
{
    int directory = (int)(strrchr(host_path, '/') - host_path) + 1;

    return snprintf(path, PATH_MAX, "%.*s%s", name[0] == '/' ? 0 : directory, host_path, name) <
           PATH_MAX;
}

static void read_calibration(const config_setting_t *element, const struct reading *reading)
{
    struct host_config *host = reading->host;
    const char *name = config_setting_get_string(element);
    char path[PATH_MAX];

    if (!name)
        confread_error(element, reading->diagnostics, "calibration must list files");
    else if (host->calibration_count == HOST_CALIBRATIONS)
        confread_error(element, reading->diagnostics, "more than %d calibrations",
                       HOST_CALIBRATIONS);
    else if (!resolve(host->path, name, path))
        confread_error(element, reading->diagnostics, "path is too long: %s", name);
    else
        read_calibration_file(path, reading);
}

/* Later ones replace what earlier ones, and host.conf itself, say of the same device or service. */
static void note_use(struct host_config *host)
{
    for (size_t i = 0; i < host->device_count; i++)
        if (host->devices[i].calibration >= 0)
            host->calibrations[host->devices[i].calibration].in_use = true;
    for (size_t i = 0; i < host->weight_count; i++)
        if (host->weights[i].calibration >= 0)
            host->calibrations[host->weights[i].calibration].in_use = true;
}

/* ---- Keys ---- */

struct period_draft {
    char from[sizeof("2026-12-31")];
    int key;
    double usage_share;
};

static bool is_direction(const struct directions *directions, const char *code)
{
    for (uint16_t i = 0; i < directions_count(directions); i++)
        if (i != DIRECTION_UNASSIGNED && strcmp(directions_get(directions, i)->code, code) == 0)
            return true;
    return false;
}

static void read_entitlement(const config_setting_t *group, struct host_period *period,
                             const struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct host_entitlement, direction, true),
        NUMBER(struct host_entitlement, share, true, 0, 1),
    };
    struct host_entitlement draft = {.direction = ""};

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    for (size_t i = 0; i < period->count; i++)
        if (strcmp(period->entitlements[i].direction, draft.direction) == 0)
            confread_error(group, reading->diagnostics, "direction %s is entitled twice",
                           draft.direction);
    if (reading->directions && !is_direction(reading->directions, draft.direction))
        confread_error(place_of(group, "direction"), reading->diagnostics,
                       "there is no direction \"%s\" in directions.conf", draft.direction);
    if (period->count < MAX_DIRECTIONS)
        period->entitlements[period->count++] = draft;
}

static void read_entitlements(const config_setting_t *list, struct host_period *period,
                              const struct reading *reading)
{
    size_t errors = diagnostics_errors(reading->diagnostics);
    double sum = 0;

    for (int i = 0; i < config_setting_length(list); i++)
        read_entitlement(config_setting_get_elem(list, (unsigned)i), period, reading);
    for (size_t i = 0; i < period->count; i++)
        sum += period->entitlements[i].share;
    if (diagnostics_errors(reading->diagnostics) == errors && !(fabs(sum - 1) <= SUM_TOLERANCE))
        confread_error(list, reading->diagnostics, "the entitlements must add up to 1, not %.10g",
                       sum);
}

/* What each key needs, and no more. */
static void check_key(const config_setting_t *group, const struct period_draft *draft,
                      const struct reading *reading)
{
    const struct {
        const char *name;
        bool wanted;
    } rules[] = {
        {"usage_share", draft->key == SHARING_HYBRID},
        {"entitlement", draft->key != SHARING_USAGE},
    };

    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        bool given = config_setting_get_member(group, rules[i].name) != NULL;

        if (given != rules[i].wanted)
            confread_error(place_of(group, rules[i].name), reading->diagnostics,
                           "key \"%s\" %s \"%s\"",
                           sharing_key_name((enum sharing_key_kind)draft->key),
                           rules[i].wanted ? "needs" : "takes no", rules[i].name);
    }
}

/* Each begins where the one before it ends: there are no gaps, and no overlaps. */
static void check_from(const config_setting_t *group, const struct period_draft *draft,
                       struct host_period *period, const struct reading *reading)
{
    const struct host_config *host = reading->host;
    const config_setting_t *place = place_of(group, "from");

    period->from_day = INT64_MIN;
    if (place == group && host->period_count > 0)
        confread_error(group, reading->diagnostics,
                       "missing key \"from\": only the first period may begin ever since");
    else if (place != group && !mix_parse_month(draft->from, &period->from_day))
        confread_error(place, reading->diagnostics,
                       "from must be a month, YYYY-MM, or its first day");
    else if (host->period_count > 0 &&
             period->from_day <= host->periods[host->period_count - 1].from_day)
        confread_error(place, reading->diagnostics,
                       "this period overlaps the one before it, which begins no earlier");
}

static void read_period(const config_setting_t *group, const struct reading *reading)
{
    static const char *const key_names[] = {"usage", "entitlement", "hybrid", NULL};
    static const struct confread_key keys[] = {
        TEXT(struct period_draft, from, false),
        ONE_OF(struct period_draft, key, key_names),
        NUMBER(struct period_draft, usage_share, false, 0, 1),
        LIST("entitlement", false),
    };
    struct host_config *host = reading->host;
    struct period_draft draft = {.usage_share = 0};
    struct host_period *period = &host->periods[host->period_count];

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, reading->diagnostics))
        return;
    if (host->period_count == HOST_PERIODS) {
        confread_error(group, reading->diagnostics, "more than %d periods", HOST_PERIODS);
        return;
    }
    check_key(group, &draft, reading);
    check_from(group, &draft, period, reading);
    period->key = draft.key;
    period->usage_share = draft.key == SHARING_USAGE ? 1 : draft.usage_share;
    if (config_setting_get_member(group, "entitlement"))
        read_entitlements(config_setting_get_member(group, "entitlement"), period, reading);
    host->period_count++;
}

/* ---- The whole ---- */

static void check_device(const config_setting_t *place, const struct host_device *device,
                         const struct reading *reading)
{
    const struct host_config *host = reading->host;

    if (isnan(device->idle_w))
        confread_error(place, reading->diagnostics,
                       "device %s has no idle_w, nor did a calibration measure it", device->name);
    if (strcmp(device->name, HOST_DEVICE_NAME) == 0 && device->service_count > 0 &&
        host->device_count > 1)
        confread_error(place, reading->diagnostics,
                       "beside GPUs, \"" HOST_DEVICE_NAME "\" has no services of its own: what it "
                       "draws above idle follows theirs");
    for (size_t i = 0; i < device->service_count; i++)
        if (!hostconfig_weights(host, device->services[i]))
            confread_error(place, reading->diagnostics,
                           "service %s is on %s, but has no weights for its tokens",
                           device->services[i], device->name);
}

static void read_lists(const config_setting_t *group, const struct reading *reading)
{
    static const struct {
        const char *name;
        void (*read)(const config_setting_t *group, const struct reading *reading);
    } lists[] = {{"devices", read_device},
                 {"weights", read_weights},
                 {"calibration", read_calibration},
                 {"sharing", read_period}};
    const config_setting_t *devices = config_setting_get_member(group, "devices");
    size_t errors = diagnostics_errors(reading->diagnostics);

    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const config_setting_t *list = config_setting_get_member(group, lists[i].name);

        for (int j = 0; list && j < config_setting_length(list); j++)
            lists[i].read(config_setting_get_elem(list, (unsigned)j), reading);
    }
    note_use(reading->host);
    if (diagnostics_errors(reading->diagnostics) != errors)
        return;
    if (reading->host->device_count == 0)
        confread_error(devices, reading->diagnostics, "there are no devices");
    for (size_t i = 0; i < reading->host->device_count; i++)
        check_device(config_setting_get_elem(devices, (unsigned)i), &reading->host->devices[i],
                     reading);
}

static void read_host(const config_setting_t *group, const struct reading *reading)
{
    static const struct confread_key keys[] = {
        TEXT(struct host_config, name, true),
        TEXT(struct host_config, zone, true),
        TEXT(struct host_config, common, true),
        GROUP("pue", false), /* said with reasons */
        GROUP("wue_l_per_kwh", false),
        GROUP("energy_accuracy", true),
        GROUP("embodied", true),
        LIST("devices", true),
        LIST("weights", false),
        LIST("sharing", false),
        LIST("calibration", false),
        GROUP("power", false),
    };
    struct host_config *host = reading->host;
    bool valid = confread_group(group, keys, COUNT_OF(keys), host, reading->diagnostics);

    read_quantities(group, reading);
    if (!valid)
        return;
    if (reading->factors && !factors_zone(reading->factors, host->zone))
        confread_error(place_of(group, "zone"), reading->diagnostics,
                       "zone \"%s\" is not in zones.conf", host->zone);
    check_service(place_of(group, "common"), host->common, reading);
    read_embodied(config_setting_get_member(group, "embodied"), reading);
    read_lists(group, reading);
    powerconfig_read(&host->power, config_setting_get_member(group, "power"),
                     (unsigned)reading->year, reading->diagnostics);
}

static void read_file(const struct reading *reading)
{
    static const struct confread_key keys[] = {GROUP("host", true)};
    config_t file;
    char unused;

    if (confread_file(&file, reading->host->path, reading->diagnostics) &&
        confread_group(config_root_setting(&file), keys, COUNT_OF(keys), &unused,
                       reading->diagnostics))
        read_host(config_setting_get_member(config_root_setting(&file), "host"), reading);
    config_destroy(&file);
}

struct host_config *hostconfig_load(const char *path, const struct catalogue *catalogue,
                                    const struct directions *directions,
                                    const struct factors *factors, int64_t now_s,
                                    struct diagnostics *diagnostics)
{
    size_t errors = diagnostics_errors(diagnostics);
    struct host_config *host = calloc(1, sizeof(*host));
    time_t now = (time_t)now_s;
    struct reading reading = {host, catalogue, directions, factors, now_s / DAY_S, 0, diagnostics};
    struct tm utc = {0};

    if (!host) {
        diagnostics_error(diagnostics, path, 0, "out of memory");
        return NULL;
    }
    gmtime_r(&now, &utc);
    reading.year = utc.tm_year + 1900;
    snprintf(host->path, sizeof(host->path), "%s", path);
    host->power = power_defaults;
    read_file(&reading);
    if (diagnostics_errors(diagnostics) == errors)
        return host;
    hostconfig_free(host);
    return NULL;
}

void hostconfig_free(struct host_config *host)
{
    free(host);
}

const struct host_device *hostconfig_device(const struct host_config *host, const char *name)
{
    for (size_t i = 0; i < host->device_count; i++)
        if (strcmp(host->devices[i].name, name) == 0)
            return &host->devices[i];
    return NULL;
}

const struct host_weights *hostconfig_weights(const struct host_config *host, const char *service)
{
    for (size_t i = 0; i < host->weight_count; i++)
        if (strcmp(host->weights[i].service, service) == 0)
            return &host->weights[i];
    return NULL;
}

const struct host_period *hostconfig_period(const struct host_config *host, int64_t time_s)
{
    static const struct host_period by_use = {
        .from_day = INT64_MIN, .key = SHARING_USAGE, .usage_share = 1};

    for (size_t i = host->period_count; i-- > 0;) {
        int64_t from_day = host->periods[i].from_day;

        if (from_day == INT64_MIN || time_s >= calendar_day_start(from_day))
            return &host->periods[i];
    }
    return &by_use;
}
