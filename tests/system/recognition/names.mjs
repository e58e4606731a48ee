// What the programs of this test share. SPDX-License-Identifier: GPL-3.0-or-later
import { appendFileSync } from 'node:fs';

export const OPENAI = 'api.openai.com', MISTRAL = 'api.mistral.ai', ANTHROPIC = 'api.anthropic.com';
export const ALBERT = 'albert.api.etalab.gouv.fr';
export const services = {
    [OPENAI]: 'openai-api', [MISTRAL]: 'mistral-api', [ANTHROPIC]: 'anthropic-api', [ALBERT]: 'albert-api',
};

/* Who answers where: for connections that show no name, and for the proxies. */
const hosts = { 130: OPENAI, 140: MISTRAL, 150: ANTHROPIC, 160: ALBERT };
export const nameAt = (address) => hosts[address.replace(/^.*[.:]/, '')];
export const addressOf = (name) =>
    `203.0.113.${Object.keys(hosts).find((host) => hosts[host] === name)}`;

export const PROXY = '198.51.100.193';
/* Ports of the services on which each connection begins with the PROXY protocol. */
export const ACCEPT_PROXY = 8444;

export const plain = (address) => address.replace(/^::ffff:/, '');
export const recorder = (file) => (entry) => appendFileSync(file, JSON.stringify(entry) + '\n');

/* For take(): past MARKER. */
export const past = (marker) => (bytes) => (bytes.includes(marker) ? bytes.indexOf(marker) + marker.length : 0);

/* Takes what SOCKET sends up to what END finds (the place after it, or 0), and leaves the rest to
 * whoever reads next. Null when the connection ends before. */
export function take(socket, end) {
    return new Promise((done) => {
        let bytes = Buffer.alloc(0);
        const look = () => {
            for (let part; (part = socket.read()) !== null;) bytes = Buffer.concat([bytes, part]);
            const length = end(bytes);
            if (!length) return;
            stop();
            if (length < bytes.length) socket.unshift(bytes.subarray(length));
            done(bytes.subarray(0, length));
        };
        const give = () => { stop(); done(null); };
        const stop = () => socket.off('readable', look).off('end', give).off('close', give);
        socket.on('readable', look).on('end', give).on('close', give);
        look();
    });
}
