#!/bin/sh
# certificates.sh DIRECTORY [NAME...]: a root, two intermediates and one leaf per service, and per NAME, valid three days.
# Services behind a content network get ECDSA chains, the others RSA, as they do in the world: this
# decides the size of the handshake. SPDX-License-Identifier: GPL-3.0-or-later
set -eu
cd "$1"
shift

key() { # key FILE ec|rsa
    case $2 in
    ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ;;
    rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null ;;
    esac
}

# Real leaves carry about 250 bytes of certificate transparency timestamps, which cannot be had for
# a name that is not ours: a comment takes their place.
filler="Certificate of the iagmeter test bench, made on the spot, trusted by nobody. This comment \
stands where a public certificate carries its signed certificate timestamps, so that the handshake \
has the size of a real one and byte counts mean something."

cat >root.cnf <<EOF
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
authorityInfoAccess = caIssuers;URI:http://i.pki.bench.example/root.crt
crlDistributionPoints = URI:http://c.pki.bench.example/r/root.crl
certificatePolicies = 2.23.140.1.2.1
EOF

for kind in ec rsa; do
    key root-$kind.key $kind
    openssl req -x509 -new -key root-$kind.key -out root-$kind.pem -days 3 \
        -subj "/C=FR/O=iagmeter test bench/CN=Root $kind"
    key intermediate-$kind.key $kind
    openssl req -new -key intermediate-$kind.key \
        -subj "/C=FR/O=iagmeter test bench/CN=Intermediate $kind" |
        openssl x509 -req -CA root-$kind.pem -CAkey root-$kind.key -days 3 -extfile root.cnf \
            -extensions intermediate -out intermediate-$kind.pem 2>/dev/null
done
cat root-ec.pem root-rsa.pem >ca.pem

leaf() { # leaf ec|rsa NAME [OTHER NAME...]
    kind=$1
    name=$2
    shift
    cat >leaf.cnf <<EOF
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
authorityInfoAccess = OCSP;URI:http://o.pki.bench.example/s/$kind,caIssuers;URI:http://i.pki.bench.example/$kind.crt
crlDistributionPoints = URI:http://c.pki.bench.example/$kind/leaf.crl
certificatePolicies = 2.23.140.1.2.1
subjectAltName = $(printf 'DNS:%s,' "$@" | sed 's/,$//')
nsComment = $filler
EOF
    key "$name.key" "$kind"
    openssl req -new -key "$name.key" -subj "/CN=$name" |
        openssl x509 -req -CA "intermediate-$kind.pem" -CAkey "intermediate-$kind.key" -days 3 \
            -extfile leaf.cnf -extensions leaf 2>/dev/null |
        cat - "intermediate-$kind.pem" >"$name.pem"
}

leaf ec api.openai.com
leaf ec chatgpt.com '*.chatgpt.com'
leaf ec api.mistral.ai
leaf ec chat.mistral.ai
leaf ec api.anthropic.com
leaf ec claude.ai '*.claude.ai'
leaf rsa albert.api.etalab.gouv.fr
leaf rsa www.rennes.example
for more in "$@"; do
    leaf ec "$more" "*.$more"
done
