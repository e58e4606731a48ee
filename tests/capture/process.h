/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_PROCESS_H
#define IAGMETER_TESTS_PROCESS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What this process has taken so far. */

/* MEMBER is one of /proc/self/status with its colon (proc(5)), in kB. */
static inline long process_memory_kb(const char *member)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    long value = 0;

    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, member, strlen(member)) == 0)
            value = strtol(line + strlen(member), NULL, 10);
    if (status)
        fclose(status);
    return value;
}

static inline double process_cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
