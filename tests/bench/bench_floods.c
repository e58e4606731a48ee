/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What a flood costs: PACKETS (10 million, or the number on the command line) of each kind from
 * random addresses, with the limits of conf/iagmeter.conf, while 200 connections to a known service
 * go on. Prints, for each kind, the speed (processor time of the metering alone), resident memory
 * before the metering, with it, after the flood and at its highest, the ceiling (what is taken at
 * the start, and fixed by the limits, on top of the first), what coverage counted, and whether the
 * connections were metered as without a flood. Fails when they were not, or when the ceiling was
 * passed. */

#include "collectors/capture/metering.h"
#include "daemon/config.h"
#include "tests/capture/flood.h"
#include "tests/capture/same.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACKETS 10000000U
/* The sink's log, stacks and the C library's own pages, in kB. */
#define SLACK_KB 1024

static struct config *config;
static struct film film;
static size_t opening;
static struct flood_run calm;

static bool report(enum flood_kind kind, const struct flood_run *run, uint64_t packets)
{
    struct coverage coverage = sink_coverage(&run->log);
    long ceiling_kb = run->resident_kb[0] + run->taken_kb;
    long highest_kb = process_memory_kb("VmHWM:");
    bool same = same_sums(&calm.log, &run->log);
    bool within = highest_kb <= ceiling_kb + SLACK_KB && run->left / 1024 <= SLACK_KB;

    printf("%-13s %7.2f %5.0f %7ld %7ld %7ld %7ld %7ld%s %10" PRIu64 " %10" PRIu64 " %10" PRIu64
           " %10" PRIu64 "  %s\n",
           flood_names[kind], (double)packets / run->cpu_s / 1e6,
           run->cpu_s * 1e9 / (double)packets, run->resident_kb[0], run->resident_kb[1],
           run->resident_kb[2], highest_kb, ceiling_kb, within ? " " : "!", coverage.flows,
           coverage.flows_evicted, coverage.names_missing,
           coverage.packets_other + coverage.packets_undecodable, same ? "equal" : "DIFFERENT");
    return same && within;
}

/* In a process of its own, so that its highest memory is that of this flood. */
static bool run_alone(enum flood_kind kind, uint64_t packets)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct flood_run warm = {0}; /* the buffers and the film are in memory before it counts */
        struct flood_run run = {0};
        bool good = flood_run(&warm, &config->limits, config, &film, opening, kind, FLOOD_BLOCK) &&
                    flood_run(&run, &config->limits, config, &film, opening, kind, packets) &&
                    report(kind, &run, packets);

        fflush(stdout);
        _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    uint64_t packets = argc > 1 ? strtoull(argv[1], NULL, 10) : PACKETS;
    struct diagnostics *diagnostics = diagnostics_new();
    bool good;

    config = config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    if (!config || packets == 0) {
        diagnostics_print(diagnostics, stderr);
        return EXIT_FAILURE;
    }
    mallopt(M_MMAP_THRESHOLD, 1 << 16); /* freed memory goes back: none is taken unseen */
    opening = flood_film(&film);
    good = flood_run(&calm, &config->limits, config, &film, opening, FLOOD_NONE, 0);
    printf("%" PRIu64 " packets of each flood, %u connections to a known service, memory in kB\n",
           packets, FLOOD_TALKS);
    printf("%-13s %7s %5s %7s %7s %7s %7s %7s  %10s %10s %10s %10s  %s\n", "flood", "Mpkt/s", "ns",
           "before", "start", "after", "highest", "ceiling", "flows", "evicted", "unnamed",
           "unfollowed", "connections");
    for (int kind = FLOOD_NONE + 1; good && kind < FLOOD_KINDS; kind++)
        good = run_alone((enum flood_kind)kind, packets);
    film_clear(&film);
    sink_clear(&calm.log);
    config_free(config);
    diagnostics_free(diagnostics);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
