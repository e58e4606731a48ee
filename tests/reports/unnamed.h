/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_UNNAMED_H
#define IAGMETER_TESTS_UNNAMED_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A page as it is read, without pointing at anything: the names of its figures are taken out, in
 * place. */

static inline size_t unnamed_skip(const char *at, const char *start, const char *end)
{
    const char *found;

    if (strncmp(at, start, strlen(start)) != 0)
        return 0;
    found = strstr(at + strlen(start), end);
    return found ? (size_t)(found - at) + strlen(end) : 0;
}

static inline void unnamed(char *page)
{
    bool in_name = false;
    char *out = page;

    for (const char *at = page; *at;) {
        size_t opened = unnamed_skip(at, "<span title=\"iagmeter explain ", "\">");
        size_t skipped = unnamed_skip(at, " title=\"iagmeter explain ", "\"");

        if (!skipped)
            skipped = unnamed_skip(at, " id=\"", "\"");
        if (opened) {
            in_name = true;
            skipped = opened;
        } else if (in_name && strncmp(at, "</span>", strlen("</span>")) == 0) {
            in_name = false;
            skipped = strlen("</span>");
        }
        at += skipped;
        if (!skipped)
            *out++ = *at++;
    }
    *out = '\0';
}

#endif
