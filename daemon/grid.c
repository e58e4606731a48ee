/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/grid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_COMPLAINTS 20 /* of changed figures: a revised year is one event, not thousands */
#define MAX_GAPS       20
#define TIME_SIZE      40 /* of "2026-01-01T00:00Z", as far as snprintf() is concerned */
#define G_PER_KG       1000.0

#define FIRST_LINE "# iagmeter-grid/1\n"
#define HEADING    "start_utc\tgco2_per_kwh\tnature\tsource\n"

struct grid {
    struct grid_half_hour *half_hours; /* in ascending order of time */
    size_t count;
    struct grid_source *sources;
    unsigned source_count;
};

static const char *const nature_names[] = {
    [GRID_REAL_TIME] = "real-time",
    [GRID_CONSOLIDATED] = "consolidated",
    [GRID_DEFINITIVE] = "definitive",
};

const char *grid_nature_name(enum grid_nature nature)
{
    return nature_names[nature];
}

void grid_path(const char *state_directory, char *path, size_t size)
{
    snprintf(path, size, "%s/grid/FRA.tsv", state_directory);
}

struct grid *grid_new(void)
{
    return calloc(1, sizeof(struct grid));
}

void grid_free(struct grid *grid)
{
    if (!grid)
        return;
    free(grid->half_hours);
    free(grid->sources);
    free(grid);
}

static void format_time(int64_t time_s, char *text)
{
    time_t seconds = (time_t)time_s;
    struct tm utc;

    if (!gmtime_r(&seconds, &utc))
        memset(&utc, 0, sizeof(utc));
    snprintf(text, TIME_SIZE, "%04d-%02d-%02dT%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1,
             utc.tm_mday, utc.tm_hour, utc.tm_min);
}

/* Only what format_time() writes: of 31 February it would write something else. */
static bool parse_time(const char *text, int64_t *time_s)
{
    char again[TIME_SIZE];
    struct tm utc = {0};

    if (strlen(text) != strlen("2026-01-01T00:00Z"))
        return false;
    utc.tm_year = (int)(strtol(text, NULL, 10) - 1900);
    utc.tm_mon = (int)(strtol(text + 5, NULL, 10) - 1);
    utc.tm_mday = (int)strtol(text + 8, NULL, 10);
    utc.tm_hour = (int)strtol(text + 11, NULL, 10);
    utc.tm_min = (int)strtol(text + 14, NULL, 10);
    *time_s = timegm(&utc);
    format_time(*time_s, again);
    return strcmp(text, again) == 0;
}

/* -- Adding ----------------------------------------------------------------------------------- */

/* Returns the number of SOURCE, which a file that came here before has already; UINT_MAX when out
 * of memory. */
static unsigned add_source(struct grid *grid, const struct grid_source *source)
{
    struct grid_source *sources;
    unsigned number = 0;

    while (number < grid->source_count && strcmp(grid->sources[number].digest, source->digest) != 0)
        number++;
    if (number < grid->source_count)
        return number;
    sources = realloc(grid->sources, (number + 1) * sizeof(*sources));
    if (!sources)
        return (unsigned)-1;
    sources[number] = *source;
    grid->sources = sources;
    grid->source_count++;
    return number;
}

static void complain_of_change(const struct grid *grid, const struct grid_half_hour *before,
                               const struct grid_half_hour *after, unsigned long number,
                               FILE *complaints)
{
    char start[TIME_SIZE];

    if (number > MAX_COMPLAINTS)
        return;
    format_time(after->start_s, start);
    fprintf(complaints, "%s: %s: %g g/kWh replaces %g of %s, both %s\n",
            grid->sources[after->source].name, start, after->g_per_kwh, before->g_per_kwh,
            grid->sources[before->source].name, grid_nature_name(after->nature));
}

/* Returns what is held of one half-hour from now on. */
static struct grid_half_hour choose(const struct grid *grid, const struct grid_half_hour *before,
                                    const struct grid_half_hour *after,
                                    struct grid_changes *changes, FILE *complaints)
{
    if (after->nature < before->nature) {
        changes->kept++;
        return *before;
    }
    if (after->nature > before->nature) {
        changes->improved++;
        return *after;
    }
    if (after->g_per_kwh == before->g_per_kwh) {
        changes->same++;
        return *before;
    }
    complain_of_change(grid, before, after, ++changes->changed, complaints);
    return *after;
}

bool grid_merge(struct grid *grid, const struct grid_half_hour *half_hours, size_t count,
                const struct grid_source *source, struct grid_changes *changes, FILE *complaints)
{
    struct grid_half_hour *merged = calloc(grid->count + count + 1, sizeof(*merged));
    unsigned number = merged ? add_source(grid, source) : (unsigned)-1;
    size_t old = 0;
    size_t total = 0;

    *changes = (struct grid_changes){0};
    if (number == (unsigned)-1) {
        free(merged);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct grid_half_hour after = half_hours[i];

        after.source = number;
        while (old < grid->count && grid->half_hours[old].start_s < after.start_s)
            merged[total++] = grid->half_hours[old++];
        if (old < grid->count && grid->half_hours[old].start_s == after.start_s) {
            merged[total++] = choose(grid, &grid->half_hours[old++], &after, changes, complaints);
        } else {
            merged[total++] = after;
            changes->added++;
        }
    }
    while (old < grid->count)
        merged[total++] = grid->half_hours[old++];
    if (changes->changed > MAX_COMPLAINTS)
        fprintf(complaints, "%s: and %lu more figures replace others of the same nature\n",
                source->name, changes->changed - MAX_COMPLAINTS);
    free(grid->half_hours);
    grid->half_hours = merged;
    grid->count = total;
    return true;
}

/* -- Writing ---------------------------------------------------------------------------------- */

/* The sources that something is held of, numbered from 1. */
static void write_sources(const struct grid *grid, unsigned *numbers, FILE *stream)
{
    char imported[TIME_SIZE];
    unsigned number = 0;

    for (size_t i = 0; i < grid->count; i++)
        numbers[grid->half_hours[i].source] = 1;
    for (unsigned i = 0; i < grid->source_count; i++) {
        if (numbers[i] == 0)
            continue;
        numbers[i] = ++number;
        format_time(grid->sources[i].imported_s, imported);
        fprintf(stream, "# source\t%u\t%s\t%s\t%s\n", number, grid->sources[i].digest, imported,
                grid->sources[i].name);
    }
}

bool grid_write(const struct grid *grid, FILE *stream)
{
    unsigned *numbers = calloc(grid->source_count + 1, sizeof(*numbers));
    char start[TIME_SIZE];

    if (!numbers)
        return false;
    fputs(FIRST_LINE, stream);
    fputs(
        "# France without Corsica: direct CO2 of electricity production, g per kWh produced.\n"
        "# Written by `iagmeter import eco2mix`, of files of RTE's éCO2mix. Licence of the data:\n"
        "# Licence Ouverte 2.0 (Etalab), RTE.\n",
        stream);
    write_sources(grid, numbers, stream);
    fprintf(stream, "# half-hours\t%zu\n", grid->count);
    fputs(HEADING, stream);
    for (size_t i = 0; i < grid->count; i++) {
        const struct grid_half_hour *half = &grid->half_hours[i];

        format_time(half->start_s, start);
        fprintf(stream, "%s\t%.17g\t%s\t%u\n", start, half->g_per_kwh,
                grid_nature_name(half->nature), numbers[half->source]);
    }
    free(numbers);
    return fflush(stream) == 0 && !ferror(stream);
}

/* -- Reading ---------------------------------------------------------------------------------- */

struct reading {
    struct grid *grid;
    char *line;
    unsigned long number;
    bool has_heading;
    size_t announced; /* half-hours */
};

/* Splits the line at its tabs, in place. Returns false when it has not COUNT fields. */
static bool split(char *line, char **fields, size_t count)
{
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < count; i++) {
        fields[i] = line;
        line = strchr(line, '\t');
        if ((line == NULL) != (i + 1 == count))
            return false;
        if (line)
            *line++ = '\0';
    }
    return true;
}

static bool parse_count(const char *text, size_t most, size_t *count)
{
    char *end;

    *count = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *count <= most;
}

static bool parse_figure(const char *text, double *figure)
{
    char *end;

    *figure = strtod(text, &end);
    return end != text && *end == '\0' && *figure >= 0 && *figure <= GRID_MOST_G_PER_KWH;
}

static bool parse_nature(const char *text, enum grid_nature *nature)
{
    for (int i = GRID_REAL_TIME; i <= GRID_DEFINITIVE; i++)
        if (strcmp(text, nature_names[i]) == 0) {
            *nature = (enum grid_nature)i;
            return true;
        }
    return false;
}

/* Sources are numbered from 1, in the order of their lines. */
static bool take_source(struct reading *reading)
{
    struct grid_source source = {0};
    unsigned next = reading->grid->source_count;
    char *fields[5];
    size_t number;

    if (!split(reading->line, fields, 5) || !parse_count(fields[1], next + 1, &number) ||
        number != next + 1 || strlen(fields[2]) != sizeof(source.digest) - 1 ||
        !parse_time(fields[3], &source.imported_s) || strlen(fields[4]) >= sizeof(source.name))
        return false;
    snprintf(source.digest, sizeof(source.digest), "%s", fields[2]);
    snprintf(source.name, sizeof(source.name), "%s", fields[4]);
    return add_source(reading->grid, &source) == next;
}

/* As many as a century has at most: a damaged count must not ask for absurd memory. */
static bool take_announcement(struct reading *reading)
{
    struct grid *grid = reading->grid;
    char *fields[2];

    if (grid->half_hours || !split(reading->line, fields, 2) ||
        !parse_count(fields[1], 100UL * 366 * 48, &reading->announced))
        return false;
    grid->half_hours = calloc(reading->announced + 1, sizeof(*grid->half_hours));
    return grid->half_hours != NULL;
}

static bool take_comment(struct reading *reading)
{
    if (strncmp(reading->line, "# source\t", 9) == 0)
        return take_source(reading);
    if (strncmp(reading->line, "# half-hours\t", 13) == 0)
        return take_announcement(reading);
    return true;
}

static bool take_half_hour(struct reading *reading)
{
    struct grid *grid = reading->grid;
    struct grid_half_hour half;
    char *fields[4];
    size_t source;

    if (!split(reading->line, fields, 4) || !parse_time(fields[0], &half.start_s) ||
        !parse_figure(fields[1], &half.g_per_kwh) || !parse_nature(fields[2], &half.nature) ||
        !parse_count(fields[3], grid->source_count, &source) || source == 0)
        return false;
    if (half.start_s % HALF_HOUR_S != 0 || grid->count == reading->announced ||
        (grid->count > 0 && half.start_s <= grid->half_hours[grid->count - 1].start_s))
        return false;
    half.source = (unsigned)source - 1;
    grid->half_hours[grid->count++] = half;
    return true;
}

static bool take_line(struct reading *reading)
{
    if (++reading->number == 1)
        return strcmp(reading->line, FIRST_LINE) == 0;
    if (reading->has_heading)
        return take_half_hour(reading);
    if (reading->line[0] == '#')
        return take_comment(reading);
    reading->has_heading = strcmp(reading->line, HEADING) == 0;
    return reading->has_heading && reading->grid->half_hours;
}

struct grid *grid_read(FILE *stream, const char *name, FILE *complaints)
{
    struct reading reading = {.grid = grid_new()};
    size_t size = 0;
    bool good = reading.grid != NULL;
    ssize_t length = 0;

    errno = 0;
    while (good && (length = getline(&reading.line, &size, stream)) >= 0)
        good = reading.line[length - 1] == '\n' && strlen(reading.line) == (size_t)length &&
               take_line(&reading);
    free(reading.line);
    if (!reading.grid || ferror(stream))
        fprintf(complaints, "%s: %s\n", name, strerror(reading.grid ? errno : ENOMEM));
    else if (!good)
        fprintf(complaints, "%s:%lu: not what iagmeter writes there\n", name, reading.number);
    else if (!reading.has_heading || reading.grid->count != reading.announced)
        fprintf(complaints, "%s:%lu: ends early\n", name, reading.number + 1);
    else
        return reading.grid;
    grid_free(reading.grid);
    return NULL;
}

struct grid *grid_load(const char *path, FILE *complaints)
{
    FILE *stream = fopen(path, "re");
    struct grid *grid;

    if (!stream && errno == ENOENT)
        return grid_new();
    if (!stream) {
        fprintf(complaints, "%s: %s\n", path, strerror(errno));
        return NULL;
    }
    grid = grid_read(stream, path, complaints);
    fclose(stream);
    return grid;
}

/* -- Asking ----------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
    const struct grid_half_hour *left = a;
    const struct grid_half_hour *right = b;

    return (left->start_s > right->start_s) - (left->start_s < right->start_s);
}

static int64_t hour_of(int64_t time_s)
{
    return time_s / HOUR_S * HOUR_S;
}

bool grid_intensity(const struct grid *grid, int64_t time_s, double *kgco2_per_kwh,
                    enum grid_nature *nature)
{
    struct grid_half_hour wanted = {.start_s = hour_of(time_s)};
    const struct grid_half_hour *half =
        grid->count == 0 ? NULL
                         : bsearch(&wanted, grid->half_hours, grid->count, sizeof(*half), by_start);

    if (!half || half + 1 == grid->half_hours + grid->count ||
        half[1].start_s != half->start_s + HALF_HOUR_S)
        return false;
    *kgco2_per_kwh = (half[0].g_per_kwh + half[1].g_per_kwh) / 2 / G_PER_KG;
    *nature = half[0].nature < half[1].nature ? half[0].nature : half[1].nature;
    return true;
}

struct grid_coverage grid_cover(const struct grid *grid, int64_t from_s, int64_t until_s)
{
    struct grid_coverage coverage = {0};
    double sum = 0;

    for (int64_t hour = hour_of(from_s + HOUR_S - 1); hour < until_s; hour += HOUR_S) {
        enum grid_nature nature;
        double kgco2_per_kwh;

        if (!grid_intensity(grid, hour, &kgco2_per_kwh, &nature))
            continue;
        coverage.hours++;
        coverage.by_nature[nature]++;
        sum += kgco2_per_kwh;
    }
    if (coverage.hours > 0)
        coverage.mean_kgco2_per_kwh = sum / (double)coverage.hours;
    return coverage;
}

/* -- Printing --------------------------------------------------------------------------------- */

static int64_t year_start(int year)
{
    struct tm utc = {.tm_year = year - 1900, .tm_mday = 1};

    return timegm(&utc);
}

static int year_of(int64_t time_s)
{
    time_t seconds = (time_t)time_s;
    struct tm utc;

    return gmtime_r(&seconds, &utc) ? utc.tm_year + 1900 : 0;
}

static void print_year(const struct grid *grid, int year, FILE *stream)
{
    int64_t start = year_start(year);
    int64_t end = year_start(year + 1);
    struct grid_coverage coverage = grid_cover(grid, start, end);

    if (coverage.hours > 0)
        fprintf(stream, "%-6d %6lu %6" PRId64 " %12lu %14lu %11lu %12.1f\n", year, coverage.hours,
                (end - start) / HOUR_S, coverage.by_nature[GRID_DEFINITIVE],
                coverage.by_nature[GRID_CONSOLIDATED], coverage.by_nature[GRID_REAL_TIME],
                coverage.mean_kgco2_per_kwh * G_PER_KG);
}

static void print_gap(int64_t from, int64_t until, unsigned long number, FILE *stream)
{
    char texts[2][TIME_SIZE];

    if (number > MAX_GAPS)
        return;
    format_time(from, texts[0]);
    format_time(until, texts[1]);
    fprintf(stream, "missing: %s to %s (%" PRId64 " h)\n", texts[0], texts[1],
            (until - from) / HOUR_S);
}

/* Hours of which a half is missing are missing. */
static void print_gaps(const struct grid *grid, FILE *stream)
{
    int64_t known_until = -1;
    unsigned long gaps = 0;

    for (size_t i = 0; i < grid->count; i++) {
        int64_t hour = hour_of(grid->half_hours[i].start_s);
        enum grid_nature nature;
        double kgco2_per_kwh;

        if (!grid_intensity(grid, hour, &kgco2_per_kwh, &nature))
            continue;
        if (known_until >= 0 && hour > known_until)
            print_gap(known_until, hour, ++gaps, stream);
        known_until = hour + HOUR_S;
    }
    if (gaps > MAX_GAPS)
        fprintf(stream, "missing: and %lu times more\n", gaps - MAX_GAPS);
}

void grid_print(const struct grid *grid, FILE *stream)
{
    if (grid->count == 0) {
        fputs("no intensity of the grid is held\n", stream);
        return;
    }
    fputs("France, direct CO2 of electricity production (RTE éCO2mix), hours of UTC:\n", stream);
    fprintf(stream, "%-6s %6s %6s %12s %14s %11s %12s\n", "year", "hours", "of", "definitive",
            "consolidated", "real-time", "mean g/kWh");
    for (int year = year_of(grid->half_hours[0].start_s);
         year <= year_of(grid->half_hours[grid->count - 1].start_s); year++)
        print_year(grid, year, stream);
    print_gaps(grid, stream);
}
