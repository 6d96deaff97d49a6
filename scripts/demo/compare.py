#!/usr/bin/env python3
"""compare.py JOURNAL BUS [--resent]: whether the bus got what the journal gave out.

JOURNAL holds the lines of `doorward events --json`, BUS those of bus.py. Says how many there are
on both sides, and ends with 1 if an event is missing, unknown to the journal, changed on the way,
or there twice. Twice is allowed with --resent: after a crash events leave again, with their id.
"""
import collections
import json
import sys


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main():
    journal, bus = map(lines, sys.argv[1:3])
    given = {line["event"]["id"]: line["event"] for line in journal}
    arrived = collections.Counter(message["detail"]["id"] for message in bus)
    missing = sorted(given[identity]["type"] for identity in given.keys() - arrived.keys())
    unknown = sorted(arrived.keys() - given.keys())
    changed = [m["detail"]["id"] for m in bus if given.get(m["detail"]["id"]) != m["detail"]]
    twice = sum(times - 1 for times in arrived.values())
    again = f", of which {twice} a second time" if twice else ""
    print(f"given out by the journal  {len(given)} events")
    print(f"arrived in the queue      {len(bus)} messages{again}")
    print(f"missing {len(missing)}, doubled by id {twice}, unknown {len(unknown)}", end="")
    print(f", changed on the way {len(changed) - len(unknown)}")
    for what, items in ("missing", missing), ("unknown", unknown), ("changed", changed):
        if items:
            print(f"{what}: {' '.join(items[:10])}")
    return 1 if missing or unknown or changed or (twice and "--resent" not in sys.argv) else 0


if __name__ == "__main__":
    sys.exit(main())
