/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_OVERHEAR_H
#define IAGMETER_TESTS_OVERHEAR_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What this process and its children write to standard error. It goes to a pipe, not to a file: a
 * file could not grow under the limits that some tests set. Include after cmocka.h. */

static int overhear_pipe[2];
static int overhear_saved;

static inline void overhear_start(void)
{
    assert_int_equal(pipe2(overhear_pipe, O_NONBLOCK | O_CLOEXEC), 0);
    overhear_saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    dup2(overhear_pipe[1], STDERR_FILENO);
}

/* Takes out what gcov says in a coverage build, when the sandbox keeps it from writing its counts.
 */
static inline void overhear_strip_profiling(char *text)
{
    char *at = text;

    while ((at = strstr(at, "profiling:")) != NULL) {
        char *end = strchr(at, '\n');

        if (!end) {
            *at = '\0';
            return;
        }
        memmove(at, end + 1, strlen(end + 1) + 1);
    }
}

/* What was written since overhear_start(); a static buffer. */
static inline const char *overhear_stop(void)
{
    static char text[1U << 16];
    ssize_t length;

    dup2(overhear_saved, STDERR_FILENO);
    close(overhear_saved);
    close(overhear_pipe[1]);
    length = read(overhear_pipe[0], text, sizeof(text) - 1);
    text[length > 0 ? length : 0] = '\0';
    close(overhear_pipe[0]);
    overhear_strip_profiling(text);
    return text;
}

static inline unsigned count_of(const char *text, const char *fragment)
{
    unsigned count = 0;

    while ((text = strstr(text, fragment)) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* Fails unless TEXT is one line that holds both fragments. */
static inline void assert_one_line(const char *text, const char *first, const char *second)
{
    if (count_of(text, "\n") != 1 || !strstr(text, first) || !strstr(text, second))
        fail_msg("not one line with \"%s\" and \"%s\":\n%s", first, second, text);
}

#endif
