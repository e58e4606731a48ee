/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The command people type: finds the sub-command, and reads its options. */

#include "daemon/command.h"
#include "daemon/version.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command {
    const char *name;
    int arguments_least;
    int arguments_most;
    const char *arguments;
    const char *purpose;
    int (*run)(const struct command_options *options);
} commands[] = {
    {"inspect", 1, INT_MAX,
     "CAPTURE... [--all] [--addresses] [--exchanges] | --metrics FILE|- [--dialect NAME]",
     "what the daemon sees in a capture (of one file or several), flow by flow or (--exchanges) "
     "answer by answer, and each "
     "exchange\n      with a local inference server; or in what such a server's /metrics answered: "
     "by model and team. Nothing is "
     "recorded",
     command_inspect},
    {"report", 2, 2, "month YYYY-MM|current|previous [--lang fr|en] [--output DIRECTORY]",
     "write the monthly footprint (HTML, CSV, JSON) and print its totals", command_report},
    {"explain", 1, 4,
     "YYYY-MM|current|previous [DIRECTION|.|other] [SERVICE|.] [INDICATOR] [--lang fr|en] "
     "[--format "
     "text|html|json]",
     "where a figure of the monthly report comes from, recomputed: also as one name, "
     "YYYY-MM/DIRECTION/SERVICE/INDICATOR, or YYYY-MM/@SCOPE/ID/INDICATOR of what is computed from "
     "others;\n      PERIOD/@restated/NUMBER/... of a statement, VINTAGE/@factor/KIND/ID/KEY of a "
     "factor",
     command_explain},
    {"what-if", 1, 2,
     "YYYY-MM|current|previous [DIRECTION] [--move SERVICE=TARGET|local:N%] [--model "
     "[SERVICE=]PROVIDER/NAME] [--provider SERVICE=ID] [--zone SERVICE=ID] [--method SERVICE=A|B] "
     "[--reduce SERVICE|all:N%] [--shorter SERVICE|all:N%] [--lang fr|en] [--format text|json|tsv]",
     "the month beside a scenario: a part of a service's requests done elsewhere or by another "
     "model,\n"
     "      fewer of them, shorter answers; each option as often as needed",
     command_what_if},
    {"import", 1, INT_MAX, "ut1 DIRECTORY | eco2mix [FILE...] [--output FILE|-]",
     "ut1: names of the UT1 blacklists (categories ai and doh) for the catalogue, not reviewed; "
     "written to\n"
     "      services.d/ut1.conf. eco2mix: intensities of the French grid from RTE's files, kept in "
     "the state\n"
     "      directory; without files, what is held",
     command_import},
    {"factors", 1, 2, "check [DIRECTORY] | table",
     "check a vintage of factors (default: the configuration's): all errors with file and line; or "
     "list those in use, in French",
     command_factors},
    {"impact", 0, 0,
     "--provider ID --model NAME --tokens-out N [--tokens-in N] [--zone ID] [--latency S] "
     "[--method A|B] [--mix published|headline] [--units N] [--it-kwh N] [--sensitivity] [--batch "
     "FILE|-] "
     "[--format text|json|tsv] [--lang fr|en] [--factors DIRECTORY]",
     "what one use of a model costs: energy, greenhouse gases, metals, water; --batch: the same "
     "for "
     "each row of a table whose header names provider, model, tokens_out, zone, latency_s...",
     command_impact},
    {"restate", 0, 1,
     "PERIOD --vintage NAME|DIRECTORY | --list | --show NUMBER [--lang fr|en] [--format "
     "text|json|tsv]",
     "compute 2026, 2026-10 or 2026-01..2026-06 again with the factors of another vintage: old "
     "beside new,\n"
     "      with the causes; kept as a numbered statement, the ledger is not touched. List "
     "statements, or show one",
     command_restate},
    {"hash-key", 0, 0, "",
     "what stands for the key of an API in the configuration; the key is read from standard input",
     command_hash_key},
    {"power", 0, 0, "[--seconds N] [--root DIRECTORY]",
     "which meters of power this machine has, what they say, and what comes of it for its devices; "
     "needs no ledger",
     command_power},
    {"calibrate", 1, 2,
     "idle [FROM..UNTIL] [--seconds N] [--assume-idle] [--output FILE|-] | weights [PERIOD] "
     "[--output FILE|-] | service NAME [--client ADDRESS] --interface NAME|--read FILE [--truth "
     "FILE] "
     "[--least N] [--output FILE|-]",
     "what the host draws while nobody asks for anything (default: for half an hour from now on), "
     "or what\n"
     "      its tokens weigh, from what the daemon recorded: a new file for host.conf, with its "
     "errors; or how\n"
     "      the tokens of a service follow what is seen of it, from prompts of one client: a file "
     "for iagmeter.conf",
     command_calibrate},
    {"rebuild", 0, 0, "", "recreate every RRD from the ledger (the daemon must be stopped)",
     command_rebuild},
    {"status", 0, 0, "[--format text|json]",
     "what the daemon has been doing, what it did not see, and what to do about that; the "
     "objectives of the year",
     command_status},
    {"metrics", 0, 1, "[capture|use] [--output FILE]",
     "for Prometheus, as text: the state of the daemon and the capture, the use and the objectives "
     "of the months that are over",
     command_metrics},
};

static void usage(FILE *stream)
{
    fputs("usage: iagmeter COMMAND [-c FILE] ...\n", stream);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stream, "  %s %s\n      %s\n", commands[i].name, commands[i].arguments,
                commands[i].purpose);
    fputs("-c FILE: configuration (default: the installed one). Exit status: 0 done, 1 wrong usage "
          "or\n"
          "configuration, 2 something else failed.\n",
          stream);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* Options from here on are fields of a query, or changes of a scenario, or both. */
#define QUERY  256
#define CHANGE 512

/* What an option of `impact` says of one service in `what-if`. */
static int kind_of(int option)
{
    switch (option) {
    case QUERY + CALCULATOR_MODEL:
        return WHATIF_MODEL;
    case QUERY + CALCULATOR_PROVIDER:
        return WHATIF_PROVIDER;
    case QUERY + CALCULATOR_ZONE:
        return WHATIF_ZONE;
    case QUERY + CALCULATOR_METHOD:
        return WHATIF_METHOD;
    default:
        return option - CHANGE;
    }
}

/* Returns false for what is no such option, or one too many. */
static bool take_word(struct command_options *options, int option, const char *word)
{
    int kind = kind_of(option);

    if (option < QUERY || options->change_count == COMMAND_CHANGES)
        return false;
    if (option < QUERY + CALCULATOR_FIELDS)
        options->query.fields[option - QUERY] = word;
    if (kind >= 0)
        options->changes[options->change_count++] =
            (struct whatif_change){(enum whatif_kind)kind, word};
    return true;
}

static const struct option long_options[] = {
    {"all", no_argument, NULL, 'a'},
    {"addresses", no_argument, NULL, 'A'},
    {"exchanges", no_argument, NULL, 'X'},
    {"lang", required_argument, NULL, 'l'},
    {"output", required_argument, NULL, 'o'},
    {"config", required_argument, NULL, 'c'},
    {"format", required_argument, NULL, 'f'},
    {"factors", required_argument, NULL, 'F'},
    {"batch", required_argument, NULL, 'b'},
    {"sensitivity", no_argument, NULL, 's'},
    {"vintage", required_argument, NULL, 'v'},
    {"show", required_argument, NULL, 'S'},
    {"list", no_argument, NULL, 'L'},
    {"seconds", required_argument, NULL, 'n'},
    {"assume-idle", no_argument, NULL, 'i'},
    {"root", required_argument, NULL, 'R'},
    {"client", required_argument, NULL, 'C'},
    {"interface", required_argument, NULL, 'I'},
    {"read", required_argument, NULL, 'r'},
    {"truth", required_argument, NULL, 't'},
    {"least", required_argument, NULL, 'N'},
    {"metrics", no_argument, NULL, 'm'},
    {"dialect", required_argument, NULL, 'd'},
    {"provider", required_argument, NULL, QUERY + CALCULATOR_PROVIDER},
    {"model", required_argument, NULL, QUERY + CALCULATOR_MODEL},
    {"tokens-out", required_argument, NULL, QUERY + CALCULATOR_TOKENS_OUT},
    {"tokens-in", required_argument, NULL, QUERY + CALCULATOR_TOKENS_IN},
    {"zone", required_argument, NULL, QUERY + CALCULATOR_ZONE},
    {"latency", required_argument, NULL, QUERY + CALCULATOR_LATENCY_S},
    {"method", required_argument, NULL, QUERY + CALCULATOR_METHOD},
    {"mix", required_argument, NULL, QUERY + CALCULATOR_MIX},
    {"units", required_argument, NULL, QUERY + CALCULATOR_UNITS},
    {"it-kwh", required_argument, NULL, QUERY + CALCULATOR_IT_KWH},
    {"move", required_argument, NULL, CHANGE + WHATIF_MOVE},
    {"reduce", required_argument, NULL, CHANGE + WHATIF_REDUCE},
    {"shorter", required_argument, NULL, CHANGE + WHATIF_SHORTER},
    {NULL, 0, NULL, 0},
};

/* Up to a week. */
static bool parse_seconds(const char *text, unsigned *seconds)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    *seconds = (unsigned)number;
    return end != text && *end == '\0' && number >= 1 && number <= 7UL * 24 * 3600;
}

static bool parse(int argc, char **argv, struct command_options *options)
{
    int option;

    while ((option = getopt_long(argc, argv, "c:o:", long_options, NULL)) != -1) {
        switch (option) {
        case 'a':
            options->inspect.all = true;
            break;
        case 'A':
            options->inspect.addresses = true;
            break;
        case 'X':
            options->inspect.exchanges = true;
            break;
        case 'l':
            options->language = optarg;
            break;
        case 'f':
            options->format = optarg;
            break;
        case 'o':
            snprintf(options->output, sizeof(options->output), "%s", optarg);
            break;
        case 'c':
            snprintf(options->config_path, sizeof(options->config_path), "%s", optarg);
            break;
        case 'F':
            options->factors = optarg;
            break;
        case 'b':
            options->batch = optarg;
            break;
        case 's':
            options->sensitivity = true;
            break;
        case 'v':
            options->vintage = optarg;
            break;
        case 'S':
            options->show = optarg;
            break;
        case 'L':
            options->list = true;
            break;
        case 'n':
            if (!parse_seconds(optarg, &options->seconds))
                return false;
            break;
        case 'i':
            options->assume_idle = true;
            break;
        case 'R':
            options->root = optarg;
            break;
        case 'm':
            options->metrics = true;
            break;
        case 'C':
            options->session.client = optarg;
            break;
        case 'I':
            options->session.interface = optarg;
            break;
        case 'r':
            options->session.capture = optarg;
            break;
        case 't':
            options->session.truth = optarg;
            break;
        case 'N':
            if (!parse_seconds(optarg, &options->session.least))
                return false;
            break;
        case 'd':
            options->dialect = optarg;
            break;
        default:
            if (!take_word(options, option, optarg))
                return false;
        }
    }
    options->argument_count = argc - optind;
    options->arguments = argv + optind;
    return true;
}

int main(int argc, char **argv)
{
    struct command_options options = {.language = "fr", .format = "text", .root = ""};
    const struct command *command;

    if (argc >= 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        puts("iagmeter " IAGMETER_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return EXIT_SUCCESS;
    }
    command = argc >= 2 ? find_command(argv[1]) : NULL;
    config_default_path(options.config_path, sizeof(options.config_path));
    if (!command || !parse(argc - 1, argv + 1, &options) ||
        options.argument_count < command->arguments_least ||
        options.argument_count > command->arguments_most) {
        usage(stderr);
        return EXIT_CONFIGURATION;
    }
    if (strcmp(options.language, "fr") != 0 && strcmp(options.language, "en") != 0) {
        fprintf(stderr, "iagmeter: language \"%s\": fr or en\n", options.language);
        return EXIT_CONFIGURATION;
    }
    return command->run(&options);
}
