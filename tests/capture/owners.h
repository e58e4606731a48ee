/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_OWNERS_H
#define IAGMETER_TESTS_OWNERS_H

#include "tests/capture/scene.h"

/* Films of two connections between the same ports, and of what somebody forged: to be played whole,
 * or each without the others. Include after cmocka.h. */

enum { OLD = 1, NEW = 2, FORGED = 4 };

/* Whose the shots are, by their order. */
static uint8_t owners[4096];
static size_t owned;

static inline void give_to(uint8_t owner)
{
    for (; owned < film.count; owned++)
        owners[owned] = owner;
}

struct played {
    struct activity sum;
    struct coverage coverage;
};

static inline struct played play(uint8_t whose, uint16_t direction)
{
    struct metering *metering = scene_metering(&scene_limits);

    for (size_t i = 0; i < film.count; i++)
        if (owners[i] & whose)
            scene_show(metering, i, i + 1, 1);
    scene_close(metering);
    return (struct played){sum_of(direction, API), sink_coverage(&sunk)};
}

#define ASSERT_ADDS_UP(whole, one, other, member)                                                  \
    assert_int_equal((whole).member, (one).member + (other).member)
#define ASSERT_ADDS_UP_NEAR(whole, one, other, member)                                             \
    assert_near((whole).member.central, (one).member.central + (other).member.central)

/* What there is to count of the whole is that of both. */
static inline void assert_adds_up(const struct played *whole, const struct played *one,
                                  const struct played *other)
{
    ASSERT_ADDS_UP(whole->coverage, one->coverage, other->coverage, flows);
    ASSERT_ADDS_UP(whole->coverage, one->coverage, other->coverage, names_seen);
    ASSERT_ADDS_UP(whole->coverage, one->coverage, other->coverage, names_missing);
    ASSERT_ADDS_UP(whole->coverage, one->coverage, other->coverage, bytes_lost);
    ASSERT_ADDS_UP(whole->sum, one->sum, other->sum, flows);
    ASSERT_ADDS_UP(whole->sum, one->sum, other->sum, bytes_up);
    ASSERT_ADDS_UP(whole->sum, one->sum, other->sum, bytes_down);
    ASSERT_ADDS_UP_NEAR(whole->sum, one->sum, other->sum, requests);
    ASSERT_ADDS_UP_NEAR(whole->sum, one->sum, other->sum, tokens_in);
    ASSERT_ADDS_UP_NEAR(whole->sum, one->sum, other->sum, tokens_out);
}

#endif
