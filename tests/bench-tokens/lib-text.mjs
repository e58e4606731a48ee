/* Texts, cut into pieces as long as the tokens of real tokenizers. No vocabulary ships with the bench: a
 * word is one token when it is frequent, and in real vocabularies short words are. So a word of n letters stays whole
 * with a probability that falls with n, always the same for the same word, else it falls into pieces of two to
 * five letters. The one free parameter is fitted, for each tokenizer and kind of text, to the characters per
 * token that were measured with the real one (or stated; see TOKENIZERS).
 * Texts: tests/system/bench/texts.txt (French and English administrative prose) and texts.txt here (English, code,
 * JSON), written for the benches. SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';
import { Chance, paragraphs } from '../system/bench/text.mjs';

export { Chance };

const own = Object.fromEntries(readFileSync(new URL('texts.txt', import.meta.url), 'utf8').split(/^## /m).slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n') + 1).trim()]));
const isFrench = (text) => /[éèàçê]/.test(text);
export const TEXTS = {
    fr: paragraphs.filter(isFrench).join('\n\n'),
    en: [...paragraphs.filter((text) => !isFrench(text)), own.english].join('\n\n'),
    code: own.code, json: own.json,
};

/* Characters per token. o200k and Mistral: French prose measured on five texts, English legal prose with o200k; the
 * middle of what recorded streams of the services show elsewhere (api_streams.csv: text bytes over billed tokens).
 * Gemini's, DeepSeek's, and code, are assumed (grade E). */
const TOKENIZERS = {
    o200k: { fr: 4.5, en: 4.8, code: 3.6, json: 3.6 },
    claude: { fr: 3.4, en: 3.7, code: 3.0, json: 3.0 },
    mistral: { fr: 3.5, en: 3.9, code: 3.0, json: 3.0 },
    gemini: { fr: 4.1, en: 4.3, code: 3.3, json: 3.3 },
    deepseek: { fr: 3.8, en: 4.5, code: 3.5, json: 3.5 },
};

const hash = (word) => new Chance(word.trim().toLowerCase());

function cut(word, scale) {
    const letters = word.trimStart().length;
    const chance = hash(word);
    if (letters < 3 || chance.unit() < Math.exp((scale - letters) / 3)) return [word];
    const pieces = [];
    let at = 0;
    while (at < word.length) {
        const next = Math.min(word.length, at + chance.between(2, 5) + (at === 0 && word[0] === ' ' ? 1 : 0));
        pieces.push(word.slice(at, word.length - next < 2 ? word.length : next));
        at = word.length - next < 2 ? word.length : next;
    }
    return pieces;
}

function cutAll(text, scale) {
    const words = text.match(/ ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]{1,4}|\s+/gu) ?? [];
    return words.flatMap((word) => cut(word, scale));
}

const fitted = new Map(); // tokenizer and kind: scale and the text in pieces

function fit(tokenizer, kind) {
    const key = `${tokenizer} ${kind}`;
    if (fitted.has(key)) return fitted.get(key);
    const text = TEXTS[kind];
    let [low, high] = [-40, 40];
    for (let i = 0; i < 40; i++) {
        const scale = (low + high) / 2;
        if (text.length / cutAll(text, scale).length < TOKENIZERS[tokenizer][kind]) low = scale;
        else high = scale;
    }
    const result = { scale: high, pieces: cutAll(text, high) };
    fitted.set(key, result);
    return result;
}

/* COUNT tokens of the texts of KIND (fr, en, code, json), from a place that CHANCE draws; they go round at the end. */
export function answer(chance, count, tokenizer, kind) {
    const { pieces } = fit(tokenizer, kind);
    const start = chance.below(pieces.length);
    return Array.from({ length: count }, (_, i) => pieces[(start + i) % pieces.length]);
}

/* How many tokens TEXT is. */
export const countTokens = (text, tokenizer, kind) => cutAll(text, fit(tokenizer, kind).scale).length;

/* Of all kinds, for a look at what the fit gives. */
export function statistics() {
    return Object.keys(TOKENIZERS).flatMap((tokenizer) => Object.keys(TEXTS).map((kind) => {
        const { pieces } = fit(tokenizer, kind);
        return { tokenizer, kind, tokens: pieces.length, characters: TEXTS[kind].length / pieces.length };
    }));
}
