/* What each service sends, as its public interface or recordings of it show. A stream is a generator
 * of [milliseconds to wait, text]; one text becomes one HTTP DATA frame or chunk, and one TLS record.
 *
 * The plaintext of the APIs is public, so their events are theirs, field by field. The plaintext of
 * the web applications is not: only the sizes and the rhythm of their records were recorded, and each
 * function says what it imitates. SPDX-License-Identifier: GPL-3.0-or-later */
import { createGzip, constants } from 'node:zlib';

const now = () => Math.floor(Date.now() / 1000);
const event = (data) => `data: ${JSON.stringify(data)}\n\n`;

/* OpenAI pads each event so that its JSON is one more than a multiple of 16 bytes, with 1 to 16
 * letters of "obfuscation" (seen in every stream quoted in public since August 2025), and its front
 * sends events two at a time: 655 of TCP payload in most packets of the recordings of gpt-4o. */
function openaiEvent(chance, fields) {
    const bare = Buffer.byteLength(JSON.stringify({ ...fields, obfuscation: '' }));
    return event({ ...fields, obfuscation: chance.letters(16 - ((bare - 1) % 16)) });
}

async function* openaiStream(chance, pieces, body) {
    const chunk = (delta, finish_reason = null) => openaiEvent(chance, {
        ...envelope, choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    const envelope = {
        id: `chatcmpl-${chance.letters(29)}`, object: 'chat.completion.chunk', created: now(),
        model: body.model, service_tier: 'default', system_fingerprint: `fp_${chance.hex(10)}`,
    };
    const events = [chunk({ role: 'assistant', content: '', refusal: null }),
        ...pieces.map((content) => chunk({ content })), chunk({}, 'stop') + 'data: [DONE]\n\n'];
    for (let i = 0; i < events.length; i += 2)
        yield [i ? chance.between(12, 28) : chance.between(350, 900), events.slice(i, i + 2).join('')];
}

/* Mistral pads with a prefix of the alphabet in "p"; one event per token, each in its own record. */
async function* mistralStream(chance, pieces, body) {
    const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
    const envelope = {
        id: chance.hex(32), object: 'chat.completion.chunk', created: now(), model: body.model,
    };
    const chunk = (delta, finish_reason = null, more = {}) => event({
        ...envelope, choices: [{ index: 0, delta, finish_reason }], ...more,
        p: alphabet.slice(0, chance.between(1, 36)),
    });
    yield [chance.between(200, 500), chunk({ role: 'assistant', content: '' })];
    for (const content of pieces) yield [chance.between(8, 18), chunk({ content })];
    yield [10, chunk({ content: '' }, 'stop', { usage: usage(body, pieces) }) + 'data: [DONE]\n\n'];
}

const usage = (body, pieces) => ({
    prompt_tokens: body.promptTokens, total_tokens: body.promptTokens + pieces.length,
    completion_tokens: pieces.length,
});

/* Albert serves open models with vLLM behind OpenGateLLM: vLLM's chunks, one event per token. */
async function* albertStream(chance, pieces, body) {
    const envelope = {
        id: `chatcmpl-${chance.hex(32)}`, object: 'chat.completion.chunk', created: now(),
        model: body.model,
    };
    const chunk = (delta, finish_reason = null) => event({
        ...envelope, choices: [{ index: 0, delta, logprobs: null, finish_reason, token_ids: null }],
    });
    yield [chance.between(250, 600), event({
        ...envelope, prompt_token_ids: null,
        choices: [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
    })];
    for (const content of pieces) yield [chance.between(14, 24), chunk({ content })];
    yield [10, chunk({ content: '' }, 'stop')];
    yield [1, event({ ...envelope, choices: [], usage: usage(body, pieces) }) + 'data: [DONE]\n\n'];
}

const named = (type, data, spaces = 0) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data }).replace(/}$/, ' '.repeat(spaces) + '}')}\n\n`;

/* Anthropic puts several tokens in an event and up to 15 spaces before the last brace. */
function anthropicEvents(chance, pieces, body, most) {
    const message = {
        id: `msg_01${chance.letters(22)}`, type: 'message', role: 'assistant', model: body.model,
        content: [], stop_reason: null, stop_sequence: null,
        usage: { input_tokens: body.promptTokens, cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0, output_tokens: 1, service_tier: 'standard' },
    };
    const pad = () => (most.spaces ? chance.between(0, most.spaces) : 0);
    const start = [named('message_start', { message }, pad()),
        named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }, pad()),
        named('ping', {}, 0)];
    const deltas = [];
    for (let i = 0; i < pieces.length;) {
        const size = chance.between(1, most.tokens);
        const text = pieces.slice(i, i + size).join('');
        deltas.push(named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }, pad()));
        i += size;
    }
    const end = [named('content_block_stop', { index: 0 }, pad()),
        named('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null },
            usage: { output_tokens: pieces.length } }, pad()), named('message_stop', {}, pad())];
    return [start, deltas, end];
}

async function* anthropicStream(chance, pieces, body) {
    const [start, deltas, end] = anthropicEvents(chance, pieces, body, { tokens: 12, spaces: 15 });
    yield [chance.between(500, 1100), start.join('')];
    for (const delta of deltas) yield [chance.between(50, 140), delta];
    for (const last of end) yield [5, last];
}

/* Passes texts through a compressor that is flushed after each: what the web fronts do. */
async function* compressed(compressor, flag, texts) {
    const out = [];
    compressor.on('data', (data) => out.push(data));
    for await (const [wait, text] of texts) {
        compressor.write(text);
        await new Promise((done) => compressor.flush(flag, done));
        yield [wait, Buffer.concat(out.splice(0))];
    }
    await new Promise((done) => compressor.once('end', done).end());
    yield [1, Buffer.concat(out)];
}

/* claude.ai: the API's events without padding, compressed, about 17 records a second of 45 to 80
 * bytes in the recording. */
function claudeWebStream(chance, pieces, body) {
    async function* texts() {
        const [start, deltas, end] = anthropicEvents(chance, pieces, body, { tokens: 8, spaces: 0 });
        yield [chance.between(700, 1500), start.join('')];
        for (const delta of deltas) yield [chance.between(40, 80), delta];
        for (const last of end) yield [5, last];
    }
    return compressed(createGzip(), constants.Z_SYNC_FLUSH, texts());
}

/* Le Chat: a line for each change of the message, in clear, as in two recordings that are public (2025-11, 2026-01); one or
 * two tokens in each. The rhythm is a guess. */
async function* mistralWebStream(chance, pieces) {
    const messageId = chance.uuid();
    const line = (patch) => `15:${JSON.stringify({ json: { type: 'message', messageId, messageVersion: 0, patches: [patch] } })}\n`;
    const set = (path, value) => line({ op: 'replace', path, value });
    yield [chance.between(300, 700), '16:{"json":{"disclaimers":[]}}\n'];
    yield [3, set('/', { role: 'assistant', content: '', createdAt: new Date().toISOString(), fields: chance.letters(520) })];
    yield [3, set('/contentChunks', [{ type: 'text', text: '', _context: null }])];
    for (let i = 0; i < pieces.length;) {
        const some = pieces.slice(i, i + chance.between(1, 2));
        yield [chance.between(12, 40), line({ op: 'append', path: '/contentChunks/0/text', value: some.join('') })];
        i += some.length;
    }
    yield [20, `${set('/generationStatus', 'success')}8:null\n`];
}

/* ChatGPT web: 3 to 8 records a second, of 268 to 324 bytes by steps of 8 in the recording. What is
 * in them is not known; here about ten tokens in base64 in an envelope padded to 8 bytes. */
async function* chatgptWebStream(chance, pieces) {
    const topic = `conversation-turn-${chance.uuid()}`;
    const pack = (text) => {
        const item = Buffer.from(`event: delta\ndata: ${JSON.stringify({ v: text })}\n\n`).toString('base64');
        const json = event({ type: 'message', id: chance.hex(32), topic, payload: { encoded_item: item } });
        return json.replace(/\n\n$/, ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8) + '\n\n');
    };
    yield [chance.between(500, 1200), pack(JSON.stringify({ message: { id: chance.uuid(),
        author: { role: 'assistant' }, create_time: now(), status: 'in_progress', content: { parts: [''] } } }))];
    for (let i = 0; i < pieces.length;) {
        const size = chance.between(6, 14);
        yield [chance.between(130, 330), pack(pieces.slice(i, i + size).join(''))];
        i += size;
    }
    yield [60, pack('') + 'data: [DONE]\n\n'];
}

/* A front that serves a whole answer at once, without streaming. */
async function* openaiWhole(chance, pieces, body) {
    yield [400 + 10 * pieces.length, JSON.stringify({
        id: `chatcmpl-${chance.letters(29)}`, object: 'chat.completion', created: now(), model: body.model,
        choices: [{ index: 0, message: { role: 'assistant', content: pieces.join(''), refusal: null,
            annotations: [] }, logprobs: null, finish_reason: 'stop' }],
        usage: { ...usage(body, pieces), prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
            completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0,
                accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 } },
        service_tier: 'default', system_fingerprint: `fp_${chance.hex(10)}`,
    }, null, 2)];
}

/* What inference answers each host and path; anything else on a host is furniture (see server.mjs). */
const completions = '/v1/chat/completions';
export const services = {
    'api.openai.com': { id: 'openai-api', path: completions, stream: openaiStream, whole: openaiWhole },
    'api.mistral.ai': { id: 'mistral-api', path: completions, stream: mistralStream },
    'api.anthropic.com': { id: 'anthropic-api', path: '/v1/messages', stream: anthropicStream },
    'albert.api.etalab.gouv.fr': { id: 'albert-api', path: completions, stream: albertStream },
    'claude.ai': { id: 'claude-web', path: '/api/completion', stream: claudeWebStream, encoding: 'gzip' },
    'chat.mistral.ai': { id: 'mistral-web', path: '/api/chat', stream: mistralWebStream },
    'chatgpt.com': { id: 'chatgpt-web', path: '/backend-api/f/conversation', stream: chatgptWebStream },
    // Same certificate and address as chatgpt.com, and no inference: to be told apart by its name.
    'ab.chatgpt.com': { certificate: 'chatgpt.com' },
    'www.rennes.example': {},
};
