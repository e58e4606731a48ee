#!/bin/sh
# bench.sh [ROUNDS]: the tables of docs/performance.md, in Markdown, on standard output. Makes the two
# captures first (build/bench, 2.5 GB), unless they are there.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
rounds=${1:-5}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}
captures=$build/bench
mkdir -p "$captures"

for mix in mix heavy; do
    capture=$captures/$mix.pcap
    if [ ! -e "$capture" ] || [ -n "$(find "$here/make_mix.c" "$here/mix.h" "$here/recording.h" \
        "$root/tests/fixtures/demo/demo.pcap" -newer "$capture")" ]; then
        "$build/tests/bench/make_mix" "$mix" "$capture.new" >&2
        mv "$capture.new" "$capture"
    fi
done
set -- "$captures/mix.pcap" "$captures/heavy.pcap"

echo "Measured on $(date -u +%Y-%m-%d), commit $(git -C "$root" describe --always --dirty 2>/dev/null ||
    echo unknown): $(nproc) cores of $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
    "Linux $(uname -r); load average at the start $(cut -d ' ' -f 1 /proc/loadavg)."
echo 'replay ...' >&2
printf '\n### Replay\n\n'
"$here/bench_replay.sh" "$rounds" "$@"
echo 'stages ...' >&2
printf '### Stages and memory\n\n'
"$build/tests/bench/bench_stages" "$@"
echo 'live ...' >&2
printf '### Live\n\n'
if "$here/bench_live.sh" "$1"; then
    printf '\nheavy.pcap:\n\n'
    RATES='50000 100000' "$here/bench_live.sh" "$2"
else
    [ $? -eq 77 ] # where there are no network namespaces
fi
