/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What it costs to name a QUIC connection: Initials of 1 250 B are opened, their frames and the
 * hello in them read. Prints nanoseconds for each datagram, and datagrams a second, of processor
 * time: minimum, median and maximum over the rounds. */

#include "collectors/capture/assembly.h"
#include "collectors/capture/quic.h"
#include "tests/bench/rounds.h"
#include "tests/capture/quicpackets.h"

#include <stdio.h>
#include <time.h>

#define DATAGRAMS 1000
#define ROUNDS    21

static struct bytes *initials; /* of connections of their own */
static struct bytes *damaged;
static struct quiccrypto *crypto;
static struct assembly assembly;
static volatile unsigned sink;

static void collect(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    if (bytes)
        assembly_add(context, offset, bytes, (uint32_t)length);
}

static void make_datagrams(void)
{
    struct hello_parts hello = {.name = "api.example", .alpn = "h3", .ech = true, .padding = 700};
    struct bytes *message = calloc(1, sizeof(*message));
    struct bytes *plain = calloc(1, sizeof(*plain));
    uint64_t seed = 1;

    put_hello_message(message, &hello);
    for (int i = 0; i < DATAGRAMS; i++) {
        uint64_t id = random_next(&seed);
        struct packet_parts parts = {
            .version = 1, .salt = PACKET_SALT_V1, .id = (uint8_t *)&id, .id_length = sizeof(id)};

        plain->length = 0;
        put_crypto(plain, 0, message->at, message->length);
        put_fill(plain, 0, 1250 - 16 - 22 - plain->length);
        put_packet(&initials[i], &parts, plain);
        put_bytes(&damaged[i], initials[i].at, initials[i].length);
        damaged[i].at[1000] ^= 1;
    }
    free(message);
    free(plain);
}

static void name_all(void)
{
    struct clienthello hello;

    for (int i = 0; i < DATAGRAMS; i++) {
        struct quic_connection connection = {0};

        assembly_start(&assembly, 0);
        quic_read_client(crypto, &connection, initials[i].at, initials[i].length,
                         initials[i].length, collect, &assembly);
        if (quic_parse_hello(assembly.bytes, assembly_prefix(&assembly), &hello) !=
            CLIENTHELLO_COMPLETE)
            abort();
        sink += hello.name_length;
    }
}

static void open_of_one_connection(void)
{
    struct quic_connection connection = {0};

    for (int i = 0; i < DATAGRAMS; i++) {
        assembly_start(&assembly, 0);
        sink += quic_read_client(crypto, &connection, initials[0].at, initials[0].length,
                                 initials[0].length, collect, &assembly);
    }
}

static void refuse_all(void)
{
    for (int i = 0; i < DATAGRAMS; i++) {
        struct quic_connection connection = {0};

        sink += quic_read_client(crypto, &connection, damaged[i].at, damaged[i].length,
                                 damaged[i].length, collect, &assembly);
    }
}

static void ask_all(void)
{
    for (int i = 0; i < DATAGRAMS; i++)
        sink += quic_starts(initials[i].at, initials[i].length, initials[i].length);
}

static void measure(const char *what, void (*run)(void))
{
    double ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        double start = processor_s() * NS_PER_S;

        run();
        ns[i] = (processor_s() * NS_PER_S - start) / DATAGRAMS;
    }
    rounds_sort(ns, ROUNDS);
    printf("%-36s %8.0f %8.0f %8.0f ns %12.0f /s\n", what, ns[0], ns[ROUNDS / 2], ns[ROUNDS - 1],
           1e9 / ns[ROUNDS / 2]);
}

int main(void)
{
    initials = calloc(DATAGRAMS, sizeof(*initials));
    damaged = calloc(DATAGRAMS, sizeof(*damaged));
    crypto = quiccrypto_new();
    if (!initials || !damaged || !crypto)
        return EXIT_FAILURE;
    make_datagrams();
    printf("%-36s %8s %8s %8s\n", "", "minimum", "median", "maximum");
    measure("connection named by one Initial", name_all);
    measure("further Initial of the same one", open_of_one_connection);
    measure("Initial that cannot be opened", refuse_all);
    measure("quic_starts()", ask_all);
    quiccrypto_free(crypto);
    free(initials);
    free(damaged);
    return EXIT_SUCCESS;
}
