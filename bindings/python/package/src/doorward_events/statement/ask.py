"""What an issuer is asked to sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..envelope import Envelope
from ..read import Received


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a gateway said of itself when it started: an issuer never sends what would be
    misread."""

    gateway: str
    tenant_id: str
    journal_id: str
    """The journal that grants are issued against."""
    types: Mapping[str, Sequence[str]]
    """The types that it reads, with their versions."""

    @classmethod
    def of_started(cls, started: Received[Any]) -> Accepts | None:
        """What a received ``gateway.started`` says; ``None`` without an origin. Whoever received
        it must have compared its publisher with the bus's ``Source``, as a subscriber does."""
        if started.origin is None or started.type != "gateway.started":
            return None
        return cls(
            gateway=started.envelope.publisher.instance,
            tenant_id=started.envelope.tenant_id,
            journal_id=started.origin.journal_id,
            types={known["type"]: known["versions"] for known in started.data["accepts"]},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which gateway, at which entry, and in answer to what."""

    tenant_id: str
    gateway: str
    """The one gateway that moves the door: its publisher's instance."""
    entry_id: str | None = None
    """The entry; only what is said to the gateway itself names none."""
    site_id: str | None = None
    cause: Envelope | None = None
    """The event that led to this; its act and its trace go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who may do what, when and how often."""

    address: Address
    subject_ref: str
    """A pseudonym drawn per tenant; never a name."""
    actions: Sequence[str]
    not_before: datetime | str
    expires_at: datetime | str
    """At most 366 days later."""
    grant_id: str | None = None
    """A new one for every grant; made if it is not given."""
    issued_at: datetime | str | None = None
    max_uses: int = 1
    min_interval_s: int | None = None
    schedule: Mapping[str, Any] | None = None
    """The definition ``WeeklySchedule``; ``None``: always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The end of a grant before its time."""

    address: Address
    grant_id: str
    expires_at: datetime | str
    """The grant's own end."""
    issued_at: datetime | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantUse:
    """The grant that a request relies on."""

    grant_id: str
    journal_id: str
    """The journal that it was issued against."""
    signed: str | None = None
    """Its compact JWS, for a gateway that may not have it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One act, now."""

    address: Address
    subject_ref: str
    request_id: str | None = None
    """Stable across every resend; made if it is not given."""
    grant: GrantUse | None = None
    challenge: str | None = None
    """What the gateway asked to have back, while its clock is not trusted."""
    issued_at: datetime | str | None = None
    lifetime_s: float = 15.0
    """The deadline, from ``issued_at``: at most 60."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorOrder:
    """Whether a vendor's process may run at a gateway."""

    vendor: str
    isolated: bool
    version: int
    """Higher than that of every order for this vendor at this gateway before."""
    issued_at: datetime | str | None = None
