#!/bin/sh
# record.sh OUT.pcap TRUTH.tsv [LOG]: builds the bench, plays the scenario, records what the gateway
# sees on the clients' side, and removes the bench. LOG keeps the services' log (see check.sh).
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/names.sh"
[ $# -ge 2 ] || { echo "usage: record.sh OUT.pcap TRUTH.tsv [LOG]" >&2; exit 2; }
bench_requirements
command -v tcpdump >/dev/null || skip "tcpdump is not installed"

directory=$(mktemp -d)
log=${3:-$directory/log.jsonl}
recorder=
runner=
stop() {
    for process in $recorder $runner; do
        kill "$process" 2>/dev/null || true
    done
    "$here/down.sh"
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM

"$here/up.sh"
# "ip netns exec" becomes tcpdump, so $! is tcpdump's. -Z root: another user may not write here.
ip netns exec "$bench_gateway" tcpdump -i "$bench_lan" -n -U -Z root -s 0 -B 16384 \
    --time-stamp-precision=nano -w "$directory/out.pcap" 2>"$directory/tcpdump.out" &
recorder=$!
until grep -q 'listening on' "$directory/tcpdump.out"; do
    kill -0 "$recorder" 2>/dev/null || { cat "$directory/tcpdump.out" >&2; exit 1; }
    sleep 0.1
done

"$here/run.sh" "$log" & # a shell answers signals while it waits, not while a command runs
runner=$!
wait "$runner"
runner=
sleep 0.5
kill -INT "$recorder"
wait "$recorder" || true
recorder=
grep -q '^0 packets dropped by kernel' "$directory/tcpdump.out" || {
    echo "record.sh: packets were lost" >&2
    cat "$directory/tcpdump.out" >&2
    exit 1
}
node "$here/truth.mjs" "$log" >"$2"
mv "$directory/out.pcap" "$1"
cat "$directory/tcpdump.out"
