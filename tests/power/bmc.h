/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_TESTS_BMC_H
#define IAGMETER_TESTS_BMC_H

#include "collectors/power/redfishclient.h"

#include "tests/power/asked.h"

/* A BMC that speaks Redfish over TLS, played by bmc.mjs: what it answers is in the file "script",
 * and what it was asked in "requests". Where there is no Node or OpenSSL, such tests are skipped.
 * Include after cmocka.h. */

static struct helper bmc;
static struct redfish_options options;
static bool testable;

/* One key and certificate for all tests: it takes a while. */
static char keys[] = "/tmp/iagmeter-bmc-XXXXXX";

static inline int make_keys(void **state)
{
    char command[600];

    (void)state;
    testable = helper_exists("node") && helper_exists("openssl");
    if (!testable)
        return 0;
    if (!mkdtemp(keys))
        return -1;
    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
             "-keyout key -out certificate -days 3650 -subj /CN=127.0.0.1 "
             "-addext subjectAltName=IP:127.0.0.1 2>log && "
             "{ printf sha256//; openssl x509 -in certificate -noout -pubkey | "
             "openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | "
             "openssl base64; } >pin",
             keys);
    return system(command) == 0 ? 0 : -1;
}

static inline int remove_keys(void **state)
{
    (void)state;
    return testable ? nftw(keys, scratch_remove, 8, FTW_DEPTH | FTW_PHYS) : 0;
}

static inline void start_bmc(unsigned every_ms)
{
    char key[PATH_MAX];
    char certificate[PATH_MAX];
    char script[PATH_MAX];
    char requests[PATH_MAX];
    char log[PATH_MAX];
    char port[16];
    const char *const arguments[] = {
        "node", IAGMETER_SOURCE_ROOT "/tests/power/bmc.mjs", key, certificate, script, requests,
        NULL};

    snprintf(key, sizeof(key), "%s/key", keys);
    snprintf(certificate, sizeof(certificate), "%s/certificate", keys);
    scratch_path(script, "script");
    scratch_path(requests, "requests");
    scratch_path(log, "log");
    bmc = helper_start(arguments, log);
    helper_line(&bmc, port, sizeof(port));
    options = (struct redfish_options){
        .verify = true, .login = REDFISH_SESSION, .every_ms = every_ms, .timeout_ms = 20000};
    snprintf(options.url, sizeof(options.url), "https://127.0.0.1:%s", port);
    snprintf(options.ca_file, sizeof(options.ca_file), "%s", certificate);
}

static inline void serve(const char *script)
{
    replace_file("script", script);
}

#define NEEDS_BMC                                                                                  \
    (void)state;                                                                                   \
    if (!testable)                                                                                 \
    skip()

#endif
