/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_DEVELOP_H
#define IAGMETER_TESTS_DEVELOP_H

#include "tests/capture/film.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* One film, and the capture file in memory that it is made into. */

static struct film film;
static int descriptor = -1; /* of the capture, in memory */

/* -- Captures in memory ------------------------------------------------------------------------ */

static inline void open_memory(void)
{
    if (descriptor >= 0)
        close(descriptor);
    descriptor = memfd_create("capture", MFD_CLOEXEC);
    assert_true(descriptor >= 0);
}

/* COUNT pieces, in one call: there are thousands of records. */
static inline void put(const struct iovec *pieces, int count)
{
    size_t length = 0;

    for (int i = 0; i < count; i++)
        length += pieces[i].iov_len;
    assert_int_equal(writev(descriptor, pieces, count), length);
}

static inline struct iovec piece_of(const void *at, size_t length)
{
    return (struct iovec){(void *)(uintptr_t)at, length};
}

static inline void put_words(const uint32_t *words, size_t count)
{
    put((const struct iovec[]){piece_of(words, count * sizeof(*words))}, 1);
}

static inline void put_pcap_header(void)
{
    put_words((const uint32_t[]){0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, DLT_EN10MB}, 6);
}

static inline void put_record_of(const struct shot *shot)
{
    const uint32_t header[] = {(uint32_t)(shot->time_ns / SECOND),
                               (uint32_t)(shot->time_ns % SECOND), shot->captured, shot->length};

    put((const struct iovec[]){piece_of(header, sizeof(header)),
                               piece_of(shot->bytes, shot->captured)},
        2);
}

static inline void put_block(uint32_t type, const void *body, uint32_t length)
{
    const uint32_t header[] = {type, 12 + (length + 3) / 4 * 4};

    put((const struct iovec[]){piece_of(header, sizeof(header)), piece_of(body, length),
                               piece_of("\0\0\0", -length % 4), piece_of(&header[1], 4)},
        4);
}

/* Writes the shots from number FROM to before TO as pcap. */
static inline void develop_part(size_t from, size_t to)
{
    open_memory();
    put_pcap_header();
    for (size_t i = from; i < to; i++)
        put_record_of(&film.shots[i]);
}

/* Writes the film as pcap. */
static inline void develop(void)
{
    develop_part(0, film.count);
}

/* The same as pcapng; with a block of BLANK bytes, which is no packet, after the first packet. */
static inline void develop_pcapng(uint32_t blank)
{
    static const uint32_t section[] = {0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX};
    /* Ethernet, any snap length, time in nanoseconds. */
    static const uint32_t interface[] = {1, 0, 9 | 1 << 16, 9, 0};
    uint8_t *body = calloc(1, 80000 + blank);

    assert_non_null(body);
    open_memory();
    put_block(0x0a0d0d0a, section, sizeof(section));
    put_block(1, interface, sizeof(interface));
    for (size_t i = 0; i < film.count; i++) {
        const struct shot *shot = &film.shots[i];
        uint64_t time = (uint64_t)shot->time_ns;

        memcpy(body,
               (const uint32_t[]){0, (uint32_t)(time >> 32), (uint32_t)time, shot->captured,
                                  shot->length},
               20);
        memcpy(body + 20, shot->bytes, shot->captured);
        put_block(6, body, 20 + shot->captured);
        if (i == 0 && blank > 0)
            put_block(0x0bad, body, blank);
    }
    free(body);
}

/* Packets of COUNT connections that overlap. */
static inline void shoot_talks(uint64_t *seed, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct talk talk = talk_of(1 + random_below(seed, 40), (uint16_t)(50000 + i));

        film.clock_ns = NOON * SECOND + random_below(seed, 90) * SECOND;
        talk_open(&film, &talk);
        talk_hello(&film, &talk, i % 3 ? "api.mistral.ai" : "chatgpt.com", random_below(seed, 900));
        for (unsigned j = random_below(seed, 4); j > 0; j--)
            talk_exchange(&film, &talk, 400, 1 + random_below(seed, 20), 300, 100 * MILLI);
        if (random_below(seed, 2))
            talk_close(&film, &talk);
    }
    film_sort(&film);
}

#endif
