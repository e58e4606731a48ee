/* SPDX-License-Identifier: GPL-3.0-or-later */

/* send INTERFACE CAPTURE PACKETS_PER_S SECONDS [AFTER]: puts the packets of a capture on a wire, as
 * evenly as it can, from the beginning again when it is at its end. A rate of 0 is as fast as
 * possible. The first AFTER packets are passed over: they were sent before. Prints the number of
 * packets that were sent, how many that was a second, and the processor time that it took, in
 * nanoseconds: on a virtual wire that of the receiving kernel, too.
 *
 * send INTERFACE: sends nothing, and has the kernel stamp packets once for all who see them, until
 * it is killed; prints "stamping" when that is so. */

#include "collectors/capture/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST     32 /* packets that are sent at once */
#define SECOND_NS 1000000000LL

struct sender {
    int socket;
    uint64_t sent;
    uint64_t passed_over; /* that are still to be */
    double rate;          /* packets a second; 0: no limit */
    int64_t start_ns;
    int64_t end_ns;
};

static int64_t time_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static int64_t now_ns(void)
{
    return time_ns(CLOCK_MONOTONIC);
}

static void wait_until(int64_t at_ns)
{
    struct timespec until = {at_ns / SECOND_NS, at_ns % SECOND_NS};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

static void send_burst(struct sender *sender, const struct captured_frame *frames, size_t count)
{
    struct mmsghdr messages[BURST] = {0};
    struct iovec parts[BURST];

    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){(void *)(uintptr_t)frames[i].bytes, frames[i].captured};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    for (size_t done = 0; done < count;) {
        int some = sendmmsg(sender->socket, messages + done, (unsigned)(count - done), 0);

        if (some < 0 && errno != EINTR && errno != ENOBUFS) {
            perror("send");
            exit(EXIT_FAILURE);
        }
        done += some > 0 ? (size_t)some : 0;
    }
    sender->sent += count;
}

static size_t pass_over(struct sender *sender, size_t count)
{
    size_t some = count < sender->passed_over ? count : (size_t)sender->passed_over;

    sender->passed_over -= some;
    return some;
}

static void send_frames(void *context, const struct captured_frame *frames, size_t count)
{
    struct sender *sender = context;
    size_t first = pass_over(sender, count);

    for (size_t done = first; done < count && now_ns() < sender->end_ns; done += BURST) {
        if (sender->rate > 0)
            wait_until(sender->start_ns +
                       (int64_t)((double)sender->sent / sender->rate * (double)SECOND_NS));
        send_burst(sender, frames + done, count - done < BURST ? count - done : BURST);
    }
}

/* While a socket wants times, the kernel stamps each packet once, where it comes in, and every
 * capture of it reads that stamp (net_timestamp_check() in net/core/dev.c, tpacket_get_timestamp()
 * in net/packet/af_packet.c). Else each capture stamps it at its own turn: two of them disagree by
 * milliseconds where something else takes the processor between them. */
static int stamp_once(int descriptor)
{
    int yes = 1;

    return setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes));
}

static int open_socket(const char *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(interface)};
    int descriptor = socket(AF_PACKET, SOCK_RAW, 0);
    int yes = 1;

    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes)) != 0 ||
        stamp_once(descriptor) != 0) {
        perror(interface);
        exit(EXIT_FAILURE);
    }
    return descriptor;
}

static void send_file(struct sender *sender, const char *path)
{
    char error[512];
    struct source *source = source_open_file(path, error, sizeof(error));
    enum source_status status = SOURCE_OK;

    if (!source) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    while (now_ns() < sender->end_ns && status == SOURCE_OK)
        status = source_read(source, SOURCE_BATCH, send_frames, sender);
    if (status == SOURCE_BROKEN) {
        fprintf(stderr, "%s\n", source_error(source));
        exit(EXIT_FAILURE);
    }
    source_close(source);
}

int main(int argc, char **argv)
{
    struct sender sender = {0};

    if (argc != 2 && argc != 5 && argc != 6) {
        fprintf(stderr, "usage: send INTERFACE [CAPTURE PACKETS_PER_S SECONDS [AFTER]]\n");
        return EXIT_FAILURE;
    }
    sender.socket = open_socket(argv[1]);
    if (argc == 2) {
        puts("stamping");
        fflush(stdout);
        pause();
        return EXIT_SUCCESS;
    }
    sender.rate = strtod(argv[3], NULL);
    sender.passed_over = argc == 6 ? strtoull(argv[5], NULL, 10) : 0;
    sender.start_ns = now_ns();
    sender.end_ns = sender.start_ns + (int64_t)(strtod(argv[4], NULL) * (double)SECOND_NS);
    while (now_ns() < sender.end_ns)
        send_file(&sender, argv[2]);
    printf("%llu %.0f %lld\n", (unsigned long long)sender.sent,
           (double)sender.sent * (double)SECOND_NS / (double)(now_ns() - sender.start_ns),
           (long long)time_ns(CLOCK_PROCESS_CPUTIME_ID));
    return EXIT_SUCCESS;
}
