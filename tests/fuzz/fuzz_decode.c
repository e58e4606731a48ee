/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/decode.h"
#include "collectors/capture/fragments.h"
#include "collectors/capture/tunnels.h"

#include <pcap/dlt.h>
#include <stdlib.h>

/* Frames, each behind four bytes: the link type, how much the snap length cut (in units of eight
 * bytes), and the frame's length. What they are fragments of is put together and decoded in turn.
 */

static const int link_types[] = {
    DLT_EN10MB,
    DLT_RAW,
    DLT_IPV4,
    DLT_IPV6,
    DLT_NULL,
    DLT_LOOP,
    DLT_LINUX_SLL,
    DLT_LINUX_SLL2,
    DLT_PPP,
    DLT_PPP_ETHER,
    DLT_PPP_WITH_DIR,
    DLT_PPP_PPPD,
    DLT_C_HDLC,
    DLT_C_HDLC_WITH_DIR,
    DLT_FRELAY,
    DLT_MPLS,
    DLT_ATM_RFC1483,
    DLT_FDDI,
    DLT_IEEE802,
    DLT_IEEE802_11,
    DLT_IEEE802_11_RADIO,
    DLT_IEEE802_11_RADIO_AVS,
    DLT_PRISM_HEADER,
    DLT_PPI,
    DLT_PKTAP,
    DLT_NFLOG,
    DLT_PFLOG,
    DLT_ENC,
    DLT_JUNIPER_ETHER,
    DLT_JUNIPER_PPP,
    DLT_JUNIPER_CHDLC,
    -1,
};
#define LINK_TYPES (sizeof(link_types) / sizeof(link_types[0]))

static struct trust_policy policy; /* with FOU, too */

/* What is promised of a result over CAPTURED bytes of LENGTH. */
static void check(enum decode_result result, const struct packet *packet, const uint8_t *bytes,
                  uint32_t captured, uint32_t length)
{
    if (result != DECODE_TCP && result != DECODE_UDP && result < DECODE_FRAGMENT)
        return;
    if (packet->payload < bytes || packet->payload > bytes + captured ||
        packet->captured_length > (size_t)(bytes + captured - packet->payload) ||
        packet->captured_length > packet->payload_length || packet->payload_length > length ||
        (packet->vlan != VLAN_NONE && (packet->vlan == 0 || packet->vlan > 4095)))
        abort();
    if (result != DECODE_AGGREGATE && ((packet->source.family != 4 && packet->source.family != 6) ||
                                       packet->source.family != packet->destination.family))
        abort();
}

static void put_together(struct fragments *fragments, int64_t now_ns, enum decode_result result,
                         struct packet *packet, unsigned depth);

/* As the metering does, which opens no aggregate in another. */
static void open_aggregate(struct fragments *fragments, int64_t now_ns, struct packet rest,
                           unsigned depth)
{
    const uint8_t *bytes = rest.payload;
    uint32_t captured = rest.captured_length;
    uint32_t length = rest.payload_length;
    enum decode_result result;
    struct packet packet;

    fragments_hold(fragments, true);
    while (decode_next(&policy, &rest, &result, &packet)) {
        check(result, &packet, bytes, captured, length);
        check(DECODE_AGGREGATE, &rest, bytes, captured, length);
        put_together(fragments, now_ns, result, &packet, depth);
    }
    fragments_hold(fragments, false);
}

static void put_together(struct fragments *fragments, int64_t now_ns, enum decode_result result,
                         struct packet *packet, unsigned depth)
{
    struct fragments_whole whole;

    while (result == DECODE_FRAGMENT && fragments_add(fragments, now_ns, packet, &whole)) {
        if (whole.captured_length > whole.length || whole.captured_length > FRAGMENTS_WINDOW ||
            whole.length > 65535)
            abort();
        result = decode_reassembled(&policy, whole.protocol, whole.bytes, whole.captured_length,
                                    whole.length, packet);
        check(result, packet, whole.bytes, whole.captured_length, whole.length);
    }
    if (result == DECODE_AGGREGATE && depth == 0)
        open_aggregate(fragments, now_ns, *packet, depth + 1);
}

static void decode(struct fragments *fragments, int64_t now_ns, int link_type, const uint8_t *bytes,
                   uint32_t captured, uint32_t length)
{
    struct packet packet;
    enum decode_result result =
        decode_trusted(&policy, link_type, bytes, captured, length, &packet);

    check(result, &packet, bytes, captured, length);
    put_together(fragments, now_ns, result, &packet, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fragments *fragments = fragments_new(1);
    int64_t now_ns = 0;

    if (!fragments || (policy.port_count == 0 && tunnels_add_port(&policy, "fou:19523")))
        abort();
    while (size >= 4) {
        int link_type = link_types[data[0] % LINK_TYPES];
        uint32_t cut = 8U * data[1];
        uint32_t captured = (uint32_t)data[2] << 8 | data[3];

        data += 4;
        size -= 4;
        if (captured > size)
            captured = (uint32_t)size;
        decode(fragments, now_ns, link_type, data, captured, captured + cut);
        data += captured;
        size -= captured;
        now_ns += 1000000000;
    }
    fragments_free(fragments);
    return 0;
}
