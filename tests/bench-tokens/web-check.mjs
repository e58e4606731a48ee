/* Whether the pages can do all that the plans ask of them: web-check.mjs [PAGE]. A page that cannot would stand still until its run ends.
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { APPLICATIONS, people } from './web-plan.mjs';

const page = readFileSync(process.argv[2] ?? new URL('pages/chat.js', import.meta.url), 'utf8');
const SEEDS = 20;
const ASKS = { load: ['load', 'idle'], prompt: ['before', 'prompt', 'after'], wait: [], reload: [], upload: ['upload'], dictate: ['dictate'], listen: ['listen'] };

/* What stands for the application in its page, which has nothing to do. */
function pageOf(app) {
    const hash = `#${encodeURIComponent(JSON.stringify({ app, seed: 1, steps: [] }))}`;
    const context = createContext({ location: { hash }, sessionStorage: { getItem: () => null }, document: {}, setTimeout: () => 0, URLSearchParams, TextEncoder });
    return runInContext(`${page};app`, context);
}

let failed = false;
for (const app of APPLICATIONS) {
    const own = pageOf(app);
    const steps = Array.from({ length: SEEDS }, (_, seed) => people(`${seed}`, app, 'h2', 3, 120)).flat().flatMap(({ plan }) => plan.steps);
    const asked = new Set(steps.flatMap((step) => [...ASKS[step.do], ...(step.image ? ['image'] : [])]));
    for (const what of asked) {
        if (typeof own[what] === 'function') continue;
        console.log(`${app}: its page has no ${what}`);
        failed = true;
    }
}
process.exit(failed ? 1 : 0);
