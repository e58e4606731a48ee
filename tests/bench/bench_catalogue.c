/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What it costs to recognise a name: the shipped catalogue, then the same with thousands of
 * imported names. Prints nanoseconds of processor time per catalogue_match() and per
 * catalogue_is_resolver(), minimum, median and maximum over ROUNDS, for names that the catalogue
 * has, that it has not, and that are as hostile as 253 characters can be; and how long it takes to
 * load the files. */

#include "daemon/catalogue.h"

#include "tests/bench/rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS   21
#define PASSES   20000
#define IMPORTED 4000 /* names under services, and as many resolvers */

static void print(const char *what, double *samples)
{
    rounds_sort(samples, ROUNDS);
    printf("  %-34s %6.0f %6.0f %6.0f\n", what, samples[0], samples[ROUNDS / 2],
           samples[ROUNDS - 1]);
}

static struct catalogue *load(double *load_ms)
{
    struct diagnostics *diagnostics = diagnostics_new();
    double start = processor_s() * NS_PER_S;
    struct catalogue *catalogue =
        catalogue_load(IAGMETER_SOURCE_ROOT "/conf/services.conf", NULL, diagnostics);

    *load_ms = (processor_s() * NS_PER_S - start) / 1e6;
    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    if (!catalogue)
        exit(EXIT_FAILURE);
    return catalogue;
}

static void import(struct catalogue *catalogue)
{
    struct service service = {.id = "imported", .review = UNREVIEWED};
    uint16_t number = catalogue_count(catalogue);
    char name[64];

    if (!catalogue_set_service(catalogue, number, &service))
        exit(EXIT_FAILURE);
    for (unsigned i = 0; i < IMPORTED; i++) {
        snprintf(name, sizeof(name), ".site-%u.example", i);
        if (catalogue_add_host(catalogue, name, number, ROLE_SHARED) ||
            catalogue_add_resolver(catalogue, name))
            exit(EXIT_FAILURE);
    }
}

static unsigned long found; /* printed, so that no call can be left out */

static void measure(const struct catalogue *catalogue, const char *const names[], size_t count,
                    const char *what)
{
    double match[ROUNDS];
    double resolver[ROUNDS];
    char title[64];

    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = processor_s() * NS_PER_S;

        for (size_t i = 0; i < PASSES; i++) {
            const char *name = names[i % count];

            found += catalogue_match(catalogue, name, strlen(name)).service != SERVICE_NONE;
        }
        match[round] = (processor_s() * NS_PER_S - start) / PASSES;
        start = processor_s() * NS_PER_S;
        for (size_t i = 0; i < PASSES; i++) {
            const char *name = names[i % count];

            found += catalogue_is_resolver(catalogue, name, strlen(name));
        }
        resolver[round] = (processor_s() * NS_PER_S - start) / PASSES;
    }
    snprintf(title, sizeof(title), "%s: match", what);
    print(title, match);
    snprintf(title, sizeof(title), "%s: resolver?", what);
    print(title, resolver);
}

static void measure_all(const struct catalogue *catalogue)
{
    static const char *const known[] = {"chatgpt.com", "api.mistral.ai",
                                        "bedrock-runtime.eu-west-3.amazonaws.com",
                                        "x.francecentral.models.ai.azure.com"};
    static const char *const unknown[] = {"www.rennes.example", "outlook.office365.com",
                                          "r4---sn-25ge7nzs.googlevideo.com",
                                          "s3.eu-west-3.amazonaws.com"};
    static char hostile[254];
    const char *const worst[] = {hostile};

    for (size_t i = 0; i < sizeof(hostile) - 1; i++)
        hostile[i] = i % 2 ? '.' : 'a';
    measure(catalogue, known, sizeof(known) / sizeof(known[0]), "known");
    measure(catalogue, unknown, sizeof(unknown) / sizeof(unknown[0]), "unknown");
    measure(catalogue, worst, 1, "127 labels");
}

int main(void)
{
    double load_ms;
    struct catalogue *catalogue = load(&load_ms);

    printf("services.conf loads in %.1f ms; ns per name: minimum, median, maximum of %d rounds\n",
           load_ms, ROUNDS);
    measure_all(catalogue);
    import(catalogue);
    printf("with %d imported services and as many resolvers\n", IMPORTED);
    measure_all(catalogue);
    printf("(%lu found)\n", found);
    catalogue_free(catalogue);
    return EXIT_SUCCESS;
}
