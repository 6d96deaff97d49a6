"""A program of a service, for the tests of the clients:
``publish ENDPOINT BUS COUNT``, ``receive ENDPOINT QUEUE ASIDE COUNT``, ``kms ENDPOINT KEY``."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config

from doorward_events import Envelope, PublisherId, Received, reader, seal, types, writer
from doorward_events.publish import Publisher
from doorward_events.screen import TOLERANT
from doorward_events.sqs import Consumer, DeadLetterQueue
from doorward_events.statement import KmsSigner
from doorward_events.statement.jws import sign
from doorward_events.store import MemoryStore
from doorward_events.subscribe import Context, Subscriber

PATIENCE = 60.0


def publish(endpoint: str, bus: str, count: str) -> dict[str, Any]:
    sender = PublisherId("acme.delivery", "test-py")
    window: writer.DeliveryWindow = {
        "not_before": "2026-11-21T08:00:00Z",
        "expires_at": "2026-11-21T10:00:00Z",
    }
    drafts = []
    for n in range(int(count)):
        data: writer.DeliveryScheduled = {
            "delivery_id": f"d-{n}",
            "subject_ref": "s-7f3k9q2m",
            "window": window,
            "parcels": n + 1,
        }
        envelope = Envelope(sender, "acme", entry_id="front-door")
        drafts.append(seal(types.DELIVERY_SCHEDULED, envelope, data))
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client("events", endpoint_url=endpoint, config=once)
    results = Publisher(client, bus=bus, give_up_after=PATIENCE).publish(drafts)
    return {
        "accepted": sum(result.status == "accepted" for result in results),
        "attempts": max(result.attempts for result in results),
        "ids": sorted(result.id for result in results),
    }


def receive(endpoint: str, queue_url: str, aside: str, count: str) -> dict[str, Any]:
    client = boto3.client("sqs", endpoint_url=endpoint)
    handled: set[str] = set()
    failed: set[str] = set()

    def on_scheduled(event: Received[reader.DeliveryScheduled], _: Context) -> None:
        event_id = event.envelope.id
        if event.data["parcels"] == 3 and event_id not in failed:
            failed.add(event_id)
            raise RuntimeError("busy")
        if event_id in handled:
            raise RuntimeError("handled twice")
        handled.add(event_id)

    policies = replace(TOLERANT, tests="handle")
    subscriber = Subscriber("test", policies, MemoryStore(1000))
    subscriber.on(types.DELIVERY_SCHEDULED, on_scheduled)
    letters = DeadLetterQueue(client, aside)
    consumer = Consumer(client, subscriber, queue_url=queue_url, dead_letters=letters, wait=1)
    stop = threading.Event()
    running = threading.Thread(target=consumer.run, args=(stop,))
    running.start()
    end, quiet = time.monotonic() + PATIENCE, 0
    # A little longer than needed: nothing may come twice.
    while time.monotonic() < end and quiet < 10:
        time.sleep(0.1)
        quiet = quiet + 1 if len(handled) >= int(count) else 0
    stop.set()
    running.join()
    return {"handled": len(handled), "failed_once": len(failed), "ids": sorted(handled)}


def kms(endpoint: str, key: str) -> dict[str, Any]:
    signer = KmsSigner(boto3.client("kms", endpoint_url=endpoint), key, "kms-2026")
    signed = sign(signer, "time", '{"a":1}')
    return {"public_key": signer.public_key.to_base64url(), "signed": signed}


def main() -> None:
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "publish": publish,
        "receive": receive,
        "kms": kms,
    }
    command, *arguments = sys.argv[1:]
    print(json.dumps(commands[command](*arguments)))


if __name__ == "__main__":
    main()
