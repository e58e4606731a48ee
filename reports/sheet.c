/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include "reports/zipfile.h"

#define TABS_MAX     24
#define COLUMNS_MAX  64
#define FORMATS_MAX  64
#define LINKS_MAX    24
#define TRIPLE       3
#define FORMAT_SIZE  80
#define FIGURE_SIZE  256
#define FORMULA_SIZE 128
#define A4           9 /* ECMA-376-1, 18.3.1.63, paperSize */

/* Widths and heights in what spreadsheets count in: digits of the default font, and points. */
#define WIDTH_MIN       7U
#define WIDTH_MOST      40U /* of a column of words, which are wrapped */
#define WIDTH_MARGIN    2
#define WIDTH_DEFAULT   8U
#define PARAGRAPH_MIN   90U
#define PARAGRAPH_MOST  130U
#define PAGE_MOST       260U /* in a type that can be read */
#define LINE_POINTS     15
#define TITLE_POINTS    16
#define HEADING_POINTS  12
#define DEFAULT_POINTS  11
#define MARGIN_SIDE     0.4 /* of paper, inches */
#define MARGIN_VERTICAL 0.7
#define DARK_BLUE       0x33557a
#define LIGHT_BLUE      0xeef2f6
#define LIGHT_ORANGE    0xfff4e6
#define GREY            0xb5b5b5

enum style { STYLE_WORDS, STYLE_HEADING, STYLE_TOTAL, STYLES };

struct tab {
    lxw_worksheet *worksheet;
    enum text_id name;
    lxw_row_t row; /* the next one */
    unsigned tables;
    lxw_row_t headings;   /* of the last one */
    size_t label_columns; /* that say what its rows are of */
    unsigned widths[COLUMNS_MAX];
    size_t columns;
};

/* Written at the end, when the columns that it goes over have their widths. */
struct paragraph {
    struct tab *tab;
    lxw_row_t row;
    enum sheet_style style;
    char *words;
};

struct number_format {
    char text[FORMAT_SIZE];
    bool is_total;
    lxw_format *format;
};

struct number {
    double value;
    bool is_part; /* rounded with others, so that they add up: of a sum, and no mean */
    char format[FORMAT_SIZE];
};

/* A row all of whose numbers are of one figure, which a table may tell how they add up. */
struct link {
    char figure[FIGURE_SIZE];
    struct tab *tab;
    lxw_row_t row;
    lxw_col_t column;
    struct number numbers[TRIPLE];
    size_t count;
};

struct sheet {
    enum text_language language;
    lxw_workbook *workbook;
    FILE *stream;
    int64_t created_s;
    FILE *text;
    char *words;
    size_t size;
    char *title;
    struct tab tabs[TABS_MAX];
    size_t tab_count;
    struct tab *tab;
    struct paragraph *paragraphs;
    size_t paragraph_count;
    bool failed;
    lxw_format *styles[STYLES];
    struct number_format formats[FORMATS_MAX];
    size_t format_count;
    /* The table that is open: of each of its columns, as the page has them, the first of the
     * sheet's, and how many these are. */
    size_t starts[COLUMNS_MAX + 1];
    size_t column_count;
    lxw_row_t first_row;
    double sums[COLUMNS_MAX];
    unsigned summands[COLUMNS_MAX];
    bool is_total;
    unsigned lines; /* of the row */
    char row_figure[FIGURE_SIZE];
    /* The cell that is open. */
    size_t cell;
    size_t cell_columns;
    struct number numbers[TRIPLE];
    size_t number_count;
    char figure[FIGURE_SIZE];
    struct link links[LINKS_MAX];
    size_t link_count;
};

/* What begins a sheet, and its name, of 31 characters at most. */
static const struct {
    enum text_id id;
    enum text_id name;
} beginnings[] = {
    {TEXT_TITLE, TEXT_SHEET_SUMMARY},
    {TEXT_YEAR_TITLE, TEXT_SHEET_SUMMARY},
    {TEXT_HEAD_DIRECTIONS, TEXT_SHEET_DIRECTIONS},
    {TEXT_HEAD_SERVICES, TEXT_SHEET_SERVICES},
    {TEXT_HEAD_MEDIA, TEXT_SHEET_MEDIA},
    {TEXT_HEAD_HOST, TEXT_SHEET_HOST},
    {TEXT_HOST_DEVICES, TEXT_SHEET_HOST_DEVICES},
    {TEXT_HOST_SOURCES, TEXT_SHEET_HOST_SOURCES},
    {TEXT_HOST_BALANCE, TEXT_SHEET_HOST_BALANCE},
    {TEXT_HOST_FACTORS, TEXT_SHEET_HOST_FACTORS},
    {TEXT_HEAD_GRAPH, TEXT_SHEET_DAYS},
    {TEXT_HEAD_VARIANTS, TEXT_SHEET_VARIANTS},
    {TEXT_HEAD_OBJECTIVES, TEXT_SHEET_OBJECTIVES},
    {TEXT_YEAR_OBJECTIVES_NONE, TEXT_SHEET_OBJECTIVES},
    {TEXT_YEAR_HEAD_MONTHS, TEXT_SHEET_MONTHS},
    {TEXT_YEAR_HEAD_CLASSES, TEXT_SHEET_CLASSES},
    {TEXT_YEAR_CAPTION_CLASS_MONTHS, TEXT_SHEET_CLASS_MONTHS},
    {TEXT_YEAR_HEAD_COMPARED, TEXT_SHEET_COMPARED},
    {TEXT_HEAD_COVERAGE, TEXT_SHEET_COVERAGE},
    {TEXT_HEAD_METHOD, TEXT_SHEET_METHOD},
    {TEXT_HEAD_LIMITS, TEXT_SHEET_METHOD},
    {TEXT_HEAD_FACTORS, TEXT_SHEET_FACTORS},
    {TEXT_FACTORS_MODELS, TEXT_SHEET_FACTORS_MODELS},
    {TEXT_FACTORS_PROVIDERS, TEXT_SHEET_FACTORS_PROVIDERS},
    {TEXT_FACTORS_ZONES, TEXT_SHEET_FACTORS_ZONES},
    {TEXT_FACTORS_METHOD, TEXT_SHEET_FACTORS_A},
    {TEXT_METHOD_B_NOTE, TEXT_SHEET_FACTORS_B},
};

/* ---- The workbook ---- */

static lxw_format *new_format(struct sheet *sheet)
{
    lxw_format *format = workbook_add_format(sheet->workbook);

    format_set_text_wrap(format);
    format_set_align(format, LXW_ALIGN_VERTICAL_TOP);
    return format;
}

static lxw_format *cell_format(struct sheet *sheet, enum style style)
{
    lxw_format *format = new_format(sheet);

    format_set_border(format, LXW_BORDER_THIN);
    format_set_border_color(format, GREY);
    format_set_indent(format, 1);
    if (style != STYLE_WORDS)
        format_set_bold(format);
    if (style == STYLE_HEADING)
        format_set_bg_color(format, LIGHT_BLUE);
    if (style == STYLE_TOTAL) {
        format_set_top(format, LXW_BORDER_MEDIUM);
        format_set_top_color(format, DARK_BLUE);
    }
    return format;
}

struct sheet *sheet_new(enum text_language language, int64_t created_s, const char *directory,
                        FILE *stream, FILE **text)
{
    struct sheet *sheet = calloc(1, sizeof(*sheet));
    char path[FORMULA_SIZE];
    /* The library keeps the place, and changes nothing of it. */
    char *place = strdup(directory);
    lxw_workbook_options options = {.tmpdir = place};

    if (sheet)
        sheet->text = open_memstream(&sheet->words, &sheet->size);
    /* It opens files by their names; this one is open, under a name that nobody else can give to
     * something of theirs. */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(stream));
    if (place && sheet && sheet->text)
        sheet->workbook = workbook_new_opt(path, &options);
    free(place);
    if (!sheet || !sheet->workbook) {
        if (sheet && sheet->text)
            fclose(sheet->text);
        free(sheet ? sheet->words : NULL);
        free(sheet);
        errno = ENOMEM;
        return NULL;
    }
    sheet->language = language;
    sheet->stream = stream;
    sheet->created_s = created_s;
    for (int i = 0; i < STYLES; i++)
        sheet->styles[i] = cell_format(sheet, (enum style)i);
    *text = sheet->text;
    return sheet;
}

/* What was said since the last call; valid until something is said again. */
static const char *take_words(struct sheet *sheet)
{
    fputc('\0', sheet->text);
    if (fflush(sheet->text) != 0 || fseek(sheet->text, 0, SEEK_SET) != 0 || !sheet->words) {
        sheet->failed = true;
        return "";
    }
    return sheet->words;
}

/* Its place among the sheets is that of the first time. */
static void open_tab(struct sheet *sheet, enum text_id name)
{
    const char *words = text_get(sheet->language, name);
    struct tab *tab = sheet->tabs;

    while (tab < sheet->tabs + sheet->tab_count && tab->name != name)
        tab++;
    if (tab == sheet->tabs + sheet->tab_count && sheet->tab_count < TABS_MAX) {
        *tab =
            (struct tab){.name = name, .worksheet = workbook_add_worksheet(sheet->workbook, words)};
        sheet->tab_count++;
    }
    if (tab < sheet->tabs + TABS_MAX && tab->worksheet)
        sheet->tab = tab;
    else
        sheet->failed = true;
}

void sheet_begin(struct sheet *sheet, enum text_id id)
{
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (beginnings[i].id == id)
            open_tab(sheet, beginnings[i].name);
}

/* ---- Paragraphs ---- */

void sheet_paragraph(struct sheet *sheet, enum sheet_style style)
{
    const char *words = take_words(sheet);
    struct paragraph *grown =
        realloc(sheet->paragraphs, (sheet->paragraph_count + 1) * sizeof(*sheet->paragraphs));

    if (grown)
        sheet->paragraphs = grown;
    if (!grown || !sheet->tab) {
        sheet->failed = true;
        return;
    }
    if (style == SHEET_HEADING && sheet->tab->row > 1)
        sheet->tab->row++;
    grown += sheet->paragraph_count++;
    *grown = (struct paragraph){sheet->tab, sheet->tab->row++, style, strdup(words)};
    if (!grown->words)
        sheet->failed = true;
    else if (style == SHEET_TITLE && !sheet->title)
        sheet->title = grown->words;
}

static lxw_format *paragraph_format(struct sheet *sheet, enum sheet_style style)
{
    lxw_format *format = new_format(sheet);

    if (style == SHEET_TITLE || style == SHEET_HEADING) {
        format_set_bold(format);
        format_set_font_color(format, DARK_BLUE);
        format_set_font_size(format, style == SHEET_TITLE ? TITLE_POINTS : HEADING_POINTS);
    }
    if (style == SHEET_NOTICE)
        format_set_bg_color(format, LIGHT_ORANGE);
    return format;
}

static unsigned width_of(const struct tab *tab, size_t column)
{
    return column < tab->columns ? tab->widths[column] + WIDTH_MARGIN : WIDTH_DEFAULT;
}

/* Over as many columns as make a line of it that can be read, in as many lines as it needs: no
 * program finds out by itself how high a row of such a cell has to be. */
static void write_paragraph(const struct paragraph *paragraph, lxw_format *format)
{
    static const unsigned points[] = {[SHEET_TITLE] = TITLE_POINTS,
                                      [SHEET_HEADING] = HEADING_POINTS + 1,
                                      [SHEET_TEXT] = DEFAULT_POINTS,
                                      [SHEET_NOTICE] = DEFAULT_POINTS};
    const struct tab *tab = paragraph->tab;
    unsigned size = points[paragraph->style], width = width_of(tab, 0), lines;
    size_t last = 0;

    while (width < PARAGRAPH_MIN ||
           (last + 1 < tab->columns && width + width_of(tab, last + 1) <= PARAGRAPH_MOST))
        width += width_of(tab, ++last);
    /* Letters are narrower than digits. */
    lines = 1 + (unsigned)text_width(paragraph->words) * 9 / 10 * size / (width * DEFAULT_POINTS);
    worksheet_set_row(tab->worksheet, paragraph->row,
                      (double)(lines * LINE_POINTS * size) / DEFAULT_POINTS, NULL);
    if (last == 0)
        worksheet_write_string(tab->worksheet, paragraph->row, 0, paragraph->words, format);
    else
        worksheet_merge_range(tab->worksheet, paragraph->row, 0, paragraph->row, (lxw_col_t)last,
                              paragraph->words, format);
}

/* ---- Tables ---- */

void sheet_open_table(struct sheet *sheet)
{
    sheet_paragraph(sheet, sheet->tab && sheet->tab->row == 0 ? SHEET_HEADING : SHEET_TEXT);
    if (sheet->tab)
        sheet->tab->label_columns = 1;
    sheet->column_count = 0;
    sheet->starts[0] = 0;
    sheet->lines = 1;
    memset(sheet->sums, 0, sizeof(sheet->sums));
    memset(sheet->summands, 0, sizeof(sheet->summands));
}

static void want_width(struct sheet *sheet, size_t column, size_t width)
{
    struct tab *tab = sheet->tab;

    while (tab->columns <= column)
        tab->widths[tab->columns++] = WIDTH_MIN;
    if (width > tab->widths[column])
        tab->widths[column] = (unsigned)width;
}

static size_t part_width(const char *words, size_t length)
{
    char part[WIDTH_MOST * 16];

    snprintf(part, sizeof(part), "%.*s", (int)length, words);
    return text_width(part);
}

/* Its longest part, when it is broken where one of BREAKS stands. */
static size_t longest(const char *words, const char *breaks)
{
    size_t most = 0;

    while (*words) {
        size_t length = strcspn(words, breaks);

        if (part_width(words, length) > most)
            most = part_width(words, length);
        words += length + (words[length] != '\0');
    }
    return most < WIDTH_MOST ? most : WIDTH_MOST;
}

/* That WORDS take in a column so wide. No program makes a row as high as it has to be in all cases;
 * where the column gets wider for what is below, some room is left. */
static void want_lines(struct sheet *sheet, const char *words, size_t width)
{
    unsigned lines = 1;
    size_t used = 0;

    while (*words) {
        size_t length = strcspn(words, " \n"), word = part_width(words, length);
        bool is_end = words[length] == '\n';

        if (used > 0 && used + word > width) {
            lines++;
            used = 0;
        }
        lines += is_end + (word > width ? (unsigned)((word - 1) / width) : 0);
        used = is_end ? 0 : used + word + 1;
        words += length + (words[length] != '\0');
    }
    if (lines > sheet->lines)
        sheet->lines = lines;
}

static void set_height(struct sheet *sheet)
{
    if (sheet->lines > 1)
        worksheet_set_row(sheet->tab->worksheet, sheet->tab->row, sheet->lines * LINE_POINTS, NULL);
    sheet->lines = 1;
}

static void put_heading(struct sheet *sheet, size_t column, const char *words)
{
    size_t width = longest(words, " \n/");

    want_width(sheet, column, width);
    want_lines(sheet, words, sheet->tab->widths[column]);
    worksheet_write_string(sheet->tab->worksheet, sheet->tab->row, (lxw_col_t)column, words,
                           sheet->styles[STYLE_HEADING]);
}

static void add_columns(struct sheet *sheet, size_t count)
{
    static const enum text_id ends[TRIPLE] = {TEXT_LOW, TEXT_CENTRAL, TEXT_HIGH};
    const char *words = take_words(sheet);
    size_t start = sheet->starts[sheet->column_count];
    char heading[FORMULA_SIZE * 2];

    if (start + count > COLUMNS_MAX) {
        sheet->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(heading, sizeof(heading), "%s%s%s", words, count > 1 ? "\n" : "",
                 count > 1 ? text_get(sheet->language, ends[i]) : "");
        put_heading(sheet, start + i, heading);
    }
    sheet->starts[++sheet->column_count] = start + count;
}

void sheet_column(struct sheet *sheet)
{
    add_columns(sheet, 1);
}

void sheet_code_column(struct sheet *sheet)
{
    fputs(text_get(sheet->language, TEXT_SHEET_CODE), sheet->text);
    add_columns(sheet, 1);
    if (sheet->tab)
        sheet->tab->label_columns++;
}

void sheet_triple_column(struct sheet *sheet)
{
    add_columns(sheet, TRIPLE);
}

void sheet_open_body(struct sheet *sheet)
{
    set_height(sheet);
    sheet->tab->tables++;
    sheet->tab->headings = sheet->tab->row++;
    sheet->first_row = sheet->tab->row;
}

void sheet_close_table(struct sheet *sheet)
{
    sheet->tab->row++;
}

void sheet_open_row(struct sheet *sheet, bool is_total)
{
    sheet->is_total = is_total;
    sheet->cell = 0;
    sheet->cell_columns = 1;
    sheet->row_figure[0] = '\0';
    sheet->figure[0] = '\0';
}

void sheet_close_row(struct sheet *sheet)
{
    set_height(sheet);
    sheet->tab->row++;
}

void sheet_widen(struct sheet *sheet, size_t columns)
{
    sheet->cell_columns = columns;
}

void sheet_figure(struct sheet *sheet, const char *name)
{
    snprintf(sheet->cell == 0 ? sheet->row_figure : sheet->figure, FIGURE_SIZE, "%s", name);
}

/* ---- Numbers ---- */

/* As ECMA-376-1, 18.8.31, has it: what a reader sees has the signs of their own language. */
static void decimal_format(char out[FORMAT_SIZE], unsigned decimals)
{
    size_t used = (size_t)snprintf(out, FORMAT_SIZE, "#,##0%s", decimals > 0 ? "." : "");

    for (unsigned i = 0; i < decimals && used + 1 < FORMAT_SIZE; i++)
        out[used++] = '0';
    out[used] = '\0';
}

static struct number *add_number(struct sheet *sheet, double value)
{
    struct number *number = &sheet->numbers[sheet->number_count];

    if (sheet->number_count < TRIPLE)
        sheet->number_count++;
    *number = (struct number){.value = value};
    return number;
}

/* What is not 0 but rounds to it reads as text_units() has it: "< 0,01". */
void sheet_units(struct sheet *sheet, int64_t units, bool positive, unsigned decimals)
{
    struct number *number = add_number(sheet, (double)units / pow(10, decimals));
    char words[TEXT_NUMBER_SIZE];

    number->is_part = true;
    if (units != 0 || !positive) {
        decimal_format(number->format, decimals);
        return;
    }
    text_units(words, sizeof(words), sheet->language, units, 1, decimals);
    snprintf(number->format, sizeof(number->format), "\"%.60s\"", words);
}

void sheet_band(struct sheet *sheet, struct text_band band, struct triple value, unsigned decimals)
{
    bool is_triple = sheet->cell < sheet->column_count &&
                     sheet->starts[sheet->cell + 1] - sheet->starts[sheet->cell] == TRIPLE;

    if (is_triple)
        sheet_units(sheet, band.low, value.low > 0, decimals);
    sheet_units(sheet, band.central, value.central > 0, decimals);
    if (is_triple)
        sheet_units(sheet, band.high, value.high > 0, decimals);
}

void sheet_number(struct sheet *sheet, double value, unsigned decimals, const char *suffix)
{
    double scale = pow(10, decimals);
    struct number *number = add_number(sheet, round(value * scale) / scale);
    char digits[FORMAT_SIZE];

    decimal_format(digits, decimals);
    snprintf(number->format, sizeof(number->format), suffix[0] ? "%.60s\"%.10s\"" : "%.60s", digits,
             suffix);
}

void sheet_factor(struct sheet *sheet, double value)
{
    add_number(sheet, value)->format[0] = '\0';
}

void sheet_factors(struct sheet *sheet, double low, double central, double high)
{
    sheet_factor(sheet, low);
    sheet_factor(sheet, central);
    sheet_factor(sheet, high);
}

static lxw_format *number_format(struct sheet *sheet, const char *text)
{
    struct number_format *found = sheet->formats;

    while (found < sheet->formats + sheet->format_count &&
           (strcmp(found->text, text) != 0 || found->is_total != sheet->is_total))
        found++;
    if (found < sheet->formats + sheet->format_count)
        return found->format;
    if (sheet->format_count == FORMATS_MAX)
        found--; /* the last one is made anew, whose cells keep what they have */
    else
        sheet->format_count++;
    snprintf(found->text, sizeof(found->text), "%s", text);
    found->is_total = sheet->is_total;
    found->format = cell_format(sheet, sheet->is_total ? STYLE_TOTAL : STYLE_WORDS);
    if (text[0])
        format_set_num_format(found->format, text);
    format_set_align(found->format, LXW_ALIGN_RIGHT);
    return found->format;
}

/* Whether the numbers above make it: both are decimals of the same length, and a double is near to
 * what it stands for. */
static bool adds_up(const struct sheet *sheet, size_t column, const struct number *number)
{
    return sheet->is_total && number->is_part && sheet->summands[column] > 0 &&
           fabs(sheet->sums[column] - number->value) <= 1e-9 * fmax(1, fabs(number->value));
}

/* Returns whether it is a formula. */
static bool put_number(struct sheet *sheet, size_t column, const struct number *number)
{
    lxw_worksheet *worksheet = sheet->tab->worksheet;
    lxw_row_t row = sheet->tab->row;
    lxw_format *format = number_format(sheet, number->format);
    char range[LXW_MAX_CELL_RANGE_LENGTH], formula[FORMULA_SIZE];
    int digits = snprintf(NULL, 0, "%.0f", number->value) * 4 / 3; /* with signs between */

    want_width(sheet, column, (size_t)digits + strlen(strchrnul(number->format, '.')));
    if (adds_up(sheet, column, number)) {
        lxw_rowcol_to_range(range, sheet->first_row, (lxw_col_t)column, row - 1, (lxw_col_t)column);
        snprintf(formula, sizeof(formula), "=SUM(%s)", range);
        worksheet_write_formula_num(worksheet, row, (lxw_col_t)column, formula, format,
                                    number->value);
        return true;
    }
    sheet->sums[column] += number->value;
    sheet->summands[column]++;
    worksheet_write_number(worksheet, row, (lxw_col_t)column, number->value, format);
    return false;
}

/* The number of a row that is all of one figure. */
static void remember(struct sheet *sheet, size_t column, const struct number *number)
{
    struct link *link = sheet->link_count > 0 ? &sheet->links[sheet->link_count - 1] : NULL;

    if (!link || link->row != sheet->tab->row || link->tab != sheet->tab) {
        if (sheet->link_count == LINKS_MAX)
            return;
        link = &sheet->links[sheet->link_count++];
        *link =
            (struct link){.tab = sheet->tab, .row = sheet->tab->row, .column = (lxw_col_t)column};
        snprintf(link->figure, sizeof(link->figure), "%s", sheet->row_figure);
    }
    if (link->count < TRIPLE)
        link->numbers[link->count++] = *number;
}

/* Who tells the sum that now stands in this cell of three looks there. */
static void refer(struct sheet *sheet, size_t column)
{
    char cell[LXW_MAX_CELL_NAME_LENGTH], formula[FORMULA_SIZE];

    sheet->is_total = false; /* as its format is */
    for (struct link *link = sheet->links; link < sheet->links + sheet->link_count; link++) {
        if (strcmp(link->figure, sheet->figure) != 0)
            continue;
        link->figure[0] = '\0';
        for (size_t i = 0; i < link->count; i++) {
            if (link->numbers[i].value != sheet->numbers[i].value)
                continue;
            lxw_rowcol_to_cell(cell, sheet->tab->row, (lxw_col_t)(column + i));
            snprintf(formula, sizeof(formula), "='%s'!%s",
                     text_get(sheet->language, sheet->tab->name), cell);
            worksheet_write_formula_num(
                link->tab->worksheet, link->row, (lxw_col_t)(link->column + i), formula,
                number_format(sheet, link->numbers[i].format), link->numbers[i].value);
        }
    }
    sheet->is_total = true;
}

static void put_words(struct sheet *sheet, size_t start, size_t end, const char *words)
{
    lxw_format *format = sheet->styles[sheet->is_total ? STYLE_TOTAL : STYLE_WORDS];
    lxw_worksheet *worksheet = sheet->tab->worksheet;
    lxw_row_t row = sheet->tab->row;

    if (end - start == 1 || sheet->cell_columns == 1) {
        for (size_t i = start; i < end; i++)
            worksheet_write_blank(worksheet, row, (lxw_col_t)i, format);
        start += end - start == TRIPLE;
        want_width(sheet, start, longest(words, "\n"));
        want_lines(sheet, words, WIDTH_MOST);
        if (words[0])
            worksheet_write_string(worksheet, row, (lxw_col_t)start, words, format);
    } else {
        worksheet_merge_range(worksheet, row, (lxw_col_t)start, row, (lxw_col_t)(end - 1), words,
                              format);
    }
}

void sheet_close_cell(struct sheet *sheet)
{
    const char *words = take_words(sheet);
    size_t last = sheet->cell + sheet->cell_columns;
    size_t start, end, formulas = 0;

    if (!sheet->tab || last > sheet->column_count) {
        sheet->failed = true;
        return;
    }
    start = sheet->starts[sheet->cell];
    end = sheet->starts[last];
    if (sheet->number_count < end - start)
        put_words(sheet, start, end, sheet->number_count > 0 ? "" : words);
    if (sheet->number_count == 1 && end - start == TRIPLE)
        start++;
    for (size_t i = 0; i < sheet->number_count; i++) {
        if (!isnan(sheet->numbers[i].value))
            formulas += put_number(sheet, start + i, &sheet->numbers[i]);
        else
            worksheet_write_blank(sheet->tab->worksheet, sheet->tab->row, (lxw_col_t)(start + i),
                                  sheet->styles[STYLE_WORDS]);
        if (sheet->row_figure[0])
            remember(sheet, start + i, &sheet->numbers[i]);
    }
    if (formulas == TRIPLE)
        refer(sheet, start);
    sheet->figure[0] = '\0';
    sheet->number_count = 0;
    sheet->cell = last;
    sheet->cell_columns = 1;
}

/* ---- The end ---- */

static void finish_tab(const struct sheet *sheet, const struct tab *tab)
{
    char footer[FORMULA_SIZE * 2];
    unsigned width = 0;

    for (size_t i = 0; i < tab->columns; width += width_of(tab, i), i++)
        worksheet_set_column(tab->worksheet, (lxw_col_t)i, (lxw_col_t)i, width_of(tab, i), NULL);
    if (tab->tables == 1) {
        worksheet_freeze_panes(tab->worksheet, tab->headings + 1, (lxw_col_t)tab->label_columns);
        worksheet_repeat_rows(tab->worksheet, tab->headings, tab->headings);
        worksheet_repeat_columns(tab->worksheet, 0, (lxw_col_t)(tab->label_columns - 1));
    }
    worksheet_set_landscape(tab->worksheet);
    worksheet_set_paper(tab->worksheet, A4);
    worksheet_fit_to_pages(tab->worksheet, (uint16_t)(1 + width / PAGE_MOST), 0);
    worksheet_set_margins(tab->worksheet, MARGIN_SIDE, MARGIN_SIDE, MARGIN_VERTICAL,
                          MARGIN_VERTICAL);
    snprintf(footer, sizeof(footer), "&L%.120s&C&A&R&P / &N", sheet->title ? sheet->title : "");
    worksheet_set_footer(tab->worksheet, footer);
}

static void set_properties(struct sheet *sheet)
{
    lxw_doc_properties properties = {.title = sheet->title, .created = (time_t)sheet->created_s};

    workbook_set_properties(sheet->workbook, &properties);
}

/* Each part of the workbook is one element. On a full disk the library writes half of one, and says
 * nothing. */
static bool is_whole(void *context, const char *name, const char *text, size_t size)
{
    const char *root = strchr(text, '<');
    char end[FIGURE_SIZE];
    size_t length;

    (void)context, (void)name;
    while (root && root[1] == '?')
        root = strchr(root + 1, '<');
    if (!root)
        return false;
    length = (size_t)snprintf(end, sizeof(end), "</%.*s>", (int)strcspn(root + 1, " />"), root + 1);
    while (size > 0 && text[size - 1] == '\n')
        size--;
    return size >= length && strncmp(text + size - length, end, length) == 0;
}

/* The library says on standard error what went wrong, in several lines; who writes the file says it
 * in a sentence. */
static bool close_quietly(lxw_workbook *workbook)
{
    int saved = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC), problem;
    bool closed;

    if (saved >= 0 && nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    errno = 0;
    closed = workbook_close(workbook) == LXW_NO_ERROR;
    problem = errno;
    if (saved >= 0)
        dup2(saved, STDERR_FILENO);
    close(saved);
    close(nowhere);
    errno = problem;
    return closed;
}

static bool close_workbook(struct sheet *sheet)
{
    char path[FORMULA_SIZE];
    FILE *written;
    bool whole;

    if (!close_quietly(sheet->workbook))
        return false;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(sheet->stream));
    written = fopen(path, "re");
    whole = written && zipfile_each(written, is_whole, NULL);
    if (written)
        fclose(written);
    if (written && !whole)
        errno = ENOSPC; /* which was not said when it happened */
    return whole;
}

bool sheet_write(struct sheet *sheet)
{
    lxw_format *formats[] = {
        paragraph_format(sheet, SHEET_TITLE), paragraph_format(sheet, SHEET_HEADING),
        paragraph_format(sheet, SHEET_TEXT), paragraph_format(sheet, SHEET_NOTICE)};
    bool written;

    for (size_t i = 0; !sheet->failed && i < sheet->paragraph_count; i++)
        write_paragraph(&sheet->paragraphs[i], formats[sheet->paragraphs[i].style]);
    for (size_t i = 0; i < sheet->tab_count; i++)
        finish_tab(sheet, &sheet->tabs[i]);
    set_properties(sheet);
    written = close_workbook(sheet) && !sheet->failed;
    if (!written && errno == 0)
        errno = EIO;
    for (size_t i = 0; i < sheet->paragraph_count; i++)
        free(sheet->paragraphs[i].words);
    free(sheet->paragraphs);
    fclose(sheet->text);
    free(sheet->words);
    free(sheet);
    return written;
}
