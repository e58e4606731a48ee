/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_FLOOD_H
#define IAGMETER_TESTS_FLOOD_H

#include "collectors/capture/metering.h"
#include "tests/capture/film.h"
#include "tests/capture/process.h"
#include "tests/capture/sink.h"

#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Floods of packets from everywhere, and connections to a known service that go on meanwhile. */

enum flood_kind {
    FLOOD_NONE,
    FLOOD_OPENINGS,  /* TCP SYN */
    FLOOD_HELLOS,    /* the first segment of a ClientHello, and nothing more */
    FLOOD_INITIALS,  /* QUIC Initials: random bytes, or the first of a ClientHello and nothing more
                      */
    FLOOD_ANSWERS,   /* DNS answers, believed, half of them for names of known services */
    FLOOD_FRAGMENTS, /* the first fragment of an IPv4 packet, and nothing more */
    FLOOD_SCATTERED, /* QUIC Initials of one connection id, full of CRYPTO frames of a byte */
    FLOOD_RECORDS,   /* empty TLS records, then the beginning of a ClientHello */
    FLOOD_HEADS,     /* a CONNECT whose head goes on */
    FLOOD_BLOCKS,    /* a PROXY header that claims 16 kB */
    FLOOD_MESSAGES,  /* the first bytes of a DNS answer of 64 kB over TCP */
    FLOOD_KINDS
};

static const char *const flood_names[FLOOD_KINDS] = {
    "none",       "openings",      "hellos",        "QUIC Initials", "DNS answers", "fragments",
    "QUIC bytes", "empty records", "CONNECT heads", "PROXY blocks",  "DNS over TCP"};

#define FLOOD_HOST      "api.mistral.ai" /* of conf/services.conf */
#define FLOOD_TALKS     200U
#define FLOOD_TURNS     5
#define FLOOD_TURN_NS   (10 * SECOND)
#define FLOOD_BLOCK     1024
#define FLOOD_FRAME     1536 /* bytes that a frame may take */
#define SEALED_INITIALS 64   /* sealed ones, sent again and again from other addresses */
#define INITIAL_SIZE    1200 /* the least (RFC 9000, 14.1) */
#define INITIAL_HEADER  22
#define TAG_SIZE        16

struct flood {
    enum flood_kind kind;
    uint64_t seed;
    uint8_t initials[SEALED_INITIALS][INITIAL_SIZE];
    struct bytes frame; /* the last one built */
};

/* -- QUIC ---------------------------------------------------------------------------------------
 */

/* HKDF-Expand-Label of one block (RFC 8446, 7.1; RFC 5869, 2.3). */
static inline void expand_label(const uint8_t secret[32], const char *label, uint8_t *out,
                                size_t size)
{
    uint8_t info[64] = {0,  (uint8_t)size, (uint8_t)(6 + strlen(label)), 't', 'l', 's', '1', '3',
                        ' '};
    size_t length = 9;
    uint8_t block[32];

    memcpy(info + length, label, strlen(label));
    length += strlen(label);
    info[length++] = 0;
    info[length++] = 1;
    HMAC(EVP_sha256(), secret, 32, info, length, block, NULL);
    memcpy(out, block, size);
}

/* One call of a cipher: GCM when there is a nonce (the tag is appended), else ECB. */
static inline void encrypt(const uint8_t key[16], const uint8_t *nonce, const uint8_t *aad,
                           int aad_size, uint8_t *data, int size, uint8_t *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int done = 0;

    if (!context)
        abort();
    EVP_EncryptInit_ex(context, nonce ? EVP_aes_128_gcm() : EVP_aes_128_ecb(), NULL, key, nonce);
    EVP_CIPHER_CTX_set_padding(context, 0);
    if (nonce)
        EVP_EncryptUpdate(context, NULL, &done, aad, aad_size);
    EVP_EncryptUpdate(context, out, &done, data, size);
    EVP_EncryptFinal_ex(context, out + done, &done);
    if (nonce)
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out + size);
    EVP_CIPHER_CTX_free(context);
}

/* Seals a packet of version 1 whose header of INITIAL_HEADER bytes ends in the four of packet
 * number 0 (RFC 9001, 5.2 to 5.4). */
static inline void seal_initial(uint8_t packet[INITIAL_SIZE])
{
    static const uint8_t salt[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                   0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
    uint8_t initial[32], client[32], key[16], nonce[12], protection[16], mask[16];

    HMAC(EVP_sha256(), salt, sizeof(salt), packet + 6, 8, initial, NULL);
    expand_label(initial, "client in", client, sizeof(client));
    expand_label(client, "quic key", key, sizeof(key));
    expand_label(client, "quic iv", nonce, sizeof(nonce));
    expand_label(client, "quic hp", protection, sizeof(protection));
    encrypt(key, nonce, packet, INITIAL_HEADER, packet + INITIAL_HEADER,
            INITIAL_SIZE - INITIAL_HEADER - TAG_SIZE, packet + INITIAL_HEADER);
    encrypt(protection, NULL, NULL, 0, packet + INITIAL_HEADER, 16, mask);
    packet[0] ^= mask[0] & 0x0f;
    for (int i = 0; i < 4; i++)
        packet[INITIAL_HEADER - 4 + i] ^= mask[1 + i];
}

/* A ClientHello of 3000 bytes begins in a CRYPTO frame; the rest is padding. */
static inline void make_initial(uint64_t *seed, uint8_t packet[INITIAL_SIZE])
{
    const unsigned rest = INITIAL_SIZE - 18;
    uint64_t id = random_next(seed);
    const uint8_t header[INITIAL_HEADER] = {
        0xc3, 0, 0, 0, 1, 8, [16] = (uint8_t)(0x40 | rest >> 8), [17] = (uint8_t)rest};
    const uint8_t crypto[] = {6, 0, 0x43, 0xe8, 1, 0, 0x0b, 0xb8, 3, 3};

    memset(packet, 0, INITIAL_SIZE);
    memcpy(packet, header, sizeof(header));
    memcpy(packet + 6, &id, sizeof(id));
    memcpy(packet + INITIAL_HEADER, crypto, sizeof(crypto));
    memset(packet + INITIAL_HEADER + sizeof(crypto), 0x33, 1000 - sizeof(crypto) + 4);
    seal_initial(packet);
}

/* A CRYPTO frame of one byte at every other offset from START on: each opens a hole. All are of the
 * same connection id. */
static inline void make_scattered(unsigned start, uint8_t packet[INITIAL_SIZE])
{
    const unsigned rest = INITIAL_SIZE - 18;
    const uint8_t header[INITIAL_HEADER] = {
        0xc3, 0, 0, 0, 1, 8, [16] = (uint8_t)(0x40 | rest >> 8), [17] = (uint8_t)rest};
    unsigned offset = start;

    memset(packet, 0, INITIAL_SIZE);
    memcpy(packet, header, sizeof(header));
    for (unsigned at = INITIAL_HEADER; at + 5 <= INITIAL_SIZE - TAG_SIZE; at += 5, offset += 2) {
        const uint8_t frame[5] = {6, (uint8_t)(0x40 | offset >> 8), (uint8_t)offset, 1, 0x33};

        memcpy(packet + at, frame, sizeof(frame));
    }
    seal_initial(packet);
}

/* -- Frames -------------------------------------------------------------------------------------
 */

static inline struct address random_address(uint64_t *seed)
{
    uint64_t value = random_next(seed);
    struct address address = {.family = 4};

    memcpy(address.bytes, &value, 4);
    return address;
}

static inline void flood_tcp(struct flood *flood, uint8_t flags, uint16_t fragment,
                             const uint8_t *payload, uint32_t length)
{
    uint64_t number = random_next(&flood->seed);
    struct tcp_frame frame = {
        .link_type = DLT_EN10MB,
        .source = random_address(&flood->seed),
        .destination = random_address(&flood->seed),
        .source_port = (uint16_t)number,
        .destination_port = 443,
        .sequence = (uint32_t)(number >> 16),
        .flags = flags,
        .fragment = fragment,
        .payload = payload,
        .payload_length = length,
    };

    build_frame(&flood->frame, &frame);
    if (fragment)
        set_u16(&flood->frame, 18, (uint16_t)(number >> 48)); /* identification */
}

/* Begins an IPv4 datagram over Ethernet; the payload of LENGTH bytes is to follow. */
static inline void put_udp4(struct bytes *bytes, uint64_t *seed, uint16_t source, uint16_t port,
                            size_t length)
{
    struct tcp_frame frame = {.link_type = DLT_EN10MB, .source = random_address(seed)};
    struct address destination = random_address(seed);

    bytes->length = 0;
    put_link(bytes, &frame);
    put_u16(bytes, 0x4500);
    put_u16(bytes, (unsigned)length + 28);
    put_u32(bytes, 0);
    put_u16(bytes, 0x4011); /* time to live, UDP */
    put_u16(bytes, 0);
    put_bytes(bytes, frame.source.bytes, 4);
    put_bytes(bytes, destination.bytes, 4);
    put_u16(bytes, source);
    put_u16(bytes, port);
    put_u16(bytes, (unsigned)length + 8);
    put_u16(bytes, 0);
}

static inline void flood_initial(struct flood *flood)
{
    struct bytes *frame = &flood->frame;
    uint64_t number = random_next(&flood->seed);
    size_t start;

    put_udp4(frame, &flood->seed, (uint16_t)number, 443, INITIAL_SIZE);
    start = frame->length;
    put_bytes(frame, flood->initials[number >> 16 & (SEALED_INITIALS - 1)], INITIAL_SIZE);
    if (number >> 63 && flood->kind == FLOOD_INITIALS)
        memcpy(frame->at + start + 6, &number, 8); /* another connection id: nothing decrypts */
}

static inline void flood_answer(struct flood *flood)
{
    struct bytes *frame = &flood->frame;
    uint64_t number = random_next(&flood->seed);
    char name[40];
    struct address address = random_address(&flood->seed);
    const char *label;

    if (number & 1)
        snprintf(name, sizeof(name), FLOOD_HOST);
    else
        snprintf(name, sizeof(name), "n%016llx.example.com", (unsigned long long)number);
    put_udp4(frame, &flood->seed, 53, (uint16_t)(number >> 16), 12 + strlen(name) + 6 + 16);
    put_u16(frame, (uint16_t)(number >> 32));
    put_u16(frame, 0x8180); /* an answer, recursion */
    put_u32(frame, 0x00010001);
    put_u32(frame, 0);
    for (label = name; *label; label += strcspn(label, ".") + (label[strcspn(label, ".")] != 0)) {
        put_u8(frame, (unsigned)strcspn(label, "."));
        put_bytes(frame, label, strcspn(label, "."));
    }
    put_u8(frame, 0);
    put_u32(frame, 0x00010001); /* A, IN */
    put_u16(frame, 0xc00c);
    put_u32(frame, 0x00010001);
    put_u32(frame, 300);
    put_u16(frame, 4);
    put_bytes(frame, address.bytes, 4);
}

/* A segment from the client's first byte on: HEAD, and then FILL. */
static inline void flood_text(struct flood *flood, const void *head, size_t length, uint8_t fill)
{
    uint8_t payload[1400];

    memset(payload, fill, sizeof(payload));
    memcpy(payload, head, length);
    flood_tcp(flood, TCP_SYN, 0, payload, sizeof(payload));
}

static inline void flood_records(struct flood *flood)
{
    uint8_t payload[500];

    for (unsigned i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t[]){22, 3, 1, 0, 0}[i % 5];
    memcpy(payload + 490, (uint8_t[]){22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3}, 10);
    flood_tcp(flood, TCP_ACK, 0, payload, sizeof(payload));
}

static inline void flood_message(struct flood *flood)
{
    static const uint8_t start[] = {0xff, 0xff, 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1};

    flood_text(flood, start, sizeof(start), 0);
    set_u16(&flood->frame, 14 + 20, 53);
    flood->frame.at[14 + 20 + 13] = TCP_ACK;
}

/* Builds the next frame of the flood. */
static inline void flood_next(struct flood *flood)
{
    static const uint8_t hello[500] = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
    static const char connect[] = "CONNECT a.example:443 HTTP/1.1\r\nX: ";
    static const uint8_t block[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x3e\x80";

    switch (flood->kind) {
    case FLOOD_OPENINGS:
        flood_tcp(flood, TCP_SYN, 0, NULL, 0);
        break;
    case FLOOD_HELLOS:
        flood_tcp(flood, TCP_ACK, 0, hello, sizeof(hello));
        break;
    case FLOOD_INITIALS:
    case FLOOD_SCATTERED:
        flood_initial(flood);
        break;
    case FLOOD_RECORDS:
        flood_records(flood);
        break;
    case FLOOD_HEADS:
        flood_text(flood, connect, strlen(connect), 'x');
        break;
    case FLOOD_BLOCKS:
        flood_text(flood, block, sizeof(block) - 1, 1);
        break;
    case FLOOD_MESSAGES:
        flood_message(flood);
        break;
    case FLOOD_ANSWERS:
        flood_answer(flood);
        break;
    default:
        /* More fragments follow: whole units of eight bytes, header included. */
        flood_tcp(flood, TCP_ACK, 0x2000, hello, sizeof(hello) - 16);
        break;
    }
    if (flood->frame.length > FLOOD_FRAME)
        abort();
}

static inline void flood_start(struct flood *flood, enum flood_kind kind)
{
    flood->kind = kind;
    flood->seed = 20 + (uint64_t)kind;
    for (unsigned i = 0; i < SEALED_INITIALS; i++)
        if (kind == FLOOD_SCATTERED)
            make_scattered(1 + 2 * i, flood->initials[i]);
        else
            make_initial(&flood->seed, flood->initials[i]);
}

/* -- What goes on meanwhile ---------------------------------------------------------------------
 */

/* FLOOD_TALKS connections to a known service, each with an exchange a turn. The first shots, up to
 * the number returned, open them. */
static inline size_t flood_film(struct film *film)
{
    static struct talk talks[FLOOD_TALKS];
    size_t opening;

    film_start(film);
    for (unsigned i = 0; i < FLOOD_TALKS; i++) {
        talks[i] = talk_of(i, 50000);
        talk_open(film, &talks[i]);
        talk_hello(film, &talks[i], FLOOD_HOST, 0);
    }
    opening = film->count;
    for (int turn = 0; turn < FLOOD_TURNS; turn++)
        for (unsigned i = 0; i < FLOOD_TALKS; i++) {
            film->clock_ns = NOON * SECOND + SECOND + turn * FLOOD_TURN_NS + i * 40 * MILLI;
            talk_exchange(film, &talks[i], 400 + i, 3, 1000, 100 * MILLI);
        }
    film_sort(film);
    return opening;
}

struct flood_run {
    struct sink_log log;
    long taken_kb;          /* address space that metering_new() took: the ceiling */
    int64_t left;           /* bytes allocated when the flood is over, less those before it */
    long resident_kb[3];    /* before metering_new(), after it, after the flood */
    double cpu_s;           /* for the packets of the flood */
    uint64_t payload_bytes; /* as metering_payload_bytes() says */
};

static inline size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static inline void flood_show(struct metering *metering, const struct shot *shot)
{
    metering_packet(metering, shot->time_ns, shot->link_type, shot->bytes, shot->captured,
                    shot->length);
}

/* Gives COUNT frames of the flood at NOW_NS, and says how much processor time that took. */
static inline double flood_block(struct metering *metering, struct flood *flood, size_t count,
                                 int64_t now_ns)
{
    static uint8_t frames[FLOOD_BLOCK][FLOOD_FRAME];
    static uint32_t lengths[FLOOD_BLOCK];
    double start_s;

    for (size_t i = 0; i < count; i++) {
        flood_next(flood);
        lengths[i] = (uint32_t)flood->frame.length;
        memcpy(frames[i], flood->frame.at, lengths[i]);
    }
    start_s = process_cpu_s();
    for (size_t i = 0; i < count; i++)
        metering_packet(metering, now_ns, DLT_EN10MB, frames[i], lengths[i], lengths[i]);
    return process_cpu_s() - start_s;
}

/* Plays FILM with PACKETS of the flood spread over the time after its opening. */
static inline void flood_play(struct flood_run *run, struct metering *metering,
                              const struct film *film, size_t opening, enum flood_kind kind,
                              uint64_t packets)
{
    static struct flood flood;
    int64_t start_ns = film->shots[opening].time_ns;
    int64_t span_ns = film->shots[film->count - 1].time_ns - start_ns;
    size_t next = 0;
    size_t before;

    flood_start(&flood, kind);
    while (next < opening)
        flood_show(metering, &film->shots[next++]);
    before = allocated();
    for (uint64_t given = 0; kind != FLOOD_NONE && given < packets;) {
        size_t count = packets - given < FLOOD_BLOCK ? (size_t)(packets - given) : FLOOD_BLOCK;
        int64_t now_ns = start_ns + (int64_t)((double)span_ns * ((double)given / (double)packets));

        while (film->shots[next].time_ns <= now_ns)
            flood_show(metering, &film->shots[next++]);
        run->cpu_s += flood_block(metering, &flood, count, now_ns);
        given += count;
    }
    while (next < film->count)
        flood_show(metering, &film->shots[next++]);
    run->left = (int64_t)allocated() - (int64_t)before;
    run->resident_kb[2] = process_memory_kb("VmRSS:");
}

/* Runs the flood through a metering of its own. Returns false when there is no memory for one. */
static inline bool flood_run(struct flood_run *run, const struct limits *limits,
                             const struct config *config, const struct film *film, size_t opening,
                             enum flood_kind kind, uint64_t packets)
{
    struct metering_sink sink = sink_into(&run->log);
    struct metering *metering;
    long before_kb = process_memory_kb("VmSize:");

    run->resident_kb[0] = process_memory_kb("VmRSS:");
    metering = metering_new(limits, config->catalogue, config->directions, &sink);
    if (!metering)
        return false;
    if (kind == FLOOD_ANSWERS)
        metering_set_trust(metering, &(struct trust_policy){.answers = TRUST_ANY_ANSWERS});
    run->taken_kb = process_memory_kb("VmSize:") - before_kb;
    run->resident_kb[1] = process_memory_kb("VmRSS:");
    flood_play(run, metering, film, opening, kind, packets);
    metering_finish(metering);
    run->payload_bytes = metering_payload_bytes(metering);
    metering_free(metering);
    return true;
}

/* What coverage says of the packets of a flood: connections that began, were refused or forgotten,
 * and packets that are of no kind that is followed. */
static inline uint64_t flood_accounted(const struct coverage *coverage)
{
    return coverage->flows + coverage->flows_evicted + coverage->packets_other +
           coverage->packets_undecodable + coverage->packets_duplicate + coverage->dns_answers;
}

#endif
