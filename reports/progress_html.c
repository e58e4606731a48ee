/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/progress.h"

#include <string.h>

#include "reports/html.h"

/* None: a dash. */
static void objective_cell(const struct html_page *page, const struct progress *progress,
                           const struct progress_line *line, const char *scope, bool any,
                           struct triple value)
{
    unsigned decimals = progress_decimals(line);
    char figure[MONTH_FIGURE_SIZE];
    struct text_band band;

    if (!any) {
        html_number_cell(page, "–");
        return;
    }
    progress_figure(figure, progress, line, scope);
    html_open_number(page, figure, true);
    html_band(page, text_round(NULL, 0, value, decimals, &band), value, decimals);
}

static void objective_row(const struct html_page *page, const struct progress *progress,
                          const struct progress_line *line)
{
    html_open_row(page);
    html_row_heading(page, progress_label(progress, line, page->language));
    html_sentence_cell(page, (enum text_id)(TEXT_REQUESTS + (int)line->indicator));
    html_unit_cell(page, month_indicator_unit(line->indicator));
    objective_cell(page, progress, line, "objective-budget", true, triple_exact(line->budget));
    objective_cell(page, progress, line, "objective-spent", line->state > PROGRESS_NOT_SHOWN,
                   line->spent);
    objective_cell(page, progress, line, "objective-path", true, triple_exact(line->path));
    objective_cell(page, progress, line, "objective-projected", line->has_projection,
                   line->projected);
    html_sentence_cell(page, progress_finding(line));
    html_text_cell(page, line->objective->source);
    html_close_row(page);
}

static void objective_notes(const struct html_page *page, const struct progress *progress)
{
    const struct objectives *objectives = progress->config->objectives;
    char months[TEXT_NUMBER_SIZE], percent[TEXT_NUMBER_SIZE];

    snprintf(months, sizeof(months), "%u", objectives_projection_months(objectives));
    snprintf(percent, sizeof(percent), "%u", objectives_covered_percent(objectives));
    html_element(page, "p", TEXT_OBJECTIVES_NOTE, TEXT_ARGUMENTS(page->threshold, months, percent));
}

void progress_write_html(const struct progress *progress, const struct html_page *page)
{
    static const struct {
        enum text_id id;
        bool is_triple;
    } headings[] = {{TEXT_DIRECTION, false}, {TEXT_INDICATOR, false}, {TEXT_UNIT, false},
                    {TEXT_BUDGET, false},    {TEXT_SPENT, true},      {TEXT_PATH, false},
                    {TEXT_PROJECTED, true},  {TEXT_FINDING, false},   {TEXT_SOURCE, false}};
    char year[TEXT_NUMBER_SIZE], date[TEXT_DATE_SIZE];
    char elapsed[TEXT_NUMBER_SIZE], covered[TEXT_NUMBER_SIZE];
    month_name names[2];

    snprintf(year, sizeof(year), "%d", progress->year);
    html_element(page, "h2", TEXT_HEAD_OBJECTIVES, TEXT_ARGUMENTS(year));
    progress_until_words(progress, page->language, date, elapsed, covered);
    progress_until_names(progress, names);
    html_sentence(page, "p", NULL, TEXT_OBJECTIVES_UNTIL, TEXT_ARGUMENTS(date, elapsed, covered),
                  TEXT_ARGUMENTS("", names[0], names[1]));
    html_open_table(page, TEXT_CAPTION_OBJECTIVES, NULL);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        (headings[i].is_triple ? html_triple_heading : html_column_heading)(page, headings[i].id,
                                                                            NULL);
    html_open_body(page);
    for (size_t i = 0; i < progress->count; i++)
        objective_row(page, progress, &progress->lines[i]);
    html_close_table(page);
    objective_notes(page, progress);
}
