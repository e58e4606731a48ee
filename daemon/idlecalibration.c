/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/idlecalibration.h"

#include "daemon/calendar.h"
#include "daemon/settlement.h"
#include "daemon/version.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1e9
#define LEAST_N  (IDLE_LEAST_S / INTERVAL_S)
/* An interval that was not measured for so much of its time is left out. */
#define LEAST_COVERED 0.9
/* What a mean may be uncertain by, and its halves differ by, to be one: a part of it, or so many
 * watts, which any meter is unsure of. */
#define MOST_ERROR  0.02
#define MOST_DRIFT  0.05
#define UNSURE_W    1.0
#define WRONG_FLAGS (ENERGY_LOWER_BOUND | ENERGY_AMBIGUOUS | ENERGY_EXCEEDED | ENERGY_CARRIED)

/* ---- Samples ---- */

struct gathering {
    struct idle_calibration *out;
    bool failed; /* no memory */
};

static struct idle_device *device_named(struct idle_calibration *calibration, const char *name)
{
    for (size_t i = 0; i < calibration->count; i++)
        if (strcmp(calibration->devices[i].name, name) == 0)
            return &calibration->devices[i];
    return NULL;
}

static bool add_energy(void *context, const struct ledger_device_row *row)
{
    struct gathering *gathering = context;
    struct idle_device *device = device_named(gathering->out, row->name);
    double covered_s = (double)row->covered_ns / NS_PER_S;
    double *samples;

    if (!device || row->kind == POWER_DEVICE_SOURCE)
        return true;
    device->flags |= row->flags;
    if (covered_s < LEAST_COVERED * INTERVAL_S || row->flags & WRONG_FLAGS) {
        device->left_out++;
        return true;
    }
    samples = reallocarray(device->samples_w, device->n + 1, sizeof(*samples));
    gathering->failed = !samples;
    if (!samples)
        return false;
    device->samples_w = samples;
    samples[device->n++] = row->energy_j / covered_s;
    return true;
}

static double mean_of(const double *samples, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += samples[i];
    return n > 0 ? sum / (double)n : 0;
}

static double error_of(const double *samples, size_t n)
{
    double mean = mean_of(samples, n);
    double squares = 0;

    for (size_t i = 0; i < n; i++)
        squares += (samples[i] - mean) * (samples[i] - mean);
    return n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : INFINITY;
}

static void sum_up(struct idle_device *device)
{
    size_t half = device->n / 2;

    device->mean_w = mean_of(device->samples_w, device->n);
    device->error_w = error_of(device->samples_w, device->n);
    device->early_w = mean_of(device->samples_w, half);
    device->late_w = mean_of(device->samples_w + half, device->n - half);
    device->least_w = device->most_w = device->mean_w;
    for (size_t i = 0; i < device->n; i++) {
        device->least_w = fmin(device->least_w, device->samples_w[i]);
        device->most_w = fmax(device->most_w, device->samples_w[i]);
    }
}

static enum ledger_status gather(struct gathering *gathering, struct ledger *ledger,
                                 const struct host_config *host)
{
    struct idle_calibration *out = gathering->out;
    enum ledger_status status;

    for (; out->count < host->device_count; out->count++)
        memcpy(out->devices[out->count].name, host->devices[out->count].name, POWER_NAME_SIZE);
    status = ledger_visit_device_energy(ledger, out->from_s, out->until_s, add_energy, gathering);
    for (size_t i = 0; i < out->count && !gathering->failed; i++)
        if (out->devices[i].n > 0)
            sum_up(&out->devices[i]);
    return status;
}

/* ---- Whether it was idle ---- */

struct watch {
    double observed_s;
    int64_t used_s; /* the first interval with use; 0: none */
    unsigned used;  /* rows with use */
};

static bool add_coverage(void *context, const struct ledger_coverage_row *row)
{
    struct watch *watch = context;

    watch->observed_s += (double)row->coverage.covered_ns / NS_PER_S;
    return true;
}

static void note_use(struct watch *watch, int64_t interval_start)
{
    if (watch->used == 0 || interval_start < watch->used_s)
        watch->used_s = interval_start;
    watch->used++;
}

static bool add_use(void *context, const struct ledger_use_row *row)
{
    if (row->requests > 0 || row->tokens_in > 0 || row->tokens_out > 0)
        note_use(context, row->interval_start);
    return true;
}

static bool add_server(void *context, const struct ledger_server_row *row)
{
    if (row->requests > 0 || row->tokens_in > 0 || row->tokens_out > 0)
        note_use(context, row->interval_start);
    return true;
}

static bool watch_use(struct watch *watch, struct ledger *ledger, int64_t from_s, int64_t until_s)
{
    return ledger_visit_coverage(ledger, from_s, until_s, add_coverage, watch) == LEDGER_OK &&
           ledger_visit_local_use(ledger, from_s, until_s, add_use, watch) == LEDGER_OK &&
           ledger_visit_server_use(ledger, from_s, until_s, add_server, watch) == LEDGER_OK;
}

static void format_utc(int64_t time_s, char *text, size_t size)
{
    time_t seconds = (time_t)time_s;
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(text, size, "%Y-%m-%d %H:%M UTC", &utc);
}

static enum idle_status refuse(char *error, size_t error_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum idle_status refuse(char *error, size_t error_size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return IDLE_REFUSED;
}

/* That nothing was seen means something only where somebody looked. */
static enum idle_status check_idle(const struct watch *watch, const struct config *config,
                                   double length_s, char *error, size_t error_size)
{
    char when[40];

    format_utc(watch->used_s, when, sizeof(when));
    if (watch->used > 0)
        return refuse(error, error_size,
                      "the host was in use, first in the minute of %s: wait until nobody asks for "
                      "anything",
                      when);
    if (config->inference.port_count == 0)
        return refuse(
            error, error_size,
            "no server is configured in the group \"inference\", so nobody looked whether "
            "the host was idle: say --assume-idle if you know that it was");
    if (watch->observed_s < LEAST_COVERED * length_s)
        return refuse(error, error_size,
                      "the capture observed %.0f of %.0f s, so nobody knows whether the host was "
                      "idle: say --assume-idle if you know that it was",
                      watch->observed_s, length_s);
    return IDLE_DONE;
}

/* ---- Whether it is true ---- */

static bool is_unsure(double difference_w, double part, double mean_w)
{
    return difference_w > UNSURE_W && difference_w > part * mean_w;
}

static enum idle_status check_device(const struct idle_device *device, char *error,
                                     size_t error_size)
{
    double drift_w = fabs(device->late_w - device->early_w);

    if (device->n == 0 && device->left_out == 0)
        return refuse(error, error_size,
                      "%s: nothing measures it, `iagmeter power` lists what does", device->name);
    if (device->n < LEAST_N)
        return refuse(error, error_size,
                      "%s: too few samples: %u minutes were measured whole, %u were not, and it "
                      "takes %d",
                      device->name, device->n, device->left_out, LEAST_N);
    if (device->most_w == 0)
        return refuse(error, error_size,
                      "%s: its meter says 0 W all the time: it is not supported, rather than idle",
                      device->name);
    if (is_unsure(device->error_w, MOST_ERROR, device->mean_w))
        return refuse(error, error_size,
                      "%s: the mean is not sure enough: %.4g W +- %.2g W after %u minutes; measure "
                      "longer",
                      device->name, device->mean_w, device->error_w, device->n);
    if (is_unsure(drift_w, MOST_DRIFT, device->mean_w))
        return refuse(error, error_size,
                      "%s: it has not settled: %.4g W in the first half, %.4g W in the second; "
                      "measure when it is warm, or longer",
                      device->name, device->early_w, device->late_w);
    return IDLE_DONE;
}

static enum idle_status check_devices(const struct idle_calibration *calibration, char *error,
                                      size_t error_size)
{
    enum idle_status status = IDLE_DONE;

    for (size_t i = 0; i < calibration->count && status == IDLE_DONE; i++)
        status = check_device(&calibration->devices[i], error, error_size);
    return status;
}

static enum idle_status trouble(struct ledger *ledger, bool memory, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s", memory ? "out of memory" : ledger_error(ledger));
    return IDLE_TROUBLE;
}

static enum idle_status judge(const struct idle_calibration *out, struct ledger *ledger,
                              const struct config *config, char *error, size_t error_size)
{
    struct watch watch = {0, 0, 0};
    int64_t shared_until_s = INT64_MIN;
    enum ledger_status shared = settlement_shared_until(ledger, &shared_until_s);
    enum idle_status status = IDLE_DONE;

    if ((shared != LEDGER_OK && shared != LEDGER_EMPTY) ||
        !watch_use(&watch, ledger, out->from_s, out->until_s))
        return trouble(ledger, false, error, error_size);
    /* Use that is known already will not go away. */
    if (!out->assumed && watch.used > 0)
        return check_idle(&watch, config, 0, error, error_size);
    if (shared == LEDGER_EMPTY || shared_until_s < out->until_s) {
        refuse(error, error_size,
               "not all that belongs to that time is in the ledger: the daemon does not run, or an "
               "exchange is still open");
        return IDLE_EARLY;
    }
    if (!out->assumed)
        status =
            check_idle(&watch, config, (double)(out->until_s - out->from_s), error, error_size);
    return status == IDLE_DONE ? check_devices(out, error, error_size) : status;
}

enum idle_status idlecalibration_measure(struct idle_calibration *out, struct ledger *ledger,
                                         const struct config *config, int64_t from_s,
                                         int64_t until_s, bool assumed, char *error,
                                         size_t error_size)
{
    struct gathering gathering = {out, false};

    *out = (struct idle_calibration){.from_s = calendar_interval(from_s + INTERVAL_S - 1),
                                     .until_s = calendar_interval(until_s),
                                     .assumed = assumed};
    if (out->until_s - out->from_s < IDLE_LEAST_S)
        return refuse(error, error_size, "less than %d whole minutes are too few", LEAST_N);
    if (gather(&gathering, ledger, config->host) != LEDGER_OK || gathering.failed)
        return trouble(ledger, gathering.failed, error, error_size);
    return judge(out, ledger, config, error, error_size);
}

void idlecalibration_free(struct idle_calibration *calibration)
{
    for (size_t i = 0; i < calibration->count; i++)
        free(calibration->devices[i].samples_w);
    calibration->count = 0;
}

/* ---- Out ---- */

/* After 1, 2, 5, 10, 20, 50... minutes. */
static unsigned next_step(unsigned n)
{
    unsigned power = 1;

    while (n >= 10 * power)
        power *= 10;
    return n / power >= 5 ? 10 * power : n / power >= 2 ? 5 * power : 2 * power;
}

static void print_convergence(const struct idle_device *device, FILE *stream)
{
    for (unsigned n = 2; n < device->n; n = next_step(n))
        fprintf(stream, "  after %4u min %10.2f W +- %.2g W\n", n, mean_of(device->samples_w, n),
                error_of(device->samples_w, n));
}

void idlecalibration_print(const struct idle_calibration *calibration, FILE *stream)
{
    for (size_t i = 0; i < calibration->count; i++) {
        const struct idle_device *device = &calibration->devices[i];

        fprintf(stream, "%s\n", device->name);
        print_convergence(device, stream);
        if (device->n > 0)
            fprintf(stream,
                    "  %10u min %10.2f W +- %.2g W, least %.2f W, most %.2f W; halves %.2f W and "
                    "%.2f W\n",
                    device->n, device->mean_w, device->error_w, device->least_w, device->most_w,
                    device->early_w, device->late_w);
        if (device->left_out > 0)
            fprintf(stream, "  %10u min left out: not measured whole\n", device->left_out);
        if (device->n > 0 && device->flags & ENERGY_REST)
            fputs("  a part of it is rest_w of host.conf, not measured\n", stream);
    }
}

/* Measured here is A; that nobody used it may be somebody's word. What rests on rest_w is no better
 * than that. */
static char grade_of(const struct idle_calibration *calibration, const struct config *config)
{
    char grade = calibration->assumed ? 'B' : 'A';

    for (size_t i = 0; i < calibration->count; i++)
        if (calibration->devices[i].flags & ENERGY_REST && config->host->power.rest_grade > grade)
            grade = config->host->power.rest_grade;
    return grade;
}

bool idlecalibration_write(const struct idle_calibration *calibration, const struct config *config,
                           int64_t now_s, FILE *stream)
{
    char from[40], until[40], now[40];

    format_utc(calibration->from_s, from, sizeof(from));
    format_utc(calibration->until_s, until, sizeof(until));
    format_utc(now_s, now, sizeof(now));
    fprintf(stream,
            "# Written by `iagmeter calibrate idle` (%s) on %s.\n"
            "# host.conf names it in `calibration`. Leave it as it is: measure again for a new "
            "one.\n"
            "calibration = {\n    version = 1;\n    kind = \"idle\";\n    date = \"%.10s\";\n"
            "    source = \"measured here from %s to %s, models loaded; %s\";\n"
            "    grade = \"%c\";\n    devices = (\n",
            IAGMETER_VERSION, now, until, from, until,
            calibration->assumed ? "that nobody used it is assumed" : "no exchange was seen",
            grade_of(calibration, config));
    for (size_t i = 0; i < calibration->count; i++) {
        const struct idle_device *device = &calibration->devices[i];

        fprintf(
            stream,
            "        # least %.2f W, most %.2f W, halves %.2f W and %.2f W; %u minutes left out\n"
            "        { name = \"%s\"; idle_w = %.4f; n = %u; error_w = %.4f; }%s\n",
            device->least_w, device->most_w, device->early_w, device->late_w, device->left_out,
            device->name, device->mean_w, device->n, device->error_w,
            i + 1 < calibration->count ? "," : "");
    }
    fputs("    );\n};\n", stream);
    return !ferror(stream);
}
