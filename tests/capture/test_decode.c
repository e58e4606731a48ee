/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collectors/capture/fragments.h"
#include "tests/capture/decoding.h"

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdio.h>

static void other_link_types_are_refused(void **state)
{
    struct packet packet;

    (void)state;
    assert_false(decode_supports(DLT_USB_LINUX));
    assert_false(decode_supports(-1));
    assert_int_equal(decode_frame(DLT_USB_LINUX, text, sizeof(text), sizeof(text), &packet),
                     DECODE_OTHER);
}

/* Every way to carry a packet over IP, in every other, in every link. */
static void carriers_may_be_nested(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < CARRIERS; i++) {
        for (size_t j = 0; j < CARRIERS; j++) {
            enum decode_result result;

            if (carriers[i].kind == CARRIER_LINK || carriers[j].ipv6_only)
                continue;
            build_inner(&bytes, 6, 17);
            carriers[i].wrap(&bytes);
            carry(&bytes, &carriers[j]);
            result = decode_whole(DLT_EN10MB, &bytes, &packet);
            if (result != DECODE_UDP || !is_inner(&packet, 6))
                fail_msg("%s in %s: result %d", carriers[i].name, carriers[j].name, result);
        }
    }
}

static void nesting_is_bounded(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    build_inner(&bytes, 4, 6);
    for (unsigned depth = 0; depth < 100; depth++) {
        static struct bytes frame;

        frame.length = 0;
        put_bytes(&frame, bytes.at, bytes.length);
        wrap_ethernet_ip(&frame);
        assert_int_equal(decode_whole(DLT_EN10MB, &frame, &packet),
                         depth < 32 ? DECODE_TCP : DECODE_CORRUPT);
        wrap_outer_ip(&bytes, 4);
    }
}

/* What is behind a tag, a label or PPP must not be looked for forever. */
static void endless_headers_are_corrupt(void **state)
{
    static const uint8_t tag[] = {0x81, 0x00, 0x00, 0x01};
    static const uint8_t label[] = {0, 1, 0, 64};
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    bytes.length = 0;
    for (int i = 0; i < 15000; i++)
        put_bytes(&bytes, tag, sizeof(tag));
    memset(bytes.at, 2, 12);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_CORRUPT);
    bytes.length = 0;
    for (int i = 0; i < 15000; i++)
        put_bytes(&bytes, label, sizeof(label));
    wrap_ethernet(&bytes, 0x8847);
    assert_int_equal(decode_whole(DLT_EN10MB, &bytes, &packet), DECODE_CORRUPT);
}

/* -- What was put together from fragments ------------------------------------------------------ */

static void a_reassembled_packet_is_decoded(void **state)
{
    static struct bytes bytes;
    struct packet packet = {.vlan = 9, .ip_id = 0x1234, .source = sample(DLT_RAW, 4).source};

    (void)state;
    build_inner(&bytes, 4, 17);
    packet.destination = sample(DLT_RAW, 4).destination;
    assert_int_equal(decode_reassembled(&trust_by_default, 17, bytes.at + 20,
                                        (uint32_t)bytes.length - 20, (uint32_t)bytes.length - 20,
                                        &packet),
                     DECODE_UDP);
    assert_datagram(&packet, 4);
    assert_int_equal(packet.vlan, 9);
}

static void tunnels_in_a_reassembled_packet_are_followed(void **state)
{
    static struct bytes bytes;
    struct packet packet;

    (void)state;
    for (size_t i = 0; i < CARRIERS; i++) {
        if (carriers[i].kind == CARRIER_LINK)
            continue;
        build_inner(&bytes, 6, 17);
        carriers[i].wrap(&bytes);
        memset(&packet, 0, sizeof(packet));
        packet.vlan = 9;
        assert_int_equal(decode_reassembled(&trust_by_default, bytes.at[9], bytes.at + 20,
                                            (uint32_t)bytes.length - 20,
                                            (uint32_t)bytes.length - 20, &packet),
                         DECODE_UDP);
        assert_true(is_inner(&packet, 6));
        assert_int_equal(packet.vlan, 9);
    }
}

/* More than was kept: the length is right all the same. */
static void a_reassembled_packet_may_be_larger_than_what_was_kept(void **state)
{
    static struct bytes bytes;
    struct packet packet = {0};

    (void)state;
    bytes.length = 0;
    put_fill(&bytes, 1, 1000);
    wrap_tcp(&bytes, 1, 2);
    assert_int_equal(decode_reassembled(&trust_by_default, 6, bytes.at, 1020, 60000, &packet),
                     DECODE_TCP);
    assert_int_equal(packet.payload_length, 60000 - 20);
    assert_int_equal(packet.captured_length, 1000);
    assert_int_equal(decode_reassembled(&trust_by_default, 6, bytes.at, 19, 60000, &packet),
                     DECODE_TRUNCATED);
    assert_int_equal(decode_reassembled(&trust_by_default, 1, bytes.at, 1020, 60000, &packet),
                     DECODE_OTHER);
}

/* -- Against another decoder ------------------------------------------------------------------- */

/* What tshark found in the captures beside the repository: the frame, and the ends of the innermost
 * connection, for every name it saw. */
#define CORPUS IAGMETER_SOURCE_ROOT "/../shared/data/corpus/"

struct seen {
    char capture[200];
    unsigned frame;
    char source[INET6_ADDRSTRLEN];
    unsigned source_port;
    char destination[INET6_ADDRSTRLEN];
    unsigned destination_port;
    char transport[4];
};

static bool is_address(const struct address *address, const char *written)
{
    uint8_t bytes[16] = {0};

    return inet_pton(address->family == 4 ? AF_INET : AF_INET6, written, bytes) == 1 &&
           memcmp(bytes, address->bytes, 16) == 0;
}

static bool agrees(const struct seen *seen, enum decode_result result, const struct packet *packet)
{
    return result == (strcmp(seen->transport, "tcp") == 0 ? DECODE_TCP : DECODE_UDP) &&
           is_address(&packet->source, seen->source) &&
           is_address(&packet->destination, seen->destination) &&
           packet->source_port == seen->source_port &&
           packet->destination_port == seen->destination_port;
}

/* The last of the packets up to the frame, its fragments put together. Returns false when libpcap
 * cannot read the capture. */
static bool decode_up_to(const struct seen *seen, enum decode_result *result, struct packet *packet)
{
    char path[300];
    char error[PCAP_ERRBUF_SIZE];
    struct fragments *fragments = fragments_new(64);
    struct fragments_whole whole;
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    pcap_t *pcap;

    snprintf(path, sizeof(path), CORPUS "%s", seen->capture);
    pcap = pcap_open_offline(path, error);
    for (unsigned i = 0; pcap && i < seen->frame; i++) {
        if (pcap_next_ex(pcap, &header, &bytes) != 1)
            break;
        *result = decode_frame(pcap_datalink(pcap), bytes, header->caplen, header->len, packet);
        while (*result == DECODE_FRAGMENT && fragments_add(fragments, 0, packet, &whole))
            *result = decode_reassembled(&trust_by_default, whole.protocol, whole.bytes,
                                         whole.captured_length, whole.length, packet);
    }
    fragments_free(fragments);
    if (pcap)
        pcap_close(pcap);
    return pcap != NULL;
}

/* It looks into the packets that ICMP errors quote, too; they are not traffic. */
static bool is_quoted(const struct seen *seen)
{
    static const struct {
        const char *capture;
        unsigned frame;
    } quoted[] = {
        {"zeek/testing__btest__Traces__icmp__icmp-destunreach-udp.pcap", 1},
        {"zeek/testing__btest__Traces__communityid__icmp6.pcap", 35},
        {"ja4/pcap__sshv1.pcap", 137},
    };

    for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++)
        if (strcmp(quoted[i].capture, seen->capture) == 0 && quoted[i].frame == seen->frame)
            return true;
    return false;
}

static unsigned check_corpus(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[4096];
    unsigned checked = 0;

    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        struct seen seen;
        enum decode_result result = DECODE_OTHER;
        struct packet packet;

        if (sscanf(line, "%199[^\t]\t%u\t%45[^\t]\t%u\t%45[^\t]\t%u\t%3[^\t]", seen.capture,
                   &seen.frame, seen.source, &seen.source_port, seen.destination,
                   &seen.destination_port, seen.transport) != 7 ||
            !decode_up_to(&seen, &result, &packet))
            continue;
        if (is_quoted(&seen) ? result != DECODE_OTHER : !agrees(&seen, result, &packet))
            fail_msg("%s, frame %u: result %d", seen.capture, seen.frame, (int)result);
        checked++;
    }
    fclose(file);
    return checked;
}

static void tshark_finds_the_same_connections(void **state)
{
    unsigned checked = check_corpus(CORPUS "sni.tsv") + check_corpus(CORPUS "dns.tsv");

    (void)state;
    if (checked == 0) {
        print_message("skipped: no captures in " CORPUS "\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_link_types_are_refused),
        cmocka_unit_test(carriers_may_be_nested),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(endless_headers_are_corrupt),
        cmocka_unit_test(a_reassembled_packet_is_decoded),
        cmocka_unit_test(tunnels_in_a_reassembled_packet_are_followed),
        cmocka_unit_test(a_reassembled_packet_may_be_larger_than_what_was_kept),
        cmocka_unit_test(tshark_finds_the_same_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
