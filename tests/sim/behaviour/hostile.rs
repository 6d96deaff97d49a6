//! A vendor's process that was taken over: what it may say within the link's bounds, at full speed.

use std::collections::HashMap;
use std::time::Duration;

use doorward::domain::ids::VendorId;
use doorward::gateway::Input;
use doorward_translators::{Device, LockState, Observation, Position, Quality, What};
use jiff::Timestamp;
use serde_json::json;

use crate::house::{House, VENDOR};

fn observed(address: &str, device_time: Option<Timestamp>, what: What) -> Observation {
    Observation { address: address.to_owned(), device_time, what }
}

fn lock(state: LockState) -> What {
    What::Lock { state, quality: Quality::Reported }
}

/// One signal with these observations, received by its process at `received_at`.
fn say(house: &mut House, received_at: Timestamp, observations: Vec<Observation>) {
    let signal = house.wire.observed(observations, received_at);
    house.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
}

#[test]
fn when_a_time_lies_out_of_reach_then_it_is_clamped_to_what_can_be() {
    let far: [Timestamp; 4] = [
        Timestamp::MIN,
        Timestamp::UNIX_EPOCH,
        "2027-01-01T00:00:00Z".parse().unwrap(),
        Timestamp::MAX,
    ];
    for absurd in far {
        // Of the process: nothing waits an hour, and nothing comes before it was received.
        let mut house = House::limited();
        let now = house.now.wall;
        say(&mut house, absurd, vec![observed("danalock", None, lock(LockState::Locked))]);
        house.commit();
        let told = house.told_of(&["entry.lock_changed"]);
        let hour_ago = now - Duration::from_secs(3600);
        let expected = if absurd < now { hour_ago } else { now };
        assert_eq!(told[0].time(), expected, "{absurd}");
        // Of the device: not after now, and no device was there in 1970.
        let mut house = House::limited();
        let now = house.now.wall;
        let what = lock(LockState::Locked);
        say(&mut house, now, vec![observed("danalock", Some(absurd), what)]);
        house.commit();
        let told = house.told_of(&["entry.lock_changed"]);
        let expected = absurd.min(now).max(Timestamp::UNIX_EPOCH);
        assert_eq!(told[0].time(), expected, "{absurd}");
        // The door goes on as any other.
        house.says("danalock", json!({"lock_state": "unlocked"}));
        assert_eq!(house.fact("back", "lock"), "unlocked observed", "{absurd}");
    }
}

/// Everything at once: what is told, kept and remembered stays within bounds that have nothing to
/// do with how much was said, and a device that is in order is told in the same step.
#[test]
fn when_absurd_signals_come_at_full_speed_then_nothing_grows_and_others_are_told_at_once() {
    const SIGNALS: u64 = 2000;
    let mut house = House::limited();
    let (mut told, mut facts): (HashMap<&str, u64>, usize) = (HashMap::new(), 0);
    let mut siblings = 0;
    for n in 0..SIGNALS {
        let state = if n % 2 == 0 { LockState::Locked } else { LockState::Unlocked };
        let position = if n % 3 == 0 { Position::Open } else { Position::Closed };
        let mut all = vec![
            observed("front_door_yale", None, lock(state)),
            observed(
                "front_contact",
                None,
                What::Position { position, quality: Quality::Reported },
            ),
        ];
        for part in 0..4 {
            let part = format!("part-{n}-{part}");
            all.push(observed("nimly", None, What::Availability { part, online: n % 2 == 0 }));
        }
        for stranger in 0..8 {
            all.push(observed(&format!("stranger-{n}-{stranger}"), None, lock(state)));
        }
        let what = What::Battery {
            percent: Some(f64::from(u32::try_from(n % 101).unwrap())),
            low: Some(n % 2 == 0),
        };
        all.push(observed("front_contact", None, what));
        let device = Device {
            identity: format!("0x{n:016x}"),
            address: format!("made-up-{n}"),
            manufacturer: Some("m".repeat(128)),
            model: Some(format!("model-{n}")),
            capabilities: Vec::new(),
        };
        all.push(observed("", None, What::Inventory { devices: vec![device], complete: false }));
        all.push(observed("", None, What::CommandFailed { detail: "no".repeat(100) }));
        let now = house.now.wall;
        say(&mut house, now, all);
        if n % 400 == 399 {
            house.sends("danalock", lock(state));
            facts = facts.max(house.batch.facts.len());
            house.commit();
            siblings += house.told().iter().fold(0, |siblings, event| {
                *told.entry(event.kind()).or_default() += 1;
                siblings
                    + usize::from(event.kind() == "entry.lock_changed" && event.subject() == "back")
            });
        }
    }
    house.commit();
    assert_eq!(house.acknowledged, house.handled, "all is acknowledged");
    assert_eq!(siblings, 1, "each is what it was before, and told when it changes");
    // A burst of each kind at most; the shed devices' newest come with the next tokens.
    for (kind, most) in [
        ("entry.lock_changed", 101),
        ("entry.position_changed", 100),
        ("endpoint.battery_changed", 100),
        ("event.quarantined", 100 + 2),
        ("endpoint.discovered", 20),
        ("endpoint.flooding", 5),
    ] {
        assert!(told.get(kind).copied().unwrap_or_default() <= most, "{kind}: {told:?}");
    }
    assert!(house.quarantine().len() <= 100, "{}", house.quarantine().len());
    println!("{told:?}, at most {facts} facts in a batch");
    house.pass(Duration::from_secs(1));
    house.crash();
    assert!(house.fact("front", "lock").starts_with("unlocked"), "the newest is known");
}
