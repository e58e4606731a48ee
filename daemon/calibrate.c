/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibrate.h"

#include "daemon/calendar.h"
#include "daemon/capture.h"
#include "daemon/idlecalibration.h"
#include "daemon/weightcalibration.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Between two looks at the ledger. */
#define LOOK_S 5
/* After the end, an interval is shared once all captures closed it: a minute or two. What takes
 * longer is an exchange that is open. */
#define PATIENCE_S    240
#define MOST_VERSIONS 1000

/* -- The file --------------------------------------------------------------------------------- */

static int create_new(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

int calibrate_create(const char *output, const char *host_path, const char *kind, int64_t now_s,
                     char *out, size_t size)
{
    int directory = (int)(strrchr(host_path, '/') - host_path) + 1;
    time_t seconds = (time_t)now_s;
    int descriptor = -1;
    char date[16];
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(date, sizeof(date), "%Y-%m-%d", &utc);
    if (output[0] != '\0') {
        snprintf(out, size, "%s", output);
        return create_new(out);
    }
    for (int version = 1; version <= MOST_VERSIONS; version++) {
        char number[16] = "";

        if (version > 1)
            snprintf(number, sizeof(number), "-%d", version);
        snprintf(out, size, "%.*scalibration-%s-%s%s.conf", directory, host_path, kind, date,
                 number);
        descriptor = create_new(out);
        if (descriptor >= 0 || errno != EEXIST)
            return descriptor;
    }
    return descriptor;
}

typedef bool write_function(const void *calibration, const struct config *config, int64_t now_s,
                            FILE *stream);

static int write_file(const struct calibrate_options *options, const struct config *config,
                      const char *kind, write_function *write, const void *calibration)
{
    char path[PATH_MAX];
    FILE *stream;
    bool written;
    int descriptor;

    if (strcmp(options->output, "-") == 0)
        return write(calibration, config, options->now_s, stdout) ? EXIT_SUCCESS : EXIT_TROUBLE;
    descriptor = calibrate_create(options->output, config->host->path, kind, options->now_s, path,
                                  sizeof(path));
    stream = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    written = stream && write(calibration, config, options->now_s, stream) && fflush(stream) == 0 &&
              fsync(descriptor) == 0;
    if (!stream || fclose(stream) != 0 || !written) {
        fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
        if (descriptor >= 0)
            unlink(path);
        return EXIT_TROUBLE;
    }
    printf("%s\nadd it to `calibration` in %s, check with `iagmeterd -t`, and reload\n", path,
           config->host->path);
    return EXIT_SUCCESS;
}

/* -- Idle ------------------------------------------------------------------------------------- */

static bool write_idle(const void *calibration, const struct config *config, int64_t now_s,
                       FILE *stream)
{
    return idlecalibration_write(calibration, config, now_s, stream);
}

static bool parse_time(const char *text, const char *end, int64_t *time_s)
{
    struct tm local = {.tm_isdst = -1};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M", &local);

    if (rest != end)
        return false;
    *time_s = (int64_t)mktime(&local);
    return true;
}

bool calibrate_parse_range(const char *text, int64_t *from_s, int64_t *until_s)
{
    const char *dots = strstr(text, "..");

    return dots && parse_time(text, dots, from_s) &&
           parse_time(dots + 2, text + strlen(text), until_s) && *from_s < *until_s;
}

/* One line, as the minutes come in. */
static void show_progress(const struct idle_calibration *calibration, int64_t from_s)
{
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r%5" PRId64 " s", (int64_t)time(NULL) - from_s);
    for (size_t i = 0; i < calibration->count; i++) {
        const struct idle_device *device = &calibration->devices[i];

        if (device->n > 1)
            fprintf(stderr, "  %s %.1f +- %.1g W", device->name, device->mean_w, device->error_w);
    }
    fputs("  ", stderr);
}

/* Until all of it is in the ledger, or use is seen. */
static enum idle_status follow(const struct calibrate_options *options, const struct config *config,
                               struct ledger *ledger, struct idle_calibration *calibration,
                               char *error, size_t error_size)
{
    int64_t from_s = calendar_interval(options->now_s + INTERVAL_S - 1);
    int64_t until_s = calendar_interval(from_s + options->seconds + INTERVAL_S - 1);
    enum idle_status status;

    fprintf(stderr,
            "measuring for %" PRId64 " s: leave the host alone, with its models loaded; it must be "
            "warm\n",
            until_s - options->now_s);
    do {
        sleep(LOOK_S);
        idlecalibration_free(calibration);
        status = idlecalibration_measure(calibration, ledger, config, from_s, until_s,
                                         options->assume_idle, error, error_size);
        show_progress(calibration, from_s);
    } while (status == IDLE_EARLY && time(NULL) < until_s + PATIENCE_S);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    return status;
}

int calibrate_idle(const struct calibrate_options *options, const struct config *config,
                   struct ledger *ledger)
{
    struct idle_calibration calibration = {.count = 0};
    enum idle_status status;
    int64_t from_s, until_s;
    char error[512];
    int exit_status = EXIT_TROUBLE;

    if (!options->range) {
        status = follow(options, config, ledger, &calibration, error, sizeof(error));
    } else if (!calibrate_parse_range(options->range, &from_s, &until_s)) {
        fprintf(stderr,
                "iagmeter: \"%s\" is not FROM..UNTIL, as 2026-11-27T02:00..2026-11-27T03:00\n",
                options->range);
        return EXIT_CONFIGURATION;
    } else {
        status = idlecalibration_measure(&calibration, ledger, config, from_s, until_s,
                                         options->assume_idle, error, sizeof(error));
    }
    idlecalibration_print(&calibration, strcmp(options->output, "-") == 0 ? stderr : stdout);
    if (status == IDLE_DONE)
        exit_status = write_file(options, config, "idle", write_idle, &calibration);
    else
        fprintf(stderr, "iagmeter: %s\n", error);
    idlecalibration_free(&calibration);
    return exit_status;
}

/* -- Weights ---------------------------------------------------------------------------------- */

static bool write_weights(const void *calibration, const struct config *config, int64_t now_s,
                          FILE *stream)
{
    (void)config;
    return weightcalibration_write(calibration, now_s, stream);
}

/* All that is kept, when no period is given. */
static bool find_period(const struct calibrate_options *options, struct ledger *ledger,
                        int64_t *from_s, int64_t *until_s)
{
    struct calendar_month first, last;

    if (!options->period) {
        *until_s = *from_s = options->now_s;
        ledger_next_host_interval(ledger, 0, from_s);
        return true;
    }
    if (!calendar_parse_period(options->period, &first, &last)) {
        fprintf(stderr, "iagmeter: \"%s\" is not a period: 2026, 2026-10 or 2026-01..2026-06\n",
                options->period);
        return false;
    }
    *from_s = first.start;
    *until_s = last.end;
    return true;
}

int calibrate_weights(const struct calibrate_options *options, const struct config *config,
                      struct ledger *ledger)
{
    struct weights_calibration calibration;
    int64_t from_s, until_s;
    char error[512];
    int status = EXIT_TROUBLE;

    if (!find_period(options, ledger, &from_s, &until_s))
        return EXIT_CONFIGURATION;
    if (!weightcalibration_fit(&calibration, ledger, config, from_s, until_s, error,
                               sizeof(error))) {
        fprintf(stderr, "iagmeter: %s\n", error);
        weightcalibration_free(&calibration);
        return EXIT_TROUBLE;
    }
    weightcalibration_print(&calibration, config->host,
                            strcmp(options->output, "-") == 0 ? stderr : stdout);
    if (weightcalibration_services(&calibration) > 0)
        status = write_file(options, config, "weights", write_weights, &calibration);
    else
        fprintf(stderr, "iagmeter: no weights could be fitted\n");
    weightcalibration_free(&calibration);
    return status;
}
