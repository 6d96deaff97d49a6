"""The platform's layer of an event, and the one way to make an event that may leave."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .contract import EventType, R, S, W, validator
from .generated.contract import CONTRACT
from .jsontext import parse, write
from .uuid7 import uuid7
from .validate import MAX_EVENT_BYTES, check, refused


@dataclass(frozen=True, slots=True)
class PublisherId:
    """Who publishes. On the bus, ``Source`` is ``name/instance``."""

    name: str
    """The registered name."""
    instance: str
    """Which of its instances, at most 64 characters."""

    @property
    def source(self) -> str:
        """The bus's ``Source``."""
        return f"{self.name}/{self.instance}"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """W3C trace context."""

    traceparent: str
    tracestate: str | None = None

    def xray_header(self) -> str | None:
        """The same as an AWS X-Ray header; ``None`` if it is malformed."""
        form = r"[^-]*-([0-9a-fA-F]{8})([0-9a-fA-F]{24})-([0-9a-fA-F]{16})-([0-9a-fA-F]{1,2})(?:-|\Z)"
        found = re.match(form, self.traceparent)
        if found is None:
            return None
        sampled = int(found[4], 16) & 1
        return f"Root=1-{found[1]}-{found[2]};Parent={found[3]};Sampled={sampled}"


def now() -> str:
    """This instant: RFC 3339 in UTC."""
    return instant(datetime.now(UTC))


def instant(at: datetime) -> str:
    """An instant as events hold it. Raises :class:`ValueError` for one without a zone."""
    if at.tzinfo is None:
        raise ValueError("an instant has a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything about an event except its type and data. By default of something that happens
    now, with a new id."""

    publisher: PublisherId
    tenant_id: str
    """Whose building."""
    id: str = field(default_factory=uuid7)
    """UUID version 7: consumers deduplicate by it."""
    time: str = field(default_factory=now)
    """When it happened: RFC 3339 in UTC."""
    test: bool = False
    """Not to be acted upon outside a test."""
    site_id: str | None = None
    entry_id: str | None = None
    endpoint_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    trace_context: TraceContext | None = None

    def caused_by(self, cause: Envelope) -> Envelope:
        """Following from a received event: its act and its trace go on."""
        return replace(
            self,
            correlation_id=self.correlation_id or cause.correlation_id or cause.id,
            causation_id=cause.id,
            trace_context=self.trace_context or cause.trace_context,
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """A valid event, ready to leave. Only :func:`seal` makes one."""

    id: str
    event_type: str
    source: str
    detail: str = field(repr=False)
    """The exact text of the event."""
    trace_header: str | None = None
    """The event's trace as an X-Ray header."""


# What the Rust library leaves room for in every event: a gateway's origin.
_ROOM_FOR_ORIGIN = 512


def seal(event_type: EventType[W, R, S], envelope: Envelope, data: W) -> Draft:
    """Composes an event and validates it once against the writer's form.

    Raises :class:`~.validate.Rejected` for a type that is not this publisher's, whatever the
    schema refuses, numbers that JSON cannot hold, and events that are too long. Types that only
    gateways publish cannot be made here: they need a gateway's origin."""
    name, publisher = event_type.name, envelope.publisher
    registered = CONTRACT.publishers.get(publisher.name)
    if registered is None or name not in registered.publishes:
        message = "is not registered in schemas/publishers.json for this type"
        raise refused("invalid", message, "/publisher/name")
    if not event_type.publish or event_type.direction == "from_gateway":
        raise refused("unknown_type", "these bindings were not made to publish this type", "/type")
    trace = envelope.trace_context
    event: dict[str, Any] = {
        "id": envelope.id,
        "type": name,
        "schema_version": event_type.version,
        "time": envelope.time,
        "publisher": {"name": publisher.name, "instance": publisher.instance},
        "tenant_id": envelope.tenant_id,
        "test": envelope.test,
        "site_id": envelope.site_id,
        "entry_id": envelope.entry_id,
        "endpoint_id": envelope.endpoint_id,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "trace_context": trace and {"traceparent": trace.traceparent, "tracestate": trace.tracestate},
        "data": data,
    }
    try:
        detail = write(event)
    except (ValueError, TypeError) as error:
        raise refused("invalid", f"data: {error}") from None
    check(validator(f"{name}.writer"), name, parse(detail))
    longest = MAX_EVENT_BYTES - _ROOM_FOR_ORIGIN
    size = len(detail.encode())
    if size > longest:
        raise refused("invalid", f"{size} bytes; at most {longest} are allowed")
    return Draft(
        id=envelope.id,
        event_type=name,
        source=publisher.source,
        detail=detail,
        trace_header=trace.xray_header() if trace else None,
    )
