/* compare.mjs DIRECTORY REPORT: what the server did and the counters say, beside the ledger's sums and the
 * month's report. SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';

const [directory, reportPath] = process.argv.slice(2);
const text = (name) => readFileSync(`${directory}/${name}`, 'utf8').trimEnd();
const rows = (name) => text(name).split('\n').map((line) => line.split('|'));
const sum = (values) => values.reduce((a, b) => a + b, 0);
let failed = false;
function check(what, is, should, allowed) {
    const right = Math.abs(is - should) <= allowed;
    console.log(`${right ? 'ok   ' : 'WRONG'} ${what}: ${is}, ${should} to within ${allowed}`);
    failed ||= !right;
}

const log = text('log.jsonl').split('\n').map((line) => JSON.parse(line));
const joules = JSON.parse(text('joules.json'));
const total = sum(Object.values(joules));
const near = 1e-9 * total;

/* Energy: of each device, and shared. */
const devices = Object.fromEntries(rows('devices.txt').map(([name, kind, energy]) => [name, { kind, energy: Number(energy) }]));
check('gpu0, J', devices.gpu0.energy, joules.gpu0, near);
check('gpu1, J', devices.gpu1.energy, joules.gpu1, near);
check('host, J', devices.host.energy, joules['package-0'] + joules.dram, near);
check('shared, J', Number(text('shared.txt')), total, near);

/* Tokens, by department. Of an exchange that its client broke off the server may have made some tokens
 * that it could not send any more. */
const directions = Object.fromEntries(rows('directions.txt').map(([code, requests, tokens]) => [code, { requests, tokens }]));
for (const code of ['DSN', 'DRH', 'SDTIG']) {
    const own = log.filter((exchange) => exchange.direction === code);
    check(`${code}, exchanges`, Number(directions[code].requests), own.length, 0);
    check(`${code}, tokens`, Number(directions[code].tokens), sum(own.map(({ tokens }) => tokens)),
        5 * own.filter(({ aborted }) => aborted).length);
}
check('DAJ, exchanges', Number(directions.DAJ?.requests ?? 0), 0, 0);

/* The server's own counts, over the whole of its life: its first answer had 0 of everything. */
const [requests, tokensIn, cached, tokensOut] = rows('server.txt')[0].map(Number);
check('server, exchanges', requests, log.length, 0);
check('server, tokens in', tokensIn, sum(log.map((exchange) => exchange.tokensIn)), 0);
check('server, cached', cached, sum(log.map((exchange) => exchange.cached)), 0);
check('server, tokens out', tokensOut, sum(log.map(({ tokens }) => tokens)), 0);

/* The report: rows of departments add up to the meters, times PUE. */
const report = JSON.parse(readFileSync(reportPath, 'utf8'));
const kwh = total / 3.6e6 * 1.35;
check('report, kWh', report.total.energy_kwh.central, kwh, 1e-9 * kwh);
check('report, kWh of the directions', sum(report.directions.map((row) => row.energy_kwh.central)), kwh, 1e-9 * kwh);
check('report, share measured', report.shares.measured, 1, 1e-12);
process.exit(failed ? 1 : 0);
