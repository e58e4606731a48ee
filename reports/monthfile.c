/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reports/monthfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "daemon/version.h"

#define DIRECTORY      "derived"
#define FILE_MODE      0640 /* as the ledger's */
#define DIRECTORY_MODE 0750
#define LARGEST        (64 << 20) /* bytes: a century of an authority of many directions is less */
#define MANY           100000     /* rows of a month */
#define FIRST_WORDS    "# iagmeter months/"
#define FIRST_LINE                                                                                 \
    FIRST_WORDS "3 rules " MONTHSUMS_RULES " " IAGMETER_VERSION                                    \
                ": made of ledger.db, and made anew when it is deleted\n"
#define SUM "# sha256 "

/* ---- Totals, member by member ---- */

#define TRIPLE(X, member) X(member.low) X(member.central) X(member.high)
#define UNIT(name)        TRIPLE(OFFSET, activity.name)
#define OFFSET(member)    offsetof(struct month_totals, member),
static const size_t reals[] = {
    TRIPLE(OFFSET, activity.requests) TRIPLE(OFFSET, activity.tokens_in)
        TRIPLE(OFFSET, activity.tokens_out) OFFSET(activity.tokens_out_variance)
            ACTIVITY_UNITS(UNIT) OFFSET(activity.energy_j) OFFSET(activity.host_s)
                TRIPLE(OFFSET, impact.energy_kwh) TRIPLE(OFFSET, impact.gwp_use_kgco2e)
                    TRIPLE(OFFSET, impact.gwp_embodied_kgco2e) TRIPLE(OFFSET, impact.adpe_kgsb)
                        TRIPLE(OFFSET, impact.water_l) TRIPLE(OFFSET, requests_without_impact)
                            OFFSET(measured_kwh) OFFSET(unscattered_requests)
                                OFFSET(unscattered_tokens_out)};
#define REALS (sizeof(reals) / sizeof(reals[0]))
/* A member that is added and not kept would be 0 in every year. */
_Static_assert(sizeof(struct month_totals) ==
                   offsetof(struct month_totals, activity.requests) + REALS * sizeof(double),
               "every member is kept");

#define COUNTER(name) sums->coverage.name,
#define COUNTERS      (sizeof(struct coverage) / sizeof(uint64_t))

#define TO_COUNTER(name) &coverage->name,

static double *real_of(struct month_totals *totals, size_t i)
{
    return (double *)(void *)((char *)totals + reals[i]);
}

/* ---- Writing ---- */

static void write_totals(const char *id, const struct month_totals *totals, FILE *stream)
{
    const struct activity *activity = &totals->activity;
    struct month_totals copy = *totals;

    fprintf(stream, "%s\t%u\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64, id, activity->grade,
            activity->flows, activity->bytes_up, activity->bytes_down, activity->bytes_other);
    for (size_t i = 0; i < REALS; i++)
        fprintf(stream, "\t%.17g", *real_of(&copy, i));
    fputc('\n', stream);
}

static void write_rows(const struct monthsums_row *rows, size_t count, FILE *stream)
{
    for (size_t i = 0; i < count; i++)
        write_totals(rows[i].id, &rows[i].totals, stream);
}

/* A month: a line of what is said of it, one of its coverage, then vintages, the total, what is
 * folded, directions, and services. */
static void write_sums(const struct monthsums *sums, FILE *stream)
{
    const unsigned long long coverage[] = {COVERAGE_COUNTERS(COUNTER)};

    fprintf(stream, "%d\t%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d", sums->year, sums->month, sums->stamp,
            sums->withheld, sums->unused, sums->host_hidden, sums->local_counts_shown,
            (int)sums->suppressed, sums->units_of_shown);
    fprintf(stream, "\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g\t%.17g",
            sums->covered_s, sums->month_s, sums->wire.in, sums->wire.out, sums->unseen.in,
            sums->unseen.out, sums->server.in, sums->server.out, sums->tokens_with_impact);
    fprintf(stream, "\t%zu\t%zu\t%zu\n", sums->vintage_count, sums->count, sums->service_count);
    for (size_t i = 0; i < COUNTERS; i++)
        fprintf(stream, "%llu%c", coverage[i], i + 1 < COUNTERS ? '\t' : '\n');
    for (size_t i = 0; i < sums->vintage_count; i++)
        fprintf(stream, "%s\n", sums->vintages[i]);
    write_totals(MONTH_ALL, &sums->total, stream);
    write_totals(MONTH_OTHER, &sums->other, stream);
    write_rows(sums->rows, sums->count, stream);
    write_rows(sums->services, sums->service_count, stream);
}

static bool is_word(const char *text)
{
    return text[0] != '\0' && !strpbrk(text, "\t\n");
}

/* A code that would break a line is of no direction that directions.conf could have. */
static bool can_be_written(const struct monthsums *sums)
{
    bool good = sums->stamp[0] != '\0';

    for (size_t i = 0; i < sums->count; i++)
        good &= is_word(sums->rows[i].id);
    for (size_t i = 0; i < sums->service_count; i++)
        good &= is_word(sums->services[i].id);
    for (size_t i = 0; i < sums->vintage_count; i++)
        good &= is_word(sums->vintages[i]);
    return good;
}

static char *text_of(const struct monthfile *file, size_t *size)
{
    char hash[MONTHSUMS_STAMP_SIZE];
    char *text = NULL;
    FILE *stream = open_memstream(&text, size);
    bool written;

    if (!stream)
        return NULL;
    fputs(FIRST_LINE, stream);
    for (size_t i = 0; i < file->count; i++)
        if (can_be_written(file->items[i]))
            write_sums(file->items[i], stream);
    if (fflush(stream) == 0) {
        monthfile_hash(text, *size, hash);
        fprintf(stream, SUM "%s\n", hash);
    }
    written = !ferror(stream);
    if (fclose(stream) == 0 && written)
        return text;
    free(text);
    return NULL;
}

void monthfile_hash(const void *bytes, size_t size, char out[MONTHSUMS_STAMP_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    out[0] = '\0';
    if (EVP_Digest(bytes, size, digest, &length, EVP_sha256(), NULL) != 1)
        return;
    for (unsigned i = 0; i < length; i++)
        snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
}

/* The directory, made when it is not there; -1 with errno set. What root makes is given to whom the
 * state belongs, so that the daemon's user can replace it. */
static int open_directory(const char *state_directory, struct stat *owner)
{
    int state = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int directory = -1;

    if (state < 0)
        return -1;
    if (fstat(state, owner) == 0) {
        bool is_new = mkdirat(state, DIRECTORY, DIRECTORY_MODE) == 0;

        directory = openat(state, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (is_new && geteuid() == 0 && fchown(directory, owner->st_uid, owner->st_gid) != 0)
            errno = 0; /* then root alone can write there */
    }
    close(state);
    return directory;
}

static bool write_whole(int descriptor, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, text, size);

        if (written < 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return true;
}

/* Beside the old one, then renamed over it. Without synchronising: what a crash leaves half is
 * found by its checksum. */
static bool replace(const char *state_directory, const char *text, size_t size)
{
    struct stat owner;
    int directory = open_directory(state_directory, &owner);
    char name[40];
    bool done = false;
    int descriptor, reason;

    if (directory < 0)
        return false;
    snprintf(name, sizeof(name), "months.%ld.new", (long)getpid());
    unlinkat(directory, name, 0); /* of a process that died, and had the same number */
    descriptor =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (descriptor >= 0) {
        done = fchmod(descriptor, FILE_MODE) == 0 &&
               (geteuid() != 0 || fchown(descriptor, owner.st_uid, owner.st_gid) == 0) &&
               write_whole(descriptor, text, size);
        done = close(descriptor) == 0 && done &&
               renameat(directory, name, directory, strrchr(MONTHFILE_NAME, '/') + 1) == 0;
    }
    reason = errno;
    if (descriptor >= 0 && !done)
        unlinkat(directory, name, 0);
    close(directory);
    errno = reason;
    return done;
}

void monthfile_save(const char *state_directory, const struct monthfile *file, FILE *complaints)
{
    size_t size = 0;
    char *text = text_of(file, &size);

    if (text && !replace(state_directory, text, size) && errno != EACCES && errno != EPERM &&
        errno != EROFS)
        fprintf(complaints, "%s/" MONTHFILE_NAME " cannot be kept: %s\n", state_directory,
                strerror(errno));
    free(text);
}

/* ---- Reading ---- */

/* The next cell of a line, "" after the last. */
static const char *cell(char **line)
{
    const char *text = strsep(line, "\t");

    return text ? text : "";
}

static bool take_number(char **line, uint64_t most, uint64_t *out)
{
    const char *text = cell(line);
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *out <= most;
}

static bool take_real(char **line, double *out)
{
    const char *text = cell(line);
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool take_totals(char *line, char id[MONTH_ID_SIZE], struct month_totals *totals)
{
    struct activity *activity = &totals->activity;
    const char *name = line ? cell(&line) : "";
    uint64_t grade = 0, flows = 0;
    bool good = name[0] != '\0' && strlen(name) < MONTH_ID_SIZE &&
                take_number(&line, GRADE_E, &grade) && take_number(&line, UINT32_MAX, &flows) &&
                take_number(&line, UINT64_MAX, &activity->bytes_up) &&
                take_number(&line, UINT64_MAX, &activity->bytes_down) &&
                take_number(&line, UINT64_MAX, &activity->bytes_other);

    for (size_t i = 0; good && i < REALS; i++)
        good = take_real(&line, real_of(totals, i));
    activity->grade = (uint8_t)grade;
    activity->flows = (uint32_t)flows;
    if (good)
        snprintf(id, MONTH_ID_SIZE, "%s", name);
    return good && !line;
}

static bool take_flag(char **line, bool *out)
{
    uint64_t number = 0;
    bool taken = take_number(line, 1, &number);

    *out = number;
    return taken;
}

static bool take_flags(char **line, struct monthsums *sums)
{
    uint64_t suppressed = 0;
    bool good = take_flag(line, &sums->withheld) && take_flag(line, &sums->unused) &&
                take_flag(line, &sums->host_hidden) && take_flag(line, &sums->local_counts_shown) &&
                take_number(line, SUPPRESS_ALL, &suppressed) &&
                take_flag(line, &sums->units_of_shown);

    sums->suppressed = (enum suppress_result)suppressed;
    return good;
}

static bool take_counts(char **line, struct monthsums *sums)
{
    uint64_t counts[3] = {0};
    bool good = true;

    for (size_t i = 0; good && i < sizeof(counts) / sizeof(counts[0]); i++)
        good = take_number(line, MANY, &counts[i]);
    sums->vintage_count = (size_t)counts[0];
    sums->count = (size_t)counts[1];
    sums->service_count = (size_t)counts[2];
    return good && !*line;
}

static bool take_head(char *line, struct monthsums *sums)
{
    double *const figures[] = {&sums->covered_s, &sums->month_s,    &sums->wire.in,
                               &sums->wire.out,  &sums->unseen.in,  &sums->unseen.out,
                               &sums->server.in, &sums->server.out, &sums->tokens_with_impact};
    uint64_t year = 0, month = 0;
    const char *stamp;
    bool good = take_number(&line, INT_MAX, &year) && take_number(&line, 12, &month);

    stamp = cell(&line);
    good = good && strlen(stamp) == sizeof(sums->stamp) - 1 && take_flags(&line, sums);
    for (size_t i = 0; good && i < sizeof(figures) / sizeof(figures[0]); i++)
        good = take_real(&line, figures[i]);
    if (!good || !take_counts(&line, sums))
        return false;
    sums->year = (int)year;
    sums->month = (int)month;
    snprintf(sums->stamp, sizeof(sums->stamp), "%s", stamp);
    return true;
}

static bool take_coverage(char *line, struct coverage *coverage)
{
    uint64_t *const counters[] = {COVERAGE_COUNTERS(TO_COUNTER)};
    bool good = line;

    for (size_t i = 0; good && i < COUNTERS; i++)
        good = take_number(&line, UINT64_MAX, counters[i]);
    return good && !line;
}

static bool take_vintages(char **text, struct monthsums *sums)
{
    bool good = true;

    sums->vintages = calloc(sums->vintage_count + 1, sizeof(*sums->vintages));
    for (size_t i = 0; good && sums->vintages && i < sums->vintage_count; i++) {
        const char *line = strsep(text, "\n");

        good = line && line[0] && strlen(line) < sizeof(*sums->vintages);
        if (good)
            snprintf(sums->vintages[i], sizeof(*sums->vintages), "%s", line);
    }
    return good && sums->vintages;
}

/* NULL when they are not what is written there. */
static struct monthsums_row *take_rows(char **text, size_t count)
{
    struct monthsums_row *rows = calloc(count + 1, sizeof(*rows));
    bool good = rows;

    for (size_t i = 0; good && i < count; i++)
        good = take_totals(strsep(text, "\n"), rows[i].id, &rows[i].totals);
    if (good)
        return rows;
    free(rows);
    return NULL;
}

/* A month's lines, from *TEXT on. NULL when they are not what is written there. */
static struct monthsums *take_sums(char **text)
{
    struct monthsums *sums = calloc(1, sizeof(*sums));
    char id[MONTH_ID_SIZE];
    bool good = sums && take_head(strsep(text, "\n"), sums) &&
                take_coverage(strsep(text, "\n"), &sums->coverage) && take_vintages(text, sums) &&
                take_totals(strsep(text, "\n"), id, &sums->total) && strcmp(id, MONTH_ALL) == 0 &&
                take_totals(strsep(text, "\n"), id, &sums->other) && strcmp(id, MONTH_OTHER) == 0;

    if (good)
        sums->rows = take_rows(text, sums->count);
    if (good && sums->rows)
        sums->services = take_rows(text, sums->service_count);
    if (good && sums->services)
        return sums;
    monthsums_free(sums);
    return NULL;
}

/* TEXT, of SIZE bytes before its NUL, is what was written: it ends in the checksum of the rest,
 * which is cut off. */
static bool is_whole(char *text, size_t size)
{
    static const size_t length = sizeof(SUM) - 1 + MONTHSUMS_STAMP_SIZE - 1 + 1; /* of the line */
    char hash[MONTHSUMS_STAMP_SIZE];
    char *sum;

    if (size < length)
        return false;
    sum = text + size - length;
    monthfile_hash(text, size - length, hash);
    if (hash[0] == '\0' || strncmp(sum, SUM, sizeof(SUM) - 1) != 0 || text[size - 1] != '\n' ||
        strncmp(sum + sizeof(SUM) - 1, hash, sizeof(hash) - 1) != 0)
        return false;
    *sum = '\0';
    return true;
}

static const char *parse(char *text, size_t size, struct monthfile *file)
{
    char *rest = text + sizeof(FIRST_LINE) - 1;

    if (strncmp(text, FIRST_LINE, sizeof(FIRST_LINE) - 1) != 0)
        return strncmp(text, FIRST_WORDS, sizeof(FIRST_WORDS) - 1) == 0
                   ? NULL
                   : "is not what iagmeter writes there";
    if (!is_whole(text, size))
        return "is damaged";
    while (*rest) {
        struct monthsums *sums = take_sums(&rest);

        if (!sums)
            return "is not what iagmeter writes there";
        if (!monthfile_put(file, sums))
            return "does not fit into memory";
        if (!rest)
            break;
    }
    return NULL;
}

/* The whole file, with a NUL behind; NULL with errno set. */
static char *read_whole(const char *path, size_t *size)
{
    FILE *stream = fopen(path, "re");
    struct stat status;
    char *text = NULL;

    if (!stream)
        return NULL;
    errno = EFBIG;
    if (fstat(fileno(stream), &status) == 0 && status.st_size < LARGEST)
        text = calloc((size_t)status.st_size + 1, 1);
    if (text)
        *size = fread(text, 1, (size_t)status.st_size, stream);
    fclose(stream);
    return text;
}

void monthfile_load(const char *state_directory, struct monthfile *file, FILE *complaints)
{
    char path[PATH_MAX + sizeof(MONTHFILE_NAME) + 1];
    const char *problem;
    size_t size = 0;
    char *text;

    *file = (struct monthfile){0};
    snprintf(path, sizeof(path), "%s/" MONTHFILE_NAME, state_directory);
    text = read_whole(path, &size);
    if (!text && (errno == ENOENT || errno == EACCES))
        return;
    problem = text ? parse(text, size, file) : strerror(errno);
    free(text);
    if (!problem)
        return;
    monthfile_free(file);
    fprintf(complaints, "%s %s: the ledger is read instead, and it is made anew\n", path, problem);
}

const struct monthsums *monthfile_find(const struct monthfile *file, int year, int month)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->items[i]->year == year && file->items[i]->month == month)
            return file->items[i];
    return NULL;
}

bool monthfile_put(struct monthfile *file, struct monthsums *sums)
{
    struct monthsums **items;

    for (size_t i = 0; i < file->count; i++)
        if (file->items[i]->year == sums->year && file->items[i]->month == sums->month) {
            monthsums_free(file->items[i]);
            file->items[i] = sums;
            return true;
        }
    items = reallocarray(file->items, file->count + 1, sizeof(struct monthsums *));
    if (!items) {
        monthsums_free(sums);
        return false;
    }
    file->items = items;
    items[file->count++] = sums;
    return true;
}

void monthfile_free(struct monthfile *file)
{
    for (size_t i = 0; i < file->count; i++)
        monthsums_free(file->items[i]);
    free(file->items);
    *file = (struct monthfile){0};
}
