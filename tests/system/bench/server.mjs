/* The services: server.mjs CERTIFICATES LOG. Listens on port 443, every address; tells the services
 * apart by server name. LOG receives one JSON object per inference request and per connection: the
 * truth. Byte counts are those of the TCP socket under TLS, so they can be compared with a capture
 * to the byte. SPDX-License-Identifier: GPL-3.0-or-later */
import { appendFileSync, readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { services } from './services.mjs';
import { answer, Chance, tokens } from './text.mjs';

const [certificates, log] = process.argv.slice(2);
const record = (entry) => appendFileSync(log, JSON.stringify(entry) + '\n');
const plain = (address) => address.replace(/^::ffff:/, '');

const contexts = new Map(Object.entries(services).map(([name, { certificate = name }]) =>
    [name, createSecureContext({
        cert: readFileSync(`${certificates}/${certificate}.pem`),
        key: readFileSync(`${certificates}/${certificate}.key`),
    })]));

const server = createSecureServer({
    allowHTTP1: true, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3',
    SNICallback: (name, done) => done(contexts.has(name) ? null : new Error(`no ${name} here`), contexts.get(name)),
});

const connections = new Map(); // by client address and port
let opened = 0;
const keyOf = (socket) => `${socket.remoteAddress} ${socket.remotePort}`;

server.on('connection', (socket) => { // the TCP socket: TLS has not begun
    socket.setNoDelay(true);
    const connection = {
        event: 'connection', opened: Date.now() / 1000, client: plain(socket.remoteAddress),
        client_port: socket.remotePort, server: plain(socket.localAddress), number: ++opened,
    };
    connections.set(keyOf(socket), connection);
    socket.on('close', () => record({
        ...connection, closed: Date.now() / 1000,
        bytes_up: socket.bytesRead, bytes_down: socket.bytesWritten,
    }));
});

server.on('secureConnection', (socket) =>
    Object.assign(connections.get(keyOf(socket)), { sni: socket.servername, alpn: socket.alpnProtocol }));

/* Headers of a usual front: their size counts, their content does not. */
const furnitureHeaders = (chance, type) => ({
    'content-type': type, date: new Date().toUTCString(), server: 'cloudflare',
    'cf-ray': `${chance.hex(16)}-CDG`, 'cf-cache-status': 'DYNAMIC',
    'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
    'x-content-type-options': 'nosniff', 'x-request-id': `req_${chance.hex(32)}`,
    'alt-svc': 'clear',
    'set-cookie': `__cf_bm=${chance.letters(43)}-${chance.below(2e9)}-1.0.1.1-${chance.letters(86)}; path=/; HttpOnly; Secure; SameSite=None`,
});
const limitHeaders = (chance) => ({
    'access-control-expose-headers': 'X-Request-ID', 'openai-processing-ms': chance.between(200, 900),
    'x-ratelimit-limit-requests': 10000, 'x-ratelimit-limit-tokens': 2000000,
    'x-ratelimit-remaining-requests': 9999, 'x-ratelimit-remaining-tokens': 1999000 + chance.below(1000),
    'x-ratelimit-reset-requests': '6ms', 'x-ratelimit-reset-tokens': '1ms',
});

const textOf = (body) => (body.messages ?? [{ content: body.prompt ?? '' }])
    .map((message) => message.content).join('\n');

async function infer(request, response, service, raw, connection) {
    const body = JSON.parse(raw);
    body.promptTokens = tokens(textOf(body)).length;
    const chance = new Chance(raw);
    const pieces = answer(chance, body.max_tokens);
    const whole = service.whole && body.stream === false;
    const entry = {
        event: 'request', time: Date.now() / 1000, sni: connection.sni, service: service.id,
        path: request.url, client: connection.client, connection: connection.number,
        http: request.httpVersion, kind: whole ? 'whole' : 'stream', prompt_tokens: body.promptTokens,
        completion_tokens: pieces.length, request_body_bytes: raw.length,
    };
    const type = whole ? 'application/json' : 'text/event-stream; charset=utf-8';
    response.writeHead(200, {
        ...furnitureHeaders(chance, type), ...(service.path.startsWith('/v1') ? limitHeaders(chance) : {}),
        'cache-control': 'no-cache, must-revalidate',
        ...(service.encoding ? { 'content-encoding': service.encoding } : {}),
    });
    for await (const [wait, text] of (whole ? service.whole : service.stream)(chance, pieces, body)) {
        await sleep(wait);
        response.write(text);
    }
    response.end();
    record(entry);
}

/* Pages, telemetry, sentinel: "?bytes=N" asks for N bytes that do not compress. */
function furnish(request, response, raw) {
    const bytes = Number(new URL(request.url, 'https://bench').searchParams.get('bytes') ?? 0);
    const chance = new Chance(request.url + raw.length);
    response.writeHead(bytes ? 200 : 204, furnitureHeaders(chance, 'application/octet-stream'));
    response.end(Buffer.from(chance.letters(bytes)));
}

server.on('request', async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const raw = Buffer.concat(parts);
    const connection = connections.get(keyOf(request.socket));
    const service = services[connection.sni];
    const path = request.url.replace(/\?.*/, '');
    if (service.path === path && request.method === 'POST')
        await infer(request, response, service, raw, connection);
    else
        furnish(request, response, raw);
});

server.on('sessionError', (error) => console.error(`session: ${error.message}`));
server.on('tlsClientError', (error) => console.error(`TLS: ${error.message}`));
process.on('SIGTERM', () => process.exit(0));
server.listen(443, '::', () => console.log('listening'));
