/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/commandline.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sandbox.h"
#include "daemon/version.h"

/* How a month is named. */
#define MONTH "YYYY-MM|current|previous"

static const struct command {
    const char *name;
    int arguments_least;
    int arguments_most;
    const char *forms;   /* of the command line, one a line; one that begins with a blank goes on */
    const char *purpose; /* in one line of 80 columns, with the name */
} commands[] = {
    {"status", 0, 0, "[--format text|json]",
     "what the daemon did, what it did not see, and the objectives"},
    {"report", 2, 2,
     "month " MONTH "\n  [--lang fr|en] [--output DIRECTORY]\n"
     "year YYYY|current|previous ...",
     "write the footprint of a month or of a year"},
    {"explain", 0, 4,
     MONTH " [DIRECTION|.|other] [SERVICE|.]\n"
           "  [INDICATOR] [--lang fr|en] [--format text|html|json]\n"
           "MONTH/DIRECTION/SERVICE/INDICATOR ...\n"
           "DAY [--lang fr|en] [--format text|html|json]\n"
           "MONTH/@SCOPE/ID/INDICATOR ...\n"
           "YEAR/DIRECTION/SERVICE/INDICATOR ...\n"
           "YEAR/@SCOPE/ID/INDICATOR ...\n"
           "PERIOD/@restated/NUMBER/DIRECTION/SERVICE/INDICATOR ...\n"
           "VINTAGE/@factor/KIND/ID/KEY ...\n"
           "--batch FILE|- [--lang fr|en] [--format text|json]",
     "where a figure of the report comes from, recomputed"},
    {"what-if", 1, 2,
     MONTH " [DIRECTION]\n"
           "  [--move SERVICE=TARGET:SHARE%] [--model [SERVICE=]PROVIDER/NAME]\n"
           "  [--provider SERVICE=ID] [--zone SERVICE=ID] [--method SERVICE=A|B]\n"
           "  [--reduce SERVICE|all:SHARE%] [--shorter SERVICE|all:SHARE%]\n"
           "  [--lang fr|en] [--format text|json|tsv]",
     "a month beside a scenario"},
    {"restate", 0, 1,
     "PERIOD --vintage NAME|DIRECTORY\n"
     "  [--lang fr|en] [--format text|json|tsv]\n"
     "--list | --show NUMBER\n"
     "  [--lang fr|en] [--format text|json|tsv]",
     "a period again, with the factors of another vintage"},
    {"impact", 0, 0,
     "--provider ID --model NAME --tokens-out N [--tokens-in N]\n"
     "  [--zone ID] [--latency S] [--method A|B] [--mix published|headline]\n"
     "  [--units N] [--it-kwh N] [--sensitivity] [--factors DIRECTORY]\n"
     "  [--lang fr|en] [--format text|json|tsv]\n"
     "--batch FILE|- ...",
     "what one use of a model costs"},
    {"factors", 1, 2, "check [DIRECTORY]\ntable",
     "check a vintage of factors, or list those in use"},
    {"metrics", 0, 1, "[capture|use] [--output FILE]", "the same as status, for Prometheus"},
    {"inspect", 1, INT_MAX,
     "CAPTURE... [--all] [--addresses] [--exchanges]\n--metrics FILE|- [--dialect NAME]",
     "what the daemon sees in a capture, recording nothing"},
    {"import", 1, INT_MAX, "ut1 DIRECTORY [--output FILE|-]\neco2mix [FILE...] [--output FILE|-]",
     "names of the UT1 blacklists; intensities of the French grid"},
    {"hash-key", 0, 0, "", "the hash of an API key that is read from standard input"},
    {"power", 0, 0, "[--seconds N] [--root DIRECTORY]", "which meters of power this machine has"},
    {"calibrate", 1, 2,
     "idle [FROM..UNTIL] [--seconds N] [--assume-idle]\n"
     "  [--output FILE|-]\n"
     "weights [PERIOD] [--output FILE|-]\n"
     "service NAME --interface NAME --client ADDRESS\n"
     "  [--seconds N] [--truth FILE] [--least N] [--output FILE|-]\n"
     "service NAME --read FILE [--client ADDRESS] ...",
     "measure a host at rest, its tokens' weights, or a service"},
    {"rebuild", 0, 0, "", "make the round-robin databases anew from the ledger"},
};

static void usage(FILE *stream)
{
    fputs("usage: iagmeter COMMAND [OPTION...] [ARGUMENT...]\n"
          "       iagmeter COMMAND --help\n"
          "\n"
          "Commands:\n",
          stream);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].purpose);
    fputs("\nOptions of every command:\n"
          "  -c, --config FILE  configuration (default: the installed one)\n"
          "  -o FILE            the same as --output FILE, where there is one\n"
          "  -h, --help         the usage of the command alone\n"
          "Without a command:\n"
          "  -V, --version      print the version\n"
          "\n"
          "Exit status: 0 done, 1 wrong usage or configuration, 2 something else failed.\n"
          "What each does, and each option: man iagmeter\n",
          stream);
}

static void print_forms(const struct command *command, FILE *stream)
{
    const char *line = command->forms;
    const char *before = "usage: ";

    for (;;) {
        int length = (int)strcspn(line, "\n");

        if (line[0] == ' ')
            fprintf(stream, "         %.*s\n", length, line);
        else
            fprintf(stream, "%siagmeter %s%s%.*s\n", before, command->name, length ? " " : "",
                    length, line);
        before = "       ";
        if (line[length] == '\0')
            return;
        line += length + 1;
    }
}

static void usage_of(const struct command *command, FILE *stream)
{
    print_forms(command, stream);
    fprintf(stream, "\n%s: %s\n-c FILE: configuration. Each option: man iagmeter\n", command->name,
            command->purpose);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static commandline_run *find_run(const struct commandline_runner *runners, const char *name)
{
    for (; runners->name; runners++)
        if (strcmp(runners->name, name) == 0)
            return runners->run;
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
    {"help", no_argument, NULL, 'h'},
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

/* One that a command would not look at must not seem to have worked: its usage names those that it
 * has. */
static bool offers(const struct command *command, const char *name)
{
    size_t length = strlen(name);
    const char *place = command->forms;

    if (strcmp(name, "config") == 0 || strcmp(name, "help") == 0)
        return true;
    for (; (place = strstr(place, "--")); place += 2)
        if (strncmp(place + 2, name, length) == 0 && place[2 + length] != '-' &&
            !islower((unsigned char)place[2 + length]))
            return true;
    fprintf(stderr, "iagmeter: %s has no option --%s\n", command->name, name);
    return false;
}

/* The long name of what getopt_long() returned; NUMBER, of a long one, is its place in the table.
 */
static const char *name_of(int option, int number)
{
    if (number >= 0)
        return long_options[number].name;
    return option == 'o' ? "output" : option == 'c' ? "config" : "help";
}

static bool parse(const struct command *command, int argc, char **argv,
                  struct command_options *options)
{
    int option;
    int number = -1;

    for (; (option = getopt_long(argc, argv, "c:o:h", long_options, &number)) != -1; number = -1) {
        if (option == '?' || !offers(command, name_of(option, number)))
            return false;
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
        case 'h':
            options->help = true;
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

/* What a full disk or a closed descriptor took must not pass for done: most of it is still in the
 * buffer when a command has ended. */
static int finish(int status)
{
    int reason = fflush(stdout) != 0 ? errno : 0;

    if (reason == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "iagmeter: standard output: %s\n",
            reason ? strerror(reason) : "not all could be written");
    return status == EXIT_SUCCESS ? EXIT_TROUBLE : status;
}

int commandline_main(int argc, char **argv, const struct commandline_runner *runners)
{
    struct command_options options = {
        .command_line = argv, .language = "fr", .format = "text", .root = ""};
    const struct command *command;
    commandline_run *run;
    char error[256];
    bool parsed;

    /* It would hold the packets that `inspect` reads, or the key that `hash-key` is told. */
    if (!sandbox_forbid_core(error, sizeof(error))) {
        fprintf(stderr, "iagmeter: %s\n", error);
        return EXIT_TROUBLE;
    }
    if (argc >= 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        puts("iagmeter " IAGMETER_VERSION);
        return finish(EXIT_SUCCESS);
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return finish(EXIT_SUCCESS);
    }
    command = argc >= 2 ? find_command(argv[1]) : NULL;
    run = command ? find_run(runners, command->name) : NULL;
    config_default_path(options.config_path, sizeof(options.config_path));
    if (!run) {
        usage(stderr);
        return EXIT_CONFIGURATION;
    }
    parsed = parse(command, argc - 1, argv + 1, &options);
    if (parsed && options.help) {
        usage_of(command, stdout);
        return finish(EXIT_SUCCESS);
    }
    if (!parsed || options.argument_count < command->arguments_least ||
        options.argument_count > command->arguments_most) {
        usage_of(command, stderr);
        return EXIT_CONFIGURATION;
    }
    if (strcmp(options.language, "fr") != 0 && strcmp(options.language, "en") != 0) {
        fprintf(stderr, "iagmeter: language \"%s\": fr or en\n", options.language);
        return EXIT_CONFIGURATION;
    }
    return finish(run(&options));
}
