/* recorded.mjs DATA DIRECTORY: turns the recorded sizes and times of DATA (openai_api_gpt4o*.csv,
 * api_streams.csv, web_sessions_*.csv) into captures DIRECTORY/NAME.pcap with real TLS record headers, and
 * what was true of them into DIRECTORY/NAME.tsv: service, transport, requests, input and output tokens of each connection.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync, writeFileSync } from 'node:fs';
import { Capture, CLIENT, SERVER } from './capture.mjs';

const [data, directory] = process.argv.slice(2);
const START = Date.UTC(2026, 9, 5, 8) / 1000;
const RECORD_OVERHEAD = 22; /* TLS 1.3: header, type and tag */
const FRAME = 9;            /* of HTTP/2, its header */
const MSS = 1374;           /* of the recordings of browsers */

function read(name) {
    const [head, ...lines] = readFileSync(`${data}/${name}`, 'utf8').trimEnd().split(/\r?\n/);
    const columns = head.split(',');
    return lines.map((line) => {
        const values = line.split(',');
        return Object.fromEntries(columns.map((column, i) => [column, values[i]]));
    });
}

function groupBy(rows, key) {
    const groups = new Map();
    for (const row of rows) groups.set(key(row), []);
    for (const row of rows) groups.get(key(row)).push(row);
    return groups;
}

function truth(name, rows) {
    const head = 'port\tservice\ttransport\trequests\ttokens_in\ttokens_out';
    writeFileSync(`${directory}/${name}.tsv`, `${[head, ...rows.map((row) => row.join('\t'))].join('\n')}\n`);
}

/* One connection, one answer each, a record in each packet; but what fills a segment goes on in the next one. What the client sent was not
 * recorded: about what its library sends. */
const FULL_SEGMENT = 1391;
function openai() {
    const capture = new Capture(`${directory}/openai.pcap`);
    const packets = groupBy(read('openai_api_gpt4o_packets.csv'), (row) => row.id);
    const rows = [];
    read('openai_api_gpt4o.csv').forEach((answer, i) => {
        const port = 20000 + i;
        const begins = START + 40 * i;
        const [hello, ...stream] = packets.get(answer.id);
        const connection = capture.connection(begins, { name: 'api.openai.com', from: '198.51.100.10', to: '203.0.113.10', port });
        connection.handshake(begins + Number(hello.t_since_clienthello_s), Number(hello.tcp_payload_bytes));
        connection.send(begins + 0.02, CLIENT, 620 + Number(answer.prompt_chars) + RECORD_OVERHEAD);
        let held = 0;
        for (const packet of stream) {
            held += Number(packet.tcp_payload_bytes);
            if (Number(packet.tcp_payload_bytes) === FULL_SEGMENT) continue;
            connection.send(begins + Number(packet.t_since_clienthello_s), SERVER, held);
            held = 0;
        }
        connection.end(begins + Number(stream.at(-1).t_since_clienthello_s) + 0.01);
        rows.push([port, 'openai-api', 'h1', 1, '', answer.resp_tokens_true]);
    });
    capture.close();
    truth('openai', rows);
}

const SERVICES = {
    'api.openai.com/chat': 'openai-api', 'api.openai.com/responses': 'openai-api', 'api.anthropic.com/messages': 'anthropic-api',
    'api.mistral.ai/chat': 'mistral-api', 'api.groq.com/chat': 'groq', 'api.deepseek.com/chat': 'deepseek-api',
    'api.x.ai/chat': 'xai-api', 'api.x.ai/responses': 'xai-api', 'generativelanguage.googleapis.com/gemini': 'gemini-api',
};

/* The sizes of an answer's events: those that carry pieces of the text are as long as the median one of them,
 * the others share what is left; half of these come first, as in the protocols. Where the provider's format tells more of
 * where what stands, by that. */
function eventSizes(answer) {
    if (answer.api === 'gemini') return eventSizesOfGemini(answer);
    if (answer.provider === 'api.openai.com' && answer.api === 'responses') return eventSizesOfResponses(answer);
    if (answer.api === 'chat' && OF_CHAT.has(answer.provider)) return eventSizesOfChat(answer);
    const [events, deltas, median, total] = ['events', 'delta_events', 'median_delta_event_bytes', 'sse_plain_bytes']
        .map((name) => Number(answer[name]) || 0);
    const others = events - deltas;
    const piece = others > 0 ? median : total / deltas;
    const rest = Math.max(30 * others, total - piece * deltas);
    const other = Array.from({ length: others }, (_, i) => Math.round((rest * (i + 1)) / others) - Math.round((rest * i) / others));
    return [...other.slice(0, others / 2), ...Array(deltas).fill(Math.round(piece)), ...other.slice(others / 2)];
}

/* OpenAI's responses, whose events stand in the provider's reference, and so in two public recordings whose events were read one by one
 * (pydantic-ai, vercel/ai, 2026): the settings of the request are told twice before the text and once after it, and the text, or the
 * arguments of a call, three times more. What the usual events leave is settings; events beyond these, of tools that run at the server,
 * come before the text, and are as small as others without it. */
const SETTLED = 16; // of the events of this and the next format, a size that a header or a number changes
const OF_TEXT = { before: [259, 274], after: [224, 273, 319] };
const OF_CALL = { before: [310], after: [220, 307] };
const USAGE_OF_RESPONSES = 150;
const OTHER_EVENT = 250;
function eventSizesOfResponses(answer) {
    const [events, deltas, median, total, text, call] = ['events', 'delta_events', 'median_delta_event_bytes', 'sse_plain_bytes', 'text_bytes', 'tooljson_bytes']
        .map((name) => Number(answer[name]) || 0);
    const parts = [...(text > 0 || call === 0 ? [[OF_TEXT, text]] : []), ...(call > 0 ? [[OF_CALL, call]] : [])];
    const before = parts.flatMap(([part]) => part.before);
    const after = parts.flatMap(([part, more]) => part.after.map((size) => size + more));
    const beside = Math.max(0, events - deltas - 3 - before.length - after.length);
    const sizes = [...Array(beside).fill(OTHER_EVENT), ...before, ...Array(deltas).fill(median || OTHER_EVENT), ...after];
    const output = after.at(-1) - OF_TEXT.before[0] / 4 + USAGE_OF_RESPONSES;
    const left = total - sizes.reduce((sum, size) => sum + size, 0) - output;
    const settings = Math.max(SETTLED, Math.round(left / 3));
    return [settings, settings, ...sizes, Math.round(Math.max(settings, left - 2 * settings) + output)];
}

/* Chat completions: an event with the role, or with the name and the number of a call, the pieces, an event with the reason of the end, one
 * with the usage, and a last line of 14 B. Mistral's has reason and usage in one, and a call in one event with these. Of OpenAI's calls, sizes
 * are those of public recordings that were read one by one (pydantic-ai, openllmetry, opentelemetry-python-contrib; 2024-06 to 2026-02): where several
 * calls are made at once, the role is told before, and each begins with an event of its own. How many there were is told by what was billed
 * beyond the pieces: of one call 8 to 10 tokens, of two 38. */
const OF_CHAT = new Set(['api.openai.com', 'api.mistral.ai']);
const LAST_LINE = 14;
const THAN_PIECE = { call: 128, each: 80, role: -16, end: -48, usage: 144 }; // more than a piece of a call has
const MOST_OF_ONE_CALL = 30;
function eventsOfCalls(total, events, billed) {
    const around = { one: ['call', 'end', 'usage'], two: ['role', 'each', 'each', 'end', 'usage'] };
    const parts = around[billed - (events - around.one.length - 1) > MOST_OF_ONE_CALL ? 'two' : 'one'];
    const pieces = events - parts.length - 1;
    const piece = Math.round((total - LAST_LINE - parts.reduce((sum, part) => sum + THAN_PIECE[part], 0)) / (events - 1));
    const [opening, closing] = [parts.slice(0, -2), [piece + THAN_PIECE.end]].map((part) => part.map((name) => (name > 0 ? name : piece + THAN_PIECE[name])));
    if (opening.length === 1) return [...opening, ...Array(pieces).fill(piece), ...closing];
    const half = pieces >> 1;
    return [...opening.slice(0, 2), ...Array(half).fill(piece), opening[2], ...Array(pieces - half).fill(piece), ...closing];
}

function eventSizesOfChat(answer) {
    const [events, deltas, median, total, billed] = ['events', 'delta_events', 'median_delta_event_bytes', 'sse_plain_bytes', 'output_tokens_billed']
        .map((name) => Number(answer[name]) || 0);
    const sum = (sizes) => sizes.reduce((all, size) => all + size, 0);
    let sizes;
    if (deltas === 0 && events <= 2) { // of Mistral's, all of a call
        sizes = [Math.round(total / 3)];
    } else if (deltas === 0) {
        sizes = eventsOfCalls(total, events, billed);
    } else {
        const ends = Math.max(0, events - deltas - 3); // with a reason apart from the usage
        sizes = [median, ...Array(deltas).fill(median), ...Array(ends).fill(median)];
    }
    const end = events > sizes.length + 1 ? [LAST_LINE] : [];
    return [...sizes, Math.max(SETTLED, total - sum(sizes) - sum(end)), ...end];
}

/* Reasoning was sent where its text is long enough for its tokens; a summary is not. Where even without it more tokens were
 * billed than the text that was sent can hold, and what surrounds the call of a tool, others were hidden that nobody stated (of
 * tools that ran at the server, most likely): then what was sent is so much as its text is. */
const LEAST_BYTES = 1.5; // of text in a token, of code and JSON
const MOST_AROUND = 40;  // tokens that are no text: names of tools, marks of the end
const USUAL_BYTES = 4.3;
function visibleTokens(answer) {
    const reasoning = Number(answer.reasoning_tokens_hidden || 0);
    const sent = Number(answer.thinking_bytes) >= 2 * reasoning;
    const billed = Number(answer.output_tokens_billed) - (sent ? 0 : reasoning);
    const text = ['text_bytes', 'tooljson_bytes', ...(sent ? ['thinking_bytes'] : [])].reduce((sum, name) => sum + Number(answer[name]), 0);
    return billed > text / LEAST_BYTES + MOST_AROUND ? Math.round(text / USUAL_BYTES) : billed;
}

/* Of Gemini's, the provider's format says where what is no text stands: a signature of thoughts is in the last event, which has no text
 * beside it, or, of the call of a tool, in the first one (so in each of seven public recordings whose events were read one by one:
 * pydantic-ai and vercel/ai, 2025-11 to 2026-09). What the usual events leave is there. */
const GEMINI_ENVELOPE = 350; // of an event without text, recorded: 330 to 390
function eventSizesOfGemini(answer) {
    const [events, deltas, median, total, text] = ['events', 'delta_events', 'median_delta_event_bytes', 'sse_plain_bytes', 'text_bytes']
        .map((name) => Number(answer[name]) || 0);
    const usual = deltas > 2 || events > deltas ? median || GEMINI_ENVELOPE : Math.round(GEMINI_ENVELOPE + text / 2);
    const sizes = Array.from({ length: events - 1 }, (_, i) => (i < deltas || deltas === 0 ? usual : GEMINI_ENVELOPE));
    const rest = total - sizes.reduce((sum, size) => sum + size, 0);
    return deltas > 0 || events === 1 ? [...sizes, rest] : [rest, ...sizes];
}

/* Of these, sizes are known, but not times: events at the pace of a common model, over HTTP/2 (9 B a frame). What
 * stands before the body is not known either: as much as the estimators' parameters assume (of Gemini's short ones, 400 B). Tokens of reasoning
 * that were billed but never sent are not what is estimated. */
function streams() {
    const capture = new Capture(`${directory}/streams.pcap`);
    const rows = [];
    read('api_streams.csv').forEach((answer, i) => {
        const service = SERVICES[`${answer.provider}/${answer.api}`];
        const visible = visibleTokens(answer);
        if (!service || !(visible > 0) || !(Number(answer.events) > 0)) return;
        const port = 20000 + i;
        const begins = START + 60 * i;
        const sizes = eventSizes(answer);
        const connection = capture.connection(begins, { name: answer.provider, from: '198.51.100.20', to: '203.0.113.20', port });
        connection.handshake(begins + 0.02, 3200);
        for (const side of [SERVER, CLIENT]) connection.send(begins + 0.03, side, FRAME + RECORD_OVERHEAD); // SETTINGS are acknowledged
        connection.send(begins + 0.04, CLIENT, 600 + (Number(answer.request_body_bytes) || 300) + FRAME + RECORD_OVERHEAD);
        connection.send(begins + 0.5, SERVER, (service === 'gemini-api' ? 400 : 900) + FRAME + RECORD_OVERHEAD);
        sizes.forEach((size, event) => connection.send(begins + 0.52 + 0.02 * event, SERVER, size + FRAME + RECORD_OVERHEAD));
        connection.end(begins + 0.55 + 0.02 * sizes.length);
        rows.push([port, `${service} ${answer.api}`, 'h2', 1, answer.request_body_bytes ? answer.input_tokens : '', visible]);
    });
    capture.close();
    truth('streams', rows);
}

const WEB = { chatgpt: ['chatgpt.com', 'chatgpt-web'], claude: ['claude.ai', 'claude-web'], gemini: ['gemini.google.com', 'gemini-web'] };

/* Packets of a browser's session: of what fills a packet, a record goes on in the next one. */
function web() {
    const capture = new Capture(`${directory}/web.pcap`);
    const rows = [];
    const packets = read('web_sessions_packets.csv');
    read('web_sessions_labels.csv').forEach((session, i) => {
        const [name, service] = WEB[session.provider];
        const own = packets.filter((packet) => packet.capture === session.capture && packet.proto === 'tcp');
        groupBy(own, (packet) => packet.flow).forEach((flow, number) => {
            const begins = START + 7200 * i;
            const port = 20000 + 100 * i + Number(number);
            const connection = capture.connection(begins + Number(flow[0].t_s), { name, from: '198.51.100.30', to: '203.0.113.30', port });
            const held = [0, 0];
            connection.handshake(begins + Number(flow[0].t_s), 3200);
            for (const packet of flow) {
                const side = packet.dir === 'u' ? CLIENT : SERVER;
                held[side] += Number(packet.payload_bytes);
                if (Number(packet.payload_bytes) >= MSS && held[side] < 16000) continue;
                connection.send(begins + Number(packet.t_s), side, held[side]);
                held[side] = 0;
            }
            connection.end(begins + Number(flow.at(-1).t_s) + 0.01);
            rows.push([port, service, 'h2', Number(number) === 0 ? session.prompts_stated_in_file_name : '', '', '']);
        });
    });
    capture.close();
    truth('web', rows);
}

openai();
streams();
web();
