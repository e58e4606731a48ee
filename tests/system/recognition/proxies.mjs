/* What stands between clients and services: proxies.mjs LOG. An HTTP proxy that asks for a password
 * (3128), SOCKS 4a and 5 (1080), and load balancers that speak the PROXY protocol, version 1 (8001) and
 * 2 (8002). LOG receives one JSON object per connection from a client of the proxies.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import net from 'node:net';
import { ACCEPT_PROXY, addressOf, nameAt, OPENAI, ALBERT, past, plain, PROXY, recorder, take } from './names.mjs';

const record = recorder(process.argv[2]);

/* Joins SOCKET to a service at ADDRESS, after HEADER went there and REPLY back. */
function join(socket, address, port, reply, header = '') {
    const server = net.connect({ host: address, port, localAddress: PROXY, noDelay: true }, () => {
        server.write(header);
        socket.write(reply);
        socket.pipe(server).pipe(socket);
    });
    server.on('error', () => socket.destroy());
}

function watch(socket, address) {
    const entry = { event: 'connection', client: plain(socket.remoteAddress), name: nameAt(address) };
    socket.on('close', () => record({ ...entry, up: socket.bytesRead, down: socket.bytesWritten }));
}

/* A request without the password is refused, and the connection kept (RFC 9110, 11.7). */
async function httpProxy(socket) {
    for (;;) {
        const head = (await take(socket, past('\r\n\r\n')))?.toString('latin1');
        const [, host, port] = head?.match(/^CONNECT ([^:]+):(\d+) HTTP/) ?? [];
        if (!host) { socket.destroy(); return; }
        if (/^Proxy-Authorization: Basic /im.test(head)) {
            const address = net.isIP(host) ? host : addressOf(host);
            watch(socket, address);
            join(socket, address, Number(port), 'HTTP/1.1 200 Connection established\r\n\r\n');
            return;
        }
        const page = '<html>A password, please</html>\n';
        socket.write('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="bench"\r\n' +
            `Content-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n${page}`);
    }
}

async function socks(socket) {
    const [version] = (await take(socket, (bytes) => Math.min(1, bytes.length))) ?? [];
    if (version === 4) await socks4(socket);
    else if (version === 5) await socks5(socket);
    else socket.destroy();
}

/* RFC 1928, and 1929 for whoever offers a password. */
async function socks5(socket) {
    const methods = await take(socket, (bytes) => (bytes.length > bytes[0] ? 1 + bytes[0] : 0));
    const password = methods?.subarray(1).includes(2);
    socket.write(Buffer.from([5, password ? 2 : 0]));
    if (password) {
        const whole = (bytes) => (bytes.length > 1 && bytes.length > 2 + bytes[1] ? 3 + bytes[1] + bytes[2 + bytes[1]] : 0);
        await take(socket, (bytes) => (bytes.length >= whole(bytes) ? whole(bytes) : 0));
        socket.write(Buffer.from([1, 0]));
    }
    const length = (bytes) => (bytes[3] === 3 ? 7 + bytes[4] : 10);
    const request = await take(socket, (bytes) => (bytes.length > 4 && bytes.length >= length(bytes) ? length(bytes) : 0));
    if (!request) return;
    const address = request[3] === 3 ? addressOf(request.subarray(5, -2).toString()) : request.subarray(4, 8).join('.');
    watch(socket, address);
    join(socket, address, request.readUInt16BE(request.length - 2), Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
}

/* SOCKS 4a: the name follows the user's, each ended by a zero. */
async function socks4(socket) {
    const request = await take(socket, (bytes) => {
        const user = bytes.indexOf(0, 7);
        return user < 0 ? 0 : bytes.indexOf(0, user + 1) + 1;
    });
    if (!request) return;
    const address = addressOf(request.subarray(request.indexOf(0, 7) + 1, -1).toString());
    watch(socket, address);
    join(socket, address, request.readUInt16BE(1), Buffer.from([0, 90, 0, 0, 0, 0, 0, 0]));
}

/* Clients of the balancers are next to them: nobody else sees those connections. */
function header1(socket) {
    return `PROXY TCP4 ${socket.remoteAddress} ${socket.localAddress} ${socket.remotePort} ${socket.localPort}\r\n`;
}

function header2(socket) {
    const words = (address) => {
        const [left, right] = address.split('::').map((half) => half.split(':').filter(Boolean));
        return [...left, ...Array(8 - left.length - right.length).fill('0'), ...right].map((word) => word.padStart(4, '0')).join('');
    };
    const ports = Buffer.alloc(4);
    ports.writeUInt16BE(socket.remotePort, 0);
    ports.writeUInt16BE(socket.localPort, 2);
    return Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a21210024', 'hex'),
        Buffer.from(words(socket.remoteAddress) + words(socket.localAddress), 'hex'), ports]);
}

const balancer = (name, header) => (socket) => join(socket, addressOf(name), ACCEPT_PROXY, '', header(socket));

process.on('SIGTERM', () => process.exit(0));
const listening = [[3128, httpProxy], [1080, socks], [8001, balancer(OPENAI, header1)], [8002, balancer(ALBERT, header2)]];
await Promise.all(listening.map(([port, serve]) => new Promise((done) =>
    net.createServer((socket) => {
        socket.setNoDelay(true);
        socket.on('error', () => {});
        serve(socket);
    }).listen({ port, host: port === 8001 ? '0.0.0.0' : '::' }, done))));
console.log('listening');
