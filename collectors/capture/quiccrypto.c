/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/quiccrypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SIZE = 16, IV_SIZE = 12, TAG_SIZE = 16, SAMPLE_SIZE = 16, SECRET_SIZE = 32 };
enum { SALT_SIZE = 20, MAX_NUMBER_SIZE = 4, MAX_PACKET = 65535 };

#define SALT_22 "\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
#define SALT_23 "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
#define SALT_29 "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
#define SALT_V1 "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
#define SALT_V2 "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
#define SALT_V2_DRAFT                                                                              \
    "\xa7\x07\xc2\x03\xa5\x9b\x47\x18\x4a\x1d\x62\xca\x57\x04\x06\xea\x7a\xe3\xe5\xd3"
#define SALT_Q050 "\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45"
#define SALT_T050 "\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"
#define SALT_T051 "\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"
#define SALT_GOOGLE_RESERVED                                                                       \
    "\xf9\x64\xbf\x45\x3a\x1f\x1b\x80\xa5\xf8\x82\x03\x77\xd4\xaf\xca\x58\x0e\xe7\x43"

#define RESERVED 0x0a0a0a0a /* the pattern 0x?a?a?a?a of RFC 9000, 15 */

/* What begins otherwise than the versions here so far is to be added to kernelfilter.c, too. */
static const struct quiccrypto_scheme schemes[] = {
    {0x00000001, 0x00000001, SALT_V1, false, false, false},      /* RFC 9001, 5.2 */
    {0x6b3343cf, 0x6b3343cf, SALT_V2, true, false, false},       /* RFC 9369, 3.3.1 */
    {0x709a50c4, 0x709a50c4, SALT_V2_DRAFT, true, false, false}, /* draft-ietf-quic-v2-01 to 07 */
    {0xff000016, 0xff000016, SALT_22, false, false, false},      /* draft-ietf-quic-tls-22 */
    {0xff000017, 0xff00001c, SALT_23, false, false, false},      /* -23 to -28 */
    {0xff00001d, 0xff000020, SALT_29, false, false, false},      /* -29 to -32 */
    {0xff000021, 0xff000022, SALT_V1, false, false, false},      /* -33 and -34 */
    {0xfaceb001, 0xfaceb001, SALT_22, false, false, false},      /* mvfst: MVFST_D24 */
    {0xfaceb003, 0xfaceb004, SALT_V1, false, false, false},      /* QUIC_V1_ALIAS and ALIAS2 */
    {0xfaceb000, 0xfaceb0ff, SALT_23, false, false, false},      /* MVFST, and its default */
    {0x51303530, 0x51303530, SALT_Q050, false, true, false},     /* Google's Q050 */
    {0x54303530, 0x54303530, SALT_T050, false, true, false},     /* T050 */
    {0x54303531, 0x54303531, SALT_T051, false, true, false},     /* T051 */
    {RESERVED, RESERVED, SALT_GOOGLE_RESERVED, false, false, true}, /* as Google's client does */
    {RESERVED, RESERVED, SALT_29, false, false, true},              /* as draft-29's clients do */
    {RESERVED, RESERVED, SALT_V1, false, false, true},
};
enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

struct quiccrypto {
    EVP_MAC_CTX *hmac;
    EVP_CIPHER *ecb;
    EVP_CIPHER *gcm;
    EVP_CIPHER_CTX *mask; /* header protection */
    EVP_CIPHER_CTX *aead;
    /* Whose keys MASK and AEAD hold: packets of a connection often come one after the other. */
    const struct quiccrypto_scheme *scheme; /* NULL: nobody's */
    bool is_server;
    size_t id_length;
    uint8_t id[QUICCRYPTO_MAX_ID];
    uint8_t iv[IV_SIZE];
    uint8_t plain[MAX_PACKET];
};

/* -- Versions ---------------------------------------------------------------------------------- */

/* The first from INDEX on that fits, SCHEMES when none does. */
static size_t find_scheme(uint32_t version, size_t index)
{
    if ((version & 0x0f0f0f0f) == RESERVED)
        version = RESERVED;
    while (index < SCHEMES && (version < schemes[index].first || version > schemes[index].last))
        index++;
    return index;
}

const struct quiccrypto_scheme *quiccrypto_scheme(uint32_t version,
                                                  const struct quiccrypto_scheme *previous)
{
    size_t index;

    if (previous && !previous->is_greased)
        return NULL;
    index = find_scheme(version, previous ? (size_t)(previous - schemes) + 1 : 0);
    if (index < SCHEMES)
        return &schemes[index];
    return previous ? NULL : &schemes[0];
}

bool quiccrypto_known(uint32_t version)
{
    return find_scheme(version, 0) < SCHEMES;
}

/* -- Keys (RFC 5869, RFC 8446, 7.1, RFC 9001, 5.1) --------------------------------------------- */

static bool hmac(struct quiccrypto *crypto, const uint8_t *key, size_t key_size,
                 const uint8_t *bytes, size_t length, uint8_t out[SECRET_SIZE])
{
    size_t size;

    return EVP_MAC_init(crypto->hmac, key, key_size, NULL) == 1 &&
           EVP_MAC_update(crypto->hmac, bytes, length) == 1 &&
           EVP_MAC_final(crypto->hmac, out, &size, SECRET_SIZE) == 1 && size == SECRET_SIZE;
}

/* HKDF-Expand-Label without context, for at most one block. */
static bool expand_label(struct quiccrypto *crypto, const uint8_t secret[SECRET_SIZE],
                         const char *label, size_t size, uint8_t out[SECRET_SIZE])
{
    static const char prefix[] = {'t', 'l', 's', '1', '3', ' '};
    size_t label_length = strlen(label);
    uint8_t info[64] = {0, (uint8_t)size, (uint8_t)(sizeof(prefix) + label_length)};
    size_t length = 3;

    memcpy(info + length, prefix, sizeof(prefix));
    memcpy(info + length + sizeof(prefix), label, label_length);
    length += sizeof(prefix) + label_length;
    info[length++] = 0; /* no context */
    info[length++] = 1; /* the first block */
    return hmac(crypto, secret, SECRET_SIZE, info, length, out);
}

static bool set_keys(struct quiccrypto *crypto, const struct quiccrypto_scheme *scheme,
                     const uint8_t *id, size_t id_length, bool is_server)
{
    const char *label = is_server ? "server in" : "client in";
    uint8_t initial[SECRET_SIZE];
    uint8_t secret[SECRET_SIZE];
    uint8_t key[SECRET_SIZE];
    uint8_t iv[SECRET_SIZE];
    uint8_t protection[SECRET_SIZE];
    bool v2 = scheme->is_v2;

    if (!hmac(crypto, (const uint8_t *)scheme->salt, SALT_SIZE, id, id_length, initial) ||
        !expand_label(crypto, initial, label, SECRET_SIZE, secret) ||
        !expand_label(crypto, secret, v2 ? "quicv2 key" : "quic key", KEY_SIZE, key) ||
        !expand_label(crypto, secret, v2 ? "quicv2 iv" : "quic iv", IV_SIZE, iv) ||
        !expand_label(crypto, secret, v2 ? "quicv2 hp" : "quic hp", KEY_SIZE, protection))
        return false;
    memcpy(crypto->iv, iv, IV_SIZE);
    return EVP_EncryptInit_ex2(crypto->mask, NULL, protection, NULL, NULL) == 1 &&
           EVP_DecryptInit_ex2(crypto->aead, NULL, key, NULL, NULL) == 1;
}

static bool use_keys(struct quiccrypto *crypto, const struct quiccrypto_scheme *scheme,
                     const uint8_t *id, size_t id_length, bool is_server)
{
    if (id_length > QUICCRYPTO_MAX_ID)
        return false;
    if (crypto->scheme == scheme && crypto->is_server == is_server &&
        crypto->id_length == id_length && memcmp(crypto->id, id, id_length) == 0)
        return true;
    crypto->scheme = NULL;
    if (!set_keys(crypto, scheme, id, id_length, is_server))
        return false;
    memcpy(crypto->id, id, id_length);
    crypto->id_length = id_length;
    crypto->is_server = is_server;
    crypto->scheme = scheme;
    return true;
}

/* -- Packets (RFC 9001, 5.3 and 5.4) ----------------------------------------------------------- */

/* What header protection hides. */
struct header {
    uint8_t first;
    uint8_t number[MAX_NUMBER_SIZE];
    size_t number_size;
};

static bool unmask_header(struct quiccrypto *crypto, const struct quiccrypto_packet *packet,
                          struct header *header)
{
    size_t sample_at = packet->number_at + MAX_NUMBER_SIZE;
    uint8_t mask[SAMPLE_SIZE];
    int size;

    if (packet->captured > packet->length || packet->captured < sample_at + SAMPLE_SIZE ||
        EVP_EncryptUpdate(crypto->mask, mask, &size, packet->bytes + sample_at, SAMPLE_SIZE) != 1)
        return false;
    header->first = packet->bytes[0] ^ (mask[0] & 0x0f);
    header->number_size = (header->first & 3U) + 1;
    for (size_t i = 0; i < header->number_size; i++)
        header->number[i] = packet->bytes[packet->number_at + i] ^ mask[1 + i];
    return (header->first & 0x0c) == 0; /* reserved bits (RFC 9000, 17.2) */
}

/* Initials are numbered from 0, so the number sent is the number meant (RFC 9000, A.3).
 */
static bool set_nonce(struct quiccrypto *crypto, const struct header *header)
{
    uint8_t nonce[IV_SIZE];

    memcpy(nonce, crypto->iv, IV_SIZE);
    for (size_t i = 0; i < header->number_size; i++)
        nonce[IV_SIZE - header->number_size + i] ^= header->number[i];
    return EVP_DecryptInit_ex2(crypto->aead, NULL, NULL, nonce, NULL) == 1;
}

/* The associated data: the header, with what was hidden in clear. */
static bool add_header(struct quiccrypto *crypto, const struct quiccrypto_packet *packet,
                       const struct header *header)
{
    int size;

    return EVP_DecryptUpdate(crypto->aead, NULL, &size, &header->first, 1) == 1 &&
           EVP_DecryptUpdate(crypto->aead, NULL, &size, packet->bytes + 1,
                             (int)packet->number_at - 1) == 1 &&
           EVP_DecryptUpdate(crypto->aead, NULL, &size, header->number, (int)header->number_size) ==
               1;
}

static bool verify(struct quiccrypto *crypto, const uint8_t *from)
{
    uint8_t tag[TAG_SIZE];
    uint8_t rest[SAMPLE_SIZE];
    int size;

    memcpy(tag, from, TAG_SIZE);
    return EVP_CIPHER_CTX_ctrl(crypto->aead, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
           EVP_DecryptFinal_ex(crypto->aead, rest, &size) == 1;
}

bool quiccrypto_open(struct quiccrypto *crypto, const struct quiccrypto_scheme *scheme,
                     const uint8_t *id, size_t id_length, const struct quiccrypto_packet *packet,
                     struct quiccrypto_plain *plain)
{
    struct header header;
    size_t start;
    size_t end;
    int size;

    if (packet->length > MAX_PACKET ||
        !use_keys(crypto, scheme, id, id_length, packet->is_server) ||
        !unmask_header(crypto, packet, &header))
        return false;
    start = packet->number_at + header.number_size;
    end = packet->length - TAG_SIZE; /* past START: the sample is there */
    if (end > packet->captured)
        end = packet->captured;
    if (!set_nonce(crypto, &header) || !add_header(crypto, packet, &header) ||
        EVP_DecryptUpdate(crypto->aead, crypto->plain, &size, packet->bytes + start,
                          (int)(end - start)) != 1)
        return false;
    plain->bytes = crypto->plain;
    plain->length = end - start;
    plain->verified = packet->captured == packet->length;
    return !plain->verified || verify(crypto, packet->bytes + end);
}

/* -- Making one -------------------------------------------------------------------------------- */

/* A packet of one PING, protected with the keys of RFC 9001, A.1. */
static bool works(struct quiccrypto *crypto)
{
    static const uint8_t id[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
    static const uint8_t ping[] = {0xc6, 0x00, 0x00, 0x00, 0x01, 0x08, 0x83, 0x94, 0xc8, 0xf0, 0x3e,
                                   0x51, 0x57, 0x08, 0x00, 0x00, 0x18, 0xf6, 0x23, 0x43, 0x9e, 0xd6,
                                   0xb1, 0x89, 0x7c, 0x01, 0x72, 0x78, 0x69, 0x49, 0xe8, 0x85, 0xf6,
                                   0x3c, 0x95, 0xa1, 0x55, 0x14, 0xd9, 0x28, 0x53};
    struct quiccrypto_packet packet = {ping, sizeof(ping), sizeof(ping), 17, false};
    struct quiccrypto_plain plain;

    return quiccrypto_open(crypto, &schemes[0], id, sizeof(id), &packet, &plain) &&
           plain.length == 4 && plain.bytes[0] == 1;
}

/* The context keeps its digest, of which each packet changes the key alone. */
static EVP_MAC_CTX *new_hmac(void)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac); /* the context holds it */
    if (context && EVP_MAC_CTX_set_params(context, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

struct quiccrypto *quiccrypto_new(void)
{
    struct quiccrypto *crypto = calloc(1, sizeof(*crypto));

    if (!crypto)
        return NULL;
    crypto->hmac = new_hmac();
    crypto->ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
    crypto->gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    crypto->mask = EVP_CIPHER_CTX_new();
    crypto->aead = EVP_CIPHER_CTX_new();
    if (!crypto->hmac || !crypto->ecb || !crypto->gcm || !crypto->mask || !crypto->aead ||
        EVP_EncryptInit_ex2(crypto->mask, crypto->ecb, NULL, NULL, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(crypto->mask, 0) != 1 ||
        EVP_DecryptInit_ex2(crypto->aead, crypto->gcm, NULL, NULL, NULL) != 1 || !works(crypto)) {
        quiccrypto_free(crypto);
        return NULL;
    }
    return crypto;
}

void quiccrypto_free(struct quiccrypto *crypto)
{
    if (!crypto)
        return;
    EVP_MAC_CTX_free(crypto->hmac);
    EVP_CIPHER_CTX_free(crypto->mask);
    EVP_CIPHER_CTX_free(crypto->aead);
    EVP_CIPHER_free(crypto->ecb);
    EVP_CIPHER_free(crypto->gcm);
    free(crypto);
}
