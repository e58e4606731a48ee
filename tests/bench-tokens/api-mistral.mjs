/* Mistral chat completions: one event per token, padded by a prefix of the alphabet in "p", each in its own record.
 * Format: the provider's reference; events of 220 to 225 B in the middle of recorded streams (api_streams.csv).
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { frontHeaders } from './lib-server.mjs';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

const headers = (chance, type) => ({
    ...frontHeaders(chance, type), 'mistral-correlation-id': chance.uuid(), 'x-kong-request-id': chance.uuid(),
    'x-envoy-upstream-service-time': chance.between(100, 600), 'x-kong-upstream-latency': chance.between(100, 600), 'x-kong-proxy-latency': 7,
    'x-ratelimit-limit-tokens-minute': 500000, 'x-ratelimit-remaining-tokens-minute': 499000, 'access-control-allow-origin': '*',
});

const usageOf = (plan, count) => ({ prompt_tokens: plan.tokens_in, total_tokens: plan.tokens_in + count, completion_tokens: count });

export async function chat(exchange, plan, pieces) {
    const { chance } = exchange;
    const envelope = { id: chance.hex(32), object: 'chat.completion.chunk', created: Math.floor(Date.now() / 1000), model: plan.model };
    const calls = (text) => [{ id: call_id, function: { name: 'search_documents', arguments: text }, index: 0 }];
    const call_id = chance.letters(9);
    const stop = plan.tool ? 'tool_calls' : 'stop';
    if (!plan.stream) {
        exchange.head(200, headers(chance, 'application/json'));
        const message = { role: 'assistant', tool_calls: plan.tool ? calls(pieces.join('')) : null, content: plan.tool ? '' : pieces.join('') };
        await exchange.send(plan.first + 1000 * pieces.length / plan.rate, JSON.stringify({
            ...envelope, object: 'chat.completion', usage: usageOf(plan, pieces.length), choices: [{ index: 0, finish_reason: stop, message }],
        }), pieces.length);
        return;
    }
    const event = (delta, finish_reason = null, more = {}) => `data: ${JSON.stringify({
        ...envelope, choices: [{ index: 0, delta, finish_reason }], ...more, p: ALPHABET.slice(0, chance.between(1, 36)),
    })}\n\n`;
    exchange.head(200, headers(chance, 'text/event-stream; charset=utf-8'));
    if (!await exchange.send(plan.first, event({ role: 'assistant', content: '' }))) return;
    if (plan.tool) { // in one event, as the service does
        if (!await exchange.send(1000 * pieces.length / plan.rate,
            `${event({ content: '', tool_calls: calls(pieces.join('')) }, stop, { usage: usageOf(plan, pieces.length) })}data: [DONE]\n\n`, pieces.length)) return;
        return;
    }
    for (const content of pieces)
        if (!await exchange.send(1000 / plan.rate * (0.6 + 0.8 * chance.unit()), event({ content }), 1)) return;
    await exchange.send(5, `${event({ content: '' }, stop, { usage: usageOf(plan, pieces.length) })}data: [DONE]\n\n`);
}

export async function refuse(exchange, status) {
    await exchange.refuse(status, headers(exchange.chance, 'application/json'),
        JSON.stringify({ object: 'error', message: status === 429 ? 'Requests rate limit exceeded' : 'Service unavailable.',
        type: status === 429 ? 'rate_limited' : 'internal_server_error', param: null, code: status === 429 ? '1300' : '3000' }));
}
