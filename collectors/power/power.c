/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/power.h"

const char *power_status_text(enum power_status status)
{
    switch (status) {
    case POWER_OK:
        return "read";
    case POWER_NOT_YET:
        return "nothing yet";
    case POWER_DENIED:
        return "no permission to read it";
    case POWER_UNSUPPORTED:
        return "not supported: says so itself, or is always zero";
    case POWER_GONE:
        return "gone: unplugged, or its driver is away";
    case POWER_ANEW:
        return "its counter began anew";
    case POWER_STILL:
        return "its counter stands still";
    case POWER_FAILED:
        return "cannot be read";
    }
    return "unknown";
}
