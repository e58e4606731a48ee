/* Gemini streamGenerateContent with alt=sse: few events, of some tens of tokens each; counts of use are cumulative, and stand
 * in every event. Format: the provider's reference. Of recorded streams of models that think (api_streams.csv, 13), what an event
 * has beside its text is 330 to 390 B, and 27 more since 2026 (serviceTier), as here; visible tokens in an event 4 to 35, in short answers: in long ones more, of
 * which only two were recorded (230 to 260 B of text). Gemini 3 signs its thoughts, in an event of its own after the text or
 * beside the call of a tool; Gemini 2.5 only the latter. Signatures in public recordings (pydantic-ai, vercel/ai, 2025-11 to 2026-09; 7 of
 * 50 to 800 hidden tokens) have 5.0 to 9.0 letters for each of those. SPDX-License-Identifier: GPL-3.0-or-later */

/* As the service writes it: a space after each colon. */
const spaced = (value) => JSON.stringify(value, null, 1).replace(/\n */g, '');

const headers = (chance, type) => ({
    'content-type': type, 'content-disposition': 'attachment', vary: 'Origin, X-Origin, Referer', date: new Date().toUTCString(),
    server: 'scaffolding on HTTPServer2', 'x-xss-protection': 0, 'x-frame-options': 'SAMEORIGIN', 'x-content-type-options': 'nosniff',
    'server-timing': `gfet4t7; dur=${chance.between(300, 2000)}`, 'alt-svc': 'h3=":443"; ma=2592000,h3-29=":443"; ma=2592000',
});

export async function stream(exchange, plan, pieces) {
    const { chance } = exchange;
    const responseId = chance.letters(22);
    const thoughts = Math.round(20 * 45 ** chance.unit()); // billed, not sent; 21 to 447 in recordings, half under 132
    const model = chance.below(2) ? 'gemini-3-flash-preview' : plan.model;
    const signature = model !== plan.model || plan.tool ? { thoughtSignature: chance.letters(4 * Math.ceil(thoughts * chance.between(50, 90) / 40)) } : null;
    const chunk = (text, count, last, signed) => ({
        candidates: [{
            content: { parts: [plan.tool && text ? { functionCall: { name: 'search_documents', args: { raw: text } }, ...signed } : { text, ...signed }], role: 'model' },
            ...(last ? { finishReason: 'STOP' } : {}), index: 0,
        }],
        usageMetadata: { promptTokenCount: plan.tokens_in, candidatesTokenCount: count, totalTokenCount: plan.tokens_in + count + thoughts,
            promptTokensDetails: [{ modality: 'TEXT', tokenCount: plan.tokens_in }], thoughtsTokenCount: thoughts, serviceTier: 'standard' },
        modelVersion: model, responseId,
    });
    if (!plan.stream) {
        exchange.head(200, headers(chance, 'application/json; charset=UTF-8'));
        await exchange.send(plan.first + 1000 * pieces.length / plan.rate, JSON.stringify(chunk(pieces.join(''), pieces.length, true, signature), null, 2), pieces.length);
        return;
    }
    exchange.head(200, headers(chance, 'text/event-stream'));
    for (let i = 0; i < pieces.length;) {
        const size = plan.tool ? pieces.length : i === 0 ? chance.between(1, 12) : chance.between(20, 60);
        const some = pieces.slice(i, i + size);
        i += some.length;
        const text = `data: ${spaced(chunk(some.join(''), i, !signature && i >= pieces.length, plan.tool ? signature : null))}\r\n\r\n`;
        if (!await exchange.send((i === some.length ? plan.first : 0) + 1000 * some.length / plan.rate, text, some.length)) return;
    }
    if (signature) await exchange.send(20, `data: ${spaced(chunk('', pieces.length, true, plan.tool ? null : signature))}\r\n\r\n`);
}

export async function refuse(exchange, status) {
    await exchange.refuse(status, headers(exchange.chance, 'application/json; charset=UTF-8'),
        JSON.stringify({ error: { code: status, message: status === 429 ? 'Resource has been exhausted (e.g. check quota).'
        : 'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
    status: status === 429 ? 'RESOURCE_EXHAUSTED' : 'INTERNAL' } }, null, 2));
}
