"""The issuer list: which keys are believed. Its signer is the offline root key, pinned at set-up,
which signs nothing else; no other key can add one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ..contract import validator
from ..envelope import instant
from ..formats import is_instant
from ..jsontext import Json, parse as parse_json, write
from .jws import parse, sign
from .keys import BadKey, PublicKey, Signer
from .times import nanoseconds

ListFault = Literal["signature", "schema", "keys", "superseded", "expired", "not_bound"]
"""Why a list is not taken, or not signed."""
Scope = Literal["grant", "request", "time", "vendor"]
"""What a key may sign. A list may name other words: they allow nothing here."""


class BadIssuerList(ValueError):
    """A list that is not taken, or not signed."""

    def __init__(self, fault: ListFault) -> None:
        self.fault: ListFault = fault
        super().__init__(f"the issuer list: {fault}")


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that is believed within its scope."""

    public_key: PublicKey
    issuer: str
    """The publisher whose key it is."""
    may: frozenset[str]
    tenants: frozenset[str]
    sites: frozenset[str]
    """None: all."""
    longest_validity_s: int
    not_after: str
    """The end of its time, or of its list's if that is earlier."""


@dataclass(frozen=True, slots=True)
class IssuerList:
    """A list of keys that the root key signed."""

    version: int
    expires: str
    keys: Mapping[str, TrustedKey]
    """By key id."""


def open_issuer_list(signed: str, root: PublicKey, at_least: int, now: datetime) -> IssuerList:
    """Opens a list that this root key signed. ``at_least``: the highest version that was ever
    taken, so that an old list is not played back. ``now``: the latest that it may be.

    Raises :class:`~.jws.BadJws` or :class:`BadIssuerList`."""
    parsed = parse(signed, "issuers")
    if not root.verifies(parsed.signing_input.encode(), parsed.signature):
        raise BadIssuerList("signature")
    found = _read(parsed.payload, root)
    if found.version < at_least:
        raise BadIssuerList("superseded")
    if nanoseconds(instant(now)) > nanoseconds(found.expires):
        raise BadIssuerList("expired")
    return found


def sign_issuer_list(root: Signer, statement: Mapping[str, Any]) -> str:
    """Signs a list, for set-up tools. It is refused unless it would open."""
    text = write(statement)
    _read(parse_json(text), root.public_key)
    return sign(root, "issuers", text)


def _read(payload: Json, root: PublicKey) -> IssuerList:
    try:
        rules = validator("IssuerListStatement.statement")
    except FileNotFoundError:
        raise BadIssuerList("not_bound") from None
    if not rules.accepts(payload):
        raise BadIssuerList("schema")
    expires = payload["expires"]
    if not is_instant(expires):
        raise BadIssuerList("keys")
    seen = {root.to_base64url()}
    trusted: dict[str, TrustedKey] = {}
    for key in payload["keys"]:
        try:
            public_key = PublicKey.from_base64url(key["public_key"])
        except BadKey:
            raise BadIssuerList("keys") from None
        kid, text, not_after = key["kid"], key["public_key"], key["not_after"]
        if not is_instant(not_after) or text in seen or kid in trusted:
            raise BadIssuerList("keys")
        seen.add(text)
        trusted[kid] = TrustedKey(
            public_key=public_key,
            issuer=key["issuer"],
            may=frozenset(key["may"]),
            tenants=frozenset(key["tenants"]),
            sites=frozenset(key.get("sites", ())),
            longest_validity_s=key["longest_validity_s"],
            not_after=min(not_after, expires, key=nanoseconds),
        )
    return IssuerList(payload["version"], expires, trusted)
