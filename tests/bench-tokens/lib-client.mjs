/* Clients: one connection each, of Node (https, fetch, http2) or curl. All resolve names by themselves, by the table
 * ADDRESSES. SPDX-License-Identifier: GPL-3.0-or-later */
import { spawn } from 'node:child_process';
import dns from 'node:dns';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import tls from 'node:tls';

/* Where the namespace of the servers has which name. */
export const ADDRESSES = {
    'api.openai.com': '203.0.113.130', 'api.mistral.ai': '203.0.113.140', 'api.anthropic.com': '203.0.113.150',
    'generativelanguage.googleapis.com': '203.0.113.160', 'api.together.xyz': '203.0.113.151',
};

/* There is no resolver: for fetch(), which takes no table. */
export function resolveNames() {
    dns.lookup = (name, options, done = options) => {
        const address = ADDRESSES[name];
        if (!address) return void done(Object.assign(new Error(`no address of ${name}`), { code: 'ENOTFOUND' }));
        return options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
    };
}

/* Reads what is left of a response until it ends, or ABORT: leaves once that many bytes came. Resolves with the status. */
function drain(stream, abort, leave, status) {
    return new Promise((done, fail) => {
        let got = 0;
        stream.on('data', (data) => {
            got += data.length;
            if (abort && got >= abort) { leave(); done(status()); }
        });
        stream.on('end', () => done(status())).on('error', (error) => (abort ? done(status()) : fail(error)));
        stream.on('close', () => done(status()));
    });
}

/* A connection of HTTP/1.1 that is kept. post(path, headers, body, abort) resolves with the status. */
export function nodeH1({ host, from, ca }) {
    const agent = new https.Agent({ keepAlive: true, keepAliveMsecs: 1000, maxSockets: 1, ca: readFileSync(ca) });
    const call = (method, path, headers, body, abort) => new Promise((done, fail) => {
        const request = https.request({ host, servername: host, port: 443, path, method, headers, agent, localAddress: from, ca: readFileSync(ca) });
        request.setNoDelay(true);
        request.on('error', (error) => (abort ? done(0) : fail(error)));
        request.on('response', (response) =>
            drain(response, abort, () => request.destroy(), () => response.statusCode).then(done, fail));
        request.end(body);
    });
    return {
        post: (path, headers, body, abort) => call('POST', path, { ...headers, 'content-length': Buffer.byteLength(body) }, body, abort),
        get: (path, headers) => call('GET', path, headers),
        close: () => agent.destroy(),
    };
}

/* fetch() of Node (undici): keeps connections, by itself. Trusts NODE_EXTRA_CA_CERTS. */
export function nodeFetch({ host }) {
    const call = async (path, options, abort) => {
        const controller = new AbortController();
        const response = await fetch(`https://${host}${path}`, { ...options, signal: controller.signal });
        let got = 0;
        try {
            for await (const data of response.body) {
                got += data.length;
                if (abort && got >= abort) break; // which cancels the body
            }
        } catch (error) { if (!abort) throw error; }
        return response.status;
    };
    return {
        post: (path, headers, body, abort) => call(path, { method: 'POST', headers, body }, abort),
        get: (path, headers) => call(path, { headers }), close: () => {},
    };
}

/* A connection of HTTP/2; any number of requests at a time. */
export function nodeH2({ host, from, ca }) {
    const socket = tls.connect({
        host: ADDRESSES[host], port: 443, localAddress: from, servername: host, ca: readFileSync(ca), ALPNProtocols: ['h2'], minVersion: 'TLSv1.3',
    });
    socket.setNoDelay(true);
    const session = http2.connect(`https://${host}`, { createConnection: () => socket });
    const call = (method, path, headers, body, abort) => new Promise((done, fail) => {
        const stream = session.request({ ':method': method, ':path': path, ...headers });
        let status = 0;
        stream.on('response', (fields) => { status = fields[':status']; });
        drain(stream, abort, () => stream.close(http2.constants.NGHTTP2_CANCEL), () => status).then(done, fail);
        stream.end(body);
    });
    return {
        post: (path, headers, body, abort) => call('POST', path, { ...headers, 'content-length': Buffer.byteLength(body) }, body, abort),
        get: (path, headers) => call('GET', path, headers),
        ping: () => session.ping(() => {}),
        close: () => new Promise((done) => session.close(done)),
    };
}

export function run(command, args, input, abort, errors = 'inherit') {
    return new Promise((done, fail) => {
        const child = spawn(command, args, { stdio: ['pipe', 'pipe', errors] });
        let got = 0;
        let text = '';
        child.stdout.on('data', (data) => {
            got += data.length;
            text = (text + data).slice(-200);
            if (abort && got >= abort) child.kill('SIGKILL');
        });
        child.on('error', fail).on('close', (code) => (code === 0 || abort ? done(text) : fail(new Error(`${command}: exit status ${code}`))));
        child.stdin.on('error', () => {}).end(input);
    });
}

/* A new curl, hence a new connection, for each call. VERSION: --http1.1 or --http2. */
export function curl({ host, from, ca, version }) {
    const call = async (path, headers, body, abort) => {
        const text = await run('curl', ['--silent', '--show-error', '--no-buffer', '--max-time', '120', '--interface', from, '--cacert', ca,
            '--resolve', `${host}:443:${ADDRESSES[host]}`, version, '--write-out', '\n%{http_code}',
            ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
            ...(body === undefined ? [] : ['--data-binary', '@-']), `https://${host}${path}`], body, abort);
        return Number(text.slice(-3)) || 0;
    };
    return { post: call, get: (path, headers) => call(path, headers), close: () => {} };
}

/* The client of ngtcp2's examples (HTTP/3): a new connection for each call, from the namespace's first address. The name is
 * resolved by /etc/hosts, as it must be to stand in its ClientHello. It sends no header of ours and tells no status: refusals are not asked again. */
export function ngtcp2({ host }) {
    let calls = 0;
    const postAll = async (paths, body) => {
        const file = `${tmpdir()}/bench-${process.pid}-${host}-${++calls}-${Math.floor(performance.now())}`;
        writeFileSync(file, body);
        try {
            await run('gtlsclient', ['-q', '--timeout=120s', '--exit-on-all-streams-close', '--no-quic-dump', '--no-http-dump', '-m', 'POST', '-d', file,
                host, '443', ...paths.map((path) => `https://${host}${path}`)], '', 0, 'ignore');
        } finally { rmSync(file); }
        return 200;
    };
    return {
        post: (path, headers, body) => postAll([path], body),
        postAll, // to all of these at once, the same
        close: () => {},
    };
}
