/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/servercounts.h"

#include "daemon/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FACT "balance " /* before the service's id */

struct counted_service {
    const struct service *service; /* of the configuration */
    bool is_use;
    bool changed;
    struct balance balance;
};

struct servercounts {
    struct counted_service services[SERVERCOUNTS_SERVICES];
    size_t count;
};

size_t servercounts_count(const struct servercounts *counts)
{
    return counts->count;
}

size_t servercounts_find(const struct servercounts *counts, const char *service)
{
    for (size_t i = 0; i < counts->count; i++)
        if (strcmp(counts->services[i].service->id, service) == 0)
            return i;
    return SERVERCOUNTS_NONE;
}

const struct service *servercounts_service(const struct servercounts *counts, size_t number)
{
    return counts->services[number].service;
}

bool servercounts_are_use(const struct servercounts *counts, size_t number)
{
    return counts->services[number].is_use;
}

static void add(struct servercounts *counts, const struct config *config, uint16_t number,
                bool is_use)
{
    const struct service *service = catalogue_service(config->catalogue, number);

    /* A model that is computed elsewhere is use as every other; it takes nothing of the host. */
    if (!service || !service->local ||
        servercounts_find(counts, service->id) != SERVERCOUNTS_NONE ||
        counts->count == SERVERCOUNTS_SERVICES)
        return;
    counts->services[counts->count++] =
        (struct counted_service){.service = service, .is_use = is_use};
}

static void add_server(struct servercounts *counts, const struct config *config, unsigned server)
{
    const struct inference_config *inference = &config->inference;
    bool is_use = inference->scrapes[server].tokens == TOKENS_FROM_SERVER;

    if (inference->scrapes[server].url[0] == '\0')
        return;
    add(counts, config, inference->servers[server].service, is_use);
    for (unsigned i = 0; i < inference->model_count; i++)
        if (inference->models[i].port == inference->servers[server].port)
            add(counts, config, inference->models[i].service, is_use);
}

static void name_fact(char out[sizeof(FACT) + SERVICE_ID_SIZE],
                      const struct counted_service *service)
{
    snprintf(out, sizeof(FACT) + SERVICE_ID_SIZE, FACT "%s", service->service->id);
}

/* A text that is none begins anew. */
static enum ledger_status load(struct ledger *ledger, struct counted_service *service)
{
    char name[sizeof(FACT) + SERVICE_ID_SIZE];
    char text[BALANCE_TEXT_SIZE];
    enum ledger_status status;

    name_fact(name, service);
    status = ledger_fact(ledger, name, text, sizeof(text));
    if (status == LEDGER_OK)
        balance_parse(&service->balance, text);
    return status == LEDGER_EMPTY ? LEDGER_OK : status;
}

struct servercounts *servercounts_open(struct ledger *ledger, const struct config *config,
                                       enum ledger_status *status)
{
    struct servercounts *counts = calloc(1, sizeof(*counts));

    *status = counts ? LEDGER_OK : LEDGER_RETRY;
    if (!counts)
        return NULL;
    for (unsigned i = 0; i < config->inference.server_count; i++)
        add_server(counts, config, i);
    for (size_t i = 0; i < counts->count && *status == LEDGER_OK; i++)
        *status = load(ledger, &counts->services[i]);
    if (*status == LEDGER_OK)
        return counts;
    servercounts_close(counts);
    return NULL;
}

void servercounts_close(struct servercounts *counts)
{
    free(counts);
}

struct balance_use servercounts_settle(struct servercounts *counts, size_t number,
                                       int64_t interval_start, const struct balance_use *wire,
                                       const struct balance_use *server)
{
    struct counted_service *service = &counts->services[number];

    if (service->balance.count == 0 && balance_is_nothing(server))
        return (struct balance_use){0};
    service->changed = true;
    return balance_settle(&service->balance, interval_start, INTERVAL_S, wire, server);
}

enum ledger_status servercounts_record(struct servercounts *counts, struct ledger *ledger)
{
    enum ledger_status status = LEDGER_OK;

    for (size_t i = 0; i < counts->count && status == LEDGER_OK; i++) {
        struct counted_service *service = &counts->services[i];
        char name[sizeof(FACT) + SERVICE_ID_SIZE];
        char text[BALANCE_TEXT_SIZE];

        if (!service->changed)
            continue;
        name_fact(name, service);
        balance_print(&service->balance, text);
        status = ledger_set_fact(ledger, name, text);
        service->changed = false;
    }
    return status;
}
