/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Claims of openings by themselves; then films of ports that are used again while what used them
 * before is still followed: both must be metered as if each had been alone. That forged openings
 * change nothing is shown where the films are (test_recognition.c, test_usage.c, test_wire.c). */

#include "collectors/capture/openings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/capture/owners.h"
#include "tests/thinned.h"

#define KEY   UINT64_C(0x123456789abcdef0)
#define FIRST 0xfffffff0U /* the first byte of the connection that is claimed */

/* -- Claims ------------------------------------------------------------------------------------ */

static struct openings *openings;

static int openings_begin(void **state)
{
    (void)state;
    openings = openings_new();
    return openings ? 0 : -1;
}

static int openings_end(void **state)
{
    (void)state;
    openings_free(openings);
    openings_free(NULL);
    return 0;
}

/* A SYN whose connection's first byte is FIRST, with the LENGTH bytes of TEXT. */
static struct packet syn_of(uint32_t first, const char *text, uint32_t length)
{
    return (struct packet){.source = address4(10, 1, 0, 1),
                           .destination = address4(203, 0, 113, 7),
                           .source_port = 50000,
                           .destination_port = 443,
                           .vlan = 5,
                           .protocol = PROTOCOL_TCP,
                           .tcp_flags = TCP_SYN,
                           .sequence = first - 1,
                           .payload = (const uint8_t *)text,
                           .captured_length = length,
                           .payload_length = length};
}

static void claim(uint64_t key, unsigned side, uint32_t first, const char *text)
{
    struct packet syn = syn_of(first, text, (uint32_t)strlen(text));

    openings_claim(openings, key, side, &syn);
}

static struct opening *confirm(uint64_t key, unsigned side, uint8_t flags, uint32_t sequence,
                               uint32_t acknowledgement, struct packet *syn)
{
    struct packet packet = syn_of(sequence + 1, "", 0);

    packet.tcp_flags = flags;
    packet.acknowledgement = acknowledgement;
    return openings_confirm(openings, key, side, &packet, syn);
}

/* What SIDE's end says at NUMBER, and what the other one says that acknowledges it. */
static bool goes_on(uint64_t key, unsigned side, uint32_t number)
{
    struct packet syn;
    bool by_itself = confirm(key, side, TCP_ACK, number, 7, &syn);

    assert_int_equal(confirm(key, !side, TCP_SYN | TCP_ACK, 7, number, &syn) != NULL, by_itself);
    return by_itself;
}

static void a_claim_is_confirmed_by_its_very_number(void **state)
{
    (void)state;
    assert_false(goes_on(0, 0, 0));
    for (unsigned side = 0; side < 2; side++) {
        claim(KEY + side, side, FIRST, "");
        assert_true(goes_on(KEY + side, side, FIRST));
        assert_false(goes_on(KEY + side, side, FIRST - 1));
        assert_false(goes_on(KEY + side, side, FIRST + 1));
        assert_false(goes_on(KEY + side, !side, FIRST));
        assert_false(goes_on(KEY + side + 64, side, FIRST));
    }
}

/* Of data that came with it, all was taken or nothing. */
static void what_came_with_it_is_kept(void **state)
{
    struct packet syn;

    (void)state;
    claim(KEY, 0, FIRST, "said at once, and more than reaches to the end of numbers");
    assert_true(goes_on(KEY, 0, FIRST));
    assert_true(goes_on(KEY, 0, FIRST + 57));
    assert_false(goes_on(KEY, 0, FIRST + 1));
    assert_false(goes_on(KEY, 0, FIRST + 56));
    assert_false(goes_on(KEY, 0, FIRST + 58));
    assert_non_null(confirm(KEY, 0, TCP_ACK, FIRST + 57, 7, &syn));
    assert_int_equal(syn.payload_length, 57);
    assert_int_equal(syn.captured_length, 57);
    assert_memory_equal(syn.payload, "said at once, and more than", 27);
}

static void the_packet_is_as_it_came(void **state)
{
    const struct packet plain = syn_of(FIRST, "", 0);
    struct packet syn;

    (void)state;
    claim(KEY, 1, FIRST, "x");
    for (int answer = 0; answer < 2; answer++) {
        if (answer) {
            struct packet packet = {.source = plain.destination,
                                    .destination = plain.source,
                                    .source_port = 443,
                                    .destination_port = 50000,
                                    .vlan = 5,
                                    .protocol = PROTOCOL_TCP,
                                    .tcp_flags = TCP_SYN | TCP_ACK,
                                    .acknowledgement = FIRST + 1};

            assert_non_null(openings_confirm(openings, KEY, 0, &packet, &syn));
        } else {
            assert_non_null(confirm(KEY, 1, TCP_ACK | TCP_FIN, FIRST, 7, &syn));
        }
        assert_memory_equal(&syn.source, &plain.source, sizeof(syn.source));
        assert_memory_equal(&syn.destination, &plain.destination, sizeof(syn.destination));
        assert_int_equal(syn.source_port, 50000);
        assert_int_equal(syn.destination_port, 443);
        assert_int_equal(syn.vlan, 5);
        assert_int_equal(syn.protocol, PROTOCOL_TCP);
        assert_int_equal(syn.tcp_flags, TCP_SYN);
        assert_int_equal(syn.sequence, FIRST - 1);
        assert_int_equal(syn.acknowledgement, 0);
        assert_int_equal(syn.payload_length, 1);
    }
}

/* An end that hears nothing repeats its opening, without data if those may have been the reason. */
static void a_repeated_claim_is_the_same_one(void **state)
{
    struct packet syn;

    (void)state;
    claim(KEY, 0, FIRST, "ab");
    for (int i = 0; i < 20; i++)
        claim(KEY, 0, FIRST, "");
    assert_non_null(confirm(KEY, 0, TCP_ACK, FIRST + 2, 7, &syn));
    assert_int_equal(syn.payload_length, 2);
    claim(KEY, 0, FIRST, "abcd"); /* the first one was cut, or forged */
    assert_false(goes_on(KEY, 0, FIRST + 2));
    assert_true(goes_on(KEY, 0, FIRST + 4));
    openings_forget(confirm(KEY, 0, TCP_ACK, FIRST, 7, &syn));
    assert_false(goes_on(KEY, 0, FIRST)); /* nor is another one left */
}

static void long_data_are_cut(void **state)
{
    static const char text[4000];
    struct packet claimed = syn_of(FIRST, text, sizeof(text));
    struct packet syn;

    (void)state;
    openings_claim(openings, KEY, 0, &claimed);
    assert_non_null(confirm(KEY, 0, TCP_ACK, FIRST + 4000, 7, &syn));
    assert_int_equal(syn.payload_length, 4000);
    assert_int_equal(syn.captured_length, 1460);
    claimed.sequence -= 5000;
    claimed.captured_length = 100; /* the snap length cut it before */
    openings_claim(openings, KEY, 0, &claimed);
    assert_non_null(confirm(KEY, 0, TCP_ACK, FIRST - 1000, 7, &syn));
    assert_int_equal(syn.payload_length, 4000);
    assert_int_equal(syn.captured_length, 100);
}

static void what_is_forgotten_is_wiped(void **state)
{
    struct packet syn;
    struct opening *opening;

    (void)state;
    claim(KEY, 0, FIRST, "secret");
    claim(KEY, 0, FIRST + 100, "");
    opening = confirm(KEY, 0, TCP_ACK, FIRST, 7, &syn);
    assert_memory_equal(syn.payload, "secret", 6);
    openings_forget(opening);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(syn.payload[i], 0);
    assert_false(goes_on(KEY, 0, FIRST));
    assert_true(goes_on(KEY, 0, FIRST + 100));
}

/* At the second end of an interval; the claim stays, as it may yet be answered. */
static void what_came_with_it_is_wiped_with_the_interval(void **state)
{
    struct packet syn;

    (void)state;
    openings_wipe(openings);
    for (unsigned set = 0; set < 3; set++) {
        claim(KEY + set, 0, FIRST, "secret");
        openings_wipe(openings);
        assert_non_null(confirm(KEY + set, 0, TCP_ACK, FIRST + 6, 7, &syn));
        assert_int_equal(syn.captured_length, 6);
        assert_memory_equal(syn.payload, "secret", 6);
        openings_wipe(openings);
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(syn.payload[i], 0);
        assert_non_null(confirm(KEY + set, 0, TCP_ACK, FIRST + 6, 7, &syn));
        assert_int_equal(syn.captured_length, 0);
        assert_int_equal(syn.payload_length, 6);
    }
    for (unsigned i = 0; i < 8; i++) /* what takes its place begins anew */
        claim(KEY, 1, FIRST + 100 * i, "other");
    openings_wipe(openings);
    for (unsigned i = 0; i < 8; i++) {
        assert_non_null(confirm(KEY, 1, TCP_ACK, FIRST + 100 * i, 7, &syn));
        assert_int_equal(syn.captured_length, 5);
    }
}

/* Seven more of one connection, or of others in its set, displace nothing. */
static void the_eighth_claim_after_it_takes_its_place(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        claim(KEY + 64ULL * (i / 3), i % 2, FIRST + 10 * i, "");
        claim(KEY + 1 + i % 63, 0, FIRST, ""); /* in other sets */
        for (unsigned back = 0; back < 8 && back <= i; back++) {
            unsigned j = i - back;

            assert_true(goes_on(KEY + 64ULL * (j / 3), j % 2, FIRST + 10 * j));
        }
        if (i >= 8) {
            unsigned j = i - 8;

            assert_false(goes_on(KEY + 64ULL * (j / 3), j % 2, FIRST + 10 * j));
        }
    }
}

/* -- Ports that are used again ------------------------------------------------------------------
 */

/* How the connection before ended, if it did. */
enum before { OPENED, NAMED, IGNORED, AMID, CLOSED, RESET, SILENT, BEFORE_COUNT };

static void say_hello(struct talk *talk, const char *name, size_t padding)
{
    talk_hello(&film, talk, name, padding);
}

static void use(struct talk *talk)
{
    talk_exchange(&film, talk, 400, 3, 1000, SECOND);
    film.clock_ns += 10 * SECOND;
}

static void say_before(struct talk *talk, enum before before)
{
    const uint32_t first = talk->sequence[FROM_SERVER] + 1;

    if (before != AMID)
        talk_open(&film, talk);
    if (before > OPENED && before != AMID)
        say_hello(talk, before == IGNORED ? "www.other.example" : "api.example", 0);
    if (before != OPENED)
        use(talk);
    if (before == CLOSED) {
        talk_close(&film, talk);
        film.clock_ns += SECOND; /* a late copy begins nothing */
        talk_segment(&film, talk, FROM_SERVER, first - 1, TCP_SYN | TCP_ACK, NULL, 0);
    }
    if (before == RESET)
        talk_flags(&film, talk, FROM_SERVER, TCP_RST);
    if (before == SILENT)
        film.clock_ns += 3 * 3600 * SECOND;
    give_to(OLD);
}

/* How the next one begins. EARLY: with the hello in its SYN. */
enum opening_kind {
    PLAIN,
    REPEATED,
    LATE_COPIES,
    EARLY,
    EARLY_REFUSED,
    EARLY_REPEATED,
    CHALLENGED,
    AMONG_FORGED,
    STRAGGLED,
    KINDS
};

/* What of it is not captured. */
enum lost { NOTHING, ANSWER, ANSWER_AND_ACK, SERVER, LOSSES };

static void hello_bytes(struct bytes *bytes)
{
    const struct hello_parts parts = {.name = "api.example", .padding = 300};

    bytes->length = 0;
    put_hello(bytes, &parts);
}

static void forge(const struct talk *talk, int end, uint32_t sequence, uint8_t flags)
{
    give_to(NEW);
    talk_segment(&film, talk, end, sequence, flags, NULL, 0);
    give_to(FORGED);
}

static void answer_opening(struct talk *talk, uint32_t acknowledgement, enum lost lost)
{
    struct talk answer = *talk;

    film.clock_ns += MILLI;
    answer.sequence[FROM_CLIENT] = acknowledgement;
    if (lost == NOTHING || lost == SERVER)
        talk_flags(&film, &answer, FROM_SERVER, TCP_SYN | TCP_ACK);
    talk->sequence[FROM_SERVER]++;
}

static void say_opening(struct talk *talk, struct talk *old, bool is_over, enum opening_kind kind,
                        enum lost lost)
{
    const uint32_t first = talk->sequence[FROM_CLIENT] + 1;
    static struct bytes bytes;
    bool early = kind == EARLY || kind == EARLY_REFUSED || kind == EARLY_REPEATED;
    struct talk again;

    hello_bytes(&bytes);
    talk_segment(&film, talk, FROM_CLIENT, first - 1, TCP_SYN, bytes.at,
                 early ? (uint32_t)bytes.length : 0);
    talk->sequence[FROM_CLIENT] = first;
    again = *talk;
    if (kind == REPEATED || kind == EARLY_REPEATED) {
        film.clock_ns += SECOND;
        talk_segment(&film, talk, FROM_CLIENT, first - 1, TCP_SYN, NULL, 0);
    }
    give_to(NEW);
    if (kind == CHALLENGED && !is_over) {
        talk_segment(&film, old, FROM_SERVER, old->sequence[FROM_SERVER], TCP_ACK, NULL, 0);
        talk_segment(&film, old, FROM_CLIENT, old->sequence[FROM_CLIENT], TCP_RST, NULL, 0);
        give_to(OLD);
        film.clock_ns += SECOND;
        talk_segment(&film, talk, FROM_CLIENT, first - 1, TCP_SYN, NULL, 0);
    }
    if (kind == STRAGGLED && !is_over) { /* on its way when the client began anew */
        talk_record(&film, old, FROM_SERVER, 100);
        talk_segment(&film, old, FROM_CLIENT, old->sequence[FROM_CLIENT] - 1, TCP_ACK, bytes.at, 1);
        give_to(OLD);
    }
    for (uint32_t i = 1; i < 4 && kind == AMONG_FORGED; i++) {
        forge(talk, FROM_CLIENT, first + (i << 24), TCP_SYN);
        forge(talk, FROM_SERVER, first + (i << 25), TCP_SYN);
        forge(old, FROM_SERVER, first + (i << 26), TCP_SYN | TCP_ACK);
    }
    if (early && kind != EARLY_REFUSED) {
        talk->sequence[FROM_CLIENT] += (uint32_t)bytes.length;
        talk->said[FROM_CLIENT] += (uint32_t)bytes.length;
    }
    answer_opening(talk, talk->sequence[FROM_CLIENT], lost);
    if (lost != ANSWER_AND_ACK)
        talk_flags(&film, talk, FROM_CLIENT, TCP_ACK);
    if (talk->said[FROM_CLIENT] == 0)
        talk_say(&film, talk, FROM_CLIENT, &bytes, 200);
    if (kind == LATE_COPIES) {
        film.clock_ns += SECOND;
        talk_segment(&film, &again, FROM_CLIENT, first - 1, TCP_SYN, NULL, 0);
        again.sequence[FROM_CLIENT] = first;
        again.sequence[FROM_SERVER] = talk->sequence[FROM_SERVER];
        talk_segment(&film, &again, FROM_SERVER, again.sequence[FROM_SERVER] - 1, TCP_SYN | TCP_ACK,
                     NULL, 0);
    }
    give_to(NEW);
}

static void hide_server(const struct talk *talk)
{
    const struct address *address = &talk->server;

    for (size_t i = 0; i < film.count; i++)
        if (memcmp(film.shots[i].bytes + 14 + (address->family == 4 ? 12 : 8), address->bytes,
                   address->family == 4 ? 4 : 16) == 0)
            owners[i] = 0;
}

static void assert_both(const struct talk *talk, enum lost lost)
{
    const uint16_t direction = talk->client.family == 4 ? ONE : SIX;
    const struct played whole = play(OLD | NEW | FORGED, direction);
    const struct played old = play(OLD, direction);
    const struct played new = play(NEW, direction);

    assert_int_equal(old.coverage.flows, 1);
    assert_int_equal(new.coverage.flows, 1);
    assert_int_equal(new.coverage.names_seen, 1);
    assert_int_equal(new.sum.bytes_up, talk->said[FROM_CLIENT]);
    if (lost != SERVER)
        assert_true(new.sum.requests.central >= 1 && new.sum.bytes_down == talk->said[FROM_SERVER]);
    if (lost == NOTHING || lost == SERVER) /* else a repeated SYN may tell it, too */
        ASSERT_ADDS_UP(whole.coverage, old.coverage, new.coverage, flows_one_way);
    assert_adds_up(&whole, &old, &new);
}

/* Where the next one's numbers begin, seen from where the one before ended: far, and near; it had
 * said some hundred bytes. */
static const uint32_t numbers[] = {1U << 30, 3U << 30, 100000,   1000,
                                   5,        0U - 5,   0U - 300, 0U - 5000};

static void film_reuse(uint8_t family, enum before before, enum opening_kind kind, enum lost lost,
                       uint32_t number)
{
    struct talk old = talk_of(1, 50000);
    struct talk talk;
    uint32_t first;

    film_clear(&film);
    owned = 0;
    if (family == 6) {
        old.client = address6(1);
        old.server = address6(0x777);
    }
    say_before(&old, before);
    talk = old;
    for (int end = FROM_CLIENT; end <= FROM_SERVER; end++) {
        talk.sequence[end] += number;
        talk.said[end] = 0;
    }
    first = talk.sequence[FROM_CLIENT] + 1;
    say_opening(&talk, &old, before == CLOSED || before == RESET, kind, lost);
    use(&talk);
    if (kind == AMONG_FORGED) {
        old = talk;
        old.sequence[FROM_CLIENT] = first;
        forge(&old, FROM_SERVER, talk.sequence[FROM_SERVER] + 5000, TCP_SYN | TCP_ACK);
        use(&talk);
    }
    give_to(NEW);
    if (lost == SERVER)
        hide_server(&talk);
    assert_both(&talk, lost);
}

/* Every way in which the next one may begin, after each of the ways in which the one before may
 * have ended or not, whatever of it is captured. */
static void both_connections_count(void **state)
{
    size_t number = 0;

    (void)state;
    for (unsigned before = 0; before < BEFORE_COUNT; before++)
        for (unsigned kind = 0; kind < KINDS; kind++)
            for (unsigned lost = 0; lost < LOSSES; lost++)
                for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
                    if (!thinned(number++))
                        film_reuse(i % 2 ? 6 : 4, before, kind, lost, numbers[i]);
}

/* -- What stays in memory -----------------------------------------------------------------------
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED_MEMORY 1 /* whose shadow cannot be searched */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define WATCHED_MEMORY 1
#endif
#endif

/* How often the LENGTH bytes are anywhere in this process's writable memory, which is the only
 * place where a claim can be seen that is never confirmed. */
static unsigned copies_of(const void *pattern, size_t length)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned copies = 0;
    char line[512];

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        unsigned long from, until;
        char rights[8];
        const uint8_t *at;

        if (sscanf(line, "%lx-%lx %7s", &from, &until, rights) != 3 ||
            strncmp(rights, "rw", 2) != 0)
            continue;
        at = (const uint8_t *)from; /* NOLINT(performance-no-int-to-ptr) */
        while ((at = memmem(at, until - (uintptr_t)at, pattern, length))) {
            copies++;
            at++;
        }
    }
    fclose(maps);
    return copies;
}

/* Shows the shots of a connection, of which the last one is a claim whose bytes from OFFSET are
 * kept; then another connection, a minute later each time. */
static void assert_wiped_with_the_interval(size_t offset)
{
    const size_t claim = film.count - 1;
    static struct metering *metering; /* no register has it while memory is searched */
    const uint8_t *pattern = film.shots[claim].bytes + offset;
    unsigned copies;

    assert_true(film.shots[claim].captured > offset + 64);
    for (unsigned minute = 1; minute <= 3; minute++) {
        struct talk other = talk_of(9, (uint16_t)(60000 + minute));

        film.clock_ns += 60 * SECOND;
        talk_open(&film, &other);
    }
    metering = scene_metering(&scene_limits);
    scene_show(metering, 0, claim, 1);
    copies = copies_of(pattern, 64);
    scene_show(metering, claim, claim + 1, 1);
    assert_int_equal(copies_of(pattern, 64), copies + 1);
    scene_show(metering, claim + 1, film.count, 1);
    assert_int_equal(copies_of(pattern, 64), copies);
    scene_close(metering);
}

/* The metering has it done, for those of TCP and of QUIC. */
static void what_nobody_confirms_is_wiped(void **state)
{
    struct talk talk = talk_of(1, 50000);
    struct quic_link other = quic_link(8); /* another client's */
    static struct bytes bytes;

    (void)state;
#ifdef WATCHED_MEMORY
    skip();
#endif
    say_before(&talk, AMID);
    hello_bytes(&bytes);
    talk_segment(&film, &talk, FROM_CLIENT, 77, TCP_SYN, bytes.at, (uint32_t)bytes.length);
    assert_wiped_with_the_interval(100);
    film_clear(&film);
    quic_hello(&talk, "www.other.example");
    film.clock_ns += SECOND;
    quic_link_hello(&talk, &other, "api.example");
    assert_wiped_with_the_interval(100);
}

#define CLAIM_TEST(function) cmocka_unit_test_setup_teardown(function, openings_begin, openings_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM_TEST(a_claim_is_confirmed_by_its_very_number),
        CLAIM_TEST(what_came_with_it_is_kept),
        CLAIM_TEST(the_packet_is_as_it_came),
        CLAIM_TEST(a_repeated_claim_is_the_same_one),
        CLAIM_TEST(long_data_are_cut),
        CLAIM_TEST(what_is_forgotten_is_wiped),
        CLAIM_TEST(what_came_with_it_is_wiped_with_the_interval),
        CLAIM_TEST(the_eighth_claim_after_it_takes_its_place),
        TEST(both_connections_count),
        TEST(what_nobody_confirms_is_wiped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
