/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/derived.h"

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
    "@media print{body{max-width:none;padding:0;font-size:9.5pt}h2{break-after:avoid}"
    "tr{break-inside:avoid}.wide{overflow:visible}}"
    "@page{size:A4 landscape;margin:14mm}";

struct html_page html_page(FILE *stream, enum text_language language,
                           const struct month_report *report)
{
    struct html_page page = {.stream = stream, .language = language, .report = report};

    snprintf(page.threshold, sizeof(page.threshold), "%u", report->config->report.threshold);
    return page;
}

void html_open(const struct html_page *page, enum text_id title, const char *const *arguments)
{
    const char *organisation = page->report->config->report.organisation;

    fprintf(page->stream,
            "<!DOCTYPE html>\n<html lang=\"%s\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
            "<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\"/>\n",
            text_language_name(page->language));
    html_element(page, "title", title, arguments);
    fprintf(page->stream, "<style>%s</style>\n</head>\n<body>\n<main>\n", style);
    html_element(page, "h1", title, arguments);
    if (organisation[0]) {
        fputs("<p class=\"organisation\">", page->stream);
        text_html(page->stream, organisation);
        fputs("</p>\n", page->stream);
    }
}

void html_close(const struct html_page *page)
{
    fputs("</main>\n<footer>", page->stream);
    html_element(page, "p", TEXT_FOOTER, NULL);
    fputs("</footer>\n</body>\n</html>\n", page->stream);
}

void html_say(const struct html_page *page, enum text_id id)
{
    text_say(page->stream, page->language, id, NULL, true);
}

void html_element(const struct html_page *page, const char *tag, enum text_id id,
                  const char *const *arguments)
{
    fprintf(page->stream, "<%s>", tag);
    text_say(page->stream, page->language, id, arguments, true);
    fprintf(page->stream, "</%s>\n", tag);
}

void html_notice(const struct html_page *page, enum text_id id, const char *const *arguments)
{
    fputs("<p class=\"notice\">", page->stream);
    text_say(page->stream, page->language, id, arguments, true);
    fputs("</p>\n", page->stream);
}

void html_text_cell(const struct html_page *page, const char *text)
{
    fputs("<td>", page->stream);
    text_html(page->stream, text);
    fputs("</td>", page->stream);
}

/* Files of factors are in English: a title, or what was quoted, is not translated, and no screen
 * reader must read it as French (WCAG 2.2, 3.1.2). */
static void english_cell(const struct html_page *page, const char *text)
{
    fputs(page->language == LANGUAGE_EN ? "<td>" : "<td lang=\"en\">", page->stream);
    text_html(page->stream, text);
    fputs("</td>", page->stream);
}

void html_number_cell(const struct html_page *page, const char *number)
{
    fputs("<td class=\"n\">", page->stream);
    text_html(page->stream, number);
    fputs("</td>", page->stream);
}

void html_row_heading(const struct html_page *page, const char *text)
{
    fputs("<th scope=\"row\">", page->stream);
    text_html(page->stream, text);
    fputs("</th>", page->stream);
}

void html_row_heading_text(const struct html_page *page, enum text_id id)
{
    fputs("<th scope=\"row\">", page->stream);
    html_say(page, id);
    fputs("</th>", page->stream);
}

void html_column_heading(const struct html_page *page, enum text_id id, const char *unit)
{
    fputs("<th scope=\"col\">", page->stream);
    html_say(page, id);
    if (unit) {
        fputs("<br/>(", page->stream);
        text_html(page->stream, unit);
        fputs(")", page->stream);
    }
    fputs("</th>", page->stream);
}

void html_open_table(const struct html_page *page, enum text_id caption,
                     const char *const *arguments)
{
    fputs("<div class=\"wide\"><table><caption>", page->stream);
    text_say(page->stream, page->language, caption, arguments, true);
    fputs("</caption>\n<thead><tr>", page->stream);
}

void html_open_body(const struct html_page *page)
{
    fputs("</tr></thead>\n<tbody>\n", page->stream);
}

void html_close_table(const struct html_page *page)
{
    fputs("</tbody></table></div>\n", page->stream);
}

void html_units(const struct html_page *page, int64_t units, bool positive, unsigned decimals)
{
    char number[TEXT_NUMBER_SIZE];

    text_units(number, sizeof(number), page->language, units, positive ? 1 : 0, decimals);
    text_html(page->stream, number);
}

void html_band(const struct html_page *page, struct text_band band, struct triple value,
               unsigned decimals)
{
    html_units(page, band.central, value.central > 0, decimals);
    if (value.low < value.high) {
        fputs("<span class=\"band\">(", page->stream);
        html_units(page, band.low, value.low > 0, decimals);
        fputs("\u00a0–\u00a0", page->stream);
        html_units(page, band.high, value.high > 0, decimals);
        fputs(")</span>", page->stream);
    }
    fputs("</td>", page->stream);
}

void html_factor(const struct html_page *page, double value)
{
    char number[TEXT_NUMBER_SIZE] = "–";
    char *exponent;

    if (!isnan(value))
        text_factor(number, sizeof(number), page->language, value);
    exponent = strchr(number, 'e');
    if (exponent)
        *exponent++ = '\0';
    text_html(page->stream, number);
    if (exponent)
        fprintf(page->stream, "\u00a0×\u00a010<sup>%s%ld</sup>", *exponent == '-' ? "\u2212" : "",
                labs(strtol(exponent, NULL, EXPONENT_BASE)));
}

void html_factor_cell(const struct html_page *page, double value)
{
    fputs("<td class=\"n\">", page->stream);
    html_factor(page, value);
    fputs("</td>", page->stream);
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
    fprintf(page->stream, "<%s", tag);
    if (class_name)
        fprintf(page->stream, " class=\"%s\"", class_name);
    fputc('>', page->stream);
    text_say_figures(page->stream, page->language, id, arguments, figures);
    fprintf(page->stream, "</%s>\n", tag);
}

void html_named(const struct html_page *page, const char *figure)
{
    fputs(" title=\"iagmeter explain ", page->stream);
    text_html(page->stream, figure);
    fputc('"', page->stream);
}

void html_explained(const struct html_page *page, const char *figure)
{
    fputs(" id=\"", page->stream);
    text_html(page->stream, figure);
    fputc('"', page->stream);
    html_named(page, figure);
}

void html_open_figure(const struct html_page *page, const char *scope, const char *key,
                      const char *indicator)
{
    char figure[MONTH_FIGURE_SIZE];

    derived_name(figure, page->report->month, scope, key, indicator);
    fputs("<td class=\"n\"", page->stream);
    html_explained(page, figure);
    fputc('>', page->stream);
}

void html_figure_cell(const struct html_page *page, const char *number, const char *scope,
                      const char *key, const char *indicator)
{
    html_open_figure(page, scope, key, indicator);
    text_html(page->stream, number);
    fputs("</td>", page->stream);
}
