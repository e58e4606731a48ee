/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_SERVICESFILE_H
#define IAGMETER_TESTS_SERVICESFILE_H

#include "daemon/catalogue.h"
#include "tests/capture/cut.h"
#include "tests/daemon/scratch.h"

/* What a services.conf is made of, as text, and what must be said of a broken one: for the tests of
 * its parts. Include after cmocka.h. */

#define GAPS                                                                                       \
    "request_bytes_min = 200.0; request_record_min = 100.0; burst_gap_s = 2.0; "                   \
    "answer_record_min = 35.0; answer_bytes_min = 200.0; answer_gap_s = 6.0; "                     \
    "answer_s_min = 0.0; answer_slots_min = 0.0; count_error = 0.1; "
#define SHAPE GAPS "exchange_sigma = 0.5; "
#define PRIOR "input = \"prior\"; input_prior_tokens = [ 20, 100, 300 ]; "
#define E1                                                                                         \
    "e1 = { method = \"M4\"; grade = \"B\"; source = \"s\"; " SHAPE                                \
    "bytes_per_token = [ 1, 2, 3 ]; " PRIOR "};"
#define E0                                                                                         \
    "e0 = { method = \"none\"; grade = \"-\"; source = \"s\"; " GAPS                               \
    "input = \"prior\"; input_prior_tokens = 0; };"
#define ESTIMATORS "estimators = { " E1 " " E0 " };\n"
#define PLAIN                                                                                      \
    "label = \"L\"; operator = \"O\"; country = \"FR\"; hosting = \"eu\"; modality = [ \"text\" "  \
    "]; "
#define HOST(name) "hosts = { inference = [ \"" name "\" ]; }; "

/* With what cuts exchanges, in the line after. */
static inline void write_with_exchanges(const char *text)
{
    char all[16384];

    assert_true(snprintf(all, sizeof(all), "%s" SHIPPED_EXCHANGES, text) < (int)sizeof(all));
    scratch_write("services.conf", all);
}

static inline struct catalogue *load(const char *text, const struct catalogue *previous,
                                     struct diagnostics *diagnostics)
{
    char path[PATH_MAX];

    write_with_exchanges(text);
    scratch_path(path, "services.conf");
    return catalogue_load(path, previous, diagnostics);
}

struct broken {
    const char *text;
    unsigned line;
    const char *fragment;
};

/* Fails unless each text is refused with one complaint, at that line and with that in it. */
static inline void assert_broken(const struct broken *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct diagnostics *diagnostics = diagnostics_new();

        assert_null(load(rows[i].text, NULL, diagnostics));
        assert_complaint(diagnostics, "services.conf", rows[i].line, rows[i].fragment);
        if (diagnostics_errors(diagnostics) != 1) {
            diagnostics_print(diagnostics, stderr);
            fail_msg("row %zu has %zu errors", i, diagnostics_errors(diagnostics));
        }
        diagnostics_free(diagnostics);
    }
}

#endif
