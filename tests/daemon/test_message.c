/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int left, right;

static int make_pair(void **state)
{
    int pair[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    left = pair[0];
    right = pair[1];
    return 0;
}

static int close_pair(void **state)
{
    (void)state;
    if (left >= 0)
        close(left);
    if (right >= 0)
        close(right);
    return 0;
}

/* Who may send what, written down a second time on purpose. */
static const struct {
    enum message_type type;
    int senders;
} ALLOWED[] = {
    {MESSAGE_SERVICE, SENDER_SUPERVISOR},
    {MESSAGE_HOST, SENDER_SUPERVISOR},
    {MESSAGE_DIRECTION, SENDER_SUPERVISOR},
    {MESSAGE_PREFIX, SENDER_SUPERVISOR},
    {MESSAGE_VLAN, SENDER_SUPERVISOR},
    {MESSAGE_RESOLVER, SENDER_SUPERVISOR},
    {MESSAGE_RESOLVER_ADDRESS, SENDER_SUPERVISOR},
    {MESSAGE_INFERENCE, SENDER_SUPERVISOR},
    {MESSAGE_INFERENCE_SERVER, SENDER_SUPERVISOR},
    {MESSAGE_INFERENCE_MODEL, SENDER_SUPERVISOR},
    {MESSAGE_INFERENCE_KEY, SENDER_SUPERVISOR},
    {MESSAGE_CALIBRATED, SENDER_SUPERVISOR},
    {MESSAGE_RULES_END, SENDER_SUPERVISOR},
    {MESSAGE_WORKER, SENDER_SUPERVISOR},
    {MESSAGE_RELOAD, SENDER_SUPERVISOR},
    {MESSAGE_STOP, SENDER_SUPERVISOR},
    {MESSAGE_READY, SENDER_CAPTURE | SENDER_METER | SENDER_COUNTERS | SENDER_SESSION},
    {MESSAGE_ALIVE, SENDER_CAPTURE | SENDER_METER | SENDER_COUNTERS},
    {MESSAGE_RELOADED, SENDER_METER},
    {MESSAGE_ACTIVITY, SENDER_CAPTURE},
    {MESSAGE_DEVICES, SENDER_CAPTURE},
    {MESSAGE_LOCAL_USE, SENDER_CAPTURE},
    {MESSAGE_DRIFT, SENDER_CAPTURE},
    {MESSAGE_CLOSED, SENDER_CAPTURE},
    {MESSAGE_DEVICE, SENDER_COUNTERS},
    {MESSAGE_ENERGY, SENDER_COUNTERS},
    {MESSAGE_SERVER_USE, SENDER_COUNTERS},
    {MESSAGE_SOURCE, SENDER_COUNTERS},
    {MESSAGE_METERED, SENDER_COUNTERS},
    {MESSAGE_EXCHANGE, SENDER_SESSION},
    {MESSAGE_INTERFACES, SENDER_SUPERVISOR},
};
static const enum message_sender SENDERS[] = {SENDER_SUPERVISOR, SENDER_CAPTURE, SENDER_METER,
                                              SENDER_COUNTERS, SENDER_SESSION};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum message_sender sender_of(uint32_t type)
{
    for (size_t i = 0; i < COUNT(ALLOWED); i++)
        for (size_t j = 0; j < COUNT(SENDERS); j++)
            if (ALLOWED[i].type == type && (ALLOWED[i].senders & (int)SENDERS[j]))
                return SENDERS[j];
    fail_msg("type %u is in no list", type);
    return SENDER_METER;
}

/* A message of TYPE that is right. */
static struct message example(enum message_type type)
{
    struct message message;

    message_start(&message, type);
    switch (type) {
    case MESSAGE_SERVICE:
        strcpy(message.body.service.id, "chatgpt-web");
        break;
    case MESSAGE_HOST:
    case MESSAGE_RESOLVER:
    case MESSAGE_RESOLVER_ADDRESS:
        strcpy(message.body.host.pattern, "api.example.com");
        break;
    case MESSAGE_DIRECTION:
        strcpy(message.body.direction.code, "DRH");
        break;
    case MESSAGE_PREFIX:
        message.body.prefix.network.family = 6;
        message.body.prefix.length = 128;
        break;
    case MESSAGE_VLAN:
        message.body.vlan = 4094;
        break;
    case MESSAGE_INFERENCE:
        message.body.inference = (struct inference_settings){.header = "x-direction",
                                                             .client_header = "x-real-ip",
                                                             .order = {1, 2, 0},
                                                             .order_count = 3,
                                                             .users_order = {2, 1, 0},
                                                             .users_count = 3,
                                                             .has_secret = 1};
        break;
    case MESSAGE_INFERENCE_SERVER:
        message.body.inference_server = (struct inference_server){8000, 1, SERVICE_NONE, false};
        break;
    case MESSAGE_INFERENCE_MODEL:
        message.body.inference_model =
            (struct inference_model){.name = "qwen3-8b", .port = 8000, .service = 1};
        break;
    case MESSAGE_INFERENCE_KEY:
        message.body.inference_key =
            (struct inference_key){.direction = 1, .users = MAX_INFERENCE_USERS};
        break;
    case MESSAGE_ACTIVITY:
        message.body.activity.requests = (struct triple){0, 1, 2};
        message.body.activity.tokens_in = (struct triple){1, 1, 1};
        message.body.activity.tokens_out = (struct triple){0.5, 100, 1e9};
        message.body.activity.tokens_out_variance = 200 * 200;
        message.body.activity.images = (struct triple){0, 1, 2};
        message.body.activity.audio_s = (struct triple){1, 1.5, 2};
        message.body.activity.uploads = (struct triple){1, 1, 1};
        message.body.activity.grade = GRADE_E;
        break;
    case MESSAGE_CLOSED:
        message.body.coverage.covered_ns = UINT64_C(60000000000);
        message.body.coverage.packets = 10;
        message.body.coverage.packets_undecodable = 6;
        message.body.coverage.packets_truncated = 1;
        message.body.coverage.packets_corrupt = 2;
        message.body.coverage.packets_fragmented = 3;
        message.body.coverage.names_seen = 4;
        message.body.coverage.names_quic = 4;
        break;
    case MESSAGE_LOCAL_USE:
        message.body.use = (struct local_use){
            .requests = 0.25, .tokens_in = 100, .tokens_cached = 100, .tokens_out = 12.5};
        break;
    case MESSAGE_SERVER_USE:
        message.body.server_use = (struct server_use){
            .requests = 1, .tokens_in = 100, .tokens_cached = 100, .tokens_out = 12};
        break;
    case MESSAGE_DEVICE:
        strcpy(message.body.device.name, "gpu0");
        message.body.device.kind = POWER_DEVICE_SOURCE;
        break;
    case MESSAGE_SOURCE:
        strcpy(message.body.source.name, "rapl/package-0");
        strcpy(message.body.source.covers, "a processor's socket");
        message.body.source.counted = 1;
        break;
    case MESSAGE_ENERGY:
        message.body.energy = (struct device_energy){.device_id = MAX_POWER_DEVICES - 1,
                                                     .flags = ENERGY_FLAGS,
                                                     .covered_ns = UINT64_C(60000000000),
                                                     .energy_j = 6454.5,
                                                     .carried_j = -80.5};
        break;
    case MESSAGE_EXCHANGE:
        message.body.exchange.transport = TRANSPORT_QUIC;
        message.body.exchange.shape = (struct exchange_shape){.answer_first_ns = INT64_MAX,
                                                              .requests = UINT32_MAX,
                                                              .http = EXCHANGE_HTTP_3,
                                                              .answer_bytes = UINT64_C(1) << 60,
                                                              .answer_records = UINT32_MAX,
                                                              .answer_ns = UINT64_C(1) << 60,
                                                              .excess_bytes = {0, 1, 1e9},
                                                              .ends_in_event = true};
        break;
    case MESSAGE_INTERFACES:
        memset(message.body.interfaces, 'x', INTERFACES_SIZE - 1);
        break;
    default:
        break;
    }
    return message;
}

static enum message_status pass(const struct message *message, enum message_sender sender)
{
    struct message received;
    enum message_status status;

    assert_true(message_send(left, message));
    status = message_receive(right, sender, false, &received, NULL);
    if (status == MESSAGE_RECEIVED)
        assert_memory_equal(&received, message, sizeof(received));
    return status;
}

static void each_type_has_its_sender_and_no_other(void **state)
{
    (void)state;
    assert_int_equal(COUNT(ALLOWED), MESSAGE_TYPE_COUNT - 1);
    for (size_t i = 0; i < COUNT(ALLOWED); i++) {
        struct message message = example(ALLOWED[i].type);

        for (size_t j = 0; j < COUNT(SENDERS); j++)
            assert_int_equal(pass(&message, SENDERS[j]), ALLOWED[i].senders & (int)SENDERS[j]
                                                             ? MESSAGE_RECEIVED
                                                             : MESSAGE_REFUSED);
    }
}

static void unknown_types_are_refused(void **state)
{
    static const uint32_t types[] = {0, MESSAGE_TYPE_COUNT, MESSAGE_TYPE_COUNT + 1, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        for (size_t j = 0; j < COUNT(SENDERS); j++) {
            struct message message = example(MESSAGE_ALIVE);

            message.type = types[i];
            assert_int_equal(pass(&message, SENDERS[j]), MESSAGE_REFUSED);
        }
    }
}

#define IMPOSSIBLE(message_type, assignment)                                                       \
    do {                                                                                           \
        struct message m = example(message_type);                                                  \
        assert_int_equal(pass(&m, sender_of(message_type)), MESSAGE_RECEIVED);                     \
        assignment;                                                                                \
        if (pass(&m, sender_of(message_type)) != MESSAGE_REFUSED)                                  \
            fail_msg("accepted: %s", #assignment);                                                 \
    } while (0)

#define FILLED(type, member) IMPOSSIBLE(type, memset(m.body.member, 'x', sizeof(m.body.member)))

static void strings_without_an_end_are_refused(void **state)
{
    (void)state;
    FILLED(MESSAGE_SERVICE, service.id);
    FILLED(MESSAGE_SERVICE, service.label);
    FILLED(MESSAGE_SERVICE, service.label_fr);
    FILLED(MESSAGE_SERVICE, service.operator_name);
    FILLED(MESSAGE_SERVICE, service.country);
    FILLED(MESSAGE_SERVICE, service.provider);
    FILLED(MESSAGE_SERVICE, service.model);
    FILLED(MESSAGE_SERVICE, service.estimator.name);
    FILLED(MESSAGE_CALIBRATED, calibrated.estimator.name);
    FILLED(MESSAGE_SERVICE, service.estimator.regimes[ESTIMATOR_MAX_REGIMES - 1].name);
    FILLED(MESSAGE_CALIBRATED, calibrated.estimator.regimes[0].name);
    FILLED(MESSAGE_HOST, host.pattern);
    FILLED(MESSAGE_RESOLVER, host.pattern);
    FILLED(MESSAGE_RESOLVER_ADDRESS, host.pattern);
    FILLED(MESSAGE_INFERENCE, inference.header);
    FILLED(MESSAGE_INFERENCE, inference.client_header);
    FILLED(MESSAGE_INFERENCE_MODEL, inference_model.name);
    FILLED(MESSAGE_DIRECTION, direction.code);
    FILLED(MESSAGE_DIRECTION, direction.label);
    FILLED(MESSAGE_DIRECTION, direction.legal_entity);
}

static void a_list_of_interfaces_without_an_end_is_refused(void **state)
{
    (void)state;
    IMPOSSIBLE(MESSAGE_INTERFACES, memset(m.body.interfaces, 'x', INTERFACES_SIZE));
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    IMPOSSIBLE(MESSAGE_SERVICE, m.number = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_SERVICE, m.number = UINT32_MAX);
    IMPOSSIBLE(MESSAGE_SERVICE, m.body.service.estimator.regime_count = ESTIMATOR_MAX_REGIMES + 1);
    IMPOSSIBLE(MESSAGE_CALIBRATED, m.number = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_CALIBRATED,
               m.body.calibrated.estimator.regime_count = ESTIMATOR_MAX_REGIMES + 1);
    IMPOSSIBLE(MESSAGE_DRIFT, m.number = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_DRIFT, m.body.drift.transport = TRANSPORT_COUNT);
    IMPOSSIBLE(MESSAGE_DRIFT, m.body.drift.way = ESTIMATOR_WAYS);
    IMPOSSIBLE(MESSAGE_DRIFT, m.body.drift.drifted = 2);
    IMPOSSIBLE(MESSAGE_CALIBRATED, m.body.calibrated.transport = TRANSPORT_COUNT);
    IMPOSSIBLE(MESSAGE_HOST, m.number = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_HOST, m.number = SERVICE_NONE + 1U);
    IMPOSSIBLE(MESSAGE_HOST, m.body.host.role = ROLE_COUNT);
    IMPOSSIBLE(MESSAGE_DIRECTION, m.number = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_PREFIX, m.number = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_PREFIX, m.body.prefix.length = 129);
    IMPOSSIBLE(MESSAGE_PREFIX, m.body.prefix.network.family = 4); /* with a length of 128 */
    IMPOSSIBLE(MESSAGE_PREFIX, m.body.prefix.network.family = 0);
    IMPOSSIBLE(MESSAGE_PREFIX, m.body.prefix.network.family = 5);
    IMPOSSIBLE(MESSAGE_VLAN, m.number = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_VLAN, m.body.vlan = 0);
    IMPOSSIBLE(MESSAGE_VLAN, m.body.vlan = 4095);
    IMPOSSIBLE(MESSAGE_RELOADED, m.number = 2);
    IMPOSSIBLE(MESSAGE_ALIVE, m.number = UINT32_MAX);
    IMPOSSIBLE(MESSAGE_INFERENCE, m.body.inference.order[2] = SOURCE_COUNT);
    IMPOSSIBLE(MESSAGE_INFERENCE, m.body.inference.users_order[0] = UINT8_MAX);
    IMPOSSIBLE(MESSAGE_INFERENCE, m.body.inference.order_count = SOURCE_COUNT + 1);
    IMPOSSIBLE(MESSAGE_INFERENCE, m.body.inference.users_count = SOURCE_COUNT + 1);
    IMPOSSIBLE(MESSAGE_INFERENCE, m.body.inference.has_secret = 2);
    IMPOSSIBLE(MESSAGE_INFERENCE_SERVER, m.body.inference_server.port = 0);
    IMPOSSIBLE(MESSAGE_INFERENCE_SERVER, m.body.inference_server.service = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_INFERENCE_SERVER, m.body.inference_server.service = SERVICE_NONE);
    IMPOSSIBLE(MESSAGE_INFERENCE_SERVER, m.body.inference_server.remote = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_INFERENCE_MODEL, m.body.inference_model.port = 0);
    IMPOSSIBLE(MESSAGE_INFERENCE_MODEL, m.body.inference_model.service = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_INFERENCE_KEY, m.body.inference_key.direction = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_INFERENCE_KEY, m.body.inference_key.users = MAX_INFERENCE_USERS + 1);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.direction_id = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.service_id = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.service_id = SERVICE_NONE);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.grade = GRADE_E + 1);
    IMPOSSIBLE(MESSAGE_DEVICES, m.body.devices.direction_id = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_DEVICES, m.body.devices.service_id = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.covered_ns = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.covered_ns = UINT64_C(3600000000001));
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.direction_id = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.service_id = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_SERVER_USE, m.body.server_use.direction_id = MAX_DIRECTIONS);
    IMPOSSIBLE(MESSAGE_SERVER_USE, m.body.server_use.service_id = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_SERVER_USE, m.body.server_use.tokens_out = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_DEVICE, m.number = MAX_POWER_DEVICES);
    IMPOSSIBLE(MESSAGE_DEVICE, m.body.device.kind = POWER_DEVICE_SOURCE + 1);
    IMPOSSIBLE(MESSAGE_DEVICE, m.body.device.name[0] = '\0');
    IMPOSSIBLE(MESSAGE_DEVICE, m.body.device.name[0] = '\n');
    IMPOSSIBLE(MESSAGE_DEVICE, memset(m.body.device.name, 'x', POWER_NAME_SIZE));
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.device_id = MAX_POWER_DEVICES);
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.energy_j = -1);
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.carried_j = NAN);
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.carried_j = -INFINITY);
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.covered_ns = UINT64_C(365) * 86400000000000 + 1);
    IMPOSSIBLE(MESSAGE_SOURCE, m.body.source.counted = 2);
    IMPOSSIBLE(MESSAGE_SOURCE, m.body.source.name[0] = '\0');
    IMPOSSIBLE(MESSAGE_SOURCE, m.body.source.name[0] = '\n');
    IMPOSSIBLE(MESSAGE_SOURCE, m.body.source.covers[0] = '\x1b');
    IMPOSSIBLE(MESSAGE_SOURCE, memset(m.body.source.problem, 'x', sizeof(m.body.source.problem)));
    IMPOSSIBLE(MESSAGE_METERED, m.interval_start = INT64_MAX);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.number = MAX_SERVICES);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.transport = TRANSPORT_COUNT);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.http = -1);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.http = EXCHANGE_HTTP_3 + 1);
    IMPOSSIBLE(MESSAGE_EXCHANGE, memset(&m.body.exchange.shape.ends_in_event, 2, 1));
    IMPOSSIBLE(MESSAGE_EXCHANGE, memset(&m.body.exchange.shape.first_on_connection, 0xff, 1));
    IMPOSSIBLE(MESSAGE_EXCHANGE, memset(&m.body.exchange.shape.is_acknowledged, 2, 1));
}

/* What a capture process says of energy it made up; more tokens from the cache than there were is a
 * lie that would take energy from somebody. */
static void amounts_that_no_collector_has_are_refused(void **state)
{
    (void)state;
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.energy_j = 1);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.host_s = 1);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.tokens_out_variance = (double)NAN);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.tokens_out_variance = (double)INFINITY);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.tokens_out_variance = -1);
    IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.tokens_out_variance = 203 * 203);
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.requests = (double)NAN);
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.requests = -1);
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.tokens_in = (double)INFINITY);
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.tokens_out = -0.5);
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.tokens_cached = 101);
    IMPOSSIBLE(MESSAGE_LOCAL_USE, m.body.use.tokens_cached = -1);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.excess_bytes.low = (double)NAN);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.excess_bytes.high = (double)INFINITY);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.request_bytes = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.answer_bytes = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.bulk_bytes = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.fetched_bytes = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.whole_text_bytes = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.wait_ns = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_EXCHANGE, m.body.exchange.shape.answer_ns = UINT64_MAX);
    IMPOSSIBLE(MESSAGE_SERVER_USE, m.body.server_use.tokens_cached = 101);
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.energy_j = (double)NAN);
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.energy_j = -1);
    IMPOSSIBLE(MESSAGE_ENERGY, m.body.energy.energy_j = 1.1e30);
}

static void instants_that_no_packet_has_are_refused(void **state)
{
    static const enum message_type types[] = {MESSAGE_ACTIVITY, MESSAGE_DEVICES, MESSAGE_CLOSED};

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        IMPOSSIBLE(types[i], m.interval_start = INT64_MAX);
        IMPOSSIBLE(types[i], m.interval_start = INT64_MIN);
        IMPOSSIBLE(types[i], m.interval_start = INT64_C(9223372080)); /* year 2262 */
    }
}

/* The ledger's integers are of 64 bits with a sign, and are summed. */
static void counters_that_could_overflow_the_ledger_are_refused(void **state)
{
    static const uint64_t values[] = {(UINT64_C(1) << 62) + 1, INT64_MAX, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
#define REFUSE_MEMBER(name) IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.name = values[i]);
        COVERAGE_COUNTERS(REFUSE_MEMBER)
#undef REFUSE_MEMBER
        IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.bytes_up = values[i]);
        IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.bytes_down = values[i]);
        IMPOSSIBLE(MESSAGE_ACTIVITY, m.body.activity.bytes_other = values[i]);
    }
}

/* Packets that lie about lengths and sequence numbers must not end the process that counts them. */
static void what_hostile_packets_add_up_to_is_accepted(void **state)
{
    struct message closed = example(MESSAGE_CLOSED);
    struct message activity = example(MESSAGE_ACTIVITY);

    (void)state;
    closed.body.coverage.bytes = UINT64_C(1) << 60;
    closed.body.coverage.bytes_lost = UINT64_C(1) << 60;
    activity.body.activity.bytes_down = UINT64_C(1) << 60;
    activity.body.activity.tokens_out.high = 1e19;
    assert_int_equal(pass(&closed, SENDER_CAPTURE), MESSAGE_RECEIVED);
    assert_int_equal(pass(&activity, SENDER_CAPTURE), MESSAGE_RECEIVED);
}

static void coverage_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.packets_undecodable = 5);
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.packets_truncated = 2);
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.packets_corrupt = 3);
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.packets_fragmented = 4);
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.packets_filtered = 11);
    IMPOSSIBLE(MESSAGE_CLOSED, m.body.coverage.names_quic = 5);
}

static void a_name_shown_by_encrypted_hellos_belongs_to_no_service(void **state)
{
    struct message message = example(MESSAGE_HOST);

    (void)state;
    message.number = SERVICE_NONE;
    assert_int_equal(pass(&message, SENDER_SUPERVISOR), MESSAGE_RECEIVED);
}

static struct triple *estimate_of(struct activity *activity, size_t number)
{
    struct triple *const estimates[] = {&activity->requests,   &activity->tokens_in,
                                        &activity->tokens_out, &activity->images,
                                        &activity->audio_s,    &activity->uploads};

    return estimates[number];
}

#define EACH_TRIPLE(assignment)                                                                    \
    do {                                                                                           \
        for (size_t part = 0; part < 6; part++)                                                    \
            IMPOSSIBLE(MESSAGE_ACTIVITY, struct triple *t = estimate_of(&m.body.activity, part);   \
                       assignment);                                                                \
    } while (0)

static void estimates_that_no_estimator_gives_are_refused(void **state)
{
    (void)state;
    EACH_TRIPLE(t->low = (double)NAN);
    EACH_TRIPLE(t->central = (double)NAN);
    EACH_TRIPLE(t->high = (double)NAN);
    EACH_TRIPLE(t->high = (double)INFINITY);
    EACH_TRIPLE(t->high = 1.1e30);
    EACH_TRIPLE(*t = ((struct triple){(double)INFINITY, (double)INFINITY, (double)INFINITY}));
    EACH_TRIPLE(t->low = -(double)INFINITY);
    EACH_TRIPLE(t->low = -1e-300);
    EACH_TRIPLE(*t = ((struct triple){-3, -2, -1}));
    EACH_TRIPLE(t->low = t->central + 1);
    EACH_TRIPLE(t->central = t->high + 1);
    EACH_TRIPLE(*t = ((struct triple){3, 2, 1}));
}

static void datagrams_of_another_size_are_refused(void **state)
{
    static const size_t sizes[] = {1, sizeof(struct message) - 1, sizeof(struct message) + 1,
                                   2 * sizeof(struct message)};
    union {
        struct message message;
        char bytes[2 * sizeof(struct message)];
    } large;

    (void)state;
    memset(&large, 0, sizeof(large));
    large.message = example(MESSAGE_ALIVE);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct message received;

        assert_int_equal(send(left, large.bytes, sizes[i], 0), sizes[i]);
        assert_int_equal(message_receive(right, SENDER_METER, false, &received, NULL),
                         MESSAGE_REFUSED);
    }
    assert_int_equal(pass(&large.message, SENDER_METER), MESSAGE_RECEIVED);
}

static void a_new_message_carries_nothing_old(void **state)
{
    struct message message;
    const unsigned char *bytes = (const unsigned char *)&message;

    (void)state;
    memset(&message, 0xa5, sizeof(message));
    message_start(&message, MESSAGE_ACTIVITY);
    assert_int_equal(message.type, MESSAGE_ACTIVITY);
    for (size_t i = sizeof(message.type); i < sizeof(message); i++)
        assert_int_equal(bytes[i], 0);
}

/* -- Descriptors ------------------------------------------------------------------------------ */

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void a_descriptor_comes_along(void **state)
{
    struct message message = example(MESSAGE_WORKER);
    struct message received;
    int ends[2];
    int descriptor = -2;
    char byte = 0;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_true(message_send_descriptor(left, &message, ends[1]));
    close(ends[1]);
    assert_int_equal(message_receive(right, SENDER_SUPERVISOR, true, &received, &descriptor),
                     MESSAGE_RECEIVED);
    assert_true(descriptor >= 0);
    assert_true(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(descriptor, "x", 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(descriptor);
    close(ends[0]);
    assert_true(message_send(left, &message));
    assert_int_equal(message_receive(right, SENDER_SUPERVISOR, true, &received, &descriptor),
                     MESSAGE_RECEIVED);
    assert_int_equal(descriptor, -1);
}

static void send_with_descriptors(const struct message *message, const int *descriptors,
                                  size_t count)
{
    struct message copy = *message;
    struct iovec part = {&copy, sizeof(copy)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space};

    memset(&control, 0, sizeof(control));
    header.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
    assert_int_equal(sendmsg(left, &header, 0), sizeof(copy));
}

/* The meter must not run out of descriptors because a capture process sends it some. */
static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
    struct message message = example(MESSAGE_ALIVE);
    struct message received;
    int before = count_descriptors();
    int descriptors[4] = {left, left, left, left};
    int descriptor;

    (void)state;
    for (size_t count = 1; count <= 4; count++) {
        send_with_descriptors(&message, descriptors, count);
        assert_int_equal(message_receive(right, SENDER_METER, false, &received, NULL),
                         MESSAGE_RECEIVED);
        assert_int_equal(count_descriptors(), before);
        send_with_descriptors(&message, descriptors, count);
        message_receive(right, SENDER_METER, false, &received, &descriptor);
        assert_true(descriptor >= 0);
        close(descriptor);
        assert_int_equal(count_descriptors(), before);
    }
    message.type = 0;
    send_with_descriptors(&message, descriptors, 2);
    assert_int_equal(message_receive(right, SENDER_METER, false, &received, NULL), MESSAGE_REFUSED);
    assert_int_equal(count_descriptors(), before);
}

/* -- The other end ---------------------------------------------------------------------------- */

static void nothing_yet_is_not_the_end(void **state)
{
    struct message received;

    (void)state;
    assert_int_equal(message_receive(right, SENDER_METER, false, &received, NULL),
                     MESSAGE_NONE_YET);
}

static void a_receiver_that_waits_gets_what_comes_later(void **state)
{
    struct message message = example(MESSAGE_ALIVE);
    struct message received;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        usleep(20000);
        _exit(message_send(left, &message) ? 0 : 1);
    }
    assert_int_equal(message_receive(right, SENDER_METER, true, &received, NULL), MESSAGE_RECEIVED);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_gone_peer_is_noticed_and_kills_nobody(void **state)
{
    struct message message = example(MESSAGE_ALIVE);
    struct message received;

    (void)state;
    assert_true(message_send(left, &message));
    close(left);
    left = -1;
    assert_int_equal(message_receive(right, SENDER_METER, true, &received, NULL), MESSAGE_RECEIVED);
    assert_int_equal(message_receive(right, SENDER_METER, true, &received, NULL),
                     MESSAGE_PEER_GONE);
    errno = 0;
    assert_false(message_send(right, &message)); /* and no SIGPIPE */
    assert_int_equal(errno, EPIPE);
    errno = 0;
    assert_false(message_try_send(right, &message));
    assert_int_equal(errno, EPIPE);
}

static void who_does_not_wait_is_told_that_the_receiver_is_behind(void **state)
{
    struct message message = example(MESSAGE_DEVICES);
    struct message received;
    uint32_t sent = 0;
    uint32_t got = 0;

    (void)state;
    errno = 0;
    for (;; sent++) {
        message.body.devices.devices = sent;
        if (!message_try_send(left, &message))
            break;
        assert_true(sent < 1000000);
    }
    assert_int_equal(errno, EAGAIN);
    assert_true(sent > 0);
    while (message_receive(right, SENDER_CAPTURE, false, &received, NULL) == MESSAGE_RECEIVED)
        assert_int_equal(received.body.devices.devices, got++);
    assert_int_equal(got, sent);
    assert_true(message_try_send(left, &message));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_type_has_its_sender_and_no_other),
        TEST(unknown_types_are_refused),
        TEST(strings_without_an_end_are_refused),
        TEST(a_list_of_interfaces_without_an_end_is_refused),
        TEST(numbers_out_of_range_are_refused),
        TEST(amounts_that_no_collector_has_are_refused),
        TEST(instants_that_no_packet_has_are_refused),
        TEST(counters_that_could_overflow_the_ledger_are_refused),
        TEST(what_hostile_packets_add_up_to_is_accepted),
        TEST(coverage_that_contradicts_itself_is_refused),
        TEST(a_name_shown_by_encrypted_hellos_belongs_to_no_service),
        TEST(estimates_that_no_estimator_gives_are_refused),
        TEST(datagrams_of_another_size_are_refused),
        TEST(a_new_message_carries_nothing_old),
        TEST(a_descriptor_comes_along),
        TEST(descriptors_that_nobody_asked_for_are_closed),
        TEST(nothing_yet_is_not_the_end),
        TEST(a_receiver_that_waits_gets_what_comes_later),
        TEST(a_gone_peer_is_noticed_and_kills_nobody),
        TEST(who_does_not_wait_is_told_that_the_receiver_is_behind),
    };

    alarm(600); /* a process that does not end must not hang the suite; disks may be slow */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
