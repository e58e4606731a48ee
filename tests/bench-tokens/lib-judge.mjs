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

const median = (values) => {
    const sorted = [...values].sort((a, b) => a - b);
    const half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};
export const sum = (values) => values.reduce((a, b) => a + b, 0);
export const percent = (value) => `${value > 0 ? '+' : ''}${(100 * value).toFixed(0)} %`;
const share = (value) => `${(100 * value).toFixed(0)} %`;

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
