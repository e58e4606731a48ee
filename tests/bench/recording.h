/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_RECORDING_H
#define IAGMETER_TESTS_RECORDING_H

#include "tests/bench/mix.h"

/* The TLS conversations of a recorded capture, to be repeated between other ends. */

#define RECORDED_CONVERSATIONS 256
/* Record and handshake headers, and the version, stand before a ClientHello's random (RFC
 * 8446, 4.1.2 and 5.1). */
#define HELLO_RANDOM      11
#define HELLO_RANDOM_SIZE 32

struct recorded_packet {
    int64_t time_ns; /* since the conversation began; never less than before */
    uint8_t *frame;
    uint32_t length;
    uint32_t tcp; /* where the TCP header begins */
    int from;
    bool is_hello; /* its beginning */
};

struct conversation {
    struct endpoints ends;
    int64_t begin_ns;
    struct recorded_packet *packets;
    uint32_t count;
};

struct recording {
    struct conversation conversations[RECORDED_CONVERSATIONS];
    uint32_t count;
};

/* -- Reading it -------------------------------------------------------------------------------- */

static inline bool same_end(const struct endpoints *ends, int end, const struct address *address,
                            uint16_t port)
{
    return ends->port[end] == port && ends->address[end].family == address->family &&
           memcmp(ends->address[end].bytes, address->bytes, sizeof(address->bytes)) == 0;
}

/* The conversation that PACKET is of, and which end sent it; a new one if it opens one. NULL when
 * it was under way already. */
static inline struct conversation *conversation_of(struct recording *recording,
                                                   const struct packet *packet, int *from)
{
    struct conversation *conversation;

    for (uint32_t i = 0; i < recording->count; i++) {
        const struct endpoints *ends = &recording->conversations[i].ends;

        for (*from = FROM_CLIENT; *from <= FROM_SERVER; ++*from)
            if (same_end(ends, *from, &packet->source, packet->source_port) &&
                same_end(ends, !*from, &packet->destination, packet->destination_port))
                return &recording->conversations[i];
    }
    if ((packet->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN ||
        recording->count == RECORDED_CONVERSATIONS)
        return NULL;
    conversation = &recording->conversations[recording->count++];
    conversation->ends = (struct endpoints){
        .address = {packet->source, packet->destination},
        .port = {packet->source_port, packet->destination_port},
    };
    *from = FROM_CLIENT;
    return conversation;
}

static inline bool begins_hello(const struct packet *packet)
{
    return packet->captured_length >= HELLO_RANDOM + HELLO_RANDOM_SIZE &&
           packet->payload[0] == 22 && packet->payload[1] == 3 && packet->payload[5] == 1;
}

static inline void keep_packet(struct recording *recording, int64_t time_ns, const uint8_t *frame,
                               uint32_t length)
{
    struct packet packet;
    struct conversation *conversation;
    struct recorded_packet *kept;
    int from;

    if (decode_frame(DLT_EN10MB, frame, length, length, &packet) != DECODE_TCP)
        return;
    conversation = conversation_of(recording, &packet, &from);
    if (!conversation)
        return;
    if (conversation->count == 0)
        conversation->begin_ns = time_ns;
    conversation->packets =
        realloc(conversation->packets, (conversation->count + 1) * sizeof(*conversation->packets));
    if (!conversation->packets)
        abort();
    kept = &conversation->packets[conversation->count++];
    *kept = (struct recorded_packet){
        .time_ns = time_ns - conversation->begin_ns,
        .frame = exact_copy(frame, length),
        .length = length,
        .tcp = mix_transport(frame),
        .from = from,
        .is_hello = from == FROM_CLIENT && begins_hello(&packet),
    };
    if (conversation->count > 1 && kept->time_ns < kept[-1].time_ns)
        kept->time_ns = kept[-1].time_ns;
}

static inline void recording_free(struct recording *recording)
{
    for (uint32_t i = 0; i < recording->count; i++) {
        for (uint32_t j = 0; j < recording->conversations[i].count; j++)
            free(recording->conversations[i].packets[j].frame);
        free(recording->conversations[i].packets);
    }
}

/* False when there is nothing to repeat; says why. */
static inline bool recording_read(struct recording *recording, const char *path)
{
    char error[PCAP_ERRBUF_SIZE] = "no conversation in it";
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
    struct pcap_pkthdr *header;
    const u_char *bytes;

    while (pcap && pcap_next_ex(pcap, &header, &bytes) == 1)
        if (header->caplen == header->len)
            keep_packet(recording, header->ts.tv_sec * MIX_SECOND + header->ts.tv_usec, bytes,
                        header->len);
    if (pcap)
        pcap_close(pcap);
    if (recording->count == 0)
        fprintf(stderr, "%s: %s\n", path, error);
    return recording->count > 0;
}

/* -- Repeating it ------------------------------------------------------------------------------ */

static inline void add_u32(uint8_t *at, uint32_t more)
{
    uint32_t value = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];

    value += more;
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* Into FRAME, PACKET as if between ENDS, whose sequence numbers are added to those recorded. A
 * ClientHello seen twice is one that a proxy passed on: RANDOM makes this another one. */
static inline void repeat_packet(struct bytes *frame, const struct recorded_packet *packet,
                                 const struct endpoints *ends, uint64_t random)
{
    const struct address *source = &ends->address[packet->from];
    size_t size = source->family == 4 ? 4 : 16;
    uint8_t *addresses = frame->at + MIX_LINK + (source->family == 4 ? 12 : 8);
    uint8_t *tcp = frame->at + packet->tcp;

    frame->length = 0;
    put_bytes(frame, packet->frame, packet->length);
    memcpy(addresses, source->bytes, size);
    memcpy(addresses + size, ends->address[!packet->from].bytes, size);
    set_u16(frame, packet->tcp, ends->port[packet->from]);
    set_u16(frame, packet->tcp + 2, ends->port[!packet->from]);
    add_u32(tcp + 4, ends->sequence[packet->from]);
    if (tcp[13] & TCP_ACK)
        add_u32(tcp + 8, ends->sequence[!packet->from]);
    for (size_t i = 0; packet->is_hello && i < HELLO_RANDOM_SIZE; i++)
        tcp[4U * (tcp[12] >> 4) + HELLO_RANDOM + i] ^= (uint8_t)(random >> 8 * (i % 8));
}

#endif
