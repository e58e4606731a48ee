/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/month.h"

#include <stdlib.h>

#include "reports/hostview.h"
#include "reports/progress.h"

#define LABEL_WIDTH 40
#define CELL_SIZE   (3 * TEXT_NUMBER_SIZE + 16)
#define GAP         "  "

static const enum month_indicator columns[] = {MONTH_REQUESTS, MONTH_ENERGY, MONTH_WATER,
                                               MONTH_GWP};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

typedef char cell[CELL_SIZE];

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Cut with an ellipsis when too long. */
static void put_label(FILE *stream, const char *text)
{
    size_t width = text_width(text);
    size_t shown = width > LABEL_WIDTH ? LABEL_WIDTH - 1 : width;

    for (size_t used = 0; *text; text++) {
        if (!is_continuation(*text) && used++ == shown)
            break;
        fputc(*text, stream);
    }
    if (width > LABEL_WIDTH)
        fputs("…", stream);
    for (; width < LABEL_WIDTH; width++)
        fputc(' ', stream);
}

static void put_cell(FILE *stream, const char *text, size_t width)
{
    fputs(GAP, stream);
    for (size_t used = text_width(text); used < width; used++)
        fputc(' ', stream);
    fputs(text, stream);
}

static void fill_cell(cell out, enum text_language language, struct text_band band,
                      struct triple value, unsigned decimals, bool is_unknown)
{
    char low[TEXT_NUMBER_SIZE], central[TEXT_NUMBER_SIZE], high[TEXT_NUMBER_SIZE];

    if (is_unknown) {
        snprintf(out, CELL_SIZE, "–");
        return;
    }
    text_units(low, sizeof(low), language, band.low, value.low, decimals);
    text_units(central, sizeof(central), language, band.central, value.central, decimals);
    text_units(high, sizeof(high), language, band.high, value.high, decimals);
    snprintf(out, CELL_SIZE, "%s (%s–%s)", central, low, high);
}

/* One column: heading, rows, total. Returns its width. */
static size_t fill_column(const struct month_report *report, enum text_language language,
                          enum month_indicator indicator, struct text_band *bands, cell *cells)
{
    const struct month_table *table = &report->directions;
    struct text_band total = month_round(report, table, indicator, bands);
    unsigned decimals = month_decimals(report, indicator);
    size_t width = 0;

    snprintf(cells[0], CELL_SIZE, "%s",
             indicator == MONTH_REQUESTS ? text_get(language, TEXT_REQUESTS)
                                         : text_unit(month_indicator_unit(indicator)));
    for (size_t row = 0; row < table->count; row++)
        fill_cell(cells[row + 1], language, bands[row],
                  month_value(&table->rows[row].totals, indicator), decimals,
                  month_is_unknown(&table->rows[row].totals, indicator));
    fill_cell(cells[table->count + 1], language, total, month_value(&report->total, indicator),
              decimals, month_is_unknown(&report->total, indicator));
    for (size_t line = 0; line < table->count + 2; line++)
        if (text_width(cells[line]) > width)
            width = text_width(cells[line]);
    return width;
}

static const char *label_of(const struct month_report *report, enum text_language language,
                            size_t line)
{
    const struct month_table *table = &report->directions;

    if (line == 0)
        return text_get(language, TEXT_DIRECTION);
    if (line == table->count + 1)
        return text_get(language, TEXT_TOTAL);
    return month_label(&table->rows[line - 1], language);
}

/* What explains the figures of a line, under a heading. */
static void fill_name(const struct month_report *report, enum text_language language, size_t line,
                      month_name out)
{
    const struct month_table *table = &report->directions;
    char period[MONTH_ID_SIZE];

    month_period(period, report->month);
    if (line == 0)
        snprintf(out, sizeof(month_name), "%s", text_get(language, TEXT_NAMES));
    else
        snprintf(out, sizeof(month_name), "%s/%s/%s", period,
                 line <= table->count ? table->rows[line - 1].id : MONTH_ALL, MONTH_ALL);
}

static size_t width_of_names(const struct month_report *report, enum text_language language)
{
    size_t width = 0;

    for (size_t line = 0; line < report->directions.count + 2; line++) {
        month_name name;

        fill_name(report, language, line, name);
        if (text_width(name) > width)
            width = text_width(name);
    }
    return width;
}

void month_print_rows(const struct month_report *report, enum text_language language, FILE *stream)
{
    size_t lines = report->directions.count + 2;
    cell *cells = calloc(COLUMN_COUNT * lines, sizeof(*cells));
    struct text_band *bands = calloc(lines, sizeof(*bands));
    size_t widths[COLUMN_COUNT], names_width = width_of_names(report, language);
    month_name name;

    if (cells && bands) {
        for (size_t i = 0; i < COLUMN_COUNT; i++)
            widths[i] = fill_column(report, language, columns[i], bands, &cells[i * lines]);
        for (size_t line = 0; line < lines; line++) {
            put_label(stream, label_of(report, language, line));
            for (size_t i = 0; i < COLUMN_COUNT; i++)
                put_cell(stream, cells[i * lines + line], widths[i]);
            fill_name(report, language, line, name);
            put_cell(stream, name, names_width);
            fputc('\n', stream);
        }
    }
    free(cells);
    free(bands);
}

static void say(FILE *stream, enum text_language language, enum text_id id,
                const char *const *arguments)
{
    text_say(stream, language, id, arguments, false);
    fputc('\n', stream);
}

void month_print_coverage(const struct month_report *report, enum text_language language,
                          FILE *stream)
{
    char covered[TEXT_NUMBER_SIZE], length[TEXT_NUMBER_SIZE], percent[TEXT_NUMBER_SIZE];
    month_name names[MONTH_COVERAGE_ARGUMENTS];
    const char *figures[MONTH_COVERAGE_ARGUMENTS + 1];

    month_coverage_words(report, language, covered, length, percent);
    text_say(stream, language, TEXT_COVERAGE_SENTENCE, TEXT_ARGUMENTS(covered, length, percent),
             false);
    month_coverage_names(report, names, figures);
    month_print_names(stream, figures);
}

void month_print_restatement(const struct month_report *report, enum text_language language,
                             enum text_id restated, FILE *stream)
{
    char words[MONTH_RESTATED_ARGUMENTS][TEXT_DATE_SIZE];
    month_name names[MONTH_RESTATED_ARGUMENTS];
    const char *arguments[MONTH_RESTATED_ARGUMENTS + 1], *figures[MONTH_RESTATED_ARGUMENTS + 1];

    if (!month_restated_words(report, language, words, arguments))
        return;
    text_say(stream, language, restated, arguments, false);
    month_restated_names(report, names, figures);
    month_print_names(stream, figures);
}

void month_print(const struct month_report *report, const char *language_name, FILE *stream)
{
    enum text_language language = text_language(language_name);
    char month[TEXT_DATE_SIZE], date[TEXT_DATE_SIZE], threshold[TEXT_NUMBER_SIZE];

    text_month(month, sizeof(month), language, report->month.year, report->month.month);
    say(stream, language, TEXT_TITLE, TEXT_ARGUMENTS(month));
    if (report->running) {
        text_date(date, sizeof(date), language, report->until, true);
        say(stream, language, TEXT_RUNNING, TEXT_ARGUMENTS(date));
        say(stream, language, TEXT_PROVISIONAL, NULL);
    }
    snprintf(threshold, sizeof(threshold), "%u", report->config->report.threshold);
    if (report->withheld) {
        say(stream, language, TEXT_WITHHELD, TEXT_ARGUMENTS(threshold));
    } else {
        month_print_rows(report, language, stream);
        if (report->suppressed == SUPPRESS_ALL)
            say(stream, language, TEXT_TOTAL_ONLY, TEXT_ARGUMENTS(threshold));
        hostview_print(report, language, stream);
    }
    month_print_restatement(report, language, TEXT_RESTATED, stream);
    month_print_coverage(report, language, stream);
    if (report->progress)
        progress_print(report->progress, language, stream);
}
