/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/filemap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE (5U << 20)

static int descriptor = -1;
static struct filemap *map;
static long page;

/* A file of SIZE bytes, each of which tells its place. */
static int begin(void **state)
{
    static uint8_t bytes[SIZE];

    (void)state;
    page = sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(1 + i % 251);
    descriptor = memfd_create("file", MFD_CLOEXEC);
    return descriptor >= 0 && write(descriptor, bytes, SIZE) == SIZE ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    filemap_free(map);
    map = NULL;
    close(descriptor);
    return 0;
}

static void open_map(void)
{
    map = filemap_new(descriptor);
    assert_non_null(map);
    assert_int_equal(filemap_size(map), SIZE);
}

static void assert_is_file(size_t from, size_t until)
{
    const uint8_t *bytes = filemap_bytes(map);

    for (size_t i = from; i < until; i++)
        if (bytes[i] != 1 + i % 251)
            fail_msg("byte %zu is %u", i, bytes[i]);
}

/* Whether the page of byte AT has memory, or could get some. */
static bool is_there(size_t at)
{
    unsigned char resident;

    return mincore(filemap_bytes(map) + at / (size_t)page * (size_t)page, (size_t)page,
                   &resident) == 0 ||
           errno != ENOMEM;
}

static void a_file_is_in_memory(void **state)
{
    (void)state;
    open_map();
    filemap_want(map, 3000000);
    assert_is_file(0, SIZE);
    filemap_want(map, 10 * (size_t)SIZE);
    assert_is_file(0, SIZE);
    assert_false(filemap_is_lost(map));
}

/* In whole steps, and never what comes after. */
static void what_is_done_with_is_given_back(void **state)
{
    (void)state;
    open_map();
    for (size_t until = 0; until < SIZE; until += 123456) {
        filemap_release(map, until);
        assert_is_file(until, SIZE);
    }
    assert_false(is_there(3000000));
    assert_true(is_there(SIZE - 1));
    assert_false(filemap_is_lost(map));
}

/* Whoever has got it since. */
static void what_was_given_back_is_left_alone(void **state)
{
    uint8_t *others;

    (void)state;
    open_map();
    filemap_release(map, 3U << 20);
    others = mmap(filemap_bytes(map), (size_t)page, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(others, filemap_bytes(map));
    others[0] = 7;
    filemap_release(map, 1000);
    filemap_release(map, SIZE_MAX);
    filemap_free(map);
    map = NULL;
    assert_int_equal(others[0], 7);
    munmap(others, (size_t)page);
}

static void what_cannot_be_mapped_is_told(void **state)
{
    int empty = memfd_create("empty", MFD_CLOEXEC);
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_null(filemap_new(ends[0]));
    assert_null(filemap_new(empty));
    assert_null(filemap_new(-1));
    open_map();
    assert_null(filemap_new(descriptor)); /* one at a time */
    filemap_free(map);
    open_map();
    close(empty);
    close(ends[0]);
    close(ends[1]);
}

static void pages_of_a_file_that_is_cut_are_zeros(void **state)
{
    const uint8_t *bytes;

    (void)state;
    open_map();
    bytes = filemap_bytes(map);
    assert_int_equal(ftruncate(descriptor, 8 * page), 0);
    assert_int_equal(bytes[9 * page], 0);
    assert_true(filemap_is_lost(map));
    assert_int_equal(bytes[SIZE - 1], 0);
    assert_is_file(0, 8 * (size_t)page);
    filemap_want(map, SIZE);
    assert_true(filemap_is_lost(map));
}

/* Before anything of it was looked at, and where no page is missing. */
static void a_cut_is_told_without_a_look(void **state)
{
    (void)state;
    open_map();
    assert_false(filemap_is_lost(map));
    assert_int_equal(ftruncate(descriptor, SIZE - 1), 0);
    assert_true(filemap_is_lost(map));
}

/* What is lost of one file says nothing of the next. */
static void the_next_file_is_whole(void **state)
{
    (void)state;
    open_map();
    assert_int_equal(ftruncate(descriptor, 0), 0);
    assert_int_equal(filemap_bytes(map)[0], 0);
    filemap_free(map);
    map = NULL;
    close(descriptor);
    assert_int_equal(begin(state), 0);
    open_map();
    assert_false(filemap_is_lost(map));
    assert_is_file(0, SIZE);
}

/* In a process of its own: looks at a page that is not there, of something else. */
static int status_after_another_fault(void)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        int other = memfd_create("other", MFD_CLOEXEC);
        volatile uint8_t *bytes;

        if (ftruncate(other, page) != 0)
            _exit(2);
        bytes = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, other, 0);
        if (bytes == MAP_FAILED || ftruncate(other, 0) != 0)
            _exit(2);
        _exit(bytes[0] == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void other_faults_end_the_process_as_ever(void **state)
{
    int status;

    (void)state;
    open_map();
    status = status_after_another_fault();
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void afterwards_the_signal_is_as_before(void **state)
{
    struct sigaction before;
    struct sigaction after;

    (void)state;
    sigaction(SIGBUS, NULL, &before);
    open_map();
    filemap_free(map);
    map = NULL;
    sigaction(SIGBUS, NULL, &after);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
}

/* -- Which is faster ---------------------------------------------------------------------------
 *
 * By a clock that only these move, with which the linker replaces the C library's: each reads or
 * maps, as it does. */

static uint64_t clock_ns;
static uint64_t read_ns; /* each */
static uint64_t map_ns;
static uint64_t once_ns; /* and the first time of either so much more */
static bool cut_first;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    (void)clock;
    time->tv_sec = (time_t)(clock_ns / 1000000000);
    time->tv_nsec = (long)(clock_ns % 1000000000);
    return 0;
}

static void pass(uint64_t passed_ns)
{
    clock_ns += passed_ns + once_ns;
    once_ns = 0;
}

ssize_t pread(int file, void *bytes, size_t size, off_t at)
{
    pass(read_ns);
    return syscall(SYS_pread64, file, bytes, size, at);
}

int madvise(void *bytes, size_t size, int advice)
{
    pass(map_ns);
    if (cut_first && ftruncate(descriptor, 0) != 0)
        return -1;
    return (int)syscall(SYS_madvise, bytes, size, advice);
}

static void make_large(void)
{
    assert_int_equal(ftruncate(descriptor, 16U << 20), 0);
}

/* Reading takes 16 calls for each that maps. Nothing is left but the file, where it stood. */
static void the_faster_way_is_found(void **state)
{
    off_t position = lseek(descriptor, 0, SEEK_CUR);

    (void)state;
    make_large();
    read_ns = 1000;
    for (unsigned disturbed = 0; disturbed < 2; disturbed++) {
        once_ns = disturbed * 1000000;
        map_ns = 1000;
        assert_true(filemap_is_faster(descriptor));
        once_ns = disturbed * 1000000;
        map_ns = 100000;
        assert_false(filemap_is_faster(descriptor));
    }
    assert_int_equal(lseek(descriptor, 0, SEEK_CUR), position);
    map = filemap_new(descriptor);
    assert_non_null(map);
}

static void what_cannot_or_need_not_be_mapped_is_not_tried(void **state)
{
    uint64_t before_ns = clock_ns;
    int ends[2];

    (void)state;
    read_ns = map_ns = 1000;
    assert_int_equal(pipe(ends), 0);
    assert_false(filemap_is_faster(ends[0]));
    assert_false(filemap_is_faster(-1));
    assert_false(filemap_is_faster(descriptor)); /* small */
    assert_int_equal(clock_ns, before_ns);
    close(ends[0]);
    close(ends[1]);
}

static void a_file_may_be_cut_while_it_is_tried(void **state)
{
    (void)state;
    make_large();
    cut_first = true;
    filemap_is_faster(descriptor);
    cut_first = false;
    assert_int_equal(lseek(descriptor, 0, SEEK_END), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_in_memory),
        TEST(what_is_done_with_is_given_back),
        TEST(what_was_given_back_is_left_alone),
        TEST(what_cannot_be_mapped_is_told),
        TEST(pages_of_a_file_that_is_cut_are_zeros),
        TEST(a_cut_is_told_without_a_look),
        TEST(the_next_file_is_whole),
        TEST(other_faults_end_the_process_as_ever),
        TEST(afterwards_the_signal_is_as_before),
        TEST(the_faster_way_is_found),
        TEST(what_cannot_or_need_not_be_mapped_is_not_tried),
        TEST(a_file_may_be_cut_while_it_is_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
