/* The services: servers.mjs CERTIFICATES LOG. TLS on several ports, one of them behind the PROXY
 * protocol, and HTTP in clear. Every request gets a streamed answer. LOG receives one JSON object per
 * request and per connection, with the bytes of its TCP socket: the truth. On SIGUSR1, what was
 * logged and carried so far is forgotten, for a meter that begins now. SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { ACCEPT_PROXY, ALBERT, nameAt, plain, PROXY, recorder, services, take } from './names.mjs';

const [certificates, log] = process.argv.slice(2);
const record = recorder(log);
const files = (name) => ({
    key: readFileSync(`${certificates}/${name}.key`), cert: readFileSync(`${certificates}/${name}.pem`),
});
const contexts = Object.fromEntries(Object.keys(services).map((name) => [name, createSecureContext(files(name))]));

const open = new Map(); // connections by client address and port
const keyOf = (socket) => `${socket.remoteAddress} ${socket.remotePort}`;

function watch(socket) {
    const connection = {
        event: 'connection', client: plain(socket.remoteAddress), name: nameAt(socket.localAddress), up: 0, down: 0, socket,
    };
    open.set(keyOf(socket), connection);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
        const { up, down, client, name } = connection;
        if (client !== PROXY) // else the proxy's log has the client's side of it
            record({ event: 'connection', client, name, up: socket.bytesRead - up, down: socket.bytesWritten - down });
    });
    return connection;
}

async function answer(request, response) {
    for await (const part of request) part;
    const connection = open.get(keyOf(request.socket));
    const client = request.headers['x-client'] ?? connection.client;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    for (let i = 0; i < 24; i++) {
        response.write(`data: {"delta":"${String(i % 10).repeat(300)}"}\n\n`);
        await sleep(15);
    }
    record({ event: 'request', client, name: connection.name });
    response.end('data: [DONE]\n\n');
}

/* The one RSA certificate goes to who names nobody: of one kind, node would keep it for everybody. */
const secure = https.createServer({
    ...files(ALBERT), SNICallback: (name, done) => done(null, contexts[name]),
}, answer);
secure.keepAliveTimeout = 60000; // of a connection that waits for the meter
secure.on('secureConnection', (socket) => {
    const connection = open.get(keyOf(socket));
    if (services[socket.servername]) connection.name = socket.servername;
});
secure.on('tlsClientError', (error) => console.error(error.message));

/* The header of the PROXY protocol, version 1 or 2; then TLS. */
async function acceptProxy(socket) {
    const connection = watch(socket);
    const header = await take(socket, (bytes) => {
        if (bytes.length < 16) return 0;
        const length = bytes[0] === 0x0d ? 16 + bytes.readUInt16BE(14) : bytes.indexOf('\r\n') + 2;
        return length > 1 && bytes.length >= length ? length : 0;
    });
    if (!header) return;
    if (header[0] !== 0x0d) connection.client = header.toString('latin1').split(' ')[2];
    else if (header[13] >> 4 === 1) connection.client = header.subarray(16, 20).join('.');
    else connection.client = header.subarray(16, 32).toString('hex').match(/..../g).join(':')
        .replace(/\b0+(?=\w)/g, '').replace(/(:0)+:/, '::');
    secure.emit('connection', socket);
}

process.on('SIGUSR1', () => {
    record({ event: 'begin' });
    for (const connection of open.values()) {
        connection.up = connection.socket.bytesRead;
        connection.down = connection.socket.bytesWritten;
    }
});
process.on('SIGTERM', () => process.exit(0));

const clear = http.createServer(answer).on('connection', watch);
const listening = [[80, clear], [ACCEPT_PROXY, net.createServer(acceptProxy)]];
for (const port of [443, 853, 4433, 8080])
    listening.push([port, net.createServer((socket) => { watch(socket); secure.emit('connection', socket); })]);
await Promise.all(listening.map(([port, server]) => new Promise((done) => server.listen(port, '::', done))));
console.log('listening');
