/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/explain.h"

#include <math.h>
#include <string.h>

#include "daemon/impact.h"
#include "reports/coefficients.h"

#define ENDS          3
#define WH_PER_KWH    1e3
#define TOKENS_OF_ONE 1.0

/* The formulas of docs/method.md, section 2, which daemon/impact.c computes: a test evaluates these
 * texts, so that they cannot tell anything else. */
#define EMBODIED(server, gpu)                                                                      \
    "{generation_s} / ({batch_size} · {hardware_lifetime_s}) · ({gpu_count} / {server_gpus} · " \
    "{" server "} + {gpu_count} · {" gpu "})"
static const char WH_PER_TOKEN[] = "{energy_alpha_wh} · exp({energy_beta} · {batch_size}) · "
                                   "{active_parameters_b} + {energy_gamma_wh}";
static const char JOULES_PER_TOKEN[] =
    "exp({intercept} + {active_exponent} · ln({active_parameters_b}) + {total_exponent} · "
    "ln({total_parameters_b}) + {batch_exponent} · ln({batch_size}) + {batch_curvature} · "
    "ln({batch_size})^2)";
static const char MEMORY[] = "{memory_overhead} · {total_parameters_b} · {quantization_bits} / 8";
static const char GPUS[] = "2^ceil(max(0, log2({memory_gb} / {gpu_memory_gb})))";
static const char GENERATION_BY_SPEED[] =
    "{tokens_out} / {tokens_per_second} + {requests} · {time_to_first_token_s}";
static const char GENERATION_BY_FIT[] =
    "{tokens_out} · ({latency_alpha_s} · {active_parameters_b} + {latency_beta_s} · {batch_size} + "
    "{latency_gamma_s}) + {requests} · {time_to_first_token_s}";
static const char GPU_ENERGY_A[] = "{gpu_count} · {tokens_out} · {wh_per_token_gpu} / 1000";
static const char GPU_ENERGY_B[] =
    "({tokens_out} + {input_weight} · {tokens_in}) · {joules_per_token} / 3600000";
static const char SERVER_ENERGY_A[] =
    "{generation_s} / 3600 · {server_power_kw} · {gpu_count} / {server_gpus} / {batch_size}";
static const char SERVER_ENERGY_B[] = "{gpu_kwh} · ({host_share} + {idle_share})";

/* ---- Symbols ---- */

static struct explain_symbol *add(struct explain_chain *chain, const char *name, const char *unit)
{
    struct explain_symbol *symbol = &chain->symbols[chain->symbol_count++];

    *symbol = (struct explain_symbol){.name = name, .unit = unit};
    return symbol;
}

static void add_constant(struct explain_chain *chain, const char *name, const char *unit,
                         double value, const struct provenance *provenance)
{
    struct explain_symbol *symbol = add(chain, name, unit);

    symbol->provenance = provenance;
    for (int end = 0; end < ENDS; end++)
        symbol->values[end] = value;
}

/* MEMBER: of struct impact_point. */
static void add_point(struct explain_chain *chain, const char *name, const char *unit,
                      const struct impact_point points[ENDS], size_t member,
                      const struct provenance *provenance)
{
    struct explain_symbol *symbol = add(chain, name, unit);

    symbol->provenance = provenance;
    for (int end = 0; end < ENDS; end++)
        memcpy(&symbol->values[end], (const char *)&points[end] + member, sizeof(double));
}

/* The coefficients that impact_point() does not move. */
static void add_coefficients(struct explain_chain *chain, const struct factors *factors,
                             enum coefficient_group group)
{
    struct coefficient coefficient;

    for (size_t i = 0; coefficients_get(factors, group, i, &coefficient); i++)
        if (!coefficient.is_band && strcmp(coefficient.name, "batch_size") != 0)
            add_constant(chain, coefficient.name, coefficient.unit, coefficient.value.central,
                         coefficient.provenance);
}

#define POINT(member) offsetof(struct impact_point, member)

static void add_given(struct explain_chain *chain, const struct factors *factors,
                      const struct impact_point points[ENDS])
{
    const struct impact_factors *used = &chain->factors;
    const struct model_factors *model = used->model;
    const struct method_b *b = used->method_b;

    add_constant(chain, "requests", "1", points[0].work.requests, NULL);
    add_constant(chain, "tokens_in", "1", points[0].work.tokens_in, NULL);
    add_constant(chain, "tokens_out", "1", points[0].work.tokens_out, NULL);
    add_point(chain, "total_parameters_b", "10⁹", points, POINT(total_b), &model->provenance);
    add_point(chain, "active_parameters_b", "10⁹", points, POINT(active_b), &model->provenance);
    add_constant(chain, "tokens_per_second", "1/s", model->tokens_per_second, &model->provenance);
    add_constant(chain, "time_to_first_token_s", "s", model->time_to_first_token_s,
                 &model->provenance);
    add_point(chain, "batch_size", "1", points, POINT(batch_size),
              b ? &b->batch_provenance : &used->method->provenance);
    if (b)
        add_point(chain, "input_weight", "1", points, POINT(input_weight), &b->input_provenance);
    add_coefficients(chain, factors, COEFFICIENTS_A);
    if (b)
        add_coefficients(chain, factors, COEFFICIENTS_B);
    add_point(chain, "pue", "1", points, POINT(pue), &used->provider->provenance);
    add_point(chain, "wue_l_per_kwh", "L/kWh", points, POINT(wue_l_per_kwh),
              &used->provider->provenance);
    add_point(chain, "ewif_l_per_kwh", "L/kWh", points, POINT(ewif_l_per_kwh),
              &used->zone->ewif_provenance);
    add_point(chain, "gwp_kgco2e_per_kwh", "kgCO2e/kWh", points, POINT(gwp_kgco2e_per_kwh),
              &used->zone->provenance);
    add_point(chain, "adpe_kgsb_per_kwh", "kgSbeq/kWh", points, POINT(adpe_kgsb_per_kwh),
              &used->zone->adpe_provenance);
}

/* ---- Steps ---- */

/* What daemon/impact.c made of one end. */
struct computed {
    double per_token; /* Wh and GPU in A, J in B */
    double memory_gb;
    struct impact_result result;
    double adpe_kgsb;
};

static struct computed compute(const struct impact_factors *factors,
                               const struct impact_point *point)
{
    struct computed computed = {.memory_gb =
                                    impact_model_memory_gb(factors->method, point->total_b),
                                .result = impact_at(factors, point)};

    computed.per_token =
        factors->method_b ? impact_joules_per_token(factors->method_b, point->active_b,
                                                    point->total_b, point->batch_size)
                          : WH_PER_KWH * impact_gpu_energy_kwh(factors->method, point->batch_size,
                                                               point->active_b, TOKENS_OF_ONE);
    computed.adpe_kgsb = computed.result.adpe_use_kgsb + computed.result.adpe_embodied_kgsb;
    return computed;
}

/* MEMBER: of struct computed. */
static void add_step(struct explain_chain *chain, const char *name, const char *unit,
                     const char *formula, const struct computed computed[ENDS], size_t member)
{
    struct explain_symbol *symbol = add(chain, name, unit);

    symbol->formula = formula;
    for (int end = 0; end < ENDS; end++)
        memcpy(&symbol->values[end], (const char *)&computed[end] + member, sizeof(double));
}

#define STEP(member) computed, offsetof(struct computed, member)

static void add_steps(struct explain_chain *chain, const struct computed computed[ENDS])
{
    bool b = chain->factors.method_b != NULL;
    bool has_speed = chain->factors.model->tokens_per_second > 0;

    if (b)
        add_step(chain, "joules_per_token", "J", JOULES_PER_TOKEN, STEP(per_token));
    else
        add_step(chain, "wh_per_token_gpu", "Wh", WH_PER_TOKEN, STEP(per_token));
    add_step(chain, "memory_gb", "GB", MEMORY, STEP(memory_gb));
    add_step(chain, "gpu_count", "1", GPUS, STEP(result.gpu_count));
    add_step(chain, "generation_s", "s", has_speed ? GENERATION_BY_SPEED : GENERATION_BY_FIT,
             STEP(result.latency_s));
    add_step(chain, "gpu_kwh", "kWh", b ? GPU_ENERGY_B : GPU_ENERGY_A, STEP(result.gpu_kwh));
    add_step(chain, "server_kwh", "kWh", b ? SERVER_ENERGY_B : SERVER_ENERGY_A,
             STEP(result.server_kwh));
    add_step(chain, "it_kwh", "kWh", "{gpu_kwh} + {server_kwh}", STEP(result.it_kwh));
    add_step(chain, "energy_kwh", "kWh", "{pue} · {it_kwh}", STEP(result.energy_kwh));
    add_step(chain, "water_l", "L", "{it_kwh} · ({wue_l_per_kwh} + {pue} · {ewif_l_per_kwh})",
             STEP(result.water_l));
    add_step(chain, "gwp_use_kgco2e", "kgCO2e", "{energy_kwh} · {gwp_kgco2e_per_kwh}",
             STEP(result.gwp_use_kgco2e));
    add_step(chain, "gwp_embodied_kgco2e", "kgCO2e",
             EMBODIED("server_gwp_kgco2e", "gpu_gwp_kgco2e"), STEP(result.gwp_embodied_kgco2e));
    add_step(chain, "adpe_kgsb", "kgSbeq",
             "{energy_kwh} · {adpe_kgsb_per_kwh} + " EMBODIED("server_adpe_kgsb", "gpu_adpe_kgsb"),
             STEP(adpe_kgsb));
}

/* Method A states its ends only: of a result, what is between them is the geometric mean. */
static void set_centres(struct explain_chain *chain)
{
    for (size_t i = 0; i < chain->symbol_count; i++) {
        struct explain_symbol *symbol = &chain->symbols[i];
        double *values = symbol->values;

        if (symbol->formula || values[IMPACT_LOW] != values[IMPACT_HIGH])
            values[IMPACT_CENTRAL] = NAN;
        for (int j = MONTH_ENERGY; j <= MONTH_ADPE; j++)
            if (strcmp(symbol->name, month_indicator_name((enum month_indicator)j)) == 0)
                values[IMPACT_CENTRAL] = impact_centre(values[IMPACT_LOW], values[IMPACT_HIGH]);
    }
}

static bool is_mentioned(const struct explain_chain *chain, const char *name)
{
    char mention[MONTH_ID_SIZE];

    snprintf(mention, sizeof(mention), "{%s}", name);
    for (size_t i = 0; i < chain->symbol_count; i++)
        if (chain->symbols[i].formula && strstr(chain->symbols[i].formula, mention))
            return true;
    return false;
}

static void drop_unused(struct explain_chain *chain)
{
    size_t kept = 0;

    for (size_t i = 0; i < chain->symbol_count; i++)
        if (chain->symbols[i].formula || is_mentioned(chain, chain->symbols[i].name))
            chain->symbols[kept++] = chain->symbols[i];
    chain->symbol_count = kept;
}

void explain_chain_compute(const struct factors *factors, struct explain_chain *chain)
{
    const struct activity *activity = &chain->totals.activity;
    const double share = chain->share;
    const struct impact_work work = {share * activity->requests.central,
                                     share * activity->tokens_in.central,
                                     share * activity->tokens_out.central, INFINITY};
    struct impact_point points[ENDS];
    struct computed computed[ENDS];

    chain->symbol_count = 0;
    chain->impact = (struct impact){0};
    if (chain->local.host)
        explain_local_compute(chain);
    if (!chain->factors.model)
        return;
    for (int end = 0; end < ENDS; end++) {
        points[end] = impact_point(&chain->factors, &work, (enum impact_end)end);
        computed[end] = compute(&chain->factors, &points[end]);
    }
    add_given(chain, factors, points);
    add_steps(chain, computed);
    if (!chain->factors.method_b)
        set_centres(chain);
    drop_unused(chain);
    chain->impact = impact_compute(&chain->factors, triple_scale(activity->requests, share),
                                   triple_scale(activity->tokens_in, share),
                                   triple_scale(activity->tokens_out, share));
}

/* ---- Formulas ---- */

static const struct explain_symbol *find(const struct explain_chain *chain, const char *name,
                                         size_t length)
{
    for (size_t i = 0; i < chain->symbol_count; i++)
        if (strlen(chain->symbols[i].name) == length &&
            strncmp(chain->symbols[i].name, name, length) == 0)
            return &chain->symbols[i];
    return NULL;
}

void explain_formula(FILE *stream, const struct explain_chain *chain, const char *formula, int end,
                     void (*put)(FILE *stream, const void *context, double value),
                     const void *context)
{
    while (*formula) {
        size_t text = strcspn(formula, "{");
        const struct explain_symbol *symbol;
        size_t name;

        fwrite(formula, 1, text, stream);
        formula += text;
        if (!*formula)
            return;
        name = strcspn(++formula, "}");
        symbol = find(chain, formula, name);
        if (symbol && end >= 0)
            put(stream, context, symbol->values[end]);
        else
            fwrite(formula, 1, name, stream);
        formula += name + 1;
    }
}
