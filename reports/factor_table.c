/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/factor_table.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/servicefactors.h"
#include "reports/coefficients.h"

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

/* A short form that is read back as the same number. */
static void put_number(FILE *stream, double value)
{
    char text[40];

    for (int digits = FEWEST_DIGITS; digits <= MOST_DIGITS; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, stream);
}

static void put_range(FILE *stream, struct range range)
{
    put_number(stream, range.min);
    if (range.min < range.max) {
        fputs(" – ", stream);
        put_number(stream, range.max);
    }
    fputs(" | ", stream);
}

static void put_triple(FILE *stream, struct triple triple)
{
    put_number(stream, triple.low);
    if (triple.low < triple.high) {
        fputs(" / ", stream);
        put_number(stream, triple.central);
        fputs(" / ", stream);
        put_number(stream, triple.high);
    }
    fputs(" | ", stream);
}

/* 0 stands for unknown. */
static void put_optional(FILE *stream, double value)
{
    if (value > 0)
        put_number(stream, value);
    else
        fputs("–", stream);
    fputs(" | ", stream);
}

static void put_provenance(FILE *stream, const struct provenance *provenance)
{
    put_text(stream, provenance->year);
    fputs(" | ", stream);
    put_text(stream, provenance->scope);
    fputs(" | ", stream);
    put_text(stream, provenance->source);
    fputs(" | ", stream);
    put_text(stream, provenance->licence);
    fprintf(stream, " | %c |\n", provenance->grade);
}

/* COLUMNS: headings between bars, "facteur | valeur". */
static void put_heading(FILE *stream, const char *title, const char *columns)
{
    fprintf(stream, "\n### %s\n\n| %s | année | périmètre | source | licence | note |\n|", title,
            columns);
    for (const char *bar = columns; bar; bar = strchr(bar + 1, '|'))
        fputs("---|", stream);
    fputs("---|---|---|---|---|\n", stream);
}

/* ---- Tables ---- */

static void write_coefficients(const struct factors *factors, enum coefficient_group group,
                               const char *title, FILE *stream)
{
    struct coefficient coefficient;

    put_heading(stream, title, "coefficient | valeur | unité");
    for (size_t i = 0; coefficients_get(factors, group, i, &coefficient); i++) {
        fprintf(stream, "| `%s` | ", coefficient.name);
        put_triple(stream, coefficient.value);
        fprintf(stream, "%s | ", strcmp(coefficient.unit, "1") == 0 ? "–" : coefficient.unit);
        put_provenance(stream, coefficient.provenance);
    }
}

static void write_model(FILE *stream, const void *entry)
{
    const struct model_factors *model = entry;

    fprintf(stream, "| `%s/%s` | ", model->provider, model->name);
    put_range(stream, model->total_parameters_b);
    put_range(stream, model->active_parameters_b);
    put_optional(stream, model->tokens_per_second);
    put_optional(stream, model->time_to_first_token_s);
    put_provenance(stream, &model->provenance);
}

static void write_provider(FILE *stream, const void *entry)
{
    const struct provider_factors *provider = entry;

    fprintf(stream, "| `%s` | %s | ", provider->id, provider->zone);
    put_range(stream, provider->pue);
    put_range(stream, provider->wue_l_per_kwh);
    put_provenance(stream, &provider->provenance);
}

static void write_zone_row(void *context, const struct zone_factors *zone)
{
    const struct {
        const char *name;
        const char *unit;
        double value;
        const struct provenance *provenance;
    } rows[] = {
        {"gaz à effet de serre", "kgCO2e/kWh", zone->gwp_kgco2e_per_kwh, &zone->provenance},
        {"ADPe", "kgSb/kWh", zone->adpe_kgsb_per_kwh, &zone->adpe_provenance},
        {"eau (EWIF)", "L/kWh", zone->ewif_l_per_kwh, &zone->ewif_provenance},
    };
    FILE *stream = context;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fprintf(stream, "| `%s` | %s | ", zone->id, rows[i].name);
        put_number(stream, rows[i].value);
        fprintf(stream, " | %s | ", rows[i].unit);
        put_provenance(stream, rows[i].provenance);
    }
}

static void write_medium(void *context, const struct medium_factors *medium)
{
    FILE *stream = context;

    fprintf(stream, "| `%s` | ", medium->id);
    put_triple(stream, medium->energy_wh);
    fprintf(stream, "%s | ", medium->gpu_only ? "GPU" : "machine");
    put_provenance(stream, &medium->provenance);
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

    if (!all)
        return false;
    collect(config, all);
    fprintf(stream, "\nMillésime %s.\n", factors_vintage(config->factors));
    write_coefficients(config->factors, COEFFICIENTS_A, "Méthode A", stream);
    write_coefficients(config->factors, COEFFICIENTS_B, "Méthode B", stream);
    write_coefficients(config->factors, COEFFICIENTS_UNCERTAINTY, "Incertitudes", stream);
    put_heading(
        stream, "Modèles supposés des services",
        "modèle | paramètres (10⁹) | paramètres actifs (10⁹) | jetons/s | premier jeton (s)");
    for (size_t i = 0; i < all->models.count; i++)
        write_model(stream, all->models.entries[i]);
    write_mixes(config->catalogue, stream);
    put_heading(stream, "Hébergeurs", "hébergeur | zone | PUE | WUE (L/kWh)");
    for (size_t i = 0; i < all->providers.count; i++)
        write_provider(stream, all->providers.entries[i]);
    put_heading(stream, "Électricité", "zone | facteur | valeur | unité");
    for (size_t i = 0; i < all->zones.count; i++)
        factors_visit_variants(config->factors,
                               ((const struct zone_factors *)all->zones.entries[i])->id,
                               write_zone_row, stream);
    put_heading(stream, "Images, vidéo et son", "support | énergie (Wh) | mesurée à");
    factors_visit_media(config->factors, write_medium, stream);
    free(all);
    return !ferror(stream);
}
