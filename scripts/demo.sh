#!/usr/bin/env bash
# demo.sh: not written yet; fails so that nobody takes silence for success.
set -euo pipefail
echo "demo: not written yet" >&2
exit 1
