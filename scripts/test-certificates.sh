#!/usr/bin/env bash
# test-certificates.sh DIR [CLIENT...]: a throw-away certificate authority, a server certificate
# for localhost and 127.0.0.1, and a client certificate for each common name, all EC P-256 and
# valid for ten days. For tests and demonstrations only: the authority's key stays in DIR.
set -euo pipefail

if [ $# -lt 1 ]; then
    echo "usage: $0 DIR [CLIENT...]" >&2
    exit 2
fi
dir=$1
shift
[ $# -gt 0 ] || set -- doorward-zigbee2mqtt zigbee2mqtt

umask 077
mkdir -p "$dir"
days=10

key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$dir/$1.key"; }

# signed NAME COMMON-NAME EXTENSIONS: a certificate by the authority.
signed() {
    key "$1"
    openssl req -new -key "$dir/$1.key" -subj "/CN=$2" |
        openssl x509 -req -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -days "$days" -out "$dir/$1.pem" \
            -set_serial "0x$(openssl rand -hex 8)" -extfile <(printf '%s\n' "$3") 2>/dev/null
}

key ca
openssl req -x509 -new -key "$dir/ca.key" -subj "/CN=doorward test authority" -days "$days" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -out "$dir/ca.pem"

common="basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
authorityKeyIdentifier=keyid
subjectKeyIdentifier=hash"
signed server localhost "$common
extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1"
for client in "$@"; do
    signed "$client" "$client" "$common
extendedKeyUsage=clientAuth
subjectAltName=DNS:$client"
done
