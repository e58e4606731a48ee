/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/meter.h"
#include "daemon/roundrobin.h"

/* What root made, the daemon's user could not write afterwards: graphs, or the lock of a ledger
 * that was restored. */
static bool become_owner(const char *directory)
{
    struct stat owner;

    if (geteuid() != 0 || stat(directory, &owner) != 0 || owner.st_uid == 0)
        return true;
    if (setgroups(0, NULL) == 0 && setgid(owner.st_gid) == 0 && setuid(owner.st_uid) == 0)
        return true;
    fprintf(stderr, "iagmeter: cannot become the user that %s belongs to: %s\n", directory,
            strerror(errno));
    return false;
}

/* Takes the writer's lock: a daemon that updates the same files must not run. */
int command_rebuild(const struct command_options *options)
{
    struct config *config = command_load(options);
    struct ledger *ledger = NULL;
    struct roundrobin *roundrobin = NULL;
    char error[512];
    unsigned files = 0;
    unsigned failed;
    int status = EXIT_TROUBLE;

    if (!config)
        return EXIT_CONFIGURATION;
    if (!become_owner(config->state_directory))
        goto out;
    ledger = ledger_open(config->state_directory, true, error, sizeof(error));
    if (!ledger) {
        fprintf(stderr, "iagmeter: %s\n", error);
        goto out;
    }
    roundrobin = roundrobin_new(config->state_directory, config->rrd_years);
    if (!roundrobin)
        goto out;
    failed = roundrobin_rebuild(roundrobin, ledger, meter_shown_until(ledger, config, INT64_MAX),
                                &files);
    printf("%u file(s) recreated from the ledger\n", files);
    if (failed > 0)
        fprintf(stderr, "iagmeter: %u file(s) failed: %s\n", failed, roundrobin_error(roundrobin));
    else
        status = EXIT_SUCCESS;
out:
    roundrobin_free(roundrobin);
    ledger_close(ledger);
    config_free(config);
    return status;
}
