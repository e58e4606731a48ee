/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/capture/kernelfilter.h"

#include "collectors/capture/decode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/ethernet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Places for connections: 2 MiB. One that finds its place taken is looked at as before. */
#define PLACES (UINT32_C(1) << 17)
/* And for ends that were heard to acknowledge: 512 KiB. One takes the place of another. */
#define HEARD (UINT32_C(1) << 15)
/* A place whose connection was silent for so long may be another's. */
#define IDLE_S 2
/* What passed and is not seen for so long was lost on the way. */
#define LOST_S 8
/* Counters of as many processors; others share them. */
#define PROCESSORS 64
/* Where a process keeps no descriptors of its own. */
#define FIRST_DESCRIPTOR 10

/* What a packet is. SIDE: that it comes from the second endpoint (flowkey.h). */
enum {
    PACKET_ANY = 1,
    PACKET_SYN = 2,
    PACKET_ODD = 4,      /* UDP, and of QUIC neither a long header nor a short one */
    PACKET_STARTS = 8,   /* UDP: may be the first that is seen of a connection of QUIC */
    PACKET_NO_DATA = 16, /* TCP: an acknowledgement alone */
    PACKET_SIDE = 32,
    PACKET_LONG = 128 /* UDP: a long header of QUIC (RFC 8999, 5.1) */
};
/* These take a verdict back: something may have begun anew. */
#define PACKET_OPENS (PACKET_SYN | PACKET_STARTS)

/* Of a place: which packets pass, being any of these; and what no packet is. Above these bits, of
 * how many that may open a connection, of any whose place it is, went by and were not seen yet:
 * until then, nobody says that more is to be dropped, having seen only what came before. */
enum {
    VERDICT_IS_OTHER = 256,
    VERDICT_PASSES = 512, /* what carries nothing, too */
    VERDICT_OPENED = 1 << 16,
    VERDICT_BITS = VERDICT_OPENED - 1,
    VERDICT_NONE = PACKET_ANY,
    VERDICT_DROP = PACKET_SYN | PACKET_LONG | PACKET_STARTS | PACKET_ODD,
    VERDICT_DROP_OTHER = PACKET_STARTS | VERDICT_IS_OTHER,
    VERDICT_PASS = PACKET_ANY | VERDICT_PASSES
};

/* Where the verdict lies without what is above it. */
enum { VERDICT_AT = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 2 : 0 };

struct place {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint32_t verdict;
    _Atomic uint32_t seen_s; /* when the program last dropped a packet of it */
};
_Static_assert(sizeof(struct place) == 16, "the program multiplies by it");

/* One cache line a processor. */
struct counter {
    _Atomic uint64_t packets;
    _Atomic uint64_t bytes;
    _Atomic uint64_t others;
    uint64_t unused[5];
};
_Static_assert(sizeof(struct counter) == 64, "the program multiplies by it");

/* What the program and this process share: the only value of a map. */
struct shared {
    uint64_t hash_start[4]; /* keyedhash_start() */
    _Atomic uint32_t now_s;
    _Atomic uint32_t drops_no_data;
    uint32_t unused[6];
    struct counter counters[PROCESSORS];
    struct place places[PLACES];
    struct place heard[HEARD]; /* without a verdict */
};

struct kernelfilter {
    struct shared *shared;
    int program;
    struct kernelfilter_count taken;
    kernelfilter_visitor *displaced; /* NULL: nobody asks */
    void *displaced_context;
};

/* -- An assembler -------------------------------------------------------------------------------
 *
 * One macro an instruction, as Documentation/bpf/standardization/instruction-set.rst of Linux names
 * them; `a` is where they go. */

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

enum label {
    PASS,
    TAG,
    INNER_TAG,
    TYPED,
    IP_VERSION_6,
    TRANSPORT,
    UDP,
    LONG,
    STARTS,
    PORTS,
    ORDER_6,
    IN_ORDER_4,
    SWAP_6,
    IN_ORDER_6,
    FIND,
    OPEN,
    UNNAMED,
    HEAR,
    COUNT,
    COUNTED,
    LABELS
};

/* The program is always the same one, of 767 instructions. */
struct assembler {
    struct bpf_insn code[832];
    uint8_t labels[832]; /* where each jump leads */
    unsigned places[LABELS];
    unsigned count;
    int map;
};

static void emit(struct assembler *a, int code, int to, int from, int offset, int32_t value)
{
    struct bpf_insn *instruction = &a->code[a->count++];

    instruction->code = (uint8_t)code;
    instruction->dst_reg = (unsigned)to & 15;
    instruction->src_reg = (unsigned)from & 15;
    instruction->off = (int16_t)offset;
    instruction->imm = value;
}

static void emit_jump(struct assembler *a, int code, int to, int from, int32_t value,
                      enum label label)
{
    a->labels[a->count] = (uint8_t)label;
    emit(a, BPF_JMP | code, to, from, 0, value);
}

static void resolve(struct assembler *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        int code = a->code[i].code;

        if (BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_CALL && BPF_OP(code) != BPF_EXIT)
            a->code[i].off = (int16_t)(a->places[a->labels[i]] - i - 1);
    }
}

#define LABEL(label)          (a->places[label] = a->count)
#define MOVE(to, from)        emit(a, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define SET(to, value)        emit(a, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value)
#define ADD(to, from)         emit(a, BPF_ALU64 | BPF_ADD | BPF_X, to, from, 0, 0)
#define ADD_K(to, value)      emit(a, BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value)
#define AND(to, from)         emit(a, BPF_ALU64 | BPF_AND | BPF_X, to, from, 0, 0)
#define AND_K(to, value)      emit(a, BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, value)
#define OR(to, from)          emit(a, BPF_ALU64 | BPF_OR | BPF_X, to, from, 0, 0)
#define OR_K(to, value)       emit(a, BPF_ALU64 | BPF_OR | BPF_K, to, 0, 0, value)
#define XOR(to, from)         emit(a, BPF_ALU64 | BPF_XOR | BPF_X, to, from, 0, 0)
#define XOR_K(to, value)      emit(a, BPF_ALU64 | BPF_XOR | BPF_K, to, 0, 0, value)
#define LEFT(to, bits)        emit(a, BPF_ALU64 | BPF_LSH | BPF_K, to, 0, 0, bits)
#define RIGHT(to, bits)       emit(a, BPF_ALU64 | BPF_RSH | BPF_K, to, 0, 0, bits)
#define FROM_NET(to, bits)    emit(a, BPF_ALU | BPF_END | BPF_TO_BE, to, 0, 0, bits)
#define LOAD_8(to, at, off)   emit(a, BPF_LDX | BPF_MEM | BPF_B, to, at, off, 0)
#define LOAD_16(to, at, off)  emit(a, BPF_LDX | BPF_MEM | BPF_H, to, at, off, 0)
#define LOAD_32(to, at, off)  emit(a, BPF_LDX | BPF_MEM | BPF_W, to, at, off, 0)
#define LOAD_64(to, at, off)  emit(a, BPF_LDX | BPF_MEM | BPF_DW, to, at, off, 0)
#define STORE_16(at, off, of) emit(a, BPF_STX | BPF_MEM | BPF_H, at, of, off, 0)
#define STORE_32(at, off, of) emit(a, BPF_STX | BPF_MEM | BPF_W, at, of, off, 0)
#define COUNT_32(at, off, of) emit(a, BPF_STX | BPF_ATOMIC | BPF_W, at, of, off, BPF_ADD)
#define STORE_64(at, off, of) emit(a, BPF_STX | BPF_MEM | BPF_DW, at, of, off, 0)
#define COUNT_64(at, off, of) emit(a, BPF_STX | BPF_ATOMIC | BPF_DW, at, of, off, BPF_ADD)
#define CALL(function)        emit(a, BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT()                emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define GO(label)             emit_jump(a, BPF_JA, 0, 0, 0, label)
/* CONDITION: JEQ, JNE, JGT, JLE, JSLT, JSET (has one of these bits), and so on. */
#define IF(condition, left, right, label)                                                          \
    emit_jump(a, BPF_##condition | BPF_X, left, right, 0, label)
#define IF_K(condition, left, value, label)                                                        \
    emit_jump(a, BPF_##condition | BPF_K, left, 0, value, label)

/* TO points to a member of what is shared: two places wide. */
#define POINT(to, member)                                                                          \
    (emit(a, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_VALUE, 0, a->map),                      \
     emit(a, 0, 0, 0, 0, (int32_t)offsetof(struct shared, member)))

/* -- The program --------------------------------------------------------------------------------
 *
 * R6 is the packet as the kernel gives it, R10 the end of the stack. A call returns in R0 and
 * spoils R1 to R5. */

/* Of a frame, on the stack: Ethernet and IPv4 headers and what follows; of IPv6, the addresses,
 * which lie at a multiple of eight. And what follows the header of IPv6. */
enum {
    FRAME = -70,
    TYPE = FRAME + 12,
    IP = FRAME + 14,
    FRAME_SIZE = 14 + 20 + 20,
    BEYOND = -96,
    BEYOND_SIZE = 20 /* of a TCP header; a datagram of QUIC is no shorter */
};

/* SIZE bytes of the packet, from R8 on, to AT on the stack. */
static void read_packet(struct assembler *a, int at, int size)
{
    MOVE(R1, R6);
    MOVE(R2, R8);
    MOVE(R3, R10);
    ADD_K(R3, at);
    SET(R4, size);
    CALL(BPF_FUNC_skb_load_bytes);
    IF_K(JNE, R0, 0, PASS);
}

/* At most two tags; one more may be beside the packet, where the card put it. */
static void read_link(struct assembler *a)
{
    MOVE(R6, R1);
    SET(R8, 0);
    read_packet(a, FRAME, FRAME_SIZE);
    LOAD_16(R1, R10, TYPE);
    for (enum label tag = TAG; tag <= INNER_TAG; tag++) {
        IF_K(JEQ, R1, htons(ETHERTYPE_VLAN), tag);
        IF_K(JNE, R1, htons(0x88a8), TYPED); /* 802.1ad */
        LABEL(tag);
        ADD_K(R8, 4);
        read_packet(a, FRAME, FRAME_SIZE);
        LOAD_16(R1, R10, TYPE);
    }
    LABEL(TYPED);
    IF_K(JEQ, R1, htons(ETHERTYPE_IPV6), IP_VERSION_6);
    IF_K(JNE, R1, htons(ETHERTYPE_IP), PASS);
}

/* Leaves in R9 the protocol of what is carried, in R7 where it is, in R8 where in the packet, and
 * in R2 its length. */
static void read_ip(struct assembler *a)
{
    LOAD_8(R1, R10, IP);
    IF_K(JNE, R1, 0x45, PASS); /* no options */
    LOAD_16(R1, R10, IP + 6);
    AND_K(R1, htons(0x3fff));
    IF_K(JNE, R1, 0, PASS); /* no fragment */
    LOAD_8(R9, R10, IP + 9);
    LOAD_16(R2, R10, IP + 2);
    FROM_NET(R2, 16);
    ADD_K(R2, -20);
    ADD_K(R8, 14 + 20);
    MOVE(R7, R10);
    ADD_K(R7, IP + 20);
    GO(TRANSPORT);

    LABEL(IP_VERSION_6);
    LOAD_8(R1, R10, IP);
    AND_K(R1, 0xf0);
    IF_K(JNE, R1, 0x60, PASS);
    LOAD_8(R9, R10, IP + 6);
    LOAD_16(R7, R10, IP + 4);
    FROM_NET(R7, 16);
    ADD_K(R8, 14 + 40);
    read_packet(a, BEYOND, BEYOND_SIZE);
    MOVE(R2, R7);
    MOVE(R7, R10);
    ADD_K(R7, BEYOND);
}

/* How versions of QUIC begin that the recognition knows (quiccrypto.c, gquic.c), and 0, which is
 * none. Those that are reserved are 0x?a?a?a?a. */
static const uint16_t versions[] = {0x0000, 0x5130, 0x5430, 0x6b33, 0x709a, 0xface, 0xff00};
enum { VERSIONS = sizeof(versions) / sizeof(versions[0]) };
#define RESERVED_BITS    0x0f0f
#define RESERVED_VERSION 0x0a0a
/* A client's first datagram of another version is no smaller (RFC 9000, 14.1), and has this bit. */
enum { SMALLEST_FIRST = 1200, FIXED_BIT = 0x40 };
/* Google's, until Q043: a connection id and a version, and none of the other bits that matter here
 * (that of a short header was for multipath, which nobody used). */
enum { GOOGLE_BITS = 0xcb, GOOGLE_STARTS = 0x09 };

/* Of a datagram at R7, of R2 bytes, whose first is in R3: whether quic_starts() may say that it
 * starts a connection; at least whenever it does. As starts(). */
static void read_quic(struct assembler *a)
{
    SET(R8, PACKET_ANY);
    IF_K(JSET, R3, 0x80, LONG);
    IF_K(JSET, R3, FIXED_BIT, PORTS); /* a short header (RFC 9000, 17.3.1) */
    OR_K(R8, PACKET_ODD);
    AND_K(R3, GOOGLE_BITS);
    IF_K(JEQ, R3, GOOGLE_STARTS, STARTS);
    GO(PORTS);

    LABEL(LONG);
    OR_K(R8, PACKET_LONG);
    LOAD_8(R4, R7, 9);
    LEFT(R4, 8);
    LOAD_8(R5, R7, 10);
    OR(R4, R5);
    for (size_t i = 0; i < VERSIONS; i++)
        IF_K(JEQ, R4, versions[i], STARTS);
    AND_K(R4, RESERVED_BITS);
    IF_K(JEQ, R4, RESERVED_VERSION, STARTS);
    IF_K(JLT, R2, 8 + SMALLEST_FIRST, PORTS);
    AND_K(R3, FIXED_BIT);
    IF_K(JEQ, R3, 0, PORTS);
    LABEL(STARTS);
    OR_K(R8, PACKET_STARTS);
}

/* Leaves the ports in R1 and R2, and in R8 what the packet is. */
static void read_transport(struct assembler *a)
{
    LABEL(TRANSPORT);
    IF_K(JSLT, R2, BEYOND_SIZE, PASS);
    LOAD_32(R1, R6, offsetof(struct __sk_buff, len));
    ADD(R8, R2);
    IF(JGT, R8, R1, PASS);
    IF_K(JEQ, R9, PROTOCOL_UDP, UDP);
    IF_K(JNE, R9, PROTOCOL_TCP, PASS);
    LOAD_8(R3, R7, 12);
    RIGHT(R3, 4);
    LEFT(R3, 2);
    IF_K(JLT, R3, 20, PASS);
    IF(JGT, R3, R2, PASS);
    LOAD_8(R8, R7, 13);
    IF_K(JSET, R8, TCP_FIN | TCP_RST, PASS);
    AND_K(R8, TCP_SYN); /* PACKET_SYN */
    OR_K(R8, PACKET_ANY);
    IF(JNE, R3, R2, PORTS);
    IF_K(JSET, R8, TCP_SYN, PORTS);
    OR_K(R8, PACKET_NO_DATA);
    GO(PORTS);

    LABEL(UDP);
    LOAD_16(R3, R7, 4);
    FROM_NET(R3, 16);
    IF(JNE, R3, R2, PASS);
    LOAD_8(R3, R7, 8);
    read_quic(a);

    LABEL(PORTS);
    LOAD_16(R1, R7, 0);
    FROM_NET(R1, 16);
    LOAD_16(R2, R7, 2);
    FROM_NET(R2, 16);
}

static void rotate(struct assembler *a, int word, int bits)
{
    MOVE(R4, word);
    LEFT(word, bits);
    RIGHT(R4, 64 - bits);
    OR(word, R4);
}

/* keyedhash.c, with its state in R0 to R3. Spoils R4, as all that follow. */
static void sip_round(struct assembler *a)
{
    ADD(R0, R1);
    ADD(R2, R3);
    rotate(a, R1, 13);
    XOR(R1, R0);
    rotate(a, R3, 16);
    XOR(R3, R2);
    rotate(a, R0, 32);
    ADD(R2, R1);
    ADD(R0, R3);
    rotate(a, R1, 17);
    XOR(R1, R2);
    rotate(a, R3, 21);
    XOR(R3, R0);
    rotate(a, R2, 32);
}

static void start_hash(struct assembler *a)
{
    POINT(R4, hash_start);
    LOAD_64(R0, R4, 0);
    LOAD_64(R1, R4, 8);
    LOAD_64(R2, R4, 16);
    LOAD_64(R3, R4, 24);
}

static void absorb(struct assembler *a, int word)
{
    XOR(R3, word);
    sip_round(a);
    XOR(R0, word);
}

static void absorb_memory(struct assembler *a, int at, int offset)
{
    LOAD_64(R4, at, offset);
    XOR(R3, R4);
    sip_round(a);
    LOAD_64(R4, at, offset);
    XOR(R0, R4);
}

/* Spoils R5, too. */
static void finish_hash(struct assembler *a, int length)
{
    SET(R5, length);
    LEFT(R5, 56);
    absorb(a, R5);
    XOR_K(R2, 0xff);
    for (int i = 0; i < 3; i++)
        sip_round(a);
    XOR(R0, R1);
    XOR(R0, R2);
    XOR(R0, R3);
}

/* flowkey.c, into R0: addresses of IPv4. */
static void hash_ipv4(struct assembler *a)
{
    LOAD_32(R3, R10, IP + 12);
    LEFT(R3, 16);
    OR(R3, R1);
    LOAD_32(R4, R10, IP + 16);
    LEFT(R4, 16);
    OR(R4, R2);
    IF(JLE, R3, R4, IN_ORDER_4);
    OR_K(R8, PACKET_SIDE);
    MOVE(R5, R3);
    MOVE(R3, R4);
    MOVE(R4, R5);
    LABEL(IN_ORDER_4);
    MOVE(R5, R3);
    AND_K(R5, UINT16_MAX);
    LEFT(R5, 16);
    OR(R9, R5);
    MOVE(R5, R4);
    AND_K(R5, UINT16_MAX);
    OR(R9, R5); /* protocol and ports */
    RIGHT(R3, 16);
    RIGHT(R4, 16);
    LEFT(R4, 32);
    OR(R3, R4);
    MOVE(R7, R3); /* addresses */
    start_hash(a);
    absorb(a, R9);
    absorb(a, R7);
    finish_hash(a, 16);
}

/* Goes to LABEL SWAP_6 or IN_ORDER_6, unless these eight bytes of both addresses are the same. */
static void compare_addresses(struct assembler *a, int offset)
{
    LOAD_64(R3, R4, offset);
    FROM_NET(R3, 64);
    LOAD_64(R0, R5, offset);
    FROM_NET(R0, 64);
    IF(JGT, R3, R0, SWAP_6);
    IF(JLT, R3, R0, IN_ORDER_6);
}

static void hash_ipv6(struct assembler *a)
{
    MOVE(R4, R10);
    ADD_K(R4, IP + 8);
    MOVE(R5, R10);
    ADD_K(R5, IP + 24);
    compare_addresses(a, 0);
    compare_addresses(a, 8);
    IF(JLE, R1, R2, IN_ORDER_6);
    LABEL(SWAP_6);
    OR_K(R8, PACKET_SIDE);
    MOVE(R3, R4);
    MOVE(R4, R5);
    MOVE(R5, R3);
    MOVE(R3, R1);
    MOVE(R1, R2);
    MOVE(R2, R3);
    LABEL(IN_ORDER_6);
    LEFT(R1, 16);
    OR(R9, R1);
    OR(R9, R2);
    MOVE(R7, R4);
    start_hash(a);
    absorb(a, R9);
    absorb_memory(a, R7, 0);
    absorb_memory(a, R7, 8);
    absorb_memory(a, R5, 0);
    absorb_memory(a, R5, 8);
    finish_hash(a, 40);
}

/* Of the key in R0, leaves in R1 what TABLE, of COUNT places, has for it. */
#define POINT_TO_PLACE(table, count)                                                               \
    (POINT(R1, table), MOVE(R2, R0), AND_K(R2, (count)-1), LEFT(R2, 4), ADD(R1, R2))

/* Looks for the key in R0. Leaves the verdict in R7. */
static void find(struct assembler *a)
{
    LABEL(FIND);
    IF_K(JEQ, R0, 0, PASS);
    POINT_TO_PLACE(places, PLACES);
    IF_K(JSET, R8, PACKET_OPENS, OPEN);
    LOAD_64(R3, R1, offsetof(struct place, key));
    IF(JNE, R3, R0, UNNAMED);
    LOAD_32(R7, R1, offsetof(struct place, verdict));
    IF_K(JSET, R7, VERDICT_PASSES, PASS);
    MOVE(R3, R7);
    AND(R3, R8);
    IF_K(JEQ, R3, 0, COUNT);
    GO(UNNAMED);
}

/* What may open a connection counts first, whoever has the place or may have it next; then it takes
 * its own verdict back. */
static void open_place(struct assembler *a)
{
    LABEL(OPEN);
    SET(R2, VERDICT_OPENED);
    COUNT_32(R1, offsetof(struct place, verdict), R2);
    LOAD_64(R3, R1, offsetof(struct place, key));
    IF(JNE, R3, R0, PASS);
    LOAD_32(R7, R1, offsetof(struct place, verdict));
    IF_K(JSET, R7, VERDICT_PASSES, PASS);
    SET(R2, VERDICT_NONE);
    STORE_16(R1, offsetof(struct place, verdict) + VERDICT_AT, R2);
    GO(PASS);
}

/* An acknowledgement alone, of whatever connection: that its end was heard is all that is kept. */
static void drop_without_data(struct assembler *a)
{
    LABEL(UNNAMED);
    IF_K(JSET, R8, PACKET_NO_DATA, HEAR);
    GO(PASS);
    LABEL(HEAR);
    POINT(R1, drops_no_data);
    LOAD_32(R1, R1, 0);
    IF_K(JEQ, R1, 0, PASS);
    SET(R7, 0);
    MOVE(R3, R0);
    AND_K(R8, PACKET_SIDE);
    ADD(R0, R8);
    POINT_TO_PLACE(heard, HEARD);
    STORE_64(R1, offsetof(struct place, key), R3);
}

/* The place is R1. A tag beside the packet counts as if it were in it. */
static void count_and_drop(struct assembler *a)
{
    LABEL(COUNT);
    POINT(R2, now_s);
    LOAD_32(R2, R2, 0);
    STORE_32(R1, offsetof(struct place, seen_s), R2);
    CALL(BPF_FUNC_get_smp_processor_id);
    AND_K(R0, PROCESSORS - 1);
    LEFT(R0, 6);
    POINT(R1, counters);
    ADD(R1, R0);
    SET(R2, 1);
    COUNT_64(R1, offsetof(struct counter, packets), R2);
    AND_K(R7, VERDICT_IS_OTHER);
    IF_K(JEQ, R7, 0, COUNTED);
    COUNT_64(R1, offsetof(struct counter, others), R2);
    LABEL(COUNTED);
    LOAD_32(R2, R6, offsetof(struct __sk_buff, len));
    LOAD_32(R3, R6, offsetof(struct __sk_buff, vlan_present));
    LEFT(R3, 2);
    ADD(R2, R3);
    COUNT_64(R1, offsetof(struct counter, bytes), R2);
    SET(R0, 0);
    EXIT();
}

/* R9: what the hash begins with. */
static void assemble(struct assembler *a)
{
    read_link(a);
    read_ip(a);
    read_transport(a);
    LEFT(R9, 32);
    LOAD_16(R3, R10, TYPE);
    IF_K(JEQ, R3, htons(ETHERTYPE_IPV6), ORDER_6);
    hash_ipv4(a);
    GO(FIND);
    LABEL(ORDER_6);
    hash_ipv6(a);
    find(a);
    open_place(a);
    drop_without_data(a);
    count_and_drop(a);
    LABEL(PASS);
    SET(R0, -1); /* all bytes of it */
    EXIT();
    resolve(a);
}

/* -- Life ------------------------------------------------------------------------------------- */

static int call_kernel(enum bpf_cmd command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int make_map(void)
{
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY,
                                 .key_size = sizeof(uint32_t),
                                 .value_size = sizeof(struct shared),
                                 .max_entries = 1,
                                 .map_flags = BPF_F_MMAPABLE,
                                 .map_name = "iagmeter"};

    return call_kernel(BPF_MAP_CREATE, &attributes);
}

/* Returns the program, -1 with errno set. */
static int load_program(int map)
{
    struct assembler assembler = {.map = map};
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                                 .insns = (uintptr_t)assembler.code,
                                 .license = (uintptr_t) "GPL",
                                 .prog_name = "iagmeter"};
    int low;
    int program;

    assemble(&assembler);
    attributes.insn_cnt = assembler.count;
    low = call_kernel(BPF_PROG_LOAD, &attributes);
    if (low < 0)
        return -1;
    program = fcntl(low, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
    close(low);
    return program;
}

/* The program and the mapping hold the map. */
static bool make(struct kernelfilter *filter)
{
    int map = make_map();
    void *shared;

    if (map < 0)
        return false;
    shared = mmap(NULL, sizeof(*filter->shared), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (shared != MAP_FAILED) {
        filter->shared = shared;
        filter->program = load_program(map);
    }
    close(map);
    return filter->program >= 0;
}

struct kernelfilter *kernelfilter_new(char *error, size_t error_size)
{
    struct kernelfilter *filter = calloc(1, sizeof(*filter));

    if (!filter) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    filter->program = -1;
    if (make(filter))
        return filter;
    snprintf(error, error_size, "the kernel does not load it: %s", strerror(errno));
    kernelfilter_free(filter);
    return NULL;
}

void kernelfilter_free(struct kernelfilter *filter)
{
    if (!filter)
        return;
    if (filter->program >= 0)
        close(filter->program);
    if (filter->shared)
        munmap(filter->shared, sizeof(*filter->shared));
    free(filter);
}

int kernelfilter_descriptor(const struct kernelfilter *filter)
{
    return filter->program;
}

static void free_places(struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        atomic_store_explicit(&places[i].key, 0, memory_order_relaxed);
        atomic_store_explicit(&places[i].verdict, VERDICT_NONE, memory_order_relaxed);
    }
}

static void forget_all(struct kernelfilter *filter)
{
    free_places(filter->shared->places, PLACES);
    free_places(filter->shared->heard, HEARD);
}

bool kernelfilter_attach(struct kernelfilter *filter, int socket)
{
    /* Of another process before this one, under its key: what was dropped until
     * kernelfilter_begin(), nobody would count. */
    kernelfilter_drop_acknowledgements(filter, false);
    forget_all(filter);
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &filter->program,
                      sizeof(filter->program)) == 0;
}

/* -- The table -------------------------------------------------------------------------------- */

void kernelfilter_begin(struct kernelfilter *filter, const struct hash_key *key)
{
    keyedhash_start(key, filter->shared->hash_start);
    forget_all(filter); /* what was opened under another key, too */
    kernelfilter_take_count(filter);
}

void kernelfilter_set_time(struct kernelfilter *filter, uint32_t now_s)
{
    atomic_store_explicit(&filter->shared->now_s, now_s, memory_order_relaxed);
}

static struct place *place_of(const struct kernelfilter *filter, uint64_t key)
{
    return &filter->shared->places[key & (PLACES - 1)];
}

static bool is_of(const struct place *place, uint64_t key)
{
    return atomic_load_explicit(&place->key, memory_order_relaxed) == key;
}

static uint32_t verdict_of(const struct place *place)
{
    return atomic_load_explicit(&place->verdict, memory_order_relaxed) & VERDICT_BITS;
}

/* For how long nothing of the connection that has the place was heard of here. */
static uint32_t silent_s(const struct kernelfilter *filter, const struct place *place)
{
    return atomic_load_explicit(&filter->shared->now_s, memory_order_relaxed) -
           atomic_load_explicit(&place->seen_s, memory_order_relaxed);
}

/* Whether the place may be taken from the connection that has it. */
static bool is_idle(const struct kernelfilter *filter, const struct place *place)
{
    return is_of(place, 0) || verdict_of(place) == VERDICT_NONE || silent_s(filter, place) > IDLE_S;
}

/* Packets that are not dropped only cost time; answers whose acknowledgements are dropped are not
 * seen. */
static bool comes_first(uint32_t verdict, const struct place *place)
{
    return verdict == VERDICT_PASS && !(verdict_of(place) & VERDICT_PASSES);
}

static void note_seen(const struct kernelfilter *filter, struct place *place, uint32_t ago_s)
{
    uint32_t now_s = atomic_load_explicit(&filter->shared->now_s, memory_order_relaxed);

    atomic_store_explicit(&place->seen_s, now_s - ago_s, memory_order_release);
}

static void tell_displaced(const struct kernelfilter *filter, const struct place *place)
{
    if (filter->displaced && !is_of(place, 0))
        filter->displaced(filter->displaced_context,
                          atomic_load_explicit(&place->key, memory_order_relaxed),
                          atomic_load_explicit(&place->seen_s, memory_order_relaxed));
}

/* Leaves what is above it as it is. */
static void set_verdict(struct place *place, uint32_t verdict)
{
    uint32_t before = atomic_load_explicit(&place->verdict, memory_order_relaxed);

    while (!atomic_compare_exchange_weak(&place->verdict, &before,
                                         (before & ~(uint32_t)VERDICT_BITS) | verdict))
        ;
}

/* Unless the program was faster, or something that may have opened a connection was not seen yet.
 * It may be lost: then it is not waited for any more. */
static void drop_from_now_on(const struct kernelfilter *filter, struct place *place,
                             uint32_t verdict)
{
    uint32_t before = atomic_load_explicit(&place->verdict, memory_order_relaxed);

    if (before < VERDICT_OPENED || silent_s(filter, place) > LOST_S)
        atomic_compare_exchange_strong(&place->verdict, &before, verdict);
}

void kernelfilter_clear(struct kernelfilter *filter)
{
    for (size_t i = 0; i < PLACES; i++)
        if (verdict_of(&filter->shared->places[i]) != VERDICT_PASS)
            set_verdict(&filter->shared->places[i], VERDICT_NONE);
}

/* Without a lock: the program reads the key first, then the verdict. Whatever it finds of a place
 * that changes hands, both connections are ones that it may drop, or were silent for IDLE_S. */
static void name(struct kernelfilter *filter, uint64_t key, uint32_t verdict)
{
    struct place *place = place_of(filter, key);

    if (!is_of(place, key)) {
        if (!is_idle(filter, place) && !comes_first(verdict, place))
            return;
        tell_displaced(filter, place);
        set_verdict(place, VERDICT_NONE);
        note_seen(filter, place, verdict == VERDICT_DROP_OTHER ? IDLE_S + 1 : 0);
        atomic_store(&place->key, key); /* what opens from now on takes the verdict back */
    }
    if (verdict_of(place) != VERDICT_NONE && verdict_of(place) != VERDICT_PASS)
        return;
    if (verdict == VERDICT_PASS)
        set_verdict(place, verdict);
    else
        drop_from_now_on(filter, place, verdict);
}

void kernelfilter_prefetch(const struct kernelfilter *filter, uint64_t key)
{
    __builtin_prefetch(place_of(filter, key), 1);
}

void kernelfilter_drop(struct kernelfilter *filter, uint64_t key)
{
    name(filter, key, VERDICT_DROP);
}

void kernelfilter_drop_other(struct kernelfilter *filter, uint64_t key)
{
    name(filter, key, VERDICT_DROP_OTHER);
}

void kernelfilter_keep_acknowledgements(struct kernelfilter *filter, uint64_t key)
{
    struct place *place = place_of(filter, key);

    name(filter, key, VERDICT_PASS);
    if (is_of(place, key))
        note_seen(filter, place, 0);
}

void kernelfilter_drop_acknowledgements(struct kernelfilter *filter, bool drop)
{
    atomic_store_explicit(&filter->shared->drops_no_data, drop, memory_order_relaxed);
}

bool kernelfilter_take_heard(struct kernelfilter *filter, uint64_t key, unsigned side)
{
    uint64_t end = key + (side ? PACKET_SIDE : 0);
    struct place *place = &filter->shared->heard[end & (HEARD - 1)];
    bool heard = key != 0 && is_of(place, key);

    if (heard)
        atomic_store_explicit(&place->key, 0, memory_order_relaxed);
    return heard;
}

/* As the program sees it. */
static bool starts(const struct packet *packet)
{
    const uint8_t *bytes = packet->payload;
    unsigned version;

    if (packet->payload_length < BEYOND_SIZE - 8 || packet->captured_length < 3)
        return false;
    version = (unsigned)bytes[1] << 8 | bytes[2];
    if (!(bytes[0] & 0x80))
        return (bytes[0] & GOOGLE_BITS) == GOOGLE_STARTS;
    for (size_t i = 0; i < VERSIONS; i++)
        if (version == versions[i])
            return true;
    return (version & RESERVED_BITS) == RESERVED_VERSION ||
           (packet->payload_length >= SMALLEST_FIRST && bytes[0] & FIXED_BIT);
}

bool kernelfilter_opens(const struct packet *packet)
{
    return packet->protocol == PROTOCOL_TCP ? packet->tcp_flags & TCP_SYN : starts(packet);
}

void kernelfilter_saw_opening(struct kernelfilter *filter, uint64_t key)
{
    struct place *place = place_of(filter, key);
    uint32_t before = atomic_load_explicit(&place->verdict, memory_order_relaxed);
    uint32_t after;

    do {
        after = before < VERDICT_OPENED ? before : before - VERDICT_OPENED;
        if (is_of(place, key))
            after = (after & ~(uint32_t)VERDICT_BITS) | VERDICT_NONE;
    } while (!atomic_compare_exchange_weak(&place->verdict, &before, after));
    if (is_of(place, key))
        note_seen(filter, place, 0);
}

static void visit_places(const struct place *places, size_t count, uint32_t since_s,
                         kernelfilter_visitor *visit, void *context)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t key = atomic_load_explicit(&places[i].key, memory_order_relaxed);
        uint32_t seen_s = atomic_load_explicit(&places[i].seen_s, memory_order_relaxed);

        if (key != 0 && seen_s >= since_s)
            visit(context, key, seen_s);
    }
}

void kernelfilter_visit(const struct kernelfilter *filter, uint32_t since_s,
                        kernelfilter_visitor *visit, void *context)
{
    visit_places(filter->shared->places, PLACES, since_s, visit, context);
    visit_places(filter->shared->heard, HEARD, since_s, visit, context);
}

void kernelfilter_observe(struct kernelfilter *filter, kernelfilter_visitor *visit, void *context)
{
    filter->displaced = visit;
    filter->displaced_context = context;
}

struct kernelfilter_count kernelfilter_take_count(struct kernelfilter *filter)
{
    struct kernelfilter_count before = filter->taken;
    struct kernelfilter_count now = {0};

    for (size_t i = 0; i < PROCESSORS; i++) {
        const struct counter *counter = &filter->shared->counters[i];

        now.packets += atomic_load_explicit(&counter->packets, memory_order_relaxed);
        now.bytes += atomic_load_explicit(&counter->bytes, memory_order_relaxed);
        now.others += atomic_load_explicit(&counter->others, memory_order_relaxed);
    }
    filter->taken = now;
    return (struct kernelfilter_count){now.packets - before.packets, now.bytes - before.bytes,
                                       now.others - before.others};
}
