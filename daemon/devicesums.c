/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/devicesums.h"

#include "daemon/config.h"

#include <stdlib.h>

/* Pairs of direction and service, times the days that workers are apart: one, or around midnight
 * two. */
#define MAX_ROWS 8192

struct row {
    uint16_t direction_id;
    uint16_t service_id;
    int32_t day;
    uint32_t devices[MAX_WORKERS];
};

struct devicesums {
    size_t count;
    struct row rows[MAX_ROWS];
};

struct devicesums *devicesums_new(void)
{
    return calloc(1, sizeof(struct devicesums));
}

void devicesums_free(struct devicesums *sums)
{
    free(sums);
}

/* NULL when there is no room. */
static struct row *row_of(struct devicesums *sums, const struct device_count *count)
{
    struct row *row;

    for (size_t i = 0; i < sums->count; i++) {
        row = &sums->rows[i];
        if (row->direction_id == count->direction_id && row->service_id == count->service_id &&
            row->day == count->day)
            return row;
    }
    if (sums->count == MAX_ROWS)
        return NULL;
    row = &sums->rows[sums->count++];
    *row = (struct row){count->direction_id, count->service_id, count->day, {0}};
    return row;
}

uint32_t devicesums_take(struct devicesums *sums, unsigned worker, const struct device_count *count)
{
    struct row *row = row_of(sums, count);
    uint32_t sum = 0;

    if (!row)
        return count->devices;
    row->devices[worker] = count->devices;
    for (unsigned i = 0; i < MAX_WORKERS; i++)
        sum += row->devices[i];
    return sum;
}

void devicesums_forget(struct devicesums *sums, int32_t day)
{
    size_t kept = 0;

    for (size_t i = 0; i < sums->count; i++)
        if (sums->rows[i].day >= day)
            sums->rows[kept++] = sums->rows[i];
    sums->count = kept;
}
