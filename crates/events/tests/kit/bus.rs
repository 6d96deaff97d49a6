//! The bus in memory: what it delivers, and what goes wrong with it when it is told to.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_events::testkit::generate::valid;
use doorward_events::testkit::{Chaos, Fault, MOST_RECORDED, Memory, QUEUE_CAPACITY, Queue, Rule};
use doorward_events::{Bus, EventType, MAX_BATCH_ENTRIES, Outcome, Outgoing, read, types};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

fn entry(number: u64) -> Outgoing {
    of(EventType::AlarmRaised, number)
}

fn of(event_type: EventType, number: u64) -> Outgoing {
    let event = valid(event_type, number);
    let publisher = &event["publisher"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Outgoing {
        id: text(&event["id"]).parse().unwrap(),
        source: format!("{}/{}", text(&publisher["name"]), text(&publisher["instance"])).into(),
        detail_type: event_type.as_str(),
        detail: event.to_string().into(),
        trace_header: None,
    }
}

fn entries(numbers: std::ops::Range<u64>) -> Vec<Outgoing> {
    numbers.map(entry).collect()
}

/// The event ids of what waits in the queue now, in order.
fn drain(queue: &Queue) -> Vec<Uuid> {
    std::iter::from_fn(|| queue.try_next()).map(|text| id_in(&text)).collect()
}

fn id_in(delivery: &str) -> Uuid {
    let delivery: Value = serde_json::from_str(delivery).unwrap();
    delivery["detail"]["id"].as_str().unwrap().parse().unwrap()
}

fn ids(entries: &[Outgoing]) -> Vec<Uuid> {
    entries.iter().map(|entry| entry.id).collect()
}

fn accepted(outcomes: &[Outcome]) -> Vec<bool> {
    outcomes.iter().map(|outcome| matches!(outcome, Outcome::Accepted { .. })).collect()
}

#[tokio::test]
async fn a_delivery_is_what_eventbridge_writes() {
    let bus = Memory::new();
    let queue = bus.deliveries();
    let sent = of(EventType::DeliveryScheduled, 1);
    let outcomes = bus.put(std::slice::from_ref(&sent)).await;
    let text = queue.try_next().unwrap();
    let delivery: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = delivery.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    ];
    assert_eq!(names, expected);
    assert_eq!(delivery["version"], "0");
    assert_eq!(
        outcomes,
        [Outcome::Accepted { bus_id: Some(delivery["id"].as_str().unwrap().into()) }]
    );
    assert_ne!(delivery["id"], delivery["detail"]["id"], "the bus gives ids of its own");
    assert_eq!(delivery["source"], *sent.source);
    assert_eq!(delivery["detail-type"], "delivery.scheduled");
    assert_eq!(delivery["account"], "111122223333", "as the publisher is registered");
    assert_eq!(delivery["time"].as_str().unwrap().len(), "2026-11-21T06:41:00Z".len());
    assert!(text.contains(&*sent.detail), "the event's text is untouched");

    bus.set_account(Some("999999999999"));
    bus.put(&[sent]).await;
    assert!(queue.try_next().unwrap().contains(r#""account":"999999999999""#));
    bus.set_account(None);
    bus.put(&[entry(1)]).await;
    assert!(queue.try_next().unwrap().contains(r#""account":"000000000000""#));
}

#[tokio::test]
async fn what_a_queue_hands_out_can_be_read() {
    let bus = Memory::new();
    let queue = bus.deliveries();
    bus.put(&[entry(7)]).await;
    let delivery: Value = serde_json::from_str(&queue.next().await).unwrap();
    let received = read::<types::AlarmRaised>(delivery["detail"].to_string().as_bytes()).unwrap();
    assert_eq!(received.envelope.id, entry(7).id);
}

#[tokio::test]
async fn a_queue_gets_what_its_rule_matches_from_then_on() {
    let bus = Memory::new();
    bus.put(&[entry(0)]).await;
    let all = bus.deliveries();
    let alarms =
        bus.subscribe(Rule::all().of_types([EventType::AlarmRaised, EventType::AlarmCleared]));
    let gateways = bus.subscribe(Rule::all().from_source("doorward.gateway/"));
    let both = Rule::all().from_source("acme.").from_source("other.");
    let services = bus.subscribe(both.clone().of_types([EventType::DeliveryScheduled]));
    assert!(both.matches("acme.delivery/a", "grant.issued"));
    assert!(!both.matches("doorward.gateway/acme.", "grant.issued"));

    let sent = [entry(1), of(EventType::DeliveryScheduled, 2), of(EventType::EntryLockChanged, 3)];
    bus.put(&sent).await;
    let ids = ids(&sent);
    assert_eq!(drain(&all), ids);
    assert_eq!(drain(&alarms), ids[..1]);
    assert_eq!(drain(&gateways), [ids[0], ids[2]]);
    assert_eq!(drain(&services), ids[1..2]);
}

#[tokio::test]
async fn every_fault_does_what_it_says_to_one_call() {
    let sent = entries(0..4);
    let all = ids(&sent);
    let twice: Vec<_> = all.iter().flat_map(|id| [*id, *id]).collect();
    let table = [
        (Fault::Nothing, vec![true; 4], all.clone()),
        (Fault::Throttled, vec![false; 4], vec![]),
        (Fault::Partial, vec![true, false, true, false], vec![all[0], all[2]]),
        (Fault::AnswerLost, vec![false; 4], all.clone()),
        (Fault::Duplicated, vec![true; 4], twice),
    ];
    for (fault, outcomes, delivered) in table {
        let bus = Memory::new();
        let queue = bus.deliveries();
        bus.fail([fault.clone()]);
        let answer = bus.put(&sent).await;
        assert_eq!(accepted(&answer), outcomes, "{fault:?}");
        for outcome in answer {
            let code = match outcome {
                Outcome::Accepted { .. } => continue,
                Outcome::Retry { code, .. } => code,
                other => panic!("{fault:?}: {other:?}"),
            };
            let lost = fault == Fault::AnswerLost;
            assert_eq!(code, if lost { "Timeout" } else { "ThrottlingException" });
        }
        assert_eq!(drain(&queue), delivered, "{fault:?}");
        let recorded = bus.accepted().len();
        let copies = if fault == Fault::Duplicated { 2 } else { 1 };
        assert_eq!(recorded * copies, delivered.len(), "{fault:?}");
        assert_eq!(accepted(&bus.put(&sent).await), [true; 4], "only one call");
    }
}

#[tokio::test]
async fn reordering_stays_within_its_window() {
    let bus = Memory::new();
    let queue = bus.deliveries();
    let sent = entries(0..60);
    for batch in sent.chunks(MAX_BATCH_ENTRIES) {
        bus.fail([Fault::Reordered { window: 3 }]);
        bus.put(batch).await;
    }
    let (sent, got) = (ids(&sent), drain(&queue));
    assert_ne!(sent, got);
    for (place, id) in got.iter().enumerate() {
        let sent_at = sent.iter().position(|other| other == id).unwrap();
        assert!(place + 3 >= sent_at, "the {sent_at}th came at {place}");
    }
    let sorted = |mut ids: Vec<Uuid>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(sent), sorted(got));
}

#[tokio::test(start_paused = true)]
async fn a_delayed_delivery_comes_in_time_and_holds_up_nobody() {
    let bus = Memory::new();
    let queue = bus.deliveries();
    let start = Instant::now();
    bus.fail([Fault::Delayed(Duration::from_secs(30))]);
    bus.put(&[entry(1)]).await;
    bus.put(&[entry(2)]).await;
    assert_eq!(queue.waiting(), 2);
    assert_eq!(id_in(&queue.next().await), entry(2).id);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(queue.try_next(), None);
    assert_eq!(queue.receive(10, Duration::from_secs(29)).await, [""; 0]);
    assert_eq!(id_in(&queue.next().await), entry(1).id);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(30) && waited < Duration::from_secs(31), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_by_what_comes() {
    let bus = std::sync::Arc::new(Memory::new());
    let queue = bus.deliveries();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { id_in(&queue.next().await) })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    bus.put(&entries(0..3)).await;
    let mut got = Vec::new();
    for waiter in waiters {
        got.push(tokio::time::timeout(Duration::from_secs(1), waiter).await.unwrap().unwrap());
    }
    got.sort_unstable();
    let mut sent = ids(&entries(0..3));
    sent.sort_unstable();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn what_is_given_back_comes_again_after_the_others() {
    let bus = Memory::new();
    let queue = bus.deliveries();
    bus.put(&entries(0..2)).await;
    let first = queue.next().await;
    queue.give_back(first);
    assert_eq!(drain(&queue), ids(&[entry(1), entry(0)]));
    let many = queue.receive(0, Duration::from_secs(60)).await;
    assert!(many.is_empty(), "nothing was asked for, so nothing is waited for");
}

/// Sends until everything is accepted, and tells how often each event came and in which order.
async fn storm(seed: u64) -> (Vec<Uuid>, usize) {
    let bus = Memory::new();
    bus.set_chaos(Some(Chaos::all(seed)));
    let queue = bus.deliveries();
    let mut waiting = entries(0..100);
    while !waiting.is_empty() {
        let batch: Vec<_> = waiting.drain(..waiting.len().min(MAX_BATCH_ENTRIES)).collect();
        let outcomes = bus.put(&batch).await;
        let again = batch.into_iter().zip(outcomes);
        let refused = |(entry, outcome)| match outcome {
            Outcome::Accepted { .. } => None,
            _ => Some(entry),
        };
        waiting.extend(again.filter_map(refused));
    }
    let mut got = Vec::new();
    while queue.waiting() > 0 {
        got.push(id_in(&queue.next().await));
    }
    (got, bus.calls())
}

#[tokio::test(start_paused = true)]
async fn in_a_storm_nothing_is_lost_and_the_same_seed_is_the_same_storm() {
    let (got, calls) = storm(11).await;
    let mut times: BTreeMap<Uuid, usize> = BTreeMap::new();
    for id in &got {
        *times.entry(*id).or_default() += 1;
    }
    for id in ids(&entries(0..100)) {
        assert!(times.contains_key(&id));
    }
    assert!(times.values().any(|times| *times > 1), "some came twice");
    assert!(calls > 10, "some calls were throttled");
    assert_eq!(storm(11).await.1, calls);
    assert_ne!(storm(12).await.0, got);
}

#[tokio::test]
async fn a_replay_is_named_and_goes_to_every_queue_that_it_matches() {
    let bus = Memory::new();
    bus.put(&entries(0..3)).await;
    let late = bus.deliveries();
    let none = bus.subscribe(Rule::all().of_types([EventType::GrantIssued]));
    assert_eq!(bus.replay("after-the-outage"), Ok(3));
    assert_eq!(none.waiting(), 0);
    let text = late.try_next().unwrap();
    let delivery: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(delivery["replay-name"], "after-the-outage");
    assert_eq!(id_in(&text), entry(0).id);
    assert_eq!(bus.accepted().len(), 3, "a replay is not sent anew");
}

#[tokio::test]
async fn a_full_queue_is_told_to_the_publisher_and_loses_nothing() {
    let bus = Memory::new();
    let queue = bus.deliveries();
    let other = bus.subscribe(Rule::all().of_types([EventType::GrantIssued]));
    let sent = entry(1);
    let batch = vec![sent.clone(); MAX_BATCH_ENTRIES];
    for _ in 0..QUEUE_CAPACITY / MAX_BATCH_ENTRIES {
        assert_eq!(accepted(&bus.put(&batch).await), [true; MAX_BATCH_ENTRIES]);
    }
    let outcomes = bus.put(&batch[..1]).await;
    assert!(matches!(&outcomes[..], [Outcome::Retry { code, .. }] if code == "MemoryFull"));
    assert_eq!(queue.waiting(), QUEUE_CAPACITY);
    assert!(bus.replay("r").is_err());
    assert_eq!(queue.waiting(), QUEUE_CAPACITY);
    assert_eq!(accepted(&bus.put(&[of(EventType::GrantIssued, 1)]).await), [false]);
    assert_eq!(other.waiting(), 0, "all queues or none");
    queue.try_next().unwrap();
    assert_eq!(accepted(&bus.put(&batch[..2]).await), [true, false]);

    // A queue that nobody holds any more fills no longer.
    drop(queue);
    let room = MOST_RECORDED - bus.accepted().len();
    for _ in 0..room / MAX_BATCH_ENTRIES {
        bus.put(&batch).await;
    }
    bus.put(&batch).await;
    assert_eq!(bus.accepted().len(), MOST_RECORDED);
    assert_eq!(accepted(&bus.put(&batch[..1]).await), [false], "the record is full");
}
