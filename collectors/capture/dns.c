/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/dns.h"

#include "collectors/capture/cursor.h"

#include <string.h>

enum { FLAG_RESPONSE = 0x8000, FLAGS_OPCODE = 0x7800, FLAGS_RCODE = 0x000f };
enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, TYPE_OPT = 41, TYPE_SVCB = 64, TYPE_HTTPS = 65 };
enum { CLASS_INTERNET = 1 };
enum { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTION_COUNT };
/* RFC 9460, 14.3.2. */
enum { PARAMETER_IPV4HINT = 4, PARAMETER_ECH = 5, PARAMETER_IPV6HINT = 6 };

/* RFC 1035, 2.3.4. */
#define MAX_LABEL 63
#define MAX_NAME  255
/* A pointer saves something after each label at most, and names of hosts have few; Go's resolver
 * lives with 10 (golang.org/x/net/dns/dnsmessage). */
#define MAX_POINTERS 32
/* Resolvers give up after 11 or 16 aliases. */
#define MAX_NAMES   16
#define MAX_RECORDS 64

/* Names are compared by a hash, so that each is read once, however many pointers it is spread over.
 * Nobody gains by names that collide: whoever writes the message could write the same name. */
struct record {
    uint64_t owner;
    struct cursor data;
    uint32_t ttl_s;
    uint16_t type;
};

struct message {
    const uint8_t *bytes;
    size_t length;
    struct record records[MAX_RECORDS]; /* those of the types that we use */
    size_t record_count;
    uint64_t names[MAX_NAMES]; /* that the question leads to, itself first */
    size_t name_count;
    uint8_t extended_rcode;
    struct dns_answer *answer;
};

/* A name that is being read. */
struct name {
    const struct message *message;
    struct cursor cursor;
    size_t start;  /* of the part that is being read: where in the message */
    size_t length; /* so far */
    unsigned pointers;
};

static struct cursor cursor_from(const struct message *message, size_t place)
{
    return cursor_over(message->bytes + place, message->length - place);
}

/* The name that starts where CURSOR is; CURSOR may end before the name. */
static struct name name_at(const struct message *message, const struct cursor *cursor)
{
    size_t place = (size_t)(cursor->at - message->bytes);

    return (struct name){message, cursor_from(message, place), place, 0, 0};
}

/* The next label, of length 0 at the end; NULL when the name is malformed. A pointer stands for a
 * prior occurrence (RFC 1035, 4.1.4), so each must lead to before what is being read: no loops. */
static const uint8_t *next_label(struct name *name, size_t *length)
{
    uint8_t first = cursor_u8(&name->cursor);

    while (first >= 0xc0) {
        size_t place = (size_t)(first & 0x3f) << 8 | cursor_u8(&name->cursor);

        if (name->cursor.failed || place >= name->start || name->pointers++ == MAX_POINTERS)
            return NULL;
        name->start = place;
        name->cursor = cursor_from(name->message, place);
        first = cursor_u8(&name->cursor);
    }
    *length = first;
    name->length += 1 + (size_t)first;
    if (first > MAX_LABEL || name->length > MAX_NAME)
        return NULL;
    return cursor_bytes(&name->cursor, first);
}

/* Without regard to the locale, and only in ASCII (RFC 4343). */
static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* FNV-1a, 64 bits (draft-eastlake-fnv); the root, without labels, has the hash it starts from. */
#define HASH_ROOT  0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

/* Returns false when the name is malformed. */
static bool hash_name(struct name name, uint64_t *hash)
{
    size_t length;
    const uint8_t *label;

    *hash = HASH_ROOT;
    while ((label = next_label(&name, &length)) && length > 0) {
        *hash = (*hash ^ length) * HASH_PRIME;
        for (size_t i = 0; i < length; i++)
            *hash = (*hash ^ lower(label[i])) * HASH_PRIME;
    }
    return label != NULL;
}

static char host_character(uint8_t byte)
{
    byte = lower(byte);
    if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_')
        return (char)byte;
    return '?';
}

/* Writes the question's name, which is well formed. */
static void write_name(struct name name, struct dns_answer *answer)
{
    bool is_service = answer->type == TYPE_SVCB || answer->type == TYPE_HTTPS;
    size_t used = 0;
    size_t length;
    const uint8_t *label;

    while ((label = next_label(&name, &length)) && length > 0) {
        if (is_service && used == 0 && label[0] == '_')
            continue;
        if (used > 0)
            answer->name[used++] = '.';
        for (size_t i = 0; i < length; i++)
            answer->name[used++] = host_character(label[i]);
    }
    answer->name[used] = '\0';
    answer->name_length = (uint8_t)used;
}

/* Steps over a name without following pointers. */
static void skip_name(struct cursor *cursor)
{
    uint8_t first;

    while ((first = cursor_u8(cursor)) > 0 && first <= MAX_LABEL)
        cursor_skip(cursor, first);
    if (first >= 0xc0)
        cursor_skip(cursor, 1);
    else if (first > MAX_LABEL) /* where such a label ends, nobody knows */
        cursor->failed = true;
}

/* DNAME is not needed: the CNAME that it stands for comes with it (RFC 6672, 3.1). */
static bool is_used(uint16_t type)
{
    return type == TYPE_A || type == TYPE_AAAA || type == TYPE_CNAME || type == TYPE_HTTPS ||
           type == TYPE_SVCB;
}

static void keep_record(struct message *message, struct record *record, struct name owner)
{
    if (message->record_count == MAX_RECORDS)
        message->answer->left_out++;
    else if (hash_name(owner, &record->owner))
        message->records[message->record_count++] = *record;
}

/* RFC 1035, 4.1.3. Returns false when the record is not all there. */
static bool read_record(struct message *message, struct cursor *cursor, int section)
{
    struct name owner = name_at(message, cursor);
    struct record record;
    uint16_t class;

    skip_name(cursor);
    record.type = cursor_u16(cursor);
    class = cursor_u16(cursor);
    record.ttl_s = cursor_u32(cursor);
    record.data = cursor_take(cursor, cursor_u16(cursor));
    if (cursor->failed)
        return false;
    /* RFC 6891, 6.1.3. A message has one (6.1.1); of one that has more, no later one takes back the
     * error that an earlier one tells. */
    if (record.type == TYPE_OPT)
        message->extended_rcode |= (uint8_t)(record.ttl_s >> 24);
    /* The authority section names servers of zones. */
    else if (section != SECTION_AUTHORITY && class == CLASS_INTERNET && is_used(record.type))
        keep_record(message, &record, owner);
    return true;
}

static void read_records(struct message *message, struct cursor *cursor,
                         const uint16_t counts[SECTION_COUNT])
{
    for (int section = 0; section < SECTION_COUNT; section++)
        for (unsigned i = 0; i < counts[section]; i++)
            if (!read_record(message, cursor, section))
                return;
    message->answer->is_complete = true;
}

/* One number for all records is enough: those of a set must have the same (RFC 2181, 5.2), and
 * those of a chain die with the first. */
static void use_ttl(struct message *message, const struct record *record)
{
    /* RFC 2181, 8: the first bit is no part of the number, and one that has it set is 0. */
    uint32_t ttl_s = record->ttl_s > INT32_MAX ? 0 : record->ttl_s;

    if (ttl_s < message->answer->ttl_s)
        message->answer->ttl_s = ttl_s;
}

static void add_address(struct dns_answer *answer, uint8_t family, const uint8_t *bytes)
{
    struct address address = {.family = family};

    memcpy(address.bytes, bytes, family == 4 ? 4 : 16);
    for (unsigned i = 0; i < answer->address_count; i++)
        if (memcmp(&answer->addresses[i], &address, sizeof(address)) == 0)
            return;
    if (answer->address_count < DNS_MAX_ADDRESSES)
        answer->addresses[answer->address_count++] = address;
    else
        answer->left_out++;
}

/* Reads the name at CURSOR, which is in a record's data, and steps over it. Returns false when it
 * is malformed. */
static bool read_name(const struct message *message, struct cursor *cursor, uint64_t *hash)
{
    struct name name = name_at(message, cursor);

    skip_name(cursor);
    return !cursor->failed && hash_name(name, hash);
}

/* Adds a name to those that the question leads to. The root is none: as a target of SVCB and HTTPS
 * records it stands for the owner, or in an alias for nothing (RFC 9460, 2.5). */
static void add_name(struct message *message, uint64_t hash)
{
    for (size_t i = 0; i < message->name_count; i++)
        if (message->names[i] == hash)
            return;
    if (hash == HASH_ROOT)
        return;
    if (message->name_count < MAX_NAMES)
        message->names[message->name_count++] = hash;
    else
        message->answer->left_out++;
}

static void take_address(struct message *message, const struct record *record, uint8_t family)
{
    size_t size = family == 4 ? 4 : 16;
    struct cursor data = record->data;

    if (cursor_left(&data) != size)
        return;
    use_ttl(message, record);
    add_address(message->answer, family, cursor_bytes(&data, size));
}

static void take_alias(struct message *message, const struct record *record)
{
    struct cursor data = record->data;
    uint64_t target;

    if (!read_name(message, &data, &target))
        return;
    use_ttl(message, record);
    add_name(message, target);
}

struct parameters {
    struct cursor ipv4_hint;
    struct cursor ipv6_hint;
    bool has_ech;
};

/* RFC 9460, 2.2: keys in ascending order. Returns false when they are malformed: then clients
 * must not use the record. */
static bool read_parameters(struct cursor cursor, struct parameters *parameters)
{
    int32_t last_key = -1;

    while (cursor_left(&cursor) > 0) {
        uint16_t key = cursor_u16(&cursor);
        struct cursor value = cursor_take(&cursor, cursor_u16(&cursor));

        if (value.failed || key <= last_key)
            return false;
        last_key = key;
        if (key == PARAMETER_IPV4HINT)
            parameters->ipv4_hint = value;
        else if (key == PARAMETER_IPV6HINT)
            parameters->ipv6_hint = value;
        parameters->has_ech |= key == PARAMETER_ECH;
    }
    return cursor_left(&parameters->ipv4_hint) % 4 == 0 &&
           cursor_left(&parameters->ipv6_hint) % 16 == 0;
}

static void take_hint(struct dns_answer *answer, uint8_t family, struct cursor hint)
{
    while (cursor_left(&hint) > 0)
        add_address(answer, family, cursor_bytes(&hint, family == 4 ? 4 : 16));
}

/* RFC 9460, 2.2. Priority 0 makes an alias, whose parameters must be ignored (2.4.2). */
static void take_service(struct message *message, const struct record *record)
{
    struct cursor data = record->data;
    struct cursor none = cursor_over(message->bytes, 0);
    struct parameters parameters = {none, none, false};
    uint16_t priority = cursor_u16(&data);
    uint64_t target;

    if (!read_name(message, &data, &target) ||
        (priority > 0 && !read_parameters(data, &parameters)))
        return;
    use_ttl(message, record);
    add_name(message, target);
    message->answer->has_ech |= parameters.has_ech;
    take_hint(message->answer, 4, parameters.ipv4_hint);
    take_hint(message->answer, 6, parameters.ipv6_hint);
}

static void take_record(struct message *message, const struct record *record)
{
    switch (record->type) {
    case TYPE_A:
        take_address(message, record, 4);
        break;
    case TYPE_AAAA:
        take_address(message, record, 6);
        break;
    case TYPE_CNAME:
        take_alias(message, record);
        break;
    default:
        take_service(message, record);
    }
}

/* Names are added while they are gone through, so the order of the records does not matter. */
static void follow_names(struct message *message)
{
    message->answer->ttl_s = UINT32_MAX;
    for (size_t i = 0; i < message->name_count; i++)
        for (size_t j = 0; j < message->record_count; j++)
            if (message->records[j].owner == message->names[i])
                take_record(message, &message->records[j]);
    if (message->answer->ttl_s == UINT32_MAX)
        message->answer->ttl_s = 0;
}

/* RFC 1035, 4.1.2. */
static enum dns_result read_question(struct message *message, struct cursor *cursor)
{
    struct name name = name_at(message, cursor);
    uint16_t class;

    if (!read_name(message, cursor, &message->names[message->name_count++]))
        return DNS_MALFORMED;
    message->answer->type = cursor_u16(cursor);
    class = cursor_u16(cursor);
    if (cursor->failed)
        return DNS_MALFORMED;
    write_name(name, message->answer);
    return class == CLASS_INTERNET ? DNS_ANSWER : DNS_OTHER;
}

enum dns_result dns_parse(const uint8_t *bytes, size_t length, struct dns_answer *answer)
{
    struct message message = {.bytes = bytes, .answer = answer};
    uint16_t counts[SECTION_COUNT];
    uint16_t questions;
    uint16_t flags;
    struct cursor cursor;
    enum dns_result result;

    message.length = length < UINT16_MAX ? length : UINT16_MAX;
    cursor = cursor_over(bytes, message.length);
    memset(answer, 0, sizeof(*answer));
    cursor_skip(&cursor, 2); /* id */
    flags = cursor_u16(&cursor);
    questions = cursor_u16(&cursor);
    for (int section = 0; section < SECTION_COUNT; section++)
        counts[section] = cursor_u16(&cursor);
    if (cursor.failed)
        return DNS_MALFORMED;
    /* Opcode 0 is a query; inverse queries, notifications, updates and sessions have others. */
    if (!(flags & FLAG_RESPONSE) || (flags & (FLAGS_OPCODE | FLAGS_RCODE)) || questions != 1)
        return DNS_OTHER;
    result = read_question(&message, &cursor);
    if (result != DNS_ANSWER)
        return result;
    read_records(&message, &cursor, counts);
    if (message.extended_rcode)
        return DNS_OTHER;
    follow_names(&message);
    return DNS_ANSWER;
}

bool dns_identify(const uint8_t *bytes, size_t length, struct dns_identity *identity)
{
    struct message message = {.bytes = bytes, .length = length < UINT16_MAX ? length : UINT16_MAX};
    struct cursor cursor = cursor_over(bytes, message.length);
    uint16_t id = cursor_u16(&cursor);
    uint16_t flags = cursor_u16(&cursor);
    uint16_t questions = cursor_u16(&cursor);
    uint32_t type_and_class;

    cursor_skip(&cursor, 3 * 2);
    if (cursor.failed || flags & FLAGS_OPCODE || questions != 1 ||
        !read_name(&message, &cursor, &identity->hash))
        return false;
    type_and_class = cursor_u32(&cursor);
    identity->hash = (identity->hash ^ id) * HASH_PRIME;
    identity->hash = (identity->hash ^ type_and_class) * HASH_PRIME;
    identity->is_answer = flags & FLAG_RESPONSE;
    return !cursor.failed;
}

size_t dns_stream_next(const uint8_t *bytes, size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);
    uint16_t size = cursor_u16(&cursor);

    return cursor.failed ? 0 : (size_t)size + DNS_STREAM_HEADER;
}
