// node others.mjs CAPTURE OUT HOST: writes the frames of a pcap file anew, each where it was, and between them other
// traffic, which is partly of the service HOST: requests in clear that turn from host to host on one connection;
// datagrams that are no QUIC, and a connection of QUIC that begins between the same ports; one end that only
// acknowledges; scans.
// SPDX-License-Identifier: GPL-3.0-or-later
import { createCipheriv, createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const [, , from, to, host] = process.argv;
const SYN = 2, RST = 4, ACK = 16;
let id = 0;

// -- Frames ------------------------------------------------------------------------------------------------------
function ipv4(protocol, source, destination, payload) {
    const header = Buffer.alloc(20);
    header[0] = 0x45;
    header.writeUInt16BE(20 + payload.length, 2);
    header.writeUInt16BE(++id & 0xffff, 4);
    header[8] = 64;
    header[9] = protocol;
    Buffer.from(source).copy(header, 12);
    Buffer.from(destination).copy(header, 16);
    return Buffer.concat([Buffer.from("020000000001020000000002" + "0800", "hex"), header, payload]);
}

class Talk {
    constructor(client, clientPort, server, serverPort) {
        this.ends = [{ address: client, port: clientPort, next: 1000 }, { address: server, port: serverPort, next: 5000 }];
    }
    ports(end, header) {
        header.writeUInt16BE(this.ends[end].port, 0);
        header.writeUInt16BE(this.ends[1 - end].port, 2);
    }
    carry(end, protocol, bytes) {
        return ipv4(protocol, this.ends[end].address, this.ends[1 - end].address, bytes);
    }
    tcp(end, flags, payload = Buffer.alloc(0)) {
        const header = Buffer.alloc(20);
        this.ports(end, header);
        header.writeUInt32BE(this.ends[end].next, 4);
        header.writeUInt32BE(flags & ACK ? this.ends[1 - end].next : 0, 8);
        header[12] = 0x50;
        header[13] = flags;
        header.writeUInt16BE(65535, 14);
        this.ends[end].next += payload.length + (flags & SYN ? 1 : 0);
        return this.carry(end, 6, Buffer.concat([header, payload]));
    }
    udp(end, payload) {
        const header = Buffer.alloc(8);
        this.ports(end, header);
        header.writeUInt16BE(8 + payload.length, 4);
        return this.carry(end, 17, Buffer.concat([header, payload]));
    }
    open() {
        return [this.tcp(0, SYN), this.tcp(1, SYN | ACK), this.tcp(0, ACK)];
    }
}

// -- QUIC (RFC 9001, 5.2) ------------------------------------------------------------------------------------------
function expand(secret, label, length) {
    const name = Buffer.from("tls13 " + label);
    const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0])]);
    let block = createHmac("sha256", secret).update(Buffer.concat([info, Buffer.from([1])])).digest();
    return block.subarray(0, length);
}

function sized(bytes, size) {
    const length = Buffer.alloc(size);
    length.writeUIntBE(bytes.length, 0, size);
    return Buffer.concat([length, bytes]);
}

function clientHello(name, number) {
    const names = sized(Buffer.concat([Buffer.from([0]), sized(Buffer.from(name), 2)]), 2);
    const extensions = sized(Buffer.concat([Buffer.from([0, 0]), sized(names, 2)]), 2);
    const body = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 1 + number), Buffer.from("00000213010100", "hex"), extensions]);
    return Buffer.concat([Buffer.from([1]), sized(body, 3)]);
}

function initial(name, number) {
    const salt = Buffer.from("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "hex");
    const connection = Buffer.from("0102030405060708", "hex");
    const secret = expand(createHmac("sha256", salt).update(connection).digest(), "client in", 32);
    const hello = clientHello(name, number);
    const plain = Buffer.alloc(1162);
    Buffer.from([6, 0, 0x40 | hello.length >> 8, hello.length & 255]).copy(plain);
    hello.copy(plain, 4);
    const length = 4 + plain.length + 16;
    const header = Buffer.concat([Buffer.from("c30000000108", "hex"), connection,
        Buffer.from([0, 0, 0x40 | length >> 8, length & 255, 0, 0, 0, 0])]);
    const cipher = createCipheriv("aes-128-gcm", expand(secret, "quic key", 16), expand(secret, "quic iv", 12));
    cipher.setAAD(header);
    const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    const mask = createCipheriv("aes-128-ecb", expand(secret, "quic hp", 16), null).update(sealed.subarray(0, 16));
    header[0] ^= mask[0] & 15;
    for (let i = 0; i < 4; i++)
        header[header.length - 4 + i] ^= mask[1 + i];
    return Buffer.concat([header, sealed]);
}

// -- Traffic -------------------------------------------------------------------------------------------------------
// Bytes of which no two packets have the same.
function noise(first, size) {
    const bytes = Buffer.alloc(size, 0x33);
    bytes[0] = first;
    bytes.writeUInt32BE(++id, 1);
    bytes.writeUInt32BE(id, size - 4);
    return bytes;
}

function* requests() {
    const talk = new Talk([198, 51, 100, 77], 40077, [198, 18, 3, 3], 80);
    yield* talk.open();
    for (let round = 0; round < 40; round++) {
        const name = round % 8 === 5 ? host : `www.other${round % 3}.example`;
        yield talk.tcp(0, ACK, Buffer.from(`POST / HTTP/1.1\r\nHost: ${name}\r\nContent-Length: 1000\r\n\r\n`));
        yield talk.tcp(0, ACK, noise(0x41, 1000));
        yield talk.tcp(1, ACK, Buffer.from("HTTP/1.1 200 OK\r\n\r\n"));
        for (let part = 0; part < 8; part++) {
            yield talk.tcp(1, ACK, noise(0x42, 900));
            if (part % 2)
                yield talk.tcp(0, ACK);
        }
    }
}

function* datagrams() {
    for (const [number, port] of [123, 3478, 4500, 51820].entries()) {
        const talk = new Talk([198, 51, 100, 78], 40100 + number, [198, 18, 3, 4], port);
        for (let count = 0; count < 120; count++)
            yield talk.udp(count % 2, noise(count * 37 & 255, 100));
        yield talk.udp(0, initial(host, number));
        yield talk.udp(1, Buffer.concat([Buffer.from("e0000000010008", "hex"), Buffer.alloc(8, 9), noise(1, 1100)]));
        yield talk.udp(0, noise(0x41, 700));
        for (let count = 0; count < 60; count++)
            yield talk.udp(1, noise(0x40 | count & 63, 1000));
    }
}

function* scans() {
    for (let port = 1; port < 300; port++) {
        const talk = new Talk([203, 0, 113, 9], 50000, [198, 51, 100, 79], port);
        yield talk.tcp(0, SYN);
        yield talk.tcp(1, RST | ACK);
        yield talk.tcp(0, ACK);
    }
}

const capture = readFileSync(from);
const parts = [capture.subarray(0, 24)];
const others = [requests(), datagrams(), scans()];

function* frames() {
    for (let at = 24; at < capture.length;) {
        const size = 16 + capture.readUInt32LE(at + 8);
        yield [capture.subarray(at, at + 16), capture.subarray(at + 16, at + size)];
        at += size;
    }
}

for (const [header, frame] of frames()) {
    parts.push(header, frame);
    for (const other of others) {
        const { value, done } = other.next();
        if (done)
            continue;
        const own = Buffer.from(header);
        own.writeUInt32LE(value.length, 8);
        own.writeUInt32LE(value.length, 12);
        parts.push(own, value);
    }
}
writeFileSync(to, Buffer.concat(parts));
