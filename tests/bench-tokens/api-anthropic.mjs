/* Anthropic messages: named events of several tokens, with up to 15 spaces before the last brace. Envelope of a
 * content_block_delta: 115 B with the mean of them. Format: the provider's reference; text in an event: 6 to 31 B in
 * recorded streams, 11 in the middle (api_streams.csv). SPDX-License-Identifier: GPL-3.0-or-later */
import { frontHeaders } from './lib-server.mjs';

const headers = (chance, type) => ({
    ...frontHeaders(chance, type), 'anthropic-ratelimit-input-tokens-limit': 2000000, 'anthropic-ratelimit-input-tokens-remaining': 1999000,
    'anthropic-ratelimit-input-tokens-reset': '2026-10-05T08:00:00Z', 'anthropic-ratelimit-output-tokens-limit': 400000,
    'anthropic-ratelimit-output-tokens-remaining': 399000, 'anthropic-ratelimit-output-tokens-reset': '2026-10-05T08:00:00Z',
    'anthropic-ratelimit-requests-limit': 4000, 'anthropic-ratelimit-requests-remaining': 3999, 'request-id': `req_011${chance.letters(21)}`,
    'anthropic-organization-id': chance.uuid(), 'x-robots-tag': 'none', via: '1.1 google',
});

const usageOf = (plan, count) => ({
    input_tokens: plan.tokens_in, cache_creation_input_tokens: 0, cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 }, output_tokens: count, service_tier: 'standard',
});

export async function messages(exchange, plan, pieces) {
    const { chance } = exchange;
    const event = (type, data, most = 15) =>
        `event: ${type}\ndata: ${JSON.stringify({ type, ...data }).replace(/}$/, `${' '.repeat(chance.below(most + 1))}}`)}\n\n`;
    const message = {
        model: plan.model, id: `msg_01${chance.letters(22)}`, type: 'message', role: 'assistant', content: [], stop_reason: null, stop_sequence: null,
    };
    const block = plan.tool ? { type: 'tool_use', id: `toolu_01${chance.letters(22)}`, name: 'search_documents', input: {} } : { type: 'text', text: '' };
    const stop = plan.tool ? 'tool_use' : 'end_turn';
    if (!plan.stream) {
        exchange.head(200, headers(chance, 'application/json'));
        const content = [plan.tool ? { ...block, input: { raw: pieces.join('') } } : { ...block, text: pieces.join('') }];
        await exchange.send(plan.first + 1000 * pieces.length / plan.rate,
            JSON.stringify({ ...message, content, stop_reason: stop, usage: usageOf(plan, pieces.length) }), pieces.length);
        return;
    }
    exchange.head(200, headers(chance, 'text/event-stream; charset=utf-8'));
    if (!await exchange.send(plan.first, event('message_start', { message: { ...message, usage: usageOf(plan, 1) } })
        + event('content_block_start', { index: 0, content_block: block }) + event('ping', {}, 0))) return;
    for (let i = 0; i < pieces.length;) {
        const some = pieces.slice(i, i + chance.between(1, 5));
        const delta = plan.tool ? { type: 'input_json_delta', partial_json: some.join('') } : { type: 'text_delta', text: some.join('') };
        if (!await exchange.send(1000 * some.length / plan.rate, event('content_block_delta', { index: 0, delta }), some.length)) return;
        i += some.length;
    }
    await exchange.send(5, event('content_block_stop', { index: 0 }));
    await exchange.send(5, event('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage: usageOf(plan, pieces.length) }));
    await exchange.send(1, event('message_stop', {}));
}

export async function refuse(exchange, status) {
    await exchange.refuse(status, { ...headers(exchange.chance, 'application/json'), 'retry-after': 1, 'x-should-retry': 'true' },
        JSON.stringify({ type: 'error', error: status === 429
        ? { type: 'rate_limit_error', message: 'This request would exceed the rate limit for your organization. Please reduce the prompt length or the maximum tokens requested.' }
        : { type: 'api_error', message: 'Internal server error' }, request_id: `req_011${exchange.chance.letters(21)}` }));
}
