/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/httpstream.h"

#include "collectors/capture/cursor.h"
#include "collectors/inference/eitherbyte.h"
#include "collectors/inference/httpheader.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* A text, and its length. */
#define TEXT(literal) literal, sizeof(literal) - 1

enum state {
    START, /* before a request or status line; empty lines are skipped (RFC 9112, 2.2) */
    METHOD,
    TARGET,
    QUERY, /* of the target, which is not looked at */
    VERSION,
    STATUS,
    REASON,
    NAME_START,
    NAME,
    VALUE_START,
    VALUE,
    BODY, /* of `left` bytes */
    BODY_TO_CLOSE,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK,
    CHUNK_CR,
    CHUNK_LF,
    TRAILER_START,
    TRAILER,
    TRAILER_LF,
    LAST_LF,
    IGNORE, /* nothing that could be followed comes after this */
};

enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED };

enum flag {
    FLAG_POST = 1,
    FLAG_HEAD = 2,
    FLAG_OLD = 4, /* HTTP/1.0 */
    FLAG_CLOSE = 8,
    FLAG_EXPECT = 16,
    FLAG_UNREADABLE = 32, /* the body cannot be decoded, or no longer */
    FLAG_LONG = 64        /* the value did not fit */
};

/* In the order of enum header. */
static const char *const header_names[] = {
    "api-key",      "authorization", "connection",        "content-encoding", "content-length",
    "content-type", "expect",        "transfer-encoding", "x-api-key",
};

enum key_state { KEY_NONE, KEY_SCHEME, KEY_BEFORE, KEY_READING, KEY_AFTER, KEY_DONE };

static const char version_text[] = "HTTP/1.";

/* -- Out of step, and the end -------------------------------------------------------------------
 */

static void drop_key(struct http_stream *stream)
{
    apikey_wipe(&stream->key);
    stream->key_state = KEY_NONE;
}

static void release_inflater(struct http_message *message)
{
    if (message->inflater)
        inflater_release(message->inflater);
    message->inflater = NULL;
}

static void reset_message(struct http_stream *stream, enum http_side side)
{
    struct http_message *message = &stream->sides[side];

    release_inflater(message);
    explicit_bzero(message, sizeof(*message));
    if (side == HTTP_CLIENT && stream->key_state != KEY_NONE)
        drop_key(stream);
}

static void end_request(struct http_stream *stream, enum http_end end)
{
    if (stream->sending)
        stream->handler->request_end(stream->context, end);
    stream->sending = false;
    stream->expecting = false;
}

/* Of the oldest request. */
static void end_answer(struct http_stream *stream, enum http_end end)
{
    stream->waiting--;
    stream->heads >>= 1;
    stream->answering = false;
    if (stream->waiting == 0) /* what the client still sends of it is of no interest */
        end_request(stream, end == HTTP_COMPLETE ? HTTP_CUT : end);
    stream->handler->answer_end(stream->context, end);
}

static void end_all(struct http_stream *stream, enum http_end end)
{
    end_request(stream, end);
    while (stream->waiting > 0)
        end_answer(stream, end);
    reset_message(stream, HTTP_CLIENT);
    reset_message(stream, HTTP_SERVER);
}

static void lose_step(struct http_stream *stream)
{
    stream->lost = true;
    stream->trying = false;
    end_all(stream, HTTP_LOST);
}

static void refuse(struct http_stream *stream)
{
    if (stream->trying) {
        lose_step(stream);
        return;
    }
    stream->refused = true;
    end_all(stream, HTTP_REFUSED);
}

/* -- Values -------------------------------------------------------------------------------------
 */

static void forget_value(struct http_message *message)
{
    if (message->value_length > 0)
        explicit_bzero(message->value, message->value_length);
    message->value_length = 0;
    message->flags &= (uint8_t)~FLAG_LONG;
}

static void add_to_value(struct http_message *message, char byte)
{
    if (message->value_length < HTTP_VALUE_SIZE)
        message->value[message->value_length++] = byte;
    else
        message->flags |= FLAG_LONG;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool value_is(const struct http_message *message, const char *text)
{
    return !(message->flags & FLAG_LONG) && message->value_length == strlen(text) &&
           memcmp(message->value, text, message->value_length) == 0;
}

struct element {
    const char *text; /* NULL: there are no more */
    size_t length;
};

/* The element of a list (RFC 9110, 5.6.1) that begins at *NEXT of the value. */
static struct element next_element(const struct http_message *message, size_t *next)
{
    size_t start = *next;
    size_t end = start;

    if (start > message->value_length)
        return (struct element){NULL, 0};
    while (end < message->value_length && message->value[end] != ',')
        end++;
    *next = end + 1;
    while (start < end && is_space(message->value[start]))
        start++;
    while (end > start && is_space(message->value[end - 1]))
        end--;
    return (struct element){message->value + start, end - start};
}

static bool value_lists(const struct http_message *message, const char *text)
{
    struct element element;
    size_t next = 0;

    while ((element = next_element(message, &next)).text)
        if (element.length == strlen(text) && memcmp(element.text, text, element.length) == 0)
            return true;
    return false;
}

/* The media type without its parameters. */
static enum http_content content_of(struct http_message *message)
{
    static const struct {
        const char *type;
        size_t length;
        enum http_content content;
    } types[] = {
        {TEXT("application/json"), HTTP_CONTENT_JSON},
        {TEXT("text/json"), HTTP_CONTENT_JSON},
        {TEXT("application/problem+json"), HTTP_CONTENT_JSON},
        {TEXT("application/x-ndjson"), HTTP_CONTENT_LINES},
        {TEXT("application/ndjson"), HTTP_CONTENT_LINES},
        {TEXT("application/jsonl"), HTTP_CONTENT_LINES},
        {TEXT("text/event-stream"), HTTP_CONTENT_EVENTS},
    };
    size_t end = 0;

    while (end < message->value_length && message->value[end] != ';' &&
           !is_space(message->value[end]))
        end++;
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (types[i].length == end && memcmp(types[i].type, message->value, end) == 0)
            return types[i].content;
    return HTTP_CONTENT_OTHER;
}

/* Digits alone (RFC 9112, 6.3): a list, a sign or a second header are read differently by
 * different programs. */
static bool take_length(struct http_message *message)
{
    bool valid = message->framing == FRAMING_NONE && message->value_length > 0 &&
                 !(message->flags & FLAG_LONG);

    message->framing = FRAMING_LENGTH;
    for (size_t i = 0; valid && i < message->value_length; i++) {
        char digit = message->value[i];

        valid = digit >= '0' && digit <= '9' && message->left <= UINT64_MAX / 100;
        message->left = message->left * 10 + (uint64_t)(digit - '0');
    }
    return valid;
}

/* Any other coding, or none of its name, and where the message ends would be a guess. */
static bool take_transfer_coding(struct http_message *message)
{
    bool valid = message->framing == FRAMING_NONE && value_is(message, "chunked") &&
                 !(message->flags & FLAG_OLD);

    message->framing = FRAMING_CHUNKED;
    return valid;
}

/* One on top of another is what nobody needs, and is not read. */
static void take_content_coding(struct http_message *message)
{
    struct element element;
    size_t next = 0;

    if (message->flags & FLAG_LONG)
        message->coding = INFLATER_UNKNOWN;
    while ((element = next_element(message, &next)).text) {
        enum inflater_coding coding = inflater_coding(element.text, element.length);

        if (coding != INFLATER_IDENTITY)
            message->coding =
                message->coding == INFLATER_IDENTITY ? (uint8_t)coding : INFLATER_UNKNOWN;
    }
}

static void take_direction(struct http_stream *stream, struct http_message *message)
{
    const struct http_handler *handler = stream->handler;

    /* A value that did not fit is none that is configured. */
    handler->direction(stream->context, message->value,
                       message->flags & FLAG_LONG ? 0 : message->value_length);
}

static void take_client(struct http_stream *stream, struct http_message *message)
{
    stream->handler->client(stream->context, message->value,
                            message->flags & FLAG_LONG ? 0 : message->value_length);
}

/* -- Keys: they go through, and leave a digest ----------------------------------------------------
 */

static bool is_key_header(unsigned header)
{
    return header == HEADER_AUTHORIZATION || header == HEADER_API_KEY || header == HEADER_X_API_KEY;
}

static void begin_key(struct http_stream *stream, enum header header)
{
    if (!is_key_header(header) || !stream->secret || stream->key_state == KEY_DONE)
        return;
    apikey_begin(&stream->key, stream->secret);
    stream->key_state = header == HEADER_AUTHORIZATION ? KEY_SCHEME : KEY_BEFORE;
}

static void read_key(struct http_stream *stream, struct http_message *message, char byte)
{
    switch (stream->key_state) {
    case KEY_SCHEME: /* RFC 6750, 2.1 */
        if (!is_space(byte))
            add_to_value(message, lower(byte));
        else if (value_is(message, "bearer"))
            stream->key_state = KEY_BEFORE;
        else
            drop_key(stream);
        break;
    case KEY_BEFORE:
    case KEY_READING:
        if (is_space(byte)) {
            stream->key_state = stream->key_state == KEY_READING ? KEY_AFTER : KEY_BEFORE;
            break;
        }
        stream->key_state = KEY_READING;
        apikey_add(&stream->key, &byte, 1);
        break;
    case KEY_AFTER:
        if (!is_space(byte)) /* no key holds a space */
            drop_key(stream);
        break;
    default:
        break;
    }
}

static void end_key(struct http_stream *stream)
{
    uint8_t digest[APIKEY_DIGEST_SIZE];

    if (stream->key_state == KEY_READING || stream->key_state == KEY_AFTER) {
        apikey_end(&stream->key, stream->secret, digest);
        stream->handler->api_key(stream->context, digest);
        stream->key_state = KEY_DONE;
    } else if (stream->key_state != KEY_NONE && stream->key_state != KEY_DONE) {
        drop_key(stream);
    }
}

/* -- Heads --------------------------------------------------------------------------------------
 */

/* What a name consists of (RFC 9110, 5.6.2), in lower case; 0 for any other byte. */
static const char token_letters[UINT8_MAX + 1] =
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0!\0#$%&'\0\0*+\0-.\0"
    "0123456789\0\0\0\0\0\0"
    "\0abcdefghijklmnopqrstuvwxyz\0\0\0^_"
    "`abcdefghijklmnopqrstuvwxyz\0|\0~";

static bool is_token(uint8_t byte)
{
    return token_letters[byte] != '\0';
}

/* RFC 9112, 6.3. */
static bool has_no_body(const struct http_stream *stream, const struct http_message *message)
{
    return message->status < 200 || message->status == 204 || message->status == 304 ||
           stream->heads & 1;
}

static void end_message(struct http_stream *stream, enum http_side side)
{
    bool closes = stream->sides[side].flags & FLAG_CLOSE;

    reset_message(stream, side);
    if (side == HTTP_CLIENT) {
        end_request(stream, HTTP_COMPLETE);
        return;
    }
    end_answer(stream, HTTP_COMPLETE);
    if (closes)
        stream->sides[side].state = IGNORE;
}

static void begin_body(struct http_stream *stream, enum http_side side, bool to_close)
{
    struct http_message *message = &stream->sides[side];

    if (message->framing == FRAMING_CHUNKED)
        message->state = CHUNK_SIZE;
    else if (message->framing == FRAMING_LENGTH && message->left > 0)
        message->state = BODY;
    else if (message->framing == FRAMING_NONE && to_close)
        message->state = BODY_TO_CLOSE;
    else
        end_message(stream, side);
}

static void end_request_head(struct http_stream *stream)
{
    struct http_message *message = &stream->sides[HTTP_CLIENT];

    stream->expecting = message->flags & FLAG_EXPECT;
    stream->key_state = KEY_NONE;
    stream->handler->headers(stream->context);
    begin_body(stream, HTTP_CLIENT, false);
}

/* The server made up its mind before it had the body. Whether the client still sends that, nobody
 * can tell (RFC 9110, 10.1.1): what comes is a request if it makes sense as one. */
static void answer_early(struct http_stream *stream)
{
    if (stream->waiting != 1 || !stream->expecting)
        return;
    end_request(stream, HTTP_CUT);
    reset_message(stream, HTTP_CLIENT);
    stream->trying = true;
}

static void end_answer_head(struct http_stream *stream)
{
    struct http_message *message = &stream->sides[HTTP_SERVER];
    const struct http_handler *handler = stream->handler;
    bool bodiless = has_no_body(stream, message);

    stream->trying = false;
    if (message->status < 200 && message->status != 101) {
        stream->expecting = false;
        reset_message(stream, HTTP_SERVER);
        return;
    }
    stream->answering = true;
    answer_early(stream);
    handler->answer(stream->context, message->status, message->content);
    if (message->status == 101) {
        refuse(stream); /* another protocol from here on */
        return;
    }
    if (bodiless)
        end_message(stream, HTTP_SERVER);
    else
        begin_body(stream, HTTP_SERVER, true);
}

static void end_head(struct http_stream *stream, enum http_side side)
{
    if (side == HTTP_CLIENT)
        end_request_head(stream);
    else
        end_answer_head(stream);
}

/* Returns false for what would leave it open where the message ends. */
static bool take_header(struct http_stream *stream, struct http_message *message)
{
    switch (message->header) {
    case HEADER_CONTENT_LENGTH:
        return take_length(message);
    case HEADER_TRANSFER_ENCODING:
        return take_transfer_coding(message);
    case HEADER_CONTENT_ENCODING:
        take_content_coding(message);
        break;
    case HEADER_CONTENT_TYPE:
        message->content = (uint8_t)content_of(message);
        break;
    case HEADER_CONNECTION:
        message->flags |= value_lists(message, "close") ? FLAG_CLOSE : 0;
        break;
    case HEADER_EXPECT:
        message->flags |= value_is(message, "100-continue") ? FLAG_EXPECT : 0;
        break;
    case HEADER_DIRECTION:
        take_direction(stream, message);
        break;
    case HEADER_CLIENT:
        take_client(stream, message);
        break;
    default:
        break;
    }
    return true;
}

static void end_header(struct http_stream *stream, enum http_side side)
{
    struct http_message *message = &stream->sides[side];
    bool valid;

    message->state = NAME_START;
    if (message->header == HEADER_OTHER)
        return;
    while (message->value_length > 0 && is_space(message->value[message->value_length - 1]))
        message->value_length--;
    valid = take_header(stream, message);
    if (side == HTTP_CLIENT)
        end_key(stream);
    forget_value(message);
    if (!valid)
        refuse(stream);
}

/* How much of the configured name TEXT was read, LENGTH of it before LETTER. */
static uint8_t match_name(const char *text, uint8_t length, char letter)
{
    return length != UINT8_MAX && text[length] == letter ? (uint8_t)(length + 1) : UINT8_MAX;
}

static bool is_name(const char *text, uint8_t length)
{
    return length != UINT8_MAX && length > 0 && !text[length];
}

/* FOUND is the place in header_names, or KEYWORD_NONE; then whether it is a configured name. */
static void end_name(struct http_stream *stream, struct http_message *message, enum http_side side,
                     uint8_t found, bool is_direction, bool is_client)
{
    message->header = found == KEYWORD_NONE ? HEADER_OTHER : found;
    if (side == HTTP_CLIENT && is_direction)
        message->header = HEADER_DIRECTION;
    else if (side == HTTP_CLIENT && is_client)
        message->header = HEADER_CLIENT;
    if (side == HTTP_CLIENT)
        begin_key(stream, message->header);
    message->state = VALUE_START;
}

/* Whether it is the configured one, if any. */
static bool same_name(const char *known, const char *name)
{
    return *known == *name && strcmp(known, name) == 0;
}

/* The length of the name at AT, of at most SIZE - 1 bytes, which becomes NAME, in lower case and
 * with a zero behind it; SIZE when it is longer, or not here whole. */
static size_t copy_name(char *name, size_t size, const uint8_t *at, const uint8_t *end)
{
    size_t most = (size_t)(end - at) < size ? (size_t)(end - at) : size;
    size_t length = eitherbyte_copy_word(name, size, at, end);

    while (length < most && (name[length] = token_letters[at[length]]) != '\0')
        length++;
    return length < most ? length : size;
}

/* At the beginning of a line: a name that is here whole, with its colon. */
static void pass_name(struct http_stream *stream, enum http_side side, struct cursor *cursor)
{
    char name[64];
    size_t length = copy_name(name, sizeof(name), cursor->at, cursor->end);

    if (length == sizeof(name) || cursor->at[length] != ':' || length == 0)
        return;
    end_name(stream, &stream->sides[side], side, httpheader_find(name, length),
             same_name(stream->direction_header, name), same_name(stream->client_header, name));
    cursor_skip(cursor, length + 1);
}

static void read_name(struct http_stream *stream, struct http_message *message, enum http_side side,
                      uint8_t byte)
{
    char letter = lower((char)byte);

    if (byte == ':' && message->state == NAME) {
        end_name(stream, message, side, keyword_find(&message->name, header_names),
                 is_name(stream->direction_header, message->name_length),
                 is_name(stream->client_header, message->client_length));
        return;
    }
    if (!is_token(byte)) { /* also a space before the colon (RFC 9112, 5.1), and a folded line */
        refuse(stream);
        return;
    }
    keyword_add(&message->name, header_names, (uint8_t)letter);
    message->name_length = match_name(stream->direction_header, message->name_length, letter);
    message->client_length = match_name(stream->client_header, message->client_length, letter);
    message->state = NAME;
}

static void read_value(struct http_stream *stream, struct http_message *message,
                       enum http_side side, uint8_t byte)
{
    bool is_key = is_key_header(message->header);

    if (message->state == VALUE_START && is_space((char)byte))
        return;
    message->state = VALUE;
    if (is_key && side == HTTP_CLIENT)
        read_key(stream, message, (char)byte);
    else if (message->header == HEADER_DIRECTION || message->header == HEADER_CLIENT)
        add_to_value(message, (char)byte);
    else if (message->header < HEADER_OTHER && !is_key)
        add_to_value(message, lower((char)byte));
}

/* The last bytes of the path are kept, which tell what is asked for. */
static void read_target(struct http_message *message, char byte)
{
    if (message->value_length == HTTP_VALUE_SIZE) {
        memmove(message->value, message->value + HTTP_VALUE_SIZE - HTTP_PATH_SIZE, HTTP_PATH_SIZE);
        message->value_length = HTTP_PATH_SIZE;
    }
    message->value[message->value_length++] = byte;
}

static void end_request_line(struct http_stream *stream)
{
    struct http_message *message = &stream->sides[HTTP_CLIENT];
    const struct http_handler *handler = stream->handler;
    size_t length = message->value_length < HTTP_PATH_SIZE ? message->value_length : HTTP_PATH_SIZE;

    if (stream->waiting == HTTP_PIPELINE) {
        refuse(stream);
        return;
    }
    stream->heads |= (uint32_t)(message->flags & FLAG_HEAD ? 1 : 0) << stream->waiting;
    stream->waiting++;
    stream->sending = true;
    handler->request(stream->context, message->flags & FLAG_POST,
                     message->value + message->value_length - length, length);
}

static void end_first_line(struct http_stream *stream, enum http_side side)
{
    struct http_message *message = &stream->sides[side];

    if (side == HTTP_CLIENT)
        end_request_line(stream);
    forget_value(message);
    message->digits = 0;
}

static void end_method(struct http_stream *stream, struct http_message *message)
{
    if (value_is(message, "POST"))
        message->flags |= FLAG_POST;
    if (value_is(message, "HEAD"))
        message->flags |= FLAG_HEAD;
    message->state = TARGET;
    /* A tunnel is not followed; no method is that long. */
    if (value_is(message, "CONNECT") || message->value_length > 32)
        refuse(stream);
    else
        forget_value(message);
}

/* HTTP/1.0 or /1.1. Returns false for what is neither. */
static bool read_version(struct http_message *message, uint8_t byte)
{
    if (message->digits < sizeof(version_text) - 1)
        return byte == (uint8_t)version_text[message->digits++];
    if (message->digits++ != sizeof(version_text) - 1 || (byte != '0' && byte != '1'))
        return false;
    if (byte == '0')
        message->flags |= FLAG_OLD;
    return true;
}

static bool version_complete(const struct http_message *message)
{
    return message->digits == sizeof(version_text);
}

static bool read_status(struct http_message *message, uint8_t byte)
{
    if (byte == ' ' && message->digits == 3) {
        message->state = REASON;
        return true;
    }
    if (byte < '0' || byte > '9' || message->digits == 3 || (message->digits == 0 && byte == '0'))
        return false;
    message->status = (uint16_t)(message->status * 10 + (byte - '0'));
    message->digits++;
    return true;
}

/* -- A byte of a head; the end of its lines is apart ------------------------------------------- */

static bool read_first_line(struct http_stream *stream, struct http_message *message, uint8_t byte)
{
    switch (message->state) {
    case METHOD:
        if (byte == ' ' && message->value_length > 0)
            end_method(stream, message);
        else if (is_token(byte))
            add_to_value(message, (char)byte);
        else
            return false;
        return true;
    case TARGET:
    case QUERY:
        if (byte == ' ')
            message->state = VERSION;
        else if (byte == '?')
            message->state = QUERY;
        else if (message->state == TARGET)
            read_target(message, (char)byte);
        return byte >= ' ';
    case VERSION:
        if (byte != ' ' || message == &stream->sides[HTTP_CLIENT])
            return read_version(message, byte);
        message->state = STATUS;
        if (!version_complete(message))
            return false;
        message->digits = 0;
        return true;
    case STATUS:
        return read_status(message, byte);
    default:
        return true; /* of the reason */
    }
}

static void begin_line(struct http_stream *stream, enum http_side side, uint8_t byte)
{
    struct http_message *message = &stream->sides[side];

    if (side == HTTP_SERVER && stream->waiting == 0) {
        lose_step(stream); /* an answer to nothing, such as 408 before a close */
        return;
    }
    message->state = side == HTTP_CLIENT ? METHOD : VERSION;
    if (!read_first_line(stream, message, byte))
        refuse(stream);
}

static void begin_name(struct http_stream *stream, enum http_side side, uint8_t byte)
{
    struct http_message *message = &stream->sides[side];

    keyword_start(&message->name, COUNT_OF(header_names));
    message->name_length = 0;
    message->client_length = 0;
    read_name(stream, message, side, byte);
}

/* A line ended. A line feed alone is taken for it, as RFC 9112, 2.2, allows. */
static void end_line(struct http_stream *stream, enum http_side side)
{
    struct http_message *message = &stream->sides[side];

    switch (message->state) {
    case START:
        break;
    case STATUS:
    case VERSION:
    case REASON:
        if (message->state == VERSION ? side == HTTP_SERVER || !version_complete(message)
                                      : message->digits != 3) {
            refuse(stream);
            break;
        }
        end_first_line(stream, side);
        if (!stream->refused && !stream->lost)
            message->state = NAME_START;
        break;
    case VALUE_START:
    case VALUE:
        end_header(stream, side);
        break;
    case NAME_START:
        end_head(stream, side);
        break;
    default:
        refuse(stream);
    }
}

static void read_head(struct http_stream *stream, enum http_side side, uint8_t byte)
{
    struct http_message *message = &stream->sides[side];

    if (byte == '\0' || (message->cr && byte != '\n')) {
        refuse(stream); /* a CR alone is read differently by different programs */
        return;
    }
    message->cr = byte == '\r';
    if (byte == '\r')
        return;
    if (byte == '\n')
        end_line(stream, side);
    else if (message->state == START)
        begin_line(stream, side, byte);
    else if (message->state == NAME_START)
        begin_name(stream, side, byte);
    else if (message->state == NAME)
        read_name(stream, message, side, byte);
    else if (message->state == VALUE_START || message->state == VALUE)
        read_value(stream, message, side, byte);
    else if (!read_first_line(stream, message, byte))
        refuse(stream);
}

/* -- What heads consist of for the most part, not byte by byte. Each of these leaves what is not
 * here whole, or unusual, as it is. */

/* A value up to the end of its line, which is here, and none longer than there is room for. */
static void keep_value(struct http_message *message, const uint8_t *at, const uint8_t *end)
{
    bool as_it_is = message->header == HEADER_DIRECTION || message->header == HEADER_CLIENT;

    while (at < end && is_space((char)*at))
        at++;
    message->value_length = (uint8_t)(end - at);
    for (unsigned i = 0; i < message->value_length; i++)
        message->value[i] = as_it_is ? (char)at[i] : lower((char)at[i]);
}

/* Of a value that nobody asks for, also a part. Of the others short ones, so that who sends a long
 * one does not have it looked through for each of its bytes; a key has a way of its own. */
static void pass_value(struct http_message *message, struct cursor *cursor)
{
    bool is_other = message->header == HEADER_OTHER;
    size_t most = is_other ? SIZE_MAX : HTTP_VALUE_SIZE;
    const uint8_t *limit = cursor_left(cursor) < most ? cursor->end : cursor->at + most;
    const uint8_t *end;

    if (!is_other && (message->state == VALUE || is_key_header(message->header)))
        return;
    end = eitherbyte_find_value_end(cursor->at, limit);
    if (end == cursor->at || (!is_other && end == limit))
        return;
    if (!is_other)
        keep_value(message, cursor->at, end);
    message->state = VALUE;
    cursor->at = end;
}

static bool begins_with(const struct cursor *cursor, const char *text, size_t length)
{
    return cursor_left(cursor) >= length && memcmp(cursor->at, text, length) == 0;
}

/* As much of a path as is here and there is room for, and the space behind it. */
static void pass_target(struct http_message *message, struct cursor *cursor)
{
    size_t room = (size_t)(HTTP_VALUE_SIZE - message->value_length);
    size_t left = cursor_left(cursor) < room ? cursor_left(cursor) : room;
    size_t length = 0;

    while (length < left && cursor->at[length] > ' ' && cursor->at[length] != '?')
        length++;
    memcpy(message->value + message->value_length, cursor->at, length);
    message->value_length = (uint8_t)(message->value_length + length);
    cursor_skip(cursor, length);
    if (begins_with(cursor, " ", 1)) {
        cursor_skip(cursor, 1);
        message->state = VERSION;
    }
}

/* "POST /path HTTP/1.1". */
static void pass_request_line(struct http_message *message, struct cursor *cursor)
{
    if (message->state == START && begins_with(cursor, "POST ", 5)) {
        message->flags |= FLAG_POST;
        message->state = TARGET;
        cursor_skip(cursor, 5);
    }
    if (message->state == TARGET)
        pass_target(message, cursor);
    if (message->state == VERSION && message->digits == 0 && begins_with(cursor, "HTTP/1.1", 8)) {
        message->digits = sizeof(version_text);
        cursor_skip(cursor, 8);
    }
}

/* "HTTP/1.1 200 ". */
static bool is_status(const struct cursor *cursor)
{
    const uint8_t *at = cursor->at;

    return cursor_left(cursor) >= sizeof("HTTP/1.1 200 ") - 1 &&
           begins_with(cursor, "HTTP/1.1 ", 9) && at[9] >= '1' && at[9] <= '9' && at[10] >= '0' &&
           at[10] <= '9' && at[11] >= '0' && at[11] <= '9' && at[12] == ' ';
}

/* "HTTP/1.1 200 OK", to an answer that is waited for. */
static void pass_status_line(const struct http_stream *stream, struct http_message *message,
                             struct cursor *cursor)
{
    const uint8_t *at = cursor->at;

    if (message->state == START && stream->waiting > 0 && is_status(cursor)) {
        message->status = (uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
        message->digits = 3;
        message->state = REASON;
        cursor_skip(cursor, sizeof("HTTP/1.1 200 ") - 1);
    }
    if (message->state == REASON)
        cursor->at = eitherbyte_find_value_end(cursor->at, cursor->end);
}

/* A line or less, up to its end. Returns false when nothing was read. */
static bool pass_head(struct http_stream *stream, enum http_side side, struct cursor *cursor)
{
    struct http_message *message = &stream->sides[side];
    const uint8_t *start = cursor->at;

    if (message->cr)
        return false;
    if (message->state == NAME_START)
        pass_name(stream, side, cursor);
    if (message->state == VALUE_START || message->state == VALUE)
        pass_value(message, cursor);
    else if (side == HTTP_CLIENT)
        pass_request_line(message, cursor);
    else
        pass_status_line(stream, message, cursor);
    if (begins_with(cursor, "\r\n", 2)) {
        cursor_skip(cursor, 2);
        end_line(stream, side);
    }
    return cursor->at > start;
}

/* -- Bodies -------------------------------------------------------------------------------------
 */

static void forward_request(void *context, const uint8_t *bytes, size_t length)
{
    const struct http_stream *stream = context;

    stream->handler->body(stream->context, HTTP_CLIENT, bytes, length);
}

static void forward_answer(void *context, const uint8_t *bytes, size_t length)
{
    const struct http_stream *stream = context;

    stream->handler->body(stream->context, HTTP_SERVER, bytes, length);
}

/* Part of the body will not be seen. Nothing that is compressed can be read behind it. */
static void note_gap(struct http_stream *stream, enum http_side side)
{
    struct http_message *message = &stream->sides[side];

    if (message->coding != INFLATER_IDENTITY) {
        release_inflater(message);
        message->flags |= FLAG_UNREADABLE;
    }
    if (side == HTTP_SERVER || stream->sending)
        stream->handler->gap(stream->context, side);
}

/* Returns false for what cannot be decoded. */
static bool inflate_body(struct http_stream *stream, struct http_message *message,
                         const uint8_t *bytes, size_t length, inflater_handler *forward)
{
    if (!message->inflater)
        message->inflater = inflater_take(stream->inflaters, (enum inflater_coding)message->coding);
    return message->inflater && inflater_add(message->inflater, bytes, length, forward, stream);
}

static bool is_wanted(const struct http_stream *stream, enum http_side side)
{
    const struct http_handler *handler = stream->handler;

    return !handler->wants || handler->wants(stream->context, side);
}

static void deliver(struct http_stream *stream, enum http_side side, const uint8_t *bytes,
                    size_t length)
{
    struct http_message *message = &stream->sides[side];
    inflater_handler *forward = side == HTTP_CLIENT ? forward_request : forward_answer;

    if (side == HTTP_CLIENT)
        stream->expecting = false;
    if (message->flags & FLAG_UNREADABLE || (side == HTTP_CLIENT && !stream->sending))
        return;
    if (message->coding == INFLATER_IDENTITY) {
        forward(stream, bytes, length);
    } else if (!is_wanted(stream, side)) {
        message->flags |= FLAG_UNREADABLE;
    } else if (!inflate_body(stream, message, bytes, length, forward)) {
        release_inflater(message);
        message->flags |= FLAG_UNREADABLE;
        stream->handler->unread(stream->context, side);
    }
}

/* A part of a body or chunk passed. */
static void advance(struct http_stream *stream, enum http_side side, uint64_t length)
{
    struct http_message *message = &stream->sides[side];

    if (message->state != BODY && message->state != CHUNK)
        return;
    message->left -= length;
    if (message->left > 0)
        return;
    if (message->state == CHUNK)
        message->state = CHUNK_CR;
    else
        end_message(stream, side);
}

static void read_run(struct http_stream *stream, enum http_side side, struct cursor *cursor)
{
    const struct http_message *message = &stream->sides[side];
    size_t length = cursor_left(cursor);

    if ((message->state == BODY || message->state == CHUNK) && message->left < length)
        length = (size_t)message->left;
    if (message->state != IGNORE)
        deliver(stream, side, cursor->at, length);
    cursor_skip(cursor, length);
    advance(stream, side, length);
}

static int hex_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Returns false for what is no chunk size (RFC 9112, 7.1). */
static bool read_chunk_size(struct http_message *message, uint8_t byte)
{
    int digit = hex_of(byte);

    if (digit >= 0 && message->digits < 15) {
        message->left = message->left << 4 | (unsigned)digit;
        message->digits++;
        return true;
    }
    if (message->digits == 0)
        return false;
    message->digits = 0;
    message->state = byte == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
    return byte == '\r' || byte == ';' || is_space((char)byte);
}

/* A size without extensions, or the end of a chunk, that is here whole. Returns false for any
 * other. */
static bool pass_chunk_framing(struct http_message *message, struct cursor *cursor)
{
    const uint8_t *at = cursor->at;
    uint64_t size = 0;
    int digit;

    if (message->state == CHUNK_SIZE && message->digits == 0)
        for (; at < cursor->end && at - cursor->at < 15 && (digit = hex_of(*at)) >= 0; at++)
            size = size << 4 | (unsigned)digit;
    else if (message->state != CHUNK_CR)
        return false;
    if (cursor->end - at < 2 || at[0] != '\r' || at[1] != '\n' ||
        (message->state == CHUNK_SIZE && at == cursor->at))
        return false;
    message->state = message->state == CHUNK_CR ? CHUNK_SIZE : size > 0 ? CHUNK : TRAILER_START;
    message->left = size;
    cursor_skip(cursor, (size_t)(at + 2 - cursor->at));
    return true;
}

/* Whatever frames chunks ends its lines with CR and LF both: a line feed alone in an extension is
 * how requests were smuggled. Returns false for it, and what else is not in the grammar. */
static bool read_chunk_framing(struct http_message *message, uint8_t byte)
{
    uint8_t after_cr = message->state == CHUNK_CR        ? CHUNK_LF
                       : message->state == TRAILER_START ? LAST_LF
                       : message->state == TRAILER       ? TRAILER_LF
                                                         : CHUNK_SIZE_LF;

    switch (message->state) {
    case CHUNK_SIZE:
        return read_chunk_size(message, byte);
    case CHUNK_SIZE_LF:
        message->state = message->left > 0 ? CHUNK : TRAILER_START;
        return byte == '\n';
    case CHUNK_LF:
        message->state = CHUNK_SIZE;
        return byte == '\n';
    case TRAILER_LF:
        message->state = TRAILER_START;
        return byte == '\n';
    case CHUNK_CR:
        message->state = after_cr;
        return byte == '\r';
    default: /* CHUNK_EXTENSION, TRAILER_START, TRAILER */
        if (byte == '\r')
            message->state = after_cr;
        else if (message->state == TRAILER_START)
            message->state = TRAILER;
        return byte != '\n' && byte != '\0';
    }
}

static void read_framing(struct http_stream *stream, enum http_side side, uint8_t byte)
{
    struct http_message *message = &stream->sides[side];

    if (message->state == LAST_LF && byte == '\n')
        end_message(stream, side);
    else if (message->state == LAST_LF || !read_chunk_framing(message, byte))
        refuse(stream);
}

/* -- What is called from outside ------------------------------------------------------------------
 */

void httpstream_start(struct http_stream *stream, const struct http_handler *handler, void *context,
                      struct inflater_pool *inflaters, const struct apikey_secret *secret,
                      const char *direction_header)
{
    memset(stream, 0, sizeof(*stream));
    stream->handler = handler;
    stream->context = context;
    stream->inflaters = inflaters;
    stream->secret = secret;
    stream->direction_header = direction_header;
    stream->client_header = "";
}

void httpstream_set_secret(struct http_stream *stream, const struct apikey_secret *secret)
{
    if (stream->key_state != KEY_NONE && stream->key_state != KEY_DONE)
        drop_key(stream);
    stream->secret = secret;
}

/* Nobody asked the server what SIDE is about to say, and what comes instead is being tried. */
static bool speaks_unasked(const struct http_stream *stream, enum http_side side)
{
    return side == HTTP_SERVER && stream->trying && stream->waiting == 0;
}

/* Whether to read what SIDE says now. Out of step, a client that speaks after the server did begins
 * a request: nobody answers in the middle of one, but to ask for its body. */
static bool listens(struct http_stream *stream, enum http_side side)
{
    if (speaks_unasked(stream, side))
        lose_step(stream);
    if (stream->lost && side == HTTP_CLIENT && stream->server_spoke) {
        stream->lost = false;
        stream->trying = true;
    }
    stream->server_spoke = side == HTTP_SERVER;
    return !stream->lost;
}

static bool is_run(uint8_t state)
{
    return state == BODY || state == BODY_TO_CLOSE || state == CHUNK || state == IGNORE;
}

void httpstream_bytes(struct http_stream *stream, enum http_side side, const uint8_t *bytes,
                      size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);
    const struct http_message *message = &stream->sides[side];

    if (stream->refused || length == 0 || !listens(stream, side))
        return;
    while (cursor_left(&cursor) > 0 && !stream->refused && !stream->lost) {
        if (speaks_unasked(stream, side)) {
            lose_step(stream); /* as if it had come by itself */
        } else if (is_run(message->state)) {
            read_run(stream, side, &cursor);
        } else if (message->state < BODY) {
            if (!pass_head(stream, side, &cursor))
                read_head(stream, side, cursor_u8(&cursor));
        } else if (!pass_chunk_framing(&stream->sides[side], &cursor)) {
            read_framing(stream, side, cursor_u8(&cursor));
        }
    }
}

void httpstream_gap(struct http_stream *stream, enum http_side side, uint64_t length)
{
    const struct http_message *message = &stream->sides[side];

    if (stream->refused || length == 0 || message->state == IGNORE || !listens(stream, side))
        return;
    if (!is_run(message->state) || (message->state != BODY_TO_CLOSE && length > message->left)) {
        lose_step(stream);
        return;
    }
    note_gap(stream, side);
    advance(stream, side, length);
}

void httpstream_close(struct http_stream *stream, enum http_side side)
{
    if (stream->refused || stream->lost)
        return;
    if (side == HTTP_CLIENT) {
        end_request(stream, HTTP_CUT);
        return;
    }
    if (stream->sides[HTTP_SERVER].state == BODY_TO_CLOSE)
        end_message(stream, HTTP_SERVER);
    end_all(stream, HTTP_CUT);
    stream->sides[HTTP_SERVER].state = IGNORE;
}

void httpstream_finish(struct http_stream *stream)
{
    end_all(stream, HTTP_CUT);
    stream->refused = true;
}
