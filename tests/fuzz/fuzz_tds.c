/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/tds.h"
#include "tests/capture/frames.h"

#include <stdlib.h>
#include <string.h>

/* The input is what a client of SQL Server sends first: options, which are stepped over as long as
 * some come, and a hello behind them. What is said of a part of it is "incomplete", or what is said
 * of the whole. */

static enum clienthello_result parse(const uint8_t *bytes, size_t length, bool cut,
                                     struct clienthello *hello)
{
    uint8_t *copy = exact_copy(bytes, length);
    enum clienthello_result result = tds_parse_hello(copy, length, cut, hello);

    if (strlen(hello->name) != hello->name_length || strlen(hello->alpn) >= sizeof(hello->alpn))
        abort();
    free(copy);
    return result;
}

static void check_parts(const uint8_t *bytes, size_t length)
{
    struct clienthello hello;
    struct clienthello part;
    enum clienthello_result result = parse(bytes, length, false, &hello);

    for (size_t at = 0; at < length; at += 1 + length / 64)
        for (int cut = 0; cut < 2; cut++)
            if (parse(bytes, at, cut, &part) == CLIENTHELLO_COMPLETE &&
                result == CLIENTHELLO_COMPLETE && strcmp(part.name, hello.name) != 0)
                abort();
}

static void check_kinds(const uint8_t *bytes, size_t length, enum tds_kind whole,
                        uint32_t whole_size)
{
    uint32_t size;

    for (size_t at = 0; at < length; at += 1 + length / 64) {
        uint8_t *copy = exact_copy(bytes, at);
        enum tds_kind kind = tds_look(copy, at, &size);

        free(copy);
        if (size > at || (size > 0) != (kind == TDS_OPTIONS))
            abort();
        if (whole == TDS_OPTIONS && kind != (at < whole_size ? TDS_INCOMPLETE : TDS_OPTIONS))
            abort();
        if (whole == TDS_TLS && kind != TDS_INCOMPLETE && kind != TDS_TLS)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    enum tds_kind kind;
    uint32_t size;

    do {
        kind = tds_look(data, length, &size);
        if (size > length)
            abort();
        check_kinds(data, length, kind, size);
        data += size;
        length -= size;
    } while (kind == TDS_OPTIONS);
    if (kind == TDS_TLS)
        check_parts(data, length);
    return 0;
}
