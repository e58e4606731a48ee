#!/bin/sh
# bench_replay.sh ROUNDS CAPTURE...: what `iagmeterd -r` costs, ledger included, beside loops that only
# count packets. Reads each capture ROUNDS times in each way, in turn, and prints tables in Markdown: the
# times, their ratios in the same round, and the memory of each process. With BENCH_PEERS=1 also other
# programs that name flows or count them, those that are installed; tshark once only.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
rounds=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}
measure=$build/tests/bench/measure
directory=$(mktemp -d "$build/bench.XXXXXX") # on a disk, as in earnest
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM
"$root/tests/system/bench/configuration.sh" "$directory"

replay() { # CAPTURE, into a state directory that is as on the first day
    rm -rf "$directory/state"
    mkdir "$directory/state"
    "$measure" run "$build/iagmeterd" -c "$directory/iagmeter.conf" -r "$1"
}

peer() { # NAME CAPTURE COMMAND...
    command -v "$3" >/dev/null || return 0
    name=$1
    shift 2
    # What is measured is printed last, and starts with the time.
    line=$("$measure" run "$@" 2>/dev/null | tail -n 1) || return 0
    echo "$name $line" >>"$directory/times"
}

peers() { # CAPTURE ROUND
    peer softflowd "$1" softflowd -d -r "$1"
    peer ndpiReader "$1" ndpiReader -q -i "$1"
    [ "$2" -gt 0 ] || peer tshark "$1" tshark -n -r "$1" -Y tls.handshake.type==1 \
        -T fields -e tls.handshake.extensions_server_name
}

# A line for each measurement: way, wall, user, system, packets, process:kB:seconds ... The largest
# iagmeterd is the one that captures.
summary() {
    awk -v capture="$2" '
    function sorted(values, n,    i, j, kept) {
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                kept = values[j]; values[j] = values[j - 1]; values[j - 1] = kept
            }
    }
    function show(what, way, of, digits,    i, n, values) {
        for (i = 1; i <= rounds[way]; i++) if ((way, i) in of) values[++n] = of[way, i]
        if (!n) return
        sorted(values, n)
        printf "| %s | %.*f | %.*f | %.*f |\n", what, digits, values[1], digits,
            values[int((n + 1) / 2)], digits, values[n]
    }
    {
        n = ++rounds[$1]
        wall[$1, n] = $2
        cpu[$1, n] = $3 + $4
        if ($5 > 0) packets = $5
        for (i = 6; i <= NF; i++) {
            split($i, process, ":")
            memory[$1, n] += process[2] / 1000
            if (process[1] == "iagmeter-meter") meter[$1, n] = process[3]
            else if (process[2] > largest[$1, n]) {
                largest[$1, n] = process[2]
                capturing[$1, n] = process[3]
            }
        }
        largest_mb[$1, n] = largest[$1, n] / 1000
    }
    END {
        for (i = 1; i <= rounds["iagmeterd"]; i++) {
            ratio["iagmeterd", i] = wall["iagmeterd", i] / wall["count", i]
            cpu_ratio["iagmeterd", i] = cpu["iagmeterd", i] / cpu["count", i]
            each_ns["iagmeterd", i] = 1e9 * capturing["iagmeterd", i] / packets
        }
        printf "| %s: %d packets, %d rounds | minimum | median | maximum |\n|---|--:|--:|--:|\n",
            capture, packets, rounds["count"]
        show("loop that counts, s", "count", wall, 3)
        show("the same, buffer of 1 MiB, s", "count-buffered", wall, 3)
        show("`iagmeterd -r`, s", "iagmeterd", wall, 3)
        show("**`iagmeterd -r` / loop that counts**", "iagmeterd", ratio, 2)
        show("processor time: loop that counts, s", "count", cpu, 3)
        show("processor time: `iagmeterd -r`, all of it, s", "iagmeterd", cpu, 3)
        show("**the ratio of these**", "iagmeterd", cpu_ratio, 2)
        show("capturing process, s", "iagmeterd", capturing, 3)
        show("capturing process, ns per packet", "iagmeterd", each_ns, 0)
        show("ledger and round-robin databases, s", "iagmeterd", meter, 3)
        show("memory of the capturing process, MB", "iagmeterd", largest_mb, 1)
        show("memory of all processes, MB", "iagmeterd", memory, 1)
        peers = split("softflowd ndpiReader tshark", peer, " ")
        for (p = 1; p <= peers; p++) {
            show(peer[p] ", s", peer[p], wall, 2)
            show(peer[p] ", memory, MB", peer[p], memory, 1)
        }
        print ""
    }' "$1"
}

for capture in "$@"; do
    cat "$capture" >/dev/null # into the page cache
    : >"$directory/times"
    round=0
    while [ "$round" -lt "$rounds" ]; do
        for way in count count-buffered; do
            echo "$way $("$measure" "$way" "$capture")" >>"$directory/times"
        done
        line=$(replay "$capture")
        echo "iagmeterd $line" >>"$directory/times"
        [ -z "${BENCH_PEERS:-}" ] || peers "$capture" "$round"
        round=$((round + 1))
    done
    summary "$directory/times" "$(basename "$capture")"
done
