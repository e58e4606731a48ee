/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/message.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Beyond what any packets could make an honest process send: lengths and sequence numbers that lie
 * add 32 bits each, and must not end the process that counts them. Within what the ledger can hold,
 * and sums and factors can multiply: a process that was taken over must not end the meter. */
#define MOST_COUNTED      (UINT64_C(1) << 62)
#define MOST_ESTIMATED    1e30 /* requests or tokens */
#define LONGEST_NS        UINT64_C(3600000000000)
#define LONGEST_ENERGY_NS (365 * 24 * LONGEST_NS) /* that waited for a meter which took none */
#define LATEST_S          (INT64_MAX / INT64_C(1000000000)) /* times of packets are in ns */

static bool terminated(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

static bool possible_triple(const struct triple *triple)
{
    return isfinite(triple->low) && isfinite(triple->central) && isfinite(triple->high) &&
           triple->low >= 0 && triple->low <= triple->central && triple->central <= triple->high &&
           triple->high <= MOST_ESTIMATED;
}

static bool check_nothing(const struct message *message)
{
    return message->number <= 1;
}

/* What the capture processes walk through. */
static bool check_estimator(const struct estimator *estimator)
{
    for (size_t i = 0; i < ESTIMATOR_MAX_REGIMES; i++)
        if (!terminated(estimator->regimes[i].name, sizeof(estimator->regimes[i].name)))
            return false;
    return estimator->regime_count <= ESTIMATOR_MAX_REGIMES &&
           terminated(estimator->name, sizeof(estimator->name));
}

static bool check_service(const struct message *message)
{
    const struct service *service = &message->body.service;

    return message->number < MAX_SERVICES && terminated(service->id, sizeof(service->id)) &&
           terminated(service->label, sizeof(service->label)) &&
           terminated(service->label_fr, sizeof(service->label_fr)) &&
           terminated(service->operator_name, sizeof(service->operator_name)) &&
           terminated(service->country, sizeof(service->country)) &&
           terminated(service->provider, sizeof(service->provider)) &&
           terminated(service->model, sizeof(service->model)) &&
           terminated(service->image_model, sizeof(service->image_model)) &&
           check_estimator(&service->estimator) && (service->local == 0 || service->local == 1);
}

static bool check_calibrated(const struct message *message)
{
    const struct service_calibrated *calibrated = &message->body.calibrated;

    return message->number < MAX_SERVICES && calibrated->transport < TRANSPORT_COUNT &&
           check_estimator(&calibrated->estimator);
}

static bool check_drift(const struct message *message)
{
    return message->number < MAX_SERVICES && message->body.drift.transport < TRANSPORT_COUNT &&
           message->body.drift.way < ESTIMATOR_WAYS && message->body.drift.drifted <= 1;
}

/* As it came: what is neither true nor false may not be read as a bool. */
static bool possible_flag(const bool *flag)
{
    uint8_t byte;

    memcpy(&byte, flag, sizeof(byte));
    return byte <= 1;
}

/* It is fitted by finite numbers, and printed. */
static bool check_exchange(const struct message *message)
{
    const struct exchange_shape *shape = &message->body.exchange.shape;

    return message->number < MAX_SERVICES && message->body.exchange.transport < TRANSPORT_COUNT &&
           shape->http >= EXCHANGE_HTTP_1 && shape->http <= EXCHANGE_HTTP_3 &&
           shape->fetched_bytes <= MOST_COUNTED && shape->request_bytes <= MOST_COUNTED &&
           shape->answer_bytes <= MOST_COUNTED && shape->bulk_bytes <= MOST_COUNTED &&
           shape->whole_text_bytes <= MOST_COUNTED && shape->wait_ns <= MOST_COUNTED &&
           shape->answer_ns <= MOST_COUNTED && possible_triple(&shape->excess_bytes) &&
           possible_flag(&shape->ends_in_event) && possible_flag(&shape->first_on_connection) &&
           possible_flag(&shape->is_acknowledged);
}

static bool check_host(const struct message *message)
{
    return (message->number < MAX_SERVICES || message->number == SERVICE_NONE) &&
           terminated(message->body.host.pattern, sizeof(message->body.host.pattern)) &&
           message->body.host.role < ROLE_COUNT;
}

static bool check_resolver(const struct message *message)
{
    return terminated(message->body.host.pattern, sizeof(message->body.host.pattern));
}

static bool check_direction(const struct message *message)
{
    const struct direction *direction = &message->body.direction;

    return message->number < MAX_DIRECTIONS &&
           terminated(direction->code, sizeof(direction->code)) &&
           terminated(direction->label, sizeof(direction->label)) &&
           terminated(direction->legal_entity, sizeof(direction->legal_entity));
}

static bool check_prefix(const struct message *message)
{
    uint8_t family = message->body.prefix.network.family;

    return message->number < MAX_DIRECTIONS &&
           ((family == 4 && message->body.prefix.length <= 32) ||
            (family == 6 && message->body.prefix.length <= 128));
}

static bool check_vlan(const struct message *message)
{
    return message->number < MAX_DIRECTIONS && message->body.vlan > 0 && message->body.vlan < 4095;
}

static bool possible_order(const uint8_t order[SOURCE_COUNT], uint8_t count)
{
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        if (order[i] >= SOURCE_COUNT)
            return false;
    return count <= SOURCE_COUNT;
}

static bool check_inference(const struct message *message)
{
    const struct inference_settings *settings = &message->body.inference;

    return terminated(settings->header, sizeof(settings->header)) &&
           terminated(settings->client_header, sizeof(settings->client_header)) &&
           possible_order(settings->order, settings->order_count) &&
           possible_order(settings->users_order, settings->users_count) &&
           settings->has_secret <= 1;
}

static bool check_inference_server(const struct message *message)
{
    const struct inference_server *server = &message->body.inference_server;

    return server->port > 0 && server->service < MAX_SERVICES &&
           (server->remote < MAX_SERVICES || server->remote == SERVICE_NONE);
}

static bool check_inference_model(const struct message *message)
{
    const struct inference_model *model = &message->body.inference_model;

    return terminated(model->name, sizeof(model->name)) && model->port > 0 &&
           model->service < MAX_SERVICES;
}

static bool check_inference_key(const struct message *message)
{
    return message->body.inference_key.direction < MAX_DIRECTIONS &&
           message->body.inference_key.users <= MAX_INFERENCE_USERS;
}

static bool possible_time(int64_t time_s)
{
    return time_s >= -LATEST_S && time_s <= LATEST_S;
}

/* Single exchanges scatter at random: their sum by no more than the widest of them. */
static bool possible_variance(const struct activity *activity)
{
    const double rounding = 1.01;

    return isfinite(activity->tokens_out_variance) && activity->tokens_out_variance >= 0 &&
           sqrt(activity->tokens_out_variance) <=
               rounding * ESTIMATOR_MAX_SIGMA * activity->tokens_out.central;
}

static bool possible_units(const struct activity *activity)
{
#define CHECK_UNIT(name)                                                                           \
    if (!possible_triple(&activity->name))                                                         \
        return false;
    ACTIVITY_UNITS(CHECK_UNIT)
#undef CHECK_UNIT
    return true;
}

static bool check_activity(const struct message *message)
{
    const struct activity *activity = &message->body.activity;

    return possible_time(message->interval_start) && activity->direction_id < MAX_DIRECTIONS &&
           activity->service_id < MAX_SERVICES && activity->grade <= GRADE_E &&
           activity->bytes_up <= MOST_COUNTED && activity->bytes_down <= MOST_COUNTED &&
           activity->bytes_other <= MOST_COUNTED && possible_triple(&activity->requests) &&
           possible_triple(&activity->tokens_in) && possible_triple(&activity->tokens_out) &&
           possible_variance(activity) && possible_units(activity) &&
           /* Packets tell nothing of it. */
           activity->energy_j == 0 && activity->host_s == 0;
}

static bool possible_amount(double amount)
{
    return isfinite(amount) && amount >= 0 && amount <= MOST_ESTIMATED;
}

static bool check_local_use(const struct message *message)
{
    const struct local_use *use = &message->body.use;

    return possible_time(message->interval_start) && use->direction_id < MAX_DIRECTIONS &&
           use->service_id < MAX_SERVICES && possible_amount(use->requests) &&
           possible_amount(use->tokens_in) && possible_amount(use->tokens_cached) &&
           possible_amount(use->tokens_out) && use->tokens_cached <= use->tokens_in;
}

static bool check_server_use(const struct message *message)
{
    const struct server_use *use = &message->body.server_use;

    return possible_time(message->interval_start) && use->direction_id < MAX_DIRECTIONS &&
           use->service_id < MAX_SERVICES && use->requests <= MOST_COUNTED &&
           use->tokens_in <= MOST_COUNTED && use->tokens_cached <= use->tokens_in &&
           use->tokens_out <= MOST_COUNTED;
}

/* It goes to a terminal and to the log. */
static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

static bool check_interfaces(const struct message *message)
{
    return terminated(message->body.interfaces, sizeof(message->body.interfaces));
}

static bool check_device(const struct message *message)
{
    const struct power_device *device = &message->body.device;

    return message->number < MAX_POWER_DEVICES && terminated(device->name, sizeof(device->name)) &&
           device->name[0] != '\0' && printable(device->name) &&
           device->kind <= POWER_DEVICE_SOURCE;
}

static bool check_source(const struct message *message)
{
    const struct power_source_state *source = &message->body.source;

    return terminated(source->name, sizeof(source->name)) && source->name[0] != '\0' &&
           terminated(source->covers, sizeof(source->covers)) &&
           terminated(source->problem, sizeof(source->problem)) && printable(source->name) &&
           printable(source->covers) && printable(source->problem) && source->counted <= 1;
}

_Static_assert(ENERGY_FLAGS == UINT8_MAX, "any flags are possible");

static bool check_energy(const struct message *message)
{
    const struct device_energy *energy = &message->body.energy;

    return possible_time(message->interval_start) && energy->device_id < MAX_POWER_DEVICES &&
           energy->covered_ns <= LONGEST_ENERGY_NS && possible_amount(energy->energy_j) &&
           possible_amount(fabs(energy->carried_j));
}

static bool check_metered(const struct message *message)
{
    return possible_time(message->interval_start);
}

static bool check_devices(const struct message *message)
{
    return possible_time(message->interval_start) &&
           message->body.devices.direction_id < MAX_DIRECTIONS &&
           message->body.devices.service_id < MAX_SERVICES;
}

static bool check_coverage(const struct message *message)
{
    const struct coverage *coverage = &message->body.coverage;

#define CHECK_MEMBER(name)                                                                         \
    if (coverage->name > MOST_COUNTED)                                                             \
        return false;
    COVERAGE_COUNTERS(CHECK_MEMBER)
#undef CHECK_MEMBER
    /* A step of the clock can stretch an interval, but not by more than the silence that ends it.
     * A name may be read, and a fragment given up, long after the interval of the first packet:
     * only what is counted in one go can be compared. That a packet has no reason is no lie: it is
     * shown as such. Nor can packets that are a copy, or not followed, be compared with all: of
     * several workers, one counts the fragments, and another what they are together. */
    return possible_time(message->interval_start) && coverage->covered_ns <= LONGEST_NS &&
           coverage->packets_truncated + coverage->packets_corrupt + coverage->packets_fragmented <=
               coverage->packets_undecodable &&
           coverage->packets_filtered <= coverage->packets &&
           coverage->names_quic <= coverage->names_seen;
}

static const struct {
    int senders;
    bool (*check)(const struct message *message);
} table[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SERVICE] = {SENDER_SUPERVISOR, check_service},
    [MESSAGE_HOST] = {SENDER_SUPERVISOR, check_host},
    [MESSAGE_DIRECTION] = {SENDER_SUPERVISOR, check_direction},
    [MESSAGE_PREFIX] = {SENDER_SUPERVISOR, check_prefix},
    [MESSAGE_VLAN] = {SENDER_SUPERVISOR, check_vlan},
    [MESSAGE_RESOLVER] = {SENDER_SUPERVISOR, check_resolver},
    [MESSAGE_RESOLVER_ADDRESS] = {SENDER_SUPERVISOR, check_resolver},
    [MESSAGE_INFERENCE] = {SENDER_SUPERVISOR, check_inference},
    [MESSAGE_INFERENCE_SERVER] = {SENDER_SUPERVISOR, check_inference_server},
    [MESSAGE_INFERENCE_MODEL] = {SENDER_SUPERVISOR, check_inference_model},
    [MESSAGE_CALIBRATED] = {SENDER_SUPERVISOR, check_calibrated},
    [MESSAGE_INFERENCE_KEY] = {SENDER_SUPERVISOR, check_inference_key},
    [MESSAGE_RULES_END] = {SENDER_SUPERVISOR, check_nothing},
    [MESSAGE_WORKER] = {SENDER_SUPERVISOR, check_nothing},
    [MESSAGE_RELOAD] = {SENDER_SUPERVISOR, check_nothing},
    [MESSAGE_STOP] = {SENDER_SUPERVISOR, check_nothing},
    [MESSAGE_READY] = {SENDER_CAPTURE | SENDER_METER | SENDER_COUNTERS | SENDER_SESSION,
                       check_nothing},
    [MESSAGE_ALIVE] = {SENDER_CAPTURE | SENDER_METER | SENDER_COUNTERS, check_nothing},
    [MESSAGE_RELOADED] = {SENDER_METER, check_nothing},
    [MESSAGE_ACTIVITY] = {SENDER_CAPTURE, check_activity},
    [MESSAGE_DEVICES] = {SENDER_CAPTURE, check_devices},
    [MESSAGE_LOCAL_USE] = {SENDER_CAPTURE, check_local_use},
    [MESSAGE_DRIFT] = {SENDER_CAPTURE, check_drift},
    [MESSAGE_CLOSED] = {SENDER_CAPTURE, check_coverage},
    [MESSAGE_DEVICE] = {SENDER_COUNTERS, check_device},
    [MESSAGE_ENERGY] = {SENDER_COUNTERS, check_energy},
    [MESSAGE_SERVER_USE] = {SENDER_COUNTERS, check_server_use},
    [MESSAGE_SOURCE] = {SENDER_COUNTERS, check_source},
    [MESSAGE_METERED] = {SENDER_COUNTERS, check_metered},
    [MESSAGE_EXCHANGE] = {SENDER_SESSION, check_exchange},
    [MESSAGE_INTERFACES] = {SENDER_SUPERVISOR, check_interfaces},
};

bool message_check(const struct message *message, enum message_sender sender)
{
    return message->type < MESSAGE_TYPE_COUNT && table[message->type].check &&
           (table[message->type].senders & (int)sender) != 0 && table[message->type].check(message);
}

void message_start(struct message *message, enum message_type type)
{
    memset(message, 0, sizeof(*message));
    message->type = type;
}

bool message_send_descriptor(int socket, const struct message *message, int descriptor)
{
    struct iovec part = {(void *)(uintptr_t)message, sizeof(*message)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (descriptor >= 0) {
        memset(&control, 0, sizeof(control));
        header.msg_control = control.space;
        header.msg_controllen = sizeof(control.space);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
    }
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof(*message);
}

bool message_send(int socket, const struct message *message)
{
    return message_send_descriptor(socket, message, -1);
}

bool message_try_send(int socket, const struct message *message)
{
    ssize_t sent;

    do
        sent = send(socket, message, sizeof(*message), MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof(*message);
}

/* Because of alignment there is room for two where one is expected: whatever came and is not wanted
 * is closed, or a sender could use up our descriptors. */
static void take_descriptor(struct msghdr *header, int *descriptor)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control;
         control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= control->cmsg_len; at += sizeof(int)) {
            int received;

            memcpy(&received, (const char *)control + at, sizeof(int));
            if (descriptor && *descriptor < 0)
                *descriptor = received;
            else
                close(received);
        }
    }
}

enum message_status message_receive(int socket, enum message_sender sender, bool wait,
                                    struct message *message, int *descriptor)
{
    struct iovec part = {message, sizeof(*message)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.space,
                            .msg_controllen = sizeof(control.space)};
    ssize_t received;

    if (descriptor)
        *descriptor = -1;
    do
        received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (received < 0 && errno == EINTR);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return MESSAGE_NONE_YET;
    if (received <= 0)
        return MESSAGE_PEER_GONE;
    take_descriptor(&header, descriptor);
    if (received != (ssize_t)sizeof(*message) || header.msg_flags & MSG_TRUNC ||
        !message_check(message, sender))
        return MESSAGE_REFUSED;
    return MESSAGE_RECEIVED;
}
