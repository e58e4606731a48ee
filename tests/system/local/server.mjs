/* An inference host of its own: server.mjs DIRECTORY PORT. An OpenAI-compatible server that streams,
 * answers at once, and is interrupted; and the counters of the machine that it runs on, as files of a tree
 * like /sys, which move with the work that is done. What it did is in DIRECTORY/log.jsonl; what it used
 * is where the counters stand. Ends on SIGTERM. SPDX-License-Identifier: GPL-3.0-or-later */
import { appendFileSync, closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const [directory, port] = process.argv.slice(2);
const MODELS = { 'mistral-small-24b': { gpu: 0, delay: 6 }, 'qwen3-8b': { gpu: 1, delay: 3 } };

/* -- The machine. Watts: what it draws at rest, and what a request adds. ------------------------ */
const PARTS = [
    { name: 'gpu0', path: 'hwmon/hwmon0', file: 'energy1_input', rest: 40, work: 180, gpu: 0,
        more: { name: 'xe', energy1_label: 'card' } },
    { name: 'gpu1', path: 'hwmon/hwmon1', file: 'energy1_input', rest: 30, work: 90, gpu: 1,
        more: { name: 'xe', energy1_label: 'card' } },
    { name: 'package-0', path: 'powercap/intel-rapl:0', file: 'energy_uj', rest: 55, work: 25,
        more: { name: 'package-0', enabled: '1', max_energy_range_uj: '262143328850' } },
    { name: 'dram', path: 'powercap/intel-rapl:0:0', file: 'energy_uj', rest: 8, work: 4,
        more: { name: 'dram', enabled: '1', max_energy_range_uj: '262143328850' } },
];
/* So that a counter is always as long, and is read whole while it is written. */
const FIRST_UJ = 100_000_000_000;
const running = [0, 0];
let frozen = true;

for (const part of PARTS) {
    const place = `${directory}/sys/class/${part.path}`;
    mkdirSync(place, { recursive: true });
    for (const [file, text] of Object.entries(part.more)) writeFileSync(`${place}/${file}`, `${text}\n`);
    part.uj = FIRST_UJ;
    part.descriptor = openSync(`${place}/${part.file}`, 'w');
    writeSync(part.descriptor, `${part.uj}\n`, 0);
}

let last = process.hrtime.bigint();
function advance() {
    const now = process.hrtime.bigint();
    const seconds = Number(now - last) / 1e9;
    last = now;
    if (frozen) return;
    for (const part of PARTS) {
        const requests = part.gpu === undefined ? running[0] + running[1] : running[part.gpu];
        part.uj += Math.round((part.rest + part.work * Math.min(requests, 4)) * seconds * 1e6);
        writeSync(part.descriptor, `${part.uj}\n`, 0);
    }
}
const clock = setInterval(advance, 100);
function joules() {
    return Object.fromEntries(PARTS.map((part) => [part.name, (part.uj - FIRST_UJ) / 1e6]));
}

/* -- The server --------------------------------------------------------------------------------- */
const totals = Object.fromEntries(Object.keys(MODELS).map((model) =>
    [model, { prompt: 0, cached: 0, generated: 0, stop: 0, abort: 0 }]));
const count = (model, key, value) => { totals[model][key] += value; };

function metrics() {
    const line = (name, model, value, more = '') => `vllm:${name}{engine="0",${more}model_name="${model}"} ${value}.0\n`;
    return Object.entries(totals).map(([model, sum]) =>
        line('prompt_tokens_total', model, sum.prompt) + line('prompt_tokens_cached_total', model, sum.cached) +
        line('generation_tokens_total', model, sum.generated) +
        line('request_success_total', model, sum.stop, 'finished_reason="stop",') +
        line('request_success_total', model, sum.abort, 'finished_reason="abort",')).join('');
}

async function answer(request, response, body) {
    const asked = JSON.parse(body);
    const model = MODELS[asked.model];
    if (!model) {
        response.writeHead(404, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ error: { message: 'no such model', code: 404 } }));
        return;
    }
    /* The test says how long prompt and answer are; the text is only there to be carried. */
    const [tokensIn, cached, wanted] = asked.metadata.split('/').map(Number);
    const id = `chatcmpl-${Math.random().toString(36).slice(2)}`;
    const began = Date.now() / 1000;
    let left = false;
    let tokens = 0;
    response.on('close', () => { left = !response.writableEnded; });
    running[model.gpu] += 1;
    if (asked.stream) response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    while (tokens < wanted && !left) {
        await sleep(model.delay);
        tokens += 1;
        if (asked.stream)
            response.write(`data: ${JSON.stringify({ id, object: 'chat.completion.chunk', model: asked.model,
                choices: [{ index: 0, delta: { content: ' oui' }, finish_reason: null }] })}\n\n`);
    }
    advance();
    running[model.gpu] -= 1;
    const usage = { prompt_tokens: tokensIn, completion_tokens: tokens, total_tokens: tokensIn + tokens,
        prompt_tokens_details: { cached_tokens: cached } };
    if (!left && asked.stream) {
        response.write(`data: ${JSON.stringify({ id, object: 'chat.completion.chunk', model: asked.model, choices: [], usage })}\n\n`);
        response.end('data: [DONE]\n\n');
    } else if (!left) {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ id, object: 'chat.completion', model: asked.model, usage,
            choices: [{ index: 0, message: { role: 'assistant', content: ' oui'.repeat(tokens) }, finish_reason: 'stop' }] }));
    }
    count(asked.model, 'prompt', tokensIn);
    count(asked.model, 'cached', cached);
    count(asked.model, 'generated', tokens);
    count(asked.model, left ? 'abort' : 'stop', 1);
    appendFileSync(`${directory}/log.jsonl`, `${JSON.stringify({ began, ended: Date.now() / 1000, model: asked.model,
        direction: request.headers['x-direction'] ?? '', tokensIn, cached, tokens, aborted: left, streamed: !!asked.stream })}\n`);
}

const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (bytes) => parts.push(bytes));
    request.on('end', () => {
        if (request.url === '/metrics') response.end(metrics());
        else if (request.url === '/freeze') { advance(); frozen = true; response.end(JSON.stringify(joules())); }
        else if (request.url === '/thaw') { advance(); frozen = false; response.end(); }
        else if (request.url === '/v1/chat/completions') answer(request, response, Buffer.concat(parts).toString());
        else { response.writeHead(404); response.end(); }
    });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
process.on('SIGTERM', () => {
    clearInterval(clock);
    PARTS.forEach((part) => closeSync(part.descriptor));
    server.closeAllConnections();
    server.close();
});
