/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the program in the kernel takes for a packet that it lets pass or drops, by the kernel's own
 * clock (BPF_PROG_TEST_RUN), everything in the caches. Prints minimum, median and maximum over the
 * rounds. Skipped, with the reason, where the kernel loads no program of ours. */

#include "collectors/capture/flowkey.h"
#include "collectors/capture/kernelfilter.h"

#include "tests/bench/rounds.h"
#include "tests/capture/frames.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 21
#define PASSES 100000

#define ETHERNET_HEADER 14

static const struct hash_key key = {{1, 2}};
static const uint8_t payload[1000] = {0x17, 0x03, 0x03};
static struct kernelfilter *filter;
static int ends[2];
static struct bytes frame;

/* A segment of LENGTH bytes of a connection over IPv4 or IPv6; its key. */
static uint64_t build(uint8_t family, uint16_t port, uint32_t length)
{
    const struct tcp_frame parts = {
        .link_type = DLT_EN10MB,
        .source = family == 4 ? address4(10, 1, 0, 1) : address6(1),
        .destination = family == 4 ? address4(203, 0, 113, 7) : address6(7),
        .source_port = port,
        .destination_port = 443,
        .flags = TCP_ACK,
        .tcp_options = 3,
        .payload = payload,
        .payload_length = length,
    };
    struct packet packet;
    uint8_t side;

    build_frame(&frame, &parts);
    if (decode_frame(DLT_EN10MB, frame.at, (uint32_t)frame.length, (uint32_t)frame.length,
                     &packet) != DECODE_TCP)
        abort();
    return flowkey_of(&key, &packet, &side);
}

/* Nanoseconds of the program for the frame, which it DROPS; negative: the kernel does not say. For
 * a test of a filter of sockets the kernel takes a link layer header off, which a packet socket
 * keeps: so there is one more. */
static double run(bool drops)
{
    static struct bytes given;
    union bpf_attr all = {.test = {
                              .prog_fd = (uint32_t)kernelfilter_descriptor(filter),
                              .data_in = (uint64_t)(uintptr_t)given.at,
                              .repeat = PASSES,
                          }};

    given.length = 0;
    put_bytes(&given, frame.at, ETHERNET_HEADER);
    put_bytes(&given, frame.at, frame.length);
    all.test.data_size_in = (uint32_t)given.length;
    if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &all, sizeof(all)) != 0)
        return -1;
    if ((all.test.retval == 0) != drops) /* else another way was measured than is told */
        abort();
    return all.test.duration;
}

static bool measure(const char *what, bool drops)
{
    double ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        ns[i] = run(drops);
        if (ns[i] < 0)
            return false;
    }
    rounds_sort(ns, ROUNDS);
    printf("%-40s %8.0f %8.0f %8.0f ns\n", what, ns[0], ns[ROUNDS / 2], ns[ROUNDS - 1]);
    return true;
}

static bool measure_all(uint8_t family)
{
    printf("IPv%u\n", family);
    build(family, 50000, sizeof(payload));
    if (!measure("lets pass", false))
        return false;
    kernelfilter_drop(filter, build(family, 50001, sizeof(payload)));
    measure("drops, of a connection that was named", true);
    build(family, 50002, 0);
    kernelfilter_drop_acknowledgements(filter, true);
    measure("drops, as an acknowledgement alone", true);
    kernelfilter_drop_acknowledgements(filter, false);
    return true;
}

int main(void)
{
    char error[256];
    int status = EXIT_SUCCESS;

    filter = kernelfilter_new(error, sizeof(error));
    if (!filter) {
        printf("skipped: %s\n", error);
        return EXIT_SUCCESS;
    }
    kernelfilter_begin(filter, &key);
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0 ||
        !kernelfilter_attach(filter, ends[1])) {
        perror("socket");
        status = EXIT_FAILURE;
        goto out;
    }
    printf("%-40s %8s %8s %8s\n", "", "minimum", "median", "maximum");
    if (!measure_all(4) || !measure_all(6))
        printf("skipped: the kernel runs no test of it: %s\n", strerror(errno));
    close(ends[0]);
    close(ends[1]);
out:
    kernelfilter_free(filter);
    return status;
}
