/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What conf/services.conf says, as we ship it. */
#include "daemon/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/daemon/matching.h"
#include "tests/daemon/shipped.h"

#define ENDPOINTS IAGMETER_SOURCE_ROOT "/../shared/data/endpoints.tsv"

static void text_is_estimated_and_no_approval_is_stated(void **state)
{
    static const char *const servers[] = {"local-ollama", "local-vllm", "local-llama"};
    struct catalogue *catalogue = shipped_catalogue();

    (void)state;
    for (uint16_t i = 0; i < catalogue_count(catalogue); i++) {
        const struct service *service = catalogue_service(catalogue, i);
        unsigned written = MODALITY_TEXT | MODALITY_CODE;
        size_t mixes;

        (void)catalogue_mixes(catalogue, i, &mixes);
        assert_int_equal(service->approval, APPROVAL_UNSET);
        if (!(service->modalities & written))
            assert_int_equal(service->estimator.method, METHOD_NONE);
        if (service->estimator.method != METHOD_NONE && !service->local) /* that is measured */
            assert_true(service->model[0] != '\0' || mixes > 0);
    }
    assert_true(catalogue_is_ech_name(catalogue, "cloudflare-ech.com", 18));
    for (size_t i = 0; i < 3; i++) {
        uint16_t number = catalogue_find(catalogue, servers[i]);

        assert_true(number != SERVICE_NONE);
        assert_true(catalogue_service(catalogue, number)->local);
        assert_int_equal(catalogue_service(catalogue, number)->estimator.method, METHOD_EVENTS);
    }
    catalogue_free(catalogue);
}

/* Where a name is shared, an estimator that takes any call of a program for an exchange would make
 * it use after all. Calls by LiveKit are the exception: their shape is that of a call. */
static void check_shared(void *context, const char *pattern, uint16_t number,
                         enum service_role role)
{
    const struct service *service = catalogue_service(context, number);

    if (role != ROLE_SHARED || strcmp(pattern, "turn.livekit.cloud") == 0)
        return;
    if (service->estimator.reply_s > 0) /* steps are no call's reply */
        return;
    if (service->estimator.answer_s_min < 2 || service->estimator.answer_slots_min < 6)
        fail_msg("%s: any answer is use by estimator %s", pattern, service->estimator.name);
}

static void shared_names_need_a_streamed_answer(void **state)
{
    struct catalogue *catalogue = shipped_catalogue();

    (void)state;
    assert_int_equal(catalogue_match(catalogue, "substrate.office.com", 20).role, ROLE_SHARED);
    assert_int_equal(catalogue_match(catalogue, "substrate.svc.cloud.microsoft", 29).role,
                     ROLE_SHARED);
    assert_int_equal(catalogue_match(catalogue, "chatgpt.com", 11).role, ROLE_INFERENCE);
    catalogue_visit_hosts(catalogue, check_shared, catalogue);
    catalogue_free(catalogue);
}

static void common_resolvers_are_known(void **state)
{
    static const char *const known[] = {
        "dns.google",    "cloudflare-dns.com",    "mozilla.cloudflare-dns.com",
        "dns.quad9.net", "a1b2c3.dns.nextdns.io", "mask.icloud.com",
        "ns0.fdn.fr"};
    static const char *const other[] = {"www.google.com", "cloudflare.com", "chatgpt.com",
                                        "icloud.com",     "www.fdn.fr",     "xfinity.com"};
    static const char *const at[] = {"1.1.1.1",        "1.0.0.3",      "2606:4700:4700::1111",
                                     "8.8.4.4",        "9.9.9.9",      "2620:fe::fe",
                                     "208.67.220.220", "94.140.14.14", "2001:910:800::12"};
    static const char *const elsewhere[] = {"1.1.1.4", "8.8.8.9", "2606:4700:4700::1",
                                            "104.16.132.229"};
    struct catalogue *catalogue = shipped_catalogue();

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_true(is_resolver(catalogue, known[i]));
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        assert_false(is_resolver(catalogue, other[i]));
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        assert_true(is_resolver_address(catalogue, at[i]));
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        assert_false(is_resolver_address(catalogue, elsewhere[i]));
    catalogue_free(catalogue);
}

/* Names that endpoints.tsv lists as inference are shared where its notes tell of more than AI. */
static bool has_role(struct catalogue_match found, const char *role)
{
    return strcmp(service_role_name((enum service_role)found.role), role) == 0 ||
           (found.role == ROLE_SHARED && strcmp(role, "inference") == 0);
}

/* Checks one row of endpoints.tsv. Returns whether it names a host. */
static bool check_endpoint(const struct catalogue *catalogue, char *line)
{
    char *save = NULL;
    char *pattern = strtok_r(line, "\t", &save);
    char *role = strtok_r(NULL, "\t", &save); /* the service: free text */
    struct catalogue_match found;
    char host[HOST_PATTERN_SIZE];
    size_t length = 0;

    role = strtok_r(NULL, "\t", &save);
    if (pattern[0] == '#' || strcmp(pattern, "hostname-or-suffix") == 0 || strchr(pattern, ':'))
        return false; /* a port on any host is no pattern of ours */
    for (const char *p = pattern + (pattern[0] == '.'); *p; p++)
        host[length++] = *p == '*' ? 'z' : *p;
    found = catalogue_match(catalogue, host, length);
    if (found.service == SERVICE_NONE || !has_role(found, role))
        fail_msg("%s should be %s", pattern, role);
    if (pattern[0] == '.') {
        memmove(host + 7, host, length);
        memcpy(host, "qx7-zz.", 7); /* a name below, too */
        found = catalogue_match(catalogue, host, length + 7);
        assert_true(has_role(found, role));
        assert_int_not_equal(found.service, SERVICE_NONE);
    }
    return true;
}

static void web_is_told_from_api(void **state)
{
    static const struct {
        const char *name;
        const char *service;
    } expected[] = {
        {"chatgpt.com", "chatgpt-web"},
        {"sora.chatgpt.com", "sora"},
        {"api.openai.com", "openai-api"},
        {"my-resource.openai.azure.com", "azure-openai"},
        {"claude.ai", "claude-web"},
        {"api.anthropic.com", "anthropic-api"},
        {"gemini.google.com", "gemini-web"},
        {"europe-west9-aiplatform.googleapis.com", "vertex-ai-europe-west9"},
        {"asia-east1-aiplatform.googleapis.com", "vertex-ai"},
        {"bedrock-runtime.eu-west-3.amazonaws.com", "bedrock-eu-west-3"},
        {"bedrock-runtime.ap-south-1.amazonaws.com", "bedrock"},
        {"bedrock-runtime-fips.us-east-1.amazonaws.com", "bedrock-us-east-1"},
        {"bedrock-runtime-fips.ca-central-1.amazonaws.com", "bedrock"},
        {"bedrock-runtime.eu-west-3.api.aws", "bedrock-eu-west-3"},
        {"bedrock-mantle.eu-central-1.api.aws", "bedrock-eu-central-1"},
        {"bedrock-mantle.us-east-2.api.aws", "bedrock"},
        {"bedrock-runtime.eusc-de-east-1.amazonaws.eu", "bedrock-eusc-de-east-1"},
        {"aiplatform.eu.rep.googleapis.com", "vertex-ai-eu"},
        {"aiplatform.us.rep.googleapis.com", "vertex-ai"},
        {"eu-west-1.api.x.ai", "xai-api"},
        {"models.github.ai", "github-models"},
        {"agentn.api5.cursor.sh", "cursor"},
        {"us-eu.gcpp.cursor.sh", "cursor"},
        {"api.fireworks.ai", "fireworks-api"},
        {"api.cerebras.ai", "cerebras-api"},
        {"eu-de.ml.cloud.ibm.com", "watsonx-eu-de"},
        {"us-south.ml.cloud.ibm.com", "watsonx"},
        {"inference.generativeai.eu-frankfurt-1.oci.oraclecloud.com",
         "oci-generative-ai-eu-frankfurt-1"},
        {"inference.generativeai.uk-london-1.oci.oraclecloud.com", "oci-generative-ai"},
        {"llm-x.eu-central-1.maas.aliyuncs.com", "alibaba-model-studio"},
        {"cn-hongkong.dashscope.aliyuncs.com", "alibaba-model-studio"},
        {"api.moonshot.ai", "moonshot-api"},
        {"openai.inference.de-txl.ionos.com", "ionos-ai"},
        {"api.tokenfactory.nebius.com", "nebius"},
        {"api.scaleway.ai", "scaleway-ai"},
        {"oai.endpoints.kepler.ai.cloud.ovh.net", "ovh-ai"},
        {"q.eu-central-1.amazonaws.com", "amazon-q-eu-central-1"},
        {"eu.api.openai.com", "openai-api-eu"},
        {"api.us.mistral.ai", "mistral-api-us"},
        {"x.francecentral.models.ai.azure.com", "azure-ai-francecentral"},
        {"x.eastus.models.ai.azure.com", "azure-ai"},
        {"swedencentral.api.cognitive.microsoft.com", "azure-cognitive-swedencentral"},
        {"chat.mistral.ai", "mistral-web"},
        {"api.eu.mistral.ai", "mistral-api"},
        {"proxy.individual.githubcopilot.com", "github-copilot"},
        {"albert.api.etalab.gouv.fr", "albert-api"},
        {"ragarenn.eskemm-numerique.fr", "ragarenn"},
    };
    struct catalogue *catalogue = shipped_catalogue();

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        uint16_t number = match(catalogue, expected[i].name);

        assert_int_not_equal(number, SERVICE_NONE);
        assert_string_equal(catalogue_service(catalogue, number)->id, expected[i].service);
    }
    assert_int_equal(match(catalogue, "www.google.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "outlook.office.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "s3.eu-west-3.amazonaws.com"), SERVICE_NONE);
    assert_int_equal(match(catalogue, "s3.eu-west-3.api.aws"), SERVICE_NONE);
    catalogue_free(catalogue);
}

/* Names of services that were added from public sources, by role; and names that are much like them
 * but carry other things, of which none may be taken for use. */
static void roles_of_names_are_told_apart(void **state)
{
    static const struct {
        const char *name;
        const char *service;
        enum service_role role;
    } expected[] = {
        {"assistant.numerique.gouv.fr", "albert-chat", ROLE_INFERENCE},
        {"llm.ilaas.fr", "ilaas", ROLE_INFERENCE},
        {"transcripts.numerique.gouv.fr", "transcripts", ROLE_INFERENCE},
        {"composer.opera-api.com", "opera-aria", ROLE_INFERENCE},
        {"api.ai.cloud-temple.com", "cloud-temple-llmaas", ROLE_INFERENCE},
        {"mammouth.ai", "mammouth", ROLE_INFERENCE},
        {"api.mammouth.ai", "mammouth-api", ROLE_INFERENCE},
        {"app.langdock.com", "langdock", ROLE_INFERENCE},
        {"www.genspark.ai", "genspark", ROLE_INFERENCE},
        {"files.manuscdn.com", "manus", ROLE_ASSETS},
        {"outerface.venice.ai", "venice", ROLE_INFERENCE},
        {"api.venice.ai", "venice-api", ROLE_INFERENCE},
        {"public-api.gamma.app", "gamma", ROLE_INFERENCE},
        {"gamma.app", "gamma", ROLE_SHARED},
        {"consensus.app", "consensus", ROLE_SHARED},
        {"firefly.adobe.com", "adobe-firefly", ROLE_INFERENCE},
        {"designerapp.officeapps.live.com", "microsoft-designer", ROLE_SHARED},
        {"apple-relay.cloudflare.com", "apple-intelligence", ROLE_SHARED},
        {"grok-v2.x.ai", "grok-media", ROLE_INFERENCE},
        {"geminiweb-pa.clients6.google.com", "gemini-web", ROLE_INFERENCE},
        {"antigravity.googleapis.com", "gemini-code", ROLE_INFERENCE},
        {"api.jetbrains.ai", "jetbrains-ai", ROLE_INFERENCE},
        {"runtime.us-east-1.kiro.dev", "kiro", ROLE_INFERENCE},
        {"runtime.eu-central-1.kiro.dev", "kiro-eu-central-1", ROLE_INFERENCE},
        {"prod.us-east-1.auth.desktop.kiro.dev", "kiro", ROLE_LOGIN},
        {"d18.api.augmentcode.com", "augment", ROLE_INFERENCE},
        {"update.tabnine.com", "tabnine", ROLE_ASSETS},
        {"app.warp.dev", "warp", ROLE_SHARED},
        {"openapi.qoder.sh", "qoder", ROLE_LOGIN},
        {"ark.ap-southeast.bytepluses.com", "ark", ROLE_INFERENCE},
        {"eu2.rt.speechmatics.com", "speechmatics", ROLE_INFERENCE},
        {"api.eu.residency.elevenlabs.io", "elevenlabs", ROLE_INFERENCE},
        {"queue.fal.run", "fal", ROLE_INFERENCE},
        {"cdn.leonardo.ai", "leonardo", ROLE_ASSETS},
        {"cloud.leonardo.ai", "leonardo-api", ROLE_INFERENCE},
        {"api.eu.bfl.ai", "bfl-api", ROLE_INFERENCE},
    };
    static const char *const other[] = {
        "www.notion.so",
        "www.canva.com",
        "www.adobe.com",
        "cc-api-data.adobe.io",
        "developer.adobe.com",
        "capi.grammarly.com",
        "replit.com",
        "sourcegraph.com",
        "www.freepik.com",
        "www.bing.com",
        "www.jetbrains.com",
        "plugins.jetbrains.com",
        "resources.intellij.net",
        "www.cloudflare.com",
        "guzzoni.apple.com",
        "word.officeapps.live.com",
        "www.speechmatics.com",
        "docs.kiro.dev",
        "docs.klingai.com",
        "docs.numerique.gouv.fr",
        "x.ai",
        "www.numerique.gouv.fr",
        "myarena.ai",
        "gamma.app.example.com",
        "www.capcut.com",
        "people-pa.clients6.google.com",
    };
    struct catalogue *catalogue = shipped_catalogue();

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct catalogue_match found =
            catalogue_match(catalogue, expected[i].name, strlen(expected[i].name));

        if (found.service == SERVICE_NONE)
            fail_msg("%s is not known", expected[i].name);
        assert_string_equal(catalogue_service(catalogue, found.service)->id, expected[i].service);
        if (found.role != expected[i].role)
            fail_msg("%s has the role %s", expected[i].name,
                     service_role_name((enum service_role)found.role));
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        if (match(catalogue, other[i]) != SERVICE_NONE)
            fail_msg("%s passes for %s", other[i],
                     catalogue_service(catalogue, match(catalogue, other[i]))->id);
    catalogue_free(catalogue);
}

static struct exchange_estimate estimate_of(const struct catalogue *catalogue, const char *name,
                                            const struct exchange_shape *shape)
{
    uint16_t number = match(catalogue, name);

    assert_int_not_equal(number, SERVICE_NONE);
    return estimator_apply(&catalogue_service(catalogue, number)->estimator, shape);
}

/* Groq, DeepSeek and xAI answer over the interfaces of others, some of whose answers are no text.
 */
static void what_these_send_may_be_no_text(void **state)
{
    static const char *const names[] = {"api.groq.com", "api.deepseek.com", "api.x.ai"};
    static const struct exchange_shape list = {
        .request_bytes = 900, .answer_bytes = 30000, .answer_records = 8, .wait_ns = 200000000};
    static const struct exchange_shape speech = {.request_bytes = 900,
                                                 .answer_bytes = 400000,
                                                 .answer_records = 60,
                                                 .wait_ns = 400000000,
                                                 .answer_ns = 2000000000,
                                                 .half_seconds = 4,
                                                 .steps = 20};
    static const struct exchange_shape chat = {.request_bytes = 900,
                                               .answer_bytes = 90000,
                                               .answer_records = 306,
                                               .wait_ns = 300000000,
                                               .answer_ns = 1000000000,
                                               .half_seconds = 3,
                                               .steps = 90,
                                               .modal_bytes = 290,
                                               .modal_lead = 280};
    struct exchange_shape file = chat;
    struct catalogue *catalogue = shipped_catalogue();

    (void)state;
    file.request_bytes = 400000;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_true(estimate_of(catalogue, names[i], &list).tokens_out.central <= 0);
        assert_true(estimate_of(catalogue, names[i], &speech).tokens_out.central <= 0);
        assert_true(estimate_of(catalogue, names[i], &speech).audio_s.central >= 4);
        assert_true(estimate_of(catalogue, names[i], &chat).tokens_out.low > 150);
        assert_true(estimate_of(catalogue, names[i], &chat).uploads.high <= 0);
        assert_true(estimate_of(catalogue, names[i], &file).uploads.high >= 1);
    }
    catalogue_free(catalogue);
}

static void images_of_xai_are_counted(void **state)
{
    static const struct exchange_shape image = {.request_bytes = 700,
                                                .answer_bytes = 1810000,
                                                .answer_records = 112,
                                                .bulk_bytes = 1800000,
                                                .bulk_records = 110,
                                                .wait_ns = 5000000000,
                                                .answer_ns = 300000000};
    struct catalogue *catalogue = shipped_catalogue();

    (void)state;
    assert_true(estimate_of(catalogue, "api.x.ai", &image).images.central >= 1);
    assert_true(estimate_of(catalogue, "api.x.ai", &image).tokens_out.central <= 0);
    assert_true(estimate_of(catalogue, "api.groq.com", &image).images.high <= 0);
    catalogue_free(catalogue);
}

/* As many events as the public recordings of which the formats were taken: 83 pieces of 4150
 * letters and ten events more; 31 lines of a token and 15 more. What they weigh is no matter. */
static void events_of_web_chats_are_counted(void **state)
{
    struct exchange_shape shape = {.answer_records = 93, .answer_ns = 12000000000, .steps = 93};
    struct catalogue *catalogue = shipped_catalogue();
    struct exchange_estimate estimate;

    (void)state;
    for (shape.answer_bytes = 9000; shape.answer_bytes < 300000; shape.answer_bytes *= 8) {
        estimate = estimate_of(catalogue, "www.perplexity.ai", &shape);
        assert_true(estimate.tokens_out.central > 4150 / 5.3);
        assert_true(estimate.tokens_out.central < 4150 / 3.3);
        assert_int_equal(estimate.grade, GRADE_D);
    }
    shape.answer_records = 46;
    estimate = estimate_of(catalogue, "grok.com", &shape);
    assert_true(estimate.tokens_out.central > 28 && estimate.tokens_out.central < 37);
    assert_true(estimate.tokens_out.low <= 31 && estimate.tokens_out.high >= 62);
    catalogue_free(catalogue);
}

static void every_endpoint_is_known(void **state)
{
    struct catalogue *catalogue;
    FILE *stream = fopen(ENDPOINTS, "re");
    char line[4096];
    unsigned rows = 0;

    (void)state;
    if (!stream) {
        print_message("SKIPPED: %s is not here\n", ENDPOINTS);
        skip();
    }
    catalogue = shipped_catalogue();
    while (fgets(line, sizeof(line), stream))
        rows += check_endpoint(catalogue, line);
    fclose(stream);
    assert_in_range(rows, 190, 250);
    catalogue_free(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_estimated_and_no_approval_is_stated),
        cmocka_unit_test(shared_names_need_a_streamed_answer),
        cmocka_unit_test(common_resolvers_are_known),
        cmocka_unit_test(web_is_told_from_api),
        cmocka_unit_test(roles_of_names_are_told_apart),
        cmocka_unit_test(what_these_send_may_be_no_text),
        cmocka_unit_test(images_of_xai_are_counted),
        cmocka_unit_test(events_of_web_chats_are_counted),
        cmocka_unit_test(every_endpoint_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
