/* server.mjs CERTIFICATES LOG: api.openai.com of the bench, which answers a prompt with as many tokens as it asks for; over
 * HTTP/1.1 and HTTP/2, and in clear for a proxy that speaks HTTP/3. SPDX-License-Identifier: GPL-3.0-or-later */
import * as openai from '../../bench-tokens/api-openai.mjs';
import { startServers } from '../../bench-tokens/lib-server.mjs';
import { answer, Chance, countTokens } from '../../bench-tokens/lib-text.mjs';

const [certificates, log] = process.argv.slice(2);

async function handle(exchange) {
    const body = exchange.json();
    const text = body.messages.map(({ content }) => content).join('\n');
    const plan = {
        stream: true, model: body.model, rate: 90, first: 100, tokens: body.max_completion_tokens, tokens_in: countTokens(text, 'o200k', 'fr'),
    };
    exchange.use({ kind: 'stream', tokens_in: plan.tokens_in });
    await openai.chat(exchange, plan, answer(new Chance(text), plan.tokens, 'o200k', 'fr'));
}

await startServers({ certificates, log, hosts: { 'api.openai.com': { service: 'openai-api', handle } }, addresses: ['203.0.113.130'], clear: 8080 });
process.on('SIGTERM', () => process.exit(0));
console.log('listening');
