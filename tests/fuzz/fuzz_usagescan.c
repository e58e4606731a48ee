/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/usagescan.h"

#include <stdlib.h>
#include <string.h>

/* The first byte chooses the framing and where a gap is; the rest is a body. However it is cut, the
 * same is found. */

static struct usage_counts scan_in_pieces(const uint8_t *data, size_t size, unsigned choice,
                                          size_t piece)
{
    struct usage_scan scan;
    size_t gap = choice & 8 ? size / 2 : SIZE_MAX;

    if ((choice & 3) == 3)
        usagescan_start_request(&scan);
    else
        usagescan_start(&scan, (enum usage_framing)(choice & 3));
    for (size_t at = 0; at < size;) {
        size_t end = at < gap && gap < size ? gap : size;
        size_t next = end - at < piece ? end - at : piece;

        usagescan_bytes(&scan, data + at, next);
        at += next;
        if (at == gap)
            usagescan_gap(&scan);
    }
    usagescan_end(&scan);
    return usagescan_counts(&scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 2, 7, 33};
    struct usage_counts whole;
    struct usage_counts cut;

    if (size == 0)
        return 0;
    whole = scan_in_pieces(data + 1, size - 1, data[0], SIZE_MAX);
    if (whole.basis > USAGE_OBJECT || (whole.basis == USAGE_NOTHING && whole.tokens_out > 0) ||
        (!whole.input_known && (whole.tokens_in > 0 || whole.tokens_cached > 0)))
        abort();
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        cut = scan_in_pieces(data + 1, size - 1, data[0], pieces[i]);
        if (cut.tokens_in != whole.tokens_in || cut.tokens_out != whole.tokens_out ||
            cut.tokens_cached != whole.tokens_cached || cut.basis != whole.basis ||
            cut.input_known != whole.input_known || cut.damaged != whole.damaged)
            abort();
    }
    return 0;
}
