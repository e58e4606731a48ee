/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/notes.h"

#include <stdlib.h>
#include <string.h>

struct note {
    struct flow_record record;
    char name[256];
};

struct notes {
    struct note **at;
    size_t capacity;
};

struct notes *notes_new(size_t capacity)
{
    struct notes *notes = calloc(1, sizeof(*notes));

    if (!notes)
        return NULL;
    notes->capacity = capacity;
    notes->at = calloc(capacity, sizeof(struct note *));
    if (!notes->at) {
        notes_free(notes);
        return NULL;
    }
    return notes;
}

void notes_free(struct notes *notes)
{
    if (!notes)
        return;
    for (size_t i = 0; notes->at && i < notes->capacity; i++)
        free(notes->at[i]);
    free(notes->at);
    free(notes);
}

void notes_put(struct notes *notes, size_t index, const struct flow_record *record)
{
    struct note *note;

    if (!notes)
        return;
    note = notes->at[index] ? notes->at[index] : calloc(1, sizeof(*note));
    if (!note)
        return;
    notes->at[index] = note;
    note->record = *record;
    strncpy(note->name, record->name, sizeof(note->name) - 1);
    note->record.name = note->name;
}

void notes_add(struct notes *notes, size_t index, const struct exchange_estimate *estimate)
{
    struct flow_record *record = notes_get(notes, index);

    if (!record)
        return;
    record->requests = triple_add(record->requests, estimate->requests);
    record->tokens_in = triple_add(record->tokens_in, estimate->tokens_in);
    record->tokens_out = triple_add(record->tokens_out, estimate->tokens_out);
    record->tokens_out_variance += estimate->tokens_out_variance;
#define ADD_UNIT(name) record->name = triple_add(record->name, estimate->name);
    ACTIVITY_UNITS(ADD_UNIT)
#undef ADD_UNIT
}

struct flow_record *notes_get(struct notes *notes, size_t index)
{
    return notes && notes->at[index] ? &notes->at[index]->record : NULL;
}

void notes_drop(struct notes *notes, size_t index)
{
    if (!notes)
        return;
    free(notes->at[index]);
    notes->at[index] = NULL;
}
