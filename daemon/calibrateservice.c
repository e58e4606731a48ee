/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/calibrateservice.h"

#include "daemon/calibrate.h"
#include "daemon/calibratecapture.h"
#include "daemon/capture.h"
#include "daemon/servicecalibration.h"
#include "daemon/servicefit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS   INT64_C(1000000000)
#define POLL_MS     250
#define MOST_TOKENS 1e7
#define LINE_SIZE   64 /* of what is typed */

struct session {
    const struct calibrateservice_options *options;
    const struct config *config;
    const struct service *service;
    uint16_t number;
    struct servicefit_sample samples[SERVICEFIT_MOST];
    struct calibrateservice_truth truth[SERVICEFIT_MOST];
    size_t truth_count;
    size_t count;  /* exchanges of the service */
    size_t joint;  /* that several prompts share: left out */
    size_t others; /* of other services */
    size_t of_transport[TRANSPORT_COUNT];
    bool done;             /* the operator has no more */
    char ahead[LINE_SIZE]; /* typed before it was asked for */
    bool has_ahead;
};

/* -- True counts ------------------------------------------------------------------------------ */

/* A whole number of tokens; what follows it is in *REST. */
static bool parse_tokens(const char *text, char **rest, double *tokens)
{
    errno = 0;
    *tokens = strtod(text, rest);
    return *rest != text && errno == 0 && *tokens >= 0 && *tokens <= MOST_TOKENS &&
           *tokens == floor(*tokens);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* Tokens out, and tokens in or nothing. NULL, or what is wrong. */
static const char *parse_counts(const char *at, struct calibrateservice_truth *truth)
{
    char *rest;

    truth->tokens_in = 0;
    if (is_blank(at) || !parse_tokens(at, &rest, &truth->tokens_out) || truth->tokens_out < 1)
        return "the output tokens are not a whole number of at least 1";
    if (!is_blank(rest) && (!parse_tokens(rest, &rest, &truth->tokens_in) || !is_blank(rest)))
        return "the input tokens are not a whole number";
    return NULL;
}

static const char *read_row(const char *line, size_t count, struct calibrateservice_truth *truth)
{
    double number;
    char *at;

    if (!parse_tokens(line, &at, &number))
        return "the exchange is not a number";
    if (number != (double)(count + 1))
        return "exchanges must be numbered 1, 2, 3... without holes";
    return parse_counts(at, truth);
}

size_t calibrateservice_read_truth(FILE *stream, const char *name,
                                   struct calibrateservice_truth *truth, size_t most, char *error,
                                   size_t error_size)
{
    char line[256];
    size_t count = 0;

    for (unsigned number = 1; fgets(line, sizeof(line), stream); number++) {
        const char *problem = NULL;

        if (!strchr(line, '\n') && !feof(stream))
            problem = "the line is too long";
        line[strcspn(line, "#")] = '\0';
        if (!problem && is_blank(line))
            continue;
        if (!problem)
            problem = count < most ? read_row(line, count, &truth[count]) : "too many exchanges";
        if (problem) {
            snprintf(error, error_size, "%s:%u: %s", name, number, problem);
            return 0;
        }
        count++;
    }
    if (count == 0)
        snprintf(error, error_size, "%s: it states no tokens", name);
    return count;
}

static bool load_truth(struct session *session)
{
    const char *path = session->options->truth;
    char error[PATH_MAX + 100];
    FILE *stream;

    if (!path)
        return true;
    stream = fopen(path, "re");
    if (stream) {
        session->truth_count = calibrateservice_read_truth(stream, path, session->truth,
                                                           SERVICEFIT_MOST, error, sizeof(error));
        fclose(stream);
    } else {
        snprintf(error, sizeof(error), "%s: %s", path, strerror(errno));
    }
    if (session->truth_count == 0)
        fprintf(stderr, "iagmeter: %s\n", error);
    return session->truth_count > 0;
}

/* False at the end, or when the operator says so. */
static bool read_line(struct session *session, char line[LINE_SIZE])
{
    if (session->has_ahead)
        memcpy(line, session->ahead, LINE_SIZE);
    else if (!fgets(line, LINE_SIZE, stdin))
        session->done = true;
    session->has_ahead = false;
    session->done = session->done || strncmp(line, "end", 3) == 0;
    return !session->done;
}

/* What is typed while no answer waits: the end, or for the next one. */
static void read_ahead(struct session *session)
{
    session->has_ahead = read_line(session, session->ahead);
}

/* Asks until it is told a number. Returns false when this is none of ours, or there are no more. */
static bool ask(struct session *session, struct calibrateservice_truth *truth)
{
    char line[LINE_SIZE];
    const char *problem;

    for (;;) {
        fputs("  its output tokens, and its input tokens if you know them (empty: not one of ours; "
              "\"end\": no more)? ",
              stderr);
        if (!read_line(session, line) || is_blank(line))
            return false;
        problem = parse_counts(line, truth);
        if (!problem)
            return true;
        fprintf(stderr, "  %s\n", problem);
    }
}

/* -- Exchanges -------------------------------------------------------------------------------- */

static void print_fit(const struct servicefit *fit, FILE *stream)
{
    const char *unit = fit->method == METHOD_M3 ? "records" : fit->method == METHOD_M5 ? "s" : "B";

    if (fit->n < SERVICEFIT_MINIMUM)
        return;
    if (fit->slope.central <= 0) {
        fprintf(stream, "  n = %zu: what is seen does not grow with the tokens\n", fit->n);
        return;
    }
    fprintf(stream, "  n = %zu: %.4g (%.4g to %.4g) %s by token", fit->n, fit->slope.central,
            fit->slope.low, fit->slope.high, unit);
    if (fit->has_overhead)
        fprintf(stream, ", overhead %.0f B (new connection), %.0f B (later)",
                fit->overhead_new.central, fit->overhead_more.central);
    if (fit->regime[0] != '\0')
        fprintf(stream, ", streamed as %s", fit->regime);
    if (fit->other_ways > 0)
        fprintf(stream, " (%zu streamed in another way: left out)", fit->other_ways);
    fprintf(stream, "; left out one by one: median error %.1f %%, bias of the sum %+.1f %%\n",
            100 * fit->median_error, 100 * fit->bias);
    if (fit->input.n >= SERVICEFIT_MINIMUM && fit->input.refusal[0] == '\0')
        fprintf(stream, "  input, n = %zu: %.4g (%.4g to %.4g) B by token; median error %.1f %%\n",
                fit->input.n, fit->input.bytes_per_token.central, fit->input.bytes_per_token.low,
                fit->input.bytes_per_token.high, 100 * fit->input.median_error);
}

static struct servicefit fit_session(const struct session *session)
{
    const struct estimator *estimator = &session->service->estimator;
    size_t least =
        session->options->least ? session->options->least : servicefit_least(estimator->method);

    struct servicefit fit =
        servicefit_fit(estimator, session->samples,
                       session->count < SERVICEFIT_MOST ? session->count : SERVICEFIT_MOST, least);

    servicecalibration_limit(estimator, &fit);
    return fit;
}

static void print_exchange(const struct session *session, enum service_transport transport,
                           const struct exchange_shape *shape)
{
    fprintf(stderr, "%zu (%s): %llu B in %u records, %.1f s\n", session->count + 1,
            service_transport_name(transport), (unsigned long long)shape->answer_bytes,
            shape->answer_records, (double)shape->answer_ns / (double)SECOND_NS);
    if (session->count > session->of_transport[transport])
        fputs("  not over the same transport as others: each is calibrated by itself, so that this "
              "session will be refused\n",
              stderr);
}

/* Its sizes are of several answers, and nobody can tell which part is whose. It has no number. */
static void leave_out(struct session *session, enum service_transport transport,
                      const struct exchange_shape *shape)
{
    session->joint++;
    fprintf(stderr,
            "left out (%s): %u prompts were answered together, which no count of tokens can be "
            "given for: send each after the last answer's end\n",
            service_transport_name(transport), shape->requests);
}

static void take_exchange(struct session *session, const struct message *message)
{
    enum service_transport transport = (enum service_transport)message->body.exchange.transport;
    const struct exchange_shape *shape = &message->body.exchange.shape;
    struct calibrateservice_truth truth = {0, 0};
    size_t number = session->count;
    struct servicefit fit;

    if (session->done)
        return;
    if (message->number != session->number) {
        session->others++;
        return;
    }
    if (shape->requests > 1) {
        leave_out(session, transport, shape);
        return;
    }
    print_exchange(session, transport, shape);
    if (!session->options->truth && !ask(session, &truth))
        return;
    session->count++;
    session->of_transport[transport]++;
    if (session->options->truth && number < session->truth_count)
        truth = session->truth[number];
    if (number >= SERVICEFIT_MOST)
        return;
    session->samples[number] =
        (struct servicefit_sample){*shape, truth.tokens_out, truth.tokens_in};
    fit = fit_session(session);
    print_fit(&fit, stderr);
}

/* -- Packets ---------------------------------------------------------------------------------- */

static int64_t wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static bool has_all(const struct session *session)
{
    return session->done || (session->options->truth && session->count >= session->truth_count);
}

static void wait_for_something(struct session *session, const struct calibratecapture *capture)
{
    bool listens = !session->options->truth && !session->has_ahead;
    struct pollfd descriptors[] = {
        {.fd = calibratecapture_descriptor(capture), .events = POLLIN},
        {.fd = listens ? STDIN_FILENO : -1, .events = POLLIN},
    };

    poll(descriptors, 2, POLL_MS);
    if (descriptors[1].revents)
        read_ahead(session);
}

/* What came, up to the end or, unless WAIT, as far as there is more. */
static enum message_status take_exchanges(struct session *session, struct calibratecapture *capture,
                                          bool wait)
{
    enum message_status status;
    struct message message;

    while ((status = calibratecapture_next(capture, wait, &message)) == MESSAGE_RECEIVED)
        if (message.type == MESSAGE_EXCHANGE)
            take_exchange(session, &message);
    return status;
}

/* Until the operator has no more, or the time is over. */
static void watch(struct session *session, struct calibratecapture *capture)
{
    int64_t end_ns = wall_ns() + session->options->seconds * SECOND_NS;
    enum message_status status = MESSAGE_NONE_YET;

    setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see all that was not read */
    fprintf(stderr,
            "send the prompts now, one after the other, each after the last answer's end; at most "
            "%u s%s\n",
            session->options->seconds,
            session->options->truth ? "" : "; type \"end\" when there are no more");
    while (status == MESSAGE_NONE_YET && !has_all(session) && wall_ns() < end_ns) {
        wait_for_something(session, capture);
        status = take_exchanges(session, capture, false);
    }
    calibratecapture_stop(capture);
}

static bool read_packets(struct session *session)
{
    const struct calibratecapture_setup setup = {.config = session->config,
                                                 .interface = session->options->interface,
                                                 .capture = session->options->capture,
                                                 .client = session->options->client};
    struct calibratecapture *capture = calibratecapture_start(&setup);
    enum message_status status;

    if (!capture)
        return false;
    if (setup.interface)
        watch(session, capture);
    status = take_exchanges(session, capture, true);
    return calibratecapture_end(capture) && status == MESSAGE_PEER_GONE;
}

/* -- What comes of it ------------------------------------------------------------------------- */

static bool check_exchanges(const struct session *session)
{
    const char *id = session->service->id;

    if (session->count == 0 && session->joint > 0)
        fprintf(stderr,
                "iagmeter: no exchange of %s can be used: several prompts were answered together; "
                "send each after the last answer's end\n",
                id);
    else if (session->count == 0 && session->others > 0)
        fprintf(stderr,
                "iagmeter: no exchange of %s was seen, but %zu of other services: the wrong "
                "service?\n",
                id, session->others);
    else if (session->count == 0)
        fprintf(stderr,
                "iagmeter: no traffic of %s was seen: is this where the client's packets pass, and "
                "is the address its own there?\n",
                id);
    else if (session->of_transport[TRANSPORT_TCP] > 0 && session->of_transport[TRANSPORT_QUIC] > 0)
        fprintf(stderr,
                "iagmeter: %zu exchanges over TCP and %zu over QUIC are mixed: switch one off in "
                "the client, as each is calibrated by itself\n",
                session->of_transport[TRANSPORT_TCP], session->of_transport[TRANSPORT_QUIC]);
    else if (session->options->truth && session->truth_count != session->count)
        fprintf(stderr,
                "iagmeter: %s states the tokens of %zu exchanges, but %zu were seen: which is "
                "which cannot be told\n",
                session->options->truth, session->truth_count, session->count);
    else if (session->count > SERVICEFIT_MOST)
        fprintf(stderr, "iagmeter: more than %d exchanges\n", SERVICEFIT_MOST);
    else
        return true;
    return false;
}

static bool write_to(const struct session *session, const struct servicefit *fit, FILE *stream)
{
    enum service_transport transport =
        session->of_transport[TRANSPORT_QUIC] > 0 ? TRANSPORT_QUIC : TRANSPORT_TCP;

    return servicecalibration_write(session->service->id, transport, &session->service->estimator,
                                    fit, session->options->now_s, stream) &&
           fflush(stream) == 0;
}

static int write_file(const struct session *session, const struct servicefit *fit)
{
    char path[PATH_MAX];
    int descriptor;
    FILE *stream;
    bool written;

    if (strcmp(session->options->output, "-") == 0)
        return write_to(session, fit, stdout) ? EXIT_SUCCESS : EXIT_TROUBLE;
    descriptor =
        calibrate_create(session->options->output, session->config->path, session->service->id,
                         session->options->now_s, path, sizeof(path));
    stream = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    written = stream && write_to(session, fit, stream) && fsync(descriptor) == 0;
    if (!stream || fclose(stream) != 0 || !written) {
        fprintf(stderr, "iagmeter: %s: %s\n", path, strerror(errno));
        if (descriptor >= 0)
            unlink(path);
        return EXIT_TROUBLE;
    }
    printf("%s\nadd it to `calibrations` in %s, check with `iagmeterd -t`, and reload\n", path,
           session->config->path);
    return EXIT_SUCCESS;
}

static int conclude(const struct session *session)
{
    struct servicefit fit;

    if (!check_exchanges(session))
        return EXIT_TROUBLE;
    fit = fit_session(session);
    if (fit.refusal[0] != '\0') {
        fprintf(stderr, "iagmeter: %s: %s\n", session->service->id, fit.refusal);
        return EXIT_TROUBLE;
    }
    return write_file(session, &fit);
}

/* -- Life ------------------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool check_options(const struct calibrateservice_options *options,
                          const struct config *config)
{
    uint16_t number = catalogue_find(config->catalogue, options->service);

    if (number == SERVICE_NONE)
        fprintf(stderr, "iagmeter: there is no service \"%s\" in services.conf\n",
                options->service);
    else if (catalogue_service(config->catalogue, number)->local)
        fprintf(stderr, "iagmeter: service %s is local: its tokens are counted, not estimated\n",
                options->service);
    else if (!options->interface == !options->capture)
        fputs("iagmeter: calibrate service takes --interface NAME or --read FILE\n", stderr);
    else if (options->interface && !options->client)
        fputs("iagmeter: --interface needs --client ADDRESS: only one known client is watched\n",
              stderr);
    else if (options->client && !is_address(options->client))
        fputs("iagmeter: --client takes an IP address\n", stderr);
    else if (options->least > 0 && options->least < SERVICEFIT_MINIMUM)
        fprintf(stderr, "iagmeter: --least takes %d or more\n", SERVICEFIT_MINIMUM);
    else
        return true;
    return false;
}

int calibrateservice_run(const struct calibrateservice_options *options,
                         const struct config *config)
{
    struct session *session;
    int status = EXIT_TROUBLE;

    if (!check_options(options, config))
        return EXIT_CONFIGURATION;
    session = calloc(1, sizeof(*session));
    if (!session)
        return EXIT_TROUBLE;
    session->options = options;
    session->config = config;
    session->number = catalogue_find(config->catalogue, options->service);
    session->service = catalogue_service(config->catalogue, session->number);
    if (!load_truth(session))
        status = EXIT_CONFIGURATION;
    else if (read_packets(session))
        status = conclude(session);
    free(session);
    return status;
}
