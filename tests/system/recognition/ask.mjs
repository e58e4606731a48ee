/* ask.mjs FROM SERVER udp|tcp TYPE NAME...: asks the DNS from address FROM, and prints the addresses
 * that it is told, those of HTTPS records included, one a line. SPDX-License-Identifier: GPL-3.0-or-later */
import dgram from 'node:dgram';
import net from 'node:net';

const [from, server, transport, type, ...names] = process.argv.slice(2);
const TYPES = { A: 1, CNAME: 5, AAAA: 28, HTTPS: 65 };

function question(name) {
    const labels = name.split('.').map((label) => Buffer.from(String.fromCharCode(label.length) + label));
    const header = Buffer.from('000001000001000000000000', 'hex');
    header.writeUInt16BE(1 + Math.floor(Math.random() * 65535));
    return Buffer.concat([header, ...labels, Buffer.from([0, 0, TYPES[type], 0, 1])]);
}

const short = (bytes) => bytes.toString('hex').match(/..../g).join(':');
/* Past a name, be it compressed or not. */
function skip(bytes, at) {
    while (bytes[at] > 0 && bytes[at] < 192) at += 1 + bytes[at];
    return at + (bytes[at] ? 2 : 1);
}

function* hints(data) { // RFC 9460, 2.2: priority, target, then keys and values
    for (let at = skip(data, 2); at < data.length;) {
        const [key, length] = [data.readUInt16BE(at), data.readUInt16BE(at + 2)];
        if (key === 4) yield data.subarray(at + 4, at + 8).join('.');
        at += 4 + length;
    }
}

function* addresses(answer) {
    if (answer[3] & 15) throw new Error(`${names}: the DNS says ${answer[3] & 15}`);
    let at = skip(answer, 12) + 4;
    for (let i = answer.readUInt16BE(6); i > 0; i--) {
        at = skip(answer, at);
        const [kind, length] = [answer.readUInt16BE(at), answer.readUInt16BE(at + 8)];
        const data = answer.subarray(at + 10, at + 10 + length);
        if (kind === TYPES.A) yield data.join('.');
        if (kind === TYPES.AAAA) yield short(data);
        if (kind === TYPES.HTTPS) yield* hints(data);
        at += 10 + length;
    }
}

function askUdp() {
    const socket = dgram.createSocket(net.isIPv6(from) ? 'udp6' : 'udp4');
    return new Promise((done) => {
        const answers = [];
        socket.on('message', (bytes) => answers.push(bytes) === names.length && done(answers));
        socket.bind(0, from, () => names.forEach((name) => socket.send(question(name), 53, server)));
    }).finally(() => socket.close());
}

function askTcp() { // all in one segment, each after its length (RFC 7766, 8)
    const socket = net.connect({ host: server, port: 53, localAddress: from });
    socket.write(Buffer.concat(names.map(question).flatMap((bytes) => [Buffer.from([0, bytes.length]), bytes])));
    return new Promise((done) => {
        let bytes = Buffer.alloc(0);
        const answers = [];
        socket.on('data', (part) => {
            bytes = Buffer.concat([bytes, part]);
            for (let size; bytes.length > 2 && bytes.length >= (size = 2 + bytes.readUInt16BE(0)); bytes = bytes.subarray(size))
                answers.push(bytes.subarray(2, size));
            if (answers.length === names.length) done(answers);
        });
    }).finally(() => socket.end());
}

setTimeout(() => { console.error('the DNS does not answer'); process.exit(1); }, 5000).unref();
for (const answer of await (transport === 'tcp' ? askTcp() : askUdp()))
    for (const address of addresses(answer)) console.log(address);
