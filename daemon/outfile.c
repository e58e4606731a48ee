/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool outfile_give(int descriptor, const char *directory)
{
    struct stat owner;

    return geteuid() != 0 ||
           (stat(directory, &owner) == 0 && fchown(descriptor, owner.st_uid, owner.st_gid) == 0);
}

/* Reports, that the timer's user replaces next month, and its group reads. Refused on some file
 * systems, where it stays root's. */
static void give_to_owner(const char *path, int descriptor)
{
    char directory[PATH_MAX + 80];

    snprintf(directory, sizeof(directory), "%s", path);
    if (!outfile_give(descriptor, dirname(directory)))
        errno = 0;
}

/* A new file, never one that somebody put there for us to write through. */
static FILE *create(const char *path)
{
    int descriptor;
    FILE *stream;

    unlink(path);
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (descriptor >= 0)
        give_to_owner(path, descriptor);
    stream = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (descriptor >= 0 && !stream)
        close(descriptor);
    return stream;
}

bool outfile_write(const char *path, outfile_writer *write, const void *context)
{
    char partial[PATH_MAX + 80];
    FILE *stream;
    bool written;

    snprintf(partial, sizeof(partial), "%s.partial", path);
    stream = create(partial);
    written = stream && write(context, stream) && fflush(stream) == 0 && fsync(fileno(stream)) == 0;
    if (stream && fclose(stream) != 0)
        written = false;
    if (written && rename(partial, path) == 0)
        return true;
    fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
    unlink(partial);
    return false;
}

bool outfile_directory(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return true;
    fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
    return false;
}
