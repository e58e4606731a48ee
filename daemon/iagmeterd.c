/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "collectors/capture/source.h"
#include "daemon/capture.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/memorylimit.h"
#include "daemon/programs.h"
#include "daemon/sandbox.h"
#include "daemon/stacked.h"
#include "daemon/startcheck.h"
#include "daemon/supervisor.h"
#include "daemon/version.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The files of one capture. */
struct captures {
    const char *paths[SOURCE_FILES];
    unsigned count;
};

static void usage(FILE *stream)
{
    fputs("usage: iagmeterd [-c FILE] [-r CAPTURE... [-w COUNT] | -t]\n"
          "  -c FILE        configuration (default: the installed one)\n"
          "  -r CAPTURE     meter a pcap or pcapng file on its own clock, and end; - is\n"
          "                 standard input. Several files (-r a.pcap -r b.pcap, or\n"
          "                 -r cap*.pcap) are one capture, by their first packets' times\n"
          "  -w COUNT       let COUNT processes share the packets of CAPTURE; 1: one thread\n"
          "  -t             check the configuration, and end\n"
          "  -h, --help     print this\n"
          "  -V, --version  print the version\n"
          "Without -r or -t: capture on the configured interfaces until SIGTERM; SIGHUP\n"
          "reads the configuration again. Exit status: 0 done, 1 wrong usage or\n"
          "configuration, 2 something else failed. More: man iagmeterd\n",
          stream);
}

/* `iagmeterd -t` of root reads as the user whom the daemon's processes become. Where there is none,
 * or the main file has errors, that is said of it later. */
static void become_user_of(const char *path)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = diagnostics ? config_load_main(path, diagnostics) : NULL;
    char error[256];

    if (config && sandbox_knows_user(config->user) &&
        !sandbox_become(config->user, false, error, sizeof(error)))
        log_line(LOG_PRIORITY_WARNING, "%s", error);
    config_free(config);
    diagnostics_free(diagnostics);
}

static struct config *load(const char *path, enum start start)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct config *config = NULL;

    if (!diagnostics)
        return NULL;
    config = config_load(path, NULL, diagnostics);
    if (config)
        startcheck(config, start, diagnostics);
    diagnostics_print(diagnostics, stderr);
    if (diagnostics_errors(diagnostics) > 0) {
        config_free(config);
        config = NULL;
    }
    diagnostics_free(diagnostics);
    return config;
}

static void warn_of_memory(const struct config *config, const struct capture_needs *needs)
{
    uint64_t allowed = memorylimit_read("");

    if (needs->all > allowed)
        log_line(LOG_PRIORITY_WARNING,
                 "%s: by `limits`, capture can take %llu MiB of the %llu MiB of memory that all "
                 "processes together may use (MemoryMax): the kernel would end them",
                 config->path, (unsigned long long)(needs->all >> 20),
                 (unsigned long long)(allowed >> 20));
}

/* Also what the unit must allow: that is not known here, but to the daemon when it starts. */
static void tell_memory(const struct config *config)
{
    const struct capture_needs needs = capture_needs(config);

    if (needs.all == 0)
        log_line(LOG_PRIORITY_WARNING, "%s: there is not as much memory as `limits` can take",
                 config->path);
    else
        printf("limits: up to %llu MiB of memory for each capture process, %llu MiB for all\n",
               (unsigned long long)(needs.one >> 20), (unsigned long long)(needs.all >> 20));
    warn_of_memory(config, &needs);
}

/* What is configured may not be what the machine has: that is told, and is no error, since meters
 * come and go. */
static void list_meters(const struct config *config)
{
    char *const arguments[] = {"iagmeter-counters", "-l", "2", "-c", (char *)config->path, NULL};

    programs_run(arguments);
}

/* No error: it may come. */
static void warn_of_absent(const struct config *config)
{
    for (unsigned i = 0; i < config->interface_count; i++)
        if (!source_interface_exists(config->interfaces[i].name))
            log_line(LOG_PRIORITY_WARNING,
                     "%s: interface %s is not there now: the daemon would wait for it",
                     config->path, config->interfaces[i].name);
}

static int check(const struct config *config)
{
    printf("%s: %u services, %u directions, factors %s, %u interface(s): no error\n", config->path,
           catalogue_count(config->catalogue), directions_count(config->directions),
           factors_vintage(config->factors), config->interface_count);
    if (config->interface_count == 0 && !config->host)
        printf("%s: neither an interface nor a host: the daemon would meter captures (-r) alone\n",
               config->path);
    tell_memory(config);
    warn_of_absent(config);
    fflush(stdout);
    if (config->host)
        list_meters(config);
    return EXIT_SUCCESS;
}

static int start(struct config *config, const struct captures *captures, unsigned workers)
{
    if (captures->count == 0) {
        const struct capture_needs needs = capture_needs(config);

        warn_of_memory(config, &needs);
    }
    return supervisor_run(config, captures->paths, captures->count, workers);
}

static bool parse_workers(const char *text, unsigned *workers)
{
    char *end;
    unsigned long count = strtoul(text, &end, 10);

    *workers = (unsigned)count;
    return end != text && *end == '\0' && count >= 1 && count <= MAX_WORKERS;
}

static bool add_capture(struct captures *captures, const char *path)
{
    if (captures->count == SOURCE_FILES) {
        fprintf(stderr,
                "iagmeterd: -r %s: at most %d files are one capture: of more, "
                "`mergecap -w - FILE... | iagmeterd -r -`\n",
                path, SOURCE_FILES);
        return false;
    }
    captures->paths[captures->count++] = path;
    return true;
}

/* What follows without an option is files for -r: of `-r cap*.pcap`, the shell makes several. */
static bool add_others(struct captures *captures, char *const *paths)
{
    for (; *paths; paths++)
        if (!add_capture(captures, *paths))
            return false;
    return true;
}

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv)
{
    char path[PATH_MAX] = "";
    struct captures captures = {0};
    unsigned workers = 0; /* not said */
    bool check_only = false;
    struct config *config;
    int option;

    log_open("iagmeterd");
    config_default_path(path, sizeof(path));
    while ((option = getopt_long(argc, argv, "c:r:w:tVh", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            snprintf(path, sizeof(path), "%s", optarg);
            break;
        case 'r':
            if (!add_capture(&captures, optarg))
                return EXIT_CONFIGURATION;
            break;
        case 'w':
            if (!parse_workers(optarg, &workers)) {
                fprintf(stderr, "iagmeterd: -w %s: not a number from 1 to %d\n", optarg,
                        MAX_WORKERS);
                return EXIT_CONFIGURATION;
            }
            break;
        case 't':
            check_only = true;
            break;
        case 'V':
            puts("iagmeterd " IAGMETER_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EXIT_CONFIGURATION;
        }
    }
    if (captures.count > 0 ? check_only : workers > 0 || optind != argc) {
        usage(stderr);
        return EXIT_CONFIGURATION;
    }
    if (!add_others(&captures, argv + optind))
        return EXIT_CONFIGURATION;
    if (check_only)
        become_user_of(path);
    config = load(path, check_only ? START_CHECK : captures.count > 0 ? START_REPLAY : START_LIVE);
    if (!config)
        return EXIT_CONFIGURATION;
    if (captures.count == 0)
        stacked_warn("/sys", config);
    if (check_only) {
        int status = check(config);

        config_free(config);
        return status;
    }
    return start(config, &captures, workers);
}
