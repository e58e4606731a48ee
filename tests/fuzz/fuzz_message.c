/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The input is a message, the rest of which is zero. What passes the check must be safe to use. */

static void check_text(const char *text, size_t size)
{
    if (strnlen(text, size) == size)
        abort();
}

static void check_triple(const struct triple *triple)
{
    if (!(triple->low >= 0 && triple->low <= triple->central && triple->central <= triple->high &&
          isfinite(triple->high)))
        abort();
}

static void check_use(const struct message *message)
{
    switch (message->type) {
    case MESSAGE_SERVICE:
        check_text(message->body.service.id, sizeof(message->body.service.id));
        check_text(message->body.service.model, sizeof(message->body.service.model));
        break;
    case MESSAGE_HOST:
    case MESSAGE_RESOLVER:
    case MESSAGE_RESOLVER_ADDRESS:
        check_text(message->body.host.pattern, sizeof(message->body.host.pattern));
        break;
    case MESSAGE_DIRECTION:
        check_text(message->body.direction.code, sizeof(message->body.direction.code));
        break;
    case MESSAGE_ACTIVITY:
        check_triple(&message->body.activity.requests);
        check_triple(&message->body.activity.tokens_in);
        check_triple(&message->body.activity.tokens_out);
        grade_letter((enum evidence_grade)message->body.activity.grade);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum message_sender senders[] = {SENDER_SUPERVISOR, SENDER_CAPTURE, SENDER_METER,
                                                  SENDER_COUNTERS, SENDER_SESSION};
    struct message message;

    memset(&message, 0, sizeof(message));
    memcpy(&message, data, size < sizeof(message) ? size : sizeof(message));
    for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++)
        if (message_check(&message, senders[i]))
            check_use(&message);
    return 0;
}
