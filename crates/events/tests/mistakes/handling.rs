//! Caught on receipt, around the handler: what comes twice, too late, not at all, or too slow.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::subscribe::store::Memory as Store;
use doorward_events::subscribe::{Behind, Failure, LEASE_MARGIN, Older, Order, Policies, Verdict};
use doorward_events::testkit::{Fault, Memory};
use doorward_events::types::{DeliveryScheduled, GatewayHeartbeat, VisitSecured};
use doorward_events::{PublisherId, Received};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::stand::{Stand, take};
use crate::world::{from_gateway, id, order, ready, scheduled, secured, visit, with};

const SECOND: Duration = Duration::from_secs(1);

fn heartbeat(n: u64, secured: u64) -> String {
    let data: GatewayHeartbeat = serde_json::from_value(json!({
        "uptime_s": 1, "events_waiting": 0, "quarantined": 0, "vendors": [],
        "delivered_through": {"visit.secured": secured},
    }))
    .unwrap();
    from_gateway(&data, n, |_, _| {})
}

/// Whatever goes wrong on the way, from a publisher to a handler.
async fn handled_after(fault: Fault) -> (usize, Vec<Uuid>) {
    let bus = Arc::new(Memory::new());
    let queue = bus.deliveries();
    let publisher = ready(bus.clone()).await;
    queue.next().await;
    bus.fail([fault]);
    publisher.publish(publisher.envelope("acme"), &scheduled()).await.unwrap();
    let stand = Stand::new();
    let handler = stand.handler::<DeliveryScheduled, _>(|_| Ok(()));
    let subscriber = stand.builder(Policies::strict()).on(handler).build().unwrap();
    let mut deliveries = 0;
    while let Some(delivery) = queue.try_next() {
        deliveries += 1;
        assert_eq!(take(&subscriber, &delivery).await, Verdict::Acknowledge);
    }
    (deliveries, stand.notes.called())
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_comes_twice() {
    let (deliveries, called) = handled_after(Fault::Duplicated).await;
    assert_eq!((deliveries, called.len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_event_sent_twice_after_a_lost_answer() {
    let (deliveries, called) = handled_after(Fault::AnswerLost).await;
    assert_eq!((deliveries, called.len()), (2, 1));
}

#[tokio::test]
async fn a_lost_acknowledgement() {
    let stand = Stand::new();
    assert_eq!(take(&stand.willing(Policies::strict()), &visit(1)).await, Verdict::Acknowledge);
    // The deletion is lost; another process gets the message.
    let verdict = stand.willing(Policies::strict()).take(visit(1).as_bytes(), 2).await;
    assert_eq!(verdict, Verdict::Acknowledge);
    assert_eq!(stand.notes.called(), [id(1)]);
    assert_eq!(stand.notes.told(), ["duplicate"]);
}

#[tokio::test]
async fn acknowledging_before_it_is_done() {
    let stand = Stand::new();
    let busy = |attempt| if attempt < 3 { Err(Failure::Again("busy".into())) } else { Ok(()) };
    let handler = stand.handler::<VisitSecured, _>(busy);
    let subscriber = stand.builder(Policies::strict()).on(handler).build().unwrap();
    for attempt in 1..=3 {
        let verdict = subscriber.take(visit(1).as_bytes(), attempt).await;
        assert_eq!(verdict == Verdict::Acknowledge, attempt == 3, "{attempt}: {verdict:?}");
    }
    assert_eq!(stand.notes.told(), ["failed busy"; 2]);
}

#[tokio::test]
async fn events_out_of_order() {
    let stand = Stand::new();
    let subscriber = stand.willing(Policies::strict());
    take(&subscriber, &visit(5)).await;
    assert_eq!(stand.notes.last().order, Order::Newest);
    take(&subscriber, &visit(3)).await;
    assert_eq!(stand.notes.last().order, Order::Older { by: Behind::Sequence(2) });

    let stand = Stand::new();
    let skipping = Policies { older_than_seen: Older::Skip, ..Policies::strict() };
    let subscriber = stand.willing(skipping);
    for n in [5, 3] {
        assert_eq!(take(&subscriber, &visit(n)).await, Verdict::Acknowledge);
    }
    assert_eq!(stand.notes.called(), [id(5)]);
    assert!(stand.notes.told().contains(&"ignored older_than_seen".to_owned()));
}

#[tokio::test]
async fn a_handler_that_panics_on_one_event() {
    let stand = Stand::new();
    let subscriber = stand
        .builder(Policies::strict())
        .on(|event: Received<VisitSecured>, _| async move {
            assert!(event.envelope.id != id(1), "poison");
            Ok(())
        })
        .build()
        .unwrap();
    assert!(matches!(take(&subscriber, &visit(1)).await, Verdict::Again { .. }));
    assert_eq!(take(&subscriber, &visit(2)).await, Verdict::Acknowledge);
    assert_eq!(stand.notes.told()[0], "failed Panicked");
}

#[tokio::test]
async fn a_poison_message() {
    let stand = Stand::new();
    let never = |_| Err(Failure::Never("no such contract".into()));
    let handler = stand.handler::<VisitSecured, _>(never);
    let subscriber = stand.builder(Policies::strict()).on(handler).build().unwrap();
    let Verdict::DeadLetter(reason) = take(&subscriber, &visit(1)).await else {
        panic!("it comes again for ever")
    };
    assert_eq!((reason.why.as_str(), reason.event_id), ("refused_by_handler", Some(id(1))));
}

/// The queue shows the message again while its handler still runs.
#[tokio::test(start_paused = true)]
async fn a_handler_slower_than_the_visibility() {
    let stand = Stand::new();
    let subscriber = stand
        .builder(Policies::strict())
        .handling_time(SECOND * 60)
        .on(|_: Received<VisitSecured>, _| async {
            sleep(SECOND * 45).await;
            Ok(())
        })
        .build()
        .unwrap();
    let first = tokio::spawn({
        let subscriber = subscriber.clone();
        async move { take(&subscriber, &visit(1)).await }
    });
    sleep(SECOND * 30).await;
    let Verdict::Again { after } = take(&subscriber, &visit(1)).await else {
        panic!("handled twice at once")
    };
    assert_eq!(after, SECOND * 30 + LEASE_MARGIN);
    assert_eq!(first.await.unwrap(), Verdict::Acknowledge);
    assert_eq!(take(&subscriber, &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.notes.told(), ["failed Busy", "duplicate"]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_without_end() {
    let stand = Stand::new();
    let subscriber = stand
        .builder(Policies::strict())
        .on(|_: Received<VisitSecured>, _| std::future::pending())
        .build()
        .unwrap();
    assert!(matches!(take(&subscriber, &visit(1)).await, Verdict::Again { .. }));
    assert_eq!(stand.notes.told(), ["failed TookTooLong"]);
}

#[tokio::test]
async fn a_store_that_is_full() {
    let stand = Stand::on(Arc::new(Store::new(1)));
    stand.store.claim("busy/elsewhere", id(9), SECOND * 3600).await.unwrap();
    let subscriber = stand.willing(Policies::strict());
    assert!(matches!(take(&subscriber, &visit(1)).await, Verdict::Again { .. }));
    assert!(stand.notes.called().is_empty(), "no memory, no handler");
}

#[tokio::test]
async fn missed_events() {
    let stand = Stand::new();
    let subscriber = stand.willing(Policies::strict());
    take(&subscriber, &visit(1)).await;
    take(&subscriber, &visit(3)).await;
    take(&subscriber, &heartbeat(4, 5)).await;
    let told = stand.notes.told();
    let expected =
        ["late 2..2", "lost 2..2", "lost 4..5"].map(|gap| format!("{gap} visit.secured"));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_journal_that_two_machines_write() {
    let stand = Stand::new();
    let subscriber = stand.willing(Policies::strict());
    take(&subscriber, &visit(1)).await;
    assert!(!stand.notes.last().forked);
    take(&subscriber, &from_gateway(&secured(), 1, |envelope, _| envelope.id = id(99))).await;
    assert!(stand.notes.last().forked);
    assert_eq!(stand.notes.told(), ["forked"]);
}

#[tokio::test]
async fn a_replay_that_repeats_side_effects() {
    let replayed = |name: &str| with(&visit(1), "/replay-name", json!(name));
    let stand = Stand::new();
    let subscriber = stand.willing(Policies::strict());
    for delivery in [visit(1), replayed("january"), replayed("january")] {
        assert_eq!(take(&subscriber, &delivery).await, Verdict::Acknowledge);
    }
    assert_eq!(stand.notes.called().len(), 1);

    let stand = Stand::new();
    let handler = stand.handler::<VisitSecured, _>(|_| Ok(()));
    let subscriber = stand.builder(Policies::strict()).repeatable_on(handler).build().unwrap();
    for delivery in [visit(1), replayed("january"), replayed("january"), replayed("february")] {
        take(&subscriber, &delivery).await;
    }
    assert_eq!(stand.notes.called().len(), 3);
    assert_eq!(stand.notes.last().replay.as_deref(), Some("february"));
}

/// Two publishers that draw the same id do not take each other's event away.
#[tokio::test]
async fn an_id_that_another_publisher_has_too() {
    let stand = Stand::new();
    let handler = stand.handler::<DeliveryScheduled, _>(|_| Ok(()));
    let subscriber = stand.builder(Policies::strict()).on(handler).build().unwrap();
    take(&subscriber, &order()).await;
    let other = with(&order(), "/detail/publisher/instance", json!("green-2"));
    let source = PublisherId::new("acme.delivery", "green-2").source();
    take(&subscriber, &with(&other, "/source", json!(source))).await;
    assert_eq!(stand.notes.called(), [id(1), id(1)]);
}
