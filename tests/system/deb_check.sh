#!/bin/bash
# deb_check.sh PACKAGE [ROOT]: what the Debian package does to a machine. lintian; its files beside those of `make
# install`; and in a fresh Debian 12 (or that in the directory ROOT), as root: install, the package's own test, upgrade
# with a file that was edited, remove, purge. `make deb-check` calls it; no other test does.
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0"; exit 1; }
package=$(realpath "$1")
root=${2:-}
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
chmod 755 "$scratch"
mounted=
end() {
    [ -z "$mounted" ] || umount "$root/proc"
    rm -rf --one-file-system "$scratch"
}
trap end EXIT
fail() {
    echo "FAILED: $*" >&2
    exit 1
}

lintian --allow-root --pedantic --display-info --fail-on error,warning,info,pedantic "$package"
echo "lintian: nothing found"

# The same files with the same modes as `make install` puts there, but for what is Debian's.
(umask 077 && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --silent "-j$(nproc)" DEPS=skip install \
    DESTDIR="$scratch/installed" >/dev/null)
rm "$scratch/installed/usr/share/doc/iagmeter/LICENSE"
dpkg-deb -x "$package" "$scratch/unpacked"
cp -a "$scratch/unpacked/lib" "$scratch/unpacked/usr" && rm -r "$scratch/unpacked/lib"
gunzip "$scratch"/unpacked/usr/share/man/*/*.gz
rm -r "$scratch"/unpacked/usr/share/lintian \
    "$scratch"/unpacked/usr/share/doc/iagmeter/{README.Debian,changelog.gz,copyright}
for made in installed unpacked; do
    (cd "$scratch/$made" && find . -printf '%m %y %p\n' | LC_ALL=C sort -k 3) >"$scratch/$made.list"
done
diff "$scratch/installed.list" "$scratch/unpacked.list" || fail "the package is not what make install makes"
diff -r "$scratch/installed/etc" "$scratch/unpacked/etc" || fail "another configuration"
echo "files: those of make install"

[ "$(id -u)" -eq 0 ] || { echo "not root: nothing was installed"; exit 0; }
if [ -z "$root" ]; then
    root=$scratch/root
    debootstrap --variant=minbase --include=systemd,man-db bookworm "$root" >"$scratch/log" || { tail "$scratch/log"; exit 1; }
fi
mount -t proc proc "$root/proc"
mounted=yes
inside() {
    chroot "$root" env -i DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
install() { # FILE: as apt does when nobody is asked
    cp "$1" "$root/tmp/iagmeter.deb"
    inside apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        install --reinstall /tmp/iagmeter.deb >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
}
has() { # MODE OWNER FILE
    [ "$(inside stat -c '%a %U:%G' "$3")" = "$1 $2" ] || fail "$3: $(inside stat -c '%a %U:%G' "$3")"
}

inside apt-get -q update >/dev/null
install "$package"
[ -z "$(find "$root/etc/systemd" -name '*iagmeter*')" ] || fail "installing enables something"
has 750 iagmeter:iagmeter /var/lib/iagmeter
has 644 root:root /etc/iagmeter/services.conf
inside systemd-analyze verify iagmeterd.service iagmeter-report@fr.{service,timer} iagmeter-report-year@fr.{service,timer} \
    iagmeter-metrics@{capture,use}.{service,timer}
echo "install: nothing is enabled, the units are right"

mkdir -p "$root/tmp/source/tests" "$root/tmp/work"
cp -r debian "$root/tmp/source"
cp -r --parents tests/fixtures/demo "$root/tmp/source"
inside env -C /tmp/source AUTOPKGTEST_TMP=/tmp/work debian/tests/meter-capture >"$scratch/log" 2>&1 ||
    { cat "$scratch/log"; fail "the package's own test"; }
echo "the package's own test: passed"
inside runuser -u iagmeter -- iagmeterd -r /tmp/source/tests/fixtures/demo/demo.pcap
inside systemctl --quiet enable iagmeterd iagmeter-report@fr.timer 2>/dev/null

# A version that is higher, in which two files changed, one of which was edited.
dpkg-deb -R "$package" "$scratch/higher"
sed -i 's/^Version: .*/&+higher/' "$scratch/higher/DEBIAN/control"
echo '# higher' | tee -a "$scratch/higher/etc/iagmeter/services.conf" >>"$scratch/higher/etc/iagmeter/directions.conf"
dpkg-deb --root-owner-group -b "$scratch/higher" "$scratch/higher.deb" >/dev/null
echo '# edited' >>"$root/etc/iagmeter/directions.conf"
# As if systemd ran, and the daemon. (apt gives dpkg a path of its own.)
mkdir -p "$root/run/systemd/system"
echo 'DPkg::Path "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";' >"$root/etc/apt/apt.conf.d/90deb-check"
printf '#!/bin/sh\necho "$*" >>/tmp/asked\n' >"$root/usr/local/sbin/deb-systemd-invoke"
chmod 755 "$root/usr/local/sbin/deb-systemd-invoke"
install "$scratch/higher.deb"
grep -qx '# edited' "$root/etc/iagmeter/directions.conf" || fail "an edited file was replaced"
grep -qx '# higher' "$root/etc/iagmeter/directions.conf.dpkg-dist" || fail "the new one is not beside it"
grep -qx '# higher' "$root/etc/iagmeter/services.conf" || fail "a file that nobody edited was not replaced"
grep -qx 'try-restart iagmeterd.service' "$root/tmp/asked" || fail "the daemon was not restarted"
[ -L "$root/etc/systemd/system/multi-user.target.wants/iagmeterd.service" ] || fail "no longer enabled"
has 640 iagmeter:iagmeter /var/lib/iagmeter/ledger.db
rm "$root/tmp/asked"
mkdir "$root/etc/iagmeter/services.d"
echo 'wrong' >"$root/etc/iagmeter/services.d/own.conf"
install "$scratch/higher.deb"
! grep 'restart' "$root/tmp/asked" || fail "restarted with a configuration that the new program refuses"
grep -q 'services.d/own.conf:' "$scratch/log" && grep -q '^iagmeterd was not restarted' "$scratch/log" ||
    fail "what is wrong is not told"
rm -r "$root/etc/iagmeter/services.d"
echo "upgrade: what was edited is kept, the rest is new, the daemon goes on"

inside apt-get -q -y remove iagmeter >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
grep -q '^stop iagmeterd.service' "$root/tmp/asked" || fail "the daemon was not stopped"
[ ! -e "$root/usr/sbin/iagmeterd" ] || fail "removed, and still there"
[ -s "$root/var/lib/iagmeter/ledger.db" ] && [ -s "$root/etc/iagmeter/directions.conf" ] ||
    fail "removing took the ledger or the configuration along"
inside apt-get -q -y purge iagmeter >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
left=$(find "$root" -xdev -name '*iagmeter*' ! -path "$root/tmp/*" ! -path "$root/var/cache/*" ! -path "$root/var/log/*")
[ -z "$left" ] || fail "left behind: $left"
echo "removed: the ledger stays; purged: nothing does but the user"
