/* truth.mjs LOG... > TRUTH.tsv: what the services and proxies logged, by direction and service. A LOG that
 * ends in .quic is the output of ngtcp2's server for the name that the file has.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { services } from './names.mjs';

/* Who has no readable name in its connections, and never got a DNS answer that tells one. */
const UNTOLD = ['198.51.100.190'];

function direction(client) {
    const six = { '2001:db8:1': 'DSN', '2001:db8:2': 'SDTIG', '2001:db8:3': 'DIGICOM' }[client.split('::')[0]];
    const blocks = ['DSN', 'SDTIG', 'DIGICOM', 'COPROD', 'DPO', 'DRH', 'DAJ'];
    return six ?? blocks[Number(client.split('.')[3]) >> 5] ?? 'unassigned';
}

const COLUMNS = ['connections', 'requests', 'bytes_up', 'bytes_down'];
const rows = new Map();
function add(client, name, amounts) {
    if (UNTOLD.includes(client) || !services[name]) return;
    const key = `${direction(client)}\t${services[name]}`;
    if (!rows.has(key)) rows.set(key, Object.fromEntries(COLUMNS.map((column) => [column, 0])));
    for (const [column, amount] of Object.entries(amounts)) rows.get(key)[column] += amount;
}

function quic(lines, name) {
    const seen = new Set();
    let last; // client of the packet that the lines are about
    for (const line of lines) {
        const [, what, client, port, bytes] = line.match(
            /^(Received|Sent) packet: local=\S+ remote=\[([^\]]*)\]:(\d+) .* (\d+) bytes$/) ?? [];
        if (what) {
            last = client;
            add(client, name, {
                [what === 'Sent' ? 'bytes_down' : 'bytes_up']: Number(bytes),
                connections: seen.has(`${client} ${port}`) ? 0 : 1,
            });
            seen.add(`${client} ${port}`);
        } else if (/^http: stream \S+ request headers started/.test(line)) {
            add(last, name, { requests: 1 });
        }
    }
}

for (const file of process.argv.slice(2)) {
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    if (file.endsWith('.quic')) {
        quic(lines, basename(file, '.quic').replace(/-.*/, ''));
        continue;
    }
    const entries = lines.map(JSON.parse);
    for (const { event, client, name, up, down } of entries.slice(entries.findIndex(({ event }) => event === 'begin') + 1))
        add(client, name, event === 'request' ? { requests: 1 } : { connections: 1, bytes_up: up, bytes_down: down });
}
console.log(['direction', 'service', ...COLUMNS].join('\t'));
for (const [key, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log([key, ...COLUMNS.map((column) => row[column])].join('\t'));
