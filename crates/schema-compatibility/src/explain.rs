//! Which of several changes has documents refused, and by which document each shows it.
//!
//! In one release changes meet, and what refuses a document need not be the change that it was made
//! for: one that lacks a newly required member shows no bound, whatever its numbers are. So a
//! change is judged in a state that differs from the readers' by it alone, and its document is
//! accepted there. Only where there is none, a document is told that other changes refuse too.

use serde_json::Value;

use crate::between::{both, with_changes};
use crate::change::{Change, Effect};
use crate::include::included;
use crate::read::validators;
use crate::stack::with_room;
use crate::validator::confirm;
use crate::verdict::{Counterexample, Inclusion, Limits, Side, Unusable};

/// Documents of one side before the readers of the other.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// What readers of the old side accept.
    pub old: &'a Value,
    /// What those of the new side do.
    pub new: &'a Value,
    /// Whose documents are read.
    pub writer: Side,
    /// What that side writes: no more than its own readers accept.
    pub written: &'a Value,
}

/// A change that has documents refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown<'a> {
    pub change: &'a Change,
    /// A document of the writers that the readers refuse.
    pub example: Counterexample,
    /// The readers would accept it but for this change. Else other changes refuse it too.
    pub alone: bool,
}

/// What a reading comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained<'a> {
    pub shown: Vec<Shown<'a>>,
    /// Whether the readers accept whatever is left of the documents with the changes above made.
    pub rest: Inclusion,
}

/// Which of the changes has documents of the writers refused by the readers. The changes are those
/// between what old and new side write, or accept, where the one is a closer form of the other.
///
/// # Errors
/// As for [`included`].
pub fn explain<'a>(
    changes: &'a [Change],
    reading: &Reading<'_>,
    limits: &Limits,
) -> Result<Explained<'a>, Unusable> {
    let whole = included(reading.written, reading.reader(), limits)?;
    if whole == Inclusion::Proved {
        return Ok(Explained { shown: Vec::new(), rest: whole });
    }
    let changes = changes.iter().filter(|change| change.effect != Effect::Neither);
    let mut judged: Vec<(&'a Change, Found<'a>)> =
        changes.map(|change| (change, reading.by_itself(change, limits))).collect();
    let mut rest = reading.rest(&judged, &whole, limits);
    if rest != Inclusion::Proved {
        // Two that refuse the same documents hide each other.
        for (change, found) in judged.iter_mut().map(|(change, found)| (*change, found)) {
            if *found == Found::Harmless {
                *found = reading.among_others(change, limits);
            }
        }
        rest = reading.rest(&judged, &whole, limits);
    }
    let shown = judged.into_iter().filter_map(|(_, found)| match found {
        Found::Shown(shown) => Some(*shown),
        Found::Harmless | Found::Nothing => None,
    });
    Ok(Explained { shown: shown.collect(), rest })
}

/// What was found of one change.
#[derive(Debug, PartialEq)]
enum Found<'a> {
    Shown(Box<Shown<'a>>),
    /// Where it is the only one, it has nothing refused.
    Harmless,
    Nothing,
}

impl Reading<'_> {
    fn reader(&self) -> &Value {
        match self.reads() {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    fn reads(&self) -> Side {
        match self.writer {
            Side::Old => Side::New,
            Side::New => Side::Old,
        }
    }

    /// What readers of one side accept, with these changes as they are on the other.
    fn turned(&self, changes: &[&Change], side: Side) -> Option<Value> {
        with_changes(changes, side, self.old, self.new)
    }

    /// What shows the change where it is the only one.
    fn by_itself<'a>(&self, change: &'a Change, limits: &Limits) -> Found<'a> {
        let Some(but_for_it) = self.turned(&[change], self.reads()) else { return Found::Harmless };
        let alone = |example| Found::Shown(Box::new(Shown { change, example, alone: true }));
        match included(&but_for_it, self.reader(), limits) {
            Ok(Inclusion::Proved) => return Found::Harmless,
            Ok(Inclusion::Refuted(found)) => {
                if let Some(example) = self.confirmed(&found.document) {
                    return alone(example);
                }
            }
            Ok(Inclusion::Undecided(_)) | Err(_) => {}
        }
        let written = both(self.written, &but_for_it);
        match written.map(|written| included(&written, self.reader(), limits)) {
            Some(Ok(Inclusion::Refuted(example))) => alone(example),
            _ => self.among_others(change, limits),
        }
    }

    /// A document that the change would refuse by itself, whatever else does.
    fn among_others<'a>(&self, change: &'a Change, limits: &Limits) -> Found<'a> {
        let made = self.turned(&[change], self.writer);
        let Some(Ok(Inclusion::Refuted(found))) =
            made.map(|made| included(self.written, &made, limits))
        else {
            return Found::Nothing;
        };
        self.confirmed(&found.document).map_or(Found::Nothing, |example| {
            Found::Shown(Box::new(Shown { change, example, alone: false }))
        })
    }

    /// Of the documents that pass all changes that are shown, whether the readers accept them.
    fn rest(
        &self,
        judged: &[(&Change, Found<'_>)],
        whole: &Inclusion,
        limits: &Limits,
    ) -> Inclusion {
        let is_shown = |found: &Found<'_>| matches!(found, Found::Shown(_));
        let shown = judged.iter().filter(|(_, found)| is_shown(found));
        let shown: Vec<&Change> = shown.map(|(change, _)| *change).collect();
        if shown.is_empty() {
            return whole.clone();
        }
        let left = self.turned(&shown, self.writer).and_then(|made| both(self.written, &made));
        let rest = left.and_then(|left| included(&left, self.reader(), limits).ok());
        rest.unwrap_or_else(|| whole.clone())
    }

    fn confirmed(&self, document: &Value) -> Option<Counterexample> {
        let confirm = || {
            let (writing, reading) = validators(self.written, self.reader()).ok()?;
            confirm(&writing, &reading, document)
        };
        with_room(confirm).flatten()
    }
}
