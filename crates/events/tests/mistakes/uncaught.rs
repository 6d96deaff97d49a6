//! Not caught. Each test shows what passes, so that nobody believes otherwise; the table says what
//! to do instead.

use std::sync::Arc;

use doorward_events::subscribe::store::Memory as Store;
use doorward_events::subscribe::{Order, Policies, Tracking, Verdict};
use doorward_events::testkit::{Memory, Rule};
use doorward_events::types::{
    AlarmKind, AlarmRaised, AlarmSeverity, DeliveryScheduled, EntryUnlockRequested, VisitSecured,
};
use doorward_events::{Bus, Form, Outcome, Outgoing, PublisherId, read, validate};
use serde_json::json;

use crate::building::{JOURNAL, accepts, granted, issuer, judged, now, request, ten};
use crate::stand::{Stand, dead, take};
use crate::world::{
    detail, envelope, from_gateway, gateway, id, order, ready, scheduled, secured, service,
    settings, start, visit, with,
};

#[test]
fn a_misspelt_optional_member_in_json() {
    let mut data = serde_json::to_value(secured()).unwrap();
    data["subjectref"] = json!("s-7f3k9q2m");
    let lost: VisitSecured = serde_json::from_value(data).unwrap();
    assert_eq!(lost, secured(), "it is gone without a word");
    assert!(envelope(gateway()).seal(&lost).is_ok());
}

#[test]
fn a_value_in_the_error_of_another_library() {
    let mut data = serde_json::to_value(scheduled()).unwrap();
    data["parcels"] = json!("PIN 4711");
    let error = serde_json::from_value::<DeliveryScheduled>(data).unwrap_err();
    assert!(error.to_string().contains("4711"));
}

#[test]
fn an_event_printed_for_debugging() {
    let draft = envelope(service()).seal(&scheduled()).unwrap();
    assert!(!format!("{draft:?}").contains("s-7f3k9q2m"), "what is on its way is masked");
    let received = read::<DeliveryScheduled>(draft.finish().as_bytes()).unwrap();
    assert!(format!("{received:?}").contains("s-7f3k9q2m"));
}

#[test]
fn members_that_do_not_fit_each_other() {
    let mut data = scheduled();
    let window = &mut data.window;
    std::mem::swap(&mut window.not_before, &mut window.expires_at);
    assert!(envelope(service()).seal(&data).is_ok());
}

#[test]
fn a_name_without_spaces_as_subject_ref() {
    for subject in ["JaneDoe", "jane.doe", "491701234567", "4711"] {
        let mut data = scheduled();
        data.subject_ref = subject.to_owned();
        assert!(envelope(service()).seal(&data).is_ok(), "{subject}");
    }
}

#[tokio::test]
async fn a_name_or_a_pin_in_free_text() {
    let data = AlarmRaised {
        alarm: AlarmKind::WrongCodeLimit,
        severity: AlarmSeverity::Warning,
        detail: Some("Jane Doe typed 4711 three times".to_owned()),
    };
    let event = detail(&from_gateway(&data, 1, |_, _| {}));
    for form in [Form::Writer, Form::Reader] {
        assert!(validate(event.as_bytes(), form).is_ok());
    }
}

#[tokio::test]
async fn a_publishers_clock_that_is_days_off() {
    for time in ["2026-11-11T06:41:00Z", "2036-11-21T06:41:00Z"] {
        let off = from_gateway(&secured(), 1, |envelope, _| envelope.time = time.parse().unwrap());
        assert_eq!(dead(&off).await.0, "handled", "{time}");
    }
}

#[test]
fn a_statement_after_its_end() {
    let late = "2026-11-28T10:00:00Z".parse().unwrap();
    assert!(judged(&granted(), "gw-1", JOURNAL, late).is_ok());
    let issued = now(issuer().request::<EntryUnlockRequested>(&accepts(), request())).unwrap();
    let received = read::<EntryUnlockRequested>(issued.draft.finish().as_bytes()).unwrap();
    assert!(ten() < late && judged(&received, "gw-1", JOURNAL, late).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_new_envelope_for_what_was_sent() {
    let bus = Arc::new(Memory::new());
    let queue = bus.subscribe(Rule::all().from_source("acme.delivery/"));
    let publisher = ready(bus.clone()).await;
    queue.next().await;
    let stand = Stand::new();
    let handler = stand.handler::<DeliveryScheduled, _>(|_| Ok(()));
    let subscriber = stand.builder(Policies::strict()).on(handler).build().unwrap();
    for _ in 0..2 {
        publisher.publish(publisher.envelope("acme"), &scheduled()).await.unwrap();
        take(&subscriber, &queue.next().await).await;
    }
    assert_eq!(stand.notes.called().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_bus_that_says_yes() {
    let (wrong, right) = (Arc::new(Memory::new()), Memory::new());
    let watched = right.deliveries();
    let publisher = start(wrong, service(), "acme", settings()).unwrap();
    assert!(publisher.ready().await.is_ok());
    assert!(publisher.publish(publisher.envelope("acme"), &scheduled()).await.is_ok());
    assert_eq!(watched.waiting(), 0, "only a handshake that is missing tells");
}

#[tokio::test]
async fn an_entry_made_without_a_seal() {
    let bus = Memory::new();
    let queue = bus.deliveries();
    let detail = with(&detail(&visit(1)), "/data/visit_id", json!(7));
    let entry = Outgoing {
        id: id(1),
        source: gateway().source().into(),
        detail_type: "visit.secured",
        detail: detail.into(),
        trace_header: None,
    };
    assert!(matches!(bus.put(&[entry]).await[..], [Outcome::Accepted { .. }]));
    assert_eq!(dead(&queue.next().await).await.0, "refused_by_schema", "only who receives");
}

#[tokio::test]
async fn an_event_of_another_tenant() {
    let other = from_gateway(&secured(), 1, |envelope, _| envelope.tenant_id = "other".into());
    assert_eq!(dead(&other).await.0, "handled");
}

#[tokio::test]
async fn one_consumer_name_for_two_services() {
    let store = Arc::new(Store::new(100));
    let (billing, mailing) = (Stand::on(store.clone()), Stand::on(store));
    take(&billing.willing(Policies::strict()), &visit(1)).await;
    take(&mailing.willing(Policies::strict()), &visit(1)).await;
    assert_eq!(billing.notes.called(), [id(1)]);
    assert!(mailing.notes.called().is_empty());
    assert_eq!(mailing.notes.told(), ["duplicate"]);
}

#[tokio::test]
async fn a_store_that_forgets_too_soon() {
    let stand = Stand::on(Arc::new(Store::new(2)));
    let quick = stand
        .builder(Policies::strict())
        .tracking(Tracking::NONE)
        .on(stand.handler::<VisitSecured, _>(|_| Ok(())))
        .build()
        .unwrap();
    for n in [1, 2, 3, 1] {
        assert_eq!(take(&quick, &visit(n)).await, Verdict::Acknowledge);
    }
    assert_eq!(stand.notes.called(), [id(1), id(2), id(3), id(1)]);
}

#[tokio::test]
async fn a_member_of_the_data_twice() {
    let once = r#""visit_id":"#;
    let twice = visit(1).replace(once, &format!(r#""visit_id":7,{once}"#));
    assert_ne!(twice, visit(1));
    assert_eq!(dead(&twice).await.0, "handled", "the last one counts");
}

#[tokio::test]
async fn the_last_events_missed_without_heartbeats() {
    let stand = Stand::new();
    let subscriber = stand.willing(Policies::strict());
    take(&subscriber, &visit(1)).await;
    // 2 and 3 never come, and the queue's rule has no gateway.heartbeat.
    assert!(stand.notes.told().is_empty());
}

#[tokio::test]
async fn the_order_and_the_gaps_of_a_services_events() {
    let stand = Stand::new();
    let handler = stand.handler::<DeliveryScheduled, _>(|_| Ok(()));
    let subscriber = stand.builder(Policies::strict()).on(handler).build().unwrap();
    take(&subscriber, &order()).await;
    assert_eq!(stand.notes.last().order, Order::Unknown);
    assert!(stand.notes.told().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_two_processes_share() {
    let bus = Arc::new(Memory::new());
    let (one, other) = (ready(bus.clone()).await, ready(bus.clone()).await);
    assert_eq!(one.id(), other.id());
    assert_eq!(one.id(), &PublisherId::new("acme.delivery", "blue-1"));
    for publisher in [one, other] {
        assert!(publisher.publish(publisher.envelope("acme"), &scheduled()).await.is_ok());
    }
}

#[tokio::test]
async fn a_gateway_spoofed_where_the_platforms_accounts_are_not_told() {
    let stand = Stand::new();
    let spoofed = with(&visit(1), "/account", json!("444455556666"));
    let subscriber = stand.willing(Policies::strict());
    assert_eq!(take(&subscriber, &spoofed).await, Verdict::Acknowledge);
    assert_eq!(stand.notes.called(), [id(1)]);
}
