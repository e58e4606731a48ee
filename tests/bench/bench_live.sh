#!/bin/sh
# bench_live.sh CAPTURE [ROUNDS]: a capture's packets on a virtual wire, at growing rates ($RATES,
# packets a second; 0 is as fast as one core sends them), $SECONDS_EACH (4) seconds each. In turn tcpdump
# writing to /dev/null, iagmeterd, and iagmeterd without its kernel filter, with their own defaults, listen
# at its other end. They are measured after $WARM_SECONDS (1) of the same traffic: each meets its memory for
# the first time only once, however long it runs (WARM_SECONDS=0 counts that, too). Prints a table in Markdown: for each rate what was sent, what each of them lost, and
# for each packet that it was given the processor time that it took, least and median, and the sender's,
# which does on this wire what the receiving kernel has to do. The wire is of two network namespaces,
# which lead nowhere.
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2034,SC2154 # of wire.sh
set -eu
capture=$1
rounds=${2:-3}
rates=${RATES:-25000 100000 200000 0}
seconds=${SECONDS_EACH:-4}
warm_seconds=${WARM_SECONDS:-1}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}
wire_prefix=${IAGMETER_NETNS_PREFIX:-iagm-bench-}
. "$here/wire.sh"
wire_requires tcpdump sqlite3

directory=$(mktemp -d)
listener=
finish() {
    [ -z "$listener" ] || kill "$listener" 2>/dev/null || true
    wire_down
    rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' INT TERM

wire_up
"$root/tests/system/bench/configuration.sh" "$directory"
sed -i "s/^interfaces:.*/interfaces: ( { name = \"$wire\"; } );/" "$directory/iagmeter.conf"
cp "$directory/iagmeter.conf" "$directory/unfiltered.conf"
echo 'kernel_filter = false;' >>"$directory/unfiltered.conf"

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

put_on_wire() { # RATE SECONDS AFTER
    ip netns exec "$sending" "$build/tests/bench/send" "$wire" "$capture" "$@"
    sleep 1 # what waits in a block of the ring is taken within four tenths of a second
}

# Sends at RATE, with PID capturing. Sets $warmed, and of what was sent after it $sent, $reached,
# $took_ns and $sending_ns.
send() { # RATE PID
    warmed=$(put_on_wire "$1" "$warm_seconds" 0 | cut -d ' ' -f 1)
    before=$(ran_ns "$2")
    # shellcheck disable=SC2046
    set -- "$2" $(put_on_wire "$1" "$seconds" "$warmed")
    sent=$2
    reached=$3
    sending_ns=$4
    took_ns=$(($(ran_ns "$1") - before))
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

run_iagmeterd() { # RATE [CONFIGURATION]
    rm -rf "$directory/state"
    mkdir "$directory/state"
    : >"$directory/log"
    ip netns exec "$listening" "$build/iagmeterd" -c "$directory/${2:-iagmeter}.conf" 2>"$directory/log" &
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

run_unfiltered() { # RATE
    run_iagmeterd "$1" unfiltered
}

for rate in $rates; do
    round=0
    while [ "$round" -lt "$rounds" ]; do
        for way in tcpdump iagmeterd unfiltered; do
            "run_$way" "$rate"
            echo "$rate $way $sent $reached $((captured - warmed)) $dropped $took_ns $sending_ns" \
                >>"$directory/times"
        done
        round=$((round + 1))
    done
done

# Times are of each packet that the listener got, a sender's of each that it sent.
awk '
    function ranked(kind, way, rate, part,    n, i, j, kept, values) {
        n = rounds[way, rate]
        for (i = 1; i <= n; i++) values[i] = each_ns[kind, way, rate, i]
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                kept = values[j]; values[j] = values[j - 1]; values[j - 1] = kept
            }
        return values[part == "least" ? 1 : int((n + 1) / 2)]
    }
    {
        n = ++rounds[$2, $1]
        if (!($1 in reached)) order[++rates] = $1
        reached[$1] += $4
        total[$1]++
        sent[$2, $1] += $3
        lost[$2, $1] += $3 - $5
        each_ns["own", $2, $1, n] = $7 / $5
        each_ns["sender", $2, $1, n] = $8 / $3
    }
    END {
        split("tcpdump iagmeterd unfiltered", ways, " ")
        split("tcpdump,iagmeterd,without kernel filter", titles, ",")
        print "| packets/s | listening | sent | lost | ns/packet: least | median | ratio of least | of medians |" \
            " sender, ns/packet: least | median |"
        print "|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
        for (i = 1; i <= rates; i++) {
            rate = order[i]
            for (w = 1; w <= 3; w++) {
                way = ways[w]
                least = ranked("own", way, rate, "least")
                median = ranked("own", way, rate, "median")
                printf "| %.0f%s | %s | %d | %d | %.0f | %.0f | %.2f | %.2f | %.0f | %.0f |\n",
                    reached[rate] / total[rate], rate ? "" : " (at most)", titles[w], sent[way, rate],
                    lost[way, rate], least, median, least / ranked("own", "tcpdump", rate, "least"),
                    median / ranked("own", "tcpdump", rate, "median"),
                    ranked("sender", way, rate, "least"), ranked("sender", way, rate, "median")
            }
        }
    }' "$directory/times"
