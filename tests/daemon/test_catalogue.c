/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/matching.h"
#include "tests/daemon/servicesfile.h"

static struct catalogue *services(uint16_t count)
{
    struct catalogue *catalogue = catalogue_new();

    for (uint16_t i = 0; i < count; i++) {
        struct service service = {.label = "x"};

        snprintf(service.id, sizeof(service.id), "s%u", i);
        assert_true(catalogue_set_service(catalogue, i, &service));
    }
    return catalogue;
}

static void an_empty_catalogue_matches_nothing(void **state)
{
    struct catalogue *catalogue = catalogue_new();

    (void)state;
    assert_int_equal(match(catalogue, "chatgpt.com"), SERVICE_NONE);
    assert_false(catalogue_is_ech_name(catalogue, "chatgpt.com", 11));
    assert_int_equal(catalogue_count(catalogue), 0);
    assert_null(catalogue_service(catalogue, 0));
    assert_int_equal(catalogue_find(catalogue, "x"), SERVICE_NONE);
    catalogue_free(catalogue);
    catalogue_free(NULL);
}

static void exact_names_match_themselves_only(void **state)
{
    struct catalogue *catalogue = services(1);

    (void)state;
    assert_null(catalogue_add_host(catalogue, "api.openai.com", 0, ROLE_LOGIN));
    assert_int_equal(match(catalogue, "api.openai.com"), 0);
    assert_int_equal(match(catalogue, "API.OpenAI.com"), 0);
    assert_int_equal(match(catalogue, "api.openai.com."), 0);
    assert_int_equal(catalogue_match(catalogue, "api.openai.com", 14).role, ROLE_LOGIN);
    assert_int_equal(catalogue_match(catalogue, "api.openai.community", 14).service, 0);
    assert_int_equal(match(catalogue, "eu.api.openai.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "openai.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "xapi.openai.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "api.openai.com.evil.org"), SERVICE_NONE);
    catalogue_free(catalogue);
}

static void a_suffix_is_the_name_and_all_below(void **state)
{
    struct catalogue *catalogue = services(1);

    (void)state;
    assert_null(catalogue_add_host(catalogue, ".Claude.com", 0, ROLE_INFERENCE));
    assert_int_equal(match(catalogue, "claude.com"), 0);
    assert_int_equal(match(catalogue, "a.claude.com"), 0);
    assert_int_equal(match(catalogue, "c.b.a.CLAUDE.com"), 0);
    assert_int_equal(match(catalogue, "notclaude.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "claude.com.fr"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "com"), SERVICE_NONE);
    catalogue_free(catalogue);
}

static void a_star_is_part_of_one_label(void **state)
{
    struct catalogue *catalogue = services(5);

    (void)state;
    assert_null(catalogue_add_host(catalogue, "bedrock-runtime.*.amazonaws.com", 0, 0));
    assert_null(catalogue_add_host(catalogue, "*-aiplatform.googleapis.com", 1, 0));
    assert_null(catalogue_add_host(catalogue, "a*b*c.*.example.com", 2, 0));
    assert_null(catalogue_add_host(catalogue, "*.*.two.example.org", 3, 0));
    assert_null(catalogue_add_host(catalogue, "q*.two.example.net", 4, 0));
    assert_int_equal(match(catalogue, "qx.two.example.net"), 4);
    assert_int_equal(match(catalogue, "q.x.two.example.net"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "bedrock-runtime.eu-west-3.amazonaws.com"), 0);
    assert_int_equal(match(catalogue, "bedrock-runtime.a.b.amazonaws.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "bedrock-runtime.amazonaws.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "bedrock-runtime..amazonaws.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "x.bedrock-runtime.eu.amazonaws.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "europe-west9-aiplatform.googleapis.com"), 1);
    assert_int_equal(match(catalogue, "-aiplatform.googleapis.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "a-aiplatform-aiplatform.googleapis.com"), 1);
    assert_int_equal(match(catalogue, "a.b-aiplatform.googleapis.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "axbxbyc.z.example.com"),
                     2); /* the first b is not the last */
    assert_int_equal(match(catalogue, "axbc.z.example.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "abxc.z.example.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "axbycc.z.example.com"), 2);
    assert_int_equal(match(catalogue, "p.q.two.example.org"), 3);
    assert_int_equal(match(catalogue, "o.p.q.two.example.org"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "q.two.example.org"), SERVICE_NONE);
    catalogue_free(catalogue);
}

static void the_most_specific_pattern_wins(void **state)
{
    static const char *const patterns[] = {
        ".example.com",        ".chat.example.com",    "*.example.com",
        "x*.chat.example.com", "api.chat.example.com", ".api.chat.example.com",
        ".bb.two.example.net", "a.*.two.example.net",
    };
    static const struct {
        const char *name;
        uint16_t service;
    } expected[] = {
        {"example.com", 0},
        {"a.b.example.com", 0},
        {"foo.example.com", 2},  /* as long as the suffix, plus its star */
        {"chat.example.com", 1}, /* a suffix longer than the wildcard */
        {"a.chat.example.com", 1},
        {"xa.chat.example.com", 3},
        {"api.chat.example.com", 4}, /* exact, though the suffix is longer */
        {"v1.api.chat.example.com", 5},
        {"a.bb.two.example.net", 6}, /* as long as each other: the suffix */
        {"a.cc.two.example.net", 7},
    };

    (void)state;
    for (int reverse = 0; reverse <= 1; reverse++) {
        struct catalogue *catalogue = services(8);

        for (uint16_t i = 0; i < 8; i++) {
            uint16_t number = reverse ? (uint16_t)(7 - i) : i;

            assert_null(catalogue_add_host(catalogue, patterns[number], number, 0));
        }
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
            assert_int_equal(match(catalogue, expected[i].name), expected[i].service);
        catalogue_free(catalogue);
    }
}

/* Names come from the wire: whatever they hold, they match nothing by accident. */
static void hostile_names_match_nothing(void **state)
{
    struct catalogue *catalogue = services(3);
    char *name = malloc(70000);

    (void)state;
    assert_null(catalogue_add_host(catalogue, "chatgpt.com", 0, 0));
    assert_null(catalogue_add_host(catalogue, ".openai.com", 1, 0));
    assert_null(catalogue_add_host(catalogue, "*.a.example.com", 2, 0));
    assert_int_equal(catalogue_match(catalogue, "chatgpt.com\0.evil.org", 20).service,
                     SERVICE_NONE);
    assert_int_equal(catalogue_match(catalogue, "chatgpt.com\0", 12).service, SERVICE_NONE);
    assert_int_equal(catalogue_match(catalogue, "evil\0.openai.com", 16).service, SERVICE_NONE);
    assert_int_equal(catalogue_match(catalogue, "\0.a.example.com", 15).service, SERVICE_NONE);
    assert_int_equal(catalogue_match(catalogue, "chatgpt.com", 0).service, SERVICE_NONE);
    assert_int_equal(match(catalogue, "."), SERVICE_NONE);
    assert_int_equal(match(catalogue, ".."), SERVICE_NONE);
    assert_int_equal(match(catalogue, "chatgpt.com.."), SERVICE_NONE);
    assert_int_equal(match(catalogue, ".openai.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "a..openai.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "*.a.example.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "\xff.a.example.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "nodots"), SERVICE_NONE);
    memset(name, 'a', 70000);
    for (size_t length = 1; length < 70000; length = length * 2 + 1) {
        memcpy(name + length - 1, ".openai.com", length + 10 < 70000 ? 11 : 0);
        assert_int_equal(catalogue_match(catalogue, name, length + 10).service,
                         length - 1 >= 1 && length - 1 <= 63 ? 1 : SERVICE_NONE);
        assert_false(catalogue_is_ech_name(catalogue, name, length));
        memset(name, 'a', 70000);
    }
    free(name);
    catalogue_free(catalogue);
}

static void names_may_have_up_to_253_characters(void **state)
{
    struct catalogue *catalogue = services(1);
    char name[256];

    (void)state;
    assert_null(catalogue_add_host(catalogue, ".b.example.com", 0, 0));
    for (size_t i = 0; i < 253 - 13; i++)
        name[i] = i % 2 ? '.' : 'a';
    memcpy(name + 253 - 13, "b.example.com.", 15);
    assert_int_equal(catalogue_match(catalogue, name, 253).service, 0);
    assert_int_equal(catalogue_match(catalogue, name, 254).service, 0); /* the root's dot */
    memmove(name + 1, name, 254);
    assert_int_equal(catalogue_match(catalogue, name, 254).service, SERVICE_NONE);
    catalogue_free(catalogue);
}

static void bad_patterns_are_refused(void **state)
{
    struct catalogue *catalogue = services(1);
    char label[70] = "";
    char lengthy[300];

    (void)state;
    memset(label, 'a', 64);
    memcpy(label + 64, ".fr", 4);
    memset(lengthy, 'a', sizeof(lengthy));
    lengthy[sizeof(lengthy) - 1] = '\0';
    assert_string_equal(catalogue_add_host(catalogue, "", 0, 0), "empty host");
    assert_string_equal(catalogue_add_host(catalogue, ".", 0, 0), "empty host");
    assert_string_equal(catalogue_add_host(catalogue, "a..b", 0, 0), "empty label in host");
    assert_string_equal(catalogue_add_host(catalogue, "..b.c", 0, 0), "empty label in host");
    assert_string_equal(catalogue_add_host(catalogue, "a.b..", 0, 0), "empty label in host");
    assert_string_equal(catalogue_add_host(catalogue, ".com..", 0, 0), "empty label in host");
    assert_string_equal(catalogue_add_host(catalogue, "a b.com", 0, 0),
                        "invalid character in host");
    assert_string_equal(catalogue_add_host(catalogue, "http://a.com", 0, 0),
                        "invalid character in host");
    assert_string_equal(catalogue_add_host(catalogue, "a.com:8080", 0, 0),
                        "invalid character in host");
    assert_string_equal(catalogue_add_host(catalogue, "\xc3\xa9.com", 0, 0),
                        "invalid character in host");
    assert_string_equal(catalogue_add_host(catalogue, label, 0, 0),
                        "label longer than 63 characters in host");
    assert_string_equal(catalogue_add_host(catalogue, lengthy, 0, 0),
                        "host longer than 253 characters");
    assert_string_equal(catalogue_add_host(catalogue, ".com", 0, 0),
                        "host covers a whole top-level domain");
    assert_string_equal(catalogue_add_host(catalogue, "*", 0, 0),
                        "host must end in two labels without '*'");
    assert_string_equal(catalogue_add_host(catalogue, "*.com", 0, 0),
                        "host must end in two labels without '*'");
    assert_string_equal(catalogue_add_host(catalogue, "a.*.com", 0, 0),
                        "host must end in two labels without '*'");
    assert_string_equal(catalogue_add_host(catalogue, ".*.a.com", 0, 0),
                        "host with both a leading dot and '*'");
    assert_string_equal(catalogue_add_host(catalogue, "a.com", 1, 0), "no such service");
    assert_string_equal(catalogue_add_host(catalogue, "a.com", SERVICE_NONE, 0), "no such service");
    assert_string_equal(catalogue_add_host(catalogue, "a.com", 0, ROLE_COUNT), "no such role");
    assert_string_equal(catalogue_add_ech_name(catalogue, "*.a.com"), "invalid character in host");
    assert_int_equal(match(catalogue, "a.com"), SERVICE_NONE);
    catalogue_free(catalogue);
}

static void the_same_pattern_twice_is_refused(void **state)
{
    struct catalogue *catalogue = services(2);

    (void)state;
    assert_null(catalogue_add_host(catalogue, "a.example.com", 0, 0));
    assert_null(catalogue_add_host(catalogue, ".a.example.com", 1, 0));
    assert_null(catalogue_add_host(catalogue, "*.a.example.com", 1, 0));
    assert_string_equal(catalogue_add_host(catalogue, "a.example.com", 0, 0), "duplicate host");
    assert_string_equal(catalogue_add_host(catalogue, "A.Example.com.", 1, 1), "duplicate host");
    assert_string_equal(catalogue_add_host(catalogue, ".A.example.com", 0, 0), "duplicate host");
    assert_string_equal(catalogue_add_host(catalogue, "*.a.EXAMPLE.com", 0, 0), "duplicate host");
    assert_null(catalogue_add_ech_name(catalogue, "ech.example.com"));
    assert_string_equal(catalogue_add_ech_name(catalogue, "ech.example.com"), "duplicate host");
    assert_int_equal(match(catalogue, "a.example.com"), 0);
    catalogue_free(catalogue);
}

static void ech_names_are_no_hosts(void **state)
{
    struct catalogue *catalogue = services(1);

    (void)state;
    assert_null(catalogue_add_ech_name(catalogue, "Cloudflare-ECH.com"));
    assert_true(catalogue_is_ech_name(catalogue, "cloudflare-ech.COM.", 19));
    assert_true(catalogue_is_ech_name(catalogue, "cloudflare-ech.comx", 18));
    assert_false(catalogue_is_ech_name(catalogue, "a.cloudflare-ech.com", 20));
    assert_false(catalogue_is_ech_name(catalogue, "", 0));
    assert_int_equal(match(catalogue, "cloudflare-ech.com"), SERVICE_NONE);
    assert_null(catalogue_add_host(catalogue, "b.example.com", 0, 0));
    assert_false(catalogue_is_ech_name(catalogue, "b.example.com", 13));
    catalogue_free(catalogue);
}

static void resolvers_are_names_and_suffixes(void **state)
{
    struct catalogue *catalogue = services(1);

    (void)state;
    assert_false(is_resolver(catalogue, "dns.google"));
    assert_null(catalogue_add_resolver(catalogue, "Dns.Google"));
    assert_null(catalogue_add_resolver(catalogue, ".nextdns.example.com"));
    assert_null(catalogue_add_host(catalogue, "a.example.com", 0, 0));
    assert_null(catalogue_add_ech_name(catalogue, "ech.example.com"));
    assert_true(is_resolver(catalogue, "dns.GOOGLE."));
    assert_true(catalogue_is_resolver(catalogue, "dns.googlex", 10));
    assert_false(is_resolver(catalogue, "a.dns.google"));
    assert_false(is_resolver(catalogue, "google"));
    assert_true(is_resolver(catalogue, "nextdns.example.com"));
    assert_true(is_resolver(catalogue, "12ab.nextdns.example.com"));
    assert_true(is_resolver(catalogue, "d.c.nextdns.example.com"));
    assert_false(is_resolver(catalogue, "xnextdns.example.com"));
    assert_false(is_resolver(catalogue, "example.com"));
    assert_false(is_resolver(catalogue, ""));
    assert_false(is_resolver(catalogue, "."));
    assert_false(is_resolver(catalogue, "..nextdns.example.com"));
    assert_false(catalogue_is_resolver(catalogue, "x\0.nextdns.example.com", 22));
    assert_false(is_resolver(catalogue, "a.example.com"));
    assert_false(is_resolver(catalogue, "ech.example.com"));
    assert_int_equal(match(catalogue, "dns.google"), SERVICE_NONE);
    assert_false(catalogue_is_ech_name(catalogue, "dns.google", 10));
    catalogue_free(catalogue);
}

static void bad_resolvers_are_refused(void **state)
{
    struct catalogue *catalogue = services(1);

    (void)state;
    assert_string_equal(catalogue_add_resolver(catalogue, ""), "empty host");
    assert_string_equal(catalogue_add_resolver(catalogue, ".dev"),
                        "host covers a whole top-level domain");
    assert_string_equal(catalogue_add_resolver(catalogue, "dns.*.example.com"),
                        "resolver with '*'");
    assert_string_equal(catalogue_add_resolver(catalogue, "dns google"),
                        "invalid character in host");
    assert_null(catalogue_add_resolver(catalogue, "dns.google"));
    assert_null(catalogue_add_resolver(catalogue, ".dns.google"));
    assert_string_equal(catalogue_add_resolver(catalogue, "DNS.google"), "duplicate host");
    assert_string_equal(catalogue_add_resolver(catalogue, ".DNS.google"), "duplicate host");
    /* A resolver may be a host of a service, too. */
    assert_null(catalogue_add_host(catalogue, "dns.google", 0, ROLE_ASSETS));
    assert_int_equal(match(catalogue, "dns.google"), 0);
    catalogue_free(catalogue);
}

static void resolvers_have_addresses(void **state)
{
    struct catalogue *catalogue = services(1);
    struct address none = {.family = 0};

    (void)state;
    assert_false(is_resolver_address(catalogue, "192.0.2.53"));
    assert_null(catalogue_add_resolver_address(catalogue, "192.0.2.53"));
    assert_null(catalogue_add_resolver_address(catalogue, "2001:DB8:0:0::0053"));
    assert_null(catalogue_add_resolver_address(catalogue, "::"));
    assert_true(is_resolver_address(catalogue, "192.0.2.53"));
    assert_true(is_resolver_address(catalogue, "2001:db8::53"));
    assert_false(is_resolver_address(catalogue, "192.0.2.5"));
    assert_false(is_resolver_address(catalogue, "192.0.2.54"));
    assert_false(is_resolver_address(catalogue, "2001:db8::54"));
    assert_false(is_resolver_address(catalogue, "c000:235::")); /* the bytes of the first */
    assert_false(catalogue_is_resolver_address(catalogue, &none));
    /* No name is one, and none is made a host. */
    assert_false(is_resolver(catalogue, "192.0.2.53"));
    assert_null(catalogue_add_resolver(catalogue, "192.0.2.54"));
    assert_false(is_resolver_address(catalogue, "192.0.2.54"));
    assert_int_equal(match(catalogue, "192.0.2.53"), SERVICE_NONE);
    catalogue_free(catalogue);
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "192.0.2",
                                      "192.0.2.256",
                                      "192.0.2.53 ",
                                      "::g",
                                      "[2001:db8::53]",
                                      "192.0.2.53:53",
                                      "dns.google",
                                      "fe80::1%eth0"};
    struct catalogue *catalogue = services(1);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(catalogue_add_resolver_address(catalogue, bad[i]), "not an address");
    assert_string_equal(catalogue_add_resolver_address(catalogue, "192.0.2.0/24"),
                        "address of a whole network");
    assert_null(catalogue_add_resolver_address(catalogue, "2001:db8::53"));
    assert_string_equal(catalogue_add_resolver_address(catalogue, "2001:DB8:0::53"),
                        "duplicate address");
    catalogue_free(catalogue);
}

/* The first two services are reviewed, the third is not. */
static void what_is_reviewed_comes_first(void **state)
{
    static const struct {
        const char *pattern;
        uint16_t service;
    } patterns[] = {
        {".example.com", 0},       {"*.star.example.org", 1}, {"known.example.net", 1},
        {"exact.example.com", 2},  {".deep.example.com", 2},  {"*.deep.example.com", 2},
        {"a.star.example.org", 2}, {".example.net", 2},       {"*.wild.example.net", 2},
        {".wild.example.net", 2},  {"b.wild.example.net", 2}, {"*.known.example.net", 2},
    };
    static const struct {
        const char *name;
        uint16_t service;
    } expected[] = {
        {"example.com", 0},        {"exact.example.com", 0}, /* though its pattern is exact */
        {"deep.example.com", 0},   {"x.deep.example.com", 0}, {"a.star.example.org", 1},
        {"known.example.net", 1},  {"other.example.net", 2},  {"x.known.example.net", 2},
        {"b.wild.example.net", 2}, {"c.wild.example.net", 2},
    };
    size_t count = sizeof(patterns) / sizeof(patterns[0]);

    (void)state;
    for (int reverse = 0; reverse <= 1; reverse++) {
        struct catalogue *catalogue = services(2);
        struct service unreviewed = {.id = "u", .review = UNREVIEWED};

        assert_true(catalogue_set_service(catalogue, 2, &unreviewed));
        for (size_t i = 0; i < count; i++) {
            size_t index = reverse ? count - 1 - i : i;

            assert_null(catalogue_add_host(catalogue, patterns[index].pattern,
                                           patterns[index].service, ROLE_SHARED));
        }
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
            if (match(catalogue, expected[i].name) != expected[i].service)
                fail_msg("%s belongs to service %u", expected[i].name,
                         match(catalogue, expected[i].name));
        catalogue_free(catalogue);
    }
}

/* Through several growths of the table. */
static void thousands_of_patterns_are_all_found(void **state)
{
    struct catalogue *catalogue = services(100);
    char name[64];

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "%sh%u.example.com", i % 2 ? "." : "", i);
        assert_null(catalogue_add_host(catalogue, name, (uint16_t)(i % 100), 0));
    }
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "%sh%u.example.com", i % 2 ? "www." : "", i);
        assert_int_equal(match(catalogue, name), i % 100);
    }
    assert_int_equal(match(catalogue, "h5000.example.com"), SERVICE_NONE);
    catalogue_free(catalogue);
}

static void wildcards_are_bounded(void **state)
{
    struct catalogue *catalogue = services(1);
    const char *problem = NULL;
    char name[64];
    unsigned count = 0;

    (void)state;
    while (!problem && count < 10000) {
        snprintf(name, sizeof(name), "*.h%u.example.com", count++);
        problem = catalogue_add_host(catalogue, name, 0, 0);
    }
    assert_string_equal(problem, "too many hosts with '*'");
    assert_int_equal(match(catalogue, "a.h0.example.com"), 0);
    snprintf(name, sizeof(name), "a.h%u.example.com", count - 1);
    assert_int_equal(match(catalogue, name), SERVICE_NONE);
    assert_null(catalogue_add_host(catalogue, "plain.example.com", 0, 0));
    assert_int_equal(match(catalogue, "plain.example.com"), 0);
    catalogue_free(catalogue);
}

static void services_are_set_and_found_by_number_and_id(void **state)
{
    struct catalogue *catalogue = catalogue_new();
    struct service service = {.id = "b", .label = "B"};

    (void)state;
    assert_true(catalogue_set_service(catalogue, 2, &service));
    assert_int_equal(catalogue_count(catalogue), 3);
    assert_string_equal(catalogue_service(catalogue, 1)->id, "");
    assert_int_equal(catalogue_find(catalogue, "b"), 2);
    assert_int_equal(catalogue_find(catalogue, ""), SERVICE_NONE);
    assert_true(catalogue_set_service(catalogue, MAX_SERVICES - 1, &service));
    assert_false(catalogue_set_service(catalogue, MAX_SERVICES, &service));
    assert_false(catalogue_set_service(catalogue, SERVICE_NONE, &service));
    assert_null(catalogue_service(catalogue, SERVICE_NONE));
    catalogue_free(catalogue);
}

static void roles_have_names(void **state)
{
    (void)state;
    assert_string_equal(service_role_name(ROLE_INFERENCE), "inference");
    assert_string_equal(service_role_name(ROLE_ASSETS), "assets");
    assert_string_equal(service_role_name(ROLE_TELEMETRY), "telemetry");
    assert_string_equal(service_role_name(ROLE_LOGIN), "login");
    assert_string_equal(service_role_name(ROLE_SHARED), "shared");
    assert_string_equal(service_role_name(ROLE_IMAGES), "images");
    assert_string_equal(service_role_name(ROLE_COUNT), "unknown");
}

static void describe(void *context, const char *pattern, uint16_t number, enum service_role role)
{
    fprintf(context, "%s %u %s\n", pattern, number, service_role_name(role));
}

static void a_visit_tells_hosts_then_ech_names(void **state)
{
    struct catalogue *catalogue = services(2);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    assert_null(catalogue_add_ech_name(catalogue, "ech.com"));
    assert_null(catalogue_add_resolver(catalogue, ".DNS.com"));
    assert_null(catalogue_add_host(catalogue, ".A.com", 1, ROLE_ASSETS));
    assert_null(catalogue_add_host(catalogue, "*.b.com", 0, ROLE_SHARED));
    assert_null(catalogue_add_resolver(catalogue, "doh.com"));
    assert_null(catalogue_add_resolver_address(catalogue, "2001:DB8:0::53"));
    catalogue_visit_hosts(catalogue, describe, stream);
    fputs("--\n", stream);
    catalogue_visit_resolvers(catalogue, describe, stream);
    fputs("--\n", stream);
    catalogue_visit_resolver_addresses(catalogue, describe, stream);
    fclose(stream);
    assert_string_equal(text, ".a.com 1 assets\n*.b.com 0 shared\nech.com 65535 inference\n--\n"
                              ".dns.com 65535 inference\ndoh.com 65535 inference\n--\n"
                              "2001:db8::53 65535 inference\n");
    free(text);
    catalogue_free(catalogue);
}

/* ---- services.conf ---- */

static void a_file_is_read(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *catalogue = load(
        "ech_public_names = [ \"ech.example.com\" ];\n"
        "resolvers = [ \"dns.example.com\", \".doh.example.com\" ];\n"
        "resolver_addresses = [ \"192.0.2.53\", \"2001:db8::53\" ];\n" ESTIMATORS
        "services = ( { id = \"a-1\"; label = \"A one\"; operator = \"Op\"; country = \"FR\";\n"
        "hosting = \"outside-eu\"; approved = false; modality = [ \"text\", \"code\", \"video\" "
        "];\n"
        "provider = \"p\"; model = \"m/x/y\"; method = \"B\"; estimator = \"e1\";\n"
        "image_model = \"image/x\";\n"
        "hosts = { inference = [ \".a.example.com\" ]; assets = [ \"b.example.com\" ];\n"
        "telemetry = [ \"c.example.com\" ]; login = [ \"d.example.com\" ];\n"
        "shared = [ \"e.example.com\" ]; images = [ \"i.example.com\" ]; }; },\n"
        "{ id = \"l\"; " PLAIN " estimator = \"e0\"; local = true; approved = true; },\n"
        "{ id = \"u\"; " PLAIN " estimator = \"e0\"; reviewed = false; " HOST("u.com") "} );",
        NULL, diagnostics);
    const struct service *service;

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(catalogue_count(catalogue), 3);
    service = catalogue_service(catalogue, 0);
    assert_string_equal(service->id, "a-1");
    assert_string_equal(service->label, "A one");
    assert_string_equal(service->operator_name, "Op");
    assert_string_equal(service->country, "FR");
    assert_int_equal(service->hosting, HOSTING_OUTSIDE_EU);
    assert_int_equal(service->approval, APPROVAL_NO);
    assert_int_equal(service->modalities, MODALITY_TEXT | MODALITY_CODE | MODALITY_VIDEO);
    assert_string_equal(service->provider, "p");
    assert_string_equal(service->model, "m/x/y");
    assert_int_equal(service->method, SERVICE_METHOD_B);
    assert_int_equal(catalogue_service(catalogue, 1)->method, SERVICE_METHOD_A);
    assert_string_equal(service->estimator.name, "e1");
    assert_string_equal(service->image_model, "image/x");
    assert_int_equal(catalogue_service(catalogue, 1)->approval, APPROVAL_YES);
    assert_int_equal(catalogue_match(catalogue, "x.a.example.com", 15).role, ROLE_INFERENCE);
    assert_int_equal(catalogue_match(catalogue, "b.example.com", 13).role, ROLE_ASSETS);
    assert_int_equal(catalogue_match(catalogue, "c.example.com", 13).role, ROLE_TELEMETRY);
    assert_int_equal(catalogue_match(catalogue, "d.example.com", 13).role, ROLE_LOGIN);
    assert_int_equal(catalogue_match(catalogue, "e.example.com", 13).role, ROLE_SHARED);
    assert_int_equal(catalogue_match(catalogue, "i.example.com", 13).role, ROLE_IMAGES);
    assert_true(catalogue_is_ech_name(catalogue, "ech.example.com", 15));
    assert_true(is_resolver(catalogue, "dns.example.com"));
    assert_true(is_resolver(catalogue, "x.doh.example.com"));
    assert_true(is_resolver_address(catalogue, "192.0.2.53"));
    assert_true(is_resolver_address(catalogue, "2001:db8::53"));
    assert_int_equal(catalogue_service(catalogue, 0)->review, REVIEWED);
    assert_int_equal(catalogue_service(catalogue, 1)->review, REVIEWED);
    assert_int_equal(catalogue_service(catalogue, 2)->review, UNREVIEWED);
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
}

#define SERVICE(body) ESTIMATORS "services = (\n{\n" body "\n} );\n"
#define GOOD          "id = \"a\"; " PLAIN "estimator = \"e1\"; "

#define FORTY "0123456789012345678901234567890123456789"

static const struct broken broken[] = {
    /* the file */
    {ESTIMATORS, 1, "missing key \"services\""},
    {"services = ();\n", 1, "missing key \"estimators\""},
    {ESTIMATORS "services = ();\nmodels = 3;\n", 3, "unknown key \"models\""},
    {ESTIMATORS "services = (\n3 );\n", 3, "must be a group"},
    {ESTIMATORS "services = ();\nech_public_names = [ \"a.com\",\n\"b c\" ];\n", 4,
     "ech_public_names: invalid character in host \"b c\""},
    {ESTIMATORS "services = ();\nech_public_names = [\n3 ];\n", 4, "must be a string"},
    /* a service */
    {SERVICE(PLAIN "estimator = \"e1\"; " HOST("a.com")), 3, "missing key \"id\""},
    {SERVICE("id = \"a\"; " PLAIN HOST("a.com")), 3, "missing key \"estimator\""},
    {SERVICE(GOOD HOST("a.com") "\nowner = 1;"), 5, "unknown key \"owner\""},
    {SERVICE("id = \"A B\";\n" PLAIN "estimator = \"e1\"; " HOST("a.com")), 4, "id must be made"},
    {SERVICE("id = \"\";\n" PLAIN "estimator = \"e1\"; " HOST("a.com")), 4, "id must be made"},
    {SERVICE("id = \"../a\";\n" PLAIN "estimator = \"e1\"; " HOST("a.com")), 4, "id must be made"},
    {SERVICE("id = \"other\";\n" PLAIN "estimator = \"e1\"; " HOST("a.com")), 4, "is reserved"},
    {SERVICE("id = \"a\"; label = \"L\"; operator = \"O\";\ncountry = \"fr\"; hosting = \"eu\";\n"
             "modality = [ \"text\" ]; estimator = \"e1\"; " HOST("a.com")),
     5, "country must be two capital letters"},
    {SERVICE("id = \"a\"; label = \"L\"; operator = \"O\"; country = \"FR\";\nhosting = \"mars\";\n"
             "modality = [ \"text\" ]; estimator = \"e1\"; " HOST("a.com")),
     5, "hosting must be one of: sovereign, eu, outside-eu"},
    {SERVICE(GOOD HOST("a.com") "\nmethod = \"C\";"), 5, "method must be one of: A, B"},
    {SERVICE("id = \"a\"; label = \"L\"; operator = \"O\"; country = \"FR\"; hosting = \"eu\";\n"
             "modality = [ \"text\",\n\"smell\" ]; estimator = \"e1\"; " HOST("a.com")),
     6, "modality must be one of: text, code, image, audio, video"},
    {SERVICE("id = \"a\"; label = \"L\"; operator = \"O\"; country = \"FR\"; hosting = \"eu\";\n"
             "modality = [ ]; estimator = \"e1\"; " HOST("a.com")),
     5, "modality is empty"},
    {SERVICE(GOOD HOST("a.com") "\napproved = \"yes\";"), 5, "approved must be true or false"},
    {SERVICE("id = \"a\"; " PLAIN "\nestimator = \"nope\"; " HOST("a.com")), 5,
     "unknown estimator \"nope\""},
    {SERVICE(GOOD HOST("a.com") "provider = \"p\";\nmodel = \"gpt\";"), 5,
     "model must be \"provider/name\""},
    {SERVICE(GOOD HOST("a.com") "model = \"p/gpt\";"), 3, "service a has a model but no provider"},
    {SERVICE("id = \"a\"; " PLAIN
             "estimator = \"e0\"; provider = \"p\";\nmodel = \"p/m\"; " HOST("a.com")),
     5, "service a has a model, but estimator \"e0\" counts no tokens"},
    {ESTIMATORS "services = (\n{ " GOOD HOST("a.com") "},\n{ " GOOD HOST("b.com") "} );\n", 4,
     "service a is defined twice"},
    /* hosts */
    {SERVICE(GOOD), 3, "service a has no hosts"},
    {SERVICE(GOOD "hosts = { };"), 3, "service a has no hosts"},
    {SERVICE(GOOD "local = true;\n" HOST("a.com")), 5, "service a is local and cannot have hosts"},
    {SERVICE(GOOD "hosts = {\nother = [ \"a.com\" ]; };"), 5, "unknown key \"other\""},
    {SERVICE(GOOD "hosts = {\ninference = \"a.com\"; };"), 5, "inference must be a list"},
    {SERVICE(GOOD "hosts = { inference = [\n\"a.com\",\n\"a com\" ]; };"), 6,
     "service a: invalid character in host \"a com\""},
    {SERVICE(GOOD "hosts = { inference = [\n12 ]; };"), 5, "host must be a string"},
    {SERVICE(GOOD "hosts = { inference = [ \"a.com\" ];\nassets = [\n\"A.com\" ]; };"), 6,
     "service a: duplicate host \"A.com\", first at "},
    {ESTIMATORS "services = (\n{ " GOOD HOST(
         "a.com") "},\n{ id = \"b\"; " PLAIN "estimator = \"e1\";\n" HOST("a.com") "} );\n",
     5, "service b: duplicate host \"a.com\", first at "},
    {ESTIMATORS "services = (\n{ " GOOD HOST(
         "*.a.b.com") "},\n{ id = \"b\"; " PLAIN "estimator = \"e1\";\n" HOST("*.a.b.com") "} );\n",
     5, "service b: duplicate host \"*.a.b.com\", first at "},
    /* what is not reviewed */
    {SERVICE(GOOD HOST("a.com") "reviewed = false; provider = \"p\";\nmodel = \"p/m\";"), 5,
     "service a has a model, but is not reviewed"},
    {SERVICE(GOOD HOST("a.com") "\nreviewed = 0;"), 5, "reviewed must be true or false"},
    /* resolvers */
    {ESTIMATORS "services = ();\nresolvers = \"dns.google\";\n", 3, "resolvers must be a list"},
    {ESTIMATORS "services = ();\nresolvers = [ \"dns.google\",\n\"*.dns.google.com\" ];\n", 4,
     "resolvers: resolver with '*' \"*.dns.google.com\""},
    {ESTIMATORS "services = ();\nresolvers = [\n3 ];\n", 4, "resolvers: host must be a string"},
    {ESTIMATORS "services = ();\nresolvers = [ \"dns.google\",\n\"Dns.google\" ];\n", 4,
     "resolvers: duplicate host \"Dns.google\", first at "},
    {ESTIMATORS "services = ();\nresolver_addresses = \"192.0.2.53\";\n", 3,
     "resolver_addresses must be a list"},
    {ESTIMATORS "services = ();\nresolver_addresses = [ \"192.0.2.53\",\n\"192.0.2.0/24\" ];\n", 4,
     "resolver_addresses: address of a whole network \"192.0.2.0/24\""},
    {ESTIMATORS "services = ();\nresolver_addresses = [ \"::1\",\n\n\"dns.google\" ];\n", 5,
     "resolver_addresses: not an address \"dns.google\""},
    {ESTIMATORS "services = ();\nresolver_addresses = [\n3 ];\n", 4,
     "resolver_addresses: address must be a string"},
    {ESTIMATORS "services = ();\nresolver_addresses = [ \"2001:db8::1\",\n\"2001:DB8:0::1\" ];\n",
     4, "resolver_addresses: duplicate address \"2001:DB8:0::1\", first at "},
    {SERVICE(GOOD HOST("a.com") "\nlabel_fr = \"" FORTY FORTY "\";"), 5, "label_fr"},
    {SERVICE(GOOD HOST("a.com") "label_fr = \"" FORTY
                                "\"; regions = (\n{ id = \"r\"; label = \"L\"; "
                                "label_fr = \"" FORTY "\"; " HOST("b.com") " } );"),
     5, "label 79"},
    /* regions */
    {SERVICE(GOOD HOST("a.com") "regions = {};"), 4, "regions must be a list"},
    {SERVICE(GOOD HOST("a.com") "regions = (\n3 );"), 5, "must be a group"},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ label = \"L\"; " HOST("b.com") " } );"), 5,
     "missing key \"id\""},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"r\"; " HOST("b.com") " } );"), 5,
     "missing key \"label\""},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"r\"; label = \"L\"; } );"), 5,
     "missing key \"hosts\""},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"r\"; label = \"L\"; hosts = { }; } );"), 5,
     "service a-r has no hosts"},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"r\"; label = \"L\"; model = \"p/m\"; " HOST(
         "b.com") " } );"),
     5, "unknown key \"model\""},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"R\"; label = \"L\"; " HOST("b.com") " } );"),
     5, "region \"R\" of service a: id must be made of a-z"},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"r2345678901234567890123456789012345678\"; "
                                "label = \"L\"; " HOST("b.com") " } );"),
     5, "id may have 39 characters"},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"r\"; label = \"L\"; " HOST(
         "b.com") " },\n{ id = \"r\"; label = \"L\"; " HOST("c.com") " } );"),
     6, "service a-r is defined twice, first at "},
    {SERVICE(GOOD HOST("a.com") "regions = (\n{ id = \"r\"; label = \"L\"; " HOST("a.com") " } );"),
     5, "service a-r: duplicate host \"a.com\", first at "},
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    assert_broken(broken, sizeof(broken) / sizeof(broken[0]));
}

/* A broken estimator is one error, not one more for each service that uses it. */
static void a_broken_estimator_is_said_once(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(load("estimators = {\ne1 = { method = \"M4\"; }; };\nservices = ( { " GOOD HOST(
                         "a.com") "} );\n",
                     NULL, diagnostics));
    assert_complaint(diagnostics, "services.conf", 2, "missing key \"grade\"");
    for (size_t i = 0; diagnostics_text(diagnostics, i); i++)
        assert_null(strstr(diagnostics_text(diagnostics, i), "unknown estimator"));
    diagnostics_free(diagnostics);
}

static void numbers_survive_a_reload(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *first =
        load(ESTIMATORS "services = ( { id = \"a\"; " PLAIN "estimator = \"e1\"; " HOST(
                 "a.com") "},"
                          "{ id = \"b\"; " PLAIN "estimator = \"e1\"; " HOST("b.com") "} );",
             NULL, diagnostics);
    struct catalogue *second =
        load(ESTIMATORS "services = ( { id = \"c\"; " PLAIN "estimator = \"e1\"; " HOST(
                 "a.com") "},"
                          "{ id = \"b\"; " PLAIN "estimator = \"e0\"; " HOST("bb.com") "} );",
             first, diagnostics);

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(catalogue_count(second), 3);
    assert_int_equal(catalogue_find(second, "a"), 0);
    assert_int_equal(catalogue_find(second, "b"), 1);
    assert_int_equal(catalogue_find(second, "c"), 2);
    assert_string_equal(catalogue_service(second, 1)->estimator.name, "e0");
    assert_int_equal(match(first, "a.com"), 0);
    assert_int_equal(match(second, "a.com"), 2);
    assert_int_equal(match(second, "b.com"), SERVICE_NONE);
    assert_int_equal(match(second, "bb.com"), 1);
    catalogue_free(first);
    catalogue_free(second);
    diagnostics_free(diagnostics);
}

#define OF_A_REGION                                                                                \
    ESTIMATORS "services = ( { id = \"a\"; label = \"L\"; %s operator = \"O\"; country = \"US\"; " \
               "hosting = \"eu\"; modality = [ \"text\" ]; estimator = \"e1\"; "                   \
               "hosts = { inference = [ \"a.example.com\" ]; }; regions = ( { id = \"us\"; "       \
               "label = \"US\"; %s hosts = { inference = [ \"b.example.com\" ]; }; } ); } );"

/* The label that a region has in French, where the service says SERVICE of itself, and the region
 * REGION. */
static void assert_french(const char *service, const char *region, const char *expected)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *catalogue;
    char text[2000];

    snprintf(text, sizeof(text), OF_A_REGION, service, region);
    catalogue = load(text, NULL, diagnostics);
    assert_no_complaint(diagnostics);
    assert_string_equal(catalogue_service(catalogue, catalogue_find(catalogue, "a-us"))->label,
                        "L (US)");
    assert_string_equal(catalogue_service(catalogue, catalogue_find(catalogue, "a-us"))->label_fr,
                        expected);
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
}

static void labels_in_french(void **state)
{
    (void)state;
    assert_french("", "", "");
    assert_french("label_fr = \"Le L\";", "", "Le L (US)");
    assert_french("", "label_fr = \"É.-U.\";", "L (É.-U.)");
    assert_french("label_fr = \"Le L\";", "label_fr = \"É.-U.\";", "Le L (É.-U.)");
}

static void a_region_is_a_service_elsewhere(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *catalogue = load(
        ESTIMATORS
        "services = ( { id = \"a\"; label = \"L\"; operator = \"O\"; country = \"US\";\n"
        "hosting = \"outside-eu\"; approved = true; modality = [ \"text\" ]; provider = \"p\";\n"
        "model = \"m/x\"; estimator = \"e1\"; hosts = { inference = [ \"api.*.example.com\" ]; };\n"
        "regions = ( { id = \"eu-west-3\"; label = \"Paris\"; provider = \"p-paris\"; hosting = "
        "\"eu\";\n"
        "hosts = { inference = [ \"api.eu-west-3.example.com\" ]; shared = [ \"s.example.com\" ]; "
        "}; "
        "},\n"
        "{ id = \"us\"; label = \"US\"; " HOST("api.us.example.com") " } ); } );",
        NULL, diagnostics);
    const struct service *paris;
    const struct service *us;

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(catalogue_count(catalogue), 3);
    assert_int_equal(match(catalogue, "api.eu-west-1.example.com"), 0);
    assert_int_equal(match(catalogue, "api.eu-west-3.example.com"),
                     catalogue_find(catalogue, "a-eu-west-3"));
    assert_int_equal(match(catalogue, "api.us.example.com"), catalogue_find(catalogue, "a-us"));
    assert_int_equal(catalogue_match(catalogue, "s.example.com", 13).role, ROLE_SHARED);
    paris = catalogue_service(catalogue, catalogue_find(catalogue, "a-eu-west-3"));
    assert_string_equal(paris->label, "L (Paris)");
    assert_string_equal(paris->operator_name, "O");
    assert_string_equal(paris->country, "US");
    assert_int_equal(paris->hosting, HOSTING_EU);
    assert_int_equal(paris->approval, APPROVAL_YES);
    assert_int_equal(paris->modalities, MODALITY_TEXT);
    assert_string_equal(paris->provider, "p-paris");
    assert_string_equal(paris->model, "m/x");
    assert_string_equal(paris->estimator.name, "e1");
    us = catalogue_service(catalogue, catalogue_find(catalogue, "a-us"));
    assert_int_equal(us->hosting, HOSTING_OUTSIDE_EU);
    assert_string_equal(us->provider, "p");
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
}

/* ---- several files ---- */

static struct catalogue *load_two(const char *first, const char *second, catalogue_check *check,
                                  void *context, struct diagnostics *diagnostics)
{
    char main_path[PATH_MAX];
    char more_path[PATH_MAX];
    char *paths[] = {main_path, more_path};

    write_with_exchanges(first);
    scratch_write("more.conf", second);
    scratch_path(main_path, "services.conf");
    scratch_path(more_path, "more.conf");
    return catalogue_load_files(paths, 2, NULL, check, context, diagnostics);
}

static void count_service(void *context, const struct config_setting_t *place,
                          const struct catalogue *catalogue, uint16_t number,
                          struct diagnostics *diagnostics)
{
    unsigned *count = context;

    (void)diagnostics;
    assert_non_null(place);
    assert_string_not_equal(catalogue_service(catalogue, number)->id, "");
    ++*count;
}

static void further_files_add_to_the_first(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();
    unsigned count = 0;
    struct catalogue *catalogue = load_two(
        ESTIMATORS "services = ( { " GOOD HOST("a.com") "} );",
        "services = ( { id = \"b\"; " PLAIN
        "estimator = \"e0\"; " HOST("b.com") "regions = ( { id = \"r\"; label = \"R\"; " HOST(
            "r.com") " } ); } );\n"
                     "ech_public_names = [ \"ech.com\" ]; resolvers = [ \"dns.google\" ];\n"
                     "resolver_addresses = [ \"192.0.2.53\" ];",
        count_service, &count, diagnostics);

    (void)state;
    assert_no_complaint(diagnostics);
    assert_int_equal(count, 3);
    assert_int_equal(catalogue_count(catalogue), 3);
    assert_int_equal(match(catalogue, "a.com"), 0);
    assert_int_equal(match(catalogue, "b.com"), 1);
    assert_int_equal(match(catalogue, "r.com"), 2);
    assert_string_equal(catalogue_service(catalogue, 1)->estimator.name, "e0");
    assert_true(catalogue_is_ech_name(catalogue, "ech.com", 7));
    assert_true(is_resolver(catalogue, "dns.google"));
    assert_true(is_resolver_address(catalogue, "192.0.2.53"));
    catalogue_free(catalogue);
    catalogue = load_two(ESTIMATORS "services = ( { " GOOD HOST("a.com") "} );", "", NULL, NULL,
                         diagnostics);
    assert_no_complaint(diagnostics);
    assert_int_equal(catalogue_count(catalogue), 1);
    catalogue_free(catalogue);
    diagnostics_free(diagnostics);
}

static void what_stands_twice_is_said_with_both_places(void **state)
{
    static const char first[] =
        ESTIMATORS "services = (\n{ " GOOD HOST("a.com") "} );\n"
                                                         "ech_public_names = [ \"ech.com\" ];\n"
                                                         "resolvers = [ \"dns.google\" ];\n"
                                                         "resolver_addresses = [ \"::1\" ];\n";
    static const struct {
        const char *second;
        unsigned line;
        unsigned first_line;
        const char *fragment;
    } rows[] = {
        {"services = (\n{ " GOOD HOST("b.com") "} );", 2, 3, "service a is defined twice"},
        {"services = ( { id = \"b\"; " PLAIN "estimator = \"e1\";\n" HOST("a.com") "} );", 2, 3,
         "service b: duplicate host \"a.com\""},
        {"services = ( { id = \"b\"; " PLAIN
         "reviewed = false; estimator = \"e1\";\n" HOST("a.com") "} );",
         2, 3, "service b: duplicate host \"a.com\""},
        {"\nech_public_names = [ \"ECH.com\" ];", 2, 4,
         "ech_public_names: duplicate host \"ECH.com\""},
        {"\n\nresolvers = [ \"dns.google\" ];", 3, 5, "resolvers: duplicate host \"dns.google\""},
        {"\nresolver_addresses = [\n\"0::1\" ];", 3, 6,
         "resolver_addresses: duplicate address \"0::1\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct diagnostics *diagnostics = diagnostics_new();
        char place[PATH_MAX + 64];

        assert_null(load_two(first, rows[i].second, NULL, NULL, diagnostics));
        assert_int_equal(diagnostics_errors(diagnostics), 1);
        assert_complaint(diagnostics, "more.conf", rows[i].line, rows[i].fragment);
        snprintf(place, sizeof(place), ", first at %s/services.conf:%u", scratch_directory,
                 rows[i].first_line);
        assert_complaint(diagnostics, "more.conf", rows[i].line, place);
        diagnostics_free(diagnostics);
    }
}

static void further_files_have_no_estimators(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(load_two(ESTIMATORS "services = ();", "\n" ESTIMATORS, NULL, NULL, diagnostics));
    assert_complaint(diagnostics, "more.conf", 2, "unknown key \"estimators\"");
    diagnostics_free(diagnostics);
    diagnostics = diagnostics_new();
    assert_null(load_two(ESTIMATORS "services = ();",
                         "services = ( { id = \"b\"; " PLAIN
                         "\nestimator = \"nope\"; " HOST("b.com") "} );",
                         NULL, NULL, diagnostics));
    assert_complaint(diagnostics, "more.conf", 2, "unknown estimator \"nope\"");
    diagnostics_free(diagnostics);
}

/* Whatever uses the estimators of a broken services.conf is not to blame. */
static void a_broken_first_file_is_said_once(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    assert_null(load_two("services = ( {\n", "services = ( { " GOOD HOST("a.com") "} );", NULL,
                         NULL, diagnostics));
    assert_int_equal(diagnostics_errors(diagnostics), 1);
    assert_complaint(diagnostics, "services.conf", 2, "syntax error");
    diagnostics_free(diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_catalogue_matches_nothing),
        cmocka_unit_test(exact_names_match_themselves_only),
        cmocka_unit_test(a_suffix_is_the_name_and_all_below),
        cmocka_unit_test(a_star_is_part_of_one_label),
        cmocka_unit_test(the_most_specific_pattern_wins),
        cmocka_unit_test(hostile_names_match_nothing),
        cmocka_unit_test(names_may_have_up_to_253_characters),
        cmocka_unit_test(bad_patterns_are_refused),
        cmocka_unit_test(the_same_pattern_twice_is_refused),
        cmocka_unit_test(ech_names_are_no_hosts),
        cmocka_unit_test(resolvers_are_names_and_suffixes),
        cmocka_unit_test(bad_resolvers_are_refused),
        cmocka_unit_test(resolvers_have_addresses),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(what_is_reviewed_comes_first),
        cmocka_unit_test(thousands_of_patterns_are_all_found),
        cmocka_unit_test(wildcards_are_bounded),
        cmocka_unit_test(services_are_set_and_found_by_number_and_id),
        cmocka_unit_test(roles_have_names),
        cmocka_unit_test(a_visit_tells_hosts_then_ech_names),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(a_broken_estimator_is_said_once),
        cmocka_unit_test(numbers_survive_a_reload),
        cmocka_unit_test(labels_in_french),
        cmocka_unit_test(a_region_is_a_service_elsewhere),
        cmocka_unit_test(further_files_add_to_the_first),
        cmocka_unit_test(what_stands_twice_is_said_with_both_places),
        cmocka_unit_test(further_files_have_no_estimators),
        cmocka_unit_test(a_broken_first_file_is_said_once),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
