/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"
#include "tests/daemon/scratch.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct bytes file;
static char path[PATH_MAX];
static char error[256];

static struct {
    int64_t time_ns;
    int link_type;
    uint32_t captured;
    uint32_t length;
    uint8_t first;
} seen[64];
static size_t seen_count;

static void see(void *context, const struct captured_frame *frames, size_t count)
{
    assert_ptr_equal(context, &seen_count);
    assert_in_range(count, 1, SOURCE_BATCH);
    for (size_t i = 0; i < count; i++) {
        assert_true(seen_count < 64);
        seen[seen_count].time_ns = frames[i].time_ns;
        seen[seen_count].link_type = frames[i].link_type;
        seen[seen_count].captured = frames[i].captured;
        seen[seen_count].length = frames[i].length;
        seen[seen_count++].first = frames[i].captured ? frames[i].bytes[0] : 0;
    }
}

/* Numbers in files are in the order of the machine that wrote them. */
static void put_le32(uint32_t value)
{
    for (int i = 0; i < 4; i++)
        put_u8(&file, value >> 8 * i & 0xff);
}

static void begin_pcap(uint32_t magic, uint32_t link_type)
{
    file.length = 0;
    put_le32(magic);
    put_le32(4U << 16 | 2);
    put_le32(0);
    put_le32(0);
    put_le32(65535);
    put_le32(link_type);
}

static void put_packet(uint32_t seconds, uint32_t fraction, uint32_t captured, uint32_t length,
                       uint8_t fill)
{
    put_le32(seconds);
    put_le32(fraction);
    put_le32(captured);
    put_le32(length);
    put_fill(&file, fill, captured);
}

static void write_file(void)
{
    FILE *stream;

    scratch_path(path, "capture");
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_int_equal(fwrite(file.at, 1, file.length, stream), file.length);
    assert_int_equal(fclose(stream), 0);
}

static struct source *open_written(void)
{
    struct source *source;

    write_file();
    seen_count = 0;
    source = source_open_file(path, error, sizeof(error));
    if (!source)
        fail_msg("%s", error);
    return source;
}

static enum source_status read_all(struct source *source)
{
    enum source_status status;

    do
        status = source_read(source, 2, see, &seen_count);
    while (status == SOURCE_OK);
    return status;
}

/* When it is opened, or else when it is first looked at, into ERROR. */
static void refuse(const char *const *paths, unsigned count)
{
    struct source *source = source_open_files(paths, count, error, sizeof(error));

    if (!source)
        return;
    seen_count = 0;
    assert_int_equal(read_all(source), SOURCE_BROKEN);
    assert_int_equal(seen_count, 0);
    snprintf(error, sizeof(error), "%s", source_error(source));
    source_close(source);
}

static void assert_refused(const char *name, const char *fragment)
{
    refuse(&name, 1);
    if (!strstr(error, fragment) || !strstr(error, name))
        fail_msg("\"%s\" says nothing about \"%s\"", error, fragment);
}

#define MICROSECONDS 0xa1b2c3d4
#define NANOSECONDS  0xa1b23c4d

static void times_are_read_in_either_precision(void **state)
{
    (void)state;
    for (int nano = 0; nano < 2; nano++) {
        struct source *source;

        begin_pcap(nano ? NANOSECONDS : MICROSECONDS, 1);
        put_packet(1795435200, 123456, 60, 60, 0xab);
        put_packet(1795435201, 999999, 20, 1500, 0xcd);
        put_packet(1795435201, 0, 0, 60, 0);
        source = open_written();
        assert_int_equal(source_descriptor(source), -1);
        assert_int_equal(read_all(source), SOURCE_END);
        assert_int_equal(seen_count, 3);
        assert_int_equal(source_packets(source), 3);
        assert_int_equal(seen[0].time_ns, 1795435200000000000 + 123456 * (nano ? 1 : 1000));
        assert_int_equal(seen[1].time_ns, 1795435201000000000 + 999999 * (nano ? 1 : 1000));
        assert_int_equal(seen[0].first, 0xab);
        assert_int_equal(seen[1].captured, 20);
        assert_int_equal(seen[1].length, 1500);
        assert_int_equal(source_take_dropped(source), 0);
        source_close(source);
    }
}

static void the_link_type_is_told(void **state)
{
    static const uint32_t in_file[] = {1, 101, 0, 113, 276, 228, 229};
    static const int expected[] = {DLT_EN10MB,     DLT_RAW,  DLT_NULL, DLT_LINUX_SLL,
                                   DLT_LINUX_SLL2, DLT_IPV4, DLT_IPV6};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct source *source;

        begin_pcap(MICROSECONDS, in_file[i]);
        put_packet(1, 1, 60, 60, 0xab);
        source = open_written();
        assert_int_equal(read_all(source), SOURCE_END);
        assert_int_equal(seen[0].link_type, expected[i]);
        source_close(source);
    }
    begin_pcap(MICROSECONDS, 114);
    write_file();
    assert_refused(path, "link type LTALK (114) is not supported");
}

/* A length on the wire below the captured one is a lie that some writers tell. */
static void the_wire_carried_at_least_what_was_captured(void **state)
{
    struct source *source;

    (void)state;
    begin_pcap(MICROSECONDS, 1);
    put_packet(1, 1, 60, 10, 0xab);
    source = open_written();
    assert_int_equal(read_all(source), SOURCE_END);
    assert_int_equal(seen[0].length, 60);
    source_close(source);
}

/* pcapng: blocks of type, length, body, length (draft-ietf-opsawg-pcapng). */
static void put_block(uint32_t type, const uint32_t *words, size_t count, const void *data,
                      size_t size)
{
    size_t padded = (size + 3) / 4 * 4;
    uint32_t length = (uint32_t)(12 + 4 * count + padded);

    put_le32(type);
    put_le32(length);
    for (size_t i = 0; i < count; i++)
        put_le32(words[i]);
    put_bytes(&file, data, size);
    put_fill(&file, 0, padded - size);
    put_le32(length);
}

/* A section with one Ethernet interface whose clock ticks 10^-RESOLUTION s. */
static void begin_pcapng(uint8_t resolution)
{
    const uint32_t section[] = {0x1a2b3c4d, 1, 0xffffffff, 0xffffffff};
    const uint32_t interface[] = {1, 65535, 1U << 16 | 9, resolution, 0};

    file.length = 0;
    put_block(0x0a0d0d0a, section, 4, NULL, 0);
    put_block(1, interface, 5, NULL, 0);
}

static void put_enhanced_packet(uint64_t ticks, const void *data, uint32_t captured,
                                uint32_t length)
{
    const uint32_t words[] = {0, (uint32_t)(ticks >> 32), (uint32_t)ticks, captured, length};

    put_block(6, words, 5, data, captured);
}

static void the_next_generation_is_read(void **state)
{
    struct source *source;

    (void)state;
    begin_pcapng(9);
    put_enhanced_packet(1795435200123456789, "abcdef", 6, 1500);
    put_enhanced_packet(1795435200123456790, "bcdef", 5, 5);
    source = open_written();
    assert_int_equal(read_all(source), SOURCE_END);
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[0].time_ns, 1795435200123456789);
    assert_int_equal(seen[0].captured, 6);
    assert_int_equal(seen[0].length, 1500);
    assert_int_equal(seen[1].first, 'b');
    source_close(source);
}

static void put_interface(uint32_t link_type)
{
    const uint32_t interface[] = {link_type, 65535};

    put_block(1, interface, 2, NULL, 0);
}

/* An interface whose frames cannot be decoded does not take the others along. */
static void interfaces_may_differ(void **state)
{
    const uint32_t words[] = {1, 0, 0, 2, 2};
    struct source *source;

    (void)state;
    begin_pcapng(9);
    put_interface(114);
    put_block(6, words, 5, "xy", 2);
    put_enhanced_packet(5, "abcdef", 6, 6);
    source = open_written();
    assert_int_equal(read_all(source), SOURCE_END);
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[0].link_type, DLT_LTALK);
    assert_int_equal(seen[0].captured, 2);
    assert_int_equal(seen[1].link_type, DLT_EN10MB);
    source_close(source);

    begin_pcapng(9);
    file.length = 28; /* the section alone */
    write_file();
    source = open_written();
    assert_int_equal(read_all(source), SOURCE_END);
    source_close(source);
    put_interface(114);
    put_interface(147);
    put_enhanced_packet(5, "abcdef", 6, 6);
    write_file();
    assert_refused(path, "link type LTALK (114) is not supported");
}

static void count_batches(void *context, const struct captured_frame *frames, size_t count)
{
    size_t *batches = context;

    (void)frames;
    batches[0]++;
    if (count > batches[1])
        batches[1] = count;
}

static void packets_come_in_batches_up_to_the_limit(void **state)
{
    size_t batches[2] = {0, 0};
    struct source *source;

    (void)state;
    begin_pcap(MICROSECONDS, 1);
    for (uint32_t i = 0; i < 1000; i++)
        put_packet(i, 0, 10, 10, 0xab);
    source = open_written();
    assert_int_equal(source_read(source, 300, count_batches, batches), SOURCE_OK);
    assert_int_equal(source_packets(source), 300);
    assert_int_equal(batches[0], 2);
    assert_int_equal(batches[1], SOURCE_BATCH);
    assert_int_equal(source_read(source, 1, count_batches, batches), SOURCE_OK);
    assert_int_equal(source_packets(source), 301);
    assert_int_equal(source_read(source, 5000, count_batches, batches), SOURCE_END);
    assert_int_equal(source_packets(source), 1000);
    source_close(source);
}

/* Standard input stays open: it may be the caller's. */
static void standard_input_is_read(void **state)
{
    int saved = dup(STDIN_FILENO);
    int descriptor;
    struct source *source;

    (void)state;
    begin_pcap(MICROSECONDS, 1);
    put_packet(1, 1, 60, 60, 0xab);
    write_file();
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(descriptor, STDIN_FILENO), STDIN_FILENO);
    close(descriptor);
    seen_count = 0;
    source = source_open_file("-", error, sizeof(error));
    assert_non_null(source);
    assert_int_equal(read_all(source), SOURCE_END);
    assert_int_equal(seen_count, 1);
    source_close(source);
    assert_refused("-", "the file is empty"); /* it was read to its end, and is not closed */
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static void a_source_closes_what_it_opened(void **state)
{
    int before = dup(STDIN_FILENO);

    (void)state;
    close(before);
    begin_pcap(MICROSECONDS, 1);
    source_close(open_written());
    scratch_write("text", "this is not a capture, and long enough to be looked at");
    scratch_path(path, "text");
    assert_refused(path, "neither pcap nor pcapng");
    assert_int_equal(dup(STDIN_FILENO), before);
    close(before);
}

/* 64 bits of microseconds reach further than 64 bits of nanoseconds do. */
static void times_that_cannot_be_end_the_reading(void **state)
{
    static const uint64_t ticks[] = {UINT64_MAX, 1ULL << 63, 1ULL << 62};

    (void)state;
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
        struct source *source;

        begin_pcapng(6);
        put_enhanced_packet(0, "abcdef", 6, 6);
        put_enhanced_packet(ticks[i], "abcdef", 6, 6);
        put_enhanced_packet(1000000, "abcdef", 6, 6);
        seen_count = 0;
        source = open_written();
        assert_int_equal(read_all(source), SOURCE_BROKEN);
        assert_non_null(strstr(source_error(source), "a packet's time is before 1970 or after"));
        assert_int_equal(seen_count, 1);
        assert_int_equal(seen[0].time_ns, 0);
        source_close(source);
    }
}

/* Cut at every byte: whole packets are read, and the rest is said. */
static void a_truncated_file_is_read_as_far_as_it_goes(void **state)
{
    size_t whole;

    (void)state;
    begin_pcap(MICROSECONDS, 1);
    put_packet(1, 1, 60, 60, 0xab);
    put_packet(2, 2, 60, 60, 0xcd);
    whole = file.length;
    for (file.length = 24; file.length <= whole; file.length++) {
        size_t packets = (file.length - 24) / 76;
        bool clean = (file.length - 24) % 76 == 0;
        struct source *source = open_written();

        assert_int_equal(read_all(source), clean ? SOURCE_END : SOURCE_BROKEN);
        assert_int_equal(seen_count, packets);
        assert_int_equal(source_packets(source), packets);
        if (!clean)
            assert_non_null(strstr(source_error(source), "damaged after packet"));
        source_close(source);
    }
}

static void a_corrupt_file_is_read_as_far_as_it_goes(void **state)
{
    struct source *source;

    (void)state;
    begin_pcap(MICROSECONDS, 1);
    put_packet(1, 1, 60, 60, 0xab);
    put_le32(2);
    put_le32(2);
    put_le32(0x7fffffff);
    put_le32(0x7fffffff);
    put_fill(&file, 0, 1000);
    source = open_written();
    assert_int_equal(read_all(source), SOURCE_BROKEN);
    assert_int_equal(seen_count, 1);
    assert_non_null(strstr(source_error(source), "damaged after packet 1, at byte 100: "));
    source_close(source);
}

static void what_is_no_capture_is_refused(void **state)
{
    (void)state;
    scratch_path(path, "missing");
    assert_refused(path, "No such file");
    assert_refused(scratch_directory, "Is a directory");
    scratch_write("empty", "");
    scratch_path(path, "empty");
    assert_refused(path, "the file is empty");
    scratch_write("text", "this is not a capture, and long enough to be looked at");
    scratch_path(path, "text");
    assert_refused(path, "not a capture that can be read");
    begin_pcap(MICROSECONDS, 1);
    for (file.length = 1; file.length < 24; file.length++) {
        write_file();
        assert_refused(path, "not a capture that can be read");
    }
}

static void a_header_alone_is_a_capture_of_nothing(void **state)
{
    struct source *source;

    (void)state;
    begin_pcap(MICROSECONDS, 1);
    source = open_written();
    assert_int_equal(read_all(source), SOURCE_END);
    assert_int_equal(source_packets(source), 0);
    source_close(source);
    source_close(NULL);
}

/* -- A file that several workers share ----------------------------------------------------------
 */

static void count_own(void *context, const struct captured_frame *frames, size_t count)
{
    assert_in_range(count, 1, SOURCE_BATCH);
    for (size_t i = 0; i < count; i++)
        *(unsigned *)context += !frames[i].overheard;
}

/* What both workers are given of the file at PATH: how many packets. The file is small enough for
 * one to come to the end before the other begins. */
static enum source_status read_as_both(unsigned *own, char *reason)
{
    const char *const paths[] = {path};
    struct source *source = source_share_files(paths, 1, 2, error, sizeof(error));
    enum source_status status = SOURCE_OK;
    unsigned count;

    assert_non_null(source);
    assert_true(source_file_descriptors(source, &count)[0] > STDERR_FILENO);
    assert_int_equal(count, 1);
    assert_int_equal(source_descriptor(source), -1);
    assert_int_equal(source_take_dropped(source), 0);
    *own = 0;
    for (unsigned worker = 0; worker < 2; worker++) {
        source_join(source, worker);
        do
            status = source_read(source, 4096, count_own, own);
        while (status == SOURCE_OK);
    }
    assert_true(source_packets(source) >= *own);
    snprintf(reason, 256, "%s", source_error(source));
    source_close(source);
    return status;
}

static void workers_share_the_packets_of_a_file(void **state)
{
    char reason[256];
    unsigned own;

    (void)state;
    begin_pcap(MICROSECONDS, 1);
    for (uint32_t i = 0; i < 600; i++)
        put_packet(i, 0, 60, 60, (uint8_t)i);
    write_file();
    assert_int_equal(read_as_both(&own, reason), SOURCE_END);
    assert_int_equal(own, 600);
    file.length--;
    write_file();
    assert_int_equal(read_as_both(&own, reason), SOURCE_BROKEN);
    assert_int_equal(own, 599);
    assert_non_null(strstr(reason, path));
    assert_non_null(strstr(reason, "damaged after packet 599, at byte 45548: "));
}

static void a_shared_file_that_is_no_capture_is_said_when_it_is_read(void **state)
{
    char reason[256];
    unsigned own;
    const char *const paths[] = {path};

    (void)state;
    scratch_path(path, "missing");
    assert_null(source_share_files(paths, 1, 2, error, sizeof(error)));
    assert_non_null(strstr(error, "No such file"));
    scratch_write("text", "this is not a capture, and long enough to be looked at");
    scratch_path(path, "text");
    assert_int_equal(read_as_both(&own, reason), SOURCE_BROKEN);
    assert_non_null(strstr(reason, path));
    assert_non_null(strstr(reason, "not a capture that can be read"));
    begin_pcap(MICROSECONDS, 147); /* DLT_USER0 */
    write_file();
    assert_int_equal(read_as_both(&own, reason), SOURCE_BROKEN);
    assert_non_null(strstr(reason, "link type unknown (147) is not supported"));
    assert_int_equal(own, 0);
}

/* -- Several files ----------------------------------------------------------------------------- */

enum { MANY = 3 };
static char several_names[MANY][32] = {"cap10", "cap2", "cap"};
static char several_paths[MANY][PATH_MAX];
static const char *several[MANY];

/* Ten packets each, at most ten seconds apart: those of "cap" come first, those of "cap10" last,
 * which is not the order of the names. */
static void write_several(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        FILE *stream;

        begin_pcap(i == 1 ? NANOSECONDS : MICROSECONDS, i == 1 ? 101 : 1);
        for (uint32_t j = 0; j < 10; j++)
            put_packet(100 * (MANY - i) + j, 0, 60, 60, (uint8_t)(MANY - i));
        scratch_path(several_paths[i], several_names[i]);
        several[i] = several_paths[i];
        stream = fopen(several[i], "we");
        assert_non_null(stream);
        assert_int_equal(fwrite(file.at, 1, file.length, stream), file.length);
        assert_int_equal(fclose(stream), 0);
    }
}

static struct source *open_several(void)
{
    struct source *source = source_open_files(several, MANY, error, sizeof(error));

    if (!source)
        fail_msg("%s", error);
    seen_count = 0;
    return source;
}

/* It may be hostile, and whoever opens it may have rights that whoever reads it has not. */
static void nothing_of_a_file_is_looked_at_when_it_is_opened(void **state)
{
    struct source *source;
    unsigned count;

    (void)state;
    write_several();
    source = open_several();
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(lseek(source_file_descriptors(source, &count)[i], 0, SEEK_CUR), 0);
    assert_int_equal(source_read(source, 1, see, &seen_count), SOURCE_OK);
    assert_true(lseek(source_file_descriptors(source, &count)[0], 0, SEEK_CUR) > 0);
    source_close(source);
}

static void several_files_are_one_capture(void **state)
{
    struct source *source;
    char warning[2 * PATH_MAX];

    (void)state;
    write_several();
    source = open_several();
    assert_int_equal(source_file_size(source), MANY * (24 + 10 * 76));
    assert_int_equal(read_all(source), SOURCE_END);
    assert_int_equal(seen_count, 30);
    assert_int_equal(source_packets(source), 30);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(seen[i].first, 1 + i / 10);
        assert_int_equal(seen[i].time_ns, (100LL * (1 + i / 10) + i % 10) * 1000000000);
        assert_int_equal(seen[i].link_type, i / 10 == 1 ? DLT_RAW : DLT_EN10MB);
    }
    assert_false(source_warning(source, warning, sizeof(warning)));
    source_close(source);
}

static void the_damaged_one_of_several_files_is_named(void **state)
{
    struct source *source;

    (void)state;
    write_several();
    assert_int_equal(truncate(several[1], 24 + 76 * 4 + 70), 0);
    source = open_several();
    assert_int_equal(read_all(source), SOURCE_BROKEN);
    assert_int_equal(seen_count, 14);
    assert_non_null(strstr(source_error(source), "/cap2: damaged after packet 4, at byte 328: "));
    assert_non_null(strstr(source_error(source), "was read, and 1 file after it was not"));
    source_close(source);
    write_several();
    assert_int_equal(truncate(several[2], 24 + 76 * 4), 0);
    assert_int_equal(truncate(several[0], 90), 0); /* before its first packet: it comes last */
    source = open_several();
    assert_int_equal(read_all(source), SOURCE_BROKEN);
    assert_int_equal(seen_count, 14);
    assert_non_null(strstr(source_error(source), "/cap10: damaged after packet 0, at byte 24: "));
    assert_null(strstr(source_error(source), "after it"));
    source_close(source);
}

static void assert_several_refused(const char *name, const char *fragment)
{
    refuse(several, MANY);
    if (!strstr(error, fragment) || !strstr(error, name))
        fail_msg("\"%s\" says nothing about \"%s\" and \"%s\"", error, name, fragment);
}

static void what_is_wrong_with_one_of_several_files_is_said(void **state)
{
    const char *too_many[SOURCE_FILES + 1];

    (void)state;
    write_several();
    assert_int_equal(truncate(several[2], 0), 0);
    assert_several_refused("/cap: ", "the file is empty");
    assert_int_equal(unlink(several[2]), 0);
    assert_several_refused("/cap: ", "No such file");
    write_several();
    scratch_write("cap2", "this is not a capture, and long enough to be looked at");
    assert_several_refused("/cap2: ", "not a capture");
    begin_pcap(MICROSECONDS, 147); /* DLT_USER0 */
    write_file();
    write_several();
    several[1] = path;
    begin_pcap(MICROSECONDS, 147);
    write_file();
    assert_several_refused(path, "link type unknown (147) is not supported");
    several[1] = "-";
    assert_several_refused("-: ", "can only be read alone");
    for (unsigned i = 0; i <= SOURCE_FILES; i++)
        too_many[i] = several[0];
    assert_null(source_open_files(too_many, SOURCE_FILES + 1, error, sizeof(error)));
    assert_non_null(strstr(error, "1025 capture files, of which at most 1024"));
}

/* In a child, whose limits are its own. */
static void so_many_files_that_they_cannot_be_open_are_said(void **state)
{
    const char *many[100];
    pid_t child;
    int status;

    (void)state;
    write_several();
    for (unsigned i = 0; i < 100; i++)
        many[i] = several[0];
    child = fork();
    if (child == 0) {
        struct rlimit limit = {20, 20};
        struct rlimit lower = {20, 4096};

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < 200)
            _exit(2);
        lower.rlim_max = limit.rlim_max;
        /* What may be raised is raised. */
        if (setrlimit(RLIMIT_NOFILE, &lower) != 0 ||
            !source_open_files(many, 50, error, sizeof(error)))
            _exit(3);
        limit.rlim_cur = limit.rlim_max = 80; /* 50 of them are open */
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 ||
            source_open_files(many, 100, error, sizeof(error)))
            _exit(4);
        _exit(strstr(error, "Too many open files: 100 are to be read") ? 0 : 5);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void files_that_overlap_are_named(void **state)
{
    struct source *source;
    char warning[2 * PATH_MAX];

    (void)state;
    write_several();
    several[1] = several[0];
    source = open_several();
    assert_int_equal(read_all(source), SOURCE_END);
    assert_int_equal(seen_count, 30); /* nothing is left out */
    assert_true(source_warning(source, warning, sizeof(warning)));
    assert_non_null(strstr(warning, "/cap10 begins 9.0 s before "));
    assert_non_null(strstr(warning, "/cap10 ends: "));
    assert_non_null(strstr(warning, "mergecap"));
    source_close(source);
    several[2] = several[0];
    source = open_several();
    assert_int_equal(read_all(source), SOURCE_END);
    assert_true(source_warning(source, warning, sizeof(warning)));
    assert_non_null(strstr(warning, "ends (and 1 more as this): "));
    source_close(source);
}

/* So that all others can be closed from one to the next. */
static void descriptors_of_shared_files_are_in_order(void **state)
{
    const char *many[40];
    const int *descriptors;
    struct source *source;
    unsigned count;

    (void)state;
    write_several();
    for (unsigned i = 0; i < 40; i++)
        many[i] = several[0];
    source = source_share_files(many, 40, 2, error, sizeof(error));
    assert_non_null(source);
    descriptors = source_file_descriptors(source, &count);
    assert_int_equal(count, 40);
    for (unsigned i = 0; i < count; i++)
        assert_true(descriptors[i] >= (i > 0 ? descriptors[i - 1] + 1 : 10));
    source_close(source);
}

static void workers_share_the_packets_of_several_files(void **state)
{
    struct source *source;
    enum source_status status;
    unsigned own = 0;

    (void)state;
    write_several();
    for (int damaged = 0; damaged < 2; damaged++) {
        if (damaged)
            assert_int_equal(truncate(several[1], 24 + 76 * 4 + 70), 0);
        source = source_share_files(several, MANY, 2, error, sizeof(error));
        assert_non_null(source);
        own = 0;
        for (unsigned worker = 0; worker < 2; worker++) {
            source_join(source, worker);
            do
                status = source_read(source, 4096, count_own, &own);
            while (status == SOURCE_OK);
            assert_int_equal(status, damaged ? SOURCE_BROKEN : SOURCE_END);
        }
        assert_int_equal(own, damaged ? 14 : 30);
        assert_int_equal(source_packets(source), own);
        if (damaged)
            assert_non_null(strstr(source_error(source), "/cap2: damaged after packet 4, at byte "
                                                         "328: "));
        source_close(source);
    }
    assert_int_equal(truncate(several[1], 0), 0);
    source = source_share_files(several, MANY, 2, error, sizeof(error));
    assert_non_null(source);
    source_join(source, 0);
    assert_int_equal(source_read(source, 4096, count_own, &own), SOURCE_BROKEN);
    assert_non_null(strstr(source_error(source), "/cap2: the file is empty"));
    source_join(source, 1);
    source_close(source);
}

static void an_interface_that_is_not_there_is_said(void **state)
{
    struct interface_config interface = {
        .name = "iagmeter-none", .snap_length = 2048, .buffer_mib = 1};
    enum source_obstacle obstacle = SOURCE_OTHERWISE;

    (void)state;
    assert_null(source_open_interface(&interface, 0, &obstacle, error, sizeof(error)));
    assert_non_null(strstr(error, "iagmeter-none"));
    /* Others may not even look. */
    assert_int_equal(obstacle, geteuid() == 0 ? SOURCE_ABSENT : SOURCE_FORBIDDEN);
    assert_false(source_interface_exists("iagmeter-none"));
    assert_true(source_interface_exists("lo"));
    assert_true(source_interface_exists("any"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_in_either_precision),
        cmocka_unit_test(the_link_type_is_told),
        cmocka_unit_test(the_wire_carried_at_least_what_was_captured),
        cmocka_unit_test(the_next_generation_is_read),
        cmocka_unit_test(interfaces_may_differ),
        cmocka_unit_test(packets_come_in_batches_up_to_the_limit),
        cmocka_unit_test(standard_input_is_read),
        cmocka_unit_test(a_source_closes_what_it_opened),
        cmocka_unit_test(times_that_cannot_be_end_the_reading),
        cmocka_unit_test(a_truncated_file_is_read_as_far_as_it_goes),
        cmocka_unit_test(a_corrupt_file_is_read_as_far_as_it_goes),
        cmocka_unit_test(what_is_no_capture_is_refused),
        cmocka_unit_test(a_header_alone_is_a_capture_of_nothing),
        cmocka_unit_test(workers_share_the_packets_of_a_file),
        cmocka_unit_test(a_shared_file_that_is_no_capture_is_said_when_it_is_read),
        cmocka_unit_test(nothing_of_a_file_is_looked_at_when_it_is_opened),
        cmocka_unit_test(several_files_are_one_capture),
        cmocka_unit_test(the_damaged_one_of_several_files_is_named),
        cmocka_unit_test(what_is_wrong_with_one_of_several_files_is_said),
        cmocka_unit_test(so_many_files_that_they_cannot_be_open_are_said),
        cmocka_unit_test(files_that_overlap_are_named),
        cmocka_unit_test(descriptors_of_shared_files_are_in_order),
        cmocka_unit_test(workers_share_the_packets_of_several_files),
        cmocka_unit_test(an_interface_that_is_not_there_is_said),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
