/* gpu_compare.mjs DIRECTORY: for gpu_host.sh, what the ledger has beside what NVIDIA's counter said and what
 * the server counted. SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';

const [directory] = process.argv.slice(2);
const lines = (name) => readFileSync(`${directory}/${name}`, 'utf8').trimEnd().split('\n');
const sum = (values) => values.reduce((a, b) => a + b, 0);
let failed = false;
let compared = 0;

/* The counter, in J, at a time between two samples. */
const samples = lines('counter.tsv').map((line) => line.split('\t').map(Number));
function counterAt(seconds) {
    const next = samples.findIndex(([at]) => at >= seconds);
    if (next < 1) return undefined;
    const [[before, low], [after, high]] = [samples[next - 1], samples[next]];
    return (low + (high - low) * (seconds - before) / (after - before)) / 1000;
}
/* The power that the library gives, as a mean: what integrating it would have made of the minute. */
function powerBetween(from, until) {
    const within = samples.filter(([at]) => at >= from && at < until);
    return sum(within.map(([, , milliwatts]) => milliwatts)) / within.length / 1000;
}

console.log('| minute | counter, J | ledger, J | difference | mean of the power, J |\n|---|---|---|---|---|');
const minutes = lines('minutes.txt').map((line) => line.split('|').map(Number));
minutes.forEach(([start, ledger], at) => {
    const [from, until] = [counterAt(start), counterAt(start + 60)];
    if (from === undefined || until === undefined || at === 0) return; /* not metered whole */
    const share = ledger / (until - from) - 1;
    compared++;
    failed ||= !(Math.abs(share) <= 0.01);
    console.log(`| ${at} | ${(until - from).toFixed(1)} | ${ledger.toFixed(1)} | ${(100 * share).toFixed(2)} % | ` +
        `${(60 * powerBetween(start, start + 60)).toFixed(1)} |`);
});

failed ||= compared === 0;

const log = lines('log.jsonl').map((line) => JSON.parse(line));
console.log('\n| direction | exchanges | tokens in | tokens out | J |\n|---|---|---|---|---|');
const rows = lines('directions.txt').map((line) => line.split('|'));
for (const [code, requests, tokensIn, tokensOut, joules] of rows) {
    const own = log.filter(({ direction }) => direction === code);
    const whole = own.filter(({ aborted }) => !aborted).length;
    console.log(`| ${code} | ${requests} of ${own.length} (${own.length - whole} broken off) | ${tokensIn} of ` +
        `${sum(own.map((one) => one.tokensIn))} | ${tokensOut} of ${sum(own.map(({ tokens }) => tokens))} | ${Number(joules).toFixed(1)} |`);
    if (own.length) failed ||= Number(requests) !== own.length;
}
failed ||= log.some(({ direction }) => !rows.some(([code]) => code === direction));
const measured = sum(minutes.map(([, energy]) => energy));
const shared = sum(rows.map((row) => Number(row[4])));
console.log(`\nmeasured ${measured.toFixed(3)} J, shared ${shared.toFixed(3)} J`);
failed ||= !(Math.abs(measured - shared) <= 1e-9 * measured);
process.exit(failed ? 1 : 0);
