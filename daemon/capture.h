/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CAPTURE_H
#define IAGMETER_CAPTURE_H

#include "daemon/config.h"

/* The capture process: the only one that sees packets. It opens its source, gives up every right,
 * and from then on speaks only through its two sockets. */

struct capture_setup {
    const struct config *config;
    const struct interface_config *interface; /* NULL when replaying */
    const char *file;                         /* what messages call the capture; NULL when live */
    const char *const *files;                 /* it is in so many: */
    unsigned file_count;
    unsigned worker;                   /* number of this one, */
    unsigned workers;                  /* of so many that share the interface or file */
    uint16_t fanout_group;             /* by which the kernel knows those of an interface */
    struct source *shared;             /* the files, if they have several workers; else NULL */
    struct recognition_memory *memory; /* of all workers; NULL for one */
    struct kernelfilter *filter;       /* of this one; NULL: none */
    bool ahead;                        /* a thread may read the file ahead */
    bool again;                        /* the last attempt failed too, and said why: */
    bool again_absent;                 /* the interface was not there, or down */
    int control;                       /* socket to the start-up process */
    int data;                          /* socket to the meter */
};

/* What the tables of the capture processes take of memory at most, in bytes: of one, and of all
 * that are configured, at least one. What an interface's packets wait in (buffer_mib) is the
 * kernel's. Both 0 when there is not as much. To find out, they are made and freed again. */
struct capture_needs {
    uint64_t one;
    uint64_t all;
};
struct capture_needs capture_needs(const struct config *config);

/* Exit statuses, of this process and of the daemon. */
enum {
    EXIT_CONFIGURATION = 1, /* wrong usage or configuration: nothing was done */
    EXIT_TROUBLE = 2,       /* something outside failed: interface, file, permission, storage */
    EXIT_LASTING = 3, /* the ledger cannot be used until somebody mends it: no new start helps */
    EXIT_ABSENT = 4   /* of a capture process alone: its interface is not there yet, or down */
};

/* Returns the exit status once the file is read, or MESSAGE_STOP came. */
int capture_run(const struct capture_setup *setup);

#endif
