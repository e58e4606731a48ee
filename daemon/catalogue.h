/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef IAGMETER_CATALOGUE_H
#define IAGMETER_CATALOGUE_H

#include "collectors/capture/estimator.h"
#include "daemon/diagnostics.h"
#include "daemon/mix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The services we recognise: names on the wire to (service, role), and what each service is.
 * Life cycle: catalogue_load(), or catalogue_new() and the catalogue_add_ functions, then any
 * number of catalogue_match(), then catalogue_free(). */

#define SERVICE_ID_SIZE    40 /* "chatgpt-web", with the NUL */
#define SERVICE_LABEL_SIZE 80
#define HOST_PATTERN_SIZE  256 /* a DNS name is at most 253 characters (RFC 1035, 2.3.4) */
#define MAX_SERVICES       1024
#define SERVICE_NONE       UINT16_MAX
/* Hosts, names and addresses that all files together may have. */
#define CATALOGUE_MOST_PATTERNS UINT32_C(65536)

/* ROLE_SHARED: a name that may carry inference of this service among other things that are no use
 * of AI. What comes under it is use only where the traffic has the shape of an exchange.
 * ROLE_IMAGES: a name from which images are fetched that answers tell of; it is no use by itself.
 */
enum service_role {
    ROLE_INFERENCE,
    ROLE_ASSETS,
    ROLE_TELEMETRY,
    ROLE_LOGIN,
    ROLE_SHARED,
    ROLE_IMAGES,
    ROLE_COUNT
};
enum service_hosting { HOSTING_SOVEREIGN, HOSTING_EU, HOSTING_OUTSIDE_EU };
enum service_approval { APPROVAL_UNSET, APPROVAL_YES, APPROVAL_NO };
/* UNREVIEWED: from a list that nobody here has checked. It has no model, and never a name that a
 * reviewed service has. */
enum service_review { REVIEWED, UNREVIEWED };
/* How energy is estimated from tokens: conf/factors/<vintage>/method.conf. */
enum service_method { SERVICE_METHOD_A, SERVICE_METHOD_B };
enum service_modality {
    MODALITY_TEXT = 1,
    MODALITY_CODE = 2,
    MODALITY_IMAGE = 4,
    MODALITY_AUDIO = 8,
    MODALITY_VIDEO = 16
};

struct service {
    char id[SERVICE_ID_SIZE];
    char label[SERVICE_LABEL_SIZE];
    char label_fr[SERVICE_LABEL_SIZE]; /* for readers of French; "": the same */
    char operator_name[SERVICE_LABEL_SIZE];
    char country[8];
    int hosting;  /* enum service_hosting */
    int approval; /* enum service_approval */
    int review;   /* enum service_review */
    int local;    /* 1: a server of our own: its energy is measured (localimpact.h); 0: it is not */
    unsigned modalities;       /* bits of enum service_modality */
    char provider[40];         /* key in the factors' providers: data centre and electricity zone */
    char model[MODEL_ID_SIZE]; /* key in the factors' models, where none of its mixes is; "" when
                                  nothing is estimated then */
    char image_model[MODEL_ID_SIZE]; /* key in the factors' media; "": no figure is known */
    int method;                      /* enum service_method */
    struct estimator estimator;
};

/* Answers differ in their records by what carries them: each transport is calibrated by itself. */
enum service_transport { TRANSPORT_TCP, TRANSPORT_QUIC, TRANSPORT_COUNT };

/* The records that answers had when they were calibrated. */
struct calibrated_way {
    double record_bytes; /* 0: answers streamed so were not */
    double records_per_s;
};

/* What calibrations make of a service's estimator on one transport, and the answers that they saw
 * (servicecalibration.h). */
struct service_calibrated {
    uint8_t transport; /* enum service_transport */
    struct calibrated_way ways[ESTIMATOR_WAYS];
    struct estimator estimator;
};

struct catalogue_match {
    uint16_t service; /* SERVICE_NONE when no pattern matches */
    uint8_t role;     /* enum service_role */
};

struct catalogue;
struct address; /* daemon/directions.h */

/* An empty catalogue, or NULL when memory is exhausted. */
struct catalogue *catalogue_new(void);
void catalogue_free(struct catalogue *catalogue);

/* Reads services.conf. With PREVIOUS, services that it already knew keep their number, so that
 * flows alive across a reload stay attributed; services no longer in the file keep their number but
 * lose their hosts. Returns NULL after diagnostics. */
struct catalogue *catalogue_load(const char *path, const struct catalogue *previous,
                                 struct diagnostics *diagnostics);

/* Called with each service read and the place where it stands, to complain about. */
struct config_setting_t;
typedef void catalogue_check(void *context, const struct config_setting_t *place,
                             const struct catalogue *catalogue, uint16_t number,
                             struct diagnostics *diagnostics);

/* The same from several files (COUNT, at least one): the first is services.conf, the others add
 * services, ECH names, resolvers and their addresses to it, and use its estimators. What stands
 * twice, in one file or in two, is an error that names both places. CHECK may be NULL. */
struct catalogue *catalogue_load_files(char *const paths[], size_t count,
                                       const struct catalogue *previous, catalogue_check *check,
                                       void *context, struct diagnostics *diagnostics);

/* Sets service NUMBER (0 to MAX_SERVICES - 1). Returns false when the number is out of range or
 * memory is exhausted. */
bool catalogue_set_service(struct catalogue *catalogue, uint16_t number,
                           const struct service *service);

/* Sets which models service NUMBER runs when. Copied; COUNT may be 0. Returns false when there is
 * no such service, or memory is exhausted. */
bool catalogue_set_mixes(struct catalogue *catalogue, uint16_t number, const struct mix *mixes,
                         size_t count);

/* From now on NUMBER is estimated by CALIBRATED (copied) on its transport. Returns false when there
 * is no such service or transport, or memory is exhausted. */
bool catalogue_set_calibrated(struct catalogue *catalogue, uint16_t number,
                              const struct service_calibrated *calibrated);

/* Adds a host pattern: "api.openai.com" exact; ".openai.com" that name and everything below it;
 * one or more '*', each standing for one or more characters other than '.'. Compared without case.
 * Returns NULL, or why the pattern was refused (a static string, such as "duplicate host"). */
const char *catalogue_add_host(struct catalogue *catalogue, const char *pattern, uint16_t number,
                               enum service_role role);

/* Adds a name that public ECH configurations show instead of the real one (draft-ietf-tls-esni):
 * a connection to it is encrypted, not a visit to that name. Same return as catalogue_add_host().
 */
const char *catalogue_add_ech_name(struct catalogue *catalogue, const char *name);
bool catalogue_is_ech_name(const struct catalogue *catalogue, const char *name, size_t length);

/* Adds a resolver that answers in encrypted form (DNS over HTTPS, TLS or QUIC): whoever asks it
 * hides the names that would tell services apart. An exact name or a suffix, as in
 * catalogue_add_host(). */
const char *catalogue_add_resolver(struct catalogue *catalogue, const char *pattern);
bool catalogue_is_resolver(const struct catalogue *catalogue, const char *name, size_t length);

/* Adds the address (TEXT, of IPv4 or IPv6, without a prefix length) at which such a resolver is
 * asked without its name. Same return, such as "duplicate address". */
const char *catalogue_add_resolver_address(struct catalogue *catalogue, const char *text);
bool catalogue_is_resolver_address(const struct catalogue *catalogue,
                                   const struct address *address);

/* Finds the most specific pattern: exact before wildcard and suffix, then the longest; but any
 * pattern of a reviewed service before one of an unreviewed service. NAME need not be
 * NUL-terminated; a trailing dot is ignored. */
struct catalogue_match catalogue_match(const struct catalogue *catalogue, const char *name,
                                       size_t length);

/* Services are numbered 0 to count - 1, without holes. */
uint16_t catalogue_count(const struct catalogue *catalogue);

/* Of all hosts, names and addresses together. */
uint32_t catalogue_pattern_count(const struct catalogue *catalogue);
const struct service *catalogue_service(const struct catalogue *catalogue, uint16_t number);
/* How it is estimated on TRANSPORT: as it was calibrated, or else as the service says. */
const struct estimator *catalogue_estimator(const struct catalogue *catalogue, uint16_t number,
                                            enum service_transport transport);
/* NULL when it was not calibrated. */
const struct service_calibrated *catalogue_calibrated(const struct catalogue *catalogue,
                                                      uint16_t number,
                                                      enum service_transport transport);
/* "tcp", "quic". */
const char *service_transport_name(enum service_transport transport);
/* Which models it runs when, by date; *COUNT 0 for a service without dates. At other times it is
 * the service's own model. */
const struct mix *catalogue_mixes(const struct catalogue *catalogue, uint16_t number,
                                  size_t *count);
/* SERVICE_NONE when there is none of that id. */
uint16_t catalogue_find(const struct catalogue *catalogue, const char *id);

/* Calls VISIT for each host pattern, then for each ECH name (number SERVICE_NONE). */
typedef void catalogue_visitor(void *context, const char *pattern, uint16_t number,
                               enum service_role role);
void catalogue_visit_hosts(const struct catalogue *catalogue, catalogue_visitor *visit,
                           void *context);
/* The same for each resolver (number SERVICE_NONE). */
void catalogue_visit_resolvers(const struct catalogue *catalogue, catalogue_visitor *visit,
                               void *context);
/* The same for the address of each, as text that catalogue_add_resolver_address() takes. */
void catalogue_visit_resolver_addresses(const struct catalogue *catalogue, catalogue_visitor *visit,
                                        void *context);

/* "inference", "assets", "telemetry", "login", "shared". */
const char *service_role_name(enum service_role role);

#endif
