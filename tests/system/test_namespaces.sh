#!/bin/sh
# Meters live traffic on the gateway of the bench; compares the ledger with the services' own log, the
# round-robin databases with the ledger, and the ledger with that of a replay of the same packets.
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs alone: what is estimated depends on the times of the traffic.
#
# tcpdump and the daemon have to see the same packets at the same times, in the same order. The kernel stamps
# a packet once for all captures (send, which waits for packets), but not one that comes with the time at which
# TCP wanted it sent (skb_clear_tstamp() in include/linux/skbuff.h): each capture stamps that itself, by some
# hundred nanoseconds later than the one before, or by milliseconds on a busy machine. So the traffic is met
# where it leaves for the servers, and those are behind a program that passes frames on. One processor takes
# all packets, else two packets of opposite directions have one order in one capture and one in the other.
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
stamps=
way=
stop() {
    for process in $daemon $recorder $stamps $way; do
        kill "$process" 2>/dev/null || true
    done
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

"$bench/configuration.sh" "$directory" "$bench_wan"
BENCH_DELAY_MS=0 "$bench/up.sh"
ip netns exec "$bench_gateway" sh -c \
    'for interface in /sys/class/net/*/queues/rx-0; do echo 1 >"$interface/rps_cpus"; done'
ip netns exec "$bench_way" "$build/tests/bench/delay" near far 0 >"$directory/way.log" 2>&1 &
way=$!
wait_for 'listening' "$directory/way.log" "$way"
ip netns exec "$bench_gateway" "$build/tests/bench/send" "$bench_wan" >"$directory/stamps.log" 2>&1 &
stamps=$!
wait_for 'stamping' "$directory/stamps.log" "$stamps"
ip netns exec "$bench_gateway" tcpdump -i "$bench_wan" -s 0 -B 16384 --time-stamp-precision=nano \
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
"$bench/same.sh" "$directory/state" "$directory/replay/state"
echo "live and replay: the same"
