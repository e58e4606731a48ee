/* SPDX-License-Identifier: GPL-3.0-or-later */

/* That several workers are given, all together, what one is; and that their sums add up to his. */

#include "collectors/capture/sharedfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "collectors/capture/capturefile.h"
#include "collectors/capture/recognition.h"
#include "collectors/capture/shard.h"
#include "collectors/capture/tunnels.h"
#include "daemon/message.h"
#include "tests/capture/develop.h"
#include "tests/capture/sink.h"
#include "tests/capture/tunnels.h"
#include "tests/thinned.h"

#define MOST   4
#define DEMO   IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap"
#define CORPUS IAGMETER_SOURCE_ROOT "/../shared/data/corpus"

static uint64_t seed;

static int setup(void **state)
{
    (void)state;
    film_start(&film);
    seed = 51;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    film_clear(&film);
    if (descriptor >= 0)
        close(descriptor);
    descriptor = -1;
    return 0;
}

/* -- Frames ------------------------------------------------------------------------------------ */

/* What one reader is given. */
static struct shot *whole;
static size_t whole_count;

static void keep(const struct captured_frame *frame)
{
    /* Twice as many at a time: the sanitizer's realloc always copies. */
    if ((whole_count & (whole_count - 1)) == 0) {
        whole = realloc(whole, (whole_count ? 2 * whole_count : 1) * sizeof(*whole));
        assert_non_null(whole);
    }
    whole[whole_count] = (struct shot){frame->time_ns,  whole_count,   frame->link_type,
                                       frame->captured, frame->length, NULL};
    whole[whole_count++].bytes = exact_copy(frame->bytes, frame->captured);
}

static void forget_whole(void)
{
    while (whole_count > 0)
        free(whole[--whole_count].bytes);
    free(whole);
    whole = NULL;
}

static enum capturefile_status read_whole(void)
{
    enum capturefile_status status;
    struct captured_frame frames[64];
    struct capturefile *file;
    char error[256];
    size_t count;

    forget_whole();
    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = capturefile_open(descriptor, CAPTUREFILE_READ_SIZE, error, sizeof(error));
    assert_non_null(file);
    while ((status = capturefile_read(file, frames, 64, &count)) == CAPTUREFILE_OK)
        for (size_t i = 0; i < count; i++)
            keep(&frames[i]);
    capturefile_close(file);
    return status;
}

static bool is_mapped; /* what can be */

static int map_what_can_be(void **state)
{
    (void)state;
    is_mapped = true;
    return 0;
}

static struct sharedfile *share(const int *descriptors, unsigned count, unsigned workers)
{
    struct sharedfile *file = sharedfile_new(descriptors, count, workers);

    assert_non_null(file);
    if (is_mapped)
        sharedfile_map(file);
    return file;
}

/* Where a worker has got to. */
struct progress {
    size_t next; /* of the whole: the first that it may be given */
    int64_t clock_ns;
    bool begun;
};

static unsigned shard_of_shot(const struct shot *shot, unsigned workers)
{
    const struct captured_frame frame = {shot->time_ns, shot->bytes,     shot->captured,
                                         shot->length,  shot->link_type, false};

    return shard_of_frame(&trust_by_default, &frame, workers);
}

/* Moves on to the next packet that WORKER is to be given; follows the clock on the way. */
static const struct shot *next_of(struct progress *progress, unsigned worker, unsigned workers)
{
    while (progress->next < whole_count) {
        const struct shot *shot = &whole[progress->next++];
        unsigned shard = shard_of_shot(shot, workers);

        if (!progress->begun || metering_jumps(progress->clock_ns, shot->time_ns) ||
            shot->time_ns > progress->clock_ns)
            progress->clock_ns = shot->time_ns;
        progress->begun = true;
        if (shard == worker || shard == SHARD_UNKNOWN)
            return shot;
    }
    return NULL;
}

static void check_frame(struct progress *progress, const struct captured_frame *frame,
                        unsigned worker, unsigned workers)
{
    const struct shot *shot;

    if (frame->overheard && frame->captured == 0)
        return; /* the time: the sums show whether that is right */
    shot = next_of(progress, worker, workers);
    assert_non_null(shot);
    assert_int_equal(frame->captured, shot->captured);
    assert_int_equal(frame->length, shot->length);
    assert_int_equal(frame->link_type, shot->link_type);
    assert_memory_equal(frame->bytes, shot->bytes, shot->captured);
    assert_int_equal(frame->time_ns, progress->clock_ns);
    assert_int_equal(frame->overheard, worker > 0 && shard_of_shot(shot, workers) == SHARD_UNKNOWN);
}

/* Lets WORKERS read in turn, in random order, and compares with what one is given. */
static enum sharedfile_status read_shared(unsigned workers)
{
    struct sharedfile *file;
    struct progress progress[MOST] = {0};
    enum sharedfile_status last = SHAREDFILE_OK;
    unsigned ended = 0; /* bits */

    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = share(&descriptor, 1, workers);
    while (ended != (1U << workers) - 1) {
        unsigned worker = random_below(&seed, workers);
        const struct captured_frame *frames;
        enum sharedfile_status status;
        size_t count;

        if (ended & 1U << worker)
            continue;
        status = sharedfile_read(file, worker, &frames, &count);
        if (status == SHAREDFILE_OK) {
            for (size_t i = 0; i < count; i++)
                check_frame(&progress[worker], &frames[i], worker, workers);
        } else if (status != SHAREDFILE_LATER) {
            assert_true(last == SHAREDFILE_OK || last == status);
            last = status;
            assert_null(next_of(&progress[worker], worker, workers));
            ended |= 1U << worker;
        }
    }
    assert_int_equal(sharedfile_packets(file), whole_count);
    sharedfile_free(file);
    return last;
}

static void assert_shared(enum capturefile_status expected)
{
    assert_int_equal(read_whole(), expected);
    for (unsigned workers = 1; workers <= MOST; workers++)
        assert_int_equal(read_shared(workers),
                         expected == CAPTUREFILE_END ? SHAREDFILE_END : SHAREDFILE_BROKEN);
    forget_whole();
}

static void workers_are_given_all_packets_between_them(void **state)
{
    (void)state;
    shoot_talks(&seed, 300);
    develop();
    assert_shared(CAPTUREFILE_END);
    develop_pcapng(0);
    assert_shared(CAPTUREFILE_END);
}

/* The shortest records: there are more of them in what is read at a time than a part has room. */
static void many_small_frames_are_shared(void **state)
{
    static const struct shot none = {NOON * SECOND, 0, DLT_EN10MB, 0, 60, (uint8_t *)""};

    (void)state;
    open_memory();
    put_pcap_header();
    for (unsigned i = 0; i < 60000; i++)
        put_record_of(&none);
    assert_shared(CAPTUREFILE_END);
}

static void shoot_fragments(void)
{
    static struct bytes bytes;
    struct address client = address4(10, 1, 0, 1);
    struct address server = address4(192, 0, 2, 1);

    for (unsigned i = 0; i < 64; i++) {
        client.bytes[3] = (uint8_t)i;
        bytes.length = 0;
        put_fill(&bytes, 0x5a, 64);
        if (i % 2 == 0)
            wrap_udp(&bytes, 50000, 4000);
        wrap_ipv4(&bytes, 17, &client, &server);
        set_u16(&bytes, 4, i / 2);
        set_u16(&bytes, 6, i % 2 ? 9 : 0x2000);
        wrap_ethernet_ip(&bytes);
        film_shoot(&film, DLT_EN10MB, &bytes);
        film.clock_ns += MILLI;
    }
}

static void fragments_are_given_to_all(void **state)
{
    (void)state;
    shoot_talks(&seed, 20);
    shoot_fragments();
    develop();
    assert_shared(CAPTUREFILE_END);
}

static void clocks_may_jump_and_packets_be_late(void **state)
{
    (void)state;
    shoot_talks(&seed, 50);
    for (size_t i = 0; i < film.count; i++) {
        if (i % 97 == 5)
            film.shots[i].time_ns += 1000 * SECOND; /* and back */
        if (i % 7 == 3)
            film.shots[i].time_ns -= random_below(&seed, 500) * MILLI;
    }
    develop();
    assert_shared(CAPTUREFILE_END);
}

/* Longer than what is read at a time, up to the largest there may be. */
static void long_blocks_are_stepped_over(void **state)
{
    static const uint32_t sizes[] = {300000, 5000000, (16U << 20) - 12};

    (void)state;
    shoot_talks(&seed, 3);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        develop_pcapng(sizes[i]);
        assert_shared(CAPTUREFILE_END);
    }
    develop_pcapng((16U << 20) - 8);
    assert_shared(CAPTUREFILE_BROKEN);
}

static void what_comes_before_damage_is_given(void **state)
{
    off_t length;

    (void)state;
    shoot_talks(&seed, 200);
    develop();
    length = lseek(descriptor, 0, SEEK_END);
    for (unsigned i = 0; i < 20; i++) {
        if (thinned(i))
            continue;
        assert_int_equal(ftruncate(descriptor, length - 1 - random_below(&seed, 1000)), 0);
        assert_shared(CAPTUREFILE_BROKEN);
        develop();
    }
}

/* The file, mapped, is cut to SIZE after its first part was taken. */
static void assert_cut_is_damage(off_t size)
{
    struct sharedfile *file;
    const struct captured_frame *frames;
    enum sharedfile_status status;
    int64_t latest_ns = 0;
    uint64_t given = 0;
    size_t count;

    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = share(&descriptor, 1, 1);
    sharedfile_map(file);
    assert_int_equal(sharedfile_read(file, 0, &frames, &count), SHAREDFILE_OK);
    assert_int_equal(ftruncate(descriptor, size), 0);
    do
        for (size_t i = 0; i < count; i++) {
            if (frames[i].overheard) /* the time alone, which is that of the last packet */
                assert_int_equal(frames[i].time_ns, latest_ns);
            latest_ns = frames[i].time_ns;
            given += !frames[i].overheard;
        }
    while ((status = sharedfile_read(file, 0, &frames, &count)) == SHAREDFILE_OK);
    assert_int_equal(status, SHAREDFILE_BROKEN);
    assert_non_null(strstr(sharedfile_error(file), "cut short while it was read"));
    assert_int_equal(sharedfile_packets(file), given);
    assert_true(given > 0 && given < film.count / 2 + 4096);
    sharedfile_free(file);
}

/* Far ahead, and amid what is read next. What was read of the latter tells no time, either. */
static void what_is_cut_meanwhile_is_damage(void **state)
{
    off_t length;

    (void)state;
    shoot_talks(&seed, 2000);
    develop();
    length = lseek(descriptor, 0, SEEK_END);
    assert_cut_is_damage(length / 2 / 4096 * 4096 + 1000);
    assert_cut_is_damage(CAPTUREFILE_READ_SIZE * 5 / 4 + 1000);
}

/* -- How a file begins and ends -----------------------------------------------------------------
 */

static void assert_unreadable(const void *bytes, size_t length, const char *reason)
{
    struct sharedfile *file;
    const struct captured_frame *frames;
    size_t count = 0;

    open_memory();
    put((const struct iovec[]){piece_of(bytes, length)}, 1);
    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = share(&descriptor, 1, 2);
    for (unsigned worker = 0; worker < 2; worker++) {
        enum sharedfile_status status;

        while ((status = sharedfile_read(file, worker, &frames, &count)) == SHAREDFILE_OK)
            assert_int_equal(count, 0);
        assert_int_equal(status, SHAREDFILE_UNREADABLE);
        if (!strstr(sharedfile_error(file), reason))
            fail_msg("\"%s\"", sharedfile_error(file));
    }
    assert_int_equal(sharedfile_packets(file), 0);
    sharedfile_free(file);
}

static void what_is_no_capture_is_told_to_all(void **state)
{
    (void)state;
    assert_unreadable("", 0, "empty");
    assert_unreadable("0123456789abcdefghijklmnopqrstuvwxyz", 36, "neither pcap nor pcapng");
    assert_unreadable("\xa1\xb2\xc3\xd4", 4, "cut short");
}

static void an_unknown_link_type_is_told_to_all(void **state)
{
    static const uint32_t header[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 147};
    struct sharedfile *file;
    const struct captured_frame *frames;
    size_t count;

    (void)state;
    open_memory();
    put_words(header, 6);
    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = share(&descriptor, 1, 2);
    assert_int_equal(sharedfile_link_type(file), -1);
    while (sharedfile_read(file, 0, &frames, &count) == SHAREDFILE_OK)
        ;
    assert_int_equal(sharedfile_read(file, 0, &frames, &count), SHAREDFILE_UNREADABLE);
    assert_int_equal(sharedfile_link_type(file), 147);
    sharedfile_free(file);
}

/* A worker that takes nothing holds the others up, unless it left. */
static void who_left_is_not_waited_for(void **state)
{
    struct sharedfile *file;
    const struct captured_frame *frames;
    enum sharedfile_status status;
    size_t count;

    (void)state;
    shoot_talks(&seed, 2000);
    develop();
    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = share(&descriptor, 1, 2);
    while ((status = sharedfile_read(file, 0, &frames, &count)) == SHAREDFILE_OK)
        ;
    assert_int_equal(status, SHAREDFILE_LATER);
    assert_int_equal(sharedfile_read(file, 0, &frames, &count), SHAREDFILE_LATER);
    sharedfile_leave(file, 1);
    while ((status = sharedfile_read(file, 0, &frames, &count)) == SHAREDFILE_OK)
        ;
    assert_int_equal(status, SHAREDFILE_END);
    assert_int_equal(sharedfile_packets(file), film.count);
    sharedfile_free(file);
}

/* -- Threads and processes ----------------------------------------------------------------------
 */

/* What a worker has seen. */
struct tale {
    struct sharedfile *file;
    unsigned worker;
    uint64_t packets;
    uint64_t sum;
    enum sharedfile_status status;
};

static uint64_t sum_of(const uint8_t *bytes, uint32_t length)
{
    uint64_t sum = 14695981039346656037ULL; /* FNV-1a */

    for (uint32_t i = 0; i < length; i++)
        sum = (sum ^ bytes[i]) * 1099511628211ULL;
    return sum;
}

static void *work(void *context)
{
    struct tale *tale = context;
    const struct captured_frame *frames;
    size_t count;

    do {
        tale->status = sharedfile_read(tale->file, tale->worker, &frames, &count);
        for (size_t i = 0; tale->status == SHAREDFILE_OK && i < count; i++) {
            if (frames[i].overheard)
                continue;
            tale->packets++;
            tale->sum += sum_of(frames[i].bytes, frames[i].captured);
        }
    } while (tale->status == SHAREDFILE_OK || tale->status == SHAREDFILE_LATER);
    sharedfile_leave(tale->file, tale->worker);
    return NULL;
}

static void assert_tales(const struct tale *tales, unsigned workers)
{
    uint64_t packets = 0;
    uint64_t sum = 0;

    for (unsigned i = 0; i < workers; i++) {
        assert_int_equal(tales[i].status, SHAREDFILE_END);
        assert_true(tales[i].packets > 0);
        packets += tales[i].packets;
        sum += tales[i].sum;
    }
    for (size_t i = 0; i < film.count; i++)
        sum -= sum_of(film.shots[i].bytes, film.shots[i].captured);
    assert_int_equal(packets, film.count);
    assert_int_equal(sum, 0);
}

static void work_in_threads(const int *descriptors, unsigned count, unsigned workers)
{
    struct sharedfile *file = share(descriptors, count, workers);
    struct tale tales[MOST] = {0};
    pthread_t threads[MOST];

    for (unsigned i = 0; i < workers; i++) {
        tales[i] = (struct tale){.file = file, .worker = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &tales[i]), 0);
    }
    for (unsigned i = 0; i < workers; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_tales(tales, workers);
    sharedfile_free(file);
}

static void threads_share_a_file(void **state)
{
    (void)state;
    shoot_talks(&seed, 2000);
    for (unsigned workers = 1; workers <= MOST; workers++) {
        develop();
        assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
        work_in_threads(&descriptor, 1, workers);
    }
}

/* Cut anywhere, and given in another order. */
static void threads_share_several_files(void **state)
{
    int descriptors[3];

    (void)state;
    shoot_talks(&seed, 2000);
    for (unsigned workers = 1; workers <= MOST; workers++) {
        size_t first = random_below(&seed, (uint32_t)film.count);
        size_t second = first + random_below(&seed, (uint32_t)(film.count - first));
        const size_t cuts[] = {0, first, second, film.count};

        for (unsigned i = 0; i < 3; i++) {
            develop_part(cuts[i], cuts[i + 1]);
            descriptors[(i + workers) % 3] = descriptor;
            descriptor = -1;
        }
        work_in_threads(descriptors, 3, workers);
        for (unsigned i = 0; i < 3; i++)
            close(descriptors[i]);
    }
}

/* As the daemon does; the file may also be a pipe. */
static void work_in_processes(unsigned workers)
{
    struct tale *tales = mmap(NULL, MOST * sizeof(*tales), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sharedfile *file = share(&descriptor, 1, workers);
    pid_t processes[MOST];
    int status;

    assert_true(tales != MAP_FAILED);
    for (unsigned i = 0; i < workers; i++) {
        tales[i] = (struct tale){.file = file, .worker = i};
        processes[i] = fork();
        if (processes[i] == 0) {
            work(&tales[i]);
            _exit(0);
        }
    }
    sharedfile_free(file);
    for (unsigned i = 0; i < workers; i++) {
        assert_int_equal(waitpid(processes[i], &status, 0), processes[i]);
        assert_int_equal(status, 0);
    }
    assert_tales(tales, workers);
    munmap(tales, MOST * sizeof(*tales));
}

static void processes_share_a_file(void **state)
{
    (void)state;
    shoot_talks(&seed, 2000);
    for (unsigned workers = 1; workers <= MOST; workers++) {
        develop();
        assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
        work_in_processes(workers);
    }
}

/* Copies the capture into a pipe from another process. */
static void open_pipe(bool compressed)
{
    int ends[2];
    static uint8_t bytes[65536];
    ssize_t count;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    if (fork() == 0) {
        gzFile stream = compressed ? gzdopen(ends[1], "wb") : NULL;

        close(ends[0]);
        while ((count = read(descriptor, bytes, sizeof(bytes))) > 0)
            if ((stream ? gzwrite(stream, bytes, (unsigned)count)
                        : (int)write(ends[1], bytes, (size_t)count)) != count)
                _exit(1);
        _exit(stream ? gzclose(stream) : 0);
    }
    close(ends[1]);
    close(descriptor);
    descriptor = ends[0];
}

static void processes_share_a_pipe(void **state)
{
    (void)state;
    shoot_talks(&seed, 1000);
    for (unsigned compressed = 0; compressed < 2; compressed++) {
        develop();
        open_pipe(compressed);
        work_in_processes(3);
        wait(NULL);
    }
}

/* -- Sums ---------------------------------------------------------------------------------------
 */

static struct diagnostics *diagnostics;
static struct config *config;
static struct limits limits;

static int load(void **state)
{
    static const char *const hosts[] = {".google.com", ".googleapis.com", ".facebook.com",
                                        ".apple.com",  ".cloudflare.com", ".mozilla.org"};
    uint16_t service;

    (void)state;
    diagnostics = diagnostics_new();
    config = config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    if (!config)
        return -1;
    service = catalogue_find(config->catalogue, "mistral-api");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
        if (catalogue_add_host(config->catalogue, hosts[i], service, ROLE_INFERENCE))
            return -1;
    limits = config->limits;
    limits.max_flows = 16384;
    limits.max_tracked_flows = 2048;
    limits.max_reassembly = 1024;
    limits.max_devices = 1024;
    return 0;
}

static int unload(void **state)
{
    (void)state;
    config_free(config);
    diagnostics_free(diagnostics);
    return 0;
}

/* What several workers came to. */
struct outcome {
    struct sink_log logs[MOST];
    unsigned workers;
};

static void forget(struct outcome *outcome)
{
    for (unsigned i = 0; i < outcome->workers; i++)
        sink_clear(&outcome->logs[i]);
}

static struct trust_policy policy;

static struct outcome meter(unsigned workers)
{
    struct outcome outcome = {.workers = workers};
    struct recognition_memory *memory = recognition_memory_new(&limits);
    struct metering *meterings[MOST];
    struct sharedfile *file;
    unsigned ended = 0;

    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = share(&descriptor, 1, workers);
    assert_non_null(memory);
    sharedfile_set_trust(file, &policy);
    for (unsigned i = 0; i < workers; i++) {
        struct metering_sink sink = sink_into(&outcome.logs[i]);

        meterings[i] =
            metering_new_worker(&limits, config->catalogue, config->directions, &sink, memory);
        assert_non_null(meterings[i]);
        metering_take_shard(meterings[i], i, workers);
        metering_set_trust(meterings[i], &policy);
    }
    while (ended != (1U << workers) - 1) {
        unsigned worker = random_below(&seed, workers);
        const struct captured_frame *frames;
        enum sharedfile_status status;
        size_t count;

        if (ended & 1U << worker)
            continue;
        status = sharedfile_read(file, worker, &frames, &count);
        if (status == SHAREDFILE_OK)
            metering_frames(meterings[worker], frames, count);
        else if (status != SHAREDFILE_LATER)
            ended |= 1U << worker;
    }
    for (unsigned i = 0; i < workers; i++) {
        metering_finish(meterings[i]);
        metering_free(meterings[i]);
    }
    recognition_memory_free(memory);
    sharedfile_free(file);
    return outcome;
}

/* What one metering of the whole came to, without any of this. */
static struct outcome meter_whole(void)
{
    struct outcome outcome = {.workers = 1};
    struct metering_sink sink = sink_into(&outcome.logs[0]);
    struct metering *metering = metering_new(&limits, config->catalogue, config->directions, &sink);
    enum capturefile_status status = CAPTUREFILE_OK;
    struct captured_frame frames[64];
    struct capturefile *file;
    char error[256];
    size_t count;

    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = capturefile_open(descriptor, CAPTUREFILE_READ_SIZE, error, sizeof(error));
    assert_true(file && metering);
    metering_set_trust(metering, &policy);
    while (status == CAPTUREFILE_OK) {
        status = capturefile_read(file, frames, 64, &count);
        metering_frames(metering, frames, count);
    }
    metering_finish(metering);
    metering_free(metering);
    capturefile_close(file);
    return outcome;
}

static void add_activity(struct activity *sum, const struct activity *part)
{
    sum->flows += part->flows;
    sum->bytes_up += part->bytes_up;
    sum->bytes_down += part->bytes_down;
    sum->bytes_other += part->bytes_other;
    sum->requests = triple_add(sum->requests, part->requests);
    sum->tokens_in = triple_add(sum->tokens_in, part->tokens_in);
    sum->tokens_out = triple_add(sum->tokens_out, part->tokens_out);
    sum->grade = (uint8_t)grade_worst(sum->grade, part->grade);
}

static struct activity activity_of(const struct outcome *outcome, const struct sink_entry *like)
{
    const struct activity *pair = &like->body.activity;
    struct activity sum = {0};

    for (unsigned i = 0; i < outcome->workers; i++) {
        struct activity part =
            sink_sum(&outcome->logs[i], like->interval_start, pair->direction_id, pair->service_id);

        add_activity(&sum, &part);
    }
    return sum;
}

static struct coverage coverage_of(const struct outcome *outcome, int64_t interval_start)
{
    struct coverage sum = {0};

    for (unsigned i = 0; i < outcome->workers; i++)
        for (size_t j = 0; j < outcome->logs[i].count; j++) {
            const struct sink_entry *entry = &outcome->logs[i].entries[j];

            if (entry->kind == SINK_CLOSED && entry->interval_start == interval_start)
                coverage_add(&sum, &entry->body.coverage);
        }
    return sum;
}

struct devices {
    uint32_t largest; /* of one worker */
    uint32_t sum;
};

static struct devices devices_of(const struct outcome *outcome, const struct device_count *like)
{
    struct devices devices = {0, 0};

    for (unsigned i = 0; i < outcome->workers; i++) {
        uint32_t last = 0;

        for (size_t j = 0; j < outcome->logs[i].count; j++) {
            const struct sink_entry *entry = &outcome->logs[i].entries[j];
            const struct device_count *count = &entry->body.devices;

            if (entry->kind == SINK_DEVICES && count->day == like->day &&
                count->direction_id == like->direction_id &&
                count->service_id == like->service_id && count->devices > last)
                last = count->devices;
        }
        devices.sum += last;
        if (last > devices.largest)
            devices.largest = last;
    }
    return devices;
}

/* Only the order of additions may differ. */
static void assert_close(double a, double b)
{
    assert_true(fabs(a - b) <= 1e-9 * (1 + fabs(a)));
}

static void assert_triples(struct triple a, struct triple b)
{
    assert_close(a.low, b.low);
    assert_close(a.central, b.central);
    assert_close(a.high, b.high);
}

static void assert_activity(const struct activity *a, const struct activity *b)
{
    assert_int_equal(a->flows, b->flows);
    assert_int_equal(a->bytes_up, b->bytes_up);
    assert_int_equal(a->bytes_down, b->bytes_down);
    assert_int_equal(a->bytes_other, b->bytes_other);
    assert_int_equal(a->grade, b->grade);
    assert_triples(a->requests, b->requests);
    assert_triples(a->tokens_in, b->tokens_in);
    assert_triples(a->tokens_out, b->tokens_out);
}

/* Each worker observes all the time: the daemon divides it by their number. */
static void assert_coverage(struct coverage a, unsigned a_workers, struct coverage b,
                            unsigned b_workers)
{
    a.covered_ns *= b_workers;
    b.covered_ns *= a_workers;
#define ASSERT_MEMBER(name)                                                                        \
    if (a.name != b.name)                                                                          \
        fail_msg("%s: %llu, not %llu", #name, (unsigned long long)b.name,                          \
                 (unsigned long long)a.name);
    COVERAGE_COUNTERS(ASSERT_MEMBER)
#undef ASSERT_MEMBER
}

/* A worker knows a part of the addresses, of either family or of one: devices are not added up. The
 * ledger takes the largest number, which is no more than there are. */
static void assert_devices(const struct outcome *a, const struct outcome *b,
                           const struct device_count *like)
{
    assert_true(devices_of(a, like).largest <= devices_of(b, like).sum);
    assert_true(devices_of(b, like).largest <= devices_of(a, like).sum);
}

/* Each entry of A has the same sums in B. */
static void assert_within(const struct outcome *a, const struct outcome *b)
{
    for (unsigned i = 0; i < a->workers; i++)
        for (size_t j = 0; j < a->logs[i].count; j++) {
            const struct sink_entry *entry = &a->logs[i].entries[j];

            if (entry->kind == SINK_ACTIVITY) {
                struct activity left = activity_of(a, entry);
                struct activity right = activity_of(b, entry);

                assert_activity(&left, &right);
            } else if (entry->kind == SINK_DEVICES) {
                assert_devices(a, b, &entry->body.devices);
            } else {
                assert_coverage(coverage_of(a, entry->interval_start), a->workers,
                                coverage_of(b, entry->interval_start), b->workers);
            }
        }
}

static struct message message_of(const struct sink_entry *entry)
{
    static const enum message_type types[] = {[SINK_ACTIVITY] = MESSAGE_ACTIVITY,
                                              [SINK_DEVICES] = MESSAGE_DEVICES,
                                              [SINK_CLOSED] = MESSAGE_CLOSED,
                                              [SINK_USE] = MESSAGE_LOCAL_USE};
    struct message message;

    message_start(&message, types[entry->kind]);
    message.interval_start = entry->interval_start;
    memcpy(&message.body, &entry->body, sizeof(entry->body));
    return message;
}

/* A worker that sends what is impossible is no longer listened to. */
static void assert_possible(const struct outcome *outcome)
{
    for (unsigned i = 0; i < outcome->workers; i++)
        for (size_t j = 0; j < outcome->logs[i].count; j++) {
            const struct message message = message_of(&outcome->logs[i].entries[j]);

            assert_true(message_check(&message, SENDER_CAPTURE));
        }
}

static void assert_same_sums(void)
{
    struct outcome one = meter_whole();

    for (unsigned workers = 1; workers <= MOST; workers++) {
        struct outcome several = meter(workers);

        assert_possible(&several);
        assert_within(&one, &several);
        assert_within(&several, &one);
        forget(&several);
    }
    forget(&one);
}

static void sums_of_workers_are_those_of_one(void **state)
{
    (void)state;
    shoot_talks(&seed, 300);
    develop();
    assert_same_sums();
    develop_pcapng(0);
    assert_same_sums();
}

static void sums_are_the_same_whatever_the_clock_does(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        film_clear(&film);
        shoot_talks(&seed, 100);
        for (size_t i = 0; i < film.count; i++) {
            if (random_below(&seed, 5) == 0)
                film.shots[i].time_ns -= random_below(&seed, 900) * MILLI;
            if (random_below(&seed, 200) == 0)
                film.shots[i].time_ns -= random_below(&seed, 200) * SECOND;
            if (round > 5 && random_below(&seed, 200) == 0)
                film.shots[i].time_ns += random_below(&seed, 1000) * SECOND;
        }
        develop();
        assert_same_sums();
    }
}

/* One client is quiet for longer than a whole capture may be. */
static void a_client_may_be_silent_for_long(void **state)
{
    struct talk quiet = talk_of(200, 50000);

    (void)state;
    talk_open(&film, &quiet);
    talk_hello(&film, &quiet, "api.mistral.ai", 0);
    for (unsigned i = 0; i < 40; i++) {
        struct talk talk = talk_of(i, (uint16_t)(51000 + i));

        talk_open(&film, &talk);
        talk_hello(&film, &talk, "chatgpt.com", 0);
        talk_exchange(&film, &talk, 400, 10, 300, 100 * MILLI);
        film.clock_ns += 30 * SECOND;
    }
    talk_exchange(&film, &quiet, 400, 10, 300, 100 * MILLI);
    develop();
    assert_same_sums();
}

/* Cuts a frame of Ethernet and IPv4 in two. */
static void cut_in_fragments(const struct shot *shot, struct shot pieces[2], uint16_t number)
{
    static struct bytes bytes;
    uint32_t data = shot->captured - 34;
    uint32_t first = data / 2 / 8 * 8;

    for (unsigned i = 0; i < 2; i++) {
        uint32_t from = i ? first : 0;
        uint32_t length = i ? data - first : first;

        bytes.length = 0;
        put_bytes(&bytes, shot->bytes, 34);
        put_bytes(&bytes, shot->bytes + 34 + from, length);
        set_u16(&bytes, 16, 20 + length);
        set_u16(&bytes, 18, number);
        set_u16(&bytes, 20, i ? from / 8 : 0x2000);
        pieces[i] = *shot;
        pieces[i].bytes = exact_copy(bytes.at, bytes.length);
        pieces[i].captured = pieces[i].length = (uint32_t)bytes.length;
    }
}

/* The same of a frame that goes to a wireless controller. */
static void cut_in_pieces(const struct shot *shot, struct shot pieces[2], uint16_t number)
{
    static struct bytes frame;
    static struct bytes bytes;
    size_t size = shot->captured / 2 / 8 * 8 + 8;

    frame.length = 0;
    put_bytes(&frame, shot->bytes, shot->captured);
    for (unsigned i = 0; i < 2; i++) {
        put_capwap_piece(&bytes, &frame, false, size * i, size, number);
        pieces[i] = *shot;
        pieces[i].bytes = exact_copy(bytes.at, bytes.length);
        pieces[i].captured = pieces[i].length = (uint32_t)bytes.length;
    }
}

/* Half of them in the wrong order; the first one is incomplete. */
static void fragments_add_up(void **state)
{
    bool complete = false;

    (void)state;
    shoot_talks(&seed, 60);
    open_memory();
    put_pcap_header();
    for (size_t i = 0; i < film.count; i++) {
        struct shot pieces[2];
        unsigned first = random_below(&seed, 2);

        if (film.shots[i].captured < 120 || random_below(&seed, 2)) {
            put_record_of(&film.shots[i]);
            continue;
        }
        (i % 3 ? cut_in_fragments : cut_in_pieces)(&film.shots[i], pieces, (uint16_t)i);
        put_record_of(&pieces[first]);
        if (complete)
            put_record_of(&pieces[!first]);
        complete = true;
        free(pieces[0].bytes);
        free(pieces[1].bytes);
    }
    assert_same_sums();
}

/* Several packets in one frame of 802.11 for a wireless controller, perhaps in two pieces. */
static void put_record_of_packets(struct bytes *packets, const struct shot *like, uint16_t number)
{
    static struct bytes piece;
    struct shot shot = *like;
    size_t size;

    wrap_aggregate(packets);
    size = random_below(&seed, 2) ? packets->length : packets->length / 2 / 8 * 8 + 8;
    for (size_t at = 0; at < packets->length; at += size) {
        put_capwap_piece(&piece, packets, true, at, size, number);
        shot.bytes = piece.at;
        shot.captured = shot.length = (uint32_t)piece.length;
        put_record_of(&shot);
    }
    packets->length = 0;
}

/* Of several clients, and fragments among them. */
static void packets_in_one_frame_add_up(void **state)
{
    static struct bytes packets;

    (void)state;
    shoot_talks(&seed, 60);
    open_memory();
    put_pcap_header();
    for (size_t i = 0; i < film.count; i++) {
        const struct shot *shot = &film.shots[i];
        struct shot pieces[2];

        if (shot->captured < 120 || random_below(&seed, 2)) {
            put_subframe(&packets, shot->bytes, shot->captured);
        } else {
            cut_in_fragments(shot, pieces, (uint16_t)i);
            for (unsigned piece = 0; piece < 2; piece++) {
                put_subframe(&packets, pieces[piece].bytes, pieces[piece].captured);
                free(pieces[piece].bytes);
            }
        }
        if (random_below(&seed, 4) == 0 || i + 1 == film.count || packets.length > 12000)
            put_record_of_packets(&packets, shot, (uint16_t)i);
    }
    assert_same_sums();
}

/* In a tunnel on a port that is told: whose packet it is, the one in it tells. */
static void packets_in_tunnels_add_up(void **state)
{
    static struct bytes packet;

    (void)state;
    assert_null(tunnels_add_port(&policy, "fou:19523"));
    shoot_talks(&seed, 60);
    open_memory();
    put_pcap_header();
    for (size_t i = 0; i < film.count; i++) {
        struct shot shot = film.shots[i];

        packet.length = 0;
        put_bytes(&packet, shot.bytes + 14, shot.captured - 14);
        over_fou_gre(&packet);
        if (random_below(&seed, 2)) { /* the other way: by the tunnel's ends, another worker's */
            set_u16(&packet, 20, 50000);
            set_u16(&packet, 22, FOU_PORT);
        }
        wrap_ethernet_ip(&packet);
        shot.bytes = packet.at;
        shot.captured = shot.length = (uint32_t)packet.length;
        put_record_of(&shot);
    }
    assert_same_sums();
    policy = trust_by_default;
}

/* Datagrams of nothing that is followed, of one client after the other, and each with a copy: who
 * meters the whole may have counted none of its fragments, nor anything else in the interval. */
static void fragments_may_be_all_there_is(void **state)
{
    const struct address server = address4(192, 0, 2, 1);
    static struct bytes bytes;

    (void)state;
    open_memory();
    put_pcap_header();
    for (unsigned i = 0; i < 16; i++) {
        const struct address client = address4(10, 0, 0, i);
        struct shot pieces[2];

        bytes.length = 0;
        put_fill(&bytes, 0x5a, 2000);
        wrap_udp(&bytes, 40000, 5000);
        wrap_ipv4(&bytes, 17, &client, &server);
        wrap_ethernet_ip(&bytes);
        film_shoot(&film, DLT_EN10MB, &bytes);
        cut_in_fragments(&film.shots[i], pieces, (uint16_t)i);
        for (unsigned piece = 0; piece < 4; piece++)
            put_record_of(&pieces[piece % 2]);
        free(pieces[0].bytes);
        free(pieces[1].bytes);
        film.clock_ns += 70 * SECOND;
    }
    assert_same_sums();
}

/* Here are ClientHellos with the same random on connections of several clients. One of them counts,
 * which one is decided by who is faster. */
static const char shows_copies[] = "arkime_synthetic.pcap";

static unsigned metered;
static unsigned visited;

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
    char error[256];
    struct capturefile *file;

    (void)status;
    (void)place;
    /* One in eight of many: each takes the memory of several meterings. */
    if (type != FTW_F || strstr(path, shows_copies) || visited++ % 8 != 0)
        return 0;
    if (descriptor >= 0)
        close(descriptor);
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    file = capturefile_open(descriptor, CAPTUREFILE_READ_SIZE, error, sizeof(error));
    if (!file)
        return 0;
    capturefile_close(file);
    assert_same_sums();
    metered++;
    return 0;
}

static void sums_of_real_captures_are_those_of_one(void **state)
{
    (void)state;
    assert_int_equal(nftw(DEMO, visit, 4, FTW_PHYS), 0);
    assert_int_equal(metered, 1);
    if (access(CORPUS, R_OK) == 0)
        assert_int_equal(nftw(CORPUS, visit, 16, FTW_PHYS), 0);
    else
        print_message("SKIPPED but for the demonstration: %s is not here\n", CORPUS);
    print_message("%u captures\n", metered);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest reading[] = {
        TEST(workers_are_given_all_packets_between_them),
        TEST(many_small_frames_are_shared),
        TEST(fragments_are_given_to_all),
        TEST(clocks_may_jump_and_packets_be_late),
        TEST(long_blocks_are_stepped_over),
        TEST(what_comes_before_damage_is_given),
        TEST(what_is_cut_meanwhile_is_damage),
        TEST(what_is_no_capture_is_told_to_all),
        TEST(an_unknown_link_type_is_told_to_all),
        TEST(who_left_is_not_waited_for),
        TEST(threads_share_a_file),
        TEST(threads_share_several_files),
        TEST(processes_share_a_file),
        TEST(processes_share_a_pipe),
    };
    const struct CMUnitTest metering[] = {
        TEST(sums_of_workers_are_those_of_one), TEST(sums_are_the_same_whatever_the_clock_does),
        TEST(a_client_may_be_silent_for_long),  TEST(fragments_add_up),
        TEST(fragments_may_be_all_there_is),    TEST(packets_in_one_frame_add_up),
        TEST(packets_in_tunnels_add_up),        TEST(sums_of_real_captures_are_those_of_one),
    };

    return cmocka_run_group_tests_name("read", reading, NULL, NULL) +
           cmocka_run_group_tests(metering, load, unload) +
           cmocka_run_group_tests_name("mapped", reading, map_what_can_be, NULL);
}
