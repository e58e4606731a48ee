/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_MODELNAME_H
#define IAGMETER_MODELNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of the configured models a request or an answer names: the name is compared while it
 * passes, as it stands between quotes in JSON (RFC 8259, 7), and none of it is kept but how many
 * bytes of which models it has in common with. */

#define MODEL_NAME_SIZE      128
#define MAX_INFERENCE_MODELS 128

struct inference_model {
    char name[MODEL_NAME_SIZE]; /* UTF-8 */
    uint16_t port;              /* of the server that it is on */
    uint16_t service;
};

struct model_table {
    const struct inference_model *items; /* in the order of strcmp() of their names */
    uint16_t count;
};

struct model_name {
    uint16_t low; /* items [low, high) begin with the `length` bytes that were read */
    uint16_t high;
    uint8_t length;
    uint8_t cloud;  /* bytes of "-cloud" that it ends in so far */
    uint8_t escape; /* what is left of one: 5 after the backslash, then the digits of \u */
    uint16_t unit;  /* of UTF-16, of which those digits were read */
};

/* What names told; zeroed at first. */
struct model_found {
    bool known;
    bool elsewhere;   /* of no configured model, but "-cloud" or ":cloud": Ollama has it computed in
                       * its operator's data centres */
    uint16_t service; /* of a known model */
};

void modelname_start(struct model_name *name, const struct model_table *table);
/* One more byte of the JSON string. Returns true for the quote that ends it. */
bool modelname_add(struct model_name *name, const struct model_table *table, uint8_t byte);
/* The name is complete, and of a model on the server of PORT. */
void modelname_end(const struct model_name *name, const struct model_table *table, uint16_t port,
                   struct model_found *found);

/* The same of a name that is there whole: the LENGTH bytes between the quotes, without an escape.
 */
void modelname_whole(const struct model_table *table, uint16_t port, const uint8_t *name,
                     size_t length, struct model_found *found);

#endif
