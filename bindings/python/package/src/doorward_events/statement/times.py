"""Instants as statements hold them, compared to the nanosecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..envelope import instant
from ..formats import is_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(text: str) -> int:
    """Since the Unix epoch, of an RFC 3339 instant in UTC. A leap second counts as the one before
    it."""
    second = re.sub(r":60\Z", ":59", text[:19])
    year = int(second[:4])
    # Years that Python's own type does not hold are counted by whole Gregorian cycles.
    cycles = 1 if year == 0 else 0
    at = datetime.fromisoformat(f"{year + 400 * cycles:04}{second[4:]}+00:00")
    whole = (at - _EPOCH) // timedelta(seconds=1) - cycles * 146_097 * 86_400
    fraction = re.search(r"\.([0-9]{1,9})", text)
    return whole * 10**9 + int((fraction[1] if fraction else "").ljust(9, "0"))


def of_nanoseconds(at: int) -> str:
    """The instant, without zeros at its end."""
    second, rest = divmod(at, 10**9)
    text = (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{rest:09}".rstrip("0")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def as_instant(at: datetime | str) -> str:
    """The instant's text. Raises :class:`ValueError` for what is no instant in UTC."""
    text = at if isinstance(at, str) else instant(at)
    if not text.endswith("Z") or not is_instant(text):
        raise ValueError("not an instant in UTC")
    return text
