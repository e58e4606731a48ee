/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/metrics.h"
#include "daemon/outfile.h"
#include "daemon/status.h"

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
