#!/bin/sh
# A host whose meters are files that this script advances: what is in the ledger is what the files say,
# to the joule; through a reload, the end of the process that reads them, and that of all.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
[ -x "$build/iagmeter-counters" ] || skip "$build/iagmeter-counters is not built"
command -v pgrep >/dev/null || skip "pgrep is not installed"
daemon=
cleanup() {
    [ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null || true
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# -- A machine with two sockets, and memory of one ---------------------------------------------------

meters=$directory/machine/sys/class/powercap
zone() { # NAME TEXT RANGE_UJ
    mkdir -p "$meters/$1"
    echo "$2" >"$meters/$1/name"
    echo "$3" >"$meters/$1/max_energy_range_uj"
}
# A new file in the old one's place would never be seen by who keeps the old one open.
say() { # NAME ENERGY_UJ
    printf '%s\n' "$2" 1<>"$meters/$1/energy_uj"
}
zone intel-rapl:0 package-0 262143328850
zone intel-rapl:1 package-1 262143328850
zone intel-rapl:0:0 dram 65712999613
for name in intel-rapl:0 intel-rapl:1 intel-rapl:0:0; do
    echo 100000000000 >"$meters/$name/energy_uj"
done
# Of the same length always: what is written does not leave an end of what was.
package0=100000000000
package1=100000000000
dram0=100000000000
advance() { # J_PACKAGE_0 J_PACKAGE_1 J_DRAM_0
    package0=$((package0 + $1 * 1000000))
    package1=$((package1 + $2 * 1000000))
    dram0=$((dram0 + $3 * 1000000))
    say intel-rapl:0 "$package0"
    say intel-rapl:1 "$package1"
    say intel-rapl:0:0 "$dram0"
}

origin='year = 2026; source = "test"; grade = "C";'
write_host() { # IDLE_W INTERVAL_MS
    cat >"$directory/host.conf" <<END
host = {
    name = "test"; zone = "FRA"; common = "local-host";
    pue = { value = 1.5; $origin };
    wue_l_per_kwh = { value = 0.0; $origin };
    energy_accuracy = { value = 0.02; $origin };
    embodied = { server_gwp_kgco2e = 1000.0; server_adpe_kgsb = 0.1; gpu_gwp_kgco2e = 0.0;
                 gpu_adpe_kgsb = 0.0; gpus = 0; lifetime_years = 5.0; $origin };
    devices = ( { name = "host"; idle_w = $1; $origin } );
    power = { root = "$directory/machine"; interval_ms = $2; };
};
END
}
configure "$directory"
echo 'host = "host.conf";' >>"$directory/iagmeter.conf"
write_host 5.0 100

# -- What is there -----------------------------------------------------------------------------------

expect 0 "$build/iagmeterd" -t -c "$directory/iagmeter.conf"
grep -q 'rapl/package-1: a processor' "$directory/out" || fail "-t does not list the meters"
grep -q warning "$directory/out" && fail "-t warns of a host that is as configured"
sed 's/devices = (/devices = ( { name = "gpu7"; idle_w = 1.0; year = 2026; source = "x"; grade = "E"; },/' \
    "$directory/host.conf" >"$directory/other.conf"
sed 's/"host.conf"/"other.conf"/' "$directory/iagmeter.conf" >"$directory/other-iagmeter.conf"
expect 0 "$build/iagmeterd" -t -c "$directory/other-iagmeter.conf"
grep -q 'gpu7 is in .*other.conf, but nothing measures it' "$directory/out" ||
    fail "-t says nothing of a device that no meter has"
# Before anything is configured.
expect 0 "$build/iagmeter" power --seconds 1 --root "$directory/machine" -c "$directory/none.conf"
grep -q 'rapl/dram-0: ' "$directory/out" || fail "power does not list the memory"
grep -q 'reading took' "$directory/out" || fail "power does not say what it costs"
echo "meters: listed"

# -- Counting ----------------------------------------------------------------------------------------

lines() { # FRAGMENT: so many lines of the log have it
    grep -cF -e "$1" "$directory/log" || true
}
logged() { # COUNT FRAGMENT
    [ "$(lines "$2")" -ge "$1" ]
}
await() { # COMMAND...
    tries=0
    until "$@"; do
        kill -0 "$daemon" 2>/dev/null || fail "the daemon ended: $(cat "$directory/log")"
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "waited in vain for: $*"
        sleep 0.1
    done
}
status_shows() {
    "$build/iagmeter" status -c "$directory/iagmeter.conf" 2>/dev/null >"$directory/status" || return 1
    grep -q -e "$1" "$directory/status"
}
counters_pid() {
    pgrep -P "$daemon" -f iagmeter-counters
}
# Has read each meter once: a second has begun that it measures whole.
await_reading() {
    await counters_pid >/dev/null
    await status_shows '^rapl/dram-0  *a processor.s memory$'
    sleep 1.2
}
start() {
    "$build/iagmeterd" -c "$directory/iagmeter.conf" 2>>"$directory/log" &
    daemon=$!
    await_reading
}
stop() {
    sleep 2.2 # the second in which it stops is not whole
    kill -TERM "$daemon"
    status=0
    wait "$daemon" || status=$?
    daemon=
    [ "$status" -eq 0 ] || fail "the daemon ended with $status: $(cat "$directory/log")"
    intact "$directory/state"
}
energy() { # DEVICE
    query "$directory/state" "SELECT printf('%.6f', total(energy_j)) FROM device_energy d
        JOIN power_device p ON p.id = d.device WHERE p.name = '$1'"
}
expect_energy() { # DEVICE J
    [ "$(energy "$1")" = "$2.000000" ] || fail "$1 drew $(energy "$1") J, not $2"
}

: >"$directory/log"
start
advance 100 40 9
stop
expect_energy host 149
expect_energy rapl/package-0 100
expect_energy rapl/package-1 40
expect_energy rapl/dram-0 9
[ "$(query "$directory/state" "SELECT count(*) FROM device_energy WHERE covered_ns > 0 AND
    idle_j > 5.0 * covered_ns / 1e9 + 1e-9")" -eq 0 ] || fail "more is idle than 5 W"
[ "$(query "$directory/state" "SELECT total(idle_j) > 0 FROM device_energy d JOIN power_device p
    ON p.id = d.device WHERE p.name = 'host'")" -eq 1 ] || fail "nothing is idle"
status_shows 'The process that reads them does not run' || fail "status shows what is over as now"
echo "energy: as the meters say"

# A wrap is no fall: 262143328850 - 262143000000 + 671150 uJ are 1 J.
package0=262143000000
say intel-rapl:0 "$package0"
start
say intel-rapl:0 "000000671150"
stop
expect_energy rapl/package-0 101
package0=100000000000
say intel-rapl:0 "$package0"
echo "energy: a counter that wrapped"

# -- A reload ----------------------------------------------------------------------------------------

start
before=$(counters_pid)
write_host 6.0 100
kill -HUP "$daemon"
await logged 1 'were read again'
[ "$(counters_pid)" = "$before" ] || fail "a new idle power restarts the counters"
advance 10 0 0
sleep 2.2 # as in stop
write_host 6.0 200
kill -HUP "$daemon"
renewed() {
    [ "$(lines 'were read again')" -eq 2 ] && pid=$(counters_pid) && [ "$pid" != "$before" ]
}
await renewed
sleep 2
advance 20 0 0
stop
expect_energy rapl/package-0 131
expect_energy host 180
[ "$(query "$directory/state" 'SELECT count(*) FROM power_device')" -eq 4 ] ||
    fail "devices have other names after a reload"
echo "reload: nothing is lost that has to do with other files"

# -- The end of the counters -------------------------------------------------------------------------

# What was drawn in the minute that they did not end is a hole, and said; the rest goes on.
: >"$directory/log"
start
advance 50 0 0
sleep 1.2
kill -KILL "$(counters_pid)"
await logged 1 'was ended by signal 9'
await logged 1 'energy is not measured until it works again'
await logged 1 'works again'
await_reading
advance 7 0 0
stop
found=$(energy rapl/package-0)
# The minute may have ended in between: then it was kept, but for what the reading that spans its end
# puts into the next one.
if awk "BEGIN { exit !($found > 138 && $found <= 188) }"; then
    skip_part "the minute ended just then: no hole"
elif [ "$found" != 138.000000 ]; then
    fail "after the counters were killed: $found J, neither 138 nor up to 188"
fi
echo "counters killed: a hole that is said"

# -- The end of all ----------------------------------------------------------------------------------

: >"$directory/log"
minute=$(($(date +%s) / 60))
start
kept=$(energy rapl/package-0)
advance 30 0 0
sleep 1.2
for pid in $daemon $(pgrep -P "$daemon"); do
    kill -KILL "$pid" 2>/dev/null || true
done
wait "$daemon" 2>/dev/null || true
daemon=
later=$(($(date +%s) / 60))
sleep 0.5
intact "$directory/state"
start
advance 3 0 0
stop
found=$(energy rapl/package-0)
# What was drawn in a minute that ended before they were is there, and the part of a reading that spans its end.
if [ "$minute" -ne "$later" ] && awk "BEGIN { exit !($found > $kept + 3 && $found <= $kept + 33) }"; then
    skip_part "the minute ended just then: what was drawn in it is there"
elif [ "$found" != "$((${kept%.*} + 3)).000000" ]; then
    fail "after all were killed: $found J after $kept"
fi
echo "all killed: what was recorded is there"

# -- What it may do ----------------------------------------------------------------------------------

start
pid=$(counters_pid)
grep -q '^Seccomp:[[:space:]]*2' "/proc/$pid/status" || fail "the counters have no filter"
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status" || fail "the counters keep capabilities"
grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$pid/status" || fail "the counters could gain rights"
stop

echo "counters: passed$skipped_parts"
