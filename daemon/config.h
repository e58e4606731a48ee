/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CONFIG_H
#define IAGMETER_CONFIG_H

#include "collectors/capture/trust.h"
#include "daemon/catalogue.h"
#include "daemon/diagnostics.h"
#include "daemon/directions.h"
#include "daemon/factors.h"
#include "daemon/hostconfig.h"
#include "daemon/inferenceconfig.h"
#include "daemon/objectives.h"
#include "daemon/servicecalibration.h"

#include <limits.h>
#include <stdint.h>

#define MAX_INTERFACES      16
#define MAX_WORKERS         16 /* of one interface */
#define MAX_CAPTURES        64 /* capture processes in all */
#define INTERFACE_NAME_SIZE 64
#define FILTER_SIZE         1024

enum capture_mode { CAPTURE_RING, CAPTURE_IMMEDIATE };

struct interface_config {
    char name[INTERFACE_NAME_SIZE];
    char filter[FILTER_SIZE]; /* BPF, as pcap-filter(7); "" takes everything */
    struct diagnostics_place filter_place;
    bool promiscuous;
    int mode; /* enum capture_mode */
    unsigned snap_length;
    unsigned buffer_mib;
    unsigned workers; /* processes that share its packets, each flow always with the same one */
};

/* Everything that memory at run time is fixed from. */
struct limits {
    unsigned max_flows;         /* connections with a slot */
    unsigned max_tracked_flows; /* connections of known services */
    unsigned
        max_reassembly;   /* at a time: half to read ClientHellos, half to put records in order */
    unsigned max_devices; /* distinct (device, direction, service) a day */
    unsigned max_hints;   /* pairs of client and server address that a DNS answer names */
};

struct report_config {
    char organisation[DIRECTION_LABEL_SIZE];
    char directory[PATH_MAX];
    unsigned threshold;         /* k: cells with fewer active devices are folded into "other" */
    double restatement_percent; /* a restated figure that changes by more is marked and logged */
};

/* iagmeter.conf and the files that it names. Relative paths are relative to iagmeter.conf. */
struct config {
    char path[PATH_MAX];
    char state_directory[PATH_MAX];
    char user[40]; /* to become, when started as root; "" stays */
    struct diagnostics_place user_place;
    bool kernel_filter; /* packets of no interest are dropped by a program in the kernel */
    char timezone[64];  /* IANA name; months and days in reports are local to it */
    char services_path[PATH_MAX];
    char services_directory[PATH_MAX]; /* of more files like services.conf; may be absent */
    char directions_path[PATH_MAX];
    char factors_path[PATH_MAX]; /* directory of one vintage */
    char objectives_path[PATH_MAX];
    bool objectives_named;    /* false: the usual file, which may be absent */
    char host_path[PATH_MAX]; /* "": no inference host of our own is metered here */
    unsigned rrd_years;
    struct limits limits;
    struct trust_policy trust; /* and tunnel_ports */
    struct report_config report;
    struct inference_config inference;
    struct interface_config interfaces[MAX_INTERFACES];
    unsigned interface_count;
    /* services_path, then the *.conf files of services_directory in order of their names. */
    char **service_files;
    size_t service_file_count;
    struct catalogue *catalogue;
    struct directions *directions;
    struct factors *factors;
    struct service_calibrations *calibrations; /* never NULL */
    struct objectives *objectives;
    struct host_config *host; /* NULL: there is none */
    /* Hash of the contents of every file read: tells whether two processes read the same. That of
     * the objectives is left out: they change no figure, and the ledger keeps this hash. */
    uint64_t digest;
};

/* Reads iagmeter.conf alone: services, directions, factors, objectives and host stay NULL, the
 * digest 0. Returns NULL after at least one diagnostic. */
struct config *config_load_main(const char *path, struct diagnostics *diagnostics);

/* Reads and checks everything. With PREVIOUS, services and directions keep their numbers; what
 * could not be read without it is refused, too. Returns NULL after at least one diagnostic. Freed
 * with config_free(). */
struct config *config_load(const char *path, const struct config *previous,
                           struct diagnostics *diagnostics);
void config_free(struct config *config);

/* Hash of the contents of a vintage's files, as in the digest of a configuration; *OUT is 0 after a
 * diagnostic. */
void config_digest_factors(const char *directory, uint64_t *out, struct diagnostics *diagnostics);

/* Capture processes of all interfaces together. */
unsigned config_captures(const struct config *config);

/* Where the configuration is when nobody says: the in-tree conf/ beside a build tree, else the
 * installed one. Fills OUT. */
void config_default_path(char *out, size_t size);

#endif
