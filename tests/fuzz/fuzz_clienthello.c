/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/clienthello.h"

#include <stdlib.h>
#include <string.h>

/* The input is what a client sends first. No part of a hello may say another name than the whole,
 * be more expected or not. */

/* Records that say nothing come first: a part may hold no more than these. */
static bool begins_silently(const uint8_t *data, size_t size)
{
    return size >= 5 && (data[0] != 22 || (data[3] == 0 && data[4] == 0));
}

static void check_part(enum clienthello_result result, const struct clienthello *part,
                       const struct clienthello *whole)
{
    if (result == CLIENTHELLO_MALFORMED ||
        (result == CLIENTHELLO_COMPLETE &&
         (strcmp(part->name, whole->name) != 0 ||
          memcmp(part->random, whole->random, sizeof(whole->random)) != 0)))
        abort();
}

/* Whether a byte less says the same: of a hello that is too long, the first bytes do. */
static bool is_part(const uint8_t *data, size_t size)
{
    struct clienthello hello;

    return clienthello_parse(data, size - 1, &hello) == CLIENTHELLO_COMPLETE;
}

/* What the first LENGTH bytes are shortened to, and the rest, tell the same: of a hello that is no
 * longer too long for it, as far as it is there. */
static void check_shortened(uint8_t *bytes, const uint8_t *data, size_t length, size_t size,
                            const struct clienthello *whole)
{
    struct clienthello hello;
    enum clienthello_result result;
    size_t shorter;

    memcpy(bytes, data, length);
    shorter = clienthello_shorten(bytes, length);
    if (shorter > length)
        abort();
    memcpy(bytes + shorter, data + length, size - length);
    result = clienthello_parse(bytes, shorter + size - length, &hello);
    if (result == CLIENTHELLO_INCOMPLETE && is_part(data, size))
        result = clienthello_parse_cut(bytes, shorter + size - length, &hello);
    if (result != CLIENTHELLO_COMPLETE || memcmp(&hello, whole, sizeof(hello)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t shortened[CLIENTHELLO_MAX];
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
        if (result == CLIENTHELLO_NONE && !begins_silently(data, size))
            abort();
        check_part(result, &part, &hello);
        check_part(clienthello_parse_cut(data, length, &part), &part, &hello);
        if (size <= sizeof(shortened))
            check_shortened(shortened, data, length, size, &hello);
    }
    return 0;
}
