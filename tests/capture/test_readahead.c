/* SPDX-License-Identifier: GPL-3.0-or-later */

/* That a capture read ahead by a thread gives the same as one that is not, to the bit. */

#include "collectors/capture/readahead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <zlib.h>

#include "tests/capture/develop.h"
#include "tests/capture/sink.h"
#include "tests/thinned.h"

#define DEMO   IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap"
#define CORPUS IAGMETER_SOURCE_ROOT "/../shared/data/corpus"

static uint64_t seed;
static struct diagnostics *diagnostics;
static struct config *config;
static struct limits limits;

static int load(void **state)
{
    (void)state;
    diagnostics = diagnostics_new();
    config = config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    if (!config)
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

static int setup(void **state)
{
    (void)state;
    film_start(&film);
    seed = 77;
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

/* -- Both ways -------------------------------------------------------------------------------- */

/* What metering a capture came to, and how reading it ended. */
struct outcome {
    struct sink_log log;
    enum capturefile_status status;
    uint64_t packets;
    uint64_t offset;
    char error[256];
};

static struct capturefile *open_capture(void)
{
    char error[256];
    struct capturefile *file;

    assert_int_equal(lseek(descriptor, 0, SEEK_SET), 0);
    file = capturefile_open(descriptor, CAPTUREFILE_READ_SIZE, error, sizeof(error));
    if (!file)
        fail_msg("%s", error);
    return file;
}

static struct metering *new_metering(struct outcome *outcome)
{
    struct metering_sink sink = sink_into(&outcome->log);
    struct metering *metering = metering_new(&limits, config->catalogue, config->directions, &sink);

    assert_non_null(metering);
    return metering;
}

static void note_end(struct outcome *outcome, const struct capturefile *file)
{
    if (outcome->status != CAPTUREFILE_BROKEN)
        return;
    outcome->offset = capturefile_offset(file);
    snprintf(outcome->error, sizeof(outcome->error), "%s", capturefile_error(file));
}

static struct outcome meter_alone(void)
{
    struct outcome outcome = {.status = CAPTUREFILE_OK};
    struct metering *metering = new_metering(&outcome);
    struct capturefile *file = open_capture();
    struct captured_frame frames[64];
    size_t count;

    while (outcome.status == CAPTUREFILE_OK) {
        outcome.status = capturefile_read(file, frames, 64, &count);
        outcome.packets += count;
        metering_frames(metering, frames, count);
    }
    note_end(&outcome, file);
    metering_finish(metering);
    metering_free(metering);
    capturefile_close(file);
    return outcome;
}

static struct outcome meter_ahead(bool mapped)
{
    struct outcome outcome = {.status = CAPTUREFILE_OK};
    struct metering *metering = new_metering(&outcome);
    struct capturefile *file = open_capture();
    struct readahead *ahead;
    struct prepared *prepared;
    size_t count;

    if (mapped)
        capturefile_map(file);
    ahead = readahead_new(file, metering);
    assert_non_null(ahead);
    while (outcome.status == CAPTUREFILE_OK) {
        outcome.status = readahead_next(ahead, &prepared, &count);
        outcome.packets += count;
        metering_take(metering, prepared, count);
    }
    note_end(&outcome, file);
    metering_finish(metering);
    readahead_free(ahead);
    metering_free(metering);
    capturefile_close(file);
    return outcome;
}

static void assert_same_outcome(struct outcome *ahead, const struct outcome *alone)
{
    assert_int_equal(ahead->status, alone->status);
    assert_int_equal(ahead->packets, alone->packets);
    assert_int_equal(ahead->offset, alone->offset);
    assert_string_equal(ahead->error, alone->error);
    assert_int_equal(ahead->log.count, alone->log.count);
    assert_memory_equal(ahead->log.entries, alone->log.entries,
                        alone->log.count * sizeof(*alone->log.entries));
    sink_clear(&ahead->log);
}

/* Returns how all ended. */
static enum capturefile_status assert_same(void)
{
    struct outcome alone = meter_alone();
    struct outcome ahead = meter_ahead(false);
    struct outcome mapped = meter_ahead(true);

    assert_same_outcome(&ahead, &alone);
    assert_same_outcome(&mapped, &alone);
    sink_clear(&alone.log);
    return alone.status;
}

/* -- Captures --------------------------------------------------------------------------------- */

/* More than all parts hold. */
static void a_capture_read_ahead_gives_the_same(void **state)
{
    (void)state;
    shoot_talks(&seed, 3000);
    develop();
    assert_true(lseek(descriptor, 0, SEEK_END) > 16 * CAPTUREFILE_READ_SIZE);
    assert_int_equal(assert_same(), CAPTUREFILE_END);
    develop_pcapng(0);
    assert_int_equal(assert_same(), CAPTUREFILE_END);
}

/* The shortest records: there are more of them in what is read at a time than a part has room. */
static void many_small_frames_give_the_same(void **state)
{
    static const struct shot none = {NOON * SECOND, 0, DLT_EN10MB, 0, 60, (uint8_t *)""};

    (void)state;
    open_memory();
    put_pcap_header();
    for (unsigned i = 0; i < 60000; i++)
        put_record_of(&none);
    assert_int_equal(assert_same(), CAPTUREFILE_END);
}

/* Longer than what is read at a time, up to the largest there may be. */
static void long_blocks_are_stepped_over(void **state)
{
    static const uint32_t sizes[] = {300000, 5000000, (16U << 20) - 12};

    (void)state;
    shoot_talks(&seed, 300);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        develop_pcapng(sizes[i]);
        assert_int_equal(assert_same(), CAPTUREFILE_END);
    }
    develop_pcapng((16U << 20) - 8);
    assert_int_equal(assert_same(), CAPTUREFILE_BROKEN);
}

static void damage_is_found_where_it_is(void **state)
{
    off_t length;

    (void)state;
    shoot_talks(&seed, 600);
    develop();
    length = lseek(descriptor, 0, SEEK_END);
    for (unsigned i = 0; i < 10; i++) {
        if (thinned(i))
            continue;
        assert_int_equal(ftruncate(descriptor, length - 1 - random_below(&seed, 1000000)), 0);
        assert_int_equal(assert_same(), CAPTUREFILE_BROKEN);
        develop();
    }
}

static void a_compressed_capture_gives_the_same(void **state)
{
    static uint8_t bytes[65536];
    ssize_t count;
    gzFile stream;
    int plain;

    (void)state;
    shoot_talks(&seed, 1000);
    develop();
    plain = dup(descriptor);
    assert_int_equal(lseek(plain, 0, SEEK_SET), 0);
    open_memory();
    stream = gzdopen(dup(descriptor), "wb");
    while ((count = read(plain, bytes, sizeof(bytes))) > 0)
        assert_int_equal(gzwrite(stream, bytes, (unsigned)count), count);
    assert_int_equal(gzclose(stream), Z_OK);
    close(plain);
    assert_int_equal(assert_same(), CAPTUREFILE_END);
}

/* Whoever stops in the middle does not wait for the rest to be read, or for room that nobody will
 * make. */
static void reading_ahead_can_be_given_up(void **state)
{
    (void)state;
    shoot_talks(&seed, 3000);
    develop();
    for (unsigned parts = 0; parts < 12; parts++) {
        struct outcome outcome = {.status = CAPTUREFILE_OK};
        struct metering *metering = new_metering(&outcome);
        struct capturefile *file = open_capture();
        struct readahead *ahead = readahead_new(file, metering);
        struct prepared *prepared;
        size_t count;

        assert_non_null(ahead);
        for (unsigned i = 0; i < parts; i++) {
            assert_int_equal(readahead_next(ahead, &prepared, &count), CAPTUREFILE_OK);
            metering_take(metering, prepared, count);
        }
        usleep(1000 * (parts % 3));
        readahead_free(ahead);
        metering_finish(metering);
        metering_free(metering);
        capturefile_close(file);
        sink_clear(&outcome.log);
    }
}

/* Whoever makes the thread has rights that are given up before the first byte is looked at. */
static void nothing_is_read_before_it_is_asked_for(void **state)
{
    struct outcome outcome = {.status = CAPTUREFILE_OK};
    struct metering *metering = new_metering(&outcome);
    struct capturefile *file;
    struct readahead *ahead;
    struct prepared *prepared;
    size_t count;
    off_t place;

    (void)state;
    shoot_talks(&seed, 3000);
    develop();
    file = open_capture();
    place = lseek(descriptor, 0, SEEK_CUR);
    ahead = readahead_new(file, metering);
    assert_non_null(ahead);
    usleep(20000);
    assert_int_equal(lseek(descriptor, 0, SEEK_CUR), place);
    assert_int_equal(readahead_next(ahead, &prepared, &count), CAPTUREFILE_OK);
    while (lseek(descriptor, 0, SEEK_CUR) == place) /* the thread's */
        usleep(1000);
    readahead_free(ahead);
    metering_free(metering);
    capturefile_close(file);
    sink_clear(&outcome.log);
}

/* A mapped capture of TALKS, of which only so many QUARTERS and a thousand bytes are left once its
 * first part was taken, and the reader has had WAIT_US: that is damage, and no packet is of 1970.
 */
static void assert_cut_is_damage(unsigned talks, unsigned quarters, useconds_t wait_us)
{
    struct outcome outcome = {.status = CAPTUREFILE_OK};
    struct metering *metering = new_metering(&outcome);
    struct readahead *ahead;
    struct prepared *prepared;
    struct capturefile *file;
    size_t count;
    off_t length;

    shoot_talks(&seed, talks);
    develop();
    length = lseek(descriptor, 0, SEEK_END);
    file = open_capture();
    capturefile_map(file);
    ahead = readahead_new(file, metering);
    assert_non_null(ahead);
    assert_int_equal(readahead_next(ahead, &prepared, &count), CAPTUREFILE_OK);
    usleep(wait_us);
    assert_int_equal(ftruncate(descriptor, length * quarters / 4 / 4096 * 4096 + 1000), 0);
    while (outcome.status == CAPTUREFILE_OK) {
        for (size_t i = 0; i < count; i++)
            assert_true(prepared[i].time_ns > 0);
        metering_take(metering, prepared, count);
        outcome.status = readahead_next(ahead, &prepared, &count);
    }
    assert_int_equal(outcome.status, CAPTUREFILE_BROKEN);
    assert_int_equal(count, 0);
    assert_non_null(strstr(capturefile_error(file), "cut short while it was read"));
    metering_finish(metering);
    readahead_free(ahead);
    metering_free(metering);
    capturefile_close(file);
    sink_clear(&outcome.log);
}

/* In what the reader has yet to come to. */
static void a_mapped_file_that_is_cut_is_damaged(void **state)
{
    (void)state;
    assert_cut_is_damage(6000, 3, 0);
}

/* Too late for the thread, which has read it all by then, but not for the metering. */
static void a_mapped_file_that_is_cut_at_last_is_damaged(void **state)
{
    (void)state;
    assert_cut_is_damage(100, 0, 200000);
}

static unsigned visited;
static unsigned compared;

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
    char error[256];
    struct capturefile *file;

    (void)status;
    (void)place;
    if (type != FTW_F || visited++ % 8 != 0)
        return 0;
    if (descriptor >= 0)
        close(descriptor);
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    file = capturefile_open(descriptor, CAPTUREFILE_READ_SIZE, error, sizeof(error));
    if (!file)
        return 0;
    capturefile_close(file);
    assert_same();
    compared++;
    return 0;
}

/* Fragments, tunnels, damage, copies: what there is in them. */
static void recorded_captures_give_the_same(void **state)
{
    (void)state;
    descriptor = open(DEMO, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(assert_same(), CAPTUREFILE_END);
    if (nftw(CORPUS, visit, 16, FTW_PHYS) != 0)
        print_message("no " CORPUS ": only the demonstration was compared\n");
    else
        assert_true(compared > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_capture_read_ahead_gives_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(many_small_frames_give_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(long_blocks_are_stepped_over, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found_where_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_compressed_capture_gives_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_ahead_can_be_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_read_before_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mapped_file_that_is_cut_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mapped_file_that_is_cut_at_last_is_damaged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(recorded_captures_give_the_same, setup, teardown),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
