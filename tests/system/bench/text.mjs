// Text, tokens and chance for the bench. SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from 'node:fs';

export const paragraphs = readFileSync(new URL('texts.txt', import.meta.url), 'utf8')
    .trim().split(/\n\n+/);

/* Token-like pieces. No tokenizer ships with the bench; this splitter keeps a word of up to six
 * letters whole, with its leading space, and cuts a longer one in pieces of five letters. On our
 * texts that gives about 4.1 characters a piece, where real tokenizers give 3.3 to 5.3. */
export function tokens(text) {
    const words = text.match(/ ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+/gu) ?? [];
    return words.flatMap((word) => (/\p{L}{7}/u.test(word) ? word.match(/ ?\p{L}{1,5}/gu) : [word]));
}

const allTokens = tokens(paragraphs.join('\n\n'));

/* COUNT pieces of the texts, from a place that CHANCE draws; they go round at the end. */
export function answer(chance, count) {
    const start = chance.below(allTokens.length);
    return Array.from({ length: count }, (_, i) => allTokens[(start + i) % allTokens.length]);
}

const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/* Reproducible chance (mulberry32, seeded with an FNV-1a hash of SEED): the same scenario gives
 * the same answers with the same padding on every run. */
export class Chance {
    constructor(seed) {
        this.state = [...Buffer.from(seed)].reduce((h, b) => Math.imul(h ^ b, 16777619), 2166136261);
    }

    unit() {
        this.state = (this.state + 0x6d2b79f5) | 0;
        let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }

    below(limit) { return Math.floor(this.unit() * limit); }
    between(low, high) { return low + this.below(high - low + 1); }
    letters(length) { return Array.from({ length }, () => BASE62[this.below(62)]).join(''); }
    hex(length) { return Array.from({ length }, () => this.below(16).toString(16)).join(''); }
    uuid() { return [8, 4, 4, 4, 12].map((length) => this.hex(length)).join('-'); }
}
