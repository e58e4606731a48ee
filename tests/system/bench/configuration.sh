#!/bin/sh
# configuration.sh DIRECTORY [INTERFACE]: writes DIRECTORY/iagmeter.conf for the bench and for
# recordings of it. Services, directions (whose example networks are the bench's) and factors are the
# ones that we ship.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
mkdir -p "$1/state"

interfaces=
[ $# -lt 2 ] || interfaces="{ name = \"$2\"; mode = \"immediate\"; }"
cat >"$1/iagmeter.conf" <<EOF
state_directory = "$(cd "$1" && pwd)/state";
timezone = "Europe/Paris";
services = "$root/conf/services.conf";
directions = "$root/conf/directions.conf";
factors = "$root/conf/factors/2026";
report: { organisation = "Bench"; threshold = 4; };
interfaces: ( $interfaces );
EOF
