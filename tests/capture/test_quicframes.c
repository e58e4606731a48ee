/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/quicframes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/clienthello.h"
#include "tests/capture/quicpackets.h"

static struct bytes frames;
static struct bytes log_of_pieces; /* as "OFFSET:BYTES;" */

static void record(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    char text[32];

    assert_ptr_equal(context, &frames);
    snprintf(text, sizeof(text), "%u:", offset);
    put_bytes(&log_of_pieces, text, strlen(text));
    put_bytes(&log_of_pieces, bytes, length);
    put_u8(&log_of_pieces, ';');
}

static enum quicframes_result read_first(size_t length, bool cut)
{
    uint8_t *copy = exact_copy(frames.at, length);
    enum quicframes_result result;

    log_of_pieces.length = 0;
    result = quicframes_read(copy, length, cut, record, &frames);
    put_u8(&log_of_pieces, 0);
    free(copy);
    return result;
}

static enum quicframes_result read_all(bool cut)
{
    return read_first(frames.length, cut);
}

static const char *pieces(void)
{
    return (const char *)log_of_pieces.at;
}

static void put_text(size_t offset, const char *text)
{
    put_crypto(&frames, offset, (const uint8_t *)text, strlen(text));
}

static void put_ack(bool ecn, unsigned ranges)
{
    put_u8(&frames, ecn ? 3 : 2);
    put_varint(&frames, 70000, 0);
    put_varint(&frames, 100, 0);
    put_varint(&frames, ranges, 0);
    put_varint(&frames, 5, 0);
    for (unsigned i = 0; i < ranges; i++) {
        put_varint(&frames, 6, 0); /* would be CRYPTO */
        put_varint(&frames, 300, 0);
    }
    for (unsigned i = 0; ecn && i < 3; i++)
        put_varint(&frames, 1ULL << 40, 0);
}

static void put_close(const char *reason)
{
    put_u8(&frames, 0x1c);
    put_varint(&frames, 0x128, 0);
    put_varint(&frames, 6, 0);
    put_varint(&frames, strlen(reason), 0);
    put_bytes(&frames, reason, strlen(reason));
}

static void put_everything(void)
{
    frames.length = 0;
    put_fill(&frames, 0, 5);
    put_text(300, "later");
    put_fill(&frames, 1, 2);
    put_ack(false, 3);
    put_text(0, "first");
    put_ack(true, 0);
    put_close("no \x06 reason");
    put_text(5, "more");
    put_fill(&frames, 0, 30);
}

static void pieces_are_found_among_all_frames(void **state)
{
    (void)state;
    put_everything();
    assert_int_equal(read_all(false), QUICFRAMES_CRYPTO);
    assert_string_equal(pieces(), "300:later;0:first;5:more;");
    assert_int_equal(read_all(true), QUICFRAMES_CRYPTO);
    assert_string_equal(pieces(), "300:later;0:first;5:more;");
}

static void numbers_may_be_of_any_size(void **state)
{
    (void)state;
    frames.length = 0;
    for (unsigned size = 1; size <= 8; size *= 2) {
        put_u8(&frames, 6);
        put_varint(&frames, 7, size);
        put_varint(&frames, 2, size);
        put_bytes(&frames, "ab", 2);
    }
    assert_int_equal(read_all(false), QUICFRAMES_CRYPTO);
    assert_string_equal(pieces(), "7:ab;7:ab;7:ab;7:ab;");
}

static void without_pieces_there_are_none(void **state)
{
    (void)state;
    frames.length = 0;
    assert_int_equal(read_all(false), QUICFRAMES_NONE);
    put_ack(true, 2);
    put_close("");
    put_text(12, ""); /* no bytes, no piece */
    put_fill(&frames, 0, 9);
    assert_int_equal(read_all(false), QUICFRAMES_NONE);
    assert_int_equal(read_all(true), QUICFRAMES_NONE);
    assert_string_equal(pieces(), "");
}

/* A frame that an Initial may not have, such as STREAM, ends the reading; that noise has one at
 * once is what tells it, so of a cut packet it is said. */
static void reading_ends_at_a_frame_that_is_wrong(void **state)
{
    (void)state;
    for (unsigned type = 4; type < 256; type++) {
        if (type == 6 || type == 0x1c)
            continue;
        frames.length = 0;
        put_text(0, "hello");
        put_u8(&frames, type);
        put_text(5, "more");
        assert_int_equal(read_all(false), QUICFRAMES_CRYPTO);
        assert_string_equal(pieces(), "0:hello;");
        assert_int_equal(read_all(true), QUICFRAMES_WRONG);
    }
}

static void pieces_past_the_largest_hello_are_wrong(void **state)
{
    (void)state;
    frames.length = 0;
    put_text(CLIENTHELLO_LONGEST - 4, "last");
    put_text(CLIENTHELLO_LONGEST - 3, "past");
    assert_int_equal(read_all(true), QUICFRAMES_WRONG);
    assert_int_equal(read_all(false), QUICFRAMES_CRYPTO);
    assert_string_equal(pieces(), "131392:last;");
    frames.length = 0;
    put_u8(&frames, 6);
    put_varint(&frames, (1ULL << 62) - 1, 0);
    put_varint(&frames, (1ULL << 62) - 1, 0);
    assert_int_equal(read_all(false), QUICFRAMES_NONE);
    assert_int_equal(read_all(true), QUICFRAMES_WRONG);
}

/* Of a whole packet, a frame longer than it is wrong; of a cut one, the rest was not captured. */
static void the_last_frame_of_a_cut_packet_ends_early(void **state)
{
    size_t whole;

    (void)state;
    frames.length = 0;
    put_text(9, "abcdef");
    whole = frames.length;
    assert_int_equal(read_first(whole - 2, false), QUICFRAMES_NONE);
    assert_int_equal(read_first(whole - 2, true), QUICFRAMES_CRYPTO);
    assert_string_equal(pieces(), "9:abcd;");
    assert_int_equal(read_first(whole - 6, true), QUICFRAMES_NONE);
    put_everything();
    whole = frames.length;
    for (size_t length = 0; length <= whole; length++) {
        assert_int_not_equal(read_first(length, true), QUICFRAMES_WRONG);
        assert_memory_equal(pieces(), "300:later;0:first;5:more;",
                            log_of_pieces.length > 2 ? log_of_pieces.length - 2 : 0);
        assert_int_not_equal(read_first(length, false), QUICFRAMES_WRONG);
    }
}

static void many_ranges_that_are_not_there_cost_nothing(void **state)
{
    (void)state;
    frames.length = 0;
    put_text(0, "hello");
    put_u8(&frames, 2);
    put_varint(&frames, 1, 0);
    put_varint(&frames, 1, 0);
    put_varint(&frames, (1ULL << 62) - 1, 0);
    assert_int_equal(read_all(false), QUICFRAMES_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_found_among_all_frames),
        cmocka_unit_test(numbers_may_be_of_any_size),
        cmocka_unit_test(without_pieces_there_are_none),
        cmocka_unit_test(reading_ends_at_a_frame_that_is_wrong),
        cmocka_unit_test(pieces_past_the_largest_hello_are_wrong),
        cmocka_unit_test(the_last_frame_of_a_cut_packet_ends_early),
        cmocka_unit_test(many_ranges_that_are_not_there_cost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
