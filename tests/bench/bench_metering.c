/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What metering costs beside merely reading packets: the recorded capture (or the one named on the
 * command line) is read ROUNDS times by a loop that only counts, and as often by the metering, in
 * turn. Prints the time per packet of both and their ratio, minimum, median and maximum over the
 * rounds; and the memory that a connection takes. Both read through source.h, from the page cache;
 * bench_reading compares that with libpcap. */

#include "collectors/capture/flowtable.h"
#include "collectors/capture/metering.h"
#include "collectors/capture/source.h"
#include "daemon/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define ROUNDS 21
#define PASSES 20 /* of the file in each round, so that a round takes long enough to time */
#define BATCH  4096

static uint64_t packets;
static uint64_t bytes_seen;

static void count(void *context, const struct captured_frame *frames, size_t frame_count)
{
    (void)context;
    packets += frame_count;
    for (size_t i = 0; i < frame_count; i++)
        bytes_seen += frames[i].length;
}

static void meter(void *context, const struct captured_frame *frames, size_t frame_count)
{
    metering_frames(context, frames, frame_count);
}

static void take_activity(void *context, int64_t interval_start, const struct activity *activity)
{
    (void)context;
    (void)interval_start;
    (void)activity;
}

static void take_devices(void *context, const struct device_count *devices)
{
    (void)context;
    (void)devices;
}

static void take_closed(void *context, int64_t interval_start, const struct coverage *coverage)
{
    (void)context;
    (void)interval_start;
    (void)coverage;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void read_file(const char *path, source_handler *handler, void *context)
{
    char error[512];
    struct source *source = source_open_file(path, error, sizeof(error));

    if (!source) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    while (source_read(source, BATCH, handler, context) == SOURCE_OK)
        ;
    source_close(source);
}

static double time_counting(const char *path)
{
    double start = now_s();

    for (int i = 0; i < PASSES; i++)
        read_file(path, count, NULL);
    return now_s() - start;
}

/* Memory is taken before the clock starts, as in the daemon. */
static double time_metering(const char *path, const struct config *config)
{
    struct metering_sink sink = {NULL, take_activity, take_devices, take_closed, NULL};
    struct metering *metering =
        metering_new(&config->limits, config->catalogue, config->directions, &sink);
    double elapsed = 0;

    if (!metering)
        exit(EXIT_FAILURE);
    for (int i = 0; i < PASSES; i++) {
        double start = now_s();

        read_file(path, meter, metering);
        elapsed += now_s() - start;
    }
    metering_free(metering);
    return elapsed;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void print_spread(const char *name, double *values, const char *unit)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    printf("%-28s %8.2f %8.2f %8.2f %s\n", name, values[0], values[ROUNDS / 2], values[ROUNDS - 1],
           unit);
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap";
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config =
        config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    double counting_ns[ROUNDS];
    double metering_ns[ROUNDS];
    double ratio[ROUNDS];
    struct rusage usage;

    if (!config) {
        diagnostics_print(diagnostics, stderr);
        return EXIT_FAILURE;
    }
    time_counting(path); /* warms the page cache */
    packets = bytes_seen = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t before = packets;
        double counting_s = time_counting(path);
        double each = 1e9 / (double)(packets - before);
        double metering_s = time_metering(path, config);

        counting_ns[i] = counting_s * each;
        metering_ns[i] = metering_s * each;
        ratio[i] = metering_s / counting_s;
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("%s: %llu packets, %llu B on average, %d rounds of %d passes\n", path,
           (unsigned long long)packets / (ROUNDS * PASSES),
           (unsigned long long)(bytes_seen / packets), ROUNDS, PASSES);
    printf("%-28s %8s %8s %8s\n", "", "minimum", "median", "maximum");
    print_spread("counting loop", counting_ns, "ns/packet");
    print_spread("metering", metering_ns, "ns/packet");
    print_spread("metering / counting", ratio, "");
    printf("%-28s %8zu B, key included\n", "slot of a connection",
           sizeof(struct flow) + sizeof(uint64_t));
    printf("%-28s %8ld kB with the limits of conf/iagmeter.conf\n", "largest resident size",
           usage.ru_maxrss);
    config_free(config);
    diagnostics_free(diagnostics);
    return EXIT_SUCCESS;
}
