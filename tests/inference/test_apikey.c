/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/apikey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void check(const void *secret_bytes, size_t secret_size, const char *data, const char *hex)
{
    struct apikey_secret secret = {{0}}; /* HMAC fills a short key up with zeros */
    struct apikey_hasher hasher;
    static const struct apikey_hasher nothing;
    uint8_t digest[APIKEY_DIGEST_SIZE];
    uint8_t expected[APIKEY_DIGEST_SIZE];

    memcpy(secret.bytes, secret_bytes, secret_size);
    assert_true(apikey_parse_hex(hex, expected, sizeof(expected)));
    for (size_t piece = 1; piece <= strlen(data); piece++) {
        apikey_begin(&hasher, &secret);
        for (size_t at = 0; at < strlen(data); at += piece)
            apikey_add(&hasher, data + at, strlen(data) - at < piece ? strlen(data) - at : piece);
        apikey_end(&hasher, &secret, digest);
        assert_memory_equal(digest, expected, sizeof(digest));
        assert_memory_equal(&hasher, &nothing, sizeof(hasher));
    }
}

/* RFC 4231, 4.2 and 4.3. */
static void digests_are_those_of_the_standard(void **state)
{
    uint8_t secret[20];

    (void)state;
    memset(secret, 0x0b, sizeof(secret));
    check(secret, sizeof(secret), "Hi There",
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check("Jefe", 4, "what do ya want for nothing?",
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void hexadecimal_is_read_strictly(void **state)
{
    static const char *const bad[] = {"",     "0",    "00f",  "00f",   "00ff0", "00ff00",
                                      "0x00", "00 f", "00fg", " 00ff", "-0ff",  "00f\n"};
    uint8_t bytes[2];

    (void)state;
    assert_true(apikey_parse_hex("0aF9", bytes, 2));
    assert_int_equal(bytes[0], 0x0a);
    assert_int_equal(bytes[1], 0xf9);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(apikey_parse_hex(bad[i], bytes, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(hexadecimal_is_read_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
