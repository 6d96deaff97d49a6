"""Validation beside ``fastjsonschema``: the same recorded events, in one run. Prints one JSON object
with events a second. Both get a text and must end with a verdict, so ``json.loads`` is part of
fastjsonschema's time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import fastjsonschema

from doorward_events import CONTRACT, schema, validate


def rate(round_: Callable[[], None], count: int, seconds: float) -> int:
    """Events a second of processor time, the best of all rounds: a busy machine, which lets a
    process wait, then disturbs least."""
    round_()
    best, end = 0.0, time.process_time() + seconds
    while time.process_time() < end:
        begun = time.process_time()
        round_()
        best = max(best, count / (time.process_time() - begun))
    return round(best)


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as recorded:
        details = [json.loads(line)["detail"] for line in recorded if line.strip()]
    events = [json.dumps(detail, separators=(",", ":")).encode() for detail in details]
    names = {detail["type"] for detail in details} & CONTRACT.types.keys()
    compiled: dict[str, Any] = {
        name: fastjsonschema.compile(json.loads(schema(f"{name}.reader"))) for name in names
    }

    def ours() -> None:
        for event in events:
            validate(event, "reader")

    def theirs() -> None:
        for event in events:
            value = json.loads(event)
            compiled[value["type"]](value)

    seconds = float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 3.0
    count = len(events)
    figures = {"bindings": rate(ours, count, seconds), "fastjsonschema": rate(theirs, count, seconds)}
    print(json.dumps({"events": count, **figures}))


if __name__ == "__main__":
    main()
