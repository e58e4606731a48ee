/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/weightcalibration.h"

#include "daemon/calendar.h"
#include "daemon/settlement.h"
#include "daemon/version.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S    1e9
#define WRONG_FLAGS (ENERGY_LOWER_BOUND | ENERGY_AMBIGUOUS | ENERGY_EXCEEDED | ENERGY_CARRIED)
/* An interval that was not measured for so much of its time is left out. */
#define LEAST_COVERED 0.99
/* Below these a fit says more about chance than about tokens. */
#define LEAST_N          30
#define LEAST_N_A_COLUMN 10
#define LEAST_EXPLAINED  0.5
#define MOST_CONDITION   30 /* Belsley, Kuh and Welsch: see nnls.h */
/* To be fitted, tokens from the cache must be such a part of those put in. */
#define LEAST_CACHED 0.01
#define SAMPLES      200 /* Efron and Tibshirani, An Introduction to the Bootstrap, 1993, 6.4 */
/* Of the samples, in so many at most the tokens put out may cost nothing. */
#define MOST_FAILED 0.05

enum column { COLUMN_INPUT, COLUMN_CACHED, COLUMN_OUTPUT, COLUMNS };

/* One minute in which a group was used. */
struct row {
    int64_t interval_start;
    double energy_j;  /* above idle */
    uint64_t missing; /* bit i: device i was not measured whole */
};

typedef double service_tokens[COLUMNS];

struct fitting {
    const struct host_config *host;
    struct weights_calibration *out;
    struct weights_group *group; /* the one at hand */
    struct row *rows;            /* ascending */
    service_tokens *tokens;      /* of each row, so many as the group has services */
    size_t row_count;
    size_t at;   /* where the row of the interval at hand is, or would be */
    bool failed; /* no memory */
    /* What is fitted: column i is KINDS[i] of tokens of service SERVICES[i]. */
    size_t services[NNLS_MOST];
    enum column kinds[NNLS_MOST];
    size_t columns;
};

/* ---- Groups ---- */

static bool is_on(const struct host_device *device, const char *service)
{
    for (size_t i = 0; i < device->service_count; i++)
        if (strcmp(device->services[i], service) == 0)
            return true;
    return false;
}

static struct weights_fit *fit_of(struct weights_group *group, const char *service)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->fits[i].service, service) == 0)
            return &group->fits[i];
    return NULL;
}

/* Adds the services of a device that are new. Returns false when there are too many. */
static bool add_services(struct weights_group *group, const struct host_device *device)
{
    for (size_t i = 0; i < device->service_count; i++) {
        if (fit_of(group, device->services[i]))
            continue;
        if (group->count == WEIGHTS_MOST_SERVICES)
            return false;
        memcpy(group->fits[group->count++].service, device->services[i], SERVICE_ID_SIZE);
    }
    return true;
}

static bool shares(const struct weights_group *group, const struct host_device *device)
{
    for (size_t i = 0; i < group->count; i++)
        if (is_on(device, group->fits[i].service))
            return true;
    return false;
}

/* All devices that share a service with those that are in it, until there are no more. */
static void complete_group(struct weights_group *group, const struct host_config *host)
{
    bool grew = true;

    while (grew) {
        grew = false;
        for (size_t i = 0; i < host->device_count; i++) {
            if (group->devices >> i & 1 || !shares(group, &host->devices[i]))
                continue;
            group->devices |= UINT64_C(1) << i;
            grew = true;
            if (!add_services(group, &host->devices[i]))
                snprintf(group->refusal, sizeof(group->refusal),
                         "more than %d services share devices", WEIGHTS_MOST_SERVICES);
        }
    }
}

static void find_groups(struct weights_calibration *out, const struct host_config *host)
{
    uint64_t done = 0;

    for (size_t i = 0; i < host->device_count; i++) {
        struct weights_group *group = &out->groups[out->count];

        if (done >> i & 1 || host->devices[i].service_count == 0)
            continue;
        group->devices = UINT64_C(1) << i;
        add_services(group, &host->devices[i]);
        complete_group(group, host);
        done |= group->devices;
        out->count++;
    }
}

/* ---- Rows ---- */

/* Room for one more in an array that doubles; NULL without. */
static void *grown(void *array, size_t count, size_t size)
{
    if (count & (count - 1)) /* no power of two: there is room */
        return array;
    return reallocarray(array, count ? 2 * count : 1, size);
}

static service_tokens *tokens_of(const struct fitting *fitting, size_t row)
{
    return &fitting->tokens[row * fitting->group->count];
}

/* They come by ascending interval. */
static bool begin_row(struct fitting *fitting, int64_t interval_start)
{
    size_t count = fitting->row_count;
    struct row *rows;
    service_tokens *tokens;

    if (count > 0 && fitting->rows[count - 1].interval_start == interval_start)
        return true;
    rows = grown(fitting->rows, count, sizeof(*rows));
    if (rows)
        fitting->rows = rows;
    tokens = grown(fitting->tokens, count, fitting->group->count * sizeof(*tokens));
    if (tokens)
        fitting->tokens = tokens;
    if (!rows || !tokens)
        return false;
    rows[count] =
        (struct row){.interval_start = interval_start, .missing = fitting->group->devices};
    memset(&tokens[count * fitting->group->count], 0, fitting->group->count * sizeof(*tokens));
    fitting->row_count++;
    return true;
}

static bool add_use(void *context, const struct ledger_use_row *row)
{
    struct fitting *fitting = context;
    struct weights_fit *fit = fit_of(fitting->group, row->service);
    double *tokens;

    if (!fit || row->tokens_in + row->tokens_out <= 0)
        return true;
    fitting->failed = !begin_row(fitting, row->interval_start);
    if (fitting->failed)
        return false;
    tokens = tokens_of(fitting, fitting->row_count - 1)[fit - fitting->group->fits];
    tokens[COLUMN_INPUT] += row->tokens_in - row->tokens_cached;
    tokens[COLUMN_CACHED] += row->tokens_cached;
    tokens[COLUMN_OUTPUT] += row->tokens_out;
    return true;
}

/* The row of an interval that is not before those asked for until now; NULL: it has no use. */
static struct row *find_row(struct fitting *fitting, int64_t interval_start)
{
    while (fitting->at < fitting->row_count &&
           fitting->rows[fitting->at].interval_start < interval_start)
        fitting->at++;
    if (fitting->at == fitting->row_count ||
        fitting->rows[fitting->at].interval_start != interval_start)
        return NULL;
    return &fitting->rows[fitting->at];
}

static bool add_energy(void *context, const struct ledger_device_row *row)
{
    struct fitting *fitting = context;
    const struct host_device *device = hostconfig_device(fitting->host, row->name);
    double covered_s = (double)row->covered_ns / NS_PER_S;
    struct row *sums = find_row(fitting, row->interval_start);
    uint64_t bit;

    if (!sums || !device || row->kind == POWER_DEVICE_SOURCE)
        return true;
    bit = UINT64_C(1) << (device - fitting->host->devices);
    if (!(fitting->group->devices & bit))
        return true;
    /* Below idle is noise as what is above it is: the mean of both is right. */
    sums->energy_j += row->energy_j - device->idle_w * covered_s;
    if (covered_s >= LEAST_COVERED * INTERVAL_S && !(row->flags & WRONG_FLAGS))
        sums->missing &= ~bit;
    return true;
}

/* The minutes with use, in which all devices were measured. */
static bool gather(struct fitting *fitting, struct ledger *ledger)
{
    const struct weights_calibration *out = fitting->out;
    size_t count = fitting->group->count;
    size_t kept = 0;

    fitting->row_count = fitting->at = 0;
    if (ledger_visit_local_use(ledger, out->from_s, out->until_s, add_use, fitting) != LEDGER_OK ||
        ledger_visit_device_energy(ledger, out->from_s, out->until_s, add_energy, fitting) !=
            LEDGER_OK)
        return false;
    for (size_t i = 0; i < fitting->row_count; i++) {
        if (fitting->rows[i].missing != 0)
            continue;
        fitting->rows[kept] = fitting->rows[i];
        memmove(tokens_of(fitting, kept++), tokens_of(fitting, i), count * sizeof(service_tokens));
    }
    fitting->row_count = kept;
    return !fitting->failed;
}

/* ---- The fit ---- */

static double sum_of(const struct fitting *fitting, size_t service, enum column column)
{
    double sum = 0;

    for (size_t i = 0; i < fitting->row_count; i++)
        sum += tokens_of(fitting, i)[service][column];
    return sum;
}

static void choose_columns(struct fitting *fitting)
{
    fitting->columns = 0;
    for (size_t i = 0; i < fitting->group->count; i++) {
        struct weights_fit *fit = &fitting->group->fits[i];
        double sums[COLUMNS];

        for (enum column j = 0; j < COLUMNS; j++)
            sums[j] = sum_of(fitting, i, j);
        fit->is_used = sums[COLUMN_INPUT] + sums[COLUMN_CACHED] > 0 && sums[COLUMN_OUTPUT] > 0;
        fit->is_cached_fitted =
            sums[COLUMN_CACHED] > LEAST_CACHED * (sums[COLUMN_INPUT] + sums[COLUMN_CACHED]);
        for (enum column j = 0; j < COLUMNS; j++) {
            if (!fit->is_used || (j == COLUMN_CACHED && !fit->is_cached_fitted))
                continue;
            fitting->services[fitting->columns] = i;
            fitting->kinds[fitting->columns++] = j;
        }
    }
}

static void add_row(const struct fitting *fitting, size_t row, struct nnls *nnls)
{
    double x[NNLS_MOST];

    for (size_t i = 0; i < fitting->columns; i++)
        x[i] = tokens_of(fitting, row)[fitting->services[i]][fitting->kinds[i]];
    nnls_add(nnls, x, fitting->rows[row].energy_j);
}

/* Coefficients by service and kind of token; those not fitted are 0. */
static double solve(const struct fitting *fitting, const struct nnls *nnls,
                    double out[WEIGHTS_MOST_SERVICES][COLUMNS])
{
    double coefficients[NNLS_MOST];
    double residual = nnls_solve(nnls, coefficients);

    memset(out, 0, WEIGHTS_MOST_SERVICES * sizeof(*out));
    for (size_t i = 0; i < fitting->columns; i++)
        out[fitting->services[i]][fitting->kinds[i]] = coefficients[i];
    return residual;
}

/* The same numbers each time (Marsaglia, Xorshift RNGs, J. Statistical Software 8, 2003), so that
 * the same minutes give the same file. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct spread {
    double sum;
    double squares;
};

static void add_to(struct spread *spread, double value)
{
    spread->sum += value;
    spread->squares += value * value;
}

static double deviation(const struct spread *spread, double n)
{
    return n > 1 ? sqrt(fmax(spread->squares - spread->sum * spread->sum / n, 0) / (n - 1))
                 : INFINITY;
}

/* The standard errors of the weights, and how often there are none since tokens put out cost
 * nothing. */
static void sample(const struct fitting *fitting, unsigned failed[WEIGHTS_MOST_SERVICES])
{
    struct spread spreads[WEIGHTS_MOST_SERVICES][COLUMNS] = {{{0, 0}}};
    uint64_t seed = UINT64_C(88172645463325252);
    double costs_j[WEIGHTS_MOST_SERVICES][COLUMNS];

    for (int i = 0; i < SAMPLES; i++) {
        struct nnls nnls = {.count = fitting->columns};

        for (size_t j = 0; j < fitting->row_count; j++)
            add_row(fitting, next_random(&seed) % fitting->row_count, &nnls);
        solve(fitting, &nnls, costs_j);
        for (size_t j = 0; j < fitting->group->count; j++) {
            failed[j] += costs_j[j][COLUMN_OUTPUT] <= 0;
            for (size_t k = 0; k < COLUMNS && costs_j[j][COLUMN_OUTPUT] > 0; k++)
                add_to(&spreads[j][k], costs_j[j][k] / costs_j[j][COLUMN_OUTPUT]);
        }
    }
    for (size_t j = 0; j < fitting->group->count; j++) {
        struct weights_fit *fit = &fitting->group->fits[j];

        fit->error_input = deviation(&spreads[j][COLUMN_INPUT], SAMPLES - failed[j]);
        fit->error_cached = deviation(&spreads[j][COLUMN_CACHED], SAMPLES - failed[j]);
    }
}

/* A weight that was not fitted keeps its ratio to that of a token put out. */
static void set_weights(const struct fitting *fitting, struct weights_fit *fit,
                        const double costs_j[COLUMNS])
{
    const struct host_weights *before = hostconfig_weights(fitting->host, fit->service);

    fit->output_j = costs_j[COLUMN_OUTPUT];
    fit->weights = (struct sharing_weights){.input = costs_j[COLUMN_INPUT] / fit->output_j,
                                            .cached = costs_j[COLUMN_CACHED] / fit->output_j,
                                            .output = 1};
    if (fit->is_cached_fitted)
        return;
    fit->error_cached = 0;
    fit->weights.cached = before && before->weights.output > 0
                              ? before->weights.cached / before->weights.output
                              : fit->weights.input;
}

static bool refuse(struct weights_group *group, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool refuse(struct weights_group *group, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(group->refusal, sizeof(group->refusal), format, arguments);
    va_end(arguments);
    return false;
}

static bool is_enough(const struct fitting *fitting)
{
    struct weights_group *group = fitting->group;
    size_t least = LEAST_N_A_COLUMN * fitting->columns;

    if (least < LEAST_N)
        least = LEAST_N;
    if (fitting->columns == 0)
        return refuse(group, "no tokens were counted while all devices were measured");
    if (fitting->row_count < least)
        return refuse(group, "too small: %u minutes with use, and it takes %zu", group->n, least);
    return true;
}

static bool is_sound(const struct fitting *fitting)
{
    struct weights_group *group = fitting->group;

    if (group->condition > MOST_CONDITION)
        return refuse(group,
                      "tokens in and out go together so much that nobody can tell which cost what "
                      "(condition %.3g, and %d is the most)",
                      group->condition, MOST_CONDITION);
    if (group->explained < LEAST_EXPLAINED)
        return refuse(group,
                      "tokens explain only %.0f %% of what the devices drew above idle: the use "
                      "that was seen is not all of it, or another service runs there",
                      100 * fmax(group->explained, 0));
    return true;
}

static void fit_weights(const struct fitting *fitting,
                        double costs_j[WEIGHTS_MOST_SERVICES][COLUMNS])
{
    struct weights_group *group = fitting->group;
    unsigned failed[WEIGHTS_MOST_SERVICES] = {0};

    sample(fitting, failed);
    for (size_t i = 0; i < group->count; i++) {
        struct weights_fit *fit = &group->fits[i];

        if (!fit->is_used)
            continue;
        if (costs_j[i][COLUMN_OUTPUT] <= 0 || failed[i] > MOST_FAILED * SAMPLES) {
            refuse(group, "%s: that tokens put out cost anything cannot be told from chance",
                   fit->service);
            return;
        }
        set_weights(fitting, fit, costs_j[i]);
    }
}

static void fit_group(struct fitting *fitting)
{
    struct weights_group *group = fitting->group;
    double costs_j[WEIGHTS_MOST_SERVICES][COLUMNS];
    struct nnls nnls = {0};
    double residual;

    choose_columns(fitting);
    group->n = (unsigned)fitting->row_count;
    if (!is_enough(fitting))
        return;
    nnls.count = fitting->columns;
    for (size_t i = 0; i < fitting->row_count; i++)
        add_row(fitting, i, &nnls);
    residual = solve(fitting, &nnls, costs_j);
    group->condition = nnls_condition(&nnls);
    group->explained = nnls_explained(&nnls, residual);
    group->error = sqrt(residual / (double)nnls.n) / fabs(nnls.sum / (double)nnls.n);
    if (is_sound(fitting))
        fit_weights(fitting, costs_j);
}

/* ---- The whole ---- */

/* What is not shared yet may still get more use. */
static bool set_range(struct weights_calibration *out, struct ledger *ledger, int64_t from_s,
                      int64_t until_s)
{
    int64_t shared_until_s = INT64_MIN;
    enum ledger_status shared = settlement_shared_until(ledger, &shared_until_s);

    out->from_s = calendar_interval(from_s + INTERVAL_S - 1);
    out->until_s = calendar_interval(until_s < shared_until_s ? until_s : shared_until_s);
    if (out->until_s < out->from_s || shared == LEDGER_EMPTY)
        out->until_s = out->from_s;
    return shared == LEDGER_OK || shared == LEDGER_EMPTY;
}

static bool fit_groups(struct fitting *fitting, struct ledger *ledger)
{
    bool read = true;

    for (size_t i = 0; i < fitting->out->count && read; i++) {
        fitting->group = &fitting->out->groups[i];
        if (fitting->group->refusal[0] != '\0')
            continue;
        read = gather(fitting, ledger);
        if (read)
            fit_group(fitting);
        free(fitting->rows);
        free(fitting->tokens);
        fitting->rows = NULL;
        fitting->tokens = NULL;
    }
    return read;
}

bool weightcalibration_fit(struct weights_calibration *out, struct ledger *ledger,
                           const struct config *config, int64_t from_s, int64_t until_s,
                           char *error, size_t error_size)
{
    struct fitting fitting = {.host = config->host, .out = out};
    bool done = false;

    *out = (struct weights_calibration){.groups = NULL};
    if (!set_range(out, ledger, from_s, until_s)) {
        snprintf(error, error_size, "%s", ledger_error(ledger));
        return false;
    }
    out->groups = calloc(config->host->device_count, sizeof(*out->groups));
    if (out->groups) {
        find_groups(out, config->host);
        done = fit_groups(&fitting, ledger);
    }
    snprintf(error, error_size, "%s",
             done                             ? ""
             : !out->groups || fitting.failed ? "out of memory"
                                              : ledger_error(ledger));
    return done;
}

void weightcalibration_free(struct weights_calibration *calibration)
{
    free(calibration->groups);
    *calibration = (struct weights_calibration){.groups = NULL};
}

static size_t services_of(const struct weights_group *group)
{
    size_t count = 0;

    for (size_t i = 0; i < group->count && group->refusal[0] == '\0'; i++)
        count += group->fits[i].is_used;
    return count;
}

size_t weightcalibration_services(const struct weights_calibration *calibration)
{
    size_t count = 0;

    for (size_t i = 0; i < calibration->count; i++)
        count += services_of(&calibration->groups[i]);
    return count;
}

/* ---- Out ---- */

static void print_fit(const struct weights_fit *fit, FILE *stream)
{
    fprintf(stream, "  %s: ", fit->service);
    if (!fit->is_used) {
        fputs("not used, so nothing is known\n", stream);
        return;
    }
    fprintf(stream, "input %.3g +- %.2g, cached %.3g", fit->weights.input, fit->error_input,
            fit->weights.cached);
    if (fit->is_cached_fitted)
        fprintf(stream, " +- %.2g", fit->error_cached);
    else
        fputs(" (as in host.conf: too few came from the cache)", stream);
    fprintf(stream, ", output 1 (%.3g J)\n", fit->output_j);
}

static void print_group(const struct weights_group *group, const struct host_config *host,
                        FILE *stream)
{
    const char *separator = "";

    for (size_t i = 0; i < host->device_count; i++) {
        if (!(group->devices >> i & 1))
            continue;
        fprintf(stream, "%s%s", separator, host->devices[i].name);
        separator = ", ";
    }
    fprintf(stream, ": %u minutes with use", group->n);
    if (group->condition > 0)
        fprintf(stream, ", R2 %.4f, error %.2g %% of the mean, condition %.3g", group->explained,
                100 * group->error, group->condition);
    fputc('\n', stream);
    if (group->refusal[0] != '\0')
        fprintf(stream, "  refused: %s\n", group->refusal);
    for (size_t i = 0; i < group->count && group->refusal[0] == '\0'; i++)
        print_fit(&group->fits[i], stream);
}

void weightcalibration_print(const struct weights_calibration *calibration,
                             const struct host_config *host, FILE *stream)
{
    for (size_t i = 0; i < calibration->count; i++)
        print_group(&calibration->groups[i], host, stream);
    if (calibration->count == 0)
        fputs("no service is on any device of host.conf\n", stream);
}

static void format_utc(int64_t time_s, char *text, size_t size)
{
    time_t seconds = (time_t)time_s;
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(text, size, "%Y-%m-%d %H:%M UTC", &utc);
}

static void write_group(const struct weights_group *group, size_t *left, FILE *stream)
{
    for (size_t i = 0; i < group->count && group->refusal[0] == '\0'; i++) {
        const struct weights_fit *fit = &group->fits[i];

        if (!fit->is_used)
            continue;
        fprintf(stream,
                "        # R2 %.4f, condition %.3g, standard errors: input %.3g, cached %.3g%s; "
                "%.4g J a token put out\n"
                "        { service = \"%s\"; input = %.6f; cached = %.6f; output = 1.0; n = %u; "
                "error = %.4f; }%s\n",
                group->explained, group->condition, fit->error_input, fit->error_cached,
                fit->is_cached_fitted ? "" : " (not fitted: as it was)", fit->output_j,
                fit->service, fit->weights.input, fit->weights.cached, group->n, group->error,
                --*left > 0 ? "," : "");
    }
}

bool weightcalibration_write(const struct weights_calibration *calibration, int64_t now_s,
                             FILE *stream)
{
    size_t left = weightcalibration_services(calibration);
    char from[40], until[40], now[40];

    format_utc(calibration->from_s, from, sizeof(from));
    format_utc(calibration->until_s, until, sizeof(until));
    format_utc(now_s, now, sizeof(now));
    fprintf(stream,
            "# Written by `iagmeter calibrate weights` (%s) on %s.\n"
            "# host.conf names it in `calibration`. Leave it as it is: fit again for a new one.\n"
            "calibration = {\n    version = 1;\n    kind = \"weights\";\n    date = \"%.10s\";\n"
            "    source = \"non-negative least squares on what this host drew above idle and the "
            "tokens of each minute, %s to %s\";\n"
            "    grade = \"B\";\n    weights = (\n",
            IAGMETER_VERSION, now, until, from, until);
    for (size_t i = 0; i < calibration->count; i++)
        write_group(&calibration->groups[i], &left, stream);
    fputs("    );\n};\n", stream);
    return !ferror(stream);
}
