/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/monthsums.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "reports/monthfile.h"
#include "tests/daemon/scratchsql.h"
#include "tests/reports/hostworld.h"
#include "tests/reports/year.h"

#define MONTHS   12
#define STEPS    60 /* of each random ledger */
#define LEDGERS  3
#define MINUTE_S 60
#define UTC_DAY  INT64_C(86400)

static struct world world;

static int setup(void **state)
{
    (void)state;
    year_setup(&world);
    scratch_mkdir("nowhere");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

/* ---- What is told of a year ---- */

/* Every bit of it. */
static void describe_totals(const struct month_totals *totals, FILE *stream)
{
    const struct activity *activity = &totals->activity;

    fprintf(stream, " %u %u %lu %lu %lu", activity->grade, activity->flows,
            (unsigned long)activity->bytes_up, (unsigned long)activity->bytes_down,
            (unsigned long)activity->bytes_other);
    for (int i = 0; i < MONTH_INDICATORS; i++) {
        struct triple value = month_value(totals, (enum month_indicator)i);

        fprintf(stream, " %a %a %a", value.low, value.central, value.high);
    }
    fprintf(stream, " %a %a %a %a %a %a\n", activity->tokens_out_variance, activity->energy_j,
            activity->host_s, totals->measured_kwh, totals->unscattered_requests,
            totals->unscattered_tokens_out);
}

static void describe_coverage(const struct monthsums *sums, FILE *stream)
{
#define DESCRIBE(name) fprintf(stream, " %lu", (unsigned long)sums->coverage.name);
    COVERAGE_COUNTERS(DESCRIBE)
#undef DESCRIBE
    for (size_t i = 0; i < sums->vintage_count; i++)
        fprintf(stream, " %s", sums->vintages[i]);
    fprintf(stream, " %d %d %d %a\n", sums->local_counts_shown, (int)sums->suppressed,
            sums->units_of_shown, sums->tokens_with_impact);
}

static void describe(const struct monthsums *sums, FILE *stream)
{
    describe_coverage(sums, stream);
    fprintf(stream, "%d-%d %d %d %d %a %a", sums->year, sums->month, sums->running, sums->withheld,
            sums->unused, sums->covered_s, sums->month_s);
    fprintf(stream, " %d %a %a %a %a %a %a\n", sums->host_hidden, sums->wire.in, sums->wire.out,
            sums->unseen.in, sums->unseen.out, sums->server.in, sums->server.out);
    describe_totals(&sums->total, stream);
    for (size_t i = 0; i < sums->count; i++) {
        fputs(sums->rows[i].id, stream);
        describe_totals(&sums->rows[i].totals, stream);
    }
    describe_totals(&sums->other, stream);
    for (size_t i = 0; i < sums->service_count; i++) {
        fputs(sums->services[i].id, stream);
        describe_totals(&sums->services[i].totals, stream);
    }
}

struct told {
    char *text;
    char *complaints;
    unsigned months_read;
};

static void forget(struct told *told)
{
    free(told->text);
    free(told->complaints);
    *told = (struct told){0};
}

/* Of the months of 2026, at NOW. */
static struct told tell(struct ledger *ledger, const struct config *config, int64_t now)
{
    struct told told = {0};
    size_t sizes[2];
    FILE *complaints = open_memstream(&told.complaints, &sizes[0]);
    FILE *text = open_memstream(&told.text, &sizes[1]);
    struct monthsums_store *store = monthsums_open(ledger, config, now, complaints);
    struct calendar_month january = year_month("2026-01");

    assert_non_null(store);
    for (int i = 0; i < MONTHS; i++) {
        const struct monthsums *sums;
        char error[300] = "";

        if (!monthsums_get(store, calendar_shift(january, i), &sums, error, sizeof(error)))
            fail_msg("%s", error);
        if (sums)
            describe(sums, text);
    }
    told.months_read = monthsums_months_read(store);
    monthsums_close(store);
    fclose(complaints);
    fclose(text);
    return told;
}

static void file_path(const struct config *config, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.200s/" MONTHFILE_NAME, config->state_directory);
}

/* All of it from the ledger; returns the number of months that it holds. */
static unsigned assert_told_from_the_ledger(struct ledger *ledger, const struct config *config,
                                            int64_t now, const struct told *told)
{
    struct config elsewhere = *config;
    char path[PATH_MAX];
    struct told full;
    unsigned months;

    scratch_path(elsewhere.state_directory, "nowhere");
    file_path(&elsewhere, path);
    unlink(path);
    full = tell(ledger, &elsewhere, now);
    months = full.months_read;
    assert_string_equal(told->text, full.text);
    forget(&full);
    return months;
}

/* As if nothing was kept, having read MONTHS from the ledger, with COMPLAINT or none. */
static void assert_tells(int64_t now, unsigned months, const char *complaint)
{
    struct told told = tell(world.ledger, world.config, now);

    assert_told_from_the_ledger(world.ledger, world.config, now, &told);
    assert_int_equal(told.months_read, months);
    if (complaint) {
        assert_non_null(strstr(told.complaints, complaint));
        assert_ptr_equal(strchr(told.complaints, '\n'),
                         told.complaints + strlen(told.complaints) - 1);
    } else
        assert_string_equal(told.complaints, "");
    forget(&told);
}

/* ---- Random ledgers ---- */

#define MOST_ROWS (4 * STEPS + 40)

/* Which months of 2026 have to be read again, and where there is a row. */
struct expected {
    bool stale[MONTHS];
    int64_t rows[MOST_ROWS];
    size_t count;
};

static int below(int bound)
{
    return rand() % bound;
}

static struct calendar_month month_number(int i)
{
    return calendar_shift(year_month("2026-01"), i);
}

static void mark(struct expected *expected, int64_t time_s)
{
    assert_in_range(expected->count, 0, MOST_ROWS - 1);
    expected->rows[expected->count++] = time_s;
    for (int i = 0; i < MONTHS; i++) {
        struct calendar_month month = month_number(i);
        int64_t from = month.start / UTC_DAY * UTC_DAY;
        int64_t until = (month.end + UTC_DAY - 1) / UTC_DAY * UTC_DAY;

        expected->stale[i] |= from <= time_s && time_s < until;
    }
}

static void mark_all(struct expected *expected)
{
    for (int i = 0; i < MONTHS; i++)
        expected->stale[i] = true;
}

/* Often around the ends of months and of the year, midnights of UTC, and changes of the hour. */
static int64_t random_time(void)
{
    static const char *const changes[] = {"2026-03-29", "2026-10-25"};
    struct calendar_month month = calendar_shift(year_month("2025-12"), below(MONTHS + 2));
    int64_t day;

    switch (below(5)) {
    case 0:
        return month.start + MINUTE_S * (below(7) - 3);
    case 1:
        return month.end / UTC_DAY * UTC_DAY + MINUTE_S * (below(7) - 3);
    case 2:
        assert_true(calendar_parse_day(changes[below(2)], &day));
        return day * UTC_DAY + MINUTE_S * below(240);
    default:
        return month.start + MINUTE_S * below(28 * 1440);
    }
}

static void add_random_use(struct expected *expected)
{
    static const char *const services[] = {"a", "b", "c"};
    int64_t time_s = calendar_interval(random_time());

    year_use(&world, time_s, (uint16_t)(DRH + below(3)), services[below(3)],
             1.0 / (1 + below(1000)), (uint32_t)below(12));
    mark(expected, time_s);
}

static void add_random_coverage(struct expected *expected)
{
    const struct coverage coverage = {.covered_ns = UINT64_C(1000000000) * (unsigned)below(70)};
    int64_t time_s = calendar_interval(random_time());

    assert_int_equal(ledger_begin(world.ledger), LEDGER_OK);
    assert_int_equal(ledger_add_coverage(world.ledger, time_s, &coverage), LEDGER_OK);
    assert_int_equal(ledger_commit(world.ledger), LEDGER_OK);
    mark(expected, time_s);
}

static void change_something(struct expected *expected)
{
    int64_t set;

    switch (below(12)) {
    case 0: /* more or less is folded */
        world.config->report.threshold = 1 + (world.config->report.threshold + 1) % 9;
        mark_all(expected);
        break;
    case 1: /* from here on; what was recorded stays what it is */
        assert_int_equal(ledger_factor_set(world.ledger, "2027", (uint64_t)below(5), &set),
                         LEDGER_OK);
        world.factor_set = set;
        world.config->digest++;
        break;
    case 2:
        assert_int_equal(ledger_set_fact(world.ledger, "heartbeat", "x"), LEDGER_OK);
        break;
    case 3:
        add_random_coverage(expected);
        break;
    default:
        for (int i = below(3); i >= 0; i--)
            add_random_use(expected);
    }
}

static bool has_rows(const struct expected *expected, int64_t from, int64_t until)
{
    for (size_t i = 0; i < expected->count; i++)
        if (from <= expected->rows[i] && expected->rows[i] < until)
            return true;
    return false;
}

/* Months that are read: what changed of those that are over, and the one that is running. */
static unsigned months_to_read(struct expected *expected, int64_t now)
{
    unsigned count = 0;

    for (int i = 0; i < MONTHS; i++) {
        struct calendar_month month = month_number(i);
        bool is_running = now < month.end;
        bool is_there = has_rows(expected, month.start, is_running ? now : month.end);

        count += is_there && (is_running || expected->stale[i]);
        expected->stale[i] = is_running;
    }
    return count;
}

/* The clock goes on, from February until all of the year is over. */
static void random_ledger(unsigned seed)
{
    struct expected expected = {0};
    int64_t from = year_month("2026-02").start, until = year_month("2026-12").end + 2 * UTC_DAY;

    srand(seed);
    mark_all(&expected);
    for (int i = 0; i < 20; i++)
        add_random_use(&expected);
    for (int step = 0; step <= STEPS; step++) {
        int64_t now = calendar_interval(from + (until - from) * step / STEPS);
        struct told told = tell(world.ledger, world.config, now);
        unsigned months = months_to_read(&expected, now);

        assert_told_from_the_ledger(world.ledger, world.config, now, &told);
        if (told.months_read != months)
            fail_msg("seed %u, step %d: %u months read, not %u", seed, step, told.months_read,
                     months);
        assert_string_equal(told.complaints, "");
        forget(&told);
        change_something(&expected);
    }
}

static void what_is_kept_tells_what_the_ledger_tells(void **state)
{
    for (unsigned seed = 1; seed <= LEDGERS; seed++) {
        random_ledger(seed);
        teardown(state);
        setup(state);
    }
}

/* ---- The file ---- */

#define AFTER (year_month("2026-04").start + 12 * 3600)

/* Three months that are over, a pair folded in each. */
static void three_months(void)
{
    static const char *const months[] = {"2026-01", "2026-02", "2026-03"};

    for (int i = 0; i < 3; i++) {
        year_use(&world, year_noon(months[i], 10), DRH, "a", 1.0 / (3 + i), DEVICES_MANY);
        year_use(&world, year_noon(months[i], 11), DSN, "a", 1.0 / (5 + i), DEVICES_MANY);
        year_use(&world, year_noon(months[i], 12), CAB, "b", 1.0 / (7 + i), DEVICES_FEW);
        year_cover(&world, months[i], 3);
    }
}

static char *read_file(size_t *size)
{
    char path[PATH_MAX];
    char *bytes = malloc(1 << 20);
    FILE *stream;

    file_path(world.config, path);
    stream = fopen(path, "re");
    assert_non_null(stream);
    *size = fread(bytes, 1, 1 << 20, stream);
    assert_int_equal(fclose(stream), 0);
    return bytes;
}

static void write_file(const char *bytes, size_t size)
{
    char path[PATH_MAX];
    FILE *stream;

    file_path(world.config, path);
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static void it_holds_nothing_that_reports_hide(void **state)
{
    struct stat status;
    char path[PATH_MAX];
    size_t size;
    char *text;

    (void)state;
    three_months();
    world.config->report.threshold = 50; /* in April: nothing but coverage may be told */
    assert_tells(AFTER, 3, NULL);
    text = read_file(&size);
    text[size] = '\0';
    assert_null(strstr(text, "DRH"));
    free(text);
    world.config->report.threshold = 5;
    assert_tells(AFTER, 3, NULL);
    text = read_file(&size);
    text[size] = '\0';
    assert_non_null(strstr(text, "\nDRH\t"));
    assert_null(strstr(text, "CAB"));
    free(text);
    file_path(world.config, path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
}

/* Whatever is cut off behind the first line, and whichever byte is another: it is said once, and
 * nothing wrong told. */
static void a_damaged_file_is_made_anew(void **state)
{
    char *whole, *broken;
    size_t size;

    (void)state;
    three_months();
    assert_tells(AFTER, 3, NULL);
    assert_tells(AFTER, 0, NULL);
    whole = read_file(&size);
    broken = malloc(size + 1);
    srand(7);
    for (int i = 0; i < 30; i++) {
        size_t length = i % 3 == 0 ? (size_t)(100 + below((int)size - 100)) : size;

        memcpy(broken, whole, size);
        if (i % 3 == 1)
            broken[100 + below((int)size - 100)] ^= (char)(1 << below(7));
        if (i % 3 == 2)
            broken[length++] = '\n';
        write_file(broken, length);
        assert_tells(AFTER, 3, "months.tsv is ");
        assert_tells(AFTER, 0, NULL);
    }
    write_file("accounts", 8);
    assert_tells(AFTER, 3, "is not what iagmeter writes there");
    free(broken);
    free(whole);
}

/* Signed by whoever wrote it wrongly: it is not believed either. */
static void what_is_no_month_is_refused(void **state)
{
    static const char *const wrong[] = {"2026\t13\t", "2026\t1\tabc\t", "hello\n", "\n"};
    size_t size;
    char *whole;

    (void)state;
    three_months();
    assert_tells(AFTER, 3, NULL);
    whole = read_file(&size);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        size_t head = (size_t)(strchr(whole, '\n') + 1 - whole);
        char text[1000], hash[MONTHSUMS_STAMP_SIZE];

        snprintf(text, sizeof(text), "%.*s%s", (int)head, whole, wrong[i]);
        monthfile_hash(text, strlen(text), hash);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "# sha256 %s\n", hash);
        write_file(text, strlen(text));
        assert_tells(AFTER, 3, "is not what iagmeter writes there");
    }
    free(whole);
}

/* Signed, and of the same version of the program: other rules made it. */
static void what_other_rules_made_is_read_again(void **state)
{
    static const char rules[] = " rules " MONTHSUMS_RULES " ";
    char hash[MONTHSUMS_STAMP_SIZE];
    char *whole, *found, *end;
    size_t size;

    (void)state;
    three_months();
    assert_tells(AFTER, 3, NULL);
    whole = read_file(&size);
    whole[size] = '\0';
    found = strstr(whole, rules);
    assert_non_null(found);
    assert_true(found < strchr(whole, '\n'));
    found[sizeof(" rules ") - 1]++;
    end = strstr(whole, "# sha256 ");
    monthfile_hash(whole, (size_t)(end - whole), hash);
    memcpy(end + sizeof("# sha256 ") - 1, hash, strlen(hash));
    write_file(whole, size);
    free(whole);
    assert_tells(AFTER, 3, NULL);
    assert_tells(AFTER, 0, NULL);
}

/* Though nobody asks about its months. */
static void what_is_stale_does_not_stay(void **state)
{
    struct monthsums_store *store;
    size_t size;
    char *text;

    (void)state;
    three_months();
    world.config->report.threshold = 1;
    assert_tells(AFTER, 3, NULL);
    text = read_file(&size);
    text[size] = '\0';
    assert_non_null(strstr(text, "\nCAB\t"));
    free(text);
    world.config->report.threshold = 5;
    store = monthsums_open(world.ledger, world.config, AFTER, stderr);
    assert_non_null(store);
    monthsums_close(store);
    text = read_file(&size);
    text[size] = '\0';
    assert_null(strstr(text, "CAB"));
    assert_null(strstr(text, "DRH"));
    free(text);
}

/* It says nothing, and is replaced. */
static void a_file_of_another_version_is_no_error(void **state)
{
    static const char future[] = "# iagmeter months/9 2.0: of the future\n1\t2\n";

    (void)state;
    three_months();
    assert_tells(AFTER, 3, NULL);
    write_file(future, strlen(future));
    assert_tells(AFTER, 3, NULL);
    assert_tells(AFTER, 0, NULL);
}

/* As it is for who may read the ledger alone; the directory is a file here, so that root cannot. */
static void who_cannot_write_it_reads_the_ledger(void **state)
{
    struct told told;
    char path[PATH_MAX];

    (void)state;
    three_months();
    scratch_write("derived", "in the way");
    told = tell(world.ledger, world.config, AFTER);
    assert_told_from_the_ledger(world.ledger, world.config, AFTER, &told);
    assert_int_equal(told.months_read, 3);
    assert_non_null(strstr(told.complaints, "derived/months.tsv"));
    forget(&told);
    scratch_path(path, "derived");
    unlink(path);
    if (geteuid() == 0)
        return;
    scratch_mkdir("derived");
    assert_int_equal(chmod(path, 0500), 0);
    assert_tells(AFTER, 3, NULL);
    assert_int_equal(chmod(path, 0700), 0);
}

static void copy(const char *from, const char *to)
{
    char command[2 * PATH_MAX + 20];

    snprintf(command, sizeof(command), "cp '%s/%s' '%s/%s'", scratch_directory, from,
             scratch_directory, to);
    assert_int_equal(system(command), 0);
}

static void reopen(void)
{
    char error[200] = "";

    world.ledger = ledger_open(scratch_directory, true, error, sizeof(error));
    assert_string_equal(error, "");
}

/* A ledger that was restored, and then written to just as often, is another one. */
static void a_restored_ledger_is_read_again(void **state)
{
    (void)state;
    three_months();
    ledger_close(world.ledger);
    copy("ledger.db", "backup.db");
    reopen();
    year_use(&world, year_noon("2026-02", 20), DRH, "a", 100, DEVICES_MANY);
    assert_tells(AFTER, 3, NULL);
    ledger_close(world.ledger);
    copy("backup.db", "ledger.db");
    reopen();
    assert_tells(AFTER, 1, NULL);
    year_use(&world, year_noon("2026-02", 20), DRH, "a", 200, DEVICES_MANY);
    assert_tells(AFTER, 1, NULL);
    assert_tells(AFTER, 0, NULL);
}

/* Whose days cannot be told apart, as long as no daemon has opened it. */
static void of_an_older_ledger_nothing_is_kept(void **state)
{
    char error[200] = "";

    (void)state;
    three_months();
    assert_tells(AFTER, 3, NULL);
    ledger_close(world.ledger);
    assert_int_equal(scratch_sql("ledger.db", "DROP TABLE day_revision; PRAGMA user_version = 6"),
                     SQLITE_OK);
    world.ledger = ledger_open(scratch_directory, false, error, sizeof(error));
    assert_string_equal(error, "");
    assert_tells(AFTER, 3, NULL);
    assert_tells(AFTER, 3, NULL);
    ledger_close(world.ledger);
    reopen();
    assert_tells(AFTER, 3, NULL); /* from here on, it can */
    assert_tells(AFTER, 0, NULL);
}

/* Months begin and end elsewhere. */
static void another_time_zone_has_other_months(void **state)
{
    (void)state;
    three_months();
    year_use(&world, year_month("2026-02").end - MINUTE_S, DRH, "a", 9, DEVICES_MANY);
    assert_tells(AFTER, 3, NULL);
    assert_true(calendar_set_zone("America/Martinique"));
    assert_tells(AFTER, 3, NULL);
    assert_true(calendar_set_zone("Europe/Madrid")); /* as in Paris */
    assert_tells(AFTER, 3, NULL);
    assert_true(calendar_set_zone("Europe/Paris"));
    assert_tells(AFTER, 0, NULL);
}

/* A clock that was put back: months that are not over any more are read as they are. */
static void of_a_month_that_runs_nothing_is_kept(void **state)
{
    (void)state;
    three_months();
    assert_tells(AFTER, 3, NULL);
    assert_tells(year_noon("2026-03", 20), 1, NULL);
    assert_tells(AFTER, 0, NULL);
}

/* ---- A host of our own ---- */

static int set_up_host(void **state)
{
    return host_setup(state);
}

static int tear_down_host(void **state)
{
    return host_teardown(state);
}

/* What is common goes to all by the key of host.conf: who is entitled to it is a cause, too. */
static void what_is_common_follows_the_key(void **state)
{
    static const char entitled[] = "sharing = ( { from = \"2026-10\"; key = \"entitlement\";"
                                   " entitlement = ( { direction = \"DSN\"; share = 0.75; },"
                                   " { direction = \"RH\"; share = 0.25; } ); } );";
    struct told told;
    char *before;

    (void)state;
    host_month();
    scratch_mkdir("nowhere");
    told = tell(host_ledger, host_config, HOST_LATER);
    assert_int_equal(assert_told_from_the_ledger(host_ledger, host_config, HOST_LATER, &told), 1);
    assert_int_equal(told.months_read, 1);
    before = told.text;
    free(told.complaints);
    told = tell(host_ledger, host_config, HOST_LATER);
    assert_int_equal(told.months_read, 0);
    assert_string_equal(told.text, before);
    assert_non_null(strstr(told.text, "RH"));
    forget(&told);
    host_configure(entitled);
    told = tell(host_ledger, host_config, HOST_LATER);
    assert_int_equal(assert_told_from_the_ledger(host_ledger, host_config, HOST_LATER, &told), 1);
    assert_int_equal(told.months_read, 1);
    assert_string_not_equal(told.text, before);
    forget(&told);
    free(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_tells_what_the_ledger_tells),
        TEST(it_holds_nothing_that_reports_hide),
        TEST(a_damaged_file_is_made_anew),
        TEST(what_is_no_month_is_refused),
        TEST(what_other_rules_made_is_read_again),
        TEST(what_is_stale_does_not_stay),
        TEST(a_file_of_another_version_is_no_error),
        TEST(who_cannot_write_it_reads_the_ledger),
        TEST(a_restored_ledger_is_read_again),
        TEST(of_an_older_ledger_nothing_is_kept),
        TEST(another_time_zone_has_other_months),
        TEST(of_a_month_that_runs_nothing_is_kept),
        cmocka_unit_test_setup_teardown(what_is_common_follows_the_key, set_up_host,
                                        tear_down_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
