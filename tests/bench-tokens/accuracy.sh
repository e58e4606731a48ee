#!/bin/sh
# How well requests and tokens are estimated where the truth is known: `make accuracy`. Two parts: recordings, which
# are skipped where there are none, and the live bench of the APIs.
# ACCURACY_DATA: a folder with the recordings' sizes and times (openai_api_gpt4o*.csv, api_streams.csv,
# web_sessions_*.csv). BENCH_SEED: what the live bench's chance comes from. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-${BUILD:-$root/build}}
data=${ACCURACY_DATA:-$root/../shared/data/traffic}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
"$root/tests/system/bench/configuration.sh" "$directory/run"

if [ -r "$data/openai_api_gpt4o.csv" ]; then
    echo "Recordings:"
    echo
    node "$here/recorded.mjs" "$data" "$directory"
    node "$here/accuracy.mjs" "$build/iagmeter" "$directory/run/iagmeter.conf" "$directory" openai streams web
else
    echo "Recordings: skipped, none in $data (set ACCURACY_DATA)"
fi

echo
echo "Live bench of the APIs:"
echo
status=0
"$here/live.sh" "$directory/live" || status=$?
[ "$status" -eq 0 ] || exit "$status"
node "$here/judge.mjs" "$build/iagmeter" "$directory/run/iagmeter.conf" "$directory/live"

# Without a browser or the proxy, it says that it is skipped.
echo
echo "Web applications in a browser, live, for two minutes:"
echo
status=0
"$here/web.sh" "$directory/live-web" || status=$?
if [ "$status" -eq 0 ]; then
    node "$here/web-evaluate.mjs" "$build/iagmeter" "$directory/run/iagmeter.conf" "$directory/live-web"
elif [ "$status" -ne 77 ]; then
    exit "$status"
fi
