/* web-evaluate.mjs PROGRAM CONFIGURATION DIRECTORY: compares what PROGRAM (iagmeter) makes of DIRECTORY/capture.pcap, as
 * web.sh leaves it, with DIRECTORY/truth.jsonl, and prints tables in Markdown: one row a service and transport, and what
 * is no text. Exchanges are compared by connection: found is what both have, at most. Answers with nothing in them,
 * and images, are prompts too, but have no tokens; refused prompts are none.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { execFileSync } from 'node:child_process';
import { readTruth } from './lib-truth.mjs';

const [program, configuration, directory] = process.argv.slice(2);

const median = (values) => {
    const sorted = [...values].sort((a, b) => a - b);
    const half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};
const sum = (values) => values.reduce((a, b) => a + b, 0);
const share = (value, whole) => (whole > 0 ? `${Math.round((100 * value) / whole)} %` : '–');
const bias = (value) => `${value > 0 ? '+' : ''}${Math.round(100 * value)} %`;
const band = (text) => text.split('/').map(Number);

/* Error of the connections where prompts were found and there is something to find, bias of the sum of all, share of
 * truths inside of the bands. */
function judge(rows, what) {
    const pairs = rows.map((row) => row[what]);
    const known = rows.filter((row) => row.found > 0 && row[what].truth > 0).map((row) => row[what]);
    const truth = sum(pairs.map((pair) => pair.truth));
    if (known.length === 0 || truth === 0) return ['–', '–', '–'];
    return [`${Math.round(100 * median(known.map((pair) => Math.abs(pair.estimate[1] / pair.truth - 1))))} %`,
        bias(sum(pairs.map((pair) => pair.estimate[1])) / truth - 1),
        share(known.filter((pair) => pair.estimate[0] <= pair.truth && pair.truth <= pair.estimate[2]).length, known.length)];
}

const header = (columns, words) => {
    console.log(`| ${columns.join(' | ')} |`);
    console.log(`|${columns.map((_, i) => (i < words ? '---' : '--:')).join('|')}|`);
};

/* Connections, by the client's port and which server it was: ports are used again for others. */
const keyOf = ({ sni, client_port }) => `${sni} ${client_port}`;
const truth = readTruth(`${directory}/truth.jsonl`);
const exchanges = Map.groupBy ? Map.groupBy(truth, keyOf) : truth.reduce((map, entry) =>
    map.set(keyOf(entry), [...(map.get(keyOf(entry)) ?? []), entry]), new Map());

const text = execFileSync(program, ['inspect', '--addresses', '-c', configuration, `${directory}/capture.pcap`], { encoding: 'utf8', maxBuffer: 1 << 28 });
const [head, ...lines] = text.trimEnd().split('\n');
const columns = head.slice(1).split('\t');
const seen = new Set();
const connections = lines.map((line) => Object.fromEntries(line.split('\t').map((value, i) => [columns[i], value]))).map((flow) => {
    const key = keyOf({ sni: flow.name, client_port: flow.client_port });
    const entries = exchanges.get(key) ?? [];
    seen.add(key);
    const answered = entries.filter(({ event }) => event === 'exchange');
    return {
        service: flow.service,
        transport: entries.some(({ transport }) => transport === 'ws') ? 'WebSocket' : flow.transport === 'quic' ? 'HTTP/3' : 'HTTP/2',
        found: band(flow.requests).at(flow.requests.includes('/') ? 1 : 0), prompts: answered.length, entries,
        out: { estimate: band(flow.tokens_out), truth: sum(answered.map(({ tokens_out }) => tokens_out)) },
        in: { estimate: band(flow.tokens_in), truth: sum(answered.map(({ tokens_in }) => tokens_in)) },
    };
});
const missing = [...exchanges.keys()].filter((key) => !seen.has(key) && !key.startsWith('ws.'));
if (missing.length) throw new Error(`connections with prompts that the capture has not got: ${missing.join(', ')}`);

const groups = [...connections.reduce((map, row) => {
    const key = `${row.service} | ${row.transport}`;
    return map.set(key, [...(map.get(key) ?? []), row]);
}, new Map())].sort(([a], [b]) => (a < b ? -1 : 1));

header(['service', 'transport', 'connections', 'prompts', 'found', 'recall', 'precision', 'output: median error', 'bias of the sum',
    'in the band', 'input: median error', 'bias of the sum', 'in the band'], 2);
for (const [key, rows] of groups) {
    const prompts = sum(rows.map((row) => row.prompts));
    const found = sum(rows.map((row) => row.found));
    const right = sum(rows.map((row) => Math.min(row.found, row.prompts)));
    const cells = [key, rows.length, prompts, found, share(right, prompts), share(right, found), ...judge(rows, 'out'), ...judge(rows, 'in')];
    console.log(`| ${cells.join(' | ')} |`);
}

/* What these were: of the kinds of exchanges that are hard, how many there are. */
const KINDS = [['refused', (entry) => entry.event === 'other'], ['without an answer', (entry) => entry.event === 'exchange' && entry.modality === 'text' && entry.tokens_out === 0],
    ['under 2 s', (entry) => entry.event === 'exchange' && entry.tokens_out > 0 && entry.end - entry.start < 2], ['stopped', (entry) => entry.event === 'exchange' && entry.aborted],
    ['images made', (entry) => entry.event === 'exchange' && entry.modality === 'image'], ['images fetched', (entry) => entry.event === 'transfer' && entry.modality === 'image'],
    ['uploads', (entry) => entry.event === 'transfer' && entry.modality === 'upload'], ['sound', (entry) => entry.event === 'transfer' && entry.modality === 'audio']];
console.log();
header(['service', 'transport', ...KINDS.map(([name]) => name)], 2);
for (const [key, rows] of groups) {
    const entries = rows.flatMap((row) => row.entries);
    if (entries.some(({ event }) => event !== 'connection')) console.log(`| ${[key, ...KINDS.map(([, is]) => entries.filter(is).length)].join(' | ')} |`);
}
