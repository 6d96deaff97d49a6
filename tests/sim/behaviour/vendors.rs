//! A vendor's process, as far as doors see it.

use std::time::Duration;

use doorward::domain::ids::VendorId;
use doorward::gateway::{Configured, Input, VendorChange};
use doorward::local::VendorOrder;
use serde_json::json;

use crate::house::{House, VENDOR};
use crate::told::{kinds, lines};

fn observed_house() -> House {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.says("front_contact", json!({"contact": true}));
    house.told();
    house
}

fn isolated() -> VendorChange {
    VendorChange::Isolated { cause: "exited", detail: "exit code 3".to_owned(), restarts: Some(5) }
}

#[test]
fn when_the_process_ends_then_facts_are_stale_and_endpoints_offline_after_the_grace() {
    let mut house = observed_house();
    house.vendor(VendorChange::Down);
    assert_eq!(house.fact("front", "lock"), "locked stale");
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.pass(Duration::from_secs(10));
    assert_eq!(kinds(&house.told_of(&["endpoint.offline"])).len(), 4);
}

#[test]
fn when_the_process_is_back_within_the_grace_then_nothing_was() {
    let mut house = observed_house();
    house.vendor(VendorChange::Down);
    house.pass(Duration::from_secs(5));
    house.vendor(VendorChange::Running);
    house.connection(true);
    house.pass(Duration::from_secs(60));
    assert_eq!(kinds(&house.told()), ["gateway.heartbeat"]);
}

#[test]
fn when_a_vendor_is_isolated_then_its_roles_are_unknown_and_told() {
    let mut house = observed_house();
    house.vendor(VendorChange::Down);
    house.vendor(isolated());
    assert_eq!(
        lines(&house.told()),
        [
            "vendor.isolated - cause=exited detail=exit code 3 restarts=5 scope=process vendor=zigbee2mqtt",
            "entry.position_changed front position=unknown \
             previous=closed quality=unknown",
            "entry.lock_changed front lock=unknown previous=locked \
             quality=unknown",
        ]
    );
    assert_eq!(house.fact("front", "lock"), "unknown unknown");
    house.crash();
    assert_eq!(house.fact("front", "lock"), "unknown unknown");
}

#[test]
fn when_a_role_is_another_vendors_then_isolation_leaves_it_alone() {
    let mut house = observed_house();
    house.step(Input::Vendor { vendor: VendorId::new("other"), change: isolated() });
    house.commit();
    assert_eq!(house.fact("front", "position"), "closed observed");
    assert_eq!(kinds(&house.told()), ["vendor.isolated"]);
}

#[test]
fn when_an_isolated_vendor_recovers_then_that_is_told_and_its_first_word_counts() {
    let mut house = observed_house();
    house.vendor(isolated());
    house.told();
    house.vendor(VendorChange::Recovered { isolated_for: Duration::from_secs(90) });
    assert_eq!(
        lines(&house.told()),
        ["vendor.recovered - isolated_for_s=90 scope=process vendor=zigbee2mqtt"]
    );
    house.connection(true);
    house.told();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    assert_eq!(
        lines(&house.told()),
        ["entry.lock_changed front lock=locked previous=unknown \
          quality=observed"]
    );
}

#[test]
fn when_the_file_of_an_isolated_vendor_goes_then_its_next_one_begins_without_that() {
    let mut house = observed_house();
    house.vendor(isolated());
    house.told();
    let configured = Configured { entries: house.entries.clone(), ..Configured::default() };
    house.step(Input::Configured { configured, removed: vec![VENDOR.to_owned()] });
    house.commit();
    assert_eq!(kinds(&house.told_of(&["vendor.recovered"])), ["vendor.recovered"]);
    let vendors = vec![(VendorId::new(VENDOR), true)];
    let configured =
        Configured { entries: house.entries.clone(), vendors, ..Configured::default() };
    house.step(Input::Configured { configured, removed: Vec::new() });
    house.vendor(VendorChange::Running);
    house.connection(true);
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    assert_eq!(house.fact("front", "lock"), "locked observed");
    // A second time nothing is told: it is isolated no more.
    let configured = Configured { entries: house.entries.clone(), ..Configured::default() };
    house.step(Input::Configured { configured, removed: vec![VENDOR.to_owned()] });
    house.commit();
    assert_eq!(kinds(&house.told_of(&["vendor.recovered"])), [""; 0]);
}

#[test]
fn when_a_vendor_flaps_then_a_heartbeat_follows_by_ten_seconds_and_the_next_within_an_hour() {
    let mut house = observed_house();
    for _ in 0..20 {
        house.vendor(VendorChange::Down);
        house.pass(Duration::from_millis(500));
        house.vendor(VendorChange::Running);
        house.pass(Duration::from_millis(500));
    }
    house.pass(Duration::from_secs(10));
    let beats = house.told_of(&["gateway.heartbeat", "publisher.handshake_sent"]);
    assert!((2..=3).contains(&beats.len()), "{beats:?}");
    assert!(beats.iter().all(|beat| beat.kind() == "gateway.heartbeat"), "no handshakes");
    house.pass(Duration::from_secs(3600));
    assert_eq!(house.told_of(&["gateway.heartbeat"]).len(), 1);
}

#[test]
fn when_heartbeats_are_told_then_they_say_what_the_process_is_doing() {
    let states = [
        (VendorChange::Starting, "starting"),
        (VendorChange::Running, "running"),
        (VendorChange::Down, "backoff"),
        (isolated(), "isolated"),
    ];
    for (change, word) in states {
        let mut house = House::new();
        house.vendor(change);
        house.pass(Duration::from_secs(3600));
        let beat = house.told_of(&["gateway.heartbeat"]).pop().unwrap();
        assert_eq!(beat.data("vendors")[0]["state"], word);
    }
}

/// An operator's order for the house's own vendor, carried out and committed.
fn ordered(house: &mut House, order: VendorOrder) {
    let vendor = VendorId::new(crate::house::VENDOR);
    house.step(Input::VendorOrdered { ask: 1, vendor, order, uid: 1000 });
    house.commit();
}

#[test]
fn when_an_operator_isolates_a_vendor_then_it_stays_so_over_power_cuts_until_released() {
    let mut house = observed_house();
    ordered(&mut house, VendorOrder::Isolate);
    assert_eq!(
        lines(&house.told_of(&["vendor.isolated"])),
        ["vendor.isolated - cause=operator detail=ordered by the user 1000 \
          scope=process vendor=zigbee2mqtt"]
    );
    assert_eq!(house.fact("front", "lock"), "unknown unknown");
    // Its process ends, and a second order says nothing new.
    house.vendor(VendorChange::Down);
    ordered(&mut house, VendorOrder::Isolate);
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.crash();
    let vendor = VendorId::new(crate::house::VENDOR);
    assert!(house.gateway.is_ordered_off(&vendor));
    assert_eq!(house.fact("front", "lock"), "unknown unknown");
    house.told();
    // That its process ran well once ends nothing.
    house.vendor(VendorChange::Recovered { isolated_for: Duration::from_secs(1) });
    assert_eq!(kinds(&house.told_of(&["vendor.recovered"])), [""; 0]);

    house.pass(Duration::from_secs(3));
    ordered(&mut house, VendorOrder::Release);
    let told = house.told_of(&["vendor.recovered"]);
    assert!(lines(&told)[0].ends_with("scope=process vendor=zigbee2mqtt"), "{told:?}");
    assert!(!house.gateway.is_ordered_off(&vendor));
    house.crash();
    assert!(!house.gateway.is_ordered_off(&vendor));
}

#[test]
fn when_a_vendors_file_is_bad_then_its_isolation_can_be_ended_all_the_same() {
    let mut house = observed_house();
    ordered(&mut house, VendorOrder::Isolate);
    let vendor = VendorId::new(crate::house::VENDOR);
    let vendors = vec![(vendor.clone(), false)];
    let configured =
        Configured { entries: house.entries.clone(), vendors, ..Configured::default() };
    house.step(Input::Configured { configured, removed: Vec::new() });
    ordered(&mut house, VendorOrder::Release);
    assert!(!house.gateway.is_ordered_off(&vendor));
}
