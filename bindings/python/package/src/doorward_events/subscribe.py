"""Receiving: from a delivery to a handler, once per event id."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from .contract import EventType, R, S, W
from .read import Received, read
from .screen import Policies, Screened, Turned, dead, screen
from .store import Claim, Store
from .validate import Rejected

_LEASE_MARGIN = 10.0
_LONGEST_WAIT = 900.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is told beside the event."""

    attempt: int
    """How often the message was received, from 1."""
    replay: str | None
    """The replay that brought it, if one did."""


Handler = Callable[[Received[R], Context], None]
"""Handles an event. What it raises makes the event come again; :class:`Never` puts it aside."""


class Never(Exception):
    """Raised by a handler: this event can never succeed here."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery.

    ``acknowledge``: it is settled: handled, a duplicate, or to be ignored. ``again``: it must come
    again, not before ``after`` seconds have passed. ``dead_letter``: it can never succeed here: put
    it aside, and only then acknowledge it."""

    verdict: Literal["acknowledge", "again", "dead_letter"]
    why: str | None = None
    pointer: str | None = None
    after: float = 0.0


class Subscriber:
    """Takes deliveries for one consumer."""

    def __init__(
        self,
        consumer: str,
        policies: Policies,
        store: Store,
        *,
        tenants: Collection[str] | None = None,
        platform_accounts: Collection[str] | None = None,
        lease: float = 60.0,
    ) -> None:
        """``consumer`` names it in the store: two with one name share what was handled.
        ``tenants``: whose events are handled; none given: all. ``platform_accounts``: the
        platform's own AWS accounts, which production needs. ``lease``: how long, in seconds, an
        event is kept from others while its handler runs: longer than a handler may take."""
        self.consumer = consumer
        self._policies = policies
        self._store = store
        self._tenants = tenants
        self._platform_accounts = platform_accounts
        self._lease = lease + _LEASE_MARGIN
        self._handlers: dict[str, tuple[EventType[Any, Any, Any], Handler[Any]]] = {}

    def on(self, event_type: EventType[W, R, S], handler: Handler[R]) -> Subscriber:
        """Hands events of this type to ``handler``. Raises :class:`ValueError` for a type that is
        not among those to receive, or has a handler."""
        if not event_type.subscribe:
            raise ValueError(f"{event_type.name} is not among the types to receive")
        if event_type.name in self._handlers:
            raise ValueError(f"{event_type.name} has a handler")
        self._handlers[event_type.name] = (event_type, handler)
        return self

    def types(self) -> list[str]:
        """The types that have a handler, for the rule of its queue."""
        return list(self._handlers)

    def take(self, body: str, attempt: int = 1) -> Verdict:
        """Takes one delivery: the whole JSON text that EventBridge sent. The event is handled when
        this answers ``acknowledge``, and not before."""
        screened = screen(body, self._policies, self._platform_accounts, self._handlers.keys())
        if isinstance(screened, Turned):
            return _turn(screened, attempt)
        event_type, handler = self._handlers[screened.event_type.name]
        try:
            event = read(event_type, screened.detail)
        except Rejected as rejected:
            return _turn(_of_rejected(rejected), attempt)
        if self._tenants is not None and event.envelope.tenant_id not in self._tenants:
            return _turn(dead("wrong_tenant", "/tenant_id"), attempt)
        if event.envelope.test and self._policies.tests == "skip":
            return Verdict("acknowledge", "test")
        return self._handle(screened, event, handler, attempt)

    def _handle(
        self, screened: Screened, event: Received[Any], handler: Handler[Any], attempt: int
    ) -> Verdict:
        # With the source, so that no publisher can take another's ids.
        scope, event_id = f"{self.consumer}/from/{screened.source}", event.envelope.id
        try:
            claim: Claim = self._store.claim(scope, event_id, self._lease)
        except Exception as error:
            return _again(attempt, f"store: {type(error).__name__}")
        if claim.claim == "done":
            return Verdict("acknowledge", "duplicate")
        if claim.claim == "busy":
            return Verdict("again", "busy", after=max(claim.left, 1.0))
        try:
            handler(event, Context(attempt, screened.replay))
        except Never:
            self._release(scope, event_id, claim.token)
            return _turn(dead("refused_by_handler"), attempt)
        except Exception as error:
            self._release(scope, event_id, claim.token)
            return _again(attempt, type(error).__name__)
        except BaseException:
            self._release(scope, event_id, claim.token)
            raise
        try:
            self._store.done(scope, event_id)
        except Exception as error:
            # The lease keeps others away; after it the handler runs once more.
            return _again(attempt, f"store: {type(error).__name__}")
        return Verdict("acknowledge")

    def _release(self, scope: str, event_id: str, token: str) -> None:
        try:
            self._store.release(scope, event_id, token)
        except Exception:
            # The lease ends by itself.
            return


def _turn(turned: Turned, attempt: int) -> Verdict:
    if turned.turned == "ignore":
        return Verdict("acknowledge", turned.why)
    if turned.turned == "again":
        return _again(attempt, turned.why)
    return Verdict("dead_letter", turned.why, turned.pointer)


def _again(attempt: int, why: str) -> Verdict:
    ceiling = min(2.0 ** min(max(attempt, 1) - 1, 16), _LONGEST_WAIT)
    return Verdict("again", why, after=ceiling * (0.5 + random.random() / 2))


def _of_rejected(rejected: Rejected) -> Turned:
    match rejected.code:
        case "too_large" | "too_deep":
            return dead(rejected.code)
        case "malformed":
            return dead("not_json")
        case "no_type":
            return dead("not_an_event", "/type")
        case "unknown_type":
            return dead("unknown_type", "/type")
        case "other_type":
            return dead("wrong_type", "/type")
        case "invalid":
            return dead("refused_by_schema", rejected.pointers()[0])
