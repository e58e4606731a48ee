/* SPDX-License-Identifier: GPL-3.0-or-later */

/* delay ONE OTHER MILLISECONDS [LOSS]: a wire between two interfaces, on which each frame takes so
 * long, and LOSS percent of them never arrive. For machines whose kernel has no netem. Prints
 * "listening" when frames pass, and at its end how many did, were lost, and found no room. */

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#define SECOND_NS 1000000000LL
/* A frame, and before it what it still needs of checksums (virtio, struct virtio_net_hdr). */
#define FRAME_SIZE 2048
/* Of one way: 30 ms at 10 Gbit/s are no more. */
#define FRAMES (1U << 15)

struct waiting {
    int64_t due_ns;
    size_t length;
    uint8_t frame[FRAME_SIZE];
};

/* One of the two ways. Frames leave in the order in which they came. */
struct way {
    int from;
    int to;
    struct waiting *frames;
    uint32_t first;
    uint32_t count;
};

struct counts {
    uint64_t passed;
    uint64_t lost;
    uint64_t no_room;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* Xorshift (Marsaglia, 2003): the same frames of the same traffic are lost. */
static bool is_lost(double percent)
{
    static uint64_t state = 0x2545f4914f6cdd1dULL;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / (double)(1ULL << 53) < percent / 100;
}

static int open_interface(const char *name)
{
    const int yes = 1;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct packet_mreq everything = {.mr_type = PACKET_MR_PROMISC};
    int descriptor = socket(AF_PACKET, SOCK_RAW, 0);

    address.sll_ifindex = (int)if_nametoindex(name);
    everything.mr_ifindex = address.sll_ifindex;
    if (descriptor < 0 || address.sll_ifindex == 0 ||
        setsockopt(descriptor, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)) ||
        setsockopt(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) ||
        setsockopt(descriptor, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything,
                   sizeof(everything)) ||
        bind(descriptor, (struct sockaddr *)&address, sizeof(address))) {
        fprintf(stderr, "delay: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    return descriptor;
}

static bool open_way(struct way *way, int from, int to)
{
    way->from = from;
    way->to = to;
    way->frames = calloc(FRAMES, sizeof(*way->frames));
    return way->frames;
}

/* Takes what has come. */
static void take(struct way *way, int64_t delay_ns, double loss, struct counts *counts)
{
    uint8_t spare[FRAME_SIZE];

    for (;;) {
        bool has_room = way->count < FRAMES;
        struct waiting *next = &way->frames[(way->first + way->count) % FRAMES];
        ssize_t length =
            recv(way->from, has_room ? next->frame : spare, FRAME_SIZE, MSG_DONTWAIT | MSG_TRUNC);

        if (length < 0)
            return;
        if (!has_room || length > FRAME_SIZE) {
            counts->no_room++;
        } else if (is_lost(loss)) {
            counts->lost++;
        } else {
            next->due_ns = now_ns() + delay_ns;
            next->length = (size_t)length;
            way->count++;
        }
    }
}

/* Sends what is due. Returns when the next frame is. */
static int64_t give(struct way *way, struct counts *counts)
{
    while (way->count > 0) {
        struct waiting *next = &way->frames[way->first];

        if (next->due_ns > now_ns())
            return next->due_ns;
        if (send(way->to, next->frame, next->length, 0) < 0)
            counts->no_room++;
        else
            counts->passed++;
        way->first = (way->first + 1) % FRAMES;
        way->count--;
    }
    return INT64_MAX;
}

static void wait_until(const struct way ways[2], int64_t due_ns)
{
    struct pollfd polled[2] = {{.fd = ways[0].from, .events = POLLIN},
                               {.fd = ways[1].from, .events = POLLIN}};
    int64_t left_ns = due_ns == INT64_MAX ? SECOND_NS : due_ns - now_ns();
    struct timespec timeout = {0, 0};

    if (left_ns > 0) {
        timeout.tv_sec = left_ns / SECOND_NS;
        timeout.tv_nsec = left_ns % SECOND_NS;
    }
    ppoll(polled, 2, &timeout, NULL);
}

static bool read_number(const char *text, double most, double *value)
{
    char *end;

    errno = 0;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && errno == 0 && *value >= 0 && *value <= most;
}

static void pass_frames(struct way ways[2], int64_t delay_ns, double loss, struct counts *counts)
{
    while (!stopped) {
        int64_t due_ns = INT64_MAX;

        for (int i = 0; i < 2; i++) {
            int64_t next_ns;

            take(&ways[i], delay_ns, loss, counts);
            next_ns = give(&ways[i], counts);
            due_ns = next_ns < due_ns ? next_ns : due_ns;
        }
        wait_until(ways, due_ns);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = stop};
    struct counts counts = {0};
    struct way ways[2] = {0};
    double milliseconds;
    double loss = 0;
    int one;
    int other;

    if (argc < 4 || argc > 5 || !read_number(argv[3], 10000, &milliseconds) ||
        (argc == 5 && !read_number(argv[4], 100, &loss))) {
        fprintf(stderr, "usage: delay ONE OTHER MILLISECONDS [LOSS]\n");
        return 2;
    }
    one = open_interface(argv[1]);
    other = open_interface(argv[2]);
    if (!open_way(&ways[0], one, other) || !open_way(&ways[1], other, one)) {
        fprintf(stderr, "delay: out of memory\n");
        return 1;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    printf("listening\n");
    fflush(stdout);
    pass_frames(ways, (int64_t)(milliseconds * 1e6), loss, &counts);
    printf("%llu passed, %llu lost, %llu found no room\n", (unsigned long long)counts.passed,
           (unsigned long long)counts.lost, (unsigned long long)counts.no_room);
    free(ways[0].frames);
    free(ways[1].frames);
    close(one);
    close(other);
    return 0;
}
