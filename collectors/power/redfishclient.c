/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/redfishclient.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_BYTES = 1 << 20, /* of a document */
    MOST_REDIRECTS = 3,
    MOST_FAREWELL_MS = 2000, /* to end a session that would end by itself */
    TOKEN_SIZE = 512,
    URL_SIZE = 1024,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_GONE = 410,
    HTTP_NOT_IMPLEMENTED = 501
};

struct redfish_client {
    struct redfish_options options;
    char password[REDFISH_PASSWORD_SIZE];
    CURL *curl;
    const atomic_bool *stop;
    enum power_status status;
    char why[320];
    bool unsure;
    char token[TOKEN_SIZE]; /* of the session; "": none is open */
    char session[URL_SIZE]; /* its address, to end it */
};

struct body {
    char *bytes;
    size_t length;
};

bool redfishclient_fail(struct redfish_client *client, enum power_status status, const char *format,
                        ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(client->why, sizeof(client->why), format, arguments);
    va_end(arguments);
    client->status = status;
    return false;
}

/* --- Requests --- */

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct body *body = context;
    size_t length = size * count;
    char *grown;

    if (length > MOST_BYTES - body->length)
        return 0;
    grown = realloc(body->bytes, body->length + length + 1);
    if (!grown)
        return 0;
    memcpy(grown + body->length, bytes, length);
    body->bytes = grown;
    body->length += length;
    return length;
}

static int check_stop(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                      curl_off_t up)
{
    const struct redfish_client *client = context;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return atomic_load(client->stop);
}

/* What is the same for all requests. Only over TLS, to the BMC itself, and by no environment
 * variable's proxy. */
static bool set_up(struct redfish_client *client)
{
    const struct redfish_options *options = &client->options;
    bool by_authority = options->verify && !options->pin[0];
    CURL *curl = client->curl;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "iagmeter");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, check_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    /* Whoever pins a key trusts it, whatever signed it, and whatever name it is under. */
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, by_authority ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, by_authority ? 2L : 0L);
    if (options->pin[0] &&
        curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, options->pin) != CURLE_OK)
        return false;
    if (options->ca_file[0] && curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file) != CURLE_OK)
        return false;
    if (options->login == REDFISH_BASIC && options->user[0]) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, options->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, client->password);
    }
    return true;
}

/* Whether URL is on the BMC itself. */
static bool is_ours(const struct redfish_client *client, const char *url)
{
    size_t length = strlen(client->options.url);

    return strncmp(url, client->options.url, length) == 0 && url[length] == '/';
}

/* TO without user and password: libcurl puts those of the request there, if they go with it. False
 * for what is no URL, or too long. */
static bool without_login(const char *to, char url[URL_SIZE])
{
    CURLU *parts = curl_url();
    char *text = NULL;
    bool valid = parts && curl_url_set(parts, CURLUPART_URL, to, 0) == CURLUE_OK &&
                 curl_url_set(parts, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
                 curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK &&
                 strlen(text) < URL_SIZE;

    if (valid)
        snprintf(url, URL_SIZE, "%s", text);
    curl_free(text);
    curl_url_cleanup(parts);
    return valid;
}

/* A BMC may have moved a document, but not to another machine, which would get the password. */
static bool follow(struct redfish_client *client, char url[URL_SIZE])
{
    char *to = NULL;

    curl_easy_getinfo(client->curl, CURLINFO_REDIRECT_URL, &to);
    if (!to)
        return redfishclient_fail(client, POWER_FAILED,
                                  "it sends us on, and does not say where to");
    if (!without_login(to, url) || !is_ours(client, url))
        return redfishclient_fail(client, POWER_FAILED,
                                  "it sends us elsewhere, which is not followed");
    return true;
}

static struct curl_slist *headers_of(const struct redfish_client *client)
{
    char token[TOKEN_SIZE + 16];
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");

    headers = curl_slist_append(headers, "OData-Version: 4.0"); /* DSP0266, 6.5 */
    headers = curl_slist_append(headers, "Content-Type: application/json");
    if (client->token[0]) {
        snprintf(token, sizeof(token), "X-Auth-Token: %s", client->token);
        headers = curl_slist_append(headers, token);
        explicit_bzero(token, sizeof(token));
    }
    return headers;
}

/* One request, whose answer's status is returned; 0 when there was none, as WHY says. */
static long send_request(struct redfish_client *client, const char *url, const char *method,
                         const char *document, struct body *body)
{
    struct curl_slist *headers;
    CURLcode result;
    long status = 0;

    if (!set_up(client)) {
        redfishclient_fail(client, POWER_FAILED, "cannot use its ca_file or pin");
        return 0;
    }
    headers = headers_of(client);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    if (document)
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, document);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, body);
    result = curl_easy_perform(client->curl);
    curl_slist_free_all(headers);
    if (result != CURLE_OK)
        redfishclient_fail(client, POWER_FAILED, "%s", curl_easy_strerror(result));
    else
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_redirect(long status)
{
    return status / 100 == 3;
}

/* GET of PATH; the answer's status, or 0. */
static long get_status(struct redfish_client *client, const char *path, struct body *body)
{
    char url[URL_SIZE];
    long status;

    snprintf(url, sizeof(url), "%s%s", client->options.url, path);
    for (int i = 0; i <= MOST_REDIRECTS; i++) {
        free(body->bytes);
        *body = (struct body){NULL, 0};
        status = send_request(client, url, "GET", NULL, body);
        if (!is_redirect(status))
            return status;
        if (!follow(client, url))
            return 0;
    }
    redfishclient_fail(client, POWER_FAILED, "it sends us round and round");
    return 0;
}

static json_t *parse(struct redfish_client *client, const struct body *body, const char *path)
{
    json_t *document =
        json_loadb(body->bytes ? body->bytes : "", body->length, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(document)) {
        redfishclient_fail(client, POWER_FAILED, "%s is not a JSON object", path);
        json_decref(document);
        return NULL;
    }
    return document;
}

/* --- Sessions --- */

/* DSP0266, 13.3.4.2: the token is a header of the answer, and so is the address of the session. */
static bool keep_session(struct redfish_client *client)
{
    struct curl_header *header;

    if (curl_easy_header(client->curl, "X-Auth-Token", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        strlen(header->value) >= sizeof(client->token))
        return redfishclient_fail(client, POWER_FAILED, "its session service gave no token");
    snprintf(client->token, sizeof(client->token), "%s", header->value);
    client->session[0] = '\0';
    if (curl_easy_header(client->curl, "Location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        snprintf(client->session, sizeof(client->session), "%s%s",
                 header->value[0] == '/' ? client->options.url : "", header->value);
    if (!is_ours(client, client->session))
        client->session[0] = '\0';
    return true;
}

static char *credentials(const struct redfish_client *client)
{
    json_t *document =
        json_pack("{s:s, s:s}", "UserName", client->options.user, "Password", client->password);
    char *text = json_dumps(document, JSON_COMPACT);

    json_decref(document);
    return text;
}

static bool log_in(struct redfish_client *client)
{
    struct body body = {NULL, 0};
    char url[URL_SIZE];
    char *document = credentials(client);
    long status;

    if (!document)
        return redfishclient_fail(client, POWER_FAILED, "user or password is not UTF-8");
    snprintf(url, sizeof(url), "%s" REDFISH_ROOT "SessionService/Sessions", client->options.url);
    client->token[0] = '\0';
    status = send_request(client, url, "POST", document, &body);
    explicit_bzero(document, strlen(document));
    free(document);
    free(body.bytes);
    if (status / 100 == 2)
        return keep_session(client);
    if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN)
        return redfishclient_fail(client, POWER_DENIED, "it refuses this user and password");
    return status ? redfishclient_fail(client, POWER_FAILED, "its session service answers HTTP %ld",
                                       status)
                  : false;
}

static void log_out(struct redfish_client *client)
{
    static const atomic_bool go_on = false;
    struct body body = {NULL, 0};

    client->stop = &go_on;
    if (client->options.timeout_ms > MOST_FAREWELL_MS)
        client->options.timeout_ms = MOST_FAREWELL_MS;
    if (client->token[0] && client->session[0])
        send_request(client, client->session, "DELETE", NULL, &body);
    free(body.bytes);
}

static bool needs_session(const struct redfish_client *client)
{
    return client->options.login == REDFISH_SESSION && client->options.user[0];
}

/* --- Documents --- */

static bool is_none(long status)
{
    return status == HTTP_NOT_FOUND || status == HTTP_GONE || status == HTTP_NOT_IMPLEMENTED;
}

/* A session that has run out is begun anew, once. */
json_t *redfishclient_get(struct redfish_client *client, const char *path)
{
    struct body body = {NULL, 0};
    json_t *document = NULL;
    long status = 0;

    if (!needs_session(client) || client->token[0] || log_in(client))
        status = get_status(client, path, &body);
    if (status == HTTP_UNAUTHORIZED && needs_session(client) && log_in(client))
        status = get_status(client, path, &body);
    if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN)
        redfishclient_fail(client, POWER_DENIED, "%s: no permission (HTTP %ld)", path, status);
    else if (status / 100 == 2)
        document = parse(client, &body, path);
    else if (status)
        redfishclient_fail(client, POWER_FAILED, "%s: HTTP %ld", path, status);
    client->unsure |= !document && !is_none(status);
    free(body.bytes);
    return document;
}

/* --- The client --- */

static void start_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct redfish_client *redfishclient_new(const struct redfish_options *options,
                                         const char *password)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    struct redfish_client *client = calloc(1, sizeof(*client));

    pthread_once(&started, start_library);
    if (!client)
        return NULL;
    client->options = *options;
    snprintf(client->password, sizeof(client->password), "%s", password);
    client->curl = curl_easy_init();
    if (client->curl)
        return client;
    free(client);
    return NULL;
}

void redfishclient_begin(struct redfish_client *client, const atomic_bool *stop)
{
    client->stop = stop;
    client->status = POWER_OK;
    client->why[0] = '\0';
    client->unsure = false;
}

enum power_status redfishclient_status(const struct redfish_client *client)
{
    return client->status;
}

bool redfishclient_is_unsure(const struct redfish_client *client)
{
    return client->unsure;
}

const char *redfishclient_why(const struct redfish_client *client)
{
    return client->why;
}

void redfishclient_free(struct redfish_client *client)
{
    if (!client)
        return;
    log_out(client);
    curl_easy_cleanup(client->curl);
    explicit_bzero(client, sizeof(*client));
    free(client);
}
