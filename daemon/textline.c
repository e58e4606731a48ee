/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/textline.h"

#include <stdbool.h>

enum textline textline_read(FILE *stream, char *line, size_t size)
{
    size_t length = 0;
    bool sound = true;
    int byte;

    while ((byte = getc(stream)) != EOF && byte != '\n') {
        if (byte == '\0' || length + 1 == size)
            sound = false;
        else
            line[length++] = (char)byte;
    }
    line[length] = '\0';
    if (byte == EOF && length == 0 && sound)
        return TEXTLINE_END;
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    return sound ? TEXTLINE_READ : TEXTLINE_UNSOUND;
}
