/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/factor_table.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/servicefactors.h"
#include "reports/coefficients.h"
#include "reports/symbols.h"

#define FEWEST_DIGITS 10 /* with fewer, %g writes 440 as 4.4e+02 */
#define MOST_DIGITS   17 /* of a double */

/* ---- Cells ---- */

/* In a table of Markdown '|' ends a cell. */
static void put_text(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

/* A short form that is read back as the same number, but for the French comma. */
static void put_number(FILE *stream, double value)
{
    char text[40];

    for (int digits = FEWEST_DIGITS; digits <= MOST_DIGITS; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (strchr(text, '.'))
        *strchr(text, '.') = ',';
    fputs(text, stream);
}

/* Of a range, its ends; of a band, all three; 0 of a model stands for unknown. */
static void put_value(FILE *stream, enum coefficient_group group,
                      const struct coefficient *coefficient)
{
    const struct triple *value = &coefficient->value;
    const char *between = coefficient->is_band ? " / " : " – ";

    if (group == COEFFICIENTS_MODEL && !(value->high > 0))
        fputs("–", stream);
    else
        put_number(stream, value->low);
    if (coefficient->is_band && value->low < value->high) {
        fputs(between, stream);
        put_number(stream, value->central);
    }
    if (value->low < value->high) {
        fputs(between, stream);
        put_number(stream, value->high);
    }
    fputs(" | ", stream);
}

/* To the end of the row, with what `iagmeter explain` takes. */
static void put_provenance(FILE *stream, const struct provenance *provenance, const char *name)
{
    put_text(stream, provenance->year);
    fputs(" | ", stream);
    put_text(stream, text_either(LANGUAGE_FR, provenance->scope_fr, provenance->scope));
    fputs(" | ", stream);
    put_text(stream, provenance->source);
    fputs(" | ", stream);
    put_text(stream, provenance->licence);
    fprintf(stream, " | %c | `%s` |\n", provenance->grade, name);
}

/* COLUMNS: headings between bars, "facteur | valeur". */
static void put_heading(FILE *stream, const char *title, const char *columns)
{
    fprintf(
        stream,
        "\n### %s\n\n| %s | année | périmètre | source | licence | note | nom pour `explain` |\n|",
        title, columns);
    for (const char *bar = columns; bar; bar = strchr(bar + 1, '|'))
        fputs("---|", stream);
    fputs("---|---|---|---|---|---|\n", stream);
}

/* ---- Tables ---- */

struct table {
    const struct factors *factors;
    FILE *stream;
};

/* A row of its own for COEFFICIENT, after what stands for ENTRY. */
static void write_coefficient(const struct table *table, enum coefficient_group group,
                              const void *entry, const struct coefficient *coefficient)
{
    char name[MONTH_FIGURE_SIZE];

    put_value(table->stream, group, coefficient);
    fprintf(table->stream, "%s | ",
            strcmp(coefficient->unit, "1") == 0 ? "–" : text_unit(coefficient->unit));
    coefficients_name(name, table->factors, group, entry, coefficient->name);
    put_provenance(table->stream, coefficient->provenance, name);
}

static void write_coefficients(const struct table *table, enum coefficient_group group,
                               const char *title)
{
    struct coefficient coefficient;

    put_heading(table->stream, title, "coefficient | signification | valeur | unité");
    for (size_t i = 0; coefficients_get(table->factors, group, i, &coefficient); i++) {
        const char *meaning = symbol_meaning(coefficient.name, LANGUAGE_FR);

        fprintf(table->stream, "| `%s` | %s | ", coefficient.name, meaning ? meaning : "–");
        write_coefficient(table, group, NULL, &coefficient);
    }
}

/* All figures of ENTRY in one row. In the name, a heading says what stands for "…". */
static void write_values(const struct table *table, enum coefficient_group group, const void *entry)
{
    struct coefficient coefficient;
    char name[MONTH_FIGURE_SIZE];

    coefficients_name(name, table->factors, group, entry, "…");
    for (size_t i = 0; coefficients_of(group, entry, i, &coefficient); i++)
        put_value(table->stream, group, &coefficient);
    coefficients_of(group, entry, 0, &coefficient);
    put_provenance(table->stream, coefficient.provenance, name);
}

static void write_model(const struct table *table, const struct model_factors *model)
{
    fprintf(table->stream, "| `%s/%s` | ", model->provider, model->name);
    write_values(table, COEFFICIENTS_MODEL, model);
}

static void write_provider(const struct table *table, const struct provider_factors *provider)
{
    fprintf(table->stream, "| `%s` | %s | ", provider->id, provider->zone);
    write_values(table, COEFFICIENTS_PROVIDER, provider);
}

static void write_zone(void *context, const struct zone_factors *zone)
{
    static const char *const names[] = {"gaz à effet de serre", "ADPe", "eau (EWIF)"};
    const struct table *table = context;
    struct coefficient coefficient;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) &&
                       coefficients_of(COEFFICIENTS_ZONE, zone, i, &coefficient);
         i++) {
        fprintf(table->stream, "| `%s` | %s | ", zone->id, names[i]);
        write_coefficient(table, COEFFICIENTS_ZONE, zone, &coefficient);
    }
}

static void write_medium(void *context, const struct medium_factors *medium)
{
    const struct table *table = context;

    fprintf(table->stream, "| `%s` | %s | ", medium->id, medium->gpu_only ? "GPU" : "machine");
    write_values(table, COEFFICIENTS_MEDIUM, medium);
}

/* ---- What the services use ---- */

/* A vintage has hundreds of entries. */
#define MAX_USED 4096

/* Entries of one kind, each once. */
struct used {
    const void *entries[MAX_USED];
    size_t count;
};

static void add(struct used *used, const void *entry)
{
    for (size_t i = 0; i < used->count; i++)
        if (used->entries[i] == entry)
            return;
    if (used->count < MAX_USED)
        used->entries[used->count++] = entry;
}

struct all_used {
    struct used models;
    struct used providers;
    struct used zones; /* one of each country */
};

static void collect_one(const struct config *config, const struct impact_factors *found,
                        struct all_used *all)
{
    char country[ZONE_ID_SIZE];

    add(&all->models, found->model);
    add(&all->providers, found->provider);
    snprintf(country, sizeof(country), "%.*s", (int)strcspn(found->zone->id, "-"), found->zone->id);
    if (factors_zone(config->factors, country))
        add(&all->zones, factors_zone(config->factors, country));
    else
        add(&all->zones, found->zone);
}

/* Of all times. */
static void collect(const struct config *config, struct all_used *all)
{
    for (uint16_t i = 0; i < catalogue_count(config->catalogue); i++) {
        struct service_factors found;

        (void)service_factors_resolve(config->factors, config->catalogue, i, &found);
        for (size_t j = 0; j < found.count; j++)
            for (size_t k = 0; k < found.items[j].count; k++)
                collect_one(config, &found.items[j].parts[k], all);
        service_factors_free(&found);
    }
}

static void put_month(FILE *stream, int64_t day)
{
    char month[MIX_MONTH_SIZE];

    mix_month(day, month);
    fprintf(stream, "%s | ", month[0] ? month : "–");
}

/* One line for each model of each period. */
static void write_mixes(const struct catalogue *catalogue, FILE *stream)
{
    fputs("\n### Mélanges de modèles datés\n\n"
          "| service | de | à (exclu) | modèle | part | source | note "
          "|\n|---|---|---|---|---|---|---|\n",
          stream);
    for (uint16_t i = 0; i < catalogue_count(catalogue); i++) {
        size_t count;
        const struct mix *mixes = catalogue_mixes(catalogue, i, &count);

        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; k < mixes[j].count; k++) {
                fprintf(stream, "| `%s` | ", catalogue_service(catalogue, i)->id);
                put_month(stream, mixes[j].from_day);
                put_month(stream, mixes[j].until_day);
                fprintf(stream, "`%s` | ", mixes[j].parts[k].model);
                put_number(stream, mixes[j].parts[k].share);
                fputs(" | ", stream);
                put_text(stream, mixes[j].source);
                fprintf(stream, " | %c |\n", mixes[j].grade);
            }
    }
}

bool factor_table_write(const struct config *config, FILE *stream)
{
    struct all_used *all = calloc(1, sizeof(*all));
    struct table table = {config->factors, stream};

    if (!all)
        return false;
    collect(config, all);
    fprintf(stream, "\nMillésime %s.\n", factors_vintage(config->factors));
    write_coefficients(&table, COEFFICIENTS_A, "Méthode A");
    write_coefficients(&table, COEFFICIENTS_B, "Méthode B");
    write_coefficients(&table, COEFFICIENTS_UNCERTAINTY, "Incertitudes");
    put_heading(stream, "Modèles supposés des services",
                "modèle | paramètres, 10⁹ (`total_parameters_b`) | actifs, 10⁹ "
                "(`active_parameters_b`) | jetons/s "
                "(`tokens_per_second`) | premier jeton, s (`time_to_first_token_s`)");
    for (size_t i = 0; i < all->models.count; i++)
        write_model(&table, all->models.entries[i]);
    write_mixes(config->catalogue, stream);
    put_heading(stream, "Hébergeurs",
                "hébergeur | zone | PUE (`pue`) | WUE, L/kWh (`wue_l_per_kwh`)");
    for (size_t i = 0; i < all->providers.count; i++)
        write_provider(&table, all->providers.entries[i]);
    put_heading(stream, "Électricité", "zone | facteur | valeur | unité");
    for (size_t i = 0; i < all->zones.count; i++)
        factors_visit_variants(config->factors,
                               ((const struct zone_factors *)all->zones.entries[i])->id, write_zone,
                               &table);
    put_heading(stream, "Images, vidéo et son", "support | mesurée à | énergie, Wh (`energy_wh`)");
    factors_visit_media(config->factors, write_medium, &table);
    free(all);
    return !ferror(stream);
}
