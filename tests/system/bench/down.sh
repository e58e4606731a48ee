#!/bin/sh
# Removes the bench; says nothing when there is none. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(cd "$(dirname "$0")" && pwd)/names.sh"
[ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
for name in "$bench_client" "$bench_gateway" "$bench_server" "$bench_way"; do
    if [ -e "/run/netns/$name" ]; then
        ip netns pids "$name" | xargs --no-run-if-empty kill 2>/dev/null || true
        ip netns delete "$name"
    fi
done
