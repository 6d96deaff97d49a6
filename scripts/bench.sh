#!/usr/bin/env bash
# bench.sh [ROUNDS]: what the gateway does beside a peer, in the same run on the same machine.
#
# The harness starts a broker and a sink, then in turn a peer (a Mosquitto bridge) and doorward,
# with the same load (benches/load: contact sensors as zigbee2mqtt tells them, QoS 1): 200
# messages/s, 2,000/s, and as fast as they go. BENCH_HARNESS names its folder (peers.py, tab.py);
# without one only doorward's own footprint is measured. Last comes what an event costs beside its
# bare parts (benches/seal), which needs neither broker nor bus: alone it is
# `cargo run --release -p doorward-seal`, built without any AWS SDK.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${1:-${BENCH_ROUNDS:-3}}
harness=${BENCH_HARNESS:-../shared/bench}
echo "bench: building for release"
cargo build --locked --release --package doorward --package doorward-load --package doorward-seal
BENCH_BIN=$(realpath "${CARGO_TARGET_DIR:-target}")/release
export BENCH_BIN
export BENCH_DIR=${BENCH_DIR:-$(mktemp -d)}
export PORTBASE=${PORTBASE:-27100}
export PATH=$PATH:/usr/sbin
python=${DOORWARD_PYTHON:-python3}

echo "machine: $(nproc) CPUs, $(uname -sm), load $(cut -d' ' -f1 /proc/loadavg); commit $(git rev-parse --short HEAD)"
if [ -f "$harness/peers.py" ]; then
    out=$BENCH_DIR/peers.jsonl
    folder=$BENCH_DIR/doorward
    export PEER_NAME=doorward PEER_DIR=$folder MAXN=${MAXN:-30000}
    export AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=bench RUST_LOG=warn
    export PEER_CLEAN="rm -rf $folder/state; $python scripts/bench/configure.py $folder $((PORTBASE + 3)) $PORTBASE"
    export PEER_CMD="$BENCH_BIN/doorward --config $folder run"
    : >"$out"
    for round in $(seq "$rounds"); do
        echo "bench: round $round of $rounds"
        "$python" "$harness/peers.py" bridge 1 lat200,lat2000,max | tee -a "$out" | grep '^#' || true
        "$python" "$harness/peers.py" cmd 1 lat200,lat2000,max | tee -a "$out" | grep '^#' || true
    done
    "$python" "$harness/tab.py" "$out"
    "$python" scripts/bench/ratios.py "$out"
else
    echo "bench: no harness in $harness, so no peer beside doorward"
fi
for rate in 200 2000; do
    "$python" scripts/bench/footprint.py "$BENCH_BIN" "$BENCH_DIR/footprint" "$rate" 10
done
"$BENCH_BIN/doorward-seal"
