//! Properties of the Modbus driver over lines that nobody thought of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_invariants;

use std::collections::BTreeSet;

use modbus_invariants::{Seen, hold_for_input};
use proptest::prelude::*;

/// Orders that mostly answer, so that a script gets far.
fn scripts() -> impl Strategy<Value = Vec<u8>> {
    let order = prop_oneof![
        6 => any::<u8>().prop_map(|bits| vec![2, bits]),
        6 => (0_u8..8).prop_map(|bits| vec![2, bits]),
        2 => any::<u8>().prop_map(|time| vec![0, time]),
        1 => any::<u8>().prop_map(|code| vec![4, code]),
        1 => any::<u8>().prop_map(|place| vec![5, place]),
        1 => any::<u8>().prop_map(|noise| vec![6, noise]),
        1 => any::<u8>().prop_map(|other| vec![7, other]),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| {
            [vec![1, u8::try_from(bytes.len()).unwrap()], bytes].concat()
        }),
    ];
    prop::collection::vec(order, 0..120).prop_map(|orders| orders.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_script(script in scripts()) {
        hold_for_input(&script);
    }

    #[test]
    fn any_bytes(script in prop::collection::vec(any::<u8>(), 0..500)) {
        hold_for_input(&script);
    }
}

/// A board whose door is closed and stays so, question after question.
#[test]
fn the_script_reaches_what_it_is_about() {
    let answers = |bits: u8, count: usize| [2, bits].repeat(count);
    let far = |script: &[u8]| hold_for_input(script);
    let closed = far(&answers(0b011, 40));
    assert_eq!(
        closed,
        [Seen::Closed, Seen::Died, Seen::StayedOn].into(),
        "the bits are the coils too"
    );
    assert!(far(&answers(0b001, 40)).contains(&Seen::Fault), "both limits");
    let back = far(&[answers(0b010, 40), vec![0, 250], answers(0b010, 40)].concat());
    assert!(back.contains(&Seen::Died) && back.contains(&Seen::CameBack));
    assert!(far(&[4, 2].repeat(9)).contains(&Seen::Refused));
    assert!(far(&[6, 200]).contains(&Seen::Garbage));
    assert!(!far(&answers(0b000, 40)).contains(&Seen::Closed));
}

#[test]
fn fuzz_corpus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/modbus");
    let mut all = BTreeSet::new();
    let mut seeds = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        all.extend(hold_for_input(&std::fs::read(file.unwrap().path()).unwrap()));
        seeds += 1;
    }
    assert!(seeds >= 10);
    assert_eq!(all.len(), 7, "the seeds reach everything: {all:?}");
}
