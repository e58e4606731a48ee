/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/meter.h"
#include "daemon/metrics.h"
#include "daemon/outfile.h"
#include "daemon/roundrobin.h"
#include "daemon/status.h"

/* -- rebuild ---------------------------------------------------------------------------------- */

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

/* -- status ----------------------------------------------------------------------------------- */

static int show_status(const struct command_options *options, const struct config *config,
                       struct ledger *ledger)
{
    enum status_format format = strcmp(options->format, "json") == 0 ? STATUS_JSON : STATUS_TEXT;

    if (status_print(ledger, config, ledger_is_locked(config->state_directory), time(NULL), format,
                     stdout))
        return EXIT_SUCCESS;
    fprintf(stderr, "iagmeter: %s\n", ledger_error(ledger));
    return EXIT_TROUBLE;
}

int command_status(const struct command_options *options)
{
    if (strcmp(options->format, "json") != 0 && strcmp(options->format, "text") != 0) {
        fprintf(stderr, "iagmeter: format \"%s\": text or json\n", options->format);
        return EXIT_CONFIGURATION;
    }
    return command_with_ledger(options, show_status);
}

/* -- metrics ---------------------------------------------------------------------------------- */

struct text {
    char *bytes;
    size_t size;
};

static bool write_text(const void *context, FILE *stream)
{
    const struct text *text = context;

    return fwrite(text->bytes, 1, text->size, stream) == text->size;
}

/* All of it before any is written: a scrape must not take half of it for the truth. PART NULL: both
 * parts. */
static bool render_metrics(const char *part, const struct config *config, struct ledger *ledger,
                           struct text *text)
{
    FILE *stream = open_memstream(&text->bytes, &text->size);
    bool running = ledger_is_locked(config->state_directory);
    int64_t now = time(NULL);
    bool written = true;

    if (!stream) {
        fputs("iagmeter: out of memory\n", stderr);
        return false;
    }
    if (!part || strcmp(part, "capture") == 0)
        written = metrics_write_capture(ledger, config, running, now, stream);
    if (!part || strcmp(part, "use") == 0)
        written = written && metrics_write_use(ledger, config, now, stream);
    if (!written)
        fprintf(stderr, "iagmeter: %s\n", ledger_error(ledger));
    return fclose(stream) == 0 && written;
}

int command_metrics(const struct command_options *options)
{
    const char *part = options->argument_count > 0 ? options->arguments[0] : NULL;
    struct config *config;
    struct ledger *ledger;
    struct text text = {0};
    bool written = false;

    if (part && strcmp(part, "capture") != 0 && strcmp(part, "use") != 0) {
        fprintf(stderr, "iagmeter: no metrics of \"%s\": capture or use\n", part);
        return EXIT_CONFIGURATION;
    }
    config = command_load(options);
    if (!config)
        return EXIT_CONFIGURATION;
    ledger = command_open_ledger(config);
    if (ledger && render_metrics(part, config, ledger, &text))
        written = options->output[0] ? outfile_write(options->output, write_text, &text)
                                     : write_text(&text, stdout) && fflush(stdout) == 0;
    free(text.bytes);
    ledger_close(ledger);
    config_free(config);
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}
