#!/usr/bin/env bash
# record-corpus.sh: records anew what the library's tests read: the deliveries that a service's queue
# got while the story of scripts/demo.sh ran, as they came, ids and times included.
#
# To be run when gateways say something new, not with every change: the recording is evidence of
# what was once on a bus, and readers must go on reading it. DOORWARD_BIN as for the demo.
set -euo pipefail
cd "$(dirname "$0")/.."

target=crates/events/corpus/three-doors.jsonl
kept=$(mktemp)
trap 'rm -f "$kept"' EXIT
DEMO_HEADLESS=1 DEMO_KEEP=$kept scripts/demo.sh
mkdir -p "$(dirname "$target")"
install -m 644 "$kept" "$target"
printf 'recorded %s deliveries, %s bytes, in %s\n' "$(wc -l <"$target")" "$(wc -c <"$target")" "$target"
