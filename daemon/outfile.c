/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A new file, never one that somebody put there for us to write through. */
static FILE *create(const char *path)
{
    int descriptor;
    FILE *stream;

    unlink(path);
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
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
