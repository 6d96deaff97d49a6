//! The kill switch: a vendor is taken out of service over the bus; and commands that nobody answers.

use doorward_events::PublisherId;
use doorward_events::read;
use doorward_events::statement::{Accepts, Address, Issuer, VendorOrder};
use doorward_events::types::GatewayStarted;
use jiff::Timestamp;
use serde_json::Value;

use super::{SOON, running, vendor};
use crate::access::courier::{Authority, Service, deliver, now};
use crate::access::{Stand, detail};
use crate::support::wait_for;

#[test]
fn a_vendor_is_taken_out_of_service_over_the_bus_and_the_newest_word_counts() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let list = folder.path().join("issuers.jws");
    std::fs::write(&list, authority.list(1)).unwrap();
    let (root, place) = (authority.root_key(), list.display());
    let trust = format!("[trust]\nroot_key = \"{root}\"\nissuers = \"{place}\"\n");
    let mut stand = Stand::start(folder.path(), &trust);
    running(&stand.gateway, "zigbee2mqtt");
    let started = detail(&stand.sink.gets("gateway.started", |_| true));
    let started = read::<GatewayStarted>(started.to_string().as_bytes()).unwrap();
    let accepts = Accepts::from_started(&started).unwrap();
    let platform = PublisherId::new("acme.platform", "eu-1");
    let issuer = Issuer::new(authority.clock(), platform).unwrap();
    let order = |vendor: &str, isolated: bool, version: u64| -> String {
        let vendor = vendor.to_owned();
        let order = VendorOrder { vendor, isolated, version, issued_at: Timestamp::now() };
        let address = Address::of_gateway("acme", "gw-test");
        now(issuer.order_vendor(&accepts, address, order)).unwrap().draft.finish()
    };

    let answer = deliver(&stand, &order("zigbee2mqtt", true, 7));
    let outcome = |answer: &Value| answer["outcome"].as_str().unwrap().to_owned();
    assert_eq!((outcome(&answer).as_str(), &answer["state"]), ("vendor", &"isolated".into()));
    wait_for("its process is gone", SOON, || {
        stand.gateway.vendor_named("zigbee2mqtt").is_none().then_some(())
    });
    let told = detail(&stand.sink.gets("vendor.isolated", |_| true));
    assert_eq!(
        (&told["data"]["cause"], &told["data"]["scope"]),
        (&"issuer".into(), &"process".into())
    );

    // An older word that comes late, the same again, one for nobody, and after a restart.
    let older = deliver(&stand, &order("zigbee2mqtt", false, 6));
    assert_eq!(older["reason"], "superseded", "{older}");
    assert_eq!(deliver(&stand, &order("zigbee2mqtt", false, 7))["reason"], "superseded");
    assert_eq!(deliver(&stand, &order("nobody", true, 8))["reason"], "not_possible");
    stand.gateway.kill();
    stand.gateway.up();
    wait_for("the gateway is back", SOON, || vendor(&stand.gateway, "zigbee2mqtt"));
    assert_eq!(deliver(&stand, &order("zigbee2mqtt", false, 6))["reason"], "superseded");
    assert_eq!(stand.gateway.vendor_named("zigbee2mqtt"), None);

    let answer = deliver(&stand, &order("zigbee2mqtt", false, 8));
    assert_eq!(outcome(&answer), "vendor", "{answer}");
    running(&stand.gateway, "zigbee2mqtt");
}

#[test]
fn a_service_that_may_only_grant_switches_nothing_off() {
    let folder = tempfile::tempdir().unwrap();
    let (signer, trust) = crate::access::courier::trust(folder.path());
    let stand = Stand::start(folder.path(), &trust);
    let service = Service::new(signer, &stand);
    let order = VendorOrder {
        vendor: "zigbee2mqtt".to_owned(),
        isolated: true,
        version: 1,
        issued_at: Timestamp::now(),
    };
    let address = Address::of_gateway("acme", "gw-test");
    // It is not registered for the type, so its own library refuses; nothing reaches a gateway.
    let refused = now(service.issuer.order_vendor(&service.accepts, address, order));
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn after_commands_without_an_answer_further_ones_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path(), "");
    stand.lock.jam(true);
    let unlock = ["unlock", "front"];
    for _ in 0..5 {
        let (lines, code) = stand.lines(&unlock);
        assert_eq!(code, Some(4), "{lines:?}");
        assert_eq!(lines.last().unwrap()["state"], "timed_out");
    }
    let told = detail(&stand.sink.gets("vendor.isolated", |_| true));
    assert_eq!(told["data"]["cause"], "command_timeouts");
    assert_eq!(told["data"]["scope"], "commands");
    let (lines, code) = stand.lines(&unlock);
    assert_eq!((code, &lines[0]["reason"]), (Some(3), &"vendor_unavailable".into()), "{lines:?}");
    let view = vendor(&stand.gateway, "zigbee2mqtt").unwrap();
    assert_eq!((&view["state"], &view["commands_suspended"]), (&"running".into(), &true.into()));
    // What its devices say is heard all the while.
    stand.leaf(false);
    stand.gateway.fact("front", "position", "open", "observed");
    stand.leaf(true);
    stand.gateway.fact("front", "position", "closed", "observed");

    stand.lock.jam(false);
    assert_eq!(stand.lines(&["vendors", "release", "zigbee2mqtt"]).1, Some(0));
    let (lines, code) = stand.lines(&unlock);
    assert_eq!(code, Some(0), "{lines:?}");
}
