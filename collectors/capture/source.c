/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/source.h"

#include "collectors/capture/decode.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

/* libpcap reads files in pieces of 4 kB otherwise, which doubles the time (measured on 1.3 GB). */
#define FILE_BUFFER_SIZE (1U << 20)
/* In ring mode the kernel hands over a block when it is full, or after this long. */
#define RING_TIMEOUT_MS 100
#define ERROR_SIZE      (PCAP_ERRBUF_SIZE + 256)

struct source {
    pcap_t *pcap;
    char *name;
    char *file_buffer;
    bool is_file;
    int link_type;
    uint32_t kernel_dropped; /* as last read; 32 bits, wraps */
    uint64_t packets;
    char error[ERROR_SIZE];
    source_handler *handler;
    void *context;
};

static struct source *source_new(const char *name, bool is_file)
{
    struct source *source = calloc(1, sizeof(*source));

    if (!source)
        return NULL;
    source->name = strdup(name);
    source->is_file = is_file;
    return source;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->pcap)
        pcap_close(source->pcap);
    free(source->file_buffer);
    free(source->name);
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

static bool activate(struct source *source, const struct interface_config *interface, char *error,
                     size_t error_size)
{
    pcap_t *pcap = source->pcap;
    int status;

    pcap_set_snaplen(pcap, (int)interface->snap_length);
    pcap_set_promisc(pcap, interface->promiscuous);
    pcap_set_timeout(pcap, RING_TIMEOUT_MS);
    pcap_set_immediate_mode(pcap, interface->mode == CAPTURE_IMMEDIATE);
    pcap_set_buffer_size(pcap, (int)(interface->buffer_mib << 20));
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    status = pcap_activate(pcap);
    if (status >= 0)
        return true;
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

static bool check_link_type(struct source *source, char *error, size_t error_size)
{
    const char *name;

    source->link_type = pcap_datalink(source->pcap);
    if (decode_supports(source->link_type))
        return true;
    name = pcap_datalink_val_to_name(source->link_type);
    snprintf(error, error_size, "%s: link type %s (%d) is not supported", source->name,
             name ? name : "unknown", source->link_type);
    return false;
}

struct source *source_open_interface(const struct interface_config *interface, char *error,
                                     size_t error_size)
{
    char pcap_error[PCAP_ERRBUF_SIZE] = "";
    struct source *source = source_new(interface->name, false);

    if (!source) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    source->pcap = pcap_create(interface->name, pcap_error);
    if (!source->pcap) {
        snprintf(error, error_size, "interface %s: %s", interface->name, pcap_error);
        goto failed;
    }
    if (!activate(source, interface, error, error_size) ||
        !set_filter(source, interface, error, error_size) ||
        !check_link_type(source, error, error_size))
        goto failed;
    if (pcap_setnonblock(source->pcap, 1, pcap_error) != 0) {
        snprintf(error, error_size, "interface %s: %s", interface->name, pcap_error);
        goto failed;
    }
    return source;

failed:
    source_close(source);
    return NULL;
}

static bool open_stream(struct source *source, const char *path, FILE *stream, char *error,
                        size_t error_size)
{
    char pcap_error[PCAP_ERRBUF_SIZE] = "";
    int first;

    source->file_buffer = malloc(FILE_BUFFER_SIZE);
    if (source->file_buffer)
        setvbuf(stream, source->file_buffer, _IOFBF, FILE_BUFFER_SIZE);
    first = getc(stream);
    if (first == EOF) {
        snprintf(error, error_size, "%s: %s", path,
                 ferror(stream) ? strerror(errno) : "the file is empty");
        return false;
    }
    ungetc(first, stream);
    source->pcap =
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, pcap_error);
    if (!source->pcap)
        snprintf(error, error_size, "%s: not a capture that can be read: %s", path, pcap_error);
    return source->pcap != NULL;
}

struct source *source_open_file(const char *path, char *error, size_t error_size)
{
    bool standard_input = strcmp(path, "-") == 0;
    FILE *stream = standard_input ? stdin : fopen(path, "re");
    struct source *source;

    if (!stream) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return NULL;
    }
    source = source_new(path, true);
    if (!source || !open_stream(source, path, stream, error, error_size)) {
        if (!standard_input)
            fclose(stream);
        source_close(source);
        return NULL;
    }
    if (!check_link_type(source, error, error_size)) { /* closing it closes the stream too */
        source_close(source);
        return NULL;
    }
    return source;
}

int source_descriptor(const struct source *source)
{
    return source->is_file ? -1 : pcap_get_selectable_fd(source->pcap);
}

/* A damaged pcapng file may hold times that no 64 bits of nanoseconds do: they become the latest,
 * or the earliest, that the older format could hold. */
static int64_t time_of(const struct timeval *timestamp)
{
    int64_t seconds = timestamp->tv_sec;

    if (seconds > UINT32_MAX)
        seconds = UINT32_MAX;
    if (seconds < INT32_MIN)
        seconds = INT32_MIN;
    return seconds * 1000000000LL + timestamp->tv_usec;
}

static void handle_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct source *source = (struct source *)(void *)user;
    uint32_t length = header->len > header->caplen ? header->len : header->caplen;

    source->packets++;
    source->handler(source->context, time_of(&header->ts), source->link_type, bytes, header->caplen,
                    length);
}

static enum source_status explain_failure(struct source *source)
{
    if (source->is_file) {
        snprintf(source->error, sizeof(source->error),
                 "%s: damaged after packet %llu: %s; what came before was read", source->name,
                 (unsigned long long)source->packets, pcap_geterr(source->pcap));
        return SOURCE_BROKEN;
    }
    snprintf(source->error, sizeof(source->error), "interface %s: %s", source->name,
             pcap_geterr(source->pcap));
    return SOURCE_VANISHED;
}

enum source_status source_read(struct source *source, int limit, source_handler *handler,
                               void *context)
{
    int count;

    source->handler = handler;
    source->context = context;
    count = pcap_dispatch(source->pcap, limit, handle_packet, (u_char *)(void *)source);
    if (count < 0)
        return explain_failure(source);
    return count == 0 && source->is_file ? SOURCE_END : SOURCE_OK;
}

uint64_t source_take_dropped(struct source *source)
{
    struct pcap_stat statistics;
    uint32_t dropped;

    if (source->is_file || pcap_stats(source->pcap, &statistics) != 0)
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
