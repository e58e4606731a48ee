# shellcheck shell=sh disable=SC2034,SC2154
# A virtual wire between two network namespaces that lead nowhere; to be sourced, with $wire_prefix set. Whoever calls
# wire_up calls wire_down in the end. SPDX-License-Identifier: GPL-3.0-or-later

sending=${wire_prefix}send
listening=${wire_prefix}listen
wire=wire0

skip() {
    echo "skipped: $1" >&2
    exit 77
}

# wire_requires PROGRAM...
wire_requires() {
    [ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
    for program in ip "$@"; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

# Nothing is on it but what is sent.
wire_up() {
    ip netns add "$sending" 2>/dev/null || skip "ip netns does not work here"
    ip netns add "$listening"
    for name in "$sending" "$listening"; do
        ip netns exec "$name" sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
    done
    ip link add "$wire" netns "$sending" type veth peer name "$wire" netns "$listening"
    ip -n "$sending" link set "$wire" up
    ip -n "$listening" link set "$wire" up
}

wire_down() {
    ip netns delete "$sending" 2>/dev/null || true
    ip netns delete "$listening" 2>/dev/null || true
}
