/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/eco2mix.h"

#include "collectors/capture/bytestream.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_COMPLAINTS 20
/* The open data of all years together are 60 MB; what expands to more is no such file. */
#define MAX_TEXT_SIZE (256UL << 20)
#define READ_SIZE     (1U << 20)
#define QUARTER_S     900
#define DAY_S         86400
#define EARLIEST_YEAR 2012 /* the first that RTE publishes */
#define LATEST_YEAR   2100
#define SIMPLE_SIZE   40 /* longer than any name that we know */
#define SHOWN         40 /* bytes of somebody else's text in a complaint */

/* Bytes of the file. */
struct span {
    const char *start;
    size_t length;
};

enum column {
    COLUMN_PERIMETER,
    COLUMN_NATURE,
    COLUMN_DATE,
    COLUMN_TIME,
    COLUMN_INSTANT,
    COLUMN_INTENSITY,
    COLUMN_COUNT
};

/* As simplify() leaves them. */
static const struct {
    const char *name;
    enum column column;
} headings[] = {
    {"perimetre", COLUMN_PERIMETER},
    {"nature", COLUMN_NATURE},
    {"date", COLUMN_DATE},
    {"heures", COLUMN_TIME},
    {"heure", COLUMN_TIME},
    {"date et heure", COLUMN_INSTANT},
    {"date - heure", COLUMN_INSTANT},
    {"date_heure", COLUMN_INSTANT},
    {"taux de co2", COLUMN_INTENSITY},
    {"taux de co2 (g/kwh)", COLUMN_INTENSITY},
    {"taux_co2", COLUMN_INTENSITY},
};

static const struct {
    const char *name;
    enum grid_nature nature;
} natures[] = {
    {"donnees temps reel", GRID_REAL_TIME},
    {"donnees consolidees", GRID_CONSOLIDATED},
    {"donnees definitives", GRID_DEFINITIVE},
};

struct row {
    int64_t time_s; /* Unix time; while IS_TWICE, local time as if it were UTC */
    double g_per_kwh;
    unsigned long line;
    enum grid_nature nature;
    bool is_twice; /* of the hour that comes twice, and the row does not say which */
    bool is_left_out;
};

struct eco2mix {
    struct grid_half_hour *half_hours;
    size_t count;
    struct eco2mix_counts counts;
    struct grid_source source;
};

struct reader {
    const char *name;
    int64_t now_s;
    FILE *complaints;
    unsigned long complaint_count;
    struct eco2mix *file;
    char separator;
    bool has_column[COLUMN_COUNT];
    size_t columns[COLUMN_COUNT]; /* where they stand */
    size_t column_count;
    unsigned long line;
    bool is_cut; /* the line has no end */
    struct row *rows;
    size_t row_count;
    size_t row_capacity;
};

/* -- Complaints ------------------------------------------------------------------------------- */

/* Of a row, or of several that LINE is the first of. */
static void __attribute__((format(printf, 3, 4)))
complain(struct reader *reader, unsigned long line, const char *format, ...)
{
    va_list arguments;

    if (reader->complaint_count++ >= MAX_COMPLAINTS)
        return;
    fprintf(reader->complaints, "%s:%lu: ", reader->name, line);
    va_start(arguments, format);
    vfprintf(reader->complaints, format, arguments);
    va_end(arguments);
    fputs(": left out\n", reader->complaints);
}

/* Of the whole file. */
static bool refuse(const struct reader *reader, const char *problem)
{
    fprintf(reader->complaints, "%s:%lu: %s\n", reader->name, reader->line, problem);
    return false;
}

/* For a terminal: what a file holds must not drive it. */
static const char *show(struct span text, char shown[SHOWN + 1])
{
    size_t length = text.length < SHOWN ? text.length : SHOWN;

    for (size_t i = 0; i < length; i++)
        shown[i] = (char)(text.start[i] >= ' ' && text.start[i] <= '~' ? text.start[i] : '?');
    shown[length] = '\0';
    return shown;
}

/* -- Text ------------------------------------------------------------------------------------- */

static struct span trim(struct span text)
{
    while (text.length > 0 && strchr(" \"", text.start[0]) && text.start[0] != '\0') {
        text.start++;
        text.length--;
    }
    while (text.length > 0 && strchr(" \"", text.start[text.length - 1]) &&
           text.start[text.length - 1] != '\0')
        text.length--;
    return text;
}

/* The letter that is left of é and its like without the accent; other letters are in no name. */
static char without_accent(unsigned latin)
{
    unsigned small = latin | 0x20;

    return small >= 0xe8 && small <= 0xeb ? 'e' : '?';
}

/* In small letters without accents, be they ISO 8859-1 or UTF-8. What is too long is cut: it is
 * then still longer than any name that we know. */
static void simplify(struct span text, char simple[SIMPLE_SIZE])
{
    size_t length = 0;

    for (size_t i = 0; i < text.length && length < SIMPLE_SIZE - 1; i++) {
        unsigned byte = (unsigned char)text.start[i];
        unsigned next = i + 1 < text.length ? (unsigned char)text.start[i + 1] : 0;

        if (byte == 0xc3 && next >= 0x80 && next <= 0xbf) { /* U+00C0 to U+00FF in UTF-8 */
            simple[length++] = without_accent(next + 0x40);
            i++;
        } else if (byte >= 0x80) {
            simple[length++] = without_accent(byte);
        } else if (byte >= 'A' && byte <= 'Z') {
            simple[length++] = (char)(byte | 0x20);
        } else {
            simple[length++] = (char)(byte ? byte : '?');
        }
    }
    simple[length] = '\0';
}

static bool begins_with(struct span text, const char *prefix)
{
    return text.length >= strlen(prefix) && memcmp(text.start, prefix, strlen(prefix)) == 0;
}

/* Takes a number of exactly DIGITS digits off TEXT. */
static bool take_number(struct span *text, size_t digits, int *number)
{
    *number = 0;
    if (text->length < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (text->start[i] < '0' || text->start[i] > '9')
            return false;
        *number = *number * 10 + (text->start[i] - '0');
    }
    text->start += digits;
    text->length -= digits;
    return true;
}

static bool take_character(struct span *text, char character)
{
    if (text->length == 0 || text->start[0] != character)
        return false;
    text->start++;
    text->length--;
    return true;
}

/* -- Time ------------------------------------------------------------------------------------- */

static int64_t days_of(int year, int month, int day)
{
    struct tm utc = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

    return timegm(&utc) / DAY_S;
}

static bool is_day(int year, int month, int day)
{
    if (year < EARLIEST_YEAR || year > LATEST_YEAR || month < 1 || month > 12 || day < 1)
        return false;
    return day <= days_of(year, month + 1, 1) - days_of(year, month, 1);
}

/* "2026-10-25", or "25/10/2026" as RTE's specification has it. */
static bool take_date(struct span *text, int64_t *days)
{
    int parts[3];
    struct span rest = *text;

    if (take_number(&rest, 4, &parts[0]) && take_character(&rest, '-') &&
        take_number(&rest, 2, &parts[1]) && take_character(&rest, '-') &&
        take_number(&rest, 2, &parts[2])) {
        *text = rest;
    } else if (!take_number(text, 2, &parts[2]) || !take_character(text, '/') ||
               !take_number(text, 2, &parts[1]) || !take_character(text, '/') ||
               !take_number(text, 4, &parts[0])) {
        return false;
    }
    if (!is_day(parts[0], parts[1], parts[2]))
        return false;
    *days = days_of(parts[0], parts[1], parts[2]);
    return true;
}

/* "02:15", or with seconds, which are none. */
static bool take_time(struct span *text, int64_t *seconds)
{
    int hour;
    int minute;
    int second = 0;

    if (!take_number(text, 2, &hour) || !take_character(text, ':') ||
        !take_number(text, 2, &minute))
        return false;
    if (take_character(text, ':') && !take_number(text, 2, &second))
        return false;
    *seconds = (int64_t)hour * HOUR_S + (int64_t)minute * 60;
    return hour < 24 && minute < 60 && *seconds % QUARTER_S == 0 && second == 0;
}

/* "+02:00", "Z", or nothing. */
static bool take_offset(struct span *text, int64_t *seconds, bool *is_there)
{
    int hours;
    int minutes;

    *seconds = 0;
    *is_there = text->length > 0;
    if (!*is_there || take_character(text, 'Z'))
        return true;
    if (!take_character(text, '+') || !take_number(text, 2, &hours))
        return false;
    take_character(text, ':');
    if (!take_number(text, 2, &minutes) || hours > 14 || minutes > 59 || minutes % 15 != 0)
        return false;
    *seconds = (int64_t)hours * HOUR_S + (int64_t)minutes * 60;
    return true;
}

/* When clocks change in the European Union: at 01:00 UTC on the last Sunday of MONTH (directive
 * 2000/84/EC, articles 2 and 3). The process's own time zone is the reports' and may be another. */
static int64_t change_of(int year, int month)
{
    int64_t last = days_of(year, month, 31);

    return (last - (last + 4) % 7) * DAY_S + HOUR_S; /* 1 January 1970 was a Thursday */
}

static int year_of(int64_t time_s)
{
    time_t seconds = (time_t)time_s;
    struct tm utc;

    return gmtime_r(&seconds, &utc) ? utc.tm_year + 1900 : 0;
}

/* What the clocks of Paris show at TIME_S, as if it were UTC. */
static int64_t local_of(int64_t time_s)
{
    int year = year_of(time_s);
    bool is_summer = time_s >= change_of(year, 3) && time_s < change_of(year, 10);

    return time_s + (is_summer ? 2 : 1) * HOUR_S;
}

/* Whether clocks never show LOCAL_S: they go from 02:00 to 03:00. */
static bool is_skipped(int64_t local_s)
{
    int64_t gap = change_of(year_of(local_s), 3) + HOUR_S;

    return local_s >= gap && local_s < gap + HOUR_S;
}

/* Whether clocks show LOCAL_S twice: they go from 03:00 back to 02:00. */
static bool is_twice(int64_t local_s)
{
    int64_t fold = change_of(year_of(local_s), 10) + HOUR_S;

    return local_s >= fold && local_s < fold + HOUR_S;
}

/* -- The heading ------------------------------------------------------------------------------ */

/* Takes the text up to the next separator off LINE. Returns false when nothing was left. */
static bool take_field(struct span *line, char separator, struct span *field)
{
    const char *end;

    if (!line->start)
        return false;
    end = line->length > 0 ? memchr(line->start, separator, line->length) : NULL;
    field->start = line->start;
    field->length = end ? (size_t)(end - line->start) : line->length;
    line->start = end ? end + 1 : NULL;
    line->length -= end ? field->length + 1 : line->length;
    return true;
}

static bool find_column(struct reader *reader, struct span field)
{
    char simple[SIMPLE_SIZE];

    simplify(trim(field), simple);
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
        enum column column = headings[i].column;

        if (strcmp(simple, headings[i].name) != 0)
            continue;
        if (reader->has_column[column])
            return refuse(reader, "two columns of the same meaning");
        reader->has_column[column] = true;
        reader->columns[column] = reader->column_count;
    }
    reader->column_count++;
    return true;
}

static const char *missing_column(const bool has[COLUMN_COUNT])
{
    if (!has[COLUMN_PERIMETER])
        return "no éCO2mix file of France: no column \"Périmètre\"";
    if (!has[COLUMN_NATURE])
        return "no éCO2mix file: no column \"Nature\"";
    if (!has[COLUMN_INSTANT] && !(has[COLUMN_DATE] && has[COLUMN_TIME]))
        return "no éCO2mix file: no columns \"Date\" and \"Heures\", nor \"Date et Heure\"";
    if (!has[COLUMN_INTENSITY])
        return "no éCO2mix file of France: no column \"Taux de CO2\", in g/kWh";
    return NULL;
}

static bool take_heading(struct reader *reader, struct span line)
{
    const char *problem;
    struct span field;

    if (begins_with(line, "\xef\xbb\xbf")) { /* byte order mark */
        line.start += 3;
        line.length -= 3;
    }
    if (begins_with(line, "PK\x03\x04"))
        return refuse(reader, "a zip archive: unpack it first");
    if (begins_with(line, "\xd0\xcf\x11\xe0"))
        return refuse(reader, "saved by a spreadsheet: take RTE's own file, which is text");
    reader->separator = line.length > 0 && memchr(line.start, '\t', line.length) ? '\t' : ';';
    while (take_field(&line, reader->separator, &field))
        if (!find_column(reader, field))
            return false;
    problem = missing_column(reader->has_column);
    return !problem || refuse(reader, problem);
}

/* -- Rows ------------------------------------------------------------------------------------- */

/* The columns of a row that matter. Returns how many it has in all. */
static size_t split(const struct reader *reader, struct span line, struct span fields[COLUMN_COUNT])
{
    struct span field = {NULL, 0};
    size_t count = 0;

    for (; take_field(&line, reader->separator, &field); count++)
        for (int column = 0; column < COLUMN_COUNT; column++)
            if (reader->has_column[column] && reader->columns[column] == count)
                fields[column] = trim(field);
    /* RTE ends each row, but not the heading, with a separator. */
    return count == reader->column_count + 1 && field.length == 0 ? count - 1 : count;
}

static bool is_nothing(struct span text)
{
    static const char *const words[] = {"", "nd", "-", "dc", "nan", "na", "null"};
    char simple[SIMPLE_SIZE];

    simplify(text, simple);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(simple, words[i]) == 0)
            return true;
    return false;
}

/* strtod() alone would also take what no table means: "inf", "0x1p3", "1e3". */
static bool parse_figure(struct span text, double *figure)
{
    char digits[24];
    size_t sign = text.length > 0 && text.start[0] == '-';
    size_t count;

    if (text.length >= sizeof(digits))
        return false;
    memcpy(digits, text.start, text.length);
    digits[text.length] = '\0';
    count = strspn(digits + sign, "0123456789");
    if (count == 0)
        return false;
    if (digits[sign + count] == '.')
        count += 1 + strspn(digits + sign + count + 1, "0123456789");
    *figure = strtod(digits, NULL);
    return sign + count == text.length;
}

static bool parse_intensity(struct reader *reader, struct span text, double *g_per_kwh)
{
    char shown[SHOWN + 1];

    if (is_nothing(text)) {
        *g_per_kwh = NAN;
    } else if (!parse_figure(text, g_per_kwh)) {
        complain(reader, reader->line, "\"%s\" is no figure", show(text, shown));
        return false;
    } else if (!(*g_per_kwh >= 0 && *g_per_kwh <= GRID_MOST_G_PER_KWH)) {
        complain(reader, reader->line, "%s g/kWh: 0 to %d is possible", show(text, shown),
                 GRID_MOST_G_PER_KWH);
        return false;
    }
    return true;
}

static bool parse_nature(struct reader *reader, struct span text, enum grid_nature *nature)
{
    char simple[SIMPLE_SIZE];
    char shown[SHOWN + 1];

    simplify(text, simple);
    for (size_t i = 0; i < sizeof(natures) / sizeof(natures[0]); i++)
        if (strcmp(simple, natures[i].name) == 0) {
            *nature = natures[i].nature;
            return true;
        }
    complain(reader, reader->line, "unknown nature \"%s\"", show(text, shown));
    return false;
}

static bool parse_local(struct span date, struct span time, int64_t *local_s)
{
    int64_t days;
    int64_t seconds;

    if (!take_date(&date, &days) || date.length > 0 || !take_time(&time, &seconds) ||
        time.length > 0)
        return false;
    *local_s = days * DAY_S + seconds;
    return true;
}

/* "2023-10-29T02:00:00+02:00". */
static bool parse_instant(struct span text, int64_t *time_s, bool *is_local)
{
    int64_t days;
    int64_t seconds;
    int64_t offset;
    bool has_offset;

    if (!take_date(&text, &days) || !(take_character(&text, 'T') || take_character(&text, ' ')) ||
        !take_time(&text, &seconds) || !take_offset(&text, &offset, &has_offset) || text.length > 0)
        return false;
    *time_s = days * DAY_S + seconds - offset;
    *is_local = !has_offset;
    return true;
}

/* Fills the time of ROW from local time, unless clocks never showed it. */
static bool set_local(struct reader *reader, struct row *row, int64_t local_s)
{
    if (is_skipped(local_s)) {
        reader->file->counts.skipped++;
        return false;
    }
    row->is_twice = is_twice(local_s);
    row->time_s = local_s;
    if (!row->is_twice) /* in both cases the offset before is the one after, but near a change */
        row->time_s -= local_of(local_s - HOUR_S) - (local_s - HOUR_S);
    return true;
}

/* An offset is believed, but a row that names an hour that was not is left out all the same, and so
 * is one that contradicts itself. */
static bool parse_time(struct reader *reader, const struct span fields[COLUMN_COUNT],
                       struct row *row)
{
    bool has_local = reader->has_column[COLUMN_DATE] && reader->has_column[COLUMN_TIME];
    bool is_local = true;
    int64_t local_s = 0;
    int64_t time_s = 0;

    if ((has_local && !parse_local(fields[COLUMN_DATE], fields[COLUMN_TIME], &local_s)) ||
        (reader->has_column[COLUMN_INSTANT] &&
         !parse_instant(fields[COLUMN_INSTANT], &time_s, &is_local))) {
        complain(reader, reader->line, "no date and time of a quarter of an hour since %d",
                 EARLIEST_YEAR);
        return false;
    }
    if (is_local)
        return set_local(reader, row, has_local ? local_s : time_s);
    if (has_local && is_skipped(local_s))
        return set_local(reader, row, local_s);
    if (has_local && local_of(time_s) != local_s) {
        complain(reader, reader->line, "one column names another time than two others");
        return false;
    }
    row->time_s = time_s;
    return true;
}

static bool keep_row(struct reader *reader, const struct row *row)
{
    if (reader->row_count == reader->row_capacity) {
        size_t capacity = reader->row_capacity ? 2 * reader->row_capacity : 4096;
        struct row *rows = realloc(reader->rows, capacity * sizeof(*rows));

        if (!rows)
            return refuse(reader, "out of memory");
        reader->rows = rows;
        reader->row_capacity = capacity;
    }
    reader->rows[reader->row_count++] = *row;
    return true;
}

/* RTE's last line. */
static bool is_disclaimer(struct span line)
{
    return begins_with(line, "RTE ne pourra ") || begins_with(line, "L'ensemble des informations ");
}

/* A figure at the end of a line that is cut may have had more digits. */
static bool is_truncated(const struct reader *reader, size_t count)
{
    return count < reader->column_count ||
           (reader->is_cut && reader->columns[COLUMN_INTENSITY] + 1 == reader->column_count);
}

/* The rate of a region, where one is published, says nothing of the grid that serves it. */
static bool is_france(const struct reader *reader, struct span perimeter)
{
    char simple[SIMPLE_SIZE];
    char shown[SHOWN + 1];

    simplify(perimeter, simple);
    if (strcmp(simple, "france") == 0)
        return true;
    fprintf(reader->complaints, "%s:%lu: of \"%s\": only files of France are of use here\n",
            reader->name, reader->line, show(perimeter, shown));
    return false;
}

/* Returns false when the whole file is to be refused. */
static bool take_row(struct reader *reader, struct span line)
{
    struct span fields[COLUMN_COUNT] = {{0}};
    struct row row = {.line = reader->line};
    size_t count = split(reader, line, fields);

    if (count == 1 && (line.length == 0 || is_disclaimer(line)))
        return true;
    reader->file->counts.rows++;
    if (is_truncated(reader, count)) {
        complain(reader, reader->line, "truncated row");
        return true;
    }
    if (count > reader->column_count) {
        complain(reader, reader->line, "%zu columns, where the heading has %zu", count,
                 reader->column_count);
        return true;
    }
    if (fields[COLUMN_PERIMETER].length == 0) {
        complain(reader, reader->line, "no perimeter");
        return true;
    }
    if (!is_france(reader, fields[COLUMN_PERIMETER]))
        return false;
    if (parse_nature(reader, fields[COLUMN_NATURE], &row.nature) &&
        parse_time(reader, fields, &row) &&
        parse_intensity(reader, fields[COLUMN_INTENSITY], &row.g_per_kwh))
        return keep_row(reader, &row);
    return true;
}

/* Takes a line off TEXT, ended by LF, CR LF or CR. */
static struct span take_line(struct reader *reader, struct span *text)
{
    struct span line = {.start = text->start};
    const char *end = text->start + text->length;
    const char *c = text->start;

    while (c < end && *c != '\n' && *c != '\r')
        c++;
    line.length = (size_t)(c - line.start);
    reader->is_cut = c == end;
    if (c < end)
        c += c + 1 < end && c[0] == '\r' && c[1] == '\n' ? 2 : 1;
    text->start = c;
    text->length = (size_t)(end - c);
    reader->line++;
    return line;
}

static bool take_lines(struct reader *reader, struct span text)
{
    if (!take_heading(reader, take_line(reader, &text)))
        return false;
    while (text.length > 0)
        if (!take_row(reader, take_line(reader, &text)))
            return false;
    return true;
}

/* -- The hour that comes twice ---------------------------------------------------------------- */

/* COUNT rows that follow each other in the file. RTE's own files have this hour once: the figures
 * go on from the hour before it, and jump to the hour after it, so it is the first of the two, in
 * summer time. Where it comes twice in a row, the second is in winter time. Nothing else is
 * guessed. */
static void tell_passages(struct reader *reader, struct row *rows, size_t count)
{
    unsigned quarters[2] = {0, 0}; /* bits: those before and after the clock goes back */
    unsigned descents = 0;
    bool repeats = false;
    size_t second = count;

    for (size_t i = 0; i < count; i++) {
        unsigned quarter = 1U << (rows[i].time_s / QUARTER_S % 4);
        bool descends = i > 0 && rows[i].time_s < rows[i - 1].time_s;

        if (descends && descents++ == 0)
            second = i;
        if (i > 0 && rows[i].time_s != rows[i - 1].time_s &&
            ((quarters[0] | quarters[1]) & quarter) != 0)
            repeats = true;
        quarters[descents > 0] |= quarter;
    }
    if (!repeats)
        second = count;
    for (size_t i = 0; i < count; i++) {
        rows[i].time_s -= (i < second ? 2 : 1) * HOUR_S;
        rows[i].is_left_out = repeats && (descents > 1 || quarters[0] != quarters[1]);
        reader->file->counts.ambiguous += rows[i].is_left_out;
    }
    if (rows[0].is_left_out)
        complain(reader, rows[0].line,
                 "an hour that comes twice, in an order that does not tell which is which");
}

static void settle_times(struct reader *reader)
{
    struct row *rows = reader->rows;
    size_t end;

    for (size_t i = 0; i < reader->row_count; i = end) {
        int64_t hour = rows[i].time_s / HOUR_S;

        end = i + 1;
        if (!rows[i].is_twice)
            continue;
        while (end < reader->row_count && rows[end].is_twice && rows[end].time_s / HOUR_S == hour)
            end++;
        tell_passages(reader, rows + i, end - i);
    }
}

/* -- Half-hours ------------------------------------------------------------------------------- */

/* Keeps the rows that have a figure which can be. */
static void drop_rows(struct reader *reader)
{
    size_t kept = 0;

    for (size_t i = 0; i < reader->row_count; i++) {
        const struct row *row = &reader->rows[i];

        if (row->is_left_out)
            continue;
        if (isnan(row->g_per_kwh)) {
            reader->file->counts.empty++;
        } else if (row->time_s > reader->now_s) {
            reader->file->counts.wrong++;
            complain(reader, row->line, "a figure of the future");
        } else {
            reader->rows[kept++] = *row;
        }
    }
    reader->row_count = kept;
}

/* The most final of a quarter first. The last keys make the order, and so what is complained about,
 * the same whatever the sort does. */
static int by_quarter(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;

    if (left->time_s != right->time_s)
        return left->time_s < right->time_s ? -1 : 1;
    if (left->nature != right->nature)
        return left->nature > right->nature ? -1 : 1;
    return (left->line > right->line) - (left->line < right->line);
}

/* Of COUNT rows of the same quarter, the first is the most final. Returns whether its figure
 * stands. */
static bool agree(struct reader *reader, const struct row *rows, size_t count)
{
    for (size_t i = 1; i < count && rows[i].nature == rows[0].nature; i++)
        if (rows[i].g_per_kwh != rows[0].g_per_kwh) {
            complain(reader, rows[i].line, "%g g/kWh here, %g in line %lu, for the same time",
                     rows[i].g_per_kwh, rows[0].g_per_kwh, rows[0].line);
            reader->file->counts.disputed++;
            return false;
        }
    reader->file->counts.repeated += count - 1;
    return true;
}

/* One row a quarter is left. */
static void join_quarters(struct reader *reader)
{
    struct row *rows = reader->rows;
    size_t kept = 0;
    size_t end;

    for (size_t i = 0; i < reader->row_count; i = end) {
        end = i + 1;
        while (end < reader->row_count && rows[end].time_s == rows[i].time_s)
            end++;
        if (agree(reader, rows + i, end - i))
            rows[kept++] = rows[i];
    }
    reader->row_count = kept;
}

/* The mean of the two quarters where both are as final, else the more final one. */
static struct grid_half_hour join(const struct row *first, const struct row *second)
{
    const struct row *best = second && second->nature > first->nature ? second : first;
    struct grid_half_hour half = {.start_s = first->time_s / HALF_HOUR_S * HALF_HOUR_S,
                                  .g_per_kwh = best->g_per_kwh,
                                  .nature = best->nature};

    if (second && second->nature == first->nature)
        half.g_per_kwh = (first->g_per_kwh + second->g_per_kwh) / 2;
    return half;
}

static bool join_half_hours(struct reader *reader)
{
    struct eco2mix *file = reader->file;

    file->half_hours = calloc(reader->row_count + 1, sizeof(*file->half_hours));
    for (size_t i = 0; file->half_hours && i < reader->row_count; i++) {
        const struct row *first = &reader->rows[i];
        const struct row *second = i + 1 < reader->row_count ? first + 1 : NULL;

        if (second && second->time_s / HALF_HOUR_S != first->time_s / HALF_HOUR_S)
            second = NULL;
        file->half_hours[file->count++] = join(first, second);
        i += second != NULL;
    }
    return file->half_hours != NULL;
}

/* -- Files ------------------------------------------------------------------------------------ */

static bool describe(struct eco2mix *file, const char *bytes, size_t size, const char *name,
                     int64_t now_s)
{
    struct grid_source *source = &file->source;
    const char *slash = strrchr(name, '/');
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};

    if (EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    for (size_t i = 0; i < sizeof(source->digest) / 2; i++)
        snprintf(source->digest + 2 * i, 3, "%02x", digest[i]);
    snprintf(source->name, sizeof(source->name), "%s", slash && slash[1] ? slash + 1 : name);
    for (char *c = source->name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    if (!source->name[0])
        snprintf(source->name, sizeof(source->name), "?");
    source->imported_s = now_s;
    return true;
}

struct eco2mix *eco2mix_parse(const char *bytes, size_t size, const char *name, int64_t now_s,
                              FILE *complaints)
{
    struct eco2mix *file = calloc(1, sizeof(*file));
    struct reader reader = {.name = name, .now_s = now_s, .complaints = complaints, .file = file};
    bool done = false;

    if (!file || !take_lines(&reader, (struct span){bytes, size}))
        goto out;
    file->counts.wrong = file->counts.rows - file->counts.skipped - reader.row_count;
    settle_times(&reader);
    drop_rows(&reader);
    if (reader.row_count > 0)
        qsort(reader.rows, reader.row_count, sizeof(*reader.rows), by_quarter);
    join_quarters(&reader);
    done = describe(file, bytes, size, name, now_s) && join_half_hours(&reader);
    if (!done)
        refuse(&reader, "out of memory");
    if (reader.complaint_count > MAX_COMPLAINTS)
        fprintf(complaints, "%s: and %lu more rows left out\n", name,
                reader.complaint_count - MAX_COMPLAINTS);
    if (done && file->count == 0)
        done = refuse(&reader, "no figure up to here");
out:
    free(reader.rows);
    if (done)
        return file;
    eco2mix_free(file);
    return NULL;
}

/* Returns the file's text, freed by the caller, or NULL with why in REASON. */
static char *read_text(struct bytestream *stream, size_t *size, const char **reason)
{
    char *text = NULL;
    ssize_t count = 1;

    *reason = strerror(ENOMEM);
    for (*size = 0; count > 0; *size += (size_t)count) {
        char *larger = *size <= MAX_TEXT_SIZE ? realloc(text, *size + READ_SIZE) : NULL;

        if (!larger) {
            if (*size > MAX_TEXT_SIZE)
                *reason = "larger than any éCO2mix file";
            break;
        }
        text = larger;
        count = bytestream_read(stream, (uint8_t *)text + *size, READ_SIZE);
        if (count < 0)
            *reason = bytestream_error(stream);
        if (count <= 0)
            break;
    }
    if (count == 0)
        return text;
    free(text);
    return NULL;
}

struct eco2mix *eco2mix_read(const char *path, int64_t now_s, FILE *complaints)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    struct bytestream *stream = descriptor >= 0 ? bytestream_new(descriptor, READ_SIZE) : NULL;
    const char *reason = strerror(errno);
    struct eco2mix *file = NULL;
    char *text = NULL;
    size_t size = 0;

    if (stream)
        text = read_text(stream, &size, &reason);
    if (text)
        file = eco2mix_parse(text, size, path, now_s, complaints);
    else
        fprintf(complaints, "%s: cannot read: %s\n", path, reason);
    free(text);
    bytestream_free(stream);
    if (descriptor >= 0)
        close(descriptor);
    return file;
}

void eco2mix_free(struct eco2mix *file)
{
    if (!file)
        return;
    free(file->half_hours);
    free(file);
}

const struct grid_half_hour *eco2mix_half_hours(const struct eco2mix *file, size_t *count)
{
    *count = file->count;
    return file->half_hours;
}

const struct eco2mix_counts *eco2mix_counts(const struct eco2mix *file)
{
    return &file->counts;
}

const struct grid_source *eco2mix_source(const struct eco2mix *file)
{
    return &file->source;
}
