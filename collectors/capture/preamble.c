/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/preamble.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "collectors/capture/cursor.h"

/* Longest registered method: UPDATEREDIRECTREF (IANA, HTTP Method Registry). */
enum { METHOD_MAX = 32 };
enum { SOCKS_CONNECT = 1, SOCKS_UDP_ASSOCIATE = 3, SOCKS_STRING_MAX = 255 };
enum { PROXY_LOCAL = 0, PROXY_PROXY = 1, PROXY_AUTHORITY = 2 };
enum { PROXY_LINE_MAX = 107, PROXY_HEADER = 16, PROXY_UNIX_PATHS = 216 };

static const uint8_t proxy_line[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t proxy_signature[] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                          '\n', 'Q',  'U',  'I',  'T', '\n'};

/* -- Text ------------------------------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_alphanumeric(uint8_t byte)
{
    uint8_t lower = byte | 0x20;

    return is_digit(byte) || (lower >= 'a' && lower <= 'z');
}

static bool is_one_of(uint8_t byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

/* Letters, digits and what is in OTHERS. */
static bool consists_of(struct cursor text, const char *others)
{
    while (cursor_left(&text) > 0) {
        uint8_t byte = cursor_u8(&text);

        if (!is_alphanumeric(byte) && !is_one_of(byte, others))
            return false;
    }
    return true;
}

static bool holds(struct cursor text, uint8_t byte)
{
    return memchr(text.at, byte, cursor_left(&text)) != NULL;
}

static bool equals(struct cursor text, const char *word)
{
    size_t length = strlen(word);

    return cursor_left(&text) == length && strncasecmp((const char *)text.at, word, length) == 0;
}

/* Without white space, and control characters, at both ends. */
static struct cursor trimmed(struct cursor text)
{
    while (cursor_left(&text) > 0 && text.at[0] <= ' ')
        text.at++;
    while (cursor_left(&text) > 0 && text.end[-1] <= ' ')
        text.end--;
    return text;
}

/* Takes the text before the first STOP, and skips that one; all, when there is none. */
static struct cursor take_until(struct cursor *text, uint8_t stop)
{
    const uint8_t *end = memchr(text->at, stop, cursor_left(text));
    struct cursor taken;

    if (!end)
        return cursor_take(text, cursor_left(text));
    taken = cursor_take(text, (size_t)(end - text->at));
    cursor_skip(text, 1);
    return taken;
}

/* A line that ends in CR LF, or in LF alone (RFC 9112, 2.2). */
static bool take_line(struct cursor *text, struct cursor *line)
{
    if (!holds(*text, '\n'))
        return false;
    *line = take_until(text, '\n');
    if (cursor_left(line) > 0 && line->end[-1] == '\r')
        line->end--;
    return true;
}

/* Whether the first bytes are WORD's, as far as there are any. */
static bool begins(const struct cursor *cursor, const uint8_t *word, size_t length)
{
    size_t left = cursor_left(cursor);

    return memcmp(cursor->at, word, left < length ? left : length) == 0;
}

/* -- Who is meant ----------------------------------------------------------------------------- */

static void set_address(struct preamble *preamble, uint8_t family, const uint8_t *bytes)
{
    if (!bytes)
        return;
    preamble->has_address = true;
    preamble->address.family = family;
    memcpy(preamble->address.bytes, bytes, family == 4 ? 4 : 16);
}

static bool set_literal(struct preamble *preamble, struct cursor text)
{
    char copy[INET6_ADDRSTRLEN] = "";
    uint8_t bytes[16];
    size_t length = cursor_left(&text);

    if (length == 0 || length >= sizeof(copy) || holds(text, '\0'))
        return false;
    memcpy(copy, text.at, length);
    if (inet_pton(AF_INET, copy, bytes) == 1)
        set_address(preamble, 4, bytes);
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        set_address(preamble, 6, bytes);
    else
        return false;
    return true;
}

/* What else RFC 3986, 3.2.2, allows in a name, no DNS name holds, and servers read it each in their
 * own way. */
static bool is_host_name(struct cursor text)
{
    return consists_of(text, "-._");
}

static void set_name(struct preamble *preamble, struct cursor text)
{
    size_t length = cursor_left(&text);

    if (length == 0 || length >= sizeof(preamble->name))
        return;
    memcpy(preamble->name, text.at, length);
    preamble->name_length = (uint8_t)length;
}

static void set_host(struct preamble *preamble, struct cursor text)
{
    if (set_literal(preamble, text) || is_host_name(text))
        set_name(preamble, text);
}

static bool parse_port(struct cursor text, uint16_t *port)
{
    uint32_t value = 0;

    if (cursor_left(&text) > 5)
        return false;
    while (cursor_left(&text) > 0) {
        uint8_t digit = cursor_u8(&text);

        if (!is_digit(digit))
            return false;
        value = 10 * value + digit - '0';
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* host[:port] (RFC 3986, 3.2.2); nothing is set when it is anything else. */
static void parse_authority(struct cursor text, struct preamble *preamble)
{
    bool bracket = cursor_left(&text) > 0 && text.at[0] == '[';
    struct cursor host;
    uint16_t port;

    if (bracket) {
        cursor_skip(&text, 1);
        if (!holds(text, ']'))
            return;
        host = take_until(&text, ']');
        if (!holds(host, ':') || (cursor_left(&text) > 0 && cursor_u8(&text) != ':'))
            return;
    } else {
        host = take_until(&text, ':'); /* an IPv6 literal without brackets has no valid port */
    }
    if (!parse_port(text, &port))
        return;
    set_host(preamble, host);
    if (preamble->name_length > 0)
        preamble->port = port;
}

/* -- HTTP/1 ----------------------------------------------------------------------------------- */

struct request {
    bool connect;
    struct cursor target;
    struct cursor host;
    bool has_host;
    bool in_host;       /* the line before belongs to a Host header */
    bool host_in_doubt; /* servers may differ in what they take for it */
};

/* RFC 9110, 5.6.2: what is visible, except delimiters. */
static bool is_token(uint8_t byte)
{
    return byte > ' ' && byte <= '~' && !is_one_of(byte, "\"(),/:;<=>?@[\\]{}");
}

/* A method and a space (RFC 9112, 3), as far as there are any bytes. */
static bool begins_request(struct cursor text)
{
    for (size_t i = 0; i < METHOD_MAX && cursor_left(&text) > 0; i++) {
        uint8_t byte = cursor_u8(&text);

        if (byte == ' ')
            return i > 0;
        if (!is_token(byte))
            return false;
    }
    return cursor_left(&text) == 0;
}

/* Other protocols' messages give themselves away. */
static bool is_text(struct cursor line)
{
    while (cursor_left(&line) > 0) {
        uint8_t byte = cursor_u8(&line);

        if (byte < ' ' && byte != '\t')
            return false;
    }
    return true;
}

/* An empty line before a request is ignored (RFC 9112, 2.2). False when half of one is there. */
static bool skip_empty_lines(struct cursor *cursor)
{
    struct cursor line;

    while (cursor_left(cursor) > 0 && (cursor->at[0] == '\r' || cursor->at[0] == '\n')) {
        struct cursor rest = *cursor;

        if (!take_line(&rest, &line))
            return cursor_left(cursor) > 1;
        if (cursor_left(&line) > 0)
            return true;
        *cursor = rest;
    }
    return cursor_left(cursor) > 0;
}

/* Lenient about white space, as RFC 9112, 3, allows. Seen in the wild: "CONNECT /HTTP/1.1", whose
 * target is the slash, and "HTTP/1." as a version. */
static bool parse_request_line(struct cursor line, struct request *request)
{
    static const char version[] = {'H', 'T', 'T', 'P', '/', '1', '.'};

    if (!is_text(line))
        return false;
    /* Methods are case-sensitive (RFC 9110, 9.1), but Squid takes them in any case. */
    request->connect = equals(take_until(&line, ' '), "CONNECT");
    line = trimmed(line);
    while (cursor_left(&line) > 0 && is_digit(line.end[-1]))
        line.end--;
    if (cursor_left(&line) < sizeof(version) ||
        memcmp(line.end - sizeof(version), version, sizeof(version)) != 0)
        return false;
    line.end -= sizeof(version);
    request->target = trimmed(line);
    return true;
}

/* A server must refuse several that differ (RFC 9112, 3.2). */
static void add_host(struct request *request, struct cursor value)
{
    size_t length = cursor_left(&value);

    if (request->has_host &&
        (length != cursor_left(&request->host) || memcmp(value.at, request->host.at, length) != 0))
        request->host_in_doubt = true;
    request->has_host = true;
    request->host = value;
}

/* A line that begins with white space continues the header before it (RFC 9112, 5.2), or does not:
 * servers differ. So they do with "Host :" (5.1), and with NUL, CR and the like amid the line
 * (2.2). */
static void parse_header(struct cursor line, struct request *request)
{
    bool folded = line.at[0] == ' ' || line.at[0] == '\t';
    bool odd = !is_text(line);
    struct cursor name = take_until(&line, ':');
    struct cursor bare = trimmed(name);
    bool is_host = equals(bare, "Host");

    if (folded)
        odd |= request->in_host || cursor_left(&bare) == 0;
    else
        request->in_host = is_host;
    odd |= is_host && cursor_left(&bare) != cursor_left(&name);
    if (odd)
        request->host_in_doubt = true;
    else if (is_host)
        add_host(request, trimmed(line));
}

/* "scheme://" (RFC 3986, 3.1). */
static bool take_scheme(struct cursor *target)
{
    struct cursor rest = *target;
    struct cursor scheme = take_until(&rest, ':');

    if (cursor_left(&scheme) == 0 || !consists_of(scheme, "+-.") || cursor_u8(&rest) != '/' ||
        cursor_u8(&rest) != '/')
        return false;
    *target = rest;
    return true;
}

/* Empty, "*" or a path. */
static bool names_no_host(struct cursor target)
{
    return cursor_left(&target) == 0 || target.at[0] == '/' || equals(target, "*");
}

/* RFC 9112, 3.2: the target in absolute or authority form, whatever Host says; else Host. A user
 * name in the target is taken for an error (RFC 9110, 4.2.4): behind it, servers look for the host
 * each in their own way. "CONNECT host:port / HTTP/1.0" is seen in the wild, and served. */
static void name_host(const struct request *request, struct preamble *preamble)
{
    struct cursor target = request->target;

    if (names_no_host(target)) {
        if (request->has_host && !request->host_in_doubt)
            parse_authority(request->host, preamble);
    } else if (take_scheme(&target)) {
        target = take_until(&target, '/');
        parse_authority(take_until(&target, '?'), preamble);
    } else if (request->connect) {
        struct cursor authority = take_until(&target, ' ');

        if (names_no_host(target))
            parse_authority(authority, preamble);
    }
}

/* The end of the head is not there. */
static enum preamble_kind end_early(const struct request *request, struct cursor *cursor,
                                    struct preamble *preamble)
{
    name_host(request, preamble);
    if (preamble->name_length == 0)
        return PREAMBLE_INCOMPLETE;
    cursor_skip(cursor, cursor_left(cursor));
    return request->connect ? PREAMBLE_CONNECT : PREAMBLE_HTTP;
}

static enum preamble_kind parse_http(struct cursor *cursor, bool cut, struct preamble *preamble)
{
    struct request request = {0};
    struct cursor line;

    if (!skip_empty_lines(cursor))
        return PREAMBLE_INCOMPLETE;
    if (!begins_request(*cursor))
        return PREAMBLE_NONE;
    if (!take_line(cursor, &line)) {
        if (cursor->end[-1] == '\r')
            cursor->end--;
        return is_text(*cursor) ? PREAMBLE_INCOMPLETE : PREAMBLE_NONE;
    }
    if (!parse_request_line(line, &request))
        return PREAMBLE_NONE;
    while (take_line(cursor, &line)) {
        if (cursor_left(&line) > 0) {
            parse_header(line, &request);
            continue;
        }
        name_host(&request, preamble);
        return request.connect ? PREAMBLE_CONNECT : PREAMBLE_HTTP;
    }
    return cut ? end_early(&request, cursor, preamble) : PREAMBLE_INCOMPLETE;
}

/* -- SOCKS ------------------------------------------------------------------------------------ */

/* Text up to a NUL. */
static enum preamble_kind take_string(struct cursor *cursor, struct cursor *text)
{
    size_t length = 0;

    while (length < cursor_left(cursor) && cursor->at[length] >= ' ')
        length++;
    if (length > SOCKS_STRING_MAX)
        return PREAMBLE_MALFORMED;
    if (length == cursor_left(cursor))
        return PREAMBLE_INCOMPLETE;
    *text = cursor_take(cursor, length);
    return cursor_u8(cursor) == '\0' ? PREAMBLE_SOCKS : PREAMBLE_MALFORMED;
}

/* "SOCKS: A protocol for TCP proxy across firewalls", and "SOCKS 4A" (Ying-Da Lee). */
static enum preamble_kind parse_socks4(struct cursor *cursor, struct preamble *preamble)
{
    static const uint8_t named[3] = {0, 0, 0}; /* 0.0.0.x, x not 0: a name follows */
    struct cursor text;
    enum preamble_kind kind;
    const uint8_t *address;

    cursor_skip(cursor, 1);
    if (cursor_left(cursor) > 0 && cursor_u8(cursor) != SOCKS_CONNECT)
        return PREAMBLE_NONE;
    preamble->port = cursor_u16(cursor);
    address = cursor_bytes(cursor, 4);
    if (!address)
        return PREAMBLE_INCOMPLETE;
    kind = take_string(cursor, &text); /* the user's name */
    if (kind != PREAMBLE_SOCKS)
        return kind;
    if (memcmp(address, named, sizeof(named)) != 0 || address[3] == 0) {
        set_address(preamble, 4, address);
        return PREAMBLE_SOCKS;
    }
    kind = take_string(cursor, &text);
    if (kind == PREAMBLE_SOCKS)
        set_host(preamble, text);
    return kind;
}

/* RFC 1928, 5. */
static enum preamble_kind take_socks5_target(struct cursor *cursor, struct preamble *preamble)
{
    struct cursor name = {0};

    switch (cursor_u8(cursor)) {
    case 1:
        set_address(preamble, 4, cursor_bytes(cursor, 4));
        break;
    case 3:
        name = cursor_take(cursor, cursor_u8(cursor));
        break;
    case 4:
        set_address(preamble, 6, cursor_bytes(cursor, 16));
        break;
    default:
        return cursor->failed ? PREAMBLE_INCOMPLETE : PREAMBLE_MALFORMED;
    }
    preamble->port = cursor_u16(cursor);
    if (cursor->failed)
        return PREAMBLE_INCOMPLETE;
    if (!preamble->has_address)
        set_host(preamble, name);
    return PREAMBLE_SOCKS;
}

/* Greeting (RFC 1928, 3), user name and password if the server chose to ask for them (RFC 1929),
 * request (RFC 1928, 4). Other ways to authenticate may wrap the request, and are not used. */
static enum preamble_kind parse_socks5(struct cursor *cursor, struct preamble *preamble)
{
    struct cursor methods;
    uint8_t version;
    uint8_t command;
    uint8_t reserved;

    cursor_skip(cursor, 1);
    methods = cursor_take(cursor, cursor_u8(cursor));
    if (cursor->failed)
        return PREAMBLE_INCOMPLETE;
    if (cursor_left(&methods) == 0)
        return PREAMBLE_NONE;
    version = cursor_u8(cursor);
    if (version == 1 && holds(methods, 2)) {
        cursor_skip(cursor, cursor_u8(cursor));
        cursor_skip(cursor, cursor_u8(cursor));
        version = cursor_u8(cursor);
    }
    if (cursor->failed)
        return PREAMBLE_INCOMPLETE;
    if (version != 5)
        return PREAMBLE_MALFORMED;
    command = cursor_u8(cursor);
    reserved = cursor_u8(cursor);
    if (cursor->failed)
        return PREAMBLE_INCOMPLETE;
    if (reserved != 0 || command < SOCKS_CONNECT || command > SOCKS_UDP_ASSOCIATE)
        return PREAMBLE_MALFORMED;
    return command == SOCKS_CONNECT ? take_socks5_target(cursor, preamble) : PREAMBLE_NONE;
}

/* -- The PROXY protocol (HAProxy, doc/proxy-protocol.txt) ------------------------------------- */

static bool take_proxy_address(struct cursor *line, uint8_t family, struct preamble *preamble)
{
    return set_literal(preamble, take_until(line, ' ')) && preamble->address.family == family;
}

/* 2.1: "PROXY TCP4 client server client-port server-port". */
static enum preamble_kind parse_proxy_line(struct cursor *cursor, struct preamble *preamble)
{
    struct cursor line;
    struct cursor protocol;
    struct cursor client_port;
    struct preamble server = {0};
    uint8_t family;

    if (!take_line(cursor, &line))
        return cursor_left(cursor) < PROXY_LINE_MAX ? PREAMBLE_INCOMPLETE : PREAMBLE_MALFORMED;
    if (cursor->at - line.at > PROXY_LINE_MAX || *line.end != '\r')
        return PREAMBLE_MALFORMED;
    cursor_skip(&line, sizeof(proxy_line));
    protocol = take_until(&line, ' ');
    if (equals(protocol, "UNKNOWN"))
        return PREAMBLE_PROXY;
    family = equals(protocol, "TCP4") ? 4 : equals(protocol, "TCP6") ? 6 : 0;
    if (!take_proxy_address(&line, family, preamble) || !take_proxy_address(&line, family, &server))
        return PREAMBLE_MALFORMED;
    client_port = take_until(&line, ' ');
    if (cursor_left(&client_port) == 0 || !parse_port(client_port, &preamble->port) ||
        cursor_left(&line) == 0 || !parse_port(line, &server.port))
        return PREAMBLE_MALFORMED;
    return PREAMBLE_PROXY;
}

static void take_endpoints(struct cursor *block, uint8_t family, struct preamble *preamble)
{
    size_t length = family == 4 ? 4 : 16;

    set_address(preamble, family, cursor_bytes(block, length));
    cursor_skip(block, length);
    preamble->port = cursor_u16(block);
    cursor_skip(block, 2);
}

/* 2.2: "the host name value passed by the client", the server name of its TLS. */
static enum preamble_kind parse_values(struct cursor block, struct preamble *preamble)
{
    struct cursor name = {0};
    unsigned names = 0;

    while (cursor_left(&block) > 0) {
        uint8_t type = cursor_u8(&block);
        struct cursor value = cursor_take(&block, cursor_u16(&block));

        if (value.failed)
            return PREAMBLE_MALFORMED;
        if (type == PROXY_AUTHORITY) {
            name = value;
            names++;
        }
    }
    if (names == 1 && is_host_name(name))
        set_name(preamble, name);
    return PREAMBLE_PROXY;
}

/* 2.2. A LOCAL connection is the proxy's own: whatever is said of its client is void. */
static enum preamble_kind parse_proxy_block(struct cursor *cursor, struct preamble *preamble)
{
    struct cursor block;
    uint8_t command;
    uint8_t family;
    uint16_t size;

    cursor_skip(cursor, sizeof(proxy_signature));
    command = cursor_u8(cursor);
    family = cursor_u8(cursor);
    size = cursor_u16(cursor);
    if (cursor->failed)
        return PREAMBLE_INCOMPLETE;
    if (command >> 4 != 2 || (command & 15) > PROXY_PROXY || family >> 4 > 3 || (family & 15) > 2 ||
        size > PREAMBLE_MAX - PROXY_HEADER)
        return PREAMBLE_MALFORMED;
    block = cursor_take(cursor, size);
    if (block.failed)
        return PREAMBLE_INCOMPLETE;
    if ((command & 15) == PROXY_LOCAL || family >> 4 == 0)
        return PREAMBLE_PROXY;
    if (family >> 4 == 3)
        cursor_skip(&block, PROXY_UNIX_PATHS);
    else
        take_endpoints(&block, family >> 4 == 1 ? 4 : 6, preamble);
    return block.failed ? PREAMBLE_MALFORMED : parse_values(block, preamble);
}

/* -- All of them ------------------------------------------------------------------------------ */

/* RFC 4291, 2.5.5.2: what a server that listens for both families takes an IPv4 client for. */
static void unmap(struct address *address)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

    if (address->family != 6 || memcmp(address->bytes, prefix, sizeof(prefix)) != 0)
        return;
    address->family = 4;
    memmove(address->bytes, address->bytes + sizeof(prefix), 4);
    memset(address->bytes + 4, 0, 12);
}

static enum preamble_kind parse_any(struct cursor *cursor, bool cut, struct preamble *preamble)
{
    if (cursor->at[0] == 4)
        return parse_socks4(cursor, preamble);
    if (cursor->at[0] == 5)
        return parse_socks5(cursor, preamble);
    if (begins(cursor, proxy_signature, sizeof(proxy_signature)))
        return parse_proxy_block(cursor, preamble);
    if (begins(cursor, proxy_line, sizeof(proxy_line)))
        return parse_proxy_line(cursor, preamble);
    return parse_http(cursor, cut, preamble);
}

static enum preamble_kind parse(const uint8_t *bytes, size_t length, bool cut,
                                struct preamble *preamble)
{
    bool full = length >= PREAMBLE_MAX;
    struct cursor cursor = cursor_over(bytes, full ? PREAMBLE_MAX : length);
    enum preamble_kind kind;

    memset(preamble, 0, sizeof(*preamble));
    if (length == 0)
        return PREAMBLE_INCOMPLETE;
    kind = parse_any(&cursor, cut, preamble);
    if (kind == PREAMBLE_NONE || kind == PREAMBLE_INCOMPLETE || kind == PREAMBLE_MALFORMED) {
        memset(preamble, 0, sizeof(*preamble));
        return kind == PREAMBLE_INCOMPLETE && full ? PREAMBLE_MALFORMED : kind;
    }
    unmap(&preamble->address);
    preamble->length = (uint32_t)(cursor.at - bytes);
    return kind;
}

enum preamble_kind preamble_parse(const uint8_t *bytes, size_t length, struct preamble *preamble)
{
    return parse(bytes, length, false, preamble);
}

enum preamble_kind preamble_parse_cut(const uint8_t *bytes, size_t length,
                                      struct preamble *preamble)
{
    return parse(bytes, length, true, preamble);
}

bool preamble_starts(const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return false;
    switch (bytes[0]) {
    case 4:
        return length < 2 || bytes[1] == SOCKS_CONNECT;
    case 5:
        return length < 2 || bytes[1] > 0;
    case '\r':
        return length < 2 || bytes[1] == '\n';
    case '\n':
        return true;
    default:
        return begins_request(cursor_over(bytes, length));
    }
}
