/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What a DNS answer costs: reading the usual kinds of message, the worst that fit in a datagram and
 * in a stream, and entering and finding hints. Prints minimum, median and maximum over the rounds.
 */

#include "collectors/capture/dns.h"
#include "collectors/capture/hints.h"

#include "tests/bench/rounds.h"
#include "tests/capture/dnswire.h"

#include <stdio.h>
#include <time.h>

#define ROUNDS 21
#define HINTS  65536

static struct dns_message message;
static struct dns_answer answer;
static struct hint_table *hints;

/* -- Messages ---------------------------------------------------------------------------------- */

static void begin(unsigned type)
{
    message.compress = true;
    dns_begin(&message, DNS_RESPONSE);
    dns_question(&message, "chat.mistral.ai", type);
}

static void write_addresses(void)
{
    begin(DNS_A);
    for (unsigned i = 0; i < 2; i++)
        dns_address(&message, 1, "chat.mistral.ai", 300, address4(198, 51, 100, i));
}

static void write_chain(void)
{
    begin(DNS_A);
    dns_alias(&message, 1, "chat.mistral.ai", 300, "chat.mistral.ai.cdn.example");
    dns_alias(&message, 1, "chat.mistral.ai.cdn.example", 20, "edge7.cdn.example");
    for (unsigned i = 0; i < 4; i++)
        dns_address(&message, 1, "edge7.cdn.example", 20, address4(198, 51, 100, i));
    dns_record(&message, 3, "", DNS_OPT, 0);
    dns_record_end(&message);
}

static void write_https(void)
{
    begin(DNS_HTTPS);
    dns_https(&message, 1, "chat.mistral.ai", 300, 1, "");
    dns_parameter(&message, 1, "\x02h3\x02h2", 6);
    dns_parameter(&message, 4, "\xc6\x33\x64\1\xc6\x33\x64\2", 8);
    dns_parameter(&message, 5, message.wire.at, 71);
    dns_parameter(&message, 6, address6(3).bytes, 16);
    dns_record_end(&message);
}

/* Hints to as many addresses as are kept less one, again and again; LIMIT bytes in all. */
static void write_many_hints(size_t limit)
{
    size_t count;

    begin(DNS_HTTPS);
    dns_https(&message, 1, "chat.mistral.ai", 300, 1, "");
    count = (limit - message.wire.length - 4) / 4;
    put_u16(&message.wire, 4);
    put_u16(&message.wire, (unsigned)count * 4);
    for (size_t i = 0; i < count; i++)
        put_u32(&message.wire, (uint32_t)(i < 31 ? i : 30));
    dns_record_end(&message);
}

/* Aliases to names that start with pointers to pointers, as many as are followed; LIMIT bytes in
 * all. */
static void write_many_pointers(size_t limit)
{
    size_t last;

    begin(DNS_A);
    dns_record(&message, 1, "a.example", DNS_TXT, 60);
    put_u16(&message.wire, 0xc00c);
    for (unsigned i = 0; i < 30; i++)
        put_u16(&message.wire, 0xc000 | (unsigned)(message.wire.length - 2));
    dns_record_end(&message);
    last = message.wire.length - 2;
    for (unsigned i = 0; message.wire.length + 30 < limit; i++) {
        dns_count(&message, 1);
        put_u16(&message.wire, 0xc000 | (unsigned)last);
        put_u16(&message.wire, DNS_CNAME);
        put_u16(&message.wire, 1);
        put_fill(&message.wire, 0, 4);
        put_u16(&message.wire, 4);
        put_u8(&message.wire, 1);
        put_u8(&message.wire, i & 0xff);
        put_u16(&message.wire, 0xc000 | (unsigned)last);
    }
}

static double time_parse(unsigned count)
{
    double start = processor_s();

    for (unsigned i = 0; i < count; i++)
        dns_parse(message.wire.at, message.wire.length, &answer);
    return processor_s() - start;
}

static double time_identify(unsigned count)
{
    struct dns_identity identity;
    double start = processor_s();

    for (unsigned i = 0; i < count; i++)
        dns_identify(message.wire.at, message.wire.length, &identity);
    return processor_s() - start;
}

/* -- Hints ------------------------------------------------------------------------------------- */

static double time_add(unsigned count)
{
    struct address client = address4(10, 0, 0, 1);
    double start = processor_s();

    for (unsigned i = 0; i < count; i++) {
        struct address server = address4(198, i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);

        hints_add(hints, &client, &server, 1, 0, 1000, 300);
    }
    return processor_s() - start;
}

static double time_find(unsigned count)
{
    struct address client = address4(10, 0, 0, 1);
    double start = processor_s();
    uint16_t service;
    uint8_t role;

    for (unsigned i = 0; i < count; i++) {
        struct address server = address4(198, i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);

        hints_find(hints, &client, &server, 1000, &service, &role);
    }
    return processor_s() - start;
}

/* -- Table ------------------------------------------------------------------------------------- */

static void measure(const char *name, double (*time_it)(unsigned count), unsigned count)
{
    double each_ns[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        each_ns[i] = 1e9 * time_it(count) / count;
    rounds_sort(each_ns, ROUNDS);
    printf("%-32s %8.0f %8.0f %8.0f ns  %9.0f/s\n", name, each_ns[0], each_ns[ROUNDS / 2],
           each_ns[ROUNDS - 1], 1e9 / each_ns[ROUNDS / 2]);
}

int main(void)
{
    hints = hints_new(2 * (size_t)HINTS);
    if (!hints)
        return EXIT_FAILURE;
    printf("DNS answers, one at a time, %d rounds\n", ROUNDS);
    printf("%-32s %8s %8s %8s\n", "", "minimum", "median", "maximum");
    write_addresses();
    measure("answer: 2 addresses", time_parse, 100000);
    measure("question, or that of an answer", time_identify, 100000);
    write_chain();
    measure("answer: 2 aliases, 4 addresses", time_parse, 100000);
    write_https();
    measure("answer: HTTPS with ECH, 3 hints", time_parse, 100000);
    write_many_pointers(1472);
    measure("hostile: pointers, 1472 bytes", time_parse, 1000);
    write_many_pointers(65535);
    measure("hostile: pointers, 65535 bytes", time_parse, 100);
    write_many_hints(1472);
    measure("hostile: hints, 1472 bytes", time_parse, 1000);
    write_many_hints(65535);
    measure("hostile: hints, 65535 bytes", time_parse, 100);
    measure("hint entered", time_add, HINTS);
    measure("hint looked for", time_find, HINTS);
    hints_free(hints);
    return EXIT_SUCCESS;
}
