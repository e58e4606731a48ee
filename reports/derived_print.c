/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/derived.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "reports/explain_json.h"
#include "reports/html.h"
#include "reports/impact_json.h"
#include "reports/jsonvalues.h"

#define SCHEMA "iagmeter-derived/1"
/* Of a longer sum, the terms are listed, but not put into the formula again. */
#define LONG_FORMULA 16

/* "1 / 2 / 3", or what all three are, with 17 digits. */
static void put_value(FILE *stream, struct triple value)
{
    const double ends[] = {value.low, value.central, value.high};
    bool is_one = value.low == value.central && value.central == value.high;
    char number[TEXT_NUMBER_SIZE];

    for (size_t i = is_one ? 1 : 0; i < (is_one ? 2 : 3); i++) {
        text_exact(number, sizeof(number), ends[i]);
        fprintf(stream, "%s%s", i > 0 && !is_one ? " / " : "", number);
    }
}

static void put_unit(FILE *stream, const char *unit)
{
    if (strcmp(unit, "1") != 0)
        fprintf(stream, " %s", text_unit(unit));
}

static const struct derived_term *find_term(const struct derived *derived, const char *name,
                                            size_t length)
{
    for (size_t i = 0; i < derived->term_count; i++)
        if (strlen(derived->terms[i].name) == length &&
            strncmp(derived->terms[i].name, name, length) == 0)
            return &derived->terms[i];
    return NULL;
}

/* With the names of the terms, or their central values. */
static void put_formula(FILE *stream, const struct derived *derived, bool values)
{
    char number[TEXT_NUMBER_SIZE];

    for (const char *at = derived->formula; *at;) {
        size_t text = strcspn(at, "{"), name;
        const struct derived_term *term;

        fwrite(at, 1, text, stream);
        at += text;
        if (!*at)
            return;
        name = strcspn(++at, "}");
        term = find_term(derived, at, name);
        if (values && term) {
            text_exact(number, sizeof(number), term->value.central);
            fputs(number, stream);
        } else {
            fwrite(at, 1, name, stream);
        }
        at += name + 1;
    }
}

static void say(const struct derived *derived, enum text_language language, enum text_id id,
                FILE *stream)
{
    text_say(stream, language, id, TEXT_ARGUMENTS(derived->name), false);
    fputc('\n', stream);
}

static enum text_id verdict(const struct derived *derived)
{
    return derived->agrees ? TEXT_DERIVED_AGREES : TEXT_DERIVED_DIFFERS;
}

/* The name of the figure, what stands behind a factor, or where a number is from. */
static void put_origin(const struct derived_term *term, enum text_language language, FILE *stream)
{
    const struct provenance *provenance = term->provenance;

    if (provenance)
        fprintf(stream, "  [%s ; %s ; %s ; %s ; %c]\n", provenance->year,
                explain_or_dash(text_either(language, provenance->scope_fr, provenance->scope)),
                provenance->source, explain_or_dash(provenance->licence), provenance->grade);
    else
        fprintf(stream, "  [%s]\n",
                term->source[0] ? term->source : text_get(language, term->origin));
}

static void put_chains(const struct derived *derived, enum text_language language, FILE *stream)
{
    if (derived->chain_count > 0) {
        fputc('\n', stream);
        say(derived, language, TEXT_DERIVED_CHAINS, stream);
    }
    for (size_t i = 0; i < derived->chain_count; i++) {
        fprintf(stream, "\n[chain_%zu]", i + 1);
        explain_put_chain(derived->report, &derived->chains[i], language, stream);
    }
    if (derived->chain_count > 0)
        say(derived, language, TEXT_EXPLAIN_BAND, stream);
}

bool derived_write_text(const struct derived *derived, enum text_language language, FILE *stream)
{
    say(derived, language, TEXT_DERIVED_TITLE, stream);
    fprintf(stream, "\n  %s = ", derived->indicator);
    put_formula(stream, derived, false);
    if (derived->term_count <= LONG_FORMULA) {
        fputs("\n      ", stream);
        put_value(stream, triple_exact(derived->recomputed.central));
        fputs(" = ", stream);
        put_formula(stream, derived, true);
    }
    fputs("\n\n", stream);
    say(derived, language, TEXT_DERIVED_TERMS, stream);
    for (size_t i = 0; i < derived->term_count; i++) {
        const struct derived_term *term = &derived->terms[i];

        fprintf(stream, "  %s = ", term->name);
        put_value(stream, term->value);
        put_unit(stream, term->unit);
        put_origin(term, language, stream);
    }
    fputc('\n', stream);
    fprintf(stream, "%s ", text_get(language, TEXT_DERIVED_RECOMPUTED));
    put_value(stream, derived->recomputed);
    put_unit(stream, derived->unit);
    fprintf(stream, "\n%s ", text_get(language, TEXT_DERIVED_REPORTED));
    put_value(stream, derived->value);
    put_unit(stream, derived->unit);
    fputc('\n', stream);
    say(derived, language, verdict(derived), stream);
    put_chains(derived, language, stream);
    return fflush(stream) == 0 && !ferror(stream);
}

/* ---- A page ---- */

static void value_cells(const struct html_page *page, struct triple value)
{
    html_factor_cell(page, value.low);
    html_factor_cell(page, value.central);
    html_factor_cell(page, value.high);
}

static void result_row(const struct html_page *page, enum text_id name, struct triple value,
                       const char *unit)
{
    fputs("<tr class=\"total\">", page->stream);
    html_row_heading_text(page, name);
    value_cells(page, value);
    html_text_cell(page, text_unit(unit));
    fputs("<td></td></tr>\n", page->stream);
}

static void write_formula(const struct html_page *page, const struct derived *derived)
{
    char *text = NULL;
    size_t size = 0;
    FILE *formula = open_memstream(&text, &size);

    if (!formula)
        return;
    fprintf(formula, "%s = ", derived->indicator);
    put_formula(formula, derived, false);
    if (fclose(formula) == 0) {
        fputs("<p><code>", page->stream);
        text_html(page->stream, text);
        fputs("</code></p>\n", page->stream);
    }
    free(text);
}

static void origin_cell(const struct html_page *page, const struct derived_term *term)
{
    const struct provenance *provenance = term->provenance;
    const char grade[] = {provenance ? provenance->grade : '\0', '\0'};

    if (!provenance) {
        html_text_cell(page,
                       term->source[0] ? term->source : text_get(page->language, term->origin));
        return;
    }
    fputs("<td>", page->stream);
    text_say(page->stream, page->language, TEXT_EXPLAIN_ORIGIN,
             TEXT_ARGUMENTS(provenance->source, provenance->year,
                            explain_or_dash(text_either(page->language, provenance->scope_fr,
                                                        provenance->scope)),
                            explain_or_dash(provenance->licence), grade),
             true);
    fputs("</td>", page->stream);
}

bool derived_write_html(const struct derived *derived, enum text_language language, FILE *stream)
{
    const struct html_page page = html_page(stream, language, derived->report);

    html_open(&page, TEXT_DERIVED_TITLE, TEXT_ARGUMENTS(derived->name));
    write_formula(&page, derived);
    html_open_table(&page, TEXT_DERIVED_TERMS, NULL);
    html_column_heading(&page, TEXT_QUANTITY, NULL);
    html_band_headings(&page);
    html_column_heading(&page, TEXT_UNIT, NULL);
    html_column_heading(&page, TEXT_SOURCE, NULL);
    html_open_body(&page);
    for (size_t i = 0; i < derived->term_count; i++) {
        const struct derived_term *term = &derived->terms[i];

        fputs("<tr>", stream);
        html_row_heading(&page, term->name);
        value_cells(&page, term->value);
        html_text_cell(&page, text_unit(term->unit));
        origin_cell(&page, term);
        fputs("</tr>\n", stream);
    }
    result_row(&page, TEXT_DERIVED_RECOMPUTED, derived->recomputed, derived->unit);
    result_row(&page, TEXT_DERIVED_REPORTED, derived->value, derived->unit);
    html_close_table(&page);
    html_element(&page, "p", verdict(derived), NULL);
    if (derived->chain_count > 0)
        html_element(&page, "p", TEXT_DERIVED_CHAINS, NULL);
    for (size_t i = 0; i < derived->chain_count; i++) {
        fprintf(stream, "<p><code>chain_%zu</code></p>\n", i + 1);
        explain_html_chain(&page, &derived->chains[i]);
    }
    if (derived->chain_count > 0)
        html_element(&page, "p", TEXT_EXPLAIN_BAND, NULL);
    html_close(&page);
    return fflush(stream) == 0 && !ferror(stream);
}

/* ---- For programs ---- */

static json_t *json_term(const struct derived_term *term)
{
    return json_pack(
        "{s:s, s:s, s:o, s:s?, s:s, s:o*}", "name", term->name, "unit", term->unit, "value",
        jsonvalues_triple(term->value), "id", term->source[0] ? term->source : NULL, "origin",
        term->source[0]    ? "figure"
        : term->provenance ? "factor"
                           : text_get(LANGUAGE_EN, term->origin),
        "provenance", term->provenance ? impact_json_provenance(term->provenance) : NULL);
}

json_t *derived_json(const struct derived *derived)
{
    json_t *terms = json_array(), *chains = json_array();
    int failed = !terms;

    for (size_t i = 0; i < derived->term_count; i++)
        failed |= json_array_append_new(terms, json_term(&derived->terms[i]));
    for (size_t i = 0; i < derived->chain_count; i++)
        failed |=
            json_array_append_new(chains, explain_json_chain(derived->report, &derived->chains[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b}", "schema", SCHEMA, "id",
                     derived->name, "unit", derived->unit, "formula", derived->formula, "terms",
                     jsonvalues_finished(terms, failed), "chains", chains, "recomputed",
                     jsonvalues_triple(derived->recomputed), "reported",
                     jsonvalues_triple(derived->value), "agrees", derived->agrees);
}

bool derived_write_json(const struct derived *derived, FILE *stream)
{
    return jsonvalues_write(derived_json(derived), stream);
}
