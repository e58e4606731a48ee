/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"
#include "reports/sheet.h"

#define EXPONENT_BASE 10

static const char style[] =
    "body{font-family:sans-serif;line-height:1.45;max-width:84em;margin:0 auto;padding:1em 1.5em;"
    "color:#1a1a1a;background:#fff}"
    "h1{font-size:1.7em;margin-bottom:.1em}h2{font-size:1.25em;margin-top:1.8em;border-bottom:2px "
    "solid #33557a}h3{font-size:1.05em;margin:1.2em 0 .3em}"
    ".organisation{font-size:1.1em;margin-top:0}"
    "table{border-collapse:collapse;margin:.6em 0;font-size:.92em}"
    "caption{text-align:left;font-style:italic;padding:.2em 0}"
    "th,td{border:1px solid #b5b5b5;padding:.25em .5em;vertical-align:top}"
    "th{text-align:left;background:#eef2f6}"
    "td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "tr.total th,tr.total td{border-top:2px solid #33557a;font-weight:bold}"
    ".band{display:block;font-size:.86em;font-weight:normal;color:#4a4a4a}"
    ".notice{border-left:.4em solid #b35900;background:#fff4e6;padding:.5em .8em}"
    ".sources{font-size:.84em}.wide{overflow-x:auto}"
    "code{font-family:monospace;overflow-wrap:anywhere}th>code{white-space:nowrap}"
    "th[scope=rowgroup]{font-weight:normal}"
    "figure{margin:.6em 0}figure svg{max-width:100%;height:auto}"
    "@media print{body{max-width:none;padding:0;font-size:9.5pt}h2,h3{break-after:avoid}"
    "tr,figure,.notice{break-inside:avoid}tr.total{break-before:avoid}"
    /* Of up to 15 rows. Where :has() is unknown, tables may be cut. */
    "table:not(:has(tbody tr:nth-child(16))){break-inside:avoid}"
    "p,li{orphans:3;widows:3}.wide{overflow:visible}}"
    "@page{size:A4 landscape;margin:14mm;@bottom-right{content:counter(page) \" / \" "
    "counter(pages);font:8pt sans-serif}}";

struct html_page html_page(FILE *stream, enum text_language language,
                           const struct month_report *report)
{
    struct html_page page = {.stream = stream, .language = language, .report = report};

    snprintf(page.threshold, sizeof(page.threshold), "%u", report->config->report.threshold);
    return page;
}

bool html_open_sheet(struct html_page *page, const char *directory, FILE *stream)
{
    page->sheet = sheet_new(page->language, page->report->until, directory, stream, &page->stream);
    return page->sheet;
}

void html_markup(const struct html_page *page, const char *markup)
{
    if (!page->sheet)
        fputs(markup, page->stream);
}

void html_text(const struct html_page *page, const char *text)
{
    if (page->sheet)
        fputs(text, page->stream);
    else
        text_html(page->stream, text);
}

void html_break(const struct html_page *page)
{
    fputs(page->sheet ? "\n" : "<br/>", page->stream);
}

static void open_page(const struct html_page *page, enum text_id title,
                      const char *const *arguments)
{
    fprintf(page->stream,
            "<!DOCTYPE html>\n<html lang=\"%s\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
            "<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\"/>\n",
            text_language_name(page->language));
    html_element(page, "title", title, arguments);
    fprintf(page->stream, "<style>%s</style>\n</head>\n<body>\n<main>\n", style);
}

void html_open(const struct html_page *page, enum text_id title, const char *const *arguments)
{
    const char *organisation = page->report->config->report.organisation;

    if (!page->sheet)
        open_page(page, title, arguments);
    html_element(page, "h1", title, arguments);
    if (organisation[0]) {
        html_markup(page, "<p class=\"organisation\">");
        html_text(page, organisation);
        html_markup(page, "</p>\n");
        if (page->sheet)
            sheet_paragraph(page->sheet, SHEET_HEADING);
    }
    if (page->sheet)
        html_element(page, "p", TEXT_SHEET_HOW, NULL);
}

void html_close(const struct html_page *page)
{
    html_markup(page, "</main>\n<footer>");
    html_element(page, "p", TEXT_FOOTER, NULL);
    html_markup(page, "</footer>\n</body>\n</html>\n");
}

static void say(const struct html_page *page, enum text_id id, const char *const *arguments)
{
    text_say(page->stream, page->language, id, arguments, !page->sheet);
}

void html_say(const struct html_page *page, enum text_id id)
{
    say(page, id, NULL);
}

void html_say_figures(const struct html_page *page, enum text_id id, const char *const *arguments,
                      const char *const *figures)
{
    if (page->sheet)
        say(page, id, arguments);
    else
        text_say_figures(page->stream, page->language, id, arguments, figures);
}

static enum sheet_style style_of(const char *tag)
{
    return strcmp(tag, "h1") == 0 ? SHEET_TITLE : tag[0] == 'h' ? SHEET_HEADING : SHEET_TEXT;
}

void html_element(const struct html_page *page, const char *tag, enum text_id id,
                  const char *const *arguments)
{
    if (page->sheet) {
        sheet_begin(page->sheet, id);
        say(page, id, arguments);
        sheet_paragraph(page->sheet, style_of(tag));
        return;
    }
    fprintf(page->stream, "<%s>", tag);
    say(page, id, arguments);
    fprintf(page->stream, "</%s>\n", tag);
}

void html_notice(const struct html_page *page, enum text_id id, const char *const *arguments)
{
    html_markup(page, "<p class=\"notice\">");
    say(page, id, arguments);
    html_markup(page, "</p>\n");
    if (page->sheet)
        sheet_paragraph(page->sheet, SHEET_NOTICE);
}

/* ---- Rows and cells ---- */

void html_open_row(const struct html_page *page)
{
    html_markup(page, "<tr>");
    if (page->sheet)
        sheet_open_row(page->sheet, false);
}

void html_open_total_row(const struct html_page *page)
{
    html_markup(page, "<tr class=\"total\">");
    if (page->sheet)
        sheet_open_row(page->sheet, true);
}

static void named(const struct html_page *page, const char *figure, bool first)
{
    if (first) {
        fputs(" id=\"", page->stream);
        text_html(page->stream, figure);
        fputc('"', page->stream);
    }
    fputs(" title=\"iagmeter explain ", page->stream);
    text_html(page->stream, figure);
    fputc('"', page->stream);
}

void html_open_figure_row(const struct html_page *page, const char *figure)
{
    if (page->sheet) {
        sheet_open_row(page->sheet, false);
        sheet_figure(page->sheet, figure);
        return;
    }
    fputs("<tr", page->stream);
    named(page, figure, true);
    fputc('>', page->stream);
}

void html_close_row(const struct html_page *page)
{
    html_markup(page, "</tr>\n");
    if (page->sheet)
        sheet_close_row(page->sheet);
}

void html_open_row_heading(const struct html_page *page)
{
    html_markup(page, "<th scope=\"row\">");
}

void html_part(const struct html_page *page, const char *text)
{
    if (page->sheet)
        html_break(page);
    html_markup(page, "<span class=\"band\">");
    html_text(page, text);
    html_markup(page, "</span>");
}

void html_close_row_heading(const struct html_page *page)
{
    html_markup(page, "</th>");
    if (page->sheet)
        sheet_close_cell(page->sheet);
}

void html_open_label(const struct html_page *page, const char *label, const char *code)
{
    if (page->sheet) {
        fputs(code ? code : "", page->stream);
        sheet_close_cell(page->sheet);
    }
    html_open_row_heading(page);
    html_text(page, label);
    if (page->sheet || !code)
        return;
    fputs("<span class=\"band\"><code>", page->stream);
    text_html(page->stream, code);
    fputs("</code></span>", page->stream);
}

void html_open_cell(const struct html_page *page)
{
    html_markup(page, "<td>");
}

void html_open_wide_cell(const struct html_page *page, size_t columns)
{
    if (page->sheet)
        sheet_widen(page->sheet, columns);
    else
        fprintf(page->stream, "<td colspan=\"%zu\">", columns);
}

void html_open_number(const struct html_page *page, const char *figure, bool first)
{
    if (page->sheet) {
        if (figure)
            sheet_figure(page->sheet, figure);
        return;
    }
    fputs("<td class=\"n\"", page->stream);
    if (figure)
        named(page, figure, first);
    fputc('>', page->stream);
}

void html_close_cell(const struct html_page *page)
{
    html_markup(page, "</td>");
    if (page->sheet)
        sheet_close_cell(page->sheet);
}

void html_text_cell(const struct html_page *page, const char *text)
{
    html_open_cell(page);
    html_text(page, text);
    html_close_cell(page);
}

void html_sentence_cell(const struct html_page *page, enum text_id id)
{
    html_open_cell(page);
    html_say(page, id);
    html_close_cell(page);
}

/* Files of factors are in English: a title, or what was quoted, is not translated, and no screen
 * reader must read it as French (WCAG 2.2, 3.1.2). */
static void english_cell(const struct html_page *page, const char *text)
{
    html_markup(page, page->language == LANGUAGE_EN ? "<td>" : "<td lang=\"en\">");
    html_text(page, text);
    html_close_cell(page);
}

void html_number_cell(const struct html_page *page, const char *number)
{
    html_open_number(page, NULL, false);
    html_text(page, number);
    html_close_cell(page);
}

void html_unit_cell(const struct html_page *page, const char *unit)
{
    html_text_cell(page, strcmp(unit, "1") == 0 ? "–" : text_unit(unit));
}

void html_row_heading(const struct html_page *page, const char *text)
{
    html_open_row_heading(page);
    html_text(page, text);
    html_close_row_heading(page);
}

void html_row_heading_text(const struct html_page *page, enum text_id id)
{
    html_open_row_heading(page);
    html_say(page, id);
    html_close_row_heading(page);
}

static void open_heading(const struct html_page *page, enum text_id id, const char *unit)
{
    html_markup(page, "<th scope=\"col\">");
    html_say(page, id);
    if (unit) {
        html_break(page);
        fputc('(', page->stream);
        html_text(page, text_unit(unit));
        fputc(')', page->stream);
    }
    html_markup(page, "</th>");
}

void html_column_heading(const struct html_page *page, enum text_id id, const char *unit)
{
    open_heading(page, id, unit);
    if (page->sheet)
        sheet_column(page->sheet);
}

void html_triple_heading(const struct html_page *page, enum text_id id, const char *unit)
{
    open_heading(page, id, unit);
    if (page->sheet)
        sheet_triple_column(page->sheet);
}

void html_label_heading(const struct html_page *page, enum text_id id)
{
    if (page->sheet)
        sheet_code_column(page->sheet);
    html_column_heading(page, id, NULL);
}

void html_open_table(const struct html_page *page, enum text_id caption,
                     const char *const *arguments)
{
    if (page->sheet)
        sheet_begin(page->sheet, caption);
    html_markup(page, "<div class=\"wide\"><table><caption>");
    say(page, caption, arguments);
    html_markup(page, "</caption>\n<thead><tr>");
    if (page->sheet)
        sheet_open_table(page->sheet);
}

void html_open_body(const struct html_page *page)
{
    html_markup(page, "</tr></thead>\n<tbody>\n");
    if (page->sheet)
        sheet_open_body(page->sheet);
}

void html_close_table(const struct html_page *page)
{
    html_markup(page, "</tbody></table></div>\n");
    if (page->sheet)
        sheet_close_table(page->sheet);
}

/* ---- Numbers ---- */

void html_number(const struct html_page *page, double value, unsigned decimals, const char *suffix)
{
    char number[TEXT_NUMBER_SIZE];

    if (page->sheet) {
        sheet_number(page->sheet, value, decimals, suffix);
        return;
    }
    text_number(number, sizeof(number), page->language, value, decimals);
    text_html(page->stream, number);
    text_html(page->stream, suffix);
}

void html_change(const struct html_page *page, double value, unsigned decimals)
{
    html_markup(page, value > 0 ? "+" : "");
    html_number(page, value, decimals, "");
}

void html_units(const struct html_page *page, int64_t units, bool positive, unsigned decimals)
{
    char number[TEXT_NUMBER_SIZE];

    if (page->sheet) {
        sheet_units(page->sheet, units, positive, decimals);
        return;
    }
    text_units(number, sizeof(number), page->language, units, positive ? 1 : 0, decimals);
    text_html(page->stream, number);
}

void html_band(const struct html_page *page, struct text_band band, struct triple value,
               unsigned decimals)
{
    if (page->sheet) {
        sheet_band(page->sheet, band, value, decimals);
        html_close_cell(page);
        return;
    }
    html_units(page, band.central, value.central > 0, decimals);
    if (value.low < value.high) {
        fputs("<span class=\"band\">(", page->stream);
        html_units(page, band.low, value.low > 0, decimals);
        fputs("\u00a0–\u00a0", page->stream);
        html_units(page, band.high, value.high > 0, decimals);
        fputs(")</span>", page->stream);
    }
    html_close_cell(page);
}

void html_factor(const struct html_page *page, double value)
{
    char number[TEXT_NUMBER_SIZE] = "–";
    char *exponent;

    if (page->sheet && !isnan(value)) {
        sheet_factor(page->sheet, value);
        return;
    }
    if (!isnan(value))
        text_factor(number, sizeof(number), page->language, value);
    exponent = strchr(number, 'e');
    if (exponent)
        *exponent++ = '\0';
    html_text(page, number);
    if (exponent)
        fprintf(page->stream, "\u00a0×\u00a010<sup>%s%ld</sup>", *exponent == '-' ? "\u2212" : "",
                labs(strtol(exponent, NULL, EXPONENT_BASE)));
}

void html_factor_cell(const struct html_page *page, double value)
{
    html_open_number(page, NULL, false);
    html_factor(page, value);
    html_close_cell(page);
}

void html_provenance_cells(const struct html_page *page, const struct provenance *provenance)
{
    const char grade[] = {provenance->grade, '\0'};

    html_text_cell(page, provenance->year);
    if (page->language == LANGUAGE_FR && provenance->scope_fr[0])
        html_text_cell(page, provenance->scope_fr);
    else
        english_cell(page, provenance->scope);
    english_cell(page, provenance->source);
    english_cell(page, provenance->licence);
    html_text_cell(page, grade);
}

void html_band_headings(const struct html_page *page)
{
    for (int id = TEXT_LOW; id <= TEXT_HIGH; id++)
        html_column_heading(page, (enum text_id)id, NULL);
}

void html_provenance_headings(const struct html_page *page)
{
    static const enum text_id headings[] = {TEXT_YEAR, TEXT_SCOPE, TEXT_SOURCE, TEXT_LICENCE,
                                            TEXT_GRADE};

    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
        html_column_heading(page, headings[i], NULL);
}

void html_sentence(const struct html_page *page, const char *tag, const char *class_name,
                   enum text_id id, const char *const *arguments, const char *const *figures)
{
    bool in_cell = strcmp(tag, "span") == 0;

    if (page->sheet) {
        if (in_cell)
            html_break(page);
        say(page, id, arguments);
        if (!in_cell)
            sheet_paragraph(page->sheet, class_name ? SHEET_NOTICE : SHEET_TEXT);
        return;
    }
    fprintf(page->stream, "<%s", tag);
    if (class_name)
        fprintf(page->stream, " class=\"%s\"", class_name);
    fputc('>', page->stream);
    html_say_figures(page, id, arguments, figures);
    fprintf(page->stream, "</%s>\n", tag);
}

void html_open_figure(const struct html_page *page, const char *scope, const char *key,
                      const char *indicator)
{
    char figure[MONTH_FIGURE_SIZE];

    derived_name(figure, page->report->month, scope, key, indicator);
    html_open_number(page, figure, true);
}

void html_figure_cell(const struct html_page *page, double value, unsigned decimals,
                      const char *scope, const char *key, const char *indicator)
{
    html_open_figure(page, scope, key, indicator);
    html_number(page, value, decimals, "");
    html_close_cell(page);
}
