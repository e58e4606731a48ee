#!/bin/sh
# bench_replay.sh [ROUNDS]: what `iagmeterd -r` costs, ledger included, beside loops that only count
# packets. Makes two captures once (build/bench, 2.6 GB), reads each of them ROUNDS times (5) in each
# way, in turn, and prints the times, their ratios, and the memory of each process (the second
# iagmeterd is the one that captures).
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
rounds=${1:-5}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}
captures=$build/bench
measure=$build/tests/bench/measure
mkdir -p "$captures"
directory=$(mktemp -d "$captures/replay.XXXXXX")
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM
"$root/tests/system/bench/configuration.sh" "$directory"

replay() { # CAPTURE, into a state directory that is as on the first day
    rm -rf "$directory/state"
    mkdir "$directory/state"
    "$measure" run "$build/iagmeterd" -c "$directory/iagmeter.conf" -r "$1"
}

# A line for each measurement: way, wall, user, system, packets, process:kB:seconds ...
summary() {
    awk '
    function sorted(values, n,    i, j, kept) {
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                kept = values[j]; values[j] = values[j - 1]; values[j - 1] = kept
            }
    }
    function show(way, of, unit, scale,    i, values) {
        for (i = 1; i <= rounds[way]; i++) values[i] = of[way, i] * scale
        sorted(values, rounds[way])
        printf "  %-24s %9.3f %9.3f %9.3f %s\n", way, values[1],
            values[int((rounds[way] + 1) / 2)], values[rounds[way]], unit
    }
    {
        n = ++rounds[$1]
        wall[$1, n] = $2
        cpu[$1, n] = $3 + $4
        if ($5 > 0) packets = $5
        if ($1 == "iagmeterd") {
            split("", nth)
            for (i = 6; i <= NF; i++) {
                split($i, peak, ":")
                name = peak[1] (nth[peak[1]]++ ? "-" nth[peak[1]] : "")
                if (!(name in memory)) order[++names] = name
                if (peak[2] > memory[name]) memory[name] = peak[2]
                ran[name, n] = peak[3]
            }
        }
    }
    END {
        ways = split("count count-buffered iagmeterd", way, " ")
        for (i = 1; i <= rounds["count"]; i++)
            for (w = 1; w <= ways; w++) {
                ratio[way[w], i] = wall[way[w], i] / wall["count", i]
                cpu_ratio[way[w], i] = cpu[way[w], i] / cpu["count", i]
            }
        printf "  %-24s %9s %9s %9s\n", packets " packets", "minimum", "median", "maximum"
        for (w = 1; w <= ways; w++) show(way[w], wall, "s wall", 1)
        for (w = 1; w <= ways; w++) show(way[w], cpu, "s user and system", 1)
        for (w = 1; w <= ways; w++) show(way[w], cpu, "ns/packet user and system", 1e9 / packets)
        show("iagmeterd", ratio, "times the wall time of count", 1)
        show("iagmeterd", cpu_ratio, "times the user and system time of count", 1)
        for (i = 1; i <= names; i++) {
            name = "process " order[i]
            rounds[name] = rounds["iagmeterd"]
            for (n = 1; n <= rounds[name]; n++) alone[name, n] = ran[order[i], n]
            show(name, alone, "s user and system", 1)
        }
        for (i = 1; i <= names; i++)
            printf "  process %-16s %9d kB largest resident size\n", order[i], memory[order[i]]
    }' "$1"
}

for mix in mix heavy; do
    capture=$captures/$mix.pcap
    if [ ! -e "$capture" ] ||
        [ -n "$(find "$here/make_mix.c" "$here/mix.h" -newer "$capture")" ]; then
        "$build/tests/bench/make_mix" "$mix" "$capture.new"
        mv "$capture.new" "$capture"
    fi
    cat "$capture" >/dev/null # into the page cache
    : >"$directory/times"
    round=0
    while [ "$round" -lt "$rounds" ]; do
        for way in count count-buffered; do
            echo "$way $("$measure" "$way" "$capture")" >>"$directory/times"
        done
        line=$(replay "$capture")
        echo "iagmeterd $line" >>"$directory/times"
        round=$((round + 1))
    done
    echo "$mix: $(wc -c <"$capture") B, $rounds rounds"
    summary "$directory/times"
done
