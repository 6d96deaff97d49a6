//! Boards that answer one question and not another, on a line in virtual time: what answers must not
//! hide what does not, and OFF goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_line;

use std::time::Duration;

use modbus_line::{Bus, as_json, contact, door, gaps, ms, nothing, online, position};
use serde_json::{Value, json};

const MINUTES: Duration = Duration::from_secs(180);

/// A door whose limit is active, at a unit that is silent to these functions after a second.
fn silenced(functions: &[u8]) -> Bus {
    let mut bus = Bus::opened(&nothing(), &[door(1), contact(2)]);
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(1000));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
    bus.board(1).silent_to = functions.iter().copied().collect();
    bus
}

/// The pauses between requests that lie further apart than cycles: those of a dead unit's probes.
fn waits(times: &[Duration]) -> Vec<u64> {
    gaps(times).into_iter().filter(|gap| *gap > ms(900)).map(|gap| gap.as_secs()).collect()
}

#[test]
fn a_unit_that_answers_one_reading_alone_is_dead_and_stays_so() {
    for (silent, answered) in [(1, 2), (2, 1)] {
        let mut bus = silenced(&[silent]);
        bus.run(ms(600));
        assert_eq!(as_json(&bus.whats("e0")), [online(false)], "function {silent}");
        let before = bus.sent.len();
        bus.run(MINUTES);
        assert_eq!(as_json(&bus.whats("e0")), [] as [Value; 0], "it does not flap");
        let off = waits(&bus.asked(1, 5));
        assert_eq!(waits(&bus.asked(1, silent)), [1, 2, 4, 8, 16, 30, 30, 30, 30], "it waits");
        assert_eq!(off[1..], [2, 4, 8, 16, 30, 30, 30, 30], "each probe has an OFF");
        let sibling = gaps(&bus.asked(2, 2)).into_iter().max().unwrap();
        assert!(sibling <= ms(250), "{sibling:?}");
        // What it answers was asked in the probes at most.
        let of = bus.sent[before..].iter().filter(|sent| sent.unit() == 1);
        assert!(of.clone().count() <= 9 * 3 && of.clone().any(|sent| sent.function() == 5));
        assert!(bus.asked(1, answered).len() < 30, "{}", bus.asked(1, answered).len());

        bus.board(1).silent_to.clear();
        bus.board(1).coils.insert(0, true);
        let before = bus.sent.len();
        bus.run(ms(31_000));
        assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
        assert!(!bus.boards[&1].coils[&0]);
        let functions: Vec<u8> = bus.sent[before..]
            .iter()
            .filter(|sent| sent.unit() == 1)
            .map(modbus_line::Sent::function)
            .collect();
        assert_eq!(functions[..6], [5, 2, 1, 5, 2, 1], "OFF with the probe, and once it is back");
        assert!(!functions[6..].contains(&5), "and it was read as off");
    }
}

/// From the first question on: it is never told as online, and its states are not either.
#[test]
fn a_unit_whose_coils_were_never_read_is_not_online() {
    let mut bus = Bus::opened(&nothing(), &[door(1)]);
    bus.board(1).silent_to = [1].into();
    bus.board(1).coils.insert(0, true);
    bus.run(MINUTES);
    assert_eq!(as_json(&bus.whats("e0")), [online(false)]);
    assert!(!bus.boards[&1].coils[&0]);
    // A relay that somebody switches on is off again with the next probe.
    bus.board(1).coils.insert(0, true);
    bus.run(ms(31_000));
    assert!(!bus.boards[&1].coils[&0]);
}

#[test]
fn exceptions_to_off_hide_no_silence() {
    let mut bus = silenced(&[]);
    bus.board(1).refuses.insert(5, 2);
    // It stays on, so OFF is wanted and refused from here on.
    bus.board(1).coils.insert(0, true);
    bus.run(ms(2000));
    bus.observations();
    bus.board(1).silent_to = [2].into();
    bus.run(ms(700));
    assert_eq!(as_json(&bus.whats("e0")), [online(false)]);
    bus.run(MINUTES);
    assert_eq!(as_json(&bus.whats("e0")), [] as [Value; 0]);
}

/// A board that does not answer OFF: it is read at the pace of the cycles all the same.
#[test]
fn a_silence_to_off_starves_no_reading() {
    let mut bus = Bus::opened(&nothing(), &[door(1), contact(2)]);
    bus.board(1).silent_to = [5].into();
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(20_000));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
    for (unit, function) in [(1, 5), (1, 2), (1, 1), (2, 2)] {
        let longest = gaps(&bus.asked(unit, function)).into_iter().max().unwrap();
        // Three readings, and one time-out.
        assert!(longest <= ms(230), "{unit} {function}: {longest:?}");
    }
    // Dead, it is brought back by its readings, though it never answers OFF.
    bus.board(1).silent = true;
    bus.run(ms(20_000));
    assert_eq!(as_json(&bus.whats("e0")), [online(false)]);
    bus.board(1).silent = false;
    bus.run(ms(61_000));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
}

/// What units that never answer OFF cost the others: one time-out a cycle, all together.
#[test]
fn silences_to_off_cost_one_time_out_a_cycle() {
    let time_out = ms(125);
    let endpoints: Vec<Value> = (1..=8).map(door).chain([contact(9)]).collect();
    let mut bus = Bus::opened(&nothing(), &endpoints);
    for unit in 1..=8 {
        bus.board(unit).silent_to = [5].into();
    }
    bus.run(ms(2000));
    let before = bus.asked(9, 2).len();
    bus.run(ms(60_000));
    // Each cycle has seventeen readings.
    let longest = gaps(&bus.asked(9, 2)[before..]).into_iter().max().unwrap();
    assert!(longest <= ms(26) * 17 + time_out, "{longest:?}");
    let written: Vec<usize> = (1..=8).map(|unit| bus.asked(unit, 5).len()).collect();
    let (least, most) = (written.iter().min().unwrap(), written.iter().max().unwrap());
    assert!(*least > 8 && most - least <= 1, "in turn: {written:?}");
}

/// Where coils cannot be read, OFF goes on, in turn and a few in a cycle.
#[test]
fn off_goes_on_where_coils_are_not_read() {
    let endpoints: Vec<Value> = (0..10)
        .map(|n| {
            json!({ "unit": 1, "closed": { "input": n, "contact": "normally_open" },
                    "relay": { "open": { "coil": n, "max_hold_ms": 500 } } })
        })
        .chain([contact(2)])
        .collect();
    let mut bus = Bus::opened(&nothing(), &endpoints);
    bus.board(1).refuses.insert(1, 1);
    bus.run(ms(60_000));
    let coils: Vec<u8> =
        bus.sent.iter().filter(|s| s.function() == 5).map(|sent| sent.frame[3]).collect();
    assert_eq!(coils[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "each one at first");
    for (n, coil) in coils.iter().enumerate() {
        assert_eq!(usize::from(*coil), n % 10, "in turn");
    }
    let readings = bus.asked(1, 2);
    for cycle in readings[1..].windows(2) {
        let within = |at: &&Duration| (cycle[0]..cycle[1]).contains(at);
        assert_eq!(bus.asked(1, 5).iter().filter(within).count(), 4, "four a cycle");
    }
    let longest = gaps(&bus.asked(2, 2)[1..]).into_iter().max().unwrap();
    assert!(longest <= ms(28) * 7, "{longest:?}");
}
