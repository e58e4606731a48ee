/* The clients: clients.mjs SCENARIO CA DIRECTORY. Plays the scenario inside the client namespace:
 * curl for the APIs, a small HTTP/2 client for the web applications, because curl cannot pause
 * between two requests of a connection as a person does. SPDX-License-Identifier: GPL-3.0-or-later */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { services } from './services.mjs';
import { Chance, paragraphs } from './text.mjs';

const [scenario, ca, directory] = process.argv.slice(2);

const DIRECTIONS = { // address of device 0, per family; up.sh gives the same to the namespace
    DSN: { 4: 0, 6: '2001:db8:1::' }, SDTIG: { 4: 32, 6: '2001:db8:2::' },
    DIGICOM: { 4: 64, 6: '2001:db8:3::' }, DRH: { 4: 160 }, unassigned: { 4: 224 },
};
const HOSTS = {
    'openai-api': ['api.openai.com', 130], 'chatgpt-web': ['chatgpt.com', 131], telemetry: ['ab.chatgpt.com', 131],
    'mistral-api': ['api.mistral.ai', 140], 'mistral-web': ['chat.mistral.ai', 141],
    'anthropic-api': ['api.anthropic.com', 150], 'claude-web': ['claude.ai', 151],
    'albert-api': ['albert.api.etalab.gouv.fr', 160], rennes: ['www.rennes.example', 200],
};
const MODELS = {
    'openai-api': 'gpt-4o-2024-08-06', 'mistral-api': 'mistral-small-latest',
    'anthropic-api': 'claude-sonnet-4-5-20250929', 'albert-api': 'mistralai/Mistral-Small-3.2-24B-Instruct-2506',
};

const rows = readFileSync(scenario, 'utf8').split('\n').filter((line) => line && !line.startsWith('#'))
    .map((line, number) => {
        const [start, direction, device, family, service, kind, transport, prompts, amounts] = line.split(/\s+/);
        const base = DIRECTIONS[direction][family];
        const [host, last] = HOSTS[service];
        return {
            number, start: Number(start), service, kind, transport, host,
            from: family === '4' ? `198.51.100.${base + Number(device)}` : `${base}${device}`,
            to: family === '4' ? `203.0.113.${last}` : `2001:db8:ffff::${last}`,
            exchanges: prompts.split(',').map((prompt, i) =>
                ({ prompt: paragraphs[prompt - 1], amount: Number(amounts.split(',')[i]) })),
        };
    });

const finished = (child) => new Promise((done) => child.on('close', done));

/* One curl for the row: several exchanges share its connection. */
async function callApi(row) {
    const version = row.transport === 'h1' ? '--http1.1' : '--http2';
    const to = row.to.includes(':') ? `[${row.to}]` : row.to;
    const common = ['--interface', row.from, '--cacert', ca, '--resolve', `${row.host}:443:${to}`, version,
        '--no-buffer', '--output', '/dev/null', '--max-time', '60'];
    const calls = row.exchanges.map(({ prompt, amount }, i) => {
        if (row.kind === 'get') return [...common, `https://${row.host}/media/plan.pdf?bytes=${amount}`];
        const file = `${directory}/body-${row.number}-${i}.json`;
        const instruction = { role: 'user', content: `Résume ce texte pour les agents : ${prompt}` };
        writeFileSync(file, JSON.stringify({
            model: MODELS[row.service], messages: [instruction], max_tokens: amount, stream: row.kind === 'stream',
        }));
        return [...common, '-H', 'Content-Type: application/json', '-A', 'Python/3.11 httpx/0.27',
            '-H', `Authorization: Bearer ${'x'.repeat(100)}`, '--data-binary', `@${file}`,
            `https://${row.host}${services[row.host].path}`];
    });
    const list = calls.flatMap((call, i) => (i ? ['--next', ...call] : call));
    const curl = spawn('curl', ['--silent', '--show-error', '--fail-early', ...list], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (await finished(curl)) throw new Error(`curl failed for row ${row.number + 1}`);
}

/* A browser of 2025 sends a ClientHello of about 1.8 kB, because of its ML-KEM key share, in two
 * segments. OpenSSL 3.0 has no ML-KEM: names of protocols that nobody speaks bring it to 1.5 kB. */
const PADDED_ALPN = ['h2', 'http/1.1', ...[1, 2, 3, 4, 5].map((i) => `bench-padding-${i}-`.padEnd(240, '.'))];

function connect(row, host) {
    const socket = tls.connect({
        host: row.to, port: 443, localAddress: row.from, servername: host, ca: readFileSync(ca),
        ALPNProtocols: PADDED_ALPN, minVersion: 'TLSv1.3',
    });
    return http2.connect(`https://${host}`, { createConnection: () => socket });
}

function ask(session, chance, path, body, headers = {}) {
    return new Promise((done, fail) => {
        const stream = session.request({
            ':method': body === undefined ? 'GET' : 'POST', ':path': path,
            'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
            accept: '*/*', 'accept-language': 'fr,fr-FR;q=0.8,en-US;q=0.5,en;q=0.3',
            'accept-encoding': 'gzip, deflate, br, zstd', cookie: session.cookie, ...headers,
        });
        stream.on('error', fail).on('end', done).resume();
        stream.end(body);
    });
}

/* Per application: the page, what goes with a prompt before and after, and the prompt itself. Sizes
 * from the recordings, except the page of a first visit, 100 kB here for the megabytes of a real one. */
const APPLICATIONS = {
    'chatgpt-web': {
        cold: 100000, warm: 10000,
        before: (ask, chance) => Promise.all([
            ask(`/backend-api/sentinel/chat-requirements?bytes=20000`, chance.letters(3200)),
            ask(`/backend-api/f/conversation/prepare?bytes=1500`, chance.letters(700)),
            ...[1, 2, 3, 4, 5].map(() => ask('/ces/v1/t', chance.letters(chance.between(700, 1300)))),
        ]),
        headers: (chance) => ({ // the proofs that the sentinel asks for
            'openai-sentinel-chat-requirements-token': chance.letters(1500),
            'openai-sentinel-proof-token': chance.letters(650), 'openai-sentinel-turnstile-token': chance.letters(1400),
        }),
        body: (chance, prompt, max_tokens) => ({
            action: 'next', messages: [{ id: chance.uuid(), author: { role: 'user' }, content: prompt }],
            prompt: undefined, parent_message_id: chance.uuid(), model: 'auto', max_tokens, timezone: 'Europe/Paris',
            conversation_mode: { kind: 'primary_assistant' }, supports_buffering: true, supported_encodings: ['v1'],
            client_contextual_info: { is_dark_mode: false, page_height: 905, page_width: 1462, screen_height: 1080 },
        }),
        telemetry: [1900, 1200, 800, 1500],
    },
    'claude-web': {
        cold: 40000, warm: 8000,
        // 2.5 to 3.8 kB go up before the prompt in each of the recorded exchanges.
        before: (ask, chance) => Promise.all([700, 900, 600, 500].map((size) =>
            ask('/api/chat_conversations?bytes=700', chance.letters(chance.between(size, size + 200))))),
        headers: () => ({}),
        body: (chance, prompt, max_tokens) => ({
            prompt, max_tokens, parent_message_uuid: chance.uuid(), timezone: 'Europe/Paris', locale: 'fr-FR',
            personalized_styles: [{ type: 'default', key: 'Default', name: 'Normal', nameKey: 'normal_style_name' }],
            tools: [{ type: 'web_search_v0', name: 'web_search' }, { type: 'artifacts_v0', name: 'artifacts' }],
            attachments: [], files: [], sync_sources: [], rendering_mode: 'messages',
        }),
        telemetry: [],
    },
    'mistral-web': {
        cold: 40000, warm: 8000,
        before: (ask, chance) => ask('/api/trpc/message.newChat?bytes=700', chance.letters(300)),
        headers: () => ({}),
        body: (chance, prompt, max_tokens) => ({
            chatId: chance.uuid(), prompt, max_tokens, mode: 'append', disabledFeatures: [],
            features: ['beta-code-interpreter', 'beta-websearch'], stopSequences: [],
        }),
        telemetry: [],
    },
};

/* A visit: the page, then per prompt a burst upwards, the answer, telemetry, and time to read it. */
async function visit(row) {
    const application = APPLICATIONS[row.service];
    const chance = new Chance(`${row.number} ${row.from}`);
    const session = connect(row, row.host);
    session.cookie = `session=${chance.letters(700)}; device=${chance.uuid()}`;
    const on = (path, body, headers) => ask(session, chance, path, body, headers);
    const page = application[row.kind];
    await Promise.all([0.2, 0.5, 0.3].map((part, i) => on(`/asset-${i}?bytes=${Math.round(part * page)}`)));
    for (const { prompt, amount } of row.exchanges) {
        await sleep(chance.between(900, 1600)); // typing
        await application.before(on, chance);
        const body = JSON.stringify(application.body(chance, prompt, amount));
        await Promise.all([
            on(services[row.host].path, body, { 'content-type': 'application/json', ...application.headers(chance) }),
            beacons(row, chance, application.telemetry),
        ]);
        await sleep(chance.between(800, 1500)); // reading
    }
    await new Promise((done) => session.close(done));
}

async function beacons(row, chance, sizes) {
    if (!sizes.length) return;
    const session = connect(row, HOSTS.telemetry[0]);
    session.cookie = `device=${chance.uuid()}`;
    for (const size of sizes) {
        await ask(session, chance, '/v1/rgstr', chance.letters(size));
        await sleep(chance.between(200, 900));
    }
    await new Promise((done) => session.close(done));
}

await Promise.all(rows.map(async (row) => {
    await sleep(row.start * 1000);
    await (row.transport === 'web' ? visit(row) : callApi(row));
}));
