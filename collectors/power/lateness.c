/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/lateness.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* So many seconds are remembered, as the time constant of an exponential mean. */
#define MEMORY_S 21600.0
#define LEAST_S  1800.0 /* to compare */
/* A batch or two say little: of a meter that tells every 20 s, each edge may be off by 10. */
#define LEAST_SWINGS 20

/* What is to be sure of: the GPUs' draw changes by so much (standard deviation); the meter follows
 * it; and delays that are no neighbours leave more of its variance unexplained: so many times as
 * much, and so much of all beyond that. */
#define LEAST_GPUS_W    20.0
#define LEAST_EXPLAINED 0.8
#define NEIGHBOUR_S     30
#define TIMES_AS_MUCH   1.5
#define MORE_OF_ALL     0.05
#define DELAY_0         (-LATENESS_EARLIEST_S)
#define PLACE(second_s) ((size_t)((second_s) % LATENESS_DELAYS))

static void begin(struct lateness *lateness, int64_t second_s, double whole_j, double gpus_j)
{
    if (lateness->seconds <= 0) {
        lateness->first_whole_j = whole_j;
        lateness->first_gpus_j = gpus_j;
    }
    lateness->next_s = second_s;
    lateness->run_s = 0;
}

/* What the meter said DELAY_0 seconds ago, beside what the GPUs drew in all that are known. */
static void compare(struct lateness *lateness)
{
    const double keep = 1 - 1 / MEMORY_S;
    int64_t second_s = lateness->next_s - 1 - DELAY_0;
    double whole_j = lateness->whole_j[PLACE(second_s)];

    lateness->seconds = keep * lateness->seconds + 1;
    lateness->whole = keep * lateness->whole + whole_j;
    lateness->whole_squared = keep * lateness->whole_squared + whole_j * whole_j;
    for (int i = 0; i < LATENESS_DELAYS; i++) {
        double gpus_j = lateness->gpus_j[PLACE(lateness->next_s - 1 - i)];
        struct lateness_sums *sums = &lateness->delays[i];

        sums->gpus = keep * sums->gpus + gpus_j;
        sums->gpus_squared = keep * sums->gpus_squared + gpus_j * gpus_j;
        sums->product = keep * sums->product + gpus_j * whole_j;
    }
}

/* What seemed to be a load may be the noise of none: then the first one begins the count anew. */
static void note_span(struct lateness *lateness, double gpus_j)
{
    double *span_j = &lateness->span_j;

    lateness->least_j = fmin(lateness->least_j, gpus_j);
    lateness->most_j = fmax(lateness->most_j, gpus_j);
    if (lateness->most_j - lateness->least_j < 2 * *span_j)
        return;
    *span_j = lateness->most_j - lateness->least_j;
    lateness->swings = 0;
}

static void note_swing(struct lateness *lateness, double gpus_j)
{
    double further_j = lateness->rises ? gpus_j - lateness->turn_j : lateness->turn_j - gpus_j;

    if (further_j < 0 && further_j > -lateness->span_j / 3)
        return;
    if (further_j < 0) {
        lateness->rises = !lateness->rises;
        lateness->swings++;
    }
    lateness->turn_j = gpus_j;
}

void lateness_add(struct lateness *lateness, int64_t second_s, double whole_j, double gpus_j)
{
    if (lateness->run_s == 0 || second_s != lateness->next_s)
        begin(lateness, second_s, whole_j, gpus_j);
    lateness->whole_j[PLACE(second_s)] = whole_j - lateness->first_whole_j;
    lateness->gpus_j[PLACE(second_s)] = gpus_j - lateness->first_gpus_j;
    lateness->next_s++;
    note_span(lateness, gpus_j - lateness->first_gpus_j);
    note_swing(lateness, gpus_j - lateness->first_gpus_j);
    if (lateness->run_s < LATENESS_DELAYS)
        lateness->run_s++;
    if (lateness->run_s == LATENESS_DELAYS)
        compare(lateness);
}

/* Of the meter's variance, how much the GPUs leave unexplained at that delay; above 1: nothing can
 * be said. */
static double unexplained(const struct lateness *lateness, int delay)
{
    const struct lateness_sums *sums = &lateness->delays[delay];
    double n = lateness->seconds;
    double of_whole = lateness->whole_squared / n - pow(lateness->whole / n, 2);
    double of_gpus = sums->gpus_squared / n - pow(sums->gpus / n, 2);
    double of_both = sums->product / n - lateness->whole / n * (sums->gpus / n);

    if (of_whole <= 0 || of_gpus < LEAST_GPUS_W * LEAST_GPUS_W || of_both <= 0)
        return 2;
    return fmax(1 - of_both * of_both / (of_whole * of_gpus), 0);
}

bool lateness_find(const struct lateness *lateness, int *late_s)
{
    double left[LATENESS_DELAYS];
    int best = 0;

    if (lateness->seconds < LEAST_S || lateness->swings < LEAST_SWINGS)
        return false;
    for (int i = 0; i < LATENESS_DELAYS; i++) {
        left[i] = unexplained(lateness, i);
        if (left[i] < left[best])
            best = i;
    }
    if (left[best] > 1 - LEAST_EXPLAINED || best == 0 || best == LATENESS_DELAYS - 1)
        return false;
    for (int i = 0; i < LATENESS_DELAYS; i++)
        if ((i < best - NEIGHBOUR_S || i > best + NEIGHBOUR_S) &&
            left[i] < TIMES_AS_MUCH * left[best] + MORE_OF_ALL)
            return false;
    *late_s = best - DELAY_0;
    return true;
}
