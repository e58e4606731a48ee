/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TEXTLINE_H
#define IAGMETER_TEXTLINE_H

#include <stddef.h>
#include <stdio.h>

/* Lines of a text that somebody else wrote, of any length, in fixed memory. */

enum textline {
    TEXTLINE_END,    /* of the text; *LINE is "" */
    TEXTLINE_READ,   /* without its line feed, or carriage return and line feed */
    TEXTLINE_UNSOUND /* too long, or with a NUL: skipped to its end */
};

/* Reads one into LINE, of SIZE bytes. A failure of the stream reads as its end: ferror() tells. */
enum textline textline_read(FILE *stream, char *line, size_t size);

#endif
