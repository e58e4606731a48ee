/* A server of the protocol of OpenAI's chat completions that is not OpenAI's: one event per token, each in a record of its own, and no
 * padding; the last one has the usage counts. Format: Together's, whose clients' tests quote it; of the recorded streams of such servers
 * (api_streams.csv) the middle events have 255 to 319 B, and none is padded. SPDX-License-Identifier: GPL-3.0-or-later */
import { frontHeaders } from './lib-server.mjs';

const headers = (chance, type) => ({
    ...frontHeaders(chance, type), etag: `W/"${chance.hex(3)}-${chance.letters(27)}"`, vary: 'Accept-Encoding', 'x-ratelimit': '', 'x-ratelimit-limit': 100,
    'x-ratelimit-limit-dynamic': 100, 'x-ratelimit-remaining': 99, 'x-ratelimit-reset': 1, 'x-tokenlimit-limit': 60000, 'x-tokenlimit-remaining': 59000,
    'x-together-traceid': chance.hex(32), 'access-control-allow-origin': '*',
});

const usageOf = (plan, count) => ({ prompt_tokens: plan.tokens_in, completion_tokens: count, total_tokens: plan.tokens_in + count, cached_tokens: 0 });

export async function chat(exchange, plan, pieces) {
    const { chance } = exchange;
    const id = `${chance.letters(7)}-${chance.letters(6)}-${chance.hex(16)}`;
    const created = Math.floor(Date.now() / 1000);
    const call = (text) => [{ index: 0, id: `call_${id.slice(-16)}`, type: 'function', function: { name: 'search_documents', arguments: text } }];
    const more = (text) => [{ index: 0, function: { arguments: text } }]; // only the first piece of a call names it
    const stop = plan.tool ? 'tool_calls' : 'stop';
    if (!plan.stream) {
        exchange.head(200, headers(chance, 'application/json'));
        const message = { role: 'assistant', content: plan.tool ? null : pieces.join(''), tool_calls: plan.tool ? call(pieces.join('')) : [] };
        await exchange.send(plan.first + 1000 * pieces.length / plan.rate, JSON.stringify({ id, object: 'chat.completion', created, model: plan.model, prompt: [],
            choices: [{ finish_reason: stop, seed: chance.below(2e9), index: 0, logprobs: null, message }], usage: usageOf(plan, pieces.length) }), pieces.length);
        return;
    }
    const event = (text, first, finish_reason = null, usage = null) => `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created,
        choices: [{ index: 0, text: plan.tool ? '' : text, logprobs: null, finish_reason, seed: finish_reason ? chance.below(2e9) : null,
            delta: { token_id: chance.below(128_000), role: 'assistant', content: plan.tool ? '' : text, tool_calls: !plan.tool || !text ? null : first ? call(text) : more(text) } }],
        model: plan.model, usage })}\n\n`;
    exchange.head(200, headers(chance, 'text/event-stream;charset=utf-8'));
    for (const [i, text] of pieces.entries())
        if (!await exchange.send(i ? 1000 / plan.rate * (0.6 + 0.8 * chance.unit()) : plan.first, event(text, i === 0), 1)) return;
    await exchange.send(5, `${event('', false, stop, usageOf(plan, pieces.length))}data: [DONE]\n\n`);
}

export async function refuse(exchange, status) {
    await exchange.refuse(status, headers(exchange.chance, 'application/json'), JSON.stringify({ id: exchange.chance.letters(12), error: status === 429
        ? { message: 'You have reached the rate limit of this model. Please try again later.', type: 'model_rate_limit', param: null, code: null }
        : { message: 'Internal server error', type: 'server_error', param: null, code: null } }));
}
