/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MESSAGE_H
#define IAGMETER_MESSAGE_H

#include "collectors/collector.h"
#include "collectors/inference/exchanges.h"
#include "daemon/catalogue.h"
#include "daemon/directions.h"

#include <stdbool.h>
#include <stdint.h>

/* What the processes say to each other: messages of one fixed size over socket pairs
 * (SOCK_SEQPACKET), of a closed table of types. Each type has one sender and a check of its
 * contents; a message that fails it is the end of the process that sent it. Nothing that comes from
 * packets or counters can pass but the sums of collector.h; to a calibration, what an exchange of
 * the one known client looked like. */

enum message_type {
    /* start-up process to capture and meter: rules, by number */
    MESSAGE_SERVICE = 1,
    MESSAGE_HOST, /* service SERVICE_NONE: a name that ECH shows */
    MESSAGE_DIRECTION,
    MESSAGE_PREFIX,
    MESSAGE_VLAN,
    MESSAGE_RESOLVER,         /* a name alone, in host.pattern */
    MESSAGE_RESOLVER_ADDRESS, /* an address, there as text */
    /* the same, to capture alone, which tells who asked a server of our own for what: */
    MESSAGE_INFERENCE,
    MESSAGE_INFERENCE_SERVER,
    MESSAGE_INFERENCE_MODEL,
    MESSAGE_INFERENCE_KEY, /* its hash */
    MESSAGE_CALIBRATED,    /* how service NUMBER is estimated on one transport */
    MESSAGE_RULES_END,     /* the rules since the last one are complete: use them */
    /* start-up process to meter */
    MESSAGE_WORKER, /* carries the descriptor of a capture process's data socket */
    MESSAGE_RELOAD, /* read the configuration again; its digest is */
    /* start-up process to any */
    MESSAGE_STOP,
    /* any to start-up process */
    MESSAGE_READY,
    MESSAGE_ALIVE,
    MESSAGE_RELOADED, /* the meter's answer: number 1 yes, 0 no */
    /* capture to meter */
    MESSAGE_ACTIVITY,
    MESSAGE_DEVICES,
    MESSAGE_LOCAL_USE, /* of an interval that may be over */
    MESSAGE_DRIFT, /* whether the answers of service NUMBER still are as its calibration saw them */
    MESSAGE_CLOSED, /* the interval is complete, and this is its coverage; the number tells for how
                       many seconds the oldest exchange with a local server has been open */
    /* counters to meter */
    MESSAGE_DEVICE, /* the name of device NUMBER; before its first energy */
    MESSAGE_ENERGY,
    MESSAGE_SERVER_USE,
    MESSAGE_SOURCE,  /* what a source of power is, when that changes */
    MESSAGE_METERED, /* the interval is complete */
    /* whoever sees the packets of a calibration to the command that asks for it */
    MESSAGE_EXCHANGE, /* of service NUMBER: what was seen of it */
    /* start-up process to meter */
    MESSAGE_INTERFACES, /* which are captured, for people to read */
    MESSAGE_TYPE_COUNT
};

#define INTERFACES_SIZE 1024

/* How requests to servers of our own are told apart. */
struct inference_settings {
    char header[INFERENCE_HEADER_SIZE];
    char client_header[INFERENCE_HEADER_SIZE];
    uint8_t order[SOURCE_COUNT];
    uint8_t users_order[SOURCE_COUNT];
    uint8_t order_count;
    uint8_t users_count;
    uint8_t has_secret;
    struct apikey_secret secret;
};

struct message {
    uint32_t type;
    uint32_t number; /* of the service or direction; or a flag */
    int64_t interval_start;
    union {
        struct service service;
        struct service_calibrated calibrated;
        struct {
            char pattern[HOST_PATTERN_SIZE];
            uint32_t role;
        } host;
        struct direction direction;
        struct {
            struct address network;
            uint32_t length;
        } prefix;
        uint32_t vlan;
        uint64_t digest;
        struct inference_settings inference;
        struct inference_server inference_server;
        struct inference_model inference_model;
        struct inference_key inference_key;
        struct {
            uint8_t transport; /* enum service_transport */
            uint8_t way;       /* below ESTIMATOR_WAYS */
            uint8_t drifted;
        } drift;
        struct {
            struct exchange_shape shape;
            uint8_t transport; /* enum service_transport */
        } exchange;
        struct activity activity;
        struct device_count devices;
        struct coverage coverage;
        struct local_use use;
        struct server_use server_use;
        struct power_device device;
        struct power_source_state source;
        struct device_energy energy;
        char interfaces[INTERFACES_SIZE];
    } body;
};

/* Who may send what: bits, for message_receive(). */
enum message_sender {
    SENDER_SUPERVISOR = 1,
    SENDER_CAPTURE = 2,
    SENDER_METER = 4,
    SENDER_COUNTERS = 8,
    SENDER_SESSION = 16 /* of a calibration; no process of the daemon's */
};

/* A zeroed message of TYPE, so that padding carries nothing. */
void message_start(struct message *message, enum message_type type);

/* Waits until it is sent. Returns false with errno set when the other end is gone. */
bool message_send(int socket, const struct message *message);
/* Does not wait: returns false with errno EAGAIN when the receiver is behind. */
bool message_try_send(int socket, const struct message *message);
/* As message_send(), with a descriptor that the receiver gets a copy of. */
bool message_send_descriptor(int socket, const struct message *message, int descriptor);

enum message_status {
    MESSAGE_RECEIVED,
    MESSAGE_NONE_YET, /* nothing to receive now (WAIT false) */
    MESSAGE_PEER_GONE,
    MESSAGE_REFUSED /* of a wrong size or type, not this sender's to send, or with impossible
                       contents */
};

/* *DESCRIPTOR (may be NULL) is set to one that came along, or -1. */
enum message_status message_receive(int socket, enum message_sender sender, bool wait,
                                    struct message *message, int *descriptor);

/* Whether the contents are possible: exposed for tests and fuzzing. */
bool message_check(const struct message *message, enum message_sender sender);

#endif
