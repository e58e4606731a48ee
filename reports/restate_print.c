/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/restate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/tsv.h"

/* A statement for people, and as a table. */

#define PERCENT         100
#define CELL_SIZE       MONTH_FIGURE_SIZE /* the longest */
#define GAP             "  "
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MARK            " (!)"

/* In the order in which an elected member asks. */
static const enum restate_indicator shown[] = {RESTATE_ENERGY,  RESTATE_WATER,        RESTATE_GWP,
                                               RESTATE_GWP_USE, RESTATE_GWP_EMBODIED, RESTATE_ADPE};
static const enum restate_indicator explained[] = {RESTATE_ENERGY, RESTATE_WATER, RESTATE_GWP,
                                                   RESTATE_ADPE};
static const enum restate_indicator marked[] = {RESTATE_ENERGY, RESTATE_WATER, RESTATE_GWP};

struct page {
    const struct restate_view *view;
    enum text_language language;
    FILE *stream;
};

static void say(const struct page *page, enum text_id id, const char *const *arguments)
{
    text_say(page->stream, page->language, id, arguments, false);
    fputc('\n', page->stream);
}

/* With the typography of the language. */
static void fill_text(char *out, size_t size, const struct page *page, enum text_id id)
{
    char *text = text_render(page->language, id, NULL);

    snprintf(out, size, "%s", text ? text : "");
    free(text);
}

/* ---- Columns ---- */

/* The first is left-aligned. */
#define COLUMNS_MAX 11

struct sheet {
    char (*cells)[CELL_SIZE];
    size_t columns;
    size_t count;
};

static void sheet_new(struct sheet *sheet, size_t columns, size_t lines)
{
    *sheet = (struct sheet){calloc(columns * lines, CELL_SIZE), columns, 0};
}

/* The next cell, to be filled in; a scratch one without memory. */
static char *next_cell(struct sheet *sheet)
{
    static char scratch[CELL_SIZE];

    return sheet->cells ? sheet->cells[sheet->count++] : scratch;
}

static void put_cell(FILE *stream, const char *text, size_t width, bool left)
{
    size_t used = text_width(text);

    if (left)
        fputs(text, stream);
    for (; used < width; used++)
        fputc(' ', stream);
    if (!left)
        fputs(text, stream);
}

/* Prints and frees it; returns false when there was no memory. */
static bool sheet_put(struct sheet *sheet, FILE *stream)
{
    size_t widths[COLUMNS_MAX] = {0};
    bool complete = sheet->cells != NULL;

    for (size_t i = 0; i < sheet->count; i++) {
        size_t width = text_width(sheet->cells[i]);

        if (width > widths[i % sheet->columns])
            widths[i % sheet->columns] = width;
    }
    for (size_t i = 0; i < sheet->count; i++) {
        size_t column = i % sheet->columns;

        fputs(GAP, stream);
        put_cell(stream, sheet->cells[i], widths[column], column == 0);
        if (column + 1 == sheet->columns)
            fputc('\n', stream);
    }
    free(sheet->cells);
    return complete;
}

/* ---- Numbers ---- */

static double total_of(const struct page *page, enum restate_indicator indicator)
{
    const struct restate_line *total = &page->view->total;
    double recorded = restate_value(&total->recorded, indicator).central;

    return recorded > 0 ? recorded : restate_value(&total->restated, indicator).central;
}

/* In what all tables tell it. */
static struct text_scale scale_of(const struct page *page, enum restate_indicator indicator)
{
    return text_scale(month_indicator_unit(restate_month_indicator(indicator)),
                      total_of(page, indicator));
}

/* One more than for the total alone, so that a small step shows. Parts have those of their sum. */
static unsigned decimals_of(const struct page *page, enum restate_indicator indicator)
{
    bool is_part = indicator == RESTATE_GWP_USE || indicator == RESTATE_GWP_EMBODIED;
    enum restate_indicator whole = is_part ? RESTATE_GWP : indicator;

    return text_decimals(total_of(page, whole) * scale_of(page, whole).per_unit) + 1;
}

static int64_t in_units(double value, unsigned decimals)
{
    return llround(value * pow(10, decimals));
}

static void fill_band(char *out, const struct page *page, struct triple value, unsigned decimals)
{
    char low[TEXT_NUMBER_SIZE], central[TEXT_NUMBER_SIZE], high[TEXT_NUMBER_SIZE];

    text_amount(low, sizeof(low), page->language, value.low, decimals);
    text_amount(central, sizeof(central), page->language, value.central, decimals);
    text_amount(high, sizeof(high), page->language, value.high, decimals);
    snprintf(out, CELL_SIZE, "%s (%s–%s)", central, low, high);
}

/* UNITS: what VALUE was rounded to. */
static void fill_signed(char *out, const struct page *page, int64_t units, double value,
                        unsigned decimals)
{
    char number[TEXT_NUMBER_SIZE];

    text_units(number, sizeof(number), page->language, units, value, decimals);
    snprintf(out, CELL_SIZE, "%s%s", units > 0 ? "+" : "", number);
}

static void fill_change(char *out, const struct page *page, const struct restate_line *line,
                        enum restate_indicator indicator)
{
    double percent = restate_change_percent(line, indicator);
    char number[CELL_SIZE];

    if (isinf(percent)) {
        snprintf(out, CELL_SIZE, "–%s", MARK);
        return;
    }
    fill_signed(number, page, in_units(percent, 1), percent, 1);
    snprintf(out, CELL_SIZE, "%.60s %%%s", number,
             restate_passes(page->view->statement, line, indicator) ? MARK : "");
}

static void fill_heading(char *out, const struct page *page, enum restate_indicator indicator)
{
    enum month_indicator same = restate_month_indicator(indicator);

    snprintf(out, CELL_SIZE, "%.90s (%s)",
             text_get(page->language, (enum text_id)(TEXT_REQUESTS + (int)same)),
             text_unit(scale_of(page, indicator).unit));
}

/* What explains the row that ends here. */
static void fill_name(char *out, const struct page *page, const char *scope, const char *cause,
                      const struct restate_line *line, const char *indicator)
{
    char name[MONTH_FIGURE_SIZE];

    restate_figure(name, page->view, scope, cause, line, indicator);
    snprintf(out, CELL_SIZE, "%s", name);
}

/* ---- The parts ---- */

static void put_title(const struct page *page)
{
    const struct statement *statement = page->view->statement;
    char number[TEXT_NUMBER_SIZE], date[TEXT_DATE_SIZE], vintages[400] = "";

    snprintf(number, sizeof(number), "%lld", (long long)statement->number);
    text_date(date, sizeof(date), page->language, statement->made_s, true);
    for (size_t i = 0; i < statement->set_count; i++) {
        size_t used = strlen(vintages);
        bool is_new = true;

        for (size_t j = 0; j < i; j++)
            is_new &= strcmp(statement->sets[j].vintage, statement->sets[i].vintage) != 0;
        if (is_new)
            snprintf(vintages + used, sizeof(vintages) - used, "%s%s", used > 0 ? ", " : "",
                     statement->sets[i].vintage);
    }
    say(page, TEXT_RESTATE_TITLE, TEXT_ARGUMENTS(number, statement->period, statement->vintage));
    say(page, TEXT_RESTATE_MADE,
        TEXT_ARGUMENTS(date, statement->program, vintages[0] ? vintages : "–"));
    say(page, TEXT_RESTATE_KEPT, NULL);
}

static void put_notices(const struct page *page, const char *threshold)
{
    const struct restate_view *view = page->view;
    char until[TEXT_DATE_SIZE], withheld[TEXT_NUMBER_SIZE], months[TEXT_NUMBER_SIZE];

    if (view->statement->running) {
        text_date(until, sizeof(until), page->language, view->statement->until_s, true);
        say(page, TEXT_RUNNING, TEXT_ARGUMENTS(until));
        say(page, TEXT_PROVISIONAL, NULL);
    }
    if (view->withheld_months > 0) {
        snprintf(withheld, sizeof(withheld), "%u", view->withheld_months);
        snprintf(months, sizeof(months), "%u", view->months);
        say(page, TEXT_RESTATE_WITHHELD, TEXT_ARGUMENTS(withheld, months, threshold));
    }
}

static bool put_total(const struct page *page)
{
    const struct restate_line *total = &page->view->total;
    struct sheet sheet;

    sheet_new(&sheet, 5, COUNT_OF(shown) + 1);
    fill_text(next_cell(&sheet), CELL_SIZE, page, TEXT_TOTAL);
    for (int id = TEXT_RESTATE_RECORDED; id <= TEXT_RESTATE_CHANGE; id++)
        fill_text(next_cell(&sheet), CELL_SIZE, page, (enum text_id)id);
    fill_text(next_cell(&sheet), CELL_SIZE, page, TEXT_NAMES);
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        unsigned decimals = decimals_of(page, shown[i]);
        double per_unit = scale_of(page, shown[i]).per_unit;

        fill_heading(next_cell(&sheet), page, shown[i]);
        fill_band(next_cell(&sheet), page,
                  triple_scale(restate_value(&total->recorded, shown[i]), per_unit), decimals);
        fill_band(next_cell(&sheet), page,
                  triple_scale(restate_value(&total->restated, shown[i]), per_unit), decimals);
        fill_change(next_cell(&sheet), page, total, shown[i]);
        fill_name(next_cell(&sheet), page, "restated", "", total,
                  month_indicator_name(restate_month_indicator(shown[i])));
    }
    return sheet_put(&sheet, page->stream);
}

/* From the recorded total to the restated one, in units: each step is the difference of two rounded
 * levels, so that what is printed adds up. */
#define LEVELS (STATEMENT_CAUSES + 1)

static void set_levels(const struct page *page, enum restate_indicator indicator,
                       int64_t levels[LEVELS])
{
    const struct restate_view *view = page->view;
    unsigned decimals = decimals_of(page, indicator);
    double per_unit = scale_of(page, indicator).per_unit;
    double level = restate_value(&view->total.recorded, indicator).central;

    levels[0] = in_units(level * per_unit, decimals);
    for (int cause = 0; cause < STATEMENT_CAUSES; cause++) {
        level += restate_cause(&view->total, (enum statement_cause)cause, indicator);
        levels[cause + 1] = in_units(level * per_unit, decimals);
    }
    /* The last cause ends there, whatever the order of additions. */
    levels[LEVELS - 1] =
        in_units(restate_value(&view->total.restated, indicator).central * per_unit, decimals);
}

static void put_causes_head(const struct page *page, struct sheet *sheet)
{
    fill_text(next_cell(sheet), CELL_SIZE, page, TEXT_RESTATE_CAUSES);
    for (size_t i = 0; i < COUNT_OF(explained); i++)
        snprintf(next_cell(sheet), CELL_SIZE, "%s", text_unit(scale_of(page, explained[i]).unit));
    fill_text(next_cell(sheet), CELL_SIZE, page, TEXT_NAMES);
}

static void put_step(const struct page *page, int64_t levels[][LEVELS], int step,
                     struct sheet *sheet)
{
    fill_text(next_cell(sheet), CELL_SIZE, page, (enum text_id)(TEXT_RESTATE_CONFIGURATION + step));
    for (size_t i = 0; i < COUNT_OF(explained); i++)
        fill_signed(next_cell(sheet), page, levels[i][step + 1] - levels[i][step],
                    restate_cause(&page->view->total, (enum statement_cause)step, explained[i]),
                    decimals_of(page, explained[i]));
    fill_name(next_cell(sheet), page, "restated-by",
              statement_cause_name((enum statement_cause)step), &page->view->total, "");
}

/* Causes that change nothing are left out. */
static bool put_causes(const struct page *page)
{
    int64_t levels[COUNT_OF(explained)][LEVELS];
    bool any = false;
    struct sheet sheet;

    for (size_t i = 0; i < COUNT_OF(explained); i++)
        set_levels(page, explained[i], levels[i]);
    sheet_new(&sheet, COUNT_OF(explained) + 2, LEVELS);
    put_causes_head(page, &sheet);
    for (int step = 0; step + 1 < LEVELS; step++) {
        bool moves = false;

        for (size_t i = 0; i < COUNT_OF(explained); i++)
            moves |= levels[i][step + 1] != levels[i][step];
        any |= moves;
        if (moves)
            put_step(page, levels, step, &sheet);
    }
    if (any)
        return sheet_put(&sheet, page->stream);
    free(sheet.cells);
    say(page, TEXT_RESTATE_NO_CHANGE, NULL);
    return true;
}

static const char *label_of(const struct page *page, const struct restate_line *line)
{
    if (strcmp(line->id, MONTH_OTHER) == 0)
        return text_get(page->language, TEXT_OTHER);
    if (line->service)
        return month_service_label(line->service, page->language);
    return line->is_unassigned ? text_get(page->language, TEXT_UNASSIGNED) : line->label;
}

/* The central values as recorded, rounded so that they add up to the total. */
static bool round_recorded(const struct page *page, const struct restate_table *table,
                           enum restate_indicator indicator, int64_t *out)
{
    struct triple *values = calloc(table->count + 1, sizeof(*values));
    struct text_band *bands = calloc(table->count + 1, sizeof(*bands));
    bool rounded = values && bands;

    for (size_t i = 0; rounded && i < table->count; i++)
        values[i] = restate_value(&table->lines[i].recorded, indicator);
    if (rounded)
        (page->view->has_folded ? text_round_other : text_round)(
            values, table->count, restate_value(&page->view->total.recorded, indicator),
            decimals_of(page, indicator), bands);
    for (size_t i = 0; rounded && i < table->count; i++)
        out[i] = bands[i].central;
    free(values);
    free(bands);
    return rounded;
}

/* And as restated: what did not change reads as it did, though the total may be another. OUT holds
 * what round_recorded() made. */
static bool round_restated(const struct page *page, const struct restate_table *table,
                           enum restate_indicator indicator, int64_t *out)
{
    double *values = calloc(table->count + 1, sizeof(*values));
    bool *same = calloc(table->count + 1, sizeof(*same));
    bool rounded = values && same;

    for (size_t i = 0; rounded && i < table->count; i++) {
        values[i] = restate_value(&table->lines[i].restated, indicator).central;
        same[i] = values[i] == restate_value(&table->lines[i].recorded, indicator).central;
    }
    if (rounded)
        text_round_rest(values, table->count,
                        restate_value(&page->view->total.restated, indicator).central,
                        decimals_of(page, indicator), same, out);
    free(values);
    free(same);
    return rounded;
}

/* Both columns of each indicator, one behind the other. */
static bool round_columns(const struct page *page, const struct restate_table *table,
                          int64_t *columns)
{
    bool rounded = true;

    for (size_t i = 0; rounded && i < COUNT_OF(marked); i++) {
        int64_t *recorded = &columns[2 * i * table->count];
        int64_t *restated = recorded + table->count;

        rounded = round_recorded(page, table, marked[i], recorded);
        memcpy(restated, recorded, table->count * sizeof(*restated));
        rounded = rounded && round_restated(page, table, marked[i], restated);
    }
    return rounded;
}

static void put_table_head(const struct page *page, enum text_id heading, struct sheet *sheet)
{
    fill_text(next_cell(sheet), CELL_SIZE, page, heading);
    for (size_t i = 0; i < COUNT_OF(marked); i++) {
        snprintf(next_cell(sheet), CELL_SIZE, "%s (%s)",
                 text_unit(month_indicator_unit(restate_month_indicator(marked[i]))),
                 text_get(page->language, TEXT_RESTATE_RECORDED));
        fill_text(next_cell(sheet), CELL_SIZE, page, TEXT_RESTATE_RESTATED);
        fill_text(next_cell(sheet), CELL_SIZE, page, TEXT_RESTATE_CHANGE);
    }
    fill_text(next_cell(sheet), CELL_SIZE, page, TEXT_NAMES);
}

static bool put_table(const struct page *page, enum text_id heading,
                      const struct restate_table *table)
{
    int64_t *columns = calloc(2 * COUNT_OF(marked) * (table->count + 1), sizeof(*columns));
    bool complete = columns && round_columns(page, table, columns);
    struct sheet sheet;

    sheet_new(&sheet, 3 * COUNT_OF(marked) + 2, table->count + 1);
    put_table_head(page, heading, &sheet);
    for (size_t line = 0; complete && line < table->count; line++) {
        snprintf(next_cell(&sheet), CELL_SIZE, "%.100s", label_of(page, &table->lines[line]));
        for (size_t i = 0; i < 2 * COUNT_OF(marked); i++) {
            const struct restate_line *at = &table->lines[line];

            text_units(next_cell(&sheet), CELL_SIZE, page->language,
                       columns[i * table->count + line],
                       restate_value(i % 2 ? &at->restated : &at->recorded, marked[i / 2]).central,
                       decimals_of(page, marked[i / 2]));
            if (i % 2)
                fill_change(next_cell(&sheet), page, at, marked[i / 2]);
        }
        fill_name(next_cell(&sheet), page, "restated", "", &table->lines[line], "");
    }
    free(columns);
    return sheet_put(&sheet, page->stream) && complete;
}

/* The bands have none of it, and both sides have the same. */
static void put_random(const struct page *page)
{
    double sigma = restate_random_sigma(&page->view->total, page->view->factors);
    char percent[TEXT_NUMBER_SIZE], name[MONTH_FIGURE_SIZE];

    if (!(sigma > 0))
        return;
    text_factor(percent, sizeof(percent), page->language, PERCENT * sigma);
    restate_figure(name, page->view, "restated", "", &page->view->total, "tokens_out_random_sigma");
    text_say(page->stream, page->language, TEXT_RESTATE_RANDOM_NOTE, TEXT_ARGUMENTS(percent),
             false);
    fprintf(page->stream, " [%s]\n", name);
}

bool restate_write_text(const struct restate_view *view, enum text_language language, FILE *stream)
{
    const struct page page = {view, language, stream};
    char threshold[TEXT_NUMBER_SIZE], percent[TEXT_NUMBER_SIZE];
    bool written = true;

    snprintf(threshold, sizeof(threshold), "%u", view->threshold);
    text_factor(percent, sizeof(percent), language, view->statement->threshold_percent);
    put_title(&page);
    put_notices(&page, threshold);
    if (view->withheld_months < view->months) {
        fputc('\n', stream);
        written = put_total(&page);
        fputc('\n', stream);
        written &= put_causes(&page);
        fputc('\n', stream);
        written &= put_table(&page, TEXT_DIRECTION, &view->directions);
        fputc('\n', stream);
        written &= put_table(&page, TEXT_SERVICE, &view->services);
        say(&page, TEXT_RESTATE_NAMES, NULL);
        put_random(&page);
        if (view->has_folded)
            say(&page, TEXT_RESTATE_FOLDED_NOTE, TEXT_ARGUMENTS(threshold));
        if (restate_view_passes(view))
            say(&page, TEXT_RESTATE_PASSES, TEXT_ARGUMENTS(percent));
    }
    return written && fflush(stream) == 0 && !ferror(stream);
}

void restate_list_text(const struct statement *statement, enum text_language language, FILE *stream)
{
    char number[TEXT_NUMBER_SIZE], date[TEXT_DATE_SIZE];

    snprintf(number, sizeof(number), "%lld", (long long)statement->number);
    text_date(date, sizeof(date), language, statement->made_s, true);
    text_say(stream, language, TEXT_RESTATE_LISTED,
             TEXT_ARGUMENTS(number, statement->period, statement->vintage, date), false);
    fputs(statement->passes ? MARK "\n" : "\n", stream);
}

/* ---- Tables ---- */

/* Each with a column of names; what was nothing has no change in percent. */
static const char *const scopes[] = {"restated", "restated-from", "restated-change"};

static void put_row(const struct restate_view *view, const char *scope,
                    const struct restate_line *line, enum restate_indicator indicator, FILE *stream)
{
    enum month_indicator same = restate_month_indicator(indicator);
    double percent = restate_change_percent(line, indicator);
    char number[TEXT_NUMBER_SIZE], name[MONTH_FIGURE_SIZE];

    fprintf(stream, "%lld\t%s\t%s\t%s\t", (long long)view->statement->number,
            view->statement->period, view->statement->vintage, scope);
    tsv_field(stream, line->id);
    tsv_field(stream, line->label);
    fprintf(stream, "%s\t%s\t", month_indicator_name(same), month_indicator_unit(same));
    tsv_triple(stream, restate_value(&line->recorded, indicator));
    tsv_triple(stream, restate_value(&line->restated, indicator));
    tsv_exact(stream, percent);
    fprintf(stream, "%d", restate_passes(view->statement, line, indicator));
    for (int cause = 0; cause < STATEMENT_CAUSES; cause++) {
        text_exact(number, sizeof(number),
                   restate_cause(line, (enum statement_cause)cause, indicator));
        fprintf(stream, "\t%s", number);
    }
    for (size_t i = 0; i < COUNT_OF(scopes); i++) {
        restate_figure(name, view, scopes[i], "", line, month_indicator_name(same));
        fprintf(stream, "\t%s", isinf(percent) && i + 1 == COUNT_OF(scopes) ? "" : name);
    }
    fputc('\n', stream);
}

static void put_lines(const struct restate_view *view, const char *scope,
                      const struct restate_line *lines, size_t count, FILE *stream)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < COUNT_OF(shown); j++)
            put_row(view, scope, &lines[i], shown[j], stream);
}

bool restate_write_tsv(const struct restate_view *view, FILE *stream)
{
    fputs("statement\tperiod\tvintage\tscope\tid\tlabel\tindicator\tunit\trecorded_low\t"
          "recorded_central\trecorded_high\trestated_low\trestated_central\trestated_high\t"
          "change_percent\tpasses",
          stream);
    for (int cause = 0; cause < STATEMENT_CAUSES; cause++)
        fprintf(stream, "\t%s", statement_cause_name((enum statement_cause)cause));
    fputs("\tfigure\tfigure_recorded\tfigure_change\n", stream);
    if (view->withheld_months < view->months) {
        put_lines(view, "total", &view->total, 1, stream);
        put_lines(view, "direction", view->directions.lines, view->directions.count, stream);
        put_lines(view, "service", view->services.lines, view->services.count, stream);
    }
    return fflush(stream) == 0 && !ferror(stream);
}

const char restate_list_head[] = "statement\tmade_s\tperiod\tvintage\tpasses\n";

void restate_list_tsv(const struct statement *statement, FILE *stream)
{
    fprintf(stream, "%lld\t%lld\t%s\t%s\t%d\n", (long long)statement->number,
            (long long)statement->made_s, statement->period, statement->vintage, statement->passes);
}
