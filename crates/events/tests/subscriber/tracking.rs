//! Gaps, order and forks, as a handler and the hooks see them.

use std::time::Duration;

use doorward_events::subscribe::{Behind, Failure, Order, Policies, Tests, Tracking, Verdict};
use serde_json::json;

use crate::samples::{gateway, heartbeat, id, journal, opened, scheduled, secured, visit, with};
use crate::stand::{Stand, take};

#[tokio::test]
async fn gaps_are_late_then_lost_then_closed_each_once() {
    let stand = Stand::new();
    let subscriber = stand.willing();
    let beats =
        |n, through: u64| heartbeat(n, &json!({"visit.secured": through, "visit.opened": 9}));
    for delivery in [
        visit(10),
        visit(13),
        visit(12),
        visit(13),
        beats(1, 11),
        beats(2, 11),
        beats(3, 15),
        visit(14),
    ] {
        assert_eq!(take(&subscriber, &delivery).await, Verdict::Acknowledge);
    }
    let lines = stand.hooks.lines();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| ["late", "lost", "closed"].iter().any(|word| line.starts_with(word)))
        .collect();
    assert_eq!(
        told,
        [
            "late 11..12 visit.secured",
            "closed 12..12 Arrived",
            "lost 11..11 visit.secured",
            "lost 14..15 visit.secured",
            "closed 14..14 Arrived",
        ],
        "types without a handler are not tracked"
    );
    let (gap, _) = stand.hooks.gaps.lock().unwrap()[0].clone();
    assert_eq!((gap.instance.as_str(), gap.journal_id), ("gw-1", journal(1)));
}

#[tokio::test]
async fn journals_gateways_and_types_are_tracked_apart() {
    let stand = Stand::new();
    let calls = stand.secured(|_| Ok(()));
    let also = |_: doorward_events::Received<doorward_events::types::VisitOpened>, _| {
        std::future::ready(Ok::<(), Failure>(()))
    };
    let subscriber = stand.builder(Policies::strict()).on(calls).on(also).build().unwrap();
    let event =
        |n, change: fn(&mut doorward_events::Envelope, &mut doorward_events::GatewayOrigin)| {
            gateway(&secured(), n, change)
        };
    for delivery in [
        visit(1),
        event(50, |_, origin| origin.journal_id = journal(2)),
        event(70, |envelope, _| envelope.publisher.instance = "gw-2".into()),
        gateway(&opened(), 90, |_, _| {}),
        visit(2),
    ] {
        assert_eq!(take(&subscriber, &delivery).await, Verdict::Acknowledge);
    }
    assert!(stand.hooks.gaps.lock().unwrap().is_empty(), "{:?}", stand.hooks.lines());
}

#[tokio::test]
async fn what_was_read_is_no_gap_whatever_became_of_it() {
    let stand = Stand::new();
    let subscriber =
        stand
            .builder(Policies { tests: Tests::Skip, ..Policies::strict() })
            .on(stand.secured(|attempt| {
                if attempt == 1 { Ok(()) } else { Err(Failure::Again("busy".into())) }
            }))
            .build()
            .unwrap();
    take(&subscriber, &visit(1)).await;
    // A test, a newer version, a failing one.
    take(&subscriber, &gateway(&secured(), 2, |envelope, _| envelope.test = true)).await;
    take(&subscriber, &with(&visit(3), "/detail/schema_version", json!("9.0"))).await;
    subscriber.take(visit(4).as_bytes(), 2).await;
    take(&subscriber, &visit(5)).await;
    take(&subscriber, &heartbeat(6, &json!({"visit.secured": 5}))).await;
    assert!(stand.hooks.gaps.lock().unwrap().is_empty(), "{:?}", stand.hooks.lines());
}

#[tokio::test]
async fn what_was_not_read_moves_no_tracker_far() {
    const FAR: u64 = 9_000_000_000_000_000_000;
    let refused = |n| with(&visit(n), "/detail/data/visit_id", json!(0));
    let newer = |n| with(&visit(n), "/detail/schema_version", json!("9.0"));
    let at = |delivery: &str, n: u64| with(delivery, "/detail/gateway/type_sequence", json!(n));
    for (poison, beginning) in [
        (at(&refused(90), FAR), false),
        (at(&refused(90), FAR), true),
        (at(&newer(90), FAR), false),
        (at(&newer(90), FAR), true),
        (at(&newer(90), 1_000_002), false),
    ] {
        let stand = Stand::new();
        let subscriber = stand.willing();
        // As the first sign of its journal, and after another.
        let deliveries = if beginning {
            [poison.clone(), visit(1), visit(3)]
        } else {
            [visit(1), poison.clone(), visit(3)]
        };
        for delivery in deliveries {
            take(&subscriber, &delivery).await;
        }
        let lines = stand.hooks.lines();
        let told: Vec<_> = lines.iter().filter(|line| line.starts_with("late")).collect();
        assert_eq!(told, ["late 2..2 visit.secured"], "{poison}");
    }
    // At the bound it counts.
    let stand = Stand::new();
    let subscriber = stand.willing();
    take(&subscriber, &visit(1)).await;
    take(&subscriber, &at(&newer(90), 1_000_001)).await;
    assert_eq!(stand.hooks.count("late 2..1000000"), 1, "{:?}", stand.hooks.lines());
}

#[tokio::test]
async fn what_is_refused_is_missing_until_it_can_be_read() {
    let stand = Stand::new();
    let subscriber = stand.willing();
    take(&subscriber, &visit(1)).await;
    take(&subscriber, &with(&visit(2), "/detail/data/visit_id", json!(0))).await;
    take(&subscriber, &visit(3)).await;
    assert_eq!(stand.hooks.count("late 2..2"), 1);
    take(&subscriber, &visit(2)).await;
    assert_eq!(stand.hooks.count("closed 2..2 Arrived"), 1);
}

#[tokio::test]
async fn a_handler_is_told_the_order() {
    let stand = Stand::new();
    let subscriber = stand.willing();
    let older = |by| Order::Older { by };
    let later = |n: u64, seconds: i64| {
        gateway(&secured(), n, |envelope, origin| {
            origin.journal_id = journal(2);
            envelope.time += jiff::SignedDuration::from_secs(seconds);
        })
    };
    let elsewhere =
        |n| gateway(&secured(), n, |envelope, _| envelope.entry_id = Some("gate".into()));
    let nowhere = |n| gateway(&secured(), n, |envelope, _| envelope.entry_id = None);
    for (delivery, expected) in [
        (visit(10), Order::Newest),
        (visit(8), older(Behind::Sequence(2))),
        (elsewhere(5), Order::Newest),
        (nowhere(4), Order::Unknown),
        (later(100, -3), older(Behind::Time(Duration::from_secs(3)))),
        (later(101, 3), Order::Newest),
        (visit(11), older(Behind::Time(Duration::from_secs(3)))),
    ] {
        take(&subscriber, &delivery).await;
        assert_eq!(stand.last().order, expected, "{delivery}");
    }
}

#[tokio::test]
async fn an_event_tried_again_is_not_older_than_itself() {
    let stand = Stand::new();
    let answer = |attempt| if attempt == 1 { Err(Failure::Again("busy".into())) } else { Ok(()) };
    let subscriber = stand.builder(Policies::strict()).on(stand.secured(answer)).build().unwrap();
    for attempt in [1, 2] {
        subscriber.take(visit(1).as_bytes(), attempt).await;
        assert_eq!(stand.last().order, Order::Newest);
    }
}

#[tokio::test]
async fn two_events_at_one_place_are_a_fork() {
    let stand = Stand::new();
    let subscriber = stand.willing();
    let cloned = gateway(&secured(), 2, |_, origin| origin.sequence = 1);
    take(&subscriber, &visit(1)).await;
    assert!(!stand.last().forked);
    take(&subscriber, &cloned).await;
    assert!(stand.last().forked);
    let forks = stand.hooks.forks.lock().unwrap().clone();
    assert_eq!(forks.len(), 1);
    let fork = &forks[0];
    assert_eq!((fork.instance.as_str(), fork.journal_id, fork.sequence), ("gw-1", journal(1), 1));
    assert_eq!(fork.ids, [id(1), id(2)]);
    // The same place of another gateway or journal is another place.
    let other =
        |n, change: fn(&mut doorward_events::Envelope, &mut doorward_events::GatewayOrigin)| {
            gateway(&secured(), n, change)
        };
    take(
        &subscriber,
        &other(3, |_, origin| {
            origin.sequence = 1;
            origin.journal_id = journal(2);
        }),
    )
    .await;
    take(
        &subscriber,
        &other(4, |envelope, origin| {
            origin.sequence = 1;
            envelope.publisher.instance = "gw-2".into();
        }),
    )
    .await;
    assert_eq!(stand.hooks.count("forked"), 1);
}

#[tokio::test]
async fn what_is_switched_off_costs_nothing_and_tells_nothing() {
    let stand = Stand::new();
    let subscriber = stand
        .builder(Policies::strict())
        .tracking(Tracking::NONE)
        .on(stand.secured(|_| Ok(())))
        .build()
        .unwrap();
    let cloned = gateway(&secured(), 7, |_, origin| origin.sequence = 1);
    for delivery in [visit(1), visit(5), cloned, visit(4)] {
        take(&subscriber, &delivery).await;
        assert_eq!((stand.last().order, stand.last().forked), (Order::Unknown, false));
    }
    assert_eq!(stand.hooks.count("handled"), 4);
    assert_eq!(stand.hooks.lines().len(), 4);
}

#[tokio::test]
async fn events_of_services_have_no_place() {
    let stand = Stand::new();
    let context = std::sync::Arc::clone(&stand.calls);
    let subscriber = stand
        .builder(Policies::strict())
        .on(
            move |event: doorward_events::Received<doorward_events::types::DeliveryScheduled>,
                  told| {
                context.lock().unwrap().push((event.envelope.id, told));
                std::future::ready(Ok(()))
            },
        )
        .build()
        .unwrap();
    assert_eq!(take(&subscriber, &scheduled(1)).await, Verdict::Acknowledge);
    assert_eq!((stand.last().order, stand.last().forked), (Order::Unknown, false));
}
