/* local.mjs expected CAPTURE: what truth.jsonl has of a recording, as "DIRECTION REQUESTS IN OUT".
 * local.mjs serve PORT FILE: an OpenAI-compatible server that says in FILE how many tokens it stated, as
 * "MODEL IN OUT", one line a request. local.mjs ask PORT COUNT [ADDRESS [MODEL [CODING]]]: asks it so often, streamed every second
 * time, and in turn in clear, gzip and br, or always in CODING, and says how often it was answered so. SPDX-License-Identifier: GPL-3.0-or-later */
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createBrotliCompress, createGzip, constants } from 'node:zlib';

const [, , action, ...rest] = process.argv;

function expected(capture) {
    const sums = {};
    const truth = readFileSync(new URL('../fixtures/inference/truth.jsonl', import.meta.url), 'utf8');
    for (const line of truth.trim().split('\n')) {
        const one = JSON.parse(line);
        if (one.pcap !== capture || one.summary || one.prompt_tokens === null || one.prompt_tokens === undefined) continue;
        const direction = one.department ?? 'unassigned';
        const sum = (sums[direction] ??= [0, 0, 0]);
        sum[0] += 1;
        sum[1] += one.prompt_tokens;
        sum[2] += one.completion_tokens;
    }
    for (const direction of Object.keys(sums).sort()) console.log([direction, ...sums[direction]].join(' '));
}

let served = 0;
// What is written passes at once, as a proxy does with a stream.
function compressing(coding, response) {
    const compressor = coding === 'br' ? createBrotliCompress() : createGzip();
    const flag = coding === 'br' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;
    response.setHeader('Content-Encoding', coding);
    compressor.pipe(response);
    return { write: (text) => { compressor.write(text); compressor.flush(flag); }, end: (text) => compressor.end(text) };
}

function answer(body, coding, response, file) {
    const asked = JSON.parse(body);
    const usage = { prompt_tokens: 20 + served, completion_tokens: 3 + (served % 5) };
    const out = () => (['gzip', 'br'].includes(coding) ? compressing(coding, response) : response);
    served += 1;
    appendFileSync(file, `${asked.model} ${usage.prompt_tokens} ${usage.completion_tokens}\n`);
    if (!asked.stream) {
        response.setHeader('Content-Type', 'application/json');
        out().end(JSON.stringify({ model: asked.model, choices: [{ index: 0, message: { content: 'x' } }], usage }));
        return;
    }
    response.setHeader('Content-Type', 'text/event-stream');
    const events = out();
    for (let i = 0; i < usage.completion_tokens; i++)
        events.write(`data: ${JSON.stringify({ model: asked.model, choices: [{ index: 0, delta: { content: 'x' } }] })}\n\n`);
    events.end(`data: ${JSON.stringify({ model: asked.model, choices: [], usage })}\n\ndata: [DONE]\n\n`);
}

function serve(port, file) {
    createServer((incoming, response) => {
        let body = '';
        incoming.on('data', (piece) => { body += piece; });
        incoming.on('end', () => answer(body, incoming.headers['accept-encoding'], response, file));
    }).listen(Number(port), '127.0.0.1', () => console.log('listening'));
}

const one = (port, address, model, stream, coding) => new Promise((done, failed) => {
    const asking = request({ port, host: '127.0.0.1', localAddress: address, method: 'POST', path: '/v1/chat/completions',
        headers: { 'Content-Type': 'application/json', Authorization: 'Bearer sk-dir-DRH-0002',
            'Accept-Encoding': coding } }, (incoming) => {
        incoming.resume();
        incoming.on('end', () => done(incoming.headers['content-encoding']));
    });
    asking.on('error', failed);
    asking.end(JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'y' }] }));
});

async function ask(port, count, address = '127.0.1.5', model = 'qwen3-8b', coding = undefined) {
    let coded = 0;
    for (let i = 0; i < Number(count); i++)
        coded += await one(port, address, model, i % 2 === 1, coding ?? ['identity', 'gzip', 'br'][i % 3]) === coding;
    if (coding) console.log(coded);
}

await { expected, serve, ask }[action](...rest);
