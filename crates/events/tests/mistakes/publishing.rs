//! Caught when an event is sealed: nothing that is invalid leaves.

use std::sync::Arc;

use doorward_events::publish::Why;
use doorward_events::testkit::Memory;
use doorward_events::types::{
    DeliveryCompleted, DeliveryOutcome, EndpointBatteryChanged, GrantIssued,
};
use doorward_events::{Envelope, Form, PublisherId, Rejected, validate};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{
    detail, envelope, gateway, of_invalid, order, pointers, ready, scheduled, secured, service,
    with,
};

/// The pointers of what a writer's form refuses in this event.
fn unwritable(pointer: &str, value: Value) -> Vec<String> {
    let event = detail(&order());
    assert!(validate(event.as_bytes(), Form::Writer).is_ok());
    match validate(with(&event, pointer, value).as_bytes(), Form::Writer) {
        Err(Rejected::Invalid(invalid)) => of_invalid(&invalid),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unknown_word_of_an_open_enumeration() {
    let outcome = DeliveryOutcome::from("handed_over");
    let data =
        DeliveryCompleted { delivery_id: "d-1".to_owned(), outcome, reason: None, visit_id: None };
    assert_eq!(pointers(envelope(service()), &data), ["/data/outcome"]);
    let data = DeliveryCompleted { outcome: DeliveryOutcome::Delivered, ..data };
    assert!(envelope(service()).seal(&data).is_ok());
}

#[test]
fn a_number_out_of_range() {
    for (parcels, refused) in [(0, true), (1, false), (1000, false), (1001, true)] {
        let mut data = scheduled();
        data.parcels = parcels;
        let sealed = envelope(service()).seal(&data);
        assert_eq!(sealed.is_err(), refused, "{parcels}");
        if refused {
            assert_eq!(of_invalid(&sealed.unwrap_err()), ["/data/parcels"]);
        }
    }
}

#[test]
fn a_number_that_json_cannot_hold() {
    let battery = |percent| EndpointBatteryChanged {
        low: None,
        percent: Some(percent),
        vendor: "zigbee2mqtt".to_owned(),
    };
    assert!(envelope(gateway()).seal(&battery(99.5)).is_ok());
    assert_eq!(pointers(envelope(gateway()), &battery(f64::NAN)), ["/data/percent"]);
}

#[test]
fn a_text_too_long() {
    let mut data = scheduled();
    data.delivery_id = "d".repeat(64);
    assert!(envelope(service()).seal(&data).is_ok());
    data.delivery_id.push('d');
    assert_eq!(pointers(envelope(service()), &data), ["/data/delivery_id"]);
}

#[test]
fn a_time_without_zone_in_data() {
    let naive = ["2026-11-21T09:00:00", "2026-11-21 09:00:00Z", "2026-11-21T09:00:00+01:00", ""];
    for text in naive {
        let mut data = scheduled();
        data.window.not_before = text.to_owned();
        let refused = pointers(envelope(service()), &data);
        assert!(refused.iter().all(|pointer| pointer == "/data/window/not_before"), "{text}");
    }
}

#[test]
fn a_day_that_does_not_exist() {
    let mut data = scheduled();
    data.window.not_before = "2026-02-30T09:00:00Z".to_owned();
    assert_eq!(pointers(envelope(service()), &data), ["/data/window/not_before"]);
}

#[test]
fn a_type_that_is_not_the_publishers() {
    assert_eq!(pointers(envelope(service()), &secured()), ["/publisher/name"]);
    assert_eq!(pointers(envelope(gateway()), &scheduled()), ["/publisher/name"]);
}

#[test]
fn a_publisher_that_nobody_registered() {
    for name in ["acme.courier", "aws.events", ""] {
        let publisher = PublisherId::new(name, "blue-1");
        assert_eq!(pointers(envelope(publisher), &scheduled()), ["/publisher/name"], "{name}");
    }
}

#[test]
fn a_tenant_missing_or_malformed() {
    for tenant in ["", "ACME Ltd", "acme\n"] {
        let envelope = Envelope { tenant_id: tenant.into(), ..envelope(service()) };
        let refused = pointers(envelope, &scheduled());
        assert!(refused.iter().all(|pointer| pointer == "/tenant_id"), "{tenant}: {refused:?}");
    }
}

#[test]
fn an_id_of_another_version() {
    let fourth = Uuid::from_u128(0x9b2d_4f5c_6a1e_4c3a_9d5e_0123_4567_89ab);
    let envelope = Envelope { id: fourth, ..envelope(service()) };
    assert_eq!(pointers(envelope, &scheduled()), ["/id"]);
}

#[test]
fn an_event_too_large() {
    let data = GrantIssued {
        expires_at: "2026-11-21T12:00:00Z".to_owned(),
        gateway: "gw-1".to_owned(),
        grant_id: "0191c7a0-0000-7000-8000-00000000a001".to_owned(),
        journal_id: "6f0d3a5e-8f5e-4d0e-9a51-0d9f6f3b2c11".to_owned(),
        signed: format!("a.b.{}", "c".repeat(64 * 1024)),
    };
    assert_eq!(pointers(envelope(service()), &data), ["/data/signed"]);
}

#[test]
fn a_newer_version_than_the_writers_schema() {
    assert_eq!(unwritable("/schema_version", json!("1.7")), ["/schema_version"]);
}

#[test]
fn a_member_that_nobody_knows() {
    assert_eq!(unwritable("/data/parcles", json!(2)), ["/data/parcles"]);
    assert_eq!(unwritable("/colour", json!("red")), ["/colour"]);
}

#[test]
fn a_name_or_an_address_as_subject_ref() {
    for subject in ["Jane Doe", "jane.doe@example.org", "Zoë", ""] {
        let mut data = scheduled();
        data.subject_ref = subject.to_owned();
        let refused = pointers(envelope(service()), &data);
        assert!(refused.iter().all(|pointer| pointer == "/data/subject_ref"), "{subject}");
    }
}

/// The value that is refused stands in no error, whichever way it is printed.
#[tokio::test(start_paused = true)]
async fn a_value_in_an_error() {
    let publisher = ready(Arc::new(Memory::new())).await;
    let secret = "PIN 4711 of Jane";
    let mut data = scheduled();
    (data.subject_ref, data.delivery_id) = (secret.to_owned(), secret.to_owned());
    (data.window.not_before, data.parcels) = (secret.to_owned(), 4711);
    let envelope = publisher.envelope(secret);
    let refusal = publisher.publish(envelope, &data).await.unwrap_err();
    let Why::Invalid(invalid) = &refusal.why else { panic!("{refusal}") };
    assert!(invalid.errors.len() >= 5, "{invalid}");
    for text in [refusal.to_string(), format!("{refusal:?}"), invalid.to_string()] {
        assert!(!text.contains("4711") && !text.contains("Jane"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_sent_unvalidated() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    let mut data = scheduled();
    data.parcels = 0;
    let refusal = publisher.publish(publisher.envelope("acme"), &data).await.unwrap_err();
    assert!(matches!(refusal.why, Why::Invalid(_)));
    assert!(publisher.try_send(publisher.envelope("acme"), &data).is_err());
    assert!(publisher.resend(refusal).await.is_err());
    let left = bus.accepted();
    assert_eq!(left.len(), 1, "the handshake alone");
    for entry in left {
        assert!(validate(entry.detail.as_bytes(), Form::Writer).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_envelope_of_another_publisher() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    let other = Envelope::now(PublisherId::new("acme.delivery", "green-2"), "acme");
    let refusal = publisher.publish(other, &scheduled()).await.unwrap_err();
    let Why::Invalid(invalid) = refusal.why else { panic!("{refusal}") };
    assert_eq!(of_invalid(&invalid), ["/publisher"]);
    assert_eq!(bus.accepted().len(), 1);
}
