"""JSON as the contract reads it.

Python's ``json`` takes ``NaN``, half a surrogate pair and ``-0`` as an integer; a validator that
looks at its result cannot agree with those of other languages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

Json = Any
"""What a JSON text holds. Numbers written with a fraction, an exponent or as ``-0`` are floats."""

_GREATEST = 2**64 - 1
_LEAST = -(2**63)
_DEEPEST = 127
_BRACKETS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.?)*(?:"|\Z)', re.DOTALL)
_BLANKS = " \t\n\r"


class NotJson(ValueError):
    """The text is not JSON."""

    def __init__(self) -> None:
        super().__init__("not JSON")


def deeper_than(text: str, limit: int) -> bool:
    """Whether brackets nest deeper than that, without parsing."""
    # Most events have fewer brackets than they may have levels.
    if text.count("{") + text.count("[") <= limit:
        return False
    now = 0
    for found in _BRACKETS.finditer(text):
        bracket = found[0][0]
        if bracket in "[{":
            now += 1
            if now > limit:
                return True
        elif bracket != '"' and now > 0:
            now -= 1
    return False


def _integer(text: str) -> int | float:
    if len(text) < 19 and text != "-0":
        return int(text)
    # Longer than any integer of 64 bits: a double, as in the Rust library.
    if text != "-0" and len(text) <= 20:
        value = int(text)
        if _LEAST <= value <= _GREATEST:
            return value
    return _real(text)


def _real(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NotJson
    return value


def _constant(_: str) -> Any:
    raise NotJson


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise NotJson
    return found


_LAST = json.JSONDecoder(parse_int=_integer, parse_float=_real, parse_constant=_constant)
_ONCE = json.JSONDecoder(
    parse_int=_integer, parse_float=_real, parse_constant=_constant, object_pairs_hook=_once
)


def parse(text: str, twice: Literal["last", "refuse"] = "last") -> Json:
    """Parses a JSON text. Raises :class:`NotJson` as well for half surrogate pairs, for numbers
    that no double holds and, if so wanted, for a member that stands twice in an object."""
    if twice == "refuse" and deeper_than(text, _DEEPEST):
        raise NotJson
    try:
        value = (_LAST if twice == "last" else _ONCE).decode(text)
        if "\\u" in text:
            # Half of a pair is the one thing that an escape can bring in unseen.
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NotJson from None
    return value


def members(text: str, once: Collection[str]) -> dict[str, str]:
    """The members of the object that a text is, each with its own text, unparsed. Raises
    :class:`NotJson` also if the text is no object, or one of the members ``once`` stands twice."""
    found: dict[str, str] = {}
    parse(text)
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise NotJson
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _LAST.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        _, end = _LAST.raw_decode(text, at)
        if name in found and name in once:
            raise NotJson
        found[name] = text[at:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _BLANKS and at < len(text):
        at += 1
    return at


def write(value: object) -> str:
    """Writes a value as compact JSON. Raises :class:`ValueError` or :class:`TypeError` for what
    JSON cannot hold; members that are ``None`` in a mapping are left out."""
    text = json.dumps(
        _without_nothing(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    text.encode()
    return text


def _without_nothing(value: object) -> object:
    if isinstance(value, Mapping):
        kept = {}
        for name, member in value.items():
            if not isinstance(name, str):
                raise TypeError("a member's name is a text")
            if member is not None:
                kept[name] = _without_nothing(member)
        return kept
    if isinstance(value, list | tuple):
        return [_without_nothing(item) for item in value]
    return value
