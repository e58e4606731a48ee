#!/bin/sh
# Sends the same packets over a virtual wire twice, and meters them with the kernel filter and without: the
# sums in the ledger must be the same, and all packets be counted. Also with requests in clear, scans and
# datagrams of other kinds between the others; with those when packets are seen late; on a VLAN, whose tag the
# kernel puts beside the packet; with two workers; by a capture process that was started again; with a filter
# of the interface's own; and where no program may be loaded, which is logged.
# Runs first: it waits most of its time.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-${BUILD:-$root/build}}
wire_prefix=${IAGMETER_NETNS_PREFIX:-iagm-filter-}
. "$root/tests/bench/wire.sh"
wire_requires sqlite3 node setpriv
[ -x "$build/iagmeterd" ] || skip "$build/iagmeterd is not built"
[ -x "$build/tests/bench/send" ] || skip "$build/tests/bench/send is not built"

directory=$(mktemp -d)
daemon=
finish() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    wire_down
    rm -rf "$directory"
}
trap finish EXIT
trap 'exit 130' INT TERM

wire_up

# The demonstration, of which the catalogue does not know all.
capture=$root/tests/fixtures/demo/demo.pcap
node "$here/tagged.mjs" "$capture" "$directory/tagged.pcap"
node "$here/others.mjs" "$capture" "$directory/others.pcap" api.mistral.ai
sed 's/openai\.com/openai.invalid/; s/chatgpt\.com/chatgpt.invalid/' "$root/conf/services.conf" \
    >"$directory/services.conf"

configure() { # NAME, INTERFACE's settings, more settings
    mkdir "$directory/$1"
    "$here/bench/configuration.sh" "$directory/$1"
    sed -i "s|^services = .*|services = \"$directory/services.conf\";|
        s|^interfaces:.*|interfaces: ( { name = \"$wire\"; $2 } ); $3|" "$directory/$1/iagmeter.conf"
}

start() { # NAME [COMMAND...]: begins metering; sets $started
    name=$1
    : >"$directory/$1/log"
    shift
    ip netns exec "$listening" "$@" "$build/iagmeterd" -c "$directory/$name/iagmeter.conf" \
        2>"$directory/$name/log" &
    started=$!
    tries=200
    until grep -q 'metering 1 interface' "$directory/$name/log"; do
        kill -0 "$started" 2>/dev/null && [ "$tries" -gt 0 ] || { cat "$directory/$name/log" >&2; exit 1; }
        tries=$((tries - 1))
        sleep 0.1
    done
}

stop() { # PID
    kill -TERM "$1"
    wait "$1" || { echo "iagmeterd ended with an error" >&2; exit 1; }
}

counted() { # NAME COLUMN
    sqlite3 -readonly "$directory/$1/state/ledger.db" "SELECT sum($2) FROM coverage"
}

fail() {
    echo "FAILED: $1" >&2
    cat "$directory"/*/log >&2
    exit 1
}

# What is still being answered when a daemon ends counts in the interval of that minute, and the two do not end
# at the same instant.
within_a_minute() { # SECONDS: waits, if they would not all be of one
    second=$(date +%S)
    [ $((${second#0} + $1)) -lt 60 ] || sleep $((60 - ${second#0}))
}

captures() { # PID: the capturing processes of a daemon
    for child in $(cat "/proc/$1/task/$1/children"); do
        [ "$(cat "/proc/$child/comm")" != iagmeterd ] || echo "$child"
    done
}

# Many packets wait then, and those that come meanwhile are not to be judged by what those say.
hold_up() { # PID: stops what captures again and again, for three seconds
    rounds=10
    while [ "$rounds" -gt 0 ]; do
        # shellcheck disable=SC2046
        kill -STOP $(captures "$1")
        sleep 0.15
        # shellcheck disable=SC2046
        kill -CONT $(captures "$1")
        sleep 0.15
        rounds=$((rounds - 1))
    done
}

# Meters the packets of CAPTURE with the filter and without, side by side.
meter() { # NAME CAPTURE SETTINGS PACKETS_PER_S SECONDS: sets $sent
    rm -rf "${directory:?}/$1" "$directory/$1-all"
    configure "$1" "$3" ''
    configure "$1-all" "$3" 'kernel_filter = false;'
    within_a_minute $(($5 + 6))
    start "$1"
    daemon=$started
    start "$1-all"
    other=$started
    if grep 'no kernel filter' "$directory/$1/log" >&2; then
        kill -TERM "$other"
        skip 'the kernel loads no filter'
    fi
    held=
    if [ -n "$late" ]; then
        hold_up "$daemon" &
        held=$!
    fi
    sent=$(ip netns exec "$sending" "$build/tests/bench/send" "$wire" "$2" "$4" "$5" | cut -d ' ' -f 1)
    [ -z "$held" ] || wait "$held"
    sleep 1
    stop "$daemon"
    daemon=$other
    stop "$daemon"
    daemon=
}

# What a busy machine had no time to read is not the filter's doing: then once more.
compare() { # NAME CAPTURE SETTINGS [PACKETS_PER_S SECONDS]
    attempts=5
    while meter "$1" "$2" "$3" "${4-2000}" "${5-4}"; do
        lost=$(($(counted "$1" packets_dropped) + $(counted "$1-all" packets_dropped)))
        attempts=$((attempts - 1))
        [ "$lost" -gt 0 ] && [ "$attempts" -gt 0 ] || break
        echo "$1: $lost packets were lost, again"
    done
    for column in packets bytes flows names_seen packets_other packets_undecodable flows_one_way; do
        [ "$(counted "$1" "$column")" = "$(counted "$1-all" "$column")" ] ||
            fail "$1: $column: $(counted "$1" "$column"), without $(counted "$1-all" "$column")"
    done
    [ "$(counted "$1" packets)" = "$sent" ] || fail "$1: $(counted "$1" packets) of $sent packets"
    [ "$(counted "$1-all" packets_filtered)" = 0 ] || fail "$1: filtered all the same"
    [ "$(counted "$1" packets_filtered)" -gt 1000 ] ||
        fail "$1: only $(counted "$1" packets_filtered) packets filtered"
    "$here/bench/same.sh" "$directory/$1/state" "$directory/$1-all/state" || fail "$1: other sums"
    [ "$(sqlite3 -readonly "$directory/$1/state/ledger.db" 'SELECT count(*) FROM activity')" -gt 0 ] ||
        fail "$1: no use was found"
    echo "$1: $(counted "$1" packets_filtered) of $sent packets dropped by the kernel, the same sums"
}

late=
compare immediate "$capture" 'mode = "immediate";'
compare others "$directory/others.pcap" 'mode = "immediate";'
late=yes
compare late "$directory/others.pcap" 'mode = "immediate"; buffer_mib = 128;'
late=
# So slowly that the first datagrams were seen when QUIC begins between their ports, 0.8 s later: a ring
# holds them for 0.4 s.
compare others-ring "$directory/others.pcap" '' 600 10
compare tagged "$directory/tagged.pcap" 'mode = "immediate";'
compare ring "$capture" ''
compare workers "$capture" 'workers = 2;'

"$build/iagmeter" status -c "$directory/immediate/iagmeter.conf" | grep -q '^  filtered by the kernel  *[1-9]' ||
    fail 'status does not tell what was dropped'

# A capture process that died has a successor, with another key, which uses the same program.
configure again 'mode = "immediate";' ''
start again
daemon=$started
# shellcheck disable=SC2046
kill -KILL $(captures "$daemon")
tries=100
until grep -q "capture of $wire works again" "$directory/again/log"; do
    [ "$tries" -gt 0 ] || fail 'the capture is not started again'
    tries=$((tries - 1))
    sleep 0.1
done
sent=$(ip netns exec "$sending" "$build/tests/bench/send" "$wire" "$capture" 2000 4 | cut -d ' ' -f 1)
sleep 1
stop "$daemon"
daemon=
[ "$(counted again packets)" = "$sent" ] || fail "again: $(counted again packets) of $sent packets"
[ "$(counted again packets_filtered)" -gt 1000 ] ||
    fail "again: only $(counted again packets_filtered) packets filtered"

# Where it cannot be, that is said, and all is metered.
configure own 'filter = "tcp or udp";' ''
start own
stop "$started"
grep -q "no kernel filter for $wire: it has a filter of its own" "$directory/own/log" ||
    fail 'a filter of the interface is not told'
configure loopback '' ''
sed -i "s/\"$wire\"/\"lo\"/" "$directory/loopback/iagmeter.conf"
ip -n "$listening" link set lo up
start loopback
stop "$started"
grep -q 'no kernel filter for lo: each packet passes it twice' "$directory/loopback/log" ||
    fail 'that the loopback has none is not told'
[ "$(cat /proc/sys/kernel/unprivileged_bpf_disabled)" != 0 ] || exit 0
configure refused 'mode = "immediate";' ''
start refused setpriv --bounding-set -bpf,-sys_admin
daemon=$started
ip netns exec "$sending" "$build/tests/bench/send" "$wire" "$capture" 1000 1 >/dev/null
stop "$daemon"
daemon=
grep -q "no kernel filter for $wire: the kernel does not load it" "$directory/refused/log" ||
    fail 'that it may not be loaded is not told'
[ "$(counted refused packets)" -gt 900 ] || fail 'nothing is metered without the filter'
