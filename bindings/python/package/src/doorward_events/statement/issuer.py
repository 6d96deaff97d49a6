"""The issuing side: from what a service wants to what a gateway believes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from ..contract import AnyType, EventType, schema, validator
from ..envelope import Draft, Envelope, PublisherId, seal
from ..generated.contract import CONTRACT
from ..jsontext import Json, parse as parse_json, write
from ..uuid7 import uuid7
from ..validate import check
from .ask import Accepts, Address, Grant, Request, Revocation, VendorOrder
from .jws import BadJws, Kind, parse, sign
from .keys import Signer
from .times import as_instant, nanoseconds, of_nanoseconds

MAX_VALIDITY_S = 366 * 24 * 3600
"""The longest that a grant may be valid."""
MAX_REQUEST_LIFETIME_S = 60
"""The longest from a request to its deadline."""
# Has the form of a compact JWS and says nothing.
_STAND_IN = "e30.e30.AA"

IssueFault = Literal[
    "not_registered",
    "other_gateway",
    "other_tenant",
    "other_journal",
    "not_accepted",
    "other_grant",
    "window",
    "too_long",
    "not_bound",
]
"""Why nothing was issued, where it is not a schema's refusal."""

_FAULTS: dict[IssueFault, str] = {
    "not_registered": "the publisher is not registered in schemas/publishers.json for a type to "
    "gateways",
    "other_gateway": "the gateway that is addressed is not the one that said what it accepts",
    "other_tenant": "the gateway that said what it accepts is not of the tenant that is addressed",
    "other_journal": "the grant was issued against another journal than the gateway has: issue it "
    "anew",
    "not_accepted": "the gateway does not accept this type in the version that these bindings "
    "write",
    "other_grant": "the grant in the request is not the one that the request is for",
    "window": "the end is not after the beginning, or an instant is none",
    "too_long": "it would count for too long",
    "not_bound": "these bindings were not made to publish this type",
}


class IssueError(ValueError):
    """Nothing was issued."""

    def __init__(self, fault: IssueFault) -> None:
        self.fault: IssueFault = fault
        super().__init__(_FAULTS[fault])


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed statement, and the event that carries it."""

    draft: Draft
    """Its envelope and data are made from the statement, so that no copy differs."""
    data: dict[str, Json]
    statement: dict[str, Json]
    signed: str
    """The compact JWS, as in the data."""


class Issuer:
    """Signs what one publisher says to gateways: nothing that the addressed gateway would not
    read, that its own schema refuses, or that counts for too long."""

    def __init__(
        self,
        signer: Signer,
        publisher: PublisherId,
        longest_validity_s: float = MAX_VALIDITY_S,
    ) -> None:
        """Raises :class:`IssueError`."""
        registered = CONTRACT.publishers.get(publisher.name)
        publishes = registered.publishes if registered else frozenset()
        if not any(CONTRACT.types[name].direction == "to_gateway" for name in publishes):
            raise IssueError("not_registered")
        if not 0 < longest_validity_s <= MAX_VALIDITY_S:
            raise IssueError("too_long")
        self._signer = signer
        self._publisher = publisher
        self._longest_validity_s = longest_validity_s

    def grant(self, accepts: Accepts, grant: Grant) -> Issued:
        """Issues a grant against the journal that the gateway has."""
        not_before, expires_at = _instant(grant.not_before), _instant(grant.expires_at)
        _bounded(not_before, expires_at, self._longest_validity_s)
        own = {
            "journal_id": accepts.journal_id,
            "grant_id": grant.grant_id or uuid7(),
            "subject_ref": grant.subject_ref,
            "actions": list(grant.actions),
            "not_before": not_before,
            "expires_at": expires_at,
            "max_uses": grant.max_uses,
            "min_interval_s": grant.min_interval_s,
            "schedule": grant.schedule,
        }
        return self._issue(accepts, "grant.issued", "grant", grant.address, grant.issued_at, own)

    def revoke(self, accepts: Accepts, revocation: Revocation) -> Issued:
        """Takes a grant back: it counts against any journal."""
        own = {
            "grant_id": revocation.grant_id,
            "expires_at": _instant(revocation.expires_at),
        }
        address, at = revocation.address, revocation.issued_at
        return self._issue(accepts, "grant.revoked", "revocation", address, at, own)

    def request(
        self, event_type: EventType[Any, Any, Any], accepts: Accepts, request: Request
    ) -> Issued:
        """Asks for one act: ``issuer.request(types.ENTRY_UNLOCK_REQUESTED, …)``."""
        if event_type.statement != "RequestStatement":
            raise IssueError("not_bound")
        issued_at = _instant(request.issued_at or datetime.now(UTC))
        not_after = of_nanoseconds(nanoseconds(issued_at) + round(request.lifetime_s * 10**9))
        _bounded(issued_at, not_after, MAX_REQUEST_LIFETIME_S)
        grant = request.grant
        if grant is not None and grant.journal_id != accepts.journal_id:
            raise IssueError("other_journal")
        if grant is not None and grant.signed is not None:
            self._fits(request, grant.grant_id, grant.signed, accepts.journal_id)
        own = {
            "request_id": request.request_id or uuid7(),
            "subject_ref": request.subject_ref,
            "grant_id": grant and grant.grant_id,
            "grant": grant and grant.signed,
            "not_after": not_after,
            "challenge": request.challenge,
        }
        return self._issue(
            accepts, event_type.name, "request", request.address, issued_at, own
        )

    def attest(
        self,
        accepts: Accepts,
        address: Address,
        challenge: str,
        issued_at: datetime | str | None = None,
    ) -> Issued:
        """Says to a gateway what time it is, in answer to its challenge."""
        gateway = replace(address, entry_id=None)
        own = {"challenge": challenge}
        return self._issue(accepts, "time.attested", "time", gateway, issued_at, own)

    def order_vendor(self, accepts: Accepts, address: Address, order: VendorOrder) -> Issued:
        """Orders that a vendor's process at a gateway be isolated, or released."""
        gateway = replace(address, entry_id=None)
        own = {"vendor": order.vendor, "isolated": order.isolated, "version": order.version}
        name = "vendor.isolation_ordered"
        return self._issue(accepts, name, "vendor", gateway, order.issued_at, own)

    def _issue(
        self,
        accepts: Accepts,
        name: str,
        kind: Kind,
        address: Address,
        at: datetime | str | None,
        own: dict[str, Any],
    ) -> Issued:
        event_type = CONTRACT.types.get(name)
        if event_type is None or event_type.statement is None or not event_type.publish:
            raise IssueError("not_bound")
        if accepts.gateway != address.gateway:
            raise IssueError("other_gateway")
        if accepts.tenant_id != address.tenant_id:
            raise IssueError("other_tenant")
        if not any(knows(theirs, event_type.version) for theirs in accepts.types.get(name, ())):
            raise IssueError("not_accepted")
        issued_at = _instant(at or datetime.now(UTC))
        members = {
            "type": name,
            "schema_version": event_type.version,
            "issuer": self._publisher.name,
            "issued_at": issued_at,
            "tenant_id": address.tenant_id,
            "site_id": address.site_id,
            "gateway": address.gateway,
            "entry_id": address.entry_id,
            **own,
        }
        # Members by name, so that one statement is one text.
        payload = write(dict(sorted(members.items())))
        statement = parse_json(payload)
        check(validator(f"{event_type.statement}.statement"), name, statement)
        envelope = self._envelope(issued_at, address)
        copies = {name: statement[name] for name in copied(event_type) if name in statement}
        # Sealed once with a stand-in: whatever the event would be refused for is found before
        # anything is signed.
        seal(event_type, envelope, {**copies, "signed": _STAND_IN})
        signed = sign(self._signer, kind, payload)
        data = {**copies, "signed": signed}
        return Issued(seal(event_type, envelope, data), data, statement, signed)

    def _envelope(self, time: str, address: Address) -> Envelope:
        envelope = Envelope(
            self._publisher,
            address.tenant_id,
            time=time,
            site_id=address.site_id,
            entry_id=address.entry_id,
        )
        return envelope if address.cause is None else envelope.caused_by(address.cause)

    def _fits(self, request: Request, grant_id: str, signed: str, journal: str) -> None:
        """A grant that a request brings must be the one that it names, of this issuer, at this
        door, for this subject, of this journal. Whether it is signed well is the gateway's to
        say."""
        try:
            grant = parse(signed, "grant").payload
        except BadJws:
            raise IssueError("other_grant") from None
        address = request.address
        said = {
            "grant_id": grant_id,
            "issuer": self._publisher.name,
            "tenant_id": address.tenant_id,
            "gateway": address.gateway,
            "entry_id": address.entry_id,
            "subject_ref": request.subject_ref,
        }
        if type(grant) is not dict or any(grant.get(name) != value for name, value in said.items()):
            raise IssueError("other_grant")
        if grant.get("journal_id") != journal:
            raise IssueError("other_journal")


def copied(event_type: AnyType) -> list[str]:
    """The members of a type's ``data`` that are copies of its statement: all but ``signed``."""
    form = "writer" if event_type.publish else "reader"
    whole = parse_json(schema(f"{event_type.name}.{form}"))
    return [name for name in whole["properties"]["data"]["properties"] if name != "signed"]


def _instant(at: datetime | str) -> str:
    try:
        return as_instant(at)
    except ValueError:
        raise IssueError("window") from None


def _bounded(start: str, end: str, longest_s: float) -> None:
    length = nanoseconds(end) - nanoseconds(start)
    if length <= 0:
        raise IssueError("window")
    if length > longest_s * 10**9:
        raise IssueError("too_long")


def knows(ours: str, theirs: str) -> bool:
    """The same version, or another release of the same major one, which means the same. Drafts,
    with the major number 0, promise nothing to each other."""
    major, other = (version.split(".")[0] for version in (ours, theirs))
    return ours == theirs or (major == other and major != "0")
