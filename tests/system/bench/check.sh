#!/bin/sh
# check.sh CAPTURE LOG: compares each connection of a recording with the services' log, to the byte,
# and says what else the capture holds. Needs tshark. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/names.sh"
[ $# -eq 2 ] || { echo "usage: check.sh CAPTURE LOG" >&2; exit 2; }
command -v tshark >/dev/null || skip "tshark is not installed"
command -v node >/dev/null || skip "node is not installed"

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
fields() { # fields FILTER FIELD...
    filter=$1
    shift
    # shellcheck disable=SC2046
    tshark -n -r "$capture" -Y "$filter" -T fields $(printf ' -e %s' "$@") 2>/dev/null
}
capture=$1

fields 'tcp.len > 0 && !tcp.analysis.retransmission' \
    ip.src ipv6.src tcp.srcport ip.dst ipv6.dst tcp.dstport tcp.len |
    awk -F '\t' '$6 == 443 { up[$1 $2 " " $3] += $7; keys[$1 $2 " " $3] }
        $3 == 443 { down[$4 $5 " " $6] += $7; keys[$4 $5 " " $6] }
        END { for (key in keys) print key, up[key] + 0, down[key] + 0 }' |
    LC_ALL=C sort >"$directory/capture"
node -e '
    const lines = require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n").map(JSON.parse);
    for (const c of lines.filter((line) => line.event === "connection"))
        console.log(c.client, c.client_port, c.bytes_up, c.bytes_down);
' "$2" | LC_ALL=C sort >"$directory/log"

count() { fields "$@" | sort | uniq -c; }
echo "connections per server name:"
count tls.handshake.type==1 tls.handshake.extensions_server_name
echo "TLS versions and protocols that the servers chose (0x0304 is TLS 1.3):"
count tls.handshake.type==2 tls.handshake.extensions.supported_version
echo "segments of the ClientHellos that take several:"
count 'tls.handshake.type==1 && tcp.segment.count' tcp.segment.count
echo "lost segments as tshark sees them: $(fields tcp.analysis.lost_segment frame.number | wc -l)"
echo "retransmissions: $(fields tcp.analysis.retransmission frame.number | wc -l)"
if diff "$directory/log" "$directory/capture"; then
    echo "all $(wc -l <"$directory/log") connections have the same bytes in the log and on the wire"
else
    echo "check.sh: log (<) and capture (>) differ" >&2
    exit 1
fi
