//! Order is never assumed: whatever comes in whatever order and however often, nothing ends more
//! open than if it had come in order.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::samples::{JOURNAL, asked, at, body, exactly, grant, issuer};
use super::*;

const GRANTS: u128 = 4;

/// What arrives. A request may bring its grant along.
#[derive(Debug, Clone, PartialEq)]
enum Message {
    Install(u128),
    Revoke(u128),
    Request { id: u128, grant: u128, brings: bool },
}

fn granted(id: u128) -> Grant {
    Grant { max_uses: u32::try_from(id % 3).unwrap() + 1, ..grant(id) }
}

fn message() -> impl Strategy<Value = Message> {
    let some = 0..GRANTS;
    prop_oneof![
        some.clone().prop_map(Message::Install),
        some.clone().prop_map(Message::Revoke),
        (0u128..12, some, any::<bool>()).prop_map(|(id, grant, brings)| {
            // One id, one body.
            Message::Request { id, grant: (grant + id) % GRANTS, brings }
        }),
    ]
}

/// A history in which each request id has one body.
fn history() -> impl Strategy<Value = Vec<Message>> {
    proptest::collection::vec(message(), 1..25).prop_map(|history| {
        let mut bodies: BTreeMap<u128, Message> = BTreeMap::new();
        history
            .into_iter()
            .map(|message| match message {
                Message::Request { id, .. } => bodies.entry(id).or_insert(message).clone(),
                other => other,
            })
            .collect()
    })
}

/// The same messages in another order, some of them more than once.
fn disturbed() -> impl Strategy<Value = (Vec<Message>, Vec<Message>)> {
    history()
        .prop_flat_map(|history| {
            let again = proptest::collection::vec(any::<proptest::sample::Index>(), 0..10);
            (Just(history), again)
        })
        .prop_flat_map(|(history, again)| {
            let mut all = history.clone();
            all.extend(again.iter().map(|at| at.get(&history).clone()));
            (Just(history), Just(all).prop_shuffle())
        })
}

/// What it comes to: for each grant the requests that were granted, and the ledger.
fn play(history: &[Message]) -> (BTreeMap<u128, u32>, Ledger) {
    let mut ledger = Ledger::new(JOURNAL);
    let mut acts = BTreeMap::new();
    for message in history {
        match message {
            Message::Install(id) => {
                let _ = ledger.install(granted(*id), body(1), at(0));
            }
            Message::Revoke(id) => {
                let _ = ledger.revoke(&issuer("acme"), Uuid::from_u128(*id), at(3_600), at(0));
            }
            Message::Request { id, grant, brings } => {
                if ledger.request(&asked(*id).key).is_some() {
                    continue;
                }
                if *brings {
                    let _ = ledger.install(granted(*grant), body(1), at(0));
                }
                let key = granted(*grant).key();
                match ledger.consume(asked(*id), &key, exactly(1), at(0)) {
                    Ok(_) => *acts.entry(*grant).or_default() += 1,
                    Err(reason) => {
                        let _ = ledger.deny(asked(*id), reason, at(0)).unwrap();
                    }
                }
            }
        }
    }
    (acts, ledger)
}

/// How often each grant can still be used.
fn left(ledger: &Ledger) -> BTreeMap<u128, u32> {
    let left = |held: &Held| (held.grant.grant_id.as_u128(), held.uses_left());
    ledger.grants().map(left).filter(|(_, left)| *left > 0).collect()
}

/// What was done with each grant, and what can still be done.
fn openness(acts: &BTreeMap<u128, u32>, ledger: &Ledger) -> BTreeMap<u128, u32> {
    let mut sum = left(ledger);
    for (grant, acts) in acts {
        *sum.entry(*grant).or_default() += acts;
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Once all has arrived, no grant is usable that would not be, had all come in order; no
    /// grant was used more often than it may, then or ever.
    #[test]
    fn no_order_ends_more_open((history, disturbed) in disturbed()) {
        let (_, in_order) = play(&history);
        let (acts, ledger) = play(&disturbed);
        let usable: BTreeSet<u128> = left(&ledger).into_keys().collect();
        let held = |ledger: &Ledger| -> BTreeSet<u128> {
            let open = ledger.grants().filter(|held| held.ended.is_none());
            open.map(|held| held.grant.grant_id.as_u128()).collect()
        };
        prop_assert!(usable.is_subset(&held(&in_order)));
        for (grant, open) in openness(&acts, &ledger) {
            prop_assert!(open <= granted(grant).max_uses);
        }
    }

    /// Where nothing is revoked, what was done and what can still be done never sum up to more;
    /// where all that is revoked is so at last, no order does more either.
    #[test]
    fn no_order_does_more((mut history, disturbed) in disturbed()) {
        history.sort_by_key(|message| match message {
            Message::Install(_) => 0,
            Message::Request { brings: true, .. } => 1,
            Message::Request { .. } => 2,
            Message::Revoke(_) => 3,
        });
        let (acts_in_order, in_order) = play(&history);
        let (acts, ledger) = play(&disturbed);
        let most = openness(&acts_in_order, &in_order);
        let revoked = |grant: u128| history.contains(&Message::Revoke(grant));
        for (grant, open) in openness(&acts, &ledger) {
            prop_assert!(open <= most.get(&grant).copied().unwrap_or(0), "{grant}");
            let did = acts.get(&grant).copied().unwrap_or(0);
            prop_assert!(!revoked(grant) || open == did, "nothing is left of what is revoked");
        }
    }

    /// However installs, requests, ends of commands, revocations and restarts are mixed: a
    /// grant's uses stay within its bound, and so do requests that kept theirs.
    #[test]
    fn uses_never_exceed_their_bound(
        steps in proptest::collection::vec((0u8..7, 0u128..20, 0u128..GRANTS), 1..120),
    ) {
        let mut ledger = Ledger::new(JOURNAL);
        // What may have moved the door: granted, and not known to have moved nothing.
        let mut moved: BTreeMap<u128, BTreeSet<u128>> = BTreeMap::new();
        let mut timed_out: BTreeMap<u128, u32> = BTreeMap::new();
        for (step, id, which) in steps {
            let key = asked(id).key;
            match step {
                0 => drop(ledger.install(granted(which), body(1), at(0))),
                1 => {
                    let grant = granted(which).key();
                    if ledger.consume(asked(id), &grant, exactly(1), at(0)).is_ok() {
                        moved.entry(which).or_default().insert(id);
                    }
                }
                2 => drop(ledger.spend(&key)),
                3 | 4 => {
                    let why = UseRestored::ALL[usize::from(step - 3)];
                    if let Some((back, _)) = ledger.give_back(&key, why) {
                        let which = back.grant.grant_id.as_u128();
                        prop_assert!(moved.entry(which).or_default().remove(&id));
                    }
                }
                5 => {
                    if let Some((back, _)) = ledger.give_back(&key, UseRestored::TimedOutUnchanged) {
                        let which = back.grant.grant_id.as_u128();
                        prop_assert!(moved.entry(which).or_default().remove(&id));
                        *timed_out.entry(which).or_default() += 1;
                    }
                }
                _ => drop(ledger.expire(at(0))),
            }
            for held in ledger.grants() {
                let which = held.grant.grant_id.as_u128();
                let max = held.grant.max_uses;
                let did = moved.get(&which).map_or(0, BTreeSet::len);
                prop_assert!(held.used <= max && held.pending <= held.used);
                prop_assert_eq!(did, held.used as usize);
                prop_assert!(held.readmitted <= max);
                // Each use comes back by a time-out at most once.
                prop_assert!(timed_out.get(&which).copied().unwrap_or(0) <= max);
            }
        }
    }
}
