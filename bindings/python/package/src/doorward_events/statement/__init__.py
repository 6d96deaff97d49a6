"""Signed statements: what an issuer says so that a gateway believes it. Needs ``cryptography``
(``pip install doorward-events[sign]``)."""

from __future__ import annotations

from .ask import Accepts, Address, Grant, GrantUse, Request, Revocation, VendorOrder
from .issuer import IssueError, Issued, Issuer
from .issuers import BadIssuerList, IssuerList, TrustedKey, open_issuer_list, sign_issuer_list
from .jws import BadJws
from .keys import BadKey, KmsSigner, LocalSigner, PublicKey, Signer
from .verify import Audience, Denial, Verified, verify

__all__ = [
    "Accepts",
    "Address",
    "Audience",
    "BadIssuerList",
    "BadJws",
    "BadKey",
    "Denial",
    "Grant",
    "GrantUse",
    "IssueError",
    "Issued",
    "Issuer",
    "IssuerList",
    "KmsSigner",
    "LocalSigner",
    "PublicKey",
    "Request",
    "Revocation",
    "Signer",
    "TrustedKey",
    "VendorOrder",
    "Verified",
    "open_issuer_list",
    "sign_issuer_list",
    "verify",
]
