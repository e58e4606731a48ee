/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/secretfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: a pipe in the place of the file is refused below, not waited for. */
static int open_private(const char *path, char *error, size_t error_size)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *wrong = NULL;
    struct stat status;

    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        wrong = strerror(errno);
    else if (!S_ISREG(status.st_mode))
        wrong = "it is no file";
    else if (status.st_mode & S_IRWXO)
        wrong = "it is open to every user: chmod 640, owned by root and the daemon's group";
    if (!wrong)
        return descriptor;
    snprintf(error, error_size, "%s: cannot use this password: %s", path, wrong);
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

bool secretfile_read(const char *path, char *out, size_t size, char *error, size_t error_size)
{
    int descriptor = open_private(path, error, error_size);
    ssize_t length;
    size_t end;

    out[0] = '\0';
    if (descriptor < 0)
        return false;
    length = read(descriptor, out, size - 1);
    close(descriptor);
    out[length > 0 ? length : 0] = '\0';
    end = strcspn(out, "\r\n");
    if (end > 0 && (out[end] != '\0' || (size_t)length < size - 1)) {
        explicit_bzero(out + end, size - end);
        return true;
    }
    snprintf(error, error_size, "%s: cannot use this password: its first line is %s", path,
             end == 0 ? "empty" : "too long");
    explicit_bzero(out, size);
    return false;
}
