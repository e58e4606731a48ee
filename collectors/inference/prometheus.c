/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/prometheus.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/capture/cursor.h"

#define NUMBER_SIZE 64 /* longer than any that is printed */

/* A line that is being read, and where the next of its names and values is put: each takes less
 * room there, with its NUL, than in the line with what separates it. */
struct line {
    struct cursor at;
    char *text;
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool next_is(const struct line *line, char byte)
{
    return cursor_left(&line->at) > 0 && *line->at.at == (uint8_t)byte;
}

static bool take(struct line *line, char byte)
{
    if (!next_is(line, byte))
        return false;
    cursor_skip(&line->at, 1);
    return true;
}

static void skip_blanks(struct line *line)
{
    while (cursor_left(&line->at) > 0 && is_blank(*line->at.at))
        cursor_skip(&line->at, 1);
}

static bool is_name(uint8_t byte, bool first)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           byte == ':' || (!first && byte >= '0' && byte <= '9');
}

/* NULL when none stands here. */
static const char *read_name(struct line *line)
{
    const char *name = line->text;

    while (cursor_left(&line->at) > 0 && is_name(*line->at.at, line->text == name))
        *line->text++ = (char)cursor_u8(&line->at);
    if (line->text == name)
        return NULL;
    *line->text++ = '\0';
    return name;
}

/* Of the three escapes, others are none: as Prometheus's own client for Python reads them. */
static char unescape(struct line *line)
{
    if (take(line, 'n'))
        return '\n';
    if (next_is(line, '"') || next_is(line, '\\'))
        return (char)cursor_u8(&line->at);
    return '\\';
}

/* Between quotes. NULL when it has no end, or holds a NUL. */
static const char *read_value(struct line *line)
{
    const char *value = line->text;

    if (!take(line, '"'))
        return NULL;
    while (!take(line, '"')) {
        char byte = (char)cursor_u8(&line->at);

        if (line->at.failed || byte == '\0')
            return NULL;
        *line->text++ = byte == '\\' ? unescape(line) : byte;
    }
    *line->text++ = '\0';
    return value;
}

static bool read_label(struct line *line, struct prometheus_label *label)
{
    label->name = read_name(line);
    skip_blanks(line);
    if (!label->name || !take(line, '='))
        return false;
    skip_blanks(line);
    label->value = read_value(line);
    skip_blanks(line);
    return label->value != NULL;
}

/* A comma may come after the last. */
static bool read_labels(struct line *line, struct prometheus_label labels[PROMETHEUS_LABELS],
                        size_t *count)
{
    *count = 0;
    skip_blanks(line);
    if (!take(line, '{'))
        return true;
    skip_blanks(line);
    while (!take(line, '}')) {
        if (*count == PROMETHEUS_LABELS || !read_label(line, &labels[(*count)++]))
            return false;
        if (!take(line, ',') && !next_is(line, '}'))
            return false;
        skip_blanks(line);
    }
    return true;
}

/* As strtod() reads it, in the C locale, in which the processes run: what both formats allow (Go's
 * ParseFloat, with "NaN" and "+Inf") is among that. */
static bool read_number(struct line *line, double *number)
{
    char text[NUMBER_SIZE];
    size_t length = 0;
    char *end;

    skip_blanks(line);
    while (cursor_left(&line->at) > 0 && !is_blank(*line->at.at) && length < sizeof(text) - 1)
        text[length++] = (char)cursor_u8(&line->at);
    text[length] = '\0';
    *number = strtod(text, &end);
    return length > 0 && end == text + length &&
           !(cursor_left(&line->at) && !is_blank(*line->at.at));
}

/* A timestamp, and what OpenMetrics says of an example. */
static bool read_rest(struct line *line)
{
    double timestamp;

    skip_blanks(line);
    if (cursor_left(&line->at) > 0 && !next_is(line, '#') && !read_number(line, &timestamp))
        return false;
    skip_blanks(line);
    return cursor_left(&line->at) == 0 || next_is(line, '#');
}

static bool read_sample(struct prometheus *parser, struct line *line)
{
    struct prometheus_label labels[PROMETHEUS_LABELS];
    struct prometheus_sample sample = {.name = read_name(line), .labels = labels};

    if (!sample.name || !read_labels(line, labels, &sample.label_count) ||
        !read_number(line, &sample.value) || !read_rest(line))
        return false;
    sample.size = (size_t)(line->text - sample.name);
    parser->counts.samples++;
    parser->emit(parser->context, &sample);
    return true;
}

static void read_line(struct prometheus *parser)
{
    static const char end[] = "# EOF";
    struct line line = {cursor_over(parser->line, parser->length), parser->text};

    skip_blanks(&line);
    if (cursor_left(&line.at) == 0)
        return;
    if (parser->ended) {
        parser->counts.malformed++;
        return;
    }
    if (!next_is(&line, '#')) {
        parser->counts.malformed += !read_sample(parser, &line);
        return;
    }
    parser->ended =
        parser->length == sizeof(end) - 1 && memcmp(parser->line, end, sizeof(end) - 1) == 0;
}

void prometheus_start(struct prometheus *parser, prometheus_handler *emit, void *context)
{
    memset(parser, 0, sizeof(*parser));
    parser->emit = emit;
    parser->context = context;
}

static void end_line(struct prometheus *parser)
{
    if (parser->skips)
        parser->counts.overlong++;
    else
        read_line(parser);
    parser->length = 0;
    parser->skips = false;
}

static void add_piece(struct prometheus *parser, const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return;
    parser->skips = parser->skips || length > sizeof(parser->line) - parser->length;
    if (parser->skips)
        return;
    memcpy(parser->line + parser->length, bytes, length);
    parser->length += length;
}

void prometheus_bytes(struct prometheus *parser, const uint8_t *bytes, size_t length)
{
    struct cursor cursor = cursor_over(bytes, length);

    while (cursor_left(&cursor) > 0) {
        const uint8_t *end = memchr(cursor.at, '\n', cursor_left(&cursor));
        size_t piece = end ? (size_t)(end - cursor.at) : cursor_left(&cursor);

        add_piece(parser, cursor_bytes(&cursor, piece), piece);
        if (end) {
            cursor_skip(&cursor, 1);
            end_line(parser);
        }
    }
}

bool prometheus_end(struct prometheus *parser)
{
    bool complete = parser->length == 0 && !parser->skips;

    parser->length = 0;
    parser->skips = false;
    /* Labels may name persons. */
    explicit_bzero(parser->line, sizeof(parser->line));
    explicit_bzero(parser->text, sizeof(parser->text));
    return complete;
}

const char *prometheus_label(const struct prometheus_sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->label_count; i++)
        if (strcmp(sample->labels[i].name, name) == 0)
            return sample->labels[i].value;
    return "";
}
