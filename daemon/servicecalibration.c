/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/servicecalibration.h"

#include "daemon/calendar.h"
#include "daemon/confread.h"
#include "daemon/version.h"

#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The least that services.conf may state as exchange_sigma. */
#define SIGMA_LEAST 0.001

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define VERSION         2
#define VERSION_OF_ALL  1 /* knew no ways of streaming */
#define DAY_S           86400

struct draft {
    unsigned version;
    int kind;
    int transport;
    int method; /* from M1 on */
    int grade;  /* from B on */
    struct service_calibration calibration;
};

/* In the order of the enums, the first ones left out: nothing is calibrated to grade A. */
static const char *const kind_names[] = {"service", NULL};
static const char *const transport_names[] = {"tcp", "quic", NULL};
static const char *const method_names[] = {"M1", "M2", "M3", "M4", "M5", NULL};
static const char *const grade_names[] = {"B", "C", "D", "E", NULL};

#define DRAFT(name)     offsetof(struct draft, name)
#define MEMBER(name)    offsetof(struct draft, calibration.name)
#define PARAMETER(name) offsetof(struct draft, calibration.parameters.name)
#define TEXT(name)      MEMBER(name), sizeof(((struct service_calibration *)NULL)->name)

/* The limits of parameters are those of estimator_config.c. */
static const struct confread_key keys[] = {
    {"version", CONFREAD_UINT, true, 0, UINT32_MAX, DRAFT(version), 0, NULL},
    {"kind", CONFREAD_ENUM, true, 0, 0, DRAFT(kind), 0, kind_names},
    {"date", CONFREAD_STRING, true, 0, 0, TEXT(date), NULL},
    {"service", CONFREAD_STRING, true, 0, 0, TEXT(service), NULL},
    {"transport", CONFREAD_ENUM, true, 0, 0, DRAFT(transport), 0, transport_names},
    {"method", CONFREAD_ENUM, true, 0, 0, DRAFT(method), 0, method_names},
    {"regime", CONFREAD_STRING, false, 0, 0, TEXT(regime), NULL},
    {"grade", CONFREAD_ENUM, true, 0, 0, DRAFT(grade), 0, grade_names},
    {"source", CONFREAD_STRING, true, 0, 0, TEXT(source), NULL},
    {"n", CONFREAD_UINT, true, SERVICEFIT_MINIMUM, 100000, MEMBER(n), 0, NULL},
    {"median_error", CONFREAD_DOUBLE, true, 0, 10, MEMBER(median_error), 0, NULL},
    {"bias", CONFREAD_DOUBLE, true, -1, 10, MEMBER(bias), 0, NULL},
    {"sigma", CONFREAD_DOUBLE, true, 0, 10, MEMBER(sigma), 0, NULL},
    {"tokens_least", CONFREAD_DOUBLE, true, 0, 1e7, MEMBER(tokens_least), 0, NULL},
    {"tokens_most", CONFREAD_DOUBLE, true, 0, 1e7, MEMBER(tokens_most), 0, NULL},
    {"record_bytes", CONFREAD_DOUBLE, true, 0, 65535, MEMBER(record_bytes), 0, NULL},
    {"records_per_s", CONFREAD_DOUBLE, true, 0, 1e6, MEMBER(records_per_s), 0, NULL},
    {"bytes_per_token", CONFREAD_TRIPLE, false, 0.1, 1e5, PARAMETER(bytes_per_token), 0, NULL},
    {"overhead_new_bytes", CONFREAD_TRIPLE, false, 0, 1e6, PARAMETER(overhead_new_bytes), 0, NULL},
    {"overhead_reused_bytes", CONFREAD_TRIPLE, false, 0, 1e6, PARAMETER(overhead_reused_bytes), 0,
     NULL},
    {"tokens_per_record", CONFREAD_TRIPLE, false, 0.001, 1e4, PARAMETER(tokens_per_record), 0,
     NULL},
    {"tokens_per_second", CONFREAD_TRIPLE, false, 0.001, 1e5, PARAMETER(tokens_per_second), 0,
     NULL},
    {"input_n", CONFREAD_UINT, false, SERVICEFIT_MINIMUM, 100000, MEMBER(input_n), 0, NULL},
    {"input_median_error", CONFREAD_DOUBLE, false, 0, 10, MEMBER(input_median_error), 0, NULL},
    {"input_bias", CONFREAD_DOUBLE, false, -1, 10, MEMBER(input_bias), 0, NULL},
    {"input_bytes_per_token", CONFREAD_TRIPLE, false, 0.1, 1e5, PARAMETER(input_bytes_per_token), 0,
     NULL},
    {"input_overhead_bytes", CONFREAD_TRIPLE, false, 0, 1e6, PARAMETER(input_overhead_bytes), 0,
     NULL},
};

/* All of them, or none. */
static const char *const input_names[] = {"input_n", "input_median_error", "input_bias",
                                          "input_bytes_per_token", "input_overhead_bytes"};

static const struct {
    const char *name;
    unsigned methods; /* bits */
} uses[] = {
    {"bytes_per_token", 1U << METHOD_M1 | 1U << METHOD_M2 | 1U << METHOD_M4},
    {"overhead_new_bytes", 1U << METHOD_M1 | 1U << METHOD_M2},
    {"overhead_reused_bytes", 1U << METHOD_M1 | 1U << METHOD_M2},
    {"tokens_per_record", 1U << METHOD_M3},
    {"tokens_per_second", 1U << METHOD_M5},
};

/* -- Reading ---------------------------------------------------------------------------------- */

static void check_use(const config_setting_t *group, int method, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < COUNT_OF(uses); i++) {
        const config_setting_t *setting = config_setting_get_member(group, uses[i].name);
        bool used = uses[i].methods >> method & 1;

        if (used && !setting)
            confread_error(group, diagnostics, "missing key \"%s\", which %s uses", uses[i].name,
                           method_names[method - METHOD_M1]);
        else if (!used && setting)
            confread_error(setting, diagnostics, "%s is not used by %s", uses[i].name,
                           method_names[method - METHOD_M1]);
    }
}

static void check_input(const config_setting_t *group, struct diagnostics *diagnostics)
{
    const config_setting_t *present = NULL;

    for (size_t i = 0; i < COUNT_OF(input_names) && !present; i++)
        present = config_setting_get_member(group, input_names[i]);
    for (size_t i = 0; i < COUNT_OF(input_names) && present; i++)
        if (!config_setting_get_member(group, input_names[i]))
            confread_error(present, diagnostics, "missing key \"%s\", which goes with \"%s\"",
                           input_names[i], config_setting_name(present));
}

static void check_draft(const config_setting_t *group, const struct draft *draft, int64_t today,
                        struct diagnostics *diagnostics)
{
    const struct service_calibration *calibration = &draft->calibration;
    const config_setting_t *date = config_setting_get_member(group, "date");
    int64_t day;

    if (draft->version != VERSION && draft->version != VERSION_OF_ALL)
        confread_error(config_setting_get_member(group, "version"), diagnostics,
                       "version %u of a calibration is not known, only %d and %d", draft->version,
                       VERSION_OF_ALL, VERSION);
    if (draft->version == VERSION_OF_ALL && calibration->regime[0] != '\0')
        confread_error(config_setting_get_member(group, "regime"), diagnostics,
                       "version %d of a calibration has no regime", VERSION_OF_ALL);
    if (!calendar_parse_day(calibration->date, &day))
        confread_error(date, diagnostics, "date must be YYYY-MM-DD");
    else if (day > today)
        confread_error(date, diagnostics, "date %s is in the future", calibration->date);
    if (strspn(calibration->source, " \t\r\n") == strlen(calibration->source))
        confread_error(config_setting_get_member(group, "source"), diagnostics,
                       "source must say where the numbers come from");
    check_use(group, calibration->method, diagnostics);
    check_input(group, diagnostics);
}

static void read_group(struct service_calibrations *out, const config_setting_t *group,
                       const char *path, int64_t today, struct diagnostics *diagnostics)
{
    size_t errors = diagnostics_errors(diagnostics);
    struct draft draft = {.version = 0};

    if (!confread_group(group, keys, COUNT_OF(keys), &draft, diagnostics))
        return;
    draft.calibration.transport = draft.transport;
    draft.calibration.is_of_all = draft.version == VERSION_OF_ALL;
    draft.calibration.method = draft.method + METHOD_M1;
    draft.calibration.grade = draft.grade + GRADE_B;
    draft.calibration.at = confread_place(group);
    snprintf(draft.calibration.path, sizeof(draft.calibration.path), "%s", path);
    check_draft(group, &draft, today, diagnostics);
    if (diagnostics_errors(diagnostics) == errors)
        out->items[out->count++] = draft.calibration;
}

static void read_file(struct service_calibrations *out, const char *path, int64_t today,
                      struct diagnostics *diagnostics)
{
    static const struct confread_key root_keys[] = {
        {"calibration", CONFREAD_GROUP, true, 0, 0, 0, 0, NULL}};
    config_t file;
    char unused;

    if (confread_file(&file, path, diagnostics) &&
        confread_group(config_root_setting(&file), root_keys, 1, &unused, diagnostics))
        read_group(out, config_setting_get_member(config_root_setting(&file), "calibration"), path,
                   today, diagnostics);
    config_destroy(&file);
}

void servicecalibration_read(struct service_calibrations *out, const config_setting_t *setting,
                             const char *config_path, int64_t today,
                             struct diagnostics *diagnostics)
{
    int directory = (int)(strrchr(config_path, '/') - config_path) + 1;

    for (int i = 0; setting && i < config_setting_length(setting); i++) {
        const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        const char *name = config_setting_get_string(element);
        char path[PATH_MAX];

        if (!name)
            confread_error(element, diagnostics, "calibrations must list files");
        else if (out->count == SERVICE_CALIBRATIONS)
            confread_error(element, diagnostics, "more than %d calibrations", SERVICE_CALIBRATIONS);
        else if (snprintf(path, sizeof(path), "%.*s%s", name[0] == '/' ? 0 : directory, config_path,
                          name) >= PATH_MAX)
            confread_error(element, diagnostics, "path is too long: %s", name);
        else
            read_file(out, path, today, diagnostics);
    }
}

/* -- Use -------------------------------------------------------------------------------------- */

/* Of the same answers, so that one takes the place of the other. */
static bool is_same(const struct service_calibration *a, const struct service_calibration *b)
{
    return a->transport == b->transport && strcmp(a->service, b->service) == 0 &&
           (a->is_of_all || b->is_of_all || strcmp(a->regime, b->regime) == 0);
}

/* One of all answers takes the place of others only while none is newer. */
static bool takes_place(const struct service_calibrations *calibrations,
                        const struct service_calibration *own)
{
    for (size_t i = 0; own->is_of_all && i < calibrations->count; i++)
        if (is_same(own, &calibrations->items[i]) &&
            strcmp(calibrations->items[i].date, own->date) > 0)
            return false;
    return true;
}

/* Whether there is no newer one of the same answers. */
static bool is_newest(const struct service_calibrations *calibrations, size_t number,
                      struct diagnostics *diagnostics)
{
    const struct service_calibration *own = &calibrations->items[number];
    bool newest = true;

    for (size_t i = 0; i < calibrations->count; i++) {
        const struct service_calibration *other = &calibrations->items[i];
        int order = strcmp(other->date, own->date); /* as YYYY-MM-DD sorts */

        if (i == number || !is_same(own, other))
            continue;
        if (order == 0 && i < number)
            diagnostics_error(diagnostics, own->at.file, own->at.line,
                              "service %s, %s: a second calibration of %s, the first is %s",
                              own->service, transport_names[own->transport], own->date,
                              other->path);
        newest = newest && (order <= 0 || !takes_place(calibrations, other));
    }
    return newest;
}

/* What was fitted is of all that an answer holds. */
static void replace_rule(const struct service_calibration *calibration, struct token_rule *rule)
{
    const struct estimator *parameters = &calibration->parameters;

    if (calibration->method == METHOD_M3)
        rule->tokens_per_record = parameters->tokens_per_record;
    else if (calibration->method == METHOD_M5)
        rule->tokens_per_second = parameters->tokens_per_second;
    else
        rule->bytes_per_token = parameters->bytes_per_token;
    if (calibration->method == METHOD_M1 || calibration->method == METHOD_M2) {
        rule->overhead_new_bytes = parameters->overhead_new_bytes;
        rule->overhead_reused_bytes = parameters->overhead_reused_bytes;
    }
    rule->overhead_bytes = triple_exact(0);
    rule->overhead_records = triple_exact(0);
    rule->event_bytes_min = rule->event_bytes_max = 0; /* however large an event is, */
    rule->overhead_between_bytes = triple_exact(0);    /* nor is what surrounds the text left out */
    rule->unseen_tokens = triple_exact(0);
    rule->calls_tokens = triple_exact(0);
    rule->exchange_sigma = fmin(fmax(calibration->sigma, SIGMA_LEAST), ESTIMATOR_MAX_SIGMA);
    rule->grade = calibration->grade;
}

/* The centre of FITTED, with ends that hold those of both. */
static struct triple recentred(struct triple shipped, struct triple fitted)
{
    return (struct triple){fmin(shipped.low, fitted.low), fitted.central,
                           fmax(shipped.high, fitted.high)};
}

/* Answers that tell no way may be of the one that was fitted, or of any other. */
static void recentre_rule(const struct service_calibration *calibration, struct token_rule *rule)
{
    struct token_rule fitted = *rule;

    replace_rule(calibration, &fitted);
    rule->tokens_per_record = recentred(rule->tokens_per_record, fitted.tokens_per_record);
    rule->tokens_per_second = recentred(rule->tokens_per_second, fitted.tokens_per_second);
    rule->bytes_per_token = recentred(rule->bytes_per_token, fitted.bytes_per_token);
    rule->overhead_new_bytes = recentred(rule->overhead_new_bytes, fitted.overhead_new_bytes);
    rule->overhead_reused_bytes =
        recentred(rule->overhead_reused_bytes, fitted.overhead_reused_bytes);
    rule->overhead_bytes = recentred(rule->overhead_bytes, fitted.overhead_bytes);
    rule->overhead_records = recentred(rule->overhead_records, fitted.overhead_records);
    rule->event_bytes_min = fitted.event_bytes_min;
    rule->event_bytes_max = fitted.event_bytes_max;
    rule->overhead_between_bytes = fitted.overhead_between_bytes;
    rule->unseen_tokens = fitted.unseen_tokens;
    rule->calls_tokens = fitted.calls_tokens;
}

/* What was fitted to answers that tell no way is of just these: what the ways that are shipped
 * would hold is no bound to it any more. */
static void calibrate_rules(const struct service_calibration *calibration,
                            struct estimator *estimator)
{
    if (calibration->is_of_all)
        estimator->regime_count = 0;
    for (size_t i = 0; i < estimator->regime_count; i++)
        if (strcmp(estimator->regimes[i].name, calibration->regime) == 0)
            replace_rule(calibration, &estimator->regimes[i].rule);
    if (calibration->regime[0] == '\0') {
        replace_rule(calibration, &estimator->rule);
        estimator->regimes_are_all = false;
    } else if (calibration->method == estimator->method) {
        recentre_rule(calibration, &estimator->rule);
    }
}

size_t servicecalibration_way(const struct service_calibration *calibration,
                              const struct estimator *estimator)
{
    for (size_t i = 0; calibration->regime[0] != '\0' && i < estimator->regime_count; i++)
        if (strcmp(estimator->regimes[i].name, calibration->regime) == 0)
            return i;
    return ESTIMATOR_NO_WAY;
}

/* On top of those that were put in force before it. */
static void put_in_force(const struct service_calibration *calibration, bool with_input,
                         struct catalogue *catalogue, struct diagnostics *diagnostics)
{
    uint16_t number = catalogue_find(catalogue, calibration->service);
    const struct service_calibrated *before =
        catalogue_calibrated(catalogue, number, (enum service_transport)calibration->transport);
    struct service_calibrated calibrated = {.transport = (uint8_t)calibration->transport};
    struct estimator *estimator = &calibrated.estimator;

    if (before)
        calibrated = *before;
    else
        *estimator = catalogue_service(catalogue, number)->estimator;
    calibrate_rules(calibration, estimator);
    calibrated.ways[servicecalibration_way(calibration, estimator)] =
        (struct calibrated_way){calibration->record_bytes, calibration->records_per_s};
    if (with_input) {
        estimator->input_bytes_per_token = calibration->parameters.input_bytes_per_token;
        estimator->input_overhead_bytes = calibration->parameters.input_overhead_bytes;
    }
    if (!catalogue_set_calibrated(catalogue, number, &calibrated))
        diagnostics_error(diagnostics, calibration->at.file, calibration->at.line, "out of memory");
}

/* The rule that it replaces; NULL: there is no such way of streaming. */
static const struct token_rule *calibrated_rule(const struct service_calibration *calibration,
                                                const struct estimator *estimator)
{
    size_t way = servicecalibration_way(calibration, estimator);

    if (way < ESTIMATOR_NO_WAY)
        return &estimator->regimes[way].rule;
    return calibration->regime[0] == '\0' ? &estimator->rule : NULL;
}

/* Whether it is of what its service is estimated by now. */
static bool fits(const struct service_calibration *own, const struct estimator *estimator,
                 struct diagnostics *diagnostics)
{
    const struct token_rule *rule = calibrated_rule(own, estimator);

    if (!rule)
        diagnostics_error(diagnostics, own->at.file, own->at.line,
                          "service %s is estimated by \"%s\", which has no regime \"%s\": "
                          "calibrate it anew",
                          own->service, estimator->name, own->regime);
    else if (rule->method != own->method)
        diagnostics_error(diagnostics, own->at.file, own->at.line,
                          "service %s is estimated by \"%s\", whose method is not %s: "
                          "calibrate it anew",
                          own->service, own->regime[0] ? own->regime : estimator->name,
                          method_names[own->method - METHOD_M1]);
    else if (own->input_n > 0 && estimator->input_method != INPUT_BODY)
        diagnostics_error(diagnostics, own->at.file, own->at.line,
                          "service %s is estimated by \"%s\", which takes a prior for input "
                          "tokens: calibrate it anew",
                          own->service, estimator->name);
    else
        return true;
    return false;
}

/* By date: of what several say the newest counts. Those of answers that tell no way last, since
 * the others say what these are only where nothing better is known. */
static int compare_order(const void *a, const void *b)
{
    const struct service_calibration *const *one = a, *const *other = b;
    int order = ((*one)->regime[0] == '\0') - ((*other)->regime[0] == '\0');

    if (order == 0)
        order = strcmp((*one)->date, (*other)->date);
    return order != 0 ? order : (*one > *other) - (*one < *other);
}

/* Requests have no way of streaming: of those that were fitted to their sizes, the newest counts.
 */
static bool tells_input(const struct service_calibration *const *in_force, size_t count,
                        const struct service_calibration *own)
{
    for (size_t i = 0; i < count; i++)
        if (in_force[i]->input_n > 0 && in_force[i]->transport == own->transport &&
            strcmp(in_force[i]->service, own->service) == 0 &&
            strcmp(in_force[i]->date, own->date) > 0)
            return false;
    return own->input_n > 0;
}

void servicecalibration_resolve(struct service_calibrations *calibrations,
                                struct catalogue *catalogue, struct diagnostics *diagnostics)
{
    const struct service_calibration *in_force[SERVICE_CALIBRATIONS] = {NULL};
    size_t count = 0;

    for (size_t i = 0; catalogue && i < calibrations->count; i++) {
        struct service_calibration *own = &calibrations->items[i];
        uint16_t number = catalogue_find(catalogue, own->service);

        if (number == SERVICE_NONE) {
            diagnostics_error(diagnostics, own->at.file, own->at.line,
                              "there is no service \"%s\" in services.conf", own->service);
            continue;
        }
        own->in_force = is_newest(calibrations, i, diagnostics);
        if (own->in_force &&
            fits(own, &catalogue_service(catalogue, number)->estimator, diagnostics))
            in_force[count++] = own;
    }
    qsort(in_force, count, sizeof(*in_force), compare_order);
    for (size_t i = 0; i < count; i++)
        put_in_force(in_force[i], tells_input(in_force, count, in_force[i]), catalogue,
                     diagnostics);
}

/* -- Writing ---------------------------------------------------------------------------------- */

static const struct confread_key *key_of(const char *name)
{
    const struct confread_key *key = keys;

    while (strcmp(key->name, name) != 0)
        key++;
    return key;
}

/* NULL, or where the parameter NAME of FITTED is, if a file may not state it. */
static const struct triple *beyond_limits(const struct estimator *fitted, const char *name)
{
    const struct confread_key *key = key_of(name);
    const struct triple *value =
        (const void *)((const char *)fitted + (key->offset - DRAFT(calibration.parameters)));

    return value->low >= key->min && value->high <= key->max ? NULL : value;
}

static void limit(const struct estimator *fitted, const char *name, char *refusal, size_t size)
{
    const struct triple *value = refusal[0] == '\0' ? beyond_limits(fitted, name) : NULL;

    if (value)
        snprintf(refusal, size,
                 "the counts scatter too much to be of use: %s would be %.4g to %.4g, outside %.4g "
                 "to %.4g",
                 name, value->low, value->high, key_of(name)->min, key_of(name)->max);
}

void servicecalibration_limit(const struct estimator *estimator, struct servicefit *fit)
{
    struct estimator fitted;

    if (fit->refusal[0] != '\0')
        return;
    fitted = servicefit_apply(estimator, fit);
    for (size_t i = 0; i < COUNT_OF(uses); i++)
        if (uses[i].methods >> fit->method & 1)
            limit(&fitted, uses[i].name, fit->refusal, sizeof(fit->refusal));
    limit(&fitted, "input_bytes_per_token", fit->input.refusal, sizeof(fit->input.refusal));
    limit(&fitted, "input_overhead_bytes", fit->input.refusal, sizeof(fit->input.refusal));
}

static void write_triple(const char *name, const struct triple *value, FILE *stream)
{
    fprintf(stream, "    %s = [ %.6f, %.6f, %.6f ];\n", name, value->low, value->central,
            value->high);
}

static void write_input(const struct estimator *fitted, const struct servicefit_input *input,
                        FILE *stream)
{
    if (input->refusal[0] != '\0') {
        fprintf(stream, "    # input tokens were not fitted: %s\n", input->refusal);
        return;
    }
    fputs("    # input tokens, from the size of requests\n", stream);
    write_triple("input_bytes_per_token", &fitted->input_bytes_per_token, stream);
    write_triple("input_overhead_bytes", &fitted->input_overhead_bytes, stream);
    fprintf(stream, "    input_n = %zu;\n    input_median_error = %.6f;\n    input_bias = %.6f;\n",
            input->n, input->median_error, input->bias);
}

static void write_parameters(const struct estimator *fitted, bool has_overhead, FILE *stream)
{
    if (fitted->method == METHOD_M3)
        write_triple("tokens_per_record", &fitted->tokens_per_record, stream);
    else if (fitted->method == METHOD_M5)
        write_triple("tokens_per_second", &fitted->tokens_per_second, stream);
    else
        write_triple("bytes_per_token", &fitted->bytes_per_token, stream);
    if (!has_overhead)
        return;
    write_triple("overhead_new_bytes", &fitted->overhead_new_bytes, stream);
    write_triple("overhead_reused_bytes", &fitted->overhead_reused_bytes, stream);
}

/* B: the counts are somebody's, and the prompts an operator's. What was fitted to few, or scatters
 * so that a single answer may be half or twice as long, is no better than C or D. */
static char grade_of(const struct servicefit *fit)
{
    if (fit->median_error > 0.5)
        return 'D';
    return fit->n < servicefit_least(fit->method) || fit->median_error > 0.25 ? 'C' : 'B';
}

/* Of a service that streams in several ways, the one that was fitted, or that it was none. */
static void write_way(const struct estimator *estimator, const struct servicefit *fit, FILE *stream)
{
    if (fit->regime[0] != '\0')
        fprintf(
            stream,
            "    # the way of streaming that most answers had, and the only one that this is of\n"
            "    regime = \"%s\";\n",
            fit->regime);
    else if (estimator->regime_count > 0)
        fputs("    # no way of streaming (regime) was told: this is of such answers alone\n",
              stream);
    if (fit->other_ways > 0)
        fprintf(stream, "    # answers of other ways, left out: %zu\n", fit->other_ways);
}

bool servicecalibration_write(const char *service, enum service_transport transport,
                              const struct estimator *estimator, const struct servicefit *fit,
                              int64_t now_s, FILE *stream)
{
    struct estimator fitted = servicefit_apply(estimator, fit);
    time_t seconds = (time_t)now_s;
    char date[16];
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(date, sizeof(date), "%Y-%m-%d", &utc);
    fprintf(
        stream,
        "# Written by `iagmeter calibrate service` (%s).\n"
        "# iagmeter.conf names it in `calibrations`. Leave it as it is: measure again for a new "
        "one.\n"
        "calibration = {\n    version = %d;\n    kind = \"service\";\n    date = \"%s\";\n"
        "    service = \"%s\";\n    transport = \"%s\";\n    method = \"%s\";\n"
        "    grade = \"%c\";\n    source = \"calibration of %s%s%s, n = %zu\";\n    n = %zu;\n",
        IAGMETER_VERSION, VERSION, date, service, transport_names[transport],
        method_names[fit->method - METHOD_M1], grade_of(fit), date, fit->regime[0] ? ", " : "",
        fit->regime, fit->n, fit->n);
    write_way(estimator, fit, stream);
    write_parameters(&fitted, fit->has_overhead, stream);
    fprintf(stream,
            "    # of one exchange as the others estimate it, and of their sum\n"
            "    median_error = %.6f;\n    bias = %.6f;\n"
            "    # how far single answers lie from the line, in logarithms, at random\n"
            "    sigma = %.6f;\n"
            "    tokens_least = %.1f;\n    tokens_most = %.1f;\n"
            "    record_bytes = %.1f;\n    records_per_s = %.4f;\n",
            fit->median_error, fit->bias, fit->sigma, fit->tokens_least, fit->tokens_most,
            fit->record_bytes, fit->records_per_s);
    write_input(&fitted, &fit->input, stream);
    fputs("};\n", stream);
    return !ferror(stream);
}

void servicecalibration_print(const struct service_calibrations *calibrations, int64_t now_s,
                              FILE *stream)
{
    bool first = true;

    for (size_t i = 0; i < calibrations->count; i++) {
        const struct service_calibration *own = &calibrations->items[i];
        int64_t day = 0;

        if (!own->in_force)
            continue;
        if (first)
            fputs("\ncalibrations in force\n", stream);
        first = false;
        calendar_parse_day(own->date, &day);
        fprintf(stream,
                "%-24s %s%s%s, of %s (%lld days ago), n = %u, median error %.1f %%, bias %+.1f "
                "%%, input tokens %s, grade %c\n",
                own->service, transport_names[own->transport], own->regime[0] ? ", as " : "",
                own->regime, own->date, (long long)(now_s / DAY_S - day), own->n,
                100 * own->median_error, 100 * own->bias,
                own->input_n > 0 ? "fitted" : "not fitted",
                grade_letter((enum evidence_grade)own->grade));
    }
}

struct json_t *servicecalibration_json(const struct service_calibration *calibration)
{
    char grade[] = {grade_letter((enum evidence_grade)calibration->grade), '\0'};

    return json_pack("{s:s, s:s, s:s?, s:s, s:I, s:f, s:f, s:f, s:I, s:s}", "service",
                     calibration->service, "transport", transport_names[calibration->transport],
                     "regime", calibration->regime[0] ? calibration->regime : NULL, "date",
                     calibration->date, "n", (json_int_t)calibration->n, "median_error",
                     calibration->median_error, "bias", calibration->bias, "sigma",
                     calibration->sigma, "input_n", (json_int_t)calibration->input_n, "grade",
                     grade);
}
