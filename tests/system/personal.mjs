/* personal.mjs CAPTURE > LIST: writes a capture in which names and addresses of people come in every
 * way but a ClientHello over TCP, which the demonstration has: an answer of the DNS, QUIC, requests
 * to a proxy, the PROXY protocol, a request in clear, one to a local inference server, fragments. Prints "name NAME" and "address
 * ADDRESS" for each that must never be found again. SPDX-License-Identifier: GPL-3.0-or-later */
import { createCipheriv, createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';

const START_S = 1795435800; // 2026-11-23 12:10 UTC: the day of the demonstration, after it
const listed = { name: new Set(), address: new Set() };
const frames = [];
let clock_us = 0;

function listName(name) {
    listed.name.add(name);
    return name;
}

function number(value, size) {
    const bytes = Buffer.alloc(size);
    bytes.writeUIntBE(value, 0, size);
    return bytes;
}

const join = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
const sized = (size, ...parts) => {
    const bytes = join(...parts);
    return join(number(bytes.length, size), bytes);
};

// -- Packets ------------------------------------------------------------------------------------------

function addressBytes(address) {
    if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
    const [head, tail] = address.split('::').map((part) => part.split(':').map((word) => number(parseInt(word, 16), 2)));
    return join(...head, Buffer.alloc(16 - 2 * (head.length + tail.length)), ...tail);
}

function shoot(packet) {
    const six = packet[0] >> 4 === 6;
    frames.push({ at: clock_us, bytes: join(Buffer.alloc(12, 2), number(six ? 0x86dd : 0x0800, 2), packet) });
    clock_us += 1000;
}

let identification = 1;
function ip(from, to, protocol, payload, fragment = 0) {
    listed.address.add(from).add(to);
    if (from.includes(':'))
        return join(number(0x60000000, 4), number(payload.length, 2), number(protocol, 1), number(64, 1),
            addressBytes(from), addressBytes(to), payload);
    return join(number(0x4500, 2), number(20 + payload.length, 2), number(identification, 2), number(fragment, 2),
        number(64, 1), number(protocol, 1), number(0, 2), addressBytes(from), addressBytes(to), payload);
}

const udp = (from, to, payload) => join(number(from[1], 2), number(to[1], 2), number(8 + payload.length, 2), number(0, 2), payload);

function datagram(from, to, payload) {
    identification += 1;
    shoot(ip(from[0], to[0], 17, udp(from, to, payload)));
}

// A connection: says what is given, a string from the client, a number of bytes or { answer } from the server.
function connection(client, server, ...said) {
    const next = [1000, 5000];
    const segment = (end, flags, payload) => {
        const [from, to] = end ? [server, client] : [client, server];
        const header = join(number(from[1], 2), number(to[1], 2), number(next[end], 4),
            number(flags & 16 ? next[1 - end] : 0, 4), number(0x5000 | flags, 2), number(65535, 2), Buffer.alloc(4));
        identification += 1;
        shoot(ip(from[0], to[0], 6, join(header, payload)));
        next[end] += payload.length + (flags & 3 ? 1 : 0);
    };
    segment(0, 2, Buffer.alloc(0));
    segment(1, 18, Buffer.alloc(0));
    for (const what of said) {
        if (typeof what === 'number') segment(1, 16, records(what));
        else if (what.answer) segment(1, 16, join(what.answer));
        else segment(0, 16, join(what));
    }
    segment(0, 17, Buffer.alloc(0));
    segment(1, 17, Buffer.alloc(0));
}

// -- What they carry ----------------------------------------------------------------------------------

const record = (size) => join(number(0x17, 1), number(0x0303, 2), number(size, 2), Buffer.alloc(size, 0xa5));
const records = (size) => record(size - 5);

function clientHello(name) {
    const server = name ? join(number(0, 2), sized(2, sized(2, number(0, 1), sized(2, name)))) : Buffer.alloc(0);
    const random = Buffer.alloc(32, frames.length + 1);
    const body = join(number(0x0303, 2), random, number(0, 1), sized(2, number(0x1301, 2)), number(0x0100, 2), sized(2, server));
    return join(number(1, 1), number(body.length, 3), body);
}

const tlsHello = (name) => join(number(0x16, 1), number(0x0301, 2), sized(2, clientHello(name)));

const dnsLabels = (name) => join(...name.split('.').map((label) => sized(1, label)), number(0, 1));

const dnsQuestion = (name) => join(number(0x1d5a0100, 4), number(0x00010000, 4), number(0, 4), dnsLabels(name), number(0x00010001, 4));

function dnsAnswer(name, address) {
    const labels = dnsLabels(name);
    return join(number(0x1d5a8180, 4), number(0x00010001, 4), number(0, 4), labels, number(0x00010001, 4),
        number(0xc00c, 2), number(0x00010001, 4), number(300, 4), sized(2, addressBytes(address)));
}

// HKDF-Expand-Label of one block (RFC 8446, 7.1).
function expand(secret, label, size) {
    const info = join(number(size, 2), sized(1, 'tls13 ', label), number(0, 1), number(1, 1));
    return createHmac('sha256', secret).update(info).digest().subarray(0, size);
}

// RFC 9001, 5.
function quicInitial(name) {
    const id = Buffer.from('8394c8f03e515708', 'hex');
    const hello = clientHello(name);
    const plain = Buffer.concat([number(6, 1), number(0, 1), number(0x4000 | hello.length, 2), hello, Buffer.alloc(1162)], 1162);
    const header = join(number(0xc3, 1), number(1, 4), sized(1, id), number(0, 2), number(0x4000 | (plain.length + 20), 2), number(0, 4));
    const initial = createHmac('sha256', Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex')).update(id).digest();
    const secret = expand(initial, 'client in', 32);
    const seal = createCipheriv('aes-128-gcm', expand(secret, 'quic key', 16), expand(secret, 'quic iv', 12)).setAAD(header);
    const sealed = join(seal.update(plain), seal.final(), seal.getAuthTag());
    const mask = createCipheriv('aes-128-ecb', expand(secret, 'quic hp', 16), null).update(sealed.subarray(0, 16));
    header[0] ^= mask[0] & 0x0f;
    for (let i = 0; i < 4; i++) header[header.length - 4 + i] ^= mask[1 + i];
    return join(header, sealed);
}

// -- The scenes ---------------------------------------------------------------------------------------

const exchange = ['', 2000, 2000].map((what) => (what === '' ? record(900) : what));

let client = ['198.51.100.21', 51001];
const asked = listName('anne-leroy.chatgpt.com');
datagram([client[0], 40001], ['192.0.2.53', 53], dnsQuestion(asked));
datagram(['192.0.2.53', 53], [client[0], 40001], dnsAnswer(asked, '203.0.113.71'));
connection(client, ['203.0.113.71', 443], tlsHello(''), ...exchange);

client = ['2001:db8:3::77', 51002];
datagram(client, ['2001:db8:9::78', 443], quicInitial(listName('bruno-morel.chatgpt.com')));
for (let i = 0; i < 5; i++) datagram(['2001:db8:9::78', 443], client, Buffer.alloc(1000, 0x41 + i));

client = ['198.51.100.22', 51003];
connection(client, ['203.0.113.72', 3128],
    `CONNECT ${listName('chloe-simon.chatgpt.com')}:443 HTTP/1.1\r\nProxy-Authorization: Basic ${listName('Y2hsb2U6c2VjcmV0')}\r\n\r\n`,
    tlsHello(''), ...exchange);

listed.address.add('198.51.100.23');
connection(['198.51.100.24', 51004], ['203.0.113.73', 443],
    'PROXY TCP4 198.51.100.23 203.0.113.73 51000 443\r\n', tlsHello(listName('denis-roux.chatgpt.com')), ...exchange);

connection(['198.51.100.25', 51005], ['203.0.113.74', 8080],
    `POST /${listName('emma-blanc')} HTTP/1.1\r\nHost: ${listName('emma.chatgpt.com')}\r\n\r\n`, ...exchange);

// What a local server is asked and answers, with somebody in every place where one could be.
listed.address.add('198.51.100.28').add('198.51.100.29');
const prompt = JSON.stringify({ model: listName('gaelle-petit-8b'), user: listName('gaelle.petit'),
    messages: [{ role: 'user', content: listName('lettre-de-gaelle') }] });
const told = JSON.stringify({ id: listName('gaelle-id-4711'), model: 'gaelle-petit-8b',
    choices: [{ message: { content: listName('reponse-a-gaelle') } }], usage: { prompt_tokens: 47, completion_tokens: 11 } });
connection(['198.51.100.27', 51007], ['198.51.100.30', 8000],
    `POST /${listName('chez-gaelle')}/v1/chat/completions?${listName('q-gaelle')} HTTP/1.1\r\nHost: ${listName('gaelle.example')}\r\n` +
    `X-Forwarded-For: 198.51.100.28, 198.51.100.29\r\nX-Direction: ${listName('dir-gaelle')}\r\n` +
    `Authorization: Bearer ${listName('sk-gaelle-0001')}\r\nX-OpenWebUI-User-Email: ${listName('gaelle@petit')}\r\n` +
    `Content-Length: ${prompt.length}\r\n\r\n${prompt}`,
    { answer: `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: ${listName('serveur-gaelle')}\r\n` +
        `Content-Length: ${told.length}\r\n\r\n${told}` });

client = ['198.51.100.26', 51006];
const whole = udp(client, ['203.0.113.75', 443], quicInitial(listName('fanny-garnier.chatgpt.com')));
identification += 1;
shoot(ip(client[0], '203.0.113.75', 17, whole.subarray(0, 640), 0x2000));
shoot(ip(client[0], '203.0.113.75', 17, whole.subarray(640), 640 / 8));

const little = (value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
};
writeFileSync(process.argv[2], join(
    Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'),
    ...frames.map(({ at, bytes }) =>
        join(little(START_S + Math.floor(at / 1e6)), little(at % 1e6), little(bytes.length), little(bytes.length), bytes))));
for (const [kind, values] of Object.entries(listed)) for (const value of values) console.log(`${kind} ${value}`);
