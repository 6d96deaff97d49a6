"""A subscriber at an SQS queue: long polling, and deleting what is settled and nothing else."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from .deadletters import DeadLetters, put_aside
from .publish import delay
from .subscribe import Subscriber

_MOST_PER_CALL = 10
_TRIES = 4
# The longest that SQS hides a message, in seconds.
_LONGEST_HIDDEN = 43_200


class SqsClient(Protocol):
    """What of boto3's ``sqs`` client is used."""

    def receive_message(
        self,
        *,
        QueueUrl: str,
        MaxNumberOfMessages: int,
        WaitTimeSeconds: int,
        VisibilityTimeout: int,
        MessageSystemAttributeNames: Any,
    ) -> Any:
        """One call of ``ReceiveMessage``."""

    def delete_message_batch(self, *, QueueUrl: str, Entries: Any) -> Any:
        """One call of ``DeleteMessageBatch``."""

    def change_message_visibility(
        self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int
    ) -> Any:
        """One call of ``ChangeMessageVisibility``."""

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> Any:
        """One call of ``SendMessage``."""


class DeadLetterQueue:
    """A queue of dead letters."""

    def __init__(self, client: SqsClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, body: str, attributes: Mapping[str, str]) -> None:
        """See :meth:`~.deadletters.DeadLetters.put`."""
        named = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in attributes.items()
        }
        self._client.send_message(
            QueueUrl=self._queue_url, MessageBody=body, MessageAttributes=named
        )


class Consumer:
    """Consumes one standard queue, one message after the other. Run several for more at once."""

    def __init__(
        self,
        client: SqsClient,
        subscriber: Subscriber,
        *,
        queue_url: str,
        dead_letters: DeadLetters,
        wait: int = 20,
        visibility: int = 60,
    ) -> None:
        """``wait``: seconds that a call waits for messages, 0 to 20. ``visibility``: seconds that a
        message is hidden: longer than ten handlers may take."""
        self._client = client
        self._subscriber = subscriber
        self._queue_url = queue_url
        self._dead_letters = dead_letters
        self._wait = wait
        self._visibility = visibility

    def run(self, stop: threading.Event) -> None:
        """Consumes until ``stop`` is set; the messages that were received by then are settled
        first."""
        failures, since = 0, 0.0
        while not stop.is_set():
            try:
                self.once()
                failures = 0
            except Exception:
                if failures == 0:
                    since = time.monotonic()
                failures += 1
                stop.wait(delay(failures, time.monotonic() - since, random.random()))

    def once(self) -> int:
        """Receives once and settles what came. Returns how many messages that were."""
        answer = self._client.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=_MOST_PER_CALL,
            WaitTimeSeconds=self._wait,
            VisibilityTimeout=self._visibility,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages = list(answer.get("Messages", []))
        settled = [receipt for message in messages if (receipt := self._settle(message))]
        self._delete(settled)
        return len(messages)

    def _settle(self, message: Mapping[str, Any]) -> str | None:
        """The receipt of a message that is to be deleted."""
        receipt, body = message.get("ReceiptHandle"), str(message.get("Body", ""))
        if not isinstance(receipt, str):
            return None
        count = str(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
        attempt = int(count) if count.isascii() and count.isdigit() else 1
        verdict = self._subscriber.take(body, attempt)
        if verdict.verdict == "acknowledge":
            return receipt
        if verdict.verdict == "dead_letter":
            consumer = self._subscriber.consumer
            return receipt if put_aside(self._dead_letters, consumer, body, verdict) else None
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=receipt,
                VisibilityTimeout=min(math.ceil(verdict.after), _LONGEST_HIDDEN),
            )
        except Exception:
            # It comes again after the queue's own time.
            return None
        return None

    def _delete(self, receipts: list[str]) -> None:
        """What cannot be deleted comes again, and the store knows it."""
        left = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(receipts)]
        for attempt in range(1, _TRIES + 1):
            if not left:
                return
            if attempt > 1:
                time.sleep(delay(attempt, math.inf, random.random()))
            try:
                answer = self._client.delete_message_batch(QueueUrl=self._queue_url, Entries=left)
            except Exception:
                # All of them are tried again.
                continue
            failed = {entry.get("Id") for entry in answer.get("Failed", [])}
            left = [entry for entry in left if entry["Id"] in failed]
