#!/bin/sh
# bench_live.sh CAPTURE [ROUNDS]: a capture's packets on a virtual wire, at growing rates ($RATES,
# packets a second; 0 is as fast as one core sends them), $SECONDS_EACH (4) seconds each. In turn tcpdump
# writing to /dev/null and iagmeterd, both with their own defaults, listen at its other end. Prints a
# table in Markdown: for each rate what was sent, what each of the two lost, and the processor time that
# it took for each packet that it got. The wire is of two network namespaces, which lead nowhere.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
capture=$1
rounds=${2:-3}
rates=${RATES:-25000 100000 200000 0}
seconds=${SECONDS_EACH:-4}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}
prefix=${IAGMETER_NETNS_PREFIX:-iagm-bench-}
sending=${prefix}send
listening=${prefix}listen
wire=wire0

[ "$(id -u)" -eq 0 ] || { echo "skipped: network namespaces need root" >&2; exit 77; }
for program in ip tcpdump sqlite3; do
    command -v "$program" >/dev/null || { echo "skipped: $program is not installed" >&2; exit 77; }
done
ip netns add "$sending" 2>/dev/null || { echo "skipped: ip netns does not work here" >&2; exit 77; }

directory=$(mktemp -d)
listener=
finish() {
    [ -z "$listener" ] || kill "$listener" 2>/dev/null || true
    ip netns delete "$sending"
    ip netns delete "$listening" 2>/dev/null || true
    rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' INT TERM

ip netns add "$listening"
for name in "$sending" "$listening"; do
    # Not a packet but those that are sent.
    ip netns exec "$name" sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
done
ip link add "$wire" netns "$sending" type veth peer name "$wire" netns "$listening"
ip -n "$sending" link set "$wire" up
ip -n "$listening" link set "$wire" up
"$root/tests/system/bench/configuration.sh" "$directory"
sed -i "s/^interfaces:.*/interfaces: ( { name = \"$wire\"; } );/" "$directory/iagmeter.conf"

wait_for() { # PATTERN FILE
    tries=100
    until grep -q "$1" "$2"; do
        kill -0 "$listener" && [ "$tries" -gt 0 ] || { cat "$2" >&2; exit 1; }
        tries=$((tries - 1))
        sleep 0.1
    done
}

ran_ns() { # PID
    cut -d ' ' -f 1 "/proc/$1/schedstat"
}

# Sends at RATE, with PID capturing. Sets $sent, $reached and $took_ns.
send() { # RATE PID
    before=$(ran_ns "$2")
    # shellcheck disable=SC2046
    set -- "$1" "$2" $(ip netns exec "$sending" "$build/tests/bench/send" "$wire" "$capture" "$1" \
        "$seconds")
    sent=$3
    reached=$4
    sleep 1 # what waits in a block of the ring is taken within a tenth of a second
    took_ns=$(($(ran_ns "$2") - before))
}

stop() {
    kill -TERM "$listener"
    wait "$listener" || { cat "$directory/log" >&2; exit 1; }
    listener=
}

# Each sets $captured and $dropped, too.
run_tcpdump() { # RATE
    : >"$directory/log"
    ip netns exec "$listening" tcpdump -i "$wire" -w /dev/null 2>"$directory/log" &
    listener=$!
    wait_for 'listening on' "$directory/log"
    send "$1" "$listener"
    stop
    captured=$(sed -n 's/^\([0-9]*\) packets captured/\1/p' "$directory/log")
    dropped=$(sed -n 's/^\([0-9]*\) packets dropped by kernel/\1/p' "$directory/log")
}

run_iagmeterd() { # RATE
    rm -rf "$directory/state"
    mkdir "$directory/state"
    : >"$directory/log"
    ip netns exec "$listening" "$build/iagmeterd" -c "$directory/iagmeter.conf" 2>"$directory/log" &
    listener=$!
    wait_for 'metering 1 interface' "$directory/log"
    capturing=
    for child in $(cat "/proc/$listener/task/$listener/children"); do
        [ "$(cat "/proc/$child/comm")" != iagmeterd ] || capturing=$child
    done
    send "$1" "$capturing"
    stop
    # shellcheck disable=SC2046
    set -- $(sqlite3 -separator ' ' "$directory/state/ledger.db" \
        'SELECT sum(packets), sum(packets_dropped) FROM coverage')
    captured=$1
    dropped=$2
}

for rate in $rates; do
    round=0
    while [ "$round" -lt "$rounds" ]; do
        for way in tcpdump iagmeterd; do
            "run_$way" "$rate"
            echo "$rate $way $sent $reached $captured $dropped $took_ns" >>"$directory/times"
        done
        round=$((round + 1))
    done
done

awk '
    function median(way, rate,    n, i, j, kept, values) {
        n = rounds[way, rate]
        for (i = 1; i <= n; i++) values[i] = each_ns[way, rate, i]
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                kept = values[j]; values[j] = values[j - 1]; values[j - 1] = kept
            }
        return values[int((n + 1) / 2)]
    }
    {
        n = ++rounds[$2, $1]
        if (!($1 in reached)) order[++rates] = $1
        reached[$1] += $4
        total[$1]++
        sent[$2, $1] += $3
        lost[$2, $1] += $3 - $5
        dropped[$2, $1] += $6
        each_ns[$2, $1, n] = $7 / $5
    }
    END {
        print "| packets/s | sent to each | tcpdump: lost | iagmeterd: lost | tcpdump: ns/packet, median |" \
            " iagmeterd | ratio |"
        print "|--:|--:|--:|--:|--:|--:|--:|"
        for (i = 1; i <= rates; i++) {
            rate = order[i]
            printf "| %.0f%s | %d, %d | %d | %d | %.0f | %.0f | %.2f |\n", reached[rate] / total[rate],
                rate ? "" : " (at most)", sent["tcpdump", rate], sent["iagmeterd", rate],
                lost["tcpdump", rate], lost["iagmeterd", rate], median("tcpdump", rate),
                median("iagmeterd", rate), median("iagmeterd", rate) / median("tcpdump", rate)
        }
    }' "$directory/times"
