/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CAPTUREFILE_H
#define IAGMETER_CAPTUREFILE_H

#include "collectors/capture/frame.h"

#include <stddef.h>
#include <stdint.h>

/* Reads capture files as a stream, so also from a pipe: pcap in either byte order, with micro- or
 * nanoseconds, or as Kuznetzov's patch wrote it (draft-ietf-opsawg-pcap); pcapng whose sections
 * and interfaces may differ in anything (draft-ietf-opsawg-pcapng); both also compressed by gzip.
 *
 * libpcap refuses a pcapng file whose interfaces differ in link type or snap length, and takes
 * longer over a packet than metering may.
 *
 * Life cycle: capturefile_open(), capturefile_link_type() or not, capturefile_read() while it
 * returns CAPTUREFILE_OK, capturefile_close(). After capturefile_open(), the only system calls are
 * read(2) and those of malloc(). */

struct capturefile;

enum capturefile_status {
    CAPTUREFILE_OK,
    CAPTUREFILE_END,
    CAPTUREFILE_BROKEN /* damaged: what came before was given */
};

/* So many bytes are read at a time that a packet is still in the second level cache when it is
 * looked at: with 2 MiB and more, reading takes a third longer (measured with a cache of 2 MiB). */
#define CAPTUREFILE_READ_SIZE (256U << 10)

/* Reads DESCRIPTOR, which stays the caller's, from where it stands, at most READ_SIZE bytes at a
 * time. NULL when that begins no capture: then ERROR says why. */
struct capturefile *capturefile_open(int descriptor, size_t read_size, char *error,
                                     size_t error_size);
void capturefile_close(struct capturefile *file);

/* The link type (DLT_) of the file. In pcapng, where each interface has its own: one that can be
 * decoded if any is declared before the first packet, else the first one, -1 if none is. */
int capturefile_link_type(struct capturefile *file);

/* Gives 1 to LIMIT frames, whose bytes stay until the next call. CAPTUREFILE_OK with none means
 * that there is no end yet, only much in the file that is no packet. */
enum capturefile_status capturefile_read(struct capturefile *file, struct captured_frame *frames,
                                         size_t limit, size_t *count);

/* After CAPTUREFILE_BROKEN: why, and where what could not be read begins, in bytes of the expanded
 * file. */
const char *capturefile_error(const struct capturefile *file);
uint64_t capturefile_offset(const struct capturefile *file);

#endif
