/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SOURCE_H
#define IAGMETER_SOURCE_H

#include "collectors/capture/frame.h"
#include "daemon/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where packets come from: a network interface, or a capture in one file or several. */

struct source;

enum source_status {
    SOURCE_OK,
    SOURCE_END,      /* of the file */
    SOURCE_BROKEN,   /* file truncated, corrupt or no capture: what came before was read */
    SOURCE_VANISHED, /* the interface is gone: close, wait, open again */
};

/* Called for each batch of 1 to SOURCE_BATCH packets. Their bytes stay during the call. */
typedef void source_handler(void *context, const struct captured_frame *frames, size_t count);

enum { SOURCE_BATCH = 256 };

/* Of one capture. */
enum { SOURCE_FILES = 1024 };

/* Whether FILTER is one that libpcap understands; if not, ERROR says why. */
bool source_check_filter(const char *filter, char *error, size_t error_size);

/* Whether this machine has an interface NAME now, or what libpcap captures under that name without
 * one. */
bool source_interface_exists(const char *name);

/* Return NULL and one sentence in ERROR. Nothing that comes from the network was looked at when
 * they return: that begins with the first source_read() or source_meter(), so that it can be done
 * in a sandbox, and is where what is no capture is SOURCE_BROKEN. Those who open an interface with
 * the same FANOUT_GROUP, not 0, share its packets: both ways of a flow always go to the same one of
 * them (packet(7)). One file may be "-" for standard input. Several, at most SOURCE_FILES, are read
 * as one capture, by the time of their first packets (capturefile.h). *OBSTACLE (may be NULL):
 * what is in the way of an interface. */
enum source_obstacle {
    SOURCE_OTHERWISE,
    SOURCE_ABSENT,    /* it is not there, or down: it may be opened later */
    SOURCE_FORBIDDEN, /* rights are missing */
};
struct source *source_open_interface(const struct interface_config *interface,
                                     uint16_t fanout_group, enum source_obstacle *obstacle,
                                     char *error, size_t error_size);
struct source *source_open_file(const char *path, char *error, size_t error_size);
struct source *source_open_files(const char *const *paths, unsigned count, char *error,
                                 size_t error_size);
/* What messages call such a capture: its first file, and how many more there are. */
void source_name_files(const char *const *paths, unsigned count, char *name, size_t name_size);
/* Has FILTER drop what it is told to of the interface's packets, in place of a filter that the
 * interface may have. Returns false, and one sentence in ERROR, when it cannot: then all is as
 * before. */
struct kernelfilter;
bool source_filter(struct source *source, struct kernelfilter *filter, char *error,
                   size_t error_size);
void source_close(struct source *source);

/* Of regular files that source_open_files() opened, in bytes; 0 of anything else. */
off_t source_file_size(const struct source *source);

/* Of files that source_open_files() opened, before they are read (capturefile.h). */
void source_take_any_time(struct source *source);
uint64_t source_untimed(const struct source *source);

/* Lets a thread read the file ahead (readahead.h), from now on for source_meter() alone. False when
 * there can be none: then all is as before. METERING outlives SOURCE. */
struct metering;
bool source_read_ahead(struct source *source, const struct metering *metering);
/* Meters some packets, as source_read() with metering_frames() would. */
enum source_status source_meter(struct source *source, struct metering *metering);

/* A capture in COUNT files for WORKERS processes (sharedfile.h), at most 16, made before fork().
 * Each process calls source_join() with its own number, from 0,
 * reads, and closes it. Each is given packets of its own, and what it should overhear. */
struct source *source_share_files(const char *const *paths, unsigned count, unsigned workers,
                                  char *error, size_t error_size);
/* Of such a source, before fork(): as metering_set_trust() tells each worker. */
void source_set_trust(struct source *source, const struct trust_policy *policy);
void source_join(struct source *source, unsigned worker);
/* What must stay open in all of them: COUNT descriptors, the lowest first. */
const int *source_file_descriptors(const struct source *source, unsigned *count);

/* What the kernel keeps packets of an interface in; 0 where libpcap does it, or of a file. */
size_t source_buffer_bytes(const struct source *source);

/* How long the kernel may hold back a packet of an interface, for others to come with it. */
enum { SOURCE_HELD_MS = 400 };

/* What to poll for packets; -1 for a file, which is always ready. */
int source_descriptor(const struct source *source);

/* Hands over up to LIMIT packets, of an interface without waiting. SOURCE_OK with none of a file:
 * there is more of it. */
enum source_status source_read(struct source *source, int limit, source_handler *handler,
                               void *context);

/* Packets that the kernel had to drop since the last call. */
uint64_t source_take_dropped(struct source *source);

/* Read so far. Of a shared file: at the end, those of all workers. */
uint64_t source_packets(const struct source *source);
/* After SOURCE_BROKEN or SOURCE_VANISHED: one sentence. */
const char *source_error(const struct source *source);
/* After SOURCE_END or SOURCE_BROKEN: whether files overlap in time, and one sentence that says
 * which, for whoever chose them. */
bool source_warning(const struct source *source, char *warning, size_t warning_size);

#endif
