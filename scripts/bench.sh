#!/usr/bin/env bash
# bench.sh [ROUNDS]: what the gateway does beside the disk's limit and beside peers, in one run.
#
# 1. The journal alone (benches/journal) in turns with bare fdatasync of the same rows.
# 2. Opening it with a million waiting events: the journal alone, and the whole gateway.
# 3. From device to durable to accepted: latencies, sustained rate, bytes and CPU per event.
# 4. The harness, in turn with a peer (a Mosquitto bridge) and doorward under the same load
#    (benches/load: contact sensors as zigbee2mqtt tells them, QoS 1), then what each loses when
#    the sink is away for 20 s and when it is killed in that time. BENCH_HARNESS names the
#    harness's folder (peers.py, tab.py); without one this part is left out.
# 5. What an event costs beside its bare parts (benches/seal): alone it is
#    `cargo run --release -p doorward-seal`, built without any AWS SDK.
# 6. From a request to the command at the lock, in turns with bare fdatasync, and the decision alone
#    beside a verification of a signature (benches/access). BENCH=access: this alone.
# 7. What a process of its own costs a vendor: memory, its start, and the link beside the
#    translation (benches/link). BENCH=vendors: this alone.
set -euo pipefail
cd "$(dirname "$0")/.."

access() {
    echo "bench: from a request to the command at the lock, and the decision alone"
    "$python" scripts/bench/access.py "$BENCH_BIN" "$BENCH_DIR/access" "${BENCH_REQUESTS:-2000}"
}

vendors() {
    echo "bench: what a process of its own costs a vendor"
    "$python" scripts/bench/vendors.py "$BENCH_BIN" "$BENCH_DIR/vendors" "${BENCH_STARTS:-31}"
    "$BENCH_BIN/doorward-link-bench"
}

rounds=${1:-${BENCH_ROUNDS:-3}}
harness=${BENCH_HARNESS:-../shared/bench}
echo "bench: building for release"
if [ "${BENCH:-}" = access ]; then
    built=(--package doorward --package doorward-load --package doorward-access-bench)
elif [ "${BENCH:-}" = vendors ]; then
    built=(--package doorward --package doorward-link-bench)
else
    built=(--package doorward --package doorward-load --package doorward-seal
        --package doorward-journal-bench --package doorward-access-bench
        --package doorward-link-bench)
fi
cargo build --locked --release "${built[@]}"
BENCH_BIN=$(realpath "${CARGO_TARGET_DIR:-target}")/release
export BENCH_BIN
export BENCH_DIR=${BENCH_DIR:-$(mktemp -d)}
export PORTBASE=${PORTBASE:-27100}
export PATH=$PATH:/usr/sbin
python=${DOORWARD_PYTHON:-python3}

echo "machine: $(nproc) CPUs, $(uname -sm), load $(cut -d' ' -f1 /proc/loadavg); commit $(git rev-parse --short HEAD)"
if [ "${BENCH:-}" = access ]; then
    access
    exit
elif [ "${BENCH:-}" = vendors ]; then
    vendors
    exit
fi

echo "bench: the journal beside bare fdatasync"
alone=$BENCH_DIR/journal-alone
rm -rf "$alone"
mkdir -p "$alone"
"$BENCH_BIN/doorward-journal-bench" groups "$alone" "$((rounds * 2 + 1))"
rm -f "$alone"/*

echo "bench: a million events wait"
"$BENCH_BIN/doorward-journal-bench" fill "$alone/million.db"
"$python" scripts/bench/start.py "$BENCH_BIN" "$BENCH_DIR/start" "$alone/million.db" "$((rounds * 2 + 1))"
rm -rf "$BENCH_DIR/start"
"$BENCH_BIN/doorward-journal-bench" start "$alone/million.db" "$((rounds * 2 + 1))"
rm -rf "$alone"

footprints() { # FILE FOLLOW RATE:SECONDS...
    local file=$1 follow=$2
    shift 2
    : >"$file"
    for round in $(seq "$rounds"); do
        for stretch in "$@"; do
            echo "bench: round $round of $rounds, ${stretch%:*} events/s" >&2
            FOLLOW=$follow "$python" scripts/bench/footprint.py "$BENCH_BIN" \
                "$BENCH_DIR/footprint" "${stretch%:*}" "${stretch#*:}" >>"$file"
        done
    done
    "$python" scripts/bench/table.py "$file"
}
echo "bench: device to durable to accepted"
footprints "$BENCH_DIR/latency.jsonl" 1 200:10 2000:10 10000:10
echo "bench: bytes and CPU per event, and the sustained rate"
footprints "$BENCH_DIR/bytes.jsonl" 0 1:60 50:20 500:10 5000:10 10000:20 15000:20

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
    echo "bench: the sink is away for 20 s; then also a kill -9 in that time"
    for peer in bridge cmd; do
        "$python" "$harness/peers.py" "$peer" 0 outage,kill | tee -a "$out" | grep '^#' || true
    done
    "$python" "$harness/tab.py" "$out"
    "$python" scripts/bench/ratios.py "$out"
    echo "bench: peers that need packages of their own (ThingsBoard, Node-RED) are left out"
else
    echo "bench: no harness in $harness, so no peer beside doorward"
fi
"$BENCH_BIN/doorward-seal"
access
vendors
