/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/roundrobin.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
/* The layout of the header: it has been the same since version 3 of the format (2004), and a file
 * is compared with one just created before anything is read by it. */
#define RRD_EXPORT_DEPRECATED
#include <rrd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/calendar.h"

#define DIRECTORY_MODE 0750
#define FILE_MODE      0640
#define HOUR_S         3600
#define DAY_S          86400
#define NS_PER_S       1e9
#define MINUTE_ROWS    (2 * 1440)     /* two days */
#define FIVE_ROWS      (14 * 288)     /* two weeks of five minutes */
#define HEARTBEAT      "315360000"    /* ten years: a silence is a zero, never unknown */
#define EARLIEST_S     (3651 * DAY_S) /* librrd refuses to start a file before 1980 */
#define ARCHIVES       4
#define MAX_SOURCES    21
#define BATCH_LINES    256 /* updates for each time that a file is opened */
#define LINE_SIZE      640 /* MAX_SOURCES numbers of up to 25 characters, and the time */
#define PATH_SIZE      (PATH_MAX + 256)
#define NAME_SIZE      64

#define TRIPLE_NAMES(name) #name "_low", #name "_central", #name "_high"

/* At most 19 characters each. */
static const char *const PAIR_SOURCES[] = {TRIPLE_NAMES(requests),
                                           TRIPLE_NAMES(tokens_in),
                                           TRIPLE_NAMES(tokens_out),
                                           TRIPLE_NAMES(energy_kwh),
                                           TRIPLE_NAMES(gwp_kgco2e),
                                           TRIPLE_NAMES(water_l),
                                           "bytes_up",
                                           "bytes_down",
                                           "flows"};
static const char *const COVERAGE_SOURCES[] = {"covered_s", "packets", "packets_dropped", "bytes"};

/* What a file holds. The header is that of a file just created by librrd: but for its last part,
 * that of every file. Another layout, another version of librrd and most damage differ from it.
 * librrd itself accepts most damaged headers, and then writes outside of the file. */
struct layout {
    const char *const *sources;
    unsigned source_count;
    unsigned char *header;
    size_t fixed_size; /* of its part that never changes */
    off_t file_size;
};

enum { PAIR, COVERAGE, LAYOUTS };

struct file {
    int layout;
    char direction[NAME_SIZE];
    char service[NAME_SIZE];
    bool dirty;     /* the ledger may hold rows that the file lacks */
    bool known;     /* was examined, and was not written by others since, as far as we know */
    int64_t oldest; /* of the rows recorded since the file was last brought up to date */
    int64_t last;   /* time of the last update, 0 without a file */
};

/* Files are written in place through mmap(): a process that is killed, or a power cut, may leave
 * one half updated, and nothing in it tells. So a marker exists while files may be written, and
 * when it is found at the start, no file is trusted. */
struct roundrobin {
    char directory[PATH_MAX]; /* STATE_DIRECTORY/rrd */
    unsigned years;
    struct layout layouts[LAYOUTS];
    struct file *files;
    size_t file_count;
    bool marked;     /* the marker is there, and ours to remove */
    bool suspicious; /* it was there before us */
    bool unread;     /* the ledger could not be read: we do not know what is dirty */
    char (*lines)[LINE_SIZE];
    locale_t numbers;               /* librrd wants points, whatever the language */
    void (*working)(void *context); /* NULL: nobody waits */
    void *working_context;
    char error[2 * PATH_SIZE + 400];
};

const char *roundrobin_error(const struct roundrobin *roundrobin)
{
    return roundrobin->error;
}

/* The end of REST, "/DIRECTION/SERVICE.rrd: ..." behind our directory, that is not the pair's name;
 * NULL: it names none. */
static const char *behind_pair(const char *rest)
{
    const char *end = strstr(rest, ".rrd");

    if (!end || rest[0] != '/' || strncmp(rest, "/.new/", strlen("/.new/")) == 0 ||
        !memchr(rest + 1, '/', (size_t)(end - rest - 1)))
        return NULL;
    return end;
}

void roundrobin_reason(const struct roundrobin *roundrobin, char *out, size_t size)
{
    size_t length = strlen(roundrobin->directory);
    const char *at = roundrobin->error;
    const char *found;
    size_t used = 0;

    out[0] = '\0';
    while (used < size && (found = strstr(at, roundrobin->directory)) != NULL) {
        const char *end = behind_pair(found + length);

        used += (size_t)snprintf(out + used, size - used, "%.*s%s", (int)(found + length - at), at,
                                 end ? "/*/*" : "");
        at = end ? end : found + length;
    }
    if (used < size)
        snprintf(out + used, size - used, "%s", at);
}

/* The first reason is kept: the others mostly follow from it. Returns false. */
static bool fail(struct roundrobin *roundrobin, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct roundrobin *roundrobin, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!roundrobin->error[0])
        vsnprintf(roundrobin->error, sizeof(roundrobin->error), format, arguments);
    va_end(arguments);
    return false;
}

static bool fail_system(struct roundrobin *roundrobin, const char *doing, const char *path)
{
    return fail(roundrobin, "cannot %s %s: %s", doing, path, strerror(errno));
}

/* librrd's messages mostly name the file; it has none for a full disk. */
static bool fail_rrd(struct roundrobin *roundrobin, const char *path)
{
    fail(roundrobin, "%s: %s", path,
         rrd_test_error() ? rrd_get_error() : "librrd cannot write it (is the disk full?)");
    rrd_clear_error();
    return false;
}

static int64_t floor_to(int64_t time_s, int64_t step_s)
{
    return time_s - time_s % step_s;
}

struct roundrobin *roundrobin_new(const char *state_directory, unsigned years)
{
    struct roundrobin *roundrobin = calloc(1, sizeof(*roundrobin));

    if (!roundrobin)
        return NULL;
    roundrobin->lines = calloc(BATCH_LINES, sizeof(*roundrobin->lines));
    if (!roundrobin->lines) {
        free(roundrobin);
        return NULL;
    }
    snprintf(roundrobin->directory, sizeof(roundrobin->directory), "%s/rrd", state_directory);
    roundrobin->years = years > 0 ? years : 1;
    roundrobin->layouts[PAIR].sources = PAIR_SOURCES;
    roundrobin->layouts[PAIR].source_count = sizeof(PAIR_SOURCES) / sizeof(PAIR_SOURCES[0]);
    roundrobin->layouts[COVERAGE].sources = COVERAGE_SOURCES;
    roundrobin->layouts[COVERAGE].source_count =
        sizeof(COVERAGE_SOURCES) / sizeof(COVERAGE_SOURCES[0]);
    roundrobin->numbers = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return roundrobin;
}

void roundrobin_set_working(struct roundrobin *roundrobin, void (*working)(void *context),
                            void *context)
{
    roundrobin->working = working;
    roundrobin->working_context = context;
}

/* ---- Names ---- */

/* Names come from the ledger, which may be older than the rules of the configuration. */
static bool is_file_name(const char *name)
{
    if (!name[0] || name[0] == '.' || strlen(name) >= NAME_SIZE)
        return false;
    for (const char *c = name; *c; c++)
        if (!isascii((unsigned char)*c) ||
            (!isalnum((unsigned char)*c) && *c != '.' && *c != '_' && *c != '-'))
            return false;
    return true;
}

static void path_in(const struct roundrobin *roundrobin, const char *name, char *path)
{
    snprintf(path, PATH_SIZE, "%s/%s", roundrobin->directory, name);
}

static void path_of(const struct roundrobin *roundrobin, const struct file *file, char *path)
{
    if (file->layout == COVERAGE)
        path_in(roundrobin, "coverage.rrd", path);
    else
        snprintf(path, PATH_SIZE, "%s/%s/%s.rrd", roundrobin->directory, file->direction,
                 file->service);
}

/* Returns NULL when memory is exhausted. DIRECTION NULL is coverage. */
static struct file *find_file(struct roundrobin *roundrobin, const char *direction,
                              const char *service)
{
    struct file *files;
    struct file *file;

    for (size_t i = 0; i < roundrobin->file_count; i++) {
        file = &roundrobin->files[i];
        if (direction
                ? strcmp(file->direction, direction) == 0 && strcmp(file->service, service) == 0
                : file->layout == COVERAGE)
            return file;
    }
    files = realloc(roundrobin->files, (roundrobin->file_count + 1) * sizeof(*files));
    if (!files)
        return NULL;
    roundrobin->files = files;
    file = &files[roundrobin->file_count++];
    *file = (struct file){.layout = direction ? PAIR : COVERAGE, .oldest = INT64_MAX};
    if (direction) {
        snprintf(file->direction, sizeof(file->direction), "%s", direction);
        snprintf(file->service, sizeof(file->service), "%s", service);
    }
    return file;
}

/* ---- The directory ---- */

static bool make_directory(struct roundrobin *roundrobin, const char *path)
{
    if (mkdir(path, DIRECTORY_MODE) == 0)
        return chmod(path, DIRECTORY_MODE) == 0 || fail_system(roundrobin, "set the mode of", path);
    return errno == EEXIST || fail_system(roundrobin, "create", path);
}

/* Files are made in a directory of their own: what a killed process left is found and removed. */
static bool make_workshop(struct roundrobin *roundrobin)
{
    char path[PATH_SIZE];
    struct dirent *entry;
    DIR *directory;

    path_in(roundrobin, ".new", path);
    if (!make_directory(roundrobin, roundrobin->directory) || !make_directory(roundrobin, path))
        return false;
    directory = opendir(path);
    if (!directory)
        return fail_system(roundrobin, "read", path);
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    return true;
}

/* Returns false when what is there may not be on the disk. */
static bool synchronise(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool done;

    if (file < 0)
        return errno == ENOENT;
    done = fsync(file) == 0;
    close(file);
    return done;
}

static bool set_marker(struct roundrobin *roundrobin)
{
    char path[PATH_SIZE];
    int file;

    if (roundrobin->marked)
        return true;
    path_in(roundrobin, ".open", path);
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (file < 0 && errno != EEXIST)
        return fail_system(roundrobin, "create", path);
    roundrobin->suspicious = file < 0;
    roundrobin->marked = true;
    if (file >= 0)
        close(file);
    synchronise(roundrobin->directory);
    return true;
}

/* What fsync() does first, for files whose turn comes later: so that they do not wait one for
 * another, but for the disk once. */
static bool begin_to_synchronise(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return errno == ENOENT;
    sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE); /* where it fails, fsync() does it all */
    close(file);
    return true;
}

static bool for_each_path(const struct roundrobin *roundrobin, bool (*function)(const char *path))
{
    char path[PATH_SIZE];
    bool done = true;

    for (size_t i = 0; i < roundrobin->file_count; i++) {
        path_of(roundrobin, &roundrobin->files[i], path);
        done = function(path) && done;
    }
    return done;
}

static void clear_marker(struct roundrobin *roundrobin)
{
    char path[PATH_SIZE];

    if (!roundrobin->marked || roundrobin->suspicious)
        return;
    for_each_path(roundrobin, begin_to_synchronise);
    if (!for_each_path(roundrobin, synchronise))
        return; /* the marker stays: the next one trusts no file */
    path_in(roundrobin, ".open", path);
    unlink(path);
}

void roundrobin_free(struct roundrobin *roundrobin)
{
    if (!roundrobin)
        return;
    clear_marker(roundrobin);
    for (int i = 0; i < LAYOUTS; i++)
        free(roundrobin->layouts[i].header);
    if (roundrobin->numbers)
        freelocale(roundrobin->numbers);
    free(roundrobin->files);
    free(roundrobin->lines);
    free(roundrobin);
}

/* ---- Layout ---- */

static unsigned long archive_rows(const struct roundrobin *roundrobin, int archive)
{
    const unsigned long rows[ARCHIVES] = {MINUTE_ROWS, FIVE_ROWS, 366UL * 24 * roundrobin->years,
                                          366UL * roundrobin->years};

    return rows[archive];
}

/* How much of a row must be known makes no difference, because nothing is ever unknown: a file
 * begins at midnight UTC, and silences are zeros. 0 is the honest choice should that ever fail: a
 * hole, where anything above 0 would stretch the known part over the whole row. */
static bool create_by_librrd(struct roundrobin *roundrobin, const struct layout *layout,
                             const char *path, int64_t start)
{
    static const unsigned minutes[ARCHIVES] = {1, 5, 60, 1440};
    char text[MAX_SOURCES + ARCHIVES][64];
    const char *arguments[MAX_SOURCES + ARCHIVES];
    int count = 0;

    for (unsigned i = 0; i < layout->source_count; i++, count++)
        snprintf(text[count], sizeof(text[0]), "DS:%s:ABSOLUTE:" HEARTBEAT ":U:U",
                 layout->sources[i]);
    for (int i = 0; i < ARCHIVES; i++, count++)
        snprintf(text[count], sizeof(text[0]), "RRA:AVERAGE:0:%u:1", minutes[i]);
    for (int i = 0; i < count; i++)
        arguments[i] = text[i];
    rrd_clear_error();
    if (rrd_create_r(path, INTERVAL_S, (time_t)start, count, arguments) != 0)
        return fail_rrd(roundrobin, path);
    if (chmod(path, FILE_MODE) != 0)
        return fail_system(roundrobin, "set the mode of", path);
    return true;
}

static void workshop_path(const struct roundrobin *roundrobin, char *path)
{
    snprintf(path, PATH_SIZE, "%s/.new/%ld.rrd", roundrobin->directory, (long)getpid());
}

static size_t fixed_header_size(const struct layout *layout)
{
    return sizeof(stat_head_t) + layout->source_count * sizeof(ds_def_t) +
           ARCHIVES * sizeof(rra_def_t);
}

static size_t header_size(const struct layout *layout)
{
    return fixed_header_size(layout) + sizeof(live_head_t) +
           layout->source_count * (sizeof(pdp_prep_t) + ARCHIVES * sizeof(cdp_prep_t)) +
           ARCHIVES * sizeof(rra_ptr_t);
}

/* A file that begins at START, midnight UTC: the header that librrd made for another midnight, with
 * that time in it, and rows of zeros, which is what was recorded before. librrd would write each
 * of the 9 MB instead, and a replay may find a hundred pairs. Room on the disk is taken at once:
 * librrd writes through mmap(), where a full disk is no error but a signal. */
static bool create_rrd(struct roundrobin *roundrobin, const struct layout *layout, const char *path,
                       int64_t start)
{
    size_t live_at = fixed_header_size(layout) + offsetof(live_head_t, last_up);
    const time_t last_up = (time_t)start;
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    int problem;

    if (file < 0)
        return fail_system(roundrobin, "create", path);
    problem = posix_fallocate(file, 0, layout->file_size);
    if (problem == 0 &&
        (pwrite(file, layout->header, header_size(layout), 0) != (ssize_t)header_size(layout) ||
         pwrite(file, &last_up, sizeof(last_up), (off_t)live_at) != (ssize_t)sizeof(last_up) ||
         fchmod(file, FILE_MODE) != 0))
        problem = errno;
    close(file);
    errno = problem;
    return problem == 0 || fail_system(roundrobin, "write", path);
}

/* Reads the whole header. Returns NULL, or why the file cannot be an RRD file of ours. */
static const char *read_header(const char *path, const struct layout *layout, unsigned char *header,
                               off_t *file_size)
{
    size_t size = header_size(layout);
    const char *problem = NULL;
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (file < 0)
        return errno == ENOENT ? "" : strerror(errno);
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        problem = "it is not a regular file";
    else if (pread(file, header, size, 0) != (ssize_t)size)
        problem = "it is too short to be an RRD file";
    else
        *file_size = status.st_size;
    close(file);
    return problem;
}

static off_t rows_size(const struct layout *layout, unsigned long rows)
{
    return (off_t)(rows * layout->source_count * sizeof(rrd_value_t));
}

/* The header of a file of one row an archive, SIZE bytes long, becomes that of one of all. Returns
 * NULL, or why it cannot. */
static const char *widen_header(const struct roundrobin *roundrobin, struct layout *layout,
                                unsigned char *header, off_t size)
{
    unsigned char *archives =
        header + sizeof(stat_head_t) + layout->source_count * sizeof(ds_def_t);

    layout->file_size = (off_t)header_size(layout);
    if (size != layout->file_size + rows_size(layout, ARCHIVES))
        return "librrd and rrd_format.h disagree";
    for (int i = 0; i < ARCHIVES; i++) {
        rra_def_t archive;

        memcpy(&archive, archives + (size_t)i * sizeof(archive), sizeof(archive));
        archive.row_cnt = archive_rows(roundrobin, i);
        memcpy(archives + (size_t)i * sizeof(archive), &archive, sizeof(archive));
        layout->file_size += rows_size(layout, archive.row_cnt);
    }
    return NULL;
}

static bool learn_layout(struct roundrobin *roundrobin, struct layout *layout)
{
    unsigned char *header;
    char path[PATH_SIZE];
    const char *problem;
    off_t size = 0;

    if (layout->header)
        return true;
    header = malloc(header_size(layout));
    if (!header)
        return fail(roundrobin, "out of memory");
    workshop_path(roundrobin, path);
    if (!create_by_librrd(roundrobin, layout, path, EARLIEST_S)) {
        free(header);
        return false;
    }
    problem = read_header(path, layout, header, &size);
    unlink(path);
    if (!problem)
        problem = widen_header(roundrobin, layout, header, size);
    if (problem) {
        free(header);
        return fail(roundrobin, "cannot read %s back: %s", path, problem);
    }
    layout->header = header;
    layout->fixed_size = fixed_header_size(layout);
    return true;
}

/* The part of the header that changes: when last written, and the row of each archive. */
static const char *check_state(const struct roundrobin *roundrobin, const struct layout *layout,
                               const unsigned char *header, int64_t *last)
{
    const unsigned char *rows = header + header_size(layout) - ARCHIVES * sizeof(rra_ptr_t);
    live_head_t live;

    memcpy(&live, header + fixed_header_size(layout), sizeof(live));
    for (int i = 0; i < ARCHIVES; i++) {
        rra_ptr_t row;

        memcpy(&row, rows + (size_t)i * sizeof(row), sizeof(row));
        if (row.cur_row >= archive_rows(roundrobin, i))
            return "its header is damaged";
    }
    if (live.last_up < EARLIEST_S || live.last_up % INTERVAL_S != 0 || live.last_up_usec != 0)
        return "its header is damaged";
    *last = live.last_up;
    return NULL;
}

/* Returns NULL, or why the file must be made anew; "" when there is none. */
static const char *examine(const struct roundrobin *roundrobin, const struct file *file,
                           const char *path, int64_t *last)
{
    const struct layout *layout = &roundrobin->layouts[file->layout];
    unsigned char *header = malloc(header_size(layout));
    const char *problem;
    off_t file_size = 0;

    if (!header)
        return "out of memory";
    problem = read_header(path, layout, header, &file_size);
    if (!problem && memcmp(header, layout->header, sizeof(((stat_head_t *)0)->cookie)) != 0)
        problem = "it is not an RRD file";
    else if (!problem && memcmp(header, layout->header, layout->fixed_size) != 0)
        problem = "its header is damaged, or of another layout";
    else if (!problem && file_size != layout->file_size)
        problem = "it was cut off";
    if (!problem)
        problem = check_state(roundrobin, layout, header, last);
    free(header);
    return problem;
}

/* ---- Writing one file ---- */

struct writer {
    struct roundrobin *roundrobin;
    const struct layout *layout;
    char path[PATH_SIZE];
    bool created;
    bool failed;
    int64_t last;
    int count;
    /* Hours that end by here are written as a whole: the archives with shorter rows do not go back
     * so far, and the sums are the same. */
    int64_t fine_from;
    bool has_hour;
    int64_t hour;
    double sums[MAX_SOURCES];
};

static void flush(struct writer *writer)
{
    const char *arguments[BATCH_LINES];

    for (int i = 0; i < writer->count; i++)
        arguments[i] = writer->roundrobin->lines[i];
    rrd_clear_error();
    if (writer->count > 0 && !writer->failed &&
        rrd_update_r(writer->path, NULL, writer->count, arguments) != 0)
        writer->failed = !fail_rrd(writer->roundrobin, writer->path);
    writer->count = 0;
}

/* VALUES NULL: zeros. */
static void write_line(struct writer *writer, int64_t time_s, const double *values)
{
    char *line = writer->roundrobin->lines[writer->count++];
    size_t used = (size_t)snprintf(line, LINE_SIZE, "%lld", (long long)time_s);

    for (unsigned i = 0; i < writer->layout->source_count; i++)
        used += (size_t)snprintf(line + used, LINE_SIZE - used, ":%.17g", values ? values[i] : 0);
    writer->last = time_s;
    if (writer->count == BATCH_LINES)
        flush(writer);
}

/* A data source of type ABSOLUTE spreads a value over the time since the last update: a zero first
 * leaves the silence empty. */
static void write_span(struct writer *writer, int64_t start, int64_t length_s, const double *values)
{
    if (start > writer->last)
        write_line(writer, start, NULL);
    write_line(writer, start + length_s, values);
}

static void write_hour(struct writer *writer)
{
    if (writer->has_hour)
        write_span(writer, writer->hour, HOUR_S, writer->sums);
    writer->has_hour = false;
}

/* Rows come in ascending order. Returns false to stop. */
static bool write_row(struct writer *writer, int64_t start, const double *values)
{
    int64_t hour = floor_to(start, HOUR_S);

    if (!writer->created) {
        writer->last = floor_to(start, DAY_S);
        writer->failed =
            !create_rrd(writer->roundrobin, writer->layout, writer->path, writer->last);
        writer->created = true;
    }
    if (writer->has_hour && writer->hour != hour)
        write_hour(writer);
    if (hour + HOUR_S > writer->fine_from) {
        write_span(writer, start, INTERVAL_S, values);
        return !writer->failed;
    }
    if (!writer->has_hour)
        memset(writer->sums, 0, sizeof(writer->sums));
    writer->has_hour = true;
    writer->hour = hour;
    for (unsigned i = 0; i < writer->layout->source_count; i++)
        writer->sums[i] += values[i];
    return !writer->failed;
}

static double *put_triple(double *values, struct triple triple)
{
    *values++ = triple.low;
    *values++ = triple.central;
    *values++ = triple.high;
    return values;
}

static bool write_activity(void *context, const struct ledger_row *row)
{
    const struct activity *activity = &row->activity;
    const struct impact *impact = &row->impact;
    double values[MAX_SOURCES];
    double *next = values;

    next = put_triple(next, activity->requests);
    next = put_triple(next, activity->tokens_in);
    next = put_triple(next, activity->tokens_out);
    next = put_triple(next, impact->energy_kwh);
    next = put_triple(next, triple_add(impact->gwp_use_kgco2e, impact->gwp_embodied_kgco2e));
    next = put_triple(next, impact->water_l);
    *next++ = (double)activity->bytes_up;
    *next++ = (double)activity->bytes_down;
    *next++ = activity->flows;
    return write_row(context, row->interval_start, values);
}

static bool write_coverage(void *context, const struct ledger_coverage_row *row)
{
    const struct coverage *coverage = &row->coverage;
    const double values[] = {(double)coverage->covered_ns / NS_PER_S, (double)coverage->packets,
                             (double)coverage->packets_dropped, (double)coverage->bytes};

    return write_row(context, row->interval_start, values);
}

static bool write_rows(struct writer *writer, struct ledger *ledger, const struct file *file,
                       int64_t from, int64_t until)
{
    enum ledger_status status =
        file->layout == COVERAGE
            ? ledger_visit_coverage(ledger, from, until, write_coverage, writer)
            : ledger_visit(ledger, from, until, file->direction, file->service, write_activity,
                           writer);

    if (status != LEDGER_OK && status != LEDGER_EMPTY)
        return fail(writer->roundrobin, "cannot read the ledger: %s", ledger_error(ledger));
    write_hour(writer);
    return !writer->failed;
}

static bool append_file(struct roundrobin *roundrobin, struct ledger *ledger, struct file *file,
                        int64_t until)
{
    struct writer writer = {.roundrobin = roundrobin,
                            .layout = &roundrobin->layouts[file->layout],
                            .created = true,
                            .last = file->last,
                            .fine_from = INT64_MIN};

    path_of(roundrobin, file, writer.path);
    if (!write_rows(&writer, ledger, file, file->last, until))
        return false;
    flush(&writer);
    if (!writer.failed)
        file->last = writer.last;
    return !writer.failed;
}

/* Puts the finished file where it belongs. */
static bool install_file(struct roundrobin *roundrobin, const struct file *file,
                         const struct writer *writer)
{
    char path[PATH_SIZE];
    char directory[PATH_SIZE];

    path_of(roundrobin, file, path);
    if (!writer->created)
        return unlink(path) == 0 || errno == ENOENT || fail_system(roundrobin, "remove", path);
    if (file->layout == PAIR) {
        path_in(roundrobin, file->direction, directory);
        if (!make_directory(roundrobin, directory))
            return false;
    }
    /* While the marker stands, a crash has all files made anew: none need be on the disk yet. */
    if (!roundrobin->marked)
        synchronise(writer->path);
    return rename(writer->path, path) == 0 || fail_system(roundrobin, "replace", path);
}

static bool rebuild_file(struct roundrobin *roundrobin, struct ledger *ledger, struct file *file,
                         int64_t until)
{
    struct writer writer = {.roundrobin = roundrobin,
                            .layout = &roundrobin->layouts[file->layout],
                            .fine_from = until - FIVE_ROWS * 5 * INTERVAL_S};
    int64_t from = floor_to(until, DAY_S) - 366LL * DAY_S * roundrobin->years;
    bool done;

    workshop_path(roundrobin, writer.path);
    done = write_rows(&writer, ledger, file, from > EARLIEST_S ? from : EARLIEST_S, until);
    /* So that the short rows are those of the last days, and not of the last days with activity,
     * of which some may have been written as hours. */
    if (done && writer.created && writer.last < until)
        write_line(&writer, until, NULL);
    if (done)
        flush(&writer);
    done = done && !writer.failed && install_file(roundrobin, file, &writer);
    if (done)
        file->last = writer.created ? writer.last : 0;
    else
        unlink(writer.path);
    return done;
}

/* ---- Bringing files up to date ---- */

static bool must_rebuild(struct roundrobin *roundrobin, struct file *file, int64_t until,
                         char *notice, size_t notice_size)
{
    const char *problem;
    char path[PATH_SIZE];

    if (!file->known) {
        path_of(roundrobin, file, path);
        problem = examine(roundrobin, file, path, &file->last);
        if (problem && problem[0] && !notice[0])
            snprintf(notice, notice_size, "%s was made anew: %s", path, problem);
        if (problem || roundrobin->suspicious)
            return true;
    }
    return file->last == 0 || file->last > until || file->oldest < file->last;
}

/* What cannot be appended can be made anew. Of files that were found damaged, the first is told
 * even when all went well. */
static bool bring_up(struct roundrobin *roundrobin, struct ledger *ledger, struct file *file,
                     int64_t until, char *notice, size_t notice_size)
{
    bool done;

    if (file->layout == PAIR && (!is_file_name(file->direction) || !is_file_name(file->service)))
        return fail(roundrobin, "\"%s/%s\" cannot name a file", file->direction, file->service);
    if (!learn_layout(roundrobin, &roundrobin->layouts[file->layout]))
        return false;
    if (must_rebuild(roundrobin, file, until, notice, notice_size))
        done = rebuild_file(roundrobin, ledger, file, until);
    else
        done = append_file(roundrobin, ledger, file, until);
    file->known = done;
    if (done) {
        file->dirty = false;
        file->oldest = INT64_MAX;
    }
    return done;
}

static unsigned bring_all_up(struct roundrobin *roundrobin, struct ledger *ledger, int64_t until)
{
    locale_t previous = uselocale(roundrobin->numbers);
    char notice[sizeof(roundrobin->error)] = "";
    unsigned failed = 0;

    for (size_t i = 0; i < roundrobin->file_count; i++) {
        struct file *file = &roundrobin->files[i];

        if (!file->dirty)
            continue;
        if (!bring_up(roundrobin, ledger, file, until, notice, sizeof(notice)))
            failed++;
        if (roundrobin->working)
            roundrobin->working(roundrobin->working_context);
    }
    uselocale(previous);
    if (failed == 0)
        snprintf(roundrobin->error, sizeof(roundrobin->error), "%s", notice);
    return failed;
}

static unsigned count_dirty(const struct roundrobin *roundrobin)
{
    unsigned count = 0;

    for (size_t i = 0; i < roundrobin->file_count; i++)
        count += roundrobin->files[i].dirty;
    return count ? count : 1;
}

static bool mark(struct roundrobin *roundrobin, const char *direction, const char *service,
                 int64_t interval_start)
{
    struct file *file = find_file(roundrobin, direction, service);

    if (!file)
        return fail(roundrobin, "out of memory");
    file->dirty = true;
    if (interval_start < file->oldest)
        file->oldest = interval_start;
    return true;
}

static bool mark_row(void *context, const struct ledger_row *row)
{
    return mark(context, row->direction, row->service, row->interval_start);
}

static bool mark_coverage(void *context, const struct ledger_coverage_row *row)
{
    return mark(context, NULL, NULL, row->interval_start);
}

static bool mark_pair(void *context, const char *direction, const char *service)
{
    return mark(context, direction, service, INT64_MAX);
}

static bool mark_interval(struct roundrobin *roundrobin, struct ledger *ledger,
                          int64_t interval_start)
{
    int64_t until = interval_start + INTERVAL_S;
    enum ledger_status status =
        ledger_visit(ledger, interval_start, until, NULL, NULL, mark_row, roundrobin);

    if (status == LEDGER_OK || status == LEDGER_EMPTY)
        status = ledger_visit_coverage(ledger, interval_start, until, mark_coverage, roundrobin);
    if (status == LEDGER_OK || status == LEDGER_EMPTY)
        return !roundrobin->error[0];
    return fail(roundrobin, "cannot read the ledger: %s", ledger_error(ledger));
}

static bool mark_all(struct roundrobin *roundrobin, struct ledger *ledger)
{
    enum ledger_status status = ledger_visit_pairs(ledger, mark_pair, roundrobin);

    if (status != LEDGER_OK && status != LEDGER_EMPTY)
        return fail(roundrobin, "cannot read the ledger: %s", ledger_error(ledger));
    return !roundrobin->error[0] && mark(roundrobin, NULL, NULL, INT64_MAX);
}

unsigned roundrobin_catch_up(struct roundrobin *roundrobin, struct ledger *ledger, int64_t until)
{
    unsigned failed;

    roundrobin->error[0] = '\0';
    roundrobin->unread = !mark_all(roundrobin, ledger);
    if (roundrobin->unread || !make_workshop(roundrobin) || !set_marker(roundrobin))
        return count_dirty(roundrobin);
    failed = bring_all_up(roundrobin, ledger, floor_to(until, INTERVAL_S));
    if (failed == 0)
        roundrobin->suspicious = false;
    return failed;
}

void roundrobin_note(struct roundrobin *roundrobin, struct ledger *ledger, int64_t interval_start)
{
    roundrobin->error[0] = '\0';
    if (interval_start >= EARLIEST_S && !roundrobin->unread)
        roundrobin->unread = !mark_interval(roundrobin, ledger, interval_start);
}

unsigned roundrobin_update(struct roundrobin *roundrobin, struct ledger *ledger,
                           int64_t interval_start)
{
    /* A machine without a battery starts in 1970: that is in the ledger, but on no graph. */
    if (interval_start < EARLIEST_S)
        return 0;
    if (roundrobin->unread)
        return roundrobin_catch_up(roundrobin, ledger, interval_start + INTERVAL_S);
    roundrobin_note(roundrobin, ledger, interval_start);
    if (roundrobin->unread || (!roundrobin->marked && !make_workshop(roundrobin)) ||
        !set_marker(roundrobin))
        return count_dirty(roundrobin);
    return bring_all_up(roundrobin, ledger, interval_start + INTERVAL_S);
}

unsigned roundrobin_rebuild(struct roundrobin *roundrobin, struct ledger *ledger, int64_t until,
                            unsigned *files)
{
    unsigned failed;

    *files = 0;
    roundrobin->error[0] = '\0';
    if (!mark_all(roundrobin, ledger) || !make_workshop(roundrobin))
        return count_dirty(roundrobin);
    for (size_t i = 0; i < roundrobin->file_count; i++) {
        roundrobin->files[i].known = true;
        roundrobin->files[i].last = 0;
    }
    failed = bring_all_up(roundrobin, ledger, floor_to(until, INTERVAL_S));
    for (size_t i = 0; i < roundrobin->file_count; i++)
        *files += !roundrobin->files[i].dirty && roundrobin->files[i].last > 0;
    return failed;
}

/* ---- Reading ---- */

static bool sum_column(struct roundrobin *roundrobin, const char *path, char **names,
                       unsigned long count, const char *data_source, unsigned long *column)
{
    for (*column = 0; *column < count; (*column)++)
        if (strcmp(names[*column], data_source) == 0)
            return true;
    return fail(roundrobin, "%s has no data source %s", path, data_source);
}

/* Adds the rows of STEP_S seconds that lie in [from, until). */
static bool add_rows(struct roundrobin *roundrobin, const char *path, const char *data_source,
                     unsigned long step_s, int64_t from, int64_t until, double *total)
{
    time_t start = (time_t)from;
    time_t end = (time_t)until;
    unsigned long step = step_s;
    unsigned long count, column;
    rrd_value_t *data;
    char **names;
    bool done;

    if (from >= until)
        return true;
    rrd_clear_error();
    if (rrd_fetch_r(path, "AVERAGE", &start, &end, &step, &count, &names, &data) != 0)
        return fail_rrd(roundrobin, path);
    /* Too early a start silently returns the rows of another archive. */
    done = step == step_s || fail(roundrobin, "%s does not go back so far", path);
    done = done && sum_column(roundrobin, path, names, count, data_source, &column);
    for (int64_t row = 0; done && start + (row + 1) * (int64_t)step <= until; row++) {
        double rate = data[(size_t)row * count + column];

        /* A row's time is its end. Before the file begins, rows are unknown. */
        if (start + (row + 1) * (int64_t)step > from && !isnan(rate))
            *total += rate * (double)step;
    }
    for (unsigned long i = 0; i < count; i++)
        rrd_freemem(names[i]);
    rrd_freemem(names);
    rrd_freemem(data);
    return done;
}

bool roundrobin_total(struct roundrobin *roundrobin, const char *direction, const char *service,
                      const char *data_source, int64_t from, int64_t until, double *total)
{
    struct file file = {.layout = direction ? PAIR : COVERAGE};
    char path[PATH_SIZE];
    int64_t last, minutes_from, hour;

    *total = 0;
    roundrobin->error[0] = '\0';
    if (direction && (!is_file_name(direction) || !is_file_name(service)))
        return fail(roundrobin, "\"%s/%s\" cannot name a file", direction, service);
    if (direction) {
        snprintf(file.direction, sizeof(file.direction), "%s", direction);
        snprintf(file.service, sizeof(file.service), "%s", service);
    }
    path_of(roundrobin, &file, path);
    rrd_clear_error();
    last = rrd_last_r(path);
    if (last < 0)
        return fail_rrd(roundrobin, path);
    if (until > last)
        until = last; /* nothing happened since */
    minutes_from = last - MINUTE_ROWS * INTERVAL_S;
    if (from >= minutes_from)
        return add_rows(roundrobin, path, data_source, INTERVAL_S, from, until, total);
    hour = floor_to(until, HOUR_S);
    if (from % HOUR_S != 0 || (hour != until && hour < minutes_from))
        return fail(roundrobin, "%s keeps whole hours only for that time", path);
    return add_rows(roundrobin, path, data_source, HOUR_S, from, hour, total) &&
           add_rows(roundrobin, path, data_source, INTERVAL_S, hour, until, total);
}
