/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/whatif_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERCENT        100
#define WHOLE_MARGIN   1e-9 /* of shares that add up to 1 in decimals only */
#define ERROR_NAME_MAX 60

/* What is being read. */
struct reading {
    struct whatif_plan *plan;
    const char *given;  /* the change's text, whole */
    size_t last_target; /* machine_count: none yet */
    char *error;
    size_t error_size;
};

static const char *const names[WHATIF_KINDS] = {"move",   "model",  "provider", "zone",
                                                "method", "reduce", "shorter"};

static bool refuse(const struct reading *reading, enum whatif_kind kind, const char *text,
                   const char *why)
{
    snprintf(reading->error, reading->error_size, "--%s \"%.*s\" %s", names[kind], ERROR_NAME_MAX,
             text, why);
    return false;
}

/* ---- Words ---- */

const char *whatif_kind_name(enum whatif_kind kind)
{
    return names[kind];
}

/* "50%", "12.5 %" or "12,5%", as a part of 1. */
static bool read_share(const char *text, double *out)
{
    char number[32];
    size_t length = strcspn(text, "% ");
    char *end, *comma;

    if (length == 0 || length >= sizeof(number) || strspn(text, "0123456789.,") != length ||
        text[length + strspn(text + length, " ")] != '%' ||
        text[length + strspn(text + length, " ") + 1] != '\0')
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    comma = strchr(number, ',');
    if (comma)
        *comma = '.';
    *out = strtod(number, &end) / PERCENT;
    return *end == '\0' && end != number && *out >= 0 && *out <= 1;
}

/* The number of a machine; machine_count when there is none of that name. */
static size_t find_machine(const struct whatif_plan *plan, const char *id)
{
    uint16_t number = catalogue_find(plan->config->catalogue, id);

    if (strcmp(id, WHATIF_LOCAL) == 0)
        return plan->machine_count - 1;
    return number == SERVICE_NONE ? plan->machine_count : number;
}

static bool unknown_service(const struct reading *reading, enum whatif_kind kind, const char *id)
{
    snprintf(reading->error, reading->error_size, "--%s: no service \"%.*s\"", names[kind],
             ERROR_NAME_MAX, id);
    return false;
}

/* Of TEXT, "ID<mark>REST": ends ID and returns REST, or NULL. */
static char *split(char *text, char mark)
{
    char *at = mark == ':' ? strrchr(text, mark) : strchr(text, mark);

    if (!at || at == text)
        return NULL;
    *at = '\0';
    return at + 1;
}

/* ---- Changes ---- */

static bool read_move(struct reading *reading, char *text)
{
    struct whatif_plan *plan = reading->plan;
    char *target = split(text, '=');
    char *percent = target ? split(target, ':') : NULL;
    uint16_t number = catalogue_find(plan->config->catalogue, text);
    struct whatif_origin *origin = number == SERVICE_NONE ? NULL : &plan->origins[number];
    double share;

    if (!percent)
        return refuse(reading, WHATIF_MOVE, reading->given, "is not SERVICE=TARGET:SHARE%");
    if (!read_share(percent, &share))
        return refuse(reading, WHATIF_MOVE, percent, "is not a share from 0% to 100%");
    if (!origin)
        return unknown_service(reading, WHATIF_MOVE, text);
    reading->last_target = find_machine(plan, target);
    if (reading->last_target == plan->machine_count)
        return unknown_service(reading, WHATIF_MOVE, target);
    if (origin->move_count == WHATIF_MOVES)
        return refuse(reading, WHATIF_MOVE, text, "is moved to too many targets");
    origin->is_named = true;
    origin->moves[origin->move_count].machine = reading->last_target;
    origin->moves[origin->move_count++].share = share;
    origin->kept -= share;
    if (origin->kept < -WHOLE_MARGIN)
        return refuse(reading, WHATIF_MOVE, text, "is moved by more than 100% in all");
    if (origin->kept < WHOLE_MARGIN)
        origin->kept = 0;
    return true;
}

static bool check_value(struct reading *reading, enum whatif_kind kind, const char *value)
{
    const struct factors *factors = reading->plan->config->factors;

    if (kind == WHATIF_MODEL && !factors_model_named(factors, value))
        return refuse(reading, kind, value, "is not PROVIDER/NAME of an entry of models.conf");
    if (kind == WHATIF_PROVIDER && !factors_provider(factors, value))
        return refuse(reading, kind, value, "is not in providers.conf");
    if (kind == WHATIF_ZONE && !factors_zone(factors, value))
        return refuse(reading, kind, value, "is not in zones.conf");
    if (kind == WHATIF_METHOD && strcmp(value, "A") != 0 && strcmp(value, "B") != 0)
        return refuse(reading, kind, value, "is neither A nor B");
    return true;
}

/* What does the work: model, provider, zone, method. */
static bool read_factor(struct reading *reading, enum whatif_kind kind, char *text)
{
    struct whatif_plan *plan = reading->plan;
    char *value = split(text, '=');
    size_t machine = value ? find_machine(plan, text) : reading->last_target;

    if (!value && kind != WHATIF_MODEL)
        return refuse(reading, kind, text, "names no service: SERVICE=...");
    if (value && machine == plan->machine_count)
        return unknown_service(reading, kind, text);
    if (machine == plan->machine_count)
        return refuse(reading, kind, text, "names no service, and no --move stands before it");
    if (!value)
        value = text;
    if (plan->machines[machine].given[kind])
        return refuse(reading, kind, plan->machines[machine].id, "is given twice");
    plan->machines[machine].given[kind] = value;
    plan->machines[machine].is_changed = true;
    if (machine + 1 < plan->machine_count)
        plan->origins[machine].is_named = true;
    return check_value(reading, kind, value);
}

static void reduce(struct whatif_origin *origin, enum whatif_kind kind, double left)
{
    if (kind == WHATIF_REDUCE)
        origin->requests *= left;
    else
        origin->tokens_out *= left;
}

static bool read_reduction(struct reading *reading, enum whatif_kind kind, char *text)
{
    struct whatif_plan *plan = reading->plan;
    char *percent = split(text, ':');
    uint16_t number = catalogue_find(plan->config->catalogue, text);
    bool is_all = strcmp(text, WHATIF_ALL) == 0 || strcmp(text, "*") == 0;
    double share;

    if (!percent)
        return refuse(reading, kind, reading->given, "is not SERVICE:SHARE%");
    if (!read_share(percent, &share))
        return refuse(reading, kind, percent, "is not a share from 0% to 100%");
    if (!is_all && number == SERVICE_NONE)
        return unknown_service(reading, kind, text);
    for (size_t i = 0; i + 1 < plan->machine_count; i++)
        if (is_all || i == number)
            reduce(&plan->origins[i], kind, 1 - share);
    if (!is_all)
        plan->origins[number].is_named = true;
    else if (kind == WHATIF_REDUCE)
        plan->requests_of_all *= 1 - share;
    return true;
}

static bool read_change(struct reading *reading, const struct whatif_change *change)
{
    struct whatif_plan *plan = reading->plan;
    char *text = strdup(change->text);

    if (!text) {
        snprintf(reading->error, reading->error_size, "out of memory");
        return false;
    }
    plan->texts[plan->text_count++] = text;
    reading->given = change->text;
    switch (change->kind) {
    case WHATIF_MOVE:
        return read_move(reading, text);
    case WHATIF_REDUCE:
    case WHATIF_SHORTER:
        return read_reduction(reading, change->kind, text);
    default:
        return read_factor(reading, change->kind, text);
    }
}

/* ---- Factors ---- */

/* Of the service as the scenario has it. */
static struct service chosen_service(const struct whatif_plan *plan,
                                     const struct whatif_machine *machine)
{
    bool is_own = machine->number == SERVICE_NONE;
    struct service service = is_own ? (struct service){.id = WHATIF_LOCAL,
                                                       .provider = WHATIF_LOCAL,
                                                       .method = SERVICE_METHOD_B}
                                    : *catalogue_service(plan->config->catalogue, machine->number);

    if (service.local) { /* by a model, as any host of our own */
        snprintf(service.provider, sizeof(service.provider), "%s", WHATIF_LOCAL);
        service.method = SERVICE_METHOD_B;
    }
    if (machine->given[WHATIF_PROVIDER])
        snprintf(service.provider, sizeof(service.provider), "%s", machine->given[WHATIF_PROVIDER]);
    if (machine->given[WHATIF_METHOD])
        service.method =
            machine->given[WHATIF_METHOD][0] == 'B' ? SERVICE_METHOD_B : SERVICE_METHOD_A;
    return service;
}

/* With a model of its own, or what it runs otherwise; elsewhere, or by another method. */
static const char *choose(const struct whatif_plan *plan, struct whatif_machine *machine)
{
    const struct factors *factors = plan->config->factors;
    const struct service service = chosen_service(plan, machine);
    const char *model = machine->given[WHATIF_MODEL];
    struct mix_factors *mix = &machine->changed;
    const char *problem = NULL;

    if (!model && !machine->usual)
        return NULL;
    if (model)
        *mix = (struct mix_factors){.count = 1, .models = {model}, .shares = {1}};
    else
        *mix = *machine->usual;
    for (size_t i = 0; !problem && i < mix->count; i++) {
        problem = impact_resolve_model(factors, &service, mix->models[i], &mix->parts[i]);
        if (machine->given[WHATIF_ZONE])
            mix->parts[i].zone = factors_zone(factors, machine->given[WHATIF_ZONE]);
    }
    machine->chosen = mix;
    return problem;
}

/* A host of our own, estimated though it may have measured: it has no usual work. */
static bool is_own_model(const struct whatif_machine *machine)
{
    return machine->number == SERVICE_NONE && machine->given[WHATIF_MODEL];
}

bool whatif_plan_resolve(struct whatif_plan *plan, size_t number, char *error, size_t error_size)
{
    struct whatif_machine *machine = &plan->machines[number];
    const char *problem = NULL;

    if (machine->is_resolved)
        return true;
    if (machine->number != SERVICE_NONE)
        problem = service_factors_resolve(plan->config->factors, plan->config->catalogue,
                                          machine->number, &machine->all);
    else if (!machine->given[WHATIF_MODEL] && !machine->measured)
        problem = "which model? Add --model PROVIDER/NAME";
    machine->usual = machine->chosen = machine->measured && !is_own_model(machine)
                                           ? &machine->measured->mix
                                           : service_factors_at(&machine->all, plan->time_s);
    if (!problem && machine->is_changed)
        problem = machine->measured && !machine->given[WHATIF_MODEL]
                      ? "its energy is measured: give it a --model to estimate it instead"
                      : choose(plan, machine);
    machine->is_resolved = !problem;
    if (problem)
        snprintf(error, error_size, "%s: %s", machine->id, problem);
    return machine->is_resolved;
}

void whatif_plan_measure(struct whatif_plan *plan, struct ledger *ledger,
                         const struct month_report *report)
{
    struct whatif_machine *own = &plan->machines[plan->machine_count - 1];
    const struct whatif_measured *most = NULL;

    for (size_t i = 0; i + 1 < plan->machine_count; i++) {
        struct whatif_machine *machine = &plan->machines[i];

        machine->measured = whatif_measured_new(ledger, report, machine->id);
        if (machine->measured &&
            (!most || machine->measured->weighted_tokens > most->weighted_tokens))
            most = machine->measured;
    }
    if (most)
        own->measured = whatif_measured_new(ledger, report, most->service);
}

bool whatif_plan_changes(const struct whatif_plan *plan, uint16_t service)
{
    const struct whatif_origin *origin = &plan->origins[service];

    return origin->is_named || origin->requests < 1 || origin->tokens_out < 1;
}

/* ---- All of it ---- */

static bool make_room(struct whatif_plan *plan, size_t changes)
{
    uint16_t services = catalogue_count(plan->config->catalogue);

    plan->machine_count = services + 1u;
    plan->machines = calloc(plan->machine_count, sizeof(*plan->machines));
    plan->origins = calloc(plan->machine_count, sizeof(*plan->origins));
    plan->texts = calloc(changes + 1, sizeof(*plan->texts));
    if (!plan->machines || !plan->origins || !plan->texts)
        return false;
    for (uint16_t i = 0; i <= services; i++) {
        struct whatif_machine *machine = &plan->machines[i];

        machine->number = i < services ? i : SERVICE_NONE;
        snprintf(machine->id, sizeof(machine->id), "%s",
                 i < services ? catalogue_service(plan->config->catalogue, i)->id : WHATIF_LOCAL);
        plan->origins[i] = (struct whatif_origin){.requests = 1, .tokens_out = 1, .kept = 1};
    }
    plan->requests_of_all = 1;
    return true;
}

struct whatif_plan *whatif_plan_new(const struct config *config, int64_t time_s,
                                    const struct whatif_change *changes, size_t count, char *error,
                                    size_t error_size)
{
    struct whatif_plan *plan = calloc(1, sizeof(*plan));
    struct reading reading = {.plan = plan, .error = error, .error_size = error_size};
    bool is_read = count > 0;

    if (plan)
        *plan = (struct whatif_plan){.config = config, .time_s = time_s};
    if (!plan || !make_room(plan, count)) {
        snprintf(error, error_size, "out of memory");
        whatif_plan_free(plan);
        return NULL;
    }
    if (!is_read)
        snprintf(error, error_size,
                 "what-if needs a change: --move, --model, --provider, --zone, "
                 "--method, --reduce or --shorter");
    reading.last_target = plan->machine_count;
    for (size_t i = 0; is_read && i < count; i++)
        is_read = read_change(&reading, &changes[i]);
    if (is_read)
        return plan;
    whatif_plan_free(plan);
    return NULL;
}

void whatif_plan_free(struct whatif_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; plan->machines && i < plan->machine_count; i++) {
        service_factors_free(&plan->machines[i].all);
        free(plan->machines[i].measured);
    }
    for (size_t i = 0; i < plan->text_count; i++)
        free(plan->texts[i]);
    free(plan->texts);
    free(plan->machines);
    free(plan->origins);
    free(plan);
}
