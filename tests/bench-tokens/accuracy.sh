#!/bin/sh
# How well requests and tokens are estimated from recordings whose truth is known: `make accuracy`.
# ACCURACY_DATA: a folder with the recordings' sizes and times (openai_api_gpt4o*.csv, api_streams.csv,
# web_sessions_*.csv). SPDX-License-Identifier: GPL-3.0-or-later
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-${BUILD:-$root/build}}
data=${ACCURACY_DATA:-$root/../shared/data/traffic}
if [ ! -r "$data/openai_api_gpt4o.csv" ]; then
    echo "no recordings in $data: set ACCURACY_DATA" >&2
    exit 77
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
node "$here/recorded.mjs" "$data" "$directory"
"$root/tests/system/bench/configuration.sh" "$directory/run"
node "$here/accuracy.mjs" "$build/iagmeter" "$directory/run/iagmeter.conf" "$directory" openai streams web
