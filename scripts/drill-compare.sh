#!/usr/bin/env bash
# drill-compare.sh [ROUNDS]: the drill with a process a vendor, and with all vendors in one process.
#
# Builds both as releases, lets the same rounds (20) with the same seed go over both, and prints both
# tables. The second gateway is for this alone (feature `one-process`) and is never shipped. What is
# done is kept in target/drill-compare, and not done again for the same commit.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-20}
profile=${DRILL_PROFILE:-release}
commit=$(git rev-parse --short HEAD)
folder=target/drill-compare/$commit
mkdir -p "$folder" target/one-process
built=target/$profile
options=()
if [ "$profile" = release ]; then options=(--release); else built=target/debug; fi

cargo build --locked "${options[@]}" --workspace --bin doorward --features one-process
cp "$built/doorward" target/one-process/doorward
cargo build --locked "${options[@]}" --workspace --bin doorward --bin doorward-vendor

for kind in processes one-process; do
    gateway=$built/doorward
    [ "$kind" = processes ] || gateway=target/one-process/doorward
    echo "drill-compare: $kind"
    status=0
    "$built/doorward" drill --rounds "$rounds" --gateway "$gateway" \
        --record "$folder/$kind.jsonl" >"$folder/$kind.txt" || status=$?
    [ "$status" -le 1 ] || exit "$status"
done
for kind in processes one-process; do
    printf '\n%s\n\n' "$kind"
    cat "$folder/$kind.txt"
done
