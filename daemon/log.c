/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define REPEAT_S 3600
/* Something that is begun anew holds when it worked for so long. */
#define HOLDS_S 600
/* Ends of it, of which each so many are told in the long run. */
#define ENDS_AT_A_TIME 64

static const char *program_name = "iagmeter";
static bool to_journal;

void log_open(const char *program)
{
    program_name = program;
    to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        if (*at < ' ' || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) /* U+0080 to U+009F */
            at[0] = at[1] = '?';
    }
}

void log_line(enum log_priority priority, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_clean(text);
    /* sd-daemon(3): "<N>" gives the line its priority. One call, so that lines of several processes
     * do not mix. */
    if (to_journal)
        fprintf(stderr, "<%d>%s\n", (int)priority, text);
    else
        fprintf(stderr, "%s: %s%s\n", program_name,
                priority == LOG_PRIORITY_WARNING ? "warning: " : "", text);
}

bool log_due(struct log_damper *damper, int64_t now_s, uint64_t *silenced)
{
    if (now_s < damper->next_s) {
        damper->silenced++;
        return false;
    }
    *silenced = damper->silenced;
    damper->silenced = 0;
    damper->next_s = now_s + REPEAT_S;
    return true;
}

bool log_end_due(struct log_ends *ends, int64_t worked_s)
{
    if (worked_s >= HOLDS_S)
        ends->count = 0;
    ends->count++;
    /* A power of two has one bit. */
    ends->silenced = (ends->count & (ends->count - 1)) != 0 && ends->count % ENDS_AT_A_TIME != 0;
    return !ends->silenced;
}

bool log_holds_again(struct log_ends *ends, int64_t worked_s, unsigned *count)
{
    if (worked_s < HOLDS_S)
        return false;
    *count = ends->count;
    *ends = (struct log_ends){0, false};
    return *count > 2; /* the first two were told */
}
