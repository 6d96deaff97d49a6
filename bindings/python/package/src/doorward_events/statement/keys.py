"""Ed25519 keys and the names of keys, by the rules of the Rust library. Needs ``cryptography``."""

from __future__ import annotations

import base64
import re
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

MAX_KMS_MESSAGE_BYTES = 4096
"""The most bytes that KMS signs of a message that is not a digest."""
_PUBLIC_KEY_BYTES = 32
# What stands before the 32 bytes of a key in a `SubjectPublicKeyInfo` (RFC 8410).
_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
_FIELD = 2**255 - 19
# The y coordinates of the points of small order.
_SMALL_ORDER = frozenset(
    (
        0,
        1,
        _FIELD - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    )
)


class BadKey(ValueError):
    """Not a key, or not the name of one."""


def is_key_id(text: str) -> bool:
    """Whether the text is a key id: the definition ``KeyId``."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text) is not None


def key_id(text: str) -> str:
    """The same text. Raises :class:`BadKey` for one that is no key id."""
    if is_key_id(text):
        return text
    raise BadKey(
        "a key id has 1 to 64 letters, digits, '.', '_' and '-' and begins with a letter or digit"
    )


class PublicKey:
    """An Ed25519 public key that means one person: written canonically, and not of small order,
    under which anybody could sign."""

    def __init__(self, raw: bytes) -> None:
        """Raises :class:`BadKey`."""
        if len(raw) != _PUBLIC_KEY_BYTES:
            raise BadKey("an Ed25519 public key has 32 bytes")
        y = int.from_bytes(raw, "little") & (2**255 - 1)
        if y >= _FIELD:
            raise BadKey("the public key is not written canonically")
        if y in _SMALL_ORDER:
            raise BadKey("the public key has small order: anybody could sign for it")
        self._raw = raw
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    @classmethod
    def from_base64url(cls, text: str) -> PublicKey:
        """From base64url without padding, 43 characters. Raises :class:`BadKey`."""
        raw = from_base64url(text)
        if raw is None:
            raise BadKey("an Ed25519 public key has 43 characters of base64url")
        return cls(raw)

    @classmethod
    def from_spki(cls, der: bytes) -> PublicKey:
        """From a DER ``SubjectPublicKeyInfo``, as AWS KMS gives it. Raises :class:`BadKey`."""
        if not der.startswith(_SPKI_PREFIX):
            raise BadKey("not an Ed25519 SubjectPublicKeyInfo")
        return cls(der[len(_SPKI_PREFIX) :])

    def to_base64url(self) -> str:
        """The text that :meth:`from_base64url` reads."""
        return to_base64url(self._raw)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key's owner signed exactly this message."""
        try:
            self._key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer(Protocol):
    """Signs with one Ed25519 key: in this process, or where it never leaves."""

    @property
    def kid(self) -> str:
        """What the headers of its signatures name its key by."""

    @property
    def public_key(self) -> PublicKey:
        """The key under which its signatures verify."""

    def sign(self, message: bytes) -> bytes:
        """Signs exactly these bytes."""


class LocalSigner:
    """Signs with a key in memory: for development, for tests and for an offline root key."""

    def __init__(self, kid: str, key: Ed25519PrivateKey) -> None:
        """Raises :class:`BadKey`."""
        self.kid = key_id(kid)
        self._key = key
        self.public_key = PublicKey(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @classmethod
    def from_pem(cls, kid: str, pem: str) -> LocalSigner:
        """From unencrypted PKCS#8 in PEM, as ``openssl genpkey -algorithm ed25519`` writes it."""
        key = load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey("not an Ed25519 private key")
        return cls(kid, key)

    @classmethod
    def from_seed(cls, kid: str, seed: bytes) -> LocalSigner:
        """From the 32 bytes of a private key."""
        return cls(kid, Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, message: bytes) -> bytes:
        """See :meth:`Signer.sign`."""
        return self._key.sign(message)


class KmsClient(Protocol):
    """What of boto3's ``kms`` client is used."""

    def get_public_key(self, *, KeyId: str) -> Any:
        """One call of ``GetPublicKey``."""

    def sign(
        self, *, KeyId: str, Message: bytes, MessageType: Any, SigningAlgorithm: Any
    ) -> Any:
        """One call of ``Sign``."""


class KmsSigner:
    """Signs with a key that never leaves AWS KMS."""

    def __init__(self, client: KmsClient, key: str, kid: str) -> None:
        """Fetches and checks the public key. ``key`` is a key id, an ARN or an alias; ``kid`` is
        what signatures name the key by. Raises :class:`BadKey`."""
        answer = client.get_public_key(KeyId=key)
        spec, usage = answer.get("KeySpec"), answer.get("KeyUsage")
        if spec != "ECC_NIST_EDWARDS25519" or usage != "SIGN_VERIFY":
            raise BadKey("the KMS key is not for Ed25519 signatures")
        self.kid = key_id(kid)
        self.public_key = PublicKey.from_spki(bytes(answer["PublicKey"]))
        self._client = client
        self._arn = str(answer["KeyId"])

    def sign(self, message: bytes) -> bytes:
        """See :meth:`Signer.sign`."""
        if len(message) > MAX_KMS_MESSAGE_BYTES:
            raise BadKey(f"KMS signs at most {MAX_KMS_MESSAGE_BYTES} bytes")
        answer = self._client.sign(
            KeyId=self._arn,
            Message=message,
            MessageType="RAW",
            SigningAlgorithm="ED25519_SHA_512",
        )
        signature = bytes(answer.get("Signature", b""))
        # A key that was exchanged behind an alias is found here, before a gateway finds it.
        if not self.public_key.verifies(message, signature):
            raise BadKey("KMS's answer is not a signature of its key")
        return signature


def to_base64url(raw: bytes) -> str:
    """Base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes | None:
    """What canonical base64url without padding holds; ``None`` for anything else."""
    if re.fullmatch(r"[A-Za-z0-9_-]*", text) is None or len(text) % 4 == 1:
        return None
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return raw if to_base64url(raw) == text else None
