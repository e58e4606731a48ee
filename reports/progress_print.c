/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/progress.h"

#include <math.h>
#include <string.h>

#include "reports/derived.h"

#define BAND_SIZE  (3 * TEXT_NUMBER_SIZE + 16)
#define LABEL_SIZE 80

const char *progress_label(const struct progress *progress, const struct progress_line *line,
                           enum text_language language)
{
    const struct directions *directions = progress->config->directions;

    if (line->objective->direction[0] == '\0')
        return text_get(language, TEXT_OBJECTIVE_ALL);
    for (uint16_t i = 0; directions && i < directions_count(directions); i++) {
        const struct direction *direction = directions_get(directions, i);

        if (direction && strcmp(direction->code, line->objective->direction) == 0)
            return direction->label;
    }
    return line->objective->direction;
}

unsigned progress_decimals(const struct progress_line *line)
{
    return line->indicator == MONTH_REQUESTS ? 0 : text_decimals(line->budget);
}

/* As the month's coverage is: cut, not rounded, and a little is not none. */
static void put_percent(char out[TEXT_NUMBER_SIZE], enum text_language language, double share)
{
    text_units(out, TEXT_NUMBER_SIZE, language, month_covered_units(100 * share), share,
               MONTH_COVERED_DECIMALS);
}

void progress_until_words(const struct progress *progress, enum text_language language,
                          char date[TEXT_DATE_SIZE], char elapsed[TEXT_NUMBER_SIZE],
                          char covered[TEXT_NUMBER_SIZE])
{
    /* The last second, so that a whole month ends on its last day. */
    text_date(date, TEXT_DATE_SIZE, language, progress->until - 1, false);
    put_percent(elapsed, language, progress_elapsed(progress));
    put_percent(covered, language, progress_covered(progress));
}

void progress_until_names(const struct progress *progress, month_name names[2])
{
    derived_name(names[0], progress->named, "objectives", MONTH_ALL, "elapsed_share");
    derived_name(names[1], progress->named, "objectives", MONTH_ALL, "covered_share");
}

enum text_id progress_finding(const struct progress_line *line)
{
    return (enum text_id)(TEXT_OBJECTIVE_NO_MONTH + (int)line->state);
}

static void fill_band(char out[BAND_SIZE], enum text_language language, struct triple value,
                      unsigned decimals)
{
    char low[TEXT_NUMBER_SIZE], central[TEXT_NUMBER_SIZE], high[TEXT_NUMBER_SIZE];

    text_amount(low, sizeof(low), language, value.low, decimals);
    text_amount(central, sizeof(central), language, value.central, decimals);
    text_amount(high, sizeof(high), language, value.high, decimals);
    snprintf(out, BAND_SIZE, "%s (%s–%s)", central, low, high);
}

static void say(FILE *stream, enum text_language language, enum text_id id,
                const char *const *arguments)
{
    text_say(stream, language, id, arguments, false);
}

static void put_figures(const struct progress_line *line, enum text_language language,
                        const char *budget, FILE *stream)
{
    unsigned decimals = progress_decimals(line);
    char spent[BAND_SIZE], projected[BAND_SIZE], path[TEXT_NUMBER_SIZE];

    fill_band(spent, language, line->spent, decimals);
    text_number(path, sizeof(path), language, line->path, decimals);
    say(stream, language, TEXT_OBJECTIVE_SPENT, TEXT_ARGUMENTS(spent, budget, path));
    fputc(' ', stream);
    if (line->has_projection) {
        fill_band(projected, language, line->projected, decimals);
        say(stream, language, TEXT_OBJECTIVE_YEAR_END, TEXT_ARGUMENTS(projected));
    } else {
        say(stream, language, TEXT_OBJECTIVE_NO_PROJECTION, NULL);
    }
}

/* "Énergie (kWh)" */
static void put_indicator(char out[LABEL_SIZE], enum text_language language,
                          enum month_indicator indicator)
{
    const char *name = text_get(language, (enum text_id)(TEXT_REQUESTS + (int)indicator));
    const char *unit = month_indicator_unit(indicator);

    if (strcmp(unit, "1") == 0)
        snprintf(out, LABEL_SIZE, "%s", name);
    else
        snprintf(out, LABEL_SIZE, "%s (%s)", name, text_unit(unit));
}

/* In the order in which they are told. */
static void put_names(const struct progress *progress, const struct progress_line *line,
                      FILE *stream)
{
    month_name spent = "", budget, path = "", projected = "";

    progress_figure(budget, progress, line, "objective-budget");
    if (line->state > PROGRESS_NOT_SHOWN) {
        progress_figure(spent, progress, line, "objective-spent");
        progress_figure(path, progress, line, "objective-path");
    }
    if (line->has_projection)
        progress_figure(projected, progress, line, "objective-projected");
    month_print_names(stream, TEXT_ARGUMENTS(spent, budget, path, projected));
}

static void put_line(const struct progress *progress, const struct progress_line *line,
                     enum text_language language, FILE *stream)
{
    char indicator[LABEL_SIZE], budget[TEXT_NUMBER_SIZE];

    if (progress_is_warning(line)) {
        say(stream, language, TEXT_WARNING, NULL);
        fputc(' ', stream);
    }
    put_indicator(indicator, language, line->indicator);
    say(stream, language, TEXT_OBJECTIVE_OF,
        TEXT_ARGUMENTS(progress_label(progress, line, language), indicator));
    fputc(' ', stream);
    text_number(budget, sizeof(budget), language, line->budget, progress_decimals(line));
    if (line->state > PROGRESS_NOT_SHOWN)
        put_figures(line, language, budget, stream);
    else
        say(stream, language, TEXT_OBJECTIVE_BUDGET, TEXT_ARGUMENTS(budget));
    fputc(' ', stream);
    say(stream, language, progress_finding(line), NULL);
    put_names(progress, line, stream);
}

void progress_print(const struct progress *progress, enum text_language language, FILE *stream)
{
    char date[TEXT_DATE_SIZE], elapsed[TEXT_NUMBER_SIZE], covered[TEXT_NUMBER_SIZE];
    char year[TEXT_NUMBER_SIZE];
    month_name names[2];

    snprintf(year, sizeof(year), "%d", progress->year);
    say(stream, language, TEXT_HEAD_OBJECTIVES, TEXT_ARGUMENTS(year));
    fputc('\n', stream);
    progress_until_words(progress, language, date, elapsed, covered);
    say(stream, language, TEXT_OBJECTIVES_UNTIL, TEXT_ARGUMENTS(date, elapsed, covered));
    progress_until_names(progress, names);
    month_print_names(stream, TEXT_ARGUMENTS(names[0], names[1]));
    for (size_t i = 0; i < progress->count; i++)
        put_line(progress, &progress->lines[i], language, stream);
}
