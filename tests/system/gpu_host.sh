#!/bin/sh
# gpu_host.sh [SECONDS]: the inference host of test_host.sh, on this machine's first NVIDIA GPU: a model that really
# computes, behind nginx, three departments that use it for SECONDS (default 240), and before that a minute and a half
# without work. Prints what NVIDIA's counter says of each whole minute beside what the ledger has, whose the joules are,
# and what reading the counter takes. Needs root, nvidia-smi, python3 with torch and pynvml, nginx, node.
# $NVML is another library than the driver's, $IAGMETER_USER whom the daemon becomes, $KEEP a directory for the records.
# Not part of the tests: no machine that runs those has a GPU. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
local=$here/local
seconds=${1:-240}
processes=
stop() {
    for process in $processes; do
        kill "$process" 2>/dev/null || true
    done
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM
for program in nvidia-smi python3 nginx node openssl; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
python3 -c 'import torch, pynvml' 2>/dev/null || skip "python3 has no torch or no pynvml"
wait_for() { # PATTERN FILE
    tries=1200
    until grep -q "$1" "$2" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$2" >&2; fail "no \"$1\" in ${2##*/}"; }
        sleep 0.1
    done
}

python3 "$local/gpu_server.py" "$directory" 8000 >"$directory/server.log" 2>&1 &
processes=$!
wait_for listening "$directory/server.log"
"$local/nginx.sh" "$directory" 8443 8000
nginx -c "$directory/nginx.conf" 2>"$directory/nginx.log" &
processes="$processes $!"
configure "$directory/run" lo
state=$directory/run/state
[ -z "${IAGMETER_USER:-}" ] || {
    sed -i "1i user = \"$IAGMETER_USER\";" "$directory/run/iagmeter.conf"
    chown -R "$IAGMETER_USER" "$state"
}
cat >>"$directory/run/iagmeter.conf" <<'END'
host = "host.conf";
inference: {
    direction_by = [ "header" ];
    servers = ( { port = 8000; service = "local-vllm"; metrics = "http://127.0.0.1:8000/metrics"; dialect = "vllm"; interval = 1; } );
};
END
power=
[ -z "${NVML:-}" ] || power="power = { nvml = { library = \"$NVML\"; }; };"
# What is idle is what the GPU draws now, with the model loaded.
idle_w=$(nvidia-smi -i 0 --query-gpu=power.draw --format=csv,noheader,nounits)
cat >"$directory/run/host.conf" <<END
host: {
    name = "gpu"; zone = "FRA"; common = "local-host";
    pue = { value = 1.0; year = 2026; source = "none: a test"; grade = "E"; };
    wue_l_per_kwh = { value = 0.0; year = 2026; source = "none: a test"; grade = "E"; };
    energy_accuracy = { value = 0.05; year = 2026; source = "none: a test"; grade = "E"; };
    embodied = { server_gwp_kgco2e = 0.0; server_adpe_kgsb = 0.0; gpu_gwp_kgco2e = 164.0; gpu_adpe_kgsb = 0.005;
                 gpus = 1; lifetime_years = 5.0; year = 2026; source = "none: a test"; grade = "E"; };
    devices = ( { name = "gpu0"; idle_w = $idle_w; year = 2026; source = "nvidia-smi"; grade = "E"; services = [ "local-vllm" ]; } );
    weights = ( { service = "local-vllm"; input = 0.2; cached = 0.02; output = 1.0; year = 2026; grade = "E"; source = "none: a test"; } );
    sharing = ( { from = "2020-01"; key = "usage"; } );
    $power
};
END
expect 0 "$build/iagmeterd" -t -c "$directory/run/iagmeter.conf"
"$build/iagmeterd" -c "$directory/run/iagmeter.conf" 2>"$directory/daemon.log" &
daemon=$!
processes="$processes $daemon"
wait_for 'metering 1 interface' "$directory/daemon.log"
sleep 90
node "$local/clients.mjs" 8443 "$seconds"
sleep 3
expect 0 "$build/iagmeter" status -c "$directory/run/iagmeter.conf"
sed -n '/^host gpu/,$p' "$directory/out"
cat /proc/[0-9]*/stat 2>/dev/null | awk -v parent="$daemon" -v ticks="$(getconf CLK_TCK)" '
    $4 == parent || $1 == parent { printf "%s %.2f s of processor time\n", $2, ($14 + $15) / ticks }'
kill -TERM "$daemon"
wait "$daemon" || { cat "$directory/daemon.log" >&2; fail "iagmeterd ended with an error"; }
cat "$directory/daemon.log" >&2
query "$state" "SELECT interval_start, energy_j FROM device_energy
    JOIN power_device p ON p.id = device WHERE p.name = 'gpu0' ORDER BY interval_start" >"$directory/minutes.txt"
query "$state" "SELECT d.code, sum(requests_central), sum(tokens_in_central), sum(tokens_out_central), sum(energy_j) FROM activity a
    JOIN direction d ON d.id = a.direction GROUP BY d.code ORDER BY d.code" >"$directory/directions.txt"
[ -z "${KEEP:-}" ] || cp "$directory/counter.tsv" "$directory/log.jsonl" "$directory/minutes.txt" "$directory/directions.txt" "$KEEP"
node "$local/gpu_compare.mjs" "$directory"
