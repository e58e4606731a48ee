/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_FETCHES_H
#define IAGMETER_FETCHES_H

#include <stdbool.h>
#include <stdint.h>

/* What devices fetched lately from hosts that images of answers come from: a model's image is told
 * by when it is fetched, and by its size beside the icons of pages; or, where it comes from the
 * page's own host, beside the calls of a page that loads. Files for prompts are sent to the same
 * hosts. A device is its hash of the day (devices.h), and no address. The table never grows; the
 * oldest go, fetches before files. */

struct fetches;
struct estimator;
struct webexchange_bulk;

/* NULL when memory is exhausted. */
struct fetches *fetches_new(void);
void fetches_free(struct fetches *fetches);

/* DEVICE said BYTES to such a host (at least a request), or was sent them. In time order. What it
 * says until the host replies and it pauses is a file if it is large enough; ESTIMATOR says what
 * each of these is, or that no file is known. */
void fetches_add(struct fetches *fetches, uint64_t device, int64_t now_ns, bool from_client,
                 uint32_t bytes, const struct estimator *estimator);

/* DEVICE sent FILES elsewhere, which were told there. */
void fetches_add_files(struct fetches *fetches, uint64_t device, int64_t now_ns, uint32_t files);

/* DEVICE was sent BULK by a page's own host, over CONNECTION (not 0). In time order of each
 * connection. */
void fetches_add_bulk(struct fetches *fetches, uint64_t device, uint32_t connection,
                      const struct webexchange_bulk *bulk, const struct estimator *estimator);

/* When a fetch of an answer's images began. */
struct fetches_window {
    int64_t from_ns;
    int64_t own_from_ns; /* the same of those over its own connection */
    int64_t until_ns;
    int64_t now_ns; /* what just came from a page's own host may yet turn out to be the page */
};

/* The bytes of images that DEVICE, which was answered over CONNECTION, fetched in that WINDOW; 0
 * when there are none. They are forgotten. What is fetched at once is images where ESTIMATOR says
 * so, by its size and its number. */
uint64_t fetches_take(struct fetches *fetches, uint64_t device, uint32_t connection,
                      const struct fetches_window *window, const struct estimator *estimator);

/* How many files DEVICE sent, the last of them between FROM_NS and UNTIL_NS. They are forgotten. */
uint32_t fetches_take_files(struct fetches *fetches, uint64_t device, int64_t from_ns,
                            int64_t until_ns);

#endif
