/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A module for OpenIPMI's simulator of a BMC, ipmi_sim: adds DCMI's Get Power Reading, of which the
 * simulator knows nothing. Its option names a file of five numbers, read anew for each request:
 * completion code, watts now, least, most and on average; a sixth, 0, says that nothing is
 * measured. */

#include <stdio.h>
#include <string.h>

enum { DCMI = 0xdc, RESPONSE_SIZE = 19 };

/* Of OpenIPMI/mcserv.h, as far as it is used. */
typedef void (*handler)(void *controller, void *message, unsigned char *response,
                        unsigned int *length, void *context);
void ipmi_emu_register_group_extension_handler(unsigned char group, handler handler, void *context);

int ipmi_sim_module_print_version(void *system, char *options);
int ipmi_sim_module_init(void *system, const char *options);

static char path[4096];

static void read_numbers(unsigned numbers[6])
{
    FILE *stream = fopen(path, "re");

    numbers[0] = 0xc1; /* unless the file says otherwise */
    numbers[5] = 1;
    if (!stream)
        return;
    for (int i = 0; i < 6 && fscanf(stream, "%u", &numbers[i]) == 1; i++)
        ;
    fclose(stream);
}

static void answer(void *controller, void *message, unsigned char *response, unsigned int *length,
                   void *context)
{
    unsigned numbers[6] = {0};

    (void)controller;
    (void)message;
    (void)context;
    read_numbers(numbers);
    memset(response, 0, RESPONSE_SIZE);
    response[0] = (unsigned char)numbers[0];
    response[1] = DCMI;
    for (int i = 0; i < 4; i++) {
        response[2 + 2 * i] = (unsigned char)(numbers[1 + i] & 0xff);
        response[3 + 2 * i] = (unsigned char)(numbers[1 + i] >> 8);
    }
    response[RESPONSE_SIZE - 1] = numbers[5] ? 0x40 : 0;
    *length = numbers[0] == 0 ? RESPONSE_SIZE : 1;
}

int ipmi_sim_module_print_version(void *system, char *options)
{
    (void)system;
    (void)options;
    return 0;
}

int ipmi_sim_module_init(void *system, const char *options)
{
    (void)system;
    snprintf(path, sizeof(path), "%s", options);
    ipmi_emu_register_group_extension_handler(DCMI, answer, NULL);
    return 0;
}
