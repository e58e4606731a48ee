#!/bin/bash
# The comparison of NVIDIA's GPUs by three ways (tests/bench/nvml-compare.sh), over a library and an
# nvidia-smi that stand in for the real ones: 120 W idle and 300 W under load, of which nvidia-smi shows
# 118 and 306, and a second GPU that has no counter of energy.
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${IAGMETER_BUILD:-$PWD/build}
[ -x "$build/tests/bench/nvml_sample" ] && [ -e "$build/tests/power/lib_nvml.so" ] ||
    { echo "call \`make benches\` first"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail()
{
    echo "FAILED: $*" >&2
    cat "$scratch/table" >&2
    exit 1
}

# Time begins anew with each start of the library, so the load is another script.
script()
{
    awk -v watts="$1" 'BEGIN {
        for (t = 0; t < 600; t++)
            printf "%.2f\t0\t%d\t%d\n", t / 10, 5000000 + watts * 100 * t, watts * 1000
        print "0\t1\tERR_NOT_SUPPORTED\t25000"
    }'
}
script 120 >"$scratch/nvml"
cat >"$scratch/nvidia-smi" <<'END'
#!/bin/sh
watts=118; [ -e "${0%/*}/loaded" ] && watts=306
while echo "0, $watts.00" && echo "1, 25.50"; do
    case $* in *-lms*) sleep 0.05;; *) exit 0;; esac
done
END
script 300 >"$scratch/nvml-load"
cat >"$scratch/load" <<'END'
#!/bin/sh
mv "${0%/*}/nvml-load" "${0%/*}/nvml"
touch "${0%/*}/loaded"
exec sleep 60
END
chmod +x "$scratch/nvidia-smi" "$scratch/load"

NVML_SCRIPT=$scratch/nvml NVML=$build/tests/power/lib_nvml.so NVIDIA_SMI=$scratch/nvidia-smi \
    LOAD=$scratch/load WARM_UP_S=1 INTERVAL_MS=20 tests/bench/nvml-compare.sh 3 >"$scratch/table"

# near STATE GPU COLUMN VALUE: the counter steps once in 100 ms, so 3 s of it are known to 4 %.
near()
{
    awk -F'|' -v state=" $1 " -v gpu=" $2 " -v column="$3" -v value="$4" '
        $2 == state && $3 == gpu { found = $column + 0 > 0.95 * value && $column + 0 < 1.05 * value }
        END { exit !found }' "$scratch/table" || fail "$1, GPU $2: column $3 is not $4"
}
near idle 0 4 120
near idle 0 5 120
near idle 0 6 118
near load 0 4 300
near load 0 5 300
near load 0 6 306
near idle 1 5 25
near idle 1 6 25.5
grep -q '^| idle | 1 | none |' "$scratch/table" || fail "a GPU without a counter has one"
# Beside the counter's watts as they are, which one step of it may bring above 118.
awk -F'|' '$2 == " idle " && $3 == " 0 " {
        split($6, shown, "[( ]+")
        wrong = shown[3] - 100 * (118 / $4 - 1)
        found = shown[2] == "118.00" && $6 ~ / %\) $/ && wrong > -0.01 && wrong < 0.01
    }
    END { exit !found }' "$scratch/table" || fail "the difference is not shown"
echo "nvml-compare: passed"
