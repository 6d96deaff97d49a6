"""The one form of a signature: compact JWS (RFC 7515) with Ed25519 (RFC 8037). Nothing is
negotiated: the header has ``alg``, ``kid`` and ``typ``, each once, and no other member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..jsontext import Json, NotJson, parse as parse_json
from .keys import Signer, from_base64url, is_key_id, to_base64url

Kind = Literal["grant", "request", "revocation", "time", "vendor", "issuers", "checkpoint"]
"""What a signature is for."""
Fault = Literal["too_long", "parts", "header", "algorithm", "purpose", "payload"]
"""Why a text is no JWS of the wanted kind."""

_MAX_HEADER_BYTES = 256
_SIGNATURE_BYTES = 64
_SIGNATURE_CHARACTERS = 86
MAX_BYTES: dict[Kind, int] = {
    "grant": 4096,
    "request": 8192,
    "revocation": 8192,
    "time": 8192,
    "vendor": 8192,
    "issuers": 96 * 1024,
    "checkpoint": 8192,
}
"""The longest compact JWS of a kind, in bytes."""


class BadJws(ValueError):
    """A text that is no JWS of the wanted kind."""

    def __init__(self, fault: Fault) -> None:
        self.fault: Fault = fault
        super().__init__(f"not a JWS of the wanted kind: {fault}")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A well-formed JWS of one kind. Nothing is known yet of who signed it."""

    kid: str
    payload: Json
    """No object in it has a member twice."""
    signing_input: str
    signature: bytes


def typ(kind: Kind) -> str:
    """The header's ``typ``."""
    return f"doorward-{kind}+jws"


def parse(text: str, wanted: Kind) -> Parsed:
    """Reads a compact JWS of the wanted kind. No signature is verified here. Raises
    :class:`BadJws`."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES[wanted]:
        raise BadJws("too_long")
    parts = text.split(".")
    if len(parts) != 3:
        raise BadJws("parts")
    if len(parts[0]) > -(-_MAX_HEADER_BYTES // 3) * 4:
        raise BadJws("too_long")
    header, payload, signature = map(from_base64url, parts)
    if header is None or payload is None or signature is None:
        raise BadJws("parts")
    if len(signature) != _SIGNATURE_BYTES:
        raise BadJws("parts")
    if len(header) > _MAX_HEADER_BYTES:
        raise BadJws("too_long")
    kid = _read_header(header, wanted)
    try:
        value = parse_json(payload.decode(), "refuse")
    except (NotJson, UnicodeDecodeError):
        raise BadJws("payload") from None
    return Parsed(kid, value, f"{parts[0]}.{parts[1]}", signature)


def _read_header(raw: bytes, wanted: Kind) -> str:
    try:
        header = parse_json(raw.decode(), "refuse")
    except (NotJson, UnicodeDecodeError):
        raise BadJws("header") from None
    if type(header) is not dict or type(header.get("alg")) is not str:
        raise BadJws("header")
    # Told apart even where the header would be refused anyway: it is the attack.
    if header["alg"] != "EdDSA":
        raise BadJws("algorithm")
    kid, purpose = header.get("kid"), header.get("typ")
    if type(kid) is not str or not is_key_id(kid) or type(purpose) is not str:
        raise BadJws("header")
    if purpose != typ(wanted):
        raise BadJws("purpose")
    if len(header) != 3:
        raise BadJws("header")
    return kid


def sign(signer: Signer, kind: Kind, payload: str) -> str:
    """Signs a payload. Raises :class:`ValueError` for one that would be too long; the signer is
    not asked."""
    header = f'{{"alg":"EdDSA","kid":"{signer.kid}","typ":"{typ(kind)}"}}'
    text = f"{to_base64url(header.encode())}.{to_base64url(payload.encode())}"
    length = len(text) + 1 + _SIGNATURE_CHARACTERS
    if length > MAX_BYTES[kind]:
        raise ValueError(f"{length} bytes would be signed; at most {MAX_BYTES[kind]} can be")
    return f"{text}.{to_base64url(signer.sign(text.encode()))}"
