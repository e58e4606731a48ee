/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/import.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/directions.h"

#define MAX_COMPLAINTS 20 /* a wrong file is one mistake, not thousands */

enum category { CATEGORY_AI, CATEGORY_DOH, CATEGORY_COUNT };

static const char *const category_names[] = {"ai", "doh"};

struct counts {
    unsigned long lines; /* that hold something */
    unsigned long taken;
    unsigned long addresses;       /* of the lines, those that hold no name; */
    unsigned long taken_addresses; /* so many of them were taken */
    unsigned long known;
    unsigned long repeated;
    unsigned long other_addresses; /* of no resolver: left out */
    unsigned long pages;
    unsigned long wrong;
};

struct import {
    /* What was taken, as the daemon will see it: hosts of service 0, and resolvers by name and by
     * address. */
    struct catalogue *found;
    const struct catalogue *known;
    struct counts counts[CATEGORY_COUNT];
    bool read[CATEGORY_COUNT];
    time_t newest; /* modification time of the lists, in seconds of Unix time */
    FILE *complaints;
    unsigned long complaint_count;
};

/* A line, and where it stands. */
struct line {
    char *text;
    const char *path;
    unsigned long number;
    enum category category;
    bool is_url;
};

/* -- Reading ---------------------------------------------------------------------------------- */

static void complain(struct import *import, const struct line *line, const char *problem)
{
    import->counts[line->category].wrong++;
    if (import->complaint_count++ < MAX_COMPLAINTS)
        fprintf(import->complaints, "%s:%lu: %s: skipped\n", line->path, line->number, problem);
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    size_t length;

    text += strspn(text, " \t\r\n");
    length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* The host of a URL (RFC 3986, 3.2), whose scheme may be left out; in place. Sets *IS_PAGE when
 * more follows than the path of the whole site. */
static char *host_of_url(char *url, bool *is_page)
{
    char *scheme = strstr(url, "://");
    char *host = scheme ? scheme + 3 : url;
    char *path = host + strcspn(host, "/?#");
    char *at;

    *is_page = path[0] != '\0' && strcmp(path, "/") != 0;
    path[0] = '\0';
    at = strrchr(host, '@');
    host = at ? at + 1 : host;
    if (host[0] == '[') { /* an IPv6 address */
        host[strcspn(host, "]")] = '\0';
        return host + 1;
    }
    host[strcspn(host, ":")] = '\0';
    return host;
}

static bool read_address(const char *text, struct address *address)
{
    unsigned length;

    return !strchr(text, '/') && !directions_parse_prefix(text, address, &length);
}

static bool has_name(const struct catalogue *catalogue, enum category category, const char *name)
{
    if (category == CATEGORY_DOH)
        return catalogue_is_resolver(catalogue, name, strlen(name));
    return catalogue_match(catalogue, name, strlen(name)).service != SERVICE_NONE;
}

/* A URL is of one host: nothing below it is meant. */
static const char *add(struct import *import, const struct line *line, const char *name)
{
    char pattern[HOST_PATTERN_SIZE + 1];

    if (strchr(name, '*'))
        return "invalid character in host";
    if (snprintf(pattern, sizeof(pattern), "%s%s", line->is_url ? "" : ".", name) >=
        (int)sizeof(pattern))
        return "host longer than 253 characters";
    if (line->category == CATEGORY_DOH)
        return catalogue_add_resolver(import->found, pattern);
    return catalogue_add_host(import->found, pattern, 0, ROLE_SHARED);
}

/* PROBLEM is why the catalogue refused the line, NULL when it did not. */
static void account_for(struct import *import, const struct line *line, const char *problem)
{
    struct counts *counts = &import->counts[line->category];

    if (!problem)
        counts->taken++;
    else if (strncmp(problem, "duplicate ", strlen("duplicate ")) == 0)
        counts->repeated++;
    else
        complain(import, line, problem);
}

/* Resolvers are asked by their bare addresses, too; of a site nobody knows what else is there. */
static void take_address(struct import *import, const struct line *line, const char *text,
                         const struct address *address)
{
    struct counts *counts = &import->counts[line->category];
    const char *problem;

    counts->addresses++;
    if (line->category != CATEGORY_DOH) {
        counts->other_addresses++;
    } else if (catalogue_is_resolver_address(import->known, address)) {
        counts->known++;
    } else {
        problem = catalogue_add_resolver_address(import->found, text);
        counts->taken_addresses += !problem;
        account_for(import, line, problem);
    }
}

/* A page of a site (google.com/ai) says nothing of what else its host carries, and of a connection
 * only the host is seen: it is left out. */
static void take_line(struct import *import, const struct line *line)
{
    struct counts *counts = &import->counts[line->category];
    struct address address;
    bool is_page = false;
    const char *name = line->is_url ? host_of_url(line->text, &is_page) : line->text;

    counts->lines++;
    if (is_page && name[0] != '\0') {
        counts->pages++;
        return;
    }
    if (read_address(name, &address)) {
        take_address(import, line, name, &address);
        return;
    }
    if (has_name(import->known, line->category, name)) {
        counts->known++;
        return;
    }
    /* The domains are all read before, so the order of lines has no say in it. */
    if (line->is_url && has_name(import->found, line->category, name)) {
        counts->repeated++;
        return;
    }
    account_for(import, line, add(import, line, name));
}

/* Editors put a byte order mark before the first line. */
static char *skip_mark(const struct line *line, char *text)
{
    static const char mark[] = "\xef\xbb\xbf";

    return line->number == 1 && strncmp(text, mark, strlen(mark)) == 0 ? text + strlen(mark) : text;
}

static bool read_lines(struct import *import, struct line *line, FILE *stream)
{
    char *buffer = NULL;
    size_t size = 0;
    ssize_t length;

    errno = 0;
    while ((length = getline(&buffer, &size, stream)) >= 0) {
        bool whole = strlen(buffer) == (size_t)length; /* no NUL within */

        line->number++;
        line->text = trim(skip_mark(line, buffer));
        if (!whole) {
            import->counts[line->category].lines++;
            complain(import, line, "invalid character in host");
        } else if (line->text[0] != '\0' && line->text[0] != '#') {
            take_line(import, line);
        }
    }
    free(buffer);
    return feof(stream) != 0;
}

/* Reads DIRECTORY/NAME, which may be absent. Returns false when it is there and cannot be read. */
static bool read_list(struct import *import, const char *directory, enum category category,
                      const char *name)
{
    char path[PATH_MAX];
    struct line line = {.path = path, .category = category, .is_url = strcmp(name, "urls") == 0};
    struct stat status;
    FILE *stream;
    bool done;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    stream = fopen(path, "re");
    if (!stream && (errno == ENOENT || errno == ENOTDIR))
        return true;
    done = stream && fstat(fileno(stream), &status) == 0 && read_lines(import, &line, stream);
    if (!done)
        fprintf(import->complaints, "%s: cannot read: %s\n", path, strerror(errno));
    else if (status.st_mtime > import->newest)
        import->newest = status.st_mtime;
    if (stream)
        fclose(stream);
    import->read[category] = true;
    return done;
}

/* A list without any name was cut off, or is another file: what an earlier import took of it is not
 * given up for that. */
static bool has_something(struct import *import, const char *directory, enum category category)
{
    const struct counts *counts = &import->counts[category];

    if (!import->read[category] || counts->lines > counts->wrong)
        return true;
    fprintf(import->complaints,
            "%s: no line of the category %s holds a name: nothing is imported\n", directory,
            category_names[category]);
    return false;
}

/* What does not fit beside the rest of the catalogue would keep the daemon from starting. */
static bool has_room(struct import *import, const char *directory)
{
    uint32_t known = catalogue_pattern_count(import->known);

    if (known + catalogue_pattern_count(import->found) <= CATALOGUE_MOST_PATTERNS)
        return true;
    fprintf(import->complaints,
            "%s: more names than the catalogue has room for, which holds %u of at most %u: nothing "
            "is imported\n",
            directory, known, CATALOGUE_MOST_PATTERNS);
    return false;
}

static bool read_category(struct import *import, const char *directory, enum category category)
{
    return read_list(import, directory, category, "domains") &&
           read_list(import, directory, category, "urls");
}

/* Reads both categories below DIRECTORY, or DIRECTORY itself when it has the name of one. */
static bool read_directory(struct import *import, const char *directory)
{
    char path[PATH_MAX];
    char *name = realpath(directory, path);

    name = name ? strrchr(path, '/') + 1 : path;
    for (enum category category = 0; category < CATEGORY_COUNT; category++) {
        char below[PATH_MAX];

        snprintf(below, sizeof(below), "%s/%s", directory, category_names[category]);
        if (!read_category(import, below, category))
            return false;
        if (strcmp(name, category_names[category]) == 0 &&
            !read_category(import, directory, category))
            return false;
        if (!has_room(import, directory) || !has_something(import, directory, category))
            return false;
    }
    return true;
}

struct import *import_ut1(const char *directory, const struct catalogue *known, FILE *complaints)
{
    static const struct service service = {.id = "ut1-ai", .review = UNREVIEWED};
    struct import *import = calloc(1, sizeof(*import));
    bool whole;

    if (import)
        import->found = catalogue_new();
    if (!import || !import->found || !catalogue_set_service(import->found, 0, &service)) {
        fputs("out of memory\n", complaints);
        goto failed;
    }
    import->known = known;
    import->complaints = complaints;
    whole = read_directory(import, directory);
    if (import->complaint_count > MAX_COMPLAINTS)
        fprintf(complaints, "and %lu more lines skipped\n",
                import->complaint_count - MAX_COMPLAINTS);
    if (!whole)
        goto failed;
    if (import->read[CATEGORY_AI] || import->read[CATEGORY_DOH])
        return import;
    fprintf(complaints,
            "%s: holds no ai/domains and no doh/domains, and is no such category (unpacked)\n",
            directory);
failed:
    import_free(import);
    return NULL;
}

void import_free(struct import *import)
{
    if (!import)
        return;
    catalogue_free(import->found);
    free(import);
}

/* -- Writing ---------------------------------------------------------------------------------- */

struct names {
    const char **items;
    size_t count;
};

static void collect(void *context, const char *pattern, uint16_t number, enum service_role role)
{
    struct names *names = context;

    (void)number;
    (void)role;
    names->items[names->count++] = pattern;
}

/* Without the dot of a suffix, so that a name and what is below it stand together. */
static int by_name(const void *a, const void *b)
{
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;
    int order = strcmp(left + (left[0] == '.'), right + (right[0] == '.'));

    return order ? order : strcmp(left, right);
}

typedef void visitor(const struct catalogue *, catalogue_visitor *, void *context);

/* One name a line of COUNT; nothing in a host name or address needs quoting. Returns false when
 * memory is exhausted. */
static bool write_names(const struct import *import, size_t count, visitor *visit,
                        const char *indent, FILE *stream)
{
    struct names names = {.items = calloc(count, sizeof(char *))};

    if (!names.items)
        return false;
    visit(import->found, collect, &names);
    qsort(names.items, names.count, sizeof(*names.items), by_name);
    for (size_t i = 0; i < names.count; i++)
        fprintf(stream, "%s\"%s\"%s\n", indent, names.items[i], i + 1 < names.count ? "," : "");
    free(names.items);
    return true;
}

static void write_heading(const struct import *import, FILE *stream)
{
    struct tm day;
    char date[40] = "";

    if (gmtime_r(&import->newest, &day))
        strftime(date, sizeof(date), "%Y-%m-%d", &day);
    fprintf(
        stream,
        "# Names of the UT1 blacklists, not reviewed by anybody here. Written by `iagmeter import "
        "ut1`:\n"
        "# import a newer list rather than edit this file. To review a service, describe it in a "
        "file of\n"
        "# your own beside this one, and import again: what is known there is left out here.\n"
        "#\n"
        "# Source: Université Toulouse Capitole, https://dsi.ut-capitole.fr/blacklists/, "
        "categories "
        "ai and\n"
        "# doh, as of %s (time stamp of the newest file).\n"
        "# Licence: CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/ - also of this "
        "file.\n"
        "# Changed: what the catalogue knows, addresses of no resolver, pages (URLs with a path) "
        "and lines\n"
        "# without a name are left out.\n",
        date);
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        const struct counts *counts = &import->counts[i];

        if (counts->lines > 0)
            fprintf(stream, "# %s: %lu of %lu names, %lu of %lu addresses.\n", category_names[i],
                    counts->taken - counts->taken_addresses, counts->lines - counts->addresses,
                    counts->taken_addresses, counts->addresses);
    }
}

/* The country and the hosting of many operators are unknown: ZZ is for users to assign
 * (ISO 3166-1), and the worst case is stated. */
static bool write_service(const struct import *import, FILE *stream)
{
    bool written;

    fputs(
        "\n# A site of AI serves pages before anything else: shared, so that only what streams "
        "like "
        "an answer\n"
        "# is use.\n"
        "services = (\n"
        "    {\n"
        "        id = \"ut1-ai\";\n"
        "        label = \"AI services of the UT1 list (not reviewed)\";\n"
        "        operator = \"various\"; country = \"ZZ\"; hosting = \"outside-eu\"; # not known\n"
        "        reviewed = false;\n"
        "        modality = [ \"text\" ];\n"
        "        estimator = \"count-only\";\n"
        "        hosts = {\n"
        "            shared = [\n",
        stream);
    written = write_names(import, import->counts[CATEGORY_AI].taken, catalogue_visit_hosts,
                          "                ", stream);
    fputs("            ];\n        };\n    }\n);\n", stream);
    return written;
}

/* A list of resolvers, or of their addresses, unless it is empty. */
static bool write_list(const struct import *import, const char *name, size_t count, visitor *visit,
                       FILE *stream)
{
    bool written;

    if (count == 0)
        return true;
    fprintf(stream, "\n%s = [\n", name);
    written = write_names(import, count, visit, "    ", stream);
    fputs("];\n", stream);
    return written;
}

bool import_write(const struct import *import, FILE *stream)
{
    const struct counts *doh = &import->counts[CATEGORY_DOH];
    bool written = true;

    write_heading(import, stream);
    if (import->counts[CATEGORY_AI].taken > 0)
        written = write_service(import, stream);
    written = written &&
              write_list(import, "resolvers", doh->taken - doh->taken_addresses,
                         catalogue_visit_resolvers, stream) &&
              write_list(import, "resolver_addresses", doh->taken_addresses,
                         catalogue_visit_resolver_addresses, stream);
    return written && fflush(stream) == 0 && !ferror(stream);
}

void import_print(const struct import *import, FILE *stream)
{
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        const struct counts *counts = &import->counts[i];

        if (!import->read[i])
            fprintf(stream, "%s: there is no such category: the file has none of it\n",
                    category_names[i]);
        else
            fprintf(stream,
                    "%s: %lu names and %lu addresses, of which %lu and %lu imported, %lu known "
                    "already, %lu repeated, %lu addresses of no resolver, %lu pages of a host, %lu "
                    "wrong\n",
                    category_names[i], counts->lines - counts->addresses, counts->addresses,
                    counts->taken - counts->taken_addresses, counts->taken_addresses, counts->known,
                    counts->repeated, counts->other_addresses, counts->pages, counts->wrong);
    }
}
