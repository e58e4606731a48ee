/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EXPLAIN_H
#define IAGMETER_EXPLAIN_H

#include "daemon/localimpact.h"
#include "daemon/sensitivity.h"
#include "reports/month.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where a figure of the monthly report comes from: the sums that it is made of, the formulas with
 * their numbers, every factor with its source, and the impact computed again from the activity in
 * the ledger. Knows of a month what its report shows, and nothing of the pairs that it folds: they
 * are recomputed, but told of as one sum. */

enum explain_scope {
    EXPLAIN_TOTAL,
    EXPLAIN_DIRECTION,
    EXPLAIN_SERVICE,
    EXPLAIN_CELL, /* one service in one direction */
    EXPLAIN_OTHER /* what is folded */
};

/* What is asked for: the parts of month_figure(). */
struct explain_query {
    const char *month;
    const char *direction; /* code, "other", or "." for all; alone, also a service */
    const char *service;   /* id, or "." for all */
    const char *indicator; /* NULL: all */
};

/* Splits "2026-10/DRH/chatgpt-web/energy_kwh", from the month to any of the parts, in place, then
 * takes what follows as further parts. The id of what derived.h explains may hold a "/". Returns
 * false when there are too many or none. */
bool explain_parse(char *const arguments[], int count, struct explain_query *query);

/* ---- From activity to impact, for one service and one of the models that it runs ---- */

/* One line of the chain: a number of the activity, a factor, or what is computed from those before.
 * By the end of the factors that gives it (enum impact_end); NAN where there is none. */
struct explain_symbol {
    const char *name;
    const char *unit;
    const char *formula; /* "{gpu_kwh} + {server_kwh}"; NULL: nothing is computed */
    double values[3];
    const struct provenance *provenance; /* of a factor; else NULL */
};

#define EXPLAIN_SYMBOLS 64

/* How what is common at a host of our own came to the directions that are explained. */
struct explain_key {
    size_t directions; /* 0: it is not what is common */
    enum sharing_key_kind kind;
    double share; /* of them together */
    bool is_rest; /* what nobody used, which is nobody's */
    double weight;
    double weights; /* of all directions */
    double entitlement;
    double usage_share;
    double shares[LOCALHOST_KEYS]; /* by each key */
    bool uses_shown;               /* shares by use may be told, whatever the key is */
    double common_energy_j;
    double common_host_s;
};

struct explain_chain {
    const struct service *service; /* NULL when no longer in the catalogue */
    char id[MONTH_ID_SIZE];
    struct impact_factors factors; /* model NULL: no impact is estimated */
    const struct mix *mix;         /* that the model is part of; NULL: the service's own model */
    const char *model;             /* as the catalogue names it; NULL when there is none */
    double share;                  /* of the totals that this model did; the chain is of these */
    struct local_factors local;    /* of a service whose energy is measured; host NULL: it is not */
    struct explain_key key;
    struct month_totals totals; /* of the cells of this service that are explained */
    struct impact impact;       /* by the formulas, of the share of these sums */
    struct explain_symbol symbols[EXPLAIN_SYMBOLS]; /* only those that a formula needs */
    size_t symbol_count;
};

/* Fills the symbols and the impact of CHAIN from its factors and totals. */
void explain_chain_compute(const struct factors *factors, struct explain_chain *chain);

/* Of what is measured: explain_chain_compute() calls it. */
void explain_local_compute(struct explain_chain *chain);
/* Adds the share of one more direction. */
void explain_local_add_key(const struct month_report *report, const char *direction,
                           struct explain_key *key);
/* Of a direction that the report shows with a part of what is common. */
double explain_common_share(const struct month_report *report, const char *direction);

/* Writes FORMULA with each "{name}" replaced by the name, or, with END from 0 to 2, by its value
 * there. */
void explain_formula(FILE *stream, const struct explain_chain *chain, const char *formula, int end,
                     void (*put)(FILE *stream, const void *context, double value),
                     const void *context);

/* ---- A figure ---- */

struct explain_part {
    char direction[MONTH_ID_SIZE]; /* as in month_figure() */
    char service[MONTH_ID_SIZE];
    struct month_totals totals;
};

/* Why the impact computed today is not what was recorded. Bits. */
enum explain_reason {
    EXPLAIN_OTHER_VINTAGE = 1,    /* recorded with a vintage that is not the configured one */
    EXPLAIN_OTHER_FILES = 2,      /* the same vintage, other files */
    EXPLAIN_SEVERAL_COUNTS = 4,   /* the files of today: counts of one minute that came apart */
    EXPLAIN_NO_FACTORS = 8,       /* the service has no model today */
    EXPLAIN_RECORDED_WITHOUT = 16 /* it had none then */
};
#define EXPLAIN_REASONS 5

struct explain_set {
    char vintage[64];
    uint64_t digest;
    bool installed;
};

struct explanation {
    const struct month_report *report;
    enum explain_scope scope;
    enum month_variant variant; /* of the chains; VARIANT_REPORT: as the report has it */
    struct explain_part figure; /* the report's own sum; the ledger's too */
    int indicator;              /* enum month_indicator, -1: all */
    struct explain_part *parts; /* add up to the figure in this order, to the last bit; none for
                                   what is folded and for one cell */
    size_t part_count;
    struct explain_chain *chains; /* one for each service and model; none for what is folded */
    size_t chain_count;
    bool has_folded;          /* part of the figure is folded */
    unsigned long minutes;    /* of activity, of what is not folded */
    struct impact recomputed; /* of each minute, added up */
    bool recomputed_is_shown; /* false: it would tell about what is folded, which has then no part
                                 in what follows */
    double difference;        /* the largest of a minute, relative; of what is not folded */
    bool agrees;              /* no minute differs by more than EXPLAIN_TOLERANCE */
    bool devices_withheld;    /* those of a host of our own, below, may not be told */
    unsigned reasons;         /* when it does not */
    /* Use of a host of our own, from its devices on: an element for each of the report's; none
     * where nothing of it is explained, or may be told by devices. */
    struct localhost_part *devices;
    size_t device_count;
    double used_j;            /* as recorded */
    double replayed_j;        /* shared again */
    struct explain_set *sets; /* of factors, of the whole month */
    size_t set_count;
};

#define EXPLAIN_TOLERANCE 1e-12

enum explain_status {
    EXPLAIN_OK,
    EXPLAIN_USAGE,  /* no such direction, service or indicator */
    EXPLAIN_NOTHING /* the report does not show it, or the ledger cannot be read */
};

/* REPORT, which must outlive the explanation, is of the query's month and of LEDGER. On failure one
 * sentence in ERROR, and *OUT is NULL. Freed with explain_free(). */
enum explain_status explain_build(struct ledger *ledger, const struct month_report *report,
                                  const struct explain_query *query, struct explanation **out,
                                  char *error, size_t error_size);
void explain_free(struct explanation *explanation);
/* The chains of what is shown of DIRECTION and SERVICE (MONTH_ALL: all), computed as VARIANT: for
 * derived.h. To be freed. Returns false when memory is exhausted. */
bool explain_variant_chains(const struct month_report *report, enum month_variant variant,
                            const char *direction, const char *service,
                            struct explain_chain **chains, size_t *count);
/* Whether a cell is part of what is explained, and told. */
bool explain_includes(const struct explanation *explanation, const struct month_cell *cell);
/* Fills the devices. Returns false when the ledger cannot be read or memory is exhausted. */
bool explain_local_devices(struct ledger *ledger, struct explanation *explanation);

/* ---- How far it may be off ---- */

struct explain_margin {
    enum month_indicator indicator;
    struct uncertainty_interval likely;                /* around the figure */
    struct sensitivity_bar bars[SENSITIVITY_UNKNOWNS]; /* the widest first; around what the
                                                          installed factors give */
    size_t bar_count;
};

#define EXPLAIN_MARGINS 6

/* Fills OUT with the impacts that are asked for and their number in *COUNT: 0 where no impact is
 * estimated, or nothing tells how far a part of the figure may be off: what is folded, whose
 * services are not told, and what was recorded of a service that has no model any more. By the
 * installed factors and the sums of the month; what services share moves as one (sensitivity.h).
 * Returns false when memory is exhausted. */
bool explain_margins(const struct explanation *explanation,
                     struct explain_margin out[EXPLAIN_MARGINS], size_t *count);
/* The sentence on why there are none though an impact is asked for; TEXT_COUNT: there is nothing to
 * say. */
enum text_id explain_margins_lack(const struct explanation *explanation);
/* Whether people are shown the bars, too. */
bool explain_margin_is_headline(const struct explanation *explanation,
                                const struct explain_margin *margin);

/* ---- Words ---- */

/* What is said of a CHAIN without a model: nothing is estimated, or nothing is any more. */
enum text_id explain_no_model_text(const struct explain_chain *chain);

/* What the figure is of: "Ressources humaines, ChatGPT". */
void explain_label(const struct explanation *explanation, const struct explain_part *part,
                   enum text_language language, char *out, size_t size);
/* The sentence of the reason number INDEX, from 0 to EXPLAIN_REASONS - 1. */
enum text_id explain_reason_text(unsigned index);
const char *explain_reason_name(unsigned index);

/* Whether the central results are means of the two ends: method A states no others. */
bool explain_is_mean(const struct explain_chain *chain);
/* What host.conf does not state of a figure. */
const char *explain_or_dash(const char *text);
/* The sentence about the images of CHAIN, besides the total, and the ARGUMENTS that it takes, which
 * point into WORDS. Returns false where there are none. */
#define EXPLAIN_IMAGES_ARGUMENTS 10
#define EXPLAIN_WORDS_SIZE       320
bool explain_images_words(const struct config *config, const struct explain_chain *chain,
                          enum text_language language, enum text_id *id,
                          char words[EXPLAIN_IMAGES_ARGUMENTS][EXPLAIN_WORDS_SIZE],
                          const char *arguments[EXPLAIN_IMAGES_ARGUMENTS + 1]);
/* Heads the formulas of CHAIN. */
enum text_id explain_formulas_text(const struct explain_chain *chain);
/* Tells of a mix of models FROM a month UNTIL another one, as mix_month() says them; "": for ever.
 */
enum text_id explain_mix_text(const char *from, const char *until);

/* What is recomputed. */
#define EXPLAIN_IMPACTS 5
extern const enum month_indicator explain_impacts[EXPLAIN_IMPACTS];
/* By the formulas, of the sums of the month. */
struct impact explain_of_the_sums(const struct explanation *explanation);
/* The parts rounded so that they add up to what follows them, the figure (text_round()). To be
 * freed; NULL when memory is exhausted. */
struct text_band *explain_round(const struct explanation *explanation,
                                enum month_indicator indicator, unsigned *decimals);

/* Each returns false when the stream fails or memory is exhausted. */
bool explain_write_text(const struct explanation *explanation, enum text_language language,
                        FILE *stream);
bool explain_write_html(const struct explanation *explanation, enum text_language language,
                        FILE *stream);
bool explain_write_json(const struct explanation *explanation, FILE *stream);

/* One chain of them, for derived.h. */
void explain_put_chain(const struct month_report *report, const struct explain_chain *chain,
                       enum text_language language, FILE *stream);
struct html_page;
void explain_html_chain(const struct html_page *page, const struct explain_chain *chain);

#endif
