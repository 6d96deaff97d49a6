use doorward_translators::Act;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::ids::EndpointId;

fn order(id: u128, door: u32, left_ms: u64) -> CommandOrder {
    let endpoint = EndpointId::new(format!("z:{door}"));
    let left = Duration::from_millis(left_ms);
    CommandOrder::now(Uuid::from_u128(id), endpoint, door.to_string(), Act::Unlock, left)
}

#[test]
fn one_is_in_hand_and_the_others_wait_in_their_order() {
    let mut desk = Desk::default();
    for id in 0..3 {
        assert!(desk.take(order(id, u32::try_from(id).unwrap(), 9000)).is_ok());
    }
    for id in 0..3 {
        assert_eq!(desk.next().unwrap().id.as_u128(), id);
        assert_eq!(desk.next(), None, "one at a time");
        assert_eq!(desk.ended().unwrap().id.as_u128(), id);
    }
    assert_eq!((desk.next(), desk.ended()), (None, None));
}

#[test]
fn a_device_has_one_command_here_and_the_row_an_end() {
    let mut desk = Desk::default();
    assert!(desk.take(order(1, 1, 9000)).is_ok());
    assert!(desk.take(order(2, 1, 9000)).is_err(), "one waits");
    assert!(desk.next().is_some());
    assert!(desk.take(order(2, 1, 9000)).is_err(), "one is in hand");
    assert!(desk.take(order(1, 2, 9000)).is_err(), "the same command");
    for door in 0..u32::try_from(MAX_WAITING).unwrap() {
        assert!(desk.take(order(100 + u128::from(door), 100 + door, 9000)).is_ok());
    }
    assert!(desk.take(order(99, 99, 9000)).is_err(), "the row is full");
}

#[test]
fn what_waits_too_long_comes_out() {
    let mut desk = Desk::default();
    let second = Duration::from_secs(1);
    assert_eq!(desk.due(second, true), None);
    for (id, left) in [(1, 60_000), (2, 900), (3, 60_000), (4, 0)] {
        assert!(desk.take(order(id, u32::try_from(id).unwrap(), left)).is_ok());
    }
    assert_eq!(desk.due(second, false), Some(Duration::from_millis(1)));
    let late: Vec<u128> =
        std::iter::from_fn(|| desk.overdue(second)).map(|order| order.id.as_u128()).collect();
    assert_eq!(late, [2, 4]);
    let due = desk.due(second, false).unwrap();
    assert!(due > Duration::from_secs(50) && due < Duration::from_secs(60));
    assert!(is_late(&order(1, 1, 0), Duration::ZERO), "nothing left is late anywhere");
    assert!(!is_late(&order(1, 1, 500), Duration::ZERO));
}

#[test]
fn a_refusal_does_not_repeat_an_address() {
    let (reason, words) = refused(&CannotAct::UnknownDevice("x".repeat(5000)));
    assert_eq!(reason, CommandRefusal::UnknownDevice);
    assert!(words.len() < 100);
}

proptest! {
    /// Each command that was taken comes out once: begun, or overdue.
    #[test]
    fn each_comes_out_once(steps in prop::collection::vec((0_u8..4, 0_u32..9, 0_u64..2), 0..120)) {
        let mut desk = Desk::default();
        let (mut taken, mut out) = (Vec::new(), Vec::new());
        let mut hand: Option<Uuid> = None;
        let least = Duration::from_secs(1);
        for (number, (step, door, late)) in (0_u128..).zip(steps) {
            match step {
                0 => {
                    let order = order(number, door, if late == 0 { 60_000 } else { 0 });
                    let id = order.id;
                    if desk.take(order).is_ok() {
                        taken.push(id);
                    }
                }
                1 => if let Some(next) = desk.next() {
                    prop_assert_eq!(hand, None);
                    hand = Some(next.id);
                    out.push(next.id);
                },
                2 => prop_assert_eq!(desk.ended().map(|order| order.id), hand.take()),
                _ => while let Some(late) = desk.overdue(least) {
                    prop_assert!(is_late(&late, least));
                    out.push(late.id);
                },
            }
        }
        while desk.ended().is_some() {}
        while let Some(next) = desk.next() {
            out.push(next.id);
            desk.ended();
        }
        out.sort_unstable();
        taken.sort_unstable();
        prop_assert_eq!(out, taken);
    }
}
