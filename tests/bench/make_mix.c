/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Writes the captures that `make bench` reads: the traffic of a gateway over ten minutes, the same
 * at every run with the same seed. The use of known services is that of the committed recording,
 * its conversations repeated with other addresses, ports, sequence numbers and randoms; what is
 * around them is made up. "mix" is what an office does, mostly short and small: 1 in 200 flows is
 * of a service, and 1 in 30 packets. "heavy" is TLS alone, nearly a quarter of it of services.
 * Numbers of packets and flows, and mean sizes, are those of two real mixes that were measured. */

#include "tests/bench/recording.h"

#include <math.h>

#define RECORDING    IAGMETER_SOURCE_ROOT "/tests/fixtures/demo/demo.pcap"
#define RECORDING_NS (30 * MIX_SECOND) /* no conversation in it is as long */
#define DURATION_NS  (600 * MIX_SECOND)
#define DEVICES      2048
#define NAMES        4096

enum kind { KIND_DNS, KIND_SCAN, KIND_UDP, KIND_PLAIN, KIND_TLS, KIND_RECORDED, KINDS };

/* What the packets of a flow are, in order. A flow without TLS goes from ACK to DATA, one without a
 * connection begins there. */
enum step {
    STEP_SYN,
    STEP_SYN_ACK,
    STEP_ACK,
    STEP_HELLO,
    STEP_HELLO_REST, /* only of hellos that take two segments */
    STEP_SERVER_HELLO,
    STEP_CERTIFICATE,
    STEP_CERTIFICATE_ACK,
    STEP_FINISHED,
    STEP_DATA,
    STEP_FIN,
    STEP_FIN_BACK,
    STEP_LAST_ACK,
    STEP_OVER
};

struct profile {
    const char *name;
    uint32_t packets;
    uint32_t flows[KINDS];
    double data_share[KINDS]; /* of the packets that are neither recorded, nor set-up, nor end */
    double full_share;        /* of data segments of KIND_TLS: as large as they may be */
    unsigned ack_every;       /* data segments */
};

static const struct profile profiles[] = {
    {
        .name = "mix",
        .packets = 2560000,
        .flows = {[KIND_DNS] = 62000,
                  [KIND_SCAN] = 6900,
                  [KIND_UDP] = 10000,
                  [KIND_PLAIN] = 14000,
                  [KIND_TLS] = 31000,
                  [KIND_RECORDED] = 600},
        .data_share = {[KIND_UDP] = 0.1, [KIND_PLAIN] = 0.17, [KIND_TLS] = 0.73},
        .full_share = 0.45,
        .ack_every = 2,
    },
    {
        .name = "heavy",
        .packets = 1230000,
        .flows = {[KIND_TLS] = 6200, [KIND_RECORDED] = 1800},
        .data_share = {[KIND_TLS] = 1},
        .full_share = 1,
        .ack_every = 4,
    },
};

struct flow {
    struct endpoints ends;
    uint64_t seed;
    int64_t time_ns; /* of its next packet */
    uint32_t budget; /* packets of data still to come; of a recorded one, all of them */
    uint16_t burst;  /* segments before the other end speaks */
    uint16_t name;   /* number of the conversation in the recording, if it is of one */
    uint8_t kind;
    uint8_t step;
    uint8_t speaker;
    uint8_t unacknowledged;
    bool large_hello; /* with a post-quantum key share, that is over two segments */
};

struct mix {
    const struct profile *profile;
    struct mix_file file;
    uint64_t seed;
    struct flow *flows;
    uint32_t *heap; /* flows by the time of their next packet */
    uint32_t count;
    uint32_t flow_count;
    struct recording recording;
};

static struct bytes payload;
static struct bytes frame;

static const char *name_of(const struct flow *flow)
{
    static char name[64];

    snprintf(name, sizeof(name), "www%u.example%u.net", flow->name % 7, flow->name);
    return name;
}

/* -- Making the flows -------------------------------------------------------------------------- */

/* Few devices are in the shipped directions, the rest is unassigned. */
static struct address client_address(unsigned device, bool ipv6)
{
    if (ipv6)
        return address6(device);
    return device < 200 ? address4(198, 51, 100, device + 1)
                        : address4(10, 20, device >> 8, device & 0xff);
}

static struct address server_address(unsigned name, bool ipv6)
{
    struct address address = address6(name);

    address.bytes[7] = 1;
    return ipv6 ? address : address4(198, 18, name >> 8, name & 0xff);
}

static uint16_t server_port(enum kind kind, uint64_t *seed)
{
    static const uint16_t udp[] = {123, 443, 443, 3478, 5004};
    static const uint16_t plain[] = {22, 25, 80, 80, 80, 445, 8080};

    switch (kind) {
    case KIND_DNS:
        return 53;
    case KIND_UDP:
        return udp[random_below(seed, 5)];
    case KIND_PLAIN:
    case KIND_SCAN:
        return plain[random_below(seed, 7)];
    default:
        return 443;
    }
}

/* Early enough to come to an end in time. */
static int64_t draw_start(uint64_t *seed, int64_t lasts_ns)
{
    return (int64_t)(random_next(seed) % (uint64_t)(DURATION_NS * 97 / 100 - lasts_ns));
}

static const struct conversation *recorded(const struct mix *mix, const struct flow *flow)
{
    return &mix->recording.conversations[flow->name];
}

/* INDEX is of the flow, NUMBER among those of its kind. */
static void make_flow(struct mix *mix, uint32_t index, uint32_t number, enum kind kind)
{
    struct flow *flow = &mix->flows[index];
    uint64_t *seed = &flow->seed;
    bool ipv6;
    unsigned server;

    flow->seed = random_next(&mix->seed);
    flow->kind = (uint8_t)kind;
    flow->step = kind == KIND_TLS || kind == KIND_PLAIN || kind == KIND_SCAN ? STEP_SYN : STEP_DATA;
    flow->large_hello = random_below(seed, 10) < 6;
    /* Some names are asked for much more often than others. */
    flow->name = (uint16_t)random_below(seed, 1 + random_below(seed, NAMES));
    server = flow->name;
    ipv6 = random_below(seed, 10) == 0;
    if (kind == KIND_RECORDED) {
        flow->name = (uint16_t)(number % mix->recording.count);
        server = NAMES + flow->name;
        ipv6 = recorded(mix, flow)->ends.address[FROM_CLIENT].family == 6;
    }
    flow->ends = (struct endpoints){
        .address = {client_address(index % DEVICES, ipv6), server_address(server, ipv6)},
        .port = {(uint16_t)(49152 + index / DEVICES), server_port(kind, seed)},
        .sequence = {(uint32_t)random_next(seed), (uint32_t)random_next(seed)},
    };
    flow->budget = kind == KIND_DNS ? 2 : kind == KIND_RECORDED ? recorded(mix, flow)->count : 0;
    flow->time_ns = draw_start(seed, RECORDING_NS);
}

/* Packets that are not to be shared out. */
static uint32_t fixed_packets(const struct flow *flow)
{
    switch (flow->kind) {
    case KIND_DNS:
    case KIND_RECORDED:
        return flow->budget;
    case KIND_UDP:
        return 0;
    case KIND_SCAN:
        return 2;
    case KIND_PLAIN:
        return 6;
    default:
        return flow->large_hello ? 12 : 11;
    }
}

/* Sizes of flows have a heavy tail (Crovella and Bestavros, 1997). */
static double draw_weight(uint64_t seed)
{
    return pow((1 + random_below(&seed, 10000)) / 10000.0, -0.8);
}

/* Shares out PACKETS among the COUNT flows from FIRST. What rounding leaves goes to the last. */
static void share_out(struct flow *flows, uint32_t count, uint32_t packets)
{
    double sum = 0;
    uint32_t left = packets;

    for (uint32_t i = 0; i < count; i++)
        sum += draw_weight(flows[i].seed);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seed = flows[i].seed;

        flows[i].budget = (uint32_t)(packets * draw_weight(seed) / sum);
        if (i + 1 == count)
            flows[i].budget = left;
        left -= flows[i].budget;
        random_next(&seed);
        flows[i].time_ns =
            draw_start(&seed, 30 * MIX_MILLI * (flows[i].budget < 16000 ? flows[i].budget : 16000));
    }
}

static void make_flows(struct mix *mix)
{
    const struct profile *profile = mix->profile;
    uint32_t data = profile->packets;
    uint32_t left;
    uint32_t index = 0;

    for (enum kind kind = KIND_DNS; kind < KINDS; kind++)
        for (uint32_t i = 0; i < profile->flows[kind]; i++) {
            make_flow(mix, index, i, kind);
            data -= fixed_packets(&mix->flows[index++]);
        }
    index = 0;
    left = data;
    for (enum kind kind = KIND_DNS; kind < KIND_RECORDED; kind++) {
        uint32_t share = (uint32_t)(profile->data_share[kind] * data);

        if (kind == KIND_TLS)
            share = left;
        left -= share;
        if (kind != KIND_DNS)
            share_out(mix->flows + index, profile->flows[kind], share);
        index += profile->flows[kind];
    }
}

/* -- What a flow says next --------------------------------------------------------------------- */

static uint32_t segment_size(const struct flow *flow)
{
    return flow->ends.address[0].family == 4 ? 1448 : 1428;
}

static void send_tcp(struct mix *mix, struct flow *flow, int from, uint8_t flags)
{
    mix_tcp(&frame, &flow->ends, from, flags, &payload);
    mix_write(&mix->file, flow->time_ns, &frame);
}

/* The first segment of the ClientHello, or what is left of it. */
static void send_hello(struct mix *mix, struct flow *flow, bool rest)
{
    size_t size = segment_size(flow);

    put_browser_hello(&payload, name_of(flow), flow->large_hello, flow->name % 100 < 42);
    if (payload.length < size)
        size = payload.length;
    if (rest) {
        payload.length -= size;
        memmove(payload.at, payload.at + size, payload.length);
    } else {
        payload.length = size;
    }
    send_tcp(mix, flow, FROM_CLIENT, TCP_ACK);
}

/* ServerHello, change of cipher, and the beginning of what is encrypted. */
static void send_server_hello(struct mix *mix, struct flow *flow)
{
    put_record_header(&payload, 22, 122);
    put_u32(&payload, 0x02000076);
    put_u16(&payload, 0x0303);
    put_noise(&payload, &flow->seed, 116);
    put_record_header(&payload, 20, 1);
    put_u8(&payload, 1);
    put_records(&payload, &flow->seed, &flow->ends.record_left[FROM_SERVER],
                segment_size(flow) - (uint32_t)payload.length);
    send_tcp(mix, flow, FROM_SERVER, TCP_ACK);
}

/* The other end speaks, after a while. A flow that has much to say waits less. */
static void begin_burst(const struct mix *mix, struct flow *flow)
{
    uint64_t *seed = &flow->seed;
    uint32_t wait_ms = 80000 / (1 + flow->budget / 15);
    uint32_t longest = mix->profile->full_share > 0.9 ? 200 : 20;

    flow->speaker = !flow->speaker;
    if (flow->speaker == FROM_CLIENT) {
        flow->burst = (uint16_t)(1 + random_below(seed, 2));
        if (wait_ms > 900)
            wait_ms = 900;
        flow->time_ns += MIX_MILLI * (20 + random_below(seed, wait_ms));
    } else {
        flow->burst = (uint16_t)(1 + random_below(seed, longest));
        flow->time_ns += 5 * MIX_MILLI;
    }
}

/* Web pages in the clear, and other protocols. */
static void put_plain(struct bytes *bytes, struct flow *flow)
{
    uint64_t *seed = &flow->seed;
    bool web = flow->ends.port[FROM_SERVER] == 80 || flow->ends.port[FROM_SERVER] == 8080;

    if (web && flow->speaker == FROM_CLIENT) {
        static const char request[] = "GET /index.html HTTP/1.1\r\nAccept: */*\r\nHost: ";

        put_bytes(bytes, request, sizeof(request) - 1);
        put_bytes(bytes, name_of(flow), strlen(name_of(flow)));
        put_bytes(bytes, "\r\n\r\n", 4);
        return;
    }
    if (web && flow->burst == 1)
        put_bytes(bytes, "HTTP/1.1 200 OK\r\n\r\n", 19);
    put_noise(bytes, seed, random_below(seed, 3) ? 20 + random_below(seed, 200) : 1300);
}

static void put_data(struct bytes *bytes, const struct mix *mix, struct flow *flow)
{
    uint64_t *seed = &flow->seed;
    uint32_t *left = &flow->ends.record_left[flow->speaker];

    if (flow->kind == KIND_PLAIN)
        put_plain(bytes, flow);
    else if (random_below(seed, 1000) < 1000 * mix->profile->full_share)
        put_records(bytes, seed, left, segment_size(flow));
    else
        put_records(bytes, seed, left, 40 + random_below(seed, 460));
}

/* One packet of data, or an acknowledgement of what the other end said. */
static void send_data(struct mix *mix, struct flow *flow)
{
    uint64_t *seed = &flow->seed;

    if (flow->burst == 0 || flow->unacknowledged >= mix->profile->ack_every) {
        flow->unacknowledged = 0;
        send_tcp(mix, flow, !flow->speaker, TCP_ACK);
        flow->time_ns += 20 * MIX_MICRO;
    } else {
        put_data(&payload, mix, flow);
        send_tcp(mix, flow, flow->speaker, TCP_ACK);
        flow->burst--;
        flow->unacknowledged++;
        flow->time_ns += MIX_MICRO * (20 + random_below(seed, 300));
    }
    if (flow->burst == 0 && flow->unacknowledged == 0)
        begin_burst(mix, flow);
}

static void send_datagram(struct mix *mix, struct flow *flow)
{
    uint64_t *seed = &flow->seed;
    static const uint8_t answer[4] = {198, 18, 0, 1};
    unsigned id = flow->ends.sequence[0] & 0xffff;

    if (flow->kind == KIND_DNS)
        put_dns(&payload, id, name_of(flow), flow->budget == 1 ? answer : NULL);
    else
        put_noise(&payload, seed, random_below(seed, 4) ? 50 + random_below(seed, 400) : 1200);
    mix_udp(&frame, &flow->ends, flow->speaker, &payload);
    mix_write(&mix->file, flow->time_ns, &frame);
    flow->speaker = !flow->speaker;
    flow->time_ns += MIX_MILLI * (1 + random_below(seed, 40));
}

/* The next packet of the conversation that is repeated. */
static void send_recorded(struct mix *mix, struct flow *flow)
{
    const struct conversation *conversation = recorded(mix, flow);
    const struct recorded_packet *packet =
        &conversation->packets[conversation->count - flow->budget];

    repeat_packet(&frame, packet, &flow->ends, flow->seed);
    mix_write(&mix->file, flow->time_ns, &frame);
    if (flow->budget > 1)
        flow->time_ns += packet[1].time_ns - packet[0].time_ns;
}

static void next_step(const struct mix *mix, struct flow *flow)
{
    flow->step++;
    if (flow->step == STEP_HELLO && flow->kind == KIND_PLAIN)
        flow->step = STEP_DATA;
    if (flow->step == STEP_HELLO_REST && !flow->large_hello)
        flow->step++;
    if (flow->step == STEP_ACK && flow->kind == KIND_SCAN)
        flow->step = STEP_OVER;
    flow->time_ns += MIX_MILLI * (1 + random_below(&flow->seed, 20));
    if (flow->step == STEP_DATA) {
        flow->speaker = FROM_SERVER; /* has spoken last */
        begin_burst(mix, flow);
    }
}

/* Sends the packet of this step, for those that do not take several. */
static void send_step(struct mix *mix, struct flow *flow)
{
    switch (flow->step) {
    case STEP_SYN:
        send_tcp(mix, flow, FROM_CLIENT, TCP_SYN);
        break;
    case STEP_SYN_ACK:
        send_tcp(mix, flow, FROM_SERVER,
                 flow->kind == KIND_SCAN ? TCP_RST | TCP_ACK : TCP_SYN | TCP_ACK);
        break;
    case STEP_HELLO:
    case STEP_HELLO_REST:
        send_hello(mix, flow, flow->step == STEP_HELLO_REST);
        break;
    case STEP_SERVER_HELLO:
        send_server_hello(mix, flow);
        break;
    case STEP_CERTIFICATE:
        put_records(&payload, &flow->seed, &flow->ends.record_left[FROM_SERVER],
                    segment_size(flow));
        send_tcp(mix, flow, FROM_SERVER, TCP_ACK);
        break;
    case STEP_FINISHED:
        put_records(&payload, &flow->seed, &flow->ends.record_left[FROM_CLIENT], 74);
        send_tcp(mix, flow, FROM_CLIENT, TCP_ACK);
        break;
    case STEP_FIN:
        send_tcp(mix, flow, FROM_CLIENT, TCP_FIN | TCP_ACK);
        break;
    case STEP_FIN_BACK:
        send_tcp(mix, flow, FROM_SERVER, TCP_FIN | TCP_ACK);
        break;
    default:
        send_tcp(mix, flow, FROM_CLIENT, TCP_ACK);
        break;
    }
}

/* Writes the flow's next packet. */
static void advance(struct mix *mix, struct flow *flow)
{
    bool has_end = flow->kind == KIND_PLAIN || flow->kind == KIND_TLS;

    payload.length = 0;
    if (flow->step != STEP_DATA) {
        send_step(mix, flow);
        next_step(mix, flow);
    } else {
        if (flow->kind == KIND_RECORDED)
            send_recorded(mix, flow);
        else if (has_end)
            send_data(mix, flow);
        else
            send_datagram(mix, flow);
        flow->budget--;
    }
    if (flow->step == STEP_DATA && flow->budget == 0) {
        next_step(mix, flow);
        if (!has_end)
            flow->step = STEP_OVER;
    }
}

/* -- All flows at once ------------------------------------------------------------------------- */

static bool earlier(const struct mix *mix, uint32_t a, uint32_t b)
{
    const struct flow *left = &mix->flows[mix->heap[a]];
    const struct flow *right = &mix->flows[mix->heap[b]];

    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns;
    return mix->heap[a] < mix->heap[b];
}

static void sift_down(struct mix *mix, uint32_t at)
{
    for (;;) {
        uint32_t first = at;
        uint32_t kept;

        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < mix->count; child++)
            if (earlier(mix, child, first))
                first = child;
        if (first == at)
            return;
        kept = mix->heap[at];
        mix->heap[at] = mix->heap[first];
        mix->heap[first] = kept;
        at = first;
    }
}

static void write_packets(struct mix *mix)
{
    /* UDP flows to which sharing out gave nothing have nothing to say. */
    for (uint32_t i = 0; i < mix->flow_count; i++)
        if (mix->flows[i].step != STEP_DATA || mix->flows[i].budget > 0)
            mix->heap[mix->count++] = i;
    for (uint32_t i = mix->count; i-- > 0;)
        sift_down(mix, i);
    while (mix->count > 0) {
        struct flow *flow = &mix->flows[mix->heap[0]];

        advance(mix, flow);
        if (flow->step == STEP_OVER)
            mix->heap[0] = mix->heap[--mix->count];
        sift_down(mix, 0);
    }
}

static bool make(const struct profile *profile, const char *path, uint64_t seed)
{
    struct mix mix = {.profile = profile, .seed = seed};
    bool done = false;

    for (enum kind kind = KIND_DNS; kind < KINDS; kind++)
        mix.flow_count += profile->flows[kind];
    mix.flows = calloc(mix.flow_count, sizeof(*mix.flows));
    mix.heap = calloc(mix.flow_count, sizeof(*mix.heap));
    if (!mix.flows || !mix.heap || !recording_read(&mix.recording, RECORDING))
        goto out;
    make_flows(&mix);
    if (!mix_open(&mix.file, path))
        goto out;
    write_packets(&mix);
    done = mix_close(&mix.file);
    if (done)
        printf("%s: %llu packets, %llu B on average, %u flows\n", path,
               (unsigned long long)mix.file.packets,
               (unsigned long long)(mix.file.bytes / mix.file.packets), mix.flow_count);
out:
    recording_free(&mix.recording);
    free(mix.heap);
    free(mix.flows);
    return done;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;

    for (size_t i = 0; argc > 2 && i < sizeof(profiles) / sizeof(profiles[0]); i++)
        if (strcmp(argv[1], profiles[i].name) == 0)
            return make(&profiles[i], argv[2], seed) ? EXIT_SUCCESS : EXIT_FAILURE;
    printf("usage: make_mix mix|heavy FILE [SEED]\n");
    return argc > 1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
