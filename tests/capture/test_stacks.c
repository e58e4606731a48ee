/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Whatever carries a ClientHello, in whatever, in pieces or not, its name is found: stacks of the
 * carriers of tunnels.h, of IP in IP of either version, options and fragments, on every link type.
 */

#include "collectors/capture/metering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "collectors/capture/tunnels.h"
#include "tests/capture/film.h"
#include "tests/capture/linktypes.h"
#include "tests/capture/sink.h"

#define STACKS 4000
#define DEEP   4 /* one in another: with all their headers fewer than decode.c reads */
#define PIECES 32

static const struct limits limits = {2 * STACKS, 256, 256, 1024, 1024};

/* The packets of a stack on their way out, and what was put around them. */
struct stack {
    struct bytes packets[PIECES];
    unsigned count;
    bool in_pieces; /* the outermost IP is fragments already */
    unsigned identification;
    char story[1024];
};

static struct stack stack;
static struct film film;

static void tell(const char *what)
{
    size_t length = strlen(stack.story);

    snprintf(stack.story + length, sizeof(stack.story) - length, "%s < ", what);
}

static void wrap_all(void (*around)(struct bytes *bytes), const char *name)
{
    for (unsigned i = 0; i < stack.count; i++)
        around(&stack.packets[i]);
    stack.in_pieces = false;
    tell(name);
}

static void over_ipv6(struct bytes *bytes)
{
    struct address source = address6(0x101);
    struct address destination = address6(0x102);

    wrap_ipv6(bytes, bytes->at[0] >> 4 == 4 ? 4 : 41, &source, &destination);
}

/* An IPv4 option of four bytes, or an extension header of IPv6. */
static void add_option(struct bytes *bytes)
{
    bool six = bytes->at[0] >> 4 == 6;
    size_t header = six ? 40 : (bytes->at[0] & 15) * (size_t)4;
    size_t more = six ? 8 : 4;

    memmove(bytes->at + header + more, bytes->at + header, bytes->length - header);
    bytes->length += more;
    memset(bytes->at + header, six ? 0 : 1, more);
    if (six) {
        bytes->at[40] = bytes->at[6];
        bytes->at[6] = 60;
        set_u16(bytes, 4, bytes->length - 40);
    } else {
        bytes->at[0]++;
        set_u16(bytes, 2, bytes->length);
        set_u16(bytes, 10, 0);
        set_u16(bytes, 10, checksum_of(bytes->at, header + more, 0));
    }
}

/* Cuts each packet, as long as there is room. */
static void cut(uint64_t *seed)
{
    static struct stack whole;

    whole = stack;
    stack.count = 0;
    for (unsigned i = 0; i < whole.count; i++) {
        const struct bytes *packet = &whole.packets[i];
        size_t size = 8 * (packet->length / 16 + random_below(seed, 40));
        size_t at = 0;
        bool more = true;

        for (; more; at += size) {
            struct bytes *piece = &stack.packets[stack.count++];

            more = put_fragment(piece, packet, at, size, whole.identification + i);
            if (piece->at[0] >> 4 == 4) {
                set_u16(piece, 10, 0);
                set_u16(piece, 10, checksum_of(piece->at, 20, 0));
            }
        }
    }
    stack.identification += whole.count;
    stack.in_pieces = true;
    tell("fragments");
}

static bool may_cut(void)
{
    if (stack.in_pieces || stack.count > PIECES / 2)
        return false;
    for (unsigned i = 0; i < stack.count; i++) /* put_fragment() knows no options */
        if (stack.packets[i].at[0] >> 4 == 4 && stack.packets[i].at[0] != 0x45)
            return false;
    return true;
}

static void add_carrier(uint64_t *seed)
{
    const struct carrier *carrier =
        &carriers[FIRST_OVER_IP + random_below(seed, CARRIERS - FIRST_OVER_IP)];

    if (!carrier->ipv6_only || stack.packets[0].at[0] >> 4 == 6)
        wrap_all(carrier->wrap, carrier->name);
}

static void add_layer(uint64_t *seed)
{
    switch (random_below(seed, 8)) {
    case 0:
        wrap_all(over_ipv6, "IPv6");
        break;
    case 1:
        wrap_all(over_fou, "FOU");
        break;
    case 2:
        wrap_all(over_fou_gre, "FOU, GRE");
        break;
    case 3:
        if (!stack.in_pieces)
            wrap_all(add_option, "option");
        break;
    case 4:
        if (may_cut())
            cut(seed);
        break;
    default:
        add_carrier(seed);
    }
}

/* All of them as several packets in one frame for a wireless controller, if there are several. */
static void put_together(void)
{
    static struct bytes together;

    together.length = 0;
    for (unsigned i = 0; i < stack.count; i++) {
        wrap_ethernet_ip(&stack.packets[i]);
        put_subframe(&together, stack.packets[i].at, stack.packets[i].length);
    }
    over_capwap_aggregate(&together);
    stack.packets[0] = together;
    stack.count = 1;
    stack.in_pieces = false;
    tell("CAPWAP, aggregate");
}

static void shoot_stack(uint64_t *seed)
{
    const struct carrier *carrier = &carriers[random_below(seed, FIRST_OVER_IP)];
    const struct link *link = &links[random_below(seed, LINKS)];
    bool ethernet = random_below(seed, 2);
    char name[32];

    snprintf(name, sizeof(name), "link type %d", link->link_type);
    wrap_all(ethernet ? carrier->wrap : link->put, ethernet ? carrier->name : name);
    for (unsigned i = stack.count; i > 0; i--) { /* in any order */
        unsigned at = random_below(seed, i);

        film_shoot(&film, ethernet ? DLT_EN10MB : link->link_type, &stack.packets[at]);
        stack.packets[at] = stack.packets[i - 1];
    }
}

/* The ClientHello of client NUMBER, in a stack of its own. */
static void build(unsigned number, uint64_t *seed)
{
    struct hello_parts parts = {.name = "a.name.example", .padding = random_below(seed, 600)};
    bool six = random_below(seed, 2);
    struct address client = six ? address6(number) : address4(10, 1, number >> 8, number & 255);
    struct address server = six ? address6(0xffff) : address4(192, 0, 2, 1);

    stack.count = 1;
    stack.in_pieces = false;
    stack.story[0] = '\0';
    stack.packets[0].length = 0;
    put_hello(&stack.packets[0], &parts);
    wrap_tcp(&stack.packets[0], 40000, 443);
    wrap_ip(&stack.packets[0], 6, &client, &server);
    for (unsigned i = random_below(seed, DEEP + 1); i > 0; i--)
        add_layer(seed);
    if (random_below(seed, 8) == 0)
        put_together();
    shoot_stack(seed);
    film.clock_ns += SECOND;
}

static unsigned named;

static void count_named(void *context, const struct flow_record *record)
{
    (void)context;
    named += strcmp(record->name, "a.name.example") == 0;
}

static struct metering *begin(struct sink_log *log, const struct catalogue *catalogue,
                              const struct directions *directions)
{
    struct metering_sink sink = sink_into(log);
    struct trust_policy policy = trust_by_default;
    struct metering *metering;

    sink.flow = count_named;
    assert_null(tunnels_add_port(&policy, "fou:19523"));
    metering = metering_new(&limits, catalogue, directions, &sink);
    assert_non_null(metering);
    metering_set_trust(metering, &policy);
    return metering;
}

static void show(struct metering *metering)
{
    for (size_t i = 0; i < film.count; i++)
        metering_packet(metering, film.shots[i].time_ns, film.shots[i].link_type,
                        film.shots[i].bytes, film.shots[i].captured, film.shots[i].length);
}

/* Each alone, so that the one that fails is told. */
static void a_name_is_found_in_whatever_carries_it(void **state)
{
    struct catalogue *catalogue = catalogue_new();
    struct directions *directions = directions_new();
    struct sink_log log = {0};
    struct metering *metering = begin(&log, catalogue, directions);
    uint64_t seed = 39;
    uint64_t connections = 0;

    (void)state;
    film_start(&film);
    for (unsigned i = 0; i < STACKS; i++) {
        build(i, &seed);
        show(metering);
        if (metering_flow_bytes(metering) == connections)
            fail_msg("number %u: %s", i, stack.story);
        connections = metering_flow_bytes(metering);
        film_clear(&film);
    }
    metering_finish(metering);
    metering_free(metering);
    assert_int_equal(named, STACKS);
    assert_int_equal(sink_coverage(&log).flows, STACKS);
    assert_int_equal(sink_coverage(&log).packets_undecodable, 0);
    assert_int_equal(sink_coverage(&log).packets_other, 0);
    sink_clear(&log);
    directions_free(directions);
    catalogue_free(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_found_in_whatever_carries_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
