# shellcheck shell=sh disable=SC2034
# The names that the scripts of the bench share; to be sourced. SPDX-License-Identifier: GPL-3.0-or-later

bench_prefix=${IAGMETER_NETNS_PREFIX:-iagm-}
bench_client=${bench_prefix}client
bench_gateway=${bench_prefix}gateway
bench_server=${bench_prefix}server
bench_way=${bench_prefix}way # between the latter two, if BENCH_DELAY_MS says how long it is
# Interface names are local to a namespace, so they need no prefix.
bench_lan=lan # of the gateway, towards the clients: what a meter watches
bench_wan=wan # of the gateway, towards the services

skip() {
    echo "$(basename "$0"): skipped: $*" >&2
    exit 77
}

bench_requirements() {
    [ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
    for program in ip node curl openssl; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
    [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || skip "node is older than 18"
    ip netns add "${bench_prefix}probe$$" 2>/dev/null || skip "ip netns does not work here"
    ip netns delete "${bench_prefix}probe$$"
}
