# shellcheck shell=sh disable=SC2034
# What the tests of whole programs share; to be sourced. SPDX-License-Identifier: GPL-3.0-or-later

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${IAGMETER_BUILD:-${BUILD:-$root/build}}
demo=$root/tests/fixtures/demo/demo.pcap
# 2026-11 and the like: of the demonstration's first packet (nanosecond pcap, little endian).
month=$(TZ=Europe/Paris date -d "@$(od -A n -t u4 -j 24 -N 4 "$demo" | tr -d ' ')" +%Y-%m)
. "$here/bench/names.sh"

for program in iagmeterd iagmeter iagmeter-meter iagmeter-views; do
    [ -x "$build/$program" ] || skip "$build/$program is not built"
done
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
# The leak checker takes ptrace, which the programs' own sandbox rightly forbids.
if [ -n "${IAGMETER_TEST_SANITIZED:-}" ]; then
    ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=1}:detect_leaks=0
    export ASAN_OPTIONS
fi
unset JOURNAL_STREAM NOTIFY_SOCKET

directory=$(mktemp -d)
chmod 755 "$directory"

fail() {
    echo "FAILED: $*" >&2
    for file in "$directory/out" "$directory/err"; do
        if [ -s "$file" ]; then
            head -n 20 "$file" | sed "s|^|    ${file##*/}: |" >&2
        fi
    done
    exit 1
}

skipped_parts=
skip_part() {
    echo "skipped: $*"
    skipped_parts="$skipped_parts; $*"
}

# configure DIRECTORY [INTERFACE]: as the bench's, with little memory, so that a start is quick.
configure() {
    mkdir -p "$1"
    "$here/bench/configuration.sh" "$@"
    echo 'limits: { max_flows = 4096; max_tracked_flows = 512; max_reassembly = 64; max_devices = 1024; };' \
        >>"$1/iagmeter.conf"
}

# expect STATUS COMMAND...: what it prints is then in $directory/out and $directory/err.
expect() {
    expected=$1
    shift
    status=0
    "$@" >"$directory/out" 2>"$directory/err" || status=$?
    [ "$status" -eq "$expected" ] || fail "exit status $status, not $expected: $*"
}

# sentence FRAGMENT...: one line was printed on standard error, with all of these in it.
sentence() {
    [ "$(wc -l <"$directory/err")" -eq 1 ] || fail "not one line on standard error"
    for fragment in "$@"; do
        grep -qF -e "$fragment" "$directory/err" || fail "\"$fragment\" is not in the message"
    done
}

# All that a state directory's ledger holds, but for the facts (times of starts).
tables() {
    for table in ${2:-direction service factor_set activity impact coverage device_day}; do
        echo "-- $table"
        sqlite3 "$1/ledger.db" ".dump $table" # with all digits
    done
}

# What was measured: the same for two state directories, whose configurations have other digests.
measures() {
    tables "$1" 'direction service activity impact coverage device_day'
}

query() { # STATE SQL
    sqlite3 "$1/ledger.db" "$2"
}

intact() {
    [ "$(query "$1" 'PRAGMA integrity_check')" = ok ] || fail "the ledger in $1 is damaged"
}
