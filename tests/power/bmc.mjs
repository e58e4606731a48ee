// A Redfish service over HTTPS on the loopback interface, for tests.
// SPDX-License-Identifier: GPL-3.0-or-later
//
//   node bmc.mjs KEY CERTIFICATE SCRIPT REQUESTS
//
// Writes its port to standard output, and ends when standard input does. SCRIPT, read anew for each
// request, is an object: `documents` by path; `user` and `password`, when there are any; `expire`, the
// number of requests for which a session lasts. A document may instead be { $status }, { $location },
// { $raw }, or { $silent } for one that never comes. Each request is a line of REQUESTS: method, path
// and how it was authorised.
import { appendFileSync, readFileSync } from 'node:fs';
import https from 'node:https';

const [key, certificate, scriptPath, requestsPath] = process.argv.slice(2);
const sessions = new Map(); // token: requests left
let made = 0;

function authorise(script, request) {
    const { 'x-auth-token': token, authorization } = request.headers;
    const basic = Buffer.from(`${script.user}:${script.password}`).toString('base64');
    if (token) {
        const left = sessions.get(token) ?? 0;
        sessions.set(token, left - 1);
        return [left > 0 ? 'session' : 'expired', left > 0];
    }
    if (authorization)
        return ['basic', authorization === `Basic ${basic}`];
    return ['none', !script.user];
}

function send(response, status, headers, text) {
    response.writeHead(status, headers);
    response.end(text);
}

function logIn(script, body, response) {
    const { UserName, Password } = JSON.parse(body);
    if (UserName !== script.user || Password !== script.password)
        return send(response, 401, {}, '{}');
    const token = `token-${++made}`;
    sessions.set(token, script.expire ?? Infinity);
    send(response, 201, { 'X-Auth-Token': token, Location: `/redfish/v1/SessionService/Sessions/${made}` },
        '{}');
}

function answer(request, body, response) {
    const script = JSON.parse(readFileSync(scriptPath, 'utf8'));
    const [how, allowed] = authorise(script, request);
    appendFileSync(requestsPath, `${request.method} ${request.url} ${how}\n`);
    if (request.method === 'POST')
        return logIn(script, body, response);
    if (!allowed && request.url !== '/redfish/v1/')
        return send(response, 401, {}, '{}');
    if (request.method === 'DELETE')
        return send(response, 204, {}, '');
    const document = script.documents[request.url];
    if (!document)
        return send(response, 404, {}, '{}');
    if (document.$silent)
        return;
    if (document.$location)
        return send(response, 308, { Location: document.$location }, '');
    send(response, document.$status ?? 200, { 'Content-Type': 'application/json' },
        document.$raw ?? JSON.stringify(document));
}

const server = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
        let body = '';
        request.on('data', (piece) => { body += piece; });
        request.on('end', () => answer(request, body, response));
    });
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
process.stdin.on('end', () => process.exit(0)).resume();
