#!/bin/sh
# Every figure that the JSON of a month's report names is explained, and computed again to the last bit.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM

configure "$directory"
conf=$directory/iagmeter.conf
expect 0 "$build/iagmeterd" -c "$conf" -r "$demo"
expect 0 "$build/iagmeter" report month "$month" -c "$conf"
json=$(grep '\.json$' "$directory/out")
html=$(grep '\.html$' "$directory/out")
grep -o "\"$month/@[^\"]*\"" "$json" | tr -d '"' | sort -u >"$directory/names"
for scope in per-request per-1000-tokens-out variant; do
    grep -q "/@$scope/" "$directory/names" || fail "no figure of scope $scope has a name"
done
while read -r name; do
    expect 0 "$build/iagmeter" explain "$name" -c "$conf" --format json
    grep -q '"agrees": true' "$directory/out" || fail "$name is not computed again"
done <"$directory/names"
echo "derived: $(wc -l <"$directory/names") figures are computed again"

expect 0 "$build/iagmeter" explain "$month/@per-request/./energy_wh" -c "$conf"
grep -qF "[$month/././energy_kwh]" "$directory/out" || fail "the terms have no names"
expect 0 "$build/iagmeter" explain "$month/@variant/method-b/energy_kwh" -c "$conf" --format html
xmllint --noout --html "$directory/out" 2>/dev/null || fail "not a page"
expect 2 "$build/iagmeter" explain "$month/@per-request/./nothing" -c "$conf"
sentence 'has no figure'
# The names in the page are the same.
for name in "$month/@per-request/./energy_wh" "$month/@variant/method-a/water_l"; do
    grep -qF "id=\"$name\"" "$html" || fail "$name is no anchor of the page"
done
echo "derived: passed"
