"""The receiving side of a statement: rows 1 and 2 of the access decision, and the journal of a
grant. Gateways are written in Rust; this is for services that check what they or others issued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ..contract import AnyType, validator
from ..draft4 import Validator, equal
from ..envelope import instant
from ..formats import is_instant
from ..generated.contract import CONTRACT
from ..jsontext import Json
from ..read import Received
from .issuer import MAX_REQUEST_LIFETIME_S, MAX_VALIDITY_S, copied, knows
from .issuers import Scope, TrustedKey
from .jws import BadJws, Kind, Parsed, parse
from .times import nanoseconds

Reason = Literal[
    "malformed_request",
    "unsupported_restriction",
    "unauthenticated_source",
    "invalid_signature",
    "issuer_not_authorized",
    "wrong_audience",
    "ledger_lost",
]
"""The published reason of a denial."""


class Denial(ValueError):
    """A statement that is not believed."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is spoken to: what it knows of itself, never from an event."""

    gateway: str
    tenant_id: str
    site_id: str | None = None
    journal_id: str | None = None
    """Without it, the journal of a grant is not compared."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement of a trusted issuer to this audience. Only :func:`verify` makes one."""

    statement: dict[str, Json]
    kid: str
    believed_until: str
    """When the key's time ends."""
    signed: str
    grant: Verified | None = None
    """The grant that a request brought along, verified like one that came alone."""


_KINDS: dict[str, tuple[Kind, Scope]] = {
    "GrantStatement": ("grant", "grant"),
    "RequestStatement": ("request", "request"),
    "RevocationStatement": ("revocation", "grant"),
    "TimeStatement": ("time", "time"),
    "VendorStatement": ("vendor", "vendor"),
}
_INSTANTS = ("issued_at", "not_before", "not_after", "expires_at")


@dataclass(frozen=True, slots=True)
class _Opened:
    event_type: AnyType
    statement: dict[str, Json]
    signed: str
    parsed: Parsed


def verify(
    received: Received[object],
    keys: Mapping[str, TrustedKey],
    audience: Audience,
    now: datetime,
) -> Verified:
    """Verifies what a received event says. ``now``: the latest that it may be. Not judged here:
    deadlines, the window of a grant, requests seen before, what the grant allows.

    Raises :class:`Denial`."""
    event_type = CONTRACT.types.get(received.type)
    data: Json = received.data
    signed = data.get("signed") if type(data) is dict else None
    if event_type is None or type(signed) is not str:
        raise _malformed("/data/signed: is missing")
    request = _open(event_type, signed)
    said = request.statement
    differs = next(
        (f"/data/{n}" for n in copied(event_type) if not _same(data, said, n)),
        _different_place(received, said),
    )
    if differs is not None:
        raise _malformed(f"{differs}: differs from the signed statement")
    inner = None
    if "grant" in said:
        grant_type = CONTRACT.types.get("grant.issued")
        if grant_type is None:
            raise _malformed("/grant: these bindings were made without grants")
        inner = _open(grant_type, said["grant"])
        names = ("grant_id", "tenant_id", "gateway", "entry_id", "subject_ref")
        if not all(_same(said, inner.statement, name) for name in names):
            raise _malformed("/grant: is not the grant that the request is for")
    latest = nanoseconds(instant(now))
    verified = _authenticate(request, keys, audience, latest)
    grant = _authenticate(inner, keys, audience, latest) if inner else None
    if grant is not None and said["issuer"] != grant.statement["issuer"]:
        text = "/grant: is another issuer's than the request"
        raise Denial("issuer_not_authorized", text)
    journals = {
        statement["journal_id"]
        for statement in (said, grant.statement if grant else {})
        if "journal_id" in statement
    }
    if audience.journal_id is not None and journals - {audience.journal_id}:
        text = "/journal_id: the grant was issued against another journal"
        raise Denial("ledger_lost", text)
    return replace(verified, grant=grant)


def _open(event_type: AnyType, signed: str) -> _Opened:
    statement_name = event_type.statement or ""
    if statement_name not in _KINDS:
        raise _malformed("not a type with such a statement")
    try:
        parsed = parse(signed, _KINDS[statement_name][0])
    except BadJws as bad:
        reason: Reason = "invalid_signature" if bad.fault == "algorithm" else "malformed_request"
        raise Denial(reason, str(bad)) from None
    payload = parsed.payload
    if type(payload) is not dict or payload.get("type") != event_type.name:
        raise _malformed("/type: is another type than the event's")
    rules = validator(f"{statement_name}.statement")
    if not rules.accepts(payload):
        raise _refused_by(rules, payload)
    if not knows(event_type.version, payload["schema_version"]):
        text = "/schema_version: is not known to these bindings"
        raise Denial("unsupported_restriction", text)
    if not all(is_instant(payload[name]) for name in _INSTANTS if name in payload):
        raise _malformed("an instant of the statement does not exist")
    span = _lifetime(event_type, payload)
    if span is not None and span[0] <= 0:
        raise _malformed("the end is not after the beginning")
    return _Opened(event_type, payload, signed, parsed)


def _refused_by(rules: Validator, payload: Json) -> Denial:
    """What only goes beyond these bindings is told from what is wrong."""
    errors = rules.errors(payload, 1 << 16)
    unknown = all(
        error.keyword == "additionalProperties"
        or (error.keyword == "enum" and type(_at(payload, error.pointer)) is str)
        for error in errors
    )
    text = "; ".join(f"{error.pointer}: {error.message}" for error in errors[:8])
    return Denial("unsupported_restriction" if unknown else "malformed_request", text)


def _at(value: Json, pointer: str) -> Json:
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if type(value) is list else value.get(name)
    return value


def _authenticate(
    opened: _Opened, keys: Mapping[str, TrustedKey], audience: Audience, latest: int
) -> Verified:
    parsed, said = opened.parsed, opened.statement
    key = keys.get(parsed.kid)
    if key is None:
        text = "the key that signed it is not trusted here"
        raise Denial("unauthenticated_source", text)
    if not key.public_key.verifies(parsed.signing_input.encode(), parsed.signature):
        raise Denial("invalid_signature", "the signature does not verify")
    beyond = _beyond(key, opened, audience, latest)
    if beyond is not None:
        raise Denial("issuer_not_authorized", beyond)
    if (
        said["gateway"] != audience.gateway
        or said["tenant_id"] != audience.tenant_id
        or said.get("site_id", audience.site_id) != audience.site_id
    ):
        text = "/gateway, /tenant_id, /site_id: is for somebody else"
        raise Denial("wrong_audience", text)
    return Verified(said, parsed.kid, key.not_after, opened.signed)


def _beyond(key: TrustedKey, opened: _Opened, audience: Audience, latest: int) -> str | None:
    """What is outside the key's scope, if anything."""
    said = opened.statement
    if latest > nanoseconds(key.not_after):
        return "the key's time is over"
    if said["issuer"] != key.issuer:
        return "/issuer: is not whose key it is"
    if _KINDS[opened.event_type.statement or ""][1] not in key.may:
        return "/type: the key may not sign this"
    if said["tenant_id"] not in key.tenants or (
        key.sites and said.get("site_id") not in key.sites
    ):
        return "the key may not speak of this place"
    if key.sites and audience.site_id not in key.sites:
        return "the key may not speak to a gateway at this site"
    span = _lifetime(opened.event_type, said)
    if span is not None:
        length, longest, bound_by_key = span
        longest = min(longest, key.longest_validity_s) if bound_by_key else longest
        if length > longest * 10**9:
            return "it would count for too long"
    return None


def _lifetime(event_type: AnyType, said: dict[str, Json]) -> tuple[int, int, bool] | None:
    """The length in nanoseconds, the longest in seconds, and whether the key shortens that."""
    if event_type.statement == "GrantStatement":
        length = nanoseconds(said["expires_at"]) - nanoseconds(said["not_before"])
        return length, MAX_VALIDITY_S, True
    if event_type.statement == "RequestStatement":
        length = nanoseconds(said["not_after"]) - nanoseconds(said["issued_at"])
        return length, MAX_REQUEST_LIFETIME_S, False
    return None


def _different_place(received: Received[object], said: dict[str, Json]) -> str | None:
    """The first member of the envelope that is not what the statement says."""
    envelope = received.envelope
    pairs = (
        ("tenant_id", envelope.tenant_id, said["tenant_id"]),
        ("site_id", envelope.site_id, said.get("site_id")),
        ("entry_id", envelope.entry_id, said.get("entry_id")),
        ("publisher/name", envelope.publisher.name, said["issuer"]),
        ("schema_version", received.schema_version, said["schema_version"]),
        ("test", envelope.test, False),
    )
    return next((f"/{name}" for name, theirs, ours in pairs if theirs != ours), None)


def _same(left: dict[str, Json], right: dict[str, Json], name: str) -> bool:
    """Absent equals absent only."""
    if name not in left or name not in right:
        return name not in left and name not in right
    return equal(left[name], right[name])


def _malformed(message: str) -> Denial:
    return Denial("malformed_request", message)
