//! Clocks that were set back or forward, and servers that lie.

#![allow(clippy::unwrap_used)]

use super::tests::{at, mono, said, synchronised, unsynchronised, vouched};
use super::*;

const YEAR: i64 = 365 * 86_400;
/// The beginning of 1970, from the tests' now.
const EPOCH: i64 = -super::tests::NOW;

#[test]
fn a_boot_in_1970_is_not_trusted() {
    for mut clock in [vouched(at(0)), Clock::new(None)] {
        let floor = clock.floor().at;
        assert_eq!(clock.sample(unsynchronised(EPOCH + 20, 20)), Told::Nothing);
        assert_eq!(clock.read(mono(20)).trust, Trust::None);
        assert_eq!(clock.sample(synchronised(EPOCH + 21, 21)), Told::Refused);
        let reading = clock.read(mono(21));
        assert_eq!((reading.trust, reading.earliest), (Trust::None, floor));
        // Then the time servers answer: a step, and a minute later all is well.
        assert_eq!(clock.sample(synchronised(30, 30)), Told::Nothing);
        assert_eq!(clock.sample(synchronised(90, 90)), Told::Believed);
        assert_eq!(clock.read(mono(90)).trust, Trust::Full);
    }
}

#[test]
fn a_clock_two_years_back_is_not_trusted() {
    let mut clock = vouched(at(0));
    assert_eq!(clock.sample(synchronised(-2 * YEAR, 1)), Told::Refused);
    let reading = clock.read(mono(1));
    assert_eq!((reading.trust, reading.earliest), (Trust::None, at(0)));
}

#[test]
fn a_clock_two_years_ahead_is_not_trusted_until_two_sources_say_so() {
    let mut clock = vouched(at(0));
    assert_eq!(clock.sample(synchronised(2 * YEAR, 1)), Told::Alone);
    assert_eq!(clock.read(mono(1)).trust, Trust::None);
    assert_eq!(clock.floor().at, at(0));
    assert_eq!(clock.attest(said("time", 2 * YEAR, 3), mono(2)), Told::Believed);
    assert_eq!(clock.sample(synchronised(2 * YEAR + 2, 3)), Told::Believed);
    assert_eq!(clock.read(mono(3)).trust, Trust::Full);
    assert!(clock.floor().at > at(2 * YEAR - 10));
}

#[test]
fn one_source_twice_is_not_two() {
    let mut clock = vouched(at(0));
    for number in 1..100 {
        assert_eq!(clock.attest(said("time", 2 * YEAR, 1), mono(number)), Told::Alone);
    }
    assert_eq!(clock.floor().at, at(0));
}

#[test]
fn a_source_that_is_vague_vouches_for_nobody() {
    let mut clock = vouched(at(0));
    let vague = Some(Duration::from_secs(4 * 365 * 86_400));
    clock.sample(Sample { synchronised: vague, ..synchronised(0, 1) });
    assert_eq!(clock.attest(said("time", 2 * YEAR, 1), mono(2)), Told::Alone);
    assert_eq!(clock.floor().at, at(0));
}

#[test]
fn a_clock_that_is_stepped_during_a_grant_is_not_trusted() {
    for step in [2 * YEAR, -2 * YEAR, 7_200, -7_200, 5, -5] {
        let mut clock = vouched(at(0));
        clock.sample(synchronised(0, 0));
        assert_eq!(clock.read(mono(0)).trust, Trust::Full);
        clock.sample(synchronised(10 + step, 10));
        let reading = clock.read(mono(10));
        assert_eq!(reading.trust, Trust::None, "{step}");
        assert!(reading.earliest >= at(-1) && reading.earliest <= at(1), "{step}");
    }
}

#[test]
fn an_attestation_outlives_a_step_of_the_system() {
    let mut clock = vouched(at(0));
    clock.attest(said("time", 0, 1), mono(0));
    clock.sample(synchronised(0, 0));
    clock.sample(synchronised(2 * YEAR, 10));
    let reading = clock.read(mono(10));
    assert_eq!(reading.trust, Trust::Bounded);
    assert!(reading.earliest <= at(10) && at(10) <= reading.latest);
    assert!(reading.latest < at(20));
}

#[test]
fn a_step_back_within_what_was_proved_is_not_believed_ever() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(10_000, 0));
    clock.sample(synchronised(9_000, 10));
    assert_eq!(clock.sample(synchronised(9_059, 69)), Told::Nothing);
    assert_eq!(clock.sample(synchronised(9_060, 70)), Told::Refused);
    assert_eq!(clock.read(mono(70)).trust, Trust::None);
}

#[test]
fn a_lying_time_server_stops_nobody_whom_an_issuer_tells_the_time() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(2 * YEAR, 0));
    clock.attest(said("time", 0, 1), mono(0));
    let reading = clock.read(mono(0));
    assert_eq!(reading, Reading { earliest: at(0), latest: at(6), trust: Trust::Bounded });
}

#[test]
fn an_issuer_that_lies_far_ahead_opens_nothing() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(0, 0));
    assert_eq!(clock.attest(said("liar", 2 * YEAR, 1), mono(0)), Told::Alone);
    let reading = clock.read(mono(0));
    // All that an interval so wide can do is deny.
    assert_eq!(reading.trust, Trust::Bounded);
    assert!(reading.earliest <= at(0) && reading.latest > at(2 * YEAR));
    assert!(clock.floor().at <= at(0));
}

#[test]
fn the_day_of_one_source_is_one_for_all_restarts() {
    let mut clock = vouched(at(0));
    let mut wall = 0;
    let mut believed = 0;
    for _ in 0..100 {
        wall += 20_000;
        believed += i64::from(clock.sample(synchronised(wall, 0)) == Told::Believed);
        clock = Clock::new(Some(clock.floor()));
    }
    assert_eq!(believed, 4);
    assert!(clock.floor().at <= at(86_400));
}

#[test]
fn a_floor_that_cannot_be_read_lets_no_single_source_in() {
    let mut clock = Clock::new(Some(Floor::LOST));
    assert_eq!(clock.sample(synchronised(0, 0)), Told::Alone);
    assert_eq!(clock.read(mono(0)).trust, Trust::None);
    assert_eq!(clock.on_site(at(0), mono(10), mono(1)), Told::Believed);
    assert_eq!(clock.sample(synchronised(1, 1)), Told::Believed);
    assert_eq!(clock.read(mono(1)).trust, Trust::Full);
}
