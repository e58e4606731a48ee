/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVICES   IAGMETER_SOURCE_ROOT "/conf/services.conf"
#define DIRECTIONS IAGMETER_SOURCE_ROOT "/conf/directions.conf"

static struct catalogue *catalogue;
static struct directions *directions;
static struct rules rules;

static int load_shipped(void **state)
{
    struct diagnostics *diagnostics = diagnostics_new();

    (void)state;
    catalogue = catalogue_load(SERVICES, NULL, diagnostics);
    directions = directions_load(DIRECTIONS, NULL, diagnostics);
    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    return catalogue && directions ? 0 : -1;
}

static int free_all(void **state)
{
    (void)state;
    catalogue_free(catalogue);
    directions_free(directions);
    rules_clear(&rules);
    return 0;
}

typedef bool sender(int socket, const struct catalogue *, const struct directions *);

static struct inference_config inference;

static bool send_all(int socket, const struct catalogue *some, const struct directions *others)
{
    return rules_send(socket, some, others, &inference);
}

/* A process of its own sends, as in the daemon: all of it does not fit into a socket. */
static enum rules_status transmit(sender *send_rules, unsigned *count)
{
    struct message message;
    enum rules_status status = RULES_MORE;
    int pair[2];
    pid_t child;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    child = fork();
    if (child == 0) {
        close(pair[1]);
        _exit(send_rules(pair[0], catalogue, directions) ? 0 : 1);
    }
    close(pair[0]);
    for (*count = 0; status == RULES_MORE; ++*count) {
        if (message_receive(pair[1], SENDER_SUPERVISOR, true, &message, NULL) != MESSAGE_RECEIVED)
            fail_msg("message %u was refused, or none came", *count);
        status = rules_take(&rules, &message);
    }
    assert_int_equal(message_receive(pair[1], SENDER_SUPERVISOR, true, &message, NULL),
                     MESSAGE_PEER_GONE);
    close(pair[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return status;
}

static void rebuild(void)
{
    unsigned count;

    assert_int_equal(transmit(send_all, &count), RULES_COMPLETE);
    assert_non_null(rules.catalogue);
    assert_non_null(rules.directions);
}

/* -- The catalogue ---------------------------------------------------------------------------- */

static void assert_same_match(const char *name)
{
    struct catalogue_match before = catalogue_match(catalogue, name, strlen(name));
    struct catalogue_match after = catalogue_match(rules.catalogue, name, strlen(name));

    if (before.service != after.service || before.role != after.role ||
        catalogue_is_ech_name(catalogue, name, strlen(name)) !=
            catalogue_is_ech_name(rules.catalogue, name, strlen(name)))
        fail_msg("%s: service %u role %u became %u and %u", name, before.service, before.role,
                 after.service, after.role);
}

/* PATTERN with each '*' replaced by WORD. */
static void spell_out(const char *pattern, const char *word, char *out, size_t size)
{
    size_t used = 0;

    for (; *pattern && used + strlen(word) + 1 < size; pattern++)
        used += (size_t)snprintf(out + used, size - used, *pattern == '*' ? "%s" : "%.1s",
                                 *pattern == '*' ? word : pattern);
}

struct hosts {
    unsigned count;
    unsigned ech_names;
};

static void probe_host(void *context, const char *pattern, uint16_t number, enum service_role role)
{
    struct hosts *hosts = context;
    char name[2 * HOST_PATTERN_SIZE];
    char below[2 * HOST_PATTERN_SIZE + 16];
    struct catalogue_match match;

    hosts->count++;
    spell_out(pattern, "probe", name, sizeof(name));
    snprintf(below, sizeof(below), "a.very.deep%s%s", pattern[0] == '.' ? "" : ".", name);
    assert_same_match(name);
    assert_same_match(below);
    assert_same_match(name[0] == '.' ? name + 1 : name);
    if (number == SERVICE_NONE) {
        hosts->ech_names++;
        assert_true(catalogue_is_ech_name(rules.catalogue, name, strlen(name)));
        return;
    }
    /* The pattern itself is there, not merely equally absent from both. */
    match = catalogue_match(rules.catalogue, name[0] == '.' ? below : name,
                            strlen(name[0] == '.' ? below : name));
    assert_int_equal(match.service, number);
    assert_int_equal(match.role, role);
}

static void count_host(void *context, const char *pattern, uint16_t number, enum service_role role)
{
    struct hosts *hosts = context;

    (void)pattern;
    (void)role;
    hosts->count++;
    hosts->ech_names += number == SERVICE_NONE;
}

static void every_host_of_the_shipped_catalogue_is_recognised_again(void **state)
{
    static const char *const strangers[] = {"www.rennes.example", "example.com", "com", "openai",
                                            "notopenai.com",      "a",           ""};
    struct hosts hosts = {0};
    struct hosts again = {0};

    (void)state;
    rebuild();
    catalogue_visit_hosts(catalogue, probe_host, &hosts);
    catalogue_visit_hosts(rules.catalogue, count_host, &again);
    assert_true(hosts.count > 50 && hosts.ech_names > 0);
    assert_int_equal(again.count, hosts.count);
    assert_int_equal(again.ech_names, hosts.ech_names);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        assert_same_match(strangers[i]);
}

static void probe_resolver(void *context, const char *pattern, uint16_t number,
                           enum service_role role)
{
    unsigned *count = context;
    char below[HOST_PATTERN_SIZE + 16];
    const char *name = pattern + (pattern[0] == '.');

    (void)role;
    ++*count;
    snprintf(below, sizeof(below), "customer.%s", name);
    assert_int_equal(number, SERVICE_NONE);
    assert_true(catalogue_is_resolver(rules.catalogue, name, strlen(name)));
    assert_int_equal(catalogue_is_resolver(rules.catalogue, below, strlen(below)),
                     catalogue_is_resolver(catalogue, below, strlen(below)));
    assert_same_match(name);
}

static void every_resolver_is_known_again(void **state)
{
    unsigned before = 0;
    unsigned after = 0;

    (void)state;
    rebuild();
    catalogue_visit_resolvers(catalogue, probe_resolver, &before);
    catalogue_visit_resolvers(rules.catalogue, probe_resolver, &after);
    assert_true(before > 40);
    assert_int_equal(after, before);
    assert_false(catalogue_is_resolver(rules.catalogue, "chatgpt.com", 11));
}

static void probe_address(void *context, const char *pattern, uint16_t number,
                          enum service_role role)
{
    unsigned *count = context;
    struct address address;
    unsigned length;

    (void)role;
    ++*count;
    assert_int_equal(number, SERVICE_NONE);
    assert_null(directions_parse_prefix(pattern, &address, &length));
    assert_true(catalogue_is_resolver_address(catalogue, &address));
    assert_true(catalogue_is_resolver_address(rules.catalogue, &address));
}

static void every_address_of_a_resolver_is_known_again(void **state)
{
    unsigned before = 0;
    unsigned after = 0;

    (void)state;
    rebuild();
    catalogue_visit_resolver_addresses(catalogue, probe_address, &before);
    catalogue_visit_resolver_addresses(rules.catalogue, probe_address, &after);
    assert_true(before > 40);
    assert_int_equal(after, before);
}

/* As after an import: unreviewed services and lists of thousands. */
static void thousands_of_unreviewed_names_arrive(void **state)
{
    struct service unreviewed = {.id = "imported", .review = UNREVIEWED};
    uint16_t number = catalogue_count(catalogue);
    char name[64];

    (void)state;
    assert_true(catalogue_set_service(catalogue, number, &unreviewed));
    assert_null(catalogue_add_host(catalogue, "deep.chatgpt.com", number, ROLE_SHARED));
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), ".r%u.example.org", i);
        assert_null(catalogue_add_host(catalogue, name, number, ROLE_SHARED));
        assert_null(catalogue_add_resolver(catalogue, name));
    }
    rebuild();
    assert_int_equal(catalogue_service(rules.catalogue, number)->review, UNREVIEWED);
    assert_same_match("chatgpt.com");
    assert_same_match("deep.chatgpt.com");
    for (unsigned i = 0; i < 5000; i++) {
        struct catalogue_match match;

        snprintf(name, sizeof(name), "x.r%u.example.org", i);
        match = catalogue_match(rules.catalogue, name, strlen(name));
        assert_int_equal(match.service, number);
        assert_int_equal(match.role, ROLE_SHARED);
        assert_true(catalogue_is_resolver(rules.catalogue, name, strlen(name)));
    }
}

static void every_service_is_the_same_to_the_bit(void **state)
{
    (void)state;
    rebuild();
    assert_int_equal(catalogue_count(rules.catalogue), catalogue_count(catalogue));
    assert_true(catalogue_count(catalogue) > 10);
    for (uint16_t i = 0; i < catalogue_count(catalogue); i++)
        assert_memory_equal(catalogue_service(rules.catalogue, i), catalogue_service(catalogue, i),
                            sizeof(struct service));
}

/* -- The directions --------------------------------------------------------------------------- */

static void assert_same_place(const struct address *address, uint16_t vlan)
{
    assert_int_equal(directions_match(rules.directions, address, vlan),
                     directions_match(directions, address, vlan));
}

static void probe_place(void *context, const struct address *network, unsigned length,
                        uint16_t number)
{
    static const struct address nowhere = {.family = 4, .bytes = {8, 8, 8, 8}};
    unsigned *count = context;
    struct address last;

    ++*count;
    if (!network) {
        assert_int_equal(directions_match(rules.directions, &nowhere, (uint16_t)length), number);
        assert_same_place(&nowhere, (uint16_t)length);
        return;
    }
    last = *network;
    for (unsigned bit = length; bit < (network->family == 4 ? 32U : 128U); bit++)
        last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    assert_same_place(network, VLAN_NONE);
    assert_same_place(&last, VLAN_NONE);
    assert_same_place(network, 7);
    /* One bit further is another network. */
    if (length > 0) {
        last.bytes[(length - 1) / 8] ^= (uint8_t)(0x80 >> (length - 1) % 8);
        assert_same_place(&last, VLAN_NONE);
    }
}

static void count_place(void *context, const struct address *network, unsigned length,
                        uint16_t number)
{
    unsigned *count = context;

    (void)network;
    (void)length;
    (void)number;
    ++*count;
}

static void every_network_belongs_to_its_direction_again(void **state)
{
    static const struct direction extra = {.code = "EXTRA", .label = "on a VLAN"};
    uint16_t number = directions_count(directions);
    unsigned before = 0;
    unsigned after = 0;

    (void)state;
    assert_true(directions_set(directions, number, &extra));
    assert_null(directions_add_vlan(directions, 4000, number));
    rebuild();
    assert_int_equal(directions_count(rules.directions), directions_count(directions));
    for (uint16_t i = 0; i < directions_count(directions); i++)
        assert_memory_equal(directions_get(rules.directions, i), directions_get(directions, i),
                            sizeof(struct direction));
    directions_visit(directions, probe_place, &before);
    directions_visit(rules.directions, count_place, &after);
    assert_true(before > 5);
    assert_int_equal(after, before);
}

/* -- Other sequences -------------------------------------------------------------------------- */

static void names_alone_are_fewer_and_have_no_hosts(void **state)
{
    struct hosts hosts = {0};
    unsigned places = 0;
    unsigned count;

    (void)state;
    assert_int_equal(transmit(rules_send_names, &count), RULES_COMPLETE);
    assert_int_equal(count, catalogue_count(catalogue) + directions_count(directions) + 1);
    catalogue_visit_hosts(rules.catalogue, count_host, &hosts);
    directions_visit(rules.directions, count_place, &places);
    assert_int_equal(hosts.count, 0);
    assert_int_equal(places, 0);
}

/* -- Servers of our own -----------------------------------------------------------------------
 */

static void fill_inference(void)
{
    static const struct inference_model models[] = {
        {"qwen3-8b", 8000, 3}, {"qwen3", 8000, 4}, {"qwen3-8b", 11434, 5}};

    inference = inference_defaults;
    inference.servers[0] = (struct inference_server){8000, 1, SERVICE_NONE, true};
    inference.servers[1] = (struct inference_server){11434, 2, 7, false};
    inference.server_count = 2;
    for (size_t i = 0; i < 3; i++)
        assert_true(inferenceconfig_add_model(&inference, &models[i]));
    strcpy(inference.client_header, "x-real-ip");
    inference.users_order[0] = DIRECTION_BY_KEY;
    inference.users_count = 1;
    inference.has_secret = true;
    memset(inference.secret.bytes, 0x5a, sizeof(inference.secret.bytes));
    memset(inference.keys[0].digest, 0xa5, sizeof(inference.keys[0].digest));
    inference.keys[0].direction = 1;
    inference.keys[0].users = 40;
    inference.key_count = 1;
}

static void servers_arrive_with_their_models_keys_and_secret(void **state)
{
    const struct inference_config *came;

    (void)state;
    fill_inference();
    rebuild();
    came = rules.inference;
    assert_non_null(came);
    assert_int_equal(came->server_count, 2);
    assert_memory_equal(came->servers, inference.servers, 2 * sizeof(*came->servers));
    assert_int_equal(came->model_count, 3);
    assert_memory_equal(came->models, inference.models, 3 * sizeof(*came->models));
    assert_string_equal(came->models[0].name, "qwen3");
    assert_int_equal(came->models[1].port, 8000);
    assert_string_equal(came->header, "x-direction");
    assert_string_equal(came->client_header, "x-real-ip");
    assert_int_equal(came->order_count, SOURCE_COUNT);
    assert_int_equal(came->users_count, 1);
    assert_int_equal(came->users_order[0], DIRECTION_BY_KEY);
    assert_true(came->has_secret);
    assert_memory_equal(&came->secret, &inference.secret, sizeof(came->secret));
    assert_int_equal(came->key_count, 1);
    assert_memory_equal(came->keys, inference.keys, sizeof(*came->keys));
}

static void more_of_them_than_there_can_be_are_refused(void **state)
{
    struct message message;
    enum rules_status status = RULES_MORE;

    (void)state;
    message_start(&message, MESSAGE_INFERENCE_SERVER);
    message.body.inference_server = (struct inference_server){8000, 1, SERVICE_NONE, false};
    for (unsigned i = 0; i < INFERENCE_MAX_PORTS; i++)
        assert_int_equal(rules_take(&rules, &message), RULES_MORE);
    assert_int_equal(rules_take(&rules, &message), RULES_FAILED);
    rules_clear(&rules);
    message_start(&message, MESSAGE_INFERENCE_KEY);
    for (unsigned i = 0; i <= MAX_INFERENCE_KEYS; i++)
        status = rules_take(&rules, &message);
    assert_int_equal(status, RULES_FAILED);
    rules_clear(&rules);
    message_start(&message, MESSAGE_INFERENCE_MODEL);
    for (unsigned i = 0; i <= MAX_INFERENCE_MODELS; i++)
        status = rules_take(&rules, &message);
    assert_int_equal(status, RULES_FAILED);
}

static void a_receiver_that_is_gone_is_noticed(void **state)
{
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    close(pair[1]);
    assert_false(send_all(pair[0], catalogue, directions));
    assert_false(rules_send_names(pair[0], catalogue, directions));
    close(pair[0]);
}

static struct message host_message(const char *pattern, uint32_t number)
{
    struct message message;

    message_start(&message, MESSAGE_HOST);
    message.number = number;
    snprintf(message.body.host.pattern, sizeof(message.body.host.pattern), "%s", pattern);
    return message;
}

static struct message bare(enum message_type type)
{
    struct message message;

    message_start(&message, type);
    return message;
}

/* BAD comes after GOOD, and is followed by hosts that would be right, and the end: the whole
 * sequence is without effect, said once. Then a new one is taken. */
static void assert_breaks(const struct message *good, const struct message *bad)
{
    struct message service = bare(MESSAGE_SERVICE);
    struct message host = host_message("api.example.com", 0);
    struct message end = bare(MESSAGE_RULES_END);

    if (good)
        assert_int_equal(rules_take(&rules, good), RULES_MORE);
    assert_int_equal(rules_take(&rules, bad), RULES_FAILED);
    assert_null(rules.catalogue);
    assert_null(rules.directions);
    assert_int_equal(rules_take(&rules, &service), RULES_MORE);
    assert_int_equal(rules_take(&rules, bad), RULES_MORE);
    assert_int_equal(rules_take(&rules, &host), RULES_MORE);
    assert_int_equal(rules_take(&rules, &end), RULES_MORE);
    assert_null(rules.catalogue);

    assert_int_equal(rules_take(&rules, &service), RULES_MORE);
    assert_int_equal(rules_take(&rules, &host), RULES_MORE);
    assert_int_equal(rules_take(&rules, &end), RULES_COMPLETE);
    assert_int_equal(catalogue_match(rules.catalogue, "api.example.com", 15).service, 0);
    rules_clear(&rules);
}

static void a_broken_sequence_replaces_nothing(void **state)
{
    struct message service = bare(MESSAGE_SERVICE);
    struct message ech_name = host_message("ech.example.com", SERVICE_NONE);
    struct message vlan = bare(MESSAGE_VLAN);
    struct message bad;

    (void)state;
    bad = host_message("api.example.com", 3);
    assert_breaks(NULL, &bad); /* of a service that is not known */
    assert_breaks(&service, &bad);
    bad = host_message("no such pattern", 0);
    assert_breaks(&service, &bad);
    bad = host_message("", 0);
    assert_breaks(&service, &bad);
    assert_breaks(&ech_name, &ech_name); /* twice */
    vlan.body.vlan = 10;
    assert_breaks(&service, &vlan); /* of no direction */
    bad = bare(MESSAGE_VLAN);
    bad.body.vlan = 10;
    bad.number = 200;
    assert_breaks(&service, &bad);
    bad = bare(MESSAGE_PREFIX);
    bad.body.prefix.network = (struct address){.family = 4, .bytes = {192, 0, 2, 1}};
    bad.body.prefix.length = 24; /* host bits are set */
    assert_breaks(&service, &bad);
    bad.number = 200;
    bad.body.prefix.length = 32;
    assert_breaks(&service, &bad);
    bad = bare(MESSAGE_RESOLVER);
    assert_breaks(&service, &bad); /* no name */
    strcpy(bad.body.host.pattern, "*.dns.example");
    assert_breaks(&service, &bad);
    bad = bare(MESSAGE_RESOLVER_ADDRESS);
    assert_breaks(&service, &bad);
    strcpy(bad.body.host.pattern, "192.0.2.0/24");
    assert_breaks(&service, &bad);
    bad = bare(MESSAGE_ACTIVITY);
    assert_breaks(&service, &bad);
    bad = bare(MESSAGE_STOP);
    assert_breaks(&service, &bad);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, load_shipped, free_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_host_of_the_shipped_catalogue_is_recognised_again),
        TEST(every_resolver_is_known_again),
        TEST(every_address_of_a_resolver_is_known_again),
        TEST(thousands_of_unreviewed_names_arrive),
        TEST(every_service_is_the_same_to_the_bit),
        TEST(every_network_belongs_to_its_direction_again),
        TEST(names_alone_are_fewer_and_have_no_hosts),
        TEST(servers_arrive_with_their_models_keys_and_secret),
        TEST(more_of_them_than_there_can_be_are_refused),
        TEST(a_receiver_that_is_gone_is_noticed),
        TEST(a_broken_sequence_replaces_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
