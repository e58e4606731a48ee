/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SHIPPED_H
#define IAGMETER_TESTS_SHIPPED_H

#include "daemon/config.h"
#include "tests/daemon/scratch.h"

#define SHIPPED_SERVICES IAGMETER_SOURCE_ROOT "/conf/services.conf"
#define SHIPPED_FACTORS  IAGMETER_SOURCE_ROOT "/conf/factors/2026"
#define DEMO_CAPTURE     IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap"
#define DEMO_TRUTH       IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/truth.tsv"

/* Of the directory PATH. */
static inline struct factors *factors_without_complaint(const char *path)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct factors *factors = factors_load(path, diagnostics);

    assert_no_complaint(diagnostics);
    assert_non_null(factors);
    diagnostics_free(diagnostics);
    return factors;
}

/* The services that we ship. */
static inline struct catalogue *shipped_catalogue(void)
{
    struct diagnostics *diagnostics = diagnostics_new();
    struct catalogue *loaded = catalogue_load(SHIPPED_SERVICES, NULL, diagnostics);

    assert_no_complaint(diagnostics);
    assert_non_null(loaded);
    diagnostics_free(diagnostics);
    return loaded;
}

/* The services and directions that we ship, in a scratch configuration with small limits; its state
 * lies in "state" beside it. FACTORS is a directory. Include after cmocka.h. */
static inline struct config *shipped_config(const char *factors, const struct config *previous)
{
    struct diagnostics *diagnostics = diagnostics_new();
    char text[4 * PATH_MAX];
    char path[PATH_MAX];
    struct config *config;

    snprintf(text, sizeof(text),
             "state_directory = \"state\"; timezone = \"Europe/Paris\"; rrd_years = 2;\n"
             "limits = { max_flows = 4096; max_tracked_flows = 512; max_reassembly = 64;\n"
             "           max_devices = 1024; };\n"
             "services = \"%s\"; directions = \"%s\"; factors = \"%s\";\n",
             SHIPPED_SERVICES, IAGMETER_SOURCE_ROOT "/conf/directions.conf", factors);
    scratch_write("iagmeter.conf", text);
    scratch_path(path, "iagmeter.conf");
    config = config_load(path, previous, diagnostics);
    assert_no_complaint(diagnostics);
    assert_non_null(config);
    diagnostics_free(diagnostics);
    return config;
}

/* A whole file, with a NUL after it. Freed by the caller. */
static inline char *read_whole(const char *path, size_t *size)
{
    FILE *stream = fopen(path, "re");
    struct stat status;
    char *bytes;

    if (!stream || fstat(fileno(stream), &status) != 0)
        fail_msg("%s cannot be read", path);
    *size = (size_t)status.st_size;
    bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, stream), *size);
    bytes[*size] = '\0';
    fclose(stream);
    return bytes;
}

static inline void scratch_write_bytes(const char *name, const void *bytes, size_t size)
{
    char path[PATH_MAX];
    FILE *stream;

    scratch_path(path, name);
    stream = fopen(path, "we");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

/* Sum of COLUMN (from 0) of the demonstration's truth.tsv. */
static inline double demo_truth(unsigned column)
{
    size_t size;
    char *text = read_whole(DEMO_TRUTH, &size);
    double sum = 0;

    for (char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        const char *field = line + 1;

        for (unsigned i = 0; i < column; i++)
            field = strchr(field, '\t') + 1;
        sum += strtod(field, NULL);
    }
    free(text);
    return sum;
}

#endif
