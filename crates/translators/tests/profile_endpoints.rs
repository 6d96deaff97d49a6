//! Endpoints of a vendor's file with a profile: how they are matched, and what is wrong with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use doorward_translators::profile::{self, MAX_TOPICS};
use doorward_translators::{
    EndpointSetup, Fault, MAX_DEVICES, Message, Place, Quality, Setup, Translator, What, Wire,
};
use serde_json::{Value, json};

fn endpoint(address: &str, settings: Value) -> EndpointSetup {
    let Value::Object(settings) = settings else { panic!("a table") };
    EndpointSetup { identity: format!("id of {address}"), address: address.to_owned(), settings }
}

type Opened = (Box<dyn Translator>, Vec<Fault>);

fn open(ecosystem: &str, endpoints: Vec<EndpointSetup>) -> Result<Opened, Vec<Fault>> {
    let setup = Setup { ecosystem: ecosystem.to_owned(), endpoints, ..Setup::default() };
    profile::open(&setup).map(|opened| match opened.wire {
        Wire::Mqtt(translator) => (translator, opened.warnings),
        Wire::Serial(_) => panic!("a profile speaks MQTT"),
    })
}

fn fault(ecosystem: &str, endpoints: Vec<EndpointSetup>) -> Fault {
    let faults = open(ecosystem, endpoints).err().expect("a fault");
    assert!(faults.iter().all(|fault| fault.place == Place::VendorFile), "{faults:?}");
    faults.into_iter().find(|fault| !fault.warning).expect("one that is no warning")
}

#[test]
fn addresses_that_no_device_can_have() {
    for address in ["", "a/#", "+", "a/+/b", "$SYS", "a\u{0}", "a//b", "/a", "a/", &"x".repeat(513)]
    {
        let fault = fault("ratgdo", vec![endpoint(address, json!({}))]);
        assert_eq!(fault.key, "endpoint.0.address", "{address:?}");
    }
    // Its topics would be longer than the address.
    let fault = fault("ratgdo", vec![endpoint(&"x".repeat(505), json!({}))]);
    assert_eq!(fault.key, "endpoint.0.address");
    assert!(open("ratgdo", vec![endpoint(&"x".repeat(480), json!({}))]).is_ok());
}

#[test]
fn addresses_of_no_kind_say_which_there_are() {
    let fault = fault("shelly", vec![endpoint("x/light:0", json!({}))]);
    assert_eq!(fault.key, "endpoint.0.address");
    for form in ["{device+}/cover:{channel#}", "{device+}/switch:{channel#}"] {
        assert!(fault.remedy.contains(form), "{}", fault.remedy);
    }
}

/// A lock that may be no bolt is never taken for one unasked.
#[test]
fn an_ambiguous_kind_must_be_said() {
    let bare = fault("esphome", vec![endpoint("gate/lock/a", json!({}))]);
    assert_eq!(bare.key, "endpoint.0.address");
    assert!(bare.remedy.contains("lock, remote_lockout"), "{}", bare.remedy);
    for (kind, is_lock) in [("lock", true), ("remote_lockout", false)] {
        let (translator, _) =
            open("esphome", vec![endpoint("gate/lock/a", json!({"kind": kind}))]).unwrap();
        let message = Message { topic: "gate/lock/a/state", payload: b"LOCKED", retained: false };
        let found = translator.translate(&message).unwrap();
        assert_eq!(matches!(found[0].what, What::Lock { .. }), is_lock);
        assert_eq!(matches!(found[0].what, What::RemoteLockout { active: Some(true) }), !is_lock);
    }
    for kind in [json!("cover"), json!("door"), json!(1)] {
        let key = if kind == json!("cover") { "endpoint.0.address" } else { "endpoint.0.kind" };
        let wrong = fault("esphome", vec![endpoint("gate/lock/a", json!({"kind": kind}))]);
        assert_eq!(wrong.key, key, "{kind}");
    }
}

#[test]
fn a_choice_without_default_must_be_made() {
    let missing = fault("shelly", vec![endpoint("x/input:0", json!({}))]);
    assert_eq!(missing.key, "endpoint.0");
    assert!(missing.remedy.contains("on_when_closed"), "{}", missing.remedy);
    for contact in [json!("normally_open"), json!(true), json!("")] {
        let wrong = fault("shelly", vec![endpoint("x/input:0", json!({"contact": contact}))]);
        assert_eq!(wrong.key, "endpoint.0.contact");
    }
}

#[test]
fn typos_are_warnings() {
    let settings = json!({"optimistc": true, "ask": true});
    let (_, warnings) = open("ratgdo", vec![endpoint("a", settings)]).unwrap();
    assert_eq!(warnings, [Fault::unknown_key("endpoint.0.optimistc")]);
    let setup = Setup {
        ecosystem: "ratgdo".to_owned(),
        settings: [("base_topic".to_owned(), json!("x"))].into_iter().collect(),
        ..Setup::default()
    };
    let opened = profile::open(&setup).unwrap();
    assert_eq!(opened.warnings, [Fault::unknown_key("settings.base_topic")]);
    for (key, value) in [("optimistic", json!("yes")), ("ask", json!(1))] {
        let wrong = fault("ratgdo", vec![endpoint("a", json!({key: value}))]);
        assert_eq!(wrong.key, format!("endpoint.0.{key}"));
    }
}

/// However many warnings there are, an endpoint that cannot be used is never left out in silence.
#[test]
fn many_typos_hide_no_fault() {
    let mut endpoints: Vec<EndpointSetup> =
        (0..200).map(|n| endpoint(&format!("d{n}"), json!({"typo": 1}))).collect();
    endpoints.push(endpoint("a/#", json!({})));
    assert_eq!(fault("ratgdo", endpoints).key, "endpoint.200.address");
}

#[test]
fn an_endpoint_can_be_declared_a_guess() {
    for (settings, quality) in [
        (json!({}), Quality::Reported),
        (json!({"optimistic": false}), Quality::Reported),
        (json!({"optimistic": true}), Quality::Assumed),
    ] {
        let (translator, _) = open("esphome", vec![endpoint("gate/cover/a", settings)]).unwrap();
        let message = Message { topic: "gate/cover/a/state", payload: b"closed", retained: false };
        let found = translator.translate(&message).unwrap();
        assert!(matches!(found[0].what, What::Position { quality: said, .. } if said == quality));
    }
}

#[test]
fn no_two_devices_have_one_address() {
    let twice = vec![endpoint("a", json!({})), endpoint("a", json!({}))];
    assert_eq!(fault("ratgdo", twice).key, "endpoint.1.address");
}

/// What one device reads, another must not be commanded on.
#[test]
fn no_topic_is_both_read_and_commanded_on() {
    let both = vec![endpoint("a", json!({})), endpoint("a/OUT/STATE", json!({}))];
    let fault = fault("opengarage", both);
    assert_eq!(fault.key, "endpoint.0.address");
    assert!(fault.message.contains("a/OUT/STATE"), "{}", fault.message);
}

#[test]
fn one_topic_of_many_devices_is_bounded() {
    let covers = |count: usize| {
        (0..count).map(|n| endpoint(&format!("gate/cover/c{n}"), json!({}))).collect::<Vec<_>>()
    };
    let (translator, _) = open("esphome", covers(32)).unwrap();
    let message = Message { topic: "gate/status", payload: b"offline", retained: true };
    assert_eq!(translator.translate(&message).unwrap().len(), 32);
    // Each of them is told offline, and no anomaly is kept instead of one.
    let message = Message { topic: "gate/status", payload: b"?", retained: true };
    let found = translator.translate(&message).unwrap();
    assert!(found.iter().all(|one| matches!(one.what, What::Availability { online: false, .. })));
    assert_eq!(found.len(), 32);
    let fault = fault("esphome", covers(33));
    assert_eq!(fault.key, "endpoint.32.address");
}

#[test]
fn devices_and_topics_are_bounded() {
    let many = |count: usize| {
        (0..count).map(|n| endpoint(&format!("d{n}"), json!({}))).collect::<Vec<_>>()
    };
    assert_eq!(fault("ratgdo", many(MAX_DEVICES + 1)).key, "endpoint");
    assert_eq!(fault("ratgdo", many(MAX_DEVICES)).key, "endpoint", "5 topics each");
    let (translator, _) = open("ratgdo", many(3000)).unwrap();
    assert_eq!(translator.subscriptions().len(), 15_000);
    assert!(translator.subscriptions().len() <= MAX_TOPICS);
    assert_eq!(translator.devices().len(), 3000);
}

/// What nobody reads is not subscribed to, and understood where it comes all the same.
#[test]
fn subscriptions_are_the_topics_that_are_read() {
    let (translator, _) = open("ratgdo", vec![endpoint("home/a", json!({}))]).unwrap();
    let filters: Vec<String> =
        translator.subscriptions().into_iter().map(|one| one.filter).collect();
    assert_eq!(
        filters,
        [
            "home/a/status/availability",
            "home/a/status/door",
            "home/a/status/lock",
            "home/a/status/obstruction",
            "home/a/command/#",
        ]
    );
    let light = Message { topic: "home/a/status/light", payload: b"on", retained: true };
    assert_eq!(translator.translate(&light), Ok(vec![]));
}
