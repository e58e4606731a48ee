#!/bin/bash
# Installs into a scratch directory: the right files with the right modes, a configuration that was
# edited is left alone, and what is uninstalled is gone. Then the units, and what the programs load.
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs alone: `make install` builds again where flags come from the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${IAGMETER_BUILD:-$PWD/build}
if [ -n "${IAGMETER_TEST_SANITIZED:-}" ]; then
    echo "installing does not depend on the sanitizers"
    exit 77
fi
# The flags of the make that called us (its jobs, its BUILD) are not for the one called here.
unset MAKEFLAGS MFLAGS MAKELEVEL
# As the caller did, so that the programs that were built are the programs that are installed.
[ "$build" = "$PWD/build" ] || { echo "only for the ordinary build"; exit 77; }
unset BUILD

fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

# A umask of its own must not show in the modes.
(umask 077 && make --silent install DESTDIR="$root")

has()
{
    local mode
    mode=$(stat -c %a "$root$2" 2>/dev/null) || fail "$2 was not installed"
    [ "$mode" = "$1" ] || fail "$2 has mode $mode, not $1"
}
has 755 /usr/sbin/iagmeterd
has 755 /usr/bin/iagmeter
has 755 /usr/libexec/iagmeter/iagmeter-meter
has 755 /usr/libexec/iagmeter/iagmeter-counters
has 755 /usr/libexec/iagmeter/iagmeter-views
has 644 /usr/share/doc/iagmeter/host.conf
has 644 /usr/share/doc/iagmeter/90-iagmeter-host.rules
has 644 /usr/lib/systemd/system/iagmeterd.service
has 644 /usr/lib/systemd/system/iagmeter-report@.service
has 644 /usr/lib/systemd/system/iagmeter-report@.timer
has 644 /usr/lib/systemd/system/iagmeter-report-year@.service
has 644 /usr/lib/systemd/system/iagmeter-report-year@.timer
has 644 /usr/share/doc/iagmeter/schema-year.json
has 644 /usr/share/doc/iagmeter/schema-month.json
has 644 /usr/lib/systemd/system/iagmeter-metrics@.service
has 644 /usr/lib/systemd/system/iagmeter-metrics@capture.timer
has 644 /usr/lib/systemd/system/iagmeter-metrics@use.timer
has 644 /usr/lib/sysusers.d/iagmeter.conf
has 644 /usr/lib/tmpfiles.d/iagmeter.conf
has 644 /usr/share/doc/iagmeter/LICENSE
while read -r page; do
    has 644 "/usr/share/man/man${page##*.}/${page##*/}"
done < <(find man -type f)
while read -r file; do
    has 644 "/etc/iagmeter/${file#conf/}"
done < <(find conf -type f)
[ -z "$(find "$root" -type d ! -perm 755)" ] || fail "a directory is not of mode 755"

# Once more over an edited file: kept, the new one beside it, and said.
edited=$(cd conf && find . -type f | sort | head -n 1)
edited=$root/etc/iagmeter/${edited#./}
echo '# edited' >>"$edited"
cp -p "$edited" "$scratch/edited"
make --silent install DESTDIR="$root" >"$scratch/log"
cmp "$edited" "$scratch/edited" || fail "an edited configuration file was overwritten"
grep -qF "$edited.new" "$scratch/log" || fail "nothing was said of the new configuration file"
[ "$(find "$root" -name '*.new')" = "$edited.new" ] || fail "expected one file.new"

make --silent uninstall DESTDIR="$root"
[ "$(find "$root" ! -type d)" = "$edited" ] || fail "left behind: $(find "$root" ! -type d)"

# Other directories are found in all that is installed there: the programs are built for them (elsewhere: these stay).
elsewhere=$scratch/elsewhere
moved() {
    make --silent "$@" BUILD="$scratch/build" DESTDIR="$elsewhere" prefix=/opt/iag sysconfdir=/opt/settings \
        localstatedir=/srv/state
}
mkdir "$scratch/build" # of the objects only those are made anew that a directory is built into
tar -C "$build" -c flags daemon collectors reports | tar -C "$scratch/build" -xp
moved install >"$scratch/log"
grep -q '^systemd does not look into /opt/iag/lib/systemd/system' "$scratch/log" ||
    fail "nothing is said of units where systemd does not look"
[ -z "$(find "$elsewhere" -mindepth 1 -maxdepth 1 ! -name opt)" ] || fail "something is not where it was to be"
# Papers may tell of what is always there; /var/lib/prometheus is another's.
if grep -rnE '/etc/iagmeter|/var/lib/iagmeter|/usr/s?bin/iagmeter|/usr/share/doc/iagmeter|StateDirectory|ConfigurationDir' \
    "$elsewhere/opt/settings" "$elsewhere/opt/iag/lib" "$elsewhere/opt/iag/share"; then
    fail "what is installed elsewhere names Debian's directories"
fi
stated() { # FILE LINE
    grep -qxF -- "$2" "$elsewhere$1" || fail "$1 has no line $2"
}
units=/opt/iag/lib/systemd/system
stated $units/iagmeterd.service 'ExecStart=/opt/iag/sbin/iagmeterd'
stated $units/iagmeterd.service 'ReadWritePaths=/srv/state/lib/iagmeter'
stated $units/iagmeterd.service 'RequiresMountsFor=/srv/state/lib/iagmeter'
stated $units/iagmeter-report@.service 'ReadWritePaths=/srv/state/lib/iagmeter/reports /srv/state/lib/iagmeter/derived'
stated $units/iagmeter-report-year@.service 'ReadWritePaths=/srv/state/lib/iagmeter/reports /srv/state/lib/iagmeter/derived'
stated $units/iagmeter-metrics@.service 'ReadWritePaths=/srv/state/lib/iagmeter/derived'
stated /opt/iag/lib/tmpfiles.d/iagmeter.conf 'd /srv/state/lib/iagmeter/derived 0750 iagmeter iagmeter -'
stated /opt/settings/iagmeter/iagmeter.conf 'state_directory = "/srv/state/lib/iagmeter";'
stated /opt/iag/share/man/man5/iagmeter.conf.5 '.Pa /srv/state/lib/iagmeter .'
# The programs look there by themselves.
("$elsewhere/opt/iag/sbin/iagmeterd" -t 2>&1 || true) | grep -qF /opt/settings/iagmeter/iagmeter.conf ||
    fail "iagmeterd does not look for its configuration in sysconfdir"
# What another program does and is not there: one sentence names it.
lacks() { # COMMAND...
    local status=0
    "$elsewhere/opt/iag/bin/iagmeter" "$@" >"$scratch/log" 2>&1 || status=$?
    [ "$status" -eq 2 ] || fail "$1 without iagmeter-views: exit status $status"
    grep -qxE "iagmeter: cannot run /opt/iag/libexec/iagmeter/iagmeter-views, .* \"$1\": No such file .*" "$scratch/log" ||
        fail "$1 without iagmeter-views: $(cat "$scratch/log")"
}
lacks report month current
lacks rebuild
# In a root of its own what was installed agrees with itself: iagmeter hands over, and no ledger is there.
if [ "$(id -u)" -eq 0 ] && command -v unshare >/dev/null && unshare -m true 2>/dev/null; then
    mkdir -p /opt
    unshare -m sh -ec "mount --bind '$elsewhere/opt' /opt; /opt/iag/sbin/iagmeterd -t
        /opt/iag/bin/iagmeter report month current || echo status \$?" \
        >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; fail "iagmeterd -t, installed elsewhere"; }
    grep -qF 'iagmeter: /srv/state/lib/iagmeter/ledger.db is not there yet' "$scratch/log" &&
        grep -qx 'status 2' "$scratch/log" || fail "iagmeter report, installed elsewhere: $(cat "$scratch/log")"
fi
moved uninstall
[ -z "$(find "$elsewhere" ! -type d)" ] || fail "left behind: $(find "$elsewhere" ! -type d)"

# What parses hostile bytes has no more libraries than it needs. (--as-needed sees to it.)
needless() { # PROGRAM NAMES: none of these libraries is loaded with it
    ldd "$build/$1" >"$scratch/libraries"
    if grep -E "lib($2)" "$scratch/libraries"; then
        fail "$1 loads what it does not need"
    fi
}
drawing='rrd|pango|cairo|glib|freetype|xml2'
needless iagmeterd "$drawing|sqlite3|xlsxwriter|curl|netsnmp|freeipmi"
needless iagmeter "$drawing|curl|netsnmp|freeipmi"
needless iagmeter-counters "$drawing|sqlite3|xlsxwriter|pcap"
# Only what captures expands bodies. (What librrd loads for itself is its own.)
for program in iagmeter-meter iagmeter-views; do
    if readelf -d "$build/$program" | grep -E 'NEEDED.*lib(brotli|zstd)'; then
        fail "$program is linked with what it does not need"
    fi
done

if ! command -v systemd-analyze >/dev/null; then
    echo "install: passed; no systemd-analyze here, so the units were not verified"
    exit 0
fi
# Verified with programs that are there: ours may not be installed.
units=$scratch/units
mkdir "$units"
for unit in systemd/*.service systemd/*.timer; do
    sed -e 's|/usr/sbin/iagmeterd|/bin/true|' -e 's|/usr/bin/iagmeter|/bin/true|' \
        -e '/^Documentation=/d' "$unit" >"$units/${unit##*/}"
done
for unit in iagmeterd.service iagmeter-report@fr.service iagmeter-report@fr.timer \
    iagmeter-report-year@fr.service iagmeter-report-year@fr.timer \
    iagmeter-metrics@{capture,use}.{service,timer}; do
    # An instance is verified from a copy that bears its name.
    [ -e "$units/$unit" ] || cp "$units/${unit/@*./@.}" "$units/$unit"
    SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify "$units/$unit" >"$scratch/verify" 2>&1 || {
        cat "$scratch/verify" >&2
        fail "$unit does not verify"
    }
    if grep -F "$units" "$scratch/verify"; then
        fail "$unit verifies with warnings"
    fi
done

# The monthly report is of the month that has just ended, wherever the system's clock and the authority are.
when=$(sed -n 's/^OnCalendar=//p' systemd/iagmeter-report@.timer)
for zones in 'UTC America/Martinique' 'Pacific/Kiritimati Etc/GMT+12' 'Etc/GMT+12 Pacific/Kiritimati'; do
    due=$(TZ=${zones% *} systemd-analyze calendar --base-time='2026-11-15 12:00:00' "$when" | grep -o '2026-12.*')
    [ "$(TZ=${zones#* } date -d "$(tail -n 1 <<<"$due")" +%Y-%m)" = 2026-12 ] ||
        fail "the report's timer, for system and authority in $zones: $due"
done
# That of the year comes when December is over everywhere, too.
due=$(systemd-analyze calendar --base-time='2026-11-15 12:00:00' \
    "$(sed -n 's/^OnCalendar=//p' systemd/iagmeter-report-year@.timer)" | grep -o '2027-01-03' | head -n 1)
[ "$due" = 2027-01-03 ] || fail "the yearly report's timer: $due"

# What a new start does not mend is what the manual page says, and what the programs end with.
[ "$(sed -n 's/^RestartPreventExitStatus=//p' systemd/iagmeterd.service)" = \
    "$(sed -n 's/^ *EXIT_\(CONFIGURATION\|LASTING\) = \([0-9]*\).*/\2/p' daemon/capture.h | tr '\n' ' ' | sed 's/ $//')" ] ||
    fail "the unit starts again what stays wrong"

# The unit lets all processes run that the configuration may ask for.
captures=$(sed -n 's/^#define MAX_CAPTURES *\([0-9]*\).*/\1/p' daemon/config.h)
for limit in LimitNPROC TasksMax; do
    [ "$(sed -n "s/^$limit=//p" systemd/iagmeterd.service)" -ge $((captures + 32)) ] || fail "$limit is too low"
done

# Lower is better; Debian's chronyd-restricted is at 2.1, its vnstat at 3.8.
exposure()
{
    systemd-analyze security --offline=true --no-pager --threshold="$2" "$units/$1" \
        >"$scratch/security" || { tail -n 1 "$scratch/security" >&2; fail "$1 is too exposed"; }
    tail -n 1 "$scratch/security"
}
exposure iagmeterd.service 20
exposure iagmeter-report@.service 10
exposure iagmeter-report-year@.service 10
# With what a host of our own needs.
mkdir "$units/iagmeterd.service.d"
cp systemd/host.conf "$units/iagmeterd.service.d/host.conf"
SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify "$units/iagmeterd.service" >"$scratch/verify" 2>&1 &&
    ! grep -F "$units" "$scratch/verify" || { cat "$scratch/verify" >&2; fail "host.conf does not verify"; }
SYSTEMD_UNIT_PATH="$units:" exposure iagmeterd.service 30
exposure iagmeter-metrics@.service 10
echo "install: passed"
