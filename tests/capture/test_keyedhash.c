/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/keyedhash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* Of the authors' reference implementation (github.com/veorq/SipHash) with cROUNDS=1, dROUNDS=3:
 * key 00 to 0f, message 00, 01, 02... of as many bytes as the index says. */
static const uint64_t reference[] = {
    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
    0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
    0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
    0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c, 0x8ffc389cb473e63e, 0xf21f9de58d297d1c,
};

static void it_is_siphash_1_3(void **state)
{
    const struct hash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    uint8_t message[sizeof(reference) / sizeof(reference[0])];

    (void)state;
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t)i;
        assert_true(keyedhash(&key, message, i) == reference[i]);
    }
}

static void keys_are_drawn_anew(void **state)
{
    struct hash_key first = {{0, 0}};
    struct hash_key second = {{0, 0}};

    (void)state;
    assert_true(keyedhash_draw(&first));
    assert_true(keyedhash_draw(&second));
    assert_memory_not_equal(&first, &second, sizeof(first));
    assert_true(keyedhash(&first, "192.0.2.1", 9) != keyedhash(&second, "192.0.2.1", 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_siphash_1_3),
        cmocka_unit_test(keys_are_drawn_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
