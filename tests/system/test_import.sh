#!/bin/sh
# `iagmeter import`: what it writes passes -t, is the same each time, and replaces what a newer catalogue
# made wrong. SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT

conf=$directory/conf
cp -r "$root/conf" "$conf"
lists=$directory/lists
mkdir -p "$lists/ai" "$lists/doh"
printf 'new-ai.example\nchatgpt.com\nno name\n198.51.100.1\n' >"$lists/ai/domains"
printf 'doh.new-ai.example\ndns.google\n' >"$lists/doh/domains"
file=$conf/services.d/ut1.conf
tool="$build/iagmeter import -c $conf/iagmeter.conf"

# shellcheck disable=SC2086
import() { # STATUS ARGUMENT...
    status=$1
    shift
    expect "$status" $tool "$@"
}

import 0 ut1 "$lists"
[ "$(tail -n 1 "$directory/out")" = "$file" ] || fail "the file written is not named"
grep -q "^$lists/ai/domains:3: .*: skipped$" "$directory/err" || fail "the wrong line is not said"
grep -q '"\.new-ai\.example"' "$file" || fail "the name is not in $file"
grep -q chatgpt "$file" && fail "a name that the catalogue has is in $file"
grep -qF dns.google "$file" && fail "a resolver that the catalogue has is in $file"
expect 0 "$build/iagmeterd" -t -c "$conf/iagmeter.conf"
cp "$file" "$directory/first"
import 0 ut1 "$lists"
cmp -s "$file" "$directory/first" || fail "a second import gives another file"
import 0 ut1 "$lists" --output -
cmp -s "$directory/out" "$directory/first" || fail "standard output gives another file"
import 0 ut1 "$lists" --output "$directory/other"
cmp -s "$directory/other" "$directory/first" || fail "another output gives another file"
[ "$(find "$conf/services.d" "$directory" -name '*.partial' | wc -l)" -eq 0 ] || fail "a part is left"
echo "import: passes -t, the same each time"

# A newer catalogue reviewed the service: -t refuses both, with both places, and an import repairs it.
cat >"$conf/services.d/local.conf" <<'END'
services = ( { id = "new-ai"; label = "New"; operator = "New"; country = "FR"; hosting = "eu";
    modality = [ "text" ]; estimator = "count-only"; hosts = { inference = [ ".new-ai.example" ]; }; } );
END
expect 1 "$build/iagmeterd" -t -c "$conf/iagmeter.conf"
sentence "$file:" "services.d/local.conf:2" "duplicate host"
import 0 ut1 "$lists"
expect 0 "$build/iagmeterd" -t -c "$conf/iagmeter.conf"
grep -q '"\.new-ai\.example"' "$file" && fail "the name is still in $file"

import 1 ut2 "$lists"
import 1 ut1
import 2 ut1 "$directory"
import 2 ut1 "$lists" --output "$directory/absent/ut1.conf"
echo 'services = ( {' >"$conf/services.d/broken.conf"
import 1 ut1 "$lists"
sentence "$conf/services.d/broken.conf:"
echo "import: passed"
