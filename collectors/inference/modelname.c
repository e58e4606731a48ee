/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/modelname.h"

#include <string.h>

static const char cloud[] = "-cloud";

enum { ESCAPE_NONE = 0, ESCAPE_DIGITS = 4, ESCAPE_BEGUN = 5 };

void modelname_start(struct model_name *name, const struct model_table *table)
{
    *name = (struct model_name){.high = table->count};
}

static void narrow(struct model_name *name, const struct model_table *table, uint8_t byte)
{
    uint16_t at = name->low;
    uint16_t end;

    if (byte == '\0') /* which ends the names of the table */
        at = name->high;
    while (at < name->high && (uint8_t)table->items[at].name[name->length] < byte)
        at++;
    for (end = at; end < name->high && (uint8_t)table->items[end].name[name->length] == byte;)
        end++;
    name->low = at;
    name->high = end;
    name->length = (uint8_t)(name->length + (at < end));
}

static void take(struct model_name *name, const struct model_table *table, uint8_t byte)
{
    bool begins = byte == '-' || byte == ':';

    if (name->low < name->high)
        narrow(name, table, byte);
    if (begins)
        name->cloud = 1;
    else if (name->cloud > 0 && name->cloud < sizeof(cloud) - 1 &&
             byte == (uint8_t)cloud[name->cloud])
        name->cloud++;
    else
        name->cloud = 0;
}

static void mismatch(struct model_name *name)
{
    name->high = name->low;
    name->cloud = 0;
}

/* A character beyond the basic plane comes as two units: no model is known by one. */
static void take_unit(struct model_name *name, const struct model_table *table)
{
    uint16_t unit = name->unit;

    if (unit >= 0xd800 && unit < 0xe000) {
        mismatch(name);
    } else if (unit < 0x80) {
        take(name, table, (uint8_t)unit);
    } else {
        if (unit < 0x800) {
            take(name, table, (uint8_t)(0xc0 | unit >> 6));
        } else {
            take(name, table, (uint8_t)(0xe0 | unit >> 12));
            take(name, table, (uint8_t)(0x80 | (unit >> 6 & 0x3f)));
        }
        take(name, table, (uint8_t)(0x80 | (unit & 0x3f)));
    }
}

static int digit_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static void read_escape(struct model_name *name, const struct model_table *table, uint8_t byte)
{
    int digit = digit_of(byte);

    if (name->escape == ESCAPE_BEGUN) {
        name->escape = byte == 'u' ? ESCAPE_DIGITS : ESCAPE_NONE;
        name->unit = 0;
        if (byte == '"' || byte == '\\' || byte == '/')
            take(name, table, byte);
        else if (byte != 'u') /* a control character */
            mismatch(name);
        return;
    }
    name->escape--;
    if (digit < 0)
        mismatch(name);
    name->unit = (uint16_t)(name->unit << 4 | (digit & 0xf));
    if (name->escape == ESCAPE_NONE)
        take_unit(name, table);
}

bool modelname_add(struct model_name *name, const struct model_table *table, uint8_t byte)
{
    if (name->escape != ESCAPE_NONE)
        read_escape(name, table, byte);
    else if (byte == '\\')
        name->escape = ESCAPE_BEGUN;
    else if (byte == '"')
        return true;
    else
        take(name, table, byte);
    return false;
}

/* The same name may be configured for several servers. */
void modelname_end(const struct model_name *name, const struct model_table *table, uint16_t port,
                   struct model_found *found)
{
    *found = (struct model_found){.elsewhere = name->cloud == sizeof(cloud) - 1};
    for (uint16_t i = name->low; i < name->high; i++) {
        const struct inference_model *model = &table->items[i];

        if (model->name[name->length] == '\0' && model->port == port)
            *found = (struct model_found){.known = true, .service = model->service};
    }
}

void modelname_whole(const struct model_table *table, uint16_t port, const uint8_t *name,
                     size_t length, struct model_found *found)
{
    const size_t suffix = sizeof(cloud) - 1;
    const uint8_t *end = name + length;

    *found = (struct model_found){
        .elsewhere = length >= suffix && (*(end - suffix) == '-' || *(end - suffix) == ':') &&
                     memcmp(end - suffix + 1, cloud + 1, suffix - 1) == 0,
    };
    if (length >= MODEL_NAME_SIZE || table->count == 0 || memchr(name, '\0', length))
        return;
    for (uint16_t i = 0; i < table->count; i++) {
        const struct inference_model *model = &table->items[i];

        if (model->port == port && model->name[length] == '\0' &&
            memcmp(model->name, name, length) == 0)
            *found = (struct model_found){.known = true, .service = model->service};
    }
}
