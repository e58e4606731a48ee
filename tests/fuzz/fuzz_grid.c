/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/eco2mix.h"
#include "daemon/grid.h"

#include <stdlib.h>
#include <string.h>

/* The input is a file of éCO2mix, or a table. Whatever comes of it must be in order, and as a table
 * be written and read without a change. */

static FILE *null;

static void check_half_hours(const struct grid_half_hour *halves, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (halves[i].start_s % HALF_HOUR_S != 0 ||
            (i > 0 && halves[i].start_s <= halves[i - 1].start_s) ||
            !(halves[i].g_per_kwh >= 0 && halves[i].g_per_kwh <= GRID_MOST_G_PER_KWH) ||
            halves[i].nature < GRID_REAL_TIME || halves[i].nature > GRID_DEFINITIVE)
            abort();
}

static void check_counts(const struct eco2mix *file, size_t count)
{
    const struct eco2mix_counts *counts = eco2mix_counts(file);

    if (count == 0 || counts->rows < count + counts->empty + counts->repeated + counts->skipped +
                                         counts->ambiguous + counts->wrong)
        abort();
}

static char *write_table(const struct grid *grid, size_t *size)
{
    char *text;
    FILE *stream = open_memstream(&text, size);

    if (!stream || !grid_write(grid, stream) || fclose(stream) != 0)
        abort();
    return text;
}

static struct grid *read_table(const void *bytes, size_t size)
{
    FILE *stream = fmemopen((void *)(uintptr_t)bytes, size, "r");
    struct grid *grid;

    if (!stream)
        abort();
    grid = grid_read(stream, "table", null);
    fclose(stream);
    return grid;
}

static void check_table(const struct grid *grid)
{
    size_t size;
    size_t again_size;
    char *text = write_table(grid, &size);
    struct grid *again = read_table(text, size);
    char *again_text = again ? write_table(again, &again_size) : NULL;

    if (!again_text || size != again_size || memcmp(text, again_text, size) != 0)
        abort();
    grid_print(grid, null);
    grid_free(again);
    free(text);
    free(again_text);
}

static void check_file(const struct eco2mix *file)
{
    struct grid *grid = grid_new();
    struct grid_changes changes;
    size_t count;
    const struct grid_half_hour *halves = eco2mix_half_hours(file, &count);

    check_half_hours(halves, count);
    check_counts(file, count);
    for (int round = 0; round < 2; round++)
        if (!grid || !grid_merge(grid, halves, count, eco2mix_source(file), &changes, null) ||
            (round == 0 ? changes.added : changes.same) != count)
            abort();
    check_table(grid);
    grid_free(grid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eco2mix *file;
    struct grid *grid;

    if (!null)
        null = fopen("/dev/null", "we");
    file = eco2mix_parse((const char *)data, size, "file", 4102444800, null);
    if (file)
        check_file(file);
    eco2mix_free(file);
    grid = size > 0 ? read_table(data, size) : NULL;
    if (grid)
        check_table(grid);
    grid_free(grid);
    return 0;
}
