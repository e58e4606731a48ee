/* compare.mjs TRUTH.tsv LEDGER.tsv: what the ledger says beside the truth. LEDGER.tsv has a header:
 * direction, service, flows, bytes_up, bytes_down, and requests, tokens_in, tokens_out each with
 * _low, _central, _high. Connections and bytes are counts: any difference is a failure. Requests
 * and tokens are estimates: they are shown; with --requests, the central number of requests must be
 * the true one, and with --within each truth must lie in its interval. SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';

const within = process.argv.includes('--within');
const exactRequests = process.argv.includes('--requests');
const [truth, ledger] = process.argv.slice(2).filter((word) => !word.startsWith('--')).map((file) => {
    const [header, ...lines] = readFileSync(file, 'utf8').trim().split('\n').map((line) => line.split('\t'));
    return new Map(lines.map((cells) =>
        [`${cells[0]} ${cells[1]}`, Object.fromEntries(header.map((name, i) => [name, cells[i]]))]));
});

let failures = 0;
function fail(text) {
    console.error(`FAILED ${text}`);
    failures += 1;
}

for (const cell of ledger.keys())
    if (!truth.has(cell) && Number(ledger.get(cell).flows)) fail(`${cell}: in the ledger, not in the truth`);

for (const [cell, expected] of truth) {
    const found = ledger.get(cell);
    if (!found) {
        fail(`${cell}: not in the ledger`);
        continue;
    }
    for (const [name, column] of [['connections', 'flows'], ['bytes_up', 'bytes_up'], ['bytes_down', 'bytes_down']])
        if (Number(expected[name]) !== Number(found[column]))
            fail(`${cell}: ${name} ${expected[name]}, ledger ${found[column]}`);
    for (const name of ['requests', 'tokens_in', 'tokens_out'].filter((column) => column in expected)) {
        const [low, central, high] = ['low', 'central', 'high'].map((part) => Number(found[`${name}_${part}`]));
        const wanted = Number(expected[name]);
        const inside = low <= wanted && wanted <= high;
        const error = (100 * (central - wanted) / wanted).toFixed(1);
        console.log(`${cell}\t${name}\t${wanted}\t${low} ${central} ${high}\t${error} %\t${inside ? 'inside' : 'OUTSIDE'}`);
        if (exactRequests && name === 'requests' && Math.round(central) !== wanted)
            fail(`${cell}: ${wanted} requests, ${central} found`);
        if (within && !inside) fail(`${cell}: ${name} ${wanted} is outside ${low} to ${high}`);
    }
}
process.exit(failures ? 1 : 0);
