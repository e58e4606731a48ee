/* The server's side of WebSocket (RFC 6455), as much as the bench needs: text, ping, close; compressed, if wanted (RFC 7692).
 * SPDX-License-Identifier: GPL-3.0-or-later */
import { createHash } from 'node:crypto';
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';

const CONTINUATION = 0, TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; /* RFC 6455, 1.3 */
const PACKED = 0x40; /* RFC 7692, 6: RSV1 */
const FLUSH_END = Buffer.from([0, 0, 255, 255]); /* 7.2.1: of each message, left out */

function header(opcode, length) {
    const first = 0x80 | opcode; /* each message in one frame */
    if (length < 126) return Buffer.from([first, length]);
    if (length < 65536) return Buffer.from([first, 126, length >> 8, length & 255]);
    const long = Buffer.alloc(10);
    long[0] = first;
    long[1] = 127;
    long.writeBigUInt64BE(BigInt(length), 2);
    return long;
}

/* The frame at the start of BYTES, unmasked, or undefined when it is not there in full. */
function parse(bytes) {
    if (bytes.length < 2) return undefined;
    let length = bytes[1] & 127;
    let at = 2;
    if (length === 126) {
        if (bytes.length < 4) return undefined;
        length = bytes.readUInt16BE(2);
        at = 4;
    } else if (length === 127) {
        if (bytes.length < 10) return undefined;
        length = Number(bytes.readBigUInt64BE(2));
        at = 10;
    }
    if (!(bytes[1] & 0x80)) throw new Error('a frame of a client is not masked');
    if (bytes.length < at + 4 + length) return undefined;
    const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
    for (let i = 0; i < length; i++) payload[i] ^= bytes[at + (i & 3)];
    return { final: (bytes[0] & 0x80) !== 0, opcode: bytes[0] & (PACKED | 15), payload, size: at + 4 + length };
}

/* What goes through STREAM of zlib, one message after the other: each refers to those before ("context takeover"). */
function through(stream) {
    const out = [];
    let last = Promise.resolve();
    stream.on('data', (data) => out.push(data));
    return (bytes) => {
        last = last.then(() => new Promise((done) => {
            stream.write(bytes);
            stream.flush(constants.Z_SYNC_FLUSH, () => done(Buffer.concat(out.splice(0))));
        }));
        return last;
    };
}

/* Answers an upgrade; calls receive(text) for each message and closed() once. PACKED: messages are compressed, if the client
 * offers it. Returns { send, open, packed }. */
export function accept(request, socket, head, { receive, closed, packed: wanted = false }) {
    const packed = wanted && /permessage-deflate/.test(request.headers['sec-websocket-extensions'] ?? '');
    const key = createHash('sha1').update(request.headers['sec-websocket-key'] + KEY_SUFFIX).digest('base64');
    const extensions = packed ? 'sec-websocket-extensions: permessage-deflate\r\n' : '';
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${key}\r\n${extensions}\r\n`);
    const [deflate, inflate] = packed ? [through(createDeflateRaw()), through(createInflateRaw())] : [];
    let held = head;
    let message = [];
    let isPacked = false; /* the message */
    const write = (opcode, payload) => {
        if (!socket.writable) return;
        socket.write(Buffer.concat([header(opcode, payload.length), payload]));
    };
    const send = async (text) => {
        if (!packed) return write(TEXT, Buffer.from(text));
        const bytes = await deflate(Buffer.from(text));
        return write(TEXT | PACKED, bytes.subarray(0, bytes.length - FLUSH_END.length));
    };
    const unpack = async (bytes) => receive((await inflate(Buffer.concat([bytes, FLUSH_END]))).toString());
    const handle = ({ final, opcode: first, payload }) => {
        const opcode = first & 15;
        if (opcode === PING) write(PONG, payload);
        if (opcode === CLOSE) {
            write(CLOSE, payload);
            socket.end();
        }
        if (opcode !== TEXT && opcode !== CONTINUATION) return;
        if (opcode === TEXT) isPacked = (first & PACKED) !== 0;
        message.push(payload);
        if (!final) return;
        if (isPacked) unpack(Buffer.concat(message));
        else receive(Buffer.concat(message).toString());
        message = [];
    };
    const read = (data) => {
        held = Buffer.concat([held, data]);
        for (let frame = parse(held); frame; frame = parse(held)) {
            held = held.subarray(frame.size);
            handle(frame);
        }
    };
    socket.on('data', read);
    socket.on('error', () => socket.destroy());
    socket.on('close', closed);
    read(Buffer.alloc(0));
    return { send, open: () => socket.writable, packed };
}
