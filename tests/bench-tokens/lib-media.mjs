/* What programs ask the same hosts for beside text: embeddings, images, speech, transcriptions, pages read from scans, files,
 * lists of models; on connections of their own and on some that chats are on, too; and connections that stay open between prompts, with
 * signs of life. Clients put the number of an exchange into its address. SPDX-License-Identifier: GPL-3.0-or-later */
import { createCipheriv, createHash } from 'node:crypto';
import { exchangeOf, INTERFACES, makePlan } from './lib-plan.mjs';
import { Chance, TEXTS } from './lib-text.mjs';

const openai = { ...INTERFACES['openai-chat'] };
const mistral = { ...INTERFACES['mistral-chat'] };
const gemini = { ...INTERFACES['gemini-stream'] };
const anthropic = { ...INTERFACES['anthropic-messages'] };
const compatible = { ...INTERFACES['compatible-chat'] };

/* Kind: where it is asked for, method and path, and what it is a use of ("" where of no model). */
export const KINDS = {
    'openai-embeddings': { ...openai, path: '/v1/embeddings', modality: 'embeddings' },
    'openai-image': { ...openai, path: '/v1/images/generations', modality: 'image' },
    'openai-image-partial': { ...openai, path: '/v1/images/generations', modality: 'image' },
    'openai-speech': { ...openai, path: '/v1/audio/speech', modality: 'speech' },
    'openai-transcription': { ...openai, path: '/v1/audio/transcriptions', modality: 'transcription' },
    'openai-file': { ...openai, path: '/v1/files', modality: 'file' },
    'openai-models': { ...openai, path: '/v1/models', get: true, modality: 'models' },
    'mistral-embeddings': { ...mistral, path: '/v1/embeddings', modality: 'embeddings' },
    'mistral-ocr': { ...mistral, path: '/v1/ocr', modality: 'ocr' },
    'mistral-models': { ...mistral, path: '/v1/models', get: true, modality: 'models' },
    'gemini-embeddings': { ...gemini, path: '/v1beta/models/gemini-embedding-001:batchEmbedContents', modality: 'embeddings' },
    'gemini-image': { ...gemini, path: '/v1beta/models/gemini-2.5-flash-image:', modality: 'image' },
    'gemini-models': { ...gemini, path: '/v1beta/models', get: true, modality: 'models' },
    'anthropic-models': { ...anthropic, path: '/v1/models', get: true, modality: 'models' },
    'compatible-embeddings': { ...compatible, path: '/v1/embeddings', modality: 'embeddings' },
    'compatible-image': { ...compatible, path: '/v1/images/generations', modality: 'image' },
    'compatible-speech': { ...compatible, path: '/v1/audio/speech', modality: 'speech' },
    'compatible-transcription': { ...compatible, path: '/v1/audio/transcriptions', modality: 'transcription' },
    'compatible-models': { ...compatible, path: '/v1/models', get: true, modality: 'models' },
};

/* COUNT bytes that no one compresses, always the same for the same SEED. */
export function noise(seed, count) {
    const digest = createHash('sha256').update(seed).digest();
    return createCipheriv('aes-128-ctr', digest.subarray(0, 16), digest.subarray(16)).update(Buffer.alloc(count));
}

const within = (chance, low, high) => low + (high - low) * chance.unit();

function textOf(chance, characters) {
    const start = chance.below(TEXTS.fr.length);
    return TEXTS.fr.repeat(2 + Math.ceil(characters / TEXTS.fr.length)).slice(start, start + characters);
}

/* What each modality draws. first: ms to the first byte. Sizes by the providers' references: vectors of text-embedding-3-small
 * have 1536 numbers, of mistral-embed 1024, of gemini-embedding-001 3072, or 768 where so asked; libraries of OpenAI ask for base64. An
 * image of 1024 x 1024 has 0.8 to 2.3 MB in PNG, and a tenth to a fifth of that in JPEG or WebP, before base64. Speech: MP3 at 128
 * kbit/s, Opus at 48, or uncompressed. Times, and how chunks of sound leave, are guesses (E). */
const DRAWS = {
    embeddings: (chance, { quick }) => {
        const draw = quick ? 1 : chance.unit();
        const count = draw < 0.45 ? 1 : draw < 0.7 ? chance.between(2, 16) : chance.between(32, 64);
        const inputs = Array.from({ length: count }, () => textOf(chance, count === 1 ? chance.between(20, 200) : chance.between(200, 1500)));
        return { inputs, floats: chance.unit() < 0.4, gzip: chance.unit() < 0.5, small: chance.unit() < 0.4, first: within(chance, 120, 500) + 8 * count };
    },
    image: (chance, { quick }) => {
        const small = !quick && chance.unit() < 0.25;
        const size = () => Math.round(small ? within(chance, 1e5, 4e5) : within(chance, 8e5, 2.3e6));
        const count = !quick && chance.unit() < 0.2 ? 2 : 1;
        return { prompt: textOf(chance, chance.between(30, 800)), sizes: Array.from({ length: count }, size), stream: chance.unit() < 0.4,
            words: chance.below(2) ? chance.between(5, 40) : 0, first: quick ? 3500 : within(chance, 4500, 25_000) };
    },
    speech: (chance, { quick }) => {
        const draw = chance.unit();
        const [format, rate] = draw < 0.6 ? ['mp3', 16_000] : draw < 0.8 ? ['opus', 6000] : ['wav', 48_000];
        const seconds = quick ? 6 : within(chance, 3, 30);
        return { input: textOf(chance, Math.round(15 * seconds)), format, bytes_per_s: rate, seconds, chunk_s: within(chance, 0.05, 0.4),
            pace: within(chance, 1.2, 6), first: within(chance, 400, 1200) };
    },
    transcription: (chance) => {
        const seconds = within(chance, 15, 300);
        return { upload: Math.round(seconds * (chance.below(2) ? 16_000 : 8000)), seconds, tokens: Math.round(3.3 * seconds), first: 800 + 25 * seconds };
    },
    ocr: (chance) => {
        const pages = Array.from({ length: chance.between(1, 12) }, () => chance.between(250, 900));
        return { upload: Math.round(pages.length * within(chance, 5e4, 3e5)), pages, first: 800 + 350 * pages.length };
    },
    file: (chance) => ({ upload: Math.round(within(chance, 5e4, 3e6)), first: within(chance, 300, 1200) }),
    models: (chance) => ({ first: within(chance, 60, 250) }),
};

const MIXES = {
    openai: { embeddings: 9, image: 3, 'image-partial': 1, speech: 3, transcription: 2, file: 1, models: 2, chat: 4 },
    mistral: { embeddings: 6, ocr: 2, models: 1, chat: 2 },
    gemini: { embeddings: 6, image: 3, models: 1, chat: 2 },
    compatible: { embeddings: 6, image: 2, speech: 2, transcription: 1, models: 1, chat: 5 }, // planned last, so that the others stay as they were
};
const CHATS = { compatible: ['compatible-chat'], openai: ['openai-chat', 'openai-responses'], mistral: ['mistral-chat'], gemini: ['gemini-stream'] };

function drawKind(chance, host) {
    const entries = Object.entries(MIXES[host]);
    let left = chance.below(entries.reduce((sum, [, weight]) => sum + weight, 0));
    const [kind] = entries.find(([, weight]) => (left -= weight) < 0);
    return kind === 'chat' ? CHATS[host][chance.below(CHATS[host].length)] : `${host}-${kind}`;
}

/* Sessions as makePlan() has them, whose exchanges name their interface, or have a kind of KINDS. Half of the connections have
 * TLS records that begin small, as fronts send them: whatever is in a segment is then read at once. */
function makeMediaPlan(options) {
    const { seed, quick, h3 } = options;
    const sessions = [];
    let number = 50_000;
    const session = (client, transport, kinds, more = {}) => {
        const chance = new Chance(`${seed} media ${sessions.length}`);
        const exchanges = kinds(chance).map((name) => {
            const common = { id: `agent-${++number}`, think: chance.between(200, quick ? 400 : 2500), ...more };
            if (!KINDS[name]) return { ...exchangeOf(chance, number, { ...options, quick: true }, 'h3'), interface: name, ...INTERFACES[name], ...common };
            return { ...common, kind: name, ...KINDS[name], ...DRAWS[KINDS[name].modality](chance, options) };
        });
        sessions.push({ host: exchanges[0].host, exchanges, client, transport, at_once: false, records: chance.below(2) ? 'full' : 'small first',
            device: 1 + chance.below(6), start: chance.unit() * (quick ? 1 : 20) });
    };
    if (quick) {
        session('node-h2', 'h2', () => ['openai-chat', 'openai-embeddings', 'openai-models', 'openai-image', 'openai-speech', 'openai-chat']);
        session('curl-h1', 'h1', () => ['gemini-embeddings']);
        return sessions;
    }
    const sessionsOf = (host) => {
        for (const [client, transport] of [['curl-h1', 'h1'], ['curl-h2', 'h2']])
            for (const kind of Object.keys(MIXES[host]).filter((name) => name !== 'chat'))
                for (let i = 0; i < ({ embeddings: 3, image: 2, speech: 3 }[kind] ?? 1); i++) session(client, transport, () => [`${host}-${kind}`]);
        for (const [client, transport] of [['node-h1', 'h1'], ['node-h2', 'h2']])
            for (let i = 0; i < (host === 'openai' ? 4 : 2); i++)
                session(client, transport, (chance) => Array.from({ length: 6 }, () => drawKind(chance, host)));
    };
    ['openai', 'mistral', 'gemini'].forEach(sessionsOf);
    for (const client of ['node-h1', 'node-h2']) { // open for half a minute
        for (const name of ['openai-chat', 'anthropic-messages'])
            session(client, client.slice(-2), () => [name, name, name], { think: 12_000, ping: 2500 });
        session(client, client.slice(-2), () => ['anthropic-messages', 'anthropic-models', 'anthropic-messages']);
    }
    for (const kind of h3 ? ['openai-embeddings', 'mistral-embeddings', 'gemini-embeddings', 'gemini-image'] : [])
        for (let i = 0; i < 3; i++) session('ngtcp2-h3', 'h3', () => [kind]);
    sessionsOf('compatible');
    return sessions;
}

/* OPTIONS: mode ("", "quick" or "media"), and those of makePlan(). */
export function planAll({ mode, ...options }) {
    const all = { ...options, quick: mode === 'quick' };
    return [...(mode === 'media' ? [] : makePlan(all)), ...(mode ? makeMediaPlan(all) : [])];
}

/* Address, headers and body of a request, as a client sends it. */
const jsonHeaders = { accept: 'application/json', 'content-type': 'application/json', 'accept-encoding': 'gzip, deflate' };
const BODIES = {
    'openai-embeddings': ({ inputs, floats }) => ({ input: inputs, model: 'text-embedding-3-small', encoding_format: floats ? 'float' : 'base64' }),
    'openai-image': ({ prompt, sizes }) => ({ prompt, model: 'gpt-image-1', n: sizes.length, size: '1024x1024' }),
    'openai-image-partial': ({ prompt }) => ({ prompt, model: 'gpt-image-1', stream: true, partial_images: 2, size: '1024x1024' }),
    'openai-speech': ({ input, format }) => ({ input, model: 'gpt-4o-mini-tts', voice: 'coral', response_format: format }),
    'compatible-embeddings': ({ inputs }) => ({ input: inputs, model: 'BAAI/bge-large-en-v1.5' }),
    'compatible-image': ({ prompt, sizes }) => ({ prompt, model: 'black-forest-labs/FLUX.1-schnell', n: sizes.length, width: 1024, height: 1024, response_format: 'base64' }),
    'compatible-speech': ({ input, format }) => ({ input, model: 'cartesia/sonic', voice: 'french narrator lady', response_format: format }),
    'mistral-embeddings': ({ inputs }) => ({ input: inputs, model: 'mistral-embed' }),
    'gemini-embeddings': ({ inputs, small }) => ({ requests: inputs.map((text) => ({ model: 'models/gemini-embedding-001', content: { parts: [{ text }], role: 'user' },
        ...(small ? { outputDimensionality: 768 } : {}) })) }),
    'gemini-image': ({ prompt }) => ({ contents: [{ parts: [{ text: prompt }], role: 'user' }], generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } }),
};

function multipart(fields, name, content) {
    const boundary = 'a7c1e0f94b3d2c586f1e0a9b8c7d6e5f';
    const parts = Object.entries(fields).map(([key, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`).join('');
    return [`multipart/form-data; boundary=${boundary}`, Buffer.concat([
        Buffer.from(`${parts}--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n`),
        content, Buffer.from(`\r\n--${boundary}--\r\n`)])];
}

export function mediaRequest(plan, headers) {
    const file = plan.upload ? noise(plan.id, plan.upload) : null;
    const verb = plan.kind === 'gemini-image' ? (plan.stream ? 'streamGenerateContent?alt=sse&' : 'generateContent?') : '?';
    const path = `${plan.path}${verb}bench=${plan.id}`;
    if (plan.get) return [path, { ...headers, accept: 'application/json' }];
    if (plan.modality === 'transcription' || plan.modality === 'file') {
        const [type, body] = multipart(plan.modality === 'file' ? { purpose: 'user_data' } : { model: plan.kind === 'compatible-transcription' ? 'openai/whisper-large-v3' : 'gpt-4o-transcribe' },
            plan.modality === 'file' ? 'rapport.pdf' : 'reunion.mp3', file);
        return [path, { ...headers, accept: 'application/json', 'content-type': type }, body];
    }
    const body = plan.modality === 'ocr'
        ? { model: 'mistral-ocr-latest', document: { type: 'document_url', document_url: `data:application/pdf;base64,${file.toString('base64')}` } } : BODIES[plan.kind](plan);
    return [path, { ...headers, ...jsonHeaders }, JSON.stringify(body)];
}
