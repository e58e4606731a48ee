/* Writes captures of connections that carry TLS 1.3 records of given sizes at given times, and nothing in
 * them. SPDX-License-Identifier: GPL-3.0-or-later */
import { closeSync, openSync, writeSync } from 'node:fs';

export const CLIENT = 0;
export const SERVER = 1;
const HANDSHAKE = 22;
const CHANGE_CIPHER_SPEC = 20;
const APPLICATION_DATA = 23;
const LARGEST_RECORD = 5 + 16384 + 256; /* RFC 8446, 5.2 */
const LARGEST_SEGMENT = 60_000;         /* offload joins what the wire has in pieces */
const FLAGS = { syn: 2, ack: 16, push: 8, fin: 1 };

/* A ClientHello (RFC 8446, 4.1.2) with the server's name and nothing that could not be there. */
function clientHello(name, random) {
    const host = Buffer.from(name);
    const serverName = Buffer.concat([u16(0), u16(host.length + 5), u16(host.length + 3), Buffer.from([0]), u16(host.length), host]);
    const versions = Buffer.concat([u16(43), u16(3), Buffer.from([2, 3, 4])]);
    const extensions = Buffer.concat([serverName, versions]);
    const body = Buffer.concat([u16(0x0303), random, Buffer.from([0]), u16(2), u16(0x1301), Buffer.from([1, 0]),
        u16(extensions.length), extensions]);
    const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
    return Buffer.concat([Buffer.from([HANDSHAKE, 3, 1]), u16(message.length), message]);
}

function u16(value) {
    return Buffer.from([value >> 8, value & 255]);
}

/* A record whose size on the wire, header included, is SIZE. */
function record(type, size) {
    const bytes = Buffer.alloc(size);
    bytes[0] = type;
    bytes.writeUInt16BE(0x0303, 1);
    bytes.writeUInt16BE(size - 5, 3);
    return bytes;
}

export class Capture {
    constructor(path) {
        this.file = openSync(path, 'w');
        const header = Buffer.alloc(24);
        header.writeUInt32LE(0xa1b23c4d, 0); /* nanoseconds */
        header.writeUInt16LE(2, 4);
        header.writeUInt16LE(4, 6);
        header.writeUInt32LE(262144, 16);
        header.writeUInt32LE(101, 20); /* raw IP */
        writeSync(this.file, header);
        this.packets = [];
        this.number = 0;
    }

    /* A connection that begins at TIME (seconds): what is sent on it are records, of either side. */
    connection(time, { name, from, to, port }) {
        return new Connection(this, time, { name, from, to, port, number: this.number++ });
    }

    packet(time, bytes) {
        this.packets.push({ time, bytes, order: this.packets.length });
    }

    /* Packets may have been added in any order. */
    close() {
        this.packets.sort((a, b) => a.time - b.time || a.order - b.order);
        for (const { time, bytes } of this.packets) {
            const header = Buffer.alloc(16);
            const whole = Math.floor(time);
            header.writeUInt32LE(whole, 0);
            header.writeUInt32LE(Math.min(999999999, Math.round((time - whole) * 1e9)), 4);
            header.writeUInt32LE(bytes.length, 8);
            header.writeUInt32LE(bytes.length, 12);
            writeSync(this.file, Buffer.concat([header, bytes]));
        }
        closeSync(this.file);
    }
}

class Connection {
    constructor(capture, time, place) {
        const random = Buffer.alloc(32);
        random.writeUInt32BE(place.number, 28);
        Object.assign(this, place, { capture, next: [1000, 2000], sequence: place.number });
        this.segment(time, CLIENT, FLAGS.syn);
        this.segment(time, SERVER, FLAGS.syn | FLAGS.ack);
        this.segment(time, CLIENT, FLAGS.ack);
        this.bytes(time, CLIENT, clientHello(place.name, random));
    }

    /* The server's answer to the ClientHello, of SIZE bytes in all, and the client's Finished. */
    handshake(time, size) {
        this.bytes(time, SERVER, Buffer.concat([record(HANDSHAKE, 95), record(CHANGE_CIPHER_SPEC, 6),
            record(APPLICATION_DATA, Math.max(64, size - 101))]));
        this.bytes(time, CLIENT, Buffer.concat([record(CHANGE_CIPHER_SPEC, 6), record(APPLICATION_DATA, 74)]));
    }

    /* One record, or as many as SIZE bytes need. */
    send(time, side, size) {
        for (let left = size; left > 0;) {
            let piece = Math.min(left, LARGEST_RECORD);
            if (left - piece > 0 && left - piece < 23) piece -= 23;
            this.bytes(time, side, record(APPLICATION_DATA, Math.max(23, piece)));
            left -= piece;
        }
    }

    end(time) {
        this.segment(time, SERVER, FLAGS.fin | FLAGS.ack);
        this.segment(time, CLIENT, FLAGS.fin | FLAGS.ack);
    }

    bytes(time, side, bytes) {
        for (let at = 0; at < bytes.length; at += LARGEST_SEGMENT)
            this.segment(time, side, FLAGS.push | FLAGS.ack, bytes.subarray(at, at + LARGEST_SEGMENT));
    }

    segment(time, side, flags, payload = Buffer.alloc(0)) {
        const header = Buffer.alloc(40);
        const ends = side === CLIENT ? [this.from, this.to] : [this.to, this.from];
        const ports = side === CLIENT ? [this.port, 443] : [443, this.port];
        header[0] = 0x45;
        header.writeUInt16BE(40 + payload.length, 2);
        header.writeUInt16BE(this.sequence++ & 0xffff, 4);
        header[8] = 64;
        header[9] = 6;
        ends.forEach((address, i) => address.split('.').forEach((octet, j) => { header[12 + 4 * i + j] = Number(octet); }));
        ports.forEach((port, i) => header.writeUInt16BE(port, 20 + 2 * i));
        header.writeUInt32BE(this.next[side] >>> 0, 24);
        header.writeUInt32BE(flags & FLAGS.ack ? this.next[1 - side] >>> 0 : 0, 28);
        header[32] = 0x50;
        header[33] = flags;
        header.writeUInt16BE(65535, 34);
        this.next[side] += payload.length + (flags & (FLAGS.syn | FLAGS.fin) ? 1 : 0);
        this.capture.packet(time, Buffer.concat([header, payload]));
    }
}
