/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_RULES_H
#define IAGMETER_RULES_H

#include "daemon/inferenceconfig.h"
#include "daemon/message.h"

/* The rules of recognition and attribution as messages: how the capture process, which can open no
 * file, gets new ones; the secret under which keys are hashed among them. */

/* Sends everything, MESSAGE_RULES_END last. Returns false when the other end is gone. */
bool rules_send(int socket, const struct catalogue *catalogue, const struct directions *directions,
                const struct inference_config *inference);

/* Only what the meter needs: which number is which service and which direction. */
bool rules_send_names(int socket, const struct catalogue *catalogue,
                      const struct directions *directions);

/* Gathers what rules_send() sent. Zero-initialised. */
struct rules {
    struct catalogue *catalogue;
    struct directions *directions;
    struct inference_config *inference; /* servers, models, keys and how to tell them; no more */
    bool failed;                        /* the rest of the sequence is ignored */
};

enum rules_status { RULES_MORE, RULES_COMPLETE, RULES_FAILED };

/* Takes one message of the kinds that rules_send() sends. After RULES_COMPLETE the caller owns what
 * the structure holds, and clears it. RULES_FAILED (impossible contents, no memory) comes once for
 * a sequence, whose rest is ignored: half of the rules must not replace all of them. */
enum rules_status rules_take(struct rules *rules, const struct message *message);
void rules_clear(struct rules *rules);

#endif
