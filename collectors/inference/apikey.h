/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_APIKEY_H
#define IAGMETER_APIKEY_H

/* What the low-level functions of SHA-256 are called with: their state is plain memory, of which
 * each connection can have its own without allocating. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys of an API are known by HMAC-SHA-256 (RFC 2104, RFC 6234) under a secret of the host. The key
 * itself goes through as it is read, and nothing of it stays. */

#define APIKEY_DIGEST_SIZE SHA256_DIGEST_LENGTH
#define APIKEY_SECRET_SIZE 32

struct apikey_secret {
    uint8_t bytes[APIKEY_SECRET_SIZE];
};

struct apikey_hasher {
    SHA256_CTX context;
};

void apikey_begin(struct apikey_hasher *hasher, const struct apikey_secret *secret);
void apikey_add(struct apikey_hasher *hasher, const void *bytes, size_t length);
/* Fills DIGEST, and wipes the hasher. */
void apikey_end(struct apikey_hasher *hasher, const struct apikey_secret *secret,
                uint8_t digest[APIKEY_DIGEST_SIZE]);
/* Forgets what was begun. */
void apikey_wipe(struct apikey_hasher *hasher);

/* 2 * SIZE hexadecimal digits, no more and no fewer. Returns false for anything else. */
bool apikey_parse_hex(const char *text, uint8_t *bytes, size_t size);

#endif
