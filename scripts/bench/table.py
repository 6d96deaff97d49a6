#!/usr/bin/env python3
"""table.py FOOTPRINTS.JSONL: medians (least..most) of footprint.py's lines, a row for each rate."""
import collections
import json
import statistics
import sys

COLUMNS = {
    "rate": "events/s",
    "lost": "lost",
    "rate_at_bus": "accepted/s",
    "journaled_p50_ms": "journaled p50 ms",
    "journaled_p99_ms": "p99",
    "journaled_p999_ms": "p99.9",
    "p50_ms": "accepted p50 ms",
    "p99_ms": "p99",
    "p999_ms": "p99.9",
    "core_cpu_us_event": "core CPU us/event",
    "vendor_cpu_us_event": "vendor CPU us/event",
    "bytes_written_event": "bytes written/event",
    "written_over_detail": "x Detail",
    "core_pss_load": "core PSS MiB",
    "load1": "load",
}


def cell(values):
    if not values:
        return ""
    middle = f"{statistics.median(values):g}"
    return middle if min(values) == max(values) else f"{middle} ({min(values):g}..{max(values):g})"


def main():
    rates = collections.defaultdict(list)
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            if line.startswith("{"):
                run = json.loads(line)
                rates[run["rate"]].append(run)
    columns = [key for key in COLUMNS if any(key in run for runs in rates.values() for run in runs)]
    print("| " + " | ".join(COLUMNS[key] for key in columns) + " | rounds |")
    print("|" + "---|" * (len(columns) + 1))
    for _, runs in sorted(rates.items()):
        cells = [cell([run[key] for run in runs if key in run]) for key in columns]
        print("| " + " | ".join(cells) + f" | {len(runs)} |")


main()
