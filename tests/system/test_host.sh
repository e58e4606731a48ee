#!/bin/sh
# An inference host on this machine: a server that streams, behind nginx, and three departments that use it.
# Its counters are files that move with the work. What the month's report says of the host adds up to what
# the counters say, and what it says of a department to what the server served it.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
local=$here/local
space=${IAGMETER_NETNS_PREFIX:-iagm-test-}host
seconds=${IAGMETER_HOST_SECONDS:-12}
daemon=
server=
proxy=
stop() {
    for process in $daemon $proxy $server; do
        kill "$process" 2>/dev/null || true
    done
    ip netns del "$space" 2>/dev/null || true
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM
for program in nginx node ip curl openssl; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
[ -x "$build/iagmeter-counters" ] || skip "$build/iagmeter-counters is not built"
ip netns add "$space" 2>/dev/null || skip "no network namespaces here"
ip -n "$space" link set lo up

within() {
    ip netns exec "$space" "$@"
}
wait_for() { # PATTERN FILE
    tries=200
    until grep -q "$1" "$2" 2>/dev/null; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$2" >&2; fail "no \"$1\" in ${2##*/}"; }
        sleep 0.1
    done
}

ip netns exec "$space" node "$local/server.mjs" "$directory" 8000 >"$directory/server.log" 2>&1 &
server=$!
wait_for listening "$directory/server.log"
"$local/nginx.sh" "$directory" 8443 8000
ip netns exec "$space" nginx -c "$directory/nginx.conf" 2>"$directory/nginx.log" &
proxy=$!

configure "$directory/run" lo
conf=$directory/run/iagmeter.conf
state=$directory/run/state
sed -i 's/threshold = [0-9]*/threshold = 1/' "$conf"
cat >>"$conf" <<END
host = "host.conf";
inference: {
    direction_by = [ "header" ];
    users_by = [ "header" ]; client_header = "X-Forwarded-For";
    servers = ( { port = 8000; service = "local-vllm"; metrics = "http://127.0.0.1:8000/metrics"; dialect = "vllm"; interval = 1; } );
};
END
cat >"$directory/run/host.conf" <<END
host: {
    name = "bench"; zone = "FRA"; common = "local-host";
    pue = { value = 1.35; year = 2026; source = "made up for a test"; grade = "E"; };
    wue_l_per_kwh = { value = 0.1; year = 2026; source = "made up for a test"; grade = "E"; };
    energy_accuracy = { value = 0.02; year = 2026; source = "made up for a test"; grade = "E"; };
    embodied = { server_gwp_kgco2e = 1700.0; server_adpe_kgsb = 0.05; gpu_gwp_kgco2e = 164.0; gpu_adpe_kgsb = 0.005;
                 gpus = 2; lifetime_years = 5.0; year = 2026; source = "made up for a test"; grade = "E"; };
    devices = ( { name = "gpu0"; idle_w = 40.0; year = 2026; source = "made up for a test"; grade = "E"; services = [ "local-vllm" ]; },
                { name = "gpu1"; idle_w = 30.0; year = 2026; source = "made up for a test"; grade = "E"; services = [ "local-vllm" ]; },
                { name = "host"; idle_w = 63.0; year = 2026; source = "made up for a test"; grade = "E"; } );
    weights = ( { service = "local-vllm"; input = 0.2; cached = 0.02; output = 1.0; year = 2026; grade = "E"; source = "made up for a test"; } );
    sharing = ( { from = "2020-01"; key = "usage"; } );
    power = { root = "$directory"; };
};
END
expect 0 "$build/iagmeterd" -t -c "$conf"
ip netns exec "$space" "$build/iagmeterd" -c "$conf" 2>"$directory/daemon.log" &
daemon=$!
wait_for 'metering 1 interface' "$directory/daemon.log"
sleep 2
within curl -fsS http://127.0.0.1:8000/thaw
within node "$local/clients.mjs" 8443 "$seconds"
within curl -fsS http://127.0.0.1:8000/freeze >"$directory/joules.json"
sleep 3
kill -TERM "$daemon"
wait "$daemon" || { cat "$directory/daemon.log" >&2; fail "iagmeterd ended with an error"; }
daemon=
within curl -fsS http://127.0.0.1:8000/metrics >"$directory/metrics.txt"

# What a person claims to be is not believed: the proxy says it. All that was answered is there, token by
# token; of what clients broke off, what the wire had of it.
query "$state" "SELECT d.code, sum(requests_central), sum(tokens_out_central), sum(energy_j) FROM activity a
    JOIN direction d ON d.id = a.direction JOIN service s ON s.id = a.service
    WHERE s.name = 'local-vllm' GROUP BY d.code ORDER BY d.code" >"$directory/directions.txt"
query "$state" "SELECT p.name, p.kind, sum(energy_j) FROM device_energy
    JOIN power_device p ON p.id = device GROUP BY p.name" >"$directory/devices.txt"
query "$state" "SELECT sum(requests), sum(tokens_in), sum(tokens_cached), sum(tokens_out) FROM server_use" \
    >"$directory/server.txt"
query "$state" 'SELECT sum(energy_j) FROM activity' >"$directory/shared.txt"

# To the 10th of last month, by whole days.
last=$(TZ=Europe/Paris date -d "$(TZ=Europe/Paris date +%Y-%m-15) -1 month" +%Y-%m)
day=$(query "$state" 'SELECT min(interval_start) / 86400 FROM activity')
move=$((($(TZ=UTC date -d "$last-10" +%s) / 86400 - day) * 86400))
sqlite3 "$state/ledger.db" "PRAGMA foreign_keys = off; BEGIN;
    UPDATE activity SET interval_start = interval_start + $move;
    UPDATE impact SET interval_start = interval_start + $move;
    UPDATE coverage SET interval_start = interval_start + $move;
    UPDATE device_energy SET interval_start = interval_start + $move;
    UPDATE local_use SET interval_start = interval_start + $move;
    UPDATE server_use SET interval_start = interval_start + $move;
    UPDATE impact_day SET day = day + $move / 86400;
    UPDATE device_day SET day = day + $move / 86400;
    UPDATE fact SET value = value + $move WHERE name = 'shared_until'; COMMIT;"
expect 0 "$build/iagmeter" report month "$last" --lang fr -c "$conf"
grep -q "Serveur d.IA local" "$directory/out" || fail "the report has no local section"
json=$(grep '\.json$' "$directory/out")
# What the report says of the host, as all else, is named, and computed again to the last bit.
cp "$directory/out" "$directory/printed"
expect 0 node "$here/figures.mjs" "${json%.json}" "$directory/printed" "$build/iagmeter" "$conf"
cat "$directory/out"
for scope in host host-direction host-device host-tokens; do
    grep -q "\"$last/@$scope/" "$json" || fail "no figure of scope $scope has a name"
done
expect 0 "$build/iagmeter" explain "$last" DSN local-vllm -c "$conf"
expect 0 "$build/iagmeter" explain "$last" DSN local-host --format json -c "$conf"
expect 0 "$build/iagmeter" status -c "$conf"
node "$local/compare.mjs" "$directory" "$json" >&2 || fail "report, ledger and server do not agree"
echo "an inference host: every joule and every token is somebody's, and the report adds up to the meters"
