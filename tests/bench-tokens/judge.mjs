/* judge.mjs PROGRAM CONFIGURATION DIRECTORY...: what PROGRAM (iagmeter) finds in DIRECTORY/capture.pcap beside
 * DIRECTORY/truth.jsonl, as a table in Markdown, one row a service (and interface) and transport, and one of all transports
 * ("all"; with those of several prompts at once, but for those in one instant). With --require,
 * the exit status is 1 when recall or the bias of the sum of all rows of per-token services is plainly broken. With
 * --scatter, bands are as wide as single answers scatter, which those of a calibration are not by themselves. With
 * --kind=whole, only of answers that were sent whole (or --kind=stream), where they were not answered with others, and of all of them.
 *
 * A found exchange is matched to a true one of the same service, client and port whose answer it began in: first to the one
 * that started last before it. Each is matched once; what is left over was not found, or found too much. One that
 * was found to answer n requests together is matched to as many, in the order of their start, and judged by their sum. What is no text has
 * a table of its own (judge-media.mjs).
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { execFileSync } from 'node:child_process';
import { isJudged, isText, judgeMedia, unitsOf } from './judge-media.mjs';
import { bandOf, judge, percent, scaled, sum, table } from './lib-judge.mjs';
import { readTruth } from './lib-truth.mjs';

const require = process.argv.includes('--require');
const scatter = process.argv.includes('--scatter');
const kind = process.argv.find((word) => word.startsWith('--kind='))?.slice('--kind='.length);
const isShown = (truth) => isText(truth) && (!kind || (truth.kind === kind && !truth.at_once));
const [program, configuration, ...directories] = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const SLACK_S = 0.3; // of a busy machine: the capture's clock is the kernel's, the servers' stands behind their queue
const AT_ONCE_S = 0.1;
const LATE_S = 3;    // of a very busy one, for what is left over
const PROXY_S = 10;  // the servers of HTTP/3 stand behind a proxy, whose last words of the handshake begin the answer

const band = (text) => text.split('/').map(Number);
const central = (text) => band(text).at(text.includes('/') ? 1 : 0);

function foundIn(directory) {
    const text = execFileSync(program, ['inspect', '--exchanges', '--addresses', '-c', configuration, `${directory}/capture.pcap`],
        { encoding: 'utf8', maxBuffer: 1 << 28 });
    return table(text).map((row) => ({
        time: Number(row.time), requests: Math.round(central(row.requests)), service: row.service.replace(/\/.*/, ''), transport: row.transport, client: row.client,
        port: Number(row.client_port), out: bandOf(row, scatter), in: band(row.tokens_in), units: unitsOf(row.units),
    }));
}

/* Behind a proxy, a server knows its client's port from the proxy; else from its socket. */
const isOf = (found, truth, late) => found.service === truth.service && found.client === truth.client && found.port === truth.client_port
    && truth.start - (truth.transport === 'h3' ? PROXY_S : SLACK_S) - late <= found.time && found.time <= truth.end + SLACK_S + late;
const onOne = (a, b) => a.service === b.service && a.client === b.client && (a.port ?? a.client_port) === (b.port ?? b.client_port);

/* Of those that were asked until the next one was found. */
function truthsOf(found, founds, truths, late) {
    const open = truths.filter((truth) => !truth.matched);
    const after = (truth) => truth.start - AT_ONCE_S > found.time; // another's answer, rather, that began just before
    if (found.requests <= 1) return open.filter((truth) => isOf(found, truth, late)).sort((a, b) => after(a) - after(b) || b.start - a.start).slice(0, 1);
    const next = Math.min(...founds.filter((other) => onOne(other, found) && other.time > found.time).map(({ time }) => time));
    return open.filter((truth) => onOne(truth, found) && truth.end + SLACK_S >= found.time && truth.start < next)
        .sort((a, b) => a.start - b.start).slice(0, found.requests);
}

function match(founds, truths) {
    const pairs = [];
    for (const late of [0, LATE_S]) {
        for (const found of founds.filter(({ own }) => !own?.length)) {
            found.own = truthsOf(found, founds, truths, late);
            found.surplus = found.requests - found.own.length;
            for (const truth of found.own) truth.matched = found;
            if (found.own.length) pairs.push({ found, truth: found.own[0], truths: found.own });
        }
    }
    return pairs;
}

/* The client of HTTP/3 sends them all in one flight, so that nothing tells how many they are. */
const inOneInstant = (truth) => truth.at_once && truth.transport === 'h3';
const nameOf = (truth) => `${truth.dialect ?? truth.service}${inOneInstant(truth) ? ', in one instant' : truth.at_once ? ', several at once' : ''}`;
const rows = new Map();
const rowOf = (name, transport) => {
    const key = `${name}\t${transport}`;
    if (!rows.has(key)) rows.set(key, { name, transport, truths: [], pairs: [], surplus: 0 });
    return rows.get(key);
};

/* Its own row, and that of all of its interface. */
const rowsOf = (truth) => [rowOf(nameOf(truth), truth.transport),
    ...(inOneInstant(truth) ? [] : [rowOf(kind ? 'together' : truth.dialect ?? truth.service, 'all')])];

const media = { truths: [], pairs: [] };
for (const directory of directories) {
    const founds = foundIn(directory);
    const log = readTruth(`${directory}/truth.jsonl`);
    const truths = log.filter(isJudged);
    const pairs = match(founds, truths);
    media.truths.push(...truths.filter((truth) => !isText(truth)));
    media.pairs.push(...pairs.filter(({ truth }) => !isText(truth)));
    for (const truth of truths.filter(isShown)) rowsOf(truth).forEach((row) => row.truths.push(truth));
    for (const pair of pairs.filter(({ truths: own }) => own.every(isShown))) rowsOf(pair.truth).forEach((row) => row.pairs.push(pair));
    for (const found of founds.filter(({ surplus }) => surplus && !kind)) { // to the row of what was going on there
        const near = log.find((entry) => entry.dialect && entry.client === found.client && entry.client_port === found.port
            && entry.service === found.service);
        for (const row of rowsOf(near ?? found)) row.surplus += found.surplus;
    }
}

const ratio = (part, whole) => (whole > 0 ? (part / whole).toFixed(2) : '–');
const of = (pairs, way) => pairs.map(({ found, truths: own }) => ({ estimate: found[way], truth: sum(own.map((truth) => truth[`tokens_${way}`])) }));
/* The bias is that of all of the row: of what was missed, and of what was found too much by matching. */
const total = (row, way) => sum(row.pairs.map(({ found }) => found[way][1])) / sum(row.truths.map((truth) => truth[`tokens_${way}`])) - 1;

console.log('| interface | transport | true | found | precision | recall | output: median error | bias of the sum | scaled | in the band | input: median error | bias of the sum | in the band |');
console.log('|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|');
for (const row of [...rows.values()].sort((a, b) => (`${a.name} ${a.transport}` < `${b.name} ${b.transport}` ? -1 : 1))) {
    const matched = sum(row.pairs.map(({ truths }) => truths.length));
    const found = matched + row.surplus;
    const [outMedian, , outIn] = judge(of(row.pairs, 'out'));
    const [inMedian, , inIn] = judge(of(row.pairs, 'in'));
    console.log(`| ${[row.name, row.transport, row.truths.length, found, ratio(matched, found), ratio(matched, row.truths.length),
        outMedian, row.truths.length ? percent(total(row, 'out')) : '–', scaled(row.pairs, sum(row.truths.map((truth) => truth.tokens_out))), outIn,
        inMedian, row.truths.length ? percent(total(row, 'in')) : '–', inIn].join(' | ')} |`);
}

const mediaProblems = kind ? [] : judgeMedia(media.truths, media.pairs);

/* Generous: what a broken program fails, not what a good one must reach. */
const LIMITS = { recall: 0.8, precision: 0.8, bias: 0.35, perToken: ['openai-chat', 'mistral-chat'] };
if (require) {
    const plain = [...rows.values()].filter(({ name, transport }) => transport !== 'all' && !name.includes('at once') && !name.includes('instant'));
    const pairs = plain.flatMap((row) => row.pairs);
    const truths = plain.flatMap((row) => row.truths);
    const matched = sum(pairs.map(({ truths: own }) => own.length));
    const found = matched + sum(plain.map(({ surplus }) => surplus));
    const streamed = plain.filter(({ name }) => LIMITS.perToken.includes(name));
    const bias = total({ pairs: streamed.flatMap((row) => row.pairs), truths: streamed.flatMap((row) => row.truths) }, 'out');
    const problems = [[truths.length < 10, `only ${truths.length} exchanges took place`],
        [matched / truths.length < LIMITS.recall, `${matched} of ${truths.length} exchanges were found`],
        [matched / found < LIMITS.precision, `${found} exchanges were found where ${matched} were true`],
        [!(Math.abs(bias) < LIMITS.bias), `output tokens of per-token services: ${percent(bias)}`]].filter(([bad]) => bad).map(([, text]) => text).concat(mediaProblems);
    for (const text of problems) console.error(`FAILED: ${text}`);
    process.exit(problems.length ? 1 : 0);
}
