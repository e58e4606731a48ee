/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/capturefile.h"

#include "collectors/capture/bytestream.h"
#include "collectors/capture/cursor.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/filemap.h"

#include <errno.h>
#include <pcap/dlt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PCAP_MICROSECONDS       0xa1b2c3d4U
#define PCAP_NANOSECONDS        0xa1b23c4dU
#define PCAP_KUZNETZOV          0xa1b2cd34U /* of Linux's libpcap about 2000: longer record headers */
#define PCAP_FILE_HEADER        24
#define PCAP_RECORD_HEADER      16
#define KUZNETZOV_RECORD_HEADER 24
/* libpcap's MAXIMUM_SNAPLEN: no packet is larger, and a length above it comes from damage. */
#define MAX_PACKET      262144U
#define IMPOSSIBLE_TIME "a packet's time is before 1970 or after 2106"

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_ENHANCED_PACKET = 6,
    BLOCK_SECTION = 0x0a0d0d0a /* the same in either byte order */
};
enum { OPTION_END = 0, OPTION_CLOCK_RESOLUTION = 9, OPTION_CLOCK_OFFSET = 14 };
#define ORDER_BIG      0x1a2b3c4dU
#define ORDER_LITTLE   0x4d3c2b1aU
#define BLOCK_EMPTY    12 /* type, length, and length again */
#define MAX_BLOCK      CAPTUREFILE_LARGEST_RECORD
#define MAX_INTERFACES 65536U
#define DEFAULT_PER_S  1000000U
#define MAX_DECIMAL    19 /* 10^19 and 2^63 fit into 64 bits */
#define MAX_BINARY     63
#define BINARY_FLAG    0x80
#define SECOND_NS      1000000000LL
#define NO_LINK_TYPE   (-1)
#define CUT_SHORT      "it was cut short while it was read, or the disk failed"
/* capturefile_read() comes back after so many reads even when it met no packet: its caller has
 * others to listen to. */
#define MAX_FILLS 64
/* What is read at a time to look for the first packet of a file. */
#define LOOK_SIZE (16U << 10)
/* Of a mapped file, what lies so far ahead is asked for: what read(2) would have brought to the
 * caches by copying. Farther than a packet, near enough to be still there (measured: 2 KiB and 4
 * KiB are the same, 1 KiB is slower). */
#define AHEAD     8192
#define LINE_SIZE 64
/* Several processors give the packets of one interface in an order that is not quite theirs. */
#define OVERLAP_NS SECOND_NS

/* An interface of a pcapng section. */
struct interface {
    int link_type;
    uint32_t snap_length;
    uint64_t ticks_per_s;
    int64_t offset_s;
    /* Below PLAIN_TICKS, which are those of usual clocks and years, time takes no division. */
    uint64_t plain_ticks;
    uint64_t tick_ns;
};

/* What a look at the next record found. */
enum step {
    STEP_FRAME,
    STEP_OTHER, /* a record that is no packet */
    STEP_MORE,  /* one that is not all there yet */
    STEP_DAMAGED
};

/* One of the files of a capture. */
struct member {
    int descriptor;
    unsigned number;
    int64_t begin_ns; /* NO_PACKET, or DAMAGED_FIRST */
};
#define NO_PACKET     INT64_MIN
#define DAMAGED_FIRST INT64_MAX

struct capturefile {
    struct bytestream *stream;
    /* What was read and not yet handed over is from `start` to `end`. */
    uint8_t *buffer;
    bool lent; /* the buffer is another's */
    size_t capacity;
    size_t start;
    size_t end;
    size_t room;     /* for each read */
    uint64_t offset; /* in the file, of what is at `buffer` */
    bool little_endian;
    bool is_pcapng;
    bool has_time;
    bool takes_any_time;
    int link_type;
    uint64_t packets; /* given of the file */
    uint64_t untimed; /* of all files, those of no time, or of an impossible one */
    char error[192];

    /* Of a file that is mapped: until its end is reached, `buffer` is all of it. */
    struct filemap *map;
    bool is_mapped;
    bool was_mapped;     /* and still is, or its end was reached */
    uint8_t *own_buffer; /* for what follows that end, */
    size_t own_capacity;
    size_t confirmed_start; /* as they were when it was last there to its end */
    uint64_t confirmed_packets;

    /* Of pcap. */
    uint32_t record_header;
    int64_t fraction_ns;
    enum { LENGTHS_IN_ORDER, LENGTHS_SWAPPED, LENGTHS_IN_ANY_ORDER } lengths;

    /* Of pcapng. */
    uint32_t interface_count;
    struct interface interfaces[MAX_INTERFACES];
    int64_t time_ns; /* of the last packet, which those have that come without one, if it had one */

    /* Of several files, in order once they have begun. */
    unsigned count;
    unsigned place;  /* of the one that is read */
    int64_t last_ns; /* latest time of those that were, */
    unsigned latest; /* in the one at this place */
    struct capturefile_overlap overlap;
    bool undecodable; /* one of them is; this one, with this link type: */
    unsigned undecodable_number;
    int undecodable_link_type;
    struct member members[CAPTUREFILE_MOST];
};

/* -- Bytes ------------------------------------------------------------------------------------ */

/* Numbers are in the order of the machine that wrote the file. */
static uint16_t number16(const struct capturefile *file, struct cursor *cursor)
{
    uint16_t value = cursor_u16(cursor);

    return file->little_endian ? __builtin_bswap16(value) : value;
}

static uint32_t number32(const struct capturefile *file, struct cursor *cursor)
{
    uint32_t value = cursor_u32(cursor);

    return file->little_endian ? __builtin_bswap32(value) : value;
}

/* Two numbers of which the first is the upper half, in either byte order: a packet's time. */
static uint64_t number_in_halves(const struct capturefile *file, struct cursor *cursor)
{
    uint64_t upper = number32(file, cursor);

    return upper << 32 | number32(file, cursor);
}

static struct cursor unread(const struct capturefile *file)
{
    return cursor_over(file->buffer + file->start, file->end - file->start);
}

static void set_unread(struct capturefile *file, const struct cursor *left)
{
    file->start = file->end - cursor_left(left);
}

__attribute__((format(printf, 2, 3))) static enum step damaged(struct capturefile *file,
                                                               const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(file->error, sizeof(file->error), format, arguments);
    va_end(arguments);
    return STEP_DAMAGED;
}

/* Moves what is left to the front, and makes room for a read after it. */
static bool make_room(struct capturefile *file)
{
    size_t left = file->end - file->start;
    size_t capacity = 2 * left + file->room;
    uint8_t *buffer;

    if (file->start > 0)
        memmove(file->buffer, file->buffer + file->start, left);
    file->offset += file->start;
    file->start = 0;
    file->end = left;
    if (left + file->room <= file->capacity)
        return true;
    buffer = file->lent ? NULL : realloc(file->buffer, capacity);
    if (!buffer)
        return false;
    file->buffer = buffer;
    file->capacity = capacity;
    return true;
}

/* The file may have grown since it was mapped: what follows is read. */
static bool leave_map(struct capturefile *file)
{
    size_t left = file->end - file->start;
    off_t size = (off_t)filemap_size(file->map);

    if (left > file->own_capacity) {
        uint8_t *larger = file->lent ? NULL : realloc(file->own_buffer, left);

        if (!larger)
            return false;
        file->own_buffer = larger;
        file->own_capacity = left;
    }
    if (left > 0)
        memcpy(file->own_buffer, file->buffer + file->start, left);
    file->offset += file->start;
    file->start = 0;
    file->end = left;
    file->buffer = file->own_buffer;
    file->capacity = file->own_capacity;
    file->is_mapped = false;
    return lseek(file->members[0].descriptor, size, SEEK_SET) == size;
}

/* As a read would: some more of it. Returns false at its end. */
static bool extend_map(struct capturefile *file)
{
    size_t left = filemap_size(file->map) - file->end;

    file->end += left < file->room ? left : file->room;
    filemap_want(file->map, file->end + AHEAD);
    return left > 0;
}

/* Reads once, to the end of the file. */
static enum capturefile_status fill(struct capturefile *file)
{
    ssize_t count;

    if (file->is_mapped && extend_map(file))
        return CAPTUREFILE_OK;
    if (file->is_mapped && !leave_map(file)) {
        damaged(file, "what follows the first %zu bytes of it cannot be read",
                filemap_size(file->map));
        return CAPTUREFILE_BROKEN;
    }
    if (!make_room(file)) {
        damaged(file, "no memory for more than %zu bytes of it", file->end);
        return CAPTUREFILE_BROKEN;
    }
    count = bytestream_read(file->stream, file->buffer + file->end, file->room);
    if (count > 0) {
        file->end += (size_t)count;
        return CAPTUREFILE_OK;
    }
    if (count == 0 && file->end == 0)
        return CAPTUREFILE_END;
    damaged(file, "%s", count < 0 ? bytestream_error(file->stream) : "the file is cut short");
    return CAPTUREFILE_BROKEN;
}

/* Reads until COUNT bytes are there. */
static enum capturefile_status gather(struct capturefile *file, size_t count)
{
    enum capturefile_status status = CAPTUREFILE_OK;

    while (file->end - file->start < count && status == CAPTUREFILE_OK)
        status = fill(file);
    return status;
}

/* A few link types have another number in files than in libpcap, on Linux (libpcap's
 * pcap-common.c). */
static int link_type_of(uint32_t in_file)
{
    switch (in_file) {
    case 100:
        return DLT_ATM_RFC1483;
    case 101:
        return DLT_RAW;
    case 102:
        return DLT_SLIP_BSDOS;
    case 103:
        return DLT_PPP_BSDOS;
    case 106:
        return DLT_ATM_CLIP;
    default:
        return (int)in_file;
    }
}

/* -- pcap ------------------------------------------------------------------------------------- */

static enum step pcap_record(struct capturefile *file, struct cursor *left,
                             struct captured_frame *frame)
{
    struct cursor cursor = *left;
    struct cursor header = cursor_take(&cursor, PCAP_RECORD_HEADER);
    uint32_t seconds = number32(file, &header);
    uint32_t fraction = number32(file, &header);
    uint32_t captured = number32(file, &header);
    uint32_t length = number32(file, &header);

    cursor_skip(&cursor, file->record_header - PCAP_RECORD_HEADER);
    if (cursor.failed)
        return STEP_MORE;
    if (file->lengths == LENGTHS_SWAPPED ||
        (file->lengths == LENGTHS_IN_ANY_ORDER && captured > length)) {
        uint32_t swap = captured;

        captured = length;
        length = swap;
    }
    if (captured > MAX_PACKET)
        return damaged(file, "a packet claims %u bytes", captured);
    frame->time_ns = seconds * SECOND_NS + fraction * file->fraction_ns;
    if (frame->time_ns / SECOND_NS > UINT32_MAX && !file->takes_any_time)
        return damaged(file, IMPOSSIBLE_TIME);
    frame->bytes = cursor_bytes(&cursor, captured);
    if (!frame->bytes)
        return STEP_MORE;
    *left = cursor;
    /* Also what is beyond the snap length of the file, which some systems exceed. */
    frame->captured = captured;
    frame->length = length > captured ? length : captured;
    frame->link_type = file->link_type;
    frame->overheard = false;
    return STEP_FRAME;
}

/* Captured length and length were in the other order before version 2.3; of that version there are
 * files of both kinds; DG/UX wrote 543.0, in the other order (libpcap's sf-pcap.c). */
static bool set_version(struct capturefile *file, uint16_t major, uint16_t minor)
{
    if (major == 2 && minor <= 4)
        file->lengths = minor == 4   ? LENGTHS_IN_ORDER
                        : minor == 3 ? LENGTHS_IN_ANY_ORDER
                                     : LENGTHS_SWAPPED;
    else if (major == 543 && minor == 0)
        file->lengths = LENGTHS_SWAPPED;
    else
        return false;
    return true;
}

static enum step begin_pcap(struct capturefile *file, uint32_t magic)
{
    struct cursor cursor = unread(file);
    uint16_t major;
    uint16_t minor;

    cursor_skip(&cursor, 4);
    major = number16(file, &cursor);
    minor = number16(file, &cursor);
    /* Time zone and accuracy, which nobody ever filled in; the snap length, which not all keep to.
     */
    cursor_skip(&cursor, 12);
    /* The upper bits tell of the frame check sequence. */
    file->link_type = link_type_of(number32(file, &cursor) & 0x03ffffff);
    if (!set_version(file, major, minor))
        return damaged(file, "pcap version %u.%u is not known", major, minor);
    file->record_header = magic == PCAP_KUZNETZOV ? KUZNETZOV_RECORD_HEADER : PCAP_RECORD_HEADER;
    file->fraction_ns = magic == PCAP_NANOSECONDS ? 1 : 1000;
    file->start += PCAP_FILE_HEADER;
    return STEP_OTHER;
}

/* -- pcapng ----------------------------------------------------------------------------------- */

/* Returns false for what the older format could not hold, nor a clock show: the file is damaged, or
 * its clock was. */
static bool set_time(const struct interface *interface, uint64_t ticks, int64_t *time_ns)
{
    __int128 seconds;
    unsigned __int128 fraction;

    if (ticks < interface->plain_ticks) {
        *time_ns = (int64_t)(ticks * interface->tick_ns);
        return true;
    }
    seconds = (__int128)(ticks / interface->ticks_per_s) + interface->offset_s;
    fraction = ticks % interface->ticks_per_s;
    if (seconds < 0 || seconds > UINT32_MAX)
        return false;
    *time_ns =
        (int64_t)seconds * SECOND_NS + (int64_t)(fraction * SECOND_NS / interface->ticks_per_s);
    return true;
}

static void prepare_clock(struct interface *interface)
{
    if (interface->offset_s != 0 || SECOND_NS % interface->ticks_per_s != 0)
        return;
    interface->tick_ns = (uint64_t)SECOND_NS / interface->ticks_per_s;
    interface->plain_ticks = interface->ticks_per_s * UINT32_MAX;
}

static bool set_resolution(struct interface *interface, uint8_t resolution)
{
    uint8_t exponent = resolution & (BINARY_FLAG - 1);

    if (exponent > (resolution & BINARY_FLAG ? MAX_BINARY : MAX_DECIMAL))
        return false;
    interface->ticks_per_s = 1;
    for (unsigned i = 0; i < exponent; i++)
        interface->ticks_per_s *= resolution & BINARY_FLAG ? 2 : 10;
    return true;
}

static bool take_option(const struct capturefile *file, struct interface *interface, uint16_t code,
                        struct cursor value)
{
    uint64_t first;
    uint64_t second;

    if (code == OPTION_CLOCK_RESOLUTION)
        return cursor_left(&value) == 1 && set_resolution(interface, cursor_u8(&value));
    if (code != OPTION_CLOCK_OFFSET)
        return true;
    first = number32(file, &value);
    second = number32(file, &value);
    interface->offset_s =
        (int64_t)(file->little_endian ? second << 32 | first : first << 32 | second);
    return !value.failed && cursor_left(&value) == 0;
}

static bool take_options(const struct capturefile *file, struct interface *interface,
                         struct cursor *options)
{
    while (cursor_left(options) > 0) {
        uint16_t code = number16(file, options);
        uint16_t length = number16(file, options);
        struct cursor value = cursor_take(options, length);

        cursor_skip(options, -(unsigned)length % 4); /* padding */
        if (options->failed)
            return false;
        if (code == OPTION_END)
            return true;
        if (!take_option(file, interface, code, value))
            return false;
    }
    return true;
}

static enum step interface_block(struct capturefile *file, struct cursor *body)
{
    struct interface interface = {.ticks_per_s = DEFAULT_PER_S};

    interface.link_type = link_type_of(number16(file, body));
    cursor_skip(body, 2);
    interface.snap_length = number32(file, body);
    if (body->failed || !take_options(file, &interface, body))
        return damaged(file, "the description of an interface cannot be understood");
    prepare_clock(&interface);
    if (file->interface_count == MAX_INTERFACES)
        return damaged(file, "no room for more than %u interfaces", MAX_INTERFACES);
    file->interfaces[file->interface_count++] = interface;
    if (file->link_type == NO_LINK_TYPE ||
        (!decode_supports(file->link_type) && decode_supports(interface.link_type)))
        file->link_type = interface.link_type;
    return STEP_OTHER;
}

static enum step section_block(struct capturefile *file, struct cursor *body)
{
    uint16_t major;

    cursor_skip(body, 4);
    major = number16(file, body);
    cursor_skip(body, 2 + 8); /* minor version; length of the section, which may be unknown */
    if (body->failed)
        return damaged(file, "a section header is too short");
    if (major != 1)
        return damaged(file, "pcapng version %u is not known", major);
    file->interface_count = 0;
    return STEP_OTHER;
}

static enum step packet_block(struct capturefile *file, uint32_t type, struct cursor *body,
                              struct captured_frame *frame)
{
    const struct interface *interface;
    uint32_t number = 0; /* all simple packets are of the first interface */
    uint64_t ticks = 0;
    uint32_t captured = 0;

    if (type == BLOCK_ENHANCED_PACKET) {
        number = number32(file, body);
    } else if (type == BLOCK_PACKET) {
        number = number16(file, body);
        cursor_skip(body, 2); /* how many were dropped */
    }
    if (type != BLOCK_SIMPLE_PACKET) {
        ticks = number_in_halves(file, body);
        captured = number32(file, body);
    }
    frame->length = number32(file, body);
    if (body->failed)
        return damaged(file, "a packet's header is too short");
    if (number >= file->interface_count)
        return damaged(file, "a packet is of interface %u, which is not described", number);
    interface = &file->interfaces[number];
    if (type == BLOCK_SIMPLE_PACKET)
        captured = interface->snap_length > 0 && interface->snap_length < frame->length
                       ? interface->snap_length
                       : frame->length;
    frame->bytes = cursor_bytes(body, captured);
    if (!frame->bytes)
        return damaged(file, "a packet claims %u bytes, more than its block holds", captured);
    frame->captured = captured;
    if (frame->length < captured)
        frame->length = captured;
    if (type != BLOCK_SIMPLE_PACKET)
        file->has_time = set_time(interface, ticks, &file->time_ns);
    if (!file->has_time && !file->takes_any_time)
        return damaged(file, type == BLOCK_SIMPLE_PACKET
                                 ? "a packet has no time, and none is before it"
                                 : IMPOSSIBLE_TIME);
    file->untimed += !file->has_time;
    frame->time_ns = file->time_ns;
    frame->link_type = interface->link_type;
    frame->overheard = false;
    return STEP_FRAME;
}

static bool is_packet(uint32_t type)
{
    return type == BLOCK_ENHANCED_PACKET || type == BLOCK_SIMPLE_PACKET || type == BLOCK_PACKET;
}

static enum step block_body(struct capturefile *file, uint32_t type, struct cursor *body,
                            struct captured_frame *frame)
{
    if (is_packet(type))
        return packet_block(file, type, body, frame);
    if (type == BLOCK_INTERFACE)
        return interface_block(file, body);
    if (type == BLOCK_SECTION)
        return section_block(file, body);
    return STEP_OTHER;
}

/* A section begins with its byte order, in which also the length is that stands before it. */
static enum step set_byte_order(struct capturefile *file, struct cursor cursor)
{
    uint32_t order;

    cursor_skip(&cursor, 8);
    order = cursor_u32(&cursor);
    if (cursor.failed)
        return STEP_MORE;
    if (order != ORDER_BIG && order != ORDER_LITTLE)
        return damaged(file, "a section has no byte order");
    file->little_endian = order == ORDER_LITTLE;
    return STEP_OTHER;
}

static enum step pcapng_block(struct capturefile *file, struct cursor *left,
                              struct captured_frame *frame)
{
    struct cursor cursor = *left;
    uint32_t type = number32(file, &cursor);
    enum step step = type == BLOCK_SECTION ? set_byte_order(file, *left) : STEP_OTHER;
    uint32_t length = number32(file, &cursor);
    uint32_t length_again;
    struct cursor body;

    if (step != STEP_OTHER)
        return step;
    if (cursor.failed)
        return STEP_MORE;
    if (length < BLOCK_EMPTY || length > MAX_BLOCK || length % 4 != 0)
        return damaged(file, "a block claims %u bytes", length);
    body = cursor_take(&cursor, length - BLOCK_EMPTY);
    length_again = number32(file, &cursor);
    if (cursor.failed)
        return STEP_MORE;
    if (length_again != length)
        return damaged(file, "a block has two different lengths");
    step = block_body(file, type, &body, frame);
    if (step != STEP_DAMAGED)
        *left = cursor;
    return step;
}

/* -- Either ----------------------------------------------------------------------------------- */

/* Which format it is, and in which order the file's numbers are. */
static enum step begin(struct capturefile *file)
{
    struct cursor cursor = unread(file);
    uint32_t magic = cursor_u32(&cursor);

    file->is_pcapng = magic == BLOCK_SECTION;
    if (file->is_pcapng)
        return set_byte_order(file, unread(file));
    for (int i = 0; i < 2; i++) {
        if (magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS || magic == PCAP_KUZNETZOV)
            return begin_pcap(file, magic);
        magic = __builtin_bswap32(magic);
        file->little_endian = true;
    }
    return damaged(file, "it is neither pcap nor pcapng");
}

struct capturefile *capturefile_new(const int *descriptors, unsigned count, size_t read_size)
{
    struct capturefile *file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (file == MAP_FAILED)
        return NULL;
    file->stream = bytestream_new(descriptors[0], read_size);
    if (!file->stream) {
        capturefile_close(file);
        return NULL;
    }
    file->room = read_size > PCAP_FILE_HEADER ? read_size : PCAP_FILE_HEADER;
    file->link_type = NO_LINK_TYPE;
    file->count = count;
    for (unsigned i = 0; i < count; i++)
        file->members[i] = (struct member){descriptors[i], i, NO_PACKET};
    return file;
}

/* Before the first packet is read. */
static bool begin_one(struct capturefile *file, char *error, size_t error_size)
{
    /* A section header is no shorter. */
    enum capturefile_status status = gather(file, PCAP_FILE_HEADER);

    if (status == CAPTUREFILE_OK && begin(file) == STEP_OTHER)
        return true;
    if (status == CAPTUREFILE_END)
        snprintf(error, error_size, "the file is empty");
    else
        snprintf(error, error_size, "not a capture that can be read: %s", file->error);
    return false;
}

static int find_link_type(struct capturefile *file)
{
    enum step step = STEP_OTHER;

    while (file->is_pcapng && !decode_supports(file->link_type) && step == STEP_OTHER) {
        struct cursor left = unread(file);
        struct cursor ahead = left;
        struct captured_frame none;

        if (is_packet(number32(file, &ahead)))
            break;
        step = pcapng_block(file, &left, &none);
        set_unread(file, &left);
        /* Damage and end are met again by capturefile_read(). */
        if (step == STEP_MORE && fill(file) == CAPTUREFILE_OK)
            step = STEP_OTHER;
    }
    return file->link_type;
}

/* -- Several files ---------------------------------------------------------------------------- */

/* Forgets the file that was read, and goes to the beginning of the one at PLACE. */
static bool enter(struct capturefile *file, unsigned place)
{
    const struct member *member = &file->members[place];

    file->place = place;
    file->start = file->end = 0;
    file->offset = file->packets = 0;
    file->little_endian = file->is_pcapng = file->has_time = false;
    file->link_type = NO_LINK_TYPE;
    file->interface_count = 0;
    bytestream_restart(file->stream, member->descriptor);
    if (lseek(member->descriptor, 0, SEEK_SET) == 0)
        return true;
    damaged(file, "%s", errno == ESPIPE ? "a pipe can only be read alone" : strerror(errno));
    return false;
}

static int64_t find_first_time(struct capturefile *file)
{
    enum capturefile_status status = CAPTUREFILE_OK;
    struct captured_frame frame;
    size_t count = 0;

    while (status == CAPTUREFILE_OK) {
        status = capturefile_take(file, &frame, 1, &count);
        if (count > 0)
            return frame.time_ns;
        if (status == CAPTUREFILE_OK)
            status = fill(file);
    }
    return status == CAPTUREFILE_END ? NO_PACKET : DAMAGED_FIRST;
}

static bool look_at(struct capturefile *file, unsigned place, char *error, size_t error_size)
{
    int link_type;

    if (!enter(file, place)) {
        snprintf(error, error_size, "%s", file->error);
        return false;
    }
    if (!begin_one(file, error, error_size))
        return false;
    link_type = find_link_type(file);
    if (link_type != NO_LINK_TYPE && !decode_supports(link_type) && !file->undecodable) {
        file->undecodable = true;
        file->undecodable_number = place;
        file->undecodable_link_type = link_type;
    }
    file->members[place].begin_ns = find_first_time(file);
    return true;
}

/* Those that begin at the same time stay as they were. Their number is small, and they are in order
 * already, or nearly. */
static void sort_members(struct capturefile *file)
{
    for (unsigned i = 1; i < file->count; i++) {
        struct member member = file->members[i];
        unsigned place = i;

        for (; place > 0 && file->members[place - 1].begin_ns > member.begin_ns; place--)
            file->members[place] = file->members[place - 1];
        file->members[place] = member;
    }
}

static bool look_at_all(struct capturefile *file, char *error, size_t error_size)
{
    size_t room = file->room;
    bool readable = true;

    if (file->room > LOOK_SIZE)
        file->room = LOOK_SIZE;
    for (unsigned i = 0; i < file->count && readable; i++)
        readable = look_at(file, i, error, error_size);
    file->room = room;
    if (!readable) {
        file->undecodable = false;
        return false;
    }
    sort_members(file);
    file->last_ns = NO_PACKET;
    if (enter(file, 0))
        return true;
    snprintf(error, error_size, "%s", file->error);
    return false;
}

static void note_overlap(struct capturefile *file)
{
    const struct member *member = &file->members[file->place];
    int64_t begin_ns = member->begin_ns;

    if (begin_ns == NO_PACKET || begin_ns == DAMAGED_FIRST || file->last_ns == NO_PACKET ||
        file->last_ns - begin_ns <= OVERLAP_NS || file->overlap.count++ > 0)
        return;
    file->overlap.before = file->members[file->latest].number;
    file->overlap.after = member->number;
    file->overlap.overlap_ns = file->last_ns - begin_ns;
}

/* What was looked at may have changed since. */
static enum capturefile_status begin_next(struct capturefile *file)
{
    char reason[sizeof(file->error)];
    bool begun = enter(file, file->place + 1);

    note_overlap(file);
    if (!begun)
        return CAPTUREFILE_BROKEN;
    if (begin_one(file, reason, sizeof(reason)))
        return CAPTUREFILE_OK;
    damaged(file, "%s", reason);
    return CAPTUREFILE_BROKEN;
}

enum capturefile_status capturefile_fill(struct capturefile *file)
{
    enum capturefile_status status = fill(file);

    while (status == CAPTUREFILE_END && capturefile_left(file) > 0)
        status = begin_next(file);
    return status;
}

unsigned capturefile_number(const struct capturefile *file)
{
    return file->undecodable ? file->undecodable_number : file->members[file->place].number;
}

uint64_t capturefile_packets(const struct capturefile *file)
{
    return file->packets;
}

unsigned capturefile_left(const struct capturefile *file)
{
    return file->count - file->place - 1;
}

struct capturefile_overlap capturefile_overlap(const struct capturefile *file)
{
    return file->overlap;
}

/* -- Life ------------------------------------------------------------------------------------- */

/* From reading to the map, at the same place; unless what was read is not what the file holds. */
static void go_to_map(struct capturefile *file)
{
    off_t position = file->map ? lseek(file->members[0].descriptor, 0, SEEK_CUR) : -1;
    size_t left = file->end - file->start;

    if (position < (off_t)left || !bytestream_is_plain(file->stream) ||
        filemap_size(file->map) < (size_t)position)
        return;
    file->own_buffer = file->buffer;
    file->own_capacity = file->capacity;
    file->buffer = filemap_bytes(file->map);
    file->offset += file->start - ((size_t)position - left);
    file->start = (size_t)position - left;
    file->end = (size_t)position;
    file->confirmed_start = file->start;
    file->confirmed_packets = file->packets;
    file->is_mapped = file->was_mapped = true;
}

bool capturefile_begin(struct capturefile *file, char *error, size_t error_size)
{
    if ((file->count > 1 && !look_at_all(file, error, error_size)) ||
        !begin_one(file, error, error_size))
        return false;
    go_to_map(file);
    return true;
}

struct capturefile *capturefile_open(int descriptor, size_t read_size, char *error,
                                     size_t error_size)
{
    struct capturefile *file = capturefile_new(&descriptor, 1, read_size);

    if (!file)
        snprintf(error, error_size, "out of memory");
    if (file && capturefile_begin(file, error, error_size))
        return file;
    capturefile_close(file);
    return NULL;
}

void capturefile_close(struct capturefile *file)
{
    if (!file)
        return;
    bytestream_free(file->stream);
    if (!file->lent)
        free(file->is_mapped ? file->own_buffer : file->buffer);
    filemap_free(file->map);
    munmap(file, sizeof(*file));
}

int capturefile_link_type(struct capturefile *file)
{
    return file->undecodable ? file->undecodable_link_type : find_link_type(file);
}

void capturefile_take_any_time(struct capturefile *file)
{
    file->takes_any_time = true;
}

uint64_t capturefile_untimed(const struct capturefile *file)
{
    return file->untimed;
}

void capturefile_map(struct capturefile *file)
{
    if (file->map || file->count > 1)
        return;
    file->map = filemap_new(file->members[0].descriptor);
    go_to_map(file);
}

bool capturefile_confirm(struct capturefile *file)
{
    if (!file->is_mapped)
        return true;
    if (!filemap_is_lost(file->map)) {
        file->confirmed_start = file->start;
        file->confirmed_packets = file->packets;
        return true;
    }
    file->start = file->confirmed_start;
    file->packets = file->confirmed_packets;
    damaged(file, CUT_SHORT);
    return false;
}

bool capturefile_stayed(struct capturefile *file)
{
    if (!file->was_mapped || !filemap_is_lost(file->map))
        return true;
    damaged(file, CUT_SHORT);
    return false;
}

uint64_t capturefile_kept(const struct capturefile *file)
{
    return file->is_mapped ? file->start : UINT64_MAX;
}

void capturefile_release(struct capturefile *file, uint64_t before)
{
    if (file->map)
        filemap_release(file->map, before < SIZE_MAX ? (size_t)before : SIZE_MAX);
}

/* Nothing is copied as long as the file is mapped. */
static size_t lend_for_later(struct capturefile *file, uint8_t *buffer, size_t size)
{
    if (!file->lent)
        free(file->own_buffer);
    file->own_buffer = buffer;
    file->own_capacity = size;
    file->lent = true;
    return 0;
}

size_t capturefile_lend(struct capturefile *file, uint8_t *buffer, size_t size)
{
    size_t left = file->end - file->start;

    if (file->is_mapped)
        return lend_for_later(file, buffer, size);
    if (left > 0)
        memcpy(buffer, file->buffer + file->start, left);
    if (!file->lent)
        free(file->buffer);
    file->offset += file->start;
    file->start = 0;
    file->end = left;
    file->buffer = buffer;
    file->capacity = size;
    file->lent = true;
    return left;
}

/* Of a mapped file: what lies AHEAD of the record that was just looked at, which began with BEFORE
 * and ended with AFTER bytes left. */
static void prefetch(const struct capturefile *file, size_t before, size_t after)
{
    const uint8_t *from = file->buffer + file->end + AHEAD;

    for (size_t left = before; left > after;
         left -= left - after < LINE_SIZE ? left - after : LINE_SIZE)
        __builtin_prefetch(from - left);
}

enum capturefile_status capturefile_take(struct capturefile *file, struct captured_frame *frames,
                                         size_t limit, size_t *count)
{
    struct cursor left = unread(file);
    enum step step = STEP_OTHER;
    size_t taken = 0;

    while (taken < limit && step <= STEP_OTHER) {
        size_t before = cursor_left(&left);

        step = file->is_pcapng ? pcapng_block(file, &left, &frames[taken])
                               : pcap_record(file, &left, &frames[taken]);
        taken += step == STEP_FRAME;
        if (file->is_mapped)
            prefetch(file, before, cursor_left(&left));
    }
    set_unread(file, &left);
    file->packets += taken;
    if (taken > 0 && frames[taken - 1].time_ns > file->last_ns) {
        file->last_ns = frames[taken - 1].time_ns;
        file->latest = file->place;
    }
    *count = taken;
    return taken == 0 && step == STEP_DAMAGED ? CAPTUREFILE_BROKEN : CAPTUREFILE_OK;
}

enum capturefile_status capturefile_read(struct capturefile *file, struct captured_frame *frames,
                                         size_t limit, size_t *count)
{
    enum capturefile_status status = CAPTUREFILE_OK;

    capturefile_release(file, file->start);
    for (int fills = 0; status == CAPTUREFILE_OK && fills < MAX_FILLS; fills++) {
        status = capturefile_take(file, frames, limit, count);
        if (!capturefile_confirm(file)) {
            *count = 0;
            status = CAPTUREFILE_BROKEN;
        }
        if (*count > 0 || status == CAPTUREFILE_BROKEN)
            break;
        status = capturefile_fill(file);
    }
    return status;
}

const char *capturefile_error(const struct capturefile *file)
{
    return file->error;
}

uint64_t capturefile_offset(const struct capturefile *file)
{
    return file->offset + file->start;
}
