#!/bin/sh
# Commands that parse what others sent do so without any right, whoever runs them, and what they are for goes on working:
# compressed captures, pipes, standard input, files of root's alone, every kind of output, calibrations that are written.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
. "$(dirname "$0")/harness.sh"
feeder=
cleanup() {
    [ -z "$feeder" ] || kill "$feeder" 2>/dev/null || true
    rm -rf "$directory"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tool=$build/iagmeter
configure "$directory/run"
conf=$directory/run/iagmeter.conf
metrics=$root/tests/fixtures/metrics/vllm_FROM_SOURCE.txt
calibrate="$tool calibrate service openai-api --client 198.51.100.10 -c $conf"
is_root=
[ "$(id -u)" -ne 0 ] || is_root=yes

# -- While they parse -------------------------------------------------------------------------------

of() { # PID FIELD of /proc/PID/status
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# The process of COMMAND's that waits for the first byte of standard input gave up everything; as root, it is UID.
mkfifo "$directory/input"
confined() { # UID GROUPS COMMAND...
    uid=$1
    groups=$2
    shift 2
    "$@" <"$directory/input" >"$directory/out" 2>"$directory/err" &
    command=$!
    sleep 600 >"$directory/input" &
    feeder=$!
    waited=0
    until parser=$(cat "/proc/$command/task/$command/children" 2>/dev/null) && parser=${parser% } && parser=${parser:-$command} &&
        [ "$(of "$parser" Seccomp 2>/dev/null)" = 2 ]; do
        waited=$((waited + 1))
        [ "$waited" -lt 200 ] || fail "who reads the input has no sandbox: $*"
        sleep 0.05
    done
    [ "$(of "$parser" NoNewPrivs)" = 1 ] || fail "rights can be gained: $*"
    for field in CapEff CapPrm CapInh CapAmb; do
        [ "$(of "$parser" "$field")" = 0000000000000000 ] || fail "$field: $*"
    done
    [ -z "$is_root" ] || [ "$(of "$parser" Uid | cut -f 1-4 | tr '\t' ' ')" = "$uid $uid $uid $uid" ] || fail "not the user $uid: $*"
    [ -z "$is_root" ] || [ "$(of "$parser" Groups | sed 's/ *$//')" = "$groups" ] || fail "in groups of root's: $*"
    kill "$feeder"
    wait "$feeder" 2>/dev/null || true
    feeder=
    wait "$command" || true
}

confined 65534 "" "$tool" inspect -c "$conf" -
confined 65534 "" "$tool" inspect -c "$conf" --metrics -
echo '1 40' >"$directory/truth.tsv"
# shellcheck disable=SC2086
confined 65534 "" $calibrate --read - --truth "$directory/truth.tsv"
if [ -n "$is_root" ]; then
    { cat "$conf"; echo 'user = "games";'; } >"$directory/run/user.conf"
    games=$(id -u games)
    confined "$games" "$(id -G games)" "$tool" inspect -c "$directory/run/user.conf" -
    confined "$games" "$(id -G games)" "$tool" inspect -c "$directory/run/user.conf" --metrics -
    # A user that is named and not there is never silently another one.
    sed 's/games/no-such-user/' "$directory/run/user.conf" >"$directory/run/nobody.conf"
    expect 2 "$tool" inspect -c "$directory/run/nobody.conf" "$demo"
    sentence 'user "no-such-user" does not exist'
    [ ! -s "$directory/out" ] || fail "something was inspected all the same"
    expect 2 "$tool" inspect -c "$directory/run/nobody.conf" --metrics "$metrics"
    sentence 'user "no-such-user" does not exist'
else
    skip_part "users, as only root can change them"
fi
echo "while they parse, they have no rights"

# -- What goes in -----------------------------------------------------------------------------------

expect 0 "$tool" inspect -c "$conf" "$demo"
cp "$directory/out" "$directory/expected"
[ "$(wc -l <"$directory/expected")" -gt 20 ] || fail "little is seen in the demonstration"
same() { # COMMAND...
    expect 0 "$@"
    cmp -s "$directory/out" "$directory/expected" || fail "not the same: $*"
}
gzip -c "$demo" >"$directory/demo.gz"
same "$tool" inspect -c "$conf" "$directory/demo.gz"
same sh -c "'$tool' inspect -c '$conf' - <'$directory/demo.gz'"
same sh -c "cat '$directory/demo.gz' | '$tool' inspect -c '$conf' -"
cp "$demo" "$directory/secret.pcap"
chmod 600 "$directory/secret.pcap"
ln -s secret.pcap "$directory/link.pcap"
same "$tool" inspect -c "$conf" "$directory/link.pcap"
same sh -c "{ head -c 100000 '$demo'; sleep 0.5; tail -c +100001 '$demo'; } | '$tool' inspect -c '$conf' -"
expect 0 "$tool" inspect -c "$conf" --metrics "$metrics"
cp "$directory/out" "$directory/shown"
expect 0 sh -c "'$tool' inspect -c '$conf' --metrics - <'$metrics'"
cmp "$directory/out" "$directory/shown" || fail "standard input shows something else"
expect 0 "$tool" inspect -c "$conf" "$demo" --all --addresses --exchanges
[ "$(wc -l <"$directory/out")" -gt 20 ] || fail "little is seen in detail"
echo "files, links, pipes, compressed ones"

# -- What comes out ---------------------------------------------------------------------------------

expect 0 sh -c "'$tool' inspect -c '$conf' '$demo' --all | head -n 1"
[ "$(wc -l <"$directory/out")" -eq 1 ] || fail "not the first line"
expect 2 sh -c "'$tool' inspect -c '$conf' '$demo' >&-"
grep -q 'could not be written' "$directory/err" || fail "a closed output is not said"
expect 2 sh -c "'$tool' inspect -c '$conf' '$demo' >/dev/full"
grep -q 'could not be written' "$directory/err" || fail "a full disk is not said"
expect 2 sh -c "'$tool' inspect -c '$conf' --metrics '$metrics' >/dev/full"
echo "output that works, and that does not"

# -- Who runs them ----------------------------------------------------------------------------------

# Everything that is read must be readable by another user.
chmod 644 "$directory/secret.pcap"
as_user="setpriv --reuid=65534 --regid=65534 --clear-groups"
# shellcheck disable=SC2086
if [ -n "$is_root" ] && $as_user test -r "$root/conf/services.conf"; then
    same $as_user "$tool" inspect -c "$conf" "$demo"
    same sh -c "$as_user '$tool' inspect -c '$conf' - <'$directory/demo.gz'"
    same setpriv --bounding-set=-all --inh-caps=-all "$tool" inspect -c "$conf" "$demo"
    if unshare -r true 2>/dev/null; then
        same unshare -r "$tool" inspect -c "$conf" "$demo"
    else
        skip_part "user namespaces"
    fi
else
    skip_part "as another user"
fi
echo "anyone"

# -- What is written at the end ---------------------------------------------------------------------

command -v node >/dev/null || skip_part "calibrations: node is not installed"
if command -v node >/dev/null; then
    node "$root/tests/system/calibrate/session.mjs" "$root/tests/bench-tokens/capture.mjs" "$directory/session.pcap"
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "$i $((40 * i))"; done >"$directory/truth.tsv"
    chmod 600 "$directory/session.pcap"
    # shellcheck disable=SC2086
    expect 0 $calibrate --read "$directory/session.pcap" --truth "$directory/truth.tsv" --output "$directory/file.conf"
    [ "$(stat -c %u "$directory/file.conf")" -eq "$(id -u)" ] || fail "the calibration is another user's"
    # shellcheck disable=SC2086
    expect 0 $calibrate --read "$directory/session.pcap" --truth "$directory/truth.tsv" --output -
    cmp "$directory/out" "$directory/file.conf" || fail "standard output has another calibration"
    expect 0 sh -c "gzip -c '$directory/session.pcap' | $calibrate --read - --truth '$directory/truth.tsv' --output -"
    cmp "$directory/out" "$directory/file.conf" || fail "standard input gives another calibration"
    expect 2 sh -c "$calibrate --read '$directory/session.pcap' --truth '$directory/truth.tsv' --output - >/dev/full"
    head -c 5000 "$directory/session.pcap" >"$directory/cut.pcap"
    # shellcheck disable=SC2086
    expect 2 $calibrate --read "$directory/cut.pcap" --truth "$directory/truth.tsv" --output "$directory/no.conf"
    tail -n 1 "$directory/err" | grep -q 'damaged after packet' || fail "damage is not what is said last"
    [ ! -e "$directory/no.conf" ] || fail "a damaged capture gave a calibration"
    if [ -n "$is_root" ]; then
        # shellcheck disable=SC2086
        expect 2 ${calibrate%"$conf"}"$directory/run/nobody.conf" --read "$directory/session.pcap" --truth "$directory/truth.tsv"
        grep -q 'user "no-such-user" does not exist' "$directory/err" || fail "a user that is not there is not said"
    fi
    echo "calibrations are written by who asked for them"
fi

echo "confined: passed$skipped_parts"
