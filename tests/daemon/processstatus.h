/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_PROCESSSTATUS_H
#define IAGMETER_TESTS_PROCESSSTATUS_H

#include <stdio.h>
#include <string.h>

/* What the kernel says of another process. Include after cmocka.h. */

/* The value of KEY ("Uid:") in /proc/PROCESS/status, with the white space before it; a static
 * buffer. */
static inline const char *process_status(long process, const char *key)
{
    static char line[256];
    char name[64];
    FILE *stream;

    snprintf(name, sizeof(name), "/proc/%ld/status", process);
    stream = fopen(name, "re");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) && strncmp(line, key, strlen(key)) != 0)
        ;
    fclose(stream);
    line[strcspn(line, "\n")] = '\0';
    return line + strlen(key);
}

/* It can gain nothing, and is held by a filter of system calls. */
static inline void assert_confined(long process)
{
    assert_string_equal(process_status(process, "Seccomp:"), "\t2");
    assert_string_equal(process_status(process, "NoNewPrivs:"), "\t1");
    assert_string_equal(process_status(process, "CapEff:"), "\t0000000000000000");
    assert_string_equal(process_status(process, "CapPrm:"), "\t0000000000000000");
}

#endif
