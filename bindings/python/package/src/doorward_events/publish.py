"""Publishing: batches within the bus's limits, retries per entry with jitter, and one result for
every event. The bus's client is handed in, and no SDK is needed to install this package."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .envelope import Draft
from .text import bounded_text

MAX_BATCH_ENTRIES = 10
"""The most entries of one call."""
MAX_BATCH_BYTES = 1_000_000
"""The most bytes of one call, counted by :func:`entry_size`. The bus's own limit is 1 MB; this is
the smaller reading of it."""

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 60.0
_LONGEST_MESSAGE = 256

Meaning = Literal["retry", "denied", "refused"]

# Beginnings of codes: AWS names the same fault with and without `Exception`.
_MEANINGS: tuple[tuple[str, Meaning], ...] = (
    ("InternalFailure", "retry"),
    ("InternalException", "retry"),
    ("InternalServer", "retry"),
    ("Throttl", "retry"),
    ("TooManyRequests", "retry"),
    ("ServiceUnavailable", "retry"),
    ("RequestTimeout", "retry"),
    ("AccessDenied", "denied"),
    ("ExpiredToken", "denied"),
    ("UnrecognizedClient", "denied"),
    ("InvalidClientTokenId", "denied"),
    ("InvalidSignature", "denied"),
    ("IncompleteSignature", "denied"),
    ("SignatureDoesNotMatch", "denied"),
    ("RequestExpired", "denied"),
    ("RequestTimeTooSkewed", "denied"),
    ("MissingAuthenticationToken", "denied"),
    ("NoCredentials", "denied"),
    ("PartialCredentials", "denied"),
    ("NotAuthorized", "denied"),
    ("OptInRequired", "denied"),
    ("InvalidAccountId", "denied"),
    ("OperationDisabled", "denied"),
    ("RedactionFailure", "denied"),
    ("ResourceNotFound", "denied"),
    ("InvalidArgument", "refused"),
    ("MalformedDetail", "refused"),
    ("Validation", "refused"),
    ("PayloadTooLarge", "refused"),
    ("RequestEntityTooLarge", "refused"),
)


class EventsClient(Protocol):
    """What of boto3's ``events`` client is used. Give it ``Config(retries={"total_max_attempts":
    1}, read_timeout=10)``: retries are made here."""

    def put_events(self, *, Entries: Any) -> Any:
        """One call of ``PutEvents``."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one event.

    ``accepted``: the bus has it; after more than one attempt it may be there twice, with the same
    id. ``refused``: the bus will never take it. ``denied``: credentials, permission or the bus are
    missing. ``gave_up``: the time is over; it may have arrived all the same."""

    status: Literal["accepted", "refused", "denied", "gave_up"]
    id: str
    attempts: int
    bus_id: str | None = None
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Fault:
    meaning: Meaning
    code: str
    message: str


def _meaning(code: str) -> Meaning | None:
    bare = code.rpartition("#")[2]
    return next((meaning for start, meaning in _MEANINGS if bare.startswith(start)), None)


def meaning_of(code: str) -> Meaning:
    """What an error code means. One that no rule knows is retried: nothing is lost on a guess."""
    return _meaning(code) or "retry"


def entry_size(draft: Draft) -> int:
    """The size of an entry by ``PutEvents``' rule."""
    return sum(len(text.encode()) for text in (draft.source, draft.event_type, draft.detail))


def batches(drafts: Sequence[tuple[int, Draft]]) -> Iterator[list[tuple[int, Draft]]]:
    """Cuts events, each with its place, into batches within the limits, in order."""
    batch: list[tuple[int, Draft]] = []
    size = 0
    for place, draft in drafts:
        more = entry_size(draft)
        if batch and (len(batch) == MAX_BATCH_ENTRIES or size + more > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((place, draft))
        size += more
    if batch:
        yield batch


def delay(failures: int, outage: float, jitter: float) -> float:
    """How long to wait after so many failures, in seconds: full jitter, bounded."""
    doubled = _FIRST_WAIT * 2 ** (min(max(failures, 1), 16) - 1)
    ceiling = min(doubled, _LONGEST_WAIT, max(outage, _FIRST_WAIT))
    return float(ceiling * min(max(jitter, 0.05), 1.0))


class Publisher:
    """Publishes events on one bus."""

    def __init__(self, client: EventsClient, *, bus: str, give_up_after: float = 60.0) -> None:
        """``bus``: its name or ARN. ``give_up_after``: how long an event is tried, in seconds."""
        self._client = client
        self._bus = bus
        self._give_up_after = give_up_after

    def publish(self, drafts: Sequence[Draft]) -> list[Result]:
        """Publishes all of them and answers for each, in order. What may be retried is, with the
        same id and the same bytes. An event that is retried arrives after later ones of the same
        call."""
        begun = time.monotonic()
        results: dict[int, Result] = {}
        waiting = list(enumerate(drafts))
        attempts = 0
        while waiting:
            attempts += 1
            again: list[tuple[int, Draft]] = []
            passed = time.monotonic() - begun
            wait = delay(attempts, passed, random.random())
            for batch in batches(waiting):
                for (place, draft), outcome in zip(batch, self._put(batch), strict=True):
                    if isinstance(outcome, str):
                        results[place] = Result("accepted", draft.id, attempts, outcome)
                        continue
                    status: Literal["refused", "denied", "gave_up"] = "gave_up"
                    if outcome.meaning != "retry":
                        status = outcome.meaning
                    elif wait < self._give_up_after - passed:
                        again.append((place, draft))
                        continue
                    code, message = outcome.code, outcome.message
                    results[place] = Result(status, draft.id, attempts, None, code, message)
            waiting = again
            if waiting:
                time.sleep(wait)
        return [results[place] for place in range(len(drafts))]

    def _put(self, batch: Sequence[tuple[int, Draft]]) -> list[str | _Fault]:
        """A call refused as a whole may be the fault of one entry: alone, each gets its own
        outcome."""
        outcomes = self._call(batch)
        if isinstance(outcomes, list):
            return outcomes
        if outcomes.meaning != "refused" or len(batch) == 1:
            return [outcomes] * len(batch)
        singles: list[str | _Fault] = []
        for one in batch:
            single = self._call([one])
            singles.append(single[0] if isinstance(single, list) else single)
        return singles

    def _call(self, batch: Sequence[tuple[int, Draft]]) -> list[str | _Fault] | _Fault:
        entries = []
        for _, draft in batch:
            entry = {
                "EventBusName": self._bus,
                "Source": draft.source,
                "DetailType": draft.event_type,
                "Detail": draft.detail,
            }
            if draft.trace_header is not None:
                entry["TraceHeader"] = draft.trace_header
            entries.append(entry)
        try:
            answer = self._client.put_events(Entries=entries)
        except Exception as error:
            return _of_error(error)
        answers = list(answer.get("Entries", []))[: len(batch)]
        answers += [{}] * (len(batch) - len(answers))
        return [_of_entry(entry) for entry in answers]


def _of_entry(entry: Mapping[str, Any]) -> str | _Fault:
    if entry.get("ErrorCode"):
        return _fault(str(entry["ErrorCode"]), str(entry.get("ErrorMessage", "")))
    if entry.get("EventId"):
        return str(entry["EventId"])
    return _Fault("retry", "NoResult", "neither an event id nor an error code")


def _of_error(error: Exception) -> _Fault:
    """boto3's errors without naming boto3: a client error has a ``response``."""
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    said = response.get("Error", {})
    code = str(said.get("Code") or type(error).__name__)
    fault = _fault(code, str(said.get("Message") or ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if _meaning(code) is None and status in (401, 403, 413):
        return _Fault("refused" if status == 413 else "denied", fault.code, fault.message)
    return fault


def _fault(code: str, message: str) -> _Fault:
    bounded = bounded_text(message, _LONGEST_MESSAGE)
    return _Fault(meaning_of(code), bounded_text(code, _LONGEST_MESSAGE), bounded)
