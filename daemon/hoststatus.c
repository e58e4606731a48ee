/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/hoststatus.h"

#include "daemon/calendar.h"
#include "daemon/settlement.h"
#include "daemon/sourcestates.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  1e9
#define J_PER_KWH 3.6e6
#define LABEL     "%-24s "

/* ---- Sums ---- */

static struct hoststatus_device *device_named(struct hoststatus *status, const char *name)
{
    size_t i = 0;

    while (i < status->count && strcmp(status->devices[i].name, name) != 0)
        i++;
    if (i == HOSTSTATUS_DEVICES)
        return NULL;
    if (i == status->count) {
        status->count++;
        status->devices[i] = (struct hoststatus_device){.name = ""};
        snprintf(status->devices[i].name, POWER_NAME_SIZE, "%s", name);
    }
    return &status->devices[i];
}

static void end_comparison(struct hoststatus_difference *difference, int64_t interval_start)
{
    if (difference->wall_ns > 0 && difference->has_parts) {
        difference->sum_j += difference->wall_j - difference->parts_j;
        difference->sum_ns += difference->wall_ns;
    }
    *difference = (struct hoststatus_difference){
        .interval_start = interval_start, .sum_j = difference->sum_j, .sum_ns = difference->sum_ns};
}

/* The feeds of one machine are meters of the whole, each in part. */
static void compare(struct hoststatus_difference *difference, const struct ledger_device_row *row)
{
    if (row->interval_start != difference->interval_start)
        end_comparison(difference, row->interval_start);
    if (row->kind != POWER_DEVICE_SOURCE)
        return;
    if (row->flags & ENERGY_WALL) {
        difference->wall_j += row->energy_j;
        if (row->covered_ns > difference->wall_ns)
            difference->wall_ns = row->covered_ns;
    } else if (row->flags & ENERGY_PART) {
        difference->parts_j += row->energy_j;
        difference->has_parts = true;
    }
}

static bool add_energy(void *context, const struct ledger_device_row *row)
{
    struct hoststatus *status = context;
    struct hoststatus_device *device = device_named(status, row->name);

    compare(&status->difference, row);
    if (!device)
        return true;
    device->kind = row->kind;
    device->flags |= row->flags;
    device->energy_j += row->energy_j;
    device->idle_j += row->idle_j;
    device->covered_ns += row->covered_ns;
    device->restarts += (row->flags & ENERGY_LOWER_BOUND) != 0;
    device->exceeded += (row->flags & ENERGY_EXCEEDED) != 0;
    device->carried_j += row->carried_j;
    if (row->covered_ns > 0)
        device->last_w = row->energy_j / ((double)row->covered_ns / NS_PER_S);
    if (status->first_s == 0)
        status->first_s = row->interval_start;
    status->last_s = row->interval_start + INTERVAL_S;
    return true;
}

static bool add_wire(void *context, const struct ledger_use_row *row)
{
    struct hoststatus *status = context;

    status->wire.in += row->tokens_in;
    status->wire.out += row->tokens_out;
    return true;
}

static bool add_unseen(void *context, const struct ledger_use_row *row)
{
    struct hoststatus *status = context;

    status->unseen.in += row->tokens_in;
    status->unseen.out += row->tokens_out;
    status->wire.in -= row->tokens_in;
    status->wire.out -= row->tokens_out;
    return true;
}

static bool add_server(void *context, const struct ledger_server_row *row)
{
    struct hoststatus *status = context;

    status->server.in += (double)row->tokens_in;
    status->server.out += (double)row->tokens_out;
    return true;
}

static bool add_shared(void *context, const struct ledger_row *row)
{
    struct hoststatus *status = context;

    status->energy_j += row->activity.energy_j;
    return true;
}

static bool add_common(void *context, const struct ledger_row *row)
{
    struct hoststatus *status = context;

    status->common_j += row->activity.energy_j;
    return true;
}

static bool note_earlier(void *context, const struct ledger_device_row *row)
{
    bool *is_earlier = context;

    (void)row;
    *is_earlier = true;
    return false; /* one is enough */
}

static bool is_power_source(const char *name)
{
    size_t length = strcspn(name, "/");

    for (const char *const *source = powerconfig_sources; *source; source++)
        if (strlen(*source) == length && strncmp(*source, name, length) == 0)
            return true;
    return false;
}

/* A meter that should count and was not measured; or a source of which no meter is known. */
static void add_expected(void *context, const char *name, bool counted, const char *problem)
{
    struct hoststatus *status = context;
    struct hoststatus_device *device;

    if (!counted || problem[0] == '\0' || !is_power_source(name) ||
        strcmp(problem, power_status_text(POWER_UNSUPPORTED)) == 0)
        return;
    device = device_named(status, name);
    if (device && device->covered_ns == 0)
        device->kind = POWER_DEVICE_SOURCE;
}

static bool note_seen(void *context, const struct ledger_device_row *row)
{
    struct hoststatus *status = context;

    for (size_t i = 0; i < status->count; i++)
        if (strcmp(status->devices[i].name, row->name) == 0)
            status->devices[i].seen_s = row->interval_start + INTERVAL_S;
    return true;
}

/* Since when those are away that were not measured. */
static bool find_last_seen(struct hoststatus *status, struct ledger *ledger)
{
    bool away = false;

    for (size_t i = 0; i < status->count; i++)
        away |= status->devices[i].covered_ns == 0;
    return !away || ledger_visit_last_energy(ledger, status->from_s - HOSTSTATUS_BEFORE_S,
                                             status->from_s, note_seen, status) == LEDGER_OK;
}

/* What is away leaves no rows. So all that is shared is time that could have been measured, since
 * the first measurement; and the devices of host.conf, and the meters that there should be, are
 * there whether they are or not. */
static bool count_absence(struct hoststatus *status, struct ledger *ledger,
                          const struct host_config *host)
{
    bool is_earlier = false;
    int64_t shared_s =
        status->shared_until_s < status->until_s ? status->shared_until_s : status->until_s;

    if (ledger_visit_device_energy(ledger, 0, status->from_s, note_earlier, &is_earlier) !=
        LEDGER_OK)
        return false;
    if (is_earlier)
        status->first_s = status->from_s;
    if (status->first_s == 0)
        return true;
    if (status->has_shared && shared_s > status->last_s)
        status->last_s = shared_s;
    if (status->last_s < status->first_s)
        status->last_s = status->first_s;
    for (size_t i = 0; i < host->device_count; i++) {
        struct hoststatus_device *device = device_named(status, host->devices[i].name);

        if (device && device->covered_ns == 0)
            device->kind = strcmp(device->name, "host") == 0 ? POWER_DEVICE_HOST : POWER_DEVICE_GPU;
    }
    return sourcestates_visit(ledger, add_expected, status) && find_last_seen(status, ledger);
}

bool hoststatus_collect(struct hoststatus *out, struct ledger *ledger, const struct config *config,
                        int64_t from_s, int64_t until_s)
{
    enum ledger_status shared;

    *out = (struct hoststatus){.from_s = from_s, .until_s = until_s};
    shared = settlement_shared_until(ledger, &out->shared_until_s);
    out->has_shared = shared == LEDGER_OK;
    if ((shared != LEDGER_OK && shared != LEDGER_EMPTY) ||
        ledger_visit_device_energy(ledger, from_s, until_s, add_energy, out) != LEDGER_OK)
        return false;
    end_comparison(&out->difference, until_s);
    return count_absence(out, ledger, config->host) &&
           ledger_visit_local_use(ledger, from_s, until_s, add_wire, out) == LEDGER_OK &&
           ledger_visit_unseen_use(ledger, from_s, until_s, add_unseen, out) == LEDGER_OK &&
           ledger_visit_server_use(ledger, from_s, until_s, add_server, out) == LEDGER_OK &&
           ledger_visit(ledger, from_s, until_s, NULL, NULL, add_shared, out) == LEDGER_OK &&
           ledger_visit(ledger, from_s, until_s, "unassigned", config->host->common, add_common,
                        out) == LEDGER_OK;
}

double hoststatus_power_w(const struct hoststatus_device *device)
{
    return device->covered_ns > 0 ? device->energy_j / ((double)device->covered_ns / NS_PER_S) : 0;
}

double hoststatus_total_w(const struct hoststatus *status)
{
    double power_w = 0;

    for (size_t i = 0; i < status->count; i++)
        if (status->devices[i].kind != POWER_DEVICE_SOURCE)
            power_w += hoststatus_power_w(&status->devices[i]);
    return power_w;
}

/* Of the rest of the host; where nothing measures that, of the GPU that was measured longest. */
double hoststatus_covered_s(const struct hoststatus *status)
{
    uint64_t covered_ns = 0;

    for (size_t i = 0; i < status->count; i++) {
        const struct hoststatus_device *device = &status->devices[i];

        if (device->kind == POWER_DEVICE_HOST && device->covered_ns > 0)
            return (double)device->covered_ns / NS_PER_S;
        if (device->kind == POWER_DEVICE_GPU && device->covered_ns > covered_ns)
            covered_ns = device->covered_ns;
    }
    return (double)covered_ns / NS_PER_S;
}

double hoststatus_missing_s(const struct hoststatus *status)
{
    if (status->first_s == 0)
        return 0;
    return fmax((double)(status->last_s - status->first_s) - hoststatus_covered_s(status), 0);
}

double hoststatus_missed_s(const struct hoststatus *status, const struct hoststatus_device *device)
{
    return fmax((double)(status->last_s - status->first_s) - (double)device->covered_ns / NS_PER_S,
                0);
}

bool hoststatus_difference_w(const struct hoststatus *status, double *difference_w)
{
    const struct hoststatus_difference *difference = &status->difference;

    if (difference->sum_ns == 0)
        return false;
    *difference_w = difference->sum_j / ((double)difference->sum_ns / NS_PER_S);
    return true;
}

/* ---- Text ---- */

static void print_time(FILE *stream, const char *label, int64_t time_s)
{
    time_t seconds = (time_t)time_s;
    struct tm local;
    char text[40];

    localtime_r(&seconds, &local);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M %Z", &local);
    fprintf(stream, LABEL "%s\n", label, text);
}

static const char *text_of(const struct host_config *host, int calibration)
{
    return calibration < 0 ? "host.conf" : host->calibrations[calibration].date;
}

static void print_idle(const struct host_config *host, const char *name, FILE *stream)
{
    const struct host_device *device = hostconfig_device(host, name);

    if (!device)
        fputs("; not in host.conf: none of it counts as idle", stream);
    else if (device->calibration < 0)
        fprintf(stream, "; idle %.4g W, of host.conf", device->idle_w);
    else
        fprintf(stream, "; idle %.4g W +- %.2g, calibrated %s", device->idle_w, device->error_w,
                text_of(host, device->calibration));
}

static void print_flags(uint8_t flags, FILE *stream)
{
    static const struct {
        uint8_t flag;
        const char *text;
    } texts[] = {
        {ENERGY_REST, "partly assumed"},
        {ENERGY_INTEGRATED, "of samples of power"},
        {ENERGY_LOWER_BOUND, "at least: a counter began anew"},
        {ENERGY_AMBIGUOUS, "ambiguous: a counter was read too late"},
        {ENERGY_CARRIED, "the meter of the whole tells late: what it lacked was carried on"},
        {ENERGY_EXCEEDED, "the GPUs drew more than the meter of the whole says"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (flags & texts[i].flag)
            fprintf(stream, "; %s", texts[i].text);
}

/* A second is what minutes may be shifted by. */
static void print_missed(const struct hoststatus *status, const struct hoststatus_device *device,
                         FILE *stream)
{
    double missed_s = hoststatus_missed_s(status, device);

    if (missed_s >= 1)
        fprintf(stream, "; missed for %.0f s", missed_s);
    if (device->restarts > 0)
        fprintf(stream, "; began anew in %" PRIu32 " minutes", device->restarts);
    if (device->flags & (ENERGY_CARRIED | ENERGY_EXCEEDED))
        fprintf(stream, "; %.3g kWh above that meter so far", device->carried_j / J_PER_KWH);
    if (device->exceeded > 0)
        fprintf(stream, ", more than any delay explains in %" PRIu32 " minutes", device->exceeded);
}

static void print_away(const struct hoststatus_device *device, FILE *stream)
{
    time_t seconds = (time_t)device->seen_s;
    struct tm local;
    char when[40];

    if (device->seen_s == 0) {
        fputs("not measured, nor in the month before", stream);
        return;
    }
    localtime_r(&seconds, &local);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M %Z", &local);
    fprintf(stream, "not measured: away since %s", when);
}

static void print_device(const struct hoststatus *status, const struct hoststatus_device *device,
                         const struct host_config *host, FILE *stream)
{
    char label[POWER_NAME_SIZE + 2];

    snprintf(label, sizeof(label), "  %s", device->name);
    if (device->covered_ns > 0)
        fprintf(stream, LABEL "%.4g W, %.4g W at last", label, hoststatus_power_w(device),
                device->last_w);
    else
        fprintf(stream, LABEL, label);
    if (device->covered_ns == 0)
        print_away(device, stream);
    if (device->kind != POWER_DEVICE_SOURCE)
        print_idle(host, device->name, stream);
    print_flags(device->flags, stream);
    print_missed(status, device, stream);
    fputc('\n', stream);
}

static void print_devices(const struct hoststatus *status, const struct host_config *host,
                          bool sources, FILE *stream)
{
    for (size_t i = 0; i < status->count; i++)
        if ((status->devices[i].kind == POWER_DEVICE_SOURCE) == sources)
            print_device(status, &status->devices[i], host, stream);
}

static void print_tokens(FILE *stream, const char *label, const struct hoststatus_tokens *tokens)
{
    fprintf(stream, LABEL "%.0f in, %.0f out\n", label, tokens->in, tokens->out);
}

static void print_weights(const struct host_config *host, FILE *stream)
{
    for (size_t i = 0; i < host->weight_count; i++) {
        const struct host_weights *weights = &host->weights[i];
        char label[SERVICE_ID_SIZE + 2];

        snprintf(label, sizeof(label), "  %s", weights->service);
        fprintf(stream, LABEL "%.3g in, %.3g cached, %.3g out, ", label, weights->weights.input,
                weights->weights.cached, weights->weights.output);
        if (weights->calibration < 0)
            fputs("of host.conf\n", stream);
        else
            fprintf(stream, "calibrated %s, n %u, error %.2g\n",
                    text_of(host, weights->calibration), weights->n, weights->error);
    }
}

static void print_measured(const struct hoststatus *status, const struct host_config *host,
                           FILE *stream)
{
    double difference_w;

    fprintf(stream, LABEL "%.1f h, missing %.1f h since it began\n", "measured",
            hoststatus_covered_s(status) / 3600, hoststatus_missing_s(status) / 3600);
    print_devices(status, host, false, stream);
    fprintf(stream, LABEL "%.4g W\n", "  in all", hoststatus_total_w(status));
    print_devices(status, host, true, stream);
    if (hoststatus_difference_w(status, &difference_w))
        fprintf(stream, LABEL "%.4g W%s\n", "whole less parts", difference_w,
                difference_w < 0 ? ": it says less than they do: is it a meter of something else?"
                                 : "");
}

void hoststatus_print(const struct hoststatus *status, const struct host_config *host, FILE *stream)
{
    fprintf(stream, "\nhost %s\n", host->name);
    if (status->first_s == 0)
        fprintf(stream, LABEL "nothing\n", "measured");
    else
        print_measured(status, host, stream);
    if (status->has_shared)
        print_time(stream, "energy shared until", status->shared_until_s);
    if (status->energy_j > 0)
        fprintf(stream, LABEL "%.4g kWh, %.1f %% of it idle or nobody's\n", "energy shared",
                status->energy_j / J_PER_KWH, 100 * status->common_j / status->energy_j);
    print_tokens(stream, "tokens on the wire", &status->wire);
    print_tokens(stream, "tokens by the servers", &status->server);
    print_tokens(stream, "  by them alone, added", &status->unseen);
    if (host->weight_count > 0)
        fputs("weights of tokens\n", stream);
    print_weights(host, stream);
}

/* ---- JSON ---- */

static json_t *json_device(const struct hoststatus *status, const struct hoststatus_device *device,
                           const struct host_config *host)
{
    static const char *const kinds[] = {"gpu", "host", "source"};
    const struct host_device *place =
        device->kind == POWER_DEVICE_SOURCE ? NULL : hostconfig_device(host, device->name);

    return json_pack(
        "{s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:f, s:I, s:f, s:f, s:i, s:o, s:o, s:o}", "name",
        device->name, "kind", kinds[device->kind], "energy_j", device->energy_j, "idle_j",
        device->idle_j, "covered_s", (double)device->covered_ns / NS_PER_S, "missed_s",
        hoststatus_missed_s(status, device), "restarts", (json_int_t)device->restarts, "carried_j",
        device->carried_j, "exceeded", (json_int_t)device->exceeded, "power_w",
        hoststatus_power_w(device), "last_power_w", device->last_w, "flags", device->flags,
        "away_since_s", device->seen_s > 0 ? json_integer(device->seen_s) : json_null(), "idle_w",
        place ? json_real(place->idle_w) : json_null(), "idle_calibrated",
        place && place->calibration >= 0 ? json_string(host->calibrations[place->calibration].date)
                                         : json_null());
}

static json_t *json_weights(const struct host_config *host)
{
    json_t *array = json_array();

    for (size_t i = 0; i < host->weight_count; i++) {
        const struct host_weights *weights = &host->weights[i];

        json_array_append_new(
            array, json_pack("{s:s, s:f, s:f, s:f, s:o}", "service", weights->service, "input",
                             weights->weights.input, "cached", weights->weights.cached, "output",
                             weights->weights.output, "calibrated",
                             weights->calibration >= 0
                                 ? json_string(host->calibrations[weights->calibration].date)
                                 : json_null()));
    }
    return array;
}

json_t *hoststatus_json(const struct hoststatus *status, const struct host_config *host)
{
    json_t *devices = json_array();
    double difference_w = 0;
    bool has_difference = hoststatus_difference_w(status, &difference_w);

    for (size_t i = 0; i < status->count; i++)
        json_array_append_new(devices, json_device(status, &status->devices[i], host));
    return json_pack("{s:s, s:f, s:f, s:o, s:f, s:o, s:o, s:f, s:f, s:{s:f, s:f}, s:{s:f, s:f}, "
                     "s:{s:f, s:f}, s:o}",
                     "name", host->name, "covered_s", hoststatus_covered_s(status), "missing_s",
                     hoststatus_missing_s(status), "devices", devices, "power_w",
                     hoststatus_total_w(status), "difference_w",
                     has_difference ? json_real(difference_w) : json_null(), "shared_until_s",
                     status->has_shared ? json_integer(status->shared_until_s) : json_null(),
                     "shared_j", status->energy_j, "common_j", status->common_j, "tokens_wire",
                     "in", status->wire.in, "out", status->wire.out, "tokens_server", "in",
                     status->server.in, "out", status->server.out, "tokens_unseen", "in",
                     status->unseen.in, "out", status->unseen.out, "weights", json_weights(host));
}
