"""A subscriber in a Lambda function behind a queue. What is not settled is named in the answer
(``ReportBatchItemFailures`` must be on). FIFO queues are not served."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .deadletters import DeadLetters, put_aside
from .subscribe import Subscriber


def handle_sqs_batch(
    subscriber: Subscriber,
    payload: Mapping[str, Any],
    *,
    time_left: float,
    dead_letters: DeadLetters | None = None,
) -> dict[str, list[dict[str, str]]]:
    """Takes one invocation, one message after the other. What was not begun when ``time_left``
    seconds have passed comes again: give it less than the function's time, by as much as one
    handler may take.

    Raises :class:`TypeError` for a payload whose records cannot be named: the invocation must
    fail."""
    records = payload.get("Records") if isinstance(payload, Mapping) else None
    if not isinstance(records, list) or not all(_is_named(record) for record in records):
        raise TypeError("not a batch of a queue")
    end = time.monotonic() + time_left
    failures = []
    for record in records:
        if time.monotonic() >= end or not _settle(subscriber, record, dead_letters):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _is_named(record: object) -> bool:
    return isinstance(record, Mapping) and isinstance(record.get("messageId"), str)


def _settle(
    subscriber: Subscriber, record: Mapping[str, Any], dead_letters: DeadLetters | None
) -> bool:
    body = record.get("body")
    if record.get("eventSource") != "aws:sqs" or not isinstance(body, str):
        return False
    count = str((record.get("attributes") or {}).get("ApproximateReceiveCount", "1"))
    verdict = subscriber.take(body, int(count) if count.isascii() and count.isdigit() else 1)
    if verdict.verdict == "dead_letter":
        return put_aside(dead_letters, subscriber.consumer, body, verdict)
    return verdict.verdict == "acknowledge"
