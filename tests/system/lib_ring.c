/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Preloaded in tests, refuses rings of packets larger than RING_MIB, as a kernel does that has no
 * memory for them. */

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int setsockopt(int socket, int level, int option, const void *value, socklen_t size)
{
    const struct tpacket_req *request = value; /* others begin like it */
    const char *limit = getenv("RING_MIB");

    if (level == SOL_PACKET && option == PACKET_RX_RING && limit &&
        (unsigned long)request->tp_block_size * request->tp_block_nr > strtoul(limit, NULL, 10)
                                                                           << 20) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, socket, level, option, value, size);
}
