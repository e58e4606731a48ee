/* SPDX-License-Identifier: GPL-3.0-or-later */

/* bench_workers [CAPTURE [ROUNDS [WORKERS]]]: how much faster several capture processes share the
 * packets of a file than one reads it. In turn, ROUNDS times, CAPTURE is metered by one process, by
 * WORKERS (2) processes that each meter all of it, and by WORKERS that share it as in `iagmeterd -r
 * CAPTURE -w WORKERS`; but for the ledger: sums are thrown away. Prints minimum, median and maximum
 * of the wall time, of the processor time of all workers and of the busiest one, and of the ratios
 * of a round.
 *
 * On a machine that does something else besides, the wall time says little. And processors that
 * share a core, or a cache, or memory, are each slower when the others are busy, whoever keeps them
 * so. The ratio of processor times is therefore between the busiest worker that shares and one of
 * several that do not: what the sharing costs, and nothing else. And beside the ratio of wall times
 * stands what no sharing can exceed on this machine: how much more gets done in a second by several
 * that have nothing in common. */

#include "collectors/capture/metering.h"
#include "collectors/capture/recognition.h"
#include "collectors/capture/source.h"
#include "daemon/config.h"

#include "tests/bench/rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH      4096
#define MAX_ROUNDS 101
#define CAPTURE    IAGMETER_SOURCE_ROOT "/build/bench/mix.pcap" /* of make bench-replay */

struct cost {
    double wall_s;
    double all_s;
    double busiest_s;
};

static void meter(void *context, const struct captured_frame *frames, size_t count)
{
    metering_frames(context, frames, count);
}

static _Noreturn void fail(const char *reason)
{
    fprintf(stderr, "%s\n", reason);
    exit(EXIT_FAILURE);
}

/* One of WORKERS: says by READY that its memory is there, waits for GO to close, and says by COST
 * how much processor time it took. */
static _Noreturn void work(const struct config *config, const char *path, struct source *shared,
                           struct recognition_memory *memory, unsigned worker, unsigned workers,
                           int ready, int go, int cost)
{
    const struct metering_sink sink = metering_ignore(NULL);
    struct metering *metering =
        metering_new_worker(&config->limits, config->catalogue, config->directions, &sink, memory);
    struct source *source = shared;
    char error[512] = "out of memory";
    double start_s;
    char none;

    if (shared)
        source_join(shared, worker);
    else
        source = source_open_file(path, error, sizeof(error));
    if (!source || !metering)
        fail(error);
    if (shared)
        metering_take_shard(metering, worker, workers);
    if (write(ready, "", 1) != 1 || read(go, &none, 1) != 0)
        exit(EXIT_FAILURE);
    start_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    while (source_read(source, BATCH, meter, metering) == SOURCE_OK)
        ;
    metering_finish(metering);
    start_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - start_s;
    source_close(source);
    exit(write(cost, &start_s, sizeof(start_s)) == sizeof(start_s) ? EXIT_SUCCESS : EXIT_FAILURE);
}

static struct cost measure(const struct config *config, const char *path, unsigned workers,
                           bool sharing)
{
    struct recognition_memory *memory = NULL;
    struct source *shared = NULL;
    struct cost cost = {0};
    char error[512] = "out of memory";
    int ready[2];
    int go[2];
    int costs[2];
    char byte;

    if (sharing) {
        shared = source_share_files(&path, 1, workers, error, sizeof(error));
        memory = recognition_memory_new(&config->limits);
        if (!shared || !memory)
            fail(error);
    }
    if (pipe(ready) != 0 || pipe(go) != 0 || pipe(costs) != 0)
        fail("no pipe");
    for (unsigned i = 0; i < workers; i++) {
        if (fork() != 0)
            continue;
        close(go[1]);
        work(config, path, shared, memory, i, workers, ready[1], go[0], costs[1]);
    }
    close(ready[1]);
    close(costs[1]);
    for (unsigned i = 0; i < workers; i++)
        if (read(ready[0], &byte, 1) != 1)
            exit(EXIT_FAILURE);
    cost.wall_s = clock_s(CLOCK_MONOTONIC);
    close(go[1]);
    for (unsigned i = 0; i < workers; i++) {
        double own_s;

        if (read(costs[0], &own_s, sizeof(own_s)) != sizeof(own_s))
            exit(EXIT_FAILURE);
        cost.all_s += own_s;
        cost.busiest_s = own_s > cost.busiest_s ? own_s : cost.busiest_s;
    }
    cost.wall_s = clock_s(CLOCK_MONOTONIC) - cost.wall_s;
    while (wait(NULL) > 0)
        ;
    close(ready[0]);
    close(costs[0]);
    close(go[0]);
    source_close(shared);
    recognition_memory_free(memory);
    return cost;
}

static void print_spread(const char *name, double *values, unsigned rounds, const char *unit)
{
    rounds_sort(values, rounds);
    printf("%-36s %8.3f %8.3f %8.3f %s\n", name, values[0], values[rounds / 2], values[rounds - 1],
           unit);
}

/* Sets of values by round, each of which is sorted when it is printed. */
enum value {
    ONE_WALL,
    ONE_CPU,
    APART_WALL,
    APART_CPU,
    MANY_WALL,
    MANY_CPU,
    BUSIEST_CPU,
    RATIO_WALL,
    RATIO_MOST,
    RATIO_CPU,
    VALUES
};

static void run(const struct config *config, const char *path, unsigned rounds, unsigned workers)
{
    static double values[VALUES][MAX_ROUNDS];

    for (unsigned i = 0; i < rounds; i++) {
        struct cost one = measure(config, path, 1, false);
        struct cost apart = measure(config, path, workers, false);
        struct cost many = measure(config, path, workers, true);

        values[ONE_WALL][i] = one.wall_s;
        values[ONE_CPU][i] = one.all_s;
        values[APART_WALL][i] = apart.wall_s;
        values[APART_CPU][i] = apart.all_s / workers;
        values[MANY_WALL][i] = many.wall_s;
        values[MANY_CPU][i] = many.all_s;
        values[BUSIEST_CPU][i] = many.busiest_s;
        values[RATIO_WALL][i] = one.wall_s / many.wall_s;
        values[RATIO_MOST][i] = workers * one.wall_s / apart.wall_s;
        values[RATIO_CPU][i] = apart.all_s / workers / many.busiest_s;
    }
    printf("%-36s %8s %8s %8s\n", "", "minimum", "median", "maximum");
    print_spread("one worker", values[ONE_WALL], rounds, "s wall");
    print_spread("", values[ONE_CPU], rounds, "s processor");
    print_spread("several that share nothing", values[APART_WALL], rounds, "s wall");
    print_spread("", values[APART_CPU], rounds, "s processor, each");
    print_spread("several workers", values[MANY_WALL], rounds, "s wall");
    print_spread("", values[MANY_CPU], rounds, "s processor, all together");
    print_spread("", values[BUSIEST_CPU], rounds, "s processor, the busiest");
    printf("%-36s %8.3f\n", "ratio of the minima, wall",
           values[ONE_WALL][0] / values[MANY_WALL][0]);
    printf("%-36s %8.3f\n", "  the most there can be",
           workers * values[ONE_WALL][0] / values[APART_WALL][0]);
    printf("%-36s %8.3f\n", "ratio of the minima, processor",
           values[APART_CPU][0] / values[BUSIEST_CPU][0]);
    print_spread("ratio of a round, wall", values[RATIO_WALL], rounds, "");
    print_spread("  the most there can be", values[RATIO_MOST], rounds, "");
    print_spread("ratio of a round, processor", values[RATIO_CPU], rounds, "");
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : CAPTURE;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 11;
    unsigned workers = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2;
    struct diagnostics *diagnostics;
    struct config *config;

    if (argc == 1 && access(CAPTURE, R_OK) != 0) {
        printf("skipped: no " CAPTURE ", which make bench-replay makes\n");
        return EXIT_SUCCESS;
    }
    if (rounds < 1 || rounds > MAX_ROUNDS || workers < 2 || workers > MAX_WORKERS)
        fail("usage: bench_workers [CAPTURE [ROUNDS [WORKERS]]]");
    diagnostics = diagnostics_new();
    config = config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    if (!config) {
        diagnostics_print(diagnostics, stderr);
        return EXIT_FAILURE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%s: %u rounds, %u workers, %ld processors\n", path, rounds, workers,
           sysconf(_SC_NPROCESSORS_ONLN));
    run(config, path, rounds, workers);
    config_free(config);
    diagnostics_free(diagnostics);
    return EXIT_SUCCESS;
}
