/* accuracy.mjs PROGRAM CONFIGURATION DIRECTORY NAME...: compares what PROGRAM (iagmeter) makes of
 * DIRECTORY/NAME.pcap with DIRECTORY/NAME.tsv, and prints a table in Markdown, one row a service, interface and
 * transport. SPDX-License-Identifier: GPL-3.0-or-later */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { judge, sum, table } from './lib-judge.mjs';

const [program, configuration, directory, ...names] = process.argv.slice(2);

const groups = new Map();
for (const name of names) {
    const truths = new Map(table(readFileSync(`${directory}/${name}.tsv`, 'utf8')).map((row) => [row.port, row]));
    const flows = table(execFileSync(program, ['inspect', '--addresses', '-c', configuration, `${directory}/${name}.pcap`],
        { encoding: 'utf8', maxBuffer: 1 << 28 }));
    for (const flow of flows) {
        const truth = truths.get(flow.client_port);
        if (!truth) throw new Error(`${name}: a connection of port ${flow.client_port} that was not made`);
        const key = `${truth.service}\t${truth.transport}`;
        if (!groups.has(key)) groups.set(key, []);
        const band = (text) => text.split('/').map(Number);
        groups.get(key).push({
            found: band(flow.requests).at(flow.requests.includes('/') ? 1 : 0), requests: Number(truth.requests),
            out: { estimate: band(flow.tokens_out), truth: Number(truth.tokens_out) },
            in: { estimate: band(flow.tokens_in), truth: Number(truth.tokens_in) },
        });
    }
}

console.log('| service | transport | prompts | found | too many | output: median error | bias of the sum | in the band | input: median error | bias of the sum | in the band |');
console.log('|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|');
for (const [key, rows] of [...groups].sort()) {
    const [service, transport] = key.split('\t');
    const right = sum(rows.map(({ found, requests }) => Math.min(found, requests)));
    const cells = [service, transport, sum(rows.map(({ requests }) => requests)), right,
        sum(rows.map(({ found, requests }) => Math.max(0, found - requests))),
        ...judge(rows.map((row) => row.out)), ...judge(rows.map((row) => row.in))];
    console.log(`| ${cells.join(' | ')} |`);
}
