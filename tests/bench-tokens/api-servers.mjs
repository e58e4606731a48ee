/* api-servers.mjs CERTIFICATES LOG PLAN: the APIs, on the addresses of the bench; PLAN: JSON, the options of
 * planAll(). SPDX-License-Identifier: GPL-3.0-or-later */
import * as anthropic from './api-anthropic.mjs';
import * as compatible from './api-compatible.mjs';
import * as gemini from './api-gemini.mjs';
import { MEDIA } from './api-media.mjs';
import * as mistral from './api-mistral.mjs';
import * as openai from './api-openai.mjs';
import { planAll } from './lib-media.mjs';
import { INTERFACES } from './lib-plan.mjs';
import { frontHeaders, startServers } from './lib-server.mjs';
import { answer, Chance, countTokens } from './lib-text.mjs';

const [certificates, log, options] = process.argv.slice(2);

const ANSWERS = {
    'openai-chat': [openai.chat, openai.refuse], 'openai-responses': [openai.responses, openai.refuse],
    'anthropic-messages': [anthropic.messages, anthropic.refuse], 'mistral-chat': [mistral.chat, mistral.refuse],
    'gemini-stream': [gemini.stream, gemini.refuse], 'compatible-chat': [compatible.chat, compatible.refuse],
};

const planned = new Map(planAll(JSON.parse(options)).flatMap((session) =>
    session.exchanges.map((exchange) => [exchange.id, { ...session, ...exchange, refused: 0 }])));

/* Of prompts that one client sends at once with one body, the address has the number. */
const idOf = (exchange, body) => new URL(exchange.path, 'https://host').searchParams.get('bench') ?? body.user ?? body.metadata?.user_id ?? body.labels?.user;
const textOf = (body) => [body.instructions, body.system, ...(body.messages ?? [{ content: body.input }]).map(({ content }) => content),
    ...(body.contents ?? []).map(({ parts }) => parts[0].text)].filter(Boolean).join('\n');

/* True where the address names what is no text. */
async function handleMedia(exchange) {
    const plan = planned.get(new URL(exchange.path, 'https://host').searchParams.get('bench'));
    if (!plan?.kind) return false;
    Object.assign(exchange.entry, { dialect: plan.kind, id: plan.id });
    await MEDIA[plan.kind](exchange, plan);
    return true;
}

async function handle(exchange) {
    if (await handleMedia(exchange)) return;
    if (exchange.method !== 'POST') { // a list of models, as libraries ask for it
        exchange.head(200, frontHeaders(exchange.chance, 'application/json'));
        await exchange.send(20, JSON.stringify({ object: 'list', data: exchange.chance.letters(4000) }));
        return;
    }
    const body = exchange.json();
    const plan = planned.get(idOf(exchange, body));
    const [write, refuse] = ANSWERS[plan.interface];
    exchange.entry.dialect = plan.interface;
    exchange.entry.id = plan.id;
    exchange.entry.at_once = plan.at_once;
    if (plan.fail && plan.refused++ === 0) {
        await refuse(exchange, plan.fail);
        return;
    }
    const chance = new Chance(plan.id);
    plan.tokens_in = countTokens(textOf(body), plan.tokenizer, plan.language) + 7; // of the roles around it
    plan.instructions = body.instructions ?? null;
    exchange.use({ kind: plan.stream ? 'stream' : 'whole', tokens_in: plan.tokens_in });
    await write(exchange, plan, answer(chance, plan.tokens, plan.tokenizer, plan.language));
}

const hosts = Object.fromEntries(Object.values(INTERFACES).map(({ host, service }) => [host, { service, handle }]));
await startServers({ certificates, log, hosts, addresses: ['203.0.113.130', '203.0.113.140', '203.0.113.150', '203.0.113.160', '203.0.113.151'], clear: 8080 });
process.on('SIGTERM', () => process.exit(0));
console.log('listening');
