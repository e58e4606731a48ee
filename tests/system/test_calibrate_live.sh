#!/bin/sh
# The guided session of `iagmeter calibrate service`, live, on real TLS: counts are typed as they are asked for, the fit
# converges, the file is written, and a daemon that runs meanwhile takes it over on SIGHUP, from then on. Then over QUIC, and
# both mixed.
# Runs first: it waits for a minute to be recorded.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
IAGMETER_NETNS_PREFIX=${IAGMETER_NETNS_PREFIX:-iagc-}
export IAGMETER_NETNS_PREFIX
. "$(dirname "$0")/harness.sh"
[ -z "${IAGMETER_TEST_SANITIZED:-}" ] || skip "the sanitizers' programs take too long for who answers while he asks"
. "$root/tests/bench-tokens/lib.sh"
live_temporary=$directory
trap 'rm -rf "$directory"' EXIT
run=$directory/run
conf=$run/iagmeter.conf
live_start "$directory/live"
configure "$run" "$bench_lan"
# Over QUIC the end of an answer shows by a silence alone: a short one, for the test's sake.
sed 's/answer_gap_s = 60.0/answer_gap_s = 3.0/' "$root/conf/services.conf" >"$run/services.conf"
sed -i "s|^services = .*|services = \"services.conf\";|" "$conf"
echo '203.0.113.200 api.openai.com' >"$live/hosts"

wait_for() { # PATTERN FILE [COUNT]
    tries=300
    until [ "$(grep -c "$1" "$2")" -ge "${3:-1}" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cp "$2" "$directory/err"; fail "no \"$1\" in $2"; }
        sleep 0.1
    done
}

# session NAME FROM CALIBRATE PROMPTS: JSON for operator.mjs. CALIBRATE may be empty.
in_client="\"ip\", \"netns\", \"exec\", \"$bench_client\", \"sh\", \"-c\", \"mount --bind \\\"\$1\\\" /etc/hosts; shift; exec \\\"\$@\\\"\", \"-\", \"$live/hosts\""
session() {
    printf '{ "log": "%s", "ca": "%s", "from": "%s", "client": [%s], "calibrate": [%s], "prompts": [%s] }' \
        "$live/truth.jsonl" "$live/certificates/ca.pem" "$1" "$in_client" "$2" "$3"
}
calibrate() { # OUTPUT OPTIONS...
    printf '"ip", "netns", "exec", "%s", "%s", "calibrate", "service", "openai-api", "-c", "%s", "--interface", "%s", "--client", "198.51.100.1", "--seconds", "200", "--output", "%s"' \
        "$bench_gateway" "$build/iagmeter" "$conf" "$bench_lan" "$1"
}
prompts() { # OVER TOKENS...
    over=$1
    shift
    for tokens in "$@"; do printf '{ "tokens": %s, "over": "%s" }, ' "$tokens" "$over"; done | sed 's/, $//'
}
tokens_of() { # DIRECTION
    query "$run/state" "SELECT CAST(round(coalesce(sum(tokens_out_central), 0)) AS INTEGER) FROM activity
        JOIN direction ON direction.id = activity.direction WHERE direction.code = '$1'"
}
recorded_before() { # TIME
    query "$run/state" "SELECT * FROM activity WHERE interval_start < $1 ORDER BY interval_start, direction, service"
}
operate() { # STATUS SESSION
    expect "$1" node "$root/tests/system/calibrate/operator.mjs" "$2"
}

live_servers node "$root/tests/system/calibrate/server.mjs" "$live/certificates" "$live/truth.jsonl"
: >"$directory/daemon.log"
ip netns exec "$bench_gateway" "$build/iagmeterd" -c "$conf" 2>>"$directory/daemon.log" &
daemon=$!
live_pids="$live_pids $daemon"
wait_for 'metering 1 interface' "$directory/daemon.log"

# Over TCP, twelve answers.
file=$run/calibration.conf
operate 0 "$(session 198.51.100.1 "$(calibrate "$file")" "$(prompts tcp 200 30 120 60 300 90 250 40 180 70 220 150)")"
[ "$(grep -c 'left out one by one' "$directory/err")" -eq 10 ] || fail "the fit is shown from the third exchange on"
grep -q 'n = 12: .*median error [01]\.[0-9] %' "$directory/err" || fail "the fit did not converge"
grep -qF 'n = 12;' "$file" && grep -qF 'transport = "tcp"' "$file" && grep -qF 'grade = "B"' "$file" || fail "the file"
grep -qF 'input_n = 12;' "$file" || fail "input tokens were not fitted"
! grep -qF 198.51.100 "$directory/err" "$directory/out" "$file" || fail "an address was written"
echo "live: $(grep -o 'n = 12: .*' "$directory/err")"
asked=$(date +%s)

# Over QUIC, and mixed, while that minute is recorded.
if command -v caddy >/dev/null && command -v gtlsclient >/dev/null; then
    live_servers "$root/tests/bench-tokens/http3.sh" "$live/certificates" api.openai.com
    operate 0 "$(session 198.51.100.1 "$(calibrate "$directory/quic.conf")" "$(prompts quic 200 30 120 60 300 90 250 40 180 70)")"
    grep -qF 'n = 10;' "$directory/quic.conf" && grep -qF 'transport = "quic"' "$directory/quic.conf" || fail "the file of QUIC"
    echo "live, QUIC: $(grep -o 'n = 10: .*' "$directory/err")"
    operate 2 "$(session 198.51.100.1 "$(calibrate "$directory/mixed.conf")" "$(prompts tcp 60 120), $(prompts quic 90)")"
    tail -n 1 "$directory/err" | grep -qF '2 exchanges over TCP and 1 over QUIC are mixed' || fail "mixed transports are not refused"
    grep -qF 'not over the same transport as others' "$directory/err" || fail "the operator is not told at once"
    [ ! -e "$directory/mixed.conf" ] || fail "a file of mixed transports"
else
    skip_part "QUIC: caddy or ngtcp2-client is not installed"
fi

# The daemon takes it over; what it recorded stays.
tries=80
until [ "$(query "$run/state" 'SELECT coalesce(max(interval_start), 0) FROM coverage')" -ge $((asked - 60)) ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "the minute of the session is not recorded"
    sleep 1
done
until_s=$(query "$run/state" 'SELECT max(interval_start) + 60 FROM coverage')
recorded_before "$until_s" >"$directory/before"
[ -s "$directory/before" ] || fail "nothing was recorded during the session"
echo "calibrations = [ \"$file\" ];" >>"$conf"
kill -HUP "$daemon"
wait_for 'were read again' "$directory/daemon.log"
# From another direction, so that its sum is of these alone.
eval "ip netns exec $bench_client node '$root/tests/system/calibrate/operator.mjs' '$(session 198.51.100.33 '' "$(prompts tcp 80 160 240)")' prompts" >"$directory/typed"
truth=$(awk '{ sum += $1 } END { print sum }' "$directory/typed")
sleep 2
kill -TERM "$daemon"
wait "$daemon" || { cp "$directory/daemon.log" "$directory/err"; fail "iagmeterd ended with an error"; }
recorded_before "$until_s" | cmp - "$directory/before" || fail "what was recorded before was rewritten"
estimated=$(tokens_of SDTIG)
[ $((100 * estimated)) -ge $((97 * truth)) ] && [ $((100 * estimated)) -le $((103 * truth)) ] ||
    fail "calibrated: $estimated tokens, not about $truth"
all=$(node -e 'let sum = 0; for (const line of require("fs").readFileSync(process.argv[1], "utf8").split("\n").filter(Boolean)) {
    const { event, client, tokens_out } = JSON.parse(line); if (event === "exchange" && client === "198.51.100.1") sum += tokens_out; } console.log(sum);' \
    "$live/truth.jsonl")
shipped=$(tokens_of DSN)
[ $((100 * shipped)) -ge $((120 * all)) ] || fail "the shipped estimator was right already ($shipped of $all): the test proves nothing"
echo "live: $shipped tokens of $all before, $estimated of $truth after"
query "$run/state" "SELECT name || ' = ' || value FROM fact WHERE name LIKE 'calibration_used%'" >"$directory/out"
grep -q '^calibration_used openai-api tcp [0-9-]* [0-9]* = - calibration of .*, n = 12$' "$directory/out" || fail "the ledger does not tell since when"
expect 0 "$build/iagmeter" status -c "$conf"
grep -q 'openai-api .*tcp.*n = 12.*input tokens fitted' "$directory/out" || fail "status does not list it"
