#!/bin/sh
# nvml-compare.sh [SECONDS]: NVIDIA's GPUs by three ways at the same time, idle and then while $LOAD, a
# command, runs: the counter of energy (what iagmeter uses), the library's power integrated, and the
# mean of what nvidia-smi says. Every 100 ms ($INTERVAL_MS), for 60 s each. Prints a table in Markdown.
#
#   make benches && LOAD='a command that keeps the GPU busy' tests/bench/nvml-compare.sh 60
#
# $NVML is another library than the driver's, $NVIDIA_SMI another program.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
seconds=${1:-60}
interval=${INTERVAL_MS:-100}
smi=${NVIDIA_SMI:-nvidia-smi}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}

command -v "$smi" >/dev/null || { echo "skipped: no $smi here" >&2; exit 77; }
[ -x "$build/tests/bench/nvml_sample" ] || { echo "call \`make benches\` first" >&2; exit 1; }
directory=$(mktemp -d)
pids=
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$directory"
}
trap finish EXIT

# Drivers before 530 have power.draw only.
field=power.draw.instant
"$smi" --query-gpu="$field" --format=csv,noheader,nounits >/dev/null 2>&1 || field=power.draw

# measure NAME: lines of the table.
measure() {
    "$smi" --query-gpu="index,$field" --format=csv,noheader,nounits -lms "$interval" \
        >"$directory/smi" &
    watcher=$!
    pids="$pids $watcher"
    "$build/tests/bench/nvml_sample" "$seconds" "$interval" ${NVML:+"$NVML"} >"$directory/ours"
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    awk -v phase="$1" '
        function shown(value) {
            if (value == 0) return "none"
            if (counter == 0) return sprintf("%.2f", value)
            return sprintf("%.2f (%+.2f %%)", value, 100 * (value / counter - 1))
        }
        FNR == NR {
            split($0, part, /, */)
            if (part[2] + 0 > 0) { sum[part[1]] += part[2]; n[part[1]]++ }
            next
        }
        {
            counter = $2 + 0
            said = n[$1] ? sum[$1] / n[$1] : 0
            own = counter ? sprintf("%.2f", counter) : "none"
            printf "| %s | %s | %s | %s | %s | %.1f | %d | %d |\n", phase, $1, own, shown($3 + 0), shown(said), $4, $5, $6
        }' "$directory/smi" "$directory/ours"
}

echo "| state | GPU | energy counter, W | power integrated, W | nvidia-smi ($field), W | seconds | samples | new values |"
echo "|---|---|---|---|---|---|---|---|"
measure idle
[ -n "${LOAD:-}" ] || exit 0
sh -c "exec $LOAD" >"$directory/load" 2>&1 &
load=$!
pids="$pids $load"
sleep "${WARM_UP_S:-5}"
kill -0 "$load" 2>/dev/null || { echo "the load has ended already: $(cat "$directory/load")" >&2; exit 1; }
measure load
