"""Answers the questions of the conformance suite: a file with one JSON object a line."""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import asdict
from typing import Any

from doorward_events import Rejected, from_cloud_event, read_any, to_cloud_event, validate
from doorward_events.jsontext import write


def answer(case: dict[str, Any]) -> dict[str, Any]:
    event = base64.b64decode(case["event"])
    try:
        if case["ask"] == "to_cloud_event":
            return {"code": "ok", "event": to_cloud_event(event)}
        if case["ask"] == "from_cloud_event":
            return {"code": "ok", "event": from_cloud_event(event)}
        if case["ask"] != "read":
            validate(event, case["ask"])
            return {"code": "ok"}
        received = read_any(event)
    except Rejected as rejected:
        return {"code": rejected.code, "pointers": sorted(rejected.pointers())}
    whole = {
        "type": received.type,
        "schema_version": received.schema_version,
        **asdict(received.envelope),
        "gateway": asdict(received.origin) if received.origin else None,
        "data": received.data,
    }
    return {"code": "ok", "event": write(whole)}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as cases:
        for line in cases:
            print(json.dumps(answer(json.loads(line))))


if __name__ == "__main__":
    main()
