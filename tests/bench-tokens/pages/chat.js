/* What runs in the browser: plays the steps of the plan in the page's address (location.hash), as a person would,
 * with the calls that the application makes around them. Sizes after shared/methods.md, section 1, and the recorded
 * sessions. A page that is loaded again goes on with the next step. SPDX-License-Identifier: GPL-3.0-or-later */
'use strict';

const plan = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let state = Number(sessionStorage.getItem('state') ?? plan.seed);
function unit() { /* mulberry32 */
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const between = (low, high) => low + Math.floor(unit() * (high - low + 1));
const letters = (length) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    let text = '';
    for (let i = 0; i < length; i++) text += alphabet[(unit() * 62) | 0];
    return text;
};
const uuid = () => [8, 4, 4, 4, 12].map((length) => letters(length).toLowerCase()).join('-');

async function call(path, { up = 0, down = 0, wait = 0, parts = 1, method = up ? 'POST' : 'GET', host = '' } = {}) {
    const query = `${path.includes('?') ? '&' : '?'}bytes=${down}${wait ? `&wait=${wait}` : ''}${parts > 1 ? `&parts=${parts}` : ''}&person=${encodeURIComponent(plan.person)}`;
    try {
        const response = await fetch(`${host}${path}${query}`, {
            method, body: up ? letters(up) : undefined, credentials: host ? 'omit' : 'same-origin',
        });
        await response.arrayBuffer();
    } catch { /* leaving the page ends what is under way */ }
}
const calls = (count, make) => Promise.all(Array.from({ length: count }, (_, i) => make(i)));

/* The largest part of a page: scripts, which the browser keeps for the next time. */
async function assets(prefix, bytes) {
    const count = between(14, 26);
    const weights = Array.from({ length: count }, () => 0.2 + unit());
    const sum = weights.reduce((a, b) => a + b, 0);
    await calls(count, (i) => call(`${prefix}/${i}.js?asset=${plan.app}`, { down: Math.round((bytes * weights[i]) / sum) }));
}

/* Of images some come from where the page does, some from a host of their own. */
const elsewhere = (host) => (unit() < 0.5 ? host : '');

/* Profile pictures and small views of images of before, and now and then one of them as it is. */
async function icons(host, count) {
    await calls(count, (i) => call(`/icon/${i}`, { down: between(2000, 18000), host }));
    if (unit() < 0.3) await call('/before', { down: between(2e5, 1.5e6), host });
}

/* Reads the answer to the end, or stops it after STOP ms; calls BEGUN once it has begun. */
async function post(path, body, stop, begun = () => {}, headers = {}) {
    const controller = new AbortController();
    if (stop) setTimeout(() => controller.abort(), stop);
    try {
        const response = await fetch(path, {
            method: 'POST', signal: controller.signal, body: JSON.stringify(body), headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
        });
        const reader = response.body.getReader();
        await reader.read();
        begun();
        while (!(await reader.read()).done);
    } catch { /* stopped */ }
}

/* While WORK goes on, TELL is called every LOW to HIGH ms. */
async function during(work, low, high, tell) {
    let over = false;
    const telling = (async () => {
        while (!over) {
            await Promise.race([sleep(between(low, high)), work]);
            if (!over) await tell();
        }
    })();
    await work;
    over = true;
    await telling;
}

const chatgpt = {
    beacon: (low, high) => call('/ces/v1/t', { up: between(low, high) }),
    async load() {
        await call('/backend-api/me', { down: 2200 });
        await Promise.all([
            assets('/cdn/assets', between(2.2e6, 4.4e6)), call('/backend-api/conversations?offset=0', { down: between(8000, 15000) }),
            call('/backend-api/models', { down: 14000 }), call('/backend-api/settings/user', { down: 1700 }),
            call('/v1/initialize', { up: 1900, down: 38000, host: 'https://ab.chatgpt.com' }),
        ]);
        await calls(4, () => this.beacon(900, 4000));
        await this.sentinel();
    },
    /* For the next prompt: 20 to 25 kB down, recorded at the end of each answer. */
    sentinel: () => call('/backend-api/sentinel/chat-requirements', { up: between(6500, 6900), down: between(20000, 25000), wait: between(20, 100) }),
    key: (typed) => (typed % 3 ? undefined : call('/backend-api/conversation/autocompletions', { up: between(300, 700), down: between(120, 900) })),
    async idle() {
        if (unit() < 0.5) await call('/backend-api/conversations?offset=0', { down: between(8000, 15000) });
        else await this.beacon(1200, 4000);
        if (unit() < 0.3) await call('/v1/rgstr', { up: between(900, 3000), host: 'https://ab.chatgpt.com' });
    },
    /* As in the recorded session, of three prompts: 20.5 kB, 7.5 to 8.2 kB with the prompt 0.3 to 0.6 s later, and 14.6 kB when its
     * answer begins; 8.7 to 8.9 kB now and then beside it; 51 kB within 0.1 s of its end, and 0.4 to 0.9 s later 14.5 kB, with two
     * large replies, then 47 to 50 kB. */
    async before() {
        calls(4, () => this.beacon(4600, 5100));
        await sleep(between(250, 650));
        call('/backend-api/conversation/prepare', { up: between(300, 400), down: 60 });
    },
    async prompt(step) {
        const work = post('/backend-api/f/conversation', {
            action: 'next', prompt: step.text, bench: step.bench, parent_message_id: uuid(), model: 'auto', timezone: 'Europe/Paris',
            conversation_mode: { kind: 'primary_assistant' }, sentinel: letters(between(5700, 6200)),
        }, step.stop, () => calls(3, () => this.beacon(4500, 4800)));
        await during(work, 20000, 50000, () => calls(2, () => this.beacon(2900, 4200)));
    },
    async after() {
        calls(10, () => this.beacon(4700, 5200));
        await call('/backend-api/conversation/stream_status', { down: 60, wait: between(350, 850) });
        await calls(2, () => this.sentinel());
        await calls(9, () => this.beacon(4900, 5300));
        await call('/backend-api/conversations?offset=0', { down: between(18000, 22000) });
    },
    /* The address to send it to, the file itself, and what became of it (as analysed in 2025-11: see services.conf). */
    async upload(bytes) {
        await call('/backend-api/files', { up: between(150, 300), down: between(500, 900) });
        await call('/files/raw?modality=upload', { up: bytes, host: 'https://sdmntprwestus.oaiusercontent.com' });
        await call('/backend-api/files/process_upload_stream', { up: between(150, 300), down: between(400, 900) });
    },
    image: (bytes) => call('/backend-api/estuary/content?modality=image', { down: bytes, host: elsewhere('https://files.oaiusercontent.com') }),
    old: () => icons('https://files.oaiusercontent.com', between(0, 8)),
    dictate: (bytes) => call('/backend-api/transcribe?modality=audio', { up: bytes }),
    listen: (bytes) => call('/backend-api/synthesize?modality=audio&paced=1', { down: bytes }),
    every: [9000, 20000],
    start() {
        if (!plan.sockets) return;
        const socket = new WebSocket('wss://ws.chatgpt.com/p');
        socket.onopen = () => setInterval(() => socket.send('p'.repeat(40)), 13000);
    },
};

const claude = {
    async load() {
        await Promise.all([assets('/_next/static', between(1.2e6, 2.2e6)), call('/api/bootstrap', { down: 60000 }),
            call('/api/organizations/o/chat_conversations', { down: between(5000, 20000) })]);
    },
    idle: () => (unit() < 0.6 ? call('/api/event_logging/batch', { up: between(300, 1200) })
        : call('/api/organizations/o/status', { down: between(90, 500) })),
    async before() {
        call('/api/event_logging/batch', { up: between(200, 380) });
        await call('/api/organizations/o/chat_conversations', { up: between(350, 650), down: 350 });
    },
    async prompt(step) {
        await during(post('/api/completion', {
            prompt: step.text, bench: step.bench, parent_message_uuid: uuid(), timezone: 'Europe/Paris', locale: 'fr-FR',
            personalized_styles: [{ type: 'default', key: 'Default', name: 'Normal', nameKey: 'normal_style_name' }],
            tools: letters(between(900, 1500)), attachments: [], files: [], sync_sources: [], rendering_mode: 'messages',
        }, step.stop), 8000, 20000, () => call('/api/event_logging/batch', { up: between(300, 700) }));
    },
    async after() {
        await call('/api/organizations/o/title', { up: between(250, 400), down: 60, wait: between(300, 900) });
        await calls(2, () => call('/api/event_logging/batch', { up: between(400, 900) }));
        await call('/api/organizations/o/chat_conversations/c', { down: between(3000, 9000) });
    },
    upload: (bytes) => call('/api/o/upload?modality=upload', { up: bytes }),
    every: [12000, 30000],
};

const gemini = {
    log: (low, high) => call('/log', { up: between(low, high), down: 130 }),
    async load() {
        await Promise.all([assets('/_/mss', between(1.5e6, 3e6)), call('/_/BardChatUi/data/batchexecute', { up: 900, down: 30000 })]);
        await this.log(2000, 6000);
    },
    /* Over QUIC bursts of 4 to 6 kB were recorded, over TCP of 9 to 69. Headers are 2 kB of each request there: QPACK
     * of Chromium does not refer to earlier ones. */
    async before() {
        if (plan.light) return call('/_/BardChatUi/data/batchexecute', { up: between(300, 900), down: 260 });
        calls(between(1, 8), () => this.log(1500, 6500));
        return call('/_/BardChatUi/data/batchexecute', { up: between(600, 1700), down: 700, wait: 30 });
    },
    async prompt(step) {
        await during(post('/_/BardChatUi/data/StreamGenerate', {
            prompt: step.text, bench: step.bench, at: letters(42), session: letters(plan.light ? between(100, 500) : between(3000, 5200)),
        }, step.stop), 9000, 11000, () => this.keepAlive());
    },
    async after() {
        if (!plan.light) await this.log(2500, 3500);
        await call('/_/BardChatUi/data/batchexecute', { up: between(500, 900), down: between(500, 2000) });
    },
    keepAlive: () => call('/_/BardChatUi/poll', { up: plan.light ? between(1250, 1400) : between(3050, 3200), down: between(300, 600), wait: between(20, 3000) }),
    idle() { return this.keepAlive(); },
    upload: (bytes) => call('/upload?modality=upload', { up: bytes }),
    image: (bytes) => call('/gg/image?modality=image', { down: bytes, host: 'https://lh3.googleusercontent.com' }),
    old: () => icons('https://lh3.googleusercontent.com', between(1, 3)),
    every: [9000, 11000],
};

const copilot = {
    start() {
        this.socket = new WebSocket(`wss://${location.host}/c/api/chat?api-version=2`);
        this.opened = new Promise((done) => { this.socket.onopen = done; });
        this.socket.onmessage = ({ data }) => { if (data.startsWith('{"event":"idle"') || data.startsWith('{"event":"error"')) this.done?.(); };
        setInterval(() => this.say({ event: 'ping', id: letters(8) }), 15000);
    },
    say(message) { this.socket.send(JSON.stringify(message)); },
    async load() {
        await Promise.all([assets('/static', between(1e6, 2e6)), call('/c/api/start', { up: 300, down: 2500 }), call('/c/api/conversations', { down: between(2000, 9000) })]);
        await this.opened;
    },
    key(typed, text) { this.say({ event: 'typeahead', requestId: letters(12), text: text.slice(0, typed) }); },
    idle: () => (unit() < 0.5 ? call('/c/api/user/status', { down: 400 }) : call('/c/api/telemetry', { up: between(500, 2500) })),
    async before() { await call('/c/api/telemetry', { up: between(500, 1500) }); },
    async prompt(step) {
        const answered = new Promise((done) => { this.done = done; });
        this.say({ event: 'send', conversationId: letters(21), content: [{ type: 'text', text: step.text }], mode: 'chat', context: { edge: letters(between(80, 300)) }, bench: step.bench });
        if (step.stop) setTimeout(() => this.say({ event: 'stop' }), step.stop);
        await answered;
    },
    async after() { await call('/c/api/telemetry', { up: between(700, 2500) }); },
    upload: (bytes) => call('/c/api/attachments?modality=upload', { up: bytes }),
    image: (bytes) => call('/c/api/image?modality=image', { down: bytes }),
    every: [10000, 25000],
};

/* Le Chat. What a prompt calls, and how much it says, are of one recorded session that is public (2026-01): the first makes the
 * conversation, with its text (650 B of JSON), and its answer is asked for in 312 B; later ones say both in one. Reports of 3.3 kB were
 * recorded of the provider's console; whether each page makes them is not known: every other one does here. */
const mistral = {
    report: () => (plan.seed % 2 ? call('/api/event', { up: between(3200, 3500), down: 40 }) : undefined),
    async load() {
        await Promise.all([assets('/_next/static', between(1.5e6, 3e6)), call('/api/trpc/user.session?batch=1', { down: between(4000, 9000) }),
            call('/api/trpc/chat.list?batch=1', { down: between(5000, 20000) })]);
        await this.report();
    },
    idle: () => call('/api/trpc/chat.list?batch=1', { down: between(5000, 20000) }),
    async before(step) {
        this.report();
        if (this.chat) return;
        await call('/api/trpc/message.newChat?batch=1', { up: 560 + step.text.length, down: between(1400, 1800), wait: between(100, 250) });
    },
    async prompt(step) {
        const more = this.chat ? { messageId: uuid(), features: letters(90), integrations: [], libraries: [] } : {};
        this.chat ??= uuid();
        await post('/api/chat', {
            chatId: this.chat, mode: 'start', disabledFeatures: [], clientPromptData: { currentDate: '2026-01-12', userTimezone: 'T+01:00 (Europe/Paris)' },
            stableAnonymousIdentifier: letters(6), prompt: step.text, bench: step.bench, ...more,
        }, step.stop);
    },
    async after() {
        this.report();
        await call('/api/trpc/chat.title?batch=1', { up: 150, down: between(250, 400), wait: between(100, 900) });
    },
    upload: (bytes) => call('/api/trpc/file.upload?modality=upload', { up: bytes }),
    every: [20000, 45000],
};

/* DeepSeek: before each prompt a proof of work, which the browser answers in a header. Sizes after public clients (D). */
const deepseek = {
    async load() {
        await Promise.all([assets('/static', between(1e6, 2e6)), call('/api/v0/users/current', { down: 1500 }),
            call('/api/v0/chat_session/fetch_page', { down: between(3000, 15000) })]);
    },
    idle: () => call('/api/v0/client/settings', { down: between(500, 2500) }),
    async before() {
        if (!this.session) await call('/api/v0/chat_session/create', { up: 21, down: 420, wait: between(50, 200) });
        this.session ??= uuid();
        await call('/api/v0/chat/create_pow_challenge', { up: 43, down: 520, wait: between(40, 150) });
        await sleep(between(40, 400));
    },
    async prompt(step) {
        await post('/api/v0/chat/completion', {
            chat_session_id: this.session, parent_message_id: null, prompt: step.text, bench: step.bench, ref_file_ids: [], thinking_enabled: false,
            search_enabled: false, client_stream_id: letters(25),
        }, step.stop, () => {}, { 'x-ds-pow-response': letters(380) });
    },
    after: () => (unit() < 0.5 ? call('/api/v0/chat_session/fetch_page', { down: between(3000, 15000) }) : undefined),
    upload: (bytes) => call('/api/v0/file/upload_file?modality=upload', { up: bytes }),
    every: [30000, 60000],
};

/* Perplexity. What a prompt calls is of a description of one recorded session (2026-09), its 2 kB of JSON too; how much the other calls say is a
 * guess. Files go to another host (S3), which is not here. */
const perplexity = {
    headers: () => ({ 'x-request-id': uuid(), 'x-perplexity-request-reason': 'ask-query-state-provider', traceparent: letters(55), tracestate: 'dd=s:1;o:rum', 'x-trace': letters(60) }),
    event: () => call('/rest/event/analytics', { up: between(400, 1500), down: 20 }),
    async load() {
        await Promise.all([assets('/_spa/assets', between(1.5e6, 3.5e6)), call('/api/auth/session', { down: 900 }), call('/rest/models/config', { down: 24000 }),
            call('/rest/perplexity_ask/graphql', { up: 420, down: between(6000, 22000) }), call('/rest/rate-limit/status', { down: 900 })]);
        await this.event();
    },
    idle: () => (unit() < 0.5 ? perplexity.event() : call('/rest/rate-limit/status', { down: 900 })),
    key: (typed) => (typed === 1 ? call('/rest/autosuggest/list-autosuggest', { up: 110, down: between(300, 1200) }) : undefined),
    before: () => { perplexity.event(); },
    async prompt(step) {
        await post('/rest/sse/perplexity_ask', {
            params: { frontend_uuid: uuid(), read_write_token: uuid(), last_backend_uuid: uuid(), fields: letters(between(1500, 1700)) }, query_str: step.text, prompt: step.text, bench: step.bench,
        }, step.stop, () => {}, this.headers());
    },
    async after() {
        call('/rest/thread/mark_viewed', { up: 60, down: 40 });
        await Promise.all([this.event(), call('/rest/thread/entry-metadata', { down: between(1500, 20000), wait: between(50, 400) }), call('/rest/sse/related-queries', { down: 60, wait: between(100, 900) })]);
        await call('/rest/perplexity_ask/graphql', { up: 420, down: between(6000, 22000) });
    },
    upload: () => call('/rest/uploads/batch_create_upload_urls', { up: 220, down: 1900 }),
    every: [15000, 40000],
};

/* Grok. What it says over its socket is of public recordings (2026-08 to 2026-10), a token of 14 kB that fends off programs among it, and a
 * ping every 3 s; the calls of the page are those of one of them, how much they say is a guess. Whether frames are compressed is not
 * known: those of every other tab are. */
const grok = {
    start() {
        this.socket = new WebSocket(`wss://${location.host}/ws/mgw/?uid=${uuid()}${plan.packed ? '&packed=1' : ''}`);
        this.opened = new Promise((done) => { this.socket.onopen = done; });
        this.socket.onmessage = ({ data }) => { if (/"type":"(conversation.queue.updated|response.done)"/.test(data) && (data.includes('queue') || data.includes('failed'))) this.done?.(); };
        this.session = uuid();
        setInterval(() => this.say('ping'), 3000);
    },
    say(type, fields = {}, more = {}) {
        if (this.socket.readyState === 1) this.socket.send(JSON.stringify({ session_id: this.session, event: { type, event_id: `evt_${Date.now()}`, ...fields }, ...more }));
    },
    report: () => call('/_data/v1/a/t/', { up: between(600, 2500), down: 20 }),
    metric: () => call('/api/log_metric', { up: between(90, 300), down: 20 }),
    async load() {
        await Promise.all([assets('/_next/static', between(2e6, 4e6)), call('/rest/app-chat/conversations?pageSize=60', { down: between(4000, 20000) }),
            call('/rest/modes', { up: 15, down: 1200 }), call('/rest/skills', { up: 15, down: 2500 }), call('/rest/rate-limits', { up: 22, down: 160 })]);
        await this.report();
        await this.opened;
    },
    idle: () => (unit() < 0.5 ? grok.report() : grok.metric()),
    key: (typed) => (typed % 6 === 1 ? call('/rest/suggestions/stream', { up: between(120, 600), down: between(300, 1500), wait: between(50, 300) }) : undefined),
    before() { if (!this.asked) this.say('session.create', { session: { model: 'auto', x_grok: { fields: letters(560) } } }); },
    async prompt(step) {
        this.asked = true;
        const answered = new Promise((done) => { this.done = done; });
        this.say('conversation.item.create', { item: { type: 'message', role: 'user', x_grok: { client_message_id: uuid(), input_chunks: [{ text: { text: step.text } }] } } });
        this.say('response.create', { castle_request_token: letters(14167) }, { bench: step.bench });
        if (step.stop) setTimeout(() => this.say('response.cancel'), step.stop);
        await during(answered, 5000, 15000, () => this.metric());
    },
    async after() {
        await call('/rest/rate-limits', { up: 22, down: 160 });
        await this.report();
        await call('/rest/app-chat/conversations?pageSize=60', { down: between(4000, 20000) });
    },
    upload: (bytes) => call('/http/upload-file-v2/direct?modality=upload', { up: bytes }),
    every: [6000, 20000],
};

/* Microsoft 365 Copilot. A socket is opened when somebody begins to type, for one prompt, and left open for a while; the token is in
 * its address: sizes, pauses and what it says are of a public analysis of 13 recorded sockets (2026-08). Beside it, its host is called by
 * the page, and by other programs of the office: how often, and how much they say, is a guess after the same (25 headers, 1.2 kB and a token). */
const SUBSTRATE = 'substrate.svc.cloud.microsoft';
const separator = '\x1e';
const m365 = {
    rest: (path, { up = 0, ...more } = {}) => call(path, { up: between(2500, 3600) + up, host: `https://${SUBSTRATE}`, ...more }),
    open() {
        const id = uuid();
        const socket = new WebSocket(`wss://${SUBSTRATE}/m365Copilot/Chathub/${uuid()}@${uuid()}?chatsessionid=${id}&XRoutingParameterSessionKey=${id}&clientrequestid=${id}&X-SessionId=${uuid()}&ConversationId=${uuid()}` +
            `&access_token=${letters(3471)}&variants=${letters(2163)}&source=officeweb&product=Office&agentHost=Bizchat.FullScreen&licenseType=Starter&isEdu=false&agent=web&scenario=OfficeWebIncludedCopilot`);
        const say = (...messages) => { if (socket.readyState === 1) socket.send(messages.map((message) => JSON.stringify(message) + separator).join('')); };
        const line = { id, say, close: () => socket.close() };
        line.opened = new Promise((done) => {
            socket.onopen = () => say({ protocol: 'json', version: 1 });
            socket.onmessage = ({ data }) => {
                if (data === `{}${separator}`) {
                    say({ type: 6 });
                    done();
                }
                if (data.includes('"type":3,')) line.done?.();
            };
        });
        socket.onclose = () => line.done?.();
        setInterval(() => say({ type: 6 }), 15000);
        return line;
    },
    async load() {
        await Promise.all([assets('/_next/static', between(2e6, 4e6)),
            calls(6, (i) => this.rest(`/api/${i}`, { up: between(100, 1500), down: between(800, 40000), wait: between(50, 400) }))]);
    },
    async idle() {
        const draw = unit();
        if (draw < 0.4) await this.rest('/search/api/v1/recommendations', { down: between(1000, 60000), wait: between(100, 800) });
        else if (draw < 0.6) await this.rest('/search/api/v2/query', { down: between(3000, 25000), wait: between(100, 500), parts: between(2, 4) });
        else if (draw < 0.7) await this.rest('/sync', { up: between(2000, 20000), down: between(20000, 900000), wait: between(100, 900) });
        else await calls(between(1, 4), () => this.rest('/profile', { down: between(300, 9000), wait: between(30, 300) }));
    },
    key(typed) {
        if (typed === 1) this.line = this.open();
        if (typed % 4 === 0) this.rest('/search/api/v1/suggestions', { up: between(100, 300), down: between(400, 6000), wait: between(165, 396) });
    },
    before() { this.line ??= this.open(); },
    async prompt(step) {
        const { line } = this;
        this.line = undefined;
        const answered = new Promise((done) => { line.done = done; });
        await line.opened;
        const stamps = { ConnectionStart: letters(24), UserInputStart: letters(24), ConnectionEstablished: letters(24), UserInputSubmit: letters(24), RequestSent: letters(24) };
        line.say({ arguments: [{ source: 'officeweb', clientCorrelationId: line.id, fields: letters(3150), message: { text: step.text, author: 'user' }, bench: step.bench }], invocationId: '0', target: 'chat', type: 4 },
            { arguments: [{ Timestamps: stamps }], target: 'Metrics', type: 1 });
        if (step.stop) setTimeout(line.close, step.stop);
        await answered;
        line.say({ arguments: [{ Timestamps: { ...stamps, more: letters(180) }, ReceivedTokenMetrics: letters(220) }], target: 'Metrics', type: 1 });
        setTimeout(line.close, between(2500, 50000));
    },
    async after() { await this.rest('/conversations', { down: between(2000, 15000), wait: between(100, 500) }); },
    upload: (bytes) => m365.rest('/m365Copilot/UploadFile?modality=upload', { up: bytes }),
    every: [5000, 15000],
};

/* The assistant of the French state: with each prompt goes all that was said before, as in the library that it uses; its other calls, and how
 * much they say, are a guess after its public source. */
const assistant = {
    said: [],
    chats: () => call('/api/v1.0/chats/?page=1', { down: between(2000, 15000) }),
    async load() {
        await Promise.all([assets('/_next/static', between(1.5e6, 3e6)), call('/api/v1.0/config/', { down: 2500 }), call('/api/v1.0/users/me/', { down: 700 }),
            call('/api/v1.0/llm-configuration/', { down: 3000 }), this.chats()]);
    },
    idle: () => (unit() < 0.5 ? assistant.chats() : call('/api/v1.0/assistant-health/', { down: 120 })),
    async before() {
        if (!this.chat) await call('/api/v1.0/chats/', { up: 60, down: 320 });
        this.chat = true;
    },
    async prompt(step) {
        const message = { id: letters(16), role: 'user', parts: [{ type: 'text', text: step.text }], content: step.text, createdAt: new Date().toISOString() };
        await post('/api/v1.0/chats/c/conversation/', { id: uuid(), messages: [...this.said, message], prompt: step.text, bench: step.bench }, step.stop);
        this.said.push(message, { ...message, role: 'assistant', content: letters(4 * step.bench.tokens), parts: [] });
    },
    after() { return this.chats(); },
    upload: (bytes) => call('/api/v1.0/chats/c/attachments/?modality=upload', { up: bytes }),
    every: [15000, 40000],
};

const app = { 'albert-chat': assistant, 'copilot-m365': m365, 'perplexity-web': perplexity, 'grok-web': grok, 'mistral-web': mistral, 'deepseek-web': deepseek, 'chatgpt-web': chatgpt, 'claude-web': claude, 'gemini-web': gemini, 'copilot-web': copilot }[plan.app];

/* A few words by hand, the rest is pasted. */
async function type(text) {
    const typed = Math.min(text.length, between(12, 36));
    for (let i = 1; i <= typed; i++) {
        await sleep(between(50, 130));
        app.key?.(i, text);
    }
    await sleep(between(200, 900));
}

const steps = {
    load: () => Promise.all([app.load(), app.old?.()]),
    wait: (step) => sleep(step.ms),
    async prompt(step) {
        if (!step.again) await type(step.text);
        document.title += ' before';
        await app.before(step);
        document.title += ' prompt';
        await app.prompt(step);
        document.title += ' after';
        if (step.image) await app.image(step.image);
        await app.after();
    },
    upload: (step) => app.upload(step.bytes),
    dictate: (step) => app.dictate(step.bytes),
    listen: (step) => app.listen(step.bytes),
    reload() {
        sessionStorage.setItem('state', state);
        location.reload();
        return new Promise(() => {});
    },
};

/* What goes on by itself. It draws from the same chance, so sizes of later calls depend on the time; what is asked does
 * not, it stands in the plan. */
async function poll() {
    for (;;) {
        await sleep(between(...app.every));
        await app.idle();
    }
}

(async () => {
    app.start?.();
    poll();
    for (let next = Number(sessionStorage.getItem('next') ?? 0); next < plan.steps.length; next++) {
        sessionStorage.setItem('next', next + 1);
        document.title = `${plan.steps[next].do} ${next}`;
        await steps[plan.steps[next].do](plan.steps[next]);
    }
    document.title = 'finished';
})().catch(({ message }) => { document.title += ` failed: ${message}`; });
