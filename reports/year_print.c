/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year.h"

#include <math.h>

#include "reports/derived.h"
#include "reports/progress.h"
#include "reports/year_words.h"

static void say(FILE *stream, enum text_language language, enum text_id id,
                const char *const *arguments)
{
    text_say(stream, language, id, arguments, false);
    fputc('\n', stream);
}

static void say_figures(FILE *stream, enum text_language language, enum text_id id,
                        const struct year_words *words)
{
    text_say(stream, language, id, words->arguments, false);
    month_print_names(stream, words->figures);
}

static void put_value(FILE *stream, enum text_language language, const struct year_comparison *of,
                      double value)
{
    bool is_count = of->unit[0] == '1';
    char number[TEXT_NUMBER_SIZE];

    text_number(number, sizeof(number), language, value, is_count ? 0 : text_decimals(value));
    fprintf(stream, " %s%s%s", number, is_count ? "" : " ", is_count ? "" : text_unit(of->unit));
}

/* "Energy: 12.3 kWh; A year earlier: 10.1 kWh; Change (%): +21.8", with names. */
static void put_comparison(const struct year_report *year, enum text_language language, int index,
                           FILE *stream)
{
    static const char *const scopes[] = {"compared", "compared-before", "compared-change"};
    struct year_comparison of = year_comparison(year, index);
    month_name names[3];
    char number[TEXT_NUMBER_SIZE];

    for (size_t i = 0; i < 3; i++)
        derived_name(names[i], year->sums.month, scopes[i], MONTH_ALL, of.indicator);
    fprintf(stream, "%s –", text_get(language, of.text));
    put_value(stream, language, &of, of.value.central);
    fprintf(stream, " ; %s :", text_get(language, TEXT_YEAR_BEFORE));
    put_value(stream, language, &of, of.before.central);
    if (isnan(of.change_percent)) {
        month_print_names(stream, TEXT_ARGUMENTS(names[0], names[1]));
        return;
    }
    text_number(number, sizeof(number), language, of.change_percent, 1);
    fprintf(stream, " ; %s : %s%s", text_get(language, TEXT_YEAR_CHANGE),
            of.change_percent > 0 ? "+" : "", number);
    month_print_names(stream, TEXT_ARGUMENTS(names[0], names[1], names[2]));
}

static void put_compared(const struct year_report *year, enum text_language language, FILE *stream)
{
    char before[MONTH_ID_SIZE];

    snprintf(before, sizeof(before), "%d", year->sums.month.year - 1);
    if (year->compared == 0) {
        say(stream, language, TEXT_YEAR_COMPARED_NONE, TEXT_ARGUMENTS(before));
        return;
    }
    say(stream, language, TEXT_YEAR_HEAD_COMPARED, TEXT_ARGUMENTS(before));
    for (int i = 0; i < YEAR_COMPARISONS; i++)
        put_comparison(year, language, i, stream);
}

static void put_use(const struct year_report *year, enum text_language language, FILE *stream)
{
    struct year_words words;

    if (year->told < year->over) {
        year_words_of_months(year, &words);
        words.arguments[2] = words.figures[2] = NULL;
        say_figures(stream, language, TEXT_YEAR_PARTIAL, &words);
    }
    month_print_rows(&year->sums, language, stream);
    if (year->sums.suppressed == SUPPRESS_ALL)
        say(stream, language, TEXT_YEAR_TOTAL_ONLY, NULL);
    if (year_words_of_measured(year, language, &words))
        say_figures(stream, language, TEXT_YEAR_MEASURED, &words);
    else
        say(stream, language, TEXT_YEAR_MEASURED_NOT_TOLD, NULL);
    put_compared(year, language, stream);
}

void year_print(const struct year_report *year, const char *language_name, FILE *stream)
{
    enum text_language language = text_language(language_name);
    char number[MONTH_ID_SIZE], last[TEXT_DATE_SIZE];
    struct year_words words;

    month_period(number, year->sums.month);
    say(stream, language, TEXT_YEAR_TITLE, TEXT_ARGUMENTS(number));
    text_date(last, sizeof(last), language, year->sums.until - 1, false);
    if (year->sums.running)
        say(stream, language, TEXT_YEAR_RUNNING, TEXT_ARGUMENTS(last));
    year_words_of_months(year, &words);
    say_figures(stream, language, TEXT_YEAR_MONTHS, &words);
    if (year->sums.withheld)
        say(stream, language, TEXT_YEAR_WITHHELD, NULL);
    else
        put_use(year, language, stream);
    month_print_restatement(&year->sums, language, TEXT_YEAR_RESTATED, stream);
    month_print_coverage(&year->sums, language, stream);
    if (year->progress)
        progress_print(year->progress, language, stream);
}
