/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Runs each tests/system/test_*.sh as one cmocka test, so that whole programs and functions are
 * counted in one way. A script is told IAGMETER_BUILD, and a prefix for its network namespaces; it
 * exits 0 for passed, 77 for skipped (its last line says why), anything else for failed. What it
 * prints is shown when it fails; of one that passed, the lines that begin with "skipped: ": parts
 * that could not be tested here.
 *
 * Most scripts spend their time waiting, so several run side by side, before cmocka tells of all.
 * One that has a line "# Runs first" takes longest; one with "# Runs alone" would be disturbed by
 * others, or would disturb them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SCRIPTS    "tests/system/test_*.sh"
#define EXIT_SKIP  77
#define TIME_LIMIT "600" /* seconds: a script that hangs must not hang the suite */

enum turn { FIRST, BESIDE, ALONE, TURNS };

struct script {
    const char *path;
    FILE *output;
    pid_t pid; /* 0: it does not run */
    int status;
    enum turn turn;
    time_t start_s, end_s;
};

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

static enum turn turn_of(const char *path)
{
    static const char *const lines[TURNS] = {[FIRST] = "# Runs first", [ALONE] = "# Runs alone"};
    char line[256];
    enum turn turn = BESIDE;
    FILE *file = fopen(path, "r");
    while (file && turn == BESIDE && fgets(line, sizeof line, file)) {
        for (enum turn i = FIRST; i < TURNS; i++) {
            if (lines[i] && strncmp(line, lines[i], strlen(lines[i])) == 0)
                turn = i;
        }
    }
    if (file)
        fclose(file);
    return turn;
}

/* In the child: does not return. */
static void become(const struct script *script)
{
    char prefix[32], path[512];
    /* Of its own, so that scripts side by side, or of two builds, take no namespace of each other.
     */
    snprintf(prefix, sizeof prefix, "iagm-%ld-", (long)getpid());
    snprintf(path, sizeof path, "./%s", script->path);
    int output = fileno(script->output);
    if (setenv("IAGMETER_NETNS_PREFIX", prefix, 1) == 0 && freopen("/dev/null", "r", stdin) &&
        dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0)
        execlp("timeout", "timeout", "--kill-after=10", TIME_LIMIT, path, (char *)NULL);
    _exit(EXIT_FAILURE);
}

static bool begin(struct script *script)
{
    script->output = tmpfile();
    script->start_s = time(NULL);
    fflush(stdout);
    script->pid = script->output ? fork() : -1;
    if (script->pid == 0)
        become(script);
    return script->pid > 0;
}

/* Waits for any script. */
static void await(struct script *scripts, size_t count)
{
    int status = 0;
    pid_t pid;
    do
        pid = wait(&status);
    while (pid < 0 && errno == EINTR);
    for (size_t i = 0; i < count; i++) {
        if (pid > 0 && scripts[i].pid == pid) {
            scripts[i].pid = 0;
            scripts[i].end_s = time(NULL);
            scripts[i].status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
        }
    }
}

/* Up to WIDTH at a time. */
static void run_scripts(struct script *scripts, size_t count, size_t width)
{
    size_t running = 0;
    for (enum turn turn = FIRST; turn < TURNS; turn++) {
        for (size_t i = 0; i < count; i++) {
            if (scripts[i].turn != turn)
                continue;
            for (; running >= (turn == ALONE ? 1 : width); running--)
                await(scripts, count);
            running += begin(&scripts[i]);
        }
    }
    for (; running > 0; running--)
        await(scripts, count);
}

static void tell_script(void **state)
{
    struct script *script = *state;
    assert_non_null(script->output);
    bool skipped = script->status == EXIT_SKIP && !skip_is_failure(script->path);
    show(script->output, skipped ? SHOW_LAST : script->status != 0 ? SHOW_ALL : SHOW_SKIPPED);
    fclose(script->output);
    printf("    %ld s\n", (long)(script->end_s - script->start_s));
    if (skipped)
        skip();
    if (script->status != 0)
        fail_msg("%s: exit status %d%s", script->path, script->status,
                 script->status == EXIT_SKIP ? ": must not be skipped when CI=true" : "");
}

int main(void)
{
    glob_t scripts;
    if (glob(SCRIPTS, 0, NULL, &scripts) != 0) {
        fprintf(stderr, "no " SCRIPTS " below the working directory\n");
        return EXIT_FAILURE;
    }
    size_t count = scripts.gl_pathc;
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    struct script *all = calloc(count, sizeof *all);
    if (!tests || !all)
        return EXIT_FAILURE;
    for (size_t i = 0; i < count; i++) {
        all[i].path = scripts.gl_pathv[i];
        all[i].turn = turn_of(all[i].path);
        all[i].status = EXIT_FAILURE; /* until its own is known */
        tests[i].name = all[i].path;
        tests[i].test_func = tell_script;
        tests[i].initial_state = &all[i];
    }
    signal(SIGCHLD, SIG_DFL); /* if it is ignored, nobody tells how a script ended */
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    run_scripts(all, count, processors > 0 ? 2 * (size_t)processors : 1);
    int failed = _cmocka_run_group_tests("system", tests, count, NULL, NULL);
    free(all);
    free(tests);
    globfree(&scripts);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
