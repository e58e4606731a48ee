/* What the APIs answer with that is no text: lib-media.mjs plans it. Formats: the providers' references. Whole answers leave when
 * they are made, headers and all. SPDX-License-Identifier: GPL-3.0-or-later */
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { noise } from './lib-media.mjs';
import { frontHeaders } from './lib-server.mjs';
import { answer, Chance } from './lib-text.mjs';

const zip = promisify(gzip);
const base64 = (seed, count) => noise(seed, count).toString('base64');

/* Fronts begin with records that fit in a segment, and let them grow (the published patch of Cloudflare for nginx: 40 of 1369 B, 40 of
 * 4229 B, then full ones). */
const SMALL_FIRST = [[40, 1340], [40, 4200]];

const write = (response, part) => new Promise((done) => { response.write(part, done); });

async function sendWhole(exchange, plan, headers, content) {
    const body = plan.gzip ? await zip(content) : Buffer.from(content);
    await sleep(plan.first);
    if (exchange.gone) return;
    exchange.head(200, { ...headers, 'content-length': body.length, ...(plan.gzip ? { 'content-encoding': 'gzip' } : {}) });
    let at = 0;
    for (const [count, size] of plan.records === 'full' ? [] : SMALL_FIRST)
        for (let i = 0; i < count && at < body.length && !exchange.gone; i++, at += size) await write(exchange.response, body.subarray(at, at + size));
    if (at < body.length && !exchange.gone) await write(exchange.response, body.subarray(at));
}

/* Some vectors, as texts; a batch goes round among them (they are further apart than what compresses them looks back). */
const VECTORS = 9;
const pools = new Map();
function vectors(name, count, write) {
    if (!pools.has(name)) {
        const chance = new Chance(name);
        pools.set(name, Array.from({ length: VECTORS }, () => write(Array.from({ length: count }, () => (chance.unit() - 0.5) / 9))));
    }
    return pools.get(name);
}
const single = (value) => Number(Math.fround(value).toPrecision(8));
const half = (value) => Math.round(value * 131_072) / 131_072;
const lines = (indent) => (values) => values.map((value) => `${' '.repeat(indent)}${single(value)}`).join(',\n');

function openaiEmbeddings({ inputs, floats }) {
    const pool = floats ? vectors('openai floats', 1536, (values) => `[\n${lines(8)(values)}\n      ]`)
        : vectors('openai base64', 1536, (values) => `"${Buffer.from(Float32Array.from(values).buffer).toString('base64')}"`);
    const data = inputs.map((_, i) => `    {\n      "object": "embedding",\n      "index": ${i},\n      "embedding": ${pool[i % VECTORS]}\n    }`);
    return `{\n  "object": "list",\n  "data": [\n${data.join(',\n')}\n  ],\n  "model": "text-embedding-3-small",\n  "usage": {\n    "prompt_tokens": 8,\n    "total_tokens": 8\n  }\n}\n`;
}

function mistralEmbeddings({ inputs, id }) {
    const pool = vectors('mistral', 1024, (values) => values.map(half).join(','));
    const data = inputs.map((_, i) => `{"object":"embedding","embedding":[${pool[i % VECTORS]}],"index":${i}}`);
    return `{"id":"${id}","object":"list","data":[${data.join(',')}],"model":"mistral-embed","usage":{"prompt_tokens":8,"total_tokens":8,"completion_tokens":0}}`;
}

function compatibleEmbeddings({ inputs }) {
    const pool = vectors('compatible', 1024, (values) => values.map(single).join(','));
    const data = inputs.map((_, i) => `{"object":"embedding","index":${i},"embedding":[${pool[i % VECTORS]}]}`);
    return `{"object":"list","data":[${data.join(',')}],"model":"BAAI/bge-large-en-v1.5"}`;
}

function geminiEmbeddings({ inputs, small }) {
    const count = small ? 768 : 3072;
    const pool = vectors(`gemini ${count}`, count, lines(8));
    return `{\n  "embeddings": [\n${inputs.map((_, i) => `    {\n      "values": [\n${pool[i % VECTORS]}\n      ]\n    }`).join(',\n')}\n  ]\n}\n`;
}

const embeddings = (list) => async (exchange, plan) => {
    exchange.use({ kind: 'whole', modality: 'embeddings', inputs: plan.inputs.length });
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'), list(plan));
};

async function openaiImage(exchange, plan) {
    exchange.use({ kind: 'whole', modality: 'image', images: plan.sizes.length });
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'), JSON.stringify({
        created: Math.floor(Date.now() / 1000), background: 'opaque', data: plan.sizes.map((size, i) => ({ b64_json: base64(`${plan.id} ${i}`, size) })),
        output_format: 'png', quality: 'high', size: '1024x1024', usage: { input_tokens: 50, input_tokens_details: { image_tokens: 0, text_tokens: 50 }, output_tokens: 4160, total_tokens: 4210 },
    }, null, 2));
}

async function compatibleImage(exchange, plan) {
    exchange.use({ kind: 'whole', modality: 'image', images: plan.sizes.length });
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'), JSON.stringify({ id: exchange.chance.letters(24), object: 'list',
        model: 'black-forest-labs/FLUX.1-schnell', data: plan.sizes.map((size, index) => ({ index, b64_json: base64(`${plan.id} ${index}`, size), timings: { inference: plan.first / 1000 } })) }));
}

/* One image, of which it sends two drafts before. */
async function openaiPartial(exchange, plan) {
    exchange.use({ kind: 'stream', modality: 'image', images: 1 });
    exchange.head(200, frontHeaders(exchange.chance, 'text/event-stream; charset=utf-8'));
    for (const [i, type] of ['partial_image', 'partial_image', 'completed'].entries()) {
        const event = { type: `image_generation.${type}`, ...(i < 2 ? { partial_image_index: i } : {}), b64_json: base64(`${plan.id} ${i}`, plan.sizes[0]),
            created_at: Math.floor(Date.now() / 1000), size: '1024x1024', quality: 'high', background: 'opaque', output_format: 'png' };
        if (!await exchange.send(plan.first / 3, `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)) return;
    }
}

async function geminiImage(exchange, plan) {
    const text = answer(new Chance(plan.id), plan.words, 'gemini', 'fr').join('');
    const image = { inlineData: { mimeType: 'image/png', data: base64(plan.id, plan.sizes[0]) } };
    const chunk = (parts, last) => ({ candidates: [{ content: { parts, role: 'model' }, ...(last ? { finishReason: 'STOP' } : {}), index: 0 }],
        usageMetadata: { promptTokenCount: 40, candidatesTokenCount: 1290 + plan.words, totalTokenCount: 1330 + plan.words }, modelVersion: 'gemini-2.5-flash-image', responseId: exchange.chance.letters(22) });
    exchange.use({ kind: plan.stream ? 'stream' : 'whole', modality: 'image', images: 1 });
    exchange.entry.tokens_out = plan.words;
    if (!plan.stream) {
        await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json; charset=UTF-8'), JSON.stringify(chunk([...(text ? [{ text }] : []), image], true), null, 2));
        return;
    }
    exchange.head(200, frontHeaders(exchange.chance, 'text/event-stream'));
    if (text && !await exchange.send(1200, `data: ${JSON.stringify(chunk([{ text }], false))}\r\n\r\n`)) return;
    if (!await exchange.send(plan.first, `data: ${JSON.stringify(chunk([image], false))}\r\n\r\n`)) return;
    await exchange.send(20, `data: ${JSON.stringify(chunk([{ text: '' }], true))}\r\n\r\n`);
}

async function speech(exchange, plan) {
    const sound = noise(plan.id, Math.round(plan.seconds * plan.bytes_per_s));
    const size = Math.round(plan.chunk_s * plan.bytes_per_s);
    exchange.use({ kind: 'stream', modality: 'speech', audio_s: 0 });
    await sleep(plan.first);
    exchange.head(200, frontHeaders(exchange.chance, 'audio/mpeg'));
    for (let at = 0; at < sound.length; at += size) {
        const part = sound.subarray(at, at + size);
        if (!await exchange.send(at ? 1000 * plan.chunk_s / plan.pace * (0.6 + 0.8 * exchange.chance.unit()) : 0, part)) return;
        exchange.entry.audio_s += part.length / plan.bytes_per_s;
    }
}

async function transcription(exchange, plan) {
    const text = answer(new Chance(plan.id), plan.tokens, 'o200k', 'fr').join('');
    exchange.use({ kind: 'whole', modality: 'transcription', upload_bytes: plan.upload, uploads: 1 });
    exchange.entry.tokens_out = plan.tokens;
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'), JSON.stringify({ text,
        usage: { type: 'tokens', total_tokens: 1400, input_tokens: 1300, input_token_details: { text_tokens: 0, audio_tokens: 1300 }, output_tokens: plan.tokens } }));
}

async function ocr(exchange, plan) {
    const pages = plan.pages.map((tokens, index) => ({ index, markdown: answer(new Chance(`${plan.id} ${index}`), tokens, 'mistral', 'fr').join(''), images: [],
        dimensions: { dpi: 200, height: 2200, width: 1700 } }));
    exchange.use({ kind: 'whole', modality: 'ocr', upload_bytes: plan.upload, uploads: 1 });
    exchange.entry.tokens_out = plan.pages.reduce((sum, tokens) => sum + tokens, 0);
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'),
        JSON.stringify({ pages, model: 'mistral-ocr-2505-completion', document_annotation: null, usage_info: { pages_processed: pages.length, doc_size_bytes: plan.upload } }));
}

/* No use of a model: logged as such, by what it is. */
async function file(exchange, plan) {
    Object.assign(exchange.entry, { modality: 'file', upload_bytes: plan.upload, uploads: 1 });
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'), JSON.stringify({ object: 'file', id: `file-${exchange.chance.letters(22)}`,
        purpose: 'user_data', filename: 'rapport.pdf', bytes: plan.upload, created_at: Math.floor(Date.now() / 1000), expires_at: null, status: 'processed', status_details: null }, null, 2));
}

/* With types, prices and lengths of contexts. */
async function compatibleModels(exchange, plan) {
    Object.assign(exchange.entry, { modality: 'models' });
    const chance = new Chance(plan.kind);
    const list = Array.from({ length: chance.between(150, 220) }, () => ({ id: `${chance.letters(chance.between(4, 12))}/${chance.letters(chance.between(8, 30))}`, object: 'model', created: 0,
        type: 'chat', running: false, display_name: chance.letters(24), organization: chance.letters(8), link: 'https://huggingface.co/', license: 'other', context_length: 131_072,
        config: { chat_template: null, stop: [], bos_token: null, eos_token: null }, pricing: { hourly: 0, input: 0.88, output: 0.88, base: 0, finetune: 0 } }));
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'), JSON.stringify(list));
}

async function models(exchange, plan) {
    Object.assign(exchange.entry, { modality: 'models' });
    const chance = new Chance(plan.kind);
    const data = Array.from({ length: chance.between(75, 130) }, () => ({ id: `gpt-${chance.letters(chance.between(3, 22))}`, object: 'model', created: 1_686_588_896, owned_by: 'system' }));
    await sendWhole(exchange, plan, frontHeaders(exchange.chance, 'application/json'), JSON.stringify({ object: 'list', data }, null, 2));
}

export const MEDIA = {
    'openai-embeddings': embeddings(openaiEmbeddings), 'openai-image': openaiImage, 'openai-image-partial': openaiPartial, 'openai-speech': speech,
    'openai-transcription': transcription, 'openai-file': file, 'openai-models': models,
    'mistral-embeddings': embeddings(mistralEmbeddings), 'mistral-ocr': ocr, 'mistral-models': models,
    'gemini-embeddings': embeddings(geminiEmbeddings), 'gemini-image': geminiImage, 'gemini-models': models, 'anthropic-models': models,
    'compatible-embeddings': embeddings(compatibleEmbeddings), 'compatible-image': compatibleImage, 'compatible-speech': speech,
    'compatible-transcription': transcription, 'compatible-models': compatibleModels,
};
