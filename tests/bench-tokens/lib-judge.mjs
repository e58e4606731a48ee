/* What the tables of accuracy have in common. SPDX-License-Identifier: GPL-3.0-or-later */

/* Of what iagmeter prints: an object a line, by the names of the columns. */
export function table(text) {
    const [head, ...lines] = text.trimEnd().split('\n');
    const columns = head.replace(/^#/, '').split('\t');
    return lines.map((line) => {
        const values = line.split('\t');
        return Object.fromEntries(columns.map((column, i) => [column, values[i]]));
    });
}

const P95 = 1.645; // of a normal distribution: nine of ten lie between

/* Low, central and high of the tokens of a row. With SCATTER, the band is to hold a single answer: what its sum is known to, and
 * by how much single ones lie beside, together. */
export function bandOf(row, scatter) {
    const [low, central, high] = row.tokens_out.split('/').map(Number);
    const random = scatter && central > 0 ? P95 * (Number(row.scatter) || 0) / central : 0;
    const widen = (ratio) => Math.exp(Math.hypot(Math.log(ratio), random));
    return random > 0 ? [low > 0 ? central / widen(central / low) : 0, central, central * widen(high / central)] : [low, central, high];
}

const median = (values) => {
    const sorted = [...values].sort((a, b) => a - b);
    const half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};
export const sum = (values) => values.reduce((a, b) => a + b, 0);
export const percent = (value) => `${value > 0 ? '+' : ''}${(100 * value).toFixed(0)} %`;
const share = (value) => `${(100 * value).toFixed(0)} %`;

/* The bias of the sum against TRUTH, if each half of the matched ones, every other in time, were scaled by the ratio of the sums
 * of the other half: how far the halves agree, which is what a calibration could reach (calibrated.mjs makes real ones).
 * EXTRA is what was counted where nothing was matched. */
export function scaled(pairs, truth, extra = 0) {
    const inTime = [...pairs].sort((a, b) => a.found.time - b.found.time);
    const halves = [0, 1].map((half) => inTime.filter((_, i) => i % 2 === half));
    const counted = (half) => sum(half.map(({ found }) => found.out[1]));
    const ratio = (half) => sum(half.map(({ truths }) => sum(truths.map(({ tokens_out }) => tokens_out)))) / counted(half);
    if (halves.some((half) => counted(half) === 0)) return '–';
    return percent((counted(halves[0]) * ratio(halves[1]) + counted(halves[1]) * ratio(halves[0]) + extra * ratio(pairs)) / truth - 1);
}

/* Median error, bias of the sum, share in the band. Estimates are low/central/high, truths numbers; those that are not known
 * are left out. */
export function judge(pairs) {
    const known = pairs.filter(({ truth }) => truth > 0);
    if (known.length === 0) return ['–', '–', '–'];
    return [
        share(median(known.map(({ estimate, truth }) => Math.abs(estimate[1] - truth) / truth))),
        percent(sum(known.map(({ estimate }) => estimate[1])) / sum(known.map(({ truth }) => truth)) - 1),
        share(known.filter(({ estimate, truth }) => estimate[0] <= truth && truth <= estimate[2]).length / known.length),
    ];
}
