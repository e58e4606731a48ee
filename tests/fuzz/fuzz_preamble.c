/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/preamble.h"

#include <stdlib.h>
#include <string.h>

/* The input is what a client sends first. What is said of a part of it is "incomplete", or what is
 * said of the whole. */

static bool is_preamble(enum preamble_kind kind)
{
    return kind == PREAMBLE_CONNECT || kind == PREAMBLE_SOCKS || kind == PREAMBLE_PROXY ||
           kind == PREAMBLE_HTTP;
}

static void check(enum preamble_kind kind, const struct preamble *preamble, size_t size)
{
    static const struct preamble nothing;

    if (strlen(preamble->name) != preamble->name_length || preamble->length > size ||
        preamble->length > PREAMBLE_MAX || (preamble->length > 0) != is_preamble(kind) ||
        preamble->has_address != (preamble->address.family == 4 || preamble->address.family == 6))
        abort();
    for (size_t i = 0; i < preamble->name_length; i++)
        if (preamble->name[i] <= ' ' || preamble->name[i] > '~')
            abort();
    if (!is_preamble(kind) && memcmp(preamble, &nothing, sizeof(nothing)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct preamble preamble;
    struct preamble part;
    enum preamble_kind kind = preamble_parse(data, size, &preamble);

    check(kind, &preamble, size);
    if (size > 0 && kind != PREAMBLE_NONE && !preamble_starts(data, size))
        abort();
    for (size_t length = 0; length < size; length += 1 + size / 256) {
        enum preamble_kind part_kind = preamble_parse_cut(data, length, &part);

        check(part_kind, &part, length);
        part_kind = preamble_parse(data, length, &part);
        if (part_kind == PREAMBLE_INCOMPLETE && (!is_preamble(kind) || length < preamble.length))
            continue;
        if (part_kind != kind || memcmp(&part, &preamble, sizeof(part)) != 0)
            abort();
    }
    return 0;
}
