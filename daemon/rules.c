/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct transmission {
    int socket;
    bool sent;
};

static void send_host(void *context, const char *pattern, uint16_t number, enum service_role role)
{
    struct transmission *transmission = context;
    struct message message;

    message_start(&message, MESSAGE_HOST);
    message.number = number;
    message.body.host.role = role;
    snprintf(message.body.host.pattern, sizeof(message.body.host.pattern), "%s", pattern);
    transmission->sent = transmission->sent && message_send(transmission->socket, &message);
}

static void send_pattern(struct transmission *transmission, enum message_type type,
                         const char *pattern)
{
    struct message message;

    message_start(&message, type);
    snprintf(message.body.host.pattern, sizeof(message.body.host.pattern), "%s", pattern);
    transmission->sent = transmission->sent && message_send(transmission->socket, &message);
}

static void send_resolver(void *context, const char *pattern, uint16_t number,
                          enum service_role role)
{
    (void)number;
    (void)role;
    send_pattern(context, MESSAGE_RESOLVER, pattern);
}

static void send_resolver_address(void *context, const char *pattern, uint16_t number,
                                  enum service_role role)
{
    (void)number;
    (void)role;
    send_pattern(context, MESSAGE_RESOLVER_ADDRESS, pattern);
}

static void send_place(void *context, const struct address *network, unsigned length,
                       uint16_t number)
{
    struct transmission *transmission = context;
    struct message message;

    message_start(&message, network ? MESSAGE_PREFIX : MESSAGE_VLAN);
    message.number = number;
    if (network) {
        message.body.prefix.network = *network;
        message.body.prefix.length = length;
    } else {
        message.body.vlan = length;
    }
    transmission->sent = transmission->sent && message_send(transmission->socket, &message);
}

static bool send_services(int socket, const struct catalogue *catalogue)
{
    struct message message;

    for (uint16_t i = 0; i < catalogue_count(catalogue); i++) {
        message_start(&message, MESSAGE_SERVICE);
        message.number = i;
        message.body.service = *catalogue_service(catalogue, i);
        if (!message_send(socket, &message))
            return false;
    }
    return true;
}

static bool send_calibrated(int socket, const struct catalogue *catalogue)
{
    struct message message;

    message_start(&message, MESSAGE_CALIBRATED);
    for (uint16_t i = 0; i < catalogue_count(catalogue); i++) {
        for (int j = 0; j < TRANSPORT_COUNT; j++) {
            const struct service_calibrated *calibrated =
                catalogue_calibrated(catalogue, i, (enum service_transport)j);

            message.number = i;
            if (!calibrated)
                continue;
            message.body.calibrated = *calibrated;
            if (!message_send(socket, &message))
                return false;
        }
    }
    return true;
}

static bool send_directions(int socket, const struct directions *directions)
{
    struct message message;

    for (uint16_t i = 0; i < directions_count(directions); i++) {
        message_start(&message, MESSAGE_DIRECTION);
        message.number = i;
        message.body.direction = *directions_get(directions, i);
        if (!message_send(socket, &message))
            return false;
    }
    return true;
}

static bool send_settings(int socket, const struct inference_config *inference)
{
    struct message message;
    struct inference_settings *settings = &message.body.inference;
    bool sent;

    message_start(&message, MESSAGE_INFERENCE);
    memcpy(settings->header, inference->header, sizeof(settings->header));
    memcpy(settings->client_header, inference->client_header, sizeof(settings->client_header));
    memcpy(settings->order, inference->order, sizeof(settings->order));
    memcpy(settings->users_order, inference->users_order, sizeof(settings->users_order));
    settings->order_count = inference->order_count;
    settings->users_count = inference->users_count;
    settings->has_secret = inference->has_secret;
    if (inference->has_secret)
        settings->secret = inference->secret;
    sent = message_send(socket, &message);
    explicit_bzero(&message, sizeof(message));
    return sent;
}

static bool send_inference(int socket, const struct inference_config *inference)
{
    struct message message;
    bool sent = send_settings(socket, inference);

    message_start(&message, MESSAGE_INFERENCE_SERVER);
    for (unsigned i = 0; i < inference->server_count && sent; i++) {
        message.body.inference_server = inference->servers[i];
        sent = message_send(socket, &message);
    }
    message_start(&message, MESSAGE_INFERENCE_MODEL);
    for (unsigned i = 0; i < inference->model_count && sent; i++) {
        message.body.inference_model = inference->models[i];
        sent = message_send(socket, &message);
    }
    message_start(&message, MESSAGE_INFERENCE_KEY);
    for (size_t i = 0; i < inference->key_count && sent; i++) {
        message.body.inference_key = inference->keys[i];
        sent = message_send(socket, &message);
    }
    return sent;
}

static bool send_end(int socket)
{
    struct message message;

    message_start(&message, MESSAGE_RULES_END);
    return message_send(socket, &message);
}

bool rules_send_names(int socket, const struct catalogue *catalogue,
                      const struct directions *directions)
{
    return send_services(socket, catalogue) && send_directions(socket, directions) &&
           send_end(socket);
}

bool rules_send(int socket, const struct catalogue *catalogue, const struct directions *directions,
                const struct inference_config *inference)
{
    struct transmission transmission = {socket, true};

    if (!send_services(socket, catalogue) || !send_calibrated(socket, catalogue) ||
        !send_directions(socket, directions))
        return false;
    catalogue_visit_hosts(catalogue, send_host, &transmission);
    catalogue_visit_resolvers(catalogue, send_resolver, &transmission);
    catalogue_visit_resolver_addresses(catalogue, send_resolver_address, &transmission);
    directions_visit(directions, send_place, &transmission);
    return transmission.sent && send_inference(socket, inference) && send_end(socket);
}

void rules_clear(struct rules *rules)
{
    catalogue_free(rules->catalogue);
    directions_free(rules->directions);
    if (rules->inference)
        explicit_bzero(rules->inference, sizeof(*rules->inference));
    free(rules->inference);
    memset(rules, 0, sizeof(*rules));
}

static bool take_settings(struct inference_config *inference,
                          const struct inference_settings *settings)
{
    memcpy(inference->header, settings->header, sizeof(inference->header));
    memcpy(inference->client_header, settings->client_header, sizeof(inference->client_header));
    memcpy(inference->order, settings->order, sizeof(inference->order));
    memcpy(inference->users_order, settings->users_order, sizeof(inference->users_order));
    inference->order_count = settings->order_count;
    inference->users_count = settings->users_count;
    inference->has_secret = settings->has_secret;
    inference->secret = settings->secret;
    return true;
}

static bool take_server(struct inference_config *inference, const struct inference_server *server)
{
    if (inference->server_count == INFERENCE_MAX_PORTS)
        return false;
    inference->servers[inference->server_count++] = *server;
    inference->ports[inference->port_count++] = server->port;
    return true;
}

static bool take_key(struct inference_config *inference, const struct inference_key *key)
{
    if (inference->key_count == MAX_INFERENCE_KEYS)
        return false;
    inference->keys[inference->key_count++] = *key;
    return true;
}

static bool add(struct rules *rules, const struct message *message)
{
    uint16_t number = (uint16_t)message->number;

    switch (message->type) {
    case MESSAGE_SERVICE:
        return catalogue_set_service(rules->catalogue, number, &message->body.service);
    case MESSAGE_CALIBRATED:
        return catalogue_set_calibrated(rules->catalogue, number, &message->body.calibrated);
    case MESSAGE_HOST:
        if (number == SERVICE_NONE)
            return !catalogue_add_ech_name(rules->catalogue, message->body.host.pattern);
        return !catalogue_add_host(rules->catalogue, message->body.host.pattern, number,
                                   (enum service_role)message->body.host.role);
    case MESSAGE_RESOLVER:
        return !catalogue_add_resolver(rules->catalogue, message->body.host.pattern);
    case MESSAGE_RESOLVER_ADDRESS:
        return !catalogue_add_resolver_address(rules->catalogue, message->body.host.pattern);
    case MESSAGE_DIRECTION:
        return directions_set(rules->directions, number, &message->body.direction);
    case MESSAGE_PREFIX:
        return !directions_add_prefix(rules->directions, &message->body.prefix.network,
                                      message->body.prefix.length, number);
    case MESSAGE_VLAN:
        return !directions_add_vlan(rules->directions, (uint16_t)message->body.vlan, number);
    case MESSAGE_INFERENCE:
        return take_settings(rules->inference, &message->body.inference);
    case MESSAGE_INFERENCE_SERVER:
        return take_server(rules->inference, &message->body.inference_server);
    case MESSAGE_INFERENCE_MODEL:
        return inferenceconfig_add_model(rules->inference, &message->body.inference_model);
    case MESSAGE_INFERENCE_KEY:
        return take_key(rules->inference, &message->body.inference_key);
    default:
        return false;
    }
}

enum rules_status rules_take(struct rules *rules, const struct message *message)
{
    if (rules->failed) {
        rules->failed = message->type != MESSAGE_RULES_END;
        return RULES_MORE;
    }
    if (!rules->catalogue)
        rules->catalogue = catalogue_new();
    if (!rules->directions)
        rules->directions = directions_new();
    if (!rules->inference)
        rules->inference = calloc(1, sizeof(*rules->inference));
    if (rules->catalogue && rules->directions && rules->inference) {
        if (message->type == MESSAGE_RULES_END)
            return RULES_COMPLETE;
        if (add(rules, message))
            return RULES_MORE;
    }
    rules_clear(rules);
    rules->failed = message->type != MESSAGE_RULES_END;
    return RULES_FAILED;
}
