//! Every choice of every policy.

use doorward_events::subscribe::{
    Aside, Newer, Older, Policies, Tests, Tracking, Unread, Verdict, Why,
};
use serde_json::json;

use crate::samples::{gateway, heartbeat, opened, secured, visit, with};
use crate::stand::{Stand, dead, is_again, take};

const BASE: Policies = Policies::strict();

/// What becomes of one delivery.
#[derive(Debug, PartialEq)]
enum Fate {
    Handled,
    Ignored,
    Again,
    Dead(Why),
}

async fn fate(policies: Policies, delivery: &str) -> Fate {
    let stand = Stand::new();
    let subscriber = stand.builder(policies).on(stand.secured(|_| Ok(()))).build().unwrap();
    let verdict = take(&subscriber, delivery).await;
    let lines = stand.hooks.lines();
    match (&verdict, stand.called().len()) {
        (Verdict::Acknowledge, 1) => Fate::Handled,
        (Verdict::Acknowledge, 0) if lines[0].starts_with("ignored") => Fate::Ignored,
        (Verdict::Again { .. }, 0) if lines[0].starts_with("failed Policy") => Fate::Again,
        (Verdict::DeadLetter(_), 0) => Fate::Dead(dead(&verdict).unwrap()),
        other => panic!("{other:?} {lines:?}"),
    }
}

#[tokio::test]
async fn every_choice_is_kept() {
    let version = |version: &str| with(&visit(1), "/detail/schema_version", json!(version));
    let unknown = with(&visit(1), "/detail/type", json!("visit.dreamt"));
    let unknown = with(&unknown, "/detail-type", json!("visit.dreamt"));
    let unhandled = gateway(&opened(), 1, |_, _| {});
    let test = gateway(&secured(), 1, |envelope, _| envelope.test = true);
    let foreign = with(&visit(1), "/detail/publisher/name", json!("new.gateway"));
    let foreign = with(&foreign, "/source", json!("new.gateway/gw-1"));

    let mut table = Vec::new();
    for (choice, expected) in
        [(Unread::Ignore, None), (Unread::Again, Some(false)), (Unread::DeadLetter, Some(true))]
    {
        let fate = |why| match expected {
            None => Fate::Ignored,
            Some(false) => Fate::Again,
            Some(true) => Fate::Dead(why),
        };
        let policies = Policies { unknown_type: choice, ..BASE };
        table.push((policies, unknown.clone(), fate(Why::UnknownType)));
        let policies = Policies { unhandled_type: choice, ..BASE };
        table.push((policies, unhandled.clone(), fate(Why::UnhandledType)));
    }
    for (choice, fate) in [
        (Newer::Accept, Fate::Handled),
        (Newer::Again, Fate::Again),
        (Newer::DeadLetter, Fate::Dead(Why::NewerMinor)),
    ] {
        table.push((Policies { newer_minor: choice, ..BASE }, version("1.7"), fate));
    }
    for (choice, dead) in [(Aside::Again, false), (Aside::DeadLetter, true)] {
        let fate = |why| if dead { Fate::Dead(why) } else { Fate::Again };
        let policies = Policies { other_major: choice, ..BASE };
        table.push((policies, version("2.0"), fate(Why::OtherMajor)));
        let policies = Policies { unregistered: choice, ..BASE };
        table.push((policies, foreign.clone(), fate(Why::Unregistered)));
    }
    for (choice, fate) in [(Tests::Handle, Fate::Handled), (Tests::Skip, Fate::Ignored)] {
        table.push((Policies { tests: choice, ..BASE }, test.clone(), fate));
    }
    // This build's own version needs no policy.
    table.push((BASE, version("1.0"), Fate::Handled));
    for (policies, delivery, expected) in table {
        assert_eq!(fate(policies, &delivery).await, expected, "{policies:?}\n{delivery}");
    }
}

#[tokio::test]
async fn a_newer_minor_is_read_in_the_readers_form() {
    let delivery = with(&visit(1), "/detail/schema_version", json!("1.7"));
    let delivery = with(&delivery, "/detail/data/mood", json!("fine"));
    assert_eq!(fate(Policies::tolerant(), &delivery).await, Fate::Handled);
    assert_eq!(fate(Policies::strict(), &delivery).await, Fate::Dead(Why::NewerMinor));
}

#[tokio::test]
async fn an_older_event_is_told_or_skipped() {
    for (choice, calls, line) in
        [(Older::Tell, 2, "handled at 1"), (Older::Skip, 1, "ignored older_than_seen")]
    {
        let stand = Stand::new();
        let policies = Policies { older_than_seen: choice, ..BASE };
        let subscriber = stand.builder(policies).on(stand.secured(|_| Ok(()))).build().unwrap();
        take(&subscriber, &visit(5)).await;
        assert_eq!(take(&subscriber, &visit(4)).await, Verdict::Acknowledge);
        assert_eq!(stand.called().len(), calls);
        assert_eq!(stand.hooks.lines().last().unwrap(), line);
        // Settled either way.
        take(&subscriber, &visit(4)).await;
        assert_eq!(stand.hooks.lines().last().unwrap(), "duplicate");
    }
}

#[tokio::test]
async fn a_heartbeat_without_a_handler_is_the_trackers() {
    let beat = heartbeat(1, &json!({"visit.secured": 1}));
    let stand = Stand::new();
    let subscriber = stand.willing();
    assert_eq!(take(&subscriber, &beat).await, Verdict::Acknowledge);
    let broken = with(&beat, "/detail/data/uptime_s", json!(-1));
    assert_eq!(dead(&take(&subscriber, &broken).await), Some(Why::RefusedBySchema));
    // Without a tracker it is a type without a handler.
    let untracked = stand.builder(BASE).tracking(Tracking::NONE);
    let untracked = untracked.on(stand.secured(|_| Ok(()))).build().unwrap();
    assert_eq!(dead(&take(&untracked, &beat).await), Some(Why::UnhandledType));
}

#[tokio::test]
async fn the_named_policies_differ_as_they_say() {
    let version = with(&visit(1), "/detail/schema_version", json!("3.0"));
    for policies in [Policies::strict(), Policies::tolerant()] {
        assert_eq!(fate(policies, &version).await, Fate::Dead(Why::OtherMajor));
        let test = gateway(&secured(), 1, |envelope, _| envelope.test = true);
        assert_eq!(fate(policies, &test).await, Fate::Ignored);
        assert_eq!(fate(policies, &visit(1)).await, Fate::Handled);
    }
    let unhandled = gateway(&opened(), 1, |_, _| {});
    assert_eq!(fate(Policies::tolerant(), &unhandled).await, Fate::Ignored);
    assert_eq!(fate(Policies::strict(), &unhandled).await, Fate::Dead(Why::UnhandledType));
    let stand = Stand::new();
    let waiting = Policies { unhandled_type: Unread::Again, ..BASE };
    let subscriber = stand.builder(waiting).on(stand.secured(|_| Ok(()))).build().unwrap();
    assert!(is_again(&take(&subscriber, &unhandled).await));
}
