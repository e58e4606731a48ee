/* figures.mjs PREFIX TEXT IAGMETER CONFIGURATION [all|names]: walks every figure of a month's or a year's report, PREFIX.json, .csv and
 * .fr.html and TEXT (what was printed). Each must carry a name; `iagmeter explain` must take it, its sum or formula,
 * evaluated here, must give the number that the report has, and so must every figure that it names in turn. With
 * "names" explain is not asked: only that each figure has a name.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const [prefix, printed, iagmeter, configuration, only] = process.argv.slice(2);
const month = basename(prefix);
const problems = [];
const found = { json: 0, csv: 0, html: 0, text: 0 };
const fail = (text) => problems.push(text);
const ENDS = ['low', 'central', 'high'];
const band = (value) => (typeof value === 'number' ? { low: value, central: value, high: value } : value);
const same = (a, b) => ENDS.every((end) => a[end] === b[end]);

// -- What explain says of a name -------------------------------------------------------------------------

const known = new Map();
const answers = new Map(); /* null: it was refused */
const refusals = [];
let collecting = false;

/* All of them by one program, which reads the ledger once. */
function askFor(names) {
    const { stdout, stderr } = spawnSync(iagmeter, ['explain', '--batch', '-', '-c', configuration, '--format', 'json'],
        { encoding: 'utf8', input: names.map((name) => `${name}\n`).join(''), maxBuffer: 1 << 30 });
    const lines = stdout.trim() ? stdout.trim().split('\n').map((line) => JSON.parse(line)) : [];
    if (lines.length !== names.length) refusals.push(`${lines.length} of ${names.length} names are answered: ${stderr.trim()}`);
    lines.forEach(({ figure, explanation, error }, i) => {
        if (figure !== names[i]) refusals.push(`${names[i]} is answered as ${figure}`);
        if (error) refusals.push(`${names[i]} is refused: ${error}`);
        answers.set(names[i], explanation ?? null);
    });
}

/* What an answer names in turn. */
function namedBy(name, answer) {
    if (!answer) return [];
    if (answer.schema.startsWith('iagmeter-derived/')) return answer.terms.map(({ id }) => id).filter(Boolean);
    const indicator = name.split('/')[3];
    const ofParts = answer.parts.map(({ figures }) => figures[indicator].id);
    return indicator === 'gwp_kgco2e' ? [...GWP_PARTS.map((part) => name.replace(indicator, part)), ...ofParts] : ofParts;
}
const GWP_PARTS = ['gwp_use_kgco2e', 'gwp_embodied_kgco2e'];

/* Names, those that their explanations name, and so on. */
function askForAll(names) {
    for (let asked = [...new Set(names)]; asked.length > 0;) {
        askFor(asked);
        asked = [...new Set(asked.flatMap((name) => namedBy(name, answers.get(name))))].filter((name) => !answers.has(name));
    }
}

const FUNCTIONS = {
    less: (a, b) => (end) => (a(end) - b(end) > a(end) * 1e-12 ? a(end) - b(end) : 0),
    further: (a, b) => (end) => (end === 'low' ? Math.min(a(end), b(end)) : end === 'high' ? Math.max(a(end), b(end)) : a(end)),
    central: (a) => () => a('central'),
    sqrt: (a) => (end) => Math.sqrt(a(end)),
    around: (a, b) => (end) => {
        const centre = a('central');
        const ratio = (above, below) => (below > 0 ? Math.log(above / below) ** 2 : Infinity);
        if (end === 'low') return centre / Math.exp(Math.sqrt(ratio(centre, a(end)) + ratio(centre, b(end))));
        return end === 'high' ? centre * Math.exp(Math.sqrt(ratio(a(end), centre) + ratio(b(end), centre))) : centre;
    },
};

/* The printed formula, read again by another program than the one that printed it. */
function evaluator(formula, terms) {
    const tokens = formula.match(/\{[^}]*\}|[a-z]+(?=\()|[0-9.]+(?:e[+-]?[0-9]+)?|[()+\-·/,]/g);
    let at = 0;
    const take = (token) => tokens[at] === token && ++at > 0;
    function operand() {
        const token = tokens[at++];
        if (token[0] === '{') {
            const term = terms.find(({ name }) => name === token.slice(1, -1));
            return (end) => term.value[end];
        }
        if (FUNCTIONS[token]) {
            take('(');
            const given = [sum()];
            while (take(',')) given.push(sum());
            take(')');
            return FUNCTIONS[token](...given);
        }
        if (token === '(') {
            const inner = sum();
            take(')');
            return inner;
        }
        return () => Number(token);
    }
    function product() {
        let left = operand();
        for (;;) {
            const a = left;
            if (take('·')) { const b = operand(); left = (end) => a(end) * b(end); }
            else if (take('/')) { const b = operand(); left = (end) => a(end) / b(end); }
            else return left;
        }
    }
    function sum() {
        let left = product();
        for (;;) {
            const a = left;
            if (take('+')) { const b = product(); left = (end) => a(end) + b(end); }
            else if (take('-')) { const b = product(); left = (end) => a(end) - b(end); }
            else return left;
        }
    }
    const value = sum();
    if (at !== tokens.length) fail(`${formula}: only a part of it is a formula`);
    return value;
}

/* Other than sums, products and roots, programs round differently. */
const EXACT = (formula) => !formula.includes('around(');
const near = (a, b) => ENDS.every((end) => Math.abs(a[end] - b[end]) <= 1e-14 * Math.abs(b[end]));

function explainDerived(name, answer) {
    const value = evaluator(answer.formula, answer.terms);
    const again = { low: value('low'), central: value('central'), high: value('high') };
    if (!answer.agrees) fail(`${name}: explain itself says that it is not the same number`);
    if (!(EXACT(answer.formula) ? same : near)(again, answer.reported))
        fail(`${name}: ${answer.formula} is ${JSON.stringify(again)}, not ${JSON.stringify(answer.reported)}`);
    for (const term of answer.terms) {
        if (!term.id) {
            if (!term.origin) fail(`${name}: ${term.name} comes from nowhere`);
            if (term.origin === 'factor' && !(term.provenance.source && term.provenance.year && term.provenance.grade))
                fail(`${name}: ${term.name} is a factor without a source`);
            continue;
        }
        const theirs = explained(term.id);
        const wanted = theirs && term.value.low === term.value.high ? band(theirs.central) : theirs;
        if (wanted && !same(wanted, term.value))
            fail(`${name}: its term ${term.id} is ${JSON.stringify(term.value)}, but ${JSON.stringify(theirs)} by its name`);
    }
    return answer.reported;
}

/* A figure of the tables is the sum of its parts, in their order. */
function explainSum(name, answer) {
    const [figure] = Object.values(answer.figures);
    const indicator = name.split('/')[3];
    if (figure.id !== name) fail(`${name}: explain calls it ${figure.id}`);
    if (indicator !== 'gwp_kgco2e' && answer.parts.length > 0) {
        const sum = { low: 0, central: 0, high: 0 };
        for (const part of answer.parts) for (const end of ENDS) sum[end] += part.figures[indicator][end];
        if (!same(sum, figure)) fail(`${name}: its parts are ${JSON.stringify(sum)}, not ${JSON.stringify(figure)}`);
    }
    if (indicator === 'gwp_kgco2e') {
        const [use, embodied] = GWP_PARTS.map((part) => explained(name.replace(indicator, part)));
        if (!use || !embodied || !ENDS.every((end) => use[end] + embodied[end] === figure[end]))
            fail(`${name}: it is not use and manufacture`);
    }
    for (const part of answer.parts) explained(part.figures[indicator].id);
    return figure;
}

/* What the name stands for; null after a complaint. */
function explained(name) {
    if (known.has(name)) return known.get(name);
    known.set(name, null);
    if (only === 'names' || collecting) return null;
    const answer = answers.get(name);
    if (answer === undefined) fail(`${name} was not asked for`);
    if (answer) known.set(name, answer.schema.startsWith('iagmeter-derived/') ? explainDerived(name, answer) : explainSum(name, answer));
    return known.get(name);
}

function check(where, name, value) {
    const theirs = explained(name);
    if (theirs && !same(band(value), theirs)) fail(`${where}: ${JSON.stringify(value)}, but ${name} is ${JSON.stringify(theirs)}`);
}

// -- JSON ------------------------------------------------------------------------------------------------

/* Settings and times, which nobody computes, and the tables of factors, of which each must state its source. */
const SETTINGS = new Set(['.year', '.compared.year_before', '.threshold', '.restatement.number', '.objectives.year', '.objectives.until_s']);

/* A factor of a vintage has a name, too; a host's own (host.conf) has its source alone. */
function checkNames(value, path) {
    for (const [key, item] of Object.entries(value)) {
        const ends = typeof item === 'number' ? band(item) : item;
        if (typeof item !== 'number' && !(item && typeof item === 'object' && ('low' in item || 'min' in item))) continue;
        found.json++;
        if (!value.ids?.[key]) fail(`${path}.${key}: a factor without a name`);
        const theirs = value.ids?.[key] && explained(value.ids[key]);
        if (theirs && !(theirs.low === (ends.low ?? ends.min) && theirs.high === (ends.high ?? ends.max)))
            fail(`${path}.${key}: ${JSON.stringify(item)}, but ${value.ids[key]} is ${JSON.stringify(theirs)}`);
    }
}

function checkFactors(value, path) {
    if (typeof value !== 'object' || value === null) return;
    if (/^\.factors\.(?:method_[ab]|(?:models|providers|zones)\.\d+)$/.test(path)) checkNames(value, path);
    const numbers = Object.values(value).some((item) => typeof item === 'number' || (item && typeof item === 'object' && ('low' in item || 'min' in item)));
    const sources = Object.entries(value).filter(([key]) => key.includes('provenance')).map(([, item]) => item);
    if (numbers && !('low' in value || 'min' in value) && !('source' in value) && !('mix_source' in value) &&
        !(sources.length > 0 && sources.every((item) => item.source && item.year && item.grade)))
        fail(`${path}: a factor without a source`);
    for (const [key, item] of Object.entries(value)) checkFactors(item, `${path}.${key}`);
}

function walk(value, path) {
    if (path === '.factors' || path === '.host.factors') {
        checkFactors(value, path);
        return;
    }
    for (const [key, item] of Object.entries(value)) {
        const here = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
        const isBand = item && typeof item === 'object' && 'low' in item;
        if (typeof item === 'number' || isBand) {
            const name = (isBand && item.id) || value.ids?.[key] || value.figures?.[key];
            if (SETTINGS.has(here)) continue;
            found.json++;
            if (name) check(`JSON ${here}`, name, item);
            else fail(`JSON ${here}: a figure without a name`);
        } else if (item && typeof item === 'object') {
            walk(item, here);
        }
    }
}
const report = JSON.parse(readFileSync(`${prefix}.json`, 'utf8'));

// -- CSV -------------------------------------------------------------------------------------------------

const fields = (line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted ?? plain);
const [columns, ...records] = readFileSync(`${prefix}.csv`, 'utf8').trim().split('\n').map(fields);
function walkTable() {
    for (const record of records) {
        const row = Object.fromEntries(columns.map((column, i) => [column, record[i]]));
        found.csv++;
        if (!row.figure) fail(`CSV ${record}: a figure without a name`);
        else check(`CSV ${record}`, row.figure, { low: Number(row.low), central: Number(row.central), high: Number(row.high) });
    }
}

// -- HTML ------------------------------------------------------------------------------------------------

const page = readFileSync(readdirSync(dirname(prefix)).filter((file) => file.startsWith(`${month}.`) && file.endsWith('.html'))
    .map((file) => `${dirname(prefix)}/${file}`)[0], 'utf8');
const unescape = (text) => text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&amp;/g, '&');
/* A number as people write it in French, in units of its last decimal: "1 234,5" is 12345 tenths. */
const NUMBER = /[−-]?\d(?:[\d\u202f]*\d)?(?:,\d+)?(?:e[-+]?\d+)?/;
function readNumber(text) {
    const [digits] = text.match(NUMBER);
    const plain = digits.replace(/\u202f/g, '').replace(',', '.').replace('−', '-');
    const exponent = Number((plain.split('e')[1] ?? 0));
    const decimals = (plain.split('e')[0].split('.')[1] ?? '').length;
    return { value: Number(plain), step: 10 ** (exponent - decimals), under: text.trim().startsWith('<') };
}

/* Shares are printed in percent. */
const IS_SHARE = /\/@coverage-proportion\/|_share$|_sigma$|\/@shares\//;

/* Antimony is printed in the unit that its row states, whatever unit of the figure explain tells. */
const PER_KG = { kg: 1, g: 1e3, mg: 1e6, 'µg': 1e9, ng: 1e12 };
const perUnit = (row) => PER_KG[row.match(/>([mµnk]?g)Sbeq</)?.[1]] ?? 1;

/* The days are in the unit of the graph, which the heading of their column states. */
const PER_KWH = { k: 1, '': 1e3, m: 1e6, 'µ': 1e9 };
const perKwh = (table) => PER_KWH[table.match(/\(([kmµ]?)Wh\)</)[1]];

function compareText(where, name, end, text, scale = 1) {
    const theirs = explained(name);
    if (!theirs) return;
    const { value, step, under } = readNumber(text);
    const wanted = theirs[end] * (IS_SHARE.test(name) ? 100 : scale);
    /* Columns are rounded so that they add up: less than one unit in the centre, less than two at the ends; a
     * mixture never reads 0 or 100 %, and what was covered is cut, not rounded. */
    const off = Math.abs(value - wanted) / step;
    if (under ? !(wanted > 0 && wanted < value) : !(off <= (end === 'central' ? 1 : 2) + 1e-9))
        fail(`${where}: "${text.trim()}", but ${name} is ${wanted} (${end})`);
}

/* Text of the page where a number is no figure: dates, names of months, models, places and sources, the settings
 * that a sentence repeats, and words with digits in them. */
const WORDS = [/\d{1,2}(?:er)? [a-zéûô]+ \d{4}(?: à \d\d:\d\d)?/g, /[a-zéûô]+ \d{4}/g, /CO2e?/g, /«[^»]*»/g, /1[ \u202f]000 jetons/g,
    /\b\d+[ \u00a0]appareils/g, /note [A-E], soit \d sur 5 \(1 est la meilleure\)/g, /\([0-9]\/5\)/g, /millésime \d+/g, /millésimes? des facteurs[^.]*\./gi,
    /révision n°[ \u202f\u00a0]?\d+/g, /GPL version 3/g, /^\s*[1-4]\. /g, /EcoLogits[^;]*;[^)]*\)\)?/g, /P10|P90|RNR01/g,
    /rythme des \d+ derniers mois couverts à \d+[ \u202f\u00a0]% au moins/g, /Sans \d+ tels mois/g,
    /RGESN \d+|critère [\d.]+, (?:PUE sous|WUE d’au plus) [\d,]+/g, /moins de \d+[ \u202f\u00a0]%/g];

/* Elements in which numbers are no figures of the month. */
const SKIPPED = /^(?:head|style|svg|code|title|h1|h2|h3|caption|footer)$/;

function walkPage() {
    const stack = [];
    let rowEnd = 0;
    const annex = page.indexOf('<h2>Facteurs utilisés et sources'); /* of a vintage; before it, host.conf's, which state their source */
    if (annex < 0 && report.factors) fail('HTML: no annex of factors');
    for (const { index, 1: tag, 2: text } of page.matchAll(/<([^>]+)>|([^<]+)/g)) {
        if (tag?.startsWith('/')) {
            stack.pop();
        } else if (tag && !/^[!?]|\/$/.test(tag)) {
            const element = tag.split(/[\s>]/)[0];
            const name = tag.match(/title="iagmeter explain ([^"]*)"/)?.[1];
            const kind = tag.match(/class="([^"]*)"/)?.[1] ?? '';
            if (element === 'tr') rowEnd = 0;
            stack.push({ element, kind, name: name && unescape(name), numbers: 0, table: element === 'table' });
        } else if (text && /\d/.test(text)) {
            const words = unescape(text);
            const inside = (test) => stack.some(test);
            const named = stack.findLast((item) => item.name);
            const where = `HTML <${stack.at(-1).element}> "${words.trim()}"`;
            if (annex >= 0 && index > annex && inside(({ kind }) => kind === 'sources') && stack.at(-1).kind === 'n') {
                found.html++;
                if (named) explained(named.name);
                else fail(`${where}: a factor without a name`);
            }
            if (inside(({ element, kind }) => SKIPPED.test(element) || kind === 'sources' || kind === 'factors' || kind === 'organisation')) continue;
            if (named?.element === 'tr' && stack.at(-1).kind === 'n') {
                found.html++;
                compareText(where, named.name, ENDS[rowEnd++], words, perUnit(page.slice(index, page.indexOf('</tr>', index))));
            } else if (named && stack.at(-1).kind === 'band' && stack.at(-1).name === undefined) {
                const [low, high] = words.split('–');
                found.html += 2;
                compareText(where, named.name, 'low', low.replace('(', ''));
                compareText(where, named.name, 'high', high);
            } else if (named && named.element !== 'tr') {
                const end = named.numbers === 0 && stack.at(-2)?.element === 'p' ? endOf(named, stack) : 'central';
                const scale = inside(({ element: outer }) => outer === 'details') ? perKwh(page.slice(page.lastIndexOf('<details', index), index)) : 1;
                named.numbers++;
                found.html++;
                compareText(where, named.name, end, words, scale);
            } else if (WORDS.reduce((rest, pattern) => rest.replace(pattern, ''), words).match(/\d/) && !isLabel(stack)) {
                fail(`${where}: a number without a name`);
            }
        }
    }
}

/* In a sentence, the same figure three times is its central value, its low and its high one. */
function endOf(named, stack) {
    const sentence = stack.at(-2);
    sentence.told ??= new Map();
    const count = sentence.told.get(named.name) ?? 0;
    sentence.told.set(named.name, count + 1);
    return ['central', 'low', 'high'][count];
}

/* Headings and names of rows; cells of words. */
const isLabel = (stack) => stack.some(({ element, kind }) => element === 'th' || (element === 'td' && kind !== 'n'));

const anchors = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
for (const id of anchors) if (anchors.indexOf(id) !== anchors.lastIndexOf(id)) fail(`HTML: two anchors ${id}`);

// -- Text ------------------------------------------------------------------------------------------------

const NO_FIGURES = [/^Empreinte (?:annuelle )?de /, /^Mois en cours/, /^Année en cours/, /^Par rapport à /, /^Rapport provisoire/, /^Aucun couple /, /^Direction  /, /^Objectifs de l’année/, /^\//, /^Aucune ligne/];
function walkText() {
    for (const line of readFileSync(printed, 'utf8').split('\n')) {
        if (!/\d/.test(line) || NO_FIGURES.some((pattern) => pattern.test(line))) continue;
        const inBrackets = [...line.matchAll(/\[([^\]]+)\]/g)].map(([, name]) => name);
        const ofRow = line.match(/ (\d{4}(?:-\d\d)?\/\S+\/\.)$/)?.[1];
        const names = ofRow ? ['requests', 'energy_kwh', 'water_l', 'gwp_kgco2e'].map((indicator) => `${ofRow}/${indicator}`) : inBrackets;
        found.text += names.length;
        if (names.length === 0) fail(`text "${line}": figures without a name`);
        names.forEach(explained);
        if (!ofRow) continue;
        const cells = line.match(/\S+ \([^)]*\)/g).slice(-4);
        cells.forEach((cell, i) => {
            const [central, low, high] = cell.match(new RegExp(NUMBER.source, 'g'));
            compareText(`text "${cell}"`, names[i], 'central', central);
            compareText(`text "${cell}"`, names[i], 'low', low);
            compareText(`text "${cell}"`, names[i], 'high', high);
        });
    }
}

// -- All of it -------------------------------------------------------------------------------------------

function walkAll() {
    walk(report, '');
    walkTable();
    walkPage();
    walkText();
}

if (only !== 'names') { /* once for the names alone */
    collecting = true;
    walkAll();
    askForAll([...known.keys()]);
    collecting = false;
    known.clear();
    problems.length = 0;
    refusals.forEach(fail);
    for (const kind of Object.keys(found)) found[kind] = 0;
}
walkAll();

for (const problem of [...new Set(problems)].slice(0, 40)) console.error(problem);
console.log(`${month}: figures with a name: ${Object.entries(found).map(([kind, count]) => `${count} ${kind}`).join(', ')}; ${known.size} names are explained`);
process.exit(problems.length > 0 || Object.values(found).some((count) => count === 0) ? 1 : 0);
