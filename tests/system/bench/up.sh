#!/bin/sh
# Builds the bench: client -- gateway -- server, three network namespaces joined by veth pairs.
# Nothing leads out of them. Run down.sh afterwards; running up.sh again starts afresh.
# With BENCH_DELAY_MS there is a fourth one before the server, whose two ends, near and far, are for
# tests/bench/delay.c to join.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/names.sh"
bench_requirements
"$here/down.sh"
trap '"$here/down.sh"' EXIT
trap 'exit 130' INT TERM

in_client() { ip netns exec "$bench_client" "$@"; }
in_gateway() { ip netns exec "$bench_gateway" "$@"; }
in_server() { ip netns exec "$bench_server" "$@"; }

for name in "$bench_client" "$bench_gateway" "$bench_server"; do
    ip netns add "$name"
    ip netns exec "$name" ip link set lo up
done

# Fixed hardware addresses: a recording must say nothing of the machine that made it.
ip link add "$bench_lan" netns "$bench_gateway" address 02:00:00:00:00:01 \
    type veth peer name lan netns "$bench_client" address 02:00:00:00:00:02
ends="$bench_client lan;$bench_gateway $bench_lan;$bench_gateway $bench_wan;$bench_server wan"
if [ -z "${BENCH_DELAY_MS:-}" ]; then
    ip link add "$bench_wan" netns "$bench_gateway" address 02:00:00:00:00:03 \
        type veth peer name wan netns "$bench_server" address 02:00:00:00:00:04
else
    ip netns add "$bench_way"
    # No address of its own, else it would take part.
    ip netns exec "$bench_way" sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
    ip link add "$bench_wan" netns "$bench_gateway" address 02:00:00:00:00:03 \
        type veth peer name near netns "$bench_way"
    ip link add far netns "$bench_way" type veth peer name wan netns "$bench_server" address 02:00:00:00:00:04
    ends="$ends;$bench_way near;$bench_way far"
fi

in_gateway sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
IFS=';'
for end in $ends; do
    IFS=' '
    # shellcheck disable=SC2086
    set -- $end
    # Without segmentation offload the capture holds packets as a wire would, not 64 kB ones.
    ip -n "$1" link set "$2" gso_max_segs 1 gso_max_size 1514
    ip -n "$1" link set "$2" up
done
unset IFS

in_gateway ip address add 198.51.100.254/24 dev "$bench_lan"
in_gateway ip address add 203.0.113.254/24 dev "$bench_wan"
in_gateway ip address add fe80::1/64 dev "$bench_lan" nodad
in_gateway ip address add fe80::1/64 dev "$bench_wan" nodad
for prefix in 2001:db8:1::/48 2001:db8:2::/48 2001:db8:3::/48; do
    in_gateway ip route add "$prefix" dev "$bench_lan"
done
in_gateway ip route add 2001:db8:ffff::/48 dev "$bench_wan"

# Devices: the scenario's direction and device number give the address (see clients.mjs).
for device in 1 2 3 4 5 6; do
    in_client ip address add 198.51.100.$device/24 dev lan         # DSN
    in_client ip address add 198.51.100.$((32 + device))/24 dev lan # SDTIG
    in_client ip address add 198.51.100.$((64 + device))/24 dev lan # DIGICOM
    for direction in 1 2 3; do
        in_client ip address add 2001:db8:$direction::$device/128 dev lan nodad
    done
done
in_client ip address add 198.51.100.161/24 dev lan # DRH
in_client ip address add 198.51.100.162/24 dev lan
in_client ip address add 198.51.100.225/24 dev lan # of no direction
in_client ip route add default via 198.51.100.254
in_client ip route add default via fe80::1 dev lan

# Device 4 of each direction sends short segments, so that curl's 517-byte ClientHello takes two.
# The announced segment size stays that of the link: answers are not affected.
in_client ip route add default via 198.51.100.254 table 4 mtu 340 advmss 1460
for address in 198.51.100.4 198.51.100.36 198.51.100.68; do
    in_client ip rule add from $address table 4
done

# The upper half of 203.0.113.0/24: conf/directions.conf gives the lower one to a direction.
for host in 130 131 140 141 150 151 160 200; do
    in_server ip address add 203.0.113.$host/24 dev wan
    in_server ip address add 2001:db8:ffff::$host/128 dev wan nodad
done
in_server ip route add default via 203.0.113.254
in_server ip route add default via fe80::1 dev wan

trap - EXIT
echo "gateway namespace $bench_gateway, interface $bench_lan"
