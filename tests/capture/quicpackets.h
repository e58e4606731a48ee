/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_QUICPACKETS_H
#define IAGMETER_TESTS_QUICPACKETS_H

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>

#include "tests/capture/frames.h"

/* Builds QUIC packets as a client or a server does: protects what production opens, by other
 * functions of libcrypto. */

#define PACKET_SALT_22       "7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a"
#define PACKET_SALT_23       "c3eef712c72ebb5a11a7d2432bb46365bef9f502"
#define PACKET_SALT_29       "afbfec289993d24c9e9786f19c6111e04390a899"
#define PACKET_SALT_V1       "38762cf7f55934b34d179ae6a4c80cadccbb7f0a"
#define PACKET_SALT_V2       "0dede3def700a6db819381be6e269dcbf9bd2ed9"
#define PACKET_SALT_V2_DRAFT "a707c203a59b47184a1d62ca570406ea7ae3e5d3"
#define PACKET_SALT_Q050     "504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"
#define PACKET_SALT_T050     "7ff579e5acd072915580304c43a2367c60488310"
#define PACKET_SALT_T051     "7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"
#define PACKET_SALT_RESERVED "f964bf453a1f1b80a5f8820377d4afca580ee743"

/* Lower-case hexadecimal; returns the number of bytes. */
static inline size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t length = strlen(hex) / 2;

    for (size_t i = 0; i < 2 * length; i++) {
        unsigned digit = (unsigned)(hex[i] >= 'a' ? hex[i] - 'a' + 10 : hex[i] - '0');

        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | digit : digit << 4);
    }
    return length;
}

/* Varints of the shortest form, or of SIZE bytes when that is not 0. */
static inline void put_varint(struct bytes *bytes, uint64_t value, unsigned size)
{
    unsigned power = 0;

    while (power < 3 && (size ? 1U << power < size : value >> (8 * (1U << power) - 2) != 0))
        power++;
    size = 1U << power;
    for (unsigned i = 0; i < size; i++)
        put_u8(bytes, (unsigned)(value >> 8 * (size - 1 - i) & 0xff) | (i == 0 ? power << 6 : 0));
}

struct packet_keys {
    uint8_t key[16];
    uint8_t iv[12];
    uint8_t mask[16];
};

static inline void run_hkdf(int mode, const void *key, size_t key_length, const void *more,
                            size_t more_length, uint8_t *out, size_t size)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA2-256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, key_length),
        OSSL_PARAM_construct_octet_string(
            mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY ? OSSL_KDF_PARAM_SALT : OSSL_KDF_PARAM_INFO,
            (void *)(uintptr_t)more, more_length),
        OSSL_PARAM_construct_end(),
    };

    if (EVP_KDF_derive(context, out, size, parameters) != 1)
        abort();
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

static inline void run_expand_label(const uint8_t *secret, const char *label, uint8_t *out,
                                    size_t size)
{
    char info[64];
    int length = snprintf(info, sizeof(info), "%c%c%ctls13 %s%c", 0, (int)size,
                          (int)strlen(label) + 6, label, 0);

    run_hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, secret, 32, info, (size_t)length, out, size);
}

static inline void derive_packet_keys(const char *salt_hex, bool v2, bool server, const uint8_t *id,
                                      size_t id_length, struct packet_keys *keys)
{
    static const uint8_t no_id[1];
    uint8_t salt[20];
    uint8_t initial[32];
    uint8_t secret[32];

    from_hex(salt_hex, salt);
    /* HKDF of libcrypto takes no key of zero length: then HMAC it is (RFC 5869, 2.2). */
    if (id_length > 0)
        run_hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, id, id_length, salt, sizeof(salt), initial, 32);
    else if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, salt, sizeof(salt), no_id, 0, initial,
                        sizeof(initial), NULL))
        abort();
    run_expand_label(initial, server ? "server in" : "client in", secret, 32);
    run_expand_label(secret, v2 ? "quicv2 key" : "quic key", keys->key, 16);
    run_expand_label(secret, v2 ? "quicv2 iv" : "quic iv", keys->iv, 12);
    run_expand_label(secret, v2 ? "quicv2 hp" : "quic hp", keys->mask, 16);
}

struct packet_parts {
    uint32_t version;
    const char *salt; /* hexadecimal */
    bool v2;
    bool server;
    unsigned type; /* as version 1 numbers them: 0 Initial, 1 0-RTT, 2 Handshake */
    const uint8_t *id;
    size_t id_length;
    const uint8_t *key_id; /* NULL: ID */
    size_t key_id_length;
    const uint8_t *source; /* NULL: bytes of no meaning */
    size_t source_length;
    size_t token_length;
    uint32_t number;
    unsigned number_size; /* 0: four bytes */
    unsigned reserved;    /* the two reserved bits */
};

static inline void seal(const struct packet_keys *keys, uint32_t number, const uint8_t *header,
                        size_t header_length, const struct bytes *plain, struct bytes *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t nonce[12];
    uint8_t tag[16];
    int size;

    memcpy(nonce, keys->iv, 12);
    for (int i = 0; i < 4; i++)
        nonce[11 - i] ^= (uint8_t)(number >> 8 * i);
    if (EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, keys->key, nonce) != 1 ||
        EVP_EncryptUpdate(context, NULL, &size, header, (int)header_length) != 1 ||
        EVP_EncryptUpdate(context, out->at + out->length, &size, plain->at, (int)plain->length) !=
            1 ||
        EVP_EncryptFinal_ex(context, tag, &size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) != 1)
        abort();
    out->length += plain->length;
    put_bytes(out, tag, 16);
    EVP_CIPHER_CTX_free(context);
}

static inline void mask_header(const struct packet_keys *keys, uint8_t *packet, size_t number_at,
                               unsigned number_size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t mask[32];
    int size;

    if (EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), NULL, keys->mask, NULL) != 1 ||
        EVP_EncryptUpdate(context, mask, &size, packet + number_at + 4, 16) != 1)
        abort();
    packet[0] ^= mask[0] & 0x0f;
    for (unsigned i = 0; i < number_size; i++)
        packet[number_at + i] ^= mask[1 + i];
    EVP_CIPHER_CTX_free(context);
}

/* Appends a packet with a long header that carries the frames PLAIN. */
static inline void put_packet(struct bytes *out, const struct packet_parts *parts,
                              const struct bytes *plain)
{
    size_t start = out->length;
    unsigned number_size = parts->number_size ? parts->number_size : 4;
    struct packet_keys keys;
    size_t number_at;

    derive_packet_keys(parts->salt, parts->v2, parts->server,
                       parts->key_id ? parts->key_id : parts->id,
                       parts->key_id ? parts->key_id_length : parts->id_length, &keys);
    put_u8(out,
           0xc0 | ((parts->type + parts->v2) & 3) << 4 | parts->reserved << 2 | (number_size - 1));
    put_u32(out, parts->version);
    put_u8(out, (unsigned)parts->id_length);
    put_bytes(out, parts->id, parts->id_length);
    put_u8(out, (unsigned)parts->source_length);
    if (parts->source)
        put_bytes(out, parts->source, parts->source_length);
    else
        put_fill(out, 0x5c, parts->source_length);
    if (parts->type == 0) {
        put_varint(out, parts->token_length, 0);
        put_fill(out, 0x70, parts->token_length);
    }
    put_varint(out, number_size + plain->length + 16, 2);
    number_at = out->length;
    for (unsigned i = 0; i < number_size; i++)
        put_u8(out, parts->number >> 8 * (number_size - 1 - i) & 0xff);
    seal(&keys, parts->number, out->at + start, out->length - start, plain, out);
    mask_header(&keys, out->at + start, number_at - start, number_size);
}

static inline void put_crypto(struct bytes *plain, size_t offset, const uint8_t *bytes,
                              size_t length)
{
    put_u8(plain, 6);
    put_varint(plain, offset, 0);
    put_varint(plain, length, 0);
    put_bytes(plain, bytes, length);
}

/* A ClientHello without records. */
static inline void put_hello_message(struct bytes *bytes, const struct hello_parts *parts)
{
    static struct bytes records;
    struct hello_parts whole = *parts;

    whole.record_size = 0;
    records.length = 0;
    put_hello(&records, &whole);
    put_bytes(bytes, records.at + 5, records.length - 5);
}

/* -- Google's own ------------------------------------------------------------------------------ */

static inline void put_little(struct bytes *bytes, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        put_u8(bytes, (unsigned)(value >> 8 * i & 0xff));
}

/* A CHLO with PADDING, NAME when it is not NULL, and a last tag LAST (four letters) of LENGTH bytes
 * when it is not NULL. */
static inline void put_chlo(struct bytes *bytes, size_t padding, const char *name, const char *last,
                            const void *value, size_t length)
{
    size_t name_length = name ? strlen(name) : 0;
    unsigned entries = 1U + (name != NULL) + (last != NULL);

    put_bytes(bytes, "CHLO", 4);
    put_little(bytes, entries, 2);
    put_little(bytes, 0, 2);
    put_bytes(bytes, "PAD\0", 4);
    put_little(bytes, padding, 4);
    if (name) {
        put_bytes(bytes, "SNI\0", 4);
        put_little(bytes, padding + name_length, 4);
    }
    if (last) {
        put_bytes(bytes, last, 4);
        put_little(bytes, padding + name_length + length, 4);
    }
    put_fill(bytes, '-', padding);
    put_bytes(bytes, name, name_length);
    if (last)
        put_bytes(bytes, value, length);
}

#endif
