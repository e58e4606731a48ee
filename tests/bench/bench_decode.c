/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What decoding one frame costs, by kind of frame. The frames are in the cache, and the branches
 * learnt: it is the cost of the instructions alone, beside which a real frame costs a cache miss.
 * Prints nanoseconds per frame, minimum and median over the rounds. */

#include "collectors/capture/decode.h"

#include "tests/bench/rounds.h"
#include "tests/capture/tunnels.h"

#include <stdio.h>
#include <time.h>

#define ROUNDS 31
#define PASSES 200000

static struct bytes frame;
static uint64_t sum; /* so that nothing is optimised away */

static void measure(const char *name)
{
    double each_ns[ROUNDS];
    struct packet packet = {0};
    int result = 0;

    for (int round = 0; round < ROUNDS; round++) {
        double start = processor_s() * NS_PER_S;

        for (int i = 0; i < PASSES; i++) {
            result = (int)decode_frame(DLT_EN10MB, frame.at, (uint32_t)frame.length,
                                       (uint32_t)frame.length, &packet);
            sum += packet.destination_port;
        }
        each_ns[round] = (processor_s() * NS_PER_S - start) / PASSES;
    }
    rounds_sort(each_ns, ROUNDS);
    printf("%-28s %8.2f %8.2f ns/frame (result %d)\n", name, each_ns[0], each_ns[ROUNDS / 2],
           result);
}

/* A packet of FAMILY, its frame to be. */
static void build(int family, unsigned protocol)
{
    struct address source = family == 4 ? address4(192, 0, 2, 1) : address6(1);
    struct address destination = family == 4 ? address4(198, 51, 100, 2) : address6(2);

    frame.length = 0;
    put_fill(&frame, 0x5a, 1000);
    if (protocol == 6)
        wrap_tcp(&frame, 50000, 443);
    else
        wrap_udp(&frame, 50000, 443);
    wrap_ip(&frame, protocol, &source, &destination);
}

int main(void)
{
    printf("%-28s %8s %8s\n", "", "minimum", "median");
    for (int family = 4; family <= 6; family += 2) {
        for (unsigned protocol = 6; protocol <= 17; protocol += 11) {
            build(family, protocol);
            wrap_ethernet_ip(&frame);
            measure(family == 4     ? protocol == 6 ? "IPv4 TCP" : "IPv4 UDP"
                    : protocol == 6 ? "IPv6 TCP"
                                    : "IPv6 UDP");
        }
    }
    for (size_t i = 1; i < CARRIERS; i++) {
        if (carriers[i].ipv6_only)
            continue;
        build(4, 6);
        carry(&frame, &carriers[i]);
        measure(carriers[i].name);
    }
    return sum == 0;
}
