#!/bin/sh
# The pages of the bench of web applications can do what its plans ask of them. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
bench_tokens=$root/tests/bench-tokens
command -v node >/dev/null || skip "node is not installed"

node "$bench_tokens/web-check.mjs" || fail "a page lacks what is asked of it"
sed 's/    async after() { await this.rest(/    async later() { await this.rest(/' "$bench_tokens/pages/chat.js" >"$directory/chat.js"
! node "$bench_tokens/web-check.mjs" "$directory/chat.js" >"$directory/told" || fail "a page without after() is not told"
grep -q "copilot-m365: its page has no after" "$directory/told" || fail "it is not said what is missing"
