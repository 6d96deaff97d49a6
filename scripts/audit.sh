#!/usr/bin/env bash
# audit.sh: checks the dependencies against the advisory database. Without the database nothing
# is checked, and this says so and fails.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! output=$(cargo deny fetch db 2>&1); then
    printf '%s\n' "$output" >&2
    echo "audit: NOTHING CHECKED: the advisory database could not be fetched (see above)" >&2
    exit 3
fi
cargo deny check --hide-inclusion-graph advisories
