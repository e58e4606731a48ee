/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CAPTUREFILE_H
#define IAGMETER_CAPTUREFILE_H

#include "collectors/capture/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads capture files as a stream, so also from a pipe: pcap in either byte order, with micro- or
 * nanoseconds, or as Kuznetzov's patch wrote it (draft-ietf-opsawg-pcap); pcapng whose sections
 * and interfaces may differ in anything (draft-ietf-opsawg-pcapng); both also compressed by gzip.
 *
 * libpcap refuses a pcapng file whose interfaces differ in link type or snap length, and takes
 * longer over a packet than metering may.
 *
 * A capture may be in several files, as the ones that tcpdump -C or a ring of dumpcap leaves: they
 * are read one after the other, each with a format of its own, as if they were one.
 *
 * Life cycle: capturefile_open(), capturefile_link_type() or not, capturefile_read() while it
 * returns CAPTUREFILE_OK, capturefile_close(). After capturefile_open(), the only system calls are
 * read(2), lseek(2), those of malloc(), and, of a file that is mapped, those of filemap.h. */

struct capturefile;

enum capturefile_status {
    CAPTUREFILE_OK,
    CAPTUREFILE_END,
    CAPTUREFILE_BROKEN /* damaged: what came before was given */
};

/* Of one capture. */
enum { CAPTUREFILE_MOST = 1024 };

/* So many bytes are read at a time that a packet is still in the second level cache when it is
 * looked at: with 2 MiB and more, reading takes a third longer (measured with a cache of 2 MiB). */
#define CAPTUREFILE_READ_SIZE (256U << 10)

/* Reads DESCRIPTOR, which stays the caller's, from where it stands, at most READ_SIZE bytes at a
 * time. NULL when that begins no capture: then ERROR says why. */
struct capturefile *capturefile_open(int descriptor, size_t read_size, char *error,
                                     size_t error_size);
void capturefile_close(struct capturefile *file);

/* The link type (DLT_) of the file. In pcapng, where each interface has its own: one that can be
 * decoded if any is declared before the first packet, else the first one, -1 if none is. Of several
 * files: one that cannot be decoded, if a file has such a one; capturefile_number() is then that
 * file, and nothing may be read. */
int capturefile_link_type(struct capturefile *file);

/* Before the first packet is read: one whose time is before 1970 or after 2106, or that has none
 * and none before it, is no damage, but has the time of the packet before (0 where there is none),
 * for who only looks and records nothing. capturefile_untimed(): how many were given so far. */
void capturefile_take_any_time(struct capturefile *file);
uint64_t capturefile_untimed(const struct capturefile *file);

/* From now on, or from capturefile_begin() on, the file is looked at in the kernel's memory instead
 * of read, which saves copying it, if it is a regular file, not compressed, and the only one. Else
 * nothing changes. Where processes read it in turn, before they are forked. */
void capturefile_map(struct capturefile *file);
/* What is mapped stays, for this process, until told that what lies before a place is done with;
 * capturefile_kept() is the place from where frames will be given next, UINT64_MAX if those are not
 * mapped. */
uint64_t capturefile_kept(const struct capturefile *file);
void capturefile_release(struct capturefile *file, uint64_t before);
/* Of a mapped file, after capturefile_take() and before its frames are used: false when the file
 * was cut short meanwhile. Then all that was taken since the last time is worth nothing, and the
 * file is damaged where that begins. */
bool capturefile_confirm(struct capturefile *file);
/* After its end, when all frames were used: false when the file, having been mapped, was cut short
 * before. Then of the last ones, which had been confirmed, the bytes may have been zeros. */
bool capturefile_stayed(struct capturefile *file);

/* Gives 1 to LIMIT frames, whose bytes stay until the next call. CAPTUREFILE_OK with none means
 * that there is no end yet, only much in the file that is no packet. */
enum capturefile_status capturefile_read(struct capturefile *file, struct captured_frame *frames,
                                         size_t limit, size_t *count);

/* -- For processes that read one file in turn --------------------------------------------------
 *
 * What a file knows is in memory that processes forked after capturefile_new() share; its bytes
 * are where the caller says. One process at a time may call any of these. */

/* A capture in COUNT files, 1 to CAPTUREFILE_MOST, which are known by their numbers in DESCRIPTORS.
 * Several are read from their beginning, and none may be a pipe. Reads nothing yet. NULL when
 * memory is exhausted. */
struct capturefile *capturefile_new(const int *descriptors, unsigned count, size_t read_size);
/* The rest of capturefile_open(). Looks at the first packet of each of several files, in whose
 * order they are read; those without any packet come first, those that are damaged before it last.
 * When it fails, capturefile_number() tells at which file. */
bool capturefile_begin(struct capturefile *file, char *error, size_t error_size);

/* No record is larger, and a buffer of this size has room for any and for a read. */
#define CAPTUREFILE_LARGEST_RECORD (16U << 20)
#define CAPTUREFILE_BUFFER_SIZE    (CAPTUREFILE_LARGEST_RECORD + CAPTUREFILE_READ_SIZE)

/* From now on FILE reads into BUFFER, which is the caller's, of at least CAPTUREFILE_BUFFER_SIZE.
 * What was read and not given yet is copied there, what was given stays where it was. Returns how
 * much was copied. */
size_t capturefile_lend(struct capturefile *file, uint8_t *buffer, size_t size);

/* The halves of capturefile_read(): frames that need no reading, none with CAPTUREFILE_OK when
 * there is no more; and one read, after which their bytes are gone. */
enum capturefile_status capturefile_take(struct capturefile *file, struct captured_frame *frames,
                                         size_t limit, size_t *count);
enum capturefile_status capturefile_fill(struct capturefile *file);

/* After CAPTUREFILE_BROKEN: why, and where what could not be read begins, in bytes of the expanded
 * file. */
const char *capturefile_error(const struct capturefile *file);
uint64_t capturefile_offset(const struct capturefile *file);

/* Of several files: the one that is read, how many of its packets were given, and how many files
 * are to come after it. */
unsigned capturefile_number(const struct capturefile *file);
uint64_t capturefile_packets(const struct capturefile *file);
unsigned capturefile_left(const struct capturefile *file);

/* A file that began more than a second before the packets of those before it ended: it is not in
 * order with them, whatever the order of the files. */
struct capturefile_overlap {
    unsigned count; /* of such files so far; what follows is of the first one */
    unsigned before;
    unsigned after;
    int64_t overlap_ns;
};
struct capturefile_overlap capturefile_overlap(const struct capturefile *file);

#endif
