//! A device that says more than its limit: nobody waits, nothing grows, the newest stands.

use std::time::Duration;

use doorward_translators::{
    AlarmKind, LockState, Operation, OperationKind, OperationSource, Outcome, Quality, What,
};
use serde_json::json;

use crate::house::House;
use crate::told::Told;

const FLOODING: &str = "endpoint.flooding";
/// The limits by default.
const BURST: u64 = 100;
const PER_S: u64 = 10;

fn lock(number: u64) -> What {
    let state = if number.is_multiple_of(2) { LockState::Locked } else { LockState::Unlocked };
    What::Lock { state, quality: Quality::Reported }
}

fn act(slot: u32) -> What {
    What::Operation {
        operation: Operation {
            kind: OperationKind::Unlock,
            outcome: Outcome::Succeeded,
            source: OperationSource::Keypad,
            user_slot: Some(slot),
        },
    }
}

/// As many reports of the front door's lock, all at once.
fn flood(house: &mut House, reports: u64) {
    for number in 1..=reports {
        house.sends("front_door_yale", lock(number));
    }
}

fn of<'a>(told: &'a [Told], kind: &str) -> Vec<&'a Told> {
    told.iter().filter(|told| told.kind() == kind).collect()
}

fn sum(told: &[Told], figure: &str) -> u64 {
    of(told, FLOODING).iter().map(|told| told.data(figure).as_u64().unwrap()).sum()
}

#[test]
fn when_a_device_floods_then_its_newest_state_is_told_with_the_next_token() {
    let mut house = House::limited();
    flood(&mut house, 5001);
    house.commit();
    assert_eq!(house.acknowledged, house.handled, "all is acknowledged at once");
    let told = house.told();
    assert_eq!(of(&told, "entry.lock_changed").len() as u64, BURST);
    let [begins] = of(&told, FLOODING)[..] else { panic!("{told:#?}") };
    assert_eq!(begins.subject(), "zigbee2mqtt:0x000d6f0011223344");
    assert_eq!((begins.data("limit_per_s"), begins.data("ended")), (&json!(10.0), &json!(false)));
    assert!(begins.data("rate_per_s").as_f64().unwrap() >= 10_000.0, "{begins:?}");
    assert_eq!(house.fact("front", "lock"), "locked observed");

    house.pass(Duration::from_millis(1000 / PER_S));
    let told = house.told();
    let [newest] = of(&told, "entry.lock_changed")[..] else { panic!("{told:#?}") };
    assert_eq!(newest.data("lock"), "unlocked");
    assert_eq!(house.fact("front", "lock"), "unlocked observed");

    house.pass(Duration::from_secs(30));
    let told = house.told();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((told[0].kind(), told[0].data("ended")), (FLOODING, &json!(true)));
    assert_eq!(told[0].data("coalesced"), 5001 - BURST - 1);
}

#[test]
fn when_the_process_left_reports_out_then_they_are_counted_as_if_they_had_come() {
    let mut house = House::limited();
    flood(&mut house, BURST);
    house.commit();
    house.told();
    house.leaves_out("front_door_yale", lock(1), 900);
    house.commit();
    assert_eq!(house.acknowledged, house.handled);
    let told = house.told();
    let [begins] = of(&told, FLOODING)[..] else { panic!("{told:#?}") };
    assert!(begins.data("rate_per_s").as_f64().unwrap() >= 100_000.0, "{begins:?}");
    assert_eq!(begins.data("coalesced"), 900);
    house.leaves_out("front_door_yale", lock(0), 50);
    house.pass(Duration::from_secs(30));
    let told = house.told();
    assert_eq!(sum(&told, "coalesced"), 50 + 1);
    assert_eq!(house.fact("front", "lock"), "locked observed");
}

#[test]
fn when_a_flood_goes_on_then_it_is_told_each_minute_and_counts_add_up() {
    const MS_BETWEEN: u64 = 5;
    let mut house = House::limited();
    let reports = 150 * 1000 / MS_BETWEEN;
    for number in 1..=reports {
        house.sends("front_door_yale", lock(number));
        house.commit();
        house.pass(Duration::from_millis(MS_BETWEEN));
    }
    house.pass(Duration::from_secs(30));
    let told = house.told();
    let floods = of(&told, FLOODING);
    let ended: Vec<bool> = floods.iter().map(|told| told.data("ended") == true).collect();
    assert_eq!(ended, [false, false, false, true], "{floods:#?}");
    for told in &floods[1..3] {
        let rate = told.data("rate_per_s").as_f64().unwrap();
        assert!((199.0..201.0).contains(&rate), "{told:?}");
    }
    // What was not told one by one is counted; a report that says what was said before is no event.
    let changes = of(&told, "entry.lock_changed").len() as u64;
    let coalesced = sum(&told, "coalesced");
    assert!(changes <= BURST + 152 * PER_S, "{changes}");
    assert!(coalesced + changes <= reports && coalesced >= reports - BURST - 152 * PER_S);
}

#[test]
fn when_acts_are_too_many_then_those_beyond_are_counted_and_none_is_told_late() {
    let mut house = House::limited();
    for slot in 0..1000 {
        house.sends("front_door_yale", act(slot));
    }
    house.commit();
    assert_eq!(house.acknowledged, house.handled);
    house.pass(Duration::from_secs(30));
    let told = house.told();
    let acts = of(&told, "entry.attribution_updated");
    assert_eq!(acts.len() as u64, BURST);
    assert!(acts.iter().all(|told| told.data("user_slot").as_u64().unwrap() < BURST));
    assert_eq!(sum(&told, "dropped_acts"), 1000 - BURST);
    assert_eq!(of(&told, FLOODING).len(), 2);
}

#[test]
fn when_states_flood_then_an_act_of_the_same_device_is_told_at_once() {
    let mut house = House::limited();
    flood(&mut house, 1000);
    house.commit();
    house.told();
    house.sends("front_door_yale", act(7));
    house.commit();
    assert_eq!(of(&house.told(), "entry.attribution_updated").len(), 1);
}

#[test]
fn when_a_device_floods_then_its_siblings_are_as_they_were() {
    let mut house = House::limited();
    for number in 1..=2000 {
        house.sends("front_door_yale", lock(number));
        if number.is_multiple_of(40) {
            house.sends("danalock", lock(number / 40));
        }
    }
    house.commit();
    let told = house.told();
    let siblings = of(&told, "entry.lock_changed");
    let siblings = siblings.iter().filter(|told| told.subject() == "back");
    assert_eq!(siblings.count(), 50);
    let floods = of(&told, FLOODING);
    assert!(floods.iter().all(|told| told.subject().ends_with("0x000d6f0011223344")));
}

#[test]
fn when_the_power_goes_then_the_newest_report_that_was_acknowledged_is_told_at_the_next_start() {
    let mut house = House::limited();
    flood(&mut house, 1001);
    house.commit();
    for slot in 0..150 {
        house.sends("front_door_yale", act(slot));
    }
    house.commit();
    assert_eq!(house.acknowledged, house.handled);
    let before = house.told();
    assert_eq!(house.fact("front", "lock"), "locked observed");
    house.crash();
    house.commit();
    let told = house.told();
    let [newest] = of(&told, "entry.lock_changed")[..] else { panic!("{told:#?}") };
    assert_eq!(newest.data("lock"), "unlocked");
    // It may have moved since.
    assert_eq!(house.fact("front", "lock"), "unlocked stale");
    let [ended] = of(&told, FLOODING)[..] else { panic!("{told:#?}") };
    assert_eq!(ended.data("ended"), true);
    let all: Vec<Told> = before.into_iter().chain(told).collect();
    assert_eq!(sum(&all, "coalesced"), 1001 - BURST - 1);
    assert_eq!(sum(&all, "dropped_acts"), 150 - BURST);
    // It is told once.
    house.crash();
    house.commit();
    let told = house.told();
    assert!(of(&told, "entry.lock_changed").is_empty() && of(&told, FLOODING).is_empty());
}

#[test]
fn when_the_power_goes_before_the_commit_then_what_was_held_was_not_acknowledged() {
    let mut house = House::limited();
    flood(&mut house, 500);
    house.commit();
    let acknowledged = house.acknowledged;
    flood(&mut house, 1);
    assert_eq!(house.acknowledged, acknowledged);
    house.crash();
    house.commit();
    assert_eq!(house.fact("front", "lock"), "locked stale", "the 500th");
}

#[test]
fn when_the_connection_goes_then_what_was_held_is_told_before_the_gap() {
    let mut house = House::limited();
    flood(&mut house, 1001);
    house.commit();
    house.told();
    house.connection(false);
    assert_eq!(of(&house.told(), "entry.lock_changed").len(), 1);
    assert_eq!(house.fact("front", "lock"), "unlocked stale");
}

#[test]
fn when_an_alarm_is_short_in_a_flood_then_its_beginning_and_its_end_are_told() {
    let mut house = House::limited();
    flood(&mut house, 1000);
    for active in [true, false] {
        let alarm = AlarmKind::Tamper;
        house.sends(
            "front_door_yale",
            What::Alarm { alarm, active: Some(active), quality: Quality::Reported },
        );
    }
    flood(&mut house, 1000);
    house.commit();
    house.told();
    house.pass(Duration::from_secs(1));
    let told = house.told();
    assert_eq!(of(&told, "alarm.raised").len(), 1, "{told:#?}");
    assert_eq!(of(&told, "alarm.cleared").len(), 1);
}

#[test]
fn when_strangers_flood_then_those_beyond_share_one_line_of_quarantine() {
    let mut house = House::limited();
    for number in 0..5000 {
        house.sends(&format!("stranger-{number}"), lock(number));
    }
    house.commit();
    assert_eq!(house.acknowledged, house.handled);
    house.pass(Duration::from_secs(70));
    let told = house.told_of(&["event.quarantined"]);
    let count: u64 = told.iter().map(|told| told.data("count").as_u64().unwrap()).sum();
    assert_eq!((told.len() as u64, count), (BURST + 1, 5000));
    assert_eq!(house.quarantine().len() as u64, BURST);
}

#[test]
fn when_the_process_left_out_what_a_stranger_said_then_it_is_counted_with_the_strangers() {
    let mut house = House::limited();
    for _ in 0..BURST {
        house.sends("stranger", lock(1));
    }
    house.leaves_out("stranger", lock(1), 900);
    house.commit();
    assert_eq!(house.acknowledged, house.handled);
    house.pass(Duration::from_secs(70));
    let told = house.told_of(&["event.quarantined"]);
    let count: u64 = told.iter().map(|told| told.data("count").as_u64().unwrap()).sum();
    assert_eq!(count, BURST + 901);
}

#[test]
fn when_a_bridge_flaps_then_its_newest_word_stands_and_it_is_told_as_the_vendors() {
    let mut house = House::limited();
    for number in 0..=1000 {
        let online = number % 2 == 1;
        house.sends("", What::Availability { part: "bridge".to_owned(), online });
    }
    house.commit();
    house.pass(Duration::from_secs(30));
    let told = house.told();
    let floods = of(&told, FLOODING);
    assert!(floods.len() == 2 && floods.iter().all(|told| told.subject() == "-"), "{floods:#?}");
    assert_eq!(of(&told, "endpoint.offline").len(), 4, "the last word was that it is away");
}

/// What one signal beyond the limit costs the core, with a commit for each thousand.
#[test]
#[ignore = "a figure, and no test: cargo test --test sim -- --ignored --nocapture what_a_shed"]
fn what_a_shed_signal_costs() {
    const SIGNALS: u32 = 200_000;
    let mut house = House::limited();
    flood(&mut house, 200);
    house.commit();
    let signals: Vec<_> = (0..u64::from(SIGNALS))
        .map(|number| {
            let observation = doorward_translators::Observation {
                address: "front_door_yale".to_owned(),
                device_time: Some(house.now.wall),
                what: lock(number),
            };
            house.wire.observed(vec![observation], house.now.wall)
        })
        .collect();
    let (mut stepping, mut committing) = (Duration::ZERO, Duration::ZERO);
    for (number, signal) in signals.into_iter().enumerate() {
        let begun = std::time::Instant::now();
        let vendor = doorward::domain::ids::VendorId::new(crate::house::VENDOR);
        house.step(doorward::gateway::Input::Signal { vendor, signal });
        stepping += begun.elapsed();
        if number % 1000 == 999 {
            let begun = std::time::Instant::now();
            house.commit();
            committing += begun.elapsed();
        }
    }
    println!("{:?} a signal, {:?} of a commit", stepping / SIGNALS, committing / SIGNALS);
    assert_eq!(house.acknowledged, house.handled);
}
