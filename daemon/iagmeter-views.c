/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What `iagmeter` hands over to: the commands that draw round-robin databases, or write them. */

#include "daemon/commandline.h"

static const struct commandline_runner runners[] = {
    {"report", command_report},
    {"rebuild", command_rebuild},
    {NULL, NULL},
};

int main(int argc, char **argv)
{
    return commandline_main(argc, argv, runners);
}
