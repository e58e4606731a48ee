/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/directions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/scratch.h"

static struct address address_of(const char *text)
{
    struct address address;
    unsigned length;

    assert_null(directions_parse_prefix(text, &address, &length));
    return address;
}

static uint16_t match(const struct directions *directions, const char *text, uint16_t vlan)
{
    struct address address = address_of(text);

    return directions_match(directions, &address, vlan);
}

static const char *add(struct directions *directions, const char *prefix, uint16_t number)
{
    struct address network;
    unsigned length;
    const char *problem = directions_parse_prefix(prefix, &network, &length);

    return problem ? problem : directions_add_prefix(directions, &network, length, number);
}

static struct directions *three_directions(void)
{
    struct directions *directions = directions_new();

    for (uint16_t i = 1; i <= 3; i++) {
        struct direction direction = {.label = "x"};

        snprintf(direction.code, sizeof(direction.code), "D%u", i);
        assert_true(directions_set(directions, i, &direction));
    }
    return directions;
}

static void a_new_one_knows_unassigned_only(void **state)
{
    struct directions *directions = directions_new();

    (void)state;
    assert_int_equal(directions_count(directions), 1);
    assert_string_equal(directions_get(directions, 0)->code, "unassigned");
    assert_null(directions_get(directions, 1));
    assert_int_equal(match(directions, "192.0.2.1", VLAN_NONE), DIRECTION_UNASSIGNED);
    assert_int_equal(match(directions, "2001:db8::1", 110), DIRECTION_UNASSIGNED);
    directions_free(directions);
    directions_free(NULL);
}

static void the_longest_prefix_wins_in_any_order(void **state)
{
    static const char *const prefixes[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"};
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct directions *directions = three_directions();

        for (size_t j = 0; j < 3; j++)
            assert_null(add(directions, prefixes[orders[i][j]], (uint16_t)(orders[i][j] + 1)));
        assert_int_equal(match(directions, "10.0.255.255", VLAN_NONE), 1);
        assert_int_equal(match(directions, "10.2.0.0", VLAN_NONE), 1);
        assert_int_equal(match(directions, "10.1.0.0", VLAN_NONE), 2);
        assert_int_equal(match(directions, "10.1.255.255", VLAN_NONE), 2);
        assert_int_equal(match(directions, "10.1.2.3", VLAN_NONE), 3);
        assert_int_equal(match(directions, "10.1.2.4", VLAN_NONE), 2);
        assert_int_equal(match(directions, "9.255.255.255", VLAN_NONE), DIRECTION_UNASSIGNED);
        assert_int_equal(match(directions, "11.0.0.0", VLAN_NONE), DIRECTION_UNASSIGNED);
        directions_free(directions);
    }
}

static void prefixes_end_within_a_byte(void **state)
{
    struct directions *directions = three_directions();

    (void)state;
    assert_null(add(directions, "198.51.100.32/27", 1));
    assert_null(add(directions, "2001:db8:8000::/33", 2));
    assert_null(add(directions, "128.0.0.0/1", 3));
    assert_int_equal(match(directions, "198.51.100.31", VLAN_NONE), 3);
    assert_int_equal(match(directions, "198.51.100.32", VLAN_NONE), 1);
    assert_int_equal(match(directions, "198.51.100.63", VLAN_NONE), 1);
    assert_int_equal(match(directions, "198.51.100.64", VLAN_NONE), 3);
    assert_int_equal(match(directions, "127.255.255.255", VLAN_NONE), DIRECTION_UNASSIGNED);
    assert_int_equal(match(directions, "2001:db8:8000::1", VLAN_NONE), 2);
    assert_int_equal(match(directions, "2001:db8:7fff::1", VLAN_NONE), DIRECTION_UNASSIGNED);
    directions_free(directions);
}

static void families_are_kept_apart(void **state)
{
    struct directions *directions = three_directions();
    struct address neither = {.family = 0};

    (void)state;
    assert_null(add(directions, "32.1.0.0/16", 1));
    assert_null(add(directions, "2001::/16", 2)); /* the same first bytes */
    assert_int_equal(match(directions, "32.1.0.1", VLAN_NONE), 1);
    assert_int_equal(match(directions, "2001::1", VLAN_NONE), 2);
    assert_int_equal(directions_match(directions, &neither, VLAN_NONE), DIRECTION_UNASSIGNED);
    assert_string_equal(directions_add_prefix(directions, &neither, 8, 1), "not an address");
    directions_free(directions);
}

static void vlans_are_asked_when_no_prefix_matches(void **state)
{
    struct directions *directions = three_directions();

    (void)state;
    assert_null(add(directions, "192.0.2.0/24", 1));
    assert_null(directions_add_vlan(directions, 1, 2));
    assert_null(directions_add_vlan(directions, 4094, 3));
    assert_int_equal(match(directions, "192.0.2.9", 4094), 1);
    assert_int_equal(match(directions, "203.0.113.9", 4094), 3);
    assert_int_equal(match(directions, "2001:db8::9", 1), 2);
    assert_int_equal(match(directions, "203.0.113.9", 2), DIRECTION_UNASSIGNED);
    assert_int_equal(match(directions, "203.0.113.9", 0), DIRECTION_UNASSIGNED);
    assert_int_equal(match(directions, "203.0.113.9", 4095), DIRECTION_UNASSIGNED);
    assert_int_equal(match(directions, "203.0.113.9", VLAN_NONE), DIRECTION_UNASSIGNED);
    directions_free(directions);
}

static void bad_additions_are_refused(void **state)
{
    struct directions *directions = three_directions();
    struct address network = address_of("192.0.2.0");

    (void)state;
    assert_null(add(directions, "192.0.2.0/24", 1));
    assert_string_equal(add(directions, "192.0.2.0/24", 1), "duplicate prefix");
    assert_string_equal(add(directions, "192.0.2.0/24", 2), "duplicate prefix");
    assert_null(add(directions, "192.0.2.0/25", 2));
    assert_string_equal(add(directions, "192.0.2.128/24", 2), "host bits are set in prefix");
    assert_string_equal(add(directions, "2001:db8::1/127", 2), "host bits are set in prefix");
    assert_string_equal(add(directions, "0.0.0.0/0", 2), "prefix length 0 covers every address");
    assert_string_equal(directions_add_prefix(directions, &network, 33, 1),
                        "prefix length is too large");
    assert_string_equal(add(directions, "10.0.0.0/8", 4), "no such direction");
    assert_string_equal(add(directions, "10.0.0.0/8", 0), "\"unassigned\" cannot be configured");
    assert_string_equal(directions_add_vlan(directions, 0, 1), "VLAN is not 1 to 4094");
    assert_string_equal(directions_add_vlan(directions, 4095, 1), "VLAN is not 1 to 4094");
    assert_string_equal(directions_add_vlan(directions, 7, 4), "no such direction");
    assert_null(directions_add_vlan(directions, 7, 1));
    assert_string_equal(directions_add_vlan(directions, 7, 2), "duplicate VLAN");
    assert_false(directions_set(directions, MAX_DIRECTIONS, directions_get(directions, 1)));
    assert_false(directions_set(directions, 0, directions_get(directions, 1)));
    assert_int_equal(match(directions, "192.0.2.1", VLAN_NONE), 2);
    directions_free(directions);
}

static void prefixes_are_parsed_strictly(void **state)
{
    static const char *const refused[] = {
        "",
        "192.0.2",
        "192.0.2.0/",
        "192.0.2.0/33",
        "192.0.2.0/-1",
        "::/129",
        "192.0.2.0/ 24",
        "192.0.2.0/2 ",
        "192.0.2.0/24/24",
        "192.0.2.256",
        "a::g",
        "192.0.2.0/0x18",
        "fe80::1%eth0",
        "192.0.2.0/0024",
        "/24",
        "localhost",
        "192.0.2.0 ",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8",
    };
    struct address network;
    unsigned length;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (!directions_parse_prefix(refused[i], &network, &length))
            fail_msg("\"%s\" was taken", refused[i]);
    assert_null(directions_parse_prefix("192.0.2.128/25", &network, &length));
    assert_int_equal(network.family, 4);
    assert_memory_equal(network.bytes, "\xc0\x00\x02\x80\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(length, 25);
    assert_null(directions_parse_prefix("2001:db8::", &network, &length));
    assert_int_equal(network.family, 6);
    assert_int_equal(length, 128);
}

static void addresses_of_ipv4_may_be_written_as_those_of_ipv6(void **state)
{
    struct address network;
    unsigned length;

    (void)state;
    assert_null(directions_parse_prefix("::ffff:192.0.2.0/120", &network, &length));
    assert_int_equal(network.family, 4);
    assert_memory_equal(network.bytes, "\xc0\x00\x02\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(length, 24);
    assert_null(directions_parse_prefix("::ffff:c000:201", &network, &length));
    assert_int_equal(network.family, 4);
    assert_int_equal(length, 32);
    assert_null(directions_parse_prefix("::ffff:0:0/95", &network, &length));
    assert_int_equal(network.family, 6); /* others, too */
    assert_null(directions_parse_prefix("::fffe:192.0.2.1", &network, &length));
    assert_int_equal(network.family, 6);
}

/* Against the obvious method: try every prefix. */
static void many_prefixes_match_like_a_linear_search(void **state)
{
    enum { COUNT = 300 };
    struct directions *directions = three_directions();
    struct address networks[COUNT];
    unsigned lengths[COUNT];
    uint32_t random = 12345;

    (void)state;
    for (int i = 0; i < COUNT;) {
        struct address network = {.family = 4, .bytes = {10}};

        random = random * 1664525 + 1013904223;
        lengths[i] = 9 + random % 16;
        network.bytes[1] =
            (uint8_t)(random >> 8 & (0xff00U >> (lengths[i] - 8 < 8 ? lengths[i] - 8 : 8)));
        if (lengths[i] > 16)
            network.bytes[2] = (uint8_t)(random >> 16 & (0xff00U >> (lengths[i] - 16)));
        if (!directions_add_prefix(directions, &network, lengths[i], (uint16_t)(1 + i % 3)))
            networks[i++] = network;
    }
    for (unsigned probe = 0; probe < 65536; probe += 7) {
        struct address address = {.family = 4,
                                  .bytes = {10, (uint8_t)(probe >> 8), (uint8_t)probe, 77}};
        unsigned best = 0;
        uint16_t expected = DIRECTION_UNASSIGNED;

        for (int i = 0; i < COUNT; i++) {
            unsigned shift = 24 - lengths[i];
            unsigned low = (unsigned)networks[i].bytes[1] << 8 | networks[i].bytes[2];

            if (lengths[i] > best &&
                (probe << 8 | 77) >> (shift + 8) == (low << 8) >> (shift + 8)) {
                best = lengths[i];
                expected = (uint16_t)(1 + i % 3);
            }
        }
        assert_int_equal(directions_match(directions, &address, VLAN_NONE), expected);
    }
    directions_free(directions);
}

struct visited {
    unsigned prefixes;
    unsigned vlans;
    struct directions *copy;
};

static void copy_visit(void *context, const struct address *network, unsigned prefix_length,
                       uint16_t number)
{
    struct visited *visited = context;

    if (network) {
        assert_null(directions_add_prefix(visited->copy, network, prefix_length, number));
        visited->prefixes++;
    } else {
        assert_null(directions_add_vlan(visited->copy, (uint16_t)prefix_length, number));
        visited->vlans++;
    }
}

static void a_visit_tells_all_that_was_added(void **state)
{
    struct directions *directions = three_directions();
    struct visited visited = {.copy = three_directions()};

    (void)state;
    assert_null(add(directions, "192.0.2.0/24", 1));
    assert_null(add(directions, "2001:db8::/32", 2));
    assert_null(directions_add_vlan(directions, 12, 3));
    directions_visit(directions, copy_visit, &visited);
    assert_int_equal(visited.prefixes, 2);
    assert_int_equal(visited.vlans, 1);
    assert_int_equal(match(visited.copy, "192.0.2.3", VLAN_NONE), 1);
    assert_int_equal(match(visited.copy, "2001:db8:5::3", VLAN_NONE), 2);
    assert_int_equal(match(visited.copy, "203.0.113.9", 12), 3);
    directions_free(visited.copy);
    directions_free(directions);
}

static struct directions *load(const char *text, const struct directions *previous,
                               struct diagnostics *diagnostics)
{
    char path[PATH_MAX];

    scratch_write("directions.conf", text);
    scratch_path(path, "directions.conf");
    return directions_load(path, previous, diagnostics);
}

static void a_file_is_read(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct directions *directions =
        load("directions = (\n"
             "{ code = \"DRH\"; label = \"Ressources humaines\"; legal_entity = \"Ville\";\n"
             "  headcount = 42; prefixes = [ \"192.0.2.0/24\", \"2001:db8::/32\" ]; vlans = [ 5, 6 "
             "]; },\n"
             "{ code = \"d-a_J2\"; label = \"x\"; prefixes = ( \"192.0.2.17\" ); }\n);",
             NULL, diagnostics);

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(directions_count(directions), 3);
    assert_string_equal(directions_get(directions, 1)->code, "DRH");
    assert_string_equal(directions_get(directions, 1)->label, "Ressources humaines");
    assert_string_equal(directions_get(directions, 1)->legal_entity, "Ville");
    assert_int_equal(directions_get(directions, 1)->headcount, 42);
    assert_string_equal(directions_get(directions, 2)->code, "d-a_J2");
    assert_int_equal(directions_get(directions, 2)->headcount, 0);
    assert_int_equal(match(directions, "192.0.2.16", VLAN_NONE), 1);
    assert_int_equal(match(directions, "192.0.2.17", VLAN_NONE), 2);
    assert_int_equal(match(directions, "203.0.113.1", 6), 1);
    directions_free(directions);
    diagnostics_free(diagnostics);
}

#define ONE(body) "directions = ( {\ncode = \"A\";\nlabel = \"a\";\n" body "\n} );\n"
#define TWO(body)                                                                                  \
    "directions = (\n{ code = \"A\"; label = \"a\"; prefixes = [ \"10.0.0.0/8\" ]; vlans = [ 9 "   \
    "]; }"                                                                                         \
    ",\n{ label = \"b\";\n" body "\n} );\n"

static const struct {
    const char *text;
    unsigned line;
    const char *fragment;
} broken[] = {
    {"# nothing\n", 1, "missing key \"directions\""},
    {"directions = ();\nother = 1;\n", 2, "unknown key \"other\""},
    {"directions = (\n7 );\n", 2, "must be a group"},
    {"directions = (\n{ label = \"a\"; } );\n", 2, "missing key \"code\""},
    {"directions = (\n{ code = \"a\"; } );\n", 2, "missing key \"label\""},
    {ONE("head_count = 3;"), 4, "unknown key \"head_count\""},
    {ONE("headcount = -3;"), 4, "headcount must not be negative"},
    {ONE("headcount = 2000000;"), 4, "headcount is 2000000"},
    {ONE("prefixes = [\n\"10.0.0.0/8\",\n\"10.0.0.1/8\" ];"), 6, "host bits are set"},
    {ONE("prefixes = [ \"10.0.0.0/8\",\n\"11.0.0.0/33\" ];"), 5, "prefix length is too large"},
    {ONE("prefixes = [\n\"nonsense\" ];"), 5, "direction A: not an address \"nonsense\""},
    {ONE("prefixes = [\n\"::/0\" ];"), 5, "prefix length 0"},
    {ONE("prefixes = [\n10 ];"), 5, "prefix must be a string"},
    {ONE("prefixes = \"10.0.0.0/8\";"), 4, "prefixes must be a list"},
    {ONE("prefixes = [ \"10.0.0.0/8\",\n\"10.0.0.0/8\" ];"), 5,
     "duplicate prefix 10.0.0.0/8: listed by direction A and by direction A"},
    {ONE("vlans = [ 1,\n0 ];"), 5, "VLAN must be a whole number, 1 to 4094"},
    {ONE("vlans = [ 1,\n4095 ];"), 5, "VLAN must be a whole number, 1 to 4094"},
    {ONE("vlans = [\n65646 ];"), 5, "VLAN must be a whole number, 1 to 4094"},
    {ONE("vlans = [\n\"12\" ];"), 5, "VLAN must be a whole number"},
    {ONE("vlans = [\n12.0 ];"), 5, "VLAN must be a whole number"},
    {TWO("code = \"A\";"), 4, "direction A: duplicate code"},
    {TWO("code = \"B C\";"), 4, "code must be made of letters"},
    {TWO("code = \"\";"), 4, "code must be made of letters"},
    {TWO("code = \"../x\";"), 4, "code must be made of letters"},
    {TWO("code = \"unassigned\";"), 4, "this code is reserved"},
    {TWO("code = \"Unassigned\";"), 4, "this code is reserved"},
    {TWO("code = \"other\";"), 4, "this code is reserved"},
    {TWO("code = \"ABCDEFGHIJKLMNOPQRSTUVWX\";"), 4, "code is longer than 23 characters"},
    {TWO("code = \"B\"; prefixes = [\n\"10.0.0.0/8\" ];"), 5,
     "duplicate prefix 10.0.0.0/8: listed by direction A and by direction B"},
    {TWO("code = \"B\"; vlans = [\n9 ];"), 5,
     "duplicate VLAN 9: listed by direction A and by direction B"},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();

        assert_null(load(broken[i].text, NULL, diagnostics));
        assert_complaint(diagnostics, "directions.conf", broken[i].line, broken[i].fragment);
        assert_int_equal(diagnostics_errors(diagnostics), 1);
        diagnostics_free(diagnostics);
    }
}

static void numbers_survive_a_reload(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct directions *first =
        load("directions = ( { code = \"A\"; label = \"a\"; prefixes = [ \"10.0.0.0/8\" ]; },"
             "{ code = \"B\"; label = \"b\"; } );",
             NULL, diagnostics);
    struct directions *second =
        load("directions = ( { code = \"C\"; label = \"c\"; vlans = [ 3 ]; },"
             "{ code = \"B\"; label = \"new\"; } );",
             first, diagnostics);

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(directions_count(second), 4);
    assert_string_equal(directions_get(second, 1)->code, "A");
    assert_string_equal(directions_get(second, 2)->label, "new");
    assert_string_equal(directions_get(second, 3)->code, "C");
    assert_int_equal(match(first, "10.0.0.1", 3), 1);
    assert_int_equal(match(second, "10.0.0.1", 3), 3); /* A has no prefix any more */
    directions_free(first);
    directions_free(second);
    diagnostics_free(diagnostics);
}

static void too_many_directions_are_refused(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    fprintf(stream, "directions = (\n");
    for (int i = 1; i <= MAX_DIRECTIONS; i++)
        fprintf(stream, "{ code = \"D%d\"; label = \"x\"; }%s\n", i, i < MAX_DIRECTIONS ? "," : "");
    fprintf(stream, ");\n");
    fclose(stream);
    assert_null(load(text, NULL, diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_complaint(diagnostics, "directions.conf", MAX_DIRECTIONS + 1, "too many directions");
    free(text);
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_knows_unassigned_only),
        cmocka_unit_test(the_longest_prefix_wins_in_any_order),
        cmocka_unit_test(prefixes_end_within_a_byte),
        cmocka_unit_test(families_are_kept_apart),
        cmocka_unit_test(vlans_are_asked_when_no_prefix_matches),
        cmocka_unit_test(bad_additions_are_refused),
        cmocka_unit_test(prefixes_are_parsed_strictly),
        cmocka_unit_test(addresses_of_ipv4_may_be_written_as_those_of_ipv6),
        cmocka_unit_test(many_prefixes_match_like_a_linear_search),
        cmocka_unit_test(a_visit_tells_all_that_was_added),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(numbers_survive_a_reload),
        cmocka_unit_test(too_many_directions_are_refused),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
