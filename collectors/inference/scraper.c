/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/inference/scraper.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/calendar.h"
#include "daemon/log.h"
#include "daemon/version.h"

#define NS_PER_S          INT64_C(1000000000)
#define NS_PER_MS         1000000
#define CONNECT_TIMEOUT_S 5L
#define LONGEST_DELAY_S   300
#define TOKEN_SIZE        4096
#define ACCEPTED          "Accept: text/plain;version=0.0.4, */*;q=0.1"

struct target {
    const struct scraper *scraper;
    struct scraper_target setup;
    struct servermetrics *metrics;
    CURL *transfer;
    bool is_asked;
    bool too_large;
    size_t received; /* bytes of this answer */
    int64_t due_ns;
    int64_t answered_s; /* Unix time of the last answer; 0: none yet */
    int64_t missed_s;   /* Unix time up to which what it missed is counted */
    unsigned delay_s;   /* until it is asked again after a failure; 0: it did answer */
    bool said;          /* the log tells of a problem */
    struct log_damper damper;
    struct scraper_state state;
};

struct scraper {
    CURLM *transfers;
    struct curl_slist *headers;
    struct target targets[SCRAPER_TARGETS];
    size_t count;
    int64_t wall_s;
    int64_t monotonic_ns;
};

/* -- How it went ------------------------------------------------------------------------------ */

static void complain(struct target *target, const char *problem)
{
    uint64_t silenced;

    snprintf(target->state.problem, sizeof(target->state.problem), "%s", problem);
    if (!log_due(&target->damper, target->scraper->monotonic_ns / NS_PER_S, &silenced))
        return;
    target->said = true;
    if (silenced == 0)
        log_line(LOG_PRIORITY_WARNING, "metrics of %s: %s", target->state.name, problem);
    else
        log_line(LOG_PRIORITY_WARNING, "metrics of %s: %s (and %" PRIu64 " times unsaid before)",
                 target->state.name, problem, silenced);
}

/* While it is away, by whole minutes, so that not every look at it is news; then to the second. A
 * clock that is set back takes nothing away. */
static void count_missed(struct target *target, int64_t unit_s)
{
    int64_t missed_s = target->scraper->wall_s - target->missed_s;

    if (target->delay_s == 0 || missed_s < unit_s)
        return;
    missed_s -= missed_s % unit_s;
    target->state.missed_s += (uint64_t)missed_s;
    target->missed_s += missed_s;
}

/* A gap is said, since what was counted in it counts at its end. */
static void note_return(struct target *target)
{
    int64_t missed_s = target->scraper->wall_s - target->answered_s;

    count_missed(target, 1);
    if (target->said)
        log_line(LOG_PRIORITY_INFO,
                 "metrics of %s: answers again; what it counted in the %" PRId64
                 " s since its last answer counts now",
                 target->state.name, target->answered_s > 0 ? missed_s : 0);
    target->said = false;
    target->state.problem[0] = '\0';
}

static void note_failure(struct target *target, const char *problem)
{
    unsigned delay_s = target->delay_s ? 2 * target->delay_s : target->setup.interval_s;

    target->state.failures++;
    target->delay_s = delay_s < LONGEST_DELAY_S ? delay_s : LONGEST_DELAY_S;
    target->due_ns = target->scraper->monotonic_ns + (int64_t)target->delay_s * NS_PER_S;
    complain(target, problem);
}

static void note_answer(struct target *target, enum servermetrics_result result)
{
    const char *problem = servermetrics_problem(result);
    struct prometheus_counts counts = servermetrics_counts(target->metrics);

    target->state.unknown_teams = servermetrics_unknown_teams(target->metrics);
    target->state.unreadable_lines = counts.malformed + counts.overlong;
    if (problem && result != SERVERMETRICS_OTHER) {
        note_failure(target, problem);
        return;
    }
    note_return(target);
    if (problem)
        complain(target, problem);
    if (result == SERVERMETRICS_BEGAN_ANEW) {
        target->state.restarts++;
        log_line(LOG_PRIORITY_INFO,
                 "metrics of %s: the server was started again; what it counted between its last "
                 "answer and its end is missing",
                 target->state.name);
    }
    target->state.answers++;
    target->answered_s = target->missed_s = target->scraper->wall_s;
    target->delay_s = 0;
}

/* -- One question ----------------------------------------------------------------------------- */

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct target *target = context;

    (void)size; /* is 1 */
    target->received += count;
    target->too_large = target->received > SCRAPER_MOST_SIZE;
    if (target->too_large)
        return 0;
    servermetrics_bytes(target->metrics, (const uint8_t *)bytes, count);
    return count;
}

/* The token in the file (RFC 6750, 2.1), to be wiped; false without one. It is read each time,
 * since it may be replaced. */
static bool read_token(const char *path, char token[TOKEN_SIZE])
{
    FILE *stream = fopen(path, "re");
    size_t length = 0;

    if (stream) {
        setvbuf(stream, NULL, _IONBF, 0);
        length = fread(token, 1, TOKEN_SIZE - 1, stream);
        fclose(stream);
    }
    while (length > 0 && (token[length - 1] == '\n' || token[length - 1] == '\r'))
        length--;
    token[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return false;
    return length > 0;
}

static bool authorise(struct target *target)
{
    char token[TOKEN_SIZE];
    bool authorised = false;

    if (target->setup.bearer_path[0] == '\0')
        return true;
    if (read_token(target->setup.bearer_path, token))
        authorised = curl_easy_setopt(target->transfer, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) ==
                         CURLE_OK &&
                     curl_easy_setopt(target->transfer, CURLOPT_XOAUTH2_BEARER, token) == CURLE_OK;
    explicit_bzero(token, sizeof(token));
    return authorised;
}

static void ask(struct target *target)
{
    target->due_ns = target->scraper->monotonic_ns + (int64_t)target->setup.interval_s * NS_PER_S;
    target->received = 0;
    target->too_large = false;
    if (!authorise(target)) {
        note_failure(target, "bearer_file holds no token, or cannot be read");
        return;
    }
    servermetrics_begin(target->metrics);
    target->is_asked =
        curl_multi_add_handle(target->scraper->transfers, target->transfer) == CURLM_OK;
    if (!target->is_asked)
        note_failure(target, "out of memory");
}

static bool is_open_metrics(CURL *transfer)
{
    static const char prefix[] = "application/openmetrics-text";
    const char *type = NULL;

    curl_easy_getinfo(transfer, CURLINFO_CONTENT_TYPE, &type);
    return type && strncasecmp(type, prefix, sizeof(prefix) - 1) == 0;
}

static void finish(struct target *target, CURLcode code)
{
    char problem[64];
    long status = 0;

    curl_easy_getinfo(target->transfer, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && status == 200) {
        note_answer(target, servermetrics_end(target->metrics, is_open_metrics(target->transfer),
                                              target->scraper->wall_s));
        return;
    }
    servermetrics_drop(target->metrics);
    if (target->too_large)
        snprintf(problem, sizeof(problem), "its answer is larger than %u MiB",
                 SCRAPER_MOST_SIZE >> 20);
    else if (code == CURLE_OK)
        snprintf(problem, sizeof(problem), "it answers with HTTP status %ld", status);
    else /* one of libcurl's own sentences: nothing that a server says */
        snprintf(problem, sizeof(problem), "%s", curl_easy_strerror(code));
    note_failure(target, problem);
}

static void take_answers(struct scraper *scraper)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(scraper->transfers, &left)) != NULL) {
        CURLcode code = message->data.result;
        CURL *transfer = message->easy_handle;
        struct target *target = NULL;

        curl_easy_getinfo(transfer, CURLINFO_PRIVATE, &target);
        curl_multi_remove_handle(scraper->transfers, transfer);
        target->is_asked = false;
        finish(target, code);
    }
}

/* -- All of them ------------------------------------------------------------------------------ */

void scraper_poll(struct scraper *scraper, int64_t wall_s, int64_t monotonic_ns, int wait_ms)
{
    struct timespec now;
    int64_t until_ms;
    int running = 0;

    scraper->wall_s = wall_s;
    scraper->monotonic_ns = monotonic_ns;
    for (size_t i = 0; i < scraper->count; i++) {
        struct target *target = &scraper->targets[i];

        if (target->missed_s == 0) /* from the first question on */
            target->missed_s = wall_s;
        if (!target->is_asked && monotonic_ns >= target->due_ns)
            ask(target);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    until_ms = now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS + wait_ms;
    for (;;) {
        int left_ms;

        curl_multi_perform(scraper->transfers, &running);
        clock_gettime(CLOCK_MONOTONIC, &now);
        left_ms = (int)(until_ms - now.tv_sec * 1000 - now.tv_nsec / NS_PER_MS);
        if (running == 0 || left_ms <= 0)
            break;
        curl_multi_poll(scraper->transfers, NULL, 0, left_ms, NULL);
    }
    take_answers(scraper);
    for (size_t i = 0; i < scraper->count; i++)
        count_missed(&scraper->targets[i], INTERVAL_S);
}

size_t scraper_take(struct scraper *scraper, struct server_use *out, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < scraper->count && count < size; i++)
        count += servermetrics_take(scraper->targets[i].metrics, out + count, size - count);
    return count;
}

bool scraper_state(const struct scraper *scraper, size_t index, struct scraper_state *state)
{
    static const char *const covers[SERVER_DIALECTS] = {
        "an inference server's own counts",    "llama.cpp's own counts of tokens",
        "vLLM's own counts of tokens",         "SGLang's own counts of tokens",
        "TGI's own counts of tokens",          "LiteLLM's own counts of tokens, by team",
        "TensorRT-LLM's own counts of tokens", "LMDeploy's own counts of tokens",
    };

    if (index >= scraper->count)
        return false;
    *state = scraper->targets[index].state;
    state->covers = covers[servermetrics_dialect(scraper->targets[index].metrics)];
    return true;
}

/* Neither a proxy of the environment, nor another protocol or server that an answer points to. */
static bool set_options(struct target *target)
{
    CURL *transfer = target->transfer;
    const char *socket_path = target->setup.socket_path;

    return curl_easy_setopt(transfer, CURLOPT_URL, target->setup.url) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_PRIVATE, target) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_USERAGENT, "iagmeter/" IAGMETER_VERSION) ==
               CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, target->scraper->headers) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_TIMEOUT, (long)target->setup.timeout_s) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, receive) == CURLE_OK &&
           curl_easy_setopt(transfer, CURLOPT_WRITEDATA, target) == CURLE_OK &&
           (socket_path[0] == '\0' ||
            curl_easy_setopt(transfer, CURLOPT_UNIX_SOCKET_PATH, socket_path) == CURLE_OK);
}

static bool add_target(struct scraper *scraper, const struct scraper_target *setup)
{
    struct target *target = &scraper->targets[scraper->count++];

    target->scraper = scraper;
    target->setup = *setup;
    target->metrics = servermetrics_new(&setup->metrics);
    target->transfer = curl_easy_init();
    scrapername_of(setup->url, target->state.name);
    return target->metrics && target->transfer && set_options(target);
}

struct scraper *scraper_new(const struct scraper_target *targets, size_t count)
{
    struct scraper *scraper;
    bool complete;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    scraper = calloc(1, sizeof(*scraper));
    if (!scraper) {
        curl_global_cleanup();
        return NULL;
    }
    scraper->transfers = curl_multi_init();
    scraper->headers = curl_slist_append(NULL, ACCEPTED);
    complete = scraper->transfers && scraper->headers && count <= SCRAPER_TARGETS;
    for (size_t i = 0; i < count && complete; i++)
        complete = add_target(scraper, &targets[i]);
    if (complete)
        return scraper;
    scraper_free(scraper);
    return NULL;
}

void scraper_free(struct scraper *scraper)
{
    if (!scraper)
        return;
    for (size_t i = 0; i < scraper->count; i++) {
        struct target *target = &scraper->targets[i];

        if (target->is_asked)
            curl_multi_remove_handle(scraper->transfers, target->transfer);
        curl_easy_cleanup(target->transfer);
        servermetrics_free(target->metrics);
    }
    curl_multi_cleanup(scraper->transfers);
    curl_slist_free_all(scraper->headers);
    free(scraper);
    curl_global_cleanup();
}
