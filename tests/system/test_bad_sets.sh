#!/bin/sh
# What may be wrong with a set of factors, a mix or an objective: each command that computes or checks
# refuses it in one line with file and line, and prints nothing else.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM

good=$directory/good
conf=$directory/conf
cp -r "$root/conf" "$good"
mkdir "$directory/state"
sed -i "s|^state_directory = .*|state_directory = \"$directory/state\";|; s|/var/lib/iagmeter/reports|$directory/reports|" \
    "$good/iagmeter.conf"
# A mix that is known by its lines.
mkdir -p "$good/services.d"
cat >"$good/services.d/two.conf" <<'END'
services = (
    {
        id = "two-models"; label = "Two models"; operator = "-"; country = "US"; hosting = "outside-eu";
        modality = [ "text" ]; provider = "openai"; estimator = "openai-chat";
        mix = (
            { from = "2025-01"; until = "2026-01"; source = "a test";
              models = ( { model = "openai/gpt-4o"; share = 0.7; }, { model = "openai/gpt-4o-mini"; share = 0.3; } ); },
            { from = "2026-01"; source = "a test"; models = ( { model = "openai/gpt-4o"; share = 1.0; } ); }
        );
        hosts = { inference = [ "two.models.example" ]; };
    }
);
END
expect 0 "$build/iagmeterd" -t -c "$good/iagmeter.conf"
expect 0 "$build/iagmeterd" -c "$good/iagmeter.conf" -r "$demo"

# bad FILE PATTERN REPLACEMENT SAYS [LINES_FURTHER]: in the first line of FILE that has PATTERN (basic regular
# expressions, as of sed) it is replaced; the complaint is of that line, or of one that comes so many later.
bad() {
    rm -rf "$conf"
    cp -r "$good" "$conf"
    line=$(sed -n "/^ *#/ d; \\|$2| { =; q }" "$conf/$1")
    [ -n "$line" ] || fail "no \"$2\" in $1"
    sed -i "${line}s|$2|$3|" "$conf/$1"
    ! cmp -s "$conf/$1" "$good/$1" || fail "$1 was not changed by $3"
    for command in "iagmeterd -t" "iagmeter factors check" \
        "iagmeter impact --provider openai --model gpt-4o --tokens-out 250" "iagmeter report month $month" \
        "iagmeter explain $month ." "iagmeter restate $month --vintage 2026" \
        "iagmeter what-if $month --reduce all:10%"; do
        # shellcheck disable=SC2086 # into words
        expect 1 "$build/"$command -c "$conf/iagmeter.conf"
        sentence "$conf/$1:$((line + ${5:-0})): " "$4"
        [ ! -s "$directory/out" ] || fail "$command prints something of a bad set"
    done
}

factors=factors/2026
bad $factors/zones.conf '= 0.35895;' '= nan;' 'syntax error'
bad $factors/zones.conf '= 0.35895;' '= "NaN";' 'must be a number'
bad $factors/zones.conf '= 0.35895;' '= 1e999;' 'must be finite'
bad $factors/zones.conf '= 0.35895;' '= -0.35895;' 'gwp_kgco2e_per_kwh is -0.35895, outside 0 to'
bad $factors/zones.conf 'id = "AUS"' 'id = "ARG"' 'zone "ARG": duplicate'
bad $factors/zones.conf 'unit = "kgCO2e/kWh";' '' 'missing key "unit"' -1
bad $factors/zones.conf 'unit = "kgCO2e/kWh"' 'unit = ""' 'unit is empty'
bad $factors/zones.conf 'unit = "kgCO2e/kWh"' 'unit = "gCO2e/kWh"' 'unit "gCO2e/kWh" does not name kgCO2e/kWh'
bad $factors/zones.conf 'unit = "L/kWh"' 'unit = "L/MWh"' 'unit "L/MWh" does not name L/kWh'
bad $factors/zones.conf '= 0.35895;' '= 358.95;' 'gwp_kgco2e_per_kwh is 358.95, outside 0 to 20'
bad $factors/media.conf 'unit = "Wh per image' 'unit = "kWh per image' 'does not name Wh'
bad $factors/zones.conf 'year = "2024"' 'year = "2199"' 'year 2199 is in the future'
bad $factors/vintage.conf '^date = "[^"]*"' 'date = "2199-01-01"' 'date 2199-01-01 is in the future'
bad $factors/vintage.conf '^date = "[^"]*"' 'date = "2026-02-30"' 'date must be'
bad $factors/providers.conf 'zone = "USA"' 'zone = "ATL"' 'unknown zone "ATL"'
bad $factors/providers.conf 'pue = 1.20' 'pue = 0.20' 'pue is 0.2, outside 1 to'
bad $factors/providers.conf '\[1.09, 1.14\]' '[1.14, 1.09]' 'must be in ascending order'
bad $factors/models.conf '^models = (' \
    'models = ( { provider = "x"; name = "a"; fallback = "x/b"; }, { provider = "x"; name = "b"; fallback = "x/a"; },' \
    'model "x/a": circular fallback through "x/b"'
bad $factors/models.conf '^models = (' 'models = ( { provider = "x"; name = "a"; fallback = "x/b"; },' \
    'unknown fallback "x/b"'
bad services.d/two.conf 'share = 0.3' 'share = 0.2' 'the shares of a mix must add up to 1, not 0.9'
bad services.d/two.conf 'share = 0.3' 'share = -0.3' 'share is -0.3, outside'
bad services.d/two.conf 'share = 0.3' 'share = nan' 'syntax error'
bad services.d/two.conf 'until = "2026-01"' 'until = "2026-02"' 'this period overlaps the one of line 6' 2
bad services.d/two.conf 'until = "2026-01"' 'until = "2025-01"' 'is not after from'
bad services.d/two.conf 'provider = "openai"' 'provider = "nobody"' 'the provider "nobody" is not in providers.conf'
bad services.d/two.conf 'model = "openai.gpt-4o-mini"' 'model = "nobody/gpt"' 'the model is not in models.conf' -1
bad objectives.conf '^objectives = (' 'objectives = ( { year = 2026; energy_kwh = -1.0; source = "s"; }' 'a budget is above 0'
bad objectives.conf '^objectives = (' 'objectives = ( { year = 2026; direction = "ATL"; energy_kwh = 1.0; source = "s"; }' \
    'direction "ATL" is not in the list'
# The calculator reads a set that is named, and nothing else.
expect 0 "$build/iagmeter" impact --factors "$conf/$factors" --provider openai --model gpt-4o --tokens-out 250
expect 0 "$build/iagmeter" factors check "$conf/$factors"
echo "bad sets: passed"
