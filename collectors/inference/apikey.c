/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/apikey.h"

#include <openssl/crypto.h>
#include <string.h>

enum { INNER_PAD = 0x36, OUTER_PAD = 0x5c }; /* RFC 2104, 2 */

static void begin_padded(SHA256_CTX *context, const struct apikey_secret *secret, uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK];

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = pad ^ (i < APIKEY_SECRET_SIZE ? secret->bytes[i] : 0);
    SHA256_Init(context);
    SHA256_Update(context, block, sizeof(block));
    OPENSSL_cleanse(block, sizeof(block));
}

void apikey_begin(struct apikey_hasher *hasher, const struct apikey_secret *secret)
{
    begin_padded(&hasher->context, secret, INNER_PAD);
}

void apikey_add(struct apikey_hasher *hasher, const void *bytes, size_t length)
{
    SHA256_Update(&hasher->context, bytes, length);
}

void apikey_end(struct apikey_hasher *hasher, const struct apikey_secret *secret,
                uint8_t digest[APIKEY_DIGEST_SIZE])
{
    SHA256_Final(digest, &hasher->context);
    begin_padded(&hasher->context, secret, OUTER_PAD);
    SHA256_Update(&hasher->context, digest, APIKEY_DIGEST_SIZE);
    SHA256_Final(digest, &hasher->context);
    apikey_wipe(hasher);
}

void apikey_wipe(struct apikey_hasher *hasher)
{
    OPENSSL_cleanse(hasher, sizeof(*hasher));
}

static int digit_of(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = digit ? strchr(digits, digit) : NULL;

    return at ? (int)(at - digits) & 15 : -1;
}

bool apikey_parse_hex(const char *text, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = digit_of(text[2 * i]);
        int low = high < 0 ? -1 : digit_of(text[2 * i + 1]);

        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * size] == '\0';
}
