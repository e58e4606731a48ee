/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/startcheck.h"

#include "collectors/capture/source.h"
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not left to the start of the capture: a wrong filter is a wrong configuration. */
static void check_filters(const struct config *config, struct diagnostics *diagnostics)
{
    char error[256];

    for (unsigned i = 0; i < config->interface_count; i++) {
        const struct interface_config *interface = &config->interfaces[i];

        if (!source_check_filter(interface->filter, error, sizeof(error)))
            diagnostics_error(diagnostics, interface->filter_place.file,
                              interface->filter_place.line, "interface %s: filter \"%s\": %s",
                              interface->name, interface->filter, error);
    }
}

/* Not asked by the commands: a copy of the configuration may be read where there is no such user.
 */
static void check_user(const struct config *config, struct diagnostics *diagnostics)
{
    if (config->user[0] == '\0' || sandbox_knows_user(config->user))
        return;
    if (geteuid() == 0)
        diagnostics_error(diagnostics, config->user_place.file, config->user_place.line,
                          "user \"%s\" does not exist", config->user);
    else
        diagnostics_warning(diagnostics, config->user_place.file, config->user_place.line,
                            "user \"%s\" does not exist", config->user);
}

/* One that is not there is made at the start. Whoever checks may be another user than the daemon.
 */
static void check_state(const struct config *config, struct diagnostics *diagnostics)
{
    const char *directory = config->state_directory;
    struct stat status;

    if (stat(directory, &status) != 0)
        return;
    if (!S_ISDIR(status.st_mode))
        diagnostics_error(diagnostics, config->path, 0, "state_directory: %s is no directory",
                          directory);
    else if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0)
        diagnostics_warning(diagnostics, config->path, 0,
                            "state_directory: %s cannot be written by this user: %s", directory,
                            strerror(errno));
}

void startcheck(const struct config *config, enum start start, struct diagnostics *diagnostics)
{
    check_user(config, diagnostics);
    check_filters(config, diagnostics);
    if (start != START_REPLAY)
        check_state(config, diagnostics);
    if (start == START_LIVE && config->interface_count == 0 && !config->host)
        diagnostics_error(diagnostics, config->path, 0,
                          "neither an interface nor a host is configured: nothing to meter");
}
