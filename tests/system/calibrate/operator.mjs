/* operator.mjs SESSION: the operator of `iagmeter calibrate service`, who sends prompts from the client's namespace, waits
 * until asked, and types the true tokens, as the servers' log has them. SESSION: JSON,
 *     { calibrate: [command...], client: [prefix of a client's command...], log, ca, from, prompts: [{ tokens, over }...] }
 * where over is "tcp" or "quic"; without calibrate, the prompts alone. Exits as the command does; what that says goes to standard error.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { curl, ngtcp2, run } from '../../bench-tokens/lib-client.mjs';
import { TEXTS } from '../../bench-tokens/lib-text.mjs';
import { readTruth } from '../../bench-tokens/lib-truth.mjs';

const session = JSON.parse(process.argv[2]);
/* Twice answer_gap_s, after which an answer over QUIC has ended. */
const LIMIT_MS = 120_000;
/* Events are then larger than what the shipped estimator expects. */
const MODEL = `gpt-4o-2024-08-06-${'of-a-bench-'.repeat(20)}`;

const exchanges = () => readTruth(session.log).filter(({ event }) => event === 'exchange');

async function until(what, condition) {
    for (let waited = 0; !condition(); waited += 50) {
        if (waited > LIMIT_MS) throw new Error(`no ${what} in ${LIMIT_MS / 1000} s`);
        await sleep(50);
    }
}

async function ask({ tokens, over }, number) {
    const before = exchanges().length;
    const body = JSON.stringify({
        model: MODEL, stream: true, max_completion_tokens: tokens,
        messages: [{ role: 'user', content: TEXTS.fr.slice(0, 150 + 350 * number) }],
    });
    const place = { host: 'api.openai.com', from: session.from, ca: session.ca, version: '--http2' };
    const connection = over === 'quic' ? ngtcp2(place) : curl(place);
    const status = await connection.post('/v1/chat/completions', { 'content-type': 'application/json', authorization: `Bearer ${'x'.repeat(164)}` }, body);
    if (status !== 200) throw new Error(`status ${status}`);
    await until('entry in the log', () => exchanges().length > before);
    return exchanges().at(-1);
}

if (process.argv[3] === 'prompts') { // in the client's namespace: one line of truth for each
    for (const [i, prompt] of session.prompts.entries()) {
        const { tokens_out, tokens_in } = await ask(prompt, prompt.number ?? i);
        console.log(`${tokens_out} ${tokens_in}`);
    }
    process.exit(0);
}

const [command, ...args] = session.calibrate;
const calibrate = spawn(command, args, { stdio: ['pipe', 'inherit', 'pipe'] });
const ended = new Promise((done) => calibrate.on('close', done));
let said = '';
calibrate.stderr.on('data', (data) => { said += data; process.stderr.write(data); });
const asked = () => said.split('its output tokens').length - 1;

/* The operator answers each question: what is as short as a handshake was none of the prompts. */
const counts = [];
let answered = 0;
let used = 0;
function answerAll() {
    const shown = [...said.matchAll(/^.*\((?:tcp|quic)\): \d+ B in (\d+) records/gm)];
    for (; answered < asked(); answered++)
        calibrate.stdin.write(Number(shown[answered][1]) < 10 ? '\n' : counts[used++]);
}
const untilUsed = (count) => until('question', () => { answerAll(); return used >= count; });

await until('start of the session', () => said.includes('send the prompts now') || calibrate.exitCode !== null);
const [prefix, ...rest] = session.client;
for (const [number, prompt] of session.prompts.entries()) {
    const one = { ...session, prompts: [{ ...prompt, number }] };
    counts.push(await run(prefix, [...rest, process.execPath, new URL(import.meta.url).pathname, JSON.stringify(one), 'prompts'], ''));
    await untilUsed(number + 1);
}
calibrate.stdin.write('end\n');
process.exit(await ended);
