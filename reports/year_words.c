/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/year_words.h"

#include <math.h>
#include <string.h>

#include "reports/derived.h"

#define PERCENT 100

static void point(struct year_words *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        words->arguments[i] = words->words[i];
        words->figures[i] = words->names[i];
    }
    words->arguments[count] = words->figures[count] = NULL;
}

void year_words_of_months(const struct year_report *year, struct year_words *words)
{
    static const char *const names[] = {"months_told", "months_over", "months_withheld",
                                        "months_without_data"};
    struct year_count count;

    for (size_t i = 0; year_count(year, i, &count); i++)
        for (size_t j = 0; j < YEAR_WORDS; j++) {
            if (strcmp(count.name, names[j]) != 0)
                continue;
            snprintf(words->words[j], sizeof(words->words[j]), "%u", count.value);
            derived_name(words->names[j], year->sums.month, "months", MONTH_ALL, names[j]);
        }
    point(words, YEAR_WORDS);
}

bool year_words_of_measured(const struct year_report *year, enum text_language language,
                            struct year_words *words)
{
    const struct month_report *sums = &year->sums;
    double measured = month_has_host(sums) ? month_measured(sums, NULL) : 0;
    const double shares[] = {measured, 1 - measured};
    static const char *const names[] = {"measured", "estimated"};

    if (isnan(measured))
        return false;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        text_number(words->words[i], sizeof(words->words[i]), language, PERCENT * shares[i], 1);
        derived_name(words->names[i], sums->month, "shares", MONTH_ALL, names[i]);
    }
    point(words, sizeof(shares) / sizeof(shares[0]));
    return true;
}

/* One word of a list, where it is not there yet. */
static void add_word(char *list, size_t size, const char *word)
{
    size_t used = strlen(list), length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ','))
            return;
    snprintf(list + used, size - used, "%s%s", used > 0 ? ", " : "", word);
}

void year_words_of_vintages(const struct year_report *year, enum year_months which, char *out,
                            size_t size)
{
    out[0] = '\0';
    for (int i = 0; i < YEAR_MONTHS; i++) {
        const struct monthsums *month = year_month_of(year, which, i);

        for (size_t j = 0; month && j < month->vintage_count; j++)
            add_word(out, size, month->vintages[j]);
    }
}

void year_words_of_compared(const struct year_report *year, enum text_language language, char *out,
                            size_t size)
{
    out[0] = '\0';
    for (int i = 0; i < YEAR_MONTHS; i++)
        if (year_month_of(year, YEAR_COMPARED, i))
            add_word(out, size, text_get(language, (enum text_id)(TEXT_MONTH_1 + i)));
}
