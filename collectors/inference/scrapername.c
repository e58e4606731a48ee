/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/scrapername.h"

#include <stdio.h>
#include <string.h>

void scrapername_of(const char *url, char name[SCRAPERNAME_SIZE])
{
    snprintf(name, SCRAPERNAME_SIZE, "%.*s", (int)strcspn(url, "?#"), url);
}
