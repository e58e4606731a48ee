/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/programs.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void programs_find(const char *name, char *path, size_t size)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (length > 0) {
        self[length] = '\0';
        slash = strrchr(self, '/');
        snprintf(path, size, "%.*s/%s", (int)(slash - self), self, name);
        if (access(path, X_OK) == 0)
            return;
    }
    snprintf(path, size, "%s/%s", IAGMETER_LIBEXECDIR, name);
}

int programs_run(char *const arguments[])
{
    char program[PATH_MAX];
    int wait_status;
    pid_t child;
    int failure;

    programs_find(arguments[0], program, sizeof(program));
    fflush(stdout);
    failure = posix_spawn(&child, program, NULL, NULL, arguments, environ);
    if (failure != 0) {
        fprintf(stderr, "cannot run %s: %s\n", program, strerror(failure));
        return -1;
    }
    while (waitpid(child, &wait_status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
}
