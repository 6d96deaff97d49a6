#!/usr/bin/env bash
# release.sh: builds the stripped binary for this machine and prints its size and digest.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked --release --package doorward
binary=${CARGO_TARGET_DIR:-target}/release/doorward
stat --printf '%n: %s bytes\n' "$binary"
sha256sum "$binary"
