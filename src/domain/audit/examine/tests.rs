#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use crate::domain::audit::{Closable, Dropped, MAX_RUNS, chain, leaf, merkle};

const KINDS: [&str; 3] = ["access.granted", "access.denied", "visit.opened"];

/// An event as a journal keeps it.
#[derive(Debug, Clone)]
struct Kept {
    kind: &'static str,
    sequence: u64,
    leaf: Hash,
    /// Salt and bytes, while they are there.
    payload: Option<(Salt, Vec<u8>)>,
}

/// Ranges as a journal keeps them.
#[derive(Debug, Clone)]
struct Journal {
    id: Uuid,
    ranges: Vec<(Statement, Vec<Kept>)>,
}

impl Journal {
    /// Closes ranges of so many events each.
    fn of(id: u128, sizes: &[usize], salts: &[u8]) -> Self {
        let id = Uuid::from_u128(id);
        let (mut sequence, mut previous_root) = (0, None);
        let mut ranges: Vec<(Statement, Vec<Kept>)> = Vec::new();
        for size in sizes {
            let first = sequence + 1;
            let mut kept = Vec::new();
            for number in 0..*size {
                // Events without a digest lie between.
                sequence += 1 + (number as u64 % 3);
                let kind = KINDS[number % KINDS.len()];
                let salt = [salts[number % salts.len()]; 16];
                let detail = format!("{{\"type\":\"{kind}\",\"n\":{sequence}}}").into_bytes();
                let leaf = leaf(id, sequence, &salt, &detail);
                kept.push(Kept { kind, sequence, leaf, payload: Some((salt, detail)) });
            }
            sequence += 2;
            let mut counts = BTreeMap::new();
            for event in &kept {
                *counts.entry(event.kind.to_owned()).or_default() += 1;
            }
            let leaves: Vec<Hash> = kept.iter().map(|event| event.leaf).collect();
            let closable = Closable {
                journal_id: id,
                first,
                last: sequence,
                events: kept.len() as u64,
                counts,
                dropped: Vec::new(),
                refused: Vec::new(),
                previous_root,
                merkle: merkle(&leaves),
                slots: (first, sequence),
                more: false,
            };
            let statement = Statement::of(&closable, "acme", "gw-1");
            previous_root = Some(statement.root);
            ranges.push((statement, kept));
        }
        Self { id, ranges }
    }

    /// The first broken range.
    fn verify(&self) -> Result<(), (usize, Broken)> {
        let mut before = Neighbour::Unknown;
        for (number, (statement, kept)) in self.ranges.iter().enumerate() {
            examine(before, statement, &found(self.id, kept)).map_err(|broken| (number, broken))?;
            before = Neighbour::Range(statement);
        }
        Ok(())
    }
}

fn found(id: Uuid, kept: &[Kept]) -> Found {
    let mut tally = Tally::default();
    for event in kept {
        match &event.payload {
            Some((salt, detail)) => {
                let (sequence, salt) = (event.sequence, Some(salt));
                let payload = Payload { journal_id: id, sequence, salt, detail };
                tally.with_payload(event.kind, event.leaf, &payload);
            }
            None => tally.without_payload(event.kind, event.leaf, event.sequence.is_multiple_of(2)),
        }
    }
    tally.found()
}

prop_compose! {
    fn journal()(
        sizes in proptest::collection::vec(1usize..20, 1..5),
        salts in proptest::collection::vec(any::<u8>(), 1..8),
        id in 1u128..,
    ) -> Journal {
        Journal::of(id, &sizes, &salts)
    }
}

/// What is changed.
#[derive(Debug, Clone, Copy)]
enum Change {
    Leaf,
    Salt,
    Payload,
    Root,
    PreviousRoot,
    Order,
    RemoveLeaf,
    AddLeaf,
    RemoveRange,
    SwapRanges,
    Sequence,
    Kind,
    Bare,
}

const CHANGES: [Change; 13] = [
    Change::Leaf,
    Change::Salt,
    Change::Payload,
    Change::Root,
    Change::PreviousRoot,
    Change::Order,
    Change::RemoveLeaf,
    Change::AddLeaf,
    Change::RemoveRange,
    Change::SwapRanges,
    Change::Sequence,
    Change::Kind,
    Change::Bare,
];

proptest! {
    #[test]
    fn whatever_is_erased_the_rest_still_verifies(
        mut journal in journal(),
        erased in proptest::collection::vec(any::<bool>(), 1..60),
        oldest in 0usize..4,
    ) {
        prop_assert_eq!(journal.verify(), Ok(()));
        let mut turns = erased.iter().cycle();
        for event in journal.ranges.iter_mut().flat_map(|(_, kept)| kept) {
            if *turns.next().unwrap() {
                event.payload = None;
            }
        }
        prop_assert_eq!(journal.verify(), Ok(()));
        // Older ranges go.
        journal.ranges.drain(..oldest.min(journal.ranges.len() - 1));
        prop_assert_eq!(journal.verify(), Ok(()));
    }

    #[test]
    fn whatever_is_changed_is_found_in_the_first_range_that_shows_it(
        journal in journal(),
        change in proptest::sample::select(CHANGES.to_vec()),
        range in any::<proptest::sample::Index>(),
        event in any::<proptest::sample::Index>(),
        bit in any::<proptest::sample::Index>(),
    ) {
        let mut bad = journal.clone();
        let at = range.index(bad.ranges.len());
        let flip = |bytes: &mut [u8]| {
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        };
        let (statement, kept) = &mut bad.ranges[at];
        let which = event.index(kept.len());
        let mut names = Some(at);
        match change {
            Change::Leaf => flip(&mut kept[which].leaf.0),
            Change::Salt => flip(&mut kept[which].payload.as_mut().unwrap().0),
            Change::Payload => flip(&mut kept[which].payload.as_mut().unwrap().1),
            Change::Root => flip(&mut statement.root.0),
            Change::PreviousRoot => match &mut statement.previous_root {
                Some(root) => flip(&mut root.0),
                none => *none = Some(Hash([7; 32])),
            },
            Change::Order => {
                prop_assume!(kept.len() > 1);
                let other = (which + 1) % kept.len();
                kept.swap(which, other);
            }
            Change::RemoveLeaf => drop(kept.remove(which)),
            Change::AddLeaf => {
                let twice = Kept { payload: None, ..kept[which].clone() };
                kept.insert(which, twice);
            }
            Change::RemoveRange => {
                prop_assume!(at > 0 && at + 1 < bad.ranges.len());
                bad.ranges.remove(at);
            }
            Change::SwapRanges => {
                prop_assume!(at > 0);
                bad.ranges.swap(at - 1, at);
                // The one that moved to the front may pass as the oldest that is kept.
                names = None;
            }
            Change::Sequence => statement.last += 1,
            Change::Kind => kept[which].kind = "visit.secured",
            Change::Bare => {
                let mut found = found(bad.id, kept);
                found.bare_count = 1;
                found.bare = vec![3];
                let broken = examine(Neighbour::Unknown, statement, &found).unwrap_err();
                prop_assert_eq!(broken, Broken::Bare { sequences: vec![3], count: 1 });
                return Ok(());
            }
        }
        let (number, broken) = bad.verify().unwrap_err();
        if let Some(at) = names {
            prop_assert_eq!(number, at, "{:?}", broken);
        }
        prop_assert!(!broken.to_string().is_empty());
    }
}

#[test]
fn a_range_of_another_journal_does_not_follow() {
    let (mut one, other) = (Journal::of(1, &[3, 3], &[1]), Journal::of(2, &[3, 3], &[1]));
    one.ranges.push(other.ranges[1].clone());
    let (at, broken) = one.verify().unwrap_err();
    assert_eq!(at, 2);
    assert!(matches!(broken, Broken::Chain { wanted_root: None, .. }), "{broken:?}");
    // Its own first one does: a journal that was put back goes on under another id.
    let again = Journal::of(2, &[3], &[1]);
    let statement = &again.ranges[0].0;
    let found = found(again.id, &again.ranges[0].1);
    assert_eq!(examine(Neighbour::Range(&one.ranges[1].0), statement, &found), Ok(()));
}

#[test]
fn an_event_of_outside_the_range_is_not_its() {
    let journal = Journal::of(1, &[3, 3], &[1]);
    let (statement, kept) = &journal.ranges[1];
    let mut outside = found(journal.id, kept);
    outside.spans = Some((journal.id, 1, statement.last));
    let broken = examine(Neighbour::Unknown, statement, &outside).unwrap_err();
    assert!(matches!(broken, Broken::Unlike { .. }), "{broken:?}");
    let root = chain(None, journal.id, 1, 2, &merkle(&[]));
    let backwards = Statement { first: 3, last: 2, root, ..statement.clone() };
    assert_eq!(examine(Neighbour::Unknown, &backwards, &outside), Err(Broken::Bounds));
}

/// The longest that can be said of a range fits what is signed (8,192 characters of a JWS, of
/// which header and signature take less than 400).
#[test]
fn the_longest_statement_fits_a_signed_text() {
    const MOST: u64 = (1 << 53) - 1;
    let types = doorward_events::EventType::ALL;
    let closable = Closable {
        journal_id: Uuid::max(),
        first: MOST,
        last: MOST,
        events: MOST,
        counts: types.map(|kind| (kind.as_str().to_owned(), 1024)).into_iter().collect(),
        dropped: vec![
            Dropped { first: MOST, last: MOST, reason: "corruption".to_owned() };
            MAX_RUNS
        ],
        refused: vec![(MOST, MOST); MAX_RUNS],
        previous_root: Some(Hash([9; 32])),
        merkle: Hash([9; 32]),
        slots: (1, 1),
        more: false,
    };
    let long = "g".repeat(64);
    let text = Statement::of(&closable, &long, &long).to_text().unwrap();
    assert!(text.len() * 4 / 3 + 400 < 8192, "{}", text.len());
}
