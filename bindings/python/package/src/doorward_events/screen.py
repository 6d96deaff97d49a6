"""Everything that is decided of a delivery before a handler is asked, in the Rust library's
order."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from .contract import AnyType, RegisteredPublisher
from .generated.contract import CONTRACT
from .jsontext import NotJson, members, parse
from .validate import MAX_EVENT_BYTES

MAX_DELIVERY_BYTES = 256 * 1024
"""The longest delivery, in bytes: an event, and what the bus writes around it."""
_MAX_TEXT = 256

Why = Literal[
    "not_json",
    "not_a_delivery",
    "not_an_event",
    "too_large",
    "too_deep",
    "wrong_type",
    "wrong_source",
    "wrong_account",
    "wrong_tenant",
    "unregistered",
    "unknown_type",
    "unhandled_type",
    "newer_minor",
    "other_major",
    "refused_by_schema",
    "refused_by_handler",
    "test",
]
"""Why an event is not handed to a handler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What becomes of events that a handler cannot simply be given. There is no default."""

    unknown_type: Literal["ignore", "again", "dead_letter"]
    """A type that these bindings do not know."""
    unhandled_type: Literal["ignore", "again", "dead_letter"]
    """A known type without a handler."""
    newer_minor: Literal["accept", "again", "dead_letter"]
    """The writer's schema has the same major version and a newer minor one."""
    other_major: Literal["again", "dead_letter"]
    """The writer's schema has another major version."""
    unregistered: Literal["again", "dead_letter"]
    """The publisher is not registered for the type."""
    accounts: Literal["check", "trust"]
    """Whether the delivery's account must be one of its publisher's."""
    tests: Literal["handle", "skip"]
    """Events that are marked as a test."""


STRICT = Policies(
    unknown_type="dead_letter",
    unhandled_type="dead_letter",
    newer_minor="dead_letter",
    other_major="dead_letter",
    unregistered="dead_letter",
    accounts="check",
    tests="skip",
)
"""Nothing passes unseen: for whoever acts on events."""
TOLERANT = Policies(
    unknown_type="ignore",
    unhandled_type="ignore",
    newer_minor="accept",
    other_major="dead_letter",
    unregistered="dead_letter",
    accounts="trust",
    tests="skip",
)
"""Publishers may go ahead: for whoever only reads."""


@dataclass(frozen=True, slots=True)
class Turned:
    """What is decided without a handler."""

    turned: Literal["ignore", "again", "dead_letter"]
    why: Why
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """A delivery that may be looked into further."""

    event_type: AnyType
    source: str
    replay: str | None
    detail: str
    """The event's very text."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    source: str
    detail_type: str
    account: str | None
    replay: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class _Head:
    event_type: str
    version: str | None
    name: str
    source: str


def screen(
    body: str,
    policies: Policies,
    platform_accounts: Collection[str] | None,
    handled: Collection[str],
) -> Screened | Turned:
    """Looks at the size, the form, who sent it, its type and its version, in this order."""
    delivery = _delivery(body)
    if isinstance(delivery, Turned):
        return delivery
    head = _head(delivery.detail)
    if isinstance(head, Turned):
        return head
    if head.event_type != delivery.detail_type:
        return dead("wrong_type", "/type")
    if head.source != delivery.source:
        return dead("wrong_source", "/publisher")
    registered = CONTRACT.publishers.get(head.name)
    if policies.accounts == "check" and registered is not None:
        if not _may_come_from(registered, delivery.account, platform_accounts):
            return dead("wrong_account")
    event_type = CONTRACT.types.get(head.event_type)
    if event_type is None:
        return Turned(policies.unknown_type, "unknown_type", "/type")
    if event_type.name not in handled:
        return Turned(policies.unhandled_type, "unhandled_type", "/type")
    if registered is None or event_type.name not in registered.publishes:
        return Turned(policies.unregistered, "unregistered", "/publisher/name")
    other = _other_version(head.version, event_type.version)
    if other == "other_major":
        return Turned(policies.other_major, other, "/schema_version")
    if other is not None and policies.newer_minor != "accept":
        return Turned(policies.newer_minor, other, "/schema_version")
    return Screened(event_type, head.source, delivery.replay, delivery.detail)


def dead(why: Why, pointer: str | None = None) -> Turned:
    """A reason to put a delivery aside."""
    return Turned("dead_letter", why, pointer)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _delivery(body: str) -> _Delivery | Turned:
    if _size(body) > MAX_DELIVERY_BYTES:
        return dead("too_large")
    try:
        parse(body)
    except NotJson:
        return dead("not_json")
    once = ("source", "detail-type", "account", "replay-name", "detail")
    try:
        parts = members(body, once)
    except NotJson:
        return dead("not_a_delivery")
    texts: dict[str, str | None] = {}
    for name in once[:4]:
        value = parse(parts.get(name, "null"))
        if value is not None and (
            type(value) is not str or not value or _size(value) > _MAX_TEXT
        ):
            return dead("not_a_delivery")
        texts[name] = value
    source, detail_type = texts["source"], texts["detail-type"]
    if source is None or detail_type is None or "detail" not in parts:
        return dead("not_a_delivery")
    return _Delivery(source, detail_type, texts["account"], texts["replay-name"], parts["detail"])


def _head(detail: str) -> _Head | Turned:
    if _size(detail) > MAX_EVENT_BYTES:
        return dead("too_large")
    parts = _top(detail, ("id", "type", "schema_version", "publisher", "gateway"))
    if parts is None:
        return dead("not_an_event")
    event_type = parse(parts.get("type", "null"))
    if type(event_type) is not str:
        return dead("not_an_event", "/type")
    publisher = _top(parts.get("publisher", ""), ("name", "instance")) or {}
    name: Any = parse(publisher.get("name", "null"))
    instance: Any = parse(publisher.get("instance", "null"))
    if type(name) is not str or type(instance) is not str:
        return dead("not_an_event", "/publisher")
    version = parse(parts.get("schema_version", "null"))
    return _Head(
        event_type, version if type(version) is str else None, name, f"{name}/{instance}"
    )


def _top(text: str, once: Collection[str]) -> dict[str, str] | None:
    try:
        return members(text, once)
    except NotJson:
        return None


def _may_come_from(
    publisher: RegisteredPublisher, account: str | None, platform: Collection[str] | None
) -> bool:
    """Whether it may be this publisher's, from this account. Where the platform's accounts are
    not known, neither what has no account nor who has none listed can be judged."""
    if account is None:
        return platform is None
    if not publisher.accounts:
        return platform is None or account in platform
    return account in publisher.accounts


def _numbers(version: str | None) -> tuple[int, int] | None:
    found = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", version or "", re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def _other_version(
    theirs: str | None, ours: str
) -> Literal["other_major", "newer_minor"] | None:
    """A version that cannot be read is the schema's to refuse."""
    they, we = _numbers(theirs), _numbers(ours)
    if they is None or we is None:
        return None
    if they[0] != we[0]:
        return "other_major"
    return "newer_minor" if they[1] > we[1] else None
