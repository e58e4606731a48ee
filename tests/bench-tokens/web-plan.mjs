/* Who does what in which application: the same SEED gives the same people, prompts and answers. Each person is a
 * context of the browser, with connections of its own; a person may have several tabs.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { Chance, TEXTS } from './lib-text.mjs';

const ABORT_MS = [1500, 5000];
/* Tokens per second, as web-streams.mjs sends them: to know when a tab has had its time. */
const RATES = { 'chatgpt-web': 35, 'claude-web': 63, 'gemini-web': 65, 'copilot-web': 64, 'mistral-web': 50, 'deepseek-web': 33,
    'perplexity-web': 70, 'grok-web': 48, 'copilot-m365': 60, 'albert-chat': 45 };
export const APPLICATIONS = Object.keys(RATES);
const IMAGING_S = 12;
/* Browsers need a second of a processor for each tab: together, pages would take 20 s to load, not 1 or 2. */
const STARTS_MS = 24000;

/* Few answers are very short or very long. */
function answerTokens(chance) {
    const draw = chance.unit();
    if (draw < 0.15) return chance.between(8, 60); /* under two seconds, mostly */
    if (draw < 0.8) return chance.between(100, 450);
    return chance.between(450, 1000);
}

/* Typed, or with a pasted document. */
function question(chance, language) {
    const length = chance.unit() < 0.1 ? chance.between(1500, 4000) : chance.between(20, 260);
    const text = TEXTS[language];
    const start = chance.below(Math.max(1, text.length - length));
    return text.slice(start, start + length);
}

function prompt(chance, app, more = {}) {
    const draw = chance.unit();
    const language = draw < 0.6 ? 'fr' : draw < 0.85 ? 'en' : 'code';
    const bench = { seed: `${app} ${chance.hex(8)}`, tokens: answerTokens(chance), language };
    if (app === 'chatgpt-web') bench.regime = chance.unit() < 0.6 ? 'single' : 'batched';
    if (app === 'albert-chat') bench.regime = chance.unit() < 0.6 ? 'v5' : 'v4';
    if (app === 'mistral-web') bench.regime = chance.unit() < 0.65 ? 'plain' : 'flash';
    if (app === 'perplexity-web') Object.assign(bench, { regime: chance.unit() < 0.7 ? 'fast' : 'thinking', packed: chance.unit() < 0.5 });
    if (app === 'gemini-web') bench.regime = chance.unit() < 0.7 ? 'slow' : 'fast';
    return { do: 'prompt', text: question(chance, language), bench, ...more };
}

/* One thing that a person does with an application, and about how many seconds it takes. */
function episode(chance, app) {
    const draw = chance.unit();
    const step = prompt(chance, app);
    const seconds = 6.5 + step.bench.tokens / RATES[app];
    const has = { image: /chatgpt|gemini|copilot-web/.test(app), audio: app === 'chatgpt-web' };
    if (draw < 0.07) {
        step.bench.fail = chance.below(2) ? 429 : 500;
        return [[step], 4];
    }
    if (draw < 0.10) { /* answered, with nothing in it */
        step.bench.tokens = 0;
        return [[step], 5];
    }
    if (draw < 0.18) return [[{ ...step, stop: chance.between(...ABORT_MS) }], 8];
    if (draw < 0.26) return [[step, { do: 'wait', ms: chance.between(1500, 4000) }, { ...prompt(chance, app), text: step.text, again: true }], 2 * seconds];
    if (draw < 0.34) return [[{ do: 'upload', bytes: Math.round(10 ** (5 + 1.5 * chance.unit())) }, step], seconds + 2];
    if (draw < 0.42 && has.image) return [[{ ...step, bench: { ...step.bench, tokens: 0, modality: 'image' }, image: Math.round(2e5 * 10 ** chance.unit()) }], IMAGING_S];
    if (draw < 0.47 && has.audio) return [[{ do: 'dictate', bytes: chance.between(4e4, 3e5) }, step], seconds + 2];
    if (draw < 0.52 && has.audio) return [[step, { do: 'listen', bytes: chance.between(6e4, 3e5) }], seconds + 5];
    if (draw < 0.56) return [[step, { do: 'reload' }, { do: 'load' }], seconds + 2];
    return [[step], seconds];
}

function tab(chance, app, seconds, more) {
    const steps = [{ do: 'load' }, { do: 'wait', ms: chance.between(500, 4000) }];
    for (let left = seconds - 5; left > 5;) {
        const [some, spent] = episode(chance, app);
        if (spent > left + 5) continue; /* would outlast everybody else's */
        const ms = chance.between(2500, 11000); /* reading */
        steps.push(...some, { do: 'wait', ms });
        left -= spent + ms / 1000;
    }
    return { app, seed: chance.below(2 ** 31), steps, ...more };
}

const idle = (chance, app, seconds, more) => ({ app, seed: chance.below(2 ** 31), steps: [{ do: 'load' }, { do: 'wait', ms: seconds * 1000 }], ...more });

/* What speaks on a WebSocket, does so over TCP: over HTTP/3 nothing is asked, only what else such pages do. */
const asksNothing = (app, transport) => app === 'copilot-m365' && transport === 'h3';

/* Tabs of PEOPLE persons, the first of which has two, and of one that only leaves the page open. Every other one is packed: its
 * WebSocket is compressed, where both ends would do so (Grok). */
export function people(seed, app, transport, count, seconds) {
    const chance = new Chance(`${seed} ${app} ${transport}`);
    const more = { ...(transport === 'h3' ? { light: app === 'gemini-web' } : { sockets: true }) };
    const tabs = [];
    const make = (number, plan) => {
        const person = `${app} ${transport} ${number}`;
        return { person, start: chance.between(0, STARTS_MS), plan: { ...plan, person, packed: tabs.length % 2 === 1 } };
    };
    if (asksNothing(app, transport)) return Array.from({ length: count }, (_, person) => make(person, idle(chance, app, seconds, more)));
    for (let person = 0; person < count; person++)
        for (let number = person === 0 ? 2 : 1; number > 0; number--) tabs.push(make(person, tab(chance, app, seconds, more)));
    tabs.push(make('idle', idle(chance, app, seconds, more)));
    return tabs;
}
