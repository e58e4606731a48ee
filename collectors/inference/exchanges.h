/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_EXCHANGES_H
#define IAGMETER_EXCHANGES_H

#include "collectors/capture/keyedhash.h"
#include "collectors/collector.h"
#include "collectors/inference/httpstream.h"
#include "collectors/inference/usagescan.h"
#include "daemon/catalogue.h"
#include "daemon/directions.h"

#include <stdbool.h>
#include <stdint.h>

/* The exchanges of one connection to a local inference server: what was asked, what came back, how
 * many tokens that took, and whose they are. Neither a model's name, nor a header, nor a byte of a
 * body is in what leaves here, nor stays behind. */

enum inference_endpoint {
    ENDPOINT_NONE, /* no inference: models, metrics, health, tokenising */
    ENDPOINT_CHAT,
    ENDPOINT_COMPLETIONS,
    ENDPOINT_RESPONSES,
    ENDPOINT_MESSAGES,
    ENDPOINT_COMPLETION, /* of llama.cpp */
    ENDPOINT_INFILL,
    ENDPOINT_OLLAMA_CHAT,
    ENDPOINT_OLLAMA_GENERATE,
    ENDPOINT_GENERATE,        /* of TGI and SGLang */
    ENDPOINT_GENERATE_STREAM, /* of TGI */
    ENDPOINT_EMBEDDINGS,
    ENDPOINT_EMBED, /* of Ollama */
    ENDPOINT_RERANK,
    ENDPOINT_SCORE, /* of vLLM, as the two below */
    ENDPOINT_POOLING,
    ENDPOINT_CLASSIFY,
    ENDPOINT_COUNT
};

/* "/v1/chat/completions" and the like; "-" for ENDPOINT_NONE. */
const char *inference_endpoint_path(enum inference_endpoint endpoint);
/* Whether answers hold text that is generated: not vectors or ranks. */
bool inference_endpoint_generates(enum inference_endpoint endpoint);

enum inference_outcome {
    OUTCOME_ANSWERED,
    OUTCOME_ABORTED,    /* one end left while the other was computing or reading */
    OUTCOME_ERROR,      /* a status that is no success */
    OUTCOME_UNANSWERED, /* the server closed first, as it may do with an idle connection */
    OUTCOME_LOST,       /* the capture does not tell where it ends */
    OUTCOME_REFUSED,    /* what was said does not: two programs could read it differently */
    OUTCOME_IDLE,       /* of Ollama: it loaded or unloaded a model, and was asked for no more */
};

/* How the direction was found, and by what users are told apart. */
enum direction_source { DIRECTION_BY_HEADER, DIRECTION_BY_KEY, DIRECTION_BY_ADDRESS, SOURCE_COUNT };

static inline const char *direction_source_name(enum direction_source source)
{
    static const char *const names[SOURCE_COUNT] = {"header", "key", "address"};

    return names[source];
}

struct inference_key {
    uint8_t digest[APIKEY_DIGEST_SIZE];
    uint16_t direction;
    uint16_t users; /* that share it, as declared; 0: it is one user's */
};

#define MAX_INFERENCE_USERS 10000

/* A server that is metered. */
struct inference_server {
    uint16_t port;
    uint16_t service;
    uint16_t remote;    /* service of models that are computed elsewhere, or SERVICE_NONE */
    bool counts_itself; /* its own counts are the use: the wire tells users alone */
};

#define INFERENCE_HEADER_SIZE 64

/* Of the configuration: who used it. All of it must outlive what uses it. */
struct inference_rules {
    const struct directions *directions;
    char header[INFERENCE_HEADER_SIZE]; /* lower case; "": none */
    const struct apikey_secret *secret; /* NULL: keys are not looked at */
    const struct inference_key *keys;
    size_t key_count;
    uint8_t order[SOURCE_COUNT]; /* enum direction_source: the first that was given decides */
    uint8_t order_count;
    /* By what users are counted: the first that was given. With the header, the last element of the
     * list in it, which is what the proxy in front saw itself. */
    char client_header[INFERENCE_HEADER_SIZE]; /* lower case; "": none */
    uint8_t users_order[SOURCE_COUNT];
    uint8_t users_count;
    const struct inference_server *servers;
    size_t server_count;
    struct model_table models;
};

/* NULL when none is metered on PORT. */
const struct inference_server *inference_server_at(const struct inference_rules *rules,
                                                   uint16_t port);

struct inference_exchange {
    int64_t start_ns; /* first byte of the request */
    int64_t end_ns;   /* last byte of the answer */
    struct usage_counts counts;
    uint64_t request_bytes; /* of its body, expanded; 0: not all of it was captured */
    uint16_t status;        /* 0: there was none */
    uint16_t direction;
    uint16_t service;       /* SERVICE_NONE: of no server that is metered */
    uint16_t users;         /* that share the key, as declared; 0: it is one, */
    uint64_t client;        /* known by this hash */
    bool elsewhere;         /* the server had it computed by another, at no energy of its own */
    uint8_t endpoint;       /* enum inference_endpoint */
    uint8_t outcome;        /* enum inference_outcome */
    uint8_t source;         /* enum direction_source */
    uint8_t grade;          /* enum evidence_grade, of the tokens */
    bool unknown_direction; /* a header or key was given that the configuration does not know */
    bool streamed;
    bool unread; /* a body of it was compressed in a way that is not read, or not to its end */
};

/* Whether it is a request that was served, or partly so. */
static inline bool inference_exchange_counts(const struct inference_exchange *exchange)
{
    return exchange->endpoint != ENDPOINT_NONE && exchange->outcome != OUTCOME_ERROR &&
           exchange->outcome != OUTCOME_UNANSWERED && exchange->outcome != OUTCOME_IDLE;
}

typedef void exchange_handler(void *context, const struct inference_exchange *exchange);

struct pending_request {
    int64_t start_ns;
    uint64_t body_bytes;
    uint64_t client; /* hashes, by the header and by the key */
    uint64_t key;
    uint16_t by_header;
    uint16_t by_key;
    uint16_t key_users;
    uint8_t endpoint;
    bool header_given : 1;
    bool key_given : 1;
    bool client_given : 1;
    bool streams : 1;
    bool has_gap : 1; /* in its body */
    bool unread : 1;
    struct model_found model;
};

struct exchanges {
    struct http_stream http;
    struct usage_scan request;    /* of the newest request */
    struct usage_scan answer;     /* to the oldest */
    struct usage_counts at_close; /* what the client had when it left */
    struct pending_request pending[HTTP_PIPELINE];
    const struct inference_rules *rules;
    exchange_handler *emit;
    void *context;
    const struct hash_key *key; /* NULL: users are not told apart */
    uint64_t client;            /* hash of its address */
    int64_t now_ns;
    int64_t answer_ns;
    uint16_t server_port;
    uint16_t by_address;
    uint16_t status; /* of the answer that is being read */
    uint8_t first;
    uint8_t count;
    bool client_left;
    bool left_midway; /* in an answer */
    bool server_left_first;
};

/* CLIENT_DIRECTION is that of the client's address. EMIT is called for each exchange when it ends,
 * also for those that are no inference. */
void exchanges_start(struct exchanges *exchanges, const struct inference_rules *rules,
                     struct inflater_pool *inflaters, uint16_t client_direction,
                     exchange_handler *emit, void *context);
/* At the start, where exchanges are metered: the port of the server; the key under which users are
 * told apart, which must outlive them; and the hash of the client's address. */
void exchanges_identify(struct exchanges *exchanges, uint16_t server_port,
                        const struct hash_key *key, uint64_t client);
/* The rules were replaced, in place. */
void exchanges_rules_changed(struct exchanges *exchanges);
/* The direction of the client's address is another one now: for what has not ended, too. */
void exchanges_set_direction(struct exchanges *exchanges, uint16_t client_direction);
/* When the oldest request that waits for its answer began; INT64_MAX when none does. */
int64_t exchanges_open_since(const struct exchanges *exchanges);
/* BYTES that SIDE said, in order; NULL for LENGTH that were not captured. */
void exchanges_bytes(struct exchanges *exchanges, int64_t now_ns, enum http_side side,
                     const uint8_t *bytes, size_t length);
void exchanges_close(struct exchanges *exchanges, int64_t now_ns, enum http_side side);
/* Ends what is open, and wipes all. Once is enough, twice no harm. */
void exchanges_finish(struct exchanges *exchanges);

#endif
