/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/source.h"

#include "collectors/capture/capturefile.h"
#include "collectors/capture/decode.h"
#include "collectors/capture/filemap.h"
#include "collectors/capture/gather.h"
#include "collectors/capture/kernelfilter.h"
#include "collectors/capture/readahead.h"
#include "collectors/capture/ring.h"
#include "collectors/capture/sharedfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ERROR_SIZE (PCAP_ERRBUF_SIZE + 256)

_Static_assert((int)SOURCE_FILES <= (int)CAPTUREFILE_MOST, "all that may be opened can be read");

struct source {
    char **names; /* of the files, or of the interface */
    unsigned name_count;
    struct ring *ring;        /* of an interface whose packets need nothing of libpcap's */
    pcap_t *pcap;             /* of another interface */
    struct capturefile *file; /* NULL: it is an interface, or a shared file */
    bool begun;               /* the file was looked at */
    struct readahead *ahead;  /* of the file; NULL: it is read when its packets are asked for */
    struct sharedfile *shared;
    bool joined; /* the shared file, as this worker */
    unsigned worker;
    enum source_obstacle obstacle;
    int *descriptors;        /* of the files of either kind */
    int link_type;           /* of the interface */
    uint32_t kernel_dropped; /* as last read; 32 bits, wraps */
    int64_t shared_ns; /* since when the interface's packets are shared; 0: all that come count */
    uint64_t packets;
    char error[ERROR_SIZE];
    struct gather *gathered;                    /* of libpcap's packets */
    struct captured_frame frames[SOURCE_BATCH]; /* of the file, or of the ring */
};

static struct source *source_new(const char *const *names, unsigned count)
{
    struct source *source = calloc(1, sizeof(*source));
    bool complete;

    if (!source)
        return NULL;
    source->names = calloc(count, sizeof(*source->names));
    source->descriptors = calloc(count, sizeof(*source->descriptors));
    complete = source->names && source->descriptors;
    for (unsigned i = 0; i < count && complete; i++) {
        source->descriptors[i] = -1;
        source->names[i] = strdup(names[i]);
        source->name_count++;
        complete = source->names[i] != NULL;
    }
    if (complete)
        return source;
    source_close(source);
    return NULL;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    ring_close(source->ring);
    if (source->pcap)
        pcap_close(source->pcap);
    readahead_free(source->ahead);
    capturefile_close(source->file);
    gather_free(source->gathered);
    if (source->joined)
        sharedfile_leave(source->shared, source->worker);
    sharedfile_free(source->shared);
    for (unsigned i = 0; i < source->name_count; i++) {
        if (source->descriptors[i] > STDIN_FILENO)
            close(source->descriptors[i]);
        free(source->names[i]);
    }
    free(source->descriptors);
    free(source->names);
    free(source);
}

static const char *activation_advice(int status)
{
    switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return "there is no such interface";
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        return "no permission to capture: CAP_NET_RAW is needed (systemd gives it; by hand, start "
               "as "
               "root)";
    case PCAP_ERROR_IFACE_NOT_UP:
        return "the interface is down";
    default:
        return NULL;
    }
}

static enum source_obstacle obstacle_of(int status)
{
    switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
    case PCAP_ERROR_IFACE_NOT_UP:
        return SOURCE_ABSENT;
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        return SOURCE_FORBIDDEN;
    default:
        return SOURCE_OTHERWISE;
    }
}

static bool activate(struct source *source, const struct interface_config *interface, char *error,
                     size_t error_size)
{
    pcap_t *pcap = source->pcap;
    int status;

    pcap_set_snaplen(pcap, (int)interface->snap_length);
    pcap_set_promisc(pcap, interface->promiscuous);
    pcap_set_timeout(pcap, SOURCE_HELD_MS);
    pcap_set_immediate_mode(pcap, interface->mode == CAPTURE_IMMEDIATE);
    pcap_set_buffer_size(pcap, (int)(interface->buffer_mib << 20));
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    status = pcap_activate(pcap);
    if (status >= 0)
        return true;
    source->obstacle = obstacle_of(status);
    snprintf(error, error_size, "interface %s: %s", interface->name,
             activation_advice(status) ? activation_advice(status) : pcap_geterr(pcap));
    return false;
}

static bool set_filter(struct source *source, const struct interface_config *interface, char *error,
                       size_t error_size)
{
    struct bpf_program program;
    bool set;

    if (interface->filter[0] == '\0')
        return true;
    if (pcap_compile(source->pcap, &program, interface->filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        snprintf(error, error_size, "interface %s: filter \"%s\": %s", interface->name,
                 interface->filter, pcap_geterr(source->pcap));
        return false;
    }
    set = pcap_setfilter(source->pcap, &program) == 0;
    if (!set)
        snprintf(error, error_size, "interface %s: filter: %s", interface->name,
                 pcap_geterr(source->pcap));
    pcap_freecode(&program);
    return set;
}

bool source_check_filter(const char *filter, char *error, size_t error_size)
{
    pcap_t *pcap = pcap_open_dead(DLT_EN10MB, UINT16_MAX);
    struct bpf_program program;
    bool valid = pcap && pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;

    if (valid)
        pcap_freecode(&program);
    else
        snprintf(error, error_size, "%s", pcap ? pcap_geterr(pcap) : "out of memory");
    if (pcap)
        pcap_close(pcap);
    return valid;
}

static bool check_link_type(const char *of, int link_type, char *error, size_t error_size)
{
    const char *name;

    if (decode_supports(link_type))
        return true;
    name = pcap_datalink_val_to_name(link_type);
    snprintf(error, error_size, "%s: link type %s (%d) is not supported", of,
             name ? name : "unknown", link_type);
    return false;
}

/* Until it joins the group, a socket is given what the others get, too: that is left out. */
static bool join_group(struct source *source, uint16_t group, char *error, size_t error_size)
{
    /* By a hash of the flow, the same both ways; fragments are put together first, or only the
     * first of them would be of the flow. */
    const uint32_t type = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG;
    const uint32_t request = group | type << 16;
    struct timespec now;

    if (group == 0)
        return true;
    if (setsockopt(source_descriptor(source), SOL_PACKET, PACKET_FANOUT, &request,
                   sizeof(request)) != 0) {
        snprintf(error, error_size, "interface %s: its packets cannot be shared by workers: %s",
                 source->names[0], strerror(errno));
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    source->shared_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    return true;
}

static bool open_pcap(struct source *source, const struct interface_config *interface, char *error,
                      size_t error_size)
{
    char pcap_error[PCAP_ERRBUF_SIZE] = "";

    source->gathered = gather_new();
    if (!source->gathered) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    source->pcap = pcap_create(interface->name, pcap_error);
    if (!source->pcap) {
        snprintf(error, error_size, "interface %s: %s", interface->name, pcap_error);
        return false;
    }
    if (!activate(source, interface, error, error_size) ||
        !set_filter(source, interface, error, error_size))
        return false;
    source->link_type = pcap_datalink(source->pcap);
    if (!check_link_type(interface->name, source->link_type, error, error_size))
        return false;
    if (pcap_setnonblock(source->pcap, 1, pcap_error) == 0)
        return true;
    snprintf(error, error_size, "interface %s: %s", interface->name, pcap_error);
    return false;
}

static bool is_loopback(const struct source *source)
{
    return strcmp(source->names[0], "lo") == 0;
}

/* libpcap found out what the interface is; what it does for others is not needed here. */
static bool take_ring(struct source *source, const struct interface_config *interface, char *error,
                      size_t error_size)
{
    char reason[256];

    if (interface->mode != CAPTURE_RING || interface->filter[0] != '\0' ||
        source->link_type != DLT_EN10MB || is_loopback(source))
        return true;
    pcap_close(source->pcap);
    source->pcap = NULL;
    source->ring = ring_open(interface, SOURCE_HELD_MS, reason, sizeof(reason));
    if (!source->ring)
        snprintf(error, error_size, "interface %s: %s", interface->name, reason);
    return source->ring != NULL;
}

bool source_interface_exists(const char *name)
{
    return strcmp(name, "any") == 0 || strncmp(name, "nflog", strlen("nflog")) == 0 ||
           if_nametoindex(name) != 0;
}

struct source *source_open_interface(const struct interface_config *interface,
                                     uint16_t fanout_group, enum source_obstacle *obstacle,
                                     char *error, size_t error_size)
{
    const char *const name = interface->name;
    struct source *source = source_new(&name, 1);

    if (obstacle)
        *obstacle = SOURCE_OTHERWISE;
    if (!source) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    if (open_pcap(source, interface, error, error_size) &&
        take_ring(source, interface, error, error_size) &&
        join_group(source, fanout_group, error, error_size))
        return source;
    if (obstacle)
        *obstacle = source->obstacle;
    source_close(source);
    return NULL;
}

/* Of what a socket on the loopback is given, libpcap leaves out each packet once: a program that
 * counts would count it twice. */
bool source_filter(struct source *source, struct kernelfilter *filter, char *error,
                   size_t error_size)
{
    const char *reason = NULL;

    if (source->link_type != DLT_EN10MB)
        reason = "its frames are not those of Ethernet";
    else if (is_loopback(source))
        reason = "each packet passes it twice";
    else if (!kernelfilter_attach(filter, source_descriptor(source)))
        reason = strerror(errno);
    if (reason)
        snprintf(error, error_size, "%s", reason);
    return !reason;
}

/* As many as the system lets us have, if there are to be COUNT: a few are open already. */
static void allow_descriptors(unsigned count)
{
    const rlim_t wanted = count + 64;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static bool explain_open(const struct source *source, const char *name, char *error,
                         size_t error_size)
{
    if (errno == EMFILE)
        snprintf(error, error_size, "%s: %s: %u are to be read (the limit is that of `ulimit -n`)",
                 name, strerror(errno), source->name_count);
    else
        snprintf(error, error_size, "%s: %s", name, strerror(errno));
    return false;
}

static bool open_descriptor(struct source *source, unsigned number, char *error, size_t error_size)
{
    const char *name = source->names[number];
    bool standard = strcmp(name, "-") == 0;
    int descriptor;

    if (standard && source->name_count > 1) {
        snprintf(error, error_size,
                 "-: standard input can only be read alone, without other files");
        return false;
    }
    descriptor = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return explain_open(source, name, error, error_size);
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL); /* of a pipe: refused */
    source->descriptors[number] = descriptor;
    return true;
}

/* COUNT files without their contents. */
static struct source *open_descriptors(const char *const *paths, unsigned count, char *error,
                                       size_t error_size)
{
    struct source *source;
    bool open = true;

    if (count > SOURCE_FILES) {
        snprintf(error, error_size, "%u capture files, of which at most %d can be read as one",
                 count, SOURCE_FILES);
        return NULL;
    }
    source = source_new(paths, count);
    if (!source) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    allow_descriptors(count);
    for (unsigned i = 0; i < count && open; i++)
        open = open_descriptor(source, i, error, error_size);
    if (open)
        return source;
    source_close(source);
    return NULL;
}

static const struct capturefile *capture_of(const struct source *source)
{
    return source->shared ? sharedfile_capture(source->shared) : source->file;
}

/* Of the file that is read. */
static const char *file_name(const struct source *source)
{
    return source->names[capturefile_number(capture_of(source))];
}

/* Of several files none is mapped. */
static bool is_better_mapped(const struct source *source)
{
    return source->name_count == 1 && filemap_is_faster(source->descriptors[0]);
}

/* What is in the file is looked at only now, when whoever reads it has given up their rights. */
static bool begin_file(struct source *source)
{
    char reason[256];
    int link_type;

    if (source->begun)
        return true;
    if (!capturefile_begin(source->file, reason, sizeof(reason))) {
        snprintf(source->error, sizeof(source->error), "%s: %s", file_name(source), reason);
        return false;
    }
    /* Without any interface there is no packet that could not be decoded. */
    link_type = capturefile_link_type(source->file);
    if (is_better_mapped(source))
        capturefile_map(source->file);
    source->begun = link_type < 0 || check_link_type(file_name(source), link_type, source->error,
                                                     sizeof(source->error));
    return source->begun;
}

struct source *source_open_files(const char *const *paths, unsigned count, char *error,
                                 size_t error_size)
{
    struct source *source = open_descriptors(paths, count, error, error_size);

    if (!source)
        return NULL;
    source->file = capturefile_new(source->descriptors, source->name_count, CAPTUREFILE_READ_SIZE);
    if (source->file)
        return source;
    snprintf(error, error_size, "out of memory");
    source_close(source);
    return NULL;
}

struct source *source_open_file(const char *path, char *error, size_t error_size)
{
    return source_open_files(&path, 1, error, error_size);
}

void source_name_files(const char *const *paths, unsigned count, char *name, size_t name_size)
{
    if (count == 1)
        snprintf(name, name_size, "%s", paths[0]);
    else
        snprintf(name, name_size, "%s and %u more", paths[0], count - 1);
}

void source_take_any_time(struct source *source)
{
    if (source->file)
        capturefile_take_any_time(source->file);
}

uint64_t source_untimed(const struct source *source)
{
    return source->file ? capturefile_untimed(source->file) : 0;
}

bool source_read_ahead(struct source *source, const struct metering *metering)
{
    source->ahead = readahead_new(source->file, metering);
    return source->ahead != NULL;
}

off_t source_file_size(const struct source *source)
{
    struct stat status;
    off_t size = 0;

    for (unsigned i = 0; source->file && i < source->name_count; i++)
        if (fstat(source->descriptors[i], &status) == 0 && S_ISREG(status.st_mode))
            size += status.st_size;
    return size;
}

/* Descriptors below 10 are for what a process gives a place of its own, as its sockets: a file that
 * had one would be closed there. Each is higher than the one before it. */
static bool move_descriptors(struct source *source, char *error, size_t error_size)
{
    int lowest = 10;

    for (unsigned i = 0; i < source->name_count; i++) {
        int low = source->descriptors[i];

        if (low == STDIN_FILENO)
            continue;
        source->descriptors[i] = fcntl(low, F_DUPFD_CLOEXEC, lowest);
        if (source->descriptors[i] < 0)
            explain_open(source, source->names[i], error, error_size);
        close(low);
        if (source->descriptors[i] < 0)
            return false;
        lowest = source->descriptors[i] + 1;
    }
    return true;
}

struct source *source_share_files(const char *const *paths, unsigned count, unsigned workers,
                                  char *error, size_t error_size)
{
    struct source *source = open_descriptors(paths, count, error, error_size);

    if (source && move_descriptors(source, error, error_size)) {
        source->shared = sharedfile_new(source->descriptors, count, workers);
        if (source->shared && is_better_mapped(source))
            sharedfile_map(source->shared);
        if (source->shared)
            return source;
        snprintf(error, error_size, "out of memory");
    }
    source_close(source);
    return NULL;
}

void source_set_trust(struct source *source, const struct trust_policy *policy)
{
    sharedfile_set_trust(source->shared, policy);
}

void source_join(struct source *source, unsigned worker)
{
    source->worker = worker;
    source->joined = true;
}

const int *source_file_descriptors(const struct source *source, unsigned *count)
{
    *count = source->name_count;
    return source->descriptors;
}

int source_descriptor(const struct source *source)
{
    if (source->ring)
        return ring_descriptor(source->ring);
    return source->pcap ? pcap_get_selectable_fd(source->pcap) : -1;
}

size_t source_buffer_bytes(const struct source *source)
{
    return source->ring ? ring_bytes(source->ring) : 0;
}

/* Each worker is given what comes before all of them are there: only what is shared counts. Once
 * that begins, a clock that is set back changes nothing. */
static bool is_before_sharing(struct source *source, int64_t time_ns)
{
    if (time_ns < source->shared_ns)
        return true;
    source->shared_ns = 0;
    return false;
}

static void handle_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct source *source = (struct source *)(void *)user;
    const struct captured_frame frame = {
        .time_ns = header->ts.tv_sec * 1000000000LL + header->ts.tv_usec,
        .bytes = bytes,
        .captured = header->caplen,
        .length = header->len > header->caplen ? header->len : header->caplen,
        .link_type = source->link_type,
    };

    if (is_before_sharing(source, frame.time_ns))
        return;
    gather_add(source->gathered, &frame);
    source->packets++;
}

/* The first of FRAMES that are the interface's, being shared with others from some time on. */
static size_t leave_out(struct source *source, size_t count)
{
    size_t first = 0;

    while (first < count && is_before_sharing(source, source->frames[first].time_ns))
        first++;
    return first;
}

static enum source_status read_ring(struct source *source, size_t limit, source_handler *handler,
                                    void *context)
{
    size_t count = 1;

    for (size_t given = 0; given < limit && count > 0; given += count) {
        size_t most = limit - given < SOURCE_BATCH ? limit - given : SOURCE_BATCH;
        size_t first;

        if (!ring_read(source->ring, source->frames, most, &count)) {
            snprintf(source->error, sizeof(source->error), "interface %s: %s", source->names[0],
                     strerror(errno));
            return SOURCE_VANISHED;
        }
        first = leave_out(source, count);
        source->packets += count - first;
        if (first < count)
            handler(context, source->frames + first, count - first);
    }
    return SOURCE_OK;
}

static enum source_status read_interface(struct source *source, int limit, source_handler *handler,
                                         void *context)
{
    int read;

    gather_begin(source->gathered, handler, context);
    read = pcap_dispatch(source->pcap, limit, handle_packet, (u_char *)(void *)source);
    gather_end(source->gathered);
    if (read >= 0)
        return SOURCE_OK;
    snprintf(source->error, sizeof(source->error), "interface %s: %s", source->names[0],
             pcap_geterr(source->pcap));
    return SOURCE_VANISHED;
}

static enum source_status explain_damage(struct source *source, const char *reason)
{
    const struct capturefile *file = capture_of(source);
    unsigned left = capturefile_left(file);
    char unread[64] = "";

    if (left > 0)
        snprintf(unread, sizeof(unread), ", and %u file%s after it %s not", left,
                 left > 1 ? "s" : "", left > 1 ? "were" : "was");
    snprintf(source->error, sizeof(source->error),
             "%s: damaged after packet %llu, at byte %llu: %s; what came before was read%s",
             file_name(source), (unsigned long long)capturefile_packets(file),
             (unsigned long long)capturefile_offset(file), reason, unread);
    return SOURCE_BROKEN;
}

bool source_warning(const struct source *source, char *warning, size_t warning_size)
{
    const struct capturefile_overlap overlap = capturefile_overlap(capture_of(source));
    char more[32] = "";

    if (overlap.count > 1)
        snprintf(more, sizeof(more), " (and %u more as this)", overlap.count - 1);
    snprintf(
        warning, warning_size,
        "%s begins %.1f s before %s ends%s: packets of the same time were not metered in their "
        "order, as after `mergecap -w - FILE... | iagmeterd -r -`",
        source->names[overlap.after], (double)overlap.overlap_ns / 1e9,
        source->names[overlap.before], more);
    return overlap.count > 0;
}

static enum source_status status_of_file(struct source *source, enum capturefile_status status)
{
    if (status == CAPTUREFILE_OK)
        return SOURCE_OK;
    if (status == CAPTUREFILE_END)
        return SOURCE_END;
    return explain_damage(source, capturefile_error(source->file));
}

static enum source_status read_file(struct source *source, size_t limit, source_handler *handler,
                                    void *context)
{
    enum capturefile_status status = CAPTUREFILE_OK;
    size_t count = 1;

    if (!begin_file(source))
        return SOURCE_BROKEN;
    for (size_t given = 0; given < limit && count > 0 && status == CAPTUREFILE_OK; given += count) {
        size_t most = limit - given < SOURCE_BATCH ? limit - given : SOURCE_BATCH;

        status = capturefile_read(source->file, source->frames, most, &count);
        source->packets += count;
        if (count > 0)
            handler(context, source->frames, count);
    }
    return status_of_file(source, status);
}

enum source_status source_meter(struct source *source, struct metering *metering)
{
    struct prepared *prepared;
    enum capturefile_status status;
    size_t count;

    if (!begin_file(source))
        return SOURCE_BROKEN;
    status = readahead_next(source->ahead, &prepared, &count);
    source->packets += count;
    metering_take(metering, prepared, count);
    return status_of_file(source, status);
}

static enum source_status explain_end(struct source *source, enum sharedfile_status status)
{
    int link_type = sharedfile_link_type(source->shared);

    source->packets = sharedfile_packets(source->shared);
    if (status == SHAREDFILE_END)
        return SOURCE_END;
    if (status == SHAREDFILE_BROKEN)
        return explain_damage(source, sharedfile_error(source->shared));
    if (link_type < 0 ||
        check_link_type(file_name(source), link_type, source->error, sizeof(source->error)))
        snprintf(source->error, sizeof(source->error), "%s: %s", file_name(source),
                 sharedfile_error(source->shared));
    return SOURCE_BROKEN;
}

static enum source_status read_shared(struct source *source, size_t limit, source_handler *handler,
                                      void *context)
{
    const struct captured_frame *frames;
    size_t count;

    for (size_t given = 0; given < limit; given += count) {
        enum sharedfile_status status =
            sharedfile_read(source->shared, source->worker, &frames, &count);

        if (status == SHAREDFILE_LATER)
            break;
        if (status != SHAREDFILE_OK)
            return explain_end(source, status);
        for (size_t done = 0; done < count; done += SOURCE_BATCH)
            handler(context, frames + done,
                    count - done < SOURCE_BATCH ? count - done : SOURCE_BATCH);
    }
    return SOURCE_OK;
}

enum source_status source_read(struct source *source, int limit, source_handler *handler,
                               void *context)
{
    if (source->file)
        return read_file(source, (size_t)limit, handler, context);
    if (source->shared)
        return read_shared(source, (size_t)limit, handler, context);
    if (source->ring)
        return read_ring(source, (size_t)limit, handler, context);
    return read_interface(source, limit, handler, context);
}

uint64_t source_take_dropped(struct source *source)
{
    struct pcap_stat statistics;
    uint32_t dropped;

    if (source->ring)
        return ring_take_dropped(source->ring);
    if (!source->pcap || pcap_stats(source->pcap, &statistics) != 0)
        return 0;
    dropped = statistics.ps_drop - source->kernel_dropped;
    source->kernel_dropped = statistics.ps_drop;
    return dropped;
}

uint64_t source_packets(const struct source *source)
{
    return source->packets;
}

const char *source_error(const struct source *source)
{
    return source->error;
}
