#!/bin/bash
# long.sh BUILD RECORD SECONDS [TARGET...]: fuzzes for SECONDS, the target of which RECORD knows the
# least processor time first, five minutes at a time, as many at once as there are processors or
# JOBS says, at the lowest priority. What each run did is a line of RECORD: day, commit, target,
# processor time, executions, features covered, findings. Inputs are kept in BUILD/corpus, so that
# a run goes on where the one before ended; the first finding ends it, with status 1.
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$1 record=$2 end=$((SECONDS + $3))
shift 3
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(basename -s .c -- "$root"/tests/fuzz/fuzz_*.c)
turn=${TURN_SECONDS:-300}
commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
[ -s "$record" ] ||
    printf '#day\tcommit\ttarget\tprocessor_s\texecutions\tfeatures\tfindings\n' >"$record"

# One turn of TARGET, at idle priority: what other programs want, they get.
turn()
{
    local target=$1 dir=$build/long/$1 seeds words=() TIMEFORMAT='%U %S'
    mkdir -p "$dir" "$build/corpus/$target"
    seeds=$root/tests/fuzz/seeds/${target#fuzz_}
    [ ! -e "$root/tests/fuzz/dictionaries/${target#fuzz_}.dict" ] ||
        words=("-dict=$root/tests/fuzz/dictionaries/${target#fuzz_}.dict")
    { time chrt -i 0 "$build/tests/fuzz/$target" "${words[@]}" -max_total_time="$turn" -timeout=20 \
        -print_final_stats=1 -artifact_prefix="$dir/" "$build/corpus/$target" "$seeds" \
        >"$dir/log" 2>&1; } 2>"$dir/time" || true
    local time executions features findings
    time=$(awk '{ printf "%.0f", $1 + $2 }' "$dir/time")
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/log")
    features=$(sed -n 's/.* ft: \([0-9]*\) .*/\1/p' "$dir/log" | tail -n 1)
    findings=$(find "$dir" -name '*-*' | wc -l) # crash-..., timeout-..., oom-..., leak-...
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%d)" "$commit" "$target" "$time" \
        "${executions:-0}" "${features:-0}" "$findings" >>"$record"
    [ "$findings" -eq 0 ] || { tail -n 40 "$dir/log" >&2; return 1; }
}

# The N targets of the least recorded processor time.
least()
{
    local n=$1
    shift
    printf '%s\n' "$@" | awk -F '\t' -v record="$record" '
        BEGIN { while ((getline line <record) > 0) { split(line, f, "\t"); sum[f[3]] += f[4] } }
        { printf "%d\t%s\n", sum[$1], $1 }' | sort -n | head -n "$n" | cut -f 2
}

while [ "$SECONDS" -lt "$end" ]; do
    running=()
    for target in $(least "${JOBS:-$(nproc)}" "${targets[@]}"); do
        turn "$target" &
        running+=($!)
    done
    for one in "${running[@]}"; do wait "$one"; done
done
