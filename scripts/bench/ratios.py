#!/usr/bin/env python3
"""ratios.py PEERS.JSONL: doorward against the peer, round by round: medians of the ratios."""
import collections
import json
import statistics
import sys


def main():
    runs = collections.defaultdict(dict)
    rounds = collections.Counter()
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            if line.startswith("{"):
                run = json.loads(line)
                key = run["peer"], run["test"]
                runs[run["test"], rounds[key]][run["peer"]] = run
                rounds[key] += 1
    ratios = collections.defaultdict(list)
    for (test, _), peers in runs.items():
        own = peers.pop("doorward", None)
        for peer, other in peers.items():
            if not own:
                continue
            for figure in ("rate", "p50_ms", "p99_ms", "cpu_us_msg"):
                if other.get(figure):
                    ratios[test, peer, figure].append(own[figure] / other[figure])
    for (test, peer, figure), values in sorted(ratios.items()):
        print(f"{test}: doorward / {peer}: {figure} {statistics.median(values):.2f} "
              f"({min(values):.2f}..{max(values):.2f}, {len(values)} rounds)")


main()
