/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/redfishdata.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define J_PER_KWH 3.6e6

/* More than any machine: a number in another unit, or nonsense. */
#define MOST_POWER_W  1e6
#define MOST_ENERGY_J 1e15

/* No authority ("//host"), blanks or other than what a path is made of (RFC 3986, 3.3); a fragment
 * is of no use to whoever asks. */
static bool copy_path(const char *text, char path[REDFISH_PATH_SIZE])
{
    size_t length = strcspn(text, "#");

    if (text[0] != '/' || text[1] == '/' || length >= REDFISH_PATH_SIZE)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("\\\"<>^`{|}", text[i]))
            return false;
    snprintf(path, REDFISH_PATH_SIZE, "%.*s", (int)length, text);
    return true;
}

static bool reference(const json_t *object, char path[REDFISH_PATH_SIZE])
{
    const char *text = json_string_value(json_object_get(object, "@odata.id"));

    return text && copy_path(text, path);
}

bool redfishdata_link(const json_t *resource, const char *name, char path[REDFISH_PATH_SIZE])
{
    return reference(json_object_get(resource, name), path);
}

bool redfishdata_member(const json_t *collection, size_t index, char path[REDFISH_PATH_SIZE])
{
    return reference(json_array_get(json_object_get(collection, "Members"), index), path);
}

/* Nothing, not zero, where a member is absent, null, or cannot be: a machine whose BMC answers
 * draws something. */
static bool number(const json_t *value, double most, double *out)
{
    if (!json_is_number(value))
        return false;
    *out = json_number_value(value);
    return isfinite(*out) && *out > 0 && *out <= most;
}

/* A reading is a number, or an excerpt of a sensor that has one. */
static bool reading(const json_t *resource, const char *name, double most, double *out)
{
    const json_t *member = json_object_get(resource, name);

    return number(json_is_object(member) ? json_object_get(member, "Reading") : member, most, out);
}

/* 1 for a whole number, 0.1 for one with one decimal, and so on. */
static double step_of(double value)
{
    double parts = 1;

    for (int decimals = 0; decimals < 6; decimals++) {
        double count = value * parts;

        if (fabs(count - round(count)) < 1e-9 * count)
            break;
        parts *= 10;
    }
    return 1 / parts;
}

static void add_energy(const json_t *resource, const char *name, double unit_j,
                       struct redfish_values *values)
{
    const json_t *reset = json_object_get(json_object_get(resource, name), "SensorResetTime");
    double value;

    if (values->has_energy || !json_is_string(reset) ||
        !reading(resource, name, MOST_ENERGY_J / unit_j, &value))
        return;
    values->has_energy = true;
    values->energy_j = value * unit_j;
    values->energy_step_j = step_of(value) * unit_j;
    snprintf(values->energy_reset, sizeof(values->energy_reset), "%s", json_string_value(reset));
}

void redfishdata_environment(const json_t *resource, struct redfish_values *values)
{
    if (!values->has_power)
        values->has_power = reading(resource, "PowerWatts", MOST_POWER_W, &values->power_w);
    add_energy(resource, "EnergyJoules", 1, values);
    add_energy(resource, "EnergykWh", J_PER_KWH, values);
}

/* PowerControl has an entry for the whole, and may have others for processors, memory and so on, by
 * their PhysicalContext (DSP2046). */
static bool is_whole(const json_t *control)
{
    const char *context = json_string_value(json_object_get(control, "PhysicalContext"));

    return !context || strcmp(context, "Chassis") == 0 || strcmp(context, "SystemBoard") == 0;
}

void redfishdata_power(const json_t *resource, struct redfish_values *values)
{
    const json_t *controls = json_object_get(resource, "PowerControl");

    for (size_t i = 0; i < json_array_size(controls) && !values->has_power; i++) {
        const json_t *control = json_array_get(controls, i);

        values->has_power = is_whole(control) &&
                            reading(control, "PowerConsumedWatts", MOST_POWER_W, &values->power_w);
    }
}
