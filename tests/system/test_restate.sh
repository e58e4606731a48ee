#!/bin/sh
# `iagmeter restate`: the demonstration's ledger restated with another vintage, beside the daemon's
# files, and what is refused.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT

conf=$directory/conf
state=$directory/state
cp -r "$root/conf" "$conf"
mkdir "$state"
sed -i "s|^state_directory = .*|state_directory = \"$state\";|; s|/var/lib/iagmeter/reports|$directory/reports|" \
    "$conf/iagmeter.conf"
sed -i 's/threshold = 5/threshold = 4/' "$conf/iagmeter.conf" # of six devices, four are surely distinct
expect 0 "$build/iagmeterd" -c "$conf/iagmeter.conf" -r "$demo"

restate() { # STATUS ARGUMENT...
    status=$1
    shift
    expect "$status" "$build/iagmeter" restate -c "$conf/iagmeter.conf" "$@"
}

# A vintage for whose electricity of the United States 0.38355 became 0.42 kgCO2e/kWh, and nothing else.
new=$conf/factors/2027
cp -r "$conf/factors/2026" "$new"
sed -i 's/^vintage = "2026"/vintage = "2027"/' "$new/vintage.conf"
sed -i 's/\(id = "USA"; gwp_kgco2e_per_kwh = \)[0-9.]*/\10.42/' "$new/zones.conf"
[ "$(diff -r "$conf/factors/2026" "$new" | grep -c '^>')" -eq 2 ] || fail "not two lines were edited"
expect 0 "$build/iagmeter" factors check "$new"

# field SCOPE ID INDICATOR COLUMN: of the table in $directory/out, by the names of its columns.
field() {
    awk -F '\t' -v scope="$1" -v id="$2" -v indicator="$3" -v column="$4" '
        NR == 1 { for (i = 1; i <= NF; i++) number[$i] = i; next }
        $number["scope"] == scope && $number["id"] == id && $number["indicator"] == indicator {
            print $number[column] }' "$directory/out"
}

# ---- Old beside new ----

tables "$state" >"$directory/before"
restate 0 "$month" --vintage 2027 --format tsv
grep -q "^iagmeter: warning: statement 1 restates $month with vintage 2027: a figure changes by more than 5 %" \
    "$directory/err" || fail "the change is not logged"
[ "$(field service openai-api gwp_use_kgco2e passes)" = 0 ] || fail "a part of a figure is marked"
[ "$(field service openai-api gwp_kgco2e passes)" = 1 ] || fail "a figure that passes is not marked"
[ "$(field service openai-api energy_kwh change_percent)" = 0 ] || fail "energy changed"
awk -v old="$(field service openai-api gwp_use_kgco2e recorded_central)" \
    -v new="$(field service openai-api gwp_use_kgco2e restated_central)" \
    -v cause="$(field service openai-api gwp_use_kgco2e electricity)" \
    'function near(a, b) { return (a - b) ^ 2 < 1e-20 * b ^ 2 }
     BEGIN { exit !(near(new, old / 0.38355 * 0.42) && near(cause, new - old)) }' ||
    fail "the electricity's gases are not in proportion to its intensity"
[ "$(field direction DRH gwp_kgco2e passes)" = "" ] || fail "DRH, with two devices, is shown"
[ -n "$(field direction other gwp_kgco2e restated_central)" ] || fail "no row of what is folded"
[ "$(field direction other gwp_kgco2e restated_central)" = \
    "$(field direction other gwp_kgco2e recorded_central)" ] || fail "what is folded is restated"

# What the month's report has is what was recorded.
expect 0 "$build/iagmeter" report month "$month" -c "$conf/iagmeter.conf"
grep -q 'révision n° 1 du .* facteurs du millésime 2027' "$directory/out" || fail "the report does not tell"
csv=$(grep '\.csv$' "$directory/out")
restate 0 --show 1 --format tsv
for scope in total direction service; do
    awk -F , -v scope="$scope" '$2 == scope && $(NF - 6) == "energy_kwh" && $(NF - 3) > 0 {
        print $3 "\t" $(NF - 3) }' "$csv" | sort >"$directory/reported"
    awk -F '\t' -v scope="$scope" '$4 == scope && $7 == "energy_kwh" { print $5 "\t" $10 }' \
        "$directory/out" | sort >"$directory/stated"
    [ -s "$directory/reported" ] || fail "the report has no rows of scope $scope"
    # Sums of the same numbers in another order.
    paste "$directory/reported" "$directory/stated" | awk -F '\t' '
        $1 != $3 || ($2 - $4) ^ 2 > 1e-24 * $2 ^ 2 { exit 1 }' || fail "scope $scope is not the report's"
done
echo "restate: old beside new"

# ---- Both are kept, and the ledger is not touched ----

restate 0 "$month" --vintage 2026 --lang en
grep -q '^No change' "$directory/out" || fail "the same vintage changes something"
[ ! -s "$directory/err" ] || fail "no change is logged"
restate 0 --list --format tsv
[ "$(tail -n +2 "$directory/out" | cut -f 1,3- | tr '\t\n' '  ')" = "1 $month 2027 1 2 $month 2026 0 " ] ||
    fail "not both are listed"
restate 0 --show 1 --lang en
cp "$directory/out" "$directory/first"
# A factor of either vintage, by the name that reports and tables have.
for vintage in 2026:0.3835 2027:0.4199; do
    expect 0 "$build/iagmeter" explain "${vintage%:*}/@factor/zone/USA/gwp_kgco2e_per_kwh" -c "$conf/iagmeter.conf" --format json
    grep -q "\"central\": ${vintage#*:}" "$directory/out" ||
        fail "$vintage is not explained"
    grep -q '"source": "Ember' "$directory/out" || fail "the factor has no source"
done
expect 1 "$build/iagmeter" explain "2031/@factor/zone/USA/gwp_kgco2e_per_kwh" -c "$conf/iagmeter.conf"
sentence 'no vintage "2031"'
for vintage in "" .. .; do # directories, but of vintages
    expect 1 "$build/iagmeter" explain "$vintage/@factor/zone/USA/gwp_kgco2e_per_kwh" -c "$conf/iagmeter.conf"
    sentence "no vintage \"$vintage\""
    restate 1 "$month" --vintage "$vintage"
    sentence "no vintage \"$vintage\""
done
expect 2 "$build/iagmeter" explain "2026/@factor/zone/ATL/gwp_kgco2e_per_kwh" -c "$conf/iagmeter.conf"
sentence 'has no figure'
rm -r "$new" # which --show needs no more
restate 0 --show 1 --lang en
cmp -s "$directory/out" "$directory/first" || fail "statement 1 is not what it was"
restate 0 --show 2 --format json
tables "$state" | cmp -s - "$directory/before" || fail "the ledger was changed"
[ "$(stat -c %a "$state/statements.db")" = 640 ] || fail "statements.db can be read by anyone"
if sqlite3 "$state/statements.db" "DELETE FROM statement" 2>/dev/null; then
    fail "a statement could be removed"
fi
if grep -aE '198\.51\.100\.|203\.0\.113\.|2001:db8:' "$state/statements.db"; then
    fail "an address was recorded"
fi
# Each row ends with the name that explain takes, of the period as of the month; its figures are those of the table.
expect 0 "$build/iagmeter" restate "${month%-*}" --vintage 2026 --lang en -c "$conf/iagmeter.conf"
names=$(grep -oE "${month%-*}/@restated[^ ]*" "$directory/out")
[ "$(echo "$names" | wc -l)" -gt 8 ] || fail "rows have no names"
for name in $names; do
    case $name in
    *_kwh | *_l | *_kgco2e | *_kgsb | *_sigma*) name=${name%]} ;;
    *) name=$name/water_l ;;
    esac
    expect 0 "$build/iagmeter" explain "$name" --lang en -c "$conf/iagmeter.conf"
    grep -q 'the same number' "$directory/out" || fail "$name is another number"
done
restate 0 --show 1 --format tsv
change=$(field direction DSN gwp_kgco2e change_percent)
expect 0 "$build/iagmeter" explain "$(field direction DSN gwp_kgco2e figure_change)" --lang en -c "$conf/iagmeter.conf"
grep -qF "recomputed: $change %" "$directory/out" || fail "the change is not explained"
expect 2 "$build/iagmeter" explain "$month/@restated/1/DRH/./gwp_kgco2e" -c "$conf/iagmeter.conf"
sentence 'has no figure'
echo "restate: both are kept"

# ---- What is refused: one line, and nothing is recorded ----

restate 1 "$month" --vintage 2027
sentence 'no vintage "2027"' "$new"
cp -r "$conf/factors/2026" "$new"
sed -i 's/^    licence = .*//' "$new/media.conf"
restate 1 "$month" --vintage 2027
sentence "media.conf:" 'missing key "licence"'
restate 1 "$month" --vintage "$new/"
sentence "media.conf:" 'missing key "licence"'
restate 1 2026-13 --vintage 2026
sentence 2026-13 "not a period"
restate 2 2019 --vintage 2026
sentence "no use is recorded in 2019"
restate 2 2199-01 --vintage 2026
sentence "2199-01" "future"
restate 2 --show 4
sentence 'no statement "4"'
restate 2 --show one
restate 1 --list --show 1
restate 1 "$month"
restate 1 "$month" --vintage 2026 --format xml
restate 0 --list
[ "$(wc -l <"$directory/out")" -eq 3 ] || fail "something was recorded of what was refused"
expect 2 sh -c "'$build/iagmeter' restate --show 1 -c '$conf/iagmeter.conf' >/dev/full"
# What root restates, the daemon's user can read and go on with.
if [ "$(id -u)" -eq 0 ]; then
    rm "$state/statements.db"
    chown 12345:23456 "$state"
    restate 0 "$month" --vintage 2026
    [ "$(stat -c %u:%g:%a "$state/statements.db")" = 12345:23456:640 ] || fail "the statements are root's"
fi
echo "restate: passed"
