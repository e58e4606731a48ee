/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/roundrobin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#define RRD_EXPORT_DEPRECATED /* the header's layout */
#include <rrd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon/calendar.h"
#include "tests/daemon/scratch.h"
#include "tests/thinned.h"

#define HOUR   3600
#define DAY    86400
#define YEARS  2
#define NOBODY 65534
#define T0     INT64_C(1790003160) /* 2026-09-21 15:06 UTC: on no boundary but the minute's */

/* The ledger of a test, its files, and what they must add up to. */
struct fixture {
    struct ledger *ledger;
    struct roundrobin *roundrobin;
    int64_t direction;
    int64_t service;
    int64_t factors;
    unsigned seed;
};

static struct fixture *fixture;

static int setup(void **state)
{
    static struct fixture storage;
    const struct direction direction = {.code = "DRH", .label = "Human resources"};
    char error[2 * PATH_MAX] = "";

    if (scratch_setup(state) != 0)
        return -1;
    storage = (struct fixture){.seed = 1};
    fixture = &storage;
    storage.ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    storage.roundrobin = roundrobin_new(scratch_directory, YEARS);
    return storage.ledger && storage.roundrobin &&
                   ledger_direction(storage.ledger, &direction, &storage.direction) == LEDGER_OK &&
                   ledger_service(storage.ledger, "chat", "Chat", &storage.service) == LEDGER_OK &&
                   ledger_factor_set(storage.ledger, "2026", 1, &storage.factors) == LEDGER_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    chmod(scratch_directory, 0755);
    roundrobin_free(fixture->roundrobin);
    ledger_close(fixture->ledger);
    return scratch_teardown(state);
}

static void restart(void)
{
    roundrobin_free(fixture->roundrobin);
    fixture->roundrobin = roundrobin_new(scratch_directory, YEARS);
    assert_non_null(fixture->roundrobin);
}

static double random_value(double largest)
{
    return largest * (double)rand_r(&fixture->seed) / RAND_MAX;
}

static struct triple random_triple(double largest)
{
    double value = random_value(largest);

    return (struct triple){value / 3, value, value * 3};
}

/* Values of every size, so that a sum taken in single precision or from rounded text is seen. */
static void add_interval(int64_t interval)
{
    const struct activity activity = {.grade = GRADE_B,
                                      .flows = 1 + (uint32_t)random_value(100),
                                      .bytes_up = 1 + (uint64_t)random_value(1e6),
                                      .bytes_down = 1 + (uint64_t)random_value(1e10),
                                      .requests = random_triple(10),
                                      .tokens_in = random_triple(1e6),
                                      .tokens_out = random_triple(1e5)};
    const struct impact impact = {.energy_kwh = random_triple(1e-3),
                                  .gwp_use_kgco2e = random_triple(1e-4),
                                  .gwp_embodied_kgco2e = random_triple(1e-6),
                                  .adpe_kgsb = random_triple(1e-9),
                                  .water_l = random_triple(0.1)};
    const struct coverage coverage = {
        .covered_ns = 59999999999, .packets = 7, .packets_dropped = 1, .bytes = 5000};

    assert_int_equal(ledger_add_activity(fixture->ledger, interval, fixture->direction,
                                         fixture->service, fixture->factors, &activity, &impact),
                     LEDGER_OK);
    assert_int_equal(ledger_add_coverage(fixture->ledger, interval, &coverage), LEDGER_OK);
}

static void commit_interval(int64_t interval)
{
    assert_int_equal(ledger_begin(fixture->ledger), LEDGER_OK);
    add_interval(interval);
    assert_int_equal(ledger_commit(fixture->ledger), LEDGER_OK);
}

static void assert_updated(int64_t interval)
{
    if (roundrobin_update(fixture->roundrobin, fixture->ledger, interval) != 0)
        fail_msg("%s", roundrobin_error(fixture->roundrobin));
}

static void assert_caught_up(int64_t until)
{
    if (roundrobin_catch_up(fixture->roundrobin, fixture->ledger, until) != 0)
        fail_msg("%s", roundrobin_error(fixture->roundrobin));
}

static void show(int64_t interval)
{
    commit_interval(interval);
    assert_updated(interval);
}

struct sums {
    double energy_kwh_high;
    double gwp_kgco2e_low;
    double tokens_out_central;
    double bytes_down;
    double flows;
    double covered_s;
};

static bool sum_row(void *context, const struct ledger_row *row)
{
    struct sums *sums = context;

    sums->energy_kwh_high += row->impact.energy_kwh.high;
    sums->gwp_kgco2e_low += row->impact.gwp_use_kgco2e.low + row->impact.gwp_embodied_kgco2e.low;
    sums->tokens_out_central += row->activity.tokens_out.central;
    sums->bytes_down += (double)row->activity.bytes_down;
    sums->flows += row->activity.flows;
    return true;
}

static bool sum_coverage(void *context, const struct ledger_coverage_row *row)
{
    ((struct sums *)context)->covered_s += (double)row->coverage.covered_ns / 1e9;
    return true;
}

static struct sums in_ledger(int64_t from, int64_t until)
{
    struct sums sums = {0};

    assert_int_equal(ledger_visit(fixture->ledger, from, until, NULL, NULL, sum_row, &sums),
                     LEDGER_OK);
    assert_int_equal(ledger_visit_coverage(fixture->ledger, from, until, sum_coverage, &sums),
                     LEDGER_OK);
    return sums;
}

static void assert_near(const char *what, double actual, double expected)
{
    if (!(fabs(actual - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%s is %.17g, the ledger has %.17g", what, actual, expected);
}

static void assert_total(const char *source, int64_t from, int64_t until, double expected)
{
    bool pair = strcmp(source, "covered_s") != 0;
    double total = NAN;

    if (!roundrobin_total(fixture->roundrobin, pair ? "DRH" : NULL, pair ? "chat" : NULL, source,
                          from, until, &total))
        fail_msg("%s", roundrobin_error(fixture->roundrobin));
    assert_near(source, total, expected);
}

static void assert_same(int64_t from, int64_t until)
{
    struct sums sums = in_ledger(from, until);

    assert_total("energy_kwh_high", from, until, sums.energy_kwh_high);
    assert_total("gwp_kgco2e_low", from, until, sums.gwp_kgco2e_low);
    assert_total("tokens_out_central", from, until, sums.tokens_out_central);
    assert_total("bytes_down", from, until, sums.bytes_down);
    assert_total("flows", from, until, sums.flows);
    assert_total("covered_s", from, until, sums.covered_s);
}

static void rrd_path(char *path, const char *name)
{
    snprintf(path, PATH_MAX, "%s/rrd/%s", scratch_directory, name);
}

/* Sums rate times length of the rows of STEP that end in (from, until], as a graph would. */
static double sum_at(unsigned long step, int64_t from, int64_t until)
{
    char path[PATH_MAX];
    time_t start = (time_t)from;
    time_t end = (time_t)until;
    unsigned long actual = step, count;
    rrd_value_t *data;
    char **names;
    double sum = 0;
    size_t row = 0;

    rrd_path(path, "DRH/chat.rrd");
    assert_int_equal(rrd_fetch_r(path, "AVERAGE", &start, &end, &actual, &count, &names, &data), 0);
    assert_int_equal(actual, step);
    assert_string_equal(names[9], "energy_kwh_low");
    assert_string_equal(names[11], "energy_kwh_high");
    for (time_t time = start + (time_t)step; time <= end; time += (time_t)step, row++)
        if (time > from && time <= until && !isnan(data[row * count + 11]))
            sum += data[row * count + 11] * (double)step;
    for (unsigned long i = 0; i < count; i++)
        rrd_freemem(names[i]);
    rrd_freemem(names);
    rrd_freemem(data);
    return sum;
}

/* From a whole day to a whole day. */
static void assert_every_resolution(int64_t from, int64_t until)
{
    double expected = in_ledger(from, until).energy_kwh_high;

    if (until - from <= 2 * DAY)
        assert_near("minutes", sum_at(60, from, until), expected);
    assert_near("five minutes", sum_at(300, from, until), expected);
    assert_near("hours", sum_at(HOUR, from, until), expected);
    assert_near("days", sum_at(DAY, from, until), expected);
}

/* The first value is not lost, silences do not thin values out, and the last hour and day, which
 * are not complete when the last value comes, are complete when the next day begins. */
static void totals_are_exact_at_every_resolution(void **state)
{
    int64_t midnight = T0 - T0 % DAY;

    (void)state;
    for (int64_t t = T0; t < midnight + 2 * DAY - 60;
         t += rand_r(&fixture->seed) % 8 ? 60 : 60 * (1 + rand_r(&fixture->seed) % 300))
        show(t);
    assert_same(T0, T0 + 2 * DAY);
    assert_same(T0 + 600, T0 + 6600);
    show(midnight + 2 * DAY - 60);
    assert_every_resolution(midnight, midnight + 2 * DAY);
    /* Each day, each hour: what is in the wrong row is not in the right sum. */
    for (int64_t day = midnight; day < midnight + 2 * DAY; day += DAY)
        assert_every_resolution(day, day + DAY);
    for (int64_t hour = midnight; hour < midnight + 2 * DAY; hour += HOUR)
        assert_near("hour", sum_at(HOUR, hour, hour + HOUR),
                    in_ledger(hour, hour + HOUR).energy_kwh_high);
    for (int64_t t = T0; t < T0 + 5 * HOUR; t += 60)
        assert_same(t, t + 60);
}

static void an_idle_file_is_not_touched(void **state)
{
    struct stat before, after;
    char path[PATH_MAX];

    (void)state;
    show(T0);
    rrd_path(path, "DRH/chat.rrd");
    assert_int_equal(stat(path, &before), 0);
    assert_updated(T0 + 60);
    assert_caught_up(T0 + 120);
    restart();
    assert_caught_up(T0 + 180);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
    assert_int_equal(rrd_last_r(path), T0 + 60);
}

static void gaps_and_restarts_lose_nothing(void **state)
{
    int64_t t = T0;

    (void)state;
    for (int i = 0; i < 20; i++, t += 60)
        show(t);
    t += 3 * HOUR + 60;
    show(t);
    restart();
    t += 60;
    show(t);
    /* Committed, but not shown before the process ended. */
    commit_interval(t + 60);
    restart();
    commit_interval(t + 7 * HOUR);
    assert_caught_up(t + 7 * HOUR + 60);
    assert_same(T0, t + 7 * HOUR + 60);
    restart();
    show(t + 9 * DAY);
    t += 9 * DAY;
    assert_every_resolution(T0 - T0 % DAY, t - t % DAY);
    assert_same(T0 - T0 % HOUR, t + 60);
}

static ino_t inode(const char *name)
{
    struct stat status;
    char path[PATH_MAX];

    rrd_path(path, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_ino;
}

/* A restart within an interval: the rest of it comes when the file has it already. */
static void late_rows_rebuild_the_file(void **state)
{
    ino_t before;

    (void)state;
    for (int i = 0; i < 100; i++)
        show(T0 + 60 * i);
    before = inode("DRH/chat.rrd");
    show(T0 + 60 * 99);
    assert_int_not_equal(inode("DRH/chat.rrd"), before);
    assert_same(T0, T0 + 6000);
    assert_same(T0 + 60 * 99, T0 + 6000);
    restart();
    show(T0 + 60 * 50);
    restart();
    assert_caught_up(T0 + 6000);
    assert_same(T0, T0 + 6000);
    before = inode("DRH/chat.rrd");
    show(T0 + 6000);
    assert_int_equal(inode("DRH/chat.rrd"), before);
    assert_same(T0, T0 + 6060);
}

/* A clock ten years ahead for one interval: librrd throws every row away, without a word. */
static void a_time_far_ahead_is_survived(void **state)
{
    int64_t ahead = T0 + INT64_C(60) * 60 * 24 * 3650;

    (void)state;
    for (int i = 0; i < 10; i++)
        show(T0 + 60 * i);
    show(ahead);
    show(T0 + 600);
    assert_same(T0, T0 + 660);
    restart();
    assert_caught_up(T0 + 660);
    assert_same(T0, T0 + 660);
    commit_interval(0); /* and one in 1970 */
    assert_updated(0);
    assert_same(T0, T0 + 660);
}

static void fill_ledger(int64_t from, int64_t until, unsigned one_in)
{
    assert_int_equal(ledger_begin(fixture->ledger), LEDGER_OK);
    for (int64_t t = from; t < until; t += 60)
        if (one_in == 1 || (unsigned)rand_r(&fixture->seed) % one_in == 0)
            add_interval(t);
    assert_int_equal(ledger_commit(fixture->ledger), LEDGER_OK);
}

/* October 2026 in Paris has 745 hours, and begins and ends within UTC days. */
static void months_of_local_time_are_exact(void **state)
{
    struct calendar_month month;

    (void)state;
    assert_true(calendar_set_zone("Europe/Paris"));
    assert_true(calendar_parse_month("2026-10", &month));
    assert_int_equal(month.end - month.start, 745 * HOUR);
    fill_ledger(month.start - DAY - 420, month.end + 20 * DAY, 4);
    /* Appended as it came, the file has all of it in hours only by now. */
    show(month.end - DAY);
    assert_caught_up(month.end + 20 * DAY);
    assert_same(month.start, month.end);
    assert_same(month.start - HOUR, month.start);
    assert_same(month.end - HOUR, month.end);
    /* The day on which clocks are set back has 25 hours. */
    assert_same(month.end - 7 * DAY - HOUR, month.end - 6 * DAY);
    for (int64_t day = month.start; day < month.end; day += DAY)
        assert_same(day, day + DAY);
    assert_true(calendar_set_zone("UTC"));
}

static void a_rebuild_equals_what_was_appended(void **state)
{
    int64_t day = T0 - T0 % DAY;
    double sum;
    unsigned files = 0;

    (void)state;
    show(T0);
    /* All at once, by appending: no hours. */
    fill_ledger(T0 + 60, day + 30 * DAY, 3);
    assert_caught_up(day + 30 * DAY);
    sum = sum_at(HOUR, day, day + 30 * DAY);
    assert_near("appended", sum, in_ledger(day, day + 30 * DAY).energy_kwh_high);
    assert_int_equal(
        roundrobin_rebuild(fixture->roundrobin, fixture->ledger, day + 30 * DAY, &files), 0);
    assert_int_equal(files, 2);
    assert_near("hours", sum_at(HOUR, day, day + 30 * DAY), sum);
    assert_near("days", sum_at(DAY, day, day + 30 * DAY), sum);
    assert_every_resolution(day + 28 * DAY, day + 30 * DAY);
    assert_every_resolution(day + 16 * DAY, day + 30 * DAY);
    show(day + 30 * DAY + 600);
    assert_same(day, day + 30 * DAY + 660);
}

/* Of a pair that was idle for weeks, the last minutes are written as an hour: they must not be
 * taken for minutes. */
static void a_rebuild_of_an_idle_pair_shows_no_hours_as_minutes(void **state)
{
    int64_t hour = T0 - T0 % HOUR;
    double total;
    unsigned files;

    (void)state;
    show(T0);
    assert_int_equal(
        roundrobin_rebuild(fixture->roundrobin, fixture->ledger, hour + 20 * DAY, &files), 0);
    assert_same(hour, hour + HOUR);
    assert_false(
        roundrobin_total(fixture->roundrobin, "DRH", "chat", "flows", T0 + 60, T0 + 120, &total));
}

/* ---- Files that cannot be trusted ---- */

static void damage(const char *name, off_t at, const char *bytes, size_t size)
{
    char path[PATH_MAX];
    int file;

    rrd_path(path, name);
    file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, bytes, size, at), size);
    close(file);
}

static void assert_made_anew(int64_t until, const char *why)
{
    restart();
    assert_caught_up(until);
    if (!strstr(roundrobin_error(fixture->roundrobin), why))
        fail_msg("\"%s\" does not say \"%s\"", roundrobin_error(fixture->roundrobin), why);
    assert_same(T0, until);
    assert_caught_up(until);
    assert_string_equal(roundrobin_error(fixture->roundrobin), "");
}

static void damaged_files_are_made_anew(void **state)
{
    char path[PATH_MAX];
    FILE *stream;

    (void)state;
    for (int i = 0; i < 30; i++)
        show(T0 + 60 * i);
    rrd_path(path, "DRH/chat.rrd");
    /* Not an RRD file; short; missing; of another layout; with a byte wrong. */
    stream = fopen(path, "we");
    for (int i = 0; i < 20000; i++)
        fputc('x', stream);
    fclose(stream);
    assert_made_anew(T0 + 1800, "it is not an RRD file");
    assert_int_equal(truncate(path, 100), 0);
    assert_made_anew(T0 + 1800, "too short");
    assert_int_equal(truncate(path, 100000), 0);
    assert_made_anew(T0 + 1800, "cut off");
    assert_int_equal(unlink(path), 0);
    assert_made_anew(T0 + 1800, "");
    damage("DRH/chat.rrd", 200, "x", 1);
    assert_made_anew(T0 + 1800, "header is damaged");
    damage("coverage.rrd", 140, "x", 1);
    assert_made_anew(T0 + 1800, "coverage.rrd was made anew: its header is damaged");
}

static void other_layouts_are_made_anew(void **state)
{
    const char *definition[] = {"DS:a:GAUGE:120:U:U", "RRA:AVERAGE:0.5:1:10"};
    struct roundrobin *other;
    char path[PATH_MAX];
    unsigned files;

    (void)state;
    for (int i = 0; i < 30; i++)
        show(T0 + 60 * i);
    rrd_path(path, "DRH/chat.rrd");
    assert_int_equal(rrd_create_r(path, 60, T0, 2, definition), 0);
    assert_made_anew(T0 + 1800, "chat.rrd was made anew");
    /* rrd_years was changed. */
    other = roundrobin_new(scratch_directory, YEARS + 1);
    assert_int_equal(roundrobin_rebuild(other, fixture->ledger, T0 + 1800, &files), 0);
    roundrobin_free(other);
    assert_made_anew(T0 + 1800, "of another layout");
}

/* librrd writes to the row that the header names, wherever that is. */
static void every_wrong_byte_of_the_state_is_harmless(void **state)
{
    static const char high[8] = {0, 0, 0, 0, 0, 0, 0, 0x10};
    static const char odd[8] = {1};
    off_t header = 128 + 21 * 120 + 4 * 120;
    off_t rows = header + 16 + 21 * 112 + 21 * 4 * 80;

    (void)state;
    for (int i = 0; i < 30; i++)
        show(T0 + 60 * i);
    for (int i = 0; i < 4; i++) {
        damage("DRH/chat.rrd", rows + 8 * i, high, 8);
        assert_made_anew(T0 + 1800, "header is damaged");
    }
    damage("DRH/chat.rrd", header, odd, 8);
    assert_made_anew(T0 + 1800, "header is damaged");
    damage("DRH/chat.rrd", header, high, 8);
    assert_made_anew(T0 + 1800, "header is damaged");
    damage("DRH/chat.rrd", header + 8, odd, 8);
    assert_made_anew(T0 + 1800, "header is damaged");
}

static void files_changed_by_others_are_noticed(void **state)
{
    unsigned files = 0;
    struct roundrobin *other = roundrobin_new(scratch_directory, YEARS);

    (void)state;
    for (int i = 0; i < 30; i++)
        show(T0 + 60 * i);
    commit_interval(T0 + 1800);
    commit_interval(T0 + 1860);
    /* `iagmeter rebuild` beside the daemon. */
    assert_int_equal(roundrobin_rebuild(other, fixture->ledger, T0 + 1920, &files), 0);
    roundrobin_free(other);
    assert_int_equal(files, 2);
    roundrobin_update(fixture->roundrobin, fixture->ledger, T0 + 1800);
    show(T0 + 1860);
    show(T0 + 1920);
    assert_same(T0, T0 + 1980);
}

/* A file as librrd writes it whole, with all its rows: that of an older version of ours. */
struct whole {
    char text[21 + 4][64];
    const char *definitions[21 + 4];
    int count;
    off_t size;
    char fixed[sizeof(stat_head_t) + 21 * sizeof(ds_def_t) + 4 * sizeof(rra_def_t)];
};

static void read_bytes(const char *path, void *out, size_t size, off_t *file_size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(file >= 0);
    assert_int_equal(pread(file, out, size, 0), size);
    assert_int_equal(fstat(file, &status), 0);
    *file_size = status.st_size;
    close(file);
}

/* Rows as daemon/roundrobin.c has them for YEARS. */
static void define_whole(struct whole *whole, const char *path, unsigned sources)
{
    static const char *const archives[] = {"1:2880", "5:4032", "60:17568", "1440:732"};
    ds_def_t definition;

    read_bytes(path, whole->fixed,
               sizeof(stat_head_t) + sources * sizeof(ds_def_t) + 4 * sizeof(rra_def_t),
               &whole->size);
    for (unsigned i = 0; i < sources; i++) {
        memcpy(&definition, whole->fixed + sizeof(stat_head_t) + i * sizeof(definition),
               sizeof(definition));
        snprintf(whole->text[whole->count], sizeof(whole->text[0]), "DS:%s:ABSOLUTE:315360000:U:U",
                 definition.ds_nam);
        whole->count++;
    }
    for (int i = 0; i < 4; i++)
        snprintf(whole->text[whole->count++], sizeof(whole->text[0]), "RRA:AVERAGE:0:%s",
                 archives[i]);
    for (int i = 0; i < whole->count; i++)
        whole->definitions[i] = whole->text[i];
}

static void assert_as_librrd_makes_it(const char *name, unsigned sources)
{
    struct whole ours = {.count = 0}, theirs = {.count = 0};
    char path[PATH_MAX], made[PATH_MAX];

    rrd_path(path, name);
    rrd_path(made, "whole.rrd");
    define_whole(&ours, path, sources);
    assert_int_equal(rrd_create_r(made, 60, T0, ours.count, ours.definitions), 0);
    define_whole(&theirs, made, sources);
    assert_int_equal(ours.size, theirs.size);
    assert_memory_equal(ours.fixed, theirs.fixed, sizeof(ours.fixed));
    assert_int_equal(unlink(made), 0);
}

static void files_are_as_librrd_makes_them(void **state)
{
    (void)state;
    show(T0);
    assert_as_librrd_makes_it("DRH/chat.rrd", 21);
    assert_as_librrd_makes_it("coverage.rrd", 4);
}

static void count_work(void *context)
{
    ++*(unsigned *)context;
}

/* The clock was set back by a minute: both files are made anew, and each is told. */
static void who_waits_hears_of_each_file(void **state)
{
    unsigned told = 0;

    (void)state;
    show(T0);
    roundrobin_set_working(fixture->roundrobin, count_work, &told);
    show(T0 + 60);
    assert_int_equal(told, 2);
    show(T0);
    assert_int_equal(told, 4);
    assert_same(T0, T0 + 60);
}

static void odd_names_are_refused(void **state)
{
    static const char *const codes[] = {"../x", ".x", "", "a/b", "a b", "\xc3\xa9"};
    const struct activity activity = {.flows = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        int64_t id;

        assert_int_equal(ledger_begin(fixture->ledger), LEDGER_OK);
        assert_int_equal(ledger_service(fixture->ledger, codes[i], "", &id), LEDGER_OK);
        assert_int_equal(ledger_add_activity(fixture->ledger, T0, fixture->direction, id,
                                             fixture->factors, &activity, NULL),
                         LEDGER_OK);
        assert_int_equal(ledger_commit(fixture->ledger), LEDGER_OK);
    }
    commit_interval(T0);
    assert_int_equal(roundrobin_update(fixture->roundrobin, fixture->ledger, T0), 6);
    assert_non_null(strstr(roundrobin_error(fixture->roundrobin), "cannot name a file"));
    assert_total("energy_kwh_high", T0, T0 + 60, in_ledger(T0, T0 + 60).energy_kwh_high);
}

static void assert_log_names_no_pair(const char *fragment)
{
    char reason[2 * PATH_MAX];

    roundrobin_reason(fixture->roundrobin, reason, sizeof(reason));
    if (strstr(reason, "DRH") || strstr(reason, "chat") || !strstr(reason, fragment))
        fail_msg("\"%s\"", reason);
}

static void totals_say_what_they_cannot_answer(void **state)
{
    struct roundrobin *roundrobin = fixture->roundrobin;
    double total;

    (void)state;
    assert_false(roundrobin_total(roundrobin, "DRH", "chat", "flows", T0, T0 + 60, &total));
    assert_non_null(strstr(roundrobin_error(roundrobin), "DRH/chat.rrd"));
    assert_log_names_no_pair("rrd/*/*.rrd");
    show(T0);
    show(T0 + 9 * DAY);
    assert_false(roundrobin_total(roundrobin, "DRH", "chat", "none", T0, T0 + 60, &total));
    assert_false(roundrobin_total(roundrobin, "../x", "chat", "flows", T0, T0 + 60, &total));
    assert_false(roundrobin_total(roundrobin, "DRH", "chat", "flows", T0, T0 + 60, &total));
    assert_non_null(strstr(roundrobin_error(roundrobin), "whole hours"));
    assert_false(roundrobin_total(roundrobin, "DRH", "chat", "flows",
                                  T0 - T0 % HOUR - INT64_C(3) * 366 * DAY, T0, &total));
    assert_true(roundrobin_total(roundrobin, "DRH", "chat", "flows", T0 - T0 % HOUR,
                                 T0 - T0 % HOUR + HOUR, &total));
    assert_near("flows", total, in_ledger(T0, T0 + 60).flows);
}

/* ---- Permissions, languages, full disks, kill -9 ---- */

static mode_t mode_of(const char *name)
{
    struct stat status;
    char path[PATH_MAX];

    rrd_path(path, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void modes_do_not_depend_on_the_umask(void **state)
{
    mode_t before = umask(077);

    (void)state;
    show(T0);
    umask(before);
    assert_int_equal(mode_of(""), 0750);
    assert_int_equal(mode_of("DRH"), 0750);
    assert_int_equal(mode_of("DRH/chat.rrd"), 0640);
    assert_int_equal(mode_of("coverage.rrd"), 0640);
}

static void commas_do_not_matter(void **state)
{
    char *before = strdup(setlocale(LC_ALL, NULL));

    (void)state;
    if (!setlocale(LC_ALL, "fr_FR.UTF-8") && !setlocale(LC_ALL, "de_DE.UTF-8")) {
        free(before);
        print_message("SKIPPED: no language with decimal commas is installed\n");
        skip();
    }
    show(T0);
    show(T0 + 600);
    setlocale(LC_ALL, before);
    free(before);
    assert_same(T0, T0 + 660);
}

/* cmocka's assertions jump into the parent's test run: a child says it by its exit status. */
static void expect(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "in the child: %s\n", what);
    _exit(1);
}

static void unwritable_directories_are_caught_up_with(void **state)
{
    char path[PATH_MAX];
    int status = 0;
    pid_t child;

    (void)state;
    show(T0);
    commit_interval(T0 + 60);
    restart();
    rrd_path(path, "");
    assert_int_equal(chmod(scratch_directory, 0755), 0);
    assert_int_equal(chmod(path, 0555), 0);
    rrd_path(path, ".new");
    assert_int_equal(chmod(path, 0555), 0);
    rrd_path(path, "DRH");
    assert_int_equal(chmod(path, 0555), 0);
    child = fork();
    if (child == 0) {
        if (geteuid() == 0)
            expect(setegid(NOBODY) == 0 && seteuid(NOBODY) == 0, "cannot become nobody");
        expect(roundrobin_update(fixture->roundrobin, fixture->ledger, T0 + 60) == 2,
               "two files should have failed");
        expect(strstr(roundrobin_error(fixture->roundrobin), "Permission denied"),
               roundrobin_error(fixture->roundrobin));
        if (seteuid(getuid()) != 0)
            _exit(1);
        rrd_path(path, "");
        expect(chmod(path, 0755) == 0, "chmod");
        rrd_path(path, ".new");
        expect(chmod(path, 0755) == 0, "chmod");
        rrd_path(path, "DRH");
        expect(chmod(path, 0755) == 0, "chmod");
        /* No new activity: what failed is remembered. */
        expect(roundrobin_update(fixture->roundrobin, fixture->ledger, T0 + 120) == 0,
               roundrobin_error(fixture->roundrobin));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_same(T0, T0 + 120);
}

static void fail_on_a_full_disk(void)
{
    char path[PATH_MAX];
    char small[PATH_MAX];

    rrd_path(path, "");
    scratch_path(small, "rrd/DRH");
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mkdir(path, 0750) != 0 || mount("none", path, "tmpfs", 0, "size=3m") != 0)
        _exit(77);
    expect(roundrobin_update(fixture->roundrobin, fixture->ledger, T0) > 0, "it was not full");
    fprintf(stderr, "as it should, on a full disk: %s\n", roundrobin_error(fixture->roundrobin));
    expect(mount("none", path, "tmpfs", MS_REMOUNT, "size=64m") == 0, "remount");
    expect(roundrobin_update(fixture->roundrobin, fixture->ledger, T0 + 60) == 0,
           roundrobin_error(fixture->roundrobin));
    assert_same(T0, T0 + 60);
    _exit(0);
}

static void full_disks_are_caught_up_with(void **state)
{
    int status = 0;
    pid_t child;

    (void)state;
    commit_interval(T0);
    child = fork();
    if (child == 0)
        fail_on_a_full_disk();
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("SKIPPED: a full disk (a tmpfs cannot be mounted here)\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void open_ledger(bool writable)
{
    char error[2 * PATH_MAX] = "";

    fixture->ledger = ledger_open(scratch_directory, writable, error, sizeof(error));
    if (!fixture->ledger)
        fail_msg("%s", error);
}

static void show_until_killed(int64_t shown, int64_t until, int announce)
{
    open_ledger(false);
    for (int64_t t = shown; t < until; t += 60) {
        expect(roundrobin_update(fixture->roundrobin, fixture->ledger, t) == 0,
               roundrobin_error(fixture->roundrobin));
        expect(t > shown || write(announce, "", 1) == 1, "pipe");
    }
    pause();
}

/* Shows what follows SHOWN in another process, until killed. Returns the last update. */
static int64_t kill_while_showing(int64_t shown, int64_t until)
{
    char path[PATH_MAX];
    int channel[2];
    pid_t child;
    char byte;

    restart();
    ledger_close(fixture->ledger); /* it must not be taken through a fork */
    assert_int_equal(pipe(channel), 0);
    child = fork();
    if (child == 0)
        show_until_killed(shown, until, channel[1]);
    close(channel[1]);
    assert_int_equal(read(channel[0], &byte, 1), 1);
    close(channel[0]);
    usleep((unsigned)rand_r(&fixture->seed) % 10000);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    open_ledger(true);
    rrd_path(path, "DRH/chat.rrd");
    return rrd_last_r(path);
}

/* A file that is written in place is torn by a kill, now and then, and nothing in it tells. */
static void kills_leave_exact_files(void **state)
{
    int64_t from = T0 - T0 % HOUR;
    int64_t recorded = from + 47 * HOUR;
    int64_t shown = from + HOUR;
    int wanted = thinned_count(20);
    int kills = 0;

    (void)state;
    fill_ledger(from, recorded, 1);
    assert_caught_up(shown);
    for (; kills < wanted && shown < recorded - HOUR; kills++) {
        int64_t killed_at = kill_while_showing(shown, recorded);

        shown = killed_at - killed_at % HOUR + HOUR;
        assert_caught_up(shown);
        assert_same(from, shown);
        assert_near("hours", sum_at(HOUR, from, shown), in_ledger(from, shown).energy_kwh_high);
    }
    assert_true(kills > 1);
}

/* The marker tells; a file that it is about is not looked at any further. */
static void after_a_crash_no_file_is_trusted(void **state)
{
    char path[PATH_MAX];
    ino_t before;

    (void)state;
    for (int i = 0; i < 30; i++)
        show(T0 + 60 * i);
    restart();
    before = inode("DRH/chat.rrd");
    rrd_path(path, ".open");
    assert_int_not_equal(access(path, F_OK), 0);
    fclose(fopen(path, "we"));
    assert_caught_up(T0 + 1800);
    assert_int_not_equal(inode("DRH/chat.rrd"), before);
    restart();
    assert_int_not_equal(access(path, F_OK), 0);
    before = inode("DRH/chat.rrd");
    assert_caught_up(T0 + 1800);
    assert_int_equal(inode("DRH/chat.rrd"), before);
}

/* A disk that fails at the end is the same as a crash: here something that cannot be put on one. */
static void what_is_not_on_the_disk_is_not_trusted(void **state)
{
    char path[PATH_MAX];
    char marker[PATH_MAX];

    (void)state;
    for (int i = 0; i < 30; i++)
        show(T0 + 60 * i);
    rrd_path(path, "DRH/chat.rrd");
    rrd_path(marker, ".open");
    assert_int_equal(access(marker, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    restart();
    assert_int_equal(access(marker, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_caught_up(T0 + 1800);
    assert_same(T0, T0 + 1800);
    restart();
    assert_int_not_equal(access(marker, F_OK), 0);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Not run by default: IAGMETER_MEASURE=1. */
static void how_long_it_takes(void **state)
{
    int64_t day = T0 - T0 % DAY;
    double start;
    unsigned files;

    (void)state;
    if (!getenv("IAGMETER_MEASURE")) {
        print_message("SKIPPED: measuring (set IAGMETER_MEASURE)\n");
        skip();
    }
    start = seconds();
    fill_ledger(day, day + 365 * DAY, 1);
    print_message("a year of minutes into the ledger: %.2f s\n", seconds() - start);
    start = seconds();
    assert_int_equal(
        roundrobin_rebuild(fixture->roundrobin, fixture->ledger, day + 365 * DAY, &files), 0);
    print_message("rebuilding %u files from it: %.2f s\n", files, seconds() - start);
    assert_same(day, day + 365 * DAY);
    start = seconds();
    for (int i = 0; i < 100; i++)
        assert_updated(day + 365 * DAY + 60 * i);
    print_message("an update without activity: %.3f ms\n", (seconds() - start) * 10);
    fill_ledger(day + 365 * DAY + 6000, day + 365 * DAY + 12000, 1);
    start = seconds();
    for (int i = 100; i < 200; i++)
        assert_updated(day + 365 * DAY + 60 * i);
    print_message("an update of two files: %.3f ms\n", (seconds() - start) * 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(totals_are_exact_at_every_resolution),
        TEST(an_idle_file_is_not_touched),
        TEST(gaps_and_restarts_lose_nothing),
        TEST(late_rows_rebuild_the_file),
        TEST(a_time_far_ahead_is_survived),
        TEST(months_of_local_time_are_exact),
        TEST(a_rebuild_equals_what_was_appended),
        TEST(a_rebuild_of_an_idle_pair_shows_no_hours_as_minutes),
        TEST(damaged_files_are_made_anew),
        TEST(other_layouts_are_made_anew),
        TEST(every_wrong_byte_of_the_state_is_harmless),
        TEST(files_changed_by_others_are_noticed),
        TEST(files_are_as_librrd_makes_them),
        TEST(who_waits_hears_of_each_file),
        TEST(odd_names_are_refused),
        TEST(totals_say_what_they_cannot_answer),
        TEST(modes_do_not_depend_on_the_umask),
        TEST(commas_do_not_matter),
        TEST(unwritable_directories_are_caught_up_with),
        TEST(full_disks_are_caught_up_with),
        TEST(kills_leave_exact_files),
        TEST(after_a_crash_no_file_is_trusted),
        TEST(what_is_not_on_the_disk_is_not_trusted),
        TEST(how_long_it_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
