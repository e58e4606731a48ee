#!/bin/bash
# The dependencies' rules: apt is not called when nothing is missing, nor ever with DEPS=skip, which
# says what is missing; reading the Makefile without a compiler says nothing; and debian/ says what the
# Makefile and the program do.
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v dpkg-query >/dev/null || { echo "no dpkg here"; exit 77; }
unset MAKEFLAGS MFLAGS MAKELEVEL DEPS

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail()
{
    echo "FAILED: $*" >&2
    exit 1
}

# An apt-get that tells of itself instead of installing.
printf '#!/bin/sh\necho "$*" >>%s/apt\n' "$scratch" >"$scratch/apt-get"
chmod +x "$scratch/apt-get"
PATH=$scratch:$PATH

.ci/require dpkg coreutils
[ ! -e "$scratch/apt" ] || fail "apt was called for packages that are there"

status=0
DEPS=skip .ci/require dpkg no-such-package-a no-such-package-b 2>"$scratch/said" || status=$?
[ "$status" = 1 ] || fail "DEPS=skip: exit status $status, not 1"
[ ! -e "$scratch/apt" ] || fail "DEPS=skip called apt"
grep -q 'apt-get install .* no-such-package-a no-such-package-b$' "$scratch/said" ||
    fail "DEPS=skip did not say what to install"
grep -q 'dpkg' "$scratch/said" && fail "DEPS=skip lists a package that is there"

if [ "$(id -u)" = 0 ]; then
    .ci/require dpkg no-such-package-a >/dev/null
    [ "$(head -n 1 "$scratch/apt")" = "-q update" ] || fail "the package lists were not updated"
    grep -q 'install -y --no-install-recommends no-such-package-a$' "$scratch/apt" ||
        fail "something else than the missing package was to be installed: $(cat "$scratch/apt")"
fi

# A path with make and the shell's own tools, but neither compiler nor pkg-config.
mkdir "$scratch/bin"
for tool in make sh echo sed expand find nproc; do
    ln -s "$(type -P "$tool")" "$scratch/bin/$tool"
done
PATH=$scratch/bin make help >"$scratch/help" 2>"$scratch/said" || fail "make help: $(cat "$scratch/said")"
[ ! -s "$scratch/said" ] || fail "reading the Makefile said: $(cat "$scratch/said")"
grep -q '^demo ' "$scratch/help" || fail "make help does not list demo"

# debian/ has the Makefile's lists (build-essential is never named there), and the program's version.
listed() # VARIABLE...: what the Makefile lists there
{
    make --silent --eval 'show: ; @echo $(foreach list,$(SHOW),$($(list)))' show SHOW="$*" | tr ' ' '\n' | sort
}
named() # FIELD: what debian/control names there, without versions
{
    sed -n "/^$1:/,/^[A-Z][A-Za-z-]*:/p" debian/control | sed -n "1s/^$1:/ /;/^ /p" | tr -d ' ' | sed 's/,$//' | sort
}
named Build-Depends | sed 's/<!nocheck>//;/^debhelper-compat\|^dh-sequence-/d' >"$scratch/named"
listed BUILD_PACKAGES | grep -vx 'gcc\|libc6-dev\|make' >"$scratch/listed"
missing=$(comm -13 "$scratch/named" "$scratch/listed")
[ -z "$missing" ] || fail "Build-Depends lacks what the Makefile lists: $missing"
listed BUILD_PACKAGES RUN_PACKAGES TEST_PACKAGES >"$scratch/listed"
more=$(comm -23 "$scratch/named" "$scratch/listed")
[ -z "$more" ] || fail "Build-Depends names what the Makefile does not list: $more"
[ "$(named Depends | grep -v '^\$')" = "$(listed RUN_PACKAGES)" ] || fail "Depends and RUN_PACKAGES differ"
program=$(sed -n 's/^#define IAGMETER_VERSION "\(.*\)"/\1/p' daemon/version.h)
package=$(sed -n '1s/^iagmeter (\([^)]*\)) .*/\1/p' debian/changelog)
[ "$package" = "$program" ] || fail "debian/changelog is of version $package, the program of $program"
echo "dependencies: passed"
