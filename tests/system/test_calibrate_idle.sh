#!/bin/sh
# `iagmeter calibrate idle` from now on, whole: a daemon measures a host that nobody uses, two GPUs by a library that
# stands in for NVML and the processors by files like those of /sys, and a quarter of an hour later there is a file for
# host.conf that says what they draw. When the daemon goes away meanwhile, there is none. Time passes 30 times as fast.
# Runs first: it waits most of its time.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
factor=30
space=${bench_prefix}idle
daemon=
meters=
cleanup() {
    for process in $daemon $meters; do
        kill "$process" 2>/dev/null || true
    done
    ip netns delete "$space" 2>/dev/null || true
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
[ -z "${IAGMETER_TEST_SANITIZED:-}" ] || skip "nothing can be preloaded before the sanitizers"
command -v node >/dev/null || skip "node is not installed"
clock=$build/tests/system/lib_clock.so
nvml=$build/tests/power/lib_nvml.so
[ -e "$clock" ] && [ -e "$nvml" ] || skip "the libraries for tests are not built"
ip netns add "$space" 2>/dev/null || skip "no network namespaces here"
ip -n "$space" link set lo up

# 120 and 25 W, by counters of energy: power alone would be missed for seconds whenever this machine is busy.
awk 'BEGIN {
    for (t = 0; t < 2000; t++)
        printf "%d\t0\t%d\t120000\n%d\t1\t%d\t25000\n", t, 5000000 + 120000 * t, t, 25000 * t
}' >"$directory/nvml"

configure "$directory/run" lo
conf=$directory/run/iagmeter.conf
state=$directory/run/state
cat >>"$conf" <<END
host = "host.conf";
inference: { servers = ( { port = 8000; service = "local-vllm"; } ); };
END
made_up='year = 2026; source = "made up for a test"; grade = "E"'
cat >"$directory/run/host.conf" <<END
host: {
    name = "bench"; zone = "FRA"; common = "local-host";
    pue = { value = 1.35; $made_up; }; wue_l_per_kwh = { value = 0.1; $made_up; }; energy_accuracy = { value = 0.02; $made_up; };
    embodied = { server_gwp_kgco2e = 1700.0; server_adpe_kgsb = 0.05; gpu_gwp_kgco2e = 164.0; gpu_adpe_kgsb = 0.005;
                 gpus = 2; lifetime_years = 5.0; $made_up; };
    devices = ( { name = "gpu0"; idle_w = 1.0; $made_up; services = [ "local-vllm" ]; },
                { name = "gpu1"; idle_w = 1.0; $made_up; services = [ "local-vllm" ]; },
                { name = "host"; idle_w = 1.0; $made_up; } );
    weights = ( { service = "local-vllm"; input = 0.2; cached = 0.02; output = 1.0; $made_up; } );
    sharing = ( { from = "2020-01"; key = "usage"; } );
    power = { root = "$directory"; nvml: { library = "$nvml"; }; };
};
END
expect 0 "$build/iagmeterd" -t -c "$conf"

CLOCK_FACTOR=$factor
CLOCK_BEGIN=$(date +%s)
export CLOCK_FACTOR CLOCK_BEGIN
# A package that draws 55 W, and memory that draws 8.
node - "$directory/sys/class/powercap" >"$directory/meters.log" 2>&1 <<'END' &
const { mkdirSync, openSync, writeFileSync, writeSync } = require('node:fs');
const begin = process.env.CLOCK_BEGIN * 1000;
const parts = [['intel-rapl:0', 'package-0', 55], ['intel-rapl:0:0', 'dram', 8]].map(([place, name, watts]) => {
    const path = `${process.argv[2]}/${place}`;
    mkdirSync(path, { recursive: true });
    for (const [file, text] of [['name', name], ['enabled', '1'], ['max_energy_range_uj', '262143328850']])
        writeFileSync(`${path}/${file}`, `${text}\n`);
    return { watts, file: openSync(`${path}/energy_uj`, 'w') };
});
const step = () => {
    const seconds = (Date.now() - begin) / 1000 * process.env.CLOCK_FACTOR;
    for (const part of parts) writeSync(part.file, `${100_000_000_000 + Math.round(part.watts * seconds * 1e6)}\n`, 0);
};
step();
setInterval(step, 5);
console.log('running');
END
meters=$!
await() { # PATTERN FILE
    tries=300
    until grep -q -e "$1" "$2" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$2" >&2; fail "no \"$1\" in ${2##*/}"; }
        sleep 0.1
    done
}
await running "$directory/meters.log"
start() {
    LD_PRELOAD=$clock NVML_SCRIPT=$directory/nvml ip netns exec "$space" "$build/iagmeterd" -c "$conf" 2>"$directory/daemon.log" &
    daemon=$!
    await 'metering 1 interface' "$directory/daemon.log"
}
calibrate() { # SECONDS
    LD_PRELOAD=$clock "$build/iagmeter" calibrate idle --seconds "$1" -c "$conf" >"$directory/out" 2>"$directory/err"
}

start
calibrate 900 || fail "no calibration, the daemon says: $(cat "$directory/daemon.log")"
file=$(grep "calibration-idle-.*\.conf$" "$directory/out") || fail "no file is named"
# Each within two percent, from ten minutes or more, and what it rests on.
node - "$file" <<'END' >&2 || fail "what was measured is not what they draw: $(cat "$file")"
const text = require('node:fs').readFileSync(process.argv[2], 'utf8');
const found = [...text.matchAll(/name = "(\w+)"; idle_w = ([\d.]+); n = (\d+);/g)].map((m) => m.slice(1));
const wanted = { gpu0: 120, gpu1: 25, host: 63 };
for (const [name, watts, n] of found)
    if (Math.abs(watts - wanted[name]) > 0.02 * wanted[name] || n < 10)
        throw new Error(`${name}: ${watts} W`);
if (found.length !== 3 || !text.includes('grade = "A"') || !text.includes('no exchange was seen')) throw new Error(text);
END
for device in gpu0 gpu1 host; do
    grep -qx "$device" "$directory/out" || fail "$device is not shown"
done
grep -q 'after *10 min' "$directory/out" || fail "how the means settled is not shown"
sed -i "s|    power = |    calibration = [ \"$file\" ]; power = |" "$directory/run/host.conf"
expect 0 "$build/iagmeterd" -t -c "$conf"
echo "calibrate idle: a session measures what the devices draw"

# The daemon ends while it is measured: nothing is known of the rest, and no file is made.
find "$directory/run" -name 'calibration-idle-*' >"$directory/before"
calibrate 600 &
session=$!
sleep 8
kill -TERM "$daemon"
wait "$daemon" || { cat "$directory/daemon.log" >&2; fail "iagmeterd ended with an error"; }
daemon=
status=0
wait "$session" || status=$?
[ "$status" -eq 2 ] || fail "exit status $status of a session without a daemon"
grep -q 'not all that belongs to that time is in the ledger' "$directory/err" || fail "it is not said why"
find "$directory/run" -name 'calibration-idle-*' | cmp -s - "$directory/before" || fail "there is a file all the same"
intact "$state"
echo "calibrate idle: without a daemon there is no calibration"
