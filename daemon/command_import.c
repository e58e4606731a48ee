/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/eco2mix.h"
#include "daemon/grid.h"
#include "daemon/import.h"
#include "daemon/outfile.h"

static bool write_import(const void *context, FILE *stream)
{
    return import_write(context, stream);
}

static bool same_file(const char *a, const char *b)
{
    struct stat first;
    struct stat second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* The catalogue without what an earlier import wrote: that is about to be replaced, and may be what
 * is wrong with it. */
static struct catalogue *load_others(const struct config *config, const char *usual,
                                     const char *output, struct diagnostics *diagnostics)
{
    char **paths = calloc(config->service_file_count, sizeof(*paths));
    struct catalogue *catalogue = NULL;
    size_t count = 0;

    for (size_t i = 0; paths && i < config->service_file_count; i++)
        if (i == 0 || (!same_file(config->service_files[i], usual) &&
                       !same_file(config->service_files[i], output)))
            paths[count++] = config->service_files[i];
    if (paths)
        catalogue = catalogue_load_files(paths, count, NULL, NULL, NULL, diagnostics);
    free(paths);
    return catalogue;
}

static bool write_list(const char *output, const struct import *import)
{
    if (strcmp(output, "-") == 0) {
        import_print(import, stderr);
        return import_write(import, stdout);
    }
    if (!outfile_write(output, write_import, import))
        return false;
    import_print(import, stdout);
    printf("%s\n", output);
    return true;
}

static int import_names(const struct command_options *options, const struct config *config,
                        struct diagnostics *diagnostics)
{
    char usual[PATH_MAX + 16];
    const char *output = options->output[0] ? options->output : usual;
    struct catalogue *known;
    struct import *import = NULL;
    int status = EXIT_TROUBLE;

    snprintf(usual, sizeof(usual), "%s/ut1.conf", config->services_directory);
    known = load_others(config, usual, output, diagnostics);
    if (!known)
        return EXIT_CONFIGURATION;
    import = import_ut1(options->arguments[1], known, stderr);
    if (import && (output != usual || outfile_directory(config->services_directory, 0755)) &&
        write_list(output, import))
        status = EXIT_SUCCESS;
    import_free(import);
    catalogue_free(known);
    return status;
}

static bool write_grid(const void *context, FILE *stream)
{
    return grid_write(context, stream);
}

static void print_counts(const char *path, const struct eco2mix *file,
                         const struct grid_changes *changes, FILE *stream)
{
    const struct eco2mix_counts *counts = eco2mix_counts(file);
    const struct {
        unsigned long count;
        const char *what;
    } parts[] = {
        {counts->rows, "rows"},
        {counts->empty, "without a figure"},
        {counts->repeated, "repeated"},
        {counts->skipped, "of the hour that clocks skip"},
        {counts->ambiguous, "of an hour that comes twice, not told apart"},
        {counts->wrong, "wrong"},
        {counts->disputed, "quarter-hours of two figures"},
        {changes->added, "half-hours new"},
        {changes->improved, "more final than what was held"},
        {changes->changed, "changed"},
        {changes->same, "as held"},
        {changes->kept, "less final than what is held"},
    };
    const char *separator = ": ";

    fputs(path, stream);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].count == 0)
            continue;
        fprintf(stream, "%s%lu %s", separator, parts[i].count, parts[i].what);
        separator = ", ";
    }
    fputc('\n', stream);
}

/* All files or none: each is merged into GRID, which is written only when the last one was. */
static bool merge_files(struct grid *grid, char *const *paths, int count, FILE *stream)
{
    int64_t now_s = time(NULL);

    for (int i = 0; i < count; i++) {
        struct eco2mix *file = eco2mix_read(paths[i], now_s, stderr);
        const struct grid_half_hour *half_hours;
        struct grid_changes changes;
        size_t half_hour_count;
        bool merged;

        if (!file)
            return false;
        half_hours = eco2mix_half_hours(file, &half_hour_count);
        merged =
            grid_merge(grid, half_hours, half_hour_count, eco2mix_source(file), &changes, stderr);
        if (merged)
            print_counts(paths[i], file, &changes, stream);
        else
            fputs("iagmeter: out of memory\n", stderr);
        eco2mix_free(file);
        if (!merged)
            return false;
    }
    return true;
}

/* Nobody else may import between our reading the table and our writing it: the lock is DIRECTORY's.
 * Returns a descriptor to close, or -1 after a complaint. */
static int lock_directory(const char *directory)
{
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (descriptor >= 0 && flock(descriptor, LOCK_EX) == 0)
        return descriptor;
    fprintf(stderr, "iagmeter: %s: %s\n", directory, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* --output names the file that the table is written to instead of its own. */
static bool put_grid(const struct grid *grid, const char *path, const char *output)
{
    if (strcmp(output, "-") == 0) {
        grid_print(grid, stderr);
        return grid_write(grid, stdout);
    }
    if (!outfile_write(output[0] ? output : path, write_grid, grid))
        return false;
    grid_print(grid, stdout);
    printf("%s\n", output[0] ? output : path);
    return true;
}

static int import_grid(const struct command_options *options, const char *directory,
                       const char *path)
{
    FILE *messages = strcmp(options->output, "-") == 0 ? stderr : stdout;
    struct grid *grid;
    int status = EXIT_TROUBLE;
    int lock;

    if (!outfile_directory(directory, 0755) || (lock = lock_directory(directory)) < 0)
        return EXIT_TROUBLE;
    grid = grid_load(path, stderr);
    if (grid && merge_files(grid, options->arguments + 1, options->argument_count - 1, messages) &&
        put_grid(grid, path, options->output))
        status = EXIT_SUCCESS;
    grid_free(grid);
    close(lock);
    return status;
}

static int show_grid(const char *path)
{
    struct grid *grid = grid_load(path, stderr);

    if (!grid)
        return EXIT_TROUBLE;
    grid_print(grid, stdout);
    grid_free(grid);
    return EXIT_SUCCESS;
}

static int import_eco2mix(const struct command_options *options, const struct config *config)
{
    char directory[PATH_MAX + 16];
    char path[PATH_MAX + 16];

    grid_path(config->state_directory, path, sizeof(path));
    snprintf(directory, sizeof(directory), "%s", path);
    *strrchr(directory, '/') = '\0';
    return options->argument_count > 1 ? import_grid(options, directory, path) : show_grid(path);
}

static int import_from(const struct command_options *options, const struct config *config,
                       struct diagnostics *diagnostics)
{
    if (strcmp(options->arguments[0], "eco2mix") == 0)
        return import_eco2mix(options, config);
    return import_names(options, config, diagnostics);
}

int command_import(const struct command_options *options)
{
    bool is_ut1 = strcmp(options->arguments[0], "ut1") == 0;
    struct diagnostics *diagnostics;
    struct config *config;
    int status = EXIT_CONFIGURATION;

    if (!is_ut1 && strcmp(options->arguments[0], "eco2mix") != 0) {
        fprintf(stderr, "iagmeter: nothing called \"%s\" to import: ut1 or eco2mix\n",
                options->arguments[0]);
        return EXIT_CONFIGURATION;
    }
    if (is_ut1 && options->argument_count != 2) {
        fputs("iagmeter: import ut1 takes one directory\n", stderr);
        return EXIT_CONFIGURATION;
    }
    /* What is imported is public, and the daemon, another user, must be able to read it: also where
     * the administrator's files are for nobody else. */
    umask(S_IWGRP | S_IWOTH);
    diagnostics = diagnostics_new();
    if (!diagnostics)
        return EXIT_TROUBLE;
    config = config_load_main(options->config_path, diagnostics);
    if (config)
        status = import_from(options, config, diagnostics);
    diagnostics_print(diagnostics, stderr);
    diagnostics_free(diagnostics);
    config_free(config);
    return status;
}
