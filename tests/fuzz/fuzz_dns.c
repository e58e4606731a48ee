/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/dns.h"

#include <stdlib.h>
#include <string.h>

/* The input is one message. No part of an answer may say another name than the whole, nor addresses
 * that the whole has not got. */

static void check(const struct dns_answer *answer)
{
    if (strlen(answer->name) != answer->name_length || answer->name_length > 253 ||
        answer->address_count > DNS_MAX_ADDRESSES)
        abort();
    for (unsigned i = 0; i < answer->address_count; i++)
        if (answer->addresses[i].family != 4 && answer->addresses[i].family != 6)
            abort();
}

static void check_part(const struct dns_answer *whole, const struct dns_answer *part)
{
    check(part);
    if (strcmp(whole->name, part->name) != 0 || whole->type != part->type)
        abort();
    if (whole->left_out) /* which ones are kept depends on what there is */
        return;
    if (part->has_ech && !whole->has_ech)
        abort();
    for (unsigned i = 0; i < part->address_count; i++) {
        unsigned j = 0;

        while (memcmp(&part->addresses[i], &whole->addresses[j], sizeof(struct address)) != 0)
            if (++j == whole->address_count)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_answer answer;
    struct dns_answer part;
    struct dns_identity identity;
    bool identified = dns_identify(data, size, &identity);

    if (dns_parse(data, size, &answer) != DNS_ANSWER)
        return 0;
    if (!identified || !identity.is_answer)
        abort();
    check(&answer);
    for (size_t length = 0; length < size; length += 1 + size / 32) {
        enum dns_result result = dns_parse(data, length, &part);

        if (result == DNS_OTHER)
            abort();
        if (result == DNS_ANSWER)
            check_part(&answer, &part);
    }
    return 0;
}
