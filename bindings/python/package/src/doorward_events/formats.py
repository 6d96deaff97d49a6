"""The formats that schemas name, by the same rules as the Rust library's validator: other
libraries differ on leap seconds and on days that no month has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# The last second that the Rust library's clock type holds.
_LAST = "9999-12-30T22:00:00"


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not 1 <= month <= 12:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= (29 if month == 2 and leap else _DAYS[month - 1])


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    hour, minute, second = int(found[1]), int(found[2]), int(found[3])
    if hour > 23 or minute > 59 or second > 60:
        return False
    if found[4] is not None:
        hours, minutes = int(found[5]), int(found[6])
        if hours > 23 or minutes > 59:
            return False
        shift = (hours * 60 + minutes) * (-1 if found[4] == "+" else 1)
        hour, minute = divmod((hour * 60 + minute + shift) % 1440, 60)
    return second != 60 or (hour == 23 and minute == 59)


def _is_date_time(text: str) -> bool:
    at = next((n for n, c in enumerate(text) if c in "Tt"), -1)
    return at >= 0 and _is_date(text[:at]) and _is_time(text[at + 1 :])


FORMATS: Mapping[str, Callable[[str], bool]] = {"date-time": _is_date_time}
"""The checks of the formats that the contract may use."""


def is_instant(text: str) -> bool:
    """Whether a text that is a ``date-time`` in UTC is an instant that all clients hold."""
    return _is_date_time(text) and text[: len(_LAST)] <= _LAST
