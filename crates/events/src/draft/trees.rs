//! The trees in which events are validated, kept from one event to the next of the same type.
//!
//! What the last event said stays in memory until then; no event holds a secret.

use std::cell::RefCell;
use std::fmt::Display;

use serde_json::Value;

use crate::types::EventType;

/// The longest event, in bytes, whose tree is kept: one per thread and type.
const LONGEST_KEPT: usize = 8 * 1024;

/// What the last event of a type left behind.
#[derive(Default)]
struct Kept {
    tree: Value,
    /// The bytes of its text: the next one will be about as long.
    length: usize,
}

type Trees = RefCell<[Kept; EventType::COUNT]>;

thread_local! {
    static TREES: Trees = const {
        RefCell::new([const { Kept { tree: Value::Null, length: 0 } }; EventType::COUNT])
    };
}

/// Calls `fill` with the tree of the last event of this type, or with any other one, and gives the
/// text of what it made of it; `failed` makes the error where there is no text.
///
/// The tree is taken out meanwhile, so that sealing within sealing finds another one.
pub(super) fn text<E>(
    event_type: EventType,
    fill: impl FnOnce(&mut Value) -> Result<(), E>,
    failed: impl Fn(&dyn Display) -> E,
) -> Result<String, E> {
    let Kept { mut tree, length } = swap(event_type, Kept::default());
    fill(&mut tree)?;
    // A few digits more or less do not make it grow.
    let mut text = Vec::with_capacity(length + 16);
    serde_json::to_writer(&mut text, &tree).map_err(|e| failed(&e))?;
    let text = String::from_utf8(text).map_err(|e| failed(&e))?;
    if text.len() <= LONGEST_KEPT {
        swap(event_type, Kept { tree, length: text.len() });
    }
    Ok(text)
}

/// A thread that ends has no trees any more.
fn swap(event_type: EventType, kept: Kept) -> Kept {
    let swap = |trees: &Trees| {
        let mut trees = trees.try_borrow_mut().ok()?;
        Some(std::mem::replace(trees.get_mut(event_type.index())?, kept))
    };
    TREES.try_with(swap).ok().flatten().unwrap_or_default()
}
