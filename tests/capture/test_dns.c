/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/dnswire.h"

#include <stdio.h>

static struct dns_message message;
static struct dns_answer answer;

/* -- Messages made by hand --------------------------------------------------------------------- */

static enum dns_result parse_part(size_t length)
{
    uint8_t *copy = exact_copy(message.wire.at, length);
    enum dns_result result = dns_parse(copy, length, &answer);

    free(copy);
    return result;
}

static enum dns_result parse(void)
{
    return parse_part(message.wire.length);
}

static void begin(const char *name, unsigned type)
{
    message.compress = true;
    dns_begin(&message, DNS_RESPONSE);
    dns_question(&message, name, type);
}

static struct address host(unsigned number)
{
    return address4(198, 51, number >> 8 & 0xff, number & 0xff);
}

static bool holds(struct address address)
{
    for (unsigned i = 0; i < answer.address_count; i++)
        if (memcmp(&answer.addresses[i], &address, sizeof(address)) == 0)
            return true;
    return false;
}

static void an_answer_gives_name_addresses_and_ttl(void **state)
{
    (void)state;
    begin("chat.mistral.ai", DNS_A);
    dns_address(&message, 1, "chat.mistral.ai", 300, host(1));
    dns_address(&message, 1, "chat.mistral.ai", 300, host(2));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_string_equal(answer.name, "chat.mistral.ai");
    assert_int_equal(answer.name_length, 15);
    assert_int_equal(answer.type, DNS_A);
    assert_int_equal(answer.ttl_s, 300);
    assert_int_equal(answer.address_count, 2);
    assert_true(holds(host(1)) && holds(host(2)));
    assert_true(answer.is_complete);
    assert_false(answer.has_ech);
    assert_int_equal(answer.left_out, 0);
    begin("chat.mistral.ai", DNS_AAAA);
    dns_address(&message, 1, "chat.mistral.ai", 20, address6(7));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_true(holds(address6(7)));
}

static void an_answer_may_be_empty(void **state)
{
    (void)state;
    begin("chat.mistral.ai", DNS_AAAA);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 0);
    assert_int_equal(answer.ttl_s, 0);
    assert_true(answer.is_complete);
}

/* DNS 0x20: resolvers mix the case of what they ask. */
static void names_have_no_case(void **state)
{
    (void)state;
    begin("ChAt.MiStRaL.aI", DNS_A);
    message.compress = false;
    dns_alias(&message, 1, "cHAT.mistral.AI", 60, "Edge.Example");
    dns_address(&message, 1, "eDGE.eXAMPLE", 60, host(1));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_string_equal(answer.name, "chat.mistral.ai");
    assert_int_equal(answer.address_count, 1);
}

static void aliases_are_followed_in_any_order(void **state)
{
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        begin("claude.ai", DNS_A);
        for (unsigned j = 0; j < 3; j++) {
            if (orders[i][j] == 0)
                dns_alias(&message, 1, "claude.ai", 300, "claude.ai.cdn.example");
            else if (orders[i][j] == 1)
                dns_alias(&message, 1, "claude.ai.cdn.example", 15, "edge7.cdn.example");
            else
                dns_address(&message, 1, "edge7.cdn.example", 40, host(9));
        }
        assert_int_equal(parse(), DNS_ANSWER);
        assert_string_equal(answer.name, "claude.ai");
        assert_int_equal(answer.address_count, 1);
        assert_true(holds(host(9)));
        assert_int_equal(answer.ttl_s, 15);
    }
}

static void aliases_in_a_circle_end(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_alias(&message, 1, "a.example", 5, "b.example");
    dns_alias(&message, 1, "b.example", 5, "c.example");
    dns_alias(&message, 1, "c.example", 5, "a.example");
    dns_alias(&message, 1, "c.example", 5, "c.example");
    dns_address(&message, 1, "c.example", 5, host(1));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_int_equal(answer.left_out, 0);
}

static void write_chain(unsigned aliases)
{
    char owner[32] = "n0.example";
    char target[32];

    begin(owner, DNS_A);
    for (unsigned i = 1; i <= aliases; i++) {
        snprintf(target, sizeof(target), "n%u.example", i);
        dns_alias(&message, 1, owner, 5, target);
        memcpy(owner, target, sizeof(owner));
    }
    dns_address(&message, 1, owner, 5, host(1));
}

static void chains_have_a_limit(void **state)
{
    (void)state;
    write_chain(15);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_int_equal(answer.left_out, 0);
    write_chain(16);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 0);
    assert_int_equal(answer.left_out, 1);
}

static void only_what_was_asked_for_counts(void **state)
{
    (void)state;
    begin("chat.mistral.ai", DNS_A);
    dns_alias(&message, 1, "chat.mistral.ai", 60, "edge.example");
    dns_address(&message, 1, "other.example", 1, host(1));
    dns_address(&message, 1, "mistral.ai", 1, host(2));
    dns_address(&message, 1, "a.chat.mistral.ai", 1, host(3));
    dns_address(&message, 1, "edge.exampl", 1, host(4));
    dns_address(&message, 1, "chatm.istral.ai", 1, host(8));
    dns_address(&message, 1, "cha.tmistral.ai", 1, host(9));
    dns_address(&message, 2, "edge.example", 1, host(5));
    dns_address(&message, 3, "ns1.example", 1, host(6));
    dns_address(&message, 3, "edge.example", 50, host(7));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_true(holds(host(7)));
    assert_int_equal(answer.ttl_s, 50);
}

static void records_of_other_kinds_are_stepped_over(void **state)
{
    static const unsigned types[] = {2, 6, 12, 15, 16, 25, 33, 39, 46, 47, 50, 250, 257, 65280};

    (void)state;
    begin("a.example", DNS_A);
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        dns_record(&message, 1 + i % 3, "a.example", types[i], 1);
        put_bytes(&message.wire, "\xc6\x33\x64\x01", 4);
        dns_record_end(&message);
    }
    dns_address(&message, 1, "a.example", 70, host(1));
    dns_record(&message, 3, "", DNS_OPT, 0x00008000);
    dns_record_end(&message);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_int_equal(answer.ttl_s, 70);
    assert_true(answer.is_complete);
}

static void records_of_other_classes_or_sizes_are_not_used(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_address(&message, 1, "a.example", 1, host(1));
    set_u16(&message.wire, message.data_at - 8, 3); /* CHAOS */
    dns_record(&message, 1, "a.example", DNS_A, 1);
    put_fill(&message.wire, 1, 5);
    dns_record_end(&message);
    dns_record(&message, 1, "a.example", DNS_AAAA, 1);
    put_fill(&message.wire, 1, 4);
    dns_record_end(&message);
    dns_record(&message, 1, "a.example", DNS_A, 1);
    dns_record_end(&message);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 0);
    assert_int_equal(answer.ttl_s, 0);
}

static void an_address_counts_once_and_32_are_kept(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    for (unsigned i = 0; i < 20; i++)
        dns_address(&message, 1, "a.example", 60, host(i % 4));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 4);
    begin("a.example", DNS_A);
    for (unsigned i = 0; i < 70; i++)
        dns_address(&message, 1, "a.example", 60, host(i));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, DNS_MAX_ADDRESSES);
    assert_int_equal(answer.left_out, 70 - DNS_MAX_ADDRESSES);
    for (unsigned i = 0; i < DNS_MAX_ADDRESSES; i++)
        assert_true(holds(host(i)));
}

static void sixty_four_records_are_kept(void **state)
{
    (void)state;
    for (unsigned others = 63; others <= 64; others++) {
        begin("a.example", DNS_A);
        for (unsigned i = 0; i < others; i++)
            dns_address(&message, 1, "b.example", 60, host(i));
        dns_record(&message, 1, "a.example", DNS_TXT, 60); /* takes no room */
        dns_record_end(&message);
        dns_address(&message, 1, "a.example", 60, host(1));
        assert_int_equal(parse(), DNS_ANSWER);
        assert_int_equal(answer.address_count, others == 63);
        assert_int_equal(answer.left_out, others == 64);
    }
}

static void the_same_bytes_in_two_families_are_two_addresses(void **state)
{
    struct address six = host(1);

    (void)state;
    six.family = 6;
    begin("a.example", DNS_A);
    dns_address(&message, 1, "a.example", 60, host(1));
    dns_address(&message, 1, "a.example", 60, six);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 2);
}

/* RFC 2181, 8. */
static void a_ttl_with_the_first_bit_is_zero(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_address(&message, 1, "a.example", 0x7fffffff, host(1));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.ttl_s, 0x7fffffff);
    dns_address(&message, 1, "a.example", 0x80000000, host(2));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.ttl_s, 0);
    assert_int_equal(answer.address_count, 2);
}

static enum dns_result parse_with(size_t place, unsigned value)
{
    begin("a.example", DNS_A);
    dns_address(&message, 1, "a.example", 60, host(1));
    set_u16(&message.wire, place, value);
    return parse();
}

static void what_is_no_answer_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse_with(2, 0x0100), DNS_OTHER); /* query */
    for (unsigned opcode = 1; opcode < 16; opcode++)
        assert_int_equal(parse_with(2, DNS_RESPONSE | opcode << 11), DNS_OTHER);
    for (unsigned rcode = 1; rcode < 16; rcode++)
        assert_int_equal(parse_with(2, DNS_RESPONSE | rcode), DNS_OTHER);
    assert_int_equal(parse_with(4, 0), DNS_OTHER);
    assert_int_equal(parse_with(4, 2), DNS_OTHER);
    assert_int_equal(parse_with(12 + 11 + 2, 3), DNS_OTHER); /* class CHAOS */
    assert_int_equal(parse_with(2, DNS_RESPONSE), DNS_ANSWER);
    assert_int_equal(parse_with(2, 0x8000), DNS_ANSWER);
}

/* RFC 6891, 6.1.3: the upper bits of BADVERS and others are in the OPT record. */
static void an_extended_error_is_one(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_address(&message, 1, "a.example", 60, host(1));
    dns_record(&message, 3, "", DNS_OPT, 0x01000000);
    dns_record_end(&message);
    assert_int_equal(parse(), DNS_OTHER);
}

/* Found by fuzzing: a second OPT record, which may not be there (RFC 6891, 6.1.1). */
static void an_extended_error_is_not_taken_back(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_address(&message, 1, "a.example", 60, host(1));
    dns_record(&message, 3, "", DNS_OPT, 0x01000000);
    dns_record_end(&message);
    dns_record(&message, 3, "", DNS_OPT, 0);
    dns_record_end(&message);
    assert_int_equal(parse(), DNS_OTHER);
}

static void of_a_truncated_answer_what_is_there_counts(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    set_u16(&message.wire, 2, DNS_RESPONSE | DNS_TRUNCATED);
    dns_address(&message, 1, "a.example", 60, host(1));
    dns_count(&message, 1); /* announced, not there */
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_false(answer.is_complete);
}

static void what_follows_is_ignored(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_address(&message, 1, "a.example", 60, host(1));
    put_fill(&message.wire, 0, sizeof(message.wire.at) - message.wire.length);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_true(answer.is_complete);
}

/* -- Names ------------------------------------------------------------------------------------- */

/* An answer to a question whose name is of these BYTES; two records with the name point to it. */
static enum dns_result parse_name(const void *bytes, size_t length)
{
    dns_begin(&message, DNS_RESPONSE);
    dns_count(&message, 0);
    put_bytes(&message.wire, bytes, length);
    put_u16(&message.wire, DNS_A);
    put_u16(&message.wire, 1);
    for (unsigned i = 0; i < 2; i++) {
        dns_count(&message, 1);
        put_u16(&message.wire, 0xc00c);
        put_u16(&message.wire, DNS_A);
        put_u16(&message.wire, 1);
        put_u32(&message.wire, 60);
        put_u16(&message.wire, 4);
        put_bytes(&message.wire, host(i).bytes, 4);
    }
    return parse();
}

static void odd_bytes_match_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse_name("\x0f"
                                "evil.claude.com\x02"
                                "ai",
                                20),
                     DNS_ANSWER);
    assert_string_equal(answer.name, "evil?claude?com.ai");
    assert_int_equal(parse_name("\x06"
                                "a\0b *\xe9"
                                "\x04"
                                "A_-9",
                                13),
                     DNS_ANSWER);
    assert_string_equal(answer.name, "a?b???.a_-9");
    assert_int_equal(answer.name_length, 11);
    assert_int_equal(answer.address_count, 2);
}

static void the_root_is_a_name(void **state)
{
    (void)state;
    assert_int_equal(parse_name("", 1), DNS_ANSWER);
    assert_string_equal(answer.name, "");
    assert_int_equal(answer.address_count, 2);
}

static void names_have_255_bytes_at_most(void **state)
{
    uint8_t name[300];

    (void)state;
    memset(name, 'a', sizeof(name));
    for (unsigned last = 60; last <= 63; last++) {
        name[0] = name[64] = name[128] = 63;
        name[192] = (uint8_t)last;
        name[193 + last] = 0;
        if (last <= 61) {
            assert_int_equal(parse_name(name, 194 + last), DNS_ANSWER);
            assert_int_equal(answer.name_length, 192 + last);
            assert_int_equal(strlen(answer.name), 192 + last);
            assert_int_equal(answer.address_count, 2);
        } else {
            assert_int_equal(parse_name(name, 194 + last), DNS_MALFORMED);
        }
        name[193 + last] = 'a';
    }
}

/* RFC 1035, 2.3.4 and 4.1.4; RFC 6891, 5: the other two kinds of label are gone. */
static void labels_have_63_bytes_at_most(void **state)
{
    uint8_t name[200];

    (void)state;
    for (unsigned first = 1; first < 0xc0; first++) {
        memset(name, 'a', sizeof(name));
        name[0] = (uint8_t)first;
        name[first + 1] = 0;
        assert_int_equal(parse_name(name, first + 2), first <= 63 ? DNS_ANSWER : DNS_MALFORMED);
    }
}

/* The name asked for starts at 12. */
static void pointers_lead_backwards_only(void **state)
{
    (void)state;
    assert_int_equal(parse_name("\xc0\x0c", 2), DNS_MALFORMED);       /* to itself */
    assert_int_equal(parse_name("\xc0\x0e", 2), DNS_MALFORMED);       /* forwards */
    assert_int_equal(parse_name("\xff\xff", 2), DNS_MALFORMED);       /* out */
    assert_int_equal(parse_name("\1a\xc0\x0c", 4), DNS_MALFORMED);    /* to its start */
    assert_int_equal(parse_name("\1a\1b\xc0\x0e", 6), DNS_MALFORMED); /* into itself */
    assert_int_equal(parse_name("\1a\xc0\x04", 4), DNS_ANSWER);       /* to a zero before it */
    assert_string_equal(answer.name, "a");
}

/* The data of an alias point to a name that points on, HOPS times, to the name asked for. */
static unsigned addresses_behind(unsigned hops)
{
    size_t place;

    begin("a.example", DNS_A);
    dns_record(&message, 1, "b.example", DNS_TXT, 60);
    put_u16(&message.wire, 0xc00c);
    for (unsigned i = 1; i < hops; i++)
        put_u16(&message.wire, 0xc000 | (unsigned)(message.wire.length - 2));
    dns_record_end(&message);
    place = message.wire.length - 2;
    dns_address(&message, 1, "", 60, host(1));
    /* The owner, one zero byte, gives way to a pointer. */
    memmove(message.wire.at + place + 4, message.wire.at + place + 3,
            message.wire.length - place - 3);
    set_u16(&message.wire, place + 2, 0xc000 | place);
    message.wire.length++;
    assert_int_equal(parse(), DNS_ANSWER);
    return answer.address_count;
}

static void pointers_to_pointers_have_a_limit(void **state)
{
    (void)state;
    assert_int_equal(addresses_behind(1), 1);
    assert_int_equal(addresses_behind(31), 1);
    assert_int_equal(addresses_behind(32), 0);
    assert_int_equal(addresses_behind(5000), 0);
}

static void a_record_with_a_bad_name_matches_nothing(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_record(&message, 1, "a.example", DNS_CNAME, 1);
    put_u16(&message.wire, 0xc000 | (unsigned)message.wire.length);
    dns_record_end(&message);
    dns_record(&message, 1, "a.example", DNS_CNAME, 1); /* runs out of its data */
    put_bytes(&message.wire,
              "\x03"
              "ab",
              3);
    dns_record_end(&message);
    dns_record(&message, 1, "a.example", DNS_CNAME, 1);
    dns_record_end(&message);
    dns_count(&message, 1); /* the name asked for, but without end */
    put_bytes(&message.wire, "\1a\7example\xff\xff\0\1\0\1\0\0\0\1\0\4\1\2\3\4", 26);
    dns_address(&message, 1, "a.example", 60, host(1));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 1);
    assert_int_equal(answer.ttl_s, 60);
    assert_true(answer.is_complete);
}

/* A label that is too long, in the data of a record, where only a pointer leads to. */
static void a_long_label_behind_a_pointer_matches_nothing(void **state)
{
    (void)state;
    for (unsigned length = 63; length <= 64; length++) {
        begin("a.example", DNS_A);
        dns_record(&message, 1, "a.example", DNS_TXT, 60);
        put_u8(&message.wire, length);
        put_fill(&message.wire, 'a', length);
        put_u8(&message.wire, 0);
        dns_record_end(&message);
        dns_record(&message, 1, "a.example", DNS_CNAME, 60);
        put_u16(&message.wire, 0xc000 | (unsigned)(message.data_at - 12 - length - 2));
        dns_record_end(&message);
        assert_int_equal(parse(), DNS_ANSWER);
        assert_int_equal(answer.ttl_s, length == 63 ? 60 : 0);
    }
}

static void nothing_is_read_after_a_record_without_end(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    dns_count(&message, 1);
    put_u8(&message.wire, 0x41);
    put_fill(&message.wire, 0, 0x41 + 11);
    dns_address(&message, 1, "a.example", 60, host(1));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 0);
    assert_false(answer.is_complete);
}

/* RFC 1035, 4.2.2: its length has 16 bits. */
static void a_message_ends_after_65535_bytes(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        begin("a.example", DNS_A);
        dns_record(&message, 1, "a.example", DNS_TXT, 60);
        put_fill(&message.wire, 0, 65535 - message.wire.length - 16 + more);
        dns_record_end(&message);
        dns_address(&message, 1, "a.example", 60, host(1));
        assert_int_equal(message.wire.length, 65535 + more);
        assert_int_equal(parse(), DNS_ANSWER);
        assert_int_equal(answer.address_count, !more);
        assert_int_equal(answer.is_complete, !more);
    }
}

/* -- HTTPS and SVCB (RFC 9460) ----------------------------------------------------------------- */

static void hints_and_keys_are_read(void **state)
{
    (void)state;
    begin("chatgpt.com", DNS_HTTPS);
    dns_https(&message, 1, "chatgpt.com", 300, 1, "");
    dns_parameter(&message, 1, "\x02h3\x02h2", 6);
    dns_parameter(&message, 4, "\xc6\x33\0\1\xc6\x33\0\2", 8);
    dns_parameter(&message, 5, "\0\4\xfe\x0d\0\0", 6);
    dns_parameter(&message, 6, address6(3).bytes, 16);
    dns_record_end(&message);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_string_equal(answer.name, "chatgpt.com");
    assert_int_equal(answer.type, DNS_HTTPS);
    assert_true(answer.has_ech);
    assert_int_equal(answer.address_count, 3);
    assert_true(holds(host(1)) && holds(host(2)) && holds(address6(3)));
    assert_int_equal(answer.ttl_s, 300);
}

static void targets_are_followed(void **state)
{
    (void)state;
    begin("a.example", DNS_HTTPS);
    dns_alias(&message, 1, "a.example", 90, "b.example");
    dns_https(&message, 1, "b.example", 80, 0, "c.example"); /* an alias */
    dns_parameter(&message, 4, "\xc6\x33\0\1", 4);           /* of an alias, so ignored */
    dns_parameter(&message, 5, "x", 1);
    dns_record_end(&message);
    dns_https(&message, 3, "c.example", 70, 2, "d.example");
    dns_parameter(&message, 4, "\xc6\x33\0\2", 4);
    dns_record_end(&message);
    dns_address(&message, 3, "c.example", 75, host(3));
    dns_address(&message, 3, "d.example", 75, host(4));
    dns_address(&message, 3, "e.example", 5, host(5));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_false(answer.has_ech);
    assert_int_equal(answer.address_count, 3);
    assert_true(holds(host(2)) && holds(host(3)) && holds(host(4)));
    assert_int_equal(answer.ttl_s, 70);
}

/* In an alias it says that there is no such service; there is no name "." to go on from. */
static void the_target_may_be_the_root(void **state)
{
    (void)state;
    begin("a.example", DNS_HTTPS);
    dns_https(&message, 1, "a.example", 80, 0, "");
    dns_record_end(&message);
    dns_address(&message, 3, "", 60, host(1));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 0);
}

static void port_and_scheme_are_no_part_of_the_name(void **state)
{
    (void)state;
    begin("_8443._https.api.example", DNS_HTTPS);
    dns_https(&message, 1, "_8443._https.api.example", 60, 1, "");
    dns_parameter(&message, 4, "\xc6\x33\0\1", 4);
    dns_record_end(&message);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_string_equal(answer.name, "api.example");
    assert_int_equal(answer.name_length, 11);
    assert_int_equal(answer.address_count, 1);
    begin("_dns.a._b.example", DNS_SVCB);
    dns_record(&message, 1, "_dns.a._b.example", DNS_SVCB, 60);
    put_u16(&message.wire, 1);
    dns_name(&message, "b.example");
    dns_record_end(&message);
    dns_address(&message, 3, "b.example", 60, host(2));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_string_equal(answer.name, "a._b.example");
    assert_int_equal(answer.address_count, 1);
    begin("_a.example", DNS_A);
    assert_int_equal(parse(), DNS_ANSWER);
    assert_string_equal(answer.name, "_a.example");
}

/* One record with the parameters in BYTES; it must not be used. */
static void check_malformed(const void *bytes, size_t length)
{
    begin("a.example", DNS_HTTPS);
    dns_https(&message, 1, "a.example", 60, 1, "b.example");
    put_bytes(&message.wire, bytes, length);
    dns_record_end(&message);
    dns_address(&message, 3, "b.example", 60, host(2));
    assert_int_equal(parse(), DNS_ANSWER);
    assert_int_equal(answer.address_count, 0);
    assert_false(answer.has_ech);
    assert_int_equal(answer.ttl_s, 0);
    assert_true(answer.is_complete);
}

static void malformed_parameters_are_not_used(void **state)
{
    (void)state;
    check_malformed("\0\5\0\0\0\4\0\4\xc6\x33\0\1", 12); /* keys descend */
    check_malformed("\0\5\0\0\0\5\0\0", 8);              /* one key twice */
    check_malformed("\0\4\0\5\xc6\x33\0\1", 8);          /* longer than the record */
    check_malformed("\0\4\0\3\xc6\x33\0", 7);            /* three quarters of an address */
    check_malformed("\0\6\0\x04\xc6\x33\0\0", 8);
    check_malformed("\0\5\0", 3);
}

static void a_record_without_target_is_not_used(void **state)
{
    (void)state;
    for (unsigned length = 0; length < 4; length++) {
        begin("a.example", DNS_HTTPS);
        dns_record(&message, 1, "a.example", DNS_HTTPS, 60);
        put_bytes(&message.wire,
                  "\0\0\x03"
                  "a",
                  length);
        dns_record_end(&message);
        dns_address(&message, 3, "a.example", 70, host(1));
        assert_int_equal(parse(), DNS_ANSWER);
        assert_int_equal(answer.address_count, 1);
        assert_int_equal(answer.ttl_s, 70);
    }
}

/* -- Streams ----------------------------------------------------------------------------------- */

static void a_stream_is_cut_into_messages(void **state)
{
    const uint8_t stream[] = {0, 3, 'a', 'b', 'c', 0, 0, 1, 2, 'd'};

    (void)state;
    assert_int_equal(dns_stream_next(stream, 0), 0);
    assert_int_equal(dns_stream_next(stream, 1), 0);
    assert_int_equal(dns_stream_next(stream, 2), 5);
    assert_int_equal(dns_stream_next(stream, sizeof(stream)), 5);
    assert_int_equal(dns_stream_next(stream + 5, sizeof(stream) - 5), 2);
    assert_int_equal(dns_stream_next(stream + 7, sizeof(stream) - 7), 0x102 + 2);
    assert_int_equal(dns_stream_next((const uint8_t *)"\xff\xff", 2), 65537);
}

/* -- Random messages --------------------------------------------------------------------------- */

#define MAX_PLANNED 48

/* The records of a message, before they are put in random order. */
enum { PLAN_ADDRESS, PLAN_ALIAS, PLAN_SERVICE_ALIAS, PLAN_SERVICE };
struct planned {
    unsigned kind;
    const char *owner;
    const char *target;
    uint32_t ttl_s;
    struct address address; /* of PLAN_SERVICE: the hint */
    bool ech;
};

struct plan {
    struct planned records[MAX_PLANNED];
    size_t count;
    struct address expected[MAX_PLANNED];
    size_t expected_count;
    uint32_t ttl_s;
    bool has_ech;
};

static char names[12][64];
static struct plan plan;

static void plan_names(uint64_t *seed)
{
    static const char *const ends[] = {"example", "cdn.example", "a.b.c.example", "test"};

    for (unsigned i = 0; i < 12; i++)
        snprintf(names[i], sizeof(names[i]), "%c%u.%s", "xY"[random_below(seed, 2)], i,
                 ends[random_below(seed, 4)]);
}

static struct address random_address(uint64_t *seed)
{
    return random_below(seed, 2) ? address6(random_below(seed, 60000))
                                 : host(random_below(seed, 60000));
}

static void add_planned(struct planned record, bool counts)
{
    if (counts && record.ttl_s < plan.ttl_s)
        plan.ttl_s = record.ttl_s;
    if (counts && (record.kind == PLAN_ADDRESS || record.kind == PLAN_SERVICE))
        plan.expected[plan.expected_count++] = record.address;
    plan.has_ech |= counts && record.ech;
    plan.records[plan.count++] = record;
}

/* A chain of names[0] to names[length], and records of names that are not on it. */
static void draw_plan(uint64_t *seed)
{
    unsigned length = random_below(seed, 8);
    unsigned addresses = random_below(seed, 8);

    plan.count = plan.expected_count = 0;
    plan.ttl_s = UINT32_MAX;
    plan.has_ech = false;
    plan_names(seed);
    for (unsigned i = 0; i < length; i++)
        add_planned((struct planned){PLAN_ALIAS + random_below(seed, 3), names[i], names[i + 1],
                                     random_below(seed, 9999), random_address(seed), false},
                    true);
    for (unsigned i = 0; i < addresses; i++)
        add_planned((struct planned){PLAN_ADDRESS, names[length], NULL, random_below(seed, 9999),
                                     random_address(seed), false},
                    true);
    if (random_below(seed, 3) == 0)
        add_planned((struct planned){PLAN_SERVICE, names[length], "", random_below(seed, 9999),
                                     random_address(seed), random_below(seed, 2)},
                    true);
    for (unsigned i = random_below(seed, 12); i > 0; i--)
        add_planned((struct planned){random_below(seed, 4), names[8 + random_below(seed, 4)],
                                     names[random_below(seed, 12)], 0, random_address(seed), true},
                    false);
}

static void write_planned(const struct planned *record, unsigned section)
{
    switch (record->kind) {
    case PLAN_ADDRESS:
        dns_address(&message, section, record->owner, record->ttl_s, record->address);
        return;
    case PLAN_ALIAS:
        dns_alias(&message, section, record->owner, record->ttl_s, record->target);
        return;
    default:
        dns_https(&message, section, record->owner, record->ttl_s, record->kind == PLAN_SERVICE,
                  record->target);
    }
    if (record->address.family == 4)
        dns_parameter(&message, 4, record->address.bytes, 4);
    if (record->ech)
        dns_parameter(&message, 5, "ech", 3);
    if (record->address.family == 6)
        dns_parameter(&message, 6, record->address.bytes, 16);
    dns_record_end(&message);
}

static void write_plan(uint64_t *seed)
{
    unsigned answers = random_below(seed, (uint32_t)plan.count + 1);

    for (size_t i = plan.count; i > 1; i--) {
        size_t other = random_below(seed, (uint32_t)i);
        struct planned swapped = plan.records[other];

        plan.records[other] = plan.records[i - 1];
        plan.records[i - 1] = swapped;
    }
    message.compress = random_below(seed, 4) != 0;
    dns_begin(&message, DNS_RESPONSE);
    dns_question(&message, names[0], DNS_HTTPS);
    for (size_t i = 0; i < plan.count; i++)
        write_planned(&plan.records[i], i < answers ? 1 : 3);
}

static void check_plan(void)
{
    assert_int_equal(parse(), DNS_ANSWER);
    assert_true(strcasecmp(answer.name, names[0]) == 0);
    assert_true(answer.is_complete);
    assert_int_equal(answer.left_out, 0);
    assert_int_equal(answer.ttl_s, plan.ttl_s == UINT32_MAX ? 0 : plan.ttl_s);
    assert_int_equal(answer.has_ech, plan.has_ech);
    for (size_t i = 0; i < plan.expected_count; i++)
        assert_true(holds(plan.expected[i]));
    for (size_t i = 0; i < answer.address_count; i++) {
        size_t j = 0;

        while (j < plan.expected_count &&
               memcmp(&plan.expected[j], &answer.addresses[i], sizeof(struct address)) != 0)
            j++;
        assert_true(j < plan.expected_count);
    }
}

/* A part may say less than the whole, never anything else. */
static void check_parts(void)
{
    struct dns_answer whole = answer;
    size_t question_end = 12 + strlen(names[0]) + 2 + 4;

    for (size_t length = 0; length < message.wire.length; length++) {
        enum dns_result result = parse_part(length);

        assert_int_equal(result, length < question_end ? DNS_MALFORMED : DNS_ANSWER);
        if (result != DNS_ANSWER)
            continue;
        assert_false(answer.is_complete);
        assert_string_equal(answer.name, whole.name);
        assert_true(whole.has_ech || !answer.has_ech);
        for (size_t i = 0; i < answer.address_count; i++) {
            size_t j = 0;

            while (j < whole.address_count &&
                   memcmp(&whole.addresses[j], &answer.addresses[i], sizeof(struct address)) != 0)
                j++;
            assert_true(j < whole.address_count);
        }
    }
}

/* -- Questions and answers --------------------------------------------------------------------- */

static bool identify(struct dns_identity *identity, unsigned flags, const char *name, unsigned type)
{
    uint8_t *copy;
    bool identified;

    dns_begin(&message, flags);
    dns_question(&message, name, type);
    if (flags & 0x8000)
        dns_address(&message, 1, name, 300, host(1));
    copy = exact_copy(message.wire.at, message.wire.length);
    identified = dns_identify(copy, message.wire.length, identity);
    free(copy);
    return identified;
}

static void an_answer_has_the_identity_of_its_question(void **state)
{
    struct dns_identity question, other;

    (void)state;
    assert_true(identify(&question, DNS_QUERY, "chat.mistral.ai", DNS_A));
    assert_false(question.is_answer);
    assert_true(identify(&other, DNS_RESPONSE, "Chat.MISTRAL.ai", DNS_A));
    assert_true(other.is_answer);
    assert_true(other.hash == question.hash);
    assert_true(identify(&other, DNS_RESPONSE | 3, "chat.mistral.ai", DNS_A)); /* no such name */
    assert_true(other.hash == question.hash);
    assert_true(identify(&other, DNS_RESPONSE, "chat.mistral.ai", DNS_AAAA));
    assert_true(other.hash != question.hash);
    assert_true(identify(&other, DNS_RESPONSE, "chatm.istral.ai", DNS_A));
    assert_true(other.hash != question.hash);
    for (unsigned id = 0; id < 65536; id++) {
        assert_true(identify(&other, DNS_QUERY, "chat.mistral.ai", DNS_A));
        message.wire.at[0] = (uint8_t)(id >> 8);
        message.wire.at[1] = (uint8_t)id;
        assert_true(dns_identify(message.wire.at, message.wire.length, &other));
        assert_int_equal(other.hash == question.hash, id == 0x1d5a);
    }
}

static void what_is_no_query_has_no_identity(void **state)
{
    struct dns_identity identity;

    (void)state;
    assert_false(identify(&identity, DNS_QUERY | 0x2800, "a.example", DNS_A)); /* an update */
    assert_true(identify(&identity, DNS_QUERY, "a.example", DNS_A));
    for (size_t length = 0; length < message.wire.length; length++) {
        uint8_t *copy = exact_copy(message.wire.at, length);

        assert_false(dns_identify(copy, length, &identity));
        free(copy);
    }
    message.wire.at[5] = 2; /* questions */
    assert_false(dns_identify(message.wire.at, message.wire.length, &identity));
    message.wire.at[5] = 0;
    assert_false(dns_identify(message.wire.at, message.wire.length, &identity));
    message.wire.at[5] = 1;
    message.wire.at[12] = 0x80; /* no label begins so */
    assert_false(dns_identify(message.wire.at, message.wire.length, &identity));
}

static void any_order_and_any_compression_say_the_same(void **state)
{
    uint64_t seed = 1;
    size_t addresses = 0;

    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        draw_plan(&seed);
        for (unsigned turn = 0; turn < 4; turn++) {
            write_plan(&seed);
            check_plan();
            addresses += answer.address_count;
        }
    }
    assert_true(addresses > 10000);
}

static void a_cut_message_gives_what_was_complete(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        draw_plan(&seed);
        write_plan(&seed);
        check_plan();
        check_parts();
    }
}

/* Whatever is wrong with a message, reading it ends and keeps to its bounds. */
static void damaged_messages_do_no_harm(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        draw_plan(&seed);
        write_plan(&seed);
        for (unsigned j = 1 + random_below(&seed, 4); j > 0; j--)
            message.wire.at[random_below(&seed, (uint32_t)message.wire.length)] =
                (uint8_t)random_next(&seed);
        parse_part(random_below(&seed, (uint32_t)message.wire.length + 1));
        parse();
        assert_true(answer.address_count <= DNS_MAX_ADDRESSES);
        assert_int_equal(strlen(answer.name), answer.name_length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_gives_name_addresses_and_ttl),
        cmocka_unit_test(an_answer_may_be_empty),
        cmocka_unit_test(names_have_no_case),
        cmocka_unit_test(aliases_are_followed_in_any_order),
        cmocka_unit_test(aliases_in_a_circle_end),
        cmocka_unit_test(chains_have_a_limit),
        cmocka_unit_test(only_what_was_asked_for_counts),
        cmocka_unit_test(records_of_other_kinds_are_stepped_over),
        cmocka_unit_test(records_of_other_classes_or_sizes_are_not_used),
        cmocka_unit_test(an_address_counts_once_and_32_are_kept),
        cmocka_unit_test(sixty_four_records_are_kept),
        cmocka_unit_test(the_same_bytes_in_two_families_are_two_addresses),
        cmocka_unit_test(a_ttl_with_the_first_bit_is_zero),
        cmocka_unit_test(what_is_no_answer_says_nothing),
        cmocka_unit_test(an_extended_error_is_one),
        cmocka_unit_test(an_extended_error_is_not_taken_back),
        cmocka_unit_test(of_a_truncated_answer_what_is_there_counts),
        cmocka_unit_test(what_follows_is_ignored),
        cmocka_unit_test(odd_bytes_match_nothing),
        cmocka_unit_test(the_root_is_a_name),
        cmocka_unit_test(names_have_255_bytes_at_most),
        cmocka_unit_test(labels_have_63_bytes_at_most),
        cmocka_unit_test(pointers_lead_backwards_only),
        cmocka_unit_test(pointers_to_pointers_have_a_limit),
        cmocka_unit_test(a_record_with_a_bad_name_matches_nothing),
        cmocka_unit_test(a_long_label_behind_a_pointer_matches_nothing),
        cmocka_unit_test(nothing_is_read_after_a_record_without_end),
        cmocka_unit_test(a_message_ends_after_65535_bytes),
        cmocka_unit_test(hints_and_keys_are_read),
        cmocka_unit_test(targets_are_followed),
        cmocka_unit_test(the_target_may_be_the_root),
        cmocka_unit_test(port_and_scheme_are_no_part_of_the_name),
        cmocka_unit_test(malformed_parameters_are_not_used),
        cmocka_unit_test(a_record_without_target_is_not_used),
        cmocka_unit_test(a_stream_is_cut_into_messages),
        cmocka_unit_test(an_answer_has_the_identity_of_its_question),
        cmocka_unit_test(what_is_no_query_has_no_identity),
        cmocka_unit_test(any_order_and_any_compression_say_the_same),
        cmocka_unit_test(a_cut_message_gives_what_was_complete),
        cmocka_unit_test(damaged_messages_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
