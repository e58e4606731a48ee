/* What the clients of the APIs ask, and how the servers answer: both make the same plan from the seed. A client puts
 * the number of its exchange in the field that the interface has for the name of the end user.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { Chance, TEXTS } from './lib-text.mjs';

/* Interface: host, path, tokenizer, model. media: of the bench of what is no text alone. */
export const INTERFACES = {
    'openai-chat': { service: 'openai-api', host: 'api.openai.com', tokenizer: 'o200k', model: 'gpt-4o-2024-08-06' },
    'openai-responses': { service: 'openai-api', host: 'api.openai.com', tokenizer: 'o200k', model: 'gpt-4.1-2025-04-14' },
    'anthropic-messages': { service: 'anthropic-api', host: 'api.anthropic.com', tokenizer: 'claude', model: 'claude-sonnet-4-5-20250929' },
    'mistral-chat': { service: 'mistral-api', host: 'api.mistral.ai', tokenizer: 'mistral', model: 'mistral-small-latest' },
    'gemini-stream': { service: 'gemini-api', host: 'generativelanguage.googleapis.com', tokenizer: 'gemini', model: 'gemini-2.5-flash' },
    'compatible-chat': { service: 'together-api', host: 'api.together.xyz', tokenizer: 'o200k', model: 'meta-llama/Llama-3.3-70B-Instruct-Turbo', media: true },
};

/* How a client speaks. reuse: exchanges of a session share a connection; at_once: they overlap on it. */
export const CLIENTS = {
    'curl-h1': { transport: 'h1' }, 'curl-h2': { transport: 'h2' },
    'node-h1': { transport: 'h1', reuse: true }, 'fetch-h1': { transport: 'h1', reuse: true },
    'node-h2': { transport: 'h2', reuse: true }, 'node-h2-parallel': { transport: 'h2', reuse: true, at_once: true },
    'ngtcp2-h3': { transport: 'h3' },
    'ngtcp2-h3-parallel': { transport: 'h3', reuse: true, at_once: true, late: true }, // planned last, so that the others stay as they were
};

/* Lengths of answers: short ones, the usual, a few long ones (methods page: prior 100 / 300 / 600). */
function outputTokens(chance, quick) {
    const kind = chance.unit();
    if (kind < 0.12) return chance.between(1, 12);
    if (kind < 0.35) return chance.between(13, 120);
    if (quick || kind < 0.92) return chance.between(100, 450);
    return chance.between(900, 3000);
}

/* A prompt of about CHARACTERS, instruction and pasted text. */
function promptOf(chance, language, characters) {
    const text = TEXTS[language === 'json' ? 'en' : language];
    const start = chance.below(text.length);
    const ask = language === 'fr' ? 'Réponds en français, en quelques phrases. ' : 'Answer in a few sentences. ';
    return ask + text.repeat(2 + Math.ceil(characters / text.length)).slice(start, start + characters);
}

export function exchangeOf(chance, number, { quick, faster = 1 }, transport) {
    const draw = chance.unit();
    const language = draw < 0.5 ? 'fr' : draw < 0.8 ? 'en' : draw < 0.92 ? 'code' : 'json';
    const size = chance.unit();
    const characters = size < 0.6 ? chance.between(20, 300) : size < 0.9 ? chance.between(500, 6000)
        : chance.between(20_000, quick ? 30_000 : 200_000); // an upload: a document in the prompt
    const odd = chance.unit();
    const tokens = outputTokens(chance, quick);
    return {
        id: `agent-${String(number).padStart(5, '0')}`, language, tokens, prompt: promptOf(chance, language, characters),
        stream: !(odd < 0.10), tool: language === 'json',
        fail: transport !== 'h3' && odd >= 0.10 && odd < 0.16 ? [429, 500][chance.below(2)] : 0,     // once, then again
        abort: transport !== 'h3' && odd >= 0.16 && odd < 0.22 && tokens > 30 ? 0.2 + 0.6 * chance.unit() : 0, // after that part of the answer
        rate: faster * chance.between(50, 140), // tokens/s
        first: chance.between(200, 900),        // ms to the first token
        think: chance.between(200, quick ? 400 : 2500), // ms before the next prompt
    };
}

/* Sessions of each interface and client: device, start (s), exchanges. OPTIONS: seed, quick (a few exchanges), h3, faster
 * (so many times the pace of usual models). */
export function makePlan({ seed, quick, h3, faster }) {
    const sessions = [];
    let number = 0;
    const interfaces = Object.entries(INTERFACES).filter(([, { media }]) => !media);
    for (const [name, face, planned] of [...interfaces.map((one) => [...one, false]), ...interfaces.map((one) => [...one, true])]) {
        for (const [client, { reuse, at_once, transport }] of Object.entries(CLIENTS).filter(([, { late }]) => Boolean(late) === planned)) {
            if (transport === 'h3' && !h3) continue;
            if (quick && !['curl-h1', 'node-h2', 'node-h2-parallel'].includes(client)) continue;
            const chance = new Chance(`${seed} ${name} ${client}`);
            const count = quick ? 1 : at_once ? 3 : transport === 'h3' ? 6 : reuse ? 2 : 5;
            for (let i = 0; i < count; i++) {
                const exchanges = Array.from({ length: !reuse ? quick ? 2 : 1 : at_once ? 4 : quick ? 3 : 4 },
                    () => exchangeOf(chance, ++number, { quick, faster }, transport));
                sessions.push({
                    interface: name, ...face, client, transport, at_once: Boolean(at_once),
                    device: 1 + chance.below(6), start: chance.unit() * (quick ? 1 : 12), exchanges,
                });
            }
        }
    }
    return sessions;
}
