/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/servermetrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The first byte chooses the dialect; the rest is two answers of a server, cut at a byte of 1.
 * However they come in pieces, the same is read, and what is counted is possible. */

static const struct server_model models[] = {{"m", 2}, {"n", 3}};
static const struct server_team teams[] = {{"DSN", 1}, {"DRH", 2}};

struct found {
    struct server_use uses[64];
    size_t count;
    int results[2];
    struct prometheus_counts counts;
};

static int answer(struct servermetrics *metrics, const uint8_t *data, size_t size, size_t piece,
                  int64_t now_s)
{
    servermetrics_begin(metrics);
    for (size_t at = 0; at < size;) {
        size_t next = size - at < piece ? size - at : piece;

        servermetrics_bytes(metrics, data + at, next);
        at += next;
    }
    return (int)servermetrics_end(metrics, false, now_s);
}

static void read_answers(const uint8_t *data, size_t size, size_t piece, struct found *found)
{
    const struct servermetrics_setup setup = {
        .dialect = (enum server_dialect)(data[0] % SERVER_DIALECTS),
        .service = 1,
        .models = models,
        .model_count = 2,
        .teams = teams,
        .team_count = 2,
    };
    struct servermetrics *metrics = servermetrics_new(&setup);
    const uint8_t *end = memchr(data + 1, 1, size - 1);
    size_t first = end ? (size_t)(end - data) - 1 : size - 1;

    if (!metrics)
        abort();
    memset(found, 0, sizeof(*found));
    found->results[0] = answer(metrics, data + 1, first, piece, 1000);
    found->results[1] = end ? answer(metrics, end + 1, size - first - 2, piece, 1060) : 0;
    found->count = servermetrics_take(metrics, found->uses, 64);
    found->counts = servermetrics_counts(metrics);
    servermetrics_free(metrics);
}

static void check(const struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct server_use *use = &found->uses[i];

        if (use->tokens_cached > use->tokens_in || use->direction_id > 2 || use->service_id < 1 ||
            use->service_id > 3 || use->tokens_in > UINT64_C(1) << 60 ||
            use->tokens_out > UINT64_C(1) << 60 || use->requests > UINT64_C(1) << 60)
            abort();
    }
}

/* In which order fractions and very large counts are added up depends on the hash. */
static bool near(double a, double b)
{
    return fabs(a - b) <= 64 + fmax(a, b) / 1e9;
}

static void add_up(const struct found *found, double sums[4])
{
    memset(sums, 0, 4 * sizeof(*sums));
    for (size_t i = 0; i < found->count; i++) {
        sums[0] += (double)found->uses[i].requests;
        sums[1] += (double)found->uses[i].tokens_in;
        sums[2] += (double)found->uses[i].tokens_cached;
        sums[3] += (double)found->uses[i].tokens_out;
    }
}

static bool is_same(const struct found *a, const struct found *b)
{
    double x[4];
    double y[4];

    add_up(a, x);
    add_up(b, y);
    return memcmp(a->results, b->results, sizeof(a->results)) == 0 &&
           memcmp(&a->counts, &b->counts, sizeof(a->counts)) == 0 && near(x[0], y[0]) &&
           near(x[1], y[1]) && near(x[2], y[2]) && near(x[3], y[3]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 7, 1000};
    static struct found whole;
    static struct found cut;

    if (size == 0)
        return 0;
    read_answers(data, size, SIZE_MAX, &whole);
    check(&whole);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        read_answers(data, size, pieces[i], &cut);
        if (!is_same(&cut, &whole))
            abort();
    }
    return 0;
}
