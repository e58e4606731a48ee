/* People of three departments at an inference host: clients.mjs PORT SECONDS. They ask through the proxy
 * in front, over TLS; which department they are of, the proxy knows by their address. One also claims, in a
 * header, to be another. SPDX-License-Identifier: GPL-3.0-or-later */
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const [port, seconds] = process.argv.slice(2);
const DIRECTIONS = { DSN: 1, DRH: 2, SDTIG: 3 };
const until = Date.now() + Number(seconds) * 1000;

function ask(from, model, amounts, { stream = false, leaveAfter = 0, headers = {} } = {}) {
    const body = JSON.stringify({ model, stream, metadata: amounts.join('/'),
        ...(stream ? { stream_options: { include_usage: true } } : {}),
        messages: [{ role: 'user', content: 'mot '.repeat(amounts[0]) }] });
    return new Promise((done, failed) => {
        const request = https.request({ host: '127.0.0.1', port, path: '/v1/chat/completions', method: 'POST',
            localAddress: from, rejectUnauthorized: false, agent: false,
            headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers } },
        (response) => {
            let seen = 0;
            response.on('data', (bytes) => {
                seen += bytes.length;
                if (leaveAfter && seen > leaveAfter) { response.destroy(); done('left'); }
            });
            response.on('end', () => done(response.statusCode));
            response.on('error', () => done('left'));
        });
        request.on('error', failed);
        request.end(body);
    });
}

/* Each person has an address, a rhythm and habits; all of it is the same in every run. */
async function person(direction, number) {
    const from = `127.${DIRECTIONS[direction]}.0.${number}`;
    const claims = number === 2 ? { 'X-Direction': 'DAJ' } : {};
    for (let i = 0; Date.now() < until; i++) {
        const model = (i + number) % 3 === 0 ? 'qwen3-8b' : 'mistral-small-24b';
        const amounts = [200 + 37 * number + 11 * i, i % 2 ? 64 : 0, 40 + ((number * 13 + i * 29) % 120)];
        const options = { stream: (i + number) % 4 !== 0, headers: claims };
        if (i % 5 === 4 && options.stream) options.leaveAfter = 2500;
        await ask(from, model, amounts, options);
        if (i === 1) await ask(from, 'no-such-model', [10, 0, 10]);
        await sleep(60 + 40 * number);
    }
}

await Promise.all(Object.keys(DIRECTIONS).flatMap((direction, at) =>
    Array.from({ length: 2 + at }, (_, i) => person(direction, i + 1))));
