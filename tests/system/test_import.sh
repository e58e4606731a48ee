#!/bin/sh
# `iagmeter import`: the names that it writes pass -t, are the same each time, and replace what a newer
# catalogue made wrong; the grid's table is kept whatever is wrong with a file.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT

conf=$directory/conf
cp -r "$root/conf" "$conf"
lists=$directory/lists
mkdir -p "$lists/ai" "$lists/doh"
printf 'new-ai.example\nchatgpt.com\nno name\n198.51.100.1\n' >"$lists/ai/domains"
printf 'big.example/ai\nsmall.example\n' >"$lists/ai/urls"
printf 'doh.new-ai.example\ndns.google\n198.51.100.53\n9.9.9.9\n' >"$lists/doh/domains"
file=$conf/services.d/ut1.conf
tool="$build/iagmeter import -c $conf/iagmeter.conf"

# shellcheck disable=SC2086
import() { # STATUS ARGUMENT...
    status=$1
    shift
    expect "$status" $tool "$@"
}

umask 077
import 0 ut1 "$lists"
umask 022
[ "$(stat -c %a "$file" "$conf/services.d" | tr '\n' ' ')" = "644 755 " ] ||
    fail "the daemon, another user, cannot read what was imported"
[ "$(tail -n 1 "$directory/out")" = "$file" ] || fail "the file written is not named"
grep -q "^$lists/ai/domains:3: .*: skipped$" "$directory/err" || fail "the wrong line is not said"
grep -q '"\.new-ai\.example"' "$file" || fail "the name is not in $file"
grep -q '"small\.example"' "$file" || fail "the URL of a whole host is not in $file"
grep -qF big.example "$file" && fail "the host of a page is in $file"
grep -q '^ai: .* 1 pages of a host' "$directory/out" || fail "the page left out is not counted"
grep -q chatgpt "$file" && fail "a name that the catalogue has is in $file"
grep -qF dns.google "$file" && fail "a resolver that the catalogue has is in $file"
grep -qF '"198.51.100.53"' "$file" || fail "the address of a resolver is not in $file"
grep -qF 9.9.9.9 "$file" && fail "an address that the catalogue has is in $file"
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
rm -r "$conf/services.d"

# The intensities of the grid.
state=$directory/state
table=$state/grid/FRA.tsv
files=$root/tests/fixtures/eco2mix
mkdir "$state"
sed -i "s|^state_directory.*|state_directory = \"$state\";|" "$conf/iagmeter.conf"
import 0 eco2mix
grep -q "no intensity of the grid is held" "$directory/out" || fail "nothing is held, and not said"
[ ! -e "$state/grid" ] || fail "asking what is held wrote something"
import 0 eco2mix "$files/eCO2mix_RTE_En-cours-TR.xls" "$files/eCO2mix_RTE_En-cours-Consolide.xls" \
    "$files/eco2mix-national-cons-def.csv"
[ "$(tail -n 1 "$directory/out")" = "$table" ] || fail "the table written is not named"
[ -s "$directory/err" ] && fail "a complaint about nothing"
grep -q '^missing: 2024-10-27T01:00Z to 2024-10-27T02:00Z (1 h)$' "$directory/out" || fail "no gap is said"
rows() {
    grep -v '^# source' "$1"
}
rows "$table" >"$directory/rows"
rows "$root/tests/fixtures/golden/grid.tsv" | cmp -s - "$directory/rows" || fail "not the golden table"
cp "$table" "$directory/table"
gzip -c "$files/eco2mix-national-cons-def.csv" >"$directory/again.csv.gz"
import 0 eco2mix "$directory/again.csv.gz"
cmp -s "$table" "$directory/table" || fail "importing again changed the table"
import 0 eco2mix --output "$directory/copy" "$directory/again.csv.gz"
cmp -s "$directory/copy" "$directory/table" || fail "another output is another table"
import 0 eco2mix --output - "$directory/again.csv.gz"
cmp -s "$directory/out" "$directory/table" || fail "standard output is another table"

# One wrong file among good ones: nothing is imported, and what was there stays.
printf 'Périmètre\tNature\tDate\tHeures\tTaux de Co2\tx\n' | tee "$directory/good.xls" >"$directory/region.xls"
printf 'France\tDonnées définitives\t2024-05-01\t00:00\t9\t\n' >>"$directory/good.xls"
printf 'Bretagne\tDonnées définitives\t2024-05-01\t00:00\t9\t\n' >>"$directory/region.xls"
import 2 eco2mix "$directory/good.xls" "$directory/region.xls"
sentence "$directory/region.xls:2:" Bretagne
import 2 eco2mix "$directory/absent.xls"
sentence "$directory/absent.xls: cannot read:"
cmp -s "$table" "$directory/table" || fail "a wrong file changed the table"
head -n 20 "$directory/table" >"$table"
import 2 eco2mix "$directory/again.csv.gz"
sentence "$table:21: ends early"
[ "$(wc -l <"$table")" -eq 20 ] || fail "a table that is damaged was replaced"
[ "$(find "$state" -name '*.partial' | wc -l)" -eq 0 ] || fail "a part is left"
echo "import: passed"
