/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pcap/dlt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the ring, a block is a sixteenth, but no smaller than the longest frame, nor larger than what
 * the caches of a processor hold. */
#define BLOCKS         16
#define SMALLEST_BLOCK (1U << 18)
#define LARGEST_BLOCK  (1U << 21)
/* Where there is no memory for a ring, there may be for half of it: down to that many bytes. */
#define SMALLEST_RING (4 * (size_t)SMALLEST_BLOCK)
#define TAG_SIZE      4
/* Where the next packet is, a packet's header tells: to follow that is to wait for memory, packet
 * after packet. What lies so far ahead is asked for, as a copy of all would; of large packets no
 * more than so much. */
#define AHEAD      1024
#define AHEAD_MOST 2048
#define CACHE_LINE 64

struct ring {
    int socket;
    uint32_t snap_length;
    unsigned held_ms;
    uint8_t *memory;
    size_t block_size;
    size_t block_count;
    size_t block;  /* the one that is read, or waited for */
    uint32_t left; /* packets of it that were not given yet */
    bool held;     /* it is ours, until the next call */
    struct tpacket3_hdr *next;
};

static size_t choose_block_size(size_t size)
{
    size_t block = SMALLEST_BLOCK;

    while (block < LARGEST_BLOCK && block * BLOCKS < size)
        block *= 2;
    return block;
}

static bool map(struct ring *ring, size_t size, unsigned held_ms)
{
    const int version = TPACKET_V3;
    struct tpacket_req3 request = {.tp_retire_blk_tov = held_ms};

    ring->block_size = choose_block_size(size);
    ring->block_count = (size + ring->block_size - 1) / ring->block_size;
    request.tp_block_size = (unsigned)ring->block_size;
    request.tp_block_nr = (unsigned)ring->block_count;
    request.tp_frame_size = request.tp_block_size; /* of no meaning in this version */
    request.tp_frame_nr = request.tp_block_nr;
    if (setsockopt(ring->socket, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
        setsockopt(ring->socket, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) != 0)
        return false;
    ring->memory = mmap(NULL, ring->block_size * ring->block_count, PROT_READ | PROT_WRITE,
                        MAP_SHARED, ring->socket, 0);
    if (ring->memory != MAP_FAILED)
        return true;
    ring->memory = NULL;
    return false;
}

static bool listen_to(const struct ring *ring, const struct interface_config *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(interface->name)};
    const struct packet_mreq everything = {.mr_ifindex = address.sll_ifindex,
                                           .mr_type = PACKET_MR_PROMISC};

    if (address.sll_ifindex == 0 ||
        bind(ring->socket, (struct sockaddr *)&address, sizeof(address)) != 0)
        return false;
    return !interface->promiscuous || setsockopt(ring->socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                                                 &everything, sizeof(everything)) == 0;
}

/* Of no protocol until it is bound: or it would be given other interfaces' packets. */
static bool open_socket(struct ring *ring)
{
    ring->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return ring->socket >= 0;
}

/* What the kernel already gave to a ring that could not be mapped goes with its socket. */
static bool open_with(struct ring *ring, size_t size, unsigned held_ms)
{
    while (open_socket(ring) && !map(ring, size, held_ms)) {
        int problem = errno;

        close(ring->socket);
        ring->socket = -1;
        errno = problem;
        if (problem != ENOMEM || size / 2 < SMALLEST_RING)
            return false;
        size /= 2;
    }
    return ring->socket >= 0;
}

struct ring *ring_open(const struct interface_config *interface, unsigned held_ms, char *error,
                       size_t error_size)
{
    struct ring *ring = calloc(1, sizeof(*ring));

    if (ring) {
        ring->snap_length = interface->snap_length;
        ring->held_ms = held_ms;
        if (open_with(ring, (size_t)interface->buffer_mib << 20, held_ms) &&
            listen_to(ring, interface))
            return ring;
    }
    snprintf(error, error_size, "%s", strerror(errno));
    ring_close(ring);
    return NULL;
}

void ring_close(struct ring *ring)
{
    if (!ring)
        return;
    if (ring->memory)
        munmap(ring->memory, ring_bytes(ring));
    if (ring->socket >= 0)
        close(ring->socket);
    free(ring);
}

size_t ring_bytes(const struct ring *ring)
{
    return ring->block_size * ring->block_count;
}

int ring_descriptor(const struct ring *ring)
{
    return ring->socket;
}

static struct tpacket_hdr_v1 *block_header(const struct ring *ring)
{
    uint8_t *block = ring->memory + ring->block * ring->block_size;

    return &((struct tpacket_block_desc *)(void *)block)->hdr.bh1;
}

static void give_back(struct ring *ring)
{
    __atomic_store_n(&block_header(ring)->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    ring->block = (ring->block + 1) % ring->block_count;
    ring->held = false;
}

/* Whether there is a block with packets. One without is possible: its time was up. */
static bool take_block(struct ring *ring)
{
    while (ring->left == 0) {
        struct tpacket_hdr_v1 *header;

        if (ring->held)
            give_back(ring);
        header = block_header(ring);
        if (!(__atomic_load_n(&header->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            return false;
        ring->held = true;
        ring->left = header->num_pkts;
        ring->next = (struct tpacket3_hdr *)(void *)(ring->memory + ring->block * ring->block_size +
                                                     header->offset_to_first_pkt);
    }
    return true;
}

/* The kernel, or the card, took the outermost tag out of the frame: it comes back between addresses
 * and type. What lies before the frame is not needed any more: an address of the socket's kind. */
static void put_tag(const struct tpacket3_hdr *header, uint8_t *bytes)
{
    uint16_t type = header->tp_status & TP_STATUS_VLAN_TPID_VALID ? header->hv1.tp_vlan_tpid
                                                                  : (uint16_t)ETHERTYPE_VLAN;
    const uint16_t tag[] = {htons(type), htons((uint16_t)header->hv1.tp_vlan_tci)};

    memmove(bytes - TAG_SIZE, bytes, 2 * ETH_ALEN);
    memcpy(bytes - TAG_SIZE + 2 * ETH_ALEN, tag, TAG_SIZE);
}

static bool has_tag(const struct tpacket3_hdr *header)
{
    return header->tp_snaplen >= 2 * ETH_ALEN && header->tp_status & TP_STATUS_VLAN_VALID;
}

static void fill(const struct ring *ring, struct tpacket3_hdr *header, struct captured_frame *frame)
{
    uint8_t *bytes = (uint8_t *)header + header->tp_mac;

    *frame = (struct captured_frame){.time_ns = header->tp_sec * 1000000000LL + header->tp_nsec,
                                     .bytes = bytes,
                                     .captured = header->tp_snaplen,
                                     .length = header->tp_len,
                                     .link_type = DLT_EN10MB};
    if (has_tag(header)) {
        put_tag(header, bytes);
        frame->bytes -= TAG_SIZE;
        frame->captured += TAG_SIZE;
        frame->length += TAG_SIZE;
    }
    if (frame->captured > ring->snap_length)
        frame->captured = ring->snap_length;
    if (frame->length < frame->captured)
        frame->length = frame->captured;
}

/* An interface that is down comes up again; one that was removed does not. Each goes down first: if
 * that was seen alone, no second error tells of its removal. */
static bool is_there(const struct ring *ring)
{
    struct sockaddr_ll address = {0};
    socklen_t size = sizeof(address);
    int problem = 0;
    socklen_t problem_size = sizeof(problem);

    if (getsockopt(ring->socket, SOL_SOCKET, SO_ERROR, &problem, &problem_size) != 0 ||
        getsockname(ring->socket, (struct sockaddr *)&address, &size) != 0)
        return false;
    if (address.sll_ifindex > 0 && (problem == 0 || problem == ENETDOWN))
        return true;
    errno = address.sll_ifindex > 0 ? problem : ENODEV;
    return false;
}

static struct tpacket3_hdr *pass(struct tpacket3_hdr *header)
{
    uint8_t *at = (uint8_t *)header;

    for (uint32_t i = 0; i < header->tp_next_offset && i < AHEAD_MOST; i += CACHE_LINE)
        __builtin_prefetch(at + AHEAD + i);
    return (struct tpacket3_hdr *)(void *)(at + header->tp_next_offset);
}

/* What an interface that is gone had carried may still be held back, some longer than asked for. */
static bool wait_for_last(struct ring *ring)
{
    struct pollfd last = {.fd = ring->socket, .events = POLLIN};
    int problem = errno;
    bool taken;

    poll(&last, 1, (int)(2 * ring->held_ms));
    taken = take_block(ring);
    errno = problem;
    return taken;
}

bool ring_read(struct ring *ring, struct captured_frame *frames, size_t most, size_t *count)
{
    *count = 0;
    if (!take_block(ring)) {
        if (is_there(ring))
            return true;
        if (!wait_for_last(ring))
            return false;
    }
    while (*count < most && ring->left > 0) {
        fill(ring, ring->next, &frames[(*count)++]);
        ring->next = pass(ring->next);
        ring->left--;
    }
    return true;
}

uint64_t ring_take_dropped(struct ring *ring)
{
    struct tpacket_stats_v3 statistics; /* the kernel begins anew when it told them */
    socklen_t size = sizeof(statistics);

    if (getsockopt(ring->socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) != 0)
        return 0;
    return statistics.tp_drops;
}
