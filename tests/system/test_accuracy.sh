#!/bin/sh
# A few exchanges with each API of the bench of tokens, and what is no text, live, over HTTP/1.1 and HTTP/2: the test fails when recall,
# precision, the sum of per-token services, or the tokens of what has none are plainly broken. How good they are: docs/accuracy.md.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
bench_tokens=$root/tests/bench-tokens

configure "$directory/run"
"$bench_tokens/live.sh" "$directory/live" quick
node "$bench_tokens/judge.mjs" "$build/iagmeter" "$directory/run/iagmeter.conf" "$directory/live" --require
