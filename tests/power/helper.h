/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_HELPER_H
#define IAGMETER_TESTS_HELPER_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Programs that a test starts beside itself. They end with it, whatever becomes of it. Include
 * after cmocka.h. */

struct helper {
    pid_t pid; /* 0: none */
    int to;    /* its standard input */
    int from;  /* its standard output */
};

/* Whether PROGRAM is on this machine; says aloud when it is not. */
static inline bool helper_exists(const char *program)
{
    char command[200];

    snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
    if (system(command) == 0)
        return true;
    print_message("no %s here: not tested\n", program);
    return false;
}

/* ARGUMENTS end with NULL; the first is the program, found as a shell does. Its complaints go to
 * the file LOG. */
static inline struct helper helper_start(const char *const arguments[], const char *log)
{
    struct helper helper = {0};
    int to[2];
    int from[2];

    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    helper.pid = fork();
    assert_true(helper.pid >= 0);
    if (helper.pid == 0) {
        int errors = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        dup2(errors, STDERR_FILENO);
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    helper.to = to[1];
    helper.from = from[0];
    return helper;
}

/* A line of the helper's, without its end. */
static inline void helper_line(const struct helper *helper, char *line, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && read(helper->from, line + length, 1) == 1 && line[length] != '\n')
        length++;
    line[length] = '\0';
    if (length == 0)
        fail_msg("a helper said nothing");
}

static inline void helper_stop(struct helper *helper)
{
    if (helper->pid > 0) {
        kill(helper->pid, SIGTERM);
        waitpid(helper->pid, NULL, 0);
        close(helper->to);
        close(helper->from);
    }
    helper->pid = 0;
}

#endif
