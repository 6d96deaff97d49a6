//! What is told of certificates and lists that end.

use doorward::gateway::Input;
use doorward::identity::{Ends, Item, Kind};
use jiff::{SignedDuration, Timestamp};

use crate::house::House;
use crate::told::Told;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const EXPIRING: &str = "gateway.credential_expiring";

/// A certificate of 90 days, as it is found in its file.
fn certificate(name: &str, fingerprint: char, begun: Timestamp) -> Item {
    let not_after = begun + DAY * 90;
    Item {
        kind: Kind::VendorCertificate,
        name: name.to_owned(),
        file: "/certificate.pem".into(),
        ends: Ok(Ends {
            subject: format!("CN=doorward-{name}"),
            issuer: "CN=authority".to_owned(),
            fingerprint: fingerprint.to_string().repeat(64),
            not_before: Some(begun),
            not_after,
            renewal_due: begun + DAY * 60,
        }),
    }
}

/// What is told when it is looked on each of these days of its life.
fn looked(house: &mut House, items: &[Item], begun: Timestamp, days: &[i32]) -> Vec<Told> {
    let mut told = Vec::new();
    for day in days {
        house.now.wall = begun + DAY * *day;
        house.step(Input::Endings(items.to_vec()));
        house.commit();
        told.extend(house.told_of(&[EXPIRING]));
    }
    told
}

fn days_left(told: &[Told]) -> Vec<i64> {
    told.iter().map(|told| told.data("days_left").as_i64().unwrap()).collect()
}

#[test]
fn when_a_certificate_nears_its_end_then_each_of_four_days_is_told_once_also_over_restarts() {
    let mut house = House::new();
    let begun = house.now.wall;
    let items = [certificate("zigbee2mqtt", 'a', begun)];
    let told = looked(&mut house, &items, begun, &[0, 10, 29, 30, 31, 59, 60, 60]);
    assert_eq!(days_left(&told), [60, 30]);
    assert_eq!(told[0].data("credential"), "vendor_certificate");
    assert_eq!(told[0].data("name"), "zigbee2mqtt");
    assert_eq!(told[0].data("subject"), "CN=doorward-zigbee2mqtt");
    assert_eq!(told[0].data("expired"), false);

    house.restart();
    assert_eq!(days_left(&looked(&mut house, &items, begun, &[61, 82])), [0_i64; 0]);
    assert_eq!(days_left(&looked(&mut house, &items, begun, &[83, 84, 89])), [7, 1]);
    house.restart();
    let over = looked(&mut house, &items, begun, &[90, 91, 120]);
    assert_eq!(days_left(&over), [0]);
    assert_eq!(over[0].data("expired"), true);
    house.restart();
    assert_eq!(days_left(&looked(&mut house, &items, begun, &[121])), [0_i64; 0]);
}

#[test]
fn when_it_is_renewed_then_the_new_one_begins_anew_and_others_have_their_own_days() {
    let mut house = House::new();
    let begun = house.now.wall;
    let old = [certificate("zigbee2mqtt", 'a', begun), certificate("garage", 'b', begun)];
    assert_eq!(days_left(&looked(&mut house, &old, begun, &[60])), [30, 30]);
    let renewed = begun + DAY * 60;
    let new = [certificate("zigbee2mqtt", 'c', renewed), old[1].clone()];
    let told = looked(&mut house, &new, begun, &[61, 83]);
    assert_eq!(days_left(&told), [7]);
    assert_eq!(told[0].data("name"), "garage");
    assert_eq!(days_left(&looked(&mut house, &new[..1], begun, &[90])), [60]);
}

#[test]
fn when_a_file_is_of_no_use_then_nothing_is_made_up() {
    let mut house = House::new();
    let begun = house.now.wall;
    let mut bad = certificate("zigbee2mqtt", 'a', begun);
    bad.ends = Err("there is no /certificate.pem".to_owned());
    assert_eq!(looked(&mut house, &[bad], begun, &[60, 91]).len(), 0);
}
