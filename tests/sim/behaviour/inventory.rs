//! Which devices there are.

use doorward_translators::{Device, What};
use serde_json::json;

use crate::house::{House, inventory};
use crate::told::{kinds, lines};

#[test]
fn when_devices_are_listed_then_each_is_discovered_once() {
    let mut house = House::dark();
    house.commit();
    house.told();
    house.kept("bridge/devices", inventory(&[]).to_string());
    let told = house.told();
    assert_eq!(kinds(&told), ["endpoint.discovered"; 4], "the coordinator is none");
    assert_eq!(
        told[0].line(),
        "endpoint.discovered zigbee2mqtt:0x000d6f0011223344 address=front_door_yale bound=true \
         capabilities=[\"lock\",\"battery\",\"operation\",\"actuator\"] manufacturer=Acme \
         model=front_door_yale vendor=zigbee2mqtt"
    );
    house.kept("bridge/devices", inventory(&[]).to_string());
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.crash();
    house.commit();
    house.told();
    house.kept("bridge/devices", inventory(&[]).to_string());
    assert_eq!(kinds(&house.told()), [""; 0], "known over a crash");
}

#[test]
fn when_a_device_is_renamed_then_endpoint_and_entry_stay_and_it_is_asked_by_its_new_name() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.told();
    let renamed = inventory(&[("front_door_yale", "upstairs/lock")]);
    house.publish("bridge/devices", renamed.to_string());
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.says("upstairs/lock", json!({"lock_state": "unlocked"}));
    let told = house.told();
    assert_eq!(
        lines(&told),
        ["entry.lock_changed front lock=unlocked previous=locked \
          quality=observed"]
    );
    assert_eq!(told[0].event["endpoint_id"], "zigbee2mqtt:0x000d6f0011223344");
    house.connection(false);
    house.connection(true);
    assert_eq!(house.reads(), ["danalock", "nimly", "upstairs/lock"]);
}

#[test]
fn when_a_device_is_renamed_in_a_list_with_a_gap_then_its_old_name_is_forgotten() {
    let mut house = House::new();
    let mut renamed = inventory(&[("front_door_yale", "upstairs/lock")]);
    // One device without an identity makes the list incomplete.
    renamed.as_array_mut().unwrap().push(json!({"friendly_name": "x", "type": "Router"}));
    renamed.as_array_mut().unwrap().retain(|device| device["friendly_name"] != "nimly");
    house.publish("bridge/devices", renamed.to_string());
    house.connection(false);
    house.connection(true);
    assert_eq!(house.reads(), ["danalock", "nimly", "upstairs/lock"]);
    house.told();
    house.says("front_door_yale", json!({"lock_state": "unlocked"}));
    assert_eq!(house.told()[0].data("reason"), "unknown_endpoint");
    house.says("nimly", json!({"lock_state": "unlocked"}));
    assert_eq!(kinds(&house.told()), ["entry.lock_changed"], "not listed is not gone");
}

#[test]
fn when_a_device_is_gone_from_a_whole_list_then_its_messages_are_a_strangers() {
    let mut house = House::new();
    let mut list = inventory(&[]);
    list.as_array_mut().unwrap().retain(|device| device["friendly_name"] != "nimly");
    house.publish("bridge/devices", list.to_string());
    house.told();
    house.says("nimly", json!({"lock_state": "unlocked"}));
    assert_eq!(house.told()[0].data("reason"), "unknown_endpoint");
}

#[test]
fn when_two_devices_swap_names_then_each_message_finds_its_own() {
    let mut house = House::new();
    let swapped = inventory(&[("front_door_yale", "nimly"), ("nimly", "front_door_yale")]);
    house.publish("bridge/devices", swapped.to_string());
    house.told();
    house.says("nimly", json!({"lock_state": "locked"}));
    assert_eq!(house.told()[0].subject(), "front");
}

#[test]
fn when_what_is_known_of_a_device_changes_then_it_is_told_again() {
    let mut house = House::new();
    let mut list = inventory(&[]);
    list[1]["definition"]["model"] = json!("YRD426");
    house.publish("bridge/devices", list.to_string());
    let told = house.told();
    assert_eq!(kinds(&told), ["endpoint.discovered"]);
    assert_eq!(told[0].data("model"), "YRD426");
}

#[test]
fn when_a_vendor_lists_more_devices_than_its_share_then_those_beyond_are_left_out() {
    let mut house = House::new();
    let device = |number: u32| Device {
        identity: format!("0x{number:016x}"),
        address: format!("device-{number}"),
        manufacturer: None,
        model: None,
        capabilities: Vec::new(),
    };
    let mut discovered = 0;
    for list in 0..3 {
        let devices = (list * 4096..(list + 1) * 4096).map(device).collect();
        house.sends("", What::Inventory { devices, complete: false });
        house.commit();
        discovered += house.told_of(&["endpoint.discovered"]).len();
    }
    assert_eq!(discovered, 8192 - 4, "half of all, with those of the house");
}
