//! The Modbus driver's line in virtual time: who is asked when, and what is taken for an answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_line;

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_translators::{Observation, RefusalReason, What};
use modbus_line::{Bus, as_json, contact, door, gaps, ms, nothing, online, position, sealed};
use serde_json::{Value, json};

#[test]
fn answers_in_single_bytes() {
    let mut bus = Bus::opened(&nothing(), &[door(1), contact(2)]);
    bus.split = true;
    bus.board(2).inputs.insert(0, true);
    bus.run(ms(1000));
    assert_eq!(bus.faults(), []);
    let told = as_json(&bus.whats("e1"));
    assert_eq!(told, [online(true), position("closed")]);
}

#[test]
fn time_outs_make_a_unit_dead_and_an_answer_brings_it_back() {
    let mut bus = Bus::opened(&nothing(), &[door(1)]);
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(1000));
    bus.observations();
    // Two are forgiven.
    bus.board(1).silent = true;
    bus.run_until_sent(bus.sent.len() + 2);
    bus.board(1).silent = false;
    bus.run(ms(500));
    assert_eq!(bus.observations(), []);

    bus.board(1).silent = true;
    bus.run(ms(1000));
    assert_eq!(as_json(&bus.whats("e0")), [online(false)], "and nothing of its door");
    bus.board(1).silent = false;
    bus.board(1).inputs.insert(0, false);
    bus.board(1).coils.insert(0, true);
    let before = bus.sent.len();
    bus.run(ms(2500));
    assert_eq!(bus.sent[before].function(), 5, "OFF is the first that it hears");
    assert!(!bus.boards[&1].coils[&0]);
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("open")]);
}

#[test]
fn a_dead_unit_is_asked_less_and_less() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.board(1).silent = true;
    bus.run(ms(130_000));
    let times = bus.asked(1, 2);
    let gaps: Vec<u64> =
        gaps(&times).iter().map(|gap| u64::try_from(gap.as_millis()).unwrap()).collect();
    assert_eq!(gaps.len(), 10);
    for (gap, wait) in
        gaps[2..].iter().zip([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    {
        assert!((wait..wait + 150).contains(gap), "{gaps:?}");
    }
    let told = as_json(&bus.whats("e0"));
    assert_eq!(told, [online(false)], "once");
}

/// What the siblings of dead units pay, in virtual time: the longest pause between two readings of
/// a unit that lives.
#[test]
fn a_dead_unit_costs_its_siblings_at_most_one_time_out_a_cycle() {
    // A request, the time-out, and the answer's own time at 9600 baud, and the silence after it.
    let time_out = ms(100) + Duration::from_micros(1146 * (8 + 6)) + Duration::from_micros(4011);
    for dead in [0_u32, 1, 10] {
        let endpoints: Vec<Value> =
            (1..=u8::try_from(dead).unwrap() + 1).rev().map(contact).collect();
        let mut bus = Bus::opened(&nothing(), &endpoints);
        bus.run(ms(2000));
        assert_eq!(bus.faults(), []);
        let alive = bus.asked(1, 2).len();
        for unit in 2..=u8::try_from(dead).unwrap() + 1 {
            bus.board(unit).silent = true;
        }
        // Dying: each costs one time-out in each of three cycles.
        bus.run((time_out * dead + ms(100)) * 4);
        let dying = bus.asked(1, 2);
        let longest = gaps(&dying[alive - 1..]).into_iter().max().unwrap();
        let busy = ms(30) * (dead + 1);
        assert!(longest <= ms(100).max(busy) + time_out * dead, "{dead} dying: {longest:?}");
        // Dead: all together cost one.
        bus.run(ms(120_000));
        let times = bus.asked(1, 2);
        let longest = gaps(&times[dying.len()..]).into_iter().max().unwrap();
        let bound = if dead == 0 { ms(100) } else { ms(40) + time_out };
        println!("{dead} dead: longest pause {longest:?}, bound {bound:?}");
        assert!(longest <= bound + ms(1), "{dead} dead: {longest:?}");
        assert!(times.len() - dying.len() >= 1130, "{dead} dead: {}", times.len() - dying.len());
        let told = bus.observations();
        let offline = |o: &&Observation| matches!(o.what, What::Availability { online: false, .. });
        assert_eq!(told.iter().filter(offline).count(), usize::try_from(dead).unwrap());
    }
}

#[test]
fn the_rest_of_a_silent_unit_waits_for_the_next_cycle() {
    let mut bus = Bus::opened(&nothing(), &[door(1), door(2)]);
    bus.board(1).silent = true;
    bus.run(ms(350));
    let units: Vec<(u8, u8)> = bus.sent.iter().map(|sent| (sent.unit(), sent.function())).collect();
    assert_eq!(
        units[..5],
        [(1, 5), (2, 5), (1, 2), (2, 2), (2, 1)],
        "one reading of unit 1: that OFF was not answered says nothing of its inputs"
    );
}

#[test]
fn late_answers_of_others_are_skipped() {
    let mut bus = Bus::opened(&nothing(), &[contact(1), contact(2)]);
    bus.strict = false;
    bus.board(2).inputs.insert(0, true);
    bus.board(1).late = ms(110);
    bus.run(ms(600));
    assert_eq!(bus.faults(), []);
    assert_eq!(bus.asked(1, 2).len(), 3);
    let told: Vec<(String, Value)> = bus
        .observations()
        .into_iter()
        .map(|o| (o.address, serde_json::to_value(o.what).unwrap()))
        .collect();
    let of = |address: &str, what| (address.to_owned(), what);
    assert_eq!(
        told,
        [of("e1", online(true)), of("e0", online(false)), of("e1", position("closed"))]
    );
}

#[test]
fn an_answer_is_found_in_garbage() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.board(1).inputs.insert(0, true);
    bus.board(1).before = vec![0x00, 0x01, 0x02, 0xff];
    bus.run(ms(2000));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
    // Told at once, then each second with a count.
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.board(1).before = vec![0x00, 0x01, 0x02, 0xff];
    bus.run(ms(3990));
    let faults = bus.faults();
    assert_eq!(faults.len(), 4, "{faults:?}");
    for (_, source, fault) in &faults {
        assert_eq!((source.as_str(), fault.reason), ("unit 1", RefusalReason::MalformedFrame));
    }
    assert_eq!(faults[0].2.detail, "bytes that are no frame before an answer; bytes 4, count 1");
    assert_eq!(faults[0].2.raw, [0, 1, 2, 0xff]);
    assert_eq!(faults[1].2.detail, "bytes that are no frame before an answer; bytes 40, count 10");
}

#[test]
fn a_wrong_checksum_is_no_answer() {
    for at in 0..6 {
        let mut bus = Bus::opened(&nothing(), &[contact(1)]);
        bus.board(1).inputs.insert(0, true);
        bus.board(1).flip = Some(at);
        bus.run(ms(5000));
        assert_eq!(as_json(&bus.whats("e0")), [online(false)], "byte {at}");
        let mut bus = Bus::opened(&nothing(), &[contact(1)]);
        bus.board(1).flip = Some(at);
        bus.run(ms(130));
        let faults = bus.faults();
        assert_eq!(faults.len(), 1, "byte {at}");
        assert_eq!(faults[0].2.raw.len(), 6);
    }
}

#[test]
fn bytes_that_nobody_asked_for() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.board(1).behind = vec![0xaa];
    bus.run(ms(90));
    bus.noise(ms(1), &[0x55; 700]);
    bus.run(ms(5));
    let faults = bus.faults();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert_eq!((faults[0].1.as_str(), &faults[0].2.raw[..]), ("unit 1", &[0xaa][..]));
    assert_eq!((faults[1].1.as_str(), faults[1].2.raw.len()), ("line", 256));
    assert!(faults[1].2.detail.contains("bytes 700"));
}

#[test]
fn a_line_full_of_noise_is_asked_all_the_same() {
    let mut bus = Bus::opened(&nothing(), &[contact(1), contact(2)]);
    bus.strict = false;
    bus.boards.remove(&2);
    bus.board(1).inputs.insert(0, true);
    for n in 0..10_000 {
        bus.noise(ms(2 * n), &[0x13, 0x37]);
    }
    bus.run(ms(20_000));
    let times = bus.asked(1, 2);
    assert!(gaps(&times).into_iter().max().unwrap() < ms(500), "{:?}", gaps(&times));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
}

#[test]
fn slow_lines_have_the_time_that_their_bytes_take() {
    // 2000 inputs are 255 bytes: 2.3 s at 1200 baud, far beyond the time-out.
    let wide = json!({
        "unit": 1,
        "closed": { "input": 0, "contact": "normally_open" },
        "open": { "input": 1999, "contact": "normally_open" },
    });
    let setup = modbus_line::setup(&json!({ "baud": 1200, "timeout_ms": 50 }), &[wide]);
    let mut driver = modbus_line::driver(&setup);
    driver.opened(Duration::ZERO);
    assert_eq!(driver.transmit(ms(32)), None, "no silence yet");
    let frame = driver.transmit(ms(33)).unwrap();
    assert_eq!(frame, sealed(&[1, 2, 0, 0, 0x07, 0xd0]));
    let characters = Duration::from_secs(11 * (8 + 255)) / 1200;
    let deadline = driver.deadline().unwrap();
    assert!(deadline >= ms(33 + 50) + characters && deadline < ms(33 + 51) + characters);
}

#[test]
fn a_late_answer_of_another_does_not_fill_a_silence_with_garbage() {
    let mut bus = Bus::opened(&nothing(), &[contact(1), contact(2)]);
    bus.strict = false;
    bus.board(1).late = ms(110);
    bus.board(2).silent = true;
    bus.run(ms(650));
    assert_eq!(bus.asked(2, 2).len(), 3);
    assert_eq!(bus.faults(), []);
}

#[test]
fn an_answer_before_its_time_does_not_shorten_the_silence() {
    let mut driver = modbus_line::driver(&modbus_line::setup(&nothing(), &[door(1)]));
    driver.opened(Duration::ZERO);
    let frame = driver.transmit(ms(10)).unwrap();
    driver.received(ms(10), &frame);
    // The request itself takes 9.2 ms, then comes the silence of 4 ms.
    assert_eq!(driver.deadline().unwrap().as_micros(), 10_000 + 9167 + 4010);
    assert_eq!(driver.transmit(ms(23)), None);
    assert!(driver.transmit(ms(24)).is_some());
}

/// A slow board's answers come while nothing is asked any more: late, but frames.
#[test]
fn late_answers_on_an_idle_line_are_no_garbage() {
    for split in [false, true] {
        let mut bus = Bus::opened(&json!({ "poll_ms": 500 }), &[contact(1)]);
        bus.split = split;
        bus.board(1).late = ms(130);
        bus.run(ms(9000));
        assert!(bus.asked(1, 2).len() > 5);
        assert_eq!(bus.faults(), [], "split {split}");
        assert_eq!(as_json(&bus.whats("e0")), [online(false)], "but they came too late");
    }
    // With bytes that are no frame, those are told.
    let mut bus = Bus::opened(&json!({ "poll_ms": 500 }), &[contact(1)]);
    bus.board(1).late = ms(130);
    bus.board(1).behind = vec![0xaa, 0xbb];
    bus.run(ms(400));
    let faults = bus.faults();
    assert_eq!(faults.len(), 1, "before anything else is asked: {faults:?}");
    assert_eq!((faults[0].1.as_str(), &faults[0].2.raw[..]), ("line", &[0xaa, 0xbb][..]));
    assert_eq!(
        faults[0].2.detail,
        "bytes that are no frame while nothing was asked; bytes 2, count 1"
    );
}

/// Of two answers in one portion the newer counts.
#[test]
fn the_newest_of_several_answers_counts() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.board(1).inputs.insert(0, true);
    bus.board(1).before = sealed(&[1, 2, 1, 0]);
    bus.run(ms(1000));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
    assert_eq!(bus.faults(), []);
}

/// Sixty-four boards, each with garbage and two exceptions in every cycle.
#[test]
fn faults_of_many_units_come_in_turns() {
    let endpoints: Vec<Value> = (1..=64).map(door).collect();
    let mut driver = modbus_line::driver(&modbus_line::setup(&nothing(), &endpoints));
    let mut now = Duration::ZERO;
    let mut sources = BTreeSet::new();
    let mut counts = Vec::new();
    driver.opened(now);
    for _ in 0..6 {
        for _ in 0..300 {
            now = driver.deadline().unwrap().max(now);
            driver.received(now, &[0x77]);
            now += ms(5);
            if let Some(frame) = driver.transmit(now) {
                let refusal = sealed(&[frame[0], frame[1] | 0x80, 4]);
                now += ms(20);
                driver.received(now, &[&[0x99][..], &refusal].concat());
            }
        }
        let reports = driver.reports(now);
        let faults = reports.iter().filter(|report| report.fault.is_some());
        counts.push(faults.clone().count());
        sources.extend(faults.map(|report| report.source.clone()));
    }
    assert_eq!(counts, [64; 6]);
    assert_eq!(sources.len(), 65, "everybody's turn comes, and the line's: {sources:?}");
}
