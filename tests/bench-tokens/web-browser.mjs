/* Drives headless Chromiums, one for HTTP/2 and one for HTTP/3: web-browser.mjs DIRECTORY SEED SECONDS PEOPLE SPKI
 * TRANSPORT:APP=ADDRESS... opens the tabs of web-plan.mjs and ends when the pages say that they have finished. The
 * pages do the rest. SPKI: digests of the keys that are believed, whoever signed for them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { people } from './web-plan.mjs';

const [directory, seed, seconds, count, spki, ...places] = process.argv.slice(2);
const GRACE_S = 75; /* after which a page that has not finished is an error */
const NAMES = {
    'chatgpt-web': ['chatgpt.com', 'ab.chatgpt.com', 'ws.chatgpt.com', 'files.oaiusercontent.com', 'sdmntprwestus.oaiusercontent.com'],
    'claude-web': ['claude.ai'],
    'gemini-web': ['gemini.google.com', 'lh3.googleusercontent.com'], 'copilot-web': ['copilot.microsoft.com'],
    'mistral-web': ['chat.mistral.ai'], 'deepseek-web': ['chat.deepseek.com'],
    'perplexity-web': ['www.perplexity.ai'], 'grok-web': ['grok.com'],
    'albert-chat': ['assistant.numerique.gouv.fr'],
    'copilot-m365': ['m365.cloud.microsoft', 'substrate.svc.cloud.microsoft'],
};

function launch(transport, where) {
    const rules = where.flatMap(([app, address]) => NAMES[app].map((name) => `MAP ${name} ${address}`));
    const quic = transport === 'h3'
        ? ['--enable-quic', `--origin-to-force-quic-on=${where.flatMap(([app]) => NAMES[app].filter((name) => !/^(ab|ws)[.]/.test(name)).map((name) => `${name}:443`)).join(',')}`] : ['--disable-quic'];
    return spawn('chromium', [
        '--headless=new', '--no-sandbox', '--remote-debugging-pipe', `--user-data-dir=${directory}/profile-${transport}`, '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-default-apps', '--disable-extensions',
        '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
        '--disable-gpu', '--disable-dev-shm-usage', '--disable-features=OptimizationHints,MediaRouter,Translate',
        `--ignore-certificate-errors-spki-list=${spki}`, `--host-resolver-rules=${rules.join(',')},MAP * ~NOTFOUND`, ...quic, 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
}

/* The DevTools protocol over a pipe: JSON, each message ended by a zero byte. */
function devtools(chromium) {
    const waiting = new Map();
    let last = 0;
    let held = '';
    chromium.stdio[4].setEncoding('utf8').on('data', (data) => {
        const messages = (held + data).split('\0');
        held = messages.pop();
        for (const message of messages.map((text) => JSON.parse(text))) {
            waiting.get(message.id)?.(message);
            waiting.delete(message.id);
        }
    });
    return async (method, params = {}) => {
        const id = ++last;
        const answered = new Promise((done) => waiting.set(id, done));
        chromium.stdio[3].write(`${JSON.stringify({ id, method, params })}\0`);
        const { error, result } = await answered;
        if (error) throw new Error(`${method}: ${error.message}`);
        return result;
    };
}

/* Everybody's tabs in one browser; true when all have finished in time. A page that fails says so at once. */
async function browse(command, transport, where) {
    const contexts = new Map();
    const open = async ({ person, start, plan }) => {
        await sleep(start);
        if (!contexts.has(person)) contexts.set(person, command('Target.createBrowserContext'));
        const { browserContextId } = await contexts.get(person);
        const url = `https://${NAMES[plan.app][0]}/?page=${60000 + (plan.seed % 90000)}#${encodeURIComponent(JSON.stringify(plan))}`;
        return (await command('Target.createTarget', { url, browserContextId })).targetId;
    };
    const tabs = where.flatMap(([app]) => people(seed, app, transport, Number(count), Number(seconds)));
    const targets = await Promise.all(tabs.map(open));
    const deadline = Date.now() + (Number(seconds) + GRACE_S) * 1000;
    for (;;) {
        const { targetInfos } = await command('Target.getTargets');
        const finished = new Set(targetInfos.filter(({ title }) => title === 'finished').map(({ targetId }) => targetId));
        const late = tabs.filter((_, i) => !finished.has(targets[i]));
        if (late.length === 0) return true;
        const failed = targetInfos.some(({ title }) => title.includes(' failed: '));
        if (failed || Date.now() > deadline) {
            const at = new Map(targetInfos.map(({ targetId, title }) => [targetId, title]));
            console.error(`${failed ? 'a page failed' : 'not finished in time'}: ${late.map((tab) => `${tab.person} (${at.get(targets[tabs.indexOf(tab)])})`).join(', ')}`);
            return false;
        }
        await sleep(500);
    }
}

const browsers = [];
process.on('exit', () => browsers.forEach((browser) => browser.kill('SIGKILL')));
process.on('SIGTERM', () => process.exit(1));
const groups = new Map();
for (const place of places) {
    const [, transport, app, address] = place.match(/^(.+?):(.+)=(.+)$/);
    groups.set(transport, [...(groups.get(transport) ?? []), [app, address]]);
}
const done = await Promise.all([...groups].map(([transport, where]) => {
    const chromium = launch(transport, where);
    browsers.push(chromium);
    chromium.on('exit', (status) => {
        console.error(`chromium ended (${status})`);
        process.exit(1);
    });
    return browse(devtools(chromium), transport, where);
}));
process.exit(done.every(Boolean) ? 0 : 1);
