//! Who receives what: `subscriptions/<team>/<name>.json`, against the schemas.
//!
//! A rule on a bus that matches more than its owner said is an exchange that nobody agreed to; one
//! that asks for a field or a word that no schema has matches nothing, and says nothing.

mod check;
pub mod conformance;
mod fields;
mod matching;
mod pattern;
mod rule;

use doorward_schema_repository::{Document, Tree};
use serde_json::Value;

pub use self::check::check;
pub use self::fields::has_field;

/// One subscription, as far as it can be read.
#[derive(Debug)]
pub struct Subscription<'a> {
    /// The folder that it lies in.
    pub team: String,
    /// Its file's name, without the ending.
    pub name: String,
    pub document: &'a Document,
}

impl Subscription<'_> {
    /// The types that it declares.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.texts("types")
    }

    /// The fields that its owner reads: JSON pointers from the top of the event.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.texts("fields")
    }

    fn texts(&self, member: &str) -> impl Iterator<Item = &str> {
        let list = self.document.value.get(member).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }
}

/// All subscriptions of a repository.
pub fn all(tree: &Tree) -> Vec<Subscription<'_>> {
    let read = |(file, document)| {
        let file: &String = file;
        let mut parts = file.split('/').skip(1);
        let team = parts.next().unwrap_or_default().to_owned();
        let name = parts.next().unwrap_or_default().trim_end_matches(".json").to_owned();
        Subscription { team, name, document }
    };
    tree.subscriptions.iter().map(read).collect()
}
