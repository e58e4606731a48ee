#!/bin/sh
# The year's report: the demonstration's use in several months of two years, its files and messages, and that every
# figure of them is explained, from the months' own. SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM
command -v node >/dev/null || skip "node is not installed"

configure "$directory"
conf=$directory/iagmeter.conf
state=$directory/state
year=2024
expect 0 "$build/iagmeterd" -c "$conf" -r "$demo"

# at YYYY-MM-DD: all of the use again, at the noon of that day.
first=$(query "$state" 'SELECT min(interval_start) FROM activity')
at() {
    to=$(TZ=Europe/Paris date -d "$1 12:00" +%s)
    shift_s=$((to - first))
    days=$((to / 86400 - first / 86400))
    sqlite3 "$state/ledger.db" "PRAGMA foreign_keys = off; BEGIN;
        CREATE TEMP TABLE a AS SELECT * FROM activity WHERE interval_start < $first + 86400 AND interval_start >= $first;
        CREATE TEMP TABLE i AS SELECT * FROM impact WHERE interval_start < $first + 86400 AND interval_start >= $first;
        CREATE TEMP TABLE c AS SELECT * FROM coverage WHERE interval_start < $first + 86400 AND interval_start >= $first;
        CREATE TEMP TABLE p AS SELECT * FROM impact_day WHERE day = $first / 86400;
        CREATE TEMP TABLE d AS SELECT * FROM device_day WHERE day = $first / 86400;
        UPDATE a SET interval_start = interval_start + $shift_s;
        UPDATE i SET interval_start = interval_start + $shift_s;
        UPDATE c SET interval_start = interval_start + $shift_s;
        UPDATE p SET day = day + $days;
        UPDATE d SET day = day + $days;
        INSERT INTO activity SELECT * FROM a; INSERT INTO impact SELECT * FROM i; INSERT INTO coverage SELECT * FROM c;
        INSERT INTO impact_day SELECT * FROM p; INSERT INTO device_day SELECT * FROM d; COMMIT;"
}
at 2023-03-14
at 2023-07-14
at 2024-01-20
at 2024-03-31
at 2024-07-09
at 2024-10-27

# ---- Files and messages ----

expect 0 "$build/iagmeter" report year "$year" -c "$conf" --output "$directory/report"
cp "$directory/out" "$directory/printed"
for file in fr.html fr.xlsx csv json; do
    [ -s "$directory/report/$year.$file" ] || fail "$year.$file is not written"
    grep -qF "$directory/report/$year.$file" "$directory/out" || fail "$year.$file is not told of"
done
xmllint --noout "$directory/report/$year.fr.html" || fail "not a page"
expect 0 "$build/iagmeter" report year "$year" -c "$conf" --output "$directory/english" --lang en
grep -q 'Yearly footprint' "$directory/english/$year.en.html" || fail "not in English"
[ -s "$directory/english/$year.en.xlsx" ] || fail "no workbook in English"

# The same report is the same workbook, and a disk that is full when it is written leaves the old one, and no part.
expect 0 "$build/iagmeter" report year "$year" -c "$conf" --output "$directory/again"
cmp "$directory/report/$year.fr.xlsx" "$directory/again/$year.fr.xlsx" || fail "the workbook is another one"
mkdir "$directory/tiny"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=8m tmpfs "$directory/tiny" 2>/dev/null; then
    trap 'umount "$directory/tiny"; rm -rf "$directory"' EXIT
    expect 0 "$build/iagmeter" report year "$year" -c "$conf" --output "$directory/tiny"
    dd if=/dev/zero of="$directory/tiny/full" bs=4k 2>/dev/null || true
    rm "$directory/tiny/$year.fr.html" "$directory/tiny/$year.csv" "$directory/tiny/$year.json"
    expect 2 "$build/iagmeter" report year "$year" -c "$conf" --output "$directory/tiny"
    sentence "$year.fr.xlsx: No space left on device"
    cmp "$directory/report/$year.fr.xlsx" "$directory/tiny/$year.fr.xlsx" || fail "the old workbook is lost"
    [ "$(find "$directory/tiny" -name '*.partial' -o -name 'tmp.*' | wc -l)" -eq 0 ] || fail "a part is left"
    umount "$directory/tiny"
    trap 'rm -rf "$directory"' EXIT
else
    echo "skipped: no small disk can be mounted"
fi
expect 1 "$build/iagmeter" report year "$year-01" -c "$conf"
sentence 'is not a year'
expect 1 "$build/iagmeter" report week "$year" -c "$conf"
sentence 'there are month and year'
expect 2 "$build/iagmeter" report year 9999 -c "$conf"
sentence 'no month of 9999 is over yet'
expect 2 "$build/iagmeter" report year 1999 -c "$conf"
sentence 'no data for the months of 1999'

# ---- Every figure has a name; those of the sums, of each kind, are explained ----

expect 0 node "$here/figures.mjs" "$directory/report/$year" "$directory/printed" "$build/iagmeter" "$conf" all
cat "$directory/out"

field() { # FIGURE COLUMN: its value in the CSV
    awk -F , -v figure="$1" -v column="$2" '$NF == figure { print $column; exit }' "$directory/report/$year.csv"
}
explained() { # FIGURE: explain gives the CSV's value, to the last digit
    expect 0 "$build/iagmeter" explain "$1" -c "$conf" --format json
    [ "$(node -p 'const f = JSON.parse(require("fs").readFileSync(process.argv[1])); f.agrees && f.reported.central' \
        "$directory/out")" = "$(node -p "$(field "$1" 8)")" ] || fail "$1 is not $(field "$1" 8)"
}
for figure in "././energy_kwh" "DSN/./gwp_kgco2e" "./chatgpt-web/water_l" "other/./energy_kwh" "@per-request/./gwp_gco2e" \
    "@hosting/outside-eu/energy_share" "@month-approval/$year-01/unset/requests_share" "@compared/./energy_kwh" \
    "@compared-change/./energy_wh" "@direction/DSN/months_shown" "@months/./months_told" "@coverage/./packets"; do
    explained "$year/$figure"
done
expect 0 "$build/iagmeter" explain "$year/DSN/./energy_kwh" -c "$conf" --lang en
grep -qF "[$year-03/DSN/./energy_kwh]" "$directory/out" || fail "the months have no names"
grep -q 'the same number, to the last digit' "$directory/out" || fail "the months are not added up again"
expect 0 "$build/iagmeter" explain "$year/DSN/." -c "$conf" --lang en
[ "$(grep -c 'the same number, to the last digit' "$directory/out")" -eq 13 ] || fail "not all of a row"
expect 2 "$build/iagmeter" explain "$year/DSN/chatgpt-web/energy_kwh" -c "$conf"
sentence 'has no figure'

# Four months of the same use: the year is four times that of one.
expect 0 "$build/iagmeter" report month "$year-07" -c "$conf" --output "$directory/report"
awk -F , -v year="$(field "$year/././energy_kwh" 8)" '$2 == "total" && $5 == "energy_kwh" { exit !((year - 4 * $8) ^ 2 < 1e-28 * year ^ 2) }' \
    "$directory/report/$year-07.csv" || fail "the year is not its months"

# ---- A statement of the year is told ----

cp -r "$root/conf/factors/2026" "$directory/2027"
sed -i 's/^vintage = "2026"/vintage = "2027"/' "$directory/2027/vintage.conf"
expect 0 "$build/iagmeter" restate "$year" --vintage "$directory/2027" -c "$conf"
expect 0 "$build/iagmeter" report year "$year" -c "$conf" --output "$directory/report" --lang en
grep -q 'This year was restated (statement 1 of' "$directory/out" || fail "the statement is not told"
explained "$year/@restated/1/energy_kwh"
echo "year: passed"
