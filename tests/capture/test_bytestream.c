/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/bytestream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define TEXT_SIZE 200000

static uint8_t text[TEXT_SIZE];
static uint8_t compressed[2 * TEXT_SIZE];
static uint8_t found[3 * TEXT_SIZE];
static FILE *file;
static struct bytestream *stream;

static int setup(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (size_t i = 0; i < TEXT_SIZE; i++)
        text[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 28);
    file = tmpfile();
    return file ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    bytestream_free(stream);
    stream = NULL;
    return fclose(file);
}

/* Of LENGTH bytes of the text. Returns the length of what is at OUT. */
static size_t compress_some(size_t length, uint8_t *out)
{
    z_stream deflater = {
        .next_in = text, .avail_in = (uInt)length, .next_out = out, .avail_out = TEXT_SIZE};

    assert_int_equal(deflateInit2(&deflater, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&deflater, Z_FINISH), Z_STREAM_END);
    deflateEnd(&deflater);
    return TEXT_SIZE - deflater.avail_out;
}

static void begin(const void *bytes, size_t size, size_t read_size)
{
    bytestream_free(stream);
    rewind(file);
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    stream = bytestream_new(fileno(file), read_size);
    assert_non_null(stream);
}

/* All there is, PIECE bytes at a time; STATUS is what came at the end of it. */
static size_t read_all(size_t piece, ssize_t *status)
{
    size_t size = 0;

    while ((*status = bytestream_read(stream, found + size, piece)) > 0) {
        assert_true((size_t)*status <= piece);
        size += (size_t)*status;
        assert_true(size + piece <= sizeof(found));
    }
    return size;
}

static void assert_text(size_t size, size_t piece)
{
    ssize_t status;

    assert_int_equal(read_all(piece, &status), size);
    assert_int_equal(status, 0);
    assert_memory_equal(found, text, size);
    assert_int_equal(bytestream_read(stream, found, piece), 0); /* and nothing comes later */
}

static void what_is_plain_comes_as_it_is(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 5000, TEXT_SIZE};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        begin(text, sizes[i], 1000);
        assert_text(sizes[i], 7777);
        begin(text, sizes[i], 1 << 20);
        assert_text(sizes[i], 2);
    }
    begin("\x1f", 1, 100); /* half of what gzip begins with */
    assert_int_equal(bytestream_read(stream, found, 10), 1);
    assert_int_equal(bytestream_read(stream, found, 10), 0);
}

static void gzip_is_expanded_whatever_is_read_at_a_time(void **state)
{
    static const size_t pieces[] = {2, 1000, 65536, TEXT_SIZE};
    size_t size = compress_some(TEXT_SIZE, compressed);

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        begin(compressed, size, 1);
        assert_text(TEXT_SIZE, pieces[i]);
        begin(compressed, size, 1 << 20);
        assert_text(TEXT_SIZE, pieces[i]);
    }
}

/* RFC 1952, 2.2; and a tape fills its last block with zeros. */
static void members_follow_each_other(void **state)
{
    size_t size = compress_some(1000, compressed);
    ssize_t status;

    (void)state;
    size += compress_some(0, compressed + size);
    size += compress_some(500, compressed + size);
    memset(compressed + size, 0, 512);
    for (size_t zeros = 0; zeros <= 512; zeros += 512) {
        begin(compressed, size + zeros, 100);
        assert_int_equal(read_all(300, &status), 1500);
        assert_int_equal(status, 0);
        assert_memory_equal(found, text, 1000);
        assert_memory_equal(found + 1000, text, 500);
    }
    compressed[size] = 'x'; /* what is no member */
    begin(compressed, size + 1, 100);
    assert_int_equal(read_all(300, &status), 1500);
    assert_int_equal(status, -1);
}

static void assert_damaged(size_t size, size_t least, const char *why)
{
    ssize_t status;
    size_t length;

    begin(compressed, size, 1000);
    length = read_all(333, &status);
    assert_int_equal(status, -1);
    assert_in_range(length, least, TEXT_SIZE);
    assert_memory_equal(found, text, least);
    assert_non_null(strstr(bytestream_error(stream), why));
}

static void what_came_before_the_damage_comes_first(void **state)
{
    size_t size = compress_some(TEXT_SIZE, compressed);

    (void)state;
    assert_damaged(size - 1, TEXT_SIZE, "they end early");
    assert_damaged(size / 2, TEXT_SIZE / 3, "they end early");
    compressed[size - 8] ^= 1; /* the checksum */
    assert_damaged(size, TEXT_SIZE, "incorrect data check");
    compressed[2] = 9; /* no method */
    assert_damaged(size, 0, "unknown compression method");
}

static void what_cannot_be_read_is_said(void **state)
{
    (void)state;
    begin(text, 100, 10);
    bytestream_free(stream);
    stream = bytestream_new(-1, 10);
    assert_int_equal(bytestream_read(stream, found, 10), -1);
    assert_string_equal(bytestream_error(stream), strerror(EBADF));
}

/* A process reads on where another, of the same memory, stopped. */
static void processes_take_turns(void **state)
{
    size_t size = compress_some(TEXT_SIZE, compressed);
    size_t read = 0;

    (void)state;
    begin(compressed, size, 777);
    for (bool by_child = true; read < 5000; by_child = !by_child) {
        ssize_t count = 100;
        pid_t child = by_child ? fork() : 0;
        int status;

        if (!by_child) {
            count = bytestream_read(stream, found, 100);
            assert_memory_equal(found, text + read, (size_t)count);
        } else if (child == 0) {
            count = bytestream_read(stream, found, 100);
            _exit(count > 0 && memcmp(found, text + read, (size_t)count) == 0 ? (int)count : 0);
        } else {
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status));
            count = WEXITSTATUS(status);
        }
        assert_true(count > 0);
        read += (size_t)count;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_plain_comes_as_it_is), TEST(gzip_is_expanded_whatever_is_read_at_a_time),
        TEST(members_follow_each_other),    TEST(what_came_before_the_damage_comes_first),
        TEST(what_cannot_be_read_is_said),  TEST(processes_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
