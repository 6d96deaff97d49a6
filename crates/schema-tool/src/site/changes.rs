//! What differs between two versions of a type's `data`, in the terms of the tables that people
//! read. It judges nothing: whether a change may be released, `doorward-schema breaking` says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{self, Row};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The member, as the tables name it.
    pub path: String,
    /// Whether the member came, went, or stayed and says something else.
    pub kind: ChangeKind,
    /// What is said of it now that was not, or the reverse.
    pub what: Vec<String>,
}

/// What became of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is there in both.
    Changed,
}

impl ChangeKind {
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// The differences between two schemas, each with the definitions that it refers to.
pub fn between(
    before: (&Value, &BTreeMap<String, Value>),
    after: (&Value, &BTreeMap<String, Value>),
) -> Vec<Change> {
    let old = fields::rows(before.0, before.1);
    let new = fields::rows(after.0, after.1);
    let find = |rows: &'_ [Row], path: &str| rows.iter().find(|row| row.path == path).cloned();
    let mut changes = Vec::new();
    for row in &new {
        match find(&old, &row.path) {
            None => changes.push(Change {
                path: row.path.clone(),
                kind: ChangeKind::Added,
                what: vec![if row.is_required { "required" } else { "optional" }.to_owned()],
            }),
            Some(previous) => {
                let what = differences(&previous, row);
                if !what.is_empty() {
                    changes.push(Change {
                        path: row.path.clone(),
                        kind: ChangeKind::Changed,
                        what,
                    });
                }
            }
        }
    }
    for row in &old {
        if find(&new, &row.path).is_none() {
            changes.push(Change {
                path: row.path.clone(),
                kind: ChangeKind::Removed,
                what: Vec::new(),
            });
        }
    }
    changes
}

fn differences(old: &Row, new: &Row) -> Vec<String> {
    let mut found = Vec::new();
    if old.kind != new.kind {
        found.push(format!("{} became {}", old.kind, new.kind));
    }
    if old.is_required != new.is_required {
        found.push(if new.is_required { "now required" } else { "no longer required" }.to_owned());
    }
    if old.is_closed != new.is_closed {
        found.push(if new.is_closed { "now closed" } else { "now open" }.to_owned());
    }
    let gone = |of: &[String], others: &[String]| -> Vec<String> {
        of.iter().filter(|item| !others.contains(item)).cloned().collect()
    };
    for (title, items) in [
        ("new words", gone(&new.words, &old.words)),
        ("without the words", gone(&old.words, &new.words)),
        ("bounds now", gone(&new.bounds, &old.bounds)),
        ("bounds before", gone(&old.bounds, &new.bounds)),
    ] {
        if !items.is_empty() {
            found.push(format!("{title}: {}", items.join(", ")));
        }
    }
    if old.description != new.description {
        found.push("described anew".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_difference_is_told_once() {
        let definitions = BTreeMap::new();
        let before = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string", "enum": ["x", "y"]},
            "b": {"type": "integer", "minimum": 0, "maximum": 5},
            "c": {"type": "boolean"},
        }});
        let after = json!({"type": "object", "required": ["b"], "properties": {
            "a": {"type": "string", "enum": ["x", "z"], "x-closed": true},
            "b": {"type": "integer", "minimum": 0, "maximum": 9},
            "d": {"type": "boolean"},
        }});
        let told: Vec<String> = between((&before, &definitions), (&after, &definitions))
            .iter()
            .map(|c| format!("{} {}: {}", c.kind.word(), c.path, c.what.join("; ")))
            .collect();
        assert_eq!(
            told,
            [
                "changed a: no longer required; now closed; new words: z; without the words: y",
                "changed b: now required; bounds now: from 0 to 9; bounds before: from 0 to 5",
                "added d: optional",
                "removed c: ",
            ]
        );
        assert!(between((&before, &definitions), (&before, &definitions)).is_empty());
    }

    #[test]
    fn a_definition_inside_itself_ends() {
        let definitions = BTreeMap::from([(
            "Node".to_owned(),
            json!({"type": "object", "properties": {"next": {"$ref": "#/definitions/Node"}}}),
        )]);
        let schema = json!({"properties": {"first": {"$ref": "#/definitions/Node"}}});
        let paths: Vec<String> =
            fields::rows(&schema, &definitions).into_iter().map(|row| row.path).collect();
        assert_eq!(paths, ["first", "first.next"]);
    }
}
