/* web-evaluate.mjs PROGRAM CONFIGURATION DIRECTORY...: what PROGRAM (iagmeter) finds in DIRECTORY/capture.pcap beside
 * DIRECTORY/truth.jsonl, as web.sh leaves them, of all together: two tables in Markdown, one row a service and
 * transport. The second says what became of what is hard: found of all, for exchanges; taken for an exchange of all,
 * for what is none, and how many images were made, and counted.
 *
 * A found exchange is matched to the true one on its connection whose answer it began in, or whose calls that go before
 * the prompt (sentinel and the like) it took for the answer's begin. One that was found to answer n requests together is
 * matched to as many, of those that were asked until the next one was found, and judged by their sum. Beyond what
 * judge.mjs does, a refused prompt that is found is neither right nor wrong; and the bias is of all that was counted,
 * also where there was no exchange: what a month's sum would say. "Stated" is the number found, give or take
 * count_error. --scatter as there.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { bandOf, judge as judgePairs, percent, scaled, sum, table } from './lib-judge.mjs';
import { readTruth } from './lib-truth.mjs';

const scatter = process.argv.includes('--scatter');
const [program, configuration, ...directories] = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const SLACK_S = 0.3;  // of a busy machine
const BEFORE_S = 2.0; // the calls before a prompt

const band = (text) => text.split('/').map(Number);
const central = (text) => band(text).at(text.includes('/') ? 1 : 0);
const unitsOf = ({ units }, name) => band(units.match(new RegExp(`${name}=([^,]*)`))?.[1] ?? '0/0/0');
const rate = (part, whole) => (whole > 0 ? (part / whole).toFixed(2) : '–');

function foundIn(capture) {
    const text = execFileSync(program, ['inspect', '--exchanges', '--addresses', '-c', configuration, capture],
        { encoding: 'utf8', maxBuffer: 1 << 28 });
    return table(text).map((row) => ({
        time: Number(row.time), service: row.service.replace(/\/.*/, ''), transport: row.transport === 'quic' ? 'h3' : 'h2',
        name: row.name, port: Number(row.client_port), requests: Math.round(central(row.requests)), out: bandOf(row, scatter), in: band(row.tokens_in),
        images: unitsOf(row, 'images'), uploads: unitsOf(row, 'uploads'),
    }));
}

/* One client, so the port and the name are the connection. */
const onOne = (found, entry) => found.port === entry.client_port && found.name === entry.sni;
const during = (found, entry) => entry.start - BEFORE_S - SLACK_S <= found.time && found.time <= entry.end + SLACK_S;

/* Estimators of web applications are called like their services. */
const services = readFileSync(readFileSync(configuration, 'utf8').match(/^services = "(.*)"/m)[1], 'utf8');
const countError = (service) => Number(services.match(new RegExp(`^    ${service} = \\{[^]*?count_error = ([0-9.]+)`, 'm'))[1]);

const rows = new Map();
const rowOf = (service, transport) => {
    const key = `${service} | ${transport}`;
    if (!rows.has(key)) rows.set(key, { truths: [], others: [], pairs: [], surplus: [], images: [0, 0, 0], uploads: [0, 0, 0] });
    return rows.get(key);
};

/* Of those asked until the next one was found, as many as were answered together. */
function together(found, founds, entries) {
    const next = Math.min(...founds.filter((other) => other.port === found.port && other.name === found.name && other.time > found.time).map(({ time }) => time));
    const asked = entries.filter((entry) => !entry.found && entry.end + SLACK_S >= found.time && entry.start < next).sort((a, b) => a.start - b.start);
    const of = (event) => asked.filter((entry) => entry.event === event);
    return [...of('exchange'), ...of('other')].slice(0, found.requests);
}

function match(found, founds, log) {
    const entries = log.filter((entry) => onOne(found, entry));
    const near = entries.filter((entry) => entry.event !== 'connection' && !entry.found && during(found, entry)).sort((a, b) => b.start - a.start);
    const row = rowOf(found.service, entries[0]?.transport ?? found.transport);
    for (const unit of ['images', 'uploads']) row[unit] = row[unit].map((bound, i) => bound + found[unit][i]);
    const asked = ({ event, start }) => event === 'exchange' && start - SLACK_S <= found.time;
    const one = near.find(asked) ?? near.find(({ event }) => event === 'exchange') ?? near[0];
    const truths = found.requests > 1 ? together(found, founds, entries) : [one].filter(Boolean);
    for (const truth of truths) truth.found = true;
    found.surplus = found.requests - truths.length;
    const answered = truths.filter(({ event }) => event === 'exchange');
    if (answered.length > 0) row.pairs.push({ found, truths: answered });
    else if (truths[0]?.event !== 'other') row.surplus.push(found);
}

for (const directory of directories) {
    const founds = foundIn(`${directory}/capture.pcap`);
    const log = readTruth(`${directory}/truth.jsonl`).filter(({ event }) => event !== 'person');
    for (const entry of log.filter(({ event }) => event !== 'connection')) {
        const row = rowOf(entry.service, entry.transport);
        (entry.event === 'exchange' ? row.truths : row.others).push(entry);
    }
    for (const found of founds) match(found, founds, log);
}

const header = (columns) => {
    console.log(`| ${columns.join(' | ')} |`);
    console.log(`|${columns.map((_, i) => (i < 2 ? '---' : '--:')).join('|')}|`);
};

/* Median error and share in the band of those matched, bias of everything. */
function judge({ pairs, surplus, truths }, way) {
    const [error, , inBand] = judgePairs(pairs.map(({ found, truths: own }) => ({ estimate: found[way], truth: sum(own.map((truth) => truth[`tokens_${way}`])) })));
    const counted = sum([...pairs.map(({ found }) => found), ...surplus].map((found) => found[way][1]));
    const truth = sum(truths.map((entry) => entry[`tokens_${way}`]));
    return [error, truth > 0 ? percent(counted / truth - 1) : `${Math.round(counted)} for none`, inBand];
}

const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
header(['service', 'transport', 'true', 'found', 'stated', 'precision', 'recall', 'output: median error', 'bias of the sum', 'scaled', 'in the band',
    'input: median error', 'bias of the sum', 'in the band']);
for (const [key, row] of sorted) {
    const right = sum(row.pairs.map(({ truths }) => truths.length));
    const found = right + sum([...row.pairs.map(({ found: one }) => one), ...row.surplus].map(({ surplus }) => surplus));
    const error = countError(key.replace(/ .*/, ''));
    const stated = `${(found * (1 - error)).toFixed(1)} to ${(found * (1 + error)).toFixed(1)}`;
    const [median, bias, inBand] = judge(row, 'out');
    const output = [median, bias, scaled(row.pairs, sum(row.truths.map(({ tokens_out }) => tokens_out)), sum(row.surplus.map(({ out }) => out[1]))), inBand];
    console.log(`| ${[key, row.truths.length, found, stated, rate(right, found), rate(right, row.truths.length), ...output, ...judge(row, 'in')].join(' | ')} |`);
}

const KINDS = {
    'under 2 s': (entry) => entry.event === 'exchange' && entry.tokens_out > 0 && entry.end - entry.start < 2,
    'empty answer': (entry) => entry.event === 'exchange' && entry.modality === 'text' && entry.tokens_out === 0,
    stopped: (entry) => entry.event === 'exchange' && entry.aborted,
    'image asked for': (entry) => entry.event === 'exchange' && entry.modality === 'image',
    refused: (entry) => entry.event === 'other',
    'image fetched': (entry) => entry.event === 'transfer' && entry.modality === 'image',
    'file sent': (entry) => entry.event === 'transfer' && entry.modality === 'upload',
    sound: (entry) => entry.event === 'transfer' && entry.modality === 'audio',
};
const KIND_COLUMNS = [...Object.keys(KINDS), 'nothing of these', 'images', 'from elsewhere', 'stated', 'files', 'stated'];
/* The page's own host sends the others. */
const PAGES = ['chatgpt.com', 'claude.ai', 'gemini.google.com', 'copilot.microsoft.com'];
console.log();
header(['service', 'transport', ...KIND_COLUMNS]);
const counted = (unit) => unit.map((bound) => Math.round(bound)).join(' / ');
for (const [key, { truths, others, pairs, surplus, images, uploads }] of sorted) {
    const entries = [...truths, ...others];
    const cells = Object.values(KINDS).map((is) => entries.filter(is)).map((some) => (some.length ? `${some.filter(({ found }) => found).length} of ${some.length}` : '–'));
    const unmatched = surplus.filter((found) => !others.some((entry) => entry.found && onOne(found, entry) && during(found, entry)));
    const rest = sum([...pairs.map(({ found }) => found), ...unmatched].map((found) => found.surplus));
    const made = others.filter(KINDS['image fetched']);
    const sent = others.filter(KINDS['file sent']);
    const elsewhere = made.filter(({ sni }) => !PAGES.includes(sni));
    console.log(`| ${[key, ...cells, rest, made.length, elsewhere.length, counted(images), sent.length, counted(uploads)].join(' | ')} |`);
}
