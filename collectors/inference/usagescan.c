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
    KEY_CREATED_AT,
    KEY_DELTA,
    KEY_DETAILS,
    KEY_DONE_REASON,
    KEY_EVAL_COUNT,
    KEY_FUNCTION,
    KEY_GENERATED_TOKENS,
    KEY_INDEX,
    KEY_INPUT_LENGTH,
    KEY_INPUT_TOKENS,
    KEY_INPUT_DETAILS,
    KEY_MESSAGE,
    KEY_META_INFO,
    KEY_MODEL,
    KEY_N,
    KEY_OUTPUT_TOKENS,
    KEY_PARTIAL_JSON,
    KEY_PREDICTED_N,
    KEY_PREFILL,
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
    KEY_TOKEN,
    KEY_TOKENS_EVALUATED,
    KEY_TOKENS_PREDICTED,
    KEY_TOOL_CALLS,
    KEY_TOTAL_TOKENS,
    KEY_USAGE,
    KEY_COUNT,
    NO_KEY = KEY_COUNT /* an element of an array, or a name that nobody asks for */
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
    "created_at",
    "delta",
    "details",
    "done_reason",
    "eval_count",
    "function",
    "generated_tokens",
    "index",
    "input_length",
    "input_tokens",
    "input_tokens_details",
    "message",
    "meta_info",
    "model",
    "n",
    "output_tokens",
    "partial_json",
    "predicted_n",
    "prefill",
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
    "token",
    "tokens_evaluated",
    "tokens_predicted",
    "tool_calls",
    "total_tokens",
    "usage",
};

/* Objects and arrays that are looked into; of all others only the end is found. */
enum node {
    NODE_NONE,
    NODE_REQUEST,
    NODE_ROOT,
    NODE_ROOTS, /* llama.cpp and SGLang answer several prompts with an array */
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
    NODE_TIMINGS,
    NODE_GENERATION, /* "details" of TGI */
    NODE_PREFILL,
    NODE_PREFILL_TOKEN,
    NODE_TOKEN,
    NODE_META_INFO, /* of SGLang */
    NODE_COUNT
};

static const struct {
    uint8_t parent;
    uint8_t key;
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
    {NODE_ROOT, KEY_DETAILS, '{', NODE_GENERATION},
    {NODE_GENERATION, KEY_PREFILL, '[', NODE_PREFILL},
    {NODE_PREFILL, NO_KEY, '{', NODE_PREFILL_TOKEN},
    {NODE_ROOT, KEY_TOKEN, '{', NODE_TOKEN},
    {NODE_ROOT, KEY_META_INFO, '{', NODE_META_INFO},
};

/* Numbers, and a literal. */
static const struct {
    uint8_t node;
    uint8_t key;
    uint8_t number;
} wanted_numbers[] = {
    {NODE_REQUEST, KEY_STREAM, NUMBER_STREAMS},
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
    {NODE_USAGE, KEY_TOTAL_TOKENS, NUMBER_TOTAL},
    {NODE_USAGE, KEY_CACHE_READ, NUMBER_CACHE_READ},
    {NODE_USAGE, KEY_CACHE_CREATION, NUMBER_CACHE_CREATION},
    {NODE_FIRST_USAGE, KEY_INPUT_TOKENS, NUMBER_INPUT},
    {NODE_FIRST_USAGE, KEY_CACHE_READ, NUMBER_CACHE_READ},
    {NODE_FIRST_USAGE, KEY_CACHE_CREATION, NUMBER_CACHE_CREATION},
    {NODE_DETAILS, KEY_CACHED_TOKENS, NUMBER_CACHED},
    {NODE_TIMINGS, KEY_CACHE_N, NUMBER_TIMED_CACHE},
    {NODE_TIMINGS, KEY_PROMPT_N, NUMBER_TIMED_PROMPT},
    {NODE_TIMINGS, KEY_PREDICTED_N, NUMBER_TIMED_OUTPUT},
    {NODE_GENERATION, KEY_INPUT_LENGTH, NUMBER_EVALUATED},
    {NODE_GENERATION, KEY_GENERATED_TOKENS, NUMBER_PREDICTED},
    {NODE_META_INFO, KEY_PROMPT_TOKENS, NUMBER_EVALUATED},
    {NODE_META_INFO, KEY_COMPLETION_TOKENS, NUMBER_PREDICTED},
    {NODE_META_INFO, KEY_CACHED_TOKENS, NUMBER_CACHED},
};

/* What strings hold, if they hold anything. */
enum string_kind {
    STRING_OTHER,
    STRING_TEXT,   /* what was generated */
    STRING_VARIES, /* of no interest, but another in each event of a stream */
    STRING_MODEL,
    STRING_REMOTE_HOST, /* of Ollama: where it had the answer computed */
    STRING_DONE_REASON  /* of Ollama */
};

static const struct {
    uint8_t node;
    uint8_t key;
    uint8_t kind;
} wanted_strings[] = {
    {NODE_ROOT, KEY_CONTENT, STRING_TEXT},  /* llama.cpp */
    {NODE_ROOT, KEY_RESPONSE, STRING_TEXT}, /* Ollama, generate */
    {NODE_ROOT, KEY_THINKING, STRING_TEXT},
    {NODE_ROOT, KEY_DELTA, STRING_TEXT},      /* responses: of text, reasoning, arguments */
    {NODE_MESSAGE, KEY_CONTENT, STRING_TEXT}, /* Ollama, chat */
    {NODE_MESSAGE, KEY_THINKING, STRING_TEXT},
    {NODE_CHOICE, KEY_TEXT, STRING_TEXT},   /* completions */
    {NODE_DELTA, KEY_CONTENT, STRING_TEXT}, /* chat */
    {NODE_DELTA, KEY_REASONING, STRING_TEXT},
    {NODE_DELTA, KEY_REASONING_CONTENT, STRING_TEXT},
    {NODE_DELTA, KEY_REFUSAL, STRING_TEXT},
    {NODE_DELTA, KEY_TEXT, STRING_TEXT}, /* Anthropic */
    {NODE_DELTA, KEY_THINKING, STRING_TEXT},
    {NODE_DELTA, KEY_PARTIAL_JSON, STRING_TEXT},
    {NODE_FUNCTION, KEY_ARGUMENTS, STRING_TEXT},
    {NODE_TOKEN, KEY_TEXT, STRING_TEXT}, /* TGI */
    {NODE_REQUEST, KEY_MODEL, STRING_MODEL},
    {NODE_ROOT, KEY_MODEL, STRING_MODEL},
    {NODE_MESSAGE, KEY_MODEL, STRING_MODEL},
    {NODE_RESPONSE, KEY_MODEL, STRING_MODEL},
    {NODE_ROOT, KEY_REMOTE_HOST, STRING_REMOTE_HOST},
    {NODE_ROOT, KEY_DONE_REASON, STRING_DONE_REASON},
    {NODE_ROOT, KEY_CREATED_AT, STRING_VARIES}, /* Ollama */
};

/* A bit for each that is one. */
#define ARRAYS (1U << NODE_ROOTS | 1U << NODE_CHOICES | 1U << NODE_TOOL_CALLS | 1U << NODE_PREFILL)
_Static_assert(NODE_COUNT <= 32, "a bit for each node");

static inline bool is_array(uint8_t node)
{
    return ARRAYS >> node & 1;
}

/* -- The same, to be looked up at once ----------------------------------------------------------
 */

/* Of the values of each name in each object, or of the elements of each array, what they are
 * there for. */
static struct meaning {
    uint8_t object; /* node that an object becomes; NODE_NONE: nobody asks for it */
    uint8_t array;
    uint8_t number; /* enum usage_number */
    uint8_t string; /* enum string_kind */
} meanings[NODE_COUNT][KEY_COUNT + 1];

/* Names by a hash of their first eight bytes, or all and zeros, and their length; those whose place
 * is taken lie behind it. */
#define NAME_SLOTS 256
static struct known_name {
    uint64_t begin;
    uint64_t end;   /* the last eight bytes of one that is longer */
    uint8_t length; /* 0: nothing is here */
    uint8_t key;
} known_names[NAME_SLOTS];
static uint64_t begin_masks[9];

static inline uint64_t word_at(const void *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline size_t slot_of(uint64_t begin, size_t length)
{
    return (begin + length) * 0x9e3779b97f4a7c15ULL >> 56;
}

static void know_name(uint8_t key)
{
    struct known_name name = {.length = (uint8_t)strlen(key_names[key]), .key = key};
    size_t slot;

    memcpy(&name.begin, key_names[key], name.length < 8 ? name.length : 8);
    if (name.length > 8)
        name.end = word_at(key_names[key] + name.length - 8);
    slot = slot_of(name.begin, name.length);
    while (known_names[slot].length > 0)
        slot = (slot + 1) % NAME_SLOTS;
    known_names[slot] = name;
}

static void know_names(void)
{
    for (size_t length = 0; length <= 8; length++)
        memset(&begin_masks[length], 0xff, length);
    for (unsigned key = 0; key < KEY_COUNT; key++)
        know_name((uint8_t)key);
}

static void know_meanings(void)
{
    if (meanings[0][0].number == NUMBER_NONE)
        return;
    know_names();
    for (size_t node = 0; node < NODE_COUNT; node++)
        for (size_t key = 0; key <= KEY_COUNT; key++)
            meanings[node][key].number = NUMBER_NONE;
    for (size_t i = 0; i < COUNT_OF(children); i++) {
        unsigned key = children[i].key;

        if (children[i].bracket == '{')
            meanings[children[i].parent][key].object = children[i].node;
        else
            meanings[children[i].parent][key].array = children[i].node;
    }
    for (size_t i = 0; i < COUNT_OF(wanted_numbers); i++)
        meanings[wanted_numbers[i].node][wanted_numbers[i].key].number = wanted_numbers[i].number;
    for (size_t i = 0; i < COUNT_OF(wanted_strings); i++)
        meanings[wanted_strings[i].node][wanted_strings[i].key].string = wanted_strings[i].kind;
}

/* Both are LENGTH bytes, of which the first eight are the same. */
static inline bool same_rest(const struct known_name *known, const uint8_t *name, size_t length)
{
    return length <= 8 ||
           (word_at(name + length - 8) == known->end &&
            (length <= 16 || memcmp(key_names[known->key] + 8, name + 8, length - 16) == 0));
}

/* From NAME on eight bytes can be read. */
static inline uint8_t find_name(const uint8_t *name, size_t length)
{
    uint64_t begin = word_at(name) & begin_masks[length < 8 ? length : 8];
    size_t slot = slot_of(begin, length);

    for (; known_names[slot].length > 0; slot = (slot + 1) % NAME_SLOTS)
        if (known_names[slot].begin == begin && known_names[slot].length == length &&
            same_rest(&known_names[slot], name, length))
            return known_names[slot].key;
    return NO_KEY;
}

static uint8_t child_of(const struct usage_scan *scan, char bracket)
{
    if (scan->depth == 0 && bracket == '{')
        return scan->is_request ? NODE_REQUEST : NODE_ROOT;
    if (scan->depth == 0)
        return scan->is_request ? NODE_NONE : NODE_ROOTS;
    return bracket == '{' ? meanings[scan->node][scan->key].object
                          : meanings[scan->node][scan->key].array;
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

    if (scan->strings && number != NUMBER_NONE && number != NUMBER_INDEX)
        scan->strings->unsuitable = true;
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
    case NUMBER_STREAMS:
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
    DONE_REASON,
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
    scan->document_index = 0;
    scan->document_number = 0;
    scan->nodes[0] = NODE_NONE;
    scan->node = NODE_NONE;
    keyword_start(&scan->word, KEY_COUNT);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static inline void push_node(struct usage_scan *scan, uint8_t node, uint8_t state)
{
    scan->nodes[scan->depth++] = node;
    scan->node = node;
    scan->key = NO_KEY;
    scan->state = state;
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
    push_node(scan, node, bracket == '{' ? FIRST_KEY : FIRST_ELEMENT);
    if (node == NODE_CHOICE) {
        scan->choice_has_text = false;
        scan->document_choices = (uint16_t)(scan->document_choices + (scan->document_choices < 2));
    }
    if (node == NODE_PREFILL_TOKEN) {
        scan->numbers[NUMBER_PREFILL] = add_saturated(scan->numbers[NUMBER_PREFILL], 1);
        scan->numbers_seen |= 1U << NUMBER_PREFILL;
        if (scan->strings)
            scan->strings->unsuitable = true;
    }
}

static void close_bracket(struct usage_scan *scan, char bracket)
{
    uint8_t node = scan->node;

    if (node == NODE_NONE || is_array(node) != (bracket == ']')) {
        scan->state = BAD;
        return;
    }
    scan->depth--;
    scan->node = scan->depth > 0 ? scan->nodes[scan->depth - 1] : NODE_NONE;
    scan->state = AFTER_VALUE;
    if (node == NODE_CHOICE && scan->choice_has_text) /* each choice is a token of its own */
        scan->events = add_saturated(scan->events, 1);
    if (node == NODE_ROOT) {
        end_document(scan);
        scan->document_index = ++scan->document_number; /* in an array, unless it says another */
    }
    if (scan->depth == 0)
        reset_json(scan);
}

/* Why Ollama is done with a request without a prompt (docs/api.md, "Load a model"). */
static const char *const idle_reasons[] = {"load", "unload"};

/* A string that is more than text. */
static void begin_special(struct usage_scan *scan, enum string_kind kind)
{
    if (kind == STRING_REMOTE_HOST)
        scan->has_remote_host = true;
    if (kind == STRING_DONE_REASON) {
        keyword_start(&scan->word, COUNT_OF(idle_reasons));
        scan->state = DONE_REASON;
        if (scan->strings) /* the last one counts */
            scan->strings->unsuitable = true;
    }
    if (kind != STRING_MODEL || !scan->models)
        return;
    modelname_start(&scan->model_name, scan->models);
    scan->names_model = true;
    scan->state = MODEL;
}

static const bool begins_scalar[256] = {
    ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true,
    ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true,
    ['-'] = true, ['t'] = true, ['f'] = true, ['n'] = true,
};
static const bool ends_scalar[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true,
    [','] = true, ['}'] = true,  [']'] = true,
};

static inline void begin_string(struct usage_scan *scan)
{
    uint8_t kind = meanings[scan->node][scan->key].string;

    scan->reads = kind;
    scan->state = STRING;
    if (kind > STRING_VARIES)
        begin_special(scan, (enum string_kind)kind);
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
        scan->state = begins_scalar[byte] ? SCALAR : BAD;
    }
    if (scan->depth == 0 && scan->state != SKIP)
        scan->state = BAD; /* nobody answers with a string or a number */
}

static void end_scalar(struct usage_scan *scan)
{
    uint8_t number = meanings[scan->node][scan->key].number;

    if (number == NUMBER_STREAMS)
        scan->streams = scan->is_true;
    else if (scan->is_number && scan->number <= UINT32_MAX)
        take_number(scan, (enum usage_number)number, (uint32_t)scan->number);
    scan->state = AFTER_VALUE;
}

static void end_value(struct usage_scan *scan, uint8_t byte)
{
    bool in_array = is_array(scan->node);

    scan->key = NO_KEY;
    if (byte == '}' || byte == ']')
        close_bracket(scan, (char)byte);
    else if (byte == ',')
        scan->state = in_array ? VALUE : NEXT_KEY;
    else
        scan->state = BAD;
}

/* What follows the last digit or letter is left there. */
static const uint8_t *read_scalar(struct usage_scan *scan, const uint8_t *at, const uint8_t *end)
{
    for (; at < end && !ends_scalar[*at]; at++) {
        if (*at < '0' || *at > '9')
            scan->is_number = false; /* a sign, a fraction, a literal: no count */
        else if (scan->number <= UINT32_MAX)
            scan->number = scan->number * 10 + (uint64_t)(*at - '0');
    }
    if (at < end)
        end_scalar(scan);
    return at;
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

static void read_name(struct usage_scan *scan, uint8_t byte)
{
    scan->name_begins = false;
    if (byte == '"') {
        scan->key = keyword_find(&scan->word, key_names);
        if (scan->key == KEYWORD_NONE)
            scan->key = NO_KEY;
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
    scan->reads = STRING_OTHER;
    for (unsigned i = 0; i < scan->depth; i++)
        if (scan->nodes[i] == NODE_CHOICE) {
            scan->choice_has_text = true;
            return;
        }
    scan->has_text = true;
}

/* To behind the end of the string that AT is in, or as far as it is here: then the state is
 * END_STATE or, when of an escape only the backslash is, ESCAPE_STATE. Only what follows that
 * matters: \" and \\. */
static inline const uint8_t *pass_string(struct usage_scan *scan, const uint8_t *at,
                                         const uint8_t *end, uint8_t end_state,
                                         uint8_t escape_state)
{
    at = eitherbyte_find_quote(at, end);
    if (at == end)
        return end;
    scan->state = *at == '"' ? end_state : escape_state;
    return at + 1;
}

/* In a string. */
static inline const uint8_t *read_string(struct usage_scan *scan, const uint8_t *at,
                                         const uint8_t *end)
{
    const uint8_t *start = at;
    bool is_text = scan->reads == STRING_TEXT && at < end && *at != '"';
    bool notes = scan->strings && (is_text || scan->reads == STRING_VARIES);

    if (is_text)
        note_text(scan);
    at = pass_string(scan, at, end, AFTER_VALUE, STRING_ESCAPE);
    if (notes && scan->state == AFTER_VALUE)
        eventshape_note(scan->strings, start, at - 1, is_text);
    return at;
}

/* -- The usual documents: what is here whole of them, without passing through the states byte by
 * byte. Each of these leaves the state as it is where it stops, at any point. */

/* Whether all eight bytes are digits, or something else that does not end a scalar either. */
static inline bool are_digits(uint64_t word)
{
    return (word & 0xf0f0f0f0f0f0f0f0ULL) == 0x3030303030303030ULL;
}

/* A value that nobody asks for, up to what follows it: most often null, or a time of ten digits. */
static inline const uint8_t *pass_scalar(struct usage_scan *scan, const uint8_t *at,
                                         const uint8_t *end)
{
    if (end - at > 8)
        at += *at == 'n' ? 4 * (memcmp(at, "null", 4) == 0) : 8 * are_digits(word_at(at));
    while (at < end && !ends_scalar[*at])
        at++;
    scan->state = at < end ? AFTER_VALUE : SCALAR;
    return at;
}

static const uint8_t *pass_model(struct usage_scan *scan, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *quote = eitherbyte_find(at, end, '"', '\\');

    if (quote == end || *quote != '"')
        return at;
    modelname_whole(scan->models, scan->server_port, at, (size_t)(quote - at), &scan->model);
    scan->state = AFTER_VALUE;
    return quote + 1;
}

/* Behind the colon of member KEY, of which there is something. */
static inline const uint8_t *read_member(struct usage_scan *scan, const struct meaning *meaning,
                                         const uint8_t *at, const uint8_t *end)
{
    if (*at == '"') {
        scan->reads = STRING_OTHER;
        scan->state = STRING;
        if (meaning->string != STRING_OTHER)
            begin_string(scan);
        return scan->state == STRING  ? read_string(scan, at + 1, end)
               : scan->state == MODEL ? pass_model(scan, at + 1, end)
                                      : at + 1;
    }
    if (begins_scalar[*at] && meaning->number == NUMBER_NONE)
        return pass_scalar(scan, at, end);
    scan->state = VALUE;
    if (*at == '{' && meaning->object != NODE_NONE && scan->depth < USAGE_DEPTH)
        push_node(scan, meaning->object, FIRST_KEY);
    else if (*at == '{' || *at == '[')
        open_bracket(scan, (char)*at);
    else if (!is_blank(*at))
        begin_value(scan, *at);
    if (scan->state == SCALAR)
        return read_scalar(scan, at + 1, end);
    if (scan->state == FIRST_ELEMENT && end - at > 1 && at[1] == '{')
        open_bracket(scan, (char)*++at);
    return at + 1;
}

/* Behind a value, where most do not put a space. */
static inline bool is_next_name(const uint8_t *at, const uint8_t *end)
{
    return end - at > 2 && at[0] == ',' && at[1] == '"';
}

/* Behind a value, or the bracket of an object. Where another name begins, moves behind its quote
 * and makes that the state. */
static inline const uint8_t *find_next_name(struct usage_scan *scan, const uint8_t *at,
                                            const uint8_t *end)
{
    if (scan->state == AFTER_VALUE && is_next_name(at, end) && !is_array(scan->node)) {
        scan->state = NAME;
        return at + 2;
    }
    while (scan->state == AFTER_VALUE && end - at > 2 && *at != ',') {
        if (*at != '}' && *at != ']')
            return at;
        close_bracket(scan, (char)*at++);
    }
    if (end - at <= 2)
        return at;
    if (scan->state == AFTER_VALUE && !is_array(scan->node)) {
        scan->state = NEXT_KEY;
        at += at[1] == ' ' ? 2 : 1;
    }
    if (*at == '"' && (scan->state == NEXT_KEY || scan->state == FIRST_KEY)) {
        scan->state = NAME;
        at++;
    }
    return at;
}

/* Where a name begins. Leaves one that is not here whole, with its colon and more, as it is. */
static const uint8_t *read_members(struct usage_scan *scan, const uint8_t *at, const uint8_t *end)
{
    while (scan->state == NAME) {
        const uint8_t *quote = eitherbyte_find(at, end, '"', '\\');
        const struct meaning *meaning;

        if (end - quote < 4 || end - at < 8 || quote[0] != '"' || quote[1] != ':') {
            begin_name(scan, '"');
            break;
        }
        scan->key = find_name(at, (size_t)(quote - at));
        meaning = &meanings[scan->node][scan->key];
        at = quote + (quote[2] == ' ' ? 3 : 2);
        if (*at == '"' && meaning->string == STRING_OTHER) {
            quote = eitherbyte_find(at + 1, end, '"', '\\');
            if (quote < end && *quote == '"') { /* as most are */
                at = quote + 1;
                if (is_next_name(at, end)) {
                    at += 2;
                    continue;
                }
                scan->state = AFTER_VALUE;
                at = find_next_name(scan, at, end);
                continue;
            }
        }
        at = read_member(scan, meaning, at, end);
        at = find_next_name(scan, at, end);
    }
    return at;
}

static void read_model(struct usage_scan *scan, uint8_t byte)
{
    if (!modelname_add(&scan->model_name, scan->models, byte))
        return;
    modelname_end(&scan->model_name, scan->models, scan->server_port, &scan->model);
    scan->state = AFTER_VALUE;
}

/* Neither of those that are looked for has anything to escape. */
static void read_done_reason(struct usage_scan *scan, uint8_t byte)
{
    if (byte == '"') {
        scan->idle = keyword_find(&scan->word, idle_reasons) != KEYWORD_NONE;
        scan->state = AFTER_VALUE;
    } else if (byte == '\\') {
        scan->reads = STRING_OTHER;
        scan->state = STRING_ESCAPE;
    } else {
        keyword_add(&scan->word, idle_reasons, byte);
    }
}

static const uint8_t *skip_value(struct usage_scan *scan, const uint8_t *at, const uint8_t *end)
{
    while (scan->state == SKIP && (at = eitherbyte_find_structure(at, end)) < end) {
        uint8_t byte = *at++;

        if (byte == '"') {
            scan->state = SKIP_STRING;
            at = pass_string(scan, at, end, SKIP, SKIP_ESCAPE);
        } else if (byte == '{' || byte == '[') {
            if (++scan->skipped == 0)
                scan->state = BAD;
        } else if (--scan->skipped == 0) {
            scan->state = AFTER_VALUE;
            if (scan->depth == 0)
                reset_json(scan);
        }
    }
    return at;
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

static void read_json(struct usage_scan *scan, const uint8_t *at, size_t length)
{
    const uint8_t *end = at + length;

    while (at < end && scan->state != BAD) {
        switch (scan->state) {
        case STRING:
            at = read_string(scan, at, end);
            break;
        case SKIP_STRING:
            at = pass_string(scan, at, end, SKIP, SKIP_ESCAPE);
            break;
        case STRING_ESCAPE:
        case SKIP_ESCAPE:
            at++;
            scan->state = scan->state == STRING_ESCAPE ? STRING : SKIP_STRING;
            break;
        case SKIP:
            at = skip_value(scan, at, end);
            break;
        case NAME:
            if (scan->name_begins)
                at = read_members(scan, at, end);
            if (scan->state == NAME && at < end)
                read_name(scan, *at++);
            break;
        case NAME_ESCAPE:
            read_name_escape(scan, *at++);
            break;
        case MODEL:
            read_model(scan, *at++);
            break;
        case DONE_REASON:
            read_done_reason(scan, *at++);
            break;
        case SCALAR:
            at = read_scalar(scan, at, end);
            break;
        default:
            read_punctuation(scan, *at++);
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
    return (size_t)(eitherbyte_find_line_end(cursor->at, cursor->end) - cursor->at);
}

/* An event, or a line, that says again what the one before said, with other strings. */
static bool pass_known(struct usage_scan *scan, struct cursor *cursor)
{
    bool has_text;
    const uint8_t *end =
        eventshape_match(&scan->shape, scan->shape_key, cursor->at, cursor->end, &has_text);

    if (!end)
        return false;
    scan->events = add_saturated(scan->events, has_text);
    if (scan->shape_names_model)
        scan->model = scan->shape_model;
    cursor->at = end;
    return true;
}

/* Whether a document begins, whose shape may be known or learned. */
static bool begins_document(const struct usage_scan *scan)
{
    return scan->shape_key && scan->state == VALUE && scan->depth == 0;
}

static void begin_learning(struct usage_scan *scan, struct event_strings *strings)
{
    *strings = (struct event_strings){.count = 0};
    scan->strings = strings;
    scan->names_model = false;
}

/* Of a document that was whole in [START, END). */
static void learn_shape(struct usage_scan *scan, const uint8_t *start, const uint8_t *end)
{
    if (!eventshape_learn(&scan->shape, scan->shape_key, start, end, scan->strings))
        return;
    scan->shape_model = scan->model;
    scan->shape_names_model = scan->names_model;
}

static void read_lines(struct usage_scan *scan, struct cursor *cursor)
{
    const uint8_t *start = cursor->at;
    bool begins = begins_document(scan);
    struct event_strings strings;
    size_t length;

    if (begins && pass_known(scan, cursor))
        return;
    if (begins)
        begin_learning(scan, &strings);
    length = line_run(cursor);
    read_json(scan, cursor->at, length);
    cursor_skip(cursor, length);
    if (cursor_left(cursor) > 0 && cursor_u8(cursor) == '\n') {
        if (begins && begins_document(scan)) /* again: this one is complete */
            learn_shape(scan, start, cursor->at);
        cut_document(scan);
    }
    scan->strings = NULL;
}

enum line_state { LINE_START, LINE_FIELD, LINE_SPACE, LINE_DATA, LINE_OTHER };

static const char data_field[] = "data";
static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};

static void end_event_line(struct usage_scan *scan)
{
    if (scan->line == LINE_START)
        cut_document(scan);
    else if ((scan->line == LINE_DATA || scan->line == LINE_SPACE) && scan->state != VALUE)
        read_json(scan, (const uint8_t *)"\n", 1);
    scan->line = LINE_START;
    scan->field_length = 0;
}

/* Behind a document that is complete, the same at once as nearly everyone writes it. Returns false
 * for any other. */
static inline bool pass_event_end(struct usage_scan *scan, struct cursor *cursor)
{
    if (scan->state != VALUE || scan->depth > 0 || cursor_left(cursor) < 2 ||
        memcmp(cursor->at, "\n\n", 2) != 0)
        return false;
    cursor->at += 2;
    cut_document(scan);
    scan->line = LINE_START;
    scan->field_length = 0;
    return true;
}

/* The field of data as nearly everyone writes it. */
static inline bool pass_data_field(struct usage_scan *scan, struct cursor *cursor)
{
    if (scan->line != LINE_START || cursor_left(cursor) < 8 || memcmp(cursor->at, "data: ", 6) != 0)
        return false;
    scan->mark_length = sizeof(byte_order_mark);
    scan->line = LINE_DATA;
    cursor->at += 6;
    return true;
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

/* The rest of a line, or as much as is there. Returns whether it ended the event with it. */
static bool read_event_run(struct usage_scan *scan, struct cursor *cursor)
{
    size_t length = line_run(cursor);

    if (scan->line == LINE_SPACE && length > 0) {
        scan->line = LINE_DATA;
        if (*cursor->at == ' ') {
            cursor_skip(cursor, 1);
            return false;
        }
    }
    if (scan->line == LINE_DATA)
        read_json(scan, cursor->at, length);
    cursor_skip(cursor, length);
    return scan->line == LINE_DATA && pass_event_end(scan, cursor);
}

/* At the beginning of a document: one that is known, or may be learned. Returns false for what is
 * no data. */
static bool pass_event(struct usage_scan *scan, struct cursor *cursor)
{
    const uint8_t *start = cursor->at;
    struct event_strings strings;

    if (pass_known(scan, cursor))
        return true;
    if (!pass_data_field(scan, cursor))
        return false;
    begin_learning(scan, &strings);
    if (read_event_run(scan, cursor))
        learn_shape(scan, start, cursor->at);
    scan->strings = NULL;
    return true;
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
    if (scan->line == LINE_START && begins_document(scan) && pass_event(scan, cursor))
        return;
    if (!pass_data_field(scan, cursor) && (scan->line == LINE_START || scan->line == LINE_FIELD))
        read_field(scan, cursor_u8(cursor));
    else
        read_event_run(scan, cursor);
}

/* -- What is called from outside ------------------------------------------------------------------
 */

void usagescan_start(struct usage_scan *scan, enum usage_framing framing)
{
    know_meanings();
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

void usagescan_remember_shapes(struct usage_scan *scan, const struct hash_key *key)
{
    scan->shape_key = key;
}

/* What is being read stands for no model of another table. */
void usagescan_forget_models(struct usage_scan *scan)
{
    scan->shape.strings = 0;
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
    } else if (seen(scan, NUMBER_PREFILL)) {
        counts->tokens_in = number(scan, NUMBER_PREFILL);
    } else if (seen(scan, NUMBER_TIMED_PROMPT)) {
        counts->tokens_in = number(scan, NUMBER_TIMED_PROMPT) + number(scan, NUMBER_TIMED_CACHE);
    } else if (seen(scan, NUMBER_TOTAL) && scan->basis == USAGE_NOTHING && scan->events == 0) {
        counts->tokens_in = number(scan, NUMBER_TOTAL); /* of ranks: nothing is generated */
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
