/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What reading packets from a file costs before anything is done with them: read(2) alone, our
 * reader, libpcap with the buffer of 1 MiB, and libpcap as it is, in turn, ROUNDS times, on the
 * file named on the command line or on one that is made for it. Prints the time per packet of each,
 * and its ratio to read(2) alone in the same round: minimum, median, maximum. From the page cache.
 */

#include "collectors/capture/capturefile.h"
#include "collectors/capture/source.h"
#include "tests/bench/rounds.h"
#include "tests/capture/frames.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS       11
#define BATCH        4096
#define MADE_PACKETS 500000
#define BUFFER_SIZE  (1U << 20)

static uint8_t buffer[CAPTUREFILE_READ_SIZE];
static char stdio_buffer[BUFFER_SIZE];
static uint64_t packets;
static uint64_t bytes_seen;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void read_only(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count;

    if (descriptor < 0)
        fail(path);
    do
        count = read(descriptor, buffer, sizeof(buffer));
    while (count > 0);
    close(descriptor);
}

static void count_frames(void *context, const struct captured_frame *frames, size_t count)
{
    (void)context;
    packets += count;
    for (size_t i = 0; i < count; i++)
        bytes_seen += frames[i].length;
}

static void read_ours(const char *path)
{
    char error[512];
    struct source *source = source_open_file(path, error, sizeof(error));

    if (!source) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    while (source_read(source, BATCH, count_frames, NULL) == SOURCE_OK)
        ;
    source_close(source);
}

static void count_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)user;
    (void)bytes;
    packets++;
    bytes_seen += header->len;
}

static void read_libpcap(const char *path, bool large_buffer)
{
    char error[PCAP_ERRBUF_SIZE];
    FILE *stream = fopen(path, "re");
    pcap_t *pcap;

    if (!stream)
        fail(path);
    if (large_buffer)
        setvbuf(stream, stdio_buffer, _IOFBF, sizeof(stdio_buffer));
    pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, error);
    if (!pcap) { /* what libpcap refuses costs it nothing: the ratio will show it */
        fclose(stream);
        return;
    }
    pcap_loop(pcap, -1, count_packet, NULL);
    pcap_close(pcap);
}

static void read_libpcap_buffered(const char *path)
{
    read_libpcap(path, true);
}

static void read_libpcap_as_it_is(const char *path)
{
    read_libpcap(path, false);
}

static const struct reader {
    const char *name;
    void (*read)(const char *path);
} readers[] = {
    {"read(2) alone", read_only},
    {"ours", read_ours},
    {"libpcap, buffer of 1 MiB", read_libpcap_buffered},
    {"libpcap", read_libpcap_as_it_is},
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As on a gateway: half of the packets are nearly empty, a third is full; 482 B on average. */
static uint32_t random_length(uint64_t *seed)
{
    uint32_t kind = random_below(seed, 100);

    if (kind < 52)
        return 60 + random_below(seed, 30);
    if (kind < 72)
        return 100 + random_below(seed, 400);
    return 1200 + random_below(seed, 315);
}

static void make_capture(const char *path)
{
    pcap_t *pcap =
        pcap_open_dead_with_tstamp_precision(DLT_EN10MB, UINT16_MAX, PCAP_TSTAMP_PRECISION_MICRO);
    pcap_dumper_t *dumper = pcap_dump_open(pcap, path);
    uint64_t seed = 1;

    if (!dumper)
        fail(path);
    for (unsigned i = 0; i < MADE_PACKETS; i++) {
        uint32_t length = random_length(&seed);
        struct pcap_pkthdr header = {
            .ts = {1795435200 + i / 10000, i % 10000 * 100}, .caplen = length, .len = length};

        pcap_dump((u_char *)(void *)dumper, &header, buffer);
    }
    pcap_dump_close(dumper);
    pcap_close(pcap);
}

static void print_spread(const char *name, const char *unit, const double *values, double scale)
{
    double sorted[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++)
        sorted[i] = values[i] * scale;
    rounds_sort(sorted, ROUNDS);
    printf("%-26s %8.2f %8.2f %8.2f %s\n", name, sorted[0], sorted[ROUNDS / 2], sorted[ROUNDS - 1],
           unit);
}

static void measure(const char *path)
{
    double seconds[READERS][ROUNDS];
    double ratios[READERS][ROUNDS];
    uint64_t each;

    read_ours(path); /* also warms the page cache */
    each = packets;
    if (each == 0)
        exit(EXIT_FAILURE);
    printf("%s: %llu packets, %llu B on average\n", path, (unsigned long long)each,
           (unsigned long long)(bytes_seen / each));
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < READERS; i++) {
            double start = cpu_s();

            readers[i].read(path);
            seconds[i][round] = cpu_s() - start;
            ratios[i][round] = seconds[i][round] / seconds[0][round];
        }
    printf("%-26s %8s %8s %8s\n", "", "minimum", "median", "maximum");
    for (size_t i = 0; i < READERS; i++)
        print_spread(readers[i].name, "ns/packet", seconds[i], 1e9 / (double)each);
    for (size_t i = 1; i < READERS; i++)
        print_spread(readers[i].name, "times read(2) alone", ratios[i], 1);
}

int main(int argc, char **argv)
{
    const char *directory = getenv("TMPDIR");
    char path[4096];

    if (argc > 1) {
        measure(argv[1]);
        return EXIT_SUCCESS;
    }
    snprintf(path, sizeof(path), "%s/iagmeter-bench-%d.pcap", directory ? directory : "/tmp",
             (int)getpid());
    make_capture(path);
    measure(path);
    unlink(path);
    return EXIT_SUCCESS;
}
