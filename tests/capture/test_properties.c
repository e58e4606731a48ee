/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What holds for any traffic: where a ClientHello is cut, where a capture is cut, when time is said
 * to pass, and whether a mirror port shows each frame twice changes nothing. On made-up
 * ClientHellos, the demonstration's capture, and the captures of ../shared/data/corpus when they
 * are there (IAGMETER_CORPUS names another directory). */

#include "collectors/capture/metering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "collectors/capture/source.h"
#include "tests/capture/filmfile.h"
#include "tests/capture/same.h"
#include "tests/capture/tunnels.h"

#define WATCHED_NS (300 * SECOND)
#define DAY        (86400 * SECOND)
#define DEMO       IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap"

static struct diagnostics *diagnostics;
static struct config *config;
static struct limits limits;
static struct film film;

/* The services that we ship; one of them is also much of what the captures visit. */
static int setup(void **state)
{
    static const char *const hosts[] = {".google.com",     ".gstatic.com", ".googleapis.com",
                                        ".facebook.com",   ".fbcdn.net",   ".apple.com",
                                        ".cloudflare.com", ".mozilla.org", ".name.example"};
    uint16_t service;

    (void)state;
    diagnostics = diagnostics_new();
    config = config_load(IAGMETER_SOURCE_ROOT "/conf/iagmeter.conf", NULL, diagnostics);
    if (!config)
        return -1;
    service = catalogue_find(config->catalogue, "mistral-api");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
        if (catalogue_add_host(config->catalogue, hosts[i], service, ROLE_INFERENCE))
            return -1;
    limits = config->limits;
    limits.max_flows = 2048;
    limits.max_tracked_flows = 512;
    limits.max_reassembly = 16;
    limits.max_hints = 4096;
    limits.max_devices = 256;
    film_start(&film);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    film_clear(&film);
    config_free(config);
    diagnostics_free(diagnostics);
    return 0;
}

/* -- A metering, and what it came to ------------------------------------------------------------
 */

struct line {
    struct flow_record record;
    char name[256];
};

struct outcome {
    struct sink_log log; /* first: what sink.h is given is the whole */
    struct line *lines;  /* flows, in an order that the packets decide */
    size_t count;
    uint64_t payload_bytes;
};

static void keep_flow(void *context, const struct flow_record *record)
{
    struct outcome *outcome = context;
    struct line *line;

    /* By doubling, when the number is a power of two: the sanitizers' realloc() copies each time.
     */
    if ((outcome->count & (outcome->count - 1)) == 0)
        outcome->lines =
            realloc(outcome->lines, (2 * outcome->count + 1) * sizeof(*outcome->lines));
    if (!outcome->lines)
        abort();
    line = &outcome->lines[outcome->count++];
    line->record = *record;
    snprintf(line->name, sizeof(line->name), "%s", record->name);
}

static struct metering *begin(struct outcome *outcome)
{
    struct metering_sink sink = sink_into(&outcome->log);
    struct metering *metering;

    memset(outcome, 0, sizeof(*outcome));
    sink.flow = keep_flow;
    metering = metering_new(&limits, config->catalogue, config->directions, &sink);
    assert_non_null(metering);
    return metering;
}

static int compare_lines(const void *left, const void *right)
{
    const struct flow_record *a = &((const struct line *)left)->record;
    const struct flow_record *b = &((const struct line *)right)->record;

    if (a->first_ns != b->first_ns)
        return a->first_ns < b->first_ns ? -1 : 1;
    if (a->client_port != b->client_port)
        return a->client_port < b->client_port ? -1 : 1;
    if (a->server_port != b->server_port)
        return a->server_port < b->server_port ? -1 : 1;
    return memcmp(a->client.bytes, b->client.bytes, sizeof(a->client.bytes));
}

static void end(struct metering *metering, struct outcome *outcome)
{
    metering_finish(metering);
    outcome->payload_bytes = metering_payload_bytes(metering);
    assert_int_equal(outcome->payload_bytes, metering_flow_bytes(metering));
    metering_free(metering);
    if (outcome->count > 0)
        qsort(outcome->lines, outcome->count, sizeof(*outcome->lines), compare_lines);
}

static void forget(struct outcome *outcome)
{
    sink_clear(&outcome->log);
    free(outcome->lines);
    memset(outcome, 0, sizeof(*outcome));
}

static void give(struct metering *metering, const struct shot *shots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        metering_packet(metering, shots[i].time_ns, shots[i].link_type, shots[i].bytes,
                        shots[i].captured, shots[i].length);
}

static struct outcome play_whole(void)
{
    struct outcome outcome;
    struct metering *metering = begin(&outcome);

    give(metering, film.shots, film.count);
    end(metering, &outcome);
    return outcome;
}

static bool same_triple(struct triple a, struct triple b)
{
    return a.low == b.low && a.central == b.central && a.high == b.high;
}

static bool same_line(const struct line *a, const struct line *b)
{
    return strcmp(a->name, b->name) == 0 && compare_lines(a, b) == 0 &&
           strcmp(a->record.transport, b->record.transport) == 0 &&
           a->record.service == b->record.service && a->record.bytes_up == b->record.bytes_up &&
           a->record.bytes_down == b->record.bytes_down &&
           same_triple(a->record.requests, b->record.requests) &&
           same_triple(a->record.tokens_in, b->record.tokens_in) &&
           same_triple(a->record.tokens_out, b->record.tokens_out);
}

static bool same_flows(const struct outcome *a, const struct outcome *b)
{
    if (a->count != b->count || a->payload_bytes != b->payload_bytes)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_line(&a->lines[i], &b->lines[i]))
            return false;
    return true;
}

/* -- ClientHellos --------------------------------------------------------------------------------
 */

#define PIECES 4
#define HELLOS 3000 /* connections at a time: fewer than max_flows */

static void assert_all_named(size_t count)
{
    struct outcome outcome = play_whole();
    struct coverage coverage = sink_coverage(&outcome.log);

    assert_int_equal(coverage.flows, count);
    assert_int_equal(coverage.names_seen, count);
    assert_int_equal(coverage.names_missing + coverage.flows_evicted, 0);
    assert_int_equal(outcome.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(outcome.lines[i].name, "a.name.example");
    forget(&outcome);
    film_clear(&film);
}

static void make_hello(struct bytes *hello, size_t padding, size_t record_size, bool name_last)
{
    struct hello_parts parts = {.name = "a.name.example",
                                .alpn = "h2",
                                .padding = padding,
                                .record_size = record_size,
                                .name_comes_last = name_last};

    hello->length = 0;
    put_hello(hello, &parts);
}

/* As a client of SQL Server sends it: behind its options, in packets of PACKET_SIZE bytes. */
static void wrap_in_tds(struct bytes *hello, size_t packet_size)
{
    static struct bytes bare;

    bare = *hello;
    hello->length = 0;
    put_tds_options(hello);
    put_tds(hello, bare.at, bare.length, packet_size);
}

static void say_piece(struct talk *talk, const struct bytes *hello, size_t from, size_t to)
{
    if (to > from)
        talk_segment(&film, talk, FROM_CLIENT, talk->sequence[0] + (uint32_t)from, TCP_ACK,
                     hello->at + from, (uint32_t)(to - from));
}

/* ORDER names the pieces, between CUTS, in the order in which they are sent. */
static void film_pieces(uint16_t port, const struct bytes *hello, const size_t *cuts,
                        const unsigned *order, size_t count)
{
    struct talk talk = talk_of(port % 1000, port);

    talk_open(&film, &talk);
    for (size_t i = 0; i < count; i++)
        say_piece(&talk, hello, cuts[order[i]], cuts[order[i] + 1]);
    talk.sequence[0] += (uint32_t)hello->length;
    talk_close(&film, &talk);
    /* The same hello soon after would be a copy of this connection, seen elsewhere. */
    film.clock_ns += 11 * SECOND;
}

static void a_hello_cut_at_any_byte_gives_its_name(void **state)
{
    static const unsigned orders[][3] = {{0, 1, 1}, {1, 0, 0}, {0, 0, 1}, {1, 1, 0}};
    static struct bytes hello;

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        make_hello(&hello, 300, 0, kind & 1);
        if (kind & 2)
            wrap_in_tds(&hello, 200);
        assert_in_range(hello.length, 400, HELLOS / 4);
        for (size_t cut = 1; cut < hello.length; cut++)
            for (size_t i = 0; i < 4; i++)
                film_pieces((uint16_t)(4 * cut + i), &hello, (size_t[]){0, cut, hello.length},
                            orders[i], 3);
        assert_all_named(4 * (hello.length - 1));
    }
}

/* Order number NUMBER of PIECES! pieces, in which one is sent twice. */
static void permute(unsigned number, uint32_t twice, unsigned order[PIECES + 1])
{
    for (unsigned i = 0; i < PIECES; i++)
        order[i] = i;
    for (unsigned i = PIECES; i > 1; number /= i, i--) {
        unsigned moved = order[number % i];

        order[number % i] = order[i - 1];
        order[i - 1] = moved;
    }
    order[PIECES] = order[twice];
    order[twice] = order[0];
}

static int compare_sizes(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;

    return (a > b) - (a < b);
}

static void a_hello_in_pieces_of_any_order_gives_its_name(void **state)
{
    static struct bytes hello;
    uint64_t seed = 31;
    unsigned order[PIECES + 1];

    (void)state;
    for (unsigned i = 0; i < HELLOS; i++) {
        size_t cuts[PIECES + 1] = {0};

        make_hello(&hello, random_below(&seed, 3000), 0, random_below(&seed, 2));
        if (i % 2)
            wrap_in_tds(&hello, 64 + random_below(&seed, 4000));
        for (unsigned j = 1; j < PIECES; j++)
            cuts[j] = random_below(&seed, (uint32_t)hello.length);
        cuts[PIECES] = hello.length;
        qsort(cuts, PIECES + 1, sizeof(*cuts), compare_sizes);
        permute(i, random_below(&seed, PIECES), order);
        film_pieces((uint16_t)(1000 + i), &hello, cuts, order, PIECES + 1);
    }
    assert_all_named(HELLOS);
}

/* A handshake message may be spread over records of any size (RFC 8446, 5.1). */
static void a_hello_in_records_of_any_size_gives_its_name(void **state)
{
    static const unsigned order[] = {2, 0, 1};
    static struct bytes hello;
    uint64_t seed = 32;

    (void)state;
    for (unsigned i = 0; i < 600; i++) {
        make_hello(&hello, random_below(&seed, 1200), 1 + i, random_below(&seed, 2));
        film_pieces((uint16_t)(1000 + i), &hello,
                    (size_t[]){0, hello.length / 3, hello.length / 2, hello.length},
                    (const unsigned[]){0, 1, 2}, 3);
        film_pieces((uint16_t)(2000 + i), &hello,
                    (size_t[]){0, hello.length / 3, hello.length / 2, hello.length}, order, 3);
    }
    assert_all_named(1200);
}

/* -- Captures ------------------------------------------------------------------------------------
 */

static void take_frames(void *context, const struct captured_frame *frames, size_t count)
{
    static struct bytes copy;
    struct film *into = context;

    for (size_t i = 0; i < count; i++) {
        copy.length = 0;
        put_bytes(&copy, frames[i].bytes, frames[i].captured);
        into->clock_ns = frames[i].time_ns;
        film_shoot(into, frames[i].link_type, &copy);
        into->shots[into->count - 1].length = frames[i].length;
    }
}

static bool read_capture(const char *path, source_handler *handler, void *context)
{
    char error[512];
    struct source *source = source_open_file(path, error, sizeof(error));

    if (!source)
        return false;
    while (source_read(source, 4096, handler, context) == SOURCE_OK)
        ;
    source_close(source);
    return true;
}

typedef void property(const char *name);

static property *checked;
static unsigned readable;
static unsigned unreadable;

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
    const char *name = path + place->base;

    (void)status;
    if (type != FTW_F || strstr(name, ".tsv"))
        return 0;
    film_clear(&film);
    if (read_capture(path, take_frames, &film)) {
        readable++;
        checked(name);
    } else {
        unreadable++;
    }
    film_clear(&film);
    return 0;
}

/* Checks what must hold of every capture: of the demonstration's, and of the corpus. */
static void check_captures(property *check)
{
    const char *corpus = getenv("IAGMETER_CORPUS");

    corpus = corpus ? corpus : IAGMETER_SOURCE_ROOT "/../shared/data/corpus";
    checked = check;
    readable = unreadable = 0;
    assert_int_equal(nftw(DEMO, visit, 4, FTW_PHYS), 0);
    assert_int_equal(readable, 1);
    if (access(corpus, R_OK) == 0)
        assert_int_equal(nftw(corpus, visit, 16, FTW_PHYS), 0);
    else
        print_message("SKIPPED but for the demonstration: %s is not here\n", corpus);
    print_message("%u captures, and %u that cannot be read\n", readable, unreadable);
}

static void cut_anywhere(const char *name)
{
    struct outcome whole = play_whole();
    uint64_t seed = 33;
    size_t cuts = film.count < 40 ? film.count : 8;

    for (size_t i = 0; i < cuts; i++) {
        size_t cut = cuts == film.count ? i : random_below(&seed, (uint32_t)film.count);
        struct outcome outcome;
        struct metering *metering = begin(&outcome);

        give(metering, film.shots, cut);
        give(metering, film.shots + cut, film.count - cut);
        end(metering, &outcome);
        if (!same_log(&whole.log, &outcome.log) || !same_flows(&whole, &outcome))
            fail_msg("%s: cut after packet %zu, it gives something else", name, cut);
        forget(&outcome);
    }
    forget(&whole);
}

static void a_capture_cut_anywhere_gives_the_same(void **state)
{
    (void)state;
    check_captures(cut_anywhere);
}

/* Time passes between packets as a live daemon says, often or seldom. A longer silence than
 * WATCHED_NS in a file is a time in which nobody watched (docs/architecture.md, "Time"). */
static void advance_between(struct metering *metering, uint64_t *seed, uint32_t one_in)
{
    for (size_t i = 0; i < film.count; i++) {
        int64_t last_ns = film.shots[i > 0 ? i - 1 : 0].time_ns;
        int64_t gap_ns = film.shots[i].time_ns - last_ns;

        if (gap_ns > 0 && gap_ns <= WATCHED_NS && random_below(seed, one_in) == 0)
            metering_advance(metering,
                             last_ns + (int64_t)(random_next(seed) % (uint64_t)gap_ns) + 1);
        give(metering, film.shots + i, 1);
    }
}

static void advance_anytime(const char *name)
{
    struct outcome whole = play_whole();
    uint64_t seed = 34;

    for (uint32_t one_in = 1; one_in < 10; one_in += 4) {
        struct outcome outcome;
        struct metering *metering = begin(&outcome);

        advance_between(metering, &seed, one_in);
        end(metering, &outcome);
        if (!same_log(&whole.log, &outcome.log) || !same_flows(&whole, &outcome))
            fail_msg("%s: with time passing between packets, it gives something else", name);
        forget(&outcome);
    }
    forget(&whole);
}

static void time_between_packets_changes_nothing(void **state)
{
    (void)state;
    check_captures(advance_anytime);
}

/* What coverage says of connections and names, and must say of copies too. */
static bool same_connections(const struct sink_log *left, const struct sink_log *right)
{
    struct coverage a = sink_coverage(left);
    struct coverage b = sink_coverage(right);

    return a.flows == b.flows && a.flows_evicted == b.flows_evicted &&
           a.flows_untracked == b.flows_untracked && a.flows_one_way == b.flows_one_way &&
           a.flows_resolver == b.flows_resolver && a.names_seen == b.names_seen &&
           a.names_quic == b.names_quic && a.names_hinted == b.names_hinted &&
           a.names_encrypted == b.names_encrypted && a.names_missing == b.names_missing &&
           a.dns_answers == b.dns_answers && a.bytes_lost == b.bytes_lost;
}

/* And of packets. */
static bool same_packets(const struct sink_log *left, const struct sink_log *right)
{
    struct coverage a = sink_coverage(left);
    struct coverage b = sink_coverage(right);

    return a.packets == b.packets && a.packets_other == b.packets_other &&
           a.packets_duplicate == b.packets_duplicate &&
           a.packets_truncated == b.packets_truncated && a.packets_corrupt == b.packets_corrupt &&
           a.packets_fragmented == b.packets_fragmented;
}

static void show_twice(const char *name)
{
    struct outcome once = play_whole();
    struct outcome twice;
    struct metering *metering = begin(&twice);

    for (size_t i = 0; i < film.count; i++) {
        give(metering, film.shots + i, 1);
        give(metering, film.shots + i, 1);
    }
    end(metering, &twice);
    assert_int_equal(sink_coverage(&twice.log).packets, 2 * sink_coverage(&once.log).packets);
    if (!same_flows(&once, &twice))
        fail_msg("%s: with every frame twice, the flows differ", name);
    if (!same_sums(&once.log, &twice.log))
        fail_msg("%s: with every frame twice, the sums differ", name);
    if (!same_connections(&once.log, &twice.log))
        fail_msg("%s: with every frame twice, other connections are counted", name);
    forget(&once);
    forget(&twice);
}

/* As a mirror port does that copies what goes in and what comes out. */
static void frames_shown_twice_count_once(void **state)
{
    (void)state;
    check_captures(show_twice);
}

static void give_moved(struct metering *metering, int64_t by_ns)
{
    for (size_t i = 0; i < film.count; i++) {
        struct shot moved = film.shots[i];

        moved.time_ns += by_ns;
        give(metering, &moved, 1);
    }
}

static void move_back(struct outcome *outcome, int64_t by_ns)
{
    for (size_t i = 0; i < outcome->count; i++)
        outcome->lines[i].record.first_ns -= by_ns;
}

/* Other minutes end amid other exchanges; and once the day ends. */
static void move_anywhere(const char *name)
{
    struct outcome whole = play_whole();
    uint64_t seed = 35;

    for (int i = 0; i < 6 && film.count > 0; i++) {
        struct outcome outcome;
        struct metering *metering = begin(&outcome);
        int64_t by_ns = i == 0 ? DAY - film.shots[film.count / 2].time_ns % DAY
                               : random_below(&seed, 3600) * SECOND;

        give_moved(metering, by_ns);
        end(metering, &outcome);
        move_back(&outcome, by_ns);
        if (!same_connections(&whole.log, &outcome.log) || !same_flows(&whole, &outcome))
            fail_msg("%s: %lld ns later, it gives something else", name, (long long)by_ns);
        forget(&outcome);
    }
    forget(&whole);
}

static void a_capture_of_another_time_gives_the_same(void **state)
{
    (void)state;
    check_captures(move_anywhere);
}

/* -- A wireless controller's tunnel -------------------------------------------------------------
 */

static bool is_tunnelled(int link_type, const struct bytes *bytes)
{
    uint32_t length = (uint32_t)bytes->length;
    struct packet packet;

    switch (decode_frame(link_type, bytes->at, length, length, &packet)) {
    case DECODE_TCP:
    case DECODE_UDP:
        return packet.destination_port != 5247;
    case DECODE_FRAGMENT:
        return !packet.fragment.capwap;
    default:
        return false;
    }
}

/* Puts the frame into the tunnel, in one piece that is all of it. Returns false when it is no frame
 * for a tunnel. */
static bool enter_tunnel(const struct shot *shot, struct bytes *frame, struct bytes *whole)
{
    if (shot->link_type != DLT_EN10MB || shot->captured < shot->length || shot->length > 16384)
        return false;
    frame->length = 0;
    put_bytes(frame, shot->bytes, shot->length);
    put_capwap_piece(whole, frame, false, 0, frame->length, 0);
    return is_tunnelled(DLT_EN10MB, whole);
}

/* In pieces of SIZE bytes, in any order, each perhaps twice. */
static void film_tunnelled(struct film *into, const struct bytes *frame, size_t size,
                           uint16_t identification, uint64_t *seed)
{
    static struct bytes piece;
    size_t first = into->count;

    for (size_t at = 0; at < frame->length; at += size)
        for (uint32_t i = 0; i <= random_below(seed, 2); i++) {
            put_capwap_piece(&piece, frame, false, at, size, identification);
            film_shoot(into, DLT_EN10MB, &piece);
        }
    for (size_t i = into->count - first; i > 1; i--) {
        struct shot *moved = &into->shots[first + random_below(seed, (uint32_t)i)];
        struct shot last = into->shots[first + i - 1];

        into->shots[first + i - 1] = *moved;
        *moved = last;
    }
}

static void tunnel_in_pieces(const char *name)
{
    static struct bytes frame;
    static struct bytes whole;
    uint64_t seed = 37;
    struct film original = film;
    struct film pieces;
    struct outcome outcomes[2];

    film_start(&film);
    film_start(&pieces);
    for (size_t i = 0; i < original.count; i++) {
        const struct shot *shot = &original.shots[i];

        film.clock_ns = pieces.clock_ns = shot->time_ns;
        if (!enter_tunnel(shot, &frame, &whole))
            continue;
        film_shoot(&film, DLT_EN10MB, &whole);
        film_tunnelled(&pieces, &frame, 64 + 8 * random_below(&seed, 200), (uint16_t)i, &seed);
    }
    outcomes[0] = play_whole();
    film_clear(&film);
    film = pieces;
    outcomes[1] = play_whole();
    film_clear(&film);
    film = original;
    if (!same_flows(&outcomes[0], &outcomes[1]))
        fail_msg("%s: in pieces, the flows differ", name);
    if (!same_sums(&outcomes[0].log, &outcomes[1].log))
        fail_msg("%s: in pieces, the sums differ", name);
    if (!same_connections(&outcomes[0].log, &outcomes[1].log))
        fail_msg("%s: in pieces, other connections are counted", name);
    forget(&outcomes[0]);
    forget(&outcomes[1]);
}

static void a_tunnel_in_pieces_of_any_order_gives_the_same(void **state)
{
    (void)state;
    check_captures(tunnel_in_pieces);
}

/* -- Several packets in one frame ---------------------------------------------------------------
 */

/* What comes at once, in one frame of 802.11 for a wireless controller; and, for comparison, each
 * packet in one of its own. */
struct aggregated {
    struct film apart;
    struct film together;
    struct bytes packets;
};

static void film_together(struct aggregated *into)
{
    if (into->packets.length == 0)
        return;
    over_capwap_aggregate(&into->packets);
    wrap_ethernet_ip(&into->packets);
    film_shoot(&into->together, DLT_EN10MB, &into->packets);
    into->packets.length = 0;
}

static void aggregate(const char *name)
{
    static struct aggregated made;
    static struct bytes frame;
    static struct bytes whole;
    uint64_t seed = 38;
    struct film original = film;
    struct outcome outcomes[2];

    film_start(&made.apart);
    film_start(&made.together);
    for (size_t i = 0; i < original.count; i++) {
        const struct shot *shot = &original.shots[i];

        if (random_below(&seed, 4) == 0 || made.packets.length + shot->length > 40000)
            film_together(&made);
        if (!enter_tunnel(shot, &frame, &whole))
            continue;
        if (made.packets.length == 0)
            made.apart.clock_ns = made.together.clock_ns = shot->time_ns;
        film_shoot(&made.apart, DLT_EN10MB, &whole);
        put_subframe(&made.packets, frame.at, frame.length);
    }
    film_together(&made);
    film = made.apart;
    outcomes[0] = play_whole();
    film_clear(&film);
    film = made.together;
    outcomes[1] = play_whole();
    film_clear(&film);
    film = original;
    if (!same_flows(&outcomes[0], &outcomes[1]))
        fail_msg("%s: several in one frame, the flows differ", name);
    if (!same_sums(&outcomes[0].log, &outcomes[1].log))
        fail_msg("%s: several in one frame, the sums differ", name);
    if (!same_connections(&outcomes[0].log, &outcomes[1].log))
        fail_msg("%s: several in one frame, other connections are counted", name);
    if (!same_packets(&outcomes[0].log, &outcomes[1].log))
        fail_msg("%s: several in one frame, other packets are counted", name);
    forget(&outcomes[0]);
    forget(&outcomes[1]);
}

static void packets_in_one_frame_give_the_same(void **state)
{
    (void)state;
    check_captures(aggregate);
}

/* -- Two files -----------------------------------------------------------------------------------
 */

static void meter_frames(void *context, const struct captured_frame *frames, size_t count)
{
    metering_frames(context, frames, count);
}

/* As one capture, given to the daemon in the wrong order: cut after any two packets. */
static void a_capture_in_three_files_gives_the_same(void **state)
{
    char directory[] = "/tmp/iagmeter-properties-XXXXXX";
    char paths[3][64];
    const char *files[3] = {paths[2], paths[0], paths[1]};
    struct outcome whole;
    uint64_t seed = 36;

    (void)state;
    assert_non_null(mkdtemp(directory));
    film_clear(&film);
    assert_true(read_capture(DEMO, take_frames, &film));
    whole = play_whole();
    for (int round = 0; round < 20; round++) {
        size_t first = random_below(&seed, (uint32_t)film.count);
        size_t second = first + random_below(&seed, (uint32_t)(film.count - first));
        const size_t cuts[] = {0, first, second, film.count};
        struct outcome outcome;
        struct metering *metering = begin(&outcome);
        struct source *source;
        char error[512];

        for (unsigned i = 0; i < 3; i++) {
            snprintf(paths[i], sizeof(paths[i]), "%s/%u.pcap", directory, i);
            film_write(&film, paths[i], cuts[i], cuts[i + 1]);
        }
        source = source_open_files(files, 3, error, sizeof(error));
        assert_non_null(source);
        while (source_read(source, 4096, meter_frames, metering) == SOURCE_OK)
            ;
        source_close(source);
        end(metering, &outcome);
        assert_true(same_log(&whole.log, &outcome.log));
        assert_true(same_flows(&whole, &outcome));
        forget(&outcome);
    }
    forget(&whole);
    for (unsigned i = 0; i < 3; i++)
        unlink(paths[i]);
    rmdir(directory);
}

/* As a daemon that reads one file after another. */
static void a_capture_in_two_files_gives_the_same(void **state)
{
    char directory[] = "/tmp/iagmeter-properties-XXXXXX";
    char path[64];
    struct outcome whole;
    uint64_t seed = 35;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/part.pcap", directory);
    film_clear(&film);
    assert_true(read_capture(DEMO, take_frames, &film));
    whole = play_whole();
    assert_true(sink_count(&whole.log, SINK_ACTIVITY) > 3);
    for (int round = 0; round < 10; round++) {
        size_t cut = 1 + random_below(&seed, (uint32_t)film.count - 1);
        struct outcome outcome;
        struct metering *metering = begin(&outcome);

        film_write(&film, path, 0, cut);
        assert_true(read_capture(path, meter_frames, metering));
        film_write(&film, path, cut, film.count);
        assert_true(read_capture(path, meter_frames, metering));
        end(metering, &outcome);
        assert_true(same_log(&whole.log, &outcome.log));
        assert_true(same_flows(&whole, &outcome));
        forget(&outcome);
    }
    forget(&whole);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_cut_at_any_byte_gives_its_name),
        cmocka_unit_test(a_hello_in_pieces_of_any_order_gives_its_name),
        cmocka_unit_test(a_hello_in_records_of_any_size_gives_its_name),
        cmocka_unit_test(a_capture_cut_anywhere_gives_the_same),
        cmocka_unit_test(a_capture_in_two_files_gives_the_same),
        cmocka_unit_test(a_capture_in_three_files_gives_the_same),
        cmocka_unit_test(time_between_packets_changes_nothing),
        cmocka_unit_test(a_capture_of_another_time_gives_the_same),
        cmocka_unit_test(frames_shown_twice_count_once),
        cmocka_unit_test(a_tunnel_in_pieces_of_any_order_gives_the_same),
        cmocka_unit_test(packets_in_one_frame_give_the_same),
    };

    return cmocka_run_group_tests_name("properties", tests, setup, teardown);
}
