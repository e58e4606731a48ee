/* SPDX-License-Identifier: GPL-3.0-or-later */

/* One measurement, for bench_replay.sh: reading a capture by a loop that only counts packets, with
 * the buffer of libpcap (4 kB) or one of 1 MiB, or running a program to its end. Prints wall, user
 * and system time in seconds, packets (0 for a program), and of each process the largest resident
 * size in kB and the time in seconds that it ran, "name:size:time". */

#include "tests/bench/rounds.h"

#include <dirent.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER        (1 << 20)
#define MAX_PROCESSES 32
#define LOOK_NS       5000000 /* between looks at the processes */

struct process {
    long pid;
    long peak_kb;
    double ran_s;
    char name[32];
};

static struct process processes[MAX_PROCESSES];
static size_t process_count;

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void print(double wall_s, const struct rusage *usage, uint64_t packets)
{
    printf("%.4f %.4f %.4f %llu", wall_s, seconds(&usage->ru_utime), seconds(&usage->ru_stime),
           (unsigned long long)packets);
    for (size_t i = 0; i < process_count; i++)
        printf(" %s:%ld:%.3f", processes[i].name, processes[i].peak_kb, processes[i].ran_s);
    putchar('\n');
}

/* -- Counting ---------------------------------------------------------------------------------- */

static int count(const char *path, bool buffered)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    double start_s = clock_s(CLOCK_MONOTONIC);
    FILE *stream = fopen(path, "re");
    char *buffer = buffered ? malloc(BUFFER) : NULL;
    pcap_t *pcap = NULL;
    struct pcap_pkthdr *header;
    const u_char *bytes;
    struct rusage usage;
    uint64_t packets = 0;

    if (stream && buffer)
        setvbuf(stream, buffer, _IOFBF, BUFFER);
    if (stream)
        pcap = pcap_fopen_offline(stream, error);
    if (!pcap) {
        fprintf(stderr, "%s: %s\n", path, error);
        return EXIT_FAILURE;
    }
    while (pcap_next_ex(pcap, &header, &bytes) == 1)
        packets++;
    pcap_close(pcap);
    free(buffer);
    getrusage(RUSAGE_SELF, &usage);
    print(clock_s(CLOCK_MONOTONIC) - start_s, &usage, packets);
    return EXIT_SUCCESS;
}

/* -- Running a program ------------------------------------------------------------------------- */

static struct process *process_of(long pid)
{
    for (size_t i = 0; i < process_count; i++)
        if (processes[i].pid == pid)
            return &processes[i];
    if (process_count == MAX_PROCESSES)
        return NULL;
    processes[process_count].pid = pid;
    return &processes[process_count++];
}

static FILE *open_of(long pid, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
    return fopen(path, "re");
}

/* Of thread TID. */
static double ran_s(long pid, long tid)
{
    char name[64];
    unsigned long long ran_ns = 0;
    FILE *times;

    snprintf(name, sizeof(name), "task/%ld/schedstat", tid);
    times = open_of(pid, name);
    if (!times)
        return 0;
    if (fscanf(times, "%llu", &ran_ns) != 1)
        ran_ns = 0;
    fclose(times);
    return (double)ran_ns / 1e9;
}

/* Of all threads that there are. */
static double all_ran_s(long pid)
{
    char path[64];
    const struct dirent *entry;
    double sum_s = 0;
    DIR *threads;

    snprintf(path, sizeof(path), "/proc/%ld/task", pid);
    threads = opendir(path);
    while (threads && (entry = readdir(threads)))
        sum_s += ran_s(pid, strtol(entry->d_name, NULL, 10));
    if (threads)
        closedir(threads);
    return sum_s;
}

/* Notes what process PID took so far: no less than before, when a thread has ended. */
static void look_at(long pid)
{
    struct process *process = process_of(pid);
    FILE *status = open_of(pid, "status");
    double now_ran_s = all_ran_s(pid);
    char line[256];

    while (process && status && fgets(line, sizeof(line), status)) {
        sscanf(line, "Name: %31s", process->name);
        sscanf(line, "VmHWM: %ld", &process->peak_kb);
    }
    if (process && now_ran_s > process->ran_s)
        process->ran_s = now_ran_s;
    if (status)
        fclose(status);
}

/* Notes it of PID, of the processes that it has started, and of theirs. */
static void look_below(long pid, unsigned depth)
{
    char name[64];
    FILE *stream;
    long child;

    look_at(pid);
    snprintf(name, sizeof(name), "task/%ld/children", pid);
    stream = depth > 0 ? open_of(pid, name) : NULL;
    if (!stream)
        return;
    while (fscanf(stream, "%ld", &child) == 1)
        look_below(child, depth - 1);
    fclose(stream);
}

static int run(char **arguments)
{
    const struct timespec pause = {0, LOOK_NS};
    double start_s = clock_s(CLOCK_MONOTONIC);
    struct rusage usage;
    sigset_t child_ends;
    int status = 0;
    pid_t pid;

    sigemptyset(&child_ends);
    sigaddset(&child_ends, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ends, NULL);
    pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_UNBLOCK, &child_ends, NULL);
        execvp(arguments[0], arguments);
        perror(arguments[0]);
        _exit(127);
    }
    while (pid > 0 && wait4(pid, &status, WNOHANG, &usage) == 0) {
        look_below(pid, 3);
        sigtimedwait(&child_ends, NULL, &pause);
    }
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "%s failed\n", arguments[0]);
        return EXIT_FAILURE;
    }
    print(clock_s(CLOCK_MONOTONIC) - start_s, &usage, 0);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "count") == 0)
        return count(argv[2], false);
    if (argc > 2 && strcmp(argv[1], "count-buffered") == 0)
        return count(argv[2], true);
    if (argc > 2 && strcmp(argv[1], "run") == 0)
        return run(argv + 2);
    printf("usage: measure count|count-buffered FILE, measure run PROGRAM [ARGUMENT...]\n");
    return argc > 1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
