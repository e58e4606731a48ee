/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_MIX_H
#define IAGMETER_TESTS_MIX_H

#include "collectors/capture/decode.h"
#include "tests/capture/frames.h"

#include <pcap/pcap.h>
#include <stdio.h>

/* Made-up conversations as packets of a capture file. Addresses are those for documentation and for
 * benchmarks (RFC 5737, RFC 3849, RFC 2544), and private ones. */

#define MIX_SECOND 1000000000LL
#define MIX_MILLI  1000000LL
#define MIX_MICRO  1000LL
/* 2026-11-23 12:00:00 UTC. */
#define MIX_START (1795435200LL * MIX_SECOND)
#define MIX_LINK  14 /* bytes of the Ethernet header */

enum { FROM_CLIENT, FROM_SERVER };

struct mix_file {
    pcap_t *pcap;
    pcap_dumper_t *dumper;
    uint64_t packets;
    uint64_t bytes;
};

struct endpoints {
    struct address address[2]; /* of the client, of the server */
    uint16_t port[2];
    uint32_t sequence[2];    /* next, of each; TCP only */
    uint32_t record_left[2]; /* bytes of the running TLS record that are still to be sent */
    uint16_t ip_id[2];       /* IPv4 only: last, of each */
};

/* -- The file ---------------------------------------------------------------------------------- */

static inline bool mix_open(struct mix_file *file, const char *path)
{
    memset(file, 0, sizeof(*file));
    file->pcap = pcap_open_dead(DLT_EN10MB, 65535);
    file->dumper = file->pcap ? pcap_dump_open(file->pcap, path) : NULL;
    if (!file->dumper)
        fprintf(stderr, "%s: %s\n", path, file->pcap ? pcap_geterr(file->pcap) : "no memory");
    return file->dumper != NULL;
}

/* False when something was not written. */
static inline bool mix_close(struct mix_file *file)
{
    bool written = pcap_dump_flush(file->dumper) == 0 && !ferror(pcap_dump_file(file->dumper));

    pcap_dump_close(file->dumper);
    pcap_close(file->pcap);
    return written;
}

/* Where the TCP or UDP header of FRAME begins. IPv6 is without extension headers. */
static inline uint32_t mix_transport(const uint8_t *frame)
{
    return MIX_LINK + (frame[MIX_LINK] >> 4 == 4 ? 4U * (frame[MIX_LINK] & 15) : 40);
}

/* Adds up the 16-bit words of BYTES, as they lie in memory (RFC 1071, 1 and 2). */
static inline uint64_t mix_sum(uint64_t sum, const uint8_t *bytes, size_t length)
{
    uint32_t word;

    for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        sum += word;
    }
    word = 0;
    memcpy(&word, bytes, length);
    return sum + word;
}

static inline void mix_set_checksum(uint8_t *at, uint64_t sum)
{
    uint16_t checksum;

    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    checksum = (uint16_t)~sum;
    memcpy(at, &checksum, sizeof(checksum));
}

/* Those of IPv4 (RFC 791, 3.1), and of TCP or UDP with the pseudo-header (RFC 9293, 3.1; RFC 8200,
 * 8.1). */
static inline void mix_checksums(struct bytes *frame)
{
    uint8_t *ip = frame->at + MIX_LINK;
    bool ipv4 = ip[0] >> 4 == 4;
    uint8_t *transport = frame->at + mix_transport(frame->at);
    size_t length = (size_t)(frame->at + frame->length - transport);
    uint8_t protocol = ipv4 ? ip[9] : ip[6];
    uint8_t *checksum = transport + (protocol == 6 ? 16 : 6);
    uint8_t pseudo[4] = {0, protocol, (uint8_t)(length >> 8), (uint8_t)length};
    uint64_t sum = mix_sum(0, pseudo, sizeof(pseudo));

    memset(checksum, 0, 2);
    sum = mix_sum(sum, ip + (ipv4 ? 12 : 8), ipv4 ? 8 : 32);
    mix_set_checksum(checksum, mix_sum(sum, transport, length));
    if (!ipv4)
        return;
    memset(ip + 10, 0, 2);
    mix_set_checksum(ip + 10, mix_sum(0, ip, (size_t)(transport - ip)));
}

/* Fills in the checksums of FRAME first. */
static inline void mix_write(struct mix_file *file, int64_t time_ns, struct bytes *frame)
{
    int64_t since_1970_ns = MIX_START + time_ns;
    struct pcap_pkthdr header = {
        .ts = {since_1970_ns / MIX_SECOND, since_1970_ns % MIX_SECOND / MIX_MICRO},
        .caplen = (bpf_u_int32)frame->length,
        .len = (bpf_u_int32)frame->length,
    };

    mix_checksums(frame);
    pcap_dump((u_char *)file->dumper, &header, frame->at);
    file->packets++;
    file->bytes += frame->length;
}

/* -- Frames ------------------------------------------------------------------------------------ */

static inline void mix_identify(struct bytes *frame, struct endpoints *ends, int from)
{
    if (ends->address[from].family == 4)
        set_u16(frame, MIX_LINK + 4, ++ends->ip_id[from]);
}

/* Into FRAME, with the twelve bytes of TCP options that time stamps take. */
static inline void mix_tcp(struct bytes *frame, struct endpoints *ends, int from, uint8_t flags,
                           const struct bytes *payload)
{
    struct tcp_frame parts = {
        .link_type = DLT_EN10MB,
        .source = ends->address[from],
        .destination = ends->address[!from],
        .source_port = ends->port[from],
        .destination_port = ends->port[!from],
        .sequence = ends->sequence[from],
        .flags = flags,
        .tcp_options = 3,
        .payload = payload->at,
        .payload_length = (uint32_t)payload->length,
    };

    build_frame(frame, &parts);
    mix_identify(frame, ends, from);
    if (flags & TCP_ACK) {
        set_u16(frame, mix_transport(frame->at) + 8, ends->sequence[!from] >> 16);
        set_u16(frame, mix_transport(frame->at) + 10, ends->sequence[!from]);
    }
    ends->sequence[from] += (uint32_t)payload->length + ((flags & (TCP_SYN | TCP_FIN)) != 0);
}

static inline void mix_udp(struct bytes *frame, struct endpoints *ends, int from,
                           const struct bytes *payload)
{
    bool ipv4 = ends->address[from].family == 4;
    unsigned length = 8 + (unsigned)payload->length;

    frame->length = 0;
    put_fill(frame, 2, 12);
    put_u16(frame, ipv4 ? 0x0800 : 0x86dd);
    put_u32(frame, ipv4 ? 0x45000000 | (20 + length) : 0x60000000);
    put_u32(frame, ipv4 ? 0 : length << 16 | 17 << 8 | 64);
    if (ipv4)
        put_u32(frame, 64U << 24 | 17U << 16);
    put_bytes(frame, ends->address[from].bytes, ipv4 ? 4 : 16);
    put_bytes(frame, ends->address[!from].bytes, ipv4 ? 4 : 16);
    put_u16(frame, ends->port[from]);
    put_u16(frame, ends->port[!from]);
    put_u16(frame, length);
    put_u16(frame, 0);
    put_bytes(frame, payload->at, payload->length);
    mix_identify(frame, ends, from);
}

/* -- Payloads ---------------------------------------------------------------------------------- */

/* What encrypted data looks like. */
static inline void put_noise(struct bytes *bytes, uint64_t *seed, size_t length)
{
    static uint8_t noise[1 << 17];
    static bool made;

    if (!made) {
        uint64_t own = 1;

        for (size_t i = 0; i < sizeof(noise); i += 8) {
            uint64_t next = random_next(&own);

            memcpy(noise + i, &next, 8);
        }
        made = true;
    }
    put_bytes(bytes, noise + random_below(seed, sizeof(noise) / 2), length);
}

/* The next LENGTH bytes of a stream of TLS records of application data; up to five fewer, where a
 * record ends so near. */
static inline void put_records(struct bytes *bytes, uint64_t *seed, uint32_t *record_left,
                               uint32_t length)
{
    while (length > 5 || (length > 0 && *record_left > 0)) {
        uint32_t part;

        if (*record_left == 0) {
            *record_left = length < 600 ? length - 5 : 1400 + random_below(seed, 15000);
            put_record_header(bytes, 23, *record_left);
            length -= 5;
        }
        part = *record_left < length ? *record_left : length;
        put_noise(bytes, seed, part);
        *record_left -= part;
        length -= part;
    }
}

/* One share of KEY bytes (RFC 8446, 4.2.8). */
static inline void put_key_share(struct bytes *bytes, uint64_t *seed, unsigned group, unsigned key)
{
    put_u16(bytes, group);
    put_u16(bytes, key);
    put_noise(bytes, seed, key);
}

/* A ClientHello as browsers send it: GREASE for Encrypted Client Hello, and if it is a LARGE one a
 * key of ML-KEM beside that of X25519, which makes it two segments long. */
static inline void put_browser_hello(struct bytes *bytes, const char *name, bool large,
                                     bool name_comes_last)
{
    static struct bytes body;
    uint64_t seed = strlen(name);
    unsigned keys = large ? 36 + 4 + 1216 : 36;
    size_t start;

    body.length = 0;
    put_hello_start(&body);
    start = body.length;
    put_u16(&body, 0);
    if (!name_comes_last)
        put_name_extension(&body, name, strlen(name));
    put_u16(&body, 51);
    put_u16(&body, keys + 2);
    put_u16(&body, keys);
    if (large)
        put_key_share(&body, &seed, 0x11ec, 1216);
    put_key_share(&body, &seed, 0x001d, 32);
    put_u16(&body, 16);
    put_u16(&body, 14);
    put_u16(&body, 12);
    put_bytes(&body, "\2h2\10http/1.1", 12);
    put_u16(&body, 0xfe0d); /* outer, HKDF-SHA256, AES-128-GCM */
    put_u16(&body, 10 + 32 + 240);
    put_bytes(&body, "\0\0\1\0\1\52\0\40", 8);
    put_noise(&body, &seed, 32);
    put_u16(&body, 240);
    put_noise(&body, &seed, 240);
    if (name_comes_last)
        put_name_extension(&body, name, strlen(name));
    set_u16(&body, start, body.length - start - 2);
    put_client_hello(bytes, body.at, body.length, 0);
}

/* RFC 1035, 4: a question of type A, with its answer if ADDRESS is not NULL. */
static inline void put_dns(struct bytes *bytes, unsigned id, const char *name,
                           const uint8_t address[4])
{
    put_u16(bytes, id);
    put_u16(bytes, address ? 0x8180 : 0x0100);
    put_u16(bytes, 1);
    put_u16(bytes, address != NULL);
    put_u32(bytes, 0);
    while (*name) {
        size_t label = strcspn(name, ".");

        put_u8(bytes, (unsigned)label);
        put_bytes(bytes, name, label);
        name += label + (name[label] == '.');
    }
    put_u8(bytes, 0);
    put_u32(bytes, 0x00010001);
    if (!address)
        return;
    put_u16(bytes, 0xc00c);
    put_u32(bytes, 0x00010001);
    put_u32(bytes, 300);
    put_u16(bytes, 4);
    put_bytes(bytes, address, 4);
}

#endif
