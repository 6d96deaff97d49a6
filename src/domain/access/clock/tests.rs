#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::super::names::IssuerName;
use super::*;

pub(super) const NOW: i64 = 1_800_000_000;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOW + second).unwrap()
}

pub(super) const fn mono(second: u64) -> Duration {
    Duration::from_secs(second)
}

/// The system says so, synchronised within 50 ms.
pub(super) fn synchronised(wall: i64, monotonic: u64) -> Sample {
    let error = Some(Duration::from_millis(50));
    Sample { wall: at(wall), monotonic: mono(monotonic), synchronised: error }
}

pub(super) fn unsynchronised(wall: i64, monotonic: u64) -> Sample {
    Sample { synchronised: None, ..synchronised(wall, monotonic) }
}

pub(super) fn said(issuer: &str, signed_at: i64, age: u64) -> Attestation {
    let source = Source::Issuer(IssuerName::new(issuer));
    Attestation { source, signed_at: at(signed_at), age: mono(age) }
}

pub(super) fn vouched(at: Timestamp) -> Clock {
    Clock::new(Some(Floor { at, vouched: Some(at) }))
}

#[test]
fn a_synchronised_system_is_exact() {
    let mut clock = vouched(at(0));
    assert_eq!(clock.sample(synchronised(100, 1)), Told::Believed);
    let reading = clock.read(mono(1));
    assert_eq!(reading.trust, Trust::Full);
    assert_eq!(reading.latest.duration_since(reading.earliest), SignedDuration::from_millis(100));
    assert!(reading.earliest < at(100) && at(100) < reading.latest);
    assert_eq!(clock.floor().at, reading.earliest);
}

#[test]
fn nothing_is_known_before_anybody_said_anything() {
    let clock = vouched(at(0));
    let unknown = Reading { earliest: at(0), latest: Timestamp::MAX, trust: Trust::None };
    assert_eq!(clock.read(mono(1)), unknown);
    assert_eq!(Clock::new(None).read(mono(1)).earliest, EARLIEST);
}

#[test]
fn what_was_said_goes_on_by_the_monotonic_clock_and_becomes_wider() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(0, 0));
    clock.sample(unsynchronised(100, 100));
    let reading = clock.read(mono(100_000));
    assert_eq!(reading.trust, Trust::Bounded);
    assert!(reading.earliest < at(99_951) && at(99_949) < reading.earliest);
    assert!(at(100_050) < reading.latest && reading.latest < at(100_051));
}

#[test]
fn an_old_sample_is_not_exact() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(0, 0));
    assert_eq!(clock.read(SAMPLE_FRESH).trust, Trust::Full);
    assert_eq!(clock.read(SAMPLE_FRESH + Duration::from_nanos(1)).trust, Trust::Bounded);
}

#[test]
fn a_system_that_is_vague_is_not_exact() {
    let mut clock = vouched(at(0));
    let error = Some(FULL_ERROR + Duration::from_nanos(1));
    clock.sample(Sample { synchronised: error, ..synchronised(0, 0) });
    assert_eq!(clock.read(mono(0)).trust, Trust::Bounded);
}

#[test]
fn an_attestation_holds_the_time_since_its_challenge() {
    let mut clock = vouched(at(0));
    assert_eq!(clock.attest(said("time", 500, 20), mono(10)), Told::Believed);
    let reading = clock.read(mono(10));
    let expected = Reading { earliest: at(495), latest: at(525), trust: Trust::Bounded };
    assert_eq!(reading, expected);
}

#[test]
fn sources_that_contradict_each_other_make_the_interval_wide() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(0, 0));
    assert_eq!(clock.attest(said("time", 3_600, 0), mono(0)), Told::Believed);
    let reading = clock.read(mono(0));
    assert_eq!(reading.trust, Trust::Bounded);
    assert!(reading.earliest <= at(0) && reading.latest == at(3_605));
    assert!(clock.floor().at <= at(0));
}

#[test]
fn sources_that_agree_renew_the_day() {
    let mut clock = vouched(at(0));
    let most_of_a_day = 23 * 3_600;
    assert_eq!(clock.sample(synchronised(most_of_a_day, 0)), Told::Believed);
    assert_eq!(clock.floor().vouched, Some(at(0)));
    assert_eq!(clock.attest(said("time", most_of_a_day, 2), mono(0)), Told::Believed);
    assert!(clock.floor().vouched.unwrap() >= at(most_of_a_day - 1));
}

#[test]
fn the_system_is_heard_again_after_it_has_settled() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(0, 0));
    assert_eq!(clock.sample(synchronised(100, 10)), Told::Nothing, "stepped");
    assert_eq!(clock.read(mono(10)).trust, Trust::None);
    assert_eq!(clock.sample(synchronised(159, 69)), Told::Nothing);
    assert_eq!(clock.sample(unsynchronised(160, 70)), Told::Nothing, "from the beginning");
    assert_eq!(clock.sample(synchronised(161, 71)), Told::Nothing);
    assert_eq!(clock.sample(synchronised(220, 130)), Told::Nothing);
    assert_eq!(clock.sample(synchronised(221, 131)), Told::Believed);
    assert_eq!(clock.read(mono(131)).trust, Trust::Full);
}

#[test]
fn a_slow_drift_is_no_step() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(0, 0));
    assert_eq!(clock.sample(synchronised(100_040, 100_000)), Told::Believed);
}

#[test]
fn somebody_on_site_is_believed_beyond_the_ceiling_but_not_below_the_floor() {
    let mut clock = vouched(at(0));
    let year = 365 * 86_400;
    assert_eq!(clock.on_site(at(year), mono(30), mono(5)), Told::Believed);
    assert_eq!(clock.read(mono(5)).trust, Trust::Bounded);
    assert_eq!(clock.sample(synchronised(year, 6)), Told::Believed);
    assert_eq!(clock.read(mono(6)).trust, Trust::Full);
    assert_eq!(clock.on_site(at(0), mono(30), mono(7)), Told::Refused);
}

#[test]
fn too_many_sources_are_not_heard() {
    let mut clock = vouched(at(0));
    for number in 0..MAX_SOURCES {
        let issuer = format!("time-{number}");
        assert_eq!(clock.attest(said(&issuer, 0, 1), mono(1)), Told::Believed);
    }
    assert_eq!(clock.attest(said("one-more", 0, 1), mono(1)), Told::Refused);
    assert_eq!(clock.attest(said("time-3", 1, 1), mono(2)), Told::Believed);
}

#[test]
fn the_floor_outlives_a_restart() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(50, 0));
    let text = serde_json::to_string(&clock.floor()).unwrap();
    let again = Clock::new(Some(serde_json::from_str(&text).unwrap()));
    assert!(again.read(mono(0)).earliest >= at(49));
    assert_eq!(again.floor(), clock.floor());
}

#[test]
fn the_floor_is_worth_storing_each_hour_though_nobody_asks() {
    let mut clock = Clock::new(None);
    let before = clock.floor();
    clock.sample(synchronised(0, 0));
    assert!(clock.worth_storing(before), "the first");
    let stored = clock.floor();
    clock.sample(synchronised(3_599, 3_599));
    assert!(!clock.worth_storing(stored));
    clock.sample(unsynchronised(3_600, 3_600));
    assert!(clock.worth_storing(stored));
    assert!(!clock.worth_storing(clock.floor()));
}

#[test]
fn what_passes_while_the_process_runs_does_not_count_against_the_day() {
    let mut clock = vouched(at(0));
    clock.sample(synchronised(0, 0));
    let month = 30 * 86_400;
    clock.sample(synchronised(i64::try_from(month).unwrap(), month));
    let mut again = Clock::new(Some(clock.floor()));
    let back = i64::try_from(month).unwrap() + 3_600;
    assert_eq!(again.sample(synchronised(back, 0)), Told::Believed);
}

#[derive(Debug, Clone)]
enum Step {
    Sample(i64, Option<u64>),
    Attest(u8, i64, u64),
    Pass(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let jump = prop_oneof![-400_000i64..400_000, -5i64..5];
    prop_oneof![
        (jump.clone(), proptest::option::of(0u64..5))
            .prop_map(|(at, error)| Step::Sample(at, error)),
        (0u8..3, jump, 0u64..60).prop_map(|(who, at, age)| Step::Attest(who, at, age)),
        (0u64..5_000).prop_map(Step::Pass),
        Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever anybody says: the floor never falls, no reading lies below it, and no reading is
    /// the wrong way round.
    #[test]
    fn no_reading_lies_below_the_floor(steps in proptest::collection::vec(step(), 1..60)) {
        let mut clock = vouched(at(0));
        let mut passed = 0;
        let mut floor = clock.floor().at;
        for step in steps {
            match step {
                Step::Sample(wall, error) => {
                    let synchronised = error.map(mono);
                    let wall = at(wall + i64::try_from(passed).unwrap());
                    clock.sample(Sample { wall, monotonic: mono(passed), synchronised });
                }
                Step::Attest(who, signed_at, age) => {
                    clock.attest(said(&format!("time-{who}"), signed_at, age), mono(passed));
                }
                Step::Pass(seconds) => passed += seconds,
                Step::Restart => {
                    clock = Clock::new(Some(clock.floor()));
                    passed = 0;
                }
            }
            let reading = clock.read(mono(passed));
            prop_assert!(clock.floor().at >= floor);
            prop_assert!(reading.earliest >= clock.floor().at);
            prop_assert!(reading.earliest <= reading.latest);
            floor = clock.floor().at;
        }
    }

    /// One source alone, whatever it says and however often the process starts again, never
    /// brings the clock further than a day beyond what passed.
    #[test]
    fn one_source_never_brings_the_clock_further_than_a_day(
        steps in proptest::collection::vec((0i64..200_000, 0u64..5_000, any::<bool>()), 1..80),
        system in any::<bool>(),
    ) {
        let mut clock = vouched(at(0));
        let (mut run, mut passed, mut wall) = (0, 0, 0);
        for (jump, seconds, restart) in steps {
            run += seconds;
            passed += i64::try_from(seconds).unwrap();
            wall += jump + i64::try_from(seconds).unwrap();
            if restart {
                clock.read(mono(run));
                clock.sample(unsynchronised(wall, run));
                clock = Clock::new(Some(clock.floor()));
                run = 0;
            }
            if system {
                clock.sample(synchronised(wall, run));
                clock.sample(synchronised(wall + 61, run + 61));
            } else {
                clock.attest(said("time", wall, 1), mono(run));
            }
            let reading = clock.read(mono(run));
            let ceiling = at(passed + 61 * 81 + 86_400);
            prop_assert!(reading.earliest <= ceiling, "{reading:?}");
            prop_assert!(clock.floor().at <= ceiling);
            prop_assert!(reading.trust == Trust::None || reading.latest <= ceiling);
        }
    }
}
