"""What needs no other language and no bus."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import Any, cast

import pytest

from doorward_events import (
    CLOUD_EVENT_MEDIA_TYPE,
    Draft,
    Envelope,
    PublisherId,
    Received,
    Rejected,
    TraceContext,
    from_cloud_event,
    read,
    reader,
    seal,
    to_cloud_event,
    types,
    uuid7,
    words,
    writer,
)
from doorward_events.aws_lambda import handle_sqs_batch
from doorward_events.jsontext import NotJson, parse, write
from doorward_events.publish import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ENTRIES,
    Publisher,
    batches,
    delay,
    entry_size,
    meaning_of,
)
from doorward_events.screen import STRICT, TOLERANT, Policies
from doorward_events.store import MemoryStore
from doorward_events.subscribe import Context, Never, Subscriber, Verdict

SENDER = PublisherId("acme.delivery", "eu-1")
SCHEDULED: writer.DeliveryScheduled = {
    "delivery_id": "d-1",
    "subject_ref": "s-1",
    "window": {"not_before": "2026-11-21T08:00:00Z", "expires_at": "2026-11-21T10:00:00Z"},
    "parcels": 2,
}


def draft(site_id: str | None = None) -> Draft:
    return seal(types.DELIVERY_SCHEDULED, Envelope(SENDER, "acme", site_id=site_id), SCHEDULED)


def delivery(of: Draft, **more: object) -> str:
    """As EventBridge delivers it."""
    head = {
        "version": "0",
        "id": uuid7(),
        "account": "111122223333",
        "source": of.source,
        "detail-type": of.event_type,
    }
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return json.dumps({**head, **named})[:-1] + f',"detail":{of.detail}}}'


def other(of: Draft, find: str, put: str) -> Draft:
    assert of.detail.count(find) == 1
    return replace(of, detail=of.detail.replace(find, put))


def test_ids_are_of_version_7_and_rise() -> None:
    ids = [uuid7() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(one[14] == "7" and one[19] in "89ab" for one in ids)
    assert abs(int(ids[-1].replace("-", "")[:12], 16) - time.time_ns() // 1_000_000) < 5000


def test_ids_of_threads_never_meet() -> None:
    found: list[list[str]] = []

    def draw() -> None:
        found.append([uuid7() for _ in range(1000)])

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for ids in found for one in ids}) == 8000


def test_what_is_invalid_is_not_sealed_and_its_value_is_not_shown() -> None:
    wrong: writer.DeliveryScheduled = {**SCHEDULED, "subject_ref": "Jane Doe, 4 Elm Street"}
    with pytest.raises(Rejected) as found:
        seal(types.DELIVERY_SCHEDULED, Envelope(SENDER, "acme"), wrong)
    assert "/data/subject_ref" in found.value.pointers()
    assert "Jane" not in str(found.value)
    stranger = Envelope(PublisherId("acme.property", "eu-1"), "acme")
    with pytest.raises(Rejected, match="registered"):
        seal(types.DELIVERY_SCHEDULED, stranger, SCHEDULED)
    gateway = Envelope(PublisherId("doorward.gateway", "gw-1"), "acme")
    with pytest.raises(Rejected):
        seal(types.VISIT_SECURED, gateway, cast("Any", {}))
    for bad in (float("nan"), float("inf"), 10**30, object(), "\ud800", True, 2.0, b"x"):
        data: writer.DeliveryScheduled = {**SCHEDULED, "parcels": cast("Any", bad)}
        with pytest.raises(Rejected):
            seal(types.DELIVERY_SCHEDULED, Envelope(SENDER, "acme"), data)


def test_an_event_follows_from_another_one() -> None:
    trace = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    cause = Envelope(SENDER, "acme", trace_context=trace)
    effect = Envelope(SENDER, "acme").caused_by(cause)
    assert effect.correlation_id == effect.causation_id == cause.id
    sealed = seal(types.DELIVERY_SCHEDULED, effect, SCHEDULED)
    header = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1"
    assert sealed.trace_header == header
    assert TraceContext("00-12-34-01").xray_header() is None
    received = read(types.DELIVERY_SCHEDULED, sealed.detail)
    assert received.envelope == effect


def test_open_words_are_kept_and_known_ones_told_apart() -> None:
    completed: writer.DeliveryCompleted = {"delivery_id": "d-1", "outcome": "delivered"}
    sealed = seal(types.DELIVERY_COMPLETED, Envelope(SENDER, "acme"), completed)
    newer = sealed.detail.replace('"delivered"', '"left_on_the_moon"')
    outcome = read(types.DELIVERY_COMPLETED, newer).data["outcome"]
    assert outcome == "left_on_the_moon"
    assert not words.is_delivery_outcome(outcome)
    assert words.is_delivery_outcome("delivered")


def test_an_event_becomes_a_cloudevents_message_and_comes_back() -> None:
    envelope = Envelope(SENDER, "acme", entry_id="front-door")
    sealed = seal(types.DELIVERY_SCHEDULED, envelope, SCHEDULED)
    message = to_cloud_event(sealed.detail)
    assert CLOUD_EVENT_MEDIA_TYPE == "application/cloudevents+json"
    found = json.loads(message)
    assert found["specversion"] == "1.0"
    assert found["source"] == sealed.source
    assert found["subject"] == found["entryid"] == "front-door"
    assert found["data"] == SCHEDULED
    assert from_cloud_event(message) == from_cloud_event(message.encode()) == sealed.detail
    newer = other(sealed, '"test"', '"lane":{"é":1.50},"test"').detail
    carried = to_cloud_event(newer.encode())
    assert json.loads(carried)["othermembers"] == '{"lane":{"\\u00e9":1.50}}'
    assert json.loads(from_cloud_event(carried)) == json.loads(newer)
    with pytest.raises(Rejected) as refused:
        from_cloud_event(message.replace('"test"', '"partitionkey":"x","test"'))
    assert (refused.value.code, refused.value.pointers()) == ("invalid", ["/partitionkey"])
    with pytest.raises(Rejected):
        to_cloud_event(other(sealed, '"parcels":2', '"parcels":0').detail)


def test_batches_keep_both_limits_and_the_order() -> None:
    small = [(n, draft()) for n in range(23)]
    assert [len(batch) for batch in batches(small)] == [10, 10, 3]
    large = [(n, replace(one, detail="x" * 60_000)) for n, one in small]
    for batch in batches(large):
        assert len(batch) <= MAX_BATCH_ENTRIES
        assert sum(entry_size(one) for _, one in batch) <= MAX_BATCH_BYTES
    assert [one for batch in batches(large) for one in batch] == large
    assert list(batches([])) == []


def test_waits_grow_to_their_bound_and_are_never_nothing() -> None:
    endless = float("inf")
    assert delay(1, endless, 1) == 0.2
    assert delay(3, endless, 1) == 0.8
    assert delay(99, endless, 1) == 60
    assert delay(99, 0, 1) == 0.2
    assert delay(1, endless, 0) > 0


def test_every_code_has_its_meaning() -> None:
    assert meaning_of("ThrottlingException") == "retry"
    assert meaning_of("com.amazonaws.events#ResourceNotFoundException") == "denied"
    assert meaning_of("ValidationException") == "refused"
    assert meaning_of("SomethingNew") == "retry"


class Answers:
    """Answers each entry by its site."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def put_events(self, *, Entries: Any) -> Any:
        self.calls.append(len(Entries))
        if any('"site_id":"bad"' in entry["Detail"] for entry in Entries):
            error = RuntimeError("no")
            cast("Any", error).response = {"Error": {"Code": "ValidationException"}}
            raise error
        codes = {"busy": "ThrottlingException", "closed": "AccessDeniedException"}
        answers = []
        for entry in Entries:
            site = json.loads(entry["Detail"]).get("site_id")
            code = codes.get(site)
            answers.append({"ErrorCode": code} if code else {"EventId": "bus-1"})
        return {"Entries": answers}


def test_each_event_gets_its_own_result_and_gives_up_in_time() -> None:
    client = Answers()
    drafts = [draft(site) for site in ("hq", "busy", "closed", "hq")]
    results = Publisher(client, bus="doors", give_up_after=0.7).publish(drafts)
    assert [one.status for one in results] == ["accepted", "gave_up", "denied", "accepted"]
    assert [one.id for one in results] == [one.id for one in drafts]
    assert len(client.calls) >= 2
    assert all(count == 1 for count in client.calls[1:])


def test_a_call_refused_as_a_whole_is_asked_for_each_entry_alone() -> None:
    drafts = [draft(site) for site in ("hq", "bad", "hq")]
    results = Publisher(Answers(), bus="doors").publish(drafts)
    assert [one.status for one in results] == ["accepted", "refused", "accepted"]


def subscriber(policies: Policies = STRICT, **more: Any) -> tuple[Subscriber, list[str]]:
    handled: list[str] = []

    def on_scheduled(event: Received[reader.DeliveryScheduled], _: Context) -> None:
        match event.envelope.site_id:
            case "fails":
                raise RuntimeError("busy")
            case "never":
                raise Never
            case "slow":
                time.sleep(0.3)
        handled.append(event.envelope.id)

    made = Subscriber("test", policies, MemoryStore(100), **more)
    return made.on(types.DELIVERY_SCHEDULED, on_scheduled), handled


def test_an_event_is_handled_once_and_what_fails_comes_again() -> None:
    taker, handled = subscriber()
    body = delivery(draft())
    assert taker.take(body) == Verdict("acknowledge")
    assert taker.take(body) == Verdict("acknowledge", "duplicate")
    assert len(handled) == 1
    for attempt in (1, 2):
        assert taker.take(delivery(draft("fails")), attempt).verdict == "again"
    never = taker.take(delivery(draft("never")))
    assert never == Verdict("dead_letter", "refused_by_handler")


def test_two_at_once_do_not_both_handle_an_event() -> None:
    taker, handled = subscriber()
    body = delivery(draft("slow"))
    verdicts: list[str] = []
    threads = [
        threading.Thread(target=lambda: verdicts.append(taker.take(body).verdict))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == ["acknowledge", "again"]
    assert len(handled) == 1


def test_who_sent_it_what_and_which_version_is_decided_before_a_handler() -> None:
    good = draft()
    twice = delivery(good).replace('"source"', '"source":"x","source"')
    cases: list[tuple[str, str, str | None]] = [
        ("{", "dead_letter", "not_json"),
        ("[]", "dead_letter", "not_a_delivery"),
        (delivery(good, source=""), "dead_letter", "not_a_delivery"),
        (twice, "dead_letter", "not_a_delivery"),
        (delivery(good, source="acme.delivery/other"), "dead_letter", "wrong_source"),
        (delivery(good, detail_type="delivery.completed"), "dead_letter", "wrong_type"),
        (delivery(good, account="999999999999"), "dead_letter", "wrong_account"),
        (delivery(other(good, '"1.0"', '"1.7"')), "dead_letter", "newer_minor"),
        (delivery(other(good, '"1.0"', '"2.0"')), "dead_letter", "other_major"),
        (
            delivery(other(good, '"parcels":2', '"parcels":0')),
            "dead_letter",
            "refused_by_schema",
        ),
        (delivery(other(good, '{"id"', '{"type":"x","id"')), "dead_letter", "not_an_event"),
        (delivery(other(good, '"test":false', '"test":true')), "acknowledge", "test"),
        (delivery(good, account=None, x=1).replace('"x"', '"x":1,"x"'), "acknowledge", None),
    ]
    for body, verdict, why in cases:
        found = subscriber()[0].take(body)
        assert (found.verdict, found.why) == (verdict, why), body
    strict, _ = subscriber(platform_accounts=["123456789012"])
    assert strict.take(delivery(good, account=None)).why == "wrong_account"
    others, _ = subscriber(tenants=["other"])
    assert others.take(delivery(good)).why == "wrong_tenant"
    tolerant, _ = subscriber(TOLERANT)
    assert tolerant.take(delivery(other(good, '"1.0"', '"1.7"'))).verdict == "acknowledge"
    beamed = other(good, '"delivery.scheduled"', '"delivery.beamed"')
    unknown = replace(beamed, event_type="delivery.beamed")
    assert tolerant.take(delivery(unknown)) == Verdict("acknowledge", "unknown_type")


def test_a_function_names_what_must_come_again_and_nothing_else() -> None:
    taker, _ = subscriber()
    bodies = [delivery(draft()), delivery(draft("fails")), "{", delivery(draft())]
    records = [
        {
            "messageId": f"m-{n}",
            "body": body,
            "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "2"},
        }
        for n, body in enumerate(bodies)
    ]

    def failed(**more: Any) -> list[str]:
        answer = handle_sqs_batch(taker, {"Records": records}, **{"time_left": 5.0, **more})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    # Without dead letters, what can never succeed comes again, and the queue's redrive keeps it.
    assert failed() == ["m-1", "m-2"]
    aside: list[dict[str, str]] = []

    class Aside:
        def put(self, body: str, attributes: Any) -> None:
            aside.append(dict(attributes))

    assert failed(dead_letters=Aside()) == ["m-1"]
    assert aside == [{"reason": "not_json", "consumer": "test"}]
    assert failed(time_left=0.0) == ["m-0", "m-1", "m-2", "m-3"]
    with pytest.raises(TypeError):
        handle_sqs_batch(taker, {}, time_left=1.0)


def test_a_store_forgets_the_oldest_that_is_done_and_never_a_claim() -> None:
    store = MemoryStore(2)
    store.done("s", "a")
    assert store.claim("s", "b", 1).claim == "new"
    assert store.claim("s", "c", 1).claim == "new"
    with pytest.raises(RuntimeError):
        store.claim("s", "d", 1)
    assert store.claim("s", "b", 1).claim == "busy"


def test_json_is_read_and_written_whole() -> None:
    assert write({"a": 2**63, "b": None, "c": [1.5]}) == '{"a":9223372036854775808,"c":[1.5]}'
    for wrong in ("NaN", '"\\ud800"', "1e999", "{} {}", "\ufeff{}", "'a'", "[1,]"):
        with pytest.raises(NotJson):
            parse(wrong)
    for twice in ('{"a":1,"a":1}', '[{"a":1,"\\u0061":2}]'):
        assert parse(twice) is not None
        with pytest.raises(NotJson):
            parse(twice, "refuse")
    assert type(parse("-0")) is float
