/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_DNSWIRE_H
#define IAGMETER_TESTS_DNSWIRE_H

#include "tests/capture/frames.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Builds DNS messages: dns_begin(), dns_question(), then records by dns_record() and what follows
 * it. Names are dotted; "" is the root. */

enum { DNS_A = 1, DNS_CNAME = 5, DNS_TXT = 16, DNS_AAAA = 28, DNS_OPT = 41, DNS_SVCB = 64 };
enum { DNS_HTTPS = 65 };
enum {
    DNS_QUERY = 0x0100,
    DNS_RESPONSE = 0x8180,
    DNS_TRUNCATED = 0x0200
}; /* recursion desired and available */

struct dns_message {
    struct bytes wire;
    bool compress;
    size_t data_at; /* of the record that is being written */
    /* Where each name that was written starts, and each of its parts. */
    size_t suffix_count;
    struct dns_suffix {
        char text[256];
        size_t place;
    } suffixes[256];
};

static inline void dns_begin(struct dns_message *message, unsigned flags)
{
    message->wire.length = 0;
    message->suffix_count = 0;
    put_u16(&message->wire, 0x1d5a);
    put_u16(&message->wire, flags);
    put_fill(&message->wire, 0, 8);
}

/* SECTION: 0 question, 1 answer, 2 authority, 3 additional. */
static inline void dns_count(struct dns_message *message, unsigned section)
{
    uint8_t *count = message->wire.at + 4 + 2 * section;

    set_u16(&message->wire, 4 + 2 * section, (size_t)(count[0] << 8 | count[1]) + 1);
}

static inline bool dns_put_pointer(struct dns_message *message, const char *name)
{
    for (size_t i = 0; message->compress && i < message->suffix_count; i++) {
        if (strcasecmp(message->suffixes[i].text, name) == 0) {
            put_u16(&message->wire, 0xc000 | (unsigned)message->suffixes[i].place);
            return true;
        }
    }
    return false;
}

static inline void dns_remember(struct dns_message *message, const char *name)
{
    struct dns_suffix *suffix = &message->suffixes[message->suffix_count];

    if (message->suffix_count == 256 || message->wire.length >= 0x4000)
        return;
    memset(suffix->text, 0, sizeof(suffix->text));
    memcpy(suffix->text, name, strlen(name));
    suffix->place = message->wire.length;
    message->suffix_count++;
}

static inline void dns_name(struct dns_message *message, const char *name)
{
    while (*name) {
        size_t length = strcspn(name, ".");

        if (dns_put_pointer(message, name))
            return;
        dns_remember(message, name);
        put_u8(&message->wire, (unsigned)length);
        put_bytes(&message->wire, name, length);
        name += length + (name[length] == '.');
    }
    put_u8(&message->wire, 0);
}

static inline void dns_question(struct dns_message *message, const char *name, unsigned type)
{
    dns_count(message, 0);
    dns_name(message, name);
    put_u16(&message->wire, type);
    put_u16(&message->wire, 1);
}

/* The data follow, then dns_record_end(). */
static inline void dns_record(struct dns_message *message, unsigned section, const char *owner,
                              unsigned type, uint32_t ttl_s)
{
    dns_count(message, section);
    dns_name(message, owner);
    put_u16(&message->wire, type);
    put_u16(&message->wire, 1);
    put_u32(&message->wire, ttl_s);
    put_u16(&message->wire, 0);
    message->data_at = message->wire.length;
}

static inline void dns_record_end(struct dns_message *message)
{
    set_u16(&message->wire, message->data_at - 2, message->wire.length - message->data_at);
}

static inline void dns_address(struct dns_message *message, unsigned section, const char *owner,
                               uint32_t ttl_s, struct address address)
{
    dns_record(message, section, owner, address.family == 4 ? DNS_A : DNS_AAAA, ttl_s);
    put_bytes(&message->wire, address.bytes, address.family == 4 ? 4 : 16);
    dns_record_end(message);
}

static inline void dns_alias(struct dns_message *message, unsigned section, const char *owner,
                             uint32_t ttl_s, const char *target)
{
    dns_record(message, section, owner, DNS_CNAME, ttl_s);
    dns_name(message, target);
    dns_record_end(message);
}

/* An HTTPS record; parameters follow by dns_parameter(), then dns_record_end(). */
static inline void dns_https(struct dns_message *message, unsigned section, const char *owner,
                             uint32_t ttl_s, unsigned priority, const char *target)
{
    dns_record(message, section, owner, DNS_HTTPS, ttl_s);
    put_u16(&message->wire, priority);
    dns_name(message, target);
}

static inline void dns_parameter(struct dns_message *message, unsigned key, const void *value,
                                 size_t length)
{
    put_u16(&message->wire, key);
    put_u16(&message->wire, (unsigned)length);
    put_bytes(&message->wire, value, length);
}

#endif
