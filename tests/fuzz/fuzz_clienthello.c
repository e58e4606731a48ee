/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/clienthello.h"

#include <stdlib.h>
#include <string.h>

/* The input is what a client sends first. No part of a hello may say another name than the whole.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct clienthello hello;
    struct clienthello part;
    enum clienthello_result result = clienthello_parse(data, size, &hello);

    if (strlen(hello.name) != hello.name_length || strlen(hello.alpn) >= sizeof(hello.alpn))
        abort();
    if (result != CLIENTHELLO_COMPLETE)
        return 0;
    if (!clienthello_starts(data, size))
        abort();
    for (size_t length = 0; length < size; length += 1 + size / 64) {
        result = clienthello_parse(data, length, &part);
        if (result == CLIENTHELLO_NONE || result == CLIENTHELLO_MALFORMED ||
            (result == CLIENTHELLO_COMPLETE && memcmp(&part, &hello, sizeof(hello)) != 0))
            abort();
    }
    return 0;
}
