/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/usagescan.h"

#include "collectors/capture/cursor.h"
#include "collectors/inference/eitherbyte.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* -- What is looked for, and where ------------------------------------------------------------- */

/* Sorted, and in the order of key_names. */
enum key {
    KEY_ARGUMENTS,
    KEY_CACHE_CREATION,
    KEY_CACHE_N,
    KEY_CACHE_READ,
    KEY_CACHED_TOKENS,
    KEY_CHOICES,
    KEY_COMPLETION_TOKENS,
    KEY_CONTENT,
    KEY_DELTA,
    KEY_EVAL_COUNT,
    KEY_FUNCTION,
    KEY_INDEX,
    KEY_INPUT_TOKENS,
    KEY_INPUT_DETAILS,
    KEY_MESSAGE,
    KEY_MODEL,
    KEY_N,
    KEY_OUTPUT_TOKENS,
    KEY_PARTIAL_JSON,
    KEY_PREDICTED_N,
    KEY_PROMPT_EVAL_COUNT,
    KEY_PROMPT_N,
    KEY_PROMPT_TOKENS,
    KEY_PROMPT_DETAILS,
    KEY_REASONING,
    KEY_REASONING_CONTENT,
    KEY_REFUSAL,
    KEY_REMOTE_HOST,
    KEY_RESPONSE,
    KEY_STREAM,
    KEY_TEXT,
    KEY_THINKING,
    KEY_TIMINGS,
    KEY_TOKENS_EVALUATED,
    KEY_TOKENS_PREDICTED,
    KEY_TOOL_CALLS,
    KEY_USAGE,
    KEY_COUNT
};

static const char *const key_names[KEY_COUNT] = {
    "arguments",
    "cache_creation_input_tokens",
    "cache_n",
    "cache_read_input_tokens",
    "cached_tokens",
    "choices",
    "completion_tokens",
    "content",
    "delta",
    "eval_count",
    "function",
    "index",
    "input_tokens",
    "input_tokens_details",
    "message",
    "model",
    "n",
    "output_tokens",
    "partial_json",
    "predicted_n",
    "prompt_eval_count",
    "prompt_n",
    "prompt_tokens",
    "prompt_tokens_details",
    "reasoning",
    "reasoning_content",
    "refusal",
    "remote_host",
    "response",
    "stream",
    "text",
    "thinking",
    "timings",
    "tokens_evaluated",
    "tokens_predicted",
    "tool_calls",
    "usage",
};

/* Objects and arrays that are looked into; of all others only the end is found. */
enum node {
    NODE_NONE,
    NODE_REQUEST,
    NODE_ROOT,
    NODE_ROOTS, /* llama.cpp answers several prompts with an array */
    NODE_CHOICES,
    NODE_CHOICE,
    NODE_DELTA,
    NODE_TOOL_CALLS,
    NODE_TOOL_CALL,
    NODE_FUNCTION,
    NODE_MESSAGE,  /* of Anthropic's message_start, or of Ollama */
    NODE_RESPONSE, /* of an event of the responses API */
    NODE_USAGE,
    NODE_FIRST_USAGE, /* of message_start: what it says of the output is not the last word */
    NODE_DETAILS,
    NODE_TIMINGS
};

#define NO_KEY KEYWORD_NONE

static const struct {
    uint8_t parent;
    uint8_t key; /* NO_KEY: an element of the array */
    char bracket;
    uint8_t node;
} children[] = {
    {NODE_ROOTS, NO_KEY, '{', NODE_ROOT},
    {NODE_ROOT, KEY_USAGE, '{', NODE_USAGE},
    {NODE_ROOT, KEY_TIMINGS, '{', NODE_TIMINGS},
    {NODE_ROOT, KEY_CHOICES, '[', NODE_CHOICES},
    {NODE_ROOT, KEY_DELTA, '{', NODE_DELTA},
    {NODE_ROOT, KEY_MESSAGE, '{', NODE_MESSAGE},
    {NODE_ROOT, KEY_RESPONSE, '{', NODE_RESPONSE},
    {NODE_CHOICES, NO_KEY, '{', NODE_CHOICE},
    {NODE_CHOICE, KEY_DELTA, '{', NODE_DELTA},
    {NODE_DELTA, KEY_TOOL_CALLS, '[', NODE_TOOL_CALLS},
    {NODE_TOOL_CALLS, NO_KEY, '{', NODE_TOOL_CALL},
    {NODE_TOOL_CALL, KEY_FUNCTION, '{', NODE_FUNCTION},
    {NODE_MESSAGE, KEY_USAGE, '{', NODE_FIRST_USAGE},
    {NODE_RESPONSE, KEY_USAGE, '{', NODE_USAGE},
    {NODE_USAGE, KEY_PROMPT_DETAILS, '{', NODE_DETAILS},
    {NODE_USAGE, KEY_INPUT_DETAILS, '{', NODE_DETAILS},
};

static const struct {
    uint8_t node;
    uint8_t key;
    uint8_t number;
} wanted_numbers[] = {
    {NODE_REQUEST, KEY_N, NUMBER_CHOICES_WANTED},
    {NODE_ROOT, KEY_INDEX, NUMBER_INDEX},
    {NODE_CHOICE, KEY_INDEX, NUMBER_INDEX},
    {NODE_ROOT, KEY_TOKENS_EVALUATED, NUMBER_EVALUATED},
    {NODE_ROOT, KEY_TOKENS_PREDICTED, NUMBER_PREDICTED},
    {NODE_ROOT, KEY_PROMPT_EVAL_COUNT, NUMBER_EVAL_PROMPT},
    {NODE_ROOT, KEY_EVAL_COUNT, NUMBER_PREDICTED},
    {NODE_USAGE, KEY_PROMPT_TOKENS, NUMBER_PROMPT},
    {NODE_USAGE, KEY_COMPLETION_TOKENS, NUMBER_OUTPUT},
    {NODE_USAGE, KEY_INPUT_TOKENS, NUMBER_INPUT},
    {NODE_USAGE, KEY_OUTPUT_TOKENS, NUMBER_OUTPUT},
    {NODE_USAGE, KEY_CACHE_READ, NUMBER_CACHE_READ},
    {NODE_USAGE, KEY_CACHE_CREATION, NUMBER_CACHE_CREATION},
    {NODE_FIRST_USAGE, KEY_INPUT_TOKENS, NUMBER_INPUT},
    {NODE_FIRST_USAGE, KEY_CACHE_READ, NUMBER_CACHE_READ},
    {NODE_FIRST_USAGE, KEY_CACHE_CREATION, NUMBER_CACHE_CREATION},
    {NODE_DETAILS, KEY_CACHED_TOKENS, NUMBER_CACHED},
    {NODE_TIMINGS, KEY_CACHE_N, NUMBER_TIMED_CACHE},
    {NODE_TIMINGS, KEY_PROMPT_N, NUMBER_TIMED_PROMPT},
    {NODE_TIMINGS, KEY_PREDICTED_N, NUMBER_TIMED_OUTPUT},
};

/* Strings of a stream that hold what was generated, if they hold anything. */
static const struct {
    uint8_t node;
    uint8_t key;
} texts[] = {
    {NODE_ROOT, KEY_CONTENT},  /* llama.cpp */
    {NODE_ROOT, KEY_RESPONSE}, /* Ollama, generate */
    {NODE_ROOT, KEY_THINKING},
    {NODE_ROOT, KEY_DELTA},      /* responses: of text, reasoning, arguments */
    {NODE_MESSAGE, KEY_CONTENT}, /* Ollama, chat */
    {NODE_MESSAGE, KEY_THINKING},
    {NODE_CHOICE, KEY_TEXT},   /* completions */
    {NODE_DELTA, KEY_CONTENT}, /* chat */
    {NODE_DELTA, KEY_REASONING},
    {NODE_DELTA, KEY_REASONING_CONTENT},
    {NODE_DELTA, KEY_REFUSAL},
    {NODE_DELTA, KEY_TEXT}, /* Anthropic */
    {NODE_DELTA, KEY_THINKING},
    {NODE_DELTA, KEY_PARTIAL_JSON},
    {NODE_FUNCTION, KEY_ARGUMENTS},
};

static uint8_t node_at(const struct usage_scan *scan, unsigned above)
{
    return scan->depth > above ? scan->nodes[scan->depth - 1 - above] : NODE_NONE;
}

static bool is_array(uint8_t node)
{
    return node == NODE_ROOTS || node == NODE_CHOICES || node == NODE_TOOL_CALLS;
}

static uint8_t child_of(const struct usage_scan *scan, char bracket)
{
    uint8_t parent = node_at(scan, 0);

    if (scan->depth == 0 && bracket == '{')
        return scan->is_request ? NODE_REQUEST : NODE_ROOT;
    if (scan->depth == 0)
        return scan->is_request ? NODE_NONE : NODE_ROOTS;
    if (scan->key == NO_KEY && !is_array(parent))
        return NODE_NONE; /* as most are */
    for (size_t i = 0; i < COUNT_OF(children); i++)
        if (children[i].parent == parent && children[i].key == scan->key &&
            children[i].bracket == bracket)
            return children[i].node;
    return NODE_NONE;
}

static bool is_text(const struct usage_scan *scan)
{
    for (size_t i = 0; i < COUNT_OF(texts) && scan->key != NO_KEY; i++)
        if (texts[i].node == node_at(scan, 0) && texts[i].key == scan->key)
            return true;
    return false;
}

/* Where a string is the name of a model. */
static bool is_model(const struct usage_scan *scan)
{
    uint8_t node = node_at(scan, 0);

    return scan->key == KEY_MODEL && scan->models &&
           (node == NODE_REQUEST || node == NODE_ROOT || node == NODE_MESSAGE ||
            node == NODE_RESPONSE);
}

/* -- Documents ----------------------------------------------------------------------------------
 */

static uint32_t add_saturated(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void take_output(struct usage_scan *scan, enum usage_basis basis, uint32_t value)
{
    if (basis < scan->document_basis)
        return;
    scan->document_basis = (uint8_t)basis;
    scan->document_output = value;
}

static void take_number(struct usage_scan *scan, enum usage_number number, uint32_t value)
{
    bool adds = scan->nodes[0] == NODE_ROOTS && scan->numbers_seen & 1U << number;

    switch (number) {
    case NUMBER_OUTPUT:
        take_output(scan, USAGE_OBJECT, value);
        break;
    case NUMBER_PREDICTED:
        take_output(scan, USAGE_NATIVE, value);
        break;
    case NUMBER_TIMED_OUTPUT:
        take_output(scan, USAGE_TIMINGS, value);
        break;
    case NUMBER_INDEX:
        scan->document_index = value;
        break;
    case NUMBER_CHOICES_WANTED:
        scan->choices_wanted = value;
        break;
    case NUMBER_COUNT:
    case NUMBER_NONE:
        break;
    default:
        scan->numbers[number] = adds ? add_saturated(scan->numbers[number], value) : value;
        scan->numbers_seen |= (uint16_t)(1U << number);
    }
}

static void begin_document(struct usage_scan *scan)
{
    scan->document_output = 0;
    scan->document_index = 0;
    scan->document_choices = 0;
    scan->document_basis = USAGE_NOTHING;
    scan->choice_has_text = false;
    scan->has_text = false;
}

/* A count in a chunk of one choice is that choice's: so are those that vLLM sends all along
 * (continuous_usage_stats), and llama.cpp's. Elsewhere it is that of the whole answer. */
static bool output_is_of_choice(const struct usage_scan *scan)
{
    if (scan->nodes[0] == NODE_ROOTS)
        return true;
    return scan->framing != USAGE_JSON &&
           (scan->document_choices == 1 || scan->document_basis == USAGE_NATIVE);
}

static void apply_output(struct usage_scan *scan)
{
    if (scan->document_basis < scan->basis)
        return;
    if (scan->document_basis > scan->basis) { /* what was known by other means is void */
        scan->basis = scan->document_basis;
        scan->outputs_seen = 0;
        scan->total_seen = false;
    }
    if (!output_is_of_choice(scan)) {
        scan->total_output = scan->document_output;
        scan->total_seen = true;
    } else if (scan->document_index < USAGE_CHOICES) {
        scan->outputs[scan->document_index] = scan->document_output;
        scan->outputs_seen |= (uint16_t)(1U << scan->document_index);
    } else {
        scan->damaged = true;
    }
}

/* Also of one that was not complete: what was read of it stands. */
static void end_document(struct usage_scan *scan)
{
    if (scan->document_basis != USAGE_NOTHING)
        apply_output(scan);
    scan->events = add_saturated(scan->events, scan->has_text);
    begin_document(scan);
}

/* -- JSON ---------------------------------------------------------------------------------------
 */

enum json_state {
    VALUE,
    FIRST_KEY,
    NEXT_KEY,
    FIRST_ELEMENT,
    COLON,
    AFTER_VALUE,
    NAME,
    NAME_ESCAPE,
    STRING,
    STRING_ESCAPE,
    MODEL,
    SCALAR,
    SKIP,
    SKIP_STRING,
    SKIP_ESCAPE,
    BAD, /* this is no JSON */
};

static void reset_json(struct usage_scan *scan)
{
    scan->state = VALUE;
    scan->depth = 0;
    scan->key = NO_KEY;
    scan->number = 0;
    scan->nodes[0] = NODE_NONE;
    keyword_start(&scan->word, KEY_COUNT);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void open_bracket(struct usage_scan *scan, char bracket)
{
    uint8_t node = child_of(scan, bracket);

    if (node == NODE_NONE || scan->depth == USAGE_DEPTH) {
        scan->skipped = 1;
        scan->state = SKIP;
        return;
    }
    if (scan->depth == 0)
        begin_document(scan);
    scan->nodes[scan->depth++] = node;
    scan->key = NO_KEY;
    scan->state = bracket == '{' ? FIRST_KEY : FIRST_ELEMENT;
    if (node == NODE_CHOICE) {
        scan->choice_has_text = false;
        scan->document_choices = (uint16_t)(scan->document_choices + (scan->document_choices < 2));
    }
}

static void close_bracket(struct usage_scan *scan, char bracket)
{
    uint8_t node = node_at(scan, 0);

    if (node == NODE_NONE || is_array(node) != (bracket == ']')) {
        scan->state = BAD;
        return;
    }
    scan->depth--;
    scan->state = AFTER_VALUE;
    if (node == NODE_CHOICE && scan->choice_has_text) /* each choice is a token of its own */
        scan->events = add_saturated(scan->events, 1);
    if (node == NODE_ROOT)
        end_document(scan);
    if (scan->depth == 0)
        reset_json(scan);
}

static void begin_string(struct usage_scan *scan)
{
    scan->reads_text = is_text(scan);
    scan->state = STRING;
    if (is_model(scan)) {
        modelname_start(&scan->model_name, scan->models);
        scan->state = MODEL;
    } else if (scan->key == KEY_REMOTE_HOST && node_at(scan, 0) == NODE_ROOT) {
        scan->has_remote_host = true;
    }
}

static void begin_value(struct usage_scan *scan, uint8_t byte)
{
    if (byte == '{' || byte == '[') {
        open_bracket(scan, (char)byte);
    } else if (byte == '"') {
        begin_string(scan);
    } else {
        scan->is_number = byte >= '0' && byte <= '9';
        scan->is_true = byte == 't';
        scan->number = scan->is_number ? byte - (uint64_t)'0' : 0;
        scan->state = scan->is_number || byte == '-' || byte == 't' || byte == 'f' || byte == 'n'
                          ? SCALAR
                          : BAD;
    }
    if (scan->depth == 0 && scan->state != SKIP)
        scan->state = BAD; /* nobody answers with a string or a number */
}

static void end_scalar(struct usage_scan *scan)
{
    uint8_t node = node_at(scan, 0);

    if (node == NODE_REQUEST && scan->key == KEY_STREAM)
        scan->streams = scan->is_true;
    for (size_t i = 0; scan->is_number && scan->key != NO_KEY && i < COUNT_OF(wanted_numbers); i++)
        if (wanted_numbers[i].node == node && wanted_numbers[i].key == scan->key &&
            scan->number <= UINT32_MAX)
            take_number(scan, wanted_numbers[i].number, (uint32_t)scan->number);
    scan->state = AFTER_VALUE;
}

static void end_value(struct usage_scan *scan, uint8_t byte)
{
    bool in_array = is_array(node_at(scan, 0));

    scan->key = NO_KEY;
    if (byte == '}' || byte == ']')
        close_bracket(scan, (char)byte);
    else if (byte == ',')
        scan->state = in_array ? VALUE : NEXT_KEY;
    else
        scan->state = BAD;
}

static void read_scalar(struct usage_scan *scan, uint8_t byte)
{
    if (is_blank(byte) || byte == ',' || byte == '}' || byte == ']') {
        end_scalar(scan);
        if (!is_blank(byte))
            end_value(scan, byte);
    } else if (byte < '0' || byte > '9') {
        scan->is_number = false; /* a sign, a fraction, a literal: no count */
    } else if (scan->number <= UINT32_MAX) {
        scan->number = scan->number * 10 + (uint64_t)(byte - '0');
    }
}

static void begin_name(struct usage_scan *scan, uint8_t byte)
{
    keyword_start(&scan->word, KEY_COUNT);
    scan->name_begins = true;
    if (byte == '"')
        scan->state = NAME;
    else if (byte == '}' && scan->state == FIRST_KEY)
        close_bracket(scan, '}');
    else
        scan->state = BAD;
}

/* Where the words of each first letter begin in key_names, and a bit for each first letter of the
 * words of a length: most names need no closer look. */
static uint8_t words_of_letter[27];
static uint32_t letters_of_length[32];

static void know_words(void)
{
    if (words_of_letter[26] > 0)
        return;
    for (uint8_t i = KEY_COUNT; i-- > 0;) {
        letters_of_length[strlen(key_names[i])] |= 1U << (key_names[i][0] - 'a');
        words_of_letter[key_names[i][0] - 'a'] = i;
    }
    words_of_letter[26] = KEY_COUNT;
}

static uint8_t find_word(const uint8_t *name, size_t length)
{
    if (length == 0 || length >= COUNT_OF(letters_of_length) || name[0] < 'a' || name[0] > 'z' ||
        !(letters_of_length[length] & 1U << (name[0] - 'a')))
        return NO_KEY;
    for (uint8_t i = words_of_letter[name[0] - 'a'];
         i < KEY_COUNT && key_names[i][0] == (char)name[0]; i++)
        if (strlen(key_names[i]) == length && memcmp(key_names[i], name, length) == 0)
            return i;
    return NO_KEY;
}

/* A name that is here whole, as most are. Returns false for any other. */
static bool read_whole_name(struct usage_scan *scan, struct cursor *cursor)
{
    const uint8_t *at = eitherbyte_find(cursor->at, cursor->end, '"', '\\');
    size_t length = (size_t)(at - cursor->at);

    if (!scan->name_begins || at == cursor->end || *at != '"')
        return false;
    scan->key = find_word(cursor->at, length);
    scan->state = COLON;
    if (at + 1 < cursor->end && at[1] == ':') {
        scan->state = VALUE;
        length++;
    }
    cursor_skip(cursor, length + 1);
    return true;
}

static void read_name(struct usage_scan *scan, uint8_t byte)
{
    scan->name_begins = false;
    if (byte == '"') {
        scan->key = keyword_find(&scan->word, key_names);
        scan->state = COLON;
    } else if (byte == '\\') {
        scan->hex_left = 0;
        scan->state = NAME_ESCAPE;
    } else {
        keyword_add(&scan->word, key_names, byte);
    }
}

static int hex_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* A name may be written "us\u0061ge". No name that is looked for holds anything else to escape. */
static void read_name_escape(struct usage_scan *scan, uint8_t byte)
{
    int digit = hex_of(byte);

    if (scan->hex_left == 0) {
        scan->hex_left = byte == 'u' ? 4 : 0;
        scan->hex = 0;
        if (byte != 'u') {
            keyword_fail(&scan->word);
            scan->state = NAME;
        }
        return;
    }
    if (digit < 0) {
        scan->state = BAD;
        return;
    }
    scan->hex = (uint16_t)(scan->hex << 4 | digit);
    if (--scan->hex_left > 0)
        return;
    if (scan->hex > 0 && scan->hex < 0x80)
        keyword_add(&scan->word, key_names, (uint8_t)scan->hex);
    else
        keyword_fail(&scan->word);
    scan->state = NAME;
}

static void note_text(struct usage_scan *scan)
{
    scan->reads_text = false;
    for (unsigned i = 0; i < scan->depth; i++)
        if (scan->nodes[i] == NODE_CHOICE) {
            scan->choice_has_text = true;
            return;
        }
    scan->has_text = true;
}

/* The rest of a string, up to its end or an escape. */
static void read_string(struct usage_scan *scan, struct cursor *cursor, uint8_t end_state,
                        uint8_t escape_state)
{
    const uint8_t *at = eitherbyte_find(cursor->at, cursor->end, '"', '\\');

    if (scan->reads_text && scan->state == STRING &&
        (at > cursor->at || (at < cursor->end && *at == '\\')))
        note_text(scan);
    if (at < cursor->end)
        scan->state = *at++ == '"' ? end_state : escape_state;
    cursor_skip(cursor, (size_t)(at - cursor->at));
}

static void read_model(struct usage_scan *scan, uint8_t byte)
{
    if (!modelname_add(&scan->model_name, scan->models, byte))
        return;
    modelname_end(&scan->model_name, scan->models, scan->server_port, &scan->model);
    scan->state = AFTER_VALUE;
}

static void skip_value(struct usage_scan *scan, struct cursor *cursor)
{
    while (cursor_left(cursor) > 0) {
        uint8_t byte = cursor_u8(cursor);

        if (byte == '"') {
            scan->state = SKIP_STRING;
            return;
        }
        if (byte == '{' || byte == '[') {
            if (++scan->skipped == 0)
                scan->state = BAD;
        } else if ((byte == '}' || byte == ']') && --scan->skipped == 0) {
            scan->state = AFTER_VALUE;
            if (scan->depth == 0)
                reset_json(scan);
            return;
        }
    }
}

static void read_punctuation(struct usage_scan *scan, uint8_t byte)
{
    if (is_blank(byte))
        return;
    switch (scan->state) {
    case VALUE:
        begin_value(scan, byte);
        break;
    case FIRST_ELEMENT:
        if (byte == ']')
            close_bracket(scan, ']');
        else
            begin_value(scan, byte);
        break;
    case FIRST_KEY:
    case NEXT_KEY:
        begin_name(scan, byte);
        break;
    case COLON:
        scan->state = byte == ':' ? VALUE : BAD;
        break;
    default:
        end_value(scan, byte);
    }
}

static void read_json(struct usage_scan *scan, const uint8_t *bytes, size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);

    while (cursor_left(&cursor) > 0 && scan->state != BAD) {
        switch (scan->state) {
        case STRING:
            read_string(scan, &cursor, AFTER_VALUE, STRING_ESCAPE);
            break;
        case SKIP_STRING:
            read_string(scan, &cursor, SKIP, SKIP_ESCAPE);
            break;
        case STRING_ESCAPE:
        case SKIP_ESCAPE: /* only what follows the backslash matters: \" and \\ */
            cursor_skip(&cursor, 1);
            scan->state = scan->state == STRING_ESCAPE ? STRING : SKIP_STRING;
            break;
        case SKIP:
            skip_value(scan, &cursor);
            break;
        case NAME:
            if (!read_whole_name(scan, &cursor))
                read_name(scan, cursor_u8(&cursor));
            break;
        case NAME_ESCAPE:
            read_name_escape(scan, cursor_u8(&cursor));
            break;
        case MODEL:
            read_model(scan, cursor_u8(&cursor));
            break;
        case SCALAR:
            read_scalar(scan, cursor_u8(&cursor));
            break;
        default:
            read_punctuation(scan, cursor_u8(&cursor));
        }
    }
}

/* The document ends here, complete or not, and another may begin. */
static void cut_document(struct usage_scan *scan)
{
    end_document(scan);
    reset_json(scan);
}

/* -- Lines and events -------------------------------------------------------------------------- */

/* Up to the next end of line. */
static size_t line_run(const struct cursor *cursor)
{
    return (size_t)(eitherbyte_find(cursor->at, cursor->end, '\n', '\r') - cursor->at);
}

static void read_lines(struct usage_scan *scan, struct cursor *cursor)
{
    size_t length = line_run(cursor);

    read_json(scan, cursor->at, length);
    cursor_skip(cursor, length);
    if (cursor_left(cursor) > 0 && cursor_u8(cursor) == '\n')
        cut_document(scan);
}

enum line_state { LINE_START, LINE_FIELD, LINE_SPACE, LINE_DATA, LINE_OTHER };

static const char data_field[] = "data";
static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};

static void end_event_line(struct usage_scan *scan)
{
    if (scan->line == LINE_START)
        cut_document(scan);
    else if (scan->line == LINE_DATA || scan->line == LINE_SPACE)
        read_json(scan, (const uint8_t *)"\n", 1);
    scan->line = LINE_START;
    scan->field_length = 0;
}

static void read_field(struct usage_scan *scan, uint8_t byte)
{
    bool is_data = scan->field_length == sizeof(data_field) - 1;

    if (scan->line == LINE_START && scan->mark_length < sizeof(byte_order_mark) &&
        byte == byte_order_mark[scan->mark_length]) {
        scan->mark_length++;
        return;
    }
    scan->mark_length = sizeof(byte_order_mark);
    scan->line = LINE_FIELD;
    if (byte == ':')
        scan->line = is_data ? LINE_SPACE : LINE_OTHER;
    else if (is_data || byte != (uint8_t)data_field[scan->field_length])
        scan->line = LINE_OTHER;
    else
        scan->field_length++;
}

/* The rest of a line, or as much as is there. */
static void read_event_run(struct usage_scan *scan, struct cursor *cursor)
{
    size_t length = line_run(cursor);

    if (scan->line == LINE_SPACE && length > 0) {
        scan->line = LINE_DATA;
        if (*cursor->at == ' ') {
            cursor_skip(cursor, 1);
            return;
        }
    }
    if (scan->line == LINE_DATA)
        read_json(scan, cursor->at, length);
    cursor_skip(cursor, length);
}

/* Lines end in CR, LF, or both. */
static void read_events(struct usage_scan *scan, struct cursor *cursor)
{
    uint8_t byte = *cursor->at;

    if (byte == '\n' || byte == '\r') {
        if (byte == '\r' || !scan->after_cr)
            end_event_line(scan);
        scan->after_cr = byte == '\r';
        cursor_skip(cursor, 1);
        return;
    }
    scan->after_cr = false;
    if (scan->line == LINE_START || scan->line == LINE_FIELD)
        read_field(scan, cursor_u8(cursor));
    else
        read_event_run(scan, cursor);
}

/* -- What is called from outside ------------------------------------------------------------------
 */

void usagescan_start(struct usage_scan *scan, enum usage_framing framing)
{
    know_words();
    explicit_bzero(scan, sizeof(*scan));
    scan->framing = (uint8_t)framing;
    reset_json(scan);
}

void usagescan_start_request(struct usage_scan *scan)
{
    usagescan_start(scan, USAGE_JSON);
    scan->is_request = true;
}

void usagescan_ask_model(struct usage_scan *scan, const struct model_table *models, uint16_t port)
{
    scan->models = models;
    scan->server_port = port;
}

/* What is being read stands for no model of another table. */
void usagescan_forget_models(struct usage_scan *scan)
{
    scan->model_name = (struct model_name){.escape = scan->model_name.escape};
}

void usagescan_bytes(struct usage_scan *scan, const uint8_t *bytes, size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);

    if (scan->framing == USAGE_JSON) {
        read_json(scan, bytes, length);
        return;
    }
    while (cursor_left(&cursor) > 0) {
        if (scan->framing == USAGE_LINES)
            read_lines(scan, &cursor);
        else
            read_events(scan, &cursor);
    }
}

void usagescan_gap(struct usage_scan *scan)
{
    scan->damaged = true;
    cut_document(scan);
    scan->state = BAD; /* until the next line or event */
    scan->line = LINE_OTHER;
    scan->after_cr = false;
}

void usagescan_end(struct usage_scan *scan)
{
    cut_document(scan);
}

static uint64_t number(const struct usage_scan *scan, enum usage_number number)
{
    return scan->numbers[number]; /* 0 when it was not said */
}

static bool seen(const struct usage_scan *scan, enum usage_number number)
{
    return scan->numbers_seen & 1U << number;
}

static void count_input(const struct usage_scan *scan, struct usage_counts *counts)
{
    counts->input_known = true;
    counts->tokens_cached = number(scan, seen(scan, NUMBER_CACHED)       ? NUMBER_CACHED
                                         : seen(scan, NUMBER_CACHE_READ) ? NUMBER_CACHE_READ
                                                                         : NUMBER_TIMED_CACHE);
    if (seen(scan, NUMBER_PROMPT)) {
        counts->tokens_in = number(scan, NUMBER_PROMPT);
    } else if (seen(scan, NUMBER_INPUT)) {
        /* Of Anthropic, input_tokens are those that no cache was used for; others have no such
         * names, and leave the sum as it is. */
        counts->tokens_in = number(scan, NUMBER_INPUT) + number(scan, NUMBER_CACHE_READ) +
                            number(scan, NUMBER_CACHE_CREATION);
    } else if (seen(scan, NUMBER_EVALUATED)) {
        counts->tokens_in = number(scan, NUMBER_EVALUATED);
    } else if (seen(scan, NUMBER_EVAL_PROMPT)) {
        counts->tokens_in = number(scan, NUMBER_EVAL_PROMPT);
    } else if (seen(scan, NUMBER_TIMED_PROMPT)) {
        counts->tokens_in = number(scan, NUMBER_TIMED_PROMPT) + number(scan, NUMBER_TIMED_CACHE);
    } else {
        counts->input_known = false;
        counts->tokens_cached = 0;
    }
}

static void count_output(const struct usage_scan *scan, struct usage_counts *counts)
{
    counts->basis = scan->basis;
    if (scan->total_seen)
        counts->tokens_out = scan->total_output;
    for (unsigned i = 0; i < USAGE_CHOICES && !scan->total_seen; i++)
        if (scan->outputs_seen & 1U << i)
            counts->tokens_out += scan->outputs[i];
    if (scan->basis != USAGE_NOTHING)
        return;
    if (scan->framing != USAGE_JSON && scan->events > 0) {
        counts->tokens_out = scan->events;
        counts->basis = USAGE_COUNTED;
    }
}

struct usage_counts usagescan_counts(const struct usage_scan *scan)
{
    struct usage_counts counts = {.damaged = scan->damaged};

    count_input(scan, &counts);
    count_output(scan, &counts);
    return counts;
}
