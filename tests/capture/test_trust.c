/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/tunnels.h"

#include "tests/capture/frames.h"

static struct trust_policy policy;

static int setup(void **state)
{
    (void)state;
    policy = (struct trust_policy){.tunnels_listed = true};
    return 0;
}

static bool trusts(struct address a, struct address b)
{
    return trust_tunnel(&policy, &a, &b);
}

static const struct address stranger = {4, {192, 0, 2, 200}};

static void without_a_list_all_are_trusted(void **state)
{
    (void)state;
    policy.tunnels_listed = false;
    assert_true(trusts(stranger, stranger));
    policy.tunnels_listed = true; /* and with an empty one, none */
    assert_false(trusts(stranger, stranger));
}

static void either_end_may_be_listed(void **state)
{
    (void)state;
    assert_null(trust_add_tunnel(&policy, "192.0.2.1"));
    assert_true(trusts(address4(192, 0, 2, 1), stranger));
    assert_true(trusts(stranger, address4(192, 0, 2, 1)));
    assert_false(trusts(stranger, stranger));
    assert_false(trusts(address4(192, 0, 2, 0), address4(193, 0, 2, 1)));
}

/* Every bit of the prefix counts, and none behind it. */
static void all_bits_of_a_prefix_count(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 128; length++) {
        char text[64];
        struct address address = {.family = 6};

        setup(NULL);
        snprintf(text, sizeof(text), "::/%u", length);
        assert_null(trust_add_tunnel(&policy, text));
        for (unsigned bit = 0; bit < 128; bit++) {
            address.bytes[bit / 8] = (uint8_t)(0x80 >> bit % 8);
            assert_int_equal(trusts(address, stranger), bit >= length);
            address.bytes[bit / 8] = 0;
        }
        assert_false(trusts(stranger, stranger)); /* of the other family */
    }
}

static void what_is_no_prefix_is_refused(void **state)
{
    (void)state;
    assert_string_equal(trust_add_tunnel(&policy, "router"), "not an address");
    assert_string_equal(trust_add_tunnel(&policy, "10.0.0.0/33"), "prefix length is too large");
    assert_string_equal(trust_add_tunnel(&policy, "10.0.0.1/31"), "host bits are set in prefix");
    assert_string_equal(trust_add_tunnel(&policy, "2001:db8::1/64"), "host bits are set in prefix");
    assert_int_equal(policy.tunnel_count, 0);
    for (unsigned i = 0; i < TRUST_MAX_TUNNELS; i++)
        assert_null(trust_add_tunnel(&policy, "10.0.0.0/31"));
    assert_string_equal(trust_add_tunnel(&policy, "10.0.0.2"), "more than 32 prefixes at");
    assert_int_equal(policy.tunnel_count, TRUST_MAX_TUNNELS);
}

static void every_part_of_a_policy_tells_it_from_others(void **state)
{
    struct trust_policy other = {.tunnels_listed = true};

    (void)state;
    assert_null(trust_add_tunnel(&policy, "10.0.0.0/30"));
    assert_false(trust_is_same(&policy, &other));
    assert_null(trust_add_tunnel(&other, "10.0.0.0/31"));
    assert_false(trust_is_same(&policy, &other));
    other.tunnels[0].length = 30;
    assert_true(trust_is_same(&policy, &other));
    other.tunnels[0].network.bytes[3] = 4;
    assert_false(trust_is_same(&policy, &other));
    other.tunnels[0].network.bytes[3] = 0;
    other.answers = TRUST_ANY_ANSWERS;
    assert_false(trust_is_same(&policy, &other));
    other.answers = policy.answers;
    other.tunnels_listed = false;
    assert_false(trust_is_same(&policy, &other));
    other.tunnels_listed = true;
    assert_null(tunnels_add_port(&policy, "fou:5555"));
    assert_false(trust_is_same(&policy, &other));
    assert_null(tunnels_add_port(&other, "gue:5555"));
    assert_false(trust_is_same(&policy, &other));
    other.ports[0] = policy.ports[0];
    assert_true(trust_is_same(&policy, &other));
    other.ports[0].port++;
    assert_false(trust_is_same(&policy, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_list_all_are_trusted, setup),
        cmocka_unit_test_setup(either_end_may_be_listed, setup),
        cmocka_unit_test_setup(all_bits_of_a_prefix_count, setup),
        cmocka_unit_test_setup(what_is_no_prefix_is_refused, setup),
        cmocka_unit_test_setup(every_part_of_a_policy_tells_it_from_others, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
