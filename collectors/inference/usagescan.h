/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_USAGESCAN_H
#define IAGMETER_USAGESCAN_H

#include "collectors/inference/eventshape.h"
#include "collectors/inference/keyword.h"
#include "collectors/inference/modelname.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the token counts in the body of an answer while it passes: JSON alone, one document a line
 * (NDJSON), or the data of server-sent events (WHATWG HTML, 9.2). Nothing of it is kept but
 * numbers; a name is known by where it stands in the document, so that text which quotes one never
 * counts.
 *
 * Of OpenAI (chat, completions, responses), Anthropic, vLLM, llama.cpp, Ollama, TGI
 * (https://huggingface.github.io/text-generation-inference/, /generate and /generate_stream) and
 * SGLang (https://docs.sglang.ai/basic_usage/native_api.html, /generate); where they are the same,
 * so are those who imitate them. */

/* Choices of one answer that are told apart. */
#define USAGE_CHOICES 16

enum usage_framing { USAGE_JSON, USAGE_LINES, USAGE_EVENTS };

/* What tokens_out rests on, from worst to best. */
enum usage_basis {
    USAGE_NOTHING,
    USAGE_COUNTED, /* events of a stream that carry text */
    USAGE_TIMINGS, /* the "timings" of llama.cpp */
    USAGE_NATIVE,  /* the counts of llama.cpp, Ollama, TGI and SGLang in their own dialects */
    USAGE_OBJECT,  /* a "usage" object */
};

struct usage_counts {
    uint64_t tokens_in; /* of the prompt, those from the cache included */
    uint64_t tokens_cached;
    uint64_t tokens_out; /* reasoning included */
    enum usage_basis basis;
    bool input_known;
    bool damaged; /* part of the answer could not be read */
};

enum usage_number {
    NUMBER_PROMPT,
    NUMBER_INPUT, /* Anthropic, responses */
    NUMBER_CACHE_READ,
    NUMBER_CACHE_CREATION,
    NUMBER_CACHED,
    NUMBER_EVALUATED,
    NUMBER_EVAL_PROMPT, /* Ollama */
    NUMBER_TIMED_CACHE,
    NUMBER_TIMED_PROMPT,
    NUMBER_PREFILL, /* TGI: tokens of the prompt that are listed */
    NUMBER_TOTAL,
    NUMBER_COUNT,
    /* Not kept so: */
    NUMBER_OUTPUT,
    NUMBER_PREDICTED,
    NUMBER_TIMED_OUTPUT,
    NUMBER_INDEX,
    NUMBER_CHOICES_WANTED,
    NUMBER_STREAMS, /* a literal */
    NUMBER_NONE
};

#define USAGE_DEPTH 8

struct usage_scan {
    uint32_t numbers[NUMBER_COUNT];
    uint32_t outputs[USAGE_CHOICES]; /* of each choice */
    uint32_t total_output;           /* of all, when the server says that */
    uint32_t events;                 /* that carry text */
    uint16_t numbers_seen;
    uint16_t outputs_seen;
    uint8_t basis;
    bool total_seen;
    bool damaged;
    bool streams;            /* of a request: asks for a stream, */
    uint32_t choices_wanted; /* and so many choices; 0: does not say */

    /* Which model it is for, or by. */
    const struct model_table *models; /* NULL: nobody asks */
    uint16_t server_port;
    bool has_remote_host; /* of Ollama: where it had the answer computed */
    bool idle;            /* of Ollama: a model was loaded or unloaded, and nothing computed */
    struct model_found model;

    /* What a stream repeats, and which model it names; `strings` are of the document that is being
     * read, while all of it may be here. */
    const struct hash_key *shape_key; /* NULL: each event is read */
    struct event_shape shape;
    struct event_strings *strings;
    struct model_found shape_model;
    bool shape_names_model;
    bool names_model; /* the document that is being read */

    /* The document that is being read. */
    uint32_t document_output;
    uint32_t document_index;  /* of its last choice */
    uint32_t document_number; /* in an array of them */
    uint16_t document_choices;
    uint8_t document_basis;
    bool choice_has_text;
    bool has_text;
    bool is_request;

    /* JSON (RFC 8259): where we are in it. */
    uint8_t state;
    uint8_t depth;
    uint8_t node; /* innermost of the open ones */
    uint8_t nodes[USAGE_DEPTH];
    uint8_t key;
    struct keyword word;
    struct model_name model_name;
    bool name_begins; /* none of it was read yet */
    uint8_t reads;    /* of a string: STRING_TEXT while none of it was read, STRING_VARIES */
    bool is_number;   /* the scalar is digits alone so far */
    bool is_true;
    uint8_t hex_left; /* of an escape in a name */
    uint16_t hex;
    uint32_t skipped; /* open brackets of a value that nobody asks for */
    uint64_t number;

    /* Framing. */
    uint8_t framing;
    uint8_t line; /* state in a line of events */
    uint8_t field_length;
    uint8_t mark_length; /* of a byte order mark */
    bool after_cr;
};

void usagescan_start(struct usage_scan *scan, enum usage_framing framing);
/* The body of a request instead: only `stream` and `n` are looked for. */
void usagescan_start_request(struct usage_scan *scan);

/* After the start: asks which of MODELS on the server of PORT is named. The table may change
 * between two calls of the others, after usagescan_forget_models(). */
void usagescan_ask_model(struct usage_scan *scan, const struct model_table *models, uint16_t port);
void usagescan_forget_models(struct usage_scan *scan);

/* After the start of an answer: remembers the shape of its events, as hashes under KEY, which must
 * outlive it. The same is found without. */
void usagescan_remember_shapes(struct usage_scan *scan, const struct hash_key *key);

void usagescan_bytes(struct usage_scan *scan, const uint8_t *bytes, size_t length);
/* Bytes are missing here. What follows is read again from the next event or line. */
void usagescan_gap(struct usage_scan *scan);
/* The body is complete, or will not go on. */
void usagescan_end(struct usage_scan *scan);

/* What has been said so far; any number of times. */
struct usage_counts usagescan_counts(const struct usage_scan *scan);

#endif
