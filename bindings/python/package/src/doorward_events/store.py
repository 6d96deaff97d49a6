"""Where a subscriber remembers what it has handled."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether an event may be handled now. ``new``: it is the caller's until the lease ends.
    ``done``: it was handled. ``busy``: somebody else has it, for ``left`` seconds at most."""

    claim: Literal["new", "done", "busy"]
    token: str = ""
    left: float = 0.0


class Store(Protocol):
    """Every call is atomic and, once answered, durable as far as the store is."""

    def claim(self, scope: str, id: str, lease: float) -> Claim:
        """Takes the event for ``lease`` seconds, unless it is done or somebody else has it."""

    def done(self, scope: str, id: str) -> None:
        """Remembers that the event was handled, whoever has claimed it by now."""

    def release(self, scope: str, id: str, token: str) -> None:
        """Gives the event back, if the claim is still this one and the event is not done."""


class MemoryStore:
    """In this process: what it forgets, or a restart, lets an event be handled again."""

    def __init__(self, most: int) -> None:
        """Remembers at most so many events; the oldest that is done is forgotten first."""
        self._most = most
        # Token and end of the lease; no end: done.
        self._entries: dict[tuple[str, str], tuple[str, float | None]] = {}
        self._lock = threading.Lock()

    def claim(self, scope: str, id: str, lease: float) -> Claim:
        """See :meth:`Store.claim`. Raises :class:`RuntimeError` if there is no room."""
        key, now = (scope, id), time.monotonic()
        with self._lock:
            if key in self._entries:
                _, until = self._entries[key]
                if until is None:
                    return Claim("done")
                if until > now:
                    return Claim("busy", left=until - now)
                del self._entries[key]
            if len(self._entries) >= self._most:
                self._forget(now)
            token = str(uuid4())
            self._entries[key] = (token, now + lease)
            return Claim("new", token)

    def done(self, scope: str, id: str) -> None:
        """See :meth:`Store.done`."""
        with self._lock:
            self._entries.pop((scope, id), None)
            self._entries[(scope, id)] = ("", None)

    def release(self, scope: str, id: str, token: str) -> None:
        """See :meth:`Store.release`."""
        with self._lock:
            if self._entries.get((scope, id), ("",))[0] == token:
                del self._entries[(scope, id)]

    def _forget(self, now: float) -> None:
        for key, (_, until) in self._entries.items():
            if until is None or until <= now:
                del self._entries[key]
                return
        raise RuntimeError("no room for another claim")
