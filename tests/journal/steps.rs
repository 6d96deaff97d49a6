//! What happens to a journal, step by step, and how often.

use doorward::journal::Bounds;
use proptest::prelude::*;

use crate::damage::WAYS;
use crate::sample::{Pick, SORTS, SUBJECTS, VARIANTS, VENDORS};

/// How a run ends and how the file comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In order.
    Close,
    /// The process goes on, the journal is dropped.
    Drop,
    /// The process is killed: its files stay as they are at that moment.
    Kill,
}

/// What the disk does during a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Full,
    Broken,
    ReadOnly,
    SyncFails,
}

/// What follows on a commit that failed because the disk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The same again.
    Again,
    /// Other things: what failed never happened.
    Nothing,
    /// The process is killed.
    Kill,
}

#[derive(Debug, Clone)]
pub enum Step {
    /// A commit with events; `facts`, digests and rows of quarantine go with it.
    Append {
        picks: Vec<Pick>,
        facts: u8,
        seen: u8,
        quarantine: u8,
    },
    /// Many alike, in commits of this size, to fill the file. `mix`: which classes, by bits.
    Fill {
        mix: u8,
        commits: u8,
        each: u8,
    },
    /// The bus answers about every `each`-th waiting event, from the `from`-th on.
    Deliver {
        from: u8,
        each: u8,
        most: u16,
        with: Option<Pick>,
    },
    /// The bus refuses one for good: it is marked, and a row of quarantine keeps it.
    Refuse {
        which: u16,
    },
    /// Facts alone, or digests alone.
    Facts {
        facts: u8,
    },
    Seen {
        seen: u16,
    },
    /// Every gap that is known is told.
    Tell {
        pick: Pick,
    },
    /// The next range of digests is closed, if one can be.
    CloseRange,
    /// All that names a person goes.
    Erase {
        subject: u8,
    },
    /// The disk fails while something is committed.
    Trouble {
        trouble: Trouble,
        picks: Vec<Pick>,
        facts: u8,
        after: After,
    },
    /// The journal ends and is opened again with these bounds.
    Reopen {
        end: End,
        bounds: u8,
    },
    /// The file is broken, in this way, while nobody has it.
    Damage {
        end: End,
        way: u8,
        seed: u64,
        bounds: u8,
    },
}

/// The bounds that a step names.
pub fn bounds(number: u8) -> Bounds {
    let roomy = Bounds { min_free_percent: 0, quarantine_rows: 4, ..Bounds::default() };
    let small = Bounds { max_bytes: 400 << 10, vendor_percent: 100, ..roomy };
    match number % BOUNDS {
        0 => roomy,
        1 => small,
        2 => Bounds { vendor_percent: 30, ..small },
        3 => Bounds { max_bytes: 700 << 10, history_seconds: 0, ..small },
        4 => Bounds { history_bytes: 100 << 10, ..roomy },
        5 => Bounds { history_seconds: 0, ..roomy },
        _ => Bounds { waiting_seconds: 0, ..small },
    }
}

pub const BOUNDS: u8 = 7;

/// Whether delivered events may go under these bounds.
pub fn history_may_go(bounds: &Bounds) -> bool {
    bounds.history_seconds == 0 || bounds.history_bytes < 1 << 20 || bounds.max_bytes < 1 << 20
}

fn pick() -> impl Strategy<Value = Pick> {
    (0..SORTS, 0..VENDORS, 0..VARIANTS).prop_map(|(sort, vendor, variant)| Pick {
        sort,
        vendor,
        variant,
    })
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![1 => Just(End::Close), 1 => Just(End::Drop), 2 => Just(End::Kill)]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::Full),
        Just(Trouble::Broken),
        Just(Trouble::ReadOnly),
        Just(Trouble::SyncFails),
    ]
}

fn after() -> impl Strategy<Value = After> {
    prop_oneof![Just(After::Again), Just(After::Nothing), Just(After::Kill)]
}

pub fn step() -> impl Strategy<Value = Step> {
    let picks = || prop::collection::vec(pick(), 1..24);
    prop_oneof![
        8 => (picks(), 0..4u8, 0..6u8, 0..3u8)
            .prop_map(|(picks, facts, seen, quarantine)| Step::Append { picks, facts, seen, quarantine }),
        4 => (1..16u8, 1..20u8, 1..40u8).prop_map(|(mix, commits, each)| Step::Fill { mix, commits, each }),
        6 => (0..4u8, 1..4u8, 0..400u16, prop::option::of(pick()))
            .prop_map(|(from, each, most, with)| Step::Deliver { from, each, most, with }),
        2 => any::<u16>().prop_map(|which| Step::Refuse { which }),
        1 => (1..5u8).prop_map(|facts| Step::Facts { facts }),
        1 => (1..5_000u16).prop_map(|seen| Step::Seen { seen }),
        2 => pick().prop_map(|pick| Step::Tell { pick }),
        3 => Just(Step::CloseRange),
        1 => (0..SUBJECTS).prop_map(|subject| Step::Erase { subject }),
        1 => (trouble(), prop::collection::vec(pick(), 0..24), 0..4u8, after())
            .prop_map(|(trouble, picks, facts, after)| Step::Trouble { trouble, picks, facts, after }),
        4 => (end(), 0..BOUNDS).prop_map(|(end, bounds)| Step::Reopen { end, bounds }),
    ]
}

/// How a history begins.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    Fresh,
    /// From a file of layout 1 with so many events.
    Layout1 {
        events: u16,
        seed: u64,
    },
}

pub fn history() -> impl Strategy<Value = (Start, Vec<Step>)> {
    let start = prop_oneof![
        3 => Just(Start::Fresh),
        1 => (0..900u16, any::<u64>()).prop_map(|(events, seed)| Start::Layout1 { events, seed }),
    ];
    (start, prop::collection::vec(step(), 1..40))
}

/// The same with damage, which costs more to follow.
pub fn damaged_history() -> impl Strategy<Value = (Start, Vec<Step>)> {
    let damage = (end(), 0..WAYS, any::<u64>(), 0..BOUNDS)
        .prop_map(|(end, way, seed, bounds)| Step::Damage { end, way, seed, bounds });
    (Just(Start::Fresh), prop::collection::vec(prop_oneof![6 => step(), 1 => damage], 1..30))
}

/// Only what a process does that may be killed at any time.
pub fn killed_history() -> impl Strategy<Value = (Start, Vec<Step>)> {
    let picks = || prop::collection::vec(pick(), 1..24);
    let step = prop_oneof![
        4 => (picks(), 0..4u8)
            .prop_map(|(picks, facts)| Step::Append { picks, facts, seen: 1, quarantine: 0 }),
        2 => (1..16u8, 1..20u8, 1..40u8).prop_map(|(mix, commits, each)| Step::Fill { mix, commits, each }),
        2 => (0..4u8, 1..4u8, 0..400u16).prop_map(|(from, each, most)| Step::Deliver { from, each, most, with: None }),
        1 => (1..5u8).prop_map(|facts| Step::Facts { facts }),
        1 => Just(Step::CloseRange),
        1 => (0..BOUNDS).prop_map(|bounds| Step::Reopen { end: End::Kill, bounds }),
    ];
    (Just(Start::Fresh), prop::collection::vec(step, 1..30))
}
