#!/usr/bin/env bash
# release.sh: builds the stripped binaries for this machine and prints their sizes and digests.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked --release --package doorward --bins
for name in doorward doorward-vendor; do
    binary=${CARGO_TARGET_DIR:-target}/release/$name
    stat --printf '%n: %s bytes\n' "$binary"
    sha256sum "$binary"
done
