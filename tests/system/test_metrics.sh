#!/bin/sh
# Objectives and metrics, from a replayed capture that is moved to the month before this one: the
# report, the status and the metrics tell the same, and nothing of a direction that the report folds.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM

daemon=$build/iagmeterd
tool=$build/iagmeter
configure "$directory/run"
conf=$directory/run/iagmeter.conf
state=$directory/run/state
last=$(TZ=Europe/Paris date -d "$(TZ=Europe/Paris date +%Y-%m-15) -1 month" +%Y-%m)
year=${last%-*}

cat >"$directory/run/objectives.conf" <<END
projection_months = 1;
covered_percent = 1;
objectives = (
    { year = $year; energy_kwh = 0.001; requests = 1000000; source = "deliberation"; },
    { year = $year; direction = "DSN"; energy_kwh = 100.0; source = "plan"; },
    { year = $year; direction = "DRH"; energy_kwh = 100.0; source = "plan"; }
);
END
expect 0 "$daemon" -t -c "$conf"
expect 0 "$daemon" -c "$conf" -r "$demo"

# To the 10th of last month, by whole days, which leaves the hours and the devices of a day as they are.
day=$(query "$state" 'SELECT min(interval_start) / 86400 FROM activity')
days=$(($(TZ=UTC date -d "$last-10" +%s) / 86400 - day))
sqlite3 "$state/ledger.db" "PRAGMA foreign_keys = off; BEGIN;
    UPDATE activity SET interval_start = interval_start + $days * 86400;
    UPDATE impact SET interval_start = interval_start + $days * 86400;
    UPDATE coverage SET interval_start = interval_start + $days * 86400;
    UPDATE device_day SET day = day + $days; COMMIT;"

expect 0 "$tool" report month "$last" --lang en -c "$conf"
grep -q "^Objectives of $year" "$directory/out" || fail "the report has no objectives"
csv=$(grep '\.csv$' "$directory/out")
if command -v xmllint >/dev/null; then
    xmllint --noout "$(grep '\.html$' "$directory/out")" || fail "the HTML is not well-formed"
fi
expect 0 "$tool" metrics -c "$conf" --output "$directory/all.prom"
[ ! -s "$directory/out" ] && [ ! -s "$directory/err" ] || fail "--output, and something is printed"
[ ! -e "$directory/all.prom.partial" ] || fail "the file was left unfinished"
expect 0 "$tool" metrics -c "$conf"
cp "$directory/out" "$directory/both"
expect 0 "$tool" metrics capture -c "$conf"
cp "$directory/out" "$directory/parts"
expect 0 "$tool" metrics use -c "$conf"
cat "$directory/out" >>"$directory/parts"
cmp "$directory/both" "$directory/parts" >&2 || fail "the parts are not the whole"
cmp "$directory/both" "$directory/all.prom" >&2 || fail "the file is not what is printed"
if command -v promtool >/dev/null; then
    promtool check metrics <"$directory/both" >&2 || fail "promtool does not take it"
else
    skip_part "promtool is not installed"
fi

# What is kept of the month (derived/months.tsv) tells the same as the ledger, and does not change with a
# restatement; damaged, it is made anew, and that is said once.
kept=$state/derived/months.tsv
[ "$(stat -c %a "$kept")" = 640 ] || fail "what is kept of the month is not there, or not for the group alone"
! grep -q '^DRH' "$kept" || fail "a direction that the report folds is kept"
cp "$kept" "$directory/kept"
cp -r "$root/conf/factors/2026" "$directory/2027"
sed -i 's/^vintage = "2026"/vintage = "2027"/' "$directory/2027/vintage.conf"
sed -i 's/\(id = "USA"; gwp_kgco2e_per_kwh = \)[0-9.]*/\10.42/' "$directory/2027/zones.conf"
expect 0 "$tool" restate "$last" --vintage "$directory/2027/" -c "$conf"
expect 0 "$tool" metrics -c "$conf"
cmp "$directory/out" "$directory/both" >&2 || fail "a restatement changes what was used"
cmp "$kept" "$directory/kept" >&2 || fail "a restatement changes what is kept"
printf x >>"$kept"
expect 0 "$tool" metrics -c "$conf"
cmp "$directory/out" "$directory/both" >&2 || fail "a damaged file changes what is told"
sentence "$kept is damaged" "the ledger is read instead"
cmp "$kept" "$directory/kept" >&2 || fail "the file was not made anew"
rm -r "$state/derived"
expect 0 "$tool" metrics -c "$conf"
cmp "$directory/out" "$directory/both" >&2 || fail "the ledger tells something else"
[ ! -s "$directory/err" ] || fail "a file that is not there is worth a word"
cmp "$kept" "$directory/kept" >&2 || fail "the file is not what it was"

# What the report's CSV has, digit for digit.
spent() { # SCOPE DIRECTION COLUMN (from the end)
    awk -F , -v scope="$1" -v id="$2" -v column="$3" \
        '$2 == scope && $3 == id && $(NF - 6) == "energy_kwh" { print $(NF - column) }' "$csv"
}
in_metrics() { # NAME LABELS
    sed -n "s/^iagmeter_$1{year=\"$year\"$2} //p" "$directory/both"
}
for bound in low:4 central:3 high:2; do
    total=$(in_metrics objective_used_energy_kwh ",direction=\".\",bound=\"${bound%:*}\"")
    [ -n "$total" ] && [ "$total" = "$(spent objective-spent '' "${bound#*:}")" ] &&
        [ "$total" = "$(spent total '' "${bound#*:}")" ] &&
        [ "$total" = "$(in_metrics year_energy_kwh ",bound=\"${bound%:*}\"")" ] ||
        fail "the metrics and the report differ in the total"
    dsn=$(in_metrics objective_used_energy_kwh ",direction=\"DSN\",bound=\"${bound%:*}\"")
    [ -n "$dsn" ] && [ "$dsn" = "$(spent direction DSN "${bound#*:}")" ] ||
        fail "the metrics and the report differ in DSN"
done
[ "$(in_metrics objective_warning ',direction=".",indicator="energy_kwh"')" = 1 ] || fail "no warning"
[ "$(in_metrics objective_warning ',direction="DSN",indicator="energy_kwh"')" = 0 ] || fail "a warning"

expect 0 "$tool" status -c "$conf"
grep -q '^WARNING: The whole authority, Energy (kWh): .* The budget is exceeded\. \[' "$directory/out" ||
    fail "the status does not warn"

# DRH has two devices: its objective is known, and nothing of its use.
grep -q '^Direction des ressources humaines, .* Not shown' "$directory/out" || fail "DRH is not said"
[ "$(in_metrics objective_shown ',direction="DRH",indicator="energy_kwh"')" = 0 ] || fail "DRH is shown"
if grep -E '^iagmeter_objective_(used|projected).*DRH' "$directory/both" ||
    grep -E 'objective-(spent|projected),DRH' "$csv"; then
    fail "DRH, with two devices, is told"
fi
# Directions are named where they have an objective only, services and addresses nowhere.
if grep -E 'SDTIG|DIGICOM|chatgpt|claude|198\.51\.100|203\.0\.113|2001:db8' "$directory/both"; then
    fail "the metrics say too much"
fi

expect 1 "$tool" metrics everything -c "$conf"
sentence '"everything"' 'capture or use'
expect 2 "$tool" metrics -c "$conf" --output "$directory/nowhere/all.prom"
sentence "$directory/nowhere/all.prom" 'No such file or directory'
sed -i 's/"DSN"/"DSNX"/' "$directory/run/objectives.conf"
expect 1 "$daemon" -t -c "$conf"
sentence "$directory/run/objectives.conf:5: " 'direction "DSNX"'
rm -r "$state"
mkdir "$state"
sed -i 's/"DSNX"/"DSN"/' "$directory/run/objectives.conf"
expect 2 "$tool" metrics -c "$conf" --output "$directory/none.prom"
[ ! -e "$directory/none.prom" ] || fail "a file without a ledger"
echo "metrics: passed"
