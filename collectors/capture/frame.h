/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FRAME_H
#define IAGMETER_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* A frame as captured, on its way from where it was read to the metering. */
struct captured_frame {
    int64_t time_ns; /* since 1970 UTC */
    const uint8_t *bytes;
    uint32_t captured; /* how many are at BYTES */
    uint32_t length;   /* on the wire; never below CAPTURED */
    int link_type;     /* DLT_ of libpcap; one that cannot be decoded is possible in a mixed file */
    bool overheard;    /* another worker counts it: here it tells the time, and may be a
                          fragment or several packets */
};

#endif
