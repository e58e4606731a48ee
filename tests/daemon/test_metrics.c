/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/metrics.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/calibrationuse.h"
#include "daemon/meter.h"
#include "daemon/version.h"
#include "tests/daemon/scratchsql.h"
#include "tests/reports/year.h"

#define MAX_SERIES 400
#define TEXT_SIZE  400

static struct world world;
static char *output;
static bool is_running;

static int setup(void **state)
{
    (void)state;
    year_setup(&world);
    is_running = true;
    world.config->calibrations = calloc(1, sizeof(*world.config->calibrations));
    assert_non_null(world.config->calibrations);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(output);
    output = NULL;
    free(world.config->calibrations);
    world_close(&world);
    return 0;
}

static bool write_at(int64_t now_s)
{
    size_t size;
    FILE *stream;
    bool written;

    free(output);
    stream = open_memstream(&output, &size);
    written = metrics_write_capture(world.ledger, world.config, is_running, now_s, stream) &&
              metrics_write_use(world.ledger, world.config, now_s, stream);
    fclose(stream);
    return written;
}

/* ---- A strict reader of the text exposition format 0.0.4 ---- */

/* Stricter than the format asks: HELP, then TYPE, then the samples of each metric together, no
 * blanks but where they must be, a unit of its own for "counter", no series twice. */
struct reader {
    const char *at;
    char family[TEXT_SIZE];
    bool is_counter;
    unsigned samples;                       /* of the family */
    char families[MAX_SERIES][TEXT_SIZE];   /* seen */
    char series[MAX_SERIES][2 * TEXT_SIZE]; /* seen: name and labels as written */
    size_t family_count;
    size_t series_count;
    const char *problem;
};

static bool refuse(struct reader *reader, const char *problem)
{
    reader->problem = problem;
    return false;
}

static bool take(struct reader *reader, const char *words)
{
    if (strncmp(reader->at, words, strlen(words)) != 0)
        return false;
    reader->at += strlen(words);
    return true;
}

/* [a-zA-Z_:][a-zA-Z0-9_:]*, for labels without the colon. */
static bool take_name(struct reader *reader, bool colons, char out[TEXT_SIZE])
{
    size_t length = 0;

    while (isalnum((unsigned char)reader->at[length]) || reader->at[length] == '_' ||
           (colons && reader->at[length] == ':'))
        length++;
    if (length == 0 || length >= TEXT_SIZE || isdigit((unsigned char)reader->at[0]))
        return refuse(reader, "no name");
    snprintf(out, TEXT_SIZE, "%.*s", (int)length, reader->at);
    reader->at += length;
    return true;
}

static bool is_listed(char (*list)[TEXT_SIZE], size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static bool take_head(struct reader *reader)
{
    char name[TEXT_SIZE];

    if (!take_name(reader, true, name) || !take(reader, " "))
        return refuse(reader, "no name in HELP");
    if (is_listed(reader->families, reader->family_count, name))
        return refuse(reader, "metric twice");
    if (reader->family[0] && reader->samples == 0)
        return refuse(reader, "metric without samples");
    if (*reader->at == '\n')
        return refuse(reader, "no help");
    for (; *reader->at != '\n'; reader->at++)
        if (!*reader->at || (*reader->at == '\\' && *++reader->at != '\\' && *reader->at != 'n'))
            return refuse(reader, "help ends wrongly");
    snprintf(reader->family, sizeof(reader->family), "%s", name);
    snprintf(reader->families[reader->family_count++], TEXT_SIZE, "%s", name);
    reader->samples = 0;
    if (!take(reader, "\n# TYPE ") || !take(reader, name) || !take(reader, " "))
        return refuse(reader, "no TYPE after HELP");
    reader->is_counter = take(reader, "counter\n");
    if (!reader->is_counter && !take(reader, "gauge\n"))
        return refuse(reader, "unknown type");
    if (reader->is_counter != (strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0))
        return refuse(reader, "_total is for counters");
    return true;
}

static bool take_labels(struct reader *reader)
{
    char names[8][TEXT_SIZE];
    size_t count = 0;

    do {
        if (count == 8 || !take_name(reader, false, names[count]))
            return refuse(reader, "no name of label");
        if (is_listed(names, count, names[count]))
            return refuse(reader, "label twice");
        count++;
        if (!take(reader, "=\""))
            return refuse(reader, "no value of label");
        for (; *reader->at != '"'; reader->at++) {
            if (!*reader->at || *reader->at == '\n')
                return refuse(reader, "label ends with the line");
            if (*reader->at == '\\' && !strchr("\\\"n", *++reader->at))
                return refuse(reader, "unknown escape");
        }
        reader->at++;
    } while (take(reader, ","));
    return take(reader, "}") || refuse(reader, "labels do not end");
}

static bool take_value(struct reader *reader)
{
    char *end;
    double value = strtod(reader->at, &end);

    if (end == reader->at || isspace((unsigned char)*reader->at) || !isfinite(value))
        return refuse(reader, "no value");
    if (reader->is_counter && value < 0)
        return refuse(reader, "counter below zero");
    reader->at = end;
    return take(reader, "\n") || refuse(reader, "line goes on");
}

static bool take_sample(struct reader *reader)
{
    const char *start = reader->at;
    char name[TEXT_SIZE], *series = reader->series[reader->series_count];

    if (!take_name(reader, true, name))
        return false;
    if (strcmp(name, reader->family) != 0)
        return refuse(reader, "sample of another metric");
    if (take(reader, "{") && !take_labels(reader))
        return false;
    snprintf(series, sizeof(reader->series[0]), "%.*s", (int)(reader->at - start), start);
    for (size_t i = 0; i < reader->series_count; i++)
        if (strcmp(reader->series[i], series) == 0)
            return refuse(reader, "series twice");
    reader->series_count++;
    reader->samples++;
    return (take(reader, " ") || refuse(reader, "no blank before the value")) && take_value(reader);
}

/* NULL, or what is wrong. */
static const char *check(const char *text, size_t *series)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    const char *problem;

    reader->at = text;
    while (*reader->at && !reader->problem && reader->series_count < MAX_SERIES) {
        if (take(reader, "# HELP "))
            take_head(reader);
        else
            take_sample(reader);
    }
    problem = reader->problem;
    if (!problem && (reader->samples == 0 || *reader->at))
        problem = "metric without samples, or too many";
    if (series)
        *series = reader->series_count;
    free(reader);
    return problem;
}

#define HEAD "# HELP a_b A b.\n# TYPE a_b gauge\n"

static void the_reader_is_strict(void **state)
{
    static const char *const wrong[] = {
        "",
        "a_b 1\n",
        "# TYPE a_b gauge\na_b 1\n",
        "# HELP a_b\n# TYPE a_b gauge\na_b 1\n",
        "# HELP a_b A.\n# TYPE a_c gauge\na_b 1\n",
        "# HELP a_b A.\n# TYPE a_b sum\na_b 1\n",
        "# HELP a_b A\\x.\n# TYPE a_b gauge\na_b 1\n",
        "# HELP a_b A.\n# TYPE a_b counter\na_b 1\n",
        "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n",
        "# HELP a_total A.\n# TYPE a_total counter\na_total -1\n",
        HEAD,
        HEAD "a_b 1",
        HEAD "a_b 1 \n",
        HEAD "a_b  1\n",
        HEAD "a_b\t1\n",
        HEAD "a_b one\n",
        HEAD "a_b nan\n",
        HEAD "a_b 1,5\n",
        HEAD "a_c 1\n",
        HEAD "a_b 1\na_b 2\n",
        HEAD "a_b{x=\"1\"} 1\na_b{x=\"1\"} 2\n",
        HEAD "a_b{x=\"1\",x=\"2\"} 1\n",
        HEAD "a_b{x=1} 1\n",
        HEAD "a_b{1x=\"1\"} 1\n",
        HEAD "a_b{x:y=\"1\"} 1\n",
        HEAD "a_b{x=\"1\" } 1\n",
        HEAD "a_b{x=\"1} 1\n",
        HEAD "a_b{x=\"\\t\"} 1\n",
        HEAD "a_b{x=\"a\"b\"} 1\n",
        HEAD "a_b{} 1\n",
        HEAD "a_b 1\n\n",
        HEAD "a_b 1\n" HEAD "a_b{x=\"1\"} 1\n",
        HEAD "# HELP c C.\n# TYPE c gauge\nc 1\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (!check(wrong[i], NULL))
            fail_msg("taken: %s", wrong[i]);
    assert_null(check(HEAD "a_b 1\n", NULL));
    assert_null(check(HEAD "a_b{x=\"\\\\\\\"\\n\",y=\"\"} 1e-05\na_b{x=\"2\"} -7\n", NULL));
}

/* ---- What is written ---- */

static size_t assert_right(void)
{
    size_t series = 0;
    const char *problem = check(output, &series);

    if (problem)
        fail_msg("%s in:\n%s", problem, output);
    return series;
}

static void assert_line(const char *line)
{
    char wanted[TEXT_SIZE];

    snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    if (!strstr(output, wanted))
        fail_msg("no line \"%s\" in:\n%s", line, output);
}

static void assert_absent(const char *words)
{
    if (strstr(output, words))
        fail_msg("\"%s\" in:\n%s", words, output);
}

#define NOW year_noon("2026-03", 15)

static void an_empty_ledger_is_told(void **state)
{
    (void)state;
    assert_true(write_at(NOW));
    assert_right();
    assert_line("iagmeter_build_info{version=\"" IAGMETER_VERSION "\",factors=\"\"} 1");
    assert_line("iagmeter_up 1");
    assert_line("iagmeter_capture_packets_total 0");
    assert_line("iagmeter_year_shown{year=\"2026\"} 0");
    assert_absent("timestamp_seconds 1");
    assert_absent("bound");
    assert_absent("objective");
}

/* Every member of the structure, so that none is forgotten, but the one that is of known services
 * alone. */
static void the_capture_is_told_since_the_month_began(void **state)
{
    struct coverage coverage = {0};
    uint64_t value = 1;
    char line[TEXT_SIZE];

    (void)state;
#define SET(name) coverage.name = value++;
    COVERAGE_COUNTERS(SET)
#undef SET
    coverage.covered_ns = UINT64_C(30500000000);
    ledger_begin(world.ledger);
    ledger_add_coverage(world.ledger, year_month("2026-03").start - INTERVAL_S, &coverage);
    ledger_add_coverage(world.ledger, year_month("2026-03").start, &coverage);
    ledger_add_coverage(world.ledger, NOW - INTERVAL_S, &coverage);
    ledger_add_coverage(world.ledger, NOW - 2 * INTERVAL_S,
                        &(struct coverage){.covered_ns = UINT64_C(200000000000)});
    /* Of a clock that was wrong: what is recorded until now is what an alert goes by. */
    ledger_add_coverage(world.ledger, year_month("2027-03").start, &coverage);
    ledger_commit(world.ledger);
    assert_true(write_at(NOW));
    assert_right();
    assert_line("iagmeter_capture_covered_seconds_total 121");
    snprintf(line, sizeof(line), "iagmeter_ledger_last_timestamp_seconds %lld", (long long)NOW);
    assert_line(line);
    snprintf(line, sizeof(line), "iagmeter_ledger_first_timestamp_seconds %lld",
             (long long)year_month("2026-03").start - INTERVAL_S);
    assert_line(line);
    value = 1;
#define SEEN(name)                                                                                 \
    if (value++ > 1 && strcmp(#name, "names_hinted") != 0 &&                                       \
        strcmp(#name, "packets_filtered") != 0 && strncmp(#name, "local_", 6) != 0) {              \
        snprintf(line, sizeof(line), "iagmeter_capture_" #name "_total %d", 2 * (int)value - 2);   \
        assert_line(line);                                                                         \
    }
    COVERAGE_COUNTERS(SEEN)
#undef SEEN
    assert_absent("names_hinted");
    assert_absent("packets_filtered");
    assert_absent("capture_local_");
}

static void ordinary_month(const char *month)
{
    year_use(&world, year_noon(month, 10), DRH, "a", 2, DEVICES_MANY);
    year_use(&world, year_noon(month, 10), DSN, "a", 3, DEVICES_MANY);
    year_cover(&world, month, 600);
}

/* January and February: what runs since is not told, so no two states give it by difference. */
static void use_is_told_of_whole_months(void **state)
{
    char *before;

    (void)state;
    ordinary_month("2026-01");
    ordinary_month("2026-02");
    assert_true(write_at(NOW));
    assert_right();
    assert_line("iagmeter_year_shown{year=\"2026\"} 1");
    assert_line("iagmeter_year_energy_kwh{year=\"2026\",bound=\"low\"} 5");
    assert_line("iagmeter_year_energy_kwh{year=\"2026\",bound=\"central\"} 10");
    assert_line("iagmeter_year_energy_kwh{year=\"2026\",bound=\"high\"} 20");
    assert_line("iagmeter_year_water_l{year=\"2026\",bound=\"central\"} 20");
    assert_line("iagmeter_year_requests{year=\"2026\",bound=\"central\"} 100");
    assert_line("iagmeter_year_gwp_kgco2e{year=\"2026\",bound=\"central\"} 0.9375");
    assert_line("# HELP iagmeter_year_energy_kwh Energy of the whole authority (kWh), in the "
                "months that are over.");
    before = output;
    output = NULL;
    year_use(&world, NOW - 300, DRH, "a", 1000, DEVICES_MANY);
    assert_true(write_at(NOW));
    /* But for the end of the ledger, which is told before. */
    assert_string_equal(strstr(output, "# HELP iagmeter_capture"),
                        strstr(before, "# HELP iagmeter_capture"));
    free(before);
}

#define OBJECTIVES                                                                                 \
    "{ year = 2026; energy_kwh = 100; requests = 50; source = \"secret reason\"; },"               \
    "{ year = 2026; direction = \"DRH\"; energy_kwh = 1e6; source = \"s\"; },"                     \
    "{ year = 2026; direction = \"CAB\"; energy_kwh = 100; source = \"s\"; },"                     \
    "{ year = 2027; direction = \"DSN\"; energy_kwh = 100; source = \"s\"; }"

static void objectives_are_told_where_they_may_be(void **state)
{
    (void)state;
    year_objectives(&world, OBJECTIVES);
    for (int i = 1; i <= 3; i++) {
        char month[32];

        snprintf(month, sizeof(month), "2026-%02d", i);
        ordinary_month(month);
        year_use(&world, year_noon(month, 10), CAB, "a", 0.777, DEVICES_FEW);
        year_use(&world, year_noon(month, 10), CAB, "b", 0.777, 3);
    }
    assert_true(write_at(year_noon("2026-04", 2)));
    assert_right();
    assert_line("iagmeter_objective_budget_energy_kwh{year=\"2026\",direction=\".\"} 100");
    assert_line("iagmeter_objective_budget_energy_kwh{year=\"2026\",direction=\"CAB\"} 100");
    assert_line("iagmeter_objective_used_energy_kwh{year=\"2026\",direction=\"DRH\",bound=\"low\"} "
                "3");
    assert_line(
        "iagmeter_objective_used_energy_kwh{year=\"2026\",direction=\"DRH\",bound=\"high\"} 12");
    assert_non_null(strstr(output, "\niagmeter_objective_projected_energy_kwh{year=\"2026\","
                                   "direction=\"DRH\",bound=\"central\"} "));
    assert_line("iagmeter_objective_shown{year=\"2026\",direction=\"DRH\",indicator="
                "\"energy_kwh\"} 1");
    assert_line("iagmeter_objective_shown{year=\"2026\",direction=\"CAB\",indicator="
                "\"energy_kwh\"} 0");
    assert_line("iagmeter_objective_warning{year=\"2026\",direction=\".\",indicator="
                "\"requests\"} 1");
    assert_line("iagmeter_objective_warning{year=\"2026\",direction=\"DRH\",indicator="
                "\"energy_kwh\"} 0");
    assert_absent("used_energy_kwh{year=\"2026\",direction=\"CAB\"");
    assert_absent("projected_energy_kwh{year=\"2026\",direction=\"CAB\"");
    assert_absent("2027");
    assert_absent("DSN"); /* no objective: no series */
    assert_absent("secret");
    assert_absent("umaines"); /* no labels of people's departments, only codes */
}

static void labels_are_escaped(void **state)
{
    static const struct direction odd = {.code = "a\"b\\c\nd", .label = "x"};

    (void)state;
    assert_true(directions_set(world.config->directions, CAB, &odd));
    year_objectives(&world, "{ year = 2026; direction = \"a\\\"b\\\\c\\nd\"; water_l = 7; source = "
                            "\"s\"; }");
    assert_true(write_at(NOW));
    assert_right();
    assert_line("iagmeter_objective_budget_water_l{year=\"2026\",direction=\"a\\\"b\\\\c\\nd\"} 7");
}

/* Of those in force, by service and transport. */
static void calibrations_are_told_with_their_drift(void **state)
{
    struct service_calibrations *calibrations = world.config->calibrations;

    (void)state;
    *calibrations = (struct service_calibrations){
        .items = {{.service = "openai-api",
                   .transport = TRANSPORT_TCP,
                   .date = "2026-01-02",
                   .in_force = true},
                  {.service = "openai-api", .transport = TRANSPORT_TCP, .date = "2026-01-01"},
                  {.service = "mistral-api",
                   .transport = TRANSPORT_QUIC,
                   .date = "1970-01-03",
                   .in_force = true},
                  {.service = "openai-api",
                   .transport = TRANSPORT_TCP,
                   .regime = "chat",
                   .date = "2026-01-02",
                   .in_force = true}},
        .count = 4,
    };
    assert_int_equal(calibrationuse_note_drift(world.ledger, &calibrations->items[0], true),
                     LEDGER_OK);
    assert_true(write_at(NOW));
    assert_right();
    assert_line("iagmeter_calibration_drifted{service=\"openai-api\",transport=\"tcp\"} 1");
    assert_line("iagmeter_calibration_drifted{service=\"mistral-api\",transport=\"quic\"} 0");
    assert_line("iagmeter_calibration_drifted{service=\"openai-api\",transport=\"tcp\","
                "regime=\"chat\"} 0");
    assert_line("iagmeter_calibration_timestamp_seconds{service=\"openai-api\",transport=\"tcp\"} "
                "1767312000");
    assert_line("iagmeter_calibration_timestamp_seconds{service=\"mistral-api\","
                "transport=\"quic\"} 172800");
}

static void each_interface_is_told(void **state)
{
    static const char *const names[] = {"eth1", "eth10", "eth2", "wlan", "eth"};

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        snprintf(world.config->interfaces[i].name, sizeof(world.config->interfaces[i].name), "%s",
                 names[i]);
    world.config->interface_count = 5;
    assert_true(write_at(NOW));
    assert_absent("interface"); /* it is not known of any */
    ledger_set_fact(world.ledger, METER_INTERFACES_FACT,
                    "eth10; eth2 never opened: no such interface; wlan stopped: it is down (ended "
                    "3 time(s)); eth1 (ended 12 time(s))");
    assert_true(write_at(NOW));
    assert_right();
    assert_line("iagmeter_capture_interface_up{interface=\"eth1\"} 1");
    assert_line("iagmeter_capture_interface_up{interface=\"eth10\"} 1");
    assert_line("iagmeter_capture_interface_up{interface=\"eth2\"} 0");
    assert_line("iagmeter_capture_interface_up{interface=\"wlan\"} 0");
    assert_line("iagmeter_capture_ends_total{interface=\"eth1\"} 12");
    assert_line("iagmeter_capture_ends_total{interface=\"eth10\"} 0");
    assert_line("iagmeter_capture_ends_total{interface=\"eth2\"} 0");
    assert_line("iagmeter_capture_ends_total{interface=\"wlan\"} 3");
    assert_absent("interface=\"eth\""); /* new in the configuration */
    is_running = false;                 /* the fact is of when it ran */
    assert_true(write_at(NOW));
    assert_absent("interface");
}

static void a_ledger_that_cannot_be_read_is_said(void **state)
{
    (void)state;
    ordinary_month("2026-01");
    assert_int_equal(scratch_sql("ledger.db", "DROP TABLE impact"), SQLITE_OK);
    assert_false(write_at(NOW));
    assert_non_null(strstr(ledger_error(world.ledger), "ledger.db"));
    assert_int_equal(scratch_sql("ledger.db", "DROP TABLE coverage"), SQLITE_OK);
    assert_false(write_at(NOW));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reader_is_strict),
        TEST(an_empty_ledger_is_told),
        TEST(the_capture_is_told_since_the_month_began),
        TEST(use_is_told_of_whole_months),
        TEST(objectives_are_told_where_they_may_be),
        TEST(labels_are_escaped),
        TEST(calibrations_are_told_with_their_drift),
        TEST(a_ledger_that_cannot_be_read_is_said),
        TEST(each_interface_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
