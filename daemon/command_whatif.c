/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/period.h"

static int write_whatif(const struct command_options *options, const struct whatif *whatif)
{
    bool written = strcmp(options->format, "json") == 0 ? whatif_write_json(whatif, stdout)
                   : strcmp(options->format, "tsv") == 0
                       ? whatif_write_tsv(whatif, stdout)
                       : whatif_write_text(whatif, text_language(options->language), stdout);

    if (!written)
        fprintf(stderr, "iagmeter: the comparison cannot be written\n");
    return written ? EXIT_SUCCESS : EXIT_TROUBLE;
}

static int compare_month(const struct command_options *options, const struct config *config,
                         struct ledger *ledger)
{
    const struct whatif_query query = {options->argument_count > 1 ? options->arguments[1] : NULL,
                                       options->changes, options->change_count};
    struct month_report *report;
    struct whatif *whatif = NULL;
    enum whatif_status status;
    char error[PERIOD_ERROR_SIZE];
    int written;

    report = period_build_month(options->arguments[0], config, ledger, time(NULL), &written, error);
    if (!report)
        return command_complain(error, written);
    status = whatif_build(ledger, report, &query, &whatif, error, sizeof(error));
    if (!whatif) {
        month_free(report);
        return command_complain(error, status == WHATIF_USAGE ? EXIT_CONFIGURATION : EXIT_TROUBLE);
    }
    written = write_whatif(options, whatif);
    whatif_free(whatif);
    month_free(report);
    return written;
}

int command_what_if(const struct command_options *options)
{
    enum calculator_format format;

    return command_format(options->format, &format) ? command_with_ledger(options, compare_month)
                                                    : EXIT_CONFIGURATION;
}
