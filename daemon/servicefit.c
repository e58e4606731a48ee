/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/servicefit.h"

#include "daemon/drift.h"
#include "daemon/uncertainty.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PAIRS (SERVICEFIT_MOST * (SERVICEFIT_MOST - 1) / 2)
/* Of ten truths, nine lie in the band: one in twenty on either side. */
#define BAND_PROBABILITY 0.95
#define BAND_INSIDE      0.9
/* Below these, what was measured says little about tokens. */
#define LEAST_RANGE       2.0 /* largest answer by smallest */
#define LEAST_CORRELATION 0.33
#define NS_PER_S          1e9
/* Above these, nobody would believe it: a relative error, and a factor to either side. */
#define MOST_ERROR  10.0
#define MOST_SPREAD 20.0
/* Ways of streaming that have more tokens than that factor in the same measure are not the same. */
#define MOST_UNLIKE 2.0

struct point {
    double tokens;
    double measured;
    bool is_first; /* on its connection */
};

/* Whether there is an overhead, and what the first exchange of a connection has more of it, where
 * only one kind is seen. */
struct model {
    bool has_overhead;
    double more_by_first;
};

/* The overhead is as it was fitted, below 0 too, so that its error can be told where it is small.
 */
struct line {
    double slope;
    double overhead[2]; /* of later exchanges, of the first ones */
    bool seen[2];
};

size_t servicefit_least(int method)
{
    return method == METHOD_M1 ? SERVICEFIT_LEAST_M1 : SERVICEFIT_LEAST;
}

static bool has_overhead(int method)
{
    return method == METHOD_M1 || method == METHOD_M2;
}

static double measure(int method, const struct exchange_shape *shape)
{
    switch (method) {
    case METHOD_M2:
        return shape->excess_bytes.central;
    case METHOD_M3:
        return shape->answer_records;
    case METHOD_M5:
        return (double)shape->answer_ns / NS_PER_S;
    default:
        return (double)shape->answer_bytes;
    }
}

/* -- Medians ---------------------------------------------------------------------------------- */

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Of at least one value; sorts them. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* -- Lines ------------------------------------------------------------------------------------ */

/* Exchanges of one kind share their overhead, so that it falls out of their difference. */
static double median_slope(const struct point *points, size_t count, size_t without)
{
    double slopes[MOST_PAIRS] = {0}; /* cppcheck does not see that all that are used are set */
    size_t pairs = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (i != without && j != without && points[i].is_first == points[j].is_first &&
                points[i].tokens != points[j].tokens)
                slopes[pairs++] = (points[i].measured - points[j].measured) /
                                  (points[i].tokens - points[j].tokens);
    return pairs > 0 ? median(slopes, pairs) : 0;
}

static void find_overhead(struct line *line, const struct point *points, size_t count,
                          size_t without, bool is_first)
{
    double rests[SERVICEFIT_MOST];
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (i != without && points[i].is_first == is_first)
            rests[n++] = points[i].measured - line->slope * points[i].tokens;
    line->seen[is_first] = n > 0;
    line->overhead[is_first] = n > 0 ? median(rests, n) : 0;
}

static double ratio_of_sums(const struct point *points, size_t count, size_t without)
{
    double measured = 0;
    double tokens = 0;

    for (size_t i = 0; i < count; i++) {
        if (i == without)
            continue;
        measured += points[i].measured;
        tokens += points[i].tokens;
    }
    return tokens > 0 ? measured / tokens : 0;
}

/* WITHOUT the point of that number; SIZE_MAX: with all of them. */
static struct line fit_line(const struct model *model, const struct point *points, size_t count,
                            size_t without)
{
    struct line line = {.slope = 0};

    if (!model->has_overhead) {
        line.slope = ratio_of_sums(points, count, without);
        return line;
    }
    line.slope = median_slope(points, count, without);
    find_overhead(&line, points, count, without, false);
    find_overhead(&line, points, count, without, true);
    if (!line.seen[true])
        line.overhead[true] = line.overhead[false] + model->more_by_first;
    else if (!line.seen[false])
        line.overhead[false] = line.overhead[true] - model->more_by_first;
    return line;
}

/* What is used: no overhead is below 0. */
static double overhead_of(const struct line *line, bool is_first)
{
    return fmax(line->overhead[is_first], 0);
}

static double estimate(const struct line *line, const struct point *point)
{
    return fmax(point->measured - overhead_of(line, point->is_first), 0) / line->slope;
}

/* -- Errors ----------------------------------------------------------------------------------- */

/* The quantile of Student's t, by its expansion in the normal one's (Fisher and Cornish 1960, as in
 * Abramowitz and Stegun, 26.7.5): within 2 % from 4 degrees of freedom on, and 10 % below. */
static double student(double probability, double degrees)
{
    double x = uncertainty_quantile(probability);
    double x3 = x * x * x;
    double x5 = x3 * x * x;

    return x + (x3 + x) / (4 * degrees) + (5 * x5 + 16 * x3 + 3 * x) / (96 * degrees * degrees);
}

struct errors {
    /* Of the lines without one exchange each: */
    double log_slopes[SERVICEFIT_MOST];
    double overheads[2][SERVICEFIT_MOST];
    double relative[SERVICEFIT_MOST]; /* of that exchange, as they estimate it */
    double estimated;                 /* sums */
    double true_tokens;
};

static void leave_one_out(const struct model *model, const struct point *points, size_t count,
                          struct errors *errors)
{
    errors->estimated = errors->true_tokens = 0;
    for (size_t i = 0; i < count; i++) {
        struct line line = fit_line(model, points, count, i);
        double tokens = line.slope > 0 ? estimate(&line, &points[i]) : 0;

        /* No band is wide enough for a line that falls. */
        errors->log_slopes[i] = log(fmax(line.slope, DBL_MIN));
        errors->overheads[false][i] = line.overhead[false];
        errors->overheads[true][i] = line.overhead[true];
        errors->relative[i] = fabs(tokens / points[i].tokens - 1);
        errors->estimated += tokens;
        errors->true_tokens += points[i].tokens;
    }
}

/* The standard error of what was computed COUNT times, each time without one of COUNT exchanges. */
static double jackknife(const double *values, size_t count)
{
    double n = (double)count;
    double mean = 0, sum = 0;

    for (size_t i = 0; i < count; i++)
        mean += values[i] / n;
    for (size_t i = 0; i < count; i++)
        sum += (values[i] - mean) * (values[i] - mean);
    return sqrt(sum * (n - 1) / n);
}

/* An estimate of nothing is as far off as an error that counts can be. */
static double log_ratio(double value, double truth)
{
    return log(fmax(value, 1) / fmax(truth, 1));
}

/* Around the line through all of them, whose parameters took as many degrees of freedom. */
static double scatter(const struct line *line, const struct point *points, size_t count)
{
    double parameters = 1.0 + line->seen[false] + line->seen[true];
    double sum = 0;

    for (size_t i = 0; i < count && line->slope > 0; i++) {
        double log_error = log_ratio(estimate(line, &points[i]), points[i].tokens);

        sum += log_error * log_error;
    }
    return sqrt(sum / fmax((double)count - parameters, 1));
}

/* The same of nine in ten, by counting: a request that was seen in two parts does not move it. */
static double scatter_of_most(const struct line *line, const struct point *points, size_t count)
{
    double sizes[SERVICEFIT_MOST];

    if (count < SERVICEFIT_LEAST_M1 || line->slope <= 0)
        return scatter(line, points, count);
    for (size_t i = 0; i < count; i++)
        sizes[i] = fabs(log_ratio(estimate(line, &points[i]), points[i].tokens));
    qsort(sizes, count, sizeof(*sizes), ascending);
    return sizes[(size_t)ceil(BAND_INSIDE * (double)count) - 1] /
           uncertainty_quantile(BAND_PROBABILITY);
}

static struct triple around(double value, double error)
{
    return (struct triple){fmax(value - error, 0), value, value + error};
}

/* However many the prompts, no slope is known better than the scatter lets it be. The overhead is
 * too large where the slope is too small: that both ends of both bands are taken together is on the
 * safe side. KEEP_SCATTER: the band is to hold single ones. */
static void set_bands(struct servicefit *fit, const struct line *line, const struct errors *errors,
                      bool keep_scatter)
{
    double n = (double)fit->n;
    double wide = student(BAND_PROBABILITY, n - 1);
    double error = fmax(jackknife(errors->log_slopes, fit->n), fit->sigma / sqrt(n));
    double half = wide * (keep_scatter ? hypot(error, fit->sigma) : error);

    fit->slope = (struct triple){line->slope * exp(-half), line->slope, line->slope * exp(half)};
    fit->overhead_new =
        around(overhead_of(line, true), wide * jackknife(errors->overheads[true], fit->n));
    fit->overhead_more =
        around(overhead_of(line, false), wide * jackknife(errors->overheads[false], fit->n));
}

/* Kendall's tau-b (Biometrika 33, 1945): ties count for neither side. */
static double correlation(const struct point *points, size_t count)
{
    double balance = 0, different_x = 0, different_y = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            double x = points[i].tokens - points[j].tokens;
            double y = points[i].measured - points[j].measured;

            balance += (x * y > 0) - (x * y < 0);
            different_x += x != 0;
            different_y += y != 0;
        }
    }
    return different_x > 0 && different_y > 0 ? balance / sqrt(different_x * different_y) : 0;
}

/* -- The fit ---------------------------------------------------------------------------------- */

/* Samples of the way of that name; NULL: that tell none. */
static size_t count_way(const struct estimator *estimator, const struct servicefit_sample *samples,
                        size_t count, const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        const struct estimator_regime *regime = estimator_regime_of(estimator, &samples[i].shape);

        found += name ? regime && strcmp(regime->name, name) == 0 : !regime;
    }
    return found;
}

static bool is_streamed(const struct estimator *estimator, const struct exchange_shape *shape)
{
    return !has_overhead(estimator->method) || shape->answer_records > estimator->whole_records_max;
}

/* By how much the rule of WAY is off, by the median of those that tell that way, or of those that
 * tell none. */
static double median_factor(const struct estimator *estimator, const struct estimator_regime *way,
                            const struct servicefit_sample *samples, size_t count, bool tells)
{
    struct estimator ruled = *estimator;
    double factors[SERVICEFIT_MOST];
    size_t n = 0;

    ruled.rule = way->rule;
    for (size_t i = 0; i < count; i++) {
        const struct servicefit_sample *sample = &samples[i];
        const struct estimator_regime *regime = estimator_regime_of(estimator, &sample->shape);
        bool is_of = tells ? regime && strcmp(regime->name, way->name) == 0 : !regime;

        if (is_of && sample->tokens_out > 0 && is_streamed(&ruled, &sample->shape))
            factors[n++] =
                estimator_apply(&ruled, &sample->shape).tokens_out.central / sample->tokens_out;
    }
    return n > 0 ? median(factors, n) : 1;
}

/* Whether what tells no way is most likely of this one: as far as the rest of it says so. */
static bool is_alike(const struct estimator *estimator, const struct estimator_regime *way,
                     const struct servicefit_sample *samples, size_t count)
{
    double of_way = median_factor(estimator, way, samples, count, true);
    double of_none = median_factor(estimator, way, samples, count, false);

    return way->rule.method == estimator->method && of_none <= MOST_UNLIKE * of_way &&
           of_way <= MOST_UNLIKE * of_none;
}

/* The way of streaming that is fitted; NULL: none is told, or by too few. */
static const struct estimator_regime *choose_way(const struct estimator *estimator,
                                                 const struct servicefit_sample *samples,
                                                 size_t count)
{
    const struct estimator_regime *way = NULL;
    size_t most = SERVICEFIT_MINIMUM - 1;

    for (size_t i = 0; i < estimator->regime_count; i++) {
        size_t own = count_way(estimator, samples, count, estimator->regimes[i].name);

        if (own > most) {
            way = &estimator->regimes[i];
            most = own;
        }
    }
    if (way && most < count_way(estimator, samples, count, NULL) &&
        !is_alike(estimator, way, samples, count))
        return NULL;
    return way;
}

/* Copies those to OUT[COUNT], and returns their number. */
static size_t take_way(const struct estimator *estimator, const struct estimator_regime *way,
                       const struct servicefit_sample *samples, size_t count,
                       struct servicefit_sample *out)
{
    bool takes_none = !way || is_alike(estimator, way, samples, count);
    size_t taken = 0;

    for (size_t i = 0; i < count; i++) {
        const struct estimator_regime *regime = estimator_regime_of(estimator, &samples[i].shape);

        if (regime ? way && strcmp(regime->name, way->name) == 0 : takes_none)
            out[taken++] = samples[i];
    }
    return taken;
}

/* What the method does not estimate from tokens by token is left out, as the estimator does. */
static size_t take_points(const struct estimator *estimator,
                          const struct servicefit_sample *samples, size_t count,
                          struct point *points)
{
    size_t taken = 0;

    for (size_t i = 0; i < count && taken < SERVICEFIT_MOST; i++) {
        const struct exchange_shape *shape = &samples[i].shape;

        if (!(samples[i].tokens_out > 0) || !is_streamed(estimator, shape))
            continue;
        points[taken++] = (struct point){samples[i].tokens_out, measure(estimator->method, shape),
                                         shape->first_on_connection};
    }
    return taken;
}

static void describe(struct servicefit *fit, const struct estimator *estimator,
                     const struct servicefit_sample *samples, size_t count)
{
    double sizes[SERVICEFIT_MOST];
    double rates[SERVICEFIT_MOST];
    size_t n = 0, timed = 0;

    for (size_t i = 0; i < count && n < SERVICEFIT_MOST; i++) {
        const struct exchange_shape *shape = &samples[i].shape;

        if (shape->answer_records == 0 || !drift_is_streamed(estimator, shape))
            continue;
        sizes[n++] = drift_record_bytes(shape);
        if (shape->answer_ns > 0)
            rates[timed++] = shape->answer_records / ((double)shape->answer_ns / NS_PER_S);
    }
    fit->record_bytes = n > 0 ? median(sizes, n) : 0;
    fit->records_per_s = timed > 0 ? median(rates, timed) : 0;
}

static void refuse(struct servicefit *fit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void refuse(struct servicefit *fit, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fit->refusal, sizeof(fit->refusal), format, arguments);
    va_end(arguments);
}

/* WHAT: answers or requests. */
static void judge(struct servicefit *fit, const char *what, size_t least)
{
    if (fit->n < least)
        refuse(fit,
               "too few prompts: %zu exchanges of known tokens can be fitted, and it takes %zu",
               fit->n, least);
    else if (fit->tokens_most < LEAST_RANGE * fit->tokens_least)
        refuse(fit,
               "a flat line: all %s have about the same size, %.0f to %.0f tokens; it takes short "
               "and long ones",
               what, fit->tokens_least, fit->tokens_most);
    else if (fit->correlation < LEAST_CORRELATION || fit->slope.central <= 0)
        refuse(fit,
               "a flat line: what is seen on the wire hardly follows the tokens (rank correlation "
               "%.2f, it takes %.2f): are the counts those of these %s, in their order?",
               fit->correlation, LEAST_CORRELATION, what);
    else if (fit->median_error > MOST_ERROR || fit->bias > MOST_ERROR ||
             fit->sigma > ESTIMATOR_MAX_SIGMA ||
             fit->slope.low * MOST_SPREAD < fit->slope.central ||
             fit->slope.high > MOST_SPREAD * fit->slope.central)
        refuse(fit, "the counts scatter too much to be of use");
}

/* Fits fit->n POINTS; ARE_REQUESTS: the band is of single ones. What can be computed is, also of
 * what is refused. */
static void fit_points(struct servicefit *fit, const struct model *model,
                       const struct point *points, bool are_requests)
{
    struct line line = fit_line(model, points, fit->n, SIZE_MAX);
    struct errors errors;

    for (size_t i = 0; i < fit->n; i++) {
        fit->tokens_least = i == 0 ? points[i].tokens : fmin(fit->tokens_least, points[i].tokens);
        fit->tokens_most = fmax(fit->tokens_most, points[i].tokens);
    }
    if (fit->n < SERVICEFIT_MINIMUM)
        return;
    leave_one_out(model, points, fit->n, &errors);
    fit->sigma =
        are_requests ? scatter_of_most(&line, points, fit->n) : scatter(&line, points, fit->n);
    fit->median_error = median(errors.relative, fit->n);
    fit->bias = errors.estimated / errors.true_tokens - 1;
    fit->correlation = correlation(points, fit->n);
    set_bands(fit, &line, &errors, are_requests);
}

/* Requests of known tokens, but for those that carry a file, whose bytes are no text. */
static size_t take_requests(const struct estimator *estimator,
                            const struct servicefit_sample *samples, size_t count,
                            struct point *points)
{
    size_t taken = 0;

    for (size_t i = 0; i < count && taken < SERVICEFIT_MOST; i++) {
        double bytes = (double)samples[i].shape.request_bytes;

        if (samples[i].tokens_in > 0 &&
            (estimator->upload_bytes_min <= 0 || bytes < estimator->upload_bytes_min))
            points[taken++] = (struct point){samples[i].tokens_in, bytes, false};
    }
    return taken;
}

static struct servicefit_input fit_input(const struct estimator *estimator,
                                         const struct servicefit_sample *samples, size_t count,
                                         size_t least)
{
    const struct model model = {.has_overhead = true};
    struct point points[SERVICEFIT_MOST] = {{0, 0, false}};
    struct servicefit fit = {.n = take_requests(estimator, samples, count, points)};
    struct servicefit_input input;

    fit_points(&fit, &model, points, true);
    if (estimator->input_method != INPUT_BODY)
        refuse(&fit, "they cannot be seen in what a browser sends: the declared prior holds");
    else if (fit.n == 0)
        refuse(&fit, "their true numbers were not given");
    else
        judge(&fit, "requests", least);
    input = (struct servicefit_input){fit.n,    fit.slope, fit.overhead_more, fit.median_error,
                                      fit.bias, ""};
    snprintf(input.refusal, sizeof(input.refusal), "%s", fit.refusal);
    return input;
}

/* Of COUNT samples of one way, by its rule. */
static void fit_answers(struct servicefit *fit, const struct estimator *estimator,
                        const struct servicefit_sample *samples, size_t count, size_t least)
{
    const struct model model = {has_overhead(estimator->method),
                                estimator->overhead_new_bytes.central -
                                    estimator->overhead_reused_bytes.central};
    struct point points[SERVICEFIT_MOST] = {{0, 0, false}};

    fit->method = estimator->method;
    fit->has_overhead = model.has_overhead;
    fit->n = take_points(estimator, samples, count, points);
    fit->left_out = count - fit->n;
    describe(fit, estimator, samples, count);
    fit_points(fit, &model, points, false);
    judge(fit, "answers", least);
}

struct servicefit servicefit_fit(const struct estimator *estimator,
                                 const struct servicefit_sample *samples, size_t count,
                                 size_t least)
{
    const struct estimator_regime *way;
    struct servicefit_sample own[SERVICEFIT_MOST];
    struct estimator adapted = *estimator;
    struct servicefit fit = {.method = estimator->method};
    size_t taken;

    if (count > SERVICEFIT_MOST)
        count = SERVICEFIT_MOST;
    if (least < SERVICEFIT_MINIMUM)
        least = SERVICEFIT_MINIMUM;
    if (estimator->method < METHOD_M1 || estimator->method > METHOD_M5) {
        refuse(&fit, "its estimator \"%s\" has nothing to calibrate", estimator->name);
        return fit;
    }
    way = choose_way(estimator, samples, count);
    if (way) {
        adapted.rule = way->rule;
        snprintf(fit.regime, sizeof(fit.regime), "%s", way->name);
    }
    taken = take_way(estimator, way, samples, count, own);
    fit.other_ways = count - taken;
    fit_answers(&fit, &adapted, own, taken, least);
    fit.input = fit_input(estimator, samples, count, least);
    return fit;
}

static struct triple inverse(const struct triple *value)
{
    return (struct triple){1 / value->high, 1 / value->central, 1 / value->low};
}

struct estimator servicefit_apply(const struct estimator *estimator, const struct servicefit *fit)
{
    struct estimator result = *estimator;

    for (size_t i = 0; i < estimator->regime_count; i++)
        if (strcmp(estimator->regimes[i].name, fit->regime) == 0)
            result.rule = estimator->regimes[i].rule;
    if (fit->method == METHOD_M3)
        result.tokens_per_record = inverse(&fit->slope);
    else if (fit->method == METHOD_M5)
        result.tokens_per_second = inverse(&fit->slope);
    else
        result.bytes_per_token = fit->slope;
    result.overhead_bytes = triple_exact(0); /* the slope is of all that an answer holds */
    result.overhead_records = triple_exact(0);
    if (fit->has_overhead) {
        result.overhead_new_bytes = fit->overhead_new;
        result.overhead_reused_bytes = fit->overhead_more;
    }
    if (fit->input.refusal[0] == '\0') {
        result.input_bytes_per_token = fit->input.bytes_per_token;
        result.input_overhead_bytes = fit->input.overhead_bytes;
    }
    return result;
}
