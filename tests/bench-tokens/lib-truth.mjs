/* What was true, as the servers saw it: JSON lines, one for each exchange and each connection. Times are seconds since
 * 1970, of the machine that captures too.
 *
 * event "exchange":   service, sni, dialect (of the interface), transport (h1, h2, h3), client, client_port (where they are
 *                     known), connection (a number), start (the request is complete), end, tokens_in, tokens_out (those that were
 *                     sent), kind ("stream" or "whole"), modality ("text", "image"...), aborted (by the client),
 *                     status (of HTTP); what a server adds stands beside: images, audio_s (seconds of sound), inputs (of embeddings),
 *                     uploads and upload_bytes
 * event "other":      the same for what is no use of a model: pages, lists ("models"), files, refusals; no tokens
 * event "connection": client, client_port, server, sni, alpn, opened, closed, bytes_up, bytes_down (TCP payload)
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

export const now = () => (performance.timeOrigin + performance.now()) / 1000;

export class TruthLog {
    constructor(path) { this.file = openSync(path, 'a'); }

    write(entry) { writeSync(this.file, `${JSON.stringify(entry)}\n`); }

    close() { closeSync(this.file); }
}

export function readTruth(path) {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
}
