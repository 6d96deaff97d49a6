"""Where deliveries go that can never succeed here: unchanged, with the reason beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .subscribe import Verdict
from .text import bounded_text

_LONGEST_ATTRIBUTE = 256


class DeadLetters(Protocol):
    """Takes what is put aside."""

    def put(self, body: str, attributes: Mapping[str, str]) -> None:
        """Keeps the body, durably, before it returns."""


def put_aside(
    dead_letters: DeadLetters | None, consumer: str, body: str, verdict: Verdict
) -> bool:
    """Whether the delivery is put aside now."""
    if dead_letters is None:
        return False
    attributes = {"reason": verdict.why or "", "consumer": _printable(consumer)}
    # An attribute is never empty.
    if verdict.pointer:
        attributes["pointer"] = _printable(verdict.pointer)
    try:
        dead_letters.put(body, attributes)
    except Exception:
        return False
    return True


def _printable(text: str) -> str:
    bounded = bounded_text(text, _LONGEST_ATTRIBUTE)
    return "".join(c if " " <= c <= "~" else "?" for c in bounded)
