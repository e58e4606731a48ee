/* web-vary.mjs FROM TO WAY...: copies FROM/capture.pcap and FROM/truth.jsonl (of web.sh) to TO as they would be where
 * something is otherwise. WAYs, of which the later are applied to what the earlier leave:
 *     time=F       everything, people and answers, takes F times as long
 *     delay=S      the way to the servers is S seconds longer, there and back: what they send comes so much later
 *     jitter=S     what a server sends comes up to S seconds later, in its order within a connection
 *     mixed=S      the capture has each packet up to S seconds later, each by itself: in another order, as where a mirror port
 *                  takes the two ways from two queues
 *     late=P       P of 100 packets of the servers were lost on their way and come again 80 ms later; what follows is not held
 *                  back (a receiver holds it back, a capture sees it)
 *     lost=P       the capture lacks P percent of all packets
 *     joined=N     segments of TCP that follow each other within 0.2 ms are one of up to N bytes (GRO, TSO)
 *     snap=N       only N bytes of each packet are kept
 *     people=1     each person has an address of their own (198.51.100.N), not all together one
 *     oneway=up    only what clients send was captured; oneway=down: only what servers do
 * One seed (BENCH_SEED) decides all chance. Captures are of Ethernet and IPv4, in nanoseconds.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { Chance } from './lib-text.mjs';
import { readTruth } from './lib-truth.mjs';

const [from, to, ...ways] = process.argv.slice(2);
const chance = new Chance(`vary ${process.env.BENCH_SEED ?? 2026}`);
const RESENT_S = 0.08;
const TOGETHER_S = 0.0002;
const TCP = 6;
const UDP = 17;
const [SOURCE, DESTINATION] = [14 + 12, 14 + 16]; /* of IPv4, after Ethernet */

function parse(bytes, at, length) {
    const ip = at + 14;
    const transport = ip + (bytes[ip] & 15) * 4;
    const protocol = bytes[ip + 9];
    const total = bytes.readUInt16BE(ip + 2);
    const [source, destination] = [bytes.readUInt16BE(transport), bytes.readUInt16BE(transport + 2)];
    const payload = transport + (protocol === TCP ? (bytes[transport + 12] >> 4) * 4 : 8);
    return { bytes: bytes.subarray(at, at + length), length, protocol, source, destination,
        fromServer: source === 443, flow: `${protocol} ${bytes.readUInt32BE(ip + 12)} ${bytes.readUInt32BE(ip + 16)} ${source} ${destination}`,
        transport: transport - at, payload: payload - at, end: 14 + total };
}

function read(path) {
    const bytes = readFileSync(path);
    const packets = [];
    for (let at = 24; at + 16 <= bytes.length;) {
        const length = bytes.readUInt32LE(at + 8);
        const time = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) / 1e9;
        if (bytes.readUInt16BE(at + 16 + 12) === 0x0800) packets.push({ time, ...parse(bytes, at + 16, length) });
        at += 16 + length;
    }
    return { header: bytes.subarray(0, 24), packets };
}

/* A segment of TCP with what follows it. */
function join(first, next) {
    const bytes = Buffer.concat([first.bytes.subarray(0, first.end), next.bytes.subarray(next.payload, next.end)]);
    bytes.writeUInt16BE(bytes.length - 14, 16);
    return { ...first, bytes, length: bytes.length, end: bytes.length };
}

const sequence = ({ bytes, transport }) => bytes.readUInt32BE(transport + 4);
const size = ({ end, payload }) => end - payload;
const CONTROL = 7; /* SYN, FIN, RST */
const canJoin = (first, next, limit) => size(first) > 0 && size(next) > 0 && next.time - first.joined < TOGETHER_S &&
    ((sequence(first) + size(first)) >>> 0) === sequence(next) && (next.bytes[next.transport + 13] & CONTROL) === 0 &&
    size(first) + size(next) <= limit;

function joined(packets, limit) {
    const open = new Map();
    const out = [];
    for (const packet of packets) {
        const first = open.get(packet.flow);
        if (packet.protocol === TCP && first !== undefined && canJoin(out[first], packet, limit)) {
            out[first] = { ...join(out[first], packet), joined: packet.time };
            continue;
        }
        open.set(packet.flow, out.length);
        out.push({ ...packet, joined: packet.time });
    }
    return out;
}

function jitter(packets, seconds) {
    const last = new Map();
    return packets.map((packet) => {
        if (!packet.fromServer) return packet;
        const time = Math.max(packet.time + seconds * chance.unit(), last.get(packet.flow) ?? 0);
        last.set(packet.flow, time);
        return { ...packet, time };
    });
}

const delayed = (packets, seconds, share = 1) =>
    packets.map((packet) => (packet.fromServer && chance.unit() < share ? { ...packet, time: packet.time + seconds } : packet));

const { header, packets } = read(`${from}/capture.pcap`);
const start = packets[0].time;
let truth = readTruth(`${from}/truth.jsonl`);
const stretch = (time, factor) => start + (time - start) * factor;
const WAYS = {
    time(all, factor) {
        truth = truth.map((entry) => ({ ...entry, start: stretch(entry.start, factor), end: stretch(entry.end, factor) }));
        return all.map((packet) => ({ ...packet, time: stretch(packet.time, factor) }));
    },
    delay: (all, seconds) => delayed(all, seconds),
    jitter,
    mixed: (all, seconds) => all.map((packet) => ({ ...packet, time: packet.time + seconds * chance.unit() })),
    late: (all, percent) => delayed(all, RESENT_S, percent / 100),
    lost: (all, percent) => all.filter(() => chance.unit() >= percent / 100),
    joined,
    snap: (all, length) => all.map((packet) => ({ ...packet, bytes: packet.bytes.subarray(0, length) })),
    people(all) {
        const numbers = new Map();
        const owners = new Map();
        for (const { person, client_port, transport } of truth.filter(({ event }) => event === 'person')) {
            if (!numbers.has(person)) numbers.set(person, 10 + numbers.size);
            owners.set(`${transport === 'h3' ? UDP : TCP} ${client_port}`, numbers.get(person));
        }
        for (const { protocol, source, destination, fromServer, bytes } of all) {
            const number = owners.get(`${protocol} ${fromServer ? destination : source}`);
            if (number !== undefined) bytes[(fromServer ? DESTINATION : SOURCE) + 3] = number;
        }
        return all;
    },
    oneway: (all, way) => all.filter(({ fromServer }) => fromServer === (way === 'down')),
};

let varied = packets;
for (const way of ways) {
    const [name, value] = way.split('=');
    varied = WAYS[name](varied, name === 'oneway' ? value : Number(value));
    varied = varied.map((packet, order) => ({ packet, order })).sort((a, b) => a.packet.time - b.packet.time || a.order - b.order).map(({ packet }) => packet);
}
mkdirSync(to, { recursive: true });
writeFileSync(`${to}/truth.jsonl`, truth.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
const file = openSync(`${to}/capture.pcap`, 'w');
writeSync(file, header);
for (const { time, bytes, length } of varied) {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(time), 0);
    record.writeUInt32LE(Math.min(999999999, Math.round((time % 1) * 1e9)), 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(length, 12);
    writeSync(file, Buffer.concat([record, bytes]));
}
closeSync(file);
