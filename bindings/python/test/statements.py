"""Does what the suite of statements asks: a file with one JSON object a line, an answer for
each."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

from doorward_events import PublisherId, Rejected, read_any, types
from doorward_events.statement import (
    Accepts,
    Address,
    Audience,
    BadIssuerList,
    BadJws,
    BadKey,
    Denial,
    Grant,
    GrantUse,
    IssueError,
    Issuer,
    LocalSigner,
    PublicKey,
    Request,
    Revocation,
    VendorOrder,
    open_issuer_list,
    sign_issuer_list,
    verify,
)
from doorward_events.statement.jws import parse


def issue(task: dict[str, Any]) -> dict[str, Any]:
    signer = LocalSigner.from_seed(task["kid"], bytes.fromhex(task["seed"]))
    issuer = Issuer(signer, PublisherId(task["publisher"], "eu-1"))
    accepts = Accepts(**task["accepts"])
    address = Address(**task["address"])
    at, until, given = task["at"], task["until"], task["id"]
    match task["what"]:
        case "grant":
            grant = Grant(
                address=address,
                grant_id=given,
                subject_ref=task["subject_ref"],
                actions=["unlock"],
                issued_at=at,
                not_before=at,
                expires_at=until,
                min_interval_s=5,
                schedule={
                    "windows": [{"day": "monday", "from": "08:00", "to": "18:00"}],
                    "holidays": ["2026-12-25"],
                },
            )
            issued = issuer.grant(accepts, grant)
        case "revoke":
            revocation = Revocation(
                address=address, grant_id=given, issued_at=at, expires_at=until
            )
            issued = issuer.revoke(accepts, revocation)
        case "unlock":
            request = Request(
                address=address,
                request_id=given,
                subject_ref=task["subject_ref"],
                issued_at=at,
                grant=GrantUse(**task["grant"]) if "grant" in task else None,
            )
            issued = issuer.request(types.ENTRY_UNLOCK_REQUESTED, accepts, request)
        case "attest":
            issued = issuer.attest(accepts, address, "c" * 32, at)
        case _:
            order = VendorOrder(vendor="zigbee", isolated=True, version=7, issued_at=at)
            issued = issuer.order_vendor(accepts, address, order)
    return {"signed": issued.signed, "event": issued.draft.detail}


def answer(task: dict[str, Any]) -> dict[str, Any]:
    match task["do"]:
        case "issue":
            return issue(task)
        case "parse":
            return {"kid": parse(task["text"], task["kind"]).kid}
        case "key":
            return {"key": PublicKey.from_base64url(task["text"]).to_base64url()}
        case "list":
            signer = LocalSigner.from_seed(task["kid"], bytes.fromhex(task["seed"]))
            return {"signed": sign_issuer_list(signer, task["statement"])}
        case _:
            now = datetime.fromisoformat(task["at"])
            root = PublicKey.from_base64url(task["root"])
            trusted = open_issuer_list(task["list"], root, task["at_least"], now)
            audience = Audience(**task["audience"])
            verified = verify(read_any(task["event"]), trusted.keys, audience, now)
            return {
                "kid": verified.kid,
                "believed_until": verified.believed_until,
                "grant": verified.grant is not None,
            }


def guarded(task: dict[str, Any]) -> dict[str, Any]:
    try:
        return answer(task)
    except Denial as denial:
        return {"refused": denial.reason}
    except Rejected as rejected:
        return {"refused": rejected.code}
    except (BadJws, IssueError, BadIssuerList) as bad:
        return {"refused": bad.fault}
    except BadKey:
        return {"refused": "bad_key"}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as tasks:
        for line in tasks:
            print(json.dumps(guarded(json.loads(line))))


if __name__ == "__main__":
    main()
