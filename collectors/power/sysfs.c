/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads the digits at *TEXT and steps over them. strtoull() would take spaces and signs, too. */
static bool take_number(const char **text, uint64_t *number)
{
    const char *at = *text;
    uint64_t value = 0;

    for (; isdigit((unsigned char)*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    *number = value;
    return true;
}

static bool take_word(const char **text, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

static bool at_end(const char *text)
{
    return text[0] == '\0' || (text[0] == '\n' && text[1] == '\0');
}

bool sysfs_parse_number(const char *text, uint64_t *number)
{
    uint64_t value;

    if (!take_number(&text, &value) || !at_end(text))
        return false;
    *number = value;
    return true;
}

bool sysfs_parse_suffix(const char *text, const char *prefix, unsigned *number)
{
    uint64_t value;

    if (!take_word(&text, prefix) || !sysfs_parse_number(text, &value) || value > UINT16_MAX)
        return false;
    *number = (unsigned)value;
    return true;
}

bool sysfs_parse_cray(const char *text, const char *unit, uint64_t *number, uint64_t *time_us)
{
    uint64_t value;
    uint64_t time;

    if (!take_number(&text, &value) || !take_word(&text, " ") || !take_word(&text, unit) ||
        !take_word(&text, " ") || !take_number(&text, &time) || !take_word(&text, " us") ||
        !at_end(text))
        return false;
    *number = value;
    *time_us = time;
    return true;
}

static enum power_status status_of(int error)
{
    switch (error) {
    case EACCES: /* not EPERM: amdgpu says so of a GPU that sleeps */
        return POWER_DENIED;
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ENXIO:
        return POWER_GONE;
    case EOPNOTSUPP:
        return POWER_UNSUPPORTED;
    default:
        return POWER_FAILED;
    }
}

void sysfs_path(char out[PATH_MAX], const char *directory, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        out[0] = '\0';
}

void sysfs_file(struct sysfs_file *file, const char *directory, const char *name)
{
    sysfs_path(file->path, directory, name);
    file->descriptor = -1;
}

void sysfs_close(struct sysfs_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    file->descriptor = -1;
}

/* The whole of a file of /sys is read in one go, from its beginning: the kernel makes its text
 * then (Documentation/filesystems/sysfs.rst). */
enum power_status sysfs_read(struct sysfs_file *file, char out[SYSFS_TEXT_SIZE])
{
    enum power_status status;
    ssize_t length;

    out[0] = '\0';
    if (file->descriptor < 0)
        file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->descriptor < 0)
        return status_of(errno);
    length = pread(file->descriptor, out, SYSFS_TEXT_SIZE - 1, 0);
    if (length < 0) {
        status = status_of(errno);
        sysfs_close(file);
        return status;
    }
    if (length > 0 && out[length - 1] == '\n')
        length--;
    out[length] = '\0';
    return POWER_OK;
}

enum power_status sysfs_read_number(struct sysfs_file *file, uint64_t *number)
{
    char text[SYSFS_TEXT_SIZE];
    enum power_status status = sysfs_read(file, text);

    if (status == POWER_OK && !sysfs_parse_number(text, number))
        status = POWER_FAILED;
    return status;
}

enum power_status sysfs_text(const char *directory, const char *name, char out[SYSFS_TEXT_SIZE])
{
    struct sysfs_file file;
    enum power_status status;

    sysfs_file(&file, directory, name);
    status = sysfs_read(&file, out);
    sysfs_close(&file);
    return status;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

char **sysfs_list(const char *directory, size_t *count)
{
    struct dirent **entries;
    int found = scandir(directory, &entries, is_shown, versionsort);
    char **names;

    *count = 0;
    if (found < 0)
        return NULL;
    names = calloc((size_t)found + 1, sizeof(*names));
    for (int i = 0; i < found; i++) {
        if (names && (names[*count] = strdup(entries[i]->d_name)))
            ++*count;
        free(entries[i]);
    }
    free(entries);
    return names;
}

void sysfs_free(char **names, size_t count)
{
    for (size_t i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}
