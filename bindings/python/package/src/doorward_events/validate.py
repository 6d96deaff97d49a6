"""The one validation: whole events against their composed schemas, with errors that name the
field and never show its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from .contract import AnyType, Form, validator
from .draft4 import FieldError, Validator
from .generated.contract import CONTRACT
from .jsontext import Json, NotJson, deeper_than, parse

MAX_EVENT_BYTES = 64 * 1024
"""The longest event, in bytes."""
MAX_DEPTH = 16
"""The deepest nesting of objects and arrays in an event."""
_MAX_ERRORS = 8

RejectedCode = Literal[
    "too_large", "too_deep", "malformed", "no_type", "unknown_type", "other_type", "invalid"
]
"""Why bytes are no event."""


class Rejected(ValueError):
    """Bytes that are no event, with the fields that are wrong: at least one, at most eight."""

    def __init__(
        self, code: RejectedCode, errors: Sequence[FieldError], event_type: str | None = None
    ) -> None:
        self.code: RejectedCode = code
        self.errors = tuple(errors)
        self.event_type = event_type
        parts = (f"{e.pointer}: {e.message}" if e.pointer else e.message for e in self.errors)
        head = f"{event_type} is invalid: " if event_type else ""
        super().__init__(head + "; ".join(parts))

    def pointers(self) -> list[str]:
        """Where the event is wrong: JSON pointers, each once. Empty text: the event as a
        whole."""
        return list(dict.fromkeys(error.pointer for error in self.errors))


def refused(code: RejectedCode, message: str, pointer: str = "") -> Rejected:
    """A refusal of the whole, or of one field."""
    return Rejected(code, [FieldError(pointer, message, "")])


def validate(event: bytes | str, form: Form) -> AnyType:
    """Checks a whole event: size, depth, known type, schema. Raises :class:`Rejected`."""
    return checked(event, form)[0]


def checked(
    event: bytes | str, form: Form, expected: str | None = None
) -> tuple[AnyType, dict[str, Any], Validator]:
    """The event's type, its parsed text and the validator that accepted it."""
    value = parse_event(event)
    known = type_of(value)
    name = known.name
    if expected is not None and name != expected:
        raise refused("other_type", f"{name}, expected {expected}", "/type")
    if not (known.publish if form == "writer" else known.subscribe):
        raise refused("unknown_type", "unknown event type", "/type")
    rules = validator(f"{name}.{form}")
    check(rules, name, value)
    return known, value, rules


def type_of(value: Json) -> AnyType:
    """The type that an event names."""
    name = value.get("type") if type(value) is dict else None
    if type(name) is not str:
        raise refused("no_type", "not a text", "/type")
    known = CONTRACT.types.get(name)
    if known is None:
        raise refused("unknown_type", "unknown event type", "/type")
    return known


def check(rules: Validator, event_type: str, value: Json) -> None:
    """Raises :class:`Rejected` with the code ``invalid``."""
    if rules.accepts(value):
        return
    errors = rules.errors(value, _MAX_ERRORS)
    raise Rejected(
        "invalid", errors or [FieldError("", "refused without a reason", "")], event_type
    )


def parse_event(event: bytes | str, most: int = MAX_EVENT_BYTES) -> Json:
    """The parsed event, or what is made of one, within the bounds of size and depth."""
    try:
        raw = event.encode() if isinstance(event, str) else bytes(event)
    except UnicodeEncodeError:
        raise refused("malformed", "not JSON") from None
    if len(raw) > most:
        raise refused("too_large", f"{len(raw)} bytes; at most {most} are allowed")
    # What is no UTF-8 is malformed; its nesting is looked at first, as everywhere.
    if deeper_than(raw.decode("utf-8", "replace"), MAX_DEPTH):
        raise refused("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    try:
        return parse(raw.decode())
    except (UnicodeDecodeError, NotJson):
        raise refused("malformed", "not JSON") from None
