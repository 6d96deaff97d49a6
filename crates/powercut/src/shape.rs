//! The ways in which a disk keeps and loses what was not synced.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::SECTOR;
use crate::disk::Pending;
use crate::trace::Op;

/// What became of the operations that no sync had made durable when the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// All are lost, changes of names too.
    Nothing,
    /// All are there: the process died, the power did not.
    Everything,
    /// Those before some one are there, in all files together.
    Prefix,
    /// Each write is there or not: the disk reordered them. Of truncations and changes of names
    /// those before some one are there.
    Subset,
    /// As [`Shape::Subset`], and of a write each sector is there or not.
    TornSectors,
    /// As [`Shape::Prefix`], and of the last write only its first sectors are there.
    TornPrefix,
    /// As [`Shape::Subset`], but a file has the length of writes that are lost: there it holds zeros,
    /// noise, or what was written elsewhere.
    GarbageTail,
    /// Names return or vanish independently of each other (in their order for one name), at least
    /// one if any is unsynced; data as in [`Shape::Nothing`], [`Shape::Everything`] or
    /// [`Shape::Subset`].
    UnlinkUndone,
    /// No sync ever did anything, since the folder is watched; then as one of the shapes with a
    /// prefix or a subset. No database stands this: it shows that a harness notices. It costs
    /// as much as the whole trace before the cut.
    SyncsSwallowed,
}

impl Shape {
    /// What a disk that keeps its word may do: nothing that was synced may be missing.
    pub const HONEST: [Self; 8] = [
        Self::Nothing,
        Self::Everything,
        Self::Prefix,
        Self::Subset,
        Self::TornSectors,
        Self::TornPrefix,
        Self::GarbageTail,
        Self::UnlinkUndone,
    ];
}

/// What lies where a file is longer than what reached it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filling {
    Zeros,
    Noise,
    /// The bytes of the write at this place of the trace.
    Stale(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Kept,
    Lost,
    /// Which of the sectors that a write touches are there.
    Torn(Vec<bool>),
    /// The length is there, the bytes are not.
    Tail(Filling),
}

/// One fate for each of `pending`.
pub(crate) fn fates(shape: Shape, pending: &[Pending], ops: &[Op], rng: &mut Rng) -> Vec<Fate> {
    let mut fates = match shape {
        Shape::Nothing => vec![Fate::Lost; pending.len()],
        Shape::Everything => vec![Fate::Kept; pending.len()],
        Shape::Prefix => prefix(pending.len(), rng),
        Shape::TornPrefix => torn_prefix(pending, ops, rng),
        Shape::Subset | Shape::TornSectors | Shape::GarbageTail => subset(shape, pending, ops, rng),
        Shape::UnlinkUndone => {
            let data = pick(rng, &[Shape::Nothing, Shape::Everything, Shape::Subset]);
            let mut fates = self::fates(data, pending, ops, rng);
            undo_names(&mut fates, pending, ops, rng);
            fates
        }
        Shape::SyncsSwallowed => {
            let data = [Shape::Prefix, Shape::TornPrefix, Shape::Subset, Shape::TornSectors];
            self::fates(pick(rng, &data), pending, ops, rng)
        }
    };
    for (fate, pending) in fates.iter_mut().zip(pending) {
        if pending.certain {
            *fate = Fate::Kept;
        }
    }
    fates
}

fn pick(rng: &mut Rng, shapes: &[Shape]) -> Shape {
    shapes[rng.usize(..shapes.len())]
}

fn prefix(len: usize, rng: &mut Rng) -> Vec<Fate> {
    let kept = rng.usize(..=len);
    (0..len).map(|at| if at < kept { Fate::Kept } else { Fate::Lost }).collect()
}

fn torn_prefix(pending: &[Pending], ops: &[Op], rng: &mut Rng) -> Vec<Fate> {
    let is_write = |at: &usize| matches!(ops[pending[*at].op], Op::Write { .. });
    let writes: Vec<usize> = (0..pending.len()).filter(is_write).collect();
    if writes.is_empty() {
        return prefix(pending.len(), rng);
    }
    let last = writes[rng.usize(..writes.len())];
    let fate = |at: usize| match at.cmp(&last) {
        std::cmp::Ordering::Less => Fate::Kept,
        std::cmp::Ordering::Greater => Fate::Lost,
        std::cmp::Ordering::Equal => {
            let sectors = sectors(&ops[pending[at].op]);
            let kept = rng.usize(..sectors);
            Fate::Torn((0..sectors).map(|sector| sector < kept).collect())
        }
    };
    (0..pending.len()).map(fate).collect()
}

fn subset(shape: Shape, pending: &[Pending], ops: &[Op], rng: &mut Rng) -> Vec<Fate> {
    let metadata = pending.iter().filter(|pending| ops[pending.op].is_metadata()).count();
    let mut metadata_kept = rng.usize(..=metadata);
    // An even chance for each of many would never lose only one of them.
    let share = [0.1, 0.5, 0.9][rng.usize(..3)];
    let mut fate = |pending: &Pending| {
        let op = &ops[pending.op];
        if op.is_metadata() {
            let kept = metadata_kept > 0;
            metadata_kept = metadata_kept.saturating_sub(1);
            return if kept { Fate::Kept } else { Fate::Lost };
        }
        if shape == Shape::TornSectors && rng.bool() {
            let kept = (0..sectors(op)).map(|_| rng.f64() < share).collect();
            return Fate::Torn(kept);
        }
        if rng.f64() < share {
            Fate::Kept
        } else if shape == Shape::GarbageTail && rng.u8(..4) > 0 {
            Fate::Tail(filling(pending.op, rng))
        } else {
            Fate::Lost
        }
    };
    pending.iter().map(&mut fate).collect()
}

fn filling(before: usize, rng: &mut Rng) -> Filling {
    match rng.u8(..3) {
        1 => Filling::Noise,
        2 if before > 0 => Filling::Stale(rng.usize(..before)),
        _ => Filling::Zeros,
    }
}

fn undo_names(fates: &mut [Fate], pending: &[Pending], ops: &[Op], rng: &mut Rng) {
    let is_name = |at: &usize| ops[pending[*at].op].is_name();
    let changes: Vec<usize> = (0..pending.len()).filter(is_name).collect();
    if changes.is_empty() {
        return;
    }
    let undone = changes[rng.usize(..changes.len())];
    let mut stopped: BTreeSet<&str> = BTreeSet::new();
    for at in changes {
        let names: Vec<&str> = match &ops[pending[at].op] {
            Op::Create { name, .. } | Op::Unlink { name } => vec![name],
            Op::Rename { from, to } => vec![from, to],
            _ => Vec::new(),
        };
        let kept = at != undone && rng.bool() && names.iter().all(|name| !stopped.contains(name));
        fates[at] = if kept { Fate::Kept } else { Fate::Lost };
        if !kept {
            stopped.extend(names);
        }
    }
}

/// How many sectors of its file a write touches.
fn sectors(op: &Op) -> usize {
    match op {
        Op::Write { offset, bytes, .. } if !bytes.is_empty() => {
            (offset + bytes.len() - 1) / SECTOR - offset / SECTOR + 1
        }
        _ => 1,
    }
}
