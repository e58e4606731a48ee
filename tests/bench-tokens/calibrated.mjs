/* calibrated.mjs PROGRAM CONFIGURATION OUT DIRECTORY: calibrates every service and transport of a run of the bench (DIRECTORY/
 * capture.pcap, truth.jsonl) as its operator would, by `iagmeter calibrate service NAME --read`, which asks for the true
 * tokens of each answer: those of which one true exchange alone can be meant are told, the others are passed over. OUT then has
 * a calibration of each for which it was not refused, and iagmeter.conf, which is CONFIGURATION with these in force: to
 * judge other runs by. Prints what each session said at its end. SPDX-License-Identifier: GPL-3.0-or-later */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { table } from './lib-judge.mjs';
import { readTruth } from './lib-truth.mjs';

const [program, configuration, out, directory] = process.argv.slice(2);
const capture = `${directory}/capture.pcap`;
const LEAST = 8;      // answers, of the few that a run has
const BEFORE_S = 2;   // the calls before a prompt
const AFTER_S = 1;
const PASS = Array(3000).fill('');
const options = { encoding: 'utf8', maxBuffer: 1 << 28 };

const truths = readTruth(`${directory}/truth.jsonl`).filter(({ event }) => event === 'exchange');
const founds = table(execFileSync(program, ['inspect', '--exchanges', '--addresses', '-c', configuration, capture], options))
    .map((row) => ({ ...row, service: row.service.replace(/\/.*/, ''), transport: row.transport === 'quic' ? 'quic' : 'tcp' }));

const session = (service, file, lines) => spawnSync(program, ['calibrate', 'service', service, '-c', configuration, '--least', String(LEAST),
    '--read', capture, '--output', file], { ...options, input: `${lines.join('\n')}\n` });

/* Each answer, as the session asks for it: how many were answered together, transport, bytes. */
const asked = (service, file) => [...session(service, file, PASS).stderr.matchAll(/(\d+) \((tcp|quic)\): (\d+) B in \d+ records/g)]
    .map(([, requests, transport, bytes]) => ({ requests, transport, bytes }));

/* The true tokens of one, or nothing. */
function tokensOf(one, service) {
    const same = founds.filter((row) => row.service === service && row.transport === one.transport && row.down_bytes === one.bytes);
    if (same.length !== 1 || one.requests !== '1') return '';
    const time = Number(same[0].time);
    const near = truths.filter((truth) => truth.client_port === Number(same[0].client_port) && truth.client === same[0].client
        && truth.start - BEFORE_S <= time && time <= truth.end + AFTER_S);
    return near.length === 1 && near[0].tokens_out >= 1 ? String(near[0].tokens_out) : '';
}

function calibrate(service, transport) {
    const file = `${out}/${service}-${transport}.conf`;
    const lines = asked(service, file).map((one) => (one.transport === transport ? tokensOf(one, service) : ''));
    const { status, stderr } = session(service, file, [...lines, 'end']);
    console.log(`${service} ${transport}: ${lines.filter(Boolean).length} answers told; ${stderr.trim().split('\n').at(-1)}`);
    return status === 0 ? [file] : [];
}

mkdirSync(out, { recursive: true });
const pairs = [...new Set(founds.map(({ service, transport }) => `${service} ${transport}`))].sort().map((pair) => pair.split(' '));
const files = pairs.flatMap(([service, transport]) => calibrate(service, transport));
writeFileSync(`${out}/iagmeter.conf`, `${readFileSync(configuration, 'utf8')}calibrations = [ ${files.map((file) => `"${file}"`).join(', ')} ];\n`);
