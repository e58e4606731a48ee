#!/bin/sh
# Meters live traffic on the gateway of the bench; compares the ledger with the services' own log, the
# round-robin databases with the ledger, and the ledger with that of a replay of the same packets.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bench=$here/bench
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-${BUILD:-$root/build}}
IAGMETER_NETNS_PREFIX=${IAGMETER_NETNS_PREFIX:-iagm-test-}
export IAGMETER_NETNS_PREFIX
. "$bench/names.sh"
bench_requirements
for program in sqlite3 tcpdump rrdtool; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
[ -x "$build/iagmeterd" ] || skip "$build/iagmeterd is not built"

directory=$(mktemp -d)
daemon=
recorder=
stop() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    [ -z "$recorder" ] || kill "$recorder" 2>/dev/null || true
    "$bench/down.sh"
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM

wait_for() { # PATTERN FILE PID
    tries=200
    until grep -q "$1" "$2"; do
        kill -0 "$3" 2>/dev/null || { cat "$2" >&2; exit 1; }
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "no \"$1\" in:" >&2; cat "$2" >&2; exit 1; }
        sleep 0.1
    done
}

"$bench/configuration.sh" "$directory" "$bench_lan"
"$bench/up.sh"
ip netns exec "$bench_gateway" tcpdump -i "$bench_lan" -s 0 -B 16384 --time-stamp-precision=nano \
    -w "$directory/live.pcap" 2>"$directory/tcpdump.log" &
recorder=$!
wait_for 'listening' "$directory/tcpdump.log" "$recorder"
ip netns exec "$bench_gateway" "$build/iagmeterd" -c "$directory/iagmeter.conf" \
    2>"$directory/daemon.log" &
daemon=$!
wait_for 'metering 1 interface' "$directory/daemon.log" "$daemon"

"$bench/run.sh" "$directory/log.jsonl"
sleep 2
kill -TERM "$recorder"
wait "$recorder" || true
recorder=
kill -TERM "$daemon"
wait "$daemon" || { echo "iagmeterd ended with an error" >&2; cat "$directory/daemon.log" >&2; exit 1; }
daemon=

node "$bench/truth.mjs" "$directory/log.jsonl" >"$directory/truth.tsv"
"$bench/ledger.sh" "$directory/state" >"$directory/ledger.tsv"
node "$bench/compare.mjs" "$directory/truth.tsv" "$directory/ledger.tsv" --requests
echo "live: flows and bytes are the services' own, requests are all found"

# The minute that was running at the end is shown in the RRDs after the next start only: rebuild is one.
"$build/iagmeter" rebuild -c "$directory/iagmeter.conf"
"$bench/rrd.sh" "$directory/state"

grep -q '^0 packets dropped by kernel' "$directory/tcpdump.log" ||
    { echo "tcpdump lost packets: nothing to compare the replay with" >&2; exit 1; }
mkdir "$directory/replay"
"$bench/configuration.sh" "$directory/replay"
"$build/iagmeterd" -c "$directory/replay/iagmeter.conf" -r "$directory/live.pcap"
# Two sockets may stamp the same packet some hundred nanoseconds apart, and an estimate from the length of
# an answer shows that: tokens are compared to 1e-5, everything else exactly. (That the same packets with
# the same times give the same bits, tests/capture/test_metering.c shows.) Packets are not compared: the
# two captures do not begin and end at the same instant.
for state in state replay/state; do
    sqlite3 -readonly -separator ' ' "$directory/$state/ledger.db" "
        SELECT 'exact', interval_start, code, name, activity.grade, flows, bytes_up, bytes_down,
               bytes_other, requests_low, requests_central, requests_high, tokens_in_central
        FROM activity JOIN direction ON direction.id = activity.direction
        JOIN service ON service.id = activity.service ORDER BY 2, 3, 4;
        SELECT 'exact', interval_start, flows, names_seen FROM coverage WHERE flows > 0 ORDER BY 2;
        SELECT 'close', interval_start, code, name, tokens_out_low, tokens_out_central, tokens_out_high
        FROM activity JOIN direction ON direction.id = activity.direction
        JOIN service ON service.id = activity.service ORDER BY 2, 3, 4" \
        >"$directory/$(echo $state | tr / -).txt"
done
paste -d ' ' "$directory/state.txt" "$directory/replay-state.txt" | awk '
    { half = NF / 2 }
    $1 == "close" { for (i = 5; i <= half; i++) { difference = $i - $(half + i)
        if (difference < 0) difference = -difference
        if (difference > 1e-5 * ($i + 1)) { print "FAILED " $0; failed = 1 } } }
    { for (i = 1; i <= ($1 == "close" ? 4 : half); i++)
        if ($i != $(half + i)) { print "FAILED " $0; failed = 1; next } }
    END { exit failed || NR == 0 }' || { echo "live and replay differ" >&2; exit 1; }
echo "live and replay: the same"
