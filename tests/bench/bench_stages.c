/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What each stage of the metering costs, in processor time per packet, and what memory it takes.
 * The captures named on the command line are read from the page cache again and again: merely read;
 * read and decoded; also looked up in the table of connections; metered by a catalogue without any
 * service; metered by the shipped one. All in turn, ROUNDS times, so that what else the machine
 * does disturbs all of them alike; a stage is the difference to the one before in the same round.
 * Prints tables in Markdown. */

#include "collectors/capture/copies.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/flowtable.h"
#include "collectors/capture/keyedhash.h"
#include "collectors/capture/metering.h"
#include "collectors/capture/source.h"
#include "daemon/config.h"
#include "tests/bench/rounds.h"
#include "tests/capture/process.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS    5
#define BATCH     32 /* as in metering.c, and the next two */
#define COPIES    8192
#define COPY_NS   100000000LL
#define SECOND_NS 1000000000LL

static const struct config *config;
static struct catalogue *empty;

struct meter {
    uint64_t packets;
    uint64_t bytes;
    struct hash_key key;
    struct flow_table *flows;
    struct copies *copies;
    struct metering *metering;
};

/* -- The stages -------------------------------------------------------------------------------- */

static void count(void *context, const struct captured_frame *frames, size_t frame_count)
{
    struct meter *meter = context;

    meter->packets += frame_count;
    for (size_t i = 0; i < frame_count; i++)
        meter->bytes += frames[i].length;
}

static bool decode(const struct captured_frame *frame, struct packet *packet)
{
    enum decode_result result =
        decode_frame(frame->link_type, frame->bytes, frame->captured, frame->length, packet);

    return result == DECODE_TCP || result == DECODE_UDP;
}

static void count_payload(void *context, const struct captured_frame *frames, size_t frame_count)
{
    struct meter *meter = context;
    struct packet packet;

    for (size_t i = 0; i < frame_count; i++)
        if (decode(&frames[i], &packet))
            meter->bytes += packet.payload_length;
}

/* The same both ways: the lower end first. */
static uint64_t key_of(const struct meter *meter, const struct packet *packet)
{
    struct {
        uint8_t address[2][16];
        uint16_t port[2];
        uint32_t protocol;
    } tuple = {.protocol = packet->protocol};
    unsigned first = memcmp(packet->source.bytes, packet->destination.bytes, 16) > 0;
    uint64_t words[2];

    tuple.port[first] = packet->source_port;
    tuple.port[!first] = packet->destination_port;
    if (packet->source.family == 4) {
        memcpy((uint8_t *)&words[1] + 4L * first, packet->source.bytes, 4);
        memcpy((uint8_t *)&words[1] + 4L * !first, packet->destination.bytes, 4);
        memcpy(&words[0], tuple.port, sizeof(words[0]));
        return keyedhash_pair(&meter->key, words[0], words[1]);
    }
    memcpy(tuple.address[first], packet->source.bytes, 16);
    memcpy(tuple.address[!first], packet->destination.bytes, 16);
    return keyedhash(&meter->key, &tuple, sizeof(tuple));
}

static uint64_t fingerprint_of(const struct packet *packet, uint64_t key)
{
    uint64_t numbers = (uint64_t)packet->sequence << 32 | (uint64_t)packet->ip_id << 16;

    return (key ^ numbers ^ packet->checksum) * 0x9e3779b97f4a7c15ULL;
}

static void forget(void *context, struct flow *flow)
{
    (void)context;
    (void)flow;
}

struct looked_up {
    bool flows; /* it may be of a flow */
    struct packet packet;
    uint64_t key;
    uint64_t fingerprint;
    size_t guess;
};

static void find(struct meter *meter, const struct looked_up *looked_up, int64_t now_ns)
{
    const struct packet *packet = &looked_up->packet;
    uint32_t now_s = (uint32_t)(now_ns / SECOND_NS);
    struct flow *flow;

    if (!looked_up->flows || copies_seen(meter->copies, looked_up->fingerprint, now_ns))
        return;
    flow = flowtable_find_at(meter->flows, looked_up->key, looked_up->guess);
    if (!flow && packet->protocol == 6 &&
        (packet->payload_length > 0 || packet->tcp_flags & TCP_SYN))
        flow = flowtable_insert(meter->flows, looked_up->key, now_s, forget, NULL);
    if (flow)
        flow->last_seen_s = now_s;
}

static void look_up_batch(struct meter *meter, const struct captured_frame *frames, size_t count)
{
    struct looked_up all[BATCH];

    for (size_t i = 0; i < count; i++) {
        all[i].flows = decode(&frames[i], &all[i].packet);
        if (!all[i].flows)
            continue;
        all[i].key = key_of(meter, &all[i].packet);
        all[i].fingerprint = fingerprint_of(&all[i].packet, all[i].key);
        flowtable_prefetch(meter->flows, all[i].key);
        copies_prefetch(meter->copies, all[i].fingerprint);
    }
    for (size_t i = 0; i < count; i++)
        if (all[i].flows)
            all[i].guess = flowtable_guess(meter->flows, all[i].key);
    for (size_t i = 0; i < count; i++)
        find(meter, &all[i], frames[i].time_ns);
}

static void look_up(void *context, const struct captured_frame *frames, size_t count)
{
    for (size_t done = 0; done < count; done += BATCH)
        look_up_batch(context, frames + done, count - done < BATCH ? count - done : BATCH);
}

static void meter_frames(void *context, const struct captured_frame *frames, size_t count)
{
    struct meter *meter = context;

    metering_frames(meter->metering, frames, count);
}

static const struct stage {
    const char *name;
    source_handler *take;
} stages[] = {
    {"reading", count},
    {"decoding", count_payload},
    {"key, copies, table of connections", look_up},
    {"state of connections, recognition", meter_frames}, /* without any service */
    {"use: records, exchanges, sums", meter_frames},
};
#define STAGES (sizeof(stages) / sizeof(stages[0]))

/* -- Running them ------------------------------------------------------------------------------ */

static struct metering *new_metering(const struct limits *limits, const struct catalogue *catalogue)
{
    const struct metering_sink sink = metering_ignore(NULL);
    struct metering *metering = metering_new(limits, catalogue, config->directions, &sink);

    if (!metering)
        abort();
    return metering;
}

static void read_file(const char *path, source_handler *handler, struct meter *meter)
{
    char error[512];
    struct source *source = source_open_file(path, error, sizeof(error));

    if (!source) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    while (source_read(source, SOURCE_BATCH, handler, meter) == SOURCE_OK)
        ;
    source_close(source);
}

/* Memory is taken before the clock starts, as in the daemon. */
static double time_stage(const char *path, size_t stage)
{
    struct meter meter = {0};
    double start_s;

    meter.flows = flowtable_new(config->limits.max_flows);
    meter.copies = copies_new(COPIES, COPY_NS);
    meter.metering = new_metering(&config->limits, stage + 1 < STAGES ? empty : config->catalogue);
    if (!meter.flows || !meter.copies || !keyedhash_draw(&meter.key))
        abort();
    start_s = process_cpu_s();
    read_file(path, stages[stage].take, &meter);
    start_s = process_cpu_s() - start_s;
    metering_free(meter.metering);
    copies_free(meter.copies);
    flowtable_free(meter.flows);
    return start_s;
}

static double median(double values[ROUNDS])
{
    rounds_sort(values, ROUNDS);
    return values[ROUNDS / 2];
}

static void print_stages(const char *path)
{
    double so_far_ns[STAGES][ROUNDS];
    double alone_ns[STAGES][ROUNDS];
    struct meter meter = {0};

    read_file(path, count, &meter); /* also into the page cache */
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < STAGES; i++) {
            so_far_ns[i][round] = time_stage(path, i) * 1e9 / (double)meter.packets;
            alone_ns[i][round] = so_far_ns[i][round] - (i > 0 ? so_far_ns[i - 1][round] : 0);
        }
    printf("| %s: %llu packets, %llu B on average; ns per packet | stage alone, median | so far, "
           "minimum | median | maximum |\n|---|--:|--:|--:|--:|\n",
           strrchr(path, '/') ? strrchr(path, '/') + 1 : path, (unsigned long long)meter.packets,
           (unsigned long long)(meter.bytes / meter.packets));
    for (size_t i = 0; i < STAGES; i++) {
        double middle = median(so_far_ns[i]);

        printf("| %s | %.0f | %.0f | %.0f | %.0f |\n", stages[i].name, median(alone_ns[i]),
               so_far_ns[i][0], middle, so_far_ns[i][ROUNDS - 1]);
    }
    putchar('\n');
}

/* -- Memory ------------------------------------------------------------------------------------ */

/* Bytes of address space that a metering takes, with all that the limits allow. */
static double taken(const struct limits *limits)
{
    long before_kb = process_memory_kb("VmSize:");
    struct metering *metering = new_metering(limits, empty);
    long taken_kb = process_memory_kb("VmSize:") - before_kb;

    metering_free(metering);
    return 1024.0 * (double)taken_kb;
}

/* One line: what each of one limit takes, found by raising it (to what does not fit in memory that
 * malloc() holds in reserve). */
static double print_limit(const char *what, size_t member)
{
    struct limits limits = config->limits;
    unsigned *limit = (unsigned *)(void *)((char *)&limits + member);
    unsigned configured = *limit;
    double before;
    double each;

    *limit = 8 * configured;
    before = taken(&limits);
    *limit = 16 * configured;
    each = (taken(&limits) - before) / (8.0 * configured);
    printf("| %s | %.0f | %u | %.2f |\n", what, each, configured, each * configured / 1e6);
    return each * configured;
}

static void print_limits(void)
{
    double all;
    double sum = 0;

    taken(&config->limits); /* what is taken once only */
    all = taken(&config->limits);
    printf("| memory, with the limits of conf/iagmeter.conf | bytes each | at most | MB |\n"
           "|---|--:|--:|--:|\n");
    sum += print_limit("connection", offsetof(struct limits, max_flows));
    sum += print_limit("of these, one that is followed, more",
                       offsetof(struct limits, max_tracked_flows));
    sum += print_limit("window of reassembly", offsetof(struct limits, max_reassembly));
    sum += print_limit("device on a service", offsetof(struct limits, max_devices));
    sum += print_limit("hint of the DNS", offsetof(struct limits, max_hints));
    printf("| tables of fixed size | | | %.2f |\n", (all - sum) / 1e6);
    printf("| **ceiling of the metering** | | | **%.2f** |\n", all / 1e6);
}

/* In a process of its own, whose highest is that of this file. */
static void print_highest(const char *path)
{
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct meter meter = {0};
        long before_kb = process_memory_kb("VmRSS:");

        meter.metering = new_metering(&config->limits, config->catalogue);
        read_file(path, meter_frames, &meter);
        metering_finish(meter.metering);
        printf("| resident at most: %s | | | %.2f |\n",
               strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
               (double)(process_memory_kb("VmHWM:") - before_kb) * 1024 / 1e6);
        fflush(stdout);
        _exit(EXIT_SUCCESS);
    }
    if (child < 0 || waitpid(child, NULL, 0) != child)
        abort();
}

int main(int argc, char **argv)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *loaded =
        config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);

    config = loaded;
    empty = catalogue_new();
    if (!config || !empty || argc < 2) {
        diagnostics_print(diagnostics, stderr);
        fprintf(stderr, "usage: bench_stages CAPTURE...\n");
        return EXIT_FAILURE;
    }
    mallopt(M_MMAP_THRESHOLD, 1 << 16); /* freed memory goes back: none is taken unseen */
    print_limits();
    for (int i = 1; i < argc; i++)
        print_highest(argv[i]);
    putchar('\n');
    for (int i = 1; i < argc; i++)
        print_stages(argv[i]);
    catalogue_free(empty);
    config_free(loaded);
    diagnostics_free(diagnostics);
    return EXIT_SUCCESS;
}
