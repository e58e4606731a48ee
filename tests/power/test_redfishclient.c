/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The client alone, against services that a test's own process plays: one of TLS, by
 * tests/power/bmc.mjs, and ones that speak none, or stop in the middle. */

#include "collectors/power/redfishclient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "tests/power/bmc.h"

static struct redfish_client *client;
static atomic_bool stop;

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    options = (struct redfish_options){
        .verify = true, .login = REDFISH_SESSION, .every_ms = 1000, .timeout_ms = 20000};
    atomic_store(&stop, false);
    if (testable)
        start_bmc(1000);
    return 0;
}

static int teardown(void **state)
{
    redfishclient_free(client);
    client = NULL;
    helper_stop(&bmc);
    return scratch_teardown(state);
}

static void start(const char *user, const char *password)
{
    snprintf(options.user, sizeof(options.user), "%s", user);
    client = redfishclient_new(&options, password);
    assert_non_null(client);
    redfishclient_begin(client, &stop);
}

/* The number of PATH's member "n"; -1: it cannot be had. */
static int number_at(const char *path)
{
    json_t *document = redfishclient_get(client, path);
    int number = document ? (int)json_integer_value(json_object_get(document, "n")) : -1;

    json_decref(document);
    return number;
}

static unsigned requests(const char *request)
{
    static char text[1U << 14];
    char path[PATH_MAX];
    unsigned count = 0;
    FILE *stream;

    scratch_path(path, "requests");
    stream = fopen(path, "re");
    text[stream ? fread(text, 1, sizeof(text) - 1, stream) : 0] = '\0';
    if (stream)
        fclose(stream);
    for (const char *at = text; (at = strstr(at, request)) != NULL; at++)
        count++;
    return count;
}

#define assert_refused(path, how, because)                                                         \
    do {                                                                                           \
        assert_int_equal(number_at(path), -1);                                                     \
        assert_int_equal(redfishclient_status(client), how);                                       \
        if (!strstr(redfishclient_why(client), because))                                           \
            fail_msg("\"%s\" is not in \"%s\"", because, redfishclient_why(client));               \
    } while (0)

/* -- Documents ----------------------------------------------------------------------------------
 */

static void a_document_is_had_and_nothing_went_wrong(void **state)
{
    NEEDS_BMC;
    serve("{\"documents\":{\"/a\":{\"n\":7}}}");
    start("", "");
    assert_int_equal(number_at("/a"), 7);
    assert_int_equal(redfishclient_status(client), POWER_OK);
    assert_string_equal(redfishclient_why(client), "");
    assert_int_equal(requests("GET /a none"), 1);
}

static void what_went_wrong_is_said_until_it_begins_anew(void **state)
{
    NEEDS_BMC;
    serve("{\"documents\":{\"/a\":{\"n\":7},\"/503\":{\"$status\":503},\"/403\":{\"$status\":403},"
          "\"/text\":{\"$raw\":\"{\\\"n\\\":7\"},\"/array\":{\"$raw\":\"[7]\"},"
          "\"/twice\":{\"$raw\":\"{\\\"n\\\":7,\\\"n\\\":8}\"},\"/empty\":{\"$raw\":\"\"}}}");
    start("", "");
    assert_refused("/503", POWER_FAILED, "/503: HTTP 503");
    assert_refused("/403", POWER_DENIED, "/403: no permission (HTTP 403)");
    assert_refused("/404", POWER_FAILED, "/404: HTTP 404");
    assert_refused("/text", POWER_FAILED, "/text is not a JSON object");
    assert_refused("/array", POWER_FAILED, "/array is not a JSON object");
    assert_refused("/twice", POWER_FAILED, "/twice is not a JSON object");
    assert_refused("/empty", POWER_FAILED, "/empty is not a JSON object");
    assert_int_equal(number_at("/a"), 7);
    assert_int_equal(redfishclient_status(client), POWER_FAILED);
    redfishclient_begin(client, &stop);
    assert_int_equal(redfishclient_status(client), POWER_OK);
    assert_string_equal(redfishclient_why(client), "");
}

/* A megabyte is read, and not a byte more. */
static void a_document_may_be_large_but_not_too_large(void **state)
{
    static char script[(1 << 20) + 200];
    const size_t around = strlen("{\"n\":7,\"x\":\"\"}");

    NEEDS_BMC;
    for (int more = 0; more < 2; more++) {
        size_t filler = (1 << 20) - around + (size_t)more;
        size_t used =
            (size_t)snprintf(script, sizeof(script), "{\"documents\":{\"/a\":{\"n\":7,\"x\":\"");

        memset(script + used, 'x', filler);
        snprintf(script + used + filler, 10, "\"}}}");
        serve(script);
        start("", "");
        assert_int_equal(number_at("/a"), more ? -1 : 7);
        assert_int_equal(redfishclient_status(client), more ? POWER_FAILED : POWER_OK);
        redfishclient_free(client);
        client = NULL;
    }
}

static void it_goes_where_it_is_sent_on_the_same_service_alone(void **state)
{
    char script[2000];

    NEEDS_BMC;
    snprintf(script, sizeof(script),
             "{\"user\":\"meter\",\"password\":\"secret1\",\"documents\":{\"/a\":{\"n\":7},"
             "\"/moved\":{\"$location\":\"/a\"},\"/round\":{\"$location\":\"/round\"},"
             "\"/other\":{\"$location\":\"https://localhost%s/a\"},"
             "\"/longer\":{\"$location\":\"%s.example.org/a\"},"
             "\"/user\":{\"$location\":\"https://127.0.0.1@localhost/a\"},"
             "\"/304\":{\"$status\":304},\"/plain\":{\"$location\":\"http://127.0.0.1%s/a\"}}}",
             strrchr(options.url, ':'), options.url, strrchr(options.url, ':'));
    serve(script);
    options.login = REDFISH_BASIC;
    options.verify = false; /* nothing else stops it */
    start("meter", "secret1");
    assert_int_equal(number_at("/moved"), 7);
    assert_refused("/round", POWER_FAILED, "round and round");
    assert_refused("/other", POWER_FAILED, "elsewhere");
    assert_refused("/longer", POWER_FAILED, "elsewhere");
    assert_refused("/user", POWER_FAILED, "elsewhere");
    assert_refused("/304", POWER_FAILED, "does not say where");
    assert_refused("/plain", POWER_FAILED, "elsewhere");
    assert_int_equal(requests("GET /a "), 1);
}

/* -- Sessions -----------------------------------------------------------------------------------
 */

#define SECURED(more)                                                                              \
    "{\"user\":\"meter\",\"password\":\"secret1\"," more "\"documents\":{\"/a\":{\"n\":7}}}"

static void a_session_is_used_again_and_ended(void **state)
{
    NEEDS_BMC;
    serve(SECURED(""));
    start("meter", "secret1");
    for (int i = 0; i < 5; i++)
        assert_int_equal(number_at("/a"), 7);
    assert_int_equal(requests("POST /redfish/v1/SessionService/Sessions"), 1);
    assert_int_equal(requests("GET /a session"), 5);
    redfishclient_free(client);
    client = NULL;
    assert_int_equal(requests("DELETE /redfish/v1/SessionService/Sessions/1 session"), 1);
}

static void a_session_that_ran_out_is_begun_anew_once(void **state)
{
    NEEDS_BMC;
    serve(SECURED("\"expire\":2,"));
    start("meter", "secret1");
    for (int i = 0; i < 6; i++)
        assert_int_equal(number_at("/a"), 7);
    assert_int_equal(requests("POST "), 3);
    assert_int_equal(requests("GET /a expired"), 2);
    serve(SECURED("\"expire\":0,"));
    assert_refused("/a", POWER_DENIED, "no permission (HTTP 401)");
    assert_int_equal(requests("POST "), 4); /* not again and again */
}

static void a_wrong_password_is_denied_and_told_to_nobody_else(void **state)
{
    NEEDS_BMC;
    serve(SECURED(""));
    start("meter", "secret2");
    assert_refused("/a", POWER_DENIED, "refuses this user and password");
    assert_int_equal(requests("GET"), 0);
    redfishclient_free(client);
    options.login = REDFISH_BASIC;
    start("meter", "secret2");
    assert_refused("/a", POWER_DENIED, "no permission (HTTP 401)");
    assert_int_equal(requests("POST"), 1);
    assert_null(strstr(redfishclient_why(client), "secret"));
}

static void credentials_that_are_no_text_are_not_sent(void **state)
{
    NEEDS_BMC;
    serve(SECURED(""));
    start("meter", "\xff");
    assert_refused("/a", POWER_FAILED, "not UTF-8");
    assert_int_equal(requests("POST"), 0);
}

/* -- TLS ----------------------------------------------------------------------------------------
 */

static void who_is_not_vouched_for_hears_nothing(void **state)
{
    NEEDS_BMC;
    serve(SECURED(""));
    options.ca_file[0] = '\0';
    start("meter", "secret1");
    assert_refused("/a", POWER_FAILED, "certificate");
    redfishclient_free(client);
    snprintf(options.ca_file, sizeof(options.ca_file), "/nonexistent");
    start("meter", "secret1");
    assert_int_equal(number_at("/a"), -1);
    redfishclient_free(client);
    snprintf(options.ca_file, sizeof(options.ca_file), "%s/certificate", keys);
    snprintf(options.pin, sizeof(options.pin),
             "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    start("meter", "secret1");
    assert_int_equal(number_at("/a"), -1);
    assert_int_equal(requests(" "), 0);
}

/* One that takes connections and says TEXT, whatever it hears. */
struct speaker {
    int socket;
    const char *text;
    char heard[4096];
    pthread_t thread;
};

static void *speak(void *context)
{
    struct speaker *speaker = context;
    int connection = accept(speaker->socket, NULL, NULL);

    if (connection < 0)
        return NULL;
    if (speaker->text)
        send(connection, speaker->text, strlen(speaker->text), MSG_NOSIGNAL);
    for (size_t length = 0; length < sizeof(speaker->heard) - 1;) {
        ssize_t more =
            recv(connection, speaker->heard + length, sizeof(speaker->heard) - 1 - length, 0);

        if (more <= 0)
            break;
        length += (size_t)more;
    }
    close(connection);
    return NULL;
}

static void start_speaker(struct speaker *speaker)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);

    speaker->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(speaker->socket, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(speaker->socket, 1), 0);
    assert_int_equal(getsockname(speaker->socket, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(pthread_create(&speaker->thread, NULL, speak, speaker), 0);
    snprintf(options.url, sizeof(options.url), "https://127.0.0.1:%u", ntohs(address.sin_port));
}

static void stop_speaker(struct speaker *speaker)
{
    redfishclient_free(client); /* and its connection */
    client = NULL;
    shutdown(speaker->socket, SHUT_RDWR);
    pthread_join(speaker->thread, NULL);
    close(speaker->socket);
}

/* A BMC whose port 443 became one of plain HTTP. */
static void who_speaks_no_tls_hears_no_password(void **state)
{
    struct speaker speaker = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"n\":7}"};

    (void)state;
    start_speaker(&speaker);
    options.verify = false;
    options.login = REDFISH_BASIC;
    start("meter", "secret1");
    assert_int_equal(number_at("/a"), -1);
    assert_int_equal(redfishclient_status(client), POWER_FAILED);
    assert_true(strlen(redfishclient_why(client)) > 0);
    stop_speaker(&speaker);
    assert_null(strstr(speaker.heard, "GET"));
    assert_null(strstr(speaker.heard, "meter"));
}

static void who_never_answers_is_given_up_after_a_while(void **state)
{
    struct speaker speaker = {.text = NULL};

    (void)state;
    start_speaker(&speaker);
    options.timeout_ms = 50;
    start("", "");
    assert_refused("/a", POWER_FAILED, "imeout");
    stop_speaker(&speaker);
}

/* Were it waited for, this test would take an hour. */
static void who_never_answers_does_not_hold_up_the_end(void **state)
{
    struct speaker speaker = {.text = NULL};

    (void)state;
    start_speaker(&speaker);
    options.timeout_ms = 3600000;
    atomic_store(&stop, true);
    start("", "");
    assert_int_equal(number_at("/a"), -1);
    assert_int_equal(redfishclient_status(client), POWER_FAILED);
    stop_speaker(&speaker);
}

static void who_is_not_there_fails(void **state)
{
    (void)state;
    snprintf(options.url, sizeof(options.url), "https://127.0.0.1:1");
    start("", "");
    assert_refused("/a", POWER_FAILED, "connect");
    redfishclient_free(NULL);
}

static void a_url_of_another_scheme_is_not_asked(void **state)
{
    struct speaker speaker = {.text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"n\":7}"};
    char port[8];

    (void)state;
    start_speaker(&speaker);
    snprintf(port, sizeof(port), "%.7s", strrchr(options.url, ':'));
    snprintf(options.url, sizeof(options.url), "http://127.0.0.1%s", port);
    start("", "");
    assert_int_equal(number_at("/a"), -1);
    stop_speaker(&speaker);
    assert_string_equal(speaker.heard, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_had_and_nothing_went_wrong),
        TEST(what_went_wrong_is_said_until_it_begins_anew),
        TEST(a_document_may_be_large_but_not_too_large),
        TEST(it_goes_where_it_is_sent_on_the_same_service_alone),
        TEST(a_session_is_used_again_and_ended),
        TEST(a_session_that_ran_out_is_begun_anew_once),
        TEST(a_wrong_password_is_denied_and_told_to_nobody_else),
        TEST(credentials_that_are_no_text_are_not_sent),
        TEST(who_is_not_vouched_for_hears_nothing),
        TEST(who_speaks_no_tls_hears_no_password),
        TEST(who_never_answers_is_given_up_after_a_while),
        TEST(who_never_answers_does_not_hold_up_the_end),
        TEST(who_is_not_there_fails),
        TEST(a_url_of_another_scheme_is_not_asked),
    };

    return cmocka_run_group_tests_name("redfishclient", tests, make_keys, remove_keys);
}
