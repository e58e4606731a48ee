/* What the web applications of the bench stream to a browser. Each is a generator of { wait, data, tokens }:
 * milliseconds to wait before, bytes to send as one write (one DATA frame or WebSocket frame, so mostly one
 * TLS record), and how many tokens of the answer are in them. None of these formats is public to the letter:
 * sizes and rhythm follow the recordings (shared/data/traffic/web_sessions_*), and each function says which
 * part. docs/accuracy.md compares what comes out with them. SPDX-License-Identifier: GPL-3.0-or-later */
import { constants, createGzip } from 'node:zlib';
import { TEXTS } from './lib-text.mjs';

const PER_SECOND = 1000;
const event = (data) => `data: ${JSON.stringify(data)}\n\n`;

/* A sum of three draws between the ends: most waits are near the middle, a few are long, as in the recordings. */
const around = (chance, low, high) => low + ((high - low) * (chance.unit() + chance.unit() + chance.unit())) / 3;

/* Compresses what it is given, one flushed piece at a time: what web fronts do with a stream. */
function compressor(flag) {
    const gzip = createGzip();
    const out = [];
    gzip.on('data', (data) => out.push(data));
    return {
        async add(text) {
            gzip.write(text);
            await new Promise((done) => gzip.flush(flag, done));
            return Buffer.concat(out.splice(0));
        },
        async end() {
            await new Promise((done) => gzip.once('end', done).end());
            return Buffer.concat(out.splice(0));
        },
    };
}

/* ChatGPT, two ways in one recorded session, in records of 268 B and more by steps of 8 on the wire (22 of
 * TLS and 9 of HTTP/2 among them): "single", one token each at 37 records a second, nearly all of 268 B;
 * "batched", 4 a second of about ten tokens, 268 to 332 B. A third of a letter of the text adds to the size,
 * which fits both. */
const CHATGPT_EVENT = 268 - 31;
/* Half of the gaps are under 21 ms, a quarter under 4, a tenth over 60. */
const paceOfOne = (chance) => (chance.unit() < 0.3 ? chance.between(0, 6) : around(chance, 8, 66));
export async function* chatgpt(chance, pieces, { regime = 'single' } = {}) {
    const pack = (text, more = 0) => {
        const size = CHATGPT_EVENT + more + 8 * Math.floor((Buffer.byteLength(text) * 0.35) / 8);
        const open = `event: delta\ndata: {"type":"message","topic":"conversation-turn-${chance.uuid()}","encoded_item":"`;
        return `${open}${chance.letters(size - open.length - 4)}"}\n\n`;
    };
    const single = regime === 'single';
    yield { wait: chance.between(700, 2600), data: pack('', 880), tokens: 0 };
    yield { wait: 20, data: pack('', 240), tokens: 0 };
    for (let i = 0; i < pieces.length;) {
        const size = single ? 1 : chance.between(5, 15);
        const some = pieces.slice(i, i + size);
        const wait = single ? paceOfOne(chance) : around(chance, 110, 380);
        yield { wait, data: pack(some.join('')), tokens: some.length };
        i += size;
    }
    yield { wait: 40, data: pack('', 350) + 'data: [DONE]\n\n', tokens: 0 };
}

/* claude.ai: the events of its public interface without padding, compressed, 13 to 16 records a second of 48 to
 * 72 B, about four tokens each: 790 to 985 B/s in the recording. Answers began 0.6 to 6 s after the prompt. */
const named = (type, data) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
export async function* claude(chance, pieces) {
    const gzip = compressor(constants.Z_SYNC_FLUSH);
    const message = {
        id: `chatcompl_01${chance.letters(22)}`, type: 'message', role: 'assistant', model: '', parent_uuid: chance.uuid(),
        uuid: chance.uuid(), content: [], stop_reason: null, stop_sequence: null,
    };
    yield { wait: chance.between(600, 3200), data: await gzip.add(named('message_start', { message })), tokens: 0 };
    const start = { index: 0, content_block: { type: 'text', text: '', citations: [], start_timestamp: new Date().toISOString() } };
    yield { wait: 2, data: await gzip.add(named('content_block_start', start)), tokens: 0 };
    for (let i = 0; i < pieces.length;) {
        const some = pieces.slice(i, i + chance.between(1, 8));
        const text = named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: some.join('') } });
        yield { wait: around(chance, 5, 125), data: await gzip.add(text), tokens: some.length };
        i += some.length;
    }
    const ends = [named('content_block_stop', { index: 0, stop_timestamp: new Date().toISOString() }),
        named('message_limit', { message_limit: { type: 'within_limit' } }), named('message_stop', {})];
    for (const end of ends) yield { wait: 5, data: await gzip.add(end), tokens: 0 };
    yield { wait: 1, data: await gzip.end(), tokens: 0 };
}

/* Gemini: each event holds all the text until then, and marks on its parts. In the recorded session two answers grew
 * from 160 B to 600 B an event within 14 s, 7 to 8 events a second ("slow"), then to 1.7 kB at once: from there on, the
 * event before is out of the compressor's window. The other ("fast") came to the same size, and the same leap, only
 * after some 520 events instead of 90 and 104, at 14 to 36 a second; after it, its events grew by 1.3 B each, the others'
 * by 6.8 and 7.5. So a fast event holds about a fifth of the text of a slow one. */
export async function* gemini(chance, pieces, { regime = 'slow' } = {}) {
    const gzip = compressor(constants.Z_SYNC_FLUSH);
    const ids = [`c_${chance.hex(16)}`, `r_${chance.hex(16)}`, `rc_${chance.hex(16)}`];
    const slow = regime === 'slow';
    const chunk = (count) => {
        const marks = '[null,null,null,null,0,0,[1,null,1]],'.repeat(count);
        const fresh = chance.letters((slow ? 60 : 230) + count / 3);
        const inner = JSON.stringify([null, ids.slice(0, 2), null, null, [[ids[2], [pieces.slice(0, count).join('')], marks, fresh]]]);
        const line = `${JSON.stringify([['wrb.fr', null, inner]])}\n`;
        return gzip.add(`${line.length + 1}\n${line}`);
    };
    yield { wait: chance.between(800, 2200), data: await gzip.add(")]}'\n\n"), tokens: 0 };
    for (let i = 0; i < pieces.length;) {
        const size = Math.min(pieces.length - i, slow ? chance.between(3, 19) : chance.between(1, 3));
        i += size;
        yield { wait: slow ? around(chance, 60, 190) : around(chance, 8, 76), data: await chunk(i), tokens: size };
    }
    const last = JSON.stringify([['di', chance.between(900, 9000)], ['af.httprm', chance.below(9000), `${chance.below(2 ** 31)}`, 30]]);
    yield { wait: 30, data: await gzip.add(`${last.length}\n${last}\n`), tokens: 0 };
    yield { wait: 1, data: await gzip.end(), tokens: 0 };
}

/* Copilot: frames of JSON with two to six tokens each; the names of events are public, the rhythm is a guess. */
export async function* copilot(chance, pieces) {
    const messageId = chance.letters(22);
    const frame = (fields) => JSON.stringify({ ...fields, id: String(chance.below(1e6)) });
    yield { wait: chance.between(500, 1800), data: frame({ event: 'startMessage', messageId, conversationId: chance.letters(22) }), tokens: 0 };
    for (let i = 0; i < pieces.length;) {
        const some = pieces.slice(i, i + chance.between(2, 6));
        yield { wait: around(chance, 15, 110), data: frame({ event: 'appendText', messageId, partId: '0', text: some.join('') }), tokens: some.length };
        i += some.length;
    }
    yield { wait: 30, data: frame({ event: 'partCompleted', messageId, partId: '0' }), tokens: 0 };
    yield { wait: 5, data: frame({ event: 'done', messageId }), tokens: 0 };
}

/* Le Chat: a line for each change of the message, in clear, which tells its identifier and where the text goes, 171 B
 * without it. The format and how much text is in a line are those of two recorded answers that are public (2025-11 and
 * 2026-01; sizes only were taken): 55 letters in ten lines ("plain"), 55 in seven of a "flash" answer, whose reasoning
 * before it, with its times in each line, had 121 letters in five, written within 20 ms. Rates of plain ones are a guess. */
export async function* lechat(chance, pieces, { regime = 'plain' } = {}) {
    const messageId = chance.uuid();
    const contextId = chance.uuid();
    const line = (patches, id = messageId) => `15:${JSON.stringify({ json: { type: 'message', messageId: id, messageVersion: 0, patches } })}\n`;
    const set = (path, value, id) => line([{ op: 'replace', path, value }], id);
    const flash = regime === 'flash';
    const thinks = flash && chance.unit() < 0.5 ? Math.floor(pieces.length * chance.unit() * 0.6) : 0;
    const context = () => ({ type: 'reasoning', contextId, startTime: Date.now(), endTime: Date.now() });
    const append = (part, value, more = []) => line([{ op: 'append', path: `/contentChunks/${part}/text`, value }, ...more]);
    const text = (some, thinking) => append(thinking || thinks === 0 ? 0 : 1, some.join(''),
        thinking ? [{ op: 'replace', path: '/contentChunks/0/_context', value: context() }] : []);
    yield { wait: chance.between(300, 1900), data: '16:{"json":{"disclaimers":[]}}\n', tokens: 0 };
    yield { wait: 3, data: set('/', { role: 'assistant', content: '', createdAt: new Date().toISOString(), fields: chance.letters(520) }), tokens: 0 };
    yield { wait: 1, data: set('/references', []), tokens: 0 };
    yield { wait: 3, data: set('/contentChunks', [{ type: 'text', text: '', _context: null }]), tokens: 0 };
    yield { wait: 4, data: set('/moderationCategory', 'safe', chance.uuid()), tokens: 0 };
    for (let i = 0; i < pieces.length;) {
        const thinking = i < thinks;
        const some = pieces.slice(i, Math.min(i + (flash ? chance.between(1, thinking ? 10 : 4) : chance.between(1, 2)), thinking ? thinks : pieces.length));
        yield { wait: flash ? chance.between(0, 5) : around(chance, 8, 48), data: text(some, thinking), tokens: some.length };
        i += some.length;
    }
    yield { wait: 20, data: `${set('/generationStatus', 'success')}8:null\n`, tokens: 0 };
}

/* DeepSeek's chat: server-sent events of 16 B and one token each, but for the first and last, as in public recordings
 * (2025-11 to 2026-08; sizes only were taken), one of which tells its times: 95 events in 2.9 s. */
export async function* deepseek(chance, pieces) {
    const named = (name, data) => `event: ${name}\n${event(data)}`;
    const session = () => named('update_session', { updated_at: Date.now() / 1000 });
    yield { wait: chance.between(300, 1800), data: named('ready', { request_message_id: 1, response_message_id: 2 }) + session(), tokens: 0 };
    yield { wait: 3, data: event({ v: { response: { message_id: 2, parent_id: 1, role: 'ASSISTANT', fields: chance.letters(360), fragments: [] } } }), tokens: 0 };
    for (let i = 0; i < pieces.length; i++)
        yield { wait: around(chance, 6, 54), data: event(i === 0 ? { v: pieces[i], p: 'response/fragments/-1/content', o: 'APPEND' } : { v: pieces[i] }), tokens: 1 };
    yield { wait: 20, data: event({ v: [{ v: 'FINISHED', p: 'status' }, { v: chance.below(4000), p: 'accumulated_token_usage' }], p: 'response', o: 'BATCH' }), tokens: 0 };
    yield { wait: 5, data: named('finish', {}) + session(), tokens: 0 };
    yield { wait: chance.between(200, 900), data: named('title', { content: chance.letters(32) }) + named('close', { click_behavior: 'none', auto_resume: false }), tokens: 0 };
}

/* The assistant of the French state (suitenumerique/conversations, whose source is public): server-sent events of version 5 of the AI SDK,
 * 49 B around a token, or lines of version 4, 5 B around it. When they come is a guess, and so is what a search finds, in each sixth answer. */
export async function* assistant(chance, pieces, { regime = 'v5' } = {}) {
    const v5 = regime === 'v5';
    const id = chance.uuid();
    const part = (letter, type, fields) => (v5 ? event({ type, ...fields }) : `${letter}:${JSON.stringify(fields)}\n`);
    const text = (value) => (v5 ? event({ type: 'text-delta', id: '0', delta: value }) : `0:${JSON.stringify(value)}\n`);
    yield { wait: chance.between(300, 2500), data: part('f', 'start', { messageId: id }), tokens: 0 };
    if (pieces.length > 0 && chance.unit() < 0.17) {
        yield { wait: chance.between(200, 900), data: part('9', 'tool-input-available', { toolCallId: chance.letters(9), toolName: 'web_search', input: { query: chance.letters(50) } }), tokens: 0 };
        yield { wait: chance.between(900, 3000), data: part('a', 'tool-output-available', { toolCallId: chance.letters(9), output: { state: 'done', results: TEXTS.fr.slice(0, chance.between(2000, 12000)) } }), tokens: 0 };
        for (let left = chance.between(2, 5); left > 0; left--) yield { wait: 4, data: part('h', 'source-url', { sourceId: chance.uuid(), url: `https://${chance.letters(50)}`, title: chance.letters(40) }), tokens: 0 };
    }
    if (v5) yield { wait: 5, data: event({ type: 'text-start', id: '0' }), tokens: 0 };
    for (const piece of pieces) yield { wait: around(chance, 4, 40), data: text(piece), tokens: 1 };
    if (v5) yield { wait: 5, data: event({ type: 'text-end', id: '0' }), tokens: 0 };
    yield { wait: chance.between(5, 60), data: part('2', 'data-conversation-metadata', { data: { type: 'conversation_metadata', title: chance.letters(40) } }), tokens: 0 };
    yield { wait: 3, data: part('d', 'finish', { finishReason: 'stop', usage: { promptTokens: 900, completionTokens: pieces.length, co2_impact: 1.2e-4 }, messageId: id }), tokens: 0 };
    if (v5) yield { wait: 1, data: 'data: [DONE]\n\n', tokens: 0 };
}

/* Perplexity: each event repeats the question and what it is about, 1.3 kB, around a piece of the answer; a thinking model's says it twice.
 * Where a source is cited, the list of sources is made anew. Sizes, pieces and pauses are of public recordings (2026-09; only
 * sizes and times were taken): "fast" 50 letters a piece, "thinking" 12 to 48. When pieces come is a guess, and whether they are compressed
 * is not known: half of them are (packed). */
const PIECE_LETTERS = { fast: [46, 56], thinking: [12, 48] };
export async function* perplexity(chance, pieces, { regime = 'fast', packed = false } = {}) {
    const gzip = packed ? compressor(constants.Z_SYNC_FLUSH) : { add: (text) => text, end: () => '' };
    const about = { ids: Array.from({ length: 7 }, () => chance.uuid()), query_str: chance.letters(chance.between(40, 160)), fields: chance.letters(690) };
    const of = (blocks, more = {}) => gzip.add(`event: message\r\ndata: ${JSON.stringify({ ...about, blocks, status: 'PENDING', ...more })}\r\n\r\n`);
    const patch = (field, path, value) => ({ intended_usage: field, diff_block: { field: `${field}_block`, patches: [{ op: 'add', path, value }] } });
    const excerpt = () => {
        const start = chance.below(TEXTS.en.length - 400);
        return TEXTS.en.slice(start, start + 400);
    };
    /* Of sources: addresses, and what they say. */
    const found = (length) => Array.from({ length: Math.ceil(length / 470) }, () => ({ url: `https://${chance.letters(40)}`, snippet: excerpt() }));
    const paths = regime === 'fast' ? [['workflow', '/steps/1/items/0/payload/text_payload/chunks/']] : [['ask_text_0', '/chunks/'], ['ask_text', '/chunks/']];
    const text = (n, value) => paths.map(([field, path]) => patch(field, path + n, value));
    yield { wait: chance.between(500, 2500), data: await of([{ intended_usage: 'answer_tabs', fields: about.fields.slice(0, 260) }]), tokens: 0 };
    yield { wait: chance.between(100, 900), data: await of([patch('workflow', '/steps/0', found(500))]), tokens: 0 };
    for (let words = chance.between(2, 6); words > 0; words--) yield { wait: around(chance, 20, 80), data: await of([patch('workflow', '/title', chance.letters(8 * words))]), tokens: 0 };
    yield { wait: chance.between(400, 1500), data: await of([patch('workflow', '/items', found(7000)), patch('web_results', '', found(12000)), patch('sources', '', found(22000))]), tokens: 0 };
    yield { wait: chance.between(300, 1400), data: await of([patch('workflow', '/steps/1', [chance.letters(120)])]), tokens: 0 };
    for (let i = 0, n = 0; i < pieces.length; n++) {
        const least = chance.between(...PIECE_LETTERS[regime]);
        const start = i;
        let value = '';
        while (i < pieces.length && value.length < least) value += pieces[i++];
        const cites = chance.unit() < 0.09 ? [patch('web_results', '', found(chance.between(2000, 9000))), patch('sources', '', found(chance.between(3000, 16000)))] : [];
        yield { wait: around(chance, 30, 230), data: await of([...text(n, value), ...cites]), tokens: i - start };
    }
    yield { wait: 40, data: await of([patch('workflow', '/status', 'completed')]), tokens: 0 };
    yield { wait: chance.between(200, 500), data: await of([{ text: pieces.join('') }, patch('web_results', '', found(46000))], { status: 'COMPLETED' }), tokens: 0 };
    yield { wait: 1, data: await gzip.add('event: end_of_stream\r\ndata: {}\r\n\r\n'), tokens: 0 };
    const last = await gzip.end();
    if (last.length > 0) yield { wait: 1, data: last, tokens: 0 };
}

/* Grok: frames of a WebSocket, each with a piece of the text, most likely a token, and 351 B around it, as in public recordings (2026-08 and
 * 2026-10; only sizes were taken): one of them has 205 chunks, and 13 other events. In clear; when they come is a guess, and so is what is
 * searched before, in each third answer. */
export function grokFrame(chance, session) {
    const group = chance.hex(32);
    let count = 0;
    return (type, fields) => JSON.stringify({ session_id: session, event: { type, event_id: `evt_${group}_${++count}`, ...fields } });
}
export async function* grok(chance, pieces, frame) {
    const id = chance.uuid();
    const chunk = (fields, step = 0) => frame('response.chunk', { response_id: id, item_id: id, chunk: { metadata: { step_id: step, phase_index: 2 }, ...fields } });
    const text = (value, channel, step) => chunk({ text: { text: value, channel: `CHANNEL_ASSISTANT_${channel}` } }, step);
    yield { wait: chance.between(80, 400), data: frame('response.created', { response: { id, status: 'in_progress', output_modalities: ['text'], x_grok: { created_at: Date.now(), model: 'fast' } } }), tokens: 0 };
    for (const type of ['response.output_item.added', 'response.content_part.added']) yield { wait: 3, data: frame(type, { response_id: id, item_id: id, part: { type: 'text' } }), tokens: 0 };
    yield { wait: 3, data: chunk({ ui_layout: { reasoning_ui_layout: 'UNIFIED' } }), tokens: 0 };
    yield { wait: 3, data: text('Thinking about your request', 'NOTETAKER_HEADER'), tokens: 0 };
    let step = 0;
    for (let searches = chance.unit() < 0.33 ? chance.between(1, 4) : 0; searches > 0; searches--) {
        yield { wait: chance.between(300, 1500), data: chunk({ tool_usage_card: { tool_usage_card_id: chance.uuid(), web_search: { args: { query: chance.letters(40) } } } }, ++step), tokens: 0 };
        yield { wait: chance.between(400, 1500), data: chunk({ tool_result: { tool_call_id: chance.uuid(), web_search: TEXTS.en.slice(0, chance.between(2000, 9000)) } }, step), tokens: 0 };
        yield { wait: 5, data: text(chance.letters(36), 'NOTETAKER_HEADER', step), tokens: 0 };
    }
    for (const kind of ['KIND_THINKING_START', 'KIND_RESPONSE_START']) yield { wait: chance.between(50, 600), data: chunk({ phase_marker: { kind, phase_index: 1 } }, step), tokens: 0 };
    for (const token of pieces) yield { wait: around(chance, 5, 37), data: text(token, 'RESPONSE', step), tokens: 1 };
    yield { wait: 10, data: frame('response.output_text.done', { response_id: id, item_id: id, text: pieces.join('') }), tokens: 0 };
    for (const type of ['response.content_part.done', 'response.output_item.done']) yield { wait: 3, data: frame(type, { response_id: id, item_id: id, part: { type: 'text' } }), tokens: 0 };
    yield { wait: 5, data: frame('response.done', { response: { id, status: 'completed', output_modalities: ['text'] } }), tokens: 0 };
    yield { wait: chance.between(100, 800), data: chunk({ follow_up_suggestions: { suggestions: Array.from({ length: 2 }, () => ({ properties: { message_type: 'TEXT' }, label: chance.letters(40) })) } }, step), tokens: 0 };
    yield { wait: chance.between(50, 300), data: frame('response.persisted', { response: { id } }), tokens: 0 };
}

/* Microsoft 365 Copilot: messages of SignalR on a WebSocket, of each answer all that was written so far (63 in 100) and what is new
 * (37), each in a message of its own, as in a public analysis of 12 recorded answers (2026-08; only sizes, kinds and times were taken): 3 to
 * 7 letters a message in two of them, 9 in a third. Other messages go before and after. */
const SNAPSHOTS = 0.63;
export function m365Frame(chance) {
    return (fields) => ({ type: 1, target: 'update', arguments: [{ ...fields, nonce: `${chance.letters(22)}==` }] });
}
export async function* m365(chance, pieces, update, question) {
    const request = chance.uuid();
    const id = chance.uuid();
    const clock = () => new Date().toISOString();
    const progress = (kind, text, more = {}) => update({ requestId: request, messages: [{ text, isExpanded: false, isPersisted: true, addToChainOfThought: false, contentType: kind,
        author: 'bot', messageType: 'Progress', createdAt: clock(), timestamp: clock(), messageId: chance.uuid(), offense: 'Unknown', contentOrigin: kind, ...more }] });
    const sources = {};
    const cite = () => {
        const start = chance.below(TEXTS.en.length - 300);
        const content = JSON.stringify({ metadata: { type: 'Web', referenceType: 0, referenceId: 'turn2search2', suppressCitation: false }, label: '1', Title: chance.letters(50), snippet: TEXTS.en.slice(start, start + 260) });
        sources[`${Object.keys(sources).length}-${chance.hex(6)}`] = { targetLink: `https://${chance.letters(45)}`, displayData: { type: 'text/json', renderType: 'CITATION', content } };
    };
    const message = (text, more = {}) => ({ text, author: 'bot', responseIdentifier: 'Default', createdAt: clock(), timestamp: clock(), messageId: id, requestId: request, offense: 'Unknown',
        adaptiveCards: [{ type: 'AdaptiveCard', version: '1.0', body: [{ type: 'TextBlock', text, wrap: true }] }], sourceAttributions: [], contentOrigin: 'DeepLeo', references: sources, ...more });
    const snapshot = (text, more = {}, own = {}) => update({ messages: [message(text, own)], requestId: request, ...more });
    yield { wait: chance.between(160, 600), data: progress('EarlyProgress', 'En cours de traitement'), tokens: 0 };
    yield { wait: 50, data: update({ throttling: { maxNumUserMessagesInConversation: 600, numUserMessagesInConversation: 3, numLongDocSummaryUserMessagesInConversation: 0 } }), tokens: 0 };
    if (pieces.length > 0 && chance.unit() < 0.25) {
        for (let words = chance.between(1, 3); words > 0; words--) yield { wait: chance.between(300, 1500), data: progress('SearchResults', 'Recherche', { searchQueries: [chance.letters(60)] }), tokens: 0 };
        yield { wait: chance.between(1500, 8500), data: progress('EarlyProgress', 'Mise en forme'), tokens: 0 };
        for (let left = chance.between(2, 7); left > 0; left--) cite();
    }
    let text = '';
    for (let i = 0; i < pieces.length;) {
        const some = pieces.slice(i, i + chance.between(1, 5));
        text += some.join('');
        const spoken = chance.unit() < 0.52 ? { spokenText: text.slice(0, 400) } : {};
        const wait = i === 0 ? chance.between(400, 2500) : around(chance, 4, 96);
        const cursor = { cursor: { j: `$['${id}'].adaptiveCards[0].body[0].text`, p: -1 } };
        yield { wait, data: i === 0 || chance.unit() < SNAPSHOTS ? snapshot(text, i === 0 ? cursor : {}, spoken) : update({ writeAtCursor: some.join(''), references: {}, streamingMode: 'Delta' }), tokens: some.length };
        i += some.length;
    }
    if (pieces.length === 0) yield { wait: 300, data: update({ requestId: request, messages: [{ author: 'bot', messageType: 'Disengaged', hiddenText: 'disengaged', offense: 'None', messageId: chance.uuid(), createdAt: clock() }] }), tokens: 0 };
    const scores = { scores: [{ component: 'BotOffense', score: 4.7e-13 }, { component: 'dea_violation', score: 5.6e-9 }] };
    const suggested = () => ({ text: chance.letters(40), commandText: chance.letters(40), hiddenText: 'DynamicTurnN', suggestionCategory: 'DynamicTurnN', author: 'user', messageType: 'Suggestion', offense: 'Unknown', contentOrigin: 'SuggestionsProviderService', messageId: chance.uuid() });
    if (pieces.length > 0) {
        yield { wait: chance.between(20, 160), data: snapshot(text, { isLastUpdate: true }, scores), tokens: 0 };
        yield { wait: 1, data: update({ patches: [{ op: 'replace', path: `/${id}/spokenText`, value: '' }] }), tokens: 0 };
        yield { wait: chance.between(900, 1400), data: snapshot(text, {}, { suggestedResponses: [1, 2, 3].map(suggested) }), tokens: 0 };
        yield { wait: 8, data: update({ requestId: request, messages: [{ text: '', author: 'bot', messageType: 'ReferencesListComplete', messageId: chance.uuid(), createdAt: clock(), timestamp: clock(), offense: 'Unknown' }] }), tokens: 0 };
    }
    const metering = Object.fromEntries(Array.from({ length: 20 }, () => [chance.letters(16), { remainingAllowance: chance.below(100) }]));
    yield { wait: chance.between(400, 800), data: { type: 2, invocationId: '0', item: { conversationId: chance.uuid(), requestId: request, conversationTransferToken: chance.letters(180), defaultChatName: question.slice(0, 60), firstNewMessageIndex: 1,
        messages: [{ text: question, author: 'user', inputMethod: 'Keyboard', messageId: chance.uuid(), entityAnnotationTypes: ['People', 'File', 'Event', 'Email', 'TeamsMessage'] }, message(text, scores)],
        result: { value: 'Success', message: text, serviceVersion: chance.letters(20) }, telemetry: { startTime: clock() }, throttling: { maxNumUserMessagesInConversation: 600, metering }, turnState: 'Completed' } }, tokens: 0 };
}

/* While an image is made: a few words of progress. */
export async function* imaging(chance, service) {
    yield* { 'chatgpt-web': chatgpt, 'gemini-web': gemini, 'copilot-web': copilot }[service](chance, []);
    for (let left = chance.between(3, 6); left > 0; left--)
        yield { wait: PER_SECOND, data: event({ status: 'in_progress', progress: chance.letters(chance.between(60, 160)) }), tokens: 0 };
}

/* Speech, as it is made: about three times as fast as it is heard (16 kB/s of sound). */
export async function* speech(chance, bytes) {
    for (let left = bytes; left > 0; left -= 12000)
        yield { wait: 250, data: Buffer.from(chance.letters(Math.min(left, 12000))), tokens: 0 };
}
