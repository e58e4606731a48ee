/* api-clients.mjs CA PLAN: plays the plan. SPDX-License-Identifier: GPL-3.0-or-later */
import { setTimeout as sleep } from 'node:timers/promises';
import { curl, ngtcp2, nodeFetch, nodeH1, nodeH2, resolveNames } from './lib-client.mjs';
import { mediaRequest, planAll } from './lib-media.mjs';

const [ca, options] = process.argv.slice(2);
resolveNames();

const CONNECT = {
    'curl-h1': (place) => curl({ ...place, version: '--http1.1' }), 'curl-h2': (place) => curl({ ...place, version: '--http2' }),
    'node-h1': nodeH1, 'fetch-h1': nodeFetch, 'node-h2': nodeH2, 'node-h2-parallel': nodeH2, 'ngtcp2-h3': ngtcp2,
    'ngtcp2-h3-parallel': ngtcp2,
};

const SEARCH = {
    name: 'search_documents', description: 'Search the documents of the service by keywords, type and date.',
    parameters: { type: 'object', properties: { query: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } }, required: ['query'] },
};
const STAINLESS = { // of the libraries of OpenAI and Anthropic for Python
    'x-stainless-lang': 'python', 'x-stainless-package-version': '1.99.9', 'x-stainless-os': 'Linux', 'x-stainless-arch': 'x64',
    'x-stainless-runtime': 'CPython', 'x-stainless-runtime-version': '3.11.2', 'x-stainless-async': 'false', 'x-stainless-retry-count': '0',
    'x-stainless-read-timeout': '600',
};
const JSON_BODY = { accept: 'application/json', 'content-type': 'application/json' };
const key = (prefix, length) => prefix + 'x'.repeat(length);

/* Path, headers and body of one prompt. */
const REQUESTS = {
    'openai-chat': (plan) => ['/v1/chat/completions',
        { ...JSON_BODY, 'user-agent': 'OpenAI/Python 1.99.9', authorization: `Bearer ${key('sk-proj-', 156)}`, ...STAINLESS },
        { messages: [{ role: 'system', content: SYSTEM }, { role: 'user', content: plan.prompt }], model: plan.model, stream: plan.stream, user: plan.id,
            ...(plan.tool ? { tools: [{ type: 'function', function: SEARCH }] } : {}) }],
    'openai-responses': (plan) => ['/v1/responses',
        { ...JSON_BODY, 'user-agent': 'OpenAI/Python 1.99.9', authorization: `Bearer ${key('sk-proj-', 156)}`, ...STAINLESS },
        { input: plan.prompt, instructions: SYSTEM, model: plan.model, stream: plan.stream, user: plan.id,
            ...(plan.tool ? { tools: [{ type: 'function', ...SEARCH }] } : {}) }],
    'anthropic-messages': (plan) => ['/v1/messages',
        { ...JSON_BODY, 'user-agent': 'Anthropic/Python 0.64.0', 'x-api-key': key('sk-ant-api03-', 95), 'anthropic-version': '2023-06-01', ...STAINLESS },
        { max_tokens: 4096, messages: [{ role: 'user', content: plan.prompt }], model: plan.model, system: SYSTEM, stream: plan.stream,
            metadata: { user_id: plan.id }, ...(plan.tool ? { tools: [{ name: SEARCH.name, description: SEARCH.description, input_schema: SEARCH.parameters }] } : {}) }],
    'mistral-chat': (plan) => ['/v1/chat/completions',
        { ...JSON_BODY, 'user-agent': 'mistral-client-python/1.9.3', authorization: `Bearer ${key('', 32)}` },
        { model: plan.model, messages: [{ role: 'system', content: SYSTEM }, { role: 'user', content: plan.prompt }], stream: plan.stream,
            metadata: { user_id: plan.id }, ...(plan.tool ? { tools: [{ type: 'function', function: SEARCH }] } : {}) }],
    'compatible-chat': (plan) => ['/v1/chat/completions',
        { ...JSON_BODY, 'user-agent': 'OpenAI/Python 1.99.9', authorization: `Bearer ${key('tgp_v1_', 43)}`, ...STAINLESS },
        { messages: [{ role: 'system', content: SYSTEM }, { role: 'user', content: plan.prompt }], model: plan.model, stream: plan.stream, user: plan.id,
            ...(plan.tool ? { tools: [{ type: 'function', function: SEARCH }] } : {}) }],
    'gemini-stream': (plan) => [`/v1beta/models/${plan.model}:${plan.stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
        { ...JSON_BODY, 'user-agent': 'google-genai-sdk/1.31.0 gl-python/3.11.2', 'x-goog-api-client': 'google-genai-sdk/1.31.0 gl-python/3.11.2', 'x-goog-api-key': key('AIza', 35) },
        { contents: [{ parts: [{ text: plan.prompt }], role: 'user' }], systemInstruction: { parts: [{ text: SYSTEM }], role: 'user' },
            labels: { user: plan.id }, ...(plan.tool ? { tools: [{ functionDeclarations: [SEARCH] }] } : {}) }],
};
const SYSTEM = 'You are the assistant of a public administration. Be brief, factual and polite.';

/* About how many bytes of the body are that part of the answer; a few events more or less do not matter. */
const BYTES_PER_TOKEN = { 'openai-chat': 302, 'openai-responses': 260, 'anthropic-messages': 42, 'mistral-chat': 222, 'gemini-stream': 13, 'compatible-chat': 300 };

/* What is no text, on the connection of any: with the headers of its host's library. */
const LIBRARIES = { 'openai-api': 'openai-chat', 'anthropic-api': 'anthropic-messages', 'mistral-api': 'mistral-chat', 'gemini-api': 'gemini-stream',
    'together-api': 'compatible-chat' };

async function askForMedia(connection, exchange) {
    const { 'content-type': _, ...headers } = REQUESTS[LIBRARIES[exchange.service]]({ ...exchange, prompt: '', model: '' })[1];
    const [path, own, body] = mediaRequest(exchange, headers);
    const status = await (exchange.get ? connection.get(path, own) : connection.post(path, own, body, 0));
    if (status >= 400) throw new Error(`${exchange.kind} ${exchange.id}: status ${status}`);
}

async function ask(connection, session, exchange) {
    if (exchange.kind) return void await askForMedia(connection, exchange);
    const name = exchange.interface ?? session.interface;
    const [path, headers, body] = REQUESTS[name]({ ...session, ...exchange });
    const abort = exchange.abort && exchange.stream ? Math.ceil(exchange.abort * exchange.tokens * BYTES_PER_TOKEN[name]) : 0;
    for (let tries = 0; tries < 3; tries++) {
        const status = await connection.post(path, headers, JSON.stringify(body), abort);
        if (status < 400) return;
        await sleep(600 + 400 * tries); // as libraries do: again, after a while
    }
    throw new Error(`${name} ${session.client} ${exchange.id}: refused three times`);
}

/* All at once, with the prompt of the first. */
async function askAll(connection, session) {
    const requests = session.exchanges.map((exchange) => REQUESTS[session.interface]({ ...session, ...exchange }));
    const paths = requests.map(([path], i) => `${path}${path.includes('?') ? '&' : '?'}bench=${session.exchanges[i].id}`);
    await connection.postAll(paths, JSON.stringify(requests[0][2]));
}

async function play(session) {
    await sleep(1000 * session.start);
    const place = { host: session.host, from: `198.51.100.${session.device}`, ca };
    const connection = CONNECT[session.client](place);
    if (session.at_once && connection.postAll)
        await askAll(connection, session);
    else if (session.at_once)
        await Promise.all(session.exchanges.map((exchange, i) => sleep(300 * i).then(() => ask(connection, session, exchange))));
    else for (const exchange of session.exchanges) {
        await ask(connection, session, exchange);
        const alive = exchange.ping && connection.ping ? setInterval(connection.ping, exchange.ping) : null;
        await sleep(exchange.think);
        clearInterval(alive);
    }
    await connection.close();
}

await Promise.all(planAll(JSON.parse(options)).map(play));
process.exit(0);
