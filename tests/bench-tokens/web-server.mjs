/* The web applications: web-server.mjs CERTIFICATES TRUTH ADDRESS... Over TLS on port 443 of each ADDRESS (HTTP/2,
 * HTTP/1.1 for WebSocket), and in clear on 127.0.0.1:8080 for the proxy that speaks HTTP/3. TRUTH has the format of
 * lib-truth.mjs; event "transfer" is a file, a picture or sound (modality, bytes_in, bytes_out); "person" says whose a
 * connection is. Of others, only WebSockets stand in it; pages, polls and beacons do not.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { answer, Chance, countTokens, statistics } from './lib-text.mjs';
import { now, TruthLog } from './lib-truth.mjs';
import { assistant, chatgpt, claude, copilot, deepseek, gemini, grok, grokFrame, imaging, lechat, m365, m365Frame, perplexity, speech } from './web-streams.mjs';
import { accept } from './web-socket.mjs';

const [certificates, truth, ...addresses] = process.argv.slice(2);
const log = new TruthLog(truth);
const plain = (address) => address.replace(/^::ffff:/, '');
const page = readFileSync(new URL('pages/chat.js', import.meta.url));

/* Which application a name is, the certificate that it has, and where prompts go. */
const HOSTS = {
    'chatgpt.com': { service: 'chatgpt-web', prompt: '/backend-api/f/conversation', stream: chatgpt, tokenizer: 'o200k' },
    'ws.chatgpt.com': { service: 'chatgpt-web', certificate: 'chatgpt.com' },
    'ab.chatgpt.com': { service: 'chatgpt-web', certificate: 'chatgpt.com' },
    'files.oaiusercontent.com': { service: 'chatgpt-web' },
    'sdmntprwestus.oaiusercontent.com': { service: 'chatgpt-web' },
    'lh3.googleusercontent.com': { service: 'gemini-web' },
    'claude.ai': { service: 'claude-web', prompt: '/api/completion', stream: claude, tokenizer: 'claude', encoding: 'gzip' },
    'gemini.google.com': { service: 'gemini-web', prompt: '/_/BardChatUi/data/StreamGenerate', stream: gemini, tokenizer: 'gemini', encoding: 'gzip' },
    'copilot.microsoft.com': { service: 'copilot-web', stream: copilot, tokenizer: 'o200k' },
    'chat.mistral.ai': { service: 'mistral-web', prompt: '/api/chat', stream: lechat, tokenizer: 'mistral' },
    'chat.deepseek.com': { service: 'deepseek-web', prompt: '/api/v0/chat/completion', stream: deepseek, tokenizer: 'deepseek' },
    'www.perplexity.ai': { service: 'perplexity-web', prompt: '/rest/sse/perplexity_ask', stream: perplexity, tokenizer: 'o200k' },
    'grok.com': { service: 'grok-web', tokenizer: 'o200k' },
    'assistant.numerique.gouv.fr': { service: 'albert-chat', prompt: '/api/v1.0/chats/c/conversation/', stream: assistant, tokenizer: 'mistral' },
    'm365.cloud.microsoft': { service: 'copilot-m365' },
    'substrate.svc.cloud.microsoft': { service: 'copilot-m365', tokenizer: 'o200k' },
};

const contexts = new Map(Object.entries(HOSTS).filter(([name, { certificate = name }]) => existsSync(`${certificates}/${certificate}.pem`)).map(([name, { certificate = name }]) => [name, createSecureContext({
    cert: readFileSync(`${certificates}/${certificate}.pem`), key: readFileSync(`${certificates}/${certificate}.key`),
})]));
/* Who asks: of the proxy's requests, what it says of its own clients (as in lib-server.mjs). */
function origin(request) {
    const { headers, socket } = request;
    const sni = (headers[':authority'] ?? headers.host).replace(/:\d+$/, '');
    if (headers['x-bench-port'])
        return { sni, client: headers['x-bench-address'], client_port: Number(headers['x-bench-port']), transport: 'h3' };
    return {
        sni, client: plain(socket.remoteAddress), client_port: socket.remotePort,
        transport: request.httpVersionMajor === 2 ? 'h2' : 'h1',
    };
}

/* Of one exchange, what is true of it; END writes it down. */
function exchange(place, fields) {
    const { service } = HOSTS[place.sni];
    const entry = { event: 'exchange', start: now(), service, ...place, tokens_in: 0, tokens_out: 0, status: 200, modality: 'text', aborted: false, ...fields };
    return { entry, end: () => log.write({ ...entry, end: now() }) };
}

const furniture = (chance, type) => ({
    'content-type': type, date: new Date().toUTCString(), server: 'cloudflare', 'cf-ray': `${chance.hex(16)}-CDG`,
    'strict-transport-security': 'max-age=31536000; includeSubDomains; preload', 'x-content-type-options': 'nosniff',
    'x-request-id': chance.uuid(), 'cf-cache-status': 'DYNAMIC', 'access-control-allow-origin': '*',
});

/* Writes a stream until it ends or nobody listens. */
async function play(stream, { entry, end }, write, gone) {
    for await (const { wait, data, tokens: count } of stream) {
        if (wait > 2) await sleep(wait);
        if (gone()) break;
        write(data);
        entry.tokens_out += count;
    }
    if (gone()) entry.aborted = true;
    end();
}

/* The pieces of an answer, and how many tokens a prompt is, as the model of the service cuts them. */
const pieces = (chance, { tokenizer }, { tokens, language }) => answer(chance, tokens, tokenizer, language);
const promptTokens = ({ tokenizer }, prompt, { language }) => countTokens(prompt, tokenizer, language);

/* A prompt: what the browser wants of it is in body.bench, so that one seed decides everything. */
async function infer(request, response, raw, place) {
    const host = HOSTS[place.sni];
    const { prompt, bench } = JSON.parse(raw);
    const chance = new Chance(`${bench.seed}`);
    const work = exchange(place, { tokens_in: promptTokens(host, prompt, bench), modality: bench.modality ?? 'text', regime: bench.regime, packed: bench.packed });
    let gone = false;
    response.on('close', () => { gone = true; });
    if (bench.fail > 0) {
        await sleep(chance.between(80, 600));
        Object.assign(work.entry, { event: 'other', status: bench.fail });
        response.writeHead(bench.fail, furniture(chance, 'application/json'));
        response.end(JSON.stringify({ detail: { code: 'rate_limited', message: chance.letters(180) } }));
        return work.end();
    }
    const encoding = host.encoding ?? (bench.packed ? 'gzip' : undefined);
    response.writeHead(200, {
        ...furniture(chance, 'text/event-stream; charset=utf-8'), 'cache-control': 'no-cache', ...(encoding ? { 'content-encoding': encoding } : {}),
    });
    const stream = bench.modality === 'image' ? imaging(chance, host.service) : host.stream(chance, pieces(chance, host, bench), bench);
    await play(stream, work, (data) => response.write(data), () => gone);
    response.end();
}

/* Files, pictures and sound: ?modality= says what, ?bytes= how much comes back. */
async function transfer(request, response, raw, place, query) {
    const chance = new Chance(request.url);
    const modality = query.get('modality');
    const bytes = Number(query.get('bytes') ?? 0);
    const work = exchange(place, { event: 'transfer', modality, bytes_in: raw.length, bytes_out: bytes });
    await sleep(chance.between(100, 500));
    response.writeHead(200, furniture(chance, 'application/octet-stream'));
    if (query.has('paced')) {
        let gone = false;
        response.on('close', () => { gone = true; });
        await play(speech(chance, bytes), work, (data) => response.write(data), () => gone);
        return response.end();
    }
    response.end(bytes ? noise(bytes) : JSON.stringify({ id: chance.uuid(), text: chance.letters(120) }));
    return work.end();
}

/* Bytes that do not compress, made once: assets are many megabytes. */
const pool = Buffer.from(new Chance('assets').letters(1 << 20));
function noise(bytes) {
    const parts = [];
    for (let left = bytes; left > 0; left -= pool.length) parts.push(pool.subarray(0, Math.min(left, pool.length)));
    return Buffer.concat(parts);
}

/* Pages, assets, telemetry, polls: ?bytes=N asks for so many, ?wait= keeps the caller so long, ?parts= has it said in so many. */
async function furnish(request, response, query) {
    const chance = new Chance(request.url);
    const bytes = Number(query.get('bytes') ?? 0);
    if (query.has('wait')) await sleep(Number(query.get('wait')));
    const caching = query.has('asset') ? 'public, max-age=31536000, immutable' : 'no-store';
    response.writeHead(bytes ? 200 : 204, { ...furniture(chance, 'application/octet-stream'), 'cache-control': caching });
    for (let left = Number(query.get('parts') ?? 1) - 1; left > 0; left--) {
        response.write(noise(400));
        await sleep(chance.between(50, 400));
    }
    response.end(noise(bytes));
}

function html(response, chance, bytes) {
    const cookies = ['__Secure-session', 'cf_clearance', 'oai-did', '__cf_bm'].map((name, i) =>
        `${name}=${chance.letters([1100, 420, 36, 140][i])}; path=/; Secure; HttpOnly; SameSite=Lax`);
    response.writeHead(200, { ...furniture(chance, 'text/html; charset=utf-8'), 'set-cookie': cookies, 'cache-control': 'no-store' });
    response.end(`<!doctype html><title>loading</title><link rel=icon href=data:,><script src=/assets/chat.js defer></script><!-- ${noise(bytes)} -->`);
}

const known = new Set();
/* Once for each connection. */
function tellPerson({ sni, client, client_port, transport }, person) {
    const connection = `${transport} ${sni} ${client_port}`;
    if (!person || known.has(connection)) return;
    known.add(connection);
    log.write({ event: 'person', person, sni, client, client_port, transport });
}

async function handle(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const raw = Buffer.concat(parts);
    const place = origin(request);
    const url = new URL(request.url, 'https://bench');
    const host = HOSTS[place.sni];
    tellPerson(place, url.searchParams.get('person'));
    if (!host) throw new Error(`no ${place.sni} here`);
    if (url.pathname === '/assets/chat.js') {
        response.writeHead(200, { 'content-type': 'text/javascript', 'cache-control': 'max-age=3600' });
        return response.end(page);
    }
    if (url.pathname === '/') return html(response, new Chance(`${place.client_port} ${place.sni}`), Number(url.searchParams.get('page') ?? 60000));
    if (url.pathname === host.prompt && request.method === 'POST') return infer(request, response, raw, place);
    if (url.searchParams.has('modality')) return transfer(request, response, raw, place, url.searchParams);
    return furnish(request, response, url.searchParams);
}

const answerTo = (request, response) => handle(request, response).catch((error) => {
    if (error.code !== 'ECONNRESET' && error.code !== 'ABORT_ERR') console.error(`${request.url}: ${error.stack}`);
    response.destroy?.();
});

/* ws.chatgpt.com: nothing but signs of life. */
function murmur(socket) {
    const chance = new Chance('murmur');
    const timer = setInterval(() => (socket.open() ? socket.send(JSON.stringify({ type: 'pong', id: chance.hex(24) })) : clearInterval(timer)), 11000);
}

/* copilot.microsoft.com: everything about a conversation goes over one socket. */
function converse(place, socket) {
    const host = HOSTS[place.sni];
    let stopped = false;
    return async (text) => {
        const message = JSON.parse(text);
        if (message.event === 'stop') stopped = true;
        if (message.event === 'ping') socket.send(JSON.stringify({ event: 'pong', id: message.id }));
        if (message.event === 'typeahead') {
            const chance = new Chance(message.text);
            await sleep(chance.between(30, 120));
            socket.send(JSON.stringify({ event: 'suggestions', requestId: message.requestId, items: [chance.letters(chance.between(40, 400))] }));
        }
        if (message.event !== 'send') return;
        stopped = false;
        const { bench } = message;
        const prompt = message.content[0].text;
        const chance = new Chance(`${bench.seed}`);
        const work = exchange(place, { tokens_in: promptTokens(host, prompt, bench), modality: bench.modality ?? 'text' });
        socket.send(JSON.stringify({ event: 'received', conversationId: message.conversationId, messageId: chance.letters(22), createdAt: new Date().toISOString() }));
        if (bench.fail > 0) {
            await sleep(chance.between(80, 600));
            Object.assign(work.entry, { event: 'other', status: bench.fail });
            socket.send(JSON.stringify({ event: 'error', errorCode: 'throttled', id: chance.letters(22) }));
            return work.end();
        }
        const stream = bench.modality === 'image' ? imaging(chance, 'copilot-web') : copilot(chance, pieces(chance, host, bench));
        await play(stream, work, (data) => socket.send(data), () => stopped || !socket.open());
        socket.send(JSON.stringify({ event: 'idle' }));
    };
}

/* grok.com: as an interface for speech; what is said goes over one socket, in each tab. */
function gateway(place, socket) {
    const host = HOSTS[place.sni];
    let [prompt, stopped] = ['', false];
    return async (text) => {
        const { session_id: session, event, bench } = JSON.parse(text);
        const chance = new Chance(`${bench?.seed ?? session} ${event.type}`);
        const frame = grokFrame(chance, session);
        if (event.type === 'ping') socket.send(frame('pong', {}));
        if (event.type === 'response.cancel') stopped = true;
        if (event.type === 'session.create') {
            socket.send(frame('session.created', { session: { id: session, fields: chance.letters(400) } }));
            socket.send(frame('conversation.attached', { conversation: { id: session, object: 'realtime.conversation' }, mode: 'new' }));
        }
        if (event.type === 'conversation.item.create') {
            prompt = event.item.x_grok.input_chunks[0].text.text;
            socket.send(frame('conversation.item.added', { item: { ...event.item, id: chance.uuid() } }));
        }
        if (event.type !== 'response.create') return;
        stopped = false;
        const work = exchange(place, { tokens_in: promptTokens(host, prompt, bench) });
        if (bench.fail > 0) {
            await sleep(chance.between(80, 600));
            Object.assign(work.entry, { event: 'other', status: bench.fail });
            socket.send(frame('response.done', { response: { status: 'failed', status_details: { reason: 'stream_error' } } }));
            return work.end();
        }
        await play(grok(chance, pieces(chance, host, bench), frame), work, (data) => socket.send(data), () => stopped || !socket.open());
        socket.send(frame('conversation.queue.updated', {}));
    };
}

/* substrate.svc.cloud.microsoft: SignalR, messages that end with a separator; one prompt a socket. */
const SEPARATOR = '\x1e';
function chathub(place, socket) {
    const host = HOSTS[place.sni];
    let spoke = now();
    const say = (message) => {
        spoke = now();
        socket.send(JSON.stringify(message) + SEPARATOR);
    };
    const ping = setInterval(() => {
        if (!socket.open()) clearInterval(ping);
        else if (now() - spoke > 15) say({ type: 6 });
    }, 1000);
    const chat = async ({ message, bench }) => {
        const chance = new Chance(`${bench.seed}`);
        const work = exchange(place, { tokens_in: promptTokens(host, message.text, bench) });
        const update = m365Frame(chance);
        if (bench.fail > 0) {
            await sleep(chance.between(80, 600));
            Object.assign(work.entry, { event: 'other', status: bench.fail });
            say(update({ throttling: { maxNumUserMessagesInConversation: 600, numUserMessagesInConversation: 1 } }));
            say({ type: 2, invocationId: '0', item: { result: { value: 'Throttled', message: chance.letters(120), serviceVersion: chance.letters(20) } } });
            say({ type: 3, invocationId: '0' });
            return work.end();
        }
        await play(m365(chance, pieces(chance, host, bench), update, message.text), work, say, () => !socket.open());
        if (socket.open()) say({ type: 3, invocationId: '0' });
    };
    return async (text) => {
        for (const message of text.split(SEPARATOR).filter(Boolean).map((part) => JSON.parse(part))) {
            if (message.protocol) say({});
            if (message.target === 'chat') await chat(message.arguments[0]);
        }
    };
}

const SOCKETS = { 'substrate.svc.cloud.microsoft': chathub, 'copilot.microsoft.com': converse, 'grok.com': gateway };
function upgrade(request, tls, head) {
    const opened = now();
    let receive = () => {};
    const packed = new URL(request.url, 'https://bench').searchParams.has('packed');
    const socket = accept(request, tls, head, { receive: (text) => receive(text), closed: () => {}, packed });
    const place = { ...origin(request), transport: socket.packed ? 'ws, packed' : 'ws' };
    log.write({ event: 'connection', opened, service: HOSTS[place.sni].service, ...place });
    if (place.sni in SOCKETS) receive = SOCKETS[place.sni](place, socket);
    else murmur(socket);
}

function listen(address) {
    const server = createSecureServer({
        allowHTTP1: true, minVersion: 'TLSv1.3',
        SNICallback: (name, done) => done(contexts.has(name) ? null : new Error(`no ${name} here`), contexts.get(name)),
    });
    server.on('connection', (socket) => socket.setNoDelay(true));
    server.on('request', answerTo);
    server.on('upgrade', upgrade);
    server.on('sessionError', () => {}); // browsers leave as they please
    server.on('tlsClientError', (error) => { if (error.code !== 'ECONNRESET') console.error(`TLS: ${error.message}`); });
    return new Promise((done) => server.listen(443, address, done));
}

process.on('SIGTERM', () => process.exit(0));
statistics(); // cuts the texts now: it takes seconds, in which nobody would be served
await Promise.all(addresses.map(listen));
await new Promise((done) => createServer(answerTo).listen(8080, '127.0.0.1', done));
console.log('listening');
