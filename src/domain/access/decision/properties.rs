//! What holds of every question.

#![allow(clippy::unwrap_used)]

use doorward_translators::{Act, Position};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::clock::{Reading, Trust};
use super::super::ledger::samples::at;
use super::samples::{Case, PriorCase, WORSE, granted_before, sound};
use super::*;
use crate::domain::fact::FactQuality;

/// Somewhere around the tests' now, or far off.
fn instant() -> impl Strategy<Value = jiff::Timestamp> {
    prop_oneof![
        (-50i64..400).prop_map(at),
        (-5_000i64..5_000).prop_map(at),
        Just(jiff::Timestamp::MIN),
        Just(jiff::Timestamp::MAX),
    ]
}

fn reading() -> impl Strategy<Value = Reading> {
    let trust = select(vec![Trust::Full, Trust::Full, Trust::Bounded, Trust::None]);
    prop_oneof![
        (90i64..110, 0i64..20, trust.clone()).prop_map(|(earliest, width, trust)| Reading {
            earliest: at(earliest),
            latest: at(earliest + width),
            trust,
        }),
        (instant(), instant(), trust).prop_map(|(earliest, latest, trust)| Reading {
            earliest,
            latest,
            trust
        }),
    ]
}

fn challenge() -> impl Strategy<Value = Option<Challenged>> {
    let near = (80i64..120, 0u64..30, any::<bool>()).prop_map(|(signed_at, age, vouches)| {
        Challenged { signed_at: at(signed_at), age: Duration::from_secs(age), vouches }
    });
    let any = (instant(), any::<Duration>(), any::<bool>())
        .prop_map(|(signed_at, age, vouches)| Challenged { signed_at, age, vouches });
    proptest::option::of(prop_oneof![3 => near, 1 => any])
}

/// Any act, any clock, any challenge, any position, and up to four things that are worse.
fn case() -> impl Strategy<Value = Case> {
    let position = (
        select(Position::ALL),
        select(vec![
            FactQuality::Observed,
            FactQuality::Assumed,
            FactQuality::Stale,
            FactQuality::Unknown,
        ]),
    );
    let clock = prop_oneof![Just(sound(Act::Open).clock), reading()];
    let position = prop_oneof![Just((Position::Open, FactQuality::Observed)), position];
    let worse = proptest::collection::vec(any::<Index>(), 0..4);
    (select(Act::ALL), clock, challenge(), position, worse, any::<bool>()).prop_map(
        |(act, clock, challenge, (value, quality), worse, toggle)| {
            let mut case = sound(act);
            (case.clock, case.challenge) = (clock, challenge);
            (case.position.value, case.position.quality) = (value, quality);
            case.physical.toggle = toggle;
            for at in worse {
                (at.get(WORSE).1)(&mut case);
            }
            case
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The same question has the same answer; a denial's reason is the first of its reasons, which
    /// are in order; and what is granted has time left.
    #[test]
    fn it_is_total_and_deterministic(case in case()) {
        let decision = case.decide();
        prop_assert_eq!(&decision, &case.clone().decide());
        match decision {
            Decision::Denied { reason, all } => {
                prop_assert_eq!(Some(&reason), all.first());
                prop_assert!(all.is_sorted_by(|before, after| before < after));
            }
            Decision::Granted { at, within, .. } => {
                prop_assert!(at.earliest <= at.latest);
                prop_assert!(!within.is_zero() && within <= LONGEST_LIFE);
            }
            Decision::Repeated(_) => prop_assert!(false, "nothing was seen before"),
        }
    }

    /// What is granted fails no single check, looked at anew and one by one.
    #[test]
    fn what_is_granted_fails_no_check(case in case()) {
        if let Decision::Granted { grant, at, within } = case.decide() {
            let held = case.credential.as_ref().unwrap();
            let known = case.clock.trust != Trust::None;
            prop_assert!(case.authenticity.is_ok() && case.prior == PriorCase::New);
            prop_assert!(case.age < LONGEST_LIFE && case.clock.earliest < case.not_after);
            prop_assert!(within <= LONGEST_LIFE.checked_sub(case.age).unwrap());
            prop_assert!(known || case.challenge.unwrap().vouches);
            prop_assert!(case.clock.latest < case.not_after || case.challenge.is_some());
            prop_assert_eq!(grant, held.grant.key());
            prop_assert!(held.grant.not_before <= at.earliest && at.latest <= held.grant.end());
            prop_assert!(case.clock.earliest <= at.earliest);
            prop_assert!(held.grant.actions.contains(&case.act) && held.uses_left() > 0);
            prop_assert_eq!(&held.grant.entry, &case.entry);
            prop_assert_eq!(&held.grant.subject, &case.subject);
            prop_assert!(case.act == Act::Stop || !case.traffic.command_in_flight);
            prop_assert!(!case.modes.contains(&Mode::Fire) && !case.modes.contains(&Mode::Blocked));
            let acting = case.roles[&needs::acting(case.act)];
            prop_assert_eq!(acting, RoleState::SOUND);
            if case.act == Act::Close {
                prop_assert_eq!(case.physical.way, Way::Clear);
                prop_assert!(case.physical.unattended_close);
            }
        }
    }

    /// Nothing that gets worse turns a denial into a grant.
    #[test]
    fn what_gets_worse_opens_nothing(case in case(), worse in select(WORSE)) {
        let (name, change) = worse;
        let mut after = case.clone();
        change(&mut after);
        if matches!(after.decide(), Decision::Granted { .. }) {
            prop_assert!(matches!(case.decide(), Decision::Granted { .. }), "{}", name);
        }
    }

    /// Who is not authenticated learns nothing of the door.
    #[test]
    fn strangers_learn_nothing(mut case in case(), seen in any::<bool>(), at in any::<Index>()) {
        let reasons: Vec<_> =
            super::super::reason::Reason::ALL.iter().filter(|reason| reason.row() <= 2).collect();
        let reason = **at.get(&reasons);
        case.authenticity = Err(reason);
        if seen {
            case.prior = PriorCase::Same(granted_before());
        }
        prop_assert_eq!(case.decide(), Decision::Denied { reason, all: vec![reason] });
    }
}
