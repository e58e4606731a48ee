/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/clienthello.h"

#include <stdlib.h>
#include <string.h>

/* The input is what a client sends first, in records or without. No part of a hello may say another
 * name than the whole, be more expected or not. */

typedef enum clienthello_result parser(const uint8_t *bytes, size_t length,
                                       struct clienthello *hello);

static const struct form {
    parser *parse;
    parser *parse_cut;
    size_t (*shorten)(uint8_t *bytes, size_t length);
} records = {clienthello_parse, clienthello_parse_cut, clienthello_shorten},
  message = {clienthello_parse_message, clienthello_parse_cut_message, clienthello_shorten_message};

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
static bool is_part(const struct form *form, const uint8_t *data, size_t size)
{
    struct clienthello hello;

    return form->parse(data, size - 1, &hello) == CLIENTHELLO_COMPLETE;
}

/* What the first LENGTH bytes are shortened to, and the rest, tell the same: of a hello that is no
 * longer too long for it, as far as it is there. */
static void check_shortened(const struct form *form, const uint8_t *data, size_t length,
                            size_t size, const struct clienthello *whole)
{
    static uint8_t bytes[CLIENTHELLO_MAX];
    struct clienthello hello;
    enum clienthello_result result;
    size_t shorter;

    memcpy(bytes, data, length);
    shorter = form->shorten(bytes, length);
    if (shorter > length)
        abort();
    memcpy(bytes + shorter, data + length, size - length);
    result = form->parse(bytes, shorter + size - length, &hello);
    if (result == CLIENTHELLO_INCOMPLETE && is_part(form, data, size))
        result = form->parse_cut(bytes, shorter + size - length, &hello);
    if (result != CLIENTHELLO_COMPLETE || memcmp(&hello, whole, sizeof(hello)) != 0)
        abort();
}

/* Returns whether it is a whole hello. */
static bool check(const struct form *form, const uint8_t *data, size_t size)
{
    struct clienthello hello;
    struct clienthello part;
    enum clienthello_result result = form->parse(data, size, &hello);

    if (strlen(hello.name) != hello.name_length || strlen(hello.alpn) >= sizeof(hello.alpn))
        abort();
    if (result != CLIENTHELLO_COMPLETE)
        return false;
    for (size_t length = 0; length < size; length += 1 + size / 64) {
        result = form->parse(data, length, &part);
        if (result == CLIENTHELLO_NONE && !begins_silently(data, size))
            abort();
        check_part(result, &part, &hello);
        check_part(form->parse_cut(data, length, &part), &part, &hello);
        if (size <= CLIENTHELLO_MAX)
            check_shortened(form, data, length, size, &hello);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (check(&records, data, size) && !clienthello_starts(data, size))
        abort();
    check(&message, data, size);
    return 0;
}
