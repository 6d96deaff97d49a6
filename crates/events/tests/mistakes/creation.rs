//! Caught when something is made: a value, a publisher, a subscriber, a consumer.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::aws::Connection;
use doorward_events::publish::{Settings, StartError};
use doorward_events::subscribe::sqs::{Consumer, Settings as QueueSettings, SetupError};
use doorward_events::subscribe::{BuildError, Policies, Subscriber};
use doorward_events::testkit::Memory;
use doorward_events::types::{DeliveryScheduled, OperationOutcome, VisitSecured};
use doorward_events::{PublisherId, RegisteredPublisher};
use jiff::Timestamp;
use serde_json::json;

use crate::stand::Stand;
use crate::world::{scheduled, service, settings, start};

/// Why a publisher of this name, instance and tenant does not start; nothing has left then.
fn refused(name: &str, instance: &str, tenant: &str, settings: Settings) -> StartError {
    let bus = Arc::new(Memory::new());
    let error = start(bus.clone(), PublisherId::new(name, instance), tenant, settings).unwrap_err();
    assert_eq!(bus.calls(), 0);
    error
}

fn from_json(member: &str, value: serde_json::Value) -> Result<DeliveryScheduled, String> {
    let mut data = serde_json::to_value(scheduled()).unwrap();
    data.as_object_mut().unwrap().remove("parcels");
    data[member] = value;
    serde_json::from_value(data).map_err(|error| error.to_string())
}

#[test]
fn a_misspelt_required_member_in_json() {
    assert!(from_json("parcels", json!(2)).is_ok());
    assert_eq!(from_json("parcel", json!(2)).unwrap_err(), "missing field `parcels`");
}

#[test]
fn a_member_of_another_kind_in_json() {
    assert!(from_json("parcels", json!("2")).unwrap_err().contains("invalid type"));
}

#[test]
fn an_unknown_word_of_a_closed_enumeration() {
    assert_eq!("failed".parse(), Ok(OperationOutcome::Failed));
    assert!("halfway".parse::<OperationOutcome>().is_err());
    assert!(serde_json::from_value::<OperationOutcome>(json!("halfway")).is_err());
}

#[test]
fn a_time_without_zone() {
    assert!("2026-11-21T09:00:00Z".parse::<Timestamp>().is_ok());
    assert!("2026-11-21T09:00:00".parse::<Timestamp>().is_err());
}

#[tokio::test]
async fn an_unregistered_publisher() {
    let error = refused("acme.courier", "blue-1", "acme", settings());
    assert_eq!(error, StartError::NotRegistered("acme.courier".to_owned()));
    assert!(error.to_string().contains("schemas/publishers.json"));
}

#[tokio::test]
async fn a_source_that_begins_with_aws() {
    let error = refused("aws.events", "blue-1", "acme", settings());
    assert_eq!(error, StartError::NotRegistered("aws.events".to_owned()));
    assert!(RegisteredPublisher::all().iter().all(|known| !known.name.starts_with("aws.")));
}

#[tokio::test]
async fn a_service_that_calls_itself_a_gateway() {
    let error = refused("doorward.gateway", "gw-1", "acme", settings());
    assert_eq!(error, StartError::Gateway("doorward.gateway".to_owned()));
}

#[tokio::test]
async fn an_instance_that_is_no_name() {
    for instance in ["", "blue 1", "blue/1"] {
        let error = refused("acme.delivery", instance, "acme", settings());
        assert_eq!(error, StartError::Instance, "{instance}");
    }
}

#[tokio::test]
async fn a_tenant_that_is_no_id() {
    for tenant in ["", "ACME Ltd", "acme/berlin"] {
        let error = refused("acme.delivery", "blue-1", tenant, settings());
        assert_eq!(error, StartError::Tenant, "{tenant}");
    }
}

#[test]
fn no_runtime() {
    let started = start(Arc::new(Memory::new()), service(), "acme", settings());
    assert_eq!(started.unwrap_err(), StartError::NoRuntime);
}

#[tokio::test]
async fn a_batch_over_the_bus_limits() {
    let over = [
        ("batch_entries", Settings { batch_entries: 11, ..settings() }),
        ("batch_bytes", Settings { batch_bytes: 1_000_001, ..settings() }),
    ];
    for (setting, settings) in over {
        match refused("acme.delivery", "blue-1", "acme", settings) {
            StartError::Setting(error) => assert_eq!(error.setting, setting),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_consumer_whose_name_is_none() {
    let stand = Stand::new();
    for name in ["", "Billing", "billing service"] {
        let builder = Subscriber::builder(name, Policies::strict(), Arc::clone(&stand.store));
        let built = builder.on(stand.handler::<VisitSecured, _>(|_| Ok(()))).build();
        assert_eq!(built.err(), Some(BuildError::Consumer), "{name}");
    }
}

#[test]
fn two_handlers_for_one_type() {
    let stand = Stand::new();
    let handler = || stand.handler::<VisitSecured, _>(|_| Ok(()));
    let built = stand.builder(Policies::strict()).on(handler()).on(handler()).build();
    let twice = BuildError::Twice(doorward_events::EventType::VisitSecured);
    assert_eq!(built.err(), Some(twice));
    let built = stand.builder(Policies::strict()).build();
    assert_eq!(built.err(), Some(BuildError::NoHandler));
}

#[test]
fn a_handling_time_that_no_queue_keeps() {
    let stand = Stand::new();
    for hours in [0, 12] {
        let builder =
            stand.builder(Policies::strict()).on(stand.handler::<VisitSecured, _>(|_| Ok(())));
        let built = builder.handling_time(Duration::from_secs(hours * 3600)).build();
        assert_eq!(built.err(), Some(BuildError::HandlingTime), "{hours}");
    }
}

#[tokio::test]
async fn a_queue_that_is_its_own_dead_letter_queue() {
    let url = "https://sqs.eu-central-1.amazonaws.com/111122223333/visits";
    let connection = || Connection::emulator("eu-central-1", "http://127.0.0.1:9");
    let same = Consumer::new(connection(), url, url, QueueSettings::DEFAULT).await;
    assert_eq!(same.err(), Some(SetupError::SameQueue));
    let none = Consumer::new(connection(), url, "", QueueSettings::DEFAULT).await;
    assert_eq!(none.err(), Some(SetupError::QueueUrl));
}
