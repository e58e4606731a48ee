/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_MATCHING_H
#define IAGMETER_TESTS_MATCHING_H

#include "daemon/catalogue.h"
#include "daemon/directions.h"

#include <string.h>

/* What a catalogue says of a name in letters. */

/* The number of its service, or SERVICE_NONE. */
static inline uint16_t match(const struct catalogue *catalogue, const char *name)
{
    return catalogue_match(catalogue, name, strlen(name)).service;
}

static inline bool is_resolver_address(const struct catalogue *catalogue, const char *text)
{
    struct address address;
    unsigned length;

    return !directions_parse_prefix(text, &address, &length) &&
           catalogue_is_resolver_address(catalogue, &address);
}

static inline bool is_resolver(const struct catalogue *catalogue, const char *name)
{
    return catalogue_is_resolver(catalogue, name, strlen(name));
}

#endif
