"""Judges documents by schemas: a file with one question a line, an answer a line."""

from __future__ import annotations

import json
import sys
from typing import Any

from doorward_events.draft4 import Validator
from doorward_events.jsontext import NotJson, parse


def judged(validator: Validator, text: str) -> str:
    try:
        document = parse(text)
    except NotJson:
        return "malformed"
    valid = validator.accepts(document)
    # The fast answer and the full one are two walks over the schema.
    if valid != (not validator.errors(document, 8)):
        return "torn"
    return "valid" if valid else "invalid"


def answer(question: dict[str, Any]) -> dict[str, Any]:
    try:
        validator = Validator(parse(question["schema"]))
    except ValueError as error:
        return {"refused": str(error)}
    return {"verdicts": [judged(validator, text) for text in question["documents"]]}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as questions:
        for line in questions:
            print(json.dumps(answer(json.loads(line))))


if __name__ == "__main__":
    main()
