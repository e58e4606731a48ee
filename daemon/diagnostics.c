/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/diagnostics.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

/* A hostile or broken file must not make us print without end. */
#define MAX_COMPLAINTS 200
/* A path and a sentence: where the fault is must never be what gets cut off. */
#define COMPLAINT_SIZE (PATH_MAX + 512)

struct diagnostics {
    char *texts[MAX_COMPLAINTS];
    size_t count;
    size_t errors;
    size_t warnings;
};

struct diagnostics *diagnostics_new(void)
{
    return calloc(1, sizeof(struct diagnostics));
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    if (!diagnostics)
        return;
    for (size_t i = 0; i < diagnostics->count; i++)
        free(diagnostics->texts[i]);
    free(diagnostics);
}

static void record(struct diagnostics *diagnostics, const char *file, unsigned line,
                   const char *severity, const char *format, va_list arguments)
{
    char text[COMPLAINT_SIZE];
    int used = 0;

    if (diagnostics->count == MAX_COMPLAINTS)
        return;
    if (file && line)
        used = snprintf(text, sizeof(text), "%s:%u: %s", file, line, severity);
    else if (file)
        used = snprintf(text, sizeof(text), "%s: %s", file, severity);
    else
        used = snprintf(text, sizeof(text), "%s", severity);
    if (used < 0 || (size_t)used >= sizeof(text))
        used = 0;
    vsnprintf(text + used, sizeof(text) - (size_t)used, format, arguments);
    log_clean(text);
    diagnostics->texts[diagnostics->count] = strdup(text);
    if (diagnostics->texts[diagnostics->count])
        diagnostics->count++;
}

void diagnostics_error(struct diagnostics *diagnostics, const char *file, unsigned line,
                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(diagnostics, file, line, "", format, arguments);
    va_end(arguments);
    diagnostics->errors++;
}

void diagnostics_warning(struct diagnostics *diagnostics, const char *file, unsigned line,
                         const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    record(diagnostics, file, line, "warning: ", format, arguments);
    va_end(arguments);
    diagnostics->warnings++;
}

size_t diagnostics_errors(const struct diagnostics *diagnostics)
{
    return diagnostics->errors;
}

size_t diagnostics_warnings(const struct diagnostics *diagnostics)
{
    return diagnostics->warnings;
}

const char *diagnostics_text(const struct diagnostics *diagnostics, size_t index)
{
    return index < diagnostics->count ? diagnostics->texts[index] : NULL;
}

void diagnostics_print(const struct diagnostics *diagnostics, FILE *stream)
{
    for (size_t i = 0; i < diagnostics->count; i++)
        fprintf(stream, "%s\n", diagnostics->texts[i]);
    if (diagnostics->errors + diagnostics->warnings > diagnostics->count)
        fprintf(stream, "(%zu more not shown)\n",
                diagnostics->errors + diagnostics->warnings - diagnostics->count);
}
