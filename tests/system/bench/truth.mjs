/* truth.mjs LOG > TRUTH.tsv: the services' log, summed by direction and service. Hosts without
 * inference (telemetry, the download) are left out. SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';
import { services } from './services.mjs';

const COLUMNS = ['connections', 'requests', 'tokens_in', 'tokens_out', 'bytes_up', 'bytes_down'];

function direction(client) {
    const v6 = { '2001:db8:1': 'DSN', '2001:db8:2': 'SDTIG', '2001:db8:3': 'DIGICOM' }[client.split('::')[0]];
    if (v6) return v6;
    const last = Number(client.split('.')[3]); // of 198.51.100.0/24, in blocks of 32
    return { 0: 'DSN', 1: 'SDTIG', 2: 'DIGICOM', 5: 'DRH' }[last >> 5] ?? 'unassigned';
}

const rows = new Map();
for (const line of readFileSync(process.argv[2], 'utf8').trim().split('\n')) {
    const entry = JSON.parse(line);
    const service = services[entry.sni]?.id;
    if (!service) continue;
    const key = `${direction(entry.client)}\t${service}`;
    if (!rows.has(key)) rows.set(key, Object.fromEntries(COLUMNS.map((column) => [column, 0])));
    const row = rows.get(key);
    if (entry.event === 'connection') {
        row.connections += 1;
        row.bytes_up += entry.bytes_up;
        row.bytes_down += entry.bytes_down;
    } else {
        row.requests += 1;
        row.tokens_in += entry.prompt_tokens;
        row.tokens_out += entry.completion_tokens;
    }
}

console.log(['direction', 'service', ...COLUMNS].join('\t'));
for (const [key, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log([key, ...COLUMNS.map((column) => row[column])].join('\t'));
