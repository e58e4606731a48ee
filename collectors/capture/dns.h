/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_DNS_H
#define IAGMETER_DNS_H

#include "daemon/directions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a DNS answer says (RFC 1035, 6891, 9460): the name that was asked for, and the addresses
 * that it led to, by way of CNAME, HTTPS and SVCB records. Only the name asked for is given: what
 * an alias leads to is the name of a host of some delivery network, which says nothing about the
 * service. Not for mDNS, whose messages look the same: its answers are nobody's in particular. */

#define DNS_NAME_SIZE     256
#define DNS_MAX_ADDRESSES 32
/* Over TCP each message follows its length (RFC 1035, 4.2.2). */
#define DNS_STREAM_HEADER 2

enum dns_result {
    DNS_ANSWER,
    DNS_OTHER,    /* a query, an error, an update, several questions: says nothing of use here */
    DNS_MALFORMED /* the header or the question is cut, or contradicts itself */
};

struct dns_answer {
    /* In lower case, without the last dot, "" for the root. A byte that no host name has, such as a
     * dot inside a label, reads as '?', which is in no catalogue. The name of an HTTPS or SVCB
     * question is given without the labels that stand for port and scheme (RFC 9460, 2.3). */
    char name[DNS_NAME_SIZE];
    uint8_t name_length;
    uint8_t address_count;
    bool has_ech;      /* an HTTPS or SVCB record on the way carries keys for ECH */
    bool is_complete;  /* every record that the header announces was there */
    uint16_t type;     /* of the question: 1 A, 28 AAAA, 65 HTTPS, ... */
    uint16_t left_out; /* records, aliases and addresses there was no room for */
    uint32_t ttl_s;    /* the smallest of all records on the way; 0 when there was none */
    struct address addresses[DNS_MAX_ADDRESSES]; /* each once */
};

/* BYTES are one message, as in a UDP datagram. Of a message that is cut (by the snap length, or the
 * TC bit), the records before the cut count. *answer is filled when the result is DNS_ANSWER, also
 * when the name has no address. Pure. */
enum dns_result dns_parse(const uint8_t *bytes, size_t length, struct dns_answer *answer);

/* What a question and the answers to it have in common: the id and the question (RFC 5452, 9.1),
 * whose name may come back in letters of the other case. */
struct dns_identity {
    uint64_t hash; /* without a key */
    bool is_answer;
};

/* Returns false when BYTES are no query and no answer to one, of one question. Pure. */
bool dns_identify(const uint8_t *bytes, size_t length, struct dns_identity *identity);

/* BYTES are part of a TCP stream, from where a message starts. Returns how many bytes that message
 * takes there, DNS_STREAM_HEADER included, be they all there yet or not; 0 when fewer than
 * DNS_STREAM_HEADER are there. */
size_t dns_stream_next(const uint8_t *bytes, size_t length);

#endif
