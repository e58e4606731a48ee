/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/powerset.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/power/machine.h"

#define MINUTE 60

/* ---- Which meters count ---- */

static void an_empty_machine_has_no_device(void **state)
{
    (void)state;
    start();
    pass(MINUTE);
    take();
    assert_int_equal(device_count, 0);
    assert_int_equal(drawn_count, 0);
}

static void parts_and_rest_make_the_host(void **state)
{
    (void)state;
    with_rest(120);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(RAPL, "package-1", POWER_PART_PACKAGE, 1, 70);
    add_channel(RAPL, "dram-0", POWER_PART_DRAM, 0, 10);
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    add_channel(NVML, "GPU-b", POWER_PART_GPU, 1, 200);
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * (80 + 70 + 10 + 120), 60, ENERGY_REST);
    assert_drawn("gpu0", 60 * 300, 60, 0);
    assert_drawn("gpu1", 60 * 200, 60, 0);
    assert_drawn("rapl/dram-0", 60 * 10, 60, ENERGY_PART);
    assert_drawn("nvml/GPU-b", 60 * 200, 60, ENERGY_PART);
    pass(MINUTE);
    take();
    assert_drawn("gpu0", 60 * 300, 60, 0);
    take();
    assert_int_equal(drawn_count, 0);
}

/* RAPL says 87 W, the BMC 166 W: both are shown, the BMC counts. */
static void meters_that_differ_are_both_shown(void **state)
{
    (void)state;
    with_rest(20);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 87);
    add_channel(REDFISH, "power", POWER_PART_WALL, 0, 166)->channel.quantity = POWER_QUANTITY_POWER;
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 166, 60, ENERGY_WALL | ENERGY_INTEGRATED);
    assert_drawn("rapl/package-0", 60 * 87, 60, ENERGY_PART);
    assert_drawn("redfish/power", 60 * 166, 60, ENERGY_INTEGRATED | ENERGY_WALL);
    assert_int_equal(devices[0].kind, POWER_DEVICE_HOST);
    assert_int_equal(devices[device_count - 1].kind, POWER_DEVICE_SOURCE);
}

static void a_bmc_with_both_counts_its_energy(void **state)
{
    (void)state;
    add_channel(REDFISH, "power", POWER_PART_WALL, 0, 500)->channel.quantity = POWER_QUANTITY_POWER;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 166);
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 166, 60, ENERGY_WALL);
    fakes[REDFISH].channels[1].status = POWER_UNSUPPORTED;
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 500, 60, ENERGY_WALL | ENERGY_INTEGRATED);
}

static void the_order_of_meters_is_configured(void **state)
{
    (void)state;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 166);
    add_channel(SNMP, "a", POWER_PART_WALL, 0, 90);
    add_channel(SNMP, "b", POWER_PART_WALL, 1, 100);
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 190, 60, ENERGY_WALL);
    powerset_close(set);
    strcpy(config.wall[0], "redfish"); /* NOLINT */
    strcpy(config.wall[1], "snmp");    /* NOLINT */
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 166, 60, ENERGY_WALL);
}

static void gpus_are_in_the_whole(void **state)
{
    (void)state;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    start();
    pass(MINUTE);
    take();
    assert_drawn("gpu0", 60 * 300, 60, 0);
    assert_drawn("host", 60 * 700, 60, ENERGY_WALL);
    fakes[NVML].channels[0].power_w = 1500;
    pass(MINUTE);
    take();
    assert_drawn("host", 0, 60, ENERGY_WALL | ENERGY_CARRIED);
}

static void a_module_counts_once(void **state)
{
    (void)state;
    with_rest(50);
    add_channel(RAPL, "module-0", POWER_PART_MODULE, 0, 612);
    add_channel(RAPL, "grace-0", POWER_PART_PACKAGE, 0, 180);
    add_channel(RAPL, "cpu-0", POWER_PART_OTHER, 0, 120);
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 400);
    start();
    pass(MINUTE);
    take();
    assert_drawn("gpu0", 60 * 400, 60, 0);
    assert_drawn("host", 60 * (612 - 400 + 50), 60, ENERGY_REST);
    assert_drawn("rapl/cpu-0", 60 * 120, 60, 0);
}

static void gpus_that_two_sources_tell_of_count_once(void **state)
{
    (void)state;
    add_channel(CRAY, "accel0_energy", POWER_PART_GPU, 0, 290);
    fakes[NVML].is_absent = true;
    start();
    pass(MINUTE);
    take();
    assert_drawn("gpu0", 60 * 290, 60, 0);
    powerset_close(set);
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    start();
    pass(MINUTE);
    take();
    assert_drawn("gpu0", 60 * 300, 60, 0);
    assert_drawn("cray/accel0_energy", 60 * 290, 60, 0);
    assert_false(has_device("gpu1"));
}

static void gpus_are_numbered_as_configured(void **state)
{
    (void)state;
    strcpy(config.gpus[0], "nvml/GPU-b"); /* NOLINT */
    config.gpu_count = 1;
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    add_channel(NVML, "GPU-b", POWER_PART_GPU, 1, 200);
    start();
    pass(MINUTE);
    take();
    assert_drawn("gpu0", 60 * 200, 60, 0);
    assert_drawn("gpu1", 60 * 300, 60, 0);
}

static void what_is_off_is_not_read(void **state)
{
    (void)state;
    strcpy(config.off[0], "rapl");           /* NOLINT */
    strcpy(config.off[1], "redfish/energy"); /* NOLINT */
    config.off_count = 2;
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    add_channel(REDFISH, "power", POWER_PART_WALL, 0, 900)->channel.quantity = POWER_QUANTITY_POWER;
    start();
    pass(MINUTE);
    take();
    assert_int_equal(fakes[RAPL].opened, 0);
    assert_false(has_device("redfish/energy"));
    assert_drawn("host", 60 * 900, 60, ENERGY_WALL | ENERGY_INTEGRATED);
}

/* ---- What goes wrong ---- */

static void a_meter_without_permission_is_missed(void **state)
{
    (void)state;
    with_rest(100);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80)->status = POWER_DENIED;
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 0, 0, 0);
    assert_drawn("rapl/package-0", 0, 0, 0);
    fakes[RAPL].channels[0].status = POWER_OK;
    pass(MINUTE); /* it is tried again within a minute */
    pass(MINUTE);
    take();
    assert_true(energy_of("host")->covered_ns >= 60 * SECOND_NS);
    assert_true(energy_of("host")->covered_ns < 120 * SECOND_NS);
}

static void without_the_whole_its_parts_stand_in_with_a_rest(void **state)
{
    (void)state;
    with_rest(100);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000)->channel.quantity =
        POWER_QUANTITY_POWER;
    start();
    pass(20);
    fakes[REDFISH].channels[0].status = POWER_FAILED;
    pass(20);
    fakes[REDFISH].channels[0].status = POWER_OK;
    pass(20);
    take();
    /* 20 s, then nothing until it is tried again, 32 s later, and the gap is not bridged. */
    assert_drawn("host", 28 * 1000 + 32 * 180, 60, ENERGY_WALL | ENERGY_REST | ENERGY_INTEGRATED);
}

static void without_the_whole_and_without_a_rest_nothing_is_made_up(void **state)
{
    (void)state;
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000)->channel.quantity =
        POWER_QUANTITY_POWER;
    start();
    pass(20);
    fakes[REDFISH].channels[0].status = POWER_FAILED;
    pass(40);
    take();
    assert_drawn("host", 20 * 1000, 20, ENERGY_WALL | ENERGY_INTEGRATED);
    assert_drawn("rapl/package-0", 60 * 80, 60, ENERGY_PART);
}

/* A BMC that was started again, and says null, or 0 W, until it knows. */
static void what_was_measured_is_missed_also_where_it_says_that_it_is_none(void **state)
{
    (void)state;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 1000, 60, ENERGY_WALL);
    fakes[REDFISH].channels[0].status = POWER_UNSUPPORTED;
    pass(MINUTE);
    take();
    assert_drawn("host", 0, 0, 0);
    assert_drawn("rapl/package-0", 60 * 80, 60, ENERGY_PART);
}

/* A counter that is read again later has not missed anything. */
static void a_counter_bridges_what_it_was_not_asked(void **state)
{
    (void)state;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    start();
    pass(10);
    fakes[NVML].channels[0].status = POWER_FAILED;
    pass(5);
    fakes[NVML].channels[0].status = POWER_OK;
    pass(45);
    take();
    assert_drawn("gpu0", 60 * 300, 60, 0);
    assert_drawn("host", 60 * 700, 60, ENERGY_WALL);
}

/* Nothing that runs draws nothing for longer than a minute: that is not measured as 0 J, nor
 * counted again when the counter makes up for it. */
static void a_counter_that_stands_still_measures_nothing(void **state)
{
    struct powerset_state states[POWERSET_MAX_STATES];

    (void)state;
    with_rest(100);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    start();
    pass(10);
    fakes[RAPL].channels[0].power_w = 0;
    pass(60);
    take();
    assert_drawn("host", 10 * 80 + 70 * 100, 70, ENERGY_REST);
    pass(120);
    take();
    assert_drawn("host", 0, 0, 0);
    assert_int_equal(powerset_states(set, states), 2);
    assert_int_equal(states[1].status, POWER_STILL);
    assert_string_equal(states[1].problem, "its counter stands still");
    fakes[RAPL].channels[0].energy_j += 180 * 80;
    fakes[RAPL].channels[0].power_w = 80;
    pass(60);
    take();
    assert_drawn("host", 59 * 180, 59, ENERGY_REST);
}

/* Nor after it could not be read in between, as when a BMC hangs, is started again, and has the sum
 * of all then: other meters have told of that time. */
static void what_a_counter_makes_up_for_after_a_failure_is_not_counted_again(void **state)
{
    static const enum power_status failures[] = {POWER_FAILED, POWER_GONE, POWER_UNSUPPORTED};

    (void)state;
    with_rest(100);
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 180);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    start();
    for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
        pass(10);
        fakes[REDFISH].channels[0].power_w = 0;
        pass(600);
        fakes[REDFISH].channels[0].status = failures[i];
        pass(60);
        take();
        fakes[REDFISH].channels[0].status = POWER_OK;
        fakes[REDFISH].channels[0].energy_j += 660 * 180;
        fakes[REDFISH].channels[0].power_w = 180;
        pass(120);
        take();
        assert_near(energy_of("host")->energy_j, 120 * 180);
    }
}

/* As when a BMC gets another program, whose counter is of another beginning: from what it showed to
 * what it shows is no energy. */
static void a_counter_of_another_beginning_does_not_go_on(void **state)
{
    struct fake_channel *energy = add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 100);

    (void)state;
    start();
    pass(10);
    energy->status = POWER_ANEW;
    pass(1);
    energy->status = POWER_OK;
    energy->energy_j += 5e5; /* not so much that no machine draws it */
    pass(49);
    take();
    assert_true(energy_of("host")->energy_j <= 60 * 100);
    assert_true(energy_of("host")->covered_ns >= 50 * SECOND_NS);
    assert_int_equal(fakes[REDFISH].opened, 1);
}

/* An outlet at 5 W, whose counter has steps of 1 Wh: it moves every 12 minutes, and nothing of its
 * time is missed, nor counted by others, too. For more than 15 minutes it would be. */
static void a_counter_of_large_steps_moves_rarely(void **state)
{
    struct powerset_state states[POWERSET_MAX_STATES];
    double energy_j = 0;

    (void)state;
    with_rest(100);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(SNMP, "pdu1:7", POWER_PART_WALL, 0, 0);
    start();
    for (int minute = 0; minute < 51; minute++) {
        fakes[SNMP].channels[0].energy_j += minute <= 36 && minute % 12 == 0 ? 3600 : 0;
        pass(MINUTE);
        take();
        energy_j += energy_of("host")->energy_j;
        assert_int_equal(energy_of("host")->flags, ENERGY_WALL);
        assert_int_equal(energy_of("host")->covered_ns, MINUTE * SECOND_NS);
    }
    assert_float_equal(energy_j, 4 * 3600, 1e-6);
    pass(MINUTE);
    assert_int_equal(powerset_states(set, states), 4);
    assert_int_equal(states[3].status, POWER_STILL);
}

/* The driver is loaded again: its counters begin anew, and the meter of the whole has the rest. */
static void a_driver_is_loaded_again(void **state)
{
    struct fake_channel *gpu = add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);

    (void)state;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    start();
    pass(10);
    gpu->status = POWER_GONE;
    pass(1);
    fakes[NVML].is_absent = true;
    pass(10);
    gpu->status = POWER_OK;
    gpu->energy_j = 0;
    fakes[NVML].is_absent = false;
    pass(39);
    take();
    assert_true(fakes[NVML].opened >= 3);
    assert_int_equal(energy_of("gpu0")->flags, ENERGY_LOWER_BOUND);
    assert_true(energy_of("gpu0")->covered_ns >= 30 * SECOND_NS);
    assert_true(energy_of("gpu0")->covered_ns < 50 * SECOND_NS);
    assert_near(energy_of("gpu0")->energy_j, (10 + 39) * 300);
    assert_near(energy_of("gpu0")->energy_j + energy_of("host")->energy_j, 60000);
    assert_int_equal(energy_of("host")->covered_ns, 60 * SECOND_NS);
}

static void set_gpus(enum power_status status)
{
    for (size_t i = 0; i < fakes[NVML].count; i++)
        fakes[NVML].channels[i].status = status;
}

/* However many are gone at once, it is one driver that is waited for. */
static void all_gpus_come_back_together(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        char name[32];

        snprintf(name, sizeof(name), "GPU-%u", i);
        add_channel(NVML, name, POWER_PART_GPU, i, 300);
    }
    start();
    pass(10);
    for (unsigned times = 2; times <= 3; times++) {
        set_gpus(POWER_GONE);
        pass(1);
        set_gpus(POWER_OK);
        pass(2);
        assert_int_equal(fakes[NVML].opened, times);
    }
    take();
    assert_drawn("gpu7", 16 * 300, 16, 0);
}

static void memory_without_a_counter_is_not_missed(void **state)
{
    (void)state;
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(RAPL, "dram-0", POWER_PART_DRAM, 0, 0)->status = POWER_UNSUPPORTED;
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 80, 60, 0);
}

static void second_gpu_moves_up(void)
{
    fakes[NVML].channels[0] = fakes[NVML].channels[1];
    fakes[NVML].channels[0].channel.place = 0;
    fakes[NVML].count = 1;
    fakes[NVML].on_open = NULL;
}

/* One GPU falls off the bus: the other one is read all the time, and both keep their numbers. */
static void a_gpu_is_unplugged_and_the_others_stay(void **state)
{
    (void)state;
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    add_channel(NVML, "GPU-b", POWER_PART_GPU, 1, 200);
    start();
    pass(MINUTE);
    take();
    fakes[NVML].channels[0].status = POWER_GONE;
    pass(MINUTE);
    take();
    assert_int_equal(energy_of("gpu0")->covered_ns, 0);
    assert_drawn("gpu1", 60 * 200, 60, 0);
    assert_true(fakes[NVML].opened <= 8); /* not every second */
    fakes[NVML].on_open = second_gpu_moves_up;
    pass(300);
    take();
    assert_int_equal(fakes[NVML].count, 1);
    assert_int_equal(energy_of("gpu0")->covered_ns, 0);
    assert_drawn("gpu1", 300 * 200, 300, 0);
    assert_false(has_device("gpu2"));
}

static void a_source_that_comes_later_is_found(void **state)
{
    (void)state;
    start();
    pass(40);
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    pass(80);
    take();
    assert_true(energy_of("gpu0")->covered_ns >= 40 * SECOND_NS);
    assert_near(energy_of("gpu0")->energy_j, (double)energy_of("gpu0")->covered_ns / 1e9 * 300);
}

/* Another driver of the same source is there all the time. */
static void a_driver_that_comes_beside_others_is_found(void **state)
{
    (void)state;
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    start();
    pass(10);
    add_channel(RAPL, "package-1", POWER_PART_PACKAGE, 1, 70);
    pass(300);
    take();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 150, 60, 0);
    /* Loaded again, it is found sooner. */
    fakes[RAPL].channels[1].status = POWER_GONE;
    fakes[RAPL].count = 1;
    pass(3);
    fakes[RAPL].channels[1].status = POWER_OK;
    fakes[RAPL].count = 2;
    pass(10);
    take();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 150, 60, 0);
    assert_true(fakes[RAPL].opened <= 6);
}

/* A package whose driver is away is missed; one that is not listed any more is not. */
static void processors_that_vanish_leave_the_host_uncovered(void **state)
{
    (void)state;
    with_rest(100);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(RAPL, "package-1", POWER_PART_PACKAGE, 1, 70);
    start();
    pass(MINUTE);
    take();
    fakes[RAPL].channels[1].status = POWER_GONE;
    fakes[RAPL].count = 1;
    pass(10);
    take();
    pass(MINUTE);
    take();
    assert_drawn("host", 60 * 180, 60, ENERGY_REST);
    fakes[RAPL].channels[0].status = POWER_GONE;
    fakes[RAPL].is_absent = true;
    pass(MINUTE);
    take();
    assert_drawn("host", 0, 0, 0);
}

/* ---- When it is known ---- */

static void a_slow_meter_is_waited_for(void **state)
{
    struct fake_channel *wall = add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    struct fake_channel *gpu = add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 100);
    int64_t end_ns;

    (void)state;
    wall->every_s = 7;
    start();
    take(); /* its first reading was at 1001 s */
    pass(MINUTE);
    end_ns = tree_clock_ns;
    assert_false(powerset_complete(set, end_ns));
    gpu->power_w = 900; /* what comes after does not count before */
    wall->power_w = 1800;
    pass(5);
    assert_true(powerset_complete(set, end_ns));
    take_until(end_ns);
    assert_drawn("gpu0", 60 * 100, 60, 0);
    /* Of its last 7 s, 4 are in the minute, and the meter does not tell which had more load. */
    assert_drawn("host", 56 * 900 + 4 * ((4 * 1000 + 3 * 1800) / 7.0 - 100), 60, ENERGY_WALL);
}

/* What the meter of the whole says is of 30 s before; what GPUs say is of now. */
static void a_meter_that_is_late_is_dated_back(void **state)
{
    struct fake_channel *wall = add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    int64_t end_ns;

    (void)state;
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 100);
    config.lag_s.redfish = 30;
    config.lag_s.snmp = 7; /* another's */
    start();
    pass(40); /* 40 s of the GPU, 10 s of the whole */
    wall->power_w = 1900;
    pass(20);
    end_ns = tree_clock_ns;
    pass(29);
    assert_false(powerset_complete(set, end_ns));
    pass(1);
    assert_true(powerset_complete(set, end_ns));
    take_until(end_ns);
    assert_drawn("gpu0", 60 * 100, 60, 0);
    assert_drawn("redfish/energy", 10 * 1000 + 50 * 1900, 60, ENERGY_WALL);
    assert_drawn("host", 10 * 900 + 50 * 1800, 60, ENERGY_WALL);
    /* At the end nobody waits: what it has not told yet is not made up. */
    take();
    assert_drawn("gpu0", 30 * 100, 30, 0);
    assert_drawn("host", 0, 0, 0);
}

/* It is late, and away: its time is waited for on top. */
static void a_late_meter_that_is_silent_is_waited_for_as_long(void **state)
{
    int64_t end_ns;

    (void)state;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    config.lag_s.redfish = 100;
    start();
    pass(130);
    end_ns = tree_clock_ns;
    fakes[REDFISH].channels[0].status = POWER_FAILED;
    pass(119);
    assert_false(powerset_complete(set, end_ns));
    pass(2);
    assert_true(powerset_complete(set, end_ns));
}

static void a_silent_meter_is_not_waited_for_longer_than_two_minutes(void **state)
{
    int64_t end_ns;

    (void)state;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 1000);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    start();
    pass(30);
    fakes[REDFISH].channels[0].status = POWER_FAILED;
    pass(30);
    end_ns = tree_clock_ns;
    pass(80);
    assert_false(powerset_complete(set, end_ns));
    pass(20);
    assert_true(powerset_complete(set, end_ns));
    pass(300);
    assert_true(powerset_complete(set, tree_clock_ns));
}

/* Every five minutes, which is longer than others are waited for. */
static void a_meter_that_is_asked_rarely_is_not_lost(void **state)
{
    struct fake_channel *wall;
    double host_j = 0;
    uint64_t covered_ns = 0;
    int64_t end_ns;

    (void)state;
    wall = add_channel(REDFISH, "power", POWER_PART_WALL, 0, 1000);
    wall->channel.quantity = POWER_QUANTITY_POWER;
    wall->channel.every_ms = 300000;
    wall->every_s = 300;
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    start();
    pass(300);
    end_ns = tree_clock_ns + 60 * SECOND_NS;
    for (int i = 0; i < 3600; i++) {
        pass(1);
        if (tree_clock_ns < end_ns || !powerset_complete(set, end_ns))
            continue;
        take_until(end_ns);
        host_j += energy_of("host")->energy_j;
        covered_ns += energy_of("host")->covered_ns;
        end_ns += 60 * SECOND_NS;
    }
    assert_true(covered_ns >= 3200 * SECOND_NS);
    assert_near(host_j, 700 * (double)covered_ns / SECOND_NS);
}

/* What can be set against each other: the meter that counts, of all its feeds, and each part once.
 * Not what is shown only, nor what stood for another for a part of the time. */
static void sources_are_marked_for_comparison(void **state)
{
    (void)state;
    add_channel(SNMP, "a", POWER_PART_WALL, 0, 500);
    add_channel(SNMP, "b", POWER_PART_WALL, 1, 400);
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 880);
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 80);
    add_channel(RAPL, "core", POWER_PART_OTHER, 0, 70);
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    start();
    pass(MINUTE);
    take();
    assert_drawn("snmp/a", 60 * 500, 60, ENERGY_WALL);
    assert_drawn("snmp/b", 60 * 400, 60, ENERGY_WALL);
    assert_drawn("redfish/energy", 60 * 880, 60, 0);
    assert_drawn("rapl/package-0", 60 * 80, 60, ENERGY_PART);
    assert_drawn("rapl/core", 60 * 70, 60, 0);
    assert_drawn("nvml/GPU-a", 60 * 300, 60, ENERGY_PART);
    pass(30);
    fakes[SNMP].channels[1].status = POWER_FAILED;
    pass(30);
    take();
    assert_drawn("snmp/a", 60 * 500, 60, 0);
    assert_drawn("redfish/energy", 60 * 880, 60, 0);
}

static void readings_between_seconds_add_up(void **state)
{
    double total_j = 0;

    (void)state;
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    tree_clock_ns += 123456789;
    start();
    for (unsigned i = 0; i < 10; i++) {
        pass(MINUTE);
        take();
        total_j += energy_of("gpu0")->energy_j;
    }
    take_until(tree_clock_ns + SECOND_NS);
    total_j += energy_of("gpu0")->energy_j;
    assert_near(total_j, 600 * 300);
}

/* As at the end of the daemon, which waits for none. */
static void what_is_read_rarely_is_read_before_it_is_lost(void **state)
{
    struct fake_channel *gpu = add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);

    (void)state;
    gpu->channel.every_ms = 10000;
    start();
    pass(9);
    take();
    pass(65);
    assert_false(powerset_complete(set, tree_clock_ns));
    take();
    assert_drawn("gpu0", 65 * 300, 65, 0);
    pass(65);
    gpu->status = POWER_FAILED;
    take();
    assert_drawn("gpu0", 60 * 300, 60, 0);
}

/* The end of a minute is computed from two clocks that are read one after the other. */
static void an_interval_ends_at_the_nearest_second(void **state)
{
    (void)state;
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    start();
    pass(MINUTE);
    assert_true(powerset_complete(set, tree_clock_ns - 1000));
    take_until(tree_clock_ns - 1000);
    assert_drawn("gpu0", 60 * 300, 60, 0);
    pass(MINUTE);
    take_until(tree_clock_ns + 1000);
    assert_drawn("gpu0", 60 * 300, 60, 0);
    assert_true(powerset_complete(set, tree_clock_ns + SECOND_NS / 2 - 1));
    assert_false(powerset_complete(set, tree_clock_ns + SECOND_NS / 2));
}

/* One of two supplies, whose unit never measures that outlet. */
static void feeds_of_which_one_is_not_measured_are_not_the_whole(void **state)
{
    (void)state;
    add_channel(SNMP, "pdu-a/7", POWER_PART_WALL, 0, 300);
    add_channel(SNMP, "pdu-b/7", POWER_PART_WALL, 1, 300)->status = POWER_UNSUPPORTED;
    start();
    pass(MINUTE);
    take();
    assert_drawn("host", 0, 0, 0);
    assert_drawn("snmp/pdu-a/7", 60 * 300, 60, 0);
}

/* One whose unit says for a while that it does not measure that outlet. */
static void half_of_the_feeds_is_not_the_whole(void **state)
{
    (void)state;
    add_channel(SNMP, "pdu-a/7", POWER_PART_WALL, 0, 300);
    add_channel(SNMP, "pdu-b/7", POWER_PART_WALL, 1, 300);
    start();
    pass(30);
    fakes[SNMP].channels[1].status = POWER_UNSUPPORTED;
    pass(30);
    take();
    assert_drawn("host", 30 * 600, 30, ENERGY_WALL);
    pass(60);
    take();
    assert_drawn("host", 0, 0, 0);
    assert_drawn("snmp/pdu-a/7", 60 * 300, 60, 0);
}

static void places_for_devices_are_kept_for_gpus(void **state)
{
    (void)state;
    for (unsigned i = 0; i < POWER_MAX_CHANNELS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "package-%u", i);
        add_channel(RAPL, name, POWER_PART_PACKAGE, i, 10);
    }
    add_channel(NVML, "GPU-a", POWER_PART_GPU, 0, 300);
    start();
    pass(MINUTE);
    take();
    assert_true(device_count <= MAX_POWER_DEVICES);
    assert_drawn("gpu0", 60 * 300, 60, 0);
    assert_drawn("host", 60 * 10 * POWER_MAX_CHANNELS, 60, 0);
}

/* ---- In words, and with the real sources ---- */

static void describe(char *out, size_t size)
{
    FILE *stream = fmemopen(out, size, "w");

    assert_non_null(stream);
    powerset_describe(set, stream);
    assert_int_equal(fclose(stream), 0);
}

static void assert_says(const char *expected)
{
    char text[4096] = "";

    describe(text, sizeof(text));
    if (!strstr(text, expected))
        fail_msg("\"%s\" is not in:\n%s", expected, text);
}

static void assert_says_not(const char *text)
{
    char described[4096];

    describe(described, sizeof(described));
    if (strstr(described, text))
        fail_msg("\"%s\" is in:\n%s", text, described);
}

static void what_is_there_is_described(void **state)
{
    (void)state;
    fakes[SNMP].problem = "pdu-a: no answer";
    with_rest(100);
    fakes[CRAY].is_absent = true;
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 87)->status = POWER_DENIED;
    add_channel(REDFISH, "energy", POWER_PART_WALL, 0, 166);
    start();
    pass(5);
    assert_says("rapl: a test\n  rapl/package-0: a processor: no permission to read it\n");
    assert_says("redfish: a test\n  redfish/energy: the whole machine, 166.0 W\n");
    assert_says("snmp: a test: pdu-a: no answer\n");
    assert_says("host: a meter of the whole machine, less its GPUs\n");
    assert_says_not("cray");
    fakes[REDFISH].channels[0].status = POWER_FAILED;
    pass(5);
    assert_says("redfish/energy: the whole machine: cannot be read\n");
    assert_says("host: not covered");
    fakes[RAPL].channels[0].status = POWER_OK;
    pass(MINUTE);
    assert_says("host: its parts, and 100 W for what has no meter\n");
}

static void a_source_that_is_configured_is_listed_also_where_it_is_not(void **state)
{
    (void)state;
    memset(config.wall, 0, sizeof(config.wall));
    strcpy(config.wall[0], "cray"); /* NOLINT */
    config.wall_count = 1;
    fakes[CRAY].is_absent = true;
    add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 87);
    start();
    pass(5);
    assert_says("cray: a test: configured, but not on this machine\n");
}

static void start_on_tree(void)
{
    struct power_setup machine = {scratch_directory, NULL, tree_now, NULL};

    strcpy(config.off[0], "nvml"); /* NOLINT: a library, not below the root */
    config.off_count = 1;
    set = powerset_open(&config, &machine);
    assert_non_null(set);
    powerset_sample(set);
    tree_clock_ns += SECOND_NS;
    powerset_sample(set);
}

static void a_server_of_two_sockets(void **state)
{
    (void)state;
    tree_copy("rapl_intel_2s_server");
    start_on_tree();
    tree_copy("rapl_intel_2s_server_t10s_wrapped");
    tree_clock_ns += 10 * SECOND_NS;
    powerset_sample(set);
    take();
    assert_drawn("host", 23220.962583 + 4529.654801 + 2000 + 200, 10, 0);
    assert_drawn("rapl/package-0", 23220.962583, 10, ENERGY_PART);
}

/* Its sockets are told of twice, by RAPL and by hwmon, its GPU once. */
static void an_amd_machine_counts_its_sockets_once(void **state)
{
    (void)state;
    tree_copy("rapl_amd_epyc");
    tree_copy("hwmon_amd_energy");
    tree_copy("hwmon_amdgpu_average");
    start_on_tree();
    scratch_write("sys/class/powercap/intel-rapl:0/energy_uj", "65030873566\n");
    scratch_write("sys/class/powercap/intel-rapl:1/energy_uj", "2030873566\n");
    scratch_write("sys/class/hwmon/hwmon5/energy5_input", "199000000\n");
    tree_clock_ns += SECOND_NS;
    powerset_sample(set);
    take();
    assert_drawn("host", 200, 1, 0);
    assert_drawn("hwmon/amd_energy-0", 101, 1, 0);
    assert_drawn("gpu0", 118, 1, ENERGY_INTEGRATED);
}

static void a_grace_hopper_counts_its_module_once(void **state)
{
    (void)state;
    tree_copy("hwmon_grace_hopper");
    start_on_tree();
    tree_clock_ns += SECOND_NS;
    powerset_sample(set);
    take();
    assert_drawn("host", 612, 1, ENERGY_INTEGRATED);
    assert_drawn("hwmon/grace-0", 180, 1, ENERGY_INTEGRATED | ENERGY_PART);
}

static void a_virtual_machine_has_its_rest_only(void **state)
{
    (void)state;
    tree_copy("rapl_absent_vm");
    with_rest(75);
    start_on_tree();
    pass(MINUTE);
    take();
    assert_int_equal(device_count, 1);
    assert_drawn("host", 60 * 75, 60, ENERGY_REST);
    assert_says("host: its parts, and 75 W for what has no meter\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_machine_has_no_device),
        TEST(parts_and_rest_make_the_host),
        TEST(meters_that_differ_are_both_shown),
        TEST(a_bmc_with_both_counts_its_energy),
        TEST(the_order_of_meters_is_configured),
        TEST(gpus_are_in_the_whole),
        TEST(a_module_counts_once),
        TEST(gpus_that_two_sources_tell_of_count_once),
        TEST(gpus_are_numbered_as_configured),
        TEST(what_is_off_is_not_read),
        TEST(a_meter_without_permission_is_missed),
        TEST(without_the_whole_its_parts_stand_in_with_a_rest),
        TEST(without_the_whole_and_without_a_rest_nothing_is_made_up),
        TEST(what_was_measured_is_missed_also_where_it_says_that_it_is_none),
        TEST(a_counter_bridges_what_it_was_not_asked),
        TEST(a_counter_that_stands_still_measures_nothing),
        TEST(a_counter_of_another_beginning_does_not_go_on),
        TEST(what_a_counter_makes_up_for_after_a_failure_is_not_counted_again),
        TEST(a_counter_of_large_steps_moves_rarely),
        TEST(a_driver_is_loaded_again),
        TEST(all_gpus_come_back_together),
        TEST(memory_without_a_counter_is_not_missed),
        TEST(a_gpu_is_unplugged_and_the_others_stay),
        TEST(a_source_that_comes_later_is_found),
        TEST(a_driver_that_comes_beside_others_is_found),
        TEST(processors_that_vanish_leave_the_host_uncovered),
        TEST(a_slow_meter_is_waited_for),
        TEST(a_meter_that_is_late_is_dated_back),
        TEST(a_late_meter_that_is_silent_is_waited_for_as_long),
        TEST(a_silent_meter_is_not_waited_for_longer_than_two_minutes),
        TEST(a_meter_that_is_asked_rarely_is_not_lost),
        TEST(sources_are_marked_for_comparison),
        TEST(readings_between_seconds_add_up),
        TEST(what_is_read_rarely_is_read_before_it_is_lost),
        TEST(an_interval_ends_at_the_nearest_second),
        TEST(feeds_of_which_one_is_not_measured_are_not_the_whole),
        TEST(half_of_the_feeds_is_not_the_whole),
        TEST(places_for_devices_are_kept_for_gpus),
        TEST(what_is_there_is_described),
        TEST(a_source_that_is_configured_is_listed_also_where_it_is_not),
        TEST(a_server_of_two_sockets),
        TEST(an_amd_machine_counts_its_sockets_once),
        TEST(a_grace_hopper_counts_its_module_once),
        TEST(a_virtual_machine_has_its_rest_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
