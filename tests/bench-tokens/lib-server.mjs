/* Servers on real TLS, HTTP/1.1 and HTTP/2 by ALPN, told apart by server name; optionally, in clear behind a
 * proxy that speaks HTTP/3. A host is
 *
 *     { service: 'openai-api', certificate: 'name of its file', handle: async (exchange) => {...} }
 *
 * and writes its answer through the exchange, which logs the truth. SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { Chance } from './lib-text.mjs';
import { now, TruthLog } from './lib-truth.mjs';

const plain = (address) => address.replace(/^::ffff:/, '');

/* One request and its answer. A handler reads method, path, headers, body; it calls use() when the request is use of a
 * model, then head(), send() for each piece, end(). */
export class Exchange {
    constructor(log, host, connection, request, response, body) {
        Object.assign(this, { log, host, connection, request, response, body });
        this.method = request.method;
        this.path = request.url;
        this.headers = request.headers;
        this.chance = new Chance(`${request.url} ${body}`);
        this.gone = false;   // the client has left
        this.over = false;   // all was sent
        this.owed = 0;       // milliseconds
        this.entry = {
            event: 'other', service: host.service, sni: connection.sni, transport: connection.transport,
            client: connection.client, client_port: connection.client_port, connection: connection.number,
            path: request.url.replace(/\?.*/, ''), start: now(), request_body_bytes: body.length, tokens_out: 0,
        };
        response.on('close', () => { this.gone = !this.over; });
        response.on('error', () => { this.gone = true; });
    }

    json() { return JSON.parse(this.body); }

    /* This is use of a model. MORE: dialect, tokens_in, kind, modality. */
    use(more) { Object.assign(this.entry, { event: 'exchange', kind: 'stream', modality: 'text', ...more }); }

    head(status, headers) {
        this.entry.status = status;
        if (this.gone) return;
        this.response.writeHead(status, headers);
        this.response.flushHeaders?.();
    }

    /* After WAIT milliseconds, one piece of the answer, which holds TOKENS output tokens: one write, which becomes one
     * DATA frame of HTTP/2 or one chunk. False when nobody listens any more. Parts: several pieces that are written at once,
     * each in a TLS record of its own. */
    async send(wait, parts, tokens = 0) {
        this.owed += wait; // timers know no less than a millisecond
        if (this.owed >= 1 && !this.gone) {
            await sleep(this.owed);
            this.owed = 0;
        }
        if (this.gone || this.response.destroyed) return false;
        const list = [parts].flat();
        if (this.request.httpVersionMajor === 1 && !this.response.hasHeader('content-length')) this.chunk(list);
        else list.forEach((part) => this.response.write(part));
        this.entry.tokens_out += tokens;
        return true;
    }

    /* A rate limiter says so at once, headers and body in one write; what fails later was on its way. */
    async refuse(status, headers, body) {
        if (status !== 429) {
            this.head(status, headers);
            await this.send(120, body);
            return;
        }
        this.entry.status = status;
        await sleep(20);
        if (this.gone) return;
        this.response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
        this.response.end(body);
    }

    /* As the fronts of the recordings do (openai_api_gpt4o_packets.csv): the length of a chunk is a TLS record
     * of its own (27 bytes: 22 of TLS and "25e\r\n"), and so is the end of the answer. */
    chunk(list) {
        const { socket } = this.response;
        const length = list.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
        if (!socket) return;
        socket.write(`${length.toString(16)}\r\n`);
        list.forEach((part, i) => socket.write(i + 1 < list.length ? part : Buffer.concat([Buffer.from(part), Buffer.from('\r\n')])));
    }

    /* Logs the truth, whatever became of the answer; MORE is added to it. */
    end(more = {}) {
        if (this.over) return;
        const aborted = this.gone;
        this.over = true;
        if (!aborted) this.response.end();
        this.log.write({ ...this.entry, ...more, end: now(), aborted });
    }
}

async function bodyOf(request) {
    const parts = [];
    for await (const part of request) parts.push(part);
    return Buffer.concat(parts);
}

async function serve(log, host, connection, request, response) {
    let exchange;
    request.on('error', () => {});
    try {
        const body = await bodyOf(request); // fails when the client leaves before its request is complete
        exchange = new Exchange(log, host, connection, request, response, body);
        await host.handle(exchange);
    } catch (error) {
        if (!exchange?.gone && error.code !== 'ECONNRESET') console.error(`${host.service} ${request.url}: ${error.stack}`);
    } finally {
        exchange?.end();
    }
}

/* Starts everything. ADDRESSES to listen on, port 443; CLEAR: a port of the loopback for a proxy, which tells whom it
 * stands for in the headers x-bench-address, x-bench-port and host. Resolves when all listen. */
export async function startServers({ certificates, log: path, hosts, addresses, clear }) {
    const log = new TruthLog(path);
    const context = (name) => createSecureContext({
        cert: readFileSync(`${certificates}/${name}.pem`), key: readFileSync(`${certificates}/${name}.key`),
    });
    const contexts = new Map(Object.entries(hosts).map(([name, { certificate = name }]) => [name, context(certificate)]));
    const connections = new Map(); // by address and port of the client
    const keyOf = (socket) => `${socket.remoteAddress} ${socket.remotePort}`;
    let opened = 0;

    const secure = () => {
        const server = createSecureServer({
            allowHTTP1: true, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', keepAliveTimeout: 300_000,
            settings: { maxConcurrentStreams: 128 },
            SNICallback: (name, done) => done(contexts.has(name) ? null : new Error(`no ${name} here`), contexts.get(name)),
        });
        server.on('connection', (socket) => { // TCP; TLS has not begun
            socket.setNoDelay(true);
            const connection = {
                event: 'connection', number: ++opened, client: plain(socket.remoteAddress), client_port: socket.remotePort,
                server: plain(socket.localAddress), opened: now(),
            };
            connections.set(keyOf(socket), connection);
            socket.on('error', () => {});
            socket.on('close', () => log.write({
                ...connection, closed: now(), bytes_up: socket.bytesRead, bytes_down: socket.bytesWritten,
            }));
        });
        server.on('secureConnection', (socket) => Object.assign(connections.get(keyOf(socket)), {
            sni: socket.servername, alpn: socket.alpnProtocol, transport: socket.alpnProtocol === 'h2' ? 'h2' : 'h1',
        }));
        server.on('request', (request, response) => {
            const connection = connections.get(keyOf(request.socket));
            serve(log, hosts[connection.sni], connection, request, response);
        });
        server.on('sessionError', () => {}); // clients leave as they please
        server.on('tlsClientError', (error) => { if (error.code !== 'ECONNRESET') console.error(`TLS: ${error.message}`); });
        return server;
    };
    const behind = createServer((request, response) => {
        const name = request.headers.host.replace(/:\d+$/, '');
        const client = request.headers['x-bench-address'];
        const client_port = Number(request.headers['x-bench-port']);
        if (!hosts[name]) return void response.writeHead(421).end();
        serve(log, hosts[name], { sni: name, transport: 'h3', client, client_port, number: `${client} ${client_port}` }, request, response);
    });
    const listening = (server, port, address) => new Promise((done, fail) => {
        server.on('error', fail).listen(port, address, done);
    });
    await Promise.all([...addresses.map((address) => listening(secure(), 443, address)),
        ...(clear ? [listening(behind, clear, '127.0.0.1')] : [])]);
    return log;
}

/* Headers of a usual front: their size counts, their content does not. */
export const frontHeaders = (chance, type) => ({
    'content-type': type, date: new Date().toUTCString(), server: 'cloudflare',
    'cf-ray': `${chance.hex(16)}-CDG`, 'cf-cache-status': 'DYNAMIC',
    'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
    'x-content-type-options': 'nosniff', 'x-request-id': `req_${chance.hex(32)}`, 'alt-svc': 'h3=":443"; ma=86400',
    'set-cookie': `__cf_bm=${chance.letters(43)}-${chance.below(2e9)}-1.0.1.1-${chance.letters(86)}; path=/; HttpOnly; Secure; SameSite=None`,
});
