/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_CAPTURE_SAID_H
#define TESTS_CAPTURE_SAID_H

#include "collectors/capture/estimator.h"

/* Records of one connection, said one after the other to a tracker of exchanges. Who includes this
 * says in record() how its tracker takes one. */

static struct exchange_shape shapes[16]; /* of the finished exchanges */
static unsigned finished;

static void record(int64_t now_ns, bool from_client, uint32_t size);

static void client(int64_t now_ns, uint32_t size)
{
    record(now_ns, true, size);
}

static void server(int64_t now_ns, uint32_t size)
{
    record(now_ns, false, size);
}

/* COUNT records, STEP_NS apart. Returns the time of the last one. */
static int64_t stream(int64_t from_ns, int64_t step_ns, unsigned count, uint32_t size)
{
    for (unsigned i = 0; i < count; i++)
        server(from_ns + i * step_ns, size);
    return from_ns + (count - 1) * step_ns;
}

#endif
