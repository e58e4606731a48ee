// node tagged.mjs CAPTURE TAGGED: writes a pcap file of Ethernet frames anew, each of them with a tag of
// VLAN 5 (IEEE 802.1Q).
// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync, writeFileSync } from "node:fs";

const [, , from, to] = process.argv;
const capture = readFileSync(from);
const parts = [capture.subarray(0, 24)];
for (let at = 24; at < capture.length;) {
    const header = Buffer.from(capture.subarray(at, at + 16));
    const captured = header.readUInt32LE(8);
    header.writeUInt32LE(captured + 4, 8);
    header.writeUInt32LE(header.readUInt32LE(12) + 4, 12);
    const frame = capture.subarray(at + 16, at + 16 + captured);
    parts.push(header, frame.subarray(0, 12), Buffer.from([0x81, 0x00, 0x00, 0x05]), frame.subarray(12));
    at += 16 + captured;
}
writeFileSync(to, Buffer.concat(parts));
