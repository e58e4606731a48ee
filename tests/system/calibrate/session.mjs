// SPDX-License-Identifier: GPL-3.0-or-later
// session.mjs MODULE CAPTURE: twelve answers of 40 to 480 tokens, 250 bytes of record each beyond an overhead; one of
// another client. MODULE is the path of capture.mjs.
const [module, path] = process.argv.slice(2);
const { Capture, CLIENT, SERVER } = await import(module);
const capture = new Capture(path);
for (let i = 1; i <= 13; i++) {
    const begins = 1790000000 + 60 * i;
    const from = i === 13 ? '198.51.100.99' : '198.51.100.10';
    const connection = capture.connection(begins, { name: 'api.openai.com', from, to: '203.0.113.10', port: 20000 + i });
    connection.handshake(begins + 0.02, 3200);
    connection.send(begins + 0.04, CLIENT, 900);
    connection.send(begins + 0.5, SERVER, 1505);
    for (let token = 0; token < 40 * i; token++) connection.send(begins + 0.52 + 0.02 * token, SERVER, 255);
    connection.end(begins + 0.6 + 0.8 * i);
}
capture.close();
