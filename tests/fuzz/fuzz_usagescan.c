/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/usagescan.h"

#include <stdlib.h>
#include <string.h>

/* The first byte chooses the framing, where a gap is, and whether models are asked for; the rest is
 * a body. However it is cut, the same is found: byte by byte, nothing is passed over at once. */

static const struct inference_model models[] = {
    {.name = "m", .port = 1, .service = 1},
    {.name = "mistral", .port = 1, .service = 2},
    {.name = "mistral", .port = 2, .service = 3},
};
static const struct model_table table = {models, sizeof(models) / sizeof(*models)};

static const struct hash_key key = {{3, 4}};

static void scan_in_pieces(struct usage_scan *scan, const uint8_t *data, size_t size,
                           unsigned choice, size_t piece)
{
    size_t gap = choice & 8 ? size / 2 : SIZE_MAX;

    if ((choice & 3) == 3)
        usagescan_start_request(scan);
    else
        usagescan_start(scan, (enum usage_framing)(choice & 3));
    if (choice & 16)
        usagescan_ask_model(scan, &table, 1);
    if (piece > 1 && (choice & 3) != 3) /* byte by byte, no event is whole: each is read */
        usagescan_remember_shapes(scan, &key);
    for (size_t at = 0; at < size;) {
        size_t end = at < gap && gap < size ? gap : size;
        size_t next = end - at < piece ? end - at : piece;

        usagescan_bytes(scan, data + at, next);
        at += next;
        if (at == gap)
            usagescan_gap(scan);
    }
    usagescan_end(scan);
}

static void compare(const struct usage_scan *a, const struct usage_scan *b)
{
    struct usage_counts whole = usagescan_counts(a);
    struct usage_counts cut = usagescan_counts(b);

    if (cut.tokens_in != whole.tokens_in || cut.tokens_out != whole.tokens_out ||
        cut.tokens_cached != whole.tokens_cached || cut.basis != whole.basis ||
        cut.input_known != whole.input_known || cut.damaged != whole.damaged)
        abort();
    if (a->streams != b->streams || a->choices_wanted != b->choices_wanted ||
        a->events != b->events || a->has_remote_host != b->has_remote_host || a->idle != b->idle ||
        a->model.known != b->model.known || a->model.elsewhere != b->model.elsewhere ||
        a->model.service != b->model.service)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 2, 7, 33};
    struct usage_scan whole;
    struct usage_scan cut;
    struct usage_counts counts;

    if (size == 0)
        return 0;
    scan_in_pieces(&whole, data + 1, size - 1, data[0], SIZE_MAX);
    counts = usagescan_counts(&whole);
    if (counts.basis > USAGE_OBJECT || (counts.basis == USAGE_NOTHING && counts.tokens_out > 0) ||
        (!counts.input_known && (counts.tokens_in > 0 || counts.tokens_cached > 0)))
        abort();
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        scan_in_pieces(&cut, data + 1, size - 1, data[0], pieces[i]);
        compare(&whole, &cut);
    }
    return 0;
}
