/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/ipmi.h"

#include <freeipmi/freeipmi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/power/dcmi.h"
#include "collectors/power/fetcher.h"
#include "collectors/power/secretfile.h"

enum { PASSWORD_SIZE = 21 }; /* IPMI 2.0, 22.30: at most 20 bytes */

struct ipmi {
    struct fetched_source source;
    struct ipmi_options options;
    char device[2 * PATH_MAX];
    char password[PASSWORD_SIZE];
    char name[300];
    ipmi_ctx_t connection; /* the fetcher's thread's; NULL: none is open */
};

static unsigned workaround_flags(unsigned workarounds)
{
    static const unsigned flags[IPMI_WORKAROUND_COUNT] = {
        [IPMI_AUTHCAP] = IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_AUTHENTICATION_CAPABILITIES,
        [IPMI_INTEL20] = IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_INTEL_2_0_SESSION,
        [IPMI_SUPERMICRO20] = IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUPERMICRO_2_0_SESSION,
        [IPMI_SUN20] = IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUN_2_0_SESSION,
        [IPMI_OPENSESSPRIV] = IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_OPEN_SESSION_PRIVILEGE,
        [IPMI_INTEGRITYCHECKVALUE] =
            IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_NON_EMPTY_INTEGRITY_CHECK_VALUE,
    };
    unsigned result = 0;

    for (unsigned i = 0; i < IPMI_WORKAROUND_COUNT; i++)
        result |= workarounds >> i & 1 ? flags[i] : 0;
    return result;
}

static bool open_network(struct ipmi *ipmi)
{
    static const uint8_t privileges[] = {
        [IPMI_AS_USER] = IPMI_PRIVILEGE_LEVEL_USER,
        [IPMI_AS_OPERATOR] = IPMI_PRIVILEGE_LEVEL_OPERATOR,
        [IPMI_AS_ADMIN] = IPMI_PRIVILEGE_LEVEL_ADMIN,
    };
    const struct ipmi_options *options = &ipmi->options;

    return ipmi_ctx_open_outofband_2_0(
               ipmi->connection, options->host, options->user, ipmi->password, NULL, 0,
               privileges[options->privilege], (uint8_t)options->cipher_suite, options->timeout_ms,
               options->timeout_ms / 4, workaround_flags(options->workarounds),
               IPMI_FLAGS_DEFAULT) == 0;
}

static bool open_device(struct ipmi *ipmi)
{
    return ipmi_ctx_open_inband(ipmi->connection, IPMI_DEVICE_OPENIPMI, 0, 0, 0, ipmi->device,
                                IPMI_WORKAROUND_FLAGS_DEFAULT, IPMI_FLAGS_DEFAULT) == 0;
}

static void disconnect(struct ipmi *ipmi)
{
    if (ipmi->connection) {
        ipmi_ctx_close(ipmi->connection);
        ipmi_ctx_destroy(ipmi->connection);
    }
    ipmi->connection = NULL;
}

static enum power_status complain(struct ipmi *ipmi, char *why, size_t why_size)
{
    int number = ipmi->connection ? ipmi_ctx_errnum(ipmi->connection) : IPMI_ERR_OUT_OF_MEMORY;

    snprintf(why, why_size, "%s",
             ipmi->connection ? ipmi_ctx_errormsg(ipmi->connection) : "out of memory");
    switch (number) {
    case IPMI_ERR_PERMISSION:
    case IPMI_ERR_USERNAME_INVALID:
    case IPMI_ERR_PASSWORD_INVALID:
    case IPMI_ERR_PRIVILEGE_LEVEL_INSUFFICIENT:
    case IPMI_ERR_PRIVILEGE_LEVEL_CANNOT_BE_OBTAINED:
        return POWER_DENIED;
    default:
        return POWER_FAILED;
    }
}

static bool connect_bmc(struct ipmi *ipmi)
{
    if (ipmi->connection)
        return true;
    ipmi->connection = ipmi_ctx_create();
    return ipmi->connection && (ipmi->options.host[0] ? open_network(ipmi) : open_device(ipmi));
}

static void fetch(void *context, const atomic_bool *stop, struct fetched *results, char *why,
                  size_t why_size)
{
    uint8_t response[DCMI_RESPONSE_SIZE * 2];
    struct ipmi *ipmi = context;
    int length = -1;

    (void)stop;
    if (connect_bmc(ipmi))
        length = ipmi_cmd_raw(ipmi->connection, 0, DCMI_NETWORK_FUNCTION, dcmi_request,
                              sizeof(dcmi_request), response, sizeof(response));
    if (length >= 0) {
        results[0] = dcmi_decode(response, (size_t)length, why, why_size);
        return;
    }
    results[0].status = complain(ipmi, why, why_size);
    disconnect(ipmi);
}

static void close_ipmi(void *state)
{
    struct ipmi *ipmi = state;

    fetcher_stop(ipmi->source.fetcher);
    disconnect(ipmi);
    explicit_bzero(ipmi, sizeof(*ipmi));
    free(ipmi);
}

static bool prepare(void *state, const struct power_setup *setup, struct fetcher_task *task,
                    char *error, size_t error_size)
{
    struct ipmi *ipmi = state;
    const struct ipmi_options *options = &ipmi->options;

    ipmi->options = *(const struct ipmi_options *)setup->options;
    task->name = ipmi->name;
    task->every_ms = options->every_ms;
    task->channel_count = 1;
    snprintf(ipmi->device, sizeof(ipmi->device), "%s%s", setup->root, options->device);
    snprintf(ipmi->name, sizeof(ipmi->name), "ipmi %.290s",
             options->host[0] ? options->host : options->device);
    if (options->host[0])
        return secretfile_read(options->password_file, ipmi->password, sizeof(ipmi->password),
                               error, error_size);
    if (access(ipmi->device, R_OK | W_OK) == 0)
        return true;
    snprintf(error, error_size, "%s: %m", ipmi->device);
    return false;
}

static void *open_ipmi(const struct power_setup *setup, char *error, size_t error_size)
{
    static const struct fetched_kind kind = {
        .state_size = sizeof(struct ipmi),
        .prepare = prepare,
        .fetch = fetch,
        .close = close_ipmi,
    };

    return fetcher_open_source(&kind, setup, error, error_size);
}

static size_t list_channels(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct ipmi *ipmi = state;

    out[0] = (struct power_channel){
        .name = "dcmi",
        .part = POWER_PART_WALL,
        .quantity = POWER_QUANTITY_POWER,
        .unit = 1,
        .every_ms = ipmi->options.every_ms,
    };
    return 1;
}

const struct power_source power_ipmi = {
    .name = "ipmi",
    .covers = "the whole machine, as its BMC measures it (DCMI)",
    .open = open_ipmi,
    .channels = list_channels,
    .read = fetcher_read_source,
    .close = close_ipmi,
};
