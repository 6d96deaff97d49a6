#!/usr/bin/env bash
# bench-bindings.sh [MILLISECONDS]: how fast the bindings of the three languages validate, beside the
# jsonschema crate, ajv and fastjsonschema in the same run over the same recorded events. Needs
# scripts/tools.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-3000}
python=${DOORWARD_PYTHON:-.venv/bin/python}
corpus=$PWD/crates/events/corpus/three-doors.jsonl
target=${CARGO_TARGET_DIR:-target}
place=$target/bench-bindings

cargo build --quiet --workspace --bin doorward-schema
cargo build --quiet --release --package doorward-seal
rm -rf "$place"
mkdir -p "$place"
for language in typescript python; do
    "$target/debug/doorward-schema" bindings --language "$language" --out "$place/$language" >/dev/null
done
ln -s "$PWD/bindings/typescript/node_modules" "$place/node_modules"
cp -r bindings/typescript/test "$place/test"
mkdir -p "$place/test/node_modules/@doorward"
ln -s ../../../typescript "$place/test/node_modules/@doorward/events"
node "$place/node_modules/typescript/bin/tsc" -p "$place/typescript"
node "$place/node_modules/typescript/bin/tsc" -p "$place/test"

of_rust=$("$target/release/doorward-seal" --recorded "$corpus" "$time")
of_typescript=$(node "$place/test/dist/bench.js" "$corpus" "$time")
of_python=$(PYTHONPATH=$place/python/src "$python" bindings/python/test/bench.py "$corpus" "$time")
"$python" - "$of_rust" "$of_typescript" "$of_python" <<'END'
import json, os, platform, sys

print(f"{os.cpu_count()} processors, {platform.machine()}, load {os.getloadavg()[0]:.1f}\n")
print("| language | beside | events | bindings, events/s | beside, events/s | ratio |\n|---|---|---|---|---|---|")
for language, beside, text in zip(
    ("Rust", "TypeScript", "Python"), ("jsonschema", "ajv", "fastjsonschema"), sys.argv[1:]
):
    figures = json.loads(text)
    ours, theirs = figures["bindings"], figures[beside]
    print(f"| {language} | {beside} | {figures['events']} | {ours} | {theirs} | {ours / theirs:.2f} |")
END
