/* The second table of judge.mjs: what is no text (lib-media.mjs). Its tokens, images, seconds of sound and uploads are sums: the true
 * ones, and those stated for what was found, low / central / high. SPDX-License-Identifier: GPL-3.0-or-later */
import { sum } from './lib-judge.mjs';

export const isText = (truth) => (truth.modality ?? 'text') === 'text';

/* What is no use of a model is told by the bench only here: files and lists, which may pass for use. */
export const isJudged = (entry) => entry.event === 'exchange' || !isText(entry);

const UNITS = ['images', 'audio_s', 'uploads'];
const NONE = [0, 0, 0];

/* Of the column "units" of `iagmeter inspect`. */
export const unitsOf = (text) => Object.fromEntries((text ?? '-').split(',').filter((part) => part !== '-').map((part) => {
    const [name, band] = part.split('=');
    return [name, band.split('/').map(Number)];
}));

const bandOf = (bands) => [0, 1, 2].map((i) => Math.round(sum(bands.map((band) => band[i] ?? band[0]))));
const number = (value) => String(Math.round(value));

function rowOf([name, { truths, pairs }]) {
    const stated = (unit) => bandOf(pairs.map(({ found }) => found.units[unit] ?? NONE));
    const cells = (truth, band) => [truth > 0 || band[2] > 0 ? number(truth) : '', band[2] > 0 ? band.join(' / ') : truth > 0 ? '0' : ''];
    return [name, truths.length, pairs.length,
        ...cells(sum(truths.map(({ tokens_out }) => tokens_out)), bandOf(pairs.map(({ found }) => found.out))),
        ...UNITS.flatMap((unit) => cells(sum(truths.map((truth) => truth[unit] ?? 0)), stated(unit)))];
}

/* PAIRS as judge.mjs matches them, of all that is no text. What is wrong with them, generously, or nothing. */
export function judgeMedia(truths, pairs) {
    const rows = new Map();
    for (const truth of truths) {
        const name = `${truth.dialect}${truth.transport === 'h3' ? ' (h3)' : ''}`;
        if (!rows.has(name)) rows.set(name, { truths: [], pairs: [] });
        rows.get(name).truths.push(truth);
        rows.get(name).pairs.push(...pairs.filter((pair) => pair.truth === truth));
    }
    if (rows.size === 0) return [];
    console.log('\n| what is no text | true | found | output tokens | stated | images | stated | seconds of sound | stated | uploads | stated |');
    console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|');
    for (const row of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`| ${rowOf(row).join(' | ')} |`);
    const silent = pairs.filter(({ truth }) => ['embeddings', 'image', 'speech'].includes(truth.modality));
    const all = truths.filter(({ modality }) => ['embeddings', 'image', 'speech'].includes(modality));
    if (2 * silent.length < all.length) return [`of ${all.length} answers that are no text ${silent.length} were found`];
    const tokens = sum(silent.map(({ found, truth }) => Math.max(0, found.out[1] - truth.tokens_out)));
    return tokens > 100 * silent.length ? [`${Math.round(tokens)} tokens of what is no text`] : [];
}
