#!/bin/sh
# Every figure of a month's report carries the name that `iagmeter explain` takes, and explain's sum is that figure:
# the demonstration's month with images, objectives, a restatement and French electricity by the hour.
# tests/system/test_host.sh does the same with a host of our own. SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM
command -v node >/dev/null || skip "node is not installed"

configure "$directory"
conf=$directory/iagmeter.conf
state=$directory/state
cat >"$directory/objectives.conf" <<'END'
covered_percent = 1;
objectives = ( { year = 2024; energy_kwh = 3.0; gwp_kgco2e = 0.5; source = "made up for a test"; },
               { year = 2024; direction = "DSN"; requests = 20; water_l = 9.0; source = "made up for a test"; },
               { year = 2024; direction = "DRH"; requests = 20; source = "made up for a test"; } );
END
echo 'objectives = "objectives.conf";' >>"$conf"
sed 's|id = "chatgpt-web";|& image_model = "image/sd-3.5-large";|' "$root/conf/services.conf" >"$directory/services.conf"
sed -i "s|^services = .*|services = \"$directory/services.conf\";|" "$conf"
expect 0 "$build/iagmeterd" -c "$conf" -r "$demo"

# To the night in which clocks went back, and for which the fixtures have intensities: the activity at 23:00 UTC; that of
# a service which computes in France also an hour before, and in an hour that they do not have.
last=2024-10
day=$(query "$state" 'SELECT min(interval_start) / 86400 FROM activity')
minute=$(query "$state" 'SELECT min(interval_start) FROM activity')
night=$(TZ=UTC date -d '2024-10-26 23:00' +%s)
sqlite3 "$state/ledger.db" "PRAGMA foreign_keys = off; BEGIN;
    UPDATE activity SET interval_start = interval_start + $night - $minute;
    UPDATE impact SET interval_start = interval_start + $night - $minute;
    UPDATE coverage SET interval_start = interval_start + $night - $minute;
    UPDATE impact_day SET day = day + $night / 86400 - $day;
    UPDATE device_day SET day = day + $night / 86400 - $day;
    CREATE TEMP VIEW french AS SELECT d.id AS direction, s.id AS service FROM direction d, service s
        WHERE d.code = 'DSN' AND s.name = 'albert-api';
    CREATE TEMP TABLE again AS SELECT * FROM activity WHERE (direction, service) IN (SELECT * FROM french);
    CREATE TEMP TABLE impact_again AS SELECT * FROM impact WHERE (direction, service) IN (SELECT * FROM french);
    UPDATE again SET interval_start = $night - 3600;
    UPDATE impact_again SET interval_start = $night - 3600;
    INSERT INTO activity SELECT * FROM again;
    INSERT INTO impact SELECT * FROM impact_again;
    UPDATE again SET interval_start = $night - 10800;
    UPDATE impact_again SET interval_start = $night - 10800;
    INSERT INTO activity SELECT * FROM again;
    INSERT INTO impact SELECT * FROM impact_again;
    UPDATE impact_day SET energy_kwh_low = 3 * energy_kwh_low, energy_kwh_central = 3 * energy_kwh_central,
        energy_kwh_high = 3 * energy_kwh_high, gwp_use_kgco2e_low = 3 * gwp_use_kgco2e_low, gwp_use_kgco2e_central =
        3 * gwp_use_kgco2e_central, gwp_use_kgco2e_high = 3 * gwp_use_kgco2e_high, gwp_embodied_kgco2e_low = 3 *
        gwp_embodied_kgco2e_low, gwp_embodied_kgco2e_central = 3 * gwp_embodied_kgco2e_central,
        gwp_embodied_kgco2e_high = 3 * gwp_embodied_kgco2e_high, adpe_kgsb_low = 3 * adpe_kgsb_low,
        adpe_kgsb_central = 3 * adpe_kgsb_central, adpe_kgsb_high = 3 * adpe_kgsb_high, water_l_low = 3 *
        water_l_low, water_l_central = 3 * water_l_central, water_l_high = 3 * water_l_high WHERE (direction,
        service) IN (SELECT * FROM french);
    UPDATE activity SET images_low = 1, images_central = 2, images_high = 4, audio_s_low = 3, audio_s_central = 5,
        audio_s_high = 8, uploads_low = 1, uploads_central = 1, uploads_high = 2
        WHERE service = (SELECT id FROM service WHERE name = 'chatgpt-web'); COMMIT;"
expect 0 "$build/iagmeter" import eco2mix -c "$conf" "$root"/tests/fixtures/eco2mix/*
cp -r "$root/conf/factors/2026" "$directory/2027"
sed -i 's/^vintage = "2026"/vintage = "2027"/' "$directory/2027/vintage.conf"
sed -i 's/\(id = "USA"; gwp_kgco2e_per_kwh = \)[0-9.]*/\10.42/' "$directory/2027/zones.conf"
expect 0 "$build/iagmeter" restate "$last" --vintage "$directory/2027" -c "$conf"
expect 0 "$build/iagmeter" report month "$last" -c "$conf" --output "$directory/report"
cp "$directory/out" "$directory/printed"

figures() { # STATUS all|names
    expect "$1" node "$here/figures.mjs" "$directory/report/$last" "$directory/printed" "$build/iagmeter" "$conf" "$2"
}
figures 0 all
cat "$directory/out"

# Each way to print is looked at: without the name of a figure, it fails.
damaged() { # FILE SED
    cp "$1" "$directory/kept"
    sed -i "$2" "$1"
    ! cmp -s "$1" "$directory/kept" || fail "nothing of ${1##*/} was damaged"
    figures 1 names
    grep -q 'without a name' "$directory/err" || fail "a figure of ${1##*/} without a name is not noticed"
    cp "$directory/kept" "$1"
}
figures 0 names
damaged "$directory/report/$last.json" '/"packets_dropped": "/d'
damaged "$directory/report/$last.csv" "s|,$last/@images/chatgpt-web/water_l\$|,|"
damaged "$directory/report/$last.fr.html" "s| title=\"iagmeter explain $last/@direction/DSN/energy_share\"||"
damaged "$directory/report/$last.fr.html" "s|<span title=\"iagmeter explain $last/@coverage/./covered_h\">|<span>|"
damaged "$directory/printed" "s| \[$last/@coverage.*||"
sed -i 's|>µgSbeq<|>mgSbeq<|' "$directory/report/$last.fr.html"
figures 1 all
grep -q "$last/././adpe_kgsb is" "$directory/err" || fail "a figure in another unit than its row says is not noticed"
sed -i 's|>mgSbeq<|>µgSbeq<|' "$directory/report/$last.fr.html"
for scope in total direction service shares images per-request per-1000-tokens-out coverage coverage-proportion variant \
    french-hours objectives objective-budget objective-spent objective-path objective-projected restated restated-from; do
    grep -q "\"$last/@$scope/" "$directory/report/$last.json" || [ "$scope" = objective-projected ] ||
        fail "no figure of scope $scope has a name"
done

# ---- A list of figures: each as it is alone; what is wrong is told with its line, and keeps nothing else from it ----

awk -F , 'NR > 1 { print $NF }' "$directory/report/$last.csv" | sort -u >"$directory/list" # as methode.md has it
expect 0 "$build/iagmeter" explain --batch "$directory/list" -c "$conf"
{ printf '\357\273\277# what to explain\n\n'; printf '%s\r\n' "$last/DSN/./energy_kwh" "  $last . chatgpt-web water_l"
  echo "$last/@per-request/./energy_wh"; } >"$directory/list"
expect 0 "$build/iagmeter" explain --batch "$directory/list" -c "$conf" --lang en
cp "$directory/out" "$directory/listed"
: >"$directory/single"
for name in "$last/DSN/./energy_kwh" "$last/./chatgpt-web/water_l" "$last/@per-request/./energy_wh"; do
    expect 0 "$build/iagmeter" explain "$name" -c "$conf" --lang en
    [ ! -s "$directory/single" ] || echo >>"$directory/single"
    cat "$directory/out" >>"$directory/single"
done
cmp "$directory/listed" "$directory/single" || fail "a list is not explained as its figures are alone"
{ echo "$last/DSN/./energy_kwh"; echo "$last/@per-request/./nothing"; echo 1999-13; echo 2024-10 DSN . energy_kwh more; printf 'a\0b\n'
  head -c 600 /dev/zero | tr '\0' a; echo; echo "$last/././requests"; } >"$directory/list"
expect 2 "$build/iagmeter" explain --batch "$directory/list" -c "$conf" --format json
node -e 'const lines = require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n").map(JSON.parse);
    process.exit(lines.map(({ explanation, error }) => explanation ? "y" : error ? "n" : "?").join("") === "ynnnnny" ? 0 : 1)' \
    "$directory/out" || fail "not an answer for each line"
for line in ':2: the report of 2024-10 has no figure' ':3: "1999-13" is not a month' ':4: explain takes a month' ':5: a line that is too long' \
    ':6: a line that is too long' 'iagmeter: 5 of 7 figures could not be explained'; do
    grep -qF "$line" "$directory/err" || fail "not told: $line"
done
[ "$(wc -l <"$directory/err")" -eq 6 ] || fail "more is told than what is wrong"
sed "s|^state_directory = .*|state_directory = \"$directory/no-state\";|" "$conf" >"$directory/without.conf"
expect 2 "$build/iagmeter" explain --batch "$directory/list" -c "$directory/without.conf"
[ "$(grep -c '^iagmeter: .*no-state' "$directory/err")" -eq 1 ] || fail "that there is no ledger is not said once"
expect 2 "$build/iagmeter" explain --batch /dev/null -c "$conf"
sentence 'no figure is named'
expect 2 "$build/iagmeter" explain --batch "$directory/none" -c "$conf"
sentence 'No such file'
expect 1 "$build/iagmeter" explain "$last" --batch "$directory/list" -c "$conf"
sentence 'not both'
expect 1 "$build/iagmeter" explain --batch "$directory/list" --format html -c "$conf"
sentence 'a page is of one figure'
expect 1 "$build/iagmeter" explain -c "$conf"
sentence 'explain takes a month'

# The terms have names, too, in all formats; what the report has not is refused.
expect 0 "$build/iagmeter" explain "$last/@per-request/./energy_wh" -c "$conf"
grep -qF "[$last/././energy_kwh]" "$directory/out" || fail "the terms have no names"
expect 0 "$build/iagmeter" explain "$last/@variant/method-b/energy_kwh" -c "$conf" --format html
xmllint --noout "$directory/out" || fail "not a page"
expect 2 "$build/iagmeter" explain "$last/@per-request/./nothing" -c "$conf"
sentence 'has no figure'
for name in "$last/@per-request/./energy_wh" "$last/@variant/method-a/water_l" "$last/@direction/DSN/gwp_gco2e_per_agent"; do
    grep -qF "id=\"$name\"" "$directory/report/$last.fr.html" || fail "$name is no anchor of the page"
done

# ---- French electricity, hour by hour: 55 and 71.5 g/kWh, and an hour that is not held ----

field() { # FIGURE: its central value in the CSV
    awk -F , -v figure="$1" '$NF == figure { print $(NF - 3) }' "$directory/report/$last.csv"
}
energy=$(query "$state" "SELECT printf('%.17g', energy_kwh_central) FROM impact i JOIN service s ON s.id = i.service
    JOIN direction d ON d.id = i.direction WHERE s.name = 'albert-api' AND d.code = 'DSN' AND interval_start = $night")
awk -v energy="$energy" -v known="$(field "$last/@french-hours/./known_energy_kwh")" \
    -v all="$(field "$last/@french-hours/./energy_kwh")" -v direct="$(field "$last/@french-hours/./direct_kgco2")" '
    function near(a, b) { return (a - b) ^ 2 < 1e-28 * b ^ 2 }
    BEGIN { exit !(energy > 0 && near(all, 3 * energy) && near(known, 2 * energy) && near(direct, energy * 0.055 + energy * 0.0715)) }' ||
    fail "the hours of France are not energy times intensity"
expect 0 "$build/iagmeter" explain "$last/@french-hours/./direct_kgco2" -c "$conf" --lang en
grep -qF "[$last/@french-hours/DSN/albert-api/direct_kgco2]" "$directory/out" || fail "the pair has no name"
grep -q 'the same number' "$directory/out" || fail "the hours of France are not added up again"

# ---- Days: those that are shown, those that are not, and the one of 23 hours, in a month without anything else ----

at() { # TIME: of Paris, in UTC seconds
    TZ=Europe/Paris date -d "$1" +%s
}
copy() { # TIME DEVICES: the activity of $night again
    sqlite3 "$state/ledger.db" "PRAGMA foreign_keys = off; BEGIN;
        CREATE TEMP TABLE again AS SELECT * FROM activity WHERE interval_start = $night;
        CREATE TEMP TABLE impact_again AS SELECT * FROM impact WHERE interval_start = $night AND restatement = 0;
        CREATE TEMP TABLE devices_again AS SELECT * FROM device_day WHERE day = $night / 86400;
        UPDATE again SET interval_start = $1; UPDATE impact_again SET interval_start = $1;
        UPDATE devices_again SET day = $1 / 86400, devices = $2;
        INSERT INTO activity SELECT * FROM again; INSERT INTO impact SELECT * FROM impact_again;
        INSERT OR REPLACE INTO device_day SELECT * FROM devices_again; COMMIT;"
}
spring=2025-03
copy "$(at '2025-03-03 10:00')" 40
copy "$(at '2025-03-04 10:00')" 30
copy "$(at '2025-03-05 10:00')" 30
copy "$(at '2025-03-08 10:00')" 1
copy "$(at '2025-03-30 00:00')" 50
copy "$(at '2025-03-30 23:59')" 50
expect 0 "$build/iagmeter" report month "$spring" -c "$conf" --output "$directory/report"
cp "$directory/out" "$directory/printed"
autumn=$last
last=$spring
figures 0 all
cat "$directory/out"
damaged "$directory/report/$last.fr.html" "s| id=\"$last/@day/30/energy_kwh\" title=\"[^\"]*\"||"
grep -qF '>Énergie<br/>(Wh)<' "$directory/report/$last.fr.html" || fail "the days are not told in Wh"
sed -i 's|>Énergie<br/>(Wh)<|>Énergie<br/>(mWh)<|' "$directory/report/$last.fr.html"
figures 1 all
grep -q "$last/@day/30/energy_kwh is" "$directory/err" || fail "a day in another unit than its column says is not noticed"
last=$autumn

# The rows of the ledger between two midnights, added up by another program.
for day in 2025-03-03 2025-03-30; do
    expect 0 "$build/iagmeter" explain "$day" -c "$conf" --format json
    cp "$directory/out" "$directory/day"
    query "$state" "SELECT printf('%.17g', sum(energy_kwh_central)) FROM impact WHERE restatement = 0 AND
        interval_start BETWEEN $(at "$day 00:00") AND $(at "$day 23:59")" >"$directory/sum"
    node -e 'const [day, sum] = process.argv.slice(1).map((name) => require("fs").readFileSync(name, "utf8"));
        const told = JSON.parse(day).reported.central;
        process.exit(told > 0 && Math.abs(told - Number(sum)) <= 1e-12 * told ? 0 : 1)' "$directory/day" "$directory/sum" ||
        fail "$day is not the sum of its rows"
    cp "$directory/day" "$directory/kept"
    expect 0 "$build/iagmeter" explain "${day%-*}/@day/${day##*-}/energy_kwh" -c "$conf" --format json
    cmp "$directory/out" "$directory/kept" || fail "$day is not the figure of the table"
done
expect 0 "$build/iagmeter" explain 2025-03-30/././energy_kwh -c "$conf"
for name in 2025-03-30/DSN 2025-03-30/./chatgpt-web/energy_kwh 2025-03-30/././water_l 2025-03-30/other; do
    expect 1 "$build/iagmeter" explain "$name" -c "$conf"
    sentence 'of a day, explain tells the energy of all directions and services together: 2025-03-30/././energy_kwh'
done
expect 2 "$build/iagmeter" explain 2025-03-08 -c "$conf"
sentence '2025-03-08: the day is not shown'
expect 2 "$build/iagmeter" explain 2025-03-09 -c "$conf"
sentence '2025-03-09: no use was metered'
expect 1 "$build/iagmeter" explain 2025-03-32 -c "$conf"
sentence '"2025-03-32" is not a month'

# ---- Another method: its own factors, of one pair, too ----

for name in "$last/@variant/method-b/energy_kwh" "$last/@variant/method-b/DSN/chatgpt-web/energy_kwh"; do
    expect 0 "$build/iagmeter" explain "$name" -c "$conf" --lang en
    for word in joules_per_token batch_size pue host_share idle_share; do
        grep -q "^  $word = " "$directory/out" || fail "$name does not tell $word"
    done
    grep -q 'joules_per_token = exp(' "$directory/out" || fail "$name has no formula of method B"
done
expect 0 "$build/iagmeter" explain "$last/@variant/water/DSN/albert-api/water_l" -c "$conf"
grep -q '^  ewif_l_per_kwh = ' "$directory/out" || fail "the other count of water is not told"
expect 2 "$build/iagmeter" explain "$last/@variant/method-b/DRH/chatgpt-web/energy_kwh" -c "$conf"
sentence 'has no figure'

# ---- A restatement: old beside new, and why ----

expect 0 "$build/iagmeter" explain "$last/@restated/1/gwp_use_kgco2e" -c "$conf" --lang en
grep -qF "[$last/@restated-from/1/gwp_use_kgco2e]" "$directory/out" || fail "what was recorded is not beside"
grep -q '^  by_electricity = ' "$directory/out" || fail "the cause of the change is not told"
expect 0 "$build/iagmeter" explain "$last/@restated/1/DSN/chatgpt-web/gwp_use_kgco2e" -c "$conf"
grep -q '^  by_electricity = ' "$directory/out" || fail "the cause of a pair's change is not told"
expect 2 "$build/iagmeter" explain "$last/@restated/1/DRH/chatgpt-web/gwp_use_kgco2e" -c "$conf"
sentence 'has no figure'
expect 2 "$build/iagmeter" explain "$last/@restated/2/gwp_use_kgco2e" -c "$conf"
sentence 'has no figure'
echo "figures: passed"
