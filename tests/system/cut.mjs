// node cut.mjs CAPTURE OUT...: divides a capture (pcap, nanoseconds, little endian) between as many
// files, at packets drawn from the seed in SEED, each in the format of its name: .pcap, .pcapng, and
// either of them with .gz.
// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const [capture, ...names] = process.argv.slice(2);
const bytes = readFileSync(capture);
if (bytes.readUInt32LE(0) !== 0xa1b23c4d) throw new Error(`${capture}: not of the format that is cut here`);
const records = [];
for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8))
    records.push(bytes.subarray(at, at + 16 + bytes.readUInt32LE(at + 8)));

let seed = Math.imul(Number(process.env.SEED ?? 1), 2654435761) >>> 0;
const random = (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
};

const words = (...values) => {
    const buffer = Buffer.alloc(4 * values.length);
    values.forEach((value, i) => buffer.writeUInt32LE(value >>> 0, 4 * i));
    return buffer;
};
const block = (type, body) => {
    const padding = Buffer.alloc((4 - (body.length % 4)) % 4);
    const length = 12 + body.length + padding.length;
    return Buffer.concat([words(type, length), body, padding, words(length)]);
};
const packet = (record) => {
    const time = BigInt(record.readUInt32LE(0)) * 1000000000n + BigInt(record.readUInt32LE(4));
    const header = words(0, Number(time >> 32n), Number(time & 0xffffffffn), record.readUInt32LE(8),
        record.readUInt32LE(12));
    return block(6, Buffer.concat([header, record.subarray(16)]));
};
const pcap = (part) => Buffer.concat([bytes.subarray(0, 24), ...part]);
const pcapng = (part) => Buffer.concat([
    block(0x0a0d0d0a, words(0x1a2b3c4d, 1, 0xffffffff, 0xffffffff)),
    block(1, words(bytes.readUInt32LE(20), 0, 9 | (1 << 16), 9, 0)), // a clock of nanoseconds
    ...part.map(packet),
]);

const cuts = names.slice(1).map(() => random(records.length)).sort((a, b) => a - b);
names.forEach((name, i) => {
    const part = records.slice(cuts[i - 1] ?? 0, cuts[i] ?? records.length);
    const whole = name.includes('.pcapng') ? pcapng(part) : pcap(part);
    writeFileSync(name, name.endsWith('.gz') ? gzipSync(whole) : whole);
});
console.log(`${capture}: ${records.length} packets, cut after ${cuts.join(', ')}`);
