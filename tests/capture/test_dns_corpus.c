/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Reads the captures of ../shared/data/corpus and compares what dns_parse() finds with what tshark
 * found in each frame (dns.tsv). tshark lists all addresses of a message, we those that the name
 * asked for leads to; so a message is also read by a plain reader here, which knows every record's
 * owner, and each difference must be explained by it. */

#include "collectors/capture/dns.h"

#include "collectors/capture/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CORPUS IAGMETER_SOURCE_ROOT "/../shared/data/corpus/"

/* -- Sets of addresses ------------------------------------------------------------------------- */

struct set {
    struct address addresses[256];
    size_t count;
};

static bool contains(const struct set *set, const struct address *address)
{
    for (size_t i = 0; i < set->count; i++)
        if (memcmp(&set->addresses[i], address, sizeof(*address)) == 0)
            return true;
    return false;
}

static void put(struct set *set, const struct address *address)
{
    if (contains(set, address))
        return;
    assert_true(set->count < 256);
    set->addresses[set->count++] = *address;
}

static bool includes(const struct set *set, const struct set *part)
{
    for (size_t i = 0; i < part->count; i++)
        if (!contains(set, &part->addresses[i]))
            return false;
    return true;
}

/* -- What tshark found ------------------------------------------------------------------------- */

enum verdict {
    NOT_REACHED, /* in a tunnel, over several frames, in a fragment */
    OTHER_PORT,  /* mDNS and its like */
    NO_ANSWER,   /* opcode, error, number of questions */
    SAME,
    NOT_ASKED_FOR, /* tshark has more: addresses of names that the question does not lead to */
    DIFFERENT,
    VERDICT_COUNT
};

static const char *const verdict_names[VERDICT_COUNT] = {"not in one plain frame",
                                                         "not port 53",
                                                         "no answer to one question",
                                                         "same addresses",
                                                         "fewer: others are of names not asked for",
                                                         "DIFFERENT"};

struct row {
    char file[160];
    unsigned frame;
    char name[256];
    struct set found;
    enum verdict verdict;
};

static struct row rows[512];
static size_t row_count;

static void read_set(char *list, int family, struct set *set)
{
    for (char *rest = list, *word; (word = strsep(&rest, "|"));) {
        struct address address = {.family = family == AF_INET ? 4 : 6};

        if (inet_pton(family, word, address.bytes) == 1)
            put(set, &address);
    }
}

static void read_row(char *line)
{
    struct row *row = &rows[row_count++];
    char *fields[10];
    char *rest = line;

    assert_true(row_count < 512);
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 10; i++) {
        fields[i] = strsep(&rest, "\t");
        assert_non_null(fields[i]);
    }
    snprintf(row->file, sizeof(row->file), "%s", fields[0]);
    snprintf(row->name, sizeof(row->name), "%s", fields[7]);
    row->frame = (unsigned)strtoul(fields[1], NULL, 10);
    if (strcmp(fields[3], "53") != 0 && strcmp(fields[5], "53") != 0)
        row->verdict = OTHER_PORT;
    read_set(fields[8], AF_INET, &row->found);
    read_set(fields[9], AF_INET6, &row->found);
}

static bool read_rows(void)
{
    FILE *file = fopen(CORPUS "dns.tsv", "r");
    char line[8192];

    if (!file)
        return false;
    assert_non_null(fgets(line, sizeof(line), file)); /* the heading */
    while (fgets(line, sizeof(line), file))
        read_row(line);
    fclose(file);
    return true;
}

/* -- From a frame to a message ----------------------------------------------------------------- */

static void peel_ethertype(struct cursor *cursor)
{
    uint16_t type = cursor_u16(cursor);

    while (type == 0x8100 || type == 0x88a8) {
        cursor_skip(cursor, 2);
        type = cursor_u16(cursor);
    }
    if (type != 0x0800 && type != 0x86dd)
        cursor->failed = true;
}

static void peel_link(int link_type, struct cursor *cursor)
{
    switch (link_type) {
    case DLT_EN10MB:
        cursor_skip(cursor, 12);
        peel_ethertype(cursor);
        break;
    case DLT_LINUX_SLL:
        cursor_skip(cursor, 14);
        peel_ethertype(cursor);
        break;
    case DLT_NULL:
        cursor_skip(cursor, 4);
        break;
    case DLT_RAW:
        break;
    default:
        cursor->failed = true;
    }
}

/* Leaves the transport header and what follows; returns the protocol. */
static uint8_t peel_ip(struct cursor *cursor)
{
    uint8_t first = cursor_u8(cursor);
    uint8_t protocol;
    uint16_t length;

    if (first >> 4 == 6) {
        cursor_skip(cursor, 3);
        length = cursor_u16(cursor);
        protocol = cursor_u8(cursor);
        cursor_skip(cursor, 33);
    } else {
        cursor_skip(cursor, 1);
        length = cursor_u16(cursor);
        cursor_skip(cursor, 2);
        if (cursor_u16(cursor) & 0x3fff) /* a fragment */
            cursor->failed = true;
        cursor_skip(cursor, 1);
        protocol = cursor_u8(cursor);
        cursor_skip(cursor, 10 + (size_t)(first & 15) * 4 - 20);
        length = (uint16_t)(length - (first & 15) * 4);
    }
    if (!cursor->failed && length < cursor_left(cursor))
        cursor->end = cursor->at + length;
    return protocol;
}

/* Leaves the payload; false when it is neither UDP nor TCP on port 53. */
static bool peel_transport(struct cursor *cursor, uint8_t protocol)
{
    uint16_t source = cursor_u16(cursor);
    uint16_t destination = cursor_u16(cursor);

    if (protocol == 17) {
        cursor_skip(cursor, 4);
    } else if (protocol == 6) {
        cursor_skip(cursor, 8);
        cursor_skip(cursor, (size_t)(cursor_u8(cursor) >> 4) * 4 - 13);
    } else {
        return false;
    }
    return !cursor->failed && (source == 53 || destination == 53);
}

/* -- A plain reader ---------------------------------------------------------------------------- */

/* Returns where the name ends in the message, 0 when it is malformed. */
static size_t plain_name(const uint8_t *bytes, size_t length, size_t at, char *text)
{
    size_t end = 0;
    size_t used = 0;

    for (int steps = 0; steps < 300 && at < length; steps++) {
        if (bytes[at] == 0) {
            text[used ? used - 1 : 0] = '\0';
            return end ? end : at + 1;
        }
        if (bytes[at] >= 0xc0 && at + 1 < length) {
            end = end ? end : at + 2;
            at = (size_t)(bytes[at] & 0x3f) << 8 | bytes[at + 1];
        } else {
            if (at + 1 + bytes[at] > length || used + bytes[at] + 1 > 1000)
                return 0;
            memcpy(text + used, bytes + at + 1, bytes[at]);
            used += bytes[at] + (size_t)1;
            text[used - 1] = '.';
            at += bytes[at] + (size_t)1;
        }
    }
    return 0;
}

struct plain {
    struct set all;       /* addresses in the message */
    struct set asked_for; /* addresses of the names below */
    char names[16][1024]; /* that was asked for, and its aliases */
    size_t name_count;
};

static bool plain_knows(const struct plain *plain, const char *name)
{
    for (size_t i = 0; i < plain->name_count; i++)
        if (strcasecmp(plain->names[i], name) == 0)
            return true;
    return false;
}

static void plain_record(struct plain *plain, const uint8_t *bytes, size_t length,
                         const char *owner, size_t at)
{
    unsigned type = (unsigned)(bytes[at] << 8 | bytes[at + 1]);
    size_t size = (size_t)(bytes[at + 8] << 8 | bytes[at + 9]);
    struct address address = {.family = type == 1 ? 4 : 6};
    char target[1024];

    if ((type == 1 && size == 4) || (type == 28 && size == 16)) {
        memcpy(address.bytes, bytes + at + 10, size);
        put(&plain->all, &address);
        if (plain_knows(plain, owner))
            put(&plain->asked_for, &address);
    }
    if (type == 5 && plain_knows(plain, owner) && plain_name(bytes, length, at + 10, target) &&
        !plain_knows(plain, target)) {
        assert_true(plain->name_count < 16);
        memcpy(plain->names[plain->name_count++], target, sizeof(target));
    }
}

/* Goes through the records from AT once. */
static void plain_pass(struct plain *plain, const uint8_t *bytes, size_t length, size_t at)
{
    char owner[1024];

    while ((at = plain_name(bytes, length, at, owner)) && at + 10 <= length) {
        size_t size = (size_t)(bytes[at + 8] << 8 | bytes[at + 9]);

        if (at + 10 + size > length)
            return;
        plain_record(plain, bytes, length, owner, at);
        at += 10 + size;
    }
}

static void plain_read(struct plain *plain, const uint8_t *bytes, size_t length)
{
    size_t known = 0;
    size_t at = plain_name(bytes, length, 12, plain->names[0]);

    plain->name_count = 1;
    if (!at)
        return;
    while (known < plain->name_count) { /* until no alias is new */
        known = plain->name_count;
        plain_pass(plain, bytes, length, at + 4);
    }
}

/* -- The comparison ---------------------------------------------------------------------------- */

static struct plain plain;
static struct set ours;

static enum verdict compare(const struct row *row, enum dns_result result)
{
    if (result != DNS_ANSWER)
        return NO_ANSWER;
    if (!includes(&row->found, &ours) || !includes(&row->found, &plain.all))
        return DIFFERENT;
    if (includes(&ours, &row->found))
        return SAME;
    return includes(&ours, &plain.asked_for) && includes(&plain.all, &row->found) ? NOT_ASKED_FOR
                                                                                  : DIFFERENT;
}

static enum dns_result read_message(const uint8_t *bytes, size_t length, bool in_row)
{
    struct dns_answer answer;
    enum dns_result result = dns_parse(bytes, length, &answer);

    if (result != DNS_ANSWER)
        return result;
    /* tshark gives hints of HTTPS records in another field, which dns.tsv has not got. */
    assert_true(in_row || answer.address_count == 0 || answer.type == 65);
    for (size_t i = 0; i < answer.address_count; i++)
        put(&ours, &answer.addresses[i]);
    memset(&plain, 0, sizeof(plain));
    plain_read(&plain, bytes, length);
    return result;
}

static struct row *find_row(const char *file, unsigned frame)
{
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].frame == frame && strcmp(rows[i].file, file) == 0)
            return &rows[i];
    return NULL;
}

static void read_frame(const char *file, unsigned number, int link_type, struct cursor cursor)
{
    struct row *row = find_row(file, number);
    enum dns_result result = DNS_OTHER;
    uint8_t protocol;

    peel_link(link_type, &cursor);
    protocol = peel_ip(&cursor);
    if (!peel_transport(&cursor, protocol) || cursor_left(&cursor) == 0)
        return;
    ours.count = 0;
    if (protocol == 17) {
        result = read_message(cursor.at, cursor_left(&cursor), row);
    } else {
        size_t size = dns_stream_next(cursor.at, cursor_left(&cursor));

        if (size == 0 || size > cursor_left(&cursor))
            return;
        result = read_message(cursor.at + DNS_STREAM_HEADER, size - DNS_STREAM_HEADER, row);
    }
    if (row)
        row->verdict = compare(row, result);
}

static void read_capture(const char *file)
{
    char error[PCAP_ERRBUF_SIZE];
    char path[512];
    struct pcap_pkthdr *header;
    const u_char *bytes;
    unsigned number = 0;
    pcap_t *pcap;

    snprintf(path, sizeof(path), CORPUS "%s", file);
    pcap = pcap_open_offline(path, error);
    if (!pcap) {
        print_message("%s: %s\n", file, error);
        return;
    }
    while (pcap_next_ex(pcap, &header, &bytes) == 1)
        read_frame(file, ++number, pcap_datalink(pcap), cursor_over(bytes, header->caplen));
    pcap_close(pcap);
}

static void addresses_are_those_that_tshark_finds(void **state)
{
    unsigned counts[VERDICT_COUNT] = {0};

    (void)state;
    if (!read_rows()) {
        print_message("SKIPPED: no ../shared/data/corpus/dns.tsv here\n");
        skip();
    }
    for (size_t i = 0; i < row_count; i++)
        if (i == 0 || strcmp(rows[i].file, rows[i - 1].file) != 0)
            read_capture(rows[i].file);
    for (size_t i = 0; i < row_count; i++) {
        counts[rows[i].verdict]++;
        if (rows[i].verdict == NOT_REACHED || rows[i].verdict == NO_ANSWER ||
            rows[i].verdict == DIFFERENT)
            print_message("%s, frame %u, %s: %s\n", rows[i].file, rows[i].frame, rows[i].name,
                          verdict_names[rows[i].verdict]);
    }
    for (int i = 0; i < VERDICT_COUNT; i++)
        print_message("%3u of %zu rows: %s\n", counts[i], row_count, verdict_names[i]);
    assert_int_equal(counts[DIFFERENT], 0);
    assert_true(counts[SAME] + counts[NOT_ASKED_FOR] > row_count / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_those_that_tshark_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
