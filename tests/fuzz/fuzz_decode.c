/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/decode.h"

#include <pcap/dlt.h>
#include <stdlib.h>

/* One byte chooses the link type, one how much the snap length cut; the frame follows. */

static const int link_types[] = {DLT_EN10MB, DLT_RAW,       DLT_IPV4,       DLT_IPV6, DLT_NULL,
                                 DLT_LOOP,   DLT_LINUX_SLL, DLT_LINUX_SLL2, -1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet packet;
    uint32_t captured;
    uint32_t length;

    if (size < 2)
        return 0;
    captured = (uint32_t)size - 2;
    length = captured + 8U * data[1];
    if (decode_frame(link_types[data[0] % (sizeof(link_types) / sizeof(link_types[0]))], data + 2,
                     captured, length, &packet) != DECODE_TCP)
        return 0;
    if (packet.payload < data + 2 || packet.captured_length > packet.payload_length ||
        packet.payload_length > length ||
        packet.captured_length > (size_t)(data + size - packet.payload) ||
        (packet.vlan != VLAN_NONE && (packet.vlan == 0 || packet.vlan > 4095)))
        abort();
    return 0;
}
