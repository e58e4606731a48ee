#!/bin/sh
# bench_local.sh [MEGABYTES [ROUNDS]]: the table "Local inference" of docs/performance.md, in Markdown, on standard
# output. On the first processor alone, where taskset is there.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-$root/build}

echo "Measured on $(date -u +%Y-%m-%d), commit $(git -C "$root" describe --always --dirty 2>/dev/null ||
    echo unknown): one core of $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
    "load average at the start $(cut -d ' ' -f 1 /proc/loadavg)."
echo
if command -v taskset >/dev/null; then
    exec taskset -c "${IAGMETER_CPU:-0}" "$build/tests/bench/bench_local" "$@"
fi
exec "$build/tests/bench/bench_local" "$@"
