/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/nvml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>

#include "tests/daemon/overhear.h"
#include "tests/daemon/scratch.h"
#include "tests/power/source.h"

#define FIXTURE IAGMETER_SOURCE_ROOT "/tests/fixtures/counters/text/nvml_mock.tsv"

static struct nvml_options options;
static void *library;

/* The time is the library's and the clock's. */
static void at(double t_s)
{
    void (*set)(double) = NULL;
    void *symbol = dlsym(library, "nvml_test_at");

    assert_non_null(symbol);
    memcpy(&set, &symbol, sizeof(symbol));
    set(t_s);
    clock_ns = (int64_t)(t_s * 1e9);
}

static int users(void)
{
    int (*get)(void) = NULL;
    void *symbol = dlsym(library, "nvml_test_users");

    memcpy(&get, &symbol, sizeof(symbol));
    return get();
}

/* Keeps the library, which reads the script when it is loaded, until unload(). */
static void load(const char *script)
{
    assert_int_equal(setenv("NVML_SCRIPT", script, 1), 0);
    beside_this_program(options.library, "lib_nvml.so");
    library = dlopen(options.library, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    at(0);
}

static void load_text(const char *text)
{
    char path[PATH_MAX];

    scratch_write("script", text);
    scratch_path(path, "script");
    load(path);
}

static int unload(void **state)
{
    close_source();
    if (library)
        dlclose(library);
    library = NULL;
    options = (struct nvml_options){""};
    return scratch_teardown(state);
}

static void the_recording_gives_its_values(void **state)
{
    (void)state;
    load(FIXTURE);
    open_source(&power_nvml, &options);
    assert_int_equal(channel_count, 2);
    assert_string_equal(channels[0].name, "GPU-f124aa59-d406-d45b-9481-8fcd694e0000");
    assert_int_equal(channels[0].part, POWER_PART_GPU);
    assert_int_equal(channels[0].quantity, POWER_QUANTITY_ENERGY);
    assert_int_equal(channels[0].range, 0);
    assert_int_equal(channels[0].place, 0);
    /* Before Volta: power, to be integrated. */
    assert_int_equal(channels[1].quantity, POWER_QUANTITY_POWER);
    assert_int_equal(channels[1].place, 1);
    assert_value(0, 81234567.890);
    assert_value(1, 25.0);
    at(10);
    assert_value(0, 81235767.890);
    assert_value(1, 27.0);
    at(20);
    /* The counter fell: that is what is handed on, for counter.h to judge. */
    assert_value(0, 12.345);
    assert_int_equal(last_reading.at_ns, 20000000000);
}

static void a_library_that_is_not_there_is_nothing_where_there_is_no_driver(void **state)
{
    (void)state;
    refuse_source(&power_nvml, NULL, "");
}

static void a_library_that_is_missed_is_told(void **state)
{
    (void)state;
    snprintf(options.library, sizeof(options.library), "/nonexistent/libnvidia-ml.so.1");
    refuse_source(&power_nvml, &options, "/nonexistent/libnvidia-ml.so.1");
    scratch_mkdir("proc");
    scratch_mkdir("proc/driver");
    scratch_mkdir("proc/driver/nvidia");
    scratch_write("proc/driver/nvidia/version", "NVRM version\n");
    refuse_source(&power_nvml, NULL, "cannot be loaded");
}

static void another_library_is_not_taken_for_it(void **state)
{
    (void)state;
    snprintf(options.library, sizeof(options.library), "libm.so.6");
    refuse_source(&power_nvml, &options, "nvmlInit_v2");
}

static void a_driver_that_is_not_loaded_is_told(void **state)
{
    (void)state;
    load_text("0 - ERR_DRIVER_NOT_LOADED 0\n0 0 1000 100\n");
    refuse_source(&power_nvml, &options, "ERR_DRIVER_NOT_LOADED");
    assert_int_equal(users(), 0);
}

static void a_driver_without_boards_is_nothing(void **state)
{
    (void)state;
    load_text("0 n 0 0\n");
    refuse_source(&power_nvml, &options, "");
    assert_int_equal(users(), 0);
}

static void a_driver_that_is_loaded_anew_is_opened_anew(void **state)
{
    (void)state;
    load_text("0 0 5000 100\n10 - ERR_DRIVER_NOT_LOADED 0\n20 - OK 0\n20 0 7 100\n");
    open_source(&power_nvml, &options);
    assert_value(0, 5.0);
    at(10);
    assert_status(0, POWER_GONE);
    close_source();
    refuse_source(&power_nvml, &options, "ERR_DRIVER_NOT_LOADED");
    at(20);
    open_source(&power_nvml, &options);
    assert_value(0, 0.007);
    close_source();
    assert_int_equal(users(), 0);
}

static void a_board_that_is_unplugged_leaves_the_others(void **state)
{
    (void)state;
    load_text("0 0 5000 100\n0 1 6000 100\n10 0 ERR_GPU_IS_LOST 0\n10 1 6500 100\n");
    open_source(&power_nvml, &options);
    assert_int_equal(channel_count, 2);
    at(10);
    assert_status(0, POWER_GONE);
    assert_value(1, 6.5);
    close_source();
    overhear_start();
    open_source(&power_nvml, &options);
    assert_one_line(overhear_stop(), "GPU 0", "left out");
    assert_int_equal(channel_count, 1);
    assert_int_equal(channels[0].place, 1);
    assert_value(0, 6.5);
}

static void boards_that_are_all_lost_are_told(void **state)
{
    (void)state;
    load_text("0 0 ERR_GPU_IS_LOST 0\n");
    overhear_start();
    refuse_source(&power_nvml, &options, "none of the 1");
    overhear_stop();
}

static void a_divided_board_is_one_and_told(void **state)
{
    (void)state;
    load_text("0 0 5000 100 MIG\n");
    overhear_start();
    open_source(&power_nvml, &options);
    assert_one_line(overhear_stop(), "GPU-f124aa59-d406-d45b-9481-8fcd694e0000", "MIG");
    assert_int_equal(channel_count, 1);
    assert_value(0, 5.0);
}

static void errors_are_told_apart(void **state)
{
    (void)state;
    load_text("0 0 5000 100\n1 0 ERR_NO_PERMISSION 0\n2 0 ERR_NOT_SUPPORTED 0\n3 0 ERR_TIMEOUT 0\n"
              "4 0 ERR_RESET_REQUIRED 0\n5 0 ERR_VERSION_MISMATCH 0\n6 0 ERR_UNKNOWN 0\n");
    open_source(&power_nvml, &options);
    at(1);
    assert_status(0, POWER_DENIED);
    at(2);
    assert_status(0, POWER_UNSUPPORTED);
    at(3);
    assert_status(0, POWER_FAILED);
    at(4);
    assert_status(0, POWER_GONE);
    at(5);
    assert_status(0, POWER_GONE);
    at(6);
    assert_status(0, POWER_FAILED);
}

static void a_board_without_either_is_shown_as_unsupported(void **state)
{
    (void)state;
    load_text("0 0 ERR_NOT_SUPPORTED ERR_NOT_SUPPORTED\n");
    open_source(&power_nvml, &options);
    assert_int_equal(channel_count, 1);
    assert_status(0, POWER_UNSUPPORTED);
}

/* All zero means that it is not supported, of the counter as of the power. */
static void a_counter_at_zero_is_none(void **state)
{
    (void)state;
    load_text("0 0 0 25000\n0 1 0 0\n0 2 7 25000\n5 1 12000 0\n5 2 0 25000\n");
    open_source(&power_nvml, &options);
    assert_int_equal(channel_count, 3);
    assert_int_equal(channels[0].quantity, POWER_QUANTITY_POWER);
    assert_int_equal(channels[1].quantity, POWER_QUANTITY_ENERGY);
    assert_int_equal(channels[2].quantity, POWER_QUANTITY_ENERGY);
    assert_value(0, 25);
    assert_status(1, POWER_UNSUPPORTED);
    assert_value(2, 0.007);
    at(5);
    assert_value(1, 12); /* once it counts */
    assert_status(2, POWER_UNSUPPORTED);
}

/* Boards without a counter are integrated, and so read as often as ever. Two have one, and answer.
 */
static void counters_that_take_long_are_read_rarely(void **state)
{
    static const struct {
        int64_t takes_us;
        uint32_t every_ms;
    } cases[] = {{0, 100}, {250, 100}, {255, 102}, {4000, 1600}, {16000, 6400}, {90000, 10000}};

    (void)state;
    load_text("0 0 1000 100\n0 1 ERR_NOT_SUPPORTED 25000\n0 2 2000 100\n"
              "0 3 ERR_TIMEOUT ERR_TIMEOUT\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        clock_step_ns = cases[i].takes_us * 1000;
        open_source(&power_nvml, &options);
        assert_int_equal(channels[0].every_ms, cases[i].every_ms);
        assert_int_equal(channels[1].every_ms, 100);
        assert_int_equal(channels[2].every_ms, cases[i].every_ms);
        close_source();
    }
}

struct uneven_clock {
    const int64_t *takes_us; /* of each reading of the only board */
    unsigned looks;          /* two a reading */
    int64_t now_ns;
};

static int64_t read_uneven_clock(void *context)
{
    struct uneven_clock *uneven = context;

    if (uneven->looks % 2 == 1)
        uneven->now_ns += uneven->takes_us[uneven->looks / 2] * 1000;
    uneven->looks++;
    return uneven->now_ns;
}

/* Whichever it is; there is no fourth. */
static void the_quickest_of_three_readings_says_how_rarely(void **state)
{
    static const int64_t takes_us[][4] = {
        {4000, 90000, 8000, 1}, {90000, 4000, 8000, 1}, {90000, 8000, 4000, 1}};

    (void)state;
    load_text("0 0 1000 100\n");
    for (size_t i = 0; i < sizeof(takes_us) / sizeof(*takes_us); i++) {
        struct uneven_clock uneven = {.takes_us = takes_us[i]};
        const struct power_setup own = {.root = scratch_directory,
                                        .options = &options,
                                        .now_ns = read_uneven_clock,
                                        .context = &uneven};
        char error[400];

        source = &power_nvml;
        source_state = source->open(&own, error, sizeof(error));
        assert_non_null(source_state);
        assert_int_equal(uneven.looks, 6);
        assert_int_equal(source->channels(source_state, channels), 1);
        assert_int_equal(channels[0].every_ms, 800);
        close_source();
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup_source, unload)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_recording_gives_its_values),
        TEST(a_library_that_is_not_there_is_nothing_where_there_is_no_driver),
        TEST(a_library_that_is_missed_is_told),
        TEST(another_library_is_not_taken_for_it),
        TEST(a_driver_that_is_not_loaded_is_told),
        TEST(a_driver_without_boards_is_nothing),
        TEST(a_driver_that_is_loaded_anew_is_opened_anew),
        TEST(a_board_that_is_unplugged_leaves_the_others),
        TEST(boards_that_are_all_lost_are_told),
        TEST(a_divided_board_is_one_and_told),
        TEST(errors_are_told_apart),
        TEST(a_board_without_either_is_shown_as_unsupported),
        TEST(a_counter_at_zero_is_none),
        TEST(counters_that_take_long_are_read_rarely),
        TEST(the_quickest_of_three_readings_says_how_rarely),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
