/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/sysfs.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/power/counter.h"
#include "collectors/power/timeline.h"

/* The input is a byte that says how the channel counts, then the text of a file of /sys, line after
 * line: readings of one counter, a second apart. What is taken for a number must print as it was
 * written; whatever the readings, what was drawn is never negative, nor covers more time than there
 * was. */

#define SECOND_NS INT64_C(1000000000)

static void check_number(const char *text, uint64_t number)
{
    char printed[32];

    while (text[0] == '0' && isdigit((unsigned char)text[1]))
        text++;
    snprintf(printed, sizeof(printed), "%" PRIu64, number);
    if (strncmp(text, printed, strlen(printed)) != 0)
        abort();
}

static void check_piece(const struct counter_piece *piece, const struct power_channel *channel)
{
    if (!(piece->energy_j >= 0) || piece->until_ns <= piece->from_ns ||
        piece->covered_ns > (uint64_t)(piece->until_ns - piece->from_ns))
        abort();
    if (channel->quantity == POWER_QUANTITY_POWER && piece->flags != ENERGY_INTEGRATED)
        abort();
}

static void check_seconds(struct timeline *timeline, int64_t now_s)
{
    for (int64_t s = timeline->first_s; s <= now_s; s++) {
        struct timeline_second second = timeline_at(timeline, s);

        if (second.covered_ns > TIMELINE_SECOND_NS || !(second.energy_j >= 0))
            abort();
    }
}

static bool parse_line(const char *line, uint64_t *value)
{
    uint64_t time_us;
    unsigned small;

    if (sysfs_parse_suffix(line, "package-", &small))
        check_number(line + strlen("package-"), small);
    if (sysfs_parse_number(line, value) || sysfs_parse_cray(line, "J", value, &time_us)) {
        check_number(line, *value);
        return true;
    }
    return false;
}

static void follow(const struct power_channel *channel, char *text)
{
    static struct timeline timeline;
    struct counter counter = {false, 0, 0};
    struct counter_piece piece;
    int64_t now_ns = SECOND_NS / 3;

    memset(&timeline, 0, sizeof(timeline));
    for (char *line = strsep(&text, "\n"); line; line = strsep(&text, "\n")) {
        struct power_reading reading = {0, now_ns};

        if (parse_line(line, &reading.value) &&
            counter_add(&counter, channel, &reading, 3 * SECOND_NS, &piece)) {
            check_piece(&piece, channel);
            timeline_add(&timeline, &piece);
        }
        now_ns += SECOND_NS;
    }
    check_seconds(&timeline, now_ns / SECOND_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct power_channel channel = {.unit = 1e-6, .most_w = 1};
    char *text;

    if (size == 0 || !(text = malloc(size)))
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    channel.quantity = data[0] & 1 ? POWER_QUANTITY_POWER : POWER_QUANTITY_ENERGY;
    channel.range = data[0] & 2 ? UINT32_MAX : 0;
    follow(&channel, text);
    free(text);
    return 0;
}
