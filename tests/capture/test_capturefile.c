/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/capturefile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/frames.h"
#include "tests/thinned.h"

#include <fcntl.h>
#include <ftw.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "collectors/capture/cursor.h"
#include "collectors/capture/decode.h"

#define SECOND_NS    1000000000LL
#define MICROSECONDS 0xa1b2c3d4U
#define NANOSECONDS  0xa1b23c4dU
#define KUZNETZOV    0xa1b2cd34U
#define MAX_FRAMES   64

/* -- Files that are made, and what is in them -------------------------------------------------- */

static struct bytes file;
static bool big_endian;
static uint64_t seed;

static struct {
    int64_t time_ns;
    int link_type;
    uint32_t captured;
    uint32_t length;
    size_t place; /* of the captured bytes, in the file */
    size_t end;   /* of the record */
} expected[MAX_FRAMES];
static size_t expected_count;

static void put_number(uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        put_u8(&file, value >> 8 * (big_endian ? size - 1 - i : i) & 0xff);
}

static void put_random(uint32_t count)
{
    while (count-- > 0)
        put_u8(&file, random_below(&seed, 256));
}

static void begin_file(bool is_big_endian)
{
    file.length = 0;
    expected_count = 0;
    big_endian = is_big_endian;
}

static void expect(int64_t time_ns, int link_type, uint32_t captured, uint32_t length, size_t place)
{
    assert_true(expected_count < MAX_FRAMES);
    expected[expected_count].time_ns = time_ns;
    expected[expected_count].link_type = link_type;
    expected[expected_count].captured = captured;
    expected[expected_count].length = length > captured ? length : captured;
    expected[expected_count].place = place;
    expected[expected_count++].end = file.length;
}

static uint32_t random_length(void)
{
    static const uint32_t limits[] = {1, 2, 70, 400};

    return random_below(&seed, limits[random_below(&seed, 4)]);
}

struct pcap_kind {
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t snap_length;
    uint32_t link_type;
};

static void put_pcap_header(const struct pcap_kind *kind)
{
    put_number(kind->magic, 4);
    put_number(kind->major, 2);
    put_number(kind->minor, 2);
    put_number(0, 8);
    put_number(kind->snap_length, 4);
    put_number(kind->link_type, 4);
}

static void put_pcap_packet(const struct pcap_kind *kind, int link_type, uint32_t captured,
                            uint32_t length)
{
    uint32_t seconds = random_below(&seed, 0x7fffffff);
    uint32_t fraction = random_below(&seed, kind->magic == NANOSECONDS ? 1000000000 : 1000000);
    bool old = kind->major == 543 || kind->minor < 3 ||
               (kind->minor == 3 && captured < length && random_below(&seed, 2));
    size_t place;

    put_number(seconds, 4);
    put_number(fraction, 4);
    put_number(old ? length : captured, 4);
    put_number(old ? captured : length, 4);
    if (kind->magic == KUZNETZOV)
        put_random(8);
    place = file.length;
    put_random(captured);
    expect(seconds * SECOND_NS + fraction * (kind->magic == NANOSECONDS ? 1 : 1000), link_type,
           captured, length, place);
}

static void make_pcap(const struct pcap_kind *kind, int link_type, unsigned packets)
{
    put_pcap_header(kind);
    for (unsigned i = 0; i < packets; i++) {
        uint32_t captured = random_length();

        put_pcap_packet(kind, link_type, captured, captured + random_length());
    }
}

static size_t begin_block(uint32_t type)
{
    put_number(type, 4);
    put_number(0, 4);
    return file.length - 8;
}

/* Pads, and writes the length at both ends. */
static void end_block(size_t start)
{
    size_t end;

    put_fill(&file, 0, -(file.length - start) % 4);
    end = file.length;
    file.length = start + 4;
    put_number(end + 4 - start, 4);
    file.length = end;
    put_number(end + 4 - start, 4);
}

static void put_option(uint16_t code, uint64_t value, uint16_t size)
{
    put_number(code, 2);
    put_number(size, 2);
    put_number(value, size);
    put_fill(&file, 0, -(unsigned)size % 4);
}

static void put_section(void)
{
    size_t start = begin_block(0x0a0d0d0a);

    put_number(0x1a2b3c4d, 4);
    put_number(1, 2);
    put_number(0, 2);
    put_number(UINT64_MAX, 8);
    if (random_below(&seed, 2)) {
        put_number(4, 2); /* shb_userappl */
        put_number(5, 2);
        put_random(8);
        put_option(0, 0, 0);
    }
    end_block(start);
}

#define NO_RESOLUTION 255

struct clock {
    uint8_t resolution; /* as in if_tsresol */
    int64_t offset_s;
};

static void put_interface(uint16_t link_type, uint32_t snap_length, struct clock clock)
{
    size_t start = begin_block(1);

    put_number(link_type, 2);
    put_number(0, 2);
    put_number(snap_length, 4);
    if (random_below(&seed, 2))
        put_option(8, 1000000000, 8); /* if_speed */
    if (clock.resolution != NO_RESOLUTION)
        put_option(9, clock.resolution, 1);
    if (clock.offset_s != 0)
        put_option(14, (uint64_t)clock.offset_s, 8);
    if (random_below(&seed, 2))
        put_option(0, 0, 0);
    end_block(start);
}

static uint64_t ticks_per_s(struct clock clock)
{
    uint64_t ticks = 1;

    if (clock.resolution == NO_RESOLUTION)
        return 1000000;
    for (unsigned i = 0; i < (clock.resolution & 127U); i++)
        ticks *= clock.resolution & 128 ? 2 : 10;
    return ticks;
}

enum { ENHANCED = 6, SIMPLE = 3, OBSOLETE = 2 };

/* At a time of half a second, and a few ticks of a nanosecond or longer. */
static void put_block_packet(uint32_t type, uint32_t number, int link_type, struct clock clock,
                             uint32_t captured, uint32_t length)
{
    uint64_t per_s = ticks_per_s(clock);
    uint64_t seconds = 1 + random_below(&seed, per_s > 1U << 30 ? 15 : 2000000000);
    uint64_t extra = per_s < 10 || per_s > 1000000000 ? 0 : random_below(&seed, 5);
    uint64_t ticks = seconds * per_s + (per_s > 1 ? per_s / 2 : 0) + extra;
    int64_t time_ns = ((int64_t)seconds + clock.offset_s) * SECOND_NS +
                      (per_s > 1 ? SECOND_NS / 2 : 0) +
                      (int64_t)(extra * SECOND_NS / (per_s ? per_s : 1));
    size_t start = begin_block(type);
    size_t place;

    if (type == OBSOLETE) {
        put_number(number, 2);
        put_number(3, 2);
    } else if (type == ENHANCED) {
        put_number(number, 4);
    }
    if (type != SIMPLE) {
        put_number(ticks >> 32, 4);
        put_number(ticks & UINT32_MAX, 4);
        put_number(captured, 4);
    }
    put_number(length, 4);
    place = file.length;
    put_random(captured);
    put_fill(&file, 0, -captured % 4);
    if (type == ENHANCED && random_below(&seed, 2)) {
        put_option(2, 1, 4); /* epb_flags */
        put_option(0, 0, 0);
    }
    end_block(start);
    if (type == SIMPLE) /* as the one before */
        time_ns = expected[expected_count - 1].time_ns;
    expect(time_ns, link_type, captured, length, place);
}

static void put_unknown_block(void)
{
    size_t start = begin_block(random_below(&seed, 2) ? 5 : 0x0bad0000 + random_below(&seed, 9));

    put_random(random_length());
    end_block(start);
}

static void put_any_packet(uint32_t number, int link_type, struct clock clock, uint32_t snap_length)
{
    static const uint32_t types[] = {ENHANCED, ENHANCED, SIMPLE, OBSOLETE};
    uint32_t type = types[random_below(&seed, number == 0 && expected_count > 0 ? 4 : 2)];
    uint32_t captured = random_length();
    uint32_t length = type == SIMPLE ? captured : captured + random_length();

    if (type == SIMPLE && captured == snap_length)
        length += random_length();
    put_block_packet(type, number, link_type, clock, captured, length);
}

/* One that libpcap reads too: interfaces of one kind, sections of one byte order. */
static void make_uniform_pcapng(struct clock clock)
{
    for (unsigned section = 0; section < 2; section++) {
        put_section();
        put_interface(1, 65535, clock);
        for (unsigned i = 0; i < 8; i++) {
            put_any_packet(0, DLT_EN10MB, clock, 65535);
            if (random_below(&seed, 2))
                put_unknown_block();
        }
        put_interface(1, 65535, clock);
        put_any_packet(1, DLT_EN10MB, clock, 65535);
    }
}

/* -- Reading ----------------------------------------------------------------------------------- */

static struct capturefile *opened;
static int descriptor = -1;
static char error[256];

static int memory_file(const void *bytes, size_t size)
{
    int memory = memfd_create("capture", MFD_CLOEXEC);

    assert_true(memory >= 0);
    for (size_t done = 0; done < size;) {
        ssize_t count = write(memory, (const uint8_t *)bytes + done, size - done);

        assert_true(count > 0);
        done += (size_t)count;
    }
    assert_int_equal(lseek(memory, 0, SEEK_SET), 0);
    return memory;
}

static bool is_mapped; /* what can be */

static bool try_open(const void *bytes, size_t size, size_t read_size)
{
    descriptor = memory_file(bytes, size);
    opened = capturefile_open(descriptor, read_size, error, sizeof(error));
    if (opened && is_mapped)
        capturefile_map(opened);
    return opened != NULL;
}

static void open_bytes(const void *bytes, size_t size, size_t read_size)
{
    if (!try_open(bytes, size, read_size))
        fail_msg("%s", error);
}

static void close_opened(void)
{
    capturefile_close(opened);
    close(descriptor);
    opened = NULL;
    descriptor = -1;
}

static int close_left_open(void **state)
{
    (void)state;
    close_opened();
    return 0;
}

static void assert_expected(const struct captured_frame *frame, size_t number)
{
    assert_true(number < expected_count);
    assert_int_equal(frame->time_ns, expected[number].time_ns);
    assert_int_equal(frame->link_type, expected[number].link_type);
    assert_int_equal(frame->captured, expected[number].captured);
    assert_int_equal(frame->length, expected[number].length);
    assert_memory_equal(frame->bytes, file.at + expected[number].place, frame->captured);
}

/* Reads to the end, in batches of random size, and compares. Returns how many frames there were. */
static size_t read_expected(enum capturefile_status *status)
{
    size_t seen = 0;

    for (;;) {
        struct captured_frame frames[7];
        size_t limit = 1 + random_below(&seed, 7);
        size_t count;

        *status = capturefile_read(opened, frames, limit, &count);
        assert_true(count <= limit);
        for (size_t i = 0; i < count; i++)
            assert_expected(&frames[i], seen++);
        if (*status != CAPTUREFILE_OK) {
            assert_int_equal(count, 0);
            return seen;
        }
    }
}

static const size_t read_sizes[] = {1, 2, 3, 61, 4096, CAPTUREFILE_READ_SIZE};
#define READ_SIZES (sizeof(read_sizes) / sizeof(read_sizes[0]))

static void assert_read_whole(void)
{
    for (size_t i = 0; i < READ_SIZES; i++) {
        enum capturefile_status status;

        open_bytes(file.at, file.length, read_sizes[i]);
        assert_int_equal(read_expected(&status), expected_count);
        if (status != CAPTUREFILE_END)
            fail_msg("%s", capturefile_error(opened));
        close_opened();
    }
}

static int64_t untimed_s; /* what libpcap says of a packet without a time */

/* FRAME is the next that libpcap gives, if it goes on: returns false where interfaces differ. */
static bool assert_next_of(pcap_t *pcap, const struct captured_frame *frame)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    uint32_t most = (uint32_t)pcap_snapshot(pcap); /* libpcap cuts there, we do not */

    if (pcap_next_ex(pcap, &header, &bytes) != 1) {
        if (!strstr(pcap_geterr(pcap), "of the first interface"))
            fail_msg("libpcap stops: %s", pcap_geterr(pcap));
        return false;
    }
    if (header->ts.tv_sec != untimed_s || header->ts.tv_usec != 0)
        assert_int_equal(frame->time_ns, header->ts.tv_sec * SECOND_NS + header->ts.tv_usec);
    assert_int_equal(frame->captured < most ? frame->captured : most, header->caplen);
    assert_int_equal(frame->length, header->len > frame->captured ? header->len : frame->captured);
    assert_int_equal(frame->link_type, pcap_datalink(pcap));
    assert_memory_equal(frame->bytes, bytes, header->caplen);
    return true;
}

static void assert_same_end(pcap_t *pcap, enum capturefile_status status)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int result = pcap_next_ex(pcap, &header, &bytes);

    if (result != (status == CAPTUREFILE_END ? PCAP_ERROR_BREAK : PCAP_ERROR))
        fail_msg("\"%s\" to us, %d \"%s\" to libpcap", capturefile_error(opened), result,
                 pcap_geterr(pcap));
}

/* Reads what is open beside libpcap, which was given the same. Returns how many packets that has.
 */
static size_t read_beside(pcap_t *pcap, const char *name)
{
    struct captured_frame frames[256];
    bool beside = true;
    size_t seen = 0;
    size_t total = 0;
    size_t count;
    enum capturefile_status status;

    for (;;) {
        status = capturefile_read(opened, frames, 1 + random_below(&seed, 256), &count);
        if (status != CAPTUREFILE_OK)
            break;
        total += count;
        for (size_t i = 0; i < count && beside; i++) {
            beside = assert_next_of(pcap, &frames[i]);
            seen += beside;
        }
    }
    if (beside)
        assert_same_end(pcap, status);
    else
        print_message("%s: libpcap reads %zu packets, we read %zu: %s\n", name, seen, total,
                      pcap_geterr(pcap));
    return seen;
}

static pcap_t *libpcap_open(FILE *stream)
{
    pcap_t *pcap;

    assert_non_null(stream);
    pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, error);
    if (!pcap)
        fclose(stream);
    return pcap;
}

static size_t assert_as_libpcap(size_t read_size)
{
    pcap_t *pcap = libpcap_open(fmemopen(file.at, file.length, "r"));
    size_t packets;

    if (!pcap)
        fail_msg("%s", error);
    open_bytes(file.at, file.length, read_size);
    packets = read_beside(pcap, "file");
    close_opened();
    pcap_close(pcap);
    return packets;
}

/* -- The formats ------------------------------------------------------------------------------- */

static const uint32_t magics[] = {MICROSECONDS, NANOSECONDS, KUZNETZOV};

static void pcap_is_read_in_all_its_variants(void **state)
{
    static const uint16_t versions[][2] = {{2, 4}, {2, 3}, {2, 2}, {543, 0}};
    static const uint32_t snap_lengths[] = {65535, 0, 262144, UINT32_MAX, 100, 1};

    (void)state;
    for (size_t i = 0; i < 3 * 2 * 4 * 6; i++) {
        struct pcap_kind kind = {magics[i % 3], versions[i / 6 % 4][0], versions[i / 6 % 4][1],
                                 snap_lengths[i / 24], 1};

        begin_file(i / 3 % 2);
        make_pcap(&kind, DLT_EN10MB, 20);
        assert_read_whole();
        assert_int_equal(assert_as_libpcap(1 + random_below(&seed, 2000)), 20);
    }
}

/* In the file, and in libpcap. The upper bits of the number tell of something else. */
static void link_types_are_those_of_libpcap(void **state)
{
    static const uint32_t numbers[] = {0,   1,   9,   12,  50,    100,        101,        102,
                                       103, 104, 105, 106, 108,   113,        127,        192,
                                       228, 229, 276, 300, 65535, 0x00010001, 0xf4000001U};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct pcap_kind kind = {MICROSECONDS, 2, 4, 65535, numbers[i]};

        begin_file(false);
        make_pcap(&kind, 0, 3);
        assert_int_equal(assert_as_libpcap(100), 3);
        if (numbers[i] > UINT16_MAX)
            continue;
        begin_file(true);
        put_section();
        put_interface((uint16_t)numbers[i], 65535, (struct clock){9, 0});
        put_any_packet(0, 0, (struct clock){9, 0}, 65535);
        assert_int_equal(assert_as_libpcap(100), 1);
    }
}

static void pcapng_is_read_with_every_clock(void **state)
{
    static const uint8_t resolutions[] = {NO_RESOLUTION, 0,   1,   3,   6,   7,   9,  10, 12, 18,
                                          128,           129, 138, 148, 157, 158, 162};
    static const int64_t offsets_s[] = {0, 1000000000, -1};

    (void)state;
    for (size_t i = 0; i < sizeof(resolutions) * 3 * 2; i++) {
        struct clock clock = {resolutions[i / 6], offsets_s[i / 2 % 3]};

        begin_file(i % 2);
        make_uniform_pcapng(clock);
        assert_read_whole();
        untimed_s = clock.offset_s;
        assert_int_equal(assert_as_libpcap(1 + random_below(&seed, 2000)), 18);
        untimed_s = 0;
    }
}

/* Finer than 2^-34 s, where libpcap's arithmetic overflows; and the finest there is. */
static void the_finest_clocks_are_read(void **state)
{
    static const uint8_t resolutions[] = {128 | 35, 128 | 40, 128 | 60, 128 | 63, 19};

    (void)state;
    for (size_t i = 0; i < sizeof(resolutions); i++) {
        size_t start;

        begin_file(false);
        put_section();
        put_interface(1, 0, (struct clock){resolutions[i], 0});
        start = begin_block(ENHANCED);
        put_number(0, 4);
        put_number((ticks_per_s((struct clock){resolutions[i], 0}) / 4 * 5) >> 32, 4);
        put_number((ticks_per_s((struct clock){resolutions[i], 0}) / 4 * 5) & UINT32_MAX, 4);
        put_number(0, 8);
        end_block(start);
        expect(1250000000, DLT_EN10MB, 0, 0, 0);
        assert_read_whole();
    }
}

static void assert_damaged(size_t read_size, const char *reason, size_t offset)
{
    enum capturefile_status status;

    open_bytes(file.at, file.length, read_size);
    assert_int_equal(read_expected(&status), expected_count);
    assert_int_equal(status, CAPTUREFILE_BROKEN);
    assert_int_equal(capturefile_offset(opened), offset);
    if (!strstr(capturefile_error(opened), reason))
        fail_msg("\"%s\" says nothing about \"%s\"", capturefile_error(opened), reason);
    /* And so it stays. */
    assert_int_equal(read_expected(&status), 0);
    assert_int_equal(status, CAPTUREFILE_BROKEN);
    close_opened();
}

static void clocks_that_cannot_be_are_damage(void **state)
{
    static const uint8_t resolutions[] = {20, 127, 128 | 64, 254};

    (void)state;
    for (size_t i = 0; i < sizeof(resolutions); i++) {
        size_t place;

        begin_file(false);
        put_section();
        place = file.length;
        put_interface(1, 0, (struct clock){resolutions[i], 0});
        assert_damaged(4096, "interface", place);
    }
}

/* What libpcap refuses: interfaces that differ in all, sections in different byte order. */
static void interfaces_and_sections_may_differ(void **state)
{
    static const uint16_t in_file[] = {1, 101, 114, 276};
    static const int link_types[] = {DLT_EN10MB, DLT_RAW, DLT_LTALK, DLT_LINUX_SLL2};
    static const struct clock clocks[] = {{9, 0}, {NO_RESOLUTION, 0}, {128 | 20, -1}, {6, 3600}};

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        begin_file(false);
        for (unsigned section = 0; section < 4; section++) {
            unsigned interfaces = 0;

            big_endian = random_below(&seed, 2);
            put_section();
            for (unsigned i = 0; i < 12; i++) {
                unsigned kind = (section + interfaces) % 4;
                unsigned number = interfaces ? random_below(&seed, interfaces) : 0;

                if (interfaces == 0 || random_below(&seed, 4) == 0) {
                    put_interface(in_file[kind], 65535 >> kind, clocks[kind]);
                    interfaces++;
                    continue;
                }
                kind = (section + number) % 4;
                put_any_packet(number, link_types[kind], clocks[kind], 65535 >> kind);
            }
        }
        assert_read_whole();
    }
}

/* A simple packet block says what was on the wire; the snap length, what of it is there. */
static void simple_packets_are_cut_at_the_snap_length(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin_file(i);
        put_section();
        put_interface(1, 60, (struct clock){9, 0});
        put_block_packet(ENHANCED, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 60);
        put_block_packet(SIMPLE, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 1500);
        put_block_packet(SIMPLE, 0, DLT_EN10MB, (struct clock){9, 0}, 59, 59);
        assert_read_whole();
        assert_int_equal(assert_as_libpcap(100), 3);
        begin_file(i);
        put_section();
        put_interface(1, 0, (struct clock){9, 0}); /* no limit */
        put_block_packet(ENHANCED, 0, DLT_EN10MB, (struct clock){9, 0}, 1500, 1500);
        put_block_packet(SIMPLE, 0, DLT_EN10MB, (struct clock){9, 0}, 1500, 1500);
        assert_read_whole();
        assert_int_equal(assert_as_libpcap(100), 2);
    }
}

/* Real writers exceed the snap length they declare; libpcap refuses that. */
static void the_snap_length_of_an_interface_is_no_limit(void **state)
{
    (void)state;
    begin_file(false);
    put_section();
    put_interface(1, 60, (struct clock){9, 0});
    put_block_packet(ENHANCED, 0, DLT_EN10MB, (struct clock){9, 0}, 200, 1500);
    assert_read_whole();
}

/* One packet, of TICKS, behind one of a time that can be. */
static size_t put_ticks(struct clock clock, uint64_t ticks)
{
    size_t start;

    begin_file(random_below(&seed, 2));
    put_section();
    put_interface(1, 0, (struct clock){9, 0});
    put_interface(1, 0, clock);
    put_block_packet(ENHANCED, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 60);
    start = begin_block(ENHANCED);
    put_number(1, 4);
    put_number(ticks >> 32, 4);
    put_number(ticks & UINT32_MAX, 4);
    put_number(0, 8);
    end_block(start);
    return start;
}

/* A clock may also run to years that 64 bits of nanoseconds do not reach, or that were before
 * anybody captured: nothing is metered at such a time, nor at another in its place. */
static void times_that_cannot_be_are_damage(void **state)
{
    static const struct {
        struct clock clock;
        uint64_t ticks;
    } impossible[] = {
        {{0, 0}, UINT64_MAX}, {{6, 0}, UINT64_MAX}, {{6, 0}, (UINT32_MAX + 1LL) * 1000000},
        {{9, INT64_MAX}, 5},  {{9, INT64_MIN}, 5},  {{9, -1}, 5},
        {{0, -1000}, 999},
    };
    static const struct {
        struct clock clock;
        uint64_t ticks;
        int64_t time_ns;
    } possible[] = {
        {{6, 0}, (UINT32_MAX + 1LL) * 1000000 - 1, (UINT32_MAX + 1LL) * SECOND_NS - 1000},
        {{9, -1}, 1000000005, 5},
        {{0, -1000}, 1000, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
        size_t place = put_ticks(impossible[i].clock, impossible[i].ticks);

        put_block_packet(ENHANCED, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 60);
        expected_count = 1;
        assert_damaged(4096, "a packet's time is before 1970 or after 2106", place);
    }
    for (size_t i = 0; i < sizeof(possible) / sizeof(possible[0]); i++) {
        put_ticks(possible[i].clock, possible[i].ticks);
        expect(possible[i].time_ns, DLT_EN10MB, 0, 0, 0);
        assert_read_whole();
    }
}

/* A simple packet block has no time: it is that of the packet before, of whatever interface. */
static void without_any_time_nothing_can_be_metered(void **state)
{
    size_t place;

    (void)state;
    begin_file(false);
    put_section();
    put_interface(1, 0, (struct clock){9, 1000000000});
    place = file.length;
    expected_count = 1; /* none; see put_block_packet() */
    put_block_packet(SIMPLE, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 60);
    expected_count = 0;
    assert_damaged(4096, "a packet has no time, and none is before it", place);
}

#define AFTER_2106_S INT64_C(5000000000)

/* For who records nothing, also the packets behind them are there. */
static void any_time_is_taken_where_nothing_is_recorded(void **state)
{
    struct captured_frame frames[5];
    size_t count = 0;

    (void)state;
    begin_file(false);
    put_section();
    put_interface(1, 0, (struct clock){9, 0});
    expected_count = 1; /* none; see put_block_packet() */
    put_block_packet(SIMPLE, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 60);
    expected_count = 0;
    put_block_packet(ENHANCED, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 60);
    put_interface(1, 0, (struct clock){9, AFTER_2106_S});
    expected_count = 1;
    put_block_packet(ENHANCED, 1, DLT_EN10MB, (struct clock){9, AFTER_2106_S}, 60, 60);
    open_bytes(file.at, file.length, 4096);
    capturefile_take_any_time(opened);
    assert_int_equal(capturefile_read(opened, frames, 5, &count), CAPTUREFILE_OK);
    assert_int_equal(count, 3);
    assert_int_equal(frames[0].time_ns, 0);
    assert_int_equal(frames[1].time_ns, expected[0].time_ns);
    assert_int_equal(frames[2].time_ns, expected[0].time_ns);
    assert_int_equal(capturefile_untimed(opened), 2);
    close_opened();
}

static void the_last_seconds_of_pcap_are_read(void **state)
{
    (void)state;
    /* 2038 is not the end of pcap: its seconds have no sign (draft-ietf-opsawg-pcap, 5). */
    for (unsigned i = 0; i < 2; i++) {
        begin_file(i);
        put_pcap_header(&(struct pcap_kind){MICROSECONDS, 2, 4, 65535, 1});
        put_number(UINT32_MAX, 4);
        put_number(999999, 4);
        put_number(0, 8);
        expect(UINT32_MAX * SECOND_NS + 999999000, DLT_EN10MB, 0, 0, 0);
        assert_read_whole();
        begin_file(i);
        put_pcap_header(&(struct pcap_kind){MICROSECONDS, 2, 4, 65535, 1});
        put_number(UINT32_MAX, 4);
        put_number(1000000, 4);
        put_number(0, 8);
        assert_damaged(4096, "a packet's time is before 1970 or after 2106", 24);
    }
}

/* -- Damage ------------------------------------------------------------------------------------ */

static size_t count_until(size_t end)
{
    size_t count = 0;

    while (count < expected_count && expected[count].end <= end)
        count++;
    return count;
}

/* Cut at every byte: whole packets are read, as by libpcap, and the rest is said. */
static void assert_every_cut(size_t whole)
{
    for (file.length = whole; file.length >= 24; file.length--) {
        size_t packets = count_until(file.length);
        enum capturefile_status status;
        pcap_t *pcap;

        if (thinned(whole - file.length))
            continue;
        open_bytes(file.at, file.length, 1 + random_below(&seed, 100));
        assert_int_equal(read_expected(&status), packets);
        if (status == CAPTUREFILE_BROKEN) {
            assert_string_equal(capturefile_error(opened), "the file is cut short");
            assert_true(capturefile_offset(opened) < file.length);
        }
        close_opened();
        pcap = libpcap_open(fmemopen(file.at, file.length, "r"));
        if (pcap) {
            open_bytes(file.at, file.length, 4096);
            assert_int_equal(read_beside(pcap, "file"), packets);
            close_opened();
            pcap_close(pcap);
        }
    }
}

static void truncated_files_are_read_as_far_as_they_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct pcap_kind kind = {magics[i % 3], 2, 4, 65535, 1};

        begin_file(i / 3);
        make_pcap(&kind, DLT_EN10MB, 5);
        assert_every_cut(file.length);
    }
    for (size_t i = 0; i < 2; i++) {
        begin_file(i);
        make_uniform_pcapng((struct clock){9, 0});
        assert_every_cut(file.length);
    }
}

static void what_begins_no_capture_is_refused(void **state)
{
    struct pcap_kind kind = {MICROSECONDS, 2, 4, 65535, 1};

    (void)state;
    assert_false(try_open("", 0, 4096));
    assert_string_equal(error, "the file is empty");
    close_opened();
    begin_file(false);
    make_pcap(&kind, DLT_EN10MB, 0);
    for (size_t i = 1; i < 24; i++) {
        assert_false(try_open(file.at, i, 5));
        assert_string_equal(error, "not a capture that can be read: the file is cut short");
        close_opened();
    }
    for (unsigned i = 0; i < 4; i++) {
        static const struct pcap_kind kinds[] = {{MICROSECONDS, 2, 5, 65535, 1},
                                                 {MICROSECONDS, 1, 2, 65535, 1},
                                                 {MICROSECONDS, 543, 1, 65535, 1},
                                                 {0xa1b2c3d5, 2, 4, 65535, 1}};

        begin_file(i % 2);
        make_pcap(&kinds[i], DLT_EN10MB, 1);
        assert_false(try_open(file.at, file.length, 4096));
        assert_non_null(strstr(error, i < 3 ? "version" : "neither pcap nor pcapng"));
        close_opened();
    }
    begin_file(false);
    put_section();
    file.at[8]++;
    assert_false(try_open(file.at, file.length, 4096));
    assert_non_null(strstr(error, "no byte order"));
    close_opened();
    for (unsigned i = 0; i < 2; i++) { /* half of what gzip begins with */
        uint8_t bytes[24] = {0};

        bytes[i] = i ? 0x8b : 0x1f;
        assert_false(try_open(bytes, sizeof(bytes), 4096));
        assert_non_null(strstr(error, "neither pcap nor pcapng"));
        close_opened();
    }
    descriptor = open("/", O_RDONLY | O_CLOEXEC);
    assert_null(capturefile_open(descriptor, 4096, error, sizeof(error)));
    assert_non_null(strstr(error, "Is a directory"));
}

static void lengths_that_cannot_be_are_damage(void **state)
{
    static const uint32_t lengths[] = {262145, 0x7fffffff, 0x80000000, UINT32_MAX};
    static const uint32_t block_lengths[] = {0, 8, 11, 13, 31, (16U << 20) + 4, UINT32_MAX & ~3U};
    struct pcap_kind kind = {MICROSECONDS, 2, 4, UINT32_MAX, 1};
    size_t place;

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        begin_file(i % 2);
        make_pcap(&kind, DLT_EN10MB, 3);
        place = file.length;
        put_number(0, 8);
        put_number(lengths[i], 4);
        put_number(lengths[i], 4);
        put_random(1000);
        assert_damaged(1 + random_below(&seed, 4096), "claims", place);
    }
    for (size_t i = 0; i < sizeof(block_lengths) / sizeof(block_lengths[0]); i++) {
        begin_file(i % 2);
        make_uniform_pcapng((struct clock){9, 0});
        place = file.length;
        put_number(77, 4);
        put_number(block_lengths[i], 4);
        put_random(1000);
        assert_damaged(1 + random_below(&seed, 4096), "claims", place);
    }
}

/* Blocks whose fields contradict each other: nothing is taken from them. */
static void contradictory_blocks_are_damage(void **state)
{
    static const struct {
        uint32_t type;
        uint32_t words[6];
        size_t count;
        const char *reason;
    } cases[] = {
        {6, {2, 0, 0, 0, 0}, 5, "interface 2"},
        {6, {0, 0, 0, 5, 5, 0}, 6, "more than its block"},
        {6, {0, 0, 0, UINT32_MAX, 5, 0}, 6, "more than its block"},
        {6, {0, 0, 0, 0}, 4, "too short"},
        {3, {5, 0}, 2, "more than its block"},
        {3, {0}, 0, "too short"},
        {2, {0, 0, 0, 5, 5, 0}, 6, "more than its block"},
        {1, {1}, 1, "interface"},
        {1, {1, 65535, 1U << 16 | 9}, 3, "interface"},
        {1, {1, 65535, 2U << 16 | 9, 9}, 4, "interface"},
        {1, {1, 65535, 4U << 16 | 14, 9}, 4, "interface"},
        {1, {1, 65535, 100U << 16 | 2, 9}, 4, "interface"},
        {0x0a0d0d0a, {0x1a2b3c4d, 2, 0, 0}, 4, "version 2"},
        {0x0a0d0d0a, {0x1a2b3c4d, 1}, 2, "too short"},
        {0x0a0d0d0a, {0x1a2b3c4e, 1, 0, 0}, 4, "no byte order"},
    };

    size_t place;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_file(false);
        make_uniform_pcapng((struct clock){9, 0});
        place = begin_block(cases[i].type);
        for (size_t word = 0; word < cases[i].count; word++)
            put_number(cases[i].words[word], 4);
        end_block(place);
        assert_damaged(1 + random_below(&seed, 4096), cases[i].reason, place);
    }
    begin_file(true);
    make_uniform_pcapng((struct clock){9, 0});
    place = file.length;
    put_unknown_block();
    file.at[file.length - 1] ^= 4;
    assert_damaged(100, "two different lengths", place);
}

/* Any byte may be any other: packets that end before it are not touched by that. */
static void what_comes_before_the_damage_is_read(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        struct pcap_kind kind = {magics[round % 3], 2, 4, 65535, 1};
        struct captured_frame frames[MAX_FRAMES];
        size_t seen = 0;
        size_t whole;
        size_t place;
        size_t count;

        if (thinned(round))
            continue;
        begin_file(round / 2 % 2);
        if (round % 8 < 4)
            make_pcap(&kind, DLT_EN10MB, 4);
        else
            make_uniform_pcapng((struct clock){9, 0});
        place = random_below(&seed, (uint32_t)file.length);
        whole = count_until(place);
        file.at[place] ^= (uint8_t)(1 + random_below(&seed, 255));
        if (try_open(file.at, file.length, 1 + random_below(&seed, 500)))
            while (capturefile_read(opened, frames, MAX_FRAMES, &count) == CAPTUREFILE_OK)
                for (size_t i = 0; i < count; i++, seen++)
                    if (seen < whole)
                        assert_expected(&frames[i], seen);
        assert_true(seen >= whole);
        close_opened();
    }
}

/* -- Large and small ----------------------------------------------------------------------------
 */

static uint8_t *large;
static size_t large_size;

/* What was made so far, and then a block of TYPE and LENGTH that begins with WORDS. */
static void make_large(uint32_t type, uint32_t length, const uint32_t *words, size_t count)
{
    size_t place = file.length;

    put_number(type, 4);
    put_number(length, 4);
    for (size_t i = 0; i < count; i++)
        put_number(words[i], 4);
    large_size = place + length;
    large = calloc(1, large_size);
    assert_non_null(large);
    memcpy(large, file.at, file.length);
    file.length = place;
    put_number(length, 4);
    memcpy(large + large_size - 4, file.at + place, 4);
}

static void blocks_of_16_mib_are_read(void **state)
{
    const uint32_t length = 16U << 20;
    const uint32_t words[] = {0, 0, 5, length - 32, length};
    struct captured_frame frame;
    size_t count;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin_file(i);
        put_section();
        put_interface(1, 0, (struct clock){9, 0});
        make_large(i ? ENHANCED : 4711, length, words, 5);
        open_bytes(large, large_size, CAPTUREFILE_READ_SIZE);
        if (i) {
            assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_OK);
            while (count == 0)
                assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_OK);
            assert_int_equal(frame.captured, length - 32);
            assert_int_equal(frame.time_ns, 5);
        }
        while (capturefile_read(opened, &frame, 1, &count) == CAPTUREFILE_OK)
            assert_int_equal(count, 0);
        assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_END);
        close_opened();
        free(large);
    }
}

static void the_largest_packet_of_pcap_is_read(void **state)
{
    struct captured_frame frame;
    size_t count;

    (void)state;
    begin_file(false);
    put_pcap_header(&(struct pcap_kind){MICROSECONDS, 2, 4, 262144, 1});
    put_number(1, 4);
    put_number(0, 4);
    put_number(262144, 4);
    put_number(262144, 4);
    large = calloc(1, file.length + 262144);
    memcpy(large, file.at, file.length);
    open_bytes(large, file.length + 262144, 1000);
    do
        assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_OK);
    while (count == 0);
    assert_int_equal(frame.captured, 262144);
    assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_END);
    close_opened();
    free(large);
}

/* Whoever reads has others to listen to. */
static void blocks_without_packets_do_not_keep_the_caller(void **state)
{
    struct captured_frame frame;
    unsigned calls = 0;
    size_t count;

    (void)state;
    begin_file(false);
    put_section();
    put_interface(1, 0, (struct clock){9, 0});
    make_large(4711, 1U << 20, NULL, 0);
    open_bytes(large, large_size, 1024);
    while (capturefile_read(opened, &frame, 1, &count) == CAPTUREFILE_OK) {
        assert_int_equal(count, 0);
        calls++;
    }
    assert_true(calls >= 16);
    close_opened();
    free(large);
}

static void interfaces_have_a_limit(void **state)
{
    const size_t limit = 65536;
    struct captured_frame frame;
    size_t count;

    (void)state;
    begin_file(false);
    put_section();
    large = calloc(limit + 10, 20);
    memcpy(large, file.at, file.length);
    large_size = file.length;
    file.length = 0;
    put_number(1, 4);
    put_number(20, 4);
    put_number(1, 8);
    put_number(20, 4);
    for (size_t i = 0; i < limit + 1; i++) {
        memcpy(large + large_size, file.at, file.length);
        large_size += file.length;
    }
    open_bytes(large, large_size - file.length, 4096);
    while (capturefile_read(opened, &frame, 1, &count) == CAPTUREFILE_OK)
        ;
    assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_END);
    close_opened();
    open_bytes(large, large_size, 4096);
    while (capturefile_read(opened, &frame, 1, &count) == CAPTUREFILE_OK)
        ;
    assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_BROKEN);
    assert_non_null(strstr(capturefile_error(opened), "65536 interfaces"));
    assert_int_equal(capturefile_offset(opened), large_size - file.length);
    close_opened();
    free(large);
}

/* -- The link type ------------------------------------------------------------------------------
 */

static void assert_link_type(int link_type)
{
    enum capturefile_status status;

    for (size_t i = 0; i < READ_SIZES; i++) {
        open_bytes(file.at, file.length, read_sizes[i]);
        assert_int_equal(capturefile_link_type(opened), link_type);
        /* It costs no packet. */
        assert_int_equal(read_expected(&status), expected_count);
        assert_int_equal(status, CAPTUREFILE_END);
        close_opened();
    }
}

static void the_link_type_is_one_that_can_be_decoded(void **state)
{
    static const struct clock clock = {9, 0};

    (void)state;
    begin_file(true);
    put_section();
    assert_link_type(-1);
    put_unknown_block();
    put_interface(114, 100, clock);
    assert_link_type(DLT_LTALK);
    put_interface(147, 100, clock);
    assert_link_type(DLT_LTALK);
    put_interface(101, 200, clock);
    put_interface(1, 200, clock);
    assert_link_type(DLT_RAW);
    put_block_packet(ENHANCED, 1, 147, clock, 60, 60);
    put_block_packet(ENHANCED, 3, DLT_EN10MB, clock, 60, 60);
    assert_link_type(DLT_RAW);

    begin_file(false);
    put_section();
    put_interface(114, 100, clock);
    put_block_packet(ENHANCED, 0, DLT_LTALK, clock, 60, 60);
    put_interface(1, 100, clock); /* too late to be known */
    assert_link_type(DLT_LTALK);

    begin_file(false);
    make_pcap(&(struct pcap_kind){MICROSECONDS, 2, 4, 65535, 101}, DLT_RAW, 3);
    assert_link_type(DLT_RAW);
}

/* -- Compression --------------------------------------------------------------------------------
 */

static uint8_t compressed[2 * sizeof(file.at)];
static size_t compressed_size;

static void compress_more(const uint8_t *bytes, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes,
                       .avail_in = (uInt)size,
                       .next_out = compressed + compressed_size,
                       .avail_out = (uInt)(sizeof(compressed) - compressed_size)};

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    compressed_size = sizeof(compressed) - stream.avail_out;
    deflateEnd(&stream);
}

static void assert_expanded(void)
{
    for (size_t i = 0; i < READ_SIZES; i++) {
        enum capturefile_status status;

        open_bytes(compressed, compressed_size, read_sizes[i]);
        assert_int_equal(read_expected(&status), expected_count);
        if (status != CAPTUREFILE_END)
            fail_msg("%s", capturefile_error(opened));
        close_opened();
    }
}

static void make_either(unsigned which)
{
    begin_file(false);
    if (which)
        make_pcap(&(struct pcap_kind){NANOSECONDS, 2, 4, 65535, 1}, DLT_EN10MB, 30);
    else
        make_uniform_pcapng((struct clock){6, 0});
}

static void gzip_is_expanded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        make_either(i);
        compressed_size = 0;
        compress_more(file.at, file.length);
        assert_expanded();
        /* Several members, one of them empty, and what tapes append. */
        compressed_size = 0;
        compress_more(file.at, 11);
        compress_more(file.at + 11, 500);
        compress_more(file.at, 0);
        compress_more(file.at + 511, file.length - 511);
        assert_expanded();
        memset(compressed + compressed_size, 0, 1000);
        compressed_size += 1000;
        assert_expanded();
    }
    compressed_size = 0;
    compress_more(file.at, 0);
    assert_false(try_open(compressed, compressed_size, 4096));
    assert_string_equal(error, "the file is empty");
}

/* Compresses well, so that much comes out of little, and the window is used to its end. */
static void what_compresses_well_is_expanded(void **state)
{
    const size_t packets = 3000;
    struct captured_frame frames[100];
    size_t seen = 0;
    size_t count;

    (void)state;
    begin_file(false);
    put_pcap_header(&(struct pcap_kind){MICROSECONDS, 2, 4, 65535, 1});
    large_size = file.length + packets * 1516;
    large = calloc(1, large_size);
    memcpy(large, file.at, file.length);
    for (size_t i = 0; i < packets; i++) {
        size_t place = 24 + i * 1516;

        file.length = 0;
        put_number(i, 4);
        put_number(0, 4);
        put_number(1500, 4);
        put_number(1500, 4);
        memcpy(large + place, file.at, 16);
    }
    compressed_size = 0;
    compress_more(large, large_size);
    assert_true(compressed_size < large_size / 100);
    open_bytes(compressed, compressed_size, CAPTUREFILE_READ_SIZE);
    while (capturefile_read(opened, frames, 100, &count) == CAPTUREFILE_OK)
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(frames[i].time_ns, (int64_t)seen++ * SECOND_NS);
            assert_int_equal(frames[i].captured, 1500);
        }
    assert_int_equal(seen, packets);
    assert_int_equal(capturefile_read(opened, frames, 1, &count), CAPTUREFILE_END);
    close_opened();
    free(large);
}

/* Cut or damaged anywhere: what comes out is the beginning of what went in. */
static void damaged_gzip_is_read_as_far_as_it_goes(void **state)
{
    size_t whole;
    size_t most = 0;

    (void)state;
    make_either(1);
    compressed_size = 0;
    compress_more(file.at, file.length);
    whole = compressed_size;
    for (compressed_size = 2; compressed_size < whole; compressed_size++) {
        enum capturefile_status status;

        if (try_open(compressed, compressed_size, 1 + random_below(&seed, 500))) {
            size_t packets = read_expected(&status);

            assert_true(packets >= most);
            most = packets;
            assert_int_equal(status, CAPTUREFILE_BROKEN);
            assert_non_null(strstr(capturefile_error(opened), "compressed data"));
            assert_non_null(strstr(capturefile_error(opened), "end early"));
        } else {
            assert_non_null(strstr(error, "end early"));
        }
        close_opened();
    }
    assert_int_equal(most, expected_count);
    /* The checksum is at the end: everything was given by then. */
    compressed[whole - 5] ^= 1;
    assert_true(try_open(compressed, whole, 4096));
    {
        enum capturefile_status status;

        assert_int_equal(read_expected(&status), expected_count);
        assert_int_equal(status, CAPTUREFILE_BROKEN);
        assert_non_null(strstr(capturefile_error(opened), "incorrect data check"));
        close_opened();
    }
    compressed[whole - 5] ^= 1;
    memcpy(compressed + whole, "something else", 14);
    open_bytes(compressed, whole + 14, 4096);
    {
        enum capturefile_status status;

        assert_int_equal(read_expected(&status), expected_count);
        assert_int_equal(status, CAPTUREFILE_BROKEN);
    }
}

/* -- Pipes ---------------------------------------------------------------------------------------
 */

static pid_t write_to_pipe(const uint8_t *bytes, size_t size)
{
    int ends[2];
    pid_t child;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (size_t done = 0; done < size;) {
            size_t chunk = 1 + random_below(&seed, 300);
            ssize_t count = write(ends[1], bytes + done, chunk < size - done ? chunk : size - done);

            if (count < 0)
                _exit(1);
            done += (size_t)count;
        }
        _exit(0);
    }
    close(ends[1]);
    descriptor = ends[0];
    return child;
}

static void a_pipe_is_read_like_a_file(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        enum capturefile_status status;
        pid_t child;
        int exit_status;

        make_either(i % 2);
        compressed_size = 0;
        compress_more(file.at, file.length);
        child = i / 2 % 2 ? write_to_pipe(compressed, compressed_size)
                          : write_to_pipe(file.at, file.length);
        opened = capturefile_open(descriptor, CAPTUREFILE_READ_SIZE, error, sizeof(error));
        assert_non_null(opened);
        assert_int_equal(capturefile_link_type(opened), DLT_EN10MB);
        assert_int_equal(read_expected(&status), expected_count);
        assert_int_equal(status, CAPTUREFILE_END);
        close_opened();
        assert_int_equal(waitpid(child, &exit_status, 0), child);
        assert_int_equal(exit_status, 0);
    }
}

/* A capture that is still being written: what is there is given at once. Otherwise this waits for
 * ever. */
static void nothing_is_waited_for_that_is_not_needed(void **state)
{
    struct captured_frame frame;
    size_t count;
    int ends[2];

    (void)state;
    begin_file(false);
    put_section();
    put_interface(1, 0, (struct clock){9, 0});
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    descriptor = ends[0];
    assert_int_equal(write(ends[1], file.at, file.length), file.length);
    opened = capturefile_open(descriptor, CAPTUREFILE_READ_SIZE, error, sizeof(error));
    assert_non_null(opened);
    assert_int_equal(capturefile_link_type(opened), DLT_EN10MB);
    file.length = 0;
    put_block_packet(ENHANCED, 0, DLT_EN10MB, (struct clock){9, 0}, 60, 60);
    assert_int_equal(write(ends[1], file.at, file.length), file.length);
    assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_OK);
    assert_int_equal(count, 1);
    assert_expected(&frame, 0);
    close(ends[1]);
    assert_int_equal(capturefile_read(opened, &frame, 1, &count), CAPTUREFILE_END);
}

/* -- Several files ------------------------------------------------------------------------------
 *
 * Packet NUMBER is of that second, was longer than what was captured, and begins with its number.
 */

static int members[CAPTUREFILE_MOST];
static unsigned member_count;
static unsigned argument_of[CAPTUREFILE_MOST]; /* where a file is among the descriptors */

static void clear_members(void)
{
    while (member_count > 0)
        close(members[--member_count]);
}

static int close_members(void **state)
{
    clear_members();
    return close_left_open(state);
}

static void add_member(const void *bytes, size_t size)
{
    members[member_count++] = memory_file(bytes, size);
}

static uint32_t length_of(uint32_t number)
{
    return 5000 + number;
}

static void put_numbered(uint32_t number, uint32_t captured)
{
    put_u32(&file, number);
    put_random(captured - 4);
}

static void put_numbered_pcap(uint32_t first, uint32_t end, uint32_t link_type)
{
    static const struct pcap_kind kinds[] = {{MICROSECONDS, 2, 4, 65535, 0},
                                             {NANOSECONDS, 2, 4, 65535, 0},
                                             {KUZNETZOV, 2, 4, 65535, 0},
                                             {MICROSECONDS, 2, 2, 65535, 0},
                                             {NANOSECONDS, 543, 0, 65535, 0}};
    struct pcap_kind kind = kinds[random_below(&seed, 5)];
    bool old = kind.major == 543 || kind.minor < 3;

    kind.link_type = link_type;
    put_pcap_header(&kind);
    for (uint32_t i = first; i < end; i++) {
        uint32_t captured = 4 + random_length();

        put_number(i, 4);
        put_number(0, 4);
        put_number(old ? length_of(i) : captured, 4);
        put_number(old ? captured : length_of(i), 4);
        if (kind.magic == KUZNETZOV)
            put_random(8);
        put_numbered(i, captured);
    }
}

/* Sometimes the packets are not of the first interface. */
static void put_numbered_pcapng(uint32_t first, uint32_t end, uint32_t link_type)
{
    const struct clock clock = {random_below(&seed, 2) ? 9 : 128 | 20, 0};
    uint32_t others = random_below(&seed, 3);

    put_section();
    for (uint32_t i = 0; i < others; i++)
        put_interface(147, 0, (struct clock){6, 1000});
    put_interface((uint16_t)link_type, 0, clock);
    for (uint32_t i = first; i < end; i++) {
        uint64_t ticks = i * ticks_per_s(clock);
        uint32_t captured = 4 + random_length();
        size_t start = begin_block(ENHANCED);

        put_number(others, 4);
        put_number(ticks >> 32, 4);
        put_number(ticks & UINT32_MAX, 4);
        put_number(captured, 4);
        put_number(length_of(i), 4);
        put_numbered(i, captured);
        end_block(start);
        if (random_below(&seed, 4) == 0)
            put_unknown_block();
    }
}

/* Packets FIRST to before END in a format drawn at random. */
static void make_member(uint32_t first, uint32_t end, uint32_t link_type)
{
    begin_file(random_below(&seed, 2));
    if (random_below(&seed, 2))
        put_numbered_pcap(first, end, link_type);
    else
        put_numbered_pcapng(first, end, link_type);
}

static void add_made(void)
{
    if (random_below(&seed, 3)) {
        add_member(file.at, file.length);
        return;
    }
    compressed_size = 0;
    compress_more(file.at, file.length);
    add_member(compressed, compressed_size);
}

static void shuffle_members(void)
{
    for (unsigned i = 0; i < member_count; i++)
        argument_of[i] = i;
    for (unsigned i = member_count; i > 1; i--) {
        unsigned other = random_below(&seed, i);
        int member = members[i - 1];

        members[i - 1] = members[other];
        members[other] = member;
        for (unsigned j = 0; j < member_count; j++)
            if (argument_of[j] == i - 1 || argument_of[j] == other)
                argument_of[j] = argument_of[j] == other ? i - 1 : other;
    }
}

static bool try_members(size_t read_size)
{
    opened = capturefile_new(members, member_count, read_size);
    assert_non_null(opened);
    return capturefile_begin(opened, error, sizeof(error));
}

static void open_members(void)
{
    if (!try_members(random_below(&seed, 2) ? CAPTUREFILE_READ_SIZE : 1 + random_below(&seed, 999)))
        fail_msg("file %u: %s", capturefile_number(opened), error);
}

/* Reads on, from packet NEXT; returns the number of the one that did not come. */
static uint32_t read_numbered(uint32_t next, const int *link_types, enum capturefile_status *status)
{
    struct captured_frame frames[16];
    size_t count;

    while ((*status = capturefile_read(opened, frames, 1 + random_below(&seed, 16), &count)) ==
           CAPTUREFILE_OK)
        for (size_t i = 0; i < count; i++, next++) {
            struct cursor cursor = cursor_over(frames[i].bytes, frames[i].captured);

            assert_int_equal(cursor_u32(&cursor), next);
            assert_int_equal(frames[i].time_ns, next * SECOND_NS);
            assert_int_equal(frames[i].length, length_of(next));
            assert_int_equal(frames[i].link_type, link_types[next]);
        }
    assert_int_equal(count, 0);
    return next;
}

static const uint32_t some_types[] = {1, 101, 113, 0};
static const int some_dlts[] = {DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_NULL};

/* COUNT files between which PACKETS are divided, some of them without any; then in any order. */
static void make_members(unsigned count, uint32_t packets, int *link_types)
{
    uint32_t first = 0;

    clear_members();
    for (unsigned i = 0; i < count; i++) {
        uint32_t end = i == count - 1 ? packets : first + random_below(&seed, packets - first);
        unsigned type = random_below(&seed, 4);

        for (uint32_t j = first; j < end; j++)
            link_types[j] = some_dlts[type];
        make_member(first, end, some_types[type]);
        add_made();
        first = end;
    }
    shuffle_members();
}

static void several_files_are_read_as_one(void **state)
{
    int link_types[60];

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        enum capturefile_status status;

        make_members(2 + round % 4, 60, link_types);
        open_members();
        assert_true(decode_supports(capturefile_link_type(opened)) ||
                    capturefile_link_type(opened) < 0);
        assert_int_equal(read_numbered(0, link_types, &status), 60);
        assert_int_equal(status, CAPTUREFILE_END);
        assert_int_equal(capturefile_left(opened), 0);
        assert_int_equal(capturefile_overlap(opened).count, 0);
        close_opened();
    }
}

/* Two readers in turn, each with memory of its own (readahead.h, sharedfile.h). */
static void lent_memory_is_read_into_from_file_to_file(void **state)
{
    uint8_t *memory[2] = {malloc(CAPTUREFILE_BUFFER_SIZE), malloc(CAPTUREFILE_BUFFER_SIZE)};
    int link_types[60];

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        enum capturefile_status status = CAPTUREFILE_OK;
        struct captured_frame frames[8];
        uint32_t next = 0;
        size_t count;

        make_members(3, 60, link_types);
        opened = capturefile_new(members, member_count, 1 + random_below(&seed, 999));
        capturefile_lend(opened, memory[1], CAPTUREFILE_BUFFER_SIZE);
        assert_true(capturefile_begin(opened, error, sizeof(error)));
        for (unsigned part = 0; status == CAPTUREFILE_OK; part++) {
            capturefile_lend(opened, memory[part % 2], CAPTUREFILE_BUFFER_SIZE);
            status = capturefile_take(opened, frames, 8, &count);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(frames[i].time_ns, next++ * SECOND_NS);
            if (count == 0)
                status = capturefile_fill(opened);
        }
        assert_int_equal(status, CAPTUREFILE_END);
        assert_int_equal(next, 60);
        close_opened();
    }
    free(memory[0]);
    free(memory[1]);
}

static void make_three(const int *link_type)
{
    clear_members();
    for (uint32_t i = 0; i < 3; i++) {
        begin_file(i == 1);
        if (i == 1)
            put_numbered_pcapng(10, 20, (uint32_t)*link_type);
        else
            put_numbered_pcap(10 * i, 10 * i + 10, (uint32_t)*link_type);
        add_member(file.at, file.length);
    }
}

/* How many packets the file at MEMBER gives alone. */
static uint32_t read_alone(int member, enum capturefile_status *status)
{
    struct captured_frame frames[64];
    uint32_t packets = 0;
    size_t count;

    assert_int_equal(lseek(member, 0, SEEK_SET), 0);
    opened = capturefile_open(member, 4096, error, sizeof(error));
    assert_non_null(opened);
    while ((*status = capturefile_read(opened, frames, 64, &count)) == CAPTUREFILE_OK)
        packets += (uint32_t)count;
    close_opened();
    return packets;
}

/* Cut anywhere, it gives what it gives alone; those before it are read, and no one after. */
static void a_damaged_file_ends_the_reading(void **state)
{
    int link_types[30];
    unsigned ended = 0;

    (void)state;
    for (unsigned i = 0; i < 30; i++)
        link_types[i] = DLT_EN10MB;
    for (off_t cut = 1; cut < 200; cut++) {
        enum capturefile_status status;
        uint32_t alone;
        off_t size;

        make_three(link_types);
        size = lseek(members[1], 0, SEEK_END) - cut;
        assert_int_equal(ftruncate(members[1], size), 0);
        alone = read_alone(members[1], &status);
        if (status == CAPTUREFILE_END) /* cut between two packets, which nobody can see */
            continue;
        shuffle_members();
        open_members();
        assert_int_equal(read_numbered(0, link_types, &status), 10 + alone);
        assert_int_equal(status, CAPTUREFILE_BROKEN);
        assert_int_equal(capturefile_number(opened), argument_of[1]);
        assert_int_equal(capturefile_packets(opened), alone);
        assert_int_equal(capturefile_left(opened), 1);
        assert_true(capturefile_offset(opened) <= (uint64_t)size);
        assert_string_equal(capturefile_error(opened), "the file is cut short");
        close_opened();
        ended++;
    }
    assert_true(ended > 150);
}

static void files_without_packets_say_nothing(void **state)
{
    int link_types[40]; /* of packets from the 20th on */
    enum capturefile_status status;

    (void)state;
    for (unsigned round = 0; round < 30; round++) {
        clear_members();
        for (unsigned i = 0; i < 5; i++) {
            make_member(i == 2 ? 20 : 0, i == 2 ? 20 + 20 * (round % 2) : 0, some_types[round % 4]);
            add_made();
        }
        shuffle_members();
        open_members();
        for (unsigned i = 20; i < 40; i++)
            link_types[i] = some_dlts[round % 4];
        assert_int_equal(read_numbered(20, link_types, &status), 20 + 20 * (round % 2));
        assert_int_equal(status, CAPTUREFILE_END);
        close_opened();
    }
}

/* Three whose packets are all of one link type. */
static void make_three_alike(int link_types[30])
{
    for (unsigned i = 0; i < 30; i++)
        link_types[i] = DLT_EN10MB;
    make_three(link_types);
}

/* Nobody knows where it belongs: it may be the last one, whose writer was interrupted. */
static void a_file_damaged_before_its_first_packet_comes_last(void **state)
{
    int link_types[30];
    enum capturefile_status status;

    (void)state;
    make_three_alike(link_types);
    assert_int_equal(ftruncate(members[0], 30), 0);
    open_members();
    assert_int_equal(read_numbered(10, link_types, &status), 30);
    assert_int_equal(status, CAPTUREFILE_BROKEN);
    assert_int_equal(capturefile_number(opened), 0);
    assert_int_equal(capturefile_packets(opened), 0);
    assert_int_equal(capturefile_left(opened), 0);
}

static void assert_member_refused(const char *reason)
{
    unsigned bad = 0;

    shuffle_members();
    bad = argument_of[1];
    assert_false(try_members(4096));
    if (!strstr(error, reason))
        fail_msg("\"%s\" says nothing about \"%s\"", error, reason);
    assert_int_equal(capturefile_number(opened), bad);
    close_opened();
}

static void one_of_several_that_cannot_be_read_is_told(void **state)
{
    const int link_type = 1;
    const int undecodable = 147;
    int ends[2];

    (void)state;
    make_three(&link_type);
    assert_int_equal(ftruncate(members[1], 0), 0);
    assert_member_refused("the file is empty");
    make_three(&link_type);
    assert_int_equal(pwrite(members[1], "text", 4, 0), 4);
    assert_member_refused("neither pcap nor pcapng");
    make_three(&link_type);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dup2(ends[0], members[1]), members[1]);
    assert_member_refused("a pipe can only be read alone");
    for (unsigned i = 0; i < 20; i++) {
        make_three(&link_type);
        begin_file(false);
        if (i % 2)
            put_numbered_pcap(10, 20, (uint32_t)undecodable);
        else
            put_numbered_pcapng(10, 20, (uint32_t)undecodable);
        close(members[1]);
        members[1] = memory_file(file.at, file.length);
        /* One that cannot be read at all is the reason, also after it. */
        if (i >= 10) {
            assert_int_equal(ftruncate(members[2], 0), 0);
            assert_false(try_members(4096));
            assert_int_equal(capturefile_number(opened), 2);
        } else {
            shuffle_members();
            assert_true(try_members(4096));
            assert_int_equal(capturefile_link_type(opened), undecodable);
            assert_int_equal(capturefile_number(opened), argument_of[1]);
        }
        close_opened();
    }
    close(ends[0]);
    close(ends[1]);
}

static void a_file_that_changed_since_it_was_looked_at_is_damage(void **state)
{
    int link_types[30];
    enum capturefile_status status;

    (void)state;
    make_three_alike(link_types);
    open_members();
    assert_int_equal(ftruncate(members[1], 0), 0);
    assert_int_equal(read_numbered(0, link_types, &status), 10);
    assert_int_equal(status, CAPTUREFILE_BROKEN);
    assert_int_equal(capturefile_number(opened), 1);
    assert_string_equal(capturefile_error(opened), "the file is empty");
}

/* Of whole seconds: one is tolerated, two are not. */
static void files_that_overlap_are_told(void **state)
{
    struct captured_frame frame;
    size_t count;

    (void)state;
    for (uint32_t overlap = 0; overlap < 5; overlap++) {
        clear_members();
        make_member(0, 3, 1);
        add_made();
        make_member(10, 30, 1);
        add_made();
        make_member(15, 17, 1); /* in the one before it, which it does not end */
        add_made();
        make_member(29 - overlap, 40, 1);
        add_made();
        make_member(50, 60, 1);
        add_made();
        shuffle_members();
        open_members();
        while (capturefile_read(opened, &frame, 1, &count) == CAPTUREFILE_OK)
            ;
        assert_int_equal(capturefile_overlap(opened).count, overlap < 2 ? 1 : 2);
        assert_int_equal(capturefile_overlap(opened).before, argument_of[1]);
        assert_int_equal(capturefile_overlap(opened).after, argument_of[2]);
        assert_int_equal(capturefile_overlap(opened).overlap_ns, 14 * SECOND_NS);
        close_opened();
    }
}

static void as_many_files_are_read_as_there_may_be(void **state)
{
    struct captured_frame frames[64];
    size_t packets = 0;
    size_t count;

    (void)state;
    make_member(0, 3, 1);
    descriptor = memory_file(file.at, file.length);
    for (unsigned i = 0; i < CAPTUREFILE_MOST; i++)
        members[i] = descriptor;
    opened = capturefile_new(members, CAPTUREFILE_MOST, CAPTUREFILE_READ_SIZE);
    assert_true(capturefile_begin(opened, error, sizeof(error)));
    while (capturefile_read(opened, frames, 64, &count) == CAPTUREFILE_OK)
        packets += count;
    assert_int_equal(packets, 3 * CAPTUREFILE_MOST);
    assert_int_equal(capturefile_left(opened), 0);
}

/* -- Real captures -------------------------------------------------------------------------------
 */

static unsigned real_files;
static size_t real_packets;

/* The file for libpcap, which expands nothing by itself. */
static pcap_t *libpcap_open_expanded(const char *path)
{
    /* Of all files in turn: allocated for each, it was most of what this program takes with the
     * address sanitizer, which maps and marks the shadow of it each time. */
    static uint8_t expanded[32U << 20];
    gzFile stream = gzopen(path, "rbe");
    int size;

    assert_non_null(stream);
    size = gzread(stream, expanded, sizeof(expanded));
    gzclose_r(stream);
    if (size <= 0 || (size_t)size == sizeof(expanded))
        fail_msg("%s: of %d bytes", path, size);
    return libpcap_open(fmemopen(expanded, (size_t)size, "r"));
}

static int compare_real(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    const size_t sizes[] = {CAPTUREFILE_READ_SIZE, 1 + random_below(&seed, 3000)};
    const char *name = path + walk->base;

    (void)status;
    if (type != FTW_F || !strchr(name, '.') || (!strstr(name, "cap") && !strstr(name, "dmp")))
        return 0;
    for (size_t i = 0; i < 2; i++) {
        pcap_t *pcap = libpcap_open_expanded(path);

        if (!pcap)
            fail_msg("%s: %s", path, error);
        descriptor = open(path, O_RDONLY | O_CLOEXEC);
        opened = capturefile_open(descriptor, sizes[i], error, sizeof(error));
        if (!opened)
            fail_msg("%s: %s", path, error);
        if (is_mapped)
            capturefile_map(opened);
        real_packets += read_beside(pcap, name);
        close_opened();
        pcap_close(pcap);
    }
    real_files++;
    return 0;
}

static void real_captures_are_read_as_libpcap_reads_them(void **state)
{
    static const char *const directories[] = {IAGMETER_SOURCE_ROOT "/../shared/data/corpus",
                                              IAGMETER_SOURCE_ROOT "/../shared/data/captures",
                                              IAGMETER_SOURCE_ROOT "/tests/fixtures"};

    (void)state;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
        if (nftw(directories[i], compare_real, 8, FTW_PHYS) != 0)
            print_message("skipped: there is no %s\n", directories[i]);
    print_message("%u captures, %zu packets\n", real_files, real_packets / 2);
    assert_true(real_files > 0);
}

/* -- Mapped ------------------------------------------------------------------------------------ */

static int map_what_can_be(void **state)
{
    (void)state;
    is_mapped = true;
    return 0;
}

static const struct pcap_kind usual = {MICROSECONDS, 2, 4, 65535, 1};

/* PACKETS of 1000 bytes each, mapped. */
static void map_packets(unsigned packets)
{
    begin_file(false);
    put_pcap_header(&usual);
    for (unsigned i = 0; i < packets; i++)
        put_pcap_packet(&usual, 1, 1000, 1000);
    open_bytes(file.at, file.length, 4096);
    capturefile_map(opened);
    assert_true(capturefile_kept(opened) != UINT64_MAX);
}

static void append(const void *bytes, size_t size)
{
    assert_int_equal(pwrite(descriptor, bytes, size, lseek(descriptor, 0, SEEK_END)), size);
}

/* As tcpdump writes it while it is read, in the middle of a packet. */
static void a_mapped_file_may_grow(void **state)
{
    enum capturefile_status status;
    size_t length;

    (void)state;
    for (size_t cut = 0; cut <= 3000; cut += 250) {
        begin_file(false);
        put_pcap_header(&usual);
        for (unsigned i = 0; i < 60; i++)
            put_pcap_packet(&usual, 1, 1000, 1000);
        length = file.length - cut;
        open_bytes(file.at, length, 4096);
        capturefile_map(opened);
        append(file.at + length, cut);
        assert_int_equal(lseek(descriptor, 4096, SEEK_SET), 4096); /* as after the first read */
        assert_int_equal(read_expected(&status), 60);
        assert_int_equal(status, CAPTUREFILE_END);
        close_opened();
    }
}

/* In a page or at its end, before or after what was given. None of the zeros is a packet. */
static void a_mapped_file_that_is_cut_is_damaged_from_there(void **state)
{
    (void)state;
    for (size_t length = 0; length < 60000; length += length % 4096 == 0 ? 1500 : 2596) {
        struct captured_frame frames[5];
        size_t given;
        size_t more;

        map_packets(60);
        assert_int_equal(capturefile_read(opened, frames, 2, &given), CAPTUREFILE_OK);
        assert_int_equal(given, 2); /* more were there already */
        assert_int_equal(ftruncate(descriptor, (off_t)length), 0);
        assert_int_equal(capturefile_read(opened, frames, 5, &more), CAPTUREFILE_BROKEN);
        assert_int_equal(more, 0);
        assert_non_null(strstr(capturefile_error(opened), "cut short while it was read"));
        assert_int_equal(capturefile_offset(opened), expected[given - 1].end);
        assert_int_equal(capturefile_packets(opened), given);
        assert_int_equal(capturefile_read(opened, frames, 5, &more), CAPTUREFILE_BROKEN);
        close_opened();
    }
}

/* `iagmeterd -r - <FILE` of which something was read already. */
static void a_mapped_file_may_begin_anywhere(void **state)
{
    static uint8_t junk[5000];
    enum capturefile_status status;

    (void)state;
    begin_file(false);
    put_pcap_header(&usual);
    for (unsigned i = 0; i < 60; i++)
        put_pcap_packet(&usual, 1, 1000, 1000);
    put_number(0, 3);
    descriptor = memory_file(junk, sizeof(junk));
    append(file.at, file.length);
    assert_int_equal(lseek(descriptor, sizeof(junk), SEEK_SET), sizeof(junk));
    opened = capturefile_open(descriptor, 4096, error, sizeof(error));
    assert_non_null(opened);
    capturefile_map(opened);
    assert_true(capturefile_kept(opened) > sizeof(junk) && capturefile_kept(opened) != UINT64_MAX);
    assert_int_equal(read_expected(&status), 60);
    assert_int_equal(status, CAPTUREFILE_BROKEN);
    assert_int_equal(capturefile_offset(opened), file.length - 3);
}

static void what_cannot_be_mapped_is_read(void **state)
{
    struct capturefile *second;
    int descriptors[2];

    (void)state;
    map_packets(3);
    descriptors[0] = memory_file(file.at, file.length);
    descriptors[1] = memory_file(file.at, file.length);
    second = capturefile_open(descriptors[0], 4096, error, sizeof(error));
    capturefile_map(second); /* one at a time */
    assert_true(capturefile_kept(second) == UINT64_MAX);
    capturefile_close(second);
    close_opened();
    opened = capturefile_new(descriptors, 2, 4096);
    assert_true(capturefile_begin(opened, error, sizeof(error)));
    capturefile_map(opened); /* several files */
    assert_true(capturefile_kept(opened) == UINT64_MAX);
    close(descriptors[0]);
    close(descriptors[1]);
}

int main(void)
{
#define TEST(name)  cmocka_unit_test_teardown(name, close_left_open)
#define FILES(name) cmocka_unit_test_teardown(name, close_members)
    const struct CMUnitTest tests[] = {
        TEST(pcap_is_read_in_all_its_variants),
        TEST(link_types_are_those_of_libpcap),
        TEST(pcapng_is_read_with_every_clock),
        TEST(the_finest_clocks_are_read),
        TEST(clocks_that_cannot_be_are_damage),
        TEST(interfaces_and_sections_may_differ),
        TEST(simple_packets_are_cut_at_the_snap_length),
        TEST(the_snap_length_of_an_interface_is_no_limit),
        TEST(times_that_cannot_be_are_damage),
        TEST(without_any_time_nothing_can_be_metered),
        TEST(any_time_is_taken_where_nothing_is_recorded),
        TEST(the_last_seconds_of_pcap_are_read),
        TEST(truncated_files_are_read_as_far_as_they_go),
        TEST(what_begins_no_capture_is_refused),
        TEST(lengths_that_cannot_be_are_damage),
        TEST(contradictory_blocks_are_damage),
        TEST(what_comes_before_the_damage_is_read),
        TEST(blocks_of_16_mib_are_read),
        TEST(the_largest_packet_of_pcap_is_read),
        TEST(blocks_without_packets_do_not_keep_the_caller),
        TEST(interfaces_have_a_limit),
        TEST(the_link_type_is_one_that_can_be_decoded),
        TEST(gzip_is_expanded),
        TEST(what_compresses_well_is_expanded),
        TEST(damaged_gzip_is_read_as_far_as_it_goes),
        TEST(a_pipe_is_read_like_a_file),
        TEST(nothing_is_waited_for_that_is_not_needed),
        FILES(several_files_are_read_as_one),
        FILES(lent_memory_is_read_into_from_file_to_file),
        FILES(a_damaged_file_ends_the_reading),
        FILES(files_without_packets_say_nothing),
        FILES(a_file_damaged_before_its_first_packet_comes_last),
        FILES(one_of_several_that_cannot_be_read_is_told),
        FILES(a_file_that_changed_since_it_was_looked_at_is_damage),
        FILES(files_that_overlap_are_told),
        FILES(as_many_files_are_read_as_there_may_be),
        TEST(real_captures_are_read_as_libpcap_reads_them),
        TEST(a_mapped_file_may_grow),
        TEST(a_mapped_file_that_is_cut_is_damaged_from_there),
        TEST(a_mapped_file_may_begin_anywhere),
        TEST(what_cannot_be_mapped_is_read),
    };

    return cmocka_run_group_tests_name("read", tests, NULL, NULL) +
           cmocka_run_group_tests_name("mapped", tests, map_what_can_be, NULL);
}
