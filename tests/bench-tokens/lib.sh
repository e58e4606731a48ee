# shellcheck shell=sh disable=SC2034
# A live bench: servers and clients in network namespaces (tests/system/bench/up.sh: client, gateway, server), and what
# the gateway sees in a capture. To be sourced; then
#     live_start; live_servers node servers.mjs "$live/certificates" "$live/truth.jsonl"; live_capture
#     live_client COMMAND...; live_stop
# With BENCH_DELAY_MS the servers are so far from the gateway, one way, and BENCH_LOSS percent of packets are lost there,
# for both ends: they send them again (tests/bench/delay.c; make benches). It
# leaves $live/capture.pcap and $live/truth.jsonl. Ends the script with status 77 where there can be no namespaces.
# SPDX-License-Identifier: GPL-3.0-or-later

live_here=$(cd "$(dirname "$0")" && pwd)
root=${root:-$(cd "$live_here/../.." && pwd)}
bench=$root/tests/system/bench
# Of its own, so that this bench and the system tests do not take each other's namespaces.
IAGMETER_NETNS_PREFIX=${IAGMETER_NETNS_PREFIX:-iagt-}
export IAGMETER_NETNS_PREFIX
. "$bench/names.sh"
live_pids=
live_recorder=

# live_start DIRECTORY NAME...: the namespaces, and certificates for NAMEs beside those of certificates.sh.
live_start() {
    live=$1
    shift
    bench_requirements
    command -v tcpdump >/dev/null || skip "tcpdump is not installed"
    live_delay=${IAGMETER_BUILD:-$root/build}/tests/bench/delay
    [ -z "${BENCH_DELAY_MS:-}" ] || [ -x "$live_delay" ] || skip "$live_delay is not built"
    mkdir -p "$live/certificates"
    trap 'live_cleanup' EXIT
    trap 'exit 130' INT TERM
    "$bench/up.sh" >"$live/up.out"
    [ -z "${BENCH_DELAY_MS:-}" ] || live_in "$bench_way" way "$live_delay" near far "$BENCH_DELAY_MS" "${BENCH_LOSS:-0}"
    "$bench/certificates.sh" "$live/certificates" "$@"
    : >"$live/truth.jsonl"
}

live_cleanup() {
    # shellcheck disable=SC2086
    [ -z "$live_pids$live_recorder" ] || kill $live_pids $live_recorder 2>/dev/null || true
    "$bench/down.sh"
    [ -z "${live_temporary:-}" ] || rm -rf "$live_temporary"
}

# live_servers COMMAND...: runs until live_stop in the servers' namespace; returns when it has printed "listening".
live_servers() {
    live_in "$bench_server" "servers.$(printf '%s' "$live_pids" | wc -w)" "$@"
}

# live_in NAMESPACE OUTPUT COMMAND...: the same.
live_in() {
    live_namespace=$1
    live_output=$live/$2.out
    shift 2
    : >"$live_output"
    ip netns exec "$live_namespace" "$@" >"$live_output" 2>&1 &
    live_pids="$live_pids $!"
    live_tries=100
    until grep -q listening "$live_output"; do
        live_tries=$((live_tries - 1))
        if [ "$live_tries" -eq 0 ] || ! kill -0 "$!" 2>/dev/null; then
            echo "did not start: $*" >&2
            cat "$live_output" >&2
            exit 1
        fi
        sleep 0.1
    done
}

live_capture() {
    : >"$live/tcpdump.out"
    ip netns exec "$bench_gateway" tcpdump -i "$bench_lan" -n -U -Z root -s 0 -B 32768 \
        --time-stamp-precision=nano -w "$live/capture.pcap" 2>"$live/tcpdump.out" &
    live_recorder=$!
    until grep -q 'listening on' "$live/tcpdump.out"; do
        kill -0 "$live_recorder" 2>/dev/null || { cat "$live/tcpdump.out" >&2; exit 1; }
        sleep 0.1
    done
}

live_client() {
    ip netns exec "$bench_client" "$@" & # a shell answers signals while it waits, not while a command runs
    live_running=$!
    live_pids="$live_pids $live_running"
    wait "$live_running"
}

live_stop() {
    sleep 0.5 # lets the last connections close, hence be logged
    kill -INT "$live_recorder"
    wait "$live_recorder" || true
    live_recorder=
    grep -q '^0 packets dropped by kernel' "$live/tcpdump.out" || {
        echo "packets were lost" >&2
        cat "$live/tcpdump.out" >&2
        exit 1
    }
    # shellcheck disable=SC2086
    kill $live_pids 2>/dev/null || true
    live_pids=
    if [ -n "${BENCH_DELAY_MS:-}" ]; then
        live_tries=20
        until grep -q 'no room$' "$live/way.out" || [ "$live_tries" -eq 0 ]; do
            live_tries=$((live_tries - 1))
            sleep 0.1
        done
        grep -q ', 0 found no room$' "$live/way.out" || {
            echo "the way was too narrow" >&2
            cat "$live/way.out" >&2
            exit 1
        }
    fi
    "$bench/down.sh"
    # Of the servers: "listening", and what went wrong.
    sed '/listening/d; /"level":"\(info\|warn\)"/d' "$live"/servers.*.out >&2
}
