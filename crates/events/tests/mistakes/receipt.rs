//! Caught on receipt, before a handler is asked: what it becomes, and where a dead letter points.

use doorward_events::subscribe::{
    Aside, MAX_DELIVERY_BYTES, Newer, Policies, Tests, Unread, Verdict, Why,
};
use doorward_events::types::{
    DeliveryCompleted, DeliveryOutcome, DeliveryScheduled, GrantIssued, VisitOpened, VisitSecured,
};
use doorward_events::{EventType, Form, MAX_EVENT_BYTES, Rejected, read, validate};
use serde_json::{Value, json};

use crate::stand::{Stand, at, dead, fate, take};
use crate::world::{
    delivered, detail, envelope, from_gateway, gateway, id, of_invalid, order, scheduled, secured,
    service, visit, with,
};

fn changed(pointer: &str, value: Value) -> String {
    with(&visit(1), pointer, value)
}

#[tokio::test]
async fn what_is_not_json() {
    assert_eq!(dead("knock").await, ("not_json", None));
    let good = visit(1);
    assert_eq!(dead(&good[..good.len() - 1]).await, ("not_json", None));
    assert!(matches!(read::<VisitSecured>(b"knock"), Err(Rejected::Malformed { .. })));
}

#[tokio::test]
async fn an_event_without_the_bus_around_it() {
    assert_eq!(dead(&detail(&visit(1))).await, ("not_a_delivery", None));
    let notification = json!({"Type": "Notification", "Message": visit(1)}).to_string();
    assert_eq!(dead(&notification).await, ("not_a_delivery", None));
}

#[tokio::test]
async fn what_is_too_large() {
    let long = changed("/detail/extra", json!("x".repeat(MAX_EVENT_BYTES)));
    assert_eq!(dead(&long).await, ("too_large", None));
    assert_eq!(dead(&" ".repeat(MAX_DELIVERY_BYTES + 1)).await, ("too_large", None));
}

#[tokio::test]
async fn what_is_nested_too_deep() {
    let deep = (0..20).fold(json!(1), |inside, _| json!([inside]));
    assert_eq!(dead(&changed("/detail/extra", deep)).await, ("too_deep", None));
}

#[tokio::test]
async fn a_missing_member() {
    let without = changed("/detail/data/visit_id", Value::Null);
    assert_eq!(dead(&without).await, at("refused_by_schema", "/data/visit_id"));
    let without = changed("/detail/tenant_id", Value::Null);
    assert_eq!(dead(&without).await, at("refused_by_schema", "/tenant_id"));
}

#[tokio::test]
async fn a_member_of_another_kind() {
    let wrong = changed("/detail/data/visit_id", json!(7));
    assert_eq!(dead(&wrong).await, at("refused_by_schema", "/data/visit_id"));
    let wrong = changed("/detail/test", json!("false"));
    assert_eq!(dead(&wrong).await, at("refused_by_schema", "/test"));
}

#[tokio::test]
async fn a_time_without_zone_from_elsewhere() {
    for text in ["2026-11-21T06:41:00", "2026-11-21T06:41:00+01:00", "21.11.2026"] {
        let (why, pointer) = dead(&changed("/detail/time", json!(text))).await;
        assert_eq!((why, pointer.as_deref()), ("refused_by_schema", Some("/time")), "{text}");
    }
}

#[tokio::test]
async fn a_detail_type_that_is_not_the_type() {
    let other = changed("/detail-type", json!("visit.opened"));
    assert_eq!(dead(&other).await, at("wrong_type", "/type"));
}

#[tokio::test]
async fn a_source_of_another_instance() {
    for source in ["doorward.gateway/gw-2", "doorward.gateway/gw-10", "doorward.gateway"] {
        let other = changed("/source", json!(source));
        assert_eq!(dead(&other).await, at("wrong_source", "/publisher"), "{source}");
    }
}

#[tokio::test]
async fn a_publisher_that_is_unknown_here() {
    let of = |name: &str| {
        let event = changed("/detail/publisher/name", json!(name));
        with(&event, "/source", json!(format!("{name}/gw-1")))
    };
    for name in ["acme.courier", "aws.events", "acme.delivery"] {
        assert_eq!(dead(&of(name)).await, at("unregistered", "/publisher/name"), "{name}");
    }
    let patient = Policies { unregistered: Aside::Again, ..Policies::strict() };
    assert_eq!(fate(patient, &of("acme.courier")).await.0, "again");
    assert_eq!(fate(Policies::tolerant(), &of("acme.courier")).await.0, "unregistered");
}

#[tokio::test]
async fn an_account_that_is_not_the_publishers() {
    let other = with(&order(), "/account", json!("444455556666"));
    assert_eq!(dead(&other).await, ("wrong_account", None));
    assert_eq!(dead(&order()).await.0, "unhandled_type");
}

#[tokio::test]
async fn a_gateway_spoofed_from_another_account() {
    let stand = Stand::new();
    let handler = stand.handler::<VisitSecured, _>(|_| Ok(()));
    let builder = stand.builder(Policies::strict()).platform_accounts(["123456789012"]);
    let subscriber = builder.on(handler).build().unwrap();
    for account in [json!("444455556666"), json!(null)] {
        let spoofed = changed("/account", account);
        let Verdict::DeadLetter(reason) = take(&subscriber, &spoofed).await else {
            panic!("it was taken: {spoofed}")
        };
        assert_eq!(reason.why, Why::WrongAccount, "{spoofed}");
    }
    let own = changed("/account", json!("123456789012"));
    assert_eq!(take(&subscriber, &own).await, Verdict::Acknowledge);
    assert_eq!(stand.notes.called(), [id(1)]);
}

#[tokio::test]
async fn a_type_that_is_unknown_here() {
    let unknown = changed("/detail-type", json!("visit.filmed"));
    let unknown = with(&unknown, "/detail/type", json!("visit.filmed"));
    assert_eq!(dead(&unknown).await, at("unknown_type", "/type"));
    assert_eq!(fate(Policies::tolerant(), &unknown).await.0, "ignored");
    let patient = Policies { unknown_type: Unread::Again, ..Policies::strict() };
    assert_eq!(fate(patient, &unknown).await.0, "again");
}

#[tokio::test]
async fn a_type_without_a_handler() {
    assert_eq!(dead(&order()).await, at("unhandled_type", "/type"));
    assert_eq!(fate(Policies::tolerant(), &order()).await.0, "ignored");
}

#[tokio::test]
async fn a_newer_minor_version() {
    let newer = changed("/detail/schema_version", json!("1.7"));
    assert_eq!(dead(&newer).await, at("newer_minor", "/schema_version"));
    assert_eq!(fate(Policies::tolerant(), &newer).await.0, "handled");
    let patient = Policies { newer_minor: Newer::Again, ..Policies::strict() };
    assert_eq!(fate(patient, &newer).await.0, "again");
}

#[tokio::test]
async fn another_major_version() {
    let newer = changed("/detail/schema_version", json!("2.0"));
    for policies in [Policies::strict(), Policies::tolerant()] {
        assert_eq!(fate(policies, &newer).await, at("other_major", "/schema_version"));
    }
    let patient = Policies { other_major: Aside::Again, ..Policies::strict() };
    assert_eq!(fate(patient, &newer).await.0, "again");
}

#[tokio::test]
async fn a_version_that_is_none() {
    let none = changed("/detail/schema_version", json!("v1"));
    assert_eq!(dead(&none).await, at("refused_by_schema", "/schema_version"));
}

#[test]
fn a_new_word_of_an_open_enumeration() {
    let data = DeliveryCompleted {
        delivery_id: "d-1".to_owned(),
        outcome: DeliveryOutcome::Delivered,
        reason: None,
        visit_id: None,
    };
    let event = envelope(service()).seal(&data).unwrap().finish();
    let newer = with(&event, "/data/outcome", json!("handed_over"));
    let received = read::<DeliveryCompleted>(newer.as_bytes()).unwrap();
    assert_eq!(received.data.outcome, DeliveryOutcome::Other("handed_over".to_owned()));
    let endless = with(&event, "/data/outcome", json!("x".repeat(65)));
    assert!(read::<DeliveryCompleted>(endless.as_bytes()).is_err());
}

#[test]
fn a_new_word_of_a_closed_enumeration() {
    let data = doorward_events::types::EntryAttributionUpdated {
        failure_reason: None,
        operation: doorward_events::types::OperationKind::Unlock,
        operation_source: doorward_events::types::OperationSource::Keypad,
        outcome: doorward_events::types::OperationOutcome::Failed,
        user_slot: None,
    };
    let event = detail(&from_gateway(&data, 1, |_, _| {}));
    assert!(validate(event.as_bytes(), Form::Reader).is_ok());
    let newer = with(&event, "/data/outcome", json!("halfway"));
    let refused = validate(newer.as_bytes(), Form::Reader).unwrap_err();
    assert_eq!(refused.pointers(), ["/data/outcome"]);
}

#[tokio::test]
async fn a_member_that_is_unknown_here() {
    let more = changed("/detail/data/weather", json!("rain"));
    assert_eq!(dead(&more).await.0, "handled");
}

#[test]
fn an_unknown_member_beside_authority() {
    let data = GrantIssued {
        expires_at: "2026-11-21T12:00:00Z".to_owned(),
        gateway: "gw-1".to_owned(),
        grant_id: "0191c7a0-0000-7000-8000-00000000a001".to_owned(),
        journal_id: "6f0d3a5e-8f5e-4d0e-9a51-0d9f6f3b2c11".to_owned(),
        signed: "e30.e30.AA".to_owned(),
    };
    let event = envelope(service()).seal(&data).unwrap().finish();
    assert!(read::<GrantIssued>(event.as_bytes()).is_ok());
    let more = with(&event, "/data/only_on_weekdays", json!(true));
    let Err(Rejected::Invalid(invalid)) = read::<GrantIssued>(more.as_bytes()) else {
        panic!("a restriction is skipped")
    };
    assert_eq!(of_invalid(&invalid), ["/data/only_on_weekdays"]);
}

#[tokio::test]
async fn a_gateways_event_without_an_origin() {
    let unstamped = envelope(gateway()).seal(&secured()).unwrap().finish();
    assert_eq!(dead(&delivered(&unstamped)).await, at("refused_by_schema", "/gateway"));
}

#[test]
fn reading_as_the_wrong_type() {
    let event = detail(&visit(1));
    let error = read::<VisitOpened>(event.as_bytes()).unwrap_err();
    assert!(matches!(error, Rejected::OtherType { found: EventType::VisitSecured, .. }));
    assert_eq!(error.pointers(), ["/type"]);
    let event = envelope(service()).seal(&scheduled()).unwrap().finish();
    assert!(read::<DeliveryScheduled>(event.as_bytes()).is_ok());
}

#[tokio::test]
async fn a_member_of_the_head_twice() {
    let twice = visit(1)
        .replace(r#""type":"visit.secured""#, r#""type":"visit.secured","type":"visit.secured""#);
    assert_ne!(twice, visit(1));
    assert_eq!(dead(&twice).await.0, "not_an_event");
}

#[tokio::test]
async fn a_test_event() {
    let test = changed("/detail/test", json!(true));
    for policies in [Policies::strict(), Policies::tolerant()] {
        assert_eq!(fate(policies, &test).await.0, "ignored");
        let testing = Policies { tests: Tests::Handle, ..policies };
        assert_eq!(fate(testing, &test).await.0, "handled");
    }
}

#[tokio::test]
async fn a_value_in_a_dead_letter() {
    use crate::stand::{Stand, take};
    use doorward_events::subscribe::Verdict;
    let secret = changed("/detail/data/visit_id", json!("PIN 4711 of Jane"));
    let verdict = take(&Stand::new().willing(Policies::strict()), &secret).await;
    let Verdict::DeadLetter(reason) = verdict else { panic!("{verdict:?}") };
    let told = format!("{reason:?} {:?}", reason.attributes("billing"));
    assert!(told.contains("/data/visit_id"), "{told}");
    assert!(!told.contains("4711") && !told.contains("Jane"), "{told}");
}

#[tokio::test]
async fn an_event_of_a_foreign_tenant() {
    let other = from_gateway(&secured(), 1, |envelope, _| envelope.tenant_id = "other".into());
    let stand = Stand::new();
    let handler = stand.handler::<VisitSecured, _>(|_| Ok(()));
    let ours = stand.builder(Policies::strict()).tenants(["acme"]).on(handler).build().unwrap();
    let Verdict::DeadLetter(reason) = take(&ours, &other).await else { panic!("it was taken") };
    assert_eq!((reason.why, reason.pointer.as_deref()), (Why::WrongTenant, Some("/tenant_id")));
    assert_eq!(take(&ours, &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.notes.called(), [id(1)]);
}
