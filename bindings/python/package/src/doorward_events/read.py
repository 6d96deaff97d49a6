"""What a consumer does with an event: validate it in the reader's form, then give it types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from .contract import EventType, R, S, W
from .envelope import Envelope, PublisherId, TraceContext
from .formats import is_instant
from .validate import checked, refused

D = TypeVar("D", covariant=True)


@dataclass(frozen=True, slots=True)
class ClockInterval:
    """The bounds of the true time."""

    earliest: str
    trust: str
    latest: str | None = None
    """Absent: nothing is promised."""


@dataclass(frozen=True, slots=True)
class GatewayOrigin:
    """Where an event stands in a gateway's journal."""

    recorded_at: str
    journal_id: str
    sequence: int
    type_sequence: int
    clock: ClockInterval | None = None


@dataclass(frozen=True, slots=True)
class Received(Generic[D]):
    """An event of a known type, as received."""

    type: str
    envelope: Envelope
    schema_version: str
    """The version that its writer had."""
    origin: GatewayOrigin | None
    """Present on every gateway's event."""
    data: D


def read(event_type: EventType[W, R, S], event: bytes | str) -> Received[R]:
    """Reads one event of this type in the reader's form: unknown members are skipped, unknown
    words of open enumerations kept. Raises :class:`~.validate.Rejected`."""
    return cast("Received[R]", read_any(event, event_type.name))


def read_any(event: bytes | str, expected: str | None = None) -> Received[object]:
    """The same for whatever type it is."""
    event_type, value, rules = checked(event, "reader", expected)
    known: dict[str, Any] = rules.known(value)
    data = known.pop("data")
    version = known.pop("schema_version")
    del known["type"]
    origin = _origin(known.pop("gateway", None))
    trace = known.pop("trace_context", None)
    envelope = Envelope(
        publisher=PublisherId(**known.pop("publisher")),
        trace_context=TraceContext(**trace) if trace else None,
        **known,
    )
    instants = [envelope.time]
    if origin is not None:
        instants.append(origin.recorded_at)
        if origin.clock is not None:
            instants.append(origin.clock.earliest)
            if origin.clock.latest is not None:
                instants.append(origin.clock.latest)
    if not all(map(is_instant, instants)):
        raise refused("invalid", "does not fit its type")
    return Received(event_type.name, envelope, version, origin, data)


def _origin(gateway: dict[str, Any] | None) -> GatewayOrigin | None:
    if gateway is None:
        return None
    clock = gateway.pop("clock", None)
    return GatewayOrigin(**gateway, clock=ClockInterval(**clock) if clock else None)
