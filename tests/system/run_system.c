/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Runs each tests/system/test_*.sh as one cmocka test, so that whole programs and functions are
 * counted in one way. A script is told IAGMETER_BUILD; it exits 0 for passed, 77 for skipped (its
 * last line says why), anything else for failed. What it prints is shown when it fails; of one that
 * passed, the lines that begin with "skipped: ": parts that could not be tested here. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SCRIPTS    "tests/system/test_*.sh"
#define EXIT_SKIP  77
#define TIME_LIMIT "300" /* seconds: a script that hangs must not hang the suite */

/* Our continuous integration runs as root: there, that what needs a network namespace cannot run is
 * an error, except in the sanitizers' build, whose shadow memory the sandbox may refuse. */
static bool skip_is_failure(const char *script)
{
    const char *ci = getenv("CI");
    return strstr(script, "namespace") && ci && strcmp(ci, "true") == 0 &&
           !getenv("IAGMETER_TEST_SANITIZED");
}

enum shown { SHOW_ALL, SHOW_LAST, SHOW_SKIPPED };

/* Copies OUTPUT, or what is to be shown of it, to standard output. */
static void show(FILE *output, enum shown what)
{
    char line[4096], last[4096] = "(it does not say why)\n";
    rewind(output);
    while (fgets(line, sizeof line, output)) {
        if (what == SHOW_ALL || (what == SHOW_SKIPPED && strncmp(line, "skipped: ", 9) == 0))
            printf("    | %s", line);
        snprintf(last, sizeof last, "%s", line);
    }
    if (what == SHOW_LAST)
        printf("    skipped: %s", last);
    fflush(stdout);
}

static void run_script(void **state)
{
    const char *script = *state;
    char command[512];
    snprintf(command, sizeof command,
             "exec timeout --kill-after=10 " TIME_LIMIT " ./%s </dev/null 2>&1", script);
    FILE *output = tmpfile();
    FILE *pipe = popen(command, "r");
    assert_non_null(output);
    assert_non_null(pipe);
    char line[4096];
    while (fgets(line, sizeof line, pipe))
        fputs(line, output);
    int status = pclose(pipe);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    bool skipped = code == EXIT_SKIP && !skip_is_failure(script);
    show(output, skipped ? SHOW_LAST : code != 0 ? SHOW_ALL : SHOW_SKIPPED);
    fclose(output);
    if (skipped)
        skip();
    if (code != 0)
        fail_msg("%s: exit status %d%s", script, code,
                 code == EXIT_SKIP ? ": must not be skipped when CI=true" : "");
}

int main(void)
{
    glob_t scripts;
    if (glob(SCRIPTS, 0, NULL, &scripts) != 0) {
        fprintf(stderr, "no " SCRIPTS " below the working directory\n");
        return EXIT_FAILURE;
    }
    struct CMUnitTest *tests = calloc(scripts.gl_pathc, sizeof *tests);
    if (!tests)
        return EXIT_FAILURE;
    for (size_t i = 0; i < scripts.gl_pathc; i++) {
        tests[i].name = scripts.gl_pathv[i];
        tests[i].test_func = run_script;
        tests[i].initial_state = scripts.gl_pathv[i];
    }
    int failed = _cmocka_run_group_tests("system", tests, scripts.gl_pathc, NULL, NULL);
    free(tests);
    globfree(&scripts);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
