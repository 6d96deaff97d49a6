#!/usr/bin/env bash
# soak.sh: not written yet; fails so that nobody takes silence for success.
set -euo pipefail
echo "soak: not written yet" >&2
exit 1
