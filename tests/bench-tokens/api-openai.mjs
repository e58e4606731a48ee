/* OpenAI: chat completions and responses. Formats: the provider's reference, and streams quoted in public
 * (api_streams.csv: events of 297 or 329 B in chat, 258 to 263 B in responses); packets of gpt-4o in
 * openai_api_gpt4o_packets.csv: the first event leaves alone, most often, the others two at a time, at times four. SPDX-License-Identifier: GPL-3.0-or-later */
import { frontHeaders } from './lib-server.mjs';

const seconds = () => Math.floor(Date.now() / 1000);
const bytes = (value) => Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value));

const headers = (chance, type) => ({
    ...frontHeaders(chance, type), 'access-control-expose-headers': 'X-Request-ID', 'openai-organization': 'org-bench',
    'openai-processing-ms': chance.between(200, 900), 'openai-project': `proj_${chance.letters(24)}`, 'openai-version': '2020-10-01',
    'x-envoy-upstream-service-time': chance.between(200, 900), 'x-ratelimit-limit-requests': 10000,
    'x-ratelimit-limit-tokens': 2000000, 'x-ratelimit-remaining-requests': 9999,
    'x-ratelimit-remaining-tokens': 1999000 + chance.below(1000), 'x-ratelimit-reset-requests': '6ms', 'x-ratelimit-reset-tokens': '1ms',
});

/* Names of calls and the marks around them, which are billed, and are no events: public recordings of one call have 8 to 10 tokens with chat
 * completions, 10 to 15 with responses (services.conf). */
const OF_CALL = { chat: 10, responses: 11 };

/* Two events in a TLS record, one or two such records in a write (of 15000 recorded packets about one in ten); but the first one alone (71
 * of 90 recorded answers). */
async function sendPairs(exchange, plan, events) {
    const alone = exchange.chance.unit() < 0.8;
    for (let i = 0; i < events.length;) {
        const pairs = exchange.chance.unit() < 0.1 ? 2 : 1;
        const group = events.slice(i, i + (i === 0 && alone ? 1 : 2 * pairs));
        const parts = [group.slice(0, 2), group.slice(2)].filter((pair) => pair.length).map((pair) => pair.map(({ text }) => text).join(''));
        const tokens = group.reduce((sum, event) => sum + event.tokens, 0);
        if (!await exchange.send(i ? 1000 * group.length / plan.rate * (0.6 + 0.8 * exchange.chance.unit()) : plan.first, parts, tokens)) return;
        i += group.length;
    }
}

/* The JSON of an event is one more than a multiple of 16 bytes, by 1 to 16 letters of "obfuscation". */
function padded(chance, fields) {
    const pad = 16 - ((bytes({ ...fields, obfuscation: '' }) - 1) % 16);
    return JSON.stringify({ ...fields, obfuscation: chance.letters(pad) });
}

const usageOf = (plan, count) => ({
    prompt_tokens: plan.tokens_in, completion_tokens: count, total_tokens: plan.tokens_in + count,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
});

export async function chat(exchange, plan, pieces) {
    const { chance } = exchange;
    const envelope = {
        id: `chatcmpl-${chance.letters(29)}`, object: 'chat.completion.chunk', created: seconds(), model: plan.model,
        service_tier: 'default', system_fingerprint: `fp_${chance.hex(10)}`,
    };
    const beside = plan.tool ? OF_CALL.chat : 0;
    const call = plan.tool ? { index: 0, id: `call_${chance.letters(24)}`, type: 'function', function: { name: 'search_documents', arguments: '' } } : null;
    if (!plan.stream) {
        exchange.head(200, headers(chance, 'application/json'));
        const content = pieces.join('');
        const message = plan.tool ? { role: 'assistant', content: null, tool_calls: [{ ...call, function: { ...call.function, arguments: content } }] }
            : { role: 'assistant', content, refusal: null, annotations: [] };
        await exchange.send(plan.first + 1000 * pieces.length / plan.rate, JSON.stringify({
            ...envelope, object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason: plan.tool ? 'tool_calls' : 'stop' }],
            usage: usageOf(plan, pieces.length + beside),
        }, null, 2), pieces.length + beside);
        return;
    }
    const event = (delta, tokens, finish_reason = null) => ({
        text: `data: ${padded(chance, { ...envelope, choices: [{ index: 0, delta, logprobs: null, finish_reason }] })}\n\n`, tokens,
    });
    const first = { role: 'assistant', content: plan.tool ? null : '', refusal: null, ...(plan.tool ? { tool_calls: [call] } : {}) };
    const piece = (text) => (plan.tool ? { tool_calls: [{ index: 0, function: { arguments: text } }] } : { content: text });
    exchange.head(200, headers(chance, 'text/event-stream; charset=utf-8'));
    const events = [event(first, beside), ...pieces.map((text) => event(piece(text), 1)), event({}, 0, plan.tool ? 'tool_calls' : 'stop')];
    events.at(-1).text += 'data: [DONE]\n\n';
    await sendPairs(exchange, plan, events);
}

/* The settings of the request come back in the first two and the last event; so does the text, three more times. */
export async function responses(exchange, plan, pieces) {
    const { chance } = exchange;
    const response = (status, output, usage) => ({
        id: `resp_${response_id}`, object: 'response', created_at: created, status, background: false, error: null, incomplete_details: null,
        instructions: plan.instructions, max_output_tokens: null, max_tool_calls: null, model: plan.model, output, parallel_tool_calls: true,
        previous_response_id: null, prompt_cache_key: null, reasoning: { effort: null, summary: null }, safety_identifier: null,
        service_tier: 'auto', store: true, temperature: 1.0, text: { format: { type: 'text' }, verbosity: 'medium' }, tool_choice: 'auto',
        tools: [], top_logprobs: 0, top_p: 1.0, truncation: 'disabled', usage, user: plan.id, metadata: {},
    });
    const response_id = chance.hex(48);
    const item_id = `msg_${chance.hex(48)}`;
    const created = seconds();
    const text = pieces.join('');
    const part = (content) => ({ type: 'output_text', annotations: [], logprobs: [], text: content });
    const beside = plan.tool ? OF_CALL.responses : 0;
    const item = (status, content) => (plan.tool
        ? { id: item_id, type: 'function_call', status, arguments: content, call_id: `call_${response_id.slice(0, 24)}`, name: 'search_documents' }
        : { id: item_id, type: 'message', status, content: status === 'completed' ? [part(content)] : [], role: 'assistant' });
    const usage = {
        input_tokens: plan.tokens_in, input_tokens_details: { cached_tokens: 0 }, output_tokens: pieces.length + beside,
        output_tokens_details: { reasoning_tokens: 0 }, total_tokens: plan.tokens_in + pieces.length + beside,
    };
    if (!plan.stream) {
        exchange.head(200, headers(chance, 'application/json'));
        await exchange.send(plan.first + 1000 * pieces.length / plan.rate,
            JSON.stringify(response('completed', [item('completed', text)], usage), null, 2), pieces.length + beside);
        return;
    }
    let sequence_number = 0;
    const event = (type, fields, tokens = 0) => ({
        text: `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...fields })}\n\n`, tokens,
    });
    const where = { item_id, output_index: 0, content_index: 0 };
    const kind = plan.tool ? 'function_call_arguments' : 'output_text';
    /* Text and padding are 16 bytes together, or a multiple. */
    const delta = (piece) => ({ ...where, delta: piece, ...(plan.tool ? {} : { logprobs: [] }), obfuscation: chance.letters(16 - (bytes(piece) % 16)) });
    const parts = (name, content) => (plan.tool ? [] : [event(`response.content_part.${name}`, { ...where, part: part(content) })]);
    const events = [event('response.created', { response: response('in_progress', [], null) }),
        event('response.in_progress', { response: response('in_progress', [], null) }),
        event('response.output_item.added', { output_index: 0, item: item('in_progress', '') }, beside), ...parts('added', ''),
        ...pieces.map((piece) => event(`response.${kind}.delta`, delta(piece), 1)),
        event(`response.${kind}.done`, plan.tool ? { item_id, output_index: 0, arguments: text } : { ...where, text, logprobs: [] }),
        ...parts('done', text), event('response.output_item.done', { output_index: 0, item: item('completed', text) }),
        event('response.completed', { response: response('completed', [item('completed', text)], usage) })];
    exchange.head(200, headers(chance, 'text/event-stream; charset=utf-8'));
    await sendPairs(exchange, plan, events);
}

export async function refuse(exchange, status) {
    await exchange.refuse(status, { ...headers(exchange.chance, 'application/json'), 'retry-after': 1 },
        JSON.stringify({ error: status === 429
        ? { message: 'Rate limit reached for the model in organization org-bench on tokens per min (TPM): Limit 30000, Used 29800. Please try again in 1s.', type: 'tokens', param: null, code: 'rate_limit_exceeded' }
        : { message: 'The server had an error while processing your request. Sorry about that!', type: 'server_error', param: null, code: null } }, null, 4));
}
