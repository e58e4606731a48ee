/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_SCRAPER_H
#define IAGMETER_SCRAPER_H

#include "collectors/inference/scrapername.h"
#include "collectors/inference/servermetrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Asks inference servers for their metrics over HTTP (libcurl), without ever waiting for one. */

#define SCRAPER_TARGETS   16
#define SCRAPER_MOST_SIZE (32U << 20) /* bytes of one answer; more is none */

struct scraper_target {
    const char *url;         /* http or https */
    const char *socket_path; /* of a Unix socket to connect to instead; "": none */
    const char *bearer_path; /* file of a token to authorise with (RFC 6750); "": none */
    unsigned interval_s;     /* between two questions */
    unsigned timeout_s;
    struct servermetrics_setup metrics;
};

struct scraper;

/* At most SCRAPER_TARGETS. What they point to must outlive it. NULL when memory is exhausted. */
struct scraper *scraper_new(const struct scraper_target *targets, size_t count);
void scraper_free(struct scraper *scraper);

/* Asks who is due, and reads what has arrived; waits for answers up to WAIT_MS, which may be 0.
 * WALL_S: Unix time. */
void scraper_poll(struct scraper *scraper, int64_t wall_s, int64_t monotonic_ns, int wait_ms);

/* What servers counted since this was called last, up to SIZE entries; to be called again when it
 * fills all of them. */
size_t scraper_take(struct scraper *scraper, struct server_use *out, size_t size);

struct scraper_state {
    char name[SCRAPERNAME_SIZE];

    const char *covers; /* whose counters, in a few words */
    char problem[200];  /* one sentence; "": it answers */
    uint64_t answers;
    uint64_t failures;
    uint64_t restarts;         /* of the server */
    uint64_t missed_s;         /* for which it did not answer; while it is away, by whole minutes */
    uint64_t unknown_teams;    /* samples of the last answer that are of no configured team */
    uint64_t unreadable_lines; /* of the last answer */
};
/* Of target INDEX; false when there is none. */
bool scraper_state(const struct scraper *scraper, size_t index, struct scraper_state *state);

#endif
