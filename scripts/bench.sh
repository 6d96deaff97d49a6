#!/usr/bin/env bash
# bench.sh [ARGUMENT...]: builds the gateway and the load programs for release and hands them to a
# benchmark harness. The harness is a program that starts a broker, `sink`, a gateway and `mqload`
# (benches/load); name it in BENCH_HARNESS. It finds the programs in BENCH_BIN.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${BENCH_HARNESS:-}" ]; then
    echo "bench: set BENCH_HARNESS to the harness to run; this repository has none of its own yet" >&2
    exit 2
fi
cargo build --locked --release --package doorward --package doorward-load
BENCH_BIN=$(realpath "${CARGO_TARGET_DIR:-target}")/release
export BENCH_BIN
exec python3 "$BENCH_HARNESS" "$@"
