/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/powerset.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/sharing.h"
#include "tests/daemon/overhear.h"
#include "tests/power/machine.h"
#include "tests/random.h"

/* Whatever meters say, and however late: what GPUs and host are said to have drawn is what the
 * meter of the whole says, no interval has less than nothing, and what is above that meter is told.
 */

#define MINUTE    60
#define DAY_S     86400
#define HISTORY_S 256 /* of what the machine drew, for meters that are late */

/* ---- A machine whose load comes and goes, and whose meters are late ---- */

struct load {
    uint64_t seed;
    double gpus_w[8];
    size_t gpu_count;
    bool is_sharp; /* all GPUs idle, or at full load, for some minutes at most */
    double host_w;
    double most_gpus_w;
    int64_t until_s;
    double history_w[HISTORY_S]; /* of all, by second */
    double host_history_w[HISTORY_S];
    int64_t now_s;
};

/* Of the meter of the whole: the mean of so many seconds, of so long ago. */
struct lateness {
    int delay_s;
    int mean_s;
    double scale; /* 1, but for a meter of something else */
};

static struct load load;

static void start_load(uint64_t seed, size_t gpus)
{
    load = (struct load){.seed = seed, .gpu_count = gpus, .host_w = 220};
    for (size_t i = 0; i < HISTORY_S; i++)
        load.history_w[i] = 220 + 80 * (double)gpus;
}

/* Idle, or somewhere between there and full, for some seconds to half an hour. */
static void change_load(void)
{
    bool is_full = load.gpus_w[0] < 100;

    for (size_t i = 0; i < load.gpu_count; i++) {
        load.gpus_w[i] = random_below(&load.seed, 2) ? 80 : 80 + random_below(&load.seed, 620);
        if (load.is_sharp)
            load.gpus_w[i] = is_full ? 700 : 80;
    }
    load.host_w = 150 + random_below(&load.seed, 200);
    load.until_s = load.now_s + 3 +
                   (random_below(&load.seed, 3) ? random_below(&load.seed, 120)
                                                : random_below(&load.seed, 1800));
    if (load.is_sharp)
        load.until_s = load.now_s + 20 + random_below(&load.seed, 220);
}

static void step_load(void)
{
    double gpus_w = 0;

    if (load.now_s >= load.until_s)
        change_load();
    for (size_t i = 0; i < load.gpu_count; i++)
        gpus_w += load.gpus_w[i];
    load.most_gpus_w = fmax(load.most_gpus_w, gpus_w);
    load.host_history_w[load.now_s % HISTORY_S] = load.host_w;
    load.history_w[load.now_s++ % HISTORY_S] = load.host_w + gpus_w;
}

static double late_w(const struct lateness *lateness)
{
    double sum_w = 0;

    for (int i = 0; i < lateness->mean_s; i++)
        sum_w +=
            load.history_w[(load.now_s - 1 - lateness->delay_s - i + 8 * HISTORY_S) % HISTORY_S];
    return lateness->scale * sum_w / lateness->mean_s;
}

static void draw(int source, size_t channel, double power_w)
{
    fakes[source].channels[channel].power_w = power_w;
    fakes[source].channels[channel].energy_j += power_w;
}

static void add_gpus(bool counters)
{
    char name[16];

    for (unsigned i = 0; i < load.gpu_count; i++) {
        snprintf(name, sizeof(name), "GPU-%u", i);
        add_channel(NVML, name, POWER_PART_GPU, i, 80)->channel.quantity =
            counters ? POWER_QUANTITY_ENERGY : POWER_QUANTITY_POWER;
    }
}

static void draw_gpus(void)
{
    for (size_t i = 0; i < load.gpu_count; i++)
        draw(NVML, i, load.gpus_w[i]);
}

static void add_bmc(unsigned every_s)
{
    struct fake_channel *channel =
        add_channel(REDFISH, "power", POWER_PART_WALL, 0, 220 + 80 * (double)load.gpu_count);

    channel->channel.quantity = POWER_QUANTITY_POWER;
    channel->channel.every_ms = 1000 * every_s;
    channel->every_s = every_s;
}

static void second_with_bmc(const struct lateness *lateness)
{
    step_load();
    draw_gpus();
    draw(REDFISH, 0, late_w(lateness));
    tree_clock_ns += SECOND_NS;
    powerset_sample(set);
}

/* ---- A day with a slow BMC ---- */

struct totals {
    double host_j;
    double gpus_j;
    double wall_j;
    double carried_j;
    double cut_j;  /* the host, if each minute below 0 was set to 0 */
    double left_j; /* of the host, GPUs and the meter, in minutes that are measured whole */
    unsigned exceeded;
    unsigned carried;
};

static double gpus_drawn_j(void)
{
    double sum_j = 0;

    for (size_t i = 0; i < drawn_count; i++)
        if (devices[drawn[i].device_id].kind == POWER_DEVICE_GPU)
            sum_j += drawn[i].energy_j;
    return sum_j;
}

/* Of the last interval taken. The host is what the rows of the ledger explain, where all of it was
 * measured. */
static void add_totals(struct totals *totals)
{
    const struct device_energy *host = energy_of("host");
    double wall_j = energy_of("redfish/power")->energy_j;
    double gpus_j = gpus_drawn_j();

    assert_true(host->energy_j >= 0);
    /* Never less than the meter. */
    totals->carried_j += host->carried_j;
    assert_true(totals->carried_j > -1e-3);
    if (host->covered_ns < MINUTE * SECOND_NS)
        return;
    assert_near(host->energy_j, wall_j - gpus_j + host->carried_j);
    totals->left_j += host->carried_j;
    totals->host_j += host->energy_j;
    totals->gpus_j += gpus_j;
    totals->wall_j += wall_j;
    totals->cut_j += fmax(wall_j - gpus_j, 0);
    totals->exceeded += (host->flags & ENERGY_EXCEEDED) != 0;
    totals->carried += (host->flags & ENERGY_CARRIED) != 0;
}

static struct totals run_day(const struct lateness *lateness, size_t gpus, unsigned every_s)
{
    struct totals totals = {0};

    start_load(4, gpus);
    load.is_sharp = true;
    add_gpus(true);
    add_bmc(every_s);
    start();
    for (int s = 1; s <= DAY_S + MINUTE; s++) {
        second_with_bmc(lateness);
        if (s % MINUTE != 30 || s < 2 * MINUTE) /* BMCs tell afterwards */
            continue;
        take_until(tree_clock_ns - 30 * SECOND_NS);
        add_totals(&totals);
    }
    return totals;
}

/* Delay or mean of up to a minute, asked every 5 or 10 s, as BMCs are. */
static void a_slow_bmc_neither_adds_nor_takes(void **state)
{
    static const struct {
        struct lateness lateness;
        unsigned every_s;
        double cut_percent; /* what setting minutes to 0 would have added to the day, at least */
    } cases[] = {{{0, 1, 1}, 5, 0},     {{10, 1, 1}, 5, 2},   {{30, 1, 1}, 10, 10},
                 {{0, 60, 1}, 10, 9},   {{60, 1, 1}, 10, 20}, {{30, 60, 1}, 10, 18},
                 {{60, 120, 1}, 10, 25}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct totals totals;
        double left_j, cut_percent;

        teardown(state);
        setup(state);
        totals = run_day(&cases[i].lateness, 8, cases[i].every_s);
        left_j = totals.host_j + totals.gpus_j - totals.wall_j;
        cut_percent = 100 * (totals.cut_j + totals.gpus_j - totals.wall_j) / totals.wall_j;
        print_message("delay %d s, mean of %d s: %.2f %% too much if cut, now %.4f %%\n",
                      cases[i].lateness.delay_s, cases[i].lateness.mean_s, cut_percent,
                      100 * left_j / totals.wall_j);
        assert_near(left_j, totals.left_j);
        assert_near(left_j, totals.carried_j);
        assert_int_equal(totals.exceeded, 0);
        assert_true(left_j > -1e-3);
        assert_true(left_j < config.wall_lag_s * load.most_gpus_w);
        assert_true(cut_percent >= cases[i].cut_percent);
        assert_true(100 * left_j / totals.wall_j < 0.3);
    }
}

/* ---- A slow BMC that is dated back ---- */

#define HOURS_S  (6 * 3600)
#define IDLE_W   150 /* of the host */
#define LITTLE_W 40  /* what the work of the second direction weighs as */

/* Of the minutes, what the host is said to have drawn, and what it drew; and what that makes of a
 * direction that asks for a little all the time, beside one that has the GPUs at full load. */
struct errors {
    double off_j;
    double said_j, drawn_j; /* that direction's */
    double left_j;          /* GPUs and host less the meter */
    unsigned minutes;
    int late_s; /* as the set found it */
};

static double share_j(double host_j, double gpus_j)
{
    double idle_j = 80.0 * MINUTE * (double)load.gpu_count;
    const struct sharing_device shared[] = {
        {gpus_j, fmin(gpus_j, idle_j), false},
        {host_j, sharing_idle_j(host_j, IDLE_W, MINUTE * SECOND_NS), true},
    };
    const struct sharing_service service = {{0, 0, 1}, 1};
    struct sharing_use uses[] = {{.tokens_out = fmax(gpus_j - idle_j, 0)},
                                 {.tokens_out = LITTLE_W * MINUTE}};

    sharing_interval(shared, 2, &service, uses, 2);
    return uses[1].active_j;
}

/* Of the minute that ended LATE_S seconds ago. */
static void add_errors(struct errors *errors, int late_s)
{
    const struct device_energy *host = energy_of("host");
    double gpus_j = gpus_drawn_j();
    double drawn_j = 0;

    for (int i = 0; i < MINUTE; i++)
        drawn_j += load.host_history_w[(load.now_s - 1 - late_s - i) % HISTORY_S];
    assert_int_equal(host->covered_ns, MINUTE * SECOND_NS);
    errors->off_j += fabs(host->energy_j - drawn_j);
    errors->drawn_j += share_j(drawn_j, gpus_j);
    errors->said_j += share_j(host->energy_j, gpus_j);
    errors->left_j += host->energy_j + gpus_j - energy_of("redfish/power")->energy_j;
    assert_near(host->energy_j + gpus_j - energy_of("redfish/power")->energy_j, host->carried_j);
    errors->minutes++;
}

/* As `iagmeter status` says it; -1: it does not. */
static int said_lag_s(void)
{
    static struct powerset_state states[POWERSET_MAX_STATES];
    size_t count = powerset_states(set, states);
    int lag_s = -1;

    for (size_t i = 0; i < count; i++)
        if (sscanf(states[i].problem, "tells of the GPUs about %d s", &lag_s) == 1)
            assert_string_equal(states[i].name, "redfish/power");
    return lag_s;
}

static struct errors run_hours(void **state, const struct lateness *lateness, unsigned every_s,
                               unsigned lag_s)
{
    struct errors errors = {0};
    int late_s = 30 + (int)lag_s;

    teardown(state);
    setup(state);
    start_load(4, 8);
    load.is_sharp = true;
    config.lag_s.redfish = lag_s;
    add_gpus(true);
    add_bmc(every_s);
    start();
    for (int s = 1; s <= HOURS_S; s++) {
        second_with_bmc(lateness);
        if ((s - late_s) % MINUTE != 0 || s < 3 * MINUTE)
            continue;
        take_until(tree_clock_ns - late_s * SECOND_NS);
        if (s >= 6 * MINUTE)
            add_errors(&errors, late_s);
    }
    errors.late_s = said_lag_s();
    return errors;
}

static double error_percent(const struct errors *errors)
{
    return 100 * (errors->said_j / errors->drawn_j - 1);
}

/* What `iagmeter status` says is what it is set to; and what its minutes are then is nearer. */
static void what_is_dated_back_is_in_its_minute(void **state)
{
    static const struct {
        struct lateness lateness;
        unsigned every_s;
        int right_s;
    } cases[] = {{{10, 1, 1}, 5, 10},   {{5, 10, 1}, 5, 10},  {{30, 1, 1}, 10, 30},
                 {{0, 30, 1}, 10, 15},  {{60, 1, 1}, 10, 60}, {{10, 60, 1}, 10, 40},
                 {{60, 30, 1}, 10, 75}, {{60, 60, 1}, 10, 90}};

    print_message(
        "late, s | mean, s | found, s | a minute of the host is off by, W | a direction of "
        "little use, %%\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct lateness *lateness = &cases[i].lateness;
        struct errors before = run_hours(state, lateness, cases[i].every_s, 0);
        struct errors after = run_hours(state, lateness, cases[i].every_s, (unsigned)before.late_s);

        print_message("%d | %d | %d | %.0f, then %.0f | %+.1f, then %+.1f\n", lateness->delay_s,
                      lateness->mean_s, before.late_s, before.off_j / before.minutes / MINUTE,
                      after.off_j / after.minutes / MINUTE, error_percent(&before),
                      error_percent(&after));
        assert_true(abs(before.late_s - cases[i].right_s) <= 2);
        assert_int_equal(after.late_s, -1);
        assert_true(after.off_j < 0.5 * before.off_j);
        assert_true(fabs(error_percent(&after)) < 0.5 * fabs(error_percent(&before)));
        assert_true(fabs(after.left_j) < 300 * load.most_gpus_w);
    }
}

/* host.conf would not take more. */
static void no_more_is_proposed_than_may_be_set(void **state)
{
    static const struct lateness later_than_any = {250, 1, 1};
    const unsigned most_s = 240; /* of lag_s */

    assert_int_equal(run_hours(state, &later_than_any, 10, 200).late_s, most_s);
    assert_int_equal(run_hours(state, &later_than_any, 10, most_s).late_s, -1);
}

/* ---- A meter of something else ---- */

static bool is_said_of(const char *name, const char *words)
{
    static struct powerset_state states[POWERSET_MAX_STATES];
    size_t count = powerset_states(set, states);

    for (size_t i = 0; i < count; i++)
        if (strcmp(states[i].name, name) == 0)
            return strstr(states[i].problem, words) != NULL;
    return false;
}

/* Half of the outlets, say. The GPUs' counters stand; what is above the meter is told, and not held
 * against it for ever once it is mended. */
static void a_meter_that_is_too_small_is_told(void **state)
{
    struct lateness lateness = {20, 10, 0.4};
    struct totals totals;
    double left_j;

    (void)state;
    overhear_start();
    totals = run_day(&lateness, 2, 5);
    assert_int_equal(count_of(overhear_stop(), "redfish: has said less than the GPUs drew"), 1);
    left_j = totals.carried_j;
    assert_true(totals.exceeded > 100);
    assert_near(totals.host_j + totals.gpus_j - totals.wall_j, totals.left_j);
    assert_true(left_j > 0.1 * totals.wall_j);
    assert_true(is_said_of("redfish/power", "less than the GPUs drew"));
    lateness.scale = 1;
    for (int s = 0; s < 7200; s++) {
        second_with_bmc(&lateness);
        if (s % MINUTE == MINUTE - 1) {
            take_until(tree_clock_ns - 30 * SECOND_NS);
            add_totals(&totals);
        }
    }
    assert_true(left_j - totals.carried_j < config.wall_lag_s * load.most_gpus_w);
    assert_false(is_said_of("redfish/power", "less than the GPUs drew"));
}

/* A restart forgets what is owed: never more than the GPUs drew in config.wall_lag_s. */
static void a_restart_loses_no_more_than_was_owed(void **state)
{
    const struct lateness lateness = {60, 60, 1};
    struct totals totals = {0};

    (void)state;
    start_load(9, 3);
    add_gpus(true);
    add_bmc(5);
    for (int i = 0; i < 20; i++) {
        double before_j = totals.carried_j;

        start();
        for (int s = 1; s <= 3600 + (int)random_below(&load.seed, 600); s++) {
            second_with_bmc(&lateness);
            if (s % MINUTE != 0)
                continue;
            take_until(tree_clock_ns - 20 * SECOND_NS);
            add_totals(&totals);
        }
        assert_true(totals.carried_j - before_j < config.wall_lag_s * load.most_gpus_w);
        powerset_close(set);
        set = NULL;
    }
    assert_near(totals.host_j + totals.gpus_j - totals.wall_j, totals.left_j);
}

/* ---- Anything ---- */

/* What a second set, which is asked second by second, says; and what follows of it. */
struct reference {
    struct powerset *set;
    struct power_device devices[MAX_POWER_DEVICES];
    size_t device_count;
    struct device_energy second[MAX_POWER_DEVICES];
    size_t second_count;
    double gpus_j;
    double whole_j; /* less GPUs */
    double parts_j;
    uint64_t covered_ns;
};

static const struct device_energy *second_of(const struct reference *reference, const char *name)
{
    static const struct device_energy none;

    for (size_t i = 0; i < reference->second_count; i++)
        if (strcmp(reference->devices[reference->second[i].device_id].name, name) == 0)
            return &reference->second[i];
    return &none;
}

static bool is_whole(const struct device_energy *energy)
{
    return energy->covered_ns == SECOND_NS;
}

/* The first of the meters of the whole, as configured: both outlets, or the BMC's counter, or its
 * power. */
static bool find_whole(const struct reference *reference, double *whole_j)
{
    const struct device_energy *a = second_of(reference, "snmp/a");
    const struct device_energy *b = second_of(reference, "snmp/b");
    const struct device_energy *energy = second_of(reference, "redfish/energy");
    const struct device_energy *power = second_of(reference, "redfish/power");

    if (is_whole(a) && is_whole(b))
        *whole_j = a->energy_j + b->energy_j;
    else if (is_whole(energy))
        *whole_j = energy->energy_j;
    else if (is_whole(power))
        *whole_j = power->energy_j;
    else
        return false;
    return true;
}

static void add_reference(struct reference *reference, int64_t until_ns)
{
    const struct device_energy *host;
    double whole_j, gpus_j = 0;

    reference->device_count = powerset_devices(reference->set, reference->devices);
    reference->second_count = powerset_take(reference->set, until_ns, reference->second);
    host = second_of(reference, "host");
    for (size_t i = 0; i < reference->second_count; i++)
        if (reference->devices[reference->second[i].device_id].kind == POWER_DEVICE_GPU)
            gpus_j += reference->second[i].energy_j;
    reference->gpus_j += gpus_j;
    reference->covered_ns += host->covered_ns;
    if (find_whole(reference, &whole_j)) {
        assert_true(host->flags & ENERGY_WALL);
        reference->whole_j += whole_j - gpus_j;
    } else {
        assert_false(host->flags & ENERGY_WALL);
        reference->parts_j += host->energy_j;
    }
}

/* Meters of the whole, of which at least one, of any kind; parts and the rest, or not. */
static struct lateness make_machine(void)
{
    struct lateness lateness = {(int)random_below(&load.seed, 60),
                                1 + (int)random_below(&load.seed, 60), 1};
    unsigned walls = 1 + random_below(&load.seed, 7);
    double idle_w = 220 + 80 * (double)load.gpu_count;
    unsigned every_s = 1 + random_below(&load.seed, 15);

    add_gpus(random_below(&load.seed, 4) > 0);
    if (walls & 1)
        add_bmc(every_s);
    if (walls & 2) {
        struct fake_channel *energy = add_channel(REDFISH, "energy", POWER_PART_WALL, 0, idle_w);

        energy->channel.unit = random_below(&load.seed, 2) ? 0.001 : 3600; /* 1 Wh */
        energy->every_s = every_s;
    }
    if (walls & 4) {
        add_channel(SNMP, "a", POWER_PART_WALL, 0, idle_w / 2);
        add_channel(SNMP, "b", POWER_PART_WALL, 1, idle_w / 2)->channel.quantity =
            POWER_QUANTITY_POWER;
    }
    if (random_below(&load.seed, 2)) {
        add_channel(RAPL, "package-0", POWER_PART_PACKAGE, 0, 90);
        add_channel(RAPL, "dram-0", POWER_PART_DRAM, 0, 12);
    }
    if (random_below(&load.seed, 2))
        with_rest(70);
    if (random_below(&load.seed, 2)) { /* dated back, rightly or not */
        config.lag_s.redfish = random_below(&load.seed, 241);
        config.lag_s.snmp = random_below(&load.seed, 241);
    }
    return lateness;
}

/* What a channel shows is set by draw(); a counter of whole Wh shows these. */
static void draw_whole(int source, size_t channel, double power_w)
{
    struct fake_channel *fake = &fakes[source].channels[channel];

    draw(source, channel, fake->channel.unit > 1 ? power_w / 3600000 : power_w);
}

static void draw_all(const struct lateness *lateness)
{
    double wall_w = late_w(lateness);

    draw_gpus();
    for (size_t i = 0; i < fakes[REDFISH].count; i++)
        draw_whole(REDFISH, i, wall_w);
    for (size_t i = 0; i < fakes[SNMP].count; i++)
        draw(SNMP, i, wall_w / 2);
    for (size_t i = 0; i < fakes[RAPL].count; i++)
        draw(RAPL, i, i == 0 ? 0.4 * load.host_w : 12);
}

/* A meter fails for a while, or begins anew, or does not. Returns how many did. */
static unsigned disturb(void)
{
    static const enum power_status troubles[] = {POWER_FAILED, POWER_DENIED, POWER_UNSUPPORTED,
                                                 POWER_ANEW};
    unsigned events = 0;

    for (int i = 0; i < FAKES; i++)
        for (size_t j = 0; j < fakes[i].count; j++) {
            struct fake_channel *channel = &fakes[i].channels[j];
            unsigned chance = random_below(&load.seed, 900);

            if (channel->status != POWER_OK && random_below(&load.seed, 60) == 0)
                channel->status = POWER_OK;
            else if (chance == 0)
                channel->status = troubles[random_below(&load.seed, 4)];
            else if (chance == 1)
                channel->energy_j = random_below(&load.seed, 2) ? 0 : channel->energy_j / 2;
            events += chance <= 1;
        }
    return events;
}

/* So late that all that can be known is: asked again after a minute, and four minutes late. */
#define LATE_S 600

static void assert_interval(struct reference *reference, double *carried_j)
{
    const struct device_energy *host = energy_of("host");
    double gpus_j = gpus_drawn_j();

    for (size_t i = 0; i < drawn_count; i++)
        assert_true(drawn[i].energy_j >= 0 && isfinite(drawn[i].energy_j));
    if (fabs(gpus_j - reference->gpus_j) > 1e-6 ||
        fabs(host->energy_j - reference->parts_j - reference->whole_j - host->carried_j) > 1e-6)
        fail_msg("GPUs %.9g J, host %.9g J (%.9g J carried) instead of %.9g J, %.9g + %.9g J",
                 gpus_j, host->energy_j, host->carried_j, reference->gpus_j, reference->parts_j,
                 reference->whole_j);
    assert_int_equal(host->covered_ns, reference->covered_ns);
    *carried_j += host->carried_j;
    assert_true(*carried_j > -1e-3);
    reference->gpus_j = reference->whole_j = reference->parts_j = 0;
    reference->covered_ns = 0;
}

static void run_anything(uint64_t seed, bool troubled)
{
    struct power_setup machine = {scratch_directory, NULL, tree_now, NULL};
    static struct reference reference;
    struct lateness lateness;
    int64_t next_s = tree_clock_ns / SECOND_NS + 2;
    double carried_j = 0;
    unsigned events = 0;

    start_load(seed, 1 + seed % 3);
    lateness = make_machine();
    memset(&reference, 0, sizeof(reference));
    reference.set = powerset_open_sources(&config, &machine, table, FAKES);
    assert_non_null(reference.set);
    powerset_sample(reference.set);
    start();
    powerset_sample(reference.set);
    for (int s = 0; s < 6000; s++) {
        int64_t until_ns = tree_clock_ns + (1 - LATE_S) * SECOND_NS;

        step_load();
        draw_all(&lateness);
        events += troubled ? disturb() : 0;
        tree_clock_ns += SECOND_NS;
        powerset_sample(set);
        powerset_sample(reference.set);
        if (s < LATE_S)
            continue;
        add_reference(&reference, until_ns);
        if (until_ns / SECOND_NS < next_s)
            continue;
        take_until(until_ns);
        assert_interval(&reference, &carried_j);
        if (!troubled)
            assert_false(energy_of("host")->flags & ENERGY_EXCEEDED);
        next_s += 1 + random_below(&load.seed, 90);
    }
    powerset_close(reference.set);
    assert_true(carried_j < (events + 1) * config.wall_lag_s * load.most_gpus_w);
}

static void whatever_fails_nothing_is_lost_or_made_up(void **state)
{
    for (uint64_t seed = 1; seed <= 24; seed++) {
        teardown(state);
        setup(state);
        print_message("seed %u\n", (unsigned)seed);
        run_anything(seed, seed % 4 != 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slow_bmc_neither_adds_nor_takes),
        TEST(what_is_dated_back_is_in_its_minute),
        TEST(no_more_is_proposed_than_may_be_set),
        TEST(a_meter_that_is_too_small_is_told),
        TEST(a_restart_loses_no_more_than_was_owed),
        TEST(whatever_fails_nothing_is_lost_or_made_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
