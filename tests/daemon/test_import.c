/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/matching.h"
#include "tests/daemon/shipped.h"

#include <fcntl.h>
#include <time.h>

#define GOLDEN IAGMETER_SOURCE_ROOT "/tests/fixtures/golden/ut1.conf"
#define LISTS  IAGMETER_SOURCE_ROOT "/../shared/data/lists"

static struct catalogue *known;
static char *text; /* what import_write() wrote, import_print() printed and was complained about */
static char *printed;
static char *complaints;

static int setup(void **state)
{
    struct service service = {.id = "known"};
    struct service imported = {.id = "other-list", .review = UNREVIEWED};

    if (scratch_setup(state) != 0)
        return -1;
    known = catalogue_new();
    assert_true(catalogue_set_service(known, 0, &service));
    assert_true(catalogue_set_service(known, 1, &imported));
    assert_null(catalogue_add_host(known, ".chat.example", 0, ROLE_INFERENCE));
    assert_null(catalogue_add_host(known, "api.exact.example", 0, ROLE_INFERENCE));
    assert_null(catalogue_add_host(known, "*.star.example.org", 0, ROLE_ASSETS));
    assert_null(catalogue_add_host(known, "listed.example", 1, ROLE_SHARED));
    assert_null(catalogue_add_resolver(known, ".dns.example"));
    assert_null(catalogue_add_resolver_address(known, "2001:db8::53"));
    return 0;
}

static int teardown(void **state)
{
    catalogue_free(known);
    free(text);
    free(printed);
    free(complaints);
    text = printed = complaints = NULL;
    return scratch_teardown(state);
}

/* With a time stamp, which goes into what is written. */
static void write_list(const char *name, const char *list, time_t modified)
{
    struct timespec times[2] = {{.tv_sec = modified}, {.tv_sec = modified}};
    char path[PATH_MAX];

    scratch_write(name, list);
    scratch_path(path, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Returns whether there was something to import. */
static bool run(const char *directory)
{
    size_t size;
    char path[PATH_MAX];
    FILE *stream;
    struct import *import;

    free(text);
    free(printed);
    free(complaints);
    text = printed = NULL;
    scratch_path(path, directory);
    stream = open_memstream(&complaints, &size);
    import = import_ut1(path, known, stream);
    assert_int_equal(fclose(stream), 0);
    if (!import)
        return false;
    stream = open_memstream(&text, &size);
    assert_true(import_write(import, stream));
    assert_int_equal(fclose(stream), 0);
    stream = open_memstream(&printed, &size);
    import_print(import, stream);
    assert_int_equal(fclose(stream), 0);
    import_free(import);
    return true;
}

static void expect_complaint(const char *name, unsigned line, const char *problem)
{
    char whole[PATH_MAX + 128];

    snprintf(whole, sizeof(whole), "%s/%s:%u: %s: skipped\n", scratch_directory, name, line,
             problem);
    if (!strstr(complaints, whole))
        fail_msg("not complained: %sbut: %s", whole, complaints);
}

static void write_fixture(void)
{
    scratch_mkdir("ai");
    scratch_mkdir("doh");
    write_list("ai/domains",
               "zeta.example\n"
               "Alpha.EXAMPLE\r\n"
               "  blanks.example \n"
               "\n"
               "# a comment\n"
               "chat.example\n"       /* known, as all below it is */
               "sub.chat.example\n"   /* known */
               "api.exact.example\n"  /* known */
               "x.star.example.org\n" /* known */
               "listed.example\n"     /* known, though by another list only */
               "exact.example\n"      /* not known: more than one name of it */
               "alpha.example\n"      /* a second time */
               "xn--caf-dma.example\n"
               "caf\xc3\xa9.example\n"
               "198.51.100.7\n"
               "2001:db8::7\n"
               "two words.example\n"
               "com\n"
               "*.wild.example\n"
               "a..b.example\n"
               "trailing.example.\n"
               "under_score.example",
               1767225600); /* 2026-01-01 */
    write_list("ai/urls",
               "search.example\n"
               "https://user:word@Web.Example:8443/\n"
               "chat.example/\n"
               "http://203.0.113.9\n"
               "[2001:db8::9]:443/\n"
               "*.example.com/\n"
               "zeta.example/\n"
               "/only/a/path\n"
               "google.example/ai\n" /* of what else is there, nothing is said */
               "https://query.example?q=ai\n"
               "fragment.example#ai\n"
               "http://203.0.113.9/x\n",
               1767312000); /* the newest: 2026-01-02 */
    write_list("doh/domains",
               "dns.example\n"
               "a.dns.example\n"
               "Resolver.Example\n"
               "192.0.2.53\n"
               "2001:DB8:0::53\n" /* known */
               "2001:db8::54\n"
               "192.0.2.53\n"   /* a second time */
               "192.0.2.0/24\n" /* no address of one resolver */
               "chat.example\n" /* a host of a service may be a resolver */
               "org\n",
               1767139200);
}

static void a_list_becomes_the_golden_file(void **state)
{
    size_t size;
    char *golden;

    (void)state;
    write_fixture();
    assert_true(run("."));
    golden = read_whole(GOLDEN, &size);
    assert_string_equal(text, golden);
    free(golden);
    assert_string_equal(
        printed, "ai: 28 names and 4 addresses, of which 9 and 0 imported, 6 known already, 2 "
                 "repeated, 4 addresses of no resolver, 4 pages of a host, 7 wrong\n"
                 "doh: 6 names and 4 addresses, of which 2 and 2 imported, 3 known already, 1 "
                 "repeated, 0 addresses of no resolver, 0 pages of a host, 2 wrong\n");
    expect_complaint("./ai/domains", 14, "invalid character in host");
    expect_complaint("./ai/domains", 17, "invalid character in host");
    expect_complaint("./ai/domains", 18, "host covers a whole top-level domain");
    expect_complaint("./ai/domains", 19, "invalid character in host");
    expect_complaint("./ai/domains", 20, "empty label in host");
    expect_complaint("./ai/urls", 6, "invalid character in host");
    expect_complaint("./ai/urls", 8, "empty host");
    expect_complaint("./doh/domains", 8, "invalid character in host");
    expect_complaint("./doh/domains", 10, "host covers a whole top-level domain");
}

/* Which order the lines have must not matter: the file would change with each download. */
static void the_order_of_lines_does_not_matter(void **state)
{
    char *first;

    (void)state;
    scratch_mkdir("ai");
    write_list("ai/domains", "b.example\na.example\nc.a.example\n", 1767225600);
    assert_true(run("."));
    first = strdup(text);
    assert_non_null(first);
    write_list("ai/domains", "c.a.example\na.example\nb.example\n", 1767225600);
    assert_true(run("."));
    assert_string_equal(text, first);
    free(first);
}

static void a_category_may_be_named_itself(void **state)
{
    (void)state;
    scratch_mkdir("lists");
    scratch_mkdir("lists/doh");
    scratch_mkdir("ai");
    scratch_mkdir("adult");
    write_list("lists/doh/domains", "r.example\n", 1);
    write_list("ai/domains", "s.example\n", 1);
    write_list("adult/domains", "t.example\n", 1);
    assert_true(run("lists/doh"));
    assert_non_null(strstr(text, "\".r.example\""));
    assert_null(strstr(text, "services ="));
    assert_true(run("ai/"));
    assert_non_null(strstr(text, "\".s.example\""));
    assert_null(strstr(text, "resolvers ="));
    /* Any other category is no list of AI, however much its file looks like one. */
    assert_false(run("adult"));
    assert_non_null(strstr(complaints, "adult: holds no ai/domains"));
}

/* An empty list would be none of libconfig's arrays of strings. */
static void resolvers_may_be_named_by_their_addresses_alone(void **state)
{
    (void)state;
    scratch_mkdir("doh");
    write_list("doh/domains", "192.0.2.53\n", 1);
    write_list("doh/urls", "https://[2001:db8::54]:8443/\n192.0.2.53\n", 1);
    assert_true(run("doh"));
    assert_null(strstr(text, "resolvers ="));
    assert_non_null(
        strstr(text, "\nresolver_addresses = [\n    \"192.0.2.53\",\n    \"2001:db8::54\"\n];\n"));
    assert_non_null(strstr(printed,
                           "doh: 0 names and 3 addresses, of which 0 and 2 imported, 0 known "
                           "already, 1 repeated"));
    assert_non_null(strstr(text, "\n# doh: 0 of 0 names, 2 of 3 addresses.\n"));
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    assert_false(run("absent"));
    assert_non_null(strstr(complaints, "absent: holds no ai/domains"));
    scratch_mkdir("ai");
    assert_false(run("."));
    scratch_mkdir("ai/domains"); /* a directory opens, but cannot be read */
    assert_false(run("."));
    assert_non_null(strstr(complaints, "ai/domains: cannot read: "));
}

static void a_wrong_file_is_not_said_line_by_line(void **state)
{
    char path[PATH_MAX];
    FILE *stream;
    unsigned lines = 0;

    (void)state;
    scratch_mkdir("ai");
    scratch_path(path, "ai/domains");
    stream = fopen(path, "we");
    for (unsigned i = 0; i < 5000; i++)
        fprintf(stream, "not a name %u\n", i);
    fwrite("nul.example\0.com\n", 1, 17, stream); /* not the name before the NUL */
    for (unsigned i = 0; i < 300; i++)
        fputs("lengthy", stream);
    assert_int_equal(fclose(stream), 0);
    assert_false(run("."));
    for (const char *c = complaints; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 22);
    assert_non_null(strstr(complaints, "and 4982 more lines skipped\n"));
    assert_non_null(strstr(complaints, "no line of the category ai holds a name"));
}

/* One that was cut off does not replace what was imported before; one that is absent is told. */
static void a_category_without_a_name_is_not_imported(void **state)
{
    (void)state;
    scratch_mkdir("ai");
    scratch_mkdir("doh");
    write_list("ai/domains", "# nothing follows\n", 1767225600);
    write_list("doh/domains", "dns.new.example\n", 1767225600);
    assert_false(run("."));
    assert_non_null(strstr(complaints, "no line of the category ai holds a name"));
    assert_true(run("doh"));
    assert_non_null(strstr(printed, "ai: there is no such category: the file has none of it\n"));
    assert_non_null(strstr(text, "dns.new.example"));
    write_list("ai/domains", "198.51.100.1\n", 1767225600); /* something is there */
    assert_true(run("."));
    assert_null(strstr(printed, "no such category"));
    assert_null(strstr(text, "services ="));
}

/* The daemon would refuse the file, and not start. */
static void more_names_than_there_is_room_for_are_not_imported(void **state)
{
    const unsigned room = CATALOGUE_MOST_PATTERNS - catalogue_pattern_count(known);
    char *list = NULL;
    size_t size;
    FILE *stream = open_memstream(&list, &size);

    (void)state;
    for (unsigned i = 0; i < room; i++)
        fprintf(stream, "%u.example\n", i);
    assert_int_equal(fclose(stream), 0);
    scratch_mkdir("ai");
    scratch_mkdir("doh");
    write_list("ai/domains", list, 1767225600);
    assert_true(run("."));
    write_list("doh/domains", "one.more.example\n", 1767225600);
    assert_false(run("."));
    assert_non_null(strstr(complaints, "/.: more names than the catalogue has room for, which "
                                       "holds 6 of at most 65536: nothing is imported\n"));
    free(list);
}

static void a_byte_order_mark_is_no_part_of_a_name(void **state)
{
    (void)state;
    scratch_mkdir("ai");
    write_list("ai/domains",
               "\xef\xbb\xbf"
               "first.example\r\n\xef\xbb\xbf"
               "second.example\r\n",
               1767225600);
    assert_true(run("ai"));
    assert_non_null(strstr(text, "\".first.example\"\n"));
    expect_complaint("ai/domains", 2, "invalid character in host");
}

/* Loads the shipped configuration with what was imported beside it. */
static struct config *load_with_import(const char *directory)
{
    size_t size;
    char path[PATH_MAX];
    struct catalogue *shipped = shipped_catalogue();
    FILE *stream = open_memstream(&complaints, &size);
    struct import *import;
    FILE *file;

    import = import_ut1(directory, shipped, stream);
    fclose(stream);
    assert_non_null(import);
    scratch_mkdir("services.d");
    scratch_path(path, "services.d/ut1.conf");
    file = fopen(path, "we");
    assert_true(import_write(import, file));
    fclose(file);
    import_free(import);
    catalogue_free(shipped);
    return shipped_config(SHIPPED_FACTORS, NULL);
}

static void the_daemon_reads_what_was_written(void **state)
{
    struct config *config;
    struct catalogue_match match;
    const struct service *service;

    (void)state;
    write_fixture();
    config = load_with_import(scratch_directory);
    match = catalogue_match(config->catalogue, "www.alpha.example", 17);
    service = catalogue_service(config->catalogue, match.service);
    assert_non_null(service);
    assert_string_equal(service->id, "ut1-ai");
    assert_int_equal(match.role, ROLE_SHARED);
    assert_int_equal(service->review, UNREVIEWED);
    assert_int_equal(service->estimator.method, METHOD_NONE);
    assert_string_equal(service->model, "");
    assert_int_equal(catalogue_match(config->catalogue, "search.example", 14).service,
                     match.service);
    assert_int_equal(catalogue_match(config->catalogue, "www.search.example", 18).service,
                     SERVICE_NONE);
    assert_true(catalogue_is_resolver(config->catalogue, "x.resolver.example", 18));
    assert_true(is_resolver_address(config->catalogue, "192.0.2.53"));
    assert_true(is_resolver_address(config->catalogue, "2001:db8::54"));
    config_free(config);
}

static void link_list(const char *list, const char *name)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    snprintf(from, sizeof(from), LISTS "/%s", list);
    scratch_path(to, name);
    assert_int_equal(symlink(from, to), 0);
}

/* None of the real list takes a name from a reviewed service, and all that is new is known. */
static void the_real_list_is_imported(void **state)
{
    struct catalogue *shipped;
    struct config *config;
    char line[300];
    unsigned lines = 0;
    FILE *stream;

    (void)state;
    if (access(LISTS "/ut1_ai_domains", R_OK) != 0) {
        print_message("SKIPPED: %s is not here\n", LISTS);
        skip();
    }
    scratch_mkdir("ai");
    scratch_mkdir("doh");
    link_list("ut1_ai_domains", "ai/domains");
    link_list("ut1_ai_urls", "ai/urls");
    link_list("ut1_doh_domains", "doh/domains");
    config = load_with_import(scratch_directory);
    assert_string_equal(complaints, "");
    shipped = shipped_catalogue();
    for (int list = 0; list < 2; list++) {
        stream = fopen(list ? LISTS "/ut1_doh_domains" : LISTS "/ut1_ai_domains", "re");
        while (fgets(line, sizeof(line), stream)) {
            size_t length = strcspn(line, "\r\n");
            struct catalogue_match before = catalogue_match(shipped, line, length);
            struct catalogue_match after = catalogue_match(config->catalogue, line, length);

            lines++;
            if (before.service != SERVICE_NONE)
                assert_memory_equal(&before, &after, sizeof(before));
            else if (!list)
                assert_int_equal(after.role, ROLE_SHARED);
            line[length] = '\0';
            if (list && strspn(line, "0123456789.") != length)
                assert_true(catalogue_is_resolver(config->catalogue, line, length));
            else if (list)
                assert_true(is_resolver_address(config->catalogue, line));
        }
        fclose(stream);
    }
    assert_in_range(lines, 3000, 4000);
    catalogue_free(shipped);
    config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_list_becomes_the_golden_file),
        TEST(the_order_of_lines_does_not_matter),
        TEST(a_category_may_be_named_itself),
        TEST(resolvers_may_be_named_by_their_addresses_alone),
        TEST(what_cannot_be_read_is_an_error),
        TEST(a_wrong_file_is_not_said_line_by_line),
        TEST(a_category_without_a_name_is_not_imported),
        TEST(more_names_than_there_is_room_for_are_not_imported),
        TEST(a_byte_order_mark_is_no_part_of_a_name),
        TEST(the_daemon_reads_what_was_written),
        TEST(the_real_list_is_imported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
