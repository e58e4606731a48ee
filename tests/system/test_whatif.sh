#!/bin/sh
# `iagmeter what-if`: a month of the demonstration beside scenarios, and what is refused.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu

. "$(dirname "$0")/harness.sh"
trap 'rm -rf "$directory"' EXIT
trap 'exit 130' INT TERM

model=huggingface_hub/mistralai/Mistral-Large-Instruct-2407
configure "$directory"
conf=$directory/iagmeter.conf
expect 0 "$build/iagmeterd" -c "$conf" -r "$demo"
tables "$directory/state" >"$directory/recorded"

ask() { # STATUS ARGUMENT...
    status=$1
    shift
    expect "$status" "$build/iagmeter" what-if -c "$conf" "$@"
}

says() {
    for words in "$@"; do
        grep -qF -e "$words" "$directory/out" || fail "\"$words\" is not said"
    done
}

refused() { # STATUS FRAGMENT ARGUMENT...
    status=$1
    fragment=$2
    shift 2
    ask "$status" "$month" "$@"
    sentence "$fragment"
    [ ! -s "$directory/out" ] || fail "something was printed beside a refusal"
}

# ---- The month beside a scenario ----

ask 0 "$month" --move chatgpt-web=local:50% --model $model
says 'Et si' 'kWh' 'kgCO₂e' 'des requêtes (3,5)' "modèle $model, hébergeur local" 'effet rebond'
ask 0 "$month" --move chatgpt-web=local:50% --model $model --lang en
says 'What if?' 'Energy (kWh)' 'Water (L)' 'Greenhouse gases (kgCO₂e)' 'a server of our own' 'rebound' \
    'electricity FRA, method B'
ask 0 "$month" DSN --move chatgpt-web=local:50% --model $model --format json
says '"direction": "DSN"' '"verdict":' '"grade": "E"'
ask 0 "$month" --reduce 'all:20%' --shorter 'chatgpt-web:30%' --zone anthropic-api=FRA --method openai-api=B \
    --provider mistral-api=france-hosting --lang en
says '--reduce all:20%'
ask 0 "$month" --move chatgpt-web=local:50% --model $model --format tsv
awk -F '\t' 'NF != 19 { exit 1 } $4 == "total" && $7 == "energy_kwh" && $16 + 0 != 0 { found = 1 }
    END { exit !found }' "$directory/out" || fail "not a table of 19 columns with a difference"
echo "what-if: scenarios"

# DRH has two devices: folded, whatever is asked.
ask 0 "$month" --reduce 'all:20%' --format json
if grep -E 'DRH|198\.51\.100\.|203\.0\.113\.|2001:db8:' "$directory/out"; then
    fail "what is folded is told, or an address"
fi
refused 2 'no figure of its own for DRH' DRH --reduce 'all:20%'
echo "what-if: small cells"

# ---- What is refused: one line each ----

refused 1 'needs a change'
refused 1 'no service "nobody"' --move nobody=local:50%
refused 1 'no service "nobody"' --move chatgpt-web=nobody:50%
refused 1 'share' --move chatgpt-web=local:150% --model $model
refused 1 'share' --move chatgpt-web=local:nan% --model $model
refused 1 'more than 100%' --move chatgpt-web=local:60% --move chatgpt-web=claude-web:60% --model $model
refused 1 'which model' --move chatgpt-web=local:50%
refused 1 'models.conf' --move chatgpt-web=local:50% --model openai/none
refused 1 'zones.conf' --zone chatgpt-web=ATL
refused 1 'no direction "NOBODY"' NOBODY --reduce 'all:20%'
refused 2 'no figure of its own for gemini-web' --move gemini-web=local:50% --model $model
refused 1 'xml' --reduce 'all:20%' --format xml
ask 2 1999-01 --reduce 'all:20%'
sentence 'no data for 1999-01'
ask 1 yesterday --reduce 'all:20%'
sentence 'is not a month'
ask 1
ask 1 "$month" --rebound 3
expect 2 sh -c "'$build/iagmeter' what-if -c '$conf' '$month' --reduce all:20% >/dev/full"
# Nor does any other command take for done what a full disk took.
for command in status "report month $month" metrics 'factors check' 'factors table' 'import eco2mix' --help 'status --help'; do
    config="-c '$conf'"
    [ "$command" != --help ] || config=
    expect 2 sh -c "'$build/iagmeter' $command $config >/dev/full"
    sentence 'standard output: '
done
# Without an entry for our own host, there is no default.
sed 's/{ id = "local";/{ id = "elsewhere";/' "$root/conf/factors/2026/providers.conf" >"$directory/providers"
cp -r "$root/conf/factors/2026" "$directory/factors"
mv "$directory/providers" "$directory/factors/providers.conf"
sed -i "s|^factors = .*|factors = \"$directory/factors\";|" "$conf"
refused 1 'local: the provider is not in providers.conf' --move chatgpt-web=local:50% --model $model
echo "what-if: refusals"

# It only reads.
tables "$directory/state" | cmp -s - "$directory/recorded" || fail "the ledger was changed"
echo "what-if: passed"
