/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/power/snmp.h"

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/power/fetcher.h"
#include "collectors/power/secretfile.h"

enum { SECRET_SIZE = 128, US_PER_MS = 1000, MOST_SKIPPED = 32 };

/* One unit, and how it goes with it: all are the fetcher's thread's. */
struct peer {
    const struct snmp_unit *unit;
    char secret[SECRET_SIZE]; /* community, or password */
    char privacy[SECRET_SIZE];
    void *session; /* NULL: none is open */
    unsigned skip; /* fetches until it is asked again, after it did not answer */
    unsigned skipped_last;
    char why[240]; /* of the last time; "": it answers */
};

struct snmp {
    struct fetched_source source;
    struct snmp_options options;
    struct peer peers[SNMP_MAX_UNITS];
};

/* Net-SNMP reads files of its own for whatever runs in it, and keeps a state: not here. */
static void start_library(void)
{
    static const int switches[] = {
        NETSNMP_DS_LIB_DONT_READ_CONFIGS,
        NETSNMP_DS_LIB_DONT_PERSIST_STATE,
        NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD,
        NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE,
    };

    for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
        netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, switches[i], 1);
    netsnmp_set_mib_directory("");
    netsnmp_register_loghandler(NETSNMP_LOGHANDLER_NONE, LOG_DEBUG);
    init_snmp("iagmeter");
}

/* RFC 3414, A.2: keys are made of passwords. */
static bool make_key(netsnmp_session *session, const char *password, u_char *key, size_t *length)
{
    return generate_Ku(session->securityAuthProto, (u_int)session->securityAuthProtoLen,
                       (const u_char *)password, strlen(password), key, length) == SNMPERR_SUCCESS;
}

static bool describe_user(netsnmp_session *session, struct peer *peer)
{
    const struct snmp_unit *unit = peer->unit;

    session->version = SNMP_VERSION_3;
    session->securityName = (char *)(uintptr_t)unit->user;
    session->securityNameLen = strlen(unit->user);
    session->securityLevel =
        unit->privacy_file[0] ? SNMP_SEC_LEVEL_AUTHPRIV : SNMP_SEC_LEVEL_AUTHNOPRIV;
    session->securityAuthProto = unit->authentication == SNMP_SHA256 ? usmHMAC192SHA256AuthProtocol
                                                                     : usmHMACSHA1AuthProtocol;
    session->securityAuthProtoLen = USM_AUTH_PROTO_SHA_LEN;
    session->securityAuthKeyLen = sizeof(session->securityAuthKey);
    if (!make_key(session, peer->secret, session->securityAuthKey, &session->securityAuthKeyLen))
        return false;
    if (!unit->privacy_file[0])
        return true;
    session->securityPrivProto = usmAESPrivProtocol;
    session->securityPrivProtoLen = USM_PRIV_PROTO_AES_LEN;
    session->securityPrivKeyLen = sizeof(session->securityPrivKey);
    return make_key(session, peer->privacy, session->securityPrivKey, &session->securityPrivKeyLen);
}

static enum power_status complain(struct peer *peer, int number)
{
    snprintf(peer->why, sizeof(peer->why), "%s: %s", peer->unit->name, snmp_api_errstring(number));
    switch (number) {
    case SNMPERR_AUTHENTICATION_FAILURE:
    case SNMPERR_UNKNOWN_USER_NAME:
    case SNMPERR_UNSUPPORTED_SEC_LEVEL:
    case SNMPERR_DECRYPTION_ERR:
        return POWER_DENIED;
    default:
        return POWER_FAILED;
    }
}

/* For SNMP v3, asks the unit for its engine's identifier (RFC 3414, 4). */
static enum power_status open_session(struct peer *peer, unsigned timeout_ms)
{
    netsnmp_session session;

    snmp_sess_init(&session);
    session.peername = (char *)(uintptr_t)peer->unit->host;
    session.timeout = (long)timeout_ms * US_PER_MS;
    session.retries = 1;
    if (peer->unit->version == SNMP_V2C) {
        session.version = SNMP_VERSION_2c;
        session.community = (u_char *)peer->secret;
        session.community_len = strlen(peer->secret);
    } else if (!describe_user(&session, peer)) {
        snprintf(peer->why, sizeof(peer->why),
                 "%s: a password of SNMP v3 has 8 characters at least", peer->unit->name);
        return POWER_DENIED;
    }
    peer->session = snmp_sess_open(&session);
    explicit_bzero(session.securityAuthKey, sizeof(session.securityAuthKey));
    explicit_bzero(session.securityPrivKey, sizeof(session.securityPrivKey));
    return peer->session ? POWER_OK : complain(peer, session.s_snmp_errno);
}

/* The library would go on to use the keys of this user's old password. */
static void forget_user(const netsnmp_session *session)
{
    struct usmUser *user = NULL;

    if (session && session->version == SNMP_VERSION_3)
        user = usm_get_user(session->securityEngineID, session->securityEngineIDLen,
                            session->securityName);
    if (!user)
        return;
    usm_remove_user(user);
    usm_free_user(user);
}

static void close_session(struct peer *peer)
{
    if (!peer->session)
        return;
    forget_user(snmp_sess_session(peer->session));
    snmp_sess_close(peer->session);
    peer->session = NULL;
}

static struct pdu_answer answer_of(const netsnmp_variable_list *variable)
{
    switch (variable->type) {
    case ASN_INTEGER:
        return (struct pdu_answer){true, *variable->val.integer};
    case ASN_GAUGE: /* and Unsigned32, which is the same on the wire (RFC 2578, 7.1.7) */
    case ASN_COUNTER:
        return (struct pdu_answer){true, (uint32_t)*variable->val.integer};
    case ASN_COUNTER64:
        return (struct pdu_answer){true, (int64_t)((uint64_t)variable->val.counter64->high << 32 |
                                                   (uint32_t)variable->val.counter64->low)};
    default: /* noSuchObject and the like (RFC 3416, 3) */
        return (struct pdu_answer){false, 0};
    }
}

/* False when something else than what was asked for was answered. */
static bool take_answers(const netsnmp_pdu *response, const struct pdu_query *query,
                         struct pdu_answer answers[PDU_MAX_OBJECTS])
{
    const netsnmp_variable_list *variable = response->variables;

    for (size_t i = 0; i < query->count; i++, variable = variable->next_variable) {
        if (!variable || snmp_oid_compare(variable->name, variable->name_length, query->oid[i],
                                          query->length[i]) != 0)
            return false;
        answers[i] = answer_of(variable);
    }
    return true;
}

static struct fetched decode_response(struct peer *peer, const struct pdu_point *point,
                                      const struct pdu_query *query, const netsnmp_pdu *response)
{
    struct pdu_answer answers[PDU_MAX_OBJECTS] = {{false, 0}};
    struct fetched result = {POWER_FAILED, 0};

    if (response->errstat == SNMP_ERR_NOERROR && take_answers(response, query, answers))
        result = pdu_decode(point, answers);
    else if (response->errstat == SNMP_ERR_AUTHORIZATIONERROR ||
             response->errstat == SNMP_ERR_NOACCESS)
        result.status = POWER_DENIED;
    if (result.status != POWER_OK)
        snprintf(peer->why, sizeof(peer->why), "%s: %s", peer->unit->name,
                 response->errstat == SNMP_ERR_NOERROR
                     ? "does not meter this point (is its model the right one?)"
                     : snmp_errstring((int)response->errstat));
    return result;
}

static struct fetched ask(struct peer *peer, const struct pdu_point *point)
{
    struct fetched result = {POWER_FAILED, 0};
    netsnmp_pdu *request = snmp_pdu_create(SNMP_MSG_GET);
    netsnmp_pdu *response = NULL;
    struct pdu_query query;
    int error = SNMPERR_MALLOC;

    if (!request) {
        result.status = complain(peer, error);
        return result;
    }
    pdu_ask(point, &query);
    for (size_t i = 0; i < query.count; i++)
        snmp_add_null_var(request, query.oid[i], query.length[i]);
    if (snmp_sess_synch_response(peer->session, request, &response) == STAT_SUCCESS && response) {
        result = decode_response(peer, point, &query, response);
    } else {
        snmp_sess_error(peer->session, NULL, &error, NULL);
        result.status = complain(peer, error);
        close_session(peer);
    }
    if (response)
        snmp_free_pdu(response);
    return result;
}

/* After it did not answer, a unit is left out for ever longer, since it holds up the others. */
static void note_silence(struct peer *peer)
{
    bool silent = peer->session == NULL;
    unsigned doubled = peer->skipped_last ? 2 * peer->skipped_last : 1;

    peer->skipped_last = !silent ? 0 : doubled < MOST_SKIPPED ? doubled : MOST_SKIPPED;
    peer->skip = peer->skipped_last;
}

static void fetch_peer(struct peer *peer, unsigned timeout_ms, struct fetched *results)
{
    enum power_status status = POWER_OK;

    peer->why[0] = '\0';
    if (!peer->session)
        status = open_session(peer, timeout_ms);
    for (size_t i = 0; i < peer->unit->point_count; i++) {
        if (peer->session)
            results[i] = ask(peer, &peer->unit->points[i]);
        else
            results[i].status = status != POWER_OK ? status : POWER_FAILED;
    }
    note_silence(peer);
}

static void skip_peer(struct peer *peer, struct fetched *results)
{
    peer->skip--;
    for (size_t i = 0; i < peer->unit->point_count; i++)
        results[i].status = POWER_NOT_YET;
}

static void fetch(void *context, const atomic_bool *stop, struct fetched *results, char *why,
                  size_t why_size)
{
    struct snmp *snmp = context;

    for (size_t i = 0; i < snmp->options.unit_count && !atomic_load(stop); i++) {
        struct peer *peer = &snmp->peers[i];

        if (peer->skip == 0)
            fetch_peer(peer, snmp->options.timeout_ms, results);
        else
            skip_peer(peer, results);
        if (peer->why[0])
            snprintf(why, why_size, "%s", peer->why);
        results += peer->unit->point_count;
    }
}

static void close_snmp_source(void *state)
{
    struct snmp *snmp = state;

    fetcher_stop(snmp->source.fetcher);
    for (size_t i = 0; i < SNMP_MAX_UNITS; i++)
        close_session(&snmp->peers[i]);
    explicit_bzero(snmp, sizeof(*snmp));
    free(snmp);
}

static bool prepare_peer(struct peer *peer, char *error, size_t error_size)
{
    const struct snmp_unit *unit = peer->unit;
    const char *path = unit->version == SNMP_V2C ? unit->community_file : unit->password_file;

    return secretfile_read(path, peer->secret, sizeof(peer->secret), error, error_size) &&
           (!unit->privacy_file[0] || secretfile_read(unit->privacy_file, peer->privacy,
                                                      sizeof(peer->privacy), error, error_size));
}

static bool prepare(void *state, const struct power_setup *setup, struct fetcher_task *task,
                    char *error, size_t error_size)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    struct snmp *snmp = state;

    pthread_once(&started, start_library);
    snmp->options = *(const struct snmp_options *)setup->options;
    task->name = "snmp";
    task->every_ms = snmp->options.every_ms;
    for (size_t i = 0; i < snmp->options.unit_count; i++) {
        task->channel_count += snmp->options.units[i].point_count;
        snmp->peers[i].unit = &snmp->options.units[i];
        if (!prepare_peer(&snmp->peers[i], error, error_size))
            return false;
    }
    return true;
}

static size_t list_channels(void *state, struct power_channel out[POWER_MAX_CHANNELS])
{
    const struct snmp *snmp = state;
    size_t count = 0;

    for (size_t i = 0; i < snmp->options.unit_count; i++) {
        const struct snmp_unit *unit = &snmp->options.units[i];

        for (size_t j = 0; j < unit->point_count; j++, count++) {
            bool energy = unit->points[j].quantity == POWER_QUANTITY_ENERGY;

            out[count] = (struct power_channel){
                .part = POWER_PART_WALL,
                .quantity = (uint8_t)unit->points[j].quantity,
                .place = (uint16_t)count,
                .unit = energy ? PDU_ENERGY_UNIT_J : PDU_POWER_UNIT_W,
                .every_ms = snmp->options.every_ms,
            };
            pdu_name_point(&unit->points[j], unit->name, out[count].name, sizeof(out[count].name));
        }
    }
    return count;
}

static void *open_snmp(const struct power_setup *setup, char *error, size_t error_size)
{
    static const struct fetched_kind kind = {
        .state_size = sizeof(struct snmp),
        .prepare = prepare,
        .fetch = fetch,
        .close = close_snmp_source,
    };

    return fetcher_open_source(&kind, setup, error, error_size);
}

const struct power_source power_snmp = {
    .name = "snmp",
    .covers = "what outlets of power distribution units give to this machine",
    .open = open_snmp,
    .channels = list_channels,
    .read = fetcher_read_source,
    .close = close_snmp_source,
};
