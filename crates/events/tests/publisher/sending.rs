//! What goes into the queue, what is refused at the door, and how the queue is bounded.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::publish::{LARGEST_ENTRY_BYTES, Refusal, Settings, Why};
use doorward_events::testkit::Memory;
use doorward_events::types::{AlarmKind, AlarmRaised, AlarmSeverity, DeliveryScheduled};
use doorward_events::{Envelope, PublisherId, TraceContext, read};

use crate::samples::{Desk, Notes, Told, accepted, grant, ready, scheduled, settings, start_with};

fn invalid(refusal: &Refusal) -> &str {
    match &refusal.why {
        Why::Invalid(invalid) => &invalid.errors[0].pointer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_published_event_is_on_the_bus_as_it_was_sealed() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone(), settings()).await;
    let cause = Envelope {
        trace_context: Some(TraceContext {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            tracestate: None,
        }),
        ..publisher.envelope("acme")
    };
    let envelope = publisher.envelope("acme").at_site("hq").about("front-door").caused_by(&cause);
    assert_eq!(envelope.publisher, *publisher.id());
    let done = publisher.publish(envelope.clone(), &scheduled(1)).await.unwrap();
    assert_eq!((done.event_id, done.attempts), (envelope.id, 1));
    assert!(done.bus_id.is_some_and(|id| id != envelope.id.to_string()), "the bus has its own");
    assert_eq!(done.latency, Settings::default().linger);
    let event = bus.accepted().pop().unwrap();
    assert_eq!(&*event.source, "acme.delivery/blue-1");
    assert_eq!(event.detail_type, "delivery.scheduled");
    assert_eq!(
        event.trace_header.as_deref(),
        Some("Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1")
    );
    let received = read::<DeliveryScheduled>(event.detail.as_bytes()).unwrap();
    assert_eq!(received.data, scheduled(1));
    assert_eq!(received.envelope.trace_context, cause.trace_context);
    assert_eq!(received.envelope.causation_id, Some(cause.id));

    // Without a trace none is made up.
    publisher.publish(publisher.envelope("acme"), &scheduled(2)).await.unwrap();
    assert_eq!(bus.accepted().pop().unwrap().trace_header, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_invalid_never_leaves() {
    let bus = Arc::new(Memory::new());
    let notes = Arc::new(Notes::default());
    let publisher = start_with(bus.clone(), settings(), notes.clone());
    publisher.ready().await.unwrap();
    let envelope = publisher.envelope("acme");
    let id = envelope.id;
    let wrong =
        publisher.publish(envelope.clone().about("no spaces"), &scheduled(0)).await.unwrap_err();
    assert_eq!((wrong.event_id, wrong.text()), (id, None));
    assert_eq!(invalid(&wrong), "/entry_id");
    assert!(!format!("{wrong} {wrong:?}").contains("no spaces"), "{wrong}");

    // A type that is another's.
    let alarm =
        AlarmRaised { alarm: AlarmKind::Tamper, detail: None, severity: AlarmSeverity::Info };
    let wrong = publisher.try_send(envelope.clone(), &alarm).unwrap_err();
    assert_eq!(invalid(&wrong), "/publisher/name");

    // Another publisher's envelope: `Source` and the event would differ.
    for foreign in
        [PublisherId::new("acme.property", "blue-1"), PublisherId::new("acme.delivery", "green-1")]
    {
        let envelope = Envelope { publisher: foreign, ..envelope.clone() };
        let wrong = publisher.send(envelope, &scheduled(1)).await.unwrap_err();
        assert_eq!(invalid(&wrong), "/publisher");
        assert_eq!(publisher.resend(wrong.clone()).await.unwrap_err(), wrong);
    }
    assert_eq!(bus.accepted().len(), 1, "the handshake");
    let stats = publisher.stats();
    assert_eq!((stats.turned_away, stats.queued, stats.refused), (4, 1, 0));
    let told = notes.all().into_iter().filter(|told| *told == Told::Refused(id)).count();
    assert_eq!(told, 4);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_send_wait_and_try_send_refuse() {
    let desk = Desk::new(Duration::from_secs(2), |_, _| accepted());
    let publisher = ready(desk.clone(), Settings { queue_entries: 2, ..settings() }).await;
    let first = publisher.try_send(publisher.envelope("acme"), &scheduled(1)).unwrap();
    let second = publisher.send(publisher.envelope("acme"), &scheduled(2)).await.unwrap();
    let full = publisher.try_send(publisher.envelope("acme"), &scheduled(3)).unwrap_err();
    assert_eq!(full.why, Why::Full);
    assert!(full.text().unwrap().contains("d-3"));
    assert!(!format!("{full} {full:?}").contains("d-3"), "{full:?}");

    // Under way they still take room.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(desk.sizes(), [2]);
    assert_eq!(publisher.stats().entries, 2);
    let again = publisher.try_send(publisher.envelope("acme"), &scheduled(4)).unwrap_err();
    assert_eq!(again.why, Why::Full);

    // The refused one is handed in again as it was, and waits for room.
    let text = full.text().cloned();
    let begun = tokio::time::Instant::now();
    let third = publisher.resend(full).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    for pending in [first, second, third] {
        let id = pending.event_id();
        assert_eq!(pending.await.unwrap().event_id, id);
    }
    assert_eq!(Some(desk.calls()[1].batch[0].detail.clone()), text);
    let stats = publisher.stats();
    assert_eq!((stats.entries, stats.bytes, stats.most_entries), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_by_bytes_too() {
    let desk = Desk::new(Duration::from_secs(1), |_, _| accepted());
    let bound = LARGEST_ENTRY_BYTES;
    let publisher = ready(desk.clone(), Settings { queue_bytes: bound, ..settings() }).await;
    let mut held = Vec::new();
    let full = loop {
        match publisher.try_send(publisher.envelope("acme"), &grant()) {
            Ok(pending) => held.push(pending),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((full.why.clone(), held.len()), (Why::Full, 7));
    let send = publisher.resend(full);
    let sent = tokio::time::timeout(Duration::from_millis(900), send).await;
    assert!(sent.is_err(), "there was no room");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stats = publisher.stats();
    assert_eq!((stats.entries, stats.accepted), (0, 8), "who stopped waiting has sent nothing");
    assert!(stats.most_bytes <= bound && stats.most_bytes > bound - 9_000, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_senders_come_first_come_first_served() {
    let desk = Desk::new(Duration::from_millis(100), |_, _| accepted());
    let settings = Settings { queue_entries: 1, linger: Duration::ZERO, ..settings() };
    let publisher = ready(desk.clone(), settings).await;
    let mut senders = Vec::new();
    for number in 0..5 {
        let publisher = publisher.clone();
        senders.push(tokio::spawn(async move {
            publisher.publish(publisher.envelope("acme"), &scheduled(number)).await.unwrap()
        }));
        tokio::task::yield_now().await;
    }
    let mut ids = Vec::new();
    for sender in senders {
        ids.push(sender.await.unwrap().event_id);
    }
    let sent: Vec<_> = desk.calls().iter().map(|call| call.batch[0].id).collect();
    assert_eq!(sent, ids);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_pending_cancels_nothing() {
    let bus = Arc::new(Memory::new());
    let notes = Arc::new(Notes::default());
    let publisher = start_with(bus.clone(), settings(), notes.clone());
    let envelope = publisher.envelope("acme");
    let id = envelope.id;
    drop(publisher.send(envelope, &scheduled(1)).await.unwrap());
    let flushed = publisher.flush(Duration::from_secs(1)).await;
    assert_eq!((flushed.accepted, flushed.refused, flushed.left), (1, 0, 0));
    assert!(bus.accepted().iter().any(|event| event.id == id));
    assert!(notes.all().contains(&Told::Accepted(id, 1)));
}

#[tokio::test(start_paused = true)]
async fn hooks_are_told_in_the_order_of_things() {
    let bus = Arc::new(Memory::new());
    bus.script([accepted(), crate::samples::retry("InternalFailure")]);
    let notes = Arc::new(Notes::default());
    let publisher = start_with(bus, settings(), notes.clone());
    publisher.ready().await.unwrap();
    let before = notes.all().len();
    let done = publisher.publish(publisher.envelope("acme"), &scheduled(1)).await.unwrap();
    let told = notes.all().split_off(before);
    let [Told::Queued(queued), Told::Depth(1, bytes), Told::Retried(code), rest @ ..] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((*queued, code.as_str()), (done.event_type, "InternalFailure"));
    assert!(*bytes > 300);
    assert_eq!(rest, [Told::Accepted(done.event_id, 2), Told::Depth(0, 0)]);
}
